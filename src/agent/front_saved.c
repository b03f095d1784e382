/* Saved runs: listed, saved, removed and run. Who saves one must have the role of its module, since the scheduler will
 * run it in their name (saved_rights.h); who replaces or removes one that of its module before, too. */
#include "agent/front_internal.h"
#include "agent/saved_rights.h"
#include "agent/schedule.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "schema/json.h"
#include "schema/json_writer.h"

/* Without secrets; of a module that is not there nobody knows which parameters are. */
static void write_one(struct agent *agent, const struct saved *saved, struct json_writer *writer)
{
        struct error ignored;
        struct saved shown = *saved;
        struct error why;
        bool by_clock = saved->run.every_ns || saved->run.cron;
        if (by_clock && saved_check_rights(agent, saved, &why) < 0)
                shown.suspended = why.message;
        const struct catalog_entry *entry = catalog_find(agent->catalog, saved->run.module, &ignored);
        if (!entry)
                shown.run.parameters = NULL;
        saved_write(&shown, entry ? entry->module->params : NULL, writer);
}

static int ask_name(const struct front_stream *stream, const char **ret_name, struct error *err)
{
        *ret_name = front_text(stream, "name");
        return *ret_name ? saved_check_name(*ret_name, err) : fail(err, E_INVALID, "name: required");
}

static int find(const struct front_stream *stream, const struct saved **ret, struct error *err)
{
        const char *name;
        if (ask_name(stream, &name, err) < 0)
                return -1;
        *ret = saved_find(stream->front->agent->saved, name);
        return *ret ? 0 : fail(err, E_NOT_FOUND, "there is no saved run %s", name);
}

int front_saved(struct front_stream *stream, struct error *err)
{
        struct agent *agent = stream->front->agent;
        const struct saved *one = NULL;
        struct json_writer writer;
        if (front_text(stream, "name") && find(stream, &one, err) < 0)
                return -1;
        json_writer_init(&writer, &stream->input, 0);
        json_begin_array(&writer);
        for (size_t i = 0; i < (one ? 1 : saved_count(agent->saved)); i++)
                write_one(agent, one ? one : saved_at(agent->saved, i), &writer);
        json_end_array(&writer);
        return front_send_text(stream, 0, err);
}

/* A module that is not there any more needs the role of nobody in particular. */
static int may_change(const struct front_stream *stream, const struct saved *saved, struct error *err)
{
        struct error ignored;
        const struct catalog_entry *entry =
                saved ? catalog_find(stream->front->agent->catalog, saved->run.module, &ignored) : NULL;
        return entry ? authority_check_module(&stream->caller, entry->module, err) : 0;
}

static int check_entry(const struct front_stream *stream, const char *name, const json_t *entry, struct error *err)
{
        struct agent *agent = stream->front->agent;
        struct error why;
        if (record_check(&saved_request_record, entry, READ_STRICT, err) < 0)
                return -1;
        if (schedule_of_config(agent, name))
                return fail(err, E_EXISTS, "name: the configuration has a schedule named %s", name);
        const char *module_name = json_string_value(json_object_get(entry, "module"));
        const struct catalog_entry *module = catalog_find(agent->catalog, module_name, err);
        if (!module || authority_check_module(&stream->caller, module->module, err) < 0)
                return -1;
        if (strcmp(module->module->name, "api") == 0)
                return fail(err, E_INVALID, "module: api is not run by a schedule");
        if (record_check(module->module->params, json_object_get(entry, "parameters"), READ_STRICT, &why) < 0)
                return fail(err, E_INVALID, "parameters.%s", why.message);
        return may_change(stream, saved_find(agent->saved, name), err);
}

struct saved_answer {
        const char *name;
        bool created;
};

static void put_saved(struct json_writer *writer, void *cookie)
{
        const struct saved_answer *answer = cookie;
        json_field(writer, "name", json_put_text, answer->name);
        json_field(writer, "created", json_put_bool, answer->created);
}

/* What is saved is on disk by now; a schedule that cannot take it is said, not undone. */
static void reschedule(struct agent *agent)
{
        struct error err;
        if (schedule_reload(agent, &err) < 0)
                log_error("schedule: %s", err.message);
}

int front_save(struct front_stream *stream, struct error *err)
{
        struct agent *agent = stream->front->agent;
        struct saved_answer answer;
        const json_t *entry = json_object_get(stream->parameters, "entry");
        if (ask_name(stream, &answer.name, err) < 0 || check_entry(stream, answer.name, entry, err) < 0 ||
                saved_put(agent->saved, answer.name, entry, stream->caller.identity, time_unix_ns(), &answer.created,
                        err) < 0)
                return -1;
        log_info("saved run %s: %s by %s", answer.name, answer.created ? "made" : "changed", stream->caller.identity);
        reschedule(agent);
        front_answer(stream, "ok", put_saved, &answer);
        front_end_stream(stream);
        return 0;
}

int front_forget(struct front_stream *stream, struct error *err)
{
        struct agent *agent = stream->front->agent;
        const struct saved *saved;
        const char *name = front_text(stream, "name");
        if (find(stream, &saved, err) < 0 || may_change(stream, saved, err) < 0 ||
                saved_remove(agent->saved, name, err) < 0)
                return -1;
        log_info("saved run %s: removed by %s", name, stream->caller.identity);
        reschedule(agent);
        front_answer(stream, "ok", NULL, NULL);
        front_end_stream(stream);
        return 0;
}

int front_run_saved(struct front_stream *stream, struct error *err)
{
        struct agent *agent = stream->front->agent;
        const struct saved *saved;
        char run[RUN_ID_MAX];
        if (find(stream, &saved, err) < 0)
                return -1;
        const struct catalog_entry *entry = catalog_find(agent->catalog, saved->run.module, err);
        if (!entry || authority_check_module(&stream->caller, entry->module, err) < 0)
                return -1;
        cleanup(free) char *parameters =
                json_is_object(saved->run.parameters) ? json_dumps(saved->run.parameters, JSON_COMPACT) : NULL;
        struct run_request request = { .entry = entry,
                .caller = &stream->caller,
                .door = front_door(stream),
                .parameters = sv_of(parameters ? parameters : "{}"),
                .privacy = saved->run.privacy,
                .budget = { .wall_ns = saved->run.max_time_ns } };
        if (runs_start(agent, &request, run, err) < 0)
                return -1;
        front_started(stream, run, json_is_true(json_object_get(stream->parameters, "follow")));
        return 0;
}
