#include "base/sv.h"

bool sv_eq(struct sv a, struct sv b)
{
        return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool sv_eq_nocase(struct sv a, struct sv b)
{
        if (a.n != b.n)
                return false;
        /* not strncasecmp: that one stops at a NUL byte and depends on the locale */
        for (size_t i = 0; i < a.n; i++)
                if (lower(a.p[i]) != lower(b.p[i]))
                        return false;
        return true;
}

bool sv_starts(struct sv text, struct sv prefix)
{
        return text.n >= prefix.n && sv_eq(sv_n(text.p, prefix.n), prefix);
}

bool sv_ends(struct sv text, struct sv suffix)
{
        return text.n >= suffix.n && sv_eq(sv_n(text.p + text.n - suffix.n, suffix.n), suffix);
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct sv sv_trim(struct sv text)
{
        while (text.n && is_space(text.p[0]))
                text = sv_n(text.p + 1, text.n - 1);
        while (text.n && is_space(text.p[text.n - 1]))
                text.n--;
        return text;
}

size_t sv_find(struct sv text, char c)
{
        const char *at = text.n ? memchr(text.p, c, text.n) : NULL;
        return at ? (size_t)(at - text.p) : text.n;
}

bool sv_split(struct sv *rest, char separator, struct sv *ret_part)
{
        if (!rest->p)
                return false;
        size_t end = sv_find(*rest, separator);
        *ret_part = sv_n(rest->p, end);
        if (end == rest->n)
                *rest = (struct sv){ 0 };
        else
                *rest = sv_n(rest->p + end + 1, rest->n - end - 1);
        return true;
}

bool sv_word(struct sv *rest, struct sv *ret_word)
{
        while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t'))
                *rest = sv_n(rest->p + 1, rest->n - 1);
        if (rest->n == 0)
                return false;
        size_t end = 0;
        while (end < rest->n && rest->p[end] != ' ' && rest->p[end] != '\t')
                end++;
        *ret_word = sv_n(rest->p, end);
        *rest = sv_n(rest->p + end, rest->n - end);
        return true;
}

bool sv_line(struct sv *rest, struct sv *ret_line)
{
        if (rest->n == 0)
                return false;
        size_t end = sv_find(*rest, '\n');
        *ret_line = sv_n(rest->p, end);
        size_t taken = end < rest->n ? end + 1 : end;
        *rest = sv_n(rest->p + taken, rest->n - taken);
        return true;
}

static int digit_of(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return 99;
}

bool sv_parse_u64(struct sv text, int base, uint64_t *ret)
{
        uint64_t value = 0;
        if (text.n == 0)
                return false;
        for (size_t i = 0; i < text.n; i++) {
                int digit = digit_of(text.p[i]);
                if (digit >= base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
                        __builtin_add_overflow(value, (uint64_t)digit, &value))
                        return false;
        }
        *ret = value;
        return true;
}

bool sv_parse_i64(struct sv text, int64_t *ret)
{
        bool negative = text.n && text.p[0] == '-';
        if (text.n && (text.p[0] == '-' || text.p[0] == '+'))
                text = sv_n(text.p + 1, text.n - 1);
        uint64_t magnitude;
        if (!sv_parse_u64(text, 10, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
                return false;
        *ret = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
        return true;
}
