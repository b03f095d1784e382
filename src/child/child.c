#include "config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char ready_prefix[] = "ready::";
static const char failed_prefix[] = "failed::";
static const char status_end = (char)0xFF; /* no UTF-8 text holds this byte */

enum status { STATUS_NONE, STATUS_READY, STATUS_FAILED };

struct tarsier_child {
        int status_fd;
        bool seed_form;
        enum status sent;
        int result; /* of sending it */
        char *config_text;
        size_t config_length;
        struct tarsier_config *config;
        char *secret;
        size_t secret_length;
        char message[160];
};

const char *tarsier_child_strerror(int error)
{
        switch ((enum tarsier_child_error)error) {
        case TARSIER_CHILD_OK:
                return "success";
        case TARSIER_CHILD_ERR_NO_VERSION:
                return "the environment names no version of the handshake: not started by a parent that speaks it";
        case TARSIER_CHILD_ERR_UNSUPPORTED_VERSION:
                return "the parent speaks an unsupported version of the handshake";
        case TARSIER_CHILD_ERR_TIMEOUT:
                return "timeout in auth handshake";
        case TARSIER_CHILD_ERR_PARTIAL_READ:
                return "partial read";
        case TARSIER_CHILD_ERR_SECRET_TOO_LARGE:
                return "secret is too large";
        case TARSIER_CHILD_ERR_CONFIG_TOO_LARGE:
                return "configuration is too large";
        case TARSIER_CHILD_ERR_CONFIG_INVALID:
                return "configuration is not a JSON object of strings";
        case TARSIER_CHILD_ERR_DIFFERENT_STATUS:
                return "a different status has already been sent";
        case TARSIER_CHILD_ERR_BROKEN_PIPE:
                return "broken pipe";
        case TARSIER_CHILD_ERR_IO:
                return "input/output error";
        case TARSIER_CHILD_ERR_NO_MEMORY:
                return "out of memory";
        case TARSIER_CHILD_ERR_TOO_MANY:
                return "too many configuration keys";
        }
        return "unknown error";
}

static int64_t now_ns(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Exactly size bytes from the data pipe, by the deadline (INT64_MAX: none). poll, then read: a pipe that is readable
 * does not block a read. */
static int read_exactly(void *bytes, size_t size, int64_t deadline_ns)
{
        size_t got = 0;
        while (got < size) {
                struct pollfd pipe_end = { .fd = TARSIER_CHILD_DATA_FD, .events = POLLIN };
                int wait_ms = -1;
                if (deadline_ns != INT64_MAX) {
                        int64_t left_ns = deadline_ns - now_ns();
                        if (left_ns <= 0)
                                return TARSIER_CHILD_ERR_TIMEOUT;
                        int64_t left_ms = (left_ns + 999999) / 1000000;
                        wait_ms = left_ms > 1000000 ? 1000000 : (int)left_ms;
                }
                int events = poll(&pipe_end, 1, wait_ms);
                if (events < 0 && errno != EINTR)
                        return TARSIER_CHILD_ERR_IO;
                if (events <= 0)
                        continue;
                ssize_t n = read(TARSIER_CHILD_DATA_FD, (char *)bytes + got, size - got);
                if (n == 0)
                        return TARSIER_CHILD_ERR_PARTIAL_READ;
                if (n < 0 && errno != EINTR && errno != EAGAIN)
                        return TARSIER_CHILD_ERR_IO;
                if (n > 0)
                        got += (size_t)n;
        }
        return TARSIER_CHILD_OK;
}

/* An int64 length, big-endian, and that many bytes; NUL-terminated in *ret. */
static int read_text(char **ret, size_t *ret_length, size_t max, int too_large, int64_t deadline_ns)
{
        unsigned char header[8];
        int result = read_exactly(header, sizeof(header), deadline_ns);
        if (result < 0)
                return result;
        uint64_t length = 0;
        for (size_t i = 0; i < sizeof(header); i++)
                length = length << 8 | header[i];
        if (length > max)
                return too_large;
        char *text = malloc((size_t)length + 1);
        if (!text)
                return TARSIER_CHILD_ERR_NO_MEMORY;
        result = read_exactly(text, (size_t)length, deadline_ns);
        if (result < 0) {
                free(text);
                return result;
        }
        text[length] = '\0';
        *ret = text;
        *ret_length = (size_t)length;
        return TARSIER_CHILD_OK;
}

static int check_version(bool *ret_seed_form)
{
        const char *version = getenv(TARSIER_CHILD_VERSION_VARIABLE);
        bool seed_form = !version || !*version;
        if (seed_form)
                version = getenv(TARSIER_CHILD_SEED_VERSION_VARIABLE);
        int result = TARSIER_CHILD_OK;
        if (!version || !*version)
                result = TARSIER_CHILD_ERR_NO_VERSION;
        else if (strcmp(version, TARSIER_CHILD_VERSION) != 0)
                result = TARSIER_CHILD_ERR_UNSUPPORTED_VERSION;
        unsetenv(TARSIER_CHILD_VERSION_VARIABLE);
        unsetenv(TARSIER_CHILD_SEED_VERSION_VARIABLE);
        *ret_seed_form = seed_form;
        return result;
}

int tarsier_child_attach(struct tarsier_child **ret, int64_t timeout_ns)
{
        bool seed_form;
        int result = check_version(&seed_form);
        if (result < 0)
                return result;
        struct tarsier_child *child = calloc(1, sizeof(*child));
        if (!child)
                return TARSIER_CHILD_ERR_NO_MEMORY;
        child->seed_form = seed_form;
        child->status_fd = TARSIER_CHILD_STATUS_FD;
        fcntl(TARSIER_CHILD_DATA_FD, F_SETFD, FD_CLOEXEC);
        fcntl(TARSIER_CHILD_STATUS_FD, F_SETFD, FD_CLOEXEC);

        int64_t deadline_ns = timeout_ns > 0 ? now_ns() + timeout_ns : INT64_MAX;
        result = read_text(&child->config_text, &child->config_length, TARSIER_CHILD_CONFIG_MAX,
                TARSIER_CHILD_ERR_CONFIG_TOO_LARGE, deadline_ns);
        if (result == TARSIER_CHILD_OK)
                result = read_text(&child->secret, &child->secret_length, TARSIER_CHILD_SECRET_MAX,
                        TARSIER_CHILD_ERR_SECRET_TOO_LARGE, deadline_ns);
        close(TARSIER_CHILD_DATA_FD);
        if (result == TARSIER_CHILD_OK) {
                child->config = tarsier_config_new();
                result = child->config ? tarsier_config_merge(child->config, child->config_text, child->config_length)
                                       : TARSIER_CHILD_ERR_NO_MEMORY;
                if (result == TARSIER_CHILD_ERR_CONFIG_INVALID) {
                        tarsier_config_free(child->config);
                        child->config = NULL;
                        result = TARSIER_CHILD_OK;
                }
        }
        if (result < 0) {
                tarsier_child_failed(child, tarsier_child_strerror(result));
                tarsier_child_free(child);
                return result;
        }
        *ret = child;
        return TARSIER_CHILD_OK;
}

void tarsier_child_free(struct tarsier_child *child)
{
        if (!child)
                return;
        if (child->status_fd >= 0)
                close(child->status_fd);
        if (child->secret)
                explicit_bzero(child->secret, child->secret_length);
        free(child->secret);
        free(child->config_text);
        tarsier_config_free(child->config);
        free(child);
}

const struct tarsier_config *tarsier_child_config(const struct tarsier_child *child)
{
        return child->config;
}

const char *tarsier_child_config_text(const struct tarsier_child *child, size_t *ret_length)
{
        if (ret_length)
                *ret_length = child->config_length;
        return child->config_text;
}

const char *tarsier_child_secret(const struct tarsier_child *child, size_t *ret_length)
{
        if (ret_length)
                *ret_length = child->secret_length;
        return child->secret;
}

int tarsier_child_file(unsigned index)
{
        return TARSIER_CHILD_FIRST_FILE_FD + (int)index;
}

const char *tarsier_child_message(const struct tarsier_child *child)
{
        return child->message;
}

/* Length of the UTF-8 character at text, 0 for a byte that begins none (RFC 3629, section 4). */
static size_t character_length(const unsigned char *text, size_t n)
{
        static const struct {
                unsigned char first, last, low, high; /* first byte; bounds of the second */
                unsigned char length;
        } forms[] = {
                { 0x01, 0x7F, 0, 0, 1 },
                { 0xC2, 0xDF, 0x80, 0xBF, 2 },
                { 0xE0, 0xE0, 0xA0, 0xBF, 3 },
                { 0xE1, 0xEC, 0x80, 0xBF, 3 },
                { 0xED, 0xED, 0x80, 0x9F, 3 },
                { 0xEE, 0xEF, 0x80, 0xBF, 3 },
                { 0xF0, 0xF0, 0x90, 0xBF, 4 },
                { 0xF1, 0xF3, 0x80, 0xBF, 4 },
                { 0xF4, 0xF4, 0x80, 0x8F, 4 },
        };
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                if (text[0] < forms[i].first || text[0] > forms[i].last)
                        continue;
                size_t length = forms[i].length;
                if (length > n || (length > 1 && (text[1] < forms[i].low || text[1] > forms[i].high)))
                        return 0;
                for (size_t k = 2; k < length; k++)
                        if ((text[k] & 0xC0) != 0x80)
                                return 0;
                return length;
        }
        return 0;
}

/* Copies message to out, each byte that is not UTF-8 as U+FFFD, as far as whole characters fit. */
static size_t copy_as_utf8(char *out, size_t room, const char *message)
{
        size_t used = 0, left = strlen(message);
        while (left) {
                size_t length = character_length((const unsigned char *)message, left);
                const char *character = length ? message : "\xEF\xBF\xBD";
                size_t out_length = length ? length : 3;
                if (out_length > room - used)
                        break;
                memcpy(out + used, character, out_length);
                used += out_length;
                message += length ? length : 1;
                left -= length ? length : 1;
        }
        return used;
}

/* write(2) without SIGPIPE: blocked meanwhile, and taken back if this write raised it (sigtimedwait(2)). */
static ssize_t write_quietly(int fd, const void *bytes, size_t size)
{
        sigset_t broken, before, pending;
        sigemptyset(&broken);
        sigaddset(&broken, SIGPIPE);
        sigpending(&pending);
        sigprocmask(SIG_BLOCK, &broken, &before);
        ssize_t n;
        do
                n = write(fd, bytes, size);
        while (n < 0 && errno == EINTR);
        int saved = errno;
        if (n < 0 && saved == EPIPE && !sigismember(&pending, SIGPIPE))
                sigtimedwait(&broken, NULL, &(struct timespec){ 0 });
        sigprocmask(SIG_SETMASK, &before, NULL);
        errno = saved;
        return n;
}

static int send_status(struct tarsier_child *child, enum status status, const char *text, size_t length)
{
        static const char *const names[] = { [STATUS_READY] = ready_prefix, [STATUS_FAILED] = failed_prefix };
        if (child->sent == status)
                return child->result;
        if (child->sent != STATUS_NONE) {
                snprintf(child->message, sizeof(child->message), "A different status: %s has already been sent",
                        names[child->sent]);
                return TARSIER_CHILD_ERR_DIFFERENT_STATUS;
        }
        child->sent = status;
        ssize_t n = write_quietly(child->status_fd, text, length);
        if (n == (ssize_t)length) {
                child->result = TARSIER_CHILD_OK;
        } else {
                child->result = n < 0 && errno == EPIPE ? TARSIER_CHILD_ERR_BROKEN_PIPE : TARSIER_CHILD_ERR_IO;
                const char *reason = n >= 0 ? "partial write" : errno == EPIPE ? "broken pipe" : strerror(errno);
                snprintf(child->message, sizeof(child->message), "write status: %s", reason);
        }
        close(child->status_fd);
        child->status_fd = -1;
        return child->result;
}

int tarsier_child_ready(struct tarsier_child *child)
{
        char text[64];
        int length = child->seed_form
                             ? snprintf(text, sizeof(text), "%s", ready_prefix)
                             : snprintf(text, sizeof(text), "%s%ld%c", ready_prefix, (long)getpid(), status_end);
        return send_status(child, STATUS_READY, text, (size_t)length);
}

int tarsier_child_failed(struct tarsier_child *child, const char *message)
{
        char text[sizeof(failed_prefix) + TARSIER_CHILD_MESSAGE_MAX];
        size_t room = TARSIER_CHILD_MESSAGE_MAX - sizeof(failed_prefix) - 1; /* one write up to PIPE_BUF is whole */
        if (child->seed_form)
                room = TARSIER_CHILD_SEED_STATUS_MAX - (sizeof(failed_prefix) - 1);
        size_t length = sizeof(failed_prefix) - 1;
        memcpy(text, failed_prefix, length);
        length += copy_as_utf8(text + length, room, message);
        if (!child->seed_form)
                text[length++] = status_end;
        return send_status(child, STATUS_FAILED, text, length);
}
