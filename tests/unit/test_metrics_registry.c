/* Which containers there are and what they are called: discovery, identity, filters, what changes while they live. */
#include "metrics_tree.h"

#define ID "4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d"
#define OTHER_ID "4a5b6c7e4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d"

static void expect_order(const struct fixture *fixture, const char *const *names)
{
        size_t count = 0;
        for (; names[count]; count++) {
                assert_true(count < registry_count(fixture->registry));
                assert_string_equal(container_ref(registry_at(fixture->registry, count))->name, names[count]);
        }
        assert_int_equal(registry_count(fixture->registry), count);
}

static void test_discovery(void **state)
{
        (void)state;
        struct fixture fixture;
        size_t first;
        begin(&fixture);
        make_group(&fixture, "/a-b");
        make_group(&fixture, "/a");
        make_group(&fixture, "/a/x");
        make_group(&fixture, "/a.c");
        start(&fixture);
        /* children behind their parent, before what merely begins with its name */
        expect_order(&fixture, (const char *const[]){ "/", "/a", "/a/x", "/a-b", "/a.c", NULL });
        assert_int_equal(registry_descendants(fixture.registry, named(&fixture, "/a"), &first), 1);
        assert_int_equal(first, 2);
        assert_int_equal(registry_descendants(fixture.registry, named(&fixture, "/"), &first), 4);
        assert_int_equal(registry_descendants(fixture.registry, named(&fixture, "/a-b"), &first), 0);
        assert_null(named(&fixture, "a"));
        assert_null(named(&fixture, ""));
        assert_int_equal(fixture.created, 5);

        make_group(&fixture, "/new");
        make_group(&fixture, "/new/deep"); /* made before anybody watches /new */
        make_group(&fixture, "/new/deep/er");
        drain(&fixture);
        assert_string_equal(fixture.last, "+/new/deep/er");
        assert_int_equal(fixture.created, 8);
        remove_group(&fixture, "/new/deep");
        drain(&fixture);
        assert_string_equal(fixture.last, "-/new/deep");
        assert_int_equal(fixture.deleted, 2);
        assert_null(named(&fixture, "/new/deep/er"));
        assert_non_null(named(&fixture, "/new"));

        /* one that was made and removed before anybody looked: both are told */
        make_group(&fixture, "/short");
        remove_group(&fixture, "/short");
        drain(&fixture);
        assert_int_equal(fixture.created, 9);
        assert_int_equal(fixture.deleted, 3);
        struct registry_counters counters;
        registry_count_all(fixture.registry, &counters);
        assert_int_equal(counters.containers, 6);
        assert_int_equal(counters.watches, 6);
        assert_int_equal(counters.missed_created + counters.missed_deleted, 0);
        end(&fixture);
}

/* A directory whose watch is gone: only looking for itself finds what happened there. */
static void test_reconcile(void **state)
{
        (void)state;
        struct fixture fixture;
        struct registry_counters counters;
        begin(&fixture);
        make_group(&fixture, "/a");
        make_group(&fixture, "/a/old");
        start(&fixture);
        fixture.options.global_interval_ns = MINUTE;
        inotify_rm_watch(fixture.registry->inotify, named(&fixture, "/a")->watches[0]);
        drain(&fixture);
        make_group(&fixture, "/a/unseen");
        remove_group(&fixture, "/a/old");
        drain(&fixture);
        assert_null(named(&fixture, "/a/unseen"));
        assert_non_null(named(&fixture, "/a/old"));
        discovery_reconcile(fixture.registry); /* as after an overflow */
        drain(&fixture);
        assert_non_null(named(&fixture, "/a/unseen"));
        assert_null(named(&fixture, "/a/old"));
        registry_count_all(fixture.registry, &counters);
        assert_int_equal(counters.missed_created, 1);
        assert_int_equal(counters.missed_deleted, 1);
        make_group(&fixture, "/a/watched"); /* and the watch is there again */
        drain(&fixture);
        assert_non_null(named(&fixture, "/a/watched"));
        registry_count_all(fixture.registry, &counters);
        assert_int_equal(counters.missed_created, 1);
        end(&fixture);
}

/* Removed and made again while the queue overflowed: another group, whose samples are not mixed with the old one's. */
static void test_replaced_unseen(void **state)
{
        (void)state;
        struct fixture fixture;
        char lost[4096];
        begin(&fixture);
        fixture.options.no_root_stats = true;
        make_group(&fixture, "/a");
        make_group(&fixture, "/a/b");
        make_group(&fixture, "/same");
        start(&fixture);
        run_for(&fixture, 10 * SECOND);
        assert_true(named(&fixture, "/a")->ring.count > 1);
        size_t of_same = named(&fixture, "/same")->ring.count;
        remove_group(&fixture, "/a/b");
        remove_group(&fixture, "/a");
        make_group(&fixture, "/a");
        make_group(&fixture, "/a/b");
        while (read(fixture.registry->inotify, lost, sizeof(lost)) > 0)
                ;
        size_t made = fixture.created;
        size_t gone = fixture.deleted;
        fixture.registry->counters.watch_overflows++;
        discovery_reconcile(fixture.registry);
        drain(&fixture);
        assert_int_equal(fixture.deleted - gone, 2);
        assert_int_equal(fixture.created - made, 2);
        assert_true(named(&fixture, "/a")->ring.count <= 1);
        assert_true(named(&fixture, "/a/b")->ring.count <= 1);
        assert_int_equal(named(&fixture, "/same")->ring.count, of_same);
        make_group(&fixture, "/a/b/c"); /* the new ones are watched */
        drain(&fixture);
        assert_non_null(named(&fixture, "/a/b/c"));
        size_t watches = fixture.registry->watches.count;
        assert_int_equal(watches, 5);
        end(&fixture);
}

static void test_identity(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        make_group(&fixture, "/docker");
        make_group(&fixture, "/docker/" ID);
        make_group(&fixture, "/docker/" ID "/inner");
        make_group(&fixture, "/docker/" OTHER_ID);
        make_group(&fixture, "/sys-fs.mount");
        make_group(&fixture, "/machine.slice");
        make_group(&fixture, "/machine.slice/machine-box.scope");
        put(&fixture, "proc/77/environ", "SHOWN_A=1\0");
        put(&fixture, "sys/fs/cgroup/docker/" ID "/cgroup.procs", "77\n");
        put(&fixture, "var/lib/docker/containers/" ID "/config.v2.json",
                "{\"ID\":\"" ID "\",\"Name\":\"/web\",\"State\":{\"Running\":true,\"Pid\":77,"
                "\"StartedAt\":\"2026-01-02T03:04:05Z\"},\"Created\":\"2026-01-02T03:04:04Z\","
                "\"Config\":{\"Image\":\"nginx:1.25\",\"Labels\":{\"b\":\"2\",\"a\":\"1\"}}}");
        {
                char path[128];
                snprintf(path, sizeof(path), "%s/proc/77/environ", fixture.root);
                FILE *file = fopen(path, "w");
                assert_non_null(file);
                fwrite("HIDDEN=1\0SHOWN_A=x=y\0", 1, 21, file);
                fclose(file);
        }
        fixture.options.env_prefixes = (const char *const[]){ "SHOWN", NULL };
        start(&fixture);
        assert_null(named(&fixture, "/sys-fs.mount"));
        run_for(&fixture, 3 * SECOND);
        struct container *web = named(&fixture, "/docker/" ID);
        const struct container_ref *ref = container_ref(web);
        const struct container_spec *spec = container_spec(web);
        assert_string_equal(ref->id, ID);
        assert_string_equal(ref->name_space, "docker");
        assert_int_equal(ref->alias_count, 2);
        assert_string_equal(ref->aliases[0], "web");
        assert_string_equal(ref->aliases[1], ID);
        assert_string_equal(spec->image, "nginx:1.25");
        assert_int_equal(spec->label_count, 2);
        assert_string_equal(spec->labels[0].name, "a");
        assert_string_equal(spec->labels[1].value, "2");
        assert_int_equal(spec->env_count, 1);
        assert_string_equal(spec->envs[0].name, "shown_a");
        assert_string_equal(spec->envs[0].value, "x=y");
        assert_int_equal(container_identity(web)->engine, CONTAINER_DOCKER);
        assert_true(spec->has_network);
        /* what is inside a container is a plain group */
        ref = container_ref(named(&fixture, "/docker/" ID "/inner"));
        assert_string_equal(ref->id, "");
        assert_int_equal(ref->alias_count, 0);
        ref = container_ref(named(&fixture, "/machine.slice/machine-box.scope"));
        assert_string_equal(ref->aliases[0], "box");
        assert_int_equal(ref->alias_count, 1);

        assert_ptr_equal(registry_find_alias(fixture.registry, "docker", SV("web")), web);
        assert_ptr_equal(registry_find_alias(fixture.registry, NULL, SV(ID)), web);
        assert_ptr_equal(registry_find_alias(fixture.registry, "docker", SV("4a5b6c7d")), web);
        assert_null(registry_find_alias(fixture.registry, "docker", SV("4a5b6c7"))); /* two of them */
        assert_null(registry_find_alias(fixture.registry, "docker", SV("4a5")));
        assert_null(registry_find_alias(fixture.registry, "podman", SV("web")));
        assert_non_null(registry_find_alias(fixture.registry, NULL, SV("box")));
        end(&fixture);
}

/* A process in the network of another one, or in one of its own (0). */
static void put_process(const struct fixture *fixture, int pid, int shares)
{
        char from[256], to[256], path[64];
        snprintf(path, sizeof(path), "proc/%d/ns/net", pid);
        put(fixture, path, "");
        if (!shares)
                return;
        snprintf(from, sizeof(from), "%s/proc/%d/ns/net", fixture->root, shares);
        snprintf(to, sizeof(to), "%s/%s", fixture->root, path);
        assert_int_equal(unlink(to), 0);
        assert_int_equal(link(from, to), 0);
}

/* A network is a group's when all its processes live in it: one of a session that was put elsewhere, though it has the
 * lowest number, does not make it the session's. */
static void test_own_network(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        put(&fixture, "proc/self/ns/net", "");
        put(&fixture, "proc/1/ns/net", "");
        char host[256], self[256];
        snprintf(host, sizeof(host), "%s/proc/1/ns/net", fixture.root);
        snprintf(self, sizeof(self), "%s/proc/self/ns/net", fixture.root);
        assert_int_equal(unlink(host), 0);
        assert_int_equal(link(self, host), 0);
        put_process(&fixture, 20, 1);
        put_process(&fixture, 30, 0);
        put_process(&fixture, 31, 30);
        put_process(&fixture, 40, 0);
        static const struct {
                const char *name, *processes;
                bool own;
        } groups[] = {
                { "/private", "30\n31\n", true },
                { "/host", "20\n", false },
                { "/session", "30\n31\n20\n", false },
                { "/two", "30\n40\n", false },
                { "/unseen", "30\n99\n", true }, /* 99 is gone by then */
                { "/slice", "", false },
                { "/slice/a", "30\n", true },
                { "/slice/b", "20\n", false },
                { "/delegated", "", true },
                { "/delegated/a", "30\n", false }, /* read above */
                { "/delegated/b", "31\n", false },
        };
        char path[128];
        for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
                make_group(&fixture, groups[i].name);
                snprintf(path, sizeof(path), "sys/fs/cgroup%s/cgroup.procs", groups[i].name);
                put(&fixture, path, groups[i].processes);
        }
        start(&fixture);
        run_for(&fixture, 3 * MINUTE);
        for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
                if (sample_has_network(named(&fixture, groups[i].name)) != groups[i].own)
                        fail_msg("%s: %s", groups[i].name, groups[i].own ? "has a network of its own" : "has none");
        end(&fixture);
}

/* What changes while a container lives is known soon, though its interval has backed off. */
static void test_changes(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        make_group(&fixture, "/docker");
        make_group(&fixture, "/docker/" ID);
        put(&fixture, "var/lib/docker/containers/" ID "/config.v2.json",
                "{\"ID\":\"" ID "\",\"Name\":\"/web\",\"Config\":{\"Image\":\"nginx\"}}");
        fixture.options.dynamic = true;
        fixture.options.global_interval_ns = MINUTE;
        start(&fixture);
        run_for(&fixture, 10 * MINUTE);
        struct container *web = named(&fixture, "/docker/" ID);
        assert_int_equal(web->interval_ns, MINUTE);
        assert_string_equal(container_ref(web)->aliases[0], "web");
        assert_int_equal(container_spec(web)->limits.memory_limit, 104857600);

        put(&fixture, "sys/fs/cgroup/docker/" ID "/memory.max", "52428800\n");
        run_for(&fixture, 2 * SECOND);
        assert_int_equal(container_spec(web)->limits.memory_limit, 52428800);

        put(&fixture, "var/lib/docker/containers/" ID "/config.v2.json",
                "{\"ID\":\"" ID "\",\"Name\":\"/other\",\"Config\":{\"Image\":\"nginx\"}}");
        run_for(&fixture, MINUTE + SECOND);
        assert_string_equal(container_ref(web)->aliases[0], "other");
        assert_ptr_equal(registry_find_alias(fixture.registry, "docker", SV("other")), web);
        assert_null(registry_find_alias(fixture.registry, "docker", SV("web")));
        end(&fixture);
}

/* A hierarchy that is mounted later. */
static void test_mounted_later(void **state)
{
        (void)state;
        struct fixture fixture;
        struct arena arena;
        struct container_stats stats;
        begin(&fixture);
        make_group(&fixture, "/a");
        fixture.options.global_interval_ns = MINUTE;
        fixture.options.kinds |= 1u << METRIC_PROCESS;
        start(&fixture);
        run_for(&fixture, SECOND);
        put(&fixture, "sys/fs/cgroup/pids/a/pids.current", "7\n");
        put(&fixture, "sys/fs/cgroup/pids/alone/pids.current", "8\n");
        put(&fixture, "proc/self/mountinfo",
                "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
                "31 23 0:27 / /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids\n");
        run_for(&fixture, 2 * MINUTE + SECOND);
        assert_non_null(named(&fixture, "/alone"));
        arena_init(&arena, 1 << 20);
        assert_true(container_latest(named(&fixture, "/a"), &arena, &stats));
        assert_true(stats.cgroup.has_pids);
        assert_int_equal(stats.cgroup.pids, 7);
        assert_int_equal(fixture.registry->mounts.count, 2);
        make_group(&fixture, "/pids/young"); /* its directories are watched */
        run_for(&fixture, SECOND);
        assert_non_null(named(&fixture, "/young"));
        arena_done(&arena);
        end(&fixture);
}

static void test_filters(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        make_group(&fixture, "/docker");
        make_group(&fixture, "/docker/" ID);
        make_group(&fixture, "/system.slice");
        make_group(&fixture, "/system.slice/a.service");
        make_group(&fixture, "/user.slice");
        fixture.options.docker_only = true;
        start(&fixture);
        expect_order(&fixture, (const char *const[]){ "/", "/docker/" ID, NULL });
        make_group(&fixture, "/docker/" OTHER_ID); /* below a group that is not shown */
        drain(&fixture);
        assert_int_equal(registry_count(fixture.registry), 3);
        assert_int_equal(fixture.created, 3);
        remove_group(&fixture, "/system.slice");
        drain(&fixture);
        assert_int_equal(fixture.deleted, 0);
        make_group(&fixture, "/system.slice");
        make_group(&fixture, "/system.slice/a.service");
        registry_free(fixture.registry);
        loop_free(fixture.loop);
        close(fixture.options.root);
        close(fixture.options.proc);
        fixture.options.raw_prefixes = (const char *const[]){ "/system.slice/", NULL };
        start(&fixture);
        expect_order(&fixture,
                (const char *const[]){ "/", "/docker/" ID, "/docker/" OTHER_ID, "/system.slice/a.service", NULL });
        end(&fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_discovery),
                cmocka_unit_test(test_reconcile),
                cmocka_unit_test(test_replaced_unseen),
                cmocka_unit_test(test_identity),
                cmocka_unit_test(test_own_network),
                cmocka_unit_test(test_changes),
                cmocka_unit_test(test_mounted_later),
                cmocka_unit_test(test_filters),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
