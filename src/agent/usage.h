/* What a process of ours uses, by the kernel's word. */
#pragma once

#include <sys/types.h>

struct json_writer;

/* "memory" (bytes: the proportional set where it may be read, else the resident set), "cpu_time" (ns), "fds",
 * "threads"; what is not told is left out. */
void usage_write(struct json_writer *writer, pid_t pid);
