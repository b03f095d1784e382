/* What the files container_*.c share: bounded reading of state files below the root, and filling a container_state. */
#pragma once

#include "base/buf.h"
#include "linux/container_state.h"

#include <jansson.h>

enum {
        STATE_PATH_MAX = 1024,
        STATE_DIRECTORY_MAX = 1024, /* entries looked at in one directory */
        STATE_ANY_OWNER = UINT32_MAX,
};

/* Directories of the host that the mounts of a process tell: where its /etc/hostname (or hosts, resolv.conf) comes
 * from, and upperdir of its root. NULL where not told. */
struct state_mounts {
        bool read;
        const char *hostname_directory;
        const char *upper_directory;
};

struct lookup {
        const struct container_places *places;
        const struct container_identity *identity;
        pid_t pid;
        struct arena *arena;
        struct state_mounts *mounts; /* of pid, once they were asked for */
};

/* path is below the root, a leading '/' is fine. owner: only a file of this user counts (the files of a rootless
 * engine: else a link could make us read another user's), or STATE_ANY_OWNER. */
int state_read(const struct lookup *lookup, const char *path, uint32_t owner, struct buf *out, struct error *err);
/* New reference; a malformed file is E_CORRUPT without a word of its content in the message. */
json_t *state_json(const struct lookup *lookup, const char *path, uint32_t owner, struct error *err);
/* The same of a text that stood in another file. */
json_t *state_json_text(struct sv text, const char *what, struct error *err);
/* Open directory, -1 with errno. */
int state_directory(const struct lookup *lookup, const char *path);
bool state_is_directory(const struct lookup *lookup, const char *path);

/* An id that may stand as a part of a path: not empty, no '/', not "." or "..". */
bool state_id_is_safe(const char *id);
/* Text of the arena by format, NULL when it would be cut. */
const char *state_path(const struct lookup *lookup, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Member of an object as a text in the arena (cut to CONTAINER_STATE_TEXT_MAX), NULL when absent, empty or no string.
 */
const char *state_member(const struct lookup *lookup, const json_t *object, const char *key);
const char *state_text(const struct lookup *lookup, struct sv text);
int64_t state_time(const char *text); /* RFC 3339 → Unix ns; 0 for none, for Go's zero time and for nonsense */
void state_label(const struct lookup *lookup, struct container_state *state, const char *name, const char *value);
void state_labels(const struct lookup *lookup, struct container_state *state, const json_t *object);
/* Members that known annotations (containerd's CRI, CRI-O, nerdctl, Kubernetes' labels) tell and that are not set yet.
 */
void state_annotations(const struct lookup *lookup, struct container_state *state, const json_t *object);
void state_annotation(const struct lookup *lookup, struct container_state *state, const char *name, const char *value);

/* Home directory of a user by /etc/passwd below the root; NULL when unknown. */
const char *state_home(const struct lookup *lookup, uint32_t uid);
const struct state_mounts *state_mounts(const struct lookup *lookup);

/* One engine's way. 0, or -1 with E_NOT_FOUND or worse. *state is as they should leave it only after 0. */
typedef int state_finder(const struct lookup *lookup, struct container_state *state, struct error *err);
state_finder state_docker, state_containerd, state_podman, state_crio, state_nspawn, state_lxc, state_runtime;
