/* report: findings, their order and the verdict; the checks of processes, containers, services and space. */
#include "report_scene.h"

#include <sys/stat.h>

static struct arena arena;
static struct fixture tree;

static int setup(void **state)
{
        (void)state;
        arena_init(&arena, REPORT_MEMORY);
        fixture_make(&tree);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        fixture_remove(&tree);
        arena_done(&arena);
        return 0;
}

/* ---- findings ---- */

static void worst_first(void **state)
{
        (void)state;
        static const struct report_check cpu = { .name = "b", .area = AREA_CPU },
                                         ssh = { .name = "a", .area = AREA_SSH },
                                         other = { .name = "a", .area = AREA_CPU };
        struct finding findings[] = {
                { .check = &ssh, .severity = REPORT_OK },
                { .check = &ssh, .severity = REPORT_HIGH },
                { .check = &cpu, .severity = REPORT_HIGH },
                { .check = &other, .severity = REPORT_HIGH },
                { .check = &cpu, .severity = REPORT_CRITICAL },
        };
        report_sort(findings, 5);
        assert_int_equal(findings[0].severity, REPORT_CRITICAL);
        assert_ptr_equal(findings[1].check, &other);
        assert_ptr_equal(findings[2].check, &cpu);
        assert_ptr_equal(findings[3].check, &ssh);
        assert_int_equal(findings[4].severity, REPORT_OK);
        report_sort(findings, 0);
}

static void the_verdict(void **state)
{
        (void)state;
        assert_string_equal(report_verdict(REPORT_OK), "healthy");
        assert_string_equal(report_verdict(REPORT_LOW), "healthy");
        assert_string_equal(report_verdict(REPORT_MEDIUM), "attention");
        assert_string_equal(report_verdict(REPORT_HIGH), "attention");
        assert_string_equal(report_verdict(REPORT_CRITICAL), "critical");
}

static void evidence_has_a_ceiling_and_the_worst_stays(void **state)
{
        (void)state;
        struct finding finding = { .arena = &arena };
        for (int i = 0; i < REPORT_EVIDENCE_MAX; i++)
                finding_show(&finding, REPORT_LOW, "low %d", i);
        finding_show(&finding, REPORT_LOW, "one too many");
        finding_show(&finding, REPORT_CRITICAL, "the worst");
        finding_show(&finding, REPORT_HIGH, "the next");
        assert_int_equal(finding.evidence_count, REPORT_EVIDENCE_MAX);
        assert_int_equal(finding.evidence_more, 3);
        assert_int_equal(finding.severity, REPORT_CRITICAL);
        assert_string_equal(finding.evidence[0], "the worst");
        assert_string_equal(finding.evidence[1], "the next");
        assert_string_equal(finding.evidence[2], "low 0");
        assert_string_equal(finding.evidence[REPORT_EVIDENCE_MAX - 1], "low 9");
}

static void releases_compare_as_numbers(void **state)
{
        (void)state;
        assert_true(report_compare_release("6.1.0-9-amd64", "6.1.0-33-amd64") < 0);
        assert_true(report_compare_release("6.1.0-33-amd64", "6.1.0-9-amd64") > 0);
        assert_int_equal(report_compare_release("6.1.0-33-amd64", "6.1.0-33-amd64"), 0);
        assert_int_equal(report_compare_release("6.01", "6.1"), 0);
        assert_true(report_compare_release("6.1", "6.1-rt") < 0);
        assert_true(report_compare_release("5.10.0-1", "6.0") < 0);
        assert_true(report_compare_release("99999999999999999999999999", "100000000000000000000000000") < 0);
        assert_int_equal(report_compare_release("", ""), 0);
}

static void every_check_is_whole(void **state)
{
        (void)state;
        size_t count = 0;
        for (size_t i = 0; report_checks[i]; i++)
                for (const struct report_check *check = report_checks[i]; check->name; check++, count++) {
                        assert_non_null(check->look);
                        assert_true(check->area < REPORT_AREAS);
                        assert_true(check->passed && *check->passed && check->passed[strlen(check->passed) - 1] != '.');
                        assert_memory_equal(check->command, "tarsier ", 8);
                        assert_ptr_equal(scene_check(check->name), check); /* no name twice */
                }
        assert_true(count >= 40);
}

/* Whatever a host lacks, no check fails on it. */
static void an_empty_tree(void **state)
{
        (void)state;
        struct look look;
        look_open(&look, tree.root, &arena);
        look_sample(&look, &look.before);
        look_processes(&look);
        look_sample(&look, &look.after);
        for (size_t i = 0; report_checks[i]; i++)
                for (const struct report_check *check = report_checks[i]; check->name; check++) {
                        struct finding finding;
                        report_run_check(check, &look, &finding);
                        assert_int_equal(finding.severity, REPORT_OK);
                }
        look_done(&look);
}

/* ---- processes ---- */

struct played {
        int pid;
        const char *name, *state, *program, *environment, *cgroup;
        const char *capabilities;
        uint64_t pid_namespace, net_namespace;
        const char *mounts;
        unsigned files;
        const char *limits;
        unsigned flags;
};

static void play_process(const struct played *process)
{
        char path[128], text[1024];
        snprintf(path, sizeof(path), "proc/%d/stat", process->pid);
        snprintf(text, sizeof(text),
                "%d (%s) %s 1 1 1 0 -1 %u 0 0 0 0 0 0 0 0 20 0 1 0 100 1000 10 18446744073709551615 1 1 0 0 0 0 0 0 0 "
                "0 0 "
                "0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                process->pid, process->name, process->state ? process->state : "S", process->flags);
        fixture_text(&tree, path, text);
        snprintf(path, sizeof(path), "proc/%d/status", process->pid);
        snprintf(text, sizeof(text),
                "Name:\t%s\nState:\tS (sleeping)\nTgid:\t%d\nPid:\t%d\nPPid:\t1\nUid:\t33\t33\t33\t33\n"
                "Gid:\t33\t33\t33\t33\nThreads:\t1\nCapEff:\t%s\n",
                process->name, process->pid, process->pid,
                process->capabilities ? process->capabilities : "0000000000000000");
        fixture_text(&tree, path, text);
        const struct {
                const char *name, *text;
        } files[] = { { "environ", NULL }, { "cgroup", process->cgroup }, { "mountinfo", process->mounts },
                { "limits", process->limits } };
        for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
                snprintf(path, sizeof(path), "proc/%d/%s", process->pid, files[i].name);
                if (files[i].text)
                        fixture_text(&tree, path, files[i].text);
        }
        snprintf(path, sizeof(path), "proc/%d/environ", process->pid);
        if (process->environment) /* text with '|' for NUL */
                snprintf(text, sizeof(text), "%s", process->environment);
        size_t n = process->environment ? strlen(text) : 0;
        for (size_t i = 0; i < n; i++)
                text[i] = text[i] == '|' ? '\0' : text[i];
        fixture_bytes(&tree, path, text, n);
        snprintf(path, sizeof(path), "proc/%d/exe", process->pid);
        if (process->program)
                fixture_link(&tree, path, process->program);
        snprintf(path, sizeof(path), "proc/%d/root", process->pid);
        fixture_link(&tree, path, "../..");
        const struct {
                const char *name;
                uint64_t inode;
        } namespaces[] = { { "pid", process->pid_namespace }, { "net", process->net_namespace } };
        for (size_t i = 0; i < 2; i++) {
                snprintf(path, sizeof(path), "proc/%d/ns/%s", process->pid, namespaces[i].name);
                snprintf(text, sizeof(text), "%s:[%llu]", namespaces[i].name, (unsigned long long)namespaces[i].inode);
                fixture_link(&tree, path, text);
        }
}

static struct finding judge(const char *name)
{
        struct finding finding;
        struct look look;
        look_open(&look, tree.root, &arena);
        look_sample(&look, &look.before);
        look_processes(&look);
        look_sample(&look, &look.after);
        report_run_check(scene_check(name), &look, &finding);
        look_done(&look);
        return finding;
}

static void programs_that_are_not_on_disk(void **state)
{
        (void)state;
        fixture_text(&tree, "usr/sbin/cron", "");
        play_process(&(struct played){ .pid = 10, .name = "cron", .program = "/usr/sbin/cron" });
        assert_int_equal(judge("deleted-programs").severity, REPORT_OK);
        play_process(&(struct played){ .pid = 11, .name = "cron2", .program = "/usr/sbin/cron (deleted)" });
        struct finding finding = judge("deleted-programs");
        assert_int_equal(finding.severity, REPORT_LOW);
        assert_string_equal(finding.evidence[0], "cron2 (pid 11): /usr/sbin/cron was replaced");
        play_process(&(struct played){ .pid = 12, .name = "x y)", .program = "/opt/gone (deleted)" });
        finding = judge("deleted-programs");
        assert_int_equal(finding.severity, REPORT_MEDIUM);
        assert_string_equal(finding.evidence[0], "x y) (pid 12): /opt/gone was deleted");
        play_process(&(struct played){ .pid = 13, .name = "3", .program = "/memfd:x (deleted)" });
        assert_int_equal(judge("deleted-programs").severity, REPORT_HIGH);
}

static void a_runtime_in_memory_is_worth_to_know(void **state)
{
        (void)state;
        play_process(&(struct played){
                .pid = 13, .name = "runc", .program = "/memfd:runc_cloned:/proc/self/exe (deleted)" });
        assert_int_equal(judge("deleted-programs").severity, REPORT_INFO);
}

static void programs_from_tmp(void **state)
{
        (void)state;
        play_process(&(struct played){ .pid = 10, .name = "good", .program = "/usr/bin/tmp/good" });
        assert_int_equal(judge("temporary-programs").severity, REPORT_OK);
        play_process(&(struct played){ .pid = 11, .name = "bad", .program = "/dev/shm/.x" });
        struct finding finding = judge("temporary-programs");
        assert_int_equal(finding.severity, REPORT_HIGH);
        assert_string_equal(finding.evidence[0], "bad (pid 11, uid 33): /dev/shm/.x");
}

static void preloaded_libraries(void **state)
{
        (void)state;
        play_process(
                &(struct played){ .pid = 10, .name = "a", .environment = "HOME=/|LD_PRELOAD=|X=LD_PRELOAD=/tmp/x" });
        play_process(&(struct played){ .pid = 11, .name = "b", .environment = "LD_PRELOAD=/usr/lib/libjemalloc.so.2" });
        play_process(&(struct played){ .pid = 12, .name = "c", .environment = "LD_PRELOAD=libfakeroot-sysv.so" });
        assert_int_equal(judge("preload").severity, REPORT_OK);
        play_process(&(struct played){ .pid = 13, .name = "d", .environment = "A=b|LD_PRELOAD=/usr/lib/libx.so|" });
        assert_int_equal(judge("preload").severity, REPORT_LOW);
        play_process(&(struct played){ .pid = 14, .name = "e", .environment = "LD_PRELOAD=/home/a/x.so" });
        assert_int_equal(judge("preload").severity, REPORT_MEDIUM);
        play_process(&(struct played){ .pid = 15, .name = "f", .environment = "LD_PRELOAD=libjemalloc.so:/tmp/x.so" });
        assert_int_equal(judge("preload").severity, REPORT_HIGH);
}

static void zombies_and_waits(void **state)
{
        (void)state;
        for (int pid = 100; pid < 119; pid++)
                play_process(&(struct played){ .pid = pid, .name = "z", .state = "Z" });
        assert_int_equal(judge("zombies").severity, REPORT_OK);
        play_process(&(struct played){ .pid = 119, .name = "z", .state = "Z" });
        assert_int_equal(judge("zombies").severity, REPORT_LOW);
        assert_int_equal(judge("blocked").severity, REPORT_OK);
        play_process(&(struct played){ .pid = 200, .name = "kworker", .state = "D", .flags = PROCESS_KTHREAD_FLAG });
        assert_int_equal(judge("blocked").severity, REPORT_OK);
        play_process(&(struct played){ .pid = 201, .name = "dd", .state = "D" });
        assert_int_equal(judge("blocked").severity, REPORT_INFO);
}

static void files_of_a_process(void **state)
{
        (void)state;
        static const char limits[] = "Limit                     Soft Limit           Hard Limit           Units     \n"
                                     "Max open files            100                  4096                 files     \n";
        play_process(&(struct played){ .pid = 10, .name = "a", .limits = limits });
        assert_int_equal(judge("process-files").severity, REPORT_OK);
        for (int i = 0; i < 100; i++) {
                char path[64];
                snprintf(path, sizeof(path), "proc/10/fd/%d", i);
                fixture_link(&tree, path, "/dev/null");
        }
        struct finding finding = judge("process-files");
        /* a directory in memory has a size as procfs of Linux 6.2 has, and there it is no number of files */
        assert_true(finding.severity == REPORT_MEDIUM);
        assert_int_equal(finding.evidence_count, 1);
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void containers(void **state)
{
        (void)state;
        static const char group[] = "0::/system.slice/docker-" ID ".scope\n";
        fixture_text(&tree, "proc/sys/kernel/cap_last_cap", "40\n");
        play_process(&(struct played){ .pid = 1, .name = "init", .pid_namespace = 1, .net_namespace = 2 });
        struct finding finding = judge("container-isolation");
        assert_true(finding.absent);
        play_process(
                &(struct played){ .pid = 50, .name = "web", .cgroup = group, .pid_namespace = 7, .net_namespace = 8 });
        finding = judge("container-isolation");
        assert_false(finding.absent || finding.said);
        play_process(
                &(struct played){ .pid = 51, .name = "same", .cgroup = group, .pid_namespace = 1, .net_namespace = 2 });
        assert_int_equal(judge("container-isolation").severity, REPORT_OK); /* the first speaks for its container */
        play_process(&(struct played){ .pid = 60,
                .name = "node",
                .cgroup = "0::/system.slice/docker-f" ID ".scope\n", /* 65 digits: no container of Docker's */
                .pid_namespace = 1 });
        play_process(&(struct played){ .pid = 61,
                .name = "exporter",
                .cgroup = "0::/system.slice/"
                          "docker-ffffffffffffffffffffffffffffffff0123456789abcdef0123456789abcdef.scope\n",
                .pid_namespace = 9,
                .net_namespace = 2 });
        assert_int_equal(judge("container-isolation").severity, REPORT_INFO);
        play_process(&(struct played){ .pid = 62,
                .name = "root",
                .cgroup = "0::/system.slice/"
                          "docker-eeeeeeeeeeeeeeeeffffffffffffffff0123456789abcdef0123456789abcdef.scope\n",
                .capabilities = "000001ffffffffff",
                .pid_namespace = 1,
                .net_namespace = 2 });
        finding = judge("container-isolation");
        assert_int_equal(finding.severity, REPORT_MEDIUM);
        assert_string_equal(finding.evidence[0], "docker eeeeeeeeeeee (root, pid 62): every capability, the host's "
                                                 "processes, the host's network,");
}

static void a_container_with_the_engines_socket(void **state)
{
        (void)state;
        play_process(&(struct played){ .pid = 1, .name = "init", .pid_namespace = 1, .net_namespace = 2 });
        play_process(&(struct played){ .pid = 50,
                .name = "ci",
                .cgroup = "0::/system.slice/docker-" ID ".scope\n",
                .mounts = "36 1 0:9 /docker.sock /run/docker.sock rw - tmpfs tmpfs rw\n",
                .pid_namespace = 7,
                .net_namespace = 8 });
        struct finding finding = judge("container-isolation");
        assert_int_equal(finding.severity, REPORT_MEDIUM);
        assert_non_null(strstr(finding.evidence[0], "the engine's socket"));
}

/* ---- services ---- */

#define LISTEN(local, inode)                                                                                           \
        "   0: " local " 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 " inode                \
        " 1 0 100 0 0 10 0\n"

static void services_on_all_addresses(void **state)
{
        (void)state;
        fixture_text(&tree, "proc/net/tcp", "  sl  local_address\n" LISTEN("0100007F:18EB", "5"));
        assert_int_equal(judge("listening").severity, REPORT_OK); /* 127.0.0.1:6379 */
        fixture_text(&tree, "proc/net/tcp", "  sl  local_address\n" LISTEN("00000000:0016", "77"));
        play_process(&(struct played){ .pid = 10, .name = "sshd" });
        fixture_link(&tree, "proc/10/fd/3", "socket:[77]");
        struct finding finding = judge("listening");
        assert_int_equal(finding.severity, REPORT_INFO);
        assert_string_equal(finding.evidence[0], "port 22: sshd");
        fixture_text(&tree, "proc/net/tcp6",
                "  sl  local_address\n"
                "   0: 00000000000000000000000000000000:0947 00000000000000000000000000000000:0000 0A "
                "00000000:00000000 "
                "00:00000000 00000000     0        0 9 1 0 100 0 0 10 0\n");
        finding = judge("listening");
        assert_int_equal(finding.severity, REPORT_HIGH); /* 2375 */
        assert_non_null(strstr(finding.evidence[0], "Docker without TLS"));
}

#define BOUND(number, address, inode)                                                                                  \
        "   " number ": " address " 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 " inode     \
        " 2 0 0\n"

static void services_over_udp(void **state)
{
        (void)state;
        /* 127.0.0.1:53, and a client's port on all addresses */
        fixture_text(&tree, "proc/net/udp",
                "  sl  local_address\n" BOUND("0", "0100007F:0035", "9") BOUND("1", "00000000:C350", "9"));
        assert_int_equal(judge("listening-udp").severity, REPORT_OK);
        fixture_text(&tree, "proc/net/udp", "  sl  local_address\n" BOUND("0", "00000000:0035", "77"));
        play_process(&(struct played){ .pid = 10, .name = "named" });
        fixture_link(&tree, "proc/10/fd/3", "socket:[77]");
        struct finding finding = judge("listening-udp");
        assert_int_equal(finding.severity, REPORT_INFO);
        assert_string_equal(finding.evidence[0], "port 53: named (DNS)");
        assert_int_equal(judge("listening").severity, REPORT_OK);
        /* WireGuard's port is one of the client's range, and 50000 is none any more */
        fixture_text(&tree, "proc/sys/net/ipv4/ip_local_port_range", "51000\t60999\n");
        fixture_text(&tree, "proc/net/udp",
                "  sl  local_address\n" BOUND("0", "00000000:CA6C", "1") BOUND("1", "00000000:C350", "2")
                        BOUND("2", "00000000:2BCB", "3"));
        finding = judge("listening-udp");
        assert_int_equal(finding.severity, REPORT_HIGH);
        assert_int_equal(finding.evidence_count, 3);
        assert_non_null(strstr(finding.evidence[0], "port 11211: unknown process (memcached"));
}

/* ---- space ---- */

static void a_file_system_of_this_host(void **state)
{
        (void)state;
        struct filesystem_usage usage;
        char text[256];
        struct error err;
        fixture_text(&tree, "here/file", "");
        assert_int_equal(filesystem_usage_read(tree.root, "here", &usage, &err), 0);
        snprintf(text, sizeof(text),
                "36 1 8:1 / /here rw - ext4 /dev/sda1 rw\n37 1 8:1 /x /there rw - ext4 /dev/sda1 rw\n");
        fixture_text(&tree, "proc/self/mountinfo", text);
        struct finding finding = judge("filesystem-space");
        double used = (double)(usage.total - usage.free);
        bool nearly_full = used / (used + (double)usage.available) >= 0.9;
        assert_true(finding.said == (nearly_full && usage.available < 20 * GIB));
        assert_int_equal(finding.blind_count, 0); /* /there is the same device: not asked, though it is not there */
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(worst_first),
                TEST(the_verdict),
                TEST(evidence_has_a_ceiling_and_the_worst_stays),
                TEST(releases_compare_as_numbers),
                TEST(every_check_is_whole),
                TEST(an_empty_tree),
                TEST(programs_that_are_not_on_disk),
                TEST(a_runtime_in_memory_is_worth_to_know),
                TEST(programs_from_tmp),
                TEST(preloaded_libraries),
                TEST(zombies_and_waits),
                TEST(files_of_a_process),
                TEST(containers),
                TEST(a_container_with_the_engines_socket),
                TEST(services_on_all_addresses),
                TEST(services_over_udp),
                TEST(a_file_system_of_this_host),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
