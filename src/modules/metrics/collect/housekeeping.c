/* When each container is looked at: deadlines in a heap, one timer, turns of a few milliseconds. An interval doubles
 * while nothing changes and falls back when something does. All of it keeps below a share of one CPU: beyond it the
 * next turn waits until what was taken is paid. */
#include "modules/metrics/collect/collect_internal.h"

#include <sys/resource.h>
#include <time.h>

static const int64_t TURN_NS = 4 * MILLISECOND;
static const int64_t STALE_NS = 10 * SECOND; /* what a repeated sample tells is at most so old */
static const int64_t WHOLE_NS = MINUTE;      /* after which all of a group is read, whether anything ran in it or not */
static const int64_t BURST_NS = 10 * SECOND; /* what is saved up of the budget at most */

static int64_t cpu_now_ns(const struct registry *registry)
{
        struct timespec now;
        if (registry->seams.cpu_ns)
                return registry->seams.cpu_ns(registry->seams.cookie);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return now.tv_sec * SECOND + now.tv_nsec;
}

/* xorshift64*: spreads the deadlines, nothing more. */
static double random_share(struct registry *registry)
{
        uint64_t x = registry->random;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        registry->random = x;
        return (double)((x * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

/* ---- the heap ---- */

static void place(container_vec *heap, size_t position, struct container *container)
{
        heap->items[position] = container;
        container->position = (uint32_t)position + 1;
}

static void sift_up(container_vec *heap, size_t position, struct container *container)
{
        while (position > 0 && container->due_ns < heap->items[(position - 1) / 2]->due_ns) {
                place(heap, position, heap->items[(position - 1) / 2]);
                position = (position - 1) / 2;
        }
        place(heap, position, container);
}

static void sift_down(container_vec *heap, size_t position, struct container *container)
{
        for (;;) {
                size_t child = 2 * position + 1;
                if (child >= heap->count)
                        break;
                if (child + 1 < heap->count && heap->items[child + 1]->due_ns < heap->items[child]->due_ns)
                        child++;
                if (heap->items[child]->due_ns >= container->due_ns)
                        break;
                place(heap, position, heap->items[child]);
                position = child;
        }
        place(heap, position, container);
}

static void settle(container_vec *heap, struct container *container)
{
        size_t position = container->position - 1;
        if (position > 0 && container->due_ns < heap->items[(position - 1) / 2]->due_ns)
                sift_up(heap, position, container);
        else
                sift_down(heap, position, container);
}

/* ---- the timer ---- */

static void housekeeping_next(struct container *container);

static int64_t debt_ns(const struct registry *registry, int64_t now_ns)
{
        double paid = (double)(now_ns - registry->cpu_debt_at_ns) * registry->options->cpu_budget;
        int64_t left = registry->cpu_debt_ns - (int64_t)paid;
        return left > 0 ? left : 0;
}

static void wake_at_next(struct registry *registry)
{
        int64_t next_ns = registry->heap.count ? registry->heap.items[0]->due_ns : LOOP_NEVER;
        double budget = registry->options->cpu_budget;
        int64_t now_ns = loop_now_ns(registry->loop);
        int64_t beyond_ns = debt_ns(registry, now_ns) - (int64_t)(budget * (double)BURST_NS);
        if (budget > 0 && beyond_ns > 0 && next_ns != LOOP_NEVER) {
                int64_t paid_ns = now_ns + (int64_t)((double)beyond_ns / budget);
                if (paid_ns > next_ns) {
                        next_ns = paid_ns;
                        registry->counters.housekeeping_late++;
                }
        }
        loop_rearm_timer_at(registry->loop, registry->housekeeping_timer, next_ns);
}

static void housekeeping_due(struct loop *loop, loop_id id, void *cookie)
{
        struct registry *registry = cookie;
        int64_t now_ns = loop_now_ns(loop);
        int64_t until_ns = time_monotonic_ns() + TURN_NS;
        (void)id;
        while (registry->heap.count && registry->heap.items[0]->due_ns <= now_ns) {
                struct container *container = registry->heap.items[0];
                bool first = container->ring.count == 0; /* new ones are not made to wait for their figures */
                int64_t before_ns = cpu_now_ns(registry);
                housekeeping_next(container);
                int64_t taken_ns = cpu_now_ns(registry) - before_ns;
                registry->counters.housekeeping_ns += (uint64_t)taken_ns;
                if (!first && registry->options->cpu_budget > 0) {
                        registry->cpu_debt_ns = debt_ns(registry, now_ns) + taken_ns;
                        registry->cpu_debt_at_ns = now_ns;
                }
                if (time_monotonic_ns() >= until_ns)
                        break;
        }
        wake_at_next(registry);
}

int housekeeping_start(struct registry *registry, struct error *err)
{
        struct rlimit files;
        registry->probes_max = REGISTRY_PROBES_MAX;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 2 < registry->probes_max)
                registry->probes_max = (size_t)files.rlim_cur / 2;
        registry->cpu_debt_at_ns = loop_now_ns(registry->loop);
        return loop_add_timer_at(
                registry->loop, LOOP_NEVER, 0, housekeeping_due, registry, &registry->housekeeping_timer, err);
}

void housekeeping_add(struct container *container)
{
        struct registry *registry = container->registry;
        double splay = registry->options->splay > 0 ? registry->options->splay : 0;
        container->due_ns = loop_now_ns(registry->loop) +
                            (int64_t)(random_share(registry) * splay * (double)container->interval_ns);
        if (!vec_add(&registry->heap, REGISTRY_CONTAINERS_MAX)) {
                registry->counters.refused++;
                return;
        }
        sift_up(&registry->heap, registry->heap.count - 1, container);
        if (container->position == 1)
                wake_at_next(registry);
}

void housekeeping_remove(struct container *container)
{
        container_vec *heap = &container->registry->heap;
        if (!container->position)
                return;
        size_t position = container->position - 1;
        struct container *last = heap->items[--heap->count];
        container->position = 0;
        if (last == container)
                return;
        last->position = (uint32_t)position + 1;
        settle(heap, last);
}

void housekeeping_soon(struct container *container)
{
        struct registry *registry = container->registry;
        int64_t soon_ns = loop_now_ns(registry->loop) + SECOND;
        if (!container->position || container->due_ns <= soon_ns)
                return;
        container->due_ns = soon_ns;
        settle(&registry->heap, container);
        wake_at_next(registry);
}

static int64_t following_interval(const struct container *container, bool same)
{
        const struct metrics_options *options = container->registry->options;
        int64_t interval_ns = options->interval_ns > 0 ? options->interval_ns : SECOND;
        if (options->dynamic && same) {
                interval_ns = container->interval_ns * 2;
                if (interval_ns > options->max_interval_ns)
                        interval_ns = options->max_interval_ns > container->interval_ns ? options->max_interval_ns
                                                                                        : container->interval_ns;
        }
        return interval_ns;
}

static void set_next(struct container *container, bool same)
{
        struct registry *registry = container->registry;
        const struct metrics_options *options = registry->options;
        int64_t interval_ns = following_interval(container, same);
        container->interval_ns = interval_ns;
        double jitter = options->jitter > 0 ? options->jitter : 0;
        container->due_ns = loop_now_ns(registry->loop) + interval_ns +
                            (int64_t)(random_share(registry) * jitter * (double)interval_ns);
        if (container->position)
                settle(&registry->heap, container);
}

/* ---- one container ---- */

void keep_below_memory_limit(struct registry *registry)
{
        uint64_t limit = registry->options->memory_limit;
        while (limit && registry->memory > limit) {
                struct container *largest = NULL;
                vec_foreach (container, &registry->heap)
                        if ((*container)->ring.oldest && (!largest || (*container)->ring.bytes > largest->ring.bytes))
                                largest = *container;
                if (!largest)
                        break;
                registry->memory -= largest->ring.bytes;
                registry->counters.samples_dropped += ring_drop_oldest(&largest->ring);
                registry->memory += largest->ring.bytes;
        }
}

static void keep_rates(struct container *container, struct container_stats *stats)
{
        size_t count = stats->cgroup.cpu.per_cpu_count;
        struct container_stats before = { .time_ns = container->latest_ns };
        uint64_t *per_cpu = container->per_cpu;
        bool fresh = count != container->per_cpu_count;
        if (fresh) {
                per_cpu = count ? reallocarray(container->per_cpu, 2 * count, sizeof(*per_cpu)) : NULL;
                if (count && !per_cpu)
                        return;
                if (!count)
                        free(container->per_cpu);
                container->per_cpu = per_cpu;
                container->per_cpu_count = (uint32_t)count;
        }
        before.cgroup.has_cpu = container->had_cpu;
        before.cgroup.cpu = (struct cgroup_cpu){ .total_ns = container->last_total,
                .user_ns = container->last_user,
                .system_ns = container->last_system,
                .per_cpu_ns = per_cpu ? per_cpu + count : NULL,
                .per_cpu_count = count };
        if (container->latest_ns && !fresh)
                sample_rates(&before, stats, per_cpu);
        container->has_rate = stats->has_rate;
        container->rate_total = stats->rate_total;
        container->rate_user = stats->rate_user;
        container->rate_system = stats->rate_system;
        container->had_cpu = stats->cgroup.has_cpu;
        container->last_total = stats->cgroup.cpu.total_ns;
        container->last_user = stats->cgroup.cpu.user_ns;
        container->last_system = stats->cgroup.cpu.system_ns;
        if (count && per_cpu)
                memcpy(per_cpu + count, stats->cgroup.cpu.per_cpu_ns, count * sizeof(*per_cpu));
}

/* The clock may be set back: by a little, then the sample counts as just after the one before; by more, then what is
 * kept is of a time that is not over yet and goes. */
static int64_t sample_time_ns(struct container *container)
{
        struct registry *registry = container->registry;
        int64_t now_ns = registry_unix_ns(registry);
        if (now_ns > container->latest_ns)
                return now_ns;
        if (container->latest_ns - now_ns < SECOND)
                return container->latest_ns + 1;
        registry->memory -= container->ring.bytes;
        registry->counters.samples_dropped += container->ring.count;
        ring_done(&container->ring);
        container->latest_ns = 0;
        return now_ns;
}

static int note_kept(struct container *container, int64_t time_ns, struct error *err)
{
        struct registry *registry = container->registry;
        const struct metrics_options *options = registry->options;
        /* the minute under way is what the summary is made of */
        int64_t span_ns = options->storage_ns > 2 * MINUTE ? options->storage_ns : 2 * MINUTE;
        ring_expire(&container->ring, time_ns - span_ns);
        return summary_note(&container->summary, time_ns, &container->ring, &registry->scratch.before, err);
}

static int keep(struct container *container, struct container_stats *stats, bool *ret_same, struct error *err)
{
        struct registry *registry = container->registry;
        size_t before = container->ring.bytes + container->summary.bytes;
        int kept = ring_add(&container->ring, &registry->scratch, stats, ret_same, err);
        if (kept == 0)
                kept = note_kept(container, stats->time_ns, err);
        registry->memory += container->ring.bytes + container->summary.bytes - before;
        keep_below_memory_limit(registry);
        return kept;
}

static int take_sample(struct container *container, const struct cgroup_dirs *dirs, struct arena *arena, bool *ret_same,
        struct error *err)
{
        struct registry *registry = container->registry;
        struct container_stats stats;
        identity_look_up(container, dirs);
        limits_look_up(container, dirs, arena);
        if (sample_read(container, dirs, arena, &stats, err) < 0)
                return -1;
        container->spec.has_network = sample_has_network(container);
        oom_note_sample(container, &stats, dirs);
        stats.oom_events = container->oom_events;
        stats.time_ns = sample_time_ns(container);
        if (keep(container, &stats, ret_same, err) < 0)
                return -1;
        keep_rates(container, &stats);
        container->latest_ns = stats.time_ns;
        registry->counters.samples++;
        if (registry->hooks.sampled)
                registry->hooks.sampled(container, &stats, registry->hooks.cookie);
        return 0;
}

void housekeeping_drop_probe(struct container *container)
{
        if (container->probe.fd < 0)
                return;
        cgroup_probe_close(&container->probe);
        container->registry->probes--;
}

/* The CPU time just before a sample is read. The file is opened when a group stood still between two samples. */
static void probe_before_reading(struct container *container)
{
        struct registry *registry = container->registry;
        uint64_t total;
        bool idle = container->has_rate && container->rate_total == 0;
        container->read_ns = container->whole_ns = loop_now_ns(registry->loop);
        container->has_probed = false;
        if (container->probe.fd < 0 && idle && registry->probes < registry->probes_max &&
                !container_is_root(container) && !registry->options->load_reader &&
                registry_collects(registry, METRIC_CPU) &&
                cgroup_probe_open(
                        registry->options->root, &registry->mounts, container->name, &container->probe, NULL) == 0)
                registry->probes++;
        if (container->probe.fd < 0)
                return;
        if (cgroup_probe_read(&container->probe, &total, NULL) < 0) {
                housekeeping_drop_probe(container);
                return;
        }
        container->probed = total;
        container->has_probed = true;
}

/* Of all hierarchies only when limits are read or a process is looked for. */
static int open_dirs(const struct container *container, struct cgroup_dirs *ret, struct error *err)
{
        const struct registry *registry = container->registry;
        int root = registry->options->root;
        int64_t now_ns = loop_now_ns(registry->loop);
        bool looks_at_namespace = container->engine == CONTAINER_NONE && now_ns >= container->netns_ns;
        if (identity_is_due(container, now_ns) || looks_at_namespace)
                return cgroup_dirs_open(root, &registry->mounts, container->name, ret, err);
        return cgroup_dirs_open_for(root, &registry->mounts, container->name, sample_group_flags(registry), ret, err);
}

static int housekeeping_do(struct container *container, struct error *err)
{
        struct registry *registry = container->registry;
        struct cgroup_dirs dirs;
        struct arena arena;
        bool same = false;
        probe_before_reading(container);
        arena_init(&arena, REGISTRY_SAMPLE_MEMORY);
        int taken = open_dirs(container, &dirs, err);
        if (taken == 0) {
                taken = take_sample(container, &dirs, &arena, &same, err);
                cgroup_dirs_close(&dirs);
        }
        arena_done(&arena);
        if (taken < 0) {
                container->has_probed = false;
                registry->counters.housekeeping_failed++;
        }
        set_next(container, same);
        return taken;
}

/* ---- repeating ---- */

/* May the newest sample stand for what is now, and for all the time until the next one? */
static bool may_repeat(const struct container *container)
{
        const struct registry *registry = container->registry;
        int64_t now_ns = loop_now_ns(registry->loop);
        double jitter = registry->options->jitter > 0 ? registry->options->jitter : 0;
        int64_t next_ns = (int64_t)((double)following_interval(container, true) * (1 + jitter));
        uint64_t total;
        return container->has_probed && container->has_rate && now_ns - container->read_ns + next_ns <= STALE_NS &&
               !identity_is_due(container, now_ns) && registry_unix_ns(registry) > container->latest_ns &&
               cgroup_probe_read(&container->probe, &total, NULL) == 0 && total == container->probed;
}

static bool ran_nothing(const struct container *container)
{
        uint64_t total;
        return container->has_probed && cgroup_probe_read(&container->probe, &total, NULL) == 0 &&
               total == container->probed;
}

bool housekeeping_stands_still(const struct container *container)
{
        return loop_now_ns(container->registry->loop) - container->read_ns <= STALE_NS && ran_nothing(container);
}

static void tell_repeated(const struct container *container)
{
        const struct registry *registry = container->registry;
        const struct registry_hooks *hooks = &registry->hooks;
        struct container_stats stats;
        struct arena arena;
        if (!hooks->sampled || (hooks->wants_repeated && !hooks->wants_repeated(hooks->cookie)))
                return;
        arena_init(&arena, REGISTRY_SAMPLE_MEMORY);
        if (container_latest(container, &arena, &stats))
                hooks->sampled(container, &stats, hooks->cookie);
        arena_done(&arena);
}

static void rates_are_zero(struct container *container)
{
        container->rate_total = container->rate_user = container->rate_system = 0;
        if (container->per_cpu)
                memset(container->per_cpu, 0, container->per_cpu_count * sizeof(*container->per_cpu));
}

static int repeat(struct container *container, int64_t time_ns)
{
        struct registry *registry = container->registry;
        size_t before = container->ring.bytes + container->summary.bytes;
        int kept = ring_repeat(&container->ring, time_ns, NULL);
        if (kept == 0)
                kept = note_kept(container, time_ns, NULL);
        registry->memory += container->ring.bytes + container->summary.bytes - before;
        if (kept < 0)
                return -1;
        keep_below_memory_limit(registry);
        container->latest_ns = time_ns;
        rates_are_zero(container);
        registry->counters.samples++;
        registry->counters.samples_repeated++;
        tell_repeated(container);
        set_next(container, true);
        return 0;
}

/* When its time has come: the sample before stands for this one too, or another is read. */
static void housekeeping_next(struct container *container)
{
        if (!may_repeat(container) || repeat(container, registry_unix_ns(container->registry)) < 0)
                housekeeping_do(container, NULL);
}

/* The sample before, with what is read anew in it. */
static int glance(struct container *container, struct arena *arena, bool *ret_same, struct error *err)
{
        struct registry *registry = container->registry;
        struct container_stats stats;
        rates_are_zero(container); /* of the sample that is told */
        if (!container_latest(container, arena, &stats))
                return fail(err, E_NOT_FOUND, "no sample");
        if (sample_read_changes(container, arena, &stats, err) < 0)
                return -1;
        stats.time_ns = sample_time_ns(container);
        if (keep(container, &stats, ret_same, err) < 0)
                return -1;
        container->latest_ns = stats.time_ns;
        registry->counters.samples++;
        if (registry->hooks.sampled)
                registry->hooks.sampled(container, &stats, registry->hooks.cookie);
        return 0;
}

int housekeeping_glance(struct container *container, bool *ret, struct error *err)
{
        struct registry *registry = container->registry;
        const int64_t now_ns = loop_now_ns(registry->loop);
        struct arena arena;
        bool same = false;
        *ret = container->whole_ns && now_ns - container->whole_ns < WHOLE_NS && container->has_rate &&
               !names_are_due(container, now_ns) && !sample_has_hinted_mounts(container) && ran_nothing(container);
        if (!*ret)
                return 0;
        int64_t before_ns = cpu_now_ns(registry);
        arena_init(&arena, REGISTRY_SAMPLE_MEMORY);
        container->read_ns = now_ns;
        int taken = glance(container, &arena, &same, err);
        arena_done(&arena);
        if (taken < 0)
                registry->counters.housekeeping_failed++;
        set_next(container, same);
        registry->counters.housekeeping_ns += (uint64_t)(cpu_now_ns(registry) - before_ns);
        return taken;
}

int housekeeping_now(struct container *container, struct error *err)
{
        struct registry *registry = container->registry;
        int64_t before_ns = cpu_now_ns(registry);
        int done = housekeeping_do(container, err);
        registry->counters.housekeeping_ns += (uint64_t)(cpu_now_ns(registry) - before_ns);
        return done;
}
