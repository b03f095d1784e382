#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/prompt.h"
#include "schema_fixture.h"

#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <termios.h>

#include <cmocka.h>

static char *dialogue; /* what the last one printed */

static json_t *answer_bytes(const struct record *record, const char *answers, size_t size, struct error *err)
{
        size_t length;
        cleanup(fclose) FILE *in = fmemopen((void *)(uintptr_t)answers, size, "r");
        free(dialogue);
        dialogue = NULL;
        FILE *out = open_memstream(&dialogue, &length);
        assert_non_null(in);
        json_t *value = record_prompt(record, in, out, err);
        fclose(out);
        return value;
}

static json_t *answer(const struct record *record, const char *answers, struct error *err)
{
        return answer_bytes(record, answers, strlen(answers), err);
}

static void gives(const struct record *record, const char *answers, const char *json)
{
        struct error err = { 0 };
        cleanup(json_decref) json_t *value = answer(record, answers, &err);
        cleanup(json_decref) json_t *expected = json_parse(sv_of(json), true, NULL);
        assert_non_null(expected);
        if (!value)
                fail_msg("%s\n%s", err.message, dialogue);
        if (!json_equal(value, expected)) {
                cleanup(free) char *text = json_dumps(value, 0);
                fail_msg("%s\nis %s\nnot %s", dialogue, text, json);
        }
}

static void said(const char *part)
{
        if (!strstr(dialogue, part))
                fail_msg("\"%s\" is missing in:\n%s", part, dialogue);
}

/* the fixture's questions up to the records take 24 lines when every one is left empty */
#define HEAD "host\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"

static void empty_lines_take_defaults(void **state)
{
        (void)state;
        gives(fixture_record,
                HEAD "\n\n\n" /* limits */ "\n" /* steps */ "\n\n/etc\n\n\n" /* searches: label names paths */ "\n",
                "{\"target\":\"host\",\"timeout\":\"10s\",\"searches\":{\"s1\":{\"paths\":[\"/etc\"]}}}");
        said("target (string, required): host to look at\ntarget: ");
        said("count (int, 1 to 100): how many times\ncount [3]: ");
        said("mode (one of: fast, full, deep): how to look\nmode [full]: ");
        said("timeout [10s]: ");
        said("label in searches [s1]: ");
        said("another of searches [y/N]: ");
        said("password (string): password of the account\npassword: ");
}

static void every_kind_of_value(void **state)
{
        (void)state;
        gives(fixture_record,
                "host\ny\n7\n1\n0.25\n20m\n1h\n2026-11-21\ndeep\n/x\n10.0.0.0/8\n22,80\n^a\n00ff\n{\"a\":[1]}\nsecret\n"
                "one\ntwo\n\n1\n-2\n\n0.5\n\nfast\nfull\n\n::1\n\nab\n\nk=v\nl=\n\ng=a\ng=b\nh=c\n\n"
                "2s\n1k\n3\n"                  /* limits */
                "yes\n5s\n\n\ny\n\n\n1.5\nn\n" /* steps */
                "first\nx$\n\n/a\n/b\n\nfalse\ny\nsecond\n\n/c\n\n\nn\n",
                "{\"target\":\"host\",\"follow\":true,\"count\":7,\"serial_number\":1,\"ratio\":0.25,\"size\":\"20m\","
                "\"timeout\":\"1h\",\"since\":\"2026-11-21\",\"mode\":\"deep\",\"path\":\"/x\",\"network\":\"10.0.0.0/"
                "8\","
                "\"ports\":\"22,80\",\"pattern\":\"^a\",\"digest\":\"00ff\",\"extra\":{\"a\":[1]},\"password\":"
                "\"secret\","
                "\"words\":[\"one\",\"two\"],\"numbers\":[1,-2],\"weights\":[0.5],\"modes\":[\"fast\",\"full\"],"
                "\"hosts\":[\"::1\"],\"digests\":[\"ab\"],\"labels\":{\"k\":\"v\",\"l\":\"\"},\"groups\":{\"g\":[\"a\","
                "\"b\"],"
                "\"h\":[\"c\"]},\"limits\":{\"maxtime\":\"2s\",\"maxbytes\":\"1k\",\"share\":3.0},"
                "\"steps\":[{\"maxtime\":\"5s\"},{\"share\":1.5}],"
                "\"searches\":{\"first\":{\"names\":[\"x$\"],\"paths\":[\"/a\",\"/b\"],\"matchall\":false},"
                "\"second\":{\"paths\":[\"/c\"]}}}");
}

static const struct field small_fields[] = {
        { .name = "n", .type = FIELD_TYPE_INT, .min = 1, .max = 9, .required = true, .help = "a digit" },
        { .name = "words", .type = FIELD_TYPE_STRING, .container = FIELD_LIST, .max_items = 2, .min_length = 1 },
        { .name = "on", .type = FIELD_TYPE_BOOL, .def = "true" },
};
static const struct record small = { .fields = small_fields, .count = 3 };

static void wrong_answers_are_asked_again(void **state)
{
        (void)state;
        gives(&small, "x\n10\n\n5\n\nhelp\na\nb\nmaybe\nN\n", "{\"n\":5,\"words\":[\"a\",\"b\"],\"on\":false}");
        said("  \"x\" is not a whole number\n");
        said("  10 is out of range: 1 to 9\n");
        said("  a value is required\n");
        said("  more values are required\n");
        said("words: words (list of string)\n");
        said("is neither true nor false");
}

static void help_is_a_word_too(void **state)
{
        (void)state;
        gives(&small, "help\n5\n\\help\n\n\n", "{\"n\":5,\"words\":[\"help\"]}");
        said("n: n (int, 1 to 9, required): a digit\nn: ");
        gives(&small, "5\r\na\r\n\r\n\r\n", "{\"n\":5,\"words\":[\"a\"]}");
}

static void the_end_of_input_is_an_error(void **state)
{
        (void)state;
        struct error err;
        assert_null(answer(&small, "5\na\n", &err));
        assert_int_equal(err.code, E_INVALID);
        assert_non_null(strstr(err.message, "the input ended at the question for words"));
        /* a last line without its end counts */
        gives(&small, "5\na\nb\nno", "{\"n\":5,\"words\":[\"a\",\"b\"],\"on\":false}");
}

static void endless_nonsense_ends(void **state)
{
        (void)state;
        struct error err;
        struct buf lines;
        buf_init(&lines, 1 << 20);
        for (int i = 0; i < 200; i++)
                buf_puts(&lines, "x\n");
        assert_null(answer(&small, lines.data, &err));
        assert_non_null(strstr(err.message, "100 wrong answers"));
        buf_clear(&lines);
        buf_printf(&lines, "%070000d\n5\n\xff\na\nb\n\n", 1);
        cleanup(json_decref) json_t *value = answer(&small, lines.data, &err);
        assert_non_null(value);
        said("the line is too long");
        said("UTF-8");
        cleanup(json_decref) json_t *other = answer_bytes(&small, "5\0\n6\na\n\n\n", 10, &err);
        assert_int_equal(json_integer_value(json_object_get(other, "n")), 6);
        said("NUL");
        buf_done(&lines);
}

static const struct field secret_fields[] = {
        { .name = "user", .type = FIELD_TYPE_STRING },
        { .name = "password", .type = FIELD_TYPE_STRING, .secret = true, .def = "hunter2" },
        { .name = "last", .type = FIELD_TYPE_STRING },
};

/* Reads what the terminal shows until `part` stands there. */
static void await(int master, struct buf *shown, const char *part)
{
        char chunk[512];
        while (!strstr(buf_text(shown), part)) {
                ssize_t n = read(master, chunk, sizeof(chunk));
                if (n <= 0)
                        fail_msg("\"%s\" does not come: %s", part, buf_text(shown));
                buf_append(shown, chunk, (size_t)n);
        }
}

static void secrets_are_not_echoed(void **state)
{
        (void)state;
        int master;
        pid_t pid = forkpty(&master, NULL, NULL, NULL);
        if (pid < 0) {
                print_message("skipped: needs a pseudo terminal\n");
                skip();
        }
        if (pid == 0) {
                struct error err;
                json_t *value =
                        record_prompt(&(struct record){ .fields = secret_fields, .count = 3 }, stdin, stdout, &err);
                const char *password = json_string_value(json_object_get(value, "password"));
                _exit(password && !strcmp(password, "geheim") ? 0 : 1);
        }
        struct buf shown;
        buf_init(&shown, 1 << 16);
        await(master, &shown, "user: ");
        assert_int_equal(write(master, "root\n", 5), 5);
        await(master, &shown, "password: ");
        /* echo goes off with TCSAFLUSH after the question was shown; typing before that would be lost */
        struct termios now;
        do {
                assert_int_equal(tcgetattr(master, &now), 0);
        } while (now.c_lflag & ECHO);
        assert_int_equal(write(master, "geheim\n", 7), 7);
        await(master, &shown, "last: ");
        assert_int_equal(write(master, "end\n", 4), 4);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_non_null(strstr(shown.data, "root"));
        assert_null(strstr(shown.data, "geheim"));
        assert_null(strstr(shown.data, "hunter2"));
        assert_int_equal(tcgetattr(master, &now), 0);
        assert_true(now.c_lflag & ECHO);
        close(master);
        buf_done(&shown);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(empty_lines_take_defaults),
                cmocka_unit_test(every_kind_of_value),
                cmocka_unit_test(wrong_answers_are_asked_again),
                cmocka_unit_test(help_is_a_word_too),
                cmocka_unit_test(the_end_of_input_is_an_error),
                cmocka_unit_test(endless_nonsense_ends),
                cmocka_unit_test(secrets_are_not_echoed),
        };
        return cmocka_run_group_tests_name("schema_prompt", tests, NULL, NULL);
}
