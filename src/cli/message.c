/* tarsier -m NAME [--privacy] < message.json: one message in, one result out, as the documented agent does it. */
#include "base/cleanup.h"
#include "base/path.h"
#include "cli/cli.h"
#include "module/execution.h"
#include "schema/json.h"
#include "schema/json_writer.h"

#include <errno.h>

static int write_stdout(const void *bytes, size_t size, void *cookie)
{
        (void)cookie;
        return write_all(STDOUT_FILENO, bytes, size, NULL);
}

/* The first line of standard input. What was read behind it is pushed to *ret_rest. E_TOO_LARGE beyond a message's
 * ceiling: reading goes no further. */
static int read_line(struct buf *line, bool *ret_ended, struct error *err)
{
        *ret_ended = false;
        for (size_t looked = 0; !line->len || !memchr(line->data + looked, '\n', line->len - looked);) {
                looked = line->len;
                char *room = looked > JSON_MESSAGE_MAX ? NULL : buf_reserve(line, 64 << 10);
                if (!room)
                        return fail(err, E_TOO_LARGE,
                                "ReadInputParameters() -> ReadInput() -> a line of more than %d bytes",
                                JSON_MESSAGE_MAX);
                ssize_t got = read(STDIN_FILENO, room, 64 << 10);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return fail_errno(err, "reading standard input");
                if (got == 0) {
                        *ret_ended = true;
                        break;
                }
                line->len += (size_t)got;
                line->data[line->len] = '\0';
        }
        return 0;
}

/* A result that was decided before any worker was started. */
static int print_refusal(const struct error *why)
{
        struct error err;
        struct result *result = result_new(SHAPE_LIST, 0, &err);
        if (!result)
                return cli_fail(&err);
        result_fail(result, why);
        int status = result_write(result, 0, write_stdout, NULL, &err);
        result_free(result);
        return status < 0 ? cli_fail(&err) : 0;
}

static int print_unknown_module(const struct error *why)
{
        struct buf out;
        struct json_writer writer;
        buf_init(&out, 4096);
        json_writer_init(&writer, &out, 0);
        json_begin_object(&writer);
        json_key(&writer, "errors");
        json_begin_array(&writer);
        json_put_text(&writer, why->message);
        json_end_array(&writer);
        json_end_object(&writer);
        puts(buf_text(&out));
        buf_done(&out);
        return 0;
}

int cmd_message(int argc, char **argv)
{
        struct error err;
        bool privacy = false;
        const char *name = NULL;
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--privacy") == 0)
                        privacy = true;
                else if (!name)
                        name = argv[i];
                else
                        name = "";
        }
        if (!name || !*name) {
                fputs("usage: tarsier -m MODULE [--privacy] < MESSAGE\n", stderr);
                return 2;
        }
        const struct catalog_entry *entry = catalog_find(cli_catalog(), name, &err);
        if (!entry)
                return err.code == E_NOT_FOUND ? print_unknown_module(&err) : print_refusal(&err);

        cleanup(buf_done) struct buf input;
        buf_init(&input, JSON_MESSAGE_MAX + (64 << 10));
        bool ended;
        if (read_line(&input, &ended, &err) < 0)
                return print_refusal(&err);
        struct sv rest = sv_n(buf_text(&input), input.len);
        struct sv line = rest;
        if (rest.n)
                sv_line(&rest, &line);
        struct run_stop stop = { ended ? -1 : STDIN_FILENO, rest };
        struct run_request request = { .entry = entry, .message = line, .privacy = privacy, .stop = &stop };
        struct execution *execution = run_here(&request, &err);
        if (!execution)
                return print_refusal(&err);
        int status = result_write(execution_result(execution), 0, write_stdout, NULL, &err);
        execution_free(execution);
        return status < 0 ? cli_fail(&err) : 0;
}
