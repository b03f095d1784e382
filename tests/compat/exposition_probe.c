/* For tests/compat/test_promtool.py: /metrics as the compatibility port gives it, of a container with every figure, one
 * with hostile names and labels, and a machine, on standard output. exposition_probe [--openmetrics] [--no-timestamps]
 */
#include "../unit/cadvisor_fixture.h"

#include "base/buf.h"

#include <fcntl.h>

enum { MEMORY = 16 << 20 };

static int expose(struct metrics_options *options, struct exposition *out, struct error *err)
{
        static struct container_pair odd[] = { { "foo label", "a \"quoted\"\nand\\broken \xff value" },
                { "9th", "\xe2\x82\xac" }, { "foo.label", "again" }, { "foo-label", "one name too" } };
        static const char *const names[] = { "back\\slash" };
        const struct container_ref hostile = { .name = "/a \"b\"\n{c}", .aliases = names, .alias_count = 1 };
        const struct container_spec described = {
                .labels = odd, .label_count = 4, .image = "", .has_memory = true, .limits.memory_limit = CGROUP_NO_LIMIT
        };
        struct container_stats first, second;
        stats_set(&first);
        stats_set(&second);
        const struct cadvisor_container_metrics containers[] = { { &ref, &spec, &first, zone, 1 },
                { &hostile, &described, &second, NULL, 0 } };
        struct machine machine = devices;
        machine.machine_id = machine.system_uuid = machine.boot_id = "id";
        machine.cores = 2;
        if (cadvisor_expose_containers(options, &devices, containers, 2, time_unix_ns(), out, err) < 0 ||
                cadvisor_expose_machine(options, &machine, out, err) < 0)
                return -1;
        cadvisor_expose_version("6.1", "Debian \"12\"", "Unknown", "1", "", out);
        int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        cadvisor_expose_process(proc, true, out);
        close(proc);
        return 0;
}

int main(int argc, char **argv)
{
        struct metrics_options options = golden_options;
        enum exposition_format format = EXPOSITION_TEXT;
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--openmetrics") == 0)
                        format = EXPOSITION_OPENMETRICS;
                else
                        options.timestamps = false;
        }
        struct error err;
        struct buf text;
        buf_init(&text, MEMORY);
        struct exposition *out = exposition_new(MEMORY, &err);
        if (!out || expose(&options, out, &err) < 0 || exposition_write(out, format, &text, &err) < 0) {
                fprintf(stderr, "exposition_probe: %s\n", err.message);
                return 1;
        }
        fwrite(buf_text(&text), 1, text.len, stdout);
        exposition_free(out);
        buf_done(&text);
        return fflush(stdout) != 0;
}
