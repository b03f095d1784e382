/* dispatch: takes the alerts of the other modules and hands them on: HTTP, syslog, journal, file. What it took is on
 * disk first. */
#include "dispatch.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "module/descriptor.h"
#include "schema/json.h"
#include "schema/json_writer.h"

#include <sys/utsname.h>

static const char *const types[] = { "http", "syslog", "journal", "file", NULL };
static const char *const formats[] = { "event", "mozdef", NULL };
static const char *const severity_names[] = { "low", "medium", "high", "critical", NULL };
static const char *const policies[] = { "oldest", "newest", NULL };
static const struct output_operations *const operations[] = { &http_operations, &syslog_operations, &journal_operations,
        &file_operations };

static const struct field output_config_fields[] = {
        FIELD_STRING(struct output_config, name, .max_length = 63,
                .help = "what it is called in logs and counters, and how it finds its place again after a restart; the "
                        "type if left out"),
        FIELD_ENUM(struct output_config, type, types, .required = true, .help = "where the events go"),
        FIELD_ENUM(struct output_config, format, formats, .def = "event",
                .help = "mozdef: the fields that MozDef expects"),
        FIELD_ENUM(
                struct output_config, severity, severity_names, .def = "low", .help = "the least severe event to send"),
        FIELD_STRING(struct output_config, url, .max_length = 4096, .help = "http: address to POST to, http or https"),
        FIELD_STRING_MAP(struct output_config, headers, .secret = true, .max_items = 32, .max_length = 8192,
                .help = "http: further headers, an authorization for example"),
        FIELD_PATH(
                struct output_config, ca, .help = "http: file with the certificates to trust instead of the system's"),
        FIELD_DURATION(struct output_config, timeout_ns, .json = "timeout", .def = "30s", .min = 100 * MILLISECOND,
                .max = HOUR, .help = "http: for one event, the connection included"),
        FIELD_STRING(struct output_config, address, .max_length = 255,
                .help = "syslog: socket path (/dev/log if left out), udp://ADDRESS:PORT or tcp://ADDRESS:PORT; "
                        "journal: "
                        "its socket"),
        FIELD_PATH(struct output_config, path, .help = "file: where the lines go"),
        FIELD_SIZE(struct output_config, max_size, .def = "16m", .min = 1024, .max = INT64_C(1) << 40,
                .help = "file: size at which it is renamed to PATH.1"),
        FIELD_INT(struct output_config, keep, .def = "4", .min = 0, .max = 100, .help = "file: renamed files to keep"),
};

static const struct field config_fields[] = {
        FIELD_RECORDS(struct dispatch_config, outputs, struct output_config, output_config_fields,
                .max_items = OUTPUTS_MAX, .help = "where the events go"),
        FIELD_STRING_MAP(
                struct dispatch_config, tags, .max_items = 64, .max_length = 1024, .help = "sent with each event"),
        FIELD_STRING(struct dispatch_config, environment, .max_length = 255,
                .help = "name of the environment, sent with each event"),
        FIELD_SIZE(struct dispatch_config, spool_size, .def = "64m", .min = 64 << 10, .max = INT64_C(1) << 40,
                .help = "bytes of events to keep while they cannot be sent"),
        FIELD_SIZE(struct dispatch_config, segment_size, .def = "1m", .min = 4096, .max = 1 << 30,
                .help = "bytes of one file of the spool; at most a quarter of the whole"),
        FIELD_DURATION(struct dispatch_config, spool_age_ns, .json = "spool_age", .def = "7d", .min = SECOND,
                .max = 3650 * DAY, .help = "age at which an event is given up"),
        FIELD_ENUM(struct dispatch_config, policy, policies, .def = "oldest",
                .help = "what is dropped when the spool is full: the oldest events, or the newest"),
        FIELD_INT(struct dispatch_config, rate, .def = "0", .min = 0, .max = 1000000,
                .help = "most events a second, 0 = no limit; the rest is dropped and counted"),
        FIELD_INT(struct dispatch_config, burst, .def = "1000", .min = 1, .max = 10000000,
                .help = "events that may come at once before the rate holds"),
        FIELD_DURATION(struct dispatch_config, retry_min_ns, .json = "retry_min", .def = "1s", .min = MILLISECOND,
                .max = DAY, .help = "wait after a first failure; doubled after each further one"),
        FIELD_DURATION(struct dispatch_config, retry_max_ns, .json = "retry_max", .def = "5m", .min = MILLISECOND,
                .max = DAY, .help = "longest wait between two attempts"),
};

enum { CURSORS_REWRITE = 256 << 10 };

struct output_state {
        char *name;
        int type;
        uint64_t waiting;
        struct output_counters counters;
        char *last_error;
};

struct dispatch_element {
        bool ok;
        uint64_t accepted;
        uint64_t duplicates;
        uint64_t spooled;
        uint64_t segments;
        bool in_memory;
        uint64_t refused;
        uint64_t rate_limited;
        uint64_t expired;
        uint64_t write_errors;
        LIST(struct output_state) outputs;
};

static const struct field output_state_fields[] = {
        FIELD_STRING(struct output_state, name, .help = "of the output"),
        FIELD_ENUM(struct output_state, type, types, .help = "where the events go"),
        FIELD_UINT(struct output_state, waiting, .help = "events not yet looked at"),
#define X(name_, help_) FIELD_UINT(struct output_state, counters.name_, .json = #name_, .help = help_),
        OUTPUT_COUNTERS(X)
#undef X
                FIELD_STRING(struct output_state, last_error, .help = "what failed last", .omit_empty = true,
                        .private_ = true),
};

static const struct field element_fields[] = {
        FIELD_BOOL(struct dispatch_element, ok, .help = "it works"),
        FIELD_UINT(struct dispatch_element, accepted, .help = "events taken"),
        FIELD_UINT(struct dispatch_element, duplicates, .help = "events that the agent handed over once more"),
        FIELD_UINT(struct dispatch_element, spooled, .help = "bytes of the spool"),
        FIELD_UINT(struct dispatch_element, segments, .help = "files of the spool"),
        FIELD_BOOL(
                struct dispatch_element, in_memory, .help = "the disk is full: new events would not survive a crash"),
        FIELD_UINT(struct dispatch_element, refused, .help = "events dropped because there was no room"),
        FIELD_UINT(struct dispatch_element, rate_limited, .help = "events dropped by the rate limit"),
        FIELD_UINT(struct dispatch_element, expired, .help = "events given up for their age"),
        FIELD_UINT(struct dispatch_element, write_errors, .help = "failures to write the spool"),
        FIELD_RECORDS(struct dispatch_element, outputs, struct output_state, output_state_fields, .help = "by output"),
};

static int dispatch_query(struct run *run, struct error *err)
{
        const struct dispatch *dispatch = run->service->state;
        struct output_state states[OUTPUTS_MAX];
        struct dispatch_element element = {
                .ok = true,
                .accepted = dispatch->accepted,
                .duplicates = dispatch->duplicates,
                .spooled = dispatch->spool.bytes,
                .segments = dispatch->spool.segments.count,
                .in_memory = dispatch->spool.memory_segments > 0,
                .refused = dispatch->refused,
                .rate_limited = dispatch->rate_limited,
                .expired = dispatch->expired,
                .write_errors = dispatch->spool.write_errors,
                .outputs = { states, dispatch->outputs_count },
        };
        for (size_t i = 0; i < dispatch->outputs_count; i++) {
                const struct output *output = &dispatch->outputs[i];
                states[i] = (struct output_state){ output->config->name, output->config->type,
                        dispatch->spool.next - output->position.next, output->counters, (char *)output->last_error };
        }
        return run_emit(run, NULL, &element, err);
}

/* ---- what is lost ---- */

static void on_warning(struct loop *loop, loop_id id, void *cookie)
{
        struct dispatch *dispatch = cookie;
        (void)loop;
        (void)id;
        dispatch->warning = 0;
        if (dispatch->dropped_unsaid)
                dispatch_dropped(dispatch, 0);
}

void dispatch_dropped(struct dispatch *dispatch, uint64_t count)
{
        dispatch->dropped_unsaid += count;
        if (dispatch->warning || !dispatch->dropped_unsaid)
                return;
        service_log(dispatch->service, "warning: events were dropped (buffer full, %llu dropped since last warning)",
                (unsigned long long)dispatch->dropped_unsaid);
        dispatch->dropped_unsaid = 0;
        loop_add_timer(dispatch->service->loop, WARNING_S * SECOND, 0, on_warning, dispatch, &dispatch->warning, NULL);
}

static uint64_t least_next(const struct dispatch *dispatch)
{
        uint64_t least = dispatch->spool.next;
        for (size_t i = 0; i < dispatch->outputs_count; i++)
                if (dispatch->outputs[i].position.next < least)
                        least = dispatch->outputs[i].position.next;
        return least;
}

static int save_all_cursors(struct dispatch *dispatch, struct error *err)
{
        cursor_vec cursors = { 0 };
        int status = 0;
        for (size_t i = 0; i < dispatch->outputs_count && status == 0; i++) {
                __typeof__(cursors.items) cursor = vec_add(&cursors, OUTPUTS_MAX);
                if (!cursor)
                        status = fail(err, E_NO_MEMORY, "no memory for the cursors");
                else
                        snprintf(cursor->name, sizeof(cursor->name), "%s", dispatch->outputs[i].config->name);
                if (cursor)
                        cursor->next = dispatch->outputs[i].position.next;
        }
        if (status == 0)
                status = spool_write_cursors(&dispatch->spool, &cursors, err);
        vec_done(&cursors);
        return status;
}

void dispatch_trim(struct dispatch *dispatch)
{
        struct spool *spool = &dispatch->spool;
        uint64_t done = least_next(dispatch);
        /* the file that is written to stays, unless it is memory: the disk may have room again */
        while (spool->segments.count && spool->segments.items[0].next <= done &&
                (spool->segments.count > 1 || spool->segments.items[0].memory))
                spool_drop_oldest(spool);
        if (spool->cursors_size > CURSORS_REWRITE)
                save_all_cursors(dispatch, NULL); /* a failure leaves the longer file */
}

/* Gives the oldest segment up; how many events some output had not sent. */
static uint64_t give_up_oldest(struct dispatch *dispatch)
{
        const struct spool_segment *oldest = &dispatch->spool.segments.items[0];
        uint64_t from = least_next(dispatch);
        if (from < oldest->first)
                from = oldest->first;
        uint64_t lost = oldest->next > from ? oldest->next - from : 0;
        spool_drop_oldest(&dispatch->spool);
        return lost;
}

static void on_age(struct loop *loop, loop_id id, void *cookie)
{
        struct dispatch *dispatch = cookie;
        const struct spool *spool = &dispatch->spool;
        int64_t limit = time_unix_ns() - dispatch->config->spool_age_ns;
        uint64_t lost = 0;
        (void)loop;
        (void)id;
        while (spool->segments.count && spool->segments.items[0].newest_ns < limit)
                lost += give_up_oldest(dispatch);
        dispatch->expired += lost;
        dispatch_dropped(dispatch, lost);
}

/* ---- what comes in ---- */

static bool take_token(struct dispatch *dispatch)
{
        const struct dispatch_config *config = dispatch->config;
        int64_t now = loop_now_ns(dispatch->service->loop);
        if (!config->rate)
                return true;
        dispatch->tokens += (double)(now - dispatch->tokens_ns) / (double)SECOND * config->rate;
        dispatch->tokens_ns = now;
        if (dispatch->tokens > config->burst)
                dispatch->tokens = config->burst;
        if (dispatch->tokens < 1)
                return false;
        dispatch->tokens -= 1;
        return true;
}

static bool make_room(struct dispatch *dispatch, size_t size)
{
        const struct dispatch_config *config = dispatch->config;
        const struct spool *spool = &dispatch->spool;
        dispatch_trim(dispatch);
        while (spool->bytes + size > config->spool_size && spool->segments.count) {
                if (config->policy == POLICY_NEWEST && least_next(dispatch) < spool->next)
                        return false;
                uint64_t lost = give_up_oldest(dispatch);
                dispatch->refused += lost;
                dispatch_dropped(dispatch, lost);
        }
        return true;
}

/* On disk before anybody is told, the agent or an output; one for all that came together. */
static void sync_and_answer(struct dispatch *dispatch)
{
        spool_sync(&dispatch->spool);
        if (!dispatch->unanswered.number)
                return;
        service_alert_taken(dispatch->service, &dispatch->unanswered);
        dispatch->unanswered.number = 0;
}

static void on_kick(struct loop *loop, void *cookie)
{
        struct dispatch *dispatch = cookie;
        (void)loop;
        dispatch->kicking = false;
        sync_and_answer(dispatch);
        for (size_t i = 0; i < dispatch->outputs_count; i++)
                output_kick(&dispatch->outputs[i]);
}

static void kick(struct dispatch *dispatch)
{
        if (!dispatch->kicking)
                dispatch->kicking = loop_defer(dispatch->service->loop, on_kick, dispatch) == 0;
}

static void take_event(struct dispatch *dispatch, const struct alert_id *id, struct sv json)
{
        const struct dispatch_config *config = dispatch->config;
        struct error err = { 0 };
        uint64_t segment_size =
                config->segment_size < config->spool_size / 4 ? config->segment_size : config->spool_size / 4;
        if (!take_token(dispatch)) {
                dispatch->rate_limited++;
                dispatch_dropped(dispatch, 1);
        } else if (!make_room(dispatch, json.n) || spool_append(&dispatch->spool, id, json, segment_size, &err) < 0) {
                if (err.code != E_NONE && !dispatch->warning) /* as seldom as the warning that follows */
                        service_log(dispatch->service, "warning: an event was not kept: %s", err.message);
                dispatch->refused++;
                dispatch_dropped(dispatch, 1);
        } else {
                dispatch->accepted++;
        }
}

/* The agent hands over once more what it has no acknowledgement for: it may have come just before the last process of
 * ours died. */
static bool is_known(const struct dispatch *dispatch, const struct alert_id *id)
{
        const struct alert_id *last = &dispatch->spool.last;
        return id->number && id->sender == last->sender && id->number <= last->number;
}

/* An alert is one JSON value, kept on one line; what is none goes out as text. */
static void take_alert(struct dispatch *dispatch, const struct alert_id *id, struct sv json)
{
        struct buf quoted;
        struct json_writer writer;
        if (json_valid(json)) {
                cleanup(json_decref) json_t *value =
                        sv_find(json, '\n') < json.n ? json_parse(json, false, NULL) : NULL;
                cleanup(free) char *line = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
                take_event(dispatch, id, line ? sv_of(line) : sv_trim(json));
                return;
        }
        buf_init(&quoted, EVENT_TEXT_MAX);
        json_writer_init(&writer, &quoted, 0);
        json_put_string(&writer, json);
        if (quoted.failed)
                dispatch_dropped(dispatch, 1);
        else
                take_event(dispatch, id, sv_n(buf_text(&quoted), quoted.len));
        buf_done(&quoted);
}

static void dispatch_alert(struct service *service, const struct handed_alert *alert)
{
        const struct alert_id *id = &alert->id;
        struct dispatch *dispatch = service->state;
        if (dispatch->stopped) /* it waits in the agent for the next process */
                return;
        if (is_known(dispatch, id))
                dispatch->duplicates++;
        else
                take_alert(dispatch, id, alert->json);
        if (id->number)
                dispatch->unanswered = *id;
        kick(dispatch);
}

/* ---- life ---- */

static int check_names(const struct dispatch_config *config, struct error *err)
{
        for (size_t i = 0; i < config->outputs.count; i++) {
                struct output_config *output = &config->outputs.items[i];
                if (!output->name || !output->name[0])
                        output->name = (char *)types[output->type];
                for (size_t j = 0; j < i; j++)
                        if (strcmp(config->outputs.items[j].name, output->name) == 0)
                                return fail(err, E_INVALID, "outputs[%zu]: another output is called %s too", i,
                                        output->name);
        }
        return 0;
}

static int open_outputs(struct dispatch *dispatch, cursor_vec *cursors, struct error *err)
{
        const struct dispatch_config *config = dispatch->config;
        for (size_t i = 0; i < config->outputs.count; i++) {
                struct output *output = &dispatch->outputs[i];
                output->dispatch = dispatch;
                output->config = &config->outputs.items[i];
                output->operations = operations[output->config->type];
                if (dispatch->spool.segments.count) /* a new output begins with what is still there */
                        output->position.next = dispatch->spool.segments.items[0].first;
                else
                        output->position.next = dispatch->spool.next;
                buf_init(&output->record, SPOOL_EVENT_MAX + (1 << 20));
                buf_init(&output->text, EVENT_TEXT_MAX);
                dispatch->outputs_count++;
                vec_foreach (cursor, cursors)
                        if (strcmp(cursor->name, output->config->name) == 0)
                                output->position.next = cursor->next;
                if (output->operations->open(output, err) < 0)
                        return error_prefix(err, "outputs[%zu]", i);
        }
        return 0;
}

static void name_host(struct dispatch *dispatch)
{
        struct utsname host = { 0 };
        uname(&host);
        snprintf(dispatch->hostname, sizeof(dispatch->hostname), "%s", host.nodename[0] ? host.nodename : "-");
        snprintf(dispatch->ident, sizeof(dispatch->ident), "%s %s %s", host.sysname, host.release, host.machine);
}

static int dispatch_start(struct service *service, struct error *err)
{
        static struct dispatch state; /* one a process */
        struct dispatch *dispatch = &state;
        cursor_vec cursors = { 0 };
        dispatch->service = service;
        dispatch->config = service->config;
        service->state = dispatch;
        dispatch->tokens = dispatch->config->burst;
        dispatch->tokens_ns = loop_now_ns(service->loop);
        name_host(dispatch);
        if (!service->state_directory)
                return fail(err, E_INVALID, "no state directory to keep events in");
        if (check_names(dispatch->config, err) < 0)
                return -1;
        if (spool_open(&dispatch->spool, service->state_directory, err) < 0 ||
                spool_read_cursors(&dispatch->spool, &cursors, err) < 0)
                return error_prefix(err, "the spool");
        int status = open_outputs(dispatch, &cursors, err);
        vec_done(&cursors);
        if (status < 0 || save_all_cursors(dispatch, err) < 0 ||
                loop_add_timer(service->loop, 0, AGE_S * SECOND, on_age, dispatch, &dispatch->age, err) < 0)
                return -1;
        return loop_defer(service->loop, on_kick, dispatch);
}

static void dispatch_stop(struct service *service)
{
        struct dispatch *dispatch = service->state;
        struct error err;
        sync_and_answer(dispatch);
        dispatch->stopped = true;
        if (save_all_cursors(dispatch, &err) < 0)
                service_log(service, "warning: %s", err.message);
        /* the loop still finishes its round */
        if (dispatch->age)
                loop_remove(service->loop, dispatch->age);
        if (dispatch->warning)
                loop_remove(service->loop, dispatch->warning);
        for (size_t i = 0; i < dispatch->outputs_count; i++) {
                struct output *output = &dispatch->outputs[i];
                if (output->retry)
                        loop_remove(service->loop, output->retry);
                output->busy = true;
                output->operations->close(output);
                buf_done(&output->record);
                buf_done(&output->text);
        }
        dispatch->outputs_count = 0;
        spool_close(&dispatch->spool);
}

/* ---- what it may do ---- */

/* The outputs decide what the locked process may reach: it has no reload, the agent starts it anew with other settings.
 * What it took is in the spool, what comes meanwhile waits in the agent. */

/* Read by name resolution and TLS. */
static const char *const network_paths[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf",
        "/etc/gai.conf", "/etc/services", "/etc/ld.so.cache", "/etc/ssl", "/etc/gnutls", "/etc/crypto-policies",
        "/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/usr/lib", "/lib", "/run/systemd/resolve" };

static bool is_network_address(const char *address)
{
        return address && (strncmp(address, "udp://", 6) == 0 || strncmp(address, "tcp://", 6) == 0);
}

enum { PATHS_MAX = 2 * OUTPUTS_MAX + 32 };

static int dispatch_adjust(struct sandbox *sandbox, const void *config, struct arena *arena, struct error *err)
{
        const struct dispatch_config *configured = config;
        const char **reads = arena_array(arena, PATHS_MAX, sizeof(char *));
        const char **writes = arena_array(arena, PATHS_MAX, sizeof(char *));
        size_t read = 0, write = 0;
        bool network = false, names = false, unix_sockets = false;
        if (!reads || !writes)
                return fail(err, E_NO_MEMORY, "no memory for paths");
        for (size_t i = 0; sandbox->write_paths && sandbox->write_paths[i]; i++)
                writes[write++] = sandbox->write_paths[i];
        list_foreach (output, &configured->outputs) {
                bool to_network = output->type == OUTPUT_HTTP ||
                                  (output->type == OUTPUT_SYSLOG && is_network_address(output->address));
                network |= to_network;
                names |= output->type == OUTPUT_HTTP;
                unix_sockets |= output->type == OUTPUT_JOURNAL || (output->type == OUTPUT_SYSLOG && !to_network);
                if (output->type == OUTPUT_HTTP && output->ca && output->ca[0])
                        reads[read++] = output->ca;
                struct sv directory = path_dir(sv_of(output->path));
                if (output->type == OUTPUT_FILE && output->path && output->path[0] == '/')
                        writes[write++] = arena_strndup(arena, directory.p, directory.n);
        }
        for (size_t i = 0; names && i < sizeof(network_paths) / sizeof(network_paths[0]); i++)
                reads[read++] = network_paths[i];
        sandbox->read_paths = reads;
        sandbox->write_paths = writes;
        sandbox->network = network;
        sandbox->unix_sockets = unix_sockets;
        return 0;
}

static const struct module_example examples[] = {
        { "dispatch", "what was taken, sent, dropped and still waits, by output" },
        { 0 },
};

const struct module dispatch_module = {
        .name = "dispatch",
        .summary = "hand alerts on to HTTP, syslog, the journal or a file",
        .description = "Takes the alerts of the other modules, keeps them on disk, and sends each to every configured "
                       "output until it is taken: at least once, with an id that stays the same.",
        .params = &record_empty,
        .element = RECORD(struct dispatch_element, element_fields),
        .shape = SHAPE_OBJECT,
        .config = RECORD(struct dispatch_config, config_fields),
        .sandbox = { .network = true, .unix_sockets = true },
        .limits = { .memory = 128 * MIB, .result = 1 * MIB },
        .role = ROLE_VIEWER,
        .persistent = true,
        .examples = examples,
        .run = dispatch_query,
        .adjust = dispatch_adjust,
        .start = dispatch_start,
        .stop = dispatch_stop,
        .alert = dispatch_alert,
        .takes_alerts = true,
};
