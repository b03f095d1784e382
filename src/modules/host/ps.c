/* ps: the processes of this host, one row each, in pid order or as a tree. A row is about one process: all of it is
 * read through one open /proc/PID, so a pid that is given away meanwhile cannot mix two. */
#include "modules/host/ps.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "linux/cgroup.h"
#include "linux/container.h"
#include "linux/kernel_stat.h"
#include "linux/process_tree.h"
#include "module/lines.h"
#include "module/run.h"

#include <fcntl.h>
#include <fnmatch.h>

struct ps_params {
        LIST(int) pids;
        struct string_list names, users, containers;
        bool tree, mounts, maps;
};

static const struct field params_fields[] = {
        FIELD_INTS(struct ps_params, pids, .json = "pid", .help = "only these process ids", .min = 1,
                .max = PROCESS_PID_MAX, .max_items = 10000),
        FIELD_STRINGS(struct ps_params, names, .json = "name", .max_items = 100,
                .help = "only those whose name, or whose program's, holds this text, or matches it with * or ?"),
        FIELD_STRINGS(struct ps_params, users, .json = "user", .metavar = "NAME|UID", .max_items = 100,
                .help = "only those of this user (real or effective)"),
        FIELD_STRINGS(struct ps_params, containers, .json = "container", .metavar = "ID|any|none", .max_items = 100,
                .help = "only those in this container: the start of its id, its engine, any, or none"),
        FIELD_BOOL(struct ps_params, tree,
                .help = "children below their parents; the ancestors of what was asked for "
                        "are shown too"),
        FIELD_BOOL(struct ps_params, mounts, .help = "the mounts each one sees"),
        FIELD_BOOL(struct ps_params, maps, .help = "the memory mappings of each one"),
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct ps_statistics, seen, .help = "processes found"),
        FIELD_UINT(struct ps_statistics, shown, .help = "rows"),
        FIELD_UINT(struct ps_statistics, vanished, .help = "processes that ended while they were read"),
        FIELD_UINT(struct ps_statistics, denied, .help = "fields that may not be read"),
        FIELD_UINT(struct ps_statistics, refused, .help = "processes that could not be opened or exceeded a limit"),
};

enum { ROW_MEMORY = 96 << 20, BRANCH_DEPTH_MAX = 128 };

struct place { /* of a process in the first pass of a tree */
        pid_t pid, ppid;
        uint64_t start_ticks;
        bool shown;
};

struct listing {
        struct run *run;
        const struct ps_params *params;
        struct ps_statistics *statistics;
        struct ps_host host;
};

static bool has_pid(const struct ps_params *params, pid_t pid)
{
        list_foreach (item, &params->pids)
                if (*item == pid)
                        return true;
        return params->pids.count == 0;
}

static bool name_fits(const char *pattern, const char *name)
{
        return strpbrk(pattern, "*?") ? fnmatch(pattern, name, 0) == 0 : strstr(name, pattern) != NULL;
}

static bool has_name(const struct ps_params *params, const struct process *process, const struct ps_core *core)
{
        if (params->names.count == 0)
                return true;
        char exe[PATH_MAX];
        ssize_t length = readlinkat(process->dir, "exe", exe, sizeof(exe) - 1);
        exe[length > 0 ? length : 0] = '\0';
        const char *slash = strrchr(exe, '/');
        list_foreach (pattern, &params->names)
                if (name_fits(*pattern, core->stat.comm) || (slash && name_fits(*pattern, slash + 1)))
                        return true;
        return false;
}

static bool has_user(const struct listing *listing, const struct ps_core *core)
{
        list_foreach (user, &listing->params->users) {
                uint64_t id;
                if (!*user)
                        continue;
                bool number = sv_parse_u64(sv_of(*user), 10, &id);
                for (int kind = 0; core->has_status && kind < 2; kind++) {
                        const char *name = accounts_name(&listing->host.users, core->status.uid[kind]);
                        if (number ? core->status.uid[kind] == id : name && strcmp(name, *user) == 0)
                                return true;
                }
        }
        return listing->params->users.count == 0;
}

static bool has_container(const struct ps_params *params, const struct process *process)
{
        if (params->containers.count == 0)
                return true;
        cleanup(buf_done) struct buf text;
        struct container_identity identity = { 0 };
        buf_init(&text, CGROUP_TEXT_MAX);
        if (process_read_file(process, "cgroup", &text, NULL) == 0)
                container_identify(sv_n(buf_text(&text), text.len), &identity);
        list_foreach (wanted, &params->containers) {
                bool inside = identity.engine != CONTAINER_NONE;
                if (strcmp(*wanted, inside ? "any" : "none") == 0)
                        return true;
                if (inside && (sv_starts(sv_of(identity.id), sv_of(*wanted)) ||
                                      strcmp(container_engine_name(identity.engine), *wanted) == 0))
                        return true;
        }
        return false;
}

static bool wanted(const struct listing *listing, const struct process *process, const struct ps_core *core)
{
        return has_pid(listing->params, process->pid) && has_user(listing, core) &&
               has_name(listing->params, process, core) && has_container(listing->params, process);
}

/* One row. A process that ended is counted and no failure. */
static int show(struct listing *listing, const struct process *process, const struct ps_core *core, int depth,
        const char *branch, struct error *err)
{
        cleanup(arena_done) struct arena arena;
        struct ps_row row = { .depth = depth };
        struct error seen;
        arena_init(&arena, ROW_MEMORY);
        if (ps_fill(&listing->host, process, core, &arena, &row, listing->statistics, &seen) < 0) {
                if (process_vanished(&seen)) {
                        listing->statistics->vanished++;
                } else {
                        listing->statistics->refused++;
                        run_error(listing->run, "process %d: %s", process->pid, seen.message);
                }
                return 0;
        }
        char *text = branch ? arena_strdup(&arena, branch) : NULL;
        row.branch = text;
        listing->statistics->shown++;
        return run_emit(listing->run, NULL, &row, err);
}

static int read_core(struct listing *listing, const struct process *process, struct ps_core *ret)
{
        struct error seen;
        if (ps_read_core(process, ret, &seen) == 0)
                return 0;
        if (process_vanished(&seen)) {
                listing->statistics->vanished++;
        } else {
                listing->statistics->refused++;
                run_error(listing->run, "process %d: %s", process->pid, seen.message);
        }
        return -1;
}

static int list_flat(struct listing *listing, struct error *err)
{
        struct process_iter iter;
        struct process next;
        int status = 0;
        if (process_iter_open(&iter, listing->host.root, err) < 0)
                return -1;
        while (status == 0 && !run_checkpoint(listing->run) && process_iter_next(&iter, &next)) {
                cleanup(process_close) struct process process = next;
                struct ps_core core;
                if (!has_pid(listing->params, process.pid))
                        continue;
                if (read_core(listing, &process, &core) == 0 && wanted(listing, &process, &core))
                        status = show(listing, &process, &core, 0, NULL, err);
        }
        listing->statistics->seen = iter.seen;
        listing->statistics->vanished += iter.vanished;
        listing->statistics->refused += iter.refused;
        process_iter_close(&iter);
        return status;
}

typedef VEC(struct place) place_vec;

static int find_places(struct listing *listing, place_vec *places, struct error *err)
{
        struct process_iter iter;
        struct process next;
        int status = 0;
        if (process_iter_open(&iter, listing->host.root, err) < 0)
                return -1;
        while (status == 0 && !run_checkpoint(listing->run) && process_iter_next(&iter, &next)) {
                cleanup(process_close) struct process process = next;
                struct ps_core core;
                if (read_core(listing, &process, &core) < 0)
                        continue;
                struct place *place = vec_add(places, PROCESS_PID_MAX);
                if (!place)
                        status = fail(err, E_NO_MEMORY, "no memory for the list of processes");
                else
                        *place = (struct place){ process.pid, core.stat.ppid, core.stat.start_ticks,
                                wanted(listing, &process, &core) };
        }
        listing->statistics->seen = iter.seen;
        listing->statistics->vanished += iter.vanished;
        listing->statistics->refused += iter.refused;
        process_iter_close(&iter);
        return status;
}

static int by_pid(const void *a, const void *b)
{
        pid_t left = ((const struct place *)a)->pid, right = ((const struct place *)b)->pid;
        return (left > right) - (left < right);
}

/* Ancestors of what is shown are shown too. Stops at one that is: also when parents form a loop. */
static void show_ancestors(place_vec *places)
{
        for (size_t i = 0; i < places->count; i++) {
                struct place *at = &places->items[i];
                while (at && at->shown) {
                        struct place key = { .pid = at->ppid };
                        at = bsearch(&key, places->items, places->count, sizeof(key), by_pid);
                        if (!at || at->shown)
                                break;
                        at->shown = true;
                }
        }
}

/* "│  └─ ": one column for each ancestor below the root. last[d] says whether the ancestor at depth d is the last
 * child.
 */
static void draw_branch(const bool *last, uint32_t depth, struct buf *out)
{
        buf_clear(out);
        for (uint32_t d = 1; d < depth && d < BRANCH_DEPTH_MAX; d++)
                buf_puts(out, last[d] ? "   " : "│  ");
        if (depth > 0)
                buf_puts(out, last[depth < BRANCH_DEPTH_MAX ? depth : BRANCH_DEPTH_MAX - 1] ? "└─ " : "├─ ");
}

static int list_tree(struct listing *listing, struct error *err)
{
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf branch;
        place_vec places = { 0 };
        struct process_tree_node *nodes = NULL;
        bool last[BRANCH_DEPTH_MAX] = { false };
        size_t count = 0;
        arena_init(&arena, 512 * MIB);
        buf_init(&branch, 4096);
        int status = find_places(listing, &places, err);
        if (places.count)
                qsort(places.items, places.count, sizeof(places.items[0]), by_pid);
        show_ancestors(&places);
        struct process_parent *parents = arena_array(&arena, places.count, sizeof(*parents));
        for (size_t i = 0; parents && i < places.count; i++) {
                if (!places.items[i].shown)
                        continue;
                places.items[count] = places.items[i]; /* those left out are dropped: index = row of parents */
                parents[count++] = (struct process_parent){ places.items[i].pid, places.items[i].ppid };
        }
        if (status == 0)
                status = parents ? process_tree_order(parents, count, &arena, &nodes, err)
                                 : fail(err, E_NO_MEMORY, "no memory for the tree");
        for (size_t i = 0; status == 0 && i < count && !run_checkpoint(listing->run); i++) {
                const struct place *place = &places.items[nodes[i].index];
                cleanup(process_close) struct process process = { .dir = -1 };
                struct ps_core core;
                last[nodes[i].depth < BRANCH_DEPTH_MAX ? nodes[i].depth : BRANCH_DEPTH_MAX - 1] = nodes[i].last;
                draw_branch(last, nodes[i].depth, &branch);
                if (process_open(listing->host.root, place->pid, &process, NULL) < 0) {
                        listing->statistics->vanished++;
                        continue;
                }
                if (read_core(listing, &process, &core) < 0)
                        continue;
                if (core.stat.start_ticks != place->start_ticks) /* the pid was given away */
                        listing->statistics->vanished++;
                else
                        status = show(listing, &process, &core, (int)nodes[i].depth, buf_text(&branch), err);
        }
        vec_done(&places);
        return status;
}

static int ps_run(struct run *run, struct error *err)
{
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "the root directory");
        struct kernel_stat kernel;
        if (kernel_stat_read(root, &kernel, err) < 0)
                return -1;
        const struct ps_params *params = run->params;
        struct listing listing = {
                .run = run,
                .params = params,
                .statistics = run_statistics(run),
                .host = { .root = root,
                        .boot_unix_ns = kernel.boot_unix_ns,
                        .tick_ns = SECOND / sysconf(_SC_CLK_TCK),
                        .page = (uint64_t)sysconf(_SC_PAGESIZE),
                        .mounts = params->mounts,
                        .maps = params->maps },
        };
        accounts_load(&listing.host.users, root, "etc/passwd");
        int status = params->tree ? list_tree(&listing, err) : list_flat(&listing, err);
        accounts_done(&listing.host.users);
        return status;
}

static void ps_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct ps_row *process = row;
        char size[TIME_TEXT_MAX];
        (void)group;
        (void)label;
        size_format(process->rss, size);
        bool named = process->exe && *process->exe;
        const char *program = named ? process->exe : process->comm ? process->comm : "";
        print_line(printer, "%7d %-10s %s %10s %s%s%s%s%s  %s", process->pid, process->user ? process->user : "",
                process->state ? process->state : "?", size, process->branch ? process->branch : "", named ? "" : "[",
                program, named ? "" : "]", process->exe_deleted ? " (deleted)" : "", process->cwd ? process->cwd : "");
        list_foreach (mount, &process->mounts)
                print_line(printer, "        mount %s %s on %s (%s)", mount->type, mount->source, mount->point,
                        mount->options);
        list_foreach (map, &process->maps)
                print_line(printer, "        map %s %s %s%s", map->range, map->flags, map->path,
                        map->deleted ? " (deleted)" : "");
}

static void ps_print_statistics(struct line_printer *printer, const void *statistics)
{
        const struct ps_statistics *counted = statistics;
        if (counted->vanished || counted->refused || counted->denied)
                print_line(printer, "%llu processes, %llu shown, %llu ended meanwhile, %llu fields not readable",
                        (unsigned long long)counted->seen, (unsigned long long)counted->shown,
                        (unsigned long long)counted->vanished, (unsigned long long)counted->denied);
}

static const char *const ps_paths[] = { "/proc", "/etc/passwd", NULL };

static const struct module_example ps_examples[] = {
        { "ps", "pid, user, state, memory, program and directory of every process" },
        { "ps --tree --name sshd", "who started what, down to each sshd" },
        { "ps --container any --fields pid,container.engine,container.id,exe", "what runs in containers" },
        { "ps --pid 1 --maps", "which files are mapped into a process" },
        { 0 },
};

const struct module ps_module = {
        .name = "ps",
        .summary = "list processes: program, directory, arguments, user, container, namespaces, confinement",
        .params = RECORD(struct ps_params, params_fields),
        .element = &ps_element,
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct ps_statistics, statistics_fields),
        .sandbox = { .processes = true, .capabilities = CAP_BIT(CAP_SYS_PTRACE), .read_paths = ps_paths },
        .limits = { .wall_ns = MINUTE, .memory = 256 * MIB, .result = 256 * MIB },
        .examples = ps_examples,
        .run = ps_run,
        .print_row = ps_print_row,
        .print_statistics = ps_print_statistics,
};
