#include "tui/program.h"

#include "base/vec.h"

#include <fcntl.h>

enum { TICKS_MAX = 32, READ_SIZE = 4096, READS_PER_TURN = 16, STATUS_SIGNAL = 128 };

enum command_kind {
        COMMAND_TICK,
        COMMAND_CALL,
        COMMAND_QUIT,
        COMMAND_SUSPEND,
        COMMAND_BELL,
        COMMAND_REDRAW,
        COMMAND_MOUSE
};

struct command {
        enum command_kind kind;
        int64_t delay_ns;
        unsigned tag;
        command_fn *fn;
        void *cookie;
        int status;
        bool on;
};

struct commands {
        struct command items[COMMANDS_MAX];
        size_t count;
        uint64_t refused;
        int64_t frame_ns; /* between this frame and the last; -1: none */
};

struct tick {
        struct tui *tui;
        unsigned tag;
        loop_id timer;
};

struct post {
        unsigned tag;
        void *body;
};

struct tui {
        struct tui_program program;
        struct tui_options options;
        struct loop *loop;
        struct canvas canvas;
        struct input input;
        struct tick ticks[TICKS_MAX];
        size_t tick_count;
        VEC(struct post) posts;
        loop_id input_id, escape_timer, frame_timer, signals[8];
        size_t signal_count;
        int64_t drawn_ns, frame_due_ns;
        bool open, dirty, redraw_all, frame_due, posts_due, quitting, updating;
        int status;
        uint64_t refused;
};

/* ---- commands ---- */

static void command_add(struct commands *commands, struct command command)
{
        if (commands->count < COMMANDS_MAX)
                commands->items[commands->count++] = command;
        else
                commands->refused++;
}

void command_tick(struct commands *commands, int64_t delay_ns, unsigned tag)
{
        command_add(commands, (struct command){ .kind = COMMAND_TICK, .delay_ns = delay_ns, .tag = tag });
}

void command_call(struct commands *commands, command_fn *fn, void *cookie)
{
        command_add(commands, (struct command){ .kind = COMMAND_CALL, .fn = fn, .cookie = cookie });
}

void command_quit(struct commands *commands, int status)
{
        command_add(commands, (struct command){ .kind = COMMAND_QUIT, .status = status });
}

void command_suspend(struct commands *commands)
{
        command_add(commands, (struct command){ .kind = COMMAND_SUSPEND });
}

void command_bell(struct commands *commands)
{
        command_add(commands, (struct command){ .kind = COMMAND_BELL });
}

void command_redraw(struct commands *commands)
{
        command_add(commands, (struct command){ .kind = COMMAND_REDRAW });
}

void command_mouse(struct commands *commands, bool on)
{
        command_add(commands, (struct command){ .kind = COMMAND_MOUSE, .on = on });
}

void command_no_frame(struct commands *commands)
{
        commands->frame_ns = -1;
}

void command_late_frame(struct commands *commands)
{
        commands->frame_ns = LATE_FRAME_NS;
}

static void set_tick(struct tui *tui, int64_t delay_ns, unsigned tag);
static void suspend(struct tui *tui);
static void quit(struct tui *tui, int status);

static void run_command(struct tui *tui, const struct command *command)
{
        const struct tui_backend *backend = tui->open ? tui->options.backend : NULL;
        switch (command->kind) {
        case COMMAND_TICK:
                set_tick(tui, command->delay_ns, command->tag);
                break;
        case COMMAND_CALL:
                command->fn(tui, command->cookie);
                break;
        case COMMAND_QUIT:
                quit(tui, command->status);
                break;
        case COMMAND_SUSPEND:
                suspend(tui);
                break;
        case COMMAND_BELL:
                if (backend)
                        backend->bell();
                break;
        case COMMAND_REDRAW:
                tui->redraw_all = true;
                break;
        case COMMAND_MOUSE:
                if (backend)
                        backend->mouse(command->on);
                break;
        }
}

static void run_commands(struct tui *tui, const struct commands *commands)
{
        for (size_t i = 0; i < commands->count; i++)
                run_command(tui, &commands->items[i]);
        tui->refused += commands->refused;
}

/* ---- drawing ---- */

static void draw_now(struct tui *tui)
{
        const struct tui_backend *backend = tui->options.backend;
        tui->frame_due = false;
        if (!tui->open || !tui->dirty || tui->quitting)
                return;
        int rows, columns;
        struct error err;
        backend->size(&rows, &columns);
        if (rows != tui->canvas.rows || columns != tui->canvas.columns) {
                canvas_done(&tui->canvas);
                if (canvas_init(&tui->canvas, rows, columns, tui->options.look, &err) < 0) {
                        quit(tui, 1);
                        return;
                }
                tui->redraw_all = true;
        }
        tui->drawn_ns = loop_now_ns(tui->loop);
        tui_draw(tui, &tui->canvas);
        tui->dirty = false;
        if (backend->draw(&tui->canvas, tui->redraw_all) < 0)
                quit(tui, STATUS_SIGNAL + SIGHUP); /* the terminal is gone */
        tui->redraw_all = false;
}

static void frame_deferred(struct loop *loop, void *cookie)
{
        (void)loop;
        draw_now(cookie);
}

static void frame_timed(struct loop *loop, loop_id id, void *cookie)
{
        struct tui *tui = cookie;
        (void)loop;
        (void)id;
        tui->frame_timer = 0;
        draw_now(tui);
}

/* After this turn of the loop, or `after_ns` after the last frame. One that is planned for later comes sooner. */
static void want_frame(struct tui *tui, int64_t after_ns)
{
        struct error err;
        tui->dirty = true;
        if (!tui->open || tui->quitting)
                return;
        int64_t due = tui->drawn_ns + after_ns;
        if (tui->frame_due && due >= tui->frame_due_ns)
                return;
        (void)loop_remove(tui->loop, tui->frame_timer);
        tui->frame_timer = 0;
        tui->frame_due_ns = due;
        if (due <= loop_now_ns(tui->loop))
                tui->frame_due = loop_defer(tui->loop, frame_deferred, tui) == 0;
        else
                tui->frame_due = loop_add_timer_at(tui->loop, due, 0, frame_timed, tui, &tui->frame_timer, &err) == 0;
}

void tui_draw(struct tui *tui, struct canvas *canvas)
{
        canvas_clear(canvas);
        tui->program.view(tui->program.model, canvas);
}

/* ---- messages ---- */

void tui_send(struct tui *tui, const struct message *message)
{
        struct commands commands;
        if (tui->quitting && message->kind != MESSAGE_QUIT)
                return;
        struct message timed = *message;
        timed.now_ns = loop_now_ns(tui->loop);
        commands.count = 0;
        commands.refused = 0;
        commands.frame_ns = FRAME_NS;
        tui->program.update(tui->program.model, &timed, &commands);
        run_commands(tui, &commands);
        if (message->kind != MESSAGE_QUIT && commands.frame_ns >= 0)
                want_frame(tui, commands.frame_ns);
}

static void quit(struct tui *tui, int status)
{
        if (tui->quitting)
                return;
        tui->status = status;
        tui->quitting = true;
        tui_send(tui, &(struct message){ .kind = MESSAGE_QUIT });
        loop_stop(tui->loop);
}

static void deliver_posts(struct loop *loop, void *cookie)
{
        struct tui *tui = cookie;
        (void)loop;
        tui->posts_due = false;
        /* what is posted meanwhile comes in the next turn */
        size_t count = tui->posts.count;
        for (size_t i = 0; i < count; i++) {
                struct post post = tui->posts.items[i];
                tui_send(tui, &(struct message){ .kind = MESSAGE_USER, .user = { post.tag, post.body } });
        }
        memmove(tui->posts.items, tui->posts.items + count, (tui->posts.count - count) * sizeof(struct post));
        tui->posts.count -= count;
        if (tui->posts.count && !tui->posts_due)
                tui->posts_due = loop_defer(tui->loop, deliver_posts, tui) == 0;
}

int tui_post(struct tui *tui, unsigned tag, void *body)
{
        struct post *post = vec_add(&tui->posts, TUI_POSTS_MAX);
        if (!post) {
                tui->refused++;
                return -1;
        }
        *post = (struct post){ tag, body };
        if (!tui->posts_due)
                tui->posts_due = loop_defer(tui->loop, deliver_posts, tui) == 0;
        return 0;
}

static void tick_due(struct loop *loop, loop_id id, void *cookie)
{
        struct tick *tick = cookie;
        (void)loop;
        (void)id;
        tick->timer = 0;
        tui_send(tick->tui, &(struct message){ .kind = MESSAGE_TICK, .tick = tick->tag });
}

static void set_tick(struct tui *tui, int64_t delay_ns, unsigned tag)
{
        struct tick *tick = NULL;
        struct error err;
        for (size_t i = 0; i < tui->tick_count && !tick; i++)
                if (tui->ticks[i].tag == tag)
                        tick = &tui->ticks[i];
        if (!tick && tui->tick_count < TICKS_MAX) {
                tick = &tui->ticks[tui->tick_count++];
                *tick = (struct tick){ .tui = tui, .tag = tag };
        }
        if (!tick) {
                tui->refused++;
                return;
        }
        if (tick->timer && loop_rearm_timer(tui->loop, tick->timer, delay_ns) == 0)
                return;
        if (loop_add_timer(tui->loop, delay_ns, 0, tick_due, tick, &tick->timer, &err) < 0)
                tui->refused++;
}

/* ---- the terminal ---- */

static void send_size(struct tui *tui)
{
        struct message message = { .kind = MESSAGE_RESIZE, .size = { tui->options.rows, tui->options.columns } };
        if (tui->open)
                tui->options.backend->size(&message.size.rows, &message.size.columns);
        tui_send(tui, &message);
}

static void suspend(struct tui *tui)
{
        if (!tui->open)
                return;
        tui_send(tui, &(struct message){ .kind = MESSAGE_SUSPEND });
        tui->options.backend->suspend();
        tui->redraw_all = true;
        tui_send(tui, &(struct message){ .kind = MESSAGE_RESUME });
        send_size(tui);
}

static void input_event(const struct input_event *event, void *cookie)
{
        struct tui *tui = cookie;
        struct message message = { .kind = MESSAGE_KEY };
        switch (event->kind) {
        case INPUT_KEY:
                message.key = event->key;
                break;
        case INPUT_MOUSE:
                message.kind = MESSAGE_MOUSE;
                message.mouse = event->mouse;
                break;
        case INPUT_PASTE:
                message.kind = MESSAGE_PASTE;
                message.paste = event->paste;
                break;
        case INPUT_FOCUS:
                message.kind = MESSAGE_FOCUS;
                message.focused = event->focused;
                break;
        }
        tui_send(tui, &message);
}

static void escape_due(struct loop *loop, loop_id id, void *cookie)
{
        struct tui *tui = cookie;
        (void)loop;
        (void)id;
        tui->escape_timer = 0;
        input_timeout(&tui->input, input_event, tui);
}

static void want_escape(struct tui *tui)
{
        struct error err;
        if (tui->escape_timer)
                (void)loop_remove(tui->loop, tui->escape_timer);
        tui->escape_timer = 0;
        if (input_pending(&tui->input))
                (void)loop_add_timer(tui->loop, INPUT_ESCAPE_NS, 0, escape_due, tui, &tui->escape_timer, &err);
}

/* Keys typed. The descriptor may be shared with a shell, so it stays blocking: one read for each time it is ready. */
static void input_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct tui *tui = cookie;
        char bytes[READ_SIZE];
        (void)loop;
        (void)id;
        if (tui->quitting)
                return;
        ssize_t n = events & LOOP_READ ? read(tui->options.backend->input_fd(), bytes, sizeof(bytes)) : 0;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        if (n <= 0) { /* a terminal that hung up: nothing more will come, and what is drawn is seen by nobody */
                quit(tui, STATUS_SIGNAL + SIGHUP);
                return;
        }
        input_feed(&tui->input, sv_n(bytes, (size_t)n), input_event, tui);
        want_escape(tui);
}

static void signal_came(struct loop *loop, loop_id id, const struct signalfd_siginfo *signal, void *cookie)
{
        struct tui *tui = cookie;
        (void)loop;
        (void)id;
        switch ((int)signal->ssi_signo) {
        case SIGWINCH:
                send_size(tui);
                break;
        case SIGTSTP:
                suspend(tui);
                break;
        case SIGCONT: /* after SIGSTOP, which nobody sees coming */
                if (!tui->open)
                        break;
                tui->options.backend->resume();
                tui->redraw_all = true;
                send_size(tui);
                break;
        default:
                quit(tui, STATUS_SIGNAL + (int)signal->ssi_signo);
                break;
        }
}

static int add_signals(struct tui *tui, struct error *err)
{
        static const int always[] = { SIGTERM, SIGHUP, SIGINT };
        static const int terminal[] = { SIGWINCH, SIGTSTP, SIGCONT };
        for (size_t i = 0; i < 3; i++)
                if (loop_add_signal(tui->loop, always[i], signal_came, tui, &tui->signals[tui->signal_count++], err) <
                        0)
                        return -1;
        for (size_t i = 0; tui->options.backend && i < 3; i++)
                if (loop_add_signal(tui->loop, terminal[i], signal_came, tui, &tui->signals[tui->signal_count++], err) <
                        0)
                        return -1;
        return 0;
}

/* ---- life ---- */

struct tui *tui_new(const struct tui_program *program, const struct tui_options *options, struct error *err)
{
        struct tui *tui = calloc(1, sizeof(*tui));
        if (!tui)
                return fail_null(err, E_NO_MEMORY, "the screen");
        tui->program = *program;
        tui->options = *options;
        tui->loop = options->loop;
        tui->drawn_ns = -FRAME_NS;
        input_init(&tui->input);
        return tui;
}

static void give_back(struct tui *tui)
{
        if (!tui->open)
                return;
        tui->open = false;
        (void)loop_remove(tui->loop, tui->input_id);
        tui->options.backend->close();
}

void tui_free(struct tui *tui)
{
        if (!tui)
                return;
        give_back(tui);
        for (size_t i = 0; i < tui->tick_count; i++)
                (void)loop_remove(tui->loop, tui->ticks[i].timer);
        for (size_t i = 0; i < tui->signal_count; i++)
                (void)loop_remove(tui->loop, tui->signals[i]);
        (void)loop_remove(tui->loop, tui->escape_timer);
        (void)loop_remove(tui->loop, tui->frame_timer);
        canvas_done(&tui->canvas);
        vec_done(&tui->posts);
        free(tui);
}

int tui_run(struct tui *tui, struct error *err)
{
        struct commands commands = { .count = 0 };
        const struct tui_backend *backend = tui->options.backend;
        if (add_signals(tui, err) < 0)
                return -1;
        if (backend) {
                if (backend->open(tui->options.look, tui->options.mouse, err) < 0)
                        return -1;
                tui->open = true;
                if (loop_add_fd(tui->loop, backend->input_fd(), LOOP_READ, LOOP_LEVEL, input_ready, tui, &tui->input_id,
                            err) < 0)
                        return -1;
        }
        if (tui->program.init) {
                tui->program.init(tui->program.model, &commands);
                run_commands(tui, &commands);
        }
        send_size(tui);
        int ran = tui->quitting ? 0 : loop_run(tui->loop, err);
        give_back(tui);
        return ran < 0 ? -1 : tui->status;
}

struct loop *tui_loop(const struct tui *tui)
{
        return tui->loop;
}

int64_t tui_now_ns(const struct tui *tui)
{
        return loop_now_ns(tui->loop);
}
