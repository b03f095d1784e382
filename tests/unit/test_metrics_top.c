/* Who uses what: rates and the ledger on made input, and on this machine. */
#include "linux_fixture.h"

#include "base/timefmt.h"
#include "linux/netlink_dump.h"
#include "linux/process.h"
#include "linux/socket_traffic.h"
#include "modules/metrics/collect/top.h"

#include <linux/netlink.h>
#include <linux/sockios.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct error err;

#define BOOT (INT64_C(1700000000) * SECOND)

static void add(
        struct top *top, pid_t pid, uint64_t start, int64_t cpu_ns, uint64_t rss, uint64_t read, uint64_t written)
{
        struct top_sample sample = { .pid = pid,
                .start_ticks = start,
                .start_unix_ns = BOOT + (int64_t)start * (SECOND / 100),
                .comm = "worker",
                .cpu_ns = cpu_ns,
                .rss = rss,
                .read_bytes = read,
                .write_bytes = written,
                .has_io = true,
                .has_network = true };
        assert_true(top_add(top, &sample));
}

static bool close_to(double is, double wanted)
{
        return fabs(is - wanted) < 1e-6 * (fabs(wanted) + 1);
}

static void rates_between_two_looks(void **state)
{
        (void)state;
        struct top_row rows[8];
        struct top *top = top_new(&err);
        assert_int_equal(top_looked_ns(top), 0);
        /* the first look: since the start of each, 100 s ago */
        top_begin(top, 1000 * SECOND, BOOT + 110 * SECOND);
        add(top, 10, 1000, 50 * SECOND, 1000, 100 * 4096, 0);
        add(top, 30, 1000, 0, 3000, 0, 0);
        top_add_socket(top, 10, 77, 5000, 6000);
        assert_int_equal(top_finish(top, TOP_CPU, rows, 8), 2);
        assert_int_equal(rows[0].pid, 10);
        assert_true(close_to(rows[0].cpu, 0.5));
        assert_true(close_to(rows[0].read_rate, 4096));
        assert_true(rows[0].receive_rate == 0); /* a connection's past is not told by one look */
        /* two seconds later */
        top_begin(top, 1002 * SECOND, BOOT + 112 * SECOND);
        add(top, 30, 1000, 3 * SECOND, 3500, 0, 20000); /* not by pid: all the same */
        add(top, 10, 1000, 50 * SECOND + 1 * SECOND, 1000, 100 * 4096, 0);
        add(top, 20, 11150, 250 * MILLISECOND, 500, 1000, 0); /* born half a second ago */
        top_add_socket(top, 10, 77, 5000 + 2000, 6000 + 400);
        top_add_socket(top, 10, 78, 1000, 0); /* a new connection */
        top_add_socket(top, 99, 79, 1, 1);    /* of nobody here */
        assert_int_equal(top_finish(top, TOP_CPU, rows, 8), 3);
        assert_int_equal(rows[0].pid, 30);
        assert_true(close_to(rows[0].cpu, 1.5));
        assert_true(close_to(rows[0].write_rate, 10000));
        assert_int_equal(rows[1].pid, 10);
        assert_true(close_to(rows[1].cpu, 0.5));
        assert_true(close_to(rows[1].receive_rate, 1500));
        assert_true(close_to(rows[1].send_rate, 200));
        assert_int_equal(rows[2].pid, 20);
        assert_true(close_to(rows[2].cpu, 0.5));
        assert_true(close_to(rows[2].read_rate, 2000));
        assert_int_equal(top_refused(top), 1);
        assert_int_equal(top_looked_ns(top), 1002 * SECOND);
        top_free(top);
}

static void a_number_taken_again(void **state)
{
        (void)state;
        struct top_row row;
        struct top *top = top_new(&err);
        top_begin(top, 10 * SECOND, BOOT + 10 * SECOND);
        add(top, 5, 100, 8 * SECOND, 1, 1 << 20, 0);
        top_finish(top, TOP_CPU, &row, 1);
        top_begin(top, 12 * SECOND, BOOT + 12 * SECOND);
        add(top, 5, 1100, 500 * MILLISECOND, 1, 100, 0); /* another process, one second old */
        assert_int_equal(top_finish(top, TOP_CPU, &row, 1), 1);
        assert_true(close_to(row.cpu, 0.5));
        assert_true(close_to(row.read_rate, 100));
        /* counters that go back (a restored process) are no rates */
        top_begin(top, 13 * SECOND, BOOT + 13 * SECOND);
        add(top, 5, 1100, 0, 1, 0, 0);
        top_finish(top, TOP_CPU, &row, 1);
        assert_true(row.cpu == 0 && row.read_rate == 0);
        top_free(top);
}

static void every_order_and_a_limit(void **state)
{
        (void)state;
        static const pid_t firsts[TOP_ORDERS] = { [TOP_CPU] = 9,
                [TOP_MEMORY] = 1,
                [TOP_READ] = 4,
                [TOP_WRITE] = 5,
                [TOP_RECEIVE] = 6,
                [TOP_SEND] = 7,
                [TOP_IO] = 4,
                [TOP_NETWORK] = 6 };
        for (int order = 0; order < TOP_ORDERS; order++) {
                struct top_row rows[3];
                struct top *top = top_new(&err);
                assert_non_null(top_order_names[order]);
                for (int look = 0; look < 2; look++) {
                        top_begin(top, (10 + look) * SECOND, BOOT + (10 + look) * SECOND);
                        for (int pid = 1; pid <= 9; pid++) {
                                add(top, pid, 0, look * pid * 10 * MILLISECOND, (uint64_t)(10 - pid) * 4096,
                                        (uint64_t)(pid == 4 && look) * 900, (uint64_t)(pid == 5 && look) * 800);
                                top_add_socket(top, pid, (uint64_t)pid, (uint64_t)(pid == 6 && look) * 70,
                                        (uint64_t)(pid == 7 && look) * 60);
                        }
                        assert_int_equal(top_finish(top, (enum top_order)order, rows, look ? 3 : 0), look ? 3 : 0);
                }
                assert_int_equal(rows[0].pid, firsts[order]);
                if (order == TOP_CPU)
                        assert_true(rows[1].pid == 8 && rows[2].pid == 7);
                top_free(top);
        }
        assert_null(top_order_names[TOP_ORDERS]);
}

static void a_table_that_is_full(void **state)
{
        (void)state;
        struct top_row row;
        struct top *top = top_new(&err);
        top_begin(top, SECOND, BOOT + SECOND);
        struct top_sample sample = { .start_ticks = 1 };
        for (int i = 0; i < TOP_PROCESSES_MAX; i++) {
                sample.pid = i + 1;
                assert_true(top_add(top, &sample));
        }
        sample.pid++;
        assert_false(top_add(top, &sample));
        for (int i = 0; i < TOP_SOCKETS_MAX + 2; i++)
                top_add_socket(top, 1, (uint64_t)i, 1, 1);
        assert_int_equal(top_refused(top), 3);
        assert_int_equal(top_finish(top, TOP_MEMORY, &row, 1), 1);
        assert_true(top_memory(top) < 16 << 20);
        top_free(top);
}

/* ---- the ledger ---- */

static struct task_usage ended(pid_t pid, pid_t tgid, bool last, const char *comm, uint64_t cpu_ns)
{
        struct task_usage usage = { .version = 16,
                .pid = pid,
                .tgid = tgid,
                .last = last,
                .forked_only = pid != tgid, /* a thread never executes */
                .run_ns = cpu_ns,
                .rss_peak = 1000 * (uint64_t)pid,
                .read_bytes = 10,
                .write_bytes = 1,
                .elapsed_ns = 5 };
        snprintf(usage.comm, sizeof(usage.comm), "%s", comm);
        return usage;
}

static const struct ledger_row *row_named(const struct ledger *ledger, const char *group, const char *comm)
{
        for (size_t i = 0; i < ledger_count(ledger); i++) {
                const struct ledger_row *row = ledger_at(ledger, i);
                if (strcmp(row->group, group) == 0 && strcmp(row->comm, comm) == 0)
                        return row;
        }
        return NULL;
}

static void short_lived_processes(void **state)
{
        (void)state;
        struct ledger *ledger = ledger_new(100, &err);
        for (int i = 0; i < 3; i++) {
                struct task_usage usage = ended(100 + i, 100 + i, true, "cat", 1000);
                ledger_add(ledger, &usage, SV("/docker/web"), BOOT + i);
        }
        struct task_usage failed = ended(110, 110, true, "cat", 500);
        failed.exit_status = 9;
        ledger_add(ledger, &failed, SV("/docker/web"), BOOT + 3);
        struct task_usage forked = ended(111, 111, true, "sh", 7);
        forked.forked_only = true;
        ledger_add(ledger, &forked, SV("/docker/web"), BOOT + 4);
        struct task_usage other = ended(112, 112, true, "cat", 7);
        ledger_add(ledger, &other, SV("/"), BOOT + 4);
        const struct ledger_row *cat = row_named(ledger, "/docker/web", "cat");
        assert_non_null(cat);
        assert_int_equal(cat->execs, 4);
        assert_int_equal(cat->forks, 0);
        assert_int_equal(cat->failures, 1);
        assert_int_equal(cat->cpu_ns, 3500);
        assert_int_equal(cat->elapsed_ns, 20);
        assert_int_equal(cat->read_bytes, 40);
        assert_int_equal(cat->rss_peak, 110000);
        assert_int_equal(cat->last_unix_ns, BOOT + 3);
        assert_int_equal(row_named(ledger, "/docker/web", "sh")->forks, 1);
        assert_int_equal(row_named(ledger, "/", "cat")->execs, 1);
        const struct ledger_row *rows[2];
        assert_int_equal(ledger_top(ledger, SV("/docker"), rows, 2), 2);
        assert_ptr_equal(rows[0], cat);
        assert_string_equal(rows[1]->comm, "sh");
        assert_int_equal(ledger_top(ledger, SV(""), rows, 1), 1);
        assert_ptr_equal(rows[0], cat);
        assert_int_equal(ledger_top(ledger, SV("/dock"), rows, 2), 0);
        ledger_forget(ledger, SV("/docker/web"));
        assert_int_equal(ledger_count(ledger), 1);
        assert_non_null(row_named(ledger, "/", "cat"));
        ledger_free(ledger);
}

static void a_process_with_threads(void **state)
{
        (void)state;
        struct ledger *ledger = ledger_new(100, &err);
        struct ledger_counters counters;
        struct task_usage first = ended(201, 200, false, "pool-1", 100);
        struct task_usage second = ended(202, 200, false, "pool-2", 200);
        struct task_usage leader = ended(200, 200, true, "java", 1000);
        ledger_add(ledger, &first, SV("/never looked at"), BOOT);
        ledger_add(ledger, &second, SV("/never looked at"), BOOT);
        assert_int_equal(ledger_count(ledger), 0);
        ledger_add(ledger, &leader, SV("/a"), BOOT);
        const struct ledger_row *row = row_named(ledger, "/a", "java");
        assert_int_equal(row->execs, 1);
        assert_int_equal(row->cpu_ns, 1300);
        assert_int_equal(row->read_bytes, 30);
        assert_int_equal(row->rss_peak, 202000);
        /* the leader dies first, a thread last */
        struct task_usage before = ended(300, 300, false, "python3", 50);
        struct task_usage after = ended(301, 300, true, "worker-7", 60);
        ledger_add(ledger, &before, SV("/a"), BOOT);
        ledger_add(ledger, &after, SV("/a"), BOOT);
        assert_int_equal(row_named(ledger, "/a", "python3")->execs, 1);
        assert_int_equal(row_named(ledger, "/a", "python3")->cpu_ns, 110);
        assert_null(row_named(ledger, "/a", "worker-7"));
        /* a lost leader */
        struct task_usage orphan = ended(401, 400, true, "tail", 5);
        ledger_add(ledger, &orphan, SV("/a"), BOOT);
        assert_int_equal(row_named(ledger, "/a", "tail")->execs, 1);
        ledger_count_all(ledger, &counters);
        assert_int_equal(counters.records, 6);
        assert_int_equal(counters.processes, 3);
        ledger_free(ledger);
}

static void a_ledger_that_is_full(void **state)
{
        (void)state;
        struct ledger *ledger = ledger_new(10, &err);
        struct ledger_counters counters;
        uint64_t execs = 0;
        uint64_t cpu_ns = 0;
        for (int i = 0; i < 50; i++) {
                char name[16];
                snprintf(name, sizeof(name), "p%d", i);
                struct task_usage usage = ended(i + 1, i + 1, true, name, 10);
                ledger_add(ledger, &usage, SV("/x"), BOOT);
        }
        assert_int_equal(ledger_count(ledger), 11);
        for (size_t i = 0; i < ledger_count(ledger); i++) {
                execs += ledger_at(ledger, i)->execs;
                cpu_ns += ledger_at(ledger, i)->cpu_ns;
        }
        assert_int_equal(execs, 50); /* nothing is lost from the sum */
        assert_int_equal(cpu_ns, 500);
        assert_int_equal(row_named(ledger, "", "")->execs, 40);
        ledger_count_all(ledger, &counters);
        assert_int_equal(counters.rows_refused, 40);
        for (int i = 0; i < LEDGER_PENDING_MAX + 5; i++) {
                struct task_usage usage = ended(5000 + i, 4000 - i, false, "p1", 1);
                ledger_add(ledger, &usage, SV("/x"), BOOT);
        }
        ledger_count_all(ledger, &counters);
        assert_int_equal(counters.pending_refused, 5);
        assert_int_equal(row_named(ledger, "/x", "p1")->cpu_ns, 15);
        assert_int_equal(row_named(ledger, "/x", "p1")->execs, 1);
        ledger_free(ledger);
}

static void the_group_of_the_dead(void **state)
{
        (void)state;
        struct fixture fixture;
        char group[LEDGER_GROUP_MAX];
        fixture_make(&fixture);
        fixture_text(&fixture, "10/cgroup", "4:memory:/\n0::/\n"); /* v1: the dead are in the root */
        fixture_text(&fixture, "5/cgroup", "4:memory:/docker/a\n0::/\n");
        fixture_text(&fixture, "11/cgroup", "0::/docker/b\n");
        struct task_usage usage = { .tgid = 10, .ppid = 5 };
        assert_true(ledger_group_of(fixture.root, &usage, group));
        assert_string_equal(group, "/docker/a");
        usage.tgid = 11;
        assert_true(ledger_group_of(fixture.root, &usage, group));
        assert_string_equal(group, "/docker/b");
        usage.tgid = 12; /* reaped */
        assert_true(ledger_group_of(fixture.root, &usage, group));
        assert_string_equal(group, "/docker/a");
        usage.ppid = 6;
        assert_false(ledger_group_of(fixture.root, &usage, group));
        assert_string_equal(group, "/");
        fixture_remove(&fixture);
}

/* ---- this machine ---- */

static void exits_of_this_machine(void **state)
{
        (void)state;
        struct taskstats_listener *listener;
        if (taskstats_listen(0, &listener, &err) < 0) {
                print_message("# skipped: needs taskstats of exits: %s\n", err.message);
                skip();
        }
        cleanup(fd_close) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct ledger *ledger = ledger_new(1000, &err);
        for (int i = 0; i < 20; i++) {
                pid_t child = fork();
                if (child == 0) {
                        execl("/bin/sh", "tarsier-short", "-c", "exit 3", (char *)NULL);
                        _exit(1);
                }
                waitpid(child, NULL, 0);
        }
        while (ledger_drain(ledger, listener, proc, 16))
                ;
        uint64_t execs = 0;
        uint64_t failures = 0;
        uint64_t cpu_ns = 0;
        for (size_t i = 0; i < ledger_count(ledger); i++) {
                const struct ledger_row *row = ledger_at(ledger, i);
                if (strcmp(row->comm, "sh") != 0)
                        continue;
                execs += row->execs;
                failures += row->failures;
                cpu_ns += row->cpu_ns;
        }
        assert_true(execs >= 20 && failures >= 20);
        assert_true(cpu_ns > 20 * 50 * (uint64_t)MICROSECOND); /* no shell starts in less */
        ledger_free(ledger);
        taskstats_listener_close(listener);
}

static void connect_pair(int *ret_client, int *ret_server)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        cleanup(fd_close) int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
        *ret_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(*ret_client, (struct sockaddr *)&address, size), 0);
        *ret_server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(*ret_server >= 0);
}

static void carry(int from, int into, size_t bytes)
{
        char block[4096] = { 0 };
        for (size_t moved = 0; moved < bytes; moved += sizeof(block)) {
                assert_int_equal(write_all(from, block, sizeof(block), NULL), 0);
                for (size_t had = 0; had < sizeof(block);) {
                        ssize_t got = read(into, block, sizeof(block) - had);
                        assert_true(got > 0);
                        had += (size_t)got;
                }
        }
        for (int left = 1; left; sched_yield()) /* what was sent counts when it is acknowledged */
                assert_int_equal(ioctl(from, SIOCOUTQ, &left), 0);
}

/* This process is both ends of a connection: what it sends it receives. */
static void network_of_this_process(void **state)
{
        (void)state;
        cleanup(fd_close) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        cleanup(fd_close) int root = real_root();
        cleanup(fd_close) int netlink = netlink_open(NETLINK_SOCK_DIAG, &err);
        cleanup(fd_close) int client = -1;
        cleanup(fd_close) int server = -1;
        struct process self;
        struct top_netlink namespace = { .fd = netlink };
        pid_t pid = getpid();
        struct top_row row;
        size_t count;
        connect_pair(&client, &server);
        carry(client, server, 1 << 20);
        assert_int_equal(process_open(root, pid, &self, &err), 0);
        assert_int_equal(process_read_namespace(&self, PROCESS_NS_NET, &namespace.netns, &err), 0);
        process_close(&self);
        struct top *top = top_new(&err);
        struct top_query query = {
                .proc = proc, .pids = &pid, .pid_count = 1, .netlinks = &namespace, .netlink_count = 1, .limit = 1
        };
        assert_int_equal(top_look(top, &query, &row, &count, &err), 0);
        assert_int_equal(count, 1);
        if (!row.has_network) {
                print_message("# skipped: needs to tell network namespaces\n");
                top_free(top);
                skip();
        }
        int64_t before = top_looked_ns(top);
        carry(client, server, 64 * 1024);
        assert_int_equal(top_look(top, &query, &row, &count, &err), 0);
        double span = (double)(top_looked_ns(top) - before) / (double)SECOND;
        assert_int_equal(row.pid, pid);
        assert_string_equal(row.comm, "test_metrics_to");
        assert_true(row.rss > 100 * KIB && row.has_io);
        assert_true(close_to(row.receive_rate * span, 64 * 1024));
        assert_true(close_to(row.send_rate * span, 64 * 1024));
        top_free(top);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rates_between_two_looks),
                cmocka_unit_test(a_number_taken_again),
                cmocka_unit_test(every_order_and_a_limit),
                cmocka_unit_test(a_table_that_is_full),
                cmocka_unit_test(short_lived_processes),
                cmocka_unit_test(a_process_with_threads),
                cmocka_unit_test(a_ledger_that_is_full),
                cmocka_unit_test(the_group_of_the_dead),
                cmocka_unit_test(exits_of_this_machine),
                cmocka_unit_test(network_of_this_process),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
