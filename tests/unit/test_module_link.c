/* Links: frames arrive whole however they are cut, fds arrive with their frame, and a peer that breaks the rules or
 * does not read is ended. */
#include "base/cleanup.h"
#include "module/link.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { FRAMES_MAX = 16, FRAME_BYTES = 4096 };

struct seen {
        struct link *link;
        unsigned frames;
        struct frame_header headers[FRAMES_MAX];
        char text[FRAMES_MAX][16];
        int fds[FRAMES_MAX];
        unsigned gone, drained;
        enum error_code why; /* E_NONE: the peer closed */
        bool take;           /* asks for the fd of each frame */
        bool refuse;
        bool free_in_frame, free_in_gone;
};

struct fixture {
        struct loop *loop;
        struct seen seen;
        int peer; /* the other end */
};

static int on_frame(struct link *link, const struct frame_header *header, struct sv payload, void *cookie)
{
        struct seen *seen = cookie;
        assert_ptr_equal(link, seen->link);
        assert_true(seen->frames < FRAMES_MAX);
        seen->headers[seen->frames] = *header;
        snprintf(seen->text[seen->frames], sizeof(seen->text[0]), "%.*s", (int)payload.n, payload.p);
        seen->fds[seen->frames++] = seen->take ? link_take_fd(link) : -1;
        if (seen->free_in_frame)
                link_free(take_ptr(seen->link));
        return seen->refuse ? -1 : 0;
}

static void on_gone(struct link *link, const struct error *why, void *cookie)
{
        struct seen *seen = cookie;
        assert_ptr_equal(link, seen->link);
        seen->gone++;
        seen->why = why ? why->code : E_NONE;
        if (seen->free_in_gone)
                link_free(take_ptr(seen->link));
}

static void on_drained(struct link *link, void *cookie)
{
        struct seen *seen = cookie;
        assert_int_equal(link_queued(link), 0);
        seen->drained++;
}

static void run(struct loop *loop)
{
        struct error err;
        int ran;
        for (int turns = 0; turns < 10000 && (ran = loop_run_once(loop, 0, &err)) != 0; turns++)
                assert_true(ran > 0);
}

static void start(struct fixture *fixture, size_t out_max, bool refuse_when_full)
{
        struct error err;
        int ends[2];
        *fixture = (struct fixture){ .loop = loop_new(NULL, &err) };
        struct link_options options = { on_frame, on_gone, on_drained, &fixture->seen, FRAME_BYTES, out_max,
                refuse_when_full };
        assert_non_null(fixture->loop);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        fixture->seen.link = link_new(fixture->loop, ends[0], &options, &err);
        assert_non_null(fixture->seen.link);
        assert_int_equal(link_fd(fixture->seen.link), ends[0]);
        fixture->peer = ends[1];
}

static void stop(struct fixture *fixture)
{
        link_free(fixture->seen.link);
        for (unsigned i = 0; i < fixture->seen.frames; i++)
                fd_close(&fixture->seen.fds[i]);
        fd_close(&fixture->peer);
        loop_free(fixture->loop);
}

static void put(struct fixture *fixture, const char *bytes, size_t size)
{
        assert_int_equal(send(fixture->peer, bytes, size, MSG_NOSIGNAL), size);
        run(fixture->loop);
}

/* Sends `bytes` with one fd attached, as sendmsg(2) and unix(7) have it. */
static void put_with_fd(struct fixture *fixture, struct sv bytes, int fd)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec part = { (char *)bytes.p, bytes.n };
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room)
        };
        control.header = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
        assert_int_equal(sendmsg(fixture->peer, &message, MSG_NOSIGNAL), bytes.n);
}

static void frame(struct buf *buf, enum frame_type type, uint16_t stream, const char *text)
{
        assert_int_equal(frame_append(buf, type, stream, sv_of(text)), 0);
}

static void every_cut(void **state)
{
        (void)state;
        struct buf bytes;
        buf_init(&bytes, 1 << 16);
        frame(&bytes, FRAME_MESSAGE, 7, "first");
        frame(&bytes, FRAME_BODY, 65535, "");
        frame(&bytes, FRAME_END, 1, "x");
        for (size_t cut = 0; cut <= bytes.len; cut++) {
                struct fixture fixture;
                start(&fixture, 0, false);
                if (cut)
                        put(&fixture, bytes.data, cut);
                if (cut < bytes.len)
                        put(&fixture, bytes.data + cut, bytes.len - cut);
                const struct seen *seen = &fixture.seen;
                assert_int_equal(seen->frames, 3);
                assert_true(seen->headers[0].type == FRAME_MESSAGE && seen->headers[0].stream == 7);
                assert_true(seen->headers[1].type == FRAME_BODY && seen->headers[1].stream == 65535);
                assert_true(seen->headers[2].type == FRAME_END && seen->headers[2].stream == 1);
                assert_string_equal(seen->text[0], "first");
                assert_string_equal(seen->text[1], "");
                assert_string_equal(seen->text[2], "x");
                assert_int_equal(seen->gone, 0);
                stop(&fixture);
        }
        buf_done(&bytes);
}

static bool same_file(int a, int b)
{
        struct stat left, right;
        return fstat(a, &left) == 0 && fstat(b, &right) == 0 && left.st_dev == right.st_dev &&
               left.st_ino == right.st_ino;
}

/* Four frames, the 2nd and 4th with an fd, are all under way before the receiver reads: each fd comes to its frame. */
static void fds_come_with_their_frames(void **state)
{
        (void)state;
        struct fixture fixture;
        struct error err;
        struct seen other = { .take = true };
        struct link_options options = { on_frame, on_gone, NULL, &other, FRAME_BYTES, 0, false };
        int pipes[2][2];
        assert_int_equal(pipe(pipes[0]), 0);
        assert_int_equal(pipe(pipes[1]), 0);
        start(&fixture, 0, false);
        struct link *link = fixture.seen.link;
        assert_int_equal(link_send(link, FRAME_MESSAGE, 1, SV("a")), 0);
        assert_int_equal(link_send_fd(link, FRAME_MESSAGE, 2, SV("b"), pipes[0][0], &err), 0);
        assert_int_equal(link_send(link, FRAME_MESSAGE, 3, SV("c")), 0);
        assert_int_equal(link_send_fd(link, FRAME_MESSAGE, 4, SV("d"), pipes[1][0], &err), 0);
        assert_int_equal(link_queued(link), 0);
        other.link = link_new(fixture.loop, take_fd(fixture.peer), &options, &err);
        assert_non_null(other.link);
        run(fixture.loop);
        assert_int_equal(other.frames, 4);
        assert_true(other.fds[0] < 0 && other.fds[2] < 0);
        assert_true(same_file(other.fds[1], pipes[0][0]));
        assert_true(same_file(other.fds[3], pipes[1][0]));
        for (int i = 0; i < 2; i++) {
                fd_close(&other.fds[2 * i + 1]);
                close(pipes[i][0]);
                close(pipes[i][1]);
        }
        link_free(other.link);
        stop(&fixture);
}

/* True when no copy of the pipe's reading end is open any more. */
static bool nobody_reads(int writing)
{
        return write(writing, "x", 1) < 0 && errno == EPIPE;
}

static void fds_nobody_takes_are_closed(void **state)
{
        (void)state;
        struct buf bytes;
        buf_init(&bytes, 1 << 16);
        frame(&bytes, FRAME_MESSAGE, 1, "with");
        for (int whole = 0; whole < 2; whole++) { /* taken by no frame; or the link goes before the frame is whole */
                struct fixture fixture;
                int ends[2];
                assert_int_equal(pipe(ends), 0);
                start(&fixture, 0, false);
                put_with_fd(&fixture, sv_n(bytes.data, whole ? bytes.len : 3), ends[0]);
                close(ends[0]);
                run(fixture.loop);
                assert_int_equal(fixture.seen.frames, whole);
                if (!whole) {
                        assert_false(nobody_reads(ends[1]));
                        link_free(take_ptr(fixture.seen.link));
                }
                assert_true(nobody_reads(ends[1]));
                close(ends[1]);
                stop(&fixture);
        }
        buf_done(&bytes);
}

/* More than LINK_FDS_MAX for one unfinished frame: the surplus is closed at once, the rest with the link. */
static void too_many_fds(void **state)
{
        (void)state;
        struct fixture fixture;
        struct buf bytes;
        int kept[2], surplus[2];
        assert_int_equal(pipe(kept), 0);
        assert_int_equal(pipe(surplus), 0);
        start(&fixture, 0, false);
        buf_init(&bytes, 1 << 16);
        char text[LINK_FDS_MAX + 2];
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        frame(&bytes, FRAME_MESSAGE, 1, text);
        for (size_t i = 0; i <= LINK_FDS_MAX; i++) {
                put_with_fd(&fixture, sv_n(bytes.data + i, 1), i < LINK_FDS_MAX ? kept[0] : surplus[0]);
                run(fixture.loop);
        }
        close(kept[0]);
        close(surplus[0]);
        assert_true(nobody_reads(surplus[1]));
        assert_false(nobody_reads(kept[1]));
        link_free(take_ptr(fixture.seen.link));
        assert_true(nobody_reads(kept[1]));
        close(kept[1]);
        close(surplus[1]);
        buf_done(&bytes);
        stop(&fixture);
}

/* The header alone ends it; what came before it was delivered. */
static void too_large_a_frame(void **state)
{
        (void)state;
        static const uint32_t lengths[] = { FRAME_BYTES + 1, FRAME_LENGTH_MAX + 1, UINT32_MAX };
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
                struct fixture fixture;
                struct buf bytes;
                struct frame_header header = { lengths[i], FRAME_BODY, 1 };
                start(&fixture, 0, false);
                buf_init(&bytes, 1 << 16);
                frame(&bytes, FRAME_MESSAGE, 1, "ok");
                buf_append(&bytes, &header, sizeof(header));
                put(&fixture, bytes.data, bytes.len);
                assert_int_equal(fixture.seen.frames, 1);
                assert_int_equal(fixture.seen.gone, 1);
                assert_int_equal(fixture.seen.why, lengths[i] > FRAME_LENGTH_MAX ? E_PROTOCOL : E_TOO_LARGE);
                assert_int_equal(link_send(fixture.seen.link, FRAME_END, 1, SV("")), -1);
                buf_done(&bytes);
                stop(&fixture);
        }
}

static void refused_frame(void **state)
{
        (void)state;
        struct fixture fixture;
        struct buf bytes;
        start(&fixture, 0, false);
        buf_init(&bytes, 1 << 16);
        frame(&bytes, FRAME_MESSAGE, 1, "no");
        frame(&bytes, FRAME_MESSAGE, 1, "never seen");
        fixture.seen.refuse = fixture.seen.free_in_gone = true;
        put(&fixture, bytes.data, bytes.len);
        assert_int_equal(fixture.seen.frames, 1);
        assert_int_equal(fixture.seen.gone, 1);
        assert_int_equal(fixture.seen.why, E_PROTOCOL);
        buf_done(&bytes);
        stop(&fixture);
}

static unsigned fill(struct link *link)
{
        static char block[FRAME_BYTES];
        unsigned sent = 0;
        while (link_send(link, FRAME_DATA, 1, sv_n(block, sizeof(block))) == 0)
                assert_true(++sent < 100000);
        return sent;
}

static size_t read_all(struct fixture *fixture)
{
        char bytes[65536];
        size_t sum = 0;
        ssize_t got;
        while ((got = recv(fixture->peer, bytes, sizeof(bytes), 0)) > 0) {
                sum += (size_t)got;
                run(fixture->loop);
        }
        return sum;
}

/* A full queue ends the link; where frames are refused instead it goes on, and nothing that was taken is lost. */
static void queue_ceiling(void **state)
{
        (void)state;
        struct fixture fixture;
        struct error err;
        start(&fixture, 100000, false);
        fill(fixture.seen.link);
        assert_true(link_queued(fixture.seen.link) <= 100000);
        assert_int_equal(fixture.seen.gone, 0);
        read_all(&fixture);
        assert_int_equal(fixture.seen.gone, 1);
        assert_int_equal(fixture.seen.why, E_TOO_LARGE);
        stop(&fixture);

        start(&fixture, 100000, true);
        size_t sent = fill(fixture.seen.link);
        assert_true(link_queued(fixture.seen.link) <= 100000);
        assert_int_equal(link_send_fd(fixture.seen.link, FRAME_DATA, 1, sv_n("", 0), 1 << 20, &err), -1);
        assert_int_equal(err.code, E_UNAVAILABLE); /* no such fd */
        assert_int_equal(read_all(&fixture), sent * (FRAME_BYTES + sizeof(struct frame_header)));
        assert_int_equal(fixture.seen.gone, 0);
        assert_int_equal(fixture.seen.drained, 1);
        assert_int_equal(link_send(fixture.seen.link, FRAME_END, 1, SV("")), 0);
        assert_int_equal(read_all(&fixture), sizeof(struct frame_header));
        stop(&fixture);
}

static void fd_ceiling(void **state)
{
        (void)state;
        struct fixture fixture;
        struct error err;
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        start(&fixture, 0, true);
        static char block[FRAME_BYTES];
        while (link_queued(fixture.seen.link) == 0)
                assert_int_equal(link_send(fixture.seen.link, FRAME_DATA, 1, sv_n(block, sizeof(block))), 0);
        for (int i = 0; i < LINK_FDS_MAX; i++)
                assert_int_equal(link_send_fd(fixture.seen.link, FRAME_MESSAGE, 1, SV("x"), ends[0], &err), 0);
        assert_int_equal(link_send_fd(fixture.seen.link, FRAME_MESSAGE, 1, SV("x"), ends[0], &err), -1);
        assert_int_equal(err.code, E_UNAVAILABLE);
        close(ends[0]);
        assert_false(nobody_reads(ends[1]));
        link_free(take_ptr(fixture.seen.link));
        assert_true(nobody_reads(ends[1]));
        close(ends[1]);
        stop(&fixture);
}

static void peer_gone(void **state)
{
        (void)state;
        struct buf bytes;
        buf_init(&bytes, 1 << 16);
        frame(&bytes, FRAME_MESSAGE, 1, "last");
        frame(&bytes, FRAME_MESSAGE, 1, "cut");
        for (int freeing = 0; freeing < 2; freeing++) {
                struct fixture fixture;
                start(&fixture, 0, false);
                fixture.seen.free_in_gone = freeing;
                assert_int_equal(send(fixture.peer, bytes.data, bytes.len - 1, MSG_NOSIGNAL), bytes.len - 1);
                fd_close(&fixture.peer);
                run(fixture.loop);
                assert_int_equal(fixture.seen.frames, 1);
                assert_int_equal(fixture.seen.gone, 1);
                assert_int_equal(fixture.seen.why, E_NONE);
                if (!freeing)
                        assert_int_equal(link_send(fixture.seen.link, FRAME_END, 1, SV("")), -1);
                stop(&fixture);
        }
        buf_done(&bytes);
}

/* What a peer sent before its end is handed out without the loop: frames that are whole, and no word of its going. */
static void drained_after_the_end(void **state)
{
        (void)state;
        struct fixture fixture;
        struct buf bytes;
        start(&fixture, 0, false);
        buf_init(&bytes, 1 << 16);
        frame(&bytes, FRAME_MESSAGE, 1, "one");
        frame(&bytes, FRAME_MESSAGE, 1, "two");
        frame(&bytes, FRAME_MESSAGE, 1, "cut");
        assert_int_equal(send(fixture.peer, bytes.data, bytes.len - 1, MSG_NOSIGNAL), bytes.len - 1);
        fd_close(&fixture.peer);
        link_drain(fixture.seen.link);
        assert_int_equal(fixture.seen.frames, 2);
        assert_string_equal(fixture.seen.text[1], "two");
        assert_int_equal(fixture.seen.gone, 0);
        buf_done(&bytes);
        stop(&fixture);
}

static void freed_in_its_frame(void **state)
{
        (void)state;
        struct fixture fixture;
        struct buf bytes;
        start(&fixture, 0, false);
        buf_init(&bytes, 1 << 16);
        frame(&bytes, FRAME_MESSAGE, 1, "a");
        frame(&bytes, FRAME_MESSAGE, 1, "b");
        fixture.seen.free_in_frame = true;
        put(&fixture, bytes.data, bytes.len);
        assert_int_equal(fixture.seen.frames, 1);
        assert_int_equal(fixture.seen.gone, 0);
        assert_int_equal(recv(fixture.peer, bytes.data, 1, 0), 0);
        buf_done(&bytes);
        stop(&fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_cut),
                cmocka_unit_test(fds_come_with_their_frames),
                cmocka_unit_test(fds_nobody_takes_are_closed),
                cmocka_unit_test(too_many_fds),
                cmocka_unit_test(too_large_a_frame),
                cmocka_unit_test(refused_frame),
                cmocka_unit_test(queue_ceiling),
                cmocka_unit_test(fd_ceiling),
                cmocka_unit_test(peer_gone),
                cmocka_unit_test(drained_after_the_end),
                cmocka_unit_test(freed_in_its_frame),
        };
        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
