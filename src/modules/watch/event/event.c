/* The table of events: JSON, schema, and the names of fields in rules and filters. */
#include "modules/watch/event/event.h"

#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/write.h"

const char *const event_type_names[] = { "exec", "fork", "exit", "credential", "namespace", "ptrace", "file", "user",
        "module", "mount", "bpf", "capability", "oom", "anomaly", "config", "syscall", "container", "gap", NULL };
_Static_assert(sizeof(event_type_names) / sizeof(event_type_names[0]) == EVENT_TYPES + 1, "a name for each type");

const char *const source_names[] = { "audit", "bpf", "connector", "proc", "replay", NULL };
_Static_assert(sizeof(source_names) / sizeof(source_names[0]) == SOURCES + 1, "a name for each source");

static const char *const attribution_names[] = { "none", "inherited", "cgroup", "lineage", NULL };

static const struct field container_fields[] = {
        FIELD_STRING(
                struct event_container, engine, .help = "docker, containerd, podman, cri-o, nspawn, lxc, tarsier …"),
        FIELD_STRING(struct event_container, id, .help = "64 hex digits, or the machine's name"),
        FIELD_STRING(struct event_container, name, .help = "as its engine's state files tell", .omit_empty = true),
        FIELD_STRING(struct event_container, image, .help = "reference of its image", .omit_empty = true),
        FIELD_STRING(struct event_container, pod, .help = "pod's id", .omit_empty = true),
        FIELD_ENUM(struct event_container, attribution, attribution_names,
                .help = "how it is known: read from the cgroup, inherited from the parent, or by a shim's lineage"),
};

static const struct field ancestor_fields[] = {
        FIELD_INT(struct event_ancestor, pid, .help = "process id"),
        FIELD_STRING(struct event_ancestor, comm, .help = "name"),
        FIELD_PATH(struct event_ancestor, exe, .help = "program", .omit_empty = true),
        FIELD_STRING(struct event_ancestor, exec_id, .help = "id of that execution"),
};

static const struct field process_fields[] = {
        FIELD_STRING(struct event_process, exec_id,
                .help = "id of this execution: boot, start, pid and number of the exec, in hexadecimal"),
        FIELD_STRING(struct event_process, parent_exec_id, .help = "exec_id of the parent", .omit_empty = true),
        FIELD_INT(struct event_process, pid, .help = "process id"),
        FIELD_INT(
                struct event_process, tid, .help = "thread that acted, where it is not the first", .omit_empty = true),
        FIELD_INT(struct event_process, ppid, .help = "process id of the parent at that time"),
        FIELD_TIME(struct event_process, start_ns, .json = "start", .help = "when it was forked"),
        FIELD_STRING(struct event_process, comm, .help = "name"),
        FIELD_PATH(struct event_process, exe, .help = "program", .omit_empty = true),
        FIELD_STRINGS(struct event_process, argv, .help = "arguments; what looks like a secret is redacted",
                .private_ = true, .omit_empty = true),
        FIELD_BOOL(
                struct event_process, argv_truncated, .help = "arguments are missing at the end", .omit_empty = true),
        FIELD_PATH(struct event_process, cwd, .help = "working directory", .omit_empty = true),
        FIELD_STRING(struct event_process, tty, .help = "terminal", .omit_empty = true),
        FIELD_UINT(struct event_process, uid, .help = "real user id", .has = HAS(struct event_process, has_ids)),
        FIELD_UINT(struct event_process, euid, .help = "effective user id", .has = HAS(struct event_process, has_ids)),
        FIELD_UINT(struct event_process, gid, .help = "real group id", .has = HAS(struct event_process, has_ids)),
        FIELD_UINT(struct event_process, egid, .help = "effective group id", .has = HAS(struct event_process, has_ids)),
        FIELD_UINT(struct event_process, auid, .help = "user who logged in",
                .has = HAS(struct event_process, has_session)),
        FIELD_UINT(
                struct event_process, session, .help = "audit session", .has = HAS(struct event_process, has_session)),
        FIELD_STRING(struct event_process, capabilities,
                .help = "effective capabilities: names, \"all\", or \"all,-NAME\"", .omit_empty = true),
        FIELD_RECORD(struct event_process, container, struct event_container, container_fields,
                .help = "the container it is in", .has = HAS(struct event_process, has_container)),
        FIELD_STRING(struct event_process, unit, .help = "systemd unit", .omit_empty = true),
        FIELD_UINT(struct event_process, pid_namespace, .help = "inode of its pid namespace", .omit_empty = true),
        FIELD_RECORDS(struct event_process, ancestors, struct event_ancestor, ancestor_fields,
                .help = "its parent, the parent's parent … at that time", .omit_empty = true),
        FIELD_UINT(struct event_process, ancestors_omitted, .help = "further ancestors", .omit_empty = true),
        FIELD_STRING(struct event_process, sha256, .help = "digest of the program's file", .omit_empty = true),
        FIELD_STRING(
                struct event_process, package, .help = "package that the program's file came with", .omit_empty = true),
};

const struct record event_process_record = {
        .fields = process_fields,
        .count = sizeof(process_fields) / sizeof(process_fields[0]),
        .size = sizeof(struct event_process),
        .name = "event_process",
};

const struct record event_container_record = {
        .fields = container_fields,
        .count = sizeof(container_fields) / sizeof(container_fields[0]),
        .size = sizeof(struct event_container),
        .name = "event_container",
};

static const struct field exit_fields[] = {
        FIELD_INT(struct event_exit, code, .help = "exit status"),
        FIELD_INT(struct event_exit, signal, .help = "signal that ended it", .omit_empty = true),
        FIELD_BOOL(struct event_exit, core, .help = "a core file was written", .omit_empty = true),
        FIELD_DURATION(struct event_exit, duration_ns, .json = "duration", .help = "from fork to exit"),
        FIELD_DURATION(struct event_exit, user_ns, .json = "user", .help = "CPU time in user mode",
                .has = HAS(struct event_exit, has_usage)),
        FIELD_DURATION(struct event_exit, system_ns, .json = "system", .help = "CPU time in the kernel",
                .has = HAS(struct event_exit, has_usage)),
        FIELD_SIZE(struct event_exit, max_rss, .help = "largest resident memory, bytes",
                .has = HAS(struct event_exit, has_usage)),
};

static const struct field object_fields[] = {
        FIELD_STRING(struct event_object, operation, .help = "what was done to it"),
        FIELD_PATH(struct event_object, path, .help = "file, or mount point", .omit_empty = true),
        FIELD_PATH(struct event_object, source, .help = "mounted device, or the file's old name", .omit_empty = true),
        FIELD_STRING(struct event_object, name, .help = "kernel module, file system type, capability, namespaces …",
                .omit_empty = true),
        FIELD_UINT(struct event_object, inode, .help = "of the file", .omit_empty = true),
        FIELD_UINT(struct event_object, mode, .help = "type and permissions of the file", .omit_empty = true),
        FIELD_UINT(struct event_object, owner, .help = "user id that owns the file", .omit_empty = true),
        FIELD_INT(struct event_object, pid, .help = "another process", .omit_empty = true),
        FIELD_STRING(struct event_object, exec_id, .help = "exec_id of that process", .omit_empty = true),
};

static const struct field audit_fields[] = {
        FIELD_UINT(struct event_audit, serial, .help = "number of the kernel's event", .omit_empty = true),
        FIELD_STRING(struct event_audit, key, .help = "key of the audit rule", .omit_empty = true),
        FIELD_STRING(struct event_audit, syscall, .help = "system call", .omit_empty = true),
        FIELD_BOOL(struct event_audit, success, .help = "did it succeed", .has = HAS(struct event_audit, has_result)),
        FIELD_INT(struct event_audit, result, .help = "what it returned", .has = HAS(struct event_audit, has_result)),
        FIELD_STRING(struct event_audit, detail, .help = "the records as text", .private_ = true, .omit_empty = true),
};

static const struct field user_fields[] = {
        FIELD_STRING(struct event_user, account, .help = "account", .private_ = true, .omit_empty = true),
        FIELD_STRING(
                struct event_user, address, .help = "where the user came from", .private_ = true, .omit_empty = true),
        FIELD_STRING(struct event_user, hostname, .help = "name of that place", .private_ = true, .omit_empty = true),
        FIELD_STRING(struct event_user, terminal, .help = "terminal", .omit_empty = true),
};

static const struct field gap_fields[] = {
        FIELD_UINT(struct event_gap, lost, .help = "how many were lost, by the count of who lost them"),
        FIELD_STRING(struct event_gap, unit, .help = "what was counted: records, events, messages"),
        FIELD_STRING(struct event_gap, reason, .help = "where: kernel backlog, socket buffer, ring buffer, queue …"),
        FIELD_UINT(struct event_gap, healed, .help = "processes found or removed by looking at /proc afterwards"),
};

static const struct field event_fields[] = {
        FIELD_TIME(struct event, time_ns, .json = "time", .help = "when it happened"),
        FIELD_UINT(struct event, id, .help = "1, 2 … in the order of this store or stream"),
        FIELD_ENUM(struct event, type, event_type_names, .help = "what happened"),
        FIELD_ENUM(struct event, source, source_names, .help = "who told"),
        FIELD_RECORD(struct event, process, struct event_process, process_fields, .help = "who did it",
                .has = HAS(struct event, has_process)),
        FIELD_RECORD(struct event, exit, struct event_exit, exit_fields, .help = "how it ended",
                .has = HAS(struct event, has_exit)),
        FIELD_RECORD(struct event, object, struct event_object, object_fields, .help = "what it was done to",
                .has = HAS(struct event, has_object)),
        FIELD_RECORD(struct event, user, struct event_user, user_fields, .help = "of a login or account record",
                .has = HAS(struct event, has_user)),
        FIELD_RECORD(struct event, audit, struct event_audit, audit_fields, .help = "as the audit system numbers it",
                .has = HAS(struct event, has_audit)),
        FIELD_RECORD(struct event, gap, struct event_gap, gap_fields, .help = "what was lost",
                .has = HAS(struct event, has_gap)),
        FIELD_BOOL(struct event, synthetic, .help = "not seen happen: found in /proc afterwards", .omit_empty = true),
        FIELD_BOOL(struct event, late, .help = "came after later ones", .omit_empty = true),
        FIELD_STRINGS(struct event, tags, .help = "names of the rules that matched", .omit_empty = true),
        FIELD_STRINGS(struct event, alerts, .help = "what the rules say of it", .private_ = true, .omit_empty = true),
};

const struct record event_record = {
        .fields = event_fields,
        .count = sizeof(event_fields) / sizeof(event_fields[0]),
        .size = sizeof(struct event),
        .name = "event",
};

int event_write(const struct event *event, bool privacy, struct buf *out)
{
        struct json_writer writer;
        json_writer_init(&writer, out, 0);
        record_write(&writer, &event_record, event, privacy ? WRITE_PRIVACY : 0);
        return out->failed ? -1 : 0;
}

int event_mask(struct sv json, struct buf *out, struct error *err)
{
        cleanup(json_decref) json_t *event = json_parse(json, false, err);
        if (!event)
                return -1;
        record_mask(&event_record, event);
        char *text = json_dumps(event, JSON_COMPACT);
        if (!text)
                return fail(err, E_NO_MEMORY, "no memory for an event");
        buf_puts(out, text);
        free(text);
        return out->failed ? fail(err, E_TOO_LARGE, "a masked event is larger than %zu bytes", out->max) : 0;
}
