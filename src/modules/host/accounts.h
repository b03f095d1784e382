/* Names of user and group ids, from etc/passwd and etc/group alone: a sandboxed run neither loads name service
 * libraries nor talks to a directory service. An id that the files do not know has no name. */
#pragma once

#include "base/error.h"
#include "base/map.h"

enum { ACCOUNTS_MAX = 1 << 18, ACCOUNTS_TEXT_MAX = 32 << 20 };

struct accounts {
        struct map names; /* id to char */
        bool loaded;
};

/* path: "etc/passwd" or "etc/group", below dirfd. A file that is missing or unreadable leaves the table empty. */
void accounts_load(struct accounts *accounts, int dirfd, const char *path);
void accounts_done(struct accounts *accounts);

static inline void accounts_done_p(struct accounts *accounts)
{
        accounts_done(accounts);
}

/* The name, or NULL; owned by accounts. */
const char *accounts_name(const struct accounts *accounts, uint32_t id);
