#include "tui/recording.h"

#include "tui/model/scan.h"

#include <fcntl.h>

enum { BATCH_MAX = 4096 }; /* records played in one turn of the loop */
#define SPEED_LEAST 0.001

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
        char *line;
        size_t line_room;
        int64_t unix_ns; /* of the recording's begin */
        int64_t at_ns;   /* of the recording: where it is */
        int64_t due_ns;  /* of the record that was read; -1: none is */
        struct sv record;
        int64_t since_ns, since_at_ns; /* loop's time and place when the speed was set */
        double speed;
        loop_id timer;
        bool ended;
        uint64_t bad_lines;
};

static bool member_number(struct sv object, const char *key, int64_t *ret)
{
        struct sv value = scan_find(object, key);
        return value.n && sv_parse_i64(value, ret);
}

/* The next line that is a record; false at the end. */
static bool read_next(struct player *player)
{
        ssize_t n;
        player->due_ns = -1;
        while ((n = getline(&player->line, &player->line_room, player->file)) > 0) {
                struct sv line = sv_trim(sv_n(player->line, (size_t)n));
                struct sv record = n < RECORDING_LINE_MAX ? scan_find(line, "record") : sv_n("", 0);
                int64_t at;
                if (!record.n || record.p[0] != '{' || !member_number(line, "at", &at) || at < 0) {
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
        player->file = fopen(path, "re");
        if (!player->file)
                return fail_errno_null(err, "%.200s", path);
        ssize_t n = getline(&player->line, &player->line_room, player->file);
        struct sv head = n > 0 ? sv_trim(sv_n(player->line, (size_t)n)) : sv_n("", 0);
        if (n <= 0 || head.p[0] != '{' || !member_number(head, "tarsier-top", &version) ||
                !member_number(head, "time", &player->unix_ns))
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
        free(player->line);
        free(player);
}

/* When the loop's clock shows the place `at`. */
static int64_t loop_time_of(const struct player *player, int64_t at_ns)
{
        return player->since_ns + (int64_t)((double)(at_ns - player->since_at_ns) / player->speed);
}

static void play_one(struct player *player)
{
        player->at_ns = player->due_ns;
        player->options.on_record(player->record, player->options.cookie);
        (void)read_next(player);
}

static void play_due(struct loop *loop, loop_id id, void *cookie)
{
        struct player *player = cookie;
        int64_t now = loop_now_ns(loop);
        for (int i = 0; i < BATCH_MAX && player->due_ns >= 0 && loop_time_of(player, player->due_ns) <= now; i++)
                play_one(player);
        if (player->due_ns >= 0)
                (void)loop_rearm_timer_at(loop, id, loop_time_of(player, player->due_ns));
        else
                player->timer = 0;
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
        int64_t now = loop_now_ns(player->options.loop);
        int64_t place = player->since_at_ns + (int64_t)((double)(now - player->since_ns) * player->speed);
        if (player->ended || place < player->at_ns)
                return player->at_ns;
        return player->due_ns >= 0 && place > player->due_ns ? player->due_ns : place;
}

static void set_speed(void *cookie, double speed)
{
        struct player *player = cookie;
        int64_t place = place_of(player);
        player->since_ns = loop_now_ns(player->options.loop);
        player->since_at_ns = place;
        player->speed = speed;
        if (player->timer && player->due_ns >= 0)
                (void)loop_rearm_timer_at(player->options.loop, player->timer, loop_time_of(player, player->due_ns));
}

static int64_t unix_of(void *cookie)
{
        const struct player *player = cookie;
        return player->unix_ns + (player->options.loop ? place_of(player) : player->at_ns);
}

static bool has_ended(void *cookie)
{
        return ((struct player *)cookie)->ended;
}

struct top_replay player_doors(struct player *player)
{
        return (struct top_replay){ player, speed_of, set_speed, unix_of, has_ended };
}
