/* Records lost, reordered, truncated and interleaved, as the input says, through assembler and translation. The input
 * is a line of commands, then records, one a line: the commands choose which record comes next, under which serial,
 * and when. What must hold: ceilings are kept, each event has records, each event is told, and in the end nothing is
 * in flight. Texts that an observation points to are read to their ends. */
#include "modules/watch/source/audit_observe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS_MAX = 64 };

static void look(const struct observation *observation, void *cookie)
{
        size_t *sum = cookie;
        const struct sv texts[] = { observation->comm, observation->exe, observation->cwd, observation->tty,
                observation->argv, observation->syscall, observation->operation, observation->key, observation->path,
                observation->path2, observation->object, observation->account, observation->address,
                observation->terminal, observation->hostname, observation->detail };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                for (size_t j = 0; j < texts[i].n; j++)
                        *sum += (unsigned char)texts[i].p[j];
        if (observation->detail.n > 4096 || observation->argv.n > 128 << 10 || observation->type >= OBSERVATION_TYPES)
                abort();
        if (observation->type == OBSERVED_GAP && (observation->lost == 0 || observation->lost > UINT32_MAX))
                abort();
}

struct check {
        struct audit_translation *translation;
        size_t sum, events, observed;
};

static void count_one(const struct observation *observation, void *cookie)
{
        struct check *check = cookie;
        check->observed++;
        look(observation, &check->sum);
}

static void take(const struct audit_event *event, void *cookie)
{
        struct check *check = cookie;
        size_t before = check->observed;
        check->events++;
        if (event->count == 0 || event->count > 16)
                abort();
        audit_observe(check->translation, event, SOURCE_REPLAY, count_one, check);
        if (check->observed == before)
                abort(); /* an event that was never told */
}

static size_t read_records(struct sv rest, struct audit_record *records)
{
        size_t count = 0;
        struct sv line;
        while (count < RECORDS_MAX && sv_line(&rest, &line)) {
                if (!audit_record_parse(line, &records[count])) /* a body for whatever type the commands give it */
                        records[count] = (struct audit_record){ .type = 1300 + line.n % 40, .body = line };
                count++;
        }
        return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv rest = sv_n((const char *)data, size), commands;
        struct audit_record records[RECORDS_MAX];
        struct audit_assembler_counters counters;

        if (!size || !sv_line(&rest, &commands) || !commands.n)
                return 0;
        struct audit_assembler_options options = {
                .in_order = commands.p[0] & 1,
                .in_flight_max = 1 + (commands.p[0] >> 1 & 7),
                .records_max = 16,
                .event_bytes_max = 4096,
                .bytes_max = 8192,
        };
        struct check check = { .translation = audit_translation_new(NULL) };
        struct audit_assembler *assembler = audit_assembler_new(&options, NULL);
        size_t count = read_records(rest, records);
        int64_t now_ns = 0;
        uint32_t shift = 0;
        if (!check.translation || !assembler)
                abort();
        for (size_t i = 1; i < commands.n && count; i++) {
                unsigned char command = (unsigned char)commands.p[i];
                struct audit_record record = records[command % count];
                if (command >= 0xf0)
                        shift += UINT32_C(1) << (command & 15) * 2;
                if (command >= 0xe0)
                        now_ns += (command & 15) * 100000000;
                if (command >= 0xd0 && command < 0xe0)
                        record.body.n = record.body.n * (command & 15) / 16;
                if (command >= 0xc0 && command < 0xd0)
                        record.type = 1300 + (command & 15) * 3;
                record.serial += shift;
                audit_assembler_feed(assembler, &record, now_ns, take, &check);
                audit_assembler_count(assembler, &counters);
                if (counters.in_flight > options.in_flight_max || counters.bytes > options.bytes_max)
                        abort();
        }
        audit_assembler_tick(assembler, INT64_MAX, take, &check);
        audit_assembler_count(assembler, &counters);
        if (counters.in_flight || counters.bytes || counters.events != check.events)
                abort();
        audit_assembler_free(assembler);
        audit_translation_free(check.translation);
        return check.sum == 1;
}
