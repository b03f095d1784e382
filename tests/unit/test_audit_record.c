/* Audit records as text: header, fields, values. */
#include "lib/audit/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <libaudit.h>

static struct audit_record parsed(const char *text)
{
        struct audit_record record;
        assert_true(audit_record_parse(sv_of(text), &record));
        return record;
}

#define assert_sv(view, text)                                                                                          \
        do {                                                                                                           \
                struct sv view_ = (view);                                                                              \
                assert_int_equal(view_.n, strlen(text));                                                               \
                assert_memory_equal(view_.p, text, view_.n);                                                           \
        } while (0)

static void headers(void **state)
{
        (void)state;
        struct audit_record record = parsed("audit(1481077231.371:479):  cwd=\"/home\"\n");
        assert_int_equal(record.type, 0);
        assert_int_equal(record.serial, 479);
        assert_true(record.time_ns == INT64_C(1481077231371000000));
        assert_sv(record.body, "cwd=\"/home\"");

        record = parsed("node=web1 type=CWD msg=audit(1481077231.371:4294967295):  cwd=\"/\"");
        assert_int_equal(record.type, AUDIT_CWD);
        assert_sv(record.node, "web1");
        assert_int_equal(record.serial, UINT32_MAX);

        record = parsed("type=DAEMON_CONFIG msg=audit(1490239800.477:34) config changed, auid=0 res=success");
        assert_int_equal(record.type, AUDIT_DAEMON_CONFIG);
        assert_sv(record.body, "config changed, auid=0 res=success");

        record = parsed("type=SYSCALL msg=audit(1.000:1): a=1 key=(null)\x1d"
                        "ARCH=x86_64 AUID=\"unset\"");
        assert_sv(record.body, "a=1 key=(null)");
        assert_sv(record.enriched, "ARCH=x86_64 AUID=\"unset\"");
        assert_sv(record.message, "audit(1.000:1): a=1 key=(null)");

        record = parsed("type=EOE msg=audit(1.000:1): ");
        assert_int_equal(record.body.n, 0);
}

static void no_headers(void **state)
{
        (void)state;
        static const char *const texts[] = { "", "audit(", "audit(1.000:1", "audit(1.00:1):", "audit(.000:1):",
                "audit(1.000:4294967296):", "audit(1.000:):", "audit(999999999999.000:1):", "type=UNKNOWN[1329] msg=?",
                "type=SYSCALL", "msg=audit(-1.000:1):" };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct audit_record record;
                if (audit_record_parse(sv_of(texts[i]), &record))
                        fail_msg("taken: %s", texts[i]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(headers),
                cmocka_unit_test(no_headers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
