/* The agent's watch as its readers see it over HTTP, with the answers taken down by the test instead of being sent. */
#include "event_store_fixture.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "modules/watch/watch_module.h"
#include "schema/field.h"
#include "schema/json.h"

#include <spawn.h>

enum { EVENTS = 400, DETAIL = 100 << 10, LIMIT = 10000, CHILDREN = 800, FILE_MAX = 2048 };

/* ---- what service.c does otherwise ---- */

static struct buf answer;
static bool slow; /* the reader takes nothing */
static int answer_status;
static const char *query_after;

const char *request_query(const struct request *request, const char *name)
{
        (void)request;
        return strcmp(name, "after") == 0 ? query_after : NULL;
}

const char *request_header(const struct request *request, const char *name)
{
        (void)request;
        (void)name;
        return NULL;
}

int request_parameters(const struct request *request, const struct record *record, void *ret, struct arena *arena,
        struct error *ret_err)
{
        (void)request;
        cleanup(json_decref) json_t *object = json_pack("{s:i}", "limit", LIMIT);
        return record_read(record, object, ret, arena, READ_STRICT, ret_err);
}

void request_reply(struct request *request, int status, const char *content_type, struct sv body)
{
        (void)request;
        (void)content_type;
        answer_status = status;
        buf_clear(&answer);
        buf_append(&answer, body.p, body.n);
}

void request_fail(struct request *request, const struct error *why)
{
        (void)request;
        fail_msg("%s", why->message);
}

void request_head(struct request *request, int status, const char *content_type)
{
        (void)request;
        (void)content_type;
        answer_status = status;
}

size_t request_write(struct request *request, struct sv bytes)
{
        (void)request;
        if (slow)
                return 0;
        buf_append(&answer, bytes.p, bytes.n);
        return bytes.n;
}

void request_end(struct request *request)
{
        (void)request;
        answer_status = -1;
}

static char logged[4096];

void service_log(struct service *service, const char *format, ...)
{
        size_t length = strlen(logged);
        va_list args;
        (void)service;
        va_start(args, format);
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started */
        vsnprintf(logged + length, sizeof(logged) - length, format, args);
        va_end(args);
}

void service_alert(struct service *service, struct sv json)
{
        (void)service;
        (void)json;
}

/* ---- tests ---- */

static void (*handler_of(const char *path))(struct service *, struct request *)
{
        const struct route *route = watch_routes;
        while (strcmp(route->path, path) != 0)
                route++;
        return route->handle;
}

/* A list that grows too long is cut, and goes on behind its cursor with the event that found no room. */
static void test_a_cut_list_goes_on_where_it_was_cut(void **state)
{
        (void)state;
        struct watch_service watch = { .watch.root = AT_FDCWD };
        struct service service = { .state = &watch, .state_directory = directory, .loop = loop_new(NULL, &err) };
        struct request request = { .service = &service };
        char *detail = calloc(1, DETAIL + 1);
        assert_non_null(service.loop);
        assert_non_null(detail);
        memset(detail, 'x', DETAIL);
        watch.service = &service;
        watch.store = open_store(&small);
        for (int i = 0; i < EVENTS; i++) {
                struct event event = {
                        .time_ns = FIXTURE_START + i, .type = EVENT_SYSCALL, .has_audit = true, .audit.detail = detail
                };
                assert_true(event_store_append(watch.store, &event, FIXTURE_START, NULL));
        }
        buf_init(&answer, 64 * MIB);
        char after[24] = "0";
        size_t got = 0, lists = 0;
        uint64_t next = 1;
        for (bool more = true; more; lists++) {
                query_after = after;
                answer_status = 0;
                handler_of("/events")(&service, &request);
                while (answer_status == 0)
                        assert_true(loop_run_once(service.loop, 0, NULL) >= 0);
                assert_int_equal(answer_status, 200);
                cleanup(json_decref) json_t *list = json_loadb(answer.data, answer.len, 0, NULL);
                assert_non_null(list);
                size_t i;
                json_t *event;
                json_array_foreach(json_object_get(list, "events"), i, event)
                        assert_int_equal(json_integer_value(json_object_get(event, "id")), next++);
                got += i;
                more = json_is_true(json_object_get(list, "more"));
                snprintf(after, sizeof(after), "%lld", json_integer_value(json_object_get(list, "cursor")));
        }
        assert_int_equal(got, EVENTS);
        assert_true(lists > 1);
        event_store_close(watch.store);
        loop_free(service.loop);
        buf_done(&answer);
        free(detail);
}

/* A reader that was too slow is told how much it missed as soon as it reads again, whether anything happens or not. */
static void test_a_slow_reader_is_told_what_it_missed(void **state)
{
        (void)state;
        struct watch_service watch = { .watch.root = AT_FDCWD };
        struct service service = { .state = &watch, .state_directory = directory, .loop = loop_new(NULL, &err) };
        struct request request = { .service = &service };
        char *json = malloc(DETAIL);
        assert_non_null(service.loop);
        assert_non_null(json);
        memset(json, 'x', DETAIL);
        watch.service = &service;
        buf_init(&answer, 64 * MIB);
        handler_of("/stream")(&service, &request);
        const struct event event = { .id = 1, .type = EVENT_SYSCALL };
        slow = true;
        for (int i = 0; i < 100; i++)
                watch_followers_take(&watch, &event, sv_n(json, DETAIL));
        slow = false;
        assert_true(watch.follower_drops > 0);
        request.on_credit(&request);
        char told[64];
        snprintf(told, sizeof(told), "event: dropped\ndata: {\"dropped\":%llu}\n\n",
                (unsigned long long)watch.follower_drops);
        assert_true(sv_ends(sv_n(answer.data, answer.len), sv_of(told)));
        size_t length = answer.len;
        request.on_credit(&request); /* once */
        assert_int_equal(answer.len, length);
        watch_followers_end(&watch);
        loop_free(service.loop);
        buf_done(&answer);
        free(json);
}

static size_t ends_told(void)
{
        const char *type = "\"type\":\"exit\"";
        char of_us[32];
        size_t count = 0;
        struct sv rest = sv_n(answer.data, answer.len), line;
        snprintf(of_us, sizeof(of_us), "\"ppid\":%d,", getpid());
        while (rest.n && sv_line(&rest, &line))
                count += memmem(line.p, line.n, type, strlen(type)) && memmem(line.p, line.n, of_us, strlen(of_us));
        return count;
}

/* What the connector lost, of a machine that had much to do: it is counted, and not this test's matter. */
static size_t lost_before(const struct watch_service *watch)
{
        struct watch_statistics statistics;
        watch_count(&watch->watch, &statistics);
        return (size_t)(statistics.lost + statistics.raw_lost + statistics.queue_lost);
}

/* The disk takes nothing: who follows sees everything all the same, and at the end it is told what could not be kept.
 */
static void test_a_full_disk(void **state)
{
        (void)state;
        struct loop *loop = loop_new(NULL, &err);
        const struct watch_config config = { .settings = { .source = 3, .delete_delay_ns = SECOND } };
        struct service service = { .config = &config, .state_directory = directory, .loop = loop };
        struct request request = { .service = &service };
        struct rlimit before, full;
        if (geteuid() != 0 || watch_start(&service, &err) < 0) {
                print_message("skipped: needs root in the initial namespaces\n");
                skip();
        }
        struct watch_service *watch = service.state;
        struct event_store_counters store;
        buf_init(&answer, 64 * MIB);
        query_after = NULL;
        handler_of("/stream")(&service, &request);
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        full = (struct rlimit){ FILE_MAX, before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
        static char *const true_argv[] = { (char *)(uintptr_t) "true", NULL };
        for (int i = 0; i < CHILDREN; i++) { /* not by fork, which is slow in a large process */
                pid_t child;
                assert_int_equal(posix_spawn(&child, "/bin/true", NULL, NULL, true_argv, NULL), 0);
                assert_int_equal(waitpid(child, NULL, 0), child);
                assert_true(loop_run_once(loop, 0, NULL) >= 0);
        }
        int64_t until_ns = time_monotonic_ns() + 30 * SECOND;
        while (ends_told() + lost_before(watch) < CHILDREN && time_monotonic_ns() < until_ns)
                assert_true(loop_run_once(loop, 10 * MILLISECOND, NULL) >= 0);
        event_store_count(watch->store, &store);
        assert_true(store.lost > 0);
        assert_in_range(ends_told() + lost_before(watch), CHILDREN, CHILDREN + lost_before(watch));
        watch_stop(&service);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_non_null(strstr(logged, " events could not be kept: "));
        loop_free(loop);
        buf_done(&answer);
}

/* The tree keeps command lines whole; what it shows has no secrets, as in events. */
static void test_the_tree_shows_no_secrets(void **state)
{
        (void)state;
        struct loop *loop = loop_new(NULL, &err);
        const struct watch_config config = { .settings = { .source = 3, .delete_delay_ns = SECOND } };
        struct service service = { .config = &config, .state_directory = directory, .loop = loop };
        struct request request = { .service = &service };
        int hold[2], ready[2];
        char byte;
        assert_int_equal(pipe(hold), 0);
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
                dup2(hold[0], 0);
                dup2(ready[1], 1);
                close(hold[1]);
                execl("/bin/sh", "sh", "-c", "echo; read x", "sh", "--user=ann", "--password=hunter2", NULL);
                _exit(127);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1); /* it has executed */
        bool started = geteuid() == 0 && watch_start(&service, &err) == 0;
        if (started) {
                buf_init(&answer, 64 * MIB);
                query_after = NULL;
                handler_of("/tree")(&service, &request);
                assert_non_null(strstr(buf_text(&answer), "--user=ann"));
                assert_null(strstr(buf_text(&answer), "hunter2"));
                watch_stop(&service);
                buf_done(&answer);
        }
        close(hold[1]);
        waitpid(child, NULL, 0);
        close(hold[0]);
        close(ready[0]);
        close(ready[1]);
        loop_free(loop);
        if (!started) {
                print_message("skipped: needs root in the initial namespaces\n");
                skip();
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                STORE_TEST(test_a_cut_list_goes_on_where_it_was_cut),
                STORE_TEST(test_a_slow_reader_is_told_what_it_missed),
                STORE_TEST(test_a_full_disk),
                STORE_TEST(test_the_tree_shows_no_secrets),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
