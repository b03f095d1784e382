/* Samples are folded into the running step; when it ends it is a row of the finest level. */
#include "modules/metrics/history/history.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "modules/metrics/history/history_internal.h"

enum { VALUE_MAX = 512, CGROUP_MAX = 1024 };
#define GAP_MAX_NS (5 * MINUTE)      /* between two samples, for a rate to be had from them */
#define REPEAT_MAX_NS (150 * SECOND) /* how long a value is repeated while the next sample is not there */
#define GONE_NS (10 * MINUTE)        /* without a sample */
#define RETAIN_NS (1 * MINUTE)       /* between looks at the room */

/* ---- open and close ---- */

static int copy_label_names(struct history *history, const char *const *names, struct error *err)
{
        size_t count = 0;
        while (names && names[count])
                count++;
        history->options.label_names = NULL;
        if (count == 0)
                return 0;
        history->label_names = calloc(count, sizeof(*history->label_names));
        for (size_t i = 0; history->label_names && i < count; i++) {
                history->label_names[i] = strdup(names[i]);
                if (!history->label_names[i])
                        return fail(err, E_NO_MEMORY, "no memory for history");
                history->label_name_count++;
        }
        return history->label_names ? 0 : fail(err, E_NO_MEMORY, "no memory for history");
}

static struct history *new_history(const struct history_options *options, struct error *err)
{
        struct history *history = calloc(1, sizeof(*history));
        if (!history)
                return fail_null(err, E_NO_MEMORY, "no memory for history");
        history->options = *options;
        history->directory = history->lock = -1;
        history->options.step_ns = options->step_ns > 0 ? options->step_ns : 10 * SECOND;
        history->options.retain_ns = options->retain_ns > 0 ? options->retain_ns : 400 * DAY;
        history->options.retain_bytes = options->retain_bytes == 0        ? 256 * MIB
                                        : options->retain_bytes < 1 * MIB ? 1 * MIB
                                                                          : options->retain_bytes;
        buf_init(&history->text, HISTORY_SERIES_MAX * (HISTORY_IDENTITY_MAX + 64));
        map_init(&history->containers, HISTORY_SERIES_MAX);
        for (unsigned i = 0; i < HISTORY_LEVELS; i++)
                history_level_init(&history->levels[i], i, history->options.step_ns);
        return history;
}

struct history *history_open(const struct history_options *options, int64_t now_ns, struct error *err)
{
        if (options->step_ns > HOUR)
                return fail_null(err, E_INVALID, "history: a step of more than an hour");
        struct history *history = new_history(options, err);
        if (!history)
                return NULL;
        history->writable = true;
        history->now_ns = now_ns;
        history->step_start_ns = history_floor(now_ns, history->options.step_ns);
        if (copy_label_names(history, options->label_names, err) < 0 ||
                history_open_directory(history, options->directory, err) < 0 || history_list_files(history, err) < 0 ||
                history_replay(history, err) < 0) {
                history->writable = false;
                history_close(history);
                return NULL;
        }
        history_level_retain(history);
        return history;
}

struct history *history_open_read(const char *directory, struct error *err)
{
        struct history_options options = { .directory = directory };
        struct history *history = new_history(&options, err);
        if (!history)
                return NULL;
        history->options.label_names = NULL;
        if (history_open_directory(history, directory, err) < 0 || history_list_files(history, err) < 0) {
                history_close(history);
                return NULL;
        }
        return history;
}

/* ---- who it is ---- */

static void put_label(struct buf *out, uint32_t *count, const char *name, const char *value, size_t max)
{
        const size_t length = value ? strnlen(value, max) : 0;
        const size_t size = strlen(name) + length + 2;
        if (length == 0 || *count >= HISTORY_LABELS_MAX || out->len + size > HISTORY_IDENTITY_MAX)
                return;
        buf_append(out, name, strlen(name) + 1);
        buf_append(out, value, length);
        buf_putc(out, '\0');
        (*count)++;
}

/* As cAdvisor says names of labels in its exposition. */
static void sanitize(const char *name, char *ret, size_t size)
{
        size_t at = (size_t)snprintf(ret, size, "container_label_");
        for (; *name && at + 1 < size; name++)
                ret[at++] = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                                            (*name >= '0' && *name <= '9')
                                    ? *name
                                    : '_';
        ret[at] = '\0';
}

struct chosen {
        char name[128];
        const char *value;
};

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct chosen *)a)->name, ((const struct chosen *)b)->name);
}

static void put_chosen(struct history *history, struct buf *out, uint32_t *count, const struct container_spec *spec)
{
        struct chosen chosen[HISTORY_LABELS_MAX];
        size_t chosen_count = 0;
        for (size_t i = 0; spec && i < history->label_name_count; i++)
                for (size_t j = 0; j < spec->label_count && chosen_count < HISTORY_LABELS_MAX - 5; j++)
                        if (strcmp(spec->labels[j].name, history->label_names[i]) == 0) {
                                sanitize(spec->labels[j].name, chosen[chosen_count].name, sizeof(chosen->name));
                                chosen[chosen_count++].value = spec->labels[j].value;
                        }
        qsort(chosen, chosen_count, sizeof(*chosen), by_name);
        for (size_t i = 0; i < chosen_count; i++)
                if (i == 0 || strcmp(chosen[i].name, chosen[i - 1].name) != 0)
                        put_label(out, count, chosen[i].name, chosen[i].value, VALUE_MAX);
}

static const char *engine_name_of(const struct container_ref *ref)
{
        return ref->alias_count ? ref->aliases[0] : "";
}

static uint64_t identity_of(const struct container_ref *ref, const struct container_spec *spec)
{
        const char *parts[] = { ref->id, ref->name_space, engine_name_of(ref), spec ? spec->image : "" };
        uint64_t hash = 0;
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                hash = (hash << 7 | hash >> 57) ^ map_hash(sv_of(parts[i]));
        return hash;
}

static struct history_container *new_container(
        struct history *history, const struct container_ref *ref, const struct container_spec *spec)
{
        struct buf labels;
        uint32_t count = 0;
        struct history_container *container = NULL;
        buf_init(&labels, HISTORY_IDENTITY_MAX + 16);
        put_label(&labels, &count, "cgroup", ref->name, CGROUP_MAX);
        put_label(&labels, &count, "container", engine_name_of(ref), VALUE_MAX);
        put_chosen(history, &labels, &count, spec);
        put_label(&labels, &count, "id", ref->id, VALUE_MAX);
        put_label(&labels, &count, "image", spec ? spec->image : "", VALUE_MAX);
        put_label(&labels, &count, "namespace", ref->name_space, VALUE_MAX);
        if (!labels.failed)
                container = history_container_of(history, sv_n(buf_text(&labels), labels.len), count);
        buf_done(&labels);
        if (!container)
                return NULL;
        container->now = calloc(1, sizeof(*container->now));
        if (!container->now || map_put(&history->containers, sv_of(ref->name), container) < 0) {
                free(container->now);
                container->now = NULL;
                history_container_release(container);
                return NULL;
        }
        return container;
}

static void end_life(struct history_container *container)
{
        free(container->now);
        container->now = NULL;
        history_container_release(container);
}

struct history_container *history_container_of(struct history *history, struct sv labels, uint32_t count)
{
        (void)history;
        struct history_container *container = calloc(1, sizeof(*container));
        if (container)
                container->labels = malloc(labels.n ? labels.n : 1);
        if (!container || !container->labels) {
                free(container);
                return NULL;
        }
        memcpy(container->labels, labels.p, labels.n);
        container->labels_size = (uint32_t)labels.n;
        container->label_count = count;
        container->seen_ns = INT64_MIN;
        return container;
}

/* ---- samples ---- */

static void add(struct history_accumulator *cell, double value, double weight)
{
        float number = (float)value;
        cell->minimum = cell->weight == 0 || number < cell->minimum ? number : cell->minimum;
        cell->maximum = cell->weight == 0 || number > cell->maximum ? number : cell->maximum;
        cell->last = number;
        cell->sum += (float)(value * weight);
        cell->weight += (float)weight;
}

/* What a counter grew by, and in what time: false where it cannot be said. A counter that is smaller than before begins
 * anew with a group that was made anew; else (an interface went away) nothing is known of this interval. */
static bool increase(const struct history_live *live, const struct history_sample *sample, size_t metric,
        int64_t interval_ns, int64_t age_ns, bool made_anew, uint64_t *ret_increase, int64_t *ret_time_ns)
{
        const bool before = live->has >> metric & 1;
        if (before && !made_anew && sample->values[metric] >= live->counters[metric]) {
                *ret_increase = sample->values[metric] - live->counters[metric];
                *ret_time_ns = interval_ns;
                return interval_ns > 0 && interval_ns <= GAP_MAX_NS;
        }
        if (history_metric_is_network(metric))
                return false;       /* the network may be the host's or a pod's, and older than the group */
        if (!before || made_anew) { /* all of it came since it was made, if that was a moment ago */
                *ret_increase = sample->values[metric];
                *ret_time_ns = age_ns;
                return (made_anew || live->sample_ns == 0) && age_ns > 0 && age_ns <= 2 * MINUTE;
        }
        return false;
}

static void take_sample(
        struct history_container *container, const struct history_sample *sample, int64_t time_ns, int64_t created_ns)
{
        struct history_live *live = container->now;
        const int64_t interval_ns = live->sample_ns ? time_ns - live->sample_ns : 0;
        const bool made_anew = live->sample_ns && created_ns && created_ns > live->sample_ns;
        const int64_t age_ns = created_ns ? time_ns - created_ns : 0;
        for (size_t metric = 0; metric < HISTORY_METRICS; metric++) {
                uint64_t grown;
                int64_t grown_ns;
                if (!(sample->has >> metric & 1))
                        continue;
                if (!history_metric_at(metric)->counter) {
                        add(&live->cells[metric], history_gauge_scaled(metric, sample->values[metric]), 1);
                } else if (increase(live, sample, metric, interval_ns, age_ns, made_anew, &grown, &grown_ns)) {
                        add(&live->cells[metric], history_rate_scaled(metric, grown, grown_ns), (double)grown_ns / 1e9);
                        live->rated |= UINT64_C(1) << metric;
                }
                live->counters[metric] = sample->values[metric];
        }
        live->has = sample->has;
        live->sample_ns = time_ns;
        live->interval_ns = interval_ns;
        container->created_ns = created_ns;
}

void history_append(struct history *history, const struct container_ref *ref, const struct container_spec *spec,
        const struct container_stats *stats)
{
        struct history_sample sample;
        const int64_t time_ns = stats->time_ns;
        if (!history->writable || time_ns <= 0)
                return;
        if (time_ns >= history->step_start_ns + history->options.step_ns)
                history_tick(history, time_ns);
        history->counters.samples++;
        struct history_container *container = map_get(&history->containers, sv_of(ref->name));
        const uint64_t identity = identity_of(ref, spec);
        if (container && container->identity != identity) {
                map_remove(&history->containers, sv_of(ref->name));
                end_life(container);
                container = NULL;
        }
        if (!container)
                container = new_container(history, ref, spec);
        if (!container) {
                history->counters.refused++;
                return;
        }
        container->identity = identity;
        if (container->now->sample_ns && time_ns <= container->now->sample_ns) {
                history->counters.late++;
                if (container->now->sample_ns - time_ns > MINUTE) /* the clock was set back */
                        container->now->sample_ns = 0;
                return;
        }
        history->counters.late += time_ns < history->step_start_ns;
        history_sample_of(spec, stats, &sample);
        if (strcmp(ref->name, "/") == 0) {
                history_sample_add_host(&history->host, &sample);
                history->host = (struct history_host){ 0 }; /* said once */
        }
        take_sample(container, &sample, time_ns,
                !spec                                 ? 0
                : spec->created_ns > spec->started_ns ? spec->created_ns
                                                      : spec->started_ns);
}

void history_set_host(struct history *history, const struct history_host *host)
{
        history->host = *host;
}

void history_ended(struct history *history, const char *container)
{
        struct history_container *ended = map_get(&history->containers, sv_of(container));
        if (ended && ended->now)
                ended->now->interval_ns = 0; /* nothing is repeated */
}

/* ---- steps ---- */

/* Has a container something to say of the step that ends though it was not sampled in it? */
static bool repeats(const struct history *history, const struct history_live *live)
{
        /* an interval that backs off doubles, and its jitter may double it again */
        int64_t wait_ns = 5 * live->interval_ns;
        if (wait_ns > REPEAT_MAX_NS)
                wait_ns = REPEAT_MAX_NS;
        return live->sample_ns && live->sample_ns + wait_ns >= history->step_start_ns + history->options.step_ns / 2;
}

static void fill_cell(const struct history *history, const struct history_container *container, size_t metric,
        struct history_cell *ret)
{
        const struct history_live *live = container->now;
        *ret = (struct history_cell){ 0 };
        if (!live || !(live->has >> metric & 1))
                return;
        const struct history_accumulator *cell = &live->cells[metric];
        const bool counter = history_metric_at(metric)->counter;
        if (cell->weight > 0) {
                ret->average = history_scaled_code(cell->sum / cell->weight);
                ret->minimum = ret->maximum = ret->last = ret->average;
                if (!counter) {
                        ret->minimum = history_scaled_code(cell->minimum);
                        ret->maximum = history_scaled_code(cell->maximum);
                        ret->last = history_scaled_code(cell->last);
                        /* rounding must not put the average outside */
                        ret->minimum = ret->minimum > ret->average ? ret->average : ret->minimum;
                        ret->maximum = ret->maximum < ret->average ? ret->average : ret->maximum;
                }
                ret->known = true;
        } else if ((!counter || live->rated >> metric & 1) && repeats(history, live)) {
                ret->average = ret->minimum = ret->maximum = ret->last = history_scaled_code(cell->last);
                ret->known = true;
        }
}

static bool is_known(const struct history *history, const struct history_live *live)
{
        if (repeats(history, live))
                return true;
        for (size_t metric = 0; metric < HISTORY_METRICS; metric++)
                if (live->cells[metric].weight > 0)
                        return true;
        return false;
}

static void forget_the_gone(struct history *history)
{
        for (size_t i = history->containers.count; i-- > 0;) {
                struct history_container *container = history->containers.entries[i].value;
                if (history->now_ns - container->now->sample_ns < GONE_NS)
                        continue;
                map_remove(&history->containers, sv_of(history->containers.entries[i].key));
                end_life(container);
        }
}

static void end_step(struct history *history)
{
        struct history_level *level = &history->levels[0];
        bool any = false;
        map_foreach (entry, &history->containers) {
                struct history_container *container = entry->value;
                if (is_known(history, container->now)) {
                        container->seen_ns = history->step_start_ns;
                        any = true;
                }
        }
        if (!any)
                return;
        history_level_begin(history, level, history->step_start_ns, false);
        for (int pass = 0; pass < 2; pass++) /* where the first one began another file it took slots back */
                map_foreach (entry, &history->containers) {
                        struct history_container *container = entry->value;
                        if (container->seen_ns == history->step_start_ns)
                                history->counters.refused += history_level_slot(history, level, container) < 0;
                }
        if (history_level_room(history, level) < 0)
                return;
        for (size_t metric = 0; metric < HISTORY_METRICS; metric++) {
                for (size_t i = 0; i < level->slots.count; i++)
                        fill_cell(history, level->slots.items[i], metric, &history->cells[i]);
                history_level_put(history, level, metric);
        }
        history_level_end(history, level, history->step_start_ns);
        map_foreach (entry, &history->containers) {
                struct history_container *container = entry->value;
                for (size_t metric = 0; metric < HISTORY_METRICS; metric++)
                        container->now->cells[metric].sum = container->now->cells[metric].weight = 0;
        }
}

void history_tick(struct history *history, int64_t now_ns)
{
        const int64_t step_ns = history->options.step_ns;
        if (!history->writable || now_ns <= 0)
                return;
        history->now_ns = now_ns;
        if (now_ns >= history->step_start_ns + step_ns) {
                end_step(history);
                history->step_start_ns = history_floor(now_ns, step_ns);
                forget_the_gone(history);
        } else if (now_ns < history->step_start_ns - MINUTE) { /* the clock was set back */
                history->step_start_ns = history_floor(now_ns, step_ns);
        }
        for (size_t i = 0; i < HISTORY_LEVELS; i++) {
                struct history_level *level = &history->levels[i];
                if (level->pending.rows && history_floor(history->step_start_ns, level->batch_ns) !=
                                                   history_floor(level->pending.starts_ns[0], level->batch_ns))
                        history_level_close_batch(history, level, false);
                history_level_write(history, level, false);
        }
        if (now_ns >= history->retain_ns || now_ns < history->retain_ns - 2 * RETAIN_NS) {
                history_level_retain(history);
                history->retain_ns = now_ns + RETAIN_NS;
        }
}

const char *history_problem(const struct history *history)
{
        return history->in_trouble ? history->problem.message : NULL;
}

static uint64_t level_memory(const struct history_level *level)
{
        uint64_t bytes = level->outbox.capacity + level->pending.capacity * HISTORY_METRICS * sizeof(uint32_t) +
                         level->slots.capacity * sizeof(void *) + level->files.capacity * sizeof(struct history_stored);
        for (size_t i = 0; i < HISTORY_METRICS; i++)
                bytes += level->pending.columns[i].capacity;
        return bytes;
}

void history_count(const struct history *history, struct history_counters *ret)
{
        *ret = history->counters;
        ret->series = history->containers.count;
        ret->memory = sizeof(*history) + history->text.capacity +
                      history->scratch * (sizeof(struct history_cell) + sizeof(double) + sizeof(uint32_t));
        map_foreach (entry, &history->containers) {
                const struct history_container *container = entry->value;
                ret->memory += sizeof(*container) + sizeof(*container->now) + container->labels_size +
                               entry->key_length + sizeof(*entry);
        }
        for (size_t i = 0; i < HISTORY_LEVELS; i++) {
                const struct history_level *level = &history->levels[i];
                ret->memory += level_memory(level);
                ret->files += level->files.count;
                vec_foreach (file, &level->files)
                        ret->bytes += file->bytes;
        }
}

void history_close(struct history *history)
{
        if (!history)
                return;
        if (history->writable) {
                end_step(history);
                history_level_close_batch(history, &history->levels[0], false); /* the others are made again from it */
                for (size_t i = 0; i < HISTORY_LEVELS; i++) {
                        history_level_write(history, &history->levels[i], true);
                        if (history->levels[i].fd >= 0)
                                fdatasync(history->levels[i].fd);
                }
        }
        for (size_t i = 0; i < HISTORY_LEVELS; i++)
                history_level_done(history, &history->levels[i]);
        map_foreach (entry, &history->containers)
                end_life(entry->value);
        map_done(&history->containers);
        for (size_t i = 0; i < history->label_name_count; i++)
                free(history->label_names[i]);
        free(history->label_names);
        buf_done(&history->text);
        fd_close(&history->lock);
        fd_close(&history->directory);
        free(history->cells);
        free(history->sums);
        free(history->counts);
        free(history);
}
