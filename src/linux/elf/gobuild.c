#include "linux/elf/gobuild.h"

#include <elf.h>

#define MAGIC "\xff Go buildinf:"

enum {
        HEADER_SIZE = 32, /* magic, pointer size, flags, padding or two pointers */
        FLAG_BIG_ENDIAN = 1,
        FLAG_INLINE = 2, /* strings follow the header (Go 1.18) */
        SENTINEL = 16,   /* bytes before and after the module text */
};

/* The linker aligns it to 16. Without sections it is at the start of the first writable segment, or not far behind. */
static struct sv find_header(const struct elf *elf)
{
        const struct elf_section *section = elf_section_by_name(elf, SV(".go.buildinfo"));
        struct sv bytes = section ? section->bytes : SV("");
        for (size_t i = 0; i < elf->segment_count && bytes.n == 0; i++)
                if (elf->segments[i].type == PT_LOAD && (elf->segments[i].flags & (PF_W | PF_X)) == PF_W)
                        bytes = elf->segments[i].bytes;
        for (size_t offset = 0; offset + HEADER_SIZE <= bytes.n; offset += 16)
                if (memcmp(bytes.p + offset, MAGIC, sizeof(MAGIC) - 1) == 0)
                        return sv_n(bytes.p + offset, bytes.n - offset);
        return SV("");
}

static bool take_inline(struct sv *rest, struct sv *ret)
{
        uint64_t size = 0;
        for (unsigned i = 0; i < 5 && i < rest->n; i++) {
                size |= (uint64_t)((uint8_t)rest->p[i] & 0x7f) << (7 * i);
                if ((uint8_t)rest->p[i] & 0x80)
                        continue;
                if (size > rest->n - i - 1)
                        return false;
                *ret = sv_n(rest->p + i + 1, size);
                *rest = sv_n(rest->p + i + 1 + size, rest->n - i - 1 - size);
                return true;
        }
        return false;
}

static uint64_t go_word(struct sv bytes, uint64_t offset, unsigned width, bool big_endian)
{
        uint64_t value = 0;
        if (offset > bytes.n || bytes.n - offset < width)
                return 0;
        for (unsigned i = 0; i < width; i++)
                value = value << 8 | (uint8_t)bytes.p[offset + (big_endian ? i : width - 1 - i)];
        return value;
}

/* A pointer to a Go string header: address and length. */
static struct sv take_pointed(const struct elf *elf, struct sv header, uint64_t offset, unsigned width, bool big_endian)
{
        struct sv string = elf_at_vaddr(elf, go_word(header, offset, width, big_endian), 2 * width);
        uint64_t size = go_word(string, width, width, big_endian);
        struct sv text = elf_at_vaddr(elf, go_word(string, 0, width, big_endian), size);
        return text.n == size ? text : SV("");
}

static struct sv strip_sentinels(struct sv text)
{
        if (text.n < 2 * SENTINEL + 1 || text.p[text.n - SENTINEL - 1] != '\n')
                return SV("");
        return sv_n(text.p + SENTINEL, text.n - 2 * SENTINEL);
}

static struct gobuild_module module_of(struct sv rest)
{
        struct gobuild_module module = { 0 };
        struct sv *fields[] = { &module.path, &module.version, &module.sum };
        for (size_t i = 0; i < 3; i++)
                if (!sv_split(&rest, '\t', fields[i]))
                        *fields[i] = SV("");
        module.replace_path = module.replace_version = module.replace_sum = SV("");
        return module;
}

static void read_line(struct sv line, struct gobuild *build, struct gobuild_module **last)
{
        struct sv word;
        if (!sv_split(&line, '\t', &word))
                return;
        if (!line.p)
                line = SV("");
        if (sv_eq(word, SV("path"))) {
                build->path = line;
        } else if (sv_eq(word, SV("mod"))) {
                build->main = module_of(line);
                *last = &build->main;
        } else if (sv_eq(word, SV("dep"))) {
                if (build->module_count == GOBUILD_MAX_MODULES) {
                        build->refused++;
                        return;
                }
                *last = &build->modules[build->module_count++];
                **last = module_of(line);
        } else if (sv_eq(word, SV("=>")) && *last) {
                struct gobuild_module replacement = module_of(line);
                (*last)->replace_path = replacement.path;
                (*last)->replace_version = replacement.version;
                (*last)->replace_sum = replacement.sum;
        } else if (sv_eq(word, SV("build"))) {
                if (build->setting_count == GOBUILD_MAX_SETTINGS) {
                        build->refused++;
                        return;
                }
                size_t equals = sv_find(line, '=');
                size_t value = equals < line.n ? equals + 1 : line.n;
                build->settings[build->setting_count++] =
                        (struct gobuild_setting){ sv_n(line.p, equals), sv_n(line.p + value, line.n - value) };
        }
}

static int read_text(struct sv text, struct arena *arena, struct gobuild *build)
{
        size_t modules = 0;
        size_t settings = 0;
        struct sv line;
        for (struct sv rest = text; sv_line(&rest, &line);) {
                modules += sv_starts(line, SV("dep\t"));
                settings += sv_starts(line, SV("build\t"));
        }
        modules = modules > GOBUILD_MAX_MODULES ? GOBUILD_MAX_MODULES : modules;
        settings = settings > GOBUILD_MAX_SETTINGS ? GOBUILD_MAX_SETTINGS : settings;
        build->modules = arena_array(arena, modules + 1, sizeof(*build->modules));
        build->settings = arena_array(arena, settings + 1, sizeof(*build->settings));
        if (!build->modules || !build->settings)
                return -1;
        struct gobuild_module *last = NULL;
        for (struct sv rest = text; sv_line(&rest, &line);)
                read_line(line, build, &last);
        return 0;
}

int gobuild_parse(const struct elf *elf, struct arena *arena, struct gobuild *ret, struct error *err)
{
        struct sv header = find_header(elf);
        if (header.n < HEADER_SIZE)
                return fail(err, E_NOT_FOUND, "no Go build information");
        unsigned width = (uint8_t)header.p[14];
        uint8_t flags = (uint8_t)header.p[15];
        struct gobuild build = { .version = SV(""), .path = SV("") };
        build.main = module_of(SV(""));
        struct sv text = SV("");
        if (flags & FLAG_INLINE) {
                struct sv rest = sv_n(header.p + HEADER_SIZE, header.n - HEADER_SIZE);
                if (!take_inline(&rest, &build.version) || !take_inline(&rest, &text))
                        return fail(err, E_CORRUPT, "the Go build information is cut");
        } else {
                if (width != 4 && width != 8)
                        return fail(err, E_CORRUPT, "Go build information with pointers of %u bytes", width);
                build.version = take_pointed(elf, header, 16, width, flags & FLAG_BIG_ENDIAN);
                text = take_pointed(elf, header, 16 + width, width, flags & FLAG_BIG_ENDIAN);
        }
        if (text.n > GOBUILD_MAX_TEXT)
                return fail(err, E_TOO_LARGE, "Go module text of %zu bytes", text.n);
        if (read_text(strip_sentinels(text), arena, &build) < 0)
                return fail(err, E_NO_MEMORY, "the Go module list needs more than the arena's %zu bytes", arena->limit);
        *ret = build;
        return 0;
}
