/* Reads a file as if it were not compressed: gzip, xz and zstd are recognised by their first bytes, everything else
 * passes through unchanged. Streaming, with ceilings on output, on the ratio and on memory; the input is hostile.
 *
 * Members: concatenated members (frames, streams) of one format are one content, as gunzip, xz -d and zstd -d do.
 * Behind the last gzip member zero bytes are padding (tapes, gzip(1)); anything else is "gzip: invalid header", as
 * Go's compress/gzip says, after all content before it was delivered. xz allows padding in fours (xz file format 2.2).
 *
 * Errors: what was decoded before the bad place is returned first, the error by the next call and by every later one.
 * The words for gzip are Go's, since users match on them:
 *   E_CORRUPT   "flate: corrupt input before offset N", "gzip: invalid header", "gzip: invalid checksum",
 *               "unexpected EOF"; "xz: …" and "zstd: …" in the same manner
 *   E_TOO_LARGE the content is longer than output_max, its ratio is above ratio_max, or it needs more than memory_max
 *   E_UNSUPPORTED  an xz filter or a zstd dictionary that is not here
 *   else        what the source's errno says */
#pragma once

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

enum unpack_format { UNPACK_PLAIN, UNPACK_GZIP, UNPACK_XZ, UNPACK_ZSTD, UNPACK_FORMATS };

#define UNPACK_BIT(format) (1U << (format))
#define UNPACK_ALL (UNPACK_BIT(UNPACK_FORMATS) - 1)

enum { UNPACK_MAGIC_MAX = 6 }; /* bytes that tell the format */

struct unpack_limits {
        unsigned formats;     /* UNPACK_BITs that are decoded, others pass as plain; 0 is UNPACK_ALL */
        uint64_t output_max;  /* bytes of decoded content of one source; plain bytes do not count */
        uint64_t ratio_floor; /* content up to this size may have any ratio */
        uint32_t ratio_max;   /* decoded bytes per input byte */
        uint64_t memory_max;  /* bytes one decoder may hold (the xz dictionary, the zstd window) */
};

/* 16 GiB, 1000:1 above 64 MiB (DEFLATE itself cannot exceed 1032:1; text logs reach 100:1), 128 MiB. */
#define UNPACK_LIMITS_DEFAULT                                                                                          \
        {                                                                                                              \
                UNPACK_ALL, UINT64_C(16) << 30, UINT64_C(64) << 20, 1000, UINT64_C(128) << 20                          \
        }

/* Up to size bytes into bytes: their count, 0 at the end, -1 with errno. To stop a long decoding return -1 with
 * errno ECANCELED: it comes back as E_STOPPED. */
typedef ssize_t (*unpack_source)(void *cookie, void *bytes, size_t size);

struct unpack;

/* Meant to be kept for many sources: buffers and decoders are allocated once. NULL limits are the default ones. */
struct unpack *unpack_new(const struct unpack_limits *limits, struct error *err);
void unpack_free(struct unpack *unpack);

static inline void unpack_free_p(struct unpack **unpack)
{
        unpack_free(*unpack);
}

/* Begins a new source and forgets the last one. Nothing is read yet. The fd stays the caller's. */
void unpack_start(struct unpack *unpack, unpack_source source, void *cookie);
void unpack_start_fd(struct unpack *unpack, int fd);

/* Up to size (> 0) bytes of content; 0 at its end; -1 and *err. May return fewer than asked before the end. */
ssize_t unpack_read(struct unpack *unpack, void *bytes, size_t size, struct error *err);

/* Known after the first unpack_read. */
enum unpack_format unpack_get_format(const struct unpack *unpack);

/* Bytes of content returned so far, and bytes of the source used for them. */
uint64_t unpack_output(const struct unpack *unpack);
uint64_t unpack_input(const struct unpack *unpack);

/* The format of a file that begins with these bytes. */
enum unpack_format unpack_detect(const void *bytes, size_t size);

const char *unpack_format_name(enum unpack_format format); /* "plain", "gzip", "xz", "zstd" */
