/* JSON text: the gate for workers' bytes agrees with jansson, and the writer's output is taken by it. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/json_writer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool taken(struct sv text)
{
        json_t *value = json_parse(text, false, NULL);
        json_decref(value);
        return value != NULL;
}

static uint32_t seed = 1;

static uint32_t next(uint32_t below)
{
        seed = seed * 1664525 + 1013904223;
        return (seed >> 8) % below;
}

/* A random value, in `depth` levels at most. */
static void grow(struct buf *out, unsigned depth)
{
        static const char *const leaves[] = { "null", "true", "false", "0", "-1", "1.5", "2e3", "-0.5E-2", "\"\"",
                "\"a\"", "\"\\u00e9\\n\\\"\"", "\"\xc3\xa9\"", "\"\xf0\x9f\x98\x80\"", " 7 " };
        uint32_t kind = depth ? next(4) : 0;
        if (kind < 2) {
                buf_puts(out, leaves[next(sizeof(leaves) / sizeof(leaves[0]))]);
                return;
        }
        uint32_t count = next(4);
        buf_puts(out, kind == 2 ? "[" : "{ ");
        for (uint32_t i = 0; i < count; i++) {
                if (i)
                        buf_puts(out, ", ");
                if (kind == 3)
                        buf_printf(out, "\"k%u\" :", i);
                grow(out, depth - 1);
        }
        buf_puts(out, kind == 2 ? "]" : "}\n");
}

/* Where they differ by design: integers and exponents beyond the machine's, \u0000 and lone surrogates, which jansson
 * cannot hold. None of these is made below: mutations that could are left out. */
static bool beyond_jansson(struct sv text)
{
        unsigned digits = 0;
        for (size_t i = 0; i < text.n; i++) {
                digits = text.p[i] >= '0' && text.p[i] <= '9' ? digits + 1 : 0;
                if (digits > 15 || text.p[i] == 'e' || text.p[i] == 'E')
                        return true;
                if (text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == 'u')
                        return true;
        }
        return false;
}

static void the_gate_agrees_with_jansson(void **state)
{
        (void)state;
        static const char letters[] = "{}[]\":,0123456789.-+eEtrufalsn\\ \n\t\x01\x7f\xc3\xa9\xff";
        struct buf text;
        unsigned valid = 0;
        unsigned wrong = 0;
        buf_init(&text, 1 << 16);
        for (int round = 0; round < 60000; round++) {
                buf_clear(&text);
                grow(&text, 5);
                assert_true(json_valid(sv_n(text.data, text.len)));
                assert_true(taken(sv_n(text.data, text.len)));
                for (uint32_t i = next(3) + 1; i && text.len; i--) {
                        size_t at = next((uint32_t)text.len);
                        if (next(3) == 0) {
                                memmove(text.data + at, text.data + at + 1, text.len - at - 1);
                                text.len--;
                        } else {
                                text.data[at] = letters[next(sizeof(letters) - 1)];
                        }
                }
                struct sv mutated = sv_n(text.data, text.len);
                bool ours = json_valid(mutated);
                if (!beyond_jansson(mutated) && ours != taken(mutated))
                        fail_msg("%.*s: json_valid says %d", SV_ARG(mutated), ours);
                valid += ours;
                wrong += !ours;
        }
        assert_true(valid > 1000 && wrong > 1000);
        buf_done(&text);
}

static void the_gate_by_cases(void **state)
{
        (void)state;
        static const char *const good[] = { "0", "-0", "[]", "{}", " [ ] ", "{\"a\":{}}", "1e999",
                "123456789012345678901234567890", "\"\\ud800\"", "[[],[],{}]" };
        static const char *const bad[] = { "", " ", "01", "1.", ".5", "+1", "--1", "1e", "tru", "nul", "[1,]", "[,1]",
                "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "[1 2]", "1 2", "[", "]", "\"", "\"\\x\"", "\"\\u12g4\"",
                "\"\t\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "'a'", "[1}", "{]", "nullnull", "NaN",
                "Infinity" };
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                if (!json_valid(sv_of(good[i])))
                        fail_msg("refused: %s", good[i]);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                if (json_valid(sv_of(bad[i])))
                        fail_msg("accepted: %s", bad[i]);
                if (taken(sv_of(bad[i])))
                        fail_msg("jansson accepts: %s", bad[i]);
        }
        assert_false(json_valid(SV("null\0")));
        assert_false(taken(SV("null\0"))); /* jansson alone would */
}

static void depth_is_bounded(void **state)
{
        (void)state;
        enum { MANY = 1 << 20 };
        static char text[MANY];
        memset(text, '[', 128);
        memset(text + 128, ']', 128);
        assert_true(json_valid(sv_n(text, 256)));
        memset(text, '[', 129);
        memset(text + 129, ']', 129);
        assert_false(json_valid(sv_n(text, 258)));
        memset(text, '[', MANY);
        assert_false(json_valid(sv_n(text, MANY)));
        struct error err;
        assert_null(json_parse(sv_n(text, MANY), false, &err));
        assert_non_null(strstr(err.message, "depth"));
}

static void parsing_tells_the_place(void **state)
{
        (void)state;
        struct error err;
        assert_null(json_parse(SV("{\"a\":1,\n \"b\":}"), false, &err));
        assert_non_null(strstr(err.message, "line 2, column"));
        assert_null(json_parse(SV("{\"a\":1,\"a\":2}"), true, &err));
        cleanup(json_decref) json_t *twice = json_parse(SV("{\"a\":1,\"a\":2}"), false, &err);
        assert_int_equal(json_integer_value(json_object_get(twice, "a")), 2);
        static char large[JSON_MESSAGE_MAX + 1];
        memset(large, ' ', sizeof(large));
        assert_null(json_parse(sv_n(large, sizeof(large)), false, &err));
        assert_int_equal(err.code, E_TOO_LARGE);
        assert_null(json_parse((struct sv){ 0 }, false, &err));
}

static void keys_in_any_case(void **state)
{
        (void)state;
        cleanup(json_decref) json_t *object =
                json_parse(SV("{\"Class\":1,\"class\":2,\"CLASS\":3,\"x\":4}"), false, NULL);
        assert_int_equal(json_integer_value(json_get_nocase(object, "class")), 3);
        assert_int_equal(json_integer_value(json_get_nocase(object, "X")), 4);
        assert_null(json_get_nocase(object, "y"));
        assert_null(json_get_nocase(NULL, "y"));
        cleanup(json_decref) json_t *list = json_array();
        assert_null(json_get_nocase(list, "y"));
}

/* Every byte at every place of a text that is looked at by eights: what is escaped depends on the byte alone. */
static void texts_are_escaped_wherever_the_byte_stands(void **state)
{
        (void)state;
        struct buf text, wanted;
        struct json_writer writer;
        buf_init(&text, 1 << 10);
        buf_init(&wanted, 1 << 10);
        for (int c = 0; c < 256; c++) {
                for (size_t at = 0; at < 19; at++) {
                        char plain[] = "the quick ~ fox [1]";
                        plain[at] = (char)c;
                        buf_clear(&text);
                        buf_clear(&wanted);
                        json_writer_init(&writer, &text, 0);
                        json_put_string(&writer, sv_n(plain, 19));
                        buf_putc(&wanted, '"');
                        buf_append(&wanted, plain, at);
                        if (c == '"' || c == '\\')
                                buf_printf(&wanted, "\\%c", c);
                        else if (c >= 8 && c <= 13 && c != 11)
                                buf_printf(&wanted, "\\%c", "btn?fr"[c - 8]);
                        else if (c < 0x20 || c == 0x7f)
                                buf_printf(&wanted, "\\u%04x", c);
                        else if (c >= 0x80)
                                buf_puts(&wanted, "\xef\xbf\xbd");
                        else
                                buf_putc(&wanted, (char)c);
                        buf_append(&wanted, plain + at + 1, 18 - at);
                        buf_putc(&wanted, '"');
                        assert_string_equal(buf_text(&text), buf_text(&wanted));
                }
        }
        buf_clear(&text);
        json_writer_init(&writer, &text, 0);
        json_put_string(&writer, SV("ab\xc3\xa9"
                                    "cdefgh\xe2\x82\xac\xf0\x9f\x98\x80"
                                    "ij\xc3"
                                    "klmnopqr\xed\xa0\x80"));
        assert_string_equal(buf_text(&text), "\"ab\xc3\xa9"
                                             "cdefgh\xe2\x82\xac\xf0\x9f\x98\x80"
                                             "ij\xef\xbf\xbd"
                                             "klmnopqr\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
        buf_done(&text);
        buf_done(&wanted);
}

static void numbers_are_written_to_their_ends(void **state)
{
        (void)state;
        static const int64_t numbers[] = { 0, 1, -1, 9, 10, -10, 99, 100, INT64_MAX, INT64_MIN };
        struct buf text;
        struct json_writer writer;
        char wanted[32];
        buf_init(&text, 1 << 10);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                buf_clear(&text);
                json_writer_init(&writer, &text, 0);
                json_put_int(&writer, numbers[i]);
                snprintf(wanted, sizeof(wanted), "%lld", (long long)numbers[i]);
                assert_string_equal(buf_text(&text), wanted);
                buf_clear(&text);
                json_writer_init(&writer, &text, 0);
                json_put_uint(&writer, (uint64_t)numbers[i]);
                snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)numbers[i]);
                assert_string_equal(buf_text(&text), wanted);
        }
        buf_done(&text);
}

static void the_writer_is_taken(void **state)
{
        (void)state;
        struct buf text;
        struct json_writer writer;
        static const double numbers[] = { 0, -0.0, 0.1, 1.0 / 3, 1e300, 5e-324, 123456789.125, NAN, INFINITY };
        buf_init(&text, 1 << 20);
        for (unsigned indent = 0; indent < 3; indent++) {
                buf_clear(&text);
                json_writer_init(&writer, &text, indent);
                json_begin_array(&writer);
                for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                        json_put_double(&writer, numbers[i]);
                json_put_int(&writer, INT64_MIN);
                json_put_uint(&writer, UINT64_MAX);
                json_begin_object(&writer);
                json_end_object(&writer);
                for (int c = 0; c < 256; c++) {
                        char byte = (char)c;
                        json_put_string(&writer, sv_n(&byte, 1));
                }
                json_put_base64(&writer, "\0\xff", 2);
                json_end_array(&writer);
                assert_true(json_valid(sv_n(text.data, text.len)));
        }
        buf_clear(&text);
        json_writer_init(&writer, &text, 0);
        for (int i = 0; i < 100; i++)
                json_begin_array(&writer);
        assert_true(text.failed); /* too deep is told, and harms nothing */
        for (int i = 0; i < 100; i++)
                json_end_array(&writer);
        buf_done(&text);
}

static void doubles_survive(void **state)
{
        (void)state;
        struct buf text;
        struct json_writer writer;
        buf_init(&text, 1 << 10);
        for (int i = 0; i < 20000; i++) {
                double number = ldexp((double)next(1 << 24) / (double)(next(1 << 20) + 1), (int)next(200) - 100);
                buf_clear(&text);
                json_writer_init(&writer, &text, 0);
                json_put_double(&writer, number);
                assert_true(strtod(buf_text(&text), NULL) == number);
        }
        buf_done(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_gate_agrees_with_jansson),
                cmocka_unit_test(the_gate_by_cases),
                cmocka_unit_test(depth_is_bounded),
                cmocka_unit_test(parsing_tells_the_place),
                cmocka_unit_test(keys_in_any_case),
                cmocka_unit_test(texts_are_escaped_wherever_the_byte_stands),
                cmocka_unit_test(numbers_are_written_to_their_ends),
                cmocka_unit_test(the_writer_is_taken),
                cmocka_unit_test(doubles_survive),
        };
        return cmocka_run_group_tests_name("schema_json", tests, NULL, NULL);
}
