/* What is logged of collectors that fail: once a change, why, and when they work again. */
#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "modules/metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

struct logged {
        size_t count;
        char text[500]; /* of the last */
};

static void keep_line(struct metrics *metrics, const char *text)
{
        struct logged *logged = metrics->owner;
        logged->count++;
        snprintf(logged->text, sizeof(logged->text), "%s", text);
}

static void put(const char *directory, const char *name, const char *text)
{
        char path[200];
        snprintf(path, sizeof(path), "%s/%s", directory, name);
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text), NULL), 0);
}

static void scrape(struct metrics *metrics, int64_t now_ns)
{
        struct exposition *out = exposition_new(1 << 20, NULL);
        assert_non_null(out);
        assert_int_equal(node_expose(metrics->node, "collect[]=loadavg&collect[]=conntrack", out, NULL), 0);
        metrics_note_collectors(metrics, now_ns);
        exposition_free(out);
}

static void once_a_change(void **state)
{
        (void)state;
        char directory[] = "/tmp/collectors-XXXXXX";
        char path[200];
        static const struct metrics_sink sink = { .log = keep_line };
        struct logged logged = { 0 };
        assert_non_null(mkdtemp(directory));
        const int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        const struct node_options options = { .root = root, .proc = root, .sys = root };
        struct metrics metrics = { .sink = &sink, .owner = &logged, .node = node_new(&options, NULL) };
        assert_non_null(metrics.node);

        put(directory, "loadavg", "0.1 0.2 0.3 1/2 3\n");
        scrape(&metrics, SECOND); /* no conntrack: what a host may lack is no cause for a line */
        assert_int_equal(logged.count, 0);
        assert_int_equal(metrics_collectors_failed(&metrics), 0);

        put(directory, "loadavg", "nonsense\n");
        for (int i = 0; i < 10; i++)
                scrape(&metrics, 2 * SECOND + i * HOUR);
        assert_int_equal(logged.count, 1);
        assert_non_null(strstr(logged.text, "collector loadavg: "));
        assert_int_equal(metrics_collectors_failed(&metrics), 1);

        put(directory, "loadavg", "0.1 0.2 0.3 1/2 3\n");
        scrape(&metrics, 2 * DAY);
        assert_int_equal(logged.count, 2);
        assert_string_equal(logged.text, "collector loadavg works again");
        assert_int_equal(metrics_collectors_failed(&metrics), 0);

        put(directory, "loadavg", "nonsense\n"); /* too soon to say more of it */
        scrape(&metrics, 2 * DAY + SECOND);
        assert_int_equal(logged.count, 2);
        scrape(&metrics, 2 * DAY + 2 * MINUTE);
        assert_int_equal(logged.count, 3);

        free(metrics.collector_notes);
        node_free(metrics.node);
        close(root);
        snprintf(path, sizeof(path), "%s/loadavg", directory);
        unlink(path);
        rmdir(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(once_a_change) };
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
