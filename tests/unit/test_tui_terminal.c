/* The terminal that curses draws on, in a child on a pseudoterminal: what it does to signals. */
#include "tui/terminal.h"

#include "tui/screen.h"

#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { FINE, CANNOT_OPEN, LOST_BY_OPENING, LOST_BY_DRAWING, LOST_BY_RESUMING };

static bool is_pending(int number)
{
        sigset_t set;
        return sigpending(&set) == 0 && sigismember(&set, number) == 1;
}

static int try(void)
{
        struct look look = { .theme = &tui_themes[0], .depth = COLOUR_16, .utf8 = true, .braille = true };
        struct canvas canvas;
        struct error err;
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTSTP);
        sigprocmask(SIG_BLOCK, &set, NULL); /* as the loop does, which reads it from a descriptor */
        kill(getpid(), SIGTSTP);
        setenv("TERM", "xterm", 1);
        if (canvas_init(&canvas, 24, 80, &look, &err) < 0 || curses_backend.open(&look, false, &err) < 0)
                return CANNOT_OPEN;
        int status = FINE;
        if (!is_pending(SIGTSTP))
                status = LOST_BY_OPENING;
        for (int i = 0; i < 3 && status == FINE; i++) {
                area_text(canvas_area(&canvas), i, 0, ROLE_TEXT, SV("a line"));
                (void)curses_backend.draw(&canvas, i == 0);
                if (!is_pending(SIGTSTP))
                        status = LOST_BY_DRAWING;
        }
        curses_backend.resume();
        if (status == FINE && !is_pending(SIGTSTP))
                status = LOST_BY_RESUMING;
        curses_backend.close();
        canvas_done(&canvas);
        return status;
}

/* A SIGTSTP that comes while a frame is drawn waits for the loop; curses would ignore it for that time, which throws it
 * away. */
static void test_a_stop_while_a_frame_is_drawn(void **state)
{
        (void)state;
        int terminal, status;
        char bytes[4096];
        struct winsize size = { .ws_row = 24, .ws_col = 80 };
        pid_t child = forkpty(&terminal, NULL, NULL, &size);
        assert_true(child >= 0);
        if (child == 0)
                _exit(try());
        while (read(terminal, bytes, sizeof(bytes)) > 0)
                ;
        close(terminal);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), FINE);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_stop_while_a_frame_is_drawn) };
        return cmocka_run_group_tests_name("tui_terminal", tests, NULL, NULL);
}
