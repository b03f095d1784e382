/* Keys in DER: PKCS#1 (RFC 8017), SEC1 (RFC 5915), PKCS#8 (RFC 5958), SubjectPublicKeyInfo (RFC 5480, 8410) and the
 * traditional DSA sequence of OpenSSL. */
#include "lib/sshkey/der.h"
#include "lib/sshkey/derive.h"
#include "lib/sshkey/private.h"

#define OID_RSA SV("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
#define OID_DSA SV("\x2a\x86\x48\xce\x38\x04\x01")
#define OID_EC SV("\x2a\x86\x48\xce\x3d\x02\x01")
#define OID_ED25519 SV("\x2b\x65\x70")

static bool describe(struct buf *blob, struct sshkey *key)
{
        return !blob->failed && sshkey_describe(sv_n(blob->data, blob->len), key);
}

static bool rsa_blob(struct sv modulus, struct sv exponent, struct sshkey *key)
{
        CLEANUP_WIPE struct buf blob = { 0 };
        buf_init(&blob, SSHKEY_MAX_BLOB);
        wire_put_string(&blob, SV("ssh-rsa"));
        wire_put_integer(&blob, exponent);
        wire_put_integer(&blob, modulus);
        return describe(&blob, key);
}

bool pem_rsa_private(struct sv der, struct sshkey *key)
{
        struct sv sequence, version, modulus, exponent;
        return der_take(&der, DER_SEQUENCE, &sequence) && der_take(&sequence, DER_INTEGER, &version) &&
               der_take(&sequence, DER_INTEGER, &modulus) && der_take(&sequence, DER_INTEGER, &exponent) &&
               rsa_blob(modulus, exponent, key);
}

bool pem_rsa_public(struct sv der, struct sshkey *key)
{
        struct sv sequence, modulus, exponent;
        return der_take(&der, DER_SEQUENCE, &sequence) && der_take(&sequence, DER_INTEGER, &modulus) &&
               der_take(&sequence, DER_INTEGER, &exponent) && rsa_blob(modulus, exponent, key);
}

static bool dsa_blob(struct sv p, struct sv q, struct sv g, struct sv y, struct sshkey *key)
{
        CLEANUP_WIPE struct buf blob = { 0 };
        buf_init(&blob, SSHKEY_MAX_BLOB);
        wire_put_string(&blob, SV("ssh-dss"));
        wire_put_integer(&blob, p);
        wire_put_integer(&blob, q);
        wire_put_integer(&blob, g);
        wire_put_integer(&blob, y);
        return describe(&blob, key);
}

bool pem_dsa_private(struct sv der, struct sshkey *key)
{
        struct sv sequence, version, p, q, g, y;
        return der_take(&der, DER_SEQUENCE, &sequence) && der_take(&sequence, DER_INTEGER, &version) &&
               der_take(&sequence, DER_INTEGER, &p) && der_take(&sequence, DER_INTEGER, &q) &&
               der_take(&sequence, DER_INTEGER, &g) && der_take(&sequence, DER_INTEGER, &y) &&
               dsa_blob(p, q, g, y, key);
}

static bool curve_of(struct sv oid, struct sv *ret_name, unsigned *ret_bits)
{
        static const struct {
                struct sv oid;
                const char *name;
                unsigned bits;
        } curves[] = {
                { { "\x2a\x86\x48\xce\x3d\x03\x01\x07", 8 }, "nistp256", 256 },
                { { "\x2b\x81\x04\x00\x22", 5 }, "nistp384", 384 },
                { { "\x2b\x81\x04\x00\x23", 5 }, "nistp521", 521 },
        };
        for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
                if (sv_eq(oid, curves[i].oid)) {
                        *ret_name = sv_of(curves[i].name);
                        *ret_bits = curves[i].bits;
                        return true;
                }
        return false;
}

/* A key whose public half is not known: at least its name and size. */
static void name_ecdsa(struct sv curve, unsigned bits, struct sshkey *key)
{
        snprintf(key->algorithm, sizeof(key->algorithm), "ecdsa-sha2-%.*s", SV_ARG(curve));
        key->type = "ecdsa";
        key->bits = bits;
}

static bool ec_blob(struct sv curve, struct sv point, struct sshkey *key)
{
        CLEANUP_WIPE struct buf blob = { 0 };
        char name[32];
        if (point.n < 3 || point.p[0] != 4) /* SSH knows uncompressed points only (RFC 5656 §3.1) */
                return false;
        int length = snprintf(name, sizeof(name), "ecdsa-sha2-%.*s", SV_ARG(curve));
        buf_init(&blob, SSHKEY_MAX_BLOB);
        wire_put_string(&blob, sv_n(name, (size_t)length));
        wire_put_string(&blob, curve);
        wire_put_string(&blob, point);
        return describe(&blob, key);
}

/* curve_oid: from PKCS#8, where the inner structure does not repeat it; empty otherwise. */
static bool ec_private(struct sv der, struct sv curve_oid, struct sshkey *key)
{
        struct sv sequence, version, secret, parameters, oid = curve_oid, wrapped, point = SV(""), curve;
        unsigned bits;
        if (!der_take(&der, DER_SEQUENCE, &sequence) || !der_take(&sequence, DER_INTEGER, &version) ||
                !der_take(&sequence, DER_OCTET_STRING, &secret))
                return false;
        if (der_take(&sequence, DER_CONTEXT_0, &parameters) && !der_take(&parameters, DER_OID, &oid))
                return false;
        if (!curve_of(oid, &curve, &bits))
                return false;
        if (der_take(&sequence, DER_CONTEXT_1, &wrapped) && der_bits(&wrapped, DER_BIT_STRING, &point) &&
                ec_blob(curve, point, key))
                return true;
        CLEANUP_WIPE struct buf derived = { 0 };
        buf_init(&derived, 256);
        name_ecdsa(curve, bits, key);
        if (derive_ecdsa(curve, secret, &derived))
                ec_blob(curve, sv_n(derived.data, derived.len), key);
        return true;
}

bool pem_ec_private(struct sv der, struct sshkey *key)
{
        return ec_private(der, SV(""), key);
}

static bool dsa_parameters(struct sv algorithm, struct sv *p, struct sv *q, struct sv *g)
{
        struct sv sequence;
        return der_take(&algorithm, DER_SEQUENCE, &sequence) && der_take(&sequence, DER_INTEGER, p) &&
               der_take(&sequence, DER_INTEGER, q) && der_take(&sequence, DER_INTEGER, g);
}

static bool ed25519_blob(struct sv public_key, struct sshkey *key)
{
        CLEANUP_WIPE struct buf blob = { 0 };
        if (public_key.n != 32)
                return false;
        buf_init(&blob, SSHKEY_MAX_BLOB);
        wire_put_string(&blob, SV("ssh-ed25519"));
        wire_put_string(&blob, public_key);
        return describe(&blob, key);
}

bool pem_pkcs8_private(struct sv der, struct sshkey *key)
{
        struct sv sequence, version, algorithm, oid, content, p, q, g, inner;
        if (!der_take(&der, DER_SEQUENCE, &sequence) || !der_take(&sequence, DER_INTEGER, &version) ||
                !der_take(&sequence, DER_SEQUENCE, &algorithm) || !der_take(&algorithm, DER_OID, &oid) ||
                !der_take(&sequence, DER_OCTET_STRING, &content))
                return false;
        if (sv_eq(oid, OID_RSA))
                return pem_rsa_private(content, key);
        CLEANUP_WIPE struct buf derived = { 0 };
        buf_init(&derived, SSHKEY_MAX_BLOB);
        if (sv_eq(oid, OID_EC)) {
                struct sv curve = SV("");
                der_take(&algorithm, DER_OID, &curve);
                return ec_private(content, curve, key);
        }
        if (sv_eq(oid, OID_DSA))
                return dsa_parameters(algorithm, &p, &q, &g) && der_take(&content, DER_INTEGER, &inner) &&
                       derive_dsa(p, g, inner, &derived) && dsa_blob(p, q, g, sv_n(derived.data, derived.len), key);
        if (sv_eq(oid, OID_ED25519))
                return der_take(&content, DER_OCTET_STRING, &inner) && derive_ed25519(inner, &derived) &&
                       ed25519_blob(sv_n(derived.data, derived.len), key);
        return false;
}

bool pem_pkcs8_public(struct sv der, struct sshkey *key)
{
        struct sv sequence, algorithm, oid, bits, p, q, g, y, curve_oid, curve;
        unsigned size;
        if (!der_take(&der, DER_SEQUENCE, &sequence) || !der_take(&sequence, DER_SEQUENCE, &algorithm) ||
                !der_take(&algorithm, DER_OID, &oid) || !der_bits(&sequence, DER_BIT_STRING, &bits))
                return false;
        if (sv_eq(oid, OID_RSA))
                return pem_rsa_public(bits, key);
        if (sv_eq(oid, OID_DSA))
                return dsa_parameters(algorithm, &p, &q, &g) && der_take(&bits, DER_INTEGER, &y) &&
                       dsa_blob(p, q, g, y, key);
        if (sv_eq(oid, OID_EC))
                return der_take(&algorithm, DER_OID, &curve_oid) && curve_of(curve_oid, &curve, &size) &&
                       ec_blob(curve, bits, key);
        return sv_eq(oid, OID_ED25519) && ed25519_blob(bits, key);
}
