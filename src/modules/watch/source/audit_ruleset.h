/* The rules that the audit source adds to the kernel's, and the settings it changes, so that both can be undone
 * exactly.
 *
 * Everything of ours carries the key "tarsier-watch", alone or before a key of the user's. One of our rules does
 * nothing but keep, in its key, the settings as they were before ("tarsier-watch:enabled,rate,backlog"): what a killed
 * run left behind is recognised by that, and undone by the next. Rules of the host are never touched: one that equals
 * ours to the key is taken for the host's and left. */
#pragma once

#include "base/error.h"
#include "base/sv.h"
#include "base/vec.h"

#include <linux/audit.h>

#define AUDIT_RULESET_KEY "tarsier-watch"

enum { AUDIT_RULESET_MAX = 1024 };

struct audit_ruleset {
        VEC(struct rule_bytes {
                char *bytes;
                size_t size;
        })
        rules;                      /* added by us, in order */
        struct audit_status before; /* enabled, rate_limit, backlog_limit */
        struct audit_status set;    /* what we made of it; mask tells which */
        size_t existed;             /* were there already, with our very key */
        size_t changes;             /* made in all: the kernel writes a record of each */
        size_t left;                /* of an earlier run, removed */
        bool locked;                /* the configuration cannot be changed (enabled = 2): nothing was */
};

struct audit_ruleset_options {
        bool forks; /* fork and exit too: no process connector */
        uint32_t rate, backlog;
        bool immutable;
        const char *const *rules; /* further ones, NULL-terminated; may be NULL */
        void (*log)(void *cookie, const char *text);
        void *log_cookie;
};

/* fd: a command socket. Reads the state, says it by options->log, removes what an earlier run left, then enables and
 * adds. On failure everything is undone. A further rule that is wrong, or that the kernel refuses, is an error. */
int audit_ruleset_load(
        int fd, const struct audit_ruleset_options *options, struct audit_ruleset *ret, struct error *err);

/* Undoes it; settings that somebody else has changed meanwhile stay. The first failure is told, the rest is done all
 * the same. */
int audit_ruleset_unload(int fd, struct audit_ruleset *ruleset, struct error *err);
