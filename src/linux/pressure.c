#include "linux/pressure.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "linux/decimal.h"

/* "avg10=0.00" */
static bool parse_average(struct sv word, struct sv prefix, double *ret)
{
        int64_t billionths;
        if (!sv_starts(word, prefix) || !decimal_parse(sv_n(word.p + prefix.n, word.n - prefix.n), &billionths))
                return false;
        *ret = (double)billionths / 1e9;
        return true;
}

static bool parse_line(struct sv rest, struct pressure_line *ret)
{
        struct pressure_line line;
        struct sv words[4];
        uint64_t micros;
        for (size_t i = 0; i < 4; i++)
                if (!sv_word(&rest, &words[i]))
                        return false;
        if (!parse_average(words[0], SV("avg10="), &line.avg10) ||
                !parse_average(words[1], SV("avg60="), &line.avg60) ||
                !parse_average(words[2], SV("avg300="), &line.avg300) || !sv_starts(words[3], SV("total=")) ||
                !sv_parse_u64(sv_n(words[3].p + 6, words[3].n - 6), 10, &micros) || micros > INT64_MAX / MICROSECOND)
                return false;
        line.total_ns = (int64_t)micros * MICROSECOND;
        *ret = line;
        return true;
}

int pressure_parse(struct sv text, struct pressure *ret, struct error *err)
{
        struct pressure pressure = { 0 };
        struct sv line;
        while (sv_line(&text, &line)) {
                struct sv kind;
                struct sv rest = line;
                if (!sv_word(&rest, &kind))
                        continue;
                bool some = sv_eq(kind, SV("some"));
                if (!some && !sv_eq(kind, SV("full")))
                        continue;
                if (!parse_line(rest, some ? &pressure.some : &pressure.full))
                        return fail(err, E_CORRUPT, "pressure: \"%.*s\"", SV_ARG(line));
                *(some ? &pressure.has_some : &pressure.has_full) = true;
        }
        if (!pressure.has_some && !pressure.has_full)
                return fail(err, E_CORRUPT, "pressure: no line of it");
        *ret = pressure;
        return 0;
}

int pressure_read(int dirfd, const char *path, struct pressure *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        struct error one;
        buf_init(&buf, 4096);
        if (file_read(dirfd, path, &buf, &one) < 0) {
                if (one.errnum == EOPNOTSUPP) /* psi=0 on the kernel's command line */
                        return error_set(err, E_UNSUPPORTED, one.errnum, __FILE__, __LINE__, "%s", path);
                if (err)
                        *err = one;
                return -1;
        }
        return pressure_parse(sv_n(buf_text(&buf), buf.len), ret, err);
}
