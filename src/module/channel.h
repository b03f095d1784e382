/* The worker's end of the frame socket: what run.c, service.c and program.c share. Not for modules. */
#pragma once

#include "base/buf.h"
#include "module/budget.h"
#include "module/run.h"
#include "module/wire.h"

struct run_channel {
        int fd;
        uint16_t stream;
        struct buf out; /* frames not yet sent */
        struct buf *in; /* bytes that came and were not yet taken; shared by all streams of the socket */
        bool gone;      /* the parent closed its end */
        bool stop;      /* a stop message came */
        bool rows;      /* at least one was sent */
        bool found;
        bool found_set;
        bool success_set;
        bool success;
        uint64_t errors;
        uint64_t skipped;
        int stop_event,
                stop_poll;    /* run_stop_fd: an eventfd set by a stop, an epoll over it and the socket; 0: unused */
        int64_t last_look_ns; /* when the socket was last looked at */
        int64_t last_send_ns;

        struct budget budget;
        int64_t cpu_started_ns;
        uint64_t io_bytes;
        void *statistics;
        char *statistics_json;
        char partial[64];
        struct buf verdict; /* room for the last frame's text */
};

/* Sends what is queued; blocks until the parent takes it. -1 when the parent is gone. */
int channel_flush(struct run_channel *channel, struct error *err);

/* Takes what has come without waiting: looks for a stop message. */
void channel_look(struct run_channel *channel);

/* Begins a run on the channel, and ends it: statistics, error and DONE. result and err as the module's run returned
 * them. */
void run_begin(struct run *run, struct run_channel *channel);
void run_end(struct run *run, int result, const struct error *err);
