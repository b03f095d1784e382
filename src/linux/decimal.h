/* Plain decimal numbers with a fraction, as the kernel prints them ("12.34"). Inside this room only. */
#pragma once

#include "base/sv.h"

/* A number without sign or exponent as billionths: "12.5" is 12500000000. More than nine fraction digits are cut. False
 * on anything else or overflow. */
bool decimal_parse(struct sv text, int64_t *ret_billionths);
