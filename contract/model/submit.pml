/* Before the 202: one or two requests with one Idempotency-Key, the broker's answers, a gateway that may die, Redis that may
 * not answer, the janitor of the outbox. The worker is only as detailed as a submit can see. */
#ifndef REQUESTS
#define REQUESTS 2
#endif
#ifndef NACK
#define NACK 0
#endif
#ifndef UNKNOWN
#define UNKNOWN 0
#endif
#ifndef GATEWAY_CRASH
#define GATEWAY_CRASH 0
#endif
#ifndef SILENCE
#define SILENCE 0
#endif
#ifndef FLUSH
#define FLUSH 0
#endif
#ifndef LOSE
#define LOSE 0
#endif
#ifndef WIPE
#define WIPE 0
#endif

mtype = { none, missing, submitting, queued, running, succeeded, failed, abandoned,
          CREATED, REPLAY, NEW_ID,                     /* answers of `submit`; NEW_ID: this request gets a job of its own */
          accepted, refused, dropped, another_job }    /* what a client got: 202; 429 or 503; a closed connection */

byte nacks = NACK;                /* refused by the broker */
byte unknowns = UNKNOWN;          /* no confirm: the message never came, or comes late */
byte crashes = GATEWAY_CRASH;
byte silences = SILENCE;          /* Redis ran the script or not, but gives no answer */
byte flushes = FLUSH, lost_writes = LOSE, wipes = WIPE;

mtype job = missing, saved = missing;      /* state of the record, and before its last write */
bit key;                                   /* the idempotency entry */
bit made;                                  /* the id was used */
byte ready, late;                          /* copies of the message: in the queue, still under way */
mtype verdict = none;
mtype got[2] = none;
bit busy;                                  /* the worker's heartbeat lists the message */

#if LOSE > 0
#define REMEMBER saved = job
#else
#define REMEMBER skip
#endif
/* Tags: pan prints an assertion as it reads, so this names the property that breaks. README.md lists them. */
bit accepted_ends = 1, refused_never_runs = 1;

#define ENDED(s) (s == succeeded || s == failed)

/* Idempotency first, then the record. An entry whose record is abandoned or gone is replaced by a new id. */
inline submit(answer) {
  if
  :: !made -> REMEMBER; job = submitting; key = 1; made = 1; answer = CREATED
#ifdef WITHOUT_NEW_ID
  :: made && key && job == abandoned -> REMEMBER; job = submitting; answer = CREATED
  :: made && (!key || job == missing) -> answer = NEW_ID
#else
  :: made && (!key || job == missing || job == abandoned) -> answer = NEW_ID
#endif
  :: else -> answer = REPLAY
  fi }

inline published(found) {
  found = job;
  if
  :: job == submitting -> REMEMBER; job = queued
  :: else
  fi }

inline abandon(found) {
  found = job;
  if
  :: job == submitting -> REMEMBER; job = abandoned
  :: else
  fi }

inline claim(found) {                      /* one worker here: a lease that it finds is dead */
  found = job;
  if
  :: job == submitting || job == queued || job == running -> REMEMBER; job = running
  :: else
  fi }

inline restore() {
  if
  :: job == missing -> REMEMBER; job = queued
  :: else
  fi }

inline settle(how) {
  if
  :: ENDED(job)
  :: else -> REMEMBER; job = how
  fi }

inline put_verdict(how) {
  if
  :: verdict == none -> verdict = how
  :: else -> how = verdict
  fi }

#define DIES atomic { crashes > 0 -> crashes--; got[i] = dropped; goto answered }

proctype Request(byte i) {
  mtype found = none, how = none;
  byte tries;

submitting_:
  if
  :: DIES
  :: atomic { submit(found);
       if
       :: found == NEW_ID -> got[i] = another_job; goto answered
       :: found == REPLAY && job != submitting -> got[i] = accepted; goto answered
       :: found == REPLAY && job == submitting ->
#ifdef WITHOUT_REPLAY_WAIT
          got[i] = accepted; goto answered
#else
          found = none; goto waiting
#endif
       :: found == CREATED -> found = none; goto publishing
       fi }
  fi;

waiting:                                               /* only the request that made the record publishes or abandons */
  if
  :: DIES
  :: atomic { job != submitting -> goto submitting_ }
  :: atomic { got[i] = dropped; goto answered }        /* 30 s: dropped, never 503 */
  fi;

publishing:
  tries++;
  if
  :: DIES
  :: atomic { ready++; goto confirmed }
  :: atomic { nacks > 0 -> nacks--; goto giving_up }
  :: atomic { unknowns > 0 -> unknowns--; if :: late++ :: skip fi }
  fi;
  if                                                   /* unknown: once more on a fresh channel */
  :: tries < 2 -> goto publishing
  :: else -> goto giving_up
  fi;

confirmed:
  if
  :: DIES
  :: d_step { published(found) }
  :: atomic { silences > 0 -> silences--; if :: d_step { published(found) } :: skip fi; goto silent }
  fi;
  atomic {
    if
    :: found == abandoned -> got[i] = refused
    :: else -> got[i] = accepted                       /* MISSING too: the confirmed message is the copy */
    fi;
    goto answered };

giving_up:
#ifdef WITHOUT_ABANDON
  if
  :: DIES
  :: d_step { if :: job == submitting -> REMEMBER; job = missing; key = 0 :: else fi; got[i] = refused }     /* "delete the record" */
  fi;
  goto answered;
#endif
  if
  :: DIES
  :: d_step { abandon(found) }
  :: atomic { silences > 0 -> silences--; if :: d_step { abandon(found) } :: skip fi; goto silent }
  fi;
  if
#ifdef WITHOUT_ABANDON_ANSWER
  :: found != none -> got[i] = refused; goto answered
#endif
  :: found == submitting || found == abandoned -> how = abandoned
#ifdef WITHOUT_DROP_ON_MISSING
  :: found == missing -> got[i] = refused; goto answered
#else
  :: found == missing -> got[i] = dropped; goto answered
#endif
  :: found == queued || found == running || ENDED(found) -> got[i] = accepted; goto answered     /* somebody was faster */
  fi;
#ifdef WITHOUT_ABANDON_VERDICT
  got[i] = refused; goto answered;
#endif
  if
  :: DIES
  :: d_step { put_verdict(how) }
  fi;
  if
  :: how == abandoned -> got[i] = refused; goto answered
  :: else
  fi;
  if                                                   /* it ended in between */
  :: DIES
  :: d_step { settle(how); got[i] = accepted }
  fi;
  goto answered;

silent:                                                /* after a publish, a client whom Redis cannot answer for gets no answer */
#ifdef WITHOUT_DROP_ON_SILENCE
  got[i] = refused;
#else
  got[i] = dropped;
#endif

answered:
  atomic { found = none; how = none; tries = 0 }
}

proctype Worker() {
  mtype found = none, how = none;
  do
  :: atomic { ready > 0 -> ready-- };
claiming:
     atomic { claim(found);
       if
       :: found == submitting || found == queued || found == running -> how = succeeded; busy = 1
       :: found == missing -> how = verdict
       :: else -> goto acking                          /* DROP */
       fi };
     if
     :: how == none -> atomic { restore(); goto claiming }
     :: how == succeeded && found != missing -> d_step { put_verdict(how) }
     :: else                                           /* a verdict without its record: settle */
     fi;
     d_step { settle(how) };
acking:
     atomic { busy = 0; found = none; how = none }
  od }

/* Publishes the outbox, never abandons. Its gateway ends what is late and publishes lost messages again too. */
proctype Outbox() {
  mtype found = none, how = none;
  do
  :: atomic { job == submitting -> ready++ };
#ifdef WITHOUT_PATIENT_JANITOR
     d_step { abandon(found); found = none }
#else
     d_step { published(found); found = none }
#endif
  :: atomic { (job == queued || job == running) && !busy && ready == 0 && late == 0 -> ready++ }
#ifdef DEADLINE
  :: atomic { job == submitting || job == queued || job == running -> how = failed };
     d_step { put_verdict(how) };
     d_step { settle(how); how = none }
#endif
  od }

proctype Faults() {
  do
  :: atomic { late > 0 -> late--; ready++ }
  :: d_step { flushes > 0 -> flushes--; job = missing; saved = missing; key = 0 }
  :: d_step { lost_writes > 0 && job != saved -> lost_writes--; job = saved }
  :: d_step { wipes > 0 && ready > 0 -> wipes--; ready = 0 }
  od }

#define TOLD(what) (got[0] == what || got[1] == what)
proctype Stuck() {
end: timeout ->
  assert(refused_never_runs && (!TOLD(refused) || (job != succeeded && verdict != succeeded)));           /* refused: never runs to a result */
  assert(accepted_ends && (!TOLD(accepted) || ENDED(job) || (job == missing && ENDED(verdict)))) }   /* accepted: it ends */

init {
  atomic {
    run Request(0);
#if REQUESTS > 1
    run Request(1);
#endif
    run Worker(); run Outbox(); run Faults(); run Stuck()
  }
}
