/* Hostile bytes as a file of hints: never out of bounds, and what is taken lies within the named maxima. */
#include "modules/metrics/collect/hints.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arena arena;
        struct container_hints hints;
        struct error err;
        arena_init(&arena, HINTS_MEMORY);
        if (hints_parse(sv_n((const char *)data, size), &arena, &hints, &err) == 0) {
                if (hints.count > HINTS_MAX)
                        abort();
                for (size_t i = 0; i < hints.count; i++) {
                        const struct container_hint *hint = &hints.items[i];
                        if (hint->mount_count > HINT_MOUNTS_MAX || !hints_find(&hints, sv_of(hint->name)))
                                abort();
                        for (size_t k = 0; k < hint->mount_count; k++)
                                if (!*hint->mounts[k])
                                        abort();
                }
        } else if (!*err.message) {
                abort();
        }
        arena_done(&arena);
        return 0;
}
