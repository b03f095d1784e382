/* Functions that have a safer replacement in this house; using one is a compile error.
 * Included by every header of base, so every file sees it. The reason stands behind each. */
#pragma once

#include <alloca.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#undef sprintf /* macros in a fortified clang build */
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf stpcpy /* no bound: buf_printf, snprintf */
#pragma GCC poison strncpy strncat                       /* do not always terminate: snprintf */
#pragma GCC poison strtok                                /* global state: sv_split */
#pragma GCC poison atoi atol atoll atof                  /* no error: sv_parse_i64 */
#pragma GCC poison gets mktemp tmpnam tempnam            /* races and overflows */
#pragma GCC poison gmtime localtime ctime asctime        /* static buffer: gmtime_r, time_format_rfc3339 */
#undef alloca
#pragma GCC poison alloca       /* no failure: arena_alloc */
#pragma GCC poison system popen /* a shell between us and the work: worker_start */
#pragma GCC poison rand srand   /* weak: getrandom */
