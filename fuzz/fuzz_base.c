/* The pure text functions of base: no input may break them, and what they print they read back. */
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/path.h"
#include "base/timefmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void encodings(struct sv text)
{
        cleanup(buf_done) struct buf coded;
        cleanup(buf_done) struct buf plain;
        buf_init(&coded, 4 * text.n + 4);
        buf_init(&plain, 4 * text.n + 4);
        utf8_sanitize(text, &plain);
        require(!plain.failed && utf8_valid(sv_n(buf_text(&plain), plain.len)));
        require(!utf8_valid(text) || sv_eq(sv_n(buf_text(&plain), plain.len), text));

        buf_clear(&plain);
        base64_encode(text.p, text.n, &coded);
        require(base64_decode(sv_n(buf_text(&coded), coded.len), &plain));
        require(sv_eq(sv_n(buf_text(&plain), plain.len), text));
        buf_clear(&plain);
        base64_decode(text, &plain);

        buf_clear(&coded);
        hex_encode(text.p, text.n, &coded);
        size_t size;
        cleanup(free) uint8_t *bytes = malloc(text.n + 1);
        require(bytes && hex_decode(sv_n(buf_text(&coded), coded.len), bytes, text.n, &size) && size == text.n);
        hex_decode(text, bytes, text.n, &size);
}

static void paths(struct sv text)
{
        cleanup(buf_done) struct buf once;
        cleanup(buf_done) struct buf twice;
        buf_init(&once, text.n + 2);
        buf_init(&twice, text.n + 2);
        path_clean(text, &once);
        path_clean(sv_n(buf_text(&once), once.len), &twice);
        require(!once.failed && once.len > 0 && sv_eq(sv_n(once.data, once.len), sv_n(twice.data, twice.len)));
        require(path_base(text).n > 0 && path_dir(text).n > 0);
}

static void times(struct sv text)
{
        char printed[TIME_TEXT_MAX];
        int64_t ns;
        int64_t back;
        uint64_t bytes;
        if (time_parse(text, &ns)) {
                time_format_rfc3339(ns, printed);
                require(time_parse(sv_of(printed), &back) && back == ns);
        }
        if (duration_parse(text, &ns)) {
                duration_format(ns, printed);
                require(duration_parse(sv_of(printed), &back) && back == ns);
        }
        if (size_parse(text, &bytes))
                size_format(bytes, printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv text = sv_n((const char *)data, size);
        encodings(text);
        paths(text);
        times(text);
        for (struct sv rest = text, part; sv_split(&rest, ',', &part);)
                require(sv_find(part, ',') == part.n);
        return 0;
}
