/* The parent's half of a result: labels, envelope, verdict, and a worker that lies. */
#include "result_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct result *fresh(enum shape shape)
{
        struct error err;
        struct result *result = result_new(shape, 64 << 20, &err);
        assert_non_null(result);
        return result;
}

static void is_written(struct result *result, const char *expected)
{
        cleanup(free) char *text = envelope_of(result);
        assert_non_null(text);
        assert_string_equal(text, expected);
        result_free(result);
}

static void the_envelope_keeps_its_order(void **state)
{
        (void)state;
        struct error err;
        struct result *result = fresh(SHAPE_MAP_OF_LISTS);
        assert_int_equal(send_label(result, SV("z"), 0, &err), 0);
        assert_int_equal(send_label(result, SV("n"), LABEL_NULL, &err), 0);
        send_row(result, SV("s2"), SV("{\"a\":1}"), &err);
        send_row(result, SV("s1"), SV("2"), &err);
        send_row(result, SV("s2"), SV("3"), &err); /* labels interleave */
        send_frame(result, FRAME_STATISTICS, SV("{\"n\":3}"), &err);
        send_frame(result, FRAME_ERROR, SV("soft\xff"), &err);
        send_frame(result, FRAME_SKIPPED, SV("{\"path\":\"/p\",\"reason\":\"r\"}"), &err);
        send_frame(result, FRAME_DONE,
                SV("{\"foundanything\":true,\"success\":true,\"partial\":\"p\",\"cursor\":\"c\"}"), &err);
        assert_true(result_done(result));
        assert_int_equal(result_rows(result), 3);
        is_written(result,
                "{\"foundanything\":true,\"success\":true,\"elements\":{\"n\":null,\"s1\":[2],\"s2\":[{\"a\":1},3],"
                "\"z\":[]},"
                "\"statistics\":{\"n\":3},\"errors\":[\"soft\xef\xbf\xbd\"],\"partial\":\"p\",\"cursor\":\"c\","
                "\"skipped\":[{\"path\":\"/p\",\"reason\":\"r\"}]}\n");
}

static void each_shape_has_its_elements(void **state)
{
        (void)state;
        static const struct {
                enum shape shape;
                const char *empty, *one;
        } cases[] = {
                { SHAPE_OBJECT, "null", "1" },
                { SHAPE_LIST, "null", "[1,2]" },
                { SHAPE_MAP_OF_LISTS, "null", "{\"\":[1,2]}" },
                { SHAPE_SCALAR, "null", "1" },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct error err;
                char text[200];
                struct result *result = fresh(cases[i].shape);
                snprintf(text, sizeof(text),
                        "{\"foundanything\":false,\"success\":false,\"elements\":%s,\"statistics\":null,\"errors\":"
                        "null}\n",
                        cases[i].empty);
                is_written(result, text);
                result = fresh(cases[i].shape);
                send_row(result, SV(""), SV("1"), &err);
                send_row(result, SV(""), SV("2"), &err);
                send_frame(result, FRAME_DONE, DONE_GOOD, &err);
                snprintf(text, sizeof(text),
                        "{\"foundanything\":true,\"success\":true,\"elements\":%s,\"statistics\":null,\"errors\":null}"
                        "\n",
                        cases[i].one);
                is_written(result, text);
        }
}

static void groups_are_kept_together(void **state)
{
        (void)state;
        struct error err;
        struct result *result = fresh(SHAPE_GROUPS);
        send_row(result, SV("a\x1fy"), SV("1"), &err);
        send_row(result, SV("a\nb\x1fx"), SV("2"), &err); /* sorts between "a" and "a\x1f" by bytes */
        send_label(result, SV("a"), 0, &err);
        send_label(result, SV("c"), LABEL_NULL, &err);
        send_label(result, SV("b"), 0, &err);
        send_row(result, SV("a\x1fx"), SV("3"), &err);
        send_frame(result, FRAME_DONE, DONE_GOOD, &err);
        is_written(result, "{\"foundanything\":true,\"success\":true,\"elements\":{\"a\":{\"x\":[3],\"y\":[1]},"
                           "\"a\\nb\":{\"x\":[2]},"
                           "\"b\":{},\"c\":null},\"statistics\":null,\"errors\":null}\n");
}

static void impossible_frames_are_refused(void **state)
{
        (void)state;
        static const struct {
                enum frame_type type;
                struct sv payload;
        } bad[] = {
                { FRAME_ROW, { "", 0 } },
                { FRAME_ROW, { "\x01", 1 } },
                { FRAME_ROW, { "\x05\x00x", 3 } },
                { FRAME_ROW, { "\xff\xff{}", 4 } },
                { FRAME_ROW, { "\x00\x00", 2 } },
                { FRAME_ROW, { "\x00\x00{]", 4 } },
                { FRAME_ROW, { "\x00\x00{} {}", 7 } },
                { FRAME_ROW, { "\x03\x00x\x00y1", 6 } }, /* NUL in a label */
                { FRAME_LABEL, { "", 0 } },
                { FRAME_STATISTICS, { "{", 1 } },
                { FRAME_SKIPPED, { "x", 1 } },
                { FRAME_DONE, { "[]", 2 } },
                { FRAME_DONE, { "", 0 } },
                { FRAME_MESSAGE, { "{}", 2 } },
                { (enum frame_type)99, { "{}", 2 } },
        };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = { 0 };
                struct result *result = fresh(SHAPE_LIST);
                if (send_frame(result, bad[i].type, bad[i].payload, &err) == 0)
                        fail_msg("frame %zu was taken", i);
                assert_true(err.message[0]);
                result_free(result);
        }
        struct error err;
        struct result *result = fresh(SHAPE_LIST);
        assert_int_equal(send_frame(result, FRAME_DONE, DONE_GOOD, &err), 0);
        assert_int_equal(send_row(result, SV(""), SV("1"), &err), -1);
        assert_string_equal(err.message, "the worker sent a frame after its last one");
        result_free(result);
}

static void rows_beyond_the_limit_are_counted(void **state)
{
        (void)state;
        struct error err;
        struct result *result = result_new(SHAPE_LIST, 100, &err);
        for (int i = 0; i < 50; i++)
                assert_int_equal(send_row(result, SV(""), SV("\"0123456789\""), &err), 0);
        assert_true(result_full(result));
        assert_true(result_rows(result) > 0 && result_rows(result) < 10);
        assert_string_equal(result_partial(result), "result limit");
        send_frame(result, FRAME_DONE, SV("{\"foundanything\":true,\"success\":true,\"partial\":\"mine\"}"), &err);
        assert_string_equal(result_partial(result), "result limit");
        result_free(result);
}

static void the_parents_word_counts(void **state)
{
        (void)state;
        struct error err;
        struct error why;
        error_set(&why, E_TIMEOUT, 0, __FILE__, __LINE__, "late");
        struct result *result = fresh(SHAPE_LIST);
        result_fail(result, &why);
        send_frame(result, FRAME_DONE, DONE_GOOD, &err);
        assert_false(result_success(result));
        assert_int_equal(result_code(result), E_TIMEOUT);
        result_free(result);
        result = fresh(SHAPE_LIST);
        send_frame(
                result, FRAME_DONE, SV("{\"foundanything\":1,\"success\":\"yes\",\"code\":99999,\"partial\":7}"), &err);
        assert_false(result_success(result) || result_found(result));
        assert_int_equal(result_code(result), E_FAILED);
        assert_null(result_partial(result));
        result_free(result);
        result = fresh(SHAPE_LIST); /* without DONE: rows speak for themselves */
        send_row(result, SV(""), SV("1"), &err);
        assert_true(result_found(result));
        result_free(result);
}

/* What a lying worker can make the parent keep. */
static void floods_are_bounded(void **state)
{
        (void)state;
        struct error err;
        struct result *result = fresh(SHAPE_MAP_OF_LISTS);
        static char text[64 << 10];
        memset(text, 1, sizeof(text)); /* \u0001 each: six times as long when written */
        for (int i = 0; i < 5000; i++)
                assert_int_equal(send_frame(result, FRAME_ERROR, sv_n(text, sizeof(text)), &err), 0);
        assert_true(result_error_count(result) <= 256);
        memset(text, ' ', sizeof(text));
        text[0] = '1';
        for (int i = 0; i < 20000; i++)
                assert_int_equal(send_frame(result, FRAME_SKIPPED, sv_n(text, i % 2 ? 1 : sizeof(text)), &err), 0);
        struct error why;
        error_set(&why, E_FAILED, 0, __FILE__, __LINE__, "our own word");
        result_fail(result, &why); /* is listed all the same */
        cleanup(free) char *written = envelope_of(result);
        assert_non_null(written);
        assert_non_null(strstr(written, "our own word"));
        assert_non_null(strstr(written, "more errors are not listed"));
        assert_non_null(strstr(written, "more skipped paths are not listed"));
        result_free(result);

        result = fresh(SHAPE_MAP_OF_LISTS);
        char label[LABEL_MAX];
        memset(label, 'x', sizeof(label));
        int taken = 0;
        for (; taken < 200000; taken++) {
                memcpy(label, &(uint32_t){ (uint32_t)taken | 0x01010000U }, 4);
                label[0] |= 1;
                snprintf(label + 8, 16, "%d", taken);
                label[8 + strlen(label + 8)] = 'y';
                memset(label, 'x', 8);
                if (send_label(result, sv_n(label, sizeof(label)), 0, &err) < 0)
                        break;
        }
        assert_int_equal(err.code, E_TOO_LARGE);
        assert_true(taken <= (32 << 20) / LABEL_MAX);
        result_free(result);
}

static int count_row(const char *group, const char *label, struct sv json, void *cookie)
{
        struct buf *seen = cookie;
        buf_printf(seen, "%s/%s=%.*s;", group ? group : "-", label ? label : "-", SV_ARG(json));
        return 0;
}

/* More than memory holds: in a file without a name; rows come back label by label as they went in. */
static void large_results_spool(void **state)
{
        (void)state;
        struct error err;
        struct result *result = fresh(SHAPE_MAP_OF_LISTS);
        char row[1100];
        for (int i = 0; i < 3000; i++) {
                snprintf(row, sizeof(row), "\"%04d%*s\"", i, 1000, "");
                assert_int_equal(send_row(result, i % 3 ? SV("b") : SV("a"), sv_of(row), &err), 0);
        }
        send_frame(result, FRAME_DONE, DONE_GOOD, &err);
        for (int again = 0; again < 2; again++) {
                cleanup(free) char *text = envelope_of(result);
                cleanup(json_decref) json_t *value = json_parse(sv_of(text), true, &err);
                const json_t *elements = json_object_get(value, "elements");
                assert_int_equal(json_array_size(json_object_get(elements, "a")), 1000);
                assert_int_equal(json_array_size(json_object_get(elements, "b")), 2000);
                for (size_t i = 0; i < 1000; i++)
                        assert_int_equal(
                                strtol(json_string_value(json_array_get(json_object_get(elements, "a"), i)), NULL, 10),
                                3 * (int)i);
        }
        result_free(result);

        result = fresh(SHAPE_GROUPS);
        send_row(result, SV("g\x1fl"), SV("1"), &err);
        send_label(result, SV("g\x1fm"), 0, &err);
        send_label(result, SV("h"), 0, &err);
        struct buf seen;
        buf_init(&seen, 1000);
        assert_int_equal(result_each_row(result, count_row, &seen, &err), 0);
        assert_string_equal(buf_text(&seen), "g/l=1;g/m=;");
        buf_done(&seen);
        result_free(result);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_envelope_keeps_its_order),
                cmocka_unit_test(each_shape_has_its_elements),
                cmocka_unit_test(groups_are_kept_together),
                cmocka_unit_test(impossible_frames_are_refused),
                cmocka_unit_test(rows_beyond_the_limit_are_counted),
                cmocka_unit_test(the_parents_word_counts),
                cmocka_unit_test(floods_are_bounded),
                cmocka_unit_test(large_results_spool),
        };
        return cmocka_run_group_tests_name("module_result", tests, NULL, NULL);
}
