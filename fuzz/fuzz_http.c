/* A request as a client may send it: head, query, body. What is taken for a request has one meaning: parsed again from
 * its own words it is the same. */
#include "base/buf.h"
#include "lib/http/http.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arena arena;
        struct http_request request;
        struct error err;
        int status = 0;
        struct sv text = sv_n((const char *)data, size);
        ssize_t length = http_head_length(text);
        if (length <= 0)
                return 0;
        arena_init(&arena, 256 * 1024);
        if (http_request_parse(sv_n(text.p, (size_t)length), &arena, &request, &status, &err) == 0) {
                if (request.path[0] != '/' && strcmp(request.path, "*") != 0)
                        abort();
                (void)http_query(request.query, "a", 0, &arena);
                (void)http_query(request.query, "b[]", 1, &arena);
                (void)http_header_has(http_request_header(&request, "Accept"), "text/plain");
                struct http_chunks whole = { 0 }, pieces = { 0 };
                struct buf all, cut;
                bool done = false, cut_done = false;
                struct sv body = sv_n(text.p + length, text.n - (size_t)length);
                buf_init(&all, 4096);
                buf_init(&cut, 4096);
                ssize_t taken = http_chunks_feed(&whole, body, &all, &done, &err), at = 0, n = 0;
                for (size_t given = 0; given <= body.n && n >= 0 && !cut_done; given++, at += n)
                        n = http_chunks_feed(&pieces, sv_n(body.p + at, given - (size_t)at), &cut, &cut_done, &err);
                if (taken >= 0 && (n < 0 || done != cut_done || all.len != cut.len))
                        abort();
                buf_done(&all);
                buf_done(&cut);
        } else if (status < 400 || status > 505) {
                abort();
        }
        arena_done(&arena);
        return 0;
}
