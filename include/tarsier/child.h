/* libtarsier-child: lets any C program be started as a worker by Tarsier (or by another parent that speaks the
 * handshake). The library depends on nothing but libc. A parent hands over two pipes: fd 3, from which a configuration
 * and a secret are read, and fd 4, to which one status is written; files the parent adds begin at fd 5. The
 * environment names the version of the handshake: V23_EXEC_VERSION (status "ready::PID" and a closing 0xFF), or
 * VEYRON_EXEC_VERSION (the older status, "ready::" alone).
 *
 *     struct tarsier_child *child;
 *     int r = tarsier_child_attach(&child, 5000000000);
 *     if (r < 0) { fprintf(stderr, "%s\n", tarsier_child_strerror(r)); return 1; }
 *     const char *root = tarsier_config_get(tarsier_child_config(child), "root");
 *     if (!open_everything(root)) { tarsier_child_failed(child, "cannot open"); return 1; }
 *     tarsier_child_ready(child);
 *
 * Functions return 0 or a negative enum tarsier_child_error. None of them writes to stdout or stderr or raises SIGPIPE.
 * A handle belongs to one thread at a time. Attach before starting threads: it changes the environment.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TARSIER_CHILD_VERSION "1.0.0"
#define TARSIER_CHILD_VERSION_VARIABLE "V23_EXEC_VERSION"
#define TARSIER_CHILD_SEED_VERSION_VARIABLE "VEYRON_EXEC_VERSION"

enum {
        TARSIER_CHILD_DATA_FD = 3,
        TARSIER_CHILD_STATUS_FD = 4,
        TARSIER_CHILD_FIRST_FILE_FD = 5,
        TARSIER_CHILD_SECRET_MAX = 64 << 10,
        TARSIER_CHILD_CONFIG_MAX = 16 << 20, /* bytes of the serialized configuration */
        TARSIER_CHILD_MESSAGE_MAX = 4 << 10, /* a longer failure message is cut at a character */
        TARSIER_CHILD_SEED_STATUS_MAX = 100, /* the older parent reads that much, once */
        TARSIER_CONFIG_KEYS_MAX = 4096,
};

enum tarsier_child_error {
        TARSIER_CHILD_OK = 0,
        TARSIER_CHILD_ERR_NO_VERSION = -1,          /* not started by a parent that speaks the handshake */
        TARSIER_CHILD_ERR_UNSUPPORTED_VERSION = -2, /* it speaks another version */
        TARSIER_CHILD_ERR_TIMEOUT = -3,             /* "timeout in auth handshake" */
        TARSIER_CHILD_ERR_PARTIAL_READ = -4,        /* the pipe ended early */
        TARSIER_CHILD_ERR_SECRET_TOO_LARGE = -5,
        TARSIER_CHILD_ERR_CONFIG_TOO_LARGE = -6,
        TARSIER_CHILD_ERR_CONFIG_INVALID = -7,   /* not a JSON object of strings */
        TARSIER_CHILD_ERR_DIFFERENT_STATUS = -8, /* "A different status: X has already been sent" */
        TARSIER_CHILD_ERR_BROKEN_PIPE = -9,      /* the parent no longer listens */
        TARSIER_CHILD_ERR_IO = -10,
        TARSIER_CHILD_ERR_NO_MEMORY = -11,
        TARSIER_CHILD_ERR_TOO_MANY = -12, /* more than TARSIER_CONFIG_KEYS_MAX keys */
};

/* The text of an error, never NULL. */
const char *tarsier_child_strerror(int error);

/* ---- a configuration: keys with string values, in the order they were first set ---- */

struct tarsier_config;

struct tarsier_config *tarsier_config_new(void);
void tarsier_config_free(struct tarsier_config *config); /* NULL is fine */
int tarsier_config_set(struct tarsier_config *config, const char *key, const char *value);
const char *tarsier_config_get(const struct tarsier_config *config, const char *key); /* NULL when not set */
void tarsier_config_clear(struct tarsier_config *config, const char *key);
size_t tarsier_config_count(const struct tarsier_config *config);
/* Entry `index` in order; 0, or -1 past the end. Both stay the configuration's. */
int tarsier_config_at(const struct tarsier_config *config, size_t index, const char **ret_key, const char **ret_value);

/* A JSON object, NUL-terminated, to be freed by the caller; NULL without memory. */
char *tarsier_config_serialize(const struct tarsier_config *config, size_t *ret_length);
/* Sets every pair of the JSON object: a key that exists gets the new value, all others stay. Either all or none. An
 * empty text counts as {}. Keys and values cannot hold U+0000;
 * bytes that are not UTF-8 pass as they are. */
int tarsier_config_merge(struct tarsier_config *config, const char *json, size_t length);

/* The same text as base64 (RFC 4648), for an environment variable or an argument; freed by the caller. */
char *tarsier_config_encode(const struct tarsier_config *config);
int tarsier_config_merge_encoded(struct tarsier_config *config, const char *text);

/* ---- the child's side of the handshake ---- */

struct tarsier_child;

/* Checks the version, removes the variable from the environment at once (so that this process' own children do not
 * take themselves for workers), and reads configuration and secret. timeout_ns bounds the reading; 0 is no bound. */
int tarsier_child_attach(struct tarsier_child **ret, int64_t timeout_ns);
void tarsier_child_free(struct tarsier_child *child); /* closes the status pipe; wipes the secret; NULL is fine */

/* NULL when the parent sent something else than a JSON object of strings: then tarsier_child_config_text has it. */
const struct tarsier_config *tarsier_child_config(const struct tarsier_child *child);
/* The configuration as it came, for a program that has a JSON reader of its own. NUL-terminated. */
const char *tarsier_child_config_text(const struct tarsier_child *child, size_t *ret_length);
/* NUL-terminated, but may hold NULs: length counts. ret_length may be NULL. */
const char *tarsier_child_secret(const struct tarsier_child *child, size_t *ret_length);
/* The fd of the index-th file the parent added. */
int tarsier_child_file(unsigned index);

/* One of them, once: the first status is sent and the pipe closed. The same kind again returns the first result; the
 * other kind is TARSIER_CHILD_ERR_DIFFERENT_STATUS. Bytes of message that are not UTF-8 are sent as U+FFFD. */
int tarsier_child_ready(struct tarsier_child *child);
int tarsier_child_failed(struct tarsier_child *child, const char *message);

/* What the last failed call on this handle said, with its particulars ("write status: broken pipe"); "" if none. */
const char *tarsier_child_message(const struct tarsier_child *child);

#ifdef __cplusplus
}
#endif
