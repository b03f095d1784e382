/* Every module this installation has: the program's own table, the first-party area programs (described by JSON files
 * that the build made beside them, so listing starts nothing) and third parties' executables in the modules directory.
 */
#pragma once

#include "module/module.h"

enum module_origin {
        ORIGIN_BUILTIN, /* in this very program */
        ORIGIN_PROGRAM, /* in libexec/tarsier-AREA */
        ORIGIN_FOREIGN, /* an executable that answers --describe */
};

struct catalog_entry {
        struct module
                *module; /* for PROGRAM and FOREIGN loaded from the descriptor: no functions, records without structs */
        enum module_origin origin;
        const char *area;    /* "host", "investigate"; "" for foreign ones */
        const char *program; /* path of the executable */
        int program_fd;      /* -1 until catalog_pin; the agent executes this very file */
        bool prints;         /* the program has print functions of its own for this module */
};

struct catalog;

/* own: the program's modules, may be NULL; own_area names them. libexec: NULL = beside this program (libexec/tarsier,
 * or
 * ../libexec/tarsier). modules_dir: NULL = none. Foreign modules are described only when asked for (catalog_find of an
 * unknown name, catalog_all). Nothing is read yet. */
struct catalog *catalog_new(
        module_table own, const char *own_area, const char *libexec, const char *modules_dir, struct error *err);
void catalog_free(struct catalog *catalog);

/* Keeps of each area program's module what it takes to start and judge a run: no help, long text, examples, element
 * and statistics (catalog_describe has them). For a process that stays, before anything is read. */
void catalog_keep_brief(struct catalog *catalog);

/* The names no foreign module may take: the commands of the program. */
void catalog_reserve(struct catalog *catalog, bool (*reserved)(const char *name));

/* The entry, or NULL with E_NOT_FOUND ("module 'nope' is not available"). Reads one descriptor file at most.
 * Case-insensitive. */
const struct catalog_entry *catalog_find(struct catalog *catalog, const char *name, struct error *err);

/* All entries, sorted by name. Foreign modules that cannot be described or whose name is taken are left out and counted
 * in *ret_refused (may be NULL); each is logged as a warning. */
size_t catalog_all(struct catalog *catalog, const struct catalog_entry *const **ret_entries, size_t *ret_refused,
        struct error *err);

/* Opens the programs, so that what runs later is the file that is there now. */
int catalog_pin(struct catalog *catalog, struct error *err);

/* Module ⇄ descriptor JSON. */
struct json_writer;
/* The whole of it, also where the catalog keeps it in brief: the file is read again, which may tell of an upgrade. */
int catalog_describe(
        struct catalog *catalog, const struct catalog_entry *entry, struct json_writer *writer, struct error *err);
void module_describe(const struct module *module, const char *area, struct json_writer *writer);
struct module *module_load(const json_t *description, struct arena *arena, struct error *err);

/* The directory of the area programs, resolved. */
const char *catalog_libexec(const struct catalog *catalog);
