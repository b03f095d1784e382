/* cAdvisor's API on a small registry: PATH NUL QUERY NUL BODY. Whatever is asked, the answer is 200 with one JSON
 * value, a stream, a redirect, or an error's line of text. */
#include "modules/metrics/cadvisor/api_internal.h"

#include "../tests/unit/metrics_fake_registry.h"
#include "schema/json.h"

static struct registry registry;
static struct metrics_options options = { .root = -1, .proc = -1, .sys = -1 };
static const struct cadvisor cadvisor = { .registry = &registry, .options = &options, .version = "v0" };

static const char *const aliases[] = { "web", "4a5b00112233" };
static struct container_stats samples[2];
static struct app_metric apps[] = { { .name = "n", .label = "l", .integer = 1, .time_ns = 1 } };
static struct filesystem_stats filesystems[] = { { .device = "/dev/vda1", .type = "vfs", .has_inodes = true } };
static struct machine_filesystem mounted[] = {
        { .device = "/dev/vda1", .type = "vfs", .mount_point = "/", .uuid = "7e-1" }
};

static void fill(void)
{
        struct container_spec spec = { .has_cpu = true, .has_memory = true, .has_network = true };
        samples[0].time_ns = INT64_C(1795262400000000000);
        samples[1] = samples[0];
        samples[1].time_ns += SECOND;
        samples[1].apps = apps;
        samples[1].app_count = 1;
        samples[1].filesystems = filesystems;
        samples[1].filesystem_count = 1;
        registry.machine.filesystems = mounted;
        registry.machine.filesystem_count = 1;
        registry.containers[0] =
                (struct container){ .ref = { .name = "/" }, .spec = spec, .samples = samples, .sample_count = 2 };
        registry.containers[1] = (struct container){ .ref = { .name = "/docker" } };
        registry.containers[2] = (struct container){ .ref = { .name = "/docker/4a5b00112233",
                                                             .id = "4a5b00112233",
                                                             .name_space = "docker",
                                                             .aliases = aliases,
                                                             .alias_count = 2 },
                .spec = spec,
                .samples = samples,
                .sample_count = 2 };
        registry.count = 3;
        registry.events[0] = (struct container_event){
                .kind = EVENT_OOM_KILL, .container = "/docker", .process = "a", .constraint = ""
        };
        registry.event_count = 1;
}

static void check(const struct cadvisor_reply *reply)
{
        struct sv text = sv_n(buf_text(&reply->body), reply->body.len);
        if (reply->body.failed ||
                (reply->status != 200 && reply->status != 301 && reply->status != 400 && reply->status != 500))
                abort();
        if (reply->status == 301 && (!reply->location || reply->location[0] != '/'))
                abort();
        if (reply->status == 200 && !reply->stream && !json_valid(text))
                abort();
        if ((reply->status == 400 || reply->status == 500) && !sv_ends(text, SV("\n")))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        enum { INPUT_MAX = 32 * 1024 };
        if (size > INPUT_MAX)
                return 0;
        if (!registry.count)
                fill();
        char *text = malloc(size + 1);
        if (!text)
                return 0;
        memcpy(text, bytes, size);
        text[size] = '\0';
        const char *query = text + strlen(text), *body;
        query += query < text + size;
        body = query + strlen(query);
        body += body < text + size;
        struct cadvisor_request request = {
                .method = "POST", .path = text, .query = query, .body = sv_n(body, (size_t)(text + size - body))
        };
        struct cadvisor_reply reply = { 0 };
        buf_init(&reply.body, 1 << 20);
        cadvisor_api(&cadvisor, &request, &reply);
        check(&reply);
        struct api_body asked;
        struct buf problem;
        buf_init(&problem, 1 << 20);
        api_body_parse(sv_n((const char *)bytes, size), &asked, &problem);
        buf_done(&problem);
        buf_done(&reply.body);
        free(text);
        return 0;
}
