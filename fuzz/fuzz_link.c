/* Bytes into the receiving half of a link, in pieces whose sizes the first byte chooses: the frames that come out are
 * those frame_next sees in the whole. */
#include "base/cleanup.h"
#include "module/link.h"

#include <sys/socket.h>

enum { FRAME_BYTES = 4096, INPUT_MAX = 64 << 10, TURNS_MAX = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct seen {
        struct buf all;
        size_t at;
        bool gone;
};

static int on_frame(struct link *link, const struct frame_header *header, struct sv payload, void *cookie)
{
        struct seen *seen = cookie;
        struct frame_header expected;
        struct sv bytes;
        size_t size;
        if (seen->gone || link_take_fd(link) >= 0 ||
                frame_next(&seen->all, seen->at, &expected, &bytes, &size, NULL) != 1 ||
                memcmp(&expected, header, sizeof(expected)) != 0 || payload.n > FRAME_BYTES || payload.n != bytes.n ||
                memcmp(payload.p, bytes.p, bytes.n) != 0)
                abort();
        seen->at += size;
        return header->type == UINT16_MAX ? -1 : 0;
}

static void on_gone(struct link *link, const struct error *why, void *cookie)
{
        struct seen *seen = cookie;
        (void)link;
        (void)why;
        if (seen->gone)
                abort();
        seen->gone = true;
}

static void run(struct loop *loop)
{
        for (int turns = 0; turns < TURNS_MAX && loop_run_once(loop, 0, NULL) > 0; turns++)
                ;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct error err;
        int ends[2];
        if (size < 1 || size > INPUT_MAX)
                return 0;
        cleanup(loop_free) struct loop *loop = loop_new(NULL, &err);
        struct seen seen = { 0 };
        struct link_options options = {
                .on_frame = on_frame, .on_gone = on_gone, .cookie = &seen, .frame_max = FRAME_BYTES
        };
        if (!loop || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
                abort();
        struct link *link = link_new(loop, ends[0], &options, &err);
        if (!link)
                abort();
        buf_init(&seen.all, size);
        buf_append(&seen.all, bytes + 1, size - 1);
        size_t piece = bytes[0] & 0x0f ? bytes[0] : size;
        for (size_t at = 0; at < seen.all.len && !seen.gone; at += piece) {
                size_t part = seen.all.len - at < piece ? seen.all.len - at : piece;
                if (send(ends[1], seen.all.data + at, part, MSG_NOSIGNAL) != (ssize_t)part)
                        abort();
                run(loop);
        }
        close(ends[1]);
        run(loop);
        struct frame_header header;
        struct sv payload;
        size_t length;
        if (!seen.gone) /* the other end was closed */
                abort();
        if (frame_next(&seen.all, seen.at, &header, &payload, &length, &err) == 1 && header.length <= FRAME_BYTES &&
                (seen.at == 0 || header.type != UINT16_MAX)) {
                /* frames may remain only behind one that was refused */
                size_t at = 0;
                while (at < seen.at && frame_next(&seen.all, at, &header, &payload, &length, &err) == 1 &&
                        header.type != UINT16_MAX)
                        at += length;
                if (at >= seen.at)
                        abort();
        }
        link_free(link);
        buf_done(&seen.all);
        return 0;
}
