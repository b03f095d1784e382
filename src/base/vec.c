#include "base/vec.h"

#include <stdint.h>

void *vec_grow(void **items, size_t *count, size_t *capacity, size_t size, size_t max)
{
        if (*count >= max)
                return NULL;
        if (*count == *capacity) {
                size_t wanted = *capacity ? *capacity * 2 : 8;
                if (wanted > max)
                        wanted = max;
                if (wanted > SIZE_MAX / size)
                        return NULL;
                void *grown = realloc(*items, wanted * size);
                if (!grown)
                        return NULL;
                *items = grown;
                *capacity = wanted;
        }
        char *item = (char *)*items + *count * size;
        (*count)++;
        return memset(item, 0, size);
}
