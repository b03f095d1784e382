#include "module/run.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "module/channel.h"
#include "schema/json.h"
#include "schema/write.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum {
        STOP_MAX = 512,              /* bytes of a message that is parsed to see whether it is a stop */
        SEND_BATCH = 64 << 10,       /* rows are sent in pieces of about this size */
        RUN_ARENA_MAX = 1 << 30,     /* RLIMIT_DATA is the real ceiling */
        LOOK_NS = 4 * 1000 * 1000,   /* between looks at the socket */
        SEND_NS = 100 * 1000 * 1000, /* rows wait at most so long */
        THROTTLE_BURST_NS = 20 * 1000 * 1000,
};

/* CLOCK_MONOTONIC_COARSE costs a memory read, which is what a checkpoint may cost. */
static int64_t coarse_ns(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

int channel_flush(struct run_channel *channel, struct error *err)
{
        size_t sent = 0;
        while (!channel->gone && sent < channel->out.len) {
                ssize_t put = send(channel->fd, channel->out.data + sent, channel->out.len - sent, MSG_NOSIGNAL);
                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0 && errno == EAGAIN) {
                        struct pollfd room = { channel->fd, POLLOUT, 0 };
                        poll(&room, 1, -1);
                        continue;
                }
                if (put < 0)
                        channel->gone = true;
                else
                        sent += (size_t)put;
        }
        buf_clear(&channel->out);
        return channel->gone ? fail(err, E_STOPPED, "the parent is gone") : 0;
}

/* What the parent takes now; the rest stays. */
static void send_now(struct run_channel *channel)
{
        size_t sent = 0;
        while (!channel->gone && sent < channel->out.len) {
                ssize_t put = send(
                        channel->fd, channel->out.data + sent, channel->out.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0 && errno == EAGAIN)
                        break;
                if (put < 0)
                        channel->gone = true;
                else
                        sent += (size_t)put;
        }
        buf_consume(&channel->out, sent);
}

/* Stop messages are the only ones that may come while a run is under way on its stream. */
static void take_frames(struct run_channel *channel)
{
        struct frame_header header;
        struct sv payload;
        size_t size;
        size_t at = 0;
        while (frame_next(channel->in, at, &header, &payload, &size, NULL) > 0) {
                /* an alert or a configuration is long, and not read here only to see that it is no stop */
                bool mine = header.type == FRAME_MESSAGE && header.stream == channel->stream &&
                            (payload.n <= STOP_MAX || memmem(payload.p, payload.n, "\"stop\"", 6));
                json_t *message = mine ? json_parse(payload, false, NULL) : NULL;
                const char *class = json_string_value(json_get_nocase(message, "class"));
                bool stop = class && strcmp(class, "stop") == 0;
                json_decref(message);
                if (!stop) { /* of another stream: stays for the service */
                        at += size;
                        continue;
                }
                channel->stop = true;
                if (channel->stop_event)
                        eventfd_write(channel->stop_event, 1);
                memmove(channel->in->data + at, channel->in->data + at + size, channel->in->len - at - size);
                channel->in->len -= size;
        }
}

void channel_look(struct run_channel *channel)
{
        while (!channel->gone) {
                if (channel->in->len + 4096 > channel->in->max) /* what does not fit waits in the socket */
                        break;
                char *room = buf_reserve(channel->in, 4096);
                if (!room) {
                        channel->gone = true;
                        break;
                }
                ssize_t got = recv(channel->fd, room, 4096, MSG_DONTWAIT);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        break;
                if (got == 0)
                        channel->gone = true;
                channel->in->len += (size_t)got;
        }
        if (channel->in->len)
                take_frames(channel);
}

/* How long to sleep so that what was used fits what was granted until now; 0 when it does. */
static int64_t throttle_ns(const struct run *run)
{
        const struct run_channel *channel = run->channel;
        const struct budget *budget = &channel->budget;
        int64_t elapsed = time_monotonic_ns() - run->started_ns;
        int64_t due = 0;
        if (budget->cpu_share > 0) {
                double used = (double)(time_cpu_ns() - channel->cpu_started_ns - THROTTLE_BURST_NS);
                due = (int64_t)(used / budget->cpu_share) - elapsed;
        }
        if (budget->io_rate) {
                double seconds = (double)channel->io_bytes / (double)budget->io_rate;
                int64_t io_due = (int64_t)(seconds * (double)SECOND) - elapsed;
                if (io_due > due)
                        due = io_due;
        }
        return due > 0 ? due : 0;
}

static void sleep_on_socket(struct run_channel *channel, int64_t ns)
{
        struct timespec time = { ns / SECOND, ns % SECOND };
        struct pollfd wake = { channel->fd, POLLIN, 0 };
        ppoll(&wake, 1, &time, NULL);
}

bool run_checkpoint(struct run *run)
{
        struct run_channel *channel = run->channel;
        int64_t now = coarse_ns();
        if (now - channel->last_look_ns < LOOK_NS)
                return channel->stop || channel->gone;
        channel->last_look_ns = now;
        channel_look(channel);
        if (channel->out.len && now - channel->last_send_ns > SEND_NS) {
                channel->last_send_ns = now;
                send_now(channel); /* a parent that stands still holds nobody up before a whole batch waits */
        }
        for (int64_t due; !channel->stop && !channel->gone && (due = throttle_ns(run)) > 0;) {
                channel_flush(channel, NULL);
                sleep_on_socket(channel, due < SECOND ? due : SECOND);
                channel_look(channel);
        }
        return channel->stop || channel->gone;
}

bool run_stopped(const struct run *run)
{
        return run->channel->stop || run->channel->gone;
}

void run_charge_io(struct run *run, uint64_t bytes)
{
        run->channel->io_bytes += bytes;
}

static int watch_in(int epoll, int fd)
{
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* The socket alone would not do: a stop that a checkpoint has read from it makes it readable no more. */
int run_stop_fd(struct run *run)
{
        struct run_channel *channel = run->channel;
        if (channel->stop_poll)
                return channel->stop_poll;
        cleanup(fd_close) int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        cleanup(fd_close) int both = epoll_create1(EPOLL_CLOEXEC);
        if (event < 0 || both < 0 || watch_in(both, event) < 0 || watch_in(both, channel->fd) < 0)
                return channel->fd;
        channel->stop_event = take_fd(event);
        channel->stop_poll = take_fd(both);
        channel_look(channel); /* one may have come with the parameters */
        if (channel->stop || channel->gone)
                eventfd_write(channel->stop_event, 1);
        return channel->stop_poll;
}

bool run_would_block(struct run *run)
{
        struct run_channel *channel = run->channel;
        if (channel->out.len >= SEND_BATCH / 2)
                send_now(channel);
        return channel->out.len >= SEND_BATCH / 2;
}

int run_poll(struct run *run, struct pollfd *fds, size_t count, int64_t timeout_ns, struct error *err)
{
        enum { FDS_MAX = 64 };
        struct pollfd all[FDS_MAX + 1];
        struct run_channel *channel = run->channel;
        if (count > FDS_MAX)
                return fail(err, E_TOO_LARGE, "cannot wait for %zu files at once", count);
        if (channel_flush(channel, err) < 0)
                return -1;
        int64_t deadline = timeout_ns < 0 ? INT64_MAX : time_monotonic_ns() + timeout_ns;
        for (;;) {
                channel_look(channel);
                if (channel->stop || channel->gone)
                        return fail(err, E_STOPPED, "stopped");
                if (count)
                        memcpy(all, fds, count * sizeof(*fds));
                all[count] = (struct pollfd){ channel->fd, POLLIN, 0 };
                int64_t left = deadline == INT64_MAX ? -1 : deadline - time_monotonic_ns();
                if (deadline != INT64_MAX && left < 0)
                        left = 0;
                struct timespec time = { left / SECOND, left % SECOND };
                int ready = ppoll(all, count + 1, left < 0 ? NULL : &time, NULL);
                if (ready < 0 && errno != EINTR)
                        return fail_errno(err, "poll");
                int mine = 0;
                for (size_t i = 0; ready > 0 && i < count; i++) {
                        fds[i].revents = all[i].revents;
                        mine += all[i].revents != 0;
                }
                if (mine || ready == 0)
                        return mine;
        }
}

static int emit(struct run *run, struct sv label, struct sv json, struct error *err)
{
        struct run_channel *channel = run->channel;
        if (frame_append_row(&channel->out, channel->stream, label, json) < 0) {
                if (!channel->out.failed)
                        return fail(err, E_TOO_LARGE, "a row of %zu bytes is too large", json.n);
                channel_flush(
                        channel, NULL); /* what was queued before goes out, and its memory is there for the rest */
                return fail(err, E_NO_MEMORY, "no memory for a row of %zu bytes", json.n);
        }
        channel->rows = true;
        if (!channel->found_set)
                channel->found = true;
        return channel->out.len >= SEND_BATCH ? channel_flush(channel, err) : 0;
}

/* text has room for LABEL_MAX + 1 bytes and a separator; a label that is too long stays so and is refused later. */
enum { JOINED_SIZE = LABEL_MAX + 3 };

static struct sv join_label(const char *group, const char *label, char *text)
{
        if (!group)
                return sv_of(label);
        size_t length = strnlen(group, LABEL_MAX + 1);
        memcpy(text, group, length);
        if (!label)
                return sv_n(text, length);
        int rest = snprintf(text + length, JOINED_SIZE - length, "%c%s", LABEL_SEPARATOR, label);
        length += (size_t)rest;
        return sv_n(text, length < JOINED_SIZE ? length : JOINED_SIZE - 1);
}

int run_emit_json(struct run *run, const char *group, const char *label, struct sv json, struct error *err)
{
        char text[JOINED_SIZE];
        return emit(run, join_label(group, label, text), json, err);
}

int run_emit_in(struct run *run, const char *group, const char *label, const void *row, struct error *err)
{
        struct buf json;
        struct json_writer writer;
        buf_init(&json, JSON_MESSAGE_MAX);
        json_writer_init(&writer, &json, 0);
        record_write(&writer, run->module->element, row, run->privacy ? WRITE_PRIVACY : 0);
        struct sv value = sv_n(json.data, json.len);
        if (run->module->shape == SHAPE_SCALAR && json.len > 2) { /* {"value":X} is written as X */
                size_t colon = sv_find(value, ':');
                value = sv_n(value.p + colon + 1, value.n - colon - 2);
        }
        int status = json.failed
                             ? fail(err, json.len > JSON_MESSAGE_MAX / 2 ? E_TOO_LARGE : E_NO_MEMORY,
                                       "a row takes more than %d bytes, or more memory than there is", JSON_MESSAGE_MAX)
                             : run_emit_json(run, group, label, value, err);
        buf_done(&json);
        return status;
}

int run_emit(struct run *run, const char *label, const void *row, struct error *err)
{
        return run_emit_in(run, NULL, label, row, err);
}

int run_declare(struct run *run, const char *group, const char *label, bool null_when_empty, struct error *err)
{
        char text[JOINED_SIZE];
        struct run_channel *channel = run->channel;
        struct sv name = join_label(group, label, text);
        if (frame_append_label(&channel->out, channel->stream, name, null_when_empty ? LABEL_NULL : 0) < 0)
                return fail(err, E_TOO_LARGE, "a label of %zu bytes is too long", name.n);
        return channel->out.len >= SEND_BATCH ? channel_flush(channel, err) : 0;
}

static void send_text(struct run_channel *channel, enum frame_type type, struct sv text)
{
        if (frame_append(&channel->out, type, channel->stream, text) <
                0) { /* no memory: again with what a flush frees */
                channel_flush(channel, NULL);
                frame_append(&channel->out, type, channel->stream, text);
        }
        if (channel->out.len >= SEND_BATCH)
                channel_flush(channel, NULL);
}

static void send_error(struct run *run, const char *text)
{
        bool masked = run->privacy && run->module->errors_private;
        send_text(run->channel, FRAME_ERROR, sv_of(masked ? "masked" : text));
}

void run_error(struct run *run, const char *format, ...)
{
        if (run->channel->errors++ >= RUN_ERRORS_MAX)
                return;
        char text[4096 + 512];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        send_error(run, text);
}

void run_skipped(struct run *run, const char *path, const char *format, ...)
{
        struct run_channel *channel = run->channel;
        if (channel->skipped++ >= RUN_SKIPPED_MAX)
                return;
        char reason[256];
        va_list args;
        va_start(args, format);
        vsnprintf(reason, sizeof(reason), format, args);
        va_end(args);

        struct skipped {
                const char *path;
                const char *reason;
        } skipped = { path, reason };
        static const struct field fields[] = {
                FIELD_PATH(struct skipped, path, .private_ = true),
                FIELD_STRING(struct skipped, reason),
        };
        struct buf json;
        struct json_writer writer;
        buf_init(&json, JSON_MESSAGE_MAX);
        json_writer_init(&writer, &json, 0);
        record_write(&writer, RECORD(struct skipped, fields), &skipped, run->privacy ? WRITE_PRIVACY : 0);
        if (!json.failed)
                send_text(channel, FRAME_SKIPPED, sv_n(json.data, json.len));
        buf_done(&json);
}

void *run_statistics(struct run *run)
{
        struct run_channel *channel = run->channel;
        if (!channel->statistics)
                channel->statistics = arena_alloc(&run->arena, run->module->statistics->size);
        if (!channel->statistics) /* some hundred bytes before anything else: only a machine without memory gets here */
                abort();
        return channel->statistics;
}

void run_statistics_json(struct run *run, const char *json)
{
        free(run->channel->statistics_json);
        run->channel->statistics_json = json ? strdup(json) : NULL;
}

void run_set_partial(struct run *run, const char *reason)
{
        snprintf(run->channel->partial, sizeof(run->channel->partial), "%s", reason);
}

void run_set_found(struct run *run, bool found)
{
        run->channel->found_set = true;
        run->channel->found = found;
}

void run_set_success(struct run *run, bool success)
{
        run->channel->success_set = true;
        run->channel->success = success;
}

void run_begin(struct run *run, struct run_channel *channel)
{
        run->channel = channel;
        run->identity = "";
        run->started_ns = time_monotonic_ns();
        channel->cpu_started_ns = time_cpu_ns();
        channel->last_look_ns = channel->last_send_ns = coarse_ns();
        buf_init(&channel->out, FRAME_LENGTH_MAX + SEND_BATCH + 4096);
        buf_reserve(&channel->out, SEND_BATCH + 8192); /* so that the last frames need no memory */
        buf_init(&channel->verdict, 4096);
        buf_reserve(&channel->verdict, 1024);
        arena_init(&run->arena, RUN_ARENA_MAX);
}

static void send_statistics(struct run *run)
{
        struct buf json;
        struct json_writer writer;
        buf_init(&json, JSON_MESSAGE_MAX);
        json_writer_init(&writer, &json, 0);
        record_write(&writer, run->module->statistics, run->channel->statistics, run->privacy ? WRITE_PRIVACY : 0);
        if (json.failed)
                send_error(run, "no memory for the statistics");
        else
                send_text(run->channel, FRAME_STATISTICS, sv_n(json.data, json.len));
        buf_done(&json);
}

void run_end(struct run *run, int result, const struct error *err)
{
        struct run_channel *channel = run->channel;
        /* a stream has no end of its own: there a stop is the end, not an early one */
        bool ended = run->module->stream && result == 0;
        bool stopped = (channel->stop && !ended) || channel->gone;
        const char *partial = stopped                                                   ? "stopped"
                              : result < 0 && err->code == E_NO_MEMORY && channel->rows ? "out of memory"
                              : channel->partial[0]                                     ? channel->partial
                                                                                        : NULL;
        if (channel->errors > RUN_ERRORS_MAX) {
                char text[64];
                snprintf(text, sizeof(text), "%llu more errors are not listed",
                        (unsigned long long)(channel->errors - RUN_ERRORS_MAX));
                send_error(run, text);
        }
        if (channel->skipped > RUN_SKIPPED_MAX) {
                char text[64];
                snprintf(text, sizeof(text), "%llu more skipped paths are not listed",
                        (unsigned long long)(channel->skipped - RUN_SKIPPED_MAX));
                send_error(run, text);
        }
        if (stopped)
                send_text(channel, FRAME_ERROR, SV("stop message received, terminating early"));
        else if (result < 0)
                send_error(run, err->message);
        if (channel->statistics && run->module->statistics)
                send_statistics(run);
        else if (channel->statistics_json)
                send_text(channel, FRAME_STATISTICS, sv_of(channel->statistics_json));
        free(channel->statistics_json);
        channel->statistics_json = NULL;

        struct buf json = channel->verdict; /* reserved at the start: the verdict is told without memory too */
        struct json_writer writer;
        json_writer_init(&writer, &json, 0);
        json_begin_object(&writer);
        json_field(&writer, "foundanything", json_put_bool, channel->found);
        json_field(&writer, "success", json_put_bool,
                channel->success_set && !stopped ? channel->success : result == 0 && !stopped);
        if (stopped || result < 0)
                json_field(&writer, "code", json_put_int, stopped ? E_STOPPED : err->code);
        if (partial)
                json_field(&writer, "partial", json_put_text, partial);
        json_end_object(&writer);
        send_text(channel, FRAME_DONE, sv_n(json.data, json.len));
        buf_done(&json);
        channel_flush(channel, NULL);
        if (channel->stop_poll) {
                fd_close(&channel->stop_event);
                fd_close(&channel->stop_poll);
                channel->stop_event = channel->stop_poll = 0;
        }
        buf_done(&channel->out);
        arena_done(&run->arena);
}
