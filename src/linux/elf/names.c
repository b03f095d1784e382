/* Names of the numbers, by elf.h. */
#include "linux/elf/elf.h"

#include <elf.h>

const char *elf_machine_name(uint16_t machine)
{
        switch (machine) {
        case EM_386:
                return "x86";
        case EM_X86_64:
                return "x86-64";
        case EM_ARM:
                return "arm";
        case EM_AARCH64:
                return "aarch64";
        case EM_RISCV:
                return "riscv";
        case EM_PPC:
                return "ppc";
        case EM_PPC64:
                return "ppc64";
        case EM_S390:
                return "s390";
        case EM_MIPS:
                return "mips";
        case EM_SPARC:
                return "sparc";
        case EM_SPARCV9:
                return "sparcv9";
        case EM_SPARC32PLUS:
                return "sparc32plus";
        case EM_IA_64:
                return "ia64";
        case EM_68K:
                return "m68k";
        case EM_PARISC:
                return "parisc";
        case EM_ALPHA:
                return "alpha";
        case EM_SH:
                return "sh";
        case EM_BPF:
                return "bpf";
        case EM_ARC:
                return "arc";
        case EM_XTENSA:
                return "xtensa";
        case EM_MICROBLAZE:
                return "microblaze";
        case EM_OPENRISC:
                return "openrisc";
        case EM_CSKY:
                return "csky";
        case EM_AVR:
                return "avr";
        case 258:
                return "loongarch";
        case EM_NONE:
                return "none";
        default:
                return NULL;
        }
}

const char *elf_type_name(uint16_t type)
{
        switch (type) {
        case ET_NONE:
                return "NONE";
        case ET_REL:
                return "REL";
        case ET_EXEC:
                return "EXEC";
        case ET_DYN:
                return "DYN";
        case ET_CORE:
                return "CORE";
        default:
                return NULL;
        }
}

const char *elf_osabi_name(uint8_t osabi)
{
        switch (osabi) {
        case ELFOSABI_SYSV:
                return "SYSV";
        case ELFOSABI_GNU:
                return "GNU";
        case ELFOSABI_FREEBSD:
                return "FreeBSD";
        case ELFOSABI_NETBSD:
                return "NetBSD";
        case ELFOSABI_OPENBSD:
                return "OpenBSD";
        case ELFOSABI_SOLARIS:
                return "Solaris";
        case ELFOSABI_ARM_AEABI:
                return "ARM EABI";
        case ELFOSABI_ARM:
                return "ARM";
        case ELFOSABI_STANDALONE:
                return "standalone";
        default:
                return NULL;
        }
}

const char *elf_segment_type_name(uint32_t type)
{
        switch (type) {
        case PT_NULL:
                return "NULL";
        case PT_LOAD:
                return "LOAD";
        case PT_DYNAMIC:
                return "DYNAMIC";
        case PT_INTERP:
                return "INTERP";
        case PT_NOTE:
                return "NOTE";
        case PT_SHLIB:
                return "SHLIB";
        case PT_PHDR:
                return "PHDR";
        case PT_TLS:
                return "TLS";
        case PT_GNU_EH_FRAME:
                return "GNU_EH_FRAME";
        case PT_GNU_STACK:
                return "GNU_STACK";
        case PT_GNU_RELRO:
                return "GNU_RELRO";
        case 0x6474e553:
                return "GNU_PROPERTY";
        case 0x6474e554:
                return "GNU_SFRAME";
        default:
                return NULL;
        }
}

const char *elf_section_type_name(uint32_t type)
{
        switch (type) {
        case SHT_NULL:
                return "NULL";
        case SHT_PROGBITS:
                return "PROGBITS";
        case SHT_SYMTAB:
                return "SYMTAB";
        case SHT_STRTAB:
                return "STRTAB";
        case SHT_RELA:
                return "RELA";
        case SHT_HASH:
                return "HASH";
        case SHT_DYNAMIC:
                return "DYNAMIC";
        case SHT_NOTE:
                return "NOTE";
        case SHT_NOBITS:
                return "NOBITS";
        case SHT_REL:
                return "REL";
        case SHT_SHLIB:
                return "SHLIB";
        case SHT_DYNSYM:
                return "DYNSYM";
        case SHT_INIT_ARRAY:
                return "INIT_ARRAY";
        case SHT_FINI_ARRAY:
                return "FINI_ARRAY";
        case SHT_PREINIT_ARRAY:
                return "PREINIT_ARRAY";
        case SHT_GROUP:
                return "GROUP";
        case SHT_SYMTAB_SHNDX:
                return "SYMTAB_SHNDX";
        case 19:
                return "RELR";
        case SHT_GNU_ATTRIBUTES:
                return "GNU_ATTRIBUTES";
        case SHT_GNU_HASH:
                return "GNU_HASH";
        case SHT_GNU_LIBLIST:
                return "GNU_LIBLIST";
        case SHT_GNU_verdef:
                return "VERDEF";
        case SHT_GNU_verneed:
                return "VERNEED";
        case SHT_GNU_versym:
                return "VERSYM";
        case 0x6fff4c00:
                return "LLVM_ODRTAB";
        case 0x6fff4c03:
                return "LLVM_ADDRSIG";
        default:
                return NULL;
        }
}

const char *elf_dynamic_tag_name(int64_t tag)
{
        switch (tag) {
        case DT_NULL:
                return "NULL";
        case DT_NEEDED:
                return "NEEDED";
        case DT_PLTRELSZ:
                return "PLTRELSZ";
        case DT_PLTGOT:
                return "PLTGOT";
        case DT_HASH:
                return "HASH";
        case DT_STRTAB:
                return "STRTAB";
        case DT_SYMTAB:
                return "SYMTAB";
        case DT_RELA:
                return "RELA";
        case DT_RELASZ:
                return "RELASZ";
        case DT_RELAENT:
                return "RELAENT";
        case DT_STRSZ:
                return "STRSZ";
        case DT_SYMENT:
                return "SYMENT";
        case DT_INIT:
                return "INIT";
        case DT_FINI:
                return "FINI";
        case DT_SONAME:
                return "SONAME";
        case DT_RPATH:
                return "RPATH";
        case DT_SYMBOLIC:
                return "SYMBOLIC";
        case DT_REL:
                return "REL";
        case DT_RELSZ:
                return "RELSZ";
        case DT_RELENT:
                return "RELENT";
        case DT_PLTREL:
                return "PLTREL";
        case DT_DEBUG:
                return "DEBUG";
        case DT_TEXTREL:
                return "TEXTREL";
        case DT_JMPREL:
                return "JMPREL";
        case DT_BIND_NOW:
                return "BIND_NOW";
        case DT_INIT_ARRAY:
                return "INIT_ARRAY";
        case DT_FINI_ARRAY:
                return "FINI_ARRAY";
        case DT_INIT_ARRAYSZ:
                return "INIT_ARRAYSZ";
        case DT_FINI_ARRAYSZ:
                return "FINI_ARRAYSZ";
        case DT_RUNPATH:
                return "RUNPATH";
        case DT_FLAGS:
                return "FLAGS";
        case DT_PREINIT_ARRAY:
                return "PREINIT_ARRAY";
        case DT_PREINIT_ARRAYSZ:
                return "PREINIT_ARRAYSZ";
        case DT_SYMTAB_SHNDX:
                return "SYMTAB_SHNDX";
        case DT_GNU_PRELINKED:
                return "GNU_PRELINKED";
        case DT_GNU_CONFLICTSZ:
                return "GNU_CONFLICTSZ";
        case DT_GNU_LIBLISTSZ:
                return "GNU_LIBLISTSZ";
        case DT_CHECKSUM:
                return "CHECKSUM";
        case DT_GNU_HASH:
                return "GNU_HASH";
        case DT_GNU_CONFLICT:
                return "GNU_CONFLICT";
        case DT_GNU_LIBLIST:
                return "GNU_LIBLIST";
        case DT_CONFIG:
                return "CONFIG";
        case DT_DEPAUDIT:
                return "DEPAUDIT";
        case DT_AUDIT:
                return "AUDIT";
        case DT_VERSYM:
                return "VERSYM";
        case DT_RELACOUNT:
                return "RELACOUNT";
        case DT_RELCOUNT:
                return "RELCOUNT";
        case DT_FLAGS_1:
                return "FLAGS_1";
        case DT_VERDEF:
                return "VERDEF";
        case DT_VERDEFNUM:
                return "VERDEFNUM";
        case DT_VERNEED:
                return "VERNEED";
        case DT_VERNEEDNUM:
                return "VERNEEDNUM";
        case DT_AUXILIARY:
                return "AUXILIARY";
        case DT_FILTER:
                return "FILTER";
        case 35:
                return "RELRSZ";
        case 36:
                return "RELR";
        case 37:
                return "RELRENT";
        default:
                return NULL;
        }
}

const char *elf_symbol_type_name(uint8_t type)
{
        switch (type) {
        case STT_NOTYPE:
                return "NOTYPE";
        case STT_OBJECT:
                return "OBJECT";
        case STT_FUNC:
                return "FUNC";
        case STT_SECTION:
                return "SECTION";
        case STT_FILE:
                return "FILE";
        case STT_COMMON:
                return "COMMON";
        case STT_TLS:
                return "TLS";
        case STT_GNU_IFUNC:
                return "IFUNC";
        default:
                return NULL;
        }
}

const char *elf_symbol_binding_name(uint8_t binding)
{
        switch (binding) {
        case STB_LOCAL:
                return "LOCAL";
        case STB_GLOBAL:
                return "GLOBAL";
        case STB_WEAK:
                return "WEAK";
        case STB_GNU_UNIQUE:
                return "UNIQUE";
        default:
                return NULL;
        }
}

const char *elf_symbol_visibility_name(uint8_t visibility)
{
        switch (visibility) {
        case STV_DEFAULT:
                return "DEFAULT";
        case STV_INTERNAL:
                return "INTERNAL";
        case STV_HIDDEN:
                return "HIDDEN";
        case STV_PROTECTED:
                return "PROTECTED";
        default:
                return NULL;
        }
}
