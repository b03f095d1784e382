/* The filter between texts of any origin (names of files, lines of a container's log) and a terminal. A terminal obeys
 * what it is sent: sequences move the cursor, set the title, write to the clipboard, answer into the shell's input. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

enum term_filter_mode {
        TERM_SHOW,   /* everything that steers is shown: \x1b, \u202e, \xff for a byte that is not UTF-8 */
        TERM_STRIP,  /* whole sequences are left out; what else steers is shown */
        TERM_STYLES, /* colours and weights (SGR) pass, other sequences are left out; reset at the end where needed */
};

enum { TERM_SEQUENCE_MAX = 4096, TERM_SGR_MAX = 64 };

/* Appends text as the mode has it. The result is valid UTF-8 and, except for SGR with TERM_STYLES, holds no C0 or C1
 * control, no DEL and no control of the direction of writing. Returns how many sequences and characters it changed or
 * left out. A sequence longer than TERM_SEQUENCE_MAX, or one without an end, counts as its first byte alone. */
size_t term_filter(struct buf *out, struct sv text, enum term_filter_mode mode);
