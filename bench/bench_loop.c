/* Echo and HTTP hello over 64 loopback connections, one request under way on each: a bare epoll loop (the floor, the
 * least code that can do it), our loop, our streams, libevent and libmicrohttpd. Each server is a process of its own;
 * its processor time comes from wait4(2), so a busy machine disturbs the rate but hardly the cost per request. Rounds
 * are interleaved and the best of each contender counts.
 *
 *   bench_loop [REQUESTS [ROUNDS]] */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "loop/stream.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#ifdef HAVE_LIBEVENT
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#endif
#ifdef HAVE_LIBMICROHTTPD
#include <microhttpd.h>
#endif

enum { CONNECTIONS = 64, MESSAGE = 64, BATCH = 256, REQUEST_MAX = 4096 };

static const char request[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";
static const char body[] = "hello, world\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nhello, world\n";

static void die(const char *what)
{
        fprintf(stderr, "bench_loop: %s: %s\n", what, errno_text(errno));
        exit(1);
}

/* The whole requests at the start of the bytes: the least HTTP that keeps connections alive. Returns how many bytes
 * they take. */
static size_t count_requests(const char *bytes, size_t size, int *ret_count)
{
        size_t taken = 0;
        const char *end;
        *ret_count = 0;
        while (size - taken >= 4 && memcmp(bytes + taken, "GET ", 4) == 0 &&
                (end = memmem(bytes + taken, size - taken, "\r\n\r\n", 4))) {
                taken = (size_t)(end + 4 - bytes);
                (*ret_count)++;
        }
        return taken;
}

/* ---- the floor ---- */

struct connection {
        int fd;
        size_t length;
        char bytes[REQUEST_MAX];
};

static bool answer_plainly(struct connection *connection, bool http)
{
        ssize_t got = read(connection->fd, connection->bytes + connection->length, REQUEST_MAX - connection->length);
        if (got <= 0)
                return got < 0 && errno == EAGAIN;
        if (!http)
                return write(connection->fd, connection->bytes, (size_t)got) == got;
        connection->length += (size_t)got;
        int count;
        size_t taken = count_requests(connection->bytes, connection->length, &count);
        connection->length -= taken;
        memmove(connection->bytes, connection->bytes + taken, connection->length);
        for (int i = 0; i < count; i++)
                if (write(connection->fd, answer, sizeof(answer) - 1) != sizeof(answer) - 1)
                        return false;
        return connection->length < REQUEST_MAX;
}

static void serve_bare(int listener, bool http)
{
        int set = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event interest = { .events = EPOLLIN, .data.ptr = NULL };
        epoll_ctl(set, EPOLL_CTL_ADD, listener, &interest);
        for (;;) {
                struct epoll_event ready[BATCH];
                int count = epoll_wait(set, ready, BATCH, -1);
                for (int i = 0; i < count; i++) {
                        struct connection *connection = ready[i].data.ptr;
                        if (!connection) {
                                connection = calloc(1, sizeof(*connection));
                                connection->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                                interest.data.ptr = connection;
                                epoll_ctl(set, EPOLL_CTL_ADD, connection->fd, &interest);
                        } else if (!answer_plainly(connection, http)) {
                                close(connection->fd);
                                free(connection);
                        }
                }
        }
}

/* ---- ours ---- */

static void fd_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)events;
        struct connection *connection = cookie;
        if (!answer_plainly(connection, false)) {
                loop_remove(loop, id);
                close(connection->fd);
                free(connection);
        }
}

static void fd_ready_http(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)events;
        struct connection *connection = cookie;
        if (!answer_plainly(connection, true)) {
                loop_remove(loop, id);
                close(connection->fd);
                free(connection);
        }
}

static void accept_fd(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)id, (void)events;
        const int *listener = cookie;
        struct connection *connection = calloc(1, sizeof(*connection));
        connection->fd = accept4(listener[0], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        loop_add_fd(loop, connection->fd, LOOP_READ, LOOP_LEVEL, listener[1] ? fd_ready_http : fd_ready, connection,
                NULL, NULL);
}

static void echo_read(struct stream *stream, struct buf *input, void *cookie)
{
        (void)cookie;
        stream_write(stream, input->data, input->len, NULL);
        buf_clear(input);
}

static void http_read(struct stream *stream, struct buf *input, void *cookie)
{
        (void)cookie;
        int count;
        buf_consume(input, count_requests(input->data, input->len, &count));
        while (count-- > 0)
                stream_write(stream, answer, sizeof(answer) - 1, NULL);
}

static void accept_stream(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)id, (void)events;
        static const struct stream_callbacks echo = { .on_read = echo_read };
        static const struct stream_callbacks http = { .on_read = http_read };
        const int *listener = cookie;
        int fd = accept4(listener[0], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct stream_options options = { .callbacks = listener[1] ? &http : &echo, .idle_ns = MINUTE };
        if (!stream_new(loop, fd, &options, NULL))
                close(fd);
}

static void serve_loop(int listener, bool http, loop_fd_fn *accept_one)
{
        int cookie[2] = { listener, http };
        struct loop *loop = loop_new(NULL, NULL);
        loop_add_fd(loop, listener, LOOP_READ, LOOP_LEVEL, accept_one, cookie, NULL, NULL);
        loop_run(loop, NULL);
}

static void serve_our_fds(int listener, bool http)
{
        serve_loop(listener, http, accept_fd);
}

static void serve_our_streams(int listener, bool http)
{
        serve_loop(listener, http, accept_stream);
}

/* ---- peers ---- */

#ifdef HAVE_LIBEVENT
static void bufferevent_read_cb(struct bufferevent *event, void *cookie)
{
        (void)cookie;
        bufferevent_write_buffer(event, bufferevent_get_input(event));
}

static void bufferevent_end_cb(struct bufferevent *event, short what, void *cookie)
{
        (void)what, (void)cookie;
        bufferevent_free(event);
}

static void bufferevent_accept_cb(
        struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int size, void *cookie)
{
        (void)peer, (void)size, (void)cookie;
        struct bufferevent *event =
                bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
        static const struct timeval idle = { .tv_sec = 60 };
        bufferevent_setcb(event, bufferevent_read_cb, NULL, bufferevent_end_cb, NULL);
        bufferevent_set_timeouts(event, &idle, NULL);
        bufferevent_enable(event, EV_READ | EV_WRITE);
}

static void evhttp_hello(struct evhttp_request *incoming, void *cookie)
{
        (void)cookie;
        evhttp_add_header(evhttp_request_get_output_headers(incoming), "Content-Type", "text/plain");
        evbuffer_add(evhttp_request_get_output_buffer(incoming), body, sizeof(body) - 1);
        evhttp_send_reply(incoming, 200, "OK", NULL);
}

static void serve_libevent(int listener, bool http)
{
        struct event_base *base = event_base_new();
        if (http) {
                struct evhttp *server = evhttp_new(base);
                evhttp_set_gencb(server, evhttp_hello, NULL);
                evhttp_accept_socket(server, listener);
        } else {
                evconnlistener_new(base, bufferevent_accept_cb, NULL, LEV_OPT_CLOSE_ON_FREE, 0, listener);
        }
        event_base_dispatch(base);
}
#endif

#ifdef HAVE_LIBMICROHTTPD
static enum MHD_Result mhd_hello(void *cookie, struct MHD_Connection *connection, const char *url, const char *method,
        const char *version, const char *upload, size_t *upload_size, void **state)
{
        (void)url, (void)method, (void)version, (void)upload, (void)upload_size;
        static int seen;
        if (!*state) { /* the first call of a request only announces it */
                *state = &seen;
                return MHD_YES;
        }
        return MHD_queue_response(connection, MHD_HTTP_OK, cookie);
}

static void serve_libmicrohttpd(int listener, bool http)
{
        (void)http;
        struct MHD_Response *response =
                MHD_create_response_from_buffer(sizeof(body) - 1, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
        MHD_add_response_header(response, "Content-Type", "text/plain");
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO, 0, NULL, NULL, mhd_hello, response,
                MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, 1000u, MHD_OPTION_CONNECTION_TIMEOUT,
                60u, MHD_OPTION_END);
        for (;;)
                pause();
}
#endif

/* ---- the client ---- */

static int connect_client(const struct sockaddr_in *address)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int one = 1;
        if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
                die("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        return fd;
}

/* One request on a fresh connection: how long this server's answers are (each has its own headers). */
static size_t measure_answer(const struct sockaddr_in *address, const char *message, size_t size, bool http)
{
        if (!http)
                return size;
        cleanup(fd_close) int fd = connect_client(address);
        if (write(fd, message, size) != (ssize_t)size)
                die("write");
        char bytes[REQUEST_MAX];
        size_t length = 0;
        const char *end = NULL;
        while (!end || length < (size_t)(end - bytes) + 4 + sizeof(body) - 1) {
                ssize_t got = read(fd, bytes + length, sizeof(bytes) - length);
                if (got <= 0)
                        die("no answer");
                length += (size_t)got;
                end = memmem(bytes, length, "\r\n\r\n", 4);
        }
        if (memcmp(end + 4, body, sizeof(body) - 1) != 0)
                die("another answer than hello");
        return length;
}

static int64_t run_client(const struct sockaddr_in *address, bool http, int requests)
{
        char message[MESSAGE];
        memset(message, 'm', sizeof(message));
        const char *bytes = http ? request : message;
        size_t size = http ? sizeof(request) - 1 : sizeof(message);
        size_t answer_size = measure_answer(address, bytes, size, http);

        int set = epoll_create1(EPOLL_CLOEXEC);
        int fds[CONNECTIONS];
        size_t got_of[CONNECTIONS] = { 0 };
        int sent = 0, answered = 0;
        for (int i = 0; i < CONNECTIONS; i++) {
                fds[i] = connect_client(address);
                struct epoll_event interest = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
                epoll_ctl(set, EPOLL_CTL_ADD, fds[i], &interest);
        }
        int64_t start_ns = time_monotonic_ns();
        for (int i = 0; i < CONNECTIONS; i++, sent++)
                if (write(fds[i], bytes, size) != (ssize_t)size)
                        die("write");
        while (answered < requests) {
                struct epoll_event ready[BATCH];
                int count = epoll_wait(set, ready, BATCH, 10000);
                if (count <= 0)
                        die("no answer within ten seconds");
                for (int i = 0; i < count; i++) {
                        uint32_t at = ready[i].data.u32;
                        char room[REQUEST_MAX];
                        ssize_t got = read(fds[at], room, sizeof(room));
                        if (got <= 0)
                                die("read");
                        got_of[at] += (size_t)got;
                        if (got_of[at] < answer_size)
                                continue;
                        got_of[at] = 0;
                        answered++;
                        if (sent < requests) {
                                sent++;
                                if (write(fds[at], bytes, size) != (ssize_t)size)
                                        die("write");
                        }
                }
        }
        int64_t elapsed_ns = time_monotonic_ns() - start_ns;
        for (int i = 0; i < CONNECTIONS; i++)
                close(fds[i]);
        close(set);
        return elapsed_ns;
}

/* ---- contenders ---- */

struct contender {
        const char *name;
        bool http;
        void (*serve)(int listener, bool http);
        double best_rate;
        double best_cpu_us;
};

static struct contender contenders[] = {
        { "bare epoll", false, serve_bare },
        { "tarsier loop", false, serve_our_fds },
        { "tarsier stream", false, serve_our_streams },
#ifdef HAVE_LIBEVENT
        { "libevent bufferevent", false, serve_libevent },
#endif
        { "bare epoll", true, serve_bare },
        { "tarsier loop", true, serve_our_fds },
        { "tarsier stream", true, serve_our_streams },
#ifdef HAVE_LIBEVENT
        { "libevent evhttp", true, serve_libevent },
#endif
#ifdef HAVE_LIBMICROHTTPD
        { "libmicrohttpd", true, serve_libmicrohttpd },
#endif
};

enum { CONTENDERS = sizeof(contenders) / sizeof(contenders[0]) };

static int open_listener(struct sockaddr_in *ret_address)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t size = sizeof(*ret_address);
        *ret_address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        if (fd < 0 || bind(fd, (struct sockaddr *)ret_address, size) < 0 || listen(fd, CONNECTIONS * 2) < 0)
                die("listen");
        getsockname(fd, (struct sockaddr *)ret_address, &size);
        return fd;
}

static void run_round(struct contender *contender, int requests)
{
        struct sockaddr_in address;
        cleanup(fd_close) int listener = open_listener(&address);
        fflush(stdout);
        pid_t pid = fork();
        if (pid < 0)
                die("fork");
        if (pid == 0) {
                contender->serve(listener, contender->http);
                _exit(1);
        }
        int64_t elapsed_ns = run_client(&address, contender->http, requests);
        kill(pid, SIGKILL);
        struct rusage usage;
        wait4(pid, NULL, 0, &usage);
        double cpu_us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                        (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
        double rate = (double)requests / ((double)elapsed_ns / 1e9);
        cpu_us /= requests;
        if (rate > contender->best_rate)
                contender->best_rate = rate;
        if (contender->best_cpu_us == 0 || cpu_us < contender->best_cpu_us)
                contender->best_cpu_us = cpu_us;
}

static void print_table(bool http)
{
        double floor_us = 0, floor_rate = 0;
        printf("%-22s %14s %14s %12s %12s\n", http ? "HTTP hello" : "echo, 64 bytes", "requests/s", "CPU us/request",
                "CPU x floor", "rate x floor");
        for (size_t i = 0; i < CONTENDERS; i++) {
                const struct contender *contender = &contenders[i];
                if (contender->http != http)
                        continue;
                if (floor_us == 0) {
                        floor_us = contender->best_cpu_us;
                        floor_rate = contender->best_rate;
                }
                printf("%-22s %14.0f %14.2f %12.2f %12.2f\n", contender->name, contender->best_rate,
                        contender->best_cpu_us, contender->best_cpu_us / floor_us, contender->best_rate / floor_rate);
        }
        printf("\n");
}

int main(int argc, char **argv)
{
        long requests = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
        long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 5;
        if (requests < CONNECTIONS || requests > 100000000 || rounds < 1 || rounds > 1000) {
                fprintf(stderr, "usage: bench_loop [REQUESTS [ROUNDS]]\n");
                return 2;
        }
        for (long round = 0; round < rounds; round++)
                for (size_t i = 0; i < CONTENDERS; i++)
                        run_round(&contenders[i], (int)requests);
        printf("%d connections, %ld requests a round, best of %ld rounds; CPU is the server's\n\n", CONNECTIONS,
                requests, rounds);
        print_table(false);
        print_table(true);
#ifndef HAVE_LIBEVENT
        printf("skipped: libevent needs libevent-dev\n");
#endif
#ifndef HAVE_LIBMICROHTTPD
        printf("skipped: libmicrohttpd needs libmicrohttpd-dev\n");
#endif
        return 0;
}
