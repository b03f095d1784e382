/* Events from what was observed and what the tree knows: what the observation itself told comes first. */
#include "modules/watch/process/tree_internal.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "linux/capability_names.h"

#include <sched.h>

enum {
        SCRATCH_MAX = 8 << 20,
        SCRATCH_KEPT = 256 << 10,
        CAPABILITIES_LACKING = 8, /* at most so many are told by what they lack */
};

/* --- texts ------------------------------------------------------------------------------------------------------- */

/* Room for all texts of one event at once, so that none moves. */
static void scratch_prepare(struct tree *tree, size_t size)
{
        struct scratch *scratch = &tree->scratch;
        scratch->used = 0;
        if (size <= scratch->size && (scratch->size <= SCRATCH_KEPT || size > SCRATCH_KEPT))
                return;
        tree_memory_free(tree, scratch->bytes, scratch->size);
        *scratch = (struct scratch){ 0 };
        size = size < 4096 ? 4096 : size + size / 2;
        scratch->bytes = size <= SCRATCH_MAX ? tree_memory(tree, NULL, 0, size) : NULL;
        scratch->size = scratch->bytes ? size : 0;
}

static const char *keep(struct tree *tree, struct sv text)
{
        struct scratch *scratch = &tree->scratch;
        if (text.n == 0 || scratch->size - scratch->used <= text.n)
                return NULL;
        char *copy = scratch->bytes + scratch->used;
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        scratch->used += text.n + 1;
        return copy;
}

static size_t texts_of(const struct observation *o)
{
        const struct sv *texts[] = { &o->comm, &o->exe, &o->cwd, &o->tty, &o->syscall, &o->operation, &o->key, &o->path,
                &o->path2, &o->object, &o->account, &o->address, &o->terminal, &o->hostname, &o->detail, &o->argv };
        size_t size = 256; /* names of namespaces */
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                size += texts[i]->n + 1;
        return size;
}

static char *hex(char *at, uint64_t number)
{
        unsigned digits = number ? (67 - (unsigned)__builtin_clzll(number)) / 4 : 1;
        for (unsigned i = digits; i-- > 0; number >>= 4)
                at[i] = "0123456789abcdef"[number & 15];
        return at + digits;
}

static const char *id_of(const struct tree *tree, struct tree_process *process, char *ret)
{
        if (!process->id_fixed) { /* in use from now on, so it stays even when the start is told later */
                int64_t since_boot = process->first_ns - tree->options.boot_time_ns;
                uint64_t start = process->start_ns ? process->start_ns : since_boot > 0 ? (uint64_t)since_boot : 0;
                process->id_ticks = start / TREE_TICK_NS;
                process->id_fixed = true;
        }
        char *at = hex(ret, tree->options.boot);
        *at++ = '-';
        at = hex(at, process->id_ticks);
        *at++ = '-';
        at = hex(at, process->pid);
        *at++ = '-';
        *hex(at, process->execs) = '\0';
        return ret;
}

/* "all", or "all,-CAP_SYS_RESOURCE" where little is lacking: root's forty names were half of each of its events. */
static void format_capabilities(const struct tree *tree, uint64_t mask, struct buf *out)
{
        uint64_t all = tree->options.capabilities;
        uint64_t lacking = all & ~mask;
        if ((mask & ~all) || __builtin_popcountll(lacking) > CAPABILITIES_LACKING) {
                capability_format(mask, out);
                return;
        }
        buf_puts(out, "all");
        for (unsigned i = 0; i < 64; i++) {
                if (!(lacking >> i & 1))
                        continue;
                buf_puts(out, ",-");
                capability_format(UINT64_C(1) << i, out);
        }
}

static const char *capabilities_of(struct tree *tree, uint64_t mask)
{
        enum { CACHED = sizeof(tree->capabilities) / sizeof(*tree->capabilities), TEXT = 2048 };
        for (size_t i = 0; i < CACHED; i++)
                if (tree->capabilities[i].text && tree->capabilities[i].mask == mask)
                        return tree->capabilities[i].text;
        unsigned slot = tree->capabilities_next++ % CACHED;
        char **text = &tree->capabilities[slot].text;
        if (!*text)
                *text = tree_memory(tree, NULL, 0, TEXT);
        if (!*text)
                return NULL;
        cleanup(buf_done) struct buf names;
        buf_init(&names, TEXT - 1);
        format_capabilities(tree, mask, &names);
        snprintf(*text, TEXT, "%s", buf_text(&names));
        tree->capabilities[slot].mask = mask;
        return *text;
}

/* --- the process ------------------------------------------------------------------------------------------------- */

static bool arguments_room(struct tree *tree, size_t count)
{
        if (count <= tree->arguments_capacity)
                return true;
        size_t capacity = count < 64 ? 64 : count + count / 2;
        char **grown = tree_memory(
                tree, tree->arguments, tree->arguments_capacity * sizeof(char *), capacity * sizeof(char *));
        if (!grown)
                return false;
        tree->arguments = grown;
        tree->arguments_capacity = capacity;
        return true;
}

/* bytes end with a NUL. */
static void fill_arguments(struct tree *tree, const char *bytes, size_t length, struct event_process *ret)
{
        size_t count = 0;
        for (const char *at = bytes; at < bytes + length; at += strlen(at) + 1, count++) {
                if (count == TREE_ARGC_MAX || !arguments_room(tree, count + 1)) {
                        ret->argv_truncated = true;
                        break;
                }
                tree->arguments[count] = (char *)(uintptr_t)at;
        }
        ret->argv = (struct string_list){ tree->arguments, count };
}

static void fill_credential(struct tree *tree, const struct text *text, struct event_process *ret)
{
        if (!text)
                return;
        struct credential credential;
        memcpy(&credential, text->bytes, sizeof(credential));
        ret->has_ids = credential.has & HAS_UIDS;
        ret->uid = credential.uid;
        ret->euid = credential.euid;
        ret->gid = credential.gid;
        ret->egid = credential.egid;
        ret->has_session = credential.has & HAS_SESSION;
        ret->auid = credential.auid;
        ret->session = credential.session;
        if (credential.has & HAS_CAPABILITIES)
                ret->capabilities =
                        capabilities_of(tree, credential.capabilities[0] | (uint64_t)credential.capabilities[1] << 32);
        if (text->length > sizeof(credential))
                ret->tty = text->bytes + sizeof(credential);
}

static void fill_ancestors(struct tree *tree, const struct tree_process *process, struct event_process *ret)
{
        size_t count = 0;
        uint32_t at = process->parent;
        for (; at && count < EVENT_ANCESTORS_MAX; count++) {
                struct tree_process *above = tree_at(tree, at);
                tree->ancestors[count] = (struct event_ancestor){ .pid = (int)above->pid,
                        .comm = above->comm,
                        .exe = above->exe ? above->exe->bytes : NULL,
                        .exec_id = id_of(tree, above, tree->ids[count + 2]) };
                at = above->parent;
        }
        for (; at && ret->ancestors_omitted < TREE_DEPTH_MAX; at = tree_at(tree, at)->parent)
                ret->ancestors_omitted++;
        ret->ancestors.items = tree->ancestors;
        ret->ancestors.count = count;
        if (count) {
                ret->parent_exec_id = tree->ancestors[0].exec_id;
                ret->ppid = tree->ancestors[0].pid;
        }
}

static void fill(struct tree *tree, struct tree_process *process, struct event_process *ret)
{
        *ret = (struct event_process){ .pid = (int)process->pid, .start_ns = process->first_ns };
        ret->exec_id = id_of(tree, process, tree->ids[0]);
        ret->comm = process->comm;
        ret->exe = process->exe ? process->exe->bytes : NULL;
        ret->cwd = process->cwd ? process->cwd->bytes : NULL;
        ret->argv_truncated = process->argv_cut;
        if (process->argv)
                fill_arguments(tree, process->argv->bytes, process->argv->length + 1, ret);
        fill_credential(tree, process->credential, ret);
        ret->pid_namespace = process->pid_namespace;
        if (process->cgroup && tree->cgroups[process->cgroup].unit)
                ret->unit = tree->cgroups[process->cgroup].unit->bytes;
        ret->has_container = process->container != 0;
        if (ret->has_container) {
                tree_container_fill(tree, process->container, &ret->container);
                ret->container.attribution = process->attribution;
        }
        fill_ancestors(tree, process, ret);
}

void tree_process_fill(struct tree *tree, const struct tree_process *process, struct event_process *ret)
{
        fill(tree, tree_at(tree, process->self), ret);
}

/* What the observation told of the process as it was at that moment. */
static void fill_told(struct tree *tree, const struct observation *o, struct event_process *ret)
{
        if (o->tid != o->pid)
                ret->tid = o->tid;
        if (!ret->ppid)
                ret->ppid = o->ppid;
        if (o->comm.n)
                ret->comm = keep(tree, o->comm);
        if (o->exe.n)
                ret->exe = keep(tree, o->exe);
        if (o->cwd.n)
                ret->cwd = keep(tree, o->cwd);
        if (o->tty.n)
                ret->tty = keep(tree, o->tty);
        if (o->argv.n && o->type == OBSERVED_EXEC) {
                bool ended = o->argv.p[o->argv.n - 1] == '\0';
                const char *bytes = ended ? o->argv.p : keep(tree, o->argv);
                ret->argv_truncated = o->argv_truncated;
                if (bytes)
                        fill_arguments(tree, bytes, o->argv.n + !ended, ret);
        }
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

static const char *namespaces_of(struct tree *tree, uint64_t flags)
{
        static const struct {
                uint64_t flag;
                const char *name;
        } names[] = { { CLONE_NEWCGROUP, "cgroup" }, { CLONE_NEWIPC, "ipc" }, { CLONE_NEWNET, "net" },
                { CLONE_NEWNS, "mnt" }, { CLONE_NEWPID, "pid" }, { 0x80 /* CLONE_NEWTIME */, "time" },
                { CLONE_NEWUSER, "user" }, { CLONE_NEWUTS, "uts" } };
        char text[128] = "";
        size_t used = 0;
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (flags & names[i].flag)
                        used += (size_t)snprintf(
                                text + used, sizeof(text) - used, "%s%s", used ? "," : "", names[i].name);
        return keep(tree, sv_n(text, used));
}

static void fill_object(struct tree *tree, const struct observation *o, struct event *event)
{
        struct event_object *object = &event->object;
        object->operation = keep(tree, o->operation);
        object->path = keep(tree, o->path);
        object->source = keep(tree, o->path2);
        object->name = keep(tree, o->object);
        if (o->type == OBSERVED_NAMESPACE && !object->name)
                object->name = namespaces_of(tree, o->flags);
        if (o->has & HAS_FILE_ID) {
                object->inode = o->inode;
                object->mode = o->mode;
                object->owner = o->owner;
        }
        if (o->target_pid > 0) {
                object->pid = o->target_pid;
                struct tree_process *target = tree_spot(tree, o->target_pid, tree->time_ns).owner;
                if (target)
                        object->exec_id = id_of(tree, target, tree->ids[1]);
        }
        event->has_object = object->operation || object->path || object->source || object->name || object->pid;
}

static void fill_records(struct tree *tree, const struct observation *o, struct event *event)
{
        struct event_audit *audit = &event->audit;
        audit->serial = o->serial;
        audit->key = keep(tree, o->key);
        audit->syscall = keep(tree, o->syscall);
        audit->detail = keep(tree, o->detail);
        audit->has_result = (o->has & HAS_RESULT) && o->type != OBSERVED_GAP;
        audit->success = audit->has_result && o->success;
        audit->result = audit->has_result ? o->result : 0;
        event->has_audit = audit->serial || audit->key || audit->syscall || audit->detail || audit->has_result;
        struct event_user *user = &event->user;
        user->account = keep(tree, o->account);
        user->address = keep(tree, o->address);
        user->terminal = keep(tree, o->terminal);
        user->hostname = keep(tree, o->hostname);
        event->has_user = user->account || user->address || user->terminal || user->hostname;
}

static void fill_exit(const struct tree_process *process, const struct observation *o, struct event *event)
{
        struct event_exit *exit = &event->exit;
        event->has_exit = (o->has & (HAS_EXIT | HAS_USAGE)) != 0;
        exit->code = o->exit_code;
        exit->signal = o->exit_signal;
        exit->core = o->core;
        exit->duration_ns = o->time_ns > process->first_ns ? o->time_ns - process->first_ns : 0;
        exit->has_usage = (o->has & HAS_USAGE) != 0;
        exit->user_ns = o->user_ns;
        exit->system_ns = o->system_ns;
        exit->max_rss = o->max_rss;
}

void tree_emit(struct tree *tree, enum event_type type, struct tree_process *process)
{
        if (!tree->emit)
                return;
        const struct observation *o = tree->observation;
        struct event *event = &tree->event;
        *event = (struct event){
                .time_ns = o->time_ns, .type = type, .source = o->source, .synthetic = o->synthetic, .late = o->late
        };
        scratch_prepare(tree, texts_of(o));
        event->has_process = process != NULL;
        if (process) {
                fill(tree, process, &event->process);
                if (type != EVENT_FORK)
                        fill_told(tree, o, &event->process);
        }
        fill_object(tree, o, event);
        fill_records(tree, o, event);
        if (type == EVENT_EXIT && process)
                fill_exit(process, o, event);
        if (type == EVENT_GAP) {
                event->has_gap = true;
                event->gap = (struct event_gap){ o->lost, o->unit, o->reason,
                        (o->has & HAS_RESULT) && o->result > 0 ? (uint64_t)o->result : 0 };
        }
        tree->emit(event, tree->cookie);
}

void tree_emit_capability(struct tree *tree, struct tree_process *process, uint64_t gained)
{
        if (!tree->emit)
                return;
        const struct observation *o = tree->observation;
        struct event *event = &tree->event;
        *event = (struct event){ .time_ns = o->time_ns,
                .type = EVENT_CAPABILITY,
                .source = o->source,
                .late = o->late,
                .has_process = true,
                .has_object = true };
        scratch_prepare(tree, texts_of(o));
        fill(tree, process, &event->process);
        fill_told(tree, o, &event->process);
        event->object.operation = "gained";
        event->object.name = capabilities_of(tree, gained);
        tree->emit(event, tree->cookie);
}

void tree_emit_gone(struct tree *tree, struct tree_process *process)
{
        if (!tree->emit)
                return;
        tree->event = (struct event){ .time_ns = process->end_ns,
                .type = EVENT_EXIT,
                .source = SOURCE_PROC,
                .synthetic = true,
                .has_process = true };
        fill(tree, process, &tree->event.process);
        tree->emit(&tree->event, tree->cookie);
}

void tree_emit_container(
        struct tree *tree, uint32_t container, struct tree_process *process, bool start, int64_t time_ns)
{
        if (!tree->emit)
                return;
        const struct observation *o = tree->observation;
        struct event *event = &tree->event;
        *event = (struct event){ .time_ns = start && o ? o->time_ns : time_ns,
                .type = EVENT_CONTAINER,
                .source = tree->last_source,
                .synthetic = start && o && o->synthetic,
                .has_process = true,
                .has_object = true };
        if (process)
                fill(tree, process, &event->process);
        else
                event->process.pid = tree->containers[container].pid;
        enum attribution how = process ? process->attribution : ATTRIBUTION_CGROUP;
        event->process.has_container = true;
        tree_container_fill(tree, container, &event->process.container);
        event->process.container.attribution = how;
        event->object.operation = start ? "start" : "stop";
        event->object.name = event->process.container.name;
        tree->emit(event, tree->cookie);
}

void tree_event_done(struct tree *tree)
{
        free(tree->scratch.bytes);
        free(tree->arguments);
        for (size_t i = 0; i < sizeof(tree->capabilities) / sizeof(*tree->capabilities); i++)
                free(tree->capabilities[i].text);
}
