/* textfile: the figures that others left in files *.prom. A file that does not parse, or that holds timestamps, is left
 * out whole and told by node_textfile_scrape_error. */
#include "modules/metrics/node/node_internal.h"
#include "modules/metrics/node/textfile_parse.h"

#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <sys/stat.h>

enum { TEXTFILE_BYTES_MAX = 16 << 20, FILES_MAX = 4096, METRICS_MAX = 65536 };

/* One name over all files. */
struct metric {
        const char *help; /* the first that was told; NULL for none */
        enum exposition_type type;
        bool inconsistent;
        struct buf files; /* "a.prom, b.prom" */
};

struct taken_family {
        struct textfile_family *family;
        struct metric *metric;
};

struct textfile_walk {
        struct node *node;
        struct exposition *out;
        struct map metrics;
        VEC(struct taken_family) families;
        VEC(const char *) names; /* of the directory that is read now */
        struct exposition_family *mtimes;
        bool errored;
};

static int take_name(int directory, const char *name, void *cookie)
{
        struct textfile_walk *walk = cookie;
        (void)directory;
        if (!sv_ends(sv_of(name), SV(".prom")))
                return 0;
        const char *copy = node_copy(walk->node, sv_of(name));
        const char **into = copy ? vec_add(&walk->names, FILES_MAX) : NULL;
        if (into)
                *into = copy;
        else
                walk->errored = true;
        return 0;
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct metric *metric_of(struct textfile_walk *walk, const struct textfile_family *family)
{
        struct sv name = sv_of(family->name);
        struct metric *metric = map_get(&walk->metrics, name);
        if (metric)
                return metric;
        metric = arena_new(&walk->node->arena, struct metric);
        if (!metric || map_put(&walk->metrics, name, metric) < 0)
                return NULL;
        metric->type = family->type;
        buf_init(&metric->files, NODE_FILE_MAX);
        return metric;
}

/* Of different help texts the first counts, and the families with others are left out; so of different types, for which
 * node_exporter fails the whole scrape. */
static void take_family(struct textfile_walk *walk, struct textfile_family *family, const char *path)
{
        struct metric *metric = metric_of(walk, family);
        if (!metric || metric->type != family->type) {
                walk->errored = true;
                return;
        }
        if (metric->help && (metric->inconsistent || (family->help && strcmp(metric->help, family->help) != 0))) {
                metric->inconsistent = true;
                walk->errored = true;
                return;
        }
        if (family->help)
                metric->help = family->help;
        struct taken_family *taken = vec_add(&walk->families, METRICS_MAX);
        if (!taken) {
                walk->errored = true;
                return;
        }
        *taken = (struct taken_family){ family, metric };
        buf_puts(&metric->files, metric->files.len ? ", " : "");
        buf_puts(&metric->files, path);
}

static bool take_file(struct textfile_walk *walk, int directory, const char *name, const char *path)
{
        struct node *node = walk->node;
        struct stat st;
        struct sv text;
        struct textfile file;
        /* the time of a file that is replaced meanwhile may be the older one, never one of content that was not read */
        if (fstatat(directory, name, &st, 0) < 0 || !S_ISREG(st.st_mode) || st.st_size > TEXTFILE_BYTES_MAX ||
                node_read(node, directory, name, &text, NULL) < 0 || text.n > TEXTFILE_BYTES_MAX ||
                textfile_parse(text, &node->arena, &file, NULL) < 0 || file.has_timestamps)
                return false;
        for (struct textfile_family *family = file.first; family; family = family->next)
                take_family(walk, family, path);
        node_add(walk->mtimes, "file", path, (double)st.st_mtim.tv_sec);
        return true;
}

static void take_directory(struct textfile_walk *walk, const char *directory)
{
        struct node *node = walk->node;
        walk->names.count = 0;
        if (node_directory(AT_FDCWD, directory, take_name, walk, NULL) < 0) {
                walk->errored = true;
                return;
        }
        cleanup(fd_close) int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                walk->errored = true;
                return;
        }
        if (walk->names.count)
                qsort(walk->names.items, walk->names.count, sizeof(*walk->names.items), by_text);
        size_t length = strlen(directory);
        while (length > 1 && directory[length - 1] == '/')
                length--;
        vec_foreach (name, &walk->names) {
                const char *path = arena_printf(&node->arena, "%.*s%s%s", (int)length, directory,
                        length == 1 && *directory == '/' ? "" : "/", *name);
                if (!path || !take_file(walk, fd, *name, path))
                        walk->errored = true;
        }
}

/* A pattern of directories, or one. */
static void take_pattern(struct textfile_walk *walk, const char *pattern)
{
        glob_t found = { 0 };
        if (!pattern || !*pattern)
                return;
        if (strpbrk(pattern, "*?[") && glob(pattern, 0, NULL, &found) == 0) {
                for (size_t i = 0; i < found.gl_pathc; i++)
                        take_directory(walk, found.gl_pathv[i]);
        } else {
                take_directory(walk, pattern);
        }
        globfree(&found);
}

/* Names of labels must live as long as the exposition: they are kept with the node. */
static const char *kept_name(struct node *node, const char *name)
{
        char *kept = map_get(&node->label_names, sv_of(name));
        if (kept)
                return kept;
        kept = strdup(name);
        if (!kept || map_put(&node->label_names, sv_of(name), kept) < 0) {
                free(kept);
                node->refused++;
                return NULL;
        }
        return kept;
}

/* All names of labels of a family; false when there are too many. */
static bool label_names(struct node *node, const struct textfile_family *family, const char *ret[TEXTFILE_LABELS_MAX],
        size_t *ret_count)
{
        size_t count = 0;
        for (const struct textfile_sample *sample = family->first; sample; sample = sample->next) {
                for (size_t i = 0; i < sample->label_count; i++) {
                        size_t at = 0;
                        while (at < count && strcmp(ret[at], sample->labels[i].name) != 0)
                                at++;
                        if (at < count)
                                continue;
                        const char *kept = count < TEXTFILE_LABELS_MAX ? kept_name(node, sample->labels[i].name) : NULL;
                        if (!kept)
                                return false;
                        ret[count++] = kept;
                }
        }
        *ret_count = count;
        return true;
}

/* The series of a summary or histogram that belong together. */
struct series {
        struct exposition_label labels[TEXTFILE_LABELS_MAX + 1];
        double count;
        bool has_sum, has_count, has_infinite;
};

/* Counts are whole numbers there. */
static double whole(double value)
{
        return value >= 0 && value < 0x1p63 ? trunc(value) : value;
}

static void add_part(struct exposition_family *into, enum exposition_part part, struct exposition_label *labels,
        size_t count, double bound, double value)
{
        char text[64];
        struct buf number = { 0 };
        if (part == EXPOSITION_VALUE || part == EXPOSITION_BUCKET) {
                buf_init(&number, sizeof(text) - 1);
                exposition_number(&number, bound);
                labels[count] =
                        (struct exposition_label){ part == EXPOSITION_BUCKET ? "le" : "quantile", buf_text(&number) };
                count++;
        }
        exposition_add_part(into, part, labels, count,
                part == EXPOSITION_BUCKET || part == EXPOSITION_COUNT ? whole(value) : value, EXPOSITION_NO_TIME);
        buf_done(&number);
}

static struct series *series_of(
        struct textfile_walk *walk, struct map *all, const struct exposition_label *labels, size_t count)
{
        cleanup(buf_done) struct buf key;
        buf_init(&key, NODE_FILE_MAX);
        for (size_t i = 0; i < count; i++) /* all in the order of the family's names */
                buf_append(&key, labels[i].value, strlen(labels[i].value) + 1);
        struct sv text = sv_n(buf_text(&key), key.len);
        struct series *series = map_get(all, text);
        if (series)
                return series;
        series = arena_new(&walk->node->arena, struct series);
        if (!series || map_put(all, text, series) < 0)
                return NULL;
        memcpy(series->labels, labels, count * sizeof(*labels));
        return series;
}

static void note_part(struct series *series, const struct textfile_sample *sample)
{
        series->has_sum |= sample->part == EXPOSITION_SUM;
        series->has_infinite |= sample->part == EXPOSITION_BUCKET && isinf(sample->bound) && sample->bound > 0;
        if (sample->part == EXPOSITION_COUNT) {
                series->has_count = true;
                series->count = sample->value;
        }
}

/* Sum, count and the last bucket are always written there: 0, or the count. */
static void add_missing(
        struct exposition_family *into, const struct textfile_family *family, struct series *series, size_t count)
{
        if (!series->has_sum)
                add_part(into, EXPOSITION_SUM, series->labels, count, 0, 0);
        if (!series->has_count)
                add_part(into, EXPOSITION_COUNT, series->labels, count, 0, 0);
        if (family->type == EXPOSITION_HISTOGRAM && !series->has_infinite)
                add_part(into, EXPOSITION_BUCKET, series->labels, count, (double)INFINITY, series->count);
}

static void emit_family(struct textfile_walk *walk, const struct textfile_family *family, const char *help)
{
        const char *names[TEXTFILE_LABELS_MAX];
        size_t count;
        bool compound = family->type == EXPOSITION_SUMMARY || family->type == EXPOSITION_HISTOGRAM;
        struct exposition_family *into = exposition_family(walk->out, family->name, family->type, help);
        if (!label_names(walk->node, family, names, &count)) {
                walk->errored = true;
                return;
        }
        cleanup(map_done) struct map all;
        map_init(&all, TEXTFILE_SAMPLES_MAX);
        for (const struct textfile_sample *sample = family->first; sample; sample = sample->next) {
                struct exposition_label labels[TEXTFILE_LABELS_MAX + 1];
                for (size_t i = 0; i < count; i++) {
                        labels[i] = (struct exposition_label){ names[i], "" };
                        for (size_t j = 0; j < sample->label_count; j++)
                                if (strcmp(sample->labels[j].name, names[i]) == 0)
                                        labels[i].value = sample->labels[j].value;
                }
                if (!compound) {
                        exposition_add(into, labels, count, sample->value, EXPOSITION_NO_TIME);
                        continue;
                }
                struct series *series = series_of(walk, &all, labels, count);
                if (series)
                        note_part(series, sample);
                else
                        walk->errored = true;
                add_part(into, sample->part, labels, count, sample->bound, sample->value);
        }
        map_foreach (row, &all)
                add_missing(into, family, row->value, count);
}

static void emit_families(struct textfile_walk *walk)
{
        vec_foreach (taken, &walk->families) {
                const char *help = taken->family->help;
                if (!help)
                        help = arena_printf(&walk->node->arena, "Metric read from %s", buf_text(&taken->metric->files));
                if (help)
                        emit_family(walk, taken->family, help);
                else
                        walk->errored = true;
        }
}

/* Names of other labels each time must not fill the table for good. */
static void forget_names(struct node *node)
{
        if (node->label_names.count <= NODE_LABEL_NAMES_MAX / 2)
                return;
        map_foreach (entry, &node->label_names)
                free(entry->value);
        map_done(&node->label_names);
        map_init(&node->label_names, NODE_LABEL_NAMES_MAX);
}

int node_collect_textfile(struct node *node, struct exposition *out, struct error *err)
{
        struct textfile_walk walk = { .node = node, .out = out };
        (void)err;
        forget_names(node);
        map_init(&walk.metrics, METRICS_MAX);
        walk.mtimes = node_gauge(out, "node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.");
        take_pattern(&walk, node->options.textfile_directory);
        for (const char *const *pattern = node->options.textfile_directories; pattern && *pattern; pattern++)
                take_pattern(&walk, *pattern);
        emit_families(&walk);
        node_put(out, "node_textfile_scrape_error", "1 if there was an error opening or reading a file, 0 otherwise",
                walk.errored);
        map_foreach (row, &walk.metrics)
                buf_done(&((struct metric *)row->value)->files);
        map_done(&walk.metrics);
        vec_done(&walk.families);
        vec_done(&walk.names);
        return 0;
}
