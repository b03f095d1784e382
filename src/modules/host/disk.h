/* Between the files of disk. */
#pragma once

#include "schema/field.h"

struct run;

enum { DISK_TOP_MAX = 10000 };

struct disk_params {
        struct string_list paths;
        bool all, network;
        char *fill;
        int top;
};

struct disk_row {
        char *path, *asked, *source, *type, *class;
        bool has_space;
        uint64_t total, used, free, available;
        int percent;
        uint64_t inodes, inodes_used, inodes_free, files;
        bool read_only, file;
};

struct disk_statistics {
        uint64_t mounts, hidden, network, failed, entries, links, refused;
};

/* Who takes the space below params->fill: emits the largest directories and files. */
int disk_fill(struct run *run, struct error *err);
