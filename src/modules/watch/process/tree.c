#include "modules/watch/process/tree_internal.h"

#include "base/timefmt.h"
#include "linux/capability_names.h"

enum { PROCESSES_DEFAULT = 65536 };

struct tree *tree_new(const struct tree_options *options, struct error *err)
{
        struct tree *tree = calloc(1, sizeof(*tree));
        if (!tree)
                return fail_null(err, E_NO_MEMORY, "process tree");
        tree->options = *options;
        struct tree_options *set = &tree->options;
        if (set->delete_delay_ns <= 0)
                set->delete_delay_ns = SECOND;
        if (set->processes_max == 0)
                set->processes_max = PROCESSES_DEFAULT;
        if (set->processes_max < 16)
                set->processes_max = 16;
        if (set->processes_max > TREE_PROCESSES_MAX)
                set->processes_max = TREE_PROCESSES_MAX;
        if (set->memory_max == 0)
                set->memory_max = 64 * MIB;
        if (set->memory_max < TREE_BYTES_LEAST)
                set->memory_max = TREE_BYTES_LEAST;
        if (set->capabilities == 0)
                set->capabilities = UINT64_MAX >> (64 - CAPABILITY_NAMES);
        tree->ghosts_max = set->processes_max / 16 > TREE_GHOSTS_LEAST ? set->processes_max / 16 : TREE_GHOSTS_LEAST;
        tree->counters.bytes = sizeof(*tree);
        if (tree_store_init(tree, err) < 0) {
                tree_free(tree);
                return NULL;
        }
        return tree;
}

void tree_free(struct tree *tree)
{
        if (!tree)
                return;
        tree_store_done(tree);
        tree_container_done(tree);
        tree_event_done(tree);
        free(tree);
}

/* --- what is known of a process ---------------------------------------------------------------------------------- */

static void note_credential(
        struct tree *tree, struct tree_process *process, const struct observation *o, bool *ret_changed)
{
        enum { TTY_MAX = 64 };
        unsigned told = o->has & (HAS_UIDS | HAS_GIDS | HAS_SESSION | HAS_CAPABILITIES);
        *ret_changed = false;
        if (!told && !o->tty.n)
                return;
        char bytes[sizeof(struct credential) + TTY_MAX];
        struct credential credential = { .auid = AUDIT_UNSET, .session = AUDIT_UNSET };
        size_t length = sizeof(credential);
        if (process->credential) {
                length = process->credential->length;
                memcpy(bytes, process->credential->bytes, length);
                memcpy(&credential, bytes, sizeof(credential));
        }
        credential.has |= told;
        if (told & HAS_UIDS) {
                credential.uid = o->uid;
                credential.euid = o->euid;
        }
        if (told & HAS_GIDS) {
                credential.gid = o->gid;
                credential.egid = o->egid;
        }
        if (told & HAS_SESSION) {
                credential.auid = o->auid;
                credential.session = o->session;
        }
        if (told & HAS_CAPABILITIES) {
                credential.capabilities[0] = (uint32_t)o->cap_effective;
                credential.capabilities[1] = (uint32_t)(o->cap_effective >> 32);
        }
        if (o->tty.n) {
                size_t n = o->tty.n < TTY_MAX ? o->tty.n : TTY_MAX;
                memcpy(bytes + sizeof(credential), o->tty.p, n);
                length = sizeof(credential) + n;
        }
        memcpy(bytes, &credential, sizeof(credential));
        const struct text *before = process->credential;
        tree_text_set(tree, &process->credential, sv_n(bytes, length));
        *ret_changed = before != process->credential;
}

static void note_comm(struct tree_process *process, struct sv comm)
{
        if (!comm.n)
                return;
        size_t n = comm.n < TREE_COMM ? comm.n : TREE_COMM - 1;
        memcpy(process->comm, comm.p, n);
        memset(process->comm + n, 0, TREE_COMM - n);
}

/* Whole arguments, as many as fit. */
static void note_arguments(struct tree *tree, struct tree_process *process, const struct observation *o)
{
        struct sv argv = o->argv;
        if (!argv.n)
                return;
        process->argv_cut = o->argv_truncated;
        if (argv.n > TREE_ARGV_KEPT) {
                const char *last = memrchr(argv.p, '\0', TREE_ARGV_KEPT);
                argv.n = last ? (size_t)(last - argv.p) + 1 : TREE_ARGV_KEPT;
                process->argv_cut = true;
        }
        argv.n -= argv.p[argv.n - 1] == '\0'; /* a text ends with one anyway */
        tree_text_set(tree, &process->argv, argv);
}

/* The program of a process as of this observation, unless a later one is known. True when another one is. */
static bool note_program(struct tree *tree, struct tree_process *process, const struct observation *o, int64_t time_ns)
{
        bool exec = o->type == OBSERVED_EXEC || o->type == OBSERVED_PROCESS;
        if (time_ns < process->exec_ns)
                return false;
        const struct text *before = process->exe;
        if (exec) {
                process->exec_ns = time_ns;
                /* what it was says nothing of what it is */
                if (o->type == OBSERVED_EXEC && o->exe.n == 0) {
                        tree_text_unref(tree, process->exe);
                        process->exe = NULL;
                }
                if (o->type == OBSERVED_EXEC && o->argv.n == 0) {
                        tree_text_unref(tree, process->argv);
                        process->argv = NULL;
                }
        }
        if (o->exe.n)
                tree_text_set(tree, &process->exe, o->exe);
        if (o->cwd.n)
                tree_text_set(tree, &process->cwd, o->cwd);
        /* a thread may have a name of its own */
        if (exec || o->type == OBSERVED_COMM || o->tid == 0 || o->tid == o->pid)
                note_comm(process, o->comm);
        if (exec)
                note_arguments(tree, process, o);
        if (o->pid_namespace)
                process->pid_namespace = (uint32_t)o->pid_namespace;
        return exec || (o->exe.n && before != process->exe);
}

static bool note_all(struct tree *tree, struct tree_process *process, const struct observation *o, int64_t time_ns)
{
        bool changed;
        bool program = note_program(tree, process, o, time_ns);
        note_credential(tree, process, o, &changed);
        bool exact = (o->has & HAS_CGROUP) && o->cgroup.n;
        if (exact)
                tree_cgroup_told(tree, process, o->cgroup, time_ns);
        if (program)
                tree_program_changed(tree, process,
                        process->argv ? sv_n(process->argv->bytes, process->argv->length + 1) : o->argv, exact);
        return changed;
}

/* --- execs told twice -------------------------------------------------------------------------------------------- */

static bool told_before(
        struct tree *tree, const struct tree_process *process, const struct observation *o, int64_t time_ns)
{
        uint32_t comm = o->comm.n ? (uint32_t)map_hash(o->comm) | 1 : 0;
        struct recent_exec *best = NULL;
        unsigned source = 1U << o->source;
        if ((tree->sources & (tree->sources - 1)) != 0) { /* more than one tells */
                for (size_t i = 0; i < TREE_RECENT; i++) {
                        struct recent_exec *one = &tree->recent[i];
                        int64_t apart = one->time_ns - time_ns;
                        if (one->process != process->self || (one->sources & source) || apart > TREE_JITTER_NS ||
                                apart < -TREE_JITTER_NS || (comm && one->comm && comm != one->comm))
                                continue;
                        if (!best || llabs(apart) < llabs(best->time_ns - time_ns))
                                best = one;
                }
        }
        if (best && process->self) {
                best->sources |= source;
                return true;
        }
        tree->recent[tree->recent_next++ % TREE_RECENT] = (struct recent_exec){ process->self, comm, source, time_ns };
        return false;
}

/* The second source's account of an exec: only what the first did not tell. */
static void complete_exec(struct tree *tree, struct tree_process *process, const struct observation *o, int64_t time_ns)
{
        bool changed;
        tree->counters.duplicates++;
        if (o->exe.n && !process->exe)
                tree_text_set(tree, &process->exe, o->exe);
        if (o->cwd.n)
                tree_text_set(tree, &process->cwd, o->cwd);
        if (!process->argv)
                note_arguments(tree, process, o);
        if (!process->comm[0])
                note_comm(process, o->comm);
        note_credential(tree, process, o, &changed);
        if ((o->has & HAS_CGROUP) && o->cgroup.n)
                tree_cgroup_told(tree, process, o->cgroup, time_ns);
}

/* --- observations ------------------------------------------------------------------------------------------------ */

/* What an ordinary user's process may do by its new program and could not before: of a set-user-ID program, or of
 * capabilities of the file. */
static uint64_t gained_capabilities(const struct tree_process *process, const struct observation *o)
{
        struct credential before = { 0 };
        if ((o->has & (HAS_UIDS | HAS_CAPABILITIES)) != (HAS_UIDS | HAS_CAPABILITIES) || o->uid == 0)
                return 0;
        if (process->credential)
                memcpy(&before, process->credential->bytes, sizeof(before));
        if (before.has & HAS_CAPABILITIES)
                return o->cap_effective & ~(before.capabilities[0] | (uint64_t)before.capabilities[1] << 32);
        return (before.has & HAS_UIDS) && before.euid == 0 ? 0 : o->cap_effective;
}

static void apply_exec(struct tree *tree, const struct observation *o, int64_t time_ns)
{
        if (o->has & COMPLETES_EXEC) {
                struct tree_process *known = tree_spot(tree, o->pid, time_ns).owner;
                if (!known || known->exec_ns != time_ns) { /* it has gone, or runs another program by now */
                        tree->counters.unfinished++;
                        return;
                }
                note_all(tree, known, o, time_ns);
                tree_emit(tree, EVENT_EXEC, known);
                return;
        }
        struct tree_process *process = tree_resolve(tree, o, time_ns);
        tree->counters.execs++;
        if (told_before(tree, process, o, time_ns)) {
                complete_exec(tree, process, o, time_ns);
                return;
        }
        process->execs += process->execs < UINT16_MAX;
        const uint64_t gained = gained_capabilities(process, o);
        note_all(tree, process, o, time_ns);
        tree_emit(tree, EVENT_EXEC, process);
        if (gained)
                tree_emit_capability(tree, process, gained);
}

static void apply_fork(struct tree *tree, const struct observation *o, int64_t time_ns)
{
        bool is_new;
        if (o->ppid == o->pid)
                return; /* a thread */
        tree->counters.forks++;
        struct tree_process *process = tree_forked(tree, o, time_ns, &is_new);
        if (o->pid_namespace)
                process->pid_namespace = (uint32_t)o->pid_namespace;
        if ((o->has & HAS_CGROUP) && o->cgroup.n)
                tree_cgroup_told(tree, process, o->cgroup, time_ns);
        if (is_new && tree->options.forks)
                tree_emit(tree, EVENT_FORK, process);
}

static void apply_exit(struct tree *tree, const struct observation *o, int64_t time_ns)
{
        tree->counters.exits++;
        struct tree_process *process = tree_exited(tree, o, time_ns);
        if (!process)
                return;
        bool changed;
        note_program(tree, process, o, time_ns);
        note_credential(tree, process, o, &changed);
        tree_emit(tree, EVENT_EXIT, process);
}

static void apply_gone(struct tree *tree, const struct observation *o, int64_t time_ns)
{
        struct tree_process *process = tree_spot(tree, o->pid, time_ns).owner;
        if (!process || process->end_ns ||
                (o->start_ns && process->start_ns && o->start_ns / TREE_TICK_NS != process->start_ns / TREE_TICK_NS))
                return;
        tree_end(tree, process, time_ns);
}

static void apply_credential(struct tree *tree, const struct observation *o, int64_t time_ns)
{
        struct tree_process *process = tree_resolve(tree, o, time_ns);
        bool changed = note_all(tree, process, o, time_ns);
        if (!changed && process->credential_source != (unsigned)o->source + 1 && process->credential_source) {
                tree->counters.duplicates++;
                return;
        }
        process->credential_source = (unsigned)o->source + 1;
        tree_emit(tree, EVENT_CREDENTIAL, process);
}

/* Types that are one event each, whatever the tree makes of them. */
static const int event_types[OBSERVATION_TYPES] = { [OBSERVED_NAMESPACE] = EVENT_NAMESPACE,
        [OBSERVED_PTRACE] = EVENT_PTRACE,
        [OBSERVED_FILE] = EVENT_FILE,
        [OBSERVED_USER] = EVENT_USER,
        [OBSERVED_MODULE] = EVENT_MODULE,
        [OBSERVED_MOUNT] = EVENT_MOUNT,
        [OBSERVED_BPF] = EVENT_BPF,
        [OBSERVED_CAPABILITY] = EVENT_CAPABILITY,
        [OBSERVED_OOM] = EVENT_OOM,
        [OBSERVED_ANOMALY] = EVENT_ANOMALY,
        [OBSERVED_CONFIG] = EVENT_CONFIG,
        [OBSERVED_SYSCALL] = EVENT_SYSCALL };

static void apply_process(struct tree *tree, const struct observation *o, int64_t time_ns)
{
        struct tree_process *process;
        switch (o->type) {
        case OBSERVED_FORK:
                apply_fork(tree, o, time_ns);
                break;
        case OBSERVED_EXEC:
                apply_exec(tree, o, time_ns);
                break;
        case OBSERVED_EXIT:
                apply_exit(tree, o, time_ns);
                break;
        case OBSERVED_GONE:
                apply_gone(tree, o, time_ns);
                break;
        case OBSERVED_CREDENTIAL:
                apply_credential(tree, o, time_ns);
                break;
        case OBSERVED_PROCESS:
                process = tree_seen(tree, o, time_ns);
                if (process) /* what a new one is, it has been since its first sight, as far as is known */
                        note_all(
                                tree, process, o, process->exec_ns || process->cgroup_ns ? time_ns : process->first_ns);
                break;
        case OBSERVED_CGROUP:
                process = tree_resolve(tree, o, time_ns);
                if (o->cgroup.n)
                        tree_cgroup_told(tree, process, o->cgroup, time_ns);
                break;
        case OBSERVED_COMM:
                process = tree_resolve(tree, o, time_ns);
                if (note_program(tree, process, o, time_ns) || process->role == ROLE_RUNTIME)
                        tree_program_changed(tree, process, o->argv, false);
                break;
        default:
                process = tree_resolve(tree, o, time_ns);
                note_all(tree, process, o, time_ns);
                tree_emit(tree, (enum event_type)event_types[o->type], process);
                break;
        }
}

/* All times are moved to a clock that was set back by so much. */
static void set_clock_back(struct tree *tree, int64_t back)
{
        for (size_t i = 1; i < tree->slab_count * TREE_SLAB; i++) {
                struct tree_process *process = tree_at(tree, (uint32_t)i);
                int64_t *times[] = { &process->first_ns, &process->end_ns, &process->exec_ns, &process->cgroup_ns };
                for (size_t j = 0; j < 4; j++)
                        if (*times[j])
                                *times[j] = *times[j] > back ? *times[j] - back : 1;
        }
        for (size_t i = 0; i < tree->container_count; i++)
                tree->containers[i].empty_ns =
                        tree->containers[i].empty_ns > back ? tree->containers[i].empty_ns - back : 1;
        for (size_t i = 0; i < TREE_RECENT; i++)
                tree->recent[i] = (struct recent_exec){ 0 };
        tree->now_ns -= back;
        tree->swept_ns = tree->begun_ns = tree->now_ns;
        tree->clock_back = 0;
}

/* The time on the tree's clock, which is the latest time observed. What is older by more than any delay of a source was
 * stamped by a clock that was set back: it counts as now, and when that goes on, all times are moved to the new clock.
 */
static int64_t clock_of(struct tree *tree, const struct observation *o)
{
        int64_t time = o->time_ns;
        if (time <= 0 || time > INT64_MAX / 2)
                return tree->now_ns > 0 ? tree->now_ns : 1;
        if (tree->now_ns - time <= TREE_REORDER_NS) {
                tree->clock_back = 0;
                if (time > tree->now_ns)
                        tree->now_ns = time;
                return time;
        }
        if (o->late || ++tree->clock_back < TREE_STEP)
                return tree->now_ns;
        set_clock_back(tree, tree->now_ns - time);
        return time;
}

void tree_apply(struct tree *tree, const struct observation *observation, tree_emit_fn *emit, void *cookie)
{
        const struct observation *o = observation;
        if ((unsigned)o->type >= OBSERVATION_TYPES || (unsigned)o->source >= SOURCES)
                return;
        tree->emit = emit;
        tree->cookie = cookie;
        tree->observation = observation;
        tree->time_ns = clock_of(tree, o);
        if (!tree->begun_ns)
                tree->begun_ns = tree->time_ns;
        tree_advance(tree, tree->now_ns, emit, cookie);
        tree->observation = observation;
        tree->last_source = o->source;
        tree_make_room(tree);
        if (o->type == OBSERVED_FORK || o->type == OBSERVED_EXEC || o->type == OBSERVED_EXIT)
                tree->sources |= 1U << o->source;
        if (o->type == OBSERVED_CONTAINER)
                tree_container_name(tree, o);
        else if (o->type == OBSERVED_GAP)
                tree_emit(tree, EVENT_GAP, NULL);
        else if (o->pid > 0 && o->pid < TREE_PID_MAX)
                apply_process(tree, o, tree->time_ns);
        else if (event_types[o->type])
                tree_emit(tree, (enum event_type)event_types[o->type], NULL);
        tree->observation = NULL;
}

void tree_advance(struct tree *tree, int64_t now_ns, tree_emit_fn *emit, void *cookie)
{
        tree->emit = emit;
        tree->cookie = cookie;
        tree->observation = NULL;
        /* where nothing is observed, that the clock was set back shows here: else nothing would be due for as long */
        if (tree->now_ns - now_ns > TREE_REORDER_NS && ++tree->clock_back >= TREE_STEP)
                set_clock_back(tree, tree->now_ns - now_ns);
        if (now_ns < tree->now_ns)
                now_ns = tree->now_ns;
        else if (now_ns != INT64_MAX)
                tree->now_ns = now_ns;
        tree_container_expire(tree, now_ns);
        tree_expire(tree, now_ns);
        tree_container_sweep(tree, now_ns);
}

void tree_count(const struct tree *tree, struct tree_counters *ret)
{
        *ret = tree->counters;
}
