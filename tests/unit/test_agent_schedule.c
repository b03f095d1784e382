/* Days of the scheduler in no time: the wall clock and the loop's are the test's, and runs are what it says. */
#include "agent/runs.h"
#include "agent/schedule.h"
#include "base/cleanup.h"
#include "schema/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { STARTS_MAX = 4096, ENTRIES = 8 };

static struct agent agent;
static struct agent_config config;
static struct config_schedule entries[ENTRIES];
static struct loop_fake_clock fake;
static int64_t wall_ns;
static char directory[64];

/* What was started, and when by the wall clock. */
static struct {
        char name[32];
        int64_t at_ns;
} starts[STARTS_MAX];
static size_t start_count;

/* The run under way of an entry that has one. */
static struct {
        const char *name; /* whose runs take time */
        int64_t lasts_ns;
        int64_t ends_ns; /* by the loop's clock; 0 = none is under way */
        void (*on_end)(struct agent *agent, void *cookie);
        void *cookie;
} slow;

int __wrap_runs_start(struct agent *agent_, const struct run_request *request, char *ret_id, struct error *err);
const struct catalog_entry *__wrap_catalog_find(struct catalog *catalog, const char *name, struct error *err);

/* Called for the scheduler's runs in place of the real one. */
int __wrap_runs_start(struct agent *agent_, const struct run_request *request, char *ret_id, struct error *err)
{
        const char *name = request->caller->identity + strlen("schedule ");
        (void)err;
        assert_true(start_count < STARTS_MAX);
        snprintf(starts[start_count].name, sizeof(starts[0].name), "%s", name);
        starts[start_count++].at_ns = wall_ns;
        snprintf(ret_id, RUN_ID_MAX, "%zu", start_count);
        if (!slow.name || strcmp(name, slow.name) != 0) {
                request->on_end(agent_, request->cookie); /* over at once */
                return 0;
        }
        assert_int_equal(slow.ends_ns, 0); /* never two of one entry side by side */
        slow.ends_ns = fake.now_ns + slow.lasts_ns;
        slow.on_end = request->on_end;
        slow.cookie = request->cookie;
        return 0;
}

const struct catalog_entry *__wrap_catalog_find(struct catalog *catalog, const char *name, struct error *err)
{
        static struct module module = { .name = "example" };
        static const struct catalog_entry entry = { .module = &module };
        (void)catalog;
        (void)name;
        (void)err;
        return &entry;
}

static int64_t wall_now(void)
{
        return wall_ns;
}

static int64_t at(const char *text)
{
        int64_t ns;
        assert_true(time_parse(sv_of(text), &ns));
        return ns;
}

static void every(const char *name, int64_t ns)
{
        entries[config.schedule.count++] = (struct config_schedule){
                .name = (char *)name, .module = (char *)"example", .every_ns = ns, .enabled = true
        };
}

static void points(const char *name, const char *cron)
{
        struct error err;
        struct config_schedule *entry = &entries[config.schedule.count++];
        *entry = (struct config_schedule){
                .name = (char *)name, .module = (char *)"example", .cron = (char *)cron, .enabled = true
        };
        assert_int_equal(cron_parse(cron, &entry->points, &err), 0);
}

static void begin(const char *now)
{
        struct error err;
        wall_ns = at(now);
        agent.schedule = schedule_new(&agent, wall_now, &err);
        assert_non_null(agent.schedule);
        assert_int_equal(schedule_start(&agent, &err), 0);
}

static void turn(void)
{
        struct error err;
        if (slow.ends_ns && fake.now_ns >= slow.ends_ns) {
                slow.ends_ns = 0;
                slow.on_end(&agent, slow.cookie);
        }
        for (int i = 0; i < 4 && loop_run_once(agent.loop, 0, &err) > 0; i++)
                continue;
}

/* Both clocks go on, in steps. */
static void pass(int64_t ns, int64_t step_ns)
{
        for (int64_t left = ns; left > 0; left -= step_ns) {
                int64_t by = left < step_ns ? left : step_ns;
                wall_ns += by;
                fake_clock_advance(&fake, by);
                turn();
        }
}

/* The wall clock alone is set: by hand, or because the host slept. */
static void set_wall(const char *now)
{
        wall_ns = at(now);
}

static size_t runs_of(const char *name)
{
        size_t count = 0;
        for (size_t i = 0; i < start_count; i++)
                count += strcmp(starts[i].name, name) == 0;
        return count;
}

static int64_t run_of(const char *name, size_t index)
{
        for (size_t i = 0; i < start_count; i++)
                if (strcmp(starts[i].name, name) == 0 && index-- == 0)
                        return starts[i].at_ns;
        fail_msg("%s did not run that often", name);
        return 0;
}

static int set_up(void **state)
{
        char path[128];
        struct error err;
        (void)state;
        agent = (struct agent){ .config = &config };
        config = (struct agent_config){ .schedule = { .items = entries } };
        start_count = 0;
        memset(&slow, 0, sizeof(slow));
        setenv("TZ", "UTC", 1);
        tzset();
        snprintf(directory, sizeof(directory), "/tmp/tarsier-schedule-XXXXXX");
        if (!mkdtemp(directory))
                return -1;
        snprintf(path, sizeof(path), "%s/runs.db", directory);
        agent.log = runlog_open(path, false, &err);
        snprintf(path, sizeof(path), "%s/saved.json", directory);
        agent.saved = saved_open(path, &err);
        fake_clock_init(&fake, 1000 * SECOND);
        fake.manual = true;
        agent.loop = loop_new(&(struct loop_options){ .clock = &fake.clock }, &err);
        return agent.log && agent.saved && agent.loop ? 0 : -1;
}

static int tear_down(void **state)
{
        static const char *const files[] = { "runs.db", "runs.db-wal", "runs.db-shm", "runs.db.head", "saved.json" };
        char path[128];
        (void)state;
        schedule_stop(&agent);
        schedule_free(agent.schedule);
        saved_close(agent.saved);
        runlog_close(agent.log);
        loop_free(agent.loop);
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
                unlink(path);
        }
        return rmdir(directory);
}

/* ---- */

static void a_day(void **state)
{
        (void)state;
        every("quarter", 15 * MINUTE);
        every("seven", 7 * MINUTE);
        points("night", "30 3 * * *");
        points("office", "*/20 9-10 * * mon-fri");
        points("weekend", "0 * * * sat,sun");
        every("off", MINUTE);
        entries[5].enabled = false;
        begin("2026-03-02T00:00:00Z"); /* a Monday */
        turn();
        pass(DAY - SECOND, SECOND);
        assert_int_equal(runs_of("quarter"), 96);
        for (size_t i = 0; i < 96; i++)
                assert_int_equal(run_of("quarter", i), at("2026-03-02T00:00:00Z") + (int64_t)i * 15 * MINUTE);
        assert_int_equal(runs_of("seven"), 206); /* 0, 7, …, 1435 minutes */
        assert_int_equal(run_of("seven", 205), at("2026-03-02T23:55:00Z"));
        assert_int_equal(runs_of("night"), 1);
        assert_int_equal(run_of("night", 0), at("2026-03-02T03:30:00Z"));
        assert_int_equal(runs_of("office"), 6);
        assert_int_equal(run_of("office", 0), at("2026-03-02T09:00:00Z"));
        assert_int_equal(run_of("office", 5), at("2026-03-02T10:40:00Z"));
        assert_int_equal(runs_of("weekend") + runs_of("off"), 0);
        assert_int_equal(agent.counters.schedule_started, start_count);
        assert_int_equal(agent.counters.schedule_skipped + agent.counters.schedule_missed, 0);
}

/* Turns of the loop that come late, each by another time, move no later point. */
static void jitter_does_not_add_up(void **state)
{
        uint32_t random = 1;
        (void)state;
        every("ten", 10 * MINUTE);
        points("hour", "0 * * * *");
        begin("2026-03-02T00:00:00Z");
        turn();
        for (int64_t passed = 0; passed < DAY;) {
                random = random * 1664525 + 1013904223;
                int64_t by = (1 + (int64_t)(random >> 16) % 45000) * MILLISECOND;
                by = passed + by > DAY ? DAY - passed : by;
                pass(by, by);
                passed += by;
        }
        assert_true(runs_of("ten") >= 144 && runs_of("hour") >= 23);
        for (size_t i = 0; i < 144; i++) {
                int64_t late = run_of("ten", i) - (at("2026-03-02T00:00:00Z") + (int64_t)i * 10 * MINUTE);
                assert_true(late >= 0 && late <= 45 * SECOND);
        }
        for (size_t i = 0; i < 23; i++) {
                int64_t late = run_of("hour", i) - (at("2026-03-02T01:00:00Z") + (int64_t)i * HOUR);
                assert_true(late >= 0 && late <= 45 * SECOND);
        }
}

static void a_run_longer_than_its_interval(void **state)
{
        (void)state;
        every("minute", MINUTE);
        every("other", MINUTE);
        slow.name = "minute";
        slow.lasts_ns = 150 * SECOND;
        begin("2026-03-02T00:00:00Z");
        turn();
        pass(9 * MINUTE - SECOND, SECOND);
        /* at 0, 3 and 6; skipped at 1, 2, 4, 5, 7 and 8 */
        assert_int_equal(runs_of("minute"), 3);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(run_of("minute", i), at("2026-03-02T00:00:00Z") + (int64_t)i * 3 * MINUTE);
        assert_int_equal(agent.counters.schedule_skipped, 6);
        assert_int_equal(runs_of("other"), 9); /* it holds up nobody else */
}

static void a_clock_that_is_set_forward(void **state)
{
        (void)state;
        every("ten", 10 * MINUTE);
        points("night", "30 3 * * *");
        points("often", "*/5 * * * *");
        begin("2026-03-02T01:00:00Z");
        turn();
        pass(2 * MINUTE, SECOND);
        set_wall("2026-03-02T06:01:30Z"); /* five hours: thirty intervals, sixty points and one night */
        pass(61 * SECOND, SECOND);        /* seen without waiting for what was planned */
        assert_int_equal(runs_of("ten"), 2);
        assert_int_equal(runs_of("night"), 1);
        assert_int_equal(runs_of("often"), 1);
        int64_t seen = run_of("ten", 1);
        assert_true(seen >= at("2026-03-02T06:01:30Z") && seen <= at("2026-03-02T06:02:31Z"));
        pass(20 * MINUTE, SECOND);
        assert_int_equal(run_of("ten", 2), seen + 10 * MINUTE); /* a new phase */
        assert_int_equal(run_of("often", 1), at("2026-03-02T06:05:00Z"));
        assert_int_equal(runs_of("night"), 1);
}

static void a_clock_that_is_set_back(void **state)
{
        (void)state;
        every("ten", 10 * MINUTE);
        points("often", "*/5 * * * *");
        begin("2026-03-02T02:00:00Z");
        turn();
        pass(11 * MINUTE, SECOND);
        assert_int_equal(runs_of("ten"), 2);
        assert_int_equal(runs_of("often"), 2);
        set_wall("2026-03-02T01:11:00Z"); /* an hour */
        pass(30 * MINUTE, SECOND);
        /* the interval goes on; points that have been do not come again */
        assert_int_equal(runs_of("ten"), 4);
        assert_true(run_of("ten", 2) <= at("2026-03-02T01:22:00Z"));
        assert_int_equal(runs_of("often"), 2);
        pass(40 * MINUTE, SECOND); /* 02:21 for the second time */
        assert_int_equal(run_of("often", 2), at("2026-03-02T02:15:00Z"));
        set_wall("2025-03-02T12:00:00Z"); /* it was wrong by a year */
        pass(12 * MINUTE, SECOND);
        assert_int_equal(run_of("often", runs_of("often") - 1), at("2025-03-02T12:10:00Z"));
        assert_true(run_of("ten", runs_of("ten") - 1) > at("2025-03-02T12:09:00Z"));
        assert_true(run_of("ten", runs_of("ten") - 1) <= at("2025-03-02T12:12:00Z"));
}

/* A host whose clock was years ahead when the agent came up first: nothing has run yet that would show it. */
static void a_clock_that_was_wrong_from_the_first(void **state)
{
        (void)state;
        points("night", "30 3 * * *");
        begin("2036-03-02T12:00:00Z");
        turn();
        set_wall("2026-03-02T01:00:00Z");
        pass(3 * HOUR, SECOND);
        assert_int_equal(runs_of("night"), 1);
        assert_int_equal(run_of("night", 0), at("2026-03-02T03:30:00Z"));
}

/* Who saved it is no user any more, or cannot be looked up, and is one again: no reload tells of that. */
static void rights_that_come_back(void **state)
{
        char *users[] = { (char[]){ "4242" } }, *roles[] = { (char[]){ "admin" } };
        bool created;
        struct error err;
        (void)state;
        cleanup(json_decref) json_t *entry = json_pack("{s:s, s:s}", "module", "example", "every", "10m");
        assert_int_equal(
                saved_put(agent.saved, "mine", entry, "uid 4242 (ann)", at("2026-03-02T00:00:00Z"), &created, &err), 0);
        config.local_roles.keys = users;
        config.local_roles.items = roles;
        begin("2026-03-02T00:00:00Z");
        turn();
        pass(HOUR, SECOND);
        assert_int_equal(runs_of("mine"), 0);
        config.local_roles.count = 1;
        pass(MINUTE, SECOND);
        assert_int_equal(runs_of("mine"), 1);
        config.local_roles.count = 0;
        pass(HOUR, SECOND);
        assert_int_equal(runs_of("mine"), 1);
        config.local_roles.count = 1;
        pass(10 * MINUTE, SECOND); /* what was due meanwhile is not made up for */
        assert_int_equal(runs_of("mine"), 1);
        pass(MINUTE, SECOND);
        assert_int_equal(runs_of("mine"), 2);
}

/* CLOCK_MONOTONIC stands while the host sleeps (clock_gettime(2)), so the loop's timers have not moved. */
static void what_was_due_while_the_host_slept(void **state)
{
        (void)state;
        every("hour", HOUR);
        points("night", "30 3 * * *");
        points("noon", "0 12 * * *");
        begin("2026-03-02T00:00:00Z");
        turn();
        pass(90 * MINUTE, SECOND);
        assert_int_equal(runs_of("hour"), 2);
        set_wall("2026-03-02T09:30:00Z");
        pass(MINUTE, SECOND);
        assert_int_equal(runs_of("hour"), 3); /* once for eight */
        assert_int_equal(runs_of("night"), 1);
        assert_int_equal(runs_of("noon"), 0);
        pass(DAY, MINUTE);
        assert_int_equal(runs_of("noon"), 1);
        assert_int_equal(runs_of("night"), 2);
        assert_int_equal(runs_of("hour"), 27);
}

/* Summer begins in Berlin on 2026-03-29 (02:00 to 03:00) and ends on 2026-10-25 (03:00 to 02:00). */
static void daylight_saving(void **state)
{
        (void)state;
        setenv("TZ", "Europe/Berlin", 1);
        tzset();
        config.local_time = true;
        points("gap", "30 2 * * *");
        points("often", "*/15 * * * *");
        every("hour", HOUR);
        begin("2026-03-28T23:00:00Z"); /* midnight in Berlin */
        turn();
        pass(DAY, 10 * SECOND); /* to 01:00 of the 30th there */
        assert_int_equal(runs_of("gap"), 1);
        int64_t gap = run_of("gap", 0); /* 02:30 is not there that night */
        assert_true(gap >= at("2026-03-29T01:00:00Z") && gap <= at("2026-03-29T01:30:00Z"));
        assert_int_equal(runs_of("hour"), 25);
        assert_int_equal(runs_of("often"), 96); /* real quarters of an hour: none is missing, none comes twice */
        for (size_t i = 1; i < 96; i++)
                assert_int_equal(run_of("often", i) - run_of("often", i - 1), 15 * MINUTE);
        /* the next night is as always */
        pass(2 * HOUR, 10 * SECOND);
        assert_int_equal(runs_of("gap"), 2);
        assert_int_equal(run_of("gap", 1), at("2026-03-30T00:30:00Z"));
}

static void the_hour_that_comes_twice(void **state)
{
        (void)state;
        setenv("TZ", "Europe/Berlin", 1);
        tzset();
        config.local_time = true;
        points("twice", "30 2 * * *");
        every("hour", HOUR);
        begin("2026-10-24T22:00:00Z"); /* midnight of the 25th, a day of 25 hours */
        turn();
        pass(25 * HOUR - SECOND, 10 * SECOND);
        assert_int_equal(runs_of("twice"), 1);
        assert_int_equal(run_of("twice", 0), at("2026-10-25T00:30:00Z")); /* the first of the two */
        assert_int_equal(runs_of("hour"), 25);
        for (size_t i = 1; i < 25; i++)
                assert_int_equal(run_of("hour", i) - run_of("hour", i - 1), HOUR);
}

/* A change of the entries while they run: a reload keeps the last times of those that stay. */
static void a_reload_in_between(void **state)
{
        struct error err;
        (void)state;
        every("ten", 10 * MINUTE);
        every("gone", 10 * MINUTE);
        begin("2026-03-02T00:00:00Z");
        turn();
        pass(5 * MINUTE, SECOND);
        config.schedule.count = 1;
        every("fresh", HOUR);
        entries[0].every_ns = 20 * MINUTE;
        assert_int_equal(schedule_reload(&agent, &err), 0);
        turn();
        pass(35 * MINUTE, SECOND);
        assert_int_equal(runs_of("gone"), 1);
        assert_int_equal(runs_of("fresh"), 1);
        assert_int_equal(run_of("fresh", 0), at("2026-03-02T00:05:00Z"));
        assert_int_equal(runs_of("ten"), 3);
        assert_int_equal(run_of("ten", 1), at("2026-03-02T00:20:00Z"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_day),
                TEST(jitter_does_not_add_up),
                TEST(a_run_longer_than_its_interval),
                TEST(a_clock_that_is_set_forward),
                TEST(a_clock_that_is_set_back),
                TEST(a_clock_that_was_wrong_from_the_first),
                TEST(rights_that_come_back),
                TEST(what_was_due_while_the_host_slept),
                TEST(daylight_saving),
                TEST(the_hour_that_comes_twice),
                TEST(a_reload_in_between),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
