/* A run on an agent: the bridging worker speaks HTTP, so that what the network sends is parsed in a locked process. */
#include "base/cleanup.h"
#include "base/path.h"
#include "cli/cli.h"
#include "module/execution.h"
#include "module/local_agent.h"
#include "schema/json.h"
#include "schema/json_writer.h"

#include <fcntl.h>

bool agent_answers(void)
{
        char path[LOCAL_AGENT_SOCKET_MAX];
        return local_agent_answers(local_agent_socket(path));
}

/* TARSIER_TOKEN, or the first line of TARSIER_TOKEN_FILE. */
static int read_token(struct buf *out, struct error *err)
{
        const char *token = getenv("TARSIER_TOKEN");
        const char *file = getenv("TARSIER_TOKEN_FILE");
        if (token) {
                buf_puts(out, token);
                return 0;
        }
        if (!file || file_read(AT_FDCWD, file, out, err) < 0)
                return file ? -1 : 0;
        struct sv text = sv_trim(sv_n(buf_text(out), out->len));
        out->len = text.n;
        if (out->data)
                out->data[out->len] = '\0';
        return 0;
}

/* What POST /v1/runs takes: module, parameters and how to run. */
static void make_request(
        const struct catalog_entry *entry, const json_t *params, const struct run_flags *flags, struct buf *out)
{
        struct json_writer writer;
        json_writer_init(&writer, out, 0);
        json_begin_object(&writer);
        json_field(&writer, "module", json_put_text, entry->module->name);
        json_field(&writer, "parameters", json_put_value, params);
        if (flags->privacy)
                json_field(&writer, "privacy", json_put_bool, true);
        if (flags->max_cpu > 0)
                json_field(&writer, "max_cpu", json_put_double, flags->max_cpu);
        if (flags->max_io)
                json_field(&writer, "max_io", json_put_uint, flags->max_io);
        if (flags->max_memory)
                json_field(&writer, "max_memory", json_put_uint, flags->max_memory);
        if (flags->max_time_ns) {
                char text[TIME_TEXT_MAX];
                duration_format(flags->max_time_ns, text);
                json_field(&writer, "max_time", json_put_text, text);
        }
        json_end_object(&writer);
}

int run_on_agent(const struct catalog_entry *entry, const json_t *params, const struct run_flags *flags)
{
        struct error err = { 0 };
        char socket[LOCAL_AGENT_SOCKET_MAX];
        char bridge[4096];
        cleanup(buf_done) struct buf message;
        cleanup(buf_done) struct buf token;
        buf_init(&message, JSON_MESSAGE_MAX);
        buf_init(&token, 4096);
        if (read_token(&token, &err) < 0)
                return cli_fail(&err);
        make_request(entry, params, flags, &message);
        snprintf(bridge, sizeof(bridge), "%s/tarsier-remote", catalog_libexec(cli_catalog()));
        struct run_target target = { .agent = flags->agent ? flags->agent : local_agent_socket(socket),
                .token = token.len ? token.data : NULL,
                .bridge = bridge };
        struct run_request request = { .entry = entry,
                .message = sv_n(buf_text(&message), message.len),
                .budget.wall_ns = flags->max_time_ns ? flags->max_time_ns + 5 * SECOND : 0,
                .strict = true,
                .target = &target };
        return run_and_show(&request, flags);
}
