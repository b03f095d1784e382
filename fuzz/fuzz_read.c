/* Parameters from outside: no crash; what is read is written, read again strictly and written the same. json_valid
 * admits whatever jansson takes. The first byte chooses how strictly. */
#include "../tests/unit/schema_fixture.h"
#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/write.h"

enum { MEMORY = 16 << 20, TEXT = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static json_t *written(const struct fixture *fixture)
{
        struct buf text;
        struct json_writer writer;
        buf_init(&text, TEXT);
        json_writer_init(&writer, &text, 0);
        record_write(&writer, fixture_record, fixture, WRITE_SECRETS);
        if (text.failed) { /* deeper than the writer goes */
                buf_done(&text);
                return NULL;
        }
        json_t *value = json_parse(sv_n(text.data, text.len), true, NULL);
        if (!value)
                abort();
        buf_done(&text);
        return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        if (size < 1)
                return 0;
        struct sv text = sv_n((const char *)bytes + 1, size - 1);
        cleanup(json_decref) json_t *value = json_parse(text, bytes[0] & 1, NULL);
        if (!value)
                return 0;
        if (!json_valid(text) && text.n < 128) /* a longer one may be nested more deeply than json_valid goes */
                abort();
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, MEMORY);
        struct fixture fixture;
        struct error err;
        unsigned flags = bytes[0] & 3;
        if (record_read(fixture_record, value, &fixture, &arena, flags, &err) < 0) {
                if (!err.message[0] ||
                        (record_check(fixture_record, value, flags, &err) == 0 && err.code != E_NO_MEMORY))
                        abort();
                return 0;
        }
        json_t *first = written(&fixture);
        record_mask(fixture_record, value);
        json_decref(first);
        return 0;
}
