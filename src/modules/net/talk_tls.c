/* The client's side of TLS: a session over a socket that never blocks, and what it found as a row. */
#include "modules/net/talk.h"

#include "base/cleanup.h"
#include "base/encode.h"

#include <arpa/inet.h>
#include <poll.h>

enum {
        BEGINNING_MAX = 40, /* bytes of a peer that does not speak TLS which are shown */
        WARNINGS_MAX = 100, /* of one session: a peer that sends nothing else would hold the run past its time */
};

struct talk_tls {
        struct talker *talker;
        struct talk_tls_options options;
        struct talk_secured *row;
        gnutls_certificate_credentials_t credentials;
        gnutls_session_t session;
        int fd;
        bool open;   /* the handshake is over and nothing broke since */
        bool broken; /* the socket takes no more */
        char beginning[BEGINNING_MAX];
        size_t beginning_size;
        unsigned warnings;
        char why[512]; /* talker->ended may point here */
};

/* ---- transport ---- */

static ssize_t push(gnutls_transport_ptr_t cookie, const void *bytes, size_t size)
{
        struct talk_tls *client = cookie;
        if (client->broken)
                return (ssize_t)size;
        ssize_t put = send(client->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && (errno == EPIPE || errno == ECONNRESET)) {
                /* The peer is gone, but the alert that says why may be here to be read: the session must live on. */
                client->broken = true;
                return (ssize_t)size;
        }
        if (put < 0)
                tls.gnutls_transport_set_errno(client->session, errno);
        return put;
}

static ssize_t pull(gnutls_transport_ptr_t cookie, void *bytes, size_t size)
{
        struct talk_tls *client = cookie;
        ssize_t got = recv(client->fd, bytes, size, MSG_DONTWAIT);
        if (got < 0)
                tls.gnutls_transport_set_errno(client->session, errno);
        size_t room = BEGINNING_MAX - client->beginning_size;
        size_t kept = got > 0 ? ((size_t)got < room ? (size_t)got : room) : 0;
        memcpy(client->beginning + client->beginning_size, bytes, kept);
        client->beginning_size += kept;
        return got;
}

/* ---- the peer's certificates ---- */

static void keep_chain(struct talk_tls *client)
{
        struct talk_secured *row = client->row;
        struct arena *arena = &client->talker->run->arena;
        struct error why;
        unsigned count = 0;
        const gnutls_datum_t *chain = tls.gnutls_certificate_get_peers(client->session, &count);
        size_t shown = count < TLS_CHAIN_MAX ? count : TLS_CHAIN_MAX;
        if (!chain || row->chain.items || !(row->chain.items = arena_array(arena, shown, sizeof(*row->chain.items))))
                return;
        row->chain_left_out = count - shown;
        for (size_t i = 0; i < shown; i++) {
                struct sv der = sv_n((const char *)chain[i].data, chain[i].size);
                if (tls_read_certificate(der, arena, &row->chain.items[row->chain.count], &why) == 0)
                        row->chain.count++;
                else
                        row->chain_left_out++;
        }
        if (row->chain.count) {
                row->has_days_left = true;
                row->days_left = tls_days_left(row->chain.items[0].not_after_ns, time_unix_ns());
        }
}

/* Called in the handshake, when the chain is there: a chain that is refused ends it before anything is said. */
static int verify(gnutls_session_t session)
{
        struct talk_tls *client = tls.gnutls_session_get_ptr(session);
        struct talk_secured *row = client->row;
        char reason[TLS_REASON_MAX] = "the server sent no certificate";
        unsigned status = 0;
        gnutls_typed_vdata_st asked[] = {
                { .type = GNUTLS_DT_DNS_HOSTNAME,
                        .data = (unsigned char *)(uintptr_t)client->options.server_name,
                        .size = 0 },
                { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_SERVER },
        };
        keep_chain(client);
        int checked = tls.gnutls_certificate_verify_peers(session, asked, 2, &status);
        if (checked >= 0)
                tls_explain(status, row->chain.count ? row->chain.items : NULL, row->chain.count + row->chain_left_out,
                        client->options.server_name, time_unix_ns(), reason);
        else if (row->chain.count)
                snprintf(reason, sizeof(reason), "%s", tls.gnutls_strerror(checked));
        row->verified = checked >= 0 && status == 0;
        if (!row->verified)
                row->reason = arena_strdup(&client->talker->run->arena, reason);
        return row->verified || client->options.insecure ? 0 : GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

/* ---- set-up ---- */

static int load_files(struct talk_tls *client, struct error *err)
{
        const struct talk_tls_options *options = &client->options;
        if (tls.gnutls_certificate_allocate_credentials(&client->credentials) < 0)
                return fail(err, E_NO_MEMORY, "no memory for TLS");
        if (tls_use_trust(client->credentials, options->ca, err) < 0)
                return -1;
        if (options->certificate && *options->certificate)
                return tls_use_key(client->credentials, options->certificate, options->key, err);
        return 0;
}

int talk_tls_prepare(
        struct talker *talker, const struct talk_tls_options *options, struct talk_secured *ret, struct error *err)
{
        struct talk_tls *client = arena_new(&talker->run->arena, struct talk_tls);
        if (!client)
                return fail(err, E_NO_MEMORY, "no memory for TLS");
        *client = (struct talk_tls){ .talker = talker, .options = *options, .row = ret, .fd = -1 };
        if (tls_load(err) < 0)
                return -1;
        talker->tls = client;
        return load_files(client, err);
}

/* Names only: RFC 6066, section 3, has no addresses. */
static bool is_address(const char *text)
{
        struct in6_addr ignored;
        return inet_pton(AF_INET, text, &ignored) == 1 || inet_pton(AF_INET6, text, &ignored) == 1;
}

static int open_session(struct talk_tls *client, struct error *err)
{
        const struct talk_tls_options *options = &client->options;
        if (tls.gnutls_init(&client->session,
                    GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT) < 0) {
                client->session = NULL;
                return fail(err, E_NO_MEMORY, "no memory for a TLS session");
        }
        gnutls_session_t session = client->session;
        tls.gnutls_session_set_ptr(session, client);
        tls.gnutls_transport_set_ptr(session, client);
        tls.gnutls_transport_set_push_function(session, push);
        tls.gnutls_transport_set_pull_function(session, pull);
        /* old versions too: to find them is what a diagnosis is for */
        int status = tls.gnutls_priority_set_direct(session, "NORMAL:+VERS-TLS1.1:+VERS-TLS1.0", NULL);
        if (status >= 0)
                status = tls.gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, client->credentials);
        const char *name = options->server_name;
        if (status >= 0 && !is_address(name))
                status = tls.gnutls_server_name_set(session, GNUTLS_NAME_DNS, name, strlen(name));
        if (status < 0)
                return fail(err, E_INVALID, "TLS for %s: %s", name, tls.gnutls_strerror(status));
        tls.gnutls_certificate_set_verify_function(client->credentials, verify);
        return tls_use_alpn(session, options->alpn, options->alpn_count, err);
}

/* ---- the handshake ---- */

static void describe(struct talk_tls *client)
{
        struct talk_secured *row = client->row;
        struct arena *arena = &client->talker->run->arena;
        gnutls_datum_t alpn;
        row->version = arena_strdup(arena, tls_version(client->session));
        row->cipher = arena_strdup(arena, tls.gnutls_ciphersuite_get(client->session));
        if (tls.gnutls_alpn_get_selected_protocol(client->session, &alpn) >= 0)
                row->alpn = arena_strndup(arena, (const char *)alpn.data, alpn.size);
        if (tls.gnutls_certificate_client_get_request_status(client->session))
                row->client_certificate = client->options.certificate && *client->options.certificate
                                                  ? CLIENT_CERTIFICATE_GIVEN
                                                  : CLIENT_CERTIFICATE_MISSING;
}

/* A record of TLS begins with its type, 20 to 24 (RFC 8446, section 5.1). */
static bool speaks_tls(const struct talk_tls *client)
{
        unsigned char first = (unsigned char)client->beginning[0];
        return !client->beginning_size || (first >= 20 && first <= 24);
}

static void explain_plain_text(struct talk_tls *client)
{
        char shown[BEGINNING_MAX + 1];
        size_t n = 0;
        ssize_t more = recv(client->fd, client->beginning + client->beginning_size,
                BEGINNING_MAX - client->beginning_size, MSG_DONTWAIT);
        client->beginning_size += more > 0 ? (size_t)more : 0;
        while (n < client->beginning_size && client->beginning[n] >= ' ' && client->beginning[n] < 127) {
                shown[n] = client->beginning[n];
                n++;
        }
        shown[n] = '\0';
        snprintf(client->why, sizeof(client->why), "the server does not speak TLS here%s%s%s", n ? ": it says \"" : "",
                shown, n ? "\"" : "");
}

static void explain_end(struct talk_tls *client, int status)
{
        int errnum = errno;
        if (!speaks_tls(client))
                explain_plain_text(client);
        else if (!tls.gnutls_error_is_fatal(status))
                snprintf(client->why, sizeof(client->why), "the server sends warnings without end");
        else if (status == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR || status == GNUTLS_E_CERTIFICATE_ERROR)
                snprintf(client->why, sizeof(client->why), "the certificate is not verified: %s",
                        client->row->reason ? client->row->reason : "it cannot be read");
        else if (status == GNUTLS_E_PREMATURE_TERMINATION && !client->open)
                snprintf(client->why, sizeof(client->why), "the server closed the connection in the handshake");
        else if (status == GNUTLS_E_PULL_ERROR || status == GNUTLS_E_PUSH_ERROR)
                snprintf(client->why, sizeof(client->why), "%s", errno_text(errnum));
        else
                tls_explain_failure(client->session, status, "server", client->why, sizeof(client->why));
        if (status != GNUTLS_E_PREMATURE_TERMINATION)
                client->talker->failed = true;
        client->open = false;
        client->talker->ended = client->why;
}

/* One step; false when it waits for the socket. */
static bool handshake_step(struct talk_tls *client, int64_t started_ns)
{
        for (;;) {
                int status = tls.gnutls_handshake(client->session);
                if (status == GNUTLS_E_AGAIN)
                        return false;
                if (status < 0 && !tls.gnutls_error_is_fatal(status) && ++client->warnings <= WARNINGS_MAX)
                        continue; /* GNUTLS_E_INTERRUPTED, a warning */
                if (status < 0) {
                        explain_end(client, status);
                        tls.gnutls_alert_send_appropriate(client->session, status);
                } else {
                        client->open = true;
                        client->row->handshake = (double)(time_monotonic_ns() - started_ns) / (double)MILLISECOND;
                        client->row->has_handshake = true;
                }
                if (client->open || client->row->chain.count)
                        describe(client);
                return true;
        }
}

int talk_tls_handshake(struct talker *talker, struct talk_attempt *attempt, bool *ret_secured, struct error *err)
{
        struct talk_tls *client = talker->tls;
        int64_t started_ns = time_monotonic_ns();
        client->fd = attempt->fd;
        client->row->server_name = arena_strdup(&talker->run->arena, client->options.server_name);
        if (open_session(client, err) < 0)
                return -1;
        while (!handshake_step(client, started_ns)) {
                bool writes = tls.gnutls_record_get_direction(client->session) == 1;
                struct pollfd fd = { client->fd, writes ? POLLOUT : POLLIN, 0 };
                int64_t left = started_ns + talker->timeout_ns - time_monotonic_ns();
                int ready = run_poll(talker->run, &fd, 1, left > 0 ? left : 0, err);
                if (ready < 0) {
                        talker->ended = "stopped";
                        *ret_secured = false;
                        return err->code == E_STOPPED ? 0 : -1;
                }
                if (ready == 0) {
                        talker->ended = "the handshake timed out";
                        break;
                }
        }
        *ret_secured = client->open;
        return 0;
}

/* ---- records ---- */

ssize_t talk_tls_send(struct talker *talker, const void *bytes, size_t size)
{
        ssize_t put = tls.gnutls_record_send(talker->tls->session, bytes, size);
        if (put >= 0)
                return put;
        bool again = put == GNUTLS_E_AGAIN || put == GNUTLS_E_INTERRUPTED;
        if (!again)
                explain_end(talker->tls, (int)put);
        errno = again ? EAGAIN : 0;
        return -1;
}

ssize_t talk_tls_recv(struct talker *talker, void *bytes, size_t size)
{
        for (;;) {
                ssize_t got = tls.gnutls_record_recv(talker->tls->session, bytes, size);
                if (got == GNUTLS_E_AGAIN) {
                        errno = EAGAIN;
                        return -1;
                }
                if (got >= 0)
                        return got;
                if (!tls.gnutls_error_is_fatal((int)got) && ++talker->tls->warnings <= WARNINGS_MAX)
                        continue; /* a warning, a request to shake hands anew */
                explain_end(talker->tls, (int)got);
                errno = 0;
                return -1;
        }
}

void talk_tls_close(struct talker *talker)
{
        struct talk_tls *client = talker->tls;
        if (!client)
                return;
        if (client->session && client->open)
                tls.gnutls_bye(client->session, GNUTLS_SHUT_WR);
        if (client->session)
                tls.gnutls_deinit(client->session);
        if (client->credentials)
                tls.gnutls_certificate_free_credentials(client->credentials);
        talker->tls = NULL;
}
