/* The one table of keys and commands. What a key does, what `?` shows, what `:` completes and what docs/top.md lists
 * all come from it; a test refuses a key with two meanings in one view. */
#pragma once

#include "base/buf.h"
#include "tui/input.h"

struct binding {
        const char *keys;     /* names of input.h, separated by spaces: "Up k"; "" : by `:` only */
        const char *command;  /* "up"; what the view or the program gets */
        const char *argument; /* what follows it after `:`, as help shows it: "NAME"; NULL: nothing */
        const char *def;      /* the argument that the key gives; NULL: none */
        const char *views;    /* names of views, separated by spaces; NULL: everywhere */
        const char *help;     /* one line without a full stop */
        const char *section;  /* of the help: "Moving", "Views", … */
        bool acts;            /* changes the host: absent with --readonly */
};

extern const struct binding bindings[]; /* ended by one without a command */

/* The binding of a key in a view: one of the view's own goes before one that holds everywhere. NULL: none. */
const struct binding *binding_of_key(const struct key *key, const char *view, bool readonly);
/* By command name, exact, else the only one that begins with it; NULL: none, or several. */
const struct binding *binding_of_command(struct sv name, const char *view, bool readonly);
bool binding_holds(const struct binding *binding, const char *view, bool readonly);

/* Completes a line of `:`: replaces its last word by the longest beginning that its candidates have in common; appends
 * candidates to *ret_list, separated by spaces. `words` may complete arguments: returns the n-th word for the
 * argument of this command, NULL at the end. */
typedef const char *complete_fn(const struct binding *binding, size_t n, void *cookie);
void bindings_complete(
        struct buf *line, const char *view, bool readonly, complete_fn *words, void *cookie, struct buf *ret_list);

/* The table as docs/top.md has it (Markdown). */
void bindings_markdown(struct buf *out);
