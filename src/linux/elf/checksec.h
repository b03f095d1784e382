/* How an ELF file was hardened, from the file alone. Rules: docs of each property beside its field. */
#pragma once

#include "linux/elf/elf.h"

enum elf_kind { /* what sort of file it is, the "PIE" column of checksec tools */
        ELF_KIND_OTHER,
        ELF_KIND_REL,        /* object file or kernel module */
        ELF_KIND_EXEC,       /* fixed address */
        ELF_KIND_PIE,        /* ET_DYN with DF_1_PIE or an interpreter */
        ELF_KIND_STATIC_PIE, /* DF_1_PIE without an interpreter */
        ELF_KIND_DSO,
        ELF_KIND_CORE,
};

enum elf_relro {
        ELF_RELRO_NONE,
        ELF_RELRO_PARTIAL,        /* PT_GNU_RELRO, lazy binding */
        ELF_RELRO_FULL,           /* PT_GNU_RELRO and one of DT_BIND_NOW, DF_BIND_NOW, DF_1_NOW */
        ELF_RELRO_NOT_APPLICABLE, /* no program headers */
};

/* Yes or no, or why neither can be said. */
enum elf_verdict {
        ELF_NO,
        ELF_YES,
        ELF_UNKNOWN,        /* static and stripped: the file no longer tells */
        ELF_NOT_APPLICABLE, /* an object without program headers, a Go binary without C code */
};

/* Where a DT_RPATH or DT_RUNPATH leads; bits. */
enum {
        ELF_PATH_ORIGIN = 1 << 0,     /* has $ORIGIN */
        ELF_PATH_RELATIVE = 1 << 1,   /* an entry that depends on the working directory */
        ELF_PATH_EMPTY = 1 << 2,      /* an empty entry, which is the working directory too */
        ELF_PATH_WRITABLE = 1 << 3,   /* below /tmp, /var/tmp, /dev/shm: anybody can put a library there */
        ELF_PATH_ABSOLUTE = 1 << 4,   /* an ordinary absolute entry */
        ELF_PATH_SUSPICIOUS = 1 << 5, /* has ".." in an absolute entry */
};

enum {
        ELF_MAX_FORTIFY_NAMES = 256, /* names kept; the counts go on */
};

struct elf_checksec {
        enum elf_kind kind;
        enum elf_relro relro;
        enum elf_verdict canary; /* __stack_chk_fail, __stack_chk_guard, __intel_security_cookie */
        enum elf_verdict nx;     /* PT_GNU_STACK without PF_X; a missing one means an executable stack */
        bool has_gnu_stack;      /* false with nx == ELF_NO: the header is missing */
        bool static_linked;      /* neither PT_INTERP nor DT_NEEDED, and not an object or library */
        bool has_rpath, has_runpath;
        uint32_t rpath, runpath;    /* ELF_PATH_* */
        size_t symbols;             /* .symtab entries; 0 = stripped */
        bool debug;                 /* .debug_info, .zdebug_info or .debug_line */
        bool debuglink;             /* .gnu_debuglink: the debug part is in a file of its own */
        enum elf_verdict fortify;   /* yes: at least one fortified call; n/a: nothing to fortify */
        size_t fortified;           /* distinct __NAME_chk functions of glibc that are imported */
        size_t fortifiable;         /* distinct functions that have such a variant, either form, fortified or not */
        struct sv *fortified_names; /* "__memcpy_chk" */
        size_t fortified_name_count;
        struct sv *unfortified_names; /* "memcpy": could be fortified and is not */
        size_t unfortified_name_count;
        bool cfi, safestack;
        bool asan, ubsan, msan, tsan;
        bool ibt, shstk, bti, pac, gcs;
        enum elf_verdict wx;            /* yes: no PT_LOAD is writable and executable */
        enum elf_verdict separate_code; /* yes: no executable PT_LOAD holds the file header, and read-only ones exist */
        bool text_relocations;          /* DT_TEXTREL or DF_TEXTREL: code pages become writable at start */
        bool go;                        /* Go build information or note found */
};

/* Arrays live in the arena. */
int elf_checksec(const struct elf *elf, struct arena *arena, struct elf_checksec *ret, struct error *err);

uint32_t elf_path_classify(struct sv path); /* ELF_PATH_* of a colon-separated list */
bool elf_fortifiable(struct sv name);       /* does glibc have a checked variant of this function? */

const char *elf_kind_name(enum elf_kind kind);
const char *elf_relro_name(enum elf_relro relro);       /* "none", "partial", "full", "n/a" */
const char *elf_verdict_name(enum elf_verdict verdict); /* "no", "yes", "unknown", "n/a" */
