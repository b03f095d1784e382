#include "loop/inotify.h"

#include <sys/inotify.h>

int inotify_parse(const char *bytes, size_t size, size_t *position, struct inotify_record *ret)
{
        size_t left = size - *position;
        if (left == 0)
                return 0;
        struct inotify_event event; /* copied: the buffer need not be aligned */
        if (left < sizeof(event))
                return -1;
        memcpy(&event, bytes + *position, sizeof(event));
        if (event.len > left - sizeof(event))
                return -1;
        const char *name = bytes + *position + sizeof(event);
        if (event.len && !memchr(name, '\0', event.len))
                return -1;
        *ret = (struct inotify_record){
                .wd = event.wd,
                .mask = event.mask,
                .cookie = event.cookie,
                .name = event.len ? name : "",
        };
        *position += sizeof(event) + event.len;
        return 1;
}
