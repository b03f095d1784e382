#include "tui/input.h"

#include "base/encode.h"

static const char *const code_names[KEYSYM_CODES_MAX] = {
        [KEYSYM_ENTER] = "Enter",
        [KEYSYM_TAB] = "Tab",
        [KEYSYM_BACKSPACE] = "Backspace",
        [KEYSYM_ESCAPE] = "Esc",
        [KEYSYM_UP] = "Up",
        [KEYSYM_DOWN] = "Down",
        [KEYSYM_LEFT] = "Left",
        [KEYSYM_RIGHT] = "Right",
        [KEYSYM_HOME] = "Home",
        [KEYSYM_END] = "End",
        [KEYSYM_PAGE_UP] = "PageUp",
        [KEYSYM_PAGE_DOWN] = "PageDown",
        [KEYSYM_INSERT] = "Insert",
        [KEYSYM_DELETE] = "Delete",
        [KEYSYM_F1] = "F1",
        [KEYSYM_F1 + 1] = "F2",
        [KEYSYM_F1 + 2] = "F3",
        [KEYSYM_F1 + 3] = "F4",
        [KEYSYM_F1 + 4] = "F5",
        [KEYSYM_F1 + 5] = "F6",
        [KEYSYM_F1 + 6] = "F7",
        [KEYSYM_F1 + 7] = "F8",
        [KEYSYM_F1 + 8] = "F9",
        [KEYSYM_F1 + 9] = "F10",
        [KEYSYM_F1 + 10] = "F11",
        [KEYSYM_F12] = "F12",
};

static size_t rune_write(uint32_t rune, char *ret)
{
        static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        size_t length = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
        for (size_t i = length - 1; i > 0; i--) {
                ret[i] = (char)(0x80 | (rune & 0x3f));
                rune >>= 6;
        }
        ret[0] = (char)(length == 1 ? rune : first[length] | rune);
        return length;
}

void key_text(const struct key *key, char *ret)
{
        const char *name = key->code == KEYSYM_RUNE       ? (key->rune == ' ' ? "Space" : NULL)
                           : key->code < KEYSYM_CODES_MAX ? code_names[key->code]
                                                          : "";
        char rune[8] = "";
        if (!name) {
                rune[rune_write(key->rune, rune)] = '\0';
                name = rune;
        }
        snprintf(ret, KEY_NAME_MAX, "%s%s%s%s", key->modifiers & KEY_CONTROL ? "C-" : "",
                key->modifiers & KEY_ALT ? "M-" : "", key->modifiers & KEY_SHIFT ? "S-" : "", name);
}

bool key_eq(const struct key *a, const struct key *b)
{
        return a->code == b->code && a->modifiers == b->modifiers && (a->code != KEYSYM_RUNE || a->rune == b->rune);
}

bool key_parse(struct sv name, struct key *ret)
{
        struct key key = { 0 };
        while (name.n > 2 && name.p[1] == '-') {
                unsigned modifier = name.p[0] == 'C'   ? KEY_CONTROL
                                    : name.p[0] == 'M' ? KEY_ALT
                                    : name.p[0] == 'S' ? KEY_SHIFT
                                                       : 0;
                if (!modifier)
                        break;
                key.modifiers |= modifier;
                name = sv_n(name.p + 2, name.n - 2);
        }
        if (sv_eq(name, SV("Space"))) {
                key.rune = ' ';
                *ret = key;
                return true;
        }
        for (size_t i = 1; i < KEYSYM_CODES_MAX; i++) {
                if (!sv_eq(name, sv_of(code_names[i])))
                        continue;
                key.code = (enum key_code)i;
                *ret = key;
                return true;
        }
        if (name.n == 0 || utf8_decode(name, &key.rune) != name.n || key.rune <= ' ' || utf8_is_control(key.rune))
                return false;
        *ret = key;
        return true;
}
