/* talk: what the files of the module share. */
#pragma once

#include "module/run.h"
#include "modules/net/addresses.h"
#include "modules/net/tls.h"

enum { TALK_ADDRESSES_MAX = 16, TALK_TARGET_MAX = 8192, TALK_BYTES_MAX = 1 << 20 /* as JSON it must fit a row */ };

enum talk_kind { TALK_TCP, TALK_UDP, TALK_HTTP, TALK_QOTD };
extern const char *const talk_kinds[];

struct talk_params {
        char *target;
        int kind;
        char *send, *hex, *path;
        int64_t timeout_ns, wait_ns;
        uint64_t bytes;
        int family;
        bool tls, insecure;
        char *server_name, *ca, *certificate, *key;
        struct string_list alpn;
};

/* The parameters, joined: an address of the web says how to talk, to whom and what to get. */
struct talk_plan {
        enum talk_kind kind;
        bool tls;
        char host[HOST_NAME_MAX_BYTES];
        uint16_t port;
        const char *path;
        size_t path_size;
        char name[HOST_NAME_MAX_BYTES]; /* that the certificate must be for */
};

/* Fails on parameters that do not go together. */
int talk_plan_make(const struct talk_params *params, struct talk_plan *ret, struct error *err);

/* The request of the kind, then what the user gave. */
int talk_write_request(
        const struct talk_params *params, const struct talk_plan *plan, struct buf *out, struct error *err);

int talk_validate(const void *params, struct error *err);

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

enum talk_client_certificate { CLIENT_CERTIFICATE_NOT_ASKED, CLIENT_CERTIFICATE_MISSING, CLIENT_CERTIFICATE_GIVEN };

/* What came of TLS. */
struct talk_secured {
        char *version, *cipher, *alpn, *server_name;
        bool verified;
        char *reason;       /* why it is not verified */
        double handshake;   /* ms */
        bool has_handshake; /* it was finished */
        int client_certificate;
        LIST(struct tls_certificate) chain;
        uint64_t chain_left_out;
        int64_t days_left;
        bool has_days_left;
};

struct talk_tls_options {
        const char *server_name; /* asked for and checked; an address is only checked */
        const char *ca;          /* NULL: the system's */
        const char *certificate, *key;
        char *const *alpn;
        size_t alpn_count;
        bool insecure;
};

struct talk_tls;

struct talker {
        struct run *run;
        struct talk_tls *tls; /* NULL: in the clear */
        struct talk_attempt attempts[TALK_ADDRESSES_MAX];
        size_t count;
        int64_t timeout_ns; /* for one address */
        int64_t wait_ns;    /* for more, once connected */
        uint64_t max_bytes;
        struct buf out, in;
        size_t sent;
        bool failed;       /* TLS broke: what came is not all, or not right */
        const char *ended; /* why it is over: "closed", "silence", "limit", "stopped", or words of an error */
};

/* Connects to the first address that takes the connection: each further one is tried when the one before failed, or
 * after TALK_STAGGER (RFC 8305). The attempt, NULL when none did (their rows say why) or the run was stopped. */
struct talk_attempt *talk_connect(struct talker *talker, struct error *err);

/* Loads what TLS needs, the files of the options included: they are not opened later. */
int talk_tls_prepare(
        struct talker *talker, const struct talk_tls_options *options, struct talk_secured *ret, struct error *err);

/* Shakes hands; true when the connection is secured (and verified, unless the options are insecure). Else
 * talker->ended says why, or that the run was stopped. -1 when the wait failed. */
int talk_tls_handshake(struct talker *talker, struct talk_attempt *attempt, bool *ret_secured, struct error *err);

/* As send(2) and recv(2) without waiting; 0 from recv is the peer's close_notify. -1 with errno EAGAIN, or with errno 0
 * and talker->ended set. */
ssize_t talk_tls_send(struct talker *talker, const void *bytes, size_t size);
ssize_t talk_tls_recv(struct talker *talker, void *bytes, size_t size);

/* Says close_notify, if the connection still takes it, and frees. */
void talk_tls_close(struct talker *talker);

/* Sends what is in out and takes what comes into in, until the end, silence or the limit. */
int talk_exchange(struct talker *talker, struct talk_attempt *attempt, struct error *err);

/* Sends one datagram to each address in turn until one answers; takes its datagrams. NULL when none did. */
struct talk_attempt *talk_exchange_datagrams(struct talker *talker, struct error *err);

void talk_close(struct talker *talker);
