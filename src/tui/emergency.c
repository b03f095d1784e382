#include "tui/emergency.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

enum { STACK_SIZE = 64 << 10 };

/* Global, since a signal handler has nothing else. */
static struct {
        volatile sig_atomic_t armed;
        int fd;
        struct termios before;
        char reset[EMERGENCY_RESET_MAX];
        size_t reset_length;
        sigset_t held;
        char *stack;
} emergency = { .fd = -1 };

static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT };
static const int ends[] = { SIGTERM, SIGHUP, SIGINT };

static void restore(int number)
{
        int saved = errno;
        if (emergency.armed) {
                emergency.armed = 0;
                /* a terminal that takes nothing must not keep us */
                int flags = fcntl(emergency.fd, F_GETFL);
                if (flags >= 0)
                        (void)fcntl(emergency.fd, F_SETFL, flags | O_NONBLOCK);
                (void)tcflow(emergency.fd, TCOON);
                ssize_t written = write(emergency.fd, emergency.reset, emergency.reset_length);
                (void)written;
                if (flags >= 0)
                        (void)fcntl(emergency.fd, F_SETFL, flags);
                (void)tcsetattr(emergency.fd, TCSANOW, &emergency.before);
        }
        (void)signal(number, SIG_DFL);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, number);
        (void)raise(number);
        (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
        errno = saved;
}

int emergency_arm(int fd, const struct termios *before, const char *reset, struct error *err)
{
        if (!emergency.stack) /* a crash may be the end of the stack */
                emergency.stack = malloc(STACK_SIZE);
        if (!emergency.stack)
                return fail(err, E_NO_MEMORY, "a stack for signals");
        stack_t stack = { .ss_sp = emergency.stack, .ss_size = STACK_SIZE };
        if (sigaltstack(&stack, NULL) < 0)
                return fail_errno(err, "sigaltstack");
        emergency.fd = fd;
        emergency.before = *before;
        emergency.reset_length = strnlen(reset, EMERGENCY_RESET_MAX);
        memcpy(emergency.reset, reset, emergency.reset_length);
        sigemptyset(&emergency.held);
        struct sigaction action = { .sa_handler = restore, .sa_flags = SA_ONSTACK };
        sigfillset(&action.sa_mask);
        for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
                if (sigaction(crashes[i], &action, NULL) < 0)
                        return fail_errno(err, "sigaction");
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                if (sigaction(ends[i], &action, NULL) < 0)
                        return fail_errno(err, "sigaction");
                sigaddset(&emergency.held, ends[i]);
        }
        emergency.armed = 1;
        return 0;
}

void emergency_disarm(void)
{
        emergency.armed = 0;
}

void emergency_let_signals(void)
{
        if (emergency.armed)
                (void)sigprocmask(SIG_UNBLOCK, &emergency.held, NULL);
}

void emergency_hold_signals(void)
{
        if (emergency.armed)
                (void)sigprocmask(SIG_BLOCK, &emergency.held, NULL);
}
