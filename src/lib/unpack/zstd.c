/* Zstandard (RFC 8878) by libzstd. Skippable frames between frames carry no content. */
#include "lib/unpack/codec.h"

#include <zstd.h>
#include <zstd_errors.h>

struct zstd {
        ZSTD_DStream *stream;
        uint64_t memory_max;
        bool in_frame;
};

/* The largest window that fits the ceiling: the decoder holds it, one block of 128 KiB and its tables. */
static int window_log(uint64_t memory_max)
{
        ZSTD_bounds bounds = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
        int log = bounds.lowerBound;

        while (log < bounds.upperBound && (UINT64_C(2) << log) <= memory_max)
                log++;
        return log;
}

static int zstd_begin(void **state, uint64_t memory_max, struct error *err)
{
        struct zstd *zstd = *state;

        if (!zstd) {
                zstd = calloc(1, sizeof(*zstd));
                if (zstd)
                        zstd->stream = ZSTD_createDStream();
                if (!zstd || !zstd->stream) {
                        free(zstd);
                        return fail(err, E_NO_MEMORY, "no memory for a zstd decoder");
                }
                *state = zstd;
        }
        zstd->memory_max = memory_max;
        zstd->in_frame = false;
        if (ZSTD_isError(ZSTD_DCtx_reset(zstd->stream, ZSTD_reset_session_and_parameters)) ||
                ZSTD_isError(ZSTD_DCtx_setParameter(zstd->stream, ZSTD_d_windowLogMax, window_log(memory_max))))
                return fail(err, E_FAILED, "zstd: cannot reset");
        return 0;
}

static enum codec_status zstd_fail(const struct zstd *zstd, size_t result, struct error *err)
{
        switch (ZSTD_getErrorCode(result)) {
        case ZSTD_error_prefix_unknown:
                return fail(err, E_CORRUPT, "zstd: invalid header");
        case ZSTD_error_checksum_wrong:
                return fail(err, E_CORRUPT, "zstd: invalid checksum");
        case ZSTD_error_frameParameter_windowTooLarge:
                return fail(err, E_TOO_LARGE, "zstd: the window needs more than the limit of %llu bytes of memory",
                        (unsigned long long)zstd->memory_max);
        case ZSTD_error_memory_allocation:
                return fail(err, E_NO_MEMORY, "no memory for a zstd decoder");
        case ZSTD_error_dictionary_wrong:
        case ZSTD_error_version_unsupported:
        case ZSTD_error_frameParameter_unsupported:
                return fail(err, E_UNSUPPORTED, "zstd: %s", ZSTD_getErrorName(result));
        default:
                return fail(err, E_CORRUPT, "zstd: corrupt input (%s)", ZSTD_getErrorName(result));
        }
}

static enum codec_status zstd_step(void *state, struct codec_step *step, struct error *err)
{
        struct zstd *zstd = state;
        ZSTD_inBuffer in = { step->in, step->in_size, 0 };
        ZSTD_outBuffer out = { step->out, step->out_size, 0 };

        if (!zstd->in_frame && step->in_size == 0 && step->in_end)
                return CODEC_END;

        size_t result = ZSTD_decompressStream(zstd->stream, &out, &in);

        step->in += in.pos;
        step->in_size -= in.pos;
        step->out += out.pos;
        step->out_size -= out.pos;
        if (ZSTD_isError(result))
                return zstd_fail(zstd, result, err);
        zstd->in_frame = result != 0;
        if (in.pos == 0 && out.pos == 0 && zstd->in_frame && step->in_end && step->in_size == 0)
                return fail_eof(err);
        return CODEC_MORE;
}

static void zstd_free(void *state)
{
        struct zstd *zstd = state;

        ZSTD_freeDStream(zstd->stream);
        free(zstd);
}

const struct codec codec_zstd = { UNPACK_ZSTD, zstd_begin, zstd_step, zstd_free };
