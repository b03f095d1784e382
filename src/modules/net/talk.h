/* talk: what the files of the module share. */
#pragma once

#include "module/run.h"
#include "modules/net/addresses.h"

enum { TALK_ADDRESSES_MAX = 16, TALK_BYTES_MAX = 1 << 20 /* as JSON it must fit a row */ };

enum talk_state { TALK_UNTRIED, TALK_TRIED, TALK_FAILED, TALK_CONNECTED };

/* One address that the name has. */
struct talk_address {
        char *address;
        int state; /* enum talk_state */
        char *failure;
        double latency; /* ms until the connection stood; UDP: until the first answer */
};

struct talk_attempt {
        struct address address;
        struct talk_address *row;
        int fd;
        int64_t started_ns;
        bool over;
};

struct talker {
        struct run *run;
        struct talk_attempt attempts[TALK_ADDRESSES_MAX];
        size_t count;
        int64_t timeout_ns; /* for one address */
        int64_t wait_ns;    /* for more, once connected */
        uint64_t max_bytes;
        struct buf out, in;
        size_t sent;
        const char *ended; /* why it is over: "closed", "silence", "limit", "stopped" */
};

/* Connects to the first address that takes the connection: each further one is tried when the one before failed, or
 * after TALK_STAGGER (RFC 8305). The attempt, NULL when none did (their rows say why) or the run was stopped. */
struct talk_attempt *talk_connect(struct talker *talker, struct error *err);

/* Sends what is in out and takes what comes into in, until the end, silence or the limit. */
int talk_exchange(struct talker *talker, struct talk_attempt *attempt, struct error *err);

/* Sends one datagram to each address in turn until one answers; takes its datagrams. NULL when none did. */
struct talk_attempt *talk_exchange_datagrams(struct talker *talker, struct error *err);

void talk_close(struct talker *talker);
