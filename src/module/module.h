/* The contract: everything Tarsier can do is a module. A module declares its parameters and results as field tables,
 * what it needs from the kernel, and a function that runs; flags, help, HTTP, schema, privacy, limits and the rest
 * follow from that. CONTRIBUTING.md shows a module in ten minutes. */
#pragma once

#include "module/sandbox.h"
#include "schema/field.h"

struct run;
struct service;
struct request;
struct handed_alert;
struct line_printer;

enum shape {
        SHAPE_OBJECT,       /* elements is one element record; run_emit once, label NULL */
        SHAPE_LIST,         /* [element, …]; label NULL */
        SHAPE_MAP_OF_LISTS, /* {label: [element, …]} */
        SHAPE_GROUPS,       /* {group: {label: [element, …]}}; run_emit_in */
        SHAPE_SCALAR,       /* one value: an element record of one field, written without the object */
};

/* Who may run it over the agent's doors. A local user needs no role: the kernel checks. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_INVESTIGATOR, ROLE_ADMIN };

struct module_limits {
        int64_t wall_ns; /* 0 = 5 minutes */
        uint64_t memory; /* bytes of data (RLIMIT_DATA); 0 = 256 MiB */
        uint64_t result; /* bytes of rows; 0 = 256 MiB; beyond it the result is partial */
        int64_t stop_ns; /* to undo what it changed in the kernel, once it is asked to stop; 0 = EXECUTION_KILL_MS */
};

struct module_example {
        const char *command; /* without the leading "tarsier " */
        const char *what;    /* what it answers, one sentence */
};

struct route {
        const char *method;
        const char *path; /* below /v1/modules/NAME; a trailing "*" takes every path below */
        enum role role;
        const char *summary;
        void (*handle)(struct service *service, struct request *request);
};

struct listener {
        const char *name;    /* the key in the configuration: listen: {NAME: ADDRESS} */
        const char *address; /* default, "127.0.0.1:8080"; NULL = only when configured */
};

struct module {
        const char *name;        /* [a-z][a-z0-9-]* */
        const char *summary;     /* one line, no full stop */
        const char *description; /* paragraphs for the man page; NULL = none */
        const char *since;

        const struct record *params;
        const struct record *element;
        enum shape shape;
        const struct record *statistics;
        const struct record *config; /* persistent: its part of tarsier.yaml */

        struct sandbox sandbox;
        struct module_limits limits;
        enum role role;      /* 0 = ROLE_INVESTIGATOR */
        bool local_only;     /* shows contents: never over a remote door unless granted in the configuration */
        bool errors_private; /* privacy mode masks the texts of errors too */
        bool persistent;
        bool foreground; /* persistent: `tarsier NAME` is a run of its own here (service NULL), not a query of the
                            agent's */
        bool stream;     /* a list without an end: rows are shown as they come and not kept; --json is one row a line */
        const char *asks; /* standard: where this persistent module runs in an agent, the run is a query of it (service
                             set); else it is a run of its own */
        const char *const
                *agent_paths;                /* standard: paths of the API, NULL-terminated. What the agent of this host
                                                answers      to a GET of each is in the run (run.h); the worker asks before it
                                                locks      itself and looks at the answers afterwards, so it needs no socket */
        const struct module *const *queries; /* persistent: the modules that ask it, NULL-terminated */
        const struct module_example *examples; /* ends with .command == NULL */

        int (*validate)(const void *params, struct error *err); /* only the rules that join two fields */
        int (*run)(struct run *run, struct error *err);         /* standard: the run; persistent: a query */

        /* Lines for people; NULL = derived from the table. row is the element struct; label (and group) NULL where the
         * shape has none. print_empty is asked for a label without rows, unless only results are wanted. */
        void (*print_row)(struct line_printer *printer, const char *group, const char *label, const void *row);
        void (*print_empty)(struct line_printer *printer, const char *group, const char *label);
        void (*print_statistics)(struct line_printer *printer, const void *statistics);

        /* persistent modules (service.h). adjust: what the configuration adds to the sandbox (paths, mostly), before it
         * closes */
        int (*adjust)(struct sandbox *sandbox, const void *config, struct arena *arena, struct error *err);
        int (*start)(struct service *service, struct error *err);
        void (*stop)(struct service *service);
        /* New config is in service->config. A module without it is started anew by the agent when its settings change.
         * reloads: the same as a word, which a descriptor sets. */
        int (*reload)(struct service *service, struct error *err);
        bool reloads;
        /* The agent's alerts come to every running module that takes them. It says service_alert_taken when it has one
         * for good. takes_alerts: the same as a word, which a descriptor can tell. */
        void (*alert)(struct service *service, const struct handed_alert *alert);
        bool takes_alerts;
        const struct route *routes;       /* ends with .path == NULL */
        const struct listener *listeners; /* ends with .name == NULL */
};

/* The sorted table of a program's modules, NULL-terminated: one a file src/modules/AREA/modules.c. */
typedef const struct module *const *module_table;

const struct module *module_find(module_table table, const char *name);

/* Are the table's names sorted, unique and well formed, and does every module have what its kind needs? Run by a test.
 */
int module_table_check(module_table table, struct error *err);

static inline int64_t module_wall_ns(const struct module *module)
{
        return module->limits.wall_ns ? module->limits.wall_ns : 5 * MINUTE;
}

static inline uint64_t module_memory(const struct module *module)
{
        return module->limits.memory ? module->limits.memory : 256 * MIB;
}

static inline uint64_t module_result_size(const struct module *module)
{
        return module->limits.result ? module->limits.result : 256 * MIB;
}

static inline enum role module_role(const struct module *module)
{
        return module->role ? module->role : ROLE_INVESTIGATOR;
}
