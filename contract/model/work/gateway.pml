/* The gateways' helpers, and what clients ask of a gateway. */

/* No queue, no delay queue and no heartbeat holds the message: publish it again. Stamp, slot and "overtaken" are in lost.pml. */
#define WAITS_IN_VAIN ((job.state == queued && !job.not_before) || (job.state == running && !job.lease))
#define NOBODY_HAS_IT (ready == 0 && delayed == 0 && !listed[0] && !listed[1])
proctype Lost() {
  do
#ifdef WITHOUT_REPUBLISH
  :: false
#else
  :: atomic { WAITS_IN_VAIN && NOBODY_HAS_IT -> ready++ }
#endif
  od }

proctype Deadlines() {
  mtype how = none; byte whose;
  do
  :: atomic { past && LIVING(job.state) -> how = failed };
     conclude(how, whose)
  od }

/* The record is the truth while it is unsealed, so this PUT overwrites; then it looks again, because DELETE may have come between. */
proctype Sealer() {
  mtype how = none; byte whose;
  do
  :: d_step { s3 && unsealed -> how = job.state; whose = job.prefix };
     d_step { s3 -> if :: ENDED(how) -> overwrite_verdict(how, whose) :: else fi };
     d_step { s3 ->
       if
#ifndef WITHOUT_SECOND_LOOK
       :: job.state == tombstone -> overwrite_verdict(tombstone, 0)
#endif
       :: else
       fi;
       unsealed = 0; how = none; whose = 0 }
  od }

/* One copy died. That says nothing about the job, unless no attempt is left or the copy died of itself. */
proctype Undertaker() {
  mtype how = none; byte whose;
  do
  :: atomic { dead_letters > 0 ->
       if
       :: ENDED(job.state) || (job.state == running && job.lease)
       :: job.state == missing -> goto looking
       :: WAITS_IN_VAIN || job.not_before ->
          if
          :: job.attempt < MAX_ATTEMPTS -> ready++           /* delivery_limit */
          :: how = failed; goto concluding                 /* poison */
          fi
       fi };
     goto acking;
looking:
     atomic { s3 -> look(how, whose) };
     if
     :: how == none -> d_step { restore() }                /* into the outbox: the janitor publishes it */
     :: else -> d_step { settle(how, whose) }
     fi;
     goto acking;
concluding:
     conclude(how, whose);
acking:
     atomic { dead_letters = 0; how = none; whose = 0 }
  od }

proctype Cancel() {
  mtype how = canceled; byte whose;
  conclude(how, whose) }

/* DELETE of a living job cancels first. Age ends in the same way. */
proctype Delete() {
  mtype how = canceled; byte whose;
  conclude(how, whose);
#ifndef WITHOUT_TOMBSTONE
  d_step { entomb() };
  d_step { s3 -> whose = verdict.prefix; overwrite_verdict(tombstone, 0); deleted = 1 };
#else
  d_step { s3 -> whose = verdict.prefix; verdict.state = none; verdict.prefix = 0; job.state = missing; deleted = 1 };
#endif
  d_step { s3 -> remove_images(whose); whose = 0 } }

/* Prefixes that an existing verdict does not name; no record is asked. */
#ifdef WITHOUT_VERDICT_AT_SWEEP
#define UNNAMED(f) (images[f] && !(job.state == succeeded && job.prefix == f))
#else
#define UNNAMED(f) (images[f] && verdict.state != none && !(verdict.state == succeeded && verdict.prefix == f))
#endif
proctype Sweep() {
  byte f;
  do
  :: d_step { f = 1; do :: f <= FENCES && !UNNAMED(f) -> f++ :: else -> break od };
     d_step { if :: f <= FENCES -> remove_images(f) :: else fi; f = 0 }
  od }

/* Record, else verdict, else what the id proves. */
#ifdef WITHOUT_LAZY_DEADLINE
#define OVERDUE false
#else
#define OVERDUE (LIVING(job.state) && past)
#endif
proctype Reader() {
  mtype how = none; byte whose;
  do
  :: d_step { job.state != missing && !OVERDUE ->
       how = job.state; whose = job.prefix; client_sees(how, whose); how = none; whose = 0 }
  :: atomic { OVERDUE -> how = failed };                               /* dead janitors cannot make anyone poll for ever */
     conclude(how, whose)
  :: atomic { job.state == missing -> skip };
     d_step { s3 -> look(how, whose);
       if
       :: how == none && !past -> client_sees(running, 0)                  /* stage `recovering` */
       :: else
       fi };
     if
     :: how != none ->                                              /* settle first, then show the record it answers */
#ifdef WITHOUT_READ_SETTLES
        d_step { client_sees(how, whose); how = none; whose = 0 }
#else
        d_step { settle(how, whose); client_sees(how, whose); how = none; whose = 0 }
#endif
     :: how == none && past -> how = failed; conclude(how, whose)      /* state_lost: written before it is shown */
     :: else
     fi
  od }

/* When nothing can move any more, the accepted job has ended, and both copies tell the same end. */
proctype Stuck() {
end: timeout ->
  assert(nothing_is_stuck && verdict.state != none);
  assert(nothing_is_stuck && (job.state == missing || (verdict.state == job.state && verdict.prefix == job.prefix)
                || (FLUSH > 0 && deleted))) }                          /* README: a flush during DELETE */
