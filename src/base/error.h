/* The error value of the house. A function that can fail takes `struct error *err` as its last argument, returns 0 on
 * success and -1 on failure (or NULL where it returns a pointer), and fills *err only on failure. The value lives on
 * the caller's stack: nothing to free. err may be NULL where the caller needs the verdict only. Leaf code never logs.
 */
#pragma once

#include "base/banned.h"

#include <errno.h>
#include <stddef.h>

/*        name                 JSON "code"          exit HTTP  */
#define ERROR_CODES(X)                                                                                                 \
        X(E_NONE, "none", 0, 200)                                                                                      \
        X(E_FAILED, "failed", 1, 500)                                                                                  \
        X(E_INVALID, "invalid", 2, 400)                                                                                \
        X(E_NOT_FOUND, "not-found", 3, 404)                                                                            \
        X(E_PERMISSION, "permission", 4, 403)                                                                          \
        X(E_UNAUTHENTICATED, "unauthenticated", 4, 401)                                                                \
        X(E_EXISTS, "exists", 5, 409)                                                                                  \
        X(E_TOO_LARGE, "too-large", 6, 413)                                                                            \
        X(E_TIMEOUT, "timeout", 7, 504)                                                                                \
        X(E_STOPPED, "stopped", 8, 409)                                                                                \
        X(E_NO_MEMORY, "no-memory", 9, 507)                                                                            \
        X(E_UNSUPPORTED, "unsupported", 10, 501)                                                                       \
        X(E_UNAVAILABLE, "unavailable", 11, 503)                                                                       \
        X(E_IO, "io", 12, 500)                                                                                         \
        X(E_PROTOCOL, "protocol", 13, 502)                                                                             \
        X(E_CORRUPT, "corrupt", 14, 500)

enum error_code {
#define X(name, text, exit_status, http_status) name,
        ERROR_CODES(X)
#undef X
                E_CODES_MAX
};

struct error {
        enum error_code code;
        int errnum;       /* errno of the system call that failed, 0 if none */
        const char *file; /* where it was raised */
        int line;
        char message[512];
};

const char *error_code_name(enum error_code code);
enum error_code error_code_parse(const char *name); /* E_FAILED for what is no name, NULL too */
int error_exit_status(enum error_code code);
int error_http_status(enum error_code code);

/* The code that fits an errno: ENOENT is E_NOT_FOUND, EACCES and EPERM E_PERMISSION, and so on; else E_IO. */
enum error_code error_code_of_errno(int errnum);

/* Both return -1. fail_errno takes errno at the call and appends ": " and its text. */
#define fail(err, code, ...) failed_(error_set(err, code, 0, __FILE__, __LINE__, __VA_ARGS__))
#define fail_errno(err, ...) failed_(error_set(err, E_NONE, errno, __FILE__, __LINE__, __VA_ARGS__))

/* -1, seen as such by the compiler and by clang-tidy: else they follow the path on which a failure returned 0. */
static inline int failed_(int minus_one)
{
        (void)minus_one;
        return -1;
}

/* The same for functions that return a pointer. */
#define fail_null(err, ...) (fail(err, __VA_ARGS__), NULL)
#define fail_errno_null(err, ...) (fail_errno(err, __VA_ARGS__), NULL)

int error_set(struct error *err, enum error_code code, int errnum, const char *file, int line, const char *format, ...)
        __attribute__((format(printf, 6, 7), cold));

/* Puts "context: " before the message; returns -1, so that a caller can `return error_prefix(err, "reading %s",
 * path);`. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

void error_clear(struct error *err);

/* "No such file or directory" as a thread-safe static string. */
const char *errno_text(int errnum);
