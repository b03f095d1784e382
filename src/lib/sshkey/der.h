/* As much of DER (X.690) as key files need: definite lengths, one level at a time. */
#pragma once

#include "base/sv.h"

enum {
        DER_INTEGER = 0x02,
        DER_BIT_STRING = 0x03,
        DER_OCTET_STRING = 0x04,
        DER_OID = 0x06,
        DER_SEQUENCE = 0x30,
        DER_CONTEXT_0 = 0xa0,
        DER_CONTEXT_1 = 0xa1,
};

/* Takes one element off *rest when it has this tag. */
bool der_take(struct sv *rest, uint8_t tag, struct sv *ret);

/* The bytes of a BIT STRING without unused bits. */
bool der_bits(struct sv *rest, uint8_t tag, struct sv *ret);
