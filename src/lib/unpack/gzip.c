/* gzip (RFC 1952) by zlib, with the error texts of Go's compress/gzip and compress/flate. */
#include "lib/unpack/codec.h"

#define ZLIB_CONST
#include <zlib.h>

#define WINDOW_BITS_GZIP (15 + 16) /* zlib.h: 32 KiB window, gzip wrapper only */

struct gzip {
        z_stream stream;
        gz_header header; /* .done is 1 once the member's header was read */
        uLong header_size;
        bool between; /* a member ended: the next byte starts another one, or is padding */
};

static int gzip_begin(void **state, uint64_t memory_max, struct error *err)
{
        struct gzip *gzip = *state;

        (void)memory_max; /* always about 40 KiB */
        if (!gzip) {
                gzip = calloc(1, sizeof(*gzip));
                if (!gzip || inflateInit2(&gzip->stream, WINDOW_BITS_GZIP) != Z_OK) {
                        free(gzip);
                        return fail(err, E_NO_MEMORY, "no memory for a gzip decoder");
                }
                *state = gzip;
        }
        inflateReset(&gzip->stream);
        inflateGetHeader(&gzip->stream, &gzip->header);
        gzip->header.done = 0;
        gzip->header_size = 0;
        gzip->between = false;
        return 0;
}

/* zlib tells what was wrong only by text (inflate.c): the two trailer checks are named, the rest depends on the place.
 */
static enum codec_status gzip_fail(const struct gzip *gzip, int status, struct error *err)
{
        const char *text = gzip->stream.msg ? gzip->stream.msg : "";

        if (status == Z_MEM_ERROR)
                return fail(err, E_NO_MEMORY, "no memory for a gzip decoder");
        if (gzip->header.done != 1)
                return fail(err, E_CORRUPT, "gzip: invalid header");
        if (strcmp(text, "incorrect data check") == 0 || strcmp(text, "incorrect length check") == 0)
                return fail(err, E_CORRUPT, "gzip: invalid checksum");
        return fail(
                err, E_CORRUPT, "flate: corrupt input before offset %lu", gzip->stream.total_in - gzip->header_size);
}

/* Between members: skips zero padding and says whether another member begins. */
static enum codec_status gzip_next_member(struct gzip *gzip, struct codec_step *step, struct error *err)
{
        while (step->in_size > 0 && *step->in == 0) {
                step->in++;
                step->in_size--;
        }
        if (step->in_size == 0)
                return step->in_end ? CODEC_END : CODEC_MORE;
        if (inflateReset(&gzip->stream) != Z_OK || inflateGetHeader(&gzip->stream, &gzip->header) != Z_OK)
                return fail(err, E_FAILED, "gzip: cannot reset");
        gzip->header.done = 0;
        gzip->between = false;
        return CODEC_MORE;
}

static enum codec_status gzip_step(void *state, struct codec_step *step, struct error *err)
{
        struct gzip *gzip = state;
        z_stream *stream = &gzip->stream;

        if (gzip->between) {
                enum codec_status status = gzip_next_member(gzip, step, err);

                if (status != CODEC_MORE || step->in_size == 0)
                        return status;
        }
        stream->next_in = step->in;
        stream->avail_in = (uInt)step->in_size;
        stream->next_out = step->out;
        stream->avail_out = step->out_size > UINT32_MAX ? UINT32_MAX : (uInt)step->out_size;

        uInt room = stream->avail_out;
        bool header_done = gzip->header.done == 1;
        /* Z_BLOCK returns right behind the header: offsets in messages count from there, as Go's do. */
        int status = inflate(stream, header_done ? Z_NO_FLUSH : Z_BLOCK);
        bool moved = stream->avail_in != step->in_size || stream->avail_out != room;

        if (!header_done && gzip->header.done == 1)
                gzip->header_size = stream->total_in;
        step->in = stream->next_in;
        step->in_size = stream->avail_in;
        step->out += room - stream->avail_out;
        step->out_size -= room - stream->avail_out;
        if (status == Z_STREAM_END) {
                gzip->between = true;
                return CODEC_MORE;
        }
        if (status != Z_OK && status != Z_BUF_ERROR)
                return gzip_fail(gzip, status == Z_NEED_DICT ? Z_DATA_ERROR : status, err);
        if (!moved && step->in_end && step->in_size == 0)
                return fail_eof(err);
        return CODEC_MORE;
}

static void gzip_free(void *state)
{
        struct gzip *gzip = state;

        inflateEnd(&gzip->stream);
        free(gzip);
}

const struct codec codec_gzip = { UNPACK_GZIP, gzip_begin, gzip_step, gzip_free };
