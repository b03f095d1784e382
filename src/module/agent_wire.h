/* The agent's wire protocol: what `api` (or another unprivileged front) and the agent say to each other over one stream socket.
 * Frames are those of wire.h. Streams are chosen by the front, 1 to 65535, one a request; stream 0 is the agent's own voice.
 * Payloads of BODY, ROW and DATA are opaque to the agent: it reads headers and small control messages only.
 *
 * A request is one FRAME_MESSAGE {"class": CLASS, "parameters": {…}} of at most AGENT_CONTROL_MAX bytes:
 *
 *   every request    "credential": {"token": TEXT} or {"connection": true}; with the latter the front attaches the client's
 *                    connection (SCM_RIGHTS, to the frame's first byte) and the agent asks the kernel who it is (SO_PEERCRED)
 *   run              "module", "privacy", "max_cpu", "max_io", "max_memory", "max_time"; then FRAME_BODY: the module's parameters
 *                    as text. Answer: "run" {"run": ID}; then the run's frames (LABEL, ROW, STATISTICS, ERROR, SKIPPED, DONE) as
 *                    they come, when "follow" is true, within the credit
 *   follow           "run", the same frames from the beginning
 *   cancel           "run"; answer "ok" {}
 *   result           "run"; answer "ok" {}, then FRAME_DATA: the envelope, then FRAME_END
 *   runs             "limit", "before", "module", "state"; answer "ok" {}, then FRAME_DATA: a JSON list, then FRAME_END
 *   verify           answer "ok" {"rows", "intact", "message"}
 *   status           answer "ok" {}, then FRAME_DATA: a JSON object, then FRAME_END
 *   metrics          answer "ok" {}, then FRAME_DATA: Prometheus text, then FRAME_END
 *   authorize        "role" or "module"; answer "ok" {"identity", "role"}: before a module's own route is called
 *
 * Any of them may be answered by "refused" {"code": E_…'s name, "message"} which ends the stream.
 *
 * The agent says on stream 0:
 *
 *   module           {"name", "up"}: a persistent module came or went; when up, its request socket is attached (SCM_RIGHTS)
 *   stop             drain and end
 */
#pragma once

#include "module/wire.h"

enum {
        AGENT_CONTROL_MAX = 64 << 10,
        AGENT_STREAMS_MAX = 1024, /* of one front at a time */
        AGENT_FDS_MAX = 1,        /* attached to one frame */
};
