#include "schema/json.h"

/* Jansson says of a text for whose next word it finds no memory that the word is invalid, and of others nothing. */
static _Thread_local bool refused;

static void *allocate(size_t size)
{
        void *room = malloc(size);
        refused |= !room;
        return room;
}

json_t *json_parse(struct sv text, bool strict, struct error *err)
{
        if (text.n > JSON_MESSAGE_MAX)
                return fail_null(err, E_TOO_LARGE, "JSON of %zu bytes: at most %d are read", text.n, JSON_MESSAGE_MAX);
        if (text.n && memchr(text.p, '\0', text.n)) /* jansson takes one for white space behind a word */
                return fail_null(err, E_INVALID, "a NUL byte is not JSON");
        json_error_t where;
        json_set_alloc_funcs(allocate, free);
        refused = false;
        size_t flags = JSON_DECODE_ANY | (strict ? JSON_REJECT_DUPLICATES : 0);
        json_t *value = json_loadb(text.p, text.n, flags, &where);
        /* an integer beyond 64 bits (or a uint64_t beyond int64_t, as we write them) is read as Go reads a number of an
         * unknown field: as a double; the field it is for refuses what does not fit */
        if (!value && where.text[0] && json_error_code(&where) == json_error_numeric_overflow)
                value = json_loadb(text.p, text.n, flags | JSON_DECODE_INT_AS_REAL, &where);
        if (!value && (refused || !where.text[0]))
                return fail_null(err, E_NO_MEMORY, "no memory for %zu bytes of JSON", text.n);
        if (!value)
                return fail_null(err, E_INVALID, "line %d, column %d: %s", where.line, where.column, where.text);
        return value;
}

json_t *json_get_nocase(const json_t *object, const char *key)
{
        const char *name;
        json_t *value;
        json_t *last = NULL;
        json_object_foreach((json_t *)(uintptr_t)object, name, value) if (strcasecmp(name, key) == 0) last = value;
        return last;
}

void json_unref(void *value)
{
        json_decref(value);
}
