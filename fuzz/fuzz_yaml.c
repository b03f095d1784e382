/* YAML: no crash, and what was read can be written and read again as JSON with the same value. */
#include "schema/json.h"
#include "schema/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct error err;
        json_t *loose = yaml_parse(sv_n((const char *)bytes, size), false, &err);
        json_t *strict = yaml_parse(sv_n((const char *)bytes, size), true, &err);
        if (strict && !json_equal(strict, loose))
                abort();
        char *text = loose ? json_dumps(loose, JSON_ENCODE_ANY) : NULL;
        if (text && strlen(text) < JSON_MESSAGE_MAX) {
                json_t *again = json_parse(sv_of(text), true, &err);
                if (!again || !json_equal(again, loose))
                        abort();
                json_decref(again);
        }
        free(text);
        json_decref(loose);
        json_decref(strict);
        return 0;
}
