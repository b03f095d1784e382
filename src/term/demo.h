/* `tarsier term demo`: everything this room draws, for authors of modules and for whoever wonders what a terminal can.
 */
#pragma once

#include "base/error.h"
#include "term/term.h"

/* "colours", "styles", "tables", "links", "spinners", "bars", NULL */
extern const char *const term_demo_parts[];

/* Draws one part, or all for NULL: texts on out, what moves on talk. Time is counted, not measured: only where talk is
 * a terminal does it pass, and everywhere the same bytes come each time. */
int term_demo(const struct term *out, const struct term *talk, const char *part, struct error *err);
