/* What is kept of foreign modules' descriptions: believed only as long as nothing could have changed, and nobody else
 * could have written it. */
#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "module/describe_cache.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static char root[64], cache[96], program[96], kept[128];
static struct stat file;
static int64_t now_ns;

static int set_up(void **state)
{
        struct error err;
        (void)state;
        snprintf(root, sizeof(root), "/tmp/tarsier-describe-XXXXXX");
        if (!mkdtemp(root))
                return -1;
        snprintf(cache, sizeof(cache), "%s/cache", root);
        snprintf(program, sizeof(program), "%s/tool", root);
        snprintf(kept, sizeof(kept), "%s/tool.description", cache);
        if (file_replace(AT_FDCWD, program, "#!/bin/sh\n", 10, 0755, &err) < 0 || stat(program, &file) < 0)
                return -1;
        now_ns = time_unix_ns() + 10 * SECOND; /* the file has been as it is for some time */
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        unlink(kept);
        rmdir(kept);
        rmdir(cache);
        unlink(cache);
        unlink(program);
        return rmdir(root);
}

static void keep(const char *text)
{
        describe_cache_put(cache, program, &file, now_ns, sv_of(text));
}

static bool known(const char *expected)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, DESCRIBE_CACHE_TEXT_MAX);
        if (!describe_cache_get(cache, program, &file, now_ns, &text))
                return false;
        assert_string_equal(buf_text(&text), expected);
        return true;
}

static void what_was_said_is_known(void **state)
{
        cleanup(buf_done) struct buf text;
        (void)state;
        buf_init(&text, 100);
        assert_false(known(""));
        keep("{\"name\":\"tool\"}\n{second line}");
        assert_true(known("{\"name\":\"tool\"}\n{second line}"));
        keep("another");
        assert_true(known("another"));
        assert_false(describe_cache_get(NULL, program, &file, now_ns, &text));
        describe_cache_put(NULL, program, &file, now_ns, SV("x"));
}

static void another_file_is_asked(void **state)
{
        struct stat before = file;
        (void)state;
        keep("said");
        struct stat others[7] = { file, file, file, file, file, file, file };
        others[0].st_dev++;
        others[1].st_ino++;
        others[2].st_size++;
        others[3].st_uid++;
        others[4].st_mode ^= 1;
        others[5].st_mtim.tv_nsec ^= 1;
        others[6].st_ctim.tv_nsec ^= 1;
        for (size_t i = 0; i < 7; i++) {
                file = others[i];
                assert_false(known(""));
        }
        file = before;
        assert_true(known("said"));
        cleanup(buf_done) struct buf text;
        buf_init(&text, 100);
        char elsewhere[128];
        snprintf(elsewhere, sizeof(elsewhere), "%s/../%s/tool", root, path_base(sv_of(root)).p);
        assert_false(describe_cache_get(cache, elsewhere, &file, now_ns, &text));
}

static void time_makes_it_old(void **state)
{
        (void)state;
        keep("said");
        now_ns += DESCRIBE_CACHE_HOURS * HOUR - 60 * SECOND;
        assert_true(known("said"));
        now_ns += 120 * SECOND;
        assert_false(known(""));
        now_ns -= 3 * DESCRIBE_CACHE_HOURS * HOUR; /* a clock that was set back */
        assert_false(known(""));
}

static void a_file_that_may_still_change_is_not_kept(void **state)
{
        struct error err;
        (void)state;
        now_ns = (int64_t)file.st_ctim.tv_sec * SECOND + file.st_ctim.tv_nsec + SECOND;
        keep("too soon");
        assert_int_equal(access(kept, F_OK), -1);
        now_ns += 10 * SECOND;
        assert_int_equal(file_replace(AT_FDCWD, program, "#!/bin/rm\n", 10, 0755, &err), 0);
        keep("of the file before"); /* it was replaced while it was asked */
        assert_int_equal(access(kept, F_OK), -1);
}

static void what_others_can_write_is_not_believed(void **state)
{
        (void)state;
        keep("said");
        assert_int_equal(chmod(kept, 0620), 0);
        assert_false(known(""));
        assert_int_equal(chmod(kept, 0602), 0);
        assert_false(known(""));
        assert_int_equal(chmod(kept, 0600), 0);
        assert_true(known("said"));
        assert_int_equal(chmod(cache, 0777), 0);
        assert_false(known(""));
        keep("not written there either");
        assert_int_equal(chmod(cache, 0755), 0);
        assert_true(known("said"));
        if (geteuid() == 0) {
                assert_int_equal(chown(kept, 65534, 65534), 0);
                assert_false(known(""));
                assert_int_equal(chown(kept, 0, 0), 0);
                assert_int_equal(chown(cache, 65534, 65534), 0);
                assert_false(known(""));
                assert_int_equal(chown(cache, 0, 0), 0);
        }
        assert_true(known("said"));
}

static void links_and_other_things(void **state)
{
        char other[128];
        (void)state;
        keep("said");
        snprintf(other, sizeof(other), "%s/other", root);
        assert_int_equal(link(kept, other), 0); /* a second name: somebody else may hold it */
        assert_false(known(""));
        assert_int_equal(unlink(kept), 0);
        assert_int_equal(symlink(other, kept), 0);
        assert_false(known(""));
        keep("replaces the link");
        assert_true(known("replaces the link"));
        assert_int_equal(unlink(other), 0);
        assert_int_equal(unlink(kept), 0);
        assert_int_equal(mkfifo(kept, 0600), 0); /* nobody waits for its other end */
        assert_false(known(""));
        assert_int_equal(unlink(kept), 0);
        assert_int_equal(mkdir(kept, 0700), 0);
        assert_false(known(""));
        keep("cannot");
        assert_int_equal(rmdir(kept), 0);
        assert_int_equal(rmdir(cache), 0);
        assert_int_equal(symlink("/tmp", cache), 0); /* a link in the place of the directory */
        keep("nowhere");
        assert_false(known(""));
}

static void damage_is_not_believed(void **state)
{
        struct error err;
        cleanup(buf_done) struct buf text;
        (void)state;
        keep("said");
        buf_init(&text, 10000);
        assert_int_equal(file_read(AT_FDCWD, kept, &text, &err), 0);
        for (size_t size = 0; size <= text.len - 4; size++) { /* cut anywhere in its key, or right behind it */
                assert_int_equal(truncate(kept, (off_t)size), 0);
                assert_false(known(""));
                assert_int_equal(file_replace(AT_FDCWD, kept, text.data, text.len, 0600, &err), 0);
        }
        assert_true(known("said"));
        text.data[0] ^= 1;
        assert_int_equal(file_replace(AT_FDCWD, kept, text.data, text.len, 0600, &err), 0);
        assert_false(known(""));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(what_was_said_is_known),
                TEST(another_file_is_asked),
                TEST(time_makes_it_old),
                TEST(a_file_that_may_still_change_is_not_kept),
                TEST(what_others_can_write_is_not_believed),
                TEST(links_and_other_things),
                TEST(damage_is_not_believed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
