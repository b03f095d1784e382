#include "module/sandbox.h"

#include "base/timefmt.h"

#include <cap-ng.h>

static void list_paths(const char *verb, const char *const *paths, struct buf *out)
{
        if (!paths || !paths[0])
                return;
        buf_puts(out, verb);
        for (size_t i = 0; paths[i]; i++)
                buf_printf(out, "%s %s", i ? "," : "", paths[i]);
        buf_putc(out, '\n');
}

static void list_sockets(const struct sandbox *sandbox, struct buf *out)
{
        const struct {
                bool allowed;
                const char *name;
        } kinds[] = {
                { sandbox->network, "internet" },
                { sandbox->netlink, "netlink" },
                { sandbox->unix_sockets, "unix" },
                { sandbox->packet, "packet" },
        };
        unsigned count = 0;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (kinds[i].allowed)
                        buf_printf(out, "%s %s", count++ ? "," : "sockets:", kinds[i].name);
        buf_puts(out, count ? "\n" : "no sockets\n");
}

static void list_capabilities(uint64_t capabilities, struct buf *out)
{
        if (!capabilities) {
                buf_puts(out, "no capabilities\n");
                return;
        }
        unsigned count = 0;
        for (unsigned i = 0; i < 64; i++) {
                if (!(capabilities & CAP_BIT(i)))
                        continue;
                const char *name = capng_capability_to_name(i);
                buf_puts(out, count++ ? ", " : "capabilities: ");
                if (name)
                        buf_puts(out, name);
                else
                        buf_printf(out, "%u", i);
        }
        buf_putc(out, '\n');
}

static void list_limits(const struct sandbox_limits *limits, struct buf *out)
{
        char size[TIME_TEXT_MAX];
        if (limits->data) {
                size_format(limits->data, size);
                buf_printf(out, "at most %s of memory\n", size);
        }
        if (limits->file_size) {
                size_format(limits->file_size, size);
                buf_printf(out, "files of at most %s\n", size);
        }
        if (limits->files)
                buf_printf(out, "at most %u open files\n", limits->files);
        if (limits->processes)
                buf_printf(out, "at most %u processes\n", limits->processes);
}

void sandbox_describe(const struct sandbox *sandbox, struct buf *out)
{
        const struct {
                bool allowed;
                const char *clause;
        } acts[] = {
                { sandbox->exec, "executes programs" },
                { sandbox->signals, "signals other processes" },
                { sandbox->processes || sandbox->ptrace_read, "reads other processes' /proc files" },
                { sandbox->ptrace_read, "reads other processes' memory" },
                { sandbox->namespaces, "enters namespaces" },
                { sandbox->mounts, "mounts file systems" },
                { sandbox->fanotify, "watches files by fanotify" },
                { sandbox->bpf, "loads BPF programs" },
        };
        bool some_paths = sandbox->read_paths && sandbox->read_paths[0];
        if (sandbox->read_all)
                buf_puts(out, "reads every file\n");
        else if (some_paths)
                list_paths("reads", sandbox->read_paths, out);
        else
                buf_puts(out, "reads no files\n");
        if (sandbox->write_paths && sandbox->write_paths[0])
                list_paths("writes", sandbox->write_paths, out);
        else
                buf_puts(out, "writes no files\n");
        list_sockets(sandbox, out);
        list_capabilities(sandbox->capabilities, out);
        for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
                if (acts[i].allowed)
                        buf_printf(out, "%s\n", acts[i].clause);
        list_limits(&sandbox->limits, out);
}
