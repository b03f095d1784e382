#include "lib/unpack/unpack.h"

#include "lib/unpack/codec.h"

#include <errno.h>

#define INPUT_SIZE ((size_t)64 * 1024)

static const struct {
        const char *name;
        const struct codec *codec;
        struct {
                unsigned char bytes[UNPACK_MAGIC_MAX];
                size_t size;
        } magic;
} formats[UNPACK_FORMATS] = {
        [UNPACK_PLAIN] = { "plain", NULL, { { 0 }, 0 } },
        [UNPACK_GZIP] = { "gzip", &codec_gzip, { { 0x1f, 0x8b }, 2 } }, /* RFC 1952 2.3.1 */
        [UNPACK_XZ] = { "xz", &codec_xz, { { 0xfd, '7', 'z', 'X', 'Z', 0x00 }, 6 } },
        [UNPACK_ZSTD] = { "zstd", &codec_zstd, { { 0x28, 0xb5, 0x2f, 0xfd }, 4 } }, /* RFC 8878 3.1.1 */
};

struct unpack {
        struct unpack_limits limits;
        void *states[UNPACK_FORMATS]; /* decoders, kept from source to source */
        unpack_source source;
        void *cookie;
        int fd;
        bool started; /* the format is known */
        bool source_end;
        bool content_end;
        bool failed; /* `error` is final */
        enum unpack_format format;
        uint64_t input;
        uint64_t output;
        size_t in_start; /* what was read and not used: in[in_start..in_end) */
        size_t in_end;
        struct error error;
        unsigned char in[INPUT_SIZE];
};

enum unpack_format unpack_detect(const void *bytes, size_t size)
{
        for (int format = UNPACK_PLAIN + 1; format < UNPACK_FORMATS; format++) {
                if (size >= formats[format].magic.size &&
                        memcmp(bytes, formats[format].magic.bytes, formats[format].magic.size) == 0)
                        return (enum unpack_format)format;
        }
        return UNPACK_PLAIN;
}

const char *unpack_format_name(enum unpack_format format)
{
        return formats[format].name;
}

struct unpack *unpack_new(const struct unpack_limits *limits, struct error *err)
{
        static const struct unpack_limits default_limits = UNPACK_LIMITS_DEFAULT;
        struct unpack *unpack = calloc(1, sizeof(*unpack));

        if (!unpack)
                return fail_null(err, E_NO_MEMORY, "no memory for a decoder");
        unpack->limits = limits ? *limits : default_limits;
        if (unpack->limits.formats == 0)
                unpack->limits.formats = UNPACK_ALL;
        unpack->fd = -1;
        unpack->content_end = unpack->started = true; /* no source yet: empty */
        return unpack;
}

void unpack_free(struct unpack *unpack)
{
        if (!unpack)
                return;
        for (int format = 0; format < UNPACK_FORMATS; format++) {
                if (unpack->states[format])
                        formats[format].codec->free(unpack->states[format]);
        }
        free(unpack);
}

void unpack_start(struct unpack *unpack, unpack_source source, void *cookie)
{
        unpack->source = source;
        unpack->cookie = cookie;
        unpack->started = unpack->source_end = unpack->content_end = unpack->failed = false;
        unpack->format = UNPACK_PLAIN;
        unpack->input = unpack->output = 0;
        unpack->in_start = unpack->in_end = 0;
}

static ssize_t fd_source(void *cookie, void *bytes, size_t size)
{
        const int *fd = cookie;

        return read(*fd, bytes, size);
}

void unpack_start_fd(struct unpack *unpack, int fd)
{
        unpack->fd = fd;
        unpack_start(unpack, fd_source, &unpack->fd);
}

enum unpack_format unpack_get_format(const struct unpack *unpack)
{
        return unpack->format;
}

uint64_t unpack_output(const struct unpack *unpack)
{
        return unpack->output;
}

uint64_t unpack_input(const struct unpack *unpack)
{
        return unpack->input;
}

/* One read from the source; 0 at its end. */
static ssize_t read_source(struct unpack *unpack, void *bytes, size_t size, struct error *err)
{
        ssize_t n;

        if (unpack->source_end)
                return 0;
        do
                n = unpack->source(unpack->cookie, bytes, size);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == ECANCELED)
                return fail(err, E_STOPPED, "stopped");
        if (n < 0)
                return fail_errno(err, "read");
        if (n == 0)
                unpack->source_end = true;
        return n;
}

/* Reads until the format can be told or the source ends, and prepares its decoder. */
static int begin(struct unpack *unpack, struct error *err)
{
        while (unpack->in_end < UNPACK_MAGIC_MAX && !unpack->source_end) {
                ssize_t n = read_source(unpack, unpack->in + unpack->in_end, INPUT_SIZE - unpack->in_end, err);

                if (n < 0)
                        return -1;
                unpack->in_end += (size_t)n;
        }
        unpack->format = unpack_detect(unpack->in, unpack->in_end);
        if (!(unpack->limits.formats & UNPACK_BIT(unpack->format)))
                unpack->format = UNPACK_PLAIN;
        unpack->started = true;
        if (unpack->format == UNPACK_PLAIN)
                return 0;
        return formats[unpack->format].codec->begin(&unpack->states[unpack->format], unpack->limits.memory_max, err);
}

static ssize_t read_plain(struct unpack *unpack, void *bytes, size_t size, struct error *err)
{
        size_t left = unpack->in_end - unpack->in_start;
        ssize_t n;

        if (left > 0) {
                n = (ssize_t)(left < size ? left : size);
                memcpy(bytes, unpack->in + unpack->in_start, (size_t)n);
                unpack->in_start += (size_t)n;
        } else {
                n = read_source(unpack, bytes, size, err);
                if (n < 0)
                        return -1;
        }
        if (n == 0)
                unpack->content_end = true;
        unpack->input += (uint64_t)n;
        unpack->output += (uint64_t)n;
        return n;
}

/* One step of the decoder after a refill when there is nothing left to use: bytes made, or -1. */
static ssize_t decode(struct unpack *unpack, unsigned char *bytes, size_t size, struct error *err)
{
        const struct codec *codec = formats[unpack->format].codec;

        if (unpack->in_start == unpack->in_end && !unpack->source_end) {
                ssize_t n = read_source(unpack, unpack->in, INPUT_SIZE, err);

                if (n < 0)
                        return -1;
                unpack->in_start = 0;
                unpack->in_end = (size_t)n;
        }

        struct codec_step step = { unpack->in + unpack->in_start, unpack->in_end - unpack->in_start, unpack->source_end,
                bytes, size };
        enum codec_status status = codec->step(unpack->states[unpack->format], &step, err);
        size_t used = unpack->in_end - unpack->in_start - step.in_size;

        unpack->in_start += used;
        unpack->input += used;
        unpack->content_end = status == CODEC_END;
        if (status == CODEC_ERROR) {
                if (step.out_size == size)
                        return -1;
                unpack->error = *err;
                unpack->failed = true;
        }
        return (ssize_t)(size - step.out_size);
}

static ssize_t read_decoded(struct unpack *unpack, unsigned char *bytes, size_t size, struct error *err)
{
        const struct unpack_limits *limits = &unpack->limits;
        uint64_t room = limits->output_max - unpack->output;
        unsigned char probe;
        ssize_t n = 0;

        if (unpack->output > limits->ratio_floor && unpack->output / limits->ratio_max >= unpack->input)
                return fail(err, E_TOO_LARGE, "%s: %llu bytes out of %llu: ratio above %u",
                        unpack_format_name(unpack->format), (unsigned long long)unpack->output,
                        (unsigned long long)unpack->input, limits->ratio_max);
        /* With no room left one more byte decides whether the content ends here or is too long. */
        if (room == 0) {
                bytes = &probe;
                size = 1;
        } else if (size > room) {
                size = (size_t)room;
        }
        while (n == 0 && !unpack->content_end) {
                n = decode(unpack, bytes, size, err);
                if (n < 0)
                        return -1;
        }
        if (n > 0 && room == 0)
                return fail(err, E_TOO_LARGE, "%s: content of more than %llu bytes", unpack_format_name(unpack->format),
                        (unsigned long long)limits->output_max);
        unpack->output += (uint64_t)n;
        return n;
}

ssize_t unpack_read(struct unpack *unpack, void *bytes, size_t size, struct error *err)
{
        struct error error = { 0 };
        ssize_t n;

        if (!unpack->failed) {
                if (unpack->started && unpack->content_end)
                        return 0;
                if (!unpack->started && begin(unpack, &error) < 0)
                        n = -1;
                else if (unpack->format == UNPACK_PLAIN)
                        n = read_plain(unpack, bytes, size, &error);
                else
                        n = read_decoded(unpack, bytes, size, &error);
                if (n >= 0)
                        return n;
                unpack->error = error;
                unpack->failed = true;
        }
        if (err)
                *err = unpack->error;
        return -1;
}
