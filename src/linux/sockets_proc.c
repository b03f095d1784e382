/* The text form of the socket tables, /proc/net/{tcp,udp,raw,udplite}{,6} (proc(5), net/ipv4/tcp_ipv4.c). */
#include "linux/lines.h"
#include "linux/sockets.h"

/* "0100007F:1F90": each 4 bytes of the address as one number in the host's byte order, the port as a plain number. */
static bool parse_endpoint(struct sv text, uint8_t family, struct socket_endpoint *ret)
{
        size_t digits = family == AF_INET ? 8 : 32;
        uint64_t number;
        if (text.n != digits + 5 || text.p[digits] != ':')
                return false;
        for (size_t i = 0; i < digits; i += 8) {
                if (!sv_parse_u64(sv_n(text.p + i, 8), 16, &number))
                        return false;
                uint32_t word = (uint32_t)number;
                memcpy(ret->address + i / 2, &word, sizeof(word));
        }
        if (!sv_parse_u64(sv_n(text.p + digits + 1, 4), 16, &number))
                return false;
        ret->port = (uint16_t)number;
        return true;
}

bool sockets_parse_line(struct sv line, enum socket_protocol protocol, uint8_t family, struct socket_entry *ret)
{
        struct socket_entry entry = { .protocol = protocol, .family = family };
        struct sv words[10]; /* sl local remote st tx:rx tr:when retrnsmt uid timeout inode */
        for (size_t i = 0; i < 10; i++)
                if (!sv_word(&line, &words[i]))
                        return false;
        uint64_t state;
        uint64_t tx;
        uint64_t rx;
        uint64_t uid;
        size_t colon = sv_find(words[4], ':');
        if (!sv_ends(words[0], SV(":")) || !parse_endpoint(words[1], family, &entry.local) ||
                !parse_endpoint(words[2], family, &entry.remote) || !sv_parse_u64(words[3], 16, &state) ||
                state > UINT8_MAX || colon == words[4].n || !sv_parse_u64(sv_n(words[4].p, colon), 16, &tx) ||
                !sv_parse_u64(sv_n(words[4].p + colon + 1, words[4].n - colon - 1), 16, &rx) || tx > UINT32_MAX ||
                rx > UINT32_MAX || !sv_parse_u64(words[7], 10, &uid) || uid > UINT32_MAX ||
                !sv_parse_u64(words[9], 10, &entry.inode))
                return false;
        entry.state = (uint8_t)state;
        entry.tx_queue = (uint32_t)tx;
        entry.rx_queue = (uint32_t)rx;
        entry.uid = (uint32_t)uid;
        *ret = entry;
        return true;
}

struct table {
        enum socket_protocol protocol;
        uint8_t family;
        uint32_t states;
        bool header_seen;
        socket_each *each;
        void *cookie;
        struct sockets_result *result;
};

static int table_line(struct sv line, void *cookie)
{
        struct table *table = cookie;
        struct socket_entry entry;
        if (!table->header_seen) {
                table->header_seen = true;
                return 0;
        }
        if (!sockets_parse_line(line, table->protocol, table->family, &entry)) {
                table->result->malformed++;
                return 0;
        }
        if (table->states && (entry.state >= 32 || !(table->states >> entry.state & 1)))
                return 0;
        table->result->entries++;
        return table->each(&entry, table->cookie);
}

int sockets_read_proc(int root, const char *dir, unsigned protocols, uint32_t states, socket_each *each, void *cookie,
        struct sockets_result *ret, struct error *err)
{
        struct sockets_result result = { 0 };
        for (int protocol = 0; protocol < SOCKET_PROTOCOLS; protocol++) {
                for (int six = 0; protocols >> protocol & 1 && six < 2; six++) {
                        char path[128];
                        snprintf(path, sizeof(path), "%s/%s%s", dir,
                                socket_protocol_name((enum socket_protocol)protocol), six ? "6" : "");
                        struct table table = { .protocol = (enum socket_protocol)protocol,
                                .family = six ? AF_INET6 : AF_INET,
                                .states = states,
                                .each = each,
                                .cookie = cookie,
                                .result = &result };
                        struct error one;
                        int verdict = lines_read(root, path, table_line, &table, &result.malformed, &one);
                        if (verdict > 0) {
                                *ret = result;
                                return verdict;
                        }
                        if (verdict == 0)
                                continue;
                        if (one.code != E_NOT_FOUND || (!six && protocol != SOCKET_UDPLITE && protocol != SOCKET_RAW)) {
                                if (err)
                                        *err = one;
                                return -1; /* a kernel without IPv6 or UDP-Lite lacks only these tables */
                        }
                }
        }
        *ret = result;
        return 0;
}
