#include "lib/http/http.h"

#include "base/buf.h"

#include <errno.h>
#include <strings.h>

enum { TARGET_MAX = 8 * 1024, TRAILER_MAX = 8 * 1024, CHUNK_LINE_MAX = 256 };

static const struct {
        int status;
        const char *text;
} status_texts[] = { { 100, "Continue" }, { 200, "OK" }, { 204, "No Content" }, { 301, "Moved Permanently" },
        { 302, "Found" }, { 304, "Not Modified" }, { 307, "Temporary Redirect" }, { 400, "Bad Request" },
        { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
        { 408, "Request Timeout" }, { 413, "Request Entity Too Large" }, { 414, "Request URI Too Long" },
        { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" }, { 501, "Not Implemented" },
        { 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" } };

const char *http_status_text(int status)
{
        for (size_t i = 0; i < sizeof(status_texts) / sizeof(status_texts[0]); i++)
                if (status_texts[i].status == status)
                        return status_texts[i].text;
        return "";
}

ssize_t http_head_length(struct sv text)
{
        /* empty lines before a request are skipped (RFC 9112 §2.2) */
        size_t at = 0;
        while (at + 1 < text.n && text.p[at] == '\r' && text.p[at + 1] == '\n')
                at += 2;
        const char *end = text.n > at ? memmem(text.p + at, text.n - at, "\r\n\r\n", 4) : NULL;
        if (end && end - text.p + 4 <= HTTP_HEAD_MAX)
                return end - text.p + 4;
        return end || text.n >= HTTP_HEAD_MAX ? -1 : 0;
}

static bool is_token(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool all_token(struct sv text)
{
        for (size_t i = 0; i < text.n; i++)
                if (!is_token(text.p[i]))
                        return false;
        return text.n > 0;
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_unescape(struct sv text, bool plus, char *ret)
{
        size_t to = 0;
        for (size_t i = 0; i < text.n; i++) {
                char c = text.p[i];
                if (c == '%') {
                        int high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
                        int low = high >= 0 ? hex_digit(text.p[i + 2]) : -1;
                        if (low < 0)
                                return false;
                        c = (char)(high << 4 | low);
                        i += 2;
                } else if (plus && c == '+') {
                        c = ' ';
                }
                if (c == '\0')
                        return false;
                ret[to++] = c;
        }
        ret[to] = '\0';
        return true;
}

const char *http_query(const char *query, const char *name, size_t index, struct arena *arena)
{
        struct sv rest = sv_of(query);
        while (rest.n) {
                const char *end = memchr(rest.p, '&', rest.n);
                struct sv pair = sv_n(rest.p, end ? (size_t)(end - rest.p) : rest.n);
                rest = end ? sv_n(end + 1, rest.n - pair.n - 1) : sv_n(NULL, 0);
                const char *equals = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
                struct sv key = sv_n(pair.p, equals ? (size_t)(equals - pair.p) : pair.n);
                struct sv value = equals ? sv_n(equals + 1, pair.n - key.n - 1) : SV("");
                char *decoded = arena_alloc(arena, key.n + 1);
                if (!decoded)
                        return NULL;
                if (!http_unescape(key, true, decoded) || strcmp(decoded, name) != 0 || index-- > 0)
                        continue;
                decoded = arena_alloc(arena, value.n + 1);
                if (decoded && http_unescape(value, true, decoded))
                        return decoded;
                return NULL;
        }
        return NULL;
}

bool http_header_has(const char *value, const char *word)
{
        size_t length = strlen(word);
        while (value && *value) {
                value += strspn(value, " \t,");
                size_t n = strcspn(value, ",");
                size_t trimmed = n;
                while (trimmed > 0 && (value[trimmed - 1] == ' ' || value[trimmed - 1] == '\t'))
                        trimmed--;
                if (trimmed == length && strncasecmp(value, word, length) == 0)
                        return true;
                value += n;
        }
        return false;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
        for (size_t i = 0; i < request->header_count; i++)
                if (strcasecmp(request->headers[i].name, name) == 0)
                        return request->headers[i].value;
        return NULL;
}

/* ---- the request line ---- */

static int bad(int *ret_status, int status, struct error *err, const char *what)
{
        *ret_status = status;
        return fail(err, E_INVALID, "%s", what);
}

static int parse_target(
        struct sv target, struct arena *arena, struct http_request *ret, int *ret_status, struct error *err)
{
        if (target.n == 0 || target.n > TARGET_MAX)
                return bad(ret_status, target.n ? 414 : 400, err, "the target is empty or longer than 8 KiB");
        for (size_t i = 0; i < target.n; i++)
                if ((unsigned char)target.p[i] <= ' ' || target.p[i] == 0x7f)
                        return bad(ret_status, 400, err, "the target holds a space or a control character");
        ret->target = arena_strndup(arena, target.p, target.n);
        struct sv rest = target;
        if (sv_starts(rest, SV("http://")) || sv_starts(rest, SV("https://"))) { /* as a proxy would be asked */
                size_t skip = rest.p[4] == 's' ? 8 : 7;
                const char *slash = memchr(rest.p + skip, '/', rest.n - skip);
                rest = slash ? sv_n(slash, rest.n - (size_t)(slash - rest.p)) : SV("/");
        }
        if (rest.p[0] != '/' && !(rest.n == 1 && rest.p[0] == '*'))
                return bad(ret_status, 400, err, "the target is no path");
        const char *mark = memchr(rest.p, '?', rest.n);
        struct sv path = sv_n(rest.p, mark ? (size_t)(mark - rest.p) : rest.n);
        ret->query = mark ? arena_strndup(arena, mark + 1, rest.n - path.n - 1) : "";
        char *decoded = arena_alloc(arena, path.n + 1);
        if (!decoded || !ret->query || !ret->target)
                return bad(ret_status, 431, err, "no room for the request");
        if (!http_unescape(path, false, decoded))
                return bad(ret_status, 400, err, "the path holds a malformed escape");
        ret->path = decoded;
        return 0;
}

static int parse_request_line(
        struct sv line, struct arena *arena, struct http_request *ret, int *ret_status, struct error *err)
{
        const char *first = memchr(line.p, ' ', line.n);
        const char *last = memrchr(line.p, ' ', line.n);
        if (!first || first == last)
                return bad(ret_status, 400, err, "the request line has not three words");
        struct sv method = sv_n(line.p, (size_t)(first - line.p));
        struct sv target = sv_n(first + 1, (size_t)(last - first - 1));
        struct sv version = sv_n(last + 1, line.n - (size_t)(last + 1 - line.p));
        if (!all_token(method) || method.n > 32)
                return bad(ret_status, 400, err, "the method is no word");
        if (version.n != 8 || !sv_starts(version, SV("HTTP/")) || version.p[6] != '.')
                return bad(ret_status, 400, err, "the version is not HTTP/1.1");
        if (version.p[5] != '1' || version.p[7] < '0' || version.p[7] > '9')
                return bad(ret_status, 505, err, "only HTTP/1 is spoken here");
        ret->minor = (unsigned)(version.p[7] - '0');
        ret->method = arena_strndup(arena, method.p, method.n);
        if (!ret->method)
                return bad(ret_status, 431, err, "no room for the request");
        return parse_target(target, arena, ret, ret_status, err);
}

/* ---- fields ---- */

static int parse_field(
        struct sv line, struct arena *arena, struct http_request *ret, int *ret_status, struct error *err)
{
        const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
        struct sv name = sv_n(line.p, colon ? (size_t)(colon - line.p) : 0);
        if (!all_token(name)) /* a folded line and a space before the colon too (RFC 9112 §5) */
                return bad(ret_status, 400, err, "a header has no proper name");
        struct sv value = sv_trim(sv_n(colon + 1, line.n - name.n - 1));
        for (size_t i = 0; i < value.n; i++)
                if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
                        return bad(ret_status, 400, err, "a header holds a control character");
        if (ret->header_count == HTTP_HEADERS_MAX)
                return bad(ret_status, 431, err, "more than 100 headers");
        struct http_header *header = &ret->headers[ret->header_count];
        header->name = arena_strndup(arena, name.p, name.n);
        header->value = arena_strndup(arena, value.p, value.n);
        if (!header->name || !header->value)
                return bad(ret_status, 431, err, "no room for the headers");
        ret->header_count++;
        return 0;
}

static bool parse_length(const char *text, uint64_t *ret)
{
        uint64_t value = 0;
        size_t n = strlen(text);
        if (n == 0 || n > 18)
                return false;
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return false;
                value = value * 10 + (uint64_t)(*text - '0');
        }
        *ret = value;
        return true;
}

static int read_framing(struct http_request *ret, int *ret_status, struct error *err)
{
        bool has_length = false, has_host = false;
        ret->keep_alive = ret->minor >= 1;
        for (size_t i = 0; i < ret->header_count; i++) {
                const char *name = ret->headers[i].name, *value = ret->headers[i].value;
                uint64_t length;
                if (strcasecmp(name, "Content-Length") == 0) {
                        if (!parse_length(value, &length) || (has_length && length != ret->length))
                                return bad(ret_status, 400, err, "Content-Length is no number, or two of them");
                        has_length = true;
                        ret->length = length;
                } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
                        if (strcasecmp(value, "chunked") != 0 || ret->chunked)
                                return bad(ret_status, 501, err, "Transfer-Encoding is not chunked");
                        ret->chunked = true;
                } else if (strcasecmp(name, "Connection") == 0) {
                        if (http_header_has(value, "close"))
                                ret->keep_alive = false;
                        else if (http_header_has(value, "keep-alive"))
                                ret->keep_alive = true;
                } else if (strcasecmp(name, "Expect") == 0) {
                        ret->expects_continue = strcasecmp(value, "100-continue") == 0;
                } else if (strcasecmp(name, "Host") == 0) {
                        if (has_host)
                                return bad(ret_status, 400, err, "two Host headers");
                        has_host = true;
                }
        }
        if (ret->chunked && (has_length || ret->minor == 0))
                return bad(ret_status, 400, err, "the length of the body is told in two ways");
        if (ret->minor >= 1 && !has_host)
                return bad(ret_status, 400, err, "missing required Host header");
        return 0;
}

int http_request_parse(
        struct sv text, struct arena *arena, struct http_request *ret, int *ret_status, struct error *err)
{
        struct http_request request = { .length = 0 };
        bool first = true;
        *ret_status = 400;
        while (text.n) {
                const char *end = memmem(text.p, text.n, "\r\n", 2);
                if (!end)
                        return bad(ret_status, 400, err, "the head does not end with an empty line");
                struct sv line = sv_n(text.p, (size_t)(end - text.p));
                text = sv_n(end + 2, text.n - line.n - 2);
                if (line.n == 0 && first)
                        continue;
                if (line.n == 0)
                        break;
                int status = first ? parse_request_line(line, arena, &request, ret_status, err)
                                   : parse_field(line, arena, &request, ret_status, err);
                if (status < 0)
                        return -1;
                first = false;
        }
        if (first)
                return bad(ret_status, 400, err, "there is no request line");
        if (read_framing(&request, ret_status, err) < 0)
                return -1;
        *ret = request;
        return 0;
}

/* ---- chunked bodies ---- */

enum { SIZE_LINE, CHUNK_BYTES, CHUNK_END, TRAILER, DONE };

static int chunk_size(struct sv line, uint64_t *ret)
{
        uint64_t size = 0;
        size_t i = 0;
        for (; i < line.n && hex_digit(line.p[i]) >= 0; i++) {
                if (i >= 15)
                        return -1;
                size = size << 4 | (uint64_t)hex_digit(line.p[i]);
        }
        size_t digits = i;
        while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
                i++;
        if (digits == 0 || (i < line.n && line.p[i] != ';'))
                return -1;
        *ret = size;
        return 0;
}

/* One line of the framing; 1: more input is needed. */
static int take_line(struct http_chunks *chunks, struct sv input, size_t *taken, struct error *err)
{
        const char *end = input.n ? memmem(input.p, input.n, "\r\n", 2) : NULL;
        if (end ? end - input.p > CHUNK_LINE_MAX : input.n > CHUNK_LINE_MAX + 1)
                return fail(err, E_INVALID, "a chunk's line is longer than %d bytes", CHUNK_LINE_MAX);
        if (!end)
                return 1;
        struct sv line = sv_n(input.p, (size_t)(end - input.p));
        *taken = line.n + 2;
        if (chunks->state == SIZE_LINE) {
                if (chunk_size(line, &chunks->left) < 0)
                        return fail(err, E_INVALID, "a chunk has no proper size");
                chunks->state = chunks->left ? CHUNK_BYTES : TRAILER;
        } else if (chunks->state == CHUNK_END) {
                if (line.n)
                        return fail(err, E_INVALID, "a chunk is longer than its size");
                chunks->state = SIZE_LINE;
        } else {
                chunks->trailer += line.n;
                if (chunks->trailer > TRAILER_MAX)
                        return fail(err, E_INVALID, "the trailer is longer than %d bytes", TRAILER_MAX);
                if (line.n == 0)
                        chunks->state = DONE;
        }
        return 0;
}

ssize_t http_chunks_feed(
        struct http_chunks *chunks, struct sv input, struct buf *body, bool *ret_done, struct error *err)
{
        size_t all = 0;
        *ret_done = false;
        while (chunks->state != DONE) {
                size_t taken = 0;
                if (chunks->state == CHUNK_BYTES) {
                        taken = chunks->left < input.n ? (size_t)chunks->left : input.n;
                        if (taken == 0)
                                return (ssize_t)all;
                        if (chunks->left > body->max - body->len)
                                return fail(err, E_TOO_LARGE, "the body is longer than %zu bytes", body->max);
                        buf_append(body, input.p, taken);
                        if (body->failed)
                                return fail(err, E_NO_MEMORY, "no room for the body");
                        chunks->left -= taken;
                        if (chunks->left == 0)
                                chunks->state = CHUNK_END;
                } else {
                        int status = take_line(chunks, input, &taken, err);
                        if (status != 0)
                                return status < 0 ? -1 : (ssize_t)all;
                }
                input = sv_n(input.p + taken, input.n - taken);
                all += taken;
        }
        *ret_done = true;
        return (ssize_t)all;
}
