/* One sample of one container: which readers are asked, and what is kept between two of them. */
#include "modules/metrics/collect/collect_internal.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>
#include <sys/stat.h>

static const int64_t FILESYSTEMS_NS = 10 * SECOND;
enum { FILESYSTEM_SHAPE = 8 }; /* bytes beside its texts in a sample's shape, at most */
static const int64_t NAMESPACE_NS = MINUTE;
enum { NEIGHBOURS_MAX = 256 };
/* A sample that the clock was set back before counts as just after the one before it: no time to divide by. */
static const int64_t RATE_MIN_NS = MILLISECOND;

void registry_read_filesystems(struct registry *registry)
{
        int64_t now_ns = loop_now_ns(registry->loop);
        if (registry->filesystems_ns && now_ns - registry->filesystems_ns < FILESYSTEMS_NS)
                return;
        registry->filesystems_ns = now_ns ? now_ns : 1;
        arena_done(&registry->filesystems_arena);
        registry->filesystems = NULL;
        registry->filesystem_count = 0;
        if (machine_filesystems_read(registry->options->root, NULL, &registry->machine, &registry->filesystems_arena,
                    &registry->filesystems, &registry->filesystem_count, NULL) < 0)
                registry->counters.housekeeping_failed++;
}

/* As cAdvisor computes cpu_inst: none when a counter fell or the CPUs changed. */
static bool rate(uint64_t from, uint64_t to, int64_t time_ns, uint64_t *ret)
{
        if (to < from)
                return false;
        *ret = (uint64_t)((double)(to - from) / (double)time_ns * 1e9);
        return true;
}

static bool rates_between(const struct container_stats *from, struct container_stats *to, uint64_t *per_cpu)
{
        const struct cgroup_cpu *a = &from->cgroup.cpu;
        const struct cgroup_cpu *b = &to->cgroup.cpu;
        int64_t time_ns = to->time_ns - from->time_ns;
        if (!from->cgroup.has_cpu || !to->cgroup.has_cpu || time_ns < RATE_MIN_NS ||
                a->per_cpu_count != b->per_cpu_count || !rate(a->total_ns, b->total_ns, time_ns, &to->rate_total) ||
                !rate(a->user_ns, b->user_ns, time_ns, &to->rate_user) ||
                !rate(a->system_ns, b->system_ns, time_ns, &to->rate_system))
                return false;
        for (size_t i = 0; i < b->per_cpu_count; i++)
                if (!rate(a->per_cpu_ns[i], b->per_cpu_ns[i], time_ns, &per_cpu[i]))
                        return false;
        return true;
}

void sample_rates(const struct container_stats *before, struct container_stats *stats, uint64_t *per_cpu)
{
        struct container_stats with = *stats;
        if (!rates_between(before, &with, per_cpu))
                return;
        *stats = with;
        stats->has_rate = true;
        stats->rate_per_cpu = per_cpu;
        stats->rate_per_cpu_count = stats->cgroup.cpu.per_cpu_count;
}

/* ---- processes ---- */

static pid_t first_process(int dir)
{
        char text[32];
        cleanup(fd_close) int fd = openat(dir, "cgroup.procs", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
        struct sv rest = sv_n(text, n > 0 ? (size_t)n : 0);
        struct sv line;
        uint64_t pid = 0;
        if (!sv_line(&rest, &line) || !sv_parse_u64(line, 10, &pid) || pid > INT32_MAX)
                return 0;
        return (pid_t)pid;
}

/* Only a group that others are below is looked through. */
pid_t sample_find_process(struct container *container, const struct cgroup_dirs *dirs)
{
        struct registry *registry = container->registry;
        int64_t now_ns = loop_now_ns(registry->loop);
        size_t index;
        if (container->pid_ns && container->pid_ns == now_ns)
                return container->pid;
        container->pid_ns = now_ns;
        container->pid = 0;
        for (size_t i = 0; i < registry->mounts.count && !container->pid; i++)
                if (dirs->dirs[i] >= 0)
                        container->pid = first_process(dirs->dirs[i]);
        if (!container->pid && find_name(&registry->nodes, sv_n(container->name, container->name_size), &index) &&
                end_of_descendants(&registry->nodes, index) > index + 1)
                container->pid = cgroup_some_process(&registry->mounts, dirs);
        return container->pid;
}

unsigned sample_group_flags(const struct registry *registry)
{
        static const struct {
                enum metric_kind kind;
                unsigned flags;
        } table[] = {
                { METRIC_CPU, CGROUP_READ_CPU },
                { METRIC_PERCPU, CGROUP_READ_PER_CPU },
                { METRIC_MEMORY, CGROUP_READ_MEMORY },
                { METRIC_MEMORY_NUMA, CGROUP_READ_NUMA },
                { METRIC_DISK_IO, CGROUP_READ_IO },
                { METRIC_HUGETLB, CGROUP_READ_HUGE },
                { METRIC_PROCESS, CGROUP_READ_PIDS },
                { METRIC_PRESSURE, CGROUP_READ_PRESSURE },
                { METRIC_CPUSET, CGROUP_READ_CPUSET },
        };
        unsigned flags = 0;
        for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
                flags |= registry_collects(registry, table[i].kind) ? table[i].flags : 0;
        return flags | (registry->options->memory_events ? CGROUP_READ_SWAP_EVENTS : 0);
}

static unsigned network_flags(const struct registry *registry)
{
        return (registry_collects(registry, METRIC_NETWORK) ? NET_READ_INTERFACES : 0) |
               (registry_collects(registry, METRIC_TCP) ? NET_READ_TCP : 0) |
               (registry_collects(registry, METRIC_UDP) ? NET_READ_UDP : 0) |
               (registry_collects(registry, METRIC_ADVTCP) ? NET_READ_ADVANCED : 0);
}

static unsigned task_flags(const struct registry *registry)
{
        unsigned of_process = TASK_READ_PROCESSES | TASK_READ_FILES | TASK_READ_SOCKETS | TASK_READ_THREADS;
        return (registry_collects(registry, METRIC_PROCESS) ? of_process : 0) |
               (registry_collects(registry, METRIC_SCHED) ? TASK_READ_SCHEDSTAT : 0) |
               (registry_collects(registry, METRIC_REFERENCED_MEMORY) ? TASK_READ_REFERENCED : 0);
}

/* Of a pod the sandbox alone; of all others who have a network of their own. Groups inside one that is read already
 * have the same network. */
bool sample_has_network(const struct container *container)
{
        if (container_is_root(container))
                return true;
        if (container->engine != CONTAINER_NONE)
                return !container->shares_network;
        return container->own_network;
}

static bool is_inside_network(const struct container *container)
{
        const struct registry *registry = container->registry;
        struct sv name = sv_n(container->name, container->name_size);
        for (name = path_dir(name); name.n > 1; name = path_dir(name)) {
                size_t index;
                if (find_name(&registry->visible, name, &index) && sample_has_network(registry->visible.items[index]))
                        return true;
        }
        return false;
}

/* The network namespace of a process; 0: it is gone, or not to be seen. */
static ino_t network_of(const struct registry *registry, pid_t pid)
{
        char path[64];
        struct stat namespace;
        snprintf(path, sizeof(path), "%d/ns/net", (int)pid);
        return fstatat(registry->options->proc, path, &namespace, 0) == 0 ? namespace.st_ino : 0;
}

struct neighbours {
        const struct registry *registry;
        ino_t namespace;
        unsigned left; /* to be looked at */
        bool mixed;
};

static int look_at_neighbour(pid_t pid, void *cookie)
{
        struct neighbours *neighbours = cookie;
        ino_t namespace = network_of(neighbours->registry, pid);
        neighbours->mixed = namespace && namespace != neighbours->namespace;
        return neighbours->mixed || --neighbours->left == 0;
}

/* Are there processes of several networks in the group? */
static bool is_mixed(const struct container *container, const struct cgroup_dirs *dirs, ino_t namespace)
{
        const struct registry *registry = container->registry;
        struct neighbours neighbours = { .registry = registry, .namespace = namespace, .left = NEIGHBOURS_MAX };
        cgroup_each_process(&registry->mounts, dirs, look_at_neighbour, &neighbours);
        return neighbours.mixed;
}

/* Does a plain group live in a network of its own? It may begin with such processes and get others. One process of a
 * session or a slice that was put into another network makes that network not the group's. */
static void look_at_namespace(struct container *container, const struct cgroup_dirs *dirs)
{
        struct registry *registry = container->registry;
        int64_t now_ns = loop_now_ns(registry->loop);
        if (container->netns_ns && now_ns < container->netns_ns)
                return;
        container->netns_ns = now_ns + (container->netns_ns ? NAMESPACE_NS : SECOND);
        sample_find_process(container, dirs);
        ino_t namespace = container->pid > 0 && registry->host_netns ? network_of(registry, container->pid) : 0;
        container->own_network = false;
        if (namespace && namespace != registry->host_netns && !is_inside_network(container))
                container->own_network = !is_mixed(container, dirs, namespace);
}

static void read_network(
        struct container *container, const struct cgroup_dirs *dirs, struct arena *arena, struct container_stats *stats)
{
        struct registry *registry = container->registry;
        unsigned flags = network_flags(registry);
        if (container_is_root(container))
                container->pid = 1;
        else if (container->engine == CONTAINER_NONE)
                look_at_namespace(container, dirs);
        if (!sample_has_network(container) || !flags)
                return;
        if (!container_is_root(container))
                sample_find_process(container, dirs);
        stats->has_net = container->pid > 0 &&
                         net_stats_read(registry->options->proc, container->pid, flags, arena, &stats->net, NULL) == 0;
}

static void read_load(struct container *container, const struct cgroup_dirs *dirs, struct container_stats *stats)
{
        struct registry *registry = container->registry;
        if (!registry->options->load_reader || !registry_collects(registry, METRIC_CPU_LOAD))
                return;
        const struct taskstats_socket *socket = registry->has_taskstats ? &registry->taskstats : NULL;
        if (task_load_read(socket, registry->options->proc, &registry->mounts, dirs, &stats->load, NULL) < 0)
                return;
        stats->has_load = true;
        container->load = task_load_average(container->load, stats->load.running, container->interval_ns);
        container->load_d = task_load_average(container->load_d, stats->load.uninterruptible, container->interval_ns);
        stats->load_average = (int32_t)(container->load * 1000);
        stats->load_d_average = (int32_t)(container->load_d * 1000);
}

static void take_memory_changes(struct cgroup_memory *memory, const struct cgroup_memory *read)
{
        const struct cgroup_memory before = *memory;
        *memory = *read;
        memory->max_usage = before.max_usage > read->usage ? before.max_usage : read->usage;
        memory->failcnt = before.failcnt;
        if (!memory->kernel)
                memory->kernel = before.kernel;
        memory->events_low = before.events_low;
        memory->events_high = before.events_high;
        memory->events_max = before.events_max;
        memory->events_oom = before.events_oom;
        memory->events_oom_kill = before.events_oom_kill;
        memory->events_oom_group_kill = before.events_oom_group_kill;
        memory->swap_events_high = before.swap_events_high;
        memory->swap_events_max = before.swap_events_max;
        memory->swap_events_fail = before.swap_events_fail;
        memory->nodes = before.nodes;
        memory->node_count = before.node_count;
        memory->hierarchical_nodes = before.hierarchical_nodes;
        memory->hierarchical_node_count = before.hierarchical_node_count;
}

/* Is there I/O though nothing ran: pages are written back, or were, or are swapped out? */
static bool writes_pages(const struct cgroup_stats *before, const struct cgroup_stats *now)
{
        return !now->has_memory || before->memory.dirty || before->memory.writeback || now->memory.dirty ||
               now->memory.writeback || now->memory.swap != before->memory.swap;
}

static void take_changes(struct cgroup_stats *stats, const struct cgroup_stats *now)
{
        if (now->has_memory)
                take_memory_changes(&stats->memory, &now->memory);
        if (!now->has_pressure)
                return;
        stats->cpu_pressure = now->cpu_pressure;
        stats->memory_pressure = now->memory_pressure;
        stats->io_pressure = now->io_pressure;
}

static int read_group_changes(const struct registry *registry, const struct cgroup_dirs *dirs, struct arena *arena,
        unsigned flags, struct cgroup_stats *stats, struct error *err)
{
        const int root = registry->options->root;
        struct cgroup_stats now;
        struct cgroup_stats io;
        if (cgroup_stats_read(root, &registry->mounts, dirs, false, flags & ~CGROUP_READ_IO, arena, &now, err) < 0)
                return -1;
        if (flags & CGROUP_READ_IO && writes_pages(stats, &now)) {
                if (cgroup_stats_read(root, &registry->mounts, dirs, false, CGROUP_READ_IO, arena, &io, err) < 0)
                        return -1;
                if (io.has_io)
                        memcpy(stats->io, io.io, sizeof(io.io));
        }
        take_changes(stats, &now);
        return 0;
}

int sample_read_changes(
        struct container *container, struct arena *arena, struct container_stats *stats, struct error *err)
{
        struct registry *registry = container->registry;
        const unsigned all = sample_group_flags(registry);
        /* pressure rises too while all processes wait for a device that does not answer */
        const unsigned flags = (all & (CGROUP_READ_PRESSURE | CGROUP_READ_IO)) |
                               (all & CGROUP_READ_MEMORY ? CGROUP_READ_MEMORY_BRIEF : 0);
        struct cgroup_dirs dirs;
        if (flags) {
                if (cgroup_dirs_open_for(
                            registry->options->root, &registry->mounts, container->name, flags, &dirs, err) < 0)
                        return -1;
                int status = read_group_changes(registry, &dirs, arena, flags, &stats->cgroup, err);
                cgroup_dirs_close(&dirs);
                if (status < 0)
                        return -1;
        }
        /* its first process is still there: to end takes CPU time */
        if (stats->has_net && container->pid > 0) {
                struct net_stats net;
                if (net_stats_read(
                            registry->options->proc, container->pid, network_flags(registry), arena, &net, NULL) == 0)
                        stats->net = net;
        }
        return 0;
}

bool container_tasks(const struct container *container, uint64_t *ret)
{
        const struct registry *registry = container->registry;
        const int root = registry->options->root;
        struct cgroup_stats stats = { 0 };
        struct cgroup_dirs dirs;
        struct arena arena;
        if (container_is_root(container) ||
                cgroup_dirs_open_for(root, &registry->mounts, container->name, CGROUP_READ_PIDS, &dirs, NULL) < 0)
                return false;
        arena_init(&arena, CGROUP_STATS_MEMORY);
        bool told =
                cgroup_stats_read(root, &registry->mounts, &dirs, false, CGROUP_READ_PIDS, &arena, &stats, NULL) == 0 &&
                stats.has_pids;
        arena_done(&arena);
        cgroup_dirs_close(&dirs);
        if (told)
                *ret = stats.pids;
        return told;
}

/* As many as one sample has room for beside the rest of it: with thousands of tmpfs the names alone would be too much,
 * and the root group would have no sample at all. They are sorted, so that "/dev/…" are kept. */
static size_t filesystems_that_fit(const struct registry *registry)
{
        size_t bytes = 0;
        for (size_t i = 0; i < registry->filesystem_count; i++) {
                const struct filesystem_stats *filesystem = &registry->filesystems[i];
                bytes += strlen(filesystem->device) + strlen(filesystem->type) + FILESYSTEM_SHAPE;
                if (bytes > PACKED_SHAPE_MAX / 2)
                        return i;
        }
        return registry->filesystem_count;
}

static bool is_hinted(const struct container_hint *hint, const struct filesystem_stats *filesystem)
{
        for (size_t i = 0; filesystem->mount_point && i < hint->mount_count; i++)
                if (strcmp(hint->mounts[i], filesystem->mount_point) == 0)
                        return true;
        return false;
}

/* Those that are mounted where the hint says. */
static void take_hinted_filesystems(struct container *container, struct arena *arena, struct container_stats *stats)
{
        struct registry *registry = container->registry;
        registry_read_filesystems(registry);
        struct filesystem_stats *rows =
                registry->filesystem_count ? arena_array(arena, registry->filesystem_count, sizeof(*rows)) : NULL;
        for (size_t i = 0; rows && i < registry->filesystem_count; i++)
                if (is_hinted(container->hint, &registry->filesystems[i]))
                        rows[stats->filesystem_count++] = registry->filesystems[i];
        stats->filesystems = rows;
        stats->has_filesystems = stats->filesystem_count > 0;
}

int sample_read(struct container *container, const struct cgroup_dirs *dirs, struct arena *arena,
        struct container_stats *ret, struct error *err)
{
        struct registry *registry = container->registry;
        const struct metrics_options *options = registry->options;
        struct container_stats stats = { .health = "" };
        bool root = container_is_root(container);
        if (!(root && options->no_root_stats) && cgroup_stats_read(options->root, &registry->mounts, dirs, root,
                                                         sample_group_flags(registry), arena, &stats.cgroup, err) < 0)
                return -1;
        read_network(container, dirs, arena, &stats);
        unsigned flags = task_flags(registry);
        if (flags)
                stats.has_tasks = task_stats_read(options->proc, &registry->mounts, dirs, flags, &container->history,
                                          arena, &stats.tasks, NULL) == 0;
        read_load(container, dirs, &stats);
        if (root && (registry_collects(registry, METRIC_DISK) || registry_collects(registry, METRIC_DISK_IO))) {
                registry_read_filesystems(registry);
                stats.filesystems = registry->filesystems;
                stats.filesystem_count = filesystems_that_fit(registry);
                registry->counters.refused += registry->filesystem_count - stats.filesystem_count;
                stats.has_filesystems = registry->filesystem_count > 0;
        } else if (sample_has_hinted_mounts(container)) {
                take_hinted_filesystems(container, arena, &stats);
        }
        stats.oom_events = container->oom_events;
        *ret = stats;
        return 0;
}
