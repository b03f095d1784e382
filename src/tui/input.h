/* Keys, the mouse, pastes and focus out of the bytes of a terminal: a pure decoder. It knows what xterm, rxvt, linux,
 * screen, tmux and those that follow them send (ctlseqs.txt of xterm, console_codes(4)), so that no terminal database
 * decides what a key is. Sources: ECMA-48 for the shape of sequences, xterm's "modifyOtherKeys" and CSI u for keys with
 * modifiers. Nothing that comes can make it grow: a sequence longer than INPUT_SEQUENCE_MAX is dropped and counted, a
 * paste is handed out in pieces of INPUT_PASTE_MAX. */
#pragma once

#include "base/sv.h"
#include "base/timefmt.h"

enum key_code {
        KEYSYM_RUNE, /* a letter: .rune */
        KEYSYM_ENTER,
        KEYSYM_TAB,
        KEYSYM_BACKSPACE,
        KEYSYM_ESCAPE,
        KEYSYM_UP,
        KEYSYM_DOWN,
        KEYSYM_LEFT,
        KEYSYM_RIGHT,
        KEYSYM_HOME,
        KEYSYM_END,
        KEYSYM_PAGE_UP,
        KEYSYM_PAGE_DOWN,
        KEYSYM_INSERT,
        KEYSYM_DELETE,
        KEYSYM_F1, /* … F12 in order */
        KEYSYM_F12 = KEYSYM_F1 + 11,
        KEYSYM_CODES_MAX
};

enum key_modifier { KEY_SHIFT = 1, KEY_ALT = 2, KEY_CONTROL = 4 };

/* Shift is told of codes only: a letter comes as it is ('G', not shift and 'g'). Control with a letter is the small
 * letter and KEY_CONTROL. Space is the rune ' '. */
struct key {
        enum key_code code;
        uint32_t rune;
        unsigned modifiers;
};

enum mouse_action { MOUSE_PRESS, MOUSE_RELEASE, MOUSE_DRAG, MOUSE_WHEEL_UP, MOUSE_WHEEL_DOWN };

struct mouse {
        enum mouse_action action;
        unsigned button; /* 1 left, 2 middle, 3 right; 0: not told */
        int row, column; /* from 0 */
        unsigned modifiers;
};

enum input_kind { INPUT_KEY, INPUT_MOUSE, INPUT_PASTE, INPUT_FOCUS };

struct input_event {
        enum input_kind kind;
        struct key key;
        struct mouse mouse;
        struct sv paste; /* valid during the call; long ones come in pieces */
        bool focused;
};

enum { INPUT_SEQUENCE_MAX = 64, INPUT_PASTE_MAX = 4096 };
#define INPUT_ESCAPE_NS (30 * MILLISECOND) /* an Esc that nothing follows within this time is the key */

struct input {
        unsigned char bytes[INPUT_SEQUENCE_MAX]; /* an open sequence or letter */
        size_t count;
        bool pasting;
        char paste[INPUT_PASTE_MAX];
        size_t paste_length;
        bool dropping;    /* inside of a sequence that was too long, until its end */
        uint64_t dropped; /* bytes that are no letter and no known sequence */
};

typedef void input_fn(const struct input_event *event, void *cookie);

void input_init(struct input *input);
/* Calls fn for each event that is complete. */
void input_feed(struct input *input, struct sv bytes, input_fn *fn, void *cookie);
/* Is something open that time may end? Then call input_timeout once INPUT_ESCAPE_NS passed without bytes. */
bool input_pending(const struct input *input);
void input_timeout(struct input *input, input_fn *fn, void *cookie);

/* "Up", "C-c", "M-x", "S-Tab", "F5", "Space", "Enter", "g": the names of the key table. ret has KEY_NAME_MAX bytes. */
enum { KEY_NAME_MAX = 32 };
void key_text(const struct key *key, char *ret);
bool key_parse(struct sv name, struct key *ret);
bool key_eq(const struct key *a, const struct key *b);
