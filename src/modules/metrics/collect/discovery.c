/* Which groups there are. Every directory of the watched hierarchies has an inotify watch, which tells of its children:
 * a watch is set first, then the directory is looked through, so that nothing is made in between unseen. What is seen
 * twice is the same bit set twice. A group is the union of its directories: it begins with the first and ends with the
 * last. No directory is kept open.
 *
 * One inotify instance of its own, not the loop's watches: with nine hierarchies of v1 there are nine watches a group,
 * and theirs cost ten times as much memory. */
#include "modules/metrics/collect/collect_internal.h"

#include "base/cleanup.h"
#include "loop/inotify.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { EVENTS_BUFFER = 64 * 1024, DIRECTORY_BUFFER = 16 * 1024, STEP_NS = 3000000 };
static const uint32_t WATCHED_EVENTS = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ONLYDIR;

/* cAdvisor's controllers, and what containers may be in alone: machines and units on hybrid hosts. */
static bool is_watched(const struct cgroup_hierarchy *hierarchy)
{
        static const char *const names[] = { "cpu", "cpuacct", "memory", "cpuset", "blkio", "pids", "hugetlb",
                "freezer", "name=systemd" };
        struct sv rest = sv_of(hierarchy->controllers);
        struct sv controller;
        if (hierarchy->unified)
                return true;
        while (sv_split(&rest, ',', &controller))
                for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                        if (sv_eq(controller, sv_of(names[i])))
                                return true;
        return false;
}

/* ---- the table of watches ---- */

static size_t place_of(const struct watch_table *table, int32_t wd)
{
        return ((uint32_t)wd * 2654435769u) & (table->size - 1); /* Fibonacci hashing: they count up from 1 */
}

static struct watch_row *find_watch(const struct watch_table *table, int32_t wd)
{
        if (!table->size)
                return NULL;
        size_t i = place_of(table, wd);
        for (; table->rows[i].wd; i = (i + 1) & (table->size - 1))
                if (table->rows[i].wd == wd)
                        return &table->rows[i];
        return NULL;
}

static void put_watch(struct watch_table *table, struct watch_row row)
{
        size_t i = place_of(table, row.wd);
        while (table->rows[i].wd && table->rows[i].wd != row.wd)
                i = (i + 1) & (table->size - 1);
        table->count += table->rows[i].wd == 0;
        table->rows[i] = row;
}

static int resize_watches(struct watch_table *table, size_t size)
{
        struct watch_table larger = { .rows = calloc(size, sizeof(*larger.rows)), .size = size };
        if (!larger.rows)
                return -1;
        for (size_t i = 0; i < table->size; i++)
                if (table->rows[i].wd)
                        put_watch(&larger, table->rows[i]);
        free(table->rows);
        *table = larger;
        return 0;
}

static int add_watch(struct watch_table *table, struct watch_row row)
{
        if (table->count >= REGISTRY_WATCHES_MAX)
                return -1;
        if (4 * (table->count + 1) > 3 * table->size && resize_watches(table, table->size ? 2 * table->size : 64) < 0)
                return -1;
        put_watch(table, row);
        return 0;
}

/* Closes the hole by moving back what stands behind it and was pushed there. */
static void remove_watch(struct watch_table *table, int32_t wd)
{
        struct watch_row *row = find_watch(table, wd);
        if (!row)
                return;
        size_t mask = table->size - 1;
        size_t hole = (size_t)(row - table->rows);
        for (size_t i = (hole + 1) & mask; table->rows[i].wd; i = (i + 1) & mask) {
                size_t home = place_of(table, table->rows[i].wd);
                if (((i - home) & mask) >= ((i - hole) & mask)) {
                        table->rows[hole] = table->rows[i];
                        hole = i;
                }
        }
        table->rows[hole] = (struct watch_row){ 0 };
        table->count--;
        if (table->size > 64 && table->count < table->size / 8)
                resize_watches(table, table->size / 2);
}

static void forget_watch(struct container *container, uint32_t hierarchy)
{
        struct registry *registry = container->registry;
        int32_t wd = container->watches[hierarchy];
        if (!wd)
                return;
        container->watches[hierarchy] = 0;
        remove_watch(&registry->watches, wd);
        inotify_rm_watch(registry->inotify, wd); /* EINVAL when the directory went, which is the rule */
}

/* ---- directories ---- */

/* The path of the group's directory, relative to the root directory. */
static const char *directory_of(const struct container *container, uint32_t hierarchy, char path[PATH_MAX])
{
        const char *point = container->registry->watched[hierarchy].mount_point;
        int n = snprintf(path, PATH_MAX, "%s%s", point[0] == '/' ? point + 1 : point,
                container->name_size > 1 ? container->name : "");
        if (n <= 0 || n >= PATH_MAX)
                return n == 0 ? "." : NULL;
        return path;
}

static void watch_directory(struct container *container, uint32_t hierarchy, const char *path)
{
        struct registry *registry = container->registry;
        char full[PATH_MAX];
        int n = snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", registry->options->root, path);
        if (container->watches[hierarchy] || n < 0 || (size_t)n >= sizeof(full))
                return;
        int wd = inotify_add_watch(registry->inotify, full, WATCHED_EVENTS);
        if (wd < 0) {
                if (errno == ENOENT) /* it was made and removed; its parent's watch tells so too */
                        return;
                if (!registry->counters.watches_refused++)
                        registry_log(
                                registry, "watching %s: %s (fs.inotify.max_user_watches?)", path, errno_text(errno));
                return;
        }
        struct watch_row row = { .wd = wd, .hierarchy = hierarchy, .container = container };
        if (add_watch(&registry->watches, row) < 0) {
                registry->counters.watches_refused++;
                inotify_rm_watch(registry->inotify, wd);
                return;
        }
        container->watches[hierarchy] = wd;
}

static bool has_children(int root, const char *path)
{
        struct stat directory;
        /* two links and one a child; file systems that do not count links say one */
        return fstatat(root, path, &directory, AT_SYMLINK_NOFOLLOW) == 0 && directory.st_nlink != 2;
}

static void announce(struct container *container)
{
        struct registry *registry = container->registry;
        struct cgroup_dirs dirs;
        if (container->announced || container->hidden)
                return;
        container->announced = true;
        if (cgroup_dirs_open(registry->options->root, &registry->mounts, container->name, &dirs, NULL) == 0) {
                container->spec.created_ns = cgroup_created_unix_ns(&registry->mounts, &dirs);
                cgroup_dirs_close(&dirs);
        }
        if (!container->spec.created_ns)
                container->spec.created_ns = registry_unix_ns(registry);
        if (container->spec.created_ns < registry->boot_unix_ns)
                container->spec.created_ns = registry->boot_unix_ns;
        container->spec.started_ns = container->spec.created_ns;
        struct container_event event = {
                .time_ns = container->spec.created_ns, .kind = EVENT_CREATION, .container = container->name
        };
        registry_add_event(registry, &event);
        if (registry->hooks.created)
                registry->hooks.created(container, registry->hooks.cookie);
}

/* A directory that is there. */
static void directory_appeared(struct registry *registry, struct sv name, uint32_t hierarchy)
{
        size_t index;
        char path[PATH_MAX];
        struct container *container;
        if (find_name(&registry->nodes, name, &index)) {
                container = registry->nodes.items[index];
        } else {
                container = container_new(registry, name, NULL);
                if (!container)
                        return;
                registry->counters.missed_created += registry->reconciling && !container->hidden;
        }
        container->present |= 1u << hierarchy;
        const char *directory = directory_of(container, hierarchy, path);
        if (!directory)
                return;
        bool had_watch = container->watches[hierarchy];
        watch_directory(container, hierarchy, directory);
        announce(container);
        if (had_watch || !has_children(registry->options->root, directory))
                return;
        struct to_scan *scan = vec_add(&registry->to_scan, REGISTRY_WATCHES_MAX);
        if (scan)
                *scan = (struct to_scan){ container, hierarchy };
        else
                registry->counters.refused++;
}

static void directory_went(struct container *container, uint32_t hierarchy)
{
        struct registry *registry = container->registry;
        size_t index;
        if (!find_name(&registry->nodes, sv_n(container->name, container->name_size), &index))
                return;
        /* What is below went before it, also where no watch told so; the last first, so that parents end after their
         * children. */
        for (size_t i = end_of_descendants(&registry->nodes, index); i-- > index;) {
                struct container *gone = registry->nodes.items[i];
                if (!(gone->present & 1u << hierarchy) || container_is_root(gone))
                        continue;
                forget_watch(gone, hierarchy);
                gone->present &= ~(1u << hierarchy);
                if (gone->present)
                        continue;
                vec_foreach (scan, &registry->to_scan)
                        if (scan->container == gone)
                                scan->container = NULL;
                registry->counters.missed_deleted += registry->reconciling && !gone->hidden;
                container_end(gone);
        }
}

static bool child_name(const struct container *parent, const char *name, char ret[REGISTRY_NAME_MAX + 1])
{
        int n = snprintf(ret, REGISTRY_NAME_MAX + 1, "%s/%s", parent->name_size > 1 ? parent->name : "", name);
        return n > 0 && n <= REGISTRY_NAME_MAX;
}

static void scan_directory(struct container *container, uint32_t hierarchy)
{
        struct registry *registry = container->registry;
        char path[PATH_MAX];
        char child[REGISTRY_NAME_MAX + 1];
        _Alignas(struct dirent64) char buffer[DIRECTORY_BUFFER];
        const char *directory = directory_of(container, hierarchy, path);
        cleanup(fd_close) int fd =
                directory ? openat(registry->options->root, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        ssize_t size;
        while (fd >= 0 && (size = getdents64(fd, buffer, sizeof(buffer))) > 0) {
                for (ssize_t at = 0; at < size;) {
                        const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
                        at += entry->d_reclen;
                        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
                                strcmp(entry->d_name, "..") == 0)
                                continue;
                        if (child_name(container, entry->d_name, child))
                                directory_appeared(registry, sv_of(child), hierarchy);
                        else
                                registry->counters.refused++;
                }
        }
}

/* Looks through directories that are new until there is none. */
static void scan_all(struct registry *registry)
{
        for (size_t i = 0; i < registry->to_scan.count; i++)
                if (registry->to_scan.items[i].container)
                        scan_directory(registry->to_scan.items[i].container, registry->to_scan.items[i].hierarchy);
        registry->to_scan.count = 0;
        if (registry->to_scan.capacity > 1024)
                vec_done(&registry->to_scan);
}

/* ---- events ---- */

/* Files that limits_look_up reads. */
static bool is_limit(const char *name)
{
        static const char *const names[] = { "cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.weight",
                "cpu.weight.nice", "cpu.max", "cpuset.cpus", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes",
                "memory.soft_limit_in_bytes", "memory.max", "memory.min", "memory.swap.max", "pids.max" };
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        return false;
}

/* Somebody wrote a limit: it is read soon, however far the interval has backed off. The processors of v2 are those of
 * all groups below, too. */
static void file_was_written(struct container *container, const char *name)
{
        struct registry *registry = container->registry;
        size_t index;
        if (!is_limit(name) || !find_name(&registry->nodes, sv_n(container->name, container->name_size), &index))
                return;
        size_t end = strcmp(name, "cpuset.cpus") == 0 ? end_of_descendants(&registry->nodes, index) : index + 1;
        for (; index < end; index++) {
                registry->nodes.items[index]->limits_ns = 0;
                housekeeping_soon(registry->nodes.items[index]);
        }
}

static void take_event(struct registry *registry, const struct inotify_record *record)
{
        char name[REGISTRY_NAME_MAX + 1];
        if (record->mask & IN_Q_OVERFLOW) {
                registry->counters.watch_overflows++;
                discovery_reconcile(registry);
                return;
        }
        const struct watch_row *row = find_watch(&registry->watches, record->wd);
        if (!row)
                return;
        struct container *container = row->container;
        uint32_t hierarchy = row->hierarchy;
        if (record->mask & IN_IGNORED) {
                container->watches[hierarchy] = 0;
                remove_watch(&registry->watches, record->wd);
                return;
        }
        if (record->mask & IN_MODIFY) {
                file_was_written(container, record->name);
                return;
        }
        if (!(record->mask & IN_ISDIR) || !child_name(container, record->name, name))
                return;
        bool reconciling = registry->reconciling;
        registry->reconciling = false; /* what a watch tells is not missed */
        size_t index;
        if (record->mask & (IN_CREATE | IN_MOVED_TO)) {
                directory_appeared(registry, sv_of(name), hierarchy);
                scan_all(registry);
        } else if (record->mask & (IN_DELETE | IN_MOVED_FROM) && find_name(&registry->nodes, sv_of(name), &index)) {
                directory_went(registry->nodes.items[index], hierarchy);
        }
        registry->reconciling = reconciling;
}

static void inotify_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct registry *registry = cookie;
        char bytes[EVENTS_BUFFER];
        (void)loop, (void)id, (void)events;
        ssize_t size = read(registry->inotify, bytes, sizeof(bytes));
        size_t position = 0;
        struct inotify_record record;
        while (size > 0 && inotify_parse(bytes, (size_t)size, &position, &record) > 0)
                take_event(registry, &record);
}

/* ---- looking for oneself ---- */

/* Is there another directory at its place than the one that is watched? A watch is of an inode: the kernel gives the
 * same number for the same one only. */
static bool is_replaced(const struct container *container, uint32_t hierarchy, const char *path)
{
        const struct registry *registry = container->registry;
        char full[PATH_MAX];
        int n = snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", registry->options->root, path);
        if (!container->watches[hierarchy] || container_is_root(container) || n < 0 || (size_t)n >= sizeof(full))
                return false;
        int wd = inotify_add_watch(registry->inotify, full, WATCHED_EVENTS);
        if (wd < 0 || wd == container->watches[hierarchy])
                return false;
        inotify_rm_watch(registry->inotify, wd);
        return true;
}

/* Groups that were removed and made again while events were lost: others, though they have the name. Those of all
 * hierarchies go before the first comes, so that it is a new container and not the old one with two of its files. */
static void replace_group(struct registry *registry, const char *name)
{
        uint32_t replaced = 0;
        size_t index;
        char path[PATH_MAX];
        for (uint32_t i = 0; i < registry->watched_count && find_name(&registry->nodes, sv_of(name), &index); i++) {
                struct container *container = registry->nodes.items[index];
                const char *where = directory_of(container, i, path);
                if (!(container->present & 1u << i) || !where || !is_replaced(container, i, where))
                        continue;
                replaced |= 1u << i;
                directory_went(container, i);
        }
        for (uint32_t i = 0; i < registry->watched_count; i++)
                if (replaced & 1u << i)
                        directory_appeared(registry, sv_of(name), i);
        scan_all(registry);
}

/* A group's directories: those that went, and children that nobody told of; and its name. */
static void reconcile_group(struct registry *registry, const char *name)
{
        size_t at;
        if (find_name(&registry->nodes, sv_of(name), &at))
                identity_look_again(registry->nodes.items[at]);
        if (registry->counters.watch_overflows)
                replace_group(registry, name);
        for (uint32_t i = 0; i < registry->watched_count; i++) {
                size_t index;
                char path[PATH_MAX];
                struct stat directory;
                if (!find_name(&registry->nodes, sv_of(name), &index))
                        return; /* it went with the hierarchy before */
                struct container *container = registry->nodes.items[index];
                const char *where = directory_of(container, i, path);
                if (!(container->present & 1u << i) || !where)
                        continue;
                if (fstatat(registry->options->root, where, &directory, AT_SYMLINK_NOFOLLOW) < 0) {
                        if (errno == ENOENT)
                                directory_went(container, i);
                        continue;
                }
                if (!container->watches[i])
                        watch_directory(container, i, where);
                if (directory.st_nlink != 2) {
                        scan_directory(container, i);
                        scan_all(registry);
                }
        }
}

static void watch_hierarchy(struct registry *registry, uint32_t index)
{
        const struct cgroup_hierarchy *hierarchy = &registry->mounts.hierarchies[index];
        if (is_watched(hierarchy))
                registry->watched[registry->watched_count++] =
                        (struct watched){ .mount_point = hierarchy->mount_point, .index = index };
}

static bool is_known(const struct cgroup_mounts *mounts, const struct cgroup_hierarchy *hierarchy)
{
        for (size_t i = 0; i < mounts->count; i++)
                if (strcmp(mounts->hierarchies[i].controllers, hierarchy->controllers) == 0 &&
                        mounts->hierarchies[i].unified == hierarchy->unified)
                        return true;
        return false;
}

static bool keep_hierarchy(struct registry *registry, const struct cgroup_hierarchy *hierarchy)
{
        struct cgroup_hierarchy kept = { .unified = hierarchy->unified,
                .controllers = arena_strdup(&registry->mounts_arena, hierarchy->controllers),
                .mount_point = arena_strdup(&registry->mounts_arena, hierarchy->mount_point),
                .mount_root = arena_strdup(&registry->mounts_arena, hierarchy->mount_root) };
        if (!kept.controllers || !kept.mount_point || !kept.mount_root ||
                registry->mounts.count == CGROUP_HIERARCHIES_MAX || registry->watched_count == registry->watched_room)
                return false;
        registry->mounts.hierarchies[registry->mounts.count++] = kept;
        return true;
}

/* Hierarchies that were mounted meanwhile come behind those that are known. What was unmounted keeps its place: it has
 * no groups then. */
static void look_at_mounts(struct registry *registry)
{
        struct arena arena;
        struct cgroup_mounts now;
        arena_init(&arena, 4 << 20);
        size_t before = registry->mounts.count;
        if (cgroup_read_mounts(registry->options->root, &arena, &now, NULL) == 0) {
                for (size_t i = 0; i < now.count; i++)
                        if (!is_known(&registry->mounts, &now.hierarchies[i]) &&
                                !keep_hierarchy(registry, &now.hierarchies[i]))
                                registry->counters.refused++;
                registry->mounts.layout = now.layout != CGROUP_NONE ? now.layout : registry->mounts.layout;
        }
        arena_done(&arena);
        for (size_t i = before; i < registry->mounts.count; i++) {
                uint32_t watched = registry->watched_count;
                watch_hierarchy(registry, (uint32_t)i);
                if (registry->watched_count > watched)
                        directory_appeared(registry, SV("/"), watched);
        }
        scan_all(registry);
        cgroup_mounts_probe(registry->options->root, &registry->mounts);
}

static void reconcile_step(struct loop *loop, loop_id id, void *cookie)
{
        struct registry *registry = cookie;
        int64_t until_ns = time_monotonic_ns() + STEP_NS;
        (void)id;
        registry->reconciling = true;
        bool done = false;
        do {
                size_t index = 0;
                if (registry->reconcile_at[0] && find_name(&registry->nodes, sv_of(registry->reconcile_at), &index))
                        index++;
                done = index >= registry->nodes.count;
                if (done)
                        break;
                snprintf(registry->reconcile_at, sizeof(registry->reconcile_at), "%s",
                        registry->nodes.items[index]->name);
                reconcile_group(registry, registry->reconcile_at);
        } while (time_monotonic_ns() < until_ns);
        registry->reconciling = false;
        if (!done) {
                loop_rearm_timer(loop, registry->reconcile_timer, 0);
                return;
        }
        registry->reconcile_at[0] = '\0';
        registry->reconciling = true;
        look_at_mounts(registry);
        registry->reconciling = false;
        int64_t wait_ns = registry->options->global_interval_ns;
        loop_rearm_timer(loop, registry->reconcile_timer,
                registry->reconcile_again ? 0
                : wait_ns > 0             ? wait_ns
                                          : MINUTE);
        registry->reconcile_again = false;
}

void discovery_reconcile(struct registry *registry)
{
        registry->reconcile_again = registry->reconcile_at[0] != '\0'; /* one is under way: another behind it */
        loop_rearm_timer(registry->loop, registry->reconcile_timer, 0);
}

int discovery_start(struct registry *registry, struct error *err)
{
        if (cgroup_read_mounts(registry->options->root, &registry->mounts_arena, &registry->mounts, err) < 0)
                return -1;
        cgroup_mounts_probe(registry->options->root, &registry->mounts);
        for (uint32_t i = 0; i < registry->mounts.count; i++)
                watch_hierarchy(registry, i);
        uint32_t room = registry->watched_count + REGISTRY_HIERARCHIES_SPARE;
        registry->watched_room = room < CGROUP_HIERARCHIES_MAX ? room : CGROUP_HIERARCHIES_MAX;
        registry->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (registry->inotify < 0)
                return fail_errno(err, "inotify_init1");
        if (loop_add_fd(registry->loop, registry->inotify, LOOP_READ, LOOP_LEVEL, inotify_ready, registry,
                    &registry->inotify_id, err) < 0)
                return -1;
        int64_t wait_ns = registry->options->global_interval_ns;
        if (loop_add_timer(registry->loop, wait_ns > 0 ? wait_ns : MINUTE, 0, reconcile_step, registry,
                    &registry->reconcile_timer, err) < 0)
                return -1;
        if (registry->watched_count == 0 && !container_new(registry, SV("/"), err)) /* a host without control groups */
                return -1;
        for (uint32_t i = 0; i < registry->watched_count; i++)
                directory_appeared(registry, SV("/"), i);
        scan_all(registry);
        return 0;
}

void discovery_stop(struct registry *registry)
{
        loop_remove(registry->loop, registry->inotify_id);
        loop_remove(registry->loop, registry->reconcile_timer);
        fd_close(&registry->inotify);
        free(registry->watches.rows);
        vec_done(&registry->to_scan);
}
