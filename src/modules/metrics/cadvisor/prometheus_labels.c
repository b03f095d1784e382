/* The labels of containers: all containers of one answer have the same names, those that any of them has, since two
 * series of one family may not differ in them. A name is sanitised; where two names become one, the first value that is
 * not empty stands. */
#include "modules/metrics/cadvisor/prometheus_labels.h"
#include "modules/metrics/cadvisor/prometheus_internal.h"

enum { KEY_MAX = 1024 }; /* a longer name of a label is refused */

void label_columns_init(struct label_columns *columns, const struct metrics_options *options, struct exposition *out)
{
        *columns = (struct label_columns){ .options = options, .out = out };
        map_init(&columns->raw, LABEL_COLUMNS_MAX);
        map_init(&columns->names, LABEL_COLUMNS_MAX);
}

void label_columns_done(struct label_columns *columns)
{
        map_done(&columns->raw);
        map_done(&columns->names);
        vec_done(&columns->items);
        free(columns->row);
}

static struct sv key_of(char key[KEY_MAX], const char *prefix, const char *name)
{
        int length = snprintf(key, KEY_MAX, "%s%s", prefix, name);
        return length > 0 && length < KEY_MAX ? sv_n(key, (size_t)length) : sv_n(NULL, 0);
}

/* The values of the maps are indexes plus one: NULL is what the map says for absent. */
static void *of_index(size_t index)
{
        return (void *)(uintptr_t)(index + 1);
}

static size_t to_index(void *value)
{
        return (size_t)(uintptr_t)value - 1;
}

static void column_add(struct label_columns *columns, struct sv key)
{
        struct buf name;
        buf_init(&name, KEY_MAX);
        char text[KEY_MAX];
        snprintf(text, sizeof(text), "%.*s", SV_ARG(key));
        exposition_label_name(&name, text);
        void *known = map_get(&columns->names, sv_n(buf_text(&name), name.len));
        if (!known) {
                struct label_column *column = vec_add(&columns->items, LABEL_COLUMNS_MAX);
                const char *copy = column ? exposition_text(columns->out, buf_text(&name)) : NULL;
                known = of_index(columns->items.count - 1);
                if (column && (!copy || map_put(&columns->names, sv_n(buf_text(&name), name.len), known) < 0)) {
                        columns->items.count--;
                        column = NULL;
                }
                if (column)
                        column->name = copy;
                else
                        known = NULL;
        }
        if (!known || map_put(&columns->raw, key, known) < 0)
                columns->refused++;
        buf_done(&name);
}

static bool listed(const char *const *names, const char *name)
{
        for (; names && *names; names++)
                if (strcmp(*names, name) == 0)
                        return true;
        return false;
}

typedef void each_label(struct label_columns *columns, const char *prefix, const char *name, const char *value);

static void labels_each(
        struct label_columns *columns, const struct cadvisor_container_metrics *container, each_label *each)
{
        const struct metrics_options *options = columns->options;
        const struct container_spec *spec = container->spec;
        each(columns, "", "id", container->ref->name);
        if (container->ref->alias_count > 0)
                each(columns, "", "name", container->ref->aliases[0]);
        if (spec->image && *spec->image)
                each(columns, "", "image", spec->image);
        for (size_t i = 0; i < container->extra_count; i++)
                each(columns, "", container->extra[i].name, container->extra[i].value);
        for (size_t i = 0; i < spec->label_count; i++)
                if (options->store_labels || listed(options->label_names, spec->labels[i].name))
                        each(columns, "container_label_", spec->labels[i].name, spec->labels[i].value);
        for (size_t i = 0; options->env_labels && i < spec->env_count; i++)
                each(columns, "container_env_", spec->envs[i].name, spec->envs[i].value);
}

static void note(struct label_columns *columns, const char *prefix, const char *name, const char *value)
{
        (void)value;
        char text[KEY_MAX];
        struct sv key = key_of(text, prefix, name);
        if (!key.p)
                columns->refused++;
        else if (!map_get(&columns->raw, key))
                column_add(columns, key);
}

void label_columns_note(struct label_columns *columns, const struct cadvisor_container_metrics *container)
{
        labels_each(columns, container, note);
}

static int by_name(const void *a, const void *b)
{
        const struct exposition_label *x = a, *y = b;
        return strcmp(x->name, y->name);
}

int label_columns_close(struct label_columns *columns)
{
        size_t count = columns->items.count;
        columns->row = calloc(count ? count : 1, sizeof(*columns->row));
        if (!columns->row)
                return -1;
        for (size_t i = 0; i < count; i++)
                columns->row[i].name = columns->items.items[i].name;
        qsort(columns->row, count, sizeof(*columns->row), by_name);
        for (size_t i = 0; i < count; i++)
                columns->items.items[to_index(map_get(&columns->names, sv_of(columns->row[i].name)))].place = i;
        return 0;
}

static void fill(struct label_columns *columns, const char *prefix, const char *name, const char *value)
{
        char text[KEY_MAX];
        struct sv key = key_of(text, prefix, name);
        void *known = key.p ? map_get(&columns->raw, key) : NULL;
        if (!known)
                return;
        struct exposition_label *label = &columns->row[columns->items.items[to_index(known)].place];
        if (!label->value || !*label->value)
                label->value = value;
}

struct exposition_labels *label_columns_set(
        struct label_columns *columns, const struct cadvisor_container_metrics *container)
{
        for (size_t i = 0; i < columns->items.count; i++)
                columns->row[i].value = NULL;
        labels_each(columns, container, fill);
        return exposition_labels(columns->out, columns->row, columns->items.count);
}
