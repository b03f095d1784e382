/* A worker: one child process and the parent's side of the handshake with it. The child gets the read end of a pipe as
 * fd 3 (configuration and secret, each an int64 big-endian length and that many bytes) and the write end of another as
 * fd 4, where it reports "ready::PID" or "failed::MESSAGE" and a closing 0xFF; files the parent adds begin at fd 5. No
 * other fd is inherited. The child's side is include/tarsier/child.h.
 *
 *     struct worker_option options[] = {
 *             WORKER_OPT_PROGRAM("/usr/libexec/tarsier/tarsier-host"),
 *             WORKER_OPT_SECRET(key, sizeof(key)),
 *             WORKER_OPT_END,
 *     };
 *     cleanup(worker_free) struct worker *worker = worker_new(options, err);
 *     if (!worker || worker_start(worker, err) < 0 || worker_wait_for_ready(worker, 5 * SECOND, err) < 0)
 *             return -1;
 *     …
 *     return worker_wait(worker, 0, err);
 *
 * The parent never blocks in a write and never waits for a child that is gone: every wait also polls the pidfd.
 * Functions on one worker may be called from several threads, except worker_new, worker_start and worker_free.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include "tarsier/child.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
        WORKER_SECRET_MAX = TARSIER_CHILD_SECRET_MAX,
        WORKER_CONFIG_MAX = TARSIER_CHILD_CONFIG_MAX,
        WORKER_FILES_MAX = 64,       /* extra files */
        WORKER_RLIMITS_MAX = 16,     /* limits in one option list */
        WORKER_STATUS_MAX = 8 << 10, /* bytes of a status; a longer one is a protocol error */
        WORKER_FIRST_FILE_FD = TARSIER_CHILD_FIRST_FILE_FD,
        WORKER_PARKED_FD_MIN = 20, /* fds stand here while 0..n are filled */
        WORKER_LOST_MAX = 1024,    /* children that were given up and have not ended */
};

#define WORKER_AUTH_TIMEOUT_NS INT64_C(10000000000)
#define WORKER_END_NS INT64_C(2000000000) /* from SIGKILL to the end, for a child that sleeps */

/* The time a worker goes by. A test's clock has a wake_fd: waits then last until a child speaks or wake_fd is readable;
 * now_ns is asked again (and takes the bytes off wake_fd). The real clock is { .wake_fd = -1 } on CLOCK_MONOTONIC. */
struct worker_clock {
        int64_t (*now_ns)(void *cookie);
        int wake_fd; /* -1: time passes by itself */
        void *cookie;
};

enum worker_option_kind {
        WORKER_OPTION_END = 0,
        WORKER_OPTION_PROGRAM,      /* text: a path, or a name to look up in PATH */
        WORKER_OPTION_PROGRAM_FD,   /* fd, text: execute this open file; text is its name in messages and argv[0] */
        WORKER_OPTION_ARGV,         /* strings, with argv[0]; default: the program alone */
        WORKER_OPTION_ENVIRONMENT,  /* strings; default: the parent's environment */
        WORKER_OPTION_CONFIG,       /* config: sent as a JSON object */
        WORKER_OPTION_CONFIG_TEXT,  /* bytes: sent as they are, instead of CONFIG */
        WORKER_OPTION_SECRET,       /* bytes, at most WORKER_SECRET_MAX */
        WORKER_OPTION_CLOCK,        /* clock */
        WORKER_OPTION_FILE,         /* fd: the next extra file; may be repeated */
        WORKER_OPTION_STDIN,        /* fd; -1: /dev/null. Default: the parent's */
        WORKER_OPTION_STDOUT,       /* the same */
        WORKER_OPTION_STDERR,       /* the same */
        WORKER_OPTION_DIRECTORY,    /* text: working directory */
        WORKER_OPTION_UID,          /* id */
        WORKER_OPTION_GID,          /* id; supplementary groups are dropped with either */
        WORKER_OPTION_RLIMIT,       /* rlimit: may be repeated */
        WORKER_OPTION_PROTOCOL,     /* flag: false starts a plain program; its extra files begin at fd 3 */
        WORKER_OPTION_SEED_FORM,    /* flag: the older handshake (VEYRON_EXEC_VERSION, "ready::") */
        WORKER_OPTION_AUTH_TIMEOUT, /* time_ns: how long the child may take to read what it is sent */
        WORKER_OPTION_DEATH_SIGNAL, /* number: sent to the child when the starting thread ends (prctl(2)) */
        WORKER_OPTION_SESSION,      /* flag: the child leads a session of its own (setsid(2)) */
};

/* Fds, strings and bytes stay the caller's; strings, bytes and configuration are copied by worker_new, fds must stay
 * open until worker_start returned. An unknown kind is E_INVALID. */
struct worker_option {
        enum worker_option_kind kind;
        const char *text;
        const char *const *strings; /* NULL-terminated */
        const void *bytes;
        size_t size;
        const struct tarsier_config *config;
        struct worker_clock clock;
        int fd;
        bool flag;
        unsigned id;
        int number;
        int64_t time_ns;
        struct {
                int resource;        /* RLIMIT_… */
                uint64_t soft, hard; /* RLIM_INFINITY = UINT64_MAX */
        } rlimit;
};

#define WORKER_OPT_END ((struct worker_option){ .kind = WORKER_OPTION_END })
#define WORKER_OPT_PROGRAM(path) ((struct worker_option){ .kind = WORKER_OPTION_PROGRAM, .text = (path) })
#define WORKER_OPT_PROGRAM_FD(file, name)                                                                              \
        ((struct worker_option){ .kind = WORKER_OPTION_PROGRAM_FD, .fd = (file), .text = (name) })
#define WORKER_OPT_ARGV(list)                                                                                          \
        ((struct worker_option){ .kind = WORKER_OPTION_ARGV, .strings = (const char *const *)(list) })
#define WORKER_OPT_ENVIRONMENT(list)                                                                                   \
        ((struct worker_option){ .kind = WORKER_OPTION_ENVIRONMENT, .strings = (const char *const *)(list) })
#define WORKER_OPT_CONFIG(values) ((struct worker_option){ .kind = WORKER_OPTION_CONFIG, .config = (values) })
#define WORKER_OPT_CONFIG_TEXT(json, length)                                                                           \
        ((struct worker_option){ .kind = WORKER_OPTION_CONFIG_TEXT, .bytes = (json), .size = (length) })
#define WORKER_OPT_SECRET(secret, length)                                                                              \
        ((struct worker_option){ .kind = WORKER_OPTION_SECRET, .bytes = (secret), .size = (length) })
#define WORKER_OPT_CLOCK(time) ((struct worker_option){ .kind = WORKER_OPTION_CLOCK, .clock = (time) })
#define WORKER_OPT_FILE(file) ((struct worker_option){ .kind = WORKER_OPTION_FILE, .fd = (file) })
#define WORKER_OPT_STDIN(file) ((struct worker_option){ .kind = WORKER_OPTION_STDIN, .fd = (file) })
#define WORKER_OPT_STDOUT(file) ((struct worker_option){ .kind = WORKER_OPTION_STDOUT, .fd = (file) })
#define WORKER_OPT_STDERR(file) ((struct worker_option){ .kind = WORKER_OPTION_STDERR, .fd = (file) })
#define WORKER_OPT_DIRECTORY(path) ((struct worker_option){ .kind = WORKER_OPTION_DIRECTORY, .text = (path) })
#define WORKER_OPT_UID(uid) ((struct worker_option){ .kind = WORKER_OPTION_UID, .id = (uid) })
#define WORKER_OPT_GID(gid) ((struct worker_option){ .kind = WORKER_OPTION_GID, .id = (gid) })
#define WORKER_OPT_RLIMIT(which, soft_, hard_)                                                                         \
        ((struct worker_option){ .kind = WORKER_OPTION_RLIMIT, .rlimit = { (which), (soft_), (hard_) } })
#define WORKER_OPT_PROTOCOL(on) ((struct worker_option){ .kind = WORKER_OPTION_PROTOCOL, .flag = (on) })
#define WORKER_OPT_SEED_FORM(on) ((struct worker_option){ .kind = WORKER_OPTION_SEED_FORM, .flag = (on) })
#define WORKER_OPT_AUTH_TIMEOUT(ns) ((struct worker_option){ .kind = WORKER_OPTION_AUTH_TIMEOUT, .time_ns = (ns) })
#define WORKER_OPT_DEATH_SIGNAL(signal)                                                                                \
        ((struct worker_option){ .kind = WORKER_OPTION_DEATH_SIGNAL, .number = (signal) })
#define WORKER_OPT_SESSION(on) ((struct worker_option){ .kind = WORKER_OPTION_SESSION, .flag = (on) })

struct worker;

/* NULL with E_INVALID for an unknown or impossible option, E_TOO_LARGE "secret is too large". Starts nothing. */
struct worker *worker_new(const struct worker_option *options, struct error *err);

/* Kills and waits for a child that still runs, closes everything. One that is stuck is given up. NULL is fine. */
void worker_free(struct worker *worker);
DEFINE_CLEANUP(struct worker *, worker_free);

/* Starts the child and writes what its pipe takes at once. A program that cannot be executed is an error here, with the
 * errno and its name. Once only. */
int worker_start(struct worker *worker, struct error *err);

/* Until the child said ready (0). Errors: its own failure message (E_FAILED); "timeout waiting for child" and "timeout
 * in auth handshake" (E_TIMEOUT); "not using protocol" (E_INVALID); "unrecognised status from subprocess: …" and
 * "partial write" (E_PROTOCOL); its exit, if it ended before: "exit status 1", "signal: killed" (E_FAILED).
 * timeout_ns 0 waits for ever. The verdict is kept and returned again by later calls. After an error the child still
 * runs (worker_clean ends it), but a status it sends finds a broken pipe. */
int worker_wait_for_ready(struct worker *worker, int64_t timeout_ns, struct error *err);

/* Until the child ended: 0 for exit status 0, else E_FAILED "exit status N" or "signal: killed"; E_TIMEOUT "timeout
 * waiting for child". timeout_ns 0 waits for ever. The result is kept: later calls return it again. */
int worker_wait(struct worker *worker, int64_t timeout_ns, struct error *err);

pid_t worker_pid(const struct worker *worker);       /* 0 before the start */
pid_t worker_child_pid(const struct worker *worker); /* who said ready (behind a setuid helper another); 0 before */
bool worker_exists(const struct worker *worker);     /* started and not ended */

/* "no such process" (E_NOT_FOUND) before the start and after the end. By pidfd: never another process. */
int worker_kill(struct worker *worker, struct error *err);
int worker_signal(struct worker *worker, int signal, struct error *err);

/* Kills the child if it still runs, and returns what worker_wait returns. "no such process" before the start. */
int worker_clean(struct worker *worker, struct error *err);

/* Killed with worker_kill at least WORKER_END_NS ago, by real time, and asleep in the kernel where no signal reaches
 * it: who waits for its end may wait for ever. */
bool worker_stuck(struct worker *worker);

/* worker_free without waiting for a child that is stuck: it is kept for worker_lost to reap. Beyond WORKER_LOST_MAX it
 * is left to the process that inherits it. */
void worker_give_up(struct worker *worker);

/* Reaps those given up that have ended; how many are still there, and how many were ever given up (ret_total may be
 * NULL). To be called now and then. */
size_t worker_lost(uint64_t *ret_total);

/* How the child ended and what it used (itself and its waited-for children). */
struct worker_exit {
        int status; /* exit status, or -1 when a signal ended it */
        int signal; /* 0 when it exited */
        bool core;
        int64_t cpu_ns;
        uint64_t max_rss; /* bytes */
};

/* ---- the same without blocking, for an event loop ----
 * Watch worker_pidfd and worker_status_fd for input and worker_write_fd for output (each -1 when there is nothing to
 * watch; they change only inside worker_progress and the waits), call worker_progress on any event and at
 * worker_deadline_ns. */
enum worker_state {
        WORKER_NEW,       /* not started */
        WORKER_HANDSHAKE, /* no verdict yet */
        WORKER_READY,     /* or, without the protocol, started */
        WORKER_FAILED,    /* the verdict is an error: worker_verdict */
};

int worker_pidfd(const struct worker *worker);
int worker_status_fd(const struct worker *worker);
int worker_write_fd(const struct worker *worker);
int64_t worker_deadline_ns(const struct worker *worker); /* of the authentication, on its clock; INT64_MAX: none */

/* Writes, reads and reaps what is possible now. */
enum worker_state worker_progress(struct worker *worker);
enum worker_state worker_state(const struct worker *worker);

/* 0 when ready, -1 with the reason when failed, -1 with E_UNAVAILABLE while there is no verdict. */
int worker_verdict(struct worker *worker, struct error *err);

/* True once the child ended (it is reaped by this call then). ret may be NULL. */
bool worker_exited(struct worker *worker, struct worker_exit *ret);

const char *worker_state_name(enum worker_state state);
