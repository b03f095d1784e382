/* Secrets in command lines are replaced before an event is stored, shown or matched: what stands behind --password,
 * --token … and the short flags of known clients, NAME=value and NAME: value where the name says that it is a secret,
 * passwords in URLs, Authorization headers, private keys, JSON web tokens and tokens of well-known form; and what the
 * user's own patterns match. docs/modules/watch-rules.md lists them.
 *
 * Nothing is allocated and nothing copied when nothing is found. */
#pragma once

#include "base/error.h"
#include "base/sv.h"
#include "schema/field.h"

struct event;
struct redact;

#define REDACTED "[redacted]"

enum {
        REDACT_PATTERNS_MAX = 64,
        REDACT_MEMORY_MAX = 4 << 20, /* of one redacted command line; beyond it every argument but the first goes */
};

/* patterns: RE2; of each match group 1 is replaced, or all of it when there is none. May be NULL. E_INVALID names the
 * pattern. */
int redact_new(const struct string_list *patterns, struct redact **ret, struct error *err);
void redact_free(struct redact *redact);

static inline void redact_free_p(struct redact **redact)
{
        redact_free(*redact);
}

/* false: no secret, *ret is not written. true: *ret is the same command line without its secrets; it (arguments that
 * had none point to the old ones) lives until the next call with this redact. */
bool redact_argv(struct redact *redact, const struct string_list *argv, struct string_list *ret);

/* The same for one text; *ret is NUL-terminated. */
bool redact_text(struct redact *redact, struct sv text, struct sv *ret);

/* The event's arguments and details, replaced in the event where that is needed: they then live until the next call.
 * Records that repeat the command line (EXECVE, PROCTITLE) leave the details of an event whose arguments held a
 * secret. */
bool redact_event(struct redact *redact, struct event *event);

struct redact_counters {
        uint64_t command_lines, redacted; /* looked at; had a secret */
        uint64_t cut;                     /* too long to be redacted in part: all arguments went */
};
void redact_count(const struct redact *redact, struct redact_counters *ret);
