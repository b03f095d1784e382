/* A small HTTP/1.1 server on the reactor, for ports on which Tarsier speaks as a peer does. No TLS: api's doors have
 * it. It costs 3 MB less than libmicrohttpd with GnuTLS in a process that has 5 to spend; bounds are named below, and
 * everything from outside goes through http.h's parsers. */
#pragma once

#include "base/buf.h"
#include "lib/http/http.h"
#include "loop/loop.h"

struct http_server;
struct http_exchange; /* one request and its answer */

typedef void http_handle_fn(struct http_exchange *exchange, const struct http_request *request, void *cookie);

struct http_server_options { /* zero: the default */
        http_handle_fn *handle;
        void *cookie;
        size_t connections_max;    /* 256; then idle ones make room, and more wait in the kernel's queue */
        size_t body_max;           /* 1 MiB */
        size_t reply_max;          /* 64 MiB queued for one client */
        int64_t head_timeout_ns;   /* 10 s for a whole request, slow bytes included */
        int64_t idle_timeout_ns;   /* 75 s between requests, and for a client that does not read; not for a quiet
                                      http_begin */
        const char *const *header; /* names and values in turn, sent with every reply, NULL-terminated */
};

struct http_server *http_server_new(struct loop *loop, const struct http_server_options *options, struct error *err);
/* Closes all connections; exchanges end by their on_close. */
void http_server_free(struct http_server *server);
/* fd listens already and stays the caller's. May be called for several. */
int http_server_listen(struct http_server *server, int fd, struct error *err);
/* Binds and listens itself: "8080", ":8080", "127.0.0.1:8080", "[::]:8080". An empty host is every address, IPv6 too
 * where the host has it. Returns the fd, which is the caller's. */
int http_bind(const char *address, struct error *err);

/* ---- an answer: whole … ---- */

/* headers: names and values in turn, NULL-terminated; may be NULL. content_type NULL: none is sent. The exchange is
 * over afterwards. */
void http_reply(struct http_exchange *exchange, int status, const char *content_type, const char *const *headers,
        struct sv body);

/* ---- … or piece by piece (chunked; to HTTP/1.0 until the end of the connection) ---- */

void http_begin(struct http_exchange *exchange, int status, const char *content_type, const char *const *headers);
/* false when the client reads too slowly and its queue is full: nothing of it was sent. */
bool http_write(struct http_exchange *exchange, struct sv bytes);
void http_end(struct http_exchange *exchange);
/* … or as fast as the client takes it, so that no answer waits whole: `more` appends some to out (HTTP_PIECE_MAX at
 * most; beyond is an abort) and returns whether there is more to come; it is called again when the client has taken
 * most of it. A small answer, all in the first piece, is sent whole. `done` follows the last call, also when the client
 * left; it may be NULL. The exchange is over as with http_end. */
enum { HTTP_PIECE_MAX = 1 << 20 };
typedef bool http_more_fn(struct buf *out, void *cookie);
void http_pull(struct http_exchange *exchange, int status, const char *content_type, const char *const *headers,
        http_more_fn *more, void (*done)(void *cookie), void *cookie);

/* When the client is gone before http_end; the exchange is over. */
void http_on_close(struct http_exchange *exchange, void (*closed)(void *cookie), void *cookie);
/* Now, without an orderly end: so that nobody takes half of an answer for all of it. */
void http_abort(struct http_exchange *exchange);

const char *http_client_address(const struct http_exchange *exchange); /* "127.0.0.1:50000" */

struct http_server_counters {
        uint64_t connections, open, requests, refused /* malformed or too large */, timeouts, waited /* full house */;
        uint64_t bytes_in, bytes_out;
};
void http_server_count(const struct http_server *server, struct http_server_counters *ret);
