/* Between unpack.c and its decoders. A decoder sees a window of input and a room for output and moves both on. */
#pragma once

#include "lib/unpack/unpack.h"

#include <stdbool.h>

struct codec_step {
        const unsigned char *in;
        size_t in_size;
        bool in_end; /* nothing follows `in` */
        unsigned char *out;
        size_t out_size;
};

enum codec_status {
        CODEC_ERROR = -1,
        CODEC_MORE, /* needs input, or room for output */
        CODEC_END   /* the content ended; input may be left over only when it is padding */
};

struct codec {
        enum unpack_format format;
        /* Makes *state ready for a new source; allocates it at the first call. */
        int (*begin)(void **state, uint64_t memory_max, struct error *err);
        /* Must use input or make output, unless it reports CODEC_END, an error or lacks what in_end says is not coming:
         * then it fails with "unexpected EOF" itself. */
        enum codec_status (*step)(void *state, struct codec_step *step, struct error *err);
        void (*free)(void *state);
};

extern const struct codec codec_gzip;
extern const struct codec codec_xz;
extern const struct codec codec_zstd;

#define fail_eof(err) fail(err, E_CORRUPT, "unexpected EOF")
