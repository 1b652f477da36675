/* The scripts of contract/lua that move an accepted job. Each runs in one d_step, as Redis runs it. */

/* Before every write, for the fault that takes the last write back. */
inline remember() {
#if LOSE > 0
  saved.state = job.state; saved.fence = job.fence; saved.attempt = job.attempt;
  saved.prefix = job.prefix; saved.lease = job.lease; saved.not_before = job.not_before;
#endif
  skip }

/* The order of the questions matters: MISSING, ended, live lease, not_before, deadline, attempts. */
inline claim(w, answer) {
  if
  :: job.state == missing -> answer = MISSING
  :: ENDED(job.state) -> answer = DROP
  :: job.state == running && job.lease -> answer = DEFER
  :: job.state == queued && job.not_before -> answer = DEFER
  :: else ->
     if
     :: past -> answer = LATE
#ifndef WITHOUT_ATTEMPT_LIMIT
     :: !past && job.attempt >= MAX_ATTEMPTS ->
#if FLUSH + LOSE == 0
        assert(attempts_counted && begun == MAX_ATTEMPTS);       /* a drain costs none */
#endif
        answer = EXHAUSTED
#endif
     :: else ->
        remember();
        job.attempt++;                             /* before any work: a crash can never make it free */
        clock++;
#ifdef WITHOUT_CLOCK_IN_FENCE
        job.fence++;
#else
        job.fence = clock;                         /* max(fence + 1, now) */
#endif
        assert(clock <= FENCES);                   /* of the model, not of the protocol: enough room */
        assert(fences_grow && job.fence > highest);         /* fences grow, across a flush too */
        highest = job.fence;
        job.state = running; job.lease = 1; job.not_before = 0;
        fence[w] = job.fence;
#if FLUSH + LOSE == 0                              /* a total or partial loss of Redis forgets attempts: documented residue */
        begun++;
        assert(attempts_counted && begun <= MAX_ATTEMPTS);
#endif
        answer = RUN
     fi
  fi }

inline beat(w, answer) {
  if
  :: job.state == missing -> answer = MISSING
  :: ENDED(job.state) -> answer = ENDED_
  :: job.state == running && job.fence == fence[w] -> job.lease = 1; answer = OK       /* revives a dead lease */
  :: else -> answer = STALE
  fi }

inline retry(w, answer) {
  if
  :: job.state == missing -> answer = MISSING
  :: ENDED(job.state) -> answer = ENDED_
  :: job.state == running && job.fence == fence[w] ->
     if
     :: job.attempt >= MAX_ATTEMPTS -> answer = LAST
     :: else -> remember(); job.state = queued; job.lease = 0; job.not_before = 1; answer = OK
     fi
  :: else -> answer = STALE
  fi }

inline release(w) {
  if
  :: job.state == running && job.fence == fence[w] ->
     remember(); job.state = queued; job.lease = 0; job.attempt--;
#if FLUSH + LOSE == 0
     begun--;
#endif
  :: else
  fi }

inline restore() {
  if
  :: job.state == missing ->
     remember(); job.state = queued; job.fence = 0; job.attempt = 0; job.prefix = 0; job.lease = 0; job.not_before = 0
  :: else
  fi }

/* Answers the record: whoever comes second is told how the first one ended it. */
inline settle(how, whose) {
  if
  :: job.state == tombstone || (ENDED(job.state) && how != tombstone)
  :: else -> remember(); job.state = how; job.prefix = whose; job.lease = 0; job.not_before = 0
  fi;
  how = job.state; whose = job.prefix }

/* Created even when missing, so that nothing can come back to life. */
inline entomb() {
  remember(); job.state = tombstone; job.prefix = 0; job.lease = 0; job.not_before = 0; unsealed = 0 }
