#include "modules/net/timedrift_ntp.h"

#include "base/timefmt.h"

#include <arpa/inet.h>

/* Seconds from 1900, NTP's era 0, to 1970. */
#define NTP_UNIX_EPOCH INT64_C(2208988800)
#define NTP_ERA (INT64_C(1) << 32)
/* A server whose own error is larger knows nothing (MAXDISP of RFC 5905). */
#define ROOT_DISTANCE_MAX (16 * SECOND)

enum { MODE_CLIENT = 3, MODE_SERVER = 4, VERSION = 4, STRATUM_MAX = 15, LEAP_UNKNOWN = 3 };

static uint32_t read_u32(const uint8_t *at)
{
        uint32_t value;
        memcpy(&value, at, sizeof(value));
        return ntohl(value);
}

static int64_t fraction_ns(uint32_t fraction)
{
        return (int64_t)(((uint64_t)fraction * (uint64_t)SECOND + (UINT64_C(1) << 31)) >> 32);
}

/* 16.16 fixed point */
static int64_t read_short_ns(const uint8_t *at)
{
        uint32_t value = read_u32(at);
        return (int64_t)(value >> 16) * SECOND + (((int64_t)(value & 0xffff) * SECOND) >> 16);
}

/* Timestamps count 2^32 seconds and begin again; the era is the one nearest to our own clock. */
static int64_t read_time_ns(const uint8_t *at, int64_t near_ns)
{
        int64_t seconds = (int64_t)read_u32(at) - NTP_UNIX_EPOCH;
        int64_t near = near_ns / SECOND;
        while (seconds < near - NTP_ERA / 2)
                seconds += NTP_ERA;
        while (seconds > near + NTP_ERA / 2)
                seconds -= NTP_ERA;
        return seconds * SECOND + fraction_ns(read_u32(at + 4));
}

void ntp_write_request(const uint8_t nonce[8], uint8_t ret[NTP_PACKET])
{
        memset(ret, 0, NTP_PACKET);
        ret[0] = VERSION << 3 | MODE_CLIENT;
        memcpy(ret + 40, nonce, 8);
}

/* Stratum 0 and 1: a code of letters; above: the IPv4 address of the server's server, or a hash of its IPv6 address. */
static void read_reference(const uint8_t *at, unsigned stratum, char *ret, size_t size)
{
        bool letters = stratum < 2 && at[0];
        for (size_t i = 0; i < 4; i++)
                letters &= at[i] == 0 || (at[i] > ' ' && at[i] < 127);
        if (letters)
                snprintf(ret, size, "%.4s", (const char *)at);
        else
                snprintf(ret, size, "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);
}

enum ntp_verdict ntp_read_answer(
        struct sv packet, const uint8_t nonce[8], int64_t sent_ns, int64_t received_ns, struct ntp_sample *ret)
{
        static const uint8_t nothing[8];
        const uint8_t *at = (const uint8_t *)packet.p;
        if (packet.n < NTP_PACKET || (at[0] & 7) != MODE_SERVER || memcmp(at + 24, nonce, 8) != 0)
                return NTP_STRANGE;
        struct ntp_sample sample = { .leap = at[0] >> 6,
                .version = at[0] >> 3 & 7,
                .stratum = at[1],
                .root_delay_ns = read_short_ns(at + 4),
                .root_dispersion_ns = read_short_ns(at + 8) };
        read_reference(at + 12, sample.stratum, sample.reference, sizeof(sample.reference));
        if (sample.version < 1 || sample.version > VERSION)
                return NTP_STRANGE;
        *ret = sample;
        if (sample.stratum == 0)
                return NTP_KISS;
        if (sample.leap == LEAP_UNKNOWN || sample.stratum > STRATUM_MAX || memcmp(at + 40, nothing, 8) == 0 ||
                memcmp(at + 32, nothing, 8) == 0)
                return NTP_UNSYNCHRONIZED;
        int64_t arrived_ns = read_time_ns(at + 32, sent_ns), answered_ns = read_time_ns(at + 40, sent_ns);
        /* half of each difference, as their sum may not fit */
        ret->offset_ns = (arrived_ns - sent_ns) / 2 + (answered_ns - received_ns) / 2;
        ret->delay_ns = (received_ns - sent_ns) - (answered_ns - arrived_ns);
        if (ret->delay_ns < 0)
                ret->delay_ns = 0;
        ret->server_ns = answered_ns;
        ret->root_distance_ns = (ret->root_delay_ns + ret->delay_ns) / 2 + ret->root_dispersion_ns;
        if (ret->root_delay_ns / 2 + ret->root_dispersion_ns >= ROOT_DISTANCE_MAX)
                return NTP_UNSYNCHRONIZED;
        return NTP_GOOD;
}

/* ---- configurations ---- */

void ntp_servers_add(struct ntp_servers *servers, struct sv host, uint16_t port, bool pool, const char *source)
{
        if (!host.n || host.n >= sizeof(servers->rows[0].host) || memchr(host.p, '\0', host.n)) {
                servers->refused++;
                return;
        }
        for (size_t i = 0; i < servers->count; i++)
                if (sv_eq_nocase(sv_of(servers->rows[i].host), host) && servers->rows[i].port == port)
                        return;
        if (servers->count == NTP_SERVERS_MAX) {
                servers->refused++;
                return;
        }
        struct ntp_server *server = &servers->rows[servers->count++];
        *server = (struct ntp_server){ .port = port, .pool = pool };
        memcpy(server->host, host.p, host.n);
        snprintf(server->source, sizeof(server->source), "%s", source);
}

static void add_include(struct ntp_includes *includes, struct sv path, const char *suffix)
{
        if (!includes || includes->count == NTP_INCLUDES_MAX || path.n >= sizeof(includes->rows[0].path))
                return;
        struct ntp_include *row = &includes->rows[includes->count++];
        *row = (struct ntp_include){ 0 };
        memcpy(row->path, path.p, path.n);
        snprintf(row->suffix, sizeof(row->suffix), "%s", suffix);
}

/* The words behind "server" and its host: "iburst port 1123 …". */
static uint16_t find_port(struct sv options)
{
        struct sv word;
        uint64_t number;
        while (sv_word(&options, &word))
                if (sv_eq_nocase(word, SV("port")) && sv_word(&options, &word) && sv_parse_u64(word, 10, &number) &&
                        number > 0 && number <= 65535)
                        return (uint16_t)number;
        return NTP_PORT;
}

/* chrony's comments begin with any of these; ntp.conf's with '#'. */
static bool is_comment(struct sv line)
{
        return !line.n || strchr("#!;%", line.p[0]);
}

void ntp_parse_conf(struct sv text, const char *source, struct ntp_servers *servers, struct ntp_includes *includes)
{
        struct sv line, directive, argument;
        while (sv_line(&text, &line)) {
                line = sv_trim(line);
                if (is_comment(line))
                        continue;
                line.n = sv_find(line, '#');
                if (!sv_word(&line, &directive) || !sv_word(&line, &argument))
                        continue;
                bool pool = sv_eq_nocase(directive, SV("pool"));
                if (sv_eq(argument, SV("-4")) || sv_eq(argument, SV("-6")))
                        if (!sv_word(&line, &argument))
                                continue;
                if (pool || sv_eq_nocase(directive, SV("server")) || sv_eq_nocase(directive, SV("peer"))) {
                        if (!sv_starts(argument, SV("127.127.")))
                                ntp_servers_add(servers, argument, find_port(line), pool, source);
                } else if (sv_eq_nocase(directive, SV("include")) || sv_eq_nocase(directive, SV("includefile"))) {
                        add_include(includes, argument, "");
                } else if (sv_eq_nocase(directive, SV("confdir"))) {
                        add_include(includes, argument, ".conf");
                } else if (sv_eq_nocase(directive, SV("sourcedir"))) {
                        add_include(includes, argument, ".sources");
                }
        }
}

void ntp_parse_timesyncd(struct sv text, const char *source, struct ntp_servers *servers, struct ntp_servers *fallback)
{
        struct sv line, host;
        bool section = false;
        while (sv_line(&text, &line)) {
                line = sv_trim(line);
                if (is_comment(line))
                        continue;
                if (line.p[0] == '[') {
                        section = sv_eq(line, SV("[Time]"));
                        continue;
                }
                size_t equals = sv_find(line, '=');
                struct sv key = sv_trim(sv_n(line.p, equals));
                struct ntp_servers *list = sv_eq(key, SV("NTP"))           ? servers
                                           : sv_eq(key, SV("FallbackNTP")) ? fallback
                                                                           : NULL;
                if (!section || equals == line.n || !list)
                        continue;
                struct sv hosts = sv_trim(sv_n(line.p + equals + 1, line.n - equals - 1));
                if (!hosts.n)
                        list->count = 0;
                while (sv_word(&hosts, &host))
                        ntp_servers_add(list, host, NTP_PORT, false, source);
        }
}
