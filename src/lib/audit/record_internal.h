/* Taking a text apart from its front: for the record's files only. */
#pragma once

#include "base/sv.h"

static inline bool take(struct sv *rest, struct sv prefix)
{
        if (!sv_starts(*rest, prefix))
                return false;
        rest->p += prefix.n;
        rest->n -= prefix.n;
        return true;
}

/* Decimal digits off the front, at most `digits` of them; their number. */
static inline size_t take_digits(struct sv *rest, size_t digits, uint64_t *ret)
{
        uint64_t value = 0;
        size_t i = 0;

        while (i < digits && i < rest->n && rest->p[i] >= '0' && rest->p[i] <= '9')
                value = value * 10 + (uint64_t)(rest->p[i++] - '0');
        rest->p += i;
        rest->n -= i;
        *ret = value;
        return i;
}

static inline struct sv take_until_space(struct sv *rest)
{
        struct sv word = { rest->p, sv_find(*rest, ' ') };
        size_t used = word.n < rest->n ? word.n + 1 : word.n;

        rest->p += used;
        rest->n -= used;
        return word;
}
