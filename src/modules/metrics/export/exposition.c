/* The builder: families by name, samples as they come in a list each, labels sorted and made valid. The memory is one
 * arena; what does not fit makes the whole exposition an error at its writing. */
#include "modules/metrics/export/exposition_internal.h"

#include "base/encode.h"

enum { FAMILIES_MAX = 1 << 16, SCRATCH_MAX = 1 << 20 };

struct exposition *exposition_new(size_t memory_max, struct error *err)
{
        struct exposition *exposition = calloc(1, sizeof(*exposition));
        if (!exposition)
                return fail_null(err, E_NO_MEMORY, "no memory for an exposition");
        arena_init(&exposition->arena, memory_max);
        map_init(&exposition->families, FAMILIES_MAX);
        buf_init(&exposition->scratch, SCRATCH_MAX);
        return exposition;
}

void exposition_free(struct exposition *exposition)
{
        if (!exposition)
                return;
        arena_done(&exposition->arena);
        map_done(&exposition->families);
        buf_done(&exposition->scratch);
        free(exposition);
}

uint64_t exposition_refused(const struct exposition *exposition)
{
        return exposition->refused;
}

size_t exposition_samples(const struct exposition *exposition)
{
        return exposition->samples;
}

static bool name_char(char c, bool first)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static bool family_name_valid(const char *name)
{
        for (const char *p = name; *p; p++)
                if (!name_char(*p, p == name) && *p != ':')
                        return false;
        return *name != '\0';
}

/* Names that begin with two underscores are for Prometheus' own use; client_golang refuses them too. */
static bool label_name_valid(const char *name)
{
        for (const char *p = name; *p; p++)
                if (!name_char(*p, p == name))
                        return false;
        return *name != '\0' && !(name[0] == '_' && name[1] == '_');
}

/* Text as valid UTF-8 in memory of the builder: what is not is said with U+FFFD, since a scraper refuses the whole
 * answer otherwise. */
static const char *text_keep(struct exposition *exposition, struct sv text)
{
        if (utf8_valid(text))
                return arena_strndup(&exposition->arena, text.p, text.n);
        buf_clear(&exposition->scratch);
        utf8_sanitize(text, &exposition->scratch);
        if (exposition->scratch.failed)
                return NULL;
        return arena_strndup(&exposition->arena, buf_text(&exposition->scratch), exposition->scratch.len);
}

struct exposition_family *exposition_family(
        struct exposition *exposition, const char *name, enum exposition_type type, const char *help)
{
        struct sv key = sv_of(name);
        struct exposition_family *family = map_get(&exposition->families, key);
        if (family)
                return family;
        if (!family_name_valid(name)) {
                exposition->refused++;
                return NULL;
        }
        family = arena_new(&exposition->arena, struct exposition_family);
        char *copy = arena_strdup(&exposition->arena, name);
        const char *help_copy = help ? text_keep(exposition, sv_of(help)) : NULL;
        if (!family || !copy || (help && !help_copy) || map_put(&exposition->families, key, family) < 0) {
                exposition->no_room = true;
                return NULL;
        }
        *family = (struct exposition_family){
                .exposition = exposition, .name = copy, .name_length = key.n, .type = type, .help = help_copy
        };
        return family;
}

const char *exposition_text(struct exposition *exposition, const char *text)
{
        char *copy = arena_strdup(&exposition->arena, text);
        if (!copy)
                exposition->no_room = true;
        return copy;
}

/* Length of a value, and what is peculiar in it: one pass, since most values are short and plain. */
static size_t value_scan(const char *value, bool *ret_escape, bool *ret_high)
{
        bool escape = false, high = false;
        const char *p = value;
        for (; *p; p++) {
                escape |= *p == '\\' || *p == '"' || *p == '\n';
                high |= (unsigned char)*p >= 0x80;
        }
        *ret_escape = escape;
        *ret_high = high;
        return (size_t)(p - value);
}

static void label_take(const struct exposition_label *given, struct stored_label *ret)
{
        bool high;
        ret->name = given->name;
        ret->name_length = (uint32_t)strlen(given->name);
        ret->value = given->value ? given->value : "";
        ret->value_length = (uint32_t)value_scan(ret->value, &ret->escape, &high);
        ret->at = high; /* until label_keep */
}

/* The value into memory of the builder; label values come from outside (names of images, of devices). */
static int label_keep(struct exposition *exposition, struct stored_label *label)
{
        bool high = label->at;
        label->at = 0;
        if (label->value_length == 0) {
                label->value = "";
                return 0;
        }
        struct sv value = sv_n(label->value, label->value_length);
        label->value = high ? text_keep(exposition, value) : arena_strndup(&exposition->arena, value.p, value.n);
        if (high && label->value)
                label->value_length = (uint32_t)strlen(label->value);
        return label->value ? 0 : -1;
}

static int by_name(const void *a, const void *b)
{
        const struct stored_label *x = a, *y = b;
        return strcmp(x->name, y->name);
}

enum { INSERTION_MAX = 16 };

static void labels_sort(struct stored_label *labels, size_t count)
{
        if (count > INSERTION_MAX) {
                qsort(labels, count, sizeof(*labels), by_name);
                return;
        }
        for (size_t i = 1; i < count; i++)
                for (size_t k = i; k > 0 && by_name(&labels[k - 1], &labels[k]) > 0; k--) {
                        struct stored_label moved = labels[k];
                        labels[k] = labels[k - 1];
                        labels[k - 1] = moved;
                }
}

/* known: labels that were checked before; the same pointers in the same places need no look. */
static bool labels_valid(
        const struct stored_label *labels, size_t count, const struct stored_label *known, size_t known_count)
{
        bool same = count == known_count;
        for (size_t i = 0; same && i < count; i++)
                same = labels[i].name == known[i].name;
        for (size_t i = 0; !same && i < count; i++)
                if (!label_name_valid(labels[i].name) || (i > 0 && by_name(&labels[i - 1], &labels[i]) == 0))
                        return false;
        return true;
}

static struct stored_label *labels_store(struct exposition *exposition, const struct exposition_label *labels,
        size_t count, struct stored_label *ret, const struct sample *known)
{
        for (size_t i = 0; i < count; i++)
                label_take(&labels[i], &ret[i]);
        labels_sort(ret, count);
        if (!labels_valid(ret, count, known ? known->labels : NULL, known ? known->count : 0)) {
                exposition->refused++;
                return NULL;
        }
        for (size_t i = 0; i < count; i++)
                if (label_keep(exposition, &ret[i]) < 0) {
                        exposition->no_room = true;
                        return NULL;
                }
        return ret;
}

static bool set_render(struct exposition *exposition, struct exposition_labels *set, uint32_t *ends)
{
        struct buf *text = &exposition->scratch;
        buf_clear(text);
        for (size_t i = 0; i < set->count; i++) {
                const struct stored_label *label = &set->labels[i];
                buf_puts(text, i ? "," : "");
                buf_puts(text, label->name);
                buf_puts(text, "=\"");
                char *room = buf_reserve(text, 2 * (size_t)label->value_length);
                if (room)
                        text->len += (size_t)(label_escape(room, label) - room);
                buf_puts(text, "\"");
                ends[i] = (uint32_t)text->len;
        }
        set->ends = ends;
        set->text_length = text->len;
        set->text = arena_strndup(&exposition->arena, buf_text(text), text->len);
        return !text->failed && set->text;
}

struct exposition_labels *exposition_labels(
        struct exposition *exposition, const struct exposition_label *labels, size_t count)
{
        if (count > EXPOSITION_LABELS_MAX) {
                exposition->refused++;
                return NULL;
        }
        struct exposition_labels *set = arena_new(&exposition->arena, struct exposition_labels);
        struct stored_label *stored = arena_array(&exposition->arena, count, sizeof(*stored));
        uint32_t *ends = arena_array(&exposition->arena, count, sizeof(*ends));
        if (!set || !stored || !ends) {
                exposition->no_room = true;
                return NULL;
        }
        if (!labels_store(exposition, labels, count, stored, NULL))
                return NULL;
        set->count = count;
        set->labels = stored;
        if (!set_render(exposition, set, ends)) {
                exposition->no_room = true;
                return NULL;
        }
        return set;
}

/* Where each label of a sample stands among those of its set; false: the set has one of the same name. */
static bool labels_place(struct stored_label *labels, size_t count, const struct exposition_labels *set)
{
        size_t low = 0;
        for (size_t i = 0; i < count; i++) {
                size_t high = set ? set->count : 0;
                while (low < high) {
                        size_t middle = (low + high) / 2;
                        int order = strcmp(set->labels[middle].name, labels[i].name);
                        if (order == 0)
                                return false;
                        if (order < 0)
                                low = middle + 1;
                        else
                                high = middle;
                }
                labels[i].at = (uint16_t)low;
        }
        return true;
}

/* The format's own label of a bucket or quantile is written behind the others, whatever its name. */
static void bound_last(const struct exposition_family *family, enum exposition_part part, struct sample *sample)
{
        const char *name = part == EXPOSITION_BUCKET ? "le" : "quantile";
        bool has_one = part == EXPOSITION_BUCKET || (part == EXPOSITION_VALUE && family->type == EXPOSITION_SUMMARY);
        for (uint16_t i = 0; has_one && i + 1 < sample->count; i++) {
                if (strcmp(sample->labels[i].name, name) != 0)
                        continue;
                struct stored_label bound = sample->labels[i];
                sample->labels[i] = sample->labels[i + 1];
                sample->labels[i + 1] = bound;
        }
}

static void add(struct exposition_family *family, enum exposition_part part, const struct exposition_labels *set,
        const struct exposition_label *labels, size_t count, double value, int64_t time_ms)
{
        if (!family)
                return;
        struct exposition *exposition = family->exposition;
        if (count > EXPOSITION_LABELS_MAX) {
                exposition->refused++;
                return;
        }
        struct sample *sample = NULL;
        if (exposition->samples < EXPOSITION_SAMPLES_MAX)
                sample = arena_alloc(&exposition->arena, sizeof(*sample) + count * sizeof(sample->labels[0]));
        if (!sample) {
                exposition->no_room = true;
                return;
        }
        if (!labels_store(exposition, labels, count, sample->labels, family->last))
                return;
        if (!labels_place(sample->labels, count, set)) {
                exposition->refused++;
                return;
        }
        sample->set = set;
        sample->value = value;
        sample->time_ms = time_ms;
        sample->count = (uint16_t)count;
        sample->part = (uint8_t)part;
        bound_last(family, part, sample);
        if (family->last)
                family->last->next = sample;
        else
                family->first = sample;
        family->last = sample;
        exposition->samples++;
}

void exposition_add_to(struct exposition_family *family, const struct exposition_labels *set,
        const struct exposition_label *labels, size_t count, double value, int64_t time_ms)
{
        add(family, EXPOSITION_VALUE, set, labels, count, value, time_ms);
}

void exposition_add_part(struct exposition_family *family, enum exposition_part part,
        const struct exposition_label *labels, size_t count, double value, int64_t time_ms)
{
        add(family, part, NULL, labels, count, value, time_ms);
}

void exposition_add(struct exposition_family *family, const struct exposition_label *labels, size_t count, double value,
        int64_t time_ms)
{
        add(family, EXPOSITION_VALUE, NULL, labels, count, value, time_ms);
}

void exposition_put(
        struct exposition *exposition, const char *name, enum exposition_type type, const char *help, double value)
{
        add(exposition_family(exposition, name, type, help), EXPOSITION_VALUE, NULL, NULL, 0, value,
                EXPOSITION_NO_TIME);
}

void exposition_label_name(struct buf *out, const char *text)
{
        bool first = out->len == 0;
        for (struct sv rest = sv_of(text); rest.n > 0;) {
                uint32_t code_point;
                size_t length = utf8_decode(rest, &code_point);
                bool keep = length == 1 && name_char(rest.p[0], first);
                buf_putc(out, keep ? rest.p[0] : '_');
                length = length ? length : 1;
                rest = sv_n(rest.p + length, rest.n - length);
                first = false;
        }
}
