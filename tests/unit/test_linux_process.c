/* The process readers: texts of /proc on fixtures, and against ps and the kernel on this machine. */
#include "linux_fixture.h"

#include "base/buf.h"
#include "linux/capability_names.h"
#include "linux/maps.h"
#include "linux/process.h"
#include "linux/process_tree.h"
#include "linux/socket_owner.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct error err;

static const char stat_tail[] = " 17 18 19 34816 42 4194560 500 600 7 8 90 100 11 12 20 0 3 0 123456 10485760 2560 "
                                "18446744073709551615 1 2 3 4 5 0 65536 4096 16384 0 0 0 17 1 0 0 9 8 7 "
                                "1000 2000 3000 4000 5000 6000 7000 0\n";

static struct process_stat parse_stat(const char *name)
{
        char text[1024];
        snprintf(text, sizeof(text), "4242 (%s) S%s", name, stat_tail);
        struct process_stat stat;
        assert_int_equal(process_parse_stat(sv_of(text), &stat, &err), 0);
        return stat;
}

static void stat_has_every_field(void **state)
{
        (void)state;
        struct process_stat stat = parse_stat("sleep");
        assert_int_equal(stat.pid, 4242);
        assert_string_equal(stat.comm, "sleep");
        assert_int_equal(stat.state, 'S');
        assert_int_equal(stat.ppid, 17);
        assert_int_equal(stat.session, 19);
        assert_int_equal(stat.tpgid, 42);
        assert_int_equal(stat.utime, 90);
        assert_int_equal(stat.cstime, 12);
        assert_int_equal(stat.num_threads, 3);
        assert_int_equal(stat.start_ticks, 123456);
        assert_int_equal(stat.rss, 2560);
        assert_true(stat.rss_limit == UINT64_MAX);
        assert_int_equal(stat.exit_signal, 17);
        assert_int_equal(stat.cguest_time, 7);
        assert_int_equal(stat.env_end, 7000);
        assert_int_equal(stat.fields, 52);
}

static void stat_name_may_hold_anything(void **state)
{
        (void)state;
        assert_string_equal(parse_stat("a) R 1 (b").comm, "a) R 1 (b");
        assert_string_equal(parse_stat(" ").comm, " ");
        assert_string_equal(parse_stat("").comm, "");
        assert_string_equal(parse_stat("two\nlines").comm, "two\nlines");
        assert_string_equal(parse_stat("))))").comm, "))))");
        assert_int_equal(parse_stat(") S 99 99 99").ppid, 17);
}

static void stat_refuses_what_is_none(void **state)
{
        (void)state;
        static const char *const bad[] = { "", "12", "12 (x", "x) S 1 2", "12 (x) ", "12 (x) S 1 2 3", "(x) S 1",
                "99999999 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
                "12 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 -19 20" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                struct process_stat stat = { .pid = -7 };
                assert_int_equal(process_parse_stat(sv_of(bad[i]), &stat, &err), -1);
                assert_int_equal(err.code, E_CORRUPT);
                assert_int_equal(stat.pid, -7); /* nothing is written on failure */
        }
}

static void status_tells_rights_and_memory(void **state)
{
        (void)state;
        static const char text[] =
                "Name:\ta\\nb\\\\c \nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t12\nPid:\t12\nPPid:\t1\n"
                "Uid:\t1000\t1001\t1002\t1003\nGid:\t5\t6\t7\t8\nGroups:\t4 24 1000 \nNSpid:\t12\t1\n"
                "VmPeak:\t   10 kB\nVmRSS:\t    7 kB\nThreads:\t9\nSigQ:\t3/96402\n"
                "CapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\nNoNewPrivs:\t1\nSeccomp:\t2\n"
                "Seccomp_filters:\t4\nCpus_allowed:\t3\nvoluntary_ctxt_switches:\t99\n";
        struct process_status status;
        assert_int_equal(process_parse_status(sv_of(text), &status, &err), 0);
        assert_string_equal(status.name, "a\nb\\c ");
        assert_int_equal(status.umask, 022);
        assert_int_equal(status.uid[1], 1001);
        assert_int_equal(status.gid[3], 8);
        assert_int_equal(status.groups_count, 3);
        assert_int_equal(status.groups[2], 1000);
        assert_int_equal(status.ns_pid_count, 2);
        assert_int_equal(status.ns_pid[1], 1);
        assert_int_equal(status.vm_rss, 7 * 1024);
        assert_int_equal(status.threads, 9);
        assert_int_equal(status.sig_queue_limit, 96402);
        assert_true(status.cap_effective == 0x1ffffffffff);
        assert_int_equal(status.no_new_privs, 1);
        assert_int_equal(status.seccomp, PROCESS_SECCOMP_FILTER);
        assert_int_equal(status.seccomp_filters, 4);
        assert_int_equal(status.voluntary_switches, 99);

        static const char kernel[] = "Name:\tkthreadd\nPid:\t2\nUid:\t0\t0\t0\t0\n";
        assert_int_equal(process_parse_status(sv_of(kernel), &status, &err), 0);
        assert_int_equal(status.umask, -1);
        assert_int_equal(status.no_new_privs, -1);
        assert_int_equal(status.seccomp, PROCESS_SECCOMP_UNKNOWN);
        assert_int_equal(process_parse_status(SV("Name:\tx\nPid:\t2\n"), &status, &err), -1);
        assert_int_equal(process_parse_status(SV("Pid:\t2\nUid:\t0\t0\t0\nVmRSS:\t1 kB\n"), &status, &err), -1);
        assert_int_equal(process_parse_status(SV("Pid:\t2\nUid:\t0\t0\t0\t0\nVmRSS:\t1 MB\n"), &status, &err), -1);
}

static void status_counts_groups_beyond_the_table(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 1 << 20);
        buf_puts(&buf, "Pid:\t2\nUid:\t0\t0\t0\t0\nGroups:\t");
        for (int i = 0; i < 1000; i++)
                buf_printf(&buf, "%d ", 100000 + i);
        buf_putc(&buf, '\n');
        struct process_status status;
        assert_int_equal(process_parse_status(sv_n(buf.data, buf.len), &status, &err), 0);
        assert_int_equal(status.groups_count, PROCESS_GROUPS_MAX);
        assert_int_equal(status.groups_refused, 1000 - PROCESS_GROUPS_MAX);
}

static void arguments_keep_empty_ones_and_raw_bytes(void **state)
{
        (void)state;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 8 << 20);
        struct process_arguments arguments;
        assert_int_equal(process_parse_arguments(SV("sh\0\0-c\0\xff x\0"), &arena, &arguments, &err), 0);
        assert_int_equal(arguments.argc, 4);
        assert_string_equal(arguments.argv[1], "");
        assert_string_equal(arguments.argv[3], "\xff x");
        assert_null(arguments.argv[4]);
        assert_int_equal(process_parse_arguments(SV("nginx: worker process"), &arena, &arguments, &err), 0);
        assert_int_equal(arguments.argc, 1);
        assert_int_equal(process_parse_arguments(SV(""), &arena, &arguments, &err), 0);
        assert_int_equal(arguments.argc, 0);
        assert_null(arguments.argv[0]);

        cleanup(arena_done) struct arena small;
        arena_init(&small, 64);
        char zeros[4096] = { 0 };
        assert_int_equal(process_parse_arguments(sv_n(zeros, sizeof(zeros)), &small, &arguments, &err), -1);
        assert_int_equal(err.code, E_NO_MEMORY);
}

static void maps_rows(void **state)
{
        (void)state;
        struct mapping row;
        assert_true(maps_parse_line(SV("7f00-7fff r-xp 00001000 fe:01 1234                       /usr/bin/a b"), &row));
        assert_int_equal(row.start, 0x7f00);
        assert_true(row.readable && !row.writable && row.executable && !row.shared && !row.deleted);
        assert_int_equal(row.major, 0xfe);
        assert_int_equal(row.inode, 1234);
        assert_int_equal(row.path.n, strlen("/usr/bin/a b"));
        assert_true(maps_parse_line(SV("7f00-7fff rw-s 00000000 00:00 0 "), &row));
        assert_int_equal(row.path.n, 0);
        assert_true(row.shared);
        assert_true(maps_parse_line(SV("7f00-7fff r--p 00000000 00:01 9   /memfd:x (deleted)"), &row));
        assert_true(row.deleted && sv_eq(row.path, SV("/memfd:x")));
        assert_false(maps_parse_line(SV("7fff-7f00 r--p 00000000 00:01 9"), &row));
        assert_false(maps_parse_line(SV("7f00-7fff r-"), &row));
        assert_false(maps_parse_line(SV("nonsense"), &row));
}

static void tree_places_every_process_once(void **state)
{
        (void)state;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        /* 1 → 10 → {11, 30}; 2 alone; 7's parent is gone; 50 and 51 are each other's parent; 60 its own */
        static const struct process_parent list[] = { { 30, 10 }, { 1, 0 }, { 10, 1 }, { 2, 0 }, { 11, 10 }, { 7, 999 },
                { 50, 51 }, { 51, 50 }, { 60, 60 } };
        static const int order[] = { 1, 10, 11, 30, 2, 7, 60, 50, 51 };
        static const int depth[] = { 0, 1, 2, 2, 0, 0, 0, 0, 1 };
        struct process_tree_node *nodes;
        assert_int_equal(process_tree_order(list, 9, &arena, &nodes, &err), 0);
        for (int i = 0; i < 9; i++) {
                assert_int_equal(list[nodes[i].index].pid, order[i]);
                assert_int_equal(nodes[i].depth, depth[i]);
        }
        assert_false(nodes[2].last);
        assert_true(nodes[3].last);
        assert_int_equal(process_tree_order(NULL, 0, &arena, &nodes, &err), 0);
}

static void capability_names(void **state)
{
        (void)state;
        assert_string_equal(capability_name(12), "CAP_NET_ADMIN");
        assert_null(capability_name(41));
        assert_int_equal(capability_number(SV("cap_net_admin")), 12);
        assert_int_equal(capability_number(SV("BPF")), 39);
        assert_int_equal(capability_number(SV("CAP_")), -1);
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 256);
        capability_format(1 | 1 << 5 | UINT64_C(1) << 60, &buf);
        assert_string_equal(buf_text(&buf), "CAP_CHOWN,CAP_KILL,60");
        cleanup(fd_close) int root = real_root();
        assert_true(capability_last(root) >= 37);
}

static void fixture_tree_stands_in_for_root(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        char text[1024];
        snprintf(text, sizeof(text), "77 (with space) S%s", stat_tail);
        fixture_text(&fixture, "proc/77/stat", text);
        fixture_bytes(&fixture, "proc/77/cmdline", "a\0b", 4);
        fixture_link(&fixture, "proc/77/exe", "/opt/gone (deleted)");
        fixture_link(&fixture, "proc/77/ns/net", "net:[4026531840]");
        fixture_link(&fixture, "proc/77/fd/3", "socket:[555]");
        fixture_link(&fixture, "proc/77/fd/4", "/dev/null");
        fixture_text(&fixture, "proc/3/stat", "3 (none");
        fixture_text(&fixture, "proc/uptime", "1 1");
        fixture_text(&fixture, "proc/0/stat", "");

        struct process_iter iter;
        assert_int_equal(process_iter_open(&iter, fixture.root, &err), 0);
        struct process process;
        int seen = 0;
        while (process_iter_next(&iter, &process)) {
                seen++;
                assert_true(process.pid == 77 || process.pid == 3);
                process_close(&process);
        }
        process_iter_close(&iter);
        assert_int_equal(seen, 2);

        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        assert_int_equal(process_open(fixture.root, 77, &process, &err), 0);
        struct process_stat stat;
        assert_int_equal(process_read_stat(&process, &stat, &err), 0);
        assert_string_equal(stat.comm, "with space");
        struct process_link link;
        assert_int_equal(process_read_link(&process, PROCESS_EXE, &arena, &link, &err), 0);
        assert_string_equal(link.path, "/opt/gone");
        assert_true(link.deleted);
        assert_int_equal(process_read_link(&process, PROCESS_CWD, &arena, &link, &err), 0);
        assert_null(link.path);
        uint64_t inodes[PROCESS_NS_COUNT];
        assert_int_equal(process_read_namespaces(&process, inodes, &err), 0);
        assert_true(inodes[PROCESS_NS_NET] == 4026531840);
        assert_true(inodes[PROCESS_NS_TIME] == 0);
        struct process_status status;
        assert_int_equal(process_read_status(&process, &status, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        process_close(&process);
        assert_int_equal(process_open(fixture.root, 78, &process, &err), -1);
        assert_true(process_vanished(&err));

        struct socket_owners owners;
        assert_int_equal(socket_owners_scan(fixture.root, 10, &owners, &err), 0);
        size_t count;
        const struct socket_owner *owner = socket_owners_find(&owners, 555, &count);
        assert_non_null(owner);
        assert_int_equal(count, 1);
        assert_int_equal(owner->pid, 77);
        assert_int_equal(owner->fd, 3);
        assert_null(socket_owners_find(&owners, 556, &count));
        socket_owners_done(&owners);
        fixture_remove(&fixture);
}

/* A child that waits for its standard input to close. */
static pid_t spawn_waiter(int *ret_release, const char *path, char *const argv[])
{
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                dup2(ends[0], 0);
                execv(path, argv);
                _exit(127);
        }
        close(ends[0]);
        *ret_release = ends[1];
        return pid;
}

/* Waits until the child is the other program: its argv[0] is ours no longer. No sleeping: yields the CPU. */
static void wait_for_exec(const struct process *process, const char *argv0)
{
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 64 << 20);
        struct process_arguments arguments = { 0 };
        do {
                sched_yield();
                arena_done(&arena);
                assert_int_equal(process_read_cmdline(process, &arena, &arguments, &err), 0);
        } while (arguments.argc == 0 || strcmp(arguments.argv[0], argv0) != 0);
}

static void copy_program(const char *from, const char *to)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 16 << 20);
        assert_int_equal(file_read(AT_FDCWD, from, &buf, &err), 0);
        cleanup(fd_close) int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, buf.data, buf.len, &err), 0);
}

static void live_process_tells_itself(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        char program[128];
        snprintf(program, sizeof(program), "%s/odd ) name (deleted)", fixture.path);
        copy_program("/bin/cat", program);
        int release;
        char argument[] = "-";
        char empty[] = "-u";
        pid_t pid = spawn_waiter(&release, program, (char *[]){ program, empty, argument, NULL });

        cleanup(fd_close) int root = real_root();
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 64 << 20);
        cleanup(process_close) struct process process;
        assert_int_equal(process_open(root, pid, &process, &err), 0);
        wait_for_exec(&process, program);
        struct process_stat stat;
        assert_int_equal(process_read_stat(&process, &stat, &err), 0);
        assert_string_equal(stat.comm, "odd ) name (del");
        assert_int_equal(stat.ppid, getpid());
        struct process_status status;
        assert_int_equal(process_read_status(&process, &status, &err), 0);
        assert_int_equal(status.uid[0], getuid());
        assert_string_equal(status.name, stat.comm);
        struct process_link link;
        assert_int_equal(process_read_link(&process, PROCESS_EXE, &arena, &link, &err), 0);
        assert_string_equal(link.path, program); /* a file really named so */
        assert_false(link.deleted);
        assert_int_equal(unlink(program), 0);
        assert_int_equal(process_read_link(&process, PROCESS_EXE, &arena, &link, &err), 0);
        assert_string_equal(link.path, program);
        assert_true(link.deleted);
        uint64_t inodes[PROCESS_NS_COUNT];
        assert_int_equal(process_read_namespaces(&process, inodes, &err), 0);
        assert_true(inodes[PROCESS_NS_MNT] > 0 && inodes[PROCESS_NS_USER] > 0);
        struct process_io io;
        assert_int_equal(process_read_io(&process, &io, &err), 0);
        assert_true(io.read_syscalls > 0);
        struct process_oom oom;
        assert_int_equal(process_read_oom(&process, &oom, &err), 0);
        struct maps maps;
        assert_int_equal(maps_read(&process, &arena, &maps, &err), 0);
        assert_true(maps.count > 5);
        assert_int_equal(maps.refused, 0);
        struct process_arguments environment;
        assert_int_equal(process_read_environ(&process, &arena, &environment, &err), 0);

        close(release);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        /* the handle is of that process, whoever gets the pid next */
        assert_int_equal(process_read_stat(&process, &stat, &err), -1);
        assert_true(process_vanished(&err));
        assert_int_equal(process_read_link(&process, PROCESS_EXE, &arena, &link, &err), -1);
        assert_true(process_vanished(&err));
        fixture_remove(&fixture);
}

static void zombie_has_a_stat_and_no_exe(void **state)
{
        (void)state;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        pid_t pid = fork();
        if (pid == 0)
                _exit(3);
        siginfo_t signal;
        assert_int_equal(waitid(P_PID, (id_t)pid, &signal, WEXITED | WNOWAIT), 0);
        cleanup(fd_close) int root = real_root();
        cleanup(process_close) struct process process;
        assert_int_equal(process_open(root, pid, &process, &err), 0);
        struct process_stat stat;
        assert_int_equal(process_read_stat(&process, &stat, &err), 0);
        assert_int_equal(stat.state, 'Z');
        struct process_link link;
        assert_int_equal(process_read_link(&process, PROCESS_EXE, &arena, &link, &err), 0);
        assert_null(link.path);
        struct process_arguments arguments;
        assert_int_equal(process_read_cmdline(&process, &arena, &arguments, &err), 0);
        assert_int_equal(arguments.argc, 0);
        waitpid(pid, NULL, 0);
}

/* Processes that end while we list: every read is a full answer or "vanished", never another error. */
static void listing_survives_a_storm_of_exits(void **state)
{
        (void)state;
        cleanup(fd_close) int root = real_root();
        pid_t storm = fork();
        assert_true(storm >= 0);
        if (storm == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (int i = 0; i < 4000; i++) {
                        pid_t child = fork();
                        if (child == 0)
                                _exit(0);
                        if (i % 8 == 7)
                                while (waitpid(-1, NULL, 0) > 0)
                                        ;
                }
                _exit(0);
        }
        size_t complete = 0;
        size_t vanished = 0;
        while (waitpid(storm, NULL, WNOHANG) == 0) {
                cleanup(arena_done) struct arena arena;
                arena_init(&arena, 64 << 20);
                struct process_iter iter;
                assert_int_equal(process_iter_open(&iter, root, &err), 0);
                struct process process;
                while (process_iter_next(&iter, &process)) {
                        struct process_stat stat;
                        struct process_status status;
                        struct process_link link;
                        struct process_arguments arguments;
                        uint64_t net;
                        if (process_read_stat(&process, &stat, &err) < 0 ||
                                process_read_status(&process, &status, &err) < 0 ||
                                process_read_cmdline(&process, &arena, &arguments, &err) < 0 ||
                                process_read_link(&process, PROCESS_CWD, &arena, &link, &err) < 0 ||
                                process_read_namespace(&process, PROCESS_NS_NET, &net, &err) < 0) {
                                if (!process_vanished(&err) && err.code != E_PERMISSION) /* root need not be all */
                                        fail_msg("pid %d: %s", process.pid, err.message);
                                vanished++;
                        } else {
                                assert_int_equal(stat.pid, process.pid);
                                assert_int_equal(status.pid, process.pid);
                                complete++;
                        }
                        process_close(&process);
                }
                process_iter_close(&iter);
        }
        assert_true(complete > 0);
        print_message("# complete %zu, vanished %zu\n", complete, vanished);
}

/* Output of a program, for comparison. */
static void output_of(struct buf *out, char *const argv[])
{
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0) {
                dup2(ends[1], 1);
                execvp(argv[0], argv);
                _exit(127);
        }
        close(ends[1]);
        char *into;
        ssize_t got;
        while ((into = buf_reserve(out, 4096)) && (got = read(ends[0], into, 4096)) > 0)
                out->len += (size_t)got;
        close(ends[0]);
        waitpid(pid, NULL, 0);
        buf_putc(out, '\0');
}

/* Compares all processes with one run of ps: how many were alike, and how many differed. */
static void compare_with_ps(size_t *ret_alike, size_t *ret_different)
{
        *ret_alike = *ret_different = 0;
        cleanup(fd_close) int root = real_root();
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 16 << 20);
        char *argv[] = { (char[]){ "ps" }, (char[]){ "-e" }, (char[]){ "-o" },
                (char[]){ "pid=,ppid=,pgid=,sid=,uid=,gid=,nlwp=,netns=,pidns=,stat=" }, NULL };
        output_of(&buf, argv);
        struct sv rest = sv_of(buf_text(&buf));
        struct sv line;
        while (sv_line(&rest, &line)) {
                struct sv words[10];
                size_t n = 0;
                while (n < 10 && sv_word(&line, &words[n]))
                        n++;
                uint64_t pid;
                if (n != 10 || !sv_parse_u64(words[0], 10, &pid))
                        continue;
                cleanup(process_close) struct process process = { .dir = -1 };
                struct process_stat stat;
                struct process_status status;
                uint64_t namespaces[PROCESS_NS_COUNT] = { 0 };
                bool alike = true;
                if (process_open(root, (pid_t)pid, &process, &err) < 0 ||
                        process_read_stat(&process, &stat, &err) < 0 ||
                        process_read_status(&process, &status, &err) < 0) {
                        assert_true(process_vanished(&err) || err.code == E_PERMISSION);
                        continue;
                }
                /* those of others' processes are for root only: they stay 0, and ps says "-" */
                if (process_read_namespaces(&process, namespaces, &err) < 0 && process_vanished(&err))
                        continue;
                const uint64_t ours[] = { pid, (uint64_t)stat.ppid, (uint64_t)stat.pgrp, (uint64_t)stat.session,
                        status.uid[1], status.gid[1], (uint64_t)stat.num_threads, namespaces[PROCESS_NS_NET],
                        namespaces[PROCESS_NS_PID] };
                for (size_t i = 0; i < 9; i++) {
                        uint64_t theirs;
                        if (i == 6 || !sv_parse_u64(words[i], 10, &theirs))
                                continue; /* threads come and go; "-" is not told */
                        alike &= theirs == ours[i];
                }
                ++*(alike ? ret_alike : ret_different);
        }
}

/* Between the two looks a process may change its parent, session, user or namespace: a difference that is real stays.
 */
static void agrees_with_ps(void **state)
{
        (void)state;
        size_t alike = 0;
        size_t different = 1;
        for (int i = 0; different && i < 20; i++)
                compare_with_ps(&alike, &different);
        assert_int_equal(different, 0);
        assert_true(alike > 3);
}

static void finds_the_owner_of_a_shared_socket(void **state)
{
        (void)state;
        cleanup(fd_close) int root = real_root();
        cleanup(fd_close) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct stat st;
        assert_int_equal(fstat(sock, &st), 0);
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0) {
                char c;
                close(ends[1]);
                _exit(read(ends[0], &c, 1) != 0);
        }
        close(ends[0]);
        struct socket_owners owners;
        assert_int_equal(socket_owners_scan(root, SOCKET_OWNERS_MAX, &owners, &err), 0);
        size_t count;
        const struct socket_owner *owner = socket_owners_find(&owners, st.st_ino, &count);
        assert_non_null(owner);
        assert_int_equal(count, 2);
        assert_true(
                (owner[0].pid == getpid() && owner[1].pid == pid) || (owner[1].pid == getpid() && owner[0].pid == pid));
        socket_owners_done(&owners);
        assert_int_equal(socket_owners_scan(root, 1, &owners, &err), 0);
        assert_int_equal(owners.count, 1);
        assert_true(owners.refused > 0);
        socket_owners_done(&owners);
        close(ends[1]);
        waitpid(pid, NULL, 0);
}

static void parses_the_reference_processes(void **state)
{
        (void)state;
        cleanup(fd_close) int root = -1;
        if (!testdata_open("watch/node_exporter/collector/fixtures", &root)) {
                print_message("skipped: needs the reference data\n");
                skip();
        }
        struct process_iter iter;
        assert_int_equal(process_iter_open(&iter, root, &err), 0);
        struct process process;
        size_t seen = 0;
        while (process_iter_next(&iter, &process)) {
                struct process_stat stat;
                assert_int_equal(process_read_stat(&process, &stat, &err), 0);
                assert_true(stat.start_ticks > 0);
                seen++;
                process_close(&process);
        }
        process_iter_close(&iter);
        assert_int_equal(seen, 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(stat_has_every_field),
                cmocka_unit_test(stat_name_may_hold_anything),
                cmocka_unit_test(stat_refuses_what_is_none),
                cmocka_unit_test(status_tells_rights_and_memory),
                cmocka_unit_test(status_counts_groups_beyond_the_table),
                cmocka_unit_test(arguments_keep_empty_ones_and_raw_bytes),
                cmocka_unit_test(maps_rows),
                cmocka_unit_test(tree_places_every_process_once),
                cmocka_unit_test(capability_names),
                cmocka_unit_test(fixture_tree_stands_in_for_root),
                cmocka_unit_test(live_process_tells_itself),
                cmocka_unit_test(zombie_has_a_stat_and_no_exe),
                cmocka_unit_test(listing_survives_a_storm_of_exits),
                cmocka_unit_test(agrees_with_ps),
                cmocka_unit_test(finds_the_owner_of_a_shared_socket),
                cmocka_unit_test(parses_the_reference_processes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
