/* The agent's wire protocol: what `api` (or another unprivileged front) and the agent say to each other over one stream
 * socket. Frames are those of wire.h. Streams are chosen by the front, 1 to 65535, one a request; stream 0 is the
 * agent's own voice. A frame with an fd attached is sent by one sendmsg, alone. Payloads of BODY, ROW and DATA are
 * opaque to the agent: it reads headers and small control messages only.
 *
 * The module `api` finds this socket at WORKER_API_FD, where other persistent modules find their requests; it declares
 * the listeners "http" (TCP; TLS when its configuration holds a certificate) and "socket" (unix), in this order. The
 * agent's `tls` setting reaches its configuration as the PEM texts "certificate" and "key", since api runs as a user
 * that may not read the files. A program of this host may also connect to agent.sock in the run directory; it then
 * speaks for itself only.
 *
 * A request is one FRAME_MESSAGE {"class": CLASS, "parameters": {…}} of at most AGENT_CONTROL_MAX bytes:
 *
 *   every request    "credential": {"token": TEXT} or {"connection": true}; with the latter the front attaches the
 *                    client's connection (SCM_RIGHTS, to the frame's first byte) and the agent asks the kernel who it
 *                    is (SO_PEERCRED). Over agent.sock nothing is attached: {"connection": true} means whoever
 *                    connected. "client": an address for the log, as the front saw it; may be left out
 *   run              "module", "privacy", "max_cpu" (share of a core), "max_io", "max_memory" (bytes, or "10m"),
 *                    "max_time" ("30s"), "follow"; then one FRAME_BODY: the module's parameters as JSON text
 *                    (empty = {}). Answer: "run" {"run": ID} once the log has it on disk; then, with "follow": true,
 *                    the run's frames (LABEL, ROW, STATISTICS, ERROR, SKIPPED, and DONE, which ends the stream) as
 *                    they come, within the credit
 *   follow           "run"; the same answer, frames from the beginning
 *   cancel           "run"; answer "ok" {}
 *   result           "run"; answer "ok" {}, then FRAME_DATA: the envelope, then FRAME_END
 *   runs             "limit", "before", "module", "state", or "run" (that one only); answer "ok" {}, then FRAME_DATA: a
 *                    JSON list, then FRAME_END
 *   saved            "name" (left out: all); answer "ok" {}, then FRAME_DATA: a JSON list, then FRAME_END
 *   save             "name", "entry": {"module", "parameters", "description", "every" or "cron", "enabled", "privacy",
 *                    "max_time"}; answer "ok" {"name", "created"}: it was not there before
 *   forget           "name"; answer "ok" {}
 *   run-saved        "name", "follow"; answered as run
 *   verify           answer "ok" {"rows", "intact", "message"}
 *   status           answer "ok" {}, then FRAME_DATA: a JSON object, then FRAME_END
 *   config           the same: the configuration in effect, secrets hidden
 *   metrics          answer "ok" {}, then FRAME_DATA: Prometheus text, then FRAME_END
 *   describe         "module" (left out: all); answer "ok" {}, then FRAME_DATA: descriptors (descriptor.h), a JSON
 *                    list, then FRAME_END: a front need not find the files
 *   authorize        "role" ("viewer", "investigator", "admin") or "module"; answer "ok" {"identity", "role"}: before a
 *                    module's own route is called
 *   whoami           answer "ok" {"identity", "role", "host", "version", "privacy"}: what the credential is worth here
 *   health           needs no credential; answer "ok" {"ready", "message"}
 *
 * Any of them may be answered by "refused" {"code": E_…'s name, "message"} which ends the stream. The others end with
 * their "ok", FRAME_END, FRAME_DONE, or "run" without "follow".
 *
 * Credit counts the payload bytes of everything but FRAME_MESSAGE: each stream begins with FRAME_CREDIT_WINDOW, the
 * front adds by FRAME_CREDIT. A frame is sent while the credit is above zero, however long it is; the rest then counts
 * against the next grant. FRAME_CANCEL on a stream ends it without an answer (the run itself goes on).
 *
 * The agent says on stream 0:
 *
 *   module           {"name", "up"}: a persistent module came or went; when up, its request socket is attached
 * (SCM_RIGHTS) stop             drain and end
 */
#pragma once

#include "module/wire.h"

enum {
        AGENT_CONTROL_MAX = 64 << 10,
        AGENT_STREAMS_MAX = 1024, /* of one front at a time */
        AGENT_FDS_MAX = 1,        /* attached to one frame */
};
