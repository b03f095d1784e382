#include "lib/digest/digest.h"

#include "lib/digest/sha256_x86.h"

#include <assert.h>
#include <errno.h>
#include <nettle/md5.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <nettle/sha3.h>

/* With several kinds each takes a slice in turn, so that the next one finds the bytes in the first-level cache. */
#define SLICE ((size_t)16 * 1024)

#define ALIGNMENT 16
#define ALIGNED(size) (((size) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

static const struct {
        const char *name;
        const char *alias;
        const struct nettle_hash *hash;
        enum digest_family family;
} kinds[DIGEST_KINDS] = {
        [DIGEST_MD5] = { "md5", "md-5", &nettle_md5, DIGEST_FAMILY_MD5 },
        [DIGEST_SHA1] = { "sha1", "sha-1", &nettle_sha1, DIGEST_FAMILY_SHA1 },
        [DIGEST_SHA224] = { "sha224", "sha-224", &nettle_sha224, DIGEST_FAMILY_SHA2 },
        [DIGEST_SHA256] = { "sha256", "sha-256", &nettle_sha256, DIGEST_FAMILY_SHA2 },
        [DIGEST_SHA384] = { "sha384", "sha-384", &nettle_sha384, DIGEST_FAMILY_SHA2 },
        [DIGEST_SHA512] = { "sha512", "sha-512", &nettle_sha512, DIGEST_FAMILY_SHA2 },
        [DIGEST_SHA3_224] = { "sha3-224", "sha3_224", &nettle_sha3_224, DIGEST_FAMILY_SHA3 },
        [DIGEST_SHA3_256] = { "sha3-256", "sha3_256", &nettle_sha3_256, DIGEST_FAMILY_SHA3 },
        [DIGEST_SHA3_384] = { "sha3-384", "sha3_384", &nettle_sha3_384, DIGEST_FAMILY_SHA3 },
        [DIGEST_SHA3_512] = { "sha3-512", "sha3_512", &nettle_sha3_512, DIGEST_FAMILY_SHA3 },
};

_Static_assert(ALIGNED(sizeof(struct md5_ctx)) + ALIGNED(sizeof(struct sha1_ctx)) +
                               2 * ALIGNED(sizeof(struct sha256_ctx)) + 2 * ALIGNED(sizeof(struct sha512_ctx)) +
                               ALIGNED(sizeof(struct sha3_224_ctx)) + ALIGNED(sizeof(struct sha3_256_ctx)) +
                               ALIGNED(sizeof(struct sha3_384_ctx)) + ALIGNED(sizeof(struct sha3_512_ctx)) <=
                       sizeof(((struct digest *)NULL)->state),
        "struct digest holds the contexts of all kinds");

void digest_init(struct digest *digest, unsigned set)
{
        size_t offset = 0;

        digest->set = set & DIGEST_ALL;
        digest->length = 0;
        digest->accelerated = (set & (DIGEST_BIT(DIGEST_SHA224) | DIGEST_BIT(DIGEST_SHA256))) && sha256_x86_usable();
        for (int kind = 0; kind < DIGEST_KINDS; kind++) {
                digest->offsets[kind] = (uint16_t)offset;
                if (!(digest->set & DIGEST_BIT(kind)))
                        continue;
                kinds[kind].hash->init(digest->state + offset);
                offset += ALIGNED(kinds[kind].hash->context_size);
        }
}

/* SHA-256 and SHA-224: whole blocks by our own function where the processor can; nettle's context stays the truth, so
 * that the rest, the padding and the result are nettle's. */
static void update_sha256(struct sha256_ctx *ctx, const uint8_t *bytes, size_t size)
{
        if (ctx->index > 0) {
                size_t fill = SHA256_BLOCK_SIZE - ctx->index < size ? SHA256_BLOCK_SIZE - ctx->index : size;

                sha256_update(ctx, fill, bytes);
                bytes += fill;
                size -= fill;
        }
        if (size >= SHA256_BLOCK_SIZE) {
                size_t blocks = size / SHA256_BLOCK_SIZE;

                sha256_x86_compress(ctx->state, bytes, blocks);
                ctx->count += blocks;
                bytes += blocks * SHA256_BLOCK_SIZE;
                size %= SHA256_BLOCK_SIZE;
        }
        sha256_update(ctx, size, bytes);
}

static void update_slice(struct digest *digest, const uint8_t *bytes, size_t size)
{
        for (unsigned left = digest->set; left; left &= left - 1) {
                int kind = __builtin_ctz(left);

                void *ctx = digest->state + digest->offsets[kind];

                if (digest->accelerated && (kind == DIGEST_SHA256 || kind == DIGEST_SHA224))
                        update_sha256(ctx, bytes, size);
                else
                        kinds[kind].hash->update(ctx, size, bytes);
        }
}

void digest_update(struct digest *digest, const void *bytes, size_t size)
{
        const uint8_t *p = bytes;
        bool single = (digest->set & (digest->set - 1)) == 0;

        digest->length += size;
        while (size > 0) {
                size_t slice = single || size < SLICE ? size : SLICE;

                update_slice(digest, p, slice);
                p += slice;
                size -= slice;
        }
}

void digest_finish(struct digest *digest, enum digest_kind kind, uint8_t ret[DIGEST_SIZE_MAX])
{
        assert(digest->set & DIGEST_BIT(kind));
        kinds[kind].hash->digest(digest->state + digest->offsets[kind], kinds[kind].hash->digest_size, ret);
}

void digest_finish_hex(struct digest *digest, enum digest_kind kind, bool upper, char ret[DIGEST_HEX_MAX])
{
        const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
        uint8_t bytes[DIGEST_SIZE_MAX];
        size_t size = digest_size(kind);

        digest_finish(digest, kind, bytes);
        for (size_t i = 0; i < size; i++) {
                ret[2 * i] = digits[bytes[i] >> 4];
                ret[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret[2 * size] = '\0';
}

int digest_update_fd(struct digest *digest, int fd, void *buffer, size_t size, uint64_t max, struct error *err)
{
        uint64_t total = 0;

        for (;;) {
                ssize_t n = read(fd, buffer, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return fail_errno(err, "read");
                if (n == 0)
                        return 0;
                if ((uint64_t)n > max - total)
                        return fail(err, E_TOO_LARGE, "more than %llu bytes", (unsigned long long)max);
                total += (uint64_t)n;
                digest_update(digest, buffer, (size_t)n);
        }
}

const char *digest_name(enum digest_kind kind)
{
        return kinds[kind].name;
}

size_t digest_size(enum digest_kind kind)
{
        return kinds[kind].hash->digest_size;
}

bool digest_by_name(const char *name, enum digest_kind *ret)
{
        for (int kind = 0; kind < DIGEST_KINDS; kind++) {
                if (strcasecmp(name, kinds[kind].name) == 0 || strcasecmp(name, kinds[kind].alias) == 0) {
                        *ret = (enum digest_kind)kind;
                        return true;
                }
        }
        return false;
}

bool digest_by_hex_length(enum digest_family family, size_t digits, enum digest_kind *ret)
{
        for (int kind = 0; kind < DIGEST_KINDS; kind++) {
                if (kinds[kind].family == family && 2 * digest_size((enum digest_kind)kind) == digits) {
                        *ret = (enum digest_kind)kind;
                        return true;
                }
        }
        return false;
}
