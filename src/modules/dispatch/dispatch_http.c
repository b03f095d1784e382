/* HTTP POST by libcurl on the module's loop: curl tells which sockets and which time it waits for. One connection, kept
 * open, one event at a time. */
#include "dispatch.h"

#include <curl/curl.h>

enum { SOCKETS_MAX = 16, RETRY_AFTER_MAX_S = 3600 };

struct http {
        struct output *output;
        CURLM *multi;
        CURL *easy;
        struct curl_slist *headers; /* of the request under way */
        loop_id timer;
        struct {
                curl_socket_t fd;
                loop_id id;
        } sockets[SOCKETS_MAX];
        char reason[CURL_ERROR_SIZE];
};

static struct loop *loop_of(const struct http *http)
{
        return http->output->dispatch->service->loop;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *cookie)
{
        (void)bytes;
        (void)cookie;
        return size * count; /* only the status counts */
}

static enum outcome judge(CURLcode code, long status)
{
        if (code != CURLE_OK)
                return OUTCOME_FAILED;
        if (status >= 200 && status < 300)
                return OUTCOME_DELIVERED;
        /* the event itself is at fault: sending it again would hold up the others for ever */
        return status == 400 || status == 413 || status == 415 || status == 422 ? OUTCOME_REJECTED : OUTCOME_FAILED;
}

static void take_results(struct http *http)
{
        int left;
        CURLMsg *message;
        while ((message = curl_multi_info_read(http->multi, &left))) {
                if (message->msg != CURLMSG_DONE)
                        continue;
                CURLcode code = message->data.result;
                long status = 0;
                curl_off_t after = 0;
                curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
                curl_easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &after);
                curl_multi_remove_handle(http->multi, http->easy);
                enum outcome outcome = judge(code, status);
                if (after > 0)
                        http->output->retry_after_ns = (after < RETRY_AFTER_MAX_S ? after : RETRY_AFTER_MAX_S) * SECOND;
                if (code != CURLE_OK)
                        output_done(
                                http->output, outcome, "%s", http->reason[0] ? http->reason : curl_easy_strerror(code));
                else
                        output_done(http->output, outcome, "status %ld", status);
        }
}

static void act(struct http *http, curl_socket_t fd, int events)
{
        int running;
        curl_multi_socket_action(http->multi, fd, events, &running);
        take_results(http);
}

static void on_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct http *http = cookie;
        (void)loop;
        for (size_t i = 0; i < SOCKETS_MAX; i++) {
                if (http->sockets[i].id != id)
                        continue;
                int ready = (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0) |
                            (events & (LOOP_ERROR | LOOP_HANGUP) ? CURL_CSELECT_ERR : 0);
                act(http, http->sockets[i].fd, ready);
                return;
        }
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *cookie, void *unused)
{
        struct http *http = cookie;
        size_t at = SOCKETS_MAX;
        (void)easy;
        (void)unused;
        for (size_t i = 0; i < SOCKETS_MAX; i++)
                if (http->sockets[i].id && http->sockets[i].fd == fd)
                        at = i;
        if (what == CURL_POLL_REMOVE) {
                if (at < SOCKETS_MAX) {
                        loop_remove(loop_of(http), http->sockets[at].id);
                        http->sockets[at].id = 0;
                }
                return 0;
        }
        uint32_t events = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
        if (at < SOCKETS_MAX)
                return loop_modify_fd(loop_of(http), http->sockets[at].id, events, NULL);
        for (at = 0; at < SOCKETS_MAX && http->sockets[at].id; at++)
                continue;
        if (at == SOCKETS_MAX)
                return -1;
        http->sockets[at].fd = fd;
        return loop_add_fd(loop_of(http), fd, events, LOOP_LEVEL, on_ready, http, &http->sockets[at].id, NULL);
}

static void on_time(struct loop *loop, loop_id id, void *cookie)
{
        struct http *http = cookie;
        (void)loop;
        (void)id;
        http->timer = 0;
        act(http, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long milliseconds, void *cookie)
{
        struct http *http = cookie;
        (void)multi;
        if (http->timer)
                loop_remove(loop_of(http), http->timer);
        http->timer = 0;
        if (milliseconds < 0)
                return 0;
        return loop_add_timer(loop_of(http), milliseconds * MILLISECOND, 0, on_time, http, &http->timer, NULL);
}

static void set_options(struct http *http)
{
        const struct output_config *config = http->output->config;
        CURL *easy = http->easy;
        curl_easy_setopt(easy, CURLOPT_URL, config->url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "tarsier");
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(config->timeout_ns / MILLISECOND));
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->reason);
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* the environment of an agent is nobody's setting */
        if (config->ca && config->ca[0])
                curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca);
}

static int http_open(struct output *output, struct error *err)
{
        const char *url = output->config->url;
        if (!url || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0))
                return fail(err, E_INVALID, "url must begin with http:// or https://");
        struct http *http = calloc(1, sizeof(*http));
        if (!http)
                return fail(err, E_NO_MEMORY, "no memory for HTTP");
        output->state = http;
        http->output = output;
        curl_global_init(CURL_GLOBAL_DEFAULT);
        http->multi = curl_multi_init();
        http->easy = curl_easy_init();
        if (!http->multi || !http->easy)
                return fail(err, E_NO_MEMORY, "no memory for HTTP");
        curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
        curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
        set_options(http);
        return 0;
}

static int add_header(struct http *http, const char *name, const char *value)
{
        char *line = NULL;
        if (asprintf(&line, "%s: %s", name, value) < 0)
                return -1;
        struct curl_slist *longer = curl_slist_append(http->headers, line);
        free(line);
        if (longer)
                http->headers = longer;
        return longer ? 0 : -1;
}

static int set_headers(struct http *http, const struct spool_event *event)
{
        const string_map *headers = &http->output->config->headers;
        char id[40];
        int status = 0;
        curl_slist_free_all(http->headers);
        http->headers = NULL;
        render_id(http->output->dispatch, event->number, id);
        status |= add_header(http, "Content-Type", "application/json");
        status |= add_header(http, "Idempotency-Key", id);
        for (size_t i = 0; i < headers->count; i++)
                status |= add_header(http, headers->keys[i], headers->items[i]);
        curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, http->headers);
        return status;
}

static void http_send(struct output *output, const struct spool_event *event, struct sv text)
{
        struct http *http = output->state;
        http->reason[0] = '\0';
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)text.n);
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, text.p); /* output->text stays until output_done */
        if (set_headers(http, event) < 0 || curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
                output_done(output, OUTCOME_FAILED, "no memory for HTTP");
}

static void http_close(struct output *output)
{
        struct http *http = output->state;
        if (!http)
                return;
        if (http->multi && http->easy)
                curl_multi_remove_handle(http->multi, http->easy);
        curl_easy_cleanup(http->easy);
        curl_multi_cleanup(http->multi);
        curl_slist_free_all(http->headers);
        if (http->timer)
                loop_remove(loop_of(http), http->timer);
        free(http);
        output->state = NULL;
}

const struct output_operations http_operations = { http_open, http_send, http_close };
