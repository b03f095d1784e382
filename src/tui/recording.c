#include "tui/recording.h"

#include "base/buf.h"
#include "tui/model/scan.h"

#include <fcntl.h>

enum {
        BATCH_MAX = 4096, /* records played in one turn of the loop */
        CHUNK = 64 << 10,
        SEEKS_MAX = 16, /* that wait for one which is under way */
};
#define SPEED_LEAST 0.001

/* Of a recording's begin and length; the sum of both is a time still. */
static const int64_t time_max = INT64_MAX / 2;

/* ---- to a file ---- */

struct recorder {
        FILE *file;
        char *path;
        int64_t began_ns;
        bool broken;
};

struct recorder *recorder_new(const char *path, struct error *err)
{
        cleanup(recorder_free) struct recorder *recorder = calloc(1, sizeof(*recorder));
        if (!recorder)
                return fail_null(err, E_NO_MEMORY, "a recording");
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
                return fail_errno_null(err, "%.200s", path);
        recorder->path = strdup(path);
        recorder->file = fdopen(fd, "w");
        if (!recorder->file || !recorder->path)
                return fail_errno_null(err, "%.200s", path);
        (void)take_fd(fd);
        recorder->began_ns = time_monotonic_ns();
        fprintf(recorder->file, "{\"tarsier-top\":%d,\"time\":%lld}\n", RECORDING_VERSION, (long long)time_unix_ns());
        if (fflush(recorder->file) != 0)
                return fail_errno_null(err, "%.200s", path);
        return take_ptr(recorder);
}

void recorder_free(struct recorder *recorder)
{
        if (!recorder)
                return;
        if (recorder->file)
                fclose(recorder->file);
        free(recorder->path);
        free(recorder);
}

int recorder_add(struct recorder *recorder, struct sv record, struct error *err)
{
        if (recorder->broken)
                return 0;
        fprintf(recorder->file, "{\"at\":%lld,\"record\":", (long long)(time_monotonic_ns() - recorder->began_ns));
        fwrite(record.p, 1, record.n, recorder->file);
        fputs("}\n", recorder->file);
        /* whole pictures, and why none come, are in the file, whatever becomes of us */
        if (sv_starts(record, SV("{\"tick\"")) || sv_starts(record, SV("{\"source\"")))
                (void)fflush(recorder->file);
        if (!ferror(recorder->file))
                return 0;
        recorder->broken = true;
        return fail_errno(err, "%.200s: the recording ends here", recorder->path);
}

/* ---- from a file ---- */

struct player {
        struct player_options options;
        FILE *file;
        struct buf line;
        int64_t unix_ns; /* of the recording's begin */
        int64_t at_ns;   /* of the recording: where it is */
        int64_t due_ns;  /* of the record that was read; -1: none is */
        struct sv record;
        int64_t since_ns, since_at_ns; /* loop's time and place when the speed was set */
        double speed;
        loop_id timer;
        bool ended, paused;
        uint64_t pictures; /* played since the beginning */
        enum { NOWHERE, TO_PICTURE, TO_PLACE } goal;
        uint64_t goal_picture;
        int64_t goal_ns;
        struct top_seek seeks[SEEKS_MAX]; /* that go on from where the goal is, once that is known */
        size_t seek_count;
        uint64_t bad_lines;
};

static bool member_number(struct sv object, const char *key, int64_t *ret)
{
        struct sv value = scan_find(object, key);
        return value.n && sv_parse_i64(value, ret);
}

/* False at the end, which a line that no recorder writes is too: it may have none. */
static bool read_line(struct player *player)
{
        struct buf *line = &player->line;
        buf_clear(line);
        while (line->len < RECORDING_LINE_MAX) {
                char *room = buf_reserve(line, CHUNK);
                size_t n = 0;
                int c = 0;
                if (!room)
                        break;
                while (n < CHUNK && (c = getc_unlocked(player->file)) != EOF && c != '\n')
                        room[n++] = (char)c;
                line->len += n;
                if (c == EOF || c == '\n')
                        return c == '\n' || line->len;
        }
        player->bad_lines++;
        return false;
}

/* The next line that is a record; false at the end. */
static bool read_next(struct player *player)
{
        player->due_ns = -1;
        while (read_line(player)) {
                struct sv line = sv_trim(sv_n(player->line.data, player->line.len));
                struct sv record = scan_find(line, "record");
                int64_t at;
                if (!record.n || record.p[0] != '{' || !member_number(line, "at", &at) || at < 0 || at > time_max) {
                        player->bad_lines++;
                        continue;
                }
                player->record = record;
                player->due_ns = at > player->at_ns ? at : player->at_ns;
                return true;
        }
        player->ended = true;
        return false;
}

struct player *player_new(const char *path, const struct player_options *options, struct error *err)
{
        cleanup(player_free) struct player *player = calloc(1, sizeof(*player));
        int64_t version;
        if (!player)
                return fail_null(err, E_NO_MEMORY, "a replay");
        player->options = *options;
        player->speed = options->speed > SPEED_LEAST ? options->speed : SPEED_LEAST;
        buf_init(&player->line, RECORDING_LINE_MAX + CHUNK);
        player->file = fopen(path, "re");
        if (!player->file)
                return fail_errno_null(err, "%.200s", path);
        struct sv head = read_line(player) ? sv_trim(sv_n(player->line.data, player->line.len)) : sv_n("", 0);
        if (!head.n || head.p[0] != '{' || !member_number(head, "tarsier-top", &version) ||
                !member_number(head, "time", &player->unix_ns) || player->unix_ns < 0 || player->unix_ns > time_max)
                return fail_null(err, E_INVALID, "%.200s: no recording of tarsier top", path);
        if (version != RECORDING_VERSION)
                return fail_null(err, E_UNSUPPORTED, "%.200s: a recording of version %lld", path, (long long)version);
        player->due_ns = -1;
        return take_ptr(player);
}

void player_free(struct player *player)
{
        if (!player)
                return;
        if (player->options.loop && player->timer)
                (void)loop_remove(player->options.loop, player->timer);
        if (player->file)
                fclose(player->file);
        buf_done(&player->line);
        free(player);
}

static int64_t scaled(int64_t span_ns, double factor)
{
        double span = (double)span_ns * factor, most = (double)time_max;
        return span > most ? time_max : span < -most ? -time_max : (int64_t)span;
}

/* When the loop's clock shows the place `at`. */
static int64_t loop_time_of(const struct player *player, int64_t at_ns)
{
        return player->since_ns + scaled(at_ns - player->since_at_ns, 1 / player->speed);
}

static void play_one(struct player *player)
{
        player->at_ns = player->due_ns;
        player->pictures += sv_starts(player->record, SV("{\"tick\""));
        player->options.on_record(player->record, player->options.cookie);
        (void)read_next(player);
}

static void play_due(struct loop *loop, loop_id id, void *cookie);

static void schedule(struct player *player)
{
        struct error ignored;
        int64_t at = player->goal ? loop_now_ns(player->options.loop) : loop_time_of(player, player->due_ns);
        bool idle = !player->goal && (player->paused || player->due_ns < 0);
        if (player->timer && idle) {
                (void)loop_remove(player->options.loop, player->timer);
                player->timer = 0;
        } else if (player->timer) {
                (void)loop_rearm_timer_at(player->options.loop, player->timer, at);
        } else if (!idle) {
                (void)loop_add_timer_at(player->options.loop, at, 0, play_due, player, &player->timer, &ignored);
        }
}

static bool is_there(const struct player *player)
{
        if (player->due_ns < 0)
                return true;
        if (player->goal == TO_PICTURE)
                return player->pictures >= player->goal_picture;
        return player->due_ns > player->goal_ns && player->pictures > 0; /* before the first there is nothing to see */
}

static int seek_now(struct player *player, struct top_seek where);

/* As fast as it goes; some at a time, so that keys are heard. */
static void go_there(struct player *player)
{
        for (int i = 0; i < BATCH_MAX && !is_there(player); i++)
                play_one(player);
        if (!is_there(player))
                return;
        bool between = player->goal == TO_PLACE && player->due_ns >= 0 && player->goal_ns > player->at_ns;
        player->since_at_ns = between ? player->goal_ns : player->at_ns;
        player->since_ns = loop_now_ns(player->options.loop);
        player->goal = NOWHERE;
        if (player->seek_count) {
                const struct top_seek next = player->seeks[0];
                memmove(player->seeks, player->seeks + 1, --player->seek_count * sizeof(player->seeks[0]));
                (void)seek_now(player, next); /* what cannot be read again is where it is */
        }
        if (!player->goal && player->options.on_sought)
                player->options.on_sought(player->options.cookie);
}

static void play_due(struct loop *loop, loop_id id, void *cookie)
{
        struct player *player = cookie;
        int64_t now = loop_now_ns(loop);
        (void)id;
        player->timer = 0;
        if (player->goal)
                go_there(player);
        else
                for (int i = 0; i < BATCH_MAX && player->due_ns >= 0 && loop_time_of(player, player->due_ns) <= now;
                        i++)
                        play_one(player);
        schedule(player);
}

int player_start(struct player *player, struct error *err)
{
        player->since_ns = loop_now_ns(player->options.loop);
        (void)read_next(player);
        return loop_add_timer(player->options.loop, 0, 0, play_due, player, &player->timer, err);
}

void player_finish(struct player *player)
{
        if (player->due_ns < 0 && !player->ended)
                (void)read_next(player);
        while (player->due_ns >= 0)
                play_one(player);
}

uint64_t player_bad_lines(const struct player *player)
{
        return player->bad_lines;
}

/* ---- doors ---- */

static double speed_of(void *cookie)
{
        return ((struct player *)cookie)->speed;
}

static int64_t place_of(const struct player *player)
{
        int64_t now = player->paused ? player->since_ns : loop_now_ns(player->options.loop);
        int64_t place = player->since_at_ns + scaled(now - player->since_ns, player->speed);
        if (player->ended || player->goal || place < player->at_ns)
                return player->at_ns;
        return player->due_ns >= 0 && place > player->due_ns ? player->due_ns : place;
}

/* From here on, by the clock of now. */
static void set_out(struct player *player)
{
        player->since_at_ns = place_of(player);
        player->since_ns = loop_now_ns(player->options.loop);
}

static void set_speed(void *cookie, double speed)
{
        struct player *player = cookie;
        set_out(player);
        player->speed = speed;
        schedule(player);
}

static void set_paused(void *cookie, bool paused)
{
        struct player *player = cookie;
        set_out(player);
        player->paused = paused;
        schedule(player);
}

static int64_t unix_of(void *cookie)
{
        const struct player *player = cookie;
        return player->unix_ns + (player->options.loop ? place_of(player) : player->at_ns);
}

static int64_t begin_of(void *cookie)
{
        return ((struct player *)cookie)->unix_ns;
}

static bool has_ended(void *cookie)
{
        const struct player *player = cookie;
        return player->ended && !player->goal;
}

static bool is_seeking(void *cookie)
{
        return ((struct player *)cookie)->goal != NOWHERE;
}

/* Records change what those before them told, so the way back begins at the beginning. */
static int rewind_player(struct player *player)
{
        if (fseeko(player->file, 0, SEEK_SET) < 0)
                return -1;
        (void)read_line(player); /* of a file that was cut meanwhile nothing is left */
        player->at_ns = 0;
        player->pictures = 0;
        player->ended = false;
        if (player->options.on_reset)
                player->options.on_reset(player->options.cookie);
        (void)read_next(player);
        return 0;
}

static int64_t added(int64_t place, int64_t by)
{
        int64_t sum;
        if (__builtin_add_overflow(place, by, &sum))
                return by > 0 ? INT64_MAX : 0;
        return sum > 0 ? sum : 0;
}

/* From where the goal is that is under way, if one of the same kind is. */
static int seek_now(struct player *player, struct top_seek where)
{
        int64_t place = player->goal == TO_PLACE ? player->goal_ns : place_of(player);
        uint64_t picture = player->goal == TO_PICTURE ? player->goal_picture : player->pictures;
        bool pictures = where.kind == GO_PICTURES || where.kind == GO_START;
        if (where.kind == GO_PICTURES)
                picture = where.by < 0 && picture <= (uint64_t)-where.by ? 1 : picture + (uint64_t)where.by;
        else if (where.kind == GO_START)
                picture = 1;
        else if (where.kind == GO_BY)
                place = added(place, where.by);
        else
                place = where.kind == GO_END ? INT64_MAX : added(where.by, -player->unix_ns);
        bool back = pictures ? picture <= player->pictures : place < player->at_ns;
        if (back && rewind_player(player) < 0)
                return -1;
        player->goal = pictures ? TO_PICTURE : TO_PLACE;
        player->goal_picture = picture;
        player->goal_ns = place;
        return 0;
}

/* Keys that come on the way go on from where it leads: some can be added up, the others wait until it is known. */
static bool must_wait(const struct player *player, struct top_seek where)
{
        if (!player->goal || (where.kind != GO_PICTURES && where.kind != GO_BY))
                return false;
        if (player->seek_count)
                return true;
        if (where.kind == GO_PICTURES)
                return player->goal != TO_PICTURE;
        return player->goal != TO_PLACE || player->goal_ns == INT64_MAX;
}

static int seek(void *cookie, struct top_seek where)
{
        struct player *player = cookie;
        if (must_wait(player, where)) {
                if (player->seek_count < SEEKS_MAX)
                        player->seeks[player->seek_count++] = where;
                return 0;
        }
        int status = seek_now(player, where);
        if (status == 0)
                player->seek_count = 0;
        schedule(player);
        return status;
}

struct top_replay player_doors(struct player *player)
{
        return (struct top_replay){ .cookie = player,
                .speed = speed_of,
                .set_speed = set_speed,
                .unix_ns = unix_of,
                .begin_ns = begin_of,
                .ended = has_ended,
                .set_paused = set_paused,
                .seek = seek,
                .seeking = is_seeking };
}
