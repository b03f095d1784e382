/* The feed: which rows are told when, rates, graves, the machine and its devices. */
#include "feed_fixture.h"

/* ---- rates ---- */

static void counters_that_fall_began_anew(void **state)
{
        (void)state;
        assert_int_equal(feed_grown(10, 17), 7);
        assert_int_equal(feed_grown(10, 10), 0);
        assert_int_equal(feed_grown(10, 3), 3); /* reset: what it has is since then */
        assert_int_equal(feed_grown(UINT64_MAX, 5), 5);
        assert_true(feed_rate(5, 0) == 0 && feed_rate(5, -SECOND) == 0);
        assert_true(feed_rate(5, 2 * SECOND) == 2.5);
        assert_true(feed_rate(1, 3 * SECOND) == 0.3333);
        assert_true(feed_rate(1000.4, SECOND) == 1000);
        assert_true(feed_rounded(NAN) == 0 && feed_rounded(-1) == 0 && feed_rounded(1e300) == 1e300);
}

/* ---- rows and graves ---- */

struct disk {
        struct feed_row head;
        struct feed_disk record;
};

static void see(struct feed_table *table, const char *name, double read, uint64_t look)
{
        bool fresh;
        struct feed_disk record;
        struct disk *row = feed_table_see(table, sv_of(name), look, &fresh);
        assert_non_null(row);
        memset(&record, 0, sizeof(record));
        record.name = name;
        record.read = read;
        feed_table_set(table, row, &record, look);
}

static uint64_t changed(const struct feed_table *table, const char *name)
{
        const struct disk *row = map_get(&table->rows, sv_of(name));
        return row->head.changed;
}

static void rows_tell_when_they_changed(void **state)
{
        static const char a[] = "a", b[] = "b";
        struct feed_table table;
        struct feed_graves graves = { .max = 8 };
        struct feed_gone gone;
        struct arena arena;
        (void)state;
        arena_init(&arena, 1 << 20);
        feed_table_init(&table, FEED_DISK, sizeof(struct disk), offsetof(struct disk, record), 2, NULL);
        see(&table, a, 1, 1);
        see(&table, b, 1, 1);
        feed_table_sweep(&table, 1, &graves);
        see(&table, a, 1, 2);
        see(&table, b, 2, 2);
        feed_table_sweep(&table, 2, &graves);
        assert_int_equal(changed(&table, a), 1);
        assert_int_equal(changed(&table, b), 2);
        assert_int_equal(graves.list.count, 0);
        /* one more than there is room for */
        bool fresh;
        assert_null(feed_table_see(&table, SV("c"), 3, &fresh));
        assert_int_equal(table.refused, 1);
        feed_table_begin(&table);
        assert_int_equal(table.refused, 0);
        /* b goes, and comes back */
        see(&table, a, 1, 4);
        feed_table_sweep(&table, 4, &graves);
        assert_true(feed_graves_tell(&graves, 3, FEED_ALL, &arena, &gone));
        assert_int_equal(gone.disks.count, 1);
        assert_string_equal(gone.disks.items[0], b);
        assert_false(feed_graves_tell(&graves, 4, FEED_ALL, &arena, &gone));
        assert_false(feed_graves_tell(&graves, 3, 1U << FEED_PART_PROCESSES, &arena, &gone)); /* asked for others */
        see(&table, a, 1, 5);
        see(&table, b, 1, 5);
        assert_int_equal(changed(&table, b), 5);
        feed_graves_forget(&graves, 4);
        assert_int_equal(graves.list.count, 0);
        feed_graves_done(&graves);
        feed_table_done(&table);
        arena_done(&arena);
}

static void too_many_graves_begin_anew(void **state)
{
        struct feed_table table;
        struct feed_graves graves = { .max = 8 };
        struct feed_gone gone;
        struct arena arena;
        (void)state;
        arena_init(&arena, 1 << 20);
        feed_table_init(&table, FEED_DISK, sizeof(struct disk), offsetof(struct disk, record), 100, NULL);
        for (uint64_t look = 1; look <= 20; look++) {
                char name[16];
                snprintf(name, sizeof(name), "disk%d", (int)look);
                see(&table, name, 1, look);
                feed_table_sweep(&table, look, &graves);
        }
        assert_true(graves.list.count <= 8);
        assert_true(feed_graves_tell(&graves, 1, FEED_ALL, &arena, &gone));
        assert_true(gone.all && !gone.disks.count);
        assert_true(feed_graves_tell(&graves, 18, FEED_ALL, &arena, &gone)); /* one that keeps up is told as ever */
        assert_true(!gone.all && gone.disks.count == 2);
        assert_false(feed_graves_tell(&graves, 0, FEED_ALL, &arena, &gone)); /* a new reader knows nothing */
        feed_graves_done(&graves);
        feed_table_done(&table);
        arena_done(&arena);
}

static uint32_t random_next(uint32_t *seed)
{
        *seed = *seed * 1664525 + 1013904223;
        return *seed >> 8;
}

/* Processes come, go, are replaced and work; who applies what is told has what a full picture tells, however seldom he
 * is told. */
static void what_is_told_adds_up(void **state)
{
        enum { PIDS = 40, LOOKS = 120 };
        struct host host;
        struct face each, third, full;
        struct made made[PIDS] = { 0 };
        bool there[PIDS] = { false };
        uint32_t seed = 7;
        (void)state;
        host_make(&host);
        face_init(&each, PROCESSES, false);
        face_init(&third, PROCESSES, false);
        for (int look = 0; look < LOOKS; look++) {
                for (int i = 0; i < PIDS; i++) {
                        const uint32_t what = random_next(&seed) % 10;
                        if (what == 0 && there[i]) {
                                end_process(&host, 100 + i);
                                there[i] = false;
                        } else if (what == 1) { /* a new one, perhaps in the place of another */
                                made[i] = (struct made){ .pid = 100 + i,
                                        .start_seconds = (uint64_t)look + 1,
                                        .comm = random_next(&seed) % 2 ? "one" : "two",
                                        .pages = random_next(&seed) % 3 };
                                put_process(&host, &made[i]);
                                there[i] = true;
                        } else if (what < 4 && there[i]) {
                                made[i].ticks += random_next(&seed) % 5;
                                put_process(&host, &made[i]);
                        }
                }
                collect(&host, PROCESSES);
                face_look(&each, host.feed);
                if (look % 3 == 2)
                        face_look(&third, host.feed);
                face_init(&full, PROCESSES, true);
                face_look(&full, host.feed);
                assert_same(&each, &full);
                if (look % 3 == 2)
                        assert_same(&third, &full);
                face_done(&full);
                feed_forget(host.feed, third.reader.seen);
        }
        assert_true(each.rows.count > 0);
        face_done(&each);
        face_done(&third);
        host_remove(&host);
}

static void a_reader_far_behind_begins_anew(void **state)
{
        struct host host;
        struct face slow;
        (void)state;
        host_make(&host);
        host.feed->graves.max = 4;
        face_init(&slow, PROCESSES, false);
        put_process(&host, &(struct made){ .pid = 1, .comm = "init" });
        collect(&host, PROCESSES);
        face_look(&slow, host.feed);
        for (int i = 0; i < 30; i++) {
                put_process(&host, &(struct made){ .pid = 100, .start_seconds = 500 + (uint64_t)i, .comm = "short" });
                collect(&host, PROCESSES);
        }
        face_look(&slow, host.feed);
        assert_true(slow.all);
        assert_int_equal(slow.rows.count, 2);
        assert_int_equal(slow.told[FEED_PROCESS], 2);
        face_done(&slow);
        host_remove(&host);
}

/* ---- the machine ---- */

enum { HOST = 1 << FEED_PART_HOST };

static void put_stat(struct host *host, unsigned user, unsigned kernel, unsigned idle, unsigned iowait)
{
        char text[600];
        snprintf(text, sizeof(text),
                "cpu  %u 0 %u %u %u 0 0 0 0 0\ncpu0 %u 0 %u %u %u 0 0 0 0 0\ncpu3 0 0 0 %u 0 0 0 0 0 0\nintr 5 1\n"
                "ctxt %u\nbtime 1700000000\nprocesses %u\nprocs_running 2\nprocs_blocked 1\n",
                user, kernel, idle, iowait, user, kernel, idle / 2, iowait, idle / 2, user * 10, kernel);
        fixture_text(&host->fixture, "proc/stat", text);
}

static void the_machine_is_told(void **state)
{
        struct host host;
        (void)state;
        host_make(&host);
        fixture_text(&host.fixture, "proc/meminfo",
                "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nBuffers: 10 kB\nCached: 300 kB\n"
                "SReclaimable: 20 kB\nSwapTotal: 50 kB\nSwapFree: 30 kB\n");
        fixture_text(&host.fixture, "proc/loadavg", "0.50 0.25 0.10 2/77 1234\n");
        fixture_text(&host.fixture, "proc/uptime", "1000.50 1900.00\n");
        fixture_text(&host.fixture, "proc/sys/kernel/hostname", "web1\n");
        fixture_text(&host.fixture, "proc/pressure/cpu",
                "some avg10=1.50 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
        put_stat(&host, 100, 100, 1000, 50);
        collect(&host, HOST);
        const struct feed_host *row = &host.feed->host;
        assert_false(row->has_rates);
        assert_int_equal(row->memory_available, 600 * 1024);
        assert_int_equal(row->memory_cached, 330 * 1024);
        assert_int_equal(row->swap_used, 20 * 1024);
        assert_true(row->load5 == 0.25 && row->threads == 77 && row->has_pressure && row->psi_cpu == 1.5);
        assert_string_equal(row->hostname, "web1");
        put_stat(&host, 150, 110, 1140, 50); /* 200 ticks: 50 in programs, 10 in the kernel */
        collect(&host, HOST);
        assert_true(row->has_rates && row->cpu == 0.6 && row->cpu_user == 0.5 && row->cpu_system == 0.1);
        assert_int_equal(row->cores.count, 2);
        assert_true(row->cores.items[0] == 0.4615 && row->cores.items[1] == 0); /* 60 of 130 */
        assert_true(row->context_switches == 500 && row->forks == 10 && row->running == 2 && row->blocked == 1);
        put_stat(&host, 150, 110, 1240, 30); /* the kernel's own iowait falls at times */
        collect(&host, HOST);
        assert_true(row->has_rates && row->cpu_iowait == 0 && row->cpu == 0);
        put_stat(&host, 5, 5, 10, 0); /* all counters fell: no rates, then new ones */
        collect(&host, HOST);
        assert_false(row->has_rates);
        put_stat(&host, 105, 5, 110, 0);
        collect(&host, HOST);
        assert_true(row->has_rates && row->cpu == 1);
        host_remove(&host);
}

/* One that was held up is not followed at once: no tick of CPU time might lie between the two. */
static void a_look_is_followed_by_a_rest(void **state)
{
        (void)state;
        struct host host;
        host_make(&host);
        put_stat(&host, 100, 100, 1000, 50);
        assert_true(feed_rested_ns(host.feed) <= time_monotonic_ns());
        const int64_t began_ns = time_monotonic_ns();
        collect(&host, HOST);
        assert_true(feed_rested_ns(host.feed) >= began_ns + FEED_REST_NS);
        assert_true(feed_rested_ns(host.feed) <= time_monotonic_ns() + FEED_REST_NS);
        host_remove(&host);
}

/* ---- devices ---- */

static void put_devices(struct host *host, unsigned bytes, unsigned sectors)
{
        char text[1000];
        snprintf(text, sizeof(text),
                "Inter-|   Receive |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes "
                "packets errs drop fifo colls carrier compressed\n"
                "    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n  eth9: %u 4 0 0 0 0 0 0 %u 2 0 1 0 0 0 0\n",
                bytes, bytes / 2);
        fixture_text(&host->fixture, "proc/net/dev", text);
        snprintf(text, sizeof(text),
                " 8 0 sda 10 0 %u 5 20 0 %u 6 0 %u 11 0 0 0 0\n 8 1 sda1 10 0 7 5 20 0 9 6 0 11 11 0 0 0 0\n"
                " 253 0 dm-0 10 0 %u 5 20 0 %u 6 0 11 11 0 0 0 0\n",
                sectors, sectors, sectors / 4, sectors, sectors);
        fixture_text(&host->fixture, "proc/diskstats", text);
}

static void devices_are_told(void **state)
{
        enum { DEVICES = 1 << FEED_PART_NETWORK | 1 << FEED_PART_DISKS | HOST };
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, DEVICES, false);
        fixture_text(&host.fixture, "sys/block/sda/dev", "8:0\n");
        fixture_text(&host.fixture, "sys/block/sda/size", "2048\n");
        fixture_text(&host.fixture, "sys/block/sda/device/model", "A disk  \n");
        fixture_text(&host.fixture, "sys/block/dm-0/dev", "253:0\n");
        fixture_text(&host.fixture, "sys/block/dm-0/size", "1024\n");
        fixture_text(&host.fixture, "sys/block/dm-0/slaves/sda", "");
        fixture_text(&host.fixture, "sys/block/sr0/dev", "11:0\n");
        fixture_text(&host.fixture, "sys/block/sr0/size", "0\n");
        put_stat(&host, 1, 1, 1, 0);
        put_devices(&host, 1000, 400);
        collect(&host, DEVICES);
        put_devices(&host, 5000, 800);
        collect(&host, DEVICES);
        face_look(&face, host.feed);
        const char *disk = face_row(&face, "disk sda");
        assert_non_null(disk);
        assert_non_null(strstr(disk, "\"read\":204800,\"write\":204800,\"reads\":0,\"writes\":0,\"busy\":0.1"));
        assert_non_null(strstr(disk, "\"model\":\"A disk\",\"size\":1048576"));
        assert_non_null(face_row(&face, "disk dm-0"));
        assert_null(face_row(&face, "disk sda1"));
        assert_null(face_row(&face, "disk sr0"));
        const char *device = face_row(&face, "network eth9");
        assert_non_null(device);
        assert_non_null(strstr(device, "\"receive\":4000,\"send\":2000,\"receive_packets\":0"));
        /* what goes through a device made of others counts once; loopback is no traffic of the machine */
        assert_true(host.feed->host.read == 204800 && host.feed->host.receive == 4000 && host.feed->host.send == 2000);
        assert_true(feed_disk_is_stacked(host.feed, 253, 0) && !feed_disk_is_stacked(host.feed, 8, 0));
        fixture_text(&host.fixture, "proc/net/dev", "Inter-|\n face |\n    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n");
        fixture_text(&host.fixture, "proc/diskstats", " 8 0 sda 10 0 5 5 20 0 5 6 0 11 11 0 0 0 0\n"); /* began anew */
        collect(&host, DEVICES);
        face_look(&face, host.feed);
        assert_int_equal(face.told[FEED_GONE], 1);
        assert_null(face_row(&face, "network eth9"));
        assert_null(face_row(&face, "disk dm-0"));
        assert_non_null(strstr(face_row(&face, "disk sda"), "\"read\":2560,"));
        assert_false(host.feed->host.has_network);
        face_done(&face);
        host_remove(&host);
}

static void file_systems_are_told_once(void **state)
{
        enum { DISKS = 1 << FEED_PART_DISKS };
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, DISKS, false);
        fixture_text(&host.fixture, "data/file", "");
        fixture_text(&host.fixture, "proc/self/mountinfo",
                "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n21 20 0:5 / /proc rw - proc proc rw\n"
                "22 20 8:1 /x /data/bind rw - ext4 /dev/sda1 rw\n23 20 8:2 / /data ro - xfs /dev/sda2 ro\n"
                "24 20 0:50 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw\n"
                "25 20 0:51 / /remote rw - nfs4 server:/ rw\n26 20 0:52 / /absent rw - tmpfs tmpfs rw\n");
        collect(&host, HOST); /* looks at disks, and at no file system */
        assert_int_equal(feed_looks(host.feed, FEED_PART_DISKS), 0);
        collect(&host, DISKS);
        assert_int_equal(feed_looks(host.feed, FEED_PART_DISKS), 1);
        face_look(&face, host.feed);
        assert_int_equal(face.rows.count, 2);
        assert_non_null(strstr(face_row(&face, "filesystem /"), "\"device\":\"/dev/sda1\",\"type\":\"ext4\""));
        assert_non_null(strstr(face_row(&face, "filesystem /data"), "\"read_only\":true"));
        fixture_text(&host.fixture, "proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
        host.now_ns += 20 * SECOND;
        collect(&host, DISKS);
        face_look(&face, host.feed);
        assert_int_equal(face.rows.count, 1);
        face_done(&face);
        host_remove(&host);
}

static int refuse(enum feed_kind kind, const void *record, void *cookie)
{
        (void)record;
        (void)cookie;
        return kind == FEED_TICK ? -1 : 0;
}

static void a_refusal_is_passed_on(void **state)
{
        struct host host;
        struct feed_reader reader = { .parts = PROCESSES };
        (void)state;
        host_make(&host);
        collect(&host, PROCESSES);
        assert_int_equal(feed_tell(host.feed, &reader, refuse, NULL), -1);
        host_remove(&host);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(counters_that_fall_began_anew),
                cmocka_unit_test(rows_tell_when_they_changed),
                cmocka_unit_test(too_many_graves_begin_anew),
                cmocka_unit_test(what_is_told_adds_up),
                cmocka_unit_test(a_reader_far_behind_begins_anew),
                cmocka_unit_test(the_machine_is_told),
                cmocka_unit_test(a_look_is_followed_by_a_rest),
                cmocka_unit_test(devices_are_told),
                cmocka_unit_test(file_systems_are_told_once),
                cmocka_unit_test(a_refusal_is_passed_on),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
