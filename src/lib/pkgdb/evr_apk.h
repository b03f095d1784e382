/* apk's order, a grammar of its own: numbers, one letter, suffixes, revision. */
#pragma once

#include "lib/pkgdb/evr.h"

int evr_apk_compare(struct sv a, struct sv b);
