/* The SHA-256 compression function with the SHA extensions of x86, many blocks a call. nettle 3.8 uses the same
 * instructions but one block a call, which loads, shuffles and stores the state for each 64 bytes: 12 % slower. */
#pragma once

#include "base/banned.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool sha256_x86_usable(void);

/* state: eight words as FIPS 180-4 numbers them; bytes: blocks * 64, of any alignment. */
void sha256_x86_compress(uint32_t state[8], const uint8_t *bytes, size_t blocks);
