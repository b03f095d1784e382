/* listen: what the files of the module share. The workers (threads of a loop pool) answer clients and note events; the
 * run's own thread takes the events and sends them as rows. */
#pragma once

#include "loop/pool.h"
#include "module/run.h"
#include "modules/net/addresses.h"

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
};

enum listen_happened { LISTEN_LISTENING, LISTEN_CONNECTED, LISTEN_RECEIVED, LISTEN_CLOSED };

struct listen_event {
        enum listen_happened what;
        int64_t at_ns;
        struct address peer;
        unsigned worker;
        uint64_t bytes;
        char excerpt[LISTEN_EXCERPT];
        size_t excerpt_size;
};

struct listening {
        const struct listen_params *params;
        enum listen_reply reply;
        struct loop *loops[LISTEN_WORKERS_MAX]; /* by worker, set on its own thread */
        int udp[LISTEN_WORKERS_MAX];
        unsigned workers;

        pthread_mutex_t mutex; /* of the events */
        struct listen_event *events;
        size_t event_count;
        int wake_fd; /* eventfd: events are there */
        uint64_t events_lost;

        atomic_uint_fast64_t messages, bytes, replies, refused, limited, delayed;
};

/* From any worker. What does not fit is counted. */
void listen_note(struct listening *listening, struct loop *loop, enum listen_happened what, const struct address *peer,
        uint64_t bytes, struct sv message);

/* The answer to one message, appended to out; nothing for REPLY_NONE. */
void listen_answer(const struct listening *listening, struct sv message, struct buf *out);

/* pool_options.on_accept: TCP and HTTP clients. */
int listen_accept(struct loop *loop, const struct sockaddr_storage *peer, struct stream_options *ret, void *cookie);

/* Reads and answers datagrams on a worker's loop. */
int listen_serve_udp(struct listening *listening, struct loop *loop, unsigned worker, struct error *err);
