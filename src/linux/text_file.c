#include "linux/text_file.h"

#include "base/cleanup.h"
#include "base/path.h"

const char *text_file_line(int dirfd, const char *path, struct arena *arena)
{
        cleanup(buf_done) struct buf buf;
        struct sv line;
        buf_init(&buf, TEXT_FILE_MAX);
        if (file_read(dirfd, path, &buf, NULL) < 0)
                return NULL;
        struct sv rest = sv_trim(sv_n(buf_text(&buf), buf.len));
        rest.n = strnlen(rest.p, rest.n);
        if (!sv_line(&rest, &line) || (line = sv_trim(line)).n == 0)
                return NULL;
        return arena_strndup(arena, line.p, line.n);
}
