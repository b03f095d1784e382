/* What the kernel sends about audit and processes, from bytes: parsed exactly, refused when it is cut or foreign. */
#include "linux/audit_netlink.h"
#include "linux/proc_connector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/netlink.h>

/* A datagram of the connector, word by word, as a machine of the tests' byte order sends it. */
struct datagram {
        uint32_t words[32];
        size_t size;
};

static struct datagram connector_datagram(
        uint32_t what, uint32_t cpu, uint32_t sequence, const uint32_t *body, size_t body_words)
{
        struct datagram datagram = { 0 };
        uint32_t event = (uint32_t)(16 + body_words * 4);
        uint32_t head[] = { 16 + 20 + event, 3 /* NLMSG_DONE */, sequence, 0, /* nlmsghdr */
                1, 1, sequence, 0, event,                                     /* cn_msg; length and flags */
                what, cpu, 0x89abcdef, 0x12 };                                /* proc_event, its time */
        memcpy(datagram.words, head, sizeof(head));
        memcpy(datagram.words + 13, body, body_words * 4);
        datagram.size = 52 + body_words * 4;
        return datagram;
}

static bool parse(const struct datagram *datagram, size_t size, struct connector_event *ret)
{
        return connector_parse(sv_n((const char *)datagram->words, size), ret);
}

static void test_connector_kinds(void **state)
{
        (void)state;
        struct connector_event event;
        uint32_t fork[] = { 11, 10, 21, 20 };
        struct datagram datagram = connector_datagram(CONNECTOR_FORK, 3, 77, fork, 4);
        assert_true(parse(&datagram, datagram.size, &event));
        assert_int_equal(event.what, CONNECTOR_FORK);
        assert_int_equal(event.cpu, 3);
        assert_int_equal(event.sequence, 77);
        assert_int_equal(event.monotonic_ns, 0x1289abcdefULL);
        assert_int_equal(event.pid, 20);
        assert_int_equal(event.tid, 21);
        assert_int_equal(event.ppid, 10);
        assert_int_equal(event.ptid, 11);

        uint32_t exited[] = { 20, 20, 0x8b, 17, 11, 10 };
        datagram = connector_datagram(CONNECTOR_EXIT, 0, 0, exited, 6);
        assert_true(parse(&datagram, datagram.size, &event));
        assert_int_equal(event.pid, 20);
        assert_int_equal(event.status, 0x8b); /* SIGSEGV, core */
        assert_int_equal(event.ppid, 10);
        datagram = connector_datagram(CONNECTOR_EXIT, 0, 0, exited, 4); /* before Linux 4.18 */
        assert_true(parse(&datagram, datagram.size, &event));
        assert_int_equal(event.status, 0x8b);
        assert_int_equal(event.ppid, 0);

        uint32_t uid[] = { 20, 20, 1000, 0 };
        datagram = connector_datagram(CONNECTOR_UID, 0, 0, uid, 4);
        assert_true(parse(&datagram, datagram.size, &event));
        assert_int_equal(event.id, 1000);
        assert_int_equal(event.effective_id, 0);

        uint32_t comm[] = { 20, 20, 0x6c6c6568, 0x0000006f, 0, 0 };
        datagram = connector_datagram(CONNECTOR_COMM, 0, 0, comm, 6);
        assert_true(parse(&datagram, datagram.size, &event));
        assert_memory_equal(event.comm, "hell", 4);

        uint32_t traced[] = { 20, 20, 31, 30 };
        datagram = connector_datagram(CONNECTOR_PTRACE, 0, 0, traced, 4);
        assert_true(parse(&datagram, datagram.size, &event));
        assert_int_equal(event.pid, 20);
        assert_int_equal(event.ppid, 30);
}

static void test_connector_refuses(void **state)
{
        (void)state;
        struct connector_event event, before = { .what = 99 };
        uint32_t fork[] = { 11, 10, 21, 20 };
        struct datagram datagram = connector_datagram(CONNECTOR_FORK, 3, 77, fork, 4);
        event = before;
        for (size_t size = 0; size < datagram.size; size++)
                assert_false(parse(&datagram, size, &event));
        assert_memory_equal(&event, &before, sizeof(event));

        struct datagram other = datagram;
        other.words[1] = 2; /* NLMSG_ERROR */
        assert_false(parse(&other, other.size, &event));
        other = datagram;
        other.words[4] = 9; /* another user of the connector */
        assert_false(parse(&other, other.size, &event));
        other = datagram;
        other.words[8] = 33; /* more than there is */
        assert_false(parse(&other, other.size, &event));
        other = datagram;
        other.words[9] = 0x400; /* a kind that does not exist yet */
        assert_false(parse(&other, other.size, &event));
        uint32_t two[] = { 11, 10 };
        datagram = connector_datagram(CONNECTOR_FORK, 0, 0, two, 2); /* a fork without its child */
        assert_false(parse(&datagram, datagram.size, &event));
}

static uint32_t gap(struct connector_sequences *sequences, uint32_t cpu, uint32_t sequence)
{
        struct connector_event event = { .what = CONNECTOR_EXEC, .cpu = cpu, .sequence = sequence };
        return connector_sequence_gap(sequences, &event);
}

static void test_sequences_are_each_cpus_own(void **state)
{
        (void)state;
        struct connector_sequences *sequences = calloc(1, sizeof(*sequences));
        assert_non_null(sequences);
        assert_int_equal(gap(sequences, 0, 100), 0); /* the first tells nothing */
        assert_int_equal(gap(sequences, 1, UINT32_MAX), 0);
        assert_int_equal(gap(sequences, 0, 101), 0);
        assert_int_equal(gap(sequences, 1, 0), 0); /* wraps */
        assert_int_equal(gap(sequences, 0, 105), 3);
        assert_int_equal(gap(sequences, 1, 1), 0);
        assert_int_equal(gap(sequences, 0, 104), 0); /* never sent so; no loss of four thousand million */
        assert_int_equal(gap(sequences, CONNECTOR_CPUS_MAX, 1), 0);
        assert_int_equal(gap(sequences, CONNECTOR_CPUS_MAX, 9), 0);
        assert_int_equal(sequences->lost[0], 3);
        assert_int_equal(sequences->lost[1], 0);
        free(sequences);
}

static size_t audit_datagram(char *ret, uint16_t type, uint32_t length, const char *text, size_t size)
{
        struct nlmsghdr header = { .nlmsg_len = length, .nlmsg_type = type };
        memcpy(ret, &header, sizeof(header));
        memcpy(ret + sizeof(header), text, size);
        return sizeof(header) + size;
}

static void test_audit_record_length(void **state)
{
        (void)state;
        static const char text[] = "audit(1700000000.123:456): pid=1";
        char bytes[128];
        struct audit_netlink_record record;
        size_t size = strlen(text);
        /* to the daemon: the length of the text alone; to readers: of the whole. Neither is believed */
        uint32_t lengths[] = { (uint32_t)size, (uint32_t)size + 16, 0, UINT32_MAX };
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
                size_t got = audit_datagram(bytes, AUDIT_SYSCALL, lengths[i], text, size);
                assert_true(audit_netlink_parse(sv_n(bytes, got), &record));
                assert_int_equal(record.type, AUDIT_SYSCALL);
                assert_true(sv_eq(record.text, sv_of(text)));
        }
        size_t got = audit_datagram(bytes, AUDIT_FIRST_USER_MSG, 0, "audit(1.000:2): x\n", 19); /* and its NUL */
        assert_true(audit_netlink_parse(sv_n(bytes, got), &record));
        assert_true(sv_eq(record.text, SV("audit(1.000:2): x")));
}

static void test_audit_answers_are_no_records(void **state)
{
        (void)state;
        static const uint16_t types[] = { NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, AUDIT_GET, AUDIT_SET, AUDIT_LIST_RULES,
                AUDIT_ADD_RULE, AUDIT_SIGNAL_INFO, AUDIT_GET_FEATURE, AUDIT_REPLACE };
        struct audit_netlink_record record;
        char bytes[64];
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                size_t got = audit_datagram(bytes, types[i], 24, "12345678", 8);
                assert_false(audit_netlink_parse(sv_n(bytes, got), &record));
        }
        size_t got = audit_datagram(bytes, AUDIT_EOE, 16, "", 0);
        for (size_t size = 0; size <= got; size++)
                assert_false(audit_netlink_parse(sv_n(bytes, size), &record));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_connector_kinds),
                cmocka_unit_test(test_connector_refuses),
                cmocka_unit_test(test_sequences_are_each_cpus_own),
                cmocka_unit_test(test_audit_record_length),
                cmocka_unit_test(test_audit_answers_are_no_records),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
