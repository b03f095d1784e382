#include "base/log.h"

#include "base/timefmt.h"

#include <errno.h>
#include <stdarg.h>

static enum log_level level_limit = LOG_LEVEL_NOTICE;
static void (*line_sink)(enum log_level, const char *, void *);
static void *sink_cookie;

void log_set_level(enum log_level level)
{
        level_limit = level;
}

enum log_level log_get_level(void)
{
        return level_limit;
}

void log_set_sink(void (*sink)(enum log_level, const char *, void *), void *cookie)
{
        line_sink = sink;
        sink_cookie = cookie;
}

void log_line(enum log_level level, const char *format, ...)
{
        if (level > level_limit)
                return;
        int saved = errno;
        char text[1024];
        va_list args;
        va_start(args, format);
        int length = vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        /* a line is a line: control bytes of hostile names must not start a new one or drive the terminal */
        for (int i = 0; i < length && (size_t)i < sizeof(text) - 1; i++)
                if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
                        text[i] = ' ';
        if (line_sink) {
                line_sink(level, text, sink_cookie);
        } else if (getenv("JOURNAL_STREAM")) {
                fprintf(stderr, "<%d>%s\n", (int)level, text);
        } else {
                char when[TIME_TEXT_MAX];
                time_format_rfc3339(time_unix_ns() / MILLISECOND * MILLISECOND, when);
                static const char *const names[] = { "", "", "", "error", "warning", "notice", "info", "debug" };
                fprintf(stderr, "%s %s: %s\n", when, names[level], text);
        }
        errno = saved;
}
