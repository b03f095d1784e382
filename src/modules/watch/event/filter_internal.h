/* A filter as it is made of its words (filter_new.c), tried on heads (filter_head.c) and on texts (filter.c). */
#pragma once

#include "base/buf.h"
#include "lib/regex/regex.h"
#include "modules/watch/event/filter.h"

enum { FILTER_WORDS_MAX = 1000 };

struct word {
        struct sv text;
        bool glob, whole; /* whole: a path with slashes */
        uint32_t hash;
        uint64_t hash_long;
};

struct words {
        struct word *items;
        size_t count;
};

struct container_word {
        struct word word;
        enum { CONTAINER_NONE, CONTAINER_ANY, CONTAINER_WORD } kind;
        uint64_t digits, mask; /* of an id's beginning; mask 0: it cannot be one */
};

struct event_filter {
        struct arena arena;
        int64_t since, until;
        uint32_t types; /* a bit each; all bits when none was asked for */
        struct words exe, comm, ancestor, exec_id, path, key, tag, text;
        LIST(struct container_word) container;
        LIST(struct regex *) argv;
        LIST(uint32_t) user;
        LIST(uint32_t) auid;
        LIST(uint32_t) pid;
        struct buf joined, scratch;
};

/* A word that may be a pid. */
static inline bool ancestor_number(struct sv word, uint64_t *ret)
{
        return word.n <= 10 && sv_parse_u64(word, 10, ret);
}
