/* Installed packages, read from the package managers' own databases without starting a program: dpkg (and distroless'
 * status.d), rpm (SQLite, ndb and Berkeley DB hash files), apk, pacman. Paths are resolved below a root directory and
 * never leave it, so a container's tree can stand in for "/". */
#pragma once

#include "base/error.h"
#include "base/sv.h"

enum {
        PKGDB_MAX_PACKAGES = 1 << 18,  /* of one database */
        PKGDB_MAX_TEXT = 128 << 20,    /* bytes of one text database */
        PKGDB_MAX_BINARY = 1 << 30,    /* bytes of one rpm database */
        PKGDB_MAX_HEADER = 64 << 20,   /* bytes of one rpm header */
        PKGDB_MAX_DIRECTORY = 1 << 16, /* entries of status.d or pacman's local */
        PKGDB_MAX_FIELD = 4096,        /* bytes of a name, version or architecture */
};

/* Strings are NUL-terminated UTF-8 (or whatever the database holds) and live during the callback only. */
struct package {
        const char *type;    /* "dpkg", "rpm", "apk", "pacman" */
        const char *name;    /* without an architecture suffix: "libc6", never "libc6:amd64" */
        const char *version; /* as the package manager shows it; rpm: its %{EVR}, epoch only when there is one */
        const char *arch;    /* "" when the database does not say (gpg-pubkey of rpm: "(none)" becomes "") */
        const char *source;  /* source package; "" when unknown. dpkg: without its version */
        const char *source_version;
        int64_t installed_size; /* bytes; -1 = unknown */
};

struct pkgdb_counts {
        size_t packages; /* handed out */
        size_t refused;  /* entries that were broken, too large or beyond a ceiling */
};

struct pkgdb_visitor {
        /* Non-zero ends the walk; pkgdb_read returns 0 then. */
        int (*package)(const struct package *package, void *cookie);
        /* One database could not be read wholly; the others go on. `path` is below the root. May be NULL. */
        void (*problem)(const char *path, const struct error *err, void *cookie);
        void *cookie;
};

/* Reads every database found below rootfd (AT_FDCWD is not accepted: open "/" for the host). No database at all is no
 * error: ret_counts->packages is 0. Returns -1 only when the root itself cannot be used. ret_counts may be NULL. */
int pkgdb_read(int rootfd, const struct pkgdb_visitor *visitor, struct pkgdb_counts *ret_counts, struct error *err);

/* --- the pure parsers below it, for tests and fuzzing: bytes in, packages out ---------------------------------------
 * All return 0, or the non-zero value of a visit, or -1 with *err where the format itself is broken. */

typedef int package_visit(const struct package *package, void *cookie);

/* /var/lib/dpkg/status: only packages whose state is "installed" (also with a wanted "hold" or "deinstall").
 * any_state: a status.d file of a distroless image has no Status field; take every paragraph without one. */
int dpkg_parse(struct sv text, bool any_state, package_visit *visit, void *cookie, struct pkgdb_counts *counts,
        struct error *err);

/* /lib/apk/db/installed and the same file below /usr/lib. */
int apk_parse(struct sv text, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err);

/* One /var/lib/pacman/local/NAME-VERSION/desc. */
int pacman_parse(struct sv text, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err);

/* One rpm header without its magic, as databases store it (lib/header.c's "header blob"). */
int rpm_header_parse(
        struct sv blob, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err);

/* A whole Packages.db (ndb) and Packages (Berkeley DB hash) file. */
int rpm_ndb_parse(struct sv file, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err);
int rpm_bdb_parse(struct sv file, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err);

/* rpmdb.sqlite behind a descriptor. */
int rpm_sqlite_read(int fd, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err);
