/* libtarsier-cadvisor: answers as structs. What a server does not tell, or tells in another type, is 0 or "". */
#include "cadvisor/client.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { REQUEST_MAX = 64, NAME_PATH_MAX = 8192 };

/* ---- values ---- */

static uint64_t number(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);
        if (json_is_integer(value))
                return (uint64_t)json_integer_value(value);
        double real = json_is_real(value) ? json_real_value(value) : 0; /* beyond int64: limits that are none */
        return real >= 18446744073709551615.0 ? UINT64_MAX : real > 0 ? (uint64_t)real : 0;
}

static const char *text(const json_t *object, const char *key)
{
        const char *value = json_string_value(json_object_get(object, key));
        return value ? value : "";
}

static bool two_digits(const char *at, int *ret)
{
        if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
                return false;
        *ret = (at[0] - '0') * 10 + at[1] - '0';
        return true;
}

int64_t client_time(const char *at)
{
        int high, low, zone_hours = 0, zone_minutes = 0;
        struct tm tm = { 0 };
        if (strlen(at) < 20 || !two_digits(at, &high) || !two_digits(at + 2, &low) || !two_digits(at + 5, &tm.tm_mon) ||
                !two_digits(at + 8, &tm.tm_mday) || !two_digits(at + 11, &tm.tm_hour) ||
                !two_digits(at + 14, &tm.tm_min) || !two_digits(at + 17, &tm.tm_sec))
                return 0;
        tm.tm_year = high * 100 + low - 1900;
        tm.tm_mon--;
        int64_t fraction = 0, unit = 100000000;
        at += 19;
        if (*at == '.')
                for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
                        fraction += (*at - '0') * unit;
        if ((*at == '+' || *at == '-') &&
                (strlen(at) < 6 || !two_digits(at + 1, &zone_hours) || !two_digits(at + 4, &zone_minutes)))
                return 0;
        int64_t zone = (zone_hours * 60 + zone_minutes) * 60 * (*at == '-' ? -1 : 1);
        int64_t seconds = (int64_t)timegm(&tm) - zone;
        if (tm.tm_year < 70 || seconds < 0)
                return 0;
        return seconds * 1000000000 + fraction;
}

static json_t *load(struct tarsier_cadvisor *client, const char *path, const char *body)
{
        json_error_t why;
        if (client_transfer(client, path, body, -1) < 0)
                return NULL;
        json_t *json = json_loadb(client->answer ? client->answer : "", client->answer_size, 0, &why);
        if (!json && client->answer_size) /* 18446744073709551615 is no int64 */
                json = json_loadb(client->answer, client->answer_size, JSON_DECODE_INT_AS_REAL, &why);
        if (!json)
                client_fail(client, "%s%s: the answer is no JSON: %s", client->url, path, why.text);
        return json;
}

int tarsier_cadvisor_machine(struct tarsier_cadvisor *client, struct tarsier_cadvisor_machine *ret)
{
        json_t *json = load(client, "/api/v1.3/machine", NULL);
        if (!json)
                return -1;
        *ret = (struct tarsier_cadvisor_machine){ .cores = (unsigned)number(json, "num_cores"),
                .physical_cores = (unsigned)number(json, "num_physical_cores"),
                .sockets = (unsigned)number(json, "num_sockets"),
                .frequency_khz = number(json, "cpu_frequency_khz"),
                .memory = number(json, "memory_capacity"),
                .swap = number(json, "swap_capacity") };
        snprintf(ret->machine_id, sizeof(ret->machine_id), "%s", text(json, "machine_id"));
        snprintf(ret->system_uuid, sizeof(ret->system_uuid), "%s", text(json, "system_uuid"));
        snprintf(ret->boot_id, sizeof(ret->boot_id), "%s", text(json, "boot_id"));
        json_decref(json);
        return 0;
}

/* ---- containers ---- */

/* Texts of an array, or of one member of its objects, NULL-terminated. */
static char **texts(const json_t *array, const char *member)
{
        size_t count = 0;
        char **ret = calloc(json_array_size(array) + 1, sizeof(*ret));
        for (size_t i = 0; ret && i < json_array_size(array); i++) {
                const json_t *item = json_array_get(array, i);
                const char *one = member ? text(item, member) : json_string_value(item);
                if (one && (ret[count] = strdup(one)) != NULL)
                        count++;
        }
        return ret;
}

static char **pairs(json_t *object)
{
        const char *key;
        json_t *value;
        size_t count = 0;
        char **ret = calloc(2 * json_object_size(object) + 1, sizeof(*ret));
        json_object_foreach(object, key, value)
        {
                char *name = ret ? strdup(key) : NULL;
                char *one = ret ? strdup(json_is_string(value) ? json_string_value(value) : "") : NULL;
                if (!name || !one) {
                        free(name);
                        free(one);
                        break;
                }
                ret[count++] = name;
                ret[count++] = one;
        }
        return ret;
}

static void fill_stats(const json_t *json, struct tarsier_cadvisor_stats *ret)
{
        const json_t *usage = json_object_get(json_object_get(json, "cpu"), "usage");
        const json_t *memory = json_object_get(json, "memory");
        const json_t *interfaces = json_object_get(json_object_get(json, "network"), "interfaces");
        const json_t *devices = json_object_get(json_object_get(json, "diskio"), "io_service_bytes");
        *ret = (struct tarsier_cadvisor_stats){ .time_ns = client_time(text(json, "timestamp")),
                .cpu_total_ns = number(usage, "total"),
                .cpu_user_ns = number(usage, "user"),
                .cpu_system_ns = number(usage, "system"),
                .memory_usage = number(memory, "usage"),
                .memory_working_set = number(memory, "working_set"),
                .memory_rss = number(memory, "rss"),
                .memory_cache = number(memory, "cache"),
                .memory_swap = number(memory, "swap") };
        for (size_t i = 0; i < json_array_size(interfaces); i++) {
                const json_t *one = json_array_get(interfaces, i);
                ret->rx_bytes += number(one, "rx_bytes");
                ret->tx_bytes += number(one, "tx_bytes");
                ret->rx_packets += number(one, "rx_packets");
                ret->tx_packets += number(one, "tx_packets");
        }
        for (size_t i = 0; i < json_array_size(devices); i++) {
                const json_t *one = json_object_get(json_array_get(devices, i), "stats");
                ret->read_bytes += number(one, "Read");
                ret->written_bytes += number(one, "Write");
        }
}

static bool fill_container(const json_t *json, struct tarsier_cadvisor_container *ret)
{
        const json_t *spec = json_object_get(json, "spec");
        const json_t *cpu = json_object_get(spec, "cpu");
        const json_t *stats = json_object_get(json, "stats");
        ret->name = strdup(text(json, "name"));
        ret->name_space = strdup(text(json, "namespace"));
        ret->image = strdup(text(spec, "image"));
        ret->aliases = texts(json_object_get(json, "aliases"), NULL);
        ret->subcontainers = texts(json_object_get(json, "subcontainers"), "name");
        ret->labels = pairs(json_object_get(spec, "labels"));
        ret->created_ns = client_time(text(spec, "creation_time"));
        ret->cpu_shares = number(cpu, "limit");
        ret->cpu_quota_us = number(cpu, "quota");
        ret->cpu_period_us = number(cpu, "period");
        ret->memory_limit = number(json_object_get(spec, "memory"), "limit");
        if (ret->memory_limit >= UINT64_C(1) << 62) /* "no limit" of v1 is the largest page-aligned int64 */
                ret->memory_limit = UINT64_MAX;
        ret->stats = calloc(json_array_size(stats) + 1, sizeof(*ret->stats));
        for (size_t i = 0; ret->stats && i < json_array_size(stats); i++)
                fill_stats(json_array_get(stats, i), &ret->stats[ret->stats_count++]);
        return ret->name && ret->name_space && ret->image && ret->aliases && ret->subcontainers && ret->labels &&
               ret->stats;
}

static void free_texts(char **list)
{
        for (char **at = list; at && *at; at++)
                free(*at);
        free(list);
}

void tarsier_cadvisor_containers_free(struct tarsier_cadvisor_containers *containers)
{
        if (!containers)
                return;
        for (size_t i = 0; i < containers->count; i++) {
                struct tarsier_cadvisor_container *one = &containers->items[i];
                free(one->name);
                free(one->name_space);
                free(one->image);
                free_texts(one->aliases);
                free_texts(one->subcontainers);
                free_texts(one->labels);
                free(one->stats);
        }
        free(containers->items);
        free(containers);
}

/* An object that is one container, a list of them, or a map of them by name. */
static int take(struct tarsier_cadvisor *client, json_t *json, struct tarsier_cadvisor_containers **ret)
{
        bool one = json_is_object(json) && json_is_string(json_object_get(json, "name"));
        size_t count = one ? 1 : json_is_object(json) ? json_object_size(json) : json_array_size(json);
        struct tarsier_cadvisor_containers *containers = calloc(1, sizeof(*containers));
        bool whole = containers != NULL;
        if (whole)
                whole = (containers->items = calloc(count + 1, sizeof(*containers->items))) != NULL;
        void *at = json_is_object(json) ? json_object_iter(json) : NULL;
        for (size_t i = 0; whole && i < count; i++) {
                const json_t *item = one ? json : at ? json_object_iter_value(at) : json_array_get(json, i);
                containers->count++;
                whole = fill_container(item, &containers->items[i]);
                if (at)
                        at = json_object_iter_next(json, at);
        }
        json_decref(json);
        if (whole) {
                *ret = containers;
                return 0;
        }
        tarsier_cadvisor_containers_free(containers);
        return client_fail(client, "%s: no memory for the answer", client->url);
}

/* Percent-encodes all but what a path may hold. */
static bool path_of(char *ret, size_t size, const char *prefix, const char *name)
{
        static const char hex[] = "0123456789ABCDEF";
        size_t at = strlen(prefix);
        memcpy(ret, prefix, at);
        for (; *name; name++) {
                unsigned char c = (unsigned char)*name;
                if (at + 4 > size)
                        return false;
                if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        strchr("/-._~:@", c)) {
                        ret[at++] = (char)c;
                } else {
                        ret[at++] = '%';
                        ret[at++] = hex[c >> 4];
                        ret[at++] = hex[c & 15];
                }
        }
        ret[at] = '\0';
        return true;
}

static int ask(struct tarsier_cadvisor *client, const char *prefix, const char *name, int num_stats,
        struct tarsier_cadvisor_containers **ret)
{
        char path[NAME_PATH_MAX], body[REQUEST_MAX];
        snprintf(body, sizeof(body), "{\"num_stats\":%d}", num_stats);
        if (!path_of(path, sizeof(path), prefix, name && *name ? name : ""))
                return client_fail(client, "the name is longer than %d bytes", NAME_PATH_MAX);
        json_t *json = load(client, path, body);
        return json ? take(client, json, ret) : -1;
}

int tarsier_cadvisor_container(
        struct tarsier_cadvisor *client, const char *name, int num_stats, struct tarsier_cadvisor_containers **ret)
{
        return ask(client, name[0] == '/' ? "/api/v1.3/containers" : "/api/v1.3/containers/", name, num_stats, ret);
}

int tarsier_cadvisor_subcontainers(
        struct tarsier_cadvisor *client, const char *name, int num_stats, struct tarsier_cadvisor_containers **ret)
{
        return ask(
                client, name[0] == '/' ? "/api/v1.3/subcontainers" : "/api/v1.3/subcontainers/", name, num_stats, ret);
}

int tarsier_cadvisor_docker(
        struct tarsier_cadvisor *client, const char *name, int num_stats, struct tarsier_cadvisor_containers **ret)
{
        return ask(client, "/api/v1.3/docker/", name, num_stats, ret);
}

/* ---- events ---- */

struct follower {
        tarsier_cadvisor_event_fn *each;
        void *cookie;
        int result;
};

static int tell(const json_t *json, struct follower *follower)
{
        const json_t *about = json_object_get(json, "event_data");
        const json_t *oom = json_object_get(about, "oom");
        const json_t *end = json_object_get(about, "container_deletion");
        const bool ended = json_is_integer(json_object_get(end, "exit_code"));
        struct tarsier_cadvisor_event event = { .container = text(json, "container_name"),
                .type = text(json, "event_type"),
                .time_ns = client_time(text(json, "timestamp")),
                .pid = (int64_t)number(oom, "pid"),
                .process = text(oom, "process_name"),
                .exit_code = ended ? (int64_t)number(end, "exit_code") : -1 };
        follower->result = follower->each(&event, follower->cookie);
        return follower->result;
}

int tarsier_cadvisor_events(
        struct tarsier_cadvisor *client, const char *query, tarsier_cadvisor_event_fn *each, void *cookie)
{
        char path[NAME_PATH_MAX];
        struct follower follower = { .each = each, .cookie = cookie };
        int n = snprintf(path, sizeof(path), "/api/v1.3/events%s", query);
        if (n < 0 || (size_t)n >= sizeof(path))
                return client_fail(client, "the query is longer than %d bytes", NAME_PATH_MAX);
        json_t *json = load(client, path, NULL);
        if (!json)
                return -1;
        for (size_t i = 0; i < json_array_size(json) && follower.result == 0; i++)
                tell(json_array_get(json, i), &follower);
        json_decref(json);
        return follower.result;
}

static int on_line(struct tarsier_cadvisor *client, const char *line, void *cookie)
{
        json_t *json = json_loads(line, 0, NULL);
        (void)client;
        if (!json) /* an empty line keeps the connection alive */
                return 0;
        int result = tell(json, cookie);
        json_decref(json);
        return result;
}

int tarsier_cadvisor_events_stream(
        struct tarsier_cadvisor *client, const char *query, int stop_fd, tarsier_cadvisor_event_fn *each, void *cookie)
{
        char path[NAME_PATH_MAX];
        struct follower follower = { .each = each, .cookie = cookie };
        int n = snprintf(path, sizeof(path), "/api/v1.3/events%s%sstream=true", query, *query ? "&" : "?");
        if (n < 0 || (size_t)n >= sizeof(path))
                return client_fail(client, "the query is longer than %d bytes", NAME_PATH_MAX);
        client->line = on_line;
        client->line_cookie = &follower;
        int status = client_transfer(client, path, NULL, stop_fd);
        client->line = NULL;
        if (status < 0 || client->enough)
                return status;
        return client_fail(client, "%s%s: the server ended the stream", client->url, path);
}
