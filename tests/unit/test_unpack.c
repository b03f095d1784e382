/* Transparent decompression: what comes out, how bad input is named, and that the ceilings hold. */
#include "lib/unpack/unpack.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "lib/digest/digest.h"

#include <setjmp.h> /* cmocka.h needs these three */
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#define CONTENT_MAX ((size_t)64 << 20)

struct feed {
        const char *bytes;
        size_t size;
        size_t piece;    /* bytes a read gives at most */
        int errnum;      /* what the read at the end fails with, 0: end of file */
        int interrupted; /* reads that fail with EINTR first */
};

static ssize_t read_feed(void *cookie, void *bytes, size_t size)
{
        struct feed *feed = cookie;
        size_t n = feed->size < size ? feed->size : size;

        if (feed->interrupted-- > 0) {
                errno = EINTR;
                return -1;
        }
        if (n > feed->piece)
                n = feed->piece;
        if (n == 0 && feed->errnum) {
                errno = feed->errnum;
                return -1;
        }
        memcpy(bytes, feed->bytes, n);
        feed->bytes += n;
        feed->size -= n;
        return (ssize_t)n;
}

/* Everything that comes out, in pieces of `room`; the verdict of the last read. */
static int drain(struct unpack *unpack, size_t room, struct buf *out, struct error *err)
{
        ssize_t n;

        do {
                char *bytes = buf_reserve(out, room);

                assert_non_null(bytes);
                n = unpack_read(unpack, bytes, room, err);
                if (n > 0)
                        out->len += (size_t)n;
                assert_true(n <= (ssize_t)room);
        } while (n > 0);
        out->data[out->len] = '\0';
        if (n < 0) {
                struct error again = { 0 };

                assert_int_equal(unpack_read(unpack, buf_reserve(out, 1), 1, &again), -1);
                assert_string_equal(again.message, err->message);
        }
        assert_int_equal(unpack_output(unpack), out->len);
        return (int)n;
}

static int decode(
        const struct unpack_limits *limits, const char *bytes, size_t size, struct buf *out, struct error *err)
{
        cleanup(unpack_free) struct unpack *unpack = unpack_new(limits, NULL);
        struct feed feed = { .bytes = bytes, .size = size, .piece = SIZE_MAX };

        assert_non_null(unpack);
        unpack_start(unpack, read_feed, &feed);
        return drain(unpack, 4096, out, err);
}

/* Fails the test unless decoding ends in this error with this text in its message. */
static void refuse(
        const struct unpack_limits *limits, const char *bytes, size_t size, enum error_code code, const char *text)
{
        cleanup(buf_done) struct buf out;
        struct error error = { 0 };

        buf_init(&out, CONTENT_MAX);
        assert_int_equal(decode(limits, bytes, size, &out, &error), -1);
        if (!strstr(error.message, text))
                fail_msg("\"%s\" lacks \"%s\"", error.message, text);
        assert_int_equal(error.code, code);
}

static void compress_gzip(const char *bytes, size_t size, struct buf *out)
{
        z_stream stream = { .next_in = (Bytef *)bytes, .avail_in = (uInt)size };

        assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        size_t bound = deflateBound(&stream, size);
        stream.next_out = (Bytef *)buf_reserve(out, bound);
        stream.avail_out = (uInt)bound;
        assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
        out->len += stream.total_out;
        deflateEnd(&stream);
}

static void compress_xz(const char *bytes, size_t size, struct buf *out)
{
        size_t bound = lzma_stream_buffer_bound(size);
        size_t used = 0;

        assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)bytes, size,
                                 (uint8_t *)buf_reserve(out, bound), &used, bound),
                LZMA_OK);
        out->len += used;
}

static void compress_zstd_window(const char *bytes, size_t size, int window_log, struct buf *out)
{
        ZSTD_CCtx *ctx = ZSTD_createCCtx();
        size_t bound = ZSTD_compressBound(size);

        ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
        if (window_log) {
                ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, window_log);
                ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, 0);
        }

        ZSTD_inBuffer in = { bytes, size, 0 };
        ZSTD_outBuffer room = { buf_reserve(out, bound), bound, 0 };

        /* Without an end in the first call libzstd does not know the size and keeps the window asked for. */
        assert_false(ZSTD_isError(ZSTD_compressStream2(ctx, &room, &in, ZSTD_e_continue)));
        assert_int_equal(ZSTD_compressStream2(ctx, &room, &in, ZSTD_e_end), 0);
        out->len += room.pos;
        ZSTD_freeCCtx(ctx);
}

static void compress_zstd(const char *bytes, size_t size, struct buf *out)
{
        compress_zstd_window(bytes, size, 0, out);
}

static void (*const compressors[UNPACK_FORMATS])(
        const char *bytes, size_t size, struct buf *out) = { NULL, compress_gzip, compress_xz, compress_zstd };

/* Half words, half noise. */
static void fill(char *bytes, size_t size, uint64_t seed)
{
        for (size_t i = 0; i < size; i++) {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                bytes[i] = (char)(seed & 256 ? seed : "PermitRootLogin "[i % 16]);
        }
}

static void test_round_trip(void **state)
{
        (void)state;
        static const size_t sizes[] = { 0, 1, 5, 6, 7, 1000, 65536, 300001 };
        static const size_t pieces[] = { 1, 3, 4096, SIZE_MAX };
        static char content[300001];
        cleanup(unpack_free) struct unpack *unpack = unpack_new(NULL, NULL);

        fill(content, sizeof(content), 99);
        for (int format = UNPACK_GZIP; format < UNPACK_FORMATS; format++) {
                for (size_t i = 0; i < 8 * 4; i++) {
                        cleanup(buf_done) struct buf packed;
                        cleanup(buf_done) struct buf out;
                        struct error error = { 0 };
                        size_t size = sizes[i / 4];

                        buf_init(&packed, CONTENT_MAX);
                        buf_init(&out, CONTENT_MAX);
                        compressors[format](content, size, &packed);

                        struct feed feed = { packed.data, packed.len, pieces[i % 4], 0, 2 };

                        unpack_start(unpack, read_feed, &feed);
                        assert_int_equal(drain(unpack, i % 2 ? 65536 : 777, &out, &error), 0);
                        assert_int_equal(out.len, size);
                        assert_memory_equal(buf_text(&out), content, size);
                        assert_int_equal(unpack_get_format(unpack), format);
                        assert_int_equal(unpack_input(unpack), packed.len);
                }
        }
}

static void test_plain_passes(void **state)
{
        (void)state;
        static const struct sv texts[] = { { "", 0 }, { "a", 1 }, { "\x1f", 1 }, { "\x28\xb5\x2f", 3 },
                { "\xfd"
                  "7zXZ",
                        5 },
                { "plain text\0with a NUL", 21 } };
        const struct unpack_limits tight = { UNPACK_ALL, 1, 0, 1, 0 };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                cleanup(buf_done) struct buf out;
                struct error error = { 0 };

                buf_init(&out, CONTENT_MAX);
                assert_int_equal(decode(&tight, texts[i].p, texts[i].n, &out, &error), 0);
                assert_int_equal(out.len, texts[i].n);
                assert_memory_equal(buf_text(&out), texts[i].p, texts[i].n);
        }
}

static void test_formats_can_be_left_out(void **state)
{
        (void)state;
        struct unpack_limits limits = UNPACK_LIMITS_DEFAULT;
        cleanup(buf_done) struct buf packed;
        cleanup(buf_done) struct buf out;
        struct error error = { 0 };

        limits.formats = UNPACK_BIT(UNPACK_GZIP);
        buf_init(&packed, CONTENT_MAX);
        buf_init(&out, CONTENT_MAX);
        compress_xz("abc", 3, &packed);
        assert_int_equal(decode(&limits, packed.data, packed.len, &out, &error), 0);
        assert_int_equal(out.len, packed.len);
}

static void test_members_are_one_content(void **state)
{
        (void)state;
        for (int format = UNPACK_GZIP; format < UNPACK_FORMATS; format++) {
                cleanup(buf_done) struct buf packed;
                cleanup(buf_done) struct buf out;
                struct error error = { 0 };

                buf_init(&packed, CONTENT_MAX);
                buf_init(&out, CONTENT_MAX);
                compressors[format]("first ", 6, &packed);
                compressors[format]("", 0, &packed);
                compressors[format]("second", 6, &packed);
                assert_int_equal(decode(NULL, packed.data, packed.len, &out, &error), 0);
                assert_string_equal(buf_text(&out), "first second");
                if (format != UNPACK_ZSTD) { /* padding: any zeros for gzip, fours for xz */
                        buf_append(&packed, "\0\0\0\0\0\0\0", 8);
                        buf_clear(&out);
                        assert_int_equal(decode(NULL, packed.data, packed.len, &out, &error), 0);
                        assert_string_equal(buf_text(&out), "first second");
                }
                buf_puts(&packed, "garbage behind the end");
                buf_clear(&out);
                assert_int_equal(decode(NULL, packed.data, packed.len, &out, &error), -1);
                assert_non_null(strstr(error.message, format == UNPACK_XZ ? "xz: corrupt input" : "invalid header"));
                assert_string_equal(buf_text(&out), "first second");
        }
}

static void test_every_truncation_is_an_error(void **state)
{
        (void)state;
        static char content[400];

        fill(content, sizeof(content), 5);
        for (int format = UNPACK_GZIP; format < UNPACK_FORMATS; format++) {
                cleanup(buf_done) struct buf packed;

                buf_init(&packed, CONTENT_MAX);
                compressors[format](content, sizeof(content), &packed);
                for (size_t size = 1; size < packed.len; size++) {
                        cleanup(buf_done) struct buf out;
                        struct error error = { 0 };

                        buf_init(&out, CONTENT_MAX);
                        if (unpack_detect(packed.data, size) == UNPACK_PLAIN) {
                                assert_int_equal(decode(NULL, packed.data, size, &out, &error), 0);
                                assert_int_equal(out.len, size);
                                continue;
                        }
                        assert_int_equal(decode(NULL, packed.data, size, &out, &error), -1);
                        assert_string_equal(error.message, "unexpected EOF");
                        assert_int_equal(error.code, E_CORRUPT);
                        assert_true(out.len <= sizeof(content));
                        assert_memory_equal(buf_text(&out), content, out.len);
                }
        }
}

/* No change of a byte yields other content without an error. */
static void test_every_flip_is_noticed(void **state)
{
        (void)state;
        static const unsigned char masks[] = { 0x01, 0x10, 0x80, 0xff };
        static char content[400];

        fill(content, sizeof(content), 6);
        for (int format = UNPACK_GZIP; format < UNPACK_FORMATS; format++) {
                cleanup(buf_done) struct buf packed;
                unsigned errors = 0;

                buf_init(&packed, CONTENT_MAX);
                compressors[format](content, sizeof(content), &packed);
                for (size_t i = 0; i < packed.len * sizeof(masks); i++) {
                        cleanup(buf_done) struct buf out;
                        struct error error = { 0 };
                        char *byte = &packed.data[i / sizeof(masks)];

                        *byte = (char)((unsigned char)*byte ^ masks[i % sizeof(masks)]);
                        buf_init(&out, CONTENT_MAX);
                        if (decode(NULL, packed.data, packed.len, &out, &error) < 0) {
                                errors++;
                                assert_true(error.message[0] != '\0');
                        } else if (unpack_detect(packed.data, packed.len) != UNPACK_PLAIN) {
                                assert_int_equal(out.len, sizeof(content));
                                assert_memory_equal(buf_text(&out), content, out.len);
                        }
                        *byte = (char)((unsigned char)*byte ^ masks[i % sizeof(masks)]);
                }
                assert_true(errors > packed.len);
        }
}

static void test_words_of_go(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf packed;

        buf_init(&packed, CONTENT_MAX);
        compress_gzip("abcabcabc", 9, &packed);
        packed.data[2] = 7; /* a method that is not deflate */
        refuse(NULL, packed.data, packed.len, E_CORRUPT, "gzip: invalid header");
        packed.data[2] = 8;
        packed.data[packed.len - 8] ^= 1;
        refuse(NULL, packed.data, packed.len, E_CORRUPT, "gzip: invalid checksum");
        packed.data[packed.len - 8] ^= 1;
        packed.data[packed.len - 1] ^= 1;
        refuse(NULL, packed.data, packed.len, E_CORRUPT, "gzip: invalid checksum");
        packed.data[packed.len - 1] ^= 1;
        packed.data[10] = (char)0xff; /* block type 3 */
        refuse(NULL, packed.data, packed.len, E_CORRUPT, "flate: corrupt input before offset 1");
}

static void zeros(enum unpack_format format, size_t size, struct buf *packed)
{
        char *content = calloc(1, size);

        assert_non_null(content);
        buf_init(packed, CONTENT_MAX);
        compressors[format](content, size, packed);
        free(content);
}

static void test_bombs(void **state)
{
        (void)state;
        const size_t size = 3000000;

        for (int format = UNPACK_GZIP; format < UNPACK_FORMATS; format++) {
                cleanup(buf_done) struct buf packed;
                cleanup(buf_done) struct buf out;
                struct unpack_limits limits = UNPACK_LIMITS_DEFAULT;
                struct error error = { 0 };

                zeros((enum unpack_format)format, size, &packed);
                buf_init(&out, CONTENT_MAX);
                limits.output_max = size;
                assert_int_equal(decode(&limits, packed.data, packed.len, &out, &error), 0);
                assert_int_equal(out.len, size);

                buf_clear(&out);
                limits.output_max = size - 1;
                assert_int_equal(decode(&limits, packed.data, packed.len, &out, &error), -1);
                assert_int_equal(error.code, E_TOO_LARGE);
                assert_int_equal(out.len, size - 1);

                buf_clear(&out);
                limits.output_max = UINT64_MAX;
                limits.ratio_floor = 100000;
                limits.ratio_max = 100;
                assert_int_equal(decode(&limits, packed.data, packed.len, &out, &error), -1);
                assert_int_equal(error.code, E_TOO_LARGE);
                assert_non_null(strstr(error.message, "ratio above 100"));
                assert_true(out.len < 100 * packed.len + 100000 + 4096);

                buf_clear(&out);
                limits.ratio_floor = size;
                assert_int_equal(decode(&limits, packed.data, packed.len, &out, &error), 0);
        }
}

static void test_memory_ceiling(void **state)
{
        (void)state;
        struct unpack_limits limits = UNPACK_LIMITS_DEFAULT;
        cleanup(buf_done) struct buf xz;
        cleanup(buf_done) struct buf zstd;
        cleanup(buf_done) struct buf out;
        struct error error = { 0 };
        char *content = calloc(1, 4 << 20);

        assert_non_null(content);
        fill(content, 4 << 20, 11);
        buf_init(&zstd, CONTENT_MAX);
        buf_init(&out, CONTENT_MAX);
        compress_zstd_window(content, 4 << 20, 27, &zstd);
        zeros(UNPACK_XZ, 1000, &xz); /* level 6 says 8 MiB of dictionary whatever the content */
        limits.memory_max = 1 << 20;
        refuse(&limits, xz.data, xz.len, E_TOO_LARGE, "xz: needs ");
        refuse(&limits, zstd.data, zstd.len, E_TOO_LARGE, "zstd: the window");
        limits.memory_max = 128 << 20;
        assert_int_equal(decode(&limits, zstd.data, zstd.len, &out, &error), 0);
        assert_memory_equal(buf_text(&out), content, 4 << 20);
        free(content);
}

static void test_source_errors(void **state)
{
        (void)state;
        cleanup(unpack_free) struct unpack *unpack = unpack_new(NULL, NULL);
        cleanup(buf_done) struct buf packed;
        cleanup(buf_done) struct buf out;
        struct error error = { 0 };

        buf_init(&packed, CONTENT_MAX);
        buf_init(&out, CONTENT_MAX);
        assert_int_equal(drain(unpack, 10, &out, &error), 0); /* no source is an empty one */
        compress_gzip("abc", 3, &packed);

        struct feed broken = { packed.data, packed.len - 2, SIZE_MAX, EIO, 0 };

        unpack_start(unpack, read_feed, &broken);
        assert_int_equal(drain(unpack, 10, &out, &error), -1);
        assert_int_equal(error.errnum, EIO);
        assert_string_equal(buf_text(&out), "abc");

        struct feed stopped = { "", 0, SIZE_MAX, ECANCELED, 0 };

        buf_clear(&out);
        unpack_start(unpack, read_feed, &stopped);
        assert_int_equal(drain(unpack, 10, &out, &error), -1);
        assert_int_equal(error.code, E_STOPPED);

        /* The decoder is as new after a failure. */
        struct feed good = { packed.data, packed.len, 1, 0, 0 };

        unpack_start(unpack, read_feed, &good);
        assert_int_equal(drain(unpack, 10, &out, &error), 0);
        assert_string_equal(buf_text(&out), "abc");

        /* A file descriptor. */
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[1], packed.data, packed.len), packed.len);
        close(fds[1]);
        buf_clear(&out);
        unpack_start_fd(unpack, fds[0]);
        assert_int_equal(drain(unpack, 10, &out, &error), 0);
        assert_string_equal(buf_text(&out), "abc");
        close(fds[0]);
}

/* The compressed files of MIG's own tests. */
static void test_mig_fixtures(void **state)
{
        (void)state;
        const char *directory = getenv("TARSIER_TESTDATA");
        const char *source = getenv("TARSIER_SOURCE");
        char path[4096];

        if (directory)
                snprintf(path, sizeof(path), "%s/investigate/mig_file_cases.json", directory);
        else
                snprintf(path, sizeof(path), "%s/../shared/testdata/investigate/mig_file_cases.json",
                        source ? source : ".");

        json_t *cases = json_load_file(path, 0, NULL);

        if (!cases) {
                print_message("skipped: needs %s\n", path);
                skip();
        }

        json_t *files = json_object_get(cases, "files");
        unsigned seen = 0;

        for (size_t i = 0; i < json_array_size(files); i++) {
                json_t *file = json_array_get(files, i);
                const char *name = json_string_value(json_object_get(file, "filename"));
                const char *hex = json_string_value(json_object_get(file, "data_hex"));
                cleanup(buf_done) struct buf out;
                struct error error = { 0 };
                uint8_t bytes[4096];
                size_t size = 0;

                if (!name || !hex || !hex_decode(sv_of(hex), bytes, sizeof(bytes), &size))
                        continue;
                buf_init(&out, CONTENT_MAX);

                int result = decode(NULL, (const char *)bytes, size, &out, &error);

                if (strcmp(name, "testfile8") == 0) {
                        assert_int_equal(result, -1);
                        assert_non_null(strstr(error.message, "flate: corrupt input"));
                        seen++;
                        continue;
                }
                assert_int_equal(result, 0);
                if (strcmp(name, "testfile6") == 0) {
                        assert_non_null(strstr(buf_text(&out), "--- header for zipped file ---"));
                        seen++;
                }
                if (strcmp(name, "testfile7") == 0) {
                        char digest_text[DIGEST_HEX_MAX];
                        struct digest digest;

                        digest_init(&digest, DIGEST_BIT(DIGEST_MD5));
                        digest_update(&digest, out.data, out.len);
                        digest_finish_hex(&digest, DIGEST_MD5, false, digest_text);
                        assert_string_equal(digest_text, "7f82b4c1613fd10208ad1f71de17ebb5");
                        seen++;
                }
        }
        json_decref(cases);
        assert_int_equal(seen, 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_plain_passes),
                cmocka_unit_test(test_formats_can_be_left_out),
                cmocka_unit_test(test_members_are_one_content),
                cmocka_unit_test(test_every_truncation_is_an_error),
                cmocka_unit_test(test_every_flip_is_noticed),
                cmocka_unit_test(test_words_of_go),
                cmocka_unit_test(test_bombs),
                cmocka_unit_test(test_memory_ceiling),
                cmocka_unit_test(test_source_errors),
                cmocka_unit_test(test_mig_fixtures),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
