/* One worker, one message at a time. It can die at every step: the broker takes its message back, and it starts again. */

inline forget(w) { fence[w] = 0; second = 0; told = none; how = none; whose = 0 }
inline give_back(w) { ready = ready + held[w]; held[w] = 0; listed[w] = 0 }

inline ack(w) { held[w] = 0; listed[w] = 0 }

/* A prefix of this attempt's own: nothing is ever overwritten. */
inline put_images(w) {
  assert(nothing_overwritten && !images[fence[w]]);
  images[fence[w]] = 1 }

#define DIES atomic { crashes > 0 -> crashes--; give_back(w); forget(w); goto idle }
#define PUT_VERDICT if :: DIES :: d_step { s3 -> put_verdict(how, whose) } fi

proctype Worker(byte w) {
  mtype told = none, how = none;
  byte whose;
  bit second;                                     /* not the first attempt */

idle:
  atomic { ready > 0 -> ready--; held[w] = 1; listed[w] = 1 };

claiming:
  if
  :: DIES
  :: d_step { claim(w, told); second = (told == RUN && job.attempt > 1) }
  fi;
  if
  :: told == RUN && second -> goto seeking
  :: told == RUN && !second -> goto working
  :: told == DROP -> goto acking
  :: told == DEFER -> goto deferring
  :: told == MISSING -> goto looking
  :: told == LATE || told == EXHAUSTED -> how = failed; goto concluding
  fi;

deferring:                                       /* a copy to a delay queue, confirmed; then ack. Never nack: it would spin. */
#ifndef WITHOUT_DEFER
  if
  :: DIES
  :: delayed++
  fi;
#endif
  goto acking;

looking:                                         /* no record: the verdict says whether it ended. S3 away is never "no verdict": wait. */
  if
  :: DIES
  :: d_step { s3 -> look(how, whose) }
  fi;
  if
  :: how != none -> goto settling
  :: how == none && past -> how = failed; goto concluding
  :: else
  fi;
  if
  :: DIES
  :: d_step { restore() }
  fi;
  if                                             /* once more: it may have ended and been flushed in between */
  :: DIES
  :: d_step { s3 -> look(how, whose) }
  fi;
  if
  :: how != none -> goto settling
  :: else -> goto claiming
  fi;

seeking:                                         /* attempt > 1: an earlier one may have left its verdict; saves the work */
  second = 0;
  if
  :: DIES
  :: d_step { s3 -> look(how, whose) }
  fi;
  if
  :: how != none -> goto settling
  :: else
  fi;

working:
  told = none;
  do
  :: DIES
  :: break                                       /* the pictures are drawn */
  /* A beat that changes nothing is no step here; MISSING is one of those: go on, the verdict will settle it. */
  :: atomic { job.state != missing && !(job.state == running && job.fence == fence[w] && job.lease) ->
       beat(w, told);
       if
       :: told == OK -> told = none
       :: told == ENDED_ -> goto acking
       :: told == STALE -> goto claiming_again
       fi }
  :: atomic { transients > 0 -> transients--; goto retrying }
  :: atomic { permanents > 0 -> permanents--; how = failed; goto concluding }
  :: atomic { drains > 0 -> drains--; goto releasing }
  od;

uploading:
  if
  :: DIES
  :: atomic { !s3 -> goto retrying }             /* S3 stayed away too long */
  :: d_step { s3 ->
       put_images(w); how = succeeded; whose = fence[w] }
  fi;

concluding:                                      /* every end: verdict, then settle, then ack */
#ifndef WITHOUT_VERDICT_FIRST
  PUT_VERDICT;
#endif
settling:
  if
  :: DIES
  :: d_step { settle(how, whose) }
  :: atomic { lost_replies > 0 -> lost_replies--; settle(how, whose); goto settling }
  fi;
#ifdef WITHOUT_VERDICT_FIRST
  PUT_VERDICT;
#endif

acking:
  if
  :: DIES
  :: atomic { ack(w); forget(w); goto idle }
  fi;

retrying:
  if
  :: DIES
  :: d_step { retry(w, told) }
  fi;
  if
  :: told == OK -> goto delaying
  :: told == LAST -> how = failed; goto concluding
  :: told == MISSING || told == STALE || told == ENDED_ -> goto claiming_again
  fi;
delaying:
  fence[w] = 0;
  if
  :: DIES
  :: delayed++
  fi;
  goto acking;

releasing:                                       /* whatever it answers: nack with requeue */
  if
  :: DIES
  :: atomic { release(w); give_back(w); forget(w); goto idle }
  fi;

claiming_again:                                  /* touch no object, ack nothing: mine may be the only copy */
  atomic { forget(w); if :: held[w] -> goto claiming :: else -> goto idle fi }
}
