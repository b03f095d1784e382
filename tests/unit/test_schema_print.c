#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/print.h"
#include "schema/yaml.h"
#include "schema_fixture.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { TEMPLATE_PARTS = 300 };

struct child {
        int64_t age_ns;
        uint64_t bytes;
};
static const struct field child_fields[] = {
        FIELD_DURATION(struct child, age_ns, .json = "age", .as_number = true),
        FIELD_SIZE(struct child, bytes),
};
struct row {
        char *name;
        int count;
        double share;
        int64_t seen_ns;
        LIST(char *) tags;
        MAP(char *) labels;
        struct child child;
};
static const struct field row_fields[] = {
        FIELD_STRING(struct row, name),
        FIELD_INT(struct row, count),
        FIELD_DOUBLE(struct row, share),
        FIELD_TIME(struct row, seen_ns, .json = "seen"),
        FIELD_STRINGS(struct row, tags),
        FIELD_STRING_MAP(struct row, labels),
        FIELD_RECORD(struct row, child, struct child, child_fields),
};
static const struct record *const row_record = RECORD(struct row, row_fields);

static const char first_row[] =
        "{\"name\":\"a\",\"count\":5,\"share\":0.1,\"seen\":\"2026-11-21T08:00:00.5Z\",\"tags\":[\"x\",\"y\"],"
        "\"labels\":{\"k\":\"v\",\"l\":\"w\"},\"child\":{\"age\":90,\"bytes\":1536}}";
static const char second_row[] =
        "{\"name\":\"longer\",\"count\":-1000,\"share\":null,\"tags\":null,\"child\":{\"bytes\":7}}";

/* A label "" is none; rows are JSON. */
struct section {
        const char *label;
        const char *rows[4];
};

static char *printed_of(
        const struct record *record, const struct printer_options *options, const struct section *sections)
{
        static char *text;
        size_t size;
        struct error err;
        free(text);
        text = NULL;
        FILE *out = open_memstream(&text, &size);
        cleanup(printer_free) struct printer *printer = printer_new(out, options, &err);
        assert_non_null(printer);
        for (; sections->label; sections++) {
                const char *label = *sections->label ? sections->label : NULL;
                if (printer_begin(printer, record, label, &err) < 0)
                        fail_msg("%s", err.message);
                for (size_t i = 0; i < 4 && sections->rows[i]; i++) {
                        cleanup(json_decref) json_t *row = json_parse(sv_of(sections->rows[i]), true, &err);
                        if (!row)
                                fail_msg("%s", err.message);
                        assert_int_equal(printer_row(printer, row, &err), 0);
                }
                assert_int_equal(printer_end(printer, &err), 0);
        }
        assert_int_equal(printer_finish(printer, &err), 0);
        fclose(out);
        return text;
}

static char *printed(struct printer_options options, const struct section *sections)
{
        return printed_of(row_record, &options, sections);
}

static const struct section two_rows[] = { { "", { first_row, second_row } }, { NULL, { NULL } } };
static const struct section labelled[] = { { "s1", { first_row } }, { "none", { NULL } }, { "s 2", { second_row } },
        { NULL, { NULL } } };

static void a_table_has_columns(void **state)
{
        (void)state;
        assert_string_equal(printed((struct printer_options){ .format = PRINT_TABLE }, two_rows),
                "NAME    COUNT  SHARE  SEEN                  TAGS  LABELS   CHILD.AGE  CHILD.BYTES\n"
                "a           5    0.1  2026-11-21 08:00:00Z  x,y   k=v,l=w      1m30s      1.5 KiB\n"
                "longer  -1000                                                                 7 B\n");
        assert_string_equal(printed((struct printer_options){ .format = PRINT_TABLE,
                                            .no_header = true,
                                            .fields = (const char *const[]){ "child", "name", NULL } },
                                    two_rows),
                "1m30s  1.5 KiB  a\n           7 B  longer\n");
        assert_string_equal(printed((struct printer_options){ .format = PRINT_TABLE,
                                            .colour = true,
                                            .fields = (const char *const[]){ "name", NULL } },
                                    two_rows),
                "\x1b[1mNAME\x1b[0m\na\nlonger\n");
}

static void sections_stand_apart(void **state)
{
        (void)state;
        const char *const fields[] = { "name", "count", NULL };
        assert_string_equal(printed((struct printer_options){ .format = PRINT_TABLE, .fields = fields }, labelled),
                "s1:\nNAME  COUNT\na         5\n\nnone: nothing\n\ns 2:\nNAME    COUNT\nlonger  -1000\n");
        assert_string_equal(
                printed((struct printer_options){ .format = PRINT_TABLE, .fields = fields, .results_only = true },
                        labelled),
                "s1:\nNAME  COUNT\na         5\n\ns 2:\nNAME    COUNT\nlonger  -1000\n");
        assert_string_equal(printed((struct printer_options){ .format = PRINT_LINES, .fields = fields }, labelled),
                "s1:\nname: a\ncount: 5\n\nnone: nothing\n\ns 2:\nname: longer\ncount: -1000\n");
        assert_string_equal(printed((struct printer_options){ .format = PRINT_LINES, .fields = fields }, two_rows),
                "name: a\ncount: 5\n\nname: longer\ncount: -1000\n");
}

static void columns_fit_the_terminal(void **state)
{
        (void)state;
        for (unsigned width = 50; width < 90; width++) {
                struct sv rest = sv_of(
                                  printed((struct printer_options){ .format = PRINT_TABLE, .width = width }, two_rows)),
                          line;
                while (sv_line(&rest, &line)) {
                        size_t columns = 0;
                        for (size_t i = 0; i < line.n; i++)
                                columns += ((unsigned char)line.p[i] & 0xc0) != 0x80;
                        if (columns > width)
                                fail_msg("%zu columns of %u: %.*s", columns, width, SV_ARG(line));
                }
        }
        const struct section one[] = { { "", { "{\"name\":\"abcdefghijklmnopqrstuvwxyz\",\"count\":1}" } },
                { NULL, { NULL } } };
        const char *const fields[] = { "name", "count", NULL };
        assert_string_equal(printed(
                                    (struct printer_options){
                                            .format = PRINT_TABLE, .width = 20, .no_header = true, .fields = fields },
                                    one),
                "abcdefghijklmnop\u2026  1\n");
        assert_string_equal(
                printed((struct printer_options){ .format = PRINT_TABLE, .no_header = true, .fields = fields }, one),
                "abcdefghijklmnopqrstuvwxyz  1\n");
}

static void what_does_not_fit_is_left_out(void **state)
{
        (void)state;
        struct printer_options options = { .format = PRINT_TABLE, .width = 45 };
        /* lists and maps go first, then what is nested, then from the right */
        assert_string_equal(printed(options, two_rows), "NAME    COUNT  SHARE  SEEN\n"
                                                        "a           5    0.1  2026-11-21 08:00:00Z\n"
                                                        "longer  -1000\n");
        options.width = 20;
        assert_string_equal(printed(options, two_rows), "NAME    COUNT  SHARE\n"
                                                        "a           5    0.1\n"
                                                        "longer  -1000\n");
        options.width = 3; /* one always stays */
        assert_string_equal(printed(options, two_rows), "NAME\na\nlon…\n");
        /* what was asked for is shown */
        options.width = 20;
        options.fields = (const char *const[]){ "tags", "labels", "seen", NULL };
        assert_non_null(strstr(printed(options, two_rows), "LABE"));
        /* whoever reads no terminal gets all */
        options = (struct printer_options){ .format = PRINT_CSV, .width = 20, .no_header = true };
        assert_non_null(strstr(printed(options, two_rows), "k=v"));

        struct error err;
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        options = (struct printer_options){ .format = PRINT_TABLE, .width = 45 };
        cleanup(printer_free) struct printer *printer = printer_new(out, &options, &err);
        cleanup(json_decref) json_t *row = json_parse(sv_of(first_row), true, &err);
        assert_int_equal(printer_begin(printer, row_record, NULL, &err), 0);
        assert_int_equal(printer_row(printer, row, &err), 0);
        assert_int_equal(printer_left_out(printer), 0); /* not settled yet */
        assert_int_equal(printer_end(printer, &err), 0);
        assert_int_equal(printer_left_out(printer), 4);
        fclose(out);
        free(text);
}

struct place {
        char *path;
        int n;
};
static const struct field place_fields[] = {
        FIELD_PATH(struct place, path),
        FIELD_INT(struct place, n),
};

static void paths_are_links_where_that_is_wanted(void **state)
{
        (void)state;
        const struct record *record = RECORD(struct place, place_fields);
        const struct section rows[] = { { "", { "{\"path\":\"/a b\",\"n\":1}", "{\"path\":\"/x\\u001b\",\"n\":2}",
                                                      "{\"path\":\"rel\",\"n\":3}" } },
                { NULL, { NULL } } };
        struct printer_options options = { .format = PRINT_TABLE, .link_host = "h" };
        assert_string_equal(printed_of(record, &options, rows), "PATH    N\n"
                                                                "\x1b]8;;file://h/a%20b\x1b\\/a b\x1b]8;;\x1b\\    1\n"
                                                                "/x\\x1b  2\n"
                                                                "rel     3\n");
        options.format = PRINT_LINES;
        assert_non_null(
                strstr(printed_of(record, &options, rows), "path: \x1b]8;;file://h/a%20b\x1b\\/a b\x1b]8;;\x1b\\\n"));
        options.format = PRINT_CSV;
        assert_null(strchr(printed_of(record, &options, rows), '\x1b'));
        const struct section one[] = { { "", { "{\"path\":\"/abcdefghijklmnop\",\"n\":1}" } }, { NULL, { NULL } } };
        options = (struct printer_options){ .format = PRINT_TABLE, .link_host = "h", .width = 15, .no_header = true };
        assert_string_equal(printed_of(record, &options, one),
                "\x1b]8;;file://h/abcdefghijklmnop\x1b\\/abcdefghij…\x1b]8;;\x1b\\  1\n"); /* the whole path */
}

static const char *by_template(const char *text, const struct section *sections)
{
        return printed((struct printer_options){ .format = PRINT_TEMPLATE, .row_template = text }, sections);
}

static void a_template_makes_a_line_a_row(void **state)
{
        (void)state;
        assert_string_equal(by_template("{{name}} {{child.bytes}}", two_rows), "a 1.5 KiB\nlonger 7 B\n");
        assert_string_equal(by_template("{{exact child.bytes}}\\t{{ seen }}\\\\n{{exact .seen}}", two_rows),
                "1536\t2026-11-21 08:00:00Z\\n2026-11-21T08:00:00.5Z\n7\t\\n\n");
        assert_string_equal(by_template("[{{pad name 3}}|{{pad name -3}}|{{pad name 0}}]", two_rows),
                "[a  |  a|a]\n[longer|longer|longer]\n");
        assert_string_equal(by_template("{{upper name}}{{lower name}}{{json name}}", two_rows),
                "Aa\"a\"\nLONGERlonger\"longer\"\n");
        assert_string_equal(by_template("{{json tags}} {{json labels}}", two_rows),
                "[\"x\",\"y\"] {\"k\":\"v\",\"l\":\"w\"}\nnull null\n");
        assert_string_equal(by_template("{{label}}:{{name}}", labelled), "s1:a\ns 2:longer\n");
        assert_string_equal(by_template("{", two_rows), "{\n{\n");
        assert_string_equal(by_template("}} {", two_rows), "}} {\n}} {\n");
        const struct section whole[] = { { "", { "{\"name\":\"a\",\"other\":1}" } }, { NULL, { NULL } } };
        assert_string_equal(by_template("{{json .}}", whole), "{\"name\":\"a\",\"other\":1}\n");
}

static void a_wrong_template_says_why(void **state)
{
        (void)state;
        static const struct {
                const char *text, *says;
        } wrong[] = {
                { "{{nam}}", "did you mean name?" },
                { "{{child}}", "unknown field" },
                { "{{uper name}}", "did you mean upper?" },
                { "{{", "without" },
                { "{{}}", "{{FIELD}}" },
                { "{{name", "without" },
                { "{{pad name}}", "pad takes" },
                { "{{upper name 3}}", "pad takes" },
                { "{{pad name x}}", "width" },
                { "{{pad name 99999999999}}", "width" },
                { "{{pad name 5 6}}", "{{FIELD}}" },
                { "{{json}}", "unknown field" },
                { NULL, "needs --template" },
        };
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                struct error err;
                struct printer_options options = { .format = PRINT_TEMPLATE, .row_template = wrong[i].text };
                cleanup(printer_free) struct printer *printer = printer_new(stdout, &options, &err);
                assert_int_equal(printer_begin(printer, row_record, NULL, &err), -1);
                assert_int_equal(err.code, E_INVALID);
                if (!strstr(err.message, wrong[i].says))
                        fail_msg("%s: %s", wrong[i].text, err.message);
        }
        char many[TEMPLATE_PARTS * 8 + 1];
        many[0] = '\0';
        for (size_t i = 0; i < TEMPLATE_PARTS; i++)
                memcpy(many + i * 8, "{{name}}", 9);
        struct error err;
        struct printer_options options = { .format = PRINT_TEMPLATE, .row_template = many };
        cleanup(printer_free) struct printer *printer = printer_new(stdout, &options, &err);
        assert_int_equal(printer_begin(printer, row_record, NULL, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
}

static void one_object_stands_alone(void **state)
{
        (void)state;
        const struct section one[] = { { "", { "{\"name\":\"a\",\"count\":2}" } }, { NULL, { NULL } } };
        const struct section none[] = { { "", { NULL } }, { NULL, { NULL } } };
        struct printer_options options = { .format = PRINT_JSON, .single = true };
        assert_string_equal(printed(options, one), "{\"name\":\"a\",\"count\":2}\n");
        assert_string_equal(printed(options, none), "{}\n");
        options.fields = (const char *const[]){ "count", "name", NULL };
        assert_string_equal(printed(options, one), "{\"count\":2,\"name\":\"a\"}\n");
        options.format = PRINT_YAML;
        assert_string_equal(printed(options, one), "count: 2\nname: a\n");
}

static void nothing_steers_the_terminal(void **state)
{
        (void)state;
        const struct section evil[] = {
                { "l\x1b[2J", { "{\"name\":\"\\u001b[31mred\\u0007\\n\\u202egnp\\u009b\\u007f\",\"labels\":{"
                                "\"\\u001b\":\"\\u001b\"},"
                                "\"tags\":[\"\\u001b\"]}" } },
                { NULL, { NULL } },
        };
        for (int format = 0; format < PRINT_FORMATS_MAX; format++) {
                const char *text = printed(
                        (struct printer_options){ .format = (enum print_format)format,
                                .row_template =
                                        "{{label}} {{name}} {{exact name}} {{json labels}} {{pad tags 9}} {{json .}}" },
                        evil);
                for (const char *p = text; *p; p++)
                        if (((unsigned char)*p < 32 && *p != '\n' && !(*p == '\r' && p[1] == '\n')) || *p == 127)
                                fail_msg("%s: byte %d", print_format_names[format], *p);
                assert_null(strstr(text, "\u202e"));
                assert_null(strstr(text, "\xc2\x9b"));
        }
        const char *text = printed((struct printer_options){ .format = PRINT_TABLE, .no_header = true }, evil);
        assert_non_null(strstr(text, "\\x1b[31mred\\x07\\n\\u202egnp\\x9b\\x7f"));
        assert_non_null(strstr(text, "l\\x1b[2J:"));
}

static void wide_characters_take_two_columns(void **state)
{
        (void)state;
        if (!setlocale(LC_CTYPE, "C.UTF-8")) {
                print_message("skipped: needs the locale C.UTF-8\n");
                skip();
        }
        const struct section wide[] = {
                { "", { "{\"name\":\"\u6f22\u5b57\u6f22\u5b57\",\"count\":1}", "{\"name\":\"e\u0301\",\"count\":2}" } },
                { NULL, { NULL } }
        };
        const char *const fields[] = { "name", "count", NULL };
        assert_string_equal(
                printed((struct printer_options){ .format = PRINT_TABLE, .no_header = true, .fields = fields }, wide),
                "\u6f22\u5b57\u6f22\u5b57  1\ne\u0301         2\n");
        assert_string_equal(printed(
                                    (struct printer_options){
                                            .format = PRINT_TABLE, .no_header = true, .fields = fields, .width = 9 },
                                    wide),
                "\u6f22\u5b57\u2026   1\ne\u0301       2\n");
        setlocale(LC_CTYPE, "C");
}

static void json_and_yaml_keep_the_value(void **state)
{
        (void)state;
        struct error err;
        cleanup(json_decref) json_t *a = json_parse(sv_of(first_row), true, &err);
        cleanup(json_decref) json_t *b = json_parse(sv_of(second_row), true, &err);
        cleanup(json_decref) json_t *tricky =
                json_parse(SV("{\"name\":\"- a: b # c\\n\\\"d\\\" \\u001b \\u0085 "
                              "yes\",\"tags\":[\"\",\"~\",\"no\",\"1\",\"1e3\",\"null\",\" "
                              "x\",\"0x1\",\"a "
                              "b\",\"*a\",\"&a\",\"!x\",\"%\",\"\\u2028\"],\"labels\":{\"\":\"x\",\"true\":\"\",\"a: "
                              "b\":\"\"},\"child\":{},\"extra\":[[1,[2,{\"a\":[{}]}]],[]]}"),
                        true, &err);
        assert_non_null(tricky);
        cleanup(free) char *text = json_dumps(tricky, 0);
        const struct section plain[] = { { "", { first_row, second_row, text } }, { NULL, { NULL } } };
        const struct section maps[] = { { "s1", { first_row } }, { "none", { NULL } }, { "no", { second_row, text } },
                { NULL, { NULL } } };
        cleanup(json_decref) json_t *list = json_pack("[O,O,O]", a, b, tricky);
        cleanup(json_decref) json_t *map = json_pack("{s:[O],s:[],s:[O,O]}", "s1", a, "none", "no", b, tricky);
        for (int yaml = 0; yaml < 2; yaml++) {
                struct printer_options options = { .format = yaml ? PRINT_YAML : PRINT_JSON };
                for (int labels = 0; labels < 2; labels++) {
                        const char *out = printed(options, labels ? maps : plain);
                        cleanup(json_decref) json_t *again =
                                yaml ? yaml_parse(sv_of(out), true, &err) : json_parse(sv_of(out), true, &err);
                        if (!again)
                                fail_msg("%s in:\n%s", err.message, out);
                        if (!json_equal(again, labels ? map : list))
                                fail_msg("differs:\n%s", out);
                }
        }
        const struct section none[] = { { NULL, { NULL } } };
        assert_string_equal(printed((struct printer_options){ .format = PRINT_JSON }, none), "[]\n");
        assert_string_equal(printed((struct printer_options){ .format = PRINT_YAML }, none), "[]\n");
        assert_string_equal(printed((struct printer_options){ .format = PRINT_JSON,
                                            .fields = (const char *const[]){ "child.bytes", "name", NULL } },
                                    two_rows),
                "[\n{\"child\":{\"bytes\":1536},\"name\":\"a\"},\n{\"child\":{\"bytes\":7},\"name\":\"longer\"}\n]\n");
}

static void ndjson_and_csv_name_the_section(void **state)
{
        (void)state;
        const char *const fields[] = { "name", "tags", "child.bytes", NULL };
        assert_string_equal(printed((struct printer_options){ .format = PRINT_NDJSON, .fields = fields }, labelled),
                "{\"label\":\"s1\",\"name\":\"a\",\"tags\":[\"x\",\"y\"],\"child\":{\"bytes\":1536}}\n"
                "{\"label\":\"s 2\",\"name\":\"longer\",\"tags\":null,\"child\":{\"bytes\":7}}\n");
        assert_string_equal(printed((struct printer_options){ .format = PRINT_CSV, .fields = fields }, labelled),
                "label,name,tags,child.bytes\r\ns1,a,\"x,y\",1536\r\ns 2,longer,,7\r\n");
        assert_string_equal(printed((struct printer_options){ .format = PRINT_CSV, .no_header = true }, two_rows),
                "a,5,0.1,2026-11-21T08:00:00.5Z,\"x,y\",\"k=v,l=w\",90,1536\r\nlonger,-1000,,,,,,7\r\n");
        const struct section quoted[] = { { "", { "{\"name\":\"a \\\"b\\\"\\nc\"}", "{\"name\":\" x\"}" } },
                { NULL, { NULL } } };
        assert_string_equal(printed((struct printer_options){ .format = PRINT_CSV,
                                            .fields = (const char *const[]){ "name", NULL } },
                                    quoted),
                "name\r\n\"a \"\"b\"\"\nc\"\r\n\" x\"\r\n");
}

static void an_unknown_column_names_the_nearest(void **state)
{
        (void)state;
        struct error err;
        const char *const fields[] = { "child.byte", NULL };
        struct printer_options options = { .fields = fields };
        FILE *out = tmpfile();
        cleanup(printer_free) struct printer *printer = printer_new(out, &options, &err);
        assert_int_equal(printer_begin(printer, row_record, NULL, &err), -1);
        assert_int_equal(err.code, E_INVALID);
        assert_non_null(strstr(err.message, "did you mean child.bytes?"));
        fclose(out);
}

static void many_rows_stream(void **state)
{
        (void)state;
        struct error err;
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        struct printer_options options = { .format = PRINT_TABLE, .width = 80 };
        cleanup(printer_free) struct printer *printer = printer_new(out, &options, &err);
        cleanup(json_decref) json_t *row = json_parse(sv_of(first_row), true, &err);
        assert_int_equal(printer_begin(printer, row_record, NULL, &err), 0);
        for (int i = 0; i < PRINT_PROBE_ROWS - 1; i++)
                assert_int_equal(printer_row(printer, row, &err), 0);
        fflush(out);
        assert_int_equal(size, 0);
        assert_int_equal(printer_row(printer, row, &err), 0);
        fflush(out);
        size_t probed = size;
        assert_true(probed > 0);
        for (int i = 0; i < 10000; i++)
                assert_int_equal(printer_row(printer, row, &err), 0);
        assert_int_equal(printer_end(printer, &err), 0);
        assert_int_equal(printer_finish(printer, &err), 0);
        fclose(out);
        size_t lines = 0;
        for (size_t i = 0; i < size; i++)
                lines += text[i] == '\n';
        assert_int_equal(lines, 1 + PRINT_PROBE_ROWS + 10000);
        free(text);
}

static void a_full_device_is_an_error(void **state)
{
        (void)state;
        struct error err;
        cleanup(fclose) FILE *out = fopen("/dev/full", "w");
        if (!out) {
                print_message("skipped: needs /dev/full\n");
                skip();
        }
        struct printer_options options = { .format = PRINT_NDJSON };
        cleanup(printer_free) struct printer *printer = printer_new(out, &options, &err);
        cleanup(json_decref) json_t *row = json_parse(sv_of(first_row), true, &err);
        assert_int_equal(printer_begin(printer, row_record, NULL, &err), 0);
        printer_row(printer, row, &err);
        assert_int_equal(printer_finish(printer, &err), -1);
}

static char *result_of(const char *json, enum print_shape shape, struct printer_options options)
{
        static char *text;
        size_t size;
        struct error err;
        free(text);
        text = NULL;
        FILE *out = open_memstream(&text, &size);
        cleanup(json_decref) json_t *result = json_parse(sv_of(json), true, &err);
        assert_non_null(result);
        if (print_result(out, &options, row_record, shape, RECORD(struct child, child_fields), result, &err) < 0)
                fail_msg("%s", err.message);
        fclose(out);
        return text;
}

static const char map_result[] =
        "{\"foundanything\":true,\"success\":true,\"elements\":{\"s1\":[{\"name\":\"a\",\"count\":1}],\"s2\":[]},"
        "\"statistics\":{\"age\":2,\"bytes\":1024},\"errors\":[\"no \\u001b luck\",{\"path\":\"/x\"}]}";

static void whole_results(void **state)
{
        (void)state;
        const char *const fields[] = { "name", "count", NULL };
        struct printer_options options = { .format = PRINT_TABLE, .fields = fields };
        assert_string_equal(result_of(map_result, PRINT_MAP_OF_LISTS, options),
                "s1:\nNAME  COUNT\na         1\n\ns2: nothing\n\nstatistics:\nage: 2s\nbytes: 1.0 KiB\n"
                "error: no \\x1b luck\nerror: {\"path\":\"/x\"}\n");
        options.results_only = true;
        assert_string_equal(result_of(map_result, PRINT_MAP_OF_LISTS, options), "s1:\nNAME  COUNT\na         1\n");
        options.format = PRINT_CSV;
        assert_string_equal(result_of(map_result, PRINT_MAP_OF_LISTS, options), "label,name,count\r\ns1,a,1\r\n");
        options.fields = NULL;
        options.format = PRINT_YAML;
        assert_string_equal(result_of(map_result, PRINT_MAP_OF_LISTS, options), "s1:\n  - name: a\n    count: 1\n");
        options.format = PRINT_JSON;
        struct error err;
        cleanup(json_decref) json_t *only =
                json_parse(sv_of(result_of(map_result, PRINT_MAP_OF_LISTS, options)), true, &err);
        assert_int_equal(json_object_size(only), 1);
        options.results_only = false;
        cleanup(json_decref) json_t *all =
                json_parse(sv_of(result_of(map_result, PRINT_MAP_OF_LISTS, options)), true, &err);
        cleanup(json_decref) json_t *expected = json_parse(sv_of(map_result), true, &err);
        assert_true(json_equal(all, expected));
        options.format = PRINT_TABLE;
        assert_string_equal(
                result_of("{\"elements\":{\"name\":\"a\",\"count\":7},\"errors\":null}", PRINT_OBJECT, options),
                "name: a\ncount: 7\n");
        assert_string_equal(result_of("{\"elements\":\"a\\u001bb\"}", PRINT_SCALAR, options), "a\\x1bb\n");
        assert_string_equal(result_of("{\"elements\":null}", PRINT_LIST, options), "");
        assert_string_equal(result_of("{}", PRINT_MAP_OF_LISTS, options), "");
}

static void lists_of_records_become_tables(void **state)
{
        (void)state;
        struct error err;
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        struct printer_options options = { .format = PRINT_TABLE };
        cleanup(json_decref) json_t *result = json_parse(
                SV("{\"elements\":{\"target\":\"t\",\"steps\":[{\"maxtime\":\"1s\",\"maxbytes\":5,\"share\":0.5}]}}"),
                true, &err);
        assert_int_equal(print_result(out, &options, fixture_record, PRINT_OBJECT, NULL, result, &err), 0);
        fclose(out);
        assert_string_equal(text, "target: t\n\nsteps:\nMAXTIME  MAXBYTES  SHARE\n     1s       5 B    0.5\n");
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_table_has_columns),
                cmocka_unit_test(sections_stand_apart),
                cmocka_unit_test(columns_fit_the_terminal),
                cmocka_unit_test(what_does_not_fit_is_left_out),
                cmocka_unit_test(paths_are_links_where_that_is_wanted),
                cmocka_unit_test(a_template_makes_a_line_a_row),
                cmocka_unit_test(a_wrong_template_says_why),
                cmocka_unit_test(one_object_stands_alone),
                cmocka_unit_test(nothing_steers_the_terminal),
                cmocka_unit_test(wide_characters_take_two_columns),
                cmocka_unit_test(json_and_yaml_keep_the_value),
                cmocka_unit_test(ndjson_and_csv_name_the_section),
                cmocka_unit_test(an_unknown_column_names_the_nearest),
                cmocka_unit_test(many_rows_stream),
                cmocka_unit_test(a_full_device_is_an_error),
                cmocka_unit_test(whole_results),
                cmocka_unit_test(lists_of_records_become_tables),
        };
        return cmocka_run_group_tests_name("schema_print", tests, NULL, NULL);
}
