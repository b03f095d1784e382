/* One table, many uses: a field that is added to a table shows up everywhere, with no other edit. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/complete.h"
#include "schema/describe.h"
#include "schema/flags.h"
#include "schema/json.h"
#include "schema/json_schema.h"
#include "schema/print.h"
#include "schema/prompt.h"
#include "schema/usage.h"
#include "schema/write.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct tool {
        int count;
        int64_t patience_ns;
};

static const struct field fields[] = {
        FIELD_INT(struct tool, count, .help = "how many times"),
        FIELD_DURATION(struct tool, patience_ns, .json = "patience", .flag = 'p', .help = "how long to wait",
                .def = "7s", .private_ = true),
};
static const struct record before = { .fields = fields, .count = 1, .size = sizeof(struct tool) };
static const struct record after = { .fields = fields, .count = 2, .size = sizeof(struct tool) };

/* Everything that is derived from the table, as one text. */
static const char *derived(const struct record *record, const char *what)
{
        static struct buf out;
        struct json_writer writer;
        struct error err;
        buf_done(&out);
        buf_init(&out, 1 << 20);
        json_writer_init(&writer, &out, 0);
        if (!strcmp(what, "help")) {
                usage_print(&out, "tool", "a tool", NULL, record, NULL, 200);
        } else if (!strcmp(what, "man")) {
                usage_scdoc(&out, "tool", "a tool", NULL, record, record, NULL);
        } else if (!strcmp(what, "complete")) {
                record_complete(record, (const char *[]){ "-" }, 1, 0, &out);
        } else if (!strcmp(what, "describe")) {
                record_describe(&writer, record);
        } else if (!strcmp(what, "schema")) {
                cleanup(json_decref) json_t *schema = record_json_schema(record, NULL, NULL, JSON_SCHEMA_STRICT);
                json_put_value(&writer, schema);
        } else if (!strcmp(what, "flags")) {
                char *argv[] = { (char[]){ "-p" }, (char[]){ "2m" } };
                cleanup(json_decref) json_t *given = flags_parse(record, 2, argv, &err);
                buf_puts(&out, given ? "patience 2m" : err.message);
        } else if (!strcmp(what, "prompt")) {
                char *text = NULL;
                size_t size;
                cleanup(fclose) FILE *in = fmemopen((char[]){ "1\n2m\n" }, 5, "r");
                FILE *shown = open_memstream(&text, &size);
                cleanup(json_decref) json_t *given = record_prompt(record, in, shown, &err);
                fclose(shown);
                buf_puts(&out, text);
                json_put_value(&writer, given);
                free(text);
        } else if (!strcmp(what, "printer")) {
                char *text = NULL;
                size_t size;
                FILE *shown = open_memstream(&text, &size);
                cleanup(json_decref) json_t *row = json_pack("{s:i,s:s}", "count", 1, "patience", "2m");
                struct printer_options options = { .format = PRINT_TABLE };
                cleanup(printer_free) struct printer *printer = printer_new(shown, &options, &err);
                printer_begin(printer, record, NULL, &err);
                printer_row(printer, row, &err);
                printer_end(printer, &err);
                fclose(shown);
                buf_puts(&out, text);
                free(text);
        } else {
                struct tool tool = { 1, 2 * MINUTE };
                record_write(&writer, record, &tool, WRITE_PRIVACY);
        }
        return buf_text(&out);
}

static void a_new_field_is_everywhere(void **state)
{
        (void)state;
        static const struct {
                const char *what;
                const char *parts[4];
        } cases[] = {
                { "help", { "-p, --patience DURATION", "how long to wait", "default: 7s" } },
                { "man", { "*-p*, *--patience* _DURATION_", "*patience* (duration)" } },
                { "complete", { "--patience\thow long to wait\n" } },
                { "describe", { "\"json\":\"patience\"", "\"default\":\"7s\"" } },
                { "schema", { "\"patience\":{", "\"default\":\"7s\"", "\"x-tarsier-private\":true" } },
                { "flags", { "patience 2m" } },
                { "prompt", { "patience [7s]: ", "\"patience\":\"2m\"" } },
                { "printer", { "PATIENCE", "2m" } },
                { "masked", { "\"patience\":\"masked\"" } },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (size_t n = 0; n < 4 && cases[i].parts[n]; n++) {
                        if (strstr(derived(&before, cases[i].what), cases[i].parts[n]))
                                fail_msg("%s has it before", cases[i].what);
                        if (!strstr(derived(&after, cases[i].what), cases[i].parts[n]))
                                fail_msg("%s lacks \"%s\":\n%s", cases[i].what, cases[i].parts[n],
                                        derived(&after, cases[i].what));
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(a_new_field_is_everywhere) };
        return cmocka_run_group_tests_name("schema_one_table", tests, NULL, NULL);
}
