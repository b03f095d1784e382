#include "lib/sshkey/sshkey.h"

#include "lib/sshkey/private.h"

#include "base/encode.h"
#include "base/path.h"

struct walk {
        struct sv rest;
        size_t line; /* of what was taken last */
        enum sshkey_kind kind;
        struct sshkey_counts counts;
        sshkey_visit *visit;
        void *cookie;
        int verdict;
};

static bool next_line(struct walk *walk, struct sv *ret)
{
        if (!sv_line(&walk->rest, ret))
                return false;
        *ret = sv_trim(*ret);
        walk->line++;
        return true;
}

static struct sshkey new_key(enum sshkey_kind kind, enum sshkey_format format, size_t line)
{
        return (struct sshkey){ .kind = kind, .format = format, .type = "unknown", .line = line };
}

static void hand_out(struct walk *walk, const struct sshkey *key)
{
        if (walk->counts.keys >= SSHKEY_MAX_KEYS) {
                walk->counts.refused++;
                return;
        }
        walk->counts.keys++;
        walk->verdict = walk->visit(key, walk->cookie);
}

/* Base64 with line ends in it. The whole room is taken first, so that no copy of a private key is left behind by a
 * growing buffer. */
static bool decode(struct sv text, struct buf *out)
{
        CLEANUP_WIPE struct buf compact = { 0 };
        buf_init(&compact, SSHKEY_MAX_TEXT);
        buf_init(out, SSHKEY_MAX_BLOB);
        if (text.n > SSHKEY_MAX_BLOB || !buf_reserve(&compact, text.n + 1) || !buf_reserve(out, text.n + 1))
                return false;
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] > ' ')
                        buf_putc(&compact, text.p[i]);
        return compact.len > 0 && base64_decode(sv_n(compact.data, compact.len), out);
}

/* --- one key a line --- */

/* Options end at the first space outside double quotes (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
static bool skip_options(struct sv *rest)
{
        bool quoted = false;
        size_t i = 0;
        for (; i < rest->n && (quoted || (rest->p[i] != ' ' && rest->p[i] != '\t')); i++) {
                if (rest->p[i] == '\\' && i + 1 < rest->n && rest->p[i + 1] == '"')
                        i++;
                else if (rest->p[i] == '"')
                        quoted = !quoted;
        }
        if (quoted || i >= rest->n)
                return false;
        *rest = sv_trim(sv_n(rest->p + i, rest->n - i));
        return true;
}

static bool key_from(struct sv rest, struct sshkey *key)
{
        struct sv name, base64, inner;
        CLEANUP_WIPE struct buf blob = { 0 };
        if (!sv_word(&rest, &name) || !sshkey_known_algorithm(name) || !sv_word(&rest, &base64) ||
                !decode(base64, &blob))
                return false;
        struct sv bytes = sv_n(blob.data, blob.len);
        if (!wire_string(&bytes, &inner) || !sv_eq(inner, name) || !sshkey_describe(sv_n(blob.data, blob.len), key))
                return false;
        sshkey_set_comment(key, sv_trim(rest));
        return true;
}

static bool begins_with_key(struct sv line)
{
        struct sv name;
        return sv_word(&line, &name) && sshkey_known_algorithm(name);
}

static void read_line(struct walk *walk, struct sv line)
{
        struct sshkey key = new_key(walk->kind, SSHKEY_FORMAT_LINE, walk->line);
        struct sv rest = line, word;
        if (line.n == 0 || line.p[0] == '#')
                return;
        if (walk->kind == SSHKEY_KNOWN_HOSTS) {
                if (line.p[0] == '@')
                        sv_word(&rest, &word);
                sv_word(&rest, &word);
                rest = sv_trim(rest);
        } else if (!begins_with_key(line)) {
                key.has_options = skip_options(&rest) && begins_with_key(rest);
        }
        bool looks = begins_with_key(rest) || walk->kind != SSHKEY_PUBLIC || sv_starts(line, SV("ssh-")) ||
                     sv_starts(line, SV("ecdsa-sha2-")) || sv_starts(line, SV("sk-"));
        if (key_from(rest, &key))
                hand_out(walk, &key);
        else
                walk->counts.unparsable += looks; /* any other text in a .pub file is not a key at all */
}

/* --- armour --- */

typedef bool armour_reader(struct sv bytes, struct sshkey *key);

static const struct armour {
        const char *label;
        enum sshkey_kind kind;
        enum sshkey_format format;
        armour_reader *read;
} armours[] = {
        { "RSA PRIVATE KEY", SSHKEY_PRIVATE, SSHKEY_FORMAT_PEM, pem_rsa_private },
        { "DSA PRIVATE KEY", SSHKEY_PRIVATE, SSHKEY_FORMAT_PEM, pem_dsa_private },
        { "EC PRIVATE KEY", SSHKEY_PRIVATE, SSHKEY_FORMAT_PEM, pem_ec_private },
        { "RSA PUBLIC KEY", SSHKEY_PUBLIC, SSHKEY_FORMAT_PEM, pem_rsa_public },
        { "PRIVATE KEY", SSHKEY_PRIVATE, SSHKEY_FORMAT_PKCS8, pem_pkcs8_private },
        { "PUBLIC KEY", SSHKEY_PUBLIC, SSHKEY_FORMAT_PKCS8, pem_pkcs8_public },
        { "ENCRYPTED PRIVATE KEY", SSHKEY_PRIVATE, SSHKEY_FORMAT_PKCS8, NULL },
        { "OPENSSH PRIVATE KEY", SSHKEY_PRIVATE, SSHKEY_FORMAT_OPENSSH, openssh_private },
};

static const struct armour *armour_of(struct sv line)
{
        struct sv begin = SV("-----BEGIN "), end = SV("-----");
        if (!sv_starts(line, begin) || !sv_ends(line, end) || line.n < begin.n + end.n)
                return NULL;
        struct sv label = sv_n(line.p + begin.n, line.n - begin.n - end.n);
        for (size_t i = 0; i < sizeof(armours) / sizeof(armours[0]); i++)
                if (sv_eq(label, sv_of(armours[i].label)))
                        return &armours[i];
        return NULL;
}

/* The lines up to the one that starts with `end`; the headers before them (RFC 1421, RFC 4716: "Name: value", a
 * backslash continues) are looked at for a comment and for encryption. False: the end is missing. */
static bool read_body(struct walk *walk, const char *end, struct sshkey *key, struct sv *ret_body)
{
        struct sv line;
        const char *begin = walk->rest.p ? walk->rest.p : "";
        bool continued = false;
        bool headers = true;
        while (next_line(walk, &line)) {
                if (sv_starts(line, sv_of(end))) {
                        *ret_body = line.p > begin ? sv_n(begin, (size_t)(line.p - begin)) : SV("");
                        return true;
                }
                size_t colon = sv_find(line, ':');
                if (!headers || (!continued && colon == line.n && line.n > 0)) {
                        headers = false;
                        continue;
                }
                struct sv name = sv_n(line.p, continued ? 0 : colon);
                struct sv value = colon < line.n ? sv_trim(sv_n(line.p + colon + 1, line.n - colon - 1)) : SV("");
                if (sv_eq_nocase(name, SV("Proc-Type")) && sv_ends(value, SV("ENCRYPTED")))
                        key->encrypted = true;
                if (sv_eq_nocase(name, SV("Comment"))) {
                        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
                                value = sv_n(value.p + 1, value.n - 2);
                        sshkey_set_comment(key, value);
                }
                continued = sv_ends(line, SV("\\"));
                begin = walk->rest.p ? walk->rest.p : begin;
        }
        return false;
}

static void read_armour(struct walk *walk, const struct armour *armour)
{
        struct sshkey key = new_key(armour->kind, armour->format, walk->line);
        struct sv body;
        CLEANUP_WIPE struct buf bytes = { 0 };
        if (!read_body(walk, "-----END ", &key, &body)) {
                walk->counts.unparsable++;
                return;
        }
        if (!armour->read)
                key.encrypted = true;
        if (!armour->read || key.encrypted) { /* the label is all that is readable */
                struct sv label = sv_of(armour->label);
                key.type = sv_starts(label, SV("RSA"))   ? "rsa"
                           : sv_starts(label, SV("DSA")) ? "dsa"
                           : sv_starts(label, SV("EC ")) ? "ecdsa"
                                                         : "unknown";
                hand_out(walk, &key);
        } else if (decode(body, &bytes) && armour->read(sv_n(bytes.data, bytes.len), &key)) {
                hand_out(walk, &key);
        } else {
                walk->counts.unparsable++;
        }
}

static void read_rfc4716(struct walk *walk)
{
        struct sshkey key = new_key(SSHKEY_PUBLIC, SSHKEY_FORMAT_RFC4716, walk->line);
        struct sv body;
        CLEANUP_WIPE struct buf bytes = { 0 };
        if (read_body(walk, "---- END ", &key, &body) && decode(body, &bytes) &&
                sshkey_describe(sv_n(bytes.data, bytes.len), &key))
                hand_out(walk, &key);
        else
                walk->counts.unparsable++;
}

/* PuTTY's manual, appendix "PPK file format": headers, then the public blob in a stated number of lines. */
static void read_ppk(struct walk *walk)
{
        struct sshkey key = new_key(SSHKEY_PRIVATE, SSHKEY_FORMAT_PPK, walk->line);
        struct sv line;
        CLEANUP_WIPE struct buf bytes = { 0 };
        while (next_line(walk, &line)) {
                size_t colon = sv_find(line, ':');
                struct sv name = sv_n(line.p, colon);
                struct sv value = colon < line.n ? sv_trim(sv_n(line.p + colon + 1, line.n - colon - 1)) : SV("");
                uint64_t count;
                if (sv_eq(name, SV("Encryption"))) {
                        key.encrypted = !sv_eq(value, SV("none"));
                } else if (sv_eq(name, SV("Comment"))) {
                        sshkey_set_comment(&key, value);
                } else if (sv_eq(name, SV("Public-Lines")) && sv_parse_u64(value, 10, &count)) {
                        const char *begin = walk->rest.p;
                        for (; count > 0 && next_line(walk, &line); count--)
                                ;
                        if (begin && count == 0 && line.p >= begin &&
                                decode(sv_n(begin, (size_t)(line.p + line.n - begin)), &bytes) &&
                                sshkey_describe(sv_n(bytes.data, bytes.len), &key)) {
                                hand_out(walk, &key);
                                return;
                        }
                        break;
                }
        }
        walk->counts.unparsable++;
}

int sshkey_parse(
        struct sv text, enum sshkey_kind kind, sshkey_visit *visit, void *cookie, struct sshkey_counts *ret_counts)
{
        struct walk walk = { .rest = text, .kind = kind, .visit = visit, .cookie = cookie };
        struct sv line;
        if (text.n > SSHKEY_MAX_TEXT) {
                walk.counts.refused++;
                walk.rest.n = SSHKEY_MAX_TEXT;
        }
        bool private_lines = false; /* what follows a PuTTY or unknown armour is not key lines */
        while (walk.verdict == 0 && next_line(&walk, &line)) {
                const struct armour *armour = armour_of(line);
                if (armour) {
                        read_armour(&walk, armour);
                } else if (sv_starts(line, SV("---- BEGIN SSH2 PUBLIC KEY"))) {
                        read_rfc4716(&walk);
                } else if (sv_starts(line, SV("PuTTY-User-Key-File-2:")) ||
                           sv_starts(line, SV("PuTTY-User-Key-File-3:"))) {
                        private_lines = true;
                        read_ppk(&walk);
                } else if (sv_starts(line, SV("-----BEGIN ")) || sv_starts(line, SV("---- BEGIN "))) {
                        private_lines = true;
                } else if (sv_starts(line, SV("-----END ")) || sv_starts(line, SV("---- END "))) {
                        private_lines = false;
                } else if (!private_lines) {
                        read_line(&walk, line);
                }
        }
        if (ret_counts)
                *ret_counts = walk.counts;
        return walk.verdict;
}

enum sshkey_kind sshkey_kind_of_path(struct sv path)
{
        struct sv name = path_base(path);
        if (sv_starts(name, SV("authorized_keys")))
                return SSHKEY_AUTHORIZED_KEYS;
        if (sv_starts(name, SV("known_hosts")) || sv_eq(name, SV("ssh_known_hosts")))
                return SSHKEY_KNOWN_HOSTS;
        return SSHKEY_PUBLIC;
}

bool sshkey_likely(struct sv text)
{
        static const char *const marks[] = { "PRIVATE KEY-----", "PUBLIC KEY-----", "BEGIN SSH2 PUBLIC KEY",
                "PuTTY-User-Key-File-", "ssh-rsa", "ssh-dss", "ssh-ed25519", "ssh-ed448", "ecdsa-sha2-nistp" };
        if (text.n > SSHKEY_MAX_TEXT)
                text.n = SSHKEY_MAX_TEXT;
        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
                if (text.n > 0 && memmem(text.p, text.n, marks[i], strlen(marks[i])))
                        return true;
        return false;
}

const char *sshkey_kind_name(enum sshkey_kind kind)
{
        static const char *const names[] = { "private", "public", "authorizedkeys", "knownhosts" };
        return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "public";
}

const char *sshkey_format_name(enum sshkey_format format)
{
        static const char *const names[] = { "line", "rfc4716", "pem", "pkcs8", "openssh", "ppk" };
        return format < sizeof(names) / sizeof(names[0]) ? names[format] : "line";
}
