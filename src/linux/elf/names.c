/* Names of the numbers, by elf.h. */
#include "linux/elf/elf.h"

#include <elf.h>

struct name {
        int64_t value;
        const char *text;
};

static const char *find(const struct name *names, size_t count, int64_t value)
{
        for (size_t i = 0; i < count; i++)
                if (names[i].value == value)
                        return names[i].text;
        return NULL;
}

#define FIND(names, value) find(names, sizeof(names) / sizeof((names)[0]), (value))

static const struct name machines[] = {
        { EM_386, "x86" },
        { EM_X86_64, "x86-64" },
        { EM_ARM, "arm" },
        { EM_AARCH64, "aarch64" },
        { EM_RISCV, "riscv" },
        { EM_PPC, "ppc" },
        { EM_PPC64, "ppc64" },
        { EM_S390, "s390" },
        { EM_MIPS, "mips" },
        { EM_SPARC, "sparc" },
        { EM_SPARCV9, "sparcv9" },
        { EM_SPARC32PLUS, "sparc32plus" },
        { EM_IA_64, "ia64" },
        { EM_68K, "m68k" },
        { EM_PARISC, "parisc" },
        { EM_ALPHA, "alpha" },
        { EM_SH, "sh" },
        { EM_BPF, "bpf" },
        { EM_ARC, "arc" },
        { EM_XTENSA, "xtensa" },
        { EM_MICROBLAZE, "microblaze" },
        { EM_OPENRISC, "openrisc" },
        { EM_CSKY, "csky" },
        { EM_AVR, "avr" },
        { 258, "loongarch" },
        { EM_NONE, "none" },
};

const char *elf_machine_name(uint16_t machine)
{
        return FIND(machines, machine);
}

static const struct name types[] = {
        { ET_NONE, "NONE" },
        { ET_REL, "REL" },
        { ET_EXEC, "EXEC" },
        { ET_DYN, "DYN" },
        { ET_CORE, "CORE" },
};

const char *elf_type_name(uint16_t type)
{
        return FIND(types, type);
}

static const struct name osabis[] = {
        { ELFOSABI_SYSV, "SYSV" },
        { ELFOSABI_GNU, "GNU" },
        { ELFOSABI_FREEBSD, "FreeBSD" },
        { ELFOSABI_NETBSD, "NetBSD" },
        { ELFOSABI_OPENBSD, "OpenBSD" },
        { ELFOSABI_SOLARIS, "Solaris" },
        { ELFOSABI_ARM_AEABI, "ARM EABI" },
        { ELFOSABI_ARM, "ARM" },
        { ELFOSABI_STANDALONE, "standalone" },
};

const char *elf_osabi_name(uint8_t osabi)
{
        return FIND(osabis, osabi);
}

static const struct name segment_types[] = {
        { PT_NULL, "NULL" },
        { PT_LOAD, "LOAD" },
        { PT_DYNAMIC, "DYNAMIC" },
        { PT_INTERP, "INTERP" },
        { PT_NOTE, "NOTE" },
        { PT_SHLIB, "SHLIB" },
        { PT_PHDR, "PHDR" },
        { PT_TLS, "TLS" },
        { PT_GNU_EH_FRAME, "GNU_EH_FRAME" },
        { PT_GNU_STACK, "GNU_STACK" },
        { PT_GNU_RELRO, "GNU_RELRO" },
        { 0x6474e553, "GNU_PROPERTY" },
        { 0x6474e554, "GNU_SFRAME" },
};

const char *elf_segment_type_name(uint32_t type)
{
        return FIND(segment_types, type);
}

static const struct name section_types[] = {
        { SHT_NULL, "NULL" },
        { SHT_PROGBITS, "PROGBITS" },
        { SHT_SYMTAB, "SYMTAB" },
        { SHT_STRTAB, "STRTAB" },
        { SHT_RELA, "RELA" },
        { SHT_HASH, "HASH" },
        { SHT_DYNAMIC, "DYNAMIC" },
        { SHT_NOTE, "NOTE" },
        { SHT_NOBITS, "NOBITS" },
        { SHT_REL, "REL" },
        { SHT_SHLIB, "SHLIB" },
        { SHT_DYNSYM, "DYNSYM" },
        { SHT_INIT_ARRAY, "INIT_ARRAY" },
        { SHT_FINI_ARRAY, "FINI_ARRAY" },
        { SHT_PREINIT_ARRAY, "PREINIT_ARRAY" },
        { SHT_GROUP, "GROUP" },
        { SHT_SYMTAB_SHNDX, "SYMTAB_SHNDX" },
        { 19, "RELR" },
        { SHT_GNU_ATTRIBUTES, "GNU_ATTRIBUTES" },
        { SHT_GNU_HASH, "GNU_HASH" },
        { SHT_GNU_LIBLIST, "GNU_LIBLIST" },
        { SHT_GNU_verdef, "VERDEF" },
        { SHT_GNU_verneed, "VERNEED" },
        { SHT_GNU_versym, "VERSYM" },
        { 0x6fff4c00, "LLVM_ODRTAB" },
        { 0x6fff4c03, "LLVM_ADDRSIG" },
};

const char *elf_section_type_name(uint32_t type)
{
        return FIND(section_types, type);
}

static const struct name dynamic_tags[] = {
        { DT_NULL, "NULL" },
        { DT_NEEDED, "NEEDED" },
        { DT_PLTRELSZ, "PLTRELSZ" },
        { DT_PLTGOT, "PLTGOT" },
        { DT_HASH, "HASH" },
        { DT_STRTAB, "STRTAB" },
        { DT_SYMTAB, "SYMTAB" },
        { DT_RELA, "RELA" },
        { DT_RELASZ, "RELASZ" },
        { DT_RELAENT, "RELAENT" },
        { DT_STRSZ, "STRSZ" },
        { DT_SYMENT, "SYMENT" },
        { DT_INIT, "INIT" },
        { DT_FINI, "FINI" },
        { DT_SONAME, "SONAME" },
        { DT_RPATH, "RPATH" },
        { DT_SYMBOLIC, "SYMBOLIC" },
        { DT_REL, "REL" },
        { DT_RELSZ, "RELSZ" },
        { DT_RELENT, "RELENT" },
        { DT_PLTREL, "PLTREL" },
        { DT_DEBUG, "DEBUG" },
        { DT_TEXTREL, "TEXTREL" },
        { DT_JMPREL, "JMPREL" },
        { DT_BIND_NOW, "BIND_NOW" },
        { DT_INIT_ARRAY, "INIT_ARRAY" },
        { DT_FINI_ARRAY, "FINI_ARRAY" },
        { DT_INIT_ARRAYSZ, "INIT_ARRAYSZ" },
        { DT_FINI_ARRAYSZ, "FINI_ARRAYSZ" },
        { DT_RUNPATH, "RUNPATH" },
        { DT_FLAGS, "FLAGS" },
        { DT_PREINIT_ARRAY, "PREINIT_ARRAY" },
        { DT_PREINIT_ARRAYSZ, "PREINIT_ARRAYSZ" },
        { DT_SYMTAB_SHNDX, "SYMTAB_SHNDX" },
        { DT_GNU_PRELINKED, "GNU_PRELINKED" },
        { DT_GNU_CONFLICTSZ, "GNU_CONFLICTSZ" },
        { DT_GNU_LIBLISTSZ, "GNU_LIBLISTSZ" },
        { DT_CHECKSUM, "CHECKSUM" },
        { DT_GNU_HASH, "GNU_HASH" },
        { DT_GNU_CONFLICT, "GNU_CONFLICT" },
        { DT_GNU_LIBLIST, "GNU_LIBLIST" },
        { DT_CONFIG, "CONFIG" },
        { DT_DEPAUDIT, "DEPAUDIT" },
        { DT_AUDIT, "AUDIT" },
        { DT_VERSYM, "VERSYM" },
        { DT_RELACOUNT, "RELACOUNT" },
        { DT_RELCOUNT, "RELCOUNT" },
        { DT_FLAGS_1, "FLAGS_1" },
        { DT_VERDEF, "VERDEF" },
        { DT_VERDEFNUM, "VERDEFNUM" },
        { DT_VERNEED, "VERNEED" },
        { DT_VERNEEDNUM, "VERNEEDNUM" },
        { DT_AUXILIARY, "AUXILIARY" },
        { DT_FILTER, "FILTER" },
        { 35, "RELRSZ" },
        { 36, "RELR" },
        { 37, "RELRENT" },
};

const char *elf_dynamic_tag_name(int64_t tag)
{
        return FIND(dynamic_tags, tag);
}

static const struct name symbol_types[] = {
        { STT_NOTYPE, "NOTYPE" },
        { STT_OBJECT, "OBJECT" },
        { STT_FUNC, "FUNC" },
        { STT_SECTION, "SECTION" },
        { STT_FILE, "FILE" },
        { STT_COMMON, "COMMON" },
        { STT_TLS, "TLS" },
        { STT_GNU_IFUNC, "IFUNC" },
};

const char *elf_symbol_type_name(uint8_t type)
{
        return FIND(symbol_types, type);
}

static const struct name symbol_bindings[] = {
        { STB_LOCAL, "LOCAL" },
        { STB_GLOBAL, "GLOBAL" },
        { STB_WEAK, "WEAK" },
        { STB_GNU_UNIQUE, "UNIQUE" },
};

const char *elf_symbol_binding_name(uint8_t binding)
{
        return FIND(symbol_bindings, binding);
}

static const struct name symbol_visibilitys[] = {
        { STV_DEFAULT, "DEFAULT" },
        { STV_INTERNAL, "INTERNAL" },
        { STV_HIDDEN, "HIDDEN" },
        { STV_PROTECTED, "PROTECTED" },
};

const char *elf_symbol_visibility_name(uint8_t visibility)
{
        return FIND(symbol_visibilitys, visibility);
}
