/* init, update, view: the shape of a full-screen program. Whatever happens is a message; update changes the model and
 * adds commands; commands run on the loop and end in messages again; view draws the model on a canvas and changes
 * nothing. After a batch of messages it is drawn once, and not more often than FRAME_NS. The program owns the terminal
 * (or stands without one: tests and batches), the loop and the order of things; it knows nothing of what is shown. */
#pragma once

#include "loop/loop.h"
#include "tui/input.h"
#include "tui/screen.h"

enum message_kind {
        MESSAGE_KEY,
        MESSAGE_MOUSE,
        MESSAGE_PASTE,   /* a piece of what was pasted */
        MESSAGE_FOCUS,   /* the terminal's window got or lost it */
        MESSAGE_RESIZE,  /* also once at the start */
        MESSAGE_TICK,    /* of command_tick */
        MESSAGE_SOURCE,  /* one record of a source of data; the only kind that is recorded */
        MESSAGE_USER,    /* of tui_post: a tag and a pointer of the model's own */
        MESSAGE_SUSPEND, /* ^Z: the terminal is given back after this */
        MESSAGE_RESUME,
        MESSAGE_QUIT, /* asked to end, by a signal or command_quit; nothing is drawn after it */
};

struct message {
        enum message_kind kind;
        int64_t now_ns; /* of the program's clock: the loop's, or that of a replay */
        union {
                struct key key;
                struct mouse mouse;
                struct sv paste;
                bool focused;
                struct {
                        int rows, columns;
                } size;
                unsigned tick;    /* its tag */
                struct sv record; /* JSON, one object with one member: {"host":{…}}; valid during the call */
                struct {
                        unsigned tag;
                        void *body;
                } user;
        };
};

struct tui;

/* What update asks for. All run after it, in the order in which they were added. */
struct commands;
enum { COMMANDS_MAX = 256, TUI_POSTS_MAX = 4096 };
#define FRAME_NS (33 * MILLISECOND)
#define LATE_FRAME_NS (250 * MILLISECOND)

/* A MESSAGE_TICK with this tag after the delay; one tick of a tag is pending at a time, a later one replaces it. */
void command_tick(struct commands *commands, int64_t delay_ns, unsigned tag);
/* Calls fn on the loop, after update: it may add fds, timers, children and post messages later by tui_post. */
typedef void command_fn(struct tui *tui, void *cookie);
void command_call(struct commands *commands, command_fn *fn, void *cookie);
void command_quit(struct commands *commands, int status); /* exit status of tui_run */
void command_suspend(struct commands *commands);          /* as ^Z does */
void command_bell(struct commands *commands);
void command_redraw(struct commands *commands); /* everything, also what did not change: ^L */
void command_mouse(struct commands *commands, bool on);
/* This message needs no frame, or one that may wait a little: rows of a picture that is not complete. */
void command_no_frame(struct commands *commands);
void command_late_frame(struct commands *commands);

struct tui_program {
        void *model;
        void (*init)(void *model, struct commands *commands);
        void (*update)(void *model, const struct message *message, struct commands *commands);
        void (*view)(void *model, struct canvas *canvas);
};

/* What is drawn on and typed at: terminal.c in the program, NULL in tests and batches. Only one is open at a time. */
struct tui_backend {
        int (*open)(const struct look *look, bool mouse, struct error *err);
        void (*close)(void); /* gives the terminal back; may be called twice */
        int (*input_fd)(void);
        void (*size)(int *ret_rows, int *ret_columns);
        /* Shows what changed since the last time, or all. -1: the terminal is gone. */
        int (*draw)(const struct canvas *canvas, bool all);
        void (*suspend)(void); /* gives the terminal back and stops the process; returns when it goes on */
        void (*resume)(void);  /* takes the terminal again, whatever happened to it */
        void (*mouse)(bool on);
        void (*bell)(void);
};

struct tui_options {
        const struct tui_backend *backend; /* NULL: nothing is drawn */
        struct loop *loop;                 /* borrowed */
        const struct look *look;           /* borrowed; may change between messages (`:theme`) */
        int rows, columns;                 /* without a backend */
        bool mouse;
};

struct tui *tui_new(const struct tui_program *program, const struct tui_options *options, struct error *err);
void tui_free(struct tui *tui); /* gives the terminal back where it is still held */
DEFINE_CLEANUP(struct tui *, tui_free);

/* Until command_quit, a signal (SIGTERM, SIGHUP, SIGINT) or the terminal's end. Returns the exit status; -1 and err
 * when the loop or the terminal failed. */
int tui_run(struct tui *tui, struct error *err);

/* From the loop's thread. -1 when more than TUI_POSTS_MAX wait (counted). body stays the caller's. */
int tui_post(struct tui *tui, unsigned tag, void *body);
/* Delivers a message at once, through update: for sources (in their callbacks), and for tests that press keys. */
void tui_send(struct tui *tui, const struct message *message);
/* Draws on a canvas of the program's own size without a terminal; for tests and --once. */
void tui_draw(struct tui *tui, struct canvas *canvas);

struct loop *tui_loop(const struct tui *tui);
int64_t tui_now_ns(const struct tui *tui);
