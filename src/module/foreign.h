/* Third parties' modules: any executable in the modules directory that answers --describe and speaks the contract on
 * its standard streams, in whatever language (docs/modules/foreign.md):
 *
 *      NAME --describe     prints one descriptor (JSON) and exits 0
 *      NAME                reads one line {"class":"parameters",…}, prints one result envelope, exits; a line
 * {"class":"stop"} may follow on its standard input
 */
#pragma once

#include "module/module.h"

/* Is it a regular file, executable, owned by root (or by us) and not writable by others, as its directory? E_NOT_FOUND
 * when there is none. */
int foreign_check_file(const char *path, struct error *err);

/* Runs PATH --describe as an unprivileged user in a locked process and reads what it says; bounded in time and size.
 * tarsier is the program that holds the confining verb. Allocated in the arena. */
struct module *foreign_describe(const char *path, const char *tarsier, struct arena *arena, struct error *err);

/* The same, or what it said before while the file is unchanged (describe_cache.h). cache: its directory, NULL = none.
 */
struct module *foreign_describe_cached(
        const char *path, const char *tarsier, const char *cache, struct arena *arena, struct error *err);

/* The verb `tarsier worker --foreign PATH`: the handshake and the frames on one side, the executable on the other. */
int foreign_worker_main(const char *path);

/* The verb `tarsier confine PATH --describe`: locks itself and executes the file. */
int foreign_confine_main(char *const *argv);
