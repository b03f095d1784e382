/* The agent's metrics on processes: what each uses while somebody asks, and the ledger of those that end, which is
 * kept all the time.
 *
 *      GET /top          ?container=&sort=&count=&group=    {"interval": "1s", "processes": 211, "rows": [{…}]}
 *      GET /short-lived  the same */
#include "base/cleanup.h"
#include "linux/netlink_dump.h"
#include "modules/metrics/metrics_module.h"
#include "modules/metrics/top_answer.h"
#include "schema/write.h"

#include <linux/netlink.h>
#include <sys/stat.h>

enum {
        ENDED_ROWS = 1024,
        DRAIN_BATCHES = 16, /* some 500 exits between looks at the rest of the loop */
        ANSWER_MAX = 8 << 20,
        SHOWN_DEFAULT = 20,
        FORGET_AT_ONCE = 64
};
static const int64_t PAUSE_NS = 250 * MILLISECOND; /* between looks, at least: the loop stands still for it */
static const int64_t IDLE_NS = MINUTE;             /* nobody asked for so long: a look before is of no use */
static const int64_t FORGET_NS = MINUTE;
static const int64_t GATHER_NS = 20 * MILLISECOND; /* the socket's buffer has room for that of 20,000 a second */

/* ---- those that end ---- */

static void on_exits(struct loop *loop, loop_id id, uint32_t events, void *cookie);
static void on_gathered(struct loop *loop, loop_id id, void *cookie);

/* Begins to wait for ends, or waits for a moment first. */
static int await_exits(struct metrics *metrics, bool at_once, struct error *err)
{
        return at_once ? loop_add_fd(metrics->loop, taskstats_listener_fd(metrics->exits), LOOP_READ, LOOP_LEVEL,
                                 on_exits, metrics, &metrics->exits_id, err)
                       : loop_add_timer(metrics->loop, GATHER_NS, 0, on_gathered, metrics, &metrics->exits_id, err);
}

static void on_gathered(struct loop *loop, loop_id id, void *cookie)
{
        struct metrics *metrics = cookie;
        (void)loop;
        (void)id;
        await_exits(metrics, true, NULL);
}

/* The first is looked at while its group may still be read; those right behind it come together. */
static void on_exits(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct metrics *metrics = cookie;
        (void)events;
        if (ledger_drain(metrics->ended, metrics->exits, metrics->options.proc, DRAIN_BATCHES))
                return;
        loop_remove(loop, id);
        await_exits(metrics, false, NULL);
}

static int listen_to_exits(struct metrics *metrics, struct error *err)
{
        metrics->ended = ledger_new(ENDED_ROWS, err);
        if (!metrics->ended || taskstats_listen(0, &metrics->exits, err) < 0)
                return -1;
        return await_exits(metrics, true, err);
}

static void forget_exits(struct metrics *metrics)
{
        if (metrics->exits_id)
                loop_remove(metrics->loop, metrics->exits_id);
        metrics->exits_id = 0;
        taskstats_listener_close(metrics->exits);
        metrics->exits = NULL;
        ledger_free(metrics->ended);
        metrics->ended = NULL;
}

/* Rows of groups that are gone stay until the table is nearly full: a container that ran once is what is asked for. */
static void make_room(struct metrics *metrics)
{
        char gone[FORGET_AT_ONCE][LEDGER_GROUP_MAX + 1];
        size_t count = 0;
        if (ledger_count(metrics->ended) < ENDED_ROWS - ENDED_ROWS / 4)
                return;
        for (size_t i = 0; i < ledger_count(metrics->ended) && count < FORGET_AT_ONCE; i++) {
                const char *group = ledger_at(metrics->ended, i)->group;
                if (*group == '/' && !registry_find(metrics->registry, sv_of(group)))
                        snprintf(gone[count++], sizeof(gone[0]), "%s", group);
        }
        for (size_t i = 0; i < count; i++)
                ledger_forget(metrics->ended, sv_of(gone[i]));
}

/* ---- those that live ---- */

void metrics_processes_start(struct metrics_service *service, bool short_lived)
{
        struct error err;
        if (!short_lived)
                return;
        service->ended_since_ns = service->room_ns = time_monotonic_ns();
        if (listen_to_exits(&service->metrics, &err) < 0) {
                service_log(service->service, "the cost of short-lived processes is not kept: %s", err.message);
                snprintf(service->ended_problem, sizeof(service->ended_problem), "%.190s", err.message);
                forget_exits(&service->metrics);
        }
}

static void forget_look(struct metrics_service *service)
{
        top_free(service->top);
        service->top = NULL;
        fd_close(&service->diag);
}

void metrics_processes_tick(struct metrics_service *service)
{
        const int64_t now_ns = time_monotonic_ns();
        if (service->top && now_ns - top_looked_ns(service->top) > IDLE_NS)
                forget_look(service);
        if (service->metrics.ended && now_ns - service->room_ns > FORGET_NS) {
                service->room_ns = now_ns;
                make_room(&service->metrics);
        }
}

void metrics_processes_stop(struct metrics_service *service)
{
        forget_look(service);
        forget_exits(&service->metrics);
}

/* Connections of this network namespace only: to ask in others' needs CAP_SYS_ADMIN, which the service does not have.
 */
static size_t open_netlink(struct metrics_service *service, struct top_netlink *ret)
{
        struct stat own;
        if (service->diag < 0)
                service->diag = netlink_open(NETLINK_SOCK_DIAG, NULL);
        if (service->diag < 0 || fstatat(service->metrics.options.proc, "self/ns/net", &own, 0) < 0)
                return 0;
        *ret = (struct top_netlink){ own.st_ino, service->diag };
        return 1;
}

int metrics_top(struct metrics_service *service, const struct top_asked *asked, top_told_fn *each, void *cookie,
        struct top_figures *ret, struct error *err)
{
        struct top_netlink netlink;
        const struct metrics_options *options = &service->metrics.options;
        struct top_source source = { .registry = service->metrics.registry,
                .root = options->root,
                .proc = options->proc,
                .netlinks = &netlink,
                .netlink_count = open_netlink(service, &netlink) };
        if (!service->top && !(service->top = top_new(err)))
                return -1;
        if (!top_looked_ns(service->top) && top_look_first(service->top, &source, err) < 0)
                return -1;
        const int64_t wait_ns = top_looked_ns(service->top) + PAUSE_NS - time_monotonic_ns();
        if (wait_ns > 0) {
                const struct timespec pause = { .tv_nsec = (long)wait_ns };
                clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        }
        return top_answer(service->top, &source, asked, each, cookie, ret, err);
}

int metrics_ended(struct metrics_service *service, const struct top_asked *asked, top_told_fn *each, void *cookie,
        struct top_figures *ret, struct error *err)
{
        const struct metrics *metrics = &service->metrics;
        const struct top_source source = { .registry = metrics->registry, .root = metrics->options.root };
        if (!metrics->ended)
                return *service->ended_problem
                               ? fail(err, E_UNAVAILABLE, "the ledger is not kept: %s", service->ended_problem)
                               : fail(err, E_UNAVAILABLE,
                                         "the ledger is not kept: short_lived is false in the configuration");
        /* what waits in the socket's buffer belongs to it */
        ledger_drain(metrics->ended, metrics->exits, metrics->options.proc, DRAIN_BATCHES);
        return top_answer_ended(metrics->ended, service->ended_since_ns, &source, asked, each, cookie, ret, err);
}

/* ---- routes ---- */

static int read_word(
        const struct request *request, const char *name, const char *const *words, int *ret, struct error *err)
{
        const char *text = request_query(request, name);
        if (!text)
                return 0;
        for (int i = 0; words[i]; i++)
                if (strcmp(words[i], text) == 0) {
                        *ret = i;
                        return 0;
                }
        return fail(err, E_INVALID, "%s: \"%.60s\" is none of the words there are", name, text);
}

static int read_asked(const struct request *request, struct arena *arena, struct top_asked *ret, struct error *err)
{
        int order = TOP_CPU;
        int sum = TOP_BY_PROCESS;
        uint64_t count = SHOWN_DEFAULT;
        const char *text = request_query(request, "count");
        if (text && (!sv_parse_u64(sv_of(text), 10, &count) || count < 1 || count > TOP_COUNT_MAX))
                return fail(err, E_INVALID, "count: \"%.60s\" is no number of 1 to %d", text, TOP_COUNT_MAX);
        if (read_word(request, "sort", top_order_names, &order, err) < 0 ||
                read_word(request, "group", top_sum_names, &sum, err) < 0)
                return -1;
        *ret = (struct top_asked){ arena_strdup(arena, request_query(request, "container")), (enum top_order)order,
                (size_t)count, (enum top_sum)sum };
        return 0;
}

struct writing {
        struct json_writer writer;
        unsigned flags;
};

static int write_row(const struct top_told *told, void *cookie)
{
        struct writing *writing = cookie;
        record_write(&writing->writer, &top_told_record, told, writing->flags);
        return 0;
}

typedef int answer_fn(struct metrics_service *service, const struct top_asked *asked, top_told_fn *each, void *cookie,
        struct top_figures *ret, struct error *err);

static void reply(struct service *service, struct request *request, answer_fn *answer)
{
        struct error err;
        struct top_asked asked;
        struct top_figures figures;
        struct writing writing = { .flags = service->privacy ? WRITE_PRIVACY : 0 };
        char span[TIME_TEXT_MAX];
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf out;
        arena_init(&arena, 64 << 10);
        buf_init(&out, ANSWER_MAX);
        json_writer_init(&writing.writer, &out, 0);
        json_begin_object(&writing.writer);
        json_key(&writing.writer, "rows");
        json_begin_array(&writing.writer);
        if (read_asked(request, &arena, &asked, &err) < 0 ||
                answer(service->state, &asked, write_row, &writing, &figures, &err) < 0) {
                request_fail(request, &err);
                return;
        }
        json_end_array(&writing.writer);
        duration_format(figures.span_ns, span);
        json_field(&writing.writer, "interval", json_put_text, span);
        json_field(&writing.writer, "processes", json_put_uint, figures.looked_at);
        json_field(&writing.writer, "refused", json_put_uint, figures.refused);
        json_end_object(&writing.writer);
        if (out.failed) {
                fail(&err, E_TOO_LARGE, "the answer is larger than %d bytes: ask for less", ANSWER_MAX);
                request_fail(request, &err);
                return;
        }
        request_reply(request, 200, NULL, sv_n(out.data, out.len));
}

void metrics_on_top(struct service *service, struct request *request)
{
        reply(service, request, metrics_top);
}

void metrics_on_short_lived(struct service *service, struct request *request)
{
        reply(service, request, metrics_ended);
}
