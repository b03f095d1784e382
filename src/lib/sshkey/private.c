#include "lib/sshkey/private.h"

#include "base/encode.h"

void sshkey_set_comment(struct sshkey *key, struct sv comment)
{
        size_t length = 0;
        while (comment.n > 0) {
                uint32_t point = 0;
                size_t size = utf8_decode(comment, &point);
                size_t step = size ? size : 1;
                if (length + step >= sizeof(key->comment))
                        break;
                if (size == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
                        key->comment[length++] = '?';
                else {
                        memcpy(key->comment + length, comment.p, size);
                        length += size;
                }
                comment = sv_n(comment.p + step, comment.n - step);
        }
        key->comment[length] = '\0';
}

/* The comment stands behind the private fields, readable only without a passphrase (PROTOCOL.key). */
static bool private_comment(struct sv section, struct sv *ret)
{
        uint32_t check_a, check_b;
        struct sv name, field;
        if (!wire_u32(&section, &check_a) || !wire_u32(&section, &check_b) || check_a != check_b ||
                !wire_string(&section, &name))
                return false;
        const char *fields = sshkey_private_fields(name);
        for (; fields && *fields; fields++) {
                if (*fields == 'b') {
                        if (section.n == 0)
                                return false;
                        section = sv_n(section.p + 1, section.n - 1);
                } else if (!wire_string(&section, &field)) {
                        return false;
                }
        }
        return fields && wire_string(&section, ret);
}

bool openssh_private(struct sv bytes, struct sshkey *key)
{
        static const char magic[] = "openssh-key-v1"; /* with its NUL */
        struct sv cipher, kdf, kdf_options, blob, section, comment;
        uint32_t count;
        if (bytes.n < sizeof(magic) || memcmp(bytes.p, magic, sizeof(magic)) != 0)
                return false;
        struct sv rest = sv_n(bytes.p + sizeof(magic), bytes.n - sizeof(magic));
        if (!wire_string(&rest, &cipher) || !wire_string(&rest, &kdf) || !wire_string(&rest, &kdf_options) ||
                !wire_u32(&rest, &count) || count != 1 || !wire_string(&rest, &blob))
                return false;
        key->encrypted = !sv_eq(cipher, SV("none"));
        if (!sshkey_describe(blob, key))
                return false;
        if (!key->encrypted && wire_string(&rest, &section) && private_comment(section, &comment))
                sshkey_set_comment(key, comment);
        return true;
}
