/* companions.h - a background thread in a state that others have to cope with.

   What one thread does to another often depends on what that one is doing: only
   bytecode answers a request at once, C code that stays attached answers none,
   and a detached thread need not be asked. */

#ifndef PB_COMPANIONS_H
#define PB_COMPANIONS_H

#include "entries.h"

enum pb_companion { PB_RUNNING, PB_ATTACHED, PB_DETACHED };

/* For the texts of an option, in the order of the above. */
#define PB_COMPANION_NAMES "running", "attached", "detached"

/* 0, or -1 with a NotImplementedError where the state leaves nobody else to run:
   attached, with the GIL on. */
int pb_companion_allowed(int64_t state);

/* Has a call run beside one in that state, which may be one of the kernel's own; as
   the above. */
int pb_companion_plan(struct pb_call *call, int64_t state);

/* Calls `step` all the time, in that state, until it returns false.  Attached
   before and after.  An attached one detaches for some milliseconds now and then,
   as others may have to stop it, and adds one to *lapses, if that is not NULL,
   each time it detaches and each time it is attached again.
   0, or -1 with an exception set. */
int pb_companion_stay(struct pb_worker *worker, int64_t state,
                      bool (*step)(struct pb_worker *),
                      _Atomic int64_t *lapses);

#endif /* PB_COMPANIONS_H */
