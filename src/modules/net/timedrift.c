/* timedrift: how far this host's clock is from that of time servers. Parameters and messages are MIG's; offset, delay
 * and root distance, several servers and the choice among them are ours. */
#include "modules/net/timedrift.h"

#include "base/cleanup.h"
#include "module/lines.h"
#include "modules/net/addresses.h"

#include <poll.h>
#include <sys/random.h>

enum {
        ASKED_MAX = 60, /* run_poll waits for 64 files */
        POOL_ADDRESSES = 4,
        ATTEMPTS = 2,
};

static const char *const public_servers[] = { "time.nist.gov", "0.pool.ntp.org", "1.pool.ntp.org", "2.pool.ntp.org",
        "3.pool.ntp.org" };

struct timedrift_params {
        char *drift;
        struct string_list servers;
        bool public;
        int64_t timeout_ns;
};

struct timedrift_element {
        bool has_checked_drift, is_within_drift;
        struct string_list drifts;
        char *local_time;
        char *server;
        int64_t offset_ns, root_distance_ns;
        bool measured;
};

struct timedrift_server {
        const char *host, *time, *latency, *drift;
        bool reachable;
        char *address, *source;
        bool answered;
        int64_t offset_ns, delay_ns, root_delay_ns, root_dispersion_ns, root_distance_ns;
        unsigned stratum;
        char *leap, *reference, *kiss, *failure;
        unsigned strange;
        bool chosen;
};

struct timedrift_statistics {
        char *exectime;
        LIST(struct timedrift_server) servers;
};

#define P struct timedrift_params
static const struct field timedrift_params_fields[] = {
        FIELD_STRING(P, drift, .metavar = "DURATION", .max_length = 64,
                .help = "how far off the clock may be, \"5s\"; without it only the local time is told"),
        FIELD_STRINGS(P, servers, .option = "server", .metavar = "HOST[:PORT]", .positional = true,
                .max_items = ASKED_MAX, .max_length = 300,
                .help = "time servers to ask instead of those that this host is configured to use"),
        FIELD_BOOL(P, public, .help = "ask public servers where none is configured"),
        FIELD_DURATION(P, timeout_ns, .json = "timeout", .flag = 't', .help = "how long to wait for an answer",
                .def = "5s", .min = MILLISECOND, .max = HOUR),
};

#define E struct timedrift_element
static const struct field timedrift_element_fields[] = {
        FIELD_BOOL(E, has_checked_drift, .json = "hascheckeddrift", .help = "the drift was compared"),
        FIELD_BOOL(E, is_within_drift, .json = "iswithindrift", .help = "the clock is near enough", .omit_empty = true),
        FIELD_STRINGS(E, drifts, .help = "how the clock is off", .omit_empty = true),
        FIELD_STRING(E, local_time, .json = "localtime", .help = "time of this host's clock"),
        FIELD_STRING(E, server, .help = "the server with the least root distance, which decides", .omit_empty = true),
        FIELD_DURATION(E, offset_ns, .json = "offset", .help = "its clock minus ours", .has = HAS(E, measured)),
        FIELD_DURATION(E, root_distance_ns, .json = "rootdistance", .help = "how far its answer may be from the truth",
                .has = HAS(E, measured)),
};

#define S struct timedrift_server
static const struct field timedrift_server_fields[] = {
        FIELD_STRING(S, host, .help = "server as it was named"),
        FIELD_STRING(S, time, .help = "its time when it answered"),
        FIELD_STRING(S, latency, .help = "time until the answer"),
        FIELD_STRING(S, drift, .help = "our clock minus its clock"),
        FIELD_BOOL(S, reachable, .help = "it gave a usable answer"),
        FIELD_STRING(S, address, .help = "its address", .omit_empty = true),
        FIELD_STRING(S, source, .help = "file that names it", .omit_empty = true),
        FIELD_DURATION(S, offset_ns, .json = "offset", .help = "its clock minus ours, without half the way",
                .has = HAS(S, answered)),
        FIELD_DURATION(S, delay_ns, .json = "delay", .help = "way there and back", .has = HAS(S, answered)),
        FIELD_DURATION(S, root_delay_ns, .json = "rootdelay", .help = "its way to the reference clock",
                .has = HAS(S, answered)),
        FIELD_DURATION(
                S, root_dispersion_ns, .json = "rootdispersion", .help = "its own error", .has = HAS(S, answered)),
        FIELD_DURATION(S, root_distance_ns, .json = "rootdistance", .help = "how far the answer may be from the truth",
                .has = HAS(S, answered)),
        FIELD_UINT(S, stratum, .help = "1 has a reference clock, each server between adds 1", .has = HAS(S, answered)),
        FIELD_STRING(S, leap, .help = "leap second to come: none, insert, delete; unsynchronized", .omit_empty = true),
        FIELD_STRING(S, reference, .help = "what the server follows", .omit_empty = true),
        FIELD_STRING(S, kiss, .help = "code with which it refused to answer (RATE, DENY, …)", .omit_empty = true),
        FIELD_STRING(S, failure, .help = "why there is no usable answer", .omit_empty = true),
        FIELD_UINT(S, strange, .help = "packets that were no answer to our request", .omit_empty = true),
        FIELD_BOOL(S, chosen, .help = "this answer decided", .omit_empty = true),
};

static const struct field timedrift_statistics_fields[] = {
        FIELD_STRING(struct timedrift_statistics, exectime, .help = "time the run took"),
        FIELD_RECORDS(struct timedrift_statistics, servers, struct timedrift_server, timedrift_server_fields,
                .json = "ntpstats", .help = "each server that was asked", .omit_empty = true),
};

static bool has_text(const char *text)
{
        return text && *text;
}

static int timedrift_validate(const void *given, struct error *err)
{
        const struct timedrift_params *params = given;
        int64_t drift;
        if (has_text(params->drift) && !duration_parse(sv_of(params->drift), &drift)) {
                bool bare = strspn(params->drift, "+-.0123456789") == strlen(params->drift);
                return fail(err, E_INVALID,
                        bare ? "time: missing unit in duration \"%s\"" : "time: invalid duration \"%s\"",
                        params->drift);
        }
        list_foreach (server, &params->servers) {
                char host[HOST_NAME_MAX_BYTES];
                uint16_t port = NTP_PORT;
                if (endpoint_split(*server, host, &port, err) < 0)
                        return -1;
        }
        return 0;
}

/* ---- one server ---- */

struct asked {
        struct timedrift_server row;
        struct address address;
        struct ntp_sample sample;
        uint8_t nonce[8];
        int fd;
        unsigned attempts;
        bool finished;
        int64_t sent_unix_ns, sent_ns, due_ns;
};

struct asking {
        struct run *run;
        const struct timedrift_params *params;
        struct asked *asked;
        size_t count;
};

static char *text_of_duration(struct run *run, int64_t ns)
{
        char text[TIME_TEXT_MAX];
        duration_format(ns, text);
        return arena_strdup(&run->arena, text);
}

static char *text_of_time(struct run *run, int64_t unix_ns)
{
        char text[TIME_TEXT_MAX];
        time_format_rfc3339(unix_ns, text);
        return arena_strdup(&run->arena, text);
}

static void give_up(struct asking *asking, struct asked *asked, const char *why)
{
        asked->row.failure = arena_strdup(&asking->run->arena, why);
        asked->finished = true;
        fd_close(&asked->fd);
}

static void send_request(struct asking *asking, struct asked *asked)
{
        uint8_t packet[NTP_PACKET];
        int on = 1;
        if (asked->fd < 0) {
                asked->fd = socket(asked->address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                if (asked->fd < 0 || connect(asked->fd, &asked->address.any, asked->address.size) < 0) {
                        give_up(asking, asked, errno_text(errno));
                        return;
                }
                setsockopt(asked->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
        }
        if (getrandom(asked->nonce, sizeof(asked->nonce), 0) != sizeof(asked->nonce)) {
                give_up(asking, asked, "no random numbers");
                return;
        }
        ntp_write_request(asked->nonce, packet);
        asked->attempts++;
        asked->sent_ns = time_monotonic_ns();
        asked->due_ns = asked->sent_ns + asking->params->timeout_ns / ATTEMPTS;
        asked->sent_unix_ns = time_unix_ns();
        if (send(asked->fd, packet, sizeof(packet), MSG_NOSIGNAL) < 0)
                give_up(asking, asked, errno_text(errno));
}

static void take_answer(struct asking *asking, struct asked *asked, struct sv packet, int64_t received_unix_ns)
{
        static const char *const leaps[] = { "none", "insert", "delete", "unsynchronized" };
        struct run *run = asking->run;
        struct timedrift_server *row = &asked->row;
        enum ntp_verdict verdict =
                ntp_read_answer(packet, asked->nonce, asked->sent_unix_ns, received_unix_ns, &asked->sample);
        if (verdict == NTP_STRANGE) {
                row->strange++;
                return;
        }
        const struct ntp_sample *sample = &asked->sample;
        row->leap = (char *)leaps[sample->leap & 3];
        row->stratum = sample->stratum;
        if (verdict == NTP_KISS) {
                row->kiss = arena_strdup(&run->arena, sample->reference);
                row->leap = NULL;
                give_up(asking, asked, "the server refuses to answer");
                return;
        }
        row->reference = arena_strdup(&run->arena, sample->reference);
        if (verdict == NTP_UNSYNCHRONIZED) {
                give_up(asking, asked, "the server does not know the time itself");
                return;
        }
        row->latency = text_of_duration(run, time_monotonic_ns() - asked->sent_ns);
        row->drift = text_of_duration(run, -sample->offset_ns);
        row->time = text_of_time(run, sample->server_ns);
        row->offset_ns = sample->offset_ns;
        row->delay_ns = sample->delay_ns;
        row->root_delay_ns = sample->root_delay_ns;
        row->root_dispersion_ns = sample->root_dispersion_ns;
        row->root_distance_ns = sample->root_distance_ns;
        row->reachable = row->answered = true;
        asked->finished = true;
        fd_close(&asked->fd);
}

/* The kernel notes when a packet came, which no busy processor can delay. */
static int64_t arrival_ns(struct msghdr *message)
{
        struct timespec at;
        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header))
                if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_TIMESTAMPNS) {
                        memcpy(&at, CMSG_DATA(header), sizeof(at));
                        return (int64_t)at.tv_sec * SECOND + at.tv_nsec;
                }
        return time_unix_ns();
}

static void receive(struct asking *asking, struct asked *asked)
{
        enum { PACKETS_AT_ONCE = 64 }; /* a flood must not keep the others waiting */
        for (int i = 0; i < PACKETS_AT_ONCE && !asked->finished; i++) {
                uint8_t bytes[1024];
                union {
                        char bytes[128];
                        struct cmsghdr header;
                } control;
                struct iovec room = { bytes, sizeof(bytes) };
                struct msghdr message = {
                        .msg_iov = &room, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
                };
                ssize_t size = recvmsg(asked->fd, &message, MSG_DONTWAIT);
                if (size < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (size < 0)
                        give_up(asking, asked, errno_text(errno));
                else
                        take_answer(asking, asked, sv_n((const char *)bytes, (size_t)size), arrival_ns(&message));
        }
}

static void step(struct asking *asking, struct asked *asked, short events)
{
        if (!asked->finished && asked->fd >= 0 && events)
                receive(asking, asked);
        if (asked->finished || time_monotonic_ns() < asked->due_ns)
                return;
        if (asked->attempts < ATTEMPTS)
                send_request(asking, asked);
        else
                give_up(asking, asked, "no answer");
}

/* 1 when the run was stopped before all were done. */
static int ask_all(struct asking *asking, struct error *err)
{
        struct pollfd fds[ASKED_MAX] = { 0 };
        for (;;) {
                int64_t due = INT64_MAX;
                for (size_t i = 0; i < asking->count; i++) {
                        struct asked *asked = &asking->asked[i];
                        step(asking, asked, fds[i].revents);
                        fds[i] = (struct pollfd){ asked->finished ? -1 : asked->fd, POLLIN, 0 };
                        if (!asked->finished && asked->due_ns < due)
                                due = asked->due_ns;
                }
                if (due == INT64_MAX)
                        return 0;
                int64_t left = due - time_monotonic_ns();
                if (run_poll(asking->run, fds, asking->count, left > 0 ? left : 0, err) < 0)
                        return err->code == E_STOPPED ? 1 : -1;
        }
}

/* ---- which servers ---- */

static void close_asked(void *cookie)
{
        struct asked *asked = cookie;
        fd_close(&asked->fd);
}

static void add_server(struct asking *asking, const struct ntp_server *server)
{
        struct address found[POOL_ADDRESSES];
        struct error why = { 0 };
        char text[ADDRESS_TEXT_MAX];
        int count =
                addresses_find(server->host, AF_UNSPEC, server->port, found, server->pool ? POOL_ADDRESSES : 1, &why);
        for (int i = 0; (i < count || i == 0) && asking->count < ASKED_MAX; i++) {
                struct asked *asked = &asking->asked[asking->count++];
                struct arena *arena = &asking->run->arena;
                asked->fd = -1;
                asked->row = (struct timedrift_server){ .host = arena_strdup(arena, server->host),
                        .source = arena_strdup(arena, server->source),
                        .time = "0001-01-01T00:00:00Z",
                        .latency = "",
                        .drift = "" };
                if (count < 0) {
                        give_up(asking, asked, why.message);
                        continue;
                }
                asked->address = found[i];
                address_format(&found[i], text);
                asked->row.address = arena_strdup(arena, text);
                arena_defer(arena, close_asked, asked);
        }
}

static int find_servers(struct asking *asking, struct error *err)
{
        const struct timedrift_params *params = asking->params;
        struct ntp_servers *servers = arena_new(&asking->run->arena, struct ntp_servers);
        asking->asked = arena_array(&asking->run->arena, ASKED_MAX, sizeof(struct asked));
        if (!servers || !asking->asked)
                return fail(err, E_NO_MEMORY, "no memory for the servers");
        list_foreach (text, &params->servers) {
                char host[HOST_NAME_MAX_BYTES];
                uint16_t port = NTP_PORT;
                if (endpoint_split(*text, host, &port, err) < 0)
                        return -1;
                ntp_servers_add(servers, sv_of(host), port, false, "");
        }
        if (!servers->count)
                timedrift_read_configuration(asking->run, servers);
        for (size_t i = 0; !servers->count && params->public && i < sizeof(public_servers) / sizeof(public_servers[0]);
                i++)
                ntp_servers_add(servers, sv_of(public_servers[i]), NTP_PORT, false, "");
        if (servers->refused)
                run_error(asking->run, "%zu servers of the configuration were left out", servers->refused);
        for (size_t i = 0; i < servers->count && !run_checkpoint(asking->run); i++)
                add_server(asking, &servers->rows[i]);
        return 0;
}

/* ---- the run ---- */

static const struct asked *choose(struct asking *asking)
{
        struct asked *best = NULL;
        for (size_t i = 0; i < asking->count; i++) {
                struct asked *asked = &asking->asked[i];
                if (asked->row.reachable && (!best || asked->row.root_distance_ns < best->row.root_distance_ns))
                        best = asked;
        }
        if (best)
                best->row.chosen = true;
        return best;
}

static void judge(struct asking *asking, const struct asked *best, struct timedrift_element *element)
{
        int64_t drift, offset = best->row.offset_ns;
        element->server = (char *)best->row.host;
        element->offset_ns = offset;
        element->root_distance_ns = best->row.root_distance_ns;
        element->measured = true;
        if (!has_text(asking->params->drift) || !duration_parse(sv_of(asking->params->drift), &drift))
                return;
        element->has_checked_drift = true;
        element->is_within_drift = offset <= drift && offset >= -drift;
        if (element->is_within_drift)
                return;
        char *text = arena_printf(&asking->run->arena, "Local time is %s ntp host %s by %s",
                offset > 0 ? "behind" : "ahead of", best->row.host,
                text_of_duration(asking->run, offset > 0 ? offset : -offset));
        element->drifts.items = arena_array(&asking->run->arena, 1, sizeof(char *));
        if (element->drifts.items && text)
                element->drifts.items[element->drifts.count++] = text;
}

static int fill_statistics(struct asking *asking, struct error *err)
{
        struct timedrift_statistics *statistics = run_statistics(asking->run);
        statistics->exectime = text_of_duration(asking->run, time_monotonic_ns() - asking->run->started_ns);
        statistics->servers.items = arena_array(&asking->run->arena, asking->count, sizeof(struct timedrift_server));
        if (!statistics->servers.items)
                return fail(err, E_NO_MEMORY, "no memory for the statistics");
        for (size_t i = 0; i < asking->count; i++)
                statistics->servers.items[statistics->servers.count++] = asking->asked[i].row;
        return 0;
}

static int timedrift_run(struct run *run, struct error *err)
{
        const struct timedrift_params *params = run->params;
        struct asking asking = { .run = run, .params = params };
        struct timedrift_element element = { .local_time = text_of_time(run, time_unix_ns()) };
        bool wanted = has_text(params->drift) || params->servers.count || params->public;
        if (wanted && (find_servers(&asking, err) < 0 || ask_all(&asking, err) < 0))
                return -1;
        const struct asked *best = choose(&asking);
        if (best)
                judge(&asking, best, &element);
        if (fill_statistics(&asking, err) < 0 || run_emit(run, NULL, &element, err) < 0)
                return -1;
        run_set_found(run, has_text(params->drift) ? element.has_checked_drift && !element.is_within_drift : true);
        if (wanted && !best && !run_stopped(run)) {
                if (asking.count)
                        run_error(run, "none of %zu time servers gave a usable answer", asking.count);
                else
                        run_error(run, "no time server is configured: name one with --server, or allow public ones "
                                       "with --public");
                run_set_success(run, false);
        }
        return 0;
}

/* ---- lines ---- */

static void timedrift_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct timedrift_element *element = row;
        (void)group;
        (void)label;
        print_line(printer, "local time is %s", element->local_time);
        if (!element->has_checked_drift)
                return;
        print_line(printer, element->is_within_drift ? "local time is within acceptable drift from NTP servers"
                                                     : "local time is out of sync from NTP servers");
        list_foreach (drift, &element->drifts)
                print_line(printer, "%s", *drift);
}

static void timedrift_print_statistics(struct line_printer *printer, const void *row)
{
        const struct timedrift_statistics *statistics = row;
        if (printer->results_only)
                return;
        print_line(printer, "stat: execution time was %s", statistics->exectime);
        list_foreach (server, &statistics->servers) {
                int64_t at_ns = 0;
                char at[TIME_TEXT_MAX];
                if (!server->reachable) {
                        print_line(printer, "stat: %s was unreachable: %s%s%s", server->host,
                                server->failure ? server->failure : "", has_text(server->kiss) ? ", " : "",
                                has_text(server->kiss) ? server->kiss : "");
                        continue;
                }
                time_parse(sv_of(server->time), &at_ns);
                time_format_go_utc(at_ns, at);
                print_line(printer, "stat: %s responded in %s with time %s. local time drifts by %s", server->host,
                        server->latency, at, server->drift);
        }
}

static const struct module_example timedrift_examples[] = {
        { "timedrift", "the time of this host" },
        { "timedrift --drift 5s", "is the clock within five seconds of the configured time servers" },
        { "timedrift --drift 100ms --server 192.0.2.1 --server ntp.example.org", "the same of servers named here" },
        { 0 },
};

static const char *const timedrift_paths[] = { RESOLVER_PATHS, "/etc/chrony", "/etc/chrony.conf", "/etc/chrony.d",
        "/etc/ntp.conf", "/etc/ntp.d", "/etc/ntpsec", "/etc/systemd/timesyncd.conf", "/etc/systemd/timesyncd.conf.d",
        "/run", NULL };

const struct module timedrift_module = {
        .name = "timedrift",
        .summary = "compare the clock with time servers over NTP",
        .params = RECORD(struct timedrift_params, timedrift_params_fields),
        .element = RECORD(struct timedrift_element, timedrift_element_fields),
        .shape = SHAPE_OBJECT,
        .statistics = RECORD(struct timedrift_statistics, timedrift_statistics_fields),
        .sandbox = { .network = true, .read_paths = timedrift_paths },
        .limits = { .memory = 64 * MIB, .result = 4 * MIB },
        .examples = timedrift_examples,
        .validate = timedrift_validate,
        .run = timedrift_run,
        .print_row = timedrift_print_row,
        .print_statistics = timedrift_print_statistics,
};
