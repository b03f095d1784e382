/* The out-of-memory killer's words, from Linux 2.6 to 6.x:
 *
 *   memhog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0       dump_header()
 *   Task in /a/b killed as a result of limit of /a                                        to 4.20
 *   oom-kill:constraint=C,nodemask=N,cpuset=S,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=T,pid=1,uid=0   from 5.0
 *   Memory cgroup out of memory: Killed process 1 (T) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 …
 *   Tasks in /a are going to be killed due to memory.oom.group set                        then a "Killed process" each
 *   OOM victim 1 (T) is already exiting. Skip killing the task
 *
 * All but the "Killed process" lines are rate-limited (oom_kill_process()), so each of those is a kill by itself; the
 * reports cannot interleave (oom_lock). Names of processes and groups are chosen by users, and stand in other lines of
 * the log too: so all of these count only where the line begins with them, and the name in brackets decides. */
#include "linux/kmsg.h"

enum { COMM_MAX = 15 };

/* Offset of the first / last `what` in text, or text.n. */
static size_t find_first(struct sv text, struct sv what)
{
        const char *at = text.p && text.n ? memmem(text.p, text.n, what.p, what.n) : NULL;
        return at ? (size_t)(at - text.p) : text.n;
}

static size_t find_last(struct sv text, struct sv what)
{
        for (size_t i = text.n >= what.n ? text.n - what.n + 1 : 0; i-- > 0;)
                if (memcmp(text.p + i, what.p, what.n) == 0)
                        return i;
        return text.n;
}

static struct sv from(struct sv text, size_t at)
{
        return at < text.n ? sv_n(text.p + at, text.n - at) : sv_n(text.p + text.n, 0);
}

/* Undoes the log's "\x0a"; cut where it does not fit, which is counted. */
static void copy_text(struct kmsg_oom_assembler *assembler, struct sv text, char *into, size_t size)
{
        size_t n = 0;
        for (size_t i = 0; i < text.n; i++) {
                uint64_t byte;
                if (n + 1 == size) {
                        assembler->refused++;
                        break;
                }
                if (text.n - i > 3 && text.p[i] == '\\' && text.p[i + 1] == 'x' &&
                        sv_parse_u64(sv_n(text.p + i + 2, 2), 16, &byte) && byte) {
                        into[n++] = (char)byte;
                        i += 3;
                } else {
                        into[n++] = text.p[i];
                }
        }
        into[n] = '\0';
}

/* "mem2" and "/mem2" are the same group. */
static void copy_path(struct kmsg_oom_assembler *assembler, struct sv text, char *into)
{
        text = sv_trim(text);
        into[0] = '/';
        if (text.n && text.p[0] == '/')
                text = from(text, 1);
        copy_text(assembler, text, into + 1, KMSG_CGROUP_MAX - 1);
}

static bool parse_pid(struct sv text, pid_t *ret)
{
        uint64_t number;
        if (!sv_parse_u64(text, 10, &number) || number == 0 || number > INT32_MAX)
                return false;
        *ret = (pid_t)number;
        return true;
}

static void begin(struct kmsg_oom_assembler *assembler, enum kmsg_oom_state state)
{
        assembler->state = state;
        assembler->oom = (struct kmsg_oom){ .uid = -1 };
}

static void note_cgroups(struct kmsg_oom_assembler *assembler, struct sv oom_memcg, struct sv task_memcg)
{
        copy_path(assembler, oom_memcg, assembler->oom.oom_memcg);
        copy_path(assembler, task_memcg, assembler->oom.task_memcg);
}

/* Characters of a name, escapes counted as one. */
static size_t name_length(struct sv text)
{
        size_t n = 0;
        for (size_t i = 0; i < text.n; i += text.p[i] == '\\' && text.n - i > 3 ? 4 : 1)
                n++;
        return n;
}

/* "x invoked oom-killer: …" */
static bool take_invoked(struct kmsg_oom_assembler *assembler, struct sv line)
{
        size_t at = find_first(line, SV(" invoked oom-killer:"));
        if (at == line.n || name_length(sv_n(line.p, at)) > COMM_MAX)
                return false;
        begin(assembler, KMSG_OOM_REPORT);
        assembler->reports++;
        copy_text(assembler, sv_n(line.p, at), assembler->oom.invoker, sizeof(assembler->oom.invoker));
        return true;
}

/* "Task in A killed as a result of limit of B" */
static bool take_legacy_limit(struct kmsg_oom_assembler *assembler, struct sv line)
{
        const struct sv task = SV("Task in ");
        const struct sv limit = SV(" killed as a result of limit of ");
        size_t end = find_last(line, limit);
        if (!sv_starts(line, task) || end == line.n || end < task.n)
                return false;
        if (assembler->state != KMSG_OOM_REPORT)
                begin(assembler, KMSG_OOM_REPORT);
        note_cgroups(assembler, from(line, end + limit.n), sv_n(line.p + task.n, end - task.n));
        return true;
}

/* Where ",task=" begins in what stands before ",pid=": the first after which a name can be as short as one is. */
static size_t find_task(struct sv text)
{
        const struct sv task = SV(",task=");
        size_t last = find_last(text, task);
        for (size_t at = find_first(text, task); at < last;) {
                if (name_length(from(text, at + task.n)) <= COMM_MAX)
                        return at;
                at += 1 + find_first(from(text, at + 1), task);
        }
        return last;
}

/* "oom-kill:constraint=…": its victim is chosen. Fields that are missing (a line that was cut) stay unknown. */
static bool take_chosen(struct kmsg_oom_assembler *assembler, struct sv line)
{
        const struct sv start = SV("oom-kill:constraint=");
        if (!sv_starts(line, start))
                return false;
        char invoker[KMSG_NAME_MAX] = "";
        if (assembler->state == KMSG_OOM_REPORT)
                memcpy(invoker, assembler->oom.invoker, sizeof(invoker));
        begin(assembler, KMSG_OOM_CHOSEN);
        struct kmsg_oom *oom = &assembler->oom;
        memcpy(oom->invoker, invoker, sizeof(invoker));
        struct sv rest = from(line, start.n);
        copy_text(assembler, sv_n(rest.p, sv_find(rest, ',')), oom->constraint, sizeof(oom->constraint));
        size_t uid = find_last(rest, SV(",uid="));
        uint64_t number;
        if (uid < rest.n && sv_parse_u64(sv_trim(from(rest, uid + 5)), 10, &number) && number <= UINT32_MAX)
                oom->uid = (int64_t)number;
        struct sv before = sv_n(rest.p, uid);
        size_t pid = find_last(before, SV(",pid="));
        if (pid < before.n)
                parse_pid(from(before, pid + 5), &oom->pid);
        before.n = pid;
        size_t task = find_task(before);
        copy_text(assembler, from(before, task + 6), oom->process, sizeof(oom->process));
        before.n = task;
        size_t task_memcg = find_first(before, SV(",task_memcg="));
        size_t oom_memcg = find_first(before, SV(",oom_memcg="));
        size_t whole = find_first(before, SV(",global_oom"));
        if (task_memcg < before.n)
                copy_path(assembler, from(before, task_memcg + 12), oom->task_memcg);
        if (oom_memcg < task_memcg)
                copy_path(assembler, sv_n(before.p + oom_memcg + 11, task_memcg - oom_memcg - 11), oom->oom_memcg);
        else if (whole < before.n)
                copy_path(assembler, SV("/"), oom->oom_memcg);
        return true;
}

/* "total-vm:8kB" */
static uint64_t kib_after(struct sv text, struct sv key)
{
        uint64_t kib;
        uint64_t bytes;
        struct sv value = from(text, find_first(text, key));
        if (value.n <= key.n)
                return 0;
        value = from(value, key.n);
        size_t digits = 0;
        while (digits < value.n && value.p[digits] >= '0' && value.p[digits] <= '9')
                digits++;
        return sv_parse_u64(sv_n(value.p, digits), 10, &kib) && !__builtin_mul_overflow(kib, UINT64_C(1024), &bytes)
                       ? bytes
                       : 0;
}

/* What stands behind "UID:" (from 5.3) or "UID " (Red Hat's older ones); -1 when it does not. */
static int64_t uid_in(struct sv text)
{
        struct sv value = from(text, find_first(text, SV("UID")));
        uint64_t number;
        size_t digits = 4;
        while (digits < value.n && value.p[digits] >= '0' && value.p[digits] <= '9')
                digits++;
        if (digits <= 4 || digits > value.n || !sv_parse_u64(sv_n(value.p + 4, digits - 4), 10, &number) ||
                number > UINT32_MAX)
                return -1;
        return (int64_t)number;
}

struct killed {
        pid_t pid;
        struct sv name, before, sizes; /* name in brackets; the line up to "Killed"; from the sizes on */
        int64_t uid;
};

/* "Killed process 1 (name) total-vm:…", "Killed process 1, UID 0, (name) total-vm:…" (Red Hat 6),
 * "Killed process 1 (name), UID 0, total-vm:…" (Red Hat 7), "Killed process 1 (name)" (2.6) */
static bool parse_killed(struct sv line, struct killed *ret)
{
        const struct sv start = SV("Killed process ");
        size_t at = find_first(line, start);
        if (at == line.n)
                return false;
        struct sv rest = from(line, at + start.n);
        size_t digits = 0;
        while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9')
                digits++;
        if (!parse_pid(sv_n(rest.p, digits), &ret->pid))
                return false;
        rest = from(rest, digits);
        size_t open = sv_find(rest, '(');
        if (open == rest.n)
                return false;
        size_t sizes = find_last(rest, SV(" total-vm:"));
        if (sizes == rest.n)
                sizes = find_last(rest, SV(" vsz:"));
        size_t close = find_last(sv_n(rest.p, sizes), SV(")"));
        if (close >= sizes || close <= open)
                return false;
        ret->name = sv_n(rest.p + open + 1, close - open - 1);
        ret->before = sv_n(line.p, at);
        ret->sizes = from(rest, sizes);
        ret->uid = uid_in(ret->sizes);
        if (ret->uid < 0)
                ret->uid = uid_in(sv_n(rest.p, open));
        if (ret->uid < 0)
                ret->uid = uid_in(sv_n(rest.p + close, sizes - close));
        return true;
}

/* "", "Out of memory: ", "Out of memory (oom_kill_allocating_task): ", "Memory cgroup out of memory: " */
static bool is_said_by_killer(struct sv before)
{
        const struct sv machine = SV("Out of memory");
        return before.n == 0 || sv_eq(before, SV("Memory cgroup out of memory: ")) ||
               (sv_starts(before, machine) && sv_find(from(before, machine.n), ':') == before.n - machine.n - 2);
}

static bool take_killed(struct kmsg_oom_assembler *assembler, struct sv line, int64_t unix_ns, struct kmsg_oom *ret)
{
        struct killed killed;
        if (!parse_killed(line, &killed) || !is_said_by_killer(killed.before))
                return false;
        struct kmsg_oom *oom = &assembler->oom;
        bool group = assembler->state == KMSG_OOM_GROUP;
        if (group && oom->pid == killed.pid) /* the first victim is a member too, and is said again */
                return false;
        if (assembler->state == KMSG_OOM_REPORT && !oom->task_memcg[0]) /* before 5.0: not for want in a group */
                note_cgroups(assembler, SV("/"), SV("/"));
        else if (assembler->state == KMSG_OOM_KILLED || assembler->state == KMSG_OOM_NONE ||
                 (assembler->state == KMSG_OOM_CHOSEN && oom->pid != killed.pid))
                begin(assembler, KMSG_OOM_KILLED);
        pid_t first = oom->pid;
        oom->unix_ns = unix_ns;
        oom->pid = killed.pid;
        oom->group = group;
        if (killed.uid >= 0)
                oom->uid = killed.uid;
        copy_text(assembler, killed.name, oom->process, sizeof(oom->process));
        if (!oom->constraint[0] && sv_starts(killed.before, SV("Memory cgroup")))
                snprintf(oom->constraint, sizeof(oom->constraint), "CONSTRAINT_MEMCG");
        oom->total_vm = kib_after(killed.sizes, SV("total-vm:"));
        if (!oom->total_vm)
                oom->total_vm = kib_after(killed.sizes, SV("vsz:"));
        oom->anon_rss = kib_after(killed.sizes, SV("anon-rss:"));
        oom->file_rss = kib_after(killed.sizes, SV("file-rss:"));
        oom->shmem_rss = kib_after(killed.sizes, SV("shmem-rss:"));
        *ret = *oom;
        assembler->kills++;
        if (group)
                oom->pid = first;
        else
                assembler->state = KMSG_OOM_KILLED;
        return true;
}

/* "Tasks in /a are going to be killed due to memory.oom.group set": after the first victim, before the others. */
static bool take_group(struct kmsg_oom_assembler *assembler, struct sv line)
{
        const struct sv tasks = SV("Tasks in ");
        size_t end = find_last(line, SV(" are going to be killed due to memory.oom.group set"));
        if (!sv_starts(line, tasks) || end == line.n || end < tasks.n)
                return false;
        if (assembler->state != KMSG_OOM_KILLED)
                begin(assembler, KMSG_OOM_GROUP);
        assembler->state = KMSG_OOM_GROUP;
        assembler->oom.uid = -1;
        copy_path(assembler, sv_n(line.p + tasks.n, end - tasks.n), assembler->oom.task_memcg);
        return true;
}

bool kmsg_oom_feed(struct kmsg_oom_assembler *assembler, struct sv message, int64_t unix_ns, struct kmsg_oom *ret)
{
        if (assembler->state != KMSG_OOM_NONE && unix_ns - assembler->since_unix_ns > KMSG_OOM_REPORT_NS)
                assembler->state = KMSG_OOM_NONE;
        bool taken = take_legacy_limit(assembler, message) || take_group(assembler, message) ||
                     take_chosen(assembler, message) || take_invoked(assembler, message);
        bool killed = !taken && take_killed(assembler, message, unix_ns, ret);
        if (taken || killed)
                assembler->since_unix_ns = unix_ns;
        return killed;
}
