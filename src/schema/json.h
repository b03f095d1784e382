/* JSON values (jansson) as the house reads them. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <jansson.h>

enum { JSON_MESSAGE_MAX = 8 << 20 };

/* Parses one value; anything but white space behind it is an error. "line 3, column 7: …" names the place. Duplicate
 * keys: the last one wins, or with strict an error. At most JSON_MESSAGE_MAX bytes. New reference or NULL. */
json_t *json_parse(struct sv text, bool strict, struct error *err);

/* Member of an object in any ASCII case; of several the last, as Go's encoding/json has it. Borrowed, or NULL. */
json_t *json_get_nocase(const json_t *object, const char *key);

/* json_decref for arena_defer and cleanup(). */
void json_unref(void *value);

static inline void json_decref_p(json_t **value)
{
        json_decref(*value);
}

/* Is this exactly one JSON value (RFC 8259, UTF-8, at most 128 levels)? Builds nothing: a gate for bytes of a worker
 * that may lie. */
bool json_valid(struct sv text);
