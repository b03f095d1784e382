/* Finds and describes SSH keys in a file's text, whatever the format: authorized_keys and known_hosts lines, *.pub,
 * RFC 4716, PEM (PKCS#1 RSA, DSA, SEC1 EC), PKCS#8, OpenSSH's own private format, PuTTY's .ppk. Only what is public
 * comes out: type, size, comment, fingerprints. Key material is never copied. Pure. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

enum {
        SSHKEY_MAX_TEXT = 1 << 20, /* bytes of a file that are looked at (MIG's limit) */
        SSHKEY_MAX_KEYS = 1 << 14, /* keys of one file */
        SSHKEY_MAX_BLOB = 64 << 10,
        SSHKEY_MAX_COMMENT = 256,
};

enum sshkey_kind {
        SSHKEY_PRIVATE,
        SSHKEY_PUBLIC,
        SSHKEY_AUTHORIZED_KEYS, /* a line of an authorized_keys file */
        SSHKEY_KNOWN_HOSTS,     /* a line of a known_hosts file */
};

enum sshkey_format {
        SSHKEY_FORMAT_LINE,    /* "ssh-ed25519 AAAA… comment", with or without options or hosts before it */
        SSHKEY_FORMAT_RFC4716, /* ---- BEGIN SSH2 PUBLIC KEY ---- */
        SSHKEY_FORMAT_PEM,     /* PKCS#1 RSA, traditional DSA, SEC1 EC; also RSA PUBLIC KEY */
        SSHKEY_FORMAT_PKCS8,   /* PRIVATE KEY, ENCRYPTED PRIVATE KEY, PUBLIC KEY */
        SSHKEY_FORMAT_OPENSSH,
        SSHKEY_FORMAT_PPK,
};

struct sshkey {
        enum sshkey_kind kind;
        enum sshkey_format format;
        const char *type;   /* "rsa", "dsa", "ecdsa", "ed25519", "ecdsa-sk", "ed25519-sk", "unknown" */
        char algorithm[64]; /* the wire name: "ecdsa-sha2-nistp256", "ssh-rsa-cert-v01@openssh.com"; "" = unknown */
        unsigned bits;      /* 0 = unknown */
        bool certificate;
        bool encrypted;       /* needs a passphrase */
        bool has_fingerprint; /* false: the public half is not readable (encrypted PEM, EC without its point) */
        bool has_options;     /* authorized_keys options stand before the key */
        char md5[3 * 16];     /* "aa:bb:…" of the public blob */
        char sha256[sizeof("SHA256:") + 43];
        char comment[SSHKEY_MAX_COMMENT]; /* cut to fit; invalid bytes replaced by '?' */
        size_t line;                      /* where it begins, 1 = first */
};

struct sshkey_counts {
        size_t keys;       /* handed out */
        size_t unparsable; /* lines or blocks that look like a key and cannot be read */
        size_t refused;    /* beyond a ceiling */
};

/* kind says what a plain key line is: SSHKEY_PUBLIC, SSHKEY_AUTHORIZED_KEYS or SSHKEY_KNOWN_HOSTS (see
 * sshkey_kind_of_path). The other formats say themselves what they are. A visit that returns non-zero ends the walk;
 * that value is returned, else 0. */
typedef int sshkey_visit(const struct sshkey *key, void *cookie);
int sshkey_parse(
        struct sv text, enum sshkey_kind kind, sshkey_visit *visit, void *cookie, struct sshkey_counts *ret_counts);

/* By the file's name: authorized_keys*, known_hosts*, else SSHKEY_PUBLIC. */
enum sshkey_kind sshkey_kind_of_path(struct sv path);

/* Could this file hold a key? A cheap look at its first bytes and lines, for walkers. */
bool sshkey_likely(struct sv text);

const char *sshkey_kind_name(enum sshkey_kind kind);       /* "private", "public", "authorizedkeys", "knownhosts" */
const char *sshkey_format_name(enum sshkey_format format); /* "line", "rfc4716", "pem", "pkcs8", "openssh", "ppk" */
