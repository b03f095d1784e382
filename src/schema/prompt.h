/* Asks for the values of a record on a terminal, field by field. */
#pragma once

#include "schema/field.h"

#include <stdio.h>

enum { PROMPT_LINE_MAX = 64 * 1024, PROMPT_TRIES_MAX = 100 };

/* Each question shows type, help and default (cli_def before def). An empty line takes the default or leaves the field
 * out; "help" shows the help again ("\help" is the text itself); a wrong value says why and asks again
 * (PROMPT_TRIES_MAX times in all). Lists and maps: one value a line until an empty one. Records in turn; a map of
 * records asks for a label first (default: .entry) and for another one at the end. Secrets are read without echo when
 * `in` is a terminal. The end of input is E_INVALID, ^C while a secret is typed E_STOPPED. The result has passed
 * record_check. New reference or NULL. */
json_t *record_prompt(const struct record *record, FILE *in, FILE *out, struct error *err);
