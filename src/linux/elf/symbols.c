#include "linux/elf/parse.h"

#include <elf.h>

static struct sv symbol_table(const struct elf *elf, enum elf_table table, struct sv *ret_strings)
{
        if (table == ELF_TABLE_DYNSYM) {
                *ret_strings = elf->dynamic_strings;
                return elf->dynamic_symbols;
        }
        const struct elf_section *section = elf_section_by_type(elf, SHT_SYMTAB);
        *ret_strings = section ? elf_linked_strings(elf, section) : SV("");
        return section ? section->bytes : SV("");
}

static size_t entry_size(const struct elf *elf)
{
        return elf->header.is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

size_t elf_symbol_count(const struct elf *elf, enum elf_table table)
{
        struct sv strings;
        size_t count = symbol_table(elf, table, &strings).n / entry_size(elf);
        if (count > ELF_MAX_SYMBOLS)
                count = ELF_MAX_SYMBOLS;
        return count > 0 ? count - 1 : 0;
}

static void read_symbol(const struct elf *elf, struct sv entry, struct sv strings, struct elf_symbol *ret)
{
        bool is64 = elf->header.is64;
        uint8_t kind = entry.n ? (uint8_t)entry.p[is64 ? 4 : 12] : 0;
        *ret = (struct elf_symbol){
                .name = elf_string(strings, elf_u32(elf, entry, 0)),
                .version = SV(""),
                .library = SV(""),
                .type = ELF64_ST_TYPE(kind),
                .binding = ELF64_ST_BIND(kind),
                .visibility = ELF64_ST_VISIBILITY((uint8_t)entry.p[is64 ? 5 : 13]),
                .section = elf_u16(elf, entry, is64 ? 6 : 14),
                .value = elf_word(elf, entry, is64 ? 8 : 4),
                .size = elf_word(elf, entry, is64 ? 16 : 8),
        };
}

static void add_version(const struct elf *elf, size_t index, struct elf_symbol *symbol)
{
        uint16_t version = elf_u16(elf, elf->dynamic_versions, (uint64_t)index * 2);
        symbol->hidden = version & 0x8000;
        version &= 0x7fff;
        if (version <= VER_NDX_GLOBAL || version >= elf->version_count || elf->versions[version].name.n == 0)
                return;
        symbol->version = elf->versions[version].name;
        symbol->library = elf->versions[version].library;
}

int elf_each_symbol(const struct elf *elf, enum elf_table table, elf_symbol_visit *visit, void *cookie)
{
        struct sv strings;
        struct sv symbols = symbol_table(elf, table, &strings);
        size_t size = entry_size(elf);
        size_t count = elf_symbol_count(elf, table);
        for (size_t i = 1; i <= count; i++) {
                struct elf_symbol symbol;
                read_symbol(elf, sv_n(symbols.p + i * size, size), strings, &symbol);
                if (table == ELF_TABLE_DYNSYM)
                        add_version(elf, i, &symbol);
                int verdict = visit(&symbol, cookie);
                if (verdict)
                        return verdict;
        }
        return 0;
}
