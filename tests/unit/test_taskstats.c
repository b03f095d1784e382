/* The kernel's accounting of tasks: structs of every age, and this kernel's answers and exits. */
#include "linux_fixture.h"

#include "base/timefmt.h"
#include "linux/taskstats_netlink.h"

#include <linux/acct.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>

static struct error err;

static struct taskstats filled(unsigned version)
{
        struct taskstats stats = { .version = (uint16_t)version,
                .ac_exitcode = 0x100,
                .ac_flag = AGROUP,
                .cpu_count = 3,
                .cpu_delay_total = 30,
                .blkio_count = 4,
                .blkio_delay_total = 40,
                .swapin_delay_total = 50,
                .cpu_run_virtual_total = 12345678,
                .ac_comm = "a name of more than 16 bytes 32!",
                .ac_uid = 1000,
                .ac_pid = 77,
                .ac_ppid = 7,
                .ac_btime = 1700000000,
                .ac_etime = 2500,
                .ac_utime = 1500,
                .ac_stime = 500,
                .ac_minflt = 8,
                .hiwater_rss = 2048,
                .read_char = 100,
                .write_bytes = 4096,
                .nvcsw = 6,
                .freepages_count = 1,
                .freepages_delay_total = 60,
                .thrashing_delay_total = 70,
                .ac_btime64 = 5000000000,
                .compact_delay_total = 80,
                .ac_tgid = 70,
                .ac_exe_inode = 99,
                .wpcopy_count = 2,
                .wpcopy_delay_total = 90 };
        return stats;
}

static struct sv bytes_of(const void *stats, size_t size)
{
        return sv_n(stats, size);
}

static void every_field(void **state)
{
        (void)state;
        struct taskstats stats = filled(13);
        struct task_usage usage;
        assert_true(taskstats_parse(bytes_of(&stats, sizeof(stats)), &usage));
        assert_int_equal(usage.version, 13);
        assert_int_equal(usage.pid, 77);
        assert_int_equal(usage.tgid, 70);
        assert_int_equal(usage.ppid, 7);
        assert_int_equal(usage.uid, 1000);
        assert_int_equal(usage.exit_status, 0x100);
        assert_true(usage.last);
        assert_false(usage.forked_only);
        assert_string_equal(usage.comm, "a name of more than 16 bytes 32!");
        assert_true(usage.start_unix_ns == 5000000000 * SECOND);
        assert_int_equal(usage.elapsed_ns, 2500000);
        assert_int_equal(usage.user_ns, 1500000);
        assert_int_equal(usage.system_ns, 500000);
        assert_int_equal(usage.run_ns, 12345678);
        assert_int_equal(usage.rss_peak, 2 << 20);
        assert_int_equal(usage.read_chars, 100);
        assert_int_equal(usage.write_bytes, 4096);
        assert_int_equal(usage.cpu.count, 3);
        assert_int_equal(usage.block_io.total_ns, 40);
        assert_int_equal(usage.reclaim.total_ns, 60);
        assert_int_equal(usage.write_protect_copy.total_ns, 90);
        assert_int_equal(usage.interrupts.total_ns, 0);
        assert_int_equal(usage.exe_inode, 99);
}

static void older_structs_are_shorter(void **state)
{
        (void)state;
        struct taskstats stats = filled(1);
        struct task_usage usage;
        assert_true(taskstats_parse(bytes_of(&stats, offsetof(struct taskstats, ac_comm)), &usage));
        assert_int_equal(usage.run_ns, 12345678);
        assert_int_equal(usage.pid, 0);
        assert_string_equal(usage.comm, "");
        stats = filled(8); /* before thrashing */
        assert_true(taskstats_parse(bytes_of(&stats, offsetof(struct taskstats, thrashing_count)), &usage));
        assert_int_equal(usage.tgid, 77); /* no tgid: each thread stands for itself */
        assert_true(usage.last);
        assert_int_equal(usage.write_bytes, 4096);
        assert_int_equal(usage.thrashing.total_ns, 0);
        assert_true(usage.start_unix_ns == 1700000000 * SECOND);
        assert_false(taskstats_parse(bytes_of(&stats, 79), &usage));
        assert_false(taskstats_parse(SV(""), &usage));
}

/* Version 14 adds interrupts, 15 puts a maximum and a minimum behind each delay, 16 moves those to the end. */
static void newer_structs_are_longer(void **state)
{
        (void)state;
        struct taskstats stats = filled(14);
        uint64_t words[(sizeof(stats) + 128 + 16) / 8] = { 0 };
        struct task_usage usage;
        memcpy(words, &stats, sizeof(stats));
        size_t count = sizeof(stats) / 8;
        words[count++] = 11; /* irq_count */
        words[count++] = 110;
        assert_true(taskstats_parse(bytes_of(words, count * 8), &usage));
        assert_int_equal(usage.interrupts.count, 11);
        assert_int_equal(usage.interrupts.total_ns, 110);

        static const size_t pairs[] = { offsetof(struct taskstats, cpu_count), offsetof(struct taskstats, blkio_count),
                offsetof(struct taskstats, swapin_count), offsetof(struct taskstats, freepages_count),
                offsetof(struct taskstats, thrashing_count), offsetof(struct taskstats, compact_count),
                offsetof(struct taskstats, wpcopy_count), sizeof(stats) };
        for (size_t extra = 1; extra <= 2; extra++) {
                uint64_t wide[sizeof(words) / 8] = { 0 };
                size_t into = 0;
                stats.version = 15;
                memcpy(words, &stats, sizeof(stats));
                for (size_t from = 0; from < count; from++) {
                        wide[into++] = words[from];
                        for (size_t i = 0; i < 8; i++)
                                if (from * 8 == pairs[i] + 8)
                                        for (size_t j = 0; j < extra; j++)
                                                wide[into++] = 0xbad;
                }
                assert_int_equal(into, count + 8 * extra);
                assert_true(taskstats_parse(bytes_of(wide, into * 8), &usage));
                assert_int_equal(usage.pid, 77);
                assert_int_equal(usage.run_ns, 12345678);
                assert_int_equal(usage.write_bytes, 4096);
                assert_int_equal(usage.swap_in.total_ns, 50);
                assert_int_equal(usage.thrashing.total_ns, 70);
                assert_int_equal(usage.exe_inode, 99);
                assert_int_equal(usage.interrupts.total_ns, 110);
        }
        /* a later one: what is behind is not looked at */
        char later[2000] = { 0 };
        stats = filled(17);
        memcpy(later, &stats, sizeof(stats));
        assert_true(taskstats_parse(bytes_of(later, sizeof(later)), &usage));
        assert_int_equal(usage.compaction.total_ns, 80);
}

static void time_of_a_short_life(void **state)
{
        (void)state;
        struct task_usage usage = { .run_ns = 30, .elapsed_ns = 700, .cpu = { 1, 100 } };
        assert_int_equal(task_usage_cpu_ns(&usage), 600);
        usage.voluntary_switches = 1; /* it slept: its life says nothing */
        assert_int_equal(task_usage_cpu_ns(&usage), 30);
        usage.run_ns = 0;
        usage.user_ns = 8;
        usage.system_ns = 4;
        assert_int_equal(task_usage_cpu_ns(&usage), 12);
        usage = (struct task_usage){ .run_ns = 30, .elapsed_ns = 700 }; /* waiting is not counted */
        assert_int_equal(task_usage_cpu_ns(&usage), 30);
        usage.cpu = (struct task_delay){ 2, 701 };
        assert_int_equal(task_usage_cpu_ns(&usage), 30);
}

static size_t message(char *out, uint16_t type, uint8_t command, const struct taskstats *stats, uint32_t pid)
{
        struct nlattr inner = { sizeof(inner) + sizeof(*stats), TASKSTATS_TYPE_STATS };
        struct nlattr id = { sizeof(id) + 4, TASKSTATS_TYPE_PID };
        struct nlattr outer = { (uint16_t)(sizeof(outer) + id.nla_len + inner.nla_len), TASKSTATS_TYPE_AGGR_PID };
        struct genlmsghdr generic = { command, 1, 0 };
        struct nlmsghdr header = { .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + GENL_HDRLEN + outer.nla_len),
                .nlmsg_type = type };
        char *at = out;
        memcpy(at, &header, sizeof(header));
        at += sizeof(header);
        memcpy(at, &generic, sizeof(generic));
        at += sizeof(generic);
        memcpy(at, &outer, sizeof(outer));
        at += sizeof(outer);
        memcpy(at, &id, sizeof(id));
        memcpy(at + sizeof(id), &pid, 4);
        at += id.nla_len;
        memcpy(at, &inner, sizeof(inner));
        memcpy(at + sizeof(inner), stats, sizeof(*stats));
        return header.nlmsg_len;
}

static void datagrams(void **state)
{
        (void)state;
        struct taskstats stats = filled(13);
        struct task_usage usage;
        char datagram[1024];
        size_t size = message(datagram, 31, TASKSTATS_CMD_NEW, &stats, 77);
        assert_true(taskstats_parse_datagram(bytes_of(datagram, size), 31, false, &usage));
        assert_int_equal(usage.pid, 77);
        assert_false(taskstats_parse_datagram(bytes_of(datagram, size), 31, true, &usage)); /* no group in it */
        assert_false(taskstats_parse_datagram(bytes_of(datagram, size), 30, false, &usage));
        for (size_t cut = 0; cut < size; cut++)
                assert_false(taskstats_parse_datagram(bytes_of(datagram, cut), 31, false, &usage));
        size = message(datagram, 31, TASKSTATS_CMD_GET, &stats, 77);
        assert_false(taskstats_parse_datagram(bytes_of(datagram, size), 31, false, &usage));
        stats.ac_pid = stats.ac_tgid = 0; /* then the attribute tells */
        size = message(datagram, 31, TASKSTATS_CMD_NEW, &stats, 78);
        assert_true(taskstats_parse_datagram(bytes_of(datagram, size), 31, false, &usage));
        assert_int_equal(usage.pid, 78);
}

static void burn(int64_t cpu_ns)
{
        int64_t end = time_cpu_ns() + cpu_ns;
        while (time_cpu_ns() < end)
                ;
}

static void skip_without(const char *what)
{
        print_message("# skipped: needs %s: %s\n", what, err.message);
        skip();
}

static void questions(void **state)
{
        (void)state;
        cleanup(taskstats_close) struct taskstats_socket taskstats = { .fd = -1 };
        struct task_usage usage;
        if (taskstats_open(&taskstats, &err) < 0 || taskstats_query(&taskstats, getpid(), false, &usage, &err) < 0)
                skip_without("taskstats");
        burn(20 * MILLISECOND);
        assert_int_equal(taskstats_query(&taskstats, getpid(), false, &usage, &err), 0);
        assert_int_equal(usage.pid, getpid());
        assert_int_equal(usage.ppid, getppid());
        assert_string_equal(usage.comm, "test_taskstats");
        assert_true(usage.run_ns >= 20 * (uint64_t)MILLISECOND && usage.run_ns <= (uint64_t)time_cpu_ns());
        assert_true(usage.rss_peak > 100 * KIB);
        assert_true(usage.start_unix_ns <= time_unix_ns() && usage.start_unix_ns > time_unix_ns() - HOUR);
        struct task_usage group;
        assert_int_equal(taskstats_query(&taskstats, getpid(), true, &group, &err), 0);
        assert_int_equal(group.pid, getpid());
        assert_true(group.run_ns >= usage.run_ns);
        pid_t child = fork();
        if (child == 0)
                _exit(0);
        waitpid(child, NULL, 0);
        assert_int_equal(taskstats_query(&taskstats, child, false, &usage, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
}

static void *thread_burns(void *cookie)
{
        (void)cookie;
        struct timespec now;
        int64_t cpu;
        do {
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
                cpu = now.tv_sec * SECOND + now.tv_nsec;
        } while (cpu < 15 * MILLISECOND);
        return NULL;
}

struct seen {
        pid_t pid, threaded;
        struct task_usage single;
        size_t records, last;
        uint64_t threads_run_ns;
};

static void see(const struct task_usage *usage, struct seen *seen)
{
        if (usage->pid == seen->pid)
                seen->single = *usage;
        if (usage->tgid == seen->threaded) {
                seen->records++;
                seen->last += usage->last;
                seen->threads_run_ns += usage->run_ns;
        }
}

/* Waits for the records of both: they end in any order. */
static void collect_both(struct taskstats_listener *listener, struct seen *seen)
{
        struct task_usage batch[TASKSTATS_BATCH];
        struct pollfd wait = { .fd = taskstats_listener_fd(listener), .events = POLLIN };
        while (!seen->last || !seen->single.pid) {
                bool more;
                assert_int_equal(poll(&wait, 1, 60000), 1);
                size_t count = taskstats_receive(listener, batch, &more);
                for (size_t i = 0; i < count; i++)
                        see(&batch[i], seen);
        }
}

static void exits(void **state)
{
        (void)state;
        struct taskstats_listener *listener;
        struct seen seen = { 0 };
        if (taskstats_listen(0, &listener, &err) < 0)
                skip_without("taskstats of exits");
        seen.pid = fork();
        if (seen.pid == 0) {
                burn(30 * MILLISECOND);
                execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
                _exit(1);
        }
        seen.threaded = fork();
        if (seen.threaded == 0) {
                pthread_t threads[3];
                for (int i = 0; i < 3; i++)
                        if (pthread_create(&threads[i], NULL, thread_burns, NULL))
                                _exit(1);
                for (int i = 0; i < 3; i++)
                        pthread_join(threads[i], NULL);
                _exit(0);
        }
        assert_int_equal(waitpid(seen.pid, NULL, 0), seen.pid);
        collect_both(listener, &seen);
        assert_int_equal(waitpid(seen.threaded, NULL, 0), seen.threaded);
        assert_int_equal(seen.single.pid, seen.pid);
        assert_string_equal(seen.single.comm, "sh");
        assert_int_equal(seen.single.exit_status, 7 << 8);
        assert_int_equal(seen.single.ppid, getpid());
        assert_true(seen.single.last);
        assert_false(seen.single.forked_only);
        assert_true(seen.single.run_ns >= 30 * (uint64_t)MILLISECOND);
        assert_true(seen.single.exe_inode != 0);
        assert_int_equal(seen.records, 4);
        assert_int_equal(seen.last, 1);
        assert_true(seen.threads_run_ns >= 45 * (uint64_t)MILLISECOND);
        struct taskstats_counters counters;
        taskstats_count(listener, &counters);
        assert_true(counters.received >= 5);
        assert_int_equal(counters.dropped, 0);
        taskstats_listener_close(listener);
}

static void a_full_buffer_is_counted(void **state)
{
        (void)state;
        struct taskstats_listener *listener;
        struct taskstats_counters counters;
        struct task_usage batch[TASKSTATS_BATCH];
        if (taskstats_listen(8192, &listener, &err) < 0)
                skip_without("taskstats of exits");
        for (int i = 0; i < 60; i++) {
                pid_t child = fork();
                if (child == 0)
                        _exit(0);
                waitpid(child, NULL, 0);
        }
        for (bool more = true; more;)
                taskstats_receive(listener, batch, &more);
        taskstats_count(listener, &counters);
        assert_true(counters.overflows > 0);
        assert_true(counters.dropped > 0);
        assert_true(counters.received > 0);
        assert_true(counters.received + counters.dropped >= 60);
        taskstats_listener_close(listener);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_field),
                cmocka_unit_test(older_structs_are_shorter),
                cmocka_unit_test(newer_structs_are_longer),
                cmocka_unit_test(time_of_a_short_life),
                cmocka_unit_test(datagrams),
                cmocka_unit_test(questions),
                cmocka_unit_test(exits),
                cmocka_unit_test(a_full_buffer_is_counted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
