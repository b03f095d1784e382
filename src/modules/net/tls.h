/* What talk and listen share of TLS. GnuTLS is loaded when a run asks for TLS and not linked: linked in, it and the
 * nine libraries behind it cost every start of this program's modules 1.4 ms of CPU more [measured]. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/sv.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>

/* clang-format off */
#define TLS_FUNCTIONS(X)                                                                                               \
        X(gnutls_alert_get) X(gnutls_alert_get_name) X(gnutls_alert_send_appropriate)                                  \
        X(gnutls_alpn_get_selected_protocol) X(gnutls_alpn_set_protocols) X(gnutls_bye)                                \
        X(gnutls_certificate_allocate_credentials) X(gnutls_certificate_client_get_request_status)                     \
        X(gnutls_certificate_free_credentials) X(gnutls_certificate_get_peers) X(gnutls_certificate_get_x509_crt)      \
        X(gnutls_certificate_set_verify_function) X(gnutls_certificate_set_x509_key)                                   \
        X(gnutls_certificate_set_x509_key_mem2) X(gnutls_certificate_set_x509_trust_mem)                               \
        X(gnutls_certificate_verify_peers) X(gnutls_ciphersuite_get) X(gnutls_credentials_set) X(gnutls_deinit)        \
        X(gnutls_error_is_fatal) X(gnutls_global_init) X(gnutls_handshake) X(gnutls_init)                              \
        X(gnutls_pk_algorithm_get_name) X(gnutls_priority_set_direct) X(gnutls_protocol_get_version)                   \
        X(gnutls_record_get_direction) X(gnutls_record_recv) X(gnutls_record_send) X(gnutls_server_name_get)           \
        X(gnutls_server_name_set) X(gnutls_session_get_ptr) X(gnutls_session_set_ptr) X(gnutls_sign_get_name)          \
        X(gnutls_strerror) X(gnutls_transport_set_errno) X(gnutls_transport_set_ptr)                                   \
        X(gnutls_transport_set_pull_function) X(gnutls_transport_set_push_function) X(gnutls_x509_crt_check_issuer)    \
        X(gnutls_x509_crt_deinit) X(gnutls_x509_crt_get_activation_time) X(gnutls_x509_crt_get_dn3)                    \
        X(gnutls_x509_crt_get_expiration_time) X(gnutls_x509_crt_get_fingerprint) X(gnutls_x509_crt_get_issuer_dn3)    \
        X(gnutls_x509_crt_get_pk_algorithm) X(gnutls_x509_crt_get_serial)                                              \
        X(gnutls_x509_crt_get_signature_algorithm) X(gnutls_x509_crt_get_subject_alt_name)                             \
        X(gnutls_x509_crt_import) X(gnutls_x509_crt_init) X(gnutls_x509_crt_list_import2)                              \
        X(gnutls_x509_crt_set_activation_time) X(gnutls_x509_crt_set_basic_constraints) X(gnutls_x509_crt_set_dn)      \
        X(gnutls_x509_crt_set_expiration_time) X(gnutls_x509_crt_set_key) X(gnutls_x509_crt_set_key_purpose_oid)       \
        X(gnutls_x509_crt_set_serial) X(gnutls_x509_crt_set_subject_alt_name) X(gnutls_x509_crt_set_version)           \
        X(gnutls_x509_crt_sign2) X(gnutls_x509_privkey_deinit) X(gnutls_x509_privkey_generate)                         \
        X(gnutls_x509_privkey_init)
/* clang-format on */

struct tls_library {
#define X(name) __typeof__(&name) name;
        TLS_FUNCTIONS(X)
#undef X
};

/* The loaded functions; NULL before tls_load. The one global of this file: a library is loaded once a process. */
extern struct tls_library tls;

enum {
        TLS_FILE_MAX = 1 << 20,  /* a key, a chain of certificates */
        TLS_TRUST_MAX = 8 << 20, /* a bundle of authorities */
        TLS_CHAIN_MAX = 16,      /* certificates of a peer that are shown */
        TLS_NAMES_MAX = 100,     /* names of one certificate that are shown */
        TLS_ALPN_MAX = 16,
        TLS_ALPN_LENGTH_MAX = 255, /* RFC 7301, section 3.1 */
        TLS_REASON_MAX = 400,
};

/* Loads the library; the first call costs milliseconds. Before sandbox_narrow_paths: it reads its own configuration. */
int tls_load(struct error *err);

/* ---- tls_files.c: what is read before the sandbox narrows ---- */

/* A certificate with its chain and the key, from PEM files; key NULL: it stands in the same file. */
int tls_use_key(
        gnutls_certificate_credentials_t credentials, const char *certificate, const char *key, struct error *err);

/* The authorities of a PEM file; NULL: those that the system trusts. Returns how many. */
int tls_use_trust(gnutls_certificate_credentials_t credentials, const char *path, struct error *err);

/* The protocols to offer, in their order; count 0 is none. */
int tls_use_alpn(gnutls_session_t session, char *const *names, size_t count, struct error *err);
int tls_check_alpn(char *const *names, size_t count, struct error *err);

/* ---- tls_chain.c: a peer's certificates ---- */

struct tls_names {
        char **items;
        size_t count;
};

struct tls_certificate {
        char *subject, *issuer; /* RFC 4514 */
        struct tls_names names; /* subject alternative names; "" when it has none */
        uint64_t names_left_out;
        int64_t not_before_ns, not_after_ns; /* Unix */
        char *serial, *key, *signature, *fingerprint;
        unsigned key_bits;
        bool self_issued; /* signed with its own key */
};

/* Reads one certificate in DER; strings live in the arena. */
int tls_read_certificate(struct sv der, struct arena *arena, struct tls_certificate *ret, struct error *err);

/* Whole days until then; a started one does not count, and negative when it is over. */
int64_t tls_days_left(int64_t not_after_ns, int64_t now_ns);

/* Why a chain is not verified, in words; status is gnutls_certificate_status_t, leaf the first certificate. "" when it
 * is. ret has TLS_REASON_MAX bytes. */
void tls_explain(
        unsigned status, const struct tls_certificate *leaf, size_t chain, const char *name, int64_t now_ns, char *ret);

/* "TLS 1.3"; NULL before it is settled. */
const char *tls_version(gnutls_session_t session);

/* What went wrong in a session, in words: the peer's alert by name, else the library's text. */
void tls_explain_failure(gnutls_session_t session, int status, const char *peer, char *ret, size_t size);
