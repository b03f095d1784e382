/* What the files of the program share. */
#pragma once

#include "base/buf.h"
#include "tui/model/model.h"
#include "tui/top.h"
#include "tui/widgets/widgets.h"

enum { TRAIL_MAX = 16, WAITING_MAX = 32 << 20, LINE_MAX_BYTES = 512, HISTORY_LINES = 32, ENTRIES_MAX = 64 };
#define SAY_NS (6 * SECOND)

enum { TICK_SAY = 1, TICK_CLOCK };

enum overlay { OVERLAY_NONE, OVERLAY_HELP, OVERLAY_CONFIRM, OVERLAY_ASK, OVERLAY_CHOOSE };

/* A line that is being typed. */
struct prompt {
        struct buf text;
        size_t cursor; /* byte */
};

enum prompt_kind { PROMPT_NONE, PROMPT_FILTER, PROMPT_COMMAND };

struct shown_view {
        const struct view *view;
        void *state;
};

struct top {
        struct top_options options;
        struct model *model;
        struct sources *sources;
        struct tui *tui;
        const struct top_replay *replay;
        struct shown_view views[TOP_VIEWS_MAX];
        size_t view_count, current;
        size_t trail[TRAIL_MAX]; /* views to come back to */
        size_t trail_count;
        int64_t interval_ns;
        bool paused, mouse, quitting;
        struct buf waiting; /* while paused: unix_ns (8 bytes), length (8 bytes), record, … */
        struct area body;   /* of the last drawing: where the view is */

        enum prompt_kind prompt_kind;
        struct prompt prompt;
        char *filter_before;        /* what Esc brings back */
        char *lines[HISTORY_LINES]; /* commands typed, the newest last */
        size_t line_count, line_at;
        char candidates[LINE_MAX_BYTES];

        enum overlay overlay;
        char *title, *text, *command, *argument; /* of the dialog */
        struct prompt answer;
        size_t chosen, entry_top;
        bool yes;
        int help_top, help_rows, help_page;

        char said[TOP_MESSAGE_MAX];
        enum tui_role said_role;
        int64_t said_ns;
        bool has_said;
        int64_t now_ns;     /* of the newest message */
        int64_t picture_ns; /* when the newest picture came */
        uint64_t pictures;  /* that came */
        bool stale;         /* the lists of the view shown may hold rows that the model no longer has: top_freshen */
};

static inline const struct view *top_view(const struct top *top)
{
        return top->views[top->current].view;
}

static inline void *top_state(const struct top *top)
{
        return top->views[top->current].state;
}

struct grid *top_grid(struct top *top);

/* top.c */
void top_catch_up(struct top *top);
/* Before anything looks into the lists of the view shown. */
void top_freshen(struct top *top);

/* top_command.c */
void top_run_command(struct top *top, const char *command, const char *argument, struct commands *commands);
void top_run_line(struct top *top, struct sv line, struct commands *commands);
void top_run_key(struct top *top, const struct key *key, struct commands *commands);
void top_show(struct top *top, size_t view);
bool top_has(const struct top *top, size_t view);

/* top_prompt.c: true when the key was taken */
void prompt_set(struct prompt *prompt, const char *text);
bool prompt_key(struct prompt *prompt, const struct key *key);
void prompt_paste(struct prompt *prompt, struct sv text);
void prompt_draw(struct area area, const struct prompt *prompt, const char *before, enum tui_role role);
void top_open_filter(struct top *top);
void top_open_command(struct top *top);
void top_prompt_key(struct top *top, const struct key *key, struct commands *commands);
void top_prompt_paste(struct top *top, struct sv text);

/* top_dialog.c */
void top_dialog_key(struct top *top, const struct key *key, struct commands *commands);
void top_dialog_mouse(struct top *top, const struct mouse *mouse, struct commands *commands);
void top_dialog_draw(struct top *top, struct area area);
void top_dialog_close(struct top *top);

/* top_draw.c */
void top_draw(void *model, struct canvas *canvas);
struct area top_tabs_area(const struct top *top, struct area screen);
size_t top_tabs(const struct top *top, const char **titles, size_t *ret_active, size_t *ret_index);
