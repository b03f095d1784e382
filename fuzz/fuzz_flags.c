/* Command lines: words separated by NUL become parameters, or an error that says something. */
#include "../tests/unit/schema_fixture.h"
#include "base/cleanup.h"
#include "schema/flags.h"
#include "schema/json.h"

enum { WORDS_MAX = 200, MEMORY = 8 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        char *copy = malloc(size + 1);
        char *argv[WORDS_MAX];
        int argc = 0;
        if (!copy)
                return 0;
        memcpy(copy, bytes, size);
        copy[size] = '\0';
        for (size_t at = 0; at < size && argc < WORDS_MAX; at += strlen(copy + at) + 1)
                argv[argc++] = copy + at;
        struct error err = { 0 };
        cleanup(json_decref) json_t *value = flags_parse(fixture_record, argc, argv, &err);
        if (!value && !err.message[0])
                abort();
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, MEMORY);
        struct fixture fixture;
        if (value)
                record_read(fixture_record, value, &fixture, &arena, READ_STRICT, &err);
        free(copy);
        return 0;
}
