/* Audit records on standard input, one a line, as JSON: `audit_json records` prints one object a line (null for what is
 * no record), `audit_json event` one object for all of them, then its counters;
 * `audit_json text` what each record means, in words. For test_audit_goldens.py and test_audit_ausearch.py. */
#include "base/cleanup.h"
#include "lib/audit/event.h"
#include "lib/audit/interpret.h"

enum { RECORDS_MAX = 256, TEXT_MAX = 1 << 20 };

static int print_records(struct sv text, bool words)
{
        struct buf out;
        struct error err;
        struct sv line;

        buf_init(&out, TEXT_MAX);
        while (sv_line(&text, &line)) {
                struct audit_record record;
                buf_clear(&out);
                if (!audit_record_parse(line, &record))
                        buf_puts(&out, "null");
                else if (words)
                        audit_interpret_record(&record, &out);
                else if (audit_record_write(&record, &out, &err)) {
                        fprintf(stderr, "%s\n", err.message);
                        return 1;
                }
                printf("%s\n", buf_text(&out));
        }
        buf_done(&out);
        return 0;
}

static int print_event(struct sv text)
{
        static struct audit_record records[RECORDS_MAX];
        size_t count = 0;
        struct buf out;
        struct error err;
        struct sv line;

        while (count < RECORDS_MAX && sv_line(&text, &line))
                count += audit_record_parse(line, &records[count]);
        buf_init(&out, TEXT_MAX);
        struct audit_event_counters counters;
        if (audit_event_write(records, count, &out, &counters, &err)) {
                fprintf(stderr, "%s\n", err.message);
                return 1;
        }
        printf("%s\n{\"duplicates\":%llu,\"refused\":%llu}\n", buf_text(&out), (unsigned long long)counters.duplicates,
                (unsigned long long)counters.refused);
        buf_done(&out);
        return 0;
}

int main(int argc, char **argv)
{
        cleanup(free) char *text = malloc(TEXT_MAX);

        if (argc != 2 || !text)
                return 2;
        size_t size = fread(text, 1, TEXT_MAX, stdin);
        if (!strcmp(argv[1], "event"))
                return print_event(sv_n(text, size));
        return print_records(sv_n(text, size), !strcmp(argv[1], "text"));
}
