/* What the program asks of a view, and what a view may ask of the program. A view is a table of functions and a state
 * of its own; it draws from the model (model.h), which only messages of sources change. Common keys (moving, sorting,
 * filtering, marking, folding) are done by the program on the view's grid; everything else of the key table comes to
 * view->command by name. */
#pragma once

#include "tui/keys.h"
#include "tui/program.h"
#include "tui/widgets/grid.h"

struct model; /* model.h */
struct top;   /* the program: top.c */

struct view {
        const char *name;    /* "processes": --view, :view */
        const char *title;   /* of its tab */
        const char *summary; /* one line for help and documentation */
        size_t state_size;   /* zeroed, then init */
        int (*init)(void *state, struct top *top, struct error *err);
        void (*done)(void *state);
        /* Is there something to show (does its source exist)? NULL: always. Others have no tab. */
        bool (*present)(const struct model *model);
        /* The model changed, a key came: bring the grid up to date. Called before draw, once a frame, and only while
         * the view is the one shown. */
        void (*refresh)(void *state, struct top *top);
        void (*draw)(void *state, struct top *top, struct area area);
        /* The grid that the common keys act on now; NULL: none (then arrows scroll nothing). */
        struct grid *(*grid)(void *state);
        /* A command of the key table that the program does not do itself, with its argument ("" for none). false: not
         * known here; top_say tells why something was refused. "open" (Enter) and "back" (Esc, q: false leaves the
         * view) among them. */
        bool (*command)(
                void *state, struct top *top, const char *command, const char *argument, struct commands *commands);
        /* What top_go brought: "container=/system.slice/x", "pid=12"; NULL: not understood. */
        void (*enter)(void *state, struct top *top, const char *argument);
        /* Where we are below the view's first page: "web-1 › processes"; appended, nothing for the first. */
        void (*trail)(void *state, struct buf *out);
        /* A click into the view's area that hit no row of its grid. May be NULL. */
        void (*mouse)(void *state, struct top *top, const struct mouse *mouse, struct area area);
        /* One line a tick where there is no terminal: "cpu 1.2 memory 3.1 GiB"; appended. May be NULL. */
        void (*line)(void *state, struct top *top, struct buf *out);
};

extern const struct view *const views[]; /* views.c, in the order of the tabs; NULL-terminated */

/* ---- what a view may ask ---- */

struct model *top_model(struct top *top);
const struct look *top_look(const struct top *top);
int64_t top_now_unix_ns(const struct top *top); /* the clock of what is shown: that of a replay too */
bool top_readonly(const struct top *top);
bool top_paused(const struct top *top);
int64_t top_interval_ns(const struct top *top);

/* Shows another view and remembers this one for `back`. */
void top_go(struct top *top, const char *view, const char *argument);
/* A word to the user in the last line, for some seconds. */
void top_say(struct top *top, enum tui_role role, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A question with yes and no; yes brings `command` with `argument` to the view. Both are copied. */
void top_confirm(struct top *top, const char *title, const char *text, const char *command, const char *argument);
/* A line to be typed, with what stands in it at first; Enter brings `command` with what was typed. */
void top_ask(struct top *top, const char *title, const char *initial, const char *command);
/* A list to choose from (entries separated by '\n'); brings `command` with the entry. */
void top_choose(struct top *top, const char *title, const char *entries, const char *command);

/* ---- what the program needs of model.h and source.h ----
 * Everything a source says is one JSON object with one member: {"host":{…}}, {"gone":{…}}, {"tick":{…}}, {"event":{…}},
 * {"alert":{…}}, {"source":{"name","state","message"}}.
 *
 * struct model *model_new(struct error *err);
 * void model_free(struct model *model);
 * void model_apply(struct model *model, struct sv record, int64_t unix_ns);   unix_ns: when it came
 *
 * struct sources_options { struct loop *loop; const char *agent; const char *token; int64_t interval_ns;
 *         void (*on_record)(struct sv record, void *cookie); void *cookie; };
 * struct sources *sources_new(const struct sources_options *options, struct error *err);   starts what there is
 * void sources_free(struct sources *sources);
 * void sources_set_interval(struct sources *sources, int64_t interval_ns);
 *
 * The program records each record with its time, applies it to the model, and calls refresh of the view shown before
 * it draws. An action (kill, acknowledge) is sources_… too; its answer comes as a record. In a replay there are no
 * sources: top_sources() is NULL. */
struct sources;
struct sources *top_sources(struct top *top);
