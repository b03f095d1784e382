/* libtarsier-cadvisor: requests. See include/tarsier/cadvisor.h. */
#include "cadvisor/client.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_NS 30000000000LL

int client_fail(struct tarsier_cadvisor *client, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started */
        vsnprintf(client->error, sizeof(client->error), format, args);
        va_end(args);
        return -1;
}

struct tarsier_cadvisor *tarsier_cadvisor_new(const char *url, int64_t timeout_ns)
{
        struct tarsier_cadvisor *client = calloc(1, sizeof(*client));
        if (!client)
                return NULL;
        size_t length = strlen(url);
        while (length && url[length - 1] == '/')
                length--;
        client->timeout_ns = timeout_ns > 0 ? timeout_ns : TIMEOUT_NS;
        client->url = strndup(url, length);
        client->multi = curl_multi_init();
        client->easy = curl_easy_init();
        if (client->url && client->multi && client->easy)
                return client;
        tarsier_cadvisor_free(client);
        return NULL;
}

void tarsier_cadvisor_free(struct tarsier_cadvisor *client)
{
        if (!client)
                return;
        if (client->easy)
                curl_easy_cleanup(client->easy);
        if (client->multi)
                curl_multi_cleanup(client->multi);
        free(client->url);
        free(client->answer);
        free(client);
}

const char *tarsier_cadvisor_error(const struct tarsier_cadvisor *client)
{
        return client->error;
}

int tarsier_cadvisor_status(const struct tarsier_cadvisor *client)
{
        return client->status;
}

/* ---- one transfer ---- */

static bool grow(struct tarsier_cadvisor *client, size_t size)
{
        size_t wanted = client->answer_size + size + 1;
        if (wanted <= client->answer_capacity)
                return true;
        size_t capacity = client->answer_capacity ? client->answer_capacity : 4096;
        while (capacity < wanted)
                capacity *= 2;
        char *answer = realloc(client->answer, capacity);
        if (!answer)
                return false;
        client->answer = answer;
        client->answer_capacity = capacity;
        return true;
}

/* The whole lines of a stream so far; false when the caller has enough. */
static bool take_lines(struct tarsier_cadvisor *client)
{
        size_t begin = 0;
        for (char *end;
                !client->enough && (end = memchr(client->answer + begin, '\n', client->answer_size - begin)) != NULL;
                begin = (size_t)(end - client->answer) + 1) {
                *end = '\0';
                client->enough = client->line(client, client->answer + begin, client->line_cookie) != 0;
        }
        memmove(client->answer, client->answer + begin, client->answer_size - begin);
        client->answer_size -= begin;
        return !client->enough;
}

static size_t on_body(char *bytes, size_t one, size_t count, void *cookie)
{
        struct tarsier_cadvisor *client = cookie;
        size_t size = one * count;
        long status = 0;
        curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
        bool streams = client->line && status == 200;
        size_t max = streams ? TARSIER_CADVISOR_EVENT_MAX : TARSIER_CADVISOR_ANSWER_MAX;
        if (size > max - client->answer_size) {
                client_fail(client, "%s: the answer is larger than %zu bytes", client->url, max);
                client->refused = true;
                return 0;
        }
        if (!grow(client, size)) {
                client_fail(client, "%s: no memory for the answer", client->url);
                client->refused = true;
                return 0;
        }
        memcpy(client->answer + client->answer_size, bytes, size);
        client->answer_size += size;
        client->answer[client->answer_size] = '\0';
        return streams && !take_lines(client) ? 0 : size;
}

static int wait_for_transfer(struct tarsier_cadvisor *client, int stop_fd, CURLcode *ret_code)
{
        int running = 1;
        while (running) {
                struct curl_waitfd stop = { .fd = stop_fd, .events = CURL_WAIT_POLLIN };
                if (curl_multi_perform(client->multi, &running) != CURLM_OK)
                        return client_fail(client, "%s: the transfer broke", client->url);
                if (!running)
                        break;
                if (curl_multi_poll(client->multi, &stop, stop_fd >= 0, 1000, NULL) != CURLM_OK)
                        return client_fail(client, "%s: the transfer broke", client->url);
                if (stop_fd >= 0 && stop.revents) {
                        client->enough = true;
                        return 0;
                }
        }
        int left;
        for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;)
                if (message->msg == CURLMSG_DONE)
                        *ret_code = message->data.result;
        return 0;
}

int client_transfer(struct tarsier_cadvisor *client, const char *path, const char *body, int stop_fd)
{
        char url[8192], why[CURL_ERROR_SIZE] = "";
        long status = 0;
        CURLcode code = CURLE_OK;
        struct curl_slist *headers = NULL;
        int n = snprintf(url, sizeof(url), "%s%s", client->url, path);
        client->answer_size = 0;
        client->status = 0;
        client->enough = client->refused = false;
        if (n < 0 || (size_t)n >= sizeof(url))
                return client_fail(client, "the path is longer than %zu bytes", sizeof(url));
        curl_easy_reset(client->easy);
        curl_easy_setopt(client->easy, CURLOPT_URL, url);
        curl_easy_setopt(client->easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(client->easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, why);
        curl_easy_setopt(client->easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(client->easy, CURLOPT_WRITEDATA, client);
        curl_easy_setopt(client->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(client->timeout_ns / 1000000));
        if (!client->line)
                curl_easy_setopt(client->easy, CURLOPT_TIMEOUT_MS, (long)(client->timeout_ns / 1000000));
        if (body) {
                headers = curl_slist_append(NULL, "Content-Type: application/json");
                curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, body);
                curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, headers);
        }
        curl_multi_add_handle(client->multi, client->easy);
        int result = wait_for_transfer(client, stop_fd, &code);
        curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(client->multi, client->easy);
        curl_slist_free_all(headers);
        client->status = (int)status;
        if (result < 0 || client->enough)
                return result;
        if (client->refused)
                return -1;
        if (code != CURLE_OK)
                return client_fail(client, "%s: %s", url, *why ? why : curl_easy_strerror(code));
        if (status != 200) {
                int shown = client->answer_size < 400 ? (int)client->answer_size : 400;
                return client_fail(client, "%s: %ld: %.*s", url, status, shown, client->answer ? client->answer : "");
        }
        return 0;
}

int tarsier_cadvisor_get(
        struct tarsier_cadvisor *client, const char *path, const char *body, char **ret_text, size_t *ret_size)
{
        if (client_transfer(client, path, body, -1) < 0)
                return -1;
        if (!grow(client, 0))
                return client_fail(client, "%s: no memory for the answer", client->url);
        client->answer[client->answer_size] = '\0';
        *ret_text = client->answer;
        if (ret_size)
                *ret_size = client->answer_size;
        client->answer = NULL;
        client->answer_size = client->answer_capacity = 0;
        return 0;
}
