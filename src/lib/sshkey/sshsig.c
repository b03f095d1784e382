#include "lib/sshkey/sshsig.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "lib/sshkey/blob.h"

#include <nettle/eddsa.h>
#include <nettle/sha2.h>

#define ARMOUR_BEGIN SV("-----BEGIN SSH SIGNATURE-----")
#define ARMOUR_END SV("-----END SSH SIGNATURE-----")
#define MAGIC SV("SSHSIG")
#define ALGORITHM SV("ssh-ed25519")

/* The base64 between the lines of the armour, decoded. */
static bool unarmour(struct sv text, struct buf *out)
{
        struct sv line;
        struct sv rest = text;
        cleanup(buf_done) struct buf base64;
        buf_init(&base64, SSHSIG_TEXT_MAX);
        if (text.n == 0 || !sv_line(&rest, &line) || !sv_eq(sv_trim(line), ARMOUR_BEGIN))
                return false;
        while (sv_line(&rest, &line)) {
                line = sv_trim(line);
                if (sv_eq(line, ARMOUR_END))
                        return sv_trim(rest).n == 0 && !base64.failed &&
                               base64_decode(sv_n(buf_text(&base64), base64.len), out);
                buf_append(&base64, line.p, line.n);
        }
        return false;
}

/* string "ssh-ed25519", string of `size` bytes, and nothing else. */
static bool take_ed25519(struct sv blob, size_t size, struct sv *ret)
{
        struct sv algorithm;
        return wire_string(&blob, &algorithm) && sv_eq(algorithm, ALGORITHM) && wire_string(&blob, ret) &&
               ret->n == size && blob.n == 0;
}

struct parts {
        struct sv key, name_space, reserved, hash, signature;
};

static bool parse(struct sv blob, struct parts *ret)
{
        uint32_t version;
        struct sv rest = sv_n(blob.p + MAGIC.n, blob.n - MAGIC.n);
        return wire_u32(&rest, &version) && version == 1 && wire_string(&rest, &ret->key) &&
               wire_string(&rest, &ret->name_space) && wire_string(&rest, &ret->reserved) &&
               wire_string(&rest, &ret->hash) && wire_string(&rest, &ret->signature) && rest.n == 0;
}

/* What the key has signed: the magic, the names, and the message's hash. */
static bool signed_bytes(const struct parts *parts, struct sv message, struct buf *out)
{
        uint8_t digest[SHA512_DIGEST_SIZE];
        size_t size = SHA512_DIGEST_SIZE;
        if (sv_eq(parts->hash, SV("sha512"))) {
                struct sha512_ctx context;
                sha512_init(&context);
                sha512_update(&context, message.n, (const uint8_t *)message.p);
                sha512_digest(&context, size, digest);
        } else if (sv_eq(parts->hash, SV("sha256"))) {
                struct sha256_ctx context;
                size = SHA256_DIGEST_SIZE;
                sha256_init(&context);
                sha256_update(&context, message.n, (const uint8_t *)message.p);
                sha256_digest(&context, size, digest);
        } else {
                return false;
        }
        buf_append(out, MAGIC.p, MAGIC.n);
        wire_put_string(out, parts->name_space);
        wire_put_string(out, parts->reserved);
        wire_put_string(out, parts->hash);
        wire_put_string(out, sv_n((const char *)digest, size));
        return !out->failed;
}

int sshsig_verify(
        struct sv text, struct sv message, const char *name_space, uint8_t ret_key[SSHSIG_KEY_SIZE], struct error *err)
{
        struct parts parts;
        struct sv key;
        struct sv signature;
        cleanup(buf_done) struct buf blob;
        cleanup(buf_done) struct buf bytes;
        buf_init(&blob, SSHSIG_TEXT_MAX);
        buf_init(&bytes, SSHSIG_TEXT_MAX);
        if (text.n > SSHSIG_TEXT_MAX)
                return fail(err, E_TOO_LARGE, "the signature has more than %d bytes", SSHSIG_TEXT_MAX);
        if (!unarmour(text, &blob) || !sv_starts(sv_n(buf_text(&blob), blob.len), MAGIC) ||
                !parse(sv_n(blob.data, blob.len), &parts))
                return fail(err, E_INVALID, "not an SSH signature");
        if (!take_ed25519(parts.key, ED25519_KEY_SIZE, &key) ||
                !take_ed25519(parts.signature, ED25519_SIGNATURE_SIZE, &signature))
                return fail(err, E_INVALID, "the signature is not one of an Ed25519 key");
        if (!sv_eq(parts.name_space, sv_of(name_space)))
                return fail(err, E_INVALID, "the signature is not made for namespace \"%s\"", name_space);
        if (!signed_bytes(&parts, message, &bytes))
                return fail(err, E_INVALID, "the signature uses another hash than sha512 or sha256");
        if (!ed25519_sha512_verify(
                    (const uint8_t *)key.p, bytes.len, (const uint8_t *)bytes.data, (const uint8_t *)signature.p))
                return fail(err, E_UNAUTHENTICATED, "the signature does not fit");
        memcpy(ret_key, key.p, SSHSIG_KEY_SIZE);
        return 0;
}

bool sshsig_key_of_line(struct sv line, uint8_t ret_key[SSHSIG_KEY_SIZE])
{
        struct sv word;
        struct sv key;
        cleanup(buf_done) struct buf blob;
        buf_init(&blob, 1024);
        line = sv_trim(line);
        if (!sv_word(&line, &word) || !sv_eq(word, ALGORITHM) || !sv_word(&line, &word) ||
                !base64_decode(word, &blob) || !take_ed25519(sv_n(buf_text(&blob), blob.len), SSHSIG_KEY_SIZE, &key))
                return false;
        memcpy(ret_key, key.p, SSHSIG_KEY_SIZE);
        return true;
}

void sshsig_fingerprint(const uint8_t key[SSHSIG_KEY_SIZE], char ret[SSHSIG_FINGERPRINT_MAX])
{
        struct sha256_ctx context;
        uint8_t digest[SHA256_DIGEST_SIZE];
        cleanup(buf_done) struct buf blob;
        cleanup(buf_done) struct buf text;
        buf_init(&blob, 256);
        buf_init(&text, 256);
        wire_put_string(&blob, ALGORITHM);
        wire_put_string(&blob, sv_n((const char *)key, SSHSIG_KEY_SIZE));
        sha256_init(&context);
        sha256_update(&context, blob.len, (const uint8_t *)blob.data);
        sha256_digest(&context, sizeof(digest), digest);
        base64_encode(digest, sizeof(digest), &text);
        struct sv base64 = sv_n(buf_text(&text), text.len);
        while (base64.n > 0 && base64.p[base64.n - 1] == '=') /* OpenSSH leaves the padding out */
                base64.n--;
        snprintf(ret, SSHSIG_FINGERPRINT_MAX, "SHA256:%.*s", SV_ARG(base64));
}
