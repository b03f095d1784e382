/* What the files of fswatch share. One struct fswatch, on the service's loop; no threads.
 *
 * A backend only says "something happened to this name"; fswatch_look then compares what is there with the table of
 * objects. So a lost, merged or doubled event changes nothing but the time at which a change is seen. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "lib/digest/digest.h"
#include "module/service.h"

#include <dirent.h>
#include <sys/stat.h>

enum {
        ROOTS_MAX = 1024,
        DIRECTORIES_MAX = 1 << 16,
        PENDING_MAX = 128, /* new and changed paths that wait to be read; beyond it the sweep reads them later */
        SCANS_MAX = 1 << 16,
        SCAN_STEP = 256,       /* entries looked at before others have their turn */
        HASH_STEP = 256 << 10, /* bytes read before others have their turn … */
        HASH_FILES_STEP = 16,  /* … or files */
        HASH_PAUSE_MS = 5,
        HASH_AGAIN_MAX = 5, /* a file that changes while it is read */
        HASH_BUFFER = 16 << 10,
        FIRST_LOOK_MAX_S = 30, /* it is ready then, though a first look is not over */
        SHA256_SIZE = 32,
        HANDLE_KEY_MAX = 8 + 4 + 128, /* file system, type of handle, handle */
};

enum fswatch_backend { BACKEND_AUTO, BACKEND_FANOTIFY, BACKEND_INOTIFY };

struct fswatch_config {
        struct string_list paths;
        struct string_list exclude;
        bool hash;
        uint64_t hash_max;
        int64_t suppress_ns;
        int64_t settle_ns;
        int64_t recheck_ns;
        int backend;
        int objects_max;
};

/* One file, directory or other thing under watch, as it was last seen. */
struct object {
        const char *path; /* the key of the table */
        uint64_t size;
        uint64_t inode;
        int64_t mtime_ns;
        int64_t ctime_ns;
        uint32_t mode;
        uint32_t uid;
        uint32_t gid;
        uint32_t generation; /* of the scan that saw it last */
        int64_t alerted_ns;  /* of the last signature alert, 0 = none */
        uint32_t suppressed;
        bool hashed;
        bool stale;  /* to be read by the sweep */
        bool untold; /* … and then told as new */
        uint8_t sha256[SHA256_SIZE];
};

struct root {
        const char *configured;
        char *path; /* without links; NULL while it is missing */
        bool recursive;
        bool defaulted; /* of the built-in profile: it may well be missing */
        bool known;     /* the baseline has seen it: what is new there is new */
};

struct directory {
        struct fswatch *watch;
        char *path;
        loop_id inotify; /* 0: fanotify has it */
        size_t key_size;
        char key[]; /* of fanotify's handles */
};

struct scan_item {
        char *path;
        bool recursive;
        bool silent;
        bool while_down;
};

struct pending {
        char *path;
        int64_t first_ns;
        int64_t due_ns;
        int pid;
        struct who *who; /* of pid; a reference */
        unsigned again;
        bool while_down;
};

struct hash_job {
        int fd;
        struct stat before;
        struct digest digest;
        struct pending *pending; /* owned; NULL: the sweep's */
        char *path;
};

#define FSWATCH_COUNTERS(X)                                                                                            \
        X(events, "notifications that the kernel sent")                                                                \
        X(alerts, "alerts sent")                                                                                       \
        X(suppressed, "signature alerts held back within the suppression time")                                        \
        X(files_hashed, "files read")                                                                                  \
        X(bytes_hashed, "bytes read")                                                                                  \
        X(dropped, "paths that found the hash queue full; they are read later")                                        \
        X(unidentified, "changes whose process had ended before it could be read")                                     \
        X(overflows, "times the kernel lost events; everything was looked at again")                                   \
        X(refused, "files and directories beyond a limit, not watched")                                                \
        X(unreadable, "files and directories that could not be read")                                                  \
        X(store_errors, "failures to write the baseline")

struct fswatch_counters {
#define X(name, help) uint64_t name;
        FSWATCH_COUNTERS(X)
#undef X
};

struct baseline {
        int directory_fd;
        int fd;
        struct buf out;
        uint64_t records;
        loop_id retry;
        bool flushing;
};

struct fswatch {
        struct service *service;
        const struct fswatch_config *config;
        VEC(struct root) roots;
        struct map objects;     /* path: struct object */
        struct map directories; /* path: struct directory */
        struct map handles;     /* key: struct directory */
        struct map roots_known; /* configured text: itself */
        struct baseline baseline;
        struct fswatch_counters counters;

        int fanotify_fd;
        loop_id fanotify_id;
        bool fanotify_renames;         /* FAN_RENAME, Linux 5.17 */
        struct who_reader *who_reader; /* NULL: this kernel has no FAN_REPORT_PIDFD (5.15) */
        char *fanotify_buffer;
        struct { /* the first half of a rename, for inotify */
                char *path;
                uint32_t cookie;
                loop_id timer;
        } moved;

        VEC(struct scan_item) scans;
        DIR *scan;
        struct scan_item scan_at;
        loop_id scan_timer;
        loop_id ready_timer; /* a first look is under way, and it is not ready yet */
        uint32_t generation;
        bool full_scan;  /* a scan of all roots is under way */
        bool rescan;     /* another is to follow */
        bool first_scan; /* … the one of the start */

        struct map pending; /* path: struct pending */
        struct hash_job job;
        bool job_active;
        uint64_t stale;
        size_t sweep;
        char *hash_buffer;
        loop_id hash_timer;
        loop_id recheck_timer;
        bool limit_said;
};

/* fswatch_objects.c */
struct object *object_add(struct fswatch *watch, const char *path, const struct stat *st);
void object_set(struct object *object, const struct stat *st);
void object_set_stale(struct fswatch *watch, struct object *object, bool stale);
void object_remove(struct fswatch *watch, const char *path);
/* Removes all below a directory; their number. */
size_t objects_remove_below(struct fswatch *watch, const char *path);
/* Moves the object and all below it to another path. */
void objects_move(struct fswatch *watch, const char *from, const char *to);

/* baseline.c: the objects on disk, so that changes while nothing ran are found. Without a state directory it does
 * nothing. */
int baseline_open(struct fswatch *watch, struct error *err);
void baseline_close(struct fswatch *watch);
void baseline_put(struct fswatch *watch, const struct object *object);
void baseline_remove(struct fswatch *watch, const char *path);
void baseline_put_root(struct fswatch *watch, const char *configured);
void baseline_flush(struct fswatch *watch);
/* Forgets configured paths that are configured no more: should they come back, what is there then is taken as given. */
void baseline_keep_roots(struct fswatch *watch);

/* fswatch_look.c: compares and alerts */
bool fswatch_covers(const struct fswatch *watch, const char *path);
struct look {
        int pid;         /* who did it, 0 = not known */
        struct who *who; /* what that process was; NULL = not known for certain. The caller's */
        bool silent;     /* takes what is there as given */
        bool while_down; /* found by the scan at the start */
};
void fswatch_look(struct fswatch *watch, const char *path, struct look how);
void fswatch_renamed(struct fswatch *watch, const char *from, const char *to, struct look how);
void fswatch_lost_events(struct fswatch *watch);

/* fswatch_who.c: the process that made a change, as /proc told it at that moment */
struct who_container {
        char *engine, *id, *name, *image;
};

struct who {
        unsigned references;
        struct arena arena; /* of the texts */
        char *comm, *exe, *parent, *unit;
        int64_t uid, euid, login_uid, ppid;
        int64_t started_ns;
        struct who_container container;
        bool has_euid, has_login_uid, has_container;
};

enum { WHO_CONTAINER_FIELDS = 4 };
extern const struct field who_container_fields[WHO_CONTAINER_FIELDS];

struct who_reader *who_reader_new(struct error *err);
void who_reader_free(struct who_reader *reader);
/* The process of the pidfd, which had this pid: NULL when it is gone, or cannot be read. One reference is the caller's.
 */
struct who *who_read(struct who_reader *reader, pid_t pid, int pidfd, int64_t now_ns);
struct who *who_ref(struct who *who);
void who_unref(struct who *who);

/* fswatch_alert.c */
struct alert {
        const char *severity;
        char *text;
        const char *event;
        char *path;
        char *old_path;
        char *sha256;
        char *old_sha256;
        char *mode;
        uint64_t size;
        int64_t uid, gid, pid;
        uint64_t below, suppressed;
        int64_t time_ns;
        struct who who;
        bool has_object, has_who, while_down;
};
void alert_send(struct fswatch *watch, struct alert *alert, struct look how);
void alert_object(struct fswatch *watch, const char *severity, const char *event, const struct object *object,
        const uint8_t *old_sha256, struct look how, const char *format, ...) __attribute__((format(printf, 7, 8)));
void alert_path(struct fswatch *watch, const char *severity, const char *event, const char *path, struct look how,
        const char *format, ...) __attribute__((format(printf, 6, 7)));
/* "signature changed", at most once an object in the suppression time */
void alert_signature(struct fswatch *watch, struct object *object, const uint8_t *old, struct look how);

/* fswatch_hash.c */
void hash_later(struct fswatch *watch, const char *path, struct look how, bool is_new);
void hash_forget(struct fswatch *watch, const char *path);
bool hash_rename(struct fswatch *watch, const char *from, const char *to);
void hash_wake(struct fswatch *watch);
void hash_done(struct fswatch *watch);

/* fswatch_scan.c */
void scan_all(struct fswatch *watch);
void scan_directory(struct fswatch *watch, const char *path, bool recursive, bool silent, bool while_down);
void scan_done(struct fswatch *watch);
/* A path that was never looked at is taken as it is now: it is ready when that is over, so that whatever comes later is
 * told. */
void scan_before_ready(struct fswatch *watch);
int roots_resolve(struct fswatch *watch, struct error *err);
void roots_recheck_later(struct fswatch *watch);
bool roots_recursive(const struct fswatch *watch, const char *path);
void roots_lost(struct fswatch *watch, const char *path);

/* fswatch_notify.c, fswatch_fanotify.c, fswatch_inotify.c */
int notify_start(struct fswatch *watch, struct error *err);
/* Takes what the kernel has queued, within bounds. */
void notify_drain(struct fswatch *watch);
void notify_done(struct fswatch *watch);
int notify_add(struct fswatch *watch, const char *path, struct error *err);
void notify_drop(struct fswatch *watch, struct directory *directory);
/* The directory and all below it. */
void notify_drop_tree(struct fswatch *watch, const char *path);
int fanotify_start(struct fswatch *watch, struct error *err);
void fanotify_drain(struct fswatch *watch);
int fanotify_add(struct fswatch *watch, const char *path, char *ret_key, size_t *ret_size, struct error *err);
int inotify_add(struct directory *directory, struct error *err);
