/* Processors, caches and NUMA nodes: Documentation/ABI/stable/sysfs-devices-system-cpu and sysfs-devices-node.
 *
 * The rules are those of cAdvisor's machine API: a core is what shares socket and core id, a CPU that is offline or
 * tells neither is in no core, without NUMA nodes a socket stands for one. A cache beyond level 2 belongs to the node
 * when exactly the CPUs of the node share it, else it is an uncore cache of each core; a cache up to level 2 belongs to
 * the core when exactly its threads share it. Where cAdvisor drops a cache up to level 2 that more CPUs share (the L2
 * of a cluster), it stands with the node's or the uncore ones here; a cache without "id" (Arm) has id 0 instead of
 * hiding all. */
#include "linux/machine_internal.h"

#include "base/cleanup.h"

#include <fcntl.h>

enum { CACHES_MAX = 64 /* of a core or a node */, LEVEL_OF_CORES = 2 };

struct cpu {
        int number;
        int64_t core, die, socket;
        const char *book, *drawer;
};

struct cpus {
        struct cpu *rows;
        size_t count;
};

static bool fits(int n, size_t size)
{
        return n >= 0 && (size_t)n < size;
}

static int order_of(int64_t a, int64_t b)
{
        return (a > b) - (a < b);
}

/* Threads of one core next to each other. */
static int compare_cpus(const void *a, const void *b)
{
        const struct cpu *x = a;
        const struct cpu *y = b;
        const int orders[] = { order_of(x->socket, y->socket), strcmp(x->drawer, y->drawer), strcmp(x->book, y->book),
                order_of(x->die, y->die), order_of(x->core, y->core), order_of(x->number, y->number) };
        for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++)
                if (orders[i])
                        return orders[i];
        return 0;
}

static bool same_core(const struct cpu *x, const struct cpu *y)
{
        return x->socket == y->socket && x->die == y->die && x->core == y->core && strcmp(x->book, y->book) == 0 &&
               strcmp(x->drawer, y->drawer) == 0;
}

static int compare_cores(const void *a, const void *b)
{
        return order_of(((const struct machine_core *)a)->threads[0], ((const struct machine_core *)b)->threads[0]);
}

static int fill_cpu(struct machine_reading *reading, int topology, struct cpu *cpu)
{
        if (!machine_signed(topology, "die_id", &cpu->die)) /* cores are numbered per die on some machines */
                cpu->die = 0;
        cpu->book = machine_text(topology, "book_id", reading->arena); /* s390 */
        cpu->drawer = machine_text(topology, "drawer_id", reading->arena);
        return cpu->book && cpu->drawer ? 0 : -1;
}

/* The CPUs with a directory below `path` that are online and tell where they are. With `lenient` a missing id is 0. */
static int read_cpus(struct machine_reading *reading, const char *path, const struct machine_cpu_set *online,
        bool lenient, struct cpus *ret)
{
        int *numbers;
        size_t count;
        *ret = (struct cpus){ 0 };
        if (machine_numbers(reading, reading->sys, path, "cpu", MACHINE_CPUS_MAX, &numbers, &count) < 0)
                return -1;
        struct cpu *rows = arena_array(reading->arena, count, sizeof(*rows));
        if (!rows)
                return -1;
        for (size_t i = 0; i < count; i++) {
                struct cpu *cpu = &rows[ret->count];
                char name[MACHINE_PATH_MAX];
                if ((online && !machine_cpu_set_has(online, numbers[i])) ||
                        !fits(snprintf(name, sizeof(name), "%s/cpu%d/topology", path, numbers[i]), sizeof(name)))
                        continue;
                cleanup(fd_close) int topology = machine_open_directory(reading->sys, name);
                *cpu = (struct cpu){ .number = numbers[i], .book = "", .drawer = "" };
                bool told = topology >= 0 && machine_signed(topology, "core_id", &cpu->core);
                told = topology >= 0 && machine_signed(topology, "physical_package_id", &cpu->socket) && told;
                if (!told && !lenient)
                        continue;
                if (topology >= 0 && fill_cpu(reading, topology, cpu) < 0)
                        return -1;
                ret->count++;
        }
        ret->rows = rows;
        qsort(rows, ret->count, sizeof(*rows), compare_cpus);
        return 0;
}

/* cpus: sorted. */
static int make_cores(struct machine_reading *reading, const struct cpu *cpus, size_t count, struct machine_node *node)
{
        size_t cores = 0;
        for (size_t i = 0; i < count; i++)
                cores += i == 0 || !same_core(&cpus[i], &cpus[i - 1]);
        int *threads = arena_array(reading->arena, count, sizeof(*threads));
        node->cores = arena_array(reading->arena, cores, sizeof(*node->cores));
        if (!threads || !node->cores)
                return -1;
        for (size_t i = 0; i < count; i++) {
                threads[i] = cpus[i].number;
                if (i > 0 && same_core(&cpus[i], &cpus[i - 1])) {
                        node->cores[node->core_count - 1].thread_count++;
                        continue;
                }
                node->cores[node->core_count++] = (struct machine_core){ .id = (int)cpus[i].core,
                        .socket = (int)cpus[i].socket,
                        .threads = &threads[i],
                        .thread_count = 1,
                        .book = cpus[i].book,
                        .drawer = cpus[i].drawer };
        }
        qsort(node->cores, node->core_count, sizeof(*node->cores), compare_cores);
        return 0;
}

static bool same_cache(const struct machine_cache *a, const struct machine_cache *b)
{
        return a->id == b->id && a->level == b->level && a->size == b->size && strcmp(a->type, b->type) == 0;
}

static int add_cache(
        struct machine_reading *reading, const struct machine_cache *cache, struct machine_cache **list, size_t *count)
{
        for (size_t i = 0; i < *count; i++)
                if (same_cache(&(*list)[i], cache))
                        return 0;
        if (*count == CACHES_MAX) {
                reading->machine->refused++;
                return 0;
        }
        if ((*count & (*count - 1)) == 0) { /* 0, 1, 2, 4 … are full: an arena cannot shrink, so it doubles */
                struct machine_cache *more = arena_array(reading->arena, *count ? *count * 2 : 1, sizeof(*more));
                if (!more)
                        return -1;
                if (*count)
                        memcpy(more, *list, *count * sizeof(*more));
                *list = more;
        }
        (*list)[(*count)++] = *cache;
        return 0;
}

/* False when it is not a cache we can tell of. */
static bool read_cache(int directory, struct machine_cache *ret, size_t *ret_cpus, char type[static MACHINE_VALUE_MAX])
{
        char room[MACHINE_VALUE_MAX];
        struct sv text;
        struct sv type_text;
        uint64_t level;
        uint64_t id = 0;
        if (!machine_value(directory, "size", room, &text) || !machine_cache_size_parse(text, &ret->size) ||
                !machine_number(directory, "level", &level) || level > INT32_MAX ||
                !machine_value(directory, "type", type, &type_text) || !type_text.n ||
                !machine_value(directory, "shared_cpu_map", room, &text) || !machine_cpu_mask_count(text, ret_cpus))
                return false;
        type[(size_t)(type_text.p - type) + type_text.n] = '\0';
        machine_number(directory, "id", &id);
        ret->id = id <= INT32_MAX ? (int)id : 0;
        ret->level = (int)level;
        ret->type = type_text.p;
        return true;
}

static const char *keep_type(struct arena *arena, const char *type)
{
        static const char *const known[] = { "Data", "Instruction", "Unified" };
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (strcmp(type, known[i]) == 0)
                        return known[i];
        return arena_strdup(arena, type);
}

static int place_cache(struct machine_reading *reading, const struct machine_cache *cache, size_t cpus,
        size_t node_threads, struct machine_core *core, struct machine_node *node)
{
        if (cache->level <= LEVEL_OF_CORES && cpus == core->thread_count)
                return add_cache(reading, cache, &core->caches, &core->cache_count);
        if (cpus == node_threads)
                return add_cache(reading, cache, &node->caches, &node->cache_count);
        return add_cache(reading, cache, &core->uncore_caches, &core->uncore_cache_count);
}

static int read_core_caches(
        struct machine_reading *reading, size_t node_threads, struct machine_core *core, struct machine_node *node)
{
        char path[MACHINE_PATH_MAX];
        int *indexes;
        size_t count;
        if (!fits(snprintf(path, sizeof(path), "devices/system/cpu/cpu%d/cache", core->threads[0]), sizeof(path)))
                return 0;
        cleanup(fd_close) int caches = openat(reading->sys, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (caches < 0)
                return 0;
        if (machine_numbers(reading, caches, ".", "index", CACHES_MAX, &indexes, &count) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                struct machine_cache cache = { 0 };
                size_t cpus;
                char type[MACHINE_VALUE_MAX];
                if (!fits(snprintf(path, sizeof(path), "index%d", indexes[i]), sizeof(path)))
                        continue;
                cleanup(fd_close) int directory = openat(caches, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (directory < 0 || !read_cache(directory, &cache, &cpus, type)) {
                        reading->machine->refused++;
                        continue;
                }
                if (!(cache.type = keep_type(reading->arena, cache.type)) ||
                        place_cache(reading, &cache, cpus, node_threads, core, node) < 0)
                        return -1;
        }
        return 0;
}

static int read_caches(struct machine_reading *reading, struct machine_node *node)
{
        size_t threads = 0;
        for (size_t i = 0; i < node->core_count; i++)
                threads += node->cores[i].thread_count;
        for (size_t i = 0; i < node->core_count; i++)
                if (read_core_caches(reading, threads, &node->cores[i], node) < 0)
                        return -1;
        return 0;
}

/* "Node 0 MemTotal:       32817192 kB" */
static uint64_t node_memory(int directory)
{
        char room[MACHINE_VALUE_MAX];
        struct sv text;
        struct sv line;
        if (!machine_value(directory, "meminfo", room, &text))
                return 0;
        while (sv_line(&text, &line)) {
                struct sv word;
                uint64_t kib;
                uint64_t bytes;
                while (sv_word(&line, &word))
                        if (sv_eq(word, SV("MemTotal:")) && sv_word(&line, &word) && sv_parse_u64(word, 10, &kib) &&
                                !__builtin_mul_overflow(kib, UINT64_C(1024), &bytes))
                                return bytes;
        }
        return 0;
}

static int read_distances(struct machine_reading *reading, int directory, struct machine_node *node)
{
        char room[MACHINE_VALUE_MAX];
        struct sv text;
        struct sv word;
        if (!machine_value(directory, "distance", room, &text))
                return 0;
        node->distances = arena_array(reading->arena, MACHINE_NODES_MAX, sizeof(*node->distances));
        if (!node->distances)
                return -1;
        while (node->distance_count < MACHINE_NODES_MAX && sv_word(&text, &word))
                if (sv_parse_u64(word, 10, &node->distances[node->distance_count]))
                        node->distance_count++;
                else
                        reading->machine->refused++;
        return 0;
}

static int read_node(struct machine_reading *reading, int id, const struct machine_cpu_set *online)
{
        char path[MACHINE_PATH_MAX];
        struct cpus cpus;
        struct machine_node *node = &reading->machine->nodes[reading->machine->node_count];
        if (!fits(snprintf(path, sizeof(path), "devices/system/node/node%d", id), sizeof(path)))
                return 0;
        cleanup(fd_close) int directory = openat(reading->sys, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return 0;
        *node = (struct machine_node){ .id = id, .memory = node_memory(directory) };
        if (read_cpus(reading, path, online, false, &cpus) < 0 ||
                make_cores(reading, cpus.rows, cpus.count, node) < 0 || read_caches(reading, node) < 0 ||
                machine_read_huge_pages(reading, directory, "hugepages", &node->huge_pages, &node->huge_pages_count) <
                        0 ||
                read_distances(reading, directory, node) < 0)
                return -1;
        reading->machine->cores += (unsigned)cpus.count;
        reading->machine->node_count++;
        return 0;
}

/* cpus: all of the machine, sorted by socket first. */
static int nodes_of_sockets(struct machine_reading *reading, const struct cpus *cpus)
{
        struct machine *machine = reading->machine;
        machine->nodes = arena_array(reading->arena, MACHINE_NODES_MAX, sizeof(*machine->nodes));
        if (!machine->nodes)
                return -1;
        for (size_t from = 0, to; from < cpus->count; from = to) {
                for (to = from + 1; to < cpus->count && cpus->rows[to].socket == cpus->rows[from].socket;)
                        to++;
                if (machine->node_count == MACHINE_NODES_MAX) {
                        machine->refused++;
                        continue;
                }
                struct machine_node *node = &machine->nodes[machine->node_count++];
                *node = (struct machine_node){ .id = (int)cpus->rows[from].socket };
                if (make_cores(reading, cpus->rows + from, to - from, node) < 0 || read_caches(reading, node) < 0)
                        return -1;
                machine->cores += (unsigned)(to - from);
        }
        return 0;
}

static unsigned count_texts(const struct cpus *cpus, bool drawers)
{
        unsigned count = 0;
        for (size_t i = 0; i < cpus->count; i++) {
                const char *text = drawers ? cpus->rows[i].drawer : cpus->rows[i].book;
                bool seen = text[0] == '\0';
                for (size_t k = 0; k < i && !seen; k++)
                        seen = strcmp(text, drawers ? cpus->rows[k].drawer : cpus->rows[k].book) == 0;
                count += !seen;
        }
        return count;
}

/* What cpuinfo does not tell on Arm and others. A CPU that says nothing counts as core 0 of socket 0, as in cAdvisor.
 */
static int count_by_sysfs(struct machine_reading *reading, const struct machine_cpu_set *online)
{
        struct cpus cpus;
        unsigned cores = 0;
        unsigned sockets = 0;
        if (read_cpus(reading, "devices/system/cpu", online, true, &cpus) < 0)
                return -1;
        for (size_t i = 0; i < cpus.count; i++) {
                cores += i == 0 || !same_core(&cpus.rows[i], &cpus.rows[i - 1]);
                sockets += i == 0 || cpus.rows[i].socket != cpus.rows[i - 1].socket;
        }
        struct machine *machine = reading->machine;
        machine->physical_cores = machine->physical_cores ? machine->physical_cores : cores;
        machine->sockets = machine->sockets ? machine->sockets : sockets;
        if (cpus.count > machine->cores) /* one that does not tell where it is runs all the same */
                machine->cores = (unsigned)cpus.count;
        machine->books = count_texts(&cpus, false);
        machine->drawers = count_texts(&cpus, true);
        return 0;
}

int machine_read_topology(struct machine_reading *reading)
{
        struct machine *machine = reading->machine;
        struct machine_cpu_set set;
        const struct machine_cpu_set *online = NULL; /* no such file: no CPU can go offline */
        char room[MACHINE_VALUE_MAX];
        struct sv text;
        int *ids;
        size_t count;
        if (machine_value(reading->sys, "devices/system/cpu/online", room, &text) && text.n &&
                machine_cpu_list_parse(text, &set))
                online = &set;
        if (machine_numbers(reading, reading->sys, "devices/system/node", "node", MACHINE_NODES_MAX, &ids, &count) < 0)
                return -1;
        machine->cores = 0;
        if (count) {
                machine->nodes = arena_array(reading->arena, count, sizeof(*machine->nodes));
                if (!machine->nodes)
                        return -1;
                for (size_t i = 0; i < count; i++)
                        if (read_node(reading, ids[i], online) < 0)
                                return -1;
        } else {
                struct cpus cpus;
                if (read_cpus(reading, "devices/system/cpu", online, false, &cpus) < 0 ||
                        nodes_of_sockets(reading, &cpus) < 0)
                        return -1;
        }
        return count_by_sysfs(reading, online);
}
