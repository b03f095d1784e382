/* The kernel's audit as a source: the daemon, or a reader beside it; with the process connector where there is one. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/audit_netlink.h"
#include "modules/watch/source/audit_join.h"
#include "modules/watch/source/audit_ruleset.h"
#include "modules/watch/source/diagnostics.h"
#include "modules/watch/source/fork_resolve.h"
#include "modules/watch/source/source.h"

#include <fcntl.h>

enum {
        ROUNDS_MAX = 64, /* batches of records a call: about 1 MiB */
        DRAIN_MAX = 1024 /* batches of connector messages a round */
};
#define OWN_CHANGES_NS (5 * SECOND)
#define CONNECTOR_MASK (CONNECTOR_FORK | CONNECTOR_EXEC | CONNECTOR_EXIT | CONNECTOR_COMM)

struct source {
        int command, root;
        struct audit_stream *stream;
        struct connector *connector; /* NULL: audit tells of forks and exits */
        struct connector_clock clock;
        struct audit_ruleset ruleset;
        struct audit_join *join;
        struct diagnostics diagnostics;
        struct source_options options;
        bool daemon;
        uint32_t lost;       /* the kernel's counter as last seen */
        uint64_t overflowed; /* audit records and connector messages dropped, as last told */
        uint64_t connector_dropped;
        int64_t polled_ns;
        uint64_t unheld; /* raw messages that the queue refused: it counts them too */
        /* The kernel tells of each change that we made at the start: so many are no news. What somebody else changes
         * afterwards, our rules too, is. */
        size_t own_changes;
        int64_t opened_ns;
        observe_fn *observe; /* during a call */
        void *cookie;
};

__attribute__((format(printf, 2, 3))) static void say(const struct source_options *options, const char *format, ...)
{
        char text[512];
        va_list args;
        if (!options->log)
                return;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        options->log(options->log_cookie, text);
}

static void say_status(const struct source_options *options, const struct audit_status *status)
{
        char daemon[32] = "none";
        if (status->pid)
                snprintf(daemon, sizeof(daemon), "process %u", status->pid);
        say(options,
                "audit: before: enabled %u%s, failure %u, daemon %s, rate limit %u, backlog limit %u (%u waiting, "
                "%u ms), lost %u",
                status->enabled, status->enabled == 2 ? " (locked)" : "", status->failure, daemon, status->rate_limit,
                status->backlog_limit, status->backlog, status->backlog_wait_time, status->lost);
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */

static int open_stream(struct source *source, struct error *err)
{
        const struct source_options *options = &source->options;
        enum audit_stream_mode mode = source->daemon ? AUDIT_STREAM_UNICAST : AUDIT_STREAM_MULTICAST;
        struct error failure;
        if (audit_stream_open(mode, options->buffer, &source->stream, &failure) == 0)
                return 0;
        if (failure.code == E_EXISTS)
                return fail(err, E_UNAVAILABLE, "%s: end it, or read beside it (read-only)", failure.message);
        if (err)
                *err = failure;
        return -1;
}

static void open_connector(struct source *source)
{
        struct error failure;
        if (connector_open(CONNECTOR_MASK, source->options.buffer, &source->connector, &failure) == 0) {
                connector_clock_set(&source->clock);
                return;
        }
        source->connector = NULL;
        say(&source->options, "audit: no process connector (%s): %s", failure.message,
                source->daemon ? "audit rules tell of fork and exit, and not of ends by a signal"
                               : "forks and exits are seen only where the host's rules tell them");
}

static int open_rules(struct source *source, struct error *err)
{
        const struct source_options *options = &source->options;
        if (!source->daemon) {
                if (options->immutable || (options->rules && options->rules[0]))
                        return fail(err, E_INVALID,
                                "read-only: no rules can be added beside another audit daemon, nor "
                                "the configuration locked");
                return 0;
        }
        struct audit_ruleset_options ruleset = { .forks = source->connector == NULL,
                .rate = options->rate,
                .backlog = options->backlog,
                .immutable = options->immutable,
                .rules = options->rules,
                .log = options->log,
                .log_cookie = options->log_cookie };
        if (audit_ruleset_load(source->command, &ruleset, &source->ruleset, err) < 0)
                return -1;
        source->own_changes = source->ruleset.changes + 1; /* and the registration */
        source->opened_ns = time_unix_ns();
        return 0;
}

static pid_t resolve(void *cookie, pid_t parent, pid_t told, bool perhaps_thread)
{
        const struct source *source = cookie;
        return fork_resolve(source->root, parent, told, perhaps_thread);
}

static int open_join(struct source *source, struct error *err)
{
        struct audit_assembler_options assembler = { .timeout_ns = source->options.event_timeout_ns };
        struct audit_join_options options = {
                .source = SOURCE_AUDIT, .assembler = &assembler, .resolve = resolve, .resolve_cookie = source
        };
        source->join = audit_join_new(&options, err);
        return source->join ? 0 : -1;
}

static void audit_close(struct source *source);

static int open_parts(struct source *source, struct error *err)
{
        struct audit_status status;
        source->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (source->root < 0)
                return fail_errno(err, "/");
        source->command = audit_netlink_open(err);
        if (source->command < 0 || diagnostics_open(&source->diagnostics, &source->options, err) < 0 ||
                open_join(source, err) < 0)
                return -1;
        /* a reader may lack the right to ask (CAP_AUDIT_CONTROL) */
        struct error failure;
        if (audit_netlink_status(source->command, &status, &failure) == 0) {
                say_status(&source->options, &status);
                source->lost = status.lost;
        } else if (source->daemon) {
                if (failure.code == E_PERMISSION)
                        return fail(err, E_PERMISSION,
                                "the audit system needs root in the initial user and pid namespaces (%s)",
                                errno_text(EPERM));
                *err = failure;
                return -1;
        }
        if (open_stream(source, err) < 0)
                return -1;
        open_connector(source);
        return open_rules(source, err);
}

static int audit_open(const struct source_options *options, struct source **ret, struct error *err)
{
        struct error failure = { 0 };
        struct source *source = calloc(1, sizeof(*source));
        if (!source)
                return fail_errno(err, "audit source");
        source->options = *options;
        source->daemon = !options->read_only;
        source->command = source->root = -1;
        if (open_parts(source, &failure) < 0) {
                audit_close(source);
                if (err)
                        *err = failure;
                return -1;
        }
        *ret = source;
        return 0;
}

static void audit_close(struct source *source)
{
        if (!source)
                return;
        struct error failure;
        if (source->command >= 0 && audit_ruleset_unload(source->command, &source->ruleset, &failure) < 0)
                say(&source->options, "audit: not everything could be undone: %s", failure.message);
        audit_stream_close(source->stream);
        connector_close(source->connector);
        audit_join_free(source->join);
        diagnostics_close(&source->diagnostics);
        fd_close(&source->command);
        fd_close(&source->root);
        free(source);
}

static int audit_fds(const struct source *source, int *ret, int max)
{
        int count = 0;
        if (count < max)
                ret[count++] = audit_stream_fd(source->stream);
        if (count < max && source->connector)
                ret[count++] = connector_fd(source->connector);
        return count;
}

/* --- stage 1 -------------------------------------------------------------------------------------------------------
 */

static void push(struct source *source, struct queue *raw, const void *bytes, size_t size)
{
        if (!queue_push(raw, sv_n(bytes, size)))
                source->unheld++;
}

static bool receive_connector(struct source *source, struct queue *raw)
{
        struct connector_event events[CONNECTOR_BATCH];
        bool more = true, any = false;
        for (int i = 0; i < DRAIN_MAX && more; i++) {
                size_t count = connector_receive(source->connector, events, &more);
                for (size_t j = 0; j < count; j++) {
                        struct raw_connector message;
                        raw_connector_of(&source->clock, &events[j], &message);
                        push(source, raw, &message, sizeof(message));
                        diagnostics_connector(&source->diagnostics, &message);
                }
                any |= count > 0;
        }
        return any && more;
}

static void push_record(struct source *source, struct queue *raw, const struct audit_netlink_record *record)
{
        char *room = queue_reserve(raw, sizeof(record->type) + record->text.n);
        diagnostics_audit(&source->diagnostics, record->type, record->text);
        if (!room) {
                source->unheld++;
                return;
        }
        memcpy(room, &record->type, sizeof(record->type));
        memcpy(room + sizeof(record->type), record->text.p, record->text.n);
        queue_commit(raw, sizeof(record->type) + record->text.n);
}

static struct raw_loss loss_of(struct source *source, enum loss_kind kind, uint64_t lost)
{
        struct raw_loss loss;
        memset(&loss, 0, sizeof(loss));
        loss.type = RAW_LOSS;
        loss.kind = kind;
        loss.time_ns = time_unix_ns();
        loss.lost = lost;
        diagnostics_loss(&source->diagnostics, &loss);
        return loss;
}

/* What the sockets dropped since the last time. */
static size_t read_drops(struct source *source, struct raw_loss ret[2])
{
        size_t count = 0;
        struct audit_stream_counters stream;
        audit_stream_count(source->stream, &stream);
        if (stream.dropped > source->overflowed)
                ret[count++] = loss_of(source, LOSS_AUDIT_BUFFER, stream.dropped - source->overflowed);
        source->overflowed = stream.dropped;
        if (!source->connector)
                return count;
        struct connector_counters connector;
        connector_count(source->connector, &connector);
        /* without a mask the numbering tells the same, and what was lost before the socket */
        uint64_t dropped = connector_masked(source->connector) ? connector.dropped : connector.gaps;
        enum loss_kind kind = connector_masked(source->connector) ? LOSS_CONNECTOR_BUFFER : LOSS_CONNECTOR_SEQUENCE;
        if (dropped > source->connector_dropped)
                ret[count++] = loss_of(source, kind, dropped - source->connector_dropped);
        source->connector_dropped = dropped;
        return count;
}

/* Each batch of records is read first, then the connector is emptied and queued, then the records are: audit_join.h. */
static bool audit_receive(struct source *source, struct queue *raw)
{
        struct audit_netlink_record records[AUDIT_NETLINK_BATCH];
        struct raw_loss losses[2];
        bool more = true, behind = false;
        for (int i = 0; i < ROUNDS_MAX && more; i++) {
                size_t count = audit_stream_receive(source->stream, records, &more);
                if (source->connector)
                        behind = receive_connector(source, raw);
                for (size_t j = 0; j < count; j++)
                        push_record(source, raw, &records[j]);
        }
        if (!queue_has_room(raw, sizeof(losses))) /* what was dropped is told when there is room to tell it */
                return true;
        size_t lost = read_drops(source, losses);
        for (size_t i = 0; i < lost; i++)
                push(source, raw, &losses[i], sizeof(losses[i]));
        return more || behind;
}

/* --- stage 2 -------------------------------------------------------------------------------------------------------
 */

static bool is_own_change(const struct source *source, const struct observation *observation)
{
        return observation->type == OBSERVED_CONFIG && (observation->pid == 0 || observation->pid == getpid()) &&
               observation->time_ns < source->opened_ns + OWN_CHANGES_NS;
}

static void pass_on(const struct observation *observation, void *cookie)
{
        struct source *source = cookie;
        if (source->own_changes && is_own_change(source, observation))
                source->own_changes--;
        else
                source->observe(observation, source->cookie);
}

static void audit_decode(struct source *source, struct sv raw, int64_t now_ns, observe_fn *observe, void *cookie)
{
        source->observe = observe;
        source->cookie = cookie;
        audit_join_feed(source->join, raw, now_ns, pass_on, source);
}

static void poll_status(struct source *source, int64_t now_ns)
{
        struct audit_status status;
        struct error err;
        if (audit_netlink_status(source->command, &status, NULL) < 0)
                return;
        if (status.lost != source->lost) { /* a smaller one: somebody has reset it */
                uint32_t lost = status.lost > source->lost || source->lost - status.lost > UINT32_MAX / 2
                                        ? status.lost - source->lost
                                        : status.lost;
                source->lost = status.lost;
                if (lost > 0) {
                        struct raw_loss loss = loss_of(source, LOSS_BACKLOG, lost);
                        audit_join_feed(source->join, sv_n((const char *)&loss, sizeof(loss)), now_ns, pass_on, source);
                }
        }
        if (!source->daemon || status.pid == (uint32_t)getpid())
                return;
        if (audit_stream_register(source->stream, &err) < 0)
                say(&source->options, "audit: no longer the daemon: %s", err.message);
        else
                say(&source->options, "audit: registered as the daemon again");
}

static void audit_tick(struct source *source, int64_t now_ns, observe_fn *observe, void *cookie)
{
        bool end = now_ns == INT64_MAX;
        source->observe = observe;
        source->cookie = cookie;
        if (end || now_ns - source->polled_ns >= SECOND || now_ns < source->polled_ns) {
                int64_t polled = end ? source->polled_ns : now_ns;
                source->polled_ns = polled;
                poll_status(source, polled);
                connector_clock_set(&source->clock); /* Unix time may have been set */
                diagnostics_flush(&source->diagnostics);
        }
        audit_join_tick(source->join, now_ns, pass_on, source);
}

static void audit_count(const struct source *source, struct source_counters *ret)
{
        struct audit_join_counters join;
        struct audit_stream_counters stream;
        struct connector_counters connector = { 0 };
        audit_join_count(source->join, &join);
        audit_stream_count(source->stream, &stream);
        if (source->connector)
                connector_count(source->connector, &connector);
        const struct audit_assembler_counters *assembler = &join.decoder.assembler;
        *ret = (struct source_counters){ .received = stream.received + connector.received,
                .assembled = assembler->events + join.connector_events,
                .lost = audit_join_lost(&join),
                .late = assembler->late + join.late,
                .incomplete = join.alone - join.late,
                .truncated = join.decoder.truncated + stream.truncated,
                .refused = join.decoder.refused + join.refused + stream.foreign + connector.refused,
                .in_flight = assembler->in_flight + join.held };
}

const struct source_ops source_audit = {
        .name = "audit",
        .kind = SOURCE_AUDIT,
        .open = audit_open,
        .close = audit_close,
        .fds = audit_fds,
        .receive = audit_receive,
        .decode = audit_decode,
        .tick = audit_tick,
        .count = audit_count,
};
