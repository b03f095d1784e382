/* --diag FILE: every raw message as a line, in the manner of auditd's log; connector_raw.h has the lines of ours. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "modules/watch/connector_raw.h"

struct diagnostics {
        FILE *file; /* NULL: none is written */
        struct buf line;
        uint64_t lines, failures;
};

/* path NULL: writes nothing. The file is appended to, and only its owner may read it: it holds arguments. */
int diagnostics_open(struct diagnostics *diagnostics, const char *path, struct error *err);
void diagnostics_close(struct diagnostics *diagnostics);

void diagnostics_audit(struct diagnostics *diagnostics, uint16_t type, struct sv text);
void diagnostics_connector(struct diagnostics *diagnostics, const struct raw_connector *raw);
void diagnostics_loss(struct diagnostics *diagnostics, const struct raw_loss *raw);
/* What is buffered goes to the file. */
void diagnostics_flush(struct diagnostics *diagnostics);
