/* Shell completion from a field table. */
#pragma once

#include "base/buf.h"
#include "schema/field.h"

/* words[0..count) are the arguments behind the verb, words[at] the one under the cursor (at == count: an empty new
 * one). Appends the candidates, one a line: "CANDIDATE\tHELP\n". The line "<file>" asks the shell for its own file
 * names. */
void record_complete(const struct record *record, const char *const *words, size_t count, size_t at, struct buf *out);
