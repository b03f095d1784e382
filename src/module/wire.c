#include "module/wire.h"

static int append_header(struct buf *out, enum frame_type type, uint16_t stream, size_t length)
{
        if (length > FRAME_LENGTH_MAX)
                return -1;
        struct frame_header header = { (uint32_t)length, (uint16_t)type, stream };
        if (!buf_reserve(out, sizeof(header) + length))
                return -1;
        buf_append(out, &header, sizeof(header));
        return 0;
}

int frame_append(struct buf *out, enum frame_type type, uint16_t stream, struct sv payload)
{
        if (append_header(out, type, stream, payload.n) < 0)
                return -1;
        buf_append(out, payload.p, payload.n);
        return 0;
}

int frame_append_row(struct buf *out, uint16_t stream, struct sv label, struct sv json)
{
        uint16_t length = (uint16_t)label.n;
        if (label.n > LABEL_MAX || append_header(out, FRAME_ROW, stream, sizeof(length) + label.n + json.n) < 0)
                return -1;
        buf_append(out, &length, sizeof(length));
        buf_append(out, label.p, label.n);
        buf_append(out, json.p, json.n);
        return 0;
}

int frame_append_label(struct buf *out, uint16_t stream, struct sv label, unsigned flags)
{
        if (label.n > LABEL_MAX || append_header(out, FRAME_LABEL, stream, 1 + label.n) < 0)
                return -1;
        buf_putc(out, (char)flags);
        buf_append(out, label.p, label.n);
        return 0;
}

int frame_next(const struct buf *input, size_t at, struct frame_header *ret_header, struct sv *ret_payload,
        size_t *ret_size, struct error *err)
{
        struct frame_header header;
        size_t have = input->len - at;
        if (have < sizeof(header))
                return 0;
        memcpy(&header, input->data + at, sizeof(header));
        if (header.length > FRAME_LENGTH_MAX)
                return fail(
                        err, E_PROTOCOL, "frame of %u bytes: at most %d are allowed", header.length, FRAME_LENGTH_MAX);
        if (have < sizeof(header) + header.length)
                return 0;
        *ret_header = header;
        *ret_payload = sv_n(input->data + at + sizeof(header), header.length);
        *ret_size = sizeof(header) + header.length;
        return 1;
}

int frame_split_row(struct sv payload, struct sv *ret_label, struct sv *ret_json, struct error *err)
{
        uint16_t length;
        if (payload.n < sizeof(length))
                return fail(err, E_PROTOCOL, "row frame of %zu bytes", payload.n);
        memcpy(&length, payload.p, sizeof(length));
        if (length > LABEL_MAX || length > payload.n - sizeof(length))
                return fail(err, E_PROTOCOL, "row frame with a label of %u bytes", length);
        *ret_label = sv_n(payload.p + sizeof(length), length);
        *ret_json = sv_n(payload.p + sizeof(length) + length, payload.n - sizeof(length) - length);
        return 0;
}

int frame_split_label(struct sv payload, struct sv *ret_label, unsigned *ret_flags, struct error *err)
{
        if (payload.n < 1 || payload.n - 1 > LABEL_MAX)
                return fail(err, E_PROTOCOL, "label frame of %zu bytes", payload.n);
        *ret_flags = (unsigned char)payload.p[0];
        *ret_label = sv_n(payload.p + 1, payload.n - 1);
        return 0;
}
