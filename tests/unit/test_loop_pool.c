/* A pool of loops: three modes, three families, many clients, draining, and nothing left behind. */
#include "loop_fixture.h"

#include "loop/pool.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/un.h>

enum { CLIENTS = 200, ROUNDS = 5, THREADS = 3 };

static void echo(struct stream *stream, struct buf *input, void *cookie)
{
        (void)cookie;
        if (stream_write(stream, input->data, input->len, NULL) < 0)
                stream_close(stream);
        buf_clear(input);
}

static const struct stream_callbacks echo_callbacks = { .on_read = echo };

static int accept_echo(struct loop *loop, const struct sockaddr_storage *peer, struct stream_options *ret, void *cookie)
{
        (void)loop, (void)peer, (void)cookie;
        ret->callbacks = &echo_callbacks;
        return 0;
}

/* ---- clients: streams on the test's own loop ---- */

struct client {
        struct fixture *fixture;
        struct stream *stream;
        int number;
        int round;
};

static void client_say(struct client *client)
{
        char text[64];
        snprintf(text, sizeof(text), "client %d round %d\n", client->number, client->round);
        assert_ok(client->fixture, stream_write(client->stream, text, strlen(text), &client->fixture->err));
}

static void client_read(struct stream *stream, struct buf *input, void *cookie)
{
        struct client *client = cookie;
        if (!memchr(input->data, '\n', input->len))
                return;
        char expected[64];
        snprintf(expected, sizeof(expected), "client %d round %d\n", client->number, client->round);
        assert_string_equal(input->data, expected);
        buf_clear(input);
        if (++client->round < ROUNDS) {
                client_say(client);
                return;
        }
        client->fixture->count++;
        stream_close(stream);
}

static void client_error(struct stream *stream, const struct error *error, void *cookie)
{
        (void)stream, (void)cookie;
        refute("a client's connection broke: %s", error->message);
}

static const struct stream_callbacks client_callbacks = { .on_read = client_read, .on_error = client_error };

static int connect_to(const struct sockaddr_storage *address)
{
        socklen_t size = address->ss_family == AF_UNIX   ? sizeof(struct sockaddr_un)
                         : address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                                         : sizeof(struct sockaddr_in6);
        int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        if (connect(fd, (const struct sockaddr *)address, size) < 0)
                refute("connect: %s", strerrordesc_np(errno));
        /* The port is free again at once: the tests make thousands of connections. */
        struct linger reset = { .l_onoff = 1 };
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        return fd;
}

static void run_clients(struct fixture *f, const struct sockaddr_storage *address)
{
        struct client *clients = calloc(CLIENTS, sizeof(*clients));
        for (int i = 0; i < CLIENTS; i++) {
                clients[i] = (struct client){ .fixture = f, .number = i };
                clients[i].stream = stream_new(f->loop, connect_to(address),
                        &(struct stream_options){ .callbacks = &client_callbacks, .cookie = &clients[i] }, &f->err);
                assert_non_null(clients[i].stream);
        }
        for (int i = 0; i < CLIENTS; i++)
                client_say(&clients[i]);
        while (f->count < CLIENTS)
                assert_true(loop_run_once(f->loop, LOOP_NEVER, &f->err) >= 0);
        free(clients);
}

/* ---- addresses ---- */

static struct sockaddr_storage address_of(int family, socklen_t *ret_size)
{
        struct sockaddr_storage address = { .ss_family = (sa_family_t)family };
        if (family == AF_INET) {
                ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                *ret_size = sizeof(struct sockaddr_in);
        } else if (family == AF_INET6) {
                ((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
                *ret_size = sizeof(struct sockaddr_in6);
        } else {
                struct sockaddr_un *local = (struct sockaddr_un *)&address;
                snprintf(local->sun_path, sizeof(local->sun_path), "/tmp/tarsier-pool-%d.sock", (int)getpid());
                unlink(local->sun_path);
                *ret_size = sizeof(*local);
        }
        return address;
}

static struct pool *start_pool(
        struct fixture *f, struct pool_options options, int family, struct sockaddr_storage *bound)
{
        if (!options.threads)
                options.threads = THREADS;
        if (!options.on_accept)
                options.on_accept = accept_echo;
        struct pool *pool = pool_new(&options, &f->err);
        assert_non_null(pool);
        socklen_t size;
        struct sockaddr_storage address = address_of(family, &size);
        if (pool_listen(pool, (struct sockaddr *)&address, size, bound, &f->err) < 0) {
                if (family == AF_INET6 && (f->err.errnum == EADDRNOTAVAIL || f->err.errnum == EAFNOSUPPORT)) {
                        pool_free(pool);
                        print_message("skipped: needs IPv6 on the loopback\n");
                        skip();
                }
                refute("%s", f->err.message);
        }
        assert_ok(f, pool_start(pool, &f->err));
        return pool;
}

static void serve_clients(struct fixture *f, enum pool_mode mode, int family)
{
        int before = count_open_fds();
        struct sockaddr_storage bound;
        struct pool *pool = start_pool(f, (struct pool_options){ .mode = mode }, family, &bound);
        run_clients(f, &bound);
        pool_stop(pool, 10 * SECOND);
        pool_join(pool);
        struct pool_counters counters;
        pool_read_counters(pool, &counters);
        assert_int_equal(counters.accepted, CLIENTS);
        assert_int_equal(counters.refused, 0);
        assert_int_equal(counters.open, 0);
        assert_int_equal(counters.loops, THREADS);
        uint64_t sum = 0;
        for (unsigned i = 0; i < counters.loops; i++) {
                sum += counters.loop_accepted[i];
                if (mode == POOL_ROUND_ROBIN) /* 200 over 3 */
                        assert_in_range(counters.loop_accepted[i], CLIENTS / THREADS, CLIENTS / THREADS + 1);
                else
                        assert_in_range(counters.loop_accepted[i], 1, CLIENTS - 2);
        }
        assert_int_equal(sum, CLIENTS);
        pool_free(pool);
        if (family == AF_UNIX)
                unlink(((struct sockaddr_un *)&bound)->sun_path);
        assert_int_equal(count_open_fds(), before);
}

static void test_reuseport(void **state)
{
        serve_clients(*state, POOL_REUSEPORT, AF_INET);
}

static void test_round_robin(void **state)
{
        serve_clients(*state, POOL_ROUND_ROBIN, AF_INET);
}

static void test_random(void **state)
{
        serve_clients(*state, POOL_RANDOM, AF_INET);
}

static void test_reuseport_over_ipv6(void **state)
{
        serve_clients(*state, POOL_REUSEPORT, AF_INET6);
}

static void test_round_robin_over_a_unix_socket(void **state)
{
        serve_clients(*state, POOL_ROUND_ROBIN, AF_UNIX);
}

static void test_reuseport_refuses_unix_sockets(void **state)
{
        struct fixture *f = *state;
        cleanup(pool_free) struct pool *pool =
                pool_new(&(struct pool_options){ .threads = 1, .on_accept = accept_echo }, &f->err);
        socklen_t size;
        struct sockaddr_storage address = address_of(AF_UNIX, &size);
        assert_int_equal(pool_listen(pool, (struct sockaddr *)&address, size, NULL, &f->err), -1);
        assert_int_equal(f->err.code, E_UNSUPPORTED);
}

static void test_a_port_in_use_is_an_error(void **state)
{
        struct fixture *f = *state;
        struct sockaddr_storage bound;
        cleanup(pool_free) struct pool *pool =
                start_pool(f, (struct pool_options){ .mode = POOL_RANDOM, .threads = 1 }, AF_INET, &bound);
        cleanup(pool_free) struct pool *other =
                pool_new(&(struct pool_options){ .threads = 1, .on_accept = accept_echo }, &f->err);
        assert_int_equal(pool_listen(other, (struct sockaddr *)&bound, sizeof(struct sockaddr_in), NULL, &f->err), -1);
        assert_int_equal(f->err.errnum, EADDRINUSE);
        assert_int_equal(pool_start(pool, &f->err), -1); /* twice */
        assert_null(pool_new(&(struct pool_options){ .threads = 100000, .on_accept = accept_echo }, &f->err));
        assert_null(pool_new(&(struct pool_options){ .threads = 1 }, &f->err));
}

/* A listener that somebody else bound, shared by all loops. */
static void test_an_adopted_listener(void **state)
{
        struct fixture *f = *state;
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t size;
        struct sockaddr_storage address = address_of(AF_INET, &size);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
        assert_int_equal(listen(listener, CLIENTS), 0);
        getsockname(listener, (struct sockaddr *)&address, &size);
        cleanup(pool_free) struct pool *pool =
                pool_new(&(struct pool_options){ .threads = THREADS, .on_accept = accept_echo }, &f->err);
        assert_ok(f, pool_adopt(pool, listener, &f->err));
        assert_ok(f, pool_start(pool, &f->err));
        run_clients(f, &address);
        pool_stop(pool, 10 * SECOND);
        pool_join(pool);
        struct pool_counters counters;
        pool_read_counters(pool, &counters);
        assert_int_equal(counters.accepted, CLIENTS);
}

/* ---- limits and the end ---- */

static void test_too_many_connections_are_refused(void **state)
{
        struct fixture *f = *state;
        struct sockaddr_storage bound;
        struct pool *pool =
                start_pool(f, (struct pool_options){ .mode = POOL_ROUND_ROBIN, .connections_max = 2 }, AF_INET, &bound);
        char byte = 'x';
        for (int i = 0; i < 2; i++) {
                f->fds[i] = connect_to(&bound);
                assert_int_equal(send(f->fds[i], &byte, 1, 0), 1);
                assert_int_equal(recv(f->fds[i], &byte, 1, 0), 1);
        }
        f->fds[2] = connect_to(&bound);
        assert_true(recv(f->fds[2], &byte, 1, 0) <= 0);
        struct pool_counters counters;
        pool_read_counters(pool, &counters);
        assert_int_equal(counters.refused, 1);
        assert_int_equal(counters.open, 2);
        pool_free(pool); /* cuts the two */
        assert_true(recv(f->fds[0], &byte, 1, 0) <= 0);
}

/* The lowest free fd becomes the limit: whatever opens one now gets EMFILE. */
static struct rlimit forbid_new_fds(void)
{
        struct rlimit before;
        getrlimit(RLIMIT_NOFILE, &before);
        int lowest = dup(0);
        assert_true(lowest >= 0);
        close(lowest);
        struct rlimit none = { .rlim_cur = (rlim_t)lowest, .rlim_max = before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        return before;
}

static void test_without_fds_accepting_rests(void **state)
{
        struct fixture *f = *state;
        struct sockaddr_storage bound;
        struct pool *pool = start_pool(f, (struct pool_options){ .threads = 1 }, AF_INET, &bound);
        char byte = 'x';
        f->fds[0] = connect_to(&bound);
        assert_int_equal(send(f->fds[0], &byte, 1, 0), 1);
        assert_int_equal(recv(f->fds[0], &byte, 1, 0), 1);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct rlimit before = forbid_new_fds();
        int connected = connect(fd, (struct sockaddr *)&bound, sizeof(struct sockaddr_in));
        struct pool_counters counters;
        do {
                sched_yield();
                pool_read_counters(pool, &counters);
        } while (connected == 0 && counters.accept_errors == 0);
        /* The first connection goes on meanwhile; a listener that spins would fail anew in each of these turns. */
        int answered = 0;
        for (int i = 0; i < 500; i++)
                answered += send(f->fds[0], &byte, 1, 0) == 1 && recv(f->fds[0], &byte, 1, 0) == 1;
        pool_read_counters(pool, &counters);
        setrlimit(RLIMIT_NOFILE, &before);
        assert_int_equal(connected, 0);
        assert_int_equal(answered, 500);
        assert_in_range(counters.accept_errors, 1, 250);
        assert_int_equal(send(fd, &byte, 1, 0), 1);
        assert_int_equal(recv(fd, &byte, 1, 0), 1); /* it waited in the backlog */
        pool_read_counters(pool, &counters);
        assert_int_equal(counters.accepted, 2);
        close(fd);
        pool_free(pool);
}

enum { PAGE = 900000 }; /* more than the kernel's socket buffers hold unread */

static void send_page(struct stream *stream, struct buf *input, void *cookie)
{
        (void)cookie;
        buf_clear(input);
        static const char page[PAGE];
        assert_int_equal(stream_write(stream, page, PAGE, NULL), 0);
}

static const struct stream_callbacks page_callbacks = { .on_read = send_page };

static int accept_page(struct loop *loop, const struct sockaddr_storage *peer, struct stream_options *ret, void *cookie)
{
        (void)loop, (void)peer, (void)cookie;
        ret->callbacks = &page_callbacks;
        return 0;
}

static void test_a_stop_drains(void **state)
{
        struct fixture *f = *state;
        struct sockaddr_storage bound;
        struct pool *pool = start_pool(
                f, (struct pool_options){ .mode = POOL_REUSEPORT, .on_accept = accept_page }, AF_INET, &bound);
        f->fds[0] = connect_to(&bound);
        static char bytes[65536];
        assert_int_equal(send(f->fds[0], "x", 1, 0), 1);
        ssize_t got = recv(f->fds[0], bytes, 1, 0);
        assert_int_equal(got, 1); /* the page is under way */
        pool_stop(pool, HOUR);
        size_t total = 1;
        while ((got = recv(f->fds[0], bytes, sizeof(bytes), 0)) > 0)
                total += (size_t)got;
        assert_int_equal(total, PAGE);
        pool_join(pool);
        int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(late, (struct sockaddr *)&bound, sizeof(struct sockaddr_in)), -1);
        close(late);
        pool_free(pool);
        pool_free(NULL);
}

static atomic_int_fast32_t starts, stops;

static void count_start(struct loop *loop, unsigned index, void *cookie)
{
        (void)loop, (void)index, (void)cookie;
        starts++;
}

static void count_stop(struct loop *loop, unsigned index, void *cookie)
{
        (void)loop, (void)index, (void)cookie;
        stops++;
}

static int accept_odd(struct loop *loop, const struct sockaddr_storage *peer, struct stream_options *ret, void *cookie)
{
        static atomic_int_fast32_t number;
        if (number++ % 2)
                return -1;
        return accept_echo(loop, peer, ret, cookie);
}

static void test_ten_thousand_connections_leave_no_fd(void **state)
{
        struct fixture *f = *state;
        int before = count_open_fds();
        struct sockaddr_storage bound;
        struct pool *pool = start_pool(f,
                (struct pool_options){ .mode = POOL_ROUND_ROBIN,
                        .threads = 2,
                        .on_accept = accept_odd,
                        .on_start = count_start,
                        .on_stop = count_stop },
                AF_INET, &bound);
        enum { CONNECTIONS = 10000 };
        int answered = 0;
        for (int i = 0; i < CONNECTIONS; i++) {
                cleanup(fd_close) int fd = connect_to(&bound);
                char byte = 'x';
                if (send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1)
                        answered++;
        }
        pool_stop(pool, 10 * SECOND);
        pool_join(pool);
        struct pool_counters counters;
        pool_read_counters(pool, &counters);
        assert_int_equal(answered, CONNECTIONS / 2);
        assert_int_equal(counters.accepted, CONNECTIONS);
        assert_int_equal(counters.refused, CONNECTIONS / 2);
        assert_int_equal(counters.open, 0);
        pool_free(pool);
        assert_int_equal(starts, 2);
        assert_int_equal(stops, 2);
        assert_int_equal(count_open_fds(), before);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                LOOP_TEST(test_reuseport),
                LOOP_TEST(test_round_robin),
                LOOP_TEST(test_random),
                LOOP_TEST(test_reuseport_over_ipv6),
                LOOP_TEST(test_round_robin_over_a_unix_socket),
                LOOP_TEST(test_reuseport_refuses_unix_sockets),
                LOOP_TEST(test_a_port_in_use_is_an_error),
                LOOP_TEST(test_an_adopted_listener),
                LOOP_TEST(test_too_many_connections_are_refused),
                LOOP_TEST(test_without_fds_accepting_rests),
                LOOP_TEST(test_a_stop_drains),
                LOOP_TEST(test_ten_thousand_connections_leave_no_fd),
        };
        return cmocka_run_group_tests_name("loop_pool", tests, NULL, NULL);
}
