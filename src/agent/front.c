#include "agent/front_internal.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "schema/json_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

enum { CHUNK_MAX = 32 << 10, FILE_CHUNK = 64 << 10, TURN_MAX = 256 << 10, STRANGERS_MAX = 16 };

/* ---- streams ---- */

static struct front_stream *find_stream(struct front *front, uint16_t id)
{
        for (size_t i = 0; i < front->streams.count; i++)
                if (front->streams.items[i]->id == id)
                        return front->streams.items[i];
        return NULL;
}

void front_end_stream(struct front_stream *stream)
{
        struct front *front = stream->front;
        for (size_t i = 0; i < front->streams.count; i++) {
                if (front->streams.items[i] != stream)
                        continue;
                vec_swap_remove(&front->streams, i);
                break;
        }
        fd_close(&stream->fd);
        fd_close(&stream->attached);
        buf_done(&stream->input);
        json_decref(stream->parameters);
        free(stream);
}

static struct front_stream *open_stream(struct front *front, uint16_t id)
{
        struct front_stream *stream = calloc(1, sizeof(*stream));
        struct front_stream **slot = stream ? vec_add(&front->streams, AGENT_STREAMS_MAX) : NULL;
        if (!slot) {
                free(stream);
                return NULL;
        }
        *slot = stream;
        stream->front = front;
        stream->id = id;
        stream->credit = FRAME_CREDIT_WINDOW;
        stream->fd = stream->attached = -1;
        buf_init(&stream->input, FRAME_LENGTH_MAX + FILE_CHUNK);
        return stream;
}

/* ---- answers ---- */

void front_answer(
        struct front_stream *stream, const char *class, void (*put)(struct json_writer *, void *), void *cookie)
{
        cleanup(buf_done) struct buf json;
        struct json_writer writer;
        buf_init(&json, AGENT_CONTROL_MAX);
        json_writer_init(&writer, &json, 0);
        json_begin_object(&writer);
        json_field(&writer, "class", json_put_text, class);
        json_key(&writer, "parameters");
        json_begin_object(&writer);
        if (put)
                put(&writer, cookie);
        json_end_object(&writer);
        json_end_object(&writer);
        link_send(stream->front->link, FRAME_MESSAGE, stream->id, sv_n(buf_text(&json), json.len));
}

static void put_refusal(struct json_writer *writer, void *cookie)
{
        const struct error *err = cookie;
        json_field(writer, "code", json_put_text, error_code_name(err->code));
        json_field(writer, "message", json_put_text, err->message);
}

void front_refuse(struct front_stream *stream, struct error *err)
{
        stream->front->agent->counters.requests_refused++;
        front_answer(stream, "refused", put_refusal, err);
        front_end_stream(stream);
}

/* Sends from stream->input what the credit allows, in DATA frames. */
static void pump_text(struct front_stream *stream)
{
        size_t at = 0;
        while (at < stream->input.len && stream->credit > 0) {
                size_t size = stream->input.len - at;
                if (size > CHUNK_MAX)
                        size = CHUNK_MAX;
                link_send(stream->front->link, FRAME_DATA, stream->id, sv_n(stream->input.data + at, size));
                stream->credit -= (int64_t)size;
                at += size;
        }
        buf_consume(&stream->input, at);
}

static ssize_t read_more(struct front_stream *stream)
{
        char *room = buf_reserve(&stream->input, FILE_CHUNK);
        if (!room)
                return -1;
        ssize_t got = pread(stream->fd, room, FILE_CHUNK, (off_t)stream->offset);
        if (got > 0) {
                stream->input.len += (size_t)got;
                stream->offset += (uint64_t)got;
        }
        return got;
}

static void pump_data(struct front_stream *stream)
{
        bool more = true;
        while (more && stream->credit > 0 && link_queued(stream->front->link) < TURN_MAX) {
                more = stream->input.len > 0;
                pump_text(stream);
                if (stream->fd >= 0 && stream->credit > 0 && read_more(stream) > 0)
                        more = true;
        }
        if (more || stream->input.len || stream->credit <= 0)
                return;
        link_send(stream->front->link, FRAME_END, stream->id, (struct sv){ 0 });
        front_end_stream(stream);
}

/* Frames from the run's file. DONE is the last one; a file without one belongs to a live run, or to one that was lost.
 */
static void pump_run(struct front_stream *stream)
{
        struct front *front = stream->front;
        struct frame_header header;
        struct sv payload;
        size_t size;
        struct error err;
        while (stream->credit > 0 && link_queued(front->link) < TURN_MAX) {
                int have = frame_next(&stream->input, 0, &header, &payload, &size, &err);
                if (have < 0) {
                        front_refuse(stream, &err);
                        return;
                }
                if (have == 0) {
                        if (read_more(stream) > 0)
                                continue;
                        if (runs_live(front->agent, stream->run))
                                return;
                        fail(&err, E_UNAVAILABLE, "the end of run %s was lost with the agent", stream->run);
                        front_refuse(stream, &err);
                        return;
                }
                if (header.type != FRAME_MESSAGE) { /* the file's own head */
                        link_send(front->link, (enum frame_type)header.type, stream->id, payload);
                        stream->credit -= (int64_t)payload.n;
                }
                if (header.type == FRAME_DONE) {
                        front_end_stream(stream);
                        return;
                }
                buf_consume(&stream->input, size);
        }
}

void front_pump(struct front_stream *stream)
{
        if (stream->kind == FRONT_STREAM_DATA)
                pump_data(stream);
        else if (stream->kind == FRONT_STREAM_RUN)
                pump_run(stream);
}

void front_run_moved(struct agent *agent, const char *run)
{
        for (size_t i = 0; i < agent->fronts.count; i++) {
                struct front *front = agent->fronts.items[i];
                for (size_t k = front->streams.count; k-- > 0;) {
                        struct front_stream *stream = front->streams.items[k];
                        if (stream->kind == FRONT_STREAM_RUN && strcmp(stream->run, run) == 0)
                                front_pump(stream);
                }
        }
}

/* ---- the link ---- */

static void on_drained(struct link *link, void *cookie)
{
        struct front *front = cookie;
        (void)link;
        for (size_t k = front->streams.count; k-- > 0;)
                if (k < front->streams.count)
                        front_pump(front->streams.items[k]);
}

static int on_frame(struct link *link, const struct frame_header *header, struct sv payload, void *cookie)
{
        struct front *front = cookie;
        struct front_stream *stream = header->stream ? find_stream(front, header->stream) : NULL;
        uint32_t credit;
        if (header->stream == 0)
                return -1;
        switch (header->type) {
        case FRAME_MESSAGE:
                if (stream || payload.n > AGENT_CONTROL_MAX)
                        return -1;
                stream = open_stream(front, header->stream);
                if (!stream)
                        return -1; /* more streams than agreed */
                stream->attached = link_take_fd(link);
                front_request(stream, payload);
                return 0;
        case FRAME_BODY:
                if (stream && stream->kind == FRONT_STREAM_BODY)
                        front_body(stream, payload);
                return 0;
        case FRAME_CREDIT:
                if (payload.n != sizeof(credit))
                        return -1;
                memcpy(&credit, payload.p, sizeof(credit));
                if (stream) {
                        stream->credit += credit;
                        front_pump(stream);
                }
                return 0;
        case FRAME_CANCEL:
                if (stream)
                        front_end_stream(stream);
                return 0;
        default:
                return -1;
        }
}

static void front_free(struct front *front)
{
        struct agent *agent = front->agent;
        while (front->streams.count)
                front_end_stream(front->streams.items[front->streams.count - 1]);
        vec_done(&front->streams);
        for (size_t i = 0; i < agent->fronts.count; i++) {
                if (agent->fronts.items[i] == front) {
                        vec_swap_remove(&agent->fronts, i);
                        break;
                }
        }
        if (agent->api == front)
                agent->api = NULL;
        link_free(front->link);
        free(front);
}

static void on_gone(struct link *link, const struct error *why, void *cookie)
{
        struct front *front = cookie;
        (void)link;
        if (why)
                log_warning("%s broke the protocol: %s", front->accepted[0] ? "api" : "a client of agent.sock",
                        why->message);
        front_free(front);
}

/* Takes fd. */
static struct front *front_new(struct agent *agent, int fd, size_t frame_max, struct error *err)
{
        struct front *front = calloc(1, sizeof(*front));
        struct front **slot = front ? vec_add(&agent->fronts, AGENT_FRONTS_MAX) : NULL;
        struct link_options options = { .on_frame = on_frame,
                .on_gone = on_gone,
                .on_drained = on_drained,
                .cookie = front,
                .frame_max = frame_max };
        if (!slot || !(front->link = link_new(agent->loop, fd, &options, err))) {
                if (slot)
                        agent->fronts.count--;
                else
                        fail(err, E_TOO_LARGE, "more than %d clients", AGENT_FRONTS_MAX);
                free(front);
                close(fd);
                return NULL;
        }
        front->agent = agent;
        *slot = front;
        return front;
}

/* Users without a role may come with a token, but not take the places and the memory of those who have one. */
static size_t strangers(const struct agent *agent)
{
        size_t count = 0;
        for (size_t i = 0; i < agent->fronts.count; i++)
                count += agent->fronts.items[i]->stranger;
        return count;
}

static void on_connection(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct agent *agent = cookie;
        (void)loop;
        (void)id;
        (void)events;
        int listener = agent->listener;
        for (;;) {
                struct error err;
                struct caller caller;
                int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0)
                        return;
                bool known = authority_of_connection(agent, fd, NULL, &caller, &err) == 0 && caller.role != ROLE_NONE;
                if (!known && strangers(agent) >= STRANGERS_MAX) {
                        agent->counters.fronts_refused++;
                        close(fd);
                        continue;
                }
                struct front *front = front_new(agent, fd, known ? FRAME_LENGTH_MAX : AGENT_CONTROL_MAX, &err);
                if (front)
                        front->stranger = !known;
                else
                        agent->counters.fronts_refused++;
        }
}

int front_listen(struct agent *agent, int listener, struct error *err)
{
        agent->listener = listener;
        return loop_add_fd(agent->loop, listener, LOOP_READ, LOOP_LEVEL, on_connection, agent, NULL, err);
}

void front_close_all(struct agent *agent)
{
        while (agent->fronts.count)
                front_free(agent->fronts.items[agent->fronts.count - 1]);
        vec_done(&agent->fronts);
}

void front_forget_grants(struct agent *agent)
{
        for (size_t i = 0; i < agent->fronts.count; i++) {
                struct front *front = agent->fronts.items[i];
                vec_foreach (stream, &front->streams)
                        (*stream)->caller.granted = NULL;
        }
}

/* ---- api ---- */

void front_tell_module(struct agent *agent, struct persist *persist, bool up)
{
        char json[256];
        if (!agent->api || !persist_module(persist)->routes)
                return;
        cleanup(fd_close) int fd = up ? persist_connect_api(persist) : -1;
        if (up && fd < 0)
                return;
        snprintf(json, sizeof(json), "{\"class\":\"module\",\"parameters\":{\"name\":\"%s\",\"up\":%s}}",
                persist_module(persist)->name, up ? "true" : "false");
        link_send_fd(agent->api->link, FRAME_MESSAGE, 0, sv_of(json), fd, NULL);
}

void front_tell_stop(struct agent *agent)
{
        if (agent->api)
                link_send(agent->api->link, FRAME_MESSAGE, 0, SV("{\"class\":\"stop\",\"parameters\":{}}"));
}

void front_api_changed(struct agent *agent, struct persist *api, bool up)
{
        struct error err;
        if (agent->api)
                front_free(agent->api);
        if (!up)
                return;
        int fd = persist_wire_fd(api);
        fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        agent->api = fd < 0 ? NULL : front_new(agent, fd, FRAME_LENGTH_MAX, &err);
        if (!agent->api) {
                log_error("api has no connection to the agent: %s", fd < 0 ? errno_text(errno) : err.message);
                return;
        }
        const struct module *module = persist_module(api);
        for (size_t i = 0; module->listeners && module->listeners[i].name; i++)
                if (strcmp(module->listeners[i].name, "socket") == 0)
                        snprintf(agent->api->accepted, sizeof(agent->api->accepted), "%s", persist_listens(api, i));
        for (size_t i = 0; i < agent->modules.count; i++)
                if (agent->modules.items[i] != api && persist_up(agent->modules.items[i]))
                        front_tell_module(agent, agent->modules.items[i], true);
}
