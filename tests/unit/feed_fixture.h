/* The feed on the kernel's files in a tree that stands in for them, and a face that keeps rows by their key. */
#pragma once

#include "linux_fixture.h"

#include "modules/metrics/feed_internal.h"
#include "schema/json_writer.h"
#include "schema/write.h"

#include <math.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct error err;

/* ---- a face: keeps rows by their key, as the page and the terminal do ---- */

struct face {
        struct map rows; /* JSON by key */
        struct feed_reader reader;
        size_t told[FEED_KINDS]; /* in the newest picture */
        struct feed_tick tick;
        bool all, gone_late;
};

static inline void face_init(struct face *face, unsigned parts, bool full)
{
        *face = (struct face){ .reader = { .parts = parts, .full = full } };
        map_init(&face->rows, 1 << 20);
}

static inline void face_clear(struct face *face)
{
        map_foreach (entry, &face->rows)
                free(entry->value);
        map_done(&face->rows);
        map_init(&face->rows, 1 << 20);
}

static inline void face_drop(struct face *face, const char *key)
{
        free(map_remove(&face->rows, sv_of(key)));
}

static inline void key_of(enum feed_kind kind, const void *record, char *ret, size_t size)
{
        const char *name = kind == FEED_CONTAINER    ? ((const struct feed_container *)record)->name
                           : kind == FEED_NETWORK    ? ((const struct feed_network *)record)->name
                           : kind == FEED_DISK       ? ((const struct feed_disk *)record)->name
                           : kind == FEED_FILESYSTEM ? ((const struct feed_filesystem *)record)->mountpoint
                                                     : "";
        const struct feed_process *process = record;
        if (kind == FEED_PROCESS)
                snprintf(ret, size, "process %lld %lld", (long long)process->pid, (long long)process->start_ns);
        else
                snprintf(ret, size, "%s %s", feed_kind_names[kind], name);
}

static inline void drop_names(struct face *face, const char *kind, const struct string_list *names)
{
        char key[400];
        for (size_t i = 0; i < names->count; i++) {
                snprintf(key, sizeof(key), "%s %s", kind, names->items[i]);
                face_drop(face, key);
        }
}

static inline void drop_gone(struct face *face, const struct feed_gone *gone)
{
        char key[100];
        if (gone->all) {
                face->all = true;
                face_clear(face);
        }
        drop_names(face, "container", &gone->containers);
        drop_names(face, "network", &gone->networks);
        drop_names(face, "disk", &gone->disks);
        drop_names(face, "filesystem", &gone->filesystems);
        for (size_t i = 0; i < gone->processes.count; i++) {
                const struct feed_key *process = &gone->processes.items[i];
                snprintf(key, sizeof(key), "process %lld %lld", (long long)process->pid, (long long)process->start_ns);
                face_drop(face, key);
        }
}

static inline int take(enum feed_kind kind, const void *record, void *cookie)
{
        struct face *face = cookie;
        struct json_writer writer;
        char key[400];
        face->told[kind]++;
        if (kind == FEED_TICK) {
                face->tick = *(const struct feed_tick *)record;
                return 0;
        }
        if (kind == FEED_GONE) {
                for (size_t i = 0; i < FEED_KINDS; i++)
                        face->gone_late = face->gone_late || (i != FEED_GONE && face->told[i]);
                drop_gone(face, record);
                return 0;
        }
        struct buf text;
        buf_init(&text, 1 << 16);
        json_writer_init(&writer, &text, 0);
        record_write(&writer, feed_records[kind], record, 0);
        key_of(kind, record, key, sizeof(key));
        face_drop(face, key);
        assert_int_equal(map_put(&face->rows, sv_of(key), strdup(buf_text(&text))), 0);
        buf_done(&text);
        return 0;
}

static inline void face_look(struct face *face, struct feed *feed)
{
        memset(face->told, 0, sizeof(face->told));
        face->all = face->gone_late = false;
        assert_int_equal(feed_tell(feed, &face->reader, take, face), 0);
        assert_int_equal(face->told[FEED_TICK], 1);
        assert_false(face->gone_late);
}

static inline const char *face_row(const struct face *face, const char *key)
{
        return map_get(&face->rows, sv_of(key));
}

static inline void assert_same(const struct face *a, const struct face *b)
{
        assert_int_equal(a->rows.count, b->rows.count);
        map_foreach (entry, &a->rows)
                assert_string_equal(entry->value, map_get(&b->rows, sv_n(entry->key, entry->key_length)));
}

static inline void face_done(struct face *face)
{
        face_clear(face);
        map_done(&face->rows);
}

/* ---- the kernel's files ---- */

struct host {
        struct fixture fixture;
        struct feed_source source;
        struct feed *feed;
        int64_t now_ns;
};

static const int64_t AGE_NS = 1000 * SECOND; /* of the machine */

static inline int open_below(const struct fixture *fixture, const char *path)
{
        char full[512];
        fixture_parent(fixture, path, full, sizeof(full));
        mkdir(full, 0755);
        int fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

static inline void host_make(struct host *host)
{
        fixture_make(&host->fixture);
        fixture_text(&host->fixture, "etc/passwd", "root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n");
        host->source = (struct feed_source){ .root = host->fixture.root,
                .proc = open_below(&host->fixture, "proc"),
                .sys = open_below(&host->fixture, "sys"),
                .boot_unix_ns = time_unix_ns() - AGE_NS };
        host->feed = feed_new(&host->source, &err);
        assert_non_null(host->feed);
        host->now_ns = 5000 * SECOND;
}

static inline void host_remove(struct host *host)
{
        feed_free(host->feed);
        fd_close(&host->source.proc);
        fd_close(&host->source.sys);
        fixture_remove(&host->fixture);
}

static inline void collect(struct host *host, unsigned parts)
{
        host->now_ns += SECOND;
        feed_collect(host->feed, parts, host->now_ns, SECOND / 2);
}

struct made { /* a process */
        int pid;
        uint64_t start_seconds; /* after the boot */
        char state;             /* 0: S */
        const char *comm;
        uint64_t ticks, pages, majflt;
        unsigned flags, arg_start;
};

static inline void put_process(struct host *host, const struct made *made)
{
        char path[64], text[600];
        const uint64_t hertz = (uint64_t)sysconf(_SC_CLK_TCK);
        snprintf(path, sizeof(path), "proc/%d/stat", made->pid);
        snprintf(text, sizeof(text),
                "%d (%s) %c 1 1 1 0 -1 %u 0 0 %llu 0 %llu 0 0 0 20 0 1 0 %llu 8192 %llu 18446744073709551615 100 200 0 "
                "0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 %u 0 0 0 0\n",
                made->pid, made->comm, made->state ? made->state : 'S', made->flags, (unsigned long long)made->majflt,
                (unsigned long long)made->ticks, (unsigned long long)(made->start_seconds * hertz),
                (unsigned long long)made->pages, made->arg_start);
        fixture_text(&host->fixture, path, text);
}

static inline void put_file(struct host *host, int pid, const char *name, const char *text)
{
        char path[64];
        snprintf(path, sizeof(path), "proc/%d/%s", pid, name);
        fixture_text(&host->fixture, path, text);
}

static inline void put_io(struct host *host, int pid, unsigned read, unsigned written)
{
        char text[200];
        snprintf(text, sizeof(text),
                "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: %u\nwrite_bytes: %u\ncancelled_write_bytes: 0\n",
                read, written);
        put_file(host, pid, "io", text);
}

static inline void end_process(struct host *host, int pid)
{
        static const char *const files[] = { "stat", "io", "status", "cmdline", "cgroup" };
        char path[128];
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                snprintf(path, sizeof(path), "%s/proc/%d/%s", host->fixture.path, pid, files[i]);
                unlink(path);
        }
        snprintf(path, sizeof(path), "%s/proc/%d", host->fixture.path, pid);
        rmdir(path);
}

static inline void remove_file(const struct host *host, int pid, const char *name)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/proc/%d/%s", host->fixture.path, pid, name);
        assert_int_equal(unlink(path), 0);
}

static inline const struct feed_process *process_of(const struct host *host, int pid)
{
        map_foreach (entry, &host->feed->processes.rows) {
                const struct feed_process_row *row = entry->value;
                if (row->record.pid == pid)
                        return &row->record;
        }
        return NULL;
}

enum { PROCESSES = 1 << FEED_PART_PROCESSES };
