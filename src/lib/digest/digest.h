/* Message digests: any set of kinds over the same bytes in one pass. The primitives are nettle's, which picks the SHA
 * instructions of the processor at run time; SHA-256 has a faster loop over blocks here. MD5 and SHA-1 are here to
 * compare with published lists, not as protection. No allocation: a struct digest is a plain value (about 3 KiB) that
 * may be copied and dropped at any time. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum digest_kind {
        DIGEST_MD5,
        DIGEST_SHA1,
        DIGEST_SHA224, /* FIPS 180-4 */
        DIGEST_SHA256,
        DIGEST_SHA384,
        DIGEST_SHA512,
        DIGEST_SHA3_224, /* FIPS 202 */
        DIGEST_SHA3_256,
        DIGEST_SHA3_384,
        DIGEST_SHA3_512,
        DIGEST_KINDS
};

enum digest_family { DIGEST_FAMILY_MD5, DIGEST_FAMILY_SHA1, DIGEST_FAMILY_SHA2, DIGEST_FAMILY_SHA3 };

#define DIGEST_BIT(kind) (1U << (kind))
#define DIGEST_ALL (DIGEST_BIT(DIGEST_KINDS) - 1)

enum {
        DIGEST_SIZE_MAX = 64,                    /* bytes of the longest digest */
        DIGEST_HEX_MAX = 2 * DIGEST_SIZE_MAX + 1 /* its text with the NUL */
};

struct digest {
        unsigned set;     /* DIGEST_BITs asked for */
        uint64_t length;  /* bytes seen */
        bool accelerated; /* whole SHA-256 blocks by sha256_x86.c */
        uint16_t offsets[DIGEST_KINDS];
        _Alignas(16) unsigned char state[3072]; /* nettle's contexts, packed */
};

/* Starts over. Bits beyond DIGEST_ALL are ignored; the empty set only counts bytes. */
void digest_init(struct digest *digest, unsigned set);

void digest_update(struct digest *digest, const void *bytes, size_t size);

/* The result of one kind of the set, digest_size(kind) bytes. Each kind can be taken once; then start over. */
void digest_finish(struct digest *digest, enum digest_kind kind, uint8_t ret[DIGEST_SIZE_MAX]);

/* The same as NUL-terminated hex. */
void digest_finish_hex(struct digest *digest, enum digest_kind kind, bool upper, char ret[DIGEST_HEX_MAX]);

/* Adds what fd holds from its offset to end of file through the caller's buffer (128 KiB is a good size; see
 * bench_digest.c). max: more bytes than this are E_TOO_LARGE, UINT64_MAX for no limit. */
int digest_update_fd(struct digest *digest, int fd, void *buffer, size_t size, uint64_t max, struct error *err);

/* "md5", "sha1", "sha256", "sha3-256" …; static. */
const char *digest_name(enum digest_kind kind);
size_t digest_size(enum digest_kind kind); /* bytes */

/* The kind of a name ("sha-256" and upper case are accepted too). false if there is none. */
bool digest_by_name(const char *name, enum digest_kind *ret);

/* The kind of a family whose hex text has this many digits: SHA2 with 64 is SHA-256. false if there is none. */
bool digest_by_hex_length(enum digest_family family, size_t digits, enum digest_kind *ret);
