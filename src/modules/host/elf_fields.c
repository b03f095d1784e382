/* The result of elf as a table. */
#include "modules/host/elf_row.h"

static const struct field checksec_fields[] = {
        FIELD_STRING(struct elf_checksec_row, kind, .help = "pie, exec, static-pie, dso, rel, core: how it is loaded"),
        FIELD_STRING(struct elf_checksec_row, relro, .help = "full, partial or none: relocated data is read-only"),
        FIELD_STRING(struct elf_checksec_row, canary, .help = "stack protector is used"),
        FIELD_STRING(struct elf_checksec_row, nx, .help = "the stack is not executable"),
        FIELD_STRINGS(struct elf_checksec_row, rpath, .help = "kinds of entries in RPATH", .omit_empty = true),
        FIELD_STRINGS(struct elf_checksec_row, runpath, .help = "kinds of entries in RUNPATH", .omit_empty = true),
        FIELD_UINT(struct elf_checksec_row, symbols, .help = "symbols in .symtab; 0: stripped"),
        FIELD_STRING(struct elf_checksec_row, fortify, .help = "checked variants of libc's functions are used"),
        FIELD_UINT(struct elf_checksec_row, fortified, .help = "functions used in their checked variant"),
        FIELD_UINT(struct elf_checksec_row, fortifiable, .help = "functions used that have one"),
        FIELD_STRINGS(struct elf_checksec_row, fortified_names, .help = "their names (--fortify)", .omit_empty = true),
        FIELD_STRINGS(struct elf_checksec_row, unfortified_names, .help = "those that are not checked (--fortify)",
                .omit_empty = true),
        FIELD_STRING(struct elf_checksec_row, wx, .help = "no segment is writable and executable"),
        FIELD_STRING(struct elf_checksec_row, separate_code, .help = "code has segments of its own"),
        FIELD_BOOL(struct elf_checksec_row, static_linked, .json = "static", .help = "needs no library"),
        FIELD_BOOL(struct elf_checksec_row, text_relocations, .help = "code is written to at start"),
        FIELD_BOOL(struct elf_checksec_row, debug, .help = "has debug information"),
        FIELD_BOOL(struct elf_checksec_row, debuglink, .help = "names a file with debug information"),
        FIELD_BOOL(struct elf_checksec_row, go, .help = "made by Go"),
        FIELD_BOOL(struct elf_checksec_row, ibt, .help = "x86 indirect branch tracking", .omit_empty = true),
        FIELD_BOOL(struct elf_checksec_row, shstk, .help = "x86 shadow stack", .omit_empty = true),
        FIELD_BOOL(struct elf_checksec_row, bti, .help = "Arm branch targets", .omit_empty = true),
        FIELD_BOOL(struct elf_checksec_row, pac, .help = "Arm pointer authentication", .omit_empty = true),
        FIELD_BOOL(struct elf_checksec_row, gcs, .help = "Arm guarded control stack", .omit_empty = true),
        FIELD_BOOL(struct elf_checksec_row, cfi, .help = "control flow integrity of clang", .omit_empty = true),
        FIELD_BOOL(struct elf_checksec_row, safestack, .help = "safe stack of clang", .omit_empty = true),
        FIELD_BOOL(struct elf_checksec_row, asan, .help = "address sanitizer", .omit_empty = true),
        FIELD_BOOL(struct elf_checksec_row, ubsan, .help = "undefined behaviour sanitizer", .omit_empty = true),
        FIELD_BOOL(struct elf_checksec_row, msan, .help = "memory sanitizer", .omit_empty = true),
        FIELD_BOOL(struct elf_checksec_row, tsan, .help = "thread sanitizer", .omit_empty = true),
};

static const struct field dump_fields[] = {
        FIELD_STRINGS(struct elf_dump_row, dyn_strings, .help = "NEEDED, SONAME, RPATH, RUNPATH"),
        FIELD_STRINGS(struct elf_dump_row, symbols, .help = "names of .symtab; of .dynsym in a stripped file"),
};

static const struct field header_fields[] = {
        FIELD_STRING(struct elf_header_row, osabi, .help = "operating system"),
        FIELD_UINT(struct elf_header_row, abi_version, .help = "version of its interface"),
        FIELD_STRING(struct elf_header_row, entry, .help = "address of the first instruction, hexadecimal"),
        FIELD_UINT(struct elf_header_row, flags, .help = "flags of the machine"),
        FIELD_UINT(struct elf_header_row, segments, .help = "program headers"),
        FIELD_UINT(struct elf_header_row, sections, .help = "section headers"),
};

static const struct field segment_fields[] = {
        FIELD_STRING(struct elf_segment_row, type, .help = "LOAD, DYNAMIC …"),
        FIELD_STRING(struct elf_segment_row, flags, .help = "R, W, E"),
        FIELD_UINT(struct elf_segment_row, offset, .help = "in the file"),
        FIELD_STRING(struct elf_segment_row, address, .help = "in memory, hexadecimal"),
        FIELD_SIZE(struct elf_segment_row, file_size, .help = "bytes in the file"),
        FIELD_SIZE(struct elf_segment_row, memory_size, .help = "bytes in memory"),
        FIELD_UINT(struct elf_segment_row, align, .help = "alignment"),
};

static const struct field section_fields[] = {
        FIELD_STRING(struct elf_section_row, name, .help = "name"),
        FIELD_STRING(struct elf_section_row, type, .help = "PROGBITS, SYMTAB …"),
        FIELD_STRING(struct elf_section_row, address, .help = "in memory, hexadecimal"),
        FIELD_UINT(struct elf_section_row, offset, .help = "in the file"),
        FIELD_SIZE(struct elf_section_row, size, .help = "bytes"),
        FIELD_UINT(struct elf_section_row, flags, .help = "SHF_ bits"),
        FIELD_UINT(struct elf_section_row, align, .help = "alignment"),
};

static const struct field dynamic_fields[] = {
        FIELD_STRING(struct elf_dynamic_row, tag, .help = "NEEDED, FLAGS_1 …"),
        FIELD_UINT(struct elf_dynamic_row, value, .help = "value"),
        FIELD_STRING(struct elf_dynamic_row, text, .help = "the string it leads to", .omit_empty = true),
};

static const struct field symbol_fields[] = {
        FIELD_STRING(struct elf_symbol_row, table, .help = "symtab or dynsym"),
        FIELD_STRING(struct elf_symbol_row, name, .help = "name"),
        FIELD_STRING(struct elf_symbol_row, version, .help = "version", .omit_empty = true),
        FIELD_STRING(struct elf_symbol_row, library, .help = "library the version is wanted from", .omit_empty = true),
        FIELD_STRING(struct elf_symbol_row, type, .help = "FUNC, OBJECT …"),
        FIELD_STRING(struct elf_symbol_row, binding, .help = "GLOBAL, WEAK, LOCAL …"),
        FIELD_STRING(struct elf_symbol_row, visibility, .help = "DEFAULT, HIDDEN …"),
        FIELD_STRING(struct elf_symbol_row, value, .help = "address or value, hexadecimal"),
        FIELD_UINT(struct elf_symbol_row, size, .help = "bytes"),
        FIELD_BOOL(struct elf_symbol_row, imported, .help = "wanted from elsewhere", .omit_empty = true),
};

static const struct field note_fields[] = {
        FIELD_STRING(struct elf_note_row, owner, .help = "who defines it"),
        FIELD_UINT(struct elf_note_row, type, .help = "type, in the owner's numbers"),
        FIELD_UINT(struct elf_note_row, size, .help = "bytes"),
        FIELD_STRING(struct elf_note_row, hex, .help = "the first 64 bytes, hexadecimal"),
};

static const struct field module_fields[] = {
        FIELD_STRING(struct elf_module_row, path, .help = "path of the module"),
        FIELD_STRING(struct elf_module_row, version, .help = "version"),
        FIELD_STRING(struct elf_module_row, sum, .help = "checksum", .omit_empty = true),
        FIELD_STRING(struct elf_module_row, replaced_by, .help = "module that stands in for it", .omit_empty = true),
};

static const struct field setting_fields[] = {
        FIELD_STRING(struct elf_setting_row, key, .help = "name"),
        FIELD_STRING(struct elf_setting_row, value, .help = "value"),
};

static const struct field go_fields[] = {
        FIELD_STRING(struct elf_go_row, version, .help = "version of Go"),
        FIELD_STRING(struct elf_go_row, path, .help = "path of the main package", .omit_empty = true),
        FIELD_RECORD(
                struct elf_go_row, main, struct elf_module_row, module_fields, .help = "module of the main package"),
        FIELD_RECORDS(struct elf_go_row, modules, struct elf_module_row, module_fields, .help = "modules built in",
                .omit_empty = true),
        FIELD_RECORDS(struct elf_go_row, settings, struct elf_setting_row, setting_fields, .help = "how it was built",
                .omit_empty = true),
};

static const struct field row_fields[] = {
        FIELD_PATH(struct elf_row, path, .help = "the file"),
        FIELD_STRING(struct elf_row, type, .help = "EXEC, DYN, REL, CORE"),
        FIELD_STRING(struct elf_row, machine, .help = "machine it is for"),
        FIELD_INT(struct elf_row, bits, .help = "32 or 64"),
        FIELD_STRING(struct elf_row, byte_order, .help = "little or big"),
        FIELD_STRING(struct elf_row, interpreter, .help = "program that loads it", .omit_empty = true),
        FIELD_STRINGS(struct elf_row, needed, .help = "libraries it needs", .omit_empty = true),
        FIELD_STRING(struct elf_row, soname, .help = "name as a library", .omit_empty = true),
        FIELD_STRING(struct elf_row, rpath, .help = "where libraries are sought first", .omit_empty = true),
        FIELD_STRING(struct elf_row, runpath, .help = "where libraries are sought", .omit_empty = true),
        FIELD_STRING(struct elf_row, build_id, .help = "id of the build", .omit_empty = true),
        FIELD_STRING(struct elf_row, package, .help = "package note, JSON text", .omit_empty = true),
        FIELD_RECORD(struct elf_row, checksec, struct elf_checksec_row, checksec_fields, .help = "how it was hardened"),
        FIELD_RECORD(struct elf_row, dump, struct elf_dump_row, dump_fields, .help = "names (--dump)",
                .has = HAS(struct elf_row, has_dump)),
        FIELD_RECORD(struct elf_row, header, struct elf_header_row, header_fields, .help = "file header (--headers)",
                .has = HAS(struct elf_row, has_header)),
        FIELD_RECORDS(struct elf_row, segments, struct elf_segment_row, segment_fields, .help = "--segments",
                .omit_empty = true),
        FIELD_RECORDS(struct elf_row, sections, struct elf_section_row, section_fields, .help = "--sections",
                .omit_empty = true),
        FIELD_RECORDS(struct elf_row, dynamic, struct elf_dynamic_row, dynamic_fields, .help = "--dynamic",
                .omit_empty = true),
        FIELD_RECORDS(
                struct elf_row, symbols, struct elf_symbol_row, symbol_fields, .help = "--symbols", .omit_empty = true),
        FIELD_RECORDS(struct elf_row, notes, struct elf_note_row, note_fields, .help = "--notes", .omit_empty = true),
        FIELD_RECORD(struct elf_row, go, struct elf_go_row, go_fields, .help = "build information of Go (--go)",
                .has = HAS(struct elf_row, has_go)),
        FIELD_UINT(struct elf_row, part, .help = "1, 2 …: a further row of the same file with more of its symbols",
                .omit_empty = true),
        FIELD_UINT(struct elf_row, refused, .help = "entries that were broken or beyond a limit", .omit_empty = true),
};

const struct record elf_element = {
        .fields = row_fields,
        .count = sizeof(row_fields) / sizeof(row_fields[0]),
        .size = sizeof(struct elf_row),
        .name = "struct elf_row",
};
