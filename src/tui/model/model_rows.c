/* The feed's kinds as tables, and how a row is read by one. */
#include "tui/model/model_internal.h"

#include "base/timefmt.h"

#define FIELD(row, kind, json, member)                                                                                 \
        {                                                                                                              \
                .key = (json), .length = sizeof(json) - 1, .value = (kind), .offset = offsetof(struct row, member)     \
        }
#define NUMBER(row, member) FIELD(row, ROW_NUMBER, #member, member)
#define TEXT(row, member) FIELD(row, ROW_TEXT, #member, member)

static const struct row_field host_fields[] = {
        TEXT(host_row, hostname),
        TEXT(host_row, kernel),
        TEXT(host_row, os),
        FIELD(host_row, ROW_DURATION, "uptime", uptime),
        NUMBER(host_row, cpus),
        NUMBER(host_row, cpu),
        NUMBER(host_row, cpu_user),
        NUMBER(host_row, cpu_system),
        NUMBER(host_row, cpu_iowait),
        NUMBER(host_row, cpu_steal),
        NUMBER(host_row, load1),
        NUMBER(host_row, load5),
        NUMBER(host_row, load15),
        NUMBER(host_row, memory_total),
        NUMBER(host_row, memory_available),
        NUMBER(host_row, memory_cached),
        NUMBER(host_row, memory_free),
        NUMBER(host_row, swap_total),
        NUMBER(host_row, swap_used),
        NUMBER(host_row, psi_cpu),
        NUMBER(host_row, psi_memory),
        NUMBER(host_row, psi_io),
        NUMBER(host_row, receive),
        NUMBER(host_row, send),
        NUMBER(host_row, read),
        NUMBER(host_row, write),
        NUMBER(host_row, processes),
        NUMBER(host_row, threads),
        NUMBER(host_row, running),
        NUMBER(host_row, blocked),
        NUMBER(host_row, context_switches),
        NUMBER(host_row, forks),
};

static const struct row_field container_fields[] = {
        TEXT(container_row, name),
        FIELD(container_row, ROW_TEXT, "kind", kind_name),
        TEXT(container_row, engine),
        TEXT(container_row, id),
        TEXT(container_row, alias),
        TEXT(container_row, image),
        TEXT(container_row, unit),
        NUMBER(container_row, cpu),
        NUMBER(container_row, cpu_user),
        NUMBER(container_row, cpu_system),
        NUMBER(container_row, throttled),
        NUMBER(container_row, memory),
        NUMBER(container_row, memory_usage),
        NUMBER(container_row, memory_cache),
        NUMBER(container_row, memory_rss),
        NUMBER(container_row, swap),
        NUMBER(container_row, memory_limit),
        NUMBER(container_row, cpu_limit),
        NUMBER(container_row, processes),
        NUMBER(container_row, processes_limit),
        NUMBER(container_row, receive),
        NUMBER(container_row, send),
        NUMBER(container_row, read),
        NUMBER(container_row, write),
        NUMBER(container_row, psi_cpu),
        NUMBER(container_row, psi_memory),
        NUMBER(container_row, psi_io),
        TEXT(container_row, started),
};

static const struct row_field process_fields[] = {
        NUMBER(process_row, pid),
        TEXT(process_row, start),
        NUMBER(process_row, ppid),
        TEXT(process_row, user),
        NUMBER(process_row, uid),
        TEXT(process_row, state),
        NUMBER(process_row, nice),
        NUMBER(process_row, priority),
        NUMBER(process_row, threads),
        NUMBER(process_row, cpu),
        FIELD(process_row, ROW_DURATION, "cpu_time", cpu_time),
        NUMBER(process_row, memory),
        FIELD(process_row, ROW_NUMBER, "virtual", virtual_memory),
        NUMBER(process_row, read),
        NUMBER(process_row, write),
        NUMBER(process_row, receive),
        NUMBER(process_row, send),
        TEXT(process_row, name),
        TEXT(process_row, executable),
        TEXT(process_row, command_line),
        TEXT(process_row, group),
        TEXT(process_row, container),
        FIELD(process_row, ROW_FLAG, "kernel", kernel),
};

static const struct row_field network_fields[] = {
        TEXT(network_row, name),
        TEXT(network_row, state),
        NUMBER(network_row, receive),
        NUMBER(network_row, send),
        NUMBER(network_row, receive_packets),
        NUMBER(network_row, send_packets),
        NUMBER(network_row, receive_errors),
        NUMBER(network_row, send_errors),
        NUMBER(network_row, receive_drops),
        NUMBER(network_row, send_drops),
        NUMBER(network_row, speed),
        TEXT(network_row, mac),
        NUMBER(network_row, mtu),
        FIELD(network_row, ROW_TEXTS, "addresses", addresses),
};

static const struct row_field disk_fields[] = {
        TEXT(disk_row, name),
        NUMBER(disk_row, read),
        NUMBER(disk_row, write),
        NUMBER(disk_row, reads),
        NUMBER(disk_row, writes),
        NUMBER(disk_row, busy),
        NUMBER(disk_row, queue),
        TEXT(disk_row, model),
        NUMBER(disk_row, size),
};

static const struct row_field filesystem_fields[] = {
        TEXT(filesystem_row, mountpoint),
        TEXT(filesystem_row, device),
        TEXT(filesystem_row, type),
        NUMBER(filesystem_row, size),
        NUMBER(filesystem_row, used),
        NUMBER(filesystem_row, available),
        NUMBER(filesystem_row, inodes),
        NUMBER(filesystem_row, inodes_used),
        FIELD(filesystem_row, ROW_FLAG, "read_only", read_only),
};

#define KIND(symbol, type, table, text)                                                                                \
        const struct row_kind symbol = { text, table, sizeof(table) / sizeof((table)[0]), sizeof(struct type) };       \
        _Static_assert(sizeof(table) / sizeof((table)[0]) <= ROW_FIELDS_MAX, "a bit a field")

KIND(row_host, host_row, host_fields, "host");
KIND(row_container, container_row, container_fields, "container");
KIND(row_process, process_row, process_fields, "process");
KIND(row_network, network_row, network_fields, "network");
KIND(row_disk, disk_row, disk_fields, "disk");
KIND(row_filesystem, filesystem_row, filesystem_fields, "filesystem");

void row_set_text(char **text, struct sv value)
{
        if (!value.n || (*text && strlen(*text) == value.n && memcmp(*text, value.p, value.n) == 0)) {
                if (!value.n) {
                        free(*text);
                        *text = NULL;
                }
                return;
        }
        char *copy = malloc(value.n + 1); /* without memory it is not known */
        if (copy) {
                memcpy(copy, value.p, value.n);
                copy[value.n] = '\0';
        }
        free(*text);
        *text = copy;
}

static double read_duration(struct sv value)
{
        double number;
        int64_t ns;
        if (scan_number(value, &number))
                return number;
        if (value.n > 2 && value.p[0] == '"' && duration_parse(sv_n(value.p + 1, value.n - 2), &ns))
                return (double)ns;
        return NAN;
}

static size_t read_texts(struct sv value, char *ret, size_t size)
{
        struct scan scan = scan_of(value);
        size_t length = 0;
        ret[0] = '\0';
        if (!scan_array(&scan))
                return scan_text(value, ret, size);
        while (scan_item(&scan)) {
                struct sv item = scan_value(&scan);
                if (scan.failed || length + 2 >= size)
                        break;
                if (length)
                        ret[length++] = ' ';
                length += scan_text(item, ret + length, size - length);
        }
        return length;
}

static void set_field(const struct row_field *field, void *row, struct sv value)
{
        char text[MODEL_TEXT_MAX];
        char *member = (char *)row + field->offset;
        bool null = value.n == 4 && memcmp(value.p, "null", 4) == 0;
        switch ((enum row_value)field->value) {
        case ROW_NUMBER:
                if (!scan_number(value, (double *)(void *)member))
                        *(double *)(void *)member = NAN;
                break;
        case ROW_DURATION:
                *(double *)(void *)member = read_duration(value);
                break;
        case ROW_TEXT:
                row_set_text((char **)(void *)member, sv_n(text, null ? 0 : scan_text(value, text, sizeof(text))));
                break;
        case ROW_FLAG:
                *(bool *)(void *)member = value.n == 4 && memcmp(value.p, "true", 4) == 0;
                break;
        case ROW_TEXTS:
                row_set_text((char **)(void *)member, sv_n(text, null ? 0 : read_texts(value, text, sizeof(text))));
                break;
        }
}

/* A row's members come in the same order each time: the search begins where the last one ended. */
static size_t find_field(const struct row_kind *kind, struct sv key, size_t from)
{
        for (size_t i = 0; i < kind->count; i++) {
                size_t at = from + i < kind->count ? from + i : from + i - kind->count;
                const struct row_field *field = &kind->fields[at];
                if (field->length == key.n && memcmp(field->key, key.p, key.n) == 0)
                        return at;
        }
        return kind->count;
}

static void unset_field(const struct row_field *field, void *row)
{
        set_field(field, row, SV("null"));
}

int row_read(const struct row_kind *kind, void *row, struct sv json)
{
        struct scan scan = scan_of(json);
        struct sv key;
        uint64_t seen = 0;
        size_t from = 0;
        if (!scan_object(&scan))
                return -1;
        while (scan_member(&scan, &key)) {
                struct sv value = scan_value(&scan);
                size_t at = scan.failed ? kind->count : find_field(kind, key, from);
                if (at == kind->count)
                        continue;
                set_field(&kind->fields[at], row, value);
                seen |= UINT64_C(1) << at;
                from = at + 1;
        }
        for (size_t i = 0; i < kind->count; i++)
                if (!(seen & UINT64_C(1) << i))
                        unset_field(&kind->fields[i], row);
        return scan.failed ? -1 : 0;
}

void row_clear(const struct row_kind *kind, void *row)
{
        for (size_t i = 0; i < kind->count; i++)
                unset_field(&kind->fields[i], row);
}
