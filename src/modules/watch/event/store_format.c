#include "modules/watch/event/store_format.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "lib/segment/segment.h"

#include <fcntl.h>

/* ---- hashes and sets ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
        __extension__ unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes a step, in the manner of wyhash: the fields of an event are hashed for every event. It need not withstand
 * chosen collisions: a hash that is equal by chance costs a look at the JSON, nothing else. */
uint64_t store_hash_long(struct sv text)
{
        const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
        uint64_t hash = mix(text.n + odd, UINT64_C(0xbf58476d1ce4e5b9));
        while (text.n >= 8) {
                uint64_t word;
                memcpy(&word, text.p, 8);
                hash = mix(hash ^ word, odd);
                text = sv_n(text.p + 8, text.n - 8);
        }
        uint64_t rest = 0;
        if (text.n)
                memcpy(&rest, text.p, text.n);
        hash = mix(hash ^ rest, UINT64_C(0x94d049bb133111eb));
        return hash ? hash : 1;
}

uint32_t store_hash(struct sv text)
{
        uint64_t hash = store_hash_long(text);
        uint32_t folded = (uint32_t)(hash >> 32 ^ hash);
        return folded ? folded : 1;
}

uint32_t store_hash_number(uint64_t number)
{
        return store_hash(sv_n((const char *)&number, sizeof(number)));
}

void store_bloom_ancestor(uint64_t bloom[2], uint32_t hash)
{
        bloom[hash >> 6 & 1] |= UINT64_C(1) << (hash & 63);
        bloom[hash >> 14 & 1] |= UINT64_C(1) << (hash >> 8 & 63);
}

bool store_bloom_has_ancestor(const uint64_t bloom[2], uint32_t hash)
{
        return bloom[hash >> 6 & 1] >> (hash & 63) & 1 && bloom[hash >> 14 & 1] >> (hash >> 8 & 63) & 1;
}

static uint32_t bloom_hash(enum store_bloom_member member, uint32_t hash)
{
        return hash * UINT32_C(0x9e3779b1) + (uint32_t)(member + 1) * UINT32_C(0x85ebca77);
}

static void bloom_add(uint64_t *bloom, enum store_bloom_member member, uint32_t hash)
{
        uint32_t bits = bloom_hash(member, hash);
        bloom[bits >> 6 & (STORE_BLOOM_WORDS - 1)] |= UINT64_C(1) << (bits & 63);
        bloom[bits >> 18 & (STORE_BLOOM_WORDS - 1)] |= UINT64_C(1) << (bits >> 12 & 63);
}

bool store_bloom_has(const uint64_t bloom[STORE_BLOOM_WORDS], enum store_bloom_member member, uint32_t hash)
{
        uint32_t bits = bloom_hash(member, hash);
        return bloom[bits >> 6 & (STORE_BLOOM_WORDS - 1)] >> (bits & 63) & 1 &&
               bloom[bits >> 18 & (STORE_BLOOM_WORDS - 1)] >> (bits >> 12 & 63) & 1;
}

static void bloom_add_text(uint64_t *bloom, enum store_bloom_member member, uint32_t hash)
{
        if (hash)
                bloom_add(bloom, member, hash);
}

void store_bloom_head(uint64_t bloom[STORE_BLOOM_WORDS], const struct event_head *head)
{
        bloom_add_text(bloom, BLOOM_EXE, head->exe);
        bloom_add_text(bloom, BLOOM_EXE_NAME, head->exe_name);
        bloom_add_text(bloom, BLOOM_COMM, head->comm);
        bloom_add_text(bloom, BLOOM_CONTAINER_ID, head->container_id);
        bloom_add_text(bloom, BLOOM_CONTAINER_NAME, head->container_name);
        bloom_add_text(bloom, BLOOM_ENGINE, head->engine);
        bloom_add_text(bloom, BLOOM_KEY, head->key);
        bloom_add_text(bloom, BLOOM_PATH, head->path);
        if (head->flags & HEAD_IDS) {
                bloom_add(bloom, BLOOM_UID, head->uid);
                bloom_add(bloom, BLOOM_EUID, head->euid);
        }
        if (head->flags & HEAD_SESSION)
                bloom_add(bloom, BLOOM_AUID, head->auid);
}

/* ---- heads ---- */

static uint32_t hash_text(const char *text)
{
        return text && *text ? store_hash(sv_of(text)) : 0;
}

static struct sv base_name(const char *path)
{
        const char *slash = strrchr(path, '/');
        return sv_of(slash ? slash + 1 : path);
}

bool store_container_digits(struct sv id, uint64_t *ret, unsigned *ret_count)
{
        uint64_t digits = 0;
        unsigned count = 0;
        while (count < 16 && count < id.n) {
                char c = id.p[count];
                unsigned digit;
                if (c >= '0' && c <= '9')
                        digit = (unsigned)(c - '0');
                else if (c >= 'a' && c <= 'f')
                        digit = (unsigned)(c - 'a') + 10;
                else
                        break;
                digits |= (uint64_t)digit << (60 - 4 * count);
                count++;
        }
        if (count == 0)
                return false;
        *ret = digits;
        *ret_count = count;
        return true;
}

static void fill_container(const struct event_container *container, struct event_head *ret)
{
        unsigned count;
        ret->flags |= HEAD_CONTAINER;
        ret->engine = hash_text(container->engine);
        ret->container_id = hash_text(container->id);
        ret->container_name = hash_text(container->name);
        if (container->id)
                store_container_digits(sv_of(container->id), &ret->container_digits, &count);
}

static void fill_ancestors(const struct event_process *process, struct event_head *ret)
{
        for (size_t i = 0; i < process->ancestors.count; i++) {
                const struct event_ancestor *ancestor = &process->ancestors.items[i];
                store_bloom_ancestor(ret->ancestors, store_hash_number((uint64_t)ancestor->pid));
                store_bloom_ancestor(ret->ancestors, hash_text(ancestor->comm));
                store_bloom_ancestor(ret->ancestors, hash_text(ancestor->exec_id));
                if (ancestor->exe && *ancestor->exe) {
                        store_bloom_ancestor(ret->ancestors, store_hash(sv_of(ancestor->exe)));
                        store_bloom_ancestor(ret->ancestors, store_hash(base_name(ancestor->exe)));
                }
        }
}

static void fill_process(const struct event_process *process, struct event_head *ret)
{
        ret->flags |= HEAD_PROCESS;
        ret->pid = (uint32_t)process->pid;
        ret->ppid = (uint32_t)process->ppid;
        ret->comm = hash_text(process->comm);
        if (process->exe && *process->exe) {
                ret->exe = store_hash(sv_of(process->exe));
                ret->exe_name = store_hash(base_name(process->exe));
        }
        if (process->exec_id && *process->exec_id)
                ret->exec_id = store_hash_long(sv_of(process->exec_id));
        if (process->has_ids) {
                ret->flags |= HEAD_IDS;
                ret->uid = (uint32_t)process->uid;
                ret->euid = (uint32_t)process->euid;
        }
        if (process->has_session) {
                ret->flags |= HEAD_SESSION;
                ret->auid = (uint32_t)process->auid;
        }
        if (process->has_container)
                fill_container(&process->container, ret);
        fill_ancestors(process, ret);
}

void event_head_fill(const struct event *event, struct event_head *ret)
{
        *ret = (struct event_head){ .time_ns = event->time_ns, .id = event->id };
        ret->type = (uint8_t)event->type;
        ret->source = (uint8_t)event->source;
        ret->flags = (uint16_t)((event->synthetic ? HEAD_SYNTHETIC : 0) | (event->late ? HEAD_LATE : 0));
        if (event->has_process)
                fill_process(&event->process, ret);
        if (event->has_object)
                ret->path = hash_text(event->object.path);
        if (event->has_audit)
                ret->key = hash_text(event->audit.key);
        for (size_t i = 0; i < event->tags.count; i++)
                ret->tags |= store_bloom_tag(hash_text(event->tags.items[i]));
}

void store_summary_init(struct store_summary *summary)
{
        *summary = (struct store_summary){ .time_min = INT64_MAX, .time_max = INT64_MIN };
}

void store_summary_add(struct store_summary *summary, const struct event_head *head)
{
        struct store_summary one = { head->time_ns, head->time_ns, head->id, head->id, 1,
                UINT32_C(1) << (head->type & 31) };
        store_summary_join(summary, &one);
}

void store_summary_join(struct store_summary *summary, const struct store_summary *other)
{
        if (other->events == 0)
                return;
        if (summary->events == 0)
                summary->id_first = other->id_first;
        summary->id_last = other->id_last;
        summary->events += other->events;
        summary->types |= other->types;
        if (other->time_min < summary->time_min)
                summary->time_min = other->time_min;
        if (other->time_max > summary->time_max)
                summary->time_max = other->time_max;
}

/* ---- files ---- */

static const char *const suffixes[] = { ".tail", ".pack", ".new" };

void store_file_name(uint64_t number, enum store_file_kind kind, char *ret)
{
        snprintf(ret, STORE_NAME_MAX, "events-%010llu%s", (unsigned long long)number % 10000000000ULL, suffixes[kind]);
}

bool store_file_parse(const char *name, uint64_t *ret_number, enum store_file_kind *ret_kind)
{
        struct sv text = sv_of(name);
        uint64_t number;
        if (!sv_starts(text, SV("events-")) || text.n < 18 || !sv_parse_u64(sv_n(text.p + 7, 10), 10, &number))
                return false;
        for (unsigned kind = 0; kind < sizeof(suffixes) / sizeof(suffixes[0]); kind++) {
                if (sv_eq(sv_n(text.p + 17, text.n - 17), sv_of(suffixes[kind]))) {
                        *ret_number = number;
                        *ret_kind = (enum store_file_kind)kind;
                        return true;
                }
        }
        return false;
}

static int by_number(const void *a, const void *b)
{
        const struct store_listed *left = a;
        const struct store_listed *right = b;
        if (left->number != right->number)
                return left->number < right->number ? -1 : 1;
        return (right->kind == STORE_PACK) - (left->kind == STORE_PACK);
}

int store_list(int directory, struct store_listed **ret, size_t *ret_count, struct error *err)
{
        VEC(struct store_listed) listed = { 0 };
        int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
        if (!entries) {
                fail_errno(err, "reading the store's directory");
                fd_close(&copy);
                return -1;
        }
        struct dirent *entry;
        while (errno = 0, (entry = readdir(entries))) {
                struct store_listed one;
                if (!store_file_parse(entry->d_name, &one.number, &one.kind))
                        continue;
                struct store_listed *added = vec_add(&listed, STORE_FILES_MAX);
                if (!added) {
                        vec_done(&listed);
                        return fail(err, E_TOO_LARGE, "the store has more than %d files", STORE_FILES_MAX);
                }
                *added = one;
        }
        if (errno) {
                vec_done(&listed);
                return fail_errno(err, "reading the store's directory");
        }
        if (listed.count)
                qsort(listed.items, listed.count, sizeof(listed.items[0]), by_number);
        *ret = listed.items;
        *ret_count = listed.count;
        return 0;
}

int store_read_file_head(int fd, const char *name, struct store_file_head *ret, size_t *ret_size, struct error *err)
{
        /* a later format may have a longer head, but begins with the same words */
        char bytes[SEGMENT_HEADER + 512];
        ssize_t got = pread(fd, bytes, sizeof(bytes), 0);
        if (got < 0)
                return fail_errno(err, "%s", name);
        uint32_t words[3];
        if ((size_t)got >= SEGMENT_HEADER + sizeof(words)) {
                memcpy(words, bytes + SEGMENT_HEADER, sizeof(words));
                if (words[0] != STORE_FILE || words[1] != STORE_MAGIC)
                        return fail(err, E_CORRUPT, "%s is no event file of this machine", name);
                if (words[2] > STORE_VERSION)
                        return fail(err, E_UNSUPPORTED,
                                "%s was written by a newer version: its format is %u, this one "
                                "knows %d",
                                name, words[2], STORE_VERSION);
        }
        struct sv record;
        int have = segment_next(sv_n(bytes, (size_t)got), &record, ret_size);
        if (have < 0 || (have > 0 && record.n != sizeof(*ret)))
                return fail(err, E_CORRUPT, "the head of %s is damaged", name);
        if (have > 0)
                memcpy(ret, record.p, sizeof(*ret));
        if (have > 0 && (!store_id_valid(ret->first_id) || ret->summary.id_last > STORE_ID_MAX))
                return fail(err, E_CORRUPT, "the head of %s is damaged", name);
        return have;
}

bool store_event_record(struct sv record, struct event_head *ret_head, struct sv *ret_json)
{
        uint32_t kind;
        if (record.n < sizeof(kind) + sizeof(*ret_head))
                return false;
        memcpy(&kind, record.p, sizeof(kind));
        memcpy(ret_head, record.p + sizeof(kind), sizeof(*ret_head));
        *ret_json = sv_n(record.p + sizeof(kind) + sizeof(*ret_head), record.n - sizeof(kind) - sizeof(*ret_head));
        return kind == STORE_EVENT && ret_head->size == ret_json->n && ret_head->type < EVENT_TYPES &&
               store_id_valid(ret_head->id);
}
