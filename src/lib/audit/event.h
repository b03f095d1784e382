/* One audit event, put together from its records, as one object of JSON: what happened, by whom, to what. The shape is
 * that of go-libaudit's coalesced event, which Elastic's auditd module and its dashboards read; differences stand in
 * tests/compat/test_audit_goldens.py with their reasons.
 *
 *      { "@timestamp", "sequence", "category", "record_type", "result", "session", "tags": [],
 *        "summary": { "actor": { "primary", "secondary" }, "action", "object": { "type", "primary", "secondary" },
 * "how"
 * }, "user": { "ids": {}, "selinux": {} }, "process": { "pid", "ppid", "title", "name", "exe", "cwd", "args": [] },
 *        "file": { "path", "device", "inode", "mode", "uid", "gid", "selinux": {} },
 *        "source"/"destination": { "ip", "port", "path" }, "network": { "direction" },
 *        "data": {}, "paths": [ {} ],
 *        "ecs": { "event": { "kind", "category": [], "type": [] }, "user": { "id", "effective": {}, "target": {} } } }
 *
 * All values but sequence are texts. What is not told is not there. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "lib/audit/record.h"

enum { AUDIT_EVENT_PATHS_MAX = 64, AUDIT_EVENT_MEMORY_MAX = 8 << 20 };

struct audit_event_counters {
        uint64_t duplicates; /* fields of a name that another record has told already: the first stands */
        uint64_t refused;    /* fields, paths beyond the maxima */
};

/* records: of one event, in their order; at least one. ret_counters may be NULL. -1 with E_NO_MEMORY when the event is
 * too large. */
int audit_event_write(const struct audit_record *records, size_t count, struct buf *out,
        struct audit_event_counters *ret_counters, struct error *err);

/* One record by itself: { "@timestamp", "record_type", "sequence", "raw_msg", "keys": [], "data": {} }. */
int audit_record_write(const struct audit_record *record, struct buf *out, struct error *err);
