/* Lost messages: two jobs in one first-in-first-out queue, two workers, two janitors. Every lost message is published again,
 * and the copies of a job stay few. How a job ends is the subject of work.pml; here verdict and settle are one step.
 * One tick of Time is "more than 30 s": a slot is over, an overtaking is old enough. A janitor's pass and a deferred
 * copy's delay are shorter than that. */
#ifndef LOST
#define LOST 0
#endif
#ifndef WIPE
#define WIPE 0
#endif
#ifndef CRASH
#define CRASH 0
#endif
#ifndef FLUSH
#define FLUSH 0
#endif
#ifndef GATEWAY_CRASH
#define GATEWAY_CRASH 0
#endif
#ifndef UNCONFIRMED
#define UNCONFIRMED 0
#endif
#ifndef COPIES
#define COPIES 4                  /* more of one job at once is an error */
#endif
#define ROOM (2 * COPIES + 2)
#define NOBODY 2

mtype = { missing, queued, running, ended,
          none, OK, TAKEN, RUN, DROP, DEFER, MISSING }

/* Redis */
mtype job[2] = missing;
bit lease[2];
bit slot[2];                      /* published, or moved, within the last 30 s */
byte newest = NOBODY;             /* the job whose published_at is the later one */
byte stamper[2];                  /* the janitor whose stamp it is, 0 for anybody else's */
bit overtaken[2], long_overtaken[2];      /* a message with a later published_at was claimed; more than 30 s ago */
/* RabbitMQ */
byte queue[ROOM], waiting, copies[2], delayed[2];
byte held[2] = NOBODY;            /* unacked at worker w: its heartbeat lists it */
/* S3 */
bit verdict[2];
byte working[2] = NOBODY;
byte passes;                      /* janitors in the middle of a pass */
byte crashes = CRASH, losses = LOST, wipes = WIPE, flushes = FLUSH, gateway_crashes = GATEWAY_CRASH, unconfirmed = UNCONFIRMED;

/* Tags: pan prints an assertion as it reads, so this names the property that breaks. README.md lists them. */
bit copies_stay_few = 1;

inline publish(j) {
  assert(waiting < ROOM); queue[waiting] = j; waiting++; copies[j]++;
  assert(copies_stay_few && copies[j] <= COPIES) }
inline requeue(j) {               /* the broker puts it back at the head */
  x = waiting; do :: x > 0 -> queue[x] = queue[x - 1]; x-- :: else -> break od; queue[0] = j; waiting++ }
inline take_out(k) {
  x = k; do :: x + 1 < waiting -> queue[x] = queue[x + 1]; x++ :: else -> break od; waiting--; queue[waiting] = 0; x = 0 }
inline drop(w) { if :: held[w] != NOBODY -> copies[held[w]]--; held[w] = NOBODY :: else fi }

/* published_at becomes now: whatever is claimed from here on has not overtaken it yet. */
inline stamp(j) { newest = j; stamper[j] = 0; overtaken[j] = 0; long_overtaken[j] = 0 }

inline claim(w, j, answer) {
  if                                                    /* the high mark, whatever the answer */
  :: newest == j && (job[1 - j] == queued || job[1 - j] == running) -> overtaken[1 - j] = 1
  :: else
  fi;
  if
  :: job[j] == missing -> answer = MISSING
  :: job[j] == ended -> answer = DROP
  :: job[j] == running && lease[j] -> answer = DEFER
  :: else -> job[j] = running; lease[j] = 1; working[w] = j; answer = RUN
  fi }

inline restore(j) {
  if
  :: job[j] == missing -> job[j] = queued; lease[j] = 0; slot[j] = 1; stamp(j)
  :: else
  fi }

/* One publisher per job and 30 s, and a new stamp. */
inline again(j, answer) {
  if
  :: job[j] == missing -> answer = MISSING
  :: job[j] == ended || (job[j] == running && lease[j]) -> answer = DROP
#ifndef WITHOUT_SLOT
  :: (job[j] == queued || (job[j] == running && !lease[j])) && slot[j] -> answer = TAKEN
#endif
  :: else ->
     slot[j] = 1;
#ifndef WITHOUT_STAMP
     stamp(j);
#endif
#if UNCONFIRMED
     stamper[j] = _pid;
#endif
     answer = OK
  fi }

inline settle(j) { verdict[j] = 1; job[j] = ended; lease[j] = 0; slot[j] = 0; overtaken[j] = 0; long_overtaken[j] = 0 }

#define DIES d_step { crashes > 0 -> crashes--; \
  if :: held[w] != NOBODY -> requeue(held[w]); held[w] = NOBODY :: else fi; working[w] = NOBODY; told = none; j = 0; x = 0 }; goto idle

proctype Worker(byte w) {
  byte j, x; mtype told = none;
idle:
  atomic { waiting > 0 -> j = queue[0]; take_out(0); held[w] = j };
claiming:
  if
  :: DIES
  :: atomic { claim(w, j, told);
       if
       :: told == RUN || told == DEFER || told == MISSING
       :: told == DROP -> drop(w); told = none; j = 0; goto idle
       fi }
  fi;
  if
  :: DIES
  :: atomic { told == DEFER -> delayed[j]++; held[w] = NOBODY; told = none; j = 0; goto idle }
  :: atomic { told == MISSING && verdict[j] -> settle(j); drop(w); told = none; j = 0; goto idle }
  :: atomic { told == MISSING && !verdict[j] -> restore(j); told = none; goto claiming }
  :: atomic { told == RUN -> settle(j); working[w] = NOBODY; told = none }
  fi;
  if
  :: DIES
  :: d_step { drop(w); j = 0 }; goto idle
  fi
}

#define QUEUE_EMPTY (waiting == 0)
#ifdef WITHOUT_OVERTAKEN
#define IS_LOST(j) (UNHELD(j) && QUEUE_EMPTY)
#else
#define IS_LOST(j) (UNHELD(j) && (QUEUE_EMPTY || long_overtaken[j]))
#endif
#define UNHELD(j) ((job[j] == queued || (job[j] == running && !lease[j])) && !slot[j] && held[0] != j && held[1] != j)

#define UNSENT(j) ((job[j] == queued || (job[j] == running && !lease[j])) && stamper[j] == _pid)

/* The queue is measured at the start of the pass; the other janitor may be faster with `again`. A publish that is not confirmed may have
 * arrived or not: whoever has the slot repeats it in a later pass, while the stamp is still its own. */
proctype Lost() {
  byte j, unsent = NOBODY; mtype told = none;
  do
  :: atomic { unsent == NOBODY; if :: IS_LOST(0) -> j = 0 :: IS_LOST(1) -> j = 1 fi; passes++ };
     d_step { again(j, told) };
     if
     :: d_step { told == OK -> publish(j); j = 0; told = none; passes-- }
     :: d_step { told == OK && unconfirmed > 0 -> unconfirmed--; unsent = j; publish(j); j = 0; told = none; passes-- }
     :: d_step { told == OK && unconfirmed > 0 -> unconfirmed--; unsent = j; j = 0; told = none; passes-- }
     :: d_step { told == OK && gateway_crashes > 0 -> gateway_crashes--; j = 0; told = none; passes-- }
     :: d_step { told != OK -> j = 0; told = none; passes-- }
     fi
  :: d_step { unsent != NOBODY && UNSENT(unsent) -> publish(unsent); unsent = NOBODY }
  :: d_step { unsent != NOBODY && UNSENT(unsent) && unconfirmed > 0 -> unconfirmed--; publish(unsent) }
  :: d_step { unsent != NOBODY && UNSENT(unsent) && unconfirmed > 0 -> unconfirmed-- }
  :: d_step { unsent != NOBODY && !UNSENT(unsent) -> unsent = NOBODY }
  :: d_step { unsent != NOBODY && gateway_crashes > 0 -> gateway_crashes--; unsent = NOBODY }
  od }

proctype Time() {
  do
  :: d_step { passes == 0 && delayed[0] == 0 && delayed[1] == 0 &&
       (slot[0] || slot[1] || overtaken[0] != long_overtaken[0] || overtaken[1] != long_overtaken[1]) ->
       slot[0] = 0; slot[1] = 0; long_overtaken[0] = overtaken[0]; long_overtaken[1] = overtaken[1] }
  od }

/* A lease runs out; 15 s more before the janitor looks. */
proctype Lease() {
  do
  :: d_step { lease[0] && working[0] != 0 && working[1] != 0 -> lease[0] = 0; slot[0] = 1 }
  :: d_step { lease[1] && working[0] != 1 && working[1] != 1 -> lease[1] = 0; slot[1] = 1 }
  od }

proctype Delay_queue() {
  do
  :: d_step { delayed[0] > 0 -> delayed[0]--; copies[0]--; publish(0) }
  :: d_step { delayed[1] > 0 -> delayed[1]--; copies[1]--; publish(1) }
  od }

proctype Faults() {
  byte x;
  do
  :: d_step { losses > 0 && waiting > 0 -> losses--; copies[queue[0]]--; take_out(0) }
  :: d_step { losses > 0 && waiting > 1 -> losses--; copies[queue[1]]--; take_out(1) }
  :: d_step { wipes > 0 && waiting > 0 -> wipes--; do :: waiting > 0 -> copies[queue[0]]--; take_out(0) :: else -> break od; x = 0 }
  :: d_step { flushes > 0 -> flushes--; newest = NOBODY;
       do :: x < 2 -> job[x] = missing; lease[x] = 0; slot[x] = 0; overtaken[x] = 0; long_overtaken[x] = 0; x++ :: else -> break od; x = 0 }
  od }

/* Job 1 stands for steady traffic: as soon as it has ended, the next one is submitted. The queue need never be empty. */
proctype Traffic() {
  do
  :: d_step { job[1] == ended && copies[1] == 0 -> verdict[1] = 0; job[1] = queued; slot[1] = 1; publish(1); stamp(1) }
  od }

proctype Tick() { do :: waiting <= ROOM od }      /* a run that hangs is endless too */

init {
  atomic {
    byte x;
    do :: x < 2 -> job[x] = queued; slot[x] = 1; publish(x); stamp(x); x++ :: else -> break od;
    run Worker(0); run Worker(1); run Lost(); run Lost(); run Time(); run Lease(); run Delay_queue(); run Faults();
#ifdef TRAFFIC
    run Traffic();
#endif
#ifdef LIVE
    run Tick()
#endif
  }
}

#define STAYS_ENDED(j) (job[j] == ended || (job[j] == missing && verdict[j]))
#ifdef LIVE
#ifdef TRAFFIC
ltl accepted_ends { <>[] STAYS_ENDED(0) }
#else
ltl accepted_ends { <>[] (STAYS_ENDED(0) && STAYS_ENDED(1)) }
#endif
#endif
