/* What look reads from /proc: a fixture tree for what must not happen on a real machine, and this machine's own /proc
 * with children that the test forks. The tree of processes is a list here. */
#include "linux_fixture.h"

#include "base/timefmt.h"
#include "linux/container_state.h"
#include "modules/watch/process/look.h"
#include "modules/watch/process/tree.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ID "3f29c07c8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a11"

static struct error err;

/* --- what was observed ---------------------------------------------------------------------------------------------
 */

enum { SEEN_MAX = 16384, SEEN_TEXT = 512 };

struct seen {
        struct observation observation;
        char cgroup[SEEN_TEXT], exe[SEEN_TEXT], argv[SEEN_TEXT], comm[64], path[SEEN_TEXT], path2[SEEN_TEXT],
                operation[64], object[SEEN_TEXT], cwd[SEEN_TEXT];
};

static struct seen *seen;
static size_t seen_count;

static void keep(char *ret, struct sv text)
{
        size_t n = text.n < SEEN_TEXT - 1 ? text.n : SEEN_TEXT - 1;
        if (n)
                memcpy(ret, text.p, n);
        ret[n] = '\0';
}

static void observe(const struct observation *observation, void *cookie)
{
        (void)cookie;
        assert_true(seen_count < SEEN_MAX);
        struct seen *one = &seen[seen_count++];
        one->observation = *observation;
        keep(one->cgroup, observation->cgroup);
        keep(one->exe, observation->exe);
        keep(one->argv, observation->argv);
        keep(one->cwd, observation->cwd);
        snprintf(one->comm, sizeof(one->comm), "%.*s", SV_ARG(observation->comm));
        keep(one->path, observation->path);
        keep(one->path2, observation->path2);
        snprintf(one->operation, sizeof(one->operation), "%.*s", SV_ARG(observation->operation));
        keep(one->object, observation->object);
}

static const struct seen *seen_of(enum observation_type type, pid_t pid)
{
        for (size_t i = 0; i < seen_count; i++)
                if (seen[i].observation.type == type && seen[i].observation.pid == pid)
                        return &seen[i];
        return NULL;
}

/* --- a tree that is a list ------------------------------------------------------------------------------------------
 */

struct tree_process {
        pid_t pid;
        uint64_t start_ns;
        const char *comm;
};

struct tree {
        struct tree_process list[8];
        size_t count;
};

const struct tree_process *tree_find(const struct tree *tree, pid_t pid)
{
        for (size_t i = 0; i < tree->count; i++)
                if (tree->list[i].pid == pid)
                        return &tree->list[i];
        return NULL;
}

pid_t tree_process_pid(const struct tree_process *process)
{
        return process->pid;
}

uint64_t tree_process_start_ns(const struct tree_process *process)
{
        return process->start_ns;
}

bool tree_process_ended(const struct tree_process *process)
{
        (void)process;
        return false;
}

void tree_process_fill(struct tree *tree, const struct tree_process *process, struct event_process *ret)
{
        (void)tree;
        *ret = (struct event_process){ .pid = process->pid, .comm = process->comm };
}

void tree_each(const struct tree *tree, bool ended_too, tree_take_fn *take, void *cookie)
{
        (void)ended_too;
        for (size_t i = 0; i < tree->count; i++)
                if (!take(&tree->list[i], 0, cookie))
                        return;
}

/* --- fixtures -------------------------------------------------------------------------------------------------------
 */

static void put_process(const struct fixture *fixture, pid_t pid, pid_t ppid, const char *comm, char state,
        unsigned flags, uint64_t start_ticks, const char *cgroup)
{
        char path[64];
        char text[1024];
        snprintf(path, sizeof(path), "proc/%d/stat", pid);
        snprintf(text, sizeof(text),
                "%d (%s) %c %d %d %d 0 -1 %u 1 2 3 4 5 6 7 8 20 0 1 0 %lu 1000 10 18446744073709551615 1 1 0 0 0 0 0 0 "
                "0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                pid, comm, state, ppid, pid, pid, flags, start_ticks);
        fixture_text(fixture, path, text);
        snprintf(path, sizeof(path), "proc/%d/cgroup", pid);
        fixture_text(fixture, path, cgroup);
        snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
        snprintf(text, sizeof(text), "/bin/%s-", comm);
        size_t n = strlen(text);
        memcpy(text + n, "\0-x\0\0last", 10);
        fixture_bytes(fixture, path, text, n + 10);
        snprintf(path, sizeof(path), "proc/%d/exe", pid);
        snprintf(text, sizeof(text), "/bin/%s", comm);
        fixture_link(fixture, path, text);
        snprintf(path, sizeof(path), "proc/%d/status", pid);
        snprintf(text, sizeof(text),
                "Name:\t%s\nState:\t%c\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"
                "NSpid:\t%d\t%d\nCapPrm:\t00000000000000ff\nCapEff:\t000000000000000f\n",
                comm, state, pid, pid, ppid, pid, pid % 100);
        fixture_text(fixture, path, text);
        snprintf(path, sizeof(path), "proc/%d/loginuid", pid);
        fixture_text(fixture, path, "1000");
        snprintf(path, sizeof(path), "proc/%d/sessionid", pid);
        fixture_text(fixture, path, "7");
}

static int setup(void **state)
{
        (void)state;
        seen = calloc(SEEN_MAX, sizeof(*seen));
        return seen ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        free(seen);
        return 0;
}

static struct look *look_at(int root)
{
        struct look_options options = { .root = root };
        struct look *look = look_new(&options, &err);
        assert_non_null(look);
        seen_count = 0;
        return look;
}

static struct look_counters counted(const struct look *look)
{
        struct look_counters counters;
        look_count(look, &counters);
        return counters;
}

/* As audit tells an exec: everything but the cgroup. */
static struct observation audit_exec(pid_t pid, pid_t ppid, int64_t time_ns)
{
        struct observation exec;
        observation_init(&exec, OBSERVED_EXEC, SOURCE_AUDIT);
        exec.pid = exec.tid = pid;
        exec.ppid = ppid;
        exec.time_ns = time_ns;
        exec.comm = SV("web");
        exec.exe = SV("/bin/web");
        exec.cwd = SV("/");
        exec.argv = sv_n("web\0", 4);
        exec.argc = 1;
        exec.auid = exec.session = 5;
        exec.has = HAS_UIDS | HAS_GIDS | HAS_SESSION;
        return exec;
}

static const char docker_text[] = "12:memory:/docker/" ID "\n0::/docker/" ID "\n";

static void put_docker(const struct fixture *fixture, const char *name)
{
        char text[512];
        snprintf(text, sizeof(text),
                "{\"ID\":\"" ID "\",\"Name\":\"/%s\",\"Created\":\"2026-11-01T10:00:00.5Z\",\"Config\":{\"Image\":"
                "\"nginx:1.25\",\"Labels\":{\"tier\":\"front\"}}}",
                name);
        fixture_text(fixture, "var/lib/docker/containers/" ID "/config.v2.json", text);
}

/* --- the first look -------------------------------------------------------------------------------------------------
 */

static void every_process_comes_parents_first(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        put_process(&fixture, 1, 0, "init", 'S', 0, 10, "0::/init.scope\n");
        put_process(
                &fixture, 50, 300, "low", 'S', 0, 900, docker_text); /* its pid came round: lower than its parent's */
        put_process(&fixture, 300, 1, "shim", 'S', 0, 800, "0::/system.slice/docker.service\n");
        put_process(&fixture, 301, 300, "dead", 'Z', 4, 850, "0::/x\n");
        fixture_text(&fixture, "proc/uptime", "1 1\n");
        put_docker(&fixture, "web");
        struct look *look = look_at(fixture.root);
        assert_int_equal(look_all(look, 12345, observe, NULL, &err), 0);
        assert_int_equal(seen_count, 4); /* three and a container; the zombie has ended */
        assert_int_equal(seen[0].observation.pid, 1);
        assert_int_equal(seen[1].observation.pid, 300);
        assert_int_equal(seen[2].observation.type, OBSERVED_CONTAINER);
        assert_string_equal(seen[2].operation, "docker");
        assert_string_equal(seen[2].object, ID);
        assert_string_equal(seen[2].path, "web");
        assert_string_equal(seen[2].path2, "nginx:1.25");
        const struct seen *low = &seen[3];
        assert_int_equal(low->observation.type, OBSERVED_PROCESS);
        assert_int_equal(low->observation.source, SOURCE_PROC);
        assert_int_equal(low->observation.pid, 50);
        assert_int_equal(low->observation.ppid, 300);
        assert_int_equal(low->observation.time_ns, 12345);
        assert_int_equal(low->observation.start_ns, 900 * (SECOND / sysconf(_SC_CLK_TCK)));
        assert_string_equal(low->comm, "low");
        assert_string_equal(low->exe, "/bin/low");
        assert_int_equal(low->observation.argc, 4); /* "/bin/low-", "-x", "", "last" */
        assert_int_equal(low->observation.argv.p[low->observation.argv.n - 1], '\0');
        assert_int_equal(low->observation.euid, 2);
        assert_int_equal(low->observation.fsgid, 8);
        assert_int_equal(low->observation.auid, 1000);
        assert_int_equal(low->observation.session, 7);
        assert_int_equal(low->observation.cap_effective, 0xf);
        assert_int_equal(low->observation.ns_pid, 50);
        assert_int_equal(low->observation.has & (HAS_UIDS | HAS_GIDS | HAS_SESSION | HAS_CAPABILITIES | HAS_CGROUP),
                HAS_UIDS | HAS_GIDS | HAS_SESSION | HAS_CAPABILITIES | HAS_CGROUP);
        look_free(look);
        fixture_remove(&fixture);
}

static void this_machine_is_seen(void **state)
{
        (void)state;
        cleanup(fd_close) int root = real_root();
        struct look *look = look_at(root);
        int hold[2];
        assert_int_equal(pipe(hold), 0);
        pid_t child = fork();
        if (child == 0) {
                char byte;
                close(hold[1]);
                _exit(read(hold[0], &byte, 1) < 0);
        }
        assert_int_equal(look_all(look, time_unix_ns(), observe, NULL, &err), 0);
        const struct seen *self = seen_of(OBSERVED_PROCESS, getpid());
        const struct seen *one = seen_of(OBSERVED_PROCESS, child);
        assert_non_null(self);
        assert_non_null(one);
        assert_true(self < one);
        assert_int_equal(one->observation.ppid, getpid());
        assert_string_equal(one->exe, self->exe);
        char name[16];
        assert_int_equal(prctl(PR_GET_NAME, name), 0);
        assert_string_equal(one->comm, name);
        assert_int_equal(one->observation.euid, geteuid());
        assert_true(one->observation.start_ns >= self->observation.start_ns);
        assert_true(one->observation.pid_namespace != 0);
        assert_int_equal(counted(look).repaired, 0);
        close(hold[0]);
        close(hold[1]);
        waitpid(child, NULL, 0);
        look_free(look);
}

/* --- completing -----------------------------------------------------------------------------------------------------
 */

static void an_audit_exec_costs_one_file(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        put_process(&fixture, 40, 30, "web", 'S', 0, 100, docker_text);
        put_docker(&fixture, "web");
        struct look *look = look_at(fixture.root);
        struct observation exec = audit_exec(40, 30, time_unix_ns());
        for (int i = 0; i < 3; i++)
                look_complete(look, &exec, observe, NULL);
        assert_int_equal(seen_count, 4); /* the container once, before the first */
        assert_int_equal(seen[0].observation.type, OBSERVED_CONTAINER);
        assert_string_equal(seen[0].cgroup, docker_text);
        assert_int_equal(seen[1].observation.type, OBSERVED_EXEC);
        assert_string_equal(seen[1].cgroup, docker_text);
        assert_true(seen[1].observation.has & HAS_CGROUP);
        assert_string_equal(seen[1].exe, "/bin/web");
        assert_int_equal(seen[1].observation.euid, 0); /* as told, not as read */
        assert_int_equal(counted(look).reads, 3);
        assert_int_equal(counted(look).cached, 2);
        assert_int_equal(counted(look).containers, 1);

        /* a source that tells the group, as a path of v2, needs nothing read */
        exec.has |= HAS_CGROUP;
        exec.cgroup = SV("/docker/" ID);
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(counted(look).reads, 3);
        assert_int_equal(counted(look).containers, 1); /* known by another text */
        assert_int_equal(seen_count, 5);

        /* a container that stopped may come again by another name */
        put_docker(&fixture, "renamed");
        look_forget_container(look, ID);
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(seen_count, 7);
        assert_string_equal(seen[5].path, "renamed");
        look_free(look);
        fixture_remove(&fixture);
}

static void a_bare_exec_is_filled(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        put_process(&fixture, 40, 30, "web", 'S', 0, 100, "0::/user.slice\n");
        fixture_link(&fixture, "proc/40/cwd", "/srv");
        struct look *look = look_at(fixture.root);
        struct observation exec;
        observation_init(&exec, OBSERVED_EXEC, SOURCE_CONNECTOR);
        exec.pid = exec.tid = 40;
        exec.time_ns = time_unix_ns();
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(seen_count, 1);
        assert_string_equal(seen[0].exe, "/bin/web");
        assert_string_equal(seen[0].cwd, "/srv");
        assert_string_equal(seen[0].argv, "/bin/web-");
        assert_string_equal(seen[0].comm, "web");
        assert_string_equal(seen[0].cgroup, "0::/user.slice\n");
        assert_int_equal(seen[0].observation.ppid, 30);
        assert_int_equal(seen[0].observation.uid, 1);
        assert_int_equal(seen[0].observation.auid, 1000);
        assert_int_equal(seen[0].observation.start_ns, 100 * (SECOND / sysconf(_SC_CLK_TCK)));
        look_free(look);
        fixture_remove(&fixture);
}

static void of_an_ended_process_the_parent_tells(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        put_process(&fixture, 30, 1, "shell", 'S', 0, 100, docker_text);
        put_docker(&fixture, "web");
        struct look *look = look_at(fixture.root);
        struct observation exec = audit_exec(40, 30, time_unix_ns());
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(seen_count, 3);
        assert_int_equal(seen[0].observation.type, OBSERVED_CONTAINER);
        assert_int_equal(seen[1].observation.type, OBSERVED_CGROUP);
        assert_int_equal(seen[1].observation.pid, 30);
        assert_string_equal(seen[1].cgroup, docker_text);
        assert_int_equal(seen[2].observation.type, OBSERVED_EXEC);
        assert_int_equal(seen[2].observation.pid, 40);
        assert_false(seen[2].observation.has & HAS_CGROUP);
        assert_int_equal(counted(look).vanished, 1);
        /* the parent has ended too: the exec alone */
        exec.ppid = 31;
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(seen_count, 4);
        look_free(look);
        fixture_remove(&fixture);
}

/* Many short children of one parent are told together: it is read once for those that executed before. */
static void of_many_ended_children_the_parent_is_read_once(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        put_process(&fixture, 30, 1, "shell", 'S', 0, 100, docker_text);
        struct look *look = look_at(fixture.root);
        struct observation exec = audit_exec(40, 30, time_unix_ns());
        look_complete(look, &exec, observe, NULL);
        assert_string_equal(seen_of(OBSERVED_CGROUP, 30)->cgroup, docker_text);
        size_t before = seen_count;
        assert_int_equal(unlinkat(fixture.root, "proc/30/cgroup", 0), 0);
        fixture_text(&fixture, "proc/30/cgroup", "0::/elsewhere\n");
        exec.pid = 41;
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(seen_count, before + 1);
        assert_int_equal(seen[before].observation.pid, 41);
        /* this one came later: the parent may have moved meanwhile, and has */
        exec = audit_exec(42, 30, time_unix_ns() + MICROSECOND);
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(seen_count, before + 3);
        assert_int_equal(seen[before + 1].observation.pid, 30);
        assert_string_equal(seen[before + 1].cgroup, "0::/elsewhere\n");
        look_free(look);
        fixture_remove(&fixture);
}

/* The real /proc: whoever was waited for is gone. */
static void who_is_gone_is_not_read(void **state)
{
        (void)state;
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct look *look = look_at(root);
        pid_t child = fork();
        if (child == 0)
                _exit(0);
        siginfo_t ended;
        assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
        struct observation exec = audit_exec(child, getpid(), time_unix_ns());
        look_complete(look, &exec, observe, NULL);
        struct look_counters zombie = counted(look);
        assert_in_range(zombie.reads, 1, 3); /* a zombie is there */
        assert_int_equal(waitpid(child, NULL, 0), child);
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(counted(look).vanished, zombie.vanished + 1);
        assert_in_range(counted(look).reads, zombie.reads, zombie.reads + 1); /* the parent's group, if not yet */
        look_free(look);
}

/* In the v1 hierarchies a dying process is shown in the root: it is not on the host for that. */
static void a_dying_process_does_not_leave_its_container(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        put_process(&fixture, 30, 1, "shell", 'S', 0, 100, docker_text);
        put_process(&fixture, 40, 30, "web", 'Z', 0x40000c, 100, "2:memory:/\n1:name=systemd:/\n0::/\n");
        put_process(&fixture, 41, 30, "kthread", 'S', 0x200000, 100, "2:memory:/\n1:name=systemd:/\n0::/\n");
        put_process(&fixture, 42, 30, "web", 'Z', 4, 100, "2:memory:/\n0::/docker/" ID "\n");
        put_docker(&fixture, "web");
        struct look *look = look_at(fixture.root);
        struct observation exec = audit_exec(40, 30, time_unix_ns());
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(seen_of(OBSERVED_CGROUP, 30) != NULL, 1);
        assert_false(seen_of(OBSERVED_EXEC, 40)->observation.has & HAS_CGROUP);
        exec = audit_exec(41, 30, time_unix_ns()); /* really in the root */
        look_complete(look, &exec, observe, NULL);
        assert_true(seen_of(OBSERVED_EXEC, 41)->observation.has & HAS_CGROUP);
        exec = audit_exec(42, 30, time_unix_ns()); /* v2 still tells */
        look_complete(look, &exec, observe, NULL);
        assert_true(seen_of(OBSERVED_EXEC, 42)->observation.has & HAS_CGROUP);
        look_free(look);
        fixture_remove(&fixture);
}

static void a_reused_pid_is_another_process(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        struct timespec up;
        clock_gettime(CLOCK_BOOTTIME, &up);
        uint64_t now_ticks = (uint64_t)up.tv_sec * (uint64_t)sysconf(_SC_CLK_TCK);
        put_process(&fixture, 40, 30, "other", 'S', 0, now_ticks, docker_text);
        put_process(&fixture, 41, 30, "web", 'S', 0, 100, docker_text);
        struct look *look = look_at(fixture.root);
        int64_t long_ago = time_unix_ns() - 10 * SECOND; /* the process of now started after that */
        struct observation exec = audit_exec(40, 0, long_ago);
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(seen_count, 1);
        assert_false(seen[0].observation.has & HAS_CGROUP);
        assert_int_equal(seen[0].observation.cgroup.n, 0);
        assert_int_equal(counted(look).reused, 1);
        /* the same time, but a process that was there then */
        exec = audit_exec(41, 0, long_ago);
        look_complete(look, &exec, observe, NULL);
        assert_true(seen_of(OBSERVED_EXEC, 41)->observation.has & HAS_CGROUP);
        /* a start that was told decides */
        exec.start_ns = 55 * SECOND;
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(counted(look).reused, 2);
        look_free(look);
        fixture_remove(&fixture);
}

static void a_name_that_comes_late_is_found(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        static const char text[] = "5:pids:/web\n0::/web\n";
        put_process(&fixture, 40, 30, "web", 'S', 0, 100, text);
        struct look *look = look_at(fixture.root);
        struct observation exec = audit_exec(40, 30, time_unix_ns());
        look_complete(look, &exec, observe, NULL);
        assert_int_equal(seen_count, 1); /* no engine is known by that path */
        fixture_text(&fixture, "run/runc/web/state.json",
                "{\"id\":\"web\",\"init_process_pid\":40,\"created\":\"2026-11-01T10:00:00Z\",\"config\":{\"labels\":"
                "[\"bundle=/srv/web\",\"a=b\"]},\"cgroup_paths\":{\"pids\":\"/sys/fs/cgroup/pids/web\"}}");
        /* asked again after 20 ms of real time, then 40 …: until it is found */
        int64_t deadline = time_monotonic_ns() + 30 * SECOND;
        while (!seen_of(OBSERVED_CONTAINER, 40) && time_monotonic_ns() < deadline) {
                seen_count = 0;
                look_complete(look, &exec, observe, NULL);
        }
        const struct seen *container = seen_of(OBSERVED_CONTAINER, 40);
        assert_non_null(container);
        assert_string_equal(container->operation, "oci");
        assert_string_equal(container->object, "web");
        assert_string_equal(container->path, "web");
        assert_string_equal(container->cgroup, text);
        look_free(look);
        fixture_remove(&fixture);
}

static void other_observations_pass(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        fixture_text(&fixture, "proc/uptime", "1 1\n");
        struct look *look = look_at(fixture.root);
        for (int type = 0; type < OBSERVATION_TYPES; type++) {
                struct observation one;
                if (type == OBSERVED_EXEC)
                        continue;
                observation_init(&one, (enum observation_type)type, SOURCE_AUDIT);
                one.pid = 9;
                one.ppid = 8;
                seen_count = 0;
                look_complete(look, &one, observe, NULL);
                assert_int_equal(seen_count, 1);
                assert_int_equal(seen[0].observation.type, type);
        }
        assert_int_equal(counted(look).reads, 0);
        look_free(look);
        fixture_remove(&fixture);
}

/* --- what audit leaves open ------------------------------------------------------------------------------------------
 */

static void an_exit_of_a_thread_is_none(void **state)
{
        (void)state;
        cleanup(fd_close) int root = real_root();
        struct look *look = look_at(root);
        int hold[2];
        assert_int_equal(pipe(hold), 0);
        pid_t child = fork();
        if (child == 0) {
                char byte;
                close(hold[1]);
                _exit(read(hold[0], &byte, 1) < 0);
        }
        close(hold[0]);
        struct observation ended;
        observation_init(&ended, OBSERVED_EXIT, SOURCE_AUDIT);
        ended.pid = child;
        ended.time_ns = time_unix_ns();
        ended.has = UNRESOLVED_THREAD;
        look_complete(look, &ended, observe, NULL);
        assert_int_equal(seen_count, 0);
        assert_int_equal(counted(look).threads, 1);
        close(hold[1]);
        siginfo_t left;
        assert_int_equal(waitid(P_PID, (id_t)child, &left, WEXITED | WNOWAIT), 0);
        look_complete(look, &ended, observe, NULL); /* a zombie now */
        assert_int_equal(seen_count, 1);
        assert_int_equal(seen[0].observation.type, OBSERVED_EXIT);
        assert_int_equal(seen[0].observation.has, 0);
        waitpid(child, NULL, 0);
        look_complete(look, &ended, observe, NULL);
        assert_int_equal(seen_count, 2);
        look_free(look);
}

/* --- repair ---------------------------------------------------------------------------------------------------------
 */

static void repair_tells_what_differs(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        int64_t tick = SECOND / sysconf(_SC_CLK_TCK);
        put_process(&fixture, 1, 0, "init", 'S', 0, 10, "0::/init.scope\n");
        put_process(&fixture, 2, 1, "known", 'S', 0, 20, "0::/a.service\n");
        put_process(&fixture, 3, 1, "again", 'S', 0, 5000, "0::/b.service\n");
        put_process(&fixture, 4, 3, "new", 'S', 0, 5001, "0::/b.service\n");
        put_process(&fixture, 5, 1, "exec", 'S', 0, 30, "0::/b.service\n");
        put_process(&fixture, 7, 1, "zombie", 'Z', 4, 30, "0::/b.service\n");
        struct look *look = look_at(fixture.root);
        struct tree tree = { { { 1, 0, "init" },                                       /* start not known */
                                     { 2, (uint64_t)(20 * tick + tick / 2), "known" }, /* known to the nanosecond */
                                     { 3, (uint64_t)(20 * tick), "again" },            /* another start */
                                     { 5, (uint64_t)(30 * tick), "shell" },            /* a missed exec */
                                     { 6, (uint64_t)(30 * tick), "gone" }, { 7, (uint64_t)(30 * tick), "zombie" } },
                6 };
        uint64_t repaired;
        assert_int_equal(look_repair(look, &tree, 99, observe, NULL, &repaired, &err), 0);
        assert_int_equal(repaired, 5);
        assert_int_equal(seen_count, 5);
        assert_non_null(seen_of(OBSERVED_GONE, 6));
        assert_non_null(seen_of(OBSERVED_GONE, 7));
        assert_true(seen_of(OBSERVED_GONE, 6)->observation.synthetic);
        assert_int_equal(seen_of(OBSERVED_GONE, 6)->observation.start_ns, 30 * tick);
        assert_non_null(seen_of(OBSERVED_PROCESS, 3));
        assert_non_null(seen_of(OBSERVED_PROCESS, 4));
        assert_true(seen_of(OBSERVED_PROCESS, 3) < seen_of(OBSERVED_PROCESS, 4));
        assert_true(seen_of(OBSERVED_PROCESS, 4)->observation.synthetic);
        assert_int_equal(seen_of(OBSERVED_PROCESS, 4)->observation.time_ns, 99);
        assert_string_equal(seen_of(OBSERVED_PROCESS, 5)->exe, "/bin/exec");
        assert_int_equal(counted(look).repaired, 5);
        /* nothing to do: nothing is told */
        struct tree same = {
                { { 1, 0, "init" }, { 2, 0, "known" }, { 3, 0, "again" }, { 4, 0, "new" }, { 5, 0, "exec" } }, 5
        };
        seen_count = 0;
        assert_int_equal(look_repair(look, &same, 100, observe, NULL, &repaired, &err), 0);
        assert_int_equal(repaired, 0);
        assert_int_equal(seen_count, 0);
        look_free(look);
        fixture_remove(&fixture);
}

static void without_proc_it_says_so(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        struct look_options options = { .root = fixture.root };
        assert_null(look_new(&options, &err));
        assert_int_equal(err.code, E_NOT_FOUND);
        fixture_remove(&fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_process_comes_parents_first),
                cmocka_unit_test(this_machine_is_seen),
                cmocka_unit_test(an_audit_exec_costs_one_file),
                cmocka_unit_test(a_bare_exec_is_filled),
                cmocka_unit_test(of_an_ended_process_the_parent_tells),
                cmocka_unit_test(of_many_ended_children_the_parent_is_read_once),
                cmocka_unit_test(who_is_gone_is_not_read),
                cmocka_unit_test(a_dying_process_does_not_leave_its_container),
                cmocka_unit_test(a_reused_pid_is_another_process),
                cmocka_unit_test(a_name_that_comes_late_is_found),
                cmocka_unit_test(other_observations_pass),
                cmocka_unit_test(an_exit_of_a_thread_is_none),
                cmocka_unit_test(repair_tells_what_differs),
                cmocka_unit_test(without_proc_it_says_so),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
