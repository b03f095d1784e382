/* The dynamic section, and from it all that a file without section headers still tells. */
#include "linux/elf/parse.h"

#include <elf.h>

static bool tag_is_text(int64_t tag)
{
        switch (tag) {
        case DT_NEEDED:
        case DT_SONAME:
        case DT_RPATH:
        case DT_RUNPATH:
        case DT_AUXILIARY:
        case DT_FILTER:
        case DT_CONFIG:
        case DT_DEPAUDIT:
        case DT_AUDIT:
                return true;
        default:
                return false;
        }
}

static bool find_tag(const struct elf *elf, int64_t tag, uint64_t *ret)
{
        for (size_t i = 0; i < elf->dynamic_count; i++)
                if (elf->dynamic[i].tag == tag) {
                        *ret = elf->dynamic[i].value;
                        return true;
                }
        return false;
}

static struct sv dynamic_bytes(const struct elf *elf)
{
        for (size_t i = 0; i < elf->segment_count; i++)
                if (elf->segments[i].type == PT_DYNAMIC && elf->segments[i].bytes.n > 0)
                        return elf->segments[i].bytes;
        const struct elf_section *section = elf_section_by_type(elf, SHT_DYNAMIC);
        return section ? section->bytes : SV("");
}

static int read_tags(struct elf *elf, struct arena *arena)
{
        struct sv bytes = dynamic_bytes(elf);
        size_t width = elf->header.is64 ? 8 : 4;
        size_t count = 0;
        while (count < bytes.n / (2 * width) && elf_word(elf, bytes, count * 2 * width) != DT_NULL)
                count++;
        if (count > ELF_MAX_DYNAMIC) {
                elf->refused += count - ELF_MAX_DYNAMIC;
                count = ELF_MAX_DYNAMIC;
        }
        if (count == 0)
                return 0;
        elf->dynamic = arena_array(arena, count, sizeof(*elf->dynamic));
        if (!elf->dynamic)
                return -1;
        elf->dynamic_count = count;
        for (size_t i = 0; i < count; i++) {
                uint64_t tag = elf_word(elf, bytes, i * 2 * width);
                elf->dynamic[i].tag = elf->header.is64 ? (int64_t)tag : (int32_t)tag;
                elf->dynamic[i].value = elf_word(elf, bytes, i * 2 * width + width);
        }
        return 0;
}

/* The loader's way through DT_STRTAB first; the section's link where nothing is mapped there (debug files). */
static struct sv dynamic_strings(const struct elf *elf)
{
        uint64_t address, size;
        if (find_tag(elf, DT_STRTAB, &address)) {
                if (!find_tag(elf, DT_STRSZ, &size))
                        size = UINT64_MAX;
                struct sv strings = elf_at_vaddr(elf, address, size);
                if (strings.n > 0)
                        return strings;
        }
        const struct elf_section *section = elf_section_by_type(elf, SHT_DYNAMIC);
        return section ? elf_linked_strings(elf, section) : SV("");
}

/* The highest symbol index reachable through DT_GNU_HASH's chains, plus one: the format has no count. */
static uint64_t gnu_hash_symbols(const struct elf *elf, uint64_t address)
{
        struct sv table = elf_at_vaddr(elf, address, UINT64_MAX);
        uint64_t buckets = elf_u32(elf, table, 0);
        uint64_t first = elf_u32(elf, table, 4);
        uint64_t bloom_words = elf_u32(elf, table, 8);
        uint64_t bucket_offset = 16 + bloom_words * (elf->header.is64 ? 8 : 4);
        if (table.n < 16 || bucket_offset > table.n || buckets > (table.n - bucket_offset) / 4)
                return 0;
        uint64_t highest = 0;
        for (uint64_t i = 0; i < buckets; i++) {
                uint64_t index = elf_u32(elf, table, bucket_offset + i * 4);
                highest = index > highest ? index : highest;
        }
        if (highest < first)
                return first;
        uint64_t chain = bucket_offset + buckets * 4;
        while (chain + (highest - first) * 4 + 4 <= table.n) {
                uint32_t hash = elf_u32(elf, table, chain + (highest - first) * 4);
                highest++;
                if (hash & 1)
                        return highest;
        }
        return highest;
}

static uint64_t symbols_by_hash(const struct elf *elf)
{
        uint64_t address;
        if (find_tag(elf, DT_HASH, &address)) {
                uint32_t chains = elf_u32(elf, elf_at_vaddr(elf, address, 8), 4); /* nchain equals the symbol count */
                if (chains > 0)
                        return chains;
        }
        return find_tag(elf, DT_GNU_HASH, &address) ? gnu_hash_symbols(elf, address) : 0;
}

static void read_symbol_tables(struct elf *elf)
{
        size_t entry = elf->header.is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
        elf->dynamic_symbols = elf->dynamic_versions = SV("");
        const struct elf_section *section = elf_section_by_type(elf, SHT_DYNSYM);
        if (section && section->bytes.n > 0) {
                elf->dynamic_symbols = section->bytes;
                struct sv strings = elf_linked_strings(elf, section);
                if (strings.n > 0)
                        elf->dynamic_strings = strings;
                const struct elf_section *versions = elf_section_by_type(elf, SHT_GNU_versym);
                if (versions)
                        elf->dynamic_versions = versions->bytes;
                return;
        }
        uint64_t address;
        if (!find_tag(elf, DT_SYMTAB, &address))
                return;
        uint64_t count = symbols_by_hash(elf);
        elf->dynamic_symbols = elf_at_vaddr(elf, address, count <= UINT32_MAX ? count * entry : 0);
        if (find_tag(elf, DT_VERSYM, &address))
                elf->dynamic_versions = elf_at_vaddr(elf, address, elf->dynamic_symbols.n / entry * 2);
}

static int read_needed(struct elf *elf, struct arena *arena)
{
        size_t count = 0;
        for (size_t i = 0; i < elf->dynamic_count; i++) {
                struct elf_dynamic *entry = &elf->dynamic[i];
                if (tag_is_text(entry->tag))
                        entry->text = elf_string(elf->dynamic_strings, entry->value);
                count += entry->tag == DT_NEEDED;
                struct sv *slot = entry->tag == DT_SONAME    ? &elf->soname
                                  : entry->tag == DT_RPATH   ? &elf->rpath
                                  : entry->tag == DT_RUNPATH ? &elf->runpath
                                                             : NULL;
                if (slot && !slot->p)
                        *slot = entry->text;
        }
        if (count > ELF_MAX_NEEDED) {
                elf->refused += count - ELF_MAX_NEEDED;
                count = ELF_MAX_NEEDED;
        }
        if (count == 0)
                return 0;
        elf->needed = arena_array(arena, count, sizeof(*elf->needed));
        if (!elf->needed)
                return -1;
        for (size_t i = 0; i < elf->dynamic_count && elf->needed_count < count; i++)
                if (elf->dynamic[i].tag == DT_NEEDED)
                        elf->needed[elf->needed_count++] = elf->dynamic[i].text;
        return 0;
}

int elf_read_dynamic(struct elf *elf, struct arena *arena)
{
        if (read_tags(elf, arena) < 0)
                return -1;
        elf->dynamic_strings = dynamic_strings(elf);
        if (read_needed(elf, arena) < 0)
                return -1;
        read_symbol_tables(elf);
        return 0;
}

/* Where a version table is and which strings it speaks of. */
static struct sv version_table(const struct elf *elf, int64_t tag, uint32_t section_type, struct sv *ret_strings)
{
        uint64_t address;
        *ret_strings = elf->dynamic_strings;
        if (find_tag(elf, tag, &address)) {
                struct sv table = elf_at_vaddr(elf, address, UINT64_MAX);
                if (table.n > 0)
                        return table;
        }
        const struct elf_section *section = elf_section_by_type(elf, section_type);
        if (!section)
                return SV("");
        *ret_strings = elf_linked_strings(elf, section);
        return section->bytes;
}

static void set_version(struct elf *elf, uint16_t index, struct sv name, struct sv library)
{
        index &= 0x7fff;
        if (elf->versions)
                elf->versions[index] = (struct elf_version){ name, library };
        if (index >= elf->version_count)
                elf->version_count = index + 1u;
}

/* Elf32_Verneed and Elf64_Verneed are the same; the chains are relative and unsigned, so they only move forward. */
static void read_needed_versions(struct elf *elf)
{
        struct sv strings;
        struct sv table = version_table(elf, DT_VERNEED, SHT_GNU_verneed, &strings);
        uint64_t offset = 0;
        unsigned left = ELF_MAX_VERSIONS;
        while (offset < table.n && table.n - offset >= sizeof(Elf64_Verneed)) {
                unsigned count = elf_u16(elf, table, offset + 2);
                struct sv library = elf_string(strings, elf_u32(elf, table, offset + 4));
                uint64_t aux = offset + elf_u32(elf, table, offset + 8);
                for (; count > 0 && aux < table.n && table.n - aux >= sizeof(Elf64_Vernaux); count--) {
                        if (left-- == 0) {
                                elf->refused++;
                                return;
                        }
                        set_version(elf, elf_u16(elf, table, aux + 6),
                                elf_string(strings, elf_u32(elf, table, aux + 8)), library);
                        uint32_t next = elf_u32(elf, table, aux + 12);
                        if (next == 0)
                                break;
                        aux += next;
                }
                uint32_t next = elf_u32(elf, table, offset + 12);
                if (next == 0)
                        return;
                offset += next;
        }
}

static void read_defined_versions(struct elf *elf)
{
        struct sv strings;
        struct sv table = version_table(elf, DT_VERDEF, SHT_GNU_verdef, &strings);
        uint64_t offset = 0;
        for (unsigned left = ELF_MAX_VERSIONS; left > 0; left--) {
                if (offset >= table.n || table.n - offset < sizeof(Elf64_Verdef))
                        return;
                uint64_t aux = offset + elf_u32(elf, table, offset + 12);
                set_version(
                        elf, elf_u16(elf, table, offset + 4), elf_string(strings, elf_u32(elf, table, aux)), SV(""));
                uint32_t next = elf_u32(elf, table, offset + 16);
                if (next == 0)
                        return;
                offset += next;
        }
        elf->refused++;
}

/* The first walk, without an array, finds the highest index. */
int elf_read_versions(struct elf *elf, struct arena *arena)
{
        read_needed_versions(elf);
        read_defined_versions(elf);
        if (elf->version_count == 0)
                return 0;
        elf->versions = arena_array(arena, elf->version_count, sizeof(*elf->versions));
        if (!elf->versions)
                return -1;
        read_needed_versions(elf);
        read_defined_versions(elf);
        return 0;
}
