/* Lines for people: what a module's print functions write to, and how its rows reach them. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "module/module.h"
#include "term/style.h"

struct line_printer {
        struct buf *out;
        bool results_only;
        const struct term *term; /* colours and width; NULL = plain, nothing is cut */
};

/* One line; the newline is added and control bytes of hostile names are shown escaped. */
void print_line(struct line_printer *printer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line of styled texts, "<error>%s</> of <bold>%s</>": tags as style_markup has them (term/style.h), and %s as the
 * only conversion. Without colours only the text is written. */
void print_styled(struct line_printer *printer, const char *template, ...) __attribute__((format(printf, 2, 3)));

/* Reads one row (JSON of module->element) into its struct and calls the module's print function for it; json.n == 0 is
 * a label without rows. The module must have print_row. */
int print_module_row(const struct module *module, struct line_printer *printer, const char *group, const char *label,
        struct sv json, struct error *err);
int print_module_statistics(
        const struct module *module, struct line_printer *printer, struct sv json, struct error *err);
