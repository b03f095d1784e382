/* metrics-client: cAdvisor's API from the command line, of a real cAdvisor or of Tarsier's compatibility port. */
#include "module/lines.h"
#include "module/run.h"
#include "schema/field.h"

#include <ctype.h>
#include <tarsier/cadvisor.h>

enum question { ASK_CONTAINERS, ASK_CONTAINER, ASK_DOCKER, ASK_MACHINE, ASK_EVENTS, ASK_GET };
static const char *const questions[] = { "containers", "container", "docker", "machine", "events", "get", NULL };

struct client_params {
        char *url, *name;
        int what;
        int num_stats;
        bool stream, subcontainers;
        LIST(int) types;
        int64_t timeout_ns;
};

static const char *const event_types[] = { "oom", "oomKill", "containerCreation", "containerDeletion", NULL };
static const char *const event_flags[] = { "oom_events", "oom_kill_events", "creation_events", "deletion_events" };

#define P struct client_params
static const struct field params_fields[] = {
        FIELD_ENUM(P, what, questions, .def = "containers", .positional = true,
                .help = "what to ask for; get takes a path of the API"),
        FIELD_STRING(P, name, .positional = true, .metavar = "NAME|PATH",
                .help = "container, or path of the API; default /"),
        FIELD_STRING(P, url, .def = "http://127.0.0.1:8080", .help = "where cAdvisor answers"),
        FIELD_INT(P, num_stats, .def = "1", .min = -1, .max = 100000, .help = "samples of each container; -1 is all"),
        FIELD_BOOL(P, stream, .help = "events: those that come, until it is stopped"),
        FIELD_BOOL(P, subcontainers, .def = "true", .help = "events: of containers below the named one too"),
        FIELD_ENUMS(P, types, event_types, .json = "type", .max_items = 4, .help = "events: only of this type"),
        FIELD_DURATION(P, timeout_ns, .json = "timeout", .def = "30s", .min = 10 * MILLISECOND, .max = HOUR,
                .help = "for one answer"),
};

struct client_row {
        int64_t time_ns, created_ns;
        const char *type, *name, *alias, *image;
        int64_t cpu_ns;
        uint64_t memory, working_set, memory_limit, rx_bytes, tx_bytes, read_bytes, written_bytes, samples;
        int64_t pid, exit_code;
        bool has_exit_code;
        const char *process;
        uint64_t cores, physical_cores, sockets, frequency_khz, memory_capacity, swap_capacity;
        const char *machine_id, *system_uuid, *boot_id;
        json_t *answer;
};

#define R struct client_row
static const struct field row_fields[] = {
        FIELD_TIME(R, time_ns, .json = "time", .omit_empty = true, .help = "of the newest sample, or of the event"),
        FIELD_STRING(R, type, .omit_empty = true, .help = "of an event"),
        FIELD_STRING(R, name, .omit_empty = true, .help = "the container, by the path of its group"),
        FIELD_STRING(R, alias, .omit_empty = true, .help = "what its engine calls it"),
        FIELD_STRING(R, image, .omit_empty = true, .help = "its image"),
        FIELD_TIME(R, created_ns, .json = "created", .omit_empty = true, .help = "when it was made"),
        FIELD_DURATION(R, cpu_ns, .json = "cpu", .omit_empty = true, .help = "CPU time it used"),
        FIELD_SIZE(R, memory, .omit_empty = true, .help = "memory it uses"),
        FIELD_SIZE(R, working_set, .omit_empty = true, .help = "of that: what cannot simply be dropped"),
        FIELD_SIZE(R, memory_limit, .omit_empty = true, .help = "memory it may use; left out without a limit"),
        FIELD_SIZE(R, rx_bytes, .omit_empty = true, .help = "received"),
        FIELD_SIZE(R, tx_bytes, .omit_empty = true, .help = "sent"),
        FIELD_SIZE(R, read_bytes, .omit_empty = true, .help = "read from devices"),
        FIELD_SIZE(R, written_bytes, .omit_empty = true, .help = "written to devices"),
        FIELD_UINT(R, samples, .omit_empty = true, .help = "samples that came"),
        FIELD_INT(R, pid, .omit_empty = true, .help = "of the process that was killed"),
        FIELD_STRING(R, process, .omit_empty = true, .private_ = true, .help = "its name"),
        FIELD_INT(R, exit_code, .has = HAS(R, has_exit_code),
                .help = "with which status the program of a container that went ended, where that is known"),
        FIELD_UINT(R, cores, .omit_empty = true, .help = "logical CPUs of the machine"),
        FIELD_UINT(R, physical_cores, .omit_empty = true, .help = "cores of the machine"),
        FIELD_UINT(R, sockets, .omit_empty = true, .help = "sockets of the machine"),
        FIELD_UINT(R, frequency_khz, .omit_empty = true, .help = "clock of its CPUs"),
        FIELD_SIZE(R, memory_capacity, .omit_empty = true, .help = "memory of the machine"),
        FIELD_SIZE(R, swap_capacity, .omit_empty = true, .help = "its swap"),
        FIELD_STRING(R, machine_id, .omit_empty = true, .help = "its machine id"),
        FIELD_STRING(R, system_uuid, .omit_empty = true, .help = "its system UUID"),
        FIELD_STRING(R, boot_id, .omit_empty = true, .help = "its boot id"),
        FIELD_ANY(R, answer, .omit_empty = true, .help = "get: the answer as it came"),
};

static int client_validate(const void *given, struct error *err)
{
        const struct client_params *params = given;
        if (params->stream && params->what != ASK_EVENTS)
                return fail(err, E_INVALID, "stream: only events have one");
        if (params->what == ASK_GET && (!params->name || params->name[0] != '/'))
                return fail(err, E_INVALID, "name: get takes a path of the API, such as /api/v2.0/version");
        if (strncmp(params->url, "http://", 7) != 0 && strncmp(params->url, "https://", 8) != 0)
                return fail(err, E_INVALID, "url: neither http:// nor https://");
        return 0;
}

struct asking {
        struct run *run;
        struct error *err;
        struct tarsier_cadvisor *client;
        const struct client_params *params;
};

static int failed(const struct asking *asking)
{
        int status = tarsier_cadvisor_status(asking->client);
        return fail(asking->err, status ? E_FAILED : E_UNAVAILABLE, "%s", tarsier_cadvisor_error(asking->client));
}

static int emit_containers(const struct asking *asking)
{
        struct tarsier_cadvisor_containers *found;
        const struct client_params *params = asking->params;
        const char *name = params->name ? params->name : "/";
        int status = params->what == ASK_CONTAINERS
                             ? tarsier_cadvisor_subcontainers(asking->client, name, params->num_stats, &found)
                     : params->what == ASK_CONTAINER
                             ? tarsier_cadvisor_container(asking->client, name, params->num_stats, &found)
                             : tarsier_cadvisor_docker(asking->client, params->name, params->num_stats, &found);
        if (status < 0)
                return failed(asking);
        for (size_t i = 0; status == 0 && i < found->count && !run_checkpoint(asking->run); i++) {
                const struct tarsier_cadvisor_container *one = &found->items[i];
                struct client_row row = { .name = one->name,
                        .alias = one->aliases[0],
                        .image = one->image,
                        .created_ns = one->created_ns,
                        .memory_limit = one->memory_limit == UINT64_MAX ? 0 : one->memory_limit,
                        .samples = one->stats_count };
                if (one->stats_count) {
                        const struct tarsier_cadvisor_stats *newest = &one->stats[one->stats_count - 1];
                        row.time_ns = newest->time_ns;
                        row.cpu_ns = (int64_t)newest->cpu_total_ns;
                        row.memory = newest->memory_usage;
                        row.working_set = newest->memory_working_set;
                        row.rx_bytes = newest->rx_bytes;
                        row.tx_bytes = newest->tx_bytes;
                        row.read_bytes = newest->read_bytes;
                        row.written_bytes = newest->written_bytes;
                }
                status = run_emit(asking->run, NULL, &row, asking->err);
        }
        tarsier_cadvisor_containers_free(found);
        return status;
}

static int emit_machine(const struct asking *asking)
{
        struct tarsier_cadvisor_machine machine;
        if (tarsier_cadvisor_machine(asking->client, &machine) < 0)
                return failed(asking);
        struct client_row row = { .cores = machine.cores,
                .physical_cores = machine.physical_cores,
                .sockets = machine.sockets,
                .frequency_khz = machine.frequency_khz,
                .memory_capacity = machine.memory,
                .swap_capacity = machine.swap,
                .machine_id = machine.machine_id,
                .system_uuid = machine.system_uuid,
                .boot_id = machine.boot_id };
        return run_emit(asking->run, NULL, &row, asking->err);
}

static int emit_event(const struct tarsier_cadvisor_event *event, void *cookie)
{
        const struct asking *asking = cookie;
        struct client_row row = { .time_ns = event->time_ns,
                .type = event->type,
                .name = event->container,
                .pid = event->pid,
                .process = event->process,
                .exit_code = event->exit_code,
                .has_exit_code = strcmp(event->type, "containerDeletion") == 0 && event->exit_code >= 0 };
        if (run_emit(asking->run, NULL, &row, asking->err) < 0)
                return -2;
        run_would_block(asking->run); /* it goes out now, not when more have gathered */
        return run_checkpoint(asking->run) ? 1 : 0;
}

/* "/a b" and "a b" as "/a%20b" (RFC 3986 §2). The length, or -1 when there is no room. */
static int put_path(const char *name, char *ret, size_t size)
{
        size_t at = 0;
        if (*name && *name != '/')
                ret[at++] = '/';
        for (; *name; name++) {
                bool plain = isalnum((unsigned char)*name) || strchr("/-._~:@", *name);
                if (at + 4 > size)
                        return -1;
                at += (size_t)snprintf(ret + at, size - at, plain ? "%c" : "%%%02X", (unsigned char)*name);
        }
        ret[at] = '\0';
        return (int)at;
}

static int emit_events(struct asking *asking)
{
        char query[8192];
        unsigned wanted = 0;
        const struct client_params *params = asking->params;
        list_foreach (type, &params->types)
                wanted |= 1U << *type;
        int n = put_path(params->name ? params->name : "", query, sizeof(query) - 512);
        if (n < 0)
                return fail(asking->err, E_INVALID, "name: too long");
        n += snprintf(query + n, sizeof(query) - (size_t)n, "?subcontainers=%s&max_events=-1",
                params->subcontainers ? "true" : "false");
        for (size_t i = 0; event_types[i]; i++)
                if (!wanted || wanted & 1U << i)
                        n += snprintf(query + n, sizeof(query) - (size_t)n, "&%s=true", event_flags[i]);
        int status = params->stream ? tarsier_cadvisor_events_stream(
                                              asking->client, query, run_stop_fd(asking->run), emit_event, asking)
                                    : tarsier_cadvisor_events(asking->client, query, emit_event, asking);
        if (status == -1)
                return failed(asking);
        (void)run_checkpoint(asking->run);
        return status < 0 ? -1 : 0;
}

static int emit_answer(const struct asking *asking)
{
        char *text;
        size_t size;
        if (tarsier_cadvisor_get(asking->client, asking->params->name, NULL, &text, &size) < 0)
                return failed(asking);
        struct client_row row = { .answer = json_loadb(text, size, JSON_DECODE_ANY, NULL) };
        if (!row.answer)
                row.answer = json_stringn(text, size);
        int status = row.answer ? run_emit(asking->run, NULL, &row, asking->err)
                                : fail(asking->err, E_CORRUPT, "the answer is neither JSON nor text");
        json_decref(row.answer);
        free(text);
        return status;
}

static int client_run(struct run *run, struct error *err)
{
        const struct client_params *params = run->params;
        struct asking asking = { .run = run, .err = err, .params = params };
        asking.client = tarsier_cadvisor_new(params->url, params->timeout_ns);
        if (!asking.client)
                return fail(err, E_NO_MEMORY, "no memory for a client");
        int status = params->what == ASK_MACHINE  ? emit_machine(&asking)
                     : params->what == ASK_EVENTS ? emit_events(&asking)
                     : params->what == ASK_GET    ? emit_answer(&asking)
                                                  : emit_containers(&asking);
        tarsier_cadvisor_free(asking.client);
        return status;
}

static const char *const read_paths[] = { "/etc", "/usr/lib", "/lib", "/usr/share/zoneinfo", "/run/systemd/resolve",
        NULL };

static const struct module_example examples[] = {
        { "metrics client --url http://10.0.0.7:8080", "all containers of a host, with what they use" },
        { "metrics client container /system.slice --num-stats 60 --json", "one group with a minute of samples" },
        { "metrics client machine", "the machine" },
        { "metrics client events --stream --type containerCreation --type oomKill",
                "what happens to containers, as it happens" },
        { "metrics client get /api/v2.0/version", "any path of the API" },
        { 0 },
};

const struct module metrics_client_module = {
        .name = "metrics-client",
        .summary = "ask cAdvisor, or Tarsier in its place, for containers, the machine and events",
        .description =
                "`tarsier metrics client` drives cAdvisor's HTTP API: containers with what they use, Docker's "
                "containers by "
                "name, the machine, events that were and events as they come, or any path of it. The same calls are "
                "open to C programs in libtarsier-cadvisor (tarsier/cadvisor.h).",
        .params = RECORD(P, params_fields),
        .element = RECORD(R, row_fields),
        .shape = SHAPE_LIST,
        .stream = true,
        .sandbox = { .network = true, .read_paths = read_paths },
        .limits = { .wall_ns = 3650 * DAY, .memory = 512 * MIB, .result = 256 * MIB },
        .role = ROLE_INVESTIGATOR,
        .examples = examples,
        .validate = client_validate,
        .run = client_run,
};
