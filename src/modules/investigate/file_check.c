#include "modules/investigate/file.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>

static bool compare(enum file_comparison comparison, bool less, bool more, bool equal)
{
        if (comparison == FILE_EQUAL)
                return equal;
        return comparison == FILE_LESS ? less : more;
}

static int64_t stat_mtime_ns(const struct stat *stat)
{
        return (int64_t)stat->st_mtim.tv_sec * SECOND + stat->st_mtim.tv_nsec;
}

/* Both bounds of a size count as inside, those of an age as outside: as MIG has it. */
static bool size_holds(const struct file_check *check, uint64_t size)
{
        return compare(check->comparison, size <= check->size, size >= check->size, size == check->size) != check->flip;
}

static bool mtime_holds(const struct file_check *check, int64_t mtime_ns)
{
        return compare(check->comparison, mtime_ns > check->before_ns, mtime_ns < check->before_ns, false) !=
               check->flip;
}

/* A file that could not be read to its end is a hit by what was seen, never by what was not. */
static bool content_holds(struct file_state *state, const struct file_search *search, size_t index)
{
        const struct file_check *check = &search->checks[index];
        struct regex_verdict verdict = regex_lines_verdict(search->lines, index - search->first[FILE_CONTENT]);
        bool inverse;
        file_pattern(check->text, &inverse);
        if (search->params->options.macroal && !inverse) {
                bool lines = file_stream_of(state, search)->bytes > 0;
                return check->flip ? verdict.mismatch : lines && !verdict.mismatch && !search->undecidable;
        }
        return check->flip ? !verdict.match && !search->undecidable : verdict.match;
}

static bool digest_holds(struct file_state *state, const struct file_search *search, const struct file_check *check)
{
        const uint8_t *bytes = file_stream_of(state, search)->results[check->digest];
        return !search->undecidable && (memcmp(bytes, check->bytes, digest_size(check->digest)) == 0) != check->flip;
}

/* Decides the checks of these kinds; false when the search cannot be met by this file any more. */
static bool decide(struct file_state *state, struct file_search *search, enum file_kind from, enum file_kind to,
        const struct stat *stat, struct sv base)
{
        char mode[FILE_MODE_MAX] = "";
        if (to == FILE_MTIME && file_search_has(search, FILE_MODE, FILE_MODE))
                file_mode_text(stat->st_mode, mode);
        for (size_t i = search->first[from]; i < search->first[to + 1]; i++) {
                struct file_check *check = &search->checks[i];
                switch (check->kind) {
                case FILE_NAME:
                        check->holds = regex_match(check->regex, base) != check->flip;
                        break;
                case FILE_SIZE:
                        check->holds = size_holds(check, (uint64_t)stat->st_size);
                        break;
                case FILE_MODE:
                        check->holds = regex_match(check->regex, sv_of(mode)) != check->flip;
                        break;
                case FILE_MTIME:
                        check->holds = mtime_holds(check, stat_mtime_ns(stat));
                        break;
                case FILE_CONTENT:
                        check->holds = content_holds(state, search, i);
                        break;
                default:
                        check->holds = digest_holds(state, search, check);
                }
                if (search->match_all && !check->holds)
                        return false;
        }
        return true;
}

static bool any_holds(const struct file_search *search, enum file_kind from, enum file_kind to)
{
        for (size_t i = search->first[from]; i < search->first[to + 1]; i++)
                if (search->checks[i].holds)
                        return true;
        return false;
}

/* Drops the searches the file cannot meet, by the checks of these kinds. */
static void keep(struct file_state *state, struct file_search *const *searches, size_t count, enum file_kind from,
        enum file_kind to, const struct stat *stat, struct sv base)
{
        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
                struct file_search *search = searches[i];
                if (search->done || !decide(state, search, from, to, stat, base))
                        continue;
                if (!search->match_all && !any_holds(search, FILE_NAME, to) &&
                        !file_search_has(search, (enum file_kind)(to + 1 < FILE_KINDS ? to + 1 : to), FILE_SHA3))
                        continue;
                if (!search->match_all && to == FILE_SHA3 && !any_holds(search, FILE_NAME, to))
                        continue;
                state->alive[kept++] = search;
        }
        state->alive_count = kept;
}

static void emit(struct file_state *state, const char *label, const struct file_row *row)
{
        if (!state->failed && run_emit(state->run, label, row, state->err) < 0)
                state->failed = true;
}

static void count_hit(struct file_state *state, struct file_search *search)
{
        search->hits++;
        state->statistics->total_hits++;
        if (search->hits >= search->match_limit) {
                search->done = true;
                state->searches_open--;
        }
}

/* A row of one check shows that check's value only. */
static void show_check(const struct file_search *search, struct file_check *check, struct file_search_params *ret)
{
        *ret = search->shown;
        memset(ret->values, 0, sizeof(ret->values));
        ret->values[check->kind] = (struct string_list){ &check->text, 1 };
}

static void emit_search(
        struct file_state *state, struct file_search *search, struct file_row *row, struct string_list *directory)
{
        if (search->match_all) {
                row->search = search->shown;
                emit(state, search->label, row);
                count_hit(state, search);
                return;
        }
        for (size_t i = 0; i < file_search_count(search) && !search->done; i++) {
                struct file_check *check = &search->checks[i];
                if (!check->holds)
                        continue;
                check->hit = true;
                show_check(search, check, &row->search);
                if (!state->privacy)
                        row->search.paths = *directory;
                emit(state, search->label, row);
                count_hit(state, search);
        }
}

static void upper_hex(const uint8_t *bytes, size_t size, char *ret)
{
        static const char digits[] = "0123456789ABCDEF";
        for (size_t i = 0; i < size; i++) {
                *ret++ = digits[bytes[i] >> 4];
                *ret++ = digits[bytes[i] & 15];
        }
        *ret = '\0';
}

static void emit_hits(struct file_state *state, const char *path, const struct stat *stat)
{
        char mode[FILE_MODE_MAX];
        char modified[TIME_TEXT_MAX];
        struct file_row row = { .file = (char *)path };
        struct sv directory = path_dir(sv_of(path));
        char *directory_text = strndup(directory.p, directory.n);
        struct string_list directories = { &directory_text, directory_text ? 1 : 0 };
        file_mode_text(stat->st_mode, mode);
        time_format_go_utc(stat_mtime_ns(stat), modified);
        row.info = (struct file_info){ .size = stat->st_size, .mode = mode, .last_modified = modified };
        for (size_t i = 0; i < state->alive_count && !state->failed; i++) {
                struct file_search *search = state->alive[i];
                char hex[DIGEST_HEX_MAX] = "";
                if (search->params->options.return_sha256 && search->reads && !search->undecidable) {
                        const uint8_t *bytes = file_stream_of(state, search)->results[DIGEST_SHA256];
                        upper_hex(bytes, digest_size(DIGEST_SHA256), hex);
                }
                row.info.sha256 = hex;
                emit_search(state, search, &row, &directories);
        }
        free(directory_text);
}

/* Which searches need the content: those with checks on it, and those that want the digest of a hit. */
static bool mark_readers(struct file_state *state, bool directory)
{
        bool any = false;
        for (size_t i = 0; i < state->alive_count; i++) {
                struct file_search *search = state->alive[i];
                bool sha256 = search->params->options.return_sha256 && !directory &&
                              (search->match_all || any_holds(search, FILE_NAME, FILE_MTIME));
                search->undecidable = false;
                search->reads = file_search_has(search, FILE_CONTENT, FILE_SHA3) || sha256;
                any |= search->reads;
        }
        return any;
}

static void give_up_readers(struct file_state *state)
{
        for (size_t i = 0; i < state->alive_count; i++) {
                struct file_search *search = state->alive[i];
                if (!search->reads)
                        continue;
                search->reads = false;
                search->undecidable = true;
                if (search->lines)
                        regex_lines_begin(search->lines);
        }
}

static void open_failed(struct file_state *state, const struct file_target *target, const struct error *err)
{
        state->statistics->open_failed++;
        run_skipped(state->run, target->path, "%s", err->message);
        if (err->errnum != ENOENT || target->link)
                file_error(state, "ERROR: open %s: %s", target->path,
                        err->errnum ? errno_text(err->errnum) : err->message);
}

/* false when the target is not a file to look at. */
static bool get_stat(struct file_state *state, const struct file_target *target, struct stat *ret)
{
        if (fstatat(target->dirfd, target->name, ret, AT_NO_AUTOMOUNT) < 0) {
                int errnum = errno;
                state->statistics->open_failed++;
                run_skipped(state->run, target->path, "%s", errno_text(errnum));
                if (target->link)
                        file_error(state, "ERROR: followSymLink() -> %s: %s", target->path, errno_text(errnum));
                return false;
        }
        if (S_ISREG(ret->st_mode) || (target->directory_link && S_ISDIR(ret->st_mode)))
                return true;
        if (state->verbose)
                run_skipped(state->run, target->path, "leads to no regular file");
        return false;
}

enum walk_verdict file_examine(struct file_state *state, const struct file_target *target)
{
        struct stat stat = { 0 };
        bool have_stat = false;
        state->statistics->files_count++;
        keep(state, state->active, state->active_count, FILE_NAME, FILE_NAME, &stat, target->base);
        bool needs_stat = target->link || target->directory_link;
        for (size_t i = 0; i < state->alive_count && !needs_stat; i++)
                needs_stat = file_search_has(state->alive[i], FILE_SIZE, FILE_MTIME);
        if (state->alive_count > 0 && needs_stat) {
                if (!get_stat(state, target, &stat))
                        return WALK_ON;
                have_stat = true;
                keep(state, state->alive, state->alive_count, FILE_SIZE, FILE_MTIME, &stat, target->base);
        }
        if (state->alive_count == 0)
                return WALK_ON;
        if (mark_readers(state, target->directory_link)) {
                struct error err;
                cleanup(fd_close) int fd = walk_open_regular(
                        target->dirfd, target->name, target->link ? WALK_OPEN_FOLLOW : 0, &stat, &err);
                have_stat |= fd >= 0;
                if (fd >= 0) {
                        file_read_content(state, fd, &stat, target->path);
                } else {
                        open_failed(state, target, &err);
                        give_up_readers(state);
                }
                if (state->stopped)
                        return WALK_STOP;
                keep(state, state->alive, state->alive_count, FILE_CONTENT, FILE_SHA3, &stat, target->base);
        }
        if (state->alive_count > 0 && (have_stat || get_stat(state, target, &stat)))
                emit_hits(state, target->path, &stat);
        return state->failed || state->searches_open == 0 ? WALK_STOP : WALK_ON;
}

int file_emit_empty(struct file_state *state, struct error *err)
{
        struct file_row row = { .file = (char[]){ "" },
                .info = { .mode = (char[]){ "" }, .last_modified = (char[]){ "" }, .sha256 = (char[]){ "" } } };
        for (size_t i = 0; i < state->search_count; i++) {
                struct file_search *search = &state->searches[i];
                if (search->match_all && search->hits == 0) {
                        row.search = search->shown;
                        if (run_emit(state->run, search->label, &row, err) < 0)
                                return -1;
                }
                for (size_t at = 0; at < file_search_count(search) && !search->match_all; at++) {
                        if (search->checks[at].hit)
                                continue;
                        show_check(search, &search->checks[at], &row.search);
                        if (run_emit(state->run, search->label, &row, err) < 0)
                                return -1;
                }
        }
        return 0;
}
