/* Segments: what was appended is read again; a torn or changed record ends the reading there. */
#include "lib/segment/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>

struct taken {
        size_t count;
        char last[64];
};

static int take(struct sv record, uint64_t offset, void *cookie, struct error *err)
{
        struct taken *taken = cookie;
        (void)offset;
        if (sv_eq(record, SV("refuse")))
                return error_set(err, E_INVALID, 0, __FILE__, __LINE__, "refused"); /* fail() is cmocka's here */
        taken->count++;
        snprintf(taken->last, sizeof(taken->last), "%.*s", SV_ARG(record));
        return 0;
}

static int file_of(const struct buf *bytes, size_t size)
{
        int fd = memfd_create("segment", MFD_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, buf_text(bytes), size), size);
        lseek(fd, 0, SEEK_SET);
        return fd;
}

static void test_crc(void **state)
{
        (void)state;
        assert_int_equal(segment_crc(0, "123456789", 9), 0xe3069283); /* the check value of CRC-32C */
        uint8_t zeros[32] = { 0 };
        assert_int_equal(segment_crc(0, zeros, 32), 0x8a9136aa); /* RFC 3720, B.4 */
        assert_int_equal(segment_crc(segment_crc(0, "1234", 4), "56789", 5), 0xe3069283);
        uint8_t rising[32];
        for (uint8_t i = 0; i < sizeof(rising); i++)
                rising[i] = i;
        assert_int_equal(segment_crc(0, rising, 32), 0x46dd794e); /* RFC 3720, B.4 */
}

/* A record that is sealed where it stands is the one that is framed by copying. */
static void test_seal(void **state)
{
        (void)state;
        struct buf framed;
        char sealed[SEGMENT_HEADER + 5];
        buf_init(&framed, 64);
        segment_frame(&framed, SV("event"));
        memcpy(sealed + SEGMENT_HEADER, "event", 5);
        segment_seal(sealed, 5);
        assert_int_equal(framed.len, sizeof(sealed));
        assert_memory_equal(framed.data, sealed, sizeof(sealed));
        buf_done(&framed);
}

/* Cut at every length: whole records before the cut are read, nothing else. */
static void test_every_cut(void **state)
{
        (void)state;
        struct buf bytes;
        buf_init(&bytes, 1 << 20);
        segment_frame(&bytes, SV("first"));
        size_t first = bytes.len;
        segment_frame(&bytes, SV(""));
        size_t second = bytes.len;
        segment_frame(&bytes, SV("third"));
        for (size_t cut = 0; cut <= bytes.len; cut++) {
                struct taken taken = { 0 };
                struct error err;
                uint64_t end;
                bool torn;
                int fd = file_of(&bytes, cut);
                assert_int_equal(segment_read(fd, take, &taken, &end, &torn, &err), 0);
                size_t whole = cut < first ? 0 : cut < second ? 1 : cut < bytes.len ? 2 : 3;
                size_t ends[] = { 0, first, second, bytes.len };
                assert_int_equal(taken.count, whole);
                assert_int_equal(end, ends[whole]);
                assert_int_equal(torn, cut != ends[whole]);
                close(fd);
        }
        buf_done(&bytes);
}

static void test_every_flipped_byte(void **state)
{
        (void)state;
        struct buf bytes;
        buf_init(&bytes, 1 << 20);
        segment_frame(&bytes, SV("before"));
        size_t before = bytes.len;
        segment_frame(&bytes, SV("the record that changes"));
        for (size_t i = before; i < bytes.len; i++) {
                struct taken taken = { 0 };
                uint64_t end;
                bool torn;
                bytes.data[i] ^= 0x20;
                int fd = file_of(&bytes, bytes.len);
                assert_int_equal(segment_read(fd, take, &taken, &end, &torn, NULL), 0);
                assert_int_equal(taken.count, 1);
                assert_int_equal(end, before);
                assert_true(torn);
                close(fd);
                bytes.data[i] ^= 0x20;
        }
        buf_done(&bytes);
}

static void test_many_and_large(void **state)
{
        (void)state;
        struct buf bytes;
        struct taken taken = { 0 };
        uint64_t end;
        bool torn;
        buf_init(&bytes, 8 << 20);
        char *large = calloc(1, SEGMENT_RECORD_MAX + 1);
        segment_frame(&bytes, sv_n(large, SEGMENT_RECORD_MAX));
        for (int i = 0; i < 10000; i++)
                segment_frame(&bytes, SV("one of many"));
        assert_false(bytes.failed);
        int fd = file_of(&bytes, bytes.len);
        assert_int_equal(segment_read(fd, take, &taken, &end, &torn, NULL), 0);
        assert_int_equal(taken.count, 10001);
        assert_false(torn);
        close(fd);
        segment_frame(&bytes, sv_n(large, SEGMENT_RECORD_MAX + 1));
        assert_true(bytes.failed);
        free(large);
        buf_done(&bytes);
}

static void test_take_may_refuse(void **state)
{
        (void)state;
        struct buf bytes;
        struct taken taken = { 0 };
        struct error err;
        uint64_t end;
        bool torn;
        buf_init(&bytes, 1 << 20);
        segment_frame(&bytes, SV("first"));
        segment_frame(&bytes, SV("refuse"));
        int fd = file_of(&bytes, bytes.len);
        assert_int_equal(segment_read(fd, take, &taken, &end, &torn, &err), -1);
        assert_string_equal(err.message, "refused");
        assert_int_equal(taken.count, 1);
        close(fd);
        buf_done(&bytes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_crc),
                cmocka_unit_test(test_seal),
                cmocka_unit_test(test_every_cut),
                cmocka_unit_test(test_every_flipped_byte),
                cmocka_unit_test(test_many_and_large),
                cmocka_unit_test(test_take_may_refuse),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
