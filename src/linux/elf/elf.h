/* Reads an ELF image (32 and 64 bit, both byte orders) out of bytes that the caller holds, usually an mmap. Pure: no
 * I/O, no globals. Every offset, size and count of the file is checked before use; what is beyond a ceiling or outside
 * the file is left out and counted in `refused`. Views (struct sv) point into the image, arrays live in the arena:
 * both must outlive struct elf. Values come in host byte order. Sources: elf(5), gABI, the psABI of each machine.
 *
 * A file without section headers is read through PT_DYNAMIC alone: symbols, needed libraries and notes are all there.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

enum {
        ELF_MAX_SEGMENTS = 4096,
        ELF_MAX_SECTIONS = 1 << 18,
        ELF_MAX_DYNAMIC = 1 << 16,
        ELF_MAX_NEEDED = 4096,
        ELF_MAX_NOTES = 4096,
        ELF_MAX_VERSIONS = 1 << 15, /* a version index has 15 bits */
        ELF_MAX_SYMBOLS = 1 << 24,  /* visited in one table */
        ELF_MAX_NAME = 1 << 16,     /* bytes of one string: longer ones are cut */
};

struct elf_header {
        bool is64, big_endian;
        uint8_t osabi, abi_version;
        uint16_t type;    /* ET_* */
        uint16_t machine; /* EM_* */
        uint32_t flags;
        uint64_t entry;
        uint64_t segments_offset, sections_offset; /* file offsets of the two tables, 0 = none */
        uint32_t segment_count, section_count;     /* as the file says, extended numbering resolved */
};

struct elf_segment {
        uint32_t type, flags; /* PT_*, PF_* */
        uint64_t offset, vaddr, paddr, file_size, memory_size, align;
        struct sv bytes; /* the part of it that is inside the file */
};

struct elf_section {
        struct sv name;
        uint32_t type, link, info; /* SHT_* */
        uint64_t flags, address, offset, size, align, entry_size;
        struct sv bytes; /* empty for SHT_NOBITS and when it is not wholly inside the file */
};

struct elf_dynamic {
        int64_t tag; /* DT_* */
        uint64_t value;
        struct sv text; /* for tags whose value is a string, else empty with p == NULL */
};

struct elf_note {
        struct sv owner; /* "GNU", "FDO", "Go" … */
        uint32_t type;
        struct sv desc;
};

struct elf_version {
        struct sv name;    /* "GLIBC_2.34" */
        struct sv library; /* the file it is wanted from; empty for one that this file defines */
};

/* Bits of .note.gnu.property (x86: the psABI's GNU_PROPERTY_X86_FEATURE_1_AND; AArch64: FEATURE_1_AND). */
enum {
        ELF_FEATURE_IBT = 1 << 0,
        ELF_FEATURE_SHSTK = 1 << 1,
        ELF_FEATURE_BTI = 1 << 2,
        ELF_FEATURE_PAC = 1 << 3,
        ELF_FEATURE_GCS = 1 << 4,
};

struct elf {
        struct sv image;
        struct elf_header header;
        struct elf_segment *segments;
        size_t segment_count;
        struct elf_section *sections;
        size_t section_count;
        struct elf_dynamic *dynamic;
        size_t dynamic_count;
        struct elf_note *notes;
        size_t note_count;
        struct sv *needed; /* DT_NEEDED in file order */
        size_t needed_count;
        struct sv soname, rpath, runpath; /* p == NULL: the tag is absent; "" is a value */
        struct sv interpreter;            /* PT_INTERP without its NUL; p == NULL: none */
        struct sv build_id;               /* bytes of NT_GNU_BUILD_ID; p == NULL: none */
        struct sv package;                /* JSON text of .note.package; p == NULL: none */
        uint32_t features;                /* ELF_FEATURE_* */
        struct elf_version *versions;     /* by version index; holes have an empty name */
        size_t version_count;
        struct sv dynamic_symbols, dynamic_strings, dynamic_versions; /* the tables' bytes, empty = none */
        size_t refused;                                               /* entries outside the file or beyond a ceiling */
};

/* E_INVALID when the bytes are not an ELF file, E_UNSUPPORTED for a class or byte order the format does not define,
 * E_CORRUPT when the file header itself is cut, E_NO_MEMORY when the arena is full. Anything else that is broken is
 * left out and counted. */
int elf_parse(struct sv image, struct arena *arena, struct elf *ret, struct error *err);

enum elf_table {
        ELF_TABLE_SYMTAB, /* .symtab, what strip(1) removes */
        ELF_TABLE_DYNSYM, /* .dynsym, or DT_SYMTAB where there are no sections */
};

struct elf_symbol {
        struct sv name;
        struct sv version;                 /* "" = unversioned; .dynsym only */
        struct sv library;                 /* where the version is wanted from; "" = own or unknown */
        bool hidden;                       /* name@version, not the default name@@version */
        uint8_t type, binding, visibility; /* STT_*, STB_*, STV_* */
        uint16_t section;                  /* SHN_UNDEF: imported */
        uint64_t value, size;
};

/* Visits all symbols but the null one at index 0; a visit that returns non-zero ends the walk and is returned. */
typedef int elf_symbol_visit(const struct elf_symbol *symbol, void *cookie);
int elf_each_symbol(const struct elf *elf, enum elf_table table, elf_symbol_visit *visit, void *cookie);
size_t elf_symbol_count(const struct elf *elf, enum elf_table table); /* without the null symbol */

/* The section with this name, NULL when absent. */
const struct elf_section *elf_section_by_name(const struct elf *elf, struct sv name);

/* At most `size` bytes of the file that are mapped at vaddr; empty when none are. */
struct sv elf_at_vaddr(const struct elf *elf, uint64_t vaddr, uint64_t size);

/* The NUL-terminated string at an offset of a string table, without its NUL; "" when it is outside. */
struct sv elf_string(struct sv table, uint64_t offset);

/* Unsigned integers in the file's byte order; 0 when they are not inside `bytes`. */
uint16_t elf_u16(const struct elf *elf, struct sv bytes, uint64_t offset);
uint32_t elf_u32(const struct elf *elf, struct sv bytes, uint64_t offset);
uint64_t elf_u64(const struct elf *elf, struct sv bytes, uint64_t offset);
uint64_t elf_word(const struct elf *elf, struct sv bytes, uint64_t offset); /* 4 or 8 bytes, as the class */

/* Names as readelf users know them without the prefix ("x86-64", "EXEC", "LOAD", "NEEDED"); NULL for an unknown value.
 */
const char *elf_machine_name(uint16_t machine);
const char *elf_type_name(uint16_t type);
const char *elf_osabi_name(uint8_t osabi);
const char *elf_segment_type_name(uint32_t type);
const char *elf_section_type_name(uint32_t type);
const char *elf_dynamic_tag_name(int64_t tag);
const char *elf_symbol_type_name(uint8_t type);
const char *elf_symbol_binding_name(uint8_t binding);
const char *elf_symbol_visibility_name(uint8_t visibility);
