/* Names of users; etc/passwd is read when it changed. Names that rows have stay as long as the feed. */
#include "modules/metrics/feed_internal.h"

#include <sys/stat.h>

enum { TABLE_MAX = 20 << 20, NAMES_MAX = 4 << 20, UIDS_MAX = 65536 };
static const int64_t LOOK_NS = 10 * SECOND;

void feed_users_init(struct feed *feed)
{
        arena_init(&feed->users.arena, TABLE_MAX);
        arena_init(&feed->users.names, NAMES_MAX);
        map_init(&feed->users.by_uid, UIDS_MAX);
}

void feed_users_done(struct feed *feed)
{
        map_done(&feed->users.by_uid);
        arena_done(&feed->users.arena);
        arena_done(&feed->users.names);
}

static const char *find_name(struct feed_users *users, uint32_t uid)
{
        char number[16];
        const char *name = process_users_name(&users->table, uid);
        if (name)
                return name;
        snprintf(number, sizeof(number), "%u", uid);
        return arena_strdup(&users->arena, number);
}

/* The same text keeps its address: a row that did not change is not told again. */
static void name_all_again(struct feed_users *users)
{
        map_foreach (entry, &users->by_uid) {
                uint64_t uid;
                memcpy(&uid, entry->key, sizeof(uid));
                const char *name = find_name(users, (uint32_t)uid);
                const char *kept = name && strcmp(name, entry->value) != 0 ? arena_strdup(&users->names, name) : NULL;
                if (kept)
                        entry->value = (void *)kept;
        }
}

void feed_users_begin(struct feed *feed)
{
        struct feed_users *users = &feed->users;
        struct stat file;
        if (users->looked_ns && feed->now_ns - users->looked_ns < LOOK_NS)
                return;
        users->looked_ns = feed->now_ns ? feed->now_ns : 1;
        int64_t changed_ns = fstatat(feed->source.root, "etc/passwd", &file, 0) < 0
                                     ? -1
                                     : file.st_mtim.tv_sec * SECOND + file.st_mtim.tv_nsec;
        if (changed_ns == users->changed_ns)
                return;
        users->changed_ns = changed_ns;
        arena_done(&users->arena);
        users->table = (struct process_users){ 0 };
        process_users_read(feed->source.root, &users->arena, &users->table, NULL);
        name_all_again(users);
}

const char *feed_user_name(struct feed *feed, uint32_t number)
{
        struct feed_users *users = &feed->users;
        const uint64_t uid = number;
        const char *kept = map_get(&users->by_uid, map_key_u64(&uid));
        if (kept)
                return kept;
        const char *name = find_name(users, number);
        kept = name ? arena_strdup(&users->names, name) : NULL;
        if (kept && map_put(&users->by_uid, map_key_u64(&uid), (void *)kept) < 0)
                return NULL;
        return kept;
}
