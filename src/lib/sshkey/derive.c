#include "lib/sshkey/derive.h"

#include <gmp.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/eddsa.h>

enum { MAX_NUMBER = 1024 }; /* bytes: 8192 bits, so that a hostile file cannot ask for hours of arithmetic */

static void load(mpz_t number, struct sv big_endian)
{
        mpz_init(number);
        mpz_import(number, big_endian.n, 1, 1, 1, 0, big_endian.p);
}

/* Big-endian, filled up with zeros to `size` bytes. */
static void store(struct buf *out, const mpz_t number, size_t size)
{
        size_t have = (mpz_sizeinbase(number, 2) + 7) / 8;
        if (mpz_sgn(number) == 0)
                have = 0;
        for (size_t i = have; i < size; i++)
                buf_putc(out, '\0');
        char *room = buf_reserve(out, have);
        if (!room || have == 0)
                return;
        mpz_export(room, NULL, 1, 1, 1, 0, number);
        out->len += have;
}

/* mpz_clear frees without clearing. */
static void forget(mpz_t number)
{
        size_t limbs = mpz_size(number);
        if (limbs > 0)
                explicit_bzero(mpz_limbs_modify(number, (mp_size_t)limbs), limbs * sizeof(mp_limb_t));
        mpz_clear(number);
}

bool derive_dsa(struct sv p, struct sv g, struct sv x, struct buf *out)
{
        if (p.n > MAX_NUMBER || g.n > MAX_NUMBER || x.n > MAX_NUMBER)
                return false;
        mpz_t modulus, generator, exponent, result;
        load(modulus, p);
        load(generator, g);
        load(exponent, x);
        mpz_init(result);
        bool sound = mpz_odd_p(modulus) && mpz_cmp_ui(modulus, 1) > 0 && mpz_sgn(exponent) > 0;
        if (sound) {
                mpz_powm_sec(result, generator, exponent, modulus);
                store(out, result, 0);
        }
        mpz_clear(modulus);
        mpz_clear(generator);
        forget(exponent);
        mpz_clear(result);
        return sound && !out->failed;
}

bool derive_ecdsa(struct sv curve_name, struct sv secret, struct buf *out)
{
        const struct ecc_curve *curve = sv_eq(curve_name, SV("nistp256"))   ? nettle_get_secp_256r1()
                                        : sv_eq(curve_name, SV("nistp384")) ? nettle_get_secp_384r1()
                                        : sv_eq(curve_name, SV("nistp521")) ? nettle_get_secp_521r1()
                                                                            : NULL;
        if (!curve || secret.n > MAX_NUMBER)
                return false;
        size_t size = (ecc_bit_size(curve) + 7) / 8;
        struct ecc_scalar scalar;
        struct ecc_point point;
        mpz_t number, x, y;
        load(number, secret);
        ecc_scalar_init(&scalar, curve);
        ecc_point_init(&point, curve);
        bool sound = ecc_scalar_set(&scalar, number); /* 0 < number < the group's order */
        if (sound) {
                mpz_init(x);
                mpz_init(y);
                ecc_point_mul_g(&point, &scalar);
                ecc_point_get(&point, x, y);
                buf_putc(out, 4);
                store(out, x, size);
                store(out, y, size);
                mpz_clear(x);
                mpz_clear(y);
        }
        ecc_scalar_clear(&scalar);
        ecc_point_clear(&point);
        forget(number);
        return sound && !out->failed;
}

bool derive_ed25519(struct sv seed, struct buf *out)
{
        if (seed.n != ED25519_KEY_SIZE)
                return false;
        char *room = buf_reserve(out, ED25519_KEY_SIZE);
        if (!room)
                return false;
        ed25519_sha512_public_key((uint8_t *)room, (const uint8_t *)seed.p);
        out->len += ED25519_KEY_SIZE;
        return true;
}
