/* Server-sent events, whole and in pieces: the pieces must not change what is found. */
#include "modules/api/sse.h"

#include <assert.h>

struct found {
        struct buf text;
};

static int on_event(const char *event, struct sv text, void *cookie)
{
        struct found *found = cookie;
        buf_puts(&found->text, event);
        buf_putc(&found->text, '\0');
        buf_append(&found->text, text.p, text.n);
        buf_putc(&found->text, '\0');
        return 0;
}

static int feed(struct sv bytes, size_t piece, struct found *found)
{
        struct sse sse;
        struct error err;
        int status = 0;
        sse_init(&sse);
        buf_init(&found->text, 1 << 24);
        for (size_t at = 0; at < bytes.n && status == 0; at += piece)
                status = sse_feed(
                        &sse, sv_n(bytes.p + at, bytes.n - at < piece ? bytes.n - at : piece), on_event, found, &err);
        sse_done(&sse);
        return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct found whole;
        struct found pieces;
        struct sv text = sv_n((const char *)bytes, size);
        int first = feed(text, size ? size : 1, &whole);
        int second = feed(text, 1 + size % 7, &pieces);
        assert(first == second && whole.text.len == pieces.text.len);
        assert(whole.text.len == 0 || memcmp(whole.text.data, pieces.text.data, whole.text.len) == 0);
        buf_done(&whole.text);
        buf_done(&pieces.text);
        return 0;
}
