/* Points in time as crontab(5) writes them, daylight saving included, and the schedule's decision when a run is due. */
#include "agent/cron.h"
#include "agent/schedule.h"
#include "base/timefmt.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int64_t seconds(const char *text)
{
        int64_t ns;
        if (!time_parse(sv_of(text), &ns))
                fail_msg("%s is no time", text);
        return ns / SECOND;
}

static void zone(const char *name)
{
        setenv("TZ", name, 1);
        tzset();
}

static void next_is(const char *points, const char *after, const char *expected, bool local)
{
        struct cron cron;
        struct error err;
        char text[TIME_TEXT_MAX];
        if (cron_parse(points, &cron, &err) < 0)
                fail_msg("%s: %s", points, err.message);
        int64_t next = cron_next(&cron, seconds(after), local);
        if (next < 0)
                snprintf(text, sizeof(text), "never");
        else
                time_format_rfc3339(next * SECOND, text);
        if (strcmp(text, expected) != 0)
                fail_msg("%s after %s is %s, not %s", points, after, text, expected);
}

static void refused(const char *points, const char *expected)
{
        struct cron cron;
        struct error err;
        if (cron_parse(points, &cron, &err) == 0)
                fail_msg("accepted: %s", points);
        if (!strstr(err.message, expected))
                fail_msg("%s: \"%s\" lacks \"%s\"", points, err.message, expected);
}

static void fields_lists_ranges_steps_and_names(void **state)
{
        (void)state;
        next_is("* * * * *", "2026-11-21T21:54:10Z", "2026-11-21T21:55:00Z", false);
        next_is("*/5 * * * *", "2026-11-21T21:55:00Z", "2026-11-21T22:00:00Z", false);
        next_is("7-59/20 * * * *", "2026-11-21T21:30:00Z", "2026-11-21T21:47:00Z", false);
        next_is("5/20 * * * *", "2026-11-21T21:30:00Z", "2026-11-21T21:45:00Z", false);
        next_is("0,30 8-10 * * *", "2026-11-21T10:30:00Z", "2026-11-22T08:00:00Z", false);
        next_is("0 0 1 JAN *", "2026-11-21T00:00:00Z", "2027-01-01T00:00:00Z", false);
        next_is("0 9 * * mon-fri", "2026-11-21T00:00:00Z", "2026-11-23T09:00:00Z", false); /* a Saturday */
        next_is("0 9 * * 7", "2026-11-21T00:00:00Z", "2026-11-22T09:00:00Z", false);
        next_is("0 9 * * 0", "2026-11-21T00:00:00Z", "2026-11-22T09:00:00Z", false);
        next_is("@daily", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", false);
        next_is("@hourly", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z", false);
}

static void two_day_fields_are_either_or(void **state)
{
        (void)state;
        /* crontab(5): when both are restricted, one of them is enough */
        next_is("0 0 13 * fri", "2026-11-10T00:00:00Z", "2026-11-13T00:00:00Z", false);
        next_is("0 0 25 * fri", "2026-11-21T00:00:00Z", "2026-11-25T00:00:00Z", false);
        next_is("0 0 25 * fri", "2026-11-25T00:00:00Z", "2026-11-27T00:00:00Z", false);
        next_is("0 0 */2 * fri", "2026-11-21T00:00:00Z", "2026-11-27T00:00:00Z", false); /* begins with '*': both */
}

static void days_that_are_rare_or_never(void **state)
{
        (void)state;
        next_is("0 0 29 2 *", "2026-11-21T00:00:00Z", "2028-02-29T00:00:00Z", false);
        next_is("0 0 31 * *", "2026-11-21T00:00:00Z", "2026-12-31T00:00:00Z", false);
        next_is("0 0 31 2 *", "2026-11-21T00:00:00Z", "never", false);
}

static void daylight_saving(void **state)
{
        (void)state;
        zone("Europe/Berlin");
        /* 29 March 2026: 02:00 becomes 03:00; what stands at 02:30 runs once, an hour later on the clock */
        next_is("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z", true);
        next_is("30 2 * * *", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z", true);
        next_is("0 3 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", true);
        /* 25 October 2026: 02:00 to 03:00 comes twice; 02:30 runs once */
        struct cron cron;
        assert_int_equal(cron_parse("30 2 * * *", &cron, NULL), 0);
        int64_t first = cron_next(&cron, seconds("2026-10-24T12:00:00Z"), true);
        int64_t second = cron_next(&cron, first, true);
        assert_int_equal(first, seconds("2026-10-25T00:30:00Z"));
        assert_int_equal(second, seconds("2026-10-26T01:30:00Z"));
        zone("Australia/Lord_Howe"); /* by half an hour: 01:30 to 02:00 comes twice on 5 April 2026 */
        next_is("45 1 * * *", "2026-04-04T12:00:00Z", "2026-04-04T14:45:00Z", true);
        next_is("45 1 * * *", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z", true);
        zone("Europe/Berlin");
        next_is("0 12 * * *", "2026-07-01T00:00:00Z", "2026-07-01T10:00:00Z", true);
        next_is("0 12 * * *", "2026-07-01T00:00:00Z", "2026-07-01T12:00:00Z", false);
        zone("UTC");
}

static void wrong_ones_say_why(void **state)
{
        (void)state;
        refused("", "has 0 fields instead of 5");
        refused("* * * *", "has 4 fields instead of 5");
        refused("* * * * * *", "more than 5 fields");
        refused("60 * * * *", "minute: \"60\" is not from 0 to 59");
        refused("* 24 * * *", "hour: \"24\"");
        refused("* * 0 * *", "day of the month: \"0\"");
        refused("* * * 13 *", "month: \"13\"");
        refused("* * * foo *", "month: \"foo\"");
        refused("* * * * 8", "day of the week: \"8\"");
        refused("*/0 * * * *", "the step is a number from 1");
        refused("*/x * * * *", "the step");
        refused("9-5 * * * *", "ends before it begins");
        refused("1,,2 * * * *", "minute: \"\"");
        refused("-1 * * * *", "minute");
        refused("99999999999999999999 * * * *", "minute");
        refused("@sometimes", "minute: \"@sometimes\"");
}

/* The longest way through: every minute of a year agrees with a plain look at the fields. */
static void each_minute_of_a_year_agrees_with_its_fields(void **state)
{
        struct cron cron;
        (void)state;
        assert_int_equal(cron_parse("3-50/7 1,5,22 */3 2-11 1-4", &cron, NULL), 0);
        int64_t at = seconds("2026-01-01T00:00:00Z");
        int64_t end = seconds("2027-01-01T00:00:00Z");
        int64_t next = cron_next(&cron, at - 1, false);
        size_t found = 0;
        for (; at < end; at += 60) {
                time_t when = (time_t)at;
                struct tm tm;
                gmtime_r(&when, &tm);
                bool day = (tm.tm_mday - 1) % 3 == 0;
                bool weekday = tm.tm_wday >= 1 && tm.tm_wday <= 4;
                bool matches = tm.tm_min >= 3 && tm.tm_min <= 50 && (tm.tm_min - 3) % 7 == 0 &&
                               (tm.tm_hour == 1 || tm.tm_hour == 5 || tm.tm_hour == 22) && tm.tm_mon + 1 >= 2 &&
                               tm.tm_mon + 1 <= 11 && day && weekday;
                if (!matches)
                        continue;
                assert_int_equal(next, at);
                next = cron_next(&cron, at, false);
                found++;
        }
        assert_true(found > 500);
}

static void when_a_run_is_due(void **state)
{
        (void)state;
        int64_t now = seconds("2026-11-21T12:00:00Z") * SECOND;
        struct config_schedule every = { .enabled = true, .every_ns = 5 * MINUTE };
        assert_int_equal(schedule_due(&every, 0, now, false), now);
        assert_int_equal(schedule_due(&every, now - MINUTE, now, false), now + 4 * MINUTE);
        assert_int_equal(schedule_due(&every, now - HOUR, now, false), now - 55 * MINUTE); /* missed: at once */
        struct config_schedule off = { .every_ns = MINUTE };
        assert_int_equal(schedule_due(&off, 0, now, false), INT64_MAX);
        struct config_schedule cron = { .enabled = true, .cron = (char *)"0 * * * *" };
        assert_int_equal(cron_parse(cron.cron, &cron.points, NULL), 0);
        assert_int_equal(schedule_due(&cron, 0, now, false), now + HOUR); /* nothing was missed before it was there */
        assert_true(schedule_due(&cron, now - 3 * HOUR, now, false) < now);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields_lists_ranges_steps_and_names),
                cmocka_unit_test(two_day_fields_are_either_or),
                cmocka_unit_test(days_that_are_rare_or_never),
                cmocka_unit_test(daylight_saving),
                cmocka_unit_test(wrong_ones_say_why),
                cmocka_unit_test(each_minute_of_a_year_agrees_with_its_fields),
                cmocka_unit_test(when_a_run_is_due),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
