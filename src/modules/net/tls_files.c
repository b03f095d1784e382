/* Keys, certificates and authorities from PEM files. */
#include "modules/net/tls.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>

/* Where distributions keep the authorities that they trust, as one file. */
static const char *const system_trust[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian and its kin, Alpine, Arch */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora and its kin */
        "/etc/ssl/ca-bundle.pem",             /* openSUSE */
        "/etc/ssl/cert.pem",
};

static gnutls_datum_t datum_of(const struct buf *buf)
{
        return (gnutls_datum_t){ (unsigned char *)(uintptr_t)buf_text(buf), (unsigned)buf->len };
}

static void wipe(struct buf *secret)
{
        if (secret->data)
                explicit_bzero(secret->data, secret->len);
        buf_done(secret);
}

static int use_key(gnutls_certificate_credentials_t credentials, const char *certificate, const struct buf *chain,
        const char *key, const struct buf *secret, struct error *err)
{
        gnutls_datum_t chain_pem = datum_of(chain), key_pem = datum_of(secret);
        int status = tls.gnutls_certificate_set_x509_key_mem2(
                credentials, &chain_pem, &key_pem, GNUTLS_X509_FMT_PEM, NULL, 0);
        if (status >= 0)
                return 0;
        if (status == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
                return fail(err, E_INVALID, "the key in %s is not that of the certificate in %s", key, certificate);
        if (status == GNUTLS_E_DECRYPTION_FAILED)
                return fail(err, E_INVALID, "%s: the key is encrypted; only plain ones can be read", key);
        return fail(err, E_INVALID, "%s and %s: %s", certificate, key, tls.gnutls_strerror(status));
}

int tls_use_key(
        gnutls_certificate_credentials_t credentials, const char *certificate, const char *key, struct error *err)
{
        struct buf chain, secret;
        buf_init(&chain, TLS_FILE_MAX);
        buf_init(&secret, TLS_FILE_MAX);
        key = key && *key ? key : certificate;
        int status = file_read(AT_FDCWD, certificate, &chain, err);
        if (status == 0)
                status = file_read(AT_FDCWD, key, &secret, err);
        if (status == 0)
                status = use_key(credentials, certificate, &chain, key, &secret, err);
        wipe(&chain); /* may be the key's file too */
        wipe(&secret);
        return status;
}

int tls_use_trust(gnutls_certificate_credentials_t credentials, const char *path, struct error *err)
{
        cleanup(buf_done) struct buf bundle;
        struct error ignored;
        buf_init(&bundle, TLS_TRUST_MAX);
        bool asked = path && *path;
        if (asked && file_read(AT_FDCWD, path, &bundle, err) < 0)
                return -1;
        for (size_t i = 0; !asked && !bundle.len && i < sizeof(system_trust) / sizeof(system_trust[0]); i++)
                if (file_read(AT_FDCWD, system_trust[i], &bundle, &ignored) < 0)
                        buf_clear(&bundle);
        if (!bundle.len && !asked)
                return 0;
        gnutls_datum_t pem = datum_of(&bundle);
        int count = tls.gnutls_certificate_set_x509_trust_mem(credentials, &pem, GNUTLS_X509_FMT_PEM);
        if (asked && count <= 0)
                return fail(err, E_INVALID, "%s: no certificate in PEM%s%s", path, count < 0 ? ": " : "",
                        count < 0 ? tls.gnutls_strerror(count) : "");
        return count > 0 ? count : 0;
}

int tls_check_alpn(char *const *names, size_t count, struct error *err)
{
        for (size_t i = 0; i < count; i++)
                if (!*names[i] || strlen(names[i]) > TLS_ALPN_LENGTH_MAX)
                        return fail(err, E_INVALID, "alpn: a protocol's name has 1 to %d bytes", TLS_ALPN_LENGTH_MAX);
        return 0;
}

int tls_use_alpn(gnutls_session_t session, char *const *names, size_t count, struct error *err)
{
        gnutls_datum_t protocols[TLS_ALPN_MAX];
        size_t used = count < TLS_ALPN_MAX ? count : TLS_ALPN_MAX;
        for (size_t i = 0; i < used; i++)
                protocols[i] = (gnutls_datum_t){ (unsigned char *)names[i], (unsigned)strlen(names[i]) };
        int status = used ? tls.gnutls_alpn_set_protocols(session, protocols, (unsigned)used, 0) : 0;
        return status < 0 ? fail(err, E_FAILED, "alpn: %s", tls.gnutls_strerror(status)) : 0;
}
