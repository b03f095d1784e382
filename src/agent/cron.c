#include "agent/cron.h"

#include "base/sv.h"

enum { YEARS_MAX = 8 };

struct cron_field {
        const char *name;
        int min, max;
        const char *const *words; /* for min, min + 1 …; NULL = none */
};

static const char *const month_words[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov",
        "dec", NULL };
static const char *const day_words[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

static const struct cron_field cron_fields[] = {
        { "minute", 0, 59, NULL },
        { "hour", 0, 23, NULL },
        { "day of the month", 1, 31, NULL },
        { "month", 1, 12, month_words },
        { "day of the week", 0, 7, day_words },
};

static int parse_number(const struct cron_field *field, struct sv text, int *ret, struct error *err)
{
        uint64_t number;
        for (int i = 0; field->words && field->words[i]; i++) {
                if (sv_eq_nocase(text, sv_of(field->words[i]))) {
                        *ret = field->min + i;
                        return 0;
                }
        }
        if (!sv_parse_u64(text, 10, &number) || number > 99 || (int)number < field->min || (int)number > field->max)
                return fail(err, E_INVALID, "%s: \"%.*s\" is not from %d to %d", field->name, SV_ARG(text), field->min,
                        field->max);
        *ret = (int)number;
        return 0;
}

/* "*", "*" with a step, "A", "A-B", "A-B/STEP" */
static int parse_part(const struct cron_field *field, struct sv part, uint64_t *bits, struct error *err)
{
        uint64_t step = 1;
        size_t slash = sv_find(part, '/');
        struct sv range = sv_n(part.p, slash);
        bool stepped = slash < part.n;
        if (stepped &&
                (!sv_parse_u64(sv_n(part.p + slash + 1, part.n - slash - 1), 10, &step) || step == 0 || step > 99))
                return fail(err, E_INVALID, "%s: \"%.*s\": the step is a number from 1", field->name, SV_ARG(part));
        int first = field->min;
        int last = field->max;
        if (!sv_eq(range, SV("*"))) {
                size_t dash = sv_find(range, '-');
                if (parse_number(field, sv_n(range.p, dash), &first, err) < 0)
                        return -1;
                last = stepped ? field->max : first;
                if (dash < range.n && parse_number(field, sv_n(range.p + dash + 1, range.n - dash - 1), &last, err) < 0)
                        return -1;
                if (last < first)
                        return fail(err, E_INVALID, "%s: \"%.*s\" ends before it begins", field->name, SV_ARG(range));
        }
        for (int value = first; value <= last; value += (int)step)
                *bits |= UINT64_C(1) << value;
        return 0;
}

static int parse_field(const struct cron_field *field, struct sv text, uint64_t *ret, struct error *err)
{
        struct sv part;
        *ret = 0;
        for (struct sv rest = text; sv_split(&rest, ',', &part);)
                if (parse_part(field, part, ret, err) < 0)
                        return -1;
        return 0;
}

static const char *expand(const char *text)
{
        static const char *const words[][2] = { { "@hourly", "0 * * * *" }, { "@daily", "0 0 * * *" },
                { "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" }, { "@monthly", "0 0 1 * *" },
                { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" } };
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcasecmp(text, words[i][0]) == 0)
                        return words[i][1];
        return text;
}

int cron_parse(const char *given, struct cron *ret, struct error *err)
{
        uint64_t bits[5];
        struct sv word;
        struct sv rest = sv_of(expand(given));
        struct cron cron = { 0 };
        for (size_t i = 0; i < 5; i++) {
                if (!sv_word(&rest, &word))
                        return fail(err, E_INVALID, "\"%s\" has %zu fields instead of 5", given, i);
                if (parse_field(&cron_fields[i], word, &bits[i], err) < 0)
                        return -1;
                if (i == 2)
                        cron.any_day = word.p[0] == '*';
                if (i == 4)
                        cron.any_weekday = word.p[0] == '*';
        }
        if (sv_word(&rest, &word))
                return fail(err, E_INVALID, "\"%s\" has more than 5 fields", given);
        cron.minutes = bits[0];
        cron.hours = (uint32_t)bits[1];
        cron.days = (uint32_t)bits[2];
        cron.months = (uint16_t)bits[3];
        cron.weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f); /* 7 is Sunday too */
        *ret = cron;
        return 0;
}

static bool day_matches(const struct cron *cron, const struct tm *time)
{
        bool day = cron->days >> time->tm_mday & 1;
        bool weekday = cron->weekdays >> time->tm_wday & 1;
        if (!(cron->months >> (time->tm_mon + 1) & 1))
                return false;
        return cron->any_day || cron->any_weekday ? day && weekday : day || weekday;
}

/* A minute that comes twice is the first of the two: which one mktime(3) takes is its own affair. Clocks are set back
 * by an hour, on Lord Howe Island by half of one. */
static int64_t to_seconds(struct tm time, bool local)
{
        static const int64_t shifts[] = { 3600, 1800 };
        time.tm_isdst = -1;
        if (!local)
                return timegm(&time);
        int64_t found = mktime(&time); /* and time is what that is */
        for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
                struct tm before;
                time_t at = (time_t)(found - shifts[i]);
                if (localtime_r(&at, &before) && before.tm_hour == time.tm_hour && before.tm_min == time.tm_min &&
                        before.tm_mday == time.tm_mday)
                        return found - shifts[i];
        }
        return found;
}

/* The matching minute of a wall clock day at or behind (hour, minute); false: none. */
static bool minute_of_day(const struct cron *cron, int *hour, int *minute)
{
        for (int h = *hour; h < 24; h++) {
                if (!(cron->hours >> h & 1))
                        continue;
                for (int m = h == *hour ? *minute : 0; m < 60; m++) {
                        if (cron->minutes >> m & 1) {
                                *hour = h;
                                *minute = m;
                                return true;
                        }
                }
        }
        return false;
}

int64_t cron_next(const struct cron *cron, int64_t after, bool local)
{
        time_t start = (time_t)after;
        struct tm now;
        if (!(local ? localtime_r(&start, &now) : gmtime_r(&start, &now)))
                return -1;
        int hour = now.tm_hour;
        int minute = now.tm_min + 1;
        if (minute == 60) {
                minute = 0;
                hour++;
        }
        for (int day = 0; day < YEARS_MAX * 366; day++, hour = minute = 0) {
                /* noon exists on every day of every zone */
                struct tm noon = {
                        .tm_year = now.tm_year, .tm_mon = now.tm_mon, .tm_mday = now.tm_mday + day, .tm_hour = 12
                };
                time_t at = (time_t)to_seconds(noon, local);
                struct tm that;
                if (!(local ? localtime_r(&at, &that) : gmtime_r(&at, &that)))
                        return -1;
                while (day_matches(cron, &that) && minute_of_day(cron, &hour, &minute)) {
                        that.tm_hour = hour;
                        that.tm_min = minute;
                        that.tm_sec = 0;
                        int64_t found = to_seconds(that, local);
                        if (found > after)
                                return found;
                        if (++minute == 60) { /* the hour that comes twice: this one has been */
                                minute = 0;
                                hour++;
                        }
                }
        }
        return -1;
}
