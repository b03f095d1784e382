/* auditctl's rule language (auditctl(8), audit.rules(7)): from a line of text to what the kernel takes (struct
 * audit_rule_data of linux/audit.h), and back. The bytes are those that auditctl 3.0 sends.
 *
 *      -a LIST,ACTION | -A …   append or prepend a rule; lists: exit, task, user, exclude, filesystem, io_uring;
 *                              actions: always, never; in either order
 *      -d LIST,ACTION, -W PATH delete a rule; -D [-k KEY]: all, or those with the key
 *      -S CALL[,CALL…]         names of the architecture given before, numbers, or "all"
 *      -F FIELD OP VALUE       operators = != > >= < <= & &=
 *      -C FIELD OP FIELD       = and !=: two ids of the process, or one with the file's owner
 *      -w PATH [-p rwxa]       a watch: a path or directory, exit,always, all of rwxa unless told
 *      -k KEY                  several become one text, joined by 0x01
 *      -b, -e, -f, -r N, --backlog_wait_time N, --reset-lost
 *                              the system's settings; -i, -c: later errors do not matter
 * Words may stand in single or double quotes. A line is empty, a comment, or one command with its options.
 *
 * Pure but for names of users and groups, and for the question whether a watched path is a directory: options. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/sv.h"

#include <linux/audit.h>

enum {
        AUDITRULE_LINE_MAX = 16384,
        AUDITRULE_WORDS_MAX = 256,
        AUDITRULE_SIZE_MAX = sizeof(struct audit_rule_data) + 4 * 4096 + AUDIT_MAX_KEY_LEN
};

enum auditrule_kind {
        AUDITRULE_NOTHING,    /* empty, comment, or an option without effect on the kernel (-i, -c) */
        AUDITRULE_ADD,        /* data */
        AUDITRULE_DELETE,     /* data */
        AUDITRULE_DELETE_ALL, /* key: only those with it, when not empty */
        AUDITRULE_SET,        /* status, its mask tells which members */
};

struct auditrule {
        enum auditrule_kind kind;
        struct buf data; /* struct audit_rule_data and its strings */
        struct audit_status status;
        char key[AUDIT_MAX_KEY_LEN + 1];
};

struct auditrule_options {
        /* Is this path a directory? NULL: asks the file system. */
        bool (*is_directory)(void *cookie, const char *path);
        /* The ids of names; false when there is none. NULL: asks the name service. */
        bool (*user)(void *cookie, const char *name, uint32_t *ret);
        bool (*group)(void *cookie, const char *name, uint32_t *ret);
        void *cookie;
        const char *arch; /* of system calls where the rule tells none, as in uname(2) ("x86_64"); NULL: this machine */
};

void auditrule_init(struct auditrule *rule);
void auditrule_done(struct auditrule *rule);

static inline void auditrule_done_p(struct auditrule *rule)
{
        auditrule_done(rule);
}

/* Writes over what was in *rule. options may be NULL. Messages name the option that is wrong. */
int auditrule_parse(struct sv line, const struct auditrule_options *options, struct auditrule *rule, struct error *err);

/* The rule as a view of what audit_netlink_add takes. */
static inline struct sv auditrule_bytes(const struct auditrule *rule)
{
        return sv_n(rule->data.data, rule->data.len);
}

/* The text of a rule, as auditctl -l writes it; parsing it gives the same rule. Appends to out. E_CORRUPT for bytes
 * that are none; fields and values without a name are written as numbers. */
int auditrule_format(struct sv data, struct buf *out, struct error *err);

/* The key, "" when it has none: a view into data. Several are separated by 0x01. */
struct sv auditrule_key(struct sv data);

/* Puts `key` before what keys the rule has. */
int auditrule_put_key(struct auditrule *rule, const char *key, struct error *err);
