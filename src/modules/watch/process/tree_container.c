/* The tables of control groups and containers. A group is known by its text, which processes share; a container by its
 * id. Both are counted references: a group goes with its last process, a container some time after its stop, so that
 * its name is there when its engine starts it again. */
#include "modules/watch/process/tree_internal.h"

#include "base/timefmt.h"

/* --- groups ------------------------------------------------------------------------------------------------------ */

static bool path_is_mute(struct sv path)
{
        return path.n == 0 || sv_eq(path, SV("/")) || sv_starts(path, SV("/.."));
}

static bool text_is_mute(struct sv text)
{
        struct sv line;
        while (sv_line(&text, &line)) {
                const char *first = memchr(line.p, ':', line.n);
                const char *second = first ? memchr(first + 1, ':', line.n - (size_t)(first + 1 - line.p)) : NULL;
                if (second && !path_is_mute(sv_n(second + 1, line.n - (size_t)(second + 1 - line.p))))
                        return false;
        }
        return true;
}

static uint32_t cgroup_slot(struct tree *tree)
{
        uint32_t slot = tree->free_cgroup;
        if (slot) {
                tree->free_cgroup = tree->cgroups[slot].next_free;
                return slot;
        }
        if (tree->cgroup_count == tree->cgroup_capacity) {
                size_t capacity = tree->cgroup_capacity ? tree->cgroup_capacity * 2 : 16;
                if (capacity > TREE_CGROUPS_MAX) {
                        tree->counters.refused++;
                        return 0;
                }
                struct tree_cgroup *grown = tree_memory(
                        tree, tree->cgroups, tree->cgroup_capacity * sizeof(*grown), capacity * sizeof(*grown));
                if (!grown)
                        return 0;
                tree->cgroups = grown;
                tree->cgroup_capacity = capacity;
        }
        tree->cgroup_count += tree->cgroup_count == 0; /* slot 0 is none */
        return (uint32_t)tree->cgroup_count++;
}

uint32_t tree_cgroup_get(struct tree *tree, struct sv text)
{
        text = sv_trim(text);
        struct text *key = tree_text(tree, text);
        if (!key)
                return 0;
        uint32_t index = key->tag;
        if (index) {
                tree_text_unref(tree, key); /* the entry has one */
                return index;
        }
        index = cgroup_slot(tree);
        if (!index) {
                tree_text_unref(tree, key);
                return 0;
        }
        bool path = text.p[0] == '/';
        struct container_identity identity;
        bool contained = path ? container_identify_path(text, &identity) : container_identify(text, &identity);
        struct tree_cgroup made = { .text = key, .helper = contained && identity.helper };
        made.mute = !contained && (path ? path_is_mute(text) : text_is_mute(text));
        made.unit = tree_text(tree, sv_of(identity.unit));
        if (contained && identity.id[0])
                made.container = tree_container_get(tree, identity.engine, sv_of(identity.id));
        if (made.container) {
                struct container_entry *container = &tree->containers[made.container];
                container->refs++;
                if (!container->pod)
                        container->pod = tree_text(tree, sv_of(identity.pod));
        }
        key->tag = index & 0x7fff;
        tree->cgroups[index] = made;
        return index;
}

void tree_cgroup_drop(struct tree *tree, uint32_t cgroup)
{
        struct tree_cgroup *entry = &tree->cgroups[cgroup];
        if (!cgroup || entry->refs)
                return;
        if (entry->container)
                tree->containers[entry->container].refs--;
        entry->text->tag = 0;
        tree_text_unref(tree, entry->text);
        tree_text_unref(tree, entry->unit);
        *entry = (struct tree_cgroup){ .next_free = tree->free_cgroup };
        tree->free_cgroup = cgroup;
}

void tree_set_cgroup(struct tree *tree, struct tree_process *process, uint32_t cgroup)
{
        uint32_t old = process->cgroup;
        if (old == cgroup)
                return;
        if (cgroup)
                tree->cgroups[cgroup].refs++;
        process->cgroup = (uint16_t)cgroup;
        if (old) {
                tree->cgroups[old].refs--;
                tree_cgroup_drop(tree, old);
        }
}

/* --- containers -------------------------------------------------------------------------------------------------- */

/* An id of 64 digits is one container whoever names it; names are their engine's. */
static struct text *key_of(struct tree *tree, enum container_engine engine, struct sv id)
{
        char key[CONTAINER_ID_MAX + 32];
        bool unique = id.n == 64;
        for (size_t i = 0; i < id.n && unique; i++)
                unique = (id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'f');
        int n = snprintf(key, sizeof(key), "\1%s\1%.*s", unique ? "" : container_engine_name(engine), SV_ARG(id));
        return n > 0 && (size_t)n < sizeof(key) ? tree_text(tree, sv_n(key, (size_t)n)) : NULL;
}

/* How exact an engine is: a path may tell only that something is a container. */
static int exactness(enum container_engine engine)
{
        return engine == CONTAINER_OCI || engine == CONTAINER_NONE ? 0 : engine == CONTAINER_KUBERNETES ? 1 : 2;
}

static void forget(struct tree *tree, uint32_t index)
{
        struct container_entry *container = &tree->containers[index];
        container->key->tag = 0;
        struct text *texts[] = { container->key, container->id, container->name, container->image, container->pod };
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                tree_text_unref(tree, texts[i]);
        *container = (struct container_entry){ 0 };
        tree->counters.containers--;
}

static bool is_idle(const struct container_entry *container)
{
        return container->used && !container->refs && !container->started && !container->waiting;
}

/* A free slot: a new one, else that of the idle one that has been so for longest. */
static uint32_t container_slot(struct tree *tree)
{
        uint32_t oldest = 0;
        for (uint32_t i = 1; i < tree->container_count; i++) {
                const struct container_entry *container = &tree->containers[i];
                if (!container->used)
                        return i;
                if (is_idle(container) && (!oldest || container->empty_ns < tree->containers[oldest].empty_ns))
                        oldest = i;
        }
        if (tree->container_count == tree->container_capacity) {
                size_t capacity = tree->container_capacity ? tree->container_capacity * 2 : 16;
                struct container_entry *grown = NULL;
                if (capacity <= TREE_CONTAINERS_MAX)
                        grown = tree_memory(tree, tree->containers, tree->container_capacity * sizeof(*grown),
                                capacity * sizeof(*grown));
                if (!grown) {
                        if (oldest)
                                forget(tree, oldest);
                        else
                                tree->counters.refused++;
                        return oldest;
                }
                tree->containers = grown;
                tree->container_capacity = capacity;
        }
        tree->container_count += tree->container_count == 0;
        return (uint32_t)tree->container_count++;
}

uint32_t tree_container_get(struct tree *tree, enum container_engine engine, struct sv id)
{
        struct text *key = id.n ? key_of(tree, engine, id) : NULL;
        if (!key)
                return 0;
        uint32_t index = key->tag;
        if (index) {
                tree_text_unref(tree, key);
                struct container_entry *known = &tree->containers[index];
                if (exactness(engine) > exactness(known->engine))
                        known->engine = engine;
                return index;
        }
        index = container_slot(tree);
        struct text *name = index ? tree_text(tree, id) : NULL;
        if (!name) {
                tree_text_unref(tree, key);
                return 0;
        }
        key->tag = index & 0x7fff;
        tree->containers[index] = (struct container_entry){ .engine = engine,
                .key = key,
                .id = name,
                .first_ns = tree->time_ns,
                .empty_ns = tree->time_ns,
                .used = true };
        tree->counters.containers++;
        return index;
}

static enum container_engine engine_of(struct sv name)
{
        for (int i = CONTAINER_DOCKER; i < CONTAINER_ENGINES; i++)
                if (sv_eq(name, sv_of(container_engine_name((enum container_engine)i))))
                        return (enum container_engine)i;
        return sv_eq(name, SV("nspawn")) ? CONTAINER_NSPAWN : sv_eq(name, SV("crio")) ? CONTAINER_CRIO : CONTAINER_OCI;
}

/* A group whose path names no container is this one's: the runtime's state file says so (plain runc). What is there
 * already is in it too; the entry waits for the observation behind this one when nobody is. */
static void claim_cgroup(struct tree *tree, struct sv text, uint32_t index)
{
        uint32_t cgroup = text.n ? tree_cgroup_get(tree, text) : 0;
        if (!cgroup || tree->cgroups[cgroup].container || tree->cgroups[cgroup].helper)
                return;
        tree->cgroups[cgroup].container = index;
        tree->cgroups[cgroup].mute = false;
        tree->containers[index].refs++;
        for (size_t i = 1; tree->cgroups[cgroup].refs && i < tree->slab_count * TREE_SLAB; i++) {
                struct tree_process *process = tree_at(tree, (uint32_t)i);
                if (process->used && process->cgroup == cgroup && !process->end_ns)
                        tree_set_container(
                                tree, process, index, process->cgroup_ns ? ATTRIBUTION_CGROUP : ATTRIBUTION_INHERITED);
        }
}

void tree_container_name(struct tree *tree, const struct observation *observation)
{
        uint32_t index = tree_container_get(tree, engine_of(observation->operation), observation->object);
        if (!index)
                return;
        struct container_entry *container = &tree->containers[index];
        tree_text_set(tree, &container->name, observation->path);
        tree_text_set(tree, &container->image, observation->path2);
        claim_cgroup(tree, observation->cgroup, index);
}

static void wait_for_stop(struct tree *tree, uint32_t index, struct tree_process *process, int64_t empty_ns)
{
        struct container_entry *container = &tree->containers[index];
        container->last = process->self;
        container->empty_ns = empty_ns;
        if (container->waiting)
                return;
        container->waiting = true;
        container->next = 0;
        if (tree->empty_last)
                tree->containers[tree->empty_last].next = index;
        else
                tree->empty_first = index;
        tree->empty_last = index;
}

static void entered(struct tree *tree, struct tree_process *process, bool living)
{
        uint32_t index = process->container;
        if (!index || !process->self)
                return;
        struct container_entry *container = &tree->containers[index];
        container->processes += living;
        if (!container->started) {
                container->started = true;
                container->pid = (pid_t)process->pid;
                container->first_ns = tree->time_ns;
                tree_emit_container(tree, index, process, true, tree->time_ns);
        }
        if (!living && !container->processes)
                wait_for_stop(tree, index, process, process->end_ns);
}

static void left(struct tree *tree, struct tree_process *process, int64_t time_ns)
{
        if (!process->container || !process->self)
                return;
        struct container_entry *container = &tree->containers[process->container];
        if (--container->processes == 0)
                wait_for_stop(tree, process->container, process, time_ns);
}

void tree_container_left(struct tree *tree, struct tree_process *process)
{
        left(tree, process, process->end_ns);
}

void tree_container_entered(struct tree *tree, struct tree_process *process)
{
        entered(tree, process, true);
}

void tree_set_container(struct tree *tree, struct tree_process *process, uint32_t index, enum attribution how)
{
        process->attribution = index ? how : ATTRIBUTION_NONE;
        uint32_t old = process->container;
        if (old == index)
                return;
        if (index)
                tree->containers[index].refs++;
        if (!process->end_ns)
                left(tree, process, tree->time_ns);
        if (old && tree->containers[old].last == process->self)
                tree->containers[old].last = 0; /* it went elsewhere: nobody to name at the stop */
        process->container = (uint16_t)index;
        entered(tree, process, !process->end_ns);
        if (old)
                tree->containers[old].refs--;
}

void tree_set_lineage(struct tree *tree, struct tree_process *process, uint32_t index)
{
        if (index)
                tree->containers[index].refs++;
        if (process->lineage)
                tree->containers[process->lineage].refs--;
        process->lineage = (uint16_t)index;
}

void tree_set_before(struct tree *tree, struct tree_process *process, uint32_t index)
{
        if (index)
                tree->containers[index].refs++;
        if (process->container_before)
                tree->containers[process->container_before].refs--;
        process->container_before = (uint16_t)index;
}

static void stop(struct tree *tree, uint32_t index)
{
        struct container_entry *container = &tree->containers[index];
        container->started = false;
        struct tree_process *last = container->last ? tree_at(tree, container->last) : NULL;
        tree_emit_container(tree, index, last, false, container->empty_ns);
}

void tree_container_due(struct tree *tree, struct tree_process *process)
{
        if (!process->container)
                return;
        const struct container_entry *container = &tree->containers[process->container];
        if (container->last == process->self && container->started && !container->processes)
                stop(tree, process->container);
}

void tree_container_lose(struct tree *tree, struct tree_process *process)
{
        if (process->container) {
                struct container_entry *container = &tree->containers[process->container];
                if (process->self && container->last == process->self)
                        container->last = 0;
                container->refs--;
                process->container = 0;
        }
        tree_set_lineage(tree, process, 0);
        tree_set_before(tree, process, 0);
        tree_set_cgroup(tree, process, 0);
}

void tree_container_expire(struct tree *tree, int64_t now_ns)
{
        while (tree->empty_first) {
                uint32_t index = tree->empty_first;
                struct container_entry *container = &tree->containers[index];
                bool empty = container->started && !container->processes;
                if (empty && now_ns - container->empty_ns < tree->options.delete_delay_ns)
                        break;
                tree->empty_first = container->next;
                if (!tree->empty_first)
                        tree->empty_last = 0;
                container->waiting = false;
                if (empty)
                        stop(tree, index);
        }
}

void tree_container_sweep(struct tree *tree, int64_t now_ns)
{
        if (now_ns - tree->swept_ns < SECOND)
                return;
        tree->swept_ns = tree->now_ns; /* now_ns may be the end of time */
        for (uint32_t i = 1; i < tree->container_count; i++)
                if (is_idle(&tree->containers[i]) && now_ns - tree->containers[i].empty_ns > TREE_CONTAINER_KEEP_NS)
                        forget(tree, i);
}

static const char *text_or_null(const struct text *text)
{
        return text ? text->bytes : NULL;
}

void tree_container_fill(const struct tree *tree, uint32_t index, struct event_container *ret)
{
        const struct container_entry *container = &tree->containers[index];
        ret->engine = container_engine_name(container->engine);
        ret->id = text_or_null(container->id);
        ret->name = text_or_null(container->name);
        ret->image = text_or_null(container->image);
        ret->pod = text_or_null(container->pod);
}

void tree_container_done(struct tree *tree)
{
        free(tree->cgroups);
        free(tree->containers);
}
