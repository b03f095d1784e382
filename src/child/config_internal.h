/* What the files of libtarsier-child share. */
#pragma once

#include "tarsier/child.h"

/* Reads a JSON object of strings from json; every pair goes to `found`, with NUL-terminated texts valid during the
 * call. 0, or a negative enum tarsier_child_error, the callback's included. */
int config_read_json(
        const char *json, size_t length, int (*found)(void *cookie, const char *key, const char *value), void *cookie);
