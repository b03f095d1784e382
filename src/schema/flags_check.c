/* A table's own check: no two fields of one command line answer to the same flag. */
#include "schema/describe.h"
#include "schema/flags.h"

enum { FLAG_NAMES_MAX = 4 * FLAGS_MAX };

struct flag_names {
        const char *names[FLAG_NAMES_MAX];
        size_t count;
        struct error *err;
};

/* As flags are matched: '-' and '_' are the same. */
static bool same_flag(const char *a, const char *b)
{
        for (; *a && (*a == *b || ((*a == '_' || *a == '-') && (*b == '_' || *b == '-'))); a++)
                b++;
        return *a == *b;
}

static int add_flag_name(struct flag_names *flags, const char *name)
{
        if (!name || !*name)
                return 0;
        for (size_t i = 0; i < flags->count; i++)
                if (same_flag(flags->names[i], name))
                        return fail(flags->err, E_EXISTS, "two fields have the flag --%s", name);
        if (flags->count == FLAG_NAMES_MAX)
                return fail(flags->err, E_TOO_LARGE, "more than %d flags", FLAG_NAMES_MAX);
        flags->names[flags->count++] = name;
        return 0;
}

int record_check_flags(const struct record *record, struct error *err)
{
        struct flag_names flags = { .err = err };
        struct flag_spec specs[FLAGS_MAX];
        size_t count = record_flags(record, specs, FLAGS_MAX);
        bool letters[128] = { false };
        if (count == FLAGS_MAX)
                return fail(err, E_TOO_LARGE, "more than %d flags", FLAGS_MAX - 1);
        for (size_t i = 0; i < count; i++) {
                unsigned char letter = (unsigned char)specs[i].field->flag;
                if (add_flag_name(&flags, specs[i].long_name) < 0 || add_flag_name(&flags, specs[i].field->alias) < 0 ||
                        add_flag_name(&flags, specs[i].field->negative_option) < 0)
                        return -1;
                if (letter && (letter >= sizeof(letters) || letters[letter]))
                        return fail(err, E_EXISTS, "two fields have the flag -%c", specs[i].field->flag);
                if (letter)
                        letters[letter] = true;
        }
        for (size_t i = 0; i < record->count; i++)
                if (add_flag_name(&flags, record->fields[i].entry_option) < 0)
                        return -1;
        return 0;
}
