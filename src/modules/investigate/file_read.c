#include "modules/investigate/file.h"

#include <sys/stat.h>
#include <unistd.h>

struct file_stream *file_stream_of(struct file_state *state, const struct file_search *search)
{
        return &state->streams[search->decompress];
}

/* The content of a search that reads stream `which`: its scanner takes the block. */
static void feed_search(struct file_state *state, struct file_search *search, struct sv block, const char *path)
{
        struct error err;
        if (!search->lines || search->lines_done || search->undecidable)
                return;
        int known = regex_lines_feed(search->lines, block, &err);
        if (known < 0) {
                search->undecidable = true;
                file_error(state, "checkContent() -> %s: %s", path, err.message);
        }
        search->lines_done = known != 0;
}

/* both: the file is not compressed, so one stream serves all. */
static void feed(struct file_state *state, int which, bool both, struct sv block, const char *path)
{
        struct file_stream *stream = &state->streams[which];
        stream->bytes += block.n;
        stream->wanted = stream->set != 0;
        if (stream->set)
                digest_update(&stream->digest, block.p, block.n);
        for (size_t i = 0; i < state->alive_count; i++) {
                struct file_search *search = state->alive[i];
                if (!search->reads || (!both && search->decompress != (bool)which))
                        continue;
                feed_search(state, search, block, path);
                stream->wanted |= search->lines && !search->lines_done && !search->undecidable;
        }
}

static void finish(struct file_state *state, int which, bool both, const char *path)
{
        struct file_stream *stream = &state->streams[which];
        for (unsigned kind = 0; kind < DIGEST_KINDS; kind++)
                if (stream->set & DIGEST_BIT(kind))
                        digest_finish(&stream->digest, (enum digest_kind)kind, stream->results[kind]);
        for (size_t i = 0; i < state->alive_count; i++) {
                struct file_search *search = state->alive[i];
                struct error err;
                if (!search->reads || !search->lines || search->lines_done || search->undecidable ||
                        (!both && search->decompress != (bool)which))
                        continue;
                if (regex_lines_end(search->lines, &err) < 0) {
                        search->undecidable = true;
                        file_error(state, "checkContent() -> %s: %s", path, err.message);
                }
        }
}

/* What was not read to its end cannot tell anything but the matches already seen. */
static void give_up(struct file_state *state, int which, bool both, const char *path, const struct error *err)
{
        bool content = false;
        for (size_t i = 0; i < state->alive_count; i++) {
                struct file_search *search = state->alive[i];
                if (!search->reads || (!both && search->decompress != (bool)which))
                        continue;
                search->undecidable = true;
                content |= search->lines != NULL;
        }
        if (err->code == E_STOPPED)
                return;
        file_error(state, "%s -> %s: %s", content ? "checkContent()" : "checkHash()", path, err->message);
        run_skipped(state->run, path, "%s", err->message);
}

/* Sets up the streams: what each has to compute. */
static void begin(struct file_state *state, bool both)
{
        for (int which = 0; which < 2; which++) {
                state->streams[which].set = 0;
                state->streams[which].bytes = 0;
                state->streams[which].wanted = false;
        }
        for (size_t i = 0; i < state->alive_count; i++) {
                struct file_search *search = state->alive[i];
                struct file_stream *stream = &state->streams[both ? 0 : search->decompress];
                if (!search->reads)
                        continue;
                search->lines_done = false;
                stream->wanted = true;
                stream->set |= file_search_digests(search);
                if (search->lines)
                        regex_lines_begin(search->lines);
        }
        for (int which = 0; which < 2; which++)
                digest_init(&state->streams[which].digest, state->streams[which].set);
}

struct source {
        struct file_state *state;
        int fd;
        const char *path;
        struct sv ahead; /* read already: the bytes that told the format */
        int errnum;
};

/* -1 with errno; ECANCELED when the run has to end. */
static ssize_t read_block(struct file_state *state, int fd, void *bytes, size_t size)
{
        if (run_checkpoint(state->run)) {
                state->stopped = true;
                errno = ECANCELED;
                return -1;
        }
        ssize_t n;
        do {
                n = read(fd, bytes, size);
        } while (n < 0 && errno == EINTR && !run_checkpoint(state->run));
        if (n > 0) {
                run_charge_io(state->run, (uint64_t)n);
                state->statistics->bytes_read += n;
        }
        return n;
}

/* What the decompressor reads the searches of the file as it is see too: one reading for both. */
static ssize_t read_source(void *cookie, void *bytes, size_t size)
{
        struct source *source = cookie;
        if (source->ahead.n > 0) {
                size_t n = source->ahead.n < size ? source->ahead.n : size;
                memcpy(bytes, source->ahead.p, n);
                source->ahead = sv_n(source->ahead.p + n, source->ahead.n - n);
                return (ssize_t)n;
        }
        ssize_t n = read_block(source->state, source->fd, bytes, size);
        if (n < 0)
                source->errnum = errno;
        if (n > 0 && source->state->streams[0].wanted)
                feed(source->state, 0, false, sv_n(bytes, (size_t)n), source->path);
        return n;
}

static void fail_reading(struct file_state *state, int which, bool both, const char *path, int errnum)
{
        struct error err;
        if (errnum == ECANCELED)
                error_set(&err, E_STOPPED, 0, __FILE__, __LINE__, "stopped");
        else if (errnum == EAGAIN)
                error_set(&err, E_UNAVAILABLE, 0, __FILE__, __LINE__, "reading it would wait for another process");
        else
                error_set(&err, E_NONE, errnum, __FILE__, __LINE__, "read");
        give_up(state, which, both, path, &err);
}

/* size is what the file had when it was opened, as its row says: reading ends there, where there is one (files of /proc
 * have none), and the call that would only tell the end is saved. */
static void read_plain(struct file_state *state, int fd, uint64_t size, const char *path, ssize_t n, bool both)
{
        while (n > 0) {
                feed(state, 0, both, sv_n((const char *)state->block, (size_t)n), path);
                if (!state->streams[0].wanted || state->streams[0].bytes == size)
                        break;
                n = read_block(state, fd, state->block, FILE_BLOCK);
        }
        if (n < 0)
                fail_reading(state, 0, both, path, errno);
        else
                finish(state, 0, both, path);
}

static void read_compressed(struct file_state *state, int fd, const char *path, ssize_t n)
{
        struct error err = { 0 };
        struct source source = {
                .state = state, .fd = fd, .path = path, .ahead = sv_n((const char *)state->block, (size_t)n)
        };
        bool raw = state->streams[0].wanted;
        if (raw)
                feed(state, 0, false, source.ahead, path);
        if (!state->unpack && !(state->unpack = unpack_new(NULL, &err))) {
                give_up(state, 1, false, path, &err);
        } else {
                unpack_start(state->unpack, read_source, &source);
                ssize_t got = 1;
                while (got > 0 && state->streams[1].wanted) {
                        got = unpack_read(state->unpack, state->unpacked, FILE_BLOCK, &err);
                        if (got > 0)
                                feed(state, 1, false, sv_n((const char *)state->unpacked, (size_t)got), path);
                        if (got > 0 && run_checkpoint(state->run)) {
                                state->stopped = true;
                                error_set(&err, E_STOPPED, 0, __FILE__, __LINE__, "stopped");
                                got = -1;
                        }
                }
                if (got < 0)
                        give_up(state, 1, false, path, &err);
                else
                        finish(state, 1, false, path);
        }
        if (!raw)
                return;
        while (state->streams[0].wanted && source.errnum == 0 &&
                (n = read_block(state, fd, state->block, FILE_BLOCK)) > 0)
                feed(state, 0, false, sv_n((const char *)state->block, (size_t)n), path);
        if (source.errnum || n < 0)
                fail_reading(state, 0, false, path, source.errnum ? source.errnum : errno);
        else
                finish(state, 0, false, path);
}

static uint64_t count_long_lines(const struct file_state *state)
{
        uint64_t sum = 0;
        for (size_t i = 0; i < state->alive_count; i++)
                if (state->alive[i]->reads && state->alive[i]->lines)
                        sum += regex_lines_stats(state->alive[i]->lines).long_lines;
        return sum;
}

/* Whether digests of the file as it is are all that is wanted of it. */
static bool wants_digests_only(const struct file_state *state)
{
        for (size_t i = 0; i < state->alive_count; i++)
                if (state->alive[i]->reads && (state->alive[i]->lines || state->alive[i]->decompress))
                        return false;
        return true;
}

/* Answers from what another name of the same file gave; false when it has to be read. */
static bool recall(struct file_state *state, const struct stat *stat)
{
        struct file_stream *stream = &state->streams[0];
        unsigned set = 0;
        for (size_t i = 0; i < state->alive_count; i++)
                if (state->alive[i]->reads)
                        set |= file_search_digests(state->alive[i]);
        if (!file_cache_get(&state->cache, stat, set, stream->results))
                return false;
        stream->bytes = (uint64_t)stat->st_size;
        state->statistics->bytes_cached += stat->st_size;
        return true;
}

/* The cache is told of a file read to its end, while it may have changed. */
static void remember(struct file_state *state, int fd, const struct stat *before)
{
        const struct file_stream *stream = &state->streams[0];
        struct stat after;
        if (stream->bytes == (uint64_t)before->st_size && fstat(fd, &after) == 0)
                file_cache_put(&state->cache, before, &after, stream->set, stream->results);
}

static void read_content(struct file_state *state, int fd, const struct stat *stat, const char *path)
{
        bool decompress = false;
        for (size_t i = 0; i < state->alive_count; i++)
                decompress |= state->alive[i]->reads && state->alive[i]->decompress;
        ssize_t n = read_block(state, fd, state->block, FILE_BLOCK);
        int errnum = errno;
        bool both = !decompress || n <= 0 || unpack_detect(state->block, (size_t)n) == UNPACK_PLAIN;
        begin(state, both);
        if (n < 0)
                fail_reading(state, 0, true, path, errnum);
        else if (both)
                read_plain(state, fd, (uint64_t)stat->st_size, path, n, true);
        else
                read_compressed(state, fd, path, n);
        if (both && decompress)
                state->streams[1] = state->streams[0];
}

void file_read_content(struct file_state *state, int fd, const struct stat *stat, const char *path)
{
        bool digests_only = wants_digests_only(state);
        if (digests_only && recall(state, stat))
                return;
        uint64_t long_lines = count_long_lines(state);
        read_content(state, fd, stat, path);
        if (digests_only)
                remember(state, fd, stat);
        long_lines = count_long_lines(state) - long_lines;
        if (long_lines > 0) {
                state->statistics->long_lines += (int64_t)long_lines;
                run_skipped(state->run, path, "only the first %u MiB of %llu lines were searched", REGEX_LINE_MAX >> 20,
                        (unsigned long long)long_lines);
        }
}
