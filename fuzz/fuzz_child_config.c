/* The configuration reader of libtarsier-child: what it takes must serialize to something it takes again, alike. */
#include "tarsier/child.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void round_trip(const struct tarsier_config *config)
{
        size_t length;
        char *json = tarsier_config_serialize(config, &length);
        struct tarsier_config *again = tarsier_config_new();
        if (json && again) {
                if (tarsier_config_merge(again, json, length) < 0 ||
                        tarsier_config_count(again) != tarsier_config_count(config))
                        abort();
                const char *key, *value;
                for (size_t i = 0; tarsier_config_at(config, i, &key, &value) == 0; i++)
                        if (strcmp(tarsier_config_get(again, key), value) != 0)
                                abort();
        }
        free(json);
        tarsier_config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct tarsier_config *config = tarsier_config_new();
        char *text = malloc(size + 1);
        if (config && text) {
                memcpy(text, bytes, size);
                text[size] = '\0';
                if (tarsier_config_merge(config, text, size) == 0)
                        round_trip(config);
                tarsier_config_merge_encoded(config, text);
        }
        free(text);
        tarsier_config_free(config);
        return 0;
}
