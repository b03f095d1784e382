/* What the files of module memory share: the parameters and the result, as MIG has them. */
#pragma once

#include "lib/regex/regex.h"
#include "module/run.h"

enum {
        MEMORY_SEARCHES_MAX = 100,
        MEMORY_CHECKS_MAX = 256,     /* of one kind in one search */
        MEMORY_BYTES_MAX = 32 << 10, /* of one byte string */
        MEMORY_MATCH_MAX = 4096,     /* a match of a content pattern up to this length is found wherever it lies */
        MEMORY_FAILURES_MAX = 1000,
};

struct memory_options {
        uint64_t offset;
        uint64_t max_length;
        bool log_failures;
        bool match_all;
        bool addresses;
};

struct memory_search {
        char *description;
        struct string_list names;
        struct string_list libraries;
        struct string_list bytes;
        struct string_list contents;
        struct memory_options options;
};

struct memory_params {
        MAP(struct memory_search) searches;
        LIST(int) pids;
        bool include_self;
};

struct memory_process {
        const char *name;
        int64_t pid;
};

struct memory_match {
        const char *check;
        const char *address;
        const char *mapping;
};

struct memory_element {
        struct memory_process process;
        struct memory_search search;
        LIST(struct memory_match) matches;
};

struct memory_statistics {
        uint64_t process_count;
        uint64_t memory_read;
        uint64_t total_hits;
        struct string_list failures;
        uint64_t failure_count;
        uint64_t unreadable;
        int64_t runtime_ns;
};

int memory_run(struct run *run, struct error *err);
