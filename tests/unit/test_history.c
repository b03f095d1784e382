/* The history: what is asked is what was sampled, folded, downsampled, after restarts, kills, damage and a full disk.
 */
#include "history_fixture.h"

#include "lib/segment/segment.h"
#include "modules/metrics/history/history_file.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct answer answer;

/* One container sampled every second: half a core, memory that rises by a page a second from 1 MiB. */
static void sample_seconds(struct history *history, const char *name, int64_t from_ns, int64_t seconds)
{
        for (int64_t i = 0; i < seconds; i++) {
                int64_t now_ns = from_ns + i * SECOND;
                uint64_t since = (uint64_t)((now_ns - FIXTURE_START) / SECOND);
                struct sampled sampled = { since * 500000000, (1 << 20) + since * 4096, since * 1000, 3 };
                history_tick(history, now_ns);
                fixture_append(history, name, now_ns, &sampled);
        }
}

/* ---- the codec ---- */

static void test_codes(void **state)
{
        (void)state;
        uint32_t before = 0;
        for (uint64_t value = 0; value < 20000; value++) {
                uint32_t code = history_code(value);
                assert_true(code >= before);
                before = code;
                uint64_t again = history_value(code);
                assert_true((again > value ? again - value : value - again) * 4096 <= value);
                if (value < 4096)
                        assert_int_equal(again, value);
        }
        for (int bit = 12; bit < 63; bit++) {
                assert_int_equal(history_value(history_code(UINT64_C(1) << bit)), UINT64_C(1) << bit);
                /* what is just below a power of two is rounded to it, over the edge of the mantissa */
                assert_int_equal(history_value(history_code((UINT64_C(1) << (bit + 1)) - 1)), UINT64_C(1) << (bit + 1));
        }
        assert_int_equal(history_code(UINT64_MAX), HISTORY_CODE_MAX);
        assert_int_equal(history_code(history_value(HISTORY_CODE_MAX)), HISTORY_CODE_MAX);
}

static struct history_cell cell(uint32_t average, uint32_t minimum, uint32_t maximum, uint32_t last)
{
        return (struct history_cell){ average, minimum, maximum, last, true };
}

static void test_rows_again(void **state)
{
        (void)state;
        const struct history_cell none = { 0 };
        const struct history_cell rows[][4] = {
                { cell(0, 0, 0, 0), none, cell(5000, 5000, 5000, 5000), cell(7, 3, 90000, 8) },
                { cell(0, 0, 0, 0), none, cell(5000, 5000, 5000, 5000), cell(7, 7, 7, 7) },
                { none, cell(HISTORY_CODE_MAX, 0, HISTORY_CODE_MAX, 1), cell(4990, 4990, 4990, 4990), none },
                { cell(9, 9, 9, 9), none, cell(4990, 4980, 4990, 4985), none },
        };
        for (int counter = 0; counter < 2; counter++) {
                uint32_t before[4] = { HISTORY_BEFORE, HISTORY_BEFORE, HISTORY_BEFORE, HISTORY_BEFORE };
                struct buf out;
                buf_init(&out, 4096);
                for (size_t i = 0; i < 4; i++)
                        history_encode_row(&out, rows[i], 4, counter, before);
                for (size_t cut = 0; cut <= out.len; cut++) {
                        uint32_t state_before[4] = { HISTORY_BEFORE, HISTORY_BEFORE, HISTORY_BEFORE, HISTORY_BEFORE };
                        struct history_decoder decoder = { sv_n(out.data, cut), counter, state_before };
                        struct history_cell got[4];
                        size_t whole = 0;
                        for (; whole < 4 && history_decode_row(&decoder, got, 4); whole++)
                                for (size_t j = 0; j < 4; j++) {
                                        assert_int_equal(got[j].known, rows[whole][j].known);
                                        assert_int_equal(got[j].average, rows[whole][j].average);
                                        assert_int_equal(got[j].minimum, rows[whole][j].minimum);
                                        assert_int_equal(got[j].maximum, rows[whole][j].maximum);
                                        assert_int_equal(
                                                got[j].last, counter ? rows[whole][j].average : rows[whole][j].last);
                                }
                        assert_int_equal(whole == 4, cut == out.len);
                }
                buf_done(&out);
        }
}

/* ---- folding ---- */

/* "/" and the host, sampled each second: a quarter of a core waits for devices, ten forks a second. */
static void test_the_host_is_kept_beside_its_group(void **state)
{
        struct history *history = fixture_open(*state, FIXTURE_START);
        const struct container_ref ref = { .name = "/" };
        for (int64_t i = 0; i < 31; i++) {
                const uint64_t since = (uint64_t)i;
                struct container_stats stats = { .time_ns = FIXTURE_START + i * SECOND };
                const struct history_host host = { .has_times = true,
                        .has_load = true,
                        .has_memory = true,
                        .has_pressure = { true, false, false },
                        .iowait_ns = since * 250000000,
                        .forks = since * 10,
                        .load1 = 1.5,
                        .load5 = 2.25,
                        .load15 = 0.5,
                        .threads = 300,
                        .memory_used = 1 << 30,
                        .pressure_ns = { since * 100000000 } };
                history_tick(history, stats.time_ns);
                history_set_host(history, &host);
                history_append(history, &ref, NULL, &stats);
                struct sampled other = { 1, 1, 1, 1 };
                history_set_host(history, &host); /* no other group gets it */
                fixture_append(history, "web", stats.time_ns, &other);
        }
        static const struct {
                const char *query;
                double value;
        } wanted[] = { { "load", 1.5 }, { "load5", 2.25 }, { "load15", 0.5 }, { "threads", 300 },
                { "memory_used", 1 << 30 }, { "cpu_iowait", 0.25 }, { "cpu_steal", 0 }, { "forks", 10 },
                { "pressure_cpu", 0.1 } };
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
                fixture_ask(history, wanted[i].query, FIXTURE_START + 20 * SECOND, FIXTURE_START + 30 * SECOND,
                        10 * SECOND, &answer);
                assert_int_equal(answer.count, 1);
                assert_near(answer.values[0][1], wanted[i].value);
        }
        fixture_ask(history, "pressure_memory", FIXTURE_START + 20 * SECOND, FIXTURE_START + 30 * SECOND, 10 * SECOND,
                &answer);
        assert_int_equal(answer.count, 0);
        history_close(history);
}

static void test_a_step_has_what_was_in_it(void **state)
{
        struct history *history = fixture_open(*state, FIXTURE_START);
        sample_seconds(history, "web", FIXTURE_START, 61);
        fixture_ask(history, "cpu{container=\"web\"}", FIXTURE_START + 10 * SECOND, FIXTURE_START + 60 * SECOND,
                10 * SECOND, &answer);
        assert_int_equal(answer.count, 1);
        assert_int_equal(answer.points, 6);
        assert_string_equal(answer.metric, "cpu");
        assert_string_equal(answer.unit, "cores");
        for (size_t i = 0; i < 6; i++)
                assert_near(answer.values[0][i], 0.5);
        fixture_ask(history, "net_rx", FIXTURE_START + 10 * SECOND, FIXTURE_START + 60 * SECOND, 10 * SECOND, &answer);
        assert_near(answer.values[0][3], 1000);
        /* the step from 10 to 20 s: pages 10 to 19 */
        fixture_ask(history, "memory", FIXTURE_START + 20 * SECOND, FIXTURE_START + 60 * SECOND, 10 * SECOND, &answer);
        assert_near(answer.values[0][0], (1 << 20) + 14.5 * 4096);
        fixture_ask(history, "min_over_time(memory[10s])", FIXTURE_START + 20 * SECOND, FIXTURE_START + 60 * SECOND,
                10 * SECOND, &answer);
        assert_near(answer.values[0][0], (1 << 20) + 10 * 4096);
        fixture_ask(history, "max_over_time(memory[10s])", FIXTURE_START + 20 * SECOND, FIXTURE_START + 60 * SECOND,
                10 * SECOND, &answer);
        assert_near(answer.values[0][0], (1 << 20) + 19 * 4096);
        fixture_ask(history, "last_over_time(memory[10s])", FIXTURE_START + 20 * SECOND, FIXTURE_START + 60 * SECOND,
                10 * SECOND, &answer);
        assert_near(answer.values[0][0], (1 << 20) + 19 * 4096);
        fixture_ask(history, "pids", FIXTURE_START + 20 * SECOND, FIXTURE_START + 60 * SECOND, 10 * SECOND, &answer);
        assert_near(answer.values[0][0], 3);
        /* nothing was said of them */
        fixture_ask(history, "io_read", FIXTURE_START, FIXTURE_START + 60 * SECOND, 10 * SECOND, &answer);
        assert_int_equal(answer.count, 0);
        history_close(history);
}

/* A counter that falls is no burst: that interval is not known, and what follows is right again. */
static void test_a_counter_that_falls(void **state)
{
        struct history *history = fixture_open(*state, FIXTURE_START);
        const uint64_t counts[] = { 900000, 901000, 902000, 500, 1500, 2500, 3500 };
        for (size_t i = 0; i < 7; i++) {
                struct sampled sampled = { .rx_bytes = counts[i] };
                fixture_append(history, "web", FIXTURE_START + (int64_t)i * 10 * SECOND, &sampled);
        }
        history_tick(history, FIXTURE_START + 70 * SECOND);
        fixture_ask(history, "net_rx", FIXTURE_START + 10 * SECOND, FIXTURE_START + 70 * SECOND, 10 * SECOND, &answer);
        assert_int_equal(answer.count, 1);
        assert_near(answer.values[0][0], NAN); /* one sample is no rate */
        assert_near(answer.values[0][1], 100);
        assert_near(answer.values[0][2], 100);
        assert_near(answer.values[0][3], 100); /* repeated: nothing better is known */
        for (size_t i = 4; i < 7; i++)
                assert_near(answer.values[0][i], 100);
        history_close(history);
}

/* The group was made anew: the counter began at 0 then, and what it has is its own. */
static void test_a_restart(void **state)
{
        struct history *history = fixture_open(*state, FIXTURE_START);
        struct container_ref ref = { .name = "/system.slice/db.service", .id = "", .name_space = "" };
        struct container_spec spec = { .image = "", .created_ns = FIXTURE_START - HOUR };
        struct container_stats stats = { .time_ns = FIXTURE_START };
        stats.cgroup.has_cpu = true;
        stats.cgroup.cpu.total_ns = 1000 * (uint64_t)SECOND;
        history_append(history, &ref, &spec, &stats);
        stats.time_ns += 10 * SECOND;
        stats.cgroup.cpu.total_ns += 10 * (uint64_t)SECOND; /* one core */
        history_append(history, &ref, &spec, &stats);
        stats.time_ns += 10 * SECOND;
        spec.created_ns = stats.time_ns - 5 * SECOND;
        stats.cgroup.cpu.total_ns = 10 * (uint64_t)SECOND; /* two cores for five seconds */
        history_append(history, &ref, &spec, &stats);
        history_tick(history, FIXTURE_START + 30 * SECOND);
        fixture_ask(history, "cpu{cgroup=\"/system.slice/db.service\", container=\"\"}", FIXTURE_START + 10 * SECOND,
                FIXTURE_START + 30 * SECOND, 10 * SECOND, &answer);
        assert_int_equal(answer.count, 1);
        assert_near(answer.values[0][1], 1);
        assert_near(answer.values[0][2], 2);
        history_close(history);
}

/* A container that lived for less than two samples has left what it used. */
static void test_a_short_life(void **state)
{
        struct history *history = fixture_open(*state, FIXTURE_START);
        struct container_ref ref = { .name = "/docker/job", .id = "job", .name_space = "docker" };
        struct container_spec spec = { .image = "", .created_ns = FIXTURE_START + SECOND };
        struct container_stats stats = { .time_ns = FIXTURE_START + 5 * SECOND };
        stats.cgroup.has_cpu = true;
        stats.cgroup.cpu.total_ns = 6 * (uint64_t)SECOND; /* in four seconds */
        struct net_interface_stats host = { .name = "eth0", .rx_bytes = 1000000000000, .tx_bytes = 1000000000000 };
        stats.has_net = stats.net.has_interfaces = true; /* the host's, which has carried that since its boot */
        stats.net.interfaces = &host;
        stats.net.interface_count = 1;
        history_append(history, &ref, &spec, &stats);
        for (int64_t i = 1; i < 30; i++)
                history_tick(history, FIXTURE_START + i * MINUTE);
        fixture_ask(history, "cpu", FIXTURE_START + 10 * SECOND, FIXTURE_START + 60 * SECOND, 10 * SECOND, &answer);
        assert_int_equal(answer.count, 1);
        assert_near(answer.values[0][0], 1.5);
        assert_near(answer.values[0][1], NAN);
        fixture_ask(history, "net_rx", FIXTURE_START + 10 * SECOND, FIXTURE_START + 60 * SECOND, 10 * SECOND, &answer);
        for (size_t i = 0; answer.count && i < 6; i++)
                assert_near(answer.values[0][i], NAN);
        fixture_ask(history, "cpu{id=\"job\"}", FIXTURE_START, FIXTURE_START + HOUR, 10 * MINUTE, &answer);
        assert_int_equal(answer.count, 1);
        assert_near(answer.values[0][1], 1.5);
        history_close(history);
}

/* Sampled more rarely than the step: the value stands until the next sample is overdue, four times as late at most, or
 * until the container ends. */
static void test_rare_samples(void **state)
{
        struct history *history = fixture_open(*state, FIXTURE_START);
        for (int64_t i = 0; i < 300; i++) {
                int64_t now_ns = FIXTURE_START + i * SECOND;
                struct sampled sampled = { .memory = 4096 };
                history_tick(history, now_ns);
                if (i % 30 == 1 && i <= 61)
                        fixture_append(history, "lazy", now_ns, &sampled);
                if (i % 30 == 1 && i <= 61)
                        fixture_append(history, "mortal", now_ns, &sampled);
                if (i == 95)
                        history_ended(history, "/docker/mortal");
        }
        history_ended(history, "/unknown");
        fixture_ask(history, "memory{id=\"lazy\"}", FIXTURE_START + 10 * SECOND, FIXTURE_START + 300 * SECOND,
                10 * SECOND, &answer);
        for (size_t i = 3; i < 20; i++)
                assert_near(answer.values[0][i], 4096);
        assert_near(answer.values[0][22], NAN);
        fixture_ask(history, "memory{id=\"mortal\"}", FIXTURE_START + 10 * SECOND, FIXTURE_START + 300 * SECOND,
                10 * SECOND, &answer);
        assert_near(answer.values[0][7], 4096);
        assert_near(answer.values[0][10], NAN);
        history_close(history);
}

/* ---- levels ---- */

static void test_levels(void **state)
{
        struct fixture *fixture = *state;
        struct history *history = fixture_open(fixture, FIXTURE_START);
        sample_seconds(history, "web", FIXTURE_START, 4 * 3600 + 1);
        static const struct {
                int64_t step_ns;
                size_t points;
        } steps[] = { { MINUTE, 241 }, { 6 * MINUTE, 41 }, { 10 * MINUTE, 25 }, { HOUR, 5 } };
        for (size_t i = 0; i < 4; i++) {
                fixture_ask(history, "memory", FIXTURE_START, FIXTURE_START + 4 * HOUR, steps[i].step_ns, &answer);
                assert_int_equal(answer.count, 1);
                assert_int_equal(answer.points, steps[i].points);
                assert_near(answer.values[0][0], NAN);
                size_t last = (size_t)(4 * HOUR / steps[i].step_ns);
                for (size_t j = 1; j <= last; j++) {
                        double middle = ((double)(j * (size_t)(steps[i].step_ns / SECOND)) -
                                         (double)(steps[i].step_ns / SECOND) / 2 - 0.5);
                        assert_near(answer.values[0][j], (1 << 20) + middle * 4096);
                }
        }
        /* extremes are those of the samples at every level */
        fixture_ask(history, "max_over_time(memory[1h])", FIXTURE_START + 2 * HOUR, FIXTURE_START + 4 * HOUR, HOUR,
                &answer);
        assert_near(answer.values[0][0], (1 << 20) + 7199 * 4096.);
        fixture_ask(history, "min_over_time(memory[1h])", FIXTURE_START + 2 * HOUR, FIXTURE_START + 4 * HOUR, HOUR,
                &answer);
        assert_near(answer.values[0][0], (1 << 20) + 3600 * 4096.);
        history_close(history);
        /* every level has files, or is made again from those below it */
        history = fixture_open(fixture, FIXTURE_START + 4 * HOUR + MINUTE);
        fixture_ask(history, "avg_over_time(cpu[1h])", FIXTURE_START + HOUR, FIXTURE_START + 4 * HOUR, HOUR, &answer);
        assert_int_equal(answer.points, 4);
        for (size_t i = 0; i < 4; i++)
                assert_near(answer.values[0][i], 0.5);
        fixture_ask(history, "increase(cpu[1h])", FIXTURE_START + 2 * HOUR, FIXTURE_START + 4 * HOUR, HOUR, &answer);
        assert_near(answer.values[0][0], 1800);
        assert_string_equal(answer.unit, "s");
        history_close(history);
}

static void test_room_is_kept(void **state)
{
        struct fixture *fixture = *state;
        struct error err;
        struct history_options options = { .directory = fixture->directory, .retain_bytes = 1 * MIB };
        struct history *history = history_open(&options, FIXTURE_START, &err);
        struct history_counters counters;
        assert_non_null(history);
        uint64_t noise = 1;
        for (int64_t i = 0; i < 18 * 360; i++) { /* 18 hours */
                int64_t now_ns = FIXTURE_START + i * 10 * SECOND;
                history_tick(history, now_ns);
                for (int j = 0; j < 40; j++) {
                        char name[16];
                        noise = noise * UINT64_C(6364136223846793005) + 1;
                        struct sampled sampled = { (uint64_t)i * SECOND * (uint64_t)(j + 1), noise >> 34,
                                (uint64_t)i * 1000 + (noise >> 56), 3 };
                        snprintf(name, sizeof(name), "c%02d", j);
                        fixture_append(history, name, now_ns, &sampled);
                }
                if (i % 360 == 359) {
                        history_count(history, &counters);
                        assert_true(counters.bytes <= 1 * MIB + 64 * KIB);
                }
        }
        assert_true(counters.removed > 0);
        /* the finest steps of the first hour are gone; coarser ones answer, at every point */
        fixture_ask(history, "cpu{container=\"c00\"}", FIXTURE_START + HOUR, FIXTURE_START + 2 * HOUR, 10 * SECOND,
                &answer);
        assert_int_equal(answer.count, 1);
        for (size_t i = 1; i < answer.points; i++)
                assert_near(answer.values[0][i], 0.1);
        fixture_ask(history, "cpu{container=\"c01\"}", FIXTURE_START + HOUR, FIXTURE_START + 18 * HOUR, HOUR, &answer);
        for (size_t i = 1; i + 1 < answer.points; i++)
                assert_near(answer.values[0][i], 0.2);
        history_close(history);
}

static void test_old_files_go(void **state)
{
        struct fixture *fixture = *state;
        struct error err;
        struct history_options options = { .directory = fixture->directory, .retain_ns = 8 * HOUR };
        struct history *history = history_open(&options, FIXTURE_START, &err);
        struct history_counters counters;
        for (int64_t i = 0; i < 24 * 60; i++) {
                struct sampled sampled = { .memory = 4096 };
                history_tick(history, FIXTURE_START + i * MINUTE);
                fixture_append(history, "web", FIXTURE_START + i * MINUTE, &sampled);
        }
        history_count(history, &counters);
        assert_true(counters.removed > 0);
        fixture_ask(history, "memory", FIXTURE_START, FIXTURE_START + 6 * HOUR, HOUR, &answer);
        assert_int_equal(answer.count, 0);
        fixture_ask(history, "memory", FIXTURE_START + 17 * HOUR, FIXTURE_START + 23 * HOUR, HOUR, &answer);
        assert_int_equal(answer.count, 1);
        history_close(history);
}

/* ---- identity ---- */

static void test_gone_and_made_anew(void **state)
{
        struct history *history = fixture_open(*state, FIXTURE_START);
        sample_seconds(history, "first", FIXTURE_START, 60);
        sample_seconds(history, "second", FIXTURE_START + MINUTE, 3600);
        fixture_ask(history, "cpu", FIXTURE_START, FIXTURE_START + HOUR, 10 * MINUTE, &answer);
        assert_int_equal(answer.count, 2); /* what is gone can be asked */
        assert_string_equal(answer.names[0], "first");
        struct history_counters counters;
        history_count(history, &counters);
        assert_int_equal(counters.series, 1);
        history_close(history);
}

static void test_labels(void **state)
{
        struct fixture *fixture = *state;
        struct error err;
        const char *chosen[] = { "com.docker.compose.service", "absent", NULL };
        struct history_options options = { .directory = fixture->directory, .label_names = chosen };
        struct history *history = history_open(&options, FIXTURE_START, &err);
        struct container_pair labels[] = { { "com.docker.compose.service", "shop" }, { "secret", "x" } };
        const char *aliases[] = { "shop-1", "abc" };
        struct container_ref ref = {
                .name = "/docker/abc", .id = "abc", .name_space = "docker", .aliases = aliases, .alias_count = 2
        };
        struct container_spec spec = { .image = "shop:2", .labels = labels, .label_count = 2 };
        struct container_stats stats = { .time_ns = FIXTURE_START };
        stats.cgroup.has_memory = true;
        stats.cgroup.memory.usage = 10;
        history_append(history, &ref, &spec, &stats);
        /* another image below the same name is another series */
        spec.image = "shop:3";
        stats.time_ns += 10 * SECOND;
        history_append(history, &ref, &spec, &stats);
        history_tick(history, FIXTURE_START + 20 * SECOND);
        fixture_ask(history,
                "memory{container_label_com_docker_compose_service=\"shop\", id=\"abc\", namespace=\"docker\","
                " cgroup=~\"/docker/.*\", name=\"shop-1\"}",
                FIXTURE_START, FIXTURE_START + MINUTE, 10 * SECOND, &answer);
        assert_int_equal(answer.count, 2);
        fixture_ask(history, "sum by (image) (memory)", FIXTURE_START, FIXTURE_START + MINUTE, 10 * SECOND, &answer);
        assert_int_equal(answer.count, 2);
        assert_string_equal(answer.names[0], "image=shop:2");
        fixture_ask(history, "memory{container_label_secret!=\"\"}", FIXTURE_START, FIXTURE_START + MINUTE, 10 * SECOND,
                &answer);
        assert_int_equal(answer.count, 0);
        history_close(history);
}

/* Thousands of containers one after the other: slots are taken back, nothing grows, all stay there to be asked. */
static void test_many_come_and_go(void **state)
{
        struct history *history = fixture_open(*state, FIXTURE_START);
        struct history_counters counters;
        uint64_t memory = 0;
        enum { CONTAINERS = 10000 };
        for (int64_t i = 0; i < CONTAINERS; i++) {
                char name[32];
                struct sampled sampled = { .memory = 4096 };
                int64_t now_ns = FIXTURE_START + i * SECOND;
                history_tick(history, now_ns);
                snprintf(name, sizeof(name), "job-%05d", (int)i);
                fixture_append(history, name, now_ns, &sampled);
                if (i == CONTAINERS / 2) {
                        history_count(history, &counters);
                        memory = counters.memory;
                }
        }
        history_count(history, &counters);
        assert_true(counters.memory < memory * 3 / 2);
        assert_true(counters.series < 700);
        assert_int_equal(counters.refused, 0);
        fixture_ask(history, "sum without (cgroup, container, id) (memory{container=~\"job-00[0-9]*\"})",
                FIXTURE_START + HOUR, FIXTURE_START + 3 * HOUR, HOUR, &answer);
        assert_int_equal(answer.count, 1);
        fixture_ask(history, "count without (cgroup, container, id) (memory{name=~\"job-0[45].*\"})",
                FIXTURE_START + 2 * HOUR, FIXTURE_START + 3 * HOUR, HOUR, &answer);
        assert_near(answer.values[0][0], 2000);
        history_close(history);
}

/* ---- restarts ---- */

static void copy_file(const char *from, const char *to)
{
        struct buf bytes;
        struct error err;
        buf_init(&bytes, 64 << 20);
        assert_int_equal(file_read(AT_FDCWD, from, &bytes, &err), 0);
        int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, buf_text(&bytes), bytes.len, &err), 0);
        close(fd);
        buf_done(&bytes);
}

/* The directory as a kill at this moment would leave it. */
static void copy_directory(const struct fixture *from, const struct fixture *to)
{
        DIR *entries = opendir(from->directory);
        struct dirent *entry;
        fixture_empty(to->directory);
        while ((entry = readdir(entries))) {
                char one[400];
                char other[400];
                snprintf(one, sizeof(one), "%s/%s", from->directory, entry->d_name);
                snprintf(other, sizeof(other), "%s/%s", to->directory, entry->d_name);
                if (entry->d_type == DT_REG)
                        copy_file(one, other);
        }
        closedir(entries);
}

static void test_killed_at_any_time(void **state)
{
        void *other = NULL;
        assert_int_equal(fixture_setup(&other), 0);
        struct history *history = fixture_open(*state, FIXTURE_START);
        int64_t at = FIXTURE_START;
        static const int64_t moments[] = { 61, 125, 659, 661, 3599, 3661, 7322, 7390 };
        for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
                int64_t to = FIXTURE_START + moments[i] * SECOND;
                sample_seconds(history, "web", at, (to - at) / SECOND);
                at = to;
                copy_directory(*state, other);
                struct history *again = fixture_open(other, at);
                /* all up to the last whole minute, at every level */
                int64_t whole = (to - SECOND) / MINUTE * MINUTE;
                fixture_ask(again, "cpu", whole - MINUTE + 10 * SECOND, whole, 10 * SECOND, &answer);
                assert_int_equal(answer.count, 1);
                for (size_t j = 0; j < 6; j++)
                        assert_near(answer.values[0][j], 0.5);
                fixture_ask(again, "cpu", FIXTURE_START + MINUTE - 1, whole, MINUTE, &answer);
                for (size_t j = 0; j < answer.points; j++)
                        assert_near(answer.values[0][j], 0.5);
                if (whole >= FIXTURE_START + HOUR) {
                        fixture_ask(again, "max_over_time(memory[1h])", FIXTURE_START + HOUR, FIXTURE_START + HOUR + 1,
                                HOUR, &answer);
                        assert_near(answer.values[0][0], (1 << 20) + 3599 * 4096.);
                }
                /* and it goes on, killed again and again */
                sample_seconds(again, "web", at, 30);
                history_close(again);
                again = fixture_open(other, at + 30 * SECOND);
                sample_seconds(again, "web", at + 30 * SECOND, 130);
                fixture_ask(again, "cpu", at, at + 150 * SECOND, 10 * SECOND, &answer);
                for (size_t j = 1; j < answer.points - 1;
                        j++) /* the first may have one sample only, which is no rate */
                        assert_near(answer.values[0][j], 0.5);
                history_close(again);
        }
        history_close(history);
        fixture_teardown(&other);
}

static void file_path(const struct fixture *fixture, unsigned level, uint64_t number, char *ret)
{
        char name[HISTORY_NAME_MAX];
        history_file_name(level, number, name);
        snprintf(ret, 200, "%s/%s", fixture->directory, name);
}

/* A file that was cut anywhere: what stands before is read, and a new writer makes coarser steps of it. */
static void test_cut_anywhere(void **state)
{
        struct fixture *fixture = *state;
        struct history *history = fixture_open(fixture, FIXTURE_START);
        char path[200];
        struct stat status;
        struct error err;
        struct history_counters counters;
        size_t before = SIZE_MAX;
        sample_seconds(history, "web", FIXTURE_START, 181);
        history_close(history);
        file_path(fixture, 0, 1, path);
        assert_int_equal(stat(path, &status), 0);
        for (off_t size = status.st_size; size >= 0; size -= size > 40 ? 7 : 1) {
                assert_int_equal(truncate(path, size), 0);
                history = history_open_read(fixture->directory, &err);
                assert_non_null(history);
                fixture_ask(history, "cpu", FIXTURE_START + 10 * SECOND, FIXTURE_START + 180 * SECOND, 10 * SECOND,
                        &answer);
                size_t known = 0;
                while (answer.count && known < answer.points && answer.values[0][known] > 0)
                        known++;
                assert_true(known <= before);
                assert_true(known % 6 == 0);
                before = known;
                history_count(history, &counters);
                assert_true(counters.corrupt <= (size > 0 && size < 600)); /* only its head can be missed */
                history_close(history);
        }
        assert_int_equal(before, 0);
}

/* A flipped bit anywhere: that record is passed over and counted, the others are read. */
static void test_damaged_anywhere(void **state)
{
        struct fixture *fixture = *state;
        struct history *history = fixture_open(fixture, FIXTURE_START);
        char path[200];
        struct stat status;
        struct error err;
        struct history_counters counters;
        sample_seconds(history, "web", FIXTURE_START, 601);
        history_close(history);
        file_path(fixture, 0, 1, path);
        assert_int_equal(stat(path, &status), 0);
        int fd = open(path, O_RDWR);
        for (off_t at = 600; at < status.st_size; at += 3) {
                char byte;
                assert_int_equal(pread(fd, &byte, 1, at), 1);
                byte ^= 0x10;
                assert_int_equal(pwrite(fd, &byte, 1, at), 1);
                history = history_open_read(fixture->directory, &err);
                assert_non_null(history);
                fixture_ask(history, "cpu", FIXTURE_START + 10 * SECOND, FIXTURE_START + 600 * SECOND, 10 * SECOND,
                        &answer);
                size_t known = 0;
                for (size_t i = 0; answer.count && i < answer.points; i++) {
                        known += !isnan(answer.values[0][i]);
                        if (!isnan(answer.values[0][i]))
                                assert_near(answer.values[0][i], 0.5);
                }
                /* one batch is a minute; one that holds the labels takes all that is below it */
                assert_true(known == 60 || known == 54 || known == 0);
                history_count(history, &counters);
                history_close(history);
                byte ^= 0x10;
                assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
        close(fd);
}

static void test_what_is_no_history(void **state)
{
        struct fixture *fixture = *state;
        struct error err;
        assert_null(history_open_read(fixture->directory, &err));
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_null(history_open_read("/nonexistent/history", &err));
        assert_int_equal(err.code, E_NOT_FOUND);
        struct history *history = fixture_open(fixture, FIXTURE_START);
        struct history_options options = { .directory = fixture->directory };
        assert_null(history_open(&options, FIXTURE_START, &err));
        assert_int_equal(err.code, E_UNAVAILABLE);
        history_close(history);
        /* what is no history at all counts as damaged */
        char path[200];
        file_path(fixture, 0, 9, path);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, "scribble", 8), 8);
        close(fd);
        history = fixture_open(fixture, FIXTURE_START);
        struct history_counters counters;
        history_count(history, &counters);
        assert_int_equal(counters.corrupt, 1);
        history_close(history);
}

/* Files of a newer version are neither written beside nor read past, and stay as they are. */
static void test_newer_version(void **state)
{
        const struct fixture *fixture = *state;
        struct error err;
        struct buf head;
        struct history_file_head newer;
        struct stat status;
        char path[200];
        buf_init(&head, 4096);
        history_put_head(&head, 0, 10 * SECOND, FIXTURE_START);
        memcpy(&newer, head.data + SEGMENT_HEADER, sizeof(newer));
        newer.version = HISTORY_VERSION + 1;
        memcpy(head.data + SEGMENT_HEADER, &newer, sizeof(newer));
        segment_seal(head.data, head.len - SEGMENT_HEADER);
        file_path(fixture, 0, 1, path);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, head.data, head.len), head.len);
        close(fd);
        struct history_options options = { .directory = fixture->directory };
        assert_null(history_open(&options, FIXTURE_START, &err));
        assert_int_equal(err.code, E_UNSUPPORTED);
        assert_non_null(strstr(err.message, "newer version"));
        assert_null(history_open_read(fixture->directory, &err));
        assert_int_equal(err.code, E_UNSUPPORTED);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_size, head.len);
        buf_done(&head);
}

/* ---- a full disk ---- */

static void fill(const char *directory, bool undo)
{
        char path[128];
        char block[4096] = { 0 };
        snprintf(path, sizeof(path), "%s/filler", directory);
        unlink(path);
        if (undo)
                return;
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        assert_true(fd >= 0);
        while (write(fd, block, sizeof(block)) > 0)
                ;
        assert_int_equal(errno, ENOSPC);
        close(fd);
}

static void test_full_disk(void **state)
{
        struct fixture *fixture = *state;
        struct history_counters counters;
        if (mount("tmpfs", fixture->directory, "tmpfs", 0, "size=1m") < 0) {
                print_message("skipped: needs the right to mount a tmpfs\n");
                skip();
        }
        struct history *history = fixture_open(fixture, FIXTURE_START);
        sample_seconds(history, "web", FIXTURE_START, 601);
        assert_null(history_problem(history));
        fill(fixture->directory, false);
        /* the last page of a file may still have room for some batches */
        sample_seconds(history, "web", FIXTURE_START + 601 * SECOND, 7200);
        assert_non_null(history_problem(history));
        assert_non_null(strstr(history_problem(history), "No space left on device"));
        history_count(history, &counters);
        assert_true(counters.write_errors > 0);
        /* what was written is there, what waits too */
        fixture_ask(history, "cpu", FIXTURE_START + 10 * SECOND, FIXTURE_START + 600 * SECOND, 10 * SECOND, &answer);
        for (size_t i = 0; i < answer.points; i++)
                assert_near(answer.values[0][i], 0.5);
        fill(fixture->directory, true);
        sample_seconds(history, "web", FIXTURE_START + 7801 * SECOND, 120);
        assert_null(history_problem(history));
        history_count(history, &counters);
        assert_int_equal(counters.lost_rows, 0); /* one container's two hours fit the memory */
        history_close(history);
        history = fixture_open(fixture, FIXTURE_START + 8000 * SECOND);
        fixture_ask(history, "cpu", FIXTURE_START + MINUTE, FIXTURE_START + 130 * MINUTE, MINUTE, &answer);
        for (size_t i = 0; i < answer.points; i++)
                assert_near(answer.values[0][i], 0.5);
        history_count(history, &counters);
        assert_int_equal(counters.corrupt, 0);
        history_close(history);
        umount(fixture->directory);
}

/* Full for longer than memory holds: what is dropped is counted, and memory does not grow. */
static void test_full_for_long(void **state)
{
        struct fixture *fixture = *state;
        struct history_counters counters;
        if (mount("tmpfs", fixture->directory, "tmpfs", 0, "size=64k") < 0) {
                print_message("skipped: needs the right to mount a tmpfs\n");
                skip();
        }
        struct history *history = fixture_open(fixture, FIXTURE_START);
        fill(fixture->directory, false);
        uint64_t noise = 1;
        for (int64_t i = 0; i < 6 * 360; i++) {
                int64_t now_ns = FIXTURE_START + i * 10 * SECOND;
                history_tick(history, now_ns);
                for (int j = 0; j < 50; j++) {
                        char name[16];
                        noise = noise * UINT64_C(6364136223846793005) + 1;
                        struct sampled sampled = { noise >> 20, noise >> 30, noise >> 25, noise >> 60 };
                        snprintf(name, sizeof(name), "c%02d", j);
                        fixture_append(history, name, now_ns, &sampled);
                }
        }
        history_count(history, &counters);
        assert_true(counters.lost_rows > 0);
        assert_true(counters.memory < 3 * MIB);
        assert_non_null(history_problem(history));
        history_close(history);
        umount(fixture->directory);
}

/* The clock is set back by a day and forward again: nothing is lost that was, and what is new is kept. */
static void test_clock_set_back(void **state)
{
        struct history *history = fixture_open(*state, FIXTURE_START);
        sample_seconds(history, "web", FIXTURE_START, 120);
        sample_seconds(history, "late", FIXTURE_START - DAY, 120);
        sample_seconds(history, "web", FIXTURE_START + HOUR, 120);
        fixture_ask(
                history, "cpu{container=\"web\"}", FIXTURE_START + MINUTE, FIXTURE_START + 2 * MINUTE, MINUTE, &answer);
        assert_int_equal(answer.count, 1);
        assert_near(answer.values[0][0], 0.5);
        fixture_ask(history, "pids{container=\"late\"}", FIXTURE_START - DAY + MINUTE, FIXTURE_START - DAY + 2 * MINUTE,
                MINUTE, &answer);
        assert_int_equal(answer.count, 1);
        assert_near(answer.values[0][0], 3);
        history_close(history);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_codes),
                cmocka_unit_test(test_rows_again),
                WITH(test_a_step_has_what_was_in_it),
                WITH(test_the_host_is_kept_beside_its_group),
                WITH(test_a_counter_that_falls),
                WITH(test_a_restart),
                WITH(test_a_short_life),
                WITH(test_rare_samples),
                WITH(test_levels),
                WITH(test_room_is_kept),
                WITH(test_old_files_go),
                WITH(test_gone_and_made_anew),
                WITH(test_labels),
                WITH(test_many_come_and_go),
                WITH(test_killed_at_any_time),
                WITH(test_cut_anywhere),
                WITH(test_damaged_anywhere),
                WITH(test_what_is_no_history),
                WITH(test_newer_version),
                WITH(test_full_disk),
                WITH(test_full_for_long),
                WITH(test_clock_set_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
