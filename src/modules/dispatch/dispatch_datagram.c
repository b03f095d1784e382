/* syslog (RFC 5424) to a unix socket, UDP or TCP (octet counting, RFC 6587), and the journal's own protocol
 * (systemd's "Native Journal Protocol"). */
#include "dispatch.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_SOCKET "/dev/log"

enum { FACILITY_SECURITY = 13 /* log audit */, TCP_TIMEOUT_S = 10 };

struct peer {
        struct output *output;
        union {
                struct sockaddr any;
                struct sockaddr_un unix_;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        } address;
        socklen_t size;
        int type; /* SOCK_DGRAM or SOCK_STREAM */
        int fd;
        loop_id id;
        loop_id timer;
        struct buf out; /* TCP: what waits */
        struct buf text;
};

static int parse_port(const char *text, uint16_t *ret)
{
        uint64_t port;
        if (!sv_parse_u64(sv_of(text), 10, &port) || port == 0 || port > UINT16_MAX)
                return -1;
        *ret = htons((uint16_t)port);
        return 0;
}

/* "udp://192.0.2.1:514", "tcp://[2001:db8::1]:601": addresses, since a name would have to be asked for. */
static int parse_inet(struct peer *peer, const char *text, struct error *err)
{
        char host[64];
        const char *colon = strrchr(text, ':');
        uint16_t port;
        size_t length = colon ? (size_t)(colon - text) : 0;
        if (!colon || length >= sizeof(host) || parse_port(colon + 1, &port) < 0)
                return fail(err, E_INVALID, "address \"%s\" is not ADDRESS:PORT", text);
        bool brackets = length > 2 && text[0] == '[' && text[length - 1] == ']';
        snprintf(host, sizeof(host), "%.*s", (int)(brackets ? length - 2 : length), brackets ? text + 1 : text);
        if (inet_pton(AF_INET, host, &peer->address.in.sin_addr) == 1) {
                peer->address.in.sin_family = AF_INET;
                peer->address.in.sin_port = port;
                peer->size = sizeof(peer->address.in);
        } else if (inet_pton(AF_INET6, host, &peer->address.in6.sin6_addr) == 1) {
                peer->address.in6.sin6_family = AF_INET6;
                peer->address.in6.sin6_port = port;
                peer->size = sizeof(peer->address.in6);
        } else {
                return fail(err, E_INVALID, "address \"%s\": %s is no IP address", text, host);
        }
        return 0;
}

static int parse_address(struct peer *peer, const char *text, struct error *err)
{
        peer->type = SOCK_DGRAM;
        if (strncmp(text, "udp://", 6) == 0)
                return parse_inet(peer, text + 6, err);
        if (strncmp(text, "tcp://", 6) == 0) {
                peer->type = SOCK_STREAM;
                return parse_inet(peer, text + 6, err);
        }
        if (text[0] != '/' || strlen(text) >= sizeof(peer->address.unix_.sun_path))
                return fail(err, E_INVALID, "address \"%s\" is no socket path, udp:// or tcp://", text);
        peer->address.unix_.sun_family = AF_UNIX;
        snprintf(peer->address.unix_.sun_path, sizeof(peer->address.unix_.sun_path), "%s", text);
        peer->size = sizeof(peer->address.unix_);
        return 0;
}

static int peer_open(struct output *output, const char *default_address, struct error *err)
{
        struct peer *peer = calloc(1, sizeof(*peer));
        const char *address = output->config->address;
        if (!peer)
                return fail(err, E_NO_MEMORY, "no memory for an output");
        output->state = peer;
        peer->output = output;
        peer->fd = -1;
        buf_init(&peer->out, EVENT_TEXT_MAX + 1024);
        buf_init(&peer->text, EVENT_TEXT_MAX + 1024);
        return parse_address(peer, address && address[0] ? address : default_address, err);
}

static void drop(struct peer *peer, loop_id *id)
{
        if (*id)
                loop_remove(peer->output->dispatch->service->loop, *id);
        *id = 0;
}

static void hang_up(struct peer *peer)
{
        drop(peer, &peer->id);
        drop(peer, &peer->timer);
        fd_close(&peer->fd);
        buf_clear(&peer->out);
}

static void peer_close(struct output *output)
{
        struct peer *peer = output->state;
        if (!peer)
                return;
        hang_up(peer);
        buf_done(&peer->out);
        buf_done(&peer->text);
        free(peer);
        output->state = NULL;
}

static int peer_connect(struct peer *peer)
{
        if (peer->fd >= 0)
                return 0;
        cleanup(fd_close) int fd = socket(peer->address.any.sa_family, peer->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || (connect(fd, &peer->address.any, peer->size) < 0 && errno != EINPROGRESS))
                return -1;
        peer->fd = take_fd(fd);
        return 0;
}

static void failed(struct peer *peer, const char *what)
{
        int why = errno;
        hang_up(peer);
        output_done(peer->output, OUTCOME_FAILED, "%s: %s", what, errno_text(why));
}

/* ---- datagrams ---- */

/* A message that is too long for a datagram goes as a sealed file (journal only). */
static ssize_t send_file(int socket_fd, struct sv text)
{
        cleanup(fd_close) int fd = memfd_create("event", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n ||
                fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -1;
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct msghdr message = { .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
        return sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_datagram(struct peer *peer, struct sv text, bool journal)
{
        if (peer_connect(peer) < 0) {
                failed(peer, "connecting");
                return;
        }
        ssize_t sent = send(peer->fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EMSGSIZE) {
                if (journal) {
                        sent = send_file(peer->fd, text);
                } else {
                        output_done(peer->output, OUTCOME_REJECTED, "%zu bytes are too long for a datagram", text.n);
                        return;
                }
        }
        if (sent < 0)
                failed(peer, "sending");
        else
                output_done(peer->output, OUTCOME_DELIVERED, "%s", "");
}

/* ---- TCP ---- */

static void on_too_long(struct loop *loop, loop_id id, void *cookie)
{
        struct peer *peer = cookie;
        (void)loop;
        (void)id;
        peer->timer = 0;
        errno = ETIMEDOUT;
        failed(peer, "sending");
}

static void on_writable(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct peer *peer = cookie;
        int why = 0;
        socklen_t size = sizeof(why);
        (void)events;
        if (getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &why, &size) == 0 && why) {
                errno = why;
                failed(peer, "sending");
                return;
        }
        ssize_t sent = send(peer->fd, peer->out.data, peer->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
                failed(peer, "sending");
                return;
        }
        buf_consume(&peer->out, sent > 0 ? (size_t)sent : 0);
        if (peer->out.len)
                return;
        drop(peer, &peer->timer);
        loop_remove(loop, id);
        peer->id = 0;
        output_done(peer->output, OUTCOME_DELIVERED, "%s", ""); /* the kernel has it: syslog knows no answer */
}

/* A receiver that closed the connection would otherwise be noticed one event too late. */
static bool peer_hung_up(const struct peer *peer)
{
        char byte;
        ssize_t got = recv(peer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return got == 0 || (got < 0 && errno != EAGAIN && errno != ENOTCONN);
}

static void send_stream(struct peer *peer, struct sv text)
{
        struct loop *loop = peer->output->dispatch->service->loop;
        if (peer->fd >= 0 && peer_hung_up(peer))
                hang_up(peer);
        if (peer_connect(peer) < 0) {
                failed(peer, "connecting");
                return;
        }
        buf_clear(&peer->out);
        buf_printf(&peer->out, "%zu ", text.n);
        buf_append(&peer->out, text.p, text.n);
        if (peer->out.failed ||
                loop_add_fd(loop, peer->fd, LOOP_WRITE, LOOP_LEVEL, on_writable, peer, &peer->id, NULL) < 0 ||
                loop_add_timer(loop, TCP_TIMEOUT_S * SECOND, 0, on_too_long, peer, &peer->timer, NULL) < 0) {
                errno = ENOMEM;
                failed(peer, "sending");
        }
}

/* ---- syslog ---- */

static int priority_of(enum severity severity)
{
        static const int priorities[] = { 6, 4, 3, 2 }; /* informational, warning, error, critical */
        return priorities[severity];
}

static int syslog_open(struct output *output, struct error *err)
{
        return peer_open(output, SYSLOG_SOCKET, err);
}

static void syslog_send(struct output *output, const struct spool_event *event, struct sv text)
{
        struct peer *peer = output->state;
        char when[TIME_TEXT_MAX];
        /* at most six digits of the second: RFC 5424, 6.2.3.1 */
        time_format_rfc3339(event->time_ns / MICROSECOND * MICROSECOND, when);
        buf_clear(&peer->text);
        buf_printf(&peer->text, "<%d>1 %s %s tarsier %d alert - ",
                FACILITY_SECURITY * 8 + priority_of(event_severity(event->json, NULL, 0)), when,
                output->dispatch->hostname, (int)getpid());
        buf_append(&peer->text, text.p, text.n);
        if (peer->text.failed)
                output_done(output, OUTCOME_REJECTED, "the event is too long");
        else if (peer->type == SOCK_STREAM)
                send_stream(peer, sv_n(peer->text.data, peer->text.len));
        else
                send_datagram(peer, sv_n(peer->text.data, peer->text.len), false);
}

/* ---- journal ---- */

static int journal_open(struct output *output, struct error *err)
{
        return peer_open(output, JOURNAL_SOCKET, err);
}

/* With its length in front, so that a newline in the value ends nothing. */
static void put_field(struct buf *out, const char *name, struct sv value)
{
        uint8_t length[8];
        for (int i = 0; i < 8; i++)
                length[i] = (uint8_t)((uint64_t)value.n >> 8 * i);
        buf_puts(out, name);
        buf_putc(out, '\n');
        buf_append(out, length, sizeof(length));
        buf_append(out, value.p, value.n);
        buf_putc(out, '\n');
}

static void journal_send(struct output *output, const struct spool_event *event, struct sv text)
{
        struct peer *peer = output->state;
        char summary[2048], id[40];
        enum severity severity = event_severity(event->json, summary, sizeof(summary));
        render_id(output->dispatch, event->number, id);
        buf_clear(&peer->text);
        put_field(&peer->text, "MESSAGE", sv_of(summary));
        buf_printf(&peer->text, "PRIORITY=%d\nSYSLOG_IDENTIFIER=tarsier\nTARSIER_ID=%s\n", priority_of(severity), id);
        put_field(&peer->text, "TARSIER_EVENT", text);
        if (peer->text.failed)
                output_done(output, OUTCOME_REJECTED, "the event is too long");
        else
                send_datagram(peer, sv_n(peer->text.data, peer->text.len), true);
}

const struct output_operations syslog_operations = { syslog_open, syslog_send, peer_close };
const struct output_operations journal_operations = { journal_open, journal_send, peer_close };
