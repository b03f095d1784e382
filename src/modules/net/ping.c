/* ping: reach hosts over ICMP, TCP or UDP and time the answers. Parameters, codes and messages are MIG's; further
 * hosts, sizes, families and the figures per host are ours. */
#include "module/lines.h"
#include "module/run.h"
#include "modules/net/ping_probe.h"

#include <math.h>
#include <poll.h>
#include <sys/random.h>

enum {
        PING_TARGETS_MAX = 60, /* run_poll waits for 64 files */
        PING_COUNT_MAX = 10000,
        PING_COUNT_DEFAULT = 3,
        ICMP_SIZE_DEFAULT = 45,
        DATAGRAM_SIZE_DEFAULT = 15,
};

#define PING_TIMEOUT_DEFAULT (5 * SECOND)

/* MIG's codes in a list of latencies. */
#define LATENCY_TIMEOUT 9999999.0
#define LATENCY_REFUSED (-1.0)
#define LATENCY_FAILED 0.0

struct ping_params {
        char *destination;
        struct string_list destinations;
        int64_t port;
        char *protocol;
        int count;
        int64_t timeout_ns;
        int64_t interval_ns;
        unsigned size;
        int ttl;
        int family;
};

typedef LIST(double) double_list;

#define HOST_MEMBERS                                                                                                   \
        double_list latencies;                                                                                         \
        char *protocol;                                                                                                \
        char *resolved_host;                                                                                           \
        struct string_list failures;                                                                                   \
        char *address;                                                                                                 \
        unsigned sent, received;                                                                                       \
        double loss, least, mean, most, deviation;                                                                     \
        int ttl

struct ping_host {
        HOST_MEMBERS;
};

/* MIG's element is one host; further ones stand in a list behind it. */
struct ping_element {
        union {
                struct ping_host host;
                struct {
                        HOST_MEMBERS;
                };
        };
        LIST(struct ping_host) others;
};

struct ping_statistics {
        char *exectime;
        unsigned hosts, reachable, sent, received;
};

static const char *const protocols[] = { "icmp", "tcp", "udp", NULL };
static const char *const families[] = { "any", "4", "6", NULL };
static const int family_numbers[] = { AF_UNSPEC, AF_INET, AF_INET6 };

static const struct field ping_params_fields[] = {
        FIELD_STRING(struct ping_params, destination, .help = "host name or address", .required = true,
                .positional = true, .alias = "d", .max_length = 255),
        FIELD_STRINGS(struct ping_params, destinations, .help = "further hosts, reached at the same time",
                .positional = true, .metavar = "DESTINATION", .max_items = PING_TARGETS_MAX - 1, .max_length = 255),
        FIELD_INT(struct ping_params, port, .json = "destinationport", .option = "port", .alias = "dp",
                .help = "port of TCP and UDP", .cli_def = "-1"),
        FIELD_STRING(struct ping_params, protocol, .flag = 'p', .help = "what to send: icmp, tcp or udp", .def = "icmp",
                .pattern = "^(icmp|tcp|udp)$", .metavar = "PROTOCOL"),
        FIELD_INT(struct ping_params, count, .flag = 'c', .help = "how many times; 0 is 3", .cli_def = "3", .min = 0,
                .max = PING_COUNT_MAX),
        FIELD_DURATION(struct ping_params, timeout_ns, .json = "timeout", .flag = 't',
                .help = "how long to wait for each answer; 0 is 5s", .cli_def = "5s", .min = 0, .max = HOUR),
        FIELD_DURATION(struct ping_params, interval_ns, .json = "interval", .flag = 'i',
                .help = "pause between an answer and the next attempt", .def = "100ms", .min = MILLISECOND,
                .max = HOUR),
        FIELD_UINT(struct ping_params, size, .flag = 's', .help = "bytes of payload; 0 is 45, and 15 over UDP",
                .min = 0, .max = PROBE_SIZE_MAX),
        FIELD_INT(struct ping_params, ttl, .help = "hops a packet may take; 0 is the system's", .min = 0, .max = 255),
        FIELD_ENUM(struct ping_params, family, families, .flag = 'f', .help = "version of IP", .def = "any"),
};

#define HOST_FIELDS(T)                                                                                                 \
        FIELD_DOUBLES(T, latencies, .json = "latencies",                                                               \
                .help = "round trips in ms; 9999999 = no answer, -1 = refused, 0 = failed", .null_empty = true),       \
                FIELD_STRING(T, protocol, .json = "protocol", .help = "icmp, tcp or udp"),                             \
                FIELD_STRING(T, resolved_host, .json = "resolvedhost", .help = "host:port (address)"),                 \
                FIELD_STRINGS(T, failures, .json = "failures", .help = "why attempts failed", .null_empty = true),     \
                FIELD_STRING(T, address, .json = "address", .help = "the address that was tried"),                     \
                FIELD_UINT(T, sent, .json = "sent", .help = "attempts"),                                               \
                FIELD_UINT(T, received, .json = "received", .help = "attempts that were answered"),                    \
                FIELD_DOUBLE(T, loss, .json = "loss", .help = "attempts without an answer, in percent"),               \
                FIELD_DOUBLE(T, least, .json = "minimum", .help = "shortest round trip in ms", .omit_empty = true),    \
                FIELD_DOUBLE(T, mean, .json = "mean", .help = "mean round trip in ms", .omit_empty = true),            \
                FIELD_DOUBLE(T, most, .json = "maximum", .help = "longest round trip in ms", .omit_empty = true),      \
                FIELD_DOUBLE(                                                                                          \
                        T, deviation, .json = "deviation", .help = "standard deviation in ms", .omit_empty = true),    \
                FIELD_INT(T, ttl, .json = "ttl", .help = "hop limit left in the last answer", .omit_empty = true)

static const struct field ping_host_fields[] = { HOST_FIELDS(struct ping_host) };

static const struct field ping_element_fields[] = {
        HOST_FIELDS(struct ping_element),
        FIELD_RECORDS(struct ping_element, others, struct ping_host, ping_host_fields,
                .help = "the same of the further destinations", .omit_empty = true),
};

static const struct field ping_statistics_fields[] = {
        FIELD_STRING(struct ping_statistics, exectime, .help = "time the run took"),
        FIELD_UINT(struct ping_statistics, hosts, .help = "hosts that were tried"),
        FIELD_UINT(struct ping_statistics, reachable, .help = "hosts that answered"),
        FIELD_UINT(struct ping_statistics, sent, .help = "attempts"),
        FIELD_UINT(struct ping_statistics, received, .help = "attempts that were answered"),
};

static int protocol_of(const char *name)
{
        for (int i = 0; protocols[i]; i++)
                if (name && strcmp(name, protocols[i]) == 0)
                        return i;
        return -1;
}

static int ping_validate(const void *given, struct error *err)
{
        const struct ping_params *params = given;
        int protocol = protocol_of(params->protocol);
        if (protocol < 0)
                return fail(err, E_INVALID, "%s is not a supported ping protocol",
                        params->protocol ? params->protocol : "");
        if (protocol != PING_ICMP && (params->port < 0 || params->port > 65535))
                return fail(err, E_INVALID, "%s ping requires a valid destination port between 0 and 65535, got %lld",
                        params->protocol, (long long)params->port);
        return 0;
}

/* ---- one host ---- */

struct target {
        struct address address;
        struct probe probe;
        struct ping_host host;
        bool waiting;   /* for an answer; else for the time of the next attempt */
        int64_t due_ns; /* end of the wait */
        double sum, sum_of_squares;
        bool maybe; /* a UDP datagram without any answer: the port may be open */
};

struct pinger {
        struct run *run;
        const struct ping_params *params;
        enum ping_protocol protocol;
        int count;
        int64_t timeout_ns;
        uint16_t id;
        struct target *targets;
        size_t target_count;
};

static int prepare_target(struct pinger *pinger, const char *name, struct target *target, struct error *err)
{
        const struct ping_params *params = pinger->params;
        struct arena *arena = &pinger->run->arena;
        uint16_t port = pinger->protocol == PING_ICMP ? 0 : (uint16_t)params->port;
        char text[ADDRESS_TEXT_MAX];
        if (addresses_find(name, family_numbers[params->family], port, &target->address, 1, NULL) < 0)
                return fail(err, E_NOT_FOUND, "destination IP is invalid: %s", name);
        address_format(&target->address, text);
        struct ping_host *host = &target->host;
        host->protocol = params->protocol;
        host->address = arena_strdup(arena, text);
        host->resolved_host = pinger->protocol == PING_ICMP ? arena_printf(arena, "%s (%s)", name, text)
                                                            : arena_printf(arena, "%s:%u (%s)", name, port, text);
        host->latencies.items = arena_array(arena, (size_t)pinger->count, sizeof(double));
        host->failures.items = arena_array(arena, (size_t)pinger->count, sizeof(char *));
        if (!host->address || !host->resolved_host || !host->latencies.items || !host->failures.items)
                return fail(err, E_NO_MEMORY, "no memory for %d latencies", pinger->count);
        unsigned usual = pinger->protocol == PING_ICMP ? ICMP_SIZE_DEFAULT : DATAGRAM_SIZE_DEFAULT;
        target->probe = (struct probe){ .protocol = pinger->protocol,
                .to = &target->address,
                .size = params->size ? params->size : usual,
                .ttl = params->ttl,
                .fd = -1 };
        return 0;
}

static void close_target(void *cookie)
{
        struct target *target = cookie;
        probe_close(&target->probe);
}

static void record_answer(struct pinger *pinger, struct target *target, const struct probe_answer *answer)
{
        struct ping_host *host = &target->host;
        double latency = LATENCY_TIMEOUT;
        if (answer && answer->outcome == PROBE_ANSWERED) {
                latency = (double)answer->latency_ns / (double)MILLISECOND;
                latency = latency > 0 ? latency : 1e-6; /* 0 means failed */
                if (!host->received || latency < host->least)
                        host->least = latency;
                if (latency > host->most)
                        host->most = latency;
                target->sum += latency;
                target->sum_of_squares += latency * latency;
                host->received++;
                host->ttl = answer->ttl;
        } else if (answer) {
                latency = answer->outcome == PROBE_REFUSED ? LATENCY_REFUSED : LATENCY_FAILED;
        } else if (pinger->protocol == PING_UDP) {
                target->maybe = true;
        }
        if (answer && answer->text[0])
                host->failures.items[host->failures.count++] =
                        arena_printf(&pinger->run->arena, "ping #%u failed with error: %s", host->sent, answer->text);
        host->latencies.items[host->latencies.count++] = latency;
        probe_close(&target->probe);
        target->waiting = false;
        target->due_ns = time_monotonic_ns() + pinger->params->interval_ns;
}

static bool target_finished(const struct pinger *pinger, const struct target *target)
{
        return !target->waiting && target->host.sent == (unsigned)pinger->count;
}

static int step_target(struct pinger *pinger, struct target *target, short events, struct error *err)
{
        struct probe_answer answer;
        if (target->waiting && events) {
                probe_look(&target->probe, &answer);
                if (answer.outcome != PROBE_PENDING)
                        record_answer(pinger, target, &answer);
        }
        if (target->waiting && time_monotonic_ns() >= target->due_ns)
                record_answer(pinger, target, NULL);
        if (target->waiting || target_finished(pinger, target) || time_monotonic_ns() < target->due_ns)
                return 0;
        target->probe.id = pinger->id;
        target->probe.sequence = (uint16_t)target->host.sent++;
        if (probe_send(&target->probe, &answer, err) < 0) {
                probe_close(&target->probe);
                return -1;
        }
        target->waiting = true;
        target->due_ns = target->probe.sent_ns + pinger->timeout_ns;
        if (answer.outcome != PROBE_PENDING)
                record_answer(pinger, target, &answer);
        return 0;
}

/* Until every host had its attempts. 1 when the run was stopped before. */
static int ping_all(struct pinger *pinger, struct error *err)
{
        struct pollfd fds[PING_TARGETS_MAX] = { 0 };
        for (;;) {
                int64_t due = INT64_MAX;
                for (size_t i = 0; i < pinger->target_count; i++) {
                        struct target *target = &pinger->targets[i];
                        if (step_target(pinger, target, fds[i].revents, err) < 0)
                                return -1;
                        fds[i] = (struct pollfd){ target->waiting ? target->probe.fd : -1, probe_events(&target->probe),
                                0 };
                        if (!target_finished(pinger, target) && target->due_ns < due)
                                due = target->due_ns;
                }
                if (due == INT64_MAX)
                        return 0;
                int64_t left = due - time_monotonic_ns();
                if (run_poll(pinger->run, fds, pinger->target_count, left > 0 ? left : 0, err) < 0)
                        return err->code == E_STOPPED ? 1 : -1;
        }
}

static void conclude_host(struct target *target)
{
        struct ping_host *host = &target->host;
        unsigned done = (unsigned)host->latencies.count;
        host->sent = done;
        host->loss = done ? 100.0 * (done - host->received) / done : 0;
        if (!host->received)
                return;
        host->mean = target->sum / host->received;
        double variance = target->sum_of_squares / host->received - host->mean * host->mean;
        host->deviation = variance > 0 ? sqrt(variance) : 0;
}

static int emit_hosts(struct pinger *pinger, struct error *err)
{
        struct ping_element element = { 0 };
        struct ping_statistics *statistics = run_statistics(pinger->run);
        char took[TIME_TEXT_MAX];
        bool found = false;
        element.others.items = arena_array(&pinger->run->arena, pinger->target_count, sizeof(struct ping_host));
        if (!element.others.items)
                return fail(err, E_NO_MEMORY, "no memory for the result");
        for (size_t i = 0; i < pinger->target_count; i++) {
                struct target *target = &pinger->targets[i];
                conclude_host(target);
                if (i)
                        element.others.items[element.others.count++] = target->host;
                else
                        element.host = target->host;
                found |= target->host.received || target->maybe;
                statistics->reachable += target->host.received > 0;
                statistics->sent += target->host.sent;
                statistics->received += target->host.received;
        }
        statistics->hosts = (unsigned)pinger->target_count;
        duration_format(time_monotonic_ns() - pinger->run->started_ns, took);
        statistics->exectime = arena_strdup(&pinger->run->arena, took);
        if (run_emit(pinger->run, NULL, &element, err) < 0)
                return -1;
        run_set_found(pinger->run, found);
        return 0;
}

static int ping_run(struct run *run, struct error *err)
{
        const struct ping_params *params = run->params;
        struct pinger pinger = { .run = run,
                .params = params,
                .protocol = (enum ping_protocol)protocol_of(params->protocol),
                .count = params->count ? params->count : PING_COUNT_DEFAULT,
                .timeout_ns = params->timeout_ns ? params->timeout_ns : PING_TIMEOUT_DEFAULT };
        if (getrandom(&pinger.id, sizeof(pinger.id), 0) < 0)
                return fail_errno(err, "random number");
        pinger.targets = arena_array(&run->arena, params->destinations.count + 1, sizeof(struct target));
        if (!pinger.targets)
                return fail(err, E_NO_MEMORY, "no memory for the targets");
        if (prepare_target(&pinger, params->destination, &pinger.targets[0], err) < 0)
                return -1;
        pinger.target_count = 1;
        for (size_t i = 0; i < params->destinations.count; i++) {
                struct error why;
                if (prepare_target(&pinger, params->destinations.items[i], &pinger.targets[pinger.target_count], &why) <
                        0)
                        run_error(run, "%s", why.message);
                else
                        pinger.target_count++;
        }
        for (size_t i = 0; i < pinger.target_count; i++)
                arena_defer(&run->arena, close_target, &pinger.targets[i]);
        if (ping_all(&pinger, err) < 0)
                return -1;
        return emit_hosts(&pinger, err);
}

/* ---- lines ---- */

static void print_host(struct line_printer *printer, const struct ping_host *host)
{
        bool udp = host->protocol && strcmp(host->protocol, "udp") == 0;
        for (size_t i = 0; i < host->latencies.count; i++) {
                double latency = host->latencies.items[i];
                unsigned number = (unsigned)i + 1;
                if (latency == LATENCY_REFUSED)
                        print_line(printer, "ping #%u failed, target was unreachable", number);
                else if (latency == LATENCY_FAILED)
                        continue; /* the failure's own line tells */
                else if (latency == LATENCY_TIMEOUT && udp)
                        print_line(printer, "ping #%u may have succeeded (no udp response)", number);
                else if (latency == LATENCY_TIMEOUT)
                        print_line(printer, "ping #%u failed, connection timed out", number);
                else
                        print_line(printer, "Ping %s: %.5gms", host->resolved_host, latency);
        }
        list_foreach (failure, &host->failures)
                print_line(printer, "%s", *failure);
        if (printer->results_only)
                return;
        if (host->received)
                print_line(printer, "%s: %u sent, %u received, %.0f%% loss, min %.3fms, mean %.3fms, max %.3fms",
                        host->resolved_host, host->sent, host->received, host->loss, host->least, host->mean,
                        host->most);
        else
                print_line(printer, "%s: %u sent, %u received, %.0f%% loss", host->resolved_host, host->sent,
                        host->received, host->loss);
}

static void ping_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct ping_element *element = row;
        (void)group;
        (void)label;
        print_host(printer, &element->host);
        list_foreach (host, &element->others)
                print_host(printer, host);
}

static void ping_print_statistics(struct line_printer *printer, const void *row)
{
        const struct ping_statistics *statistics = row;
        if (statistics->hosts > 1)
                print_line(printer, "%u of %u hosts answered", statistics->reachable, statistics->hosts);
}

static const struct module_example ping_examples[] = {
        { "ping 192.0.2.1", "does the host answer, and how fast" },
        { "ping -p tcp --port 443 -c 1 www.example.org", "is the port open" },
        { "ping --count 10 192.0.2.1 192.0.2.2 2001:db8::1", "several hosts at the same time" },
        { 0 },
};

const struct module ping_module = {
        .name = "ping",
        .summary = "reach hosts over ICMP, TCP or UDP and time the answers",
        .params = RECORD(struct ping_params, ping_params_fields),
        .element = RECORD(struct ping_element, ping_element_fields),
        .shape = SHAPE_OBJECT,
        .statistics = RECORD(struct ping_statistics, ping_statistics_fields),
        .sandbox = { .capabilities = CAP_BIT(CAP_NET_RAW), .network = true, .read_paths = resolver_paths },
        .limits = { .memory = 64 * MIB, .result = 16 * MIB },
        .examples = ping_examples,
        .validate = ping_validate,
        .run = ping_run,
        .print_row = ping_print_row,
        .print_statistics = ping_print_statistics,
};
