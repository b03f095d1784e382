/* Which of the processes that had a pid one after the other is meant. A start time told by the source settles it;
 * without one the time does. Observations come in any order within some bounds, so a fork or an exit may turn out to
 * lie in the middle of what was taken for one life: the line is cut there, and what happened behind the cut goes to the
 * newer one.
 *
 * A process without a fork seen is open towards the past: its first_ns is only its first sight. Stamps of different
 * sources for one fact differ (audit's are those of the entry of the system call, from the coarse clock), so within
 * TREE_JITTER_NS the order of two sources proves nothing. */
#include "modules/watch/process/tree_internal.h"

#include "base/timefmt.h"

static int64_t distance(int64_t a, int64_t b)
{
        return a > b ? a - b : b - a;
}

static bool is_near(int64_t a, int64_t b, unsigned source_a, unsigned source_b)
{
        return source_a != source_b && distance(a, b) <= TREE_JITTER_NS;
}

static bool starts_differ(const struct tree_process *process, uint64_t start_ns)
{
        return process->start_ns && start_ns && process->start_ns / TREE_TICK_NS != start_ns / TREE_TICK_NS;
}

struct tree_spot tree_spot(const struct tree *tree, pid_t pid, int64_t time_ns)
{
        struct tree_spot spot = { 0 };
        uint32_t index = tree->buckets[(uint32_t)pid & (tree->bucket_count - 1)];
        for (; index; index = tree_at(tree, index)->older) {
                struct tree_process *process = tree_at(tree, index);
                if ((pid_t)process->pid != pid)
                        continue;
                if (process->first_ns <= time_ns) {
                        spot.owner = process;
                        break;
                }
                spot.newer = process;
        }
        return spot;
}

bool tree_lives_at(const struct tree_process *process, int64_t time_ns)
{
        return process->first_ns <= time_ns && (!process->end_ns || time_ns <= process->end_ns);
}

static struct tree_process *find_start(const struct tree *tree, pid_t pid, uint64_t start_ns)
{
        if (!start_ns)
                return NULL;
        uint32_t index = tree->buckets[(uint32_t)pid & (tree->bucket_count - 1)];
        for (; index; index = tree_at(tree, index)->older) {
                struct tree_process *process = tree_at(tree, index);
                if ((pid_t)process->pid == pid && process->start_ns && !starts_differ(process, start_ns))
                        return process;
        }
        return NULL;
}

/* --- making and moving ------------------------------------------------------------------------------------------- */

static struct tree_process *begin(struct tree *tree, pid_t pid, int64_t first_ns)
{
        struct tree_process *process = tree_process_new(tree);
        process->pid = (uint64_t)pid & (TREE_PID_MAX - 1);
        process->first_ns = first_ns;
        process->fork_source = tree->observation->source; /* of the first sight, for now */
        if (!process->self)
                return process;
        struct tree_spot spot = tree_spot(tree, pid, first_ns);
        /* two lives of one pid within one tick would have the same ids */
        if (spot.owner && first_ns - spot.owner->first_ns < 2 * TREE_TICK_NS)
                process->execs = (uint16_t)(spot.owner->execs + 1);
        tree_line_link(tree, process);
        tree_sibling_link(tree, process, 0);
        /* only the newest of a line may live */
        if (spot.owner && !spot.owner->end_ns)
                tree_end(tree, spot.owner, first_ns);
        if (spot.newer)
                tree_end(tree, process, spot.newer->first_ns);
        return process;
}

static bool is_below(const struct tree *tree, const struct tree_process *process, uint32_t above)
{
        for (uint32_t at = process->self; at; at = tree_at(tree, at)->parent)
                if (at == above)
                        return true;
        return false;
}

static bool is_newest(const struct tree *tree, const struct tree_process *process)
{
        return tree_spot(tree, (pid_t)process->pid, INT64_MAX).owner == process;
}

static void set_parent(struct tree *tree, struct tree_process *process, const struct tree_process *parent)
{
        if (!process->self) {
                process->parent = parent->self; /* for its event only: it is in no list */
                return;
        }
        if (process == parent || process->parent == parent->self)
                return;
        if (process->child && is_below(tree, parent, process->self))
                return; /* contradicts what is known: a process is not its own ancestor */
        struct tree_process *before = tree_at(tree, process->parent);
        tree_sibling_unlink(tree, process);
        tree_sibling_link(tree, process, parent->self);
        tree_child_left(tree, before);
}

static void set_first(struct tree *tree, struct tree_process *process, int64_t first_ns)
{
        if (!process->self || process->first_ns == first_ns)
                return;
        uint32_t parent = process->parent;
        tree_line_unlink(tree, process);
        tree_sibling_unlink(tree, process);
        process->first_ns = first_ns;
        tree_line_link(tree, process);
        tree_sibling_link(tree, process, parent);
}

/* A child begins as a copy of its parent's program. */
static void copy_program(struct tree *tree, struct tree_process *to, const struct tree_process *from)
{
        struct text *const *texts[] = { &from->exe, &from->cwd, &from->argv, &from->credential };
        struct text **mine[] = { &to->exe, &to->cwd, &to->argv, &to->credential };
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                if (*mine[i])
                        continue;
                *mine[i] = tree_text_ref(*texts[i]);
                if (i == 2)
                        to->argv_cut = from->argv_cut;
        }
        if (!to->comm[0])
                memcpy(to->comm, from->comm, sizeof(to->comm));
        if (!to->pid_namespace)
                to->pid_namespace = from->pid_namespace;
        (void)tree;
}

static void move_program(struct tree_process *to, struct tree_process *from, int64_t after_ns)
{
        to->exe = tree_text_ref(from->exe);
        to->cwd = tree_text_ref(from->cwd);
        to->argv = tree_text_ref(from->argv);
        to->credential = tree_text_ref(from->credential);
        to->argv_cut = from->argv_cut;
        to->role = from->role;
        to->pid_namespace = from->pid_namespace;
        memcpy(to->comm, from->comm, sizeof(to->comm));
        to->exec_ns = from->exec_ns;
        to->execs++;
        from->execs -= from->execs > 0;
        from->exec_ns = after_ns;
        from->role = ROLE_NONE;
}

/* `process` ended at after_ns at the latest; what it is known to have done later was done by another process of its
 * pid, which began at first_ns and is returned. */
static struct tree_process *cut(struct tree *tree, struct tree_process *process, int64_t after_ns, int64_t first_ns)
{
        int64_t end_ns = process->end_ns;
        struct tree_process *later = begin(tree, (pid_t)process->pid, first_ns);
        if (end_ns > after_ns) { /* its end too */
                later->exit_seen = process->exit_seen;
                later->exit_source = process->exit_source;
                later->silent = process->silent;
                process->exit_seen = process->silent = false;
                if (later->self)
                        tree_end(tree, later, end_ns);
        }
        tree_end(tree, process, after_ns);
        if (!later->self)
                return later;
        if (process->exec_ns > after_ns)
                move_program(later, process, after_ns);
        if (process->cgroup_ns > after_ns) {
                tree_set_cgroup(tree, later, process->cgroup);
                tree_set_container(tree, later, process->container, process->attribution);
                later->cgroup_ns = process->cgroup_ns;
                tree_set_container(tree, process, process->container_before, ATTRIBUTION_INHERITED);
                process->cgroup_ns = 0;
        }
        while (process->child) {
                struct tree_process *last = tree_at(tree, tree_at(tree, process->child)->previous);
                if (last->first_ns <= after_ns)
                        break;
                tree_sibling_unlink(tree, last);
                tree_sibling_link(tree, last, later->self);
        }
        tree_child_left(tree, process);
        return later;
}

static void adopt_start(struct tree_process *process, uint64_t start_ns)
{
        if (!process->start_ns)
                process->start_ns = start_ns;
}

static int64_t first_by_start(const struct tree *tree, uint64_t start_ns, int64_t time_ns)
{
        if (!start_ns || !tree->options.boot_time_ns || start_ns > (uint64_t)time_ns)
                return time_ns;
        int64_t first = tree->options.boot_time_ns + (int64_t)start_ns;
        return first < time_ns && first > 0 ? first : time_ns;
}

static void mark_repaired(struct tree *tree, struct tree_process *process)
{
        if (!process->self)
                return;
        process->repaired = true;
        tree->counters.repaired++;
}

static void note_parent(struct tree *tree, struct tree_process *process, pid_t ppid, int64_t time_ns)
{
        if (ppid > 0 && ppid < TREE_PID_MAX && ppid != (pid_t)process->pid)
                set_parent(tree, process, tree_resolve_parent(tree, ppid, time_ns));
}

/* Nobody told of its fork. It began behind `owner`, whose end is known, and ended before `newer`. */
static struct tree_process *make_repaired(
        struct tree *tree, const struct observation *observation, int64_t time_ns, struct tree_spot spot)
{
        int64_t first = first_by_start(tree, observation->start_ns, time_ns);
        if (spot.owner && first < spot.owner->first_ns)
                first = spot.owner->first_ns;
        if (spot.owner && spot.owner->end_ns && first <= spot.owner->end_ns)
                first = spot.owner->end_ns < time_ns ? spot.owner->end_ns + 1 : time_ns;
        struct tree_process *process = begin(tree, observation->pid, first);
        mark_repaired(tree, process);
        process->start_ns = observation->start_ns;
        if (process->self) {
                note_parent(tree, process, observation->ppid, time_ns);
        } else if (observation->ppid > 0) {
                const struct tree_process *parent = tree_spot(tree, observation->ppid, time_ns).owner;
                process->parent = parent ? parent->self : 0;
        }
        tree_inherit(tree, process);
        return process;
}

/* --- the questions ----------------------------------------------------------------------------------------------- */

struct tree_process *tree_resolve_parent(struct tree *tree, pid_t pid, int64_t time_ns)
{
        struct tree_spot spot = tree_spot(tree, pid, time_ns);
        unsigned source = tree->observation->source;
        if (spot.owner && tree_lives_at(spot.owner, time_ns))
                return spot.owner;
        if (spot.newer && !spot.newer->fork_seen && !spot.newer->start_ns) {
                set_first(tree, spot.newer, time_ns);
                return spot.newer;
        }
        if (spot.newer && is_near(spot.newer->first_ns, time_ns, spot.newer->fork_source, source))
                return spot.newer;
        if (spot.owner && spot.owner->exit_seen &&
                is_near(spot.owner->end_ns, time_ns, spot.owner->exit_source, source))
                return spot.owner;
        struct tree_process *process = begin(tree, pid, time_ns);
        mark_repaired(tree, process);
        /* it may have ended so long ago that it was deleted: then it must not stay for ever */
        bool old = time_ns < tree->now_ns - tree->options.delete_delay_ns;
        if (spot.newer || old) {
                process->silent = true;
                tree_end(tree, process, spot.newer ? spot.newer->first_ns : time_ns);
        }
        return process;
}

/* A process with another start than the one told had this pid at the time. */
static struct tree_process *other_start(
        struct tree *tree, const struct observation *observation, int64_t time_ns, struct tree_process *owner)
{
        struct tree_spot spot = { 0 };
        if (observation->start_ns > owner->start_ns) {
                int64_t first = first_by_start(tree, observation->start_ns, time_ns);
                if (first < owner->first_ns)
                        first = owner->first_ns;
                if (!owner->end_ns || owner->end_ns > first) {
                        tree->counters.pid_reused += !owner->end_ns;
                        struct tree_process *later = cut(tree, owner, first, first);
                        mark_repaired(tree, later);
                        later->start_ns = observation->start_ns;
                        note_parent(tree, later, observation->ppid, time_ns);
                        tree_inherit(tree, later);
                        tree_propagate(tree, later, 0);
                        return later;
                }
                spot.owner = owner;
        } else {
                spot.newer = owner;
                time_ns = owner->first_ns - 1;
        }
        return make_repaired(tree, observation, time_ns, spot);
}

struct tree_process *tree_resolve(struct tree *tree, const struct observation *observation, int64_t time_ns)
{
        struct tree_process *process = find_start(tree, observation->pid, observation->start_ns);
        struct tree_spot spot = tree_spot(tree, observation->pid, time_ns);
        if (process) {
                /* an exec by another thread than the first looks like an exit before */
                if (observation->type == OBSERVED_EXEC && process->end_ns && time_ns > process->end_ns &&
                        is_newest(tree, process))
                        tree_unend(tree, process);
                return process;
        }
        struct tree_process *owner = spot.owner;
        struct tree_process *newer = spot.newer;
        if (owner && tree_lives_at(owner, time_ns)) {
                if (starts_differ(owner, observation->start_ns))
                        return other_start(tree, observation, time_ns, owner);
                process = owner;
        } else if (newer && !starts_differ(newer, observation->start_ns) &&
                   (!newer->fork_seen || is_near(newer->first_ns, time_ns, newer->fork_source, observation->source))) {
                process = newer;
                if (!newer->fork_seen)
                        set_first(tree, newer, time_ns);
        } else if (owner && owner->exit_seen && !starts_differ(owner, observation->start_ns) &&
                   is_near(owner->end_ns, time_ns, owner->exit_source, observation->source)) {
                process = owner;
        } else if (owner && !newer && !owner->exit_seen && !starts_differ(owner, observation->start_ns)) {
                tree_unend(tree, owner); /* it was only taken for ended */
                process = owner;
        } else {
                return make_repaired(tree, observation, time_ns, spot);
        }
        adopt_start(process, observation->start_ns);
        if (!process->parent && !process->fork_seen) {
                note_parent(tree, process, observation->ppid, time_ns);
                if (process->parent)
                        tree_inherit(tree, process);
        }
        return process;
}

/* --- forks ------------------------------------------------------------------------------------------------------- */

static void complete(struct tree *tree, struct tree_process *process, const struct observation *observation,
        struct tree_process *parent, int64_t time_ns)
{
        if (process->repaired) {
                process->repaired = false;
                tree->counters.repaired--;
                tree->counters.reordered++;
        }
        process->fork_seen = true;
        process->fork_source = observation->source;
        adopt_start(process, observation->start_ns);
        set_first(tree, process, time_ns);
        if (!parent)
                return;
        set_parent(tree, process, parent);
        copy_program(tree, process, parent);
        tree_inherit(tree, process);
}

/* The process whose fork this is, when something of it is known already. */
static struct tree_process *known_fork(const struct tree *tree, const struct observation *observation, int64_t time_ns,
        struct tree_spot spot, bool *ret_duplicate)
{
        struct tree_process *process = find_start(tree, observation->pid, observation->start_ns);
        *ret_duplicate = false;
        if (process) {
                *ret_duplicate = process->fork_seen;
                return process;
        }
        struct tree_process *both[] = { spot.owner, spot.newer };
        for (size_t i = 0; i < 2; i++) {
                process = both[i];
                if (!process || starts_differ(process, observation->start_ns) ||
                        !is_near(process->first_ns, time_ns, process->fork_source, observation->source))
                        continue;
                if (process->fork_seen && process->fork_source != SOURCE_PROC && process->parent &&
                        (pid_t)tree_at(tree, process->parent)->pid != observation->ppid)
                        continue;
                *ret_duplicate = process->fork_seen;
                return process;
        }
        if (spot.owner && !spot.owner->fork_seen && spot.owner->first_ns == time_ns)
                return spot.owner;
        bool exit_between = spot.owner && spot.owner->exit_seen && spot.owner->end_ns > time_ns;
        if (spot.newer && !spot.newer->fork_seen && !exit_between &&
                !starts_differ(spot.newer, observation->start_ns) && !spot.newer->start_ns)
                return spot.newer;
        return NULL;
}

struct tree_process *tree_forked(
        struct tree *tree, const struct observation *observation, int64_t time_ns, bool *ret_new)
{
        struct tree_spot spot = tree_spot(tree, observation->pid, time_ns);
        bool duplicate;
        struct tree_process *process = known_fork(tree, observation, time_ns, spot, &duplicate);
        *ret_new = !duplicate;
        if (duplicate) {
                tree->counters.duplicates++;
                adopt_start(process, observation->start_ns);
                if (process->fork_source != SOURCE_PROC || observation->ppid <= 0)
                        return process;
        }
        struct tree_process *parent =
                observation->ppid > 0 && observation->ppid < TREE_PID_MAX && observation->ppid != observation->pid
                        ? tree_resolve_parent(tree, observation->ppid, time_ns)
                        : NULL;
        if (process) {
                if (spot.owner && spot.owner != process && (!spot.owner->end_ns || spot.owner->end_ns > time_ns))
                        tree_end(tree, spot.owner, time_ns);
                /* what /proc told of its start is as good, but the forker is known only now */
                complete(tree, process, observation, parent, duplicate ? process->first_ns : time_ns);
                return process;
        }
        if (spot.owner && (!spot.owner->end_ns || spot.owner->end_ns > time_ns)) {
                tree->counters.pid_reused += !spot.owner->end_ns;
                process = cut(tree, spot.owner, time_ns, time_ns);
        } else {
                process = begin(tree, observation->pid, time_ns);
        }
        complete(tree, process, observation, parent, time_ns);
        tree_propagate(tree, process, 0); /* children that came with the cut had theirs from another */
        return process;
}

/* --- exits ------------------------------------------------------------------------------------------------------- */

/* Is something known of the process that happened after this time? Returns the earliest of it; 0 for nothing. */
static int64_t done_after(const struct tree *tree, const struct tree_process *process, int64_t time_ns)
{
        int64_t earliest = 0;
        int64_t acts[] = { process->exec_ns, process->cgroup_ns, process->end_ns };
        for (size_t i = 0; i < 3; i++)
                if (acts[i] > time_ns && (!earliest || acts[i] < earliest))
                        earliest = acts[i];
        uint32_t first = process->self ? process->child : 0;
        for (uint32_t at = first ? tree_at(tree, first)->previous : 0; at;) {
                const struct tree_process *child = tree_at(tree, at);
                if (child->first_ns <= time_ns)
                        break;
                if (!earliest || child->first_ns < earliest)
                        earliest = child->first_ns;
                at = at == first ? 0 : child->previous;
        }
        return earliest;
}

/* The process ended at time_ns. What it is known to have done after that was another one's of its pid. */
static struct tree_process *end_seen(
        struct tree *tree, struct tree_process *process, const struct observation *observation, int64_t time_ns)
{
        bool several = (tree->sources & (tree->sources - 1)) != 0;
        int64_t after = process->self ? done_after(tree, process, time_ns + (several ? TREE_JITTER_NS : 0)) : 0;
        if (process->end_ns && !process->exit_seen && after == process->end_ns)
                after = 0; /* an end that was only assumed */
        if (after) {
                struct tree_process *later = cut(tree, process, time_ns, after);
                mark_repaired(tree, later);
                tree_propagate(tree, later, 0);
                tree->counters.reordered++;
        }
        process->exit_seen = true;
        process->exit_source = observation->source;
        adopt_start(process, observation->start_ns);
        tree_end(tree, process, time_ns);
        return process;
}

static struct tree_process *told_twice(struct tree *tree)
{
        tree->counters.duplicates++;
        return NULL;
}

struct tree_process *tree_exited(struct tree *tree, const struct observation *observation, int64_t time_ns)
{
        struct tree_process *process = find_start(tree, observation->pid, observation->start_ns);
        if (process)
                return process->exit_seen ? told_twice(tree) : end_seen(tree, process, observation, time_ns);
        struct tree_spot spot = tree_spot(tree, observation->pid, time_ns);
        if (spot.owner && tree_lives_at(spot.owner, time_ns) && starts_differ(spot.owner, observation->start_ns))
                return end_seen(tree, other_start(tree, observation, time_ns, spot.owner), observation, time_ns);
        struct tree_process *owner =
                spot.owner && !starts_differ(spot.owner, observation->start_ns) ? spot.owner : NULL;
        struct tree_process *newer =
                spot.newer && !starts_differ(spot.newer, observation->start_ns) ? spot.newer : NULL;
        if (owner && owner->exit_seen &&
                (owner->end_ns == time_ns || is_near(owner->end_ns, time_ns, owner->exit_source, observation->source)))
                return told_twice(tree);
        if (owner && tree_lives_at(owner, time_ns))
                return end_seen(tree, owner, observation, time_ns);
        if (newer && !newer->exit_seen && is_near(newer->first_ns, time_ns, newer->fork_source, observation->source))
                return end_seen(tree, newer, observation, time_ns);
        if (owner && !owner->exit_seen && !newer)
                return end_seen(tree, owner, observation, time_ns);
        process = make_repaired(tree, observation, time_ns, spot);
        return end_seen(tree, process, observation, time_ns);
}

/* --- /proc ------------------------------------------------------------------------------------------------------- */

struct tree_process *tree_seen(struct tree *tree, const struct observation *observation, int64_t time_ns)
{
        struct tree_process *process = find_start(tree, observation->pid, observation->start_ns);
        if (process) {
                if (process->end_ns && !process->exit_seen && is_newest(tree, process))
                        tree_unend(tree, process);
        } else {
                struct tree_spot spot = tree_spot(tree, observation->pid, time_ns);
                if (spot.owner && !spot.owner->end_ns && !starts_differ(spot.owner, observation->start_ns)) {
                        process = spot.owner;
                        adopt_start(process, observation->start_ns);
                } else if (spot.owner && !spot.owner->end_ns && observation->start_ns < spot.owner->start_ns) {
                        return NULL; /* older than what is known to have its pid now */
                } else {
                        bool repaired = first_by_start(tree, observation->start_ns, time_ns) > tree->begun_ns;
                        process = spot.owner && !spot.owner->end_ns
                                          ? other_start(tree, observation, time_ns, spot.owner)
                                          : make_repaired(tree, observation, time_ns, spot);
                        process->fork_seen = true; /* its start is known, nothing older is expected of it */
                        process->fork_source = SOURCE_PROC;
                        if (!repaired && process->repaired) {
                                process->repaired = false;
                                tree->counters.repaired--;
                        }
                        return process;
                }
        }
        if (!process->parent && observation->ppid > 0) {
                note_parent(tree, process, observation->ppid, time_ns);
                tree_inherit(tree, process);
        }
        return process;
}
