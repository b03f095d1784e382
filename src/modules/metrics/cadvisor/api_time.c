/* Go's time.Parse(time.RFC3339, …), with the texts of its ParseError. */
#include "modules/metrics/cadvisor/api_internal.h"

#include "base/timefmt.h"

static const char layout[] = "2006-01-02T15:04:05Z07:00";

struct time_reader {
        struct sv whole, rest;
        struct buf *problem; /* NULL: nobody asks why */
};

/* What stands where the layout has something else. */
static int cannot_parse(struct time_reader *reader, const char *element, struct sv value)
{
        if (reader->problem) {
                buf_puts(reader->problem, "parsing time ");
                go_quote(reader->problem, reader->whole);
                buf_printf(reader->problem, " as \"%s\": cannot parse ", layout);
                go_quote(reader->problem, value);
                buf_printf(reader->problem, " as \"%s\"", element);
        }
        return -1;
}

static int out_of_range(struct time_reader *reader, const char *what)
{
        if (reader->problem) {
                buf_puts(reader->problem, "parsing time ");
                go_quote(reader->problem, reader->whole);
                buf_printf(reader->problem, ": %s out of range", what);
        }
        return -1;
}

static void skip(struct time_reader *reader, size_t size)
{
        reader->rest = sv_n(reader->rest.p + size, reader->rest.n - size);
}

static bool is_digit(struct sv text, size_t at)
{
        return at < text.n && text.p[at] >= '0' && text.p[at] <= '9';
}

static int take(struct time_reader *reader, char c)
{
        if (reader->rest.n && *reader->rest.p == c) {
                skip(reader, 1);
                return 0;
        }
        return cannot_parse(reader, (char[]){ c, '\0' }, reader->rest);
}

/* digits of them, exactly, or one at least where one is enough. */
static int take_number(struct time_reader *reader, size_t digits, bool one_enough, const char *element, int *ret)
{
        int value = 0;
        size_t n = 0;
        while (n < digits && is_digit(reader->rest, n))
                value = value * 10 + (reader->rest.p[n++] - '0');
        if (n < digits && !(one_enough && n == 1))
                return cannot_parse(reader, element, reader->rest);
        skip(reader, n);
        *ret = value;
        return 0;
}

static int take_date(struct time_reader *reader, struct tm *tm)
{
        if (take_number(reader, 4, false, "2006", &tm->tm_year) < 0 || take(reader, '-') < 0 ||
                take_number(reader, 2, false, "01", &tm->tm_mon) < 0)
                return -1;
        if (tm->tm_mon < 1 || tm->tm_mon > 12)
                return out_of_range(reader, "month");
        if (take(reader, '-') < 0 || take_number(reader, 2, false, "02", &tm->tm_mday) < 0)
                return -1;
        return take(reader, 'T');
}

static int take_clock(struct time_reader *reader, struct tm *tm, int64_t *fraction_ns)
{
        if (take_number(reader, 2, true, "15", &tm->tm_hour) < 0)
                return -1;
        if (tm->tm_hour > 23)
                return out_of_range(reader, "hour");
        if (take(reader, ':') < 0 || take_number(reader, 2, false, "04", &tm->tm_min) < 0)
                return -1;
        if (tm->tm_min > 59)
                return out_of_range(reader, "minute");
        if (take(reader, ':') < 0 || take_number(reader, 2, false, "05", &tm->tm_sec) < 0)
                return -1;
        if (tm->tm_sec > 59)
                return out_of_range(reader, "second");
        if (reader->rest.n >= 2 && (*reader->rest.p == '.' || *reader->rest.p == ',') && is_digit(reader->rest, 1)) {
                skip(reader, 1);
                for (int64_t unit = SECOND / 10; is_digit(reader->rest, 0); unit /= 10) {
                        *fraction_ns += (*reader->rest.p - '0') * unit;
                        skip(reader, 1);
                }
        }
        return 0;
}

static int take_zone(struct time_reader *reader, int64_t *ret_seconds)
{
        struct sv zone = reader->rest;
        if (zone.n && *zone.p == 'Z') {
                skip(reader, 1);
                return 0;
        }
        if (zone.n < 6 || zone.p[3] != ':' || !is_digit(zone, 1) || !is_digit(zone, 2) || !is_digit(zone, 4) ||
                !is_digit(zone, 5) || (*zone.p != '+' && *zone.p != '-'))
                return cannot_parse(reader, "Z07:00", zone);
        int hours = (zone.p[1] - '0') * 10 + zone.p[2] - '0', minutes = (zone.p[4] - '0') * 10 + zone.p[5] - '0';
        if (hours > 24)
                return out_of_range(reader, "time zone offset hour");
        if (minutes > 60)
                return out_of_range(reader, "time zone offset minute");
        *ret_seconds = (hours * 3600LL + minutes * 60LL) * (*zone.p == '-' ? -1 : 1);
        skip(reader, 6);
        return 0;
}

/* Nanoseconds hold the years 1678 to 2261: what is outside is the end of the range. Go's zero time is 0, "not given".
 */
static int64_t clamp(__int128 ns, int year)
{
        if (year <= 1)
                return 0;
        if (ns > INT64_MAX)
                return INT64_MAX;
        if (ns < INT64_MIN)
                return INT64_MIN;
        return ns == 0 ? 1 : (int64_t)ns;
}

int api_time_parse(struct sv text, int64_t *ret_unix_ns, struct buf *problem)
{
        struct time_reader reader = { text, text, problem };
        struct tm tm = { 0 };
        int64_t fraction_ns = 0, offset = 0;
        if (take_date(&reader, &tm) < 0 || take_clock(&reader, &tm, &fraction_ns) < 0 ||
                take_zone(&reader, &offset) < 0)
                return -1;
        if (reader.rest.n) {
                if (problem) {
                        buf_puts(problem, "parsing time ");
                        go_quote(problem, text);
                        buf_puts(problem, ": extra text: ");
                        go_quote(problem, reader.rest);
                }
                return -1;
        }
        int year = tm.tm_year, day = tm.tm_mday;
        tm.tm_year -= 1900;
        tm.tm_mon--;
        int64_t seconds = timegm(&tm);
        if (tm.tm_mday != day) /* 30 February moved into March; day 0 into the month before */
                return out_of_range(&reader, "day");
        *ret_unix_ns = clamp((__int128)(seconds - offset) * SECOND + fraction_ns, year);
        return 0;
}
