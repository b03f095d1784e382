/* Who a group is: by its path at once, by the state files of the engines a little later, since they are written after
 * the group is made. */
#include "modules/metrics/collect/collect_internal.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "linux/container_state.h"
#include "linux/process.h"

#include <ctype.h>

enum {
        LOOKUPS_MAX = 7,         /* the first at once, then after 1, 2, 4 … 32 s */
        LOOKUPS_NAMELESS_MAX = 3 /* of a group that no engine's name is in */
};
/* An engine writes the limits after it made the group, so those of a young one are read again soon. */
static const int64_t LIMITS_NS = 20 * SECOND, LIMITS_YOUNG_NS = SECOND;

static bool in_prefixes(const char *const *prefixes, struct sv text)
{
        for (; prefixes && *prefixes; prefixes++)
                if (sv_starts(text, sv_of(*prefixes)))
                        return true;
        return false;
}

static bool has_prefixes(const char *const *prefixes)
{
        return prefixes && prefixes[0] && prefixes[0][0];
}

/* Made of an image by an engine. Machines (nspawn, LXC) and what builds images are to cAdvisor groups as any other. */
static bool is_of_engine(enum container_engine engine)
{
        return engine == CONTAINER_DOCKER || engine == CONTAINER_CONTAINERD || engine == CONTAINER_PODMAN ||
               engine == CONTAINER_CRIO || engine == CONTAINER_KUBERNETES || engine == CONTAINER_TARSIER ||
               engine == CONTAINER_OCI;
}

/* As cAdvisor's factories decide: engines' containers always; *.mount units never; others unless --docker_only, and
 * only below the prefixes when there are some. */
static bool is_hidden(const struct metrics_options *options, struct sv name, enum container_engine engine)
{
        if (name.n == 1 || is_of_engine(engine))
                return false;
        if (sv_ends(name, SV(".mount")))
                return true;
        if (has_prefixes(options->raw_prefixes))
                return !in_prefixes(options->raw_prefixes, name);
        return options->docker_only;
}

/* One block: the arrays, then the texts. */
struct block {
        char *memory;
        size_t used, size;
};

static const char *put(struct block *block, const char *text)
{
        if (!text)
                return "";
        size_t n = strlen(text) + 1;
        if (n > block->size - block->used)
                return "";
        char *at = block->memory + block->used;
        memcpy(at, text, n);
        block->used += n;
        return at;
}

struct names { /* what is to be kept of a container */
        const char *id, *name, *image;
        struct container_pair labels[CONTAINER_LABELS_MAX], envs[REGISTRY_ENVS_MAX];
        size_t label_count, env_count;
};

static size_t size_of_pairs(const struct container_pair *pairs, size_t count)
{
        size_t size = count * sizeof(*pairs);
        for (size_t i = 0; i < count; i++)
                size += strlen(pairs[i].name) + strlen(pairs[i].value) + 2;
        return size;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct container_pair *)a)->name, ((const struct container_pair *)b)->name);
}

static struct container_pair *put_pairs(
        struct block *block, struct container_pair *array, const struct container_pair *pairs, size_t count)
{
        if (!count)
                return NULL;
        for (size_t i = 0; i < count; i++)
                array[i] = (struct container_pair){ put(block, pairs[i].name), put(block, pairs[i].value) };
        qsort(array, count, sizeof(*array), by_name);
        return array;
}

static int keep_names(struct container *container, const struct names *names)
{
        size_t pairs = (names->label_count + names->env_count) * sizeof(struct container_pair);
        struct block block = { .used = pairs,
                .size = size_of_pairs(names->labels, names->label_count) +
                        size_of_pairs(names->envs, names->env_count) + strlen(names->id) + 1 +
                        (names->name ? strlen(names->name) + 1 : 0) + (names->image ? strlen(names->image) + 1 : 0) };
        if (block.size > REGISTRY_TEXTS_MAX || !(block.memory = calloc(1, block.size)))
                return -1;
        struct container_pair *array = (struct container_pair *)(void *)block.memory;
        struct container_spec *spec = &container->spec;
        struct container_ref *ref = &container->ref;
        ref->id = put(&block, names->id);
        size_t aliases = 0;
        if (names->name && names->name[0])
                container->aliases[aliases++] = put(&block, names->name);
        if (aliases == 0 || strcmp(container->aliases[0], ref->id) != 0)
                container->aliases[aliases++] = ref->id;
        ref->aliases = container->aliases;
        ref->alias_count = aliases;
        ref->name_space = container_engine_name(container->engine);
        spec->image = put(&block, names->image);
        spec->labels = put_pairs(&block, array, names->labels, names->label_count);
        spec->label_count = names->label_count;
        spec->envs = put_pairs(&block, array + names->label_count, names->envs, names->env_count);
        spec->env_count = names->env_count;
        free(container->texts);
        container->texts = block.memory;
        return 0;
}

/* A group that an engine made for a container; what is made inside one is a plain group. */
static bool identify(struct container *container, struct container_identity *ret)
{
        struct sv name = sv_n(container->name, container->name_size);
        struct container_identity parent;
        if (!container_identify_path(name, ret) || ret->helper || !ret->id[0])
                return false;
        return !container_identify_path(path_dir(name), &parent) || parent.engine != ret->engine || parent.helper ||
               strcmp(parent.id, ret->id) != 0;
}

void identity_begin(struct container *container)
{
        struct container_identity identity;
        struct sv name = sv_n(container->name, container->name_size);
        if (identify(container, &identity)) {
                const struct names names = { .id = identity.id };
                container->engine = (uint8_t)identity.engine;
                container->shares_network = identity.pod[0] && identity.engine != CONTAINER_PODMAN;
                if (keep_names(container, &names) < 0)
                        container->registry->counters.refused++;
        }
        container->hidden = is_hidden(container->registry->options, name, container->engine);
        container->lookup_ns = loop_now_ns(container->registry->loop);
}

/* The environment of its first process, only what begins with a prefix of --env_metadata_whitelist; names in small
 * letters, as cAdvisor tells them. */
static void read_environment(const struct registry *registry, pid_t pid, struct arena *arena, struct names *names)
{
        struct process process;
        struct process_arguments environment;
        if (!has_prefixes(registry->options->env_prefixes) || pid <= 0 ||
                process_open(registry->options->root, pid, &process, NULL) < 0)
                return;
        if (process_read_environ(&process, arena, &environment, NULL) == 0) {
                for (size_t i = 0; i < environment.argc && names->env_count < REGISTRY_ENVS_MAX; i++) {
                        char *text = environment.argv[i];
                        char *value = strchr(text, '=');
                        if (!value || !in_prefixes(registry->options->env_prefixes, sv_n(text, (size_t)(value - text))))
                                continue;
                        *value++ = '\0';
                        for (char *c = text; *c; c++)
                                *c = (char)tolower((unsigned char)*c);
                        names->envs[names->env_count++] = (struct container_pair){ text, value };
                }
        }
        process_close(&process);
}

static void take_state(struct container *container, const struct container_state *state, pid_t pid, struct arena *arena)
{
        struct names names = {
                .id = state->id ? state->id : container->ref.id, .name = state->name, .image = state->image
        };
        for (size_t i = 0; i < state->label_count && i < CONTAINER_LABELS_MAX; i++)
                names.labels[names.label_count++] =
                        (struct container_pair){ state->labels[i].name, state->labels[i].value };
        read_environment(container->registry, state->pid > 0 ? state->pid : pid, arena, &names);
        if (container->engine == CONTAINER_KUBERNETES || container->engine == CONTAINER_OCI)
                container->engine = (uint8_t)state->engine;
        exits_watch(container);
        if (state->sandbox)
                container->shares_network = false;
        if (state->created_ns)
                container->spec.created_ns = state->created_ns;
        container->spec.started_ns = state->started_ns ? state->started_ns : container->spec.created_ns;
        if (keep_names(container, &names) < 0)
                container->registry->counters.refused++;
}

/* Groups with a name that runtimes without an engine may have given them; never systemd's own units. */
static bool is_nameless(const struct container *container)
{
        struct sv name = sv_n(container->name, container->name_size);
        return name.n > 1 && !sv_ends(name, SV(".service")) && !sv_ends(name, SV(".slice")) &&
               !sv_ends(name, SV(".socket"));
}

/* A runtime's container whose group is `name` or one above it. */
static int match_path(const struct container_places *places, struct sv name, struct arena *arena,
        struct container_identity *ret_identity, struct container_state *ret)
{
        char text[REGISTRY_NAME_MAX + 8];
        int n = snprintf(text, sizeof(text), "0::%.*s\n", SV_ARG(name));
        return n > 0 && (size_t)n < sizeof(text)
                       ? container_state_match(places, sv_n(text, (size_t)n), arena, ret_identity, ret, NULL)
                       : -1;
}

/* By the group's own path, not by that of a process found in it: that one may be in a container below. */
static int match_state(struct container *container, const struct container_places *places, struct arena *arena,
        struct container_state *ret)
{
        struct sv name = sv_n(container->name, container->name_size);
        struct container_identity identity, above_identity;
        struct container_state above;
        if (match_path(places, name, arena, &identity, ret) < 0)
                return -1;
        if (path_dir(name).n > 1 && match_path(places, path_dir(name), arena, &above_identity, &above) == 0 &&
                above_identity.engine == identity.engine && strcmp(above_identity.id, identity.id) == 0)
                return -1; /* a group inside a container */
        container->engine = (uint8_t)identity.engine;
        if (!ret->id)
                ret->id = arena_strdup(arena, identity.id);
        return 0;
}

static int find_state(struct container *container, pid_t pid, struct arena *arena, struct container_state *ret)
{
        const struct metrics_options *options = container->registry->options;
        const struct container_places places = { .root = options->root, .docker_root = options->docker_root };
        struct container_identity identity;
        if (container->engine == CONTAINER_NONE)
                return pid > 0 && is_nameless(container) ? match_state(container, &places, arena, ret) : -1;
        return identify(container, &identity) ? container_state_find(&places, &identity, pid, arena, ret, NULL) : -1;
}

bool names_are_due(const struct container *container, int64_t now_ns)
{
        unsigned max = container->engine == CONTAINER_NONE ? LOOKUPS_NAMELESS_MAX : LOOKUPS_MAX;
        return container->lookups < max && now_ns >= container->lookup_ns && !container_is_root(container);
}

bool identity_is_due(const struct container *container, int64_t now_ns)
{
        return now_ns >= container->limits_ns || names_are_due(container, now_ns);
}

void identity_look_up(struct container *container, const struct cgroup_dirs *dirs)
{
        struct registry *registry = container->registry;
        int64_t now_ns = loop_now_ns(registry->loop);
        if (!names_are_due(container, now_ns))
                return;
        container->lookup_ns = now_ns + (SECOND << container->lookups);
        container->lookups++;
        struct arena arena;
        struct container_state state;
        arena_init(&arena, CONTAINER_STATE_MEMORY);
        sample_find_process(container, dirs);
        if (find_state(container, container->pid, &arena, &state) == 0) {
                take_state(container, &state, container->pid, &arena);
                /* before the container's program runs, its first process has the runtime's variables */
                if (state.name && (!has_prefixes(registry->options->env_prefixes) || container->spec.env_count > 0))
                        container->lookups = LOOKUPS_MAX;
        }
        arena_done(&arena);
}

void identity_look_again(struct container *container)
{
        struct arena arena;
        struct container_state state;
        if (container->engine == CONTAINER_NONE || container->ref.alias_count == 0)
                return;
        arena_init(&arena, CONTAINER_STATE_MEMORY);
        if (find_state(container, container->pid, &arena, &state) == 0 && state.name &&
                strcmp(state.name, container->ref.aliases[0]) != 0)
                take_state(container, &state, container->pid, &arena);
        arena_done(&arena);
}

void limits_look_up(struct container *container, const struct cgroup_dirs *dirs, struct arena *arena)
{
        struct registry *registry = container->registry;
        struct container_spec *spec = &container->spec;
        int64_t now_ns = loop_now_ns(registry->loop);
        bool root = container_is_root(container);
        if (container->limits_ns && now_ns < container->limits_ns)
                return;
        struct cgroup_limits limits;
        if (cgroup_limits_read(registry->options->root, &registry->mounts, dirs, root, registry->machine.cores, arena,
                    &limits, NULL) < 0)
                return;
        bool young = registry_unix_ns(registry) - spec->created_ns < LIMITS_NS;
        container->limits_ns = now_ns + (young ? LIMITS_YOUNG_NS : LIMITS_NS);
        const char *mask = limits.cpu_mask ? limits.cpu_mask : "";
        if (!container->cpu_mask || strcmp(container->cpu_mask, mask) != 0) {
                free(container->cpu_mask);
                container->cpu_mask = strdup(mask);
        }
        limits.cpu_mask = container->cpu_mask ? container->cpu_mask : "";
        spec->limits = limits;
        spec->has_cpu = limits.has_cpu;
        spec->has_memory = limits.has_memory;
        spec->has_hugetlb = limits.has_huge;
        spec->has_processes = limits.has_pids;
        spec->has_diskio = limits.has_io;
        spec->has_filesystem = root ? registry->machine.filesystem_count > 0 : sample_has_hinted_mounts(container);
}

const struct container_spec *container_spec(const struct container *container)
{
        return &container->spec;
}
