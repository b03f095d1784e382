/* Shell completion from a field table. */
#pragma once

#include "base/buf.h"
#include "schema/field.h"

/* words[0..count) are the arguments behind the verb, words[at] the one under the cursor (at == count: an empty new
 * one). Appends the candidates, one a line: "CANDIDATE\tHELP\n". The line "<file>" asks the shell for its own file
 * names. */
void record_complete(const struct record *record, const char *const *words, size_t count, size_t at, struct buf *out);

/* The question as a program is asked that holds a command of `tarsier`: "COMMAND __complete AT WORD…", the words those
 * behind the command. True: it was one, and out has the candidates. */
bool record_complete_asked(const struct record *record, int argc, char *const *argv, struct buf *out);
