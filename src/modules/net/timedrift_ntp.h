/* NTP as a client speaks it (RFC 5905), pure: one request, one checked answer; and the servers that a configuration
 * names. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

enum { NTP_PORT = 123, NTP_PACKET = 48 };

struct ntp_sample {
        int64_t offset_ns; /* server's clock minus ours: ((T2 - T1) + (T3 - T4)) / 2 */
        int64_t delay_ns;  /* of the way there and back, never negative */
        int64_t server_ns; /* Unix time at the server when it answered (T3) */
        int64_t root_delay_ns, root_dispersion_ns;
        int64_t root_distance_ns; /* how far the answer may be from the truth: half of all delays, and the dispersion */
        unsigned stratum, version;
        unsigned leap;      /* 0 none, 1 a second more, 2 a second less, 3 not synchronized */
        char reference[16]; /* "GPS", "10.0.0.1", or hex: what the server follows */
};

enum ntp_verdict {
        NTP_GOOD,
        NTP_STRANGE,        /* no answer to our request: wait on */
        NTP_KISS,           /* the server refuses; its code is in reference */
        NTP_UNSYNCHRONIZED, /* the server does not know the time itself */
};

/* A request. nonce: 8 random bytes that stand where our time would: a server only echoes them, so nobody who did not
 * see the request can answer it, and our clock stays our own. */
void ntp_write_request(const uint8_t nonce[8], uint8_t ret[NTP_PACKET]);

/* sent_ns, received_ns: Unix times T1 and T4 by our clock. */
enum ntp_verdict ntp_read_answer(
        struct sv packet, const uint8_t nonce[8], int64_t sent_ns, int64_t received_ns, struct ntp_sample *ret);

/* ---- configurations ---- */

enum { NTP_SERVERS_MAX = 60, NTP_INCLUDES_MAX = 16 };

struct ntp_server {
        char host[256];
        uint16_t port;
        bool pool;        /* a name with several servers behind it */
        char source[256]; /* which file named it; "" = the caller */
};

struct ntp_servers {
        struct ntp_server rows[NTP_SERVERS_MAX];
        size_t count;
        size_t refused; /* beyond the ceiling, or malformed */
};

/* Adds a server once. */
void ntp_servers_add(struct ntp_servers *servers, struct sv host, uint16_t port, bool pool, const char *source);

struct ntp_include {
        char path[512];
        char suffix[16]; /* of a directory's files; "" for one file */
};

struct ntp_includes {
        struct ntp_include rows[NTP_INCLUDES_MAX];
        size_t count;
};

/* "server", "pool" and "peer" lines of chrony.conf(5) and ntp.conf(5); reference clocks (127.127.t.u) are no servers.
 * Files and directories that chrony's include, confdir and sourcedir name are added to includes (may be NULL). */
void ntp_parse_conf(struct sv text, const char *source, struct ntp_servers *servers, struct ntp_includes *includes);

/* NTP= of timesyncd.conf(5); an empty one clears what earlier files said, hence fresh. FallbackNTP= goes into fallback.
 */
void ntp_parse_timesyncd(struct sv text, const char *source, struct ntp_servers *servers, struct ntp_servers *fallback);
