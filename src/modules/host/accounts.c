#include "modules/host/accounts.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"

/* passwd(5) and group(5): name, password, id. The first line of an id counts, as it does for getpwuid(3). */
static bool parse_line(struct sv line, struct sv *ret_name, uint32_t *ret_id)
{
        struct sv password, text;
        uint64_t id;
        if (!sv_split(&line, ':', ret_name) || !sv_split(&line, ':', &password) || !sv_split(&line, ':', &text))
                return false;
        if (ret_name->n == 0 || !sv_parse_u64(text, 10, &id) || id > UINT32_MAX)
                return false;
        *ret_id = (uint32_t)id;
        return true;
}

void accounts_load(struct accounts *accounts, int dirfd, const char *path)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, ACCOUNTS_TEXT_MAX);
        map_init(&accounts->names, ACCOUNTS_MAX);
        accounts->loaded = true;
        if (file_read(dirfd, path, &text, NULL) < 0)
                return;
        struct sv rest = sv_n(buf_text(&text), text.len);
        struct sv line, name;
        uint32_t id;
        while (sv_line(&rest, &line)) {
                if (!parse_line(line, &name, &id))
                        continue;
                struct sv key = sv_n((const char *)&id, sizeof(id));
                if (map_get(&accounts->names, key))
                        continue;
                char *copy = strndup(name.p, name.n);
                if (!copy || map_put(&accounts->names, key, copy) < 0)
                        free(copy);
        }
}

void accounts_done(struct accounts *accounts)
{
        if (!accounts->loaded)
                return;
        map_foreach (entry, &accounts->names)
                free(entry->value);
        map_done(&accounts->names);
        accounts->loaded = false;
}

const char *accounts_name(const struct accounts *accounts, uint32_t id)
{
        return accounts->loaded ? map_get(&accounts->names, sv_n((const char *)&id, sizeof(id))) : NULL;
}
