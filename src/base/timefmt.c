#include "base/timefmt.h"

#include "base/encode.h"

static int64_t clock_ns(clockid_t clock)
{
        struct timespec now;
        clock_gettime(clock, &now);
        return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

int64_t time_monotonic_ns(void)
{
        return clock_ns(CLOCK_MONOTONIC);
}

int64_t time_unix_ns(void)
{
        return clock_ns(CLOCK_REALTIME);
}

int64_t time_boot_ns(void)
{
        return clock_ns(CLOCK_BOOTTIME);
}

int64_t time_boot_unix_ns(void)
{
        int64_t before = time_boot_ns(), now = time_unix_ns(), after = time_boot_ns();
        return now - before - (after - before) / 2;
}

int64_t time_cpu_ns(void)
{
        return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Two digits. */
static char *put_pair(char *at, unsigned value)
{
        at[0] = (char)('0' + value / 10);
        at[1] = (char)('0' + value % 10);
        return at + 2;
}

/* ".5" for 500000000, "" for 0. ret has 11 bytes. */
static char *fraction_format(int64_t nanoseconds, char *ret)
{
        unsigned rest = (unsigned)nanoseconds;
        size_t end = 0;
        if (rest) {
                ret[0] = '.';
                for (size_t at = 9; at > 0; at--, rest /= 10) {
                        ret[at] = (char)('0' + rest % 10);
                        if (!end && rest % 10)
                                end = at + 1;
                }
        }
        ret[end] = '\0';
        return ret + end;
}

static int64_t split_seconds(int64_t unix_ns, int64_t *ret_fraction)
{
        int64_t seconds = unix_ns / SECOND;
        *ret_fraction = unix_ns % SECOND;
        if (*ret_fraction < 0) {
                *ret_fraction += SECOND;
                seconds--;
        }
        return seconds;
}

static void split_utc(int64_t unix_ns, struct tm *ret_tm, char *ret_fraction)
{
        int64_t rest;
        time_t when = (time_t)split_seconds(unix_ns, &rest);
        gmtime_r(&when, ret_tm);
        fraction_format(rest, ret_fraction);
}

/* "2026-11-21". Years are counted from March, so that the leap day is a year's last and days of months follow one
 * formula; 400 years of 146097 days repeat. ISO 8601 days of 1677 to 2262, all that int64_t nanoseconds hold. */
static char *date_format(int64_t days_since_1970, char *ret)
{
        unsigned days = (unsigned)(days_since_1970 + 719468); /* since 1 March of year 0 */
        unsigned of_era = days % 146097;
        unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
        unsigned month = (5 * of_year + 2) / 153; /* 0 is March */
        unsigned day = of_year - (153 * month + 2) / 5 + 1;
        year += days / 146097 * 400 + (month >= 10);
        char *at = put_pair(put_pair(ret, year / 100), year % 100);
        *at++ = '-';
        at = put_pair(at, month < 10 ? month + 3 : month - 9);
        *at++ = '-';
        return put_pair(at, day);
}

/* Without the C library's own, which cost ten times as much: an event has several. */
void time_format_rfc3339(int64_t unix_ns, char *ret)
{
        int64_t rest;
        int64_t seconds = split_seconds(unix_ns, &rest);
        int64_t days = seconds / 86400;
        if (seconds % 86400 < 0)
                days--;
        unsigned of_day = (unsigned)(seconds - days * 86400);
        char *at = date_format(days, ret);
        *at++ = 'T';
        at = put_pair(at, of_day / 3600);
        *at++ = ':';
        at = put_pair(at, of_day / 60 % 60);
        *at++ = ':';
        at = put_pair(at, of_day % 60);
        at = fraction_format(rest, at);
        memcpy(at, "Z", 2);
}

void time_format_go_utc(int64_t unix_ns, char *ret)
{
        struct tm tm;
        char fraction[11];
        split_utc(unix_ns, &tm, fraction);
        snprintf(ret, TIME_TEXT_MAX, "%04d-%02d-%02d %02d:%02d:%02d%s +0000 UTC", tm.tm_year + 1900, tm.tm_mon + 1,
                tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
}

/* Exactly `digits` decimal digits off the front. */
static bool take_digits(struct sv *rest, size_t digits, int *ret)
{
        uint64_t value;
        if (rest->n < digits || !sv_parse_u64(sv_n(rest->p, digits), 10, &value))
                return false;
        *ret = (int)value;
        *rest = sv_n(rest->p + digits, rest->n - digits);
        return true;
}

static bool take_char(struct sv *rest, const char *one_of)
{
        if (rest->n == 0 || rest->p[0] == '\0' || !strchr(one_of, rest->p[0]))
                return false;
        *rest = sv_n(rest->p + 1, rest->n - 1);
        return true;
}

/* ".123" as nanoseconds; digits after the ninth are dropped. */
static bool take_fraction(struct sv *rest, int64_t *ret_ns)
{
        int64_t value = 0;
        int64_t unit = SECOND;
        size_t digits = 0;
        while (digits < rest->n && rest->p[digits] >= '0' && rest->p[digits] <= '9') {
                unit /= 10;
                value += (rest->p[digits] - '0') * unit;
                digits++;
        }
        *rest = sv_n(rest->p + digits, rest->n - digits);
        *ret_ns = value;
        return digits > 0;
}

static bool take_offset(struct sv *rest, int64_t *ret_seconds)
{
        *ret_seconds = 0;
        if (take_char(rest, "Zz") || rest->n == 0)
                return true;
        bool west = rest->p[0] == '-';
        int hours;
        int minutes;
        if (!take_char(rest, "+-") || !take_digits(rest, 2, &hours))
                return false;
        take_char(rest, ":");
        if (!take_digits(rest, 2, &minutes) || hours > 23 || minutes > 59)
                return false;
        *ret_seconds = (west ? -1 : 1) * (hours * 3600L + minutes * 60L);
        return true;
}

bool time_parse(struct sv text, int64_t *ret_unix_ns)
{
        struct tm tm = { 0 };
        int64_t fraction = 0;
        int64_t offset = 0;
        if (!take_digits(&text, 4, &tm.tm_year) || !take_char(&text, "-") || !take_digits(&text, 2, &tm.tm_mon) ||
                !take_char(&text, "-") || !take_digits(&text, 2, &tm.tm_mday))
                return false;
        if (text.n) {
                if (!take_char(&text, "Tt ") || !take_digits(&text, 2, &tm.tm_hour) || !take_char(&text, ":") ||
                        !take_digits(&text, 2, &tm.tm_min) || !take_char(&text, ":") ||
                        !take_digits(&text, 2, &tm.tm_sec))
                        return false;
                if (take_char(&text, ".") && !take_fraction(&text, &fraction))
                        return false;
                if (!take_offset(&text, &offset) || text.n)
                        return false;
        }
        if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
                tm.tm_sec > 60)
                return false;
        int day = tm.tm_mday;
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        int leap = tm.tm_sec == 60; /* a leap second is the next minute's first, as POSIX counts */
        tm.tm_sec -= leap;
        int64_t seconds = (int64_t)timegm(&tm) + leap;
        if (tm.tm_mday != day) /* 30 February moved into March */
                return false;
        /* wide, so that the earliest time of int64_t passes: its whole seconds alone would not fit */
        __int128 ns = (__int128)(seconds - offset) * SECOND + fraction;
        if (ns < INT64_MIN || ns > INT64_MAX)
                return false;
        *ret_unix_ns = (int64_t)ns;
        return true;
}

/* With the NUL; its place comes back. */
static char *put_text(char *at, const char *text)
{
        size_t length = strlen(text);
        memcpy(at, text, length + 1);
        return at + length;
}

static char *put_number(char *at, uint64_t value, const char *unit)
{
        return put_text(at + decimal_format(value, at), unit);
}

void duration_format(int64_t duration_ns, char *ret)
{
        uint64_t left = duration_ns < 0 ? 0 - (uint64_t)duration_ns : (uint64_t)duration_ns;
        char *at = ret;
        if (left == 0) {
                put_text(ret, "0s");
                return;
        }
        if (duration_ns < 0)
                *at++ = '-';
        if (left < (uint64_t)SECOND) {
                static const struct {
                        uint64_t unit;
                        const char *name;
                } units[] = { { 1000000, "ms" }, { 1000, "µs" }, { 1, "ns" } };
                size_t i = 0;
                while (left < units[i].unit)
                        i++;
                at = put_number(at, left / units[i].unit, "");
                at = fraction_format((int64_t)(left % units[i].unit * ((uint64_t)SECOND / units[i].unit)), at);
                put_text(at, units[i].name);
                return;
        }
        uint64_t seconds = left / (uint64_t)SECOND;
        if (seconds >= 3600)
                at = put_number(at, seconds / 3600, "h");
        if (seconds >= 60)
                at = put_number(at, seconds / 60 % 60, "m");
        at = put_number(at, seconds % 60, "");
        at = fraction_format((int64_t)(left % (uint64_t)SECOND), at);
        put_text(at, "s");
}

static bool take_unit(struct sv *rest, int64_t *ret_unit)
{
        static const struct {
                const char *name;
                int64_t unit;
        } units[] = { { "ns", 1 }, { "us", MICROSECOND }, { "\xc2\xb5s", MICROSECOND }, /* U+00B5, micro sign */
                { "\xce\xbcs", MICROSECOND },                                           /* U+03BC, Greek mu */
                { "ms", MILLISECOND }, { "s", SECOND }, { "m", MINUTE }, { "h", HOUR }, { "d", DAY },
                { "w", 7 * DAY } };
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                struct sv name = sv_of(units[i].name);
                if (sv_starts(*rest, name)) {
                        *ret_unit = units[i].unit;
                        *rest = sv_n(rest->p + name.n, rest->n - name.n);
                        return true;
                }
        }
        return false;
}

bool duration_parse(struct sv text, int64_t *ret_ns)
{
        bool negative = text.n && text.p[0] == '-';
        if (text.n && (text.p[0] == '-' || text.p[0] == '+'))
                text = sv_n(text.p + 1, text.n - 1);
        if (text.n == 0)
                return false;
        if (sv_eq(text, SV("0"))) {
                *ret_ns = 0;
                return true;
        }
        __int128 total = 0; /* wide, so that the most negative duration passes */
        __int128 limit = (__int128)INT64_MAX + negative;
        while (text.n) {
                size_t digits = 0;
                while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
                        digits++;
                uint64_t whole = 0;
                int64_t fraction = 0;
                int64_t unit;
                if (digits && !sv_parse_u64(sv_n(text.p, digits), 10, &whole))
                        return false;
                text = sv_n(text.p + digits, text.n - digits);
                if (take_char(&text, ".")) {
                        if (!take_fraction(&text, &fraction) && digits == 0)
                                return false;
                } else if (digits == 0) {
                        return false;
                }
                if (!take_unit(&text, &unit))
                        return false;
                total += (__int128)whole * unit + (__int128)fraction * unit / SECOND;
                if (total > limit)
                        return false;
        }
        *ret_ns = (int64_t)(negative ? -total : total);
        return true;
}

bool size_parse(struct sv text, uint64_t *ret_bytes)
{
        size_t digits = 0;
        while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
                digits++;
        uint64_t value;
        if (!sv_parse_u64(sv_n(text.p, digits), 10, &value))
                return false;
        struct sv suffix = sv_n(text.p + digits, text.n - digits);
        unsigned shift = 0;
        if (suffix.n) {
                static const char letters[] = "kmgtpe";
                const char *letter = strchr(letters, suffix.p[0] | 0x20);
                if (letter && *letter) {
                        shift = 10 * (unsigned)(letter - letters + 1);
                        suffix = sv_n(suffix.p + 1, suffix.n - 1);
                }
                if (suffix.n && !sv_eq_nocase(suffix, SV("b")) && !(shift && sv_eq_nocase(suffix, SV("ib"))))
                        return false;
        }
        if (shift && value > UINT64_MAX >> shift)
                return false;
        *ret_bytes = value << shift;
        return true;
}

void size_format(uint64_t bytes, char *ret)
{
        static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        double value = (double)bytes;
        size_t i = 0;
        /* from 1023.95 on one decimal would show as 1024.0 */
        for (; value >= (i ? 1023.95 : 1024) && i + 1 < sizeof(names) / sizeof(names[0]); i++)
                value /= 1024;
        snprintf(ret, TIME_TEXT_MAX, i ? "%.1f %s" : "%.0f %s", value, names[i]);
}
