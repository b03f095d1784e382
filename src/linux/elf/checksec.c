#include "linux/elf/checksec.h"

#include "linux/elf/gobuild.h"

#include "base/map.h"

#include <elf.h>

#ifndef DF_1_PIE
#define DF_1_PIE 0x08000000
#endif

static uint64_t tag_value(const struct elf *elf, int64_t tag)
{
        for (size_t i = 0; i < elf->dynamic_count; i++)
                if (elf->dynamic[i].tag == tag)
                        return elf->dynamic[i].value;
        return 0;
}

static bool has_tag(const struct elf *elf, int64_t tag)
{
        for (size_t i = 0; i < elf->dynamic_count; i++)
                if (elf->dynamic[i].tag == tag)
                        return true;
        return false;
}

static const struct elf_segment *segment_of(const struct elf *elf, uint32_t type)
{
        for (size_t i = 0; i < elf->segment_count; i++)
                if (elf->segments[i].type == type)
                        return &elf->segments[i];
        return NULL;
}

/* libc.so.6 has an interpreter too, so the linker's own mark goes first; DT_DEBUG is put into executables only. */
static enum elf_kind kind_of(const struct elf *elf)
{
        switch (elf->header.type) {
        case ET_REL:
                return ELF_KIND_REL;
        case ET_EXEC:
                return ELF_KIND_EXEC;
        case ET_CORE:
                return ELF_KIND_CORE;
        case ET_DYN:
                break;
        default:
                return ELF_KIND_OTHER;
        }
        bool marked = tag_value(elf, DT_FLAGS_1) & DF_1_PIE;
        bool executable = (elf->interpreter.p || has_tag(elf, DT_DEBUG)) && !elf->soname.p;
        if (!marked && !executable)
                return ELF_KIND_DSO;
        return elf->interpreter.p ? ELF_KIND_PIE : ELF_KIND_STATIC_PIE;
}

static enum elf_relro relro_of(const struct elf *elf)
{
        if (elf->segment_count == 0)
                return ELF_RELRO_NOT_APPLICABLE;
        if (!segment_of(elf, PT_GNU_RELRO))
                return ELF_RELRO_NONE;
        bool now = has_tag(elf, DT_BIND_NOW) || (tag_value(elf, DT_FLAGS) & DF_BIND_NOW) ||
                   (tag_value(elf, DT_FLAGS_1) & DF_1_NOW);
        return now ? ELF_RELRO_FULL : ELF_RELRO_PARTIAL;
}

static uint32_t classify_entry(struct sv entry)
{
        static const char *const writable[] = { "/tmp", "/var/tmp", "/dev/shm" };
        uint32_t bits = 0;
        if (entry.n == 0)
                return ELF_PATH_EMPTY;
        bool origin = sv_starts(entry, SV("$ORIGIN")) || sv_starts(entry, SV("${ORIGIN}"));
        if (origin)
                return ELF_PATH_ORIGIN;
        if (entry.p[0] != '/')
                return ELF_PATH_RELATIVE;
        for (size_t i = 0; i < sizeof(writable) / sizeof(writable[0]); i++) {
                struct sv root = sv_of(writable[i]);
                if (sv_starts(entry, root) && (entry.n == root.n || entry.p[root.n] == '/'))
                        bits |= ELF_PATH_WRITABLE;
        }
        struct sv part;
        for (struct sv rest = entry; sv_split(&rest, '/', &part);)
                if (sv_eq(part, SV("..")))
                        bits |= ELF_PATH_SUSPICIOUS;
        return bits ? bits : ELF_PATH_ABSOLUTE;
}

uint32_t elf_path_classify(struct sv path)
{
        uint32_t bits = 0;
        struct sv entry;
        for (struct sv rest = path; sv_split(&rest, ':', &entry);)
                bits |= classify_entry(entry);
        return bits;
}

/* What the symbol names say, gathered in one walk over both tables. */
struct symbol_marks {
        bool canary, cfi, safestack, asan, ubsan, msan, tsan;
        struct map fortified, unfortified;
};

static bool fortified_base(struct sv name, struct sv *ret)
{
        if (!sv_starts(name, SV("__")) || !sv_ends(name, SV("_chk")) || name.n <= 6)
                return false;
        *ret = sv_n(name.p + 2, name.n - 6);
        return elf_fortifiable(*ret);
}

static void remember(struct map *map, struct sv name)
{
        if (!map_get(map, name))
                map_put(map, name, map); /* the value only marks the key as present */
}

static int mark_symbol(const struct elf_symbol *symbol, void *cookie)
{
        struct symbol_marks *marks = cookie;
        struct sv name = symbol->name;
        name.n = sv_find(name, '@'); /* .symtab of some linkers has name@@version */
        bool imported = symbol->section == SHN_UNDEF;
        struct sv base;
        if (sv_ends(name, SV(".cfi")))
                marks->cfi = true;
        if (imported && elf_fortifiable(name))
                remember(&marks->unfortified, name);
        if (!sv_starts(name, SV("__")))
                return 0;
        if (imported && fortified_base(name, &base))
                remember(&marks->fortified, name);
        if (sv_starts(name, SV("__stack_chk_")) || sv_eq(name, SV("__intel_security_cookie")))
                marks->canary = true;
        if (sv_starts(name, SV("__cfi_")))
                marks->cfi = true;
        if (sv_starts(name, SV("__safestack_")))
                marks->safestack = true;
        if (imported && symbol->binding == STB_WEAK)
                return 0; /* an optional hook for a sanitizer, not the sanitizer */
        marks->asan |= sv_starts(name, SV("__asan_"));
        marks->ubsan |= sv_starts(name, SV("__ubsan_"));
        marks->msan |= sv_starts(name, SV("__msan_"));
        marks->tsan |= sv_starts(name, SV("__tsan_"));
        return 0;
}

/* The map's keys as views that live in the arena. */
static int names_of(const struct map *map, struct arena *arena, struct sv **ret, size_t *ret_count)
{
        struct sv *names = arena_array(arena, map->count + 1, sizeof(*names));
        if (!names)
                return -1;
        size_t count = 0;
        map_foreach (entry, map) {
                char *copy = arena_strndup(arena, entry->key, entry->key_length);
                if (!copy)
                        return -1;
                names[count++] = sv_n(copy, entry->key_length);
        }
        *ret = names;
        *ret_count = count;
        return 0;
}

static void check_segments(const struct elf *elf, struct elf_checksec *check)
{
        const struct elf_segment *stack = segment_of(elf, PT_GNU_STACK);
        check->has_gnu_stack = stack != NULL;
        check->wx = check->separate_code = ELF_NOT_APPLICABLE;
        check->nx = ELF_NOT_APPLICABLE;
        if (elf->segment_count == 0 || check->kind == ELF_KIND_CORE)
                return;
        check->nx = stack && !(stack->flags & PF_X) ? ELF_YES : ELF_NO;
        bool writable_code = false, mixed = false, code = false, read_only = false;
        for (size_t i = 0; i < elf->segment_count; i++) {
                const struct elf_segment *segment = &elf->segments[i];
                if (segment->type != PT_LOAD)
                        continue;
                if (!(segment->flags & PF_X)) {
                        read_only |= !(segment->flags & PF_W);
                        continue;
                }
                code = true;
                writable_code |= (segment->flags & PF_W) != 0;
                mixed |= segment->offset == 0 && segment->file_size > 0; /* the headers are executable */
        }
        check->wx = writable_code ? ELF_NO : ELF_YES;
        if (code)
                check->separate_code = !mixed && read_only ? ELF_YES : ELF_NO;
}

static void check_sections(const struct elf *elf, struct elf_checksec *check)
{
        for (size_t i = 0; i < elf->section_count; i++) {
                struct sv name = elf->sections[i].name;
                if (sv_eq(name, SV(".debug_info")) || sv_eq(name, SV(".zdebug_info")) || sv_eq(name, SV(".debug_line")))
                        check->debug = true;
                else if (sv_eq(name, SV(".gnu_debuglink")))
                        check->debuglink = true;
                else if (sv_eq(name, SV(".go.buildinfo")))
                        check->go = true;
        }
        for (size_t i = 0; i < elf->note_count; i++)
                check->go |= sv_eq(elf->notes[i].owner, SV("Go"));
}

static void check_dynamic(const struct elf *elf, struct elf_checksec *check)
{
        check->has_rpath = elf->rpath.p != NULL;
        check->has_runpath = elf->runpath.p != NULL;
        check->rpath = check->has_rpath ? elf_path_classify(elf->rpath) : 0;
        check->runpath = check->has_runpath ? elf_path_classify(elf->runpath) : 0;
        check->text_relocations = has_tag(elf, DT_TEXTREL) || (tag_value(elf, DT_FLAGS) & DF_TEXTREL);
        bool program = check->kind == ELF_KIND_EXEC || check->kind == ELF_KIND_STATIC_PIE;
        check->static_linked = program && !elf->interpreter.p && elf->needed_count == 0;
        check->ibt = elf->features & ELF_FEATURE_IBT;
        check->shstk = elf->features & ELF_FEATURE_SHSTK;
        check->bti = elf->features & ELF_FEATURE_BTI;
        check->pac = elf->features & ELF_FEATURE_PAC;
        check->gcs = elf->features & ELF_FEATURE_GCS;
}

static int check_symbols(const struct elf *elf, struct arena *arena, struct elf_checksec *check)
{
        struct symbol_marks marks = { 0 };
        map_init(&marks.fortified, ELF_MAX_FORTIFY_NAMES);
        map_init(&marks.unfortified, ELF_MAX_FORTIFY_NAMES);
        elf_each_symbol(elf, ELF_TABLE_DYNSYM, mark_symbol, &marks);
        elf_each_symbol(elf, ELF_TABLE_SYMTAB, mark_symbol, &marks);

        check->symbols = elf_symbol_count(elf, ELF_TABLE_SYMTAB);
        check->cfi = marks.cfi;
        check->safestack = marks.safestack;
        check->asan = marks.asan;
        check->ubsan = marks.ubsan;
        check->msan = marks.msan;
        check->tsan = marks.tsan;

        bool foreign = check->go && elf->needed_count == 0; /* Go without C has neither canaries nor glibc calls */
        enum elf_verdict absent = foreign                                       ? ELF_NOT_APPLICABLE
                                  : check->static_linked && check->symbols == 0 ? ELF_UNKNOWN
                                                                                : ELF_NO;
        check->canary = marks.canary ? ELF_YES : absent;

        check->fortified = marks.fortified.count;
        check->fortifiable = marks.fortified.count;
        map_foreach (entry, &marks.unfortified) {
                char chk[64];
                int length = snprintf(chk, sizeof(chk), "__%.48s_chk", entry->key);
                check->fortifiable += !map_get(&marks.fortified, sv_n(chk, (size_t)length));
        }
        if (check->static_linked) /* the calls were resolved at link time */
                check->fortify = foreign ? ELF_NOT_APPLICABLE : ELF_UNKNOWN;
        else if (check->fortified > 0)
                check->fortify = ELF_YES;
        else
                check->fortify = check->fortifiable > 0 ? ELF_NO : ELF_NOT_APPLICABLE;

        int verdict = names_of(&marks.fortified, arena, &check->fortified_names, &check->fortified_name_count) < 0 ||
                                      names_of(&marks.unfortified, arena, &check->unfortified_names,
                                              &check->unfortified_name_count) < 0
                              ? -1
                              : 0;
        map_done(&marks.fortified);
        map_done(&marks.unfortified);
        return verdict;
}

int elf_checksec(const struct elf *elf, struct arena *arena, struct elf_checksec *ret, struct error *err)
{
        struct elf_checksec check = { .kind = kind_of(elf), .relro = relro_of(elf) };
        check_segments(elf, &check);
        check_sections(elf, &check);
        check_dynamic(elf, &check);
        if (check_symbols(elf, arena, &check) < 0)
                return fail(
                        err, E_NO_MEMORY, "the hardening table needs more than the arena's %zu bytes", arena->limit);
        *ret = check;
        return 0;
}

const char *elf_kind_name(enum elf_kind kind)
{
        static const char *const names[] = { "other", "REL", "EXEC", "PIE", "static PIE", "DSO", "CORE" };
        return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "other";
}

const char *elf_relro_name(enum elf_relro relro)
{
        static const char *const names[] = { "none", "partial", "full", "n/a" };
        return relro < sizeof(names) / sizeof(names[0]) ? names[relro] : "n/a";
}

const char *elf_verdict_name(enum elf_verdict verdict)
{
        static const char *const names[] = { "no", "yes", "unknown", "n/a" };
        return verdict < sizeof(names) / sizeof(names[0]) ? names[verdict] : "unknown";
}
