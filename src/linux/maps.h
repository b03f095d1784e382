/* /proc/PID/maps: one mapping a line. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

enum { MAPS_ROWS_MAX = 65530 * 4, MAPS_TEXT_MAX = 64 << 20 }; /* the kernel's default vm.max_map_count is 65530 */

struct mapping {
        uint64_t start, end;
        bool readable, writable, executable, shared;
        uint64_t offset;
        uint32_t major, minor;
        uint64_t inode;
        struct sv path; /* raw: "/usr/bin/x", "[heap]", "" for anonymous; into the text given */
        bool deleted;   /* the kernel's " (deleted)" was taken off path */
};

/* One line without its newline. Newlines in a path are \012 (fs/seq_file.c) and left so. */
bool maps_parse_line(struct sv line, struct mapping *ret);

struct process;
struct maps {
        struct mapping *rows; /* arena */
        size_t count;
        size_t refused; /* malformed, or beyond MAPS_ROWS_MAX */
};

/* text must outlive ret. */
int maps_parse(struct sv text, struct arena *arena, struct maps *ret, struct error *err);
/* The text is kept in the arena too. */
int maps_read(const struct process *process, struct arena *arena, struct maps *ret, struct error *err);
