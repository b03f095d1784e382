/* What happened to containers: asked for by kind, time and container, bounded by age, count and bytes. */
#include "modules/metrics/collect/events.h"

#include "base/timefmt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct listing {
        size_t count;
        char text[4096];
};

static int list(const struct container_event *event, void *cookie)
{
        struct listing *listing = cookie;
        size_t n = strlen(listing->text);
        snprintf(listing->text + n, sizeof(listing->text) - n, "%s:%s ", event_kind_names[event->kind],
                event->container);
        listing->count++;
        return 0;
}

static void happen(struct event_store *store, int64_t time_ns, enum event_kind kind, const char *container)
{
        struct container_event event = { .time_ns = time_ns, .kind = kind, .container = container };
        assert_int_equal(event_store_add(store, &event, time_ns, NULL), 0);
}

static void test_event_filter(void **state)
{
        (void)state;
        struct event_store store;
        struct metrics_options options = { 0 };
        for (size_t i = 0; i < EVENT_KINDS; i++) {
                options.event_age_ns[i] = DAY;
                options.event_count[i] = 1000;
        }
        event_store_init(&store, &options);
        int64_t now_ns = 1700000000 * SECOND;
        for (int i = 0; i < 5; i++)
                happen(&store, now_ns + i, EVENT_CREATION, i == 0 ? "/web" : "/noise");
        happen(&store, now_ns + 7, EVENT_DELETION, "/web/child");
        happen(&store, now_ns + 6, EVENT_CREATION, "/website");
        /* cut after it is filtered: the oldest of five creations is the only one that fits */
        struct listing listing = { 0 };
        struct event_query query = { .container = "/web", .kinds = 1u << EVENT_CREATION, .max = 2 };
        event_store_ask(&store, &query, now_ns + 10, list, &listing);
        assert_string_equal(listing.text, "containerCreation:/web ");
        query.subcontainers = true;
        query.kinds = ~0u;
        listing = (struct listing){ 0 };
        event_store_ask(&store, &query, now_ns + 10, list, &listing);
        assert_string_equal(listing.text, "containerCreation:/web containerDeletion:/web/child ");
        query = (struct event_query){ .kinds = ~0u, .max = 3 };
        listing = (struct listing){ 0 };
        event_store_ask(&store, &query, now_ns + 10, list, &listing); /* the newest, in the order of time */
        assert_string_equal(
                listing.text, "containerCreation:/noise containerCreation:/website containerDeletion:/web/child ");
        query = (struct event_query){ .kinds = ~0u, .start_ns = now_ns + 2, .end_ns = now_ns + 3 };
        listing = (struct listing){ 0 };
        event_store_ask(&store, &query, now_ns + 10, list, &listing);
        assert_int_equal(listing.count, 2);
        query = (struct event_query){ .kinds = 0 };
        listing = (struct listing){ 0 };
        event_store_ask(&store, &query, now_ns + 10, list, &listing);
        assert_int_equal(listing.count, 0);
        event_store_done(&store);
}

static void test_event_limits(void **state)
{
        (void)state;
        struct event_store store;
        struct metrics_options options = { 0 };
        for (size_t i = 0; i < EVENT_KINDS; i++) {
                options.event_age_ns[i] = DAY;
                options.event_count[i] = 1000000;
        }
        options.event_count[EVENT_CREATION] = 10;
        options.event_age_ns[EVENT_DELETION] = MINUTE;
        event_store_init(&store, &options);
        int64_t now_ns = 1700000000 * SECOND;
        for (int i = 0; i < 100; i++) {
                happen(&store, now_ns + i * SECOND, EVENT_CREATION, "/a");
                happen(&store, now_ns + i * SECOND, EVENT_DELETION, "/a");
        }
        now_ns += 99 * SECOND;
        struct listing listing = { 0 };
        event_store_ask(&store, &(struct event_query){ .kinds = 1u << EVENT_CREATION }, now_ns, list, &listing);
        assert_int_equal(listing.count, 10);
        assert_int_equal(store.dropped, 90); /* by count; what grew old is no loss */
        listing = (struct listing){ 0 };
        event_store_ask(&store, &(struct event_query){ .kinds = 1u << EVENT_DELETION }, now_ns, list, &listing);
        assert_int_equal(listing.count, 61);
        listing = (struct listing){ 0 };
        event_store_ask(
                &store, &(struct event_query){ .kinds = 1u << EVENT_DELETION }, now_ns + 30 * SECOND, list, &listing);
        assert_int_equal(listing.count, 31);

        /* bytes are bounded whatever the count may be */
        char name[1024];
        memset(name, 'x', sizeof(name) - 1);
        name[0] = '/';
        name[sizeof(name) - 1] = '\0';
        for (int i = 0; i < 20000; i++)
                happen(&store, now_ns + i, EVENT_OOM, name);
        assert_true(store.logs[EVENT_OOM].bytes <= EVENT_LOG_BYTES_MAX);
        assert_true(store.dropped > 10000);
        event_store_done(&store);
}

static int take_event(const struct container_event *event, void *cookie)
{
        struct container_event *into = cookie;
        *into = *event;
        return 0;
}

static void test_event_kept(void **state)
{
        (void)state;
        struct event_store store;
        struct metrics_options options = { .event_age_ns = { DAY, DAY, DAY, DAY }, .event_count = { 9, 9, 9, 9 } };
        event_store_init(&store, &options);
        struct container_event event = { .time_ns = 1700000000 * SECOND,
                .kind = EVENT_OOM_KILL,
                .container = "/a",
                .pid = 4242,
                .process = "python3",
                .constraint = "CONSTRAINT_MEMCG",
                .exit_code = -1,
                .command_line = "python3 -m eater",
                .memory_before = { 1 << 20, 3 << 20, 2 << 20 },
                .memory_before_count = 3 };
        struct container_event back = { 0 };
        assert_int_equal(event_store_add(&store, &event, event.time_ns, NULL), 0);
        event_store_ask(&store, &(struct event_query){ .kinds = ~0u }, event.time_ns, take_event, &back);
        assert_int_equal(back.id, 1);
        assert_int_equal(back.time_ns, event.time_ns);
        assert_int_equal(back.pid, 4242);
        assert_int_equal(back.exit_code, -1);
        assert_string_equal(back.process, "python3");
        assert_string_equal(back.command_line, "python3 -m eater");
        assert_string_equal(back.constraint, "CONSTRAINT_MEMCG");
        assert_int_equal(back.memory_before_count, 3);
        assert_memory_equal(back.memory_before, event.memory_before, sizeof(event.memory_before));
        event_store_done(&store);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_event_filter),
                cmocka_unit_test(test_event_limits),
                cmocka_unit_test(test_event_kept),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
