/* One accepted job, from its 202 to its end: a queued record, one message, two workers, the gateways' helpers, and faults.
 * Each -D raises one budget or switches one actor on; README.md says which configurations `check` searches. */
#include "work/budgets.pml"
#include "work/state.pml"
#include "work/scripts.pml"
#include "work/verdict.pml"
#include "work/worker.pml"
#include "work/gateway.pml"
#include "work/faults.pml"

init {
  atomic {
    job.state = queued; saved.state = queued;
    run Worker(0); run Worker(1); run Delay_queue(); run Time(); run Faults();
#ifndef JANITOR_DEAD
    run Lost();
#endif
#if defined(DEADLINE) && !defined(JANITOR_DEAD)
    run Deadlines();
#endif
#if S3_AWAY > 0
    run Sealer();
#endif
#if DEAD_LETTER > 0
    run Undertaker();
#endif
#ifdef CANCEL
    run Cancel();
#endif
#ifdef DELETE
    run Delete();
#endif
#ifdef SWEEP
    run Sweep();
#endif
#ifdef READER
    run Reader();
#endif
#ifdef LIVE
    run Tick();
#elif !defined(READER)
    run Stuck();
#endif
  }
}

/* It ends, and whatever fails afterwards, it stays ended: in the record, or in the verdict that a read will find. */
#define STAYS_ENDED (ENDED(job.state) || (job.state == missing && verdict.state != none))
#ifdef LIVE
ltl accepted_ends { <>[] STAYS_ENDED }
#endif
