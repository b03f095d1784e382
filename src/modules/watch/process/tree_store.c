/* The tree's memory: processes in slabs, shared texts, the lines of pids and the lists of children. All of it is
 * counted in `bytes` with what the allocator adds. Nothing here decides what to throw out: tree_make_room does that
 * between two observations, so that no pointer in use goes away. */
#include "modules/watch/process/tree_internal.h"

/* What glibc takes for one block: the size and a header, in steps of 16, 32 at least. */
static size_t cost_of(size_t size)
{
        size_t cost = (size + 8 + 15) & ~(size_t)15;
        return size == 0 ? 0 : cost < 32 ? 32 : cost;
}

void *tree_memory(struct tree *tree, void *old, size_t old_size, size_t size)
{
        uint64_t wanted = tree->counters.bytes - cost_of(old_size) + cost_of(size);
        void *memory = wanted > tree->options.memory_max ? NULL : realloc(old, size);
        if (!memory) {
                tree->counters.refused++;
                return NULL;
        }
        tree->counters.bytes = wanted;
        if (wanted > tree->counters.bytes_high)
                tree->counters.bytes_high = wanted;
        if (size > old_size)
                memset((char *)memory + old_size, 0, size - old_size);
        return memory;
}

void tree_memory_free(struct tree *tree, void *old, size_t old_size)
{
        if (old)
                tree->counters.bytes -= cost_of(old_size);
        free(old);
}

/* --- texts ------------------------------------------------------------------------------------------------------- */

static size_t text_size(size_t length)
{
        return offsetof(struct text, bytes) + length + 1;
}

static struct text **text_bucket(const struct tree *tree, struct sv bytes)
{
        return &tree->texts[map_hash(bytes) & (tree->text_buckets - 1)];
}

static void texts_grow(struct tree *tree)
{
        size_t had = tree->text_buckets;
        size_t wanted = had * 2;
        struct text **old = tree->texts;
        struct text **grown = tree_memory(tree, NULL, 0, wanted * sizeof(*grown));
        if (!grown)
                return; /* longer chains, nothing worse */
        tree->texts = grown;
        tree->text_buckets = wanted;
        for (size_t i = 0; i < had; i++) {
                for (struct text *text = old[i], *next; text; text = next) {
                        next = text->next;
                        struct text **bucket = text_bucket(tree, sv_n(text->bytes, text->length));
                        text->next = *bucket;
                        *bucket = text;
                }
        }
        tree_memory_free(tree, old, had * sizeof(struct text *));
}

struct text *tree_text(struct tree *tree, struct sv bytes)
{
        if (bytes.n == 0)
                return NULL;
        if (bytes.n > TREE_TEXT_MAX)
                bytes.n = TREE_TEXT_MAX;
        struct text **bucket = text_bucket(tree, bytes);
        for (struct text *text = *bucket; text; text = text->next) {
                if (text->length == bytes.n && memcmp(text->bytes, bytes.p, bytes.n) == 0)
                        return tree_text_ref(text);
        }
        struct text *text = tree_memory(tree, NULL, 0, text_size(bytes.n));
        if (!text)
                return NULL;
        text->refs = 1;
        text->length = (uint32_t)bytes.n & 0x1fff;
        memcpy(text->bytes, bytes.p, bytes.n);
        text->next = *bucket;
        *bucket = text;
        if (++tree->text_count > tree->text_buckets * 4)
                texts_grow(tree);
        return text;
}

struct text *tree_text_ref(struct text *text)
{
        if (text)
                text->refs++;
        return text;
}

void tree_text_unref(struct tree *tree, struct text *text)
{
        if (!text || --text->refs)
                return;
        struct text **at = text_bucket(tree, sv_n(text->bytes, text->length));
        while (*at != text)
                at = &(*at)->next;
        *at = text->next;
        tree->text_count--;
        tree_memory_free(tree, text, text_size(text->length));
}

void tree_text_set(struct tree *tree, struct text **text, struct sv bytes)
{
        if (*text && (*text)->length == bytes.n && memcmp((*text)->bytes, bytes.p, bytes.n) == 0)
                return;
        struct text *made = tree_text(tree, bytes);
        if (!made)
                return;
        tree_text_unref(tree, *text);
        *text = made;
}

/* --- processes --------------------------------------------------------------------------------------------------- */

struct tree_process *tree_at(const struct tree *tree, uint32_t index)
{
        return &tree->slabs[index / TREE_SLAB][index % TREE_SLAB];
}

static int slab_add(struct tree *tree)
{
        size_t slabs = TREE_PROCESSES_MAX / TREE_SLAB;
        if (tree->slab_count == slabs)
                return -1;
        if ((tree->slab_count & (tree->slab_count - 1)) == 0) {
                size_t capacity = tree->slab_count ? tree->slab_count * 2 : 1;
                struct tree_process **grown =
                        tree_memory(tree, tree->slabs, tree->slab_count * sizeof(*grown), capacity * sizeof(*grown));
                if (!grown)
                        return -1;
                tree->slabs = grown;
        }
        struct tree_process *slab = tree_memory(tree, NULL, 0, TREE_SLAB * sizeof(*slab));
        if (!slab)
                return -1;
        uint32_t first = (uint32_t)(tree->slab_count * TREE_SLAB);
        tree->slabs[tree->slab_count++] = slab;
        for (uint32_t i = TREE_SLAB; i-- > 0;) {
                slab[i].self = first + i;
                if (first + i == 0)
                        continue; /* nobody */
                slab[i].next = tree->free_process;
                tree->free_process = first + i;
        }
        return 0;
}

static void buckets_grow(struct tree *tree)
{
        size_t wanted = tree->bucket_count * 2;
        uint32_t *grown = tree_memory(tree, NULL, 0, wanted * sizeof(*grown));
        if (!grown)
                return;
        /* a bucket splits into two; the order within a line is kept */
        for (size_t i = 0; i < tree->bucket_count; i++) {
                uint32_t *tails[2] = { &grown[i], &grown[i + tree->bucket_count] };
                for (uint32_t index = tree->buckets[i]; index;) {
                        struct tree_process *process = tree_at(tree, index);
                        unsigned half = (process->pid & tree->bucket_count) != 0;
                        *tails[half] = index;
                        tails[half] = &process->older;
                        index = process->older;
                }
                *tails[0] = *tails[1] = 0;
        }
        tree_memory_free(tree, tree->buckets, tree->bucket_count * sizeof(uint32_t));
        tree->buckets = grown;
        tree->bucket_count = wanted;
}

/* Empties what a process refers to, not its links. */
static void release(struct tree *tree, struct tree_process *process)
{
        tree_container_lose(tree, process);
        tree_text_unref(tree, process->exe);
        tree_text_unref(tree, process->cwd);
        tree_text_unref(tree, process->argv);
        tree_text_unref(tree, process->credential);
        process->exe = process->cwd = process->argv = process->credential = NULL;
}

struct tree_process *tree_process_new(struct tree *tree)
{
        bool full = tree->counters.processes + tree->counters.ended >= tree->options.processes_max;
        if (!full && !tree->free_process)
                full = slab_add(tree) < 0;
        if (full) {
                tree->counters.refused++;
                struct tree_process *nobody = tree_at(tree, 0);
                release(tree, nobody);
                *nobody = (struct tree_process){ .child = nobody->child };
                return nobody;
        }
        if (tree->counters.processes + tree->counters.ended >= tree->bucket_count)
                buckets_grow(tree);
        struct tree_process *process = tree_at(tree, tree->free_process);
        tree->free_process = process->next;
        *process = (struct tree_process){ .self = process->self, .used = true };
        tree->counters.processes++;
        return process;
}

void tree_process_delete(struct tree *tree, struct tree_process *process)
{
        release(tree, process);
        if (process->end_ns)
                tree->counters.ended--;
        else
                tree->counters.processes--;
        *process = (struct tree_process){ .self = process->self, .next = tree->free_process };
        tree->free_process = process->self;
        tree->counters.deleted++;
}

/* --- links ------------------------------------------------------------------------------------------------------- */

/* Pids are dealt out in sequence: their low bits spread them better than any hash. */
static uint32_t *bucket_of(struct tree *tree, pid_t pid)
{
        return &tree->buckets[(uint32_t)pid & (tree->bucket_count - 1)];
}

void tree_line_link(struct tree *tree, struct tree_process *process)
{
        uint32_t *place = bucket_of(tree, (pid_t)process->pid);
        for (uint32_t *at = place; *at;) {
                struct tree_process *other = tree_at(tree, *at);
                if (other->pid == process->pid) {
                        if (other->first_ns <= process->first_ns) {
                                place = at;
                                break;
                        }
                        place = &other->older;
                }
                at = &other->older;
        }
        process->older = *place;
        *place = process->self;
}

void tree_line_unlink(struct tree *tree, struct tree_process *process)
{
        uint32_t *at = bucket_of(tree, (pid_t)process->pid);
        while (*at != process->self)
                at = &tree_at(tree, *at)->older;
        *at = process->older;
}

/* Nearly always the newest child comes last, so its place is looked for from the end. */
void tree_sibling_link(struct tree *tree, struct tree_process *process, uint32_t parent)
{
        struct tree_process *above = tree_at(tree, parent);
        process->parent = parent;
        if (!above->child) {
                above->child = process->previous = process->self;
                process->next = 0;
                return;
        }
        struct tree_process *first = tree_at(tree, above->child);
        struct tree_process *before = tree_at(tree, first->previous); /* the last */
        while (before != first && before->first_ns > process->first_ns)
                before = tree_at(tree, before->previous);
        if (before == first && first->first_ns > process->first_ns) {
                process->next = first->self;
                process->previous = first->previous;
                first->previous = process->self;
                above->child = process->self;
                return;
        }
        process->next = before->next;
        process->previous = before->self;
        tree_at(tree, before->next ? before->next : above->child)->previous = process->self;
        before->next = process->self;
}

void tree_sibling_unlink(struct tree *tree, struct tree_process *process)
{
        struct tree_process *above = tree_at(tree, process->parent);
        if (above->child == process->self) {
                above->child = process->next;
                if (process->next)
                        tree_at(tree, process->next)->previous = process->previous;
        } else {
                tree_at(tree, process->previous)->next = process->next;
                tree_at(tree, process->next ? process->next : above->child)->previous = process->previous;
        }
        process->parent = process->next = process->previous = 0;
}

int tree_store_init(struct tree *tree, struct error *err)
{
        tree->bucket_count = 256;
        tree->text_buckets = 256;
        tree->buckets = tree_memory(tree, NULL, 0, tree->bucket_count * sizeof(*tree->buckets));
        tree->texts = tree_memory(tree, NULL, 0, tree->text_buckets * sizeof(struct text *));
        if (!tree->buckets || !tree->texts || slab_add(tree) < 0)
                return fail(err, E_NO_MEMORY, "process tree");
        return 0;
}

void tree_store_done(struct tree *tree)
{
        for (size_t i = 0; i < tree->text_buckets && tree->texts; i++) {
                for (struct text *text = tree->texts[i], *next; text; text = next) {
                        next = text->next;
                        free(text);
                }
        }
        for (size_t i = 0; i < tree->slab_count; i++)
                free(tree->slabs[i]);
        free(tree->slabs);
        free(tree->texts);
        free(tree->buckets);
}
