/* Which container a process is in. What is known, the strongest first:
 *      1. the control group it is in, read for this moment: names a container, an engine's own process, or the host;
 *      2. its parent's container at the time of the fork;
 *      3. the lineage: below a shim, past the runtime's own processes, where the group says nothing (it was not read in
 *         time, is the root group, or lies behind a cgroup namespace) or is one that the runtime moved it to.
 * Shims and runtimes are on the host. A program below them that stays in the shim's group is a hook, and on the host
 * too, unless it came from `runc init`, which becomes the container's program by exec, or has a pid namespace of its
 * own. Inside a container the names of programs mean nothing. */
#include "modules/watch/process/tree_internal.h"

static const struct tree_cgroup *cgroup_of(const struct tree *tree, const struct tree_process *process)
{
        return process->cgroup ? &tree->cgroups[process->cgroup] : NULL;
}

/* A program of its own below a shim: the container's, or a hook of the engine's? */
static bool is_payload(const struct tree *tree, const struct tree_process *process, enum tree_role was, bool exact);

/* The part in starting containers goes from parent to child until an exec. True when the process had its program before
 * its parent was known. */
static bool inherit_lineage(struct tree *tree, struct tree_process *process, const struct tree_process *parent)
{
        if (!process->exec_ns) {
                process->role = parent->role;
                tree_set_lineage(tree, process, parent->role == ROLE_NONE ? 0 : parent->lineage);
                return false;
        }
        if (parent->role == ROLE_NONE || process->lineage)
                return false;
        tree_set_lineage(tree, process, parent->lineage);
        return process->lineage && process->role == ROLE_NONE;
}

/* True when something changed. */
static bool inherit(struct tree *tree, struct tree_process *process)
{
        const struct tree_process *parent = tree_at(tree, process->parent);
        if (!process->parent)
                return false;
        uint32_t container = process->container;
        uint32_t lineage = process->lineage;
        uint32_t cgroup = process->cgroup;
        unsigned role = process->role;
        uint32_t before = process->container_before;
        bool late = inherit_lineage(tree, process, parent);
        bool since = !parent->cgroup_ns || process->first_ns >= parent->cgroup_ns;
        uint32_t inherited = since ? parent->container : parent->container_before;
        if (process->cgroup_ns) {
                tree_set_before(tree, process, inherited);
        } else {
                tree_set_cgroup(tree, process, since ? parent->cgroup : 0);
                bool by_itself = process->attribution == ATTRIBUTION_LINEAGE && process->lineage;
                if (inherited || !by_itself)
                        tree_set_container(tree, process, inherited,
                                parent->attribution == ATTRIBUTION_LINEAGE ? ATTRIBUTION_LINEAGE
                                                                           : ATTRIBUTION_INHERITED);
        }
        if (late && !process->container) {
                if (is_payload(tree, process, parent->role, process->cgroup_ns != 0))
                        tree_set_container(tree, process, process->lineage, ATTRIBUTION_LINEAGE);
                else
                        tree_set_lineage(tree, process, 0);
        }
        return container != process->container || lineage != process->lineage || cgroup != process->cgroup ||
               role != process->role || before != process->container_before;
}

void tree_propagate(struct tree *tree, struct tree_process *process, int64_t time_ns)
{
        if (!process->self || !process->child)
                return;
        if (tree_at(tree, tree_at(tree, process->child)->previous)->first_ns < time_ns)
                return;
        struct tree_process *at = tree_at(tree, process->child);
        for (;;) {
                bool since = at->parent != process->self || at->first_ns >= time_ns;
                if (since && inherit(tree, at) && at->child) {
                        at = tree_at(tree, at->child);
                        continue;
                }
                while (at != process && !at->next)
                        at = tree_at(tree, at->parent);
                if (at == process)
                        return;
                at = tree_at(tree, at->next);
        }
}

void tree_inherit(struct tree *tree, struct tree_process *process)
{
        if (inherit(tree, process))
                tree_propagate(tree, process, 0);
}

void tree_cgroup_told(struct tree *tree, struct tree_process *process, struct sv text, int64_t time_ns)
{
        uint32_t index = tree_cgroup_get(tree, text);
        if (!index)
                return;
        if (time_ns < process->cgroup_ns) { /* what it was before, for the children of that time */
                tree_set_before(tree, process, tree->cgroups[index].helper ? 0 : tree->cgroups[index].container);
                tree_cgroup_drop(tree, index);
                return;
        }
        if (process->cgroup_ns && process->cgroup == index)
                return;
        bool known = process->cgroup == index;
        tree_set_before(tree, process, process->container);
        tree_set_cgroup(tree, process, index);
        process->cgroup_ns = time_ns;
        const struct tree_cgroup *cgroup = cgroup_of(tree, process);
        if (cgroup->container && !cgroup->helper) {
                tree_set_container(tree, process, cgroup->container, ATTRIBUTION_CGROUP);
        } else if (cgroup->helper) {
                if (!process->lineage)
                        tree_set_lineage(tree, process, cgroup->container);
                tree_set_container(tree, process, 0, ATTRIBUTION_NONE);
        } else if (!cgroup->mute && process->attribution != ATTRIBUTION_LINEAGE) {
                tree_set_container(tree, process, 0, ATTRIBUTION_NONE);
        }
        if (!known || process->container != process->container_before)
                tree_propagate(tree, process, time_ns);
}

/* The engine's process that is farthest above without another program between: the shim. */
static const struct tree_process *shim_above(const struct tree *tree, const struct tree_process *process)
{
        const struct tree_process *shim = NULL;
        const struct tree_process *at = tree_at(tree, process->parent);
        for (int i = 0; i < 16 && at->self && at->role != ROLE_NONE; i++) {
                shim = at;
                if (at->role == ROLE_SHIM && at->exec_ns)
                        break;
                at = tree_at(tree, at->parent);
        }
        return shim;
}

static bool is_payload(const struct tree *tree, const struct tree_process *process, enum tree_role was, bool exact)
{
        const struct tree_cgroup *cgroup = cgroup_of(tree, process);
        const struct tree_process *shim = shim_above(tree, process);
        if (exact && cgroup && cgroup->helper)
                return false;
        if (was == ROLE_INIT || !exact || !cgroup || cgroup->mute)
                return true;
        if (!shim)
                return false;
        if (shim->pid_namespace && process->pid_namespace && shim->pid_namespace != process->pid_namespace)
                return true;
        return shim->cgroup && shim->cgroup != process->cgroup;
}

/* The container that this engine's process works for, by its arguments. */
static void note_lineage(struct tree *tree, struct tree_process *process, const struct shim *shim)
{
        if (!shim->id.n || (process->lineage && shim->role == ROLE_RUNTIME && shim->id.n != 64))
                return;
        enum container_engine engine = shim->engine;
        if (process->lineage && shim->role == ROLE_RUNTIME)
                engine = tree->containers[process->lineage].engine; /* the shim's: runc serves them all */
        uint32_t container = tree_container_get(tree, engine, shim->id);
        if (container)
                tree_set_lineage(tree, process, container);
}

void tree_program_changed(struct tree *tree, struct tree_process *process, struct sv argv, bool exact)
{
        enum tree_role was = process->role;
        if (process->container && process->attribution != ATTRIBUTION_LINEAGE && was == ROLE_NONE)
                return;
        struct shim shim = { 0 };
        struct text *exe = process->exe;
        struct sv comm = sv_n(process->comm, strnlen(process->comm, sizeof(process->comm)));
        if (!process->container)
                tree_recognise_shim(exe ? sv_n(exe->bytes, exe->length) : SV(""), comm, argv, &shim);
        if (was == ROLE_NONE && shim.role == ROLE_NONE)
                return;
        uint32_t lineage = process->lineage;
        uint32_t container = process->container;
        process->role = shim.role;
        if (shim.role != ROLE_NONE)
                note_lineage(tree, process, &shim);
        else if (process->lineage && !process->container && is_payload(tree, process, was, exact))
                tree_set_container(tree, process, process->lineage, ATTRIBUTION_LINEAGE);
        else if (process->lineage && !process->container)
                tree_set_lineage(tree, process, 0);
        if (was != process->role || lineage != process->lineage || container != process->container)
                tree_propagate(tree, process, process->exec_ns);
}
