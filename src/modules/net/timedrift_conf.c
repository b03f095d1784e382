/* Which time servers this host is configured to ask: chrony, timesyncd, ntpd and NTPsec. */
#include "modules/net/timedrift.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>

enum { CONF_BYTES_MAX = 1 << 20, CONF_FILES_MAX = 256 };

static bool read_conf(struct run *run, const char *path, struct buf *text)
{
        struct error why;
        buf_clear(text);
        if (file_read(AT_FDCWD, path, text, &why) == 0)
                return true;
        if (why.code != E_NOT_FOUND) /* that another daemon's file is absent is how most hosts are */
                run_skipped(run, path, "%s", why.message);
        return false;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Calls each() for the files of a directory that end in suffix, by name. */
static void each_file(struct run *run, const char *directory, const char *suffix,
        void (*each)(struct run *run, const char *path, void *cookie), void *cookie)
{
        char *names[CONF_FILES_MAX];
        size_t count = 0;
        cleanup(closedir) DIR *dir = opendir(directory);
        if (!dir) {
                if (errno != ENOENT && errno != ENOTDIR)
                        run_skipped(run, directory, "%s", errno_text(errno));
                return;
        }
        for (struct dirent *entry; (entry = readdir(dir)) && count < CONF_FILES_MAX;)
                if (entry->d_name[0] != '.' && sv_ends(sv_of(entry->d_name), sv_of(suffix)))
                        if ((names[count] = strdup(entry->d_name)))
                                count++;
        qsort(names, count, sizeof(names[0]), compare_names);
        for (size_t i = 0; i < count; i++) {
                char path[4096];
                snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
                each(run, path, cookie);
                free(names[i]);
        }
}

static void read_included(struct run *run, const char *path, void *cookie)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, CONF_BYTES_MAX);
        if (read_conf(run, path, &text))
                ntp_parse_conf(sv_n(buf_text(&text), text.len), path, cookie, NULL);
}

/* One level of includes, as installations have it; deeper ones are not followed, so none can loop. */
static void read_main(struct run *run, const char *path, struct ntp_servers *servers)
{
        struct ntp_includes includes = { 0 };
        cleanup(buf_done) struct buf text;
        buf_init(&text, CONF_BYTES_MAX);
        if (!read_conf(run, path, &text))
                return;
        ntp_parse_conf(sv_n(buf_text(&text), text.len), path, servers, &includes);
        for (size_t i = 0; i < includes.count; i++) {
                const struct ntp_include *include = &includes.rows[i];
                if (*include->suffix)
                        each_file(run, include->path, include->suffix, read_included, servers);
                else
                        read_included(run, include->path, servers);
        }
}

struct timesyncd {
        struct ntp_servers *servers, *fallback;
};

static void read_timesyncd(struct run *run, const char *path, void *cookie)
{
        struct timesyncd *lists = cookie;
        cleanup(buf_done) struct buf text;
        buf_init(&text, CONF_BYTES_MAX);
        if (read_conf(run, path, &text))
                ntp_parse_timesyncd(sv_n(buf_text(&text), text.len), path, lists->servers, lists->fallback);
}

void timedrift_read_configuration(struct run *run, struct ntp_servers *ret)
{
        static const char *const mains[] = { "/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/ntp.conf",
                "/etc/ntpsec/ntp.conf" };
        struct ntp_servers *fallback = arena_new(&run->arena, struct ntp_servers);
        struct ntp_servers *own = arena_new(&run->arena, struct ntp_servers);
        for (size_t i = 0; i < sizeof(mains) / sizeof(mains[0]); i++)
                read_main(run, mains[i], ret);
        each_file(run, "/etc/ntpsec/ntp.d", ".conf", read_included, ret);
        if (!fallback || !own)
                return;
        struct timesyncd lists = { own, fallback };
        read_timesyncd(run, "/etc/systemd/timesyncd.conf", &lists);
        each_file(run, "/etc/systemd/timesyncd.conf.d", ".conf", read_timesyncd, &lists);
        /* the fallback is asked when nothing else is known, as systemd-timesyncd does */
        if (!own->count && !ret->count)
                own = fallback;
        for (size_t i = 0; i < own->count; i++)
                ntp_servers_add(ret, sv_of(own->rows[i].host), own->rows[i].port, false, own->rows[i].source);
        ret->refused += own->refused;
}
