#include "base/encode.h"
#include "base/timefmt.h"
#include "lib/audit/names.h"
#include "modules/watch/event/export.h"

#include <elf.h>
#include <linux/audit.h>

enum {
        EXECVE_MAX = 7500,   /* encoded bytes of arguments a record, as the kernel's MAX_EXECVE_AUDIT_LEN */
        PROCTITLE_MAX = 128, /* as the kernel's MAX_PROCTITLE_AUDIT_LEN */
};

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH AUDIT_ARCH_X86_64 /* names are what is exported; any table of numbers will do */
#endif

static void begin(const struct event *event, const char *type, struct buf *out)
{
        int64_t ms = event->time_ns / MILLISECOND;
        buf_printf(out, "type=%s msg=audit(%lld.%03lld:%u):", type, (long long)(ms / 1000), (long long)(ms % 1000),
                (unsigned)event->id);
}

static bool needs_hex(struct sv text)
{
        for (size_t i = 0; i < text.n; i++) {
                unsigned char c = (unsigned char)text.p[i];
                if (c == '"' || c < 0x21 || c > 0x7e)
                        return true;
        }
        return false;
}

static void put_hex(struct sv text, struct buf *out)
{
        static const char digits[] = "0123456789ABCDEF";
        char *room = buf_reserve(out, 2 * text.n);
        if (!room)
                return;
        for (size_t i = 0; i < text.n; i++) {
                room[2 * i] = digits[(unsigned char)text.p[i] >> 4];
                room[2 * i + 1] = digits[(unsigned char)text.p[i] & 15];
        }
        out->len += 2 * text.n;
        out->data[out->len] = '\0';
}

/* audit_log_untrustedstring of kernel/audit.c: in quotes, or in hex when it holds what could end them. */
static void put_untrusted(struct sv text, struct buf *out)
{
        if (needs_hex(text)) {
                put_hex(text, out);
                return;
        }
        buf_putc(out, '"');
        buf_append(out, text.p, text.n);
        buf_putc(out, '"');
}

static void put_text(const char *name, const char *text, struct buf *out)
{
        buf_printf(out, " %s=", name);
        if (text && *text)
                put_untrusted(sv_of(text), out);
        else
                buf_puts(out, "(null)");
}

static unsigned id_of(bool has, uint64_t id)
{
        return has ? (unsigned)id : AUDIT_UNSET;
}

static void put_pid_and_ids(const struct event_process *process, struct buf *out)
{
        buf_printf(out, " ppid=%d pid=%d auid=%u", process->ppid, process->pid,
                id_of(process->has_session, process->auid));
        unsigned uid = id_of(process->has_ids, process->uid);
        unsigned euid = id_of(process->has_ids, process->euid);
        unsigned gid = id_of(process->has_ids, process->gid);
        unsigned egid = id_of(process->has_ids, process->egid);
        buf_printf(out, " uid=%u gid=%u euid=%u suid=%u fsuid=%u egid=%u sgid=%u fsgid=%u", uid, gid, euid, euid, euid,
                egid, egid, egid);
}

static void put_tty(const char *tty, struct buf *out)
{
        struct sv name = sv_of(tty && *tty ? tty : "(none)");
        struct sv rest = name;
        if (sv_starts(rest, SV("/dev/")))
                rest = sv_n(rest.p + 5, rest.n - 5);
        buf_puts(out, " tty=");
        for (size_t i = 0; i < rest.n; i++) /* pts/0 is pts0, as the kernel names terminals */
                if (rest.p[i] > ' ' && rest.p[i] < 0x7f && rest.p[i] != '/')
                        buf_putc(out, rest.p[i]);
}

/* What stands for the event's system call when the source did not tell one. */
static const char *syscall_of(const struct event *event)
{
        static const char *const usual[EVENT_TYPES] = {
                [EVENT_EXEC] = "execve",
                [EVENT_FORK] = "clone",
                [EVENT_EXIT] = "exit_group",
                [EVENT_CREDENTIAL] = "setresuid",
                [EVENT_NAMESPACE] = "unshare",
                [EVENT_PTRACE] = "ptrace",
                [EVENT_FILE] = "openat",
                [EVENT_MODULE] = "finit_module",
                [EVENT_MOUNT] = "mount",
                [EVENT_BPF] = "bpf",
                [EVENT_CAPABILITY] = "capset",
                [EVENT_SYSCALL] = "prctl",
        };
        const char *told = event->has_audit ? event->audit.syscall : NULL;
        const char *operation = event->has_object ? event->object.operation : NULL;
        if (told && *told)
                return told;
        if (event->type == EVENT_MODULE && operation && strcmp(operation, "unload") == 0)
                return "delete_module";
        if (operation && *operation && audit_syscall_number(ARCH, operation) >= 0)
                return operation;
        return usual[event->type];
}

static void put_syscall(const struct event *event, unsigned items, struct buf *out)
{
        const struct event_process *process = &event->process;
        bool success = !event->has_audit || !event->audit.has_result || event->audit.success;
        long long result = event->has_audit && event->audit.has_result ? (long long)event->audit.result : 0;
        unsigned first = event->type == EVENT_EXIT && event->has_exit ? (unsigned)event->exit.code : 0;
        struct event_process actor = *process;
        if (event->type == EVENT_FORK) { /* the parent called; what it got is the child */
                result = process->pid;
                actor.pid = process->ppid;
                actor.ppid = 0;
                if (process->ancestors.count) {
                        actor.comm = process->ancestors.items[0].comm;
                        actor.exe = process->ancestors.items[0].exe;
                }
                if (process->ancestors.count > 1)
                        actor.ppid = process->ancestors.items[1].pid;
        }
        begin(event, "SYSCALL", out);
        buf_printf(out, " arch=%x syscall=%d success=%s exit=%lld a0=%x a1=0 a2=0 a3=0 items=%u", (unsigned)ARCH,
                audit_syscall_number(ARCH, syscall_of(event)), success ? "yes" : "no", result, first, items);
        put_pid_and_ids(&actor, out);
        put_tty(process->tty, out);
        buf_printf(out, " ses=%u", id_of(process->has_session, process->session));
        put_text("comm", actor.comm, out);
        put_text("exe", actor.exe, out);
        put_text("key", event->has_audit ? event->audit.key : NULL, out);
        buf_putc(out, '\n');
}

/* An argument that is too long for one record goes on in the next as a1[0]=, a1[1]=, after a1_len= (kernel/auditsc.c,
 * audit_log_execve_info). */
static void put_long_argument(const struct event *event, size_t number, struct sv text, size_t *used, struct buf *out)
{
        bool hex = needs_hex(text);
        size_t step = hex ? EXECVE_MAX / 2 : EXECVE_MAX;
        if (*used) {
                buf_putc(out, '\n');
                begin(event, "EXECVE", out);
        }
        buf_printf(out, " a%zu_len=%zu", number, hex ? 2 * text.n : text.n);
        for (size_t at = 0, part = 0; at < text.n; at += step, part++) {
                struct sv piece = sv_n(text.p + at, text.n - at < step ? text.n - at : step);
                if (part) {
                        buf_putc(out, '\n');
                        begin(event, "EXECVE", out);
                }
                buf_printf(out, " a%zu[%zu]=", number, part);
                if (hex)
                        put_hex(piece, out);
                else
                        put_untrusted(piece, out);
                *used = piece.n * (hex ? 2 : 1);
        }
}

static void put_execve(const struct event *event, struct buf *out)
{
        const struct string_list *argv = &event->process.argv;
        size_t used = 0;
        begin(event, "EXECVE", out);
        buf_printf(out, " argc=%zu", argv->count);
        for (size_t i = 0; i < argv->count; i++) {
                struct sv text = sv_of(argv->items[i]);
                size_t size = needs_hex(text) ? 2 * text.n : text.n;
                if (size > EXECVE_MAX) {
                        put_long_argument(event, i, text, &used, out);
                        continue;
                }
                if (used + size > EXECVE_MAX) {
                        buf_putc(out, '\n');
                        begin(event, "EXECVE", out);
                        used = 0;
                }
                buf_printf(out, " a%zu=", i);
                put_untrusted(text, out);
                used += size + 8;
        }
        buf_putc(out, '\n');
}

static void put_proctitle(const struct event *event, struct buf *out)
{
        const struct string_list *argv = &event->process.argv;
        struct buf title;
        buf_init(&title, 1 << 20);
        for (size_t i = 0; i < argv->count && title.len < PROCTITLE_MAX; i++) {
                if (i)
                        buf_putc(&title, '\0');
                buf_puts(&title, argv->items[i]);
        }
        if (title.len) {
                begin(event, "PROCTITLE", out);
                buf_puts(out, " proctitle=");
                put_untrusted(sv_n(title.data, title.len < PROCTITLE_MAX ? title.len : PROCTITLE_MAX), out);
                buf_putc(out, '\n');
        }
        buf_done(&title);
}

static void put_path(const struct event *event, unsigned item, const char *path, bool object, struct buf *out)
{
        const char *operation = event->has_object && event->object.operation ? event->object.operation : "";
        const char *kind = strcmp(operation, "create") == 0   ? "CREATE"
                           : strcmp(operation, "delete") == 0 ? "DELETE"
                                                              : "NORMAL";
        begin(event, "PATH", out);
        buf_printf(out, " item=%u", item);
        put_text("name", path, out);
        if (object && event->object.inode)
                buf_printf(out, " inode=%llu dev=00:00 mode=0%o ouid=%u ogid=0 rdev=00:00",
                        (unsigned long long)event->object.inode, (unsigned)event->object.mode,
                        (unsigned)event->object.owner);
        buf_printf(out, " nametype=%s\n", object ? kind : "NORMAL");
}

/* The records beside SYSCALL that an event of this type has. */
static void put_aside(const struct event *event, struct buf *out)
{
        const struct event_object *object = &event->object;
        const char *name = event->has_object && object->name ? object->name : "?";
        if (event->type == EVENT_MODULE) {
                begin(event, "KERN_MODULE", out);
                put_text("name", name, out);
                buf_putc(out, '\n');
        } else if (event->type == EVENT_BPF) {
                uint64_t number;
                begin(event, "BPF", out);
                buf_printf(out, " prog-id=%llu op=%s\n",
                        sv_parse_u64(sv_of(name), 10, &number) ? (unsigned long long)number : 0ULL,
                        event->has_object && object->operation && strcmp(object->operation, "unload") == 0 ? "UNLOAD"
                                                                                                           : "LOAD");
        } else if (event->type == EVENT_PTRACE && event->has_object && object->pid) {
                begin(event, "OBJ_PID", out);
                buf_printf(
                        out, " opid=%d oauid=%u ouid=%u oses=%u", object->pid, AUDIT_UNSET, AUDIT_UNSET, AUDIT_UNSET);
                put_text("ocomm", name, out);
                buf_putc(out, '\n');
        }
}

static void put_call(const struct event *event, struct buf *out)
{
        const struct event_process *process = &event->process;
        const struct event_object *object = &event->object;
        bool exec = event->type == EVENT_EXEC;
        bool source = event->has_object && object->source && *object->source;
        bool path = event->has_object && object->path && *object->path;
        bool program = exec && process->exe && *process->exe;
        unsigned item = 0;
        put_syscall(event, (unsigned)source + path + program, out);
        put_aside(event, out);
        if (exec && process->argv.count)
                put_execve(event, out);
        if (process->cwd && *process->cwd) {
                begin(event, "CWD", out);
                put_text("cwd", process->cwd, out);
                buf_putc(out, '\n');
        }
        if (program)
                put_path(event, item++, process->exe, false, out);
        if (source)
                put_path(event, item++, object->source, false, out);
        if (path)
                put_path(event, item, object->path, true, out);
        put_proctitle(event, out);
        begin(event, "EOE", out);
        buf_puts(out, " \n");
}

static void put_who(const struct event *event, struct buf *out)
{
        const struct event_process *process = &event->process;
        buf_printf(out, " auid=%u uid=%u gid=%u ses=%u pid=%d", id_of(process->has_session, process->auid),
                id_of(process->has_ids, process->uid), id_of(process->has_ids, process->gid),
                id_of(process->has_session, process->session), process->pid);
}

static void put_abend(const struct event *event, const char *type, int signal, struct buf *out)
{
        begin(event, type, out);
        put_who(event, out);
        put_text("comm", event->process.comm, out);
        put_text("exe", event->process.exe, out);
        buf_printf(out, " sig=%d res=1\n", signal);
}

static const char *or_unknown(const char *text)
{
        return text && *text ? text : "?";
}

/* Names of record types are words of capitals; anything else becomes the fallback. */
static const char *type_of(const struct event *event, const char *fallback)
{
        const char *operation = event->has_object ? event->object.operation : NULL;
        if (!operation || !*operation ||
                strspn(operation, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(operation))
                return fallback;
        return operation;
}

static void put_plain(const char *name, const char *text, struct buf *out)
{
        struct sv value = sv_of(or_unknown(text));
        buf_printf(out, " %s=", name);
        if (needs_hex(value) || memchr(value.p, '\'', value.n))
                put_hex(value, out);
        else
                buf_append(out, value.p, value.n);
}

static void put_user(const struct event *event, struct buf *out)
{
        const struct event_process *process = &event->process;
        begin(event, type_of(event, "USER"), out);
        buf_printf(out, " pid=%d uid=%u auid=%u ses=%u msg='op=%s", process->pid, id_of(process->has_ids, process->uid),
                id_of(process->has_session, process->auid), id_of(process->has_session, process->session),
                event->type == EVENT_USER ? "event" : "?");
        put_text("acct", event->has_user ? or_unknown(event->user.account) : "?", out);
        put_text("exe", or_unknown(process->exe), out);
        put_plain("hostname", event->user.hostname, out);
        put_plain("addr", event->user.address, out);
        put_plain("terminal", event->user.terminal, out);
        bool success = !event->has_audit || !event->audit.has_result || event->audit.success;
        buf_printf(out, " res=%s'\n", success ? "success" : "failed");
}

static void put_container(const struct event *event, struct buf *out)
{
        const struct event_process *process = &event->process;
        const struct event_container *container = &process->container;
        begin(event, "VIRT_CONTROL", out);
        buf_printf(out, " pid=%d uid=%u auid=%u ses=%u msg='virt=", process->pid, id_of(process->has_ids, process->uid),
                id_of(process->has_session, process->auid), id_of(process->has_session, process->session));
        for (const char *p = or_unknown(container->engine); *p; p++)
                if ((*p >= 'a' && *p <= 'z') || *p == '-' || *p == '?')
                        buf_putc(out, *p);
        bool stop = event->has_object && event->object.operation && strcmp(event->object.operation, "stop") == 0;
        buf_printf(out, " op=%s reason=%s", stop ? "stop" : "start", stop ? "destroyed" : "booted");
        put_text("vm", container->name && *container->name ? container->name : or_unknown(container->id), out);
        put_plain("uuid", container->id, out);
        put_text("exe", or_unknown(process->exe), out);
        buf_puts(out, " hostname=? addr=? terminal=? res=success'\n");
}

static void put_gap(const struct event *event, struct buf *out)
{
        begin(event, "DAEMON_ERR", out);
        buf_printf(out, " op=lost-%s reason=", event->gap.unit ? event->gap.unit : "events");
        for (const char *p = or_unknown(event->gap.reason); *p;
                p++) /* "kernel-backlog": ausearch decodes no hex here */
                buf_putc(out, (*p >= 'a' && *p <= 'z') || *p == '?' ? *p : '-');
        buf_printf(
                out, " lost=%llu auid=%u pid=0 subj=? res=failed\n", (unsigned long long)event->gap.lost, AUDIT_UNSET);
}

static void put_config(const struct event *event, struct buf *out)
{
        begin(event, "CONFIG_CHANGE", out);
        buf_printf(out, " auid=%u ses=%u op=", id_of(event->process.has_session, event->process.auid),
                id_of(event->process.has_session, event->process.session));
        put_untrusted(sv_of(or_unknown(event->has_object ? event->object.name : NULL)), out);
        put_text("key", event->has_audit ? event->audit.key : NULL, out);
        buf_puts(out, " list=4 res=1\n");
}

void export_auditd(const struct event *event, struct buf *out)
{
        switch (event->type) {
        case EVENT_USER:
                put_user(event, out);
                break;
        case EVENT_CONTAINER:
                put_container(event, out);
                break;
        case EVENT_GAP:
                put_gap(event, out);
                break;
        case EVENT_CONFIG:
                put_config(event, out);
                break;
        case EVENT_OOM:
                put_abend(event, "ANOM_ABEND", 9, out);
                break;
        case EVENT_ANOMALY:
                put_abend(event, type_of(event, "ANOM_ABEND"), event->has_exit ? event->exit.signal : 0, out);
                break;
        case EVENT_EXIT:
                if (event->has_exit && event->exit.signal)
                        put_abend(event, "ANOM_ABEND", event->exit.signal, out);
                else
                        put_call(event, out);
                break;
        default:
                put_call(event, out);
        }
}
