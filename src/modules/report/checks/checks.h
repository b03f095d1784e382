/* report: is this host healthy and safe? A table of checks; each is a function of its own that looks below a root
 * directory and says in one finding what it saw. docs/modules/report.md argues the thresholds and severities.
 *
 * A check that says nothing has passed. One that could not look says so (finding_blind): what it did see counts all the
 * same. One that has no object here (no sshd, no RAID) says finding_absent and is not shown. */
#pragma once

#include "base/vec.h"
#include "linux/kernel_stat.h"
#include "linux/mounts.h"
#include "linux/process.h"
#include "schema/field.h"

enum report_severity {
        REPORT_OK, /* the check passed */
        REPORT_INFO,
        REPORT_LOW,
        REPORT_MEDIUM,
        REPORT_HIGH,
        REPORT_CRITICAL,
        REPORT_SEVERITIES
};

enum report_area {
        AREA_CPU,
        AREA_MEMORY,
        AREA_DISK,
        AREA_FILESYSTEM,
        AREA_KERNEL,
        AREA_PROCESSES,
        AREA_NETWORK,
        AREA_ACCOUNTS,
        AREA_SSH,
        AREA_UPDATES,
        AREA_CONTAINERS,
        AREA_TIME,
        AREA_AGENT,
        REPORT_AREAS
};

extern const char *const report_severity_names[]; /* "ok" … "critical", NULL */
extern const char *const report_area_names[];

enum {
        REPORT_EVIDENCE_MAX = 12,       /* lines of evidence in a finding; more are counted */
        REPORT_TEXT_MAX = 1 << 20,      /* bytes of one file in /etc, /proc or /sys */
        REPORT_DPKG_MAX = 64 << 20,     /* of /var/lib/dpkg/status */
        REPORT_PROCESSES_MAX = 1 << 16, /* processes looked at */
        REPORT_FILES_MAX = 20000,       /* files looked at in one directory */
        REPORT_KERNEL_LOG_MAX = 20000,  /* records of the kernel's log */
        REPORT_DISKS_MAX = 256,
        REPORT_MEMORY = 96 << 20, /* an arena for a look needs no more */
};

/* Counters that are read twice: what happened between is what is asked for. */
struct report_sample {
        int64_t at_ns; /* monotonic */
        bool has_cpu, has_vmstat, has_tcp;
        struct kernel_stat cpu;
        struct vmstat vmstat;
        uint64_t listen_overflows, listen_drops, passive_opens, retransmits, segments_out;
        struct report_disk {
                char name[32];
                uint64_t io_time_ms;
        } disks[REPORT_DISKS_MAX];
        size_t disk_count;
};

struct report_process {
        pid_t pid;
        char name[PROCESS_COMM_MAX];
        char state;
        bool kernel_thread;
        uint32_t uid;
        bool denied;         /* its program may not be looked at */
        const char *program; /* NULL: none, or not known */
        bool deleted;
        bool replaced;       /* deleted, and another file has its name now */
        bool silent;         /* deleted, and the file system of its name does not answer */
        const char *preload; /* LD_PRELOAD of its environment */
        uint64_t capabilities;
        const char *container; /* "docker 0123456789ab"; NULL on the host */
        uint64_t pid_namespace, net_namespace;
        bool engine_socket; /* a container engine's socket is mounted where it lives: the first of a container only */
        uint64_t files, files_limit; /* open files and the soft limit; 0: not known */
};

/* The kernel's clock as adjtimex(2) has it. */
struct report_clock {
        bool known, synchronised;
        int64_t maximal_error_ns;
};

/* What the agent of this host answered (module/local_agent.h), in the order of report_agent_paths. */
enum report_question {
        ASKED_STATUS,
        ASKED_LOG,
        ASKED_ALERTS,
        ASKED_OPEN,
        ASKED_ALERTS_STATUS,
        ASKED_WATCH,
        ASKED_METRICS,
        ASKED
};
struct report_answer {
        int status; /* of HTTP; 0: none in time */
        const char *body;
        size_t size;
};
extern const char *const report_agent_paths[ASKED + 1];

struct look {
        int root;
        struct arena *arena;
        bool own; /* root is that of this process: system calls speak of the same host */
        struct report_clock clock;
        struct report_sample before, after;
        int64_t uptime_ns; /* 0: not known */
        int64_t now_unix_ns;
        unsigned cpus; /* at least 1 */
        struct mounts mounts;
        bool has_mounts;
        VEC(struct report_process) processes;
        bool has_processes;
        uint64_t processes_refused, processes_denied, environments_denied;
        const struct report_answer *agent; /* ASKED of them; NULL: no agent runs here */
        struct asker *asker;               /* bounded.c */
        unsigned silent[2];                /* looks that were not answered in time, by enum look_owner */
        pid_t self, parent; /* not judged: this run itself, and what its parent started of the same name; 0: none */
};

struct finding {
        const struct report_check *check;
        struct arena *arena;
        enum report_severity severity;
        bool said, absent;
        char *text;                          /* one sentence without a full stop */
        char *evidence[REPORT_EVIDENCE_MAX]; /* worst first */
        enum report_severity weights[REPORT_EVIDENCE_MAX];
        size_t evidence_count, evidence_more;
        char *blind; /* what could not be looked at and why: the first */
        size_t blind_count;
};

struct report_check {
        const char *name;
        enum report_area area;
        void (*look)(struct look *look, struct finding *finding);
        const char *passed;  /* the sentence when it passed */
        const char *command; /* to look further */
        bool sampled;        /* needs look->after */
};

/* One table a file, ended by one without a name; report_checks has them all. */
extern const struct report_check report_load_checks[], report_storage_checks[], report_kernel_checks[],
        report_hardware_checks[], report_process_checks[], report_network_checks[], report_account_checks[],
        report_path_checks[], report_ssh_checks[], report_container_checks[], report_update_checks[],
        report_agent_checks[];
extern const struct report_check *const report_checks[];

/* ---- what a check says ---- */

/* Sets the sentence; the severity becomes at least this one. */
void finding_say(struct finding *finding, enum report_severity severity, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* A line of evidence, and at least this severity. Say the sentence too. */
void finding_show(struct finding *finding, enum report_severity severity, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void finding_blind(struct finding *finding, const char *path, const char *why);
void finding_absent(struct finding *finding);

/* Runs one check: fills *ret. */
void report_run_check(const struct report_check *check, struct look *look, struct finding *ret);
/* Worst first; of one severity in the order of areas, then as the table has them. */
void report_sort(struct finding *findings, size_t count);
/* "healthy", "attention" (medium or high), "critical". */
const char *report_verdict(enum report_severity worst);

/* ---- what checks look with ---- */

/* root is borrowed. Reads what several checks need: uptime, CPUs, mounts. */
void look_open(struct look *ret, int root, struct arena *arena);
void look_done(struct look *look);
void look_sample(struct look *look, struct report_sample *ret);
void look_processes(struct look *look);

enum look_result { LOOK_READ, LOOK_ABSENT, LOOK_BLIND };

/* A file below the root, as the arena's text. No link leads out of the root and nothing but a regular file is read. Not
 * there is LOOK_ABSENT; what is there and cannot be read makes the finding blind. */
enum look_result look_file(struct look *look, struct finding *finding, const char *path, size_t max, struct sv *ret);
/* The trimmed first line; empty where the file is absent or unreadable. For /proc and /sys. */
struct sv look_line(struct look *look, const char *path);
bool look_number(struct look *look, const char *path, uint64_t *ret);
/* Whose the place is: what users put into the way of a look must not keep the run from looking at the system. */
enum look_owner { OF_SYSTEM, OF_USERS };
/* As fstatat(2) below the root. What does not answer within LOOK_PATIENCE_MS (a server that is gone, a program behind
 * FUSE) is ETIMEDOUT and makes the finding blind (it may be NULL). look_file, look_names and look_entries are bounded
 * in the same way. */
enum { LOOK_PATIENCE_MS = 2000 };
struct stat;
int look_stat(struct look *look, struct finding *finding, const char *path, int flags, struct stat *ret);
const char *look_why(int errnum);

struct look_entries {
        struct look_entry {
                const char *name;
                mode_t mode; /* of lstat(2) */
        } * items;
        size_t count;
        mode_t mode; /* of the directory itself; 0: it could not be read */
};
/* As look_names, with modes. */
struct look_entries look_entries(struct look *look, struct finding *finding, const char *directory, bool modes);

/* Names in a directory but "." and "..", sorted; at most REPORT_FILES_MAX. A failure but ENOENT makes the finding
 * blind (finding may be NULL). */
struct string_list look_names(struct look *look, struct finding *finding, const char *directory);

/* "/var/log/x" as arena text, printf-like. */
char *look_text(struct look *look, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Without comment and surrounding space. */
struct sv look_strip(struct sv line, char comment);

/* ---- pure parts, for tests ---- */

/* What the out-of-memory killer did, by the kernel's log as far back as it goes. */
struct report_kills {
        unsigned of_groups; /* a group was at its own limit */
        unsigned of_host;   /* the memory of the machine was used up */
        char last[PROCESS_COMM_MAX];
        bool readable;
};

void look_kills(struct look *look, struct report_kills *ret);

/* Debian's and everybody's order of kernel releases: runs of digits compare as numbers. <0, 0, >0. */
int report_compare_release(const char *a, const char *b);
