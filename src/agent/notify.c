#include "agent/notify.h"

#include "base/cleanup.h"
#include "base/timefmt.h"

#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

enum { FULL_QUEUE_SECONDS = 5 };

void notify_send(const char *format, ...)
{
        char text[1024];
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        const char *path = getenv("NOTIFY_SOCKET");
        size_t length = path ? strlen(path) : 0;
        if (length < 2 || length >= sizeof(at.sun_path) || (path[0] != '/' && path[0] != '@'))
                return;
        memcpy(at.sun_path, path, length);
        if (path[0] == '@')
                at.sun_path[0] = '\0'; /* an abstract socket, unix(7) */
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        cleanup(fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        /* a sign of life is followed by another one; what was not told otherwise is waited for until a time-out */
        int flags = MSG_NOSIGNAL | (strcmp(text, "WATCHDOG=1") == 0 ? MSG_DONTWAIT : 0);
        struct timeval limit = { .tv_sec = FULL_QUEUE_SECONDS };
        if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0)
                sendto(fd, text, strlen(text), flags, (struct sockaddr *)&at,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}

int64_t notify_watchdog_ns(void)
{
        uint64_t usec;
        uint64_t pid;
        const char *text = getenv("WATCHDOG_USEC");
        const char *whose = getenv("WATCHDOG_PID");
        if (!text || !sv_parse_u64(sv_of(text), 10, &usec) || usec == 0 || usec > UINT64_C(86400000000))
                return 0;
        if (whose && (!sv_parse_u64(sv_of(whose), 10, &pid) || (pid_t)pid != getpid()))
                return 0;
        return (int64_t)usec * MICROSECOND / 2;
}

void notify_journal(const char *format, ...)
{
        struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
        char text[1024];
        char line[1200];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        /* RFC 3164: facility authpriv (10), severity notice (5) */
        snprintf(line, sizeof(line), "<85>tarsier[%d]: %s", (int)getpid(), text);
        cleanup(fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd >= 0)
                sendto(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&at, sizeof(at));
}
