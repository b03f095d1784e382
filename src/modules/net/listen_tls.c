/* The server's side of TLS. A session reads what its stream has read and writes into its stream's queue: nothing waits
 * but the loop. */
#include "modules/net/listen.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/timefmt.h"

#include <stdarg.h>
#include <sys/random.h>

enum {
        RECORD_MAX = 16 << 10, /* plain bytes of one record, RFC 8446, section 5.1 */
        SERIAL_BYTES = 16,
        MADE_DAYS = 30, /* how long a certificate that was made here is valid */
        HOUR_SECONDS = 3600,
        RECORD_HEADER = 5,
        ALERT_RECORD = 21,
        PLAIN_SHOWN = 80,      /* bytes of a client that speaks no TLS */
        HANDSHAKE_RECORD = 22, /* first byte of all that may begin a connection */
};

struct listen_tls {
        gnutls_certificate_credentials_t credentials;
};

/* ---- key and certificate ---- */

static int set_names(gnutls_x509_crt_t certificate, const char *address, struct error *err)
{
        static const unsigned char loopback4[4] = { 127, 0, 0, 1 }, loopback6[16] = { [15] = 1 };
        struct address own;
        char host[HOST_NAME_MAX_BYTES] = "";
        if (address_parse(address, 0, &own, err) < 0)
                return -1;
        bool v6 = own.any.sa_family == AF_INET6;
        const void *bytes = v6 ? (const void *)&own.v6.sin6_addr : (const void *)&own.v4.sin_addr;
        gethostname(host, sizeof(host) - 1);
        struct {
                gnutls_x509_subject_alt_name_t type;
                const void *bytes;
                size_t size;
        } names[] = {
                { GNUTLS_SAN_DNSNAME, "localhost", 9 },
                { GNUTLS_SAN_DNSNAME, host, strlen(host) },
                { GNUTLS_SAN_IPADDRESS, loopback4, sizeof(loopback4) },
                { GNUTLS_SAN_IPADDRESS, loopback6, sizeof(loopback6) },
                { GNUTLS_SAN_IPADDRESS, bytes, v6 ? 16 : 4 },
        };
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                int status = !names[i].size ? 0
                                            : tls.gnutls_x509_crt_set_subject_alt_name(certificate, names[i].type,
                                                      names[i].bytes, (unsigned)names[i].size, GNUTLS_FSAN_APPEND);
                if (status < 0)
                        return fail(err, E_FAILED, "a certificate's names: %s", tls.gnutls_strerror(status));
        }
        return 0;
}

static int fill_certificate(
        gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const char *address, struct error *err)
{
        unsigned char serial[SERIAL_BYTES];
        time_t now = (time_t)(time_unix_ns() / SECOND);
        if (getrandom(serial, sizeof(serial), 0) != (ssize_t)sizeof(serial))
                return fail_errno(err, "random bytes");
        serial[0] = (serial[0] & 0x7f) | 1; /* positive and not zero: RFC 5280, section 4.1.2.2 */
        if (set_names(certificate, address, err) < 0)
                return -1;
        int status = tls.gnutls_x509_crt_set_version(certificate, 3);
        if (status >= 0)
                status = tls.gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial));
        if (status >= 0)
                status = tls.gnutls_x509_crt_set_activation_time(certificate, now - HOUR_SECONDS);
        if (status >= 0)
                status = tls.gnutls_x509_crt_set_expiration_time(certificate, now + MADE_DAYS * (DAY / SECOND));
        if (status >= 0)
                status = tls.gnutls_x509_crt_set_dn(certificate, "CN=tarsier listen", NULL);
        if (status >= 0)
                status = tls.gnutls_x509_crt_set_key(certificate, key);
        if (status >= 0)
                status = tls.gnutls_x509_crt_set_basic_constraints(certificate, 0, -1);
        if (status >= 0)
                status = tls.gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
        if (status >= 0)
                status = tls.gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
        return status < 0 ? fail(err, E_FAILED, "making a certificate: %s", tls.gnutls_strerror(status)) : 0;
}

/* A key and a certificate of its own that live as long as the run. */
static int make_key(gnutls_certificate_credentials_t credentials, const char *address, struct error *err)
{
        gnutls_x509_privkey_t key = NULL;
        gnutls_x509_crt_t certificate = NULL;
        unsigned bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
        int status = tls.gnutls_x509_privkey_init(&key);
        if (status >= 0)
                status = tls.gnutls_x509_crt_init(&certificate);
        if (status >= 0)
                status = tls.gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, bits, 0);
        int result = status < 0 ? fail(err, E_FAILED, "making a key: %s", tls.gnutls_strerror(status))
                                : fill_certificate(certificate, key, address, err);
        if (result == 0) {
                status = tls.gnutls_certificate_set_x509_key(credentials, &certificate, 1, key);
                if (status < 0)
                        result = fail(err, E_FAILED, "using a key: %s", tls.gnutls_strerror(status));
        }
        if (certificate)
                tls.gnutls_x509_crt_deinit(certificate);
        if (key)
                tls.gnutls_x509_privkey_deinit(key);
        return result;
}

static int read_fingerprint(gnutls_certificate_credentials_t credentials, struct arena *arena, char **ret)
{
        gnutls_x509_crt_t *chain = NULL;
        unsigned count = 0;
        unsigned char digest[32];
        size_t size = sizeof(digest);
        int status = tls.gnutls_certificate_get_x509_crt(credentials, 0, &chain, &count);
        if (status >= 0 && count)
                status = tls.gnutls_x509_crt_get_fingerprint(chain[0], GNUTLS_DIG_SHA256, digest, &size);
        for (unsigned i = 0; i < count; i++)
                tls.gnutls_x509_crt_deinit(chain[i]);
        free(chain); /* GnuTLS uses malloc unless told otherwise, and nobody here does */
        if (status < 0)
                return -1;
        cleanup(buf_done) struct buf text;
        buf_init(&text, 2 * sizeof(digest));
        hex_encode(digest, size, &text);
        *ret = arena_strdup(arena, buf_text(&text));
        return 0;
}

int listen_tls_prepare(struct listening *listening, struct arena *arena, char **ret_fingerprint, struct error *err)
{
        const struct listen_params *params = listening->params;
        struct listen_tls *shared = arena_new(arena, struct listen_tls);
        if (!shared)
                return fail(err, E_NO_MEMORY, "no memory for TLS");
        if (tls_load(err) < 0)
                return -1;
        if (tls.gnutls_certificate_allocate_credentials(&shared->credentials) < 0)
                return fail(err, E_NO_MEMORY, "no memory for TLS");
        listening->tls = shared;
        bool given = params->tls_certificate && *params->tls_certificate;
        int status = given ? tls_use_key(shared->credentials, params->tls_certificate, params->tls_key, err)
                           : make_key(shared->credentials, params->address, err);
        return status < 0 ? -1 : read_fingerprint(shared->credentials, arena, ret_fingerprint);
}

void listen_tls_done(struct listening *listening)
{
        if (listening->tls && listening->tls->credentials)
                tls.gnutls_certificate_free_credentials(listening->tls->credentials);
        listening->tls = NULL;
}

/* ---- a session ---- */

static ssize_t pull(gnutls_transport_ptr_t cookie, void *bytes, size_t size)
{
        struct client *client = cookie;
        size_t left = client->input ? client->input->len - client->taken : 0;
        if (!left) {
                tls.gnutls_transport_set_errno(client->session, EAGAIN);
                return -1;
        }
        size_t got = size < left ? size : left;
        memcpy(bytes, client->input->data + client->taken, got);
        client->taken += got;
        return (ssize_t)got;
}

/* The queue has room for the answer to one read, and reading stops while much of it waits: it is never full. A client
 * that goes in the middle of our part of the handshake has often said why: its alert is read all the same. */
static ssize_t push(gnutls_transport_ptr_t cookie, const void *bytes, size_t size)
{
        struct client *client = cookie;
        struct error ignored;
        if (client->stream && stream_write(client->stream, bytes, size, &ignored) == 0)
                return (ssize_t)size;
        if (client->stream && !client->secured)
                return (ssize_t)size; /* nobody is there to miss it; the end of the stream tells */
        tls.gnutls_transport_set_errno(client->session, EPIPE);
        return -1;
}

int listen_tls_accept(struct client *client, struct error *err)
{
        static char *const http[] = { (char *)"http/1.1", (char *)"http/1.0" };
        const struct listen_params *params = client->listening->params;
        bool usual = params->kind == LISTEN_HTTP && !params->alpn.count;
        if (tls.gnutls_init(&client->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
                client->session = NULL;
                return fail(err, E_NO_MEMORY, "no memory for a TLS session");
        }
        int status =
                tls.gnutls_priority_set_direct(client->session, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", NULL);
        if (status >= 0)
                status = tls.gnutls_credentials_set(
                        client->session, GNUTLS_CRD_CERTIFICATE, client->listening->tls->credentials);
        if (status < 0)
                return fail(err, E_FAILED, "TLS: %s", tls.gnutls_strerror(status));
        tls.gnutls_transport_set_ptr(client->session, client);
        tls.gnutls_transport_set_push_function(client->session, push);
        tls.gnutls_transport_set_pull_function(client->session, pull);
        return tls_use_alpn(client->session, usual ? http : params->alpn.items, usual ? 2 : params->alpn.count, err);
}

void listen_tls_fail(struct client *client, const char *format, ...)
{
        char reason[LISTEN_EXCERPT + 1];
        va_list args;
        va_start(args, format);
        int n = vsnprintf(reason, sizeof(reason), format, args);
        va_end(args);
        client->failed = true;
        atomic_fetch_add(&client->listening->failed, 1);
        size_t size = n < 0 ? 0 : (size_t)n < sizeof(reason) ? (size_t)n : sizeof(reason) - 1;
        listen_note(client->listening, client->loop, LISTEN_FAILED, &client->peer, 0, sv_n(reason, size));
}

static void note_secured(struct client *client)
{
        gnutls_datum_t alpn = { 0 };
        char name[LISTEN_EXCERPT + 1] = "";
        size_t size = sizeof(name);
        unsigned type = GNUTLS_NAME_DNS;
        bool has_name = tls.gnutls_server_name_get(client->session, name, &size, &type, 0) >= 0;
        if (tls.gnutls_alpn_get_selected_protocol(client->session, &alpn) < 0)
                alpn = (gnutls_datum_t){ 0 };
        client->secured = true;
        atomic_fetch_add(&client->listening->secured, 1);
        loop_remove(client->loop, client->handshake_timer);
        client->handshake_timer = 0;
        listen_note_secured(client, tls_version(client->session), tls.gnutls_ciphersuite_get(client->session),
                sv_n((const char *)alpn.data, alpn.size), sv_of(has_name ? name : ""));
}

/* A client of TLS 1.3 that refuses the server's certificate may say so in the clear, where the server awaits it
 * encrypted and can only fail to decrypt it. The alert's name, NULL when there is none in what was read. */
static const char *plain_alert(const struct client *client)
{
        const struct buf *input = client->input;
        size_t at = 0;
        while (!client->secured && input && at + RECORD_HEADER + 2 <= input->len) {
                const unsigned char *record = (const unsigned char *)input->data + at;
                size_t size = (size_t)record[3] << 8 | record[4];
                if (record[0] == ALERT_RECORD && size == 2)
                        return tls.gnutls_alert_get_name(record[RECORD_HEADER + 1]);
                at += RECORD_HEADER + size;
        }
        return NULL;
}

static void fail_session(struct client *client, int status)
{
        char reason[LISTEN_EXCERPT];
        const char *alert = status == GNUTLS_E_DECRYPTION_FAILED ? plain_alert(client) : NULL;
        if (alert)
                snprintf(reason, sizeof(reason), "the client sent an alert: %s", alert);
        else
                tls_explain_failure(client->session, status, "client", reason, sizeof(reason));
        listen_tls_fail(client, "%s", reason);
        tls.gnutls_alert_send_appropriate(client->session, status);
}

static void shake_hands(struct client *client)
{
        const struct buf *input = client->input;
        bool begins = !client->began && input->len;
        client->began |= begins;
        if (begins && (unsigned char)input->data[0] != HANDSHAKE_RECORD) {
                int shown = input->len < PLAIN_SHOWN ? (int)input->len : PLAIN_SHOWN;
                listen_tls_fail(client, "the client does not speak TLS: %.*s", shown, input->data);
                return;
        }
        for (;;) {
                int status = tls.gnutls_handshake(client->session);
                if (status >= 0)
                        note_secured(client);
                else if (status != GNUTLS_E_AGAIN && tls.gnutls_error_is_fatal(status))
                        fail_session(client, status);
                else if (status != GNUTLS_E_AGAIN)
                        continue; /* a warning */
                return;
        }
}

static void decrypt(struct client *client)
{
        for (;;) {
                char *room = buf_reserve(&client->plain, RECORD_MAX);
                ssize_t got = room ? tls.gnutls_record_recv(client->session, room, RECORD_MAX) : GNUTLS_E_MEMORY_ERROR;
                if (got > 0) {
                        client->plain.len += (size_t)got;
                        client->plain.data[client->plain.len] = '\0';
                } else if (got == 0) {
                        client->said_end = true;
                        return;
                } else if (got == GNUTLS_E_AGAIN) {
                        return;
                } else if (tls.gnutls_error_is_fatal((int)got)) {
                        fail_session(client, (int)got);
                        return;
                }
        }
}

void listen_tls_read(struct client *client, struct buf *input)
{
        client->input = input;
        client->taken = 0;
        if (!client->secured && !client->failed)
                shake_hands(client);
        if (client->secured && !client->failed && !client->said_end)
                decrypt(client);
        client->input = NULL;
        buf_consume(input, input->len); /* what an end or a failure left is nobody's */
}

int listen_tls_write(struct client *client, struct sv bytes, struct error *err)
{
        while (bytes.n) {
                ssize_t put = tls.gnutls_record_send(client->session, bytes.p, bytes.n);
                if (put < 0)
                        return fail(err, E_IO, "TLS: %s", tls.gnutls_strerror((int)put));
                bytes = sv_n(bytes.p + put, bytes.n - (size_t)put);
        }
        return 0;
}

void listen_tls_end(struct client *client)
{
        if (client->secured && !client->failed)
                tls.gnutls_bye(client->session, GNUTLS_SHUT_WR);
}

void listen_tls_free(struct client *client)
{
        buf_done(&client->plain);
        if (client->session)
                tls.gnutls_deinit(client->session);
        client->session = NULL;
}
