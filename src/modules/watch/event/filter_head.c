/* What can be said of an event by its head, of a block by its summary: never no where the text would say yes. */
#include "modules/watch/event/filter_internal.h"

bool event_filter_summary(const struct event_filter *filter, const struct store_summary *summary)
{
        return !filter || (summary->events > 0 && summary->time_max >= filter->since &&
                                  summary->time_min <= filter->until && (summary->types & filter->types));
}

static bool words_bloom(const struct words *words, const uint64_t *bloom, enum store_bloom_member member)
{
        for (size_t i = 0; i < words->count; i++)
                if (words->items[i].glob || store_bloom_has(bloom, member, words->items[i].hash))
                        return true;
        return words->count == 0;
}

static bool exe_bloom(const struct words *words, const uint64_t *bloom)
{
        for (size_t i = 0; i < words->count; i++)
                if (words->items[i].glob || store_bloom_has(bloom, words->items[i].whole ? BLOOM_EXE : BLOOM_EXE_NAME,
                                                    words->items[i].hash))
                        return true;
        return words->count == 0;
}

static bool path_bloom(const struct words *words, const uint64_t *bloom)
{
        for (size_t i = 0; i < words->count; i++)
                if (words->items[i].glob || !words->items[i].whole ||
                        store_bloom_has(bloom, BLOOM_PATH, words->items[i].hash))
                        return true;
        return words->count == 0;
}

static bool containers_bloom(const struct event_filter *filter, const uint64_t *bloom)
{
        list_foreach (container, &filter->container) {
                uint32_t hash = container->word.hash;
                if (container->kind != CONTAINER_WORD || container->word.glob || container->mask ||
                        store_bloom_has(bloom, BLOOM_CONTAINER_NAME, hash) ||
                        store_bloom_has(bloom, BLOOM_CONTAINER_ID, hash) || store_bloom_has(bloom, BLOOM_ENGINE, hash))
                        return true;
        }
        return filter->container.count == 0;
}

static bool users_bloom(const struct event_filter *filter, const uint64_t *bloom)
{
        bool user = filter->user.count == 0;
        bool auid = filter->auid.count == 0;
        list_foreach (uid, &filter->user)
                user = user || store_bloom_has(bloom, BLOOM_UID, *uid) || store_bloom_has(bloom, BLOOM_EUID, *uid);
        list_foreach (uid, &filter->auid)
                auid = auid || store_bloom_has(bloom, BLOOM_AUID, *uid);
        return user && auid;
}

bool event_filter_block(const struct event_filter *filter, const struct store_block *block)
{
        const uint64_t *bloom = block->bloom;
        return !filter || (event_filter_summary(filter, &block->summary) && exe_bloom(&filter->exe, bloom) &&
                                  words_bloom(&filter->comm, bloom, BLOOM_COMM) &&
                                  words_bloom(&filter->key, bloom, BLOOM_KEY) && path_bloom(&filter->path, bloom) &&
                                  containers_bloom(filter, bloom) && users_bloom(filter, bloom));
}

static bool words_head(const struct words *words, uint32_t hash)
{
        for (size_t i = 0; i < words->count; i++)
                if (hash && (words->items[i].glob || words->items[i].hash == hash))
                        return true;
        return words->count == 0;
}

static bool exe_head(const struct words *words, const struct event_head *head)
{
        for (size_t i = 0; i < words->count; i++) {
                uint32_t hash = words->items[i].whole ? head->exe : head->exe_name;
                if (hash && (words->items[i].glob || words->items[i].hash == hash))
                        return true;
        }
        return words->count == 0;
}

static bool path_head(const struct words *words, const struct event_head *head)
{
        for (size_t i = 0; i < words->count; i++)
                if (head->path &&
                        (words->items[i].glob || !words->items[i].whole || words->items[i].hash == head->path))
                        return true;
        return words->count == 0;
}

static bool container_head(const struct container_word *container, const struct event_head *head)
{
        bool inside = head->flags & HEAD_CONTAINER;
        if (container->kind == CONTAINER_NONE)
                return !inside;
        if (!inside || container->kind == CONTAINER_ANY)
                return inside;
        uint32_t hash = container->word.hash;
        return container->word.glob || hash == head->container_name || hash == head->container_id ||
               hash == head->engine ||
               (container->mask && (head->container_digits & container->mask) == container->digits);
}

static bool containers_head(const struct event_filter *filter, const struct event_head *head)
{
        list_foreach (container, &filter->container)
                if (container_head(container, head))
                        return true;
        return filter->container.count == 0;
}

static bool ids_head(const struct event_filter *filter, const struct event_head *head)
{
        bool user = filter->user.count == 0;
        bool auid = filter->auid.count == 0;
        bool pid = filter->pid.count == 0;
        list_foreach (uid, &filter->user)
                user = user || ((head->flags & HEAD_IDS) && (head->uid == *uid || head->euid == *uid));
        list_foreach (uid, &filter->auid)
                auid = auid || ((head->flags & HEAD_SESSION) && head->auid == *uid);
        list_foreach (one, &filter->pid)
                pid = pid || ((head->flags & HEAD_PROCESS) && head->pid == *one);
        return user && auid && pid;
}

static bool ancestors_head(const struct words *words, const struct event_head *head)
{
        for (size_t i = 0; i < words->count; i++) {
                const struct word *word = &words->items[i];
                uint64_t number;
                if (word->glob || store_bloom_has_ancestor(head->ancestors, word->hash) ||
                        (ancestor_number(word->text, &number) &&
                                store_bloom_has_ancestor(head->ancestors, store_hash_number(number))))
                        return true;
        }
        return words->count == 0;
}

static bool exec_ids_head(const struct words *words, const struct event_head *head)
{
        for (size_t i = 0; i < words->count; i++)
                if (head->exec_id && (words->items[i].glob || words->items[i].hash_long == head->exec_id))
                        return true;
        return words->count == 0;
}

static bool tags_head(const struct words *words, const struct event_head *head)
{
        for (size_t i = 0; i < words->count; i++)
                if (head->tags && (words->items[i].glob || (head->tags & store_bloom_tag(words->items[i].hash))))
                        return true;
        return words->count == 0;
}

bool event_filter_head(const struct event_filter *filter, const struct event_head *head)
{
        return !filter || ((filter->types >> (head->type & 31) & 1) && head->time_ns >= filter->since &&
                                  head->time_ns <= filter->until && ids_head(filter, head) &&
                                  exe_head(&filter->exe, head) && words_head(&filter->comm, head->comm) &&
                                  containers_head(filter, head) && words_head(&filter->key, head->key) &&
                                  path_head(&filter->path, head) && exec_ids_head(&filter->exec_id, head) &&
                                  tags_head(&filter->tag, head) && ancestors_head(&filter->ancestor, head));
}
