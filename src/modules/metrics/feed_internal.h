/* What the files of the feed share; nobody else includes it but tests. */
#pragma once

#include "modules/metrics/feed_rows.h"

#include "base/buf.h"
#include "linux/process.h"
#include "linux/process_list.h"

enum { FEED_TEXT_MAX = 1 << 20 }; /* bytes of one file of the kernel */

struct feed_cpu { /* ticks */
        unsigned number;
        uint64_t busy, user, kernel, iowait, steal, total;
};

struct feed_host_past {
        struct feed_cpu all;
        VEC(struct feed_cpu) cores;
        VEC(double) shares;
        uint64_t context_switches, forks;
        int64_t named_ns;
        struct arena names;
        const char *hostname, *kernel, *os;
};

struct feed_sums { /* over the devices of the machine itself: a bridge and its port count once */
        double receive, send, read, write;
        bool has_network, has_disk;
};

struct feed_process_row {
        struct feed_row head;
        struct feed_process record;
        uint64_t ticks, major_faults, arg_start, start_code;
        uint64_t read_bytes, write_bytes;
        int64_t io_ns, detailed_ns; /* monotonic: when they were read */
        char comm[PROCESS_COMM_MAX];
        char *name, *executable, *command_line;
        struct feed_group *group;
        uint64_t received, sent;            /* since the last look at sockets */
        bool io_denied, moved, own_network; /* used CPU time; in the network namespace whose sockets are asked for */
};

struct feed_container_row {
        struct feed_row head;
        struct feed_container record;
        int64_t at_ns, read_ns; /* monotonic: what rates are from; the loop's clock: when the sample was read */
        int64_t tasks_ns;       /* monotonic: when its tasks were counted */
        uint64_t total, user, kernel, throttled, read, write, receive, send;
        char *name, *engine, *id, *alias, *image, *unit;
        bool has_cpu, has_io, has_network; /* in the sample that rates are from */
};

enum feed_traffic {
        FEED_RECEIVE,
        FEED_SEND,
        FEED_RECEIVE_PACKETS,
        FEED_SEND_PACKETS,
        FEED_RECEIVE_ERRORS,
        FEED_SEND_ERRORS,
        FEED_RECEIVE_DROPS,
        FEED_SEND_DROPS,
        FEED_TRAFFIC
};

struct feed_network_row {
        struct feed_row head;
        struct feed_network record;
        uint64_t counters[FEED_TRAFFIC];
        int64_t at_ns; /* monotonic */
        int index;     /* 0: not known yet */
        bool physical, ignored;
        char *name, *mac;
};

struct feed_disk_row {
        struct feed_row head;
        struct feed_disk record;
        uint64_t read, write, reads, writes, busy_ms, queue_ms;
        int64_t at_ns; /* monotonic */
        char *name, *model;
};

struct feed_block { /* a whole disk */
        char name[64];
        uint32_t major, minor;
        uint64_t size;
        bool stacked; /* made of others, or of memory: what goes through it counts elsewhere */
        char model[64];
};

struct feed_mount {
        char *point, *device, *type; /* in the arena of mounts */
        uint32_t major, minor;
        bool read_only;
};

struct feed_filesystem_row {
        struct feed_row head;
        struct feed_filesystem record;
        char *mountpoint, *device, *type;
};

struct feed_group { /* a control group that processes are in */
        uint64_t looked, resolved;
        char *name, *container; /* of the container's row; what its engine calls it */
        char path[];
};

struct feed_socket {
        uint64_t inode, received, sent, looked;
        uint64_t owner[2]; /* key of the process; zeros: not known */
        uint64_t tries;    /* to find it */
};

struct feed_sockets {
        struct map by_cookie;
        int netlink; /* -1: none */
        uint64_t namespace;
        bool unsupported;
        uint64_t looks;
        int64_t looked_ns, span_ns, due_ns, all_ns; /* monotonic; all: when all processes were looked through */
        VEC(struct feed_socket *) wanted;           /* those that moved and whose owner is not known */
};

struct feed_users {
        struct arena arena, names; /* of the table; of the names that rows have */
        struct process_users table;
        struct map by_uid; /* names */
        int64_t changed_ns, looked_ns;
};

struct feed_look {
        int64_t looked_ns; /* monotonic */
        int64_t span_ns;   /* since the look before */
        uint64_t count;
};

struct feed {
        struct feed_source source;
        uint64_t look;
        int64_t now_ns, unix_ns, boot_unix_ns, freshness_ns; /* of the look */
        int64_t ended_ns;                                    /* monotonic: when the look had ended */
        int64_t clock_ns;                                    /* the boot by the clock to which boot_unix_ns belongs */
        int64_t offset_ns; /* of the look: what the clock is ahead of the monotonic one, which nobody sets */
        struct feed_look looks[FEED_PARTS];
        struct feed_host host;
        uint64_t host_changed;
        struct feed_host_past host_past;
        struct feed_sums sums;
        struct feed_table containers, processes, networks, disks, filesystems;
        struct feed_graves graves;
        int64_t links_ns, blocks_ns, mounts_ns; /* monotonic: when they were read */
        VEC(struct feed_block) blocks;
        struct arena mounts_arena;
        VEC(struct feed_mount) mounts;
        struct map groups; /* struct feed_group by path */
        struct feed_users users;
        struct feed_sockets sockets;
        struct map stat_files; /* of processes, kept open */
        uint64_t names;        /* rises when containers came, went or were named */
        uint64_t names_seen;
        int64_t names_ns;
        VEC(void *)
        trash;           /* texts that rows had: freed when all rows of a look are set, so that no new one has their
                          * address meanwhile */
        struct buf text; /* a file of the kernel */
};

/* The whole file into feed->text, "" when it cannot be read. */
struct sv feed_read(struct feed *feed, int dir, const char *path);

/* feed_host.c */
void feed_host_look(struct feed *feed, int64_t span_ns);
void feed_host_done(struct feed *feed);

/* The text that a row keeps: *kept when it is equal, else a copy, and the old one goes to the trash. NULL and "" are
 * equal. */
void feed_keep_text(struct feed *feed, char **kept, struct sv text);
void feed_trash(struct feed *feed, void *text);

/* feed_containers.c */
void feed_containers_init(struct feed *feed);
void feed_containers_look(struct feed *feed);

/* feed_processes.c */
void feed_processes_init(struct feed *feed);
void feed_processes_look(struct feed *feed, int64_t span_ns);
bool feed_unwanted(const struct feed *feed); /* source.unwanted */
uint64_t feed_processes_count(const struct feed *feed);
void feed_processes_done(struct feed *feed);

/* feed_network.c */
void feed_network_init(struct feed *feed);
void feed_network_look(struct feed *feed);

/* feed_disks.c */
void feed_disks_init(struct feed *feed);
void feed_disks_look(struct feed *feed);
/* The whole disks, read again when that is long ago. */
void feed_blocks_look(struct feed *feed);
bool feed_disk_is_stacked(const struct feed *feed, uint32_t major, uint32_t minor);
void feed_disks_done(struct feed *feed);

/* feed_filesystems.c */
void feed_filesystems_init(struct feed *feed);
void feed_filesystems_look(struct feed *feed);
void feed_filesystems_done(struct feed *feed);

/* feed_groups.c: which container's row a process belongs to */
void feed_groups_init(struct feed *feed);
void feed_groups_begin(struct feed *feed);
struct feed_group *feed_group_of(struct feed *feed, struct sv path);
void feed_group_see(struct feed *feed, struct feed_group *group);
void feed_groups_sweep(struct feed *feed);
void feed_groups_done(struct feed *feed);

/* feed_stats.c: /proc/PID/stat */
void feed_stats_init(struct feed *feed);
/* What fits of it; 0 or -1 with errno. */
ssize_t feed_stats_read(struct feed *feed, pid_t pid, char *text, size_t size);
/* Those that were not read in this look are closed. */
void feed_stats_sweep(struct feed *feed);
void feed_stats_done(struct feed *feed);

/* feed_sockets.c: what processes sent and received over TCP */
void feed_sockets_init(struct feed *feed);
/* Before the processes: adds what their connections carried to the rows there are. */
void feed_sockets_look(struct feed *feed);
/* After them: looks for the owners of connections that began to carry something. */
void feed_sockets_find_owners(struct feed *feed);
void feed_sockets_done(struct feed *feed);

/* feed_users.c */
void feed_users_init(struct feed *feed);
void feed_users_begin(struct feed *feed);
const char *feed_user_name(struct feed *feed, uint32_t uid);
void feed_users_done(struct feed *feed);
