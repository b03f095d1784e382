/* Signatures of ssh-keygen -Y, and lines of trusted keys. */
#include "lib/sshkey/sshsig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t key[SSHSIG_KEY_SIZE];
        char fingerprint[SSHSIG_FINGERPRINT_MAX];
        struct error err;
        struct sv text = sv_n((const char *)data, size);
        if (sshsig_verify(text, SV("message\n"), "tarsier", key, &err) == 0 || sshsig_key_of_line(text, key))
                sshsig_fingerprint(key, fingerprint);
        return 0;
}
