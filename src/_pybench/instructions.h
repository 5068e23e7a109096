/* instructions.h - windows that callgrind counts. */

#ifndef PB_INSTRUCTIONS_H
#define PB_INSTRUCTIONS_H

#include "compat.h"

/* Begins and ends a window on the calling thread; nothing unless
   instructions_begin() was called, and outside of callgrind. */
void pb_instructions_window(bool opens);

#endif /* PB_INSTRUCTIONS_H */
