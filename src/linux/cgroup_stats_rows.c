/* The parsers of the files that have a row a device or a NUMA node. */
#include "linux/cgroup_stats_parse.h"

const char *const cgroup_io_operation_names[] = { "Async", "Discard", "Read", "Sync", "Total", "Write" };

/* "8:0" */
static bool parse_device(struct sv word, uint32_t *ret_major, uint32_t *ret_minor)
{
        uint64_t major;
        uint64_t minor;
        size_t colon = sv_find(word, ':');
        if (colon == word.n || !sv_parse_u64(sv_n(word.p, colon), 10, &major) ||
                !sv_parse_u64(sv_n(word.p + colon + 1, word.n - colon - 1), 10, &minor) || major > UINT32_MAX ||
                minor > UINT32_MAX)
                return false;
        *ret_major = (uint32_t)major;
        *ret_minor = (uint32_t)minor;
        return true;
}

/* An upper bound of the devices of a file: how often the first word changes from line to line. */
static size_t count_devices(struct sv text)
{
        struct sv line;
        struct sv last = { "", 0 };
        size_t count = 0;
        while (sv_line(&text, &line)) {
                struct sv first;
                if (!sv_word(&line, &first) || sv_eq(first, last))
                        continue;
                last = first;
                count++;
        }
        return count;
}

/* The row of the device, a new one when it has none; NULL beyond `room`. */
static struct cgroup_io_row *row_of(struct cgroup_io_table *table, size_t room, uint32_t major, uint32_t minor)
{
        for (size_t i = table->count; i > 0; i--)
                if (table->rows[i - 1].major == major && table->rows[i - 1].minor == minor)
                        return &table->rows[i - 1];
        if (table->count == room)
                return NULL;
        struct cgroup_io_row *row = &table->rows[table->count++];
        row->major = major;
        row->minor = minor;
        return row;
}

static size_t bounded(size_t count, size_t max)
{
        return count < max ? count : max;
}

static bool find_operation(struct sv word, enum cgroup_io_operation *ret)
{
        for (size_t i = 0; i < CGROUP_IO_OPERATIONS; i++)
                if (sv_eq(word, sv_of(cgroup_io_operation_names[i]))) {
                        *ret = (enum cgroup_io_operation)i;
                        return true;
                }
        return false;
}

/* "8:0 Read 42" or "8:0 42". */
static bool parse_blkio_line(struct sv line, struct cgroup_io_table *table, size_t room)
{
        struct sv device;
        struct sv word;
        struct sv number;
        uint32_t major;
        uint32_t minor;
        uint64_t value;
        unsigned bit = 0;
        enum cgroup_io_operation operation = CGROUP_IO_TOTAL;
        if (!sv_word(&line, &device) || !parse_device(device, &major, &minor) || !sv_word(&line, &word))
                return false;
        if (sv_word(&line, &number)) {
                if (!find_operation(word, &operation))
                        return false;
                bit = 1U << operation;
        } else
                number = word;
        if (sv_trim(line).n || !sv_parse_u64(number, 10, &value))
                return false;
        struct cgroup_io_row *row = row_of(table, room, major, minor);
        if (!row)
                return false;
        row->values[operation] = value;
        row->has |= bit;
        return true;
}

int cgroup_parse_blkio(
        struct sv text, struct arena *arena, struct cgroup_io_table *ret, size_t *refused, struct error *err)
{
        struct cgroup_io_table table = { 0 };
        size_t room = bounded(count_devices(text), CGROUP_DEVICES_MAX);
        struct sv line;
        while (sv_line(&text, &line)) {
                if (line.n == 0 || sv_starts(line, SV("Total")))
                        continue;
                if (!table.rows) {
                        table.rows = arena_array(arena, room, sizeof(*table.rows));
                        if (!table.rows)
                                return fail(err, E_NO_MEMORY, "no memory for %zu devices of a control group", room);
                }
                if (!parse_blkio_line(line, &table, room))
                        ++*refused;
        }
        *ret = table;
        return 0;
}

/* Where a word of io.stat goes. */
struct io_word {
        struct sv name;
        enum cgroup_io_kind kind;
        enum cgroup_io_operation operation;
        bool single; /* one number a device: no operation */
};

static const struct io_word *find_io_word(struct sv name)
{
        static const struct io_word words[] = {
                { { "rbytes", 6 }, CGROUP_IO_SERVICE_BYTES, CGROUP_IO_READ, false },
                { { "wbytes", 6 }, CGROUP_IO_SERVICE_BYTES, CGROUP_IO_WRITE, false },
                { { "rios", 4 }, CGROUP_IO_SERVICED, CGROUP_IO_READ, false },
                { { "wios", 4 }, CGROUP_IO_SERVICED, CGROUP_IO_WRITE, false },
                { { "cost.usage", 10 }, CGROUP_IO_COST_USAGE, CGROUP_IO_TOTAL, true },
                { { "cost.wait", 9 }, CGROUP_IO_COST_WAIT, CGROUP_IO_TOTAL, true },
                { { "cost.indebt", 11 }, CGROUP_IO_COST_INDEBT, CGROUP_IO_TOTAL, true },
                { { "cost.indelay", 12 }, CGROUP_IO_COST_INDELAY, CGROUP_IO_TOTAL, true },
        };
        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
                if (sv_eq(words[i].name, name))
                        return &words[i];
        return NULL; /* dbytes, dios, cost.vrate: cAdvisor has no place for them */
}

struct io_parse {
        struct cgroup_io_table *tables;
        size_t room;
        struct arena *arena;
        size_t *refused;
        struct error *err;
};

/* "rbytes=4096" of a device. */
static int parse_io_word(struct io_parse *parse, struct sv word, uint32_t major, uint32_t minor)
{
        uint64_t value;
        size_t equals = sv_find(word, '=');
        const struct io_word *known = find_io_word(sv_n(word.p, equals));
        if (!known)
                return 0;
        if (equals == word.n || !sv_parse_u64(sv_n(word.p + equals + 1, word.n - equals - 1), 10, &value)) {
                ++*parse->refused;
                return 0;
        }
        struct cgroup_io_table *table = &parse->tables[known->kind];
        if (!table->rows) {
                table->rows = arena_array(parse->arena, parse->room, sizeof(*table->rows));
                if (!table->rows)
                        return fail(
                                parse->err, E_NO_MEMORY, "no memory for %zu devices of a control group", parse->room);
        }
        struct cgroup_io_row *row = row_of(table, parse->room, major, minor);
        if (!row) {
                ++*parse->refused;
                return 0;
        }
        row->values[known->operation] = value;
        if (!known->single)
                row->has |= 1U << known->operation;
        return 0;
}

/* One line. Older kernels left out the newline of a device without figures ("8:16 8:0 rbytes=…", mended by "blk-cgroup:
 * always terminate io.stat lines"), so the last device before the figures is the one they belong to. */
static int parse_io_line(struct io_parse *parse, struct sv line)
{
        struct sv word;
        uint32_t major = 0;
        uint32_t minor = 0;
        bool known = false;
        while (sv_word(&line, &word)) {
                if (sv_find(word, '=') == word.n) {
                        known = parse_device(word, &major, &minor);
                        if (!known)
                                ++*parse->refused;
                } else if (known && parse_io_word(parse, word, major, minor) < 0)
                        return -1;
        }
        return 0;
}

int cgroup_parse_io_stat(struct sv text, struct arena *arena, struct cgroup_io_table tables[CGROUP_IO_KINDS],
        size_t *refused, struct error *err)
{
        struct cgroup_io_table found[CGROUP_IO_KINDS] = { 0 };
        struct io_parse parse = { .tables = found,
                .room = bounded(count_devices(text) + 1, CGROUP_DEVICES_MAX),
                .arena = arena,
                .refused = refused,
                .err = err };
        struct sv line;
        while (sv_line(&text, &line))
                if (parse_io_line(&parse, line) < 0)
                        return -1;
        memcpy(tables, found, sizeof(found));
        return 0;
}

static size_t count_lines(struct sv text)
{
        struct sv line;
        size_t count = 0;
        while (sv_line(&text, &line))
                count += line.n > 0;
        return count;
}

/* "mlx4_0 hca_handle=2 hca_object=2000" */
static bool parse_rdma_line(struct sv line, struct cgroup_rdma *ret)
{
        struct cgroup_rdma row = { 0 };
        struct sv word;
        if (!sv_word(&line, &word) || word.n >= sizeof(row.device))
                return false;
        memcpy(row.device, word.p, word.n);
        while (sv_word(&line, &word)) {
                size_t equals = sv_find(word, '=');
                struct sv name = sv_n(word.p, equals);
                bool handle = sv_eq(name, SV("hca_handle"));
                if (!handle && !sv_eq(name, SV("hca_object")))
                        continue;
                if (equals == word.n || !cgroup_parse_number(sv_n(word.p + equals + 1, word.n - equals - 1),
                                                handle ? &row.hca_handle : &row.hca_object))
                        return false;
        }
        *ret = row;
        return true;
}

int cgroup_parse_rdma(struct sv text, struct arena *arena, struct cgroup_rdma **ret, size_t *ret_count, size_t *refused,
        struct error *err)
{
        size_t lines = count_lines(text);
        size_t room = bounded(lines, CGROUP_RDMA_MAX);
        size_t count = 0;
        struct sv line;
        *refused += lines - room;
        if (room == 0)
                return 0;
        struct cgroup_rdma *rows = arena_array(arena, room, sizeof(*rows));
        if (!rows)
                return fail(err, E_NO_MEMORY, "no memory for %zu RDMA devices of a control group", room);
        for (size_t i = 0; i < room && sv_line(&text, &line);) {
                if (line.n == 0)
                        continue;
                i++;
                if (parse_rdma_line(line, &rows[count]))
                        count++;
                else
                        ++*refused;
        }
        *ret = rows;
        *ret_count = count;
        return 0;
}

/* One table of nodes that grows to the nodes of the longest line. */
struct node_table {
        struct cgroup_node_pages *rows;
        size_t count, room;
};

static struct cgroup_node_pages *node_of(struct node_table *table, uint64_t node)
{
        for (size_t i = 0; i < table->count; i++)
                if (table->rows[i].node == node)
                        return &table->rows[i];
        if (table->count == table->room || node >= CGROUP_NODES_MAX)
                return NULL;
        struct cgroup_node_pages *row = &table->rows[table->count++];
        row->node = (unsigned)node;
        return row;
}

/* The words "N0=49" of a line into `offset` of the rows. */
static void parse_nodes(struct sv words, size_t offset, uint64_t unit, struct node_table *table, size_t *refused)
{
        struct sv word;
        while (sv_word(&words, &word)) {
                uint64_t node;
                uint64_t value;
                size_t equals = sv_find(word, '=');
                struct cgroup_node_pages *row = NULL;
                if (word.p[0] == 'N' && equals < word.n && sv_parse_u64(sv_n(word.p + 1, equals - 1), 10, &node) &&
                        sv_parse_u64(sv_n(word.p + equals + 1, word.n - equals - 1), 10, &value))
                        row = node_of(table, node);
                if (row)
                        *(uint64_t *)((char *)row + offset) = value / unit;
                else
                        ++*refused;
        }
}

static bool node_offset(struct sv name, size_t *ret)
{
        if (sv_eq(name, SV("file")))
                *ret = offsetof(struct cgroup_node_pages, file);
        else if (sv_eq(name, SV("anon")))
                *ret = offsetof(struct cgroup_node_pages, anon);
        else if (sv_eq(name, SV("unevictable")))
                *ret = offsetof(struct cgroup_node_pages, unevictable);
        else
                return false;
        return true;
}

/* Room for as many nodes as the first line names. */
static int make_nodes(struct sv text, struct arena *arena, struct node_table *table, struct error *err)
{
        struct sv line;
        struct sv word;
        size_t count = 0;
        if (!sv_line(&text, &line) || !sv_word(&line, &word))
                return 0;
        while (sv_word(&line, &word))
                count++;
        if (count == 0)
                return 0;
        table->room = bounded(count, CGROUP_NODES_MAX);
        table->rows = arena_array(arena, table->room, sizeof(*table->rows));
        return table->rows ? 0 : fail(err, E_NO_MEMORY, "no memory for %zu nodes of a control group", table->room);
}

int cgroup_parse_numa_stat_v1(
        struct sv text, struct arena *arena, struct cgroup_memory *memory, size_t *refused, struct error *err)
{
        static const struct sv prefix = { "hierarchical_", 13 };
        struct node_table own = { 0 };
        struct node_table all = { 0 };
        struct sv line;
        if (make_nodes(text, arena, &own, err) < 0 || make_nodes(text, arena, &all, err) < 0)
                return -1;
        while (sv_line(&text, &line)) {
                struct sv word;
                size_t offset;
                if (!sv_word(&line, &word))
                        continue;
                struct sv name = sv_n(word.p, sv_find(word, '='));
                bool hierarchical = sv_starts(name, prefix);
                if (hierarchical)
                        name = sv_n(name.p + prefix.n, name.n - prefix.n);
                if (node_offset(name, &offset))
                        parse_nodes(line, offset, 1, hierarchical ? &all : &own, refused);
        }
        memory->nodes = own.rows;
        memory->node_count = own.count;
        memory->hierarchical_nodes = all.rows;
        memory->hierarchical_node_count = all.count;
        return 0;
}

int cgroup_parse_numa_stat_v2(struct sv text, uint64_t page_size, struct arena *arena, struct cgroup_memory *memory,
        size_t *refused, struct error *err)
{
        struct node_table nodes = { 0 };
        struct sv line;
        if (make_nodes(text, arena, &nodes, err) < 0)
                return -1;
        while (sv_line(&text, &line)) {
                struct sv name;
                size_t offset;
                if (sv_word(&line, &name) && node_offset(name, &offset))
                        parse_nodes(line, offset, page_size ? page_size : 1, &nodes, refused);
        }
        /* all figures of v2 are of the group with its children */
        memory->nodes = memory->hierarchical_nodes = nodes.rows;
        memory->node_count = memory->hierarchical_node_count = nodes.count;
        return 0;
}
