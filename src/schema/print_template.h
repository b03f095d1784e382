/* A row by a template of the user's: "{{pid}} {{upper name}}". Private to print*.c. */
#pragma once

#include "schema/print_column.h"

enum { TEMPLATE_PARTS_MAX = 256, TEMPLATE_WIDTH_MAX = 1000 };

enum template_verb {
        TEMPLATE_TEXT,  /* between the braces */
        TEMPLATE_SHOW,  /* as a table shows it */
        TEMPLATE_EXACT, /* numbers in full, times as they are */
        TEMPLATE_JSON,
        TEMPLATE_UPPER,
        TEMPLATE_LOWER,
        TEMPLATE_PAD, /* to so many columns, negative: from the left */
        TEMPLATE_LABEL,
        TEMPLATE_ROW, /* the whole row as JSON */
};

struct template_part {
        enum template_verb verb;
        struct sv text; /* TEXT: with \n, \t and \\ still to be undone */
        size_t column;
        int width;
};

struct row_template {
        struct template_part parts[TEMPLATE_PARTS_MAX];
        size_t count;
};

/* text is borrowed by *ret. E_INVALID names what is wrong, and for an unknown field or function the nearest one. */
int template_parse(const char *text, const struct print_column *columns, size_t column_count, struct row_template *ret,
        struct error *err);

/* Appends a row and a line break. Nothing in it steers a terminal but what the template itself says. label may be NULL.
 */
void template_put(struct buf *out, const struct row_template *template, const struct print_column *columns,
        const char *label, const json_t *row);
