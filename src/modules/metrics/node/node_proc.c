/* The collectors of one small file of /proc each. */
#include "modules/metrics/node/node_internal.h"
#include "modules/metrics/node/node_parse.h"

#include "base/timefmt.h"
#include "linux/meminfo.h"
#include "linux/pressure.h"

int node_collect_loadavg(struct node *node, struct exposition *out, struct error *err)
{
        struct sv text;
        struct loadavg load;
        if (node_read(node, node->options.proc, "loadavg", &text, err) < 0 || loadavg_parse(text, &load, err) < 0)
                return -1;
        node_put(out, "node_load1", "1m load average.", load.load1);
        node_put(out, "node_load5", "5m load average.", load.load5);
        node_put(out, "node_load15", "15m load average.", load.load15);
        return 0;
}

int node_collect_filefd(struct node *node, struct exposition *out, struct error *err)
{
        struct sv text;
        double allocated;
        double maximum;
        if (node_read(node, node->options.proc, "sys/fs/file-nr", &text, err) < 0)
                return -1;
        if (!file_nr_parse(text, &allocated, &maximum))
                return fail(err, E_CORRUPT, "file-nr: \"%.*s\"", SV_ARG(text));
        node_put(out, "node_filefd_allocated", "File descriptor statistics: allocated.", allocated);
        node_put(out, "node_filefd_maximum", "File descriptor statistics: maximum.", maximum);
        return 0;
}

int node_collect_entropy(struct node *node, struct exposition *out, struct error *err)
{
        uint64_t available;
        uint64_t pool;
        if (!node_read_u64(node->options.proc, "sys/kernel/random/entropy_avail", &available))
                return fail(err, E_FAILED, "sys/kernel/random/entropy_avail: no number");
        node_put(out, "node_entropy_available_bits", "Bits of available entropy.", (double)available);
        if (!node_read_u64(node->options.proc, "sys/kernel/random/poolsize", &pool))
                return fail(err, E_FAILED, "sys/kernel/random/poolsize: no number");
        node_put(out, "node_entropy_pool_size_bits", "Bits of entropy pool.", (double)pool);
        return 0;
}

/* "Active(anon)" of /proc/meminfo is Active_anon_bytes there. */
static void meminfo_name(const struct meminfo_row *row, char *ret, size_t size)
{
        size_t n = 0;
        for (const char *p = row->name; *p && n + 1 < size; p++) {
                if (*p == '(')
                        ret[n++] = '_';
                else if (*p != ')')
                        ret[n++] = *p;
        }
        ret[n] = '\0';
        if (row->bytes)
                snprintf(ret + n, size - n, "_bytes");
}

int node_collect_meminfo(struct node *node, struct exposition *out, struct error *err)
{
        struct sv text;
        struct meminfo *memory = arena_new(&node->arena, struct meminfo);
        if (!memory)
                return fail(err, E_NO_MEMORY, "no memory for meminfo");
        if (node_read(node, node->options.proc, "meminfo", &text, err) < 0 || meminfo_parse(text, memory, err) < 0)
                return -1;
        node->refused += memory->refused;
        for (size_t i = 0; i < memory->count; i++) {
                char field[MEMINFO_NAME_MAX + 16];
                char name[sizeof(field) + 16];
                char help[sizeof(field) + 32];
                meminfo_name(&memory->rows[i], field, sizeof(field));
                snprintf(name, sizeof(name), "node_memory_%s", field);
                snprintf(help, sizeof(help), "Memory information field %s.", field);
                node_put(out, name, help, (double)memory->rows[i].value);
        }
        return 0;
}

int node_collect_vmstat(struct node *node, struct exposition *out, struct error *err)
{
        struct sv text;
        struct sv line;
        if (node_read(node, node->options.proc, "vmstat", &text, err) < 0)
                return -1;
        while (sv_line(&text, &line)) {
                enum { FIELD_MAX = 64 };
                struct sv field;
                struct sv value;
                double number;
                char name[FIELD_MAX + 16];
                char help[FIELD_MAX + 48];
                if (!vmstat_line_parse(line, &field, &value) ||
                        !node_chosen(node, &node->vmstat_choices, node->vmstat_fields, field))
                        continue;
                if (!node_parse_double(value, &number))
                        return fail(err, E_CORRUPT, "vmstat: \"%.*s\"", SV_ARG(line));
                if (field.n > FIELD_MAX) {
                        node->refused++;
                        continue;
                }
                snprintf(name, sizeof(name), "node_vmstat_%.*s", SV_ARG(field));
                snprintf(help, sizeof(help), "/proc/vmstat information field %.*s.", SV_ARG(field));
                exposition_put(out, name, EXPOSITION_UNTYPED, help, number);
        }
        return 0;
}

static double stalled_seconds(const struct pressure_line *line)
{
        int64_t micros = line->total_ns / MICROSECOND; /* as the kernel told it */
        /* two divisions, as there: the last digit of the quotient depends on it */
        return (double)micros / 1000.0 / 1000.0;
}

int node_collect_pressure(struct node *node, struct exposition *out, struct error *err)
{
        static const struct {
                const char *path;
                const char *waiting, *waiting_help, *stalled, *stalled_help;
        } rows[] = {
                { "pressure/cpu", "node_pressure_cpu_waiting_seconds_total",
                        "Total time in seconds that processes have waited for CPU time", NULL, NULL },
                { "pressure/io", "node_pressure_io_waiting_seconds_total",
                        "Total time in seconds that processes have waited due to IO congestion",
                        "node_pressure_io_stalled_seconds_total",
                        "Total time in seconds no process could make progress due to IO congestion" },
                { "pressure/memory", "node_pressure_memory_waiting_seconds_total",
                        "Total time in seconds that processes have waited for memory",
                        "node_pressure_memory_stalled_seconds_total",
                        "Total time in seconds no process could make progress due to memory congestion" },
                { "pressure/irq", NULL, NULL, "node_pressure_irq_stalled_seconds_total",
                        "Total time in seconds no process could make progress due to IRQ congestion" },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct pressure pressure;
                struct error one;
                if (pressure_read(node->options.proc, rows[i].path, &pressure, &one) < 0) {
                        /* irq: Linux 6.1 with CONFIG_IRQ_TIME_ACCOUNTING; EOPNOTSUPP without */
                        if (!rows[i].waiting && (one.code == E_NOT_FOUND || one.code == E_UNSUPPORTED))
                                continue;
                        *err = one;
                        return -1;
                }
                if (rows[i].waiting)
                        node_count(out, rows[i].waiting, rows[i].waiting_help, stalled_seconds(&pressure.some));
                if (rows[i].stalled)
                        node_count(out, rows[i].stalled, rows[i].stalled_help, stalled_seconds(&pressure.full));
        }
        return 0;
}

int node_collect_schedstat(struct node *node, struct exposition *out, struct error *err)
{
        struct sv text;
        struct sv line;
        if (node_read(node, node->options.proc, "schedstat", &text, err) < 0)
                return -1;
        struct exposition_family *running = node_counter(
                out, "node_schedstat_running_seconds_total", "Number of seconds CPU spent running a process.");
        struct exposition_family *waiting = node_counter(out, "node_schedstat_waiting_seconds_total",
                "Number of seconds spent by processing waiting for this CPU.");
        struct exposition_family *timeslices =
                node_counter(out, "node_schedstat_timeslices_total", "Number of timeslices executed by CPU.");
        while (sv_line(&text, &line)) {
                struct schedstat_line stat;
                char cpu[24];
                if (!schedstat_parse(line, &stat))
                        continue;
                snprintf(cpu, sizeof(cpu), "%.*s", SV_ARG(stat.cpu));
                node_add(running, "cpu", cpu, (double)stat.running_ns / 1e9);
                node_add(waiting, "cpu", cpu, (double)stat.waiting_ns / 1e9);
                node_add(timeslices, "cpu", cpu, (double)stat.timeslices);
        }
        return 0;
}
