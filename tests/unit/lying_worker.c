/* The worker of test_execution.c: speaks the handshake, then the message tells how it lies:
 * {"class":"parameters","act":NAME}. */
#include "base/buf.h"
#include "module/program.h"
#include "module/wire.h"
#include "tarsier/child.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct buf out;

static void push(void)
{
        for (size_t sent = 0; sent < out.len;) {
                ssize_t put = send(WORKER_FRAMES_FD, out.data + sent, out.len - sent, MSG_NOSIGNAL);
                if (put < 0 && errno != EINTR)
                        _exit(0); /* the parent has had enough */
                sent += put > 0 ? (size_t)put : 0;
        }
        buf_clear(&out);
}

static void row(const char *json)
{
        frame_append_row(&out, 0, (struct sv){ "", 0 }, sv_of(json));
}

static void done(void)
{
        frame_append(&out, FRAME_DONE, 0, SV("{\"foundanything\":true,\"success\":true}"));
}

static void sleep_for_ever(void)
{
        for (;;)
                pause();
}

static void *burn(void *cookie)
{
        (void)cookie;
        for (volatile unsigned long turns = 0;; turns++)
                ;
        return NULL;
}

static void flood(enum frame_type type, struct sv payload)
{
        for (;;) {
                frame_append(&out, type, 0, payload);
                if (out.len > 64 << 10)
                        push();
        }
}

static void act(const char *name)
{
        static const struct frame_header huge = { 0x7fffffff, FRAME_ROW, 0 };
        static const struct frame_header half = { 100, FRAME_ROW, 0 };
        row("1");
        if (!strcmp(name, "good")) {
                done();
        } else if (!strcmp(name, "garbage")) {
                for (int i = 0; i < 1000; i++)
                        buf_putc(&out, (char)(i * 7 + 3));
        } else if (!strcmp(name, "oversized")) {
                buf_append(&out, &huge, sizeof(huge));
        } else if (!strcmp(name, "not-json")) {
                row("{]");
        } else if (!strcmp(name, "after-done")) {
                done();
                row("2");
        } else if (!strcmp(name, "half-frame")) {
                buf_append(&out, &half, sizeof(half));
        } else if (!strcmp(name, "dies")) {
                push();
                raise(SIGKILL);
        } else if (!strcmp(name, "exits")) {
                push();
                _exit(3);
        } else if (!strcmp(name, "ignores-stop") || !strcmp(name, "hangs")) {
                push();
                sleep_for_ever();
        } else if (!strcmp(name, "burns")) {
                push();
                burn(NULL);
        } else if (!strcmp(name, "burns-in-a-thread")) { /* the first thread waits for the end of the other one */
                pthread_t thread;
                push();
                if (pthread_create(&thread, NULL, burn, NULL) == 0)
                        pthread_join(thread, NULL);
        } else if (!strcmp(name, "lingers")) {
                done();
                push();
                sleep_for_ever();
        } else if (!strcmp(name, "closes")) {
                push();
                close(WORKER_FRAMES_FD);
                sleep_for_ever();
        } else if (!strcmp(name, "floods-rows")) {
                flood(FRAME_ROW, SV("\x00\x00\"0123456789\""));
        } else if (!strcmp(name, "floods-errors")) {
                for (int i = 0; i < 3000; i++)
                        frame_append(&out, FRAME_ERROR, 0, SV("again"));
                done();
        } else if (!strcmp(name, "deaf")) { /* reads no stop, and its own socket is full */
                for (int i = 0; i < 100; i++)
                        row("3");
                push();
                sleep_for_ever();
        } else if (!strcmp(name, "leaves-a-child")) {
                push();
                if (fork() == 0) /* it holds the socket and writes on */
                        flood(FRAME_ERROR, SV("from beyond"));
                raise(SIGKILL);
        }
        push();
}

int main(int argc, char **argv)
{
        (void)argc;
        const char *when = strrchr(argv[0], '/');
        when = when ? when + 1 : argv[0];
        buf_init(&out, 16 << 20);
        if (strstr(when, "early-death"))
                raise(SIGKILL);
        if (strstr(when, "never-ready"))
                sleep_for_ever();
        static struct tarsier_child *child; /* to the end: nothing is leaked */
        if (tarsier_child_attach(&child, 20000000000) < 0)
                return 2;
        if (strstr(when, "says-failed")) {
                tarsier_child_failed(child, "no sandbox today");
                sleep_for_ever();
        }
        tarsier_child_ready(child);
        static char text[4096];
        ssize_t got = recv(WORKER_FRAMES_FD, text, sizeof(text) - 1, 0);
        char *name = got > 0 ? strstr(text + sizeof(struct frame_header), "\"act\":\"") : NULL;
        char *end = name ? strchr(name + 7, '"') : NULL;
        if (!end)
                return 1;
        *end = '\0';
        act(name + 7);
        return 0;
}
