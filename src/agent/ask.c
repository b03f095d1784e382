#include "agent/ask.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "module/agent_wire.h"
#include "schema/json.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

enum { PATIENCE_S = 10, READ_SIZE = 64 << 10 };

struct asking {
        int fd;
        struct buf *data;
        json_t *answer;
};

static int connect_agent(const char *path, struct error *err)
{
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof(at.sun_path))
                return fail(err, E_INVALID, "%s: the path is too long for a socket", path);
        memcpy(at.sun_path, path, strlen(path));
        cleanup(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct timeval patience = { .tv_sec = PATIENCE_S };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
                return take_fd(fd);
        return errno == ENOENT || errno == ECONNREFUSED ? fail(err, E_UNAVAILABLE, "no agent answers on %s", path)
                                                        : fail_errno(err, "%s", path);
}

static int grant(int fd, uint32_t bytes, struct error *err)
{
        cleanup(buf_done) struct buf frame;
        buf_init(&frame, 64);
        frame_append(&frame, FRAME_CREDIT, 1, sv_n((const char *)&bytes, sizeof(bytes)));
        return write_all(fd, frame.data, frame.len, err);
}

/* One frame of the answer; 1 = it is over. */
static int take(struct asking *asking, const struct frame_header *header, struct sv payload, struct error *err)
{
        if (header->type == FRAME_END)
                return 1;
        if (header->type == FRAME_DATA) {
                if (asking->data)
                        buf_append(asking->data, payload.p, payload.n);
                return grant(asking->fd, (uint32_t)payload.n, err);
        }
        cleanup(json_decref) json_t *message = json_parse(payload, false, NULL);
        const char *class = json_string_value(json_object_get(message, "class"));
        json_t *parameters = json_object_get(message, "parameters");
        if (class && strcmp(class, "refused") == 0) {
                const char *code = json_string_value(json_object_get(parameters, "code"));
                const char *why = json_string_value(json_object_get(parameters, "message"));
                return fail(err, error_code_parse(code), "%s", why ? why : "refused");
        }
        json_decref(asking->answer);
        asking->answer = json_incref(parameters);
        return asking->data ? 0 : 1;
}

static int receive(struct asking *asking, struct error *err)
{
        cleanup(buf_done) struct buf frames;
        buf_init(&frames, FRAME_LENGTH_MAX);
        for (;;) {
                struct frame_header header;
                struct sv payload;
                size_t size;
                int have = frame_next(&frames, 0, &header, &payload, &size, err);
                if (have < 0)
                        return -1;
                if (have > 0) {
                        int over = take(asking, &header, payload, err);
                        if (over)
                                return over < 0 ? -1 : 0;
                        buf_consume(&frames, size);
                        continue;
                }
                char *room = buf_reserve(&frames, READ_SIZE);
                ssize_t got = room ? recv(asking->fd, room, READ_SIZE, 0) : -1;
                if (got <= 0)
                        return fail(err, E_UNAVAILABLE, "the agent gave no answer");
                frames.len += (size_t)got;
        }
}

static int send_question(int fd, const char *class, json_t *parameters, struct error *err)
{
        cleanup(buf_done) struct buf frame;
        cleanup(json_decref) json_t *asked = parameters ? parameters : json_object();
        json_object_set_new(asked, "credential", json_pack("{s:b}", "connection", 1));
        cleanup(json_decref) json_t *message = json_pack("{s:s, s:O}", "class", class, "parameters", asked);
        cleanup(free) char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
        if (!text || strlen(text) > AGENT_CONTROL_MAX)
                return fail(err, E_TOO_LARGE, "a question is at most %d bytes", AGENT_CONTROL_MAX);
        buf_init(&frame, FRAME_LENGTH_MAX);
        frame_append(&frame, FRAME_MESSAGE, 1, sv_of(text));
        return write_all(fd, frame.data, frame.len, err);
}

int ask_agent(const char *socket_path, const char *class, json_t *parameters, struct buf *data, json_t **ret_answer,
        struct error *err)
{
        cleanup(fd_close) int fd = connect_agent(socket_path, err);
        if (fd < 0) {
                json_decref(parameters);
                return -1;
        }
        struct asking asking = { fd, data, NULL };
        int status = send_question(fd, class, parameters, err) < 0 ? -1 : receive(&asking, err);
        if (status == 0 && ret_answer)
                *ret_answer = asking.answer;
        else
                json_decref(asking.answer);
        return status;
}
