/* What the audit and the connector source put into the queue of raw messages besides audit records, and as lines of
 * --diag, in the manner of auditd's log so that one file holds everything and replays:
 *
 *      type=CONNECTOR msg=audit(1700000000.123:77): ns=1700000000123456789 boot=5123456789 what=fork cpu=1 pid=12
 * tid=12 ppid=7 ptid=7 type=LOST msg=audit(1700000000.200:0): lost=12 unit=records reason="kernel backlog"
 *
 * The number behind the time is the connector's numbering on that CPU. `what` is fork, exec, exit (status=, as of
 * wait(2), in hexadecimal), uid and gid (id=, effective=), sid, ptrace (ppid is the tracer), comm (comm=, in
 * hexadecimal), coredump. */
#pragma once

#include "base/buf.h"
#include "linux/proc_connector.h"

/* Types of raw messages (the first two bytes) that are no audit records: those end at 2999. */
enum {
        RAW_CONNECTOR = 0xF000, /* struct raw_connector */
        RAW_LOSS = 0xF001,      /* struct raw_loss */
};

struct raw_connector {
        uint16_t type;
        int64_t time_ns; /* since 1970 */
        uint64_t boot_ns;
        struct connector_event event;
};

enum loss_kind { LOSS_BACKLOG, LOSS_AUDIT_BUFFER, LOSS_CONNECTOR_BUFFER, LOSS_CONNECTOR_SEQUENCE, LOSSES };

struct raw_loss {
        uint16_t type;
        enum loss_kind kind;
        int64_t time_ns;
        uint64_t lost;
};

/* Static texts for observation.unit and .reason. */
const char *loss_unit(enum loss_kind kind);
const char *loss_reason(enum loss_kind kind);

/* From the connector's clock to Unix time, and to the time since boot. */
struct connector_clock {
        int64_t unix_offset_ns, boot_offset_ns;
};
void connector_clock_set(struct connector_clock *clock); /* asks the system's clocks */
void raw_connector_of(
        const struct connector_clock *clock, const struct connector_event *event, struct raw_connector *ret);

/* One line, without its end. */
void raw_connector_write(const struct raw_connector *raw, struct buf *out);
void raw_loss_write(const struct raw_loss *raw, struct buf *out);
/* The same back: false for a line of another type, or a malformed one. */
bool raw_connector_read(struct sv line, struct raw_connector *ret);
bool raw_loss_read(struct sv line, struct raw_loss *ret);
