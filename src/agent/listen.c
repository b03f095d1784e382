#include "agent/listen.h"

#include "base/cleanup.h"
#include "base/sv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 128 };

const char *listen_path(const char *address)
{
        if (strncmp(address, "unix:", 5) == 0)
                return address + 5;
        return address[0] == '/' ? address : NULL;
}

static int parse_inet(const char *text, struct sockaddr_storage *ret, socklen_t *ret_size, struct error *err)
{
        char host[64];
        uint64_t port;
        const char *colon = strrchr(text, ':');
        if (!colon || !sv_parse_u64(sv_of(colon + 1), 10, &port) || port > 65535)
                return fail(err, E_INVALID, "\"%s\": ADDRESS:PORT, [ADDRESS]:PORT or the path of a socket", text);
        size_t length = (size_t)(colon - text);
        const char *from = text;
        if (length >= 2 && text[0] == '[' && colon[-1] == ']') {
                from++;
                length -= 2;
        }
        if (length >= sizeof(host))
                return fail(err, E_INVALID, "\"%s\": not an address", text);
        snprintf(host, sizeof(host), "%.*s", (int)length, from);
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
        if (length == 0 || inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
                memcpy(ret, &v6, sizeof(v6));
                *ret_size = sizeof(v6);
        } else if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &v4.sin_addr) == 1) {
                memcpy(ret, &v4, sizeof(v4));
                *ret_size = sizeof(v4);
        } else {
                return fail(err, E_INVALID, "\"%s\": \"%s\" is no address", text, host);
        }
        return 0;
}

static void format_inet(int fd, char *ret)
{
        struct sockaddr_storage at = { 0 };
        socklen_t size = sizeof(at);
        char host[INET6_ADDRSTRLEN] = "";
        getsockname(fd, (struct sockaddr *)&at, &size);
        if (at.ss_family == AF_INET) {
                struct sockaddr_in v4;
                memcpy(&v4, &at, sizeof(v4));
                inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
                snprintf(ret, LISTEN_TEXT_MAX, "%s:%u", host, ntohs(v4.sin_port));
        } else {
                struct sockaddr_in6 v6;
                memcpy(&v6, &at, sizeof(v6));
                inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
                snprintf(ret, LISTEN_TEXT_MAX, "[%s]:%u", host, ntohs(v6.sin6_port));
        }
}

static int open_inet(const char *address, char *ret_text, struct error *err)
{
        struct sockaddr_storage at;
        socklen_t size;
        int on = 1;
        if (parse_inet(address, &at, &size, err) < 0)
                return -1;
        cleanup(fd_close) int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return fail_errno(err, "socket for %s", address);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, BACKLOG) < 0)
                return fail_errno(err, "listen on %s", address);
        format_inet(fd, ret_text);
        return take_fd(fd);
}

/* A socket that nobody answers on was left by a process that died. */
static int clear_stale(const char *path, const struct sockaddr_un *at, struct error *err)
{
        struct stat old;
        if (lstat(path, &old) < 0)
                return 0;
        if (!S_ISSOCK(old.st_mode))
                return fail(err, E_EXISTS, "%s is there and is no socket", path);
        cleanup(fd_close) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (probe >= 0 && (connect(probe, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno == EAGAIN))
                return fail(err, E_EXISTS, "somebody else listens on %s", path);
        return unlink(path) < 0 ? fail_errno(err, "%s", path) : 0;
}

static int open_unix(const char *path, mode_t mode, char *ret_text, struct error *err)
{
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        if (path[0] != '/' || strlen(path) >= sizeof(at.sun_path))
                return fail(err, E_INVALID, "%s: an absolute path of at most %zu bytes", path, sizeof(at.sun_path) - 1);
        snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
        cleanup(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return fail_errno(err, "socket for %s", path);
        if (clear_stale(path, &at, err) < 0)
                return -1;
        if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0)
                return fail_errno(err, "listen on %s", path);
        snprintf(ret_text, LISTEN_TEXT_MAX, "%s", path);
        return take_fd(fd);
}

int listen_open(const char *address, mode_t mode, char *ret_text, struct error *err)
{
        const char *path = listen_path(address);
        return path ? open_unix(path, mode, ret_text, err) : open_inet(address, ret_text, err);
}
