#include "agent/persist_spawn.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "module/program.h"
#include "module/worker.h"
#include "schema/json.h"
#include "tarsier/child.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { PEM_MAX = 256 << 10, SETTINGS_MAX = 1 << 20, OPTIONS_MAX = 16 + PERSIST_LISTENERS_MAX };

static bool is_api(const struct module *module)
{
        return strcmp(module->name, "api") == 0;
}

void persist_spawn_init(struct persist_spawn *spawn)
{
        *spawn = (struct persist_spawn){ 0 };
        for (size_t i = 0; i < PERSIST_LISTENERS_MAX; i++)
                spawn->listeners[i] = -1;
}

void persist_spawn_close(struct persist_spawn *spawn)
{
        for (size_t i = 0; i < PERSIST_LISTENERS_MAX; i++) {
                fd_close(&spawn->listeners[i]);
                const char *path = spawn->addresses[i][0] ? listen_path(spawn->addresses[i]) : NULL;
                if (path)
                        unlink(path);
                spawn->addresses[i][0] = spawn->wanted[i][0] = '\0';
        }
}

void persist_spawn_done(struct persist_spawn *spawn)
{
        persist_spawn_close(spawn);
        free(spawn->settings);
        spawn->settings = NULL;
}

static int add_pem(json_t *settings, const char *key, const char *path, struct error *err)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, PEM_MAX);
        if (file_read(AT_FDCWD, path, &text, err) < 0)
                return error_prefix(err, "tls.%s", key);
        json_object_set_new(settings, key, json_stringn(buf_text(&text), text.len));
        return 0;
}

int persist_spawn_config(struct agent *agent, const struct module *module, struct buf *out, struct error *err)
{
        const struct agent_config *config = agent->config;
        struct config_module part;
        if (config_module(config, module, &part, err) < 0)
                return -1;
        int status = 0;
        if (is_api(module) && config->tls.certificate)
                status = add_pem(part.settings, "certificate", config->tls.certificate, err) < 0 ||
                                         add_pem(part.settings, "key", config->tls.key, err) < 0
                                 ? -1
                                 : 0;
        char *text = status == 0 ? json_dumps(part.settings, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        if (text)
                buf_puts(out, text);
        free(text);
        json_decref(part.settings);
        return status == 0 && (!text || out->failed) ? fail(err, E_TOO_LARGE, "the settings are too long") : status;
}

/* Where listener `index` belongs: "" = nowhere. */
static void wanted_address(
        struct agent *agent, const struct module *module, const struct config_module *part, size_t index, char *ret)
{
        const struct listener *listener = &module->listeners[index];
        const char *given = json_string_value(json_object_get(part->listen, listener->name));
        const char *address = given ? given : listener->address ? listener->address : "";
        if (is_api(module) && !given && strcmp(listener->name, "http") == 0) {
                address = agent->listen ? agent->listen : agent->config->listen;
        } else if (is_api(module) && !given && strcmp(listener->name, "socket") == 0) {
                if (agent->config->socket)
                        snprintf(ret, LISTEN_TEXT_MAX, "%s", agent->config->socket);
                else
                        snprintf(ret, LISTEN_TEXT_MAX, "%.200s/api.sock", agent->run);
                return;
        }
        snprintf(ret, LISTEN_TEXT_MAX, "%s", strcmp(address, "none") == 0 ? "" : address);
}

static size_t listener_count(const struct module *module)
{
        size_t count = 0;
        while (module->listeners && module->listeners[count].name && count < PERSIST_LISTENERS_MAX)
                count++;
        return count;
}

static int same_listeners(const struct persist_spawn *spawn, struct agent *agent, const struct module *module,
        bool *ret, struct error *err)
{
        struct config_module part;
        bool same = true;
        if (config_module(agent->config, module, &part, err) < 0)
                return -1;
        for (size_t i = 0; i < listener_count(module); i++) {
                char address[LISTEN_TEXT_MAX];
                wanted_address(agent, module, &part, i, address);
                same = same && strcmp(address, spawn->wanted[i]) == 0;
        }
        json_decref(part.settings);
        *ret = same;
        return 0;
}

int persist_spawn_compare(const struct persist_spawn *spawn, struct agent *agent, const struct module *module,
        enum persist_change *ret, struct error *err)
{
        bool same;
        cleanup(buf_done) struct buf settings;
        buf_init(&settings, SETTINGS_MAX);
        if (same_listeners(spawn, agent, module, &same, err) < 0 ||
                persist_spawn_config(agent, module, &settings, err) < 0)
                return -1;
        if (!same)
                *ret = PERSIST_NEW_LISTENERS;
        else if (spawn->privacy != agent->config->privacy)
                *ret = PERSIST_NEW_START;
        else
                *ret = spawn->settings && strcmp(spawn->settings, buf_text(&settings)) == 0 ? PERSIST_SAME
                                                                                            : PERSIST_NEW_SETTINGS;
        return 0;
}

int persist_spawn_given(struct persist_spawn *spawn, const char *settings, struct error *err)
{
        char *copy = strdup(settings);
        if (!copy)
                return fail(err, E_NO_MEMORY, "no memory for the settings");
        free(spawn->settings);
        spawn->settings = copy;
        return 0;
}

static int bind_listeners(
        struct persist_spawn *spawn, struct agent *agent, const struct module *module, struct error *err)
{
        struct config_module part;
        int status = 0;
        if (config_module(agent->config, module, &part, err) < 0)
                return -1;
        for (size_t i = 0; i < listener_count(module) && status == 0; i++) {
                if (spawn->listeners[i] >= 0)
                        continue;
                char address[LISTEN_TEXT_MAX];
                wanted_address(agent, module, &part, i, address);
                if (!address[0])
                        continue;
                /* peers of a unix socket are judged by their credentials */
                spawn->listeners[i] = listen_open(address, 0666, spawn->addresses[i], err);
                if (spawn->listeners[i] < 0)
                        status = error_prefix(err, "listener %s", module->listeners[i].name);
                else
                        snprintf(spawn->wanted[i], sizeof(spawn->wanted[i]), "%s", address);
        }
        json_decref(part.settings);
        return status;
}

/* By the file, where the package and every system have them: the name service would load what stays, 0.4 MB where one
 * of them is not there. */
static bool find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
        cleanup(fclose) FILE *file = fopen("/etc/passwd", "re");
        const struct passwd *user;
        while (file && (user = fgetpwent(file))) {
                if (strcmp(user->pw_name, name) != 0)
                        continue;
                *ret_uid = user->pw_uid;
                *ret_gid = user->pw_gid;
                return true;
        }
        return false;
}

/* api faces the network and needs nothing of this host: as root it runs as somebody who owns nothing. */
static bool other_user(const struct module *module, uid_t *ret_uid, gid_t *ret_gid)
{
        if (geteuid() != 0 || !is_api(module))
                return false;
        if (!find_user("tarsier", ret_uid, ret_gid) && !find_user("nobody", ret_uid, ret_gid)) {
                *ret_uid = 65534;
                *ret_gid = 65534;
        }
        return true;
}

static int make_directory(struct agent *agent, const struct module *module, char *ret, struct error *err)
{
        uid_t uid;
        gid_t gid;
        snprintf(ret, AGENT_PATH_MAX, "%.3900s/modules/%s", agent->state, module->name);
        if (path_make(ret, 0700, err) < 0)
                return -1;
        if (other_user(module, &uid, &gid) && chown(ret, uid, gid) < 0)
                return fail_errno(err, "chown %s", ret);
        return 0;
}

static struct tarsier_config *make_config(struct persist_spawn *spawn, struct agent *agent, const struct module *module,
        const char *directory, struct error *err)
{
        char number[32];
        char listeners[128] = "";
        cleanup(buf_done) struct buf settings;
        buf_init(&settings, SETTINGS_MAX);
        if (persist_spawn_config(agent, module, &settings, err) < 0)
                return NULL;
        for (size_t i = 0, used = 0; i < PERSIST_LISTENERS_MAX; i++)
                if (spawn->listeners[i] >= 0)
                        used += (size_t)snprintf(
                                listeners + used, sizeof(listeners) - used, "%s%zu", used ? "," : "", i);
        struct tarsier_config *config = tarsier_config_new();
        if (!config)
                return fail_null(err, E_NO_MEMORY, "no memory for the settings");
        snprintf(number, sizeof(number), "%llu", (unsigned long long)module_memory(module));
        tarsier_config_set(config, WORKER_CONFIG_BUILD, TARSIER_BUILD);
        tarsier_config_set(config, WORKER_CONFIG_MODE, "persist");
        tarsier_config_set(config, WORKER_CONFIG_PRIVACY, agent->config->privacy ? "on" : "off");
        tarsier_config_set(config, WORKER_CONFIG_STRICT, "on");
        tarsier_config_set(config, WORKER_CONFIG_MEMORY, number);
        tarsier_config_set(config, WORKER_CONFIG_STATE, directory);
        tarsier_config_set(config, WORKER_CONFIG_LISTENERS, listeners);
        tarsier_config_set(config, WORKER_CONFIG_CONFIG, buf_text(&settings));
        if (persist_spawn_given(spawn, buf_text(&settings), err) < 0) {
                tarsier_config_free(config);
                return NULL;
        }
        spawn->privacy = agent->config->privacy;
        return config;
}

static struct worker *start_worker(struct persist_spawn *spawn, const struct catalog_entry *entry,
        const struct tarsier_config *config, int frames, int requests, struct error *err)
{
        const char *argv[] = { entry->program, "worker", entry->module->name, NULL };
        const char *environment[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG=C.UTF-8", NULL, NULL };
        char asan[512];
        if (getenv("ASAN_OPTIONS")) {
                snprintf(asan, sizeof(asan), "ASAN_OPTIONS=%s", getenv("ASAN_OPTIONS"));
                environment[2] = asan;
        }
        struct worker_option options[OPTIONS_MAX] = {
                entry->program_fd >= 0 ? WORKER_OPT_PROGRAM_FD(entry->program_fd, entry->program)
                                       : WORKER_OPT_PROGRAM(entry->program),
                WORKER_OPT_ARGV(argv),
                WORKER_OPT_ENVIRONMENT(environment),
                WORKER_OPT_CONFIG(config),
                WORKER_OPT_FILE(frames),
                WORKER_OPT_FILE(requests),
                WORKER_OPT_STDIN(-1),
                WORKER_OPT_STDOUT(-1),
                WORKER_OPT_DIRECTORY("/"),
                WORKER_OPT_SESSION(true), /* ^C at the agent's terminal is the agent's: it drains */
                WORKER_OPT_DEATH_SIGNAL(SIGKILL),
        };
        size_t count = 11;
        for (size_t i = 0; i < PERSIST_LISTENERS_MAX; i++)
                if (spawn->listeners[i] >= 0)
                        options[count++] = WORKER_OPT_FILE(spawn->listeners[i]);
        uid_t uid;
        gid_t gid;
        if (other_user(entry->module, &uid, &gid)) {
                options[count++] = WORKER_OPT_UID(uid);
                options[count++] = WORKER_OPT_GID(gid);
        }
        options[count] = WORKER_OPT_END;
        struct worker *worker = worker_new(options, err);
        if (worker && worker_start(worker, err) < 0) {
                worker_free(worker);
                return NULL;
        }
        return worker;
}

struct worker *persist_spawn(struct persist_spawn *spawn, struct agent *agent, const struct catalog_entry *entry,
        struct persist_ends *ret_ends, struct error *err)
{
        char directory[AGENT_PATH_MAX];
        int frames[2];
        int requests[2];
        bool same;
        if (same_listeners(spawn, agent, entry->module, &same, err) < 0)
                return NULL;
        if (!same) /* others are configured since it ran last */
                persist_spawn_close(spawn);
        if (bind_listeners(spawn, agent, entry->module, err) < 0 ||
                make_directory(agent, entry->module, directory, err) < 0)
                return NULL;
        struct tarsier_config *config = make_config(spawn, agent, entry->module, directory, err);
        if (!config)
                return NULL;
        struct worker *worker = NULL;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, frames) < 0) {
                fail_errno(err, "socketpair");
        } else if (socketpair(AF_UNIX, (is_api(entry->module) ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0,
                           requests) < 0) {
                fail_errno(err, "socketpair");
                close(frames[0]);
                close(frames[1]);
        } else {
                worker = start_worker(spawn, entry, config, frames[1], requests[1], err);
                close(frames[1]);
                close(requests[1]);
                bool asked = entry->module->routes || is_api(entry->module);
                if (!worker)
                        close(frames[0]);
                if (!worker || !asked)
                        close(requests[0]);
                *ret_ends = (struct persist_ends){ worker ? frames[0] : -1, worker && asked ? requests[0] : -1 };
        }
        tarsier_config_free(config);
        return worker;
}
