/* HTTP by libcurl. A unix socket is asked under the name localhost. */
#include "remote.h"

#include "base/cleanup.h"
#include "schema/json.h"

#include <curl/curl.h>
#include <errno.h>

enum { TURN_MS = 50, STOP_NS = 60 * 1000 * 1000, URL_MAX = 2048 };

static bool is_socket(const char *url)
{
        return url[0] == '/' || strncmp(url, "unix:", 5) == 0;
}

int remote_init(const char *url, struct error *err)
{
        if (!is_socket(url) && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
                return fail(
                        err, E_INVALID, "\"%.200s\" is no agent: http(s)://HOST:PORT, or the path of its socket", url);
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
                return fail(err, E_FAILED, "libcurl cannot start");
        return 0;
}

static size_t on_data(char *bytes, size_t size, size_t count, void *cookie)
{
        struct remote *remote = cookie;
        if (!remote->looked) {
                long status = 0;
                char *type = NULL;
                remote->looked = true;
                curl_easy_getinfo((CURL *)remote->easy, CURLINFO_RESPONSE_CODE, &status);
                curl_easy_getinfo((CURL *)remote->easy, CURLINFO_CONTENT_TYPE, &type);
                remote->streaming = status == 200 && type && strncmp(type, "text/event-stream", 17) == 0;
                remote->answered = status >= 200 && status < 300;
                if (remote->streaming && remote->fetch && remote_stream_opened(remote) < 0)
                        return 0;
        }
        if (!remote->streaming) {
                if (remote->fetch && remote->answered && remote->body.len + size * count > remote->body.max) {
                        fail(&remote->why, E_TOO_LARGE, "an answer of %s is longer than %d bytes", remote->url,
                                REMOTE_ANSWER_MAX);
                        return 0;
                }
                buf_append(&remote->body, bytes, size * count);
                return size * count; /* what is too long is no answer of an agent; its beginning is kept */
        }
        if (sse_feed(&remote->events, sv_n(bytes, size * count), remote->fetch ? remote_fetched : remote_event, remote,
                    &remote->why) < 0)
                return 0;
        return size * count;
}

static size_t ignore_data(char *bytes, size_t size, size_t count, void *cookie)
{
        (void)bytes;
        (void)cookie;
        return size * count;
}

static CURL *make_request(const struct remote *remote, const char *path, struct curl_slist *headers)
{
        char url[URL_MAX];
        CURL *easy = curl_easy_init();
        const char *authority = getenv("TARSIER_CA");
        if (!easy)
                return NULL;
        if (is_socket(remote->url)) {
                curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, remote->url + (remote->url[0] == '/' ? 0 : 5));
                snprintf(url, sizeof(url), "http://localhost%s", path);
        } else {
                size_t length = strlen(remote->url);
                while (length && remote->url[length - 1] == '/')
                        length--;
                snprintf(url, sizeof(url), "%.*s%s", (int)length, remote->url, path);
        }
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)REMOTE_CONNECT_S);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "tarsier/" TARSIER_VERSION);
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
        if (authority && *authority)
                curl_easy_setopt(easy, CURLOPT_CAINFO, authority);
        return easy;
}

/* The answer was no event stream: the agent refused, or it is no agent. */
static void explain_answer(struct remote *remote)
{
        struct error *why = &remote->why;
        long status = 0;
        curl_easy_getinfo((CURL *)remote->easy, CURLINFO_RESPONSE_CODE, &status);
        cleanup(json_decref) json_t *answer = json_parse(sv_n(buf_text(&remote->body), remote->body.len), false, NULL);
        const json_t *said = json_object_get(answer, "error");
        const char *code = json_string_value(json_object_get(said, "code"));
        const char *message = json_string_value(json_object_get(said, "message"));
        if (!code || !message)
                fail(why, E_PROTOCOL, "%s answers with status %ld, but not as an agent does", remote->url, status);
        else if (status == 401)
                fail(why, E_UNAUTHENTICATED,
                        "the agent at %s refuses: %s (TARSIER_TOKEN or TARSIER_TOKEN_FILE holds the token)",
                        remote->url, message);
        else
                fail(why, error_code_parse(code), "the agent at %s refuses: %s", remote->url, message);
}

static void explain_failure(struct remote *remote, CURLcode code)
{
        struct error *why = &remote->why;
        long number = 0;
        curl_easy_getinfo((CURL *)remote->easy, CURLINFO_OS_ERRNO, &number);
        switch (code) {
        case CURLE_COULDNT_CONNECT:
                if (number == EACCES || number == EPERM)
                        fail(why, E_PERMISSION, "%s: %s", remote->url, errno_text((int)number));
                else
                        fail(why, E_UNAVAILABLE, "no agent answers at %s: is `tarsier serve` running?", remote->url);
                break;
        case CURLE_COULDNT_RESOLVE_HOST:
                fail(why, E_NOT_FOUND, "%s: the name of the host is not known", remote->url);
                break;
        case CURLE_OPERATION_TIMEDOUT:
                fail(why, E_TIMEOUT, "%s: no connection within %d s", remote->url, REMOTE_CONNECT_S);
                break;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
                fail(why, E_PERMISSION,
                        "%s: the certificate is not trusted: %s (TARSIER_CA names the PEM file of its authority)",
                        remote->url, curl_easy_strerror(code));
                break;
        default:
                fail(why, E_UNAVAILABLE, "%s: %s", remote->url, curl_easy_strerror(code));
        }
}

static bool is_done(CURLM *multi, CURL *easy, CURLcode *ret_code)
{
        int left;
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
                if (message->msg != CURLMSG_DONE || message->easy_handle != easy)
                        continue;
                *ret_code = message->data.result;
                return true;
        }
        return false;
}

/* The run must not go on for nobody. Until the parent kills us its last rows may still come. */
static void cancel(struct remote *remote, CURLM *multi, struct curl_slist *headers)
{
        char path[128];
        if (!remote->id[0] || remote->finished)
                return;
        snprintf(path, sizeof(path), "/v1/runs/%s", remote->id);
        CURL *easy = make_request(remote, path, headers);
        if (!easy)
                return;
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_data);
        curl_multi_add_handle(multi, easy);
        int64_t deadline = time_monotonic_ns() + STOP_NS;
        int running = 1;
        while (!remote->finished && running && time_monotonic_ns() < deadline) {
                if (curl_multi_perform(multi, &running) != CURLM_OK ||
                        curl_multi_poll(multi, NULL, 0, 5, NULL) != CURLM_OK)
                        break;
        }
        curl_multi_remove_handle(multi, easy);
        curl_easy_cleanup(easy);
}

static void transfer(struct remote *remote, CURLM *multi, struct curl_slist *headers)
{
        CURLcode code = CURLE_OK;
        int running = 1;
        for (;;) {
                struct curl_waitfd stop = { .fd = run_stop_fd(remote->run), .events = CURL_WAIT_POLLIN };
                if (curl_multi_perform(multi, &running) != CURLM_OK)
                        break;
                if (is_done(multi, remote->easy, &code) || remote->finished)
                        break;
                if (run_checkpoint(remote->run)) {
                        cancel(remote, multi, headers);
                        return;
                }
                if (curl_multi_poll(multi, &stop, 1, TURN_MS, NULL) != CURLM_OK)
                        break;
        }
        if (remote->finished || remote->why.code != E_NONE)
                return;
        if (code != CURLE_OK && !remote->id[0])
                explain_failure(remote, code);
        else if (remote->fetch && remote->answered && !remote->streaming)
                remote_answered(remote);
        else if (remote->streaming)
                fail(&remote->why, E_UNAVAILABLE, "the agent at %s closed the connection%s", remote->url,
                        remote->fetch ? "" : " before the result was complete");
        else
                explain_answer(remote);
}

void remote_exchange(struct remote *remote)
{
        char authorization[4200];
        struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
        headers = curl_slist_append(headers, "Accept: text/event-stream, application/json");
        headers = curl_slist_append(headers, "Expect:");
        if (remote->token) {
                snprintf(authorization, sizeof(authorization), "Authorization: Bearer %.4096s", remote->token);
                headers = curl_slist_append(headers, authorization);
        }
        CURLM *multi = curl_multi_init();
        CURL *easy = make_request(remote, remote->fetch ? remote->path : "/v1/runs?follow=1", headers);
        remote->easy = easy;
        if (multi && easy) {
                if (!remote->fetch || remote->message.n) {
                        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, remote->message.p);
                        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)remote->message.n);
                }
                if (remote->fetch)
                        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, remote->method);
                curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
                curl_easy_setopt(easy, CURLOPT_WRITEDATA, remote);
                curl_multi_add_handle(multi, easy);
                transfer(remote, multi, headers);
                curl_multi_remove_handle(multi, easy);
        } else {
                fail(&remote->why, E_NO_MEMORY, "no memory for a request");
        }
        curl_easy_cleanup(easy);
        curl_multi_cleanup(multi);
        curl_slist_free_all(headers);
}
