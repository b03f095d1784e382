/* Rules on events: YAML files (docs/modules/watch-rules.md) compiled to flat programs over struct event.
 *
 * Names in conditions are those of the event's JSON, resolved through the tables of event.c when the files are loaded;
 * so is every type checked. A match needs no memory (libre2 builds the states of a pattern lazily, within its own
 * ceiling). Rules are indexed by the type of event. Single-threaded: a struct rules holds counters, windows and the
 * values of the event that is being looked at. */
#pragma once

#include "modules/watch/event/event.h"

struct buf;
struct rules;

enum {
        RULES_FILES_MAX = 64,        /* files, those of directories counted */
        RULES_MAX = 512,             /* rules, the disabled ones counted */
        RULES_TEXT_MAX = 1 << 20,    /* bytes of one file */
        RULES_MEMORY_MAX = 32 << 20, /* bytes of all that is compiled, patterns left out */
        RULES_NODES_MAX = 2000,      /* tests and connectives of one rule, macros expanded */
        RULES_NESTING_MAX = 64,      /* parentheses, nots and macros in each other */
        RULES_LIST_MAX = 4096,       /* values of one list */
        RULES_PATTERNS_MAX = 1024,   /* regular expressions of all rules */
        RULES_OPERANDS_MAX = 256,    /* different fields of all rules */
        RULES_BY_MAX = 4,            /* fields of a threshold's or a suppression's `by` */
        RULES_COUNT_MAX = 1000,      /* a threshold's count */
        RULES_GROUPS_MAX = 1024,     /* groups counted at a time, each rule; the one unused longest in its set goes */
        RULES_SILENCED_MAX = 4096,   /* groups whose alerts are held back, all rules */
};

enum rule_action { RULE_ALERT, RULE_TAG, RULE_KILL };
extern const char *const rule_action_names[]; /* "alert", "tag", "kill", NULL */

/* A rule as it stands after all files were merged; texts live as long as the rules. */
struct rule {
        const char *name, *summary;
        const char *severity; /* low, medium, high, critical */
        enum rule_action action;
        bool enabled;
        struct string_list tags, mitre;
        const char *file; /* that gave its condition */
        unsigned line;
        uint64_t types;      /* bit 1 << enum event_type */
        uint64_t matched;    /* events whose condition was true and no exception */
        uint64_t alerted;    /* hits with `alert` */
        uint64_t suppressed; /* alerts held back */
};

struct rules_options {
        /* Files, or directories whose *.yaml are taken in the order of their names; "starter" is the set that is
         * compiled in. NULL-terminated. A directory that does not exist is none; a file that does not is an error. */
        const char *const *paths;
        int64_t suppress_ns; /* for rules that say nothing of their own; 0 = 60 s */
        uint64_t seed;       /* of the hashes of groups; any number the sender of events does not know */
};

/* Later files change earlier rules by name. E_INVALID with "FILE:LINE: what" and the nearest right name. */
int rules_load(const struct rules_options *options, struct rules **ret, struct error *err);
void rules_free(struct rules *rules);

static inline void rules_free_p(struct rules **rules)
{
        rules_free(*rules);
}

/* The same from one text; `name` stands for the file in messages. */
int rules_load_text(const char *name, struct sv text, struct rules **ret, struct error *err);

/* Every problem instead of the first: "FILE:LINE: what". A warning (a list or macro that nothing uses) is no error.
 * Returns the number of errors, -1 when the files could not be read at all. */
typedef void rules_problem_fn(void *cookie, bool warning, const char *text);
int rules_check(const struct rules_options *options, rules_problem_fn *problem, void *cookie, struct error *err);

struct rules_hit {
        const struct rule *rule;
        const struct event *event;
        bool alert;          /* to be told; false for action tag, and while the same alert is suppressed */
        bool kill;           /* the rule asks for the end of event->process: rules_kill */
        uint64_t count;      /* matches that made up the threshold, 1 without one */
        uint64_t suppressed; /* alerts of this rule and group held back since the last one that was told */
        const struct rules *rules;
};

typedef void rules_hit_fn(const struct rules_hit *hit, void *cookie);

/* Calls `hit` for each rule that the event meets, in the order of the rules; may be NULL. now_ns is the clock of
 * windows and suppression: the event's own time, so that a replay gives the same. Returns the number of hits. */
size_t rules_match(struct rules *rules, const struct event *event, int64_t now_ns, rules_hit_fn *hit, void *cookie);

/* The names of the rules that the last event met: for event.tags. Lives until the next rules_match. */
struct string_list rules_tags(const struct rules *rules);

/* The alert as one JSON object without a line break, as service_alert takes it: severity, alert (the rule's output),
 * rule, …, and the event. At most RULES_ALERT_MAX bytes: of a longer event arguments and details are left out. */
enum { RULES_ALERT_MAX = 128 << 10 };
int rules_alert(const struct rules_hit *hit, bool privacy, struct buf *out);

/* Only the sentence: the rule's output with its fields filled in. Bytes as they are in the event, not escaped. */
void rules_output(const struct rules_hit *hit, struct buf *out);

/* SIGKILL to the event's process, by a pidfd and after its start has been compared with the one in its exec_id, so that
 * a later process of the same number is safe. Never pid 1, a kernel thread, this process or its parent, or for a
 * replayed event: E_PERMISSION. E_NOT_FOUND when it has ended already. root: an open "/". */
int rules_kill(int root, const struct event *event, struct error *err);

struct rules_counters {
        uint64_t events, matched, hits, alerts, suppressed;
        uint64_t evicted; /* groups of thresholds that had to make room: their counts began anew */
        uint64_t untold;  /* suppressed alerts whose number will not be told: their group had to make room */
};
void rules_count(const struct rules *rules, struct rules_counters *ret);

/* In the order of the files. take returns false to end. */
typedef bool rules_take_fn(const struct rule *rule, void *cookie);
void rules_each(const struct rules *rules, rules_take_fn *take, void *cookie);

/* What the starter rules need from the audit system, in auditctl's language, NULL-terminated: for source_options.rules.
 */
extern const char *const rules_watches[];
/* Would the kernel take it? It refuses a watch where not even the directory above is there, and a dir= that is none. */
bool rules_watch_possible(int root, const char *watch);
extern const struct sv rules_starter; /* packaging/rules/starter.yaml, as it was compiled in */
