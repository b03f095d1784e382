#include "module/local_agent.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

const char *local_agent_socket(char *ret)
{
        const char *run = getenv("XDG_RUNTIME_DIR");
        const char *named = getenv("TARSIER_SOCKET");
        if (named)
                snprintf(ret, LOCAL_AGENT_SOCKET_MAX, "%s", named);
        else if (geteuid() != 0 && run)
                snprintf(ret, LOCAL_AGENT_SOCKET_MAX, "%s/tarsier/api.sock", run);
        else
                snprintf(ret, LOCAL_AGENT_SOCKET_MAX, "/run/tarsier/api.sock");
        return ret;
}

bool local_agent_answers(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t length = strlen(path);
        if (length >= sizeof(address.sun_path))
                return false;
        cleanup(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        memcpy(address.sun_path, path, length + 1);
        if (fd < 0)
                return false;
        /* EAGAIN: it listens, and many ask at once */
        return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN;
}
