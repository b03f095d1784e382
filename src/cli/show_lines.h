/* The lines that a module prints itself: here, where it is one of this program's, else by the program that holds it. On
 * a terminal they are held for a moment: what has ended by then goes through the pager where it is longer than the
 * terminal, what goes on is shown as it comes. */
#pragma once

#include "cli/cli.h"
#include "module/lines.h"

enum { LINES_HELD_MAX = 1 << 20, LINES_HOLD_MS = 300 };

struct module_lines {
        const struct catalog_entry *entry;
        bool results_only;
        bool holding; /* nothing was shown yet */
        bool live;    /* each row is shown at once */
        struct line_printer printer;
        struct buf text; /* lines printed here, or a row on its way to the program */
        struct buf held; /* rows for the program, while holding */
        FILE *pipe;      /* to it */
        pid_t pid;
};

/* hold: the pager may be used. live: rows come one by one, each is to be seen when it comes. */
void module_lines_init(
        struct module_lines *lines, const struct catalog_entry *entry, bool results_only, bool hold, bool live);
void module_lines_done(struct module_lines *lines);

/* json.n == 0 is a label without rows. */
int module_lines_row(
        struct module_lines *lines, const char *group, const char *label, struct sv json, struct error *err);
/* It goes on: shows what was held, and from here on each row as it comes. */
int module_lines_release(struct module_lines *lines, struct error *err);
/* The statistics (NULL: none) and the end. status < 0: something failed before, and *err says what. */
int module_lines_finish(struct module_lines *lines, const char *statistics, int status, struct error *err);
