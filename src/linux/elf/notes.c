#include "linux/elf/parse.h"

#include <elf.h>

/* Not in every elf.h. Values: x86-64 psABI (Linux extensions), "ELF for the Arm 64-bit Architecture", and systemd's
 * package metadata note. */
static const uint32_t NOTE_PROPERTY = 5; /* NT_GNU_PROPERTY_TYPE_0 */
static const uint32_t PROPERTY_AARCH64_FEATURE_1_AND = 0xc0000000;
static const uint32_t PROPERTY_X86_FEATURE_1_AND = 0xc0000002;
static const uint32_t NOTE_FDO_PACKAGE = 0xcafe1a7e;

static void read_properties(struct elf *elf, struct sv desc)
{
        size_t align = elf->header.is64 ? 8 : 4;
        bool arm = elf->header.machine == EM_AARCH64;
        bool x86 = elf->header.machine == EM_X86_64 || elf->header.machine == EM_386;
        for (uint64_t offset = 0; offset + 8 <= desc.n;) {
                uint32_t type = elf_u32(elf, desc, offset);
                uint64_t size = elf_u32(elf, desc, offset + 4);
                uint32_t bits = size >= 4 ? elf_u32(elf, desc, offset + 8) : 0;
                if (x86 && type == PROPERTY_X86_FEATURE_1_AND)
                        elf->features |= (bits & 1 ? ELF_FEATURE_IBT : 0) | (bits & 2 ? ELF_FEATURE_SHSTK : 0);
                if (arm && type == PROPERTY_AARCH64_FEATURE_1_AND)
                        elf->features |= (bits & 1 ? ELF_FEATURE_BTI : 0) | (bits & 2 ? ELF_FEATURE_PAC : 0) |
                                         (bits & 4 ? ELF_FEATURE_GCS : 0);
                offset += 8 + (size + align - 1) / align * align;
        }
}

static void note_meaning(struct elf *elf, const struct elf_note *note)
{
        if (sv_eq(note->owner, SV("GNU")) && note->type == NT_GNU_BUILD_ID && !elf->build_id.p)
                elf->build_id = note->desc;
        else if (sv_eq(note->owner, SV("GNU")) && note->type == NOTE_PROPERTY)
                read_properties(elf, note->desc);
        else if (sv_eq(note->owner, SV("FDO")) && note->type == NOTE_FDO_PACKAGE && !elf->package.p)
                elf->package = sv_n(note->desc.p, sv_find(note->desc, '\0'));
}

/* One walk counts (notes == NULL), one fills. Names and descriptors are padded to the alignment of their segment, which
 * is 4 or, for 64-bit property notes, 8 (gABI and binutils agree on nothing else). */
static size_t walk_notes(struct elf *elf, struct sv bytes, uint64_t align, struct elf_note *notes, size_t room)
{
        size_t count = 0;
        align = align == 8 ? 8 : 4;
        uint64_t offset = 0;
        while (offset < bytes.n && bytes.n - offset >= 12 && count < room) {
                uint64_t name_size = elf_u32(elf, bytes, offset);
                uint64_t desc_size = elf_u32(elf, bytes, offset + 4);
                uint64_t desc_offset = (offset + 12 + name_size + align - 1) / align * align;
                if (desc_offset > bytes.n || desc_size > bytes.n - desc_offset)
                        break;
                if (notes) {
                        struct sv owner = elf_slice(bytes, offset + 12, name_size);
                        owner.n = sv_find(owner, '\0');
                        notes[count] = (struct elf_note){ owner, elf_u32(elf, bytes, offset + 8),
                                sv_n(bytes.p + desc_offset, desc_size) };
                        note_meaning(elf, &notes[count]);
                }
                count++;
                offset = (desc_offset + desc_size + align - 1) / align * align;
        }
        if (notes && offset < bytes.n && bytes.n - offset >= 12)
                elf->refused++;
        return count;
}

/* Segments hold what is loaded; sections add what is not (and all there is in an object file). */
static size_t all_notes(struct elf *elf, struct elf_note *notes, size_t room)
{
        size_t count = 0;
        for (size_t i = 0; i < elf->segment_count; i++)
                if (elf->segments[i].type == PT_NOTE)
                        count += walk_notes(elf, elf->segments[i].bytes, elf->segments[i].align,
                                notes ? notes + count : NULL, room - count);
        for (size_t i = 0; i < elf->section_count; i++) {
                const struct elf_section *section = &elf->sections[i];
                bool loaded = elf->segment_count > 0 && (section->flags & SHF_ALLOC);
                if (section->type == SHT_NOTE && !loaded)
                        count += walk_notes(
                                elf, section->bytes, section->align, notes ? notes + count : NULL, room - count);
        }
        return count;
}

int elf_read_notes(struct elf *elf, struct arena *arena)
{
        size_t count = all_notes(elf, NULL, ELF_MAX_NOTES);
        if (count == 0)
                return 0;
        elf->notes = arena_array(arena, count, sizeof(*elf->notes));
        if (!elf->notes)
                return -1;
        elf->note_count = all_notes(elf, elf->notes, count);
        return 0;
}
