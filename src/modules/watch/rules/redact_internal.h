/* What finds secrets in one text. Private to redact*.c. */
#pragma once

#include "modules/watch/rules/redact.h"

struct span {
        size_t start, end;
};

enum { REDACT_SPANS_MAX = 64 }; /* of one text; from the last on, all of the text goes */

/* The first secret of text that begins at `from` or behind it. `argument`: the text is one argument of a command line,
 * so a NAME=value that it begins with goes to its end. */
bool redact_find(struct sv text, size_t from, bool argument, struct span *ret);

/* Does a value with this name have to stay secret? db_password, API-KEY, AWS_SECRET_ACCESS_KEY: yes; password_file,
 * max-tokens, AWS_ACCESS_KEY_ID, no-password: no. */
bool redact_name(struct sv name);
/* A header's name: also authorization, cookie … */
bool redact_header(struct sv name);

/* A program whose short flags take a secret. */
struct client {
        const char *name;
        const char *subcommand;  /* only with this as first argument, NULL = always */
        const char *flags;       /* the letters */
        bool attached, separate; /* -pVALUE, -p VALUE */
        char separator;          /* only what stands behind it is secret: user:password; 0 = all */
        const char *options;     /* long ones with the same value, space around each; NULL = none */
};

const struct client *redact_client(struct sv program);
/* Does it start the program that is named in its arguments (sudo, env …)? */
bool redact_wrapper(struct sv program);

/* Which programs are neither, for most of them at once: a table of the first two letters. */
enum { REDACT_PAIRS = 256 };
void redact_pairs(bool ret[REDACT_PAIRS]);
bool redact_may_matter(const bool pairs[REDACT_PAIRS], struct sv program);
