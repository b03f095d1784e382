/* The key decoder: what terminals send is the key that was pressed; what is no key is counted and harms nothing. */
#include "base/buf.h"
#include "tui/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Events as words: "Up", "C-a", "press1@3,4", "paste(…)", "focus". */
static void see(const struct input_event *event, void *cookie)
{
        static const char *const actions[] = { "press", "release", "drag", "wheel-up", "wheel-down" };
        struct buf *out = cookie;
        char name[KEY_NAME_MAX];
        if (out->len)
                buf_putc(out, ' ');
        switch (event->kind) {
        case INPUT_KEY:
                key_text(&event->key, name);
                buf_puts(out, name);
                break;
        case INPUT_MOUSE:
                buf_printf(out, "%s%s%s%s%u@%d,%d", event->mouse.modifiers & KEY_CONTROL ? "C-" : "",
                        event->mouse.modifiers & KEY_ALT ? "M-" : "", event->mouse.modifiers & KEY_SHIFT ? "S-" : "",
                        actions[event->mouse.action], event->mouse.button, event->mouse.row, event->mouse.column);
                break;
        case INPUT_PASTE:
                buf_printf(out, "paste(%.*s)", SV_ARG(event->paste));
                break;
        case INPUT_FOCUS:
                buf_puts(out, event->focused ? "focus" : "blur");
                break;
        }
}

static uint64_t decode(struct sv bytes, bool timeout, struct buf *out)
{
        struct input input;
        input_init(&input);
        buf_init(out, 1 << 16);
        input_feed(&input, bytes, see, out);
        if (timeout)
                input_timeout(&input, see, out);
        return input.dropped;
}

#define assert_keys(bytes, expected)                                                                                   \
        do {                                                                                                           \
                struct buf out_;                                                                                       \
                assert_int_equal(decode(SV(bytes), false, &out_), 0);                                                  \
                assert_string_equal(buf_text(&out_), expected);                                                        \
                buf_done(&out_);                                                                                       \
        } while (0)

static void test_letters(void **state)
{
        (void)state;
        assert_keys("aG ", "a G Space");
        assert_keys("\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80", "\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80");
        assert_keys("\r\n\t\x7f\b", "Enter Enter Tab Backspace Backspace");
        assert_keys("\x01\x1a\x1c\x00", "C-a C-z C-\\ C-Space");
        assert_keys("\033a\033\xc3\xa9\033\r", "M-a M-\xc3\xa9 M-Enter");
}

/* What comes as one is more than one key where it cannot be one. */
static void test_esc_and_more(void **state)
{
        (void)state;
        assert_keys("\033\033a", "Esc M-a");
        assert_keys("\033\033\xc3\xa9", "Esc M-\xc3\xa9");
        assert_keys("\033\033\033a", "Esc Esc M-a");
        assert_keys("\033\033\033\033[A", "Esc Esc M-Up");
        assert_keys("\033\033[200~one\033[201~", "Esc paste(one)");
}

static void test_cursor_keys(void **state)
{
        (void)state;
        assert_keys("\033[A\033[B\033[C\033[D\033[H\033[F", "Up Down Right Left Home End"); /* xterm, normal */
        assert_keys("\033OA\033OB\033OC\033OD\033OH\033OF", "Up Down Right Left Home End"); /* application */
        assert_keys("\033[1~\033[4~\033[7~\033[8~", "Home End Home End");                   /* screen, linux, rxvt */
        assert_keys("\033[2~\033[3~\033[5~\033[6~", "Insert Delete PageUp PageDown");
        assert_keys("\033[1;5A\033[1;2B\033[1;3C\033[1;8D", "C-Up S-Down M-Right C-M-S-Left"); /* xterm's modifiers */
        assert_keys("\033[3;5~\033[5;3~", "C-Delete M-PageUp");
        assert_keys("\033Oa\033Od\033[a\033[d\033[3^\033[3$\033[3@",
                "C-Up C-Left S-Up S-Left C-Delete S-Delete C-S-Delete");
        assert_keys("\033\033[A\033\033OB", "M-Up M-Down"); /* rxvt, and Alt in screen */
        assert_keys("\033[Z", "S-Tab");
}

static void test_function_keys(void **state)
{
        (void)state;
        assert_keys("\033OP\033OQ\033OR\033OS", "F1 F2 F3 F4");
        assert_keys("\033[11~\033[12~\033[13~\033[14~\033[15~\033[17~", "F1 F2 F3 F4 F5 F6");
        assert_keys("\033[18~\033[19~\033[20~\033[21~\033[23~\033[24~", "F7 F8 F9 F10 F11 F12");
        assert_keys("\033[[A\033[[E", "F1 F5"); /* the linux console */
        assert_keys("\033[1;2P\033[15;5~", "S-F1 C-F5");
}

static void test_modify_other_keys(void **state)
{
        (void)state;
        assert_keys("\033[97;5u\033[27;5;97~\033[27;6;65~", "C-a C-a C-a");
        assert_keys("\033[13;2u\033[9;5u\033[127;3u\033[27u", "S-Enter C-Tab M-Backspace Esc");
        assert_keys("\033[233u\033[65;2u", "\xc3\xa9 A"); /* shift is in the letter */
        assert_keys("\033OM\033Oj\033Oy", "Enter * 9");   /* the keypad */
}

static void test_mouse(void **state)
{
        (void)state;
        assert_keys("\033[<0;4;3M\033[<0;4;3m", "press1@2,3 release1@2,3");
        assert_keys("\033[<2;1;1M\033[<1;300;200M", "press3@0,0 press2@199,299");
        assert_keys("\033[<64;5;5M\033[<65;5;5M", "wheel-up0@4,4 wheel-down0@4,4");
        assert_keys("\033[<32;2;2M\033[<16;2;2M\033[<8;1;1M", "drag1@1,1 C-press1@1,1 M-press1@0,0");
        assert_keys("\033[M !!\033[M#!!\033[M`!!", "press1@0,0 release0@0,0 wheel-up0@0,0"); /* X10 */
}

static void test_paste_and_focus(void **state)
{
        (void)state;
        assert_keys("\033[200~ls -l\n\033[31m\033[201~q", "paste(ls -l\n\033[31m) q");
        assert_keys("\033[I\033[O", "focus blur");
        /* longer than a piece: nothing is lost, and the end is found though it lies across two */
        struct buf text, out;
        struct input input;
        buf_init(&text, 1 << 16);
        buf_init(&out, 1 << 16);
        buf_puts(&text, "\033[200~");
        for (int i = 0; i < INPUT_PASTE_MAX + 3; i++)
                buf_putc(&text, 'x');
        buf_puts(&text, "\033[201~k");
        input_init(&input);
        input_feed(&input, sv_n(buf_text(&text), text.len), see, &out);
        assert_false(input.pasting);
        size_t xs = 0;
        for (size_t i = 0; i < out.len; i++)
                xs += out.data[i] == 'x';
        assert_int_equal(xs, INPUT_PASTE_MAX + 3);
        assert_true(sv_ends(sv_n(buf_text(&out), out.len), SV(" k")));
        buf_done(&text);
        buf_done(&out);
}

static void test_escape_alone(void **state)
{
        (void)state;
        struct input input;
        struct buf out;
        buf_init(&out, 1 << 16);
        input_init(&input);
        input_feed(&input, SV("\033"), see, &out);
        assert_true(input_pending(&input));
        assert_int_equal(out.len, 0); /* it may begin something */
        input_timeout(&input, see, &out);
        assert_string_equal(buf_text(&out), "Esc");
        assert_false(input_pending(&input));
        input_feed(&input, SV("\033["), see, &out);
        input_timeout(&input, see, &out);
        assert_string_equal(buf_text(&out), "Esc M-[");
        input_feed(&input, SV("\033"), see, &out); /* cut in the middle: not an Esc when the rest comes in time */
        input_feed(&input, SV("[A"), see, &out);
        assert_string_equal(buf_text(&out), "Esc M-[ Up");
        input_timeout(&input, see, &out); /* nothing is open: nothing happens */
        assert_string_equal(buf_text(&out), "Esc M-[ Up");
        buf_done(&out);
}

static void test_garbage(void **state)
{
        (void)state;
        struct buf out;
        assert_int_equal(decode(SV("\xff\xfe"
                                   "a"),
                                 false, &out),
                2);
        assert_string_equal(buf_text(&out), "a");
        buf_done(&out);
        assert_int_equal(decode(SV("\xc3"
                                   "b"),
                                 false, &out),
                1); /* a letter that is not finished */
        assert_string_equal(buf_text(&out), "b");
        buf_done(&out);
        assert_int_equal(decode(SV("\xed\xa0\x80\xf4\x90\x80\x80"
                                   "c"),
                                 false, &out),
                7); /* surrogate, beyond Unicode */
        assert_string_equal(buf_text(&out), "c");
        buf_done(&out);
        assert_true(decode(SV("\033[999~\033[?1;2cq"), false, &out) > 0); /* no key; an answer nobody asked for */
        assert_string_equal(buf_text(&out), "q");
        buf_done(&out);
        assert_true(decode(SV("\033]0;title\007\033Pdata\033\\q"), false, &out) > 0);
        assert_string_equal(buf_text(&out), "q");
        buf_done(&out);
}

static void test_bounded(void **state)
{
        (void)state;
        struct buf text, out;
        struct input input;
        buf_init(&text, 1 << 20);
        buf_init(&out, 1 << 16);
        buf_puts(&text, "\033[");
        for (int i = 0; i < 100000; i++)
                buf_puts(&text, "1;");
        buf_puts(&text, "Aq\033]");
        for (int i = 0; i < 100000; i++)
                buf_putc(&text, 't');
        buf_puts(&text, "\007w");
        input_init(&input);
        input_feed(&input, sv_n(buf_text(&text), text.len), see, &out);
        assert_string_equal(buf_text(&out), "q w");
        assert_true(input.dropped > 290000);
        buf_done(&text);
        buf_done(&out);
}

static void test_names(void **state)
{
        (void)state;
        static const char *const names[] = { "a", "C-a", "M-x", "S-Tab", "F12", "Space", "Enter", "C-M-S-Up", "/", "-",
                "\xc3\xa9" };
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct key key;
                char name[KEY_NAME_MAX];
                assert_true(key_parse(sv_of(names[i]), &key));
                key_text(&key, name);
                assert_string_equal(name, names[i]);
        }
        struct key key;
        assert_false(key_parse(SV("Nothing"), &key));
        assert_false(key_parse(SV(""), &key));
        assert_false(key_parse(SV("ab"), &key));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_letters),
                cmocka_unit_test(test_esc_and_more),
                cmocka_unit_test(test_cursor_keys),
                cmocka_unit_test(test_function_keys),
                cmocka_unit_test(test_modify_other_keys),
                cmocka_unit_test(test_mouse),
                cmocka_unit_test(test_paste_and_focus),
                cmocka_unit_test(test_escape_alone),
                cmocka_unit_test(test_garbage),
                cmocka_unit_test(test_bounded),
                cmocka_unit_test(test_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
