/* A foreign program's answer: no crash; the frames it becomes are ones the parent takes, and the envelope made of them
 * is JSON. The first byte chooses shape and privacy. */
#include "base/cleanup.h"
#include "module/channel.h"
#include "module/envelope.h"
#include "module/result.h"
#include "schema/json.h"

enum { TEXT = 64 << 20 };

struct row {
        char *file;
        int64_t size;
};

static const struct field row_fields[] = {
        FIELD_PATH(struct row, file, .help = "a path", .private_ = true),
        FIELD_INT(struct row, size, .help = "a size"),
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int keep(const void *bytes, size_t size, void *cookie)
{
        struct buf *out = cookie;
        buf_append(out, bytes, size);
        return out->failed ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        if (size < 1)
                return 0;
        const struct module module = { .name = "x",
                .element = RECORD(struct row, row_fields),
                .shape = (enum shape)(bytes[0] % (SHAPE_SCALAR + 1)) };
        struct buf in;
        buf_init(&in, 4096);
        struct run_channel channel = { .fd = -1, .in = &in };
        struct run run = { .module = &module, .privacy = bytes[0] & 0x80 };
        struct error err = { 0 };
        run_begin(&run, &channel);
        if (run_emit_envelope(&run, sv_n((const char *)bytes + 1, size - 1), &err) < 0 && !err.message[0])
                abort();
        struct result *result = result_new(module.shape, 1 << 20, &err);
        struct frame_header header;
        struct sv payload;
        size_t length;
        for (size_t at = 0; frame_next(&channel.out, at, &header, &payload, &length, &err) > 0; at += length)
                if (result_add_frame(result, &header, payload, &err) < 0)
                        abort();
        struct buf out;
        buf_init(&out, TEXT);
        if (result_write(result, 1, keep, &out, &err) < 0 || !json_valid(sv_n(out.data, out.len)))
                abort();
        buf_done(&out);
        result_free(result);
        free(channel.statistics_json);
        buf_done(&channel.out);
        buf_done(&channel.verdict);
        arena_done(&run.arena);
        buf_done(&in);
        return 0;
}
