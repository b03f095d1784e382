#include "modules/net/tls.h"

#include <dlfcn.h>

struct tls_library tls;

int tls_load(struct error *err)
{
        static const char *const names[] = {
#define X(name) #name,
                TLS_FUNCTIONS(X)
#undef X
        };
        _Static_assert(sizeof(tls) == sizeof(names), "a struct of function pointers only");
        if (tls.gnutls_init)
                return 0;
        void *library = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);
        if (!library) {
                const char *why = dlerror();
                return fail(err, E_UNSUPPORTED, "TLS needs libgnutls: %s", why ? why : "it cannot be loaded");
        }
        struct tls_library found = { 0 };
        void **functions = (void **)&found; /* as many pointers as names, in the same order */
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                functions[i] = dlsym(library, names[i]);
                if (!functions[i])
                        return fail(err, E_UNSUPPORTED, "this libgnutls has no %s", names[i]);
        }
        int status = found.gnutls_global_init();
        if (status < 0)
                return fail(err, E_UNSUPPORTED, "libgnutls: %s", found.gnutls_strerror(status));
        tls = found;
        return 0;
}

const char *tls_version(gnutls_session_t session)
{
        switch (tls.gnutls_protocol_get_version(session)) {
        case GNUTLS_TLS1_3:
                return "TLS 1.3";
        case GNUTLS_TLS1_2:
                return "TLS 1.2";
        case GNUTLS_TLS1_1:
                return "TLS 1.1";
        case GNUTLS_TLS1_0:
                return "TLS 1.0";
        default:
                return NULL;
        }
}

void tls_explain_failure(gnutls_session_t session, int status, const char *peer, char *ret, size_t size)
{
        const char *alert = NULL;
        switch (status) {
        case GNUTLS_E_FATAL_ALERT_RECEIVED:
        case GNUTLS_E_WARNING_ALERT_RECEIVED:
                alert = tls.gnutls_alert_get_name(tls.gnutls_alert_get(session));
                snprintf(ret, size, "the %s sent an alert: %s", peer, alert ? alert : "one without a name");
                return;
        case GNUTLS_E_PREMATURE_TERMINATION:
                snprintf(ret, size, "the %s ended the connection without close_notify", peer);
                return;
        case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
                snprintf(ret, size, "no version of TLS in common with the %s", peer);
                return;
        case GNUTLS_E_NO_CIPHER_SUITES:
                snprintf(ret, size, "no cipher in common with the %s", peer);
                return;
        case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
        case GNUTLS_E_UNEXPECTED_PACKET:
        case GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET:
                snprintf(ret, size, "the %s does not keep to TLS: %s", peer, tls.gnutls_strerror(status));
                return;
        default:
                snprintf(ret, size, "%s", tls.gnutls_strerror(status));
        }
        size_t used = strnlen(ret, size);
        if (used && ret[used - 1] == '.')
                ret[used - 1] = '\0';
}
