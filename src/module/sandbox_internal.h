/* What the sandbox*.c files share; nobody else includes it. */
#pragma once

#include "module/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

/* Adds a clause to report->missing. */
void sandbox_miss(struct sandbox_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Landlock holds no process that reads others' /proc files or mounts: it refuses both to everyone it holds. */
static inline bool sandbox_uses_landlock(const struct sandbox *sandbox)
{
        return !sandbox->processes && !sandbox->ptrace_read && !sandbox->mounts;
}

int sandbox_restrict_paths(const struct sandbox *sandbox, struct sandbox_report *report, struct error *err);
int sandbox_load_filter(const struct sandbox *sandbox, struct sandbox_report *report, struct error *err);
