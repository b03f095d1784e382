#include "module/catalog.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/map.h"
#include "base/path.h"
#include "base/vec.h"
#include "module/describe_cache.h"
#include "module/descriptor.h"
#include "module/foreign.h"
#include "schema/describe.h"
#include "schema/json.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { MODULES_MAX = 1000, DESCRIPTOR_MAX = 1 << 20, CATALOG_ARENA_MAX = 256 << 20 };

struct catalog {
        module_table own;
        const char *own_area;
        char *self; /* path of this program */
        char *libexec;
        char *modules_dir; /* NULL = none */
        struct arena arena;
        struct map entries; /* name → struct catalog_entry */
        VEC(const struct catalog_entry *) sorted;
        bool (*reserved)(const char *name); /* names no foreign module may have; NULL = none */
        bool complete;                      /* all were read */
        bool brief;
        size_t refused;
};

/* Beside the program in a build tree; PREFIX/libexec for PREFIX/bin; an area program stands there itself. */
static char *find_libexec(const char *self)
{
        char directory[4096];
        char *place = NULL;
        snprintf(directory, sizeof(directory), "%.*s", SV_ARG(path_dir(sv_of(self))));
        if (asprintf(&place, "%s/libexec/tarsier", directory) > 0 && access(place, X_OK) == 0)
                return place;
        free(place);
        place = NULL;
        if (sv_ends(sv_of(directory), SV("/bin")))
                return asprintf(&place, "%.*s/libexec/tarsier", SV_ARG(path_dir(sv_of(directory)))) < 0 ? NULL : place;
        return strdup(directory);
}

struct catalog *catalog_new(
        module_table own, const char *own_area, const char *libexec, const char *modules_dir, struct error *err)
{
        char self[4096];
        ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (length < 0)
                return fail_errno_null(err, "readlink /proc/self/exe");
        self[length] = '\0';
        struct catalog *catalog = calloc(1, sizeof(*catalog));
        if (!catalog)
                return fail_null(err, E_NO_MEMORY, "no memory for the catalog");
        catalog->own = own;
        catalog->own_area = own_area;
        catalog->self = strdup(self);
        catalog->libexec = libexec ? strdup(libexec) : find_libexec(self);
        catalog->modules_dir = modules_dir ? strdup(modules_dir) : NULL;
        arena_init(&catalog->arena, CATALOG_ARENA_MAX);
        map_init(&catalog->entries, MODULES_MAX);
        return catalog;
}

void catalog_free(struct catalog *catalog)
{
        if (!catalog)
                return;
        map_foreach (entry, &catalog->entries) {
                struct catalog_entry *module = entry->value;
                if (module->program_fd >= 0)
                        close(module->program_fd);
        }
        map_done(&catalog->entries);
        vec_done(&catalog->sorted);
        arena_done(&catalog->arena);
        free(catalog->self);
        free(catalog->libexec);
        free(catalog->modules_dir);
        free(catalog);
}

void catalog_reserve(struct catalog *catalog, bool (*reserved)(const char *name))
{
        catalog->reserved = reserved;
}

void catalog_keep_brief(struct catalog *catalog)
{
        catalog->brief = true;
}

const char *catalog_libexec(const struct catalog *catalog)
{
        return catalog->libexec;
}

static struct catalog_entry *add_entry(struct catalog *catalog, struct catalog_entry entry, struct error *err)
{
        struct catalog_entry *copy = arena_new(&catalog->arena, struct catalog_entry);
        if (!copy)
                return fail_null(err, E_NO_MEMORY, "no memory for the catalog");
        *copy = entry;
        copy->program_fd = -1;
        if (map_put(&catalog->entries, sv_of(entry.module->name), copy) < 0)
                return fail_null(err, E_TOO_LARGE, "more than %d modules", MODULES_MAX);
        return copy;
}

static struct catalog_entry *add_own(struct catalog *catalog, const struct module *module, struct error *err)
{
        struct catalog_entry entry = { .module = (struct module *)(uintptr_t)module,
                .origin = ORIGIN_BUILTIN,
                .area = catalog->own_area,
                .program = catalog->self,
                .prints = module->print_row };
        return add_entry(catalog, entry, err);
}

/* The area host is in the program `tarsier` itself: beside libexec in a build tree, in PREFIX/bin for
 * PREFIX/libexec/tarsier. */
static const char *area_program(struct catalog *catalog, const char *area)
{
        static const char *const places[] = { "../../tarsier", "../../bin/tarsier" };
        for (size_t i = 0; strcmp(area, "host") == 0 && i < sizeof(places) / sizeof(places[0]); i++) {
                char path[4096];
                char program[PATH_MAX];
                struct stat there;
                snprintf(path, sizeof(path), "%s/%s", catalog->libexec, places[i]);
                if (realpath(path, program) && stat(program, &there) == 0 && S_ISREG(there.st_mode))
                        return arena_strdup(&catalog->arena, program);
        }
        return arena_printf(&catalog->arena, "%s/tarsier-%s", catalog->libexec, area);
}

/* One descriptor file of the build. */
static int read_description(const struct catalog *catalog, const char *name, struct buf *ret, struct error *err)
{
        char path[4096];
        snprintf(path, sizeof(path), "%s/modules/%s.json", catalog->libexec, name);
        return file_read(AT_FDCWD, path, ret, err) < 0 ? -1 : 0;
}

/* record_load judges how deep it is. */
static void drop_help(json_t *record)
{
        size_t index;
        json_t *field;
        json_array_foreach(json_object_get(record, "fields"), index, field)
        {
                json_object_del(field, "help");
                drop_help(field);
        }
}

static void make_brief(json_t *description)
{
        static const char *const left_out[] = { "description", "examples", "element", "statistics" };
        for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
                json_object_del(description, left_out[i]);
        drop_help(json_object_get(description, "parameters"));
        drop_help(json_object_get(description, "config"));
}

static struct catalog_entry *add_described(struct catalog *catalog, const char *name, struct error *err)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, DESCRIPTOR_MAX);
        if (read_description(catalog, name, &text, err) < 0)
                return NULL;
        cleanup(json_decref) json_t *description = json_parse(sv_n(buf_text(&text), text.len), true, err);
        if (!description)
                return NULL;
        if (catalog->brief)
                make_brief(description);
        struct catalog_entry entry = { .origin = ORIGIN_PROGRAM };
        entry.module = module_load(description, &catalog->arena, err);
        if (!entry.module) {
                error_prefix(err, "%s/modules/%s.json", catalog->libexec, name);
                return NULL;
        }
        entry.prints = json_is_true(json_object_get(description, "prints"));
        const char *area = json_string_value(json_object_get(description, "area"));
        entry.area = arena_strdup(&catalog->arena, area ? area : "");
        entry.program = area_program(catalog, entry.area);
        if (!entry.program)
                return fail_null(err, E_NO_MEMORY, "no memory for the catalog");
        return add_entry(catalog, entry, err);
}

int catalog_describe(
        struct catalog *catalog, const struct catalog_entry *entry, struct json_writer *writer, struct error *err)
{
        if (!catalog->brief || entry->origin != ORIGIN_PROGRAM) {
                module_describe(entry->module, entry->area, writer);
                return 0;
        }
        cleanup(buf_done) struct buf text;
        buf_init(&text, DESCRIPTOR_MAX);
        if (read_description(catalog, entry->module->name, &text, err) < 0)
                return -1;
        struct sv json = sv_trim(sv_n(buf_text(&text), text.len));
        if (!json_valid(json))
                return fail(err, E_INVALID, "%s/modules/%s.json is not JSON", catalog->libexec, entry->module->name);
        json_put_raw(writer, json);
        return 0;
}

static struct catalog_entry *add_foreign(struct catalog *catalog, const char *name, struct error *err)
{
        const char *path = arena_printf(&catalog->arena, "%s/%s", catalog->modules_dir, name);
        if (!path)
                return fail_null(err, E_NO_MEMORY, "no memory for the catalog");
        if (catalog->reserved && catalog->reserved(name) && access(path, F_OK) == 0)
                return fail_null(err, E_EXISTS, "%s: \"%s\" is a command", path, name);
        if (foreign_check_file(path, err) < 0)
                return NULL;
        struct catalog_entry entry = { .origin = ORIGIN_FOREIGN, .area = "", .program = path };
        const char *cache = describe_cache_directory(strcmp(catalog->modules_dir, TARSIER_MODULES_DIR) == 0);
        entry.module = foreign_describe_cached(path, catalog->self, cache, &catalog->arena, err);
        if (!entry.module)
                return NULL;
        if (entry.module->persistent || entry.module->routes || entry.module->listeners)
                return fail_null(err, E_UNSUPPORTED, "%s: a foreign module cannot keep running", path);
        struct error why;
        if (record_check_flags(entry.module->params, &why) < 0)
                return fail_null(err, E_INVALID, "%s: %s", path, why.message);
        if (strcmp(entry.module->name, name) != 0)
                return fail_null(err, E_INVALID, "%s describes itself as \"%s\"; file and module must have one name",
                        path, entry.module->name);
        if (module_find(catalog->own, name) || map_get(&catalog->entries, sv_of(name)))
                return fail_null(err, E_EXISTS, "%s: there is a module \"%s\" already", path, name);
        return add_entry(catalog, entry, err);
}

const struct catalog_entry *catalog_find(struct catalog *catalog, const char *given, struct error *err)
{
        char name[64];
        size_t length = strlen(given);
        for (size_t i = 0; i < length && i < sizeof(name) - 1; i++)
                name[i] = given[i] >= 'A' && given[i] <= 'Z' ? (char)(given[i] | 0x20) : given[i];
        name[length < sizeof(name) - 1 ? length : sizeof(name) - 1] = '\0';
        if (length >= sizeof(name) || !module_name_valid(name))
                return fail_null(err, E_NOT_FOUND, "module '%.64s' is not available", given);

        struct catalog_entry *entry = map_get(&catalog->entries, sv_of(name));
        if (entry)
                return entry;
        const struct module *own = module_find(catalog->own, name);
        if (own)
                return add_own(catalog, own, err);
        struct error why;
        if ((entry = add_described(catalog, name, &why)))
                return entry;
        if (why.code != E_NOT_FOUND) {
                *err = why;
                return NULL;
        }
        if (catalog->modules_dir && (entry = add_foreign(catalog, name, &why)))
                return entry;
        if (why.code != E_NOT_FOUND) {
                *err = why;
                return NULL;
        }
        return fail_null(err, E_NOT_FOUND, "module '%s' is not available", name);
}

static int by_entry_name(const void *left, const void *right)
{
        const struct catalog_entry *const *a = left;
        const struct catalog_entry *const *b = right;
        return strcmp((*a)->module->name, (*b)->module->name);
}

static void refuse(struct catalog *catalog, const char *name, const struct error *why)
{
        catalog->refused++;
        log_warning("module %s is left out: %s", name, why->message);
}

static void read_described(struct catalog *catalog)
{
        char path[4096];
        struct error why;
        snprintf(path, sizeof(path), "%s/modules", catalog->libexec);
        cleanup(closedir) DIR *dir = opendir(path);
        for (struct dirent *file; dir && (file = readdir(dir));) {
                char name[256];
                struct sv stem = sv_of(file->d_name);
                if (!sv_ends(stem, SV(".json")))
                        continue;
                snprintf(name, sizeof(name), "%.*s", (int)stem.n - 5, stem.p);
                if (!module_name_valid(name) || map_get(&catalog->entries, sv_of(name)))
                        continue;
                if (!add_described(catalog, name, &why))
                        refuse(catalog, name, &why);
        }
}

static void read_foreign(struct catalog *catalog)
{
        struct error why;
        cleanup(closedir) DIR *dir = catalog->modules_dir ? opendir(catalog->modules_dir) : NULL;
        for (struct dirent *file; dir && (file = readdir(dir));) {
                if (file->d_name[0] == '.')
                        continue;
                struct catalog_entry *known = map_get(&catalog->entries, sv_of(file->d_name));
                if (known && known->origin == ORIGIN_FOREIGN)
                        continue;
                if (!module_name_valid(file->d_name))
                        fail(&why, E_INVALID, "the file's name is no module name");
                else if (known)
                        fail(&why, E_EXISTS, "there is a module of that name already");
                else if (add_foreign(catalog, file->d_name, &why))
                        continue;
                refuse(catalog, file->d_name, &why);
        }
}

size_t catalog_all(struct catalog *catalog, const struct catalog_entry *const **ret_entries, size_t *ret_refused,
        struct error *err)
{
        (void)err;
        if (!catalog->complete) {
                catalog->complete = true;
                struct error why;
                for (size_t i = 0; catalog->own && catalog->own[i]; i++)
                        if (!map_get(&catalog->entries, sv_of(catalog->own[i]->name)) &&
                                !add_own(catalog, catalog->own[i], &why))
                                refuse(catalog, catalog->own[i]->name, &why);
                read_described(catalog);
                read_foreign(catalog);
                map_foreach (entry, &catalog->entries) {
                        const struct catalog_entry **slot = vec_add(&catalog->sorted, MODULES_MAX);
                        if (slot)
                                *slot = entry->value;
                }
                if (catalog->sorted.count)
                        qsort(catalog->sorted.items, catalog->sorted.count, sizeof(catalog->sorted.items[0]),
                                by_entry_name);
        }
        *ret_entries = catalog->sorted.items;
        if (ret_refused)
                *ret_refused = catalog->refused;
        return catalog->sorted.count;
}

int catalog_pin(struct catalog *catalog, struct error *err)
{
        const struct catalog_entry *const *entries;
        size_t count = catalog_all(catalog, &entries, NULL, err);
        for (size_t i = 0; i < count; i++) {
                struct catalog_entry *entry = map_get(&catalog->entries, sv_of(entries[i]->module->name));
                if (entry->program_fd >= 0)
                        continue;
                entry->program_fd = open(entry->program, O_PATH | O_CLOEXEC);
                if (entry->program_fd < 0)
                        return fail_errno(err, "open %s", entry->program);
        }
        return 0;
}
