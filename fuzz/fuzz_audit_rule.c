/* auditctl's language: a line parses to bytes that format to a line which parses to the same bytes; and any bytes as a
 * rule. The first byte chooses. */
#include "lib/auditrule/auditrule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool no_directory(void *cookie, const char *path)
{
        (void)cookie;
        return strlen(path) % 2;
}

static bool some_id(void *cookie, const char *name, uint32_t *ret)
{
        (void)cookie;
        *ret = (uint32_t)strlen(name);
        return true;
}

static void check(bool holds)
{
        if (!holds)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct auditrule_options options = {
                .is_directory = no_directory, .user = some_id, .group = some_id, .arch = "x86_64"
        };
        struct auditrule rule, again;
        struct buf text;
        if (size == 0)
                return 0;
        struct sv input = sv_n((const char *)data + 1, size - 1);
        auditrule_init(&rule);
        auditrule_init(&again);
        buf_init(&text, 1 << 17);
        if (data[0] % 2 == 0) {
                (void)auditrule_format(input, &text, NULL);
                check(auditrule_key(input).n <= input.n);
        } else if (auditrule_parse(input, &options, &rule, NULL) == 0 && rule.kind == AUDITRULE_ADD) {
                check(auditrule_format(auditrule_bytes(&rule), &text, NULL) == 0);
                if (auditrule_parse(sv_n(buf_text(&text), text.len), &options, &again, NULL) == 0)
                        check(sv_eq(auditrule_bytes(&rule), auditrule_bytes(&again)));
                (void)auditrule_put_key(&rule, "tarsier", NULL);
                check(auditrule_key(auditrule_bytes(&rule)).n <= AUDIT_MAX_KEY_LEN);
        }
        buf_done(&text);
        auditrule_done(&again);
        auditrule_done(&rule);
        return 0;
}
