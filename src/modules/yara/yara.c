/* yara: scans files with rules of YARA. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "lib/regex/regex.h"
#include "lib/walk/walk.h"
#include "module/lines.h"
#include "module/run.h"
#include "modules/yara/file_spec.h"
#include "modules/yara/rules.h"

#include <fcntl.h>

enum { NAMES_MAX = 100, PATHS_MAX = 1000 };

struct yara_params {
        char *rules;
        char *rules_file;
        char *file_search;
        struct string_list paths;
        struct string_list names;
        int64_t max_depth;
        int64_t timeout_ns;
};

struct yara_element {
        const char *object;
        struct string_list matched;
};

struct yara_statistics {
        uint64_t files;
        uint64_t bytes;
        uint64_t matches;
        uint64_t timeouts;
        int64_t runtime_ns;
};

static const struct field params_fields[] = {
        FIELD_STRING(struct yara_params, rules, .json = "yara", .option = "rules-text", .help = "the rules"),
        FIELD_PATH(struct yara_params, rules_file, .json = "rulesfile", .option = "rules", .metavar = "FILE",
                .help = "file with the rules, read on the host that scans"),
        FIELD_STRING(struct yara_params, file_search, .json = "filesearch", .option = "files", .metavar = "SPEC",
                .help = "which files, as flags of module file: \"-path /bin -name ssh\""),
        FIELD_PATHS(struct yara_params, paths, .option = "path", .positional = true, .max_items = PATHS_MAX,
                .help = "files and directories to scan"),
        FIELD_REGEXES(struct yara_params, names, .option = "name", .max_items = NAMES_MAX,
                .help = "only files whose name matches; one of several suffices"),
        FIELD_INT(struct yara_params, max_depth, .json = "maxdepth", .min = 0, .max = FILE_SPEC_DEPTH, .def = "1000",
                .help = "deepest directory to look into, 1 is the path alone"),
        FIELD_DURATION(struct yara_params, timeout_ns, .json = "timeout", .def = "10s", .min = SECOND,
                .max = 60 * MINUTE, .help = "time for one file, in whole seconds"),
};

static const struct field element_fields[] = {
        FIELD_PATH(struct yara_element, object, .json = "Object", .private_ = true, .help = "file that matched"),
        FIELD_STRINGS(struct yara_element, matched, .json = "MatchedRules", .help = "names of the rules"),
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct yara_statistics, files, .help = "files scanned"),
        FIELD_UINT(struct yara_statistics, bytes, .help = "bytes scanned"),
        FIELD_UINT(struct yara_statistics, matches, .help = "files that matched"),
        FIELD_UINT(struct yara_statistics, timeouts, .help = "files that took too long"),
        FIELD_DURATION(struct yara_statistics, runtime_ns, .json = "exectime", .help = "time the scan took"),
};

struct scan {
        struct run *run;
        const struct yara_params *params;
        struct yara_statistics *statistics;
        struct file_spec spec;
        struct rules *rules;
        struct regex **names;
        struct rules_matched *matched;
        struct error *err;
        bool failed;
};

static bool name_wanted(const struct scan *scan, struct sv name)
{
        for (size_t i = 0; i < scan->spec.names.count; i++)
                if (regex_match(scan->names[i], name))
                        return true;
        return scan->spec.names.count == 0;
}

static int scan_file(struct scan *scan, int fd, const char *path, uint64_t size)
{
        struct error err;
        int seconds = (int)(scan->params->timeout_ns / SECOND);
        scan->statistics->files++;
        scan->statistics->bytes += size;
        if (rules_scan(scan->rules, fd, path, seconds, scan->matched, &err) < 0) {
                scan->statistics->timeouts += err.code == E_TIMEOUT;
                run_skipped(scan->run, path, "%s", err.message);
        }
        run_charge_io(scan->run, size);
        if (scan->matched->count == 0)
                return 0;
        struct yara_element element = {
                .object = path,
                .matched = { .items = scan->matched->names, .count = scan->matched->count },
        };
        scan->statistics->matches++;
        return run_emit(scan->run, "Matches", &element, scan->err);
}

static enum walk_verdict on_file(void *cookie, const struct walk_entry *entry)
{
        struct scan *scan = cookie;
        struct stat st;
        struct error err;
        if (run_checkpoint(scan->run))
                return WALK_STOP;
        if (entry->target != DT_REG || !name_wanted(scan, path_base(entry->path)))
                return WALK_ON;
        cleanup(fd_close) int fd = walk_open_regular(entry->dirfd, entry->name, WALK_OPEN_FOLLOW, &st, &err);
        if (fd < 0) {
                run_skipped(scan->run, entry->path.p, "%s", err.errnum ? errno_text(err.errnum) : err.message);
                return WALK_ON;
        }
        uint64_t size = (uint64_t)st.st_size;
        if (size == 0 || size < scan->spec.min_size || (scan->spec.max_size && size > scan->spec.max_size))
                return WALK_ON;
        scan->failed = scan_file(scan, fd, entry->path.p, size) < 0;
        return scan->failed ? WALK_STOP : WALK_ON;
}

static enum walk_verdict on_error(void *cookie, struct sv path, enum walk_stage stage, int errnum)
{
        if (stage != WALK_STAGE_FOLLOW)
                run_skipped(((struct scan *)cookie)->run, path.p, "%s", errno_text(errnum));
        return WALK_ON;
}

static bool checkpoint(void *cookie)
{
        return run_checkpoint(((struct scan *)cookie)->run);
}

static struct rules *load_rules(const struct yara_params *params, struct error *err)
{
        if (params->rules && *params->rules)
                return rules_new(params->rules, err);
        cleanup(buf_done) struct buf text;
        buf_init(&text, RULES_TEXT_MAX);
        if (file_read(AT_FDCWD, params->rules_file, &text, err) < 0)
                return NULL;
        return rules_new(buf_text(&text), err);
}

static int prepare(struct scan *scan, struct error *err)
{
        struct arena *arena = &scan->run->arena;
        scan->spec = (struct file_spec){
                .paths = scan->params->paths, .names = scan->params->names, .max_depth = scan->params->max_depth
        };
        if (scan->params->file_search && file_spec_parse(scan->params->file_search, arena, &scan->spec, err) < 0)
                return -1;
        if (scan->spec.paths.count == 0)
                return fail(err, E_INVALID, "no path to scan: filesearch or paths is needed");
        scan->matched = arena_new(arena, struct rules_matched);
        scan->names = arena_array(arena, scan->spec.names.count, sizeof(struct regex *));
        if (!scan->names || !scan->matched)
                return fail(err, E_NO_MEMORY, "no memory for the patterns");
        for (size_t i = 0; i < scan->spec.names.count; i++)
                if (!(scan->names[i] = regex_new(sv_of(scan->spec.names.items[i]), 0, err)))
                        return -1;
        scan->rules = load_rules(scan->params, err);
        return scan->rules ? run_declare(scan->run, NULL, "Matches", false, err) : -1;
}

static int yara_run(struct run *run, struct error *err)
{
        struct scan scan = { .run = run, .params = run->params, .statistics = run_statistics(run), .err = err };
        int status = prepare(&scan, err);
        struct walk_options options = {
                .max_depth = (unsigned)scan.spec.max_depth,
                .follow_files = true,
                .on_file = on_file,
                .on_error = on_error,
                .checkpoint = checkpoint,
                .cookie = &scan,
        };
        for (size_t i = 0; status == 0 && !scan.failed && i < scan.spec.paths.count && !run_checkpoint(run); i++)
                status = walk_tree(AT_FDCWD, scan.spec.paths.items[i], &options, NULL, err);
        for (size_t i = 0; scan.names && i < scan.spec.names.count; i++)
                regex_free(scan.names[i]);
        rules_free(scan.rules);
        scan.statistics->runtime_ns = time_monotonic_ns() - run->started_ns;
        return scan.failed ? -1 : status;
}

static int yara_validate(const void *value, struct error *err)
{
        const struct yara_params *params = value;
        bool text = params->rules && *params->rules;
        bool file = params->rules_file && *params->rules_file;
        if (text == file)
                return fail(err, E_INVALID,
                        text ? "yara and rulesfile are two sets of rules" : "no rules: yara or rulesfile is needed");
        return 0;
}

static const struct module_example yara_examples[] = {
        { "yara --rules webshells.yar /var/www", "which files below /var/www match a rule" },
        { "yara -rules rules.yar -files '-path /bin -name ssh -size <1m'", "the same in MIG's words" },
        { 0 },
};

const struct module yara_module = {
        .name = "yara",
        .summary = "scan files with YARA rules",
        .description = "Rules may import libyara's modules (pe, elf, hash, math …) but not include files. The rules' "
                       "external variables filename, filepath and extension are those of the file scanned.",
        .since = "0.1.0",
        .params = RECORD(struct yara_params, params_fields),
        .element = RECORD(struct yara_element, element_fields),
        .shape = SHAPE_MAP_OF_LISTS,
        .statistics = RECORD(struct yara_statistics, statistics_fields),
        .sandbox = { .read_all = true },
        .limits = { .wall_ns = 30 * MINUTE, .memory = 1 * GIB, .result = 64 * MIB },
        .examples = yara_examples,
        .validate = yara_validate,
        .run = yara_run,
};
