/* Ten thousand control groups made and removed in a row in the machine's own hierarchies, below a group of the test's:
 * each beginning and each end is told, nothing is left over, nothing leaks. Needs root and a hierarchy to write to. */
#include "modules/metrics/collect/collect_internal.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>

enum { GROUPS = 10000, AT_ONCE = 50 };

static char parents[CGROUP_HIERARCHIES_MAX][512];
static size_t parent_count;

struct fixture {
        struct metrics_options options;
        struct loop *loop;
        struct registry *registry;
        size_t created, deleted;
        char prefix[64]; /* of our groups' names */
};

static void created(const struct container *container, void *cookie)
{
        struct fixture *fixture = cookie;
        fixture->created += sv_starts(sv_of(container_ref(container)->name), sv_of(fixture->prefix));
}

static void deleted(const struct container *container, void *cookie)
{
        struct fixture *fixture = cookie;
        fixture->deleted += sv_starts(sv_of(container_ref(container)->name), sv_of(fixture->prefix));
}

static size_t open_files(void)
{
        cleanup(closedir) DIR *dir = opendir("/proc/self/fd");
        size_t count = 0;
        while (dir && readdir(dir))
                count++;
        return count;
}

static void drain(struct fixture *fixture)
{
        while (loop_run_once(fixture->loop, 0, NULL) > 0)
                ;
}

static size_t ours(const struct fixture *fixture)
{
        size_t count = 0;
        for (size_t i = 0; i < registry_count(fixture->registry); i++)
                count += sv_starts(
                        sv_of(container_ref(registry_at(fixture->registry, i))->name), sv_of(fixture->prefix));
        return count;
}

/* A directory of each watched hierarchy that we may write to. */
static void make_parents(const struct fixture *fixture)
{
        for (uint32_t i = 0; i < fixture->registry->watched_count; i++) {
                snprintf(parents[parent_count], sizeof(parents[parent_count]), "%s%s",
                        fixture->registry->watched[i].mount_point, fixture->prefix);
                /* two are enough: a group is made of the same directories in all */
                if (parent_count < 2 && mkdir(parents[parent_count], 0755) == 0)
                        parent_count++;
        }
}

static int begin(struct fixture *fixture)
{
        struct error err;
        const struct registry_hooks hooks = { .created = created, .deleted = deleted, .cookie = fixture };
        const struct registry_seams seams = { .no_kmsg = true };
        *fixture = (struct fixture){ .options = { .kinds = 1u << METRIC_CPU | 1u << METRIC_MEMORY,
                                             .interval_ns = SECOND,
                                             .max_interval_ns = MINUTE,
                                             .global_interval_ns = HOUR,
                                             .storage_ns = 2 * MINUTE,
                                             .splay = 1,
                                             .jitter = 1,
                                             .dynamic = true } };
        for (size_t i = 0; i < EVENT_KINDS; i++) {
                fixture->options.event_age_ns[i] = DAY;
                fixture->options.event_count[i] = 100000;
        }
        snprintf(fixture->prefix, sizeof(fixture->prefix), "/registry-churn-%d", (int)getpid());
        fixture->options.root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fixture->options.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fixture->loop = loop_new(NULL, &err);
        fixture->registry = registry_new_with(&fixture->options, fixture->loop, &hooks, &seams, &err);
        return fixture->registry ? 0 : -1;
}

static void end(struct fixture *fixture)
{
        registry_free(fixture->registry);
        loop_free(fixture->loop);
        fd_close(&fixture->options.root);
        fd_close(&fixture->options.proc);
}

/* Makes and removes `count` groups in all parents, AT_ONCE living at a time. */
static void churn(struct fixture *fixture, size_t count)
{
        char path[640];
        for (size_t i = 0; i < count + AT_ONCE; i++) {
                for (size_t j = 0; j < parent_count; j++) {
                        snprintf(path, sizeof(path), "%s/g%zu", parents[j], i);
                        if (i < count)
                                assert_int_equal(mkdir(path, 0755), 0);
                        snprintf(path, sizeof(path), "%s/g%zu", parents[j], i - AT_ONCE);
                        if (i >= AT_ONCE)
                                assert_int_equal(rmdir(path), 0);
                }
                if (i % 20 == 0)
                        drain(fixture);
        }
        drain(fixture);
}

static void test_churn(void **state)
{
        (void)state;
        struct fixture fixture;
        struct registry_counters counters;
        if (geteuid() != 0) {
                print_message("skipped: needs root\n");
                skip();
        }
        assert_int_equal(begin(&fixture), 0);
        make_parents(&fixture);
        if (parent_count == 0) {
                end(&fixture);
                print_message("skipped: needs a control group hierarchy that may be written to\n");
                skip();
        }
        churn(&fixture, 500); /* what grows once has grown */
        size_t files = open_files() - fixture.registry->probes;
        size_t memory = mallinfo2().uordblks;
        size_t event_bytes = fixture.registry->events.logs[EVENT_CREATION].bytes +
                             fixture.registry->events.logs[EVENT_DELETION].bytes;
        churn(&fixture, GROUPS);
        registry_count_all(fixture.registry, &counters);
        size_t grown = mallinfo2().uordblks - memory;
        event_bytes = fixture.registry->events.logs[EVENT_CREATION].bytes +
                      fixture.registry->events.logs[EVENT_DELETION].bytes - event_bytes;
        print_message("# %zu beginnings, %zu ends of %d in %zu hierarchies; %zu bytes more, %zu of them events; %zu "
                      "overflows\n",
                fixture.created, fixture.deleted, GROUPS + 501, parent_count, grown, event_bytes,
                (size_t)counters.watch_overflows);
        /* all are seen; were some lost, the queue's overflow is counted */
        if (counters.watch_overflows == 0) {
                assert_int_equal(fixture.created, GROUPS + 501); /* the parent too */
                assert_int_equal(fixture.deleted, GROUPS + 500);
        }
        assert_int_equal(counters.watches_refused, 0);
        assert_int_equal(ours(&fixture), 1);
        assert_int_equal(open_files(), files + fixture.registry->probes); /* of groups that were there before */
        assert_true(grown < event_bytes + (256 << 10));
        for (size_t i = 0; i < parent_count; i++)
                assert_int_equal(rmdir(parents[i]), 0);
        drain(&fixture);
        assert_int_equal(ours(&fixture), 0);
        end(&fixture);
}

/* Also after a failure nothing of ours is left. */
static int remove_leftovers(void **state)
{
        char path[640];
        (void)state;
        for (size_t i = 0; i < parent_count; i++) {
                cleanup(closedir) DIR *dir = opendir(parents[i]);
                const struct dirent *entry;
                while (dir && (entry = readdir(dir))) {
                        int n = snprintf(path, sizeof(path), "%s/%s", parents[i], entry->d_name);
                        if (n < (int)sizeof(path) && entry->d_type == DT_DIR && entry->d_name[0] == 'g')
                                rmdir(path);
                }
                rmdir(parents[i]);
        }
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test_teardown(test_churn, remove_leftovers) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
