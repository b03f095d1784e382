/* Descriptors of foreign modules: no crash; what loads is described, loaded and described again the same, and
 * everything that is derived from a table can be made of it. */
#include "base/cleanup.h"
#include "schema/complete.h"
#include "schema/describe.h"
#include "schema/json.h"
#include "schema/json_schema.h"
#include "schema/usage.h"

enum { MEMORY = 8 << 20, TEXT = 8 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static json_t *describe(const struct record *record)
{
        struct buf text;
        struct json_writer writer;
        buf_init(&text, TEXT);
        json_writer_init(&writer, &text, 0);
        record_describe(&writer, record);
        json_t *value = text.failed ? NULL : json_parse(sv_n(text.data, text.len), true, NULL);
        if (!value)
                abort();
        buf_done(&text);
        return value;
}

static void derive(const struct record *record)
{
        struct error err;
        struct buf out;
        buf_init(&out, TEXT);
        usage_print(&out, "tarsier x", "a summary", NULL, record, NULL, 80);
        usage_scdoc(&out, "tarsier x", "a summary", NULL, record, record, NULL);
        record_complete(record, (const char *[]){ "-" }, 1, 0, &out);
        record_check_flags(record, &err);
        json_decref(record_json_schema(record, NULL, NULL, JSON_SCHEMA_STRICT));
        json_decref(record_json_schema(record, NULL, NULL, JSON_SCHEMA_RESULT));
        json_t *nothing = json_object();
        record_check(record, nothing, READ_STRICT, &err);
        json_decref(nothing);
        buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct error err;
        json_t *description = json_parse(sv_n((const char *)bytes, size), false, &err);
        if (!description)
                return 0;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, MEMORY);
        const struct record *record = record_load(description, &arena, &err);
        json_decref(description);
        if (!record)
                return 0;
        derive(record);
        json_t *first = describe(record);
        const struct record *again = record_load(first, &arena, &err);
        if (!again && err.code != E_NO_MEMORY)
                abort();
        json_t *second = again ? describe(again) : json_incref(first);
        if (!json_equal(first, second))
                abort();
        json_decref(first);
        json_decref(second);
        return 0;
}
