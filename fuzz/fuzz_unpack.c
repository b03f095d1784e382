/* Decoding of hostile gzip, xz and zstd. The first byte of the input chooses the limits and the sizes of reads; the
 * rest is the file. Checked besides memory safety: ceilings hold, errors stay, the format is the one of the first
 * bytes. */
#include "lib/unpack/unpack.h"

#include <errno.h>
#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct feed {
        const uint8_t *bytes;
        size_t size;
        size_t most; /* bytes a read gives */
        bool breaks; /* the last read fails instead of saying the end */
};

static ssize_t read_feed(void *cookie, void *bytes, size_t size)
{
        struct feed *feed = cookie;
        size_t n = feed->size < size ? feed->size : size;

        if (n > feed->most)
                n = feed->most;
        if (n == 0 && feed->breaks) {
                errno = EIO;
                return -1;
        }
        memcpy(bytes, feed->bytes, n);
        feed->bytes += n;
        feed->size -= n;
        return (ssize_t)n;
}

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void drain(struct unpack *unpack, const struct unpack_limits *limits, size_t room)
{
        static unsigned char out[65536];
        struct error error = { 0 };
        uint64_t total = 0;
        ssize_t n;

        while ((n = unpack_read(unpack, out, room, &error)) > 0) {
                total += (uint64_t)n;
                check((size_t)n <= room && unpack_output(unpack) == total);
                if (unpack_get_format(unpack) != UNPACK_PLAIN)
                        check(total <= limits->output_max &&
                                total <= limits->ratio_floor + room + limits->ratio_max * (unpack_input(unpack) + 1));
        }
        check(unpack_read(unpack, out, room, NULL) == n);
        if (n < 0)
                check(error.code != E_NONE && error.message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        static struct unpack *kept;
        static const struct unpack_limits limits = { UNPACK_ALL, 1 << 20, 1 << 16, 100, 16 << 20 };
        static const size_t rooms[] = { 1, 100, 4096, 65536 };

        if (size == 0)
                return 0;

        uint8_t choice = bytes[0];
        struct feed feed = { bytes + 1, size - 1, choice & 1 ? SIZE_MAX : 7, choice & 2 };
        struct error error;

        /* One decoder for all inputs also finds what one source leaves behind for the next. */
        if (!kept)
                kept = unpack_new(&limits, &error);
        if (!kept)
                return 0;
        unpack_start(kept, read_feed, &feed);
        drain(kept, &limits, rooms[choice >> 2 & 3]);
        check(size - 1 < UNPACK_MAGIC_MAX || choice & 2 ||
                unpack_get_format(kept) == unpack_detect(bytes + 1, size - 1));
        return 0;
}
