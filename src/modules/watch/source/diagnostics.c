#include "modules/watch/source/diagnostics.h"

#include "base/cleanup.h"
#include "lib/audit/record.h"

#include <fcntl.h>

enum { LINE_MAX_HERE = 16384 };

int diagnostics_open(struct diagnostics *diagnostics, const struct source_options *options, struct error *err)
{
        const char *path = options->diagnostics;
        memset(diagnostics, 0, sizeof(*diagnostics));
        buf_init(&diagnostics->line, LINE_MAX_HERE);
        diagnostics->raw = options->raw;
        diagnostics->raw_cookie = options->raw_cookie;
        diagnostics->log = options->log;
        diagnostics->log_cookie = options->log_cookie;
        if (!path)
                return 0;
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
                return fail_errno(err, "%s", path);
        diagnostics->file = fdopen(fd, "a");
        if (!diagnostics->file)
                return fail_errno(err, "%s", path);
        (void)take_fd(fd);
        return 0;
}

void diagnostics_close(struct diagnostics *diagnostics)
{
        if (diagnostics->file && fclose(diagnostics->file) != 0)
                diagnostics->failures++;
        if (diagnostics->failures && diagnostics->log)
                diagnostics->log(
                        diagnostics->log_cookie, "the file of --diag is incomplete: not everything could be written");
        buf_done(&diagnostics->line);
        memset(diagnostics, 0, sizeof(*diagnostics));
}

static bool is_wanted(const struct diagnostics *diagnostics)
{
        return diagnostics->file || diagnostics->raw;
}

static void end_line(struct diagnostics *diagnostics)
{
        struct buf *line = &diagnostics->line;
        if (diagnostics->raw && !line->failed)
                diagnostics->raw(diagnostics->raw_cookie, sv_n(line->data, line->len));
        buf_putc(line, '\n');
        if (line->failed || (diagnostics->file && fwrite(line->data, line->len, 1, diagnostics->file) != 1))
                diagnostics->failures++;
        diagnostics->lines++;
        buf_clear(&diagnostics->line);
}

void diagnostics_audit(struct diagnostics *diagnostics, uint16_t type, struct sv text)
{
        if (!is_wanted(diagnostics))
                return;
        const char *name = audit_type_name(type);
        if (name)
                buf_printf(&diagnostics->line, "type=%s msg=", name);
        else
                buf_printf(&diagnostics->line, "type=UNKNOWN[%u] msg=", type);
        size_t begin = diagnostics->line.len;
        buf_append(&diagnostics->line, text.p, text.n);
        for (size_t i = begin; i < diagnostics->line.len; i++) /* messages of user space may hold them */
                if (diagnostics->line.data[i] == '\n' || diagnostics->line.data[i] == '\0')
                        diagnostics->line.data[i] = ' ';
        end_line(diagnostics);
}

void diagnostics_connector(struct diagnostics *diagnostics, const struct raw_connector *raw)
{
        if (!is_wanted(diagnostics))
                return;
        raw_connector_write(raw, &diagnostics->line);
        end_line(diagnostics);
}

void diagnostics_loss(struct diagnostics *diagnostics, const struct raw_loss *raw)
{
        if (!is_wanted(diagnostics))
                return;
        raw_loss_write(raw, &diagnostics->line);
        end_line(diagnostics);
}

void diagnostics_flush(struct diagnostics *diagnostics)
{
        if (diagnostics->file && fflush(diagnostics->file) != 0)
                diagnostics->failures++;
}
