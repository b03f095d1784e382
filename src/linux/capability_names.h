/* Names of capabilities (capabilities(7)) by number, for masks such as CapEff. Newer than the headers of Debian 12
 * where the kernel is. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

enum { CAPABILITY_NAMES = 41 };

/* "CAP_NET_ADMIN", NULL for a number without a name. */
const char *capability_name(unsigned number);
/* Accepts "CAP_NET_ADMIN" and "net_admin" in either case; -1 when unknown. */
int capability_number(struct sv name);
/* Appends "CAP_CHOWN,CAP_KILL"; unnamed ones as their number. */
void capability_format(uint64_t mask, struct buf *out);
/* The highest number this kernel has (cap_last_cap); -1 when /proc does not tell. */
int capability_last(int root);
