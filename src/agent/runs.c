#include "agent/runs.h"

#include "agent/front.h"
#include "agent/persist.h"
#include "agent/run_record.h"
#include "agent/supervise.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "module/execution.h"
#include "module/program.h"
#include "schema/json.h"
#include "schema/json_writer.h"

#include <errno.h>
#include <malloc.h>
#include <sys/random.h>

enum { WRITE_SIZE = 32 << 10, MESSAGE_EXTRA = 4096, RUNS_TABLE_MAX = 12000, RUNS_STUCK_MAX = 32 };

struct run_entry {
        struct agent *agent;
        struct run_request request; /* caller and parameters are not valid after the start */
        char id[RUN_ID_MAX];
        char identity[128];
        char *message; /* until it is started */
        size_t message_size;
        struct execution *execution;
        struct persist *module; /* a query of it */
        struct persist_query query;
        struct result *result; /* of the query; an execution has its own */
        loop_id deadline_id;
        int file;
        uint64_t file_size;
        struct buf pending; /* frames not yet in the file */
        size_t errors_seen; /* FRAME_ERRORs in the file */
        bool flush_due;
        bool full; /* the file is at its limit */
        bool started;
        bool over;
        char *done; /* the worker's own last frame */
        size_t done_size;
        int64_t started_ns;
        char stop[64];
};

const char *run_id(const struct run_entry *run)
{
        return run->id;
}

/* One that is over stays in the table for the rest of the turn: whoever has seen its end already may ask for its
 * result. */
static struct run_entry *find(const struct agent *agent, const char *id)
{
        for (size_t i = 0; i < agent->runs.count; i++)
                if (strcmp(agent->runs.items[i]->id, id) == 0)
                        return agent->runs.items[i]->over ? NULL : agent->runs.items[i];
        return NULL;
}

bool runs_live(const struct agent *agent, const char *run)
{
        return find(agent, run) != NULL;
}

static size_t count_runs(const struct agent *agent, bool started)
{
        size_t count = 0;
        for (size_t i = 0; i < agent->runs.count; i++)
                count += agent->runs.items[i]->started == started && !agent->runs.items[i]->over;
        return count;
}

size_t runs_running(const struct agent *agent)
{
        return count_runs(agent, true);
}

size_t runs_queued(const struct agent *agent)
{
        return count_runs(agent, false);
}

/* ---- the file of the result ---- */

static void write_pending(struct run_entry *run)
{
        struct error err;
        if (run->pending.len && write_all(run->file, run->pending.data, run->pending.len, &err) < 0 && !run->full) {
                run->full = true; /* the disk is; the run goes on, its result is partial */
                log_error("result of run %s: %s", run->id, err.message);
        }
        buf_clear(&run->pending);
}

void runs_flush(struct agent *agent, const char *id)
{
        struct run_entry *run = find(agent, id);
        if (run)
                write_pending(run);
}

static void flush_later(struct loop *loop, void *cookie)
{
        struct agent *agent = cookie;
        (void)loop;
        for (size_t i = 0; i < agent->runs.count; i++) {
                struct run_entry *run = agent->runs.items[i];
                if (!run->flush_due)
                        continue;
                run->flush_due = false;
                write_pending(run);
                front_run_moved(agent, run->id);
        }
}

static void keep_frame(struct run_entry *run, const struct frame_header *header, struct sv payload)
{
        struct agent *agent = run->agent;
        if (header->type == FRAME_DONE) {
                free(run->done);
                run->done = malloc(payload.n + 1);
                run->done_size = run->done ? payload.n : 0;
                if (run->done)
                        memcpy(run->done, payload.p, payload.n);
                return; /* nobody sees the end before the log has it */
        }
        run->file_size += payload.n + sizeof(*header);
        if (run->file_size > agent->config->limits.result_size)
                run->full = true;
        if (run->full && header->type == FRAME_ROW)
                return;
        run->errors_seen += header->type == FRAME_ERROR;
        frame_append(&run->pending, (enum frame_type)header->type, 0, payload);
        if (run->pending.len >= WRITE_SIZE)
                write_pending(run);
        if (!run->flush_due && loop_defer(agent->loop, flush_later, agent) == 0)
                run->flush_due = true;
}

/* What the agent has to say about the run, behind what the worker said. */
static void close_file(struct run_entry *run, struct result *result)
{
        struct buf done;
        run->pending.max += 1 << 20;
        for (size_t i = run->errors_seen; i < result_error_count(result); i++)
                frame_append(&run->pending, FRAME_ERROR, 0, sv_of(result_error(result, i)));
        if (run->full && !result_partial(result))
                result_set_partial(result, "result limit");
        buf_init(&done, 64 << 10);
        bool own = !result_done(result) || run->full || run->stop[0] || !run->done;
        if (own)
                run_record_done(result, &done);
        else
                buf_append(&done, run->done, run->done_size);
        frame_append(&run->pending, FRAME_DONE, 0, sv_n(buf_text(&done), done.len));
        buf_done(&done);
}

/* ---- the end ---- */

static void free_run(struct run_entry *run)
{
        struct agent *agent = run->agent;
        for (size_t i = 0; i < agent->runs.count; i++) {
                if (agent->runs.items[i] == run) {
                        memmove(&agent->runs.items[i], &agent->runs.items[i + 1],
                                (agent->runs.count - i - 1) * sizeof(agent->runs.items[0]));
                        agent->runs.count--;
                        break;
                }
        }
        if (run->deadline_id)
                loop_remove(agent->loop, run->deadline_id);
        if (run->module)
                persist_forget(run->module, &run->query);
        execution_free(run->execution);
        result_free(run->result);
        fd_close(&run->file);
        buf_done(&run->pending);
        free(run->message);
        free(run->done);
        free(run);
}

static void finish_later(struct loop *loop, void *cookie)
{
        struct run_entry *run = cookie;
        struct agent *agent = run->agent;
        char id[RUN_ID_MAX];
        (void)loop;
        struct run_request request = run->request;
        snprintf(id, sizeof(id), "%s", run->id);
        free_run(run);
        front_run_moved(agent, id);
        if (request.on_end)
                request.on_end(agent, request.cookie);
        if (agent->counters.runs_completed % 32 == 0)
                results_prune(agent);
        if (agent->runs.count == 0)
                malloc_trim(0);
        runs_start_waiting(agent);
        if (agent->stopping)
                agent_advance(agent);
}

/* The result is complete: file first, then the log, then whoever follows. */
static void finish(struct run_entry *run, struct result *result)
{
        struct agent *agent = run->agent;
        struct error err;
        if (run->over)
                return;
        run->over = true;
        if (run->module) /* a reload may free it before this run is */
                persist_forget(run->module, &run->query);
        run->module = NULL;
        close_file(run, result);
        struct run_summary summary = { .result = result, .ended_by = run->stop[0] ? run->stop : NULL };
        if (run->execution) {
                summary.cpu_ns = execution_cpu_ns(run->execution);
                summary.peak = execution_peak(run->execution);
        }
        summary.took_ns = loop_now_ns(agent->loop) - run->started_ns;
        write_pending(run);
        if (run->file >= 0 && fdatasync(run->file) < 0)
                log_error("result of run %s: %s", run->id, errno_text(errno));
        summary.size = run->file_size;
        if (run_record_completed(agent, run->id, run->request.entry->module->name, run->identity, run->request.door,
                    &summary, &err) < 0) {
                agent->counters.log_failures++;
                log_error("run log: %s", err.message);
        }
        agent->counters.runs_completed++;
        if (!result_success(result))
                agent->counters.runs_failed++;
        /* the execution is in its own callback: it is freed after it */
        if (loop_defer(agent->loop, finish_later, run) < 0)
                log_error("run %s: no room to end it", run->id);
}

static void fail_run(struct run_entry *run, const struct error *why)
{
        struct error err;
        struct result *result = run->result;
        if (!result)
                result = result_new(run->request.entry->module->shape, 1 << 20, &err);
        if (!result)
                return;
        result_fail(result, why);
        bool ours = result != run->result;
        finish(run, result);
        if (ours)
                result_free(result);
}

static void on_execution_frame(
        struct execution *execution, const struct frame_header *header, struct sv payload, void *cookie)
{
        (void)execution;
        keep_frame(cookie, header, payload);
}

static void on_execution_done(struct execution *execution, void *cookie)
{
        struct run_entry *run = cookie;
        run->execution = execution;
        if (execution_stuck(execution))
                log_warning("run %s of %s: its worker, process %d, was killed and does not end: it is in "
                            "uninterruptible sleep (state D); it is left behind",
                        run->id, run->request.entry->module->name, (int)execution_pid(execution));
        finish(run, execution_result(execution));
}

static void on_query_frame(void *cookie, const struct frame_header *header, struct sv payload)
{
        struct run_entry *run = cookie;
        struct error err;
        if (result_add_frame(run->result, header, payload, &err) < 0) {
                persist_forget(run->module, &run->query);
                fail_run(run, &err);
                return;
        }
        keep_frame(run, header, payload);
        if (header->type == FRAME_DONE)
                finish(run, run->result);
}

static void on_query_gone(void *cookie, const char *reason)
{
        struct run_entry *run = cookie;
        struct error why;
        fail(&why, E_UNAVAILABLE, "module %s went away: %s", run->request.entry->module->name, reason);
        result_set_partial(run->result, "module went away");
        fail_run(run, &why);
}

static void stop_query(struct run_entry *run, enum error_code code, const char *why)
{
        struct error err;
        if (run->over)
                return;
        snprintf(run->stop, sizeof(run->stop), "%s", why);
        persist_forget(run->module, &run->query);
        fail(&err, code, "%s; the module's answer was not waited for", why);
        result_set_partial(run->result, why);
        fail_run(run, &err);
}

static void on_query_deadline(struct loop *loop, loop_id id, void *cookie)
{
        struct run_entry *run = cookie;
        (void)loop;
        (void)id;
        run->deadline_id = 0;
        stop_query(run, E_TIMEOUT, "out of time");
}

static int start_query(struct run_entry *run, struct error *err)
{
        struct agent *agent = run->agent;
        const struct module *module = run->request.entry->module;
        struct persist *persist = supervise_find(agent, module->asks ? module->asks : module->name);
        if (!persist)
                return fail(err, E_UNAVAILABLE, "module %s is not enabled in the configuration", module->name);
        run->result = result_new(module->shape, module_result_size(module), err);
        if (!run->result)
                return -1;
        run->query = (struct persist_query){ .on_frame = on_query_frame, .on_gone = on_query_gone, .cookie = run };
        if (persist_ask(persist, &run->query, module->name, sv_n(run->message, run->message_size), err) < 0)
                return -1;
        run->module = persist;
        int64_t wall = run->request.budget.wall_ns ? run->request.budget.wall_ns : module_wall_ns(module);
        return loop_add_timer(agent->loop, wall, 0, on_query_deadline, run, &run->deadline_id, err);
}

/* Where api listens for users of this host; NULL where it does not. */
static const char *api_socket(struct agent *agent)
{
        struct persist *api = supervise_find(agent, "api");
        const struct listener *listeners = api ? persist_module(api)->listeners : NULL;
        for (size_t i = 0; listeners && listeners[i].name; i++)
                if (strcmp(listeners[i].name, "socket") == 0)
                        return persist_listens(api, i);
        return NULL;
}

static int start_execution(struct run_entry *run, struct error *err)
{
        char state[AGENT_PATH_MAX];
        supervise_lost_workers(run->agent);
        if (run->agent->workers_lost >= RUNS_STUCK_MAX)
                return fail(err, E_UNAVAILABLE,
                        "%zu workers were killed and have not ended: they are in uninterruptible sleep; no more are "
                        "started",
                        run->agent->workers_lost);
        snprintf(state, sizeof(state), "%.3900s/modules", run->agent->state);
        struct execution_options options = { .entry = run->request.entry,
                .message = sv_n(run->message, run->message_size),
                .budget = run->request.budget,
                .privacy = run->request.privacy,
                .strict = true,
                .modules_state = state,
                .api_socket = api_socket(run->agent),
                .on_frame = on_execution_frame,
                .on_done = on_execution_done,
                .cookie = run };
        run->execution = execution_start(run->agent->loop, &options, err);
        return run->execution ? 0 : -1;
}

static void start_run(struct run_entry *run)
{
        struct error err;
        run->started = true;
        run->started_ns = loop_now_ns(run->agent->loop);
        run->agent->counters.runs_started++;
        const struct module *module = run->request.entry->module;
        bool query = module->persistent || (module->asks && supervise_find(run->agent, module->asks));
        int status = query ? start_query(run, &err) : start_execution(run, &err);
        free(run->message);
        run->message = NULL;
        if (status < 0)
                fail_run(run, &err);
}

void runs_start_waiting(struct agent *agent)
{
        size_t running = runs_running(agent);
        for (size_t i = 0; i < agent->runs.count && running < (size_t)agent->config->limits.runs && !agent->stopping;
                i++) {
                struct run_entry *run = agent->runs.items[i];
                if (run->started || run->over)
                        continue;
                start_run(run);
                running++;
        }
}

/* ---- the beginning ---- */

/* Time first, so that names of files sort by age; then what nobody can guess. */
static int make_id(char *ret, struct error *err)
{
        uint32_t random;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return fail_errno(err, "getrandom");
        snprintf(ret, RUN_ID_MAX, "%012llx%08x", (unsigned long long)(time_unix_ns() / MILLISECOND), random);
        return 0;
}

static int make_message(struct run_entry *run, struct sv parameters, struct error *err)
{
        struct sv text = sv_trim(parameters);
        if (text.n == 0)
                text = SV("{}");
        /* else what stands in there could add members of its own to the message */
        if (text.n > JSON_MESSAGE_MAX || !json_valid(text))
                return fail(err, E_INVALID, "the parameters are not JSON");
        const struct module *module = run->request.entry->module;
        struct json_writer writer;
        struct buf message;
        buf_init(&message, JSON_MESSAGE_MAX + MESSAGE_EXTRA);
        json_writer_init(&writer, &message, 0);
        json_begin_object(&writer);
        json_field(&writer, "class", json_put_text, "parameters");
        json_field(&writer, "parameters", json_put_raw, text);
        if (module->persistent || module->asks) /* of no concern to a worker, which may be a foreign program */
                json_field(&writer, "identity", json_put_text, run->identity);
        json_end_object(&writer);
        run->message = message.failed ? NULL : message.data;
        run->message_size = message.len;
        if (run->message)
                return 0;
        buf_done(&message);
        return fail(err, E_NO_MEMORY, "no memory for the parameters");
}

static int64_t least(int64_t asked, int64_t ceiling)
{
        return ceiling && (!asked || asked > ceiling) ? ceiling : asked;
}

static struct budget merge_budget(const struct budget *asked, const struct config_limits *limits)
{
        struct budget budget = { .cpu_share = asked->cpu_share };
        if (limits->max_cpu > 0 && (budget.cpu_share <= 0 || budget.cpu_share > limits->max_cpu))
                budget.cpu_share = limits->max_cpu;
        budget.io_rate = (uint64_t)least((int64_t)asked->io_rate, (int64_t)limits->max_io);
        budget.memory = (uint64_t)least((int64_t)asked->memory, (int64_t)limits->max_memory);
        budget.wall_ns = least(asked->wall_ns, limits->max_time_ns);
        return budget;
}

int runs_start(struct agent *agent, const struct run_request *request, char *ret_run, struct error *err)
{
        if (agent->stopping)
                return fail(err, E_UNAVAILABLE, "the agent is stopping");
        if (runs_queued(agent) >= (size_t)agent->config->limits.queue) {
                agent->counters.runs_refused++;
                return fail(err, E_UNAVAILABLE, "%lld runs wait already", (long long)agent->config->limits.queue);
        }
        struct run_entry *run = calloc(1, sizeof(*run));
        if (!run)
                return fail(err, E_NO_MEMORY, "no memory for a run");
        run->agent = agent;
        run->request = *request;
        run->request.budget = merge_budget(&request->budget, &agent->config->limits);
        run->request.privacy = request->privacy || agent->config->privacy;
        run->file = -1;
        buf_init(&run->pending, FRAME_LENGTH_MAX + (1 << 20));
        snprintf(run->identity, sizeof(run->identity), "%s", request->caller->identity);
        struct run_entry **slot = NULL;
        if (make_message(run, request->parameters, err) < 0 || make_id(run->id, err) < 0)
                goto failed;
        run->file = results_create(agent, run->id, request->entry->module, err);
        if (run->file < 0)
                goto failed;
        if (run_record_intent(agent, run->id, request, &run->request, err) < 0) {
                agent->counters.log_failures++;
                goto failed;
        }
        slot = vec_add(&agent->runs, RUNS_TABLE_MAX);
        if (!slot) {
                fail(err, E_NO_MEMORY, "no memory for a run");
                goto failed;
        }
        *slot = run;
        run->request.parameters = (struct sv){ 0 };
        run->request.caller = NULL;
        snprintf(ret_run, RUN_ID_MAX, "%s", run->id);
        runs_start_waiting(agent);
        return 0;
failed:
        free_run(run);
        return -1;
}

static void cancel(struct run_entry *run, const char *why)
{
        struct error err;
        if (run->over || run->stop[0])
                return;
        if (run->module) {
                stop_query(run, E_STOPPED, why);
        } else if (run->execution) {
                snprintf(run->stop, sizeof(run->stop), "%s", why);
                execution_stop(run->execution, why);
        } else {
                snprintf(run->stop, sizeof(run->stop), "%s", why);
                fail(&err, E_STOPPED, "%s before it began", why);
                fail_run(run, &err);
        }
}

int runs_cancel(struct agent *agent, const char *id, const char *why, struct error *err)
{
        struct run_entry *run = find(agent, id);
        if (!run)
                return fail(err, E_NOT_FOUND, "run %.32s is not running", id);
        cancel(run, why);
        return 0;
}

bool runs_cancel_queued(struct agent *agent, const char *id, const char *why)
{
        struct run_entry *run = find(agent, id);
        if (!run || run->started)
                return false;
        cancel(run, why);
        return true;
}

void runs_cancel_all(struct agent *agent, const char *why)
{
        for (size_t i = agent->runs.count; i-- > 0;)
                cancel(agent->runs.items[i], why);
}

void runs_free(struct agent *agent)
{
        while (agent->runs.count)
                free_run(agent->runs.items[agent->runs.count - 1]);
        vec_done(&agent->runs);
}
