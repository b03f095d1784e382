/* YAML as JSON values: one document, the core schema of YAML 1.2 (null, true/false, integers, floats, strings; what is
 * quoted is a string), mapping keys are strings, anchors and aliases copied out under a ceiling of nodes ("billion
 * laughs"). */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <jansson.h>

enum { YAML_TEXT_MAX = 8 << 20, YAML_DEPTH_MAX = 64, YAML_NODES_MAX = 1 << 20 };

/* Parses one document; an empty one is null. "line 3, column 7: …" names the place. Duplicate keys: the last one wins,
 * or with strict an error. Tags other than the core schema's, several documents and the merge key's magic ("<<" is an
 * ordinary key) are not supported: the first two are errors. New reference or NULL. */
json_t *yaml_parse(struct sv text, bool strict, struct error *err);

/* The same, and where each value stands: *lines (map_init by the caller, map_done too) has under the value's address
 * (map_key_u64) the line its text begins at, as a number in the pointer. Not in it: true, false and null, which have no
 * address of their own, and what an alias copied. */
struct map;
json_t *yaml_parse_lines(struct sv text, bool strict, struct map *lines, struct error *err);
