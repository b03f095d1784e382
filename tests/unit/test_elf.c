/* The ELF reader: against readelf(1) on every file of /usr/bin, and on images made by hand. */
#include "linux/elf/checksec.h"
#include "linux/elf/gobuild.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/path.h"

#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { MAX_TEXT = 256 << 20 };

/* --- what we print --- */

struct dump {
        struct buf *out;
        const char *table;
};

static int dump_symbol(const struct elf_symbol *symbol, void *cookie)
{
        struct dump *dump = cookie;
        const char *type = elf_symbol_type_name(symbol->type);
        const char *binding = elf_symbol_binding_name(symbol->binding);
        const char *visibility = elf_symbol_visibility_name(symbol->visibility);
        buf_printf(dump->out, "%s %llx %llu %s %s %s ", dump->table, (unsigned long long)symbol->value,
                (unsigned long long)symbol->size, type ? type : "?", binding ? binding : "?",
                visibility ? visibility : "?");
        if (symbol->section == SHN_UNDEF)
                buf_puts(dump->out, "UND");
        else if (symbol->section == SHN_ABS)
                buf_puts(dump->out, "ABS");
        else if (symbol->section == SHN_COMMON)
                buf_puts(dump->out, "COM");
        else
                buf_printf(dump->out, "%u", symbol->section);
        if (symbol->type != STT_SECTION)
                buf_printf(dump->out, " %.*s", SV_ARG(symbol->name));
        if (symbol->version.n && !sv_eq(symbol->name, symbol->version))
                buf_printf(
                        dump->out, "%s%.*s", symbol->library.n || symbol->hidden ? "@" : "@@", SV_ARG(symbol->version));
        buf_putc(dump->out, '\n');
        return 0;
}

static void dump_elf(const struct elf *elf, struct buf *out)
{
        const char *type = elf_type_name(elf->header.type);
        buf_printf(out, "type %s entry %llx segments %u sections %u\n", type ? type : "?",
                (unsigned long long)elf->header.entry, elf->header.segment_count, elf->header.section_count);
        for (size_t i = 0; i < elf->section_count; i++)
                buf_printf(out, "section %.*s %llx %llx %llx\n", SV_ARG(elf->sections[i].name),
                        (unsigned long long)elf->sections[i].address, (unsigned long long)elf->sections[i].offset,
                        (unsigned long long)elf->sections[i].size);
        for (size_t i = 0; i < elf->segment_count; i++) {
                const struct elf_segment *segment = &elf->segments[i];
                buf_printf(out, "segment %llx %llx %llx %llx %s%s%s\n", (unsigned long long)segment->offset,
                        (unsigned long long)segment->vaddr, (unsigned long long)segment->file_size,
                        (unsigned long long)segment->memory_size, segment->flags & PF_R ? "R" : "",
                        segment->flags & PF_W ? "W" : "", segment->flags & PF_X ? "E" : "");
                if (segment->type == PT_INTERP)
                        buf_printf(out, "interpreter %.*s\n", SV_ARG(elf->interpreter));
        }
        for (size_t i = 0; i < elf->dynamic_count; i++) {
                buf_printf(out, "tag %llx", (unsigned long long)elf->dynamic[i].tag);
                if (elf->dynamic[i].text.p)
                        buf_printf(out, " [%.*s]", SV_ARG(elf->dynamic[i].text));
                buf_putc(out, '\n');
        }
        elf_each_symbol(elf, ELF_TABLE_DYNSYM, dump_symbol, &(struct dump){ out, "dynsym" });
        elf_each_symbol(elf, ELF_TABLE_SYMTAB, dump_symbol, &(struct dump){ out, "symtab" });
        if (elf->build_id.p) {
                buf_puts(out, "build-id ");
                hex_encode(elf->build_id.p, elf->build_id.n, out);
                buf_putc(out, '\n');
        }
        if (elf->features & ELF_FEATURE_IBT)
                buf_puts(out, "IBT\n");
        if (elf->features & ELF_FEATURE_SHSTK)
                buf_puts(out, "SHSTK\n");
}

/* --- the same lines out of readelf's --- */

static void put_hex(struct buf *out, struct sv word)
{
        uint64_t value = 0;
        if (sv_starts(word, SV("0x")))
                word = sv_n(word.p + 2, word.n - 2);
        assert_true(sv_parse_u64(word, 16, &value));
        buf_printf(out, " %llx", (unsigned long long)value);
}

static void oracle_symbol(struct sv line, const char *table, struct buf *out)
{
        struct sv word[8] = { 0 };
        struct sv rest = line;
        for (size_t i = 0; i < 7; i++) {
                if (!sv_word(&rest, &word[i]))
                        return;
                struct sv more;
                if (sv_eq(word[i], SV("<OS"))) { /* "<OS specific>: 10": GNU's, in a file not marked as GNU's */
                        if (!sv_word(&rest, &more) || !sv_word(&rest, &more))
                                return;
                        word[i] = i == 4 ? SV("UNIQUE") : SV("IFUNC");
                }
        }
        uint64_t number = 0, size = 0;
        if (!sv_parse_u64(sv_n(word[0].p, word[0].n - 1), 10, &number) || number == 0)
                return; /* the heading, or the null symbol */
        if (sv_starts(word[2], SV("0x")))
                assert_true(sv_parse_u64(sv_n(word[2].p + 2, word[2].n - 2), 16, &size));
        else
                assert_true(sv_parse_u64(word[2], 10, &size));
        buf_puts(out, table);
        put_hex(out, word[1]);
        buf_printf(out, " %llu %.*s %.*s %.*s %.*s", (unsigned long long)size, SV_ARG(word[3]), SV_ARG(word[4]),
                SV_ARG(word[5]), SV_ARG(word[6]));
        if (!sv_eq(word[3], SV("SECTION"))) {
                rest = sv_trim(rest);
                /* "name@VERSION (2)": the number is the index of the version. Go has names like "type.func(int)" */
                size_t at = rest.n > 3 && rest.p[rest.n - 1] == ')' ? rest.n - 1 : 0;
                while (at > 0 && isdigit((unsigned char)rest.p[at - 1]))
                        at--;
                if (at >= 3 && at < rest.n - 1 && rest.p[at - 1] == '(' && rest.p[at - 2] == ' ')
                        rest = sv_trim(sv_n(rest.p, at - 2));
                buf_printf(out, " %.*s", SV_ARG(rest));
        }
        buf_putc(out, '\n');
}

static struct sv after(struct sv line, const char *mark)
{
        const char *at = memmem(line.p, line.n, mark, strlen(mark));
        if (!at)
                return (struct sv){ 0 };
        at += strlen(mark);
        return sv_trim(sv_n(at, (size_t)(line.p + line.n - at)));
}

static void oracle_section(struct sv line, struct buf *out)
{
        /* "  [ 1] .interp  PROGBITS  0000000000000318 000318 00001c 00   A  0   0  1"; names may hold spaces, rarely */
        struct sv rest = after(line, "]");
        struct sv name, type, address, offset, size;
        if (!rest.p || !sv_word(&rest, &name) || !sv_word(&rest, &type) || sv_eq(name, SV("Name")))
                return;
        if (!sv_word(&rest, &address) || !sv_word(&rest, &offset))
                return;
        if (sv_eq(name, SV("NULL"))) { /* the nameless section 0: one column less */
                size = offset;
                offset = address;
                address = type;
                name = SV("");
        } else if (!sv_word(&rest, &size)) {
                return;
        }
        buf_printf(out, "section %.*s", SV_ARG(name));
        put_hex(out, address);
        put_hex(out, offset);
        put_hex(out, size);
        buf_putc(out, '\n');
}

static void oracle_segment(struct sv line, struct buf *out)
{
        struct sv rest = line;
        struct sv type, offset, vaddr, paddr, file_size, memory_size, word;
        if (!sv_word(&rest, &type) || !sv_word(&rest, &offset) || !sv_starts(offset, SV("0x")) ||
                !sv_word(&rest, &vaddr) || !sv_word(&rest, &paddr) || !sv_word(&rest, &file_size) ||
                !sv_word(&rest, &memory_size))
                return;
        buf_puts(out, "segment");
        put_hex(out, offset);
        put_hex(out, vaddr);
        put_hex(out, file_size);
        put_hex(out, memory_size);
        buf_putc(out, ' ');
        while (sv_word(&rest, &word) && !sv_starts(word, SV("0x")))
                buf_append(out, word.p, word.n);
        buf_putc(out, '\n');
}

static void oracle_tag(struct sv line, struct buf *out)
{
        struct sv rest = line;
        struct sv tag;
        if (!sv_word(&rest, &tag) || !sv_starts(tag, SV("0x")))
                return;
        if (sv_eq(tag, SV("0x0000000000000000")) || sv_eq(tag, SV("0x00000000")))
                return;
        buf_puts(out, "tag");
        put_hex(out, tag);
        struct sv text = after(rest, ": [");
        if (text.p && (after(rest, "Shared library").p || after(rest, "Library ").p))
                buf_printf(out, " [%.*s]", (int)text.n - 1, text.p);
        buf_putc(out, '\n');
}

static void oracle(struct sv text, struct buf *out)
{
        enum { HEADER, SECTIONS, SEGMENTS, DYNAMIC, DYNSYM, SYMTAB, NOTES } part = HEADER;
        struct sv line, type = SV("?"), entry = SV("0"), segments = SV("0"), sections = SV("0");
        while (sv_line(&text, &line)) {
                struct sv value;
                if (sv_starts(line, SV("  Type:")) && part == HEADER) {
                        value = after(line, "Type:");
                        sv_word(&value, &type);
                } else if ((value = after(line, "Entry point address:")).p && part == HEADER) {
                        entry = value;
                } else if ((value = after(line, "Number of program headers:")).p && part == HEADER) {
                        segments = value;
                } else if ((value = after(line, "Number of section headers:")).p && part == HEADER) {
                        sections = value;
                        buf_printf(out, "type %.*s entry", SV_ARG(type));
                        put_hex(out, entry);
                        buf_printf(out, " segments %.*s sections %.*s\n", SV_ARG(segments), SV_ARG(sections));
                } else if (sv_starts(line, SV("Section Headers:"))) {
                        part = SECTIONS;
                } else if (sv_starts(line, SV("Program Headers:"))) {
                        part = SEGMENTS;
                } else if (sv_starts(line, SV("Dynamic section at"))) {
                        part = DYNAMIC;
                } else if (sv_starts(line, SV("Symbol table '.dynsym'"))) {
                        part = DYNSYM;
                } else if (sv_starts(line, SV("Symbol table '.symtab'"))) {
                        part = SYMTAB;
                } else if (sv_starts(line, SV("Displaying notes"))) {
                        part = NOTES;
                } else if ((value = after(line, "[Requesting program interpreter: ")).p) {
                        buf_printf(out, "interpreter %.*s\n", (int)value.n - 1, value.p);
                } else if (part == SECTIONS && sv_starts(line, SV("  ["))) {
                        oracle_section(line, out);
                } else if (part == SEGMENTS) {
                        oracle_segment(line, out);
                } else if (part == DYNAMIC) {
                        oracle_tag(line, out);
                } else if (part == DYNSYM || part == SYMTAB) {
                        oracle_symbol(line, part == DYNSYM ? "dynsym" : "symtab", out);
                } else if (part == NOTES && (value = after(line, "Build ID: ")).p) {
                        buf_printf(out, "build-id %.*s\n", SV_ARG(value));
                } else if (part == NOTES && (value = after(line, "x86 feature: ")).p) {
                        if (after(value, "IBT").p)
                                buf_puts(out, "IBT\n");
                        if (after(value, "SHSTK").p)
                                buf_puts(out, "SHSTK\n");
                }
        }
}

static bool run_readelf(const char *path, struct buf *out)
{
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0) {
                dup2(ends[1], 1);
                int null = open("/dev/null", O_WRONLY);
                dup2(null, 2);
                setenv("LC_ALL", "C", 1);
                execlp("readelf", "readelf", "-W", "-h", "-S", "-l", "-d", "-s", "-n", path, (char *)NULL);
                _exit(127);
        }
        close(ends[1]);
        for (;;) {
                char *room = buf_reserve(out, 64 << 10);
                assert_non_null(room);
                ssize_t got = read(ends[0], room, 64 << 10);
                if (got <= 0)
                        break;
                out->len += (size_t)got;
        }
        close(ends[0]);
        int status;
        waitpid(pid, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) != 127;
}

static bool compare_file(int dirfd, const char *name, const char *path, bool *ret_readelf)
{
        cleanup(fd_close) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 64 || st.st_size > (64 << 20))
                return false;
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        assert_ptr_not_equal(map, MAP_FAILED);
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 64 << 20);
        struct elf elf;
        struct error err;
        bool is_elf = memcmp(map, ELFMAG, SELFMAG) == 0;
        int parsed = elf_parse(sv_n(map, (size_t)st.st_size), &arena, &elf, &err);
        assert_int_equal(parsed == 0, is_elf);
        if (is_elf) {
                cleanup(buf_done) struct buf ours, raw, theirs;
                buf_init(&ours, MAX_TEXT);
                buf_init(&raw, MAX_TEXT);
                buf_init(&theirs, MAX_TEXT);
                dump_elf(&elf, &ours);
                *ret_readelf = run_readelf(path, &raw);
                if (*ret_readelf) {
                        oracle(sv_n(raw.data, raw.len), &theirs);
                        struct sv a = sv_n(ours.data, ours.len), b = sv_n(theirs.data, theirs.len), x, y;
                        while (sv_line(&a, &x) && sv_line(&b, &y))
                                if (!sv_eq(x, y))
                                        fail_msg("%s: ours \"%.*s\", readelf's \"%.*s\"", path, SV_ARG(x), SV_ARG(y));
                        if (ours.len != theirs.len)
                                fail_msg("%s: %zu bytes, readelf %zu", path, ours.len, theirs.len);
                        if (elf.refused)
                                fail_msg("%s: %zu entries refused", path, (size_t)elf.refused);
                }
        }
        munmap(map, (size_t)st.st_size);
        return is_elf;
}

static void test_agrees_with_readelf(void **state)
{
        (void)state;
        static const char *const roots[] = { "/usr/bin", "/usr/sbin" };
        size_t files = 0;
        for (size_t i = 0; i < 2; i++) {
                cleanup(closedir) DIR *dir = opendir(roots[i]);
                if (!dir)
                        continue;
                for (struct dirent *entry; (entry = readdir(dir));) {
                        char path[512];
                        bool readelf = true;
                        snprintf(path, sizeof(path), "%s/%s", roots[i], entry->d_name);
                        files += compare_file(dirfd(dir), entry->d_name, path, &readelf);
                        if (!readelf) {
                                print_message("# skipped: needs readelf (binutils)\n");
                                skip();
                        }
                }
        }
        print_message("# %zu ELF files agree with readelf\n", files);
        assert_true(files > 0);
}

/* --- images made by hand --- */

static void read_corpus(const char *name, struct buf *out)
{
        char path[1024];
        const char *source = getenv("TARSIER_SOURCE");
        snprintf(path, sizeof(path), "%s/fuzz/corpus/elf/%s", source ? source : ".", name);
        buf_init(out, 1 << 20);
        struct error err;
        if (file_read(AT_FDCWD, path, out, &err) < 0)
                fail_msg("%s", err.message);
}

static void test_without_sections(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf with, without;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 8 << 20);
        read_corpus("m.pie", &with);
        read_corpus("m.nosec", &without);
        struct elf a, b;
        assert_int_equal(elf_parse(sv_n(with.data, with.len), &arena, &a, NULL), 0);
        assert_int_equal(elf_parse(sv_n(without.data, without.len), &arena, &b, NULL), 0);
        assert_int_equal(b.section_count, 0);
        assert_int_equal(b.needed_count, 1);
        assert_true(sv_eq(b.needed[0], SV("liba.so.1")));
        assert_int_equal(elf_symbol_count(&b, ELF_TABLE_SYMTAB), 0);
        assert_true(elf_symbol_count(&b, ELF_TABLE_DYNSYM) > 0);

        cleanup(buf_done) struct buf x, y;
        buf_init(&x, MAX_TEXT);
        buf_init(&y, MAX_TEXT);
        elf_each_symbol(&a, ELF_TABLE_DYNSYM, dump_symbol, &(struct dump){ &x, "dynsym" });
        elf_each_symbol(&b, ELF_TABLE_DYNSYM, dump_symbol, &(struct dump){ &y, "dynsym" });
        assert_string_equal(buf_text(&x), buf_text(&y));
        assert_non_null(strstr(buf_text(&y), "foo@V1"));
        struct elf_checksec check;
        assert_int_equal(elf_checksec(&b, &arena, &check, NULL), 0);
        assert_int_equal(check.kind, ELF_KIND_PIE);
        assert_int_equal(check.relro, ELF_RELRO_FULL);
        assert_int_equal(check.symbols, 0);
}

static void test_library_hardening(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf file;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 8 << 20);
        read_corpus("liba.so", &file);
        struct elf elf;
        struct elf_checksec check;
        assert_int_equal(elf_parse(sv_n(file.data, file.len), &arena, &elf, NULL), 0);
        assert_int_equal(elf_checksec(&elf, &arena, &check, NULL), 0);
        assert_int_equal(check.kind, ELF_KIND_DSO);
        assert_true(sv_eq(elf.soname, SV("liba.so.1")));
        assert_true(check.has_runpath);
        assert_false(check.has_rpath);
        assert_int_equal(check.runpath, ELF_PATH_ORIGIN | ELF_PATH_WRITABLE);
        assert_int_equal(check.canary, ELF_YES);
        assert_int_equal(check.relro, ELF_RELRO_PARTIAL);
        assert_int_equal(check.fortify, ELF_YES);
        assert_int_equal(check.fortified, 1);
        assert_int_equal(check.fortifiable, 1); /* memcpy and __memcpy_chk are one function */
        assert_true(sv_eq(check.fortified_names[0], SV("__memcpy_chk")));
        assert_true(check.ibt && check.shstk);
        assert_int_equal(check.separate_code, ELF_NO);
        assert_int_equal(elf.build_id.n, 20);
}

static void test_path_classes(void **state)
{
        (void)state;
        assert_int_equal(elf_path_classify(SV("/opt/x/lib")), ELF_PATH_ABSOLUTE);
        assert_int_equal(elf_path_classify(SV("")), ELF_PATH_EMPTY);
        assert_int_equal(elf_path_classify(SV("/a::b")), ELF_PATH_ABSOLUTE | ELF_PATH_EMPTY | ELF_PATH_RELATIVE);
        assert_int_equal(elf_path_classify(SV("/tmpfoo")), ELF_PATH_ABSOLUTE);
        assert_int_equal(elf_path_classify(SV("/tmp/foo")), ELF_PATH_WRITABLE);
        assert_int_equal(elf_path_classify(SV("${ORIGIN}/../lib")), ELF_PATH_ORIGIN);
        assert_int_equal(elf_path_classify(SV("/a/../tmp")), ELF_PATH_SUSPICIOUS);
        assert_true(elf_fortifiable(SV("memcpy")));
        assert_true(elf_fortifiable(SV("asprintf")));
        assert_true(elf_fortifiable(SV("wprintf")));
        assert_false(elf_fortifiable(SV("memcp")));
        assert_false(elf_fortifiable(SV("stack_chk_fail")));
}

/* Big-endian, 32 bit, no sections, strings behind pointers: Go 1.16 on MIPS. */
static void test_go_pointers(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf file;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 8 << 20);
        read_corpus("go32be", &file);
        struct elf elf;
        struct gobuild build;
        assert_int_equal(elf_parse(sv_n(file.data, file.len), &arena, &elf, NULL), 0);
        assert_true(elf.header.big_endian && !elf.header.is64);
        assert_int_equal(gobuild_parse(&elf, &arena, &build, NULL), 0);
        assert_true(sv_eq(build.version, SV("go1.16.3")));
        assert_true(sv_eq(build.path, SV("example.org/x")));
        assert_true(sv_eq(build.main.version, SV("v1.0.0")));
        assert_int_equal(build.module_count, 1);
        assert_true(sv_eq(build.modules[0].path, SV("a.b/c")));
        assert_true(sv_eq(build.modules[0].replace_path, SV("d.e/f")));
        assert_int_equal(build.setting_count, 1);
        assert_true(sv_eq(build.settings[0].value, SV("linux")));
}

static void put(char *image, size_t offset, uint64_t value, unsigned width)
{
        for (unsigned i = 0; i < width; i++)
                image[offset + i] = (char)(value >> (8 * i));
}

/* Little-endian, 64 bit, inline strings: Go 1.18 and later. */
static void test_go_inline(void **state)
{
        (void)state;
        char image[512] = ELFMAG "\x02\x01\x01";
        put(image, 16, ET_EXEC, 2);
        put(image, 18, EM_X86_64, 2);
        put(image, 32, 64, 8);
        put(image, 54, 56, 2);
        put(image, 56, 1, 2);
        put(image, 64, PT_LOAD, 4);
        put(image, 68, PF_R | PF_W, 4);
        put(image, 72, 128, 8);
        put(image, 80, 0x1000, 8);
        put(image, 96, sizeof(image) - 128, 8);
        static const char text[] = "0123456789abcdefpath\tcmd/x\nbuild\tvcs.modified=true\n0123456789abcdef";
        memcpy(image + 128, "\xff Go buildinf:\x08\x02", 16);
        image[160] = 6;
        memcpy(image + 161, "go1.22", 6);
        image[167] = (char)(sizeof(text) - 1);
        memcpy(image + 168, text, sizeof(text) - 1);
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        struct elf elf;
        struct gobuild build;
        struct error err;
        assert_int_equal(elf_parse(sv_n(image, sizeof(image)), &arena, &elf, NULL), 0);
        assert_int_equal(gobuild_parse(&elf, &arena, &build, NULL), 0);
        assert_true(sv_eq(build.version, SV("go1.22")));
        assert_true(sv_eq(build.path, SV("cmd/x")));
        assert_true(sv_eq(build.settings[0].key, SV("vcs.modified")));
        struct elf_checksec check;
        assert_int_equal(elf_checksec(&elf, &arena, &check, NULL), 0);
        assert_int_equal(check.wx, ELF_YES);
        assert_int_equal(check.nx, ELF_NO); /* no PT_GNU_STACK: the kernel's default is an executable stack */
        assert_false(check.has_gnu_stack);
        put(image, 68, PF_R | PF_W | PF_X, 4);
        assert_int_equal(elf_parse(sv_n(image, sizeof(image)), &arena, &elf, NULL), 0);
        assert_int_equal(elf_checksec(&elf, &arena, &check, NULL), 0);
        assert_int_equal(check.wx, ELF_NO);
        put(image, 68, PF_R | PF_W, 4);
        assert_int_equal(elf_parse(sv_n(image, sizeof(image)), &arena, &elf, NULL), 0);
        image[167] = (char)0xff; /* a length that runs out of the file */
        image[168] = 0x7f;
        assert_int_equal(gobuild_parse(&elf, &arena, &build, &err), -1);
        assert_int_equal(err.code, E_CORRUPT);
}

static void test_refuses_what_is_broken(void **state)
{
        (void)state;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        struct elf elf;
        struct error err;
        assert_int_equal(elf_parse(SV(""), &arena, &elf, &err), -1);
        assert_int_equal(err.code, E_INVALID);
        char image[64] = ELFMAG "\x02\x01\x01";
        assert_int_equal(elf_parse(sv_n(image, 40), &arena, &elf, &err), -1);
        assert_int_equal(err.code, E_CORRUPT);
        image[EI_CLASS] = 3;
        assert_int_equal(elf_parse(sv_n(image, 64), &arena, &elf, &err), -1);
        assert_int_equal(err.code, E_UNSUPPORTED);

        image[EI_CLASS] = ELFCLASS64; /* tables beyond the end: left out and counted */
        put(image, 32, UINT64_MAX - 8, 8);
        put(image, 40, UINT64_MAX - 16, 8);
        put(image, 54, 56, 2);
        put(image, 56, 7, 2);
        put(image, 58, 64, 2);
        put(image, 60, 9, 2);
        assert_int_equal(elf_parse(sv_n(image, 64), &arena, &elf, &err), 0);
        assert_int_equal(elf.segment_count, 0);
        assert_int_equal(elf.section_count, 0);
        assert_int_equal(elf.refused, 16);

        struct gobuild build;
        assert_int_equal(gobuild_parse(&elf, &arena, &build, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
}

/* Every cut of a real file must be survived. */
static void test_truncation(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf file;
        read_corpus("m.pie", &file);
        for (size_t size = 0; size < file.len; size += 7) {
                char *copy = malloc(size + 1);
                memcpy(copy, file.data, size);
                struct arena arena;
                struct elf elf;
                struct elf_checksec check;
                arena_init(&arena, 8 << 20);
                if (elf_parse(sv_n(copy, size), &arena, &elf, NULL) == 0)
                        assert_int_equal(elf_checksec(&elf, &arena, &check, NULL), 0);
                arena_done(&arena);
                free(copy);
        }
}

/* --- the hardening table against a compiler's flags --- */

static bool compile(const char *directory, const char *flags, struct buf *out)
{
        char source[300], output[300], command[1200];
        snprintf(source, sizeof(source), "%s/a.c", directory);
        snprintf(output, sizeof(output), "%s/a.out", directory);
        static const char text[] = "#include <stdio.h>\n#include <string.h>\n"
                                   "int main(int c, char **v) { char b[64]; strcpy(b, v[c - 1]); return puts(b); }\n";
        assert_int_equal(file_replace(AT_FDCWD, source, text, sizeof(text) - 1, 0600, NULL), 0);
        snprintf(command, sizeof(command), "exec gcc -w %s -o %s %s 2>/dev/null", flags, output, source);
        pid_t pid = fork();
        if (pid == 0) {
                execl("/bin/sh", "sh", "-c", command, (char *)NULL);
                _exit(127);
        }
        int status;
        waitpid(pid, &status, 0);
        buf_clear(out);
        bool built = WIFEXITED(status) && WEXITSTATUS(status) == 0 && file_read(AT_FDCWD, output, out, NULL) == 0;
        unlink(source);
        unlink(output);
        return built;
}

static void test_compiler_flags(void **state)
{
        (void)state;
        static const struct {
                const char *flags;
                enum elf_kind kind;
                enum elf_relro relro;
                enum elf_verdict canary, nx, fortify, wx;
                bool stripped;
        } cases[] = {
                { "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-all -pie -fPIE -Wl,-z,relro,-z,now",
                        ELF_KIND_PIE, ELF_RELRO_FULL, ELF_YES, ELF_YES, ELF_YES, ELF_YES, false },
                { "-O0 -U_FORTIFY_SOURCE -fno-stack-protector -no-pie -Wl,-z,norelro -z execstack", ELF_KIND_EXEC,
                        ELF_RELRO_NONE, ELF_NO, ELF_NO, ELF_NO, ELF_YES, false },
                { "-O0 -U_FORTIFY_SOURCE -fstack-protector-all -no-pie -Wl,-z,relro,-z,lazy -s", ELF_KIND_EXEC,
                        ELF_RELRO_PARTIAL, ELF_YES, ELF_YES, ELF_NO, ELF_YES, true },
                { "-O2 -U_FORTIFY_SOURCE -fno-stack-protector -shared -fPIC -Wl,-z,lazy", ELF_KIND_DSO,
                        ELF_RELRO_PARTIAL, ELF_NO, ELF_YES, ELF_NO, ELF_YES, false },
                { "-O2 -fstack-protector-all -c -U_FORTIFY_SOURCE", ELF_KIND_REL, ELF_RELRO_NOT_APPLICABLE, ELF_YES,
                        ELF_NOT_APPLICABLE, ELF_NO, ELF_NOT_APPLICABLE, false },
                { "-O2 -static -no-pie -s", ELF_KIND_EXEC, ELF_RELRO_PARTIAL, ELF_UNKNOWN, ELF_YES, ELF_UNKNOWN,
                        ELF_YES, true },
                { "-O2 -static-pie -fPIE", ELF_KIND_STATIC_PIE, ELF_RELRO_PARTIAL, ELF_YES, ELF_YES, ELF_UNKNOWN,
                        ELF_YES, false },
        };
        char directory[] = "/tmp/test-elf-XXXXXX";
        assert_non_null(mkdtemp(directory));
        cleanup(buf_done) struct buf file;
        buf_init(&file, 16 << 20);
        bool built = compile(directory, "", &file);
        for (size_t i = 0; built && i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct arena arena;
                struct elf elf;
                struct elf_checksec check;
                if (!compile(directory, cases[i].flags, &file)) {
                        print_message("# not built here: %s\n", cases[i].flags);
                        continue;
                }
                arena_init(&arena, 64 << 20);
                assert_int_equal(elf_parse(sv_n(file.data, file.len), &arena, &elf, NULL), 0);
                assert_int_equal(elf_checksec(&elf, &arena, &check, NULL), 0);
                if (check.kind != cases[i].kind || check.relro != cases[i].relro || check.canary != cases[i].canary ||
                        check.nx != cases[i].nx || check.fortify != cases[i].fortify || check.wx != cases[i].wx ||
                        (check.symbols == 0) != cases[i].stripped)
                        fail_msg("%s: %s relro %s canary %s nx %s fortify %s wx %s symbols %zu", cases[i].flags,
                                elf_kind_name(check.kind), elf_relro_name(check.relro), elf_verdict_name(check.canary),
                                elf_verdict_name(check.nx), elf_verdict_name(check.fortify), elf_verdict_name(check.wx),
                                check.symbols);
                arena_done(&arena);
        }
        rmdir(directory);
        if (!built) {
                print_message("# skipped: needs gcc\n");
                skip();
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_agrees_with_readelf),
                cmocka_unit_test(test_without_sections),
                cmocka_unit_test(test_library_hardening),
                cmocka_unit_test(test_path_classes),
                cmocka_unit_test(test_go_pointers),
                cmocka_unit_test(test_go_inline),
                cmocka_unit_test(test_refuses_what_is_broken),
                cmocka_unit_test(test_truncation),
                cmocka_unit_test(test_compiler_flags),
        };
        return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
