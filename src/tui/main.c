/* tarsier-top: `tarsier top`. argv[0] is the verb. */
#include "base/cleanup.h"
#include "schema/complete.h"
#include "schema/flags.h"
#include "schema/json.h"
#include "schema/usage.h"
#include "tui/recording.h"
#include "tui/terminal.h"
#include "tui/top_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>

enum { USAGE_MAX = 64 << 10, WIDTH_DEFAULT = 80, HEIGHT_DEFAULT = 24, TOKEN_MAX = 4096, STATUS_SIGNAL = 128 };
#define ONCE_WAIT_NS (10 * SECOND)
#define ONCE_SOURCE_NS (2 * SECOND)

struct top_flags {
        bool once;
        char *batch, *record, *replay;
        double speed;
        int64_t interval_ns;
        unsigned count;
        char *view, *filter, *sort, *theme, *agent;
        bool readonly, ascii, no_mouse;
        int width, height;
        int color;
};

static const char *const view_names[] = { "overview", "processes", "containers", "disks", "network", "events", "alerts",
        NULL };
static const char *const theme_names[] = { "dark", "light", "high-contrast", "mono", NULL };

static const struct field top_fields[] = {
        FIELD_STRING(struct top_flags, view, .flag = 'v', .names = view_names, .metavar = "NAME",
                .help = "the view to begin with"),
        FIELD_STRING(struct top_flags, filter, .flag = 'f', .metavar = "TEXT",
                .help = "show rows that match: words, !word, column:word, expressions"),
        FIELD_STRING(struct top_flags, sort, .flag = 's', .metavar = "COLUMN",
                .help = "sort by this column; -COLUMN from the largest, +COLUMN from the smallest"),
        FIELD_DURATION(struct top_flags, interval_ns, .json = "interval", .flag = 'i', .def = "1s",
                .min = 250 * MILLISECOND, .max = HOUR, .help = "time between two pictures"),
        FIELD_BOOL(struct top_flags, once, .flag = '1', .help = "print one picture as text and end"),
        FIELD_INT(struct top_flags, width, .flag = 'w', .min = 0, .max = CANVAS_COLUMNS_MAX, .metavar = "COLUMNS",
                .help = "columns of the picture of --once; 0 is those of the terminal, else 80"),
        FIELD_INT(struct top_flags, height, .min = 0, .max = CANVAS_ROWS_MAX, .metavar = "ROWS",
                .help = "rows of the picture of --once; 0 is those of the terminal, else 24"),
        FIELD_UINT(struct top_flags, count, .flag = 'n', .metavar = "N", .min = 0, .max = 1 << 30,
                .help = "end after this many pictures; 0 is never"),
        FIELD_PATH(struct top_flags, record, .metavar = "FILE", .help = "write what is told to a file as it is shown"),
        FIELD_PATH(struct top_flags, batch, .metavar = "FILE", .help = "record to a file and show nothing"),
        FIELD_PATH(
                struct top_flags, replay, .metavar = "FILE", .help = "play a recording instead of looking at a host"),
        FIELD_DOUBLE(struct top_flags, speed, .def = "1", .min = 0, .max = 1000, .metavar = "FACTOR",
                .help = "speed of --replay: 2 is twice as fast"),
        FIELD_STRING(struct top_flags, agent, .metavar = "URL",
                .help = "look at the host of this agent: http(s)://HOST:PORT, or the path of its socket"),
        FIELD_BOOL(struct top_flags, readonly, .flag = 'r', .help = "no key changes anything on the host"),
        FIELD_STRING(struct top_flags, theme, .names = theme_names, .metavar = "NAME",
                .help = "dark, light, high-contrast or mono"),
        { FIELD_BASE(struct top_flags, color, FIELD_TYPE_ENUM, int, int), .names = colour_wish_names, .def = "auto",
                .metavar = "WHEN", .help = "use colours" },
        FIELD_BOOL(struct top_flags, ascii, .help = "draw with ASCII only"),
        FIELD_BOOL(struct top_flags, no_mouse, .option = "no-mouse", .help = "leave the mouse to the terminal"),
};

static const struct usage_example examples[] = {
        { "tarsier top", "what this host and its containers are doing" },
        { "tarsier top --view processes --filter 'user:root !kworker'", "begin with some of the processes" },
        { "tarsier top --once --view containers --sort=-memory --width 120", "one picture for a script" },
        { "tarsier top --batch day.rec --interval 10s",
                "record without a screen; --replay day.rec --speed 60 plays it" },
        { "tarsier top --agent https://host:7180", "look at another host" },
        { NULL, NULL },
};

static const char description[] =
        "A full-screen view of the host, its containers, processes, network, disks, events and alerts. Keys are listed "
        "by "
        "`?`; the first are arrows or hjkl, Enter for details, Esc back, / to filter, s to sort, t for a tree, q to "
        "quit.\n\n"
        "Where stdout is no terminal, one line is printed for each picture until it is stopped. With a TARSIER_TOKEN "
        "or "
        "TARSIER_TOKEN_FILE in the environment, that is the token for --agent.";

static int say_error(const struct error *err)
{
        fprintf(stderr, "tarsier top: %s\n", err->message);
        return error_exit_status(err->code);
}

/* Who waits for a program wants no message of another in 0, 1 or 2, which the next file opened would become. */
static void fill_standard_files(void)
{
        while (true) {
                int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
                if (fd > STDERR_FILENO)
                        close(fd);
                if (fd < 0 || fd > STDERR_FILENO)
                        return;
                (void)fcntl(fd, F_SETFD, 0);
        }
}

/* ---- the program around the screen ---- */

struct app {
        struct top_flags flags;
        struct look look;
        struct loop *loop;
        struct top *top;
        struct tui *tui;
        struct sources *sources;
        struct recorder *recorder;
        struct player *player;
        struct top_replay replay;
        struct tui_program program;
        uint64_t ticks; /* seen */
        bool lines;     /* a line a picture */
        bool failed;
        bool quit;
        int64_t began_ns;
        int said; /* standard error as it was, while it is hushed; else -1 */
};

/* Workers have our standard error. What they log there must neither be written over the screen nor stand beside the one
 * picture; why a source is down is shown. */
static void hush(struct app *app)
{
        cleanup(fd_close) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        app->said = null < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (app->said >= 0)
                (void)dup2(null, STDERR_FILENO);
}

static void unhush(struct app *app)
{
        if (app->said >= 0)
                (void)dup2(app->said, STDERR_FILENO);
        fd_close(&app->said);
}

static void on_record(struct sv record, void *cookie)
{
        struct app *app = cookie;
        struct error err;
        if (app->recorder && recorder_add(app->recorder, record, &err) < 0) {
                top_say(app->top, ROLE_ERROR, "%s", err.message);
                app->failed = true;
                if (app->flags.batch)
                        say_error(&err);
        }
        tui_send(app->tui, &(struct message){ .kind = MESSAGE_SOURCE, .record = record });
}

static void on_reset(void *cookie)
{
        top_reset(((struct app *)cookie)->top);
}

static void on_sought(void *cookie)
{
        tui_send(((struct app *)cookie)->tui, &(struct message){ .kind = MESSAGE_USER });
}

static void print_line(struct app *app, struct commands *commands)
{
        cleanup(buf_done) struct buf line;
        char now[TIME_TEXT_MAX];
        buf_init(&line, 64 << 10);
        time_format_rfc3339(top_now_unix_ns(app->top) / SECOND * SECOND, now);
        buf_printf(&line, "%s ", now);
        top_line(app->top, &line);
        if (printf("%s\n", buf_text(&line)) >= 0 && fflush(stdout) == 0)
                return;
        if (errno == EPIPE) { /* nobody reads */
                command_quit(commands, 1);
                return;
        }
        struct error err;
        fail_errno(&err, "standard output");
        command_quit(commands, say_error(&err));
}

/* Is all there that the view shows? Events and alerts have sources of their own. */
static bool picture_complete(const struct app *app)
{
        const struct model *model = top_model(app->top);
        const char *view = top_view(app->top)->name;
        const struct source_status *status = model_source(model, view);
        if (model->ticks == 0)
                return false;
        return !status || status->state == SOURCE_LIVE || status->state == SOURCE_DOWN ||
               loop_now_ns(app->loop) - app->began_ns > ONCE_SOURCE_NS;
}

static void app_update(void *model, const struct message *message, struct commands *commands)
{
        struct app *app = model;
        app->program.update(app->program.model, message, commands);
        uint64_t ticks = top_model(app->top)->ticks;
        bool ticked = ticks != app->ticks;
        app->ticks = ticks;
        if (message->kind == MESSAGE_QUIT)
                return;
        if (app->flags.once && !app->player && picture_complete(app))
                command_quit(commands, 0);
        if (ticked && app->lines)
                print_line(app, commands);
        if (ticked && app->flags.count && ticks >= app->flags.count)
                command_quit(commands, 0);
        if (app->failed && app->flags.batch)
                command_quit(commands, error_exit_status(E_IO));
        /* a replay whose lines were all printed */
        if (app->player && app->lines && app->replay.ended(app->player))
                command_quit(commands, 0);
}

static void app_init(void *model, struct commands *commands)
{
        struct app *app = model;
        app->program.init(app->program.model, commands);
}

static void app_view(void *model, struct canvas *canvas)
{
        struct app *app = model;
        app->program.view(app->program.model, canvas);
}

static int read_token(char *ret, size_t size, struct error *err)
{
        const char *token = getenv("TARSIER_TOKEN"), *path = getenv("TARSIER_TOKEN_FILE");
        ret[0] = '\0';
        if (token)
                snprintf(ret, size, "%s", token);
        if (token || !path)
                return 0;
        cleanup(fclose) FILE *file = fopen(path, "re");
        if (!file)
                return fail_errno(err, "%.200s", path);
        if (!fgets(ret, (int)size, file))
                return fail(err, E_INVALID, "%.200s is empty", path);
        ret[strcspn(ret, "\r\n")] = '\0';
        return 0;
}

static int open_sources(struct app *app, struct error *err)
{
        char token[TOKEN_MAX];
        if (app->flags.replay) {
                struct player_options options = { .loop = app->loop,
                        .speed = app->flags.speed,
                        .on_record = on_record,
                        .on_reset = on_reset,
                        .on_sought = on_sought,
                        .cookie = app };
                app->player = player_new(app->flags.replay, &options, err);
                if (!app->player)
                        return -1;
                app->replay = player_doors(app->player);
                top_set_replay(app->top, &app->replay);
                return app->flags.once ? 0 : player_start(app->player, err);
        }
        if (read_token(token, sizeof(token), err) < 0)
                return -1;
        struct sources_options options = {
                .loop = app->loop,
                .agent = app->flags.agent,
                .token = *token ? token : NULL,
                .interval_ns = app->flags.interval_ns,
                .on_record = on_record,
                .cookie = app,
        };
        app->sources = sources_new(&options, err);
        if (!app->sources)
                return -1;
        top_set_sources(app->top, app->sources);
        return 0;
}

static void end_waiting(struct loop *loop, loop_id id, void *cookie)
{
        struct app *app = cookie;
        (void)id;
        (void)loop;
        loop_stop(app->loop);
}

static int print_once(struct app *app, struct error *err)
{
        cleanup(buf_done) struct buf text;
        cleanup(canvas_done) struct canvas canvas = { 0 };
        struct term term;
        term_open(&term, STDOUT_FILENO, (enum colour_wish)app->flags.color);
        int columns = app->flags.width ? app->flags.width : term.width ? (int)term.width : WIDTH_DEFAULT;
        int rows = app->flags.height ? app->flags.height : term.height ? (int)term.height : HEIGHT_DEFAULT;
        if (canvas_init(&canvas, rows, columns, &app->look, err) < 0)
                return -1;
        tui_draw(app->tui, &canvas);
        buf_init(&text, 64 << 20);
        canvas_text(&canvas, app->flags.color == COLOUR_ALWAYS, &text);
        if (fwrite(buf_text(&text), 1, text.len, stdout) != text.len || fflush(stdout) != 0)
                return fail_errno(err, "standard output");
        return 0;
}

static int run_once(struct app *app, struct error *err)
{
        loop_id timer;
        if (app->player) {
                player_finish(app->player);
        } else {
                if (loop_add_timer(app->loop, ONCE_WAIT_NS, 0, end_waiting, app, &timer, err) < 0)
                        return -1;
                int status = tui_run(app->tui, err);
                if (status != 0)
                        return status;
                (void)loop_remove(app->loop, timer);
        }
        if (print_once(app, err) < 0)
                return -1;
        const struct model *model = top_model(app->top);
        if (model->ticks)
                return 0;
        if (app->player)
                return fail(err, E_INVALID, "the recording holds no picture");
        const struct source_status *feed = model_source(model, "feed");
        bool why = feed && *feed->message;
        return fail(err, E_TIMEOUT, "no picture came%s%s", why ? ": " : "", why ? feed->message : "");
}

static int run(struct app *app, struct error *err)
{
        struct top_options options = {
                .look = &app->look,
                .view = app->flags.view,
                .filter = app->flags.filter,
                .sort = app->flags.sort,
                .readonly = app->flags.readonly || app->flags.replay,
                .replaying = app->flags.replay != NULL,
                .mouse = !app->flags.no_mouse,
                .interval_ns = app->flags.interval_ns,
        };
        bool screen = !app->flags.once && !app->flags.batch && curses_available();
        const char *file = app->flags.batch ? app->flags.batch : app->flags.record;
        if (screen)
                app->look.depth = terminal_depth(app->look.depth);
        app->lines = !app->flags.once && !app->flags.batch && !screen;
        app->top = top_new(&options, err);
        if (!app->top)
                return -1;
        app->program = top_program(app->top);
        struct tui_program program = { .model = app, .init = app_init, .update = app_update, .view = app_view };
        struct tui_options screen_options = {
                .backend = screen ? &curses_backend : NULL,
                .loop = app->loop,
                .look = &app->look,
                .rows = HEIGHT_DEFAULT,
                .columns = WIDTH_DEFAULT,
                .mouse = options.mouse,
        };
        app->tui = tui_new(&program, &screen_options, err);
        if (!app->tui)
                return -1;
        top_set_tui(app->top, app->tui);
        if (file && !(app->recorder = recorder_new(file, err)))
                return -1;
        app->began_ns = loop_now_ns(app->loop);
        if (app->flags.once || (screen && isatty(STDERR_FILENO)))
                hush(app);
        if (open_sources(app, err) < 0)
                return -1;
        return app->flags.once ? run_once(app, err) : tui_run(app->tui, err);
}

/* ---- flags and letters ---- */

/* The letters of the terminal are those that the environment names. A locale that is not installed leaves C, in which
 * ncursesw would write question marks; C.UTF-8 is there always. */
static void choose_letters(bool utf8)
{
        (void)setlocale(LC_CTYPE, "");
        if (utf8 && strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
                (void)setlocale(LC_CTYPE, "C.UTF-8");
}

static int read_flags(int argc, char **argv, struct top_flags *ret, struct arena *arena)
{
        struct error err;
        const struct record *record = RECORD(struct top_flags, top_fields);
        cleanup(buf_done) struct buf candidates;
        buf_init(&candidates, USAGE_MAX);
        if (record_complete_asked(record, argc, argv, &candidates)) {
                fwrite(buf_text(&candidates), 1, candidates.len, stdout);
                exit(0);
        }
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0)
                        continue;
                cleanup(buf_done) struct buf text;
                buf_init(&text, USAGE_MAX);
                usage_print(&text, "tarsier top", "see live what this host and its containers do", description, record,
                        examples, 0);
                fwrite(buf_text(&text), 1, text.len, stdout);
                exit(0);
        }
        cleanup(json_decref) json_t *json = flags_parse(record, argc - 1, argv + 1, &err);
        if (!json || record_read(record, json, ret, arena, READ_STRICT, &err) < 0)
                return say_error(&err);
        if (ret->replay && (ret->batch || ret->record || ret->agent)) {
                fail(&err, E_INVALID, "--replay goes with neither --record, --batch nor --agent");
                return say_error(&err);
        }
        if (ret->batch && (ret->record || ret->once)) {
                fail(&err, E_INVALID, "--batch goes with neither --record nor --once");
                return say_error(&err);
        }
        return 0;
}

static void app_done(struct app *app)
{
        if (app->sources)
                sources_free(app->sources);
        player_free(app->player);
        tui_free(app->tui);
        recorder_free(app->recorder);
        top_free(app->top);
        loop_free(app->loop);
}

/* As if the signal had ended us, which is what a shell wants to know. */
static int end_by_signal(int number)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, number);
        (void)signal(number, SIG_DFL);
        (void)raise(number);
        (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
        return STATUS_SIGNAL + number;
}

int main(int argc, char **argv)
{
        struct app app = { .said = -1 };
        struct error err;
        struct term term;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        fill_standard_files();
        int refused = read_flags(argc, argv, &app.flags, &arena);
        if (refused)
                return refused;
        term_open(&term, STDOUT_FILENO, (enum colour_wish)app.flags.color);
        choose_letters(term.utf8);
        if (look_decide(&term, app.flags.theme, app.flags.ascii, &app.look, &err) < 0)
                return say_error(&err);
        (void)signal(SIGPIPE, SIG_IGN);
        app.loop = loop_new(NULL, &err);
        int status = app.loop ? run(&app, &err) : -1;
        if (app.tui)
                tui_free(take_ptr(app.tui)); /* the terminal first: what comes now may take a while */
        app_done(&app);
        unhush(&app);
        if (status < 0)
                return say_error(&err);
        return status > STATUS_SIGNAL ? end_by_signal(status - STATUS_SIGNAL) : status;
}
