/* Command lines to parameters: every style of flag, defaults, entries of a map, and what is said about a wrong one. */
#include "base/cleanup.h"
#include "schema/flags.h"
#include "schema/json.h"
#include "schema_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WORDS_MAX = 40 };

/* The line's words are separated by blanks; "_" stands for an empty word. */
static json_t *parse(const struct record *record, const char *line, struct error *err)
{
        cleanup(free) char *copy = strdup(line);
        char *argv[WORDS_MAX];
        char *rest = copy;
        int argc = 0;
        for (char *word; (word = strsep(&rest, " ")) && argc < WORDS_MAX;)
                if (*word)
                        argv[argc++] = strcmp(word, "_") ? word : word + 1;
        return flags_parse(record, argc, argv, err);
}

static void means(const char *line, const char *json)
{
        struct error err = { 0 };
        cleanup(json_decref) json_t *value = parse(fixture_record, line, &err);
        if (!value)
                fail_msg("%s: %s", line, err.message);
        if (!json_object_get(value, "timeout")) /* has a cli_def, so it is always there */
                fail_msg("%s: no default", line);
        json_t *timeout = json_object_get(value, "timeout");
        if (json_is_string(timeout) && strcmp(json_string_value(timeout), "10s") == 0)
                json_object_del(value, "timeout");
        cleanup(json_decref) json_t *expected = json_parse(sv_of(json), true, &err);
        cleanup(free) char *text = json_dumps(value, JSON_COMPACT);
        if (!json_equal(value, expected))
                fail_msg("%s is %s, not %s", line, text, json);
}

static void refused(const char *line, const char *message)
{
        struct error err = { 0 };
        cleanup(json_decref) json_t *value = parse(fixture_record, line, &err);
        if (value)
                fail_msg("accepted: %s", line);
        assert_string_equal(err.message, message);
}

static void choices_may_stand_together(void **state)
{
        static const char *const colours[] = { "red", "green", "blue", NULL };
        struct painting {
                LIST(int) colours;
        };
        static const struct field fields[] = { FIELD_ENUMS(struct painting, colours, colours, .help = "what to use") };
        const struct record *record = RECORD(struct painting, fields);
        struct error err = { 0 };
        (void)state;
        cleanup(json_decref) json_t *value = parse(record, "--colours red,blue --colours green", &err);
        cleanup(json_decref) json_t *expected = json_pack("{s:[sss]}", "colours", "red", "blue", "green");
        assert_true(json_equal(value, expected));
        assert_null(parse(record, "--colours red,pink", &err));
        assert_string_equal(err.message, "--colours: \"pink\" is none of red, green, blue");
        assert_null(parse(record, "--colours red,", &err));
}

static void every_style_is_taken(void **state)
{
        (void)state;
        static const char *const same[] = { "--count 5", "--count=5", "-count 5", "-count=5", "-c 5", "-c5", "-c=5" };
        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
                means(same[i], "{\"count\":5}");
        means("--count -5", "{\"count\":-5}");
        means("--follow", "{\"follow\":true}");
        means("-f", "{\"follow\":true}");
        means("--follow=false", "{\"follow\":false}");
        means("-f=no", "{\"follow\":false}");
        means("--no-follow", "{\"follow\":false}");
        means("-no-follow", "{\"follow\":false}");
        means("--serial-number 3", "{\"serial_number\":3}");
        means("--serial_number 3", "{\"serial_number\":3}");
        means("--count 1 --count 2", "{\"count\":2}");
        means("--file=", "{\"path\":\"\"}");
        means("--timeout 250", "{\"timeout\":250}");
        means("--extra {\"a\":[1]}", "{\"extra\":{\"a\":[1]}}");
        means("--maxtime 3s --maxbytes 5k", "{\"limits\":{\"maxtime\":\"3s\",\"maxbytes\":\"5k\"}}");
}

static void positional_words(void **state)
{
        (void)state;
        means("host", "{\"target\":\"host\"}");
        means("-f host", "{\"target\":\"host\",\"follow\":true}");
        means("-- -x", "{\"target\":\"-x\"}");
        means("-", "{\"target\":\"-\"}");
        refused("host other", "unexpected argument \"other\"");

        struct tail {
                char *first;
                struct string_list rest;
        };
        static const struct field fields[] = {
                FIELD_STRING(struct tail, first, .help = "x", .positional = true, .option = ""),
                FIELD_STRINGS(struct tail, rest, .help = "x", .positional = true, .option = ""),
        };
        struct error err;
        cleanup(json_decref) json_t *value = parse(RECORD(struct tail, fields), "a b -- --c d", &err);
        cleanup(free) char *text = json_dumps(value, JSON_COMPACT);
        assert_string_equal(text, "{\"first\":\"a\",\"rest\":[\"b\",\"--c\",\"d\"]}");
        assert_null(parse(RECORD(struct tail, fields), "--first a", &err)); /* it has no flag */
}

static void lists_and_maps(void **state)
{
        (void)state;
        means("--word a --word=b,c", "{\"words\":[\"a\",\"b,c\"]}");
        means("--weight 1.5 --weight 2", "{\"weights\":[1.5,2.0]}");
        means("--label a=b --label c=d=e --label f=", "{\"labels\":{\"a\":\"b\",\"c\":\"d=e\",\"f\":\"\"}}");
        means("--group g=x --group h=y --group g=z", "{\"groups\":{\"g\":[\"x\",\"z\"],\"h\":[\"y\"]}}");
        refused("--label a", "--label: \"a\" is not KEY=VALUE");
        refused("--label =a", "--label: \"=a\" is not KEY=VALUE");
        refused("--label \xff=a", "--label: the key is not UTF-8");
        refused("--label a=\xff", "--label: the text is not UTF-8");
}

static void entries_of_a_map(void **state)
{
        (void)state;
        means("--path /x --name a", "{\"searches\":{\"s1\":{\"paths\":[\"/x\"],\"names\":[\"a\"]}}}");
        means("-path /x -matchany", "{\"searches\":{\"s1\":{\"paths\":[\"/x\"],\"matchall\":false}}}");
        means("--search a --path /x --search=b --path /y --search a --path /z",
                "{\"searches\":{\"a\":{\"paths\":[\"/x\",\"/z\"]},\"b\":{\"paths\":[\"/y\"]}}}");
        refused("--search", "--search needs a name");
        refused("--search \xff --path /x", "--search: the name is not UTF-8");
}

static void wrong_flags_are_named(void **state)
{
        (void)state;
        refused("--cuont 5", "unknown flag --cuont; did you mean --count?");
        refused("--serial-numbr 5", "unknown flag --serial-numbr; did you mean --serial-number?");
        refused("--zzzzzz", "unknown flag --zzzzzz");
        refused("--count", "--count needs a value (int)");
        refused("-c", "-c needs a value (int)");
        refused("--count x", "--count: \"x\" is not a whole number");
        refused("--no-follow=true", "--no-follow=true takes no value");
        refused("--matchany=1", "--matchany=1 takes no value");
        refused("--follow=perhaps", "--follow: \"perhaps\" is neither true nor false");
        refused("--mode slow", "--mode: \"slow\" is none of fast, full, deep");
        refused("--ratio nan", "--ratio: \"nan\" is not a number");
        refused("--ratio inf", "--ratio: \"inf\" is not a number");
        refused("--modes fast", "unknown flag --modes; did you mean --mode?"); /* option "" has no flag */
        refused("-fx", "unknown flag -fx");
}

static void switches_cluster(void **state)
{
        (void)state;
        struct three {
                bool a, b;
                int c;
        };
        static const struct field fields[] = {
                FIELD_BOOL(struct three, a, .help = "x", .flag = 'a', .option = "all"),
                FIELD_BOOL(struct three, b, .help = "x", .flag = 'b', .option = "brief"),
                FIELD_INT(struct three, c, .help = "x", .flag = 'c', .option = "count"),
        };
        struct error err;
        cleanup(json_decref) json_t *value = parse(RECORD(struct three, fields), "-ab", &err);
        assert_true(json_is_true(json_object_get(value, "a")) && json_is_true(json_object_get(value, "b")));
        assert_null(parse(RECORD(struct three, fields), "-abc", &err));
}

struct entry {
        LIST(int) depths;
        bool all;
};

struct top {
        MAP(struct entry) entries;
        struct string_list words;
};

static const struct field entry_fields[] = {
        FIELD_INTS(struct entry, depths, .help = "x", .option = "depth", .cli_def = "1,2,3"),
        FIELD_BOOL(struct entry, all, .help = "x", .cli_def = "true"),
};

static const struct field top_fields[] = {
        FIELD_RECORD_MAP(
                struct top, entries, struct entry, entry_fields, .help = "x", .entry = "s1", .entry_option = "entry"),
        FIELD_STRINGS(struct top, words, .help = "x", .cli_def = "a,b"),
};

/* The command line's own defaults: of a list too, and in each entry of a map. */
static void defaults_of_the_command_line(void **state)
{
        (void)state;
        struct error err = { 0 };
        cleanup(json_decref) json_t *value =
                parse(RECORD(struct top, top_fields), "--entry x --depth 9 --entry y --no-all", &err);
        cleanup(free) char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal(text,
                "{\"entries\":{\"x\":{\"all\":true,\"depths\":[9]},\"y\":{\"all\":false,\"depths\":[1,2,3]}},"
                "\"words\":[\"a\",\"b\"]}");
        static const struct field bad[] = { FIELD_INTS(struct entry, depths, .help = "x", .cli_def = "1,x") };
        assert_null(parse(RECORD(struct entry, bad), "", &err));
        assert_string_equal(err.message, "default: --depths: \"x\" is not a whole number");
}

static void the_nearest_word(void **state)
{
        (void)state;
        static const char *const words[] = { "netstat", "file", "ping" };
        assert_string_equal(nearest_word("nestat", words, 3), "netstat");
        assert_string_equal(nearest_word("pign", words, 3), "ping");
        assert_null(nearest_word("zebra", words, 3));
        assert_null(nearest_word("x", words, 0));
        char word[5000];
        memset(word, 'a', sizeof(word) - 1);
        word[sizeof(word) - 1] = '\0';
        nearest_word(word, words, 3); /* bounded */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_style_is_taken),
                cmocka_unit_test(choices_may_stand_together),
                cmocka_unit_test(positional_words),
                cmocka_unit_test(lists_and_maps),
                cmocka_unit_test(entries_of_a_map),
                cmocka_unit_test(wrong_flags_are_named),
                cmocka_unit_test(switches_cluster),
                cmocka_unit_test(defaults_of_the_command_line),
                cmocka_unit_test(the_nearest_word),
        };
        return cmocka_run_group_tests_name("schema_flags", tests, NULL, NULL);
}
