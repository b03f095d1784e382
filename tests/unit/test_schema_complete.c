#include "base/cleanup.h"
#include "schema/complete.h"
#include "schema/flags.h"
#include "schema_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct field tool_fields[] = {
        { .name = "mode", .type = FIELD_TYPE_ENUM, .names = fixture_modes, .positional = true, .help = "how" },
        { .name = "files", .type = FIELD_TYPE_PATH, .container = FIELD_LIST, .positional = true, .option = "" },
        { .name = "dry_run", .type = FIELD_TYPE_BOOL, .help = "only look" },
        { .name = "quiet", .flag = 'q', .type = FIELD_TYPE_BOOL, .def = "true", .help = "say little" },
};
static const struct record tool = { .fields = tool_fields, .count = 4 };

/* words are separated by blanks; the cursor stands on the last one */
static const char *completed(const struct record *record, const char *line)
{
        static struct buf out;
        static char storage[512];
        const char *words[32];
        size_t count = 0;
        snprintf(storage, sizeof(storage), "%s", line);
        for (char *p = storage; count < 32; p++) {
                words[count++] = p;
                p = strchrnul(p, ' ');
                if (!*p)
                        break;
                *p = '\0';
        }
        buf_done(&out);
        buf_init(&out, 1 << 20);
        record_complete(record, words, count, count - 1, &out);
        return buf_text(&out);
}

static void flags_by_prefix(void **state)
{
        (void)state;
        assert_string_equal(completed(fixture_record, "--fo"), "--follow\tfollow links\n");
        assert_string_equal(completed(fixture_record, "--ser"), "--serial-number\tserial number\n");
        assert_string_equal(completed(fixture_record, "--match"),
                "--matchall\tall expressions must match\n--matchany\tall expressions must match\n");
        assert_string_equal(completed(fixture_record, "--sea"), "--search\twhat to search\n");
        assert_string_equal(completed(fixture_record, "--nosuch"), "");
        assert_string_equal(completed(&tool, "--"), "--mode\thow\n--dry-run\tonly look\n--no-quiet\tsay little\n");
}

static void every_flag_is_offered(void **state)
{
        (void)state;
        struct flag_spec flags[FLAGS_MAX];
        size_t count = record_flags(fixture_record, flags, FLAGS_MAX);
        for (size_t i = 0; i < count; i++) {
                char line[256] = "--";
                size_t n = 2;
                for (const char *p = flags[i].long_name; *p; p++)
                        line[n++] = *p == '_' ? '-' : *p;
                assert_true(strstr(completed(fixture_record, "-"), line) != NULL);
        }
}

static void what_was_given_once_is_not_offered_again(void **state)
{
        (void)state;
        assert_string_equal(completed(fixture_record, "-f --fo"), "");
        assert_string_equal(completed(fixture_record, "--follow --fo"), "");
        assert_string_equal(completed(fixture_record, "--word x --wor"), "--word\twords to look for\n");
}

static void values_behind_flags(void **state)
{
        (void)state;
        assert_string_equal(completed(fixture_record, "--mode "), "fast\thow to look\nfull\t\ndeep\t\n");
        assert_string_equal(completed(fixture_record, "-m f"), "fast\thow to look\nfull\t\n");
        assert_string_equal(completed(fixture_record, "--mode=d"), "--mode=deep\t\n");
        assert_string_equal(completed(fixture_record, "--follow=t"), "--follow=true\tfollow links\n");
        assert_string_equal(completed(fixture_record, "--path "), "<file>\n");
        assert_string_equal(completed(fixture_record, "--file /e"), "<file>\n");
        assert_string_equal(completed(fixture_record, "--file=/e"), "<file>\n");
        assert_string_equal(completed(fixture_record, "--count "), "");
        assert_string_equal(completed(fixture_record, "--search "), "");
        assert_string_equal(completed(fixture_record, "-f fa"), "");
}

static void arguments_in_turn(void **state)
{
        (void)state;
        assert_string_equal(completed(&tool, "f"), "fast\thow\nfull\t\n");
        assert_string_equal(completed(&tool, "fast x"), "<file>\n");
        assert_string_equal(completed(&tool, "-q fast a b"), "<file>\n");
        assert_string_equal(completed(&tool, "--mode fast f"), "fast\thow\nfull\t\n");
        assert_string_equal(completed(&tool, "-- -x"), "");
        assert_string_equal(completed(&tool, "-- full -x"), "<file>\n");
        struct buf out;
        buf_init(&out, 1 << 20);
        record_complete(&tool, NULL, 0, 0, &out);
        assert_true(strstr(buf_text(&out), "--dry-run") && strstr(buf_text(&out), "fast\thow"));
        buf_clear(&out);
        record_complete(&tool, NULL, 0, 5, &out);
        assert_string_equal(buf_text(&out), "");
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(flags_by_prefix),
                cmocka_unit_test(every_flag_is_offered),
                cmocka_unit_test(what_was_given_once_is_not_offered_again),
                cmocka_unit_test(values_behind_flags),
                cmocka_unit_test(arguments_in_turn),
        };
        return cmocka_run_group_tests_name("schema_complete", tests, NULL, NULL);
}
