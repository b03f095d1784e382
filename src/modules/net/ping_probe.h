/* One probe of `ping`: an echo request, a TCP connection attempt or a UDP datagram on a socket of its own, so that a
 * late answer to an earlier one is never taken for this one's. Non-blocking. */
#pragma once

#include "modules/net/addresses.h"

enum ping_protocol { PING_ICMP, PING_TCP, PING_UDP };

enum { PROBE_SIZE_MAX = 65000 };

struct probe {
        enum ping_protocol protocol;
        const struct address *to;
        uint16_t sequence;
        unsigned size; /* payload in bytes */
        int ttl;       /* 0 = the system's */

        int fd;
        bool raw;    /* an ICMP socket that sees everybody's answers */
        uint16_t id; /* of a raw one */
        int64_t sent_ns;
};

enum probe_outcome {
        PROBE_PENDING,
        PROBE_ANSWERED,
        PROBE_REFUSED, /* closed port */
        PROBE_FAILED,
};

struct probe_answer {
        enum probe_outcome outcome;
        int64_t latency_ns;
        int ttl;        /* of the answer, 0 when not told */
        char text[192]; /* why it failed or who refused it */
};

/* Opens the socket and sends. What is known at once (no route) is in *ret, else its outcome is PENDING. -1 when no
 * probe of this kind can be made at all (E_PERMISSION: no right to ICMP). */
int probe_send(struct probe *probe, struct probe_answer *ret, struct error *err);

/* POLLIN or POLLOUT: what to wait for. */
short probe_events(const struct probe *probe);

/* To be called when poll(2) said something of the socket. */
void probe_look(struct probe *probe, struct probe_answer *ret);

void probe_close(struct probe *probe);

/* ---- pure, for tests ---- */

/* The internet checksum (RFC 1071). */
uint16_t icmp_checksum(const void *bytes, size_t size);
