/* The processes of a group (or of all) with the columns of ps(1), read from /proc without running it: what cAdvisor's
 * `ps` API tells (ps -e -o user,pid,ppid,stime,pcpu,pmem,rss,vsz,stat,time,comm,psr,cgroup), and the number of open
 * files. Rows are handed out one at a time: memory does not grow with the number of processes. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"
#include "linux/process.h"

enum {
        PROCESS_LIST_GROUP_MAX = 4096,     /* bytes of a group's path */
        PROCESS_LIST_ARGUMENTS_MAX = 4096, /* bytes of arguments shown */
        PROCESS_USERS_MAX = 1 << 17,
        PROCESS_USERS_TEXT_MAX = 16 << 20
};

/* ---- names of users ---- */

struct process_user {
        uint32_t uid;
        const char *name;
};

struct process_users {
        struct process_user *rows; /* sorted by uid; the first line of a uid counts, as in getpwuid */
        size_t count, refused;
};

int process_users_parse(struct sv passwd, struct arena *arena, struct process_users *ret, struct error *err);
/* etc/passwd below root; no file is no users. */
int process_users_read(int root, struct arena *arena, struct process_users *ret, struct error *err);
const char *process_users_name(const struct process_users *users, uint32_t uid); /* NULL: not known */

/* ---- rows ---- */

struct process_row {
        pid_t pid, ppid;
        uint64_t start_ticks; /* with the pid who it is */
        uint32_t uid;         /* effective */
        char user[36];        /* the name, whole where ps cuts it to 8; else the number */
        int64_t start_unix_ns, cpu_ns;
        char start[8];                      /* STIME, local time: "21:34" today, "Nov21" this year, else "2025" */
        double cpu_percent, memory_percent; /* one decimal; CPU of the whole life, as ps */
        uint64_t rss, vsz;                  /* bytes */
        char stat[8];                       /* "S", "Ss", "R<l+", "SLl" */
        char time[24];                      /* "00:20:00", "3-04:05:06" */
        char comm[16];                      /* as ps: control characters are '?', "sh <defunct>" */
        int processor;
        const char *group;     /* the one asked for, else process_group_path */
        uint64_t files;        /* open files, 0 when not asked for or not told */
        const char *arguments; /* joined by spaces, "" when not asked for */
};

struct process_list_query {
        const char *group; /* NULL: all; else the processes whose group, in any hierarchy, is this one … */
        bool subgroups;    /* … or below it */
        const pid_t *pids; /* NULL: all of /proc; else these only (cgroup.procs is cheaper) */
        size_t pid_count;
        bool files, arguments;
        const struct process_users *users; /* NULL: numbers */
        int64_t now_unix_ns, boot_unix_ns; /* 0: of the clock */
        uint64_t memory_total;             /* bytes; 0: of meminfo */
};

struct process_list_result {
        size_t rows, vanished, denied, refused;
};

/* The row and what it points to are valid during the call; non-zero stops and is returned. By pid, where proc is a real
 * one. */
typedef int process_row_fn(const struct process_row *row, void *cookie);
int process_list_each(int proc, const struct process_list_query *query, process_row_fn *each, void *cookie,
        struct process_list_result *ret, struct error *err);

/* ---- pure ---- */

/* The path that stands for a process, of the text of /proc/PID/cgroup: of the memory controller, else of cpu, of v2, of
 * systemd's own; the first that is not "/". cAdvisor takes memory, cpu or a lone v2. */
struct sv process_group_path(struct sv cgroup_text);

/* The letters of STAT. locked: bytes of VmLck. ret has 8 bytes. */
void process_format_stat(const struct process_stat *stat, uint64_t locked, char *ret);
void process_format_time(int64_t cpu_ns, char ret[24]);
void process_format_start(int64_t start_unix_ns, int64_t now_unix_ns, char ret[8]);
void process_format_comm(const char *comm, char state, char ret[16]);
