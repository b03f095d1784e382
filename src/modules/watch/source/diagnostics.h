/* --diag FILE and --raw: every raw message as a line, in the manner of auditd's log; connector_raw.h has the lines of
 * ours. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "modules/watch/source/connector_raw.h"
#include "modules/watch/source/source.h"

struct diagnostics {
        FILE *file; /* NULL: none is written */
        void (*raw)(void *cookie, struct sv line);
        void *raw_cookie;
        void (*log)(void *cookie, const char *text);
        void *log_cookie;
        struct buf line;
        uint64_t lines, failures;
};

/* As the source's options want it. The file is appended to, and a new one may be read by its owner only: it holds
 * arguments. */
int diagnostics_open(struct diagnostics *diagnostics, const struct source_options *options, struct error *err);
/* Says so when not everything could be written. */
void diagnostics_close(struct diagnostics *diagnostics);

void diagnostics_audit(struct diagnostics *diagnostics, uint16_t type, struct sv text);
void diagnostics_connector(struct diagnostics *diagnostics, const struct raw_connector *raw);
void diagnostics_loss(struct diagnostics *diagnostics, const struct raw_loss *raw);
/* What is buffered goes to the file. */
void diagnostics_flush(struct diagnostics *diagnostics);
