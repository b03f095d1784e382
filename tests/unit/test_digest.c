/* Digests against the published vectors and against the programs everybody compares with. */
#include "lib/digest/digest.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <setjmp.h> /* cmocka.h needs these three */
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/wait.h>

/* FIPS 180-2 appendix, FIPS 202 example values and RFC 1321 A.5 / RFC 3174: "", "abc", the 448-bit message and a
 * million "a". */
static const char *const vectors[DIGEST_KINDS][4] = {
        [DIGEST_MD5] = { "d41d8cd98f00b204e9800998ecf8427e", "900150983cd24fb0d6963f7d28e17f72",
                "8215ef0796a20bcaaae116d3876c664a", "7707d6ae4e027c70eea2a935c2296f21" },
        [DIGEST_SHA1] = { "da39a3ee5e6b4b0d3255bfef95601890afd80709", "a9993e364706816aba3e25717850c26c9cd0d89d",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1", "34aa973cd4c4daa4f61eeb2bdbad27316534016f" },
        [DIGEST_SHA224] = { "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
                "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
                "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525",
                "20794655980c91d8bbb4c1ea97618a4bf03f42581948b2ee4ee7ad67" },
        [DIGEST_SHA256] = { "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
        [DIGEST_SHA384] = { "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f148"
                            "98b95b",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
                "3391fdddfc8dc7393707a65b1b4709397cf8b1d162af05abfe8f450de5f36bc6b0455a8520bc4e6f5fe95b1fe3c8452b",
                "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985" },
        [DIGEST_SHA512] = { "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d287"
                            "7eec2f63b931bd47417a81a538327af927da3e",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d44"
                "23643ce80e2a9ac94fa54ca49f",
                "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c33596fd15c13b1b07f9aa1d3bea57789ca031ad85"
                "c7a71dd70354ec631238ca3445",
                "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c"
                "5c2c49aa2e4eadb217ad8cc09b" },
        [DIGEST_SHA3_224] = { "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7",
                "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
                "8a24108b154ada21c9fd5574494479ba5c7e7ab76ef264ead0fcce33",
                "d69335b93325192e516a912e6d19a15cb51c6ed5c15243e7a7fd653c" },
        [DIGEST_SHA3_256] = { "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
                "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
                "41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376",
                "5c8875ae474a3634ba4fd55ec85bffd661f32aca75c6d699d0cdcb6c115891c1" },
        [DIGEST_SHA3_384] = { "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e0"
                              "58d5f004",
                "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
                "991c665755eb3a4b6bbdfb75c78a492e8c56a22c5c4d7e429bfdbc32b9d4ad5aa04a1f076e62fea19eef51acd0657c22",
                "eee9e24d78c1855337983451df97c8ad9eedf256c6334f8e948d252d5e0e76847aa0774ddb90a842190d2c558b4b8340" },
        [DIGEST_SHA3_512] = { "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e940"
                              "2c3ac558f500199d95b6d3e301758586281dcd26",
                "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b"
                "4cf408d5a56592f8274eec53f0",
                "04a371e84ecfb5b8b77cb48610fca8182dd457ce6f326a0fd3d7ec2f1e91636dee691fbe0c985302ba1b0d8dc78c086346b533"
                "b49c030d99a27daf1139d6e75e",
                "3c3a876da14034ab60627c077bb98f7e120a2a5370212dffb3385a18d4f38859ed311d0a9d5141ce9cc5c66ee689b266a8aa18"
                "ace8282a0e0db596c90b0a7b87" },
};

static uint64_t next_random(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

static void check_vector(int column, const char *message, size_t size)
{
        struct digest digest;

        digest_init(&digest, DIGEST_ALL);
        digest_update(&digest, message, size);
        assert_int_equal(digest.length, size);
        for (int kind = 0; kind < DIGEST_KINDS; kind++) {
                char hex[DIGEST_HEX_MAX];

                digest_finish_hex(&digest, (enum digest_kind)kind, false, hex);
                assert_string_equal(hex, vectors[kind][column]);
        }
}

static void test_published_vectors(void **state)
{
        (void)state;
        char *million = malloc(1000000);

        assert_non_null(million);
        memset(million, 'a', 1000000);
        check_vector(0, "", 0);
        check_vector(1, "abc", 3);
        check_vector(2, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
        check_vector(3, million, 1000000);
        free(million);
}

/* Each kind alone, all together, in any pieces: the same result. */
static void test_pieces_do_not_matter(void **state)
{
        (void)state;
        static unsigned char bytes[70000];
        uint64_t seed = 20261121;

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (unsigned char)next_random(&seed);
        for (int round = 0; round < 200; round++) {
                size_t size = next_random(&seed) % (round < 100 ? 300 : sizeof(bytes));
                struct digest all;

                digest_init(&all, DIGEST_ALL);
                for (size_t at = 0; at < size;) {
                        size_t piece = 1 + next_random(&seed) % (round % 2 ? 200 : 40000);

                        if (piece > size - at)
                                piece = size - at;
                        digest_update(&all, bytes + at, piece);
                        at += piece;
                }
                for (int kind = 0; kind < DIGEST_KINDS; kind++) {
                        uint8_t together[DIGEST_SIZE_MAX];
                        uint8_t alone[DIGEST_SIZE_MAX];
                        struct digest one;

                        digest_init(&one, DIGEST_BIT(kind));
                        if (round % 2) /* nettle's own loop, as on a processor without the SHA instructions */
                                one.accelerated = false;
                        digest_update(&one, bytes, size);
                        digest_finish(&one, (enum digest_kind)kind, alone);
                        digest_finish(&all, (enum digest_kind)kind, together);
                        assert_memory_equal(alone, together, digest_size((enum digest_kind)kind));
                }
        }
}

/* First word of what the program prints; false if it cannot be started. */
static bool first_word(const char *const argv[], char *ret, size_t size)
{
        int pipe_fds[2];
        int status;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                dup2(pipe_fds[1], STDOUT_FILENO);
                execvp(argv[0], (char *const *)argv);
                _exit(127);
        }
        close(pipe_fds[1]);
        ssize_t n = read_all(pipe_fds[0], ret, size - 1, NULL);
        assert_true(n >= 0);
        close(pipe_fds[0]);
        ret[n] = '\0';
        ret[strcspn(ret, " \n")] = '\0';
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status == 0;
}

static void test_agrees_with_programs(void **state)
{
        (void)state;
        static const size_t sizes[] = { 0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 1000, 65539, 1000003 };
        static const char *const programs[DIGEST_KINDS] = { "md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum",
                "sha512sum" };
        char path[] = "/tmp/tarsier-digest-XXXXXX";
        char text[1024];
        uint64_t seed = 7;
        const char *probe[] = { "openssl", "version", NULL };

        if (!first_word(probe, text, sizeof(text))) {
                print_message("skipped: needs openssl\n");
                skip();
        }
        cleanup(fd_close) int fd = mkostemp(path, O_CLOEXEC);
        assert_true(fd >= 0);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                unsigned char *bytes = malloc(sizes[i] + 1);
                struct digest digest;
                unsigned char buffer[4099];

                assert_non_null(bytes);
                for (size_t at = 0; at < sizes[i]; at++)
                        bytes[at] = (unsigned char)next_random(&seed);
                assert_int_equal(ftruncate(fd, 0), 0);
                assert_int_equal(pwrite(fd, bytes, sizes[i], 0), sizes[i]);
                free(bytes);
                assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
                digest_init(&digest, DIGEST_ALL);
                assert_int_equal(digest_update_fd(&digest, fd, buffer, sizeof(buffer), sizes[i], NULL), 0);
                for (int kind = 0; kind < DIGEST_KINDS; kind++) {
                        char option[16];
                        char hex[DIGEST_HEX_MAX];
                        const char *sum[] = { programs[kind], path, NULL };
                        const char *openssl[] = { "openssl", "dgst", "-r", option, path, NULL };

                        snprintf(option, sizeof(option), "-%s", digest_name((enum digest_kind)kind));
                        assert_true(first_word(programs[kind] ? sum : openssl, text, sizeof(text)));
                        digest_finish_hex(&digest, (enum digest_kind)kind, false, hex);
                        assert_string_equal(hex, text);
                }
        }
        unlink(path);
}

static void test_update_fd_keeps_its_ceiling(void **state)
{
        (void)state;
        struct digest digest;
        struct error error = { 0 };
        char buffer[64];
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[1], "0123456789", 10), 10);
        close(fds[1]);
        digest_init(&digest, DIGEST_BIT(DIGEST_MD5));
        assert_int_equal(digest_update_fd(&digest, fds[0], buffer, sizeof(buffer), 9, &error), -1);
        assert_int_equal(error.code, E_TOO_LARGE);
        assert_int_equal(digest.length, 0);
        close(fds[0]);
        assert_int_equal(digest_update_fd(&digest, fds[0], buffer, sizeof(buffer), 9, &error), -1);
        assert_int_equal(error.errnum, EBADF);
}

static void test_tables(void **state)
{
        (void)state;
        enum digest_kind kind;
        struct digest digest;
        char hex[DIGEST_HEX_MAX];

        for (int i = 0; i < DIGEST_KINDS; i++) {
                assert_true(digest_by_name(digest_name((enum digest_kind)i), &kind));
                assert_int_equal(kind, i);
                assert_int_equal(strlen(vectors[i][0]), 2 * digest_size((enum digest_kind)i));
        }
        assert_true(digest_by_name("SHA-256", &kind) && kind == DIGEST_SHA256);
        assert_true(digest_by_name("SHA3_384", &kind) && kind == DIGEST_SHA3_384);
        assert_false(digest_by_name("sha2", &kind));
        assert_false(digest_by_name("", &kind));

        assert_true(digest_by_hex_length(DIGEST_FAMILY_SHA2, 64, &kind) && kind == DIGEST_SHA256);
        assert_true(digest_by_hex_length(DIGEST_FAMILY_SHA2, 96, &kind) && kind == DIGEST_SHA384);
        assert_true(digest_by_hex_length(DIGEST_FAMILY_SHA2, 128, &kind) && kind == DIGEST_SHA512);
        assert_true(digest_by_hex_length(DIGEST_FAMILY_SHA3, 56, &kind) && kind == DIGEST_SHA3_224);
        assert_true(digest_by_hex_length(DIGEST_FAMILY_SHA3, 64, &kind) && kind == DIGEST_SHA3_256);
        assert_true(digest_by_hex_length(DIGEST_FAMILY_SHA3, 96, &kind) && kind == DIGEST_SHA3_384);
        assert_true(digest_by_hex_length(DIGEST_FAMILY_SHA3, 128, &kind) && kind == DIGEST_SHA3_512);
        assert_true(digest_by_hex_length(DIGEST_FAMILY_MD5, 32, &kind) && kind == DIGEST_MD5);
        assert_true(digest_by_hex_length(DIGEST_FAMILY_SHA1, 40, &kind) && kind == DIGEST_SHA1);
        assert_false(digest_by_hex_length(DIGEST_FAMILY_SHA2, 40, &kind));
        assert_false(digest_by_hex_length(DIGEST_FAMILY_SHA3, 63, &kind));
        assert_false(digest_by_hex_length(DIGEST_FAMILY_MD5, 0, &kind));

        digest_init(&digest, DIGEST_BIT(DIGEST_SHA1) | DIGEST_BIT(DIGEST_KINDS));
        assert_int_equal(digest.set, DIGEST_BIT(DIGEST_SHA1));
        digest_update(&digest, "abc", 3);
        digest_finish_hex(&digest, DIGEST_SHA1, true, hex);
        assert_string_equal(hex, "A9993E364706816ABA3E25717850C26C9CD0D89D");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_published_vectors),
                cmocka_unit_test(test_pieces_do_not_matter),
                cmocka_unit_test(test_agrees_with_programs),
                cmocka_unit_test(test_update_fd_keeps_its_ceiling),
                cmocka_unit_test(test_tables),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
