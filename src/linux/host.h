/* Who this host is. Everything comes from files below a root and from uname(2); nothing asks the network. Texts are
 * arena-owned, NULL when the host does not tell. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

/* os-release(5). */
struct os_release {
        const char *id, *id_like, *name, *version, *version_id, *version_codename, *pretty_name;
        const char *variant, *variant_id, *build_id, *image_id, *image_version;
        const char *support_end; /* "2028-06-10" */
};

int os_release_parse(struct sv text, struct arena *arena, struct os_release *ret, struct error *err);
/* etc/os-release, then usr/lib/os-release. */
int os_release_read(int root, struct arena *arena, struct os_release *ret, struct error *err);

struct host_identity {
        const char *hostname;                                      /* proc/sys/kernel/hostname, then etc/hostname */
        const char *domain;                                        /* proc/sys/kernel/domainname; NULL for "(none)" */
        const char *machine_id;                                    /* etc/machine-id, 32 hex digits */
        const char *boot_id;                                       /* proc/sys/kernel/random/boot_id */
        const char *kernel_name, *kernel_release, *kernel_version; /* proc/sys/kernel/{ostype,osrelease,version} */
        const char *architecture;                                  /* uname(2) */
        int64_t boot_unix_ns;                                      /* 0 when not told */
        struct os_release os;
};

int host_read_identity(int root, struct arena *arena, struct host_identity *ret, struct error *err);

struct host_cpu {
        uint32_t logical; /* CPUs online */
        uint32_t cores;   /* physical, with a CPU online; 0 when not told; counted up to 12,288 */
        uint32_t sockets;
        const char *model; /* "AMD EPYC …"; NULL when not told */
        const char *vendor;
        bool hypervisor; /* the CPU says that it is virtual */
};

/* /proc/cpuinfo of x86, arm, s390, power, riscv. */
int host_parse_cpuinfo(struct sv text, struct arena *arena, struct host_cpu *ret, struct error *err);
int host_read_cpu(int root, struct arena *arena, struct host_cpu *ret, struct error *err);

/* sys/class/dmi/id. */
struct host_dmi {
        const char *sys_vendor, *product_name, *product_version, *board_vendor, *bios_vendor, *bios_version;
        const char *chassis_asset_tag;
};

int host_read_dmi(int root, struct arena *arena, struct host_dmi *ret, struct error *err);

struct host_virtualization {
        const char *vm; /* "kvm", "vmware", "microsoft", "xen", "amazon", … as systemd-detect-virt; NULL for none */
        const char *container; /* "docker", "podman", "lxc", "systemd-nspawn", "wsl", … or NULL */
        const char *cloud;     /* "aws", "gcp", "azure", "digitalocean", … or NULL */
};

/* Pure: what these DMI texts say. Static strings or NULL. */
const char *host_vm_of_dmi(const struct host_dmi *dmi);
const char *host_cloud_of_dmi(const struct host_dmi *dmi);
int host_read_virtualization(int root, struct arena *arena, struct host_virtualization *ret, struct error *err);

enum { HOST_USERS_MAX = 4096 };

/* A login session in utmp(5). */
struct host_user {
        const char *name, *line, *from; /* user, terminal, remote host or "" */
        pid_t pid;
        int64_t since_unix_ns;
};

struct host_users {
        struct host_user *rows;
        size_t count;
        size_t refused;
};

int host_parse_utmp(struct sv bytes, struct arena *arena, struct host_users *ret, struct error *err);
/* run/utmp, then var/run/utmp. No file: no users. */
int host_read_users(int root, struct arena *arena, struct host_users *ret, struct error *err);

/* The reader itself: sample rows of getpid and company. */
struct host_self {
        pid_t pid, ppid, pgrp, session, tid;
        uid_t uid, euid;
        gid_t gid, egid;
        const char *cwd;
};

int host_read_self(struct arena *arena, struct host_self *ret, struct error *err);
