/* file: which files have such names, sizes, modes, ages, contents and digests. Wire and meaning are MIG's; where MIG's
 * meaning is a known defect docs/modules/file.md says what is done instead. */
#include "modules/investigate/file.h"

#include "module/lines.h"

#include <ctype.h>

static const char *const prefilters[] = { "auto", "off", "builtin", "vectorscan", NULL };

static const struct field option_fields[] = {
        FIELD_DOUBLE(struct file_options, max_depth, .json = "maxdepth", .option = "maxdepth", .cli_def = "1000",
                .help = "deepest directory to search, 1 is the path itself; 0 is no limit"),
        FIELD_DOUBLE(struct file_options, max_errors, .json = "maxerrors", .cli_def = "30",
                .help = "errors to return; 0 is no limit"),
        FIELD_BOOL(struct file_options, remote_fs, .json = "remotefs", .omit_empty = true, .option = "",
                .help = "accepted for MIG's requests, without effect: see onefilesystem"),
        FIELD_BOOL(struct file_options, match_all, .json = "matchall", .negative_option = "matchany", .cli_def = "true",
                .help = "return files that meet all checks; else a row for each check a file meets"),
        FIELD_BOOL(struct file_options, macroal, .help = "every line has to match each content regexp"),
        FIELD_ENUMS(struct file_options, mismatch, file_kind_names, .null_empty = true, .max_items = 100,
                .help = "kinds of checks that are met by what does not match"),
        FIELD_DOUBLE(struct file_options, match_limit, .json = "matchlimit", .cli_def = "1000",
                .help = "rows after which the search ends; 0 is no limit"),
        FIELD_STRING(struct file_options, debug, .omit_empty = true, .option = "", .max_length = 64,
                .help = "\"print\": the same as verbose"),
        FIELD_BOOL(struct file_options, verbose, .omit_empty = true,
                .help = "list also what is passed over on purpose: FIFOs, sockets, devices, links to directories"),
        FIELD_BOOL(struct file_options, return_sha256, .json = "returnsha256", .omit_empty = true,
                .help = "tell the SHA-256 of each file found"),
        FIELD_BOOL(struct file_options, decompress, .omit_empty = true,
                .help = "search the content of gzip, xz and zstd files decompressed"),
        FIELD_BOOL(struct file_options, one_file_system, .json = "onefilesystem", .omit_empty = true,
                .help = "do not enter other file systems"),
        FIELD_ENUM(struct file_options, prefilter, prefilters, .omit_empty = true, .def = "auto",
                .help = "which accelerator finds candidate lines; all give the same result"),
};

#define VALUES(kind, key, flag_name, ...)                                                                              \
        {                                                                                                              \
                .name = key, .type = FIELD_TYPE_STRING, .container = FIELD_LIST,                                       \
                .offset = offsetof(struct file_search_params, values) + (kind) * sizeof(struct string_list),           \
                .item_size = sizeof(char *), .option = flag_name, .omit_empty = true, ##__VA_ARGS__                    \
        }

static const struct field search_fields[] = {
        FIELD_STRING(struct file_search_params, description, .omit_empty = true, .max_length = 4096,
                .help = "what the search is for"),
        FIELD_STRINGS(struct file_search_params, paths, .option = "path", .metavar = "PATH", .required = true,
                .min_length = 1, .max_items = FILE_PATHS_MAX, .max_length = 4095,
                .help = "files and directories to search"),
        VALUES(FILE_CONTENT, "contents", "content", .metavar = "REGEX", .max_items = FILE_PATTERNS_MAX,
                .check = file_check_pattern, .help = "a line matches; with a leading ! no line does"),
        VALUES(FILE_NAME, "names", "name", .metavar = "REGEX", .max_items = FILE_PATTERNS_MAX,
                .check = file_check_pattern, .help = "the name without its directory matches; ! for the contrary"),
        VALUES(FILE_SIZE, "sizes", "size", .metavar = "SIZE", .max_items = FILE_PATTERNS_MAX, .check = file_check_size,
                .help = "bytes, as 10, <4k, >1g: bounds included"),
        VALUES(FILE_MODE, "modes", "mode", .metavar = "REGEX", .max_items = FILE_PATTERNS_MAX,
                .check = file_check_pattern,
                .help = "the mode, as -rw-r--r-- or urwxr-xr-x, matches; ! for the contrary"),
        VALUES(FILE_MTIME, "mtimes", "mtime", .metavar = "AGE", .max_items = FILE_PATTERNS_MAX,
                .check = file_check_mtime, .help = "<90d is changed within 90 days, >5h longer ago; d, h or m"),
        VALUES(FILE_MD5, "md5", "md5", .metavar = "HEX", .max_items = FILE_DIGESTS_MAX, .check = file_check_md5,
                .help = "MD5 of the content"),
        VALUES(FILE_SHA1, "sha1", "sha1", .metavar = "HEX", .max_items = FILE_DIGESTS_MAX, .check = file_check_sha1,
                .help = "SHA-1 of the content"),
        VALUES(FILE_SHA2, "sha2", "sha2", .metavar = "HEX", .max_items = FILE_DIGESTS_MAX, .check = file_check_sha2,
                .help = "SHA-224, SHA-256, SHA-384 or SHA-512 of the content, by its length"),
        VALUES(FILE_SHA3, "sha3", "sha3", .metavar = "HEX", .max_items = FILE_DIGESTS_MAX, .check = file_check_sha3,
                .help = "SHA3-224, SHA3-256, SHA3-384 or SHA3-512 of the content, by its length"),
        FIELD_RECORD(struct file_search_params, options, struct file_options, option_fields, .help = "how to search"),
};

static const struct field params_fields[] = {
        FIELD_RECORD_MAP(struct file_params, searches, struct file_search_params, search_fields, .entry = "s1",
                .entry_option = "search", .max_items = FILE_SEARCHES_MAX, .help = "searches by label"),
};

static const struct field info_fields[] = {
        FIELD_INT(struct file_info, size, .help = "bytes"),
        FIELD_STRING(struct file_info, mode, .help = "type and permissions, as Go writes them"),
        FIELD_STRING(struct file_info, last_modified, .json = "lastmodified", .help = "time of the last change, UTC"),
        FIELD_STRING(struct file_info, sha256, .omit_empty = true, .help = "SHA-256 of the content, upper case"),
};

static const struct field row_fields[] = {
        FIELD_PATH(struct file_row, file, .private_ = true, .help = "the file; empty: nothing was found"),
        FIELD_RECORD(struct file_row, search, struct file_search_params, search_fields, .help = "what it was found by"),
        FIELD_RECORD(struct file_row, info, struct file_info, info_fields, .json = "fileinfo", .help = "its metadata"),
};

static const struct field statistics_fields[] = {
        FIELD_INT(struct file_statistics, files_count, .json = "filescount", .help = "files checked"),
        FIELD_INT(
                struct file_statistics, open_failed, .json = "openfailed", .help = "files and directories not opened"),
        FIELD_INT(struct file_statistics, total_hits, .json = "totalhits", .help = "rows found"),
        FIELD_STRING(struct file_statistics, exec_time, .json = "exectime", .help = "how long it took"),
        FIELD_INT(struct file_statistics, bytes_read, .json = "bytesread", .help = "bytes of files read"),
        FIELD_INT(struct file_statistics, bytes_cached, .json = "bytescached", .omit_empty = true,
                .help = "bytes of files that were not read because their digests were known by another name"),
        FIELD_INT(struct file_statistics, long_lines, .json = "longlines", .omit_empty = true,
                .help = "lines longer than 8 MiB, of which only the beginning was searched"),
        FIELD_INT(struct file_statistics, other_file_systems, .json = "otherfilesystems", .omit_empty = true,
                .help = "mount points not entered"),
};

static int file_validate(const void *parameters, struct error *err)
{
        const struct file_params *params = parameters;
        for (size_t i = 0; i < params->searches.count; i++)
                if (file_check_label(params->searches.keys[i], err) < 0)
                        return error_prefix(err, "searches.%s", params->searches.keys[i]);
        return 0;
}

void file_error(struct file_state *state, const char *format, ...)
{
        char text[2 * PATH_MAX];
        if (state->errors >= state->errors_max) {
                state->errors_dropped++;
                return;
        }
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        state->errors++;
        run_error(state->run, "%s", text);
}

static void file_state_done(struct file_state *state)
{
        for (size_t i = 0; i < state->search_count; i++)
                file_search_free(&state->searches[i]);
        file_cache_done(&state->cache);
        unpack_free(state->unpack);
        buf_done(&state->directory);
        free(state->block);
}

static void prepare_cache(struct file_state *state)
{
        unsigned kinds = 0;
        for (size_t i = 0; i < state->search_count; i++)
                kinds |= file_search_digests(&state->searches[i]);
        file_cache_init(&state->cache, kinds, state->now_ns);
}

static int search(struct file_state *state, struct error *err)
{
        if (file_search_prepare(state, state->run->params, err) < 0)
                return -1;
        prepare_cache(state);
        if (file_walk(state, err) < 0)
                return -1;
        if (state->failed)
                return -1;
        if (!state->stopped && !run_stopped(state->run) && file_emit_empty(state, err) < 0)
                return -1;
        if (state->errors_dropped)
                run_error(state->run, "%llu errors were not returned (max errors = %llu)",
                        (unsigned long long)state->errors_dropped, (unsigned long long)state->errors_max);
        run_set_found(state->run, state->statistics->total_hits > 0);
        return 0;
}

static int file_run(struct run *run, struct error *err)
{
        int64_t started_ns = time_monotonic_ns();
        struct file_state state = { .run = run,
                .statistics = run_statistics(run),
                .now_ns = time_unix_ns(),
                .privacy = run->privacy,
                .err = err };
        buf_init(&state.directory, (size_t)WALK_DEPTH_MAX * PATH_MAX);
        state.block = malloc(2 * (size_t)FILE_BLOCK);
        state.unpacked = state.block ? state.block + FILE_BLOCK : NULL;
        int done = state.block ? search(&state, err) : fail(err, E_NO_MEMORY, "no memory to read files");
        file_state_done(&state);
        char text[TIME_TEXT_MAX];
        duration_format(time_monotonic_ns() - started_ns, text);
        state.statistics->exec_time = arena_strdup(&run->arena, text);
        return done;
}

static void file_print_row(struct line_printer *printer, const char *group, const char *label, const void *element)
{
        const struct file_row *row = element;
        struct buf line;
        (void)group;
        if (!row->file || !*row->file) {
                if (printer->results_only)
                        return;
                buf_init(&line, printer->out->max);
                buf_printf(&line, "0 match found in search '%s'", label);
        } else {
                buf_init(&line, printer->out->max);
                buf_printf(&line, "%s [lastmodified:%s, mode:%s, size:%lld", row->file, row->info.last_modified,
                        row->info.mode, (long long)row->info.size);
                if (row->info.sha256 && *row->info.sha256) {
                        buf_puts(&line, ", sha256:");
                        for (const char *c = row->info.sha256; *c; c++)
                                buf_putc(&line, (char)tolower((unsigned char)*c));
                }
                buf_printf(&line, "] in search '%s'", label);
        }
        if (!row->search.options.match_all) {
                buf_puts(&line, " on checks");
                for (size_t kind = 0; kind < FILE_KINDS; kind++)
                        list_foreach (value, &row->search.values[kind])
                                buf_printf(&line, " %s='%s'", file_kind_names[kind], *value);
        }
        print_line(printer, "%s", buf_text(&line));
        buf_done(&line);
}

static void file_print_empty(struct line_printer *printer, const char *group, const char *label)
{
        (void)group;
        print_line(printer, "0 match found in search '%s'", label);
}

static void file_print_statistics(struct line_printer *printer, const void *statistics)
{
        const struct file_statistics *counted = statistics;
        print_line(printer, "Statistics: %lld files checked, %lld failed to open, %lld matched, ran in %s.",
                (long long)counted->files_count, (long long)counted->open_failed, (long long)counted->total_hits,
                counted->exec_time ? counted->exec_time : "0s");
}

static const struct module_example file_examples[] = {
        { "file --path /etc --name '^shadow' --mode '^-rw-r--r--'", "shadow files that everyone may read" },
        { "file --path /usr/bin --mode '^u' --returnsha256", "setuid programs and their digests" },
        { "file --path /home --name '^authorized_keys$' --content 'ssh-rsa .* eve@' --maxdepth 4",
                "who let a certain key in" },
        { 0 },
};

const struct module file_module = {
        .name = "file",
        .summary = "search files by name, size, mode, age, content and digest",
        .description = "Walks the given paths once for all searches and tries the cheapest checks first; content and "
                       "digests are computed in one reading of each file. A search returns the files that meet all its "
                       "checks (matchall), or a row for each check that a file meets (matchany).",
        .since = "0.1",
        .params = RECORD(struct file_params, params_fields),
        .element = RECORD(struct file_row, row_fields),
        .shape = SHAPE_MAP_OF_LISTS,
        .statistics = RECORD(struct file_statistics, statistics_fields),
        .sandbox = { .capabilities = CAP_BIT(CAP_DAC_READ_SEARCH), .read_all = true },
        .errors_private = true,
        .examples = file_examples,
        .validate = file_validate,
        .run = file_run,
        .print_row = file_print_row,
        .print_empty = file_print_empty,
        .print_statistics = file_print_statistics,
};
