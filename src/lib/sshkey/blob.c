#include "lib/sshkey/blob.h"

#include <nettle/md5.h>
#include <nettle/sha2.h>

#include "base/encode.h"

/* Fields of the public half behind the name (and, in a certificate, behind the nonce): 's' a string, 'n' an integer
 * whose length is the key's size, 'c' a curve's name. PROTOCOL.certkeys, PROTOCOL.u2f, RFC 5656, RFC 8709. */
static const struct algorithm {
        const char *name, *type, *fields, *private_fields;
        unsigned bits;
} algorithms[] = {
        { "ssh-rsa", "rsa", "sn", "ssssss", 0 },
        { "ssh-dss", "dsa", "nsss", "sssss", 0 },
        { "ecdsa-sha2-nistp256", "ecdsa", "cs", "sss", 256 },
        { "ecdsa-sha2-nistp384", "ecdsa", "cs", "sss", 384 },
        { "ecdsa-sha2-nistp521", "ecdsa", "cs", "sss", 521 },
        { "ssh-ed25519", "ed25519", "s", "ss", 256 },
        { "ssh-ed448", "ed448", "s", "ss", 448 },
        { "sk-ecdsa-sha2-nistp256@openssh.com", "ecdsa-sk", "css", "sssbss", 256 },
        { "sk-ssh-ed25519@openssh.com", "ed25519-sk", "ss", "ssbss", 256 },
};

static const char certificate_mark[] = "-cert-v01@openssh.com";

bool wire_u32(struct sv *rest, uint32_t *ret)
{
        if (rest->n < 4)
                return false;
        uint32_t value = 0;
        for (unsigned i = 0; i < 4; i++)
                value = value << 8 | (uint8_t)rest->p[i];
        *rest = sv_n(rest->p + 4, rest->n - 4);
        *ret = value;
        return true;
}

bool wire_string(struct sv *rest, struct sv *ret)
{
        struct sv tail = *rest;
        uint32_t size;
        if (!wire_u32(&tail, &size) || size > tail.n)
                return false;
        *ret = sv_n(tail.p, size);
        *rest = sv_n(tail.p + size, tail.n - size);
        return true;
}

void wire_put_string(struct buf *out, struct sv text)
{
        for (int shift = 24; shift >= 0; shift -= 8)
                buf_putc(out, (char)(text.n >> shift));
        buf_append(out, text.p, text.n);
}

static struct sv without_zeros(struct sv number)
{
        while (number.n > 0 && number.p[0] == '\0')
                number = sv_n(number.p + 1, number.n - 1);
        return number;
}

void wire_put_integer(struct buf *out, struct sv big_endian)
{
        struct sv number = without_zeros(big_endian);
        bool pad = number.n > 0 && ((uint8_t)number.p[0] & 0x80);
        size_t size = number.n + pad;
        for (int shift = 24; shift >= 0; shift -= 8)
                buf_putc(out, (char)(size >> shift));
        if (pad)
                buf_putc(out, '\0');
        buf_append(out, number.p, number.n);
}

void wipe(struct buf *buf)
{
        if (buf->data)
                explicit_bzero(buf->data, buf->capacity);
        buf_done(buf);
}

static unsigned bit_length(struct sv number)
{
        number = without_zeros(number);
        if (number.n == 0)
                return 0;
        return (unsigned)(number.n - 1) * 8 + (32 - (unsigned)__builtin_clz((uint8_t)number.p[0]));
}

/* A certificate's name is its key's name with the mark behind it, before an "@openssh.com" that the plain name has. */
static const struct algorithm *find(struct sv name, bool *ret_certificate)
{
        for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
                struct sv plain = sv_of(algorithms[i].name);
                struct sv stem = sv_n(plain.p, sv_find(plain, '@'));
                struct sv mark = SV(certificate_mark);
                *ret_certificate = name.n == stem.n + mark.n && sv_starts(name, stem) && sv_ends(name, mark);
                if (*ret_certificate || sv_eq(name, plain))
                        return &algorithms[i];
        }
        return NULL;
}

bool sshkey_known_algorithm(struct sv name)
{
        bool certificate;
        return find(name, &certificate) != NULL;
}

const char *sshkey_private_fields(struct sv algorithm)
{
        bool certificate;
        const struct algorithm *found = find(algorithm, &certificate);
        return found && !certificate ? found->private_fields : NULL;
}

static void fingerprints(struct sv name, struct sv fields, struct sshkey *key)
{
        struct md5_ctx md5;
        struct sha256_ctx sha256;
        uint8_t size[4] = { 0, 0, 0, (uint8_t)name.n };
        uint8_t digest[SHA256_DIGEST_SIZE];

        md5_init(&md5);
        md5_update(&md5, sizeof(size), size);
        md5_update(&md5, name.n, (const uint8_t *)name.p);
        md5_update(&md5, fields.n, (const uint8_t *)fields.p);
        md5_digest(&md5, MD5_DIGEST_SIZE, digest);
        for (size_t i = 0; i < MD5_DIGEST_SIZE; i++)
                snprintf(key->md5 + 3 * i, sizeof(key->md5) - 3 * i, "%02x%s", digest[i],
                        i + 1 < MD5_DIGEST_SIZE ? ":" : "");

        sha256_init(&sha256);
        sha256_update(&sha256, sizeof(size), size);
        sha256_update(&sha256, name.n, (const uint8_t *)name.p);
        sha256_update(&sha256, fields.n, (const uint8_t *)fields.p);
        sha256_digest(&sha256, SHA256_DIGEST_SIZE, digest);
        struct buf text;
        buf_init(&text, 64);
        base64_encode(digest, sizeof(digest), &text);
        struct sv bare = sv_of(buf_text(&text)); /* ssh-keygen shows it without padding */
        snprintf(key->sha256, sizeof(key->sha256), "SHA256:%.*s", (int)sv_find(bare, '='), bare.p);
        key->has_fingerprint = !text.failed;
        buf_done(&text);
}

bool sshkey_describe(struct sv blob, struct sshkey *key)
{
        struct sv rest = blob, name, field;
        bool certificate;
        if (!wire_string(&rest, &name) || name.n == 0 || name.n >= sizeof(key->algorithm))
                return false;
        const struct algorithm *algorithm = find(name, &certificate);
        if (!algorithm || (certificate && !wire_string(&rest, &field)))
                return false;
        unsigned bits = algorithm->bits;
        const char *begin = rest.p;
        for (const char *kind = algorithm->fields; *kind; kind++) {
                if (!wire_string(&rest, &field))
                        return false;
                if (*kind == 'n')
                        bits = bit_length(field);
                if (*kind == 'c' && !sv_ends(sv_n(algorithm->name, strcspn(algorithm->name, "@")), field))
                        return false; /* the curve does not fit the name */
        }
        if (bits == 0 || (!certificate && rest.n > 0))
                return false;
        snprintf(key->algorithm, sizeof(key->algorithm), "%.*s", SV_ARG(name));
        key->type = algorithm->type;
        key->bits = bits;
        key->certificate = certificate;
        /* A certificate has the fingerprint of its key, as ssh-keygen -l shows it. */
        fingerprints(sv_of(algorithm->name), sv_n(begin, (size_t)(rest.p - begin)), key);
        return true;
}
