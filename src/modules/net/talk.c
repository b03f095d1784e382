/* talk: a client for diagnosis. It looks a name up, shows every address, connects to the first that answers, sends what
 * it was given and shows what comes back, line by line. */
#include "modules/net/talk.h"

#include "base/cleanup.h"
#include "module/lines.h"

enum talk_kind { TALK_TCP, TALK_UDP, TALK_HTTP, TALK_QOTD };

enum { HTTP_PORT = 80, QOTD_PORT = 17 };

static const char *const kinds[] = { "tcp", "udp", "http", "qotd", NULL };
static const char *const states[] = { "not tried", "tried", "failed", "connected", NULL };
static const char *const families[] = { "any", "4", "6", NULL };
static const int family_numbers[] = { AF_UNSPEC, AF_INET, AF_INET6 };

struct talk_params {
        char *target;
        int kind;
        char *send, *hex, *path;
        int64_t timeout_ns, wait_ns;
        uint64_t bytes;
        int family;
};

struct talk_element {
        char *host, *protocol;
        unsigned port;
        LIST(struct talk_address) addresses;
        char *connected;
        uint64_t sent, received;
        char *ended;
        unsigned status;
        struct string_list head, body;
        bool binary;
};

#define P struct talk_params
static const struct field talk_params_fields[] = {
        FIELD_STRING(P, target, .metavar = "HOST[:PORT]", .required = true, .positional = true, .max_length = 300,
                .help = "whom to talk to; without a port 80 for http and 17 for qotd"),
        FIELD_ENUM(P, kind, kinds, .json = "as", .flag = 'a', .positional = true, .metavar = "KIND", .def = "tcp",
                .help = "how to talk: bytes over TCP or UDP, an HTTP GET, or a quote of the day over UDP"),
        FIELD_STRING(P, send, .flag = 's', .max_length = 1 << 20,
                .help = "what to send; \\r, \\n, \\t, \\\\ and \\xHH stand for those bytes"),
        FIELD_HEX(P, hex, .help = "more to send, in hex", .max_length = 1 << 20),
        FIELD_STRING(P, path, .def = "/", .help = "what to GET", .max_length = 8192),
        FIELD_DURATION(P, timeout_ns, .json = "timeout", .flag = 't', .def = "5s", .min = MILLISECOND, .max = HOUR,
                .help = "how long to try one address"),
        FIELD_DURATION(P, wait_ns, .json = "wait", .flag = 'w', .def = "2s", .min = MILLISECOND, .max = HOUR,
                .help = "end when nothing has come for so long"),
        FIELD_SIZE(P, bytes, .flag = 'b', .def = "64k", .min = 1, .max = TALK_BYTES_MAX,
                .help = "end after so many bytes"),
        FIELD_ENUM(P, family, families, .flag = 'f', .help = "version of IP", .def = "any"),
};

#define A struct talk_address
static const struct field talk_address_fields[] = {
        FIELD_STRING(A, address, .help = "an address of the name", .private_ = true),
        FIELD_ENUM(A, state, states, .help = "what came of it"),
        FIELD_STRING(A, failure, .help = "why it failed", .omit_empty = true, .private_ = true),
        FIELD_DOUBLE(A, latency, .help = "ms until it was connected, or answered over UDP", .omit_empty = true),
};

#define E struct talk_element
static const struct field talk_element_fields[] = {
        FIELD_STRING(E, host, .help = "name or address that was asked for", .private_ = true),
        FIELD_UINT(E, port, .help = "its port"),
        FIELD_STRING(E, protocol, .help = "tcp or udp"),
        FIELD_RECORDS(E, addresses, A, talk_address_fields, .help = "every address of the name, in the order of trial"),
        FIELD_STRING(E, connected, .help = "the one that answered, with port", .omit_empty = true, .private_ = true),
        FIELD_UINT(E, sent, .help = "bytes sent"),
        FIELD_UINT(E, received, .help = "bytes received"),
        FIELD_STRING(E, ended, .help = "closed by the peer, silence, limit, stopped, or an error", .omit_empty = true),
        FIELD_UINT(E, status, .help = "HTTP status", .omit_empty = true),
        FIELD_STRINGS(E, head, .help = "lines of the HTTP head", .omit_empty = true, .private_ = true),
        FIELD_STRINGS(E, body, .help = "lines that came", .omit_empty = true, .private_ = true),
        FIELD_BOOL(E, binary, .help = "zero bytes came and are shown as U+FFFD", .omit_empty = true),
};

/* ---- parameters ---- */

static int hex_value(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* out may be NULL: only checked. */
static int unescape(const char *text, struct buf *out, struct error *err)
{
        static const char letters[] = "rnt\\", bytes[] = "\r\n\t\\";
        for (const char *at = text; *at; at++) {
                char byte = *at;
                if (*at == '\\') {
                        const char *found = at[1] ? strchr(letters, at[1]) : NULL;
                        bool hex = at[1] == 'x' && hex_value(at[2]) >= 0 && hex_value(at[3]) >= 0;
                        if (!found && !hex)
                                return fail(err, E_INVALID, "send: \"%.4s\" is none of \\r \\n \\t \\\\ \\xHH", at);
                        byte = hex ? (char)(hex_value(at[2]) << 4 | hex_value(at[3])) : bytes[found - letters];
                        at += hex ? 3 : 1;
                }
                if (out)
                        buf_putc(out, byte);
        }
        return 0;
}

static int split_target(const struct talk_params *params, char *ret_host, uint16_t *ret_port, struct error *err)
{
        static const uint16_t usual[] = { [TALK_HTTP] = HTTP_PORT, [TALK_QOTD] = QOTD_PORT };
        *ret_port = usual[params->kind];
        if (endpoint_split(params->target, ret_host, ret_port, err) < 0)
                return -1;
        return *ret_port ? 0 : fail(err, E_INVALID, "%s needs a port: %s:PORT", kinds[params->kind], ret_host);
}

static int talk_validate(const void *given, struct error *err)
{
        const struct talk_params *params = given;
        char host[HOST_NAME_MAX_BYTES];
        uint16_t port;
        if (split_target(params, host, &port, err) < 0)
                return -1;
        if (params->path && strpbrk(params->path, " \r\n"))
                return fail(err, E_INVALID, "path: spaces and line ends must be written as %%20 and the like");
        return params->send ? unescape(params->send, NULL, err) : 0;
}

static int write_request(
        const struct talk_params *params, const char *host, uint16_t port, struct buf *out, struct error *err)
{
        if (params->kind == TALK_HTTP) {
                bool v6 = strchr(host, ':');
                /* 1.0: the answer ends with the connection and is not cut into chunks */
                buf_printf(out, "GET %s HTTP/1.0\r\nHost: %s%s%s", params->path && *params->path ? params->path : "/",
                        v6 ? "[" : "", host, v6 ? "]" : "");
                if (port != HTTP_PORT)
                        buf_printf(out, ":%u", port);
                buf_puts(out, "\r\nUser-Agent: tarsier\r\nAccept: */*\r\nConnection: close\r\n\r\n");
        }
        if (params->send && unescape(params->send, out, err) < 0)
                return -1;
        for (const char *at = params->hex ? params->hex : ""; at[0] && at[1]; at += 2)
                buf_putc(out, (char)((unsigned)hex_value(at[0]) << 4 | (unsigned)hex_value(at[1])));
        return out->failed ? fail(err, E_NO_MEMORY, "no memory for what is sent") : 0;
}

/* ---- what came ---- */

/* A copy of the line that can be a string: zero bytes become U+FFFD. */
static char *line_text(struct arena *arena, struct sv line, bool *ret_binary)
{
        static const char replacement[] = "\xef\xbf\xbd";
        size_t zeros = 0, n = 0;
        for (size_t i = 0; i < line.n; i++)
                zeros += line.p[i] == '\0';
        char *text = arena_alloc(arena, line.n + 2 * zeros + 1);
        for (size_t i = 0; text && i < line.n; i++) {
                if (line.p[i]) {
                        text[n++] = line.p[i];
                        continue;
                }
                memcpy(text + n, replacement, 3);
                n += 3;
        }
        *ret_binary |= zeros > 0;
        return text;
}

static int take_lines(struct arena *arena, struct sv *rest, bool until_empty, struct talk_element *element,
        struct string_list *ret, struct error *err)
{
        struct sv line;
        size_t count = 1;
        for (size_t i = 0; i < rest->n; i++)
                count += rest->p[i] == '\n';
        ret->items = arena_array(arena, count, sizeof(char *));
        while (ret->items && sv_line(rest, &line)) {
                if (line.n && line.p[line.n - 1] == '\r')
                        line.n--;
                if (until_empty && !line.n)
                        break;
                char *text = line_text(arena, line, &element->binary);
                if (!text)
                        return fail(err, E_NO_MEMORY, "no memory for the lines");
                ret->items[ret->count++] = text;
        }
        return ret->items ? 0 : fail(err, E_NO_MEMORY, "no memory for the lines");
}

static int read_answer(
        struct talker *talker, const struct talk_params *params, struct talk_element *element, struct error *err)
{
        struct sv rest = sv_n(buf_text(&talker->in), talker->in.len);
        struct arena *arena = &talker->run->arena;
        if (params->kind == TALK_HTTP && sv_starts(rest, SV("HTTP/"))) {
                struct sv line = rest, word;
                uint64_t status;
                if (sv_word(&line, &word) && sv_word(&line, &word)) {
                        word.n = word.n < 3 ? word.n : 3;
                        element->status = sv_parse_u64(word, 10, &status) ? (unsigned)status : 0;
                }
                if (take_lines(arena, &rest, true, element, &element->head, err) < 0)
                        return -1;
        }
        return take_lines(arena, &rest, false, element, &element->body, err);
}

/* ---- the run ---- */

static int find_addresses(struct talker *talker, const struct talk_params *params, const char *host, uint16_t port,
        struct talk_element *element, struct error *err)
{
        struct address found[TALK_ADDRESSES_MAX];
        char text[ADDRESS_TEXT_MAX];
        int count = addresses_find(host, family_numbers[params->family], port, found, TALK_ADDRESSES_MAX, err);
        if (count < 0)
                return -1;
        element->addresses.items = arena_array(&talker->run->arena, (size_t)count, sizeof(struct talk_address));
        if (!element->addresses.items)
                return fail(err, E_NO_MEMORY, "no memory for the addresses");
        element->addresses.count = talker->count = (size_t)count;
        for (size_t i = 0; i < talker->count; i++) {
                struct talk_address *row = &element->addresses.items[i];
                address_format(&found[i], text);
                row->address = arena_strdup(&talker->run->arena, text);
                talker->attempts[i] = (struct talk_attempt){ .address = found[i], .row = row, .fd = -1 };
        }
        return 0;
}

static int converse(
        struct talker *talker, const struct talk_params *params, struct talk_element *element, struct error *err)
{
        struct error why = { 0 };
        char text[ENDPOINT_TEXT_MAX];
        bool datagrams = params->kind == TALK_UDP || params->kind == TALK_QOTD;
        struct talk_attempt *attempt = datagrams ? talk_exchange_datagrams(talker, &why) : talk_connect(talker, &why);
        if (!attempt) {
                if (!run_stopped(talker->run)) {
                        run_error(talker->run, "%s: none of %zu addresses answered", element->host, talker->count);
                        run_set_success(talker->run, false);
                }
                return 0;
        }
        endpoint_format(&attempt->address, text);
        element->connected = arena_strdup(&talker->run->arena, text);
        if (!datagrams && talk_exchange(talker, attempt, err) < 0)
                return -1;
        return read_answer(talker, params, element, err);
}

static int talk_run(struct run *run, struct error *err)
{
        const struct talk_params *params = run->params;
        struct talker talker = {
                .run = run, .timeout_ns = params->timeout_ns, .wait_ns = params->wait_ns, .max_bytes = params->bytes
        };
        struct talk_element element = { 0 };
        char host[HOST_NAME_MAX_BYTES];
        uint16_t port;
        if (split_target(params, host, &port, err) < 0)
                return -1;
        buf_init(&talker.out, 2 << 20);
        buf_init(&talker.in, TALK_BYTES_MAX + (128 << 10));
        element.host = host;
        element.port = port;
        element.protocol = params->kind == TALK_UDP || params->kind == TALK_QOTD ? (char *)"udp" : (char *)"tcp";
        int status = write_request(params, host, port, &talker.out, err);
        if (status == 0)
                status = find_addresses(&talker, params, host, port, &element, err);
        if (status == 0)
                status = converse(&talker, params, &element, err);
        if (status == 0) {
                element.sent = talker.sent;
                element.received = talker.in.len;
                element.ended = (char *)talker.ended;
                status = run_emit(run, NULL, &element, err);
                run_set_found(run, element.received > 0);
        }
        talk_close(&talker);
        return status;
}

/* ---- lines ---- */

static void talk_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct talk_element *element = row;
        (void)group;
        (void)label;
        for (size_t i = 0; i < element->addresses.count && !printer->results_only; i++) {
                const struct talk_address *address = &element->addresses.items[i];
                bool failed = address->failure && *address->failure;
                if (address->state == TALK_CONNECTED)
                        print_line(printer, "%s: %s connected in %.3fms", element->host, address->address,
                                address->latency);
                else
                        print_line(printer, "%s: %s %s%s%s", element->host, address->address, states[address->state],
                                failed ? ": " : "", failed ? address->failure : "");
        }
        list_foreach (line, &element->head)
                print_line(printer, "%s", *line);
        if (element->head.count)
                print_line(printer, "%s", "");
        list_foreach (line, &element->body)
                print_line(printer, "%s", *line);
        if (!printer->results_only)
                print_line(printer, "%llu bytes sent, %llu received, ended by %s", (unsigned long long)element->sent,
                        (unsigned long long)element->received,
                        element->ended && *element->ended ? element->ended : "no answer");
}

static const struct module_example talk_examples[] = {
        { "talk www.example.org http", "the head and the body of a page" },
        { "talk 192.0.2.1:22", "the greeting of a server" },
        { "talk 192.0.2.1 qotd", "a quote of the day" },
        { "talk 192.0.2.1:6379 --send 'PING\\r\\n'", "send a line and see the answer" },
        { 0 },
};

const struct module talk_module = {
        .name = "talk",
        .summary = "connect to a server, send something and show what comes back",
        .params = RECORD(struct talk_params, talk_params_fields),
        .element = RECORD(struct talk_element, talk_element_fields),
        .shape = SHAPE_OBJECT,
        .sandbox = { .network = true, .read_paths = resolver_paths },
        .limits = { .memory = 256 * MIB },
        .local_only = true,
        .examples = talk_examples,
        .validate = talk_validate,
        .run = talk_run,
        .print_row = talk_print_row,
};
