#include "modules/metrics/collect/collect_internal.h"

#include "base/cleanup.h"

#include <stdarg.h>
#include <sys/random.h>
#include <sys/stat.h>

void registry_log(const struct registry *registry, const char *format, ...)
{
        char text[1024];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args); /* NOLINT(clang-analyzer-valist.Uninitialized): it was started */
        va_end(args);
        if (registry->hooks.log)
                registry->hooks.log(text, registry->hooks.cookie);
}

/* ---- the machine ---- */

static int read_machine(struct registry *registry, struct error *err)
{
        struct arena arena;
        struct machine machine;
        const struct machine_places places = {
                .machine_id_files = registry->options->machine_id_files,
                .boot_id_files = registry->options->boot_id_files,
        };
        arena_init(&arena, MACHINE_MEMORY);
        if (machine_read(registry->options->root, &places, &arena, &machine, err) < 0) {
                arena_done(&arena);
                return -1;
        }
        arena_done(&registry->machine_arena);
        registry->machine_arena = arena;
        registry->machine = machine;
        /* the file systems' figures point into the machine that went */
        registry->filesystem_count = 0;
        registry->filesystems_ns = 0;
        return 0;
}

static void machine_due(struct loop *loop, loop_id id, void *cookie)
{
        struct registry *registry = cookie;
        struct error err;
        (void)loop, (void)id;
        if (read_machine(registry, &err) < 0)
                registry_log(registry, "reading the machine: %s", err.message);
}

const struct machine *registry_machine(const struct registry *registry)
{
        return &registry->machine;
}

/* ---- one container ---- */

struct container *container_new(struct registry *registry, struct sv name, struct error *err)
{
        struct container *container =
                calloc(1, sizeof(*container) + registry->watched_room * sizeof(*container->watches));
        if (container)
                container->name = strndup(name.p, name.n);
        if (!container || !container->name) {
                free(container);
                return fail_null(err, E_NO_MEMORY, "no memory for a control group");
        }
        deletions_tell_before(registry, name);
        container->name_size = (uint32_t)name.n;
        container->registry = registry;
        container->ref = (struct container_ref){ .name = container->name, .id = "", .name_space = "" };
        container->spec.image = "";
        container->interval_ns = registry->options->interval_ns;
        container->load = container->load_d = -1;
        container->probe.fd = -1;
        container->hint = hints_find(&registry->hints, name);
        identity_begin(container);
        if (insert_container(&registry->nodes, container, err) < 0)
                goto refuse;
        if (!container->hidden && insert_container(&registry->visible, container, err) < 0) {
                remove_container(&registry->nodes, container);
                goto refuse;
        }
        if (!container->hidden) {
                registry->counters.created++;
                housekeeping_add(container);
        }
        return container;
refuse:
        registry->counters.refused++;
        free(container->texts);
        free(container->name);
        free(container);
        return NULL;
}

static void container_free(struct container *container)
{
        struct registry *registry = container->registry;
        registry->memory -= container->ring.bytes + container->summary.bytes;
        ring_done(&container->ring);
        summary_done(&container->summary);
        housekeeping_drop_probe(container);
        task_history_done(&container->history);
        free(container->per_cpu);
        free(container->cpu_mask);
        free(container->texts);
        free(container->name);
        free(container);
}

void container_end(struct container *container)
{
        struct registry *registry = container->registry;
        remove_container(&registry->nodes, container);
        if (!container->hidden) {
                remove_container(&registry->visible, container);
                housekeeping_remove(container);
                registry->counters.deleted++;
                deletion_tell(container);
                if (registry->hooks.deleted)
                        registry->hooks.deleted(container, registry->hooks.cookie);
        }
        container_free(container);
}

const struct container_ref *container_ref(const struct container *container)
{
        return &container->ref;
}

const struct container_identity *container_identity(const struct container *container)
{
        struct container_identity *identity = &container->registry->identity;
        container_identify_path(sv_n(container->name, container->name_size), identity);
        if (container->engine != CONTAINER_NONE && identity->engine != container->engine) {
                identity->engine = container->engine;
                snprintf(identity->id, sizeof(identity->id), "%s", container->ref.id);
        }
        return identity;
}

int64_t container_last_seen_ns(const struct container *container)
{
        return container->latest_ns;
}

pid_t container_pid(const struct container *container)
{
        return container->pid;
}

bool container_is_root(const struct container *container)
{
        return container->name_size == 1;
}

/* ---- samples ---- */

/* What the rate of one sample follows from. */
struct passing {
        int (*each)(const struct container_stats *stats, void *cookie);
        void *cookie;
        struct arena arena;
        struct container_stats before; /* its arrays are per_cpu alone, copied */
        uint64_t *per_cpu, *rates;
        bool has_before;
};

static int keep_for_rate(struct passing *passing, const struct container_stats *stats)
{
        size_t count = stats->cgroup.cpu.per_cpu_count;
        if (!passing->has_before || passing->before.cgroup.cpu.per_cpu_count != count) {
                uint64_t *memory = realloc(passing->per_cpu, (2 * count + 1) * sizeof(*memory));
                if (!memory)
                        return -1;
                passing->per_cpu = memory;
                passing->rates = memory + count;
        }
        passing->before = *stats;
        passing->before.cgroup.cpu.per_cpu_ns = passing->per_cpu;
        if (count)
                memcpy(passing->per_cpu, stats->cgroup.cpu.per_cpu_ns, count * sizeof(*passing->per_cpu));
        passing->has_before = true;
        return 0;
}

static int pass_sample(const struct packed *packed, void *cookie)
{
        struct passing *passing = cookie;
        struct container_stats stats;
        arena_done(&passing->arena);
        if (packed_put_together(packed, &passing->arena, &stats, NULL) < 0)
                return -1;
        if (passing->has_before && passing->before.cgroup.cpu.per_cpu_count == stats.cgroup.cpu.per_cpu_count)
                sample_rates(&passing->before, &stats, passing->rates);
        int stop = passing->each(&stats, passing->cookie);
        return stop ? stop : keep_for_rate(passing, &stats);
}

int container_samples(const struct container *container, size_t max, int64_t start_ns, int64_t end_ns,
        int (*each)(const struct container_stats *stats, void *cookie), void *cookie)
{
        /* chunks go as a whole, so there may be some that are older than was asked to keep */
        int64_t kept_ns = container->latest_ns - container->registry->options->storage_ns;
        start_ns = start_ns > kept_ns ? start_ns : kept_ns;
        end_ns = end_ns ? end_ns : INT64_MAX;
        size_t count = max ? ring_count(&container->ring, start_ns, end_ns) : 0;
        if (count == 0)
                return 0;
        cleanup(packed_done) struct packed packed;
        packed_init(&packed);
        struct passing passing = { .each = each, .cookie = cookie };
        arena_init(&passing.arena, REGISTRY_SAMPLE_MEMORY);
        int result = ring_each(
                &container->ring, &packed, start_ns, end_ns, count > max ? count - max : 0, pass_sample, &passing);
        arena_done(&passing.arena);
        free(passing.per_cpu);
        return result;
}

bool container_latest(const struct container *container, struct arena *arena, struct container_stats *ret)
{
        cleanup(packed_done) struct packed packed;
        packed_init(&packed);
        if (!ring_latest(&container->ring, &packed))
                return false;
        struct packed kept = packed;
        char *copy = arena_alloc(arena, packed.shape.len + 1);
        if (!copy)
                return false;
        memcpy(copy, buf_text(&packed.shape), packed.shape.len);
        kept.shape.data = copy; /* texts of the sample point into it */
        if (packed_put_together(&kept, arena, ret, NULL) < 0)
                return false;
        ret->has_rate = container->has_rate;
        ret->rate_total = container->rate_total;
        ret->rate_user = container->rate_user;
        ret->rate_system = container->rate_system;
        ret->rate_per_cpu = container->has_rate ? container->per_cpu : NULL;
        ret->rate_per_cpu_count = container->has_rate ? container->per_cpu_count : 0;
        return true;
}

bool container_summary(const struct container *container, struct container_summary *ret)
{
        struct arena arena;
        struct container_stats stats;
        arena_init(&arena, REGISTRY_SAMPLE_MEMORY);
        bool any = container_latest(container, &arena, &stats);
        if (any) {
                *ret = (struct container_summary){ .time_ns = stats.time_ns,
                        .latest_cpu = stats.has_rate ? stats.rate_total / 1000000 : 0,
                        .latest_memory = stats.cgroup.memory.working_set,
                        .minute = container->summary.minute };
                summary_derive(&container->summary, &ret->hour, &ret->day);
        }
        arena_done(&arena);
        return any;
}

static bool is_recent(const struct registry *registry, const struct container *container, int64_t max_age_ns)
{
        const int64_t now_ns = registry_unix_ns(registry);
        const int64_t age_ns = now_ns - container->latest_ns;
        return container->latest_ns == now_ns || (container->latest_ns && age_ns >= 0 && age_ns <= max_age_ns);
}

int registry_refresh(struct registry *registry, struct container *container, int64_t max_age_ns, struct error *err)
{
        return is_recent(registry, container, max_age_ns) ? 0 : housekeeping_now(container, err);
}

int64_t container_read_ns(const struct container *container)
{
        return container->read_ns;
}

int registry_look(
        struct registry *registry, struct container *container, int64_t max_age_ns, bool *ret_still, struct error *err)
{
        bool glanced = false;
        *ret_still = housekeeping_stands_still(container);
        if (*ret_still || is_recent(registry, container, max_age_ns))
                return 0;
        int status = housekeeping_glance(container, &glanced, err);
        return glanced ? status : housekeeping_now(container, err);
}

/* ---- events ---- */

void registry_add_event(struct registry *registry, struct container_event *event)
{
        struct error err;
        const char **const texts[] = { &event->process, &event->constraint, &event->command_line };
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                *texts[i] = *texts[i] ? *texts[i] : "";
        registry->counters.events++;
        if (event_store_add(&registry->events, event, registry_unix_ns(registry), &err) < 0)
                registry_log(registry, "an event is lost: %s", err.message);
        if (registry->hooks.event)
                registry->hooks.event(event, registry->hooks.cookie);
}

int registry_events(const struct registry *registry, const struct event_query *query,
        int (*each)(const struct container_event *event, void *cookie), void *cookie)
{
        return event_store_ask(&registry->events, query, registry_unix_ns(registry), each, cookie);
}

/* ---- the whole ---- */

void registry_count_all(const struct registry *registry, struct registry_counters *ret)
{
        *ret = registry->counters;
        ret->containers = registry->visible.count;
        ret->samples_bytes = registry->memory;
        ret->events_dropped = registry->events.dropped;
        ret->watches = registry->watches.count;
}

static void read_boot_and_namespace(struct registry *registry)
{
        struct stat self;
        registry->boot_unix_ns = time_boot_unix_ns();
        if (fstatat(registry->options->proc, "self/ns/net", &self, 0) == 0)
                registry->host_netns = self.st_ino;
        if (getrandom(&registry->random, sizeof(registry->random), GRND_NONBLOCK) < 0 || !registry->random)
                registry->random = (uint64_t)time_monotonic_ns() | 1;
}

static bool reads_filesystems(const struct metrics_options *options)
{
        return options->kinds & (1u << METRIC_DISK | 1u << METRIC_DISK_IO);
}

struct registry *registry_new_with(const struct metrics_options *options, struct loop *loop,
        const struct registry_hooks *hooks, const struct registry_seams *seams, struct error *err)
{
        struct registry *registry = calloc(1, sizeof(*registry));
        if (!registry)
                return fail_null(err, E_NO_MEMORY, "no memory for the containers");
        registry->options = options;
        registry->loop = loop;
        registry->hooks = hooks ? *hooks : (struct registry_hooks){ 0 };
        registry->seams = *seams;
        registry->inotify = registry->exits_inotify = -1;
        arena_init(&registry->mounts_arena, 4 << 20);
        arena_init(&registry->machine_arena, MACHINE_MEMORY);
        arena_init(&registry->filesystems_arena, 4 << 20);
        arena_init(&registry->hints_arena, HINTS_MEMORY);
        ring_scratch_init(&registry->scratch);
        event_store_init(&registry->events, options);
        read_boot_and_namespace(registry);
        registry->has_taskstats = options->load_reader && taskstats_open(&registry->taskstats, NULL) == 0;
        if (reads_filesystems(options) &&
                hints_read(options->container_hints, &registry->hints_arena, &registry->hints, err) < 0)
                goto failed;
        if (read_machine(registry, err) < 0 || housekeeping_start(registry, err) < 0 ||
                discovery_start(registry, err) < 0 || oom_start(registry, err) < 0)
                goto failed;
        if (options->machine_interval_ns > 0 &&
                loop_add_timer(loop, options->machine_interval_ns, options->machine_interval_ns, machine_due, registry,
                        &registry->machine_timer, err) < 0)
                goto failed;
        return registry;
failed:
        registry_free(registry);
        return NULL;
}

struct registry *registry_new(
        const struct metrics_options *options, struct loop *loop, const struct registry_hooks *hooks, struct error *err)
{
        return registry_new_with(options, loop, hooks, &(struct registry_seams){ 0 }, err);
}

void registry_free(struct registry *registry)
{
        if (!registry)
                return;
        oom_stop(registry);
        deletions_forget(registry);
        exits_forget(registry);
        discovery_stop(registry);
        loop_remove(registry->loop, registry->machine_timer);
        loop_remove(registry->loop, registry->housekeeping_timer);
        vec_foreach (container, &registry->nodes)
                container_free(*container);
        vec_done(&registry->nodes);
        vec_done(&registry->visible);
        vec_done(&registry->heap);
        ring_scratch_done(&registry->scratch);
        event_store_done(&registry->events);
        if (registry->has_taskstats)
                taskstats_close(&registry->taskstats);
        free(registry->commands);
        arena_done(&registry->mounts_arena);
        arena_done(&registry->machine_arena);
        arena_done(&registry->filesystems_arena);
        arena_done(&registry->hints_arena);
        free(registry);
}
