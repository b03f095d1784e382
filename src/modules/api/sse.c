#include "sse.h"

void sse_init(struct sse *sse)
{
        *sse = (struct sse){ 0 };
        buf_init(&sse->line, SSE_EVENT_MAX);
        buf_init(&sse->text, SSE_EVENT_MAX);
}

void sse_done(struct sse *sse)
{
        buf_done(&sse->line);
        buf_done(&sse->text);
}

static int dispatch(struct sse *sse, int (*on_event)(const char *, struct sv, void *), void *cookie)
{
        int status = 0;
        if (sse->any)
                status = on_event(
                        sse->event[0] ? sse->event : "message", sv_n(buf_text(&sse->text), sse->text.len), cookie);
        buf_clear(&sse->text);
        sse->event[0] = '\0';
        sse->any = false;
        return status;
}

static void take_line(struct sse *sse, struct sv line)
{
        size_t colon = sv_find(line, ':');
        struct sv name = sv_n(line.p, colon);
        struct sv value = colon < line.n ? sv_n(line.p + colon + 1, line.n - colon - 1) : sv_n("", 0);
        if (value.n && *value.p == ' ')
                value = sv_n(value.p + 1, value.n - 1);
        if (sv_eq(name, SV("data"))) {
                if (sse->any)
                        buf_putc(&sse->text, '\n');
                buf_append(&sse->text, value.p, value.n);
                sse->any = true;
        } else if (sv_eq(name, SV("event"))) {
                snprintf(sse->event, sizeof(sse->event), "%.*s",
                        (int)(value.n < SSE_NAME_MAX ? value.n : SSE_NAME_MAX - 1), value.p);
        } /* a comment has an empty name; others mean nothing here */
}

int sse_feed(struct sse *sse, struct sv bytes, int (*on_event)(const char *event, struct sv text, void *cookie),
        void *cookie, struct error *err)
{
        for (size_t at = 0; at < bytes.n;) {
                size_t end = at;
                while (end < bytes.n && bytes.p[end] != '\n' && bytes.p[end] != '\r')
                        end++;
                if (end > at) {
                        sse->after_cr = false;
                        buf_append(&sse->line, bytes.p + at, end - at);
                }
                if (end == bytes.n)
                        break;
                at = end + 1;
                bool second = sse->after_cr && bytes.p[end] == '\n';
                sse->after_cr = bytes.p[end] == '\r';
                if (second)
                        continue;
                if (sse->line.len == 0) {
                        if (dispatch(sse, on_event, cookie) < 0)
                                return -1;
                } else if (!sse->line.failed) {
                        take_line(sse, sv_n(sse->line.data, sse->line.len));
                        sse->line.len = 0;
                }
                if (sse->text.failed)
                        break;
        }
        if (sse->line.failed || sse->text.failed)
                return fail(err, E_TOO_LARGE, "an event of more than %d bytes", SSE_EVENT_MAX);
        return 0;
}
