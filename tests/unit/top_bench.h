/* The program with a terminal of its own: keys typed into a pipe, pictures in memory, a clock that the test owns. */
#pragma once

#include "tui/recording.h"
#include "tui/top_internal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

/* ---- a terminal in memory ---- */

static struct {
        int fds[2];
        int rows, columns;
        struct buf text;
        unsigned draws, full_draws, suspends, bells;
        bool open, mouse, gone;
} fake;

static inline int fake_open(const struct look *look, bool mouse, struct error *err)
{
        (void)look;
        (void)err;
        fake.open = true;
        fake.mouse = mouse;
        return 0;
}

static inline void fake_close(void)
{
        fake.open = false;
}

static inline int fake_fd(void)
{
        return fake.fds[0];
}

static inline void fake_size(int *ret_rows, int *ret_columns)
{
        *ret_rows = fake.rows;
        *ret_columns = fake.columns;
}

static inline int fake_draw(const struct canvas *canvas, bool all)
{
        buf_clear(&fake.text);
        canvas_text(canvas, false, &fake.text);
        fake.draws++;
        fake.full_draws += all;
        return fake.gone ? -1 : 0;
}

static inline void fake_suspend(void)
{
        fake.suspends++;
}

static inline void fake_resume(void)
{
}

static inline void fake_mouse(bool on)
{
        fake.mouse = on;
}

static inline void fake_bell(void)
{
        fake.bells++;
}

static const struct tui_backend fake_backend = { fake_open, fake_close, fake_fd, fake_size, fake_draw, fake_suspend,
        fake_resume, fake_mouse, fake_bell };

/* ---- a program under test ---- */

struct bench {
        struct loop_fake_clock clock;
        struct loop *loop;
        struct look look;
        struct top *top;
        struct tui *tui;
        int steps; /* turns of the loop until it ends */
        void (*act)(struct bench *bench);
};

static inline int open_bench(void **state)
{
        struct bench *bench = calloc(1, sizeof(*bench));
        struct error err;
        assert_int_equal(pipe2(fake.fds, O_CLOEXEC), 0);
        fake.rows = 24;
        fake.columns = 100;
        fake.draws = fake.full_draws = fake.suspends = fake.bells = 0;
        fake.gone = false;
        buf_init(&fake.text, 1 << 20);
        fake_clock_init(&bench->clock, SECOND);
        bench->clock.manual = true;
        bench->loop = loop_new(&(struct loop_options){ .clock = &bench->clock.clock }, &err);
        bench->look = (struct look){ .theme = &tui_themes[0], .depth = COLOUR_TRUE, .utf8 = true, .braille = true };
        struct top_options options = {
                .look = &bench->look, .interval_ns = SECOND, .mouse = true, .view = "processes"
        };
        bench->top = top_new(&options, &err);
        assert_non_null(bench->top);
        struct tui_program program = top_program(bench->top);
        struct tui_options screen = {
                .backend = &fake_backend, .loop = bench->loop, .look = &bench->look, .mouse = true
        };
        bench->tui = tui_new(&program, &screen, &err);
        top_set_tui(bench->top, bench->tui);
        *state = bench;
        return 0;
}

static inline int close_bench(void **state)
{
        struct bench *bench = *state;
        tui_free(bench->tui);
        top_free(bench->top);
        loop_free(bench->loop);
        close(fake.fds[0]);
        if (fake.fds[1] >= 0)
                close(fake.fds[1]);
        buf_done(&fake.text);
        free(bench);
        return 0;
}

static inline void tell(struct bench *bench, const char *record)
{
        tui_send(bench->tui, &(struct message){ .kind = MESSAGE_SOURCE, .record = sv_of(record) });
}

static inline void tell_process(struct bench *bench, int pid, int ppid, const char *name, double cpu)
{
        char record[512];
        snprintf(record, sizeof(record),
                "{\"process\":{\"pid\":%d,\"ppid\":%d,\"start\":\"2026-01-01T00:00:%02dZ\",\"uid\":0,\"user\":\"root\","
                "\"state\":"
                "\"S\",\"nice\":0,\"priority\":20,\"threads\":1,\"cpu\":%g,\"cpu_time\":1000000000,\"memory\":1048576,"
                "\"name\":\"%s\",\"command_line\":\"/bin/%s --flag\"}}",
                pid, ppid, pid % 60, cpu, name, name);
        tell(bench, record);
}

static inline void tell_picture(struct bench *bench)
{
        tell(bench, "{\"begin\":{}}");
        tell(bench, "{\"host\":{\"hostname\":\"box\",\"cpus\":4,\"cpu\":1.5,\"memory_total\":1000000,\"memory_"
                    "available\":400000}}");
        tell_process(bench, 1, 0, "init", 0);
        tell_process(bench, 20, 1, "nginx", 0.75);
        tell_process(bench, 30, 20, "worker", 0.5);
        tell_process(bench, 40, 1, "sshd", 0.01);
        tell(bench, "{\"tick\":{\"time\":\"2026-01-01T00:01:00Z\",\"sequence\":1,\"interval\":1000000000}}");
}

/* Keys by their names, separated by spaces. */
static inline void press(struct bench *bench, const char *names)
{
        struct sv rest = sv_of(names), name;
        while (sv_word(&rest, &name)) {
                struct message message = { .kind = MESSAGE_KEY };
                assert_true(key_parse(name, &message.key));
                tui_send(bench->tui, &message);
        }
}

static inline void type(struct bench *bench, const char *letters)
{
        for (; *letters; letters++) {
                struct message message = { .kind = MESSAGE_KEY, .key = { .rune = (uint32_t)*letters } };
                tui_send(bench->tui, &message);
        }
}

/* What stands on the screen now. */
static inline const char *screen(struct bench *bench)
{
        struct canvas canvas;
        assert_int_equal(canvas_init(&canvas, fake.rows, fake.columns, &bench->look, NULL), 0);
        tui_draw(bench->tui, &canvas);
        buf_clear(&fake.text);
        canvas_text(&canvas, false, &fake.text);
        canvas_done(&canvas);
        return buf_text(&fake.text);
}

#define assert_shows(bench, wanted)                                                                                    \
        do {                                                                                                           \
                if (!strstr(screen(bench), wanted))                                                                    \
                        fail_msg("\"%s\" is not on the screen:\n%s", wanted, buf_text(&fake.text));                    \
        } while (0)
#define assert_lacks(bench, wanted)                                                                                    \
        do {                                                                                                           \
                if (strstr(screen(bench), wanted))                                                                     \
                        fail_msg("\"%s\" is on the screen:\n%s", wanted, buf_text(&fake.text));                        \
        } while (0)

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
