/* The process connector alone as a source: who forked, executed and ended, and what ids they took; what an exec ran has
 * to be read from /proc. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "modules/watch/source/connector_observe.h"
#include "modules/watch/source/diagnostics.h"
#include "modules/watch/source/source.h"

enum { BATCHES_MAX = 128 /* a call: about 1 MiB */ };

struct source {
        struct connector *connector;
        struct connector_clock clock;
        struct connector_threads threads;
        struct diagnostics diagnostics;
        uint64_t lost_told, lost, observed, refused;
        int64_t polled_ns;
};

static void connector_source_close(struct source *source)
{
        if (!source)
                return;
        connector_close(source->connector);
        connector_threads_done(&source->threads);
        diagnostics_close(&source->diagnostics);
        free(source);
}

static int connector_source_open(const struct source_options *options, struct source **ret, struct error *err)
{
        struct source *source = calloc(1, sizeof(*source));
        if (!source)
                return fail_errno(err, "connector source");
        if (diagnostics_open(&source->diagnostics, options, err) < 0 ||
                connector_open(CONNECTOR_ALL, options->buffer, &source->connector, err) < 0) {
                connector_source_close(source);
                return -1;
        }
        connector_clock_set(&source->clock);
        *ret = source;
        return 0;
}

static int connector_source_fds(const struct source *source, int *ret, int max)
{
        if (max < 1)
                return 0;
        ret[0] = connector_fd(source->connector);
        return 1;
}

static bool connector_source_receive(struct source *source, struct queue *raw)
{
        struct connector_event events[CONNECTOR_BATCH];
        bool more = true;
        for (int i = 0; i < BATCHES_MAX && more; i++) {
                size_t count = connector_receive(source->connector, events, &more);
                for (size_t j = 0; j < count; j++) {
                        struct raw_connector message;
                        raw_connector_of(&source->clock, &events[j], &message);
                        queue_push(raw, sv_n((const char *)&message, sizeof(message)));
                        diagnostics_connector(&source->diagnostics, &message);
                }
        }
        struct connector_counters counters;
        connector_count(source->connector, &counters);
        /* the numbering of the CPUs tells all; where the kernel lacks it, the socket's counter */
        uint64_t lost = counters.gaps > counters.dropped ? counters.gaps : counters.dropped;
        if (lost > source->lost_told) {
                struct raw_loss loss;
                if (!queue_has_room(raw, sizeof(loss))) /* told when there is room to tell it */
                        return true;
                memset(&loss, 0, sizeof(loss));
                loss.type = RAW_LOSS;
                loss.kind = LOSS_CONNECTOR_BUFFER;
                loss.time_ns = time_unix_ns();
                loss.lost = lost - source->lost_told;
                queue_push(raw, sv_n((const char *)&loss, sizeof(loss)));
                diagnostics_loss(&source->diagnostics, &loss);
                source->lost_told = lost;
        }
        return more;
}

static void observe_loss(struct source *source, const struct raw_loss *loss, observe_fn *observe, void *cookie)
{
        struct observation gap;
        observation_init(&gap, OBSERVED_GAP, SOURCE_CONNECTOR);
        gap.time_ns = loss->time_ns;
        gap.lost = loss->lost;
        gap.unit = loss_unit(loss->kind);
        gap.reason = loss_reason(loss->kind);
        source->lost += loss->lost;
        connector_threads_forget(&source->threads, loss->time_ns, SOURCE_CONNECTOR, observe, cookie);
        observe(&gap, cookie);
}

static void connector_source_decode(
        struct source *source, struct sv raw, int64_t now_ns, observe_fn *observe, void *cookie)
{
        uint16_t type = 0;
        (void)now_ns;
        if (raw.n >= sizeof(type))
                memcpy(&type, raw.p, sizeof(type));
        if (type == RAW_CONNECTOR && raw.n == sizeof(struct raw_connector)) {
                struct raw_connector message;
                struct observation observation;
                memcpy(&message, raw.p, sizeof(message));
                if (!connector_observe(&source->threads, &message, SOURCE_CONNECTOR, &observation))
                        return;
                source->observed++;
                observe(&observation, cookie);
        } else if (type == RAW_LOSS && raw.n == sizeof(struct raw_loss)) {
                struct raw_loss loss;
                memcpy(&loss, raw.p, sizeof(loss));
                observe_loss(source, &loss, observe, cookie);
        } else {
                source->refused++;
        }
}

static void connector_source_tick(struct source *source, int64_t now_ns, observe_fn *observe, void *cookie)
{
        (void)observe;
        (void)cookie;
        if (now_ns != INT64_MAX && now_ns >= source->polled_ns && now_ns - source->polled_ns < SECOND)
                return;
        source->polled_ns = now_ns == INT64_MAX ? source->polled_ns : now_ns;
        connector_clock_set(&source->clock); /* Unix time may have been set */
        diagnostics_flush(&source->diagnostics);
}

static void connector_source_count(const struct source *source, struct source_counters *ret)
{
        struct connector_counters counters;
        connector_count(source->connector, &counters);
        *ret = (struct source_counters){ .received = counters.received,
                .assembled = source->observed,
                .lost = source->lost,
                .refused = counters.refused + source->refused + source->threads.refused };
}

const struct source_ops source_connector = {
        .name = "connector",
        .kind = SOURCE_CONNECTOR,
        .open = connector_source_open,
        .close = connector_source_close,
        .fds = connector_source_fds,
        .receive = connector_source_receive,
        .decode = connector_source_decode,
        .tick = connector_source_tick,
        .count = connector_source_count,
};
