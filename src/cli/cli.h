/* The command line: verbs, and the way a module is run from a terminal. */
#pragma once

#include "module/budget.h"
#include "module/catalog.h"
#include "module/result.h"
#include "term/term.h"

#include <stdio.h>

struct verb {
        const char *name;
        const char *summary;                /* NULL: hidden */
        int (*main)(int argc, char **argv); /* argv[0] is the verb */
        const struct record *flags; /* its flags, for --help and completion; NULL: none, or in another program */
};

/* The one table of reserved verbs, sorted; a module must not have one of these names (a test checks it). */
extern const struct verb cli_verbs[];
const struct verb *cli_find_verb(const char *name);

/* How a run goes and how its result is shown. */
struct run_flags {
        bool json;
        int format; /* index into print_format_names, -1 = by the module's shape */
        bool results_only;
        bool no_header;
        bool interactive;
        bool privacy;
        bool help;
        int color; /* enum colour_wish */
        const char *agent;
        const char *fields;
        const char *row_template; /* --template */
        bool rows_json;           /* --json=FIELDS; of a stream one row a line */
        double max_cpu;
        uint64_t max_io;
        uint64_t max_memory;
        int64_t max_time_ns;
};

extern const struct record modules_flags_record, schema_flags_record, term_flags_record, spawn_flags_record;

/* Is one of the words --help? Then it is shown, from the verb's table. */
bool cli_verb_help(const char *name, int argc, char **argv);

int cmd_agent_verb(int argc, char **argv); /* serve, runs, status: executes libexec/tarsier/tarsier-agent */
int cmd_complete(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_message(int argc, char **argv); /* tarsier -m NAME [--privacy] */
int cmd_modules(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_man(int argc, char **argv);
int cmd_term(int argc, char **argv); /* tarsier term demo */
int cmd_spawn(int argc, char **argv) __attribute__((weak));
int cmd_describe(int argc, char **argv);
int cmd_worker(int argc, char **argv);
int cmd_confine(int argc, char **argv);
int cmd_version(int argc, char **argv);

/* Runs on an agent (flags->agent, or the local one) and shows the result; the exit status. */
int run_on_agent(const struct catalog_entry *entry, const json_t *params, const struct run_flags *flags);

/* Does the local agent take connections? */
bool agent_answers(void);

int module_help(const struct catalog_entry *entry);
int module_manual(const struct catalog_entry *entry); /* scdoc source on stdout */

/* tarsier MODULE …; argv[0] is the module's name. */
int cmd_module(const struct catalog_entry *entry, int argc, char **argv);

/* This program's modules (area "host"). */
extern const struct module *const host_modules[];

/* The catalog of this installation; exits with a message when there is none. Freed at exit. */
struct catalog *cli_catalog(void);

/* Says why on stderr and returns the exit status that fits. */
int cli_fail(const struct error *err);

/* The terminals behind stdout and stderr, looked at once. */
const struct term *cli_out(void);
const struct term *cli_err(void);

/* --color: for both streams, and for the programs that are started from here. */
void cli_set_colour(enum colour_wish wish);
/* Takes "--color WHEN" off the front of the words, which argv[0] precedes; how many words it was, -1 (and why on
 * stderr) where WHEN is none. */
int cli_take_colour(int *argc, char ***argv);

/* On stdout, through the pager where it is longer than the terminal; the exit status. */
int cli_page(struct sv text);
/* The same, with headings and examples as the theme has them. */
int cli_show_help(struct sv text);

extern const struct record run_flags_record;

/* Takes the common flags out of argv (in place; *argc shrinks): those that are not the module's own. */
int run_flags_take(const struct record *params, int *argc, char **argv, struct run_flags *ret, struct arena *arena,
        struct error *err);

/* "--json=name,pid": the fields; NULL where that is not said. --json=true and =false are the switch itself. */
const char *cli_json_fields(const char *word);
/* "a,b.c" into at most `max` names and a NULL; text (may be NULL) is cut in place. */
void cli_split_names(char *text, const char **ret, size_t max);

/* Which agent to ask instead of running here. */
struct run_target {
        const char *agent;
        const char *token; /* NULL = none */
        const char *bridge;
};

/* Where a stop message may come from: a file, and what was read from it already. */
struct run_stop {
        int fd; /* -1: it has ended */
        struct sv read;
};

/* Runs and blocks until the result is complete; SIGINT and SIGTERM stop the run, which then shows what it has. So does
 * a line with a stop message; stop NULL: none can come. target NULL: on this machine. NULL on failure to start. */
struct execution;
struct shower;

struct run_request {
        const struct catalog_entry *entry;
        struct sv message;
        struct budget budget;
        bool privacy;
        bool strict;
        const struct run_stop *stop;
        const struct run_target *target;
        struct shower *shower; /* shows rows as they come; NULL: nobody does */
        bool spin;             /* tell on a terminal that it goes on */
};

struct execution *run_here(const struct run_request *request, struct error *err);

/* The same, and shows the result; the exit status. */
int run_and_show(struct run_request *request, const struct run_flags *flags);

/* How a result is shown: on stdout, its errors on stderr. flags must live as long. */
struct shower *shower_new(const struct catalog_entry *entry, const struct run_flags *flags, struct error *err);
void shower_free(struct shower *shower);

/* Can rows be shown as they come? Only a plain list in a form that needs no look at all rows. Then each goes to
 * show_row, and show_result adds what follows them. */
bool shower_is_live(struct shower *shower);
void show_row(struct shower *shower, struct sv json);
/* Are rows held back, for a pager that may be used at the end? shower_release shows them, and each further one as it
 * comes: the run goes on for longer than a reader waits. */
bool shower_holds(const struct shower *shower);
void shower_release(struct shower *shower);

/* The exit status. */
int show_result(struct shower *shower, struct result *result);
