#include "modules/watch/pipeline.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "linux/capability_names.h"
#include "modules/watch/source/observation_codec.h"

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

enum {
        SOURCE_FDS_MAX = 4,
        RAW_BYTES = 64 << 20, /* of address space; memory only while they wait */
        OBSERVATION_BYTES = 32 << 20,
        /* room kept free in the observation queue while a raw message is decoded: one may give several */
        OBSERVATION_MARGIN = 1 << 20,
        PUMP_ROUNDS = 64, /* before the loop gets its turn */
        APPLY_BATCH = 32, /* events between two looks whether the sink takes more */
        HEAL_TRIES = 10,  /* looks whether the source has events begun and not complete */
};

#define TICK_NS (100 * MILLISECOND)
#define BLOCKED_NS (2 * MILLISECOND)
#define HEAL_DELAY_NS (300 * MILLISECOND)
#define HEAL_AGAIN_NS (50 * MILLISECOND)

struct pipeline {
        struct pipeline_options options;
        struct loop *loop;
        const struct source_ops *ops;
        struct source *source;
        struct replay *replay;
        struct recorder *recorder;
        struct look *look;
        struct tree *tree;
        struct queue raw, observations;
        loop_id fd_ids[SOURCE_FDS_MAX];
        int fds;
        loop_id poll_id, tick_id, heal_id, reconcile_id;
        int64_t poll_ns;
        bool polling;  /* the fds are asleep and the timer looks at them instead */
        bool deferred; /* pump has asked for another turn */
        bool blocked;  /* the sink took no more when it was last asked */
        bool heal_due, seeding, finished, ended;
        int heal_tries;
        uint64_t raw_lost_told, observations_lost_told;
        struct pipeline_counters counters;
};

static void say(struct pipeline *pipeline, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct pipeline *pipeline, const char *format, ...)
{
        char text[1024];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (pipeline->options.log)
                pipeline->options.log(pipeline->options.cookie, text);
}

/* ---- stage 3: the tree and what it hands out ---- */

static void on_event(const struct event *event, void *cookie)
{
        struct pipeline *pipeline = cookie;
        struct event copy = *event;
        if (pipeline->seeding) /* what is there already has not just begun */
                return;
        pipeline->counters.events++;
        if (event->type == EVENT_GAP)
                pipeline->counters.gaps++;
        if (event->type == EVENT_CONTAINER && pipeline->look && event->object.operation &&
                strcmp(event->object.operation, "stop") == 0)
                look_forget_container(pipeline->look, event->process.container.id);
        pipeline->options.event(&copy, pipeline->options.cookie);
}

/* A recording begins with the first look at /proc, containers named in between; a repair's rows are synthetic. */
static bool is_of_first_look(const struct observation *observation)
{
        return observation->type == OBSERVED_CONTAINER ||
               (observation->type == OBSERVED_PROCESS && !observation->synthetic);
}

/* Behind look: everything is known that will be. */
static void apply(const struct observation *observation, void *cookie)
{
        struct pipeline *pipeline = cookie;
        pipeline->counters.observed++;
        if (pipeline->replay && pipeline->seeding && !is_of_first_look(observation))
                pipeline->seeding = false;
        if (pipeline->recorder)
                recorder_add(pipeline->recorder, observation);
        tree_apply(pipeline->tree, observation, on_event, pipeline);
        if (observation->type == OBSERVED_GAP && observation->lost && pipeline->look && !pipeline->heal_due) {
                pipeline->heal_due = true;
                pipeline->heal_tries = 0;
                loop_rearm_timer(pipeline->loop, pipeline->heal_id, HEAL_DELAY_NS);
        }
}

static void apply_one(struct pipeline *pipeline, const struct observation *observation)
{
        if (pipeline->look)
                look_complete(pipeline->look, observation, apply, pipeline);
        else
                apply(observation, pipeline);
}

static bool apply_queued(struct pipeline *pipeline)
{
        struct sv bytes;
        struct observation observation;
        struct error err;
        if (!queue_front(&pipeline->observations, &bytes))
                return false;
        if (observation_decode(bytes, &observation, &err) == 0)
                apply_one(pipeline, &observation);
        else
                say(pipeline, "an observation was dropped: %s", err.message);
        queue_pop(&pipeline->observations);
        return true;
}

/* True when the sink takes no more for now. */
static bool apply_all(struct pipeline *pipeline)
{
        const struct pipeline_options *options = &pipeline->options;
        while (pipeline->observations.counters.depth) {
                if (options->blocked && options->blocked(options->cookie))
                        return true;
                for (int i = 0; i < APPLY_BATCH && apply_queued(pipeline); i++)
                        ;
        }
        return false;
}

/* ---- stage 2 ---- */

static void enqueue(const struct observation *observation, void *cookie)
{
        struct pipeline *pipeline = cookie;
        char *room = queue_reserve(&pipeline->observations, observation_size_max(observation));
        if (room)
                queue_commit(&pipeline->observations, observation_encode(observation, room));
}

static bool has_room(const struct pipeline *pipeline)
{
        return pipeline->observations.used + 2 * (size_t)OBSERVATION_MARGIN < pipeline->observations.size;
}

static bool decode_queued(struct pipeline *pipeline, int64_t now_ns)
{
        struct sv raw;
        if (!has_room(pipeline) || !queue_front(&pipeline->raw, &raw))
                return false;
        pipeline->ops->decode(pipeline->source, raw, now_ns, enqueue, pipeline);
        queue_pop(&pipeline->raw);
        return true;
}

/* ---- stage 1, and the order of the three: what empties the kernel's buffers goes first ---- */

static bool run_stages(struct pipeline *pipeline, bool *ret_received)
{
        bool more = true;
        int rounds = 0;
        *ret_received = false;
        pipeline->blocked = false;
        while (more && !pipeline->blocked && rounds++ < PUMP_ROUNDS) {
                uint64_t before = pipeline->raw.counters.pushed + pipeline->raw.counters.lost;
                int64_t now_ns = time_unix_ns();
                bool kernel_has_more = pipeline->ops->receive(pipeline->source, &pipeline->raw);
                *ret_received |= pipeline->raw.counters.pushed + pipeline->raw.counters.lost != before;
                while (decode_queued(pipeline, now_ns))
                        ;
                pipeline->blocked = apply_all(pipeline);
                more = kernel_has_more || pipeline->raw.counters.depth || pipeline->observations.counters.depth;
        }
        return more && !pipeline->blocked;
}

static void on_deferred(struct loop *loop, void *cookie);

static bool pump(struct pipeline *pipeline)
{
        bool received;
        if (run_stages(pipeline, &received) && !pipeline->deferred)
                pipeline->deferred = loop_defer(pipeline->loop, on_deferred, pipeline) == 0;
        return received;
}

static void on_deferred(struct loop *loop, void *cookie)
{
        struct pipeline *pipeline = cookie;
        (void)loop;
        pipeline->deferred = false;
        if (!pipeline->finished)
                pump(pipeline);
}

static void listen_to_fds(struct pipeline *pipeline, bool on)
{
        struct error ignored;
        for (int i = 0; i < pipeline->fds; i++)
                loop_modify_fd(pipeline->loop, pipeline->fd_ids[i], on ? LOOP_READ : 0, &ignored);
}

static int64_t pause_of(const struct pipeline *pipeline)
{
        return pipeline->blocked || pipeline->poll_ns == 0 ? BLOCKED_NS : pipeline->poll_ns;
}

/* While events come, a timer looks instead of a wake-up for each message: many are taken at once. */
static void on_readable(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct pipeline *pipeline = cookie;
        (void)id;
        (void)events;
        pump(pipeline);
        if (!pipeline->polling && (pipeline->poll_ns || pipeline->blocked)) {
                pipeline->polling = true;
                listen_to_fds(pipeline, false);
                loop_rearm_timer(loop, pipeline->poll_id, pause_of(pipeline));
        }
}

static void on_poll(struct loop *loop, loop_id id, void *cookie)
{
        struct pipeline *pipeline = cookie;
        if (pump(pipeline) || pipeline->blocked) {
                loop_rearm_timer(loop, id, pause_of(pipeline));
                return;
        }
        loop_rearm_timer_at(loop, id, LOOP_NEVER); /* keeps it, asleep */
        pipeline->polling = false;
        listen_to_fds(pipeline, true);
}

/* ---- losses and their repair ---- */

static void tell_lost(struct pipeline *pipeline, const struct queue *queue, uint64_t *told, const char *unit,
        const char *reason, int64_t now_ns)
{
        struct observation gap;
        uint64_t lost = queue->counters.lost - *told;
        if (lost == 0)
                return;
        *told = queue->counters.lost;
        observation_init(&gap, OBSERVED_GAP, pipeline->ops->kind);
        gap.time_ns = now_ns;
        gap.lost = lost;
        gap.unit = unit;
        gap.reason = reason;
        apply(&gap, pipeline);
}

static void on_tick(struct loop *loop, loop_id id, void *cookie)
{
        struct pipeline *pipeline = cookie;
        int64_t now_ns = time_unix_ns();
        (void)loop;
        (void)id;
        if (pipeline->raw.counters.depth == 0) /* else the source has not heard all there is: its time stands still */
                pipeline->ops->tick(pipeline->source, now_ns, enqueue, pipeline);
        apply_all(pipeline);
        tell_lost(pipeline, &pipeline->raw, &pipeline->raw_lost_told, "messages", "raw queue", now_ns);
        tell_lost(pipeline, &pipeline->observations, &pipeline->observations_lost_told, "observations",
                "observation queue", now_ns);
        tree_advance(pipeline->tree, now_ns, on_event, pipeline);
}

/* What is found in /proc and not in the tree was really lost only when nothing waits in the stages, and little in the
 * source: on a busy host there is always something. */
static bool has_drained(struct pipeline *pipeline, bool source_too)
{
        bool received;
        struct source_counters source;
        bool more = run_stages(pipeline, &received);
        if (more || pipeline->blocked || pipeline->raw.counters.depth || pipeline->observations.counters.depth)
                return false;
        pipeline->ops->count(pipeline->source, &source);
        return !source_too || source.in_flight == 0;
}

static void repair(struct pipeline *pipeline, bool after_loss)
{
        struct error err;
        uint64_t repaired = 0;
        if (look_repair(pipeline->look, pipeline->tree, time_unix_ns(), apply, pipeline, &repaired, &err) < 0) {
                say(pipeline, "the tree was not compared with /proc: %s", err.message);
                return;
        }
        pipeline->counters.repaired += repaired;
        if (!after_loss)
                return;
        struct observation healed;
        observation_init(&healed, OBSERVED_GAP, pipeline->ops->kind);
        healed.time_ns = time_unix_ns();
        healed.has = HAS_RESULT;
        healed.result = (int64_t)repaired;
        healed.unit = "processes";
        healed.reason = "repair";
        apply(&healed, pipeline);
}

static void on_heal(struct loop *loop, loop_id id, void *cookie)
{
        struct pipeline *pipeline = cookie;
        if (!has_drained(pipeline, pipeline->heal_tries++ < HEAL_TRIES)) {
                loop_rearm_timer(loop, id, HEAL_AGAIN_NS);
                return;
        }
        loop_rearm_timer_at(loop, id, LOOP_NEVER);
        pipeline->heal_due = false;
        repair(pipeline, true);
}

static void on_reconcile(struct loop *loop, loop_id id, void *cookie)
{
        struct pipeline *pipeline = cookie;
        (void)loop;
        (void)id;
        if (has_drained(pipeline, false))
                repair(pipeline, false);
}

/* ---- replay ---- */

static void end_of_replay(struct pipeline *pipeline, const struct error *err)
{
        if (pipeline->ended)
                return;
        pipeline->ended = true;
        tree_advance(pipeline->tree, INT64_MAX, on_event, pipeline);
        if (pipeline->options.ended)
                pipeline->options.ended(err, pipeline->options.cookie);
}

static void replay_some(struct loop *loop, void *cookie)
{
        struct pipeline *pipeline = cookie;
        struct error err;
        int status;
        if (pipeline->finished)
                return;
        bool more = replay_step(pipeline->replay, enqueue, pipeline, &status, &err);
        while (apply_queued(pipeline))
                ;
        if (!more)
                end_of_replay(pipeline, status < 0 ? &err : NULL);
        else if (loop_defer(loop, replay_some, pipeline) < 0) {
                fail(&err, E_NO_MEMORY, "the loop takes no more calls");
                end_of_replay(pipeline, &err);
        }
}

/* ---- begin and end ---- */

static uint32_t boot_number(int root)
{
        char text[64] = "";
        char digits[9];
        cleanup(fd_close) int fd = openat(root, "proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, text, sizeof(text) - 1) < 8)
                return 0;
        memcpy(digits, text, 8);
        digits[8] = '\0';
        return (uint32_t)strtoul(digits, NULL, 16);
}

static int open_source(struct pipeline *pipeline, struct error *err)
{
        struct error first = { 0 };
        for (const struct source_ops *const *ops = pipeline->options.sources; *ops; ops++) {
                if ((*ops)->open(&pipeline->options.source, &pipeline->source, err) == 0) {
                        pipeline->ops = *ops;
                        return 0;
                }
                if (ops[1])
                        say(pipeline, "source %s cannot be used: %s; trying %s", (*ops)->name, err->message,
                                ops[1]->name);
                if (first.code == E_NONE)
                        first = *err;
        }
        if (pipeline->options.sources[0] && pipeline->options.sources[1])
                return fail(err, first.code, "no source of events can be used; the first: %s", first.message);
        return -1;
}

static int listen_to_source(struct pipeline *pipeline, struct error *err)
{
        int fds[SOURCE_FDS_MAX];
        struct loop *loop = pipeline->loop;
        const enum source_kind kind = pipeline->ops->kind;
        /* what has to be read from /proc is soon gone; what the kernel told whole can wait */
        pipeline->poll_ns = kind == SOURCE_BPF ? 10 * MILLISECOND : kind == SOURCE_AUDIT ? 10 * MILLISECOND : 0;
        int count = pipeline->ops->fds(pipeline->source, fds, SOURCE_FDS_MAX);
        for (int i = 0; i < count; i++) {
                if (loop_add_fd(loop, fds[i], LOOP_READ, LOOP_LEVEL, on_readable, pipeline, &pipeline->fd_ids[i], err) <
                        0)
                        return -1;
                pipeline->fds++;
        }
        int64_t reconcile_ns = pipeline->options.reconcile_ns;
        if (loop_add_timer_at(loop, LOOP_NEVER, 0, on_poll, pipeline, &pipeline->poll_id, err) < 0 ||
                loop_add_timer_at(loop, LOOP_NEVER, 0, on_heal, pipeline, &pipeline->heal_id, err) < 0 ||
                loop_add_timer(loop, TICK_NS, TICK_NS, on_tick, pipeline, &pipeline->tick_id, err) < 0)
                return -1;
        return reconcile_ns ? loop_add_timer(loop, reconcile_ns, reconcile_ns, on_reconcile, pipeline,
                                      &pipeline->reconcile_id, err)
                            : 0;
}

/* The source listens before /proc is read: what happens meanwhile comes twice rather than not at all. */
static int start_live(struct pipeline *pipeline, struct error *err)
{
        struct look_options look = { .root = pipeline->options.root, .fork_start = pipeline->options.fork_start };
        struct tree_options *tree = &pipeline->options.tree;
        if (queue_init(&pipeline->raw, pipeline->options.raw_bytes ? pipeline->options.raw_bytes : RAW_BYTES, err) <
                        0 ||
                open_source(pipeline, err) < 0)
                return -1;
        pipeline->options.source.log = NULL;
        tree->boot = boot_number(pipeline->options.root);
        tree->boot_time_ns = time_boot_unix_ns();
        int last = capability_last(pipeline->options.root);
        tree->capabilities = last < 0 ? 0 : UINT64_MAX >> (63 - last);
        if (!(pipeline->look = look_new(&look, err)) || !(pipeline->tree = tree_new(tree, err)))
                return -1;
        if (pipeline->options.record) {
                pipeline->recorder = recorder_open(pipeline->options.record, pipeline->ops->name, err);
                if (!pipeline->recorder)
                        return -1;
        }
        pipeline->seeding = true;
        int status = look_all(pipeline->look, time_unix_ns(), apply, pipeline, err);
        pipeline->seeding = false;
        if (status < 0)
                return -1;
        return listen_to_source(pipeline, err);
}

static int start_replay(struct pipeline *pipeline, struct error *err)
{
        if (!(pipeline->replay = replay_open(pipeline->options.replay, err)) ||
                !(pipeline->tree = tree_new(&pipeline->options.tree, err)))
                return -1;
        pipeline->seeding = true;
        return loop_defer(pipeline->loop, replay_some, pipeline) < 0 ? fail(err, E_NO_MEMORY, "no memory for a replay")
                                                                     : 0;
}

struct pipeline *pipeline_new(struct loop *loop, const struct pipeline_options *options, struct error *err)
{
        struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
        if (!pipeline)
                return fail_null(err, E_NO_MEMORY, "no memory for the pipeline");
        pipeline->options = *options;
        pipeline->loop = loop;
        size_t bytes = options->observation_bytes ? options->observation_bytes : OBSERVATION_BYTES;
        if (queue_init(&pipeline->observations, bytes, err) < 0 ||
                (options->replay ? start_replay(pipeline, err) : start_live(pipeline, err)) < 0) {
                pipeline_free(pipeline);
                return NULL;
        }
        return pipeline;
}

void pipeline_finish(struct pipeline *pipeline)
{
        if (!pipeline || pipeline->finished)
                return;
        if (pipeline->source) {
                bool received;
                struct loop *loop = pipeline->loop;
                pipeline->options.blocked = NULL; /* what is left may wait for the sink */
                for (int round = 0; round < PUMP_ROUNDS && run_stages(pipeline, &received); round++)
                        ;
                pipeline->ops->tick(pipeline->source, INT64_MAX, enqueue, pipeline);
                while (apply_queued(pipeline))
                        ;
                on_tick(loop, 0, pipeline);
                for (int i = 0; i < pipeline->fds; i++)
                        loop_remove(loop, pipeline->fd_ids[i]);
                loop_remove(loop, pipeline->poll_id);
                loop_remove(loop, pipeline->tick_id);
                loop_remove(loop, pipeline->heal_id);
                if (pipeline->reconcile_id)
                        loop_remove(loop, pipeline->reconcile_id);
                pipeline->fds = 0;
        }
        pipeline->finished = true;
}

void pipeline_free(struct pipeline *pipeline)
{
        struct error err;
        if (!pipeline)
                return;
        if (pipeline->source)
                pipeline->ops->close(pipeline->source);
        replay_close(pipeline->replay);
        if (recorder_close(pipeline->recorder, &err) < 0)
                say(pipeline, "the recording is incomplete: %s", err.message);
        look_free(pipeline->look);
        tree_free(pipeline->tree);
        queue_done(&pipeline->raw);
        queue_done(&pipeline->observations);
        free(pipeline);
}

void pipeline_count(const struct pipeline *pipeline, struct pipeline_counters *ret)
{
        *ret = pipeline->counters;
        if (pipeline->source) {
                pipeline->ops->count(pipeline->source, &ret->source);
        } else if (pipeline->replay) {
                replay_count(pipeline->replay, &ret->source);
        }
        ret->raw = pipeline->raw.counters;
        ret->observations = pipeline->observations.counters;
        tree_count(pipeline->tree, &ret->tree);
        if (pipeline->look)
                look_count(pipeline->look, &ret->look);
}

struct tree *pipeline_tree(struct pipeline *pipeline)
{
        return pipeline->tree;
}

const char *pipeline_source(const struct pipeline *pipeline)
{
        return pipeline->ops ? pipeline->ops->name : "replay";
}
