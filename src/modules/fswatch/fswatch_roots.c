/* What is configured: paths that are there, and paths that are waited for. */
#include "fswatch.h"

#include "base/path.h"

/* MIG's profile for Linux. */
static const char *const profile[] = { "/boot", "/etc/cron.d", "/var/spool/cron", "/bin", "/sbin", "/usr/bin",
        "/usr/sbin", "recursive:/etc", "/etc/init.d", "recursive:/etc/systemd" };

#define RECURSIVE SV("recursive:")

static int add_root(struct fswatch *watch, const char *text, bool defaulted, struct error *err)
{
        struct root *root = vec_add(&watch->roots, ROOTS_MAX);
        if (!root)
                return fail(err, E_TOO_LARGE, "paths: more than %d", ROOTS_MAX);
        root->configured = text;
        root->recursive = sv_starts(sv_of(text), RECURSIVE);
        root->defaulted = defaulted;
        root->known = map_get(&watch->roots_known, sv_of(text)) != NULL;
        return 0;
}

static const char *root_text(const struct root *root)
{
        return root->configured + (root->recursive ? RECURSIVE.n : 0);
}

int roots_resolve(struct fswatch *watch, struct error *err)
{
        const struct string_list *paths = &watch->config->paths;
        for (size_t i = 0; i < paths->count; i++)
                if (add_root(watch, paths->items[i], false, err) < 0)
                        return -1;
        for (size_t i = 0; !paths->count && i < sizeof(profile) / sizeof(profile[0]); i++)
                if (add_root(watch, profile[i], true, err) < 0)
                        return -1;
        baseline_keep_roots(watch);
        bool missing = false;
        vec_foreach (root, &watch->roots) {
                root->path = realpath(root_text(root), NULL); /* /bin is a link into /usr on most systems */
                if (root->path)
                        continue;
                missing = true;
                service_log(watch->service, "warning: %s: %s; it is watched as soon as it is there", root_text(root),
                        errno_text(errno));
                if (!root->known)
                        baseline_put_root(watch, root->configured);
                root->known = true; /* so that it is told when it comes */
        }
        if (missing)
                roots_recheck_later(watch);
        return 0;
}

static void on_recheck(struct loop *loop, loop_id id, void *cookie)
{
        struct fswatch *watch = cookie;
        bool missing = false;
        bool found = false;
        (void)loop;
        (void)id;
        watch->recheck_timer = 0;
        vec_foreach (root, &watch->roots) {
                if (root->path)
                        continue;
                root->path = realpath(root_text(root), NULL);
                missing |= !root->path;
                found |= root->path != NULL;
        }
        if (found)
                watch->rescan = true;
        if (found && !watch->full_scan)
                scan_all(watch);
        if (missing)
                roots_recheck_later(watch);
}

void roots_recheck_later(struct fswatch *watch)
{
        if (!watch->recheck_timer)
                loop_add_timer(watch->service->loop, watch->config->recheck_ns, 0, on_recheck, watch,
                        &watch->recheck_timer, NULL);
}

bool roots_recursive(const struct fswatch *watch, const char *path)
{
        vec_foreach (root, &watch->roots)
                if (root->path && root->recursive && path_within(sv_of(path), sv_of(root->path)))
                        return true;
        return false;
}

void roots_lost(struct fswatch *watch, const char *path)
{
        vec_foreach (root, &watch->roots) {
                if (!root->path || !path_within(sv_of(root->path), sv_of(path)))
                        continue;
                free(root->path);
                root->path = NULL;
                service_log(watch->service, "warning: %s is gone; it is watched again as soon as it is there",
                        root_text(root));
                roots_recheck_later(watch);
        }
}
