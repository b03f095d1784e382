#include "linux/elf/parse.h"

#include <elf.h>

struct sv elf_slice(struct sv bytes, uint64_t offset, uint64_t size)
{
        if (offset >= bytes.n)
                return SV("");
        if (size > bytes.n - offset)
                size = bytes.n - offset;
        return sv_n(bytes.p + offset, size);
}

static uint64_t load(const struct elf *elf, struct sv bytes, uint64_t offset, unsigned width)
{
        if (offset > bytes.n || bytes.n - offset < width)
                return 0;
        uint64_t value = 0;
        for (unsigned i = 0; i < width; i++)
                value = value << 8 | (uint8_t)bytes.p[offset + (elf->header.big_endian ? i : width - 1 - i)];
        return value;
}

uint16_t elf_u16(const struct elf *elf, struct sv bytes, uint64_t offset)
{
        return (uint16_t)load(elf, bytes, offset, 2);
}

uint32_t elf_u32(const struct elf *elf, struct sv bytes, uint64_t offset)
{
        return (uint32_t)load(elf, bytes, offset, 4);
}

uint64_t elf_u64(const struct elf *elf, struct sv bytes, uint64_t offset)
{
        return load(elf, bytes, offset, 8);
}

uint64_t elf_word(const struct elf *elf, struct sv bytes, uint64_t offset)
{
        return load(elf, bytes, offset, elf->header.is64 ? 8 : 4);
}

struct sv elf_string(struct sv table, uint64_t offset)
{
        struct sv rest = elf_slice(table, offset, ELF_MAX_NAME);
        rest.n = sv_find(rest, '\0');
        return rest;
}

struct sv elf_at_vaddr(const struct elf *elf, uint64_t vaddr, uint64_t size)
{
        for (size_t i = 0; i < elf->segment_count; i++) {
                const struct elf_segment *segment = &elf->segments[i];
                if (segment->type == PT_LOAD && vaddr >= segment->vaddr && vaddr - segment->vaddr < segment->bytes.n)
                        return elf_slice(segment->bytes, vaddr - segment->vaddr, size);
        }
        return SV("");
}

const struct elf_section *elf_section_by_name(const struct elf *elf, struct sv name)
{
        for (size_t i = 0; i < elf->section_count; i++)
                if (sv_eq(elf->sections[i].name, name))
                        return &elf->sections[i];
        return NULL;
}

const struct elf_section *elf_section_by_type(const struct elf *elf, uint32_t type)
{
        for (size_t i = 0; i < elf->section_count; i++)
                if (elf->sections[i].type == type)
                        return &elf->sections[i];
        return NULL;
}

struct sv elf_linked_strings(const struct elf *elf, const struct elf_section *section)
{
        if (section->link >= elf->section_count || elf->sections[section->link].type != SHT_STRTAB)
                return SV("");
        return elf->sections[section->link].bytes;
}

/* Offsets of Elf32_Shdr and Elf64_Shdr differ where a word differs in width. */
static void read_section(const struct elf *elf, struct sv entry, struct elf_section *section)
{
        bool is64 = elf->header.is64;
        section->type = elf_u32(elf, entry, 4);
        section->flags = elf_word(elf, entry, 8);
        section->address = elf_word(elf, entry, is64 ? 16 : 12);
        section->offset = elf_word(elf, entry, is64 ? 24 : 16);
        section->size = elf_word(elf, entry, is64 ? 32 : 20);
        section->link = elf_u32(elf, entry, is64 ? 40 : 24);
        section->info = elf_u32(elf, entry, is64 ? 44 : 28);
        section->align = elf_word(elf, entry, is64 ? 48 : 32);
        section->entry_size = elf_word(elf, entry, is64 ? 56 : 36);
        section->bytes = SV("");
        bool inside = section->offset <= elf->image.n && section->size <= elf->image.n - section->offset;
        if (section->type != SHT_NOBITS && section->type != SHT_NULL && inside)
                section->bytes = elf_slice(elf->image, section->offset, section->size);
}

static int read_sections(struct elf *elf, struct arena *arena, uint16_t entry_size, uint32_t names_index)
{
        size_t count = elf->header.section_count;
        uint16_t least = elf->header.is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
        struct sv table = elf_slice(elf->image, elf->header.sections_offset, UINT64_MAX);
        if (!elf->header.sections_offset || count == 0)
                return 0;
        size_t fit = entry_size >= least ? table.n / entry_size : 0;
        if (fit > ELF_MAX_SECTIONS)
                fit = ELF_MAX_SECTIONS;
        if (count > fit) {
                elf->refused += count - fit;
                count = fit;
        }
        elf->sections = arena_array(arena, count, sizeof(*elf->sections));
        if (!elf->sections)
                return -1;
        elf->section_count = count;
        for (size_t i = 0; i < count; i++) {
                read_section(elf, elf_slice(table, i * entry_size, entry_size), &elf->sections[i]);
                uint32_t type = elf->sections[i].type;
                if (type != SHT_NOBITS && type != SHT_NULL && elf->sections[i].size > elf->sections[i].bytes.n)
                        elf->refused++;
        }
        struct sv names = names_index < count ? elf->sections[names_index].bytes : SV("");
        for (size_t i = 0; i < count; i++)
                elf->sections[i].name =
                        elf_string(names, elf_u32(elf, elf_slice(table, i * entry_size, entry_size), 0));
        return 0;
}

static void read_segment(const struct elf *elf, struct sv entry, struct elf_segment *segment)
{
        bool is64 = elf->header.is64;
        segment->type = elf_u32(elf, entry, 0);
        segment->flags = elf_u32(elf, entry, is64 ? 4 : 24);
        segment->offset = elf_word(elf, entry, is64 ? 8 : 4);
        segment->vaddr = elf_word(elf, entry, is64 ? 16 : 8);
        segment->paddr = elf_word(elf, entry, is64 ? 24 : 12);
        segment->file_size = elf_word(elf, entry, is64 ? 32 : 16);
        segment->memory_size = elf_word(elf, entry, is64 ? 40 : 20);
        segment->align = elf_word(elf, entry, is64 ? 48 : 28);
        segment->bytes = elf_slice(elf->image, segment->offset, segment->file_size);
}

static int read_segments(struct elf *elf, struct arena *arena, uint16_t entry_size)
{
        size_t count = elf->header.segment_count;
        uint16_t least = elf->header.is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
        struct sv table = elf_slice(elf->image, elf->header.segments_offset, UINT64_MAX);
        if (!elf->header.segments_offset || count == 0)
                return 0;
        size_t fit = entry_size >= least ? table.n / entry_size : 0;
        if (fit > ELF_MAX_SEGMENTS)
                fit = ELF_MAX_SEGMENTS;
        if (count > fit) {
                elf->refused += count - fit;
                count = fit;
        }
        elf->segments = arena_array(arena, count, sizeof(*elf->segments));
        if (!elf->segments)
                return -1;
        elf->segment_count = count;
        for (size_t i = 0; i < count; i++) {
                struct elf_segment *segment = &elf->segments[i];
                read_segment(elf, elf_slice(table, i * entry_size, entry_size), segment);
                if (segment->file_size > segment->bytes.n)
                        elf->refused++;
                if (segment->type == PT_INTERP && !elf->interpreter.p)
                        elf->interpreter = sv_n(segment->bytes.p, sv_find(segment->bytes, '\0'));
        }
        return 0;
}

/* gABI "extended numbering": counts that do not fit the header stand in section 0. */
static void read_extended_counts(struct elf *elf, uint32_t *names_index)
{
        struct elf_section first;
        struct sv entry = elf_slice(elf->image, elf->header.sections_offset, sizeof(Elf64_Shdr));
        if (!elf->header.sections_offset || entry.n == 0)
                return;
        read_section(elf, entry, &first);
        if (elf->header.section_count == 0)
                elf->header.section_count = first.size > UINT32_MAX ? UINT32_MAX : (uint32_t)first.size;
        if (elf->header.segment_count == PN_XNUM)
                elf->header.segment_count = first.info;
        if (*names_index == SHN_XINDEX)
                *names_index = first.link;
}

int elf_parse(struct sv image, struct arena *arena, struct elf *ret, struct error *err)
{
        if (image.n < EI_NIDENT || memcmp(image.p, ELFMAG, SELFMAG) != 0)
                return fail(err, E_INVALID, "not an ELF file");
        uint8_t class = (uint8_t)image.p[EI_CLASS];
        uint8_t order = (uint8_t)image.p[EI_DATA];
        if ((class != ELFCLASS32 && class != ELFCLASS64) || (order != ELFDATA2LSB && order != ELFDATA2MSB))
                return fail(err, E_UNSUPPORTED, "ELF class %u, byte order %u", class, order);
        bool is64 = class == ELFCLASS64;
        if (image.n < (is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
                return fail(err, E_CORRUPT, "the ELF header is cut after %zu bytes", image.n);

        struct elf elf = { .image = image };
        elf.header.is64 = is64;
        elf.header.big_endian = order == ELFDATA2MSB;
        elf.header.osabi = (uint8_t)image.p[EI_OSABI];
        elf.header.abi_version = (uint8_t)image.p[EI_ABIVERSION];
        elf.header.type = elf_u16(&elf, image, 16);
        elf.header.machine = elf_u16(&elf, image, 18);
        elf.header.entry = elf_word(&elf, image, 24);
        elf.header.segments_offset = elf_word(&elf, image, is64 ? 32 : 28);
        elf.header.sections_offset = elf_word(&elf, image, is64 ? 40 : 32);
        unsigned tail = is64 ? 48 : 36; /* e_flags and the 16-bit fields behind it */
        elf.header.flags = elf_u32(&elf, image, tail);
        elf.header.segment_count = elf_u16(&elf, image, tail + 8);
        elf.header.section_count = elf_u16(&elf, image, tail + 12);
        uint32_t names_index = elf_u16(&elf, image, tail + 14);
        read_extended_counts(&elf, &names_index);

        if (read_segments(&elf, arena, elf_u16(&elf, image, tail + 6)) < 0 ||
                read_sections(&elf, arena, elf_u16(&elf, image, tail + 10), names_index) < 0 ||
                elf_read_dynamic(&elf, arena) < 0 || elf_read_versions(&elf, arena) < 0 ||
                elf_read_notes(&elf, arena) < 0)
                return fail(err, E_NO_MEMORY, "the ELF tables need more than the arena's %zu bytes", arena->limit);
        *ret = elf;
        return 0;
}
