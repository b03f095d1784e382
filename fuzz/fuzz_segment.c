/* Segments: whatever is read again must frame to the very bytes it was read from, and a read stops where the first
 * record that is none begins. */
#include "lib/segment/segment.h"

#include <sys/mman.h>

struct seen {
        struct buf again;
        uint64_t next;
};

static int take(struct sv record, uint64_t offset, void *cookie, struct error *err)
{
        struct seen *seen = cookie;
        (void)err;
        if (offset != seen->next)
                abort();
        segment_frame(&seen->again, record);
        seen->next = offset + SEGMENT_HEADER + record.n;
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct error err;
        struct seen seen = { .next = 0 };
        uint64_t end;
        bool torn;
        int fd = memfd_create("segment", MFD_CLOEXEC);
        if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
                abort();
        lseek(fd, 0, SEEK_SET);
        buf_init(&seen.again, size);
        if (segment_read(fd, take, &seen, &end, &torn, &err) < 0)
                abort();
        if (end != seen.next || end != seen.again.len || torn != (end < size))
                abort();
        if (end && memcmp(seen.again.data, bytes, end) != 0)
                abort();
        buf_done(&seen.again);
        close(fd);
        return 0;
}
