#include "module/service.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "module/channel.h"
#include "module/program.h"
#include "module/request.h"
#include "module/service_run.h"
#include "schema/json.h"
#include "schema/json_writer.h"
#include "tarsier/child.h"

#include <sys/socket.h>

enum { CONFIG_ARENA_MAX = 64 << 20, LISTENERS_MAX = 16, ALERT_MAX = 256 << 10 };

struct service_channel {
        struct service service;
        struct run_channel control; /* stream 0 */
        struct buf in;
        struct arena config_arena;
        struct tarsier_child *child; /* until ready was said */
        struct budget budget;
        bool privacy;
        uint64_t alerts_dropped;
        int listeners[LISTENERS_MAX];
        struct request_server *requests;
};

static void send_message(struct service_channel *channel, uint16_t stream, struct sv json)
{
        frame_append(&channel->control.out, FRAME_MESSAGE, stream, json);
        channel_flush(&channel->control, NULL);
        if (channel->control.gone)
                loop_stop(channel->service.loop);
}

static void send_class(struct service_channel *channel, const char *class, const char *key, const char *text)
{
        struct buf json;
        struct json_writer writer;
        buf_init(&json, 64 << 10);
        json_writer_init(&writer, &json, 0);
        json_begin_object(&writer);
        json_field(&writer, "class", json_put_text, class);
        json_key(&writer, "parameters");
        json_begin_object(&writer);
        json_field(&writer, key, json_put_text, text);
        json_end_object(&writer);
        json_end_object(&writer);
        if (!json.failed)
                send_message(channel, 0, sv_n(json.data, json.len));
        buf_done(&json);
}

void service_log(struct service *service, const char *format, ...)
{
        char text[4096];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        send_class(service->channel, "log", "message", text);
}

void service_alert(struct service *service, struct sv json)
{
        struct service_channel *channel = service->channel;
        if (json.n > ALERT_MAX || !json_valid(json)) {
                channel->alerts_dropped++;
                service_log(service, "an alert of %zu bytes was dropped (%llu in all)", json.n,
                        (unsigned long long)channel->alerts_dropped);
                return;
        }
        cleanup(buf_done) struct buf text;
        buf_init(&text, ALERT_MAX + 64);
        buf_puts(&text, "{\"class\":\"alert\",\"parameters\":{\"message\":");
        struct json_writer writer;
        struct buf quoted;
        buf_init(&quoted, 2 * (size_t)ALERT_MAX);
        json_writer_init(&writer, &quoted, 0);
        json_put_string(&writer, json); /* the contract carries an alert as text */
        text.max += quoted.len;
        buf_append(&text, buf_text(&quoted), quoted.len);
        buf_done(&quoted);
        buf_puts(&text, "}}");
        send_message(channel, 0, sv_n(text.data, text.len));
}

void service_alert_taken(struct service *service, const struct alert_id *id)
{
        char text[128];
        if (!id->number)
                return;
        int length =
                snprintf(text, sizeof(text), "{\"class\":\"ack\",\"parameters\":{\"id\":%llu,\"sender\":\"%016llx\"}}",
                        (unsigned long long)id->number, (unsigned long long)id->sender);
        send_message(service->channel, 0, sv_n(text, (size_t)length));
}

void service_ready(struct service *service)
{
        struct service_channel *channel = service->channel;
        if (!channel->child)
                return;
        tarsier_child_ready(channel->child);
        tarsier_child_free(channel->child);
        channel->child = NULL;
        send_class(channel, "register", "sockpath", "fd:5"); /* queries come over this very socket */
}

int service_listener(const struct service *service, size_t index)
{
        return index < LISTENERS_MAX ? service->channel->listeners[index] : -1;
}

/* The agent puts who asks behind the parameters (runs.c); nobody else can, since it writes the message. */
static const char *identity_of(struct sv text, struct arena *arena)
{
        cleanup(json_decref) json_t *message = json_parse(text, false, NULL);
        const char *identity = json_string_value(json_object_get(message, "identity"));
        const char *copy = identity ? arena_strdup(arena, identity) : NULL;
        return copy ? copy : "";
}

/* A query: one run on its own stream. The loop waits for it. */
static void run_query(struct service_channel *channel, const struct module *module, uint16_t stream, struct sv message)
{
        struct run_channel answer = { .fd = WORKER_FRAMES_FD, .stream = stream, .in = &channel->in };
        struct run run = { .module = module, .service = &channel->service, .privacy = channel->privacy };
        struct error err = { 0 };
        run_begin(&run, &answer);
        run.identity = identity_of(message, &run.arena);
        int result = run_read_parameters(module, message, true, &run.arena, &run.params, &err);
        if (result == 0)
                result = module->run && !module->foreground
                                 ? module->run(&run, &err)
                                 : fail(&err, E_UNSUPPORTED, "module %s answers no queries", module->name);
        run_end(&run, result, &err);
}

static int read_config(struct service_channel *channel, const json_t *value, struct error *err)
{
        const struct record *record = channel->service.module->config;
        if (!record)
                return 0;
        void *config = arena_alloc(&channel->config_arena, record->size);
        if (!config)
                return fail(err, E_NO_MEMORY, "no memory for the configuration");
        if (record_read(record, value, config, &channel->config_arena, READ_STRICT, err) < 0)
                return error_prefix(err, "configuration");
        channel->service.config = config;
        return 0;
}

static void reload(struct service_channel *channel, const json_t *parameters)
{
        struct error err;
        const struct module *module = channel->service.module;
        int status = !module->reload /* no agent asks it: it starts such a module anew */
                             ? fail(&err, E_UNSUPPORTED, "it is read at the start; restart %s", module->name)
                             : read_config(channel, json_object_get(parameters, "config"), &err);
        if (status < 0 || module->reload(&channel->service, &err) < 0)
                service_log(&channel->service, "the new configuration was refused: %s", err.message);
}

static void stop_service(struct service_channel *channel)
{
        if (channel->service.module->stop)
                channel->service.module->stop(&channel->service);
        loop_stop(channel->service.loop);
}

static void take_alert(struct service_channel *channel, const json_t *parameters)
{
        struct handed_alert alert = { .json = sv_of(json_string_value(json_object_get(parameters, "message"))) };
        const char *sender = json_string_value(json_object_get(parameters, "sender"));
        const char *module = json_string_value(json_object_get(parameters, "module"));
        json_int_t number = json_integer_value(json_object_get(parameters, "id"));
        json_int_t time_ns = json_integer_value(json_object_get(parameters, "time_ns"));
        if (sender && number > 0 && sv_parse_u64(sv_of(sender), 16, &alert.id.sender))
                alert.id.number = (uint64_t)number;
        alert.module = module ? module : "";
        alert.time_ns = time_ns > 0 ? time_ns : 0;
        channel->service.module->alert(&channel->service, &alert);
}

static void take_message(struct service_channel *channel, uint16_t stream, struct sv text)
{
        cleanup(json_decref) json_t *message = json_parse(text, false, NULL);
        const char *class = json_string_value(json_object_get(message, "class"));
        const json_t *parameters = json_object_get(message, "parameters");
        const struct module *module = channel->service.module;
        if (!class)
                return;
        if (strcmp(class, "ping") == 0)
                send_message(channel, stream, text);
        else if (strcmp(class, "config") == 0)
                reload(channel, parameters);
        else if (strcmp(class, "alert") == 0 && module->alert)
                take_alert(channel, parameters);
        else if (strcmp(class, "stop") == 0 && stream == 0)
                stop_service(channel);
}

/* For the module itself or one that asks it; the agent names no other, so another is a broken peer's. */
static void take_query(struct service_channel *channel, uint16_t stream, struct sv payload)
{
        struct sv name;
        struct sv message;
        struct error err;
        if (frame_split_row(payload, &name, &message, &err) < 0) {
                service_log(&channel->service, "a query that cannot be read: %s", err.message);
                return;
        }
        const struct module *module = channel->service.module;
        for (const struct module *const *query = module->queries; query && *query; query++)
                if (sv_eq(name, sv_of((*query)->name)))
                        module = *query;
        run_query(channel, module, stream, message);
}

static void on_frames(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct service_channel *channel = cookie;
        struct frame_header header;
        struct sv payload;
        size_t size;
        struct error err;
        (void)id;
        (void)events;
        channel_look(&channel->control);
        int have;
        size_t at = 0; /* what was taken goes at once at the end: a burst of alerts is not moved for each */
        while ((have = frame_next(&channel->in, at, &header, &payload, &size, &err)) > 0) {
                char *copy = malloc(payload.n + 1);
                if (!copy)
                        break;
                memcpy(copy, payload.p, payload.n);
                at += size;
                if (header.type == FRAME_MESSAGE) {
                        take_message(channel, header.stream, sv_n(copy, header.length));
                } else if (header.type == FRAME_ASK) {
                        buf_consume(&channel->in, at); /* a query may read on: what was taken must be out by then */
                        at = 0;
                        take_query(channel, header.stream, sv_n(copy, header.length));
                }
                free(copy);
        }
        buf_consume(&channel->in, at);
        if (channel->control.stop)
                stop_service(channel);
        if (channel->control.gone || have < 0)
                loop_stop(loop);
}

/* "0,2": the listeners that were bound, in the order of their fds. */
static void take_listeners(struct service_channel *channel, const char *text)
{
        int fd = WORKER_LISTENERS_FD;
        struct sv part;
        for (size_t i = 0; i < LISTENERS_MAX; i++)
                channel->listeners[i] = -1;
        for (struct sv rest = sv_of(text); *text && sv_split(&rest, ',', &part);) {
                uint64_t index;
                if (sv_parse_u64(part, 10, &index) && index < LISTENERS_MAX)
                        channel->listeners[index] = fd++;
        }
}

static int set_up(struct service_channel *channel, struct error *err)
{
        struct service *service = &channel->service;
        const struct module *module = service->module;
        const struct tarsier_config *values = tarsier_child_config(channel->child);
        const char *text = tarsier_config_get(values, WORKER_CONFIG_CONFIG);
        cleanup(json_decref) json_t *config = text && *text ? json_parse(sv_of(text), true, err) : json_object();
        if (!config || read_config(channel, config, err) < 0)
                return -1;
        const char *state = tarsier_config_get(values, WORKER_CONFIG_STATE);
        service->state_directory = state && *state ? arena_strdup(&channel->config_arena, state) : NULL;
        const char *listeners = tarsier_config_get(values, WORKER_CONFIG_LISTENERS);
        take_listeners(channel, listeners ? listeners : "");

        struct sandbox sandbox = module->sandbox;
        const char *paths[2] = { service->state_directory, NULL };
        if (!sandbox.write_paths && paths[0])
                sandbox.write_paths = paths;
        if (module->adjust && module->adjust(&sandbox, service->config, &channel->config_arena, err) < 0)
                return -1;
        if (worker_lock(&sandbox, channel->budget, module_memory(module), NULL, err) < 0)
                return -1;
        service->loop = loop_new(NULL, err);
        if (!service->loop ||
                loop_add_fd(service->loop, WORKER_FRAMES_FD, LOOP_READ, LOOP_LEVEL, on_frames, channel, NULL, err) < 0)
                return -1;
        if (module->routes && !(channel->requests = request_server_new(service, WORKER_API_FD, err)))
                return -1;
        return module->start(service, err);
}

int service_main(const struct module *module, struct tarsier_child *child, struct budget budget, bool privacy)
{
        static struct service_channel channel;
        struct error err = { 0 };
        channel.service.module = module;
        channel.service.channel = &channel;
        channel.child = child;
        channel.budget = budget;
        channel.privacy = privacy;
        channel.service.privacy = privacy;
        channel.control = (struct run_channel){ .fd = WORKER_FRAMES_FD, .in = &channel.in, .budget = budget };
        buf_init(&channel.in, FRAME_LENGTH_MAX + (128 << 10));
        buf_init(&channel.control.out, FRAME_LENGTH_MAX);
        arena_init(&channel.config_arena, CONFIG_ARENA_MAX);

        int status = 0;
        if (set_up(&channel, &err) < 0) {
                tarsier_child_failed(child, err.message);
                status = 1;
        } else {
                if (!channel.service.ready_later)
                        service_ready(&channel.service);
                if (loop_run(channel.service.loop, &err) < 0) {
                        log_error("%s: %s", module->name, err.message);
                        status = 1;
                }
        }
        request_server_free(channel.requests);
        loop_free(channel.service.loop);
        buf_done(&channel.in);
        buf_done(&channel.control.out);
        arena_done(&channel.config_arena);
        return status;
}
