/* ELF images: headers, symbols, hardening table and Go build information of any bytes. */
#include "linux/elf/checksec.h"
#include "linux/elf/gobuild.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int touch(const struct elf_symbol *symbol, void *cookie)
{
        size_t *sum = cookie;
        for (size_t i = 0; i < symbol->name.n; i++)
                *sum += (uint8_t)symbol->name.p[i];
        *sum += symbol->version.n + symbol->library.n;
        return *sum == SIZE_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arena arena;
        struct elf elf;
        struct elf_checksec check;
        struct gobuild build;
        size_t sum = 0;
        arena_init(&arena, 64 << 20);
        if (elf_parse(sv_n((const char *)data, size), &arena, &elf, NULL) == 0) {
                elf_each_symbol(&elf, ELF_TABLE_DYNSYM, touch, &sum);
                elf_each_symbol(&elf, ELF_TABLE_SYMTAB, touch, &sum);
                elf_checksec(&elf, &arena, &check, NULL);
                gobuild_parse(&elf, &arena, &build, NULL);
        }
        arena_done(&arena);
        return 0;
}
