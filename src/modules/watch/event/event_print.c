/* Events as lines: "01:02:03.456 exec  web  nginx[7] → sh[12] uid=33 /bin/sh -c id". */
#include "modules/watch/event/event_print.h"

#include "base/buf.h"
#include "module/lines.h"

#include <time.h>

enum { WORDS_MAX = 16 << 10 };

static void put_clock(struct buf *out, int64_t time_ns)
{
        struct tm local;
        time_t seconds = time_ns / SECOND;
        localtime_r(&seconds, &local);
        buf_printf(out, "%02d:%02d:%02d.%03d ", local.tm_hour, local.tm_min, local.tm_sec,
                (int)(time_ns % SECOND / MILLISECOND));
}

/* As a shell would take it. */
static void put_argument(struct buf *out, const char *text)
{
        const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%^";
        if (*text && text[strspn(text, plain)] == '\0') {
                buf_puts(out, text);
                return;
        }
        buf_putc(out, '\'');
        for (; *text; text++) {
                if (*text == '\'')
                        buf_puts(out, "'\\''");
                else
                        buf_putc(out, *text);
        }
        buf_putc(out, '\'');
}

static void put_command(struct buf *out, const struct event_process *process)
{
        for (size_t i = 0; i < process->argv.count; i++) {
                buf_putc(out, ' ');
                put_argument(out, process->argv.items[i]);
        }
        if (process->argv.count == 0 && process->exe)
                buf_printf(out, " %s", process->exe);
        if (process->argv_truncated)
                buf_puts(out, " …");
}

static const char *container_word(const struct event_process *process)
{
        if (!process->has_container)
                return "-";
        const struct event_container *container = &process->container;
        return container->name ? container->name : container->id ? container->id : "?";
}

static void put_process(struct buf *out, const struct event_process *process)
{
        buf_printf(out, "%-12.12s ", container_word(process));
        if (process->ancestors.count)
                buf_printf(out, "%s[%d] → ", process->ancestors.items[0].comm, process->ppid);
        buf_printf(out, "%s[%d]", process->comm ? process->comm : "?", process->pid);
        if (process->has_ids) {
                buf_printf(out, " uid=%llu", (unsigned long long)process->uid);
                if (process->euid != process->uid)
                        buf_printf(out, " euid=%llu", (unsigned long long)process->euid);
        }
}

static void put_exit(struct buf *out, const struct event_exit *exit)
{
        char text[TIME_TEXT_MAX];
        if (exit->signal)
                buf_printf(out, " signal %d%s", exit->signal, exit->core ? ", core" : "");
        else
                buf_printf(out, " status %d", exit->code);
        duration_format(exit->duration_ns, text);
        buf_printf(out, " after %s", text);
}

static void put_object(struct buf *out, const struct event_object *object)
{
        if (object->operation)
                buf_printf(out, " %s", object->operation);
        if (object->name)
                buf_printf(out, " %s", object->name);
        if (object->source)
                buf_printf(out, " %s →", object->source);
        if (object->path)
                buf_printf(out, " %s", object->path);
        if (object->pid)
                buf_printf(out, " pid %d", object->pid);
}

static void put_rest(struct buf *out, const struct event *event)
{
        if (event->type == EVENT_EXEC)
                put_command(out, &event->process);
        if (event->has_exit)
                put_exit(out, &event->exit);
        if (event->has_object)
                put_object(out, &event->object);
        if (event->has_user && event->user.account)
                buf_printf(out, " account %s", event->user.account);
        if (event->has_user && event->user.address)
                buf_printf(out, " from %s", event->user.address);
        if (event->has_audit && event->audit.syscall && event->type == EVENT_SYSCALL)
                buf_printf(out, " %s", event->audit.syscall);
        if (event->has_audit && event->audit.has_result && !event->audit.success)
                buf_puts(out, " failed");
        if (event->has_audit && event->audit.key)
                buf_printf(out, " key=%s", event->audit.key);
        if (event->synthetic)
                buf_puts(out, " (found in /proc)");
}

void event_print(struct line_printer *printer, const struct event *event)
{
        struct buf line;
        buf_init(&line, 1 << 20);
        if (event->has_audit && event->audit.detail && !event->has_process && event->type == EVENT_SYSCALL) {
                print_line(printer, "%s", event->audit.detail); /* --raw */
                return;
        }
        put_clock(&line, event->time_ns);
        buf_printf(&line, "%-10s ", event_type_names[event->type]);
        if (event->has_process)
                put_process(&line, &event->process);
        if (event->has_gap && event->gap.lost)
                buf_printf(&line, "%llu %s lost: %s", (unsigned long long)event->gap.lost, event->gap.unit,
                        event->gap.reason);
        else if (event->has_gap)
                buf_printf(&line, "repaired from /proc: %llu processes", (unsigned long long)event->gap.healed);
        put_rest(&line, event);
        print_line(printer, "%s", buf_text(&line));
        for (size_t i = 0; i < event->alerts.count; i++)
                print_line(printer, "             ALERT %s", event->alerts.items[i]);
        buf_done(&line);
}
