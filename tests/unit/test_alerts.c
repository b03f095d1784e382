/* Alerts: what is read from those of watch, of fswatch and of anybody, hostile ones too; which are the same; filters.
 */
#include "modules/alerts/alerts.h"

#include "base/cleanup.h"
#include "schema/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena arena;
static struct error err;

#define NOW (INT64_C(1795000000) * SECOND)

static int set_up(void **state)
{
        (void)state;
        arena_init(&arena, 64 << 20);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        arena_done(&arena);
        return 0;
}

static const char *user_of(uint32_t uid, void *cookie)
{
        (void)cookie;
        return uid == 33 ? "www-data" : "";
}

static struct alert_row derive_bytes(struct sv json)
{
        struct alert_row row;
        assert_int_equal(alert_derive(json, "watch", NOW, user_of, NULL, &arena, &row, &err), 0);
        assert_int_equal(alert_evidence(json, &arena, &row.evidence, &err), 0);
        assert_true(json_valid(sv_of(row.evidence)));
        assert_true(json_valid(sv_of(row.tags)));
        /* whatever it says, it is one JSON object on one line */
        struct json_writer writer;
        cleanup(buf_done) struct buf out;
        buf_init(&out, 8 << 20);
        json_writer_init(&writer, &out, 0);
        alert_write(&writer, &row, false);
        assert_false(out.failed);
        assert_true(json_valid(sv_n(out.data, out.len)));
        assert_null(memchr(out.data, '\n', out.len));
        return row;
}

static struct alert_row derive(const char *json)
{
        return derive_bytes(sv_of(json));
}

static void an_alert_of_watch(void **state)
{
        (void)state;
        struct alert_row row = derive(
                "{\"severity\":\"high\",\"alert\":\"sh in web\",\"rule\":\"shell-in-container\",\"summary\":\"…\","
                "\"action\":\"alert\",\"mitre\":[\"T1059\"],\"tags\":[\"shell\",\"container\"],\"event\":{\"type\":"
                "\"exec\","
                "\"process\":{\"pid\":4711,\"comm\":\"sh\",\"exe\":\"/bin/sh\",\"uid\":33,\"container\":{\"engine\":"
                "\"docker\",\"id\":\"0123456789abcdef0123\",\"name\":\"web\",\"image\":\"nginx\"}}}}");
        assert_int_equal(row.severity, ALERT_HIGH);
        assert_string_equal(row.message, "sh in web");
        assert_string_equal(row.rule, "shell-in-container");
        assert_string_equal(row.module, "watch");
        assert_string_equal(row.container, "web");
        assert_string_equal(row.container_id, "0123456789abcdef0123");
        assert_int_equal(row.pid, 4711);
        assert_string_equal(row.exe, "/bin/sh");
        assert_string_equal(row.user, "33"); /* the host's names are not the container's */
        assert_string_equal(row.tags, "[\"shell\",\"container\",\"T1059\"]");
        assert_int_equal(row.time_ns, NOW);
}

static void who_it_was_on_the_host(void **state)
{
        (void)state;
        assert_string_equal(derive("{\"alert\":\"x\",\"event\":{\"process\":{\"uid\":33}}}").user, "www-data");
        assert_string_equal(derive("{\"alert\":\"x\",\"event\":{\"process\":{\"uid\":34}}}").user, "34");
        assert_string_equal(
                derive("{\"alert\":\"x\",\"event\":{\"process\":{\"uid\":0},\"user\":{\"account\":\"ann\"}}}").user,
                "ann");
        assert_string_equal(derive("{\"alert\":\"x\",\"event\":{\"process\":{\"uid\":-1}}}").user, "");
        assert_string_equal(derive("{\"alert\":\"x\",\"event\":{\"process\":{\"uid\":4294967295}}}").user, "");
}

static void a_container_without_a_name(void **state)
{
        (void)state;
        assert_string_equal(derive("{\"event\":{\"process\":{\"container\":{\"engine\":\"docker\",\"id\":"
                                   "\"0123456789abcdef0123\"}}}}")
                                    .container,
                "0123456789ab");
        assert_string_equal(derive("{\"event\":{\"process\":{\"container\":{\"engine\":\"lxc\"}}}}").container, "lxc");
}

static void an_alert_of_fswatch(void **state)
{
        (void)state;
        struct alert_row row = derive("{\"severity\":\"critical\",\"alert\":\"/etc/x signature changed\",\"event\":"
                                      "\"changed\",\"path\":\"/etc/x\",\"pid\":12,\"who\":{\"comm\":\"vi\",\"exe\":"
                                      "\"/usr/bin/vi\",\"uid\":33,\"container\":{\"engine\":\"podman\",\"id\":\"ff\","
                                      "\"name\":\"box\"}}}");
        assert_int_equal(row.severity, ALERT_CRITICAL);
        assert_string_equal(row.rule, "changed");
        assert_string_equal(row.message, "/etc/x signature changed");
        assert_string_equal(row.container, "box");
        assert_int_equal(row.pid, 12);
        assert_string_equal(row.exe, "/usr/bin/vi");
        assert_string_equal(row.user, "33");
        row = derive("{\"severity\":\"low\",\"alert\":\"gone\",\"event\":\"removed\"}"); /* nobody was told */
        assert_string_equal(row.rule, "removed");
        assert_int_equal(row.pid, 0);
}

static void an_alert_of_anybody(void **state)
{
        (void)state;
        struct alert_row row = derive("{\"message\":\"hello\",\"user\":\"ann\",\"container\":\"web\",\"pid\":3}");
        assert_string_equal(row.message, "hello");
        assert_string_equal(row.user, "ann");
        assert_string_equal(row.container, "web");
        assert_int_equal(row.severity, ALERT_HIGH); /* not said: not taken for harmless */
        assert_string_equal(derive("\"only a text\"").message, "only a text");
        assert_string_equal(derive("plain words").message, "plain words");
        assert_string_equal(derive("plain words").evidence, "\"plain words\"");
        assert_string_equal(derive("{\"a\":1}").message, "{\"a\":1}");
        assert_string_equal(derive("[1,2]").message, "[1,2]");
        assert_string_equal(derive("42").message, "42");
        assert_string_equal(derive("").message, "");
        assert_int_equal(derive("{\"severity\":\"CRITICAL\"}").severity, ALERT_CRITICAL);
        assert_int_equal(derive("{\"severity\":9}").severity, ALERT_HIGH);
}

static void hostile_texts(void **state)
{
        (void)state;
        char long_text[3 * ALERT_MESSAGE_MAX];
        struct buf json;
        /* any byte, in and out of JSON */
        for (int c = 0; c < 256; c++) {
                char bytes[3] = { 'a', (char)c, 'b' };
                derive_bytes(sv_n(bytes, 3));
                char quoted[] = "{\"alert\":\"_\",\"rule\":\"_\",\"event\":{\"process\":{\"exe\":\"_\",\"container\":"
                                "{\"id\":\"_\"}}}}";
                for (char *at = quoted; (at = strchr(at, '_')); at++)
                        *at = (char)c;
                derive_bytes(sv_n(quoted, sizeof(quoted) - 1));
        }
        /* lines, escapes and the marks of terminals are one text */
        assert_string_equal(derive("{\"alert\":\"a\\n\\u001b[31m\\r\\nevent: alert\\n\\ndata: {}\"}").message,
                "a\n\x1b[31m\r\nevent: alert\n\ndata: {}");
        /* whole characters remain of what is too long */
        memset(long_text, 0, sizeof(long_text));
        for (size_t i = 0; i + 3 < sizeof(long_text); i += 3)
                memcpy(long_text + i, "€", 3);
        buf_init(&json, 64 << 10);
        buf_printf(&json, "{\"alert\":\"x%s\",\"rule\":\"xy%s\",\"tags\":[\"%s\",1,null,\"t\"]}", long_text, long_text,
                long_text);
        struct alert_row row = derive(buf_text(&json));
        assert_true(strlen(row.message) <= ALERT_MESSAGE_MAX && strlen(row.message) > ALERT_MESSAGE_MAX - 8);
        assert_true(strlen(row.rule) <= ALERT_RULE_MAX);
        cleanup(json_decref) json_t *tags = json_parse(sv_of(row.tags), true, &err);
        assert_non_null(tags);
        assert_int_equal(json_array_size(tags), 2);
        buf_done(&json);
        /* deep, wrong kinds, many */
        derive("{\"event\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]],\"who\":7,\"tags\":{\"a\":1},\"mitre\":\"x\",\"alert\":[],"
               "\"rule\":{},\"pid\":1e99}");
        derive("{\"event\":{\"process\":7,\"user\":[]},\"pid\":-4,\"severity\":null}");
        buf_init(&json, 1 << 20);
        buf_puts(&json, "{\"tags\":[\"\"");
        for (int i = 0; i < 5000; i++)
                buf_puts(&json, ",\"\\u0001\\u0002\\u0003\"");
        buf_puts(&json, "]}");
        cleanup(json_decref) json_t *many = json_parse(sv_of(derive(buf_text(&json)).tags), true, &err);
        assert_int_equal(json_array_size(many), ALERT_TAGS_MAX);
        buf_done(&json);
        /* too long to be read: kept as the beginning of a text */
        char *huge = malloc(1 << 20);
        memset(huge, '"', 1 << 20);
        row = derive_bytes(sv_n(huge, 1 << 20));
        assert_true(strlen(row.evidence) < ALERT_TEXT_MAX);
        free(huge);
}

static void privacy_masks_what_was_typed(void **state)
{
        (void)state;
        struct json_writer writer;
        cleanup(buf_done) struct buf out;
        struct alert_row row = derive("{\"alert\":\"secret-word\",\"rule\":\"r\",\"event\":{\"process\":{\"pid\":3}}}");
        buf_init(&out, 1 << 20);
        json_writer_init(&writer, &out, 0);
        alert_write(&writer, &row, true);
        assert_null(strstr(buf_text(&out), "secret-word"));
        assert_non_null(strstr(buf_text(&out), "\"rule\":\"r\""));
        assert_non_null(strstr(buf_text(&out), "\"evidence\":\"masked\""));
}

static void what_is_written_is_what_the_schema_says(void **state)
{
        (void)state;
        struct json_writer writer;
        cleanup(buf_done) struct buf out;
        struct alert_row row = derive(
                "{\"alert\":\"a\",\"rule\":\"r\",\"tags\":[\"t\"],\"event\":{\"process\":{\"pid\":3,\"exe\":\"/x\","
                "\"uid\":1,\"container\":{\"id\":\"1234567890\",\"name\":\"n\"}}}}");
        row.id = 7;
        row.mute = 2;
        row.state = ALERT_ACKNOWLEDGED;
        row.acknowledged_ns = NOW;
        row.acknowledged_by = "uid 0 (root)";
        row.comment = "seen";
        buf_init(&out, 1 << 20);
        json_writer_init(&writer, &out, 0);
        alert_write(&writer, &row, false);
        cleanup(json_decref) json_t *value = json_parse(sv_n(out.data, out.len), true, &err);
        struct alert_element element;
        assert_int_equal(record_read(&alert_record, value, &element, &arena, READ_STRICT, &err), 0);
        assert_int_equal(element.id, 7);
        assert_int_equal(element.mute, 2);
        assert_true(element.is_acknowledged);
        assert_string_equal(element.acknowledged.by, "uid 0 (root)");
        assert_int_equal(json_object_size(value), alert_record.count); /* every one of them */
}

/* ---- the same again ---- */

static struct alert_row some(const char *rule, const char *message, int64_t at_ns)
{
        return (struct alert_row){ .time_ns = at_ns,
                .last_ns = at_ns,
                .count = 1,
                .module = "watch",
                .rule = rule,
                .message = message,
                .container = "",
                .container_id = "",
                .exe = "",
                .user = "",
                .tags = "[]",
                .evidence = "{}",
                .acknowledged_by = "",
                .comment = "" };
}

static bool known(struct recents *recents, struct alert_row row)
{
        bool over;
        struct recent *recent = recents_find(recents, &row, &over);
        return recent && !over;
}

static void the_same_within_a_minute(void **state)
{
        (void)state;
        struct recents recents;
        bool over;
        recents_init(&recents);
        struct alert_row row = some("r", "m", NOW);
        row.id = 1;
        assert_false(known(&recents, row));
        recents_put(&recents, &row);
        assert_true(known(&recents, some("r", "m", NOW + 60 * SECOND)));
        assert_false(known(&recents, some("r", "m", NOW + 61 * SECOND)));
        assert_false(known(&recents, some("r", "m", NOW - HOUR))); /* the clock was set back */
        assert_false(known(&recents, some("r", "n", NOW)));
        assert_false(known(&recents, some("s", "m", NOW)));
        assert_false(known(&recents, some("rm", "", NOW))); /* parts do not run together */
        struct alert_row other = some("r", "m", NOW);
        other.container = "web";
        assert_false(known(&recents, other));
        other = some("r", "m", NOW);
        other.mute = 3;
        assert_false(known(&recents, other));
        /* it goes on as long as it comes each minute, up to an hour */
        struct recent *recent = recents_find(&recents, &row, &over);
        recent->last_ns = NOW + 59 * MINUTE + 30 * SECOND;
        assert_true(known(&recents, some("r", "m", NOW + 60 * MINUTE)));
        assert_false(known(&recents, some("r", "m", NOW + 60 * MINUTE + SECOND)));
        recent->last_ns = NOW;
        recents_forget(&recents, 1); /* somebody has seen to it: the next one is new */
        assert_false(known(&recents, row));
        recents_done(&recents);
}

static void a_rule_that_says_too_much(void **state)
{
        (void)state;
        struct recents recents;
        recents_init(&recents);
        struct alert_row row = some("loud", "", NOW / MINUTE * MINUTE);
        for (int i = 0; i < 5; i++)
                assert_true(recents_rule_may(&recents, &row, 5));
        assert_false(recents_rule_may(&recents, &row, 5));
        struct alert_row other = some("quiet", "", row.time_ns);
        assert_true(recents_rule_may(&recents, &other, 5));
        row.time_ns += MINUTE; /* the next one is another */
        assert_true(recents_rule_may(&recents, &row, 5));
        recents_done(&recents);
}

static void the_tables_are_bounded(void **state)
{
        (void)state;
        struct recents recents;
        char text[32];
        recents_init(&recents);
        for (int i = 0; i < 4 * RECENT_MAX; i++) {
                snprintf(text, sizeof(text), "%d", i);
                struct alert_row row = some(text, text, NOW);
                row.id = i + 1;
                recents_put(&recents, &row);
                recents_rule_may(&recents, &row, 5);
                assert_true(recents.alerts.count <= RECENT_MAX && recents.rules.count <= RECENT_RULES_MAX);
        }
        assert_true(recents.evicted > 0);
        recents_expire(&recents, NOW + DAY);
        assert_int_equal(recents.alerts.count, 0);
        assert_int_equal(recents.rules.count, 0);
        recents_done(&recents);
}

/* ---- filters ---- */

static bool matches_masked(const char *json, const struct alert_row *row, bool privacy)
{
        struct alert_filter filter;
        struct alerts_params params;
        cleanup(json_decref) json_t *value = json_parse(sv_of(json), true, &err);
        assert_int_equal(record_read(&alerts_params_record, value, &params, &arena, READ_STRICT, &err), 0);
        assert_int_equal(alert_filter_init(&filter, &params, NOW, privacy, &err), 0);
        return alert_filter_match(&filter, row);
}

static bool matches(const char *json, const struct alert_row *row)
{
        return matches_masked(json, row, false);
}

static void filters(void **state)
{
        (void)state;
        struct alert_row row = some("shell-in-container", "bash by Ann", NOW - HOUR);
        row.severity = ALERT_MEDIUM;
        row.container = "web-1";
        row.container_id = "abcdef012345";
        row.exe = "/usr/bin/bash";
        row.last_ns = NOW - 10 * MINUTE;
        assert_true(matches("{}", &row));
        assert_true(matches("{\"severity\":\"medium\"}", &row));
        assert_false(matches("{\"severity\":\"high\"}", &row));
        assert_true(matches("{\"state\":[\"open\",\"muted\"]}", &row));
        assert_false(matches("{\"state\":[\"acknowledged\"]}", &row));
        assert_true(matches("{\"rule\":\"shell*\"}", &row));
        assert_false(matches("{\"rule\":\"shell\"}", &row));
        assert_true(matches("{\"container\":\"web-1\"}", &row));
        assert_true(matches("{\"container\":\"abcd\"}", &row));
        assert_false(matches("{\"container\":\"abc\"}", &row)); /* too short for an id */
        assert_true(matches("{\"text\":\"BASH BY\"}", &row));
        assert_true(matches("{\"text\":\"usr/bin\"}", &row));
        assert_false(matches("{\"text\":\"zsh\"}", &row));
        assert_false(matches_masked("{\"text\":\"BASH BY\"}", &row, true)); /* what is masked cannot be guessed */
        assert_true(matches_masked("{\"text\":\"usr/bin\"}", &row, true));
        assert_true(matches("{\"since\":\"30m\"}", &row)); /* it came again since */
        assert_false(matches("{\"since\":\"5m\"}", &row));
        assert_true(matches("{\"until\":\"30m\"}", &row)); /* it began before */
        assert_false(matches("{\"until\":\"2h\"}", &row));
        assert_false(matches("{\"module\":\"fswatch\"}", &row));

        struct alert_filter filter;
        struct alerts_params params = { .since = (char *)"yesterday" };
        assert_int_equal(alert_filter_init(&filter, &params, NOW, false, &err), -1);
        assert_int_equal(err.code, E_INVALID);
        assert_int_equal(strncmp(err.message, "since: ", 7), 0);
}

/* ---- by which time they grow old ---- */

static const int64_t noon = INT64_C(1795000000) * SECOND, retain = 30 * DAY;

static void a_clock_that_goes_as_it_should(void **state)
{
        (void)state;
        enum age_change change;
        struct age_clock clock = { .wall_ns = noon, .boot_ns = 100 * SECOND };
        assert_int_equal(age_now(&clock, noon, 100 * SECOND, retain, &change), noon);
        assert_int_equal(change, AGE_SAME);
        /* asleep for 90 days: the time since the boot goes on */
        assert_int_equal(age_now(&clock, noon + 90 * DAY, 100 * SECOND + 90 * DAY, retain, &change), noon + 90 * DAY);
        assert_int_equal(change, AGE_SAME);
        /* off for three days, or set by an hour: nothing that matters */
        assert_int_equal(age_now(&clock, noon + 93 * DAY, 100 * SECOND + 90 * DAY, retain, &change), noon + 93 * DAY);
        assert_int_equal(change, AGE_SAME);
        assert_int_equal(age_believed(&clock, 101 * SECOND + 90 * DAY), noon + 93 * DAY + SECOND);
}

static void a_clock_set_far_ahead(void **state)
{
        (void)state;
        enum age_change change;
        struct age_clock clock = { .wall_ns = noon, .boot_ns = HOUR };
        const int64_t ahead = noon + 5000 * DAY;
        assert_int_equal(age_now(&clock, ahead, HOUR + MINUTE, retain, &change), noon + MINUTE);
        assert_int_equal(change, AGE_DOUBTED);
        assert_int_equal(age_now(&clock, ahead + HOUR, 2 * HOUR + MINUTE, retain, &change), noon + HOUR + MINUTE);
        assert_int_equal(change, AGE_SAME); /* told once */
        assert_int_equal(age_believed(&clock, 2 * HOUR), noon + HOUR);
        assert_int_equal(age_now(&clock, noon + 2 * HOUR, 3 * HOUR, retain, &change), noon + 2 * HOUR);
        assert_int_equal(change, AGE_RETURNED);
        /* it stays there for a day: so it is */
        assert_int_equal(age_now(&clock, ahead, 4 * HOUR, retain, &change), noon + 3 * HOUR);
        assert_int_equal(change, AGE_DOUBTED);
        assert_true(age_now(&clock, ahead + DAY - SECOND, 4 * HOUR + DAY - SECOND, retain, &change) < noon + 2 * DAY);
        assert_int_equal(change, AGE_SAME);
        assert_int_equal(age_now(&clock, ahead + DAY, 4 * HOUR + DAY, retain, &change), ahead + DAY);
        assert_int_equal(change, AGE_BELIEVED);
        assert_int_equal(age_now(&clock, ahead + DAY, 4 * HOUR + DAY, retain, &change), ahead + DAY);
        assert_int_equal(change, AGE_SAME);
}

static void a_clock_that_begins_in_the_past(void **state)
{
        (void)state;
        enum age_change change;
        struct age_clock clock = { .wall_ns = noon, .boot_ns = 0 };
        assert_int_equal(age_now(&clock, 5 * SECOND, 0, retain, &change), 5 * SECOND); /* 1970: nothing is old */
        assert_int_equal(change, AGE_DOUBTED);
        /* the network tells the time: a long way, but where it should be */
        assert_int_equal(age_now(&clock, noon + HOUR, MINUTE, retain, &change), noon + HOUR);
        assert_int_equal(change, AGE_RETURNED);
}

/* A host that runs for eight hours a day, after a month without it: restarts do not begin the trial anew. */
static void a_host_that_never_runs_for_a_day(void **state)
{
        (void)state;
        enum age_change change;
        const int64_t start = MINUTE; /* of the boot */
        int64_t known = noon, tried = 0, wall = noon + 30 * DAY;
        for (int day = 0; day < 3; day++, wall += DAY) {
                struct age_clock clock = { .wall_ns = known, .boot_ns = start, .tried_ns = tried };
                assert_true(age_now(&clock, wall, start, retain, &change) < noon + 2 * DAY);
                assert_int_equal(change, AGE_DOUBTED);
                age_now(&clock, wall + 4 * HOUR, start + 4 * HOUR, retain, &change);
                assert_int_equal(change, AGE_SAME);
                known = age_believed(&clock, start + 8 * HOUR);
                tried = age_tried(&clock, start + 8 * HOUR);
                assert_int_equal(tried, (day + 1) * 8 * HOUR);
        }
        struct age_clock clock = { .wall_ns = known, .boot_ns = start, .tried_ns = tried };
        assert_int_equal(age_now(&clock, wall, start, retain, &change), wall);
        assert_int_equal(change, AGE_BELIEVED);
        assert_int_equal(age_tried(&clock, HOUR), 0);
        /* back where it should be: the next doubt begins at nothing */
        clock = (struct age_clock){ .wall_ns = wall, .boot_ns = 0, .tried_ns = 20 * HOUR };
        age_now(&clock, wall + HOUR, HOUR, retain, &change);
        assert_int_equal(change, AGE_RETURNED);
        assert_int_equal(age_tried(&clock, 2 * HOUR), 0);
}

/* What is kept for an hour only is not kept longer for a jump of a day. */
static void a_short_retention(void **state)
{
        (void)state;
        enum age_change change;
        struct age_clock clock = { .wall_ns = noon, .boot_ns = 0 };
        assert_int_equal(age_now(&clock, noon + 10 * MINUTE, 0, HOUR, &change), noon + 10 * MINUTE);
        assert_int_equal(change, AGE_SAME);
        assert_int_equal(age_now(&clock, noon + HOUR, 0, HOUR, &change), noon + 10 * MINUTE);
        assert_int_equal(change, AGE_DOUBTED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_alert_of_watch, set_up, tear_down),
                cmocka_unit_test_setup_teardown(who_it_was_on_the_host, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_container_without_a_name, set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_alert_of_fswatch, set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_alert_of_anybody, set_up, tear_down),
                cmocka_unit_test_setup_teardown(hostile_texts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(privacy_masks_what_was_typed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_written_is_what_the_schema_says, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_same_within_a_minute, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_rule_that_says_too_much, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_tables_are_bounded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(filters, set_up, tear_down),
                cmocka_unit_test(a_clock_that_goes_as_it_should),
                cmocka_unit_test(a_clock_set_far_ahead),
                cmocka_unit_test(a_clock_that_begins_in_the_past),
                cmocka_unit_test(a_host_that_never_runs_for_a_day),
                cmocka_unit_test(a_short_retention),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
