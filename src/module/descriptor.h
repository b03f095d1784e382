/* Names of roles and shapes, and the rules for module names, shared by descriptors and the agent's doors. */
#pragma once

#include "module/module.h"

const char *role_name(enum role role);
int role_parse(const char *name, enum role *ret); /* -1 for an unknown word */
const char *shape_name(enum shape shape);
bool module_name_valid(const char *name);

/* The clauses of sandbox_describe as an array. */
struct json_writer;
void put_sandbox_clauses(struct json_writer *writer, const struct sandbox *sandbox);

/* Parameters of a module that has none. */
extern const struct record record_empty;
