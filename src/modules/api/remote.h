/* The parts of tarsier-remote: remote.c makes frames of events, remote_http.c fetches them. */
#pragma once

#include "module/run.h"
#include "sse.h"

enum { REMOTE_BODY_MAX = 64 << 10, REMOTE_ANSWER_MAX = 8 << 20, REMOTE_CONNECT_S = 10 };

struct remote {
        struct run *run;
        const char *url;
        const char *token; /* NULL = none */
        struct sv message; /* the request's body: of POST /v1/runs, or of the fetch */

        /* A fetch: any path of the agent instead of a run. Each event of an answer that streams, or else the answer,
         * comes as a row {"event":NAME,"data":JSON}; the name of an answer is "answer". */
        bool fetch;
        const char *method, *path;

        struct sse events;
        struct buf body; /* of an answer that is no event stream */
        char id[64];     /* of the run, "" until it is known */
        char *error;     /* the last soft error, not yet passed on */
        bool finished;   /* the verdict came */
        enum error_code code;
        struct error why; /* what went wrong on the way */
        bool streaming;
        bool answered; /* the status was 2xx */
        bool looked;   /* at the answer's header fields */
        void *easy;    /* CURL of the request */
};

/* Before the sandbox: libcurl, and whether the URL can be one. */
int remote_init(const char *url, struct error *err);

/* Asks, and feeds remote_event until the verdict, the end of the stream or a stop. Without a verdict `why` says what
 * happened. */
void remote_exchange(struct remote *remote);

int remote_event(const char *event, struct sv text, void *cookie);

/* Of a fetch: an event of the stream; the whole answer is in remote->body. */
int remote_fetched(const char *event, struct sv text, void *cookie);
/* Of a fetch: the stream stands, what happens from now on comes. -1: as remote_fetched. */
int remote_stream_opened(struct remote *remote);
void remote_answered(struct remote *remote);
