/* Records of sources, one a line, as a recording holds them: whatever stands there, the model stays whole. */
#include "tui/model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct error err;
        struct model *model = model_new(&err);
        struct sv rest = sv_n((const char *)bytes, size);
        struct sv line;
        int64_t now = 0;
        while (model && rest.n && sv_line(&rest, &line))
                model_apply(model, line, now += 100000000);
        if (model) {
                map_foreach (entry, &model->containers.rows) {
                        model_container_parent(model, entry->value);
                        container_title(entry->value);
                }
                model_exec_rate(model, 10);
                model_event(model, 0);
                model_alerts_open(model, SEVERITY_LOW);
        }
        model_free(model);
        return 0;
}
