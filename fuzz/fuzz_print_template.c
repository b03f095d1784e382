/* Templates of rows: any text is a template or an error; what is printed of a hostile row cannot steer a terminal. */
#include "base/encode.h"
#include "schema/json.h"
#include "schema/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct field nested_fields[] = {
        { .name = "size", .type = FIELD_TYPE_SIZE },
        { .name = "at", .type = FIELD_TYPE_TIME },
};
static const struct record nested_record = { .fields = nested_fields, .count = 2, .name = "nested" };
static const struct field fields[] = {
        { .name = "name", .type = FIELD_TYPE_STRING },
        { .name = "n", .type = FIELD_TYPE_INT },
        { .name = "tags", .type = FIELD_TYPE_STRING, .container = FIELD_LIST },
        { .name = "in", .type = FIELD_TYPE_RECORD, .record = &nested_record },
};
static const struct record record = { .fields = fields, .count = 4, .name = "row" };

static void check_harmless(struct sv text)
{
        while (text.n) {
                uint32_t code_point;
                size_t n = utf8_decode(text, &code_point);
                if (!n || (utf8_is_control(code_point) && code_point != '\n' && code_point != '\t'))
                        abort();
                text = sv_n(text.p + n, text.n - n);
        }
}

/* The template itself may hold anything; where it holds nothing bad, neither does a row by it. */
static bool is_harmless(const char *text)
{
        struct sv rest = sv_of(text);
        while (rest.n) {
                uint32_t code_point;
                size_t n = utf8_decode(rest, &code_point);
                if (!n || (utf8_is_control(code_point) && code_point != '\n' && code_point != '\t'))
                        return false;
                rest = sv_n(rest.p + n, rest.n - n);
        }
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        static const char row_text[] =
                "{\"name\":\"a\\u001b[2J\\u202e\\u009b\\n\",\"n\":-5,\"tags\":[\"\\u0007\",\"x\"],"
                "\"in\":{\"size\":1536,\"at\":\"2026-11-21T08:00:00.5Z\"},\"other\":\"\\u001b\"}";
        struct error err;
        char *text = NULL;
        size_t length = 0;
        char template[4096];
        size_t n = size < sizeof(template) - 1 ? size : sizeof(template) - 1;
        memcpy(template, bytes, n);
        template[n] = '\0';
        FILE *out = open_memstream(&text, &length);
        struct printer_options options = { .format = PRINT_TEMPLATE, .row_template = template };
        struct printer *printer = out ? printer_new(out, &options, &err) : NULL;
        json_t *row = json_parse(sv_of(row_text), true, &err);
        if (printer && row && printer_begin(printer, &record, n % 2 ? "l\x1b" : NULL, &err) == 0 &&
                printer_row(printer, row, &err) == 0)
                printer_end(printer, &err);
        if (printer)
                printer_finish(printer, &err);
        printer_free(printer);
        if (out)
                fclose(out);
        if (text && is_harmless(template))
                check_harmless(sv_n(text, length));
        json_decref(row);
        free(text);
        return 0;
}
