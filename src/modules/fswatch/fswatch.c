/* fswatch: tells when files that should not change do: new, written, renamed, removed, other permissions or owners;
 * also what changed while it did not run. */
#include "fswatch.h"

#include "module/descriptor.h"

static const char *const backends[] = { "auto", "fanotify", "inotify", NULL };

static const struct field config_fields[] = {
        FIELD_STRINGS(struct fswatch_config, paths, .max_items = ROOTS_MAX, .max_length = 4096,
                .help = "files and directories to watch, with what is directly in a directory; \"recursive:\" before a "
                        "path means all below it. Empty: /boot, /etc and the usual places of programs and cron tables"),
        FIELD_STRINGS(struct fswatch_config, exclude, .max_items = ROOTS_MAX, .max_length = 4096,
                .help = "paths to leave out, with all below them"),
        FIELD_BOOL(struct fswatch_config, hash, .def = "true", .help = "read files and compare their SHA-256"),
        FIELD_SIZE(struct fswatch_config, hash_max, .def = "64m",
                .help = "larger files are compared by size and times only"),
        FIELD_DURATION(struct fswatch_config, suppress_ns, .json = "suppress", .def = "15m", .min = 0, .max = 7 * DAY,
                .help = "time after a signature alert in which no other is sent for the same file"),
        FIELD_DURATION(struct fswatch_config, settle_ns, .json = "settle", .def = "1s", .min = 1 * MILLISECOND,
                .max = HOUR, .help = "time without a change after which a file is read"),
        FIELD_DURATION(struct fswatch_config, recheck_ns, .json = "recheck", .def = "10s", .min = 10 * MILLISECOND,
                .max = DAY, .help = "time between two looks for a path that is missing"),
        FIELD_ENUM(struct fswatch_config, backend, backends, .def = "auto",
                .help = "auto takes fanotify where the kernel and the privileges allow it, else inotify"),
        FIELD_INT(struct fswatch_config, objects_max, .def = "100000", .min = 1, .max = 10000000,
                .help = "most files and directories to watch"),
};

struct fswatch_element {
        bool ok;
        int backend;
        uint64_t watched;
        uint64_t directories;
        uint64_t pending;
        bool scanning;
        struct string_list missing;
        struct fswatch_counters counters;
};

static const struct field element_fields[] = { FIELD_BOOL(struct fswatch_element, ok, .help = "it works"),
        FIELD_ENUM(struct fswatch_element, backend, backends, .help = "the kernel's interface in use"),
        FIELD_UINT(struct fswatch_element, watched, .help = "files and directories under watch"),
        FIELD_UINT(struct fswatch_element, directories, .help = "directories that the kernel watches"),
        FIELD_UINT(struct fswatch_element, pending, .help = "files that wait to be read"),
        FIELD_BOOL(struct fswatch_element, scanning, .help = "everything is being looked at"),
        FIELD_PATHS(struct fswatch_element, missing, .help = "configured paths that are not there", .private_ = true),
#define X(name_, help_) FIELD_UINT(struct fswatch_element, counters.name_, .json = #name_, .help = help_),
        FSWATCH_COUNTERS(X)
#undef X
};

static int fswatch_query(struct run *run, struct error *err)
{
        const struct fswatch *watch = run->service->state;
        struct fswatch_element element = {
                .ok = true,
                .backend = watch->fanotify_fd >= 0 ? BACKEND_FANOTIFY : BACKEND_INOTIFY,
                .watched = watch->objects.count,
                .directories = watch->directories.count,
                .pending = watch->pending.count + watch->stale + watch->job_active,
                .scanning = watch->full_scan,
                .counters = watch->counters,
        };
        element.missing.items = arena_array(&run->arena, watch->roots.count, sizeof(char *));
        if (!element.missing.items)
                return fail(err, E_NO_MEMORY, "no memory for the paths");
        vec_foreach (root, &watch->roots)
                if (!root->path)
                        element.missing.items[element.missing.count++] = (char *)root->configured;
        return run_emit(run, NULL, &element, err);
}

static int fswatch_start(struct service *service, struct error *err)
{
        static struct fswatch fswatch; /* one a process */
        struct fswatch *watch = &fswatch;
        watch->service = service;
        watch->config = service->config;
        service->state = watch;
        map_init(&watch->objects, (size_t)watch->config->objects_max);
        map_init(&watch->directories, DIRECTORIES_MAX);
        map_init(&watch->handles, DIRECTORIES_MAX);
        map_init(&watch->roots_known, 4 * ROOTS_MAX);
        map_init(&watch->pending, PENDING_MAX);
        watch->hash_buffer = malloc(HASH_BUFFER);
        if (!watch->hash_buffer)
                return fail(err, E_NO_MEMORY, "no memory for reading");
        if (baseline_open(watch, err) < 0 || notify_start(watch, err) < 0 || roots_resolve(watch, err) < 0)
                return -1;
        watch->first_scan = true;
        scan_all(watch);
        scan_before_ready(watch);
        return 0;
}

static void fswatch_stop(struct service *service)
{
        struct fswatch *watch = service->state;
        /* What the kernel has told already is looked at, with who did it. What comes later, until the next process has
         * set its marks, that one finds by comparing with the baseline: other settings are a new process (no reload).
         */
        notify_drain(watch);
        /* the loop still finishes its round */
        const loop_id timers[] = { watch->scan_timer, watch->hash_timer, watch->recheck_timer, watch->baseline.retry,
                watch->moved.timer, watch->ready_timer };
        for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
                if (timers[i])
                        loop_remove(service->loop, timers[i]);
        notify_done(watch);
        scan_done(watch);
        hash_done(watch);
        baseline_close(watch);
        while (watch->objects.count)
                free(map_remove(&watch->objects, sv_of(watch->objects.entries[0].key)));
        map_done(&watch->objects);
        map_done(&watch->roots_known);
        vec_foreach (root, &watch->roots)
                free(root->path);
        vec_done(&watch->roots);
}

/* inotify needs no privilege but that to read. */
static int fswatch_adjust(struct sandbox *sandbox, const void *config, struct arena *arena, struct error *err)
{
        const struct fswatch_config *configured = config;
        (void)arena;
        list_foreach (path, &configured->paths) {
                const char *colon = strncmp(*path, "recursive:", 10) == 0 ? *path + 10 : *path;
                if (colon[0] != '/')
                        return fail(err, E_INVALID, "paths: \"%s\" does not begin with /", *path);
        }
        if (configured->backend == BACKEND_INOTIFY) {
                sandbox->capabilities &= ~CAP_BIT(CAP_SYS_ADMIN);
                sandbox->fanotify = false;
        }
        return 0;
}

static const struct module_example examples[] = {
        { "fswatch", "is it watching, by which interface, and what did it count" },
        { 0 },
};

const struct module fswatch_module = {
        .name = "fswatch",
        .summary = "tell when files that should not change do",
        .description =
                "Watches files and directories with fanotify or inotify and sends an alert for each new, written, "
                "renamed or removed object and each change of permissions or owner, with the SHA-256 of its "
                "content before and after. What it saw is kept in its state directory, so changes made while "
                "it did not run are told at the next start.",
        .params = &record_empty,
        .element = RECORD(struct fswatch_element, element_fields),
        .shape = SHAPE_OBJECT,
        .config = RECORD(struct fswatch_config, config_fields),
        .sandbox = { .capabilities = CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_DAC_READ_SEARCH),
                .fanotify = true,
                .read_all = true },
        .limits = { .memory = 256 * MIB, .result = 1 * MIB },
        .role = ROLE_VIEWER,
        .persistent = true,
        .examples = examples,
        .run = fswatch_query,
        .adjust = fswatch_adjust,
        .start = fswatch_start,
        .stop = fswatch_stop,
};
