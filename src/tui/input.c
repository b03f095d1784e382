#include "tui/input.h"

#include "base/encode.h"

enum { BYTE_ESCAPE = 0x1b, PARAMETERS_MAX = 8 };

void input_init(struct input *input)
{
        *input = (struct input){ 0 };
}

/* ---- sequences ---- */

struct csi {
        char prefix; /* '<' '?' …, 0 for none */
        unsigned parameters[PARAMETERS_MAX];
        size_t count;
        char final;
};

static unsigned modifiers_of(unsigned parameter)
{
        unsigned bits = parameter > 1 && parameter <= 16 ? parameter - 1 : 0;
        return (bits & 1 ? KEY_SHIFT : 0) | (bits & (2 | 8) ? KEY_ALT : 0) | (bits & 4 ? KEY_CONTROL : 0);
}

static bool csi_parse(const unsigned char *bytes, size_t count, struct csi *ret)
{
        *ret = (struct csi){ .final = (char)bytes[count - 1] };
        size_t i = 0;
        if (count > 1 && bytes[0] >= '<' && bytes[0] <= '?')
                ret->prefix = (char)bytes[i++];
        bool digits = false;
        for (; i + 1 < count; i++) {
                unsigned char c = bytes[i];
                if (c >= '0' && c <= '9' && ret->count < PARAMETERS_MAX) {
                        unsigned *parameter = &ret->parameters[ret->count];
                        *parameter = *parameter < 100000 ? *parameter * 10 + (c - '0') : *parameter;
                        digits = true;
                } else if ((c == ';' || c == ':') && ret->count < PARAMETERS_MAX) {
                        ret->count++;
                        digits = false;
                } else {
                        return false;
                }
        }
        if (ret->count < PARAMETERS_MAX && (digits || ret->count))
                ret->count++;
        return true;
}

static unsigned csi_parameter(const struct csi *csi, size_t n, unsigned otherwise)
{
        return n < csi->count && csi->parameters[n] ? csi->parameters[n] : otherwise;
}

/* The letters that end cursor keys and the first four function keys, after CSI and SS3 alike. */
static bool code_of_letter(char letter, enum key_code *ret)
{
        static const struct {
                char letter;
                enum key_code code;
        } letters[] = {
                { 'A', KEYSYM_UP },
                { 'B', KEYSYM_DOWN },
                { 'C', KEYSYM_RIGHT },
                { 'D', KEYSYM_LEFT },
                { 'H', KEYSYM_HOME },
                { 'F', KEYSYM_END },
                { 'P', KEYSYM_F1 },
                { 'Q', KEYSYM_F1 + 1 },
                { 'R', KEYSYM_F1 + 2 },
                { 'S', KEYSYM_F1 + 3 },
                { 'M', KEYSYM_ENTER },
                { 'I', KEYSYM_TAB },
        };
        for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
                if (letters[i].letter != letter)
                        continue;
                *ret = letters[i].code;
                return true;
        }
        return false;
}

/* CSI N ~: vt220's keys, and those that rxvt numbers in its own way (7 and 8). */
static bool code_of_number(unsigned number, enum key_code *ret)
{
        static const unsigned char functions[] = { 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24 };
        static const enum key_code edit[] = { KEYSYM_HOME, KEYSYM_INSERT, KEYSYM_DELETE, KEYSYM_END, KEYSYM_PAGE_UP,
                KEYSYM_PAGE_DOWN, KEYSYM_HOME, KEYSYM_END };
        if (number >= 1 && number <= 8) {
                *ret = edit[number - 1];
                return true;
        }
        for (unsigned i = 0; i < sizeof(functions); i++) {
                if (functions[i] != number)
                        continue;
                *ret = KEYSYM_F1 + i;
                return true;
        }
        return false;
}

static void key_send(input_fn *fn, void *cookie, struct key key)
{
        fn(&(struct input_event){ .kind = INPUT_KEY, .key = key }, cookie);
}

/* What one byte from 0 to 0x7f is without anything before it. */
static struct key key_of_byte(unsigned char byte, unsigned modifiers)
{
        struct key key = { .modifiers = modifiers };
        if (byte == '\r' || byte == '\n') {
                key.code = KEYSYM_ENTER;
        } else if (byte == '\t') {
                key.code = KEYSYM_TAB;
        } else if (byte == 0x7f || byte == '\b') {
                key.code = KEYSYM_BACKSPACE;
        } else if (byte == BYTE_ESCAPE) {
                key.code = KEYSYM_ESCAPE;
        } else if (byte < ' ') {
                /* ^@ is what control and space send */
                key.rune = byte == 0 ? ' ' : byte < 27 ? (uint32_t)byte + 'a' - 1 : (uint32_t)byte + '@';
                key.modifiers |= KEY_CONTROL;
        } else {
                key.rune = byte;
        }
        return key;
}

/* A key told as a number: CSI 27 ; MODIFIER ; NUMBER ~ (modifyOtherKeys) and CSI NUMBER ; MODIFIER u. */
static bool key_of_code_point(unsigned number, unsigned modifiers, struct key *ret)
{
        if (number == 0 || number > 0x10ffff || (number >= 0xd800 && number < 0xe000) ||
                (number >= 0x80 && number < 0xa0))
                return false;
        if (number < 0x80) {
                *ret = key_of_byte((unsigned char)number, 0);
                if (ret->code == KEYSYM_RUNE && number >= 'A' && number <= 'Z' && modifiers & KEY_CONTROL)
                        ret->rune = number - 'A' + 'a';
        } else {
                *ret = (struct key){ .rune = number };
        }
        if (ret->code == KEYSYM_RUNE)
                modifiers &= ~(unsigned)KEY_SHIFT;
        ret->modifiers |= modifiers;
        return true;
}

static void mouse_send(unsigned bits, unsigned column, unsigned row, bool released, input_fn *fn, void *cookie)
{
        struct mouse mouse = { .row = (int)row - 1, .column = (int)column - 1 };
        if (bits & 4)
                mouse.modifiers |= KEY_SHIFT;
        if (bits & 8)
                mouse.modifiers |= KEY_ALT;
        if (bits & 16)
                mouse.modifiers |= KEY_CONTROL;
        unsigned low = bits & 3;
        if (bits & 64) {
                if (low > 1 || released)
                        return; /* wheels to the left and right */
                mouse.action = low ? MOUSE_WHEEL_DOWN : MOUSE_WHEEL_UP;
        } else {
                mouse.button = low == 3 ? 0 : low + 1;
                mouse.action = released || low == 3 ? MOUSE_RELEASE : MOUSE_PRESS;
                if (bits & 32)
                        mouse.action = MOUSE_DRAG;
        }
        if (row < 1 || column < 1)
                return;
        fn(&(struct input_event){ .kind = INPUT_MOUSE, .mouse = mouse }, cookie);
}

static bool csi_tilde(struct input *input, const struct csi *csi, unsigned extra, input_fn *fn, void *cookie)
{
        unsigned number = csi_parameter(csi, 0, 0);
        struct key key = { .modifiers = modifiers_of(csi_parameter(csi, 1, 1)) | extra };
        if (number == 200) {
                if (extra) /* nobody pastes with Alt */
                        key_send(fn, cookie, (struct key){ .code = KEYSYM_ESCAPE });
                input->pasting = true;
                input->paste_length = 0;
                return true;
        }
        if (number == 201)
                return true;
        if (number == 27)
                return key_of_code_point(csi_parameter(csi, 2, 0), key.modifiers, &key) ? key_send(fn, cookie, key),
                       true                                                             : false;
        if (!code_of_number(number, &key.code))
                return false;
        key_send(fn, cookie, key);
        return true;
}

/* A whole control sequence without its introducer. */
static bool csi_send(
        struct input *input, const unsigned char *bytes, size_t count, unsigned extra, input_fn *fn, void *cookie)
{
        struct csi csi;
        struct key key = { .modifiers = extra };
        /* the linux console: CSI [ A … E are F1 to F5 */
        if (count == 2 && bytes[0] == '[' && bytes[1] >= 'A' && bytes[1] <= 'E') {
                key.code = KEYSYM_F1 + (bytes[1] - 'A');
                key_send(fn, cookie, key);
                return true;
        }
        if (!csi_parse(bytes, count, &csi))
                return false;
        if (csi.prefix == '<' && (csi.final == 'M' || csi.final == 'm')) {
                if (csi.count == 3)
                        mouse_send(
                                csi.parameters[0], csi.parameters[1], csi.parameters[2], csi.final == 'm', fn, cookie);
                return csi.count == 3;
        }
        if (csi.prefix)
                return false;
        switch (csi.final) {
        case '~':
                return csi_tilde(input, &csi, extra, fn, cookie);
        case '^': /* rxvt: the same keys with control, '$' with shift, '@' with both */
        case '$':
        case '@':
                if (!code_of_number(csi_parameter(&csi, 0, 0), &key.code))
                        return false;
                key.modifiers |= csi.final == '^'   ? KEY_CONTROL
                                 : csi.final == '$' ? KEY_SHIFT
                                                    : KEY_CONTROL | KEY_SHIFT;
                key_send(fn, cookie, key);
                return true;
        case 'u':
                if (!key_of_code_point(
                            csi_parameter(&csi, 0, 0), modifiers_of(csi_parameter(&csi, 1, 1)) | extra, &key))
                        return false;
                key_send(fn, cookie, key);
                return true;
        case 'Z':
                key_send(fn, cookie, (struct key){ .code = KEYSYM_TAB, .modifiers = KEY_SHIFT | extra });
                return true;
        case 'I':
        case 'O':
                if (csi.count)
                        return false;
                fn(&(struct input_event){ .kind = INPUT_FOCUS, .focused = csi.final == 'I' }, cookie);
                return true;
        case 'a':
        case 'b':
        case 'c':
        case 'd': /* rxvt: arrows with shift */
                key.code = KEYSYM_UP + (csi.final - 'a');
                if (csi.final == 'c' || csi.final == 'd')
                        key.code = csi.final == 'c' ? KEYSYM_RIGHT : KEYSYM_LEFT;
                key.modifiers |= KEY_SHIFT;
                key_send(fn, cookie, key);
                return true;
        case 'M': /* no key in CSI: it begins a mouse report of X10 */
                return false;
        default:
                break;
        }
        if (!code_of_letter(csi.final, &key.code))
                return false;
        key.modifiers |= modifiers_of(csi_parameter(&csi, 1, 1));
        key_send(fn, cookie, key);
        return true;
}

static bool ss3_send(unsigned char letter, unsigned modifier, unsigned extra, input_fn *fn, void *cookie)
{
        struct key key = { .modifiers = modifiers_of(modifier) | extra };
        if (letter >= 'a' && letter <= 'd') { /* rxvt: arrows with control */
                key.code = letter == 'a'   ? KEYSYM_UP
                           : letter == 'b' ? KEYSYM_DOWN
                           : letter == 'c' ? KEYSYM_RIGHT
                                           : KEYSYM_LEFT;
                key.modifiers |= KEY_CONTROL;
        } else if (letter >= 'j' && letter <= 'y') { /* the keypad in application mode */
                key.rune = (uint32_t) "*+,-./0123456789"[letter - 'j'];
        } else if (!code_of_letter((char)letter, &key.code)) {
                return false;
        }
        key_send(fn, cookie, key);
        return true;
}

/* ---- letters ---- */

/* Bytes of the letter that begins with this byte; 0: none begins with it. */
static size_t utf8_length(unsigned char byte)
{
        return byte < 0x80                   ? 1
               : byte >= 0xc2 && byte < 0xe0 ? 2
               : byte >= 0xe0 && byte < 0xf0 ? 3
               : byte >= 0xf0 && byte < 0xf5 ? 4
                                             : 0;
}

/* ---- the open sequence ---- */

enum taken { TAKEN_NOTHING, TAKEN_ALL, TAKEN_BAD, TAKEN_LONG };

/* Looks at a sequence behind its CSI: bytes[0..count). */
static enum taken take_csi(
        struct input *input, const unsigned char *bytes, size_t count, unsigned extra, input_fn *fn, void *cookie)
{
        if (count == 0)
                return TAKEN_NOTHING;
        unsigned char last = bytes[count - 1];
        if (bytes[0] == 'M') { /* X10: three bytes follow */
                if (count < 4)
                        return TAKEN_NOTHING;
                if (bytes[1] < 32 || bytes[2] < 33 || bytes[3] < 33)
                        return TAKEN_BAD;
                mouse_send(bytes[1] - 32U, bytes[2] - 32U, bytes[3] - 32U, false, fn, cookie);
                return TAKEN_ALL;
        }
        if (bytes[0] == '[') { /* the linux console's function keys */
                if (count < 2)
                        return TAKEN_NOTHING;
        } else if (last >= 0x20 && last < 0x40 && !(last == '$' && count > 1 && bytes[0] >= '0' && bytes[0] <= '9')) {
                return TAKEN_NOTHING;
        } else if (last < 0x20 || last > 0x7e) {
                return TAKEN_BAD;
        }
        return csi_send(input, bytes, count, extra, fn, cookie) ? TAKEN_ALL : TAKEN_BAD;
}

static enum taken take_ss3(const unsigned char *bytes, size_t count, unsigned extra, input_fn *fn, void *cookie)
{
        if (count == 0)
                return TAKEN_NOTHING;
        unsigned modifier = 1;
        if (bytes[0] >= '1' && bytes[0] <= '9') { /* SS3 5 P: konsole's modifier */
                if (count == 1)
                        return TAKEN_NOTHING;
                modifier = bytes[0] - '0';
        }
        return ss3_send(bytes[count - 1], modifier, extra, fn, cookie) ? TAKEN_ALL : TAKEN_BAD;
}

/* A letter, with Alt or without. */
static enum taken take_letter(const unsigned char *bytes, size_t count, unsigned extra, input_fn *fn, void *cookie)
{
        size_t length = utf8_length(bytes[0]);
        if (length == 0)
                return TAKEN_BAD;
        if (length == 1) {
                key_send(fn, cookie, key_of_byte(bytes[0], extra));
                return TAKEN_ALL;
        }
        if (count > 1 && (bytes[count - 1] & 0xc0) != 0x80)
                return TAKEN_BAD;
        if (count < length)
                return TAKEN_NOTHING;
        uint32_t rune;
        if (!utf8_decode(sv_n((const char *)bytes, length), &rune) || (rune >= 0x80 && rune < 0xa0))
                return TAKEN_BAD;
        key_send(fn, cookie, (struct key){ .rune = rune, .modifiers = extra });
        return TAKEN_ALL;
}

/* DCS, OSC, APC, PM and SOS are answers that nobody asked for: dropped until ST or BEL. */
static bool opens_string(unsigned char byte)
{
        return byte == 'P' || byte == ']' || byte == '_' || byte == '^' || byte == 'X';
}

static enum taken take_open(struct input *input, input_fn *fn, void *cookie)
{
        const unsigned char *bytes = input->bytes;
        size_t count = input->count;
        if (bytes[0] != BYTE_ESCAPE)
                return take_letter(bytes, count, 0, fn, cookie);
        unsigned extra = 0;
        if (count > 1 && bytes[1] == BYTE_ESCAPE) { /* rxvt and others: Esc before a sequence is Alt */
                bytes++;
                count--;
                extra = KEY_ALT;
        }
        if (count == 1)
                return TAKEN_NOTHING;
        if (bytes[1] == '[')
                return take_csi(input, bytes + 2, count - 2, extra, fn, cookie);
        if (bytes[1] == 'O')
                return take_ss3(bytes + 2, count - 2, extra, fn, cookie);
        if (extra) { /* the first one was a key of its own */
                key_send(fn, cookie, (struct key){ .code = KEYSYM_ESCAPE });
                memmove(input->bytes, input->bytes + 1, --input->count);
                return bytes[1] == BYTE_ESCAPE ? TAKEN_NOTHING : take_open(input, fn, cookie);
        }
        if (opens_string(bytes[1]))
                return TAKEN_NOTHING;
        return take_letter(bytes + 1, count - 1, KEY_ALT, fn, cookie);
}

/* Inside of OSC … ST: does this byte end it? */
static bool string_ends(const struct input *input)
{
        size_t n = input->count;
        return n > 2 && opens_string(input->bytes[1]) &&
               (input->bytes[n - 1] == '\a' || (input->bytes[n - 1] == '\\' && input->bytes[n - 2] == BYTE_ESCAPE));
}

static void feed_byte(struct input *input, unsigned char byte, input_fn *fn, void *cookie)
{
        if (input->dropping) { /* a sequence that was too long: until its final byte, or a new one */
                input->dropped++;
                bool string = input->count && opens_string(input->bytes[1]);
                bool ends = string ? byte == '\a' || byte == '\\' : byte >= 0x40 && byte <= 0x7e;
                if (ends || (byte == BYTE_ESCAPE && !string)) {
                        input->dropping = false;
                        input->count = 0;
                }
                if (!(byte == BYTE_ESCAPE && !string))
                        return;
                input->dropped--;
        }
        input->bytes[input->count++] = byte;
        enum taken taken = string_ends(input) ? TAKEN_BAD : take_open(input, fn, cookie);
        if (taken == TAKEN_NOTHING && input->count == INPUT_SEQUENCE_MAX) {
                input->dropped += input->count;
                input->dropping = true;
                return;
        }
        if (taken == TAKEN_NOTHING)
                return;
        size_t count = input->count;
        input->count = 0;
        if (taken != TAKEN_BAD)
                return;
        /* what broke a letter or a sequence may itself begin something */
        if (count > 1 && (byte == BYTE_ESCAPE || (input->bytes[0] != BYTE_ESCAPE && (byte & 0xc0) != 0x80))) {
                input->dropped += count - 1;
                feed_byte(input, byte, fn, cookie);
                return;
        }
        input->dropped += count;
}

static void paste_flush(struct input *input, input_fn *fn, void *cookie)
{
        if (input->paste_length)
                fn(&(struct input_event){ .kind = INPUT_PASTE, .paste = sv_n(input->paste, input->paste_length) },
                        cookie);
        input->paste_length = 0;
}

/* Everything is text until CSI 201 ~. */
static void feed_paste(struct input *input, unsigned char byte, input_fn *fn, void *cookie)
{
        static const char end[] = "\033[201~";
        enum { END_LENGTH = sizeof(end) - 1 };
        input->paste[input->paste_length++] = (char)byte;
        if (input->paste_length >= END_LENGTH &&
                memcmp(input->paste + input->paste_length - END_LENGTH, end, END_LENGTH) == 0) {
                input->paste_length -= END_LENGTH;
                input->pasting = false;
                paste_flush(input, fn, cookie);
                return;
        }
        if (input->paste_length < INPUT_PASTE_MAX)
                return;
        /* the end may have begun: what could be its beginning stays */
        size_t keep = END_LENGTH - 1;
        char tail[END_LENGTH];
        memcpy(tail, input->paste + INPUT_PASTE_MAX - keep, keep);
        input->paste_length -= keep;
        paste_flush(input, fn, cookie);
        memcpy(input->paste, tail, keep);
        input->paste_length = keep;
}

void input_feed(struct input *input, struct sv bytes, input_fn *fn, void *cookie)
{
        for (size_t i = 0; i < bytes.n; i++) {
                unsigned char byte = (unsigned char)bytes.p[i];
                if (input->pasting)
                        feed_paste(input, byte, fn, cookie);
                else
                        feed_byte(input, byte, fn, cookie);
        }
}

bool input_pending(const struct input *input)
{
        return input->count > 0 && !input->pasting;
}

void input_timeout(struct input *input, input_fn *fn, void *cookie)
{
        size_t count = input->count;
        if (!input_pending(input))
                return;
        input->count = 0;
        if (input->dropping) {
                input->dropping = false;
                return;
        }
        if (input->bytes[0] == BYTE_ESCAPE && count == 1) {
                key_send(fn, cookie, (struct key){ .code = KEYSYM_ESCAPE });
        } else if (input->bytes[0] == BYTE_ESCAPE && count == 2 && input->bytes[1] == BYTE_ESCAPE) {
                key_send(fn, cookie, (struct key){ .code = KEYSYM_ESCAPE, .modifiers = KEY_ALT });
        } else if (input->bytes[0] == BYTE_ESCAPE && count == 2) {
                /* Alt and a letter that also introduces sequences: [ O P ] … */
                key_send(fn, cookie, key_of_byte(input->bytes[1], KEY_ALT));
        } else if (input->bytes[0] == BYTE_ESCAPE && count == 3 && input->bytes[1] == BYTE_ESCAPE) {
                key_send(fn, cookie, (struct key){ .code = KEYSYM_ESCAPE });
                key_send(fn, cookie, key_of_byte(input->bytes[2], KEY_ALT));
        } else {
                input->dropped += count;
        }
}
