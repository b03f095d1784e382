/* xz (the .xz file format, version 1.1.0) by liblzma. */
#include "lib/unpack/codec.h"

#include <lzma.h>

struct xz {
        lzma_stream stream;
        uint64_t memory_max;
};

static int xz_begin(void **state, uint64_t memory_max, struct error *err)
{
        struct xz *xz = *state;

        if (!xz) {
                xz = calloc(1, sizeof(*xz));
                if (!xz)
                        return fail(err, E_NO_MEMORY, "no memory for an xz decoder");
                xz->stream = (lzma_stream)LZMA_STREAM_INIT;
                *state = xz;
        }
        xz->memory_max = memory_max;
        /* An existing stream is reused with its memory (lzma/base.h). */
        if (lzma_stream_decoder(&xz->stream, memory_max, LZMA_CONCATENATED) != LZMA_OK)
                return fail(err, E_NO_MEMORY, "no memory for an xz decoder");
        return 0;
}

static enum codec_status xz_fail(struct xz *xz, lzma_ret status, struct error *err)
{
        switch (status) {
        case LZMA_MEMLIMIT_ERROR:
                return fail(err, E_TOO_LARGE, "xz: needs %llu bytes of memory, the limit is %llu",
                        (unsigned long long)lzma_memusage(&xz->stream), (unsigned long long)xz->memory_max);
        case LZMA_MEM_ERROR:
                return fail(err, E_NO_MEMORY, "no memory for an xz decoder");
        case LZMA_FORMAT_ERROR:
                return fail(err, E_CORRUPT, "xz: invalid header");
        case LZMA_OPTIONS_ERROR:
                return fail(err, E_UNSUPPORTED, "xz: unsupported options");
        default:
                return fail(err, E_CORRUPT, "xz: corrupt input before offset %llu",
                        (unsigned long long)xz->stream.total_in);
        }
}

static enum codec_status xz_step(void *state, struct codec_step *step, struct error *err)
{
        struct xz *xz = state;
        lzma_stream *stream = &xz->stream;

        stream->next_in = step->in;
        stream->avail_in = step->in_size;
        stream->next_out = step->out;
        stream->avail_out = step->out_size;

        lzma_ret status = lzma_code(stream, step->in_end ? LZMA_FINISH : LZMA_RUN);
        bool moved = stream->avail_in != step->in_size || stream->avail_out != step->out_size;

        step->in = stream->next_in;
        step->in_size = stream->avail_in;
        step->out = stream->next_out;
        step->out_size = stream->avail_out;
        if (status == LZMA_STREAM_END)
                return CODEC_END;
        if (status != LZMA_OK && status != LZMA_BUF_ERROR)
                return xz_fail(xz, status, err);
        if (!moved && step->in_end && step->in_size == 0)
                return fail_eof(err);
        return CODEC_MORE;
}

static void xz_free(void *state)
{
        struct xz *xz = state;

        lzma_end(&xz->stream);
        free(xz);
}

const struct codec codec_xz = { UNPACK_XZ, xz_begin, xz_step, xz_free };
