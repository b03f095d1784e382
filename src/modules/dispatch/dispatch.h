/* What the files of dispatch share. An alert is written to the spool first; each output then takes what is behind its
 * own cursor, one event at a time, and moves the cursor when the event was taken by the other side. A process that dies
 * in between sends that event again, with the same id. */
#pragma once

#include "base/buf.h"
#include "base/vec.h"
#include "module/service.h"

enum {
        OUTPUTS_MAX = 32,
        SPOOL_SEGMENTS_MAX = 4096,
        SPOOL_MEMORY_SEGMENTS_MAX = 16,   /* while the disk is full … */
        SPOOL_MEMORY_SEGMENT = 256 << 10, /* … of so many bytes */
        SPOOL_EVENT_MAX = 256 << 10,
        EVENT_TEXT_MAX = 1 << 20,
        WARNING_S = 300, /* between two warnings about dropped events */
        AGE_S = 60,      /* between two looks at the age of the spool */
};

enum output_type { OUTPUT_HTTP, OUTPUT_SYSLOG, OUTPUT_JOURNAL, OUTPUT_FILE };
enum output_format { FORMAT_EVENT, FORMAT_MOZDEF };
enum severity { SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL };
enum policy { POLICY_OLDEST, POLICY_NEWEST };

typedef MAP(char *) string_map;

struct output_config {
        char *name;
        int type;
        int format;
        int severity;
        char *url;
        string_map headers;
        char *ca;
        int64_t timeout_ns;
        char *address;
        char *path;
        uint64_t max_size;
        int keep;
};

struct dispatch_config {
        LIST(struct output_config) outputs;
        string_map tags;
        char *environment;
        uint64_t spool_size;
        uint64_t segment_size;
        int64_t spool_age_ns;
        int policy;
        int rate;
        int burst;
        int64_t retry_min_ns;
        int64_t retry_max_ns;
};

/* ---- dispatch_spool.c: events on disk, numbered from 1 ---- */

struct spool_segment {
        struct alert_id last; /* that came with its last event */
        uint64_t first;       /* number of its first event */
        uint64_t next;        /* … of the one after its last */
        uint64_t size;
        int64_t newest_ns;
        int fd;
        bool memory; /* the disk is full: lost when the process ends */
};

struct spool {
        int directory_fd;
        VEC(struct spool_segment) segments;
        uint64_t next;
        uint64_t bytes;
        uint64_t instance; /* random, part of the ids: numbers begin anew when the directory is emptied */
        size_t memory_segments;
        struct alert_id last; /* as handed over by the agent: what comes again up to it is there already */
        uint64_t write_errors;
        bool unsynced;
        int cursors_fd;
        uint64_t cursors_size;
};

struct spool_position {   /* where an output stands */
        uint64_t next;    /* event to send */
        uint64_t segment; /* first of the segment that offset is in */
        uint64_t offset;
};

struct spool_event {
        uint64_t number;
        int64_t time_ns;
        struct sv json; /* the alert; a view into the buffer given to spool_read */
};

int spool_open(struct spool *spool, const char *directory, struct error *err);
void spool_close(struct spool *spool);
/* Adds one event, on disk or in memory when the disk refuses. -1 when there is no room at all. */
int spool_append(
        struct spool *spool, const struct alert_id *id, struct sv json, uint64_t segment_size, struct error *err);
/* A failure is counted, and the events are sent all the same. */
void spool_sync(struct spool *spool);
/* Reads the event at the position, which is moved to the oldest one that is still there. 1, or 0 at the end. */
int spool_read(struct spool *spool, struct spool_position *position, struct buf *buffer, struct spool_event *ret);
/* Forgets the oldest segment. */
void spool_drop_oldest(struct spool *spool);
/* The number up to which this output is done, 1 for a new one; and its saving. */
typedef VEC(struct {
        char name[64];
        uint64_t next;
}) cursor_vec;
int spool_read_cursors(struct spool *spool, cursor_vec *ret, struct error *err);
int spool_write_cursors(struct spool *spool, const cursor_vec *cursors, struct error *err);
void spool_save_cursor(struct spool *spool, const char *name, uint64_t next);

/* ---- outputs ---- */

struct dispatch;
struct output;

/* How an output talks to the other side. send answers by output_done, at once or later. */
struct output_operations {
        int (*open)(struct output *output, struct error *err); /* checks the settings; connects to nothing yet */
        void (*send)(struct output *output, const struct spool_event *event, struct sv text);
        void (*close)(struct output *output);
};

extern const struct output_operations http_operations, syslog_operations, journal_operations, file_operations;

#define OUTPUT_COUNTERS(X)                                                                                             \
        X(delivered, "events that the other side took")                                                                \
        X(failures, "attempts that failed; the event is sent again")                                                   \
        X(rejected, "events that the other side refused for good")                                                     \
        X(filtered, "events below the output's severity")                                                              \
        X(dropped, "events lost because the spool was full or they were too old")

struct output_counters {
#define X(name, help) uint64_t name;
        OUTPUT_COUNTERS(X)
#undef X
};

struct output {
        struct dispatch *dispatch;
        const struct output_config *config;
        const struct output_operations *operations;
        struct output_counters counters;
        struct spool_position position;
        struct buf record;
        struct buf text;
        void *state; /* the operations' own */
        loop_id retry;
        int64_t backoff_ns;
        int64_t retry_after_ns; /* what the other side asked for */
        bool busy;
        char last_error[256];
};

enum outcome { OUTCOME_DELIVERED, OUTCOME_FAILED, OUTCOME_REJECTED };

void output_done(struct output *output, enum outcome outcome, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* Sends what waits, if it is idle. */
void output_kick(struct output *output);

struct dispatch {
        struct service *service;
        const struct dispatch_config *config;
        struct spool spool;
        struct output outputs[OUTPUTS_MAX];
        size_t outputs_count;
        char hostname[256];
        char ident[256];
        uint64_t accepted;
        uint64_t rate_limited;
        uint64_t refused; /* the spool was full */
        uint64_t duplicates;
        uint64_t expired;
        uint64_t dropped_unsaid; /* since the last warning */
        loop_id warning;
        loop_id age;
        double tokens;
        int64_t tokens_ns;
        struct alert_id unanswered; /* the agent waits for this one's acknowledgement; number 0: for none */
        bool kicking;
        bool stopped;
};

/* One or more events were lost: a warning at most each WARNING_S. */
void dispatch_dropped(struct dispatch *dispatch, uint64_t count);
/* Frees what every output is done with. */
void dispatch_trim(struct dispatch *dispatch);

/* ---- dispatch_render.c ---- */

enum severity event_severity(struct sv json, char *ret_summary, size_t summary_size);
/* The event as the output's format has it, one line. */
void render_event(
        const struct dispatch *dispatch, enum output_format format, const struct spool_event *event, struct buf *out);
/* "instance-number": the same for every attempt */
void render_id(const struct dispatch *dispatch, uint64_t number, char ret[40]);
