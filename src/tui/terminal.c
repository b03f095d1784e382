#include "tui/terminal.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "tui/direct_colour.h"
#include "tui/emergency.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include <curses.h>

enum { PAIRS_MAX = 4096, DEFAULT_COLOUR = -1, SIZE_ROWS = 24, SIZE_COLUMNS = 80 };

/* of <term.h>, whose macros would take the names of half of this file */
int setupterm(const char *kind, int fd, int *status);

/* ncurses has one screen at a time, and so has this. */
static struct {
        SCREEN *screen;
        FILE *out, *in;
        int fd, input_fd;
        struct termios before;
        bool open, mouse, extras; /* extras: the terminal knows xterm's modes */
        bool broken;              /* the terminal hung up: nothing is written to it any more */
        const struct look *look;
        struct cell *drawn; /* what the screen shows */
        int rows, columns;
        struct {
                int foreground, background;
        } pairs[PAIRS_MAX];
        int pair_count;
} the = { .fd = -1, .input_fd = -1 };

static const char extras_on[] = "\033[?1004h\033[?2004h";
static const char extras_off[] = "\033[?2004l\033[?1004l";
static const char mouse_on[] = "\033[?1000h\033[?1002h\033[?1006h";
static const char mouse_off[] = "\033[?1006l\033[?1002l\033[?1000l";

bool curses_available(void)
{
        const char *kind = getenv("TERM");
        return isatty(STDOUT_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

/* Nobody answers to these: a terminal that does not know them may show them. */
static bool knows_modes(const char *kind)
{
        static const char *const kinds[] = { "xterm", "screen", "tmux", "rxvt", "alacritty", "foot", "kitty", "wezterm",
                "st-", "contour", "konsole", "vte", "gnome", "putty", "mlterm", "Eterm" };
        for (size_t i = 0; kind && i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (strncmp(kind, kinds[i], strlen(kinds[i])) == 0)
                        return true;
        return false;
}

static bool begins(const char *text, const char *beginning)
{
        return text && strncmp(text, beginning, strlen(beginning)) == 0;
}

/* An entry with 24-bit colours for this terminal; NULL where none of them fits. */
static const char *direct_entry(const char *kind, const char **ret_name)
{
        if (!knows_modes(kind))
                return NULL;
        bool multiplexed = begins(kind, "tmux") || begins(kind, "screen");
        *ret_name = multiplexed ? "tarsier-tmux" : "tarsier-xterm";
        return multiplexed ? direct_tmux : direct_xterm;
}

enum colour_depth terminal_depth(enum colour_depth wish)
{
        const char *name, *kind = getenv("TERM");
        int status;
        if (wish == COLOUR_NONE || (wish == COLOUR_TRUE && direct_entry(kind, &name)))
                return wish;
        if (setupterm(kind, STDOUT_FILENO, &status) == ERR)
                return wish; /* which opening it will say */
        int colours = tigetnum("colors");
        enum colour_depth most = colours >= 256 ? COLOUR_256 : colours >= 8 ? COLOUR_16 : COLOUR_NONE;
        return wish < most ? wish : most;
}

static void put_text(const char *text)
{
        size_t length = strlen(text);
        while (length && !the.broken) {
                ssize_t n = write(the.fd, text, length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        the.broken = true;
                        return;
                }
                text += n;
                length -= (size_t)n;
        }
}

/* A capability without its padding ("$<5>"): no terminal of today needs it, and a handler could not wait. */
static void add_capability(char *reset, size_t size, const char *name)
{
        const char *text = tigetstr(name);
        size_t n = strlen(reset);
        if (!text || text == (char *)-1)
                return;
        for (; *text && n + 1 < size; text++) {
                if (text[0] == '$' && text[1] == '<') {
                        const char *end = strchr(text, '>');
                        if (!end)
                                break;
                        text = end;
                        continue;
                }
                reset[n++] = *text;
        }
        reset[n] = '\0';
}

static void reset_text(char *reset, size_t size)
{
        reset[0] = '\0';
        if (the.extras)
                snprintf(reset, size, "%s%s", mouse_off, extras_off);
        add_capability(reset, size, "sgr0");
        add_capability(reset, size, "rmkx");
        add_capability(reset, size, "rmcup");
        add_capability(reset, size, "cnorm");
}

static void take_modes(void)
{
        if (the.extras)
                put_text(extras_on);
        if (the.extras && the.mouse)
                put_text(mouse_on);
}

static void leave_modes(void)
{
        if (!the.extras)
                return;
        put_text(mouse_off);
        put_text(extras_off);
}

static bool has_capability(const char *name)
{
        const char *text = tigetstr(name);
        return text && text != (char *)-1;
}

static int fail_terminal(struct error *err)
{
        const char *kind = getenv("TERM");
        return fail(err, E_UNSUPPORTED, "the terminal \"%.60s\" is not known; TERM names it", kind ? kind : "");
}

static int open_streams(struct error *err)
{
        the.fd = dup(STDOUT_FILENO);
        the.input_fd = isatty(STDIN_FILENO) ? dup(STDIN_FILENO) : open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (the.fd < 0 || the.input_fd < 0)
                return fail_errno(err, "the terminal");
        (void)fcntl(the.fd, F_SETFD, FD_CLOEXEC);
        (void)fcntl(the.input_fd, F_SETFD, FD_CLOEXEC);
        the.out = fdopen(the.fd, "w");
        the.in = fdopen(the.input_fd, "r");
        if (!the.out || !the.in)
                return fail_errno(err, "the terminal");
        if (tcgetattr(the.fd, &the.before) < 0)
                return fail_errno(err, "the terminal");
        return 0;
}

static void set_up_screen(void)
{
        (void)raw();
        (void)noecho();
        (void)nonl();
        (void)curs_set(0);
        (void)leaveok(stdscr, FALSE);
        (void)idlok(stdscr, FALSE);
        if (the.look->depth != COLOUR_NONE && has_colors()) {
                (void)start_color();
                (void)use_default_colors();
        }
        the.pair_count = 1; /* 0: the terminal's own colours */
}

/* The loop holds SIGTSTP and reads it from a descriptor. Its disposition matters all the same: where it is the default,
 * curses has it ignored while it draws (lib_tstp.c), and a signal that waits is thrown away by that. */
static void never_called(int number)
{
        (void)number;
}

static int curses_open(const struct look *look, bool mouse, struct error *err)
{
        char reset[EMERGENCY_RESET_MAX];
        const char *kind = getenv("TERM");
        int status;
        the.look = look;
        the.mouse = mouse;
        the.extras = knows_modes(kind);
        if (open_streams(err) < 0)
                return -1;
        const char *terminfo = getenv("TERMINFO");
        const char *entry = look->depth == COLOUR_TRUE ? direct_entry(kind, &kind) : NULL;
        if (entry)
                setenv("TERMINFO", entry, 1);
        /* newterm ends the program where it does not know the terminal */
        if (setupterm(kind, the.fd, &status) == ERR || !has_capability("cup"))
                return fail_terminal(err);
        reset_text(reset, sizeof(reset));
        if (emergency_arm(the.fd, &the.before, reset, err) < 0)
                return -1;
        (void)use_env(TRUE);
        (void)use_tioctl(TRUE);
        (void)signal(SIGTSTP, never_called);
        the.screen = newterm(kind, the.out, the.in);
        if (entry && terminfo)
                setenv("TERMINFO", terminfo, 1);
        else if (entry)
                unsetenv("TERMINFO");
        if (!the.screen) {
                (void)signal(SIGTSTP, SIG_DFL);
                emergency_disarm();
                return fail_terminal(err);
        }
        the.open = true;
        set_up_screen();
        take_modes();
        /* the shell that holds the terminal may die without telling: SIGHUP then, as if the terminal had */
        (void)prctl(PR_SET_PDEATHSIG, SIGHUP);
        return 0;
}

static void curses_close(void)
{
        if (!the.open)
                return;
        the.open = false;
        leave_modes();
        if (!the.broken)
                (void)endwin();
        (void)tcsetattr(the.fd, TCSANOW, &the.before);
        (void)signal(SIGTSTP, SIG_DFL);
        emergency_disarm();
        free(the.drawn);
        the.drawn = NULL;
}

static int curses_input_fd(void)
{
        return the.input_fd;
}

static void curses_size(int *ret_rows, int *ret_columns)
{
        struct winsize size = { 0 };
        *ret_rows = SIZE_ROWS;
        *ret_columns = SIZE_COLUMNS;
        if (ioctl(the.fd, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
                *ret_rows = size.ws_row;
                *ret_columns = size.ws_col;
        } else if (tigetnum("lines") > 0 && tigetnum("cols") > 0) { /* of the terminal's description */
                *ret_rows = tigetnum("lines");
                *ret_columns = tigetnum("cols");
        }
        if (*ret_rows > CANVAS_ROWS_MAX)
                *ret_rows = CANVAS_ROWS_MAX;
        if (*ret_columns > CANVAS_COLUMNS_MAX)
                *ret_columns = CANVAS_COLUMNS_MAX;
}

/* ---- drawing ---- */

static int colour_number(struct colour colour)
{
        return colour.kind == COLOUR_UNSET ? DEFAULT_COLOUR : (int)colour.value;
}

static int pair_of(const struct style *style)
{
        int foreground = colour_number(style->foreground), background = colour_number(style->background);
        if ((foreground == DEFAULT_COLOUR && background == DEFAULT_COLOUR) || !has_colors())
                return 0;
        for (int i = 1; i < the.pair_count; i++)
                if (the.pairs[i].foreground == foreground && the.pairs[i].background == background)
                        return i;
        if (the.pair_count >= PAIRS_MAX || the.pair_count >= COLOR_PAIRS)
                return 0;
        if (init_extended_pair(the.pair_count, foreground, background) == ERR)
                return 0;
        the.pairs[the.pair_count].foreground = foreground;
        the.pairs[the.pair_count].background = background;
        return the.pair_count++;
}

static attr_t attributes_of(unsigned attributes)
{
        attr_t bits = 0;
        if (attributes & STYLE_BOLD)
                bits |= A_BOLD;
        if (attributes & STYLE_FAINT)
                bits |= A_DIM;
        if (attributes & STYLE_ITALIC)
                bits |= A_ITALIC;
        if (attributes & STYLE_UNDERLINE)
                bits |= A_UNDERLINE;
        if (attributes & STYLE_REVERSE)
                bits |= A_REVERSE;
        return bits;
}

/* The letters of a cell as ncurses counts them: where its locale knows another width, a sign of the right one. */
static void letters_of(const struct cell *cell, wchar_t *ret)
{
        struct sv text = sv_of(cell->text);
        uint32_t rune;
        int count = 0;
        while (text.n && count < CCHARW_MAX) {
                size_t n = utf8_decode(text, &rune);
                if (!n)
                        break;
                int width = wcwidth((wchar_t)rune);
                if (count == 0 && (width < 1 || width > cell->columns)) {
                        rune = '?';
                        text.n = n;
                } else if (count > 0 && width != 0) {
                        break; /* joined pictures: the first of them */
                }
                ret[count++] = (wchar_t)rune;
                text = sv_n(text.p + n, text.n - n);
        }
        if (count == 0)
                ret[count++] = L' ';
        ret[count] = L'\0';
}

static void draw_cell(int row, int column, const struct cell *cell)
{
        wchar_t letters[CCHARW_MAX + 1];
        cchar_t shown;
        if (cell->columns == 0)
                return;
        struct style style = look_style(the.look, cell->role, cell->ground, cell->attributes);
        int pair = pair_of(&style);
        letters_of(cell, letters);
        (void)setcchar(&shown, letters, attributes_of(style.attributes), 0, &pair);
        (void)mvadd_wch(row, column, &shown);
        if (cell->columns == 2 && wcwidth(letters[0]) == 1) { /* ours is wide and that of the locale is not */
                (void)setcchar(&shown, L" ", attributes_of(style.attributes), 0, &pair);
                (void)mvadd_wch(row, column + 1, &shown);
        }
}

static bool cell_eq(const struct cell *a, const struct cell *b)
{
        return a->role == b->role && a->ground == b->ground && a->attributes == b->attributes &&
               a->columns == b->columns && strcmp(a->text, b->text) == 0;
}

static int make_room(const struct canvas *canvas)
{
        size_t count = (size_t)canvas->rows * (size_t)canvas->columns;
        free(the.drawn);
        the.drawn = malloc(count * sizeof(*the.drawn));
        if (!the.drawn)
                return -1;
        the.rows = canvas->rows;
        the.columns = canvas->columns;
        (void)resizeterm(canvas->rows, canvas->columns);
        return 0;
}

static bool hung_up(void)
{
        struct pollfd poll_fd = { .fd = the.fd, .events = POLLOUT };
        return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL);
}

static int curses_draw(const struct canvas *canvas, bool all)
{
        if (!the.open)
                return 0;
        if (hung_up()) {
                the.broken = true;
                return -1;
        }
        bool resized = !the.drawn || canvas->rows != the.rows || canvas->columns != the.columns;
        if (resized && make_room(canvas) < 0)
                return -1;
        if (all || resized)
                (void)clear(); /* and clearok: every cell is written anew */
        for (int row = 0; row < canvas->rows; row++) {
                size_t first = (size_t)row * (size_t)canvas->columns;
                for (int column = 0; column < canvas->columns; column++) {
                        const struct cell *cell = &canvas->cells[first + (size_t)column];
                        if (all || resized || !cell_eq(cell, &the.drawn[first + (size_t)column]))
                                draw_cell(row, column, cell);
                }
        }
        memcpy(the.drawn, canvas->cells, (size_t)canvas->rows * (size_t)canvas->columns * sizeof(*the.drawn));
        bool cursor = canvas->cursor_row >= 0;
        (void)curs_set(cursor ? 1 : 0);
        if (cursor)
                (void)move(canvas->cursor_row, canvas->cursor_column);
        emergency_let_signals();
        (void)wnoutrefresh(stdscr);
        (void)doupdate();
        emergency_hold_signals();
        return 0;
}

/* ---- ^Z ---- */

static void curses_resume(void)
{
        if (!the.open)
                return;
        (void)reset_prog_mode();
        (void)raw();
        take_modes();
        (void)clearok(stdscr, TRUE);
        (void)refresh();
}

static void curses_suspend(void)
{
        if (!the.open)
                return;
        leave_modes();
        (void)endwin();
        (void)tcsetattr(the.fd, TCSANOW, &the.before);
        /* SIGTSTP as the kernel sends it, so that a process without a shell to wake it does not stop */
        sigset_t set, before;
        struct sigaction action = { .sa_handler = SIG_DFL }, old;
        sigemptyset(&set);
        sigaddset(&set, SIGTSTP);
        (void)sigaction(SIGTSTP, &action, &old);
        (void)raise(SIGTSTP);
        (void)sigprocmask(SIG_UNBLOCK, &set, &before);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        (void)sigaction(SIGTSTP, &old, NULL);
        curses_resume();
}

static void curses_mouse(bool on)
{
        the.mouse = on;
        if (the.open && the.extras)
                put_text(on ? mouse_on : mouse_off);
}

static void curses_bell(void)
{
        if (the.open)
                (void)beep();
}

const struct tui_backend curses_backend = {
        .open = curses_open,
        .close = curses_close,
        .input_fd = curses_input_fd,
        .size = curses_size,
        .draw = curses_draw,
        .suspend = curses_suspend,
        .resume = curses_resume,
        .mouse = curses_mouse,
        .bell = curses_bell,
};
