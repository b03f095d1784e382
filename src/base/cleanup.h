/* Scope-bound clean-up: `cleanup(fd_close) int fd = -1;`. Destructors take NULL (or -1) and keep errno. */
#pragma once

#include "base/banned.h"

#include <dirent.h>
#include <errno.h>

#define cleanup(function) __attribute__((cleanup(function##_p)))

/* Hands the value out and leaves the variable empty, so that its clean-up does nothing. */
#define take_fd(fd) take_fd_(&(fd))
#define take_ptr(pointer)                                                                                              \
        ({                                                                                                             \
                __typeof__(pointer) taken_ = (pointer);                                                                \
                (pointer) = NULL;                                                                                      \
                taken_;                                                                                                \
        })

#define DEFINE_CLEANUP(type, function)                                                                                 \
        static inline void function##_p(type *pointer)                                                                 \
        {                                                                                                              \
                if (*pointer)                                                                                          \
                        function(*pointer);                                                                            \
        }                                                                                                              \
        struct swallow_semicolon_

static inline int take_fd_(int *fd)
{
        int taken = *fd;
        *fd = -1;
        return taken;
}

/* Closes *fd if it is one and sets it to -1; keeps errno. */
static inline void fd_close(int *fd)
{
        if (*fd >= 0) {
                int saved = errno;
                close(*fd);
                errno = saved;
                *fd = -1;
        }
}

static inline void fd_close_p(int *fd)
{
        fd_close(fd);
}

static inline void free_p(void *pointer)
{
        free(*(void **)pointer);
}

DEFINE_CLEANUP(FILE *, fclose);
DEFINE_CLEANUP(DIR *, closedir);
