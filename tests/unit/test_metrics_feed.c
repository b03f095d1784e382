/* The feed: which rows are told when, rates, graves, and the kernel's files in a tree that stands in for them. */
#include "linux_fixture.h"

#include "modules/metrics/feed_internal.h"
#include "schema/json_writer.h"
#include "schema/write.h"

#include <math.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct error err;

/* ---- a face: keeps rows by their key, as the page and the terminal do ---- */

struct face {
        struct map rows; /* JSON by key */
        struct feed_reader reader;
        size_t told[FEED_KINDS]; /* in the newest picture */
        struct feed_tick tick;
        bool all, gone_late;
};

static void face_init(struct face *face, unsigned parts, bool full)
{
        *face = (struct face){ .reader = { .parts = parts, .full = full } };
        map_init(&face->rows, 1 << 20);
}

static void face_clear(struct face *face)
{
        map_foreach (entry, &face->rows)
                free(entry->value);
        map_done(&face->rows);
        map_init(&face->rows, 1 << 20);
}

static void face_drop(struct face *face, const char *key)
{
        free(map_remove(&face->rows, sv_of(key)));
}

static void key_of(enum feed_kind kind, const void *record, char *ret, size_t size)
{
        const char *name = kind == FEED_CONTAINER    ? ((const struct feed_container *)record)->name
                           : kind == FEED_NETWORK    ? ((const struct feed_network *)record)->name
                           : kind == FEED_DISK       ? ((const struct feed_disk *)record)->name
                           : kind == FEED_FILESYSTEM ? ((const struct feed_filesystem *)record)->mountpoint
                                                     : "";
        const struct feed_process *process = record;
        if (kind == FEED_PROCESS)
                snprintf(ret, size, "process %lld %lld", (long long)process->pid, (long long)process->start_ns);
        else
                snprintf(ret, size, "%s %s", feed_kind_names[kind], name);
}

static void drop_names(struct face *face, const char *kind, const struct string_list *names)
{
        char key[400];
        for (size_t i = 0; i < names->count; i++) {
                snprintf(key, sizeof(key), "%s %s", kind, names->items[i]);
                face_drop(face, key);
        }
}

static void drop_gone(struct face *face, const struct feed_gone *gone)
{
        char key[100];
        if (gone->all) {
                face->all = true;
                face_clear(face);
        }
        drop_names(face, "container", &gone->containers);
        drop_names(face, "network", &gone->networks);
        drop_names(face, "disk", &gone->disks);
        drop_names(face, "filesystem", &gone->filesystems);
        for (size_t i = 0; i < gone->processes.count; i++) {
                const struct feed_key *process = &gone->processes.items[i];
                snprintf(key, sizeof(key), "process %lld %lld", (long long)process->pid, (long long)process->start_ns);
                face_drop(face, key);
        }
}

static int take(enum feed_kind kind, const void *record, void *cookie)
{
        struct face *face = cookie;
        struct json_writer writer;
        char key[400];
        face->told[kind]++;
        if (kind == FEED_TICK) {
                face->tick = *(const struct feed_tick *)record;
                return 0;
        }
        if (kind == FEED_GONE) {
                for (size_t i = 0; i < FEED_KINDS; i++)
                        face->gone_late = face->gone_late || (i != FEED_GONE && face->told[i]);
                drop_gone(face, record);
                return 0;
        }
        struct buf text;
        buf_init(&text, 1 << 16);
        json_writer_init(&writer, &text, 0);
        record_write(&writer, feed_records[kind], record, 0);
        key_of(kind, record, key, sizeof(key));
        face_drop(face, key);
        assert_int_equal(map_put(&face->rows, sv_of(key), strdup(buf_text(&text))), 0);
        buf_done(&text);
        return 0;
}

static void face_look(struct face *face, struct feed *feed)
{
        memset(face->told, 0, sizeof(face->told));
        face->all = face->gone_late = false;
        assert_int_equal(feed_tell(feed, &face->reader, take, face), 0);
        assert_int_equal(face->told[FEED_TICK], 1);
        assert_false(face->gone_late);
}

static const char *face_row(const struct face *face, const char *key)
{
        return map_get(&face->rows, sv_of(key));
}

static void assert_same(const struct face *a, const struct face *b)
{
        assert_int_equal(a->rows.count, b->rows.count);
        map_foreach (entry, &a->rows)
                assert_string_equal(entry->value, map_get(&b->rows, sv_n(entry->key, entry->key_length)));
}

static void face_done(struct face *face)
{
        face_clear(face);
        map_done(&face->rows);
}

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

/* ---- the kernel's files ---- */

struct host {
        struct fixture fixture;
        struct feed_source source;
        struct feed *feed;
        int64_t now_ns;
};

static const int64_t AGE_NS = 1000 * SECOND; /* of the machine */

static int open_below(const struct fixture *fixture, const char *path)
{
        char full[512];
        fixture_parent(fixture, path, full, sizeof(full));
        mkdir(full, 0755);
        int fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

static void host_make(struct host *host)
{
        fixture_make(&host->fixture);
        fixture_text(&host->fixture, "etc/passwd", "root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n");
        host->source = (struct feed_source){ .root = host->fixture.root,
                .proc = open_below(&host->fixture, "proc"),
                .sys = open_below(&host->fixture, "sys"),
                .boot_unix_ns = time_unix_ns() - AGE_NS };
        host->feed = feed_new(&host->source, &err);
        assert_non_null(host->feed);
        host->now_ns = 5000 * SECOND;
}

static void host_remove(struct host *host)
{
        feed_free(host->feed);
        fd_close(&host->source.proc);
        fd_close(&host->source.sys);
        fixture_remove(&host->fixture);
}

static void collect(struct host *host, unsigned parts)
{
        host->now_ns += SECOND;
        feed_collect(host->feed, parts, host->now_ns, SECOND / 2);
}

struct made { /* a process */
        int pid;
        uint64_t start_seconds; /* after the boot */
        char state;             /* 0: S */
        const char *comm;
        uint64_t ticks, pages, majflt;
        unsigned flags, arg_start;
};

static void put_process(struct host *host, const struct made *made)
{
        char path[64], text[600];
        const uint64_t hertz = (uint64_t)sysconf(_SC_CLK_TCK);
        snprintf(path, sizeof(path), "proc/%d/stat", made->pid);
        snprintf(text, sizeof(text),
                "%d (%s) %c 1 1 1 0 -1 %u 0 0 %llu 0 %llu 0 0 0 20 0 1 0 %llu 8192 %llu 18446744073709551615 100 200 0 "
                "0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 %u 0 0 0 0\n",
                made->pid, made->comm, made->state ? made->state : 'S', made->flags, (unsigned long long)made->majflt,
                (unsigned long long)made->ticks, (unsigned long long)(made->start_seconds * hertz),
                (unsigned long long)made->pages, made->arg_start);
        fixture_text(&host->fixture, path, text);
}

static void put_file(struct host *host, int pid, const char *name, const char *text)
{
        char path[64];
        snprintf(path, sizeof(path), "proc/%d/%s", pid, name);
        fixture_text(&host->fixture, path, text);
}

static void put_io(struct host *host, int pid, unsigned read, unsigned written)
{
        char text[200];
        snprintf(text, sizeof(text),
                "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: %u\nwrite_bytes: %u\ncancelled_write_bytes: 0\n",
                read, written);
        put_file(host, pid, "io", text);
}

static void end_process(struct host *host, int pid)
{
        static const char *const files[] = { "stat", "io", "status", "cmdline", "cgroup" };
        char path[128];
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                snprintf(path, sizeof(path), "%s/proc/%d/%s", host->fixture.path, pid, files[i]);
                unlink(path);
        }
        snprintf(path, sizeof(path), "%s/proc/%d", host->fixture.path, pid);
        rmdir(path);
}

static void remove_file(const struct host *host, int pid, const char *name)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/proc/%d/%s", host->fixture.path, pid, name);
        assert_int_equal(unlink(path), 0);
}

static const struct feed_process *process_of(const struct host *host, int pid)
{
        map_foreach (entry, &host->feed->processes.rows) {
                const struct feed_process_row *row = entry->value;
                if (row->record.pid == pid)
                        return &row->record;
        }
        return NULL;
}

enum { PROCESSES = 1 << FEED_PART_PROCESSES };

static void processes_are_told(void **state)
{
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, PROCESSES, false);
        const uint64_t hertz = (uint64_t)sysconf(_SC_CLK_TCK);
        struct made worker = { .pid = 20, .start_seconds = 10, .comm = "a (b) c", .ticks = 500, .pages = 3 };
        put_process(&host, &worker);
        put_file(&host, 20, "status", "Name:\tx\nUmask:\t0022\nUid:\t0\t33\t0\t0\n");
        put_file(&host, 20, "cgroup", "0::/system.slice/web.service\n");
        fixture_bytes(&host.fixture, "proc/20/cmdline",
                "web\0--port\0"
                "80\0",
                14);
        put_io(&host, 20, 1000, 0);
        put_process(&host, &(struct made){ .pid = 2, .comm = "kthreadd", .flags = PROCESS_KTHREAD_FLAG });
        collect(&host, PROCESSES);
        const struct feed_process *row = process_of(&host, 20);
        assert_false(row->has_cpu); /* one look makes no rate */
        worker.ticks += hertz / 2;
        put_process(&host, &worker);
        put_io(&host, 20, 3000, 77);
        collect(&host, PROCESSES);
        row = process_of(&host, 20);
        assert_true(row->has_cpu && row->cpu == 0.5);
        assert_true(row->has_io && row->read == 2000 && row->write == 77);
        assert_string_equal(row->name, "a (b) c");
        assert_string_equal(row->user, "web");
        assert_string_equal(row->command_line, "web --port 80");
        assert_string_equal(row->group, "/system.slice/web.service");
        assert_int_equal(row->start_ns, host.source.boot_unix_ns + 10 * SECOND);
        assert_int_equal(row->memory, 3 * (uint64_t)sysconf(_SC_PAGESIZE));
        assert_true(process_of(&host, 2)->kernel && !row->kernel);
        face_look(&face, host.feed);
        assert_int_equal(face.told[FEED_PROCESS], 2);
        assert_int_equal(face.tick.processes, 2);
        /* it rests: told once more, since its rates fell, and then no more */
        put_io(&host, 20, 3000, 77);
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_int_equal(face.told[FEED_PROCESS], 1);
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_int_equal(face.told[FEED_PROCESS], 0);
        assert_int_equal(face.tick.sequence, 3);
        face_done(&face);
        host_remove(&host);
}

static void another_program_is_seen(void **state)
{
        struct host host;
        (void)state;
        host_make(&host);
        struct made shell = { .pid = 20, .start_seconds = 10, .comm = "sh", .arg_start = 4096 };
        put_process(&host, &shell);
        put_file(&host, 20, "cmdline", "sh");
        collect(&host, PROCESSES);
        put_file(&host, 20, "cmdline", "sh -c true"); /* not read again without a reason */
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->command_line, "sh");
        shell.arg_start = 8192; /* the same name, another place for its arguments: it was executed */
        put_process(&host, &shell);
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->command_line, "sh -c true");
        shell.comm = "true";
        put_process(&host, &shell);
        put_file(&host, 20, "cmdline", "true");
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->command_line, "true");
        assert_string_equal(process_of(&host, 20)->name, "true");
        put_file(&host, 20, "cmdline", "true again");
        host.now_ns += 100 * SECOND; /* titles change without a program: now and then */
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->command_line, "true again");
        shell.state = 'Z'; /* what is dead has neither arguments nor a place for them; what it was stays */
        shell.arg_start = 0;
        put_process(&host, &shell);
        put_file(&host, 20, "cmdline", "");
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->command_line, "true again");
        assert_string_equal(process_of(&host, 20)->state, "Z");
        host_remove(&host);
}

static void a_reused_pid_is_another_process(void **state)
{
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, PROCESSES, false);
        put_process(&host, &(struct made){ .pid = 20, .start_seconds = 10, .comm = "old", .ticks = 900000 });
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        put_process(&host, &(struct made){ .pid = 20, .start_seconds = 1000, .comm = "new", .ticks = 10 });
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_int_equal(face.told[FEED_GONE], 1);
        assert_int_equal(face.rows.count, 1);
        assert_non_null(strstr(face.rows.entries[0].value, "\"name\":\"new\""));
        const double told =
                process_of(&host, 20)->cpu; /* it began since the look before: all it used is of this time */
        assert_true(told == feed_rate(10.0 / (double)sysconf(_SC_CLK_TCK), SECOND));
        face_done(&face);
        host_remove(&host);
}

static const struct feed_process *seen(struct host *host, pid_t pid)
{
        collect(host, PROCESSES);
        return process_of(host, pid);
}

/* Of the kernel's own /proc the files stay open, as far as there is room: what is read is what is now, and who is gone
 * is gone. */
static void files_that_stay_open_tell_what_is(void **state)
{
        struct host host;
        struct rlimit files, few = { 0 };
        (void)state;
        for (int round = 0; round < 2; round++) { /* with room for all, and for none */
                host_make(&host);
                feed_free(host.feed);
                fd_close(&host.source.proc);
                host.source.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
                assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
                few = files;
                few.rlim_cur = round == 0 ? files.rlim_cur : 3;
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
                host.feed = feed_new(&host.source, &err);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
                assert_non_null(host.feed);
                assert_int_equal(prctl(PR_SET_NAME, "before"), 0);
                pid_t child = fork();
                if (child == 0) {
                        pause();
                        _exit(0);
                }
                const struct feed_process *own = seen(&host, getpid());
                assert_non_null(own);
                assert_string_equal(own->name, "before");
                assert_non_null(process_of(&host, child));
                assert_true(round == 0 ? host.feed->stat_files.count > 1 : host.feed->stat_files.count == 0);
                assert_int_equal(prctl(PR_SET_NAME, "after"), 0);
                assert_string_equal(seen(&host, getpid())->name, "after");
                kill(child, SIGKILL);
                assert_int_equal(waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT), 0);
                assert_string_equal(seen(&host, child)->state, "Z");
                assert_int_equal(waitpid(child, NULL, 0), child);
                assert_null(seen(&host, child));
                assert_true(host.feed->stat_files.count <= host.feed->processes.rows.count);
                host_remove(&host);
        }
}

static void what_cannot_be_read_is_counted(void **state)
{
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, PROCESSES, false);
        put_file(&host, 20, "stat", "20 (nonsense");
        put_file(&host, 21, "cgroup", "0::/\n"); /* it ended between the directory and its file */
        put_process(&host, &(struct made){ .pid = 22, .comm = "x" });
        fixture_text(&host.fixture, "proc/version", "no process");
        fixture_text(&host.fixture, "proc/99999999/stat", "no number of a process");
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_int_equal(face.tick.refused, 1);
        assert_int_equal(face.tick.processes, 1);
        face_done(&face);
        host_remove(&host);
}

static void a_group_that_cannot_be_read_any_more_stands(void **state)
{
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, PROCESSES, true);
        put_process(&host, &(struct made){ .pid = 16, .start_seconds = 10, .comm = "held" });
        put_file(&host, 16, "cgroup", "0::/held\n");
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 16)->group, "/held");
        remove_file(&host, 16, "cgroup");
        host.now_ns += 60 * SECOND; /* its details are due */
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_string_equal(process_of(&host, 16)->group, "/held");
        face_done(&face);
        host_remove(&host);
}

/* Nobody can set the clock here: the feed is made to believe that it was 100 s behind. */
static void a_clock_that_is_set_moves_all_starts(void **state)
{
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, PROCESSES, false);
        put_process(&host, &(struct made){ .pid = 16, .start_seconds = 10, .comm = "old" });
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        const int64_t start_ns = process_of(&host, 16)->start_ns;
        host.feed->clock_ns -= 100 * SECOND;
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_true(face.all);
        assert_int_equal(face.rows.count, 1);
        assert_true(llabs(process_of(&host, 16)->start_ns - start_ns - 100 * SECOND) < SECOND);
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_false(face.all);
        face_done(&face);
        host_remove(&host);
}

static void users_may_be_renamed(void **state)
{
        struct host host;
        (void)state;
        host_make(&host);
        put_process(&host, &(struct made){ .pid = 20, .start_seconds = 10, .comm = "x" });
        put_file(&host, 20, "status", "Uid:\t1\t77\t0\t0\n");
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->user, "77");
        fixture_text(&host.fixture, "etc/passwd", "guest:x:77:77::/:/bin/sh\n");
        struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } }; /* another time than the file had */
        assert_int_equal(utimensat(host.fixture.root, "etc/passwd", times, 0), 0);
        host.now_ns += 100 * SECOND;
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->user, "guest");
        host_remove(&host);
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
                cmocka_unit_test(processes_are_told),
                cmocka_unit_test(another_program_is_seen),
                cmocka_unit_test(a_reused_pid_is_another_process),
                cmocka_unit_test(files_that_stay_open_tell_what_is),
                cmocka_unit_test(what_cannot_be_read_is_counted),
                cmocka_unit_test(a_group_that_cannot_be_read_any_more_stands),
                cmocka_unit_test(a_clock_that_is_set_moves_all_starts),
                cmocka_unit_test(users_may_be_renamed),
                cmocka_unit_test(what_is_told_adds_up),
                cmocka_unit_test(a_reader_far_behind_begins_anew),
                cmocka_unit_test(the_machine_is_told),
                cmocka_unit_test(devices_are_told),
                cmocka_unit_test(file_systems_are_told_once),
                cmocka_unit_test(a_refusal_is_passed_on),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
