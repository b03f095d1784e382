/* HTTP/1 as others may send it: parsers on texts, and the server over real sockets on a loop. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "lib/http/http_server.h"
#include "loop/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/resource.h>
#include <sys/socket.h>

static int parse(const char *text, struct arena *arena, struct http_request *ret, int *ret_status, struct error *err)
{
        assert_int_equal(http_head_length(sv_of(text)), (ssize_t)strlen(text));
        return http_request_parse(sv_of(text), arena, ret, ret_status, err);
}

static void test_request(void **state)
{
        cleanup(arena_done) struct arena arena;
        struct http_request request;
        struct error err;
        int status;
        (void)state;
        arena_init(&arena, 1 << 20);
        assert_int_equal(
                parse("\r\nPOST /a%20b/%3Fc?x=1&y=a+b%26 HTTP/1.1\r\nhOst: h\r\nContent-Length: 3\r\nX-Empty:\r\n"
                      "Connection: foo , close\r\n\r\n",
                        &arena, &request, &status, &err),
                0);
        assert_string_equal(request.method, "POST");
        assert_string_equal(request.path, "/a b/?c");
        assert_string_equal(request.query, "x=1&y=a+b%26");
        assert_string_equal(http_query(request.query, "y", 0, &arena), "a b&");
        assert_null(http_query(request.query, "z", 0, &arena));
        assert_string_equal(http_query("c[]=1&c%5B%5D=2", "c[]", 1, &arena), "2");
        assert_null(http_query("c[]=1", "c[]", 1, &arena));
        assert_null(http_query("a=%zz", "a", 0, &arena));
        assert_string_equal(http_request_header(&request, "HOST"), "h");
        assert_string_equal(http_request_header(&request, "x-empty"), "");
        assert_null(http_request_header(&request, "absent"));
        assert_int_equal(request.length, 3);
        assert_false(request.keep_alive);
        assert_int_equal(
                parse("GET http://h:80/x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &arena, &request, &status, &err),
                0);
        assert_string_equal(request.path, "/x");
        assert_true(request.keep_alive);
        assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", &arena, &request, &status, &err), 0);
        assert_string_equal(request.path, "*");
}

static void test_refused(void **state)
{
        static const struct {
                const char *text;
                int status;
                const char *says;
        } cases[] = {
                { "\r\n\r\n", 400, "no request line" },
                { "GET /\r\n\r\n", 400, "three words" },
                { "GET  HTTP/1.1\r\nHost: h\r\n\r\n", 400, "empty" },
                { "G{T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "method" },
                { "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, "HTTP/1" },
                { "GET / http/1.1\r\nHost: h\r\n\r\n", 400, "version" },
                { "GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "no path" },
                { "GET /%0 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "escape" },
                { "GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "escape" },
                { "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "space" },
                { "GET / HTTP/1.1\r\n\r\n", 400, "Host" },
                { "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "two Host" },
                { "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "proper name" },
                { "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400, "proper name" },
                { "GET / HTTP/1.1\r\nHost: a\r\nX: a\001b\r\n\r\n", 400, "control" },
                { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400, "Content-Length" },
                { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400,
                        "Content-Length" },
                { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
                        "two ways" },
                { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "two ways" },
                { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, "not chunked" },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                cleanup(arena_done) struct arena arena;
                struct http_request request;
                struct error err;
                int status = 0;
                arena_init(&arena, 1 << 20);
                if (i == 0) {
                        assert_int_equal(http_head_length(sv_of(cases[i].text)), 0); /* only empty lines so far */
                        continue;
                }
                assert_int_equal(parse(cases[i].text, &arena, &request, &status, &err), -1);
                assert_int_equal(status, cases[i].status);
                if (!strstr(err.message, cases[i].says))
                        fail_msg("%s: %s", cases[i].text, err.message);
        }
        char *large = calloc(1, HTTP_HEAD_MAX + 1);
        memset(large, 'a', HTTP_HEAD_MAX);
        assert_int_equal(http_head_length(sv_n(large, HTTP_HEAD_MAX - 1)), 0);
        assert_int_equal(http_head_length(sv_n(large, HTTP_HEAD_MAX)), -1);
        free(large);
}

/* The same body however it is cut. */
static void test_chunks(void **state)
{
        static const char whole[] = "5;x=y\r\nhello\r\n1 \r\n \r\n6\r\nworld!\r\n0\r\nTrailer: x\r\n\r\nGET";
        (void)state;
        for (size_t step = 1; step < sizeof(whole); step++) {
                struct http_chunks chunks = { 0 };
                cleanup(buf_done) struct buf body;
                struct error err;
                bool done = false;
                size_t at = 0, given = 0;
                buf_init(&body, 100);
                while (!done) {
                        given = given + step < sizeof(whole) - 1 ? given + step : sizeof(whole) - 1;
                        ssize_t taken = http_chunks_feed(&chunks, sv_n(whole + at, given - at), &body, &done, &err);
                        assert_true(taken >= 0);
                        at += (size_t)taken;
                }
                assert_string_equal(buf_text(&body), "hello world!");
                assert_string_equal(whole + at, "GET");
        }
        static const char *const wrong[] = { "x\r\n", "\r\n", "5 5\r\nhello\r\n", "-1\r\n", "ffffffffffffffff\r\n",
                "1\r\nab\r\n", "65\r\n" };
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct http_chunks chunks = { 0 };
                cleanup(buf_done) struct buf body;
                struct error err;
                bool done = false;
                char text[256];
                snprintf(text, sizeof(text), "%s%0120d", wrong[i], 0);
                buf_init(&body, 100);
                if (http_chunks_feed(&chunks, sv_of(text), &body, &done, &err) >= 0)
                        fail_msg("taken: %s", wrong[i]);
        }
}

/* ---- the server ---- */

struct world {
        struct loop_fake_clock clock; /* where a test owns the time */
        struct loop *loop;
        struct http_server *server;
        int port, door;
        struct http_exchange *held;
        bool gone;
        size_t pieces, pulled; /* to come; told the end of */
};

static void gone(void *cookie)
{
        ((struct world *)cookie)->gone = true;
}

static bool more(struct buf *out, void *cookie)
{
        struct world *world = cookie;
        memset(buf_reserve(out, 64 << 10), 'p', 64 << 10);
        out->len += 64 << 10;
        return --world->pieces > 0;
}

static void all_pulled(void *cookie)
{
        ((struct world *)cookie)->pulled++;
}

static void handle(struct http_exchange *exchange, const struct http_request *request, void *cookie)
{
        struct world *world = cookie;
        if (strcmp(request->path, "/hold") == 0) {
                world->held = exchange;
                http_begin(exchange, 200, "text/plain", NULL);
                http_on_close(exchange, gone, world);
                http_write(exchange, SV("first"));
                return;
        }
        if (strcmp(request->path, "/large") == 0) {
                char *bytes = calloc(1, 5 << 20);
                memset(bytes, 'x', 5 << 20);
                http_reply(exchange, 200, "text/plain", NULL, sv_n(bytes, 5 << 20));
                free(bytes);
                return;
        }
        if (strncmp(request->path, "/pull", 5) == 0) {
                http_pull(exchange, 200, "text/plain", NULL, more, all_pulled, world);
                return;
        }
        if (strcmp(request->path, "/later") == 0) {
                world->held = exchange;
                return;
        }
        if (strcmp(request->path, "/abort") == 0) {
                http_abort(exchange);
                return;
        }
        struct buf answer;
        buf_init(&answer, 1 << 20);
        buf_printf(&answer, "%s %s %.*s", request->method, request->path, SV_ARG(request->body));
        static const char *const headers[] = { "X-One", "1", NULL };
        http_reply(exchange, 200, "text/plain", headers, sv_n(answer.data, answer.len));
        buf_done(&answer);
}

static void open_world_at(struct world *world, const struct loop_options *loop)
{
        struct error err;
        static const char *const always[] = { "X-Always", "yes", NULL };
        struct http_server_options options = {
                .handle = handle, .cookie = world, .body_max = 1000, .connections_max = 2, .header = always
        };
        world->held = NULL;
        world->gone = false;
        world->pulled = 0;
        world->loop = loop_new(loop, &err);
        world->server = http_server_new(world->loop, &options, &err);
        world->door = http_bind("127.0.0.1:0", &err);
        assert_true(world->door >= 0);
        struct sockaddr_in at;
        socklen_t size = sizeof(at);
        getsockname(world->door, (struct sockaddr *)&at, &size);
        world->port = ntohs(at.sin_port);
        assert_int_equal(http_server_listen(world->server, world->door, &err), 0);
}

static void open_world(struct world *world)
{
        open_world_at(world, NULL);
}

static void close_world(struct world *world)
{
        http_server_free(world->server);
        loop_free(world->loop);
        close(world->door);
}

static int dial(struct world *world)
{
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)world->port) };
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        return fd;
}

/* Runs the loop until the text came, or the end of the connection (until NULL). */
static void expect(struct world *world, int fd, const char *until, struct buf *ret)
{
        for (int i = 0; i < 100000; i++) {
                char bytes[65536];
                loop_run_once(world->loop, 10 * MILLISECOND, NULL);
                ssize_t n;
                while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
                        buf_append(ret, bytes, (size_t)n);
                if (until ? strstr(buf_text(ret), until) != NULL : n == 0)
                        return;
                if (n == 0)
                        fail_msg("the connection ended: %s", buf_text(ret));
        }
        fail_msg("waited for %s, got %.300s", until, buf_text(ret));
}

static void send_text(int fd, const char *text)
{
        assert_int_equal(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void test_keep_alive_and_pipelining(void **state)
{
        struct world world;
        cleanup(buf_done) struct buf got;
        (void)state;
        open_world(&world);
        buf_init(&got, 16 << 20);
        int fd = dial(&world);
        send_text(fd,
                "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n0\r\n\r\nHEAD /c HTTP/1.1\r\nHost: x\r\n\r\nGET /d HTTP/1.1\r\nHost: x\r\nConnection: "
                "close\r\n\r\n");
        expect(&world, fd, NULL, &got);
        assert_non_null(strstr(buf_text(&got), "\r\n\r\nGET /a "));
        assert_non_null(strstr(buf_text(&got), "\r\n\r\nPOST /b abc"));
        assert_null(strstr(buf_text(&got), "HEAD /c"));
        assert_non_null(strstr(buf_text(&got), "\r\n\r\nGET /d "));
        assert_non_null(strstr(buf_text(&got), "X-One: 1\r\nX-Always: yes\r\nDate: "));
        close(fd);
        struct http_server_counters counters;
        http_server_count(world.server, &counters);
        assert_int_equal(counters.requests, 4);
        close_world(&world);
}

static void test_bad_requests_are_answered(void **state)
{
        static const struct {
                const char *text, *says;
        } cases[] = {
                { "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request" },
                { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", "HTTP/1.1 413 " },
                { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n0000000000",
                        "HTTP/1.1 413 " },
                { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "HTTP/1.1 400 " },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct world world;
                cleanup(buf_done) struct buf got;
                open_world(&world);
                buf_init(&got, 1 << 20);
                int fd = dial(&world);
                send_text(fd, cases[i].text);
                expect(&world, fd, NULL, &got);
                if (!strstr(buf_text(&got), cases[i].says))
                        fail_msg("%s: %s", cases[i].text, buf_text(&got));
                close(fd);
                close_world(&world);
        }
}

static void test_streamed_answer_and_a_client_that_leaves(void **state)
{
        struct world world;
        cleanup(buf_done) struct buf got;
        (void)state;
        open_world(&world);
        buf_init(&got, 1 << 20);
        int fd = dial(&world);
        send_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        expect(&world, fd, "5\r\nfirst\r\n", &got);
        assert_true(http_write(world.held, SV("second")));
        expect(&world, fd, "6\r\nsecond\r\n", &got);
        http_end(world.held);
        expect(&world, fd, "0\r\n\r\n", &got);
        assert_false(world.gone);
        send_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"); /* the connection goes on */
        expect(&world, fd, "0\r\n\r\nHTTP/1.1 200", &got);
        close(fd);
        for (int i = 0; i < 1000 && !world.gone; i++)
                loop_run_once(world.loop, 10 * MILLISECOND, NULL);
        assert_true(world.gone);
        close_world(&world);
}

/* Nothing happens for an hour, and the client still learns of what comes then; one that asks nothing is let go. */
static void test_a_quiet_stream_stays(void **state)
{
        struct world world;
        cleanup(buf_done) struct buf got;
        (void)state;
        fake_clock_init(&world.clock, 0);
        world.clock.manual = true;
        open_world_at(&world, &(struct loop_options){ .clock = &world.clock.clock });
        buf_init(&got, 1 << 20);
        int fd = dial(&world), idle = dial(&world);
        send_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        expect(&world, fd, "5\r\nfirst\r\n", &got);
        send_text(idle, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        expect(&world, idle, "GET /a", &got);
        for (int second = 0; second < 3600; second++) {
                fake_clock_advance(&world.clock, SECOND);
                loop_run_once(world.loop, 0, NULL);
        }
        assert_false(world.gone);
        assert_true(http_write(world.held, SV("late")));
        expect(&world, fd, "4\r\nlate\r\n", &got);
        expect(&world, idle, NULL, &got);
        close(fd);
        close(idle);
        close_world(&world);
}

/* Clients that keep their connections and ask nothing do not keep others out. */
static void test_idle_ones_make_room(void **state)
{
        struct world world;
        cleanup(buf_done) struct buf got;
        (void)state;
        open_world(&world); /* with room for two */
        buf_init(&got, 1 << 20);
        int clients[5];
        for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
                clients[i] = dial(&world);
                buf_clear(&got);
                send_text(clients[i], "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
                expect(&world, clients[i], "GET /a", &got);
        }
        expect(&world, clients[0], NULL, &got); /* the first was closed */
        for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
                close(clients[i]);
        close_world(&world);
}

/* No descriptor is free: the loop does not spin on the client that waits, and serves it when there is one again. */
static void test_without_descriptors(void **state)
{
        struct world world;
        cleanup(buf_done) struct buf got;
        struct rlimit before, none;
        (void)state;
        open_world(&world);
        buf_init(&got, 1 << 20);
        int client = dial(&world);
        send_text(client, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        int next = dup(client);
        close(next);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = (struct rlimit){ (rlim_t)next, before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        int turns = 0;
        for (int64_t until_ns = time_monotonic_ns() + 500 * MILLISECOND; time_monotonic_ns() < until_ns; turns++)
                assert_true(loop_run_once(world.loop, 50 * MILLISECOND, NULL) >= 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_true(turns < 100);
        expect(&world, client, "GET /a", &got);
        close(client);
        close_world(&world);
}

/* An answer that is given later lets the request behind it begin, which may end the connection there and then. */
static void test_a_late_answer_before_the_end(void **state)
{
        struct world world;
        cleanup(buf_done) struct buf got;
        (void)state;
        open_world(&world);
        buf_init(&got, 1 << 20);
        int client = dial(&world);
        send_text(client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /abort HTTP/1.1\r\nHost: x\r\n\r\n");
        while (!world.held)
                assert_true(loop_run_once(world.loop, 10 * SECOND, NULL) >= 0);
        http_reply(world.held, 200, "text/plain", NULL, SV("late"));
        expect(&world, client, NULL, &got);
        assert_non_null(strstr(buf_text(&got), "late"));
        close(client);
        close_world(&world);
}

/* Forty answers of 5 MiB to one who reads nothing are not made before he reads; then he has them all. */
static void test_a_row_of_requests_waits_for_its_reader(void **state)
{
        enum { REQUESTS = 40 };
        struct world world;
        cleanup(buf_done) struct buf got;
        struct http_server_counters counters;
        (void)state;
        open_world(&world);
        buf_init(&got, 256 << 20);
        int fd = dial(&world);
        for (int i = 0; i < REQUESTS; i++)
                send_text(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < 100; i++)
                loop_run_once(world.loop, 0, NULL);
        http_server_count(world.server, &counters);
        assert_in_range(counters.requests, 1, 4);
        send_text(fd, "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        expect(&world, fd, NULL, &got);
        http_server_count(world.server, &counters);
        assert_int_equal(counters.requests, REQUESTS + 1);
        assert_non_null(strstr(buf_text(&got) + got.len - 20, "GET /last"));
        close(fd);
        close_world(&world);
}

/* What is wrong is said in full, though the request before wanted a head only. */
static void test_a_bad_request_behind_a_head(void **state)
{
        struct world world;
        cleanup(buf_done) struct buf got;
        (void)state;
        open_world(&world);
        buf_init(&got, 1 << 20);
        int fd = dial(&world);
        send_text(fd, "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
        expect(&world, fd, NULL, &got);
        assert_non_null(strstr(buf_text(&got), "missing required Host header"));
        close(fd);
        close_world(&world);
}

/* The answer is larger than every socket buffer, the client half-closed, and a third client waits for a place. */
static void test_large_answer_and_a_full_house(void **state)
{
        struct world world;
        cleanup(buf_done) struct buf got;
        (void)state;
        open_world(&world);
        buf_init(&got, 16 << 20);
        int first = dial(&world), second = dial(&world), third = dial(&world);
        send_text(first, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        shutdown(first, SHUT_WR);
        send_text(third, "GET /third HTTP/1.1\r\nHost: x\r\n\r\n");
        expect(&world, first, NULL, &got);
        assert_true(got.len > 5 << 20);
        close(first);
        buf_clear(&got);
        expect(&world, third, "GET /third", &got);
        struct http_server_counters counters;
        http_server_count(world.server, &counters);
        assert_true(counters.waited >= 1);
        assert_int_equal(counters.open, 2);
        close(second);
        close(third);
        close_world(&world);
}

/* An answer of 16 MB, of which the client's slowness and not the server's memory decides how much is made; a client
 * that leaves in the middle; a small answer, which is whole; and the next request behind each. */
static void test_pulled_answer(void **state)
{
        enum { PIECES = 256 };
        struct world world;
        cleanup(buf_done) struct buf got;
        (void)state;
        open_world(&world);
        buf_init(&got, 64 << 20);
        int fd = dial(&world);
        world.pieces = PIECES;
        send_text(fd, "GET /pull HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < 50; i++)
                loop_run_once(world.loop, 0, NULL);
        assert_true(world.pieces > PIECES / 4); /* nobody reads: the kernel's buffers are full */
        assert_int_equal(world.pulled, 0);
        expect(&world, fd, "GET /next", &got);
        assert_int_equal(world.pulled, 1);
        assert_int_equal(world.pieces, 0);
        assert_true(got.len > (size_t)PIECES << 16);
        assert_non_null(strstr(buf_text(&got), "Transfer-Encoding: chunked"));
        assert_non_null(strstr(buf_text(&got), "\r\n0\r\n\r\nHTTP/1.1 200 OK"));
        buf_clear(&got);
        world.pieces = 1;
        send_text(fd, "GET /pull HTTP/1.1\r\nHost: x\r\n\r\n");
        expect(&world, fd, "pppp", &got);
        assert_non_null(strstr(buf_text(&got), "Content-Length: 65536\r\n"));
        assert_int_equal(world.pulled, 2);
        close(fd);
        fd = dial(&world); /* who has sent all that it wants to */
        world.pieces = PIECES;
        send_text(fd, "GET /pull HTTP/1.0\r\n\r\n");
        shutdown(fd, SHUT_WR);
        buf_clear(&got);
        expect(&world, fd, NULL, &got);
        assert_true(got.len > (size_t)PIECES << 16);
        assert_int_equal(world.pulled, 3);
        close(fd);
        fd = dial(&world);
        world.pieces = PIECES;
        send_text(fd, "HEAD /pull HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
        buf_clear(&got);
        expect(&world, fd, "GET /next", &got);
        assert_true(got.len < 2000);
        assert_int_equal(world.pulled, 4);
        world.pieces = PIECES;
        send_text(fd, "GET /pull HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < 50; i++)
                loop_run_once(world.loop, 0, NULL);
        close(fd);
        for (int i = 0; i < 1000 && world.pulled < 5; i++)
                loop_run_once(world.loop, 10 * MILLISECOND, NULL);
        assert_int_equal(world.pulled, 5);
        assert_true(world.pieces > 0);
        world.pieces = PIECES; /* and a server that ends */
        fd = dial(&world);
        send_text(fd, "GET /pull HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < 50; i++)
                loop_run_once(world.loop, 0, NULL);
        close_world(&world);
        assert_int_equal(world.pulled, 6);
        close(fd);
}

static void test_addresses(void **state)
{
        static const char *const wrong[] = { "", "x", "1:2:3", "::1:80", "[::1]", "127.0.0.1:70000", "host.invalid:80",
                "127.0.0.1:", "127.0.0.1:-1" };
        struct error err;
        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                if (http_bind(wrong[i], &err) >= 0)
                        fail_msg("bound: %s", wrong[i]);
                assert_non_null(strstr(err.message, "address"));
        }
        static const char *const right[] = { "0", ":0", "localhost:0", "[::1]:0", "127.0.0.1:0" };
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
                int fd = http_bind(right[i], &err);
                if (fd < 0 && strcmp(right[i], "[::1]:0") != 0) /* a host may have no IPv6 */
                        fail_msg("%s: %s", right[i], err.message);
                if (fd >= 0)
                        close(fd);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_chunks),
                cmocka_unit_test(test_keep_alive_and_pipelining),
                cmocka_unit_test(test_bad_requests_are_answered),
                cmocka_unit_test(test_streamed_answer_and_a_client_that_leaves),
                cmocka_unit_test(test_a_quiet_stream_stays),
                cmocka_unit_test(test_a_bad_request_behind_a_head),
                cmocka_unit_test(test_idle_ones_make_room),
                cmocka_unit_test(test_without_descriptors),
                cmocka_unit_test(test_a_late_answer_before_the_end),
                cmocka_unit_test(test_a_row_of_requests_waits_for_its_reader),
                cmocka_unit_test(test_large_answer_and_a_full_house),
                cmocka_unit_test(test_pulled_answer),
                cmocka_unit_test(test_addresses),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
