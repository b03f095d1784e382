#include "lib/segment/segment.h"

#include <errno.h>

enum { READ_STEP = 32 << 10 };

static uint32_t crc_portable(uint32_t crc, const uint8_t *byte, size_t size)
{
        /* four bits a step: 64 bytes of table instead of 1 KiB; for machines without the instruction */
        static const uint32_t table[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
                0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab,
                0xe330a81a, 0xf36e6f75 };
        for (size_t i = 0; i < size; i++) {
                crc ^= byte[i];
                crc = crc >> 4 ^ table[crc & 15];
                crc = crc >> 4 ^ table[crc & 15];
        }
        return crc;
}

#ifdef __x86_64__
/* SSE 4.2 has this very polynomial: 0.1 us a kilobyte instead of 3 */
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const uint8_t *byte, size_t size)
{
        uint64_t wide = crc;
        for (; size >= 8; byte += 8, size -= 8) {
                uint64_t word;
                memcpy(&word, byte, sizeof(word));
                wide = __builtin_ia32_crc32di(wide, word);
        }
        crc = (uint32_t)wide;
        for (; size; byte++, size--)
                crc = __builtin_ia32_crc32qi(crc, *byte);
        return crc;
}
#endif

uint32_t segment_crc(uint32_t crc, const void *bytes, size_t size)
{
#ifdef __x86_64__
        if (__builtin_cpu_supports("sse4.2"))
                return ~crc_sse42(~crc, bytes, size);
#endif
        return ~crc_portable(~crc, bytes, size);
}

static void put_u32(uint8_t *at, uint32_t value)
{
        for (int i = 0; i < 4; i++)
                at[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_u32(const char *at)
{
        const uint8_t *byte = (const uint8_t *)at;
        return byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

void segment_seal(char *frame, size_t size)
{
        uint8_t *header = (uint8_t *)frame;
        put_u32(header, (uint32_t)size);
        put_u32(header + 4, segment_crc(segment_crc(0, header, 4), frame + SEGMENT_HEADER, size));
}

void segment_frame(struct buf *out, struct sv record)
{
        char *frame = NULL;
        if (record.n > SEGMENT_RECORD_MAX)
                out->failed = true;
        else
                frame = buf_reserve(out, SEGMENT_HEADER + record.n);
        if (!frame)
                return;
        if (record.n)
                memcpy(frame + SEGMENT_HEADER, record.p, record.n);
        segment_seal(frame, record.n);
        out->len += SEGMENT_HEADER + record.n;
        out->data[out->len] = '\0';
}

int segment_next(struct sv bytes, struct sv *ret_record, size_t *ret_size)
{
        if (bytes.n < SEGMENT_HEADER)
                return 0;
        uint32_t length = get_u32(bytes.p);
        if (length > SEGMENT_RECORD_MAX)
                return -1;
        if (bytes.n - SEGMENT_HEADER < length)
                return 0;
        const char *record = bytes.p + SEGMENT_HEADER;
        if (segment_crc(segment_crc(0, bytes.p, 4), record, length) != get_u32(bytes.p + 4))
                return -1;
        *ret_record = sv_n(record, length);
        *ret_size = SEGMENT_HEADER + (size_t)length;
        return 1;
}

static int take_records(struct buf *in, uint64_t *offset, segment_take_fn *take, void *cookie, struct error *err)
{
        size_t taken = 0;
        struct sv record;
        size_t size;
        int have;
        while ((have = segment_next(sv_n(buf_text(in) + taken, in->len - taken), &record, &size)) > 0) {
                if (take(record, *offset, cookie, err) < 0)
                        return -1;
                taken += size;
                *offset += size;
        }
        buf_consume(in, taken);
        return have < 0 ? 1 : 0;
}

int segment_read(int fd, segment_take_fn *take, void *cookie, uint64_t *ret_end, bool *ret_torn, struct error *err)
{
        struct buf in;
        off_t start = lseek(fd, 0, SEEK_CUR);
        uint64_t offset = start > 0 ? (uint64_t)start : 0;
        int status = 0;
        buf_init(&in, SEGMENT_RECORD_MAX + SEGMENT_HEADER + READ_STEP);
        while (status == 0) {
                char *room = buf_reserve(&in, READ_STEP);
                ssize_t got = room ? read(fd, room, READ_STEP) : -1;
                if (got < 0 && room && errno == EINTR)
                        continue;
                if (got < 0)
                        status = room ? fail_errno(err, "reading a segment") : fail(err, E_NO_MEMORY, "no memory");
                if (got <= 0)
                        break;
                in.len += (size_t)got;
                status = take_records(&in, &offset, take, cookie, err);
        }
        bool torn = in.len > 0;
        buf_done(&in);
        if (status < 0)
                return -1;
        *ret_end = offset;
        *ret_torn = torn;
        return 0;
}
