#include "modules/watch/event/filter.h"

static const char *const export_names[] = { "json", "auditd", "ecs", NULL };

static int check_time(const char *text, struct error *err)
{
        int64_t ignored;
        return event_time_parse(text, 0, &ignored, err);
}

static const struct field params_fields[] = {
        FIELD_STRING(struct events_params, since, .help = "from this time on: \"2h\" ago, or a date and time",
                .metavar = "TIME", .check = check_time),
        FIELD_STRING(struct events_params, until, .help = "up to this time", .metavar = "TIME", .check = check_time),
        FIELD_ENUMS(struct events_params, types, event_type_names, .json = "type", .help = "what happened"),
        FIELD_STRINGS(struct events_params, exe, .help = "program: path, name or glob", .metavar = "PATH"),
        FIELD_STRINGS(struct events_params, comm, .help = "name of the process, or glob", .metavar = "NAME"),
        FIELD_REGEXES(struct events_params, argv, .help = "matches an argument, or all of them joined by blanks"),
        FIELD_STRINGS(struct events_params, user, .help = "real or effective user, name or number", .metavar = "USER"),
        FIELD_STRINGS(struct events_params, auid, .help = "user who logged in, name or number, or \"unset\"",
                .metavar = "USER"),
        FIELD_STRINGS(struct events_params, container,
                .help = "container's name, begin of its id (4 digits or more), engine, glob; \"any\" or \"none\"",
                .metavar = "NAME"),
        FIELD_UINTS(struct events_params, pid, .help = "process id", .min = 0, .max = INT32_MAX),
        FIELD_STRINGS(struct events_params, ancestor, .help = "an ancestor's name, program, pid or exec_id, or glob",
                .metavar = "NAME"),
        FIELD_STRINGS(struct events_params, exec_id, .help = "id of an execution", .metavar = "ID"),
        FIELD_STRINGS(struct events_params, path, .help = "file acted on: path, name or glob", .metavar = "PATH"),
        FIELD_STRINGS(struct events_params, key, .help = "key of the audit rule, or glob", .metavar = "KEY"),
        FIELD_STRINGS(struct events_params, tag, .help = "rule that matched, or glob", .metavar = "RULE"),
        FIELD_STRINGS(struct events_params, text, .help = "this text anywhere in the event", .metavar = "TEXT"),
        FIELD_UINT(struct events_params, limit, .help = "at most this many, the newest; 0: all"),
        FIELD_BOOL(struct events_params, reverse, .help = "newest first", .flag = 'r'),
        FIELD_BOOL(struct events_params, follow, .help = "then go on with what happens", .flag = 'f'),
        FIELD_PATH(struct events_params, store, .help = "directory of the store; the service's own by default",
                .metavar = "DIR"),
        FIELD_ENUM(struct events_params, export, export_names,
                .help = "form: json, auditd (for ausearch and aureport), ecs (Elastic Common Schema)", .def = "json"),
};

const struct record events_params_record = {
        .fields = params_fields,
        .count = sizeof(params_fields) / sizeof(params_fields[0]),
        .size = sizeof(struct events_params),
        .name = "events_params",
};

int event_time_parse(const char *text, int64_t now_ns, int64_t *ret, struct error *err)
{
        struct sv word = sv_trim(sv_of(text));
        int64_t distance;
        if (sv_eq(word, SV("now")))
                *ret = now_ns;
        else if (duration_parse(word, &distance))
                *ret = now_ns - (distance < 0 ? -distance : distance);
        else if (!time_parse(word, ret))
                return fail(err, E_INVALID,
                        "\"%.100s\" is no time: \"2h\", \"2026-11-22\", \"2026-11-22T08:00:00Z\", \"now\"", text);
        return 0;
}
