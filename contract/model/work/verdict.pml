/* The verdict object: whoever creates it has ended the job. */

/* PUT with If-None-Match: *; on 412 the existing one is taken instead. */
inline put_verdict(how, whose) {
  if
  :: verdict.state != none ->
#ifdef WITHOUT_IF_NONE_MATCH
     verdict.state = how; verdict.prefix = whose
#else
     how = verdict.state; whose = verdict.prefix
#endif
  :: else -> verdict.state = how; verdict.prefix = whose
  fi }

/* For the sealer and for deletion alone. */
inline overwrite_verdict(how, whose) { verdict.state = how; verdict.prefix = whose }

inline remove_images(prefix) { images[prefix] = 0 }

inline look(how, whose) { how = verdict.state; whose = verdict.prefix }

/* A gateway's way to end a job: verdict, then settle, then the answer. With S3 away it decides in Redis alone and marks it
 * `unsealed`; with the record missing too it answers 503. */
inline conclude(how, whose) {
  if
  :: d_step { s3 -> put_verdict(how, whose) };
     d_step { settle(how, whose); client_sees(how, whose); how = none; whose = 0 }
  :: d_step { !s3 ->
       if
       :: job.state == missing
       :: else -> unsealed = unsealed || LIVING(job.state); settle(how, whose); client_sees(how, whose)
       fi;
       how = none; whose = 0 }
  fi }
