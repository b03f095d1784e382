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

/* All fields of a body as "name=value" with a mark for the form, separated by '|'. */
static const char *fields_of(const char *body)
{
        static char text[4096];
        size_t used = 0;
        struct audit_fields fields = audit_fields_of(sv_of(body));
        struct audit_field field;
        static const char marks[] = { '.', '"', '\'' };

        text[0] = '\0';
        while (audit_fields_next(&fields, &field))
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%.*s%c%.*s", used ? "|" : "",
                        field.nested ? "+" : "", SV_ARG(field.name), marks[field.form], SV_ARG(field.value));
        return text;
}

static void fields(void **state)
{
        (void)state;
        assert_string_equal(fields_of("a0=1 comm=\"a b\" key=(null)"), "a0.1|comm\"a b|key.(null)");
        assert_string_equal(fields_of(""), "");
        assert_string_equal(fields_of("words only, no fields"), "");
        assert_string_equal(fields_of("config changed, auid=0 pid=1, res=success"), "auid.0|pid.1|res.success");
        assert_string_equal(fields_of("mac= pfs=x  exe=\"/bin/a\""), "mac.|pfs.x|exe\"/bin/a");
        assert_string_equal(fields_of("subj==unconfined key=\"k\""), "subj.unconfined|key\"k");
        assert_string_equal(fields_of("argc=2 a0=\"x\" a1_len=8 a1[0]=4142"), "argc.2|a0\"x|a1_len.8|a1[0].4142");
        /* what a program sent */
        assert_string_equal(fields_of("pid=1 msg='op=login acct=\"root\" res=failed' ses=2"),
                "pid.1|msg'op=login acct=\"root\" res=failed|+op.login|+acct\"root|+res.failed|ses.2");
        assert_string_equal(
                fields_of("msg='PAM: session open acct=root : exe=\"/b\" (hostname=?, addr=?, res=success)'"),
                "msg'PAM: session open acct=root : exe=\"/b\" (hostname=?, addr=?, res=success)|+acct.root|+exe\"/b|"
                "+hostname.?|+addr.?|+res.success");
        assert_string_equal(fields_of("msg='it's op=a'"), "msg'it's op=a|+op.a");
        /* cut and damaged ones */
        assert_string_equal(fields_of("msg='op=a res=1"), "msg'op=a res=1|+op.a|+res.1");
        assert_string_equal(fields_of("comm=\"cut off"), "comm\"cut off");
        assert_string_equal(fields_of("a="), "a.");
        assert_string_equal(fields_of("= =x a=1"), "a.1");
        assert_string_equal(fields_of("key=(null)ARCH=x86_64"), "key.(null)|ARCH.x86_64");
        assert_string_equal(fields_of("key=6162\""), "key.6162");

        struct audit_field field;
        assert_true(audit_field_find(SV("login old auid=5 new auid=0"), SV("auid"), &field));
        assert_sv(field.word, "old");
        assert_false(audit_field_find(SV("auid=5"), SV("uid"), &field));
}

/* Lengths around the eight bytes that are read at once, at the very end of a mapping's worth of text. */
static void field_lengths(void **state)
{
        (void)state;
        for (size_t name = 1; name < 20; name++) {
                for (size_t value = 0; value < 20; value++) {
                        char *text = malloc(name + 1 + value);
                        assert_non_null(text);
                        memset(text, 'n', name);
                        text[name] = '=';
                        memset(text + name + 1, 'v', value);
                        struct audit_fields all = audit_fields_of(sv_n(text, name + 1 + value));
                        struct audit_field field;
                        assert_true(audit_fields_next(&all, &field));
                        assert_int_equal(field.name.n, name);
                        assert_int_equal(field.value.n, value);
                        assert_false(audit_fields_next(&all, &field));
                        free(text);
                }
        }
}

static void keys(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                enum audit_key key;
        } cases[] = { { "a0=", AUDIT_KEY_A0 }, { "uid=", AUDIT_KEY_UID }, { "auid=", AUDIT_KEY_AUID },
                { "hostname=", AUDIT_KEY_HOSTNAME }, { "syscall=1", AUDIT_KEY_SYSCALL }, { "xhostname=", 0 },
                { "proctitle=", 0 }, { "uidx=", 0 }, { "old-auid=", AUDIT_KEY_OLD_AUID } };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct audit_fields all = audit_fields_of(sv_of(cases[i].text));
                struct audit_field field;
                assert_true(audit_fields_next(&all, &field));
                assert_int_equal(audit_key_of(&field), cases[i].key);
        }
}

static void decoding(void **state)
{
        (void)state;
        struct audit_field field;
        char buffer[8];
        bool cut = false;

        audit_field_find(SV("exe=2F62696E"), SV("exe"), &field);
        assert_true(audit_field_is_encoded(AUDIT_SYSCALL, &field));
        assert_sv(audit_field_decode(&field, buffer, sizeof(buffer), &cut), "/bin");
        assert_false(cut);
        assert_sv(audit_field_decode(&field, buffer, 2, &cut), "/b");
        assert_true(cut);
        /* a quoted one is meant literally, and words are no hexadecimal */
        audit_field_find(SV("exe=\"2F62\""), SV("exe"), &field);
        assert_false(audit_field_is_encoded(AUDIT_SYSCALL, &field));
        assert_sv(audit_field_decode(&field, buffer, sizeof(buffer), NULL), "2F62");
        audit_field_find(SV("acct=cafe"), SV("acct"), &field);
        assert_sv(audit_field_decode(&field, buffer, sizeof(buffer), NULL), "cafe");
        audit_field_find(SV("acct=ABC"), SV("acct"), &field);
        assert_sv(audit_field_decode(&field, buffer, sizeof(buffer), NULL), "ABC");
        /* a0 is text in EXECVE, a number elsewhere */
        audit_field_find(SV("a0=6162"), SV("a0"), &field);
        assert_true(audit_field_is_encoded(AUDIT_EXECVE, &field));
        assert_false(audit_field_is_encoded(AUDIT_SYSCALL, &field));
        audit_field_find(SV("a0_len=6162"), SV("a0_len"), &field);
        assert_false(audit_field_is_encoded(AUDIT_EXECVE, &field));
}

static void arguments(void **state)
{
        (void)state;
        enum audit_argument kind;
        uint32_t index, part;
        assert_true(audit_argument_name(SV("a12"), &kind, &index, &part));
        assert_true(kind == AUDIT_ARGUMENT_WHOLE && index == 12);
        assert_true(audit_argument_name(SV("a2_len"), &kind, &index, &part));
        assert_true(kind == AUDIT_ARGUMENT_LENGTH && index == 2);
        assert_true(audit_argument_name(SV("a2[31]"), &kind, &index, &part));
        assert_true(kind == AUDIT_ARGUMENT_PART && index == 2 && part == 31);
        static const char *const others[] = { "a", "argc", "a1x", "a1[", "a1[]", "a1[2", "a1[2]x", "b1", "a1_lens",
                "" };
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                assert_false(audit_argument_name(sv_of(others[i]), &kind, &index, &part));
}

static void numbers(void **state)
{
        (void)state;
        uint32_t u32;
        uint64_t u64;
        int64_t i64;
        assert_true(audit_value_u32(SV("4294967295"), &u32) && u32 == UINT32_MAX);
        assert_false(audit_value_u32(SV("4294967296"), &u32));
        assert_false(audit_value_u32(SV(""), &u32));
        assert_false(audit_value_u32(SV("-1"), &u32));
        assert_false(audit_value_u32(SV("1x"), &u32));
        assert_true(audit_value_u64(SV("18446744073709551615"), 10, &u64) && u64 == UINT64_MAX);
        assert_true(audit_value_u64(SV("0x7ffc0000"), 16, &u64) && u64 == 0x7ffc0000);
        assert_true(audit_value_u64(SV("c000003e"), 16, &u64) && u64 == AUDIT_ARCH_X86_64);
        assert_true(audit_value_u64(SV("0100755"), 8, &u64) && u64 == 0100755);
        assert_true(audit_value_i64(SV("-115"), &i64) && i64 == -115);
}

static void types(void **state)
{
        (void)state;
        static const char *const names[] = { "SYSCALL", "EXECVE", "PATH", "CWD", "EOE", "SOCKADDR", "PROCTITLE",
                "LOGIN", "USER_LOGIN", "ANOM_ABEND", "SECCOMP", "BPF", "URINGOP", "OPENAT2", "DM_EVENT",
                "SERVICE_START" };
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                uint32_t number = audit_type_number(sv_of(names[i]));
                assert_true(number >= 1000);
                assert_string_equal(audit_type_name(number), names[i]);
        }
        assert_int_equal(audit_type_number(SV("UNKNOWN[1400]")), 1400);
        assert_int_equal(audit_type_number(SV("1300")), 1300);
        assert_int_equal(audit_type_number(SV("NO_SUCH")), 0);
        assert_int_equal(audit_type_number(SV("")), 0);
        assert_null(audit_type_name(0));
        assert_null(audit_type_name(9999));
}

static void avc(void **state)
{
        (void)state;
        struct audit_avc got;
        assert_true(audit_avc_parse(SV("avc:  denied  { read write } for  pid=1 comm=\"a\""), &got));
        assert_sv(got.verdict, "denied");
        assert_sv(got.permissions, "read write");
        assert_sv(got.rest, "pid=1 comm=\"a\"");
        assert_false(audit_avc_parse(SV("avc:  denied  read"), &got));
        assert_false(audit_avc_parse(SV("avc:  denied  } {"), &got));
        assert_false(audit_avc_parse(SV("apparmor=\"DENIED\""), &got));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(headers),
                cmocka_unit_test(no_headers),
                cmocka_unit_test(fields),
                cmocka_unit_test(field_lengths),
                cmocka_unit_test(keys),
                cmocka_unit_test(decoding),
                cmocka_unit_test(arguments),
                cmocka_unit_test(numbers),
                cmocka_unit_test(types),
                cmocka_unit_test(avc),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
