/* The child of the worker tests: argv[1] names what it does. It answers on stdout; libtarsier-child is all it links. */
#include "tarsier/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct tarsier_child *attach(void)
{
        struct tarsier_child *child = NULL;
        int result = tarsier_child_attach(&child, 20000000000);
        if (result < 0) {
                printf("attach: %s\n", tarsier_child_strerror(result));
                exit(98);
        }
        if (getenv(TARSIER_CHILD_VERSION_VARIABLE) || getenv(TARSIER_CHILD_SEED_VERSION_VARIABLE))
                exit(99); /* grandchildren would inherit it */
        return child;
}

static void say(const char *text)
{
        if (write(STDOUT_FILENO, text, strlen(text)) < 0)
                _exit(97);
}

/* Says that it got here, then waits until the parent writes to (or closes) the first extra file. */
static void wait_for_go(void)
{
        char byte;
        say(".");
        while (read(tarsier_child_file(0), &byte, 1) < 0 && errno == EINTR)
                continue;
}

static int run_config(int argc, char **argv)
{
        struct tarsier_child *child = attach();
        const struct tarsier_config *config = tarsier_child_config(child);
        if (!config)
                printf("text %s\n", tarsier_child_config_text(child, NULL));
        for (int i = 2; config && i < argc; i++) {
                const char *value = tarsier_config_get(config, argv[i]);
                printf("%s=%s\n", argv[i], value ? value : "(unset)");
        }
        fflush(stdout);
        tarsier_child_ready(child);
        tarsier_child_free(child);
        return 0;
}

static int run_secret(void)
{
        struct tarsier_child *child = attach();
        size_t length;
        const char *secret = tarsier_child_secret(child, &length);
        if (write(STDOUT_FILENO, secret, length) != (ssize_t)length)
                return 1;
        tarsier_child_ready(child);
        tarsier_child_free(child);
        return 0;
}

static int run_version(int64_t timeout_ns)
{
        struct tarsier_child *child = NULL;
        int result = tarsier_child_attach(&child, timeout_ns);
        printf("%d %s\n", result, tarsier_child_strerror(result));
        tarsier_child_free(child);
        return 0;
}

static int run_too_slow(void)
{
        struct tarsier_child *child = attach();
        wait_for_go();
        int result = tarsier_child_ready(child);
        printf("%d %s\n", result, tarsier_child_message(child));
        printf("%d\n", tarsier_child_ready(child)); /* the result is kept */
        tarsier_child_free(child);
        return 0;
}

static int run_statuses(void)
{
        struct tarsier_child *child = attach();
        printf("%d\n", tarsier_child_ready(child));
        printf("%d\n", tarsier_child_ready(child));
        int result = tarsier_child_failed(child, "too late");
        printf("%d %s\n", result, tarsier_child_message(child));
        tarsier_child_free(child);
        return 0;
}

static int run_files(void)
{
        struct tarsier_child *child = attach();
        char text[64];
        for (unsigned i = 0; i < 2; i++) {
                ssize_t n = read(tarsier_child_file(i), text, sizeof(text));
                if (n > 0)
                        fwrite(text, 1, (size_t)n, stdout);
        }
        fflush(stdout);
        tarsier_child_ready(child);
        tarsier_child_free(child);
        return 0;
}

/* Which fds are open, without looking at them through one of its own. */
static int run_fds(void)
{
        for (int fd = 0; fd < 1024; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        printf("%d ", fd);
        sigset_t mask;
        sigprocmask(SIG_SETMASK, NULL, &mask);
        struct sigaction action;
        sigaction(SIGUSR1, NULL, &action);
        struct rlimit core;
        getrlimit(RLIMIT_CORE, &core);
        char directory[4096];
        printf("blocked=%d ignored=%d core=%ld directory=%s uid=%d\n", sigismember(&mask, SIGUSR2),
                action.sa_handler == SIG_IGN, (long)core.rlim_cur, getcwd(directory, sizeof(directory)), (int)getuid());
        printf("%s%s\n", getenv(TARSIER_CHILD_VERSION_VARIABLE) ? "v23" : "",
                getenv(TARSIER_CHILD_SEED_VERSION_VARIABLE) ? "veyron" : "");
        return 0;
}

/* As a setuid helper does: another process is the real child. argv[2] "leave": without waiting for it. */
static int run_helper(int argc, char **argv)
{
        int leave = argc > 2 && strcmp(argv[2], "leave") == 0;
        pid_t pid = fork();
        if (pid == 0) {
                struct tarsier_child *child = attach();
                if (leave)
                        wait_for_go();
                printf("%d\n", (int)getpid());
                fflush(stdout);
                tarsier_child_ready(child);
                tarsier_child_free(child);
                _exit(0);
        }
        close(TARSIER_CHILD_STATUS_FD);
        if (!leave)
                waitpid(pid, NULL, 0);
        return 0;
}

static int run_raw(const char *text, int stay)
{
        if (write(TARSIER_CHILD_STATUS_FD, text, strlen(text)) < 0)
                return 1;
        if (stay)
                pause();
        return 0;
}

static int run_without_status(const char *verb)
{
        struct tarsier_child *child = attach();
        bool early = strcmp(verb, "exit-early") == 0;
        if (!early) {
                wait_for_go();
                fprintf(stderr, "never ready\n");
        }
        tarsier_child_free(child);
        return early;
}

static int run_fail(const char *message)
{
        struct tarsier_child *child = attach();
        int result = tarsier_child_failed(child, message);
        tarsier_child_free(child);
        return result < 0;
}

static int run_exits(const char *verb)
{
        struct tarsier_child *child = attach();
        if (strcmp(verb, "ready-slow") == 0)
                wait_for_go();
        if (tarsier_child_ready(child) < 0)
                return 96;
        if (strcmp(verb, "wait") == 0)
                pause();
        tarsier_child_free(child);
        return strcmp(verb, "error") == 0;
}

int main(int argc, char **argv)
{
        const char *verb = argc > 1 ? argv[1] : "";
        const char *text = argc > 2 ? argv[2] : "";
        if (strcmp(verb, "config") == 0)
                return run_config(argc, argv);
        if (strcmp(verb, "secret") == 0)
                return run_secret();
        if (strcmp(verb, "version") == 0)
                return run_version(20000000000);
        if (strcmp(verb, "impatient") == 0)
                return run_version(1000000);
        if (strcmp(verb, "fail") == 0)
                return run_fail(text);
        if (strcmp(verb, "exit-early") == 0 || strcmp(verb, "never-ready") == 0)
                return run_without_status(verb);
        if (strcmp(verb, "too-slow") == 0)
                return run_too_slow();
        if (strcmp(verb, "statuses") == 0)
                return run_statuses();
        if (strcmp(verb, "files") == 0)
                return run_files();
        if (strcmp(verb, "fds") == 0)
                return run_fds();
        if (strcmp(verb, "helper") == 0)
                return run_helper(argc, argv);
        if (strcmp(verb, "raw") == 0 || strcmp(verb, "raw-stay") == 0)
                return run_raw(text, strcmp(verb, "raw-stay") == 0);
        if (strcmp(verb, "never-read") == 0)
                return pause();
        if (strcmp(verb, "close-data") == 0)
                return close(TARSIER_CHILD_DATA_FD) + pause();
        if (strcmp(verb, "grandchild") == 0) {
                tarsier_child_free(attach());
                execl(argv[0], argv[0], "version", (char *)NULL);
                return 95;
        }
        return run_exits(verb);
}
