#include "linux/maps.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "linux/process.h"

/* Takes the part before `separator` off *text as a hexadecimal number. */
static bool take_hex(struct sv *text, char separator, uint64_t *ret)
{
        size_t end = sv_find(*text, separator);
        if (end == text->n || !sv_parse_u64(sv_n(text->p, end), 16, ret))
                return false;
        *text = sv_n(text->p + end + 1, text->n - end - 1);
        return true;
}

bool maps_parse_line(struct sv line, struct mapping *ret)
{
        struct mapping row = { 0 };
        uint64_t major;
        uint64_t minor;
        if (!take_hex(&line, '-', &row.start) || !take_hex(&line, ' ', &row.end) || row.end < row.start)
                return false;
        if (line.n < 5 || line.p[4] != ' ')
                return false;
        row.readable = line.p[0] == 'r';
        row.writable = line.p[1] == 'w';
        row.executable = line.p[2] == 'x';
        row.shared = line.p[3] == 's';
        line = sv_n(line.p + 5, line.n - 5);
        if (!take_hex(&line, ' ', &row.offset) || !take_hex(&line, ':', &major) || !take_hex(&line, ' ', &minor) ||
                major > UINT32_MAX || minor > UINT32_MAX)
                return false;
        row.major = (uint32_t)major;
        row.minor = (uint32_t)minor;
        size_t end = sv_find(line, ' '); /* the kernel writes a space behind the inode also without a path */
        if (!sv_parse_u64(sv_n(line.p, end), 10, &row.inode))
                return false;
        line = sv_n(line.p + end, line.n - end);
        while (line.n && line.p[0] == ' ')
                line = sv_n(line.p + 1, line.n - 1);
        row.path = line;
        if (line.n && line.p[0] == '/' && sv_ends(line, SV(" (deleted)"))) {
                row.deleted = true;
                row.path.n -= sizeof(" (deleted)") - 1;
        }
        *ret = row;
        return true;
}

int maps_parse(struct sv text, struct arena *arena, struct maps *ret, struct error *err)
{
        struct maps maps = { 0 };
        size_t lines = 0;
        struct sv line;
        for (struct sv rest = text; sv_line(&rest, &line);)
                lines++;
        size_t room = lines < MAPS_ROWS_MAX ? lines : MAPS_ROWS_MAX;
        maps.rows = arena_array(arena, room ? room : 1, sizeof(*maps.rows));
        if (!maps.rows)
                return fail(err, E_NO_MEMORY, "no memory for %zu mappings", room);
        for (struct sv rest = text; sv_line(&rest, &line);) {
                if (maps.count < room && maps_parse_line(line, &maps.rows[maps.count]))
                        maps.count++;
                else
                        maps.refused++;
        }
        *ret = maps;
        return 0;
}

int maps_read(const struct process *process, struct arena *arena, struct maps *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, MAPS_TEXT_MAX);
        if (process_read_file(process, "maps", &buf, err) < 0)
                return -1;
        char *text = arena_strndup(arena, buf_text(&buf), buf.len);
        if (!text)
                return fail(err, E_NO_MEMORY, "process %d: %zu bytes of maps do not fit", process->pid, buf.len);
        return maps_parse(sv_n(text, buf.len), arena, ret, err);
}
