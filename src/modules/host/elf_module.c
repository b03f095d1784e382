/* elf: what ELF files hold and how they were hardened, for files and whole trees. Files are mapped and never executed.
 */
#include "modules/host/elf_row.h"

#include "base/cleanup.h"
#include "lib/walk/walk.h"
#include "module/run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

static const struct field params_fields[] = {
        FIELD_PATHS(struct elf_params, files, .help = "files to look at; directories with --recursive",
                .positional = true, .required = true, .min_length = 1, .max_items = 100000),
        FIELD_BOOL(struct elf_params, checksec, .help = "how it was hardened: what is shown anyway, --dump excepted"),
        FIELD_BOOL(struct elf_params, dump, .help = "libraries and paths, then the names of all symbols"),
        FIELD_BOOL(struct elf_params, headers, .help = "the file header"),
        FIELD_BOOL(struct elf_params, segments, .help = "program headers"),
        FIELD_BOOL(struct elf_params, sections, .help = "section headers"),
        FIELD_BOOL(struct elf_params, dynamic, .help = "the dynamic section"),
        FIELD_BOOL(struct elf_params, symbols, .help = "all symbols with versions and libraries"),
        FIELD_BOOL(struct elf_params, notes, .help = "notes"),
        FIELD_BOOL(struct elf_params, go, .help = "build information of a Go program"),
        FIELD_BOOL(struct elf_params, fortify, .help = "the functions that are fortified, and those that are not"),
        FIELD_BOOL(struct elf_params, recursive, .flag = 'r', .help = "all ELF files below directories"),
};

struct elf_statistics {
        uint64_t files, elf, other, failed, changed;
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct elf_statistics, files, .help = "files looked at"),
        FIELD_UINT(struct elf_statistics, elf, .help = "ELF files"),
        FIELD_UINT(struct elf_statistics, other, .help = "other files"),
        FIELD_UINT(struct elf_statistics, failed, .help = "files that could not be read"),
        FIELD_UINT(struct elf_statistics, changed, .help = "files that were cut while they were read"),
};

/* A mapped file that somebody cuts raises SIGBUS at the next touch of what is gone. The handler puts a page of zeros
 * there, so that the parser goes on and finds the file broken. These three are the only state behind it. */
static char *mapped_start;
static size_t mapped_size;
static volatile sig_atomic_t mapped_was_cut;

static void on_sigbus(int number, siginfo_t *info, void *context)
{
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
        uintptr_t address = (uintptr_t)info->si_addr & ~(page - 1);
        (void)context;
        bool inside =
                mapped_start && address >= (uintptr_t)mapped_start && address < (uintptr_t)mapped_start + mapped_size;
        if (inside &&
                mmap((void *)address, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
                mapped_was_cut = 1;
        else
                signal(number, SIG_DFL); /* ours to die of: the access is repeated */
}

/* One row of a file; part says which, and whether there are more. False when there is nothing to go on with. */
static bool show_part(
        struct run *run, struct sv image, const char *path, bool quiet, struct elf_part *part, struct error *err)
{
        struct elf_statistics *statistics = run_statistics(run);
        cleanup(arena_done) struct arena arena;
        struct elf_row row = { 0 };
        struct error seen;
        arena_init(&arena, ELF_ROW_MEMORY);
        row.path = arena_strdup(&arena, path);
        if (elf_fill(image, run->params, part, &arena, &row, &seen) < 0) {
                bool other = seen.code == E_INVALID;
                *(other ? &statistics->other : &statistics->failed) += 1;
                if (other && !quiet)
                        run_error(run, "%s: not an ELF file", path);
                else if (!other)
                        run_error(run, "%s: %s", path, seen.message);
                return false;
        }
        if (mapped_was_cut) {
                statistics->changed++;
                run_error(run, "%s: was cut while it was read", path);
                return false;
        }
        statistics->elf += part->number == 0;
        return run_emit(run, NULL, &row, err) == 0 && part->more;
}

static int show_image(struct run *run, struct sv image, const char *path, bool quiet, struct error *err)
{
        struct elf_part part = { 0 };
        struct error seen = { 0 };
        while (show_part(run, image, path, quiet, &part, &seen) && !run_checkpoint(run)) {
                part.first = part.next;
                part.number++;
        }
        if (seen.code == E_TOO_LARGE && !run_stopped(run)) { /* this row, not the result */
                run_error(run, "%s: %s", path, seen.message);
                return 0;
        }
        if (seen.code != E_NONE)
                *err = seen;
        return seen.code == E_NONE ? 0 : -1;
}

static int show_file(struct run *run, int dirfd, const char *name, const char *path, bool quiet, struct error *err)
{
        struct elf_statistics *statistics = run_statistics(run);
        struct stat stat;
        struct error seen;
        char magic[4];
        statistics->files++;
        cleanup(fd_close) int fd = walk_open_regular(dirfd, name, quiet ? 0 : WALK_OPEN_FOLLOW, &stat, &seen);
        if (fd < 0) {
                statistics->failed++;
                if (quiet)
                        run_skipped(run, path, "%s", seen.message);
                else
                        run_error(run, "%s: %s", path, seen.message);
                return 0;
        }
        if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) || memcmp(magic, "\177ELF", sizeof(magic)) != 0)
                return show_image(run, SV(""), path, quiet, err);
        char *bytes = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED) {
                statistics->failed++;
                run_error(run, "%s: %s", path, errno_text(errno));
                return 0;
        }
        mapped_was_cut = 0;
        mapped_size = (size_t)stat.st_size;
        mapped_start = bytes;
        run_charge_io(run, mapped_size < MIB ? mapped_size : MIB); /* a part of it: tables, not code */
        int status = show_image(run, sv_n(bytes, mapped_size), path, quiet, err);
        mapped_start = NULL;
        munmap(bytes, (size_t)stat.st_size);
        return status;
}

struct tree {
        struct run *run;
        struct error *err;
        int status;
};

static enum walk_verdict on_file(void *cookie, const struct walk_entry *entry)
{
        struct tree *tree = cookie;
        if (entry->type != DT_REG)
                return WALK_ON;
        tree->status = show_file(tree->run, entry->dirfd, entry->name, entry->path.p, true, tree->err);
        return tree->status < 0 || run_checkpoint(tree->run) ? WALK_STOP : WALK_ON;
}

static enum walk_verdict on_error(void *cookie, struct sv path, enum walk_stage stage, int errnum)
{
        struct tree *tree = cookie;
        (void)stage;
        run_skipped(tree->run, path.p, "%s", errno_text(errnum));
        return WALK_ON;
}

static bool checkpoint(void *cookie)
{
        return run_checkpoint(((struct tree *)cookie)->run);
}

static int show_tree(struct run *run, const char *root, struct error *err)
{
        struct tree tree = { run, err, 0 };
        struct walk_options options = {
                .on_file = on_file, .on_error = on_error, .checkpoint = checkpoint, .cookie = &tree
        };
        if (walk_tree(AT_FDCWD, root, &options, NULL, err) < 0)
                return -1;
        return tree.status;
}

static int elf_run(struct run *run, struct error *err)
{
        const struct elf_params *params = run->params;
        const struct elf_statistics *statistics = run_statistics(run);
        struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
        if (sigaction(SIGBUS, &action, NULL) < 0)
                return fail_errno(err, "the signal of cut files");
        list_foreach (path, &params->files) {
                struct stat stat;
                bool directory = params->recursive && lstat(*path, &stat) == 0 && S_ISDIR(stat.st_mode);
                if (run_checkpoint(run))
                        return 0;
                int status =
                        directory ? show_tree(run, *path, err) : show_file(run, AT_FDCWD, *path, *path, false, err);
                if (status < 0)
                        return -1;
        }
        if (!params->recursive)
                run_set_success(run, statistics->elf == statistics->files);
        return 0;
}

static const struct module_example elf_examples[] = {
        { "elf /usr/bin/env", "how a program was hardened" },
        { "elf --dump /usr/bin/env", "which libraries it needs, and its symbols" },
        { "elf -r /usr/bin --format csv --fields path,checksec.kind,checksec.relro,checksec.fortify",
                "a table of a whole directory" },
        { "elf --symbols --json /usr/lib/x86_64-linux-gnu/libc.so.6", "symbols with their versions" },
        { 0 },
};

const struct module elf_module = {
        .name = "elf",
        .summary = "tell what ELF files hold and how they were hardened",
        .params = RECORD(struct elf_params, params_fields),
        .element = &elf_element,
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct elf_statistics, statistics_fields),
        .sandbox = { .read_all = true, .capabilities = CAP_BIT(CAP_DAC_READ_SEARCH) },
        .limits = { .wall_ns = 30 * MINUTE, .memory = 1024 * MIB, .result = 1024 * MIB },
        .examples = elf_examples,
        .run = elf_run,
        .print_row = elf_print_row,
};
