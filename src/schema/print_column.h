/* The columns of a printed record: nested records flattened, the user's selection applied. Private to print*.c. */
#pragma once

#include "schema/print_text.h"

struct print_column {
        const struct field *field;
        const char *path[PRINT_DEPTH_MAX]; /* wire keys */
        size_t depth;
        char name[PRINT_NAME_MAX]; /* "limits.maxtime" */
        size_t width;              /* on the terminal */
        bool right;                /* numbers stand at the right */
        bool hidden;               /* does not fit the terminal */
};

/* Fills at most PRINT_COLUMNS_MAX columns, in the order of `selection` where there is one. */
int print_columns(const struct record *record, const char *const *selection, struct print_column *ret,
        size_t *ret_count, struct error *err);

/* The column's value in a row; borrowed, NULL when absent. */
const json_t *print_column_value(const struct print_column *column, const json_t *row);

/* An object with the columns of the row only, nested as they were. New reference. */
json_t *print_selected(const struct print_column *columns, size_t count, const json_t *row);
