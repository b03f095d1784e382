/* Which events somebody wants. The same words serve the module `events`, the HTTP route and whoever follows live.
 *
 * Several words of one kind: any of them; several kinds: all of them. A word with * ? or [ is a glob, in which
 * only ** goes across slashes. A program or a path without a slash is the last part of the path. */
#pragma once

#include "modules/watch/event/store_format.h"
#include "schema/field.h"

enum events_export { EVENTS_JSON, EVENTS_AUDITD, EVENTS_ECS };

struct events_params {
        const char *since, *until; /* "2h", "2026-11-22T08:00:00Z", "2026-11-22" */
        LIST(int) types;
        struct string_list exe, comm, argv, user, auid, container, ancestor, exec_id, path, key, tag, text;
        LIST(uint64_t) pid;
        /* for the module, not the filter */
        uint64_t limit; /* 0 = all */
        bool reverse, follow;
        const char *store; /* directory; NULL or "": the service's own */
        int export;        /* enum events_export */
};

extern const struct record events_params_record;

struct event_filter;

/* A point of time: absolute (base/timefmt.h), or how long before now_ns ("2h", "-2h"), or "now". */
int event_time_parse(const char *text, int64_t now_ns, int64_t *ret, struct error *err);

/* root: directory whose etc/passwd tells the names of users; AT_FDCWD or -1 is "/". E_INVALID for what is no time, no
 * regular expression, no user. Nothing of params is kept. */
struct event_filter *event_filter_new(const struct events_params *params, int root, int64_t now_ns, struct error *err);
void event_filter_free(struct event_filter *filter);

static inline void event_filter_free_p(struct event_filter **filter)
{
        event_filter_free(*filter);
}

/* From cheap to dear; each may only say no where a later one would. NULL matches everything. */
bool event_filter_summary(const struct event_filter *filter, const struct store_summary *summary);
bool event_filter_block(const struct event_filter *filter, const struct store_block *block);
bool event_filter_head(const struct event_filter *filter, const struct event_head *head);
/* The verdict. Not for several threads at once: it decodes into a buffer of the filter. */
bool event_filter_match(struct event_filter *filter, const struct event_head *head, struct sv json);

/* Does the text match the glob? ? * and [] do not match a slash, ** does; a backslash makes any of them ordinary.
 * Nothing is allocated; the square of the text's length bounds the steps. */
bool glob_match(struct sv pattern, struct sv text);
