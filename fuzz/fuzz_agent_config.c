/* The agent's configuration: YAML, its field table, and the cron points in it. */
#include "agent/config.h"
#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct error err;
        struct agent_config config;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 16 << 20);
        cleanup(json_decref) json_t *value = yaml_parse(sv_n((const char *)bytes, size), true, &err);
        if (!value || record_read(&agent_config_record, value, &config, &arena, READ_STRICT, &err) < 0)
                return 0;
        list_foreach (entry, &config.schedule) {
                struct cron cron;
                if (entry->cron && cron_parse(entry->cron, &cron, &err) == 0 &&
                        cron_next(&cron, 1763764800, false) == 0)
                        __builtin_trap();
        }
        return 0;
}
