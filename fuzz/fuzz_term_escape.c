/* The filter before the terminal: whatever comes in, what goes out cannot steer; width, cutting and wrapping agree with
 * each other. */
#include "base/encode.h"
#include "term/escape.h"
#include "term/style.h"
#include "term/width.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* No control is in it, but SGR where that may pass. */
static void check_harmless(struct sv text, bool styles)
{
        while (text.n) {
                uint32_t code_point;
                size_t n = utf8_decode(text, &code_point);
                if (!n)
                        abort();
                if (styles && code_point == 0x1b) {
                        if (text.n < 3 || text.p[1] != '[')
                                abort();
                        for (n = 2; n < text.n && strchr("0123456789;:", text.p[n]); n++)
                                ;
                        if (n >= text.n || text.p[n++] != 'm' || n > TERM_SGR_MAX)
                                abort();
                } else if (utf8_is_control(code_point)) {
                        abort();
                }
                text = sv_n(text.p + n, text.n - n);
        }
}

static void check_width(struct sv text)
{
        size_t whole = term_width(text);
        for (size_t width = 1; width < 12; width++) {
                struct buf cut;
                buf_init(&cut, 1 << 20);
                if (term_truncate(&cut, text, width, true) > width || term_width(sv_n(buf_text(&cut), cut.len)) > width)
                        abort();
                if (whole <= width && !sv_eq(sv_n(buf_text(&cut), cut.len), text))
                        abort();
                buf_done(&cut);
                struct sv rest = text, line;
                size_t before = rest.n;
                while (term_wrap(&rest, width, &line)) {
                        if (rest.n >= before || (term_width(line) > width && width > 1))
                                abort();
                        before = rest.n;
                }
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct sv text = sv_n((const char *)bytes, size < 16384 ? size : 16384);
        static const struct theme none;
        const struct term term = { .depth = COLOUR_TRUE, .links = true, .utf8 = true, .theme = &none };
        for (int mode = TERM_SHOW; mode <= TERM_STYLES; mode++) {
                struct buf once, twice;
                buf_init(&once, 1 << 20);
                buf_init(&twice, 1 << 20);
                size_t changed = term_filter(&once, text, (enum term_filter_mode)mode);
                struct sv result = sv_n(buf_text(&once), once.len);
                check_harmless(result, mode == TERM_STYLES);
                if (!changed && mode != TERM_STYLES && !sv_eq(result, text))
                        abort();
                /* what was filtered needs no filter */
                if (term_filter(&twice, result, (enum term_filter_mode)mode) != 0)
                        abort();
                check_width(sv_n(result.p, result.n < 512 ? result.n : 512));
                buf_clear(&twice);
                style_put(&twice, &term, STYLE_PLAIN, text);
                check_harmless(sv_n(buf_text(&twice), twice.len), false);
                buf_done(&once);
                buf_done(&twice);
        }
        return 0;
}
