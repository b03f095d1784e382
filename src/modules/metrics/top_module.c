/* metrics-top: the processes that use most, of one container or of all, and what those cost that ended at once. Where
 * metrics runs in an agent it answers; else two looks an interval apart are taken here. */
#include "base/buf.h"
#include "linux/netlink_dump.h"
#include "linux/netns.h"
#include "module/lines.h"
#include "module/service.h"
#include "modules/metrics/metrics_module.h"
#include "modules/metrics/top_answer.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>

enum { NAMESPACES_MAX = 512, DRAIN_BATCHES = 16, LINE_SHOWN_MAX = 4096, TEXT_SHOWN_MAX = 60 };

struct top_params {
        char *container;
        int sort, sum;
        unsigned count;
        int64_t interval_ns;
        bool short_lived;
};

#define P struct top_params
static const struct field params_fields[] = {
        FIELD_STRING(P, container, .positional = true, .max_length = LEDGER_GROUP_MAX,
                .help = "only of this container: name or pattern, begin of the id, engine, path of a group, any or "
                        "none"),
        FIELD_ENUM(P, sort, top_order_names, .def = "cpu", .help = "what the most is of"),
        FIELD_UINT(P, count, .def = "20", .min = 1, .max = TOP_COUNT_MAX, .help = "how many rows"),
        FIELD_DURATION(P, interval_ns, .json = "interval", .def = "1s", .min = 10 * MILLISECOND, .max = DAY,
                .help = "time to look at; the agent's metrics answers at once"),
        FIELD_ENUM(P, sum, top_sum_names, .json = "group", .def = "process",
                .help = "one row a process, or one a container"),
        FIELD_BOOL(P, short_lived,
                .help = "what processes cost that ended: the agent's metrics knows since its start, else those of the "
                        "interval"),
};

struct top_statistics {
        uint64_t processes, groups, shown, refused, without_io, without_network, exits, exits_lost;
        int64_t interval_ns;
        bool from_agent, short_lived;
};

#define S struct top_statistics
static const struct field statistics_fields[] = {
        FIELD_DURATION(S, interval_ns, .json = "interval", .help = "time that was looked at"),
        FIELD_UINT(S, processes, .help = "processes that were looked at, or that ended"),
        FIELD_UINT(S, groups, .help = "control groups they are in"),
        FIELD_UINT(S, shown, .help = "rows"),
        FIELD_UINT(S, refused, .omit_empty = true, .help = "what did not fit"),
        FIELD_UINT(S, without_io, .omit_empty = true, .help = "processes whose I/O may not be read"),
        FIELD_UINT(S, without_network, .omit_empty = true,
                .help = "processes whose connections are not told: they are in a network namespace that may not be "
                        "entered"),
        FIELD_UINT(S, exits, .omit_empty = true, .help = "records of threads that ended"),
        FIELD_UINT(S, exits_lost, .omit_empty = true, .help = "records of ends that were lost"),
        FIELD_BOOL(S, short_lived, .omit_empty = true, .help = "of those that ended"),
        FIELD_BOOL(S, from_agent, .help = "told by the agent's metrics"),
};

static int top_validate(const void *given, struct error *err)
{
        const struct top_params *params = given;
        const int sort = params->sort;
        if (params->short_lived && (sort == TOP_NETWORK || sort == TOP_RECEIVE || sort == TOP_SEND))
                return fail(
                        err, E_INVALID, "sort: the kernel does not tell what a process sent and received when it ends");
        return 0;
}

struct telling {
        struct run *run;
        struct error *err;
};

static int emit(const struct top_told *told, void *cookie)
{
        struct telling *telling = cookie;
        return run_emit(telling->run, NULL, told, telling->err);
}

static struct top_asked asked_by(const struct top_params *params)
{
        return (struct top_asked){ params->container, (enum top_order)params->sort, params->count,
                (enum top_sum)params->sum };
}

static void put_figures(struct run *run, const struct top_figures *figures)
{
        struct top_statistics *statistics = run_statistics(run);
        statistics->interval_ns = figures->span_ns;
        statistics->processes = figures->looked_at;
        statistics->groups = figures->containers;
        statistics->shown = figures->shown;
        statistics->refused = figures->refused;
        statistics->without_io = figures->without_io;
        statistics->without_network = figures->without_network;
}

static void put_exits(struct run *run, const struct ledger *ledger, struct taskstats_listener *exits)
{
        struct top_statistics *statistics = run_statistics(run);
        struct taskstats_counters counters;
        struct ledger_counters kept;
        if (!ledger || !exits)
                return;
        taskstats_count(exits, &counters);
        ledger_count_all(ledger, &kept);
        statistics->exits = counters.received;
        statistics->exits_lost = counters.dropped;
        statistics->refused += kept.rows_refused + kept.pending_refused;
}

/* ---- by itself ---- */

struct netlinks {
        struct top_netlink rows[NAMESPACES_MAX];
        size_t count;
};

static void netlinks_close(struct netlinks *netlinks)
{
        for (size_t i = 0; i < netlinks->count; i++)
                fd_close(&netlinks->rows[i].fd);
        netlinks->count = 0;
}

static void add_netlink(struct netlinks *netlinks, uint64_t inode, int fd)
{
        if (fd >= 0)
                netlinks->rows[netlinks->count++] = (struct top_netlink){ inode, fd };
}

/* One socket a network namespace that may be entered; those of others are told without connections. */
static int netlinks_open(struct netlinks *netlinks, int root, struct error *err)
{
        struct netns_list list = { 0 };
        if (netns_list_read(root, &list, err) < 0)
                return -1;
        for (size_t i = 0; i < list.count && netlinks->count < NAMESPACES_MAX; i++)
                add_netlink(netlinks, list.rows[i].inode, netns_netlink(root, &list.rows[i], NETLINK_SOCK_DIAG, NULL));
        netns_list_done(&list);
        return 0;
}

/* A stop ends the interval early: what was seen until then is told. */
static int wait_interval(struct run *run, int64_t until_ns, struct pollfd *fds, size_t count, struct error *err)
{
        const int64_t left_ns = until_ns - time_monotonic_ns();
        int ready = run_poll(run, fds, count, left_ns > 0 ? left_ns : 0, err);
        if (ready < 0)
                return run_stopped(run) ? 0 : -1;
        return ready;
}

static int look_twice(struct run *run, const struct top_source *source, struct error *err)
{
        const struct top_params *params = run->params;
        const struct top_asked asked = asked_by(params);
        struct telling telling = { run, err };
        struct top_figures figures;
        struct top *top = top_new(err);
        int status = top ? top_look_first(top, source, err) : -1;
        if (status == 0)
                status = wait_interval(run, time_monotonic_ns() + params->interval_ns, NULL, 0, err);
        if (status == 0)
                status = top_answer(top, source, &asked, emit, &telling, &figures, err);
        if (status == 0)
                put_figures(run, &figures);
        top_free(top);
        return status;
}

static int look_at_processes(struct run *run, struct top_source *source, struct error *err)
{
        struct netlinks *netlinks = arena_new(&run->arena, struct netlinks);
        if (!netlinks)
                return fail(err, E_NO_MEMORY, "namespaces");
        int status = netlinks_open(netlinks, source->root, err);
        source->netlinks = netlinks->rows;
        source->netlink_count = netlinks->count;
        if (status == 0)
                status = look_twice(run, source, err);
        netlinks_close(netlinks);
        return status;
}

static int gather_exits(
        struct run *run, struct ledger *ledger, struct taskstats_listener *exits, int proc, struct error *err)
{
        const struct top_params *params = run->params;
        const int64_t until_ns = run->started_ns + params->interval_ns;
        int status = 0;
        while (status >= 0 && time_monotonic_ns() < until_ns && !run_checkpoint(run)) {
                struct pollfd ready = { .fd = taskstats_listener_fd(exits), .events = POLLIN };
                status = wait_interval(run, until_ns, &ready, 1, err);
                ledger_drain(ledger, exits, proc, DRAIN_BATCHES);
        }
        /* what came since the last look, when a stop was seen behind it */
        ledger_drain(ledger, exits, proc, DRAIN_BATCHES);
        return status < 0 ? -1 : 0;
}

static int look_at_ended(struct run *run, const struct top_source *source, struct error *err)
{
        const struct top_asked asked = asked_by(run->params);
        struct telling telling = { run, err };
        struct taskstats_listener *exits = NULL;
        struct top_figures figures;
        struct ledger *ledger = ledger_new(LEDGER_ROWS_MAX, err);
        int status = ledger ? taskstats_listen(0, &exits, err) : -1;
        const int64_t since_ns = time_monotonic_ns();
        if (status == 0)
                status = gather_exits(run, ledger, exits, source->proc, err);
        if (status == 0)
                status = top_answer_ended(ledger, since_ns, source, &asked, emit, &telling, &figures, err);
        if (status == 0) {
                put_figures(run, &figures);
                put_exits(run, ledger, exits);
        }
        taskstats_listener_close(exits);
        ledger_free(ledger);
        return status;
}

static int top_run(struct run *run, struct error *err)
{
        const struct top_params *params = run->params;
        struct top_statistics *statistics = run_statistics(run);
        statistics->short_lived = params->short_lived;
        statistics->from_agent = run->service != NULL;
        if (!run->service) {
                cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
                cleanup(fd_close) int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (root < 0 || proc < 0)
                        return fail_errno(err, "/proc");
                struct top_source source = { .root = root, .proc = proc };
                return params->short_lived ? look_at_ended(run, &source, err) : look_at_processes(run, &source, err);
        }
        struct metrics_service *service = run->service->state;
        const struct top_asked asked = asked_by(params);
        struct telling telling = { run, err };
        struct top_figures figures;
        if ((params->short_lived ? metrics_ended : metrics_top)(service, &asked, emit, &telling, &figures, err) < 0)
                return -1;
        put_figures(run, &figures);
        if (params->short_lived)
                put_exits(run, service->metrics.ended, service->metrics.exits);
        return 0;
}

/* ---- for people ---- */

static const char *container_of(const struct top_told *told)
{
        if (told->container && *told->container)
                return told->container;
        if (told->unit && *told->unit)
                return told->unit;
        return told->group ? told->group : "";
}

static void put_rate(struct buf *out, bool known, double rate)
{
        char size[TIME_TEXT_MAX] = "-";
        if (known && rate >= 0 && rate < 9e18)
                size_format((uint64_t)rate, size);
        buf_printf(out, " %10s", size);
}

static void put_size(struct buf *out, uint64_t bytes)
{
        char size[TIME_TEXT_MAX];
        size_format(bytes, size);
        buf_printf(out, " %10s", size);
}

static void put_duration(struct buf *out, int64_t duration_ns)
{
        char text[TIME_TEXT_MAX];
        const int64_t unit_ns = duration_ns >= SECOND ? MILLISECOND : MICROSECOND;
        duration_format(duration_ns / unit_ns * unit_ns, text);
        buf_printf(out, " %10s", text);
}

static void print_ended(struct buf *line, const struct top_told *told)
{
        const uint64_t count = told->execs + told->forks;
        buf_printf(line, "%7llu", (unsigned long long)count);
        put_duration(line, told->cpu_time_ns);
        put_duration(line, told->cpu_each_ns);
        put_duration(line, told->lived_each_ns);
        put_size(line, told->memory_peak);
        put_size(line, told->read_bytes);
        put_size(line, told->write_bytes);
        buf_printf(line, "  %-16.40s %.200s", told->name ? told->name : "", container_of(told));
}

static void print_living(struct buf *line, const struct top_told *told)
{
        if (told->is_process)
                buf_printf(line, "%7lld %-9.9s", (long long)told->pid, told->user ? told->user : "");
        else
                buf_printf(line, "%7llu ", (unsigned long long)told->processes);
        buf_printf(line, "%6.1f%%", told->cpu * 100);
        put_size(line, told->memory);
        put_rate(line, told->has_io, told->read);
        put_rate(line, told->has_io, told->write);
        put_rate(line, told->has_network, told->receive);
        put_rate(line, told->has_network, told->send);
        buf_printf(line, "  %-20.40s %.*s", container_of(told), TEXT_SHOWN_MAX,
                told->command_line ? told->command_line
                : told->name       ? told->name
                                   : "");
}

static void print_row(struct line_printer *printer, const char *group, const char *label, const void *given)
{
        const struct top_told *told = given;
        struct buf line;
        (void)group;
        (void)label;
        buf_init(&line, LINE_SHOWN_MAX);
        (told->is_ended ? print_ended : print_living)(&line, told);
        print_line(printer, "%s", buf_text(&line));
        buf_done(&line);
}

static void print_statistics(struct line_printer *printer, const void *given)
{
        const struct top_statistics *statistics = given;
        char interval[TIME_TEXT_MAX];
        duration_format(statistics->interval_ns / MILLISECOND * MILLISECOND, interval);
        if (statistics->short_lived)
                print_line(printer, "columns: ended, CPU time of all, of one, life of one, most memory, read, written, "
                                    "program, container");
        else
                print_line(printer, "columns: pid and user (or processes), CPU, memory, and a second: read, written, "
                                    "received, sent");
        print_line(printer, "%llu processes %s in %s", (unsigned long long)statistics->processes,
                statistics->short_lived ? "ended" : "looked at", interval);
        if (statistics->without_io)
                print_line(
                        printer, "I/O of %llu processes may not be read", (unsigned long long)statistics->without_io);
        if (statistics->without_network)
                print_line(printer,
                        "connections of %llu processes are not told: their network namespace may not be entered",
                        (unsigned long long)statistics->without_network);
        if (statistics->exits_lost)
                print_line(printer, "%llu ends were lost", (unsigned long long)statistics->exits_lost);
}

static const struct module_example top_examples[] = {
        { "metrics top --container web --sort memory", "which processes of the container web need the memory" },
        { "metrics top --sort network --interval 5s", "who sends and receives most, over five seconds" },
        { "metrics top --group container --sort io", "which containers read and write most" },
        { "metrics top --short-lived --interval 30s", "what the programs cost that no look ever sees" },
        { 0 },
};

const struct module metrics_top_module = {
        .name = "metrics-top",
        .summary = "the processes of containers that use most, and what short-lived ones cost",
        .params = RECORD(P, params_fields),
        .element = &top_told_record,
        .shape = SHAPE_LIST,
        .statistics = RECORD(S, statistics_fields),
        .sandbox = { .capabilities = CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_NET_ADMIN) |
                                     CAP_BIT(CAP_SYS_ADMIN),
                .netlink = true,
                .processes = true,
                .namespaces = true,
                .read_all = true },
        .limits = { .wall_ns = DAY + HOUR, .memory = 256 * MIB, .result = 64 * MIB },
        .role = ROLE_VIEWER,
        .asks = "metrics",
        .examples = top_examples,
        .validate = top_validate,
        .run = top_run,
        .print_row = print_row,
        .print_statistics = print_statistics,
};
