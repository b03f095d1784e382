/* A certificate is what a server likes to send. Whatever comes, its row is bounded, its texts are UTF-8, and the
 * reasons of a refusal fit. */
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/timefmt.h"
#include "modules/net/tls.h"

static void need(bool holds)
{
        if (!holds)
                abort();
}

static void check_text(const char *text)
{
        need(!text || utf8_valid(sv_of(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct error err;
        struct tls_certificate certificate = { 0 };
        char reason[TLS_REASON_MAX];
        static const char hex[] = "0123456789abcdef";
        if (size > 1 << 16 || tls_load(&err) < 0)
                return 0;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 4 << 20);
        bool read = tls_read_certificate(sv_n((const char *)data, size), &arena, &certificate, &err) == 0;
        if (read) {
                check_text(certificate.subject);
                check_text(certificate.issuer);
                need(certificate.names.count <= TLS_NAMES_MAX);
                for (size_t i = 0; i < certificate.names.count; i++)
                        check_text(certificate.names.items[i]);
                need(certificate.fingerprint && strlen(certificate.fingerprint) == 64);
                need(strspn(certificate.serial ? certificate.serial : "", hex) ==
                        strlen(certificate.serial ? certificate.serial : ""));
        }
        unsigned status = size >= 4 ? (unsigned)data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3] : 0;
        tls_explain(status, read ? &certificate : NULL, 1, "a.test", 1700000000 * SECOND, reason);
        need(strnlen(reason, sizeof(reason)) < sizeof(reason) && (status == 0) == !*reason);
        need(tls_days_left(certificate.not_after_ns, INT64_MAX) <= 0);
        return 0;
}
