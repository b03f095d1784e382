#include "schema/print_column.h"

#include "schema/flags.h"

struct collector {
        struct print_column *columns;
        size_t count;
        size_t refused;
};

static bool is_number(const struct field *field)
{
        return field->container == FIELD_ONE &&
               (field->type == FIELD_TYPE_INT || field->type == FIELD_TYPE_UINT || field->type == FIELD_TYPE_DOUBLE ||
                       field->type == FIELD_TYPE_SIZE || field->type == FIELD_TYPE_DURATION);
}

static void collect(struct collector *collector, const struct record *record, const struct print_column *above)
{
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                struct print_column column = *above;
                size_t length = strlen(column.name);
                column.field = field;
                column.path[column.depth++] = field_json_name(field);
                snprintf(column.name + length, sizeof(column.name) - length, "%s%s", length ? "." : "",
                        field_json_name(field));
                if (field->type == FIELD_TYPE_RECORD && field->container == FIELD_ONE &&
                        column.depth < PRINT_DEPTH_MAX) {
                        collect(collector, field->record, &column);
                        continue;
                }
                column.right = is_number(field);
                if (collector->count < PRINT_COLUMNS_MAX)
                        collector->columns[collector->count++] = column;
                else
                        collector->refused++;
        }
}

/* Does the selection name this column, or a record above it? */
static bool is_selected(const struct print_column *column, const char *name)
{
        size_t n = strlen(name);
        return strncmp(column->name, name, n) == 0 && (column->name[n] == '\0' || column->name[n] == '.');
}

static int unknown_column(const struct collector *all, const char *name, struct error *err)
{
        const char *names[PRINT_COLUMNS_MAX];
        for (size_t i = 0; i < all->count; i++)
                names[i] = all->columns[i].name;
        const char *near = nearest_word(name, names, all->count);
        return near ? fail(err, E_INVALID, "unknown field \"%.100s\"; did you mean %s?", name, near)
                    : fail(err, E_INVALID, "unknown field \"%.100s\"", name);
}

int print_columns(const struct record *record, const char *const *selection, struct print_column *ret,
        size_t *ret_count, struct error *err)
{
        struct print_column top = { 0 };
        struct collector all = { .columns = calloc(PRINT_COLUMNS_MAX, sizeof(*all.columns)) };
        size_t count = 0;
        int result = 0;
        if (!all.columns)
                return fail(err, E_NO_MEMORY, "no memory for the columns");
        collect(&all, record, &top);
        if (all.refused)
                result = fail(err, E_TOO_LARGE, "%zu fields are too many, at most %d are printed",
                        all.count + all.refused, PRINT_COLUMNS_MAX);
        if (!selection) {
                memcpy(ret, all.columns, all.count * sizeof(*ret));
                count = all.count;
        }
        for (; result == 0 && selection && *selection; selection++) {
                bool found = false;
                for (size_t i = 0; i < all.count; i++)
                        if (is_selected(&all.columns[i], *selection) && count < PRINT_COLUMNS_MAX) {
                                ret[count++] = all.columns[i];
                                found = true;
                        }
                if (!found)
                        result = unknown_column(&all, *selection, err);
        }
        free(all.columns);
        if (result == 0)
                *ret_count = count;
        return result;
}

const json_t *print_column_value(const struct print_column *column, const json_t *row)
{
        for (size_t i = 0; i < column->depth && row; i++)
                row = json_object_get(row, column->path[i]);
        return row;
}

json_t *print_selected(const struct print_column *columns, size_t count, const json_t *row)
{
        json_t *chosen = json_object();
        for (size_t i = 0; i < count; i++) {
                json_t *value = (json_t *)(uintptr_t)print_column_value(&columns[i], row);
                json_t *at = chosen;
                if (!value)
                        continue;
                for (size_t d = 0; d + 1 < columns[i].depth; d++) {
                        json_t *next = json_object_get(at, columns[i].path[d]);
                        if (!next)
                                json_object_set_new(at, columns[i].path[d], next = json_object());
                        at = next;
                }
                json_object_set(at, columns[i].path[columns[i].depth - 1], value);
        }
        return chosen;
}
