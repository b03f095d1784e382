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
