/* Talk for people, on stderr, one line each. Programs and rooms above `lib` log; leaf code returns errors instead.
 * Under systemd (JOURNAL_STREAM set) lines carry the <N> priority prefix of sd-daemon(3) and no time. */
#pragma once

#include "base/banned.h"

enum log_level {
        LOG_LEVEL_ERROR = 3,
        LOG_LEVEL_WARNING = 4,
        LOG_LEVEL_NOTICE = 5,
        LOG_LEVEL_INFO = 6,
        LOG_LEVEL_DEBUG = 7
};

/* Lines less urgent than `level` are dropped. Default: notice. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Where lines go instead of stderr (a worker's parent, a test); NULL restores stderr. */
void log_set_sink(void (*sink)(enum log_level level, const char *line, void *cookie), void *cookie);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
