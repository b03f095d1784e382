/* The columns of ps(1): formats, a made /proc, and the real ps beside it on this machine. */
#include "linux_fixture.h"

#include "base/timefmt.h"
#include "base/vec.h"
#include "linux/process_list.h"

#include <math.h>
#include <sys/wait.h>

static struct error err;

static const char *stat_letters(
        char state, int nice, pid_t session, int threads, pid_t pgrp, int tpgid, uint64_t locked)
{
        static char text[8];
        struct process_stat stat = { .pid = 100,
                .state = state,
                .nice = nice,
                .session = session,
                .num_threads = threads,
                .pgrp = pgrp,
                .tpgid = tpgid };
        process_format_stat(&stat, locked, text);
        return text;
}

static void letters(void **state)
{
        (void)state;
        assert_string_equal(stat_letters('S', 0, 1, 1, 100, -1, 0), "S");
        assert_string_equal(stat_letters('I', -20, 0, 1, 0, -1, 0), "I<");
        assert_string_equal(stat_letters('S', 0, 100, 4, 100, 100, 0), "Ssl+");
        assert_string_equal(stat_letters('R', 5, 1, 2, 5, 6, 4096), "RNLl");
        assert_string_equal(stat_letters('D', -1, 100, 2, 7, 7, 1), "D<Lsl+"); /* the longest */
}

static void times(void **state)
{
        (void)state;
        char text[24];
        process_format_time(0, text);
        assert_string_equal(text, "00:00:00");
        process_format_time(1200 * SECOND + 999, text);
        assert_string_equal(text, "00:20:00");
        process_format_time(3 * DAY + 4 * HOUR + 5 * MINUTE + 6 * SECOND, text);
        assert_string_equal(text, "3-04:05:06");
        process_format_time(INT64_MAX, text);
        assert_string_equal(text, "106751-23:47:16");
        process_format_time(-1, text);
        assert_string_equal(text, "00:00:00");
}

static void starts(void **state)
{
        (void)state;
        char text[8];
        setenv("TZ", "UTC", 1);
        tzset();
        int64_t now = INT64_C(1795323421) * SECOND; /* 2026-11-22 04:57:01 */
        process_format_start(now - MINUTE, now, text);
        assert_string_equal(text, "04:56");
        process_format_start(now - 5 * HOUR, now, text);
        assert_string_equal(text, "Nov21");
        process_format_start(now - 300 * DAY, now, text);
        assert_string_equal(text, "Jan26");
        process_format_start(now - 330 * DAY, now, text);
        assert_string_equal(text, "2025");
        setenv("TZ", "EAST-3", 1); /* three hours ahead */
        tzset();
        process_format_start(now - 5 * HOUR, now, text);
        assert_string_equal(text, "02:57");
        setenv("TZ", "UTC", 1);
        tzset();
}

static void names(void **state)
{
        (void)state;
        char text[16];
        process_format_comm("DWC Notificatio", 'S', text);
        assert_string_equal(text, "DWC Notificatio");
        process_format_comm("one 2 three 4 five 6 eleven", 'S', text);
        assert_string_equal(text, "one 2 three 4 f");
        process_format_comm("sh", 'Z', text);
        assert_string_equal(text, "sh <defunct>");
        process_format_comm("longer name", 'Z', text);
        assert_string_equal(text, "longe <defunct>");
        process_format_comm("a\nb\x7f\x1b", 'S', text);
        assert_string_equal(text, "a?b??");
        process_format_comm("", 'S', text);
        assert_string_equal(text, "");
}

static const char *group_of(const char *text)
{
        static char path[256];
        struct sv group = process_group_path(sv_of(text));
        snprintf(path, sizeof(path), "%.*s", SV_ARG(group));
        return path;
}

static void groups(void **state)
{
        (void)state;
        assert_string_equal(group_of("0::/docker/4a5b\n"), "/docker/4a5b");
        assert_string_equal(
                group_of("10:cpuset:/x\n8:pids:/p\n7:memory:/docker/dd47\n3:cpu,cpuacct:/c\n0::/u\n"), "/docker/dd47");
        assert_string_equal(group_of("10:cpuset:/x\n3:cpuacct,cpu:/c\n0::/u\n"), "/c"); /* memory not enabled */
        assert_string_equal(group_of("4:memory:/\n3:cpu:/\n1:name=systemd:/s\n0::/\n"), "/s");
        assert_string_equal(group_of("4:memory:/\n0::/\n"), "/");
        assert_string_equal(group_of("0::/gone (deleted)\n"), "/gone");
        assert_string_equal(group_of("7:memory:/with:colon,and comma\n"), "/with:colon,and comma");
        assert_string_equal(group_of(""), "/");
        assert_string_equal(group_of("nonsense\n:\n1:\n"), "/");
}

static void users(void **state)
{
        (void)state;
        cleanup(arena_done) struct arena arena;
        struct process_users users;
        arena_init(&arena, 64 * 1024);
        assert_int_equal(
                process_users_parse(SV("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nwww:x:33:33\n\n# note\n+nis\n"
                                       "bad:x:1x:1\n:x:5:5\nlast:x:4294967295:1"),
                        &arena, &users, &err),
                0);
        assert_int_equal(users.count, 4);
        assert_int_equal(users.refused, 2);
        assert_string_equal(process_users_name(&users, 0), "root");
        assert_string_equal(process_users_name(&users, 33), "www");
        assert_string_equal(process_users_name(&users, UINT32_MAX), "last");
        assert_null(process_users_name(&users, 5));
        assert_int_equal(process_users_parse(SV(""), &arena, &users, &err), 0);
        assert_null(process_users_name(&users, 0));
}

/* ---- a made /proc ---- */

static void make_process(const struct fixture *fixture, int pid, const char *comm, const char *cgroup, int uid)
{
        char path[64];
        char text[1024];
        snprintf(path, sizeof(path), "%d/stat", pid);
        snprintf(text, sizeof(text),
                "%d (%s) S 1 %d %d 0 -1 4194560 500 600 7 8 120 30 11 12 20 0 3 0 1000 10485760 2560 "
                "18446744073709551615 1 2 3 4 5 0 65536 4096 16384 0 0 0 17 1 0 0 9 8 7 1 2 3 4 5 6 7 0\n",
                pid, comm, pid, pid);
        fixture_text(fixture, path, text);
        snprintf(path, sizeof(path), "%d/status", pid);
        snprintf(text, sizeof(text),
                "Name:\tx\nState:\tS (sleeping)\nTgid:\t%d\nPid:\t%d\nPPid:\t1\nUid:\t1\t%d\t1\t1\nGid:\t1\t1\t1\t1\n"
                "VmRSS:\t    2048 kB\nVmLck:\t       0 kB\nThreads:\t3\n",
                pid, pid, uid);
        fixture_text(fixture, path, text);
        snprintf(path, sizeof(path), "%d/cgroup", pid);
        fixture_text(fixture, path, cgroup);
}

struct rows {
        VEC(struct process_row) rows;
        char groups[8][64], arguments[8][64];
};

static int keep(const struct process_row *row, void *cookie)
{
        struct rows *rows = cookie;
        size_t index = rows->rows.count;
        struct process_row *slot = vec_add(&rows->rows, 100000);
        assert_non_null(slot);
        *slot = *row;
        if (index < 8) {
                snprintf(rows->groups[index], 64, "%s", row->group);
                snprintf(rows->arguments[index], 64, "%s", row->arguments);
        }
        return 0;
}

static size_t list(int proc, struct process_list_query query, struct rows *rows)
{
        struct process_list_result result;
        vec_done(&rows->rows);
        query.boot_unix_ns = query.boot_unix_ns ? query.boot_unix_ns : 1000 * SECOND;
        query.now_unix_ns = query.now_unix_ns ? query.now_unix_ns : 1110 * SECOND;
        assert_int_equal(process_list_each(proc, &query, keep, rows, &result, &err), 0);
        assert_int_equal(result.rows, rows->rows.count);
        return result.rows;
}

static void a_made_proc(void **state)
{
        (void)state;
        struct fixture fixture;
        struct rows rows = { 0 };
        fixture_make(&fixture);
        fixture_text(&fixture, "meminfo", "MemTotal:         204800 kB\nMemFree: 1 kB\n");
        make_process(&fixture, 5, "one", "0::/a\n", 33);
        make_process(&fixture, 6, "two ) x", "0::/a/b\n", 7);
        make_process(&fixture, 7, "three", "4:memory:/ab\n1:name=systemd:/s/foo.service\n", 33);
        fixture_text(&fixture, "7/cmdline", "");
        fixture_bytes(&fixture, "5/cmdline", "nginx\0-g\0daemon off;\0", 21);
        fixture_link(&fixture, "5/fd/0", "/dev/null");
        fixture_link(&fixture, "5/fd/11", "socket:[1]");
        fixture_text(&fixture, "8/stat", "gone meanwhile");
        fixture_text(&fixture, "uptime", "1 2");
        fixture_text(&fixture, "0123/cgroup", "0::/a\n");
        struct process_user user = { 33, "www-data" };
        struct process_users users = { &user, 1, 0 };

        assert_int_equal(
                list(fixture.root, (struct process_list_query){ .users = &users, .files = true, .arguments = true },
                        &rows),
                3);
        assert_int_equal(list(fixture.root, (struct process_list_query){ .group = "/" }, &rows), 0);
        assert_int_equal(list(fixture.root, (struct process_list_query){ .group = "/", .subgroups = true }, &rows), 3);
        assert_int_equal(list(fixture.root, (struct process_list_query){ .group = "/a", .subgroups = true }, &rows), 2);
        assert_int_equal(list(fixture.root, (struct process_list_query){ .group = "/nope" }, &rows), 0);
        /* in one hierarchy alone */
        assert_int_equal(list(fixture.root, (struct process_list_query){ .group = "/s/foo.service" }, &rows), 1);
        assert_string_equal(rows.groups[0], "/s/foo.service");
        assert_int_equal(list(fixture.root, (struct process_list_query){ .group = "/ab" }, &rows), 1);
        assert_int_equal(
                list(fixture.root,
                        (struct process_list_query){ .group = "/a", .users = &users, .files = true, .arguments = true },
                        &rows),
                1);
        const struct process_row *row = &rows.rows.items[0];
        assert_int_equal(row->pid, 5);
        assert_int_equal(row->ppid, 1);
        assert_string_equal(row->user, "www-data");
        assert_string_equal(row->comm, "one");
        assert_string_equal(row->stat, "Ssl");
        assert_string_equal(row->time, "00:00:01"); /* 150 ticks */
        assert_int_equal(row->start_unix_ns, 1010 * SECOND);
        assert_true(fabs(row->cpu_percent - 1.5) < 1e-9); /* 1.5 s in 100 s */
        assert_true(fabs(row->memory_percent - 1.0) < 1e-9);
        assert_int_equal(row->rss, 2 << 20);
        assert_int_equal(row->vsz, 10485760);
        assert_int_equal(row->processor, 1);
        assert_int_equal(row->files, 2);
        assert_string_equal(rows.groups[0], "/a");
        assert_string_equal(rows.arguments[0], "nginx -g daemon off;");

        pid_t pids[] = { 7, 99, 6 };
        assert_int_equal(list(fixture.root, (struct process_list_query){ .pids = pids, .pid_count = 3 }, &rows), 2);
        assert_int_equal(rows.rows.items[0].pid, 7);
        assert_string_equal(rows.rows.items[1].user, "7"); /* a number where no name is known */
        assert_string_equal(rows.rows.items[1].comm, "two ) x");
        vec_done(&rows.rows);
        fixture_remove(&fixture);
}

static int stop_at_first(const struct process_row *row, void *cookie)
{
        ++*(int *)cookie;
        return row->pid;
}

static void a_caller_that_has_enough(void **state)
{
        (void)state;
        cleanup(fd_close) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct process_list_query query = { 0 };
        struct process_list_result result;
        int calls = 0;
        assert_int_equal(process_list_each(proc, &query, stop_at_first, &calls, &result, &err), 1); /* pid 1 */
        assert_int_equal(calls, 1);
}

/* ---- beside ps ---- */

static void run_ps(struct buf *out)
{
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
                dup2(ends[1], 1);
                close(ends[0]);
                execlp("ps", "ps", "-e", "-o", "user,pid,ppid,stime,pcpu,pmem,rss,vsz,stat,time,psr,comm",
                        (char *)NULL);
                _exit(127);
        }
        close(ends[1]);
        ssize_t got;
        do {
                char *room = buf_reserve(out, 65536);
                assert_non_null(room);
                got = read(ends[0], room, 65536);
                out->len += got > 0 ? (size_t)got : 0;
        } while (got > 0);
        close(ends[0]);
        waitpid(child, NULL, 0);
}

static const struct process_row *find_row(const struct rows *rows, uint64_t pid)
{
        for (size_t i = 0; i < rows->rows.count; i++)
                if ((uint64_t)rows->rows.items[i].pid == pid)
                        return &rows->rows.items[i];
        return NULL;
}

static bool either(struct sv said, const char *before, const char *after)
{
        return sv_eq(said, sv_of(before)) || sv_eq(said, sv_of(after));
}

/* "systemd+" is the beginning of a longer name. */
static bool same_user(struct sv said, const char *name)
{
        if (said.n == 8 && said.p[7] == '+')
                return strncmp(said.p, name, 7) == 0;
        return sv_eq(said, sv_of(name));
}

static int check_line(struct sv line, const struct rows *before, const struct rows *after, int *unlike)
{
        struct sv words[11];
        uint64_t pid;
        uint64_t rss;
        for (size_t i = 0; i < 11; i++)
                assert_true(sv_word(&line, &words[i]));
        assert_true(sv_parse_u64(words[1], 10, &pid) && sv_parse_u64(words[6], 10, &rss));
        const struct process_row *first = find_row(before, pid);
        const struct process_row *last = find_row(after, pid);
        if (!first || !last || strcmp(first->comm, last->comm) != 0)
                return 0; /* came or went, or became another program */
        char text[32];
        assert_true(same_user(words[0], first->user) || same_user(words[0], last->user));
        snprintf(text, sizeof(text), "%d", first->ppid);
        snprintf(text + 16, 16, "%d", last->ppid);
        assert_true(either(words[2], text, text + 16));
        /* the rest changes any time: of most it does not within these milliseconds */
        bool alike =
                strcmp(first->stat, last->stat) == 0 && strcmp(first->time, last->time) == 0 && first->rss == last->rss;
        *unlike += !either(words[3], first->start, last->start); /* ps counts from whole seconds */
        *unlike += alike &&
                   !(sv_eq(words[8], sv_of(first->stat)) && sv_eq(words[9], sv_of(first->time)) &&
                           rss * 1024 >= first->rss - first->rss / 10 && rss * 1024 <= first->rss + first->rss / 10);
        /* a kworker's name tells its work, which changes meanwhile */
        struct sv comm = sv_trim(line);
        size_t length = first->stat[0] == 'Z' ? 1 : strlen(first->comm);
        if (!sv_starts(comm, SV("kworker/")))
                assert_true(comm.n >= length && memcmp(comm.p, first->comm, length) == 0);
        return 1;
}

static void beside_ps(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf text;
        cleanup(arena_done) struct arena arena;
        cleanup(fd_close) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        cleanup(fd_close) int root = real_root();
        struct process_users users;
        struct rows before = { 0 };
        struct rows after = { 0 };
        unsetenv("TZ");
        tzset();
        buf_init(&text, 8 << 20);
        arena_init(&arena, 32 << 20);
        assert_int_equal(process_users_read(root, &arena, &users, &err), 0);
        struct process_list_query query = {
                .users = &users, .now_unix_ns = time_unix_ns(), .boot_unix_ns = time_boot_unix_ns()
        };
        list(proc, query, &before);
        run_ps(&text);
        query.now_unix_ns = time_unix_ns();
        list(proc, query, &after);
        struct sv rest = sv_n(buf_text(&text), text.len);
        struct sv line;
        if (!sv_line(&rest, &line)) {
                print_message("# skipped: needs ps\n");
                skip();
        }
        int checked = 0;
        int unlike = 0;
        while (sv_line(&rest, &line))
                checked += check_line(line, &before, &after, &unlike);
        assert_true(unlike <= 2 + checked / 20);
        assert_true(checked > 5 || (size_t)checked + 2 >= before.rows.count);
        vec_done(&before.rows);
        vec_done(&after.rows);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(letters),
                cmocka_unit_test(times),
                cmocka_unit_test(starts),
                cmocka_unit_test(names),
                cmocka_unit_test(groups),
                cmocka_unit_test(users),
                cmocka_unit_test(a_made_proc),
                cmocka_unit_test(a_caller_that_has_enough),
                cmocka_unit_test(beside_ps),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
