/* The run of module memory: every process against every search. Names and mapped files come first, memory is read only
 * where they leave something to decide. */
#include "modules/investigate/memory.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "modules/investigate/memory_scan.h"

#include <fcntl.h>
#include <inttypes.h>

enum { PROCESS_ARENA = 160 << 20 };

enum check_kind { CHECK_NAME, CHECK_LIBRARY, CHECK_CONTENT, CHECK_BYTES };

struct check {
        enum check_kind kind;
        const char *text;
        struct regex *regex; /* not for bytes */
        struct sv bytes;
        bool matched;     /* in the process at hand */
        bool ever;        /* in any process */
        uint64_t address; /* of the first match there */
        const char *mapping;
};

struct search {
        const char *label;
        const struct memory_search *params;
        struct check *checks;
        size_t count;
        bool reads_memory;
        bool active;
        bool hit;
        uint64_t left; /* bytes that may still be searched in this process */
};

struct hunt {
        struct run *run;
        const struct memory_params *params;
        struct memory_statistics *statistics;
        struct search *searches;
        size_t count;
        size_t overlap;
        char *buffer;
        struct arena arena; /* of the process at hand */
        pid_t pid;
        const char *name;
        struct error *err;
};

static void note_failure(struct hunt *hunt, bool listed, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void note_failure(struct hunt *hunt, bool listed, const char *format, ...)
{
        struct string_list *list = &hunt->statistics->failures;
        hunt->statistics->failure_count++;
        if (!listed || list->count >= MEMORY_FAILURES_MAX)
                return;
        if (!list->items)
                list->items = arena_array(&hunt->run->arena, MEMORY_FAILURES_MAX, sizeof(char *));
        char text[512];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        char *copy = arena_strdup(&hunt->run->arena, text);
        if (list->items && copy)
                list->items[list->count++] = copy;
}

static bool logs_failures(const struct hunt *hunt)
{
        for (size_t i = 0; i < hunt->count; i++)
                if (hunt->searches[i].active && hunt->searches[i].params->options.log_failures)
                        return true;
        return false;
}

/* ---- compiling ---- */

static int add_checks(struct hunt *hunt, struct search *search, const struct string_list *list, enum check_kind kind,
        struct error *err)
{
        list_foreach (text, list) {
                struct check *check = &search->checks[search->count];
                check->kind = kind;
                check->text = *text;
                if (kind == CHECK_BYTES) {
                        size_t size = strlen(*text) / 2;
                        uint8_t *bytes = arena_alloc(&hunt->run->arena, size);
                        if (!bytes || !hex_decode(sv_of(*text), bytes, size, &size))
                                return fail(err, E_INVALID, "Invalid bytes '%.100s'", *text);
                        check->bytes = sv_n((const char *)bytes, size);
                        if (size > hunt->overlap)
                                hunt->overlap = size;
                } else {
                        check->regex = regex_new(sv_of(*text), kind == CHECK_CONTENT ? REGEX_BYTES : 0, err);
                        if (!check->regex)
                                return -1;
                }
                search->count++;
        }
        return 0;
}

static int compile_search(struct hunt *hunt, struct search *search, struct error *err)
{
        const struct memory_search *params = search->params;
        size_t most = params->names.count + params->libraries.count + params->contents.count + params->bytes.count;
        search->checks = arena_array(&hunt->run->arena, most, sizeof(*search->checks));
        if (!search->checks)
                return fail(err, E_NO_MEMORY, "no memory for %zu patterns", most);
        if (add_checks(hunt, search, &params->names, CHECK_NAME, err) < 0 ||
                add_checks(hunt, search, &params->libraries, CHECK_LIBRARY, err) < 0 ||
                add_checks(hunt, search, &params->contents, CHECK_CONTENT, err) < 0 ||
                add_checks(hunt, search, &params->bytes, CHECK_BYTES, err) < 0)
                return -1;
        search->reads_memory = params->contents.count + params->bytes.count > 0;
        return 0;
}

static int compile(struct hunt *hunt, struct error *err)
{
        hunt->count = hunt->params->searches.count;
        hunt->searches = arena_array(&hunt->run->arena, hunt->count, sizeof(*hunt->searches));
        if (!hunt->searches)
                return fail(err, E_NO_MEMORY, "no memory for %zu searches", hunt->count);
        hunt->overlap = MEMORY_MATCH_MAX;
        for (size_t i = 0; i < hunt->count; i++) {
                hunt->searches[i].label = hunt->params->searches.keys[i];
                hunt->searches[i].params = &hunt->params->searches.items[i];
                if (compile_search(hunt, &hunt->searches[i], err) < 0)
                        return -1;
                if (run_declare(hunt->run, NULL, hunt->searches[i].label, false, err) < 0)
                        return -1;
        }
        hunt->buffer = malloc(SCAN_BLOCK + hunt->overlap);
        if (!hunt->buffer)
                return fail(err, E_NO_MEMORY, "no memory for a block");
        return 0;
}

static void release(struct hunt *hunt)
{
        for (size_t i = 0; hunt->searches && i < hunt->count; i++)
                for (size_t j = 0; j < hunt->searches[i].count; j++)
                        regex_free(hunt->searches[i].checks[j].regex);
        if (hunt->buffer)
                explicit_bzero(hunt->buffer, SCAN_BLOCK + hunt->overlap);
        free(hunt->buffer);
}

/* ---- one process ---- */

static bool all_matched(const struct search *search)
{
        for (size_t i = 0; i < search->count; i++)
                if (!search->checks[i].matched)
                        return false;
        return search->count > 0;
}

static void match_names(struct search *search, const char *name)
{
        for (size_t i = 0; i < search->count; i++) {
                struct check *check = &search->checks[i];
                if (check->kind == CHECK_NAME)
                        check->matched = regex_match(check->regex, sv_of(name));
        }
}

static void match_libraries(struct search *search, const struct maps *maps, const char *name)
{
        for (size_t i = 0; i < search->count; i++) {
                struct check *check = &search->checks[i];
                struct sv before = SV("");
                for (size_t j = 0; check->kind == CHECK_LIBRARY && !check->matched && j < maps->count; j++) {
                        struct sv path = maps->rows[j].path;
                        if (path.n == 0 || path.p[0] != '/' || sv_eq(path, before) || sv_eq(path, sv_of(name)))
                                continue;
                        before = path;
                        check->matched = regex_match(check->regex, path);
                        check->address = maps->rows[j].start;
                }
        }
}

/* The offset of the first match in text, or SIZE_MAX. */
static size_t find(const struct check *check, struct sv text)
{
        struct regex_capture whole;
        if (check->kind == CHECK_BYTES) {
                const char *at = memmem(text.p, text.n, check->bytes.p, check->bytes.n);
                return at ? (size_t)(at - text.p) : SIZE_MAX;
        }
        return regex_find(check->regex, text, 0, &whole, 1, NULL) == 1 ? whole.start : SIZE_MAX;
}

/* What of this block the search may look at: from its offset on, and no more bytes than it was given. */
static struct sv part_of_block(struct search *search, struct sv text, uint64_t *address, size_t old)
{
        uint64_t offset = search->params->options.offset;
        if (*address < offset) {
                size_t cut = offset - *address < text.n ? (size_t)(offset - *address) : text.n;
                text = sv_n(text.p + cut, text.n - cut);
                *address += cut;
                old = cut < old ? old - cut : 0;
        }
        if (text.n - old > search->left)
                text.n = old + (size_t)search->left;
        search->left -= text.n - old;
        return text;
}

static bool on_block(struct sv text, uint64_t address, size_t old, const struct mapping *mapping, void *cookie)
{
        struct hunt *hunt = cookie;
        bool wanted = false;
        hunt->statistics->memory_read += text.n - old;
        run_charge_io(hunt->run, text.n - old);
        for (size_t i = 0; i < hunt->count; i++) {
                struct search *search = &hunt->searches[i];
                if (!search->active)
                        continue;
                uint64_t base = address;
                struct sv part = part_of_block(search, text, &base, old);
                for (size_t j = 0; j < search->count; j++) {
                        struct check *check = &search->checks[j];
                        if (check->kind < CHECK_CONTENT || check->matched)
                                continue;
                        size_t at = find(check, part);
                        if (run_checkpoint(hunt->run))
                                return false;
                        if (at == SIZE_MAX)
                                continue;
                        check->matched = true;
                        check->address = base + at;
                        check->mapping = arena_strndup(&hunt->arena, mapping->path.p, mapping->path.n);
                }
                if (all_matched(search) || search->left == 0)
                        search->active = false;
                wanted = wanted || search->active;
        }
        return wanted && !run_checkpoint(hunt->run);
}

static void on_failure(const struct mapping *mapping, uint64_t bytes, const char *reason, void *cookie)
{
        struct hunt *hunt = cookie;
        hunt->statistics->unreadable += bytes;
        note_failure(hunt, logs_failures(hunt), "%s [pid:%d]: %" PRIu64 " bytes of %" PRIx64 "-%" PRIx64 " %.*s: %s",
                hunt->name, (int)hunt->pid, bytes, mapping->start, mapping->end, SV_ARG(mapping->path), reason);
}

static void add_match(struct hunt *hunt, struct memory_element *element, const struct check *check)
{
        char *address = arena_printf(&hunt->arena, "0x%" PRIx64, check->address);
        if (check->kind == CHECK_NAME || !address)
                return;
        element->matches.items[element->matches.count++] = (struct memory_match){
                .check = check->text,
                .address = address,
                .mapping = check->mapping ? check->mapping : "",
        };
}

static int emit(struct hunt *hunt, const struct search *search, const struct memory_element *element)
{
        if (element->process.pid)
                hunt->statistics->total_hits++;
        return run_emit(hunt->run, search->label, element, hunt->err);
}

/* The part of a search that is this check alone. */
static struct memory_search single(const struct check *check, struct string_list *room)
{
        struct memory_search ret = { 0 };
        static const size_t places[] = {
                [CHECK_NAME] = offsetof(struct memory_search, names),
                [CHECK_LIBRARY] = offsetof(struct memory_search, libraries),
                [CHECK_CONTENT] = offsetof(struct memory_search, contents),
                [CHECK_BYTES] = offsetof(struct memory_search, bytes),
        };
        memcpy((char *)&ret + places[check->kind], room, sizeof(*room));
        return ret;
}

static struct memory_search whole(const struct search *search)
{
        struct memory_search ret = *search->params;
        ret.options.offset = 0;
        ret.options.max_length = 0;
        return ret;
}

/* matchall: one row when everything matched. Otherwise one row a part that matched. */
static int emit_process(struct hunt *hunt, struct search *search, const struct memory_process *process)
{
        struct memory_match *room = arena_array(&hunt->arena, search->count + 1, sizeof(*room));
        struct memory_element element = { .process = *process, .matches.items = room };
        if (!room)
                return fail(hunt->err, E_NO_MEMORY, "no memory for a row");
        bool addresses = search->params->options.addresses;
        if (search->params->options.match_all) {
                if (!all_matched(search))
                        return 0;
                search->hit = true;
                element.search = whole(search);
                for (size_t i = 0; addresses && i < search->count; i++)
                        add_match(hunt, &element, &search->checks[i]);
                return emit(hunt, search, &element);
        }
        for (size_t i = 0; i < search->count; i++) {
                struct check *check = &search->checks[i];
                if (!check->matched)
                        continue;
                char *text = (char *)(uintptr_t)check->text;
                struct string_list one = { .items = &text, .count = 1 };
                check->ever = true;
                element.search = single(check, &one);
                element.matches.count = 0;
                if (addresses)
                        add_match(hunt, &element, check);
                if (emit(hunt, search, &element) < 0)
                        return -1;
        }
        return 0;
}

/* MIG tells what matched nowhere by a row with an empty process. */
static int emit_nothing(struct hunt *hunt, struct search *search)
{
        struct memory_element element = { .process.name = "" };
        if (search->params->options.match_all) {
                element.search = whole(search);
                return search->hit ? 0 : emit(hunt, search, &element);
        }
        for (size_t i = 0; i < search->count; i++) {
                char *text = (char *)(uintptr_t)search->checks[i].text;
                struct string_list one = { .items = &text, .count = 1 };
                element.search = single(&search->checks[i], &one);
                if (!search->checks[i].ever && emit(hunt, search, &element) < 0)
                        return -1;
        }
        return 0;
}

static bool failed_softly(struct hunt *hunt, const struct error *err)
{
        if (!process_vanished(err))
                note_failure(hunt, true, "%s [pid:%d]: %s", hunt->name, (int)hunt->pid, err->message);
        return false;
}

/* Fills every check's verdict about this process; false: nothing can be said of it. */
static bool search_process(struct hunt *hunt, const struct process *process)
{
        struct error err;
        struct maps maps;
        bool reads = false;
        uint64_t from = UINT64_MAX;
        if (maps_read(process, &hunt->arena, &maps, &err) < 0)
                return failed_softly(hunt, &err);
        for (size_t i = 0; i < hunt->count; i++) {
                struct search *search = &hunt->searches[i];
                const struct memory_options *options = &search->params->options;
                for (size_t j = 0; j < search->count; j++) {
                        search->checks[j].matched = false;
                        search->checks[j].mapping = NULL;
                }
                match_names(search, hunt->name);
                match_libraries(search, &maps, hunt->name);
                search->left = options->max_length ? options->max_length : UINT64_MAX;
                search->active = search->reads_memory;
                for (size_t j = 0; options->match_all && j < search->count; j++)
                        if (search->checks[j].kind < CHECK_CONTENT && !search->checks[j].matched)
                                search->active = false;
                if (search->active && options->offset < from)
                        from = options->offset;
                reads = reads || search->active;
        }
        struct scan_visitor visitor = { .block = on_block, .failure = on_failure, .cookie = hunt };
        if (reads && scan_memory(process, &maps, from, hunt->buffer, hunt->overlap, &visitor, &err) < 0)
                failed_softly(hunt, &err); /* what names and libraries say stands */
        return true;
}

static int examine(struct hunt *hunt, const struct process *process)
{
        struct process_stat stat;
        struct process_link program = { 0 };
        struct error err;
        hunt->pid = process->pid;
        hunt->name = "?";
        if (process_read_stat(process, &stat, &err) < 0) {
                failed_softly(hunt, &err);
                return 0;
        }
        if (stat.flags & PROCESS_KTHREAD_FLAG || stat.state == 'Z')
                return 0;
        hunt->name = stat.comm;
        if (process_read_link(process, PROCESS_EXE, &hunt->arena, &program, NULL) == 0 && program.path)
                hunt->name = program.path;
        hunt->statistics->process_count++;
        if (!search_process(hunt, process))
                return 0;
        struct memory_process told = { .name = hunt->name, .pid = process->pid };
        for (size_t i = 0; i < hunt->count; i++)
                if (emit_process(hunt, &hunt->searches[i], &told) < 0)
                        return -1;
        return 0;
}

static bool wanted(const struct hunt *hunt, pid_t pid)
{
        if (!hunt->params->include_self && (pid == getpid() || pid == getppid()))
                return false;
        if (hunt->params->pids.count == 0)
                return true;
        list_foreach (only, &hunt->params->pids)
                if (*only == pid)
                        return true;
        return false;
}

static int examine_all(struct hunt *hunt, struct error *err)
{
        struct process_iter iter;
        struct process process;
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "/");
        if (process_iter_open(&iter, root, err) < 0)
                return -1;
        int status = 0;
        while (status == 0 && !run_checkpoint(hunt->run) && process_iter_next(&iter, &process)) {
                if (wanted(hunt, process.pid)) {
                        arena_init(&hunt->arena, PROCESS_ARENA);
                        status = examine(hunt, &process);
                        arena_done(&hunt->arena);
                }
                process_close(&process);
        }
        process_iter_close(&iter);
        hunt->statistics->failure_count += iter.refused;
        return status;
}

int memory_run(struct run *run, struct error *err)
{
        struct hunt hunt = { .run = run, .params = run->params, .statistics = run_statistics(run), .err = err };
        int status = compile(&hunt, err);
        if (status == 0)
                status = examine_all(&hunt, err);
        for (size_t i = 0; status == 0 && i < hunt.count && !run_stopped(run); i++)
                status = emit_nothing(&hunt, &hunt.searches[i]);
        release(&hunt);
        hunt.statistics->runtime_ns = time_monotonic_ns() - run->started_ns;
        run_set_found(run, hunt.statistics->total_hits > 0);
        return status;
}
