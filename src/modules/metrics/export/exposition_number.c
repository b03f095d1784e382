/* Numbers as Go's strconv.FormatFloat(v, 'g', -1, 64) writes them: the fewest digits that read back as the same
 * double; an exponent, of two digits at least, below 10^-4 and from 10^6 on ("1e+06"). */
#include "base/encode.h"
#include "modules/metrics/export/exposition_internal.h"

#include <float.h>
#include <math.h>

enum {
        DIGITS_SAFE = 15,    /* two decimals of so many digits are never the same double (DBL_DIG) */
        DIGITS_EXACT = 17,   /* enough for every double */
        EXPONENT_DIGITS = 6, /* an exponent is written from 10^6 on: strconv's choice for the shortest form */
        EXPONENT_LEAST = -4
};
#define SAFE_INTEGER 1000000000000000.0 /* 10^15 */
#define NANO 1000000000.0

struct decimal {
        char digits[24]; /* without trailing zeros, at least one */
        int count;
        int point; /* value = 0.digits * 10^point */
};

/* The digits of an integer below 10^15, whose last is worth 10^scale. */
static void decimal_of_integer(uint64_t integer, int scale, struct decimal *ret)
{
        int count = (int)decimal_format(integer, ret->digits);
        ret->point = count + scale;
        while (count > 1 && ret->digits[count - 1] == '0')
                count--;
        ret->count = count;
}

/* By trial: the least precision that reads back. Below 15 digits only subnormal numbers need to be tried. */
static void decimal_of_any(double value, struct decimal *ret)
{
        char text[40];
        for (int precision = value < DBL_MIN ? 1 : DIGITS_SAFE; precision <= DIGITS_EXACT; precision++) {
                snprintf(text, sizeof(text), "%.*e", precision - 1, value);
                if (precision == DIGITS_EXACT || strtod(text, NULL) == value)
                        break;
        }
        int count = 0;
        const char *p = text;
        for (; *p && *p != 'e'; p++)
                if (*p != '.')
                        ret->digits[count++] = *p;
        while (count > 1 && ret->digits[count - 1] == '0')
                count--;
        ret->count = count;
        ret->point = *p ? (int)strtol(p + 1, NULL, 10) + 1 : 1;
}

static void decimal_of(double value, struct decimal *ret)
{
        /* Most figures are counts, or nanoseconds divided by 10^9. A decimal of at most 15 digits that gives the
         * double is the only one of so few digits, hence the shortest without its zeros. */
        if (value < SAFE_INTEGER && value == (double)(uint64_t)value) {
                decimal_of_integer((uint64_t)value, 0, ret);
                return;
        }
        double nanos = value * NANO + 0.5;
        if (nanos >= 1 && nanos < SAFE_INTEGER && (double)(uint64_t)nanos / NANO == value) {
                decimal_of_integer((uint64_t)nanos, -9, ret);
                return;
        }
        decimal_of_any(value, ret);
}

static char *put_exponent(char *out, const struct decimal *decimal)
{
        *out++ = decimal->digits[0];
        if (decimal->count > 1) {
                *out++ = '.';
                memcpy(out, decimal->digits + 1, (size_t)decimal->count - 1);
                out += decimal->count - 1;
        }
        int exponent = decimal->point - 1;
        *out++ = 'e';
        *out++ = exponent < 0 ? '-' : '+';
        unsigned size = exponent < 0 ? (unsigned)-exponent : (unsigned)exponent;
        if (size >= 100)
                *out++ = (char)('0' + size / 100);
        *out++ = (char)('0' + size / 10 % 10);
        *out++ = (char)('0' + size % 10);
        return out;
}

static char *put_plain(char *out, const struct decimal *decimal)
{
        if (decimal->point <= 0) {
                *out++ = '0';
                *out++ = '.';
                for (int i = decimal->point; i < 0; i++)
                        *out++ = '0';
        }
        for (int i = 0; i < decimal->count || i < decimal->point; i++) {
                if (i > 0 && i == decimal->point)
                        *out++ = '.';
                *out++ = i < decimal->count ? decimal->digits[i] : '0';
        }
        return out;
}

size_t number_format(double value, char *ret)
{
        if (isnan(value) || isinf(value)) {
                const char *text = isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
                size_t length = strlen(text);
                memcpy(ret, text, length);
                return length;
        }
        char *out = ret;
        if (signbit(value)) {
                *out++ = '-';
                value = -value;
        }
        struct decimal decimal = { .digits = "0", .count = 1, .point = 1 };
        if (value != 0)
                decimal_of(value, &decimal);
        int exponent = decimal.point - 1;
        if (exponent < EXPONENT_LEAST || exponent >= EXPONENT_DIGITS)
                out = put_exponent(out, &decimal);
        else
                out = put_plain(out, &decimal);
        return (size_t)(out - ret);
}

void exposition_number(struct buf *out, double value)
{
        char text[NUMBER_MAX];
        buf_append(out, text, number_format(value, text));
}
