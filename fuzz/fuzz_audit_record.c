/* Audit records: any bytes are one record a line; all lines together are one event. Headers, fields, meanings and both
 * forms of JSON. */
#include "base/error.h"
#include "lib/audit/event.h"
#include "lib/audit/interpret.h"
#include "schema/json.h"

enum { RECORDS_MAX = 32, OUT_MAX = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_fields(const struct audit_record *record)
{
        struct audit_fields fields = audit_fields_of(record->body);
        struct audit_field field, found;
        const char *end = record->body.p + record->body.n;
        char buffer[64];

        while (audit_fields_next(&fields, &field)) {
                if (field.name.p + field.name.n > end || field.value.p + field.value.n > end || !field.name.n)
                        abort();
                audit_key_of(&field);
                if (audit_field_decode(&field, buffer, sizeof(buffer), NULL).n > field.value.n)
                        abort();
                if (!audit_field_find(record->body, field.name, &found))
                        abort();
        }
        fields = audit_fields_of(record->enriched);
        while (audit_fields_next(&fields, &field))
                audit_field_is_absent(&field);
}

static void must_be_json(const struct buf *out)
{
        if (!json_valid(sv_n(buf_text(out), out->len)))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct audit_record records[RECORDS_MAX];
        struct sv rest = sv_n((const char *)bytes, size), line;
        size_t count = 0;
        struct error err;
        struct buf out;

        if (!size)
                return 0;
        buf_init(&out, OUT_MAX);
        while (count < RECORDS_MAX && sv_line(&rest, &line)) {
                struct audit_record *record = &records[count];
                if (!audit_record_parse(line, record))
                        continue;
                count++;
                read_fields(record);
                buf_clear(&out);
                audit_interpret_record(record, &out);
                buf_clear(&out);
                if (audit_record_write(record, &out, &err) == 0)
                        must_be_json(&out);
        }
        buf_clear(&out);
        if (audit_event_write(records, count, &out, NULL, &err) == 0)
                must_be_json(&out);
        buf_done(&out);
        return 0;
}
