/* What the engines' own state files tell of a container: its name, image, labels, creation. No engine is asked: a
 * socket may hang, needs rights, and is gone when the engine is down; the files stay. Where each engine keeps them is
 * said in container_docker.c, container_containerd.c and so on.
 *
 * Files are opened below a root directory that no link leads out of (open_in_root.h), must be regular, and at most
 * CONTAINER_STATE_FILE_MAX bytes are read: those of rootless engines belong to the user, who may have put anything
 * there. What is malformed is a failure, never trusted. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "linux/container.h"

#include <sys/types.h>

enum {
        CONTAINER_STATE_FILE_MAX = 1 << 20, /* bytes of one state file */
        CONTAINER_STATE_VALUES_MAX = 65536, /* JSON values in one, so that a small file cannot fill the memory */
        CONTAINER_STATE_TEXT_MAX = 4096,    /* bytes of one text (name, image, a label's value); longer is cut */
        CONTAINER_LABELS_MAX = 256,
        CONTAINER_STATE_MEMORY = 8 << 20 /* an arena for one container_state_find needs no more */
};

/* Where to look. NULL in a member is the engine's own default, or what its configuration file says. */
struct container_places {
        int root;                    /* an open "/" or the root of a fixture tree */
        const char *docker_root;     /* /var/lib/docker; also "data-root" in /etc/docker/daemon.json */
        const char *containerd_run;  /* /run/containerd */
        const char *containers_root; /* /var/lib/containers/storage; also graphroot in /etc/containers/storage.conf */
        const char *containers_run;  /* /run/containers/storage; also runroot there */
        const char *runc_root;       /* /run/runc */
        const char *crun_root;       /* /run/crun */
};

struct container_label {
        const char *name, *value;
};

/* Texts belong to the arena; NULL where the files do not tell. */
struct container_state {
        enum container_engine engine; /* KUBERNETES and OCI become the engine whose files were found */
        const char *id;
        const char *name;       /* "web"; of Kubernetes the container's name in its pod */
        const char *image;      /* the reference it was started from: "docker.io/library/nginx:1.25" */
        const char *image_id;   /* digest of its configuration: "sha256:…" */
        const char *pod;        /* name of the pod (Kubernetes, podman: the pod's id) */
        const char *name_space; /* of Kubernetes, or containerd's own ("moby", "k8s.io", "default") */
        const char *hostname;
        const char *bundle; /* OCI bundle, or the machine's directory */
        bool sandbox;       /* the pod's own process ("pause"), no container of a user */
        int64_t created_ns; /* Unix; 0 where not told */
        int64_t started_ns; /* the last start */
        pid_t pid;          /* of its first process, 0 where not told */
        uint64_t restarts;  /* by the engine's restart policy */
        struct container_label *labels;
        size_t label_count, labels_refused;
        const char *file; /* that told most, below the root */
};

/* Looks up what identity names. pid: any process of the container, 0 for none known: its mounts tell where an engine
 * with directories of its own choice keeps its files. E_NOT_FOUND when no file tells of it, E_CORRUPT when one does
 * but is malformed; arena: CONTAINER_STATE_MEMORY is enough. */
int container_state_find(const struct container_places *places, const struct container_identity *identity, pid_t pid,
        struct arena *arena, struct container_state *ret, struct error *err);

/* A container whose cgroup path says nothing ("/web", "/user.slice/…/web" as plain runc and crun make it) by the
 * runtime's state files: their container with that very cgroup. cgroup_text is as of /proc/PID/cgroup. E_NOT_FOUND
 * when there is none. */
int container_state_match(const struct container_places *places, struct sv cgroup_text, struct arena *arena,
        struct container_identity *ret_identity, struct container_state *ret, struct error *err);

/* With which status its program ended: 0 to 255, 128 and the signal for one that was killed. Only ends from since_ns
 * (Unix) on count. E_UNAVAILABLE: not written yet, it may be a moment later; E_UNSUPPORTED: this engine leaves none;
 * E_NOT_FOUND: the engine's files are gone. (container_exit.c) */
int container_state_exit(const struct container_places *places, const struct container_identity *identity,
        int64_t since_ns, struct arena *arena, int *ret, struct error *err);

/* The value of a label, or NULL. */
const char *container_state_label(const struct container_state *state, const char *name);
