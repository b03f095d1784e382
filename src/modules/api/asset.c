#include "asset.h"

#include "base/sv.h"

#include <zlib.h>

enum { GZIP_WINDOW = 16 + MAX_WBITS }; /* zlib.h, inflateInit2: 16 more expects gzip's header */

/* Of an entity tag of the inflated bytes: another encoding is another representation, RFC 9110 section 8.8.3.3. */
static const struct sv plain_suffix = { "-plain", 6 };

const struct asset *asset_find(const char *path)
{
        const char *wanted = strcmp(path, "/") == 0 ? "/index.html" : path;
        for (const struct asset *asset = assets; asset->path; asset++)
                if (strcmp(asset->path, wanted) == 0)
                        return asset;
        return NULL;
}

/* Is there a ";q=0" (or 0.0, 0.000)? */
static bool is_refused(struct sv parameters)
{
        struct sv part;
        while (sv_split(&parameters, ';', &part)) {
                part = sv_trim(part);
                if (part.n < 3 || (part.p[0] | 0x20) != 'q' || part.p[1] != '=')
                        continue;
                size_t zeros = 2;
                while (zeros < part.n && (part.p[zeros] == '0' || part.p[zeros] == '.'))
                        zeros++;
                return zeros == part.n;
        }
        return false;
}

bool asset_takes_gzip(const char *accept)
{
        struct sv rest = sv_of(accept);
        struct sv item;
        bool any = false;
        while (sv_split(&rest, ',', &item)) {
                struct sv coding = sv_n(item.p, sv_find(item, ';'));
                bool taken = !is_refused(sv_n(item.p + coding.n, item.n - coding.n));
                coding = sv_trim(coding);
                if (sv_eq_nocase(coding, SV("gzip")) || sv_eq_nocase(coding, SV("x-gzip")))
                        return taken; /* named: that counts, not the star */
                if (sv_eq(coding, SV("*")))
                        any = taken;
        }
        return any;
}

bool asset_unchanged(const char *if_none_match, const char *tag)
{
        struct sv rest = sv_of(if_none_match);
        struct sv item;
        while (sv_split(&rest, ',', &item)) {
                item = sv_trim(item);
                if (sv_eq(item, SV("*")))
                        return true;
                if (sv_starts(item, SV("W/"))) /* a weak comparison is asked for */
                        item = sv_n(item.p + 2, item.n - 2);
                if (item.n < 2 || item.p[0] != '"' || item.p[item.n - 1] != '"')
                        continue;
                item = sv_n(item.p + 1, item.n - 2);
                if (sv_ends(item, plain_suffix))
                        item.n -= plain_suffix.n;
                if (sv_eq(item, sv_of(tag)))
                        return true;
        }
        return false;
}

int asset_inflate(const struct asset *asset, const unsigned char *packed, unsigned char *ret, struct error *err)
{
        z_stream stream = { .next_in = (unsigned char *)(uintptr_t)packed,
                .avail_in = (uInt)asset->packed,
                .next_out = ret,
                .avail_out = (uInt)asset->size };
        if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
                return fail(err, E_NO_MEMORY, "no memory to inflate %s", asset->path);
        int status = inflate(&stream, Z_FINISH);
        inflateEnd(&stream);
        return status == Z_STREAM_END && stream.total_out == asset->size
                       ? 0
                       : fail(err, E_CORRUPT, "%s is not what the build made", asset->path);
}
