/* Who is this container? Reads the cgroup paths of a process (text of /proc/PID/cgroup, v1, v2 or hybrid) and names the
 * engine, the container and the systemd unit. Pure: no file is opened. A process of the host has engine NONE. Where
 * containers nest, the outermost is named: it is the one that this host's engine knows. */
#pragma once

#include "base/sv.h"

enum container_engine {
        CONTAINER_NONE,
        CONTAINER_DOCKER,
        CONTAINER_CONTAINERD,
        CONTAINER_PODMAN,
        CONTAINER_CRIO,
        CONTAINER_NSPAWN,
        CONTAINER_LXC,
        CONTAINER_KUBERNETES, /* below kubepods, runtime not told by the path */
        CONTAINER_BUILDAH,
        CONTAINER_GARDEN,
        CONTAINER_TARSIER,
        CONTAINER_OCI, /* a 64-digit id below a group that no engine is known by */
        CONTAINER_ENGINES
};

const char *container_engine_name(enum container_engine engine); /* "docker", …; "" for NONE */

enum { CONTAINER_ID_MAX = 256, CONTAINER_UNIT_MAX = 256, CONTAINER_POD_MAX = 80 };

struct container_identity {
        enum container_engine engine;
        char id[CONTAINER_ID_MAX];     /* 64 hex digits, or the machine's name; "" for none */
        char pod[CONTAINER_POD_MAX];   /* Kubernetes pod uid with dashes, or podman's pod id; "" for none */
        char unit[CONTAINER_UNIT_MAX]; /* innermost systemd unit on the host's side: "nginx.service", "docker-….scope"
                                        */
        char slice[CONTAINER_UNIT_MAX];     /* innermost slice: "system.slice" */
        char user_unit[CONTAINER_UNIT_MAX]; /* unit of a user's manager: "pipewire.service" */
        uint32_t owner_uid;                 /* of user-UID.slice or user@UID.service, UINT32_MAX for none */
        bool helper;                        /* the engine's own process (conmon, a monitor), not the container's */
        uint32_t nested;                    /* containers inside the one named, which is the outermost: the host's */
};

/* One cgroup path, as behind the last colon. False when it names no engine (unit and slice are filled all the same). */
bool container_identify_path(struct sv path, struct container_identity *ret);

/* The whole text: the path that says most wins (a container before a unit before nothing). */
bool container_identify(struct sv cgroup_text, struct container_identity *ret);
