/* Observations as bytes: for the queue before the tree, and for recordings. */
#pragma once

#include "base/error.h"
#include "modules/watch/source/observation.h"

/* Bytes that are enough for observation_encode. */
size_t observation_size_max(const struct observation *observation);

/* Writes it to out (observation_size_max bytes); the bytes written. */
size_t observation_encode(const struct observation *observation, char *out);

/* The texts are views into `bytes`. E_PROTOCOL for what observation_encode does not write. */
int observation_decode(struct sv bytes, struct observation *ret, struct error *err);
