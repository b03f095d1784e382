/* Between the files of machine_read: one-value files, directories, CPU lists. Inside this room only. */
#pragma once

#include "linux/machine.h"

enum { MACHINE_VALUE_MAX = 4096, MACHINE_PATH_MAX = 512 };

struct machine_reading {
        int root, proc, sys; /* directories */
        struct arena *arena;
        struct machine *machine;
};

/* What a one-value file holds, in `room`, without white space around it and without what follows a NUL. False when it
 * is absent, unreadable or longer. */
bool machine_value(int dir, const char *path, char room[static MACHINE_VALUE_MAX], struct sv *ret);
bool machine_number(int dir, const char *path, uint64_t *ret);
bool machine_signed(int dir, const char *path, int64_t *ret);
/* The same in the arena; "" when there is none. NULL: no memory. */
const char *machine_text(int dir, const char *path, struct arena *arena);

/* A directory below `at`, or -1 with errno. */
int machine_open_directory(int at, const char *path);

/* The names in a directory that start with prefix (and end with suffix), sorted; at most max, the others counted. No
 * directory: none. -1: no memory. */
int machine_names(struct machine_reading *reading, int dir, const char *path, const char *prefix, const char *suffix,
        size_t max, const char ***ret, size_t *ret_count);
/* Those that are prefix and digits: the numbers, ascending. */
int machine_numbers(struct machine_reading *reading, int dir, const char *path, const char *prefix, size_t max,
        int **ret, size_t *ret_count);

/* A set of CPUs as the kernel prints it: "0-3,8,10-11" (cpumask_print_to_pagebuf). */
struct machine_cpu_set {
        uint64_t words[MACHINE_CPUS_MAX / 64];
};

bool machine_cpu_list_parse(struct sv text, struct machine_cpu_set *ret); /* false when malformed or out of range */
bool machine_cpu_set_has(const struct machine_cpu_set *set, int cpu);
size_t machine_cpu_set_count(const struct machine_cpu_set *set);
/* How many bits are set in "ff,00000000,0000000f"; false when malformed. */
bool machine_cpu_mask_count(struct sv text, size_t *ret);

/* "32768K", "1M": bytes. */
bool machine_cache_size_parse(struct sv text, uint64_t *ret);
/* The chosen one of "noop [mq-deadline] bfq"; an empty text when none is. */
struct sv machine_scheduler_parse(struct sv text);
/* kHz of the first "cpu MHz", "CPU MHz" or "clock" row of cpuinfo; 0 when there is none. */
uint64_t machine_frequency_parse(struct sv cpuinfo);

/* -1: no memory. */
int machine_read_topology(struct machine_reading *reading);
int machine_read_huge_pages(
        struct machine_reading *reading, int dir, const char *path, struct machine_huge_pages **ret, size_t *ret_count);
int machine_read_devices(struct machine_reading *reading);
int machine_read_filesystems(struct machine_reading *reading);
