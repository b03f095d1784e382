/* Frames and the spool: what goes in comes out, and nothing else. */
#include "base/cleanup.h"
#include "module/spool.h"
#include "module/wire.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

static void frames_come_back(void **state)
{
        (void)state;
        struct buf buf;
        struct frame_header header;
        struct sv payload, label, json;
        size_t size;
        unsigned flags;
        struct error err;
        buf_init(&buf, 1 << 16);
        assert_int_equal(frame_append(&buf, FRAME_ERROR, 7, SV("x")), 0);
        assert_int_equal(frame_append_row(&buf, 0, SV("l"), SV("{}")), 0);
        assert_int_equal(frame_append_label(&buf, 65535, SV(""), LABEL_NULL), 0);
        size_t whole = buf.len;
        for (size_t cut = 0; cut < 9; cut++) { /* a part of the first frame is no frame yet */
                buf.len = cut;
                assert_int_equal(frame_next(&buf, 0, &header, &payload, &size, &err), 0);
        }
        buf.len = whole;
        assert_int_equal(frame_next(&buf, 0, &header, &payload, &size, &err), 1);
        assert_int_equal(header.type, FRAME_ERROR);
        assert_int_equal(header.stream, 7);
        assert_int_equal(payload.n, 1);
        size_t at = size;
        assert_int_equal(frame_next(&buf, at, &header, &payload, &size, &err), 1);
        assert_int_equal(frame_split_row(payload, &label, &json, &err), 0);
        assert_true(label.n == 1 && json.n == 2);
        at += size;
        assert_int_equal(frame_next(&buf, at, &header, &payload, &size, &err), 1);
        assert_int_equal(frame_split_label(payload, &label, &flags, &err), 0);
        assert_true(flags == LABEL_NULL && label.n == 0 && header.stream == 65535);
        assert_int_equal(frame_next(&buf, at + size, &header, &payload, &size, &err), 0);
        buf_done(&buf);
}

static void impossible_lengths(void **state)
{
        (void)state;
        struct buf buf;
        struct frame_header header = { FRAME_LENGTH_MAX + 1, FRAME_ROW, 0 };
        struct sv payload;
        size_t size;
        struct error err;
        static char label[LABEL_MAX + 1];
        buf_init(&buf, 100);
        buf_append(&buf, &header, sizeof(header));
        assert_int_equal(frame_next(&buf, 0, &header, &payload, &size, &err), -1);
        assert_int_equal(err.code, E_PROTOCOL);
        buf_clear(&buf);
        assert_int_equal(frame_append_row(&buf, 0, sv_n(label, sizeof(label)), SV("1")), -1);
        assert_int_equal(frame_append_label(&buf, 0, sv_n(label, sizeof(label)), 0), -1);
        assert_int_equal(frame_append(&buf, FRAME_ERROR, 0, sv_n(label, (size_t)FRAME_LENGTH_MAX + 1)), -1);
        assert_int_equal(buf.len, 0); /* no half frame stays behind */
        assert_int_equal(frame_append(&buf, FRAME_ERROR, 0, sv_n(label, 200)), -1);
        assert_int_equal(buf.len, 0);
        buf_done(&buf);
}

static void a_spool_reads_and_patches_anywhere(void **state)
{
        (void)state;
        enum { SIZE = 3 << 20, PART = 100003 };
        static unsigned char mirror[SIZE];
        static unsigned char back[SIZE];
        struct spool spool;
        struct error err;
        spool_init(&spool);
        for (size_t i = 0; i < SIZE; i++)
                mirror[i] = (unsigned char)(i * 31 >> 3);
        for (size_t at = 0; at < SIZE; at += PART)
                assert_int_equal(spool_append(&spool, mirror + at, SIZE - at < PART ? SIZE - at : PART, &err), 0);
        assert_int_equal(spool_size(&spool), SIZE);
        assert_true(spool.fd >= 0);
        for (size_t at = 0; at + 16 < SIZE; at += 70001) { /* in the file, in memory and across */
                memset(mirror + at, 0xee, 16);
                assert_int_equal(spool_patch(&spool, at, mirror + at, 16, &err), 0);
        }
        size_t border = (size_t)spool.tail_at;
        memset(mirror + border - 8, 0x77, 16);
        assert_int_equal(spool_patch(&spool, border - 8, mirror + border - 8, 16, &err), 0);
        assert_int_equal(spool_read(&spool, 0, back, SIZE, &err), 0);
        assert_memory_equal(mirror, back, SIZE);
        spool_done(&spool);
}

/* A full disk is an error, and what was there is still read. */
static void a_full_disk_is_told(void **state)
{
        (void)state;
        static char bytes[200 << 10];
        static char back[sizeof(bytes)];
        struct spool spool;
        struct error err;
        struct rlimit before;
        getrlimit(RLIMIT_FSIZE, &before);
        signal(SIGXFSZ, SIG_IGN);
        memset(bytes, 'x', sizeof(bytes));
        spool_init(&spool);
        int status = 0;
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 300 << 10, before.rlim_max });
        int taken = 0;
        for (; taken < 10 && status == 0; taken++)
                status = spool_append(&spool, bytes, sizeof(bytes), &err);
        assert_int_equal(status, -1);
        assert_non_null(strstr(err.message, "spooling the result"));
        setrlimit(RLIMIT_FSIZE, &before);
        for (int i = 0; i < taken - 1; i++) {
                assert_int_equal(spool_read(&spool, (uint64_t)i * sizeof(bytes), back, sizeof(back), &err), 0);
                assert_memory_equal(back, bytes, sizeof(bytes));
        }
        assert_int_equal(spool_append(&spool, bytes, sizeof(bytes), &err), 0); /* room again: no byte is out of place */
        assert_int_equal(spool_read(&spool, 0, back, sizeof(back), &err), 0);
        assert_memory_equal(back, bytes, sizeof(bytes));
        spool_done(&spool);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(frames_come_back),
                cmocka_unit_test(impossible_lengths),
                cmocka_unit_test(a_spool_reads_and_patches_anywhere),
                cmocka_unit_test(a_full_disk_is_told),
        };
        return cmocka_run_group_tests_name("module_wire", tests, NULL, NULL);
}
