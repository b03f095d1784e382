/* The public key blob of SSH (RFC 4253 §6.6): the one form from which type, size and fingerprints are taken. All other
 * formats are brought into it. */
#pragma once

#include "base/buf.h"
#include "lib/sshkey/sshkey.h"

/* Takes a uint32 length and that many bytes off *rest; false when they are not there. */
bool wire_string(struct sv *rest, struct sv *ret);
bool wire_u32(struct sv *rest, uint32_t *ret);

void wire_put_string(struct buf *out, struct sv text);
void wire_put_integer(struct buf *out, struct sv big_endian); /* unsigned magnitude, as an mpint */

/* The wire names this folder knows ("ssh-rsa" … and their certificates). */
bool sshkey_known_algorithm(struct sv name);

/* Sets type, algorithm, bits, certificate and, when the blob is whole, both fingerprints. False: not a key blob. */
bool sshkey_describe(struct sv blob, struct sshkey *key);

/* The fields of the private half of this algorithm, which stand before the comment in OpenSSH's own format: 's' a
 * string, 'b' a byte. NULL when unknown. */
const char *sshkey_private_fields(struct sv algorithm);

/* Clears the bytes before they are freed: the buffer held a private key. */
void wipe(struct buf *buf);
#define CLEANUP_WIPE __attribute__((cleanup(wipe)))
