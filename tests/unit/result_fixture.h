/* Frames by hand, and a result's envelope as text. */
#pragma once

#include "base/cleanup.h"
#include "module/result.h"
#include "schema/json.h"

static inline int send_frame(struct result *result, enum frame_type type, struct sv payload, struct error *err)
{
        struct frame_header header = { (uint32_t)payload.n, (uint16_t)type, 0 };
        return result_add_frame(result, &header, payload, err);
}

static inline int send_row(struct result *result, struct sv label, struct sv json, struct error *err)
{
        struct buf frame;
        buf_init(&frame, FRAME_LENGTH_MAX + 64);
        int status = frame_append_row(&frame, 0, label, json);
        if (status == 0)
                status = send_frame(result, FRAME_ROW, sv_n(frame.data + 8, frame.len - 8), err);
        buf_done(&frame);
        return status;
}

static inline int send_label(struct result *result, struct sv label, unsigned flags, struct error *err)
{
        struct buf frame;
        buf_init(&frame, 64 + LABEL_MAX);
        int status = frame_append_label(&frame, 0, label, flags);
        if (status == 0)
                status = send_frame(result, FRAME_LABEL, sv_n(frame.data + 8, frame.len - 8), err);
        buf_done(&frame);
        return status;
}

static inline int keep_bytes(const void *bytes, size_t size, void *cookie)
{
        buf_append(cookie, bytes, size);
        return ((struct buf *)cookie)->failed ? -1 : 0;
}

/* To be freed; NULL when it cannot be written. */
static inline char *envelope_of(struct result *result)
{
        struct buf out;
        struct error err;
        buf_init(&out, 512 << 20);
        if (result_write(result, 0, keep_bytes, &out, &err) < 0 || !json_valid(sv_n(out.data, out.len))) {
                buf_done(&out);
                return NULL;
        }
        return out.data;
}

#define DONE_GOOD SV("{\"foundanything\":true,\"success\":true}")
