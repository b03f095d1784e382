/* tarsier MODULE [flags]: flags, prompts or nothing become a parameters message; then a run here or on an agent. */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "module/execution.h"
#include "schema/flags.h"
#include "schema/json.h"
#include "schema/json_writer.h"
#include "schema/prompt.h"
#include "schema/usage.h"

static const struct usage_example *usage_examples(const struct module *module, struct arena *arena)
{
        size_t count = 0;
        while (module->examples && module->examples[count].command)
                count++;
        struct usage_example *examples = arena_array(arena, count + 1, sizeof(*examples));
        for (size_t i = 0; examples && i < count; i++) {
                examples[i].command = arena_printf(arena, "tarsier %s", module->examples[i].command);
                examples[i].text = module->examples[i].what;
        }
        return examples;
}

int module_help(const struct catalog_entry *entry)
{
        cleanup(arena_done) struct arena arena;
        struct buf out;
        char command[128];
        unsigned width = cli_out()->width;
        const struct module *module = entry->module;
        arena_init(&arena, 1 << 20);
        buf_init(&out, 1 << 20);
        snprintf(command, sizeof(command), "tarsier %s", module->name);
        usage_print(&out, command, module->summary, module->description, module->params, usage_examples(module, &arena),
                width);
        usage_options(&out, "Every run", &run_flags_record, width);
        int status = cli_show_help(sv_n(buf_text(&out), out.len));
        buf_done(&out);
        return status;
}

int module_manual(const struct catalog_entry *entry)
{
        cleanup(arena_done) struct arena arena;
        struct buf out;
        char command[128];
        const struct module *module = entry->module;
        arena_init(&arena, 1 << 20);
        buf_init(&out, 1 << 20);
        snprintf(command, sizeof(command), "tarsier %s", module->name);
        usage_scdoc(&out, command, module->summary, module->description, module->params, module->element,
                usage_examples(module, &arena));
        fputs(buf_text(&out), stdout);
        buf_done(&out);
        return 0;
}

/* The parameters as the contract's message. */
static int make_message(json_t *params, struct buf *out, struct error *err)
{
        struct json_writer writer;
        json_writer_init(&writer, out, 0);
        json_begin_object(&writer);
        json_field(&writer, "class", json_put_text, "parameters");
        json_field(&writer, "parameters", json_put_value, params);
        json_end_object(&writer);
        if (out->failed)
                return fail(err, E_TOO_LARGE, "the parameters are larger than %d bytes", JSON_MESSAGE_MAX);
        return 0;
}

static json_t *make_parameters(
        const struct module *module, const struct run_flags *flags, int argc, char **argv, struct error *err)
{
        json_t *params = flags->interactive ? record_prompt(module->params, stdin, stderr, err)
                                            : flags_parse(module->params, argc - 1, argv + 1, err);
        if (params && record_check(module->params, params, READ_STRICT, err) < 0) {
                json_decref(params);
                return NULL;
        }
        return params;
}

int cmd_module(const struct catalog_entry *entry, int argc, char **argv)
{
        struct error err = { 0 };
        struct run_flags flags;
        const struct module *module = entry->module;
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf message;
        cleanup(json_decref) json_t *params = NULL;
        arena_init(&arena, 1 << 20);
        buf_init(&message, JSON_MESSAGE_MAX);
        if (argc == 2 && strcmp(argv[1], "help") == 0)
                return module_help(entry);
        if (run_flags_take(module->params, &argc, argv, &flags, &arena, &err) < 0)
                goto misused;
        if (flags.color != COLOUR_AUTO)
                cli_set_colour((enum colour_wish)flags.color);
        if (flags.help)
                return module_help(entry);
        params = make_parameters(module, &flags, argc, argv, &err);
        if (!params || make_message(params, &message, &err) < 0)
                goto misused;
        if (flags.agent || (module->persistent && !module->foreground) || (module->asks && agent_answers()))
                return run_on_agent(entry, params, &flags);
        struct run_request request = { .entry = entry,
                .message = sv_n(message.data, message.len),
                .budget = { flags.max_cpu, flags.max_io, flags.max_memory, flags.max_time_ns },
                .privacy = flags.privacy,
                .strict = true,
                .spin = !module->stream && !module->persistent };
        return run_and_show(&request, &flags);
misused:
        cli_fail(&err);
        fprintf(stderr, "Try `tarsier %s --help`.\n", module->name);
        return error_exit_status(err.code);
}
