#include "modules/investigate/file.h"

#include "base/path.h"

#include <fcntl.h>
#include <stdlib.h>

static unsigned components(struct sv path)
{
        unsigned count = 0;
        for (size_t i = 0; i < path.n; i++)
                count += path.p[i] != '/' && (i == 0 || path.p[i - 1] == '/');
        return count;
}

/* A parent stands before what is below it. */
static int compare_pairs(const void *a, const void *b)
{
        const struct file_pair *x = a;
        const struct file_pair *y = b;
        bool one_x = x->search->params->options.one_file_system;
        bool one_y = y->search->params->options.one_file_system;
        return one_x != one_y ? one_x - one_y : strcmp(x->path.p, y->path.p);
}

static int collect_pairs(struct file_state *state, struct error *err)
{
        size_t count = 0;
        for (size_t i = 0; i < state->search_count; i++)
                count += state->searches[i].params->paths.count;
        if (count > FILE_PAIRS_MAX)
                return fail(err, E_TOO_LARGE, "%zu paths in all searches: at most %d", count, FILE_PAIRS_MAX);
        state->pairs = arena_array(&state->run->arena, count, sizeof(*state->pairs));
        if (!state->pairs)
                return fail(err, E_NO_MEMORY, "no memory for %zu paths", count);
        struct buf clean;
        buf_init(&clean, PATH_MAX);
        for (size_t i = 0; i < state->search_count; i++) {
                list_foreach (path, &state->searches[i].params->paths) {
                        buf_clear(&clean);
                        path_clean(sv_of(*path), &clean);
                        char *text = arena_strdup(&state->run->arena, buf_text(&clean));
                        if (!text || clean.failed) {
                                buf_done(&clean);
                                return fail(err, E_NO_MEMORY, "no memory for the paths");
                        }
                        state->pairs[state->pair_count++] =
                                (struct file_pair){ .search = &state->searches[i], .path = sv_of(text) };
                }
        }
        buf_done(&clean);
        qsort(state->pairs, state->pair_count, sizeof(*state->pairs), compare_pairs);
        return 0;
}

static void activate_search(struct file_state *state, struct file_search *search)
{
        for (size_t i = 0; i < state->active_count; i++)
                if (state->active[i] == search)
                        return;
        state->active[state->active_count++] = search;
}

/* The searches for the files of this directory. */
static void activate(struct file_state *state, struct sv directory, unsigned depth)
{
        if (state->directory_valid && sv_eq(sv_n(buf_text(&state->directory), state->directory.len), directory))
                return;
        state->active_count = 0;
        for (size_t i = 0; i < state->pair_count; i++) {
                const struct file_pair *pair = &state->pairs[i];
                if (pair->current && !pair->search->done && depth >= pair->depth &&
                        depth - pair->depth < pair->search->max_depth && path_within(directory, pair->path))
                        activate_search(state, pair->search);
        }
        buf_clear(&state->directory);
        buf_append(&state->directory, directory.p, directory.n);
        state->directory_valid = !state->directory.failed;
}

static enum walk_verdict on_directory(void *cookie, const struct walk_entry *entry)
{
        struct file_state *state = cookie;
        bool wanted = false;
        for (size_t i = 0; i < state->pair_count; i++) {
                struct file_pair *pair = &state->pairs[i];
                if (!pair->current || pair->search->done)
                        continue;
                bool inside = entry->depth >= pair->depth && path_within(entry->path, pair->path);
                /* A mount point that is not entered must still get its own walk. */
                if (inside && (!state->one_file_system || entry->depth > pair->depth))
                        pair->reached = true;
                wanted |= inside ? entry->depth - pair->depth < pair->search->max_depth
                                 : path_within(pair->path, entry->path);
        }
        return wanted ? WALK_ON : WALK_PRUNE;
}

static const char *type_name(unsigned char type)
{
        switch (type) {
        case DT_FIFO:
                return "a FIFO";
        case DT_SOCK:
                return "a socket";
        case DT_CHR:
        case DT_BLK:
                return "a device";
        default:
                return "no regular file";
        }
}

/* Paths that name this very file: searches of it that are not active in its directory. */
static void activate_exact(struct file_state *state, const struct walk_entry *entry)
{
        for (size_t i = 0; i < state->pair_count; i++) {
                struct file_pair *pair = &state->pairs[i];
                if (!pair->current || !sv_eq(pair->path, entry->path))
                        continue;
                bool active = false;
                for (size_t at = 0; at < state->active_count; at++)
                        active |= state->active[at] == pair->search;
                if (entry->type == DT_REG && !active)
                        activate_search(state, pair->search);
                if (entry->type == DT_REG || active)
                        pair->reached = true;
                state->directory_valid = false;
        }
}

static enum walk_verdict on_file(void *cookie, const struct walk_entry *entry)
{
        struct file_state *state = cookie;
        struct sv directory = sv_n(entry->path.p, entry->path.n - entry->name_length);
        if (directory.n > 1)
                directory.n--;
        activate(state, directory, entry->depth);
        if (state->pair_count > 1)
                activate_exact(state, entry);
        if (state->active_count == 0)
                return WALK_ON;
        if (entry->type != DT_REG && entry->type != DT_LNK) {
                if (state->verbose)
                        run_skipped(state->run, entry->path.p, "%s is not searched", type_name(entry->type));
                return WALK_ON;
        }
        struct file_target target = { .dirfd = entry->dirfd,
                .name = entry->name,
                .base = sv_n(entry->name, entry->name_length),
                .path = entry->path.p,
                .link = entry->type == DT_LNK };
        return file_examine(state, &target);
}

static enum walk_verdict on_error(void *cookie, struct sv path, enum walk_stage stage, int errnum)
{
        struct file_state *state = cookie;
        state->statistics->open_failed++;
        run_skipped(state->run, path.p, "%s", errno_text(errnum));
        if (errnum == ENOENT && stage != WALK_STAGE_FOLLOW)
                return WALK_ON; /* it went away meanwhile */
        file_error(state, "ERROR: open %s: %s", path.p, errno_text(errnum));
        return WALK_ON;
}

static bool on_checkpoint(void *cookie)
{
        struct file_state *state = cookie;
        state->stopped |= run_checkpoint(state->run);
        return state->stopped;
}

/* A root that is a file, by itself. */
static void examine_root(struct file_state *state, const char *name, bool link, bool directory_link)
{
        state->active_count = 0;
        state->directory_valid = false;
        for (size_t i = 0; i < state->pair_count; i++)
                if (state->pairs[i].current && state->pairs[i].reached && !state->pairs[i].search->done)
                        activate_search(state, state->pairs[i].search);
        struct file_target target = { .dirfd = AT_FDCWD,
                .name = name,
                .base = path_base(sv_of(name)),
                .path = name,
                .link = link,
                .directory_link = directory_link };
        file_examine(state, &target);
}

static void refuse_root(struct file_state *state, const char *root, const char *why)
{
        state->statistics->open_failed++;
        run_skipped(state->run, root, "%s", why);
        file_error(state, "ERROR: open %s: %s", root, why);
}

/* The user named a link: a directory behind it is not walked, a file is shown under its own name, as MIG does. */
static void examine_root_link(struct file_state *state, const char *root)
{
        struct stat stat;
        char *target = realpath(root, NULL);
        if (!target || fstatat(AT_FDCWD, root, &stat, 0) < 0) {
                state->statistics->open_failed++;
                run_skipped(state->run, root, "%s", errno_text(errno));
                file_error(state, "ERROR: followSymLink() -> %s: %s", root, errno_text(errno));
        } else if (S_ISDIR(stat.st_mode)) {
                file_error(state, "warning: %s is a link to %s and was not followed", root, target);
                examine_root(state, root, true, true);
        } else if (S_ISREG(stat.st_mode)) {
                examine_root(state, target, false, false);
        } else {
                refuse_root(state, root, "it leads to no regular file");
        }
        free(target);
}

static int walk_root(struct file_state *state, const struct file_pair *root, struct error *err)
{
        struct stat stat;
        state->one_file_system = root->search->params->options.one_file_system;
        state->directory_valid = false;
        for (size_t i = 0; i < state->pair_count; i++) {
                struct file_pair *pair = &state->pairs[i];
                pair->current = !pair->reached && !pair->search->done &&
                                pair->search->params->options.one_file_system == state->one_file_system &&
                                path_within(pair->path, root->path);
                pair->depth = components(pair->path) - components(root->path) + 1;
                if (pair->current && sv_eq(pair->path, root->path))
                        pair->reached = true;
        }
        if (fstatat(AT_FDCWD, root->path.p, &stat, AT_SYMLINK_NOFOLLOW) < 0) {
                refuse_root(state, root->path.p, errno_text(errno));
                return 0;
        }
        if (S_ISLNK(stat.st_mode)) {
                examine_root_link(state, root->path.p);
                return 0;
        }
        if (S_ISREG(stat.st_mode)) {
                examine_root(state, root->path.p, false, false);
                return 0;
        }
        if (!S_ISDIR(stat.st_mode)) {
                char why[64];
                snprintf(why, sizeof(why), "%s is not searched", type_name((unsigned char)IFTODT(stat.st_mode)));
                refuse_root(state, root->path.p, why);
                return 0;
        }
        struct walk_counts counts = { 0 };
        struct walk_options options = {
                .one_file_system = state->one_file_system,
                .on_directory = on_directory,
                .on_file = on_file,
                .on_error = on_error,
                .checkpoint = on_checkpoint,
                .cookie = state,
        };
        int walked = walk_tree(AT_FDCWD, root->path.p, &options, &counts, err);
        state->statistics->other_file_systems += (int64_t)counts.foreign;
        return walked;
}

int file_walk(struct file_state *state, struct error *err)
{
        if (collect_pairs(state, err) < 0)
                return -1;
        for (size_t i = 0; i < state->pair_count; i++) {
                if (state->stopped || state->failed || run_checkpoint(state->run))
                        break;
                if (state->pairs[i].reached || state->pairs[i].search->done)
                        continue;
                if (walk_root(state, &state->pairs[i], err) < 0)
                        return -1;
        }
        return 0;
}
