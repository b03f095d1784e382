#include "module/program.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "module/catalog.h"
#include "module/channel.h"
#include "module/lines.h"
#include "module/local_agent.h"
#include "module/prove.h"
#include "module/service_run.h"
#include "schema/json.h"
#include "schema/json_writer.h"
#include "tarsier/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

enum { PARAMS_ARENA_MAX = 256 << 20 };

static const int64_t agent_wait_ns = 2 * SECOND; /* the report of an agent that hangs says so, and soon */

/* One run's input: the message as text, empty at end of file. */
static int receive_message(struct run_channel *channel, struct buf *ret_text, struct error *err)
{
        for (;;) {
                struct frame_header header;
                struct sv payload;
                size_t size;
                int have = frame_next(channel->in, 0, &header, &payload, &size, err);
                if (have < 0)
                        return -1;
                if (have > 0) {
                        if (header.type != FRAME_MESSAGE)
                                return fail(err, E_PROTOCOL, "frame of type %u instead of a message", header.type);
                        buf_append(ret_text, payload.p, payload.n);
                        buf_consume(channel->in, size);
                        return ret_text->failed ? fail(err, E_NO_MEMORY, "no memory for the message") : 0;
                }
                char *room = buf_reserve(channel->in, 64 << 10);
                if (!room)
                        return fail(err, E_NO_MEMORY, "no memory for the message");
                ssize_t got = recv(channel->fd, room, 64 << 10, 0);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return fail(err, E_PROTOCOL, "the parent closed the channel before the message");
                channel->in->len += (size_t)got;
        }
}

int run_read_parameters(const struct module *module, struct sv text, bool strict, struct arena *arena,
        const void **ret_params, struct error *err)
{
        struct error why;
        if (sv_trim(text).n == 0)
                return fail(err, E_INVALID, "ReadInputParameters() -> ReadInput() -> EOF");
        cleanup(json_decref) json_t *message = json_parse(text, strict, &why);
        if (!message)
                return fail(err, why.code, "ReadInputParameters() -> ReadInput() -> %s", why.message);
        const char *class = json_string_value(json_get_nocase(message, "class"));
        if (!class || strcmp(class, "parameters") != 0)
                return fail(err, E_INVALID, "ReadInputParameters() -> unexpected input is not module parameters");
        void *params = arena_alloc(arena, module->params->size);
        if (!params)
                return fail(err, E_NO_MEMORY, "no memory for the parameters");
        const json_t *value = json_get_nocase(message, "parameters");
        if (record_read(module->params, value, params, arena, strict ? READ_STRICT : 0, err) < 0)
                return -1;
        if (module->validate && module->validate(params, err) < 0)
                return -1;
        *ret_params = params;
        return 0;
}

static const char *config_value(struct tarsier_child *child, const char *key)
{
        const char *value = tarsier_config_get(tarsier_child_config(child), key);
        return value ? value : "";
}

static uint64_t config_number(struct tarsier_child *child, const char *key)
{
        uint64_t number = 0;
        return sv_parse_u64(sv_of(config_value(child, key)), 10, &number) ? number : 0;
}

static char *secret_of(struct tarsier_child *child)
{
        size_t length;
        const char *secret = tarsier_child_secret(child, &length);
        return length ? strndup(secret, length) : NULL;
}

static struct budget read_budget(struct tarsier_child *child)
{
        return (struct budget){
                .cpu_share = strtod(config_value(child, WORKER_CONFIG_CPU_SHARE), NULL),
                .io_rate = config_number(child, WORKER_CONFIG_IO_RATE),
                .memory = config_number(child, WORKER_CONFIG_MEMORY),
        };
}

struct manner { /* of a run, from the handshake */
        bool privacy, strict;
        const char *modules_state;
        const struct local_answer *agent_answers;
};

static void run_once(
        const struct module *module, struct run_channel *channel, const struct manner *manner, struct bridge *bridge)
{
        struct run run = { .module = module,
                .privacy = manner->privacy,
                .modules_state = manner->modules_state,
                .agent_answers = manner->agent_answers,
                .state = bridge };
        struct error err = { 0 };
        struct buf text;
        buf_init(&text, JSON_MESSAGE_MAX);
        run_begin(&run, channel);
        int result = receive_message(channel, &text, &err);
        struct sv message = sv_n(buf_text(&text), text.len);
        if (result == 0 && bridge) /* who is behind the bridge reads the message itself */
                bridge->message = message;
        else if (result == 0)
                result = run_read_parameters(module, message, manner->strict, &run.arena, &run.params, &err);
        if (result == 0)
                result = module->run(&run, &err);
        run_end(&run, result, &err);
        buf_done(&text);
}

int worker_lock(const struct sandbox *declared, struct budget budget, uint64_t memory,
        struct sandbox_report *ret_report, struct error *err)
{
        struct sandbox sandbox = *declared;
        struct sandbox_report report;
        if (!sandbox.limits.data)
                sandbox.limits.data = budget.memory ? budget.memory : memory;
        if (sandbox_apply(&sandbox, &report, err) < 0)
                return error_prefix(err, "sandbox");
        if (ret_report)
                *ret_report = report;
        else if (report.missing[0])
                log_info("sandbox: not enforced here: %s", report.missing);
        return 0;
}

int worker_refuse(const struct error *why)
{
        struct tarsier_child *child;
        if (tarsier_child_attach(&child, 10 * SECOND) == 0) {
                tarsier_child_failed(child, why->message);
                tarsier_child_free(child);
        } else {
                log_error("%s", why->message);
        }
        return 2;
}

int worker_main(const struct module *module)
{
        return worker_main_bridged(module, NULL);
}

int worker_main_bridged(const struct module *module, struct bridge *bridge)
{
        struct tarsier_child *child;
        struct error err = { 0 };
        int attached = tarsier_child_attach(&child, 10 * SECOND);
        if (attached < 0) {
                log_error("%s is started by an agent or by `tarsier %s`: %s", module->name, module->name,
                        tarsier_child_strerror(attached));
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        signal(SIGINT, SIG_IGN); /* Ctrl-C reaches all of a terminal's group; the parent asks for what there is */
        if (strcmp(config_value(child, WORKER_CONFIG_BUILD), TARSIER_BUILD) != 0) {
                tarsier_child_failed(child, "parent and worker are of different builds");
                return 2;
        }
        bool persist = strcmp(config_value(child, WORKER_CONFIG_MODE), "persist") == 0;
        bool privacy = strcmp(config_value(child, WORKER_CONFIG_PRIVACY), "on") == 0;
        char state[4096];
        snprintf(state, sizeof(state), "%s", config_value(child, WORKER_CONFIG_STATE));
        struct manner manner = { .privacy = privacy,
                .strict = strcmp(config_value(child, WORKER_CONFIG_STRICT), "on") == 0,
                .modules_state = *state ? state : NULL };
        struct budget budget = read_budget(child);
        if (persist)
                return service_main(module, child, budget, privacy);
        if (!module->run || (module->persistent && !module->foreground && !bridge)) {
                tarsier_child_failed(child, "not a module that is run once");
                return 2;
        }
        struct buf in;
        struct run_channel channel = { .fd = WORKER_FRAMES_FD, .in = &in, .budget = budget };
        buf_init(&in, FRAME_LENGTH_MAX + (128 << 10));
        struct local_answer answers[LOCAL_ANSWERS_MAX] = { 0 };
        const char *agent = config_value(child, WORKER_CONFIG_AGENT);
        if (module->agent_paths && *agent && !bridge &&
                local_agent_get(agent, module->agent_paths, agent_wait_ns, answers))
                manner.agent_answers = answers;
        if (worker_lock(&module->sandbox, budget, module_memory(module), NULL, &err) < 0) {
                tarsier_child_failed(child, err.message);
                return 1;
        }
        tarsier_child_ready(child);
        if (bridge)
                bridge->secret = secret_of(child);
        tarsier_child_free(child);
        run_once(module, &channel, &manner, bridge);
        local_answers_done(answers);
        buf_done(&in);
        return 0;
}

static int print_row_line(const struct module *module, struct line_printer *printer, char *line, struct error *err)
{
        cleanup(json_decref) json_t *item = json_parse(sv_of(line), false, err);
        if (!item)
                return -1;
        json_t *statistics = json_object_get(item, "statistics");
        json_t *row = statistics ? statistics : json_object_get(item, "row");
        char *text = row && !json_is_null(row) ? json_dumps(row, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
        int status = statistics ? print_module_statistics(module, printer, sv_of(text), err)
                                : print_module_row(module, printer, json_string_value(json_object_get(item, "group")),
                                          json_string_value(json_object_get(item, "label")), sv_of(text), err);
        free(text);
        return status;
}

/* "[--results-only] [--width N] [--depth N]": the last two where stdout is no terminal but what is printed goes to one
 * in the end, through a pager. */
static void read_print_words(char **words, bool *ret_results_only, struct term *term)
{
        uint64_t number;
        for (; *words; words++) {
                bool width = strcmp(*words, "--width") == 0, depth = strcmp(*words, "--depth") == 0;
                if (strcmp(*words, "--results-only") == 0)
                        *ret_results_only = true;
                if (!(width || depth) || !words[1] || !sv_parse_u64(sv_of(words[1]), 10, &number) ||
                        number > UINT16_MAX)
                        continue;
                if (width)
                        term->width = (unsigned)number;
                else if (number <= COLOUR_TRUE)
                        term->depth = (enum colour_depth)number;
                words++;
        }
}

static int print_main(const struct module *module, char **words)
{
        cleanup(free) char *line = NULL;
        size_t size = 0;
        struct error err = { 0 };
        struct buf out;
        buf_init(&out, 64 << 20);
        struct term term;
        term_open(&term, STDOUT_FILENO, COLOUR_AUTO); /* a wish of the user's is in the environment */
        bool results_only = false;
        read_print_words(words, &results_only, &term);
        struct line_printer printer = { &out, results_only, &term };
        int status = 0;
        while (status == 0 && getline(&line, &size, stdin) > 0) {
                status = print_row_line(module, &printer, line, &err);
                struct pollfd more = { STDIN_FILENO, POLLIN, 0 };
                bool idle = out.len && poll(&more, 1, 0) == 0; /* rows that come slowly are shown as they come */
                if (out.len > 64 << 10 || status < 0 || idle) {
                        fwrite(out.data, 1, out.len, stdout);
                        buf_clear(&out);
                }
                if (idle)
                        fflush(stdout);
        }
        fwrite(buf_text(&out), 1, out.len, stdout);
        buf_done(&out);
        if (status < 0)
                log_error("%s", err.message);
        return fflush(stdout) || status ? 1 : 0;
}

static int describe_main(module_table table, const char *area, const char *directory)
{
        struct buf out;
        struct json_writer writer;
        struct error err;
        int status = 0;
        buf_init(&out, 64 << 20);
        if (module_table_check(table, &err) < 0) {
                log_error("%s", err.message);
                return 2;
        }
        for (size_t i = 0; table[i] && status == 0; i++) {
                buf_clear(&out);
                json_writer_init(&writer, &out, 1);
                module_describe(table[i], area, &writer);
                buf_putc(&out, '\n');
                if (directory) {
                        char path[4096];
                        snprintf(path, sizeof(path), "%s/%s.json", directory, table[i]->name);
                        status = file_replace(AT_FDCWD, path, out.data, out.len, 0644, &err);
                } else {
                        status = write_all(STDOUT_FILENO, out.data, out.len, &err);
                }
        }
        buf_done(&out);
        if (status < 0)
                log_error("%s", err.message);
        return status < 0;
}

int program_main(module_table table, const char *area, int argc, char **argv)
{
        const char *verb = argc > 1 ? argv[1] : "";
        const struct module *module = argc > 2 ? module_find(table, argv[2]) : NULL;
        if (strcmp(verb, "--describe") == 0)
                return describe_main(table, area, argc > 2 ? argv[2] : NULL);
        if (module && strcmp(verb, "worker") == 0)
                return worker_main(module);
        if (module && module->print_row && strcmp(verb, "print") == 0)
                return print_main(module, argv + 3);
        if (module && strcmp(verb, "prove") == 0)
                return prove_main(module, argc > 3 && strcmp(argv[3], "--lines") == 0);
        fprintf(stderr, "tarsier-%s holds modules of Tarsier; run them with `tarsier MODULE`\n", area);
        return 2;
}
