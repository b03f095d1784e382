/* Columns that a text takes on a terminal, whatever the locale of the process is. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

/* Columns of a text without controls (term_filter makes one). Combining marks take none; wide letters and emoji two; an
 * emoji with joiners, skin tones or VS16 counts as one picture; a pair of regional indicators is one flag. Invalid
 * bytes and controls count as one column each. SGR sequences take none. */
size_t term_width(struct sv text);

/* Length in bytes of the first picture of text (a letter with its marks, a joined emoji, an SGR sequence) and its
 * columns. text.n > 0. */
size_t term_cluster(struct sv text, size_t *ret_columns);

/* Appends at most `width` columns, the last being "…" (or "~" in ASCII) where something was cut; returns the columns.
 * Styles that are open at the cut are closed. */
size_t term_truncate(struct buf *out, struct sv text, size_t width, bool utf8);

/* Takes one line of at most `width` (>= 1) columns off *rest, broken at a space where there is one; false once nothing
 * is left. A word that is too long is cut. */
bool term_wrap(struct sv *rest, size_t width, struct sv *ret_line);
