/* tree: the processes that live now, below each other, with their containers. Where watch runs in an agent it answers
 * from what it has seen (the true parent, also when another process adopted the child); else /proc is read. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "module/lines.h"
#include "modules/watch/event/filter.h"
#include "modules/watch/watch_module.h"

#include <fcntl.h>
#include <unistd.h>

struct tree_params {
        struct string_list containers;
        LIST(int) pids;
        bool ended;
};

static const struct field params_fields[] = {
        FIELD_STRINGS(struct tree_params, containers, .json = "container", .metavar = "NAME", .max_items = 100,
                .help = "only processes in this container: name, start of the id, engine, any, or none"),
        FIELD_INTS(struct tree_params, pids, .json = "pid", .max_items = 1000, .min = 1, .positional = true,
                .help = "only this process and what is below it"),
        FIELD_BOOL(struct tree_params, ended, .help = "also those that ended a moment ago"),
};

struct tree_row {
        unsigned depth;
        bool ended, repaired;
        struct event_process process;
};

static const struct field row_fields[] = {
        FIELD_UINT(struct tree_row, depth, .help = "below how many others it stands"),
        FIELD_BOOL(struct tree_row, ended, .help = "it has ended", .omit_empty = true),
        FIELD_BOOL(struct tree_row, repaired, .help = "its fork was not seen", .omit_empty = true),
        { FIELD_BASE(struct tree_row, process, FIELD_TYPE_RECORD, struct event_process, struct event_process),
                .record = &event_process_record, .help = "the process" },
};

struct tree_statistics {
        uint64_t processes, containers, shown;
        bool from_watch;
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct tree_statistics, processes, .help = "living processes"),
        FIELD_UINT(struct tree_statistics, containers, .help = "running containers"),
        FIELD_UINT(struct tree_statistics, shown, .help = "rows"),
        FIELD_BOOL(struct tree_statistics, from_watch, .help = "told by the agent's watch, not read from /proc now"),
};

struct listing {
        struct run *run;
        const struct tree_params *params;
        struct tree *tree;
        struct redact *redact;
        unsigned below; /* depth of the pid asked for, while we are below it; 0: not */
        uint64_t shown;
        struct error *err;
        bool failed;
};

bool watch_in_container(const struct event_process *process, const char *word)
{
        const struct event_container *container = &process->container;
        if (strcmp(word, "none") == 0)
                return !process->has_container;
        if (!process->has_container)
                return false;
        if (strcmp(word, "any") == 0 || strcmp(word, container->engine) == 0)
                return true;
        if (container->name && glob_match(sv_of(word), sv_of(container->name)))
                return true;
        return container->id && strlen(word) >= 4 && strncmp(word, container->id, strlen(word)) == 0;
}

static bool in_containers(const struct tree_params *params, const struct event_process *process)
{
        for (size_t i = 0; i < params->containers.count; i++)
                if (watch_in_container(process, params->containers.items[i]))
                        return true;
        return params->containers.count == 0;
}

static bool is_below(struct listing *listing, const struct tree_process *process, unsigned depth)
{
        const struct tree_params *params = listing->params;
        if (params->pids.count == 0)
                return true;
        if (listing->below && depth + 1 > listing->below)
                return true;
        listing->below = 0;
        list_foreach (pid, &params->pids)
                if (*pid == tree_process_pid(process))
                        listing->below = depth + 1;
        return listing->below > 0;
}

static bool take(const struct tree_process *process, unsigned depth, void *cookie)
{
        struct listing *listing = cookie;
        struct tree_row row = {
                .depth = depth, .ended = tree_process_ended(process), .repaired = tree_process_repaired(process)
        };
        if (!is_below(listing, process, depth))
                return true;
        tree_process_fill(listing->tree, process, &row.process);
        if (!in_containers(listing->params, &row.process))
                return true;
        struct string_list argv;
        if (redact_argv(listing->redact, &row.process.argv, &argv)) /* as in events */
                row.process.argv = argv;
        listing->shown++;
        listing->failed = run_emit(listing->run, NULL, &row, listing->err) < 0;
        return !listing->failed && !run_checkpoint(listing->run);
}

static int list(struct run *run, struct tree *tree, struct redact *redact, bool from_watch, struct error *err)
{
        struct tree_counters counters;
        struct tree_statistics *statistics = run_statistics(run);
        struct listing listing = { .run = run, .params = run->params, .tree = tree, .redact = redact, .err = err };
        tree_each(tree, listing.params->ended, take, &listing);
        tree_count(tree, &counters);
        *statistics = (struct tree_statistics){ counters.processes, counters.containers, listing.shown, from_watch };
        return listing.failed ? -1 : 0;
}

static void apply(const struct observation *observation, void *cookie)
{
        tree_apply(cookie, observation, NULL, NULL);
}

static int list_proc(struct run *run, struct error *err)
{
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "/");
        cleanup(redact_free) struct redact *redact = NULL;
        struct tree_options options = { .boot_time_ns = time_boot_unix_ns() };
        if (redact_new(NULL, &redact, err) < 0)
                return -1;
        struct look *look = look_new(&(struct look_options){ .root = root }, err);
        struct tree *tree = look ? tree_new(&options, err) : NULL;
        int status = tree ? look_all(look, time_unix_ns(), apply, tree, err) : -1;
        if (status == 0)
                status = list(run, tree, redact, false, err);
        tree_free(tree);
        look_free(look);
        return status;
}

static int tree_run(struct run *run, struct error *err)
{
        if (!run->service)
                return list_proc(run, err);
        struct watch_service *watch = run->service->state;
        return list(run, pipeline_tree(watch->watch.pipeline), watch->watch.redact, true, err);
}

static void print_row(struct line_printer *printer, const char *group, const char *label, const void *given)
{
        const struct tree_row *row = given;
        const struct event_process *process = &row->process;
        struct buf line;
        (void)group;
        (void)label;
        buf_init(&line, 64 << 10);
        buf_printf(&line, "%7d  %-14.14s %*s%s", process->pid,
                !process->has_container   ? "-"
                : process->container.name ? process->container.name
                : process->container.id   ? process->container.id
                                          : process->container.engine,
                (int)(2 * (row->depth < 60 ? row->depth : 60)), "", process->comm ? process->comm : "?");
        for (size_t i = 1; i < process->argv.count && line.len < 240; i++)
                buf_printf(&line, " %s", process->argv.items[i]);
        if (row->ended)
                buf_puts(&line, " (ended)");
        print_line(printer, "%s", buf_text(&line));
        buf_done(&line);
}

static const struct module_example tree_examples[] = {
        { "tree --container web", "the processes of the container web" },
        { "tree 4711", "process 4711 and all below it" },
        { "tree --container any --json", "every process in any container" },
        { 0 },
};

const struct module tree_module = {
        .name = "tree",
        .summary = "the tree of living processes, with their containers",
        .params = RECORD(struct tree_params, params_fields),
        .element = RECORD(struct tree_row, row_fields),
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct tree_statistics, statistics_fields),
        .sandbox = { .capabilities = CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_DAC_READ_SEARCH),
                .processes = true,
                .read_all = true },
        .limits = { .wall_ns = MINUTE, .memory = 128 * MIB, .result = 256 * MIB },
        .role = ROLE_VIEWER,
        .asks = "watch",
        .examples = tree_examples,
        .run = tree_run,
        .print_row = print_row,
};
