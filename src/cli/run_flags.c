/* The flags every module run has; a module's own flag of the same name goes first. */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "schema/flags.h"
#include "schema/json.h"
#include "schema/print.h"

static const struct field run_flags_fields[] = {
        FIELD_BOOL(struct run_flags, json,
                .help = "print the result as one line of JSON; --json=A,B.C: its rows alone, with these fields"),
        { FIELD_BASE(struct run_flags, format, FIELD_TYPE_ENUM, int, int), .names = print_format_names,
                .help = "how rows are shown" },
        FIELD_BOOL(struct run_flags, results_only, .option = "results-only",
                .help = "leave out errors, statistics and empty results"),
        FIELD_BOOL(struct run_flags, no_header, .option = "no-header", .help = "print no column names"),
        FIELD_STRING(struct run_flags, fields, .metavar = "A,B.C", .help = "show only these fields, in this order"),
        FIELD_STRING(struct run_flags, row_template, .json = "template", .metavar = "TEXT",
                .help = "a line a row: '{{pid}} {{upper name}} {{pad user 12}} {{json .}}'"),
        { FIELD_BASE(struct run_flags, color, FIELD_TYPE_ENUM, int, int), .names = colour_wish_names, .def = "auto",
                .metavar = "WHEN", .help = "use colours" },
        FIELD_BOOL(struct run_flags, interactive, .help = "ask for each parameter"),
        FIELD_BOOL(struct run_flags, privacy, .help = "mask what tells about people and contents"),
        FIELD_STRING(struct run_flags, agent, .metavar = "URL",
                .help = "run on this agent: http(s)://HOST:PORT, or the path of its socket"),
        FIELD_DOUBLE(struct run_flags, max_cpu, .option = "max-cpu", .metavar = "SHARE", .min = 0, .max = 1024,
                .help = "share of one core the run may use, 0.1 is 10 %"),
        FIELD_SIZE(struct run_flags, max_io, .option = "max-io", .help = "bytes a second the run may read"),
        FIELD_SIZE(struct run_flags, max_memory, .option = "max-memory", .help = "memory the run may use"),
        FIELD_DURATION(struct run_flags, max_time_ns, .json = "max_time", .option = "max-time", .min = 0,
                .max = INT64_MAX, .help = "time after which the run ends with what it has"),
        FIELD_BOOL(struct run_flags, help, .flag = 'h', .help = "print this help"),
};

const struct record run_flags_record = {
        .fields = run_flags_fields,
        .count = sizeof(run_flags_fields) / sizeof(run_flags_fields[0]),
        .size = sizeof(struct run_flags),
        .name = "run_flags",
};

static const struct flag_spec *find_flag(const struct flag_spec *flags, size_t count, struct sv name)
{
        for (size_t i = 0; i < count; i++)
                if (sv_eq(sv_of(flags[i].long_name), name))
                        return &flags[i];
        return NULL;
}

const char *cli_json_fields(const char *word)
{
        static const char option[] = "--json=";
        const char *value = word + sizeof(option) - 1;
        if (strncmp(word, option, sizeof(option) - 1) != 0 || strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
                return NULL;
        return value;
}

void cli_split_names(char *text, const char **ret, size_t max)
{
        size_t count = 0;
        for (char *at = text; at && *at && count < max; count++) {
                char *comma = strchr(at, ',');
                ret[count] = at;
                if (comma)
                        *comma++ = '\0';
                at = comma;
        }
        ret[count] = NULL;
}

/* What the ways to choose a form mean together. */
static int settle_form(struct run_flags *flags, bool has_format, const char *chosen, struct error *err)
{
        if (!has_format)
                flags->format = -1;
        if (chosen && !*chosen)
                return fail(err, E_INVALID, "--json= needs the names of fields: --json=A,B.C");
        if (chosen && (flags->fields || has_format || flags->row_template))
                return fail(err, E_INVALID, "--json=FIELDS goes without --fields, --format and --template");
        if (chosen) {
                flags->fields = chosen;
                flags->format = PRINT_JSON;
                flags->rows_json = true;
        }
        if (flags->row_template && has_format && flags->format != PRINT_TEMPLATE)
                return fail(err, E_INVALID, "--template is for --format template");
        if (flags->row_template)
                flags->format = PRINT_TEMPLATE;
        if (flags->format == PRINT_TEMPLATE && !flags->row_template)
                return fail(err, E_INVALID, "--format template needs --template TEXT");
        return 0;
}

int run_flags_take(const struct record *params, int *argc, char **argv, struct run_flags *ret, struct arena *arena,
        struct error *err)
{
        enum { TAKEN_MAX = 64 };
        struct flag_spec common[FLAGS_MAX];
        struct flag_spec own[FLAGS_MAX];
        char *taken[TAKEN_MAX];
        const char *chosen = NULL;
        int taken_count = 0;
        int kept = 1;
        size_t common_count = record_flags(&run_flags_record, common, FLAGS_MAX);
        size_t own_count = record_flags(params, own, FLAGS_MAX);
        for (int i = 1; i < *argc; i++) {
                char *word = argv[i];
                if (strcmp(word, "--") == 0) {
                        while (i < *argc)
                                argv[kept++] = argv[i++];
                        break;
                }
                bool dashed = word[0] == '-' && word[1] == '-';
                struct sv name = dashed ? sv_of(word + 2) : sv_of(word[0] == '-' ? word + 1 : "");
                bool has_value = sv_find(name, '=') < name.n;
                name.n = sv_find(name, '=');
                const struct flag_spec *mine = find_flag(own, own_count, name);
                const struct flag_spec *flag = dashed && !mine ? find_flag(common, common_count, name) : NULL;
                if (!mine && strcmp(word, "-h") == 0)
                        flag = find_flag(common, common_count, SV("help"));
                const char *fields = mine ? NULL : cli_json_fields(word);
                if (fields) {
                        chosen = fields;
                        continue;
                }
                const struct flag_spec *spec = flag ? flag : mine;
                bool takes_next = spec && spec->field->type != FIELD_TYPE_BOOL && !has_value && i + 1 < *argc;
                if (flag && taken_count + 2 > TAKEN_MAX)
                        return fail(err, E_INVALID, "too many flags");
                for (int words = 0; words <= takes_next; words++, i += words <= takes_next) {
                        if (flag)
                                taken[taken_count++] = argv[i];
                        else
                                argv[kept++] = argv[i];
                }
        }
        *argc = kept;
        cleanup(json_decref) json_t *json = flags_parse(&run_flags_record, taken_count, taken, err);
        if (!json || record_read(&run_flags_record, json, ret, arena, READ_STRICT, err) < 0)
                return -1;
        return settle_form(ret, json_object_get(json, "format") != NULL, chosen, err);
}
