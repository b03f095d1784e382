/* Signatures as `ssh-keygen -Y sign` writes them (OpenSSH's PROTOCOL.sshsig), by Ed25519 keys only. Pure. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

enum {
        SSHSIG_TEXT_MAX = 16 << 10,
        SSHSIG_KEY_SIZE = 32,
        SSHSIG_FINGERPRINT_MAX = 64,
};

/* Is this text a signature over message, made for this namespace? Then 0, and the key that made it in ret_key: whether
 * that key is trusted is for the caller to say. E_INVALID for a text that is no signature, or one of another kind of
 * key or namespace; E_UNAUTHENTICATED when it does not fit the message. */
int sshsig_verify(
        struct sv text, struct sv message, const char *name_space, uint8_t ret_key[SSHSIG_KEY_SIZE], struct error *err);

/* The key of a line "ssh-ed25519 AAAA… comment"; false for any other line, also one with options. */
bool sshsig_key_of_line(struct sv line, uint8_t ret_key[SSHSIG_KEY_SIZE]);

/* "SHA256:…" as ssh-keygen -l shows it. */
void sshsig_fingerprint(const uint8_t key[SSHSIG_KEY_SIZE], char ret[SSHSIG_FINGERPRINT_MAX]);
