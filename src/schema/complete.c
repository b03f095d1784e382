#include "schema/complete.h"

#include "schema/flags.h"

enum { NAME_MAX_BYTES = 256 };

/* A flag as it is typed: '_' as '-'. */
static void spell(const char *name, const char *before, char *ret)
{
        size_t i = (size_t)snprintf(ret, NAME_MAX_BYTES, "--%s", before);
        for (; *name && i < NAME_MAX_BYTES - 1; name++)
                ret[i++] = *name == '_' ? '-' : *name;
        ret[i] = '\0';
}

static void offer(struct buf *out, const char *candidate, const char *help, const char *typed)
{
        if (strncmp(candidate, typed, strlen(typed)) == 0)
                buf_printf(out, "%s\t%s\n", candidate, help ? help : "");
}

static bool is_switch(const struct field *field)
{
        return field->type == FIELD_TYPE_BOOL && field->container == FIELD_ONE;
}

/* Is `word` this flag? Either spelling of '-' and '_'. */
static bool names_flag(const char *word, const char *name)
{
        if (*word != '-' || !*name)
                return false;
        word += 1 + (word[1] == '-');
        for (; *name; name++, word++)
                if (*word != *name && !(*word == '-' && *name == '_'))
                        return false;
        return *word == '\0';
}

/* The field that wants a value behind `word`, or NULL. */
static const struct field *wants_value(const struct flag_spec *flags, size_t count, const char *word)
{
        for (size_t i = 0; i < count; i++) {
                const struct field *field = flags[i].field;
                bool letter = field->flag && word[0] == '-' && word[1] == field->flag && !word[2];
                bool alias = field->alias && names_flag(word, field->alias);
                if ((letter || alias || names_flag(word, flags[i].long_name)) && !is_switch(field))
                        return field;
        }
        return NULL;
}

static bool is_entry_option(const struct record *record, const char *word)
{
        for (size_t i = 0; i < record->count; i++)
                if (record->fields[i].entry_option && names_flag(word, record->fields[i].entry_option))
                        return true;
        return false;
}

static void offer_values(struct buf *out, const struct field *field, const char *before, const char *typed)
{
        char candidate[NAME_MAX_BYTES];
        static const char *const truth[] = { "true", "false", NULL };
        bool named = field->type == FIELD_TYPE_ENUM || field->type == FIELD_TYPE_STRING;
        const char *const *names = named ? field->names : field->type == FIELD_TYPE_BOOL ? truth : NULL;
        for (size_t i = 0; names && names[i]; i++) {
                snprintf(candidate, sizeof(candidate), "%s%s", before, names[i]);
                offer(out, candidate, i == 0 ? field->help : "", typed);
        }
        if (field->type == FIELD_TYPE_PATH)
                buf_puts(out, "<file>\n");
}

static bool given(const struct flag_spec *flag, const char *const *words, size_t count, size_t at)
{
        const struct field *field = flag->field;
        for (size_t i = 0; i < count; i++) {
                if (i == at || words[i][0] != '-')
                        continue;
                if ((field->flag && words[i][1] == field->flag && !words[i][2]) ||
                        names_flag(words[i], flag->long_name) || (field->alias && names_flag(words[i], field->alias)))
                        return true;
        }
        return false;
}

static void offer_flags(struct buf *out, const struct record *record, const struct flag_spec *flags, size_t flag_count,
        const char *const *words, size_t count, size_t at, const char *typed)
{
        char candidate[NAME_MAX_BYTES];
        for (size_t i = 0; i < record->count; i++)
                if (record->fields[i].entry && record->fields[i].entry_option) {
                        spell(record->fields[i].entry_option, "", candidate);
                        offer(out, candidate, record->fields[i].help, typed);
                }
        for (size_t i = 0; i < flag_count; i++) {
                const struct field *field = flags[i].field;
                const char *def = field->cli_def ? field->cli_def : field->def;
                /* what can be given once is not offered again; the entries of a map each have their own */
                if (!*flags[i].long_name ||
                        (field->container == FIELD_ONE && !flags[i].entry_at && given(&flags[i], words, count, at)))
                        continue;
                bool on = is_switch(field) && def && !strcmp(def, "true");
                spell(flags[i].long_name, on && !field->negative_option ? "no-" : "", candidate);
                offer(out, candidate, field->help, typed);
                if (field->negative_option) {
                        spell(field->negative_option, "", candidate);
                        offer(out, candidate, field->help, typed);
                }
        }
}

/* The positional field that the word at `at` is for: words that are neither flags nor their values are counted off. */
static const struct field *positional_at(const struct record *record, const struct flag_spec *flags, size_t flag_count,
        const char *const *words, size_t at)
{
        size_t skip = 0;
        bool only_positional = false;
        for (size_t i = 0; i < at; i++) {
                if (!only_positional && words[i][0] == '-' && words[i][1]) {
                        only_positional = !strcmp(words[i], "--");
                        if (wants_value(flags, flag_count, words[i]) || is_entry_option(record, words[i]))
                                i++;
                        continue;
                }
                skip++;
        }
        for (size_t i = 0; i < flag_count; i++) {
                if (!flags[i].field->positional)
                        continue;
                if (skip == 0 || flags[i].field->container == FIELD_LIST)
                        return flags[i].field;
                skip--;
        }
        return NULL;
}

void record_complete(const struct record *record, const char *const *words, size_t count, size_t at, struct buf *out)
{
        struct flag_spec flags[FLAGS_MAX];
        size_t flag_count = record_flags(record, flags, FLAGS_MAX);
        const char *typed = at < count ? words[at] : "";
        bool only_positional = false;
        if (at > count)
                return;
        for (size_t i = 0; i < at; i++)
                only_positional |= !strcmp(words[i], "--");

        const struct field *field = at && !only_positional ? wants_value(flags, flag_count, words[at - 1]) : NULL;
        if (field) {
                offer_values(out, field, "", typed);
                return;
        }
        if (at && !only_positional && is_entry_option(record, words[at - 1]))
                return; /* a name of the user's own */
        const char *equals = strchr(typed, '=');
        if (typed[0] == '-' && equals && !only_positional) {
                char before[NAME_MAX_BYTES];
                snprintf(before, sizeof(before), "%.*s", (int)(equals - typed), typed);
                for (size_t i = 0; i < flag_count; i++)
                        if (names_flag(before, flags[i].long_name)) {
                                snprintf(before, sizeof(before), "%.*s", (int)(equals - typed + 1), typed);
                                offer_values(out, flags[i].field, before, typed);
                        }
                return;
        }
        if (!only_positional && (typed[0] == '-' || typed[0] == '\0'))
                offer_flags(out, record, flags, flag_count, words, count, at, typed);
        if (typed[0] != '-' || only_positional) {
                field = positional_at(record, flags, flag_count, words, at);
                if (field)
                        offer_values(out, field, "", typed);
        }
}

bool record_complete_asked(const struct record *record, int argc, char *const *argv, struct buf *out)
{
        uint64_t at;
        if (argc < 3 || strcmp(argv[1], "__complete") != 0 || !sv_parse_u64(sv_of(argv[2]), 10, &at))
                return false;
        const char *const *words = (const char *const *)(argv + 3);
        size_t count = (size_t)argc - 3;
        const char *typed = at < count ? words[at] : "";
        record_complete(record, words, count, at, out);
        if (typed[0] == '-')
                offer(out, "--help", "what it does and its options", typed);
        return true;
}
