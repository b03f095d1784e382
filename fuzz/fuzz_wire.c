/* Frames of a worker that lies: no crash, and whatever was taken the envelope is JSON. The first byte chooses the shape
 * of the result and how much it may hold. */
#include "base/cleanup.h"
#include "module/result.h"
#include "schema/json.h"

enum { TEXT = 64 << 20, SPOOL = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int keep(const void *bytes, size_t size, void *cookie)
{
        struct buf *out = cookie;
        buf_append(out, bytes, size);
        return out->failed ? -1 : 0;
}

static int see_row(const char *group, const char *label, struct sv json, void *cookie)
{
        size_t *seen = cookie;
        if (json.n && !json_valid(json))
                abort();
        *seen += (group != NULL) + (label != NULL);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct error err;
        if (size < 1)
                return 0;
        struct result *result =
                result_new((enum shape)(bytes[0] % (SHAPE_SCALAR + 1)), bytes[0] & 0x80 ? 64 : SPOOL, &err);
        struct buf input;
        buf_init(&input, size + 1);
        buf_append(&input, bytes + 1, size - 1);
        size_t at = 0;
        struct frame_header header;
        struct sv payload;
        size_t length;
        while (result && frame_next(&input, at, &header, &payload, &length, &err) > 0) {
                if (result_add_frame(result, &header, payload, &err) < 0) {
                        result_fail(result, &err);
                        break;
                }
                at += length;
        }
        size_t seen = 0;
        struct buf out;
        buf_init(&out, TEXT);
        if (!result || result_each_row(result, see_row, &seen, &err) < 0 ||
                result_write(result, 0, keep, &out, &err) < 0 || !json_valid(sv_n(out.data, out.len)))
                abort();
        buf_done(&out);
        buf_done(&input);
        result_free(result);
        return 0;
}
