/* memory: searches the memory of running processes by program, mapped files, bytes and patterns. What it tells is which
 * process matched which search, never what the memory holds. */
#include "modules/investigate/memory.h"
#include "module/lines.h"

static int check_not_empty(const char *text, struct error *err)
{
        if (!*text)
                return fail(err, E_INVALID, "Empty values are not permitted");
        return 0;
}

static const struct field options_fields[] = {
        FIELD_UINT(struct memory_options, offset, .omit_empty = true, .metavar = "ADDRESS",
                .help = "address at which the search begins"),
        FIELD_SIZE(struct memory_options, max_length, .json = "maxlength", .omit_empty = true,
                .help = "bytes of each process to search; 0 is all"),
        FIELD_BOOL(struct memory_options, log_failures, .json = "logfailures", .omit_empty = true,
                .help = "list memory that could not be read under failures"),
        FIELD_BOOL(struct memory_options, match_all, .json = "matchall", .negative_option = "matchany",
                .omit_empty = true, .cli_def = "true", .help = "a process must match all of the search, not any part"),
        FIELD_BOOL(struct memory_options, addresses, .omit_empty = true,
                .help = "tell the address of the first match of each part"),
};

static const struct field search_fields[] = {
        FIELD_STRING(struct memory_search, description, .omit_empty = true, .help = "what the search is for"),
        FIELD_REGEXES(struct memory_search, names, .option = "name", .omit_empty = true, .check = check_not_empty,
                .max_items = MEMORY_CHECKS_MAX, .help = "the path of the process's program matches"),
        FIELD_REGEXES(struct memory_search, libraries, .option = "lib", .omit_empty = true, .check = check_not_empty,
                .max_items = MEMORY_CHECKS_MAX, .help = "the path of a file mapped by the process matches"),
        FIELD_HEXES(struct memory_search, bytes, .option = "bytes", .omit_empty = true, .check = check_not_empty,
                .max_items = MEMORY_CHECKS_MAX, .max_length = 2 * MEMORY_BYTES_MAX,
                .help = "the memory holds these bytes"),
        FIELD_REGEXES(struct memory_search, contents, .option = "content", .omit_empty = true, .check = check_not_empty,
                .max_items = MEMORY_CHECKS_MAX, .help = "the memory holds bytes that match"),
        FIELD_RECORD(
                struct memory_search, options, struct memory_options, options_fields, .help = "how the search is made"),
};

static const struct field params_fields[] = {
        FIELD_RECORD_MAP(struct memory_params, searches, struct memory_search, search_fields,
                .max_items = MEMORY_SEARCHES_MAX, .entry = "s1", .entry_option = "search", .help = "searches by label"),
        FIELD_INTS(
                struct memory_params, pids, .option = "pid", .min = 1, .max = 1 << 22, .help = "only these processes"),
        FIELD_BOOL(struct memory_params, include_self, .json = "includeself",
                .help = "search this run's own two processes too, which hold the patterns"),
};

static const struct field process_fields[] = {
        FIELD_PATH(struct memory_process, name, .help = "path of the program, or its short name where that is hidden"),
        FIELD_INT(struct memory_process, pid, .help = "process id; 0 with an empty name says that nothing matched"),
};

static const struct field match_fields[] = {
        FIELD_STRING(struct memory_match, check, .help = "pattern or bytes that were found"),
        FIELD_STRING(struct memory_match, address, .help = "address of the first byte, hexadecimal"),
        FIELD_PATH(struct memory_match, mapping, .help = "name of the mapping; empty for anonymous memory"),
};

static const struct field element_fields[] = {
        FIELD_RECORD(struct memory_element, process, struct memory_process, process_fields, .help = "the process"),
        FIELD_RECORD(struct memory_element, search, struct memory_search, search_fields,
                .help = "the search, or with matchany the part of it that matched"),
        FIELD_RECORDS(struct memory_element, matches, struct memory_match, match_fields, .omit_empty = true,
                .help = "where, with addresses"),
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct memory_statistics, process_count, .json = "processcount", .help = "processes looked at"),
        FIELD_UINT(struct memory_statistics, memory_read, .json = "memoryread", .help = "bytes of memory read"),
        FIELD_UINT(struct memory_statistics, total_hits, .json = "totalhits", .help = "rows that name a process"),
        FIELD_STRINGS(struct memory_statistics, failures, .omit_empty = true, .help = "what could not be read"),
        FIELD_UINT(struct memory_statistics, failure_count, .json = "failurecount",
                .help = "how much could not be read, listed or not"),
        FIELD_UINT(struct memory_statistics, unreadable, .help = "bytes of mappings that could not be read"),
        FIELD_DURATION(struct memory_statistics, runtime_ns, .json = "exectime", .help = "time the search took"),
};

static bool valid_label(struct sv label)
{
        for (size_t i = 0; i < label.n; i++) {
                char c = label.p[i];
                bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
                if (!alnum && c != '_' && c != '-')
                        return false;
        }
        return label.n <= 64;
}

static int memory_validate(const void *value, struct error *err)
{
        const struct memory_params *params = value;
        for (size_t i = 0; i < params->searches.count; i++) {
                const char *label = params->searches.keys[i];
                if (!*label)
                        return fail(err, E_INVALID, "empty labels are not permitted");
                if (!valid_label(sv_of(label)))
                        return fail(err, E_INVALID,
                                "The syntax of label '%.100s' is invalid. Must match regex ^([a-zA-Z0-9_-]){1,64}$",
                                label);
        }
        return 0;
}

static void put_checks(struct buf *out, const char *word, const struct string_list *checks)
{
        list_foreach (check, checks)
                buf_printf(out, " %s='%s'", word, *check);
}

static void memory_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct memory_element *element = row;
        (void)group;
        if (element->process.pid == 0 && printer->results_only)
                return;
        struct buf line;
        buf_init(&line, 1 << 20);
        if (element->process.pid == 0)
                buf_printf(&line, "0 match found in search '%s'", label);
        else
                buf_printf(&line, "%s [pid:%lld] in search '%s'", element->process.name,
                        (long long)element->process.pid, label);
        if (!element->search.options.match_all) {
                buf_puts(&line, " on checks");
                put_checks(&line, "name", &element->search.names);
                put_checks(&line, "library", &element->search.libraries);
                put_checks(&line, "content", &element->search.contents);
                put_checks(&line, "byte", &element->search.bytes);
        }
        print_line(printer, "%s", buf_text(&line));
        list_foreach (match, &element->matches)
                print_line(printer, "  %s at %s %s", match->check, match->address, match->mapping);
        buf_done(&line);
}

static void memory_print_statistics(struct line_printer *printer, const void *value)
{
        const struct memory_statistics *statistics = value;
        char runtime[TIME_TEXT_MAX];
        duration_format(statistics->runtime_ns, runtime);
        list_foreach (failure, &statistics->failures)
                print_line(printer, "Failure: %s", *failure);
        print_line(printer, "Statistics: %llu processes checked, %llu matched, %llu failures, ran in %s.",
                (unsigned long long)statistics->process_count, (unsigned long long)statistics->total_hits,
                (unsigned long long)statistics->failure_count, runtime);
}

static const struct module_example memory_examples[] = {
        { "memory --name '/sshd$' --content 'session opened'", "which sshd holds this text" },
        { "memory --lib 'libssl\\.so\\.1\\.1'", "which processes still use an old library" },
        { "memory --matchany --bytes deadbeef --content 'evil\\.example'", "any process that holds either" },
        { 0 },
};

static const char *const memory_reads[] = { "/proc", NULL };

const struct module memory_module = {
        .name = "memory",
        .summary = "search the memory of processes for bytes and patterns",
        .description =
                "Tells which processes match a search by program, mapped files and what their memory holds; never "
                "what it holds. Processes are neither stopped nor traced. The anchors ^ and $ stand for the ends "
                "of a block of memory and are of no use in --content.",
        .since = "0.1.0",
        .params = RECORD(struct memory_params, params_fields),
        .element = RECORD(struct memory_element, element_fields),
        .shape = SHAPE_MAP_OF_LISTS,
        .statistics = RECORD(struct memory_statistics, statistics_fields),
        /* /proc/PID/mem, maps and exe of other users' processes */
        .sandbox = { .capabilities = CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_DAC_READ_SEARCH),
                .ptrace_read = true,
                .read_paths = memory_reads },
        .limits = { .memory = 512 * MIB, .result = 64 * MIB },
        .examples = memory_examples,
        .validate = memory_validate,
        .run = memory_run,
        .print_row = memory_print_row,
        .print_statistics = memory_print_statistics,
};
