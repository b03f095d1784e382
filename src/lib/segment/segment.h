/* Records in an append-only file: each is its length, a CRC of it, and its bytes, so that a file whose writer was
 * killed in the middle of a record is read up to there and no further.
 *
 *      u32 length, u32 CRC-32C of length and bytes (both little endian), `length` bytes
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/sv.h"

#include <stdint.h>

enum { SEGMENT_HEADER = 8, SEGMENT_RECORD_MAX = 1 << 20 };

/* CRC-32C (Castagnoli; RFC 3720, appendix B.4) of more bytes; begin with 0. */
uint32_t segment_crc(uint32_t crc, const void *bytes, size_t size);

/* Appends one record to out; a record longer than SEGMENT_RECORD_MAX sets out->failed. */
void segment_frame(struct buf *out, struct sv record);

/* The same where the record stands in memory already, `size` bytes behind SEGMENT_HEADER bytes of room at `frame`. */
void segment_seal(char *frame, size_t size);

/* Takes the record at the front of `bytes`: 1, *ret_record (a view) and *ret_size (to skip), 0 when more bytes are
 * needed, -1 when what stands there is no record. */
int segment_next(struct sv bytes, struct sv *ret_record, size_t *ret_size);

/* Calls `take` for each record of fd from its offset on. Returns at the end of the file or the first byte that is no
 * whole record; *ret_end is that offset, *ret_torn says which it was. -1 when reading fails or take returned -1 (with
 * err set). */
typedef int segment_take_fn(struct sv record, uint64_t offset, void *cookie, struct error *err);
int segment_read(int fd, segment_take_fn *take, void *cookie, uint64_t *ret_end, bool *ret_torn, struct error *err);
