/* The web page's files as the program holds them: gzipped, in one table that web/embed.py makes from web/dist. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { ASSET_SIZE_MAX = 8 << 20 }; /* of one file, inflated; embed.py refuses more */

struct asset {
        const char *path; /* "/app.js" */
        const char *type;
        const char *tag; /* SHA-256 of its content, the first 128 bits */
        size_t offset;   /* in asset_bytes */
        size_t packed;   /* bytes gzipped */
        size_t size;     /* bytes inflated */
};

extern const struct asset assets[]; /* ends with .path == NULL */
extern const unsigned char asset_bytes[];

/* "/" is "/index.html". NULL: there is none. */
const struct asset *asset_find(const char *path);

/* Does a client that sent this Accept-Encoding (NULL = none) take gzip? RFC 9110 section 12.5.3. */
bool asset_takes_gzip(const char *accept);

/* Does If-None-Match (NULL = none) name this tag, in whichever encoding? RFC 9110 section 13.1.2. */
bool asset_unchanged(const char *if_none_match, const char *tag);

/* For clients without gzip. ret has room for asset->size bytes. */
int asset_inflate(const struct asset *asset, const unsigned char *packed, unsigned char *ret, struct error *err);
