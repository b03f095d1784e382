/* The bridge to an agent elsewhere: `tarsier-remote worker MODULE URL` stands where a module's worker would stand, asks
 * the agent over HTTP to run it, and sends what comes as frames. Started by execution.c for --agent; the token comes as
 * the handshake's secret. What the network sends is parsed here, in a locked process. */
#include "remote.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "module/channel.h"
#include "module/descriptor.h"
#include "module/program.h"
#include "schema/json.h"
#include "schema/json_writer.h"

enum { RAW_PATH_MAX = 64 << 10 };

/* A run's hard error is its last error and comes again with the verdict; so each waits for the next. */
static void say_error(struct remote *remote)
{
        if (remote->error)
                run_error(remote->run, "%s", remote->error);
        free(remote->error);
        remote->error = NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

static int take_row(struct remote *remote, const json_t *value)
{
        const json_t *row = json_object_get(value, "row");
        char *text = row ? json_dumps(row, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        if (!text)
                return fail(&remote->why, E_PROTOCOL, "a row event without a row");
        int status =
                run_emit_json(remote->run, text_of(value, "group"), text_of(value, "label"), sv_of(text), &remote->why);
        free(text);
        return status;
}

static void take_skipped(struct remote *remote, const json_t *value)
{
        const char *path = text_of(value, "path");
        const char *raw = text_of(value, "path_raw");
        const char *reason = text_of(value, "reason");
        cleanup(buf_done) struct buf bytes;
        buf_init(&bytes, RAW_PATH_MAX);
        if (raw && base64_decode(sv_of(raw), &bytes) && bytes.len && !memchr(bytes.data, 0, bytes.len))
                path = bytes.data;
        if (path && reason)
                run_skipped(remote->run, path, "%s", reason);
}

static void take_verdict(struct remote *remote, const json_t *value)
{
        const char *code = text_of(value, "code");
        const char *partial = text_of(value, "partial");
        remote->finished = true;
        remote->code = code ? error_code_parse(code) : E_NONE;
        run_set_found(remote->run, json_is_true(json_object_get(value, "foundanything")));
        run_set_success(remote->run, json_is_true(json_object_get(value, "success")));
        if (partial)
                run_set_partial(remote->run, partial);
}

int remote_event(const char *event, struct sv text, void *cookie)
{
        struct remote *remote = cookie;
        struct run *run = remote->run;
        cleanup(json_decref) json_t *value = json_parse(text, false, &remote->why);
        if (!value)
                return error_prefix(&remote->why, "an event of %s", remote->url);
        int status = 0;
        if (strcmp(event, "row") == 0) {
                status = take_row(remote, value);
        } else if (strcmp(event, "label") == 0) {
                status = run_declare(run, text_of(value, "group"), text_of(value, "label"),
                        json_is_true(json_object_get(value, "null")), &remote->why);
        } else if (strcmp(event, "run") == 0 && text_of(value, "run")) {
                snprintf(remote->id, sizeof(remote->id), "%s", text_of(value, "run"));
        } else if (strcmp(event, "error") == 0) {
                const char *message = text_of(value, "message");
                if (text_of(value, "code")) /* of the agent itself: the stream ends here */
                        return fail(&remote->why, error_code_parse(text_of(value, "code")), "the agent at %s: %s",
                                remote->url, message ? message : "it ended the run's events");
                say_error(remote);
                remote->error = message ? strdup(message) : NULL;
        } else if (strcmp(event, "skipped") == 0) {
                take_skipped(remote, value);
        } else if (strcmp(event, "statistics") == 0) {
                char *json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
                run_statistics_json(run, json);
                free(json);
        } else if (strcmp(event, "done") == 0) {
                take_verdict(remote, value);
        }
        return status;
}

/* One row of a fetch. */
static int put_fetched(struct remote *remote, const char *event, struct sv json)
{
        struct json_writer writer;
        cleanup(buf_done) struct buf row;
        if (!json_valid(json))
                return fail(&remote->why, E_PROTOCOL, "%s: what came from %s is no JSON", remote->url, remote->path);
        buf_init(&row, JSON_MESSAGE_MAX);
        json_writer_init(&writer, &row, 0);
        json_begin_object(&writer);
        json_field(&writer, "event", json_put_text, event);
        json_field(&writer, "data", json_put_raw, json);
        json_end_object(&writer);
        if (row.failed)
                return fail(&remote->why, E_TOO_LARGE, "%s: a part of %s is too long", remote->url, remote->path);
        return run_emit_json(remote->run, NULL, NULL, sv_n(row.data, row.len), &remote->why);
}

int remote_fetched(const char *event, struct sv text, void *cookie)
{
        return put_fetched(cookie, event, text);
}

int remote_stream_opened(struct remote *remote)
{
        return put_fetched(remote, "open", SV("null"));
}

void remote_answered(struct remote *remote)
{
        struct sv text = sv_trim(sv_n(buf_text(&remote->body), remote->body.len));
        if (put_fetched(remote, "answer", text.n ? text : SV("null")) == 0)
                remote->finished = true;
}

/* {"fetch":{"method":"GET","path":"/v1/…","body":JSON}} asks for any path instead of a run. ret_value owns the texts.
 */
static int read_fetch(struct remote *remote, json_t **ret_value, struct buf *body, struct error *err)
{
        if (!sv_starts(remote->message, SV("{\"fetch\":")))
                return 0;
        json_t *value = json_parse(remote->message, true, err);
        if (!value)
                return -1;
        *ret_value = value;
        const json_t *fetch = json_object_get(value, "fetch");
        const json_t *sent = json_object_get(fetch, "body");
        remote->method = text_of(fetch, "method");
        remote->path = text_of(fetch, "path");
        if (!remote->method || !remote->path || remote->path[0] != '/')
                return fail(err, E_INVALID, "a fetch needs a method and a path");
        remote->fetch = true;
        char *text = sent ? json_dumps(sent, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        buf_puts(body, text ? text : "");
        free(text);
        remote->message = sv_n(buf_text(body), body->len);
        return 0;
}

/* As the module's own worker would end there: the same errors, the same verdict, the same exit status. */
static int end_run(struct remote *remote, struct error *err)
{
        if (remote->finished && remote->code != E_NONE && remote->error) {
                fail(err, remote->code, "%s", remote->error);
                free(remote->error);
                return -1;
        }
        say_error(remote);
        if (remote->finished)
                return remote->code == E_NONE
                               ? 0
                               : fail(err, remote->code, "the run failed: %s", error_code_name(remote->code));
        if (run_stopped(remote->run))
                return 0;
        if (remote->id[0] || remote->fetch)
                run_set_partial(remote->run, "connection lost");
        return fail(err, remote->why.code, "%s", remote->why.message);
}

static int remote_run(struct run *run, struct error *err)
{
        struct bridge *bridge = run->state;
        struct remote remote = { .run = run, .url = bridge->path, .token = bridge->secret, .message = bridge->message };
        cleanup(json_decref) json_t *fetch = NULL;
        cleanup(buf_done) struct buf body;
        buf_init(&body, JSON_MESSAGE_MAX);
        if (read_fetch(&remote, &fetch, &body, err) < 0)
                return -1;
        sse_init(&remote.events);
        buf_init(&remote.body, remote.fetch ? REMOTE_ANSWER_MAX : REMOTE_BODY_MAX);
        remote_exchange(&remote);
        int status = end_run(&remote, err);
        sse_done(&remote.events);
        buf_done(&remote.body);
        return status;
}

int main(int argc, char **argv)
{
        static struct bridge bridge;
        static struct module module = {
                .summary = "a run on another agent",
                .run = remote_run,
                .sandbox = { .network = true,
                        .unix_sockets = true,
                        .read_all = true }, /* names, certificates, the socket */
                .limits = { .memory = 256 * MIB },
        };
        struct error err;
        if (argc != 4 || strcmp(argv[1], "worker") != 0) {
                fputs("tarsier-remote is started by `tarsier --agent URL MODULE …`\n", stderr);
                return 2;
        }
        module.name = argv[2];
        module.params = &record_empty;
        bridge.path = argv[3];
        if (remote_init(argv[3], &err) < 0)
                return worker_refuse(&err);
        return worker_main_bridged(&module, &bridge);
}
