/* How often each fault may strike; 0 where not given. */
#ifndef CRASH
#define CRASH 0
#endif
#ifndef SLOW
#define SLOW 0
#endif
#ifndef CUT
#define CUT 0
#endif
#ifndef FLUSH
#define FLUSH 0
#endif
#ifndef LOSE
#define LOSE 0
#endif
#ifndef REPLY
#define REPLY 0
#endif
#ifndef WIPE
#define WIPE 0
#endif
#ifndef DUPLICATE
#define DUPLICATE 0
#endif
#ifndef DEAD_LETTER
#define DEAD_LETTER 0
#endif
#ifndef S3_AWAY
#define S3_AWAY 0
#endif
#ifndef DRAIN
#define DRAIN 0
#endif
#ifndef TRANSIENT
#define TRANSIENT 0
#endif
#ifndef PERMANENT
#define PERMANENT 0
#endif

byte crashes = CRASH;              /* a worker dies */
byte stalls = SLOW;                /* a lease dies under its living owner */
byte cuts = CUT;                   /* a worker's channel is lost; it works on */
byte flushes = FLUSH;              /* Redis comes back empty */
byte lost_writes = LOSE;           /* Redis comes back without its last write */
byte lost_replies = REPLY;         /* settle ran, its reply is lost */
byte wipes = WIPE;                 /* RabbitMQ comes back empty */
byte duplicates = DUPLICATE;       /* one more copy of the message */
byte deaths = DEAD_LETTER;         /* a copy is dead-lettered */
byte outages = S3_AWAY;
byte drains = DRAIN;               /* SIGTERM */
byte transients = TRANSIENT;       /* the engine died, hung or ran out of memory */
byte permanents = PERMANENT;       /* refused content, black picture */
