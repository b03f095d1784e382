/* --container_hints: what somebody wrote by hand about groups that no engine made, as cAdvisor reads it.
 *
 *      {"all_hosts": [{"full_path": "/web", "mounts": [{"host_dir": "/srv/web", "container_dir": "/data"}],
 *                      "network_interface": {"veth_host": "veth24031eth1", "veth_child": "eth1"}}]}
 *
 * cAdvisor shows with such a group the file systems that are mounted at its host_dirs. It reads network_interface and
 * container_dir and makes nothing of them (container/raw/handler.go), and neither is kept here. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

enum {
        HINTS_FILE_MAX = 1 << 20, /* bytes */
        HINTS_MAX = 4096,
        HINT_MOUNTS_MAX = 256,
        HINTS_MEMORY = 8 << 20 /* an arena for them needs no more */
};

struct container_hint {
        const char *name;          /* of the group */
        const char *const *mounts; /* host_dirs */
        size_t mount_count;
};

struct container_hints {
        const struct container_hint *items;
        size_t count;
};

/* No file, or NULL or "" for its path: none. A file that cannot be read, is no JSON of that shape or has more than the
 * maxima is refused: the error names the place. Keys in any case, unknown ones are passed over, as in Go. */
int hints_read(const char *path, struct arena *arena, struct container_hints *ret, struct error *err);
int hints_parse(struct sv text, struct arena *arena, struct container_hints *ret, struct error *err);
/* The first of that name; NULL: none. */
const struct container_hint *hints_find(const struct container_hints *hints, struct sv name);
