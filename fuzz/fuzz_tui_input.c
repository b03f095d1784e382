/* The key decoder: whatever comes, cut anywhere, gives the same keys; each has a name that names it; nothing grows; and
 * after a pause the next key is understood. */
#include "base/buf.h"
#include "base/encode.h"
#include "tui/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { TEXT_MAX = 1 << 22 };

/* Events as text; pieces of one paste are joined. */
struct seen {
        struct buf text;
        bool pasting;
};

static void check_key(const struct key *key)
{
        char name[KEY_NAME_MAX];
        struct key again;
        if (key->code >= KEYSYM_CODES_MAX || key->modifiers > (KEY_SHIFT | KEY_ALT | KEY_CONTROL))
                abort();
        if (key->code == KEYSYM_RUNE &&
                (key->rune < ' ' || key->rune > 0x10ffff || (key->rune >= 0x7f && key->rune < 0xa0)))
                abort();
        key_text(key, name);
        if (strlen(name) >= KEY_NAME_MAX || !utf8_valid(sv_of(name)))
                abort();
        /* letters that steer the direction of writing are no names of keys */
        if (key_parse(sv_of(name), &again) ? !key_eq(key, &again) : !utf8_is_control(key->rune))
                abort();
}

static void see(const struct input_event *event, void *cookie)
{
        struct seen *seen = cookie;
        if (event->kind != INPUT_PASTE || !seen->pasting)
                buf_putc(&seen->text, '\n');
        seen->pasting = event->kind == INPUT_PASTE;
        switch (event->kind) {
        case INPUT_KEY:
                check_key(&event->key);
                buf_printf(&seen->text, "key %d %u %u", event->key.code, event->key.rune, event->key.modifiers);
                break;
        case INPUT_MOUSE:
                if (event->mouse.row < 0 || event->mouse.column < 0 || event->mouse.button > 3)
                        abort();
                buf_printf(&seen->text, "mouse %d %u %d %d", event->mouse.action, event->mouse.button, event->mouse.row,
                        event->mouse.column);
                break;
        case INPUT_PASTE:
                if (event->paste.n == 0 || event->paste.n > INPUT_PASTE_MAX)
                        abort();
                buf_append(&seen->text, event->paste.p, event->paste.n);
                break;
        case INPUT_FOCUS:
                buf_printf(&seen->text, "focus %d", event->focused);
                break;
        }
}

static void feed(struct input *input, struct seen *seen, struct sv text, size_t step)
{
        input_init(input);
        buf_init(&seen->text, TEXT_MAX);
        seen->pasting = false;
        while (text.n) {
                size_t n = step < text.n ? step : text.n;
                input_feed(input, sv_n(text.p, n), see, seen);
                if (input->count > INPUT_SEQUENCE_MAX || input->paste_length > INPUT_PASTE_MAX)
                        abort();
                text = sv_n(text.p + n, text.n - n);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct sv text = sv_n((const char *)bytes, size < 65536 ? size : 65536);
        static const size_t steps[] = { 65536, 1, 3, 7 };
        struct input whole, input;
        struct seen first, other;
        feed(&whole, &first, text, steps[0]);
        for (size_t i = 1; i < sizeof(steps) / sizeof(steps[0]); i++) {
                feed(&input, &other, text, steps[i]);
                if (!sv_eq(sv_n(buf_text(&other.text), other.text.len), sv_n(buf_text(&first.text), first.text.len)) ||
                        input.dropped != whole.dropped)
                        abort();
                buf_done(&other.text);
        }
        input_timeout(&whole, see, &first);
        if (input_pending(&whole))
                abort();
        if (!whole.pasting) {
                size_t before = first.text.len;
                input_feed(&whole, SV("x"), see, &first);
                if (!first.text.failed && strcmp(buf_text(&first.text) + before, "\nkey 0 120 0") != 0)
                        abort();
        }
        buf_done(&first.text);
        return 0;
}
