/* A whole result, by the shape of its elements. */
#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/print_text.h"

struct result_printer {
        struct printer *printer;
        const struct printer_options *options;
        const struct record *element;
        FILE *out;
        struct error *err;
};

static int put_rows(struct result_printer *self, const struct record *record, const char *label, const json_t *rows)
{
        size_t i;
        const json_t *row;
        if (printer_begin(self->printer, record, label, self->err) < 0)
                return -1;
        json_array_foreach(rows, i, row) if (printer_row(self->printer, row, self->err) < 0) return -1;
        return printer_end(self->printer, self->err);
}

/* One object: its own values as lines, then each list of records as a table of its own. */
static int put_object(struct result_printer *self, const struct record *record, const char *label, const json_t *object)
{
        bool table = self->options->format == PRINT_TABLE;
        cleanup(json_decref) json_t *own = json_copy((json_t *)(uintptr_t)object);
        for (size_t i = 0; table && i < record->count; i++)
                if (record->fields[i].type == FIELD_TYPE_RECORD && record->fields[i].container == FIELD_LIST)
                        json_object_del(own, field_json_name(&record->fields[i]));
        cleanup(json_decref) json_t *rows = json_pack("[O]", own);
        if (!rows)
                return fail(self->err, E_NO_MEMORY, "no memory to print with");
        if (!table)
                return put_rows(self, record, label, rows);

        struct printer_options lines = *self->options;
        lines.format = PRINT_LINES;
        cleanup(printer_free) struct printer *printer = printer_new(self->out, &lines, self->err);
        if (!printer)
                return -1;
        struct result_printer inner = *self;
        inner.printer = printer;
        if ((json_object_size(own) || label) && put_rows(&inner, record, label, rows) < 0)
                return -1;
        bool before = json_object_size(own);
        for (size_t i = 0; i < record->count && !self->options->fields; i++) {
                const struct field *field = &record->fields[i];
                const json_t *list = json_object_get(object, field_json_name(field));
                if (field->type != FIELD_TYPE_RECORD || field->container != FIELD_LIST || !json_array_size(list))
                        continue;
                if (before)
                        fputc('\n', self->out);
                before = false; /* from here on the printer sets its sections apart itself */
                if (put_rows(self, field->record, field_json_name(field), list) < 0)
                        return -1;
        }
        return 0;
}

static int put_scalar(struct result_printer *self, const json_t *value)
{
        struct buf text;
        buf_init(&text, PRINT_ROW_MAX);
        if (json_is_string(value) && self->options->format != PRINT_JSON && self->options->format != PRINT_NDJSON)
                print_escape(&text, sv_of(json_string_value(value)));
        else
                print_json(&text, value, 0);
        buf_putc(&text, '\n');
        fwrite(buf_text(&text), 1, text.len, self->out);
        buf_done(&text);
        return 0;
}

static int put_elements(struct result_printer *self, enum print_shape shape, const json_t *elements)
{
        const char *key;
        json_t *rows;
        if (!elements || json_is_null(elements))
                return 0;
        switch (shape) {
        case PRINT_SCALAR:
                return put_scalar(self, elements);
        case PRINT_OBJECT:
                return json_object_size(elements) ? put_object(self, self->element, NULL, elements) : 0;
        case PRINT_LIST:
                return put_rows(self, self->element, NULL, elements);
        default:
                json_object_foreach((json_t *)(uintptr_t)elements, key,
                        rows) if (put_rows(self, self->element, key, rows) < 0) return -1;
                return 0;
        }
}

static void put_errors(FILE *out, const json_t *errors)
{
        size_t i;
        const json_t *item;
        json_array_foreach(errors, i, item)
        {
                struct buf text;
                buf_init(&text, PRINT_ROW_MAX);
                buf_puts(&text, "error: ");
                if (json_is_string(item))
                        print_escape(&text, sv_of(json_string_value(item)));
                else
                        print_json(&text, item, 0);
                buf_putc(&text, '\n');
                fwrite(buf_text(&text), 1, text.len, out);
                buf_done(&text);
        }
}

/* The elements without the lists of a map that are empty. New reference. */
static json_t *without_empty(const json_t *elements, enum print_shape shape)
{
        if (!elements)
                return json_null();
        if (shape != PRINT_MAP_OF_LISTS || !json_is_object(elements))
                return json_incref((json_t *)(uintptr_t)elements);
        json_t *kept = json_object();
        const char *key;
        json_t *rows;
        json_object_foreach((json_t *)(uintptr_t)elements, key, rows) if (json_array_size(rows))
                json_object_set(kept, key, rows);
        return kept;
}

static int put_document(struct result_printer *self, enum print_shape shape, const json_t *result)
{
        struct buf text;
        cleanup(json_decref) json_t *shown = self->options->results_only
                                                     ? without_empty(json_object_get(result, "elements"), shape)
                                                     : json_incref((json_t *)(uintptr_t)result);
        buf_init(&text, PRINT_DOCUMENT_MAX);
        if (self->options->format == PRINT_JSON) {
                print_json(&text, shown, 2);
                buf_putc(&text, '\n');
        } else {
                print_yaml(&text, shown, 0);
        }
        bool failed = text.failed;
        if (!failed)
                fwrite(text.data, 1, text.len, self->out);
        buf_done(&text);
        return failed ? fail(self->err, E_TOO_LARGE, "the result is too large to print at once") : 0;
}

int print_result(FILE *out, const struct printer_options *options, const struct record *element, enum print_shape shape,
        const struct record *statistics, const json_t *result, struct error *err)
{
        bool people = options->format == PRINT_TABLE || options->format == PRINT_LINES;
        bool document = options->format == PRINT_JSON || options->format == PRINT_YAML;
        cleanup(printer_free) struct printer *printer = printer_new(out, options, err);
        if (!printer)
                return -1;
        struct result_printer self = {
                .printer = printer, .options = options, .element = element, .out = out, .err = err
        };
        if (document && !options->fields) {
                if (put_document(&self, shape, result) < 0)
                        return -1;
        } else {
                if (put_elements(&self, shape, json_object_get(result, "elements")) < 0)
                        return -1;
                if ((shape != PRINT_SCALAR || !document) && printer_finish(printer, err) < 0)
                        return -1;
        }
        const json_t *figures = json_object_get(result, "statistics");
        if (people && !options->results_only && statistics && json_object_size(figures)) {
                struct printer_options all = *options;
                all.fields = NULL;
                struct result_printer inner = self;
                inner.options = &all;
                cleanup(printer_free) struct printer *tables = printer_new(out, &all, err);
                inner.printer = tables;
                fputc('\n', out);
                if (!tables || put_object(&inner, statistics, "statistics", figures) < 0)
                        return -1;
        }
        if (people && !options->results_only)
                put_errors(out, json_object_get(result, "errors"));
        return fflush(out) || ferror(out) ? fail_errno(err, "writing the output") : 0;
}
