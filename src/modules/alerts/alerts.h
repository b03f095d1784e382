/* The module `alerts`: every alert of the other modules, kept on disk until it is too old, with who has seen to it.
 *
 *      alerts_row.c       the shape of an alert, its JSON, filters
 *      alerts_derive.c    what an alert's JSON tells
 *      alerts_store.c     the SQLite file: alerts and evidence
 *      alerts_muting.c    mutes in it, and counts by minute
 *      alerts_intake.c    what the agent hands over, in batches
 *      alerts_recent.c    which of them are the same
 *      alerts_age.c       by which time they grow old
 *      alerts.c           the module: settings, start, stop
 *      alerts_commands.c  `tarsier alerts …`
 *      alerts_http.c      routes
 *      alerts_stream.c    the list in slices, the stream
 */
#pragma once

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "module/service.h"
#include "modules/alerts/alerts_age.h"
#include "schema/write.h"

enum {
        ALERT_MODULE_MAX = 64,
        ALERT_RULE_MAX = 200,
        ALERT_MESSAGE_MAX = 1024,
        ALERT_CONTAINER_MAX = 256,
        ALERT_EXE_MAX = 4096,
        ALERT_USER_MAX = 128,
        ALERT_TAGS_MAX = 32,
        ALERT_TAG_MAX = 64,
        ALERT_TEXT_MAX = 512 << 10, /* of one alert, all of it as JSON */
        ALERT_COMMENT_MAX = 1000,
        ALERT_IDS_MAX = 1000, /* of one request */
        ALERT_LIST_MAX = 1000,
        MUTES_MAX = 1000, /* at a time; ended ones are not counted */
        MUTES_KEPT_MAX = 10000,
        ALERT_PAGE = 4096, /* of the SQLite file */
};

enum alert_severity { ALERT_LOW, ALERT_MEDIUM, ALERT_HIGH, ALERT_CRITICAL, ALERT_SEVERITIES };
enum alert_state { ALERT_OPEN, ALERT_ACKNOWLEDGED, ALERT_MUTED, ALERT_STATES };
extern const char *const alert_severity_names[]; /* "low", …, NULL */
extern const char *const alert_state_names[];    /* "open", …, NULL */

/* ---- one alert (alerts_row.c) ---- */

/* Texts are never NULL; who fills the row owns them. */
struct alert_row {
        int64_t id;
        int64_t time_ns, last_ns; /* of the first and of the last that are counted here */
        int64_t count;
        int severity;
        int state;
        int64_t mute; /* 0 = none */
        int64_t pid;  /* 0 = not known */
        const char *module, *rule, *message, *container, *container_id, *exe, *user;
        const char *tags;        /* a JSON array of texts */
        const char *evidence;    /* the alert as it came: one JSON value; "" where it was not read */
        int64_t acknowledged_ns; /* 0 = not acknowledged */
        const char *acknowledged_by, *comment;
};

/* What an alert is in answers, for schemas and printers. */
struct alert_acknowledged {
        int64_t time_ns;
        char *by, *comment;
};

struct alert_element {
        int64_t id;
        int64_t time_ns, last_ns;
        int severity, state;
        char *module, *rule, *message, *container, *container_id, *exe, *user;
        int64_t pid, count, mute;
        struct string_list tags;
        json_t *evidence;
        struct alert_acknowledged acknowledged;
        bool is_acknowledged;
};
extern const struct record alert_record;

/* One JSON object. privacy: texts and evidence that may hold what users typed are masked. */
void alert_write(struct json_writer *writer, const struct alert_row *row, bool privacy);
/* The same behind an event's name, for a stream. id 0: without one. */
void alert_write_event(struct buf *out, const char *event, int64_t id, const struct alert_row *row, bool privacy);

/* Which alerts: parameters of the routes and of the commands. */
struct alerts_params {
        char *since, *until; /* "2h" ago, or a time */
        LIST(int) states;
        int severity;
        char *module, *rule, *container, *text;
        uint64_t limit;
        int64_t before;
};
extern const struct record alerts_params_record;

struct alert_filter {
        const struct alerts_params *params;
        int64_t since_ns, until_ns;
        unsigned states; /* bits; 0 = all */
        bool privacy;    /* messages are masked: they are not searched either, or who asks could guess them */
};

int alert_filter_init(struct alert_filter *filter, const struct alerts_params *params, int64_t now_ns, bool privacy,
        struct error *err);
bool alert_filter_match(const struct alert_filter *filter, const struct alert_row *row);

/* "NAME" is the same text, "NAME*" its beginning, "" anything. */
bool alert_word_match(const char *pattern, const char *text);
/* The same, or the beginning of the container's id (4 letters or more). */
bool alert_container_match(const char *pattern, const struct alert_row *row);
/* "2h" ago, or a time of RFC 3339. */
int alert_time_parse(const char *text, int64_t now_ns, int64_t *ret_ns, struct error *err);

/* ---- what an alert's JSON tells (alerts_derive.c) ---- */

/* Names of users of this host, or "". */
typedef const char *alert_user_fn(uint32_t uid, void *cookie);

/* Fills the row from any bytes, without its evidence; what it points to lives in the arena or is constant. Only no
 * memory is a failure. users may be NULL. */
int alert_derive(struct sv json, const char *module, int64_t time_ns, alert_user_fn *users, void *cookie,
        struct arena *arena, struct alert_row *ret, struct error *err);
/* The same bytes as the row's evidence: one JSON value on one line. */
int alert_evidence(struct sv json, struct arena *arena, const char **ret, struct error *err);

/* ---- on disk (alerts_store.c, alerts_muting.c) ---- */

struct alert_store;

struct alert_limits {
        uint64_t retain;   /* bytes */
        int64_t retain_ns; /* age */
};

/* A damaged file is put aside (alerts.db.damaged) and a new one begun: *ret_damaged. */
struct alert_store *alert_store_open(
        const char *directory, const struct alert_limits *limits, bool *ret_damaged, struct error *err);
void alert_store_close(struct alert_store *store);

/* Several changes at once; each of the functions below is a transaction of its own outside of one. -1: nothing of it
 * happened. E_NO_MEMORY where the disk is full. */
int alert_store_begin(struct alert_store *store, struct error *err);
int alert_store_commit(struct alert_store *store, struct error *err);
void alert_store_rollback(struct alert_store *store);

/* ret_id: its number, never used twice. */
int alert_store_insert(struct alert_store *store, const struct alert_row *row, int64_t *ret_id, struct error *err);
/* The alert came again: its count, last time and severity are these now. */
int alert_store_repeat(struct alert_store *store, const struct alert_row *row, struct error *err);
int alert_store_set_taken(struct alert_store *store, const struct alert_id *id, struct error *err);
int alert_store_taken(struct alert_store *store, struct alert_id *ret, struct error *err);

/* false ends the reading. */
typedef bool alert_row_fn(const struct alert_row *row, void *cookie);

/* E_NOT_FOUND when there is none. The row is valid during the call. */
int alert_store_get(struct alert_store *store, int64_t id, alert_row_fn *fn, void *cookie, struct error *err);
/* At most `most` rows, without evidence: below the id `from` (0: any), newest first; or, rising, above it, oldest
 * first. Returns how many were read, -1 on failure. */
int alert_store_scan(struct alert_store *store, int64_t from, bool rising, unsigned most, alert_row_fn *fn,
        void *cookie, struct error *err);
/* Those that came since then and are not acknowledged, oldest first. */
int alert_store_recent(
        struct alert_store *store, int64_t since_ns, unsigned most, alert_row_fn *fn, void *cookie, struct error *err);
/* The evidence of one alert; 0, or -1 when there is none. */
int alert_store_evidence(struct alert_store *store, int64_t id, struct buf *out, struct error *err);

/* Open to acknowledged; of one that is acknowledged nothing changes. *ret_changed. E_NOT_FOUND. */
int alert_store_acknowledge(struct alert_store *store, int64_t id, int64_t now_ns, const char *by, const char *comment,
        bool *ret_changed, struct error *err);
/* Acknowledged or muted to open. */
int alert_store_reopen(struct alert_store *store, int64_t id, bool *ret_changed, struct error *err);

/* The time that was believed when the store was written last, and for how long the wall clock had been elsewhere; where
 * none was noted that of the last alert, 0 without any. */
int alert_store_age(struct alert_store *store, int64_t *ret_ns, int64_t *ret_tried_ns, struct error *err);
int alert_store_set_age(struct alert_store *store, int64_t now_ns, int64_t tried_ns, struct error *err);

/* All that nobody has seen to and no mute is for. */
int alert_store_scan_open(struct alert_store *store, alert_row_fn *fn, void *cookie, struct error *err);
/* The lowest id of those that came last at this time or later; INT64_MAX: there is none. */
int alert_store_first_since(struct alert_store *store, int64_t since_ns, int64_t *ret_id, struct error *err);

/* Removes what is too old and, beyond the size, the oldest: muted ones first. *ret_removed is added to. */
int alert_store_trim(struct alert_store *store, int64_t now_ns, uint64_t *ret_removed, struct error *err);
void alert_store_set_limits(struct alert_store *store, const struct alert_limits *limits);
uint64_t alert_store_size(struct alert_store *store);

struct alert_mute {
        int64_t id;
        const char *module, *rule, *container; /* patterns, "" = any */
        int severity;                          /* this or less */
        int64_t created_ns, until_ns;
        const char *by, *comment;
        int64_t ended_ns; /* before its time; 0 = not */
        const char *ended_by;
        int64_t count; /* alerts it muted */
};

/* Is it for this alert, whenever that came? */
bool alert_mute_match(const struct alert_mute *mute, const struct alert_row *row);

typedef bool alert_mute_fn(const struct alert_mute *mute, void *cookie);
int alert_store_mutes(struct alert_store *store, alert_mute_fn *fn, void *cookie, struct error *err);
int alert_store_add_mute(struct alert_store *store, const struct alert_mute *mute, int64_t *ret_id, struct error *err);
/* E_NOT_FOUND when there is none, or it is over. */
int alert_store_end_mute(struct alert_store *store, int64_t id, int64_t now_ns, const char *by, struct error *err);
int alert_store_count_mute(struct alert_store *store, int64_t id, int64_t count, struct error *err);
/* Open alerts that it is for become muted and count in it: their ids are appended, as many as these take. */
struct alert_ids {
        int64_t *items;
        size_t count, capacity;
};
int alert_store_mute_existing(
        struct alert_store *store, const struct alert_mute *mute, struct alert_ids *ret, struct error *err);

/* Alerts by minute, also of those that have been removed for size. */
int alert_store_count_minute(
        struct alert_store *store, int64_t minute, int severity, bool muted, int64_t count, struct error *err);

struct alert_counts {
        uint64_t open[ALERT_SEVERITIES];  /* now, one for each alert of the list */
        uint64_t total[ALERT_SEVERITIES]; /* since then, each time it came; muted ones apart */
        uint64_t muted[ALERT_SEVERITIES];
};
typedef bool alert_bin_fn(int64_t start_ns, const uint64_t counts[ALERT_SEVERITIES], void *cookie);
/* Bins of step_ns (whole minutes) from since_ns to now, empty ones too; fn may be NULL. */
int alert_store_counts(struct alert_store *store, int64_t since_ns, int64_t now_ns, int64_t step_ns,
        struct alert_counts *ret, alert_bin_fn *fn, void *cookie, struct error *err);

/* ---- which are the same (alerts_recent.c) ---- */

enum {
        RECENT_MAX = 4096,
        RECENT_RULES_MAX = 512,
        RECENT_WINDOW_S = 60,   /* between two that are the same alert */
        RECENT_LENGTH_S = 3600, /* from the first to the last of one */
};

struct recent {
        int64_t id;
        int64_t first_ns, last_ns;
        int64_t count;
        int severity;
        bool touched; /* its row in the store is behind */
        struct recent *next;
};

struct recent_rule;

struct recents {
        struct map alerts; /* key → struct recent */
        struct map rules;  /* module and rule → struct recent_rule */
        struct recent *touched;
        uint64_t evicted;
};

void recents_init(struct recents *recents);
void recents_done(struct recents *recents);
/* The alert that this one is, or NULL: mute, module, rule, container and message are compared. *ret_over: it was, but
 * too long ago. */
struct recent *recents_find(struct recents *recents, const struct alert_row *row, bool *ret_over);
void recents_put(struct recents *recents, const struct alert_row *row);
/* Alert `id` takes no more: it was acknowledged. */
void recents_forget(struct recents *recents, int64_t id);
/* May the rule have another row of its own in this minute? Counts it. */
bool recents_rule_may(struct recents *recents, const struct alert_row *row, int64_t burst);
void recents_expire(struct recents *recents, int64_t now_ns);

/* ---- the module ---- */

struct alerts_config {
        uint64_t retain;
        int64_t retain_ns;
        int64_t burst;
};

enum {
        WAITING_MAX = 8192,           /* as many as the agent keeps (agent/alerts.h) … */
        WAITING_BYTES_MAX = 24 << 20, /* … and a little more than their bytes */
        BATCH_MAX = 512,              /* alerts of one transaction */
        BATCH_MS = 50,                /* between two, unless a batch is full */
        RETRY_MAX_S = 30,
        TICK_S = 30,
        WARN_S = 300,
        FOLLOWERS_MAX = 64,
        COUNTINGS_MAX = 32,           /* requests for counts at one time */
        FOLLOWER_BYTES_MAX = 1 << 20, /* that wait for a slow reader */
        ANSWER_MAX = 32 << 20,
        BODY_TEXT_MAX = 64 << 10, /* of a request */
        SLICE_ROWS = 1000,
};

struct waiting_alert {
        struct alert_id id;
        int64_t time_ns;
        char *module;
        char *json;
        size_t size;
};

#define ALERTS_COUNTERS(X)                                                                                             \
        X(taken, "alerts taken from the agent")                                                                        \
        X(stored, "of them, those that became an alert of the list")                                                   \
        X(repeated, "of them, those counted in one that was there")                                                    \
        X(merged, "of them, those of a rule with too many others in that minute, counted in one")                      \
        X(muted, "of them, those that a mute was for")                                                                 \
        X(duplicates, "alerts that the agent handed over once more")                                                   \
        X(lost, "alerts that found no room while the disk did not take any")                                           \
        X(removed, "alerts removed for their age or the size of the store")                                            \
        X(write_errors, "failures to write the store")                                                                 \
        X(followers_refused, "requests refused because too many were open")                                            \
        X(follower_drops, "events that a follower did not read in time")

struct alerts_counters {
#define X(name, help) uint64_t name;
        ALERTS_COUNTERS(X)
#undef X
};

struct follower;
struct counting;
struct muting; /* a mute in force */

struct alerts {
        struct service *service;
        const struct alerts_config *config;
        struct alert_store *store;
        struct recents recents;
        VEC(struct muting *) mutes;
        struct alerts_counters counters;
        VEC(struct waiting_alert) waiting; /* not yet on disk */
        size_t waiting_bytes;
        struct alert_id last; /* of the last that came */
        VEC(int64_t) news;    /* ids of the batch under way */
        loop_id commit_id, tick_id;
        int64_t committed_ns, retry_ns, warned_ns; /* monotonic */
        bool scheduled, failing, stopped;
        struct error trouble; /* why the store takes nothing; code E_NONE: it does */
        struct age_clock age;
        int64_t age_saved_ns; /* boot time */
        struct follower *followers[FOLLOWERS_MAX];
        struct counting *countings[COUNTINGS_MAX];
        struct arena users_arena;
        void *users;
};

struct alerts *alerts_of(const struct service *service);

/* alerts_age.c: the module's struct age_clock, from and to the store */
int retention_start(struct alerts *alerts, struct error *err);
int64_t retention_now(struct alerts *alerts, enum age_change *ret); /* a change has been logged */
void retention_save(struct alerts *alerts, bool now);

/* alerts_intake.c */
void intake_alert(struct service *service, const struct handed_alert *alert);
/* Writes all that waits, as far as the disk takes it. */
void intake_flush(struct alerts *alerts);
int intake_start(struct alerts *alerts, struct error *err); /* what was there before this process */
void intake_done(struct alerts *alerts);
void intake_expire_mutes(struct alerts *alerts, int64_t now_ns);
/* The time that retention goes by now. */
int64_t intake_time(struct alerts *alerts);

/* What routes and commands do, told to followers. by: who asks. */
struct int64_list {
        int64_t *items;
        size_t count;
};

enum id_fate { ID_UNKNOWN, ID_KNOWN, ID_CHANGED };
/* All in one transaction; ret_fates has room for them. That there is no such alert is no failure. */
int alerts_acknowledge(struct alerts *alerts, const struct int64_list *ids, const char *by, const char *comment,
        enum id_fate *ret_fates, struct error *err);
int alerts_reopen(struct alerts *alerts, int64_t id, struct error *err);

struct mute_params {
        char *module, *rule, *container, *comment;
        int severity;
        int64_t for_ns, until_ns;
        bool existing; /* also what is open now */
};
extern const struct record mute_params_record;
int alerts_mute(
        struct alerts *alerts, const struct mute_params *params, const char *by, int64_t *ret_id, struct error *err);
int alerts_unmute(struct alerts *alerts, int64_t id, const char *by, struct error *err);
void alert_write_mute(struct json_writer *writer, const struct alert_mute *mute, int64_t now_ns);
void alerts_write_counters(struct alerts *alerts, struct json_writer *writer);

/* alerts_stream.c: `event` is alert or changed. */
void followers_tell(struct alerts *alerts, const char *event, int64_t id);
void followers_end(struct alerts *alerts);
void handle_list(struct service *service, struct request *request);
void handle_stream(struct service *service, struct request *request);

/* alerts_histogram.c */
void handle_counts(struct service *service, struct request *request);
void countings_end(struct alerts *alerts);

extern const struct route alert_routes[];
extern const struct module *const alert_queries[];

/* alerts_commands.c */
int alerts_list_run(struct run *run, struct error *err);
struct line_printer;
void alert_print_row(struct line_printer *printer, const char *group, const char *label, const void *row);
