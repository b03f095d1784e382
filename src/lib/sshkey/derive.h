/* The public half where a private key file leaves it out. Appends to `out` and says whether the numbers made sense. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

/* g^x mod p, big-endian. */
bool derive_dsa(struct sv p, struct sv g, struct sv x, struct buf *out);

/* The uncompressed point (04 X Y) of a scalar on "nistp256", "nistp384" or "nistp521". */
bool derive_ecdsa(struct sv curve, struct sv scalar, struct buf *out);

/* 32 bytes from a seed of 32. */
bool derive_ed25519(struct sv seed, struct buf *out);
