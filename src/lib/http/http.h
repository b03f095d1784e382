/* The head of an HTTP/1 request (RFC 9112) and the pieces of a body: pure parsers. Strict where leniency lets two
 * readers see two requests (RFC 9112 §11.2): one meaning or an error. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

enum { HTTP_HEAD_MAX = 32 * 1024, HTTP_HEADERS_MAX = 100, HTTP_BODY_MAX = 8 << 20 };

struct http_header {
        const char *name; /* as sent; compared without regard to case */
        const char *value;
};

struct http_request {
        const char *method; /* "GET" */
        const char *target; /* as sent: "/api/v1.3/?x=1" */
        const char *path;   /* decoded; begins with '/', or is "*" */
        const char *query;  /* raw, "" for none */
        unsigned minor;     /* of HTTP/1.x */
        struct http_header headers[HTTP_HEADERS_MAX];
        size_t header_count;
        bool keep_alive;
        bool chunked;          /* the body */
        bool expects_continue; /* Expect: 100-continue */
        uint64_t length;       /* of the body when it is not chunked */
        struct sv body;        /* once it is complete */
};

/* How many bytes at the beginning of text are the head with its blank line; 0: not complete yet; -1: longer than
 * HTTP_HEAD_MAX. */
ssize_t http_head_length(struct sv text);

/* text: http_head_length bytes. E_INVALID says what is wrong with it; *ret_status is then the status to answer (400,
 * 414, 431, 501, 505). Texts live in the arena. */
int http_request_parse(
        struct sv text, struct arena *arena, struct http_request *ret, int *ret_status, struct error *err);

/* NULL when it was not sent; the first of several. */
const char *http_request_header(const struct http_request *request, const char *name);
/* Is this word in a header of comma-separated ones? */
bool http_header_has(const char *value, const char *word);

/* Decodes the value of a parameter in a raw query ("a=b&c=%20"); '+' is a space. NULL when absent or the arena is full.
 * index: of several with this name. */
const char *http_query(const char *query, const char *name, size_t index, struct arena *arena);

/* Percent-decodes into ret, which has length + 1 bytes; false on a malformed escape or a NUL. plus: '+' is a space. */
bool http_unescape(struct sv text, bool plus, char *ret);

/* A chunked body (RFC 9112 §7.1), decoded in place as it comes. */
struct http_chunks {
        int state;
        uint64_t left;  /* of the chunk */
        size_t trailer; /* bytes of trailer fields so far */
};
/* Takes from input, appends to ret_body: returns the bytes taken, and sets *ret_done at the end. -1: malformed
 * (E_INVALID) or beyond body_max (E_TOO_LARGE). */
struct buf;
ssize_t http_chunks_feed(
        struct http_chunks *chunks, struct sv input, struct buf *body, bool *ret_done, struct error *err);

const char *http_status_text(int status); /* "Not Found"; "" for an unknown one */
