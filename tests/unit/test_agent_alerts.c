/* Alerts on their way: order, numbers, ceilings, several receivers. */
#include "agent/alerts.h"
#include "schema/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct alert_queue queue;

static int set_up(void **state)
{
        struct error err;
        (void)state;
        return alerts_init(&queue, &err) < 0 ? -1 : alerts_receiver(&queue, "dispatch", true);
}

static const struct alert_waiting *add(const char *text)
{
        return alerts_add(&queue, "watch", 1234567890123456789, text);
}

static size_t taken(const char *name, uint64_t number)
{
        return alerts_taken(&queue, name, queue.sender, number);
}

static int tear_down(void **state)
{
        (void)state;
        alerts_done(&queue);
        assert_int_equal(queue.bytes, 0);
        return 0;
}

static void a_message_carries_text_number_and_sender(void **state)
{
        struct error err;
        char sender[17];
        const char *text = "{\"alert\":\"quote \\\" and newline \\n\"}";
        (void)state;
        const struct alert_waiting *alert = add(text);
        assert_non_null(alert);
        assert_int_equal(alert->number, 1);
        json_t *message = json_parse(alert->message, true, &err);
        assert_non_null(message);
        const json_t *parameters = json_object_get(message, "parameters");
        snprintf(sender, sizeof(sender), "%016llx", (unsigned long long)queue.sender);
        assert_string_equal(json_string_value(json_object_get(message, "class")), "alert");
        assert_string_equal(json_string_value(json_object_get(parameters, "message")), text);
        assert_string_equal(json_string_value(json_object_get(parameters, "sender")), sender);
        assert_int_equal(json_integer_value(json_object_get(parameters, "id")), 1);
        assert_string_equal(json_string_value(json_object_get(parameters, "module")), "watch");
        assert_int_equal(json_integer_value(json_object_get(parameters, "time_ns")), 1234567890123456789);
        json_decref(message);
}

static void what_is_acknowledged_goes_and_the_rest_keeps_its_order(void **state)
{
        (void)state;
        for (int i = 0; i < 10; i++)
                assert_non_null(add("{}"));
        assert_int_equal(alerts_taken(&queue, "dispatch", queue.sender + 1, 10), 0); /* another start of the agent */
        assert_int_equal(taken("dispatch", 4), 4);
        assert_int_equal(taken("dispatch", 4), 0); /* said twice */
        assert_int_equal(queue.waiting.count, 6);
        for (size_t i = 0; i < queue.waiting.count; i++)
                assert_int_equal(queue.waiting.items[i].number, 5 + i);
        assert_int_equal(taken("dispatch", UINT64_MAX), 0); /* it was never given out */
        assert_int_equal(taken("nobody", 10), 0);
        assert_int_equal(taken("dispatch", 10), 6);
        assert_int_equal(queue.bytes, 0);
        assert_int_equal(add("{}")->number, 11); /* a number is used once */
}

static void the_number_of_alerts_is_bounded(void **state)
{
        (void)state;
        for (int i = 0; i < ALERTS_MAX; i++)
                assert_non_null(add("{}"));
        assert_null(add("{}"));
        assert_int_equal(taken("dispatch", 1), 1);
        assert_int_equal(add("{}")->number, ALERTS_MAX + 1); /* what was refused used no number */
}

static void the_bytes_are_bounded(void **state)
{
        size_t size = 256 << 10, count = 0;
        char *text = malloc(size + 1);
        (void)state;
        assert_non_null(text);
        memset(text, '"', size); /* twice as long as JSON */
        text[size] = '\0';
        while (add(text))
                count++;
        assert_int_equal(count, ALERTS_BYTES_MAX / (2 * size) - 1); /* each with a few bytes more */
        assert_true(queue.bytes <= ALERTS_BYTES_MAX);
        assert_non_null(add("{}")); /* a short one still fits */
        free(text);
}

static void an_alert_waits_until_every_receiver_has_it(void **state)
{
        (void)state;
        assert_int_equal(alerts_receiver(&queue, "alerts", true), 0);
        for (int i = 0; i < 10; i++)
                assert_non_null(add("{}"));
        assert_int_equal(taken("dispatch", 10), 0);
        assert_int_equal(queue.waiting.count, 10);
        assert_int_equal(taken("alerts", 3), 3);
        assert_int_equal(queue.waiting.items[0].number, 4);
        assert_int_equal(taken("alerts", 2), 0); /* it does not lose what it had */
        assert_int_equal(alerts_find(&queue, "alerts")->taken, 3);
        assert_int_equal(taken("alerts", 10), 7);
}

static void a_receiver_that_is_no_more_holds_nothing_up(void **state)
{
        (void)state;
        assert_int_equal(alerts_receiver(&queue, "alerts", true), 0);
        for (int i = 0; i < 5; i++)
                assert_non_null(add("{}"));
        assert_int_equal(taken("dispatch", 4), 0);
        assert_int_equal(alerts_receiver(&queue, "alerts", false), 0);
        assert_int_equal(alerts_receiver_ended(&queue, "alerts", NULL, 0), 5);
        assert_int_equal(queue.waiting.count, 1);
        assert_true(alerts_wanted(&queue));
        /* back again: what comes from now on, not what was before */
        assert_int_equal(alerts_receiver(&queue, "alerts", true), 0);
        assert_int_equal(alerts_find(&queue, "alerts")->taken, 5);
        assert_int_equal(add("{}")->number, 6);
        assert_int_equal(taken("dispatch", 6), 1); /* the fifth; the sixth is for both */
        assert_int_equal(alerts_receiver(&queue, "dispatch", false), 0);
        assert_int_equal(alerts_receiver(&queue, "alerts", false), 0);
        assert_false(alerts_wanted(&queue));
        assert_int_equal(queue.waiting.count, 1); /* alerts may still say that it has the sixth */
        assert_int_equal(alerts_receiver_ended(&queue, "dispatch", NULL, 0), 0);
        assert_int_equal(alerts_receiver_ended(&queue, "alerts", NULL, 0), 1);
        assert_int_equal(queue.waiting.count, 0);
        assert_int_equal(alerts_receiver(&queue, "never there", false), 0);
        assert_null(alerts_find(&queue, "never there"));
        assert_int_equal(alerts_receiver_ended(&queue, "never there", NULL, 0), 0);
}

/* It ends in its own time: what it says until then counts, and what it never said is told when it has ended. */
static void who_leaves_may_still_acknowledge(void **state)
{
        char first[256];
        (void)state;
        assert_int_equal(alerts_receiver(&queue, "alerts", true), 0);
        for (int i = 0; i < 5; i++)
                assert_non_null(add(i == 3 ? "{\"the\":\"fourth\"}" : "{}"));
        assert_int_equal(taken("dispatch", 5), 0);
        assert_int_equal(alerts_receiver(&queue, "alerts", false), 0);
        assert_int_equal(alerts_receiver(&queue, "alerts", false), 0); /* another reload meanwhile */
        assert_int_equal(add("{}")->number, 6);                        /* no more for it */
        assert_int_equal(queue.waiting.count, 6);
        assert_int_equal(taken("alerts", 3), 3);
        assert_int_equal(alerts_receiver_ended(&queue, "alerts", first, sizeof(first)), 2);
        assert_non_null(strstr(first, "fourth"));
        assert_int_equal(queue.waiting.count, 1);
        assert_int_equal(alerts_receiver_ended(&queue, "alerts", first, sizeof(first)), 0); /* told once */
        assert_string_equal(first, "");
        assert_int_equal(taken("dispatch", 6), 1);
        /* one that took all that it was handed holds nothing up, ended or not */
        assert_int_equal(alerts_receiver(&queue, "alerts", true), 0);
        assert_int_equal(add("{}")->number, 7);
        assert_int_equal(alerts_receiver(&queue, "alerts", false), 0);
        assert_int_equal(taken("alerts", 7), 0);
        assert_int_equal(taken("dispatch", 7), 1);
        assert_int_equal(alerts_receiver_ended(&queue, "alerts", NULL, 0), 0);
        /* an end that is none of a receiver that left forgets nothing */
        assert_non_null(add("{}"));
        assert_int_equal(alerts_receiver_ended(&queue, "dispatch", NULL, 0), 0);
        assert_int_equal(queue.waiting.count, 1);
}

static void who_comes_back_before_its_end_gets_what_it_did_not_acknowledge(void **state)
{
        (void)state;
        assert_int_equal(alerts_receiver(&queue, "alerts", true), 0);
        for (int i = 0; i < 5; i++)
                assert_non_null(add("{}"));
        assert_int_equal(taken("dispatch", 5), 0);
        assert_int_equal(taken("alerts", 2), 2);
        assert_int_equal(alerts_receiver(&queue, "alerts", false), 0);
        assert_int_equal(alerts_receiver(&queue, "alerts", true), 0);
        assert_int_equal(alerts_find(&queue, "alerts")->taken, 2);
        assert_int_equal(alerts_receiver_ended(&queue, "alerts", NULL, 0), 0);
        assert_int_equal(queue.waiting.count, 3);
        assert_int_equal(queue.waiting.items[0].number, 3);
        assert_int_equal(taken("alerts", 5), 3);
}

static void the_number_of_receivers_is_bounded(void **state)
{
        char name[16];
        (void)state;
        for (int i = 1; i < ALERT_RECEIVERS_MAX; i++) {
                snprintf(name, sizeof(name), "receiver-%d", i);
                assert_int_equal(alerts_receiver(&queue, name, true), 0);
        }
        assert_int_equal(alerts_receiver(&queue, "one more", true), -1);
        assert_int_equal(alerts_receiver(&queue, "receiver-1", true), 0);
}

/* dispatch works, alerts stands still: it must not cost dispatch an alert, and those nobody has are never given up. */
static void who_is_far_behind_does_not_stop_the_others(void **state)
{
        (void)state;
        assert_int_equal(alerts_receiver(&queue, "alerts", true), 0);
        for (int i = 1; i <= 3 * ALERTS_MAX; i++) {
                const struct alert_waiting *alert = add("{}");
                assert_non_null(alert);
                assert_int_equal(alert->number, i);
                assert_int_equal(taken("dispatch", alert->number), 0);
                assert_true(queue.waiting.count <= ALERTS_MAX);
        }
        assert_int_equal(queue.skipped, 2 * ALERTS_MAX);
        assert_int_equal(queue.waiting.items[0].number, 2 * ALERTS_MAX + 1);
        /* now dispatch stands still too: the new ones are refused once no other has the oldest */
        for (int i = 0; i < ALERTS_MAX; i++)
                assert_non_null(add("{}"));
        assert_null(add("{}"));
        assert_int_equal(queue.skipped, 3 * ALERTS_MAX);
        assert_int_equal(taken("alerts", 4 * ALERTS_MAX), 0);
        assert_int_equal(taken("dispatch", 4 * ALERTS_MAX), ALERTS_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_message_carries_text_number_and_sender, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        what_is_acknowledged_goes_and_the_rest_keeps_its_order, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_number_of_alerts_is_bounded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_bytes_are_bounded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_alert_waits_until_every_receiver_has_it, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_receiver_that_is_no_more_holds_nothing_up, set_up, tear_down),
                cmocka_unit_test_setup_teardown(who_leaves_may_still_acknowledge, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        who_comes_back_before_its_end_gets_what_it_did_not_acknowledge, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_number_of_receivers_is_bounded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(who_is_far_behind_does_not_stop_the_others, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
