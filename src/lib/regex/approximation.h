/* A pattern that matches, byte by byte and in whole files, at least every line that the exact pattern matches: what
 * prefilters search for. Internal to lib/regex.
 */
#pragma once

#include "lib/regex/syntax.h"

#define APPROXIMATION_POSITIONS_MAX 2048 /* characters after expanding counts: larger patterns get no prefilter */
#define APPROXIMATION_COUNT_MAX 16       /* x{40} is searched as x{16,} */

/* Appends it to *out in a syntax that libre2 in Latin-1 and Hyperscan in bytes share.
 * False when there is none worth having; then *out may hold a part of it. */
bool approximation_write(const struct syntax *syntax, struct buf *out);

/* Writes the longest run of plain bytes that every match holds, at most APPROXIMATION_LITERAL_MAX, and returns its
 * length; 0 when there is none. */
#define APPROXIMATION_LITERAL_MAX 64U
size_t approximation_literal(const struct syntax *syntax, char *ret);
