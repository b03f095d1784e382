/* talk: a client for diagnosis. It looks a name up, shows every address, connects to the first that answers, sends what
 * it was given and shows what comes back, line by line. */
#include "modules/net/talk.h"

#include "base/cleanup.h"
#include "module/lines.h"

const char *const talk_kinds[] = { "tcp", "udp", "http", "qotd", NULL };
static const char *const states[] = { "not tried", "tried", "failed", "connected", NULL };
static const char *const families[] = { "any", "4", "6", NULL };
static const char *const client_certificates[] = { "not asked for", "asked for, none given", "given", NULL };
static const int family_numbers[] = { AF_UNSPEC, AF_INET, AF_INET6 };

struct talk_element {
        char *host, *protocol;
        unsigned port;
        LIST(struct talk_address) addresses;
        char *connected;
        struct talk_secured tls;
        bool has_tls;
        uint64_t sent, received;
        char *ended;
        unsigned status;
        struct string_list head, body;
        bool binary;
};

#define P struct talk_params
static const struct field talk_params_fields[] = {
        FIELD_STRING(P, target, .metavar = "HOST[:PORT]", .required = true, .positional = true,
                .max_length = TALK_TARGET_MAX,
                .help = "whom to talk to, or an http:// or https:// address; without a port 80 for http, 443 for "
                        "https, "
                        "17 for qotd"),
        FIELD_ENUM(P, kind, talk_kinds, .json = "as", .flag = 'a', .positional = true, .metavar = "KIND", .def = "tcp",
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
        FIELD_BOOL(P, tls, .help = "speak TLS; https:// says so too"),
        FIELD_STRING(P, server_name, .json = "servername", .option = "server-name", .metavar = "NAME",
                .max_length = HOST_NAME_MAX_BYTES - 1,
                .help = "TLS: the name to ask for (SNI), which the certificate must have; the host by default"),
        FIELD_PATH(P, ca, .metavar = "FILE",
                .help = "TLS: trust the authorities in this PEM file, instead of the system's"),
        FIELD_BOOL(P, insecure, .help = "TLS: go on when the certificate is not verified"),
        FIELD_PATH(P, certificate, .metavar = "FILE", .help = "TLS: the client's certificate, with its chain, in PEM"),
        FIELD_PATH(P, key, .metavar = "FILE", .help = "TLS: its key in PEM; by default in the certificate's file"),
        FIELD_STRINGS(P, alpn, .metavar = "NAME", .max_items = TLS_ALPN_MAX, .max_length = TLS_ALPN_LENGTH_MAX,
                .help = "TLS: a protocol to offer (ALPN), the best first; http/1.1 by default for http"),
};

#define C struct tls_certificate
static const struct field talk_certificate_fields[] = {
        FIELD_STRING(C, subject, .help = "whose it is, as RFC 4514 writes names", .private_ = true),
        FIELD_STRING(C, issuer, .help = "who signed it", .private_ = true),
        FIELD_STRINGS(C, names, .help = "names and addresses it is for", .omit_empty = true, .private_ = true),
        FIELD_UINT(C, names_left_out, .json = "namesleftout", .help = "more of them", .omit_empty = true),
        FIELD_TIME(C, not_before_ns, .json = "notbefore", .help = "valid from"),
        FIELD_TIME(C, not_after_ns, .json = "notafter", .help = "valid until"),
        FIELD_STRING(C, serial, .help = "serial number, hex", .private_ = true),
        FIELD_STRING(C, key, .help = "kind of the key"),
        FIELD_UINT(C, key_bits, .json = "keybits", .help = "its size"),
        FIELD_STRING(C, signature, .help = "algorithm it is signed with"),
        FIELD_STRING(C, fingerprint, .help = "SHA-256 of the certificate, hex", .private_ = true),
        FIELD_BOOL(C, self_issued, .json = "selfissued", .help = "signed with its own key", .omit_empty = true),
};

#define T struct talk_secured
static const struct field talk_secured_fields[] = {
        FIELD_STRING(T, version, .help = "version of the protocol", .omit_empty = true),
        FIELD_STRING(T, cipher, .help = "cipher suite", .omit_empty = true),
        FIELD_STRING(T, alpn, .help = "protocol that the server chose", .omit_empty = true),
        FIELD_STRING(T, server_name, .json = "servername", .help = "name that was asked for", .private_ = true),
        FIELD_BOOL(T, verified, .help = "the certificate is that name's, valid, and from a trusted authority"),
        FIELD_STRING(T, reason, .help = "why it is not verified", .omit_empty = true, .private_ = true),
        FIELD_DOUBLE(T, handshake, .help = "ms that the handshake took", .has = HAS(T, has_handshake)),
        FIELD_ENUM(T, client_certificate, client_certificates, .json = "clientcertificate",
                .help = "did the server ask for a certificate, and was one given"),
        FIELD_INT(T, days_left, .json = "daysleft", .has = HAS(T, has_days_left),
                .help = "whole days until the server's certificate ends; negative when it has ended"),
        FIELD_RECORDS(T, chain, C, talk_certificate_fields, .help = "certificates that the server sent, its own first"),
        FIELD_UINT(T, chain_left_out, .json = "chainleftout", .help = "more of them", .omit_empty = true),
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
        FIELD_RECORD(E, tls, T, talk_secured_fields, .has = HAS(E, has_tls), .help = "what TLS came to"),
        FIELD_UINT(E, sent, .help = "bytes sent"),
        FIELD_UINT(E, received, .help = "bytes received"),
        FIELD_STRING(E, ended, .help = "closed by the peer, silence, limit, stopped, or what went wrong",
                .omit_empty = true),
        FIELD_UINT(E, status, .help = "HTTP status", .omit_empty = true),
        FIELD_STRINGS(E, head, .help = "lines of the HTTP head", .omit_empty = true, .private_ = true),
        FIELD_STRINGS(E, body, .help = "lines that came", .omit_empty = true, .private_ = true),
        FIELD_BOOL(E, binary, .help = "zero bytes came and are shown as U+FFFD", .omit_empty = true),
};

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
        struct talker *talker, const struct talk_plan *plan, struct talk_element *element, struct error *err)
{
        struct sv rest = sv_n(buf_text(&talker->in), talker->in.len);
        struct arena *arena = &talker->run->arena;
        if (plan->kind == TALK_HTTP && sv_starts(rest, SV("HTTP/"))) {
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

static int find_addresses(struct talker *talker, const struct talk_params *params, const struct talk_plan *plan,
        struct talk_element *element, struct error *err)
{
        struct address found[TALK_ADDRESSES_MAX];
        char text[ADDRESS_TEXT_MAX];
        int count =
                addresses_find(plan->host, family_numbers[params->family], plan->port, found, TALK_ADDRESSES_MAX, err);
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

/* Bytes both ways, in the clear or secured. */
static int exchange(
        struct talker *talker, struct talk_attempt *attempt, struct talk_element *element, struct error *err)
{
        bool ready = true;
        if (talker->tls) {
                element->has_tls = true;
                if (talk_tls_handshake(talker, attempt, &ready, err) < 0)
                        return -1;
                talker->failed |= !ready;
        }
        if (ready && talk_exchange(talker, attempt, err) < 0)
                return -1;
        if (talker->failed && !run_stopped(talker->run)) {
                run_error(talker->run, "%s: %s", element->host, talker->ended);
                run_set_success(talker->run, false);
        }
        return 0;
}

static int converse(
        struct talker *talker, const struct talk_plan *plan, struct talk_element *element, struct error *err)
{
        struct error why = { 0 };
        char text[ENDPOINT_TEXT_MAX];
        bool datagrams = plan->kind == TALK_UDP || plan->kind == TALK_QOTD;
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
        if (!datagrams && exchange(talker, attempt, element, err) < 0)
                return -1;
        return read_answer(talker, plan, element, err);
}

/* What the parameters name is read here; from then on the worker opens what a look-up needs and nothing else. */
static int prepare(struct talker *talker, const struct talk_params *params, const struct talk_plan *plan,
        struct talk_element *element, struct error *err)
{
        static char *const http[] = { (char *)"http/1.1" };
        bool usual = plan->kind == TALK_HTTP && !params->alpn.count;
        struct talk_tls_options options = { .server_name = plan->name,
                .ca = params->ca,
                .certificate = params->certificate,
                .key = params->key,
                .alpn = usual ? http : params->alpn.items,
                .alpn_count = usual ? 1 : params->alpn.count,
                .insecure = params->insecure };
        if (plan->tls && talk_tls_prepare(talker, &options, &element->tls, err) < 0)
                return -1;
        return sandbox_narrow_paths(resolver_paths, err);
}

static int talk_run(struct run *run, struct error *err)
{
        const struct talk_params *params = run->params;
        struct talker talker = {
                .run = run, .timeout_ns = params->timeout_ns, .wait_ns = params->wait_ns, .max_bytes = params->bytes
        };
        struct talk_element element = { 0 };
        struct talk_plan plan;
        if (talk_plan_make(params, &plan, err) < 0)
                return -1;
        buf_init(&talker.out, 2 << 20);
        buf_init(&talker.in, TALK_BYTES_MAX + (128 << 10));
        element.host = plan.host;
        element.port = plan.port;
        element.protocol = plan.kind == TALK_UDP || plan.kind == TALK_QOTD ? (char *)"udp" : (char *)"tcp";
        int status = prepare(&talker, params, &plan, &element, err);
        if (status == 0)
                status = talk_write_request(params, &plan, &talker.out, err);
        if (status == 0)
                status = find_addresses(&talker, params, &plan, &element, err);
        if (status == 0)
                status = converse(&talker, &plan, &element, err);
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

static void print_certificate(struct line_printer *printer, const struct tls_certificate *certificate, size_t index)
{
        char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
        time_format_rfc3339(certificate->not_before_ns, from);
        time_format_rfc3339(certificate->not_after_ns, to);
        print_line(printer, "certificate %zu: %s", index, certificate->subject ? certificate->subject : "");
        print_line(printer, "  issuer %s", certificate->issuer ? certificate->issuer : "");
        list_foreach (name, &certificate->names)
                print_line(printer, "  for %s", *name);
        if (certificate->names_left_out)
                print_line(printer, "  for %llu names more", (unsigned long long)certificate->names_left_out);
        print_line(printer, "  valid %s to %s", from, to);
        print_line(printer, "  key %s, %u bits; signed with %s", certificate->key ? certificate->key : "",
                certificate->key_bits, certificate->signature ? certificate->signature : "");
        print_line(printer, "  serial %s", certificate->serial ? certificate->serial : "");
        print_line(printer, "  sha256 %s", certificate->fingerprint ? certificate->fingerprint : "");
}

static void print_secured(struct line_printer *printer, const struct talk_secured *secured)
{
        if (secured->version && *secured->version) {
                bool alpn = secured->alpn && *secured->alpn, cipher = secured->cipher && *secured->cipher;
                print_line(printer, "%s%s%s%s%s", secured->version, cipher ? ", " : "", cipher ? secured->cipher : "",
                        alpn ? ", ALPN " : "", alpn ? secured->alpn : "");
        }
        if (secured->has_handshake)
                print_line(printer, "handshake %.3fms", secured->handshake);
        for (size_t i = 0; i < secured->chain.count; i++)
                print_certificate(printer, &secured->chain.items[i], i);
        if (secured->client_certificate != CLIENT_CERTIFICATE_NOT_ASKED)
                print_line(printer, "client certificate: %s", client_certificates[secured->client_certificate]);
        if (secured->has_days_left)
                print_line(printer, "%s%s, %lld days left", secured->verified ? "verified" : "not verified: ",
                        secured->verified || !secured->reason ? "" : secured->reason, (long long)secured->days_left);
        print_line(printer, "%s", "");
}

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
        if (element->has_tls && !printer->results_only)
                print_secured(printer, &element->tls);
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
        { "talk https://www.example.org/", "the same over TLS, with the server's certificates and their verdict" },
        { "talk mail.example.org:993 --tls --insecure --alpn imap", "whose certificate it is, verified or not" },
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
        /* for the files that TLS names; narrowed before a name is looked up */
        .sandbox = { .network = true, .read_all = true },
        .limits = { .memory = 256 * MIB },
        .local_only = true,
        .examples = talk_examples,
        .validate = talk_validate,
        .run = talk_run,
        .print_row = talk_print_row,
};
