/* --json=A,B.C: parts of an answer. */
#pragma once

#include "base/error.h"

#include <jansson.h>

enum { SELECT_NAMES_MAX = 64 };

/* The value of "--json=A,B.C" among the words, which becomes "--json" there; NULL: none. "--json=true" and "=false" are
 * the switch itself. */
const char *select_take(int argc, char **argv);

/* Only the members that `fields` names, separated by commas; of lists, those of each element. A member that the object
 * at the top has not is E_INVALID. A new reference. */
json_t *select_fields(const json_t *value, const char *fields, struct error *err);
