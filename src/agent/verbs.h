/* The verbs of tarsier-agent. */
#pragma once

struct error;

int cmd_serve(int argc, char **argv);
int cmd_runs(int argc, char **argv);
int cmd_saved(int argc, char **argv);
int cmd_status(int argc, char **argv);

/* "tarsier: MESSAGE" on stderr; the exit status of the error's code. */
int verb_fail(const struct error *err);

/* Where an agent keeps what it knows, and where its sockets are: as given, else as root or by XDG. ret: 4096 bytes. */
void verb_state_directory(const char *given, char *ret);
void verb_run_directory(const char *given, const char *given_state, char *ret);

/* Reads the flags of a verb; "--help" prints them and exits. -1 after a message. */
struct record;
struct arena;
int verb_flags(const struct record *record, const char *verb, const char *summary, int argc, char **argv, void *ret,
        struct arena *arena);
