/* Kills for want of memory: from the kernel's log, which names victim and limit; where it cannot be read, from the
 * groups' own counters. The victim's command line is gone when the log tells of it; so those of the largest processes
 * of a container that is near its limit are remembered. */
#include "modules/metrics/collect/collect_internal.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "linux/kmsg.h"

#include <fcntl.h>

enum { LARGEST = 2, PROCESSES_MAX = 64, PROCESSES_TEXT = 8192 };
static const int64_t COMMANDS_NS = 5 * SECOND;
static const int64_t REMEMBERED_NS = 2 * MINUTE; /* after that the pid may be another's */

struct oom_watch {
        struct kmsg_reader reader;
        loop_id id;
};

/* ---- command lines ---- */

static void read_command_line(const struct registry *registry, pid_t pid, char *ret, size_t size)
{
        char path[64];
        snprintf(path, sizeof(path), "%d/cmdline", (int)pid);
        cleanup(fd_close) int fd = openat(registry->options->proc, path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
        n = n < 0 ? 0 : n;
        while (n > 0 && ret[n - 1] == '\0')
                n--;
        for (ssize_t i = 0; i < n; i++)
                ret[i] = ret[i] ? ret[i] : ' ';
        ret[n] = '\0';
}

static void remember(struct registry *registry, pid_t pid)
{
        if (!registry->commands && !(registry->commands = calloc(COMMAND_LINES_MAX, sizeof(*registry->commands))))
                return;
        struct command_line *slot = &registry->commands[0];
        for (size_t i = 0; i < COMMAND_LINES_MAX; i++) {
                struct command_line *command = &registry->commands[i];
                if (command->pid == pid) {
                        slot = command;
                        break;
                }
                if (command->seen_ns < slot->seen_ns)
                        slot = command;
        }
        slot->pid = pid;
        slot->seen_ns = registry_unix_ns(registry);
        read_command_line(registry, pid, slot->text, sizeof(slot->text));
}

static const char *command_line_of(const struct registry *registry, pid_t pid, char *buffer, size_t size)
{
        int64_t now_ns = registry_unix_ns(registry);
        read_command_line(registry, pid, buffer, size);
        for (size_t i = 0; !buffer[0] && registry->commands && i < COMMAND_LINES_MAX; i++)
                if (registry->commands[i].pid == pid && now_ns - registry->commands[i].seen_ns < REMEMBERED_NS)
                        return registry->commands[i].text;
        return buffer;
}

/* Resident pages: the second number of statm. */
static uint64_t resident(const struct registry *registry, pid_t pid)
{
        char path[64];
        char text[256];
        snprintf(path, sizeof(path), "%d/statm", (int)pid);
        cleanup(fd_close) int fd = openat(registry->options->proc, path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
        struct sv rest = sv_n(text, n > 0 ? (size_t)n : 0);
        struct sv word;
        uint64_t pages = 0;
        if (sv_word(&rest, &word) && sv_word(&rest, &word))
                sv_parse_u64(word, 10, &pages);
        return pages;
}

static void remember_largest(struct container *container, const struct cgroup_dirs *dirs)
{
        struct registry *registry = container->registry;
        struct {
                pid_t pid;
                uint64_t pages;
        } largest[LARGEST] = { 0 };
        char text[PROCESSES_TEXT];
        int dir = task_group_dir(&registry->mounts, dirs);
        cleanup(fd_close) int fd = dir < 0 ? -1 : openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
        struct sv rest = sv_n(text, n > 0 ? (size_t)n : 0);
        struct sv line;
        for (size_t seen = 0; seen < PROCESSES_MAX && sv_line(&rest, &line); seen++) {
                uint64_t pid;
                if (!sv_parse_u64(line, 10, &pid) || pid == 0 || pid > INT32_MAX)
                        continue;
                uint64_t pages = resident(registry, (pid_t)pid);
                size_t least = 0;
                for (size_t i = 1; i < LARGEST; i++)
                        least = largest[i].pages < largest[least].pages ? i : least;
                if (pages > largest[least].pages) {
                        largest[least].pid = (pid_t)pid;
                        largest[least].pages = pages;
                }
        }
        for (size_t i = 0; i < LARGEST; i++)
                if (largest[i].pid)
                        remember(registry, largest[i].pid);
}

static bool is_near_limit(const struct container *container, const struct container_stats *stats)
{
        const struct cgroup_limits *limits = &container->spec.limits;
        uint64_t limit = limits->memory_limit;
        if (container_is_root(container))
                return false;
        return limits->has_memory && limit > 0 && limit < UINT64_C(1) << 62 &&
               stats->cgroup.memory.working_set / 4 > limit / 5;
}

/* ---- events ---- */

struct before {
        uint64_t *values;
        size_t count, max;
};

static int take_memory(const struct packed *packed, void *cookie)
{
        struct before *before = cookie;
        if (before->count < before->max)
                before->values[before->count++] = packed->values[PACKED_WORKING_SET];
        return 0;
}

static void fill_memory_before(const struct container *container, struct container_event *event)
{
        cleanup(packed_done) struct packed packed;
        struct before before = { .values = event->memory_before,
                .max = sizeof(event->memory_before) / sizeof(*event->memory_before) };
        size_t count = container->ring.count;
        packed_init(&packed);
        ring_each(&container->ring, &packed, INT64_MIN, INT64_MAX, count > before.max ? count - before.max : 0,
                take_memory, &before);
        event->memory_before_count = before.count;
}

static void tell_kill(struct registry *registry, const struct kmsg_oom *oom)
{
        char command_line[EVENT_TEXT_MAX];
        const char *victim_name = oom->task_memcg[0] ? oom->task_memcg : "/";
        const char *limit_name = oom->oom_memcg[0] ? oom->oom_memcg : victim_name;
        struct container *victim = registry_find(registry, sv_of(victim_name));
        struct container *limit = registry_find(registry, sv_of(limit_name));
        registry->counters.oom_lines++;
        struct container_event event = { .time_ns = oom->unix_ns, .kind = EVENT_OOM, .container = limit_name };
        registry_add_event(registry, &event);
        event = (struct container_event){ .time_ns = oom->unix_ns,
                .kind = EVENT_OOM_KILL,
                .container = victim_name,
                .pid = oom->pid,
                .process = oom->process,
                .constraint = oom->constraint,
                .command_line = command_line_of(registry, oom->pid, command_line, sizeof(command_line)) };
        if (victim)
                fill_memory_before(victim, &event);
        if (limit)
                limit->oom_events++;
        if (victim && victim != limit)
                victim->oom_events++;
        registry_add_event(registry, &event);
}

static void kmsg_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct registry *registry = cookie;
        struct kmsg_oom oom;
        struct error err;
        int got;
        (void)events;
        while ((got = kmsg_read_oom(&registry->oom->reader, &oom, &err)) > 0)
                tell_kill(registry, &oom);
        if (got == 0)
                return;
        registry_log(registry, "the kernel's log: %s; the groups' own counters tell of kills", err.message);
        loop_remove(loop, id);
        kmsg_close(&registry->oom->reader);
        free(registry->oom);
        registry->oom = NULL;
}

/* A group's counter holds the kills below it too, so only groups without others below them are told of. */
static bool has_groups_below(const struct container *container)
{
        const container_vec *nodes = &container->registry->nodes;
        size_t index;
        return find_name(nodes, sv_n(container->name, container->name_size), &index) &&
               end_of_descendants(nodes, index) > index + 1;
}

static void compare_counter(struct container *container, uint64_t kills)
{
        struct registry *registry = container->registry;
        uint64_t told = container->oom_kills_told;
        bool known = container->oom_known;
        container->oom_kills_told = kills;
        container->oom_known = true;
        if (!known || kills <= told)
                return;
        container->oom_events += kills - told;
        if (container_is_root(container) || has_groups_below(container))
                return;
        struct container_event event = {
                .time_ns = registry_unix_ns(registry), .kind = EVENT_OOM, .container = container->name
        };
        registry_add_event(registry, &event);
        event.kind = EVENT_OOM_KILL;
        event.process = event.constraint = "";
        fill_memory_before(container, &event);
        registry_add_event(registry, &event);
}

void oom_note_sample(struct container *container, const struct container_stats *stats, const struct cgroup_dirs *dirs)
{
        struct registry *registry = container->registry;
        if (!registry_collects(registry, METRIC_OOM_EVENT))
                return;
        if (!registry->oom && stats->cgroup.has_memory)
                compare_counter(container, stats->cgroup.memory.events_oom_kill);
        int64_t now_ns = loop_now_ns(registry->loop);
        if (!is_near_limit(container, stats) || (container->commands_ns && now_ns < container->commands_ns))
                return;
        container->commands_ns = now_ns + COMMANDS_NS;
        remember_largest(container, dirs);
}

int oom_start(struct registry *registry, struct error *err)
{
        struct error why;
        if (registry->seams.no_kmsg || !registry_collects(registry, METRIC_OOM_EVENT))
                return 0;
        registry->oom = calloc(1, sizeof(*registry->oom));
        if (!registry->oom)
                return fail(err, E_NO_MEMORY, "no memory for the kernel's log");
        if (kmsg_open(registry->options->root, "dev/kmsg", &registry->oom->reader, &why) < 0) {
                registry_log(registry, "%s; the groups' own counters tell of kills", why.message);
                free(registry->oom);
                registry->oom = NULL;
                return 0;
        }
        return loop_add_fd(registry->loop, registry->oom->reader.fd, LOOP_READ, LOOP_LEVEL, kmsg_ready, registry,
                &registry->oom->id, err);
}

void oom_stop(struct registry *registry)
{
        if (!registry->oom)
                return;
        loop_remove(registry->loop, registry->oom->id);
        kmsg_close(&registry->oom->reader);
        free(registry->oom);
        registry->oom = NULL;
}
