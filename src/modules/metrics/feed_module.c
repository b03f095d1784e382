/* metrics-feed: the feed as a run of its own: it keeps its own containers, and needs no agent. */
#include "base/cleanup.h"
#include "module/lines.h"
#include "module/run.h"
#include "modules/metrics/feed.h"
#include "modules/metrics/settings.h"

static const int64_t STOP_NS = 4 * MILLISECOND; /* between two looks for a stop */
static const int64_t NAMES_NS = 5 * SECOND;     /* between two looks for the name of a container, at first */
enum { WITH_REGISTRY = 1 << FEED_PART_CONTAINERS | 1 << FEED_PART_PROCESSES };

struct feeding {
        struct run *run;
        const struct feed_params *params;
        struct feed *feed;
        struct feed_reader reader;
        struct loop *loop;
        struct feed_element *element;
        int64_t asked_ns; /* when it was looked for a stop in the middle of a look */
        struct error err;
        bool failed;
};

static int emit(enum feed_kind kind, const void *record, void *cookie)
{
        struct feeding *feeding = cookie;
        struct feed_element *element = feeding->element;
        memset(element->is, 0, sizeof(element->is));
        element->is[kind] = true;
        memcpy((char *)element + offsetof(struct feed_element, gone), record, feed_records[kind]->size); /* a union */
        return run_emit(feeding->run, NULL, element, &feeding->err);
}

static void end(struct feeding *feeding, bool failed)
{
        feeding->failed = feeding->failed || failed;
        loop_stop(feeding->loop);
}

/* Without run_checkpoint's pauses for the CPU budget: what is read after one would be told as used before it. */
static bool is_stopped(void *cookie)
{
        struct feeding *feeding = cookie;
        const int64_t now_ns = time_monotonic_ns();
        if (now_ns - feeding->asked_ns < STOP_NS)
                return run_stopped(feeding->run);
        feeding->asked_ns = now_ns;
        return run_poll(feeding->run, NULL, 0, 0, NULL) < 0;
}

/* A container's sample serves up to half the time since the last look. What is to be told goes out at once: while
 * nobody reads it, it is not looked, and the next picture tells the newest. */
static void look(struct feeding *feeding, bool tell)
{
        const int64_t interval_ns = feeding->params->interval_ns;
        const int64_t span_ns = feeding->reader.pictures || interval_ns < FEED_FIRST_NS ? interval_ns : FEED_FIRST_NS;
        feed_collect(feeding->feed, feeding->reader.parts, time_monotonic_ns(), span_ns / 2);
        if (run_stopped(feeding->run)) {
                end(feeding, false);
                return;
        }
        if (tell && feed_tell(feeding->feed, &feeding->reader, emit, feeding) < 0) {
                end(feeding, true);
                return;
        }
        if (tell)
                feed_forget(feeding->feed, feeding->reader.seen);
        const bool stopped = run_poll(feeding->run, NULL, 0, 0, NULL) < 0;
        if (stopped || (feeding->params->count && feeding->reader.pictures >= feeding->params->count))
                end(feeding, false);
}

static void on_interval(struct loop *loop, loop_id id, void *cookie)
{
        struct feeding *feeding = cookie;
        const bool stopped = run_checkpoint(feeding->run);
        const int64_t rest_ns = feed_rested_ns(feeding->feed) - time_monotonic_ns();
        (void)loop;
        (void)id;
        if (stopped || (rest_ns > 0 && run_poll(feeding->run, NULL, 0, rest_ns, NULL) < 0))
                end(feeding, false);
        else
                look(feeding, true);
}

static void on_stop(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct feeding *feeding = cookie;
        (void)loop;
        (void)id;
        (void)events;
        if (run_checkpoint(feeding->run))
                end(feeding, false);
}

static int feed_loop(struct feeding *feeding, struct error *err)
{
        const int64_t interval_ns = feeding->params->interval_ns;
        const int64_t first_ns = interval_ns < FEED_FIRST_NS ? interval_ns : FEED_FIRST_NS;
        if (loop_add_fd(feeding->loop, run_stop_fd(feeding->run), LOOP_READ, LOOP_LEVEL, on_stop, feeding, NULL, err) <
                        0 ||
                loop_add_timer(feeding->loop, first_ns, interval_ns, on_interval, feeding, NULL, err) < 0)
                return -1;
        look(feeding, false);
        return loop_run(feeding->loop, err);
}

/* cAdvisor's defaults are those of a history; what is different here is set in the options. */
struct feed_settings {
        struct metrics_settings settings;
};
static const struct field settings_fields[] = { METRICS_SETTINGS(struct feed_settings) };

/* Groups are sampled when they are told, and nothing is kept. Without containers only their names are wanted. */
static void adjust(struct metrics_options *options, const struct feeding *feeding)
{
        const bool containers = feeding->reader.parts & 1U << FEED_PART_CONTAINERS;
        options->kinds = containers ? 1U << METRIC_CPU | 1U << METRIC_MEMORY | 1U << METRIC_DISK_IO |
                                              1U << METRIC_NETWORK | 1U << METRIC_PRESSURE
                                    : 0;
        options->interval_ns = containers ? HOUR : NAMES_NS;
        options->max_interval_ns = containers ? HOUR : MINUTE;
        options->dynamic = true;
        options->splay = options->jitter = options->cpu_budget = 0;
        options->storage_ns = SECOND;
}

static int open_options(struct run *run, struct metrics_options *ret, struct error *err)
{
        struct node_options node;
        struct feed_settings *settings = arena_new(&run->arena, struct feed_settings);
        if (!settings)
                return fail(err, E_NO_MEMORY, "settings");
        if (record_read(RECORD(struct feed_settings, settings_fields), NULL, settings, &run->arena, 0, err) < 0)
                return -1;
        return metrics_options_make(&settings->settings, &run->arena, ret, &node, err);
}

static int feed_run(struct run *run, struct error *err)
{
        struct feeding feeding = { .run = run, .params = run->params };
        struct metrics_options options = { .root = -1, .proc = -1, .sys = -1 };
        struct registry *registry = NULL;
        feeding.reader = (struct feed_reader){ .parts = feed_parts_of(feeding.params), .full = feeding.params->full };
        feeding.element = arena_new(&run->arena, struct feed_element);
        feeding.loop = loop_new(NULL, err);
        if (!feeding.element || !feeding.loop)
                return feeding.loop ? fail(err, E_NO_MEMORY, "feed") : -1;
        int status = open_options(run, &options, err);
        if (status == 0 && feeding.reader.parts & WITH_REGISTRY && !run_checkpoint(run)) {
                adjust(&options, &feeding);
                registry = registry_new(&options, feeding.loop, NULL, err);
                status = registry ? 0 : -1;
        }
        if (status == 0) {
                const struct feed_source source = { .root = options.root,
                        .proc = options.proc,
                        .sys = options.sys,
                        .registry = registry,
                        .unwanted = is_stopped,
                        .cookie = &feeding };
                feeding.feed = feed_new(&source, err);
                status = feeding.feed ? feed_loop(&feeding, err) : -1;
        }
        feed_free(feeding.feed);
        registry_free(registry);
        loop_free(feeding.loop);
        metrics_options_close(&options);
        if (status == 0 && feeding.failed) {
                *err = feeding.err;
                status = -1;
        }
        return status;
}

static void print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct feed_element *element = row;
        const struct feed_tick *tick = &element->tick;
        char when[TIME_TEXT_MAX], used[TIME_TEXT_MAX], total[TIME_TEXT_MAX], host[200] = "", counts[100] = "";
        (void)group;
        (void)label;
        if (!element->is[FEED_TICK])
                return;
        time_format_rfc3339(tick->time_ns / MILLISECOND * MILLISECOND, when);
        size_format(tick->memory_used, used);
        size_format(tick->memory_total, total);
        if (tick->has_host)
                snprintf(host, sizeof(host), "  cpu %5.2f  memory %s of %s", tick->cpu, used, total);
        int length = tick->has_containers ? snprintf(counts, sizeof(counts), "  containers %llu",
                                                    (unsigned long long)tick->containers)
                                          : 0;
        if (tick->has_processes)
                snprintf(counts + length, sizeof(counts) - (size_t)length, "  processes %llu",
                        (unsigned long long)tick->processes);
        print_line(printer, "%s%s%s", when, host, counts);
}

static const struct module_example examples[] = {
        { "metrics feed --json", "everything that changes on this host, each second" },
        { "metrics feed --parts containers --interval 5s --full --json", "all containers, each 5 seconds" },
        { "metrics feed --count 1 --json", "one whole picture" },
        { 0 },
};

const struct module metrics_feed_module = {
        .name = "metrics-feed",
        .summary = "the host, its containers, processes and devices as they are, picture by picture",
        .params = &feed_params_record,
        .element = &feed_element_record,
        .shape = SHAPE_LIST,
        .sandbox = { .capabilities = CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_DAC_READ_SEARCH),
                .netlink = true,
                .processes = true,
                .read_all = true },
        .limits = { .wall_ns = 3650 * DAY, .memory = 256 * MIB, .result = 1024 * MIB },
        .role = ROLE_VIEWER,
        .stream = true,
        .examples = examples,
        .run = feed_run,
        .print_row = print_row,
};
