/* Mounts that do not answer: a scrape is not held up by them, they are told as silent, and they come back. */
#include "modules/metrics/node/mount_probe.h"

#include "base/timefmt.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define LONG (60 * SECOND) /* is not waited for: the questions are answered */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool hangs;
static int asked, hanging;

/* "stuck…" sleeps as long as hangs is set, "gone" fails, others answer with their length. */
static int ask(int root, const char *point, struct mount_space *ret)
{
        (void)root;
        pthread_mutex_lock(&lock);
        asked++;
        if (strncmp(point, "stuck", 5) == 0) {
                hanging++;
                pthread_cond_broadcast(&changed);
                while (hangs)
                        pthread_cond_wait(&changed, &lock);
                hanging--;
                pthread_cond_broadcast(&changed);
        }
        pthread_mutex_unlock(&lock);
        *ret = (struct mount_space){ .unit = 1, .blocks = strlen(point) };
        return strcmp(point, "gone") == 0 ? ESTALE : 0;
}

static void set_hangs(bool value)
{
        pthread_mutex_lock(&lock);
        hangs = value;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
}

static void wait_hanging(int count)
{
        pthread_mutex_lock(&lock);
        while (hanging != count)
                pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
}

static struct mount_probe *probe_new(int64_t timeout_ns)
{
        struct error err;
        int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct mount_probe *probe = mount_probe_new(root, timeout_ns, ask, &err);
        assert_non_null(probe);
        close(root);
        asked = 0;
        return probe;
}

static void test_answers(void **state)
{
        (void)state;
        struct mount_space space;
        struct mount_probe *probe = probe_new(LONG);
        for (int round = 0; round < 3; round++) {
                mount_probe_begin(probe);
                mount_probe_queue(probe, "data");
                mount_probe_queue(probe, "gone");
                mount_probe_queue(probe, "data"); /* once is enough */
                mount_probe_wait(probe, LONG);
                assert_int_equal(mount_probe_result(probe, "data", &space), 0);
                assert_int_equal(space.blocks, 4);
                assert_int_equal(mount_probe_result(probe, "gone", &space), ESTALE);
                assert_int_equal(mount_probe_result(probe, "never", &space), ETIMEDOUT);
        }
        assert_int_equal(asked, 6);
        mount_probe_begin(probe); /* what is not named is forgotten */
        mount_probe_queue(probe, "gone");
        mount_probe_wait(probe, LONG);
        mount_probe_begin(probe);
        assert_int_equal(mount_probe_result(probe, "data", &space), ETIMEDOUT);
        mount_probe_free(probe);
}

static void test_silent_mount(void **state)
{
        (void)state;
        struct mount_space space;
        struct mount_probe *probe = probe_new(0); /* silent as soon as it is asked */
        mount_probe_begin(probe);
        mount_probe_queue(probe, "stuck");
        mount_probe_wait(probe, LONG);
        assert_int_equal(mount_probe_result(probe, "stuck", &space), 0);
        set_hangs(true);
        mount_probe_begin(probe);
        mount_probe_queue(probe, "stuck");
        mount_probe_queue(probe, "data");
        wait_hanging(1);
        mount_probe_wait(probe, MILLISECOND);
        assert_int_equal(mount_probe_result(probe, "stuck", &space), ETIMEDOUT);
        /* a scrape later it is neither asked again nor waited for, and the others answer */
        mount_probe_begin(probe);
        mount_probe_queue(probe, "stuck");
        mount_probe_queue(probe, "other");
        mount_probe_wait(probe, LONG);
        assert_int_equal(mount_probe_result(probe, "stuck", &space), ETIMEDOUT);
        assert_int_equal(mount_probe_result(probe, "other", &space), 0);
        assert_int_equal(hanging, 1);
        set_hangs(false);
        wait_hanging(0);
        do { /* its thread may still be on its way back */
                mount_probe_begin(probe);
                mount_probe_queue(probe, "stuck");
                mount_probe_wait(probe, LONG);
        } while (mount_probe_result(probe, "stuck", &space) == ETIMEDOUT);
        assert_int_equal(space.blocks, 5);
        mount_probe_free(probe);
}

/* Until the timeout the last answer stands. */
static void test_last_answer(void **state)
{
        (void)state;
        struct mount_space space;
        struct mount_probe *probe = probe_new(LONG);
        mount_probe_begin(probe);
        mount_probe_queue(probe, "stuck");
        mount_probe_wait(probe, LONG);
        set_hangs(true);
        mount_probe_begin(probe);
        mount_probe_queue(probe, "stuck");
        mount_probe_wait(probe, MILLISECOND);
        assert_int_equal(mount_probe_result(probe, "stuck", &space), 0);
        wait_hanging(1);
        set_hangs(false);
        wait_hanging(0); /* the next test counts those that hang */
        mount_probe_free(probe);
}

/* More silent ones than threads: the rest are silent too, nothing grows, and the owner may leave. */
static void test_all_threads_stuck(void **state)
{
        (void)state;
        struct mount_space space;
        struct mount_probe *probe = probe_new(0);
        char point[32];
        set_hangs(true);
        mount_probe_begin(probe);
        for (int i = 0; i < 2 * MOUNT_PROBE_THREADS; i++) {
                snprintf(point, sizeof(point), "stuck%d", i);
                mount_probe_queue(probe, point);
        }
        wait_hanging(MOUNT_PROBE_THREADS);
        mount_probe_wait(probe, MILLISECOND);
        for (int i = 0; i < 2 * MOUNT_PROBE_THREADS; i++) {
                snprintf(point, sizeof(point), "stuck%d", i);
                assert_int_equal(mount_probe_result(probe, point, &space), ETIMEDOUT);
        }
        mount_probe_free(probe);
        set_hangs(false);
        wait_hanging(0);
}

static void test_real_space(void **state)
{
        (void)state;
        struct mount_space space;
        int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(mount_space_read(root, ".", &space), 0);
        assert_true(space.unit > 0 && space.blocks >= space.blocks_free && space.blocks_free >= space.blocks_available);
        assert_int_equal(mount_space_read(root, "no-such-directory", &space), ENOENT);
        close(root);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers),
                cmocka_unit_test(test_silent_mount),
                cmocka_unit_test(test_last_answer),
                cmocka_unit_test(test_all_threads_stuck),
                cmocka_unit_test(test_real_space),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
