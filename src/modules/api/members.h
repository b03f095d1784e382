/* An object's members without building it. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <jansson.h>

/* text is one valid JSON object: takes the next member off *rest (begin with the whole text). False at the end. */
bool members_next(struct sv *rest, struct sv *ret_key, struct sv *ret_value);

/* Splits the member `apart` (raw text; p NULL when it is absent) from the rest, which must be small and is built. A key
 * twice is an error. New reference, or NULL. */
json_t *members_split(struct sv text, const char *apart, struct sv *ret_apart, struct error *err);
