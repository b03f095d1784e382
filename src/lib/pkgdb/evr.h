/* The order of package versions, as each package manager defines it. Pure; any bytes are accepted. */
#pragma once

#include "base/sv.h"

enum evr_order {
        EVR_RPM,    /* rpmvercmp on epoch, version, release; '~' sorts before the end, '^' after it */
        EVR_DPKG,   /* deb-version(7) */
        EVR_APK,    /* apk-tools 2: 1.2.3b_rc1-r4 */
        EVR_PACMAN, /* vercmp(8): as rpm without '~' and '^', the release counts only when both have one */
        EVR_SCRIBE, /* MIG's scribe documents: rpm's order whatever the package manager */
};

/* -1, 0 or 1. */
int evr_compare(enum evr_order order, struct sv a, struct sv b);

/* The order that fits a struct package's type ("dpkg", "rpm", "apk", "pacman"); false for another word. */
bool evr_order_of_type(struct sv type, enum evr_order *ret);

/* One segment-wise comparison without epoch and release. */
int evr_rpmvercmp(struct sv a, struct sv b);

/* Is this a version apk accepts? Invalid ones still have an order. */
bool evr_apk_valid(struct sv version);
