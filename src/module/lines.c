#include "module/lines.h"

#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/print.h"

enum { ROW_ARENA_MAX = 64 << 20 };

void print_line(struct line_printer *printer, const char *format, ...)
{
        struct buf text;
        buf_init(&text, printer->out->max);
        va_list args;
        va_start(args, format);
        buf_vprintf(&text, format, args);
        va_end(args);
        print_escape(printer->out, sv_n(buf_text(&text), text.len));
        buf_putc(printer->out, '\n');
        if (text.failed)
                printer->out->failed = true;
        buf_done(&text);
}

void print_styled(struct line_printer *printer, const char *template, ...)
{
        static const struct term plain = { .fd = -1, .utf8 = true };
        va_list args;
        va_start(args, template);
        style_vmarkup(printer->out, printer->term ? printer->term : &plain, template, args);
        va_end(args);
        buf_putc(printer->out, '\n');
}

/* The struct of a record from its JSON; NULL on failure. */
static void *read_struct(const struct record *record, struct sv json, struct arena *arena, struct error *err)
{
        cleanup(json_decref) json_t *value = json_parse(json, false, err);
        if (!value)
                return NULL;
        void *row = arena_alloc(arena, record->size);
        if (!row)
                return fail_null(err, E_NO_MEMORY, "no memory to print a row");
        return record_read(record, value, row, arena, READ_PARTIAL, err) < 0 ? NULL : row;
}

int print_module_row(const struct module *module, struct line_printer *printer, const char *group, const char *label,
        struct sv json, struct error *err)
{
        if (json.n == 0) {
                if (module->print_empty && !printer->results_only)
                        module->print_empty(printer, group, label);
                return 0;
        }
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, ROW_ARENA_MAX);
        void *row = read_struct(module->element, json, &arena, err);
        if (!row)
                return -1;
        module->print_row(printer, group, label, row);
        return 0;
}

int print_module_statistics(
        const struct module *module, struct line_printer *printer, struct sv json, struct error *err)
{
        if (!module->print_statistics || printer->results_only)
                return 0;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, ROW_ARENA_MAX);
        void *statistics = read_struct(module->statistics, json, &arena, err);
        if (!statistics)
                return -1;
        module->print_statistics(printer, statistics);
        return 0;
}
