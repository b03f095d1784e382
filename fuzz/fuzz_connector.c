/* Datagrams of the process connector and of audit. The first byte chooses; for the connector every 76 bytes are one. */
#include "linux/audit_netlink.h"
#include "linux/proc_connector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATAGRAM = 76 };

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void fuzz_connector(struct sv input)
{
        static struct connector_sequences sequences;
        memset(&sequences, 0, sizeof(sequences));
        uint64_t lost = 0, told = 0;
        while (input.n > 0) {
                size_t length = input.n < DATAGRAM ? input.n : DATAGRAM;
                struct connector_event event;
                if (connector_parse(sv_n(input.p, length), &event)) {
                        check(memchr(event.comm, '\0', sizeof(event.comm)) != NULL);
                        lost += connector_sequence_gap(&sequences, &event);
                }
                input = sv_n(input.p + length, input.n - length);
        }
        for (size_t i = 0; i < CONNECTOR_CPUS_MAX; i++)
                told += sequences.lost[i];
        check(lost == told);
}

static void fuzz_audit(struct sv input)
{
        struct audit_netlink_record record;
        if (!audit_netlink_parse(input, &record))
                return;
        check(record.text.n > 0 && record.text.p > input.p && record.text.p + record.text.n <= input.p + input.n);
        check(record.text.p[record.text.n - 1] != '\n' && record.text.p[record.text.n - 1] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        struct sv input = sv_n((const char *)data + 1, size - 1);
        if (data[0] % 2 == 0)
                fuzz_connector(input);
        else
                fuzz_audit(input);
        return 0;
}
