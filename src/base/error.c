#include "base/error.h"

#include <errno.h>
#include <stdarg.h>

static const struct {
        const char *name;
        int exit_status;
        int http_status;
} codes[] = {
#define X(name, text, exit_status, http_status) [name] = { text, exit_status, http_status },
        ERROR_CODES(X)
#undef X
};

const char *error_code_name(enum error_code code)
{
        return code < E_CODES_MAX ? codes[code].name : "failed";
}

enum error_code error_code_parse(const char *name)
{
        for (int i = 0; name && i < E_CODES_MAX; i++)
                if (strcmp(codes[i].name, name) == 0)
                        return (enum error_code)i;
        return E_FAILED;
}

int error_exit_status(enum error_code code)
{
        return code < E_CODES_MAX ? codes[code].exit_status : 1;
}

int error_http_status(enum error_code code)
{
        return code < E_CODES_MAX ? codes[code].http_status : 500;
}

enum error_code error_code_of_errno(int errnum)
{
        switch (errnum) {
        case ENOENT:
        case ENOTDIR:
        case ESRCH:
                return E_NOT_FOUND;
        case EACCES:
        case EPERM:
        case EROFS:
                return E_PERMISSION;
        case EEXIST:
                return E_EXISTS;
        case ENOMEM:
                return E_NO_MEMORY;
        case E2BIG:
        case EFBIG:
        case EMSGSIZE:
        case ENAMETOOLONG:
                return E_TOO_LARGE;
        case ETIMEDOUT:
                return E_TIMEOUT;
        case ENOSYS:
        case EOPNOTSUPP:
        case EAFNOSUPPORT:
                return E_UNSUPPORTED;
        case EINVAL:
                return E_INVALID;
        default:
                return E_IO;
        }
}

const char *errno_text(int errnum)
{
        const char *text = strerrordesc_np(errnum);
        return text ? text : "unknown error";
}

int error_set(struct error *err, enum error_code code, int errnum, const char *file, int line, const char *format, ...)
{
        if (!err)
                return -1;
        err->code = code == E_NONE ? error_code_of_errno(errnum) : code;
        err->errnum = errnum;
        err->file = file;
        err->line = line;

        va_list args;
        va_start(args, format);
        int length = vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);

        if (errnum && length >= 0 && (size_t)length < sizeof(err->message))
                snprintf(err->message + length, sizeof(err->message) - (size_t)length, ": %s", errno_text(errnum));
        return -1;
}

int error_prefix(struct error *err, const char *format, ...)
{
        if (!err)
                return -1;
        char context[sizeof(err->message)];
        va_list args;
        va_start(args, format);
        vsnprintf(context, sizeof(context), format, args);
        va_end(args);

        char message[sizeof(err->message)];
        memcpy(message, err->message, sizeof(message));
        size_t length = strnlen(context, sizeof(context));
        if (length > sizeof(err->message) / 2)
                length = sizeof(err->message) / 2;
        snprintf(err->message, sizeof(err->message), "%.*s: %.*s", (int)length, context,
                (int)(sizeof(err->message) - length - 3), message);
        return -1;
}

void error_clear(struct error *err)
{
        if (err)
                *err = (struct error){ 0 };
}
