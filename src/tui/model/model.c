#include "tui/model/model_internal.h"

#include "base/timefmt.h"

const char *const container_kind_names[] = { "container", "unit", "group", "root", NULL };

static void table_init(struct row_table *table, size_t max)
{
        map_init(&table->rows, max);
        table->refused = 0;
}

struct model *model_new(struct error *err)
{
        struct model *model = calloc(1, sizeof(*model));
        if (!model)
                return fail_null(err, E_NO_MEMORY, "no memory for the picture of the host");
        model->interval_ns = NAN;
        table_init(&model->containers, MODEL_CONTAINERS_MAX);
        table_init(&model->processes, MODEL_PROCESSES_MAX);
        table_init(&model->networks, MODEL_DEVICES_MAX);
        table_init(&model->disks, MODEL_DEVICES_MAX);
        table_init(&model->filesystems, MODEL_DEVICES_MAX);
        return model;
}

static void host_done(struct host_row *host)
{
        struct history *pasts[] = { &host->cpu_past, &host->memory_past, &host->receive_past, &host->send_past,
                &host->read_past, &host->write_past, &host->forks_past, &host->psi_cpu_past, &host->psi_memory_past,
                &host->psi_io_past };
        for (size_t i = 0; i < sizeof(pasts) / sizeof(pasts[0]); i++)
                history_done(pasts[i]);
        row_clear(&row_host, host);
        free(host->cores);
        host->cores = NULL;
        host->core_count = 0;
}

static void container_done(void *row)
{
        struct container_row *container = row;
        history_done(&container->cpu_past);
        history_done(&container->memory_past);
        history_done(&container->receive_past);
        history_done(&container->send_past);
        history_done(&container->read_past);
        history_done(&container->write_past);
}

static void process_done(void *row)
{
        struct process_row *process = row;
        history_done(&process->cpu_past);
        history_done(&process->memory_past);
}

static void network_done(void *row)
{
        struct network_row *network = row;
        history_done(&network->receive_past);
        history_done(&network->send_past);
}

static void disk_done(void *row)
{
        struct disk_row *disk = row;
        history_done(&disk->read_past);
        history_done(&disk->write_past);
        history_done(&disk->busy_past);
}

/* How rows of one kind are kept. */
struct keeper {
        const struct row_kind *kind;
        size_t table;    /* offset in struct model */
        const char *key; /* its member */
        void (*done)(void *row);
};

static const struct keeper keepers[] = {
        { &row_process, offsetof(struct model, processes), "pid", process_done },
        { &row_container, offsetof(struct model, containers), "name", container_done },
        { &row_network, offsetof(struct model, networks), "name", network_done },
        { &row_disk, offsetof(struct model, disks), "name", disk_done },
        { &row_filesystem, offsetof(struct model, filesystems), "mountpoint", NULL },
};

enum { KEEPERS = sizeof(keepers) / sizeof(keepers[0]) };

static struct row_table *table_of(struct model *model, const struct keeper *keeper)
{
        return (struct row_table *)(void *)((char *)model + keeper->table);
}

static void row_free(struct model *model, const struct keeper *keeper, void *row)
{
        if (!row)
                return;
        if (keeper->kind == &row_process && ((struct process_row *)row)->cpu_past.samples)
                model->histories--;
        if (keeper->done)
                keeper->done(row);
        row_clear(keeper->kind, row);
        free(((struct row *)row)->key);
        free(row);
}

static void forget_rows(struct model *model)
{
        for (size_t i = 0; i < KEEPERS; i++) {
                struct row_table *table = table_of(model, &keepers[i]);
                size_t max = table->rows.max;
                map_foreach (entry, &table->rows)
                        row_free(model, &keepers[i], entry->value);
                map_done(&table->rows);
                map_init(&table->rows, max);
        }
}

void model_free(struct model *model)
{
        if (!model)
                return;
        forget_rows(model);
        host_done(&model->host);
        model_drop_events(model);
        model_drop_alerts(model);
        model_drop_connections(model);
        for (size_t i = 0; i < KEEPERS; i++)
                map_done(&table_of(model, &keepers[i])->rows);
        free(model);
}

void model_clear(struct model *model)
{
        forget_rows(model);
        host_done(&model->host);
        memset(&model->host, 0, sizeof(model->host));
        model->have_host = false;
        model_drop_events(model);
        model_drop_alerts(model);
        model_drop_connections(model);
        model->event_first = 0;
        model->events_dropped = model->events_missed = model->alerts_refused = 0;
        memset(model->execs, 0, sizeof(model->execs));
        model->execs_second = 0;
        model->containers_moved = true;
        model->sweeping = false;
        memset(model->sources, 0, sizeof(model->sources));
        model->source_count = 0;
        model->ticks = 0;
        model->time_ns = model->now_ns = 0;
        model->interval_ns = NAN;
        model->changes++;
}

/* ---- keys ---- */

enum { KEY_MAX = MODEL_TEXT_MAX };

/* A process's key is its pid and its start, as they are written. */
static size_t process_key(struct sv json, char *ret, size_t size)
{
        size_t length = scan_text(scan_find(json, "pid"), ret, size - 2);
        if (!length)
                return 0;
        ret[length++] = ' ';
        return length + scan_text(scan_find(json, "start"), ret + length, size - length);
}

static size_t row_key(const struct keeper *keeper, struct sv json, char *ret, size_t size)
{
        if (keeper->kind == &row_process)
                return process_key(json, ret, size);
        return scan_text(scan_find(json, keeper->key), ret, size);
}

static void set_kind(struct container_row *container)
{
        container->kind = CONTAINER_GROUP;
        for (int i = 0; container->kind_name && i < CONTAINER_KINDS_MAX; i++)
                if (strcmp(container->kind_name, container_kind_names[i]) == 0)
                        container->kind = (enum container_kind)i;
}

static int take_row(struct model *model, const struct keeper *keeper, struct sv json)
{
        char key[KEY_MAX];
        struct row_table *table = table_of(model, keeper);
        size_t length = row_key(keeper, json, key, sizeof(key));
        if (!length)
                return -1;
        struct row *row = map_get(&table->rows, sv_n(key, length));
        if (!row) {
                row = calloc(1, keeper->kind->size);
                if (row)
                        row->key = strdup(key);
                if (!row || !row->key || map_put(&table->rows, sv_n(key, length), row) < 0) {
                        if (row)
                                free(row->key);
                        free(row);
                        table->refused++;
                        return 0;
                }
                model->containers_moved |= keeper->kind == &row_container;
                row->id = ++model->row_id;
                row->since = model->ticks + 1;
        }
        row->epoch = model->epoch;
        int status = row_read(keeper->kind, row, json);
        if (keeper->kind == &row_container)
                set_kind((struct container_row *)(void *)row);
        return status;
}

static int take_host(struct model *model, struct sv json)
{
        struct host_row *host = &model->host;
        struct scan scan = scan_of(scan_find(json, "cores"));
        unsigned count = 0;
        if (row_read(&row_host, host, json) < 0)
                return -1;
        if (!host->cores)
                host->cores = calloc(MODEL_CORES_MAX, sizeof(*host->cores));
        if (host->cores && scan_array(&scan))
                while (count < MODEL_CORES_MAX && scan_item(&scan)) {
                        double share;
                        host->cores[count++] = scan_number(scan_value(&scan), &share) ? (float)share : NAN;
                }
        host->core_count = count;
        model->have_host = true;
        return 0;
}

/* ---- gone ---- */

static void remove_row(struct model *model, const struct keeper *keeper, struct sv key)
{
        model->containers_moved |= keeper->kind == &row_container;
        row_free(model, keeper, map_remove(&table_of(model, keeper)->rows, key));
}

static int take_gone(struct model *model, struct sv json)
{
        static const char *const names[KEEPERS] = { "processes", "containers", "networks", "disks", "filesystems" };
        struct scan scan = scan_of(json);
        struct sv member;
        char key[KEY_MAX];
        if (sv_eq(scan_find(json, "all"), SV("true"))) {
                forget_rows(model);
                return 0;
        }
        if (!scan_object(&scan))
                return -1;
        while (scan_member(&scan, &member)) {
                struct sv list = scan_value(&scan);
                const struct keeper *keeper = NULL;
                for (size_t i = 0; i < KEEPERS; i++)
                        if (sv_eq(member, sv_of(names[i])))
                                keeper = &keepers[i];
                struct scan items = scan_of(list);
                if (!keeper || !scan_array(&items))
                        continue;
                while (scan_item(&items)) {
                        struct sv item = scan_value(&items);
                        if (items.failed)
                                break;
                        size_t length = keeper->kind == &row_process ? process_key(item, key, sizeof(key))
                                                                     : scan_text(item, key, sizeof(key));
                        remove_row(model, keeper, sv_n(key, length));
                }
        }
        return scan.failed ? -1 : 0;
}

/* ---- the end of a picture: what is remembered of it ---- */

static void remember_host(struct host_row *host)
{
        double used = host->memory_total - host->memory_available;
        history_add(&host->cpu_past, MODEL_HISTORY, host->cpu / host->cpus);
        history_add(&host->memory_past, MODEL_HISTORY, used / host->memory_total);
        history_add(&host->receive_past, MODEL_HISTORY, host->receive);
        history_add(&host->send_past, MODEL_HISTORY, host->send);
        history_add(&host->read_past, MODEL_HISTORY, host->read);
        history_add(&host->write_past, MODEL_HISTORY, host->write);
        history_add(&host->forks_past, MODEL_HISTORY, host->forks);
        history_add(&host->psi_cpu_past, MODEL_HISTORY, host->psi_cpu);
        history_add(&host->psi_memory_past, MODEL_HISTORY, host->psi_memory);
        history_add(&host->psi_io_past, MODEL_HISTORY, host->psi_io);
}

static void remember_process(struct model *model, struct process_row *process)
{
        if (!process->cpu_past.samples) {
                /* one that never worked needs no past; most do not */
                if (!(process->cpu > 0) || model->histories >= MODEL_PROCESS_HISTORIES_MAX)
                        return;
                model->histories++;
        }
        history_add(&process->cpu_past, MODEL_PROCESS_HISTORY, process->cpu);
        history_add(&process->memory_past, MODEL_PROCESS_HISTORY, process->memory);
}

static void remember(struct model *model)
{
        if (model->have_host)
                remember_host(&model->host);
        map_foreach (entry, &model->containers.rows) {
                struct container_row *container = entry->value;
                history_add(&container->cpu_past, MODEL_HISTORY, container->cpu);
                history_add(&container->memory_past, MODEL_HISTORY, container->memory);
                history_add(&container->receive_past, MODEL_HISTORY, container->receive);
                history_add(&container->send_past, MODEL_HISTORY, container->send);
                history_add(&container->read_past, MODEL_HISTORY, container->read);
                history_add(&container->write_past, MODEL_HISTORY, container->write);
        }
        map_foreach (entry, &model->processes.rows)
                remember_process(model, entry->value);
        map_foreach (entry, &model->networks.rows) {
                struct network_row *network = entry->value;
                history_add(&network->receive_past, MODEL_HISTORY, network->receive);
                history_add(&network->send_past, MODEL_HISTORY, network->send);
        }
        map_foreach (entry, &model->disks.rows) {
                struct disk_row *disk = entry->value;
                history_add(&disk->read_past, MODEL_HISTORY, disk->read);
                history_add(&disk->write_past, MODEL_HISTORY, disk->write);
                history_add(&disk->busy_past, MODEL_HISTORY, disk->busy);
        }
}

/* Rows that the feed which began did not tell. From the last on: removing moves the last one to the place of it. */
static void sweep(struct model *model)
{
        for (size_t i = 0; i < KEEPERS; i++) {
                struct map *rows = &table_of(model, &keepers[i])->rows;
                for (size_t at = rows->count; at-- > 0;) {
                        struct row *row = rows->entries[at].value;
                        if (row->epoch != model->epoch)
                                remove_row(model, &keepers[i], sv_of(row->key));
                }
        }
        model->sweeping = false;
}

static void place_containers(struct model *model)
{
        map_foreach (entry, &model->containers.rows) {
                struct container_row *container = entry->value;
                container->leaf = true;
                container->inside = false;
        }
        map_foreach (entry, &model->containers.rows) {
                struct container_row *container = entry->value;
                struct container_row *above = model_container_parent(model, container);
                for (bool nearest = true; above; above = model_container_parent(model, above), nearest = false) {
                        if (nearest)
                                above->leaf = false;
                        if (above->kind == CONTAINER_CONTAINER || above->kind == CONTAINER_UNIT)
                                container->inside = true;
                }
        }
        model->containers_moved = false;
}

static int take_tick(struct model *model, struct sv json)
{
        char text[TIME_TEXT_MAX];
        int64_t time_ns;
        double interval;
        size_t length = scan_text(scan_find(json, "time"), text, sizeof(text));
        if (time_parse(sv_n(text, length), &time_ns))
                model->time_ns = time_ns;
        if (scan_number(scan_find(json, "interval"), &interval))
                model->interval_ns = interval;
        model->ticks++;
        if (model->sweeping)
                sweep(model);
        if (model->containers_moved)
                place_containers(model);
        remember(model);
        return 0;
}

/* ---- sources ---- */

static struct source_status *source_slot(struct model *model, const char *name)
{
        for (size_t i = 0; i < model->source_count; i++)
                if (strcmp(model->sources[i].name, name) == 0)
                        return &model->sources[i];
        if (model->source_count == MODEL_SOURCES_MAX)
                return NULL;
        struct source_status *slot = &model->sources[model->source_count++];
        snprintf(slot->name, sizeof(slot->name), "%s", name);
        return slot;
}

static int take_source(struct model *model, struct sv json)
{
        static const char *const states[] = { "off", "starting", "live", "down" };
        char name[16];
        char state[16];
        if (!scan_text(scan_find(json, "name"), name, sizeof(name)))
                return -1;
        scan_text(scan_find(json, "state"), state, sizeof(state));
        struct source_status *slot = source_slot(model, name);
        if (!slot)
                return 0;
        for (int i = 0; i < (int)(sizeof(states) / sizeof(states[0])); i++)
                if (strcmp(state, states[i]) == 0)
                        slot->state = (enum source_state)i;
        scan_text(scan_find(json, "message"), slot->message, sizeof(slot->message));
        slot->since_ns = model->now_ns;
        return 0;
}

static int take_answer(struct model *model, struct sv json)
{
        if (!json.n || json.p[0] != '{')
                return -1;
        model->answer.number++;
        model->answer.ok = sv_eq(scan_find(json, "ok"), SV("true"));
        scan_text(scan_find(json, "message"), model->answer.message, sizeof(model->answer.message));
        return 0;
}

static int take_begin(struct model *model)
{
        model->epoch++;
        model->sweeping = true;
        return 0;
}

static int take_dropped(struct model *model, struct sv json)
{
        double number;
        if (!scan_number(scan_find(json, "dropped"), &number) || !(number >= 0 && number < 1e15))
                return -1;
        model->events_missed += (uint64_t)number;
        return 0;
}

static int take_kind(struct model *model, struct sv kind, struct sv json)
{
        for (size_t i = 0; i < KEEPERS; i++)
                if (sv_eq(kind, sv_of(keepers[i].kind->name))) {
                        model->rows_taken++;
                        return take_row(model, &keepers[i], json);
                }
        if (sv_eq(kind, SV("host")))
                return take_host(model, json);
        if (sv_eq(kind, SV("gone")))
                return take_gone(model, json);
        if (sv_eq(kind, SV("tick")))
                return take_tick(model, json);
        if (sv_eq(kind, SV("event")))
                return model_take_event(model, json);
        if (sv_eq(kind, SV("alert")))
                return model_take_alert(model, json);
        if (sv_eq(kind, SV("alerts")))
                return model_take_alerts(model, json);
        if (sv_eq(kind, SV("source")))
                return take_source(model, json);
        if (sv_eq(kind, SV("begin")))
                return take_begin(model);
        if (sv_eq(kind, SV("dropped")))
                return take_dropped(model, json);
        if (sv_eq(kind, SV("answer")))
                return take_answer(model, json);
        if (sv_eq(kind, SV("connections")))
                return model_take_connections(model, json);
        model->unknown++;
        return 0;
}

void model_apply(struct model *model, struct sv record, int64_t unix_ns)
{
        struct scan scan = scan_of(record);
        struct sv kind;
        struct sv value = sv_n("", 0);
        model->now_ns = unix_ns;
        model->changes++;
        if (scan_object(&scan) && scan_member(&scan, &kind))
                value = scan_value(&scan);
        if (scan.failed || !value.n || take_kind(model, kind, value) < 0)
                model->malformed++;
}

/* ---- questions ---- */

struct container_row *model_container(const struct model *model, const char *name)
{
        return name ? map_get(&model->containers.rows, sv_of(name)) : NULL;
}

struct process_row *model_process(const struct model *model, const char *key)
{
        return key ? map_get(&model->processes.rows, sv_of(key)) : NULL;
}

struct process_row *model_process_by_pid(const struct model *model, double pid)
{
        map_foreach (entry, &model->processes.rows) {
                struct process_row *process = entry->value;
                if (process->pid == pid)
                        return process;
        }
        return NULL;
}

struct container_row *model_container_parent(const struct model *model, const struct container_row *container)
{
        size_t length = container->name ? strlen(container->name) : 0;
        while (length > 1) {
                while (length > 0 && container->name[length - 1] != '/')
                        length--;
                struct container_row *parent =
                        length > 1 ? map_get(&model->containers.rows, sv_n(container->name, length - 1))
                        : length   ? map_get(&model->containers.rows, SV("/"))
                                   : NULL;
                if (parent)
                        return parent;
                length = length ? length - 1 : 0;
        }
        return NULL;
}

bool model_container_within(const char *inner, const char *outer)
{
        size_t length = strlen(outer);
        if (strcmp(outer, "/") == 0)
                return true;
        return inner && strncmp(inner, outer, length) == 0 && (inner[length] == '\0' || inner[length] == '/');
}

const char *container_title(const struct container_row *container)
{
        if (container->alias)
                return container->alias;
        if (container->unit && container->kind == CONTAINER_UNIT)
                return container->unit;
        const char *slash = container->name ? strrchr(container->name, '/') : NULL;
        return slash && slash[1] ? slash + 1 : container->name ? container->name : "?";
}

const struct source_status *model_source(const struct model *model, const char *name)
{
        for (size_t i = 0; i < model->source_count; i++)
                if (strcmp(model->sources[i].name, name) == 0)
                        return &model->sources[i];
        return NULL;
}
