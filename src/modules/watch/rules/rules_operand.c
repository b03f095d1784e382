/* From the name of a field to the place of its value in struct event, by the event's own tables. */
#include "modules/watch/rules/rules_internal.h"

#include "base/buf.h"
#include "base/path.h"
#include "schema/flags.h"

enum { OPERAND_DEPTH_MAX = 4, OPERAND_FIELDS_MAX = 64 };

static const struct field *find_field(const struct record *record, struct sv name)
{
        for (size_t i = 0; i < record->count; i++)
                if (sv_eq(sv_of(field_json_name(&record->fields[i])), name))
                        return &record->fields[i];
        return NULL;
}

/* Collects the dotted names of all fields; they point into `texts`. */
struct all_names {
        char texts[256][OPERAND_NAME_MAX];
        const char *pointers[256];
        size_t count;
};

static void collect(struct all_names *all, const struct record *record, const char *prefix)
{
        for (size_t i = 0; i < record->count && all->count < 256; i++) {
                const struct field *field = &record->fields[i];
                char *text = all->texts[all->count];
                snprintf(text, OPERAND_NAME_MAX, "%s%s%s", prefix, *prefix ? "." : "", field_json_name(field));
                all->pointers[all->count++] = text;
                if (field->record)
                        collect(all, field->record, text);
        }
}

static int unknown_field(struct sv path, struct error *err)
{
        char word[OPERAND_NAME_MAX];
        snprintf(word, sizeof(word), "%.*s", SV_ARG(path));
        struct all_names *all = calloc(1, sizeof(*all));
        if (!all)
                return fail(err, E_NO_MEMORY, "no memory for the rules");
        collect(all, &event_record, "");
        const char *near = NULL;
        for (size_t i = 0; i < all->count && !near; i++) { /* "exe" for process.exe */
                const char *dot = strrchr(all->pointers[i], '.');
                if (dot && !strcmp(dot + 1, word))
                        near = all->pointers[i];
        }
        if (!near)
                near = nearest_word(word, all->pointers, all->count);
        fail(err, E_INVALID, "an event has no field %s%s%s%s", word, near ? "; did you mean " : "", near ? near : "",
                near ? "?" : "");
        free(all);
        return -1;
}

static int set_kind(struct operand *operand, const struct field *field, struct error *err)
{
        operand->type = field->type;
        operand->omit_empty = field->omit_empty;
        switch (field->type) {
        case FIELD_TYPE_STRING:
        case FIELD_TYPE_PATH:
        case FIELD_TYPE_HEX:
                operand->kind = OPERAND_TEXT;
                return 0;
        case FIELD_TYPE_ENUM:
                operand->kind = OPERAND_ENUM;
                operand->names = field->names;
                return 0;
        case FIELD_TYPE_BOOL:
                operand->kind = OPERAND_BOOL;
                return 0;
        case FIELD_TYPE_UINT:
        case FIELD_TYPE_SIZE:
                operand->is_unsigned = true;
                __attribute__((fallthrough));
        case FIELD_TYPE_INT:
        case FIELD_TYPE_DURATION:
        case FIELD_TYPE_TIME:
                operand->kind = OPERAND_NUMBER;
                operand->narrow = field->item_size == sizeof(int);
                return 0;
        case FIELD_TYPE_RECORD:
                operand->kind = OPERAND_PRESENT;
                return 0;
        default:
                return fail(err, E_UNSUPPORTED, "rules cannot compare the field %s", operand->name);
        }
}

/* "argv[0]": *ret_name is "argv" */
static int take_index(struct sv part, struct operand *operand, struct sv *ret_name, bool *ret_index, struct error *err)
{
        size_t bracket = sv_find(part, '[');
        uint64_t index;
        *ret_index = bracket < part.n;
        *ret_name = sv_n(part.p, bracket);
        if (!*ret_index)
                return 0;
        if (part.p[part.n - 1] != ']' || !sv_parse_u64(sv_n(part.p + bracket + 1, part.n - bracket - 2), 10, &index) ||
                index > UINT16_MAX)
                return fail(
                        err, E_INVALID, "%s: an index is a number in brackets, as in process.argv[0]", operand->name);
        operand->index = (uint32_t)index;
        return 0;
}

static int add_has(struct operand *operand, const struct field *field, size_t base, struct error *err)
{
        if (!field->has)
                return 0;
        if (operand->list || operand->has_count == OPERAND_HAS_MAX)
                return fail(err, E_UNSUPPORTED, "rules cannot compare the field %s", operand->name);
        operand->has[operand->has_count++] = (uint16_t)(base + field->has - 1);
        return 0;
}

/* One step down; *record becomes NULL at a leaf. */
static int step(struct operand *operand, const struct record **record, struct sv part, size_t *base, struct sv path,
        struct error *err)
{
        struct sv name;
        bool has_index;
        if (take_index(part, operand, &name, &has_index, err) < 0)
                return -1;
        const struct field *field = *record ? find_field(*record, name) : NULL;
        if (!field)
                return unknown_field(path, err);
        if (add_has(operand, field, *base, err) < 0)
                return -1;
        if (field->container != FIELD_ONE && field->container != FIELD_LIST)
                return fail(err, E_UNSUPPORTED, "rules cannot compare the field %s", operand->name);
        if (has_index && field->container != FIELD_LIST)
                return fail(err, E_INVALID, "%s is no list and has no [%u]", field_json_name(field), operand->index);
        if (field->container == FIELD_LIST) {
                if (operand->list)
                        return fail(err, E_UNSUPPORTED, "rules cannot compare the field %s", operand->name);
                operand->list = true;
                operand->has_index = has_index;
                operand->offset = (uint16_t)(*base + field->offset);
                operand->stride = (uint16_t)field->item_size;
                *base = 0;
        } else {
                *base += field->offset;
        }
        *record = field->record;
        return set_kind(operand, field, err);
}

int operand_resolve(struct sv path, bool basename, struct operand *ret, struct error *err)
{
        const struct record *record = &event_record;
        struct sv rest = path, part;
        size_t base = 0;
        *ret = (struct operand){ .basename = basename };
        if (path.n >= OPERAND_NAME_MAX || !path.n)
                return fail(err, E_INVALID, "an event has no field %.100s", path.n ? path.p : "\"\"");
        snprintf(ret->name, sizeof(ret->name), "%.*s", SV_ARG(path));
        while (sv_split(&rest, '.', &part))
                if (step(ret, &record, part, &base, path, err) < 0)
                        return -1;
        if (ret->list)
                ret->inner = (uint16_t)base;
        else
                ret->offset = (uint16_t)base;
        if (basename && ret->kind != OPERAND_TEXT)
                return fail(err, E_INVALID, "basename() is for texts, and %s is none", ret->name);
        return 0;
}

bool operand_exists(struct sv path)
{
        const struct record *record = &event_record;
        struct sv rest = path, part;
        while (sv_split(&rest, '.', &part)) {
                const struct field *field = record ? find_field(record, sv_n(part.p, sv_find(part, '['))) : NULL;
                if (!field)
                        return false;
                record = field->record;
        }
        return true;
}

const void *operand_at(const struct operand *operand, const struct event *event)
{
        for (unsigned i = 0; i < operand->has_count; i++)
                if (!*(const bool *)((const char *)event + operand->has[i]))
                        return NULL;
        return (const char *)event + operand->offset;
}

size_t operand_items(const struct operand *operand, const struct event *event, const char **ret)
{
        const struct list *list = operand_at(operand, event);
        if (!list)
                return 0;
        *ret = list->items;
        if (!operand->has_index)
                return list->count;
        if (operand->index >= list->count)
                return 0;
        *ret += (size_t)operand->index * operand->stride;
        return 1;
}

bool operand_text(const struct operand *operand, const void *at, struct sv *ret)
{
        const char *text = *(const char *const *)at;
        if (!text)
                return false;
        *ret = sv_of(text);
        if (operand->basename) {
                const char *slash = memrchr(ret->p, '/', ret->n);
                if (slash)
                        *ret = sv_n(slash + 1, ret->n - (size_t)(slash + 1 - ret->p));
        }
        return true;
}

int64_t operand_number(const struct operand *operand, const void *at)
{
        if (operand->kind == OPERAND_ENUM)
                return *(const int *)at;
        if (operand->narrow)
                return operand->is_unsigned ? (int64_t) * (const unsigned *)at : *(const int *)at;
        if (operand->is_unsigned) {
                uint64_t number = *(const uint64_t *)at;
                return number > INT64_MAX ? INT64_MAX : (int64_t)number;
        }
        return *(const int64_t *)at;
}

static bool value_present(const struct operand *operand, const void *at)
{
        switch (operand->kind) {
        case OPERAND_TEXT:
                return *(const char *const *)at && **(const char *const *)at;
        case OPERAND_NUMBER:
                return !operand->omit_empty || operand_number(operand, at) != 0;
        default:
                return true;
        }
}

bool operand_present(const struct operand *operand, const struct event *event)
{
        if (operand->list) {
                const char *items = NULL;
                size_t count = operand_items(operand, event, &items);
                for (size_t i = 0; i < count; i++)
                        if (value_present(operand, items + i * operand->stride + operand->inner))
                                return true;
                return false;
        }
        const void *at = operand_at(operand, event);
        return at && value_present(operand, at);
}

/* --- as text --- */

static void print_value(const struct operand *operand, const void *at, struct buf *out)
{
        struct sv text = { "", 0 };
        char number[TIME_TEXT_MAX];
        switch (operand->kind) {
        case OPERAND_TEXT:
                if (operand_text(operand, at, &text))
                        buf_append(out, text.p, text.n);
                return;
        case OPERAND_ENUM:
                buf_puts(out, operand->names[*(const int *)at]);
                return;
        case OPERAND_BOOL:
                buf_puts(out, *(const bool *)at ? "true" : "false");
                return;
        case OPERAND_NUMBER:
                if (operand->type == FIELD_TYPE_TIME)
                        time_format_rfc3339(operand_number(operand, at), number);
                else if (operand->type == FIELD_TYPE_DURATION)
                        duration_format(operand_number(operand, at), number);
                else
                        snprintf(number, sizeof(number), "%lld", (long long)operand_number(operand, at));
                buf_puts(out, number);
                return;
        case OPERAND_PRESENT:
                return;
        }
}

bool operand_print(const struct operand *operand, const struct event *event, size_t max, struct buf *out)
{
        size_t before = out->len;
        if (!operand_present(operand, event))
                return false;
        if (operand->list) {
                const char *items = NULL;
                size_t count = operand_items(operand, event, &items);
                for (size_t i = 0; i < count && out->len - before <= max; i++) {
                        if (i)
                                buf_putc(out, ' ');
                        print_value(operand, items + i * operand->stride + operand->inner, out);
                }
        } else {
                print_value(operand, operand_at(operand, event), out);
        }
        if (!out->failed && out->len - before > max) {
                out->len = before + max;
                buf_puts(out, "\xe2\x80\xa6"); /* … */
        }
        return true;
}

/* --- hashes: not for secrecy, but so that a stranger cannot choose which groups share a place --- */

static uint64_t fold(uint64_t a, uint64_t b)
{
        __uint128_t product = (__uint128_t)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t rules_hash(const void *bytes, size_t size, uint64_t seed)
{
        const char *at = bytes;
        uint64_t hash = seed ^ (size * 0x9e3779b97f4a7c15U);
        for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
                uint64_t word = 0;
                memcpy(&word, at + done, size - done < sizeof(word) ? size - done : sizeof(word));
                hash = fold(hash ^ word ^ 0xa0761d6478bd642fU, seed | 1);
        }
        return fold(hash ^ seed, 0xe7037ed1a0b428dbU);
}

static uint64_t value_hash(const struct operand *operand, const void *at, uint64_t seed)
{
        struct sv text;
        if (operand->kind == OPERAND_TEXT)
                return operand_text(operand, at, &text) ? rules_hash(text.p, text.n, seed) : seed;
        int64_t number = operand->kind == OPERAND_BOOL ? *(const bool *)at : operand_number(operand, at);
        return rules_hash(&number, sizeof(number), seed);
}

uint64_t operand_hash(const struct operand *operand, const struct event *event, uint64_t seed)
{
        if (!operand_present(operand, event))
                return fold(seed ^ 0x8ebc6af09c88c6e3U, 0x589965cc75374cc3U);
        if (!operand->list)
                return value_hash(operand, operand_at(operand, event), seed);
        const char *items = NULL;
        size_t count = operand_items(operand, event, &items);
        for (size_t i = 0; i < count; i++)
                seed = value_hash(operand, items + i * operand->stride + operand->inner, seed);
        return seed;
}
