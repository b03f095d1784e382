#include "config_internal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct pair {
        char *key;
        char *value;
};

struct tarsier_config {
        struct pair *pairs;
        size_t count;
        size_t capacity;
};

struct tarsier_config *tarsier_config_new(void)
{
        return calloc(1, sizeof(struct tarsier_config));
}

void tarsier_config_free(struct tarsier_config *config)
{
        if (!config)
                return;
        for (size_t i = 0; i < config->count; i++) {
                free(config->pairs[i].key);
                free(config->pairs[i].value);
        }
        free(config->pairs);
        free(config);
}

static struct pair *find(const struct tarsier_config *config, const char *key)
{
        for (size_t i = 0; i < config->count; i++)
                if (strcmp(config->pairs[i].key, key) == 0)
                        return &config->pairs[i];
        return NULL;
}

static int append_pair(struct tarsier_config *config, char *key, char *value)
{
        if (config->count == TARSIER_CONFIG_KEYS_MAX)
                return TARSIER_CHILD_ERR_TOO_MANY;
        if (config->count == config->capacity) {
                size_t capacity = config->capacity ? config->capacity * 2 : 8;
                struct pair *pairs = realloc(config->pairs, capacity * sizeof(*pairs));
                if (!pairs)
                        return TARSIER_CHILD_ERR_NO_MEMORY;
                config->pairs = pairs;
                config->capacity = capacity;
        }
        config->pairs[config->count++] = (struct pair){ key, value };
        return TARSIER_CHILD_OK;
}

int tarsier_config_set(struct tarsier_config *config, const char *key, const char *value)
{
        struct pair *pair = find(config, key);
        char *copy = strdup(value);
        if (!copy)
                return TARSIER_CHILD_ERR_NO_MEMORY;
        if (pair) {
                free(pair->value);
                pair->value = copy;
                return TARSIER_CHILD_OK;
        }
        char *name = strdup(key);
        int result = name ? append_pair(config, name, copy) : TARSIER_CHILD_ERR_NO_MEMORY;
        if (result < 0) {
                free(name);
                free(copy);
        }
        return result;
}

const char *tarsier_config_get(const struct tarsier_config *config, const char *key)
{
        const struct pair *pair = find(config, key);
        return pair ? pair->value : NULL;
}

void tarsier_config_clear(struct tarsier_config *config, const char *key)
{
        struct pair *pair = find(config, key);
        if (!pair)
                return;
        free(pair->key);
        free(pair->value);
        size_t index = (size_t)(pair - config->pairs);
        memmove(pair, pair + 1, (config->count - index - 1) * sizeof(*pair));
        config->count--;
}

size_t tarsier_config_count(const struct tarsier_config *config)
{
        return config->count;
}

int tarsier_config_at(const struct tarsier_config *config, size_t index, const char **ret_key, const char **ret_value)
{
        if (index >= config->count)
                return -1;
        *ret_key = config->pairs[index].key;
        *ret_value = config->pairs[index].value;
        return 0;
}

static char *put_string(char *out, const char *text)
{
        static const char digits[] = "0123456789abcdef";
        *out++ = '"';
        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;
                if (c == '"' || c == '\\') {
                        *out++ = '\\';
                        *out++ = (char)c;
                } else if (c < 0x20) {
                        memcpy(out, "\\u00", 4);
                        out[4] = digits[c >> 4];
                        out[5] = digits[c & 15];
                        out += 6;
                } else {
                        *out++ = (char)c;
                }
        }
        *out++ = '"';
        return out;
}

char *tarsier_config_serialize(const struct tarsier_config *config, size_t *ret_length)
{
        size_t room = 3;
        for (size_t i = 0; i < config->count; i++) /* six bytes is the longest escape of one */
                room += 6 * (strlen(config->pairs[i].key) + strlen(config->pairs[i].value)) + 6;
        char *json = malloc(room);
        if (!json)
                return NULL;
        char *out = json;
        *out++ = '{';
        for (size_t i = 0; i < config->count; i++) {
                if (i)
                        *out++ = ',';
                out = put_string(out, config->pairs[i].key);
                *out++ = ':';
                out = put_string(out, config->pairs[i].value);
        }
        *out++ = '}';
        *out = '\0';
        if (ret_length)
                *ret_length = (size_t)(out - json);
        return json;
}

static int set_pair(void *cookie, const char *key, const char *value)
{
        return tarsier_config_set(cookie, key, value);
}

int tarsier_config_merge(struct tarsier_config *config, const char *json, size_t length)
{
        struct tarsier_config *merged = tarsier_config_new();
        if (!merged)
                return TARSIER_CHILD_ERR_NO_MEMORY;
        int result = TARSIER_CHILD_OK;
        for (size_t i = 0; i < config->count && result == TARSIER_CHILD_OK; i++)
                result = tarsier_config_set(merged, config->pairs[i].key, config->pairs[i].value);
        if (result == TARSIER_CHILD_OK)
                result = config_read_json(json, length, set_pair, merged);
        if (result == TARSIER_CHILD_OK) {
                struct tarsier_config before = *config;
                *config = *merged;
                *merged = before;
        }
        tarsier_config_free(merged);
        return result;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *tarsier_config_encode(const struct tarsier_config *config)
{
        size_t length;
        char *json = tarsier_config_serialize(config, &length);
        char *text = json ? malloc((length + 2) / 3 * 4 + 1) : NULL;
        char *out = text;
        for (size_t i = 0; text && i < length; i += 3) {
                unsigned group = (unsigned)(unsigned char)json[i] << 16;
                if (i + 1 < length)
                        group |= (unsigned)(unsigned char)json[i + 1] << 8;
                if (i + 2 < length)
                        group |= (unsigned char)json[i + 2];
                *out++ = base64_digits[group >> 18];
                *out++ = base64_digits[group >> 12 & 63];
                *out++ = i + 1 < length ? base64_digits[group >> 6 & 63] : '=';
                *out++ = i + 2 < length ? base64_digits[group & 63] : '=';
        }
        if (out)
                *out = '\0';
        free(json);
        return text;
}

int tarsier_config_merge_encoded(struct tarsier_config *config, const char *text)
{
        size_t length = strlen(text), padding = 0;
        while (padding < 2 && length > padding && text[length - padding - 1] == '=')
                padding++;
        if (length % 4)
                return TARSIER_CHILD_ERR_CONFIG_INVALID;
        char *json = malloc(length / 4 * 3 + 1);
        if (!json)
                return TARSIER_CHILD_ERR_NO_MEMORY;

        size_t size = 0;
        unsigned group = 0;
        bool valid = true;
        for (size_t i = 0; i < length && valid; i++) {
                const char *digit = i < length - padding ? memchr(base64_digits, text[i], 64) : base64_digits;
                valid = digit != NULL;
                group = group << 6 | (unsigned)(valid ? digit - base64_digits : 0);
                if (i % 4 == 3) {
                        json[size++] = (char)(group >> 16);
                        json[size++] = (char)(group >> 8);
                        json[size++] = (char)group;
                        group = 0;
                }
        }
        int result = valid ? tarsier_config_merge(config, json, size - padding) : TARSIER_CHILD_ERR_CONFIG_INVALID;
        free(json);
        return result;
}
