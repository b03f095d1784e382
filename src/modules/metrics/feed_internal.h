/* What the files of the feed share; nobody else includes it but tests. */
#pragma once

#include "modules/metrics/feed_rows.h"

#include "base/buf.h"

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

struct feed_look {
        int64_t looked_ns; /* monotonic */
        int64_t span_ns;   /* since the look before */
        uint64_t count;
};

struct feed {
        struct feed_source source;
        uint64_t look;
        int64_t now_ns, unix_ns, boot_unix_ns, freshness_ns; /* of the look */
        struct feed_look looks[FEED_PARTS];
        struct feed_host host;
        uint64_t host_changed;
        struct feed_host_past host_past;
        struct feed_sums sums;
        struct feed_table containers, processes, networks, disks, filesystems;
        struct feed_graves graves;
        struct buf text; /* a file of the kernel */
};

/* The whole file into feed->text, "" when it cannot be read. */
struct sv feed_read(struct feed *feed, int dir, const char *path);

/* feed_host.c */
void feed_host_look(struct feed *feed, int64_t span_ns);
void feed_host_done(struct feed *feed);
