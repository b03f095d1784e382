/* Reading the files of one group: one openat, read and close a file into one buffer. Inside cgroup_stats*.c only. */
#pragma once

#include "linux/cgroup_stats_parse.h"

enum {
        CGROUP_FILE_BUFFER = 8 * 1024, /* on the stack: memory.stat is the longest of a common machine, 2 KiB */
        CGROUP_FILE_MAX = 256 * 1024   /* cpuacct.usage_percpu of 8,192 processors, io.stat of 1,024 devices */
};

/* Who tells what: a controller of v1, or v2. */
enum cgroup_role {
        CGROUP_ROLE_CPU,
        CGROUP_ROLE_CPUACCT,
        CGROUP_ROLE_CPUSET,
        CGROUP_ROLE_MEMORY,
        CGROUP_ROLE_BLKIO,
        CGROUP_ROLE_PIDS,
        CGROUP_ROLE_HUGETLB,
        CGROUP_ROLE_RDMA,
        CGROUP_ROLE_FREEZER,
        CGROUP_ROLE_UNIFIED,
        CGROUP_ROLES
};

struct cgroup_reader {
        int dirs[CGROUP_ROLES]; /* -1: the group is not in that hierarchy; not owned */
        char *big;              /* CGROUP_FILE_MAX bytes once a file needed them */
        size_t *refused;
        size_t files; /* that could be read */
        char text[CGROUP_FILE_BUFFER];
};

void cgroup_reader_init(struct cgroup_reader *reader, const struct cgroup_mounts *mounts,
        const struct cgroup_dirs *dirs, size_t *refused);
void cgroup_reader_done(struct cgroup_reader *reader);
static inline void cgroup_reader_done_p(struct cgroup_reader *reader)
{
        cgroup_reader_done(reader);
}

/* Does it begin with '/' and never lead up ("..")? cgroupfs has no symbolic links: nothing else could lead out. */
bool cgroup_path_is_plain(const char *path);

/* The whole file; the text is good until the next call. False when it is not there or cannot be read, dir -1 too. */
bool cgroup_reader_file(struct cgroup_reader *reader, int dir, const char *name, struct sv *ret);
/* A file of one number; "max" is CGROUP_NO_LIMIT. False without a file; a malformed one counts as refused. */
bool cgroup_reader_number(struct cgroup_reader *reader, int dir, const char *name, uint64_t *ret);

/* Was the group removed while its directory is held open? */
bool cgroup_dir_vanished(int dir);
bool cgroup_dirs_vanished(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs);

/* The page sizes ("2MB") of the files hugetlb.SIZE.* of the directory, each once. How many there are. */
size_t cgroup_huge_sizes(int dir, char sizes[CGROUP_HUGE_SIZES_MAX][16], size_t *refused);

/* One call of cgroup_stats_read. */
struct cgroup_read_call {
        struct cgroup_reader reader;
        int root;
        bool is_root;
        unsigned flags;
        unsigned absent_io;
        bool lost; /* some directory was found removed */
        struct arena *arena;
        struct cgroup_stats stats;
        struct error *err;
};

/* Parts of it (cgroup_stats_devices.c). -1 with call->err when the arena is full. */
int cgroup_read_io(struct cgroup_read_call *call);
int cgroup_read_huge(struct cgroup_read_call *call);
int cgroup_read_rdma(struct cgroup_read_call *call);
