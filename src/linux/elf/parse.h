/* Between the files of this folder: the steps of elf_parse. */
#pragma once

#include "linux/elf/elf.h"

/* The part of [offset, offset + size) that is inside `bytes`; empty when none is. */
struct sv elf_slice(struct sv bytes, uint64_t offset, uint64_t size);

/* The table behind the first section of this type; its linked string table in *ret_strings. */
const struct elf_section *elf_section_by_type(const struct elf *elf, uint32_t type);
struct sv elf_linked_strings(const struct elf *elf, const struct elf_section *section);

/* -1 means the arena is full; broken input is counted in elf->refused. */
int elf_read_dynamic(struct elf *elf, struct arena *arena);
int elf_read_versions(struct elf *elf, struct arena *arena);
int elf_read_notes(struct elf *elf, struct arena *arena);
