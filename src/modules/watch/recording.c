#include "modules/watch/recording.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "lib/segment/segment.h"
#include "modules/watch/source/audit_join.h"
#include "modules/watch/source/observation_codec.h"
#include "schema/json.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { WRITE_SIZE = 256 << 10, READ_SIZE = 256 << 10, LINE_MAX_BYTES = 1 << 20, RECORDING_VERSION = 1 };

struct recorder {
        int fd;
        struct buf out;
        char *path;
        struct error err;
};

struct recorder *recorder_open(const char *path, const char *source, struct error *err)
{
        char head[128];
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return fail_errno_null(err, "%s", path);
        struct recorder *recorder = calloc(1, sizeof(*recorder));
        if (!recorder || !(recorder->path = strdup(path))) {
                free(recorder);
                return fail_null(err, E_NO_MEMORY, "no memory for a recording");
        }
        buf_init(&recorder->out, WRITE_SIZE + 2 * SEGMENT_RECORD_MAX);
        recorder->fd = fd;
        fd = -1;
        snprintf(head, sizeof(head), "{\"tarsier_watch\":%d,\"source\":\"%s\"}", RECORDING_VERSION, source);
        segment_frame(&recorder->out, sv_of(head));
        return recorder;
}

static void flush(struct recorder *recorder)
{
        if (recorder->err.code == E_NONE && recorder->out.failed)
                fail(&recorder->err, E_TOO_LARGE, "%s: an observation is too large", recorder->path);
        if (recorder->err.code == E_NONE &&
                write_all(recorder->fd, buf_text(&recorder->out), recorder->out.len, &recorder->err) < 0)
                error_prefix(&recorder->err, "%s", recorder->path);
        buf_clear(&recorder->out);
}

void recorder_add(struct recorder *recorder, const struct observation *observation)
{
        char small[4096];
        if (recorder->err.code != E_NONE)
                return;
        size_t size = observation_size_max(observation);
        char *room = size <= sizeof(small) ? small : malloc(size);
        if (!room) {
                fail(&recorder->err, E_NO_MEMORY, "%s: no memory for an observation", recorder->path);
                return;
        }
        segment_frame(&recorder->out, sv_n(room, observation_encode(observation, room)));
        if (room != small)
                free(room);
        if (recorder->out.len >= WRITE_SIZE || recorder->out.failed)
                flush(recorder);
}

int recorder_close(struct recorder *recorder, struct error *err)
{
        if (!recorder)
                return 0;
        flush(recorder);
        int status = recorder->err.code == E_NONE ? 0 : -1;
        if (status < 0)
                *err = recorder->err;
        else if (fsync(recorder->fd) < 0 && errno != EINVAL)
                status = fail_errno(err, "%s", recorder->path);
        close(recorder->fd);
        buf_done(&recorder->out);
        free(recorder->path);
        free(recorder);
        return status;
}

/* ---- replay ---- */

enum replay_kind { KIND_UNKNOWN, KIND_TEXT, KIND_RECORDING };

struct replay {
        int fd;
        char *path;
        struct buf in;
        size_t at; /* in `in` */
        enum replay_kind kind;
        bool head_read, ended;
        struct audit_join *audit;
        struct source_counters counters;
};

struct replay *replay_open(const char *path, struct error *err)
{
        cleanup(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return fail_errno_null(err, "%s", path);
        struct replay *replay = calloc(1, sizeof(*replay));
        if (!replay)
                return fail_null(err, E_NO_MEMORY, "no memory for a replay");
        buf_init(&replay->in, READ_SIZE + LINE_MAX_BYTES + SEGMENT_RECORD_MAX + 4096);
        replay->path = strdup(path);
        replay->audit = audit_join_new(&(struct audit_join_options){ .source = SOURCE_REPLAY }, err);
        if (!replay->path || !replay->audit) {
                replay_close(replay);
                return NULL;
        }
        replay->fd = fd;
        fd = -1;
        return replay;
}

void replay_close(struct replay *replay)
{
        if (!replay)
                return;
        if (replay->fd > 0)
                close(replay->fd);
        audit_join_free(replay->audit);
        buf_done(&replay->in);
        free(replay->path);
        free(replay);
}

static int check_head(struct replay *replay, struct sv record, struct error *err)
{
        cleanup(json_decref) json_t *head = json_parse(record, false, NULL);
        json_int_t version = json_integer_value(json_object_get(head, "tarsier_watch"));
        if (version <= 0)
                return fail(err, E_INVALID, "%s: not a recording of `tarsier watch`", replay->path);
        if (version > RECORDING_VERSION)
                return fail(err, E_UNSUPPORTED, "%s: a recording of version %lld; this program reads up to %d",
                        replay->path, (long long)version, RECORDING_VERSION);
        return 0;
}

/* 1 when a record was taken, 0 when more bytes are needed. */
static int take_record(struct replay *replay, observe_fn *observe, void *cookie, struct error *err)
{
        struct sv record;
        size_t size;
        struct observation observation;
        struct sv rest = sv_n(replay->in.data + replay->at, replay->in.len - replay->at);
        int have = rest.n ? segment_next(rest, &record, &size) : 0;
        if (have < 0)
                return fail(err, E_INVALID, "%s: damaged after %llu records", replay->path,
                        (unsigned long long)replay->counters.received);
        if (have == 0)
                return 0;
        replay->at += size;
        if (!replay->head_read) {
                replay->head_read = true;
                return check_head(replay, record, err) < 0 ? -1 : 1;
        }
        replay->counters.received++;
        if (observation_decode(record, &observation, err) < 0)
                return error_prefix(
                        err, "%s: record %llu", replay->path, (unsigned long long)replay->counters.received);
        replay->counters.assembled++;
        observe(&observation, cookie);
        return 1;
}

static int take_line(struct replay *replay, observe_fn *observe, void *cookie)
{
        struct sv rest = sv_n(replay->in.data + replay->at, replay->in.len - replay->at);
        size_t end = rest.n ? sv_find(rest, '\n') : 0;
        if (end >= rest.n && !(replay->ended && rest.n) && rest.n <= LINE_MAX_BYTES)
                return 0;
        struct sv line = sv_n(rest.p, end < rest.n ? end : rest.n);
        replay->at += line.n + (end < rest.n);
        if (sv_trim(line).n == 0)
                return 1;
        replay->counters.received++;
        if (!audit_join_feed_line(replay->audit, line, observe, cookie))
                replay->counters.refused++;
        return 1;
}

static int fill(struct replay *replay, struct error *err)
{
        buf_consume(&replay->in, replay->at);
        replay->at = 0;
        char *room = buf_reserve(&replay->in, READ_SIZE);
        if (!room)
                return fail(err, E_TOO_LARGE, "%s: a record larger than %d bytes", replay->path, LINE_MAX_BYTES);
        ssize_t got = read(replay->fd, room, READ_SIZE);
        if (got < 0)
                return errno == EINTR ? 0 : fail_errno(err, "%s", replay->path);
        replay->in.len += (size_t)got;
        replay->in.data[replay->in.len] = '\0';
        replay->ended = got == 0;
        return 0;
}

bool replay_step(struct replay *replay, observe_fn *observe, void *cookie, int *ret_status, struct error *err)
{
        *ret_status = fill(replay, err);
        if (*ret_status < 0)
                return false;
        /* a recording begins with the length of its short head, little endian; a log has no NUL */
        if (replay->kind == KIND_UNKNOWN && (replay->in.len > 1 || replay->ended))
                replay->kind = replay->in.len > 1 && replay->in.data[1] == '\0' ? KIND_RECORDING : KIND_TEXT;
        int took = replay->kind != KIND_UNKNOWN;
        while (took > 0)
                took = replay->kind == KIND_RECORDING ? take_record(replay, observe, cookie, err)
                                                      : take_line(replay, observe, cookie);
        if (took < 0)
                *ret_status = -1;
        if (!replay->ended || took < 0)
                return took >= 0;
        if (replay->kind == KIND_RECORDING &&
                replay->in.len > replay->at) /* the recorder was killed in the middle of a record */
                replay->counters.truncated++;
        audit_join_tick(replay->audit, INT64_MAX, observe, cookie);
        return false;
}

void replay_count(const struct replay *replay, struct source_counters *ret)
{
        struct audit_join_counters join;
        *ret = replay->counters;
        audit_join_count(replay->audit, &join);
        const struct audit_decoder_counters *audit = &join.decoder;
        ret->assembled += audit->assembler.events + join.connector_events;
        ret->lost += audit_join_lost(&join);
        ret->late += audit->assembler.late + join.late;
        ret->incomplete += join.alone - join.late;
        ret->truncated += audit->truncated;
}
