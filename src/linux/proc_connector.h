/* The kernel's process connector (linux/cn_proc.h, drivers/connector/cn_proc.c): fork, exec, exit and more of every
 * thread of the system, in the order in which they happened to each of them: a fork is told before the child runs, an
 * exit before the pid is free again. Works in the initial network, user and pid namespaces, with CAP_NET_ADMIN. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

enum connector_what {
        CONNECTOR_ACK = 0,
        CONNECTOR_FORK = 0x1,
        CONNECTOR_EXEC = 0x2,
        CONNECTOR_UID = 0x4,
        CONNECTOR_GID = 0x40,
        CONNECTOR_SID = 0x80,
        CONNECTOR_PTRACE = 0x100,
        CONNECTOR_COMM = 0x200,
        CONNECTOR_COREDUMP = 0x40000000,
};
#define CONNECTOR_EXIT 0x80000000u
#define CONNECTOR_ALL                                                                                                  \
        (CONNECTOR_FORK | CONNECTOR_EXEC | CONNECTOR_UID | CONNECTOR_GID | CONNECTOR_SID | CONNECTOR_PTRACE |          \
                CONNECTOR_COMM | CONNECTOR_COREDUMP | CONNECTOR_EXIT)

enum {
        CONNECTOR_BATCH = 64,     /* messages a system call */
        CONNECTOR_CPUS_MAX = 1024 /* whose numbering is followed; messages of others are counted only */
};

/* One message. pid is a process (thread group), tid the thread. */
struct connector_event {
        uint32_t what;
        uint32_t cpu;
        uint32_t sequence;     /* of that CPU; messages that the kernel's event mask withholds are numbered too */
        uint32_t acknowledged; /* cn_msg.ack: CONNECTOR_ACK only */
        uint64_t monotonic_ns; /* CLOCK_MONOTONIC */
        pid_t pid, tid;        /* fork: the child */
        pid_t ppid, ptid; /* fork, exit, coredump: the parent (0: not told, before Linux 4.18); ptrace: the tracer, 0
                             for a detach */
        uint32_t id, effective_id; /* uid, gid: real and effective */
        uint32_t status;           /* exit: as of wait(2); ack: errno */
        char comm[16];             /* comm; NUL-terminated */
};

/* A datagram of the connector: pure. False for what is none, or of a kind that is not known. */
bool connector_parse(struct sv datagram, struct connector_event *ret);

/* The numbering of each CPU: how many messages are missing before this one. Only without an event mask. */
struct connector_sequences {
        uint32_t next[CONNECTOR_CPUS_MAX];
        uint64_t lost[CONNECTOR_CPUS_MAX];
        uint64_t seen[CONNECTOR_CPUS_MAX / 64]; /* bitmap: next is known */
};
uint32_t connector_sequence_gap(struct connector_sequences *sequences, const struct connector_event *event);

struct connector_counters {
        uint64_t received;
        uint64_t reads;
        uint64_t overflows; /* ENOBUFS */
        uint64_t dropped;   /* did not fit in the socket's buffer (its own counter, Linux 4.12) */
        uint64_t gaps;      /* missing by the CPUs' numbering; 0 with an event mask */
        uint64_t refused;   /* could not be understood, or not from the kernel */
};

struct connector;

/* Subscribes to the events in `mask` (CONNECTOR_FORK | …); a kernel before 6.6 sends all, which are then dropped here.
 * buffer: bytes of the socket's buffer, 0 = 8 MiB. E_PERMISSION without rights or outside the initial user and pid
 * namespaces, E_UNSUPPORTED outside the initial network namespace or without CONFIG_PROC_EVENTS. */
int connector_open(uint32_t mask, size_t buffer, struct connector **ret, struct error *err);
void connector_close(struct connector *connector);
int connector_fd(const struct connector *connector);
bool connector_masked(const struct connector *connector); /* does the kernel apply the mask? */

/* Reads without waiting; the number of events, 0 when nothing is there that counts. */
size_t connector_receive(struct connector *connector, struct connector_event ret[CONNECTOR_BATCH], bool *ret_more);

void connector_count(struct connector *connector, struct connector_counters *ret);
/* Messages lost of that CPU by its numbering. */
uint64_t connector_lost_of_cpu(const struct connector *connector, unsigned cpu);
