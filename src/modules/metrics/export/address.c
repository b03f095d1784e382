#include "modules/metrics/export/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { HOST_MAX = 256 };

static bool numeric(struct sv host, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_size)
{
        char text[INET6_ADDRSTRLEN];
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        if (host.n >= sizeof(text))
                return false;
        memcpy(text, host.p, host.n);
        text[host.n] = '\0';
        *ret = (struct sockaddr_storage){ 0 };
        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
                memcpy(ret, &v4, sizeof(v4));
                *ret_size = sizeof(v4);
                return true;
        }
        if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
                memcpy(ret, &v6, sizeof(v6));
                *ret_size = sizeof(v6);
                return true;
        }
        return false;
}

/* hosts(5): an address, then its names; "#" begins a comment. The first line that names it counts. */
static bool named(struct sv host, struct sv hosts, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_size)
{
        struct sv line, address, name;
        while (sv_line(&hosts, &line)) {
                line.n = sv_find(line, '#') < line.n ? sv_find(line, '#') : line.n;
                if (!sv_word(&line, &address))
                        continue;
                while (sv_word(&line, &name))
                        if (sv_eq_nocase(name, host) && numeric(address, port, ret, ret_size))
                                return true;
        }
        return false;
}

int address_resolve(const char *text, struct sv hosts, struct sockaddr_storage *ret, socklen_t *ret_size,
        bool *ret_named, struct error *err)
{
        const char *colon = strrchr(text, ':');
        struct sockaddr_storage address;
        socklen_t size;
        uint64_t port;
        if (!colon || !sv_parse_u64(sv_of(colon + 1), 10, &port) || port == 0 || port > 65535)
                return fail(err, E_INVALID, "\"%.100s\" is not HOST:PORT", text);
        struct sv host = sv_n(text, (size_t)(colon - text));
        bool bracketed = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
        if (bracketed)
                host = sv_n(host.p + 1, host.n - 2);
        if (host.n == 0 || host.n > HOST_MAX || (!bracketed && sv_find(host, ':') < host.n))
                return fail(err, E_INVALID, "\"%.100s\" is not HOST:PORT; an IPv6 address stands in brackets", text);
        bool is_name = !numeric(host, (uint16_t)port, &address, &size);
        if (is_name && !named(host, hosts, (uint16_t)port, &address, &size) &&
                !(sv_eq_nocase(host, SV("localhost")) && numeric(SV("127.0.0.1"), (uint16_t)port, &address, &size)))
                return fail(err, E_NOT_FOUND,
                        "\"%.*s\" is no address and not in /etc/hosts; no name server is asked here", SV_ARG(host));
        *ret = address;
        *ret_size = size;
        *ret_named = is_name;
        return 0;
}
