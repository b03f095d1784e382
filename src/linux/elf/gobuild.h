/* What the Go linker wrote about a build: the toolchain's version and the module list (`go version -m`). Both layouts:
 * inline strings (Go 1.18 and later) and pointers to string headers (Go 1.13 to 1.17). Source: Go's
 * debug/buildinfo. */
#pragma once

#include "linux/elf/elf.h"

enum {
        GOBUILD_MAX_MODULES = 1 << 14,
        GOBUILD_MAX_SETTINGS = 512,
        GOBUILD_MAX_TEXT = 8 << 20, /* bytes of the module text */
};

struct gobuild_module {
        struct sv path, version, sum;
        struct sv replace_path, replace_version, replace_sum; /* the "=>" line; empty = none */
};

struct gobuild_setting {
        struct sv key, value; /* "vcs.revision", "-compiler", "CGO_ENABLED" … */
};

struct gobuild {
        struct sv version; /* "go1.22.3" */
        struct sv path;    /* of the main package; "" = unknown */
        struct gobuild_module main;
        struct gobuild_module *modules;
        size_t module_count;
        struct gobuild_setting *settings;
        size_t setting_count;
        size_t refused;
};

/* E_NOT_FOUND when the file has no Go build information, E_CORRUPT when it is cut. Views point into the image. */
int gobuild_parse(const struct elf *elf, struct arena *arena, struct gobuild *ret, struct error *err);
