/* The row of elf and how it is filled. */
#pragma once

#include "linux/elf/checksec.h"
#include "schema/field.h"

/* A row is at most 8 MiB of JSON (module/wire.h): symbols beyond ELF_ROW_SYMBOLS bytes, or that
 * number, go into further rows. */
enum { ELF_ROW_SYMBOLS = 5 << 20, ELF_ROW_SYMBOLS_MAX = 1 << 16, ELF_ROW_MEMORY = 384 << 20 };

struct elf_params {
        struct string_list files;
        bool checksec, dump, headers, segments, sections, dynamic, symbols, notes, go, fortify, recursive;
};

struct elf_checksec_row {
        char *kind, *relro, *canary, *nx, *fortify, *wx, *separate_code;
        bool static_linked, text_relocations, debug, debuglink, go;
        bool cfi, safestack, asan, ubsan, msan, tsan, ibt, shstk, bti, pac, gcs;
        struct string_list rpath, runpath, fortified_names, unfortified_names;
        uint64_t symbols, fortified, fortifiable;
};

struct elf_dump_row {
        struct string_list dyn_strings, symbols;
};

struct elf_header_row {
        char *osabi, *entry;
        uint64_t abi_version, flags, segments, sections;
};

struct elf_segment_row {
        char *type, *flags, *address;
        uint64_t offset, file_size, memory_size, align;
};

struct elf_section_row {
        char *name, *type, *address;
        uint64_t offset, size, flags, align;
};

struct elf_dynamic_row {
        char *tag, *text;
        uint64_t value;
};

struct elf_symbol_row {
        char *table, *name, *version, *library, *type, *binding, *visibility, *value;
        uint64_t size;
        bool imported;
};

struct elf_note_row {
        char *owner, *hex;
        uint64_t type, size;
};

struct elf_module_row {
        char *path, *version, *sum, *replaced_by;
};

struct elf_setting_row {
        char *key, *value;
};

struct elf_go_row {
        char *version, *path;
        struct elf_module_row main;
        LIST(struct elf_module_row) modules;
        LIST(struct elf_setting_row) settings;
};

struct elf_row {
        char *path, *machine, *type, *byte_order, *interpreter, *soname, *rpath, *runpath, *build_id, *package;
        int bits;
        struct string_list needed;
        struct elf_checksec_row checksec;
        struct elf_dump_row dump;
        struct elf_header_row header;
        struct elf_go_row go;
        bool has_dump, has_header, has_go;
        LIST(struct elf_segment_row) segments;
        LIST(struct elf_section_row) sections;
        LIST(struct elf_dynamic_row) dynamic;
        LIST(struct elf_symbol_row) symbols;
        LIST(struct elf_note_row) notes;
        uint64_t refused, part;
};

/* Which symbols go into a row: those from `first` on; next is the first that did not fit, when more is set. */
struct elf_part {
        uint64_t number, first, next;
        bool more;
};

extern const struct record elf_element;

/* Fills the row from the image of a file; all texts are in the arena. Parts after the first (number > 0) hold symbols
 * and what every row has. E_INVALID: not an ELF file. */
int elf_fill(struct sv image, const struct elf_params *params, struct elf_part *part, struct arena *arena,
        struct elf_row *ret, struct error *err);

struct line_printer;
void elf_print_row(struct line_printer *printer, const char *group, const char *label, const void *row);
