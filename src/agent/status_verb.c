/* tarsier status: the question to the running agent, and its answer for people. */
#include "agent/ask.h"
#include "agent/select.h"
#include "agent/verbs.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "schema/field.h"
#include "schema/json.h"
#include "schema/print.h"
#include "term/pager.h"
#include "term/table.h"

enum { PATH_SIZE = 4096, TEXT_MAX = 64 << 20, TEXTS_ARENA = 1 << 20 };

struct status_flags {
        char *state;
        char *run_dir;
        bool json;
};

static const struct field status_fields[] = {
        FIELD_PATH(struct status_flags, state, .metavar = "DIR", .help = "the agent's state directory"),
        FIELD_PATH(
                struct status_flags, run_dir, .option = "run-dir", .metavar = "DIR", .help = "where its sockets are"),
        FIELD_BOOL(struct status_flags, json, .help = "as JSON; --json=A,B.C: these fields of it"),
};

static const char *text_at(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));
        return text ? text : "";
}

static void print_service(const json_t *service)
{
        cleanup(buf_done) struct buf line;
        buf_init(&line, 4096);
        buf_printf(&line, "  %-18s %-10s", text_at(service, "name"), text_at(service, "state"));
        json_int_t pid = json_integer_value(json_object_get(service, "pid"));
        json_int_t restarts = json_integer_value(json_object_get(service, "restarts"));
        double wait = json_number_value(json_object_get(service, "next_start_seconds"));
        if (pid)
                buf_printf(&line, " pid %lld", (long long)pid);
        if (restarts)
                buf_printf(&line, ", %lld restarts", (long long)restarts);
        if (text_at(service, "reason")[0])
                buf_printf(&line, ", %s", text_at(service, "reason"));
        if (wait > 0)
                buf_printf(&line, ", next start in %.1f s", wait);
        if (text_at(service, "waits_for")[0])
                buf_printf(&line, " for %s", text_at(service, "waits_for"));
        const char *name;
        const json_t *address;
        json_object_foreach(json_object_get(service, "listens"), name, address) if (json_string_value(address)[0])
                buf_printf(&line, ", %s %s", name, json_string_value(address));
        cleanup(buf_done) struct buf shown;
        buf_init(&shown, 16 << 10);
        print_escape(&shown, sv_n(buf_text(&line), line.len));
        puts(buf_text(&shown));
}

static enum style_role role_of_service(const char *state)
{
        bool good = strcmp(state, "ready") == 0 || strcmp(state, "completed") == 0;
        return good ? STYLE_SUCCESS : strcmp(state, "down") == 0 ? STYLE_ERROR : STYLE_WARNING;
}

/* What a service waits for, why it is down, where it listens. */
static void put_note(struct buf *out, const json_t *service)
{
        double wait = json_number_value(json_object_get(service, "next_start_seconds"));
        const char *name;
        const json_t *address;
        if (text_at(service, "reason")[0])
                buf_printf(out, "%s", text_at(service, "reason"));
        if (wait > 0)
                buf_printf(out, "%snext start in %.1f s", out->len ? ", " : "", wait);
        if (text_at(service, "waits_for")[0])
                buf_printf(out, "%sfor %s", out->len ? ", " : "", text_at(service, "waits_for"));
        json_object_foreach(json_object_get(service, "listens"), name, address) if (json_string_value(address)[0])
                buf_printf(out, "%s%s %s", out->len ? ", " : "", name, json_string_value(address));
}

/* A figure of a service, "" where it is not told. ret has TIME_TEXT_MAX bytes. */
static const char *figure(const json_t *service, const char *key, void (*format)(int64_t value, char *ret), char *ret)
{
        const json_t *value = json_object_get(service, key);
        ret[0] = '\0';
        if (json_is_integer(value))
                format(json_integer_value(value), ret);
        return ret;
}

static void format_size(int64_t value, char *ret)
{
        size_format(value > 0 ? (uint64_t)value : 0, ret);
}

static void format_cpu(int64_t value, char *ret)
{
        duration_format(value / (10 * MILLISECOND) * (10 * MILLISECOND), ret);
}

static void format_number(int64_t value, char *ret)
{
        snprintf(ret, TIME_TEXT_MAX, "%lld", (long long)value);
}

static int show_services(struct buf *out, const struct term *term, const json_t *services, struct error *err)
{
        static const struct table_column columns[] = {
                { .title = "SERVICE", .role = STYLE_COMMAND, .least = 12 },
                { .title = "STATE", .role_of = role_of_service, .least = 9 },
                { .title = "PID", .right = true, .priority = 2, .least = 7 },
                { .title = "MEMORY", .right = true, .priority = 1, .least = 9 },
                { .title = "CPU", .right = true, .priority = 1, .least = 8 },
                { .title = "FILES", .right = true, .priority = 4, .least = 5 },
                { .title = "RESTARTS", .right = true, .priority = 3, .least = 8 },
                { .title = "NOTE", .role = STYLE_DIM, .least = 16 },
        };
        cleanup(term_table_free) struct term_table *table =
                term_table_new(columns, sizeof(columns) / sizeof(*columns), err);
        size_t index;
        json_t *service;
        if (!table)
                return -1;
        json_array_foreach(services, index, service)
        {
                char pid[TIME_TEXT_MAX], memory[TIME_TEXT_MAX], cpu[TIME_TEXT_MAX], files[TIME_TEXT_MAX],
                        restarts[TIME_TEXT_MAX];
                cleanup(buf_done) struct buf note;
                buf_init(&note, 16 << 10);
                put_note(&note, service);
                const char *const cells[] = { text_at(service, "name"), text_at(service, "state"),
                        figure(service, "pid", format_number, pid), figure(service, "memory", format_size, memory),
                        figure(service, "cpu_time", format_cpu, cpu), figure(service, "fds", format_number, files),
                        figure(service, "restarts", format_number, restarts), buf_text(&note) };
                if (term_table_row(table, cells, err) < 0)
                        return -1;
        }
        term_table_put(out, term, table, true);
        return 0;
}

/* The file was changed since, and has an error. */
static void put_refused(struct buf *out, const json_t *status)
{
        const json_t *refused = json_object_get(json_object_get(status, "configuration"), "refused");
        if (!refused)
                return;
        buf_printf(out,
                "the configuration was not reloaded at %s, the one before is in effect: ", text_at(refused, "time"));
        print_escape(out, sv_of(text_at(refused, "message")));
        buf_puts(out, "\n");
}

/* For people, on their terminal. */
static int show_status(const json_t *status, const struct term *term, struct error *err)
{
        char up[TIME_TEXT_MAX], head[256], runs_text[256];
        cleanup(buf_done) struct buf out;
        const json_t *runs = json_object_get(status, "runs");
        buf_init(&out, TEXT_MAX);
        duration_format((int64_t)json_number_value(json_object_get(status, "uptime_seconds")) * SECOND, up);
        snprintf(head, sizeof(head), ", pid %lld, up %s, ",
                (long long)json_integer_value(json_object_get(status, "pid")), up);
        bool ready = json_is_true(json_object_get(status, "ready"));
        style_put(&out, term, ready ? STYLE_SUCCESS : STYLE_WARNING, sv_of(text_at(status, "message")));
        style_markup(&out, term, "%s%s\n", head, text_at(status, "state_directory"));
        snprintf(runs_text, sizeof(runs_text), "runs: %lld running, %lld queued; log: %lld rows\n\n",
                (long long)json_integer_value(json_object_get(runs, "running")),
                (long long)json_integer_value(json_object_get(runs, "queued")),
                (long long)json_integer_value(json_object_get(json_object_get(status, "log"), "rows")));
        buf_puts(&out, runs_text);
        put_refused(&out, status);
        if (show_services(&out, term, json_object_get(status, "services"), err) < 0)
                return -1;
        size_t index;
        json_t *item;
        json_array_foreach(json_object_get(status, "schedule"), index, item)
        {
                const char *suspended = text_at(item, "suspended");
                style_markup(&out, term, "%s<key>schedule</> %s: <command>%s</>, %s <dim>%s</>\n", index ? "" : "\n",
                        text_at(item, "name"), text_at(item, "module"), suspended[0] ? "suspended:" : "next",
                        suspended[0] ? suspended : text_at(item, "next"));
        }
        return pager_show(term, sv_n(buf_text(&out), out.len), err);
}

/* For programs: the same lines always. */
static int print_status(const struct buf *text, struct error *err)
{
        struct term term;
        cleanup(json_decref) json_t *status = json_parse(sv_n(buf_text(text), text->len), false, err);
        if (!status)
                return -1;
        term_open(&term, STDOUT_FILENO, COLOUR_AUTO);
        if (term.tty)
                return show_status(status, &term, err);
        json_t *runs = json_object_get(status, "runs");
        printf("%s, pid %lld, up %.0f s, %s\n", text_at(status, "message"),
                (long long)json_integer_value(json_object_get(status, "pid")),
                json_number_value(json_object_get(status, "uptime_seconds")), text_at(status, "state_directory"));
        printf("runs: %lld running, %lld queued; log: %lld rows\n",
                (long long)json_integer_value(json_object_get(runs, "running")),
                (long long)json_integer_value(json_object_get(runs, "queued")),
                (long long)json_integer_value(json_object_get(json_object_get(status, "log"), "rows")));
        cleanup(buf_done) struct buf refused;
        buf_init(&refused, 16 << 10);
        put_refused(&refused, status);
        fputs(buf_text(&refused), stdout);
        size_t index;
        json_t *item;
        json_array_foreach(json_object_get(status, "services"), index, item) print_service(item);
        json_array_foreach(json_object_get(status, "schedule"), index, item)
        {
                const char *suspended = text_at(item, "suspended");
                printf("  schedule %s: %s, %s %s\n", text_at(item, "name"), text_at(item, "module"),
                        suspended[0] ? "suspended:" : "next", suspended[0] ? suspended : text_at(item, "next"));
        }
        return 0;
}

static int print_text(const struct buf *text, struct error *err)
{
        if (write_all(STDOUT_FILENO, buf_text(text), text->len, err) < 0 || write_all(STDOUT_FILENO, "\n", 1, err) < 0)
                return -1;
        return 0;
}

static int print_fields(const struct buf *text, const char *fields, struct error *err)
{
        cleanup(json_decref) json_t *status = json_parse(sv_n(buf_text(text), text->len), false, err);
        cleanup(json_decref) json_t *chosen = status ? select_fields(status, fields, err) : NULL;
        cleanup(free) char *line = chosen ? json_dumps(chosen, JSON_COMPACT) : NULL;
        cleanup(buf_done) struct buf out;
        if (!chosen)
                return -1;
        buf_init(&out, TEXT_MAX);
        buf_puts(&out, line ? line : "{}");
        return print_text(&out, err);
}

int cmd_status(int argc, char **argv)
{
        const char *fields = select_take(argc, argv);
        struct status_flags flags;
        struct arena arena;
        struct error err = { 0 };
        char path[PATH_SIZE];
        char run[PATH_SIZE];
        arena_init(&arena, TEXTS_ARENA);
        if (verb_flags(RECORD(struct status_flags, status_fields), "status", "tell how the agent and its services are",
                    argc, argv, &flags, &arena) < 0)
                return 2;
        verb_run_directory(flags.run_dir, flags.state, run);
        snprintf(path, sizeof(path), "%.4000s/agent.sock", run);
        cleanup(buf_done) struct buf text;
        buf_init(&text, TEXT_MAX);
        int status = ask_agent(path, "status", NULL, &text, NULL, &err);
        if (status == 0)
                status = fields       ? print_fields(&text, fields, &err)
                         : flags.json ? print_text(&text, &err)
                                      : print_status(&text, &err);
        arena_done(&arena);
        return status < 0 ? verb_fail(&err) : 0;
}
