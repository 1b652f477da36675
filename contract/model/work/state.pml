/* What Redis, RabbitMQ and S3 hold, and what the clients were shown. */
#ifndef MAX_ATTEMPTS
#define MAX_ATTEMPTS 2
#endif
#define FENCES 8

mtype = { none,
          missing, queued, running, succeeded, failed, canceled, tombstone,         /* states of the record; a verdict `deleted` is a tombstone here */
          OK, RUN, DROP, DEFER, LATE, EXHAUSTED, MISSING, LAST, ENDED_, STALE }     /* answers of the scripts */

#define ENDED(s) (s == succeeded || s == failed || s == canceled || s == tombstone)
#define LIVING(s) (s == queued || s == running)

/* `prefix` names the images by the fence of the attempt that drew them; 0: no images. */
typedef Verdict { mtype state = none; byte prefix };
typedef Record { mtype state = missing; byte fence; byte attempt; byte prefix; bit lease; bit not_before };

/* Redis */
Record job;
Record saved;                 /* the record before its last write: what is left when that write is lost */
bit unsealed;                 /* ended in Redis while S3 was away */
byte clock;                   /* Redis TIME, as far as fences need it */
bit past;                     /* the deadline is past */
bit listed[2];                /* the worker's heartbeat lists the message */

/* RabbitMQ: copies of the job's message */
byte ready = 1, delayed, dead_letters;
bit held[2];                  /* unacked at worker w */

/* S3 */
bit s3 = 1;                   /* reachable */
Verdict verdict;              /* results/{id}/verdict.json */
bit images[FENCES + 1];       /* results/{id}/{fence}-{random}/ */

/* The engines: the fence that worker w works and beats under; 0: idle */
byte fence[2];

/* Tags: pan prints an assertion as it reads, so this names the property that breaks. README.md lists them. */
bit one_visible_end = 1, shown_images_exist = 1, nothing_is_stuck = 1, nothing_overwritten = 1, fences_grow = 1, attempts_counted = 1;

/* Ghosts: nobody reads them but the properties */
mtype shown = none; byte shown_prefix;     /* the end that a client has seen */
bit deleted;                               /* DELETE was answered */
byte highest;                              /* fence */
byte begun;                                /* attempts that began and were not given back */

/* What a client sees is checked where it is read or answered. */
inline client_sees(how, whose) {
  if
  :: how == succeeded || how == failed || how == canceled ->
     if
     :: shown == none -> shown = how; shown_prefix = whose
     :: else -> assert(one_visible_end && shown == how && shown_prefix == whose)      /* one visible end */
     fi;
#if FLUSH == 0                                                         /* a flush during DELETE can bring the record back without its images: README */
     assert(one_visible_end && !deleted);                                           /* gone is gone */
#endif
     assert(shown_images_exist && (how != succeeded || images[whose] || deleted))      /* what is shown exists */
  :: LIVING(how) ->
#if LOSE == 0 && FLUSH < 2                                             /* with a lost write `running` may come back briefly: documented residue */
     assert(one_visible_end && shown == none);                                      /* nothing goes back */
#endif
     assert(one_visible_end && !deleted)
  :: else
  fi }
