/* The translation's own memory (audit_observe.h), and what its files share. */
#pragma once

#include "modules/watch/source/audit_facts.h"

struct audit_translation {
        struct audit_calls calls;
        struct audit_scratch scratch;
        bool cut;           /* something of the event at hand was */
        uint64_t truncated; /* events of which something was cut */
};

/* The argument that holds the flags of a system call, 0 when it has none. */
uint64_t audit_flags_of(const struct audit_facts *facts);

void audit_take_file_id(const struct audit_path *path, struct observation *observation);

/* What the call was about, when nothing was created or deleted: no directory above it if possible. NULL: no paths. */
const struct audit_path *audit_path_plain(const struct audit_facts *facts);

/* False when there is no PATH record. */
bool audit_translate_file(
        struct audit_translation *translation, struct audit_facts *facts, struct observation *observation);
