/* The pager: what is longer than the terminal goes through $PAGER, or less -FRX. */
#pragma once

#include "base/error.h"
#include "base/sv.h"
#include "term/term.h"

/* Writes text to term->fd: through the pager where that is a terminal and the text has more lines than it, else as it
 * is. TARSIER_PAGER goes before PAGER; empty or "cat" is none. The words of the variable are split at spaces; no shell
 * reads them. A pager that cannot be started is not missed. Waits until the reader leaves it. E_IO when writing
 * failed; a pager that was left early is none. */
int pager_show(const struct term *term, struct sv text, struct error *err);

/* Lines of the terminal that the text takes. */
size_t pager_lines(const struct term *term, struct sv text);
