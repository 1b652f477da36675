/* Time, and the faults of budgets.pml that strike from outside. */

proctype Delay_queue() { do :: atomic { delayed > 0 -> delayed--; ready++ } od }

proctype Time() {
  do
  :: atomic { job.state == running && job.lease && fence[0] != job.fence && fence[1] != job.fence -> job.lease = 0 }   /* nobody beats */
  :: atomic { job.not_before -> job.not_before = 0 }
  :: atomic { !s3 -> s3 = 1 }
#ifdef DEADLINE
  :: atomic { !past -> past = 1 }
#endif
  od }

/* For liveness: a job that hangs while nothing moves must be an endless run too. */
proctype Tick() { do :: clock <= FENCES od }      /* always true; Spin refuses a plain `true` */

inline forget_record() {
  job.state = missing; job.fence = 0; job.attempt = 0; job.prefix = 0; job.lease = 0; job.not_before = 0;
  saved.state = missing; saved.fence = 0; saved.attempt = 0; saved.prefix = 0; saved.lease = 0; saved.not_before = 0 }

inline recall_record() {
  job.state = saved.state; job.fence = saved.fence; job.attempt = saved.attempt;
  job.prefix = saved.prefix; job.lease = saved.lease; job.not_before = saved.not_before }

proctype Faults() {
  do
  :: d_step { stalls > 0 && job.state == running && job.lease -> stalls--; job.lease = 0 }
  :: d_step { cuts > 0 && held[0] -> cuts--; ready++; held[0] = 0; listed[0] = 0 }
  :: d_step { cuts > 0 && held[1] -> cuts--; ready++; held[1] = 0; listed[1] = 0 }
  :: d_step { flushes > 0 -> flushes--; forget_record(); unsealed = 0; listed[0] = 0; listed[1] = 0 }
  :: d_step { lost_writes > 0 && (job.state != saved.state || job.fence != saved.fence) -> lost_writes--; recall_record() }
  :: d_step { wipes > 0 -> wipes--; ready = 0; delayed = 0; dead_letters = 0; held[0] = 0; held[1] = 0; listed[0] = 0; listed[1] = 0 }
  :: d_step { duplicates > 0 && ready > 0 -> duplicates--; ready++ }
  :: d_step { deaths > 0 && ready > 0 -> deaths--; ready--; dead_letters++ }
  :: d_step { outages > 0 -> outages--; s3 = 0 }
  od }
