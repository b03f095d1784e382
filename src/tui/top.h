/* `tarsier top`: the program that holds views, keys and dialogs together. main.c opens sources, terminal and files. */
#pragma once

#include "base/cleanup.h"
#include "tui/program.h"
#include "tui/source/source.h"
#include "tui/view.h"

enum { TOP_VIEWS_MAX = 16, TOP_MESSAGE_MAX = 256, TOP_INTERVALS = 8 };

struct top_options {
        struct look *look; /* borrowed; :theme changes it */
        const char *view;  /* name of the first one; NULL: the first */
        const char *filter, *sort;
        bool readonly;
        bool replaying;
        bool mouse;
        int64_t interval_ns;
        struct sources *sources; /* NULL: none; may be set later by top_set_sources */
};

struct top *top_new(const struct top_options *options, struct error *err);
void top_free(struct top *top);
DEFINE_CLEANUP(struct top *, top_free);
void top_set_sources(struct top *top, struct sources *sources);
/* Model, update and view for tui_new. */
struct tui_program top_program(struct top *top);
void top_set_tui(struct top *top, struct tui *tui);

/* A place of a recording. */
struct top_seek {
        enum top_seek_kind { GO_PICTURES, GO_BY, GO_TO, GO_START, GO_END } kind;
        int64_t by; /* pictures or ns from here, or Unix ns */
};

/* The replay's doors, for keys and the title; NULL: none. */
struct top_replay {
        void *cookie;
        double (*speed)(void *cookie);
        void (*set_speed)(void *cookie, double speed);
        int64_t (*unix_ns)(void *cookie);  /* of what is shown */
        int64_t (*begin_ns)(void *cookie); /* of the recording */
        bool (*ended)(void *cookie);
        void (*set_paused)(void *cookie, bool paused);
        /* On the way there records come as ever, from the beginning if it is behind (top_reset before them), while
         * seeking says true; on_sought of the player follows. -1: what is read cannot be read again. */
        int (*seek)(void *cookie, struct top_seek seek);
        bool (*seeking)(void *cookie);
};
/* The recording begins anew: nothing is known yet. */
void top_reset(struct top *top);
void top_set_replay(struct top *top, const struct top_replay *replay);

/* The names of all views, NULL-terminated, for flags. */
const char *const *top_view_names(void);
/* One line of the view shown, for logs. */
void top_line(struct top *top, struct buf *out);
