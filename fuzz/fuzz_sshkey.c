/* SSH key files of every format; the first byte chooses what a plain line means. */
#include "lib/sshkey/sshkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(const struct sshkey *key, void *cookie)
{
        size_t *sum = cookie;
        *sum += strlen(key->type) + strlen(key->algorithm) + strlen(key->md5) + strlen(key->sha256) +
                strlen(key->comment);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sshkey_counts counts;
        size_t sum = 0;
        if (size == 0)
                return 0;
        enum sshkey_kind kind = data[0] == 'a'   ? SSHKEY_AUTHORIZED_KEYS
                                : data[0] == 'k' ? SSHKEY_KNOWN_HOSTS
                                                 : SSHKEY_PUBLIC;
        struct sv text = sv_n((const char *)data + 1, size - 1);
        sshkey_likely(text);
        sshkey_parse(text, kind, look, &sum, &counts);
        return 0;
}
