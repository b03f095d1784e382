/* listen: what the files of the module share. The workers (threads of a loop pool) answer clients and note events; the
 * run's own thread takes the events and sends them as rows. */
#pragma once

#include "loop/pool.h"
#include "module/run.h"
#include "modules/net/addresses.h"
#include "modules/net/tls.h"

#include <pthread.h>
#include <stdatomic.h>

enum listen_kind { LISTEN_TCP, LISTEN_UDP, LISTEN_HTTP };
enum listen_reply { REPLY_USUAL, REPLY_NONE, REPLY_LENGTH, REPLY_ECHO, REPLY_TEXT };

enum {
        LISTEN_WORKERS_MAX = 32,
        LISTEN_EVENTS_MAX = 4096, /* noted and not yet sent */
        LISTEN_EXCERPT = 200,     /* bytes of a message that an event shows */
        LISTEN_DELAYED_MAX = 4096,
        LISTEN_MESSAGE_MAX = 64 << 10,
        LISTEN_ALPN_SHOWN = 32,
        LISTEN_PLAIN_MAX = 2 * LISTEN_MESSAGE_MAX, /* of one read, a record that was half here, and half a request */
};

struct listen_params {
        int kind;
        char *address;
        int port;
        int reply;
        char *text;
        int64_t delay_ns;
        unsigned workers, clients, rows;
        uint64_t bytes;
        int64_t timeout_ns, duration_ns;
        uint64_t count;
        bool tls;
        char *tls_certificate, *tls_key;
        int64_t handshake_ns;
        struct string_list alpn;
};

enum listen_happened {
        LISTEN_LISTENING,
        LISTEN_CONNECTED,
        LISTEN_RECEIVED,
        LISTEN_CLOSED,
        LISTEN_SECURED,
        LISTEN_FAILED
};

struct listen_event {
        enum listen_happened what;
        int64_t at_ns;
        struct address peer;
        unsigned worker;
        uint64_t bytes;
        char excerpt[LISTEN_EXCERPT];
        size_t excerpt_size;
        const char *version, *cipher; /* secured: the library's own texts; the excerpt is the name asked for */
        char alpn[LISTEN_ALPN_SHOWN + 1];
};

struct listen_tls; /* what all connections share: key and certificate */

struct listening {
        const struct listen_params *params;
        enum listen_reply reply;
        struct listen_tls *tls;                 /* NULL: in the clear */
        struct loop *loops[LISTEN_WORKERS_MAX]; /* by worker, set on its own thread */
        int udp[LISTEN_WORKERS_MAX];
        unsigned workers;

        pthread_mutex_t mutex; /* of the events */
        struct listen_event *events;
        size_t event_count;
        int wake_fd; /* eventfd: events are there */
        uint64_t events_lost;

        atomic_uint_fast64_t messages, bytes, replies, refused, limited, delayed, secured, failed;
};

/* One connection, on one loop. */
struct client {
        struct listening *listening;
        struct loop *loop;
        struct stream *stream; /* once a callback told */
        struct address peer;
        uint64_t bytes;
        struct buf waiting; /* the answer while its delay lasts */
        loop_id delay_timer, deadline_timer, handshake_timer;
        bool ended;    /* the peer said all */
        bool answered; /* HTTP and fixed text: one answer a connection */

        /* TLS; session NULL without */
        gnutls_session_t session;
        const struct buf *input; /* what the stream has read, during its callback, … */
        size_t taken;            /* … and how much of it the session took */
        struct buf plain;        /* decrypted and not yet answered */
        bool began;              /* something came */
        bool secured;            /* the handshake is over */
        bool failed;             /* told as such */
        bool said_end;           /* the peer sent close_notify */
};

/* From any worker. What does not fit is counted. */
void listen_note(struct listening *listening, struct loop *loop, enum listen_happened what, const struct address *peer,
        uint64_t bytes, struct sv message);

void listen_note_secured(
        struct client *client, const char *version, const char *cipher, struct sv alpn, struct sv name);

/* The answer to one message, appended to out; nothing for REPLY_NONE. */
void listen_answer(const struct listening *listening, struct sv message, struct buf *out);

/* pool_options.on_accept: TCP and HTTP clients. */
int listen_accept(struct loop *loop, const struct sockaddr_storage *peer, struct stream_options *ret, void *cookie);

/* Reads and answers datagrams on a worker's loop. */
int listen_serve_udp(struct listening *listening, struct loop *loop, unsigned worker, struct error *err);

/* ---- listen_tls.c ---- */

/* Loads the library, and the key and certificate or makes them. ret_fingerprint lives in the arena. */
int listen_tls_prepare(struct listening *listening, struct arena *arena, char **ret_fingerprint, struct error *err);
void listen_tls_done(struct listening *listening);

int listen_tls_accept(struct client *client, struct error *err);

/* Takes all of input: goes on with the handshake, decrypts into client->plain. On a failure client->failed is set, told
 * in an event, and what TLS has to say to the peer is queued. */
void listen_tls_read(struct client *client, struct buf *input);
int listen_tls_write(struct client *client, struct sv bytes, struct error *err);
void listen_tls_fail(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* close_notify, then what follows is the stream's end. */
void listen_tls_end(struct client *client);
void listen_tls_free(struct client *client);
