/* libmicrohttpd on our loop: it keeps its connections in an epoll set of its own, which is one fd to us. It listens
 * nowhere; we accept, so that a full house leaves clients in the kernel's queue. The unix socket has places that TCP
 * cannot take. */
#include "front.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { DOOR_TCP, DOOR_LOCAL, DOORS, ACCEPTS_MAX = 32, LOCAL_RESERVE = 32, MEMORY_INCREMENT = 4096 };

struct door {
        struct server *server;
        int fd;
        loop_id id;
        bool shut;
};

struct server {
        struct api *api;
        struct MHD_Daemon *daemons[DOORS]; /* TLS is a property of a daemon */
        loop_id epoll_ids[DOORS];
        loop_id timer_id;
        loop_id tick_id;
        struct door doors[DOORS];
        struct client *clients;
        struct client *accepting;
        size_t count[DOORS];
        bool kicked;
        bool drained;
};

static size_t limit_of(const struct server *server, size_t door)
{
        size_t all = (size_t)server->api->config->connections;
        return door == DOOR_LOCAL ? all + LOCAL_RESERVE - server->count[DOOR_TCP] : all;
}

static void set_door(struct server *server, size_t index)
{
        struct door *door = &server->doors[index];
        bool shut = server->drained || server->count[index] >= limit_of(server, index);
        if (!door->id || shut == door->shut)
                return;
        door->shut = shut;
        server->api->counters.connections_waited += shut && !server->drained;
        loop_modify_fd(server->api->loop, door->id, shut ? 0 : LOOP_READ, NULL);
}

static void on_timer(struct loop *loop, loop_id id, void *cookie)
{
        loop_rearm_timer_at(loop, id, LOOP_NEVER);
        server_kick(cookie);
}

/* Runs both daemons once and asks when they want to be called next. */
static void run_daemons(struct loop *loop, void *cookie)
{
        struct server *server = cookie;
        MHD_UNSIGNED_LONG_LONG ms;
        int64_t delay = LOOP_NEVER;
        server->kicked = false;
        for (size_t i = 0; i < DOORS; i++) {
                if (!server->daemons[i])
                        continue;
                MHD_run(server->daemons[i]);
                if (MHD_get_timeout(server->daemons[i], &ms) == MHD_YES && (int64_t)ms * MILLISECOND < delay)
                        delay = (int64_t)ms * MILLISECOND;
        }
        loop_rearm_timer_at(loop, server->timer_id, delay == LOOP_NEVER ? LOOP_NEVER : loop_now_ns(loop) + delay);
        for (size_t i = 0; i < DOORS; i++)
                set_door(server, i);
}

void server_kick(struct server *server)
{
        if (server && !server->kicked)
                server->kicked = loop_defer(server->api->loop, run_daemons, server) == 0;
}

static void on_epoll(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)id;
        (void)events;
        run_daemons(loop, cookie);
}

static void name_client(struct client *client, const struct sockaddr_storage *at)
{
        char host[INET6_ADDRSTRLEN] = "";
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        if (at->ss_family == AF_INET) {
                memcpy(&v4, at, sizeof(v4));
                inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
                snprintf(client->address, sizeof(client->address), "%s:%u", host, ntohs(v4.sin_port));
        } else if (at->ss_family == AF_INET6) {
                memcpy(&v6, at, sizeof(v6));
                inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
                snprintf(client->address, sizeof(client->address), "[%s]:%u", host, ntohs(v6.sin6_port));
        } else {
                snprintf(client->address, sizeof(client->address), "local socket");
        }
}

static void add_connection(
        struct server *server, size_t door, int fd, const struct sockaddr_storage *at, socklen_t size)
{
        struct api *api = server->api;
        struct client *client = calloc(1, sizeof(*client));
        if (!client) {
                close(fd);
                return;
        }
        client->api = api;
        client->local = door == DOOR_LOCAL;
        client->fd = fd;
        client->deadline_ns = loop_now_ns(api->loop) + api->config->header_timeout_ns;
        name_client(client, at);
        server->accepting = client;
        struct MHD_Daemon *daemon = server->daemons[door] ? server->daemons[door] : server->daemons[DOOR_TCP];
        int added = MHD_add_connection(daemon, fd, (const struct sockaddr *)at, size) == MHD_YES; /* closes fd if not */
        if (server->accepting) { /* it did not come as far as on_connection */
                server->accepting = NULL;
                free(client);
        }
        api->counters.connections += (unsigned)added;
}

static void on_door(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct door *door = cookie;
        struct server *server = door->server;
        size_t index = (size_t)(door - server->doors);
        (void)loop;
        (void)id;
        (void)events;
        for (int i = 0; i < ACCEPTS_MAX && server->count[index] < limit_of(server, index); i++) {
                struct sockaddr_storage at = { 0 };
                socklen_t size = sizeof(at);
                int fd = accept4(door->fd, (struct sockaddr *)&at, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
                        continue;
                if (fd < 0)
                        break;
                add_connection(server, index, fd, &at, size);
        }
        set_door(server, index);
        server_kick(server);
}

static void on_connection(
        void *cookie, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode what)
{
        struct server *server = cookie;
        struct client *client = *context;
        (void)connection;
        if (what == MHD_CONNECTION_NOTIFY_STARTED) {
                client = server->accepting;
                server->accepting = NULL;
                *context = client;
                client->next = server->clients;
                if (client->next)
                        client->next->previous = client;
                else
                        loop_rearm_timer(server->api->loop, server->tick_id, SECOND);
                server->clients = client;
                server->count[client->local ? DOOR_LOCAL : DOOR_TCP]++;
                return;
        }
        if (!client)
                return;
        *context = NULL;
        if (client->previous)
                client->previous->next = client->next;
        else
                server->clients = client->next;
        if (client->next)
                client->next->previous = client->previous;
        server->count[client->local ? DOOR_LOCAL : DOOR_TCP]--;
        free(client);
        server_kick(server);
}

/* libmicrohttpd misses an end that arrived with the last bytes: it waits for an edge of its own epoll set then. */
static bool is_over(int fd)
{
        char byte;
        return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A client that takes too long over its request (or over nothing) loses the connection; libmicrohttpd's own timeout
 * only knows silence, not one byte a second. */
static void on_tick(struct loop *loop, loop_id id, void *cookie)
{
        struct server *server = cookie;
        int64_t now = loop_now_ns(loop);
        loop_rearm_timer_at(loop, id, server->clients ? now + SECOND : LOOP_NEVER);
        if (!server->clients) /* quiet: what the requests took goes back to the kernel */
                malloc_trim(0);
        for (struct client *client = server->clients; client; client = client->next) {
                if (client->deadline_ns == LOOP_NEVER)
                        continue;
                if (is_over(client->fd)) {
                        shutdown(client->fd, SHUT_RDWR);
                        continue;
                }
                if (now < client->deadline_ns)
                        continue;
                client->deadline_ns = LOOP_NEVER;
                server->api->counters.timeouts++;
                shutdown(client->fd, SHUT_RDWR);
        }
        for (struct client *client = server->clients; client; client = client->next)
                if (client->call)
                        call_tick(client->call, now);
}

static void *on_uri(void *cookie, const char *uri, struct MHD_Connection *connection)
{
        struct server *server = cookie;
        (void)connection;
        return call_new(server->api, uri);
}

static enum MHD_Result on_request(void *cookie, struct MHD_Connection *connection, const char *path, const char *method,
        const char *version, const char *upload, size_t *upload_size, void **context)
{
        struct call *call = *context;
        (void)cookie;
        (void)version;
        if (!call)
                return MHD_NO;
        if (!call->begun) {
                const union MHD_ConnectionInfo *info =
                        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
                call->client = info ? info->socket_context : NULL;
                if (!call->client)
                        return MHD_NO;
                call->client->call = call;
                call_begin(call, connection, path, method);
        }
        return call_step(call, upload, upload_size);
}

static void on_completed(
        void *cookie, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code)
{
        struct server *server = cookie;
        struct call *call = *context;
        (void)connection;
        (void)code;
        *context = NULL;
        if (!call)
                return;
        if (call->client) {
                call->client->call = NULL;
                call->client->deadline_ns = loop_now_ns(server->api->loop) + server->api->config->idle_timeout_ns +
                                            server->api->config->header_timeout_ns;
        }
        call_free(call);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *cookie, const char *format, va_list args)
{
        char text[512];
        (void)cookie;
        vsnprintf(text, sizeof(text), format, args);
        log_debug("http: %.*s", (int)strcspn(text, "\n"), text);
}

static struct MHD_Daemon *start_daemon(struct server *server, bool tls, struct error *err)
{
        const struct api_config *config = server->api->config;
        unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
        struct MHD_OptionItem options[] = {
                { MHD_OPTION_CONNECTION_MEMORY_INCREMENT, MEMORY_INCREMENT, NULL },
                { tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, config->certificate },
                { MHD_OPTION_HTTPS_MEM_KEY, 0, config->key },
                { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
                { MHD_OPTION_END, 0, NULL },
        };
        struct MHD_Daemon *daemon = MHD_start_daemon(flags | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, server,
                MHD_OPTION_EXTERNAL_LOGGER, on_log, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
                MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
                MHD_OPTION_CONNECTION_LIMIT, (unsigned)config->connections + LOCAL_RESERVE,
                MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)config->connections_per_address,
                MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(config->idle_timeout_ns / SECOND),
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)API_POOL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
        if (!daemon)
                return fail_null(err, E_FAILED, "%s",
                        tls ? "the HTTPS server cannot start: are certificate and key PEM, and of each other?"
                            : "the HTTP server cannot start");
        return daemon;
}

/* Tokens must not travel in clear over a network. */
static int check_clear(int fd, struct error *err)
{
        struct sockaddr_storage at = { 0 };
        socklen_t size = sizeof(at);
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        getsockname(fd, (struct sockaddr *)&at, &size);
        memcpy(&v4, &at, sizeof(v4));
        memcpy(&v6, &at, sizeof(v6));
        bool loopback = at.ss_family == AF_INET ? (ntohl(v4.sin_addr.s_addr) >> 24) == 127
                                                : at.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
        return loopback ? 0
                        : fail(err, E_INVALID,
                                  "the API listens beyond this host without TLS: set tls.certificate and tls.key, "
                                  "or listen on 127.0.0.1");
}

static int add_daemon(struct server *server, size_t index, bool tls, struct error *err)
{
        server->daemons[index] = start_daemon(server, tls, err);
        if (!server->daemons[index])
                return -1;
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemons[index], MHD_DAEMON_INFO_EPOLL_FD);
        if (!info)
                return fail(err, E_UNSUPPORTED, "libmicrohttpd was built without epoll");
        return loop_add_fd(server->api->loop, info->epoll_fd, LOOP_READ, LOOP_LEVEL, on_epoll, server,
                &server->epoll_ids[index], err);
}

static int open_door(struct server *server, size_t index, struct error *err)
{
        int fd = service_listener(server->api->service, index);
        server->doors[index] = (struct door){ server, fd, 0, false };
        return fd < 0 ? 0
                      : loop_add_fd(server->api->loop, fd, LOOP_READ, LOOP_LEVEL, on_door, &server->doors[index],
                                &server->doors[index].id, err);
}

struct server *server_new(struct api *api, struct error *err)
{
        struct server *server = calloc(1, sizeof(*server));
        int tcp = service_listener(api->service, DOOR_TCP);
        bool tls = api->config->certificate && api->config->key;
        if (!server)
                return fail_null(err, E_NO_MEMORY, "no memory for the server");
        server->api = api;
        if ((tcp >= 0 && !tls && check_clear(tcp, err) < 0) || add_daemon(server, DOOR_TCP, tls, err) < 0 ||
                (tls && add_daemon(server, DOOR_LOCAL, false, err) < 0) ||
                loop_add_timer_at(api->loop, LOOP_NEVER, 0, on_timer, server, &server->timer_id, err) < 0 ||
                loop_add_timer_at(api->loop, LOOP_NEVER, 0, on_tick, server, &server->tick_id, err) < 0 ||
                open_door(server, DOOR_TCP, err) < 0 || open_door(server, DOOR_LOCAL, err) < 0) {
                server_free(server);
                return NULL;
        }
        return server;
}

void server_drain(struct server *server)
{
        server->drained = true;
        for (size_t i = 0; i < DOORS; i++)
                set_door(server, i);
}

void server_free(struct server *server)
{
        if (!server)
                return;
        struct loop *loop = server->api->loop;
        for (struct client *client = server->clients; client; client = client->next)
                if (client->call)
                        call_abort(client->call, "the API ends");
        for (size_t i = 0; i < DOORS; i++) {
                if (server->epoll_ids[i])
                        loop_remove(loop, server->epoll_ids[i]);
                if (server->doors[i].id)
                        loop_remove(loop, server->doors[i].id);
                if (server->daemons[i])
                        MHD_stop_daemon(server->daemons[i]);
        }
        loop_remove(loop, server->timer_id);
        loop_remove(loop, server->tick_id);
        free(server);
}

size_t server_connections(const struct server *server)
{
        return server->count[DOOR_TCP] + server->count[DOOR_LOCAL];
}
