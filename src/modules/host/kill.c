/* kill: a signal for one process, named by its pid and told apart from a later process of the same pid by its start.
 * pid 1 and Tarsier's own agent are never signalled. */
#include "base/cleanup.h"
#include "base/path.h"
#include "linux/container.h"
#include "linux/kernel_stat.h"
#include "linux/process.h"
#include "module/lines.h"
#include "module/run.h"
#include "modules/host/accounts.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>

#define AGENT "tarsier-agent"

enum { ANCESTORS_MAX = 4096, CGROUP_TEXT_MAX = 64 << 10, BOOT_ID_MAX = 64 };

/* ps counts from the kernel's whole second of boot, the feed from the clocks, and clocks are set a little now and then.
 * A later process of the pid starts when the one that was seen has lived its life: it is further away. */
#define START_TOLERANCE (1500 * MILLISECOND)

struct kill_params {
        int64_t pid;
        int64_t start_ns;
        char *exec_id;
        char *signal;
        int64_t wait_ns;
};

struct kill_element {
        int64_t pid, start_ns;
        char *name, *user;
        uint64_t uid;
        char *engine, *container;
        char *signal;
        int64_t number;
        bool ended;
};

/* ---- signals by name, signal(7) ---- */

static bool signal_number(struct sv text, int *ret)
{
        uint64_t number;
        struct sv name = text;
        if (sv_parse_u64(text, 10, &number)) {
                *ret = (int)number;
                return number >= 1 && number <= (uint64_t)SIGRTMAX;
        }
        if (name.n > 3 && sv_eq_nocase(sv_n(name.p, 3), SV("SIG")))
                name = sv_n(name.p + 3, name.n - 3);
        for (int i = 1; i < SIGRTMIN; i++) {
                const char *known = sigabbrev_np(i);
                if (known && sv_eq_nocase(name, sv_of(known))) {
                        *ret = i;
                        return true;
                }
        }
        if (name.n > 6 && sv_eq_nocase(sv_n(name.p, 6), SV("RTMIN+")) &&
                sv_parse_u64(sv_n(name.p + 6, name.n - 6), 10, &number) && number <= (uint64_t)(SIGRTMAX - SIGRTMIN)) {
                *ret = SIGRTMIN + (int)number;
                return true;
        }
        *ret = SIGRTMAX;
        return sv_eq_nocase(name, SV("RTMAX"));
}

static char *signal_name(int number, struct arena *arena)
{
        const char *known = sigabbrev_np(number);
        if (known)
                return arena_strdup(arena, known);
        if (number < SIGRTMIN) /* the C library's own, signal(7) */
                return arena_printf(arena, "%d", number);
        return arena_printf(arena, "RTMIN+%d", number - SIGRTMIN);
}

static int check_signal(const char *text, struct error *err)
{
        int number;
        return signal_number(sv_of(text), &number)
                       ? 0
                       : fail(err, E_INVALID, "\"%.40s\" is no signal (such as TERM, KILL, HUP, 9, RTMIN+1)", text);
}

/* "BOOT-STARTTICKS-PID-EXECS" in hexadecimal, as events name a process. */
struct execution_key {
        uint64_t boot, ticks, pid;
};

static bool exec_id_parse(const char *text, struct execution_key *ret)
{
        uint64_t number[4] = { 0 };
        struct sv rest = sv_of(text);
        struct sv part;
        size_t count = 0;
        for (; count < 4 && sv_split(&rest, '-', &part); count++)
                if (!sv_parse_u64(part, 16, &number[count]))
                        return false;
        *ret = (struct execution_key){ number[0], number[1], number[2] };
        return count == 4 && rest.n == 0 && ret->pid > 0 && ret->pid <= PROCESS_PID_MAX && ret->ticks > 0;
}

static int check_exec_id(const char *text, struct error *err)
{
        struct execution_key key;
        return exec_id_parse(text, &key) ? 0 : fail(err, E_INVALID, "no exec_id as events tell it");
}

static const struct field params_fields[] = {
        FIELD_INT(struct kill_params, pid, .min = 1, .max = PROCESS_PID_MAX, .positional = true,
                .help = "process id; or give exec_id"),
        FIELD_TIME(struct kill_params, start_ns, .json = "start",
                .help = "when it started, as ps and the feed tell; another process of this pid is left alone"),
        FIELD_STRING(struct kill_params, exec_id, .option = "exec-id", .max_length = 128, .check = check_exec_id,
                .help = "id of the execution, as events tell: process and start in one"),
        FIELD_STRING(struct kill_params, signal, .flag = 's', .def = "TERM", .min_length = 1, .max_length = 16,
                .check = check_signal, .help = "name or number of the signal"),
        FIELD_DURATION(struct kill_params, wait_ns, .json = "wait", .flag = 'w', .min = 0, .max = 5 * MINUTE,
                .help = "wait so long for its end"),
};

static const struct field element_fields[] = {
        FIELD_INT(struct kill_element, pid, .help = "process id"),
        FIELD_TIME(struct kill_element, start_ns, .json = "start", .help = "when it started"),
        FIELD_STRING(struct kill_element, name, .help = "name the kernel has for it"),
        FIELD_STRING(struct kill_element, user, .private_ = true,
                .help = "name of the effective user, the number when it has none"),
        FIELD_UINT(struct kill_element, uid, .help = "effective user id"),
        FIELD_STRING(struct kill_element, engine, .omit_empty = true, .help = "container engine"),
        FIELD_STRING(struct kill_element, container, .omit_empty = true, .help = "container it runs in"),
        FIELD_STRING(struct kill_element, signal, .help = "signal that was sent"),
        FIELD_INT(struct kill_element, number, .help = "its number"),
        FIELD_BOOL(struct kill_element, ended, .help = "it has ended; false: it had not when the run ended"),
};

/* ---- whom ---- */

struct target {
        int root, pidfd;
        struct process process;
        struct process_stat stat;
        struct process_status status;
        int64_t start_ns;
};

static void target_close(struct target *target)
{
        process_close(&target->process);
        fd_close(&target->pidfd);
        fd_close(&target->root);
}

static void target_close_p(struct target *target)
{
        target_close(target);
}

static int gone(pid_t pid, struct error *err)
{
        return fail(err, E_NOT_FOUND, "there is no process %d", (int)pid);
}

/* The pidfd first: as long as it has not ended, what /proc tells of the pid is about this very process. */
static int target_open(pid_t pid, struct target *ret, struct error *err)
{
        struct error why;
        ret->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (ret->root < 0)
                return fail_errno(err, "/");
        ret->pidfd = pidfd_open(pid, 0);
        if (ret->pidfd < 0 && errno == ESRCH)
                return gone(pid, err);
        if (ret->pidfd < 0 && (errno == EINVAL || errno == ENOENT)) /* pidfd_open(2); ENOENT since Linux 6.15 */
                return fail(err, E_INVALID, "%d is a thread, not a process", (int)pid);
        if (ret->pidfd < 0)
                return fail_errno(err, "process %d", (int)pid);
        if (process_open(ret->root, pid, &ret->process, &why) == 0 &&
                process_read_stat(&ret->process, &ret->stat, &why) == 0 &&
                process_read_status(&ret->process, &ret->status, &why) == 0)
                return 0;
        if (process_vanished(&why))
                return gone(pid, err);
        *err = why;
        return -1;
}

static int check_start(struct target *target, int64_t start_ns, struct error *err)
{
        struct kernel_stat kernel = { 0 };
        int64_t start = process_start_unix_ns(target->stat.start_ticks, time_boot_unix_ns());
        target->start_ns = start;
        if (kernel_stat_read(target->root, &kernel, NULL) == 0) /* told as ps does */
                target->start_ns = process_start_unix_ns(target->stat.start_ticks, kernel.boot_unix_ns);
        if (start_ns && llabs(start_ns - start) > START_TOLERANCE)
                return fail(err, E_NOT_FOUND, "process %d is another one: it did not start at that time",
                        (int)target->stat.pid);
        return 0;
}

/* After a reboot the same pid may start at the same tick. BOOT is the beginning of the boot's id (random(4)); 0: who
 * made the event did not know it. */
static bool is_of_this_boot(const struct target *target, uint64_t boot)
{
        cleanup(buf_done) struct buf text;
        uint64_t now;
        buf_init(&text, BOOT_ID_MAX);
        return boot == 0 || file_read(target->root, "proc/sys/kernel/random/boot_id", &text, NULL) < 0 ||
               text.len < 8 || !sv_parse_u64(sv_n(text.data, 8), 16, &now) || now == boot;
}

/* The agent, its services and its other runs: all that descends from what started this run. From the command line that
 * is tarsier itself, so an agent is told by its name, when it runs as root or as who asks. */
static bool is_ours(const struct run *run, const struct target *target)
{
        pid_t pid = target->stat.pid;
        struct process_stat stat = target->stat;
        uint32_t uid = target->status.uid[1];
        for (int i = 0; i < ANCESTORS_MAX; i++) {
                cleanup(process_close) struct process process = { .dir = -1 };
                struct process_status status;
                if (pid == getpid() || pid == getppid())
                        return true;
                if (!run->modules_state && strcmp(stat.comm, AGENT) == 0 && (uid == 0 || uid == geteuid()))
                        return true;
                pid = stat.ppid;
                if (pid <= 1 || process_open(target->root, pid, &process, NULL) < 0 ||
                        process_read_stat(&process, &stat, NULL) < 0 ||
                        process_read_status(&process, &status, NULL) < 0)
                        return false;
                uid = status.uid[1];
        }
        return false;
}

static int check_target(const struct run *run, const struct target *target, struct error *err)
{
        int pid = target->stat.pid;
        if (pid == 1)
                return fail(err, E_PERMISSION, "process 1 is never signalled: the host ends with it");
        if (target->stat.flags & PROCESS_KTHREAD_FLAG)
                return fail(err, E_PERMISSION, "process %d is a thread of the kernel", pid);
        if (is_ours(run, target))
                return fail(err, E_PERMISSION, "process %d is Tarsier's own: stop the agent by its service", pid);
        if (target->stat.state == 'Z' || target->stat.state == 'X')
                return fail(err, E_NOT_FOUND, "process %d (%s) has ended: it waits for its parent, %d, to take notice",
                        pid, target->stat.comm, target->stat.ppid);
        return 0;
}

/* ---- the run ---- */

static void name_container(struct run *run, const struct target *target, struct kill_element *element)
{
        cleanup(buf_done) struct buf text;
        struct container_identity container;
        buf_init(&text, CGROUP_TEXT_MAX);
        if (process_read_file(&target->process, "cgroup", &text, NULL) < 0 ||
                !container_identify(sv_n(buf_text(&text), text.len), &container))
                return;
        element->engine = arena_strdup(&run->arena, container_engine_name(container.engine));
        element->container = arena_strdup(&run->arena, container.id);
}

static void describe(struct run *run, const struct target *target, int number, struct kill_element *ret)
{
        cleanup(accounts_done) struct accounts users = { 0 };
        accounts_load(&users, target->root, "etc/passwd");
        uint32_t uid = target->status.uid[1];
        const char *user = accounts_name(&users, uid);
        *ret = (struct kill_element){ .pid = target->stat.pid,
                .start_ns = target->start_ns,
                .name = arena_strdup(&run->arena, target->stat.comm),
                .user = user ? arena_strdup(&run->arena, user) : arena_printf(&run->arena, "%u", uid),
                .uid = uid,
                .signal = signal_name(number, &run->arena),
                .number = number };
        name_container(run, target, ret);
}

static int kill_run(struct run *run, struct error *err)
{
        const struct kill_params *params = run->params;
        cleanup(target_close) struct target target = { -1, -1, .process = { .dir = -1 } };
        struct kill_element element;
        struct execution_key key = { 0 };
        int number = 0;
        pid_t pid = (pid_t)params->pid;
        signal_number(sv_of(params->signal), &number);
        if (params->exec_id && *params->exec_id && exec_id_parse(params->exec_id, &key))
                pid = (pid_t)key.pid;
        if (target_open(pid, &target, err) < 0 || check_start(&target, params->start_ns, err) < 0)
                return -1;
        if (key.ticks && (key.ticks != target.stat.start_ticks || !is_of_this_boot(&target, key.boot)))
                return fail(err, E_NOT_FOUND, "process %d is another one than that of the event", (int)pid);
        if (check_target(run, &target, err) < 0)
                return -1;
        describe(run, &target, number, &element);
        if (pidfd_send_signal(target.pidfd, number, NULL, 0) < 0) {
                if (errno == ESRCH)
                        return gone(pid, err);
                return fail_errno(
                        err, "%s for process %d (%s of %s)", element.signal, (int)pid, element.name, element.user);
        }
        struct pollfd end = { .fd = target.pidfd, .events = POLLIN };
        struct error why = { 0 };
        int ended = run_poll(run, &end, 1, params->wait_ns, &why);
        element.ended = ended > 0;
        int status = run_emit(run, NULL, &element, err);
        if (status == 0 && ended < 0) /* told to stop while it waited: what was done is told all the same */
                run_set_partial(run, why.message);
        return status;
}

static int kill_validate(const void *value, struct error *err)
{
        const struct kill_params *params = value;
        struct execution_key key;
        bool execution = params->exec_id && *params->exec_id;
        if (!params->pid && !execution)
                return fail(err, E_INVALID, "pid: which process? give its pid, or the exec_id of an event");
        if (params->pid && execution && exec_id_parse(params->exec_id, &key) && key.pid != (uint64_t)params->pid)
                return fail(err, E_INVALID, "exec_id: it is of process %llu", (unsigned long long)key.pid);
        return 0;
}

static void kill_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct kill_element *element = row;
        bool contained = element->container && *element->container;
        (void)group;
        (void)label;
        print_line(printer, "%s sent to %lld (%s of %s%s%.12s)%s", element->signal, (long long)element->pid,
                element->name, element->user, contained ? ", container " : "", contained ? element->container : "",
                element->ended ? ": it has ended" : "");
}

static const struct module_example kill_examples[] = {
        { "kill 4711", "asks process 4711 to end (SIGTERM)" },
        { "kill 4711 --signal KILL --wait 5s", "ends it, and tells whether it is gone" },
        { "kill --exec-id 1a2b3c4d-5e6f-1267-1", "the process of an event, or none" },
        { 0 },
};

static const char *const kill_reads[] = { "/proc", "/etc/passwd", NULL };

const struct module kill_module = {
        .name = "kill",
        .summary = "send a signal to one process",
        .description =
                "The process is held by a pidfd before anything is looked at, so the signal reaches the process that "
                "was looked at or none. With start, or an exec_id, a process that got the same pid later is left "
                "alone. pid 1, threads of the kernel and Tarsier's own processes are refused.",
        .since = "0.1.0",
        .params = RECORD(struct kill_params, params_fields),
        .element = RECORD(struct kill_element, element_fields),
        .shape = SHAPE_OBJECT,
        .sandbox = { .capabilities = CAP_BIT(CAP_KILL), .signals = true, .read_paths = kill_reads },
        .limits = { .wall_ns = 6 * MINUTE, .memory = 64 * MIB, .result = 1 * MIB },
        .role = ROLE_ADMIN,
        .examples = kill_examples,
        .validate = kill_validate,
        .run = kill_run,
        .print_row = kill_print_row,
};
