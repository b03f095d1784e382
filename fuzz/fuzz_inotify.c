/* Any bytes as the kernel's inotify records: parsed to the end or refused, never read past. */
#include "loop/inotify.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        size_t position = 0;
        struct inotify_record record;
        while (inotify_parse((const char *)bytes, size, &position, &record) > 0)
                if (strlen(record.name) > size || position > size)
                        abort();
        return 0;
}
