/* Deletion events: the status where the engine notes it, told a moment later when it is written a moment later, and
 * always in their order. */
#include "metrics_tree.h"

#include "base/timefmt.h"
#include "linux/container_state.h"

#include <sys/ioctl.h>

#define ID "4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d"

static void put_docker_state(const struct fixture *fixture, const char *state, int64_t finished_ns, const char *status)
{
        char text[512];
        char when[TIME_TEXT_MAX];
        time_format_rfc3339(finished_ns, when);
        snprintf(text, sizeof(text),
                "{\"ID\":\"" ID "\",\"Name\":\"/web\",\"State\":{%s,\"Pid\":0,\"ExitCode\":%s,\"FinishedAt\":\"%s\"},"
                "\"Config\":{\"Image\":\"nginx\"}}",
                state, status, when);
        put(fixture, "var/lib/docker/containers/" ID "/config.v2.json", text);
}

static void put_docker(const struct fixture *fixture, bool running, int64_t finished_ns, const char *status)
{
        put_docker_state(fixture, running ? "\"Running\":true" : "\"Running\":false", finished_ns, status);
}

static void begin_docker(struct fixture *fixture)
{
        begin(fixture);
        make_group(fixture, "/docker");
        make_group(fixture, "/docker/" ID);
        make_group(fixture, "/plain");
        put_docker(fixture, true, 0, "0");
        start(fixture);
        run_for(fixture, 2 * SECOND);
        fixture->events = 0;
}

static int64_t unix_now(struct fixture *fixture)
{
        return fixture_unix_ns(fixture);
}

static void a_status_that_is_there(void **state)
{
        (void)state;
        struct fixture fixture;
        begin_docker(&fixture);
        put_docker(&fixture, false, unix_now(&fixture), "137");
        remove_group(&fixture, "/docker/" ID);
        drain(&fixture);
        assert_int_equal(fixture.events, 1);
        assert_int_equal(fixture.told[0].kind, EVENT_DELETION);
        assert_string_equal(fixture.told[0].container, "/docker/" ID);
        assert_int_equal(fixture.told[0].exit_code, 137);
        end(&fixture);
}

static void a_status_that_comes_a_moment_later(void **state)
{
        (void)state;
        struct fixture fixture;
        begin_docker(&fixture);
        remove_group(&fixture, "/docker/" ID);
        drain(&fixture);
        const int64_t went_ns = unix_now(&fixture);
        assert_int_equal(fixture.events, 0);
        remove_group(&fixture, "/plain"); /* waits behind it */
        run_for(&fixture, 300 * MILLISECOND);
        assert_int_equal(fixture.events, 0);
        assert_int_equal(fixture.deleted, 2); /* gone are they at once */
        put_docker(&fixture, false, went_ns, "3");
        run_for(&fixture, 200 * MILLISECOND);
        assert_int_equal(fixture.events, 2);
        assert_string_equal(fixture.told[0].container, "/docker/" ID);
        assert_int_equal(fixture.told[0].exit_code, 3);
        assert_true(fixture.told[0].time_ns <= went_ns); /* when it happened */
        assert_string_equal(fixture.told[1].container, "/plain");
        assert_int_equal(fixture.told[1].exit_code, -1);
        assert_false(fixture.registry->deletions_timer);
        end(&fixture);
}

static void a_status_that_never_comes(void **state)
{
        (void)state;
        struct fixture fixture;
        begin_docker(&fixture);
        put_docker(&fixture, false, unix_now(&fixture) - HOUR, "9"); /* of a run before this one */
        remove_group(&fixture, "/docker/" ID);
        drain(&fixture);
        run_for(&fixture, 900 * MILLISECOND);
        assert_int_equal(fixture.events, 0);
        run_for(&fixture, 300 * MILLISECOND);
        assert_int_equal(fixture.events, 1);
        assert_int_equal(fixture.told[0].exit_code, -1);
        end(&fixture);
}

static void a_container_whose_files_are_gone(void **state)
{
        (void)state;
        struct fixture fixture;
        begin_docker(&fixture);
        remove_below(&fixture, "var/lib/docker/containers/" ID);
        remove_group(&fixture, "/docker/" ID);
        drain(&fixture);
        assert_int_equal(fixture.events, 1); /* nothing to wait for */
        assert_int_equal(fixture.told[0].exit_code, -1);
        end(&fixture);
}

static void one_that_starts_again_at_once(void **state)
{
        (void)state;
        struct fixture fixture;
        begin_docker(&fixture);
        remove_group(&fixture, "/docker/" ID);
        drain(&fixture);
        assert_int_equal(fixture.events, 0);
        make_group(&fixture, "/docker/" ID);
        drain(&fixture);
        assert_int_equal(fixture.events, 2);
        assert_int_equal(fixture.told[0].kind, EVENT_DELETION);
        assert_int_equal(fixture.told[1].kind, EVENT_CREATION);
        end(&fixture);
}

/* A restart policy: Docker says that it runs, and is about to start it again. */
static void one_that_its_engine_will_start_again(void **state)
{
        (void)state;
        struct fixture fixture;
        begin_docker(&fixture);
        put_docker_state(&fixture, "\"Running\":true,\"Restarting\":true", unix_now(&fixture), "7");
        remove_group(&fixture, "/docker/" ID);
        drain(&fixture);
        assert_int_equal(fixture.events, 1);
        assert_int_equal(fixture.told[0].exit_code, 7);
        end(&fixture);
}

static void plain_groups_do_not_wait(void **state)
{
        (void)state;
        struct fixture fixture;
        begin_docker(&fixture);
        remove_group(&fixture, "/plain");
        drain(&fixture);
        assert_int_equal(fixture.events, 1);
        assert_int_equal(fixture.told[0].exit_code, -1);
        remove_group(&fixture, "/docker/" ID); /* waits when the registry ends: nothing is left behind */
        drain(&fixture);
        assert_int_equal(fixture.events, 1);
        end(&fixture);
}

static void what_waits_is_told_before_the_end(void **state)
{
        (void)state;
        struct fixture fixture;
        begin_docker(&fixture);
        remove_group(&fixture, "/docker/" ID);
        remove_group(&fixture, "/plain");
        drain(&fixture);
        assert_int_equal(fixture.events, 0);
        registry_tell_waiting(fixture.registry);
        assert_int_equal(fixture.events, 2);
        assert_string_equal(fixture.told[0].container, "/docker/" ID);
        run_for(&fixture, 2 * SECOND);
        assert_int_equal(fixture.events, 2);
        assert_false(fixture.registry->deletions_timer);
        end(&fixture);
}

static void a_file_that_is_there_for_a_moment(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        make_group(&fixture, "/libpod_parent");
        put(&fixture, "var/lib/containers/storage/overlay-containers/containers.json",
                "[{\"id\":\"" ID "\",\"names\":[\"job\"]}]");
        put(&fixture, "run/libpod/exits/other", "1");
        start(&fixture);
        for (int run = 0; run < 2;
                run++) { /* in the second nothing is written: the first one's status is not told again */
                make_group(&fixture, "/libpod_parent/libpod-" ID);
                run_for(&fixture, 3 * SECOND);
                assert_int_equal(fixture.registry->exit_directory_count, 1);
                fixture.events = 0;
                if (run == 0) {
                        put(&fixture, "run/libpod/exits/" ID, "9");
                        drain(&fixture);
                        remove_below(&fixture, "run/libpod/exits/" ID);
                }
                remove_group(&fixture, "/libpod_parent/libpod-" ID);
                drain(&fixture);
                assert_int_equal(fixture.events, 1); /* it does not wait */
                assert_int_equal(fixture.told[0].exit_code, run == 0 ? 9 : -1);
        }
        remove_below(&fixture, "run/libpod/exits"); /* the directory goes, with what is kept of it */
        drain(&fixture);
        assert_int_equal(fixture.registry->exit_directory_count, 0);
        end(&fixture);
}

#define OF_USER "5b6c7d8e5b6c7d8e5b6c7d8e5b6c7d8e5b6c7d8e5b6c7d8e5b6c7d8e5b6c7d8e"

static uid_t some_user(void)
{
        return getuid() ? getuid() : 1000;
}

static void give_to_user(const struct fixture *fixture, const char *path)
{
        char full[512];
        snprintf(full, sizeof(full), "%s/%s", fixture->root, path);
        assert_int_equal(lchown(full, some_user(), (gid_t)-1), 0);
}

static void put_of_user(const struct fixture *fixture, const char *path, const char *text)
{
        put(fixture, path, text);
        give_to_user(fixture, path);
}

/* The system's podman has ID, a user's has OF_USER; the user's directory of statuses is at `exits`. */
static void begin_two_podmans(struct fixture *fixture, char exits[128], char group[200])
{
        char text[256];
        const unsigned uid = some_user();
        begin(fixture);
        make_group(fixture, "/libpod_parent");
        make_group(fixture, "/user.slice");
        snprintf(group, 200, "/user.slice/user-%u.slice", uid);
        make_group(fixture, group);
        snprintf(group, 200, "/user.slice/user-%u.slice/libpod-" OF_USER ".scope", uid);
        snprintf(text, sizeof(text), "user:x:%u:%u::/home/user:/bin/sh\n", uid, uid);
        put(fixture, "etc/passwd", text);
        put(fixture, "var/lib/containers/storage/overlay-containers/containers.json",
                "[{\"id\":\"" ID "\",\"names\":[\"job\"]}]");
        put_of_user(fixture, "home/user/.local/share/containers/storage/overlay-containers/containers.json",
                "[{\"id\":\"" OF_USER "\",\"names\":[\"theirs\"]}]");
        snprintf(exits, 128, "run/user/%u/libpod/tmp/exits", uid);
        put(fixture, "run/libpod/exits/other", "1");
}

static void a_user_tells_of_no_one_elses_containers(void **state)
{
        (void)state;
        struct fixture fixture;
        char exits[128];
        char path[256];
        char group[200];
        begin_two_podmans(&fixture, exits, group);
        snprintf(path, sizeof(path), "%s/other", exits);
        put_of_user(&fixture, path, "1");
        give_to_user(&fixture, exits);
        start(&fixture);
        make_group(&fixture, group);
        make_group(&fixture, "/libpod_parent/libpod-" ID);
        make_group(&fixture, "/docker");
        make_group(&fixture, "/docker/" ID);
        put_docker(&fixture, false, unix_now(&fixture), "3");
        run_for(&fixture, 3 * SECOND);
        assert_int_equal(fixture.registry->exit_directory_count, 2);
        fixture.events = 0;
        put(&fixture, "run/libpod/exits/" ID, "9");
        drain(&fixture);
        snprintf(path, sizeof(path), "%s/" ID, exits);
        put_of_user(&fixture, path, "0"); /* not theirs */
        snprintf(path, sizeof(path), "%s/" OF_USER, exits);
        put_of_user(&fixture, path, "5");
        drain(&fixture);
        remove_group(&fixture, "/libpod_parent/libpod-" ID);
        remove_group(&fixture, group);
        remove_group(&fixture, "/docker/" ID);
        drain(&fixture);
        assert_int_equal(fixture.events, 3);
        for (size_t i = 0; i < 3; i++) {
                const char *name = fixture.told[i].container;
                const int wanted = strcmp(name, group) == 0 ? 5 : strcmp(name, "/docker/" ID) == 0 ? 3 : 9;
                assert_int_equal(fixture.told[i].exit_code, wanted);
        }
        end(&fixture);
}

static void a_users_link_leads_nowhere(void **state)
{
        (void)state;
        struct fixture fixture;
        char exits[128];
        char path[256];
        char group[200];
        if (getuid() != 0)
                skip(); /* needs root: else all files are the same user's */
        begin_two_podmans(&fixture, exits, group);
        snprintf(path, sizeof(path), "run/user/%u/libpod/other", some_user());
        put(&fixture, path, "");
        snprintf(path, sizeof(path), "%s/run/user/%u/libpod/tmp", fixture.root, some_user());
        assert_int_equal(symlink("../../../libpod", path), 0);
        start(&fixture);
        make_group(&fixture, group);
        run_for(&fixture, 3 * SECOND);
        assert_non_null(named(&fixture, group));
        assert_int_equal(fixture.registry->exit_directory_count, 0);
        make_group(&fixture, "/libpod_parent/libpod-" ID);
        run_for(&fixture, 3 * SECOND);
        fixture.events = 0;
        put(&fixture, "run/libpod/exits/" ID, "9");
        drain(&fixture);
        remove_group(&fixture, "/libpod_parent/libpod-" ID);
        drain(&fixture);
        assert_int_equal(fixture.told[0].exit_code, 9);
        end(&fixture);
}

/* Who writes without an end is served by the piece. */
static void many_statuses_do_not_hold_the_loop(void **state)
{
        (void)state;
        struct fixture fixture;
        int waiting = 0;
        begin(&fixture);
        make_group(&fixture, "/libpod_parent");
        put(&fixture, "var/lib/containers/storage/overlay-containers/containers.json",
                "[{\"id\":\"" ID "\",\"names\":[\"job\"]}]");
        put(&fixture, "run/libpod/exits/other", "1");
        start(&fixture);
        make_group(&fixture, "/libpod_parent/libpod-" ID);
        run_for(&fixture, 3 * SECOND);
        for (int i = 0; i < 600; i++) {
                char path[128];
                snprintf(path, sizeof(path), "run/libpod/exits/%060d", i);
                put(&fixture, path, "1");
        }
        fixture.clock.manual = true;
        assert_true(loop_run_once(fixture.loop, 0, NULL) > 0);
        assert_int_equal(ioctl(fixture.registry->exits_inotify, FIONREAD, &waiting), 0);
        assert_true(waiting > 0);
        drain(&fixture);
        assert_int_equal(ioctl(fixture.registry->exits_inotify, FIONREAD, &waiting), 0);
        assert_int_equal(waiting, 0);
        end(&fixture);
}

static int status_of(
        const struct fixture *fixture, enum container_engine engine, uint32_t owner, int64_t since_ns, int *ret)
{
        const struct container_places places = { .root = fixture->options.root };
        struct container_identity identity = { .engine = engine, .owner_uid = owner, .id = ID };
        struct arena arena;
        struct error err;
        arena_init(&arena, CONTAINER_STATE_MEMORY);
        int status = container_state_exit(&places, &identity, since_ns, &arena, ret, &err);
        arena_done(&arena);
        return status < 0 ? (int)err.code : 0;
}

static void what_conmon_writes(void **state)
{
        (void)state;
        struct fixture fixture;
        int status = -7;
        begin(&fixture);
        start(&fixture);
        const int64_t now_ns = time_unix_ns();
        assert_int_equal(status_of(&fixture, CONTAINER_PODMAN, UINT32_MAX, 0, &status), E_UNAVAILABLE);
        put(&fixture, "run/libpod/exits/" ID, "42");
        assert_int_equal(status_of(&fixture, CONTAINER_PODMAN, UINT32_MAX, now_ns - MINUTE, &status), 0);
        assert_int_equal(status, 42);
        assert_int_equal(status_of(&fixture, CONTAINER_PODMAN, UINT32_MAX, now_ns + HOUR, &status), E_UNAVAILABLE);
        put(&fixture, "run/libpod/exits/" ID, "");
        assert_int_equal(status_of(&fixture, CONTAINER_PODMAN, UINT32_MAX, 0, &status), E_UNAVAILABLE);
        put(&fixture, "run/libpod/exits/" ID, "256");
        assert_int_equal(status_of(&fixture, CONTAINER_PODMAN, UINT32_MAX, 0, &status), E_CORRUPT);
        put(&fixture, "run/libpod/exits/" ID, "no");
        assert_int_equal(status_of(&fixture, CONTAINER_PODMAN, UINT32_MAX, 0, &status), E_CORRUPT);
        put(&fixture, "run/crio/exits/" ID, "1\n");
        assert_int_equal(status_of(&fixture, CONTAINER_CRIO, UINT32_MAX, 0, &status), 0);
        assert_int_equal(status, 1);
        /* of a user: only a file of that user's counts */
        put(&fixture, "run/user/1000/libpod/tmp/exits/" ID, "5");
        assert_int_equal(status_of(&fixture, CONTAINER_PODMAN, 1000, 0, &status), getuid() == 1000 ? 0 : E_UNAVAILABLE);
        assert_int_equal(status_of(&fixture, CONTAINER_CONTAINERD, UINT32_MAX, 0, &status), E_UNSUPPORTED);
        end(&fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(a_status_that_is_there),
                cmocka_unit_test(a_status_that_comes_a_moment_later), cmocka_unit_test(a_status_that_never_comes),
                cmocka_unit_test(a_container_whose_files_are_gone), cmocka_unit_test(one_that_starts_again_at_once),
                cmocka_unit_test(plain_groups_do_not_wait), cmocka_unit_test(what_waits_is_told_before_the_end),
                cmocka_unit_test(what_conmon_writes), cmocka_unit_test(one_that_its_engine_will_start_again),
                cmocka_unit_test(a_file_that_is_there_for_a_moment),
                cmocka_unit_test(a_user_tells_of_no_one_elses_containers), cmocka_unit_test(a_users_link_leads_nowhere),
                cmocka_unit_test(many_statuses_do_not_hold_the_loop) };
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
