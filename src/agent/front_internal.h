/* Shared by front.c (streams and sockets), front_request.c (what is asked) and front_saved.c (saved runs). */
#pragma once

#include "agent/front.h"
#include "agent/listen.h"
#include "agent/runs.h"
#include "module/agent_wire.h"
#include "module/link.h"

struct json_writer;

enum front_stream_kind {
        FRONT_STREAM_NEW,
        FRONT_STREAM_BODY, /* `run`: its parameters are to come */
        FRONT_STREAM_DATA, /* text, or a file, goes out */
        FRONT_STREAM_RUN,  /* a run's frames go out */
};

struct front_stream {
        struct front *front;
        uint16_t id;
        enum front_stream_kind kind;
        int64_t credit; /* may fall below zero by one frame */
        int attached;   /* the client's connection, until it was judged */
        int fd;         /* what is sent from, or -1 */
        uint64_t offset;
        struct buf input; /* read from fd or made here, not yet sent */
        char run[RUN_ID_MAX];
        json_t *parameters; /* of `run`, until the body is there */
        struct caller caller;
};

struct front {
        struct agent *agent;
        struct link *link;
        char accepted[LISTEN_TEXT_MAX]; /* api: path its local clients come through; "" = a client of agent.sock */
        bool stranger;                  /* a local user without a role */
        VEC(struct front_stream *) streams;
};

/* Each may end the stream. */
void front_request(struct front_stream *stream, struct sv text);
void front_body(struct front_stream *stream, struct sv body);
void front_pump(struct front_stream *stream);

void front_answer(
        struct front_stream *stream, const char *class, void (*put)(struct json_writer *, void *), void *cookie);
void front_refuse(struct front_stream *stream, struct error *err);
void front_end_stream(struct front_stream *stream);

/* A text of the request's parameters, or NULL. */
const char *front_text(const struct front_stream *stream, const char *key);
/* "ok", then what stands in stream->input; status < 0: -1 at once. */
int front_send_text(struct front_stream *stream, int status, struct error *err);
/* "run", then its frames when they are wanted. */
void front_started(struct front_stream *stream, char *run, bool follow);
const char *front_door(const struct front_stream *stream); /* "http" or "socket" */

/* Saved runs (front_saved.c). */
int front_saved(struct front_stream *stream, struct error *err);
int front_save(struct front_stream *stream, struct error *err);
int front_forget(struct front_stream *stream, struct error *err);
int front_run_saved(struct front_stream *stream, struct error *err);
