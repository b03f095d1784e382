/* listen: a TCP, UDP or HTTP server for diagnosis. It answers every client in a simple way, says who sent what, and
 * runs until it is stopped, or for so many messages or so long. */
#include "modules/net/listen.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "module/lines.h"

#include <poll.h>
#include <sys/eventfd.h>

static const char *const kinds[] = { "tcp", "udp", "http", NULL };
static const char *const replies[] = { "usual", "none", "length", "echo", "text", NULL };
static const char *const happenings[] = { "listening", "connected", "received", "closed", "secured", "failed", NULL };

struct listen_row {
        int64_t at_ns;
        int what;
        char *address;
        unsigned port, worker;
        uint64_t bytes;
        char *text;
        char *version, *cipher, *alpn, *server_name, *fingerprint;
};

struct listen_statistics {
        char *exectime;
        uint64_t connections, messages, bytes, replies, refused, limited, events_lost, rows_left_out, secured, failed;
        LIST(uint64_t) by_worker;
};

#define P struct listen_params
static const struct field listen_params_fields[] = {
        FIELD_ENUM(P, kind, kinds, .help = "what to serve", .required = true, .positional = true),
        FIELD_STRING(P, address, .flag = 'a', .help = "address to bind; 0.0.0.0 and :: are all", .def = "127.0.0.1",
                .metavar = "ADDRESS", .max_length = 64),
        FIELD_INT(P, port, .flag = 'p', .def = "-1", .min = -1, .max = 65535,
                .help = "port; -1 is 3333 for tcp, 3000 for udp, 8888 for http; 0 is any free one"),
        FIELD_ENUM(P, reply, replies, .flag = 'r', .def = "usual",
                .help = "answer to a message; usual is length for tcp, none for udp, text for http"),
        FIELD_STRING(P, text, .help = "what the reply text says", .def = "Hello from tarsier", .max_length = 4096),
        FIELD_DURATION(P, delay_ns, .json = "delay", .help = "wait before each answer", .max = HOUR, .min = 0),
        FIELD_UINT(P, workers, .flag = 'w', .def = "1", .min = 1, .max = LISTEN_WORKERS_MAX,
                .help = "threads, each with a socket of its own on the port (SO_REUSEPORT)"),
        FIELD_UINT(P, clients, .def = "1000", .min = 1, .max = 10000, .help = "connections at the same time"),
        FIELD_SIZE(P, bytes, .def = "1m", .help = "bytes that one connection may send; 0 is no limit"),
        FIELD_DURATION(P, timeout_ns, .json = "timeout", .flag = 't', .def = "30s", .min = MILLISECOND, .max = DAY,
                .help = "a client that says nothing for so long is cut, and a request that takes longer"),
        FIELD_UINT(P, count, .flag = 'c', .help = "end after so many messages; 0 runs on"),
        FIELD_DURATION(P, duration_ns, .json = "duration", .flag = 'd', .min = 0, .max = 365 * DAY,
                .help = "end after this time; 0 runs on"),
        FIELD_BOOL(P, tls, .help = "speak TLS; without a certificate with one that is made for this run"),
        FIELD_PATH(P, tls_certificate, .json = "tlscertificate", .option = "tls-certificate", .metavar = "FILE",
                .help = "TLS with this certificate and its chain, in PEM"),
        FIELD_PATH(P, tls_key, .json = "tlskey", .option = "tls-key", .metavar = "FILE",
                .help = "its key in PEM; by default in the certificate's file"),
        FIELD_DURATION(P, handshake_ns, .json = "tlstimeout", .option = "tls-timeout", .def = "10s", .min = MILLISECOND,
                .max = DAY, .help = "a client whose TLS handshake takes longer is cut"),
        FIELD_STRINGS(P, alpn, .metavar = "NAME", .max_items = TLS_ALPN_MAX, .max_length = TLS_ALPN_LENGTH_MAX,
                .help = "TLS: a protocol that a client may choose (ALPN), the best first; http/1.1 and http/1.0 by "
                        "default for http"),
        FIELD_UINT(
                P, rows, .def = "10000", .max = 1000000, .min = 0, .help = "rows in the result; more is only counted"),
};

#define R struct listen_row
static const struct field listen_row_fields[] = {
        FIELD_TIME(R, at_ns, .json = "time", .help = "when it happened"),
        FIELD_ENUM(R, what, happenings, .json = "event", .help = "what happened"),
        FIELD_STRING(R, address, .help = "the other end; of listening the own one", .private_ = true),
        FIELD_UINT(R, port, .help = "its port"),
        FIELD_UINT(R, worker, .help = "which worker, from 0"),
        FIELD_UINT(R, bytes, .help = "size of the message; of closed: of all it sent", .omit_empty = true),
        FIELD_STRING(R, text, .help = "the beginning of the message; of failed, what went wrong; of closed, how",
                .omit_empty = true, .private_ = true),
        FIELD_STRING(R, version, .help = "of TLS", .omit_empty = true),
        FIELD_STRING(R, cipher, .help = "cipher suite", .omit_empty = true),
        FIELD_STRING(R, alpn, .help = "protocol that was agreed on", .omit_empty = true),
        FIELD_STRING(R, server_name, .json = "servername", .help = "name that the client asked for (SNI)",
                .omit_empty = true, .private_ = true),
        FIELD_STRING(R, fingerprint, .help = "of listening: SHA-256 of the certificate, hex", .omit_empty = true),
};

#define S struct listen_statistics
static const struct field listen_statistics_fields[] = {
        FIELD_STRING(S, exectime, .help = "time the run took"),
        FIELD_UINT(S, connections, .help = "accepted connections"),
        FIELD_UINT(S, messages, .help = "messages received"),
        FIELD_UINT(S, bytes, .help = "bytes received"),
        FIELD_UINT(S, replies, .help = "answers sent"),
        FIELD_UINT(S, refused, .help = "connections beyond the limit, and answers that could not be sent"),
        FIELD_UINT(S, limited, .help = "connections cut: too many bytes, too slow a request or handshake"),
        FIELD_UINT(S, secured, .help = "TLS handshakes that succeeded", .omit_empty = true),
        FIELD_UINT(S, failed, .help = "TLS handshakes that did not, and sessions that broke", .omit_empty = true),
        FIELD_UINT(S, events_lost, .json = "eventslost", .help = "events that came faster than rows could be sent"),
        FIELD_UINT(S, rows_left_out, .json = "rowsleftout", .help = "events beyond the limit of rows"),
        FIELD_UINTS(S, by_worker, .json = "byworker", .help = "connections, of udp messages, by worker"),
};

static int listen_validate(const void *given, struct error *err)
{
        const struct listen_params *params = given;
        struct address address;
        bool certificate = params->tls_certificate && *params->tls_certificate;
        if (params->tls_key && *params->tls_key && !certificate)
                return fail(err, E_INVALID, "tls-key: needs a certificate too");
        if ((params->tls || certificate) && params->kind == LISTEN_UDP)
                return fail(err, E_INVALID, "tls: there is none over UDP here");
        if (params->alpn.count && !params->tls && !certificate)
                return fail(err, E_INVALID, "alpn: needs tls");
        if (tls_check_alpn(params->alpn.items, params->alpn.count, err) < 0)
                return -1;
        return address_parse(params->address ? params->address : "", 0, &address, err);
}

/* ---- sockets ---- */

static void on_start(struct loop *loop, unsigned index, void *cookie)
{
        struct listening *listening = cookie;
        struct error why;
        listening->loops[index] = loop;
        if (listening->params->kind == LISTEN_UDP && listen_serve_udp(listening, loop, index, &why) < 0)
                log_error("worker %u: %s", index, why.message);
}

static int open_udp(struct listening *listening, struct address *address, struct error *err)
{
        int on = 1;
        for (unsigned i = 0; i < listening->workers; i++) {
                int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                listening->udp[i] = fd;
                if (fd < 0 ||
                        (listening->workers > 1 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
                        bind(fd, &address->any, address->size) < 0 ||
                        getsockname(fd, &address->any, &address->size) < 0)
                        return fail_errno(err, "port %u", address_port(address));
        }
        return 0;
}

static int open_sockets(struct listening *listening, struct pool *pool, struct address *ret, struct error *err)
{
        static const uint16_t usual[] = { [LISTEN_TCP] = 3333, [LISTEN_UDP] = 3000, [LISTEN_HTTP] = 8888 };
        const struct listen_params *params = listening->params;
        uint16_t port = params->port < 0 ? usual[params->kind] : (uint16_t)params->port;
        if (address_parse(params->address, port, ret, err) < 0)
                return -1;
        if (params->kind == LISTEN_UDP)
                return open_udp(listening, ret, err);
        struct address asked = *ret;
        return pool_listen(pool, &asked.any, asked.size, &ret->storage, err);
}

/* ---- events to rows ---- */

struct reporter {
        struct run *run;
        struct listening *listening;
        struct listen_statistics *statistics;
        struct listen_event *taken;
        uint64_t rows;
        char *fingerprint;
};

/* Contents are shown as text: what is no UTF-8 or would move a cursor becomes '.'. */
static void show_excerpt(const struct listen_event *event, char *ret)
{
        size_t n = event->excerpt_size;
        while (n && (event->excerpt[n - 1] == '\n' || event->excerpt[n - 1] == '\r'))
                n--;
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)event->excerpt[i];
                ret[i] = c < ' ' || c >= 127 ? '.' : (char)c;
        }
        ret[n] = '\0';
}

static int report_event(struct reporter *reporter, const struct listen_event *event, struct error *err)
{
        char address[ADDRESS_TEXT_MAX], text[LISTEN_EXCERPT + 1];
        bool secured = event->what == LISTEN_SECURED;
        show_excerpt(event, text);
        address_format(&event->peer, address);
        bool udp = reporter->listening->params->kind == LISTEN_UDP;
        if (event->what == (udp ? LISTEN_RECEIVED : LISTEN_CONNECTED))
                reporter->statistics->by_worker.items[event->worker]++;
        if (reporter->rows >= reporter->listening->params->rows) {
                reporter->statistics->rows_left_out++;
                return 0;
        }
        reporter->rows++;
        struct listen_row row = { .at_ns = event->at_ns,
                .what = (int)event->what,
                .address = address,
                .port = address_port(&event->peer),
                .worker = event->worker,
                .bytes = event->bytes,
                .text = secured ? NULL : text,
                .version = (char *)event->version,
                .cipher = (char *)event->cipher,
                .alpn = (char *)event->alpn,
                .server_name = secured ? text : NULL };
        return run_emit(reporter->run, NULL, &row, err);
}

static int report_events(struct reporter *reporter, struct error *err)
{
        struct listening *listening = reporter->listening;
        uint64_t ignored;
        if (read(listening->wake_fd, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN)
                return fail_errno(err, "eventfd");
        pthread_mutex_lock(&listening->mutex);
        size_t count = listening->event_count;
        memcpy(reporter->taken, listening->events, count * sizeof(*reporter->taken));
        listening->event_count = 0;
        pthread_mutex_unlock(&listening->mutex);
        for (size_t i = 0; i < count; i++)
                if (report_event(reporter, &reporter->taken[i], err) < 0)
                        return -1;
        return 0;
}

/* Until a stop, the time or the number of messages. */
static int report_until_end(struct reporter *reporter, struct error *err)
{
        const struct listen_params *params = reporter->listening->params;
        int64_t end = params->duration_ns ? reporter->run->started_ns + params->duration_ns : INT64_MAX;
        for (;;) {
                if (report_events(reporter, err) < 0)
                        return -1;
                if (params->count && atomic_load(&reporter->listening->messages) >= params->count)
                        return 0;
                int64_t left = end == INT64_MAX ? -1 : end - time_monotonic_ns();
                if (end != INT64_MAX && left <= 0)
                        return 0;
                struct pollfd wake = { reporter->listening->wake_fd, POLLIN, 0 };
                if (run_poll(reporter->run, &wake, 1, left, err) < 0)
                        return err->code == E_STOPPED ? 0 : -1;
        }
}

/* ---- the run ---- */

static void count_up(struct reporter *reporter, struct pool *pool)
{
        struct listening *listening = reporter->listening;
        struct listen_statistics *statistics = reporter->statistics;
        struct pool_counters counters = { 0 };
        char took[TIME_TEXT_MAX];
        pool_read_counters(pool, &counters);
        duration_format(time_monotonic_ns() - reporter->run->started_ns, took);
        statistics->exectime = arena_strdup(&reporter->run->arena, took);
        statistics->connections = counters.accepted;
        statistics->messages = atomic_load(&listening->messages);
        statistics->bytes = atomic_load(&listening->bytes);
        statistics->replies = atomic_load(&listening->replies);
        statistics->refused = atomic_load(&listening->refused) + counters.refused;
        statistics->limited = atomic_load(&listening->limited);
        statistics->events_lost = listening->events_lost;
        statistics->secured = atomic_load(&listening->secured);
        statistics->failed = atomic_load(&listening->failed);
}

static int serve(struct reporter *reporter, struct pool *pool, struct error *err)
{
        struct listening *listening = reporter->listening;
        struct listen_event ready = { .what = LISTEN_LISTENING, .at_ns = time_unix_ns() };
        if (open_sockets(listening, pool, &ready.peer, err) < 0 || pool_start(pool, err) < 0)
                return -1;
        struct listen_row row = { .at_ns = ready.at_ns, .what = LISTEN_LISTENING, .port = address_port(&ready.peer) };
        char address[ADDRESS_TEXT_MAX];
        address_format(&ready.peer, address);
        row.address = address;
        row.fingerprint = reporter->fingerprint;
        if (run_emit(reporter->run, NULL, &row, err) < 0 || report_until_end(reporter, err) < 0)
                return -1;
        run_set_found(reporter->run, atomic_load(&listening->messages) > 0);
        bool stopped = run_stopped(reporter->run);
        pool_stop(pool, stopped ? 0 : SECOND); /* answers on their way may still leave */
        pool_join(pool);
        count_up(reporter, pool); /* an answer is counted after it left: not before its thread has ended */
        return stopped ? 0 : report_events(reporter, err);
}

/* What the parameters name is read here; from then on the worker opens no file. */
static int prepare(struct reporter *reporter, struct error *err)
{
        const struct listen_params *params = reporter->listening->params;
        bool secure = params->tls || (params->tls_certificate && *params->tls_certificate);
        if (secure && listen_tls_prepare(reporter->listening, &reporter->run->arena, &reporter->fingerprint, err) < 0)
                return -1;
        return sandbox_narrow_paths(NULL, err);
}

static int listen_run(struct run *run, struct error *err)
{
        static const enum listen_reply usual[] = {
                [LISTEN_TCP] = REPLY_LENGTH, [LISTEN_UDP] = REPLY_NONE, [LISTEN_HTTP] = REPLY_TEXT
        };
        const struct listen_params *params = run->params;
        struct listening listening = {
                .params = params, .workers = params->workers, .mutex = PTHREAD_MUTEX_INITIALIZER
        };
        struct reporter reporter = { .run = run, .listening = &listening, .statistics = run_statistics(run) };
        listening.reply = params->reply == REPLY_USUAL ? usual[params->kind] : (enum listen_reply)params->reply;
        /* not of the arena, which touches every page: 3 MB that most runs use a little of */
        cleanup(free) struct listen_event *events = calloc(LISTEN_EVENTS_MAX, sizeof(*events));
        cleanup(free) struct listen_event *taken = calloc(LISTEN_EVENTS_MAX, sizeof(*taken));
        listening.events = events;
        reporter.taken = taken;
        reporter.statistics->by_worker.items = arena_array(&run->arena, params->workers, sizeof(uint64_t));
        if (!listening.events || !reporter.taken || !reporter.statistics->by_worker.items)
                return fail(err, E_NO_MEMORY, "no memory for events");
        reporter.statistics->by_worker.count = params->workers;
        for (unsigned i = 0; i < LISTEN_WORKERS_MAX; i++)
                listening.udp[i] = -1;
        cleanup(fd_close) int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (wake < 0)
                return fail_errno(err, "eventfd");
        listening.wake_fd = wake;
        struct pool_options options = { .mode = POOL_REUSEPORT,
                .threads = params->workers,
                .connections_max = params->clients,
                .on_accept = listen_accept,
                .on_start = on_start,
                .cookie = &listening };
        if (prepare(&reporter, err) < 0) {
                listen_tls_done(&listening);
                return -1;
        }
        cleanup(pool_free) struct pool *pool = pool_new(&options, err);
        int status = pool ? serve(&reporter, pool, err) : -1;
        if (pool) {
                pool_stop(pool, 0);
                pool_join(pool);
        }
        for (unsigned i = 0; i < LISTEN_WORKERS_MAX; i++)
                fd_close(&listening.udp[i]);
        listen_tls_done(&listening);
        return status;
}

/* ---- lines ---- */

static void listen_print_row(struct line_printer *printer, const char *group, const char *label, const void *given)
{
        const struct listen_row *row = given;
        const char *from = row->address ? row->address : "";
        const char *detail = row->what == LISTEN_LISTENING ? row->fingerprint : row->text;
        bool alpn = row->alpn && *row->alpn, name = row->server_name && *row->server_name;
        (void)group;
        (void)label;
        if (row->what == LISTEN_RECEIVED)
                print_line(printer, "Received: %s from [%s]:%u", row->text ? row->text : "", from, row->port);
        else if (row->what == LISTEN_SECURED && !printer->results_only)
                print_line(printer, "secured [%s]:%u: %s, %s%s%s%s%s", from, row->port,
                        row->version ? row->version : "", row->cipher ? row->cipher : "", alpn ? ", ALPN " : "",
                        alpn ? row->alpn : "", name ? ", for " : "", name ? row->server_name : "");
        else if (!printer->results_only)
                print_line(printer, "%s [%s]:%u%s%s", happenings[row->what], from, row->port,
                        detail && *detail ? row->what == LISTEN_LISTENING ? ", certificate sha256 " : ": " : "",
                        detail ? detail : "");
}

static void listen_print_statistics(struct line_printer *printer, const void *given)
{
        const struct listen_statistics *statistics = given;
        if (!printer->results_only)
                print_line(printer, "%llu connections, %llu messages, %llu bytes, %llu answers in %s",
                        (unsigned long long)statistics->connections, (unsigned long long)statistics->messages,
                        (unsigned long long)statistics->bytes, (unsigned long long)statistics->replies,
                        statistics->exectime);
}

static const struct module_example listen_examples[] = {
        { "listen tcp", "answer each message on port 3333 with its length, until Ctrl-C" },
        { "listen udp --workers 4 --address 0.0.0.0",
                "log datagrams on port 3000, with a reader for each of 4 sockets" },
        { "listen http --port 8080 --text hello --delay 10ms", "a fixed page that takes its time" },
        { "listen http --port 8443 --tls", "the same over TLS, with a certificate made for this run" },
        { "listen tcp --tls-certificate server.pem --tls-key server.key", "who connects, and how each handshake goes" },
        { 0 },
};

const struct module listen_module = {
        .name = "listen",
        .summary = "serve TCP, UDP or HTTP for diagnosis and tell who sent what",
        .params = RECORD(struct listen_params, listen_params_fields),
        .element = RECORD(struct listen_row, listen_row_fields),
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct listen_statistics, listen_statistics_fields),
        /* for key and certificate; narrowed to none before it listens */
        .sandbox = { .capabilities = CAP_BIT(CAP_NET_BIND_SERVICE), .network = true, .read_all = true },
        .limits = { .wall_ns = 365 * DAY, .memory = 512 * MIB },
        .local_only = true,
        .examples = listen_examples,
        .validate = listen_validate,
        .run = listen_run,
        .print_row = listen_print_row,
        .print_statistics = listen_print_statistics,
};
