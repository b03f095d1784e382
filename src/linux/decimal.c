#include "linux/decimal.h"

bool decimal_parse(struct sv text, int64_t *ret_billionths)
{
        enum { FRACTION_DIGITS = 9 };
        size_t point = sv_find(text, '.');
        uint64_t whole;
        uint64_t fraction = 0;
        if (!sv_parse_u64(sv_n(text.p, point), 10, &whole))
                return false;
        if (point < text.n) {
                struct sv digits = sv_n(text.p + point + 1, text.n - point - 1);
                if (digits.n > FRACTION_DIGITS)
                        digits.n = FRACTION_DIGITS;
                if (!sv_parse_u64(digits, 10, &fraction))
                        return false;
                for (size_t i = digits.n; i < FRACTION_DIGITS; i++)
                        fraction *= 10;
        }
        int64_t value;
        if (whole > INT64_MAX || __builtin_mul_overflow((int64_t)whole, INT64_C(1000000000), &value) ||
                __builtin_add_overflow(value, (int64_t)fraction, &value))
                return false;
        *ret_billionths = value;
        return true;
}
