#include "module/spool.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>

enum { TAIL_MAX = 256 << 10 };

void spool_init(struct spool *spool)
{
        *spool = (struct spool){ .fd = -1 };
        buf_init(&spool->tail, SIZE_MAX / 2);
}

void spool_done(struct spool *spool)
{
        if (spool->fd >= 0)
                close(spool->fd);
        buf_done(&spool->tail);
        spool->fd = -1;
}

uint64_t spool_size(const struct spool *spool)
{
        return spool->tail_at + spool->tail.len;
}

/* A file without a name: nothing is left behind however we end. */
static int open_unnamed(struct error *err)
{
        const char *const places[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                int fd = places[i] ? open(places[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
                if (fd >= 0)
                        return fd;
        }
        return fail_errno(err, "no directory takes an unnamed file for the result");
}

static int flush_tail(struct spool *spool, struct error *err)
{
        if (spool->fd < 0 && (spool->fd = open_unnamed(err)) < 0)
                return -1;
        /* a write that failed half-way has moved the file's offset */
        if (lseek(spool->fd, (off_t)spool->tail_at, SEEK_SET) < 0)
                return fail_errno(err, "spooling the result");
        if (write_all(spool->fd, spool->tail.data, spool->tail.len, err) < 0)
                return error_prefix(err, "spooling the result");
        spool->tail_at += spool->tail.len;
        buf_clear(&spool->tail);
        return 0;
}

int spool_append(struct spool *spool, const void *bytes, size_t size, struct error *err)
{
        if (spool->tail.len + size > TAIL_MAX && spool->tail.len && flush_tail(spool, err) < 0)
                return -1;
        buf_append(&spool->tail, bytes, size);
        return spool->tail.failed ? fail(err, E_NO_MEMORY, "no memory for a row of %zu bytes", size) : 0;
}

int spool_patch(struct spool *spool, uint64_t at, const void *bytes, size_t size, struct error *err)
{
        const char *p = bytes;
        for (; size && at < spool->tail_at;) { /* the part that is in the file */
                size_t part = spool->tail_at - at < size ? (size_t)(spool->tail_at - at) : size;
                ssize_t put = pwrite(spool->fd, p, part, (off_t)at);
                if (put < 0 && errno == EINTR)
                        continue;
                if (put <= 0)
                        return fail_errno(err, "spooling the result");
                p += put;
                at += (uint64_t)put;
                size -= (size_t)put;
        }
        if (size)
                memcpy(spool->tail.data + (at - spool->tail_at), p, size);
        return 0;
}

int spool_read(const struct spool *spool, uint64_t at, void *bytes, size_t size, struct error *err)
{
        char *p = bytes;
        for (; size && at < spool->tail_at;) {
                size_t part = spool->tail_at - at < size ? (size_t)(spool->tail_at - at) : size;
                ssize_t got = pread(spool->fd, p, part, (off_t)at);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return fail_errno(err, "reading the spooled result");
                p += got;
                at += (uint64_t)got;
                size -= (size_t)got;
        }
        if (size)
                memcpy(p, spool->tail.data + (at - spool->tail_at), size);
        return 0;
}
