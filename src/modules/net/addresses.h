/* Names to socket addresses and back, for the modules of this area. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum {
        ADDRESS_TEXT_MAX = INET6_ADDRSTRLEN + 17, /* with "%ZONE" */
        ENDPOINT_TEXT_MAX = ADDRESS_TEXT_MAX + 8, /* "[ADDRESS]:PORT" */
        HOST_NAME_MAX_BYTES = 256,
};

/* AF_INET or AF_INET6; the port in network order, as the kernel has it. */
struct address {
        union {
                struct sockaddr any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
                struct sockaddr_storage storage;
        };
        socklen_t size;
};

/* Looks `host` up (a name, or an address with or without "%ZONE") in the order of RFC 6724. family: AF_UNSPEC, AF_INET
 * or AF_INET6. Returns how many of at most `max`, never 0; -1 with E_NOT_FOUND. Blocks as long as the resolver does. */
int addresses_find(const char *host, int family, uint16_t port, struct address *ret, size_t max, struct error *err);

/* The same for a text that must be an address: no look-up. */
int address_parse(const char *text, uint16_t port, struct address *ret, struct error *err);

/* "192.0.2.1", "2001:db8::1", "fe80::1%eth0"; an IPv4-mapped address as its IPv4 form. */
void address_format(const struct address *address, char ret[ADDRESS_TEXT_MAX]);

/* "192.0.2.1:80", "[2001:db8::1]:80" */
void endpoint_format(const struct address *address, char ret[ENDPOINT_TEXT_MAX]);

uint16_t address_port(const struct address *address);

/* Are address and port equal? zone and flow label do not count; a mapped address equals its IPv4 form. */
bool address_same_host(const struct address *a, const struct address *b);

/* "host", "host:80", "[::1]:80", "::1" (no port). *ret_port stays as it is when none is given. host has
 * HOST_NAME_MAX_BYTES. */
int endpoint_split(const char *text, char *ret_host, uint16_t *ret_port, struct error *err);

/* What the kernel told about a packet of ours on the error queue (ip(7), IP_RECVERR). */
struct socket_error {
        int errnum;
        bool icmp;               /* an ICMP message said so, else this host's kernel */
        uint8_t type, code;      /* of the ICMP message */
        struct address offender; /* who sent it */
        int family;              /* of the ICMP message: AF_INET or AF_INET6 */
        char quoted[64];         /* the beginning of our packet behind its IP header */
        size_t quoted_size;
};

/* Asks for such reports on a socket of this family. */
int socket_error_ask(int fd, int family, struct error *err);
/* Takes one report off the queue; false when there is none. */
bool socket_error_take(int fd, struct socket_error *ret);
/* "destination unreachable (type 3 code 1) from 10.0.0.1", or the text of errno. */
void socket_error_format(const struct socket_error *error, char *ret, size_t size);

/* What a worker of this area must be able to read to look names up. */
#define RESOLVER_PATHS                                                                                                 \
        "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",    \
                "/etc/protocols", "/etc/ld.so.cache", "/usr/lib", "/lib", "/lib64", "/run/systemd/resolve"
extern const char *const resolver_paths[];
