#include "agent/select.h"

#include "base/cleanup.h"
#include "base/sv.h"
#include "schema/flags.h"
#include "schema/json.h"

#include <string.h>

enum { DEPTH_MAX = 8 };

const char *select_take(int argc, char **argv)
{
        static const char option[] = "--json=";
        static char plain[] = "--json";
        const char *fields = NULL;
        for (int i = 1; i < argc; i++) {
                if (strncmp(argv[i], option, sizeof(option) - 1) != 0)
                        continue;
                const char *value = argv[i] + sizeof(option) - 1;
                if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
                        continue;
                fields = value;
                argv[i] = plain;
        }
        return fields;
}

/* Adds what `path` names of `from` to `into`, which is of the same kind. */
static void pick(const json_t *from, struct sv path, json_t *into, int depth)
{
        size_t index;
        json_t *element;
        char name[128];
        struct sv first;
        if (json_is_array(from) && depth < DEPTH_MAX) {
                json_array_foreach(from, index, element)
                {
                        if (index == json_array_size(into))
                                json_array_append_new(into, json_is_array(element) ? json_array() : json_object());
                        pick(element, path, json_array_get(into, index), depth + 1);
                }
                return;
        }
        if (depth == DEPTH_MAX || !sv_split(&path, '.', &first) || first.n >= sizeof(name))
                return;
        snprintf(name, sizeof(name), "%.*s", SV_ARG(first));
        json_t *value = json_object_get(from, name);
        if (!value || !path.n) {
                if (value)
                        json_object_set(into, name, value);
                return;
        }
        json_t *below = json_object_get(into, name);
        if (below == value) /* all of it was named before */
                return;
        if (!below)
                json_object_set_new(into, name, below = json_is_array(value) ? json_array() : json_object());
        pick(value, path, below, depth + 1);
}

static int check_name(const json_t *value, struct sv path, struct error *err)
{
        const char *names[SELECT_NAMES_MAX], *key;
        char wanted[128];
        json_t *member;
        size_t count = 0;
        struct sv first = { 0 };
        bool any = sv_split(&path, '.', &first) && first.n && first.n < sizeof(wanted);
        if (!any)
                return fail(err, E_INVALID, "--json= needs the names of fields: --json=A,B.C");
        snprintf(wanted, sizeof(wanted), "%.*s", SV_ARG(first));
        if (!json_is_object(value) || json_object_get(value, wanted))
                return 0;
        json_object_foreach((json_t *)(uintptr_t)value, key, member) if (member && count < SELECT_NAMES_MAX)
                names[count++] = key;
        const char *near = nearest_word(wanted, names, count);
        return fail(err, E_INVALID, "unknown field \"%s\"%s%s%s", wanted, near ? "; did you mean " : "",
                near ? near : "", near ? "?" : "");
}

json_t *select_fields(const json_t *value, const char *fields, struct error *err)
{
        cleanup(json_decref) json_t *chosen = json_is_array(value) ? json_array() : json_object();
        struct sv rest = sv_of(fields), path;
        bool any = false;
        while (sv_split(&rest, ',', &path)) {
                if (check_name(json_is_array(value) ? json_array_get(value, 0) : value, path, err) < 0)
                        return NULL;
                pick(value, path, chosen, 0);
                any = true;
        }
        return any ? json_incref(chosen) : fail_null(err, E_INVALID, "--json= needs the names of fields: --json=A,B.C");
}
