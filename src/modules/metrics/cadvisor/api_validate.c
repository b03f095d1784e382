/* /validate/: what cAdvisor checks of a host (validate/validate.go in its repository), in its words. A host with v2
 * alone, which cAdvisor cannot place, is told as what it is. The Docker engine is not asked: its files are looked at.
 */
#include "base/cleanup.h"
#include "linux/cgroup.h"
#include "linux/open_in_root.h"
#include "modules/metrics/cadvisor/api_internal.h"

#include <fcntl.h>

static const char unsupported[] = "[Unsupported]", unknown[] = "[Unknown]",
                  supported[] = "[Supported, but not recommended]", recommended[] = "[Supported and recommended]";

enum { VALIDATE_FILE_MAX = 1 << 20, VALIDATE_SECTION_MAX = 2 << 20, VALIDATE_CONTROLLERS_MAX = 64 };

static void put_section(struct buf *out, const char *title, const char *verdict, const struct buf *text)
{
        buf_printf(out, "%s: %s\n\t", title, verdict);
        buf_append(out, buf_text(text), text->len);
        buf_puts(out, "\n\n");
}

/* false when it is not there, or longer than VALIDATE_FILE_MAX. */
static bool read_file(int dirfd, const char *path, struct buf *ret)
{
        cleanup(fd_close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        for (;;) {
                char *room = buf_reserve(ret, 4096);
                ssize_t n = room ? read(fd, room, 4096) : -1;
                if (n <= 0)
                        return n == 0;
                ret->len += (size_t)n;
        }
}

/* ---- versions ---- */

/* As Go's Sscanf with "%d.%d%s": something has to follow. */
static bool parse_version(const char *text, uint64_t *ret_major, uint64_t *ret_minor)
{
        struct sv rest = sv_of(text), major;
        if (!sv_split(&rest, '.', &major) || !sv_parse_u64(major, 10, ret_major))
                return false;
        size_t digits = 0;
        while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9')
                digits++;
        return digits < rest.n && sv_parse_u64(sv_n(rest.p, digits), 10, ret_minor);
}

static void put_kernel(struct buf *out, const char *version)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, VALIDATE_SECTION_MAX);
        const char *verdict = supported;
        uint64_t major = 0, minor = 0;
        if (!parse_version(version, &major, &minor)) {
                buf_puts(&text, "Could not parse kernel version. ");
                verdict = unknown;
        } else if (major < 2 || (major == 2 && minor < 6)) {
                verdict = unsupported;
        } else if (major >= 3) {
                verdict = recommended;
        }
        buf_printf(&text, "Kernel version is %s. Versions >= 2.6 are supported. 3.0+ are recommended.\n", version);
        put_section(out, "Kernel version", verdict, &text);
}

/* ---- control groups ---- */

struct controller {
        struct sv name;
        bool enabled;
};

struct controllers {
        struct controller items[VALIDATE_CONTROLLERS_MAX];
        size_t count;
};

/* /proc/cgroups: "#subsys_name hierarchy num_cgroups enabled"; sorted, as Go prints a map. */
static void parse_controllers(struct sv text, struct controllers *ret)
{
        struct sv line, words[4];
        sv_line(&text, &line); /* the heading */
        while (sv_line(&text, &line) && ret->count < VALIDATE_CONTROLLERS_MAX) {
                size_t n = 0;
                while (n < 4 && sv_word(&line, &words[n]))
                        n++;
                if (n < 4)
                        continue;
                size_t at = ret->count++;
                for (; at > 0; at--) {
                        struct sv before = ret->items[at - 1].name;
                        size_t common = before.n < words[0].n ? before.n : words[0].n;
                        int order = memcmp(before.p, words[0].p, common);
                        if (order < 0 || (order == 0 && before.n < words[0].n))
                                break;
                        ret->items[at] = ret->items[at - 1];
                }
                ret->items[at] = (struct controller){ words[0], sv_eq(words[3], SV("1")) };
        }
}

static const struct controller *find_controller(const struct controllers *controllers, const char *name)
{
        for (size_t i = 0; i < controllers->count; i++)
                if (sv_eq(controllers->items[i].name, sv_of(name)))
                        return &controllers->items[i];
        return NULL;
}

static void put_available(struct buf *out, const struct controllers *controllers)
{
        buf_puts(out, "Available cgroups: map[");
        for (size_t i = 0; i < controllers->count; i++)
                buf_printf(out, "%s%.*s:%d", i ? " " : "", SV_ARG(controllers->items[i].name),
                        controllers->items[i].enabled);
        buf_puts(out, "]\n");
}

/* The first that is missing or not enabled is told. */
static bool are_present(const struct controllers *controllers, const char *const *names, struct buf *out)
{
        for (; *names; names++) {
                const struct controller *controller = find_controller(controllers, *names);
                if (controller && controller->enabled)
                        continue;
                buf_printf(out, controller ? "Cgroup %s not enabled. " : "Missing cgroup %s. ", *names);
                put_available(out, controllers);
                return false;
        }
        return true;
}

static void put_memory_accounting(struct buf *out, int root, const struct cgroup_mounts *mounts)
{
        static const char unclear[] = "\tHierarchical memory accounting status unknown: ";
        const struct cgroup_hierarchy *memory = cgroup_mounts_find(mounts, "memory");
        if (!memory) {
                if (mounts->layout == CGROUP_V2)
                        buf_puts(out, "\tHierarchical memory accounting enabled. Reported memory usage includes memory "
                                      "used by child containers.\n");
                else
                        buf_printf(out, "%smemory cgroup not mounted.\n", unclear);
                return;
        }
        cleanup(buf_done) struct buf text;
        buf_init(&text, VALIDATE_FILE_MAX);
        cleanup(fd_close) int dir = open_in_root(root, memory->mount_point, O_PATH | O_DIRECTORY);
        if (dir < 0 || !read_file(dir, "memory.use_hierarchy", &text))
                buf_printf(out, "%shierarchy interface unavailable.\n", unclear);
        else if (*buf_text(&text) == '1')
                buf_puts(out, "\tHierarchical memory accounting enabled. Reported memory usage includes memory used by "
                              "child containers.\n");
        else
                buf_puts(out, "\tHierarchical memory accounting disabled. Memory usage does not include usage from "
                              "child containers.\n");
}

static void put_bandwidth(struct buf *out, int root, const struct cgroup_mounts *mounts)
{
        const struct cgroup_hierarchy *cpu = cgroup_mounts_find(mounts, "cpu");
        if (!cpu && mounts->layout != CGROUP_V2) {
                buf_puts(out, "\tCpu cfs bandwidth status unknown: cpu cgroup not mounted.\n");
                return;
        }
        cleanup(fd_close) int dir = cpu ? open_in_root(root, cpu->mount_point, O_PATH | O_DIRECTORY) : -1;
        cleanup(fd_close) int period = dir < 0 ? -1 : openat(dir, "cpu.cfs_period_us", O_PATH | O_CLOEXEC);
        if (cpu && period < 0)
                buf_puts(out, "\tCpu cfs bandwidth is disabled. Recompile kernel with \"CONFIG_CFS_BANDWIDTH\" "
                              "enabled.\n");
        else
                buf_puts(out, "\tCpu cfs bandwidth is enabled.\n");
}

static void put_cgroups(struct buf *out, const struct metrics_options *options, const struct cgroup_mounts *mounts)
{
        static const char *const required[] = { "cpu", "cpuacct", NULL };
        static const char *const wanted[] = { "memory", "blkio", "cpuset", "devices", "freezer", NULL };
        static const char lists[] =
                "\tFollowing cgroups are required: [cpu cpuacct]\n"
                "\tFollowing other cgroups are recommended: [memory blkio cpuset devices freezer]\n";
        cleanup(buf_done) struct buf text;
        cleanup(buf_done) struct buf file;
        buf_init(&text, VALIDATE_SECTION_MAX);
        buf_init(&file, VALIDATE_FILE_MAX);
        struct controllers controllers = { 0 };
        const char *verdict = recommended;
        if (!read_file(options->proc, "cgroups", &file)) {
                buf_printf(&text, "Could not parse /proc/cgroups.\n%s", lists);
                put_section(out, "Cgroup setup", unknown, &text);
                return;
        }
        parse_controllers(sv_n(buf_text(&file), file.len), &controllers);
        if (!are_present(&controllers, required, &text)) {
                verdict = unsupported;
                buf_puts(&text, lists);
        } else if (!are_present(&controllers, wanted, &text)) {
                verdict = supported;
                buf_puts(&text, lists);
        } else {
                put_available(&text, &controllers);
                buf_puts(&text, lists);
                put_memory_accounting(&text, options->root, mounts);
                put_bandwidth(&text, options->root, mounts);
        }
        put_section(out, "Cgroup setup", verdict, &text);
}

/* ---- where they are mounted ---- */

static int compare_texts(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_directories(struct buf *out, int root, const char *mount)
{
        enum { NAMES_MAX = 256 };
        char *names[NAMES_MAX];
        size_t count = 0;
        int fd = open_in_root(root, mount, O_RDONLY | O_DIRECTORY);
        cleanup(closedir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        for (const struct dirent *entry; dir && count < NAMES_MAX && (entry = readdir(dir)) != NULL;)
                if (entry->d_name[0] != '.' && (names[count] = strdup(entry->d_name)) != NULL)
                        count++;
        if (!dir)
                fd_close(&fd);
        if (count)
                qsort(names, count, sizeof(*names), compare_texts);
        buf_puts(out, "\tCgroup mount directories: ");
        for (size_t i = 0; i < count; i++) {
                buf_printf(out, "%s ", names[i]);
                free(names[i]);
        }
        buf_putc(out, '\n');
}

static void put_mount_lines(struct buf *out, int proc)
{
        cleanup(buf_done) struct buf file;
        buf_init(&file, VALIDATE_FILE_MAX);
        buf_puts(out, "\tCgroup mounts:\n");
        if (!read_file(proc, "self/mounts", &file))
                return;
        struct sv rest = sv_n(buf_text(&file), file.len), line, word;
        while (sv_line(&rest, &line)) {
                struct sv words = line;
                if (!sv_word(&words, &word) || !sv_word(&words, &word) || !sv_word(&words, &word) ||
                        (!sv_eq(word, SV("cgroup")) && !sv_eq(word, SV("cgroup2"))))
                        continue;
                buf_printf(out, "\t%.*s\n", SV_ARG(line));
        }
}

static void put_mounts(struct buf *out, const struct metrics_options *options, const struct cgroup_mounts *mounts)
{
        static const char standard[] = "/sys/fs/cgroup";
        static const char any[] = "\tAny cgroup mount point that is detectible and accessible is supported. "
                                  "/sys/fs/cgroup is recommended as a standard location.\n";
        cleanup(buf_done) struct buf text;
        buf_init(&text, VALIDATE_SECTION_MAX);
        const struct cgroup_hierarchy *cpu = cgroup_mounts_find(mounts, "cpu"), *v2 = cgroup_mounts_find(mounts, "");
        const char *verdict = unknown;
        if (!cpu && !v2) {
                buf_printf(&text, "Could not locate cgroup mount point.\n%s", any);
        } else {
                char mount[API_NAME_MAX];
                snprintf(mount, sizeof(mount), "%s", cpu ? cpu->mount_point : v2->mount_point);
                char *slash = cpu ? strrchr(mount, '/') : NULL; /* beside the other controllers */
                if (slash && slash > mount)
                        *slash = '\0';
                buf_printf(&text, "Cgroups are mounted at %s.\n", mount);
                if (cpu)
                        put_directories(&text, options->root, mount);
                buf_puts(&text, any);
                put_mount_lines(&text, options->proc);
                verdict = strcmp(mount, standard) == 0 ? recommended : supported;
        }
        put_section(out, "Cgroup mount setup", verdict, &text);
}

/* ---- Docker, disks, and what is watched ---- */

const char *api_docker_storage_driver(int root)
{
        static const char *const drivers[] = { "overlay2", "btrfs", "zfs", "vfs", "fuse-overlayfs", "devicemapper",
                "aufs", "overlay" };
        for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
                char path[128];
                snprintf(path, sizeof(path), "/var/lib/docker/image/%s", drivers[i]);
                cleanup(fd_close) int fd = open_in_root(root, path, O_PATH | O_DIRECTORY);
                if (fd >= 0)
                        return drivers[i];
        }
        return NULL;
}

static void put_docker(struct buf *out, const struct metrics_options *options)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, VALIDATE_SECTION_MAX);
        buf_puts(&text,
                "Could not parse docker version. Docker version is Unknown. Versions >= 1.0 are supported. 1.2+ "
                "are recommended.\n\n\t");
        put_section(out, "Docker version", unknown, &text);
        buf_clear(&text);
        const char *driver = api_docker_storage_driver(options->root);
        if (driver)
                buf_printf(&text, "Storage driver is %s.\n", driver);
        else
                buf_puts(&text, "Docker setup is invalid: no state of the engine below /var/lib/docker");
        put_section(out, "Docker driver setup", driver ? recommended : unsupported, &text);
}

static void put_disks(struct buf *out, const struct machine *machine)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, VALIDATE_SECTION_MAX);
        bool fair = false;
        for (size_t i = 0; i < machine->disk_count; i++)
                fair |= strcmp(machine->disks[i].scheduler, "cfq") == 0;
        buf_puts(&text, fair ? "At least one device supports 'cfq' I/O scheduler. Some disk stats can be reported.\n"
                             : "None of the devices support 'cfq' I/O scheduler. No disk stats can be reported.\n");
        for (size_t i = 0; i < machine->disk_count; i++) {
                buf_puts(&text, "\t Disk ");
                go_quote(&text, sv_of(machine->disks[i].name));
                buf_puts(&text, " Scheduler type ");
                go_quote(&text, sv_of(machine->disks[i].scheduler));
                buf_puts(&text, ".\n");
        }
        put_section(out, "Block device setup", fair ? recommended : supported, &text);
}

static void put_watches(struct buf *out, const struct registry *registry)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, VALIDATE_SECTION_MAX);
        struct registry_counters counters;
        registry_count_all(registry, &counters);
        buf_printf(&text, "%llu directories, %llu refused, %llu overflows\n", (unsigned long long)counters.watches,
                (unsigned long long)counters.watches_refused, (unsigned long long)counters.watch_overflows);
        put_section(out, "Inotify watches", "", &text);
}

static void put_containers(struct buf *out, const struct registry *registry)
{
        buf_puts(out, "Managed containers: \n\t");
        for (size_t i = 0; i < registry_count(registry) && !out->failed; i++) {
                const struct container_ref *ref = container_ref(registry_at(registry, i));
                buf_printf(out, "%s%s", i ? "\n\t" : "", ref->name);
                if (ref->name_space && *ref->name_space)
                        buf_printf(out, "\n\t\tNamespace: %s", ref->name_space);
                if (ref->alias_count)
                        buf_puts(out, "\n\t\tAliases:");
                for (size_t alias = 0; alias < ref->alias_count; alias++)
                        buf_printf(out, "\n\t\t\t%s", ref->aliases[alias]);
        }
        buf_puts(out, "\n\n");
}

void cadvisor_validate(const struct cadvisor *cadvisor, struct cadvisor_reply *reply)
{
        enum { MOUNTS_MEMORY = 8 << 20 };
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, MOUNTS_MEMORY);
        const struct metrics_options *options = cadvisor->options;
        const struct machine *machine = registry_machine(cadvisor->registry);
        struct cgroup_mounts mounts = { 0 }; /* none, where they cannot be read */
        if (cgroup_read_mounts(options->root, &arena, &mounts, NULL) < 0)
                mounts = (struct cgroup_mounts){ 0 };
        struct buf *out = &reply->body;
        buf_clear(out);
        reply->status = 200;
        reply->content_type = "text/plain; charset=utf-8";
        buf_printf(out, "cAdvisor version: %s\n\n", cadvisor->version);
        buf_printf(out, "OS version: %s\n\n", machine->os_version ? machine->os_version : "Unknown");
        put_kernel(out, machine->kernel_version ? machine->kernel_version : "Unknown");
        put_cgroups(out, options, &mounts);
        put_mounts(out, options, &mounts);
        put_docker(out, options);
        put_disks(out, machine);
        put_watches(out, cadvisor->registry);
        put_containers(out, cadvisor->registry);
        if (out->failed)
                api_error_status(reply, 500, SV("the answer is too large"));
}
