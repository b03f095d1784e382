/* The file module's digests by identity: what is found again, what must not be, and that pressure only costs a miss. */
#include "modules/investigate/file_cache.h"

#include "base/timefmt.h"

#include <setjmp.h> /* cmocka.h needs these three */
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum { NOW_SECONDS = 2000000000, OLD_SECONDS = 1000000000, SHA256 = DIGEST_BIT(DIGEST_SHA256) };

typedef uint8_t results[DIGEST_KINDS][DIGEST_SIZE_MAX];

static void open_cache(struct file_cache *cache, unsigned kinds)
{
        file_cache_init(cache, kinds, NOW_SECONDS * SECOND);
}

static struct stat old_file(uint64_t inode)
{
        return (struct stat){ .st_dev = 2049,
                .st_ino = inode,
                .st_size = 1 << 20,
                .st_blocks = 2048,
                .st_mtim = { OLD_SECONDS, 1 },
                .st_ctim = { OLD_SECONDS, 2 } };
}

/* Bytes that tell the file and the kind. */
static void fill(results ret, uint64_t inode)
{
        for (unsigned kind = 0; kind < DIGEST_KINDS; kind++)
                for (size_t i = 0; i < DIGEST_SIZE_MAX; i++)
                        ret[kind][i] = (uint8_t)(inode >> (8 * (i % 8))) ^ (uint8_t)(kind * 16 + i / 8);
}

static void put(struct file_cache *cache, const struct stat *stat, unsigned set)
{
        results digests;
        fill(digests, stat->st_ino);
        file_cache_put(cache, stat, stat, set, (const uint8_t(*)[DIGEST_SIZE_MAX])digests);
}

/* Whether the set is known; what is told must be right. */
static bool known(const struct file_cache *cache, const struct stat *stat, unsigned set)
{
        results expected;
        results got;
        fill(expected, stat->st_ino);
        memset(got, 0xee, sizeof(got));
        bool found = file_cache_get(cache, stat, set, got);
        for (unsigned kind = 0; kind < DIGEST_KINDS; kind++) {
                size_t size = found && set & DIGEST_BIT(kind) ? digest_size((enum digest_kind)kind) : 0;
                assert_memory_equal(got[kind], expected[kind], size);
                for (size_t i = size; i < DIGEST_SIZE_MAX; i++)
                        assert_int_equal(got[kind][i], 0xee);
        }
        return found;
}

static void the_same_file_is_known_again(void **test)
{
        (void)test;
        struct file_cache cache;
        open_cache(&cache, SHA256);
        struct stat stat = old_file(7);
        assert_false(known(&cache, &stat, SHA256));
        assert_null(cache.entries);
        put(&cache, &stat, SHA256);
        assert_true(known(&cache, &stat, SHA256));
        stat.st_nlink++;
        stat.st_atim.tv_sec++;
        assert_true(known(&cache, &stat, SHA256));
        file_cache_done(&cache);
        assert_false(known(&cache, &stat, SHA256));
}

static void another_identity_is_another_file(void **test)
{
        (void)test;
        struct file_cache cache;
        open_cache(&cache, SHA256);
        struct stat stat = old_file(7);
        put(&cache, &stat, SHA256);
        struct stat others[7];
        for (size_t i = 0; i < 7; i++)
                others[i] = stat;
        others[0].st_dev++;
        others[1].st_ino++;
        others[2].st_size++;
        others[3].st_mtim.tv_nsec++;
        others[4].st_mtim.tv_sec++;
        others[5].st_ctim.tv_nsec++;
        others[6].st_ctim.tv_sec++;
        for (size_t i = 0; i < 7; i++)
                assert_false(known(&cache, &others[i], SHA256));
        assert_true(known(&cache, &stat, SHA256));
        file_cache_done(&cache);
}

static void a_file_rewritten_at_the_same_size_gives_its_new_digest(void **test)
{
        (void)test;
        struct file_cache cache;
        results new_digests = { 0 };
        results got;
        open_cache(&cache, SHA256);
        struct stat before = old_file(7);
        struct stat after = before;
        put(&cache, &before, SHA256);
        after.st_mtim.tv_nsec += 1000;
        after.st_ctim.tv_nsec += 1000;
        assert_false(known(&cache, &after, SHA256));
        file_cache_put(&cache, &after, &after, SHA256, (const uint8_t(*)[DIGEST_SIZE_MAX])new_digests);
        assert_true(file_cache_get(&cache, &after, SHA256, got));
        assert_memory_equal(got[DIGEST_SHA256], new_digests[DIGEST_SHA256], digest_size(DIGEST_SHA256));
        file_cache_done(&cache);
}

static void what_cannot_be_told_apart_is_not_kept(void **test)
{
        (void)test;
        struct file_cache cache;
        results digests;
        fill(digests, 7);
        open_cache(&cache, SHA256);

        struct stat small = old_file(7);
        small.st_size = FILE_CACHE_SIZE_MIN - 1;
        put(&cache, &small, SHA256);
        struct stat synthetic = old_file(7);
        synthetic.st_blocks = 0;
        put(&cache, &synthetic, SHA256);
        struct stat fresh = old_file(7);
        fresh.st_ctim.tv_sec = NOW_SECONDS - 2;
        put(&cache, &fresh, SHA256);
        fresh.st_ctim.tv_sec = NOW_SECONDS + 3600;
        put(&cache, &fresh, SHA256);
        struct stat before = old_file(7);
        struct stat after = before;
        after.st_ctim.tv_nsec++;
        file_cache_put(&cache, &before, &after, SHA256, (const uint8_t(*)[DIGEST_SIZE_MAX])digests);
        assert_null(cache.entries);

        struct stat smallest = old_file(7);
        smallest.st_size = FILE_CACHE_SIZE_MIN;
        smallest.st_ctim.tv_sec = NOW_SECONDS - 3;
        put(&cache, &smallest, SHA256);
        assert_true(known(&cache, &smallest, SHA256));
        file_cache_done(&cache);
}

static void times_beyond_nanoseconds_are_told_apart(void **test)
{
        (void)test;
        struct file_cache cache;
        open_cache(&cache, SHA256);
        struct stat stat = old_file(7);
        stat.st_mtim.tv_sec = INT64_MAX;
        put(&cache, &stat, SHA256);
        assert_true(known(&cache, &stat, SHA256));
        stat.st_mtim.tv_sec = INT64_MIN;
        assert_false(known(&cache, &stat, SHA256));
        file_cache_done(&cache);
}

static void kinds_are_kept_apart_and_added(void **test)
{
        (void)test;
        struct file_cache cache;
        open_cache(&cache, DIGEST_ALL);
        struct stat stat = old_file(7);
        for (unsigned kind = 0; kind < DIGEST_KINDS; kind++) {
                assert_false(known(&cache, &stat, DIGEST_BIT(kind)));
                assert_false(known(&cache, &stat, DIGEST_BIT(kind) | 1));
                put(&cache, &stat, DIGEST_BIT(kind));
                for (unsigned earlier = 0; earlier <= kind; earlier++)
                        assert_true(known(&cache, &stat, DIGEST_BIT(kind) | DIGEST_BIT(earlier)));
        }
        assert_true(known(&cache, &stat, DIGEST_ALL));
        assert_int_equal(cache.replaced, 0);
        file_cache_done(&cache);
}

static void kinds_without_room_are_not_known(void **test)
{
        (void)test;
        struct file_cache cache;
        struct file_cache nothing = { 0 };
        struct stat stat = old_file(7);
        open_cache(&cache, SHA256);
        put(&cache, &stat, DIGEST_BIT(DIGEST_MD5));
        assert_null(cache.entries);
        put(&cache, &stat, SHA256 | DIGEST_BIT(DIGEST_MD5));
        assert_true(known(&cache, &stat, SHA256));
        assert_false(known(&cache, &stat, SHA256 | DIGEST_BIT(DIGEST_MD5)));
        file_cache_done(&cache);
        put(&nothing, &stat, SHA256);
        assert_false(known(&nothing, &stat, SHA256));
}

static void pressure(unsigned kinds, size_t *ret_known)
{
        enum { FILES = 5 * FILE_CACHE_ENTRIES_MAX };
        struct file_cache cache;
        size_t count = 0;
        open_cache(&cache, kinds);
        for (uint64_t inode = 1; inode <= FILES; inode++) {
                struct stat stat = old_file(inode);
                put(&cache, &stat, kinds);
                assert_true(known(&cache, &stat, kinds));
        }
        for (uint64_t inode = 1; inode <= FILES; inode++) {
                struct stat stat = old_file(inode);
                count += known(&cache, &stat, kinds);
        }
        assert_int_equal(count + cache.replaced, FILES);
        *ret_known = count;
        file_cache_done(&cache);
}

static void under_pressure_what_is_told_is_right(void **test)
{
        (void)test;
        size_t count;
        pressure(SHA256, &count);
        assert_in_range(count, FILE_CACHE_ENTRIES_MAX / 2, FILE_CACHE_ENTRIES_MAX);
        pressure(DIGEST_ALL, &count);
        assert_in_range(count, 1000, FILE_CACHE_BYTES_MAX / 380);
}

static void memory_is_bounded(void **test)
{
        (void)test;
        struct file_cache cache;
        for (unsigned kinds = 0; kinds <= DIGEST_ALL; kinds++) {
                open_cache(&cache, kinds);
                assert_in_range(cache.rows * 4, 1, FILE_CACHE_ENTRIES_MAX);
                assert_in_range(cache.rows * 4 * cache.stride, 1, FILE_CACHE_BYTES_MAX);
                assert_int_equal(cache.stride % 8, 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_file_is_known_again),
                cmocka_unit_test(another_identity_is_another_file),
                cmocka_unit_test(a_file_rewritten_at_the_same_size_gives_its_new_digest),
                cmocka_unit_test(what_cannot_be_told_apart_is_not_kept),
                cmocka_unit_test(times_beyond_nanoseconds_are_told_apart),
                cmocka_unit_test(kinds_are_kept_apart_and_added),
                cmocka_unit_test(kinds_without_room_are_not_known),
                cmocka_unit_test(under_pressure_what_is_told_is_right),
                cmocka_unit_test(memory_is_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
