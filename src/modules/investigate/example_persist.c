/* example-persist: the smallest complete persistent module: it logs and alerts at an interval and answers a query by an
 * echo. */
#include "base/cleanup.h"
#include "module/lines.h"
#include "module/service.h"

struct persist_params {
        char *string;
};

struct persist_element {
        char *string;
};

struct persist_config {
        int64_t interval_ns;
};

static const struct field persist_params_fields[] = {
        FIELD_STRING(struct persist_params, string, .option = "echo", .help = "text to send back", .required = true,
                .min_length = 1, .max_length = 4096, .positional = true),
};

static const struct field persist_element_fields[] = {
        FIELD_STRING(struct persist_element, string, .help = "the text that was sent"),
};

static const struct field persist_config_fields[] = {
        FIELD_DURATION(struct persist_config, interval_ns, .json = "interval", .help = "time between two alerts",
                .def = "30s", .min = 100 * MILLISECOND, .max = DAY),
};

static void on_interval(struct loop *loop, loop_id id, void *cookie)
{
        struct service *service = cookie;
        (void)loop;
        (void)id;
        service_log(service, "running");
        service_alert(service, SV("{\"severity\":\"low\",\"alert\":\"example-persist is running\"}"));
}

static int persist_start(struct service *service, struct error *err)
{
        const struct persist_config *config = service->config;
        return loop_add_timer(service->loop, config->interval_ns, config->interval_ns, on_interval, service, NULL, err);
}

static int persist_query(struct run *run, struct error *err)
{
        const struct persist_params *params = run->params;
        struct persist_element element = { params->string };
        return run_emit(run, NULL, &element, err);
}

static void persist_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct persist_element *element = row;
        (void)group;
        (void)label;
        print_line(printer, "%s", element->string);
}

static void handle_echo(struct service *service, struct request *request)
{
        (void)service;
        const char *text = request_query(request, "string");
        request_reply(request, 200, "text/plain; charset=utf-8", sv_of(text ? text : ""));
}

static const struct route persist_routes[] = {
        { "GET", "/echo", ROLE_VIEWER, "send the query parameter `string` back", handle_echo },
        { 0 },
};

static const struct module_example persist_examples[] = {
        { "example-persist --echo hello", "hello, sent back by the module that runs in the agent" },
        { 0 },
};

const struct module example_persist_module = {
        .name = "example-persist",
        .summary = "log and alert at an interval and answer by an echo: a template for persistent modules",
        .params = RECORD(struct persist_params, persist_params_fields),
        .element = RECORD(struct persist_element, persist_element_fields),
        .shape = SHAPE_OBJECT,
        .config = RECORD(struct persist_config, persist_config_fields),
        .sandbox = { 0 },
        .limits = { .memory = 32 * MIB, .result = 1 * MIB },
        .role = ROLE_VIEWER,
        .persistent = true,
        .examples = persist_examples,
        .run = persist_query,
        .print_row = persist_print_row,
        .start = persist_start,
        .routes = persist_routes,
};
