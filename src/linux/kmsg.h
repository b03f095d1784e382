/* The kernel's log, /dev/kmsg (Documentation/ABI/testing/dev-kmsg), and the kills of the out-of-memory killer in it
 * (mm/oom_kill.c, mm/memcontrol.c). Reading it needs CAP_SYSLOG where sysctl kernel.dmesg_restrict is 1. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

enum {
        KMSG_RECORD_MAX = 8192, /* PRINTK_MESSAGE_MAX, CONSOLE_EXT_LOG_MAX of older kernels: no record is longer */
        KMSG_FACILITY_KERNEL = 0,
        KMSG_RECORDS_A_CALL = 4096 /* kmsg_read_oom gives the loop its turn after so many */
};

struct kmsg_record {
        unsigned level, facility; /* syslog(3); what processes write is never facility 0 */
        uint64_t sequence;
        int64_t clock_ns;  /* the log's own clock, near CLOCK_MONOTONIC: it is never disciplined and drifts from it */
        char flag;         /* '-', 'c' for a fragment of a line, '+' for what follows one; 0 when not told */
        struct sv message; /* of the caller's bytes; unprintable bytes and '\\' are still "\x5c" */
};

/* One record with its continuation lines (" SUBSYSTEM=…"), which are not kept. False when malformed. */
bool kmsg_record_parse(struct sv text, struct kmsg_record *ret);

enum { KMSG_NAME_MAX = 64, KMSG_CONSTRAINT_MAX = 32, KMSG_CGROUP_MAX = 1024 };

/* A process that was killed for want of memory. */
struct kmsg_oom {
        int64_t unix_ns;
        pid_t pid;                            /* in the initial pid namespace */
        int64_t uid;                          /* -1 when not told */
        char process[KMSG_NAME_MAX];          /* comm of the victim */
        char invoker[KMSG_NAME_MAX];          /* comm of who asked for memory; "" when not told */
        char constraint[KMSG_CONSTRAINT_MAX]; /* "CONSTRAINT_MEMCG", "CONSTRAINT_NONE" …; "" from old kernels */
        /* Paths in the memory hierarchy: of the victim, and of the group whose limit was hit ("/": the machine's own
         * memory). "" when not told: a burst of kills is logged with its details only now and then. */
        char task_memcg[KMSG_CGROUP_MAX], oom_memcg[KMSG_CGROUP_MAX];
        uint64_t total_vm, anon_rss, file_rss, shmem_rss; /* bytes; 0 when not told */
        bool group;                                       /* killed since another in its group was (memory.oom.group) */
};

enum kmsg_oom_state {
        KMSG_OOM_NONE,
        KMSG_OOM_REPORT, /* "… invoked oom-killer" was said */
        KMSG_OOM_CHOSEN, /* and who is to be killed */
        KMSG_OOM_KILLED, /* and that it was */
        KMSG_OOM_GROUP   /* and that all in its group are */
};

/* A report that is older says nothing of a later kill. */
#define KMSG_OOM_REPORT_NS INT64_C(60000000000)

/* Lines in, kills out. All zero is a new one. */
struct kmsg_oom_assembler {
        enum kmsg_oom_state state;
        int64_t since_unix_ns; /* of the last line that belonged to a report */
        struct kmsg_oom oom;
        uint64_t reports, kills, refused; /* refused: names or paths that were cut */
};

/* Takes one message of the kernel (facility 0). True: *ret is a kill. A victim that was chosen but was exiting already
 * is none. */
bool kmsg_oom_feed(struct kmsg_oom_assembler *assembler, struct sv message, int64_t unix_ns, struct kmsg_oom *ret);

/* The log from its end on: what is logged after kmsg_open. */
struct kmsg_reader {
        int fd; /* for the loop: readable when there is a record */
        bool has_sequence;
        uint64_t sequence; /* of the last record */
        uint64_t records, malformed;
        uint64_t overruns, lost; /* the ring buffer went round; the records that this cost */
        struct kmsg_oom_assembler oom;
        char buffer[KMSG_RECORD_MAX + 1];
};

/* path: "dev/kmsg" below root. E_PERMISSION without CAP_SYSLOG where that is asked for. */
int kmsg_open(int root, const char *path, struct kmsg_reader *ret, struct error *err);
void kmsg_close(struct kmsg_reader *reader);
/* 1: a record, whose message lives until the next call; 0: none now; -1: the log cannot be read any more. */
int kmsg_read(struct kmsg_reader *reader, struct kmsg_record *ret, struct error *err);
/* 1: a kill, there may be more; 0: none now, call again when the fd is readable; -1: as above. Only what the kernel
 * itself logged counts, not what a process wrote there. A kill has the time at which it was read. */
int kmsg_read_oom(struct kmsg_reader *reader, struct kmsg_oom *ret, struct error *err);
