/* v2.0 ps: the processes of a container, or all of them for "/", as ps(1) shows them. */
#include "linux/process_list.h"
#include "modules/metrics/cadvisor/api_internal.h"

struct row_writer {
        struct buf *out;
        bool root; /* shows the groups of processes: else they are all the container itself */
};

static int put_row(const struct process_row *row, void *cookie)
{
        struct row_writer *writer = cookie;
        struct buf *out = writer->out;
        go_begin(out, '{');
        go_key(out, "user");
        go_text(out, row->user);
        go_key(out, "pid");
        go_int(out, row->pid);
        go_key(out, "parent_pid");
        go_int(out, row->ppid);
        go_key(out, "start_time");
        go_text(out, row->start);
        go_key(out, "percent_cpu");
        go_float(out, (float)row->cpu_percent);
        go_key(out, "percent_mem");
        go_float(out, (float)row->memory_percent);
        go_key(out, "rss");
        go_uint(out, row->rss);
        go_key(out, "virtual_size");
        go_uint(out, row->vsz);
        go_key(out, "status");
        go_text(out, row->stat);
        go_key(out, "running_time");
        go_text(out, row->time);
        go_key(out, "cgroup_path");
        go_text(out, writer->root ? row->group : "");
        go_key(out, "cmd");
        go_text(out, row->comm);
        go_key(out, "fd_count");
        go_uint(out, row->files);
        go_key(out, "psr");
        go_int(out, row->processor);
        buf_putc(out, '}');
        return out->failed;
}

void api_ps(struct api_call *call)
{
        enum { USERS_MEMORY = PROCESS_USERS_TEXT_MAX + (4 << 20) };
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        call->options.recursive = false;
        if (api_select(call, "process listing failed: ", &selection) < 0)
                return;
        const struct metrics_options *options = call->cadvisor->options;
        const char *name = container_ref(selection.items[0])->name;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, USERS_MEMORY);
        struct process_users users = { 0 };
        if (process_users_read(options->root, &arena, &users, NULL) < 0)
                users = (struct process_users){ 0 }; /* numbers stand for names then */
        struct row_writer writer = { call->out, strcmp(name, "/") == 0 };
        struct process_list_query query = { .group = writer.root ? NULL : name,
                .files = true,
                .users = &users,
                .memory_total = registry_machine(call->cadvisor->registry)->memory };
        struct process_list_result result;
        struct error err = { 0 };
        go_begin(call->out, '[');
        if (process_list_each(options->proc, &query, put_row, &writer, &result, &err) < 0 && !call->out->failed) {
                api_error(call, "process listing failed: %s", err.message);
                return;
        }
        buf_putc(call->out, ']');
}
