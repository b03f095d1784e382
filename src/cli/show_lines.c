#include "cli/show_lines.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "schema/json_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { LINES_TEXT_MAX = 64 << 20, LINES_FLUSH = 32 << 10 };

void module_lines_init(
        struct module_lines *lines, const struct catalog_entry *entry, bool results_only, bool hold, bool live)
{
        *lines = (struct module_lines){ .entry = entry, .results_only = results_only, .holding = hold, .live = live };
        buf_init(&lines->text, LINES_TEXT_MAX);
        buf_init(&lines->held, LINES_HELD_MAX + LINES_TEXT_MAX);
        lines->printer = (struct line_printer){ &lines->text, results_only, cli_out() };
}

void module_lines_done(struct module_lines *lines)
{
        buf_done(&lines->text);
        buf_done(&lines->held);
}

static bool is_here(const struct module_lines *lines)
{
        return lines->entry->origin == ORIGIN_BUILTIN;
}

static int flush_text(struct module_lines *lines, struct error *err)
{
        int status = write_all(STDOUT_FILENO, buf_text(&lines->text), lines->text.len, err);
        buf_clear(&lines->text);
        return status;
}

/* The words of the program: how its terminal is, where its output is none. */
static void become_printer(const struct module_lines *lines, int in, int out)
{
        char width[16], depth[16];
        const char *words[12];
        size_t count = 0;
        words[count++] = lines->entry->program;
        words[count++] = "print";
        words[count++] = lines->entry->module->name;
        if (lines->results_only)
                words[count++] = "--results-only";
        if (out >= 0) {
                snprintf(width, sizeof(width), "%u", cli_out()->width);
                snprintf(depth, sizeof(depth), "%d", (int)cli_out()->depth);
                words[count++] = "--width";
                words[count++] = width;
                words[count++] = "--depth";
                words[count++] = depth;
                dup2(out, STDOUT_FILENO);
        }
        words[count] = NULL;
        dup2(in, STDIN_FILENO);
        signal(SIGINT, SIG_IGN); /* an interrupt stops the run; its rows are still to be shown */
        execv(lines->entry->program, (char *const *)(uintptr_t)words);
        _exit(127);
}

/* out: where it prints to, -1 for the terminal. */
static int start_program(struct module_lines *lines, int out, struct error *err)
{
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return fail_errno(err, "pipe");
        lines->pid = fork();
        if (lines->pid == 0)
                become_printer(lines, ends[0], out);
        close(ends[0]);
        lines->pipe = lines->pid > 0 ? fdopen(ends[1], "w") : NULL;
        if (lines->pipe)
                return 0;
        close(ends[1]);
        return fail_errno(err, "starting %s", lines->entry->program);
}

static int send_line(struct module_lines *lines, const void *bytes, size_t size, struct error *err)
{
        if (!lines->pipe && start_program(lines, -1, err) < 0)
                return -1;
        if (fwrite(bytes, 1, size, lines->pipe) != size || (lines->live && fflush(lines->pipe) != 0))
                return fail(err, E_IO, "the program that prints the rows is gone");
        return 0;
}

int module_lines_release(struct module_lines *lines, struct error *err)
{
        if (!lines->holding)
                return 0;
        lines->holding = false;
        if (is_here(lines))
                return flush_text(lines, err);
        int status = lines->held.len ? send_line(lines, lines->held.data, lines->held.len, err) : 0;
        buf_clear(&lines->held);
        return status;
}

static int print_here(
        struct module_lines *lines, const char *group, const char *label, struct sv json, struct error *err)
{
        int status = print_module_row(lines->entry->module, &lines->printer, group, label, json, err);
        if (lines->holding)
                return lines->text.len > LINES_HELD_MAX && module_lines_release(lines, err) < 0 ? -1 : status;
        if ((lines->live || lines->text.len > LINES_FLUSH) && flush_text(lines, err) < 0)
                return -1;
        return status;
}

int module_lines_row(
        struct module_lines *lines, const char *group, const char *label, struct sv json, struct error *err)
{
        struct json_writer writer;
        if (is_here(lines))
                return print_here(lines, group, label, json, err);
        buf_clear(&lines->text);
        json_writer_init(&writer, &lines->text, 0);
        json_begin_object(&writer);
        json_field(&writer, "group", json_put_text, group);
        json_field(&writer, "label", json_put_text, label);
        if (json.n)
                json_field(&writer, "row", json_put_raw, json);
        json_end_object(&writer);
        buf_putc(&lines->text, '\n');
        if (lines->text.failed)
                return fail(err, E_NO_MEMORY, "no memory to print a row");
        if (!lines->holding)
                return send_line(lines, lines->text.data, lines->text.len, err);
        buf_append(&lines->held, lines->text.data, lines->text.len);
        return lines->held.len > LINES_HELD_MAX ? module_lines_release(lines, err) : 0;
}

static int end_program(struct module_lines *lines, int status, struct error *err)
{
        int ended = 0;
        fclose(lines->pipe);
        lines->pipe = NULL;
        while (waitpid(lines->pid, &ended, 0) < 0 && errno == EINTR)
                ;
        if (status == 0 && ended != 0)
                return fail(err, E_FAILED, "the program that prints the rows failed");
        return status;
}

/* Everything is there: the program prints it into a file without a name, and the pager shows that. */
static int page_program(struct module_lines *lines, struct error *err)
{
        cleanup(fd_close) int page = memfd_create("page", MFD_CLOEXEC);
        cleanup(buf_done) struct buf text;
        buf_init(&text, LINES_TEXT_MAX);
        if (page < 0)
                return fail_errno(err, "a file for the pager");
        if (start_program(lines, page, err) < 0)
                return -1;
        int status = send_line(lines, buf_text(&lines->held), lines->held.len, err);
        status = end_program(lines, status, err);
        off_t size = lseek(page, 0, SEEK_END);
        char *room = size > 0 ? buf_reserve(&text, (size_t)size) : NULL;
        ssize_t n = room && lseek(page, 0, SEEK_SET) == 0 ? read_all(page, room, (size_t)size, err) : 0;
        if (n > 0)
                cli_page(sv_n(room, (size_t)n));
        return size > 0 && n <= 0 ? fail(err, E_IO, "what the program printed cannot be read") : status;
}

int module_lines_finish(struct module_lines *lines, const char *statistics, int status, struct error *err)
{
        if (is_here(lines)) {
                if (status == 0 && statistics)
                        status = print_module_statistics(lines->entry->module, &lines->printer, sv_of(statistics), err);
                if (!lines->holding)
                        return flush_text(lines, err) < 0 ? -1 : status;
                cli_page(sv_n(buf_text(&lines->text), lines->text.len));
                return status;
        }
        struct buf *rest = lines->holding ? &lines->held : &lines->text;
        if (!lines->holding)
                buf_clear(rest);
        if (status == 0 && statistics)
                buf_printf(rest, "{\"statistics\":%s}\n", statistics);
        if (lines->holding)
                return page_program(lines, err) < 0 ? -1 : status;
        if (status == 0 && rest->len && send_line(lines, rest->data, rest->len, err) < 0)
                status = -1;
        return lines->pipe ? end_program(lines, status, err) : status;
}
