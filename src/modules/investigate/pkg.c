/* pkg: which packages are installed, by name and version. The package managers' databases are read by lib/pkgdb; no
 * program is started. */
#include "base/cleanup.h"
#include "lib/pkgdb/pkgdb.h"
#include "lib/regex/regex.h"
#include "module/run.h"

#include <fcntl.h>
#include <limits.h>
#include <time.h>

enum { PATTERNS_MAX = 1000 };

enum package_type { TYPE_DPKG, TYPE_RPM, TYPE_APK, TYPE_PACMAN };

static const char *const package_types[] = { "dpkg", "rpm", "apk", "pacman", NULL };

struct pkg_match {
        struct string_list matches;
};

struct pkg_params {
        struct pkg_match pkg_match;
        char *version;
        LIST(int) types;
        struct string_list archs;
        char *root;
};

struct pkg_element {
        const char *name;
        const char *version;
        const char *type;
        const char *arch;
        const char *source;
        const char *source_version;
        int64_t installed_size;
};

struct pkg_statistics {
        int64_t runtime_ns;
        uint64_t examined;
        uint64_t refused;
};

struct search {
        struct run *run;
        const struct pkg_params *params;
        struct regex **names;
        struct regex *version;
        bool version_inverse;
        struct error *err;
        bool failed;
};

static struct sv version_pattern(const char *text, bool *ret_inverse)
{
        *ret_inverse = text && *text == '!';
        return sv_of(text ? text + *ret_inverse : "");
}

static int check_version(const char *text, struct error *err)
{
        bool inverse;
        return regex_validate(version_pattern(text, &inverse).p, err);
}

static const struct field pkg_match_fields[] = {
        FIELD_REGEXES(struct pkg_match, matches, .option = "name", .metavar = "REGEX", .max_items = PATTERNS_MAX,
                .help = "packages whose name matches; one of several suffices", .cli_def = "."),
};

static const struct field pkg_params_fields[] = {
        FIELD_RECORD(struct pkg_params, pkg_match, struct pkg_match, pkg_match_fields, .json = "pkgmatch",
                .help = "names to look for"),
        FIELD_STRING(struct pkg_params, version, .json = "vermatch", .option = "version", .metavar = "REGEX",
                .help = "only versions that match; with a leading \"!\" only those that do not",
                .check = check_version),
        FIELD_ENUMS(struct pkg_params, types, package_types, .option = "type",
                .help = "only packages of this package manager"),
        FIELD_STRINGS(struct pkg_params, archs, .option = "arch", .metavar = "ARCH", .max_items = PATTERNS_MAX,
                .help = "only packages of this architecture"),
        FIELD_PATH(struct pkg_params, root, .metavar = "DIR", .def = "/",
                .help = "directory that stands for /, such as the tree of a container"),
};

static const struct field pkg_element_fields[] = {
        FIELD_STRING(struct pkg_element, name, .help = "name, without an architecture"),
        FIELD_STRING(struct pkg_element, version, .help = "version as the package manager shows it"),
        FIELD_STRING(struct pkg_element, type, .help = "package manager: dpkg, rpm, apk or pacman"),
        FIELD_STRING(struct pkg_element, arch, .help = "architecture, empty when the database does not say"),
        FIELD_STRING(struct pkg_element, source, .help = "source package", .omit_empty = true),
        FIELD_STRING(struct pkg_element, source_version, .json = "sourceversion", .omit_empty = true,
                .help = "version of the source package where it differs"),
        FIELD_INT(struct pkg_element, installed_size, .json = "installedsize", .omit_empty = true,
                .help = "bytes when installed, where the database tells"),
};

static const struct field pkg_statistics_fields[] = {
        FIELD_DURATION(struct pkg_statistics, runtime_ns, .json = "execruntime", .help = "time the search took"),
        FIELD_UINT(struct pkg_statistics, examined, .help = "packages that were looked at"),
        FIELD_UINT(struct pkg_statistics, refused, .help = "entries that were broken or beyond a limit"),
};

static bool type_wanted(const struct pkg_params *params, const char *type)
{
        if (params->types.count == 0)
                return true;
        list_foreach (wanted, &params->types)
                if (strcmp(package_types[*wanted], type) == 0)
                        return true;
        return false;
}

static bool arch_wanted(const struct pkg_params *params, const char *arch)
{
        if (params->archs.count == 0)
                return true;
        list_foreach (wanted, &params->archs)
                if (strcmp(*wanted, arch) == 0)
                        return true;
        return false;
}

static bool name_wanted(const struct search *search, const char *name)
{
        for (size_t i = 0; i < search->params->pkg_match.matches.count; i++)
                if (regex_match(search->names[i], sv_of(name)))
                        return true;
        return false;
}

static int on_package(const struct package *package, void *cookie)
{
        struct search *search = cookie;
        struct pkg_statistics *statistics = run_statistics(search->run);
        statistics->examined++;
        if (run_checkpoint(search->run))
                return 1;
        if (!type_wanted(search->params, package->type) || !arch_wanted(search->params, package->arch) ||
                !name_wanted(search, package->name))
                return 0;
        if (search->version && regex_match(search->version, sv_of(package->version)) == search->version_inverse)
                return 0;
        bool own_source_version = strcmp(package->source_version, package->version) != 0;
        struct pkg_element element = {
                .name = package->name,
                .version = package->version,
                .type = package->type,
                .arch = package->arch,
                .source = package->source,
                .source_version = own_source_version ? package->source_version : "",
                .installed_size = package->installed_size > 0 ? package->installed_size : 0,
        };
        search->failed = run_emit(search->run, "packages", &element, search->err) < 0;
        return search->failed;
}

static void on_problem(const char *path, const struct error *err, void *cookie)
{
        struct search *search = cookie;
        char whole[PATH_MAX];
        struct sv reason = sv_of(err->message);
        size_t prefix = strlen(path);
        if (sv_starts(reason, sv_of(path)) && sv_starts(sv_n(reason.p + prefix, reason.n - prefix), SV(": ")))
                reason = sv_n(reason.p + prefix + 2, reason.n - prefix - 2);
        struct sv root = sv_of(search->params->root);
        while (root.n > 0 && root.p[root.n - 1] == '/')
                root.n--;
        snprintf(whole, sizeof(whole), "%.*s/%s", SV_ARG(root), path);
        run_skipped(search->run, whole, "%.*s", SV_ARG(reason));
}

static int compile(struct search *search, struct error *err)
{
        const struct string_list *matches = &search->params->pkg_match.matches;
        search->names = arena_array(&search->run->arena, matches->count, sizeof(struct regex *));
        if (!search->names)
                return fail(err, E_NO_MEMORY, "no memory for %zu patterns", matches->count);
        for (size_t i = 0; i < matches->count; i++) {
                search->names[i] = regex_new(sv_of(matches->items[i]), 0, err);
                if (!search->names[i])
                        return -1;
        }
        struct sv version = version_pattern(search->params->version, &search->version_inverse);
        if (version.n > 0) {
                search->version = regex_new(version, 0, err);
                if (!search->version)
                        return -1;
        }
        return 0;
}

static void release(struct search *search)
{
        for (size_t i = 0; search->names && i < search->params->pkg_match.matches.count; i++)
                regex_free(search->names[i]);
        regex_free(search->version);
}

static int pkg_validate(const void *value, struct error *err)
{
        const struct pkg_params *params = value;
        if (params->pkg_match.matches.count == 0)
                return fail(err, E_INVALID, "pkgmatch.matches: at least one pattern is needed");
        return 0;
}

static int pkg_run(struct run *run, struct error *err)
{
        const struct pkg_params *params = run->params;
        struct pkg_statistics *statistics = run_statistics(run);
        cleanup(fd_close) int root = open(params->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "%s", params->root);
        struct search search = { .run = run, .params = params, .err = err };
        struct pkgdb_visitor visitor = { .package = on_package, .problem = on_problem, .cookie = &search };
        struct pkgdb_counts counts = { 0 };
        int status = compile(&search, err);
        if (status == 0)
                status = run_declare(run, NULL, "packages", false, err);
        if (status == 0)
                status = pkgdb_read(root, &visitor, &counts, err);
        release(&search);
        statistics->refused = counts.refused;
        statistics->runtime_ns = time_monotonic_ns() - run->started_ns;
        return search.failed ? -1 : status;
}

static const struct module_example pkg_examples[] = {
        { "pkg --name '^openssl'", "the installed packages whose name begins with openssl" },
        { "pkg --name '^libc6$' --version '!2\\.36'", "every libc6 that is not 2.36" },
        { "pkg --root /srv/image --type apk", "what is installed in a tree that is not the host's" },
        { 0 },
};

const struct module pkg_module = {
        .name = "pkg",
        .summary = "find installed packages by name and version",
        .description =
                "Reads the databases of dpkg, rpm, apk and pacman, below / or another directory, without starting "
                "a program. Without --name every package is told.",
        .since = "0.1.0",
        .params = RECORD(struct pkg_params, pkg_params_fields),
        .element = RECORD(struct pkg_element, pkg_element_fields),
        .shape = SHAPE_MAP_OF_LISTS,
        .statistics = RECORD(struct pkg_statistics, pkg_statistics_fields),
        .sandbox = { .read_all = true },
        .limits = { .wall_ns = 2 * MINUTE, .memory = 256 * MIB, .result = 64 * MIB },
        .role = ROLE_VIEWER,
        .examples = pkg_examples,
        .validate = pkg_validate,
        .run = pkg_run,
};
