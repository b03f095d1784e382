#include "linux/sockstat.h"

#include "base/cleanup.h"
#include "base/path.h"

static bool copy_name(struct sv text, char ret[SOCKSTAT_NAME_MAX])
{
        if (text.n == 0 || text.n >= SOCKSTAT_NAME_MAX)
                return false;
        memcpy(ret, text.p, text.n);
        ret[text.n] = '\0';
        return true;
}

/* "TCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1" */
static bool parse_row(struct sv line, struct sockstat_row *ret, size_t *refused)
{
        struct sockstat_row row = { 0 };
        size_t colon = sv_find(line, ':');
        if (colon == line.n || !copy_name(sv_n(line.p, colon), row.protocol))
                return false;
        struct sv rest = sv_n(line.p + colon + 1, line.n - colon - 1);
        struct sv name;
        struct sv number;
        while (sv_word(&rest, &name)) {
                struct sockstat_pair pair;
                if (!sv_word(&rest, &number) || !copy_name(name, pair.name) || !sv_parse_u64(number, 10, &pair.value))
                        return false;
                if (row.count < SOCKSTAT_PAIRS_MAX)
                        row.pairs[row.count++] = pair;
                else
                        ++*refused;
        }
        *ret = row;
        return true;
}

void sockstat_parse(struct sv text, struct sockstat *into)
{
        struct sv line;
        while (sv_line(&text, &line)) {
                struct sockstat_row row;
                if (into->count < SOCKSTAT_ROWS_MAX && parse_row(line, &row, &into->refused))
                        into->rows[into->count++] = row;
                else
                        into->refused++;
        }
}

int sockstat_read(int root, const char *dir, struct sockstat *ret, struct error *err)
{
        static const char *const names[] = { "sockstat", "sockstat6" };
        struct sockstat stat = { 0 };
        for (size_t i = 0; i < 2; i++) {
                cleanup(buf_done) struct buf buf;
                struct error one;
                char path[128];
                buf_init(&buf, 16 * 1024);
                snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
                if (file_read(root, path, &buf, &one) < 0) {
                        if (i == 1 && one.code == E_NOT_FOUND)
                                continue;
                        if (err)
                                *err = one;
                        return -1;
                }
                sockstat_parse(sv_n(buf_text(&buf), buf.len), &stat);
        }
        *ret = stat;
        return 0;
}

bool sockstat_value(const struct sockstat *stat, const char *protocol, const char *name, uint64_t *ret)
{
        for (size_t i = 0; i < stat->count; i++) {
                const struct sockstat_row *row = &stat->rows[i];
                for (size_t j = 0; strcmp(row->protocol, protocol) == 0 && j < row->count; j++) {
                        if (strcmp(row->pairs[j].name, name) != 0)
                                continue;
                        *ret = row->pairs[j].value;
                        return true;
                }
        }
        return false;
}
