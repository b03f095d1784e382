/* Scribe documents, JSON and YAML, up to the point where they would look at files. */
#include "modules/investigate/scribe_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arena arena;
        struct scribe_document document;
        struct error err;
        arena_init(&arena, 16 << 20);
        if (scribe_parse(sv_n((const char *)data, size), &arena, &document, &err) == 0)
                list_foreach (test, &document.tests)
                        if (scribe_find_test(&document, test->id) == SIZE_MAX)
                                __builtin_trap();
        arena_done(&arena);
        return 0;
}
