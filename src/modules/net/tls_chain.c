/* A peer's certificates as rows, and why they are not trusted. */
#include "modules/net/tls.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/timefmt.h"

#include <arpa/inet.h>

enum { NAME_BYTES_MAX = 1024, SERIAL_BYTES_MAX = 64, DIGEST_BYTES = 32 };

/* A peer's bytes as a string: what is no UTF-8, and zero bytes, as U+FFFD. NULL without memory. */
static char *text_of(struct arena *arena, const void *bytes, size_t size)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, 4 * NAME_BYTES_MAX);
        struct sv rest = sv_n(bytes, size < NAME_BYTES_MAX ? size : NAME_BYTES_MAX), part;
        bool first = true;
        while (sv_split(&rest, '\0', &part)) {
                if (!first)
                        buf_puts(&text, "\xef\xbf\xbd");
                first = false;
                utf8_sanitize(part, &text);
        }
        return arena_strdup(arena, buf_text(&text));
}

static char *hex_of(struct arena *arena, const void *bytes, size_t size)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, 2 * SERIAL_BYTES_MAX);
        hex_encode(bytes, size, &text);
        return arena_strdup(arena, buf_text(&text));
}

typedef int dn_fn(gnutls_x509_crt_t certificate, gnutls_datum_t *ret, unsigned flags);

static char *dn_of(struct arena *arena, gnutls_x509_crt_t certificate, dn_fn *get)
{
        gnutls_datum_t dn = { 0 };
        if (get(certificate, &dn, 0) < 0)
                return arena_strdup(arena, "");
        char *text = text_of(arena, dn.data, dn.size);
        free(dn.data); /* GnuTLS uses malloc unless told otherwise, and nobody here does */
        return text;
}

static char *name_text(struct arena *arena, int type, const char *bytes, size_t size)
{
        char address[INET6_ADDRSTRLEN];
        if (type == GNUTLS_SAN_IPADDRESS) {
                int family = size == 4 ? AF_INET : AF_INET6;
                bool known = size == 4 || size == 16;
                return known && inet_ntop(family, bytes, address, sizeof(address)) ? arena_strdup(arena, address)
                                                                                   : hex_of(arena, bytes, size);
        }
        if (type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_RFC822NAME || type == GNUTLS_SAN_URI ||
                type == GNUTLS_SAN_DN)
                return text_of(arena, bytes, size);
        return arena_strdup(arena, "another kind of name");
}

static void read_names(gnutls_x509_crt_t certificate, struct arena *arena, struct tls_certificate *ret)
{
        char bytes[NAME_BYTES_MAX];
        for (unsigned i = 0;; i++) {
                size_t size = sizeof(bytes);
                int type = tls.gnutls_x509_crt_get_subject_alt_name(certificate, i, bytes, &size, NULL);
                if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
                        return;
                if (type < 0 || ret->names.count == TLS_NAMES_MAX) {
                        ret->names_left_out++;
                        continue;
                }
                if (!ret->names.items)
                        ret->names.items = arena_array(arena, TLS_NAMES_MAX, sizeof(char *));
                char *name = ret->names.items ? name_text(arena, type, bytes, size) : NULL;
                if (name)
                        ret->names.items[ret->names.count++] = name;
                else
                        ret->names_left_out++;
        }
}

/* Times of certificates go to the year 9999, ours to 2262: what lies beyond is shown as the end of ours. */
static int64_t time_of(time_t seconds)
{
        const int64_t last = INT64_MAX / SECOND;
        return seconds < 0 ? 0 : (seconds > last ? last : (int64_t)seconds) * SECOND;
}

static void read_fields(gnutls_x509_crt_t certificate, struct arena *arena, struct tls_certificate *ret)
{
        unsigned char serial[SERIAL_BYTES_MAX], digest[DIGEST_BYTES];
        size_t serial_size = sizeof(serial), digest_size = sizeof(digest);
        ret->subject = dn_of(arena, certificate, tls.gnutls_x509_crt_get_dn3);
        ret->issuer = dn_of(arena, certificate, tls.gnutls_x509_crt_get_issuer_dn3);
        ret->not_before_ns = time_of(tls.gnutls_x509_crt_get_activation_time(certificate));
        ret->not_after_ns = time_of(tls.gnutls_x509_crt_get_expiration_time(certificate));
        if (tls.gnutls_x509_crt_get_serial(certificate, serial, &serial_size) >= 0)
                ret->serial = hex_of(arena, serial, serial_size);
        if (tls.gnutls_x509_crt_get_fingerprint(certificate, GNUTLS_DIG_SHA256, digest, &digest_size) >= 0)
                ret->fingerprint = hex_of(arena, digest, digest_size);
        int algorithm = tls.gnutls_x509_crt_get_pk_algorithm(certificate, &ret->key_bits);
        const char *key = algorithm >= 0 ? tls.gnutls_pk_algorithm_get_name(algorithm) : NULL;
        ret->key = arena_strdup(arena, key ? key : "unknown");
        int signature = tls.gnutls_x509_crt_get_signature_algorithm(certificate);
        const char *signed_with = signature >= 0 ? tls.gnutls_sign_get_name(signature) : NULL;
        ret->signature = arena_strdup(arena, signed_with ? signed_with : "unknown");
        ret->self_issued = tls.gnutls_x509_crt_check_issuer(certificate, certificate) != 0;
        read_names(certificate, arena, ret);
}

int tls_read_certificate(struct sv der, struct arena *arena, struct tls_certificate *ret, struct error *err)
{
        gnutls_x509_crt_t certificate;
        gnutls_datum_t bytes = { (unsigned char *)(uintptr_t)der.p, (unsigned)der.n };
        if (tls.gnutls_x509_crt_init(&certificate) < 0)
                return fail(err, E_NO_MEMORY, "no memory for a certificate");
        int status = tls.gnutls_x509_crt_import(certificate, &bytes, GNUTLS_X509_FMT_DER);
        if (status >= 0) {
                *ret = (struct tls_certificate){ 0 };
                read_fields(certificate, arena, ret);
        }
        tls.gnutls_x509_crt_deinit(certificate);
        return status < 0 ? fail(err, E_CORRUPT, "a certificate cannot be read: %s", tls.gnutls_strerror(status)) : 0;
}

int64_t tls_days_left(int64_t not_after_ns, int64_t now_ns)
{
        int64_t left = not_after_ns - now_ns;
        return left >= 0 ? left / DAY : (left + 1) / DAY - 1;
}

struct reasons {
        char *text;
        size_t used;
};

static void __attribute__((format(printf, 2, 3))) add_reason(struct reasons *reasons, const char *format, ...)
{
        va_list args;
        if (reasons->used && reasons->used + 3 < TLS_REASON_MAX) {
                memcpy(reasons->text + reasons->used, "; ", 3);
                reasons->used += 2;
        }
        va_start(args, format);
        int n = vsnprintf(reasons->text + reasons->used, TLS_REASON_MAX - reasons->used, format, args);
        va_end(args);
        reasons->used += n > 0 ? (size_t)n : 0;
        if (reasons->used >= TLS_REASON_MAX)
                reasons->used = TLS_REASON_MAX - 1;
}

static void explain_dates(struct reasons *reasons, unsigned status, const struct tls_certificate *leaf, int64_t now_ns)
{
        char text[TIME_TEXT_MAX];
        if (leaf && leaf->not_after_ns < now_ns) {
                time_format_rfc3339(leaf->not_after_ns, text);
                add_reason(reasons, "expired on %s", text);
        } else if (status & GNUTLS_CERT_EXPIRED) {
                add_reason(reasons, "a certificate of its chain is expired");
        }
        if (leaf && leaf->not_before_ns > now_ns) {
                time_format_rfc3339(leaf->not_before_ns, text);
                add_reason(reasons, "not valid before %s", text);
        } else if (status & GNUTLS_CERT_NOT_ACTIVATED) {
                add_reason(reasons, "a certificate of its chain is not valid yet");
        }
}

void tls_explain(
        unsigned status, const struct tls_certificate *leaf, size_t chain, const char *name, int64_t now_ns, char *ret)
{
        static const struct {
                unsigned bit;
                const char *text;
        } plain[] = {
                { GNUTLS_CERT_REVOKED, "revoked" },
                { GNUTLS_CERT_SIGNATURE_FAILURE, "a signature is wrong" },
                { GNUTLS_CERT_SIGNER_NOT_CA, "signed by a certificate that is no authority" },
                { GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, "not what its issuer may sign" },
                { GNUTLS_CERT_INSECURE_ALGORITHM, "signed with a weak algorithm" },
                { GNUTLS_CERT_PURPOSE_MISMATCH, "not made for servers" },
                { GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS, "it has a critical extension that is not known here" },
                { GNUTLS_CERT_MISSING_OCSP_STATUS, "it must come with an OCSP status and does not" },
                { GNUTLS_CERT_INVALID_OCSP_STATUS, "its OCSP status is not valid" },
        };
        struct reasons reasons = { .text = ret };
        ret[0] = '\0';
        if (!status)
                return;
        explain_dates(&reasons, status, leaf, now_ns);
        if (status & GNUTLS_CERT_SIGNER_NOT_FOUND) {
                if (leaf && leaf->self_issued && chain == 1)
                        add_reason(&reasons, "self-signed");
                else
                        add_reason(&reasons, "unknown issuer");
        }
        if (status & GNUTLS_CERT_UNEXPECTED_OWNER)
                add_reason(&reasons, "wrong name: it is not for %s", name);
        for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
                if (status & plain[i].bit)
                        add_reason(&reasons, "%s", plain[i].text);
        if (!reasons.used)
                add_reason(&reasons, "not valid");
}
