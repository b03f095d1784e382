/* Streams: backpressure, ceilings, half close, idleness, errors, and who may free what when. */
#include "loop_fixture.h"

#include "loop/stream.h"

#include <arpa/inet.h>

static void on_close(struct stream *stream, void *cookie)
{
        (void)stream;
        note(cookie, "close");
}

static void on_error(struct stream *stream, const struct error *error, void *cookie)
{
        (void)stream;
        buf_printf(&((struct fixture *)cookie)->calls, "error(%s) ", error_code_name(error->code));
}

static void on_end(struct stream *stream, void *cookie)
{
        (void)stream;
        note(cookie, "end");
}

static void on_drain(struct stream *stream, void *cookie)
{
        (void)stream;
        note(cookie, "drain");
}

static void echo(struct stream *stream, struct buf *input, void *cookie)
{
        struct fixture *f = cookie;
        assert_ok(f, stream_write(stream, input->data, input->len, &f->err));
        buf_clear(input);
}

static void read_lines(struct stream *stream, struct buf *input, void *cookie)
{
        (void)stream;
        struct fixture *f = cookie;
        for (char *end; input->len && (end = memchr(input->data, '\n', input->len));) {
                *end = '\0';
                note(f, input->data);
                buf_consume(input, (size_t)(end + 1 - input->data));
        }
}

static const struct stream_callbacks echo_callbacks = {
        .on_read = echo, .on_drain = on_drain, .on_error = on_error, .on_close = on_close
};
static const struct stream_callbacks line_callbacks = {
        .on_read = read_lines, .on_end = on_end, .on_error = on_error, .on_close = on_close, .on_drain = on_drain
};

/* A stream on one end of a socketpair; the other end, non-blocking, is fds[1]. */
static struct stream *open_stream(
        struct fixture *f, const struct stream_callbacks *callbacks, struct stream_options options)
{
        fixture_pair(f, 0);
        options.callbacks = callbacks;
        options.cookie = f;
        struct stream *stream = stream_new(f->loop, f->fds[0], &options, &f->err);
        assert_non_null(stream);
        f->fds[0] = -1; /* the stream's now */
        return stream;
}

static void run_pending(struct fixture *f)
{
        for (int i = 0; loop_run_once(f->loop, 0, &f->err) > 0; i++)
                assert_true(i < 100000); /* an event that nobody takes would come for ever */
}

static void send_text(struct fixture *f, const char *text)
{
        assert_int_equal(write(f->fds[1], text, strlen(text)), strlen(text));
        run_pending(f);
}

/* All that the peer can read now; counts into *total and checks the pattern of fill_pattern. */
static bool drink(struct fixture *f, size_t *total)
{
        char bytes[65536];
        ssize_t got;
        while ((got = read(f->fds[1], bytes, sizeof(bytes))) > 0)
                for (ssize_t i = 0; i < got; i++, (*total)++)
                        assert_int_equal((unsigned char)bytes[i], *total % 251);
        return got == 0;
}

static void fill_pattern(char *bytes, size_t size, size_t from)
{
        for (size_t i = 0; i < size; i++)
                bytes[i] = (char)((from + i) % 251);
}

static void test_lines_that_arrive_in_pieces(void **state)
{
        struct fixture *f = *state;
        open_stream(f, &line_callbacks, (struct stream_options){ 0 });
        send_text(f, "fir");
        assert_calls(f, "");
        send_text(f, "st\nsecond\nthi");
        assert_calls(f, "first second ");
        send_text(f, "rd\n");
        assert_calls(f, "third ");
}

static void test_a_peer_that_does_not_read_costs_a_bounded_amount(void **state)
{
        struct fixture *f = *state;
        struct stream *stream = open_stream(f, &echo_callbacks,
                (struct stream_options){ .read_max = 8192, .write_max = 40000, .high_water = 16384 });
        char bytes[4096];
        size_t sent = 0, most = 0;
        struct stream_counters counters;
        for (int blocked = 0; blocked < 3;) {
                fill_pattern(bytes, sizeof(bytes), sent);
                ssize_t n = write(f->fds[1], bytes, sizeof(bytes));
                blocked = n < 0 ? blocked + 1 : 0;
                sent += n > 0 ? (size_t)n : 0;
                run_pending(f);
                stream_read_counters(stream, &counters);
                most = counters.memory > most ? counters.memory : most;
        }
        assert_true(sent > 100000); /* into both sockets' buffers and ours */
        assert_true(most <= 8193 + 40001);
        assert_true(stream_queued(stream) <= 16384 + 8192);
        assert_true(counters.pauses >= 1);
        assert_int_equal(counters.writes_refused, 0);
        size_t received = 0;
        while (received < sent) {
                size_t before = received;
                drink(f, &received);
                run_pending(f);
                drink(f, &received);
                assert_true(received > before);
        }
        assert_int_equal(received, sent);
        assert_non_null(strstr(buf_text(&f->calls), "drain "));
        assert_null(strstr(buf_text(&f->calls), "close"));
        stream_read_counters(stream, &counters);
        assert_true(counters.memory <= 2 * 4096); /* a quiet stream gives large buffers back */
        assert_int_equal(counters.bytes_read, sent);
        assert_int_equal(counters.bytes_written, sent);
}

static void test_a_full_queue_takes_all_or_nothing(void **state)
{
        struct fixture *f = *state;
        struct stream *stream = open_stream(f, &line_callbacks, (struct stream_options){ .write_max = 10000 });
        char bytes[3000];
        size_t taken = 0;
        for (;;) {
                fill_pattern(bytes, sizeof(bytes), taken);
                if (stream_write(stream, bytes, sizeof(bytes), &f->err) < 0)
                        break;
                taken += sizeof(bytes);
        }
        assert_int_equal(f->err.code, E_TOO_LARGE);
        assert_true(stream_queued(stream) <= 10000);
        struct stream_counters counters;
        stream_read_counters(stream, &counters);
        assert_int_equal(counters.writes_refused, 1);
        assert_int_equal(stream_write(stream, NULL, 0, &f->err), 0);
        stream_finish(stream);
        size_t received = 0;
        while (!drink(f, &received))
                run_pending(f);
        assert_int_equal(received, taken); /* nothing of the refused one */
        assert_calls(f, "close ");
}

static void test_half_close_after_the_queue(void **state)
{
        struct fixture *f = *state;
        struct stream *stream = open_stream(f, &line_callbacks, (struct stream_options){ 0 });
        static char bytes[600000];
        fill_pattern(bytes, sizeof(bytes), 0);
        assert_ok(f, stream_write(stream, bytes, sizeof(bytes), &f->err));
        stream_shutdown(stream);
        assert_int_equal(stream_write(stream, "x", 1, &f->err), -1);
        assert_int_equal(f->err.code, E_UNAVAILABLE);
        size_t received = 0;
        while (!drink(f, &received))
                run_pending(f);
        assert_int_equal(received, sizeof(bytes));
        buf_clear(&f->calls);
        send_text(f, "still here\n"); /* the other half is open */
        assert_calls(f, "still here ");
        shutdown(f->fds[1], SHUT_WR);
        run_pending(f);
        assert_calls(f, "end close "); /* both halves are closed */
}

static void test_the_peers_end_without_on_end_closes_when_written(void **state)
{
        struct fixture *f = *state;
        open_stream(f, &echo_callbacks, (struct stream_options){ 0 });
        char bytes[1000];
        fill_pattern(bytes, sizeof(bytes), 0);
        assert_int_equal(write(f->fds[1], bytes, sizeof(bytes)), sizeof(bytes));
        shutdown(f->fds[1], SHUT_WR);
        run_pending(f);
        assert_calls(f, "close ");
        size_t received = 0;
        assert_true(drink(f, &received));
        assert_int_equal(received, sizeof(bytes));
}

static void test_an_idle_stream_closes(void **state)
{
        struct fixture *f = *state;
        f->clock.manual = true;
        open_stream(f, &line_callbacks, (struct stream_options){ .idle_ns = 30 * SECOND });
        fake_clock_advance(&f->clock, 29 * SECOND);
        send_text(f, "a\n");
        fake_clock_advance(&f->clock, 29 * SECOND);
        run_pending(f);
        assert_calls(f, "a ");
        fake_clock_advance(&f->clock, SECOND);
        run_pending(f);
        assert_calls(f, "close ");
        size_t received = 0;
        assert_true(drink(f, &received));
}

static void say_goodbye(struct stream *stream, void *cookie)
{
        struct fixture *f = cookie;
        note(f, "idle");
        assert_ok(f, stream_write(stream, "\0\1\2", 3, &f->err));
        stream_finish(stream);
}

static void test_on_idle_may_say_goodbye(void **state)
{
        struct fixture *f = *state;
        static const struct stream_callbacks callbacks = { .on_idle = say_goodbye, .on_close = on_close };
        open_stream(f, &callbacks, (struct stream_options){ .idle_ns = SECOND });
        loop_run_once(f->loop, LOOP_NEVER, &f->err); /* the clock jumps */
        assert_calls(f, "idle close ");
        size_t received = 0;
        assert_true(drink(f, &received));
        assert_int_equal(received, 3);
}

static void close_it(struct stream *stream, struct buf *input, void *cookie)
{
        note(cookie, "read");
        stream_close(stream);
        assert_true(input->len > 0); /* the memory lives until we return */
        stream_close(stream);
        assert_int_equal(stream_write(stream, "x", 1, NULL), -1);
        assert_null(strstr(buf_text(&((struct fixture *)cookie)->calls), "close"));
}

static void test_close_inside_on_read(void **state)
{
        struct fixture *f = *state;
        static const struct stream_callbacks callbacks = { .on_read = close_it, .on_close = on_close };
        open_stream(f, &callbacks, (struct stream_options){ 0 });
        send_text(f, "x");
        assert_calls(f, "read close ");
        stream_close(NULL);
}

static void test_input_without_an_end_is_refused(void **state)
{
        struct fixture *f = *state;
        open_stream(f, &line_callbacks, (struct stream_options){ .read_max = 1000 });
        char bytes[5000];
        memset(bytes, 'x', sizeof(bytes));
        assert_int_equal(write(f->fds[1], bytes, 999), 999);
        run_pending(f);
        assert_calls(f, "");
        assert_true(write(f->fds[1], bytes, sizeof(bytes)) > 0);
        run_pending(f);
        assert_calls(f, "error(too-large) close ");
}

static void test_pause_and_resume(void **state)
{
        struct fixture *f = *state;
        struct stream *stream = open_stream(f, &line_callbacks, (struct stream_options){ 0 });
        stream_pause(stream);
        send_text(f, "one\ntwo\n");
        assert_calls(f, "");
        /* The peer goes away meanwhile: no busy loop, no lost byte. */
        fd_close(&f->fds[1]);
        run_pending(f);
        assert_calls(f, "");
        stream_resume(stream);
        run_pending(f);
        assert_calls(f, "one two end ");
        stream_close(stream);
        assert_calls(f, "close ");
}

static void pause_after_one(struct stream *stream, struct buf *input, void *cookie)
{
        char *end = memchr(input->data, '\n', input->len);
        if (!end)
                return;
        *end = '\0';
        note(cookie, input->data);
        buf_consume(input, (size_t)(end + 1 - input->data));
        stream_pause(stream);
}

static void test_resume_looks_at_what_was_left(void **state)
{
        struct fixture *f = *state;
        static const struct stream_callbacks callbacks = { .on_read = pause_after_one, .on_close = on_close };
        struct stream *stream = open_stream(f, &callbacks, (struct stream_options){ 0 });
        send_text(f, "one\ntwo\nthree\n");
        assert_calls(f, "one ");
        stream_resume(stream);
        assert_calls(f, "two ");
        stream_resume(stream);
        assert_calls(f, "three ");
}

static void test_a_reset_is_an_error(void **state)
{
        struct fixture *f = *state;
        cleanup(fd_close) int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
        assert_int_equal(listen(listener, 1), 0);
        getsockname(listener, (struct sockaddr *)&address, &size);
        cleanup(fd_close) int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(peer, (struct sockaddr *)&address, size), 0);
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC); /* blocking: stream_new changes that */
        struct stream *stream =
                stream_new(f->loop, fd, &(struct stream_options){ .callbacks = &line_callbacks, .cookie = f }, &f->err);
        assert_non_null(stream);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        struct linger reset = { .l_onoff = 1 };
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        fd_close(&peer);
        run_pending(f);
        assert_calls(f, "error(io) close ");
}

static void test_a_write_to_a_gone_peer_breaks_the_stream(void **state)
{
        struct fixture *f = *state;
        struct stream *stream = open_stream(f, &line_callbacks, (struct stream_options){ 0 });
        fd_close(&f->fds[1]);
        assert_int_equal(stream_write(stream, "x", 1, &f->err), -1);
        assert_int_equal(f->err.errnum, EPIPE); /* and no SIGPIPE */
        assert_int_equal(stream_write(stream, "y", 1, &f->err), -1);
        assert_calls(f, ""); /* told from the loop, not from inside the call */
        run_pending(f);
        assert_calls(f, "error(io) close ");
}

/* A peer that said why before it went: that is read, although a write has failed. */
static void test_the_last_words_of_a_gone_peer(void **state)
{
        struct fixture *f = *state;
        struct stream *stream = open_stream(f, &line_callbacks, (struct stream_options){ 0 });
        assert_int_equal(write(f->fds[1], "too large\nbye\n", 14), 14);
        fd_close(&f->fds[1]);
        assert_int_equal(stream_write(stream, "x", 1, &f->err), -1);
        run_pending(f);
        assert_calls(f, "too large bye error(io) close ");
}

/* The same while much waits to be written, when nothing is read otherwise. */
static void test_the_last_words_above_high_water(void **state)
{
        struct fixture *f = *state;
        static char bytes[1 << 20];
        struct stream *stream = open_stream(f, &line_callbacks, (struct stream_options){ .write_max = 2 << 20 });
        assert_ok(f, stream_write(stream, bytes, sizeof(bytes), &f->err));
        assert_true(stream_queued(stream) > 0);
        assert_int_equal(write(f->fds[1], "too large\n", 10), 10);
        run_pending(f);
        assert_calls(f, ""); /* not read while its queue is full */
        fd_close(&f->fds[1]);
        run_pending(f);
        assert_calls(f, "too large error(io) close ");
}

static void test_the_loop_ends_its_streams(void **state)
{
        struct fixture *f = *state;
        open_stream(f, &line_callbacks, (struct stream_options){ 0 });
        f->fds[2] = f->fds[1];
        open_stream(f, &line_callbacks, (struct stream_options){ 0 });
        loop_free(f->loop);
        f->loop = NULL;
        assert_calls(f, "close close ");
}

static void test_finish_all(void **state)
{
        struct fixture *f = *state;
        open_stream(f, &line_callbacks, (struct stream_options){ 0 });
        f->fds[2] = f->fds[1];
        struct stream *busy = open_stream(f, &line_callbacks, (struct stream_options){ 0 });
        static char bytes[600000];
        fill_pattern(bytes, sizeof(bytes), 0);
        assert_ok(f, stream_write(busy, bytes, sizeof(bytes), &f->err));
        stream_finish_all(f->loop);
        assert_calls(f, "close "); /* the quiet one */
        size_t received = 0;
        while (!drink(f, &received))
                run_pending(f);
        assert_int_equal(received, sizeof(bytes));
        assert_non_null(strstr(buf_text(&f->calls), "close "));
}

static void test_what_cannot_be_a_stream_is_refused(void **state)
{
        struct fixture *f = *state;
        struct stream_options options = { .callbacks = &line_callbacks, .cookie = f };
        assert_null(stream_new(f->loop, -1, &options, &f->err));
        f->fds[0] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        assert_null(stream_new(f->loop, f->fds[0], &options, &f->err));
        assert_true(fcntl(f->fds[0], F_GETFD) >= 0); /* still the caller's */
        assert_calls(f, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                LOOP_TEST(test_lines_that_arrive_in_pieces),
                LOOP_TEST(test_a_peer_that_does_not_read_costs_a_bounded_amount),
                LOOP_TEST(test_a_full_queue_takes_all_or_nothing),
                LOOP_TEST(test_half_close_after_the_queue),
                LOOP_TEST(test_the_peers_end_without_on_end_closes_when_written),
                LOOP_TEST(test_an_idle_stream_closes),
                LOOP_TEST(test_on_idle_may_say_goodbye),
                LOOP_TEST(test_close_inside_on_read),
                LOOP_TEST(test_input_without_an_end_is_refused),
                LOOP_TEST(test_pause_and_resume),
                LOOP_TEST(test_resume_looks_at_what_was_left),
                LOOP_TEST(test_a_reset_is_an_error),
                LOOP_TEST(test_a_write_to_a_gone_peer_breaks_the_stream),
                LOOP_TEST(test_the_last_words_of_a_gone_peer),
                LOOP_TEST(test_the_last_words_above_high_water),
                LOOP_TEST(test_the_loop_ends_its_streams),
                LOOP_TEST(test_finish_all),
                LOOP_TEST(test_what_cannot_be_a_stream_is_refused),
        };
        return cmocka_run_group_tests_name("loop_stream", tests, NULL, NULL);
}
