/* main() of an area program, and the worker half of the contract:
 *
 *      tarsier-AREA --describe [DIR]    descriptors of its modules, to stdout or as DIR/NAME.json
 *      tarsier-AREA worker NAME         one run, or a persistent module, started by a parent through the handshake
 *      tarsier-AREA prove NAME [--lines]  tries what the module may not do (prove.h)
 *      tarsier-AREA print NAME          lines for people from {"group","label","row"} JSON lines on stdin
 */
#pragma once

#include "base/buf.h"
#include "module/module.h"

int program_main(module_table table, const char *area, int argc, char **argv);

/* The worker verb alone; the exit status. */
int worker_main(const struct module *module);

/* A worker that passes the run on to somebody else (a foreign executable, an agent): module->run finds the bridge in
 * run->state, with the message as it came. */
struct bridge {
        const char *path; /* of the executable, or the agent's URL */
        struct sv message;
        char *secret; /* the handshake's, NULL = none */
        struct buf output;
        int input_fd;
        int output_fd;
        pid_t pid;
};

int worker_main_bridged(const struct module *module, struct bridge *bridge);

/* Answers the handshake with this failure; the exit status. */
int worker_refuse(const struct error *why);

/* Parent and worker must be of one build: they share the wire format. */
#ifndef TARSIER_BUILD
#define TARSIER_BUILD "unknown"
#endif

/* Handshake configuration keys from the parent to the worker. */
#define WORKER_CONFIG_PRIVACY "privacy"       /* "on" */
#define WORKER_CONFIG_STRICT "strict"         /* "on" */
#define WORKER_CONFIG_CPU_SHARE "cpu-share"   /* "0.1" */
#define WORKER_CONFIG_IO_RATE "io-rate"       /* bytes a second */
#define WORKER_CONFIG_MEMORY "memory"         /* bytes */
#define WORKER_CONFIG_MODE "mode"             /* "run" or "persist" */
#define WORKER_CONFIG_BUILD "build"           /* build id of the parent */
#define WORKER_CONFIG_STATE "state-directory" /* persistent: its own; run: the one above them all */
#define WORKER_CONFIG_LISTENERS "listeners"   /* which listeners follow the api fd: "0,2" */
#define WORKER_CONFIG_AGENT "agent"           /* run: the API's socket of the agent of this host */
#define WORKER_CONFIG_CONFIG "config"         /* persistent: JSON of module->config */

/* Extra files of a worker: the frame socket is fd 5; fd 6 is where a persistent module is handed a new socket each time
 * api starts (seqpacket, one packet with one fd), for api itself its wire to the agent; listeners are fd 7 and up. */
enum { WORKER_FRAMES_FD = 5, WORKER_API_FD = 6, WORKER_LISTENERS_FD = 7 };
