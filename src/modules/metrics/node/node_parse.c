#include "modules/metrics/node/node_parse.h"

bool cpu_line_parse(struct sv line, uint32_t *ret_cpu, uint64_t ret_ticks[10])
{
        struct sv word;
        uint64_t cpu;
        uint64_t ticks[10] = { 0 };
        if (!sv_word(&line, &word) || !sv_starts(word, SV("cpu")) ||
                !sv_parse_u64(sv_n(word.p + 3, word.n - 3), 10, &cpu) || cpu > UINT32_MAX)
                return false;
        size_t count = 0;
        while (count < 10 && sv_word(&line, &word))
                if (!sv_parse_u64(word, 10, &ticks[count++]))
                        return false;
        if (count < 4)
                return false;
        *ret_cpu = (uint32_t)cpu;
        memcpy(ret_ticks, ticks, sizeof(ticks));
        return true;
}

bool cpu_list_parse(struct sv text, void (*each)(uint32_t cpu, void *cookie), void *cookie)
{
        struct sv range;
        text = sv_trim(text);
        if (text.n == 0)
                return true;
        while (sv_split(&text, ',', &range)) {
                size_t dash = sv_find(range, '-');
                uint64_t first;
                if (!sv_parse_u64(sv_n(range.p, dash), 10, &first))
                        return false;
                uint64_t last = first;
                if (dash < range.n && !sv_parse_u64(sv_n(range.p + dash + 1, range.n - dash - 1), 10, &last))
                        return false;
                for (uint64_t cpu = first; cpu <= last && cpu < CPU_LIST_MAX; cpu++)
                        each((uint32_t)cpu, cookie);
        }
        return true;
}

static void cpuinfo_field(struct cpuinfo *info, struct sv name, struct sv value)
{
        const struct {
                struct sv name;
                struct sv *into;
        } rows[] = {
                { SV("processor"), &info->processor },
                { SV("vendor_id"), &info->vendor },
                { SV("cpu family"), &info->family },
                { SV("model"), &info->model },
                { SV("model name"), &info->model_name },
                { SV("stepping"), &info->stepping },
                { SV("microcode"), &info->microcode },
                { SV("cpu MHz"), &info->mhz },
                { SV("cache size"), &info->cache_size },
                { SV("physical id"), &info->physical_id },
                { SV("core id"), &info->core_id },
                { SV("flags"), &info->flags },
                { SV("Features"), &info->flags }, /* arm64 */
                { SV("bugs"), &info->bugs },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (sv_eq(name, rows[i].name))
                        *rows[i].into = value;
}

bool cpuinfo_next(struct sv *rest, struct cpuinfo *ret)
{
        struct cpuinfo info = { 0 };
        struct sv line;
        while (sv_line(rest, &line)) {
                size_t colon = sv_find(line, ':');
                if (sv_trim(line).n == 0) { /* ends a block */
                        if (info.processor.n)
                                break;
                        continue;
                }
                if (colon < line.n)
                        cpuinfo_field(&info, sv_trim(sv_n(line.p, colon)),
                                sv_trim(sv_n(line.p + colon + 1, line.n - colon - 1)));
        }
        *ret = info;
        return info.processor.n > 0;
}

bool diskstats_parse(struct sv line, struct diskstats_line *ret)
{
        struct diskstats_line disk = { 0 };
        struct sv word;
        uint64_t numbers[2];
        for (size_t i = 0; i < 2; i++)
                if (!sv_word(&line, &word) || !sv_parse_u64(word, 10, &numbers[i]) || numbers[i] > UINT32_MAX)
                        return false;
        disk.major = (uint32_t)numbers[0];
        disk.minor = (uint32_t)numbers[1];
        if (!sv_word(&line, &disk.device))
                return false;
        while (disk.count < DISKSTATS_FIELDS && sv_word(&line, &word))
                if (!sv_parse_u64(word, 10, &disk.fields[disk.count++]))
                        return false;
        if (disk.count < 11)
                return false;
        *ret = disk;
        return true;
}

bool file_nr_parse(struct sv text, double *ret_allocated, double *ret_maximum)
{
        uint64_t numbers[3];
        struct sv word;
        struct sv rest = sv_trim(text);
        for (size_t i = 0; i < 3; i++)
                if (!sv_word(&rest, &word) || !sv_parse_u64(word, 10, &numbers[i]))
                        return false;
        *ret_allocated = (double)numbers[0];
        *ret_maximum = (double)numbers[2];
        return true;
}

bool schedstat_parse(struct sv line, struct schedstat_line *ret)
{
        struct sv name;
        struct sv word;
        uint64_t cpu;
        uint64_t numbers[9];
        if (!sv_word(&line, &name) || !sv_starts(name, SV("cpu")) ||
                !sv_parse_u64(sv_n(name.p + 3, name.n - 3), 10, &cpu))
                return false;
        for (size_t i = 0; i < 9; i++)
                if (!sv_word(&line, &word) || !sv_parse_u64(word, 10, &numbers[i]))
                        return false;
        *ret = (struct schedstat_line){ .cpu = sv_n(name.p + 3, name.n - 3),
                .running_ns = numbers[6],
                .waiting_ns = numbers[7],
                .timeslices = numbers[8] };
        return true;
}

bool softnet_parse(struct sv line, uint32_t index, struct softnet_line *ret)
{
        enum { WORDS_MAX = 15 };
        uint32_t words[WORDS_MAX] = { 0 };
        size_t count = 0;
        struct sv word;
        while (count < WORDS_MAX && sv_word(&line, &word)) {
                uint64_t number;
                if (!sv_parse_u64(word, 16, &number) || number > UINT32_MAX)
                        return false;
                words[count++] = (uint32_t)number;
        }
        if (count < 9) /* Linux 2.6.23 */
                return false;
        *ret = (struct softnet_line){ .processed = words[0],
                .dropped = words[1],
                .squeezed = words[2],
                .collisions = words[8],
                .received_rps = words[9],
                .flow_limit = words[10],
                .backlog = words[11],
                .cpu = count > 12 ? words[12] : index };
        return true;
}

bool conntrack_parse(struct sv text, uint64_t ret[CONNTRACK_FIELDS])
{
        static const struct sv names[] = { { "found", 5 }, { "invalid", 7 }, { "ignore", 6 }, { "insert", 6 },
                { "insert_failed", 13 }, { "drop", 4 }, { "early_drop", 10 }, { "search_restart", 14 } };
        enum { COLUMNS_MAX = 32, NONE = CONNTRACK_FIELDS };
        uint8_t columns[COLUMNS_MAX];
        size_t count = 0;
        uint64_t sums[CONNTRACK_FIELDS + 1] = { 0 };
        struct sv line;
        struct sv word;
        if (!sv_line(&text, &line))
                return false;
        while (count < COLUMNS_MAX && sv_word(&line, &word)) {
                columns[count] = NONE;
                for (size_t i = 0; i < CONNTRACK_FIELDS; i++)
                        if (sv_eq(word, names[i]))
                                columns[count] = (uint8_t)i;
                count++;
        }
        while (sv_line(&text, &line)) {
                for (size_t i = 0; i < count && sv_word(&line, &word); i++) {
                        uint64_t number;
                        if (!sv_parse_u64(word, 16, &number))
                                return false;
                        sums[columns[i]] += number;
                }
        }
        if (count == 0)
                return false;
        memcpy(ret, sums, CONNTRACK_FIELDS * sizeof(*ret));
        return true;
}

bool udp_queues_parse(struct sv text, uint64_t *ret_tx, uint64_t *ret_rx)
{
        uint64_t sums[2] = { 0 };
        struct sv line;
        if (!sv_line(&text, &line)) /* the header */
                return false;
        while (sv_line(&text, &line)) {
                struct sv word;
                size_t words = 0;
                while (words < 5 && sv_word(&line, &word))
                        words++;
                if (words == 0)
                        continue;
                size_t colon = words == 5 ? sv_find(word, ':') : 0;
                uint64_t tx;
                uint64_t rx;
                if (words < 5 || colon == word.n || !sv_parse_u64(sv_n(word.p, colon), 16, &tx) ||
                        !sv_parse_u64(sv_n(word.p + colon + 1, word.n - colon - 1), 16, &rx))
                        return false;
                sums[0] += tx;
                sums[1] += rx;
        }
        *ret_tx = sums[0];
        *ret_rx = sums[1];
        return true;
}

bool netstat_parse(
        struct sv text, void (*each)(struct sv protocol, struct sv name, struct sv value, void *cookie), void *cookie)
{
        struct sv names;
        struct sv values;
        while (sv_line(&text, &names)) {
                struct sv protocol;
                struct sv again;
                struct sv name;
                struct sv value;
                if (!sv_line(&text, &values) || !sv_word(&names, &protocol) || !sv_word(&values, &again) ||
                        !sv_eq(protocol, again) || !sv_ends(protocol, SV(":")))
                        return false;
                protocol.n--;
                while (sv_word(&names, &name)) {
                        if (!sv_word(&values, &value))
                                return false;
                        each(protocol, name, value, cookie);
                }
                if (sv_word(&values, &value))
                        return false;
        }
        return true;
}

bool snmp6_parse(
        struct sv text, void (*each)(struct sv protocol, struct sv name, struct sv value, void *cookie), void *cookie)
{
        struct sv line;
        while (sv_line(&text, &line)) {
                struct sv name;
                struct sv value;
                if (!sv_word(&line, &name) || !sv_word(&line, &value))
                        continue;
                size_t six = sv_find(name, '6');
                if (six < name.n)
                        each(sv_n(name.p, six + 1), sv_n(name.p + six + 1, name.n - six - 1), value, cookie);
        }
        return true;
}

bool vmstat_line_parse(struct sv line, struct sv *ret_name, struct sv *ret_value)
{
        return sv_word(&line, ret_name) && sv_word(&line, ret_value);
}

bool arp_line_parse(struct sv line, struct sv *ret_device)
{
        struct sv word;
        if (!sv_word(&line, &word) || sv_eq(word, SV("IP")))
                return false;
        size_t words = 1;
        while (sv_word(&line, &word))
                words++;
        *ret_device = word;
        return words > 1;
}

bool udev_line_parse(struct sv line, struct sv *ret_name, struct sv *ret_value)
{
        size_t equals = sv_find(line, '=');
        if (!sv_starts(line, SV("E:")) || equals == line.n)
                return false;
        *ret_name = sv_n(line.p + 2, equals - 2);
        *ret_value = sv_n(line.p + equals + 1, line.n - equals - 1);
        return true;
}

static size_t span_digits(struct sv text)
{
        size_t n = 0;
        while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
                n++;
        return n;
}

bool hwmon_name_parse(struct sv name, struct sv *ret_type, uint32_t *ret_number, struct sv *ret_property)
{
        size_t type = 0;
        while (type < name.n && (name.p[type] < '0' || name.p[type] > '9'))
                type++;
        struct sv rest = sv_n(name.p + type, name.n - type);
        size_t digits = span_digits(rest);
        uint64_t number = 0;
        if (type == 0 || (digits && (!sv_parse_u64(sv_n(rest.p, digits), 10, &number) || number > INT32_MAX)))
                return false;
        rest = sv_n(rest.p + digits, rest.n - digits);
        if (rest.n == 1 || (rest.n && rest.p[0] != '_'))
                return false;
        *ret_type = sv_n(name.p, type);
        *ret_number = (uint32_t)number;
        *ret_property = rest.n ? sv_n(rest.p + 1, rest.n - 1) : SV("");
        return true;
}
