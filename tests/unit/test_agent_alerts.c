/* Alerts that dispatch has not acknowledged: order, numbers, ceilings. */
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
        return alerts_init(&queue, &err);
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
        const struct alert_waiting *alert = alerts_add(&queue, text);
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
        json_decref(message);
}

static void what_is_acknowledged_goes_and_the_rest_keeps_its_order(void **state)
{
        (void)state;
        for (int i = 0; i < 10; i++)
                assert_non_null(alerts_add(&queue, "{}"));
        assert_int_equal(alerts_taken(&queue, queue.sender + 1, 10), 0); /* another start of the agent */
        assert_int_equal(alerts_taken(&queue, queue.sender, 4), 4);
        assert_int_equal(alerts_taken(&queue, queue.sender, 4), 0); /* said twice */
        assert_int_equal(queue.waiting.count, 6);
        for (size_t i = 0; i < queue.waiting.count; i++)
                assert_int_equal(queue.waiting.items[i].number, 5 + i);
        assert_int_equal(alerts_taken(&queue, queue.sender, UINT64_MAX), 6);
        assert_int_equal(queue.bytes, 0);
        assert_int_equal(alerts_add(&queue, "{}")->number, 11); /* a number is used once */
}

static void the_number_of_alerts_is_bounded(void **state)
{
        (void)state;
        for (int i = 0; i < ALERTS_MAX; i++)
                assert_non_null(alerts_add(&queue, "{}"));
        assert_null(alerts_add(&queue, "{}"));
        assert_int_equal(alerts_taken(&queue, queue.sender, 1), 1);
        assert_int_equal(alerts_add(&queue, "{}")->number, ALERTS_MAX + 1); /* what was refused used no number */
}

static void the_bytes_are_bounded(void **state)
{
        size_t size = 256 << 10, count = 0;
        char *text = malloc(size + 1);
        (void)state;
        assert_non_null(text);
        memset(text, '"', size); /* twice as long as JSON */
        text[size] = '\0';
        while (alerts_add(&queue, text))
                count++;
        assert_int_equal(count, ALERTS_BYTES_MAX / (2 * size) - 1); /* each with a few bytes more */
        assert_true(queue.bytes <= ALERTS_BYTES_MAX);
        assert_non_null(alerts_add(&queue, "{}")); /* a short one still fits */
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_message_carries_text_number_and_sender, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        what_is_acknowledged_goes_and_the_rest_keeps_its_order, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_number_of_alerts_is_bounded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_bytes_are_bounded, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
