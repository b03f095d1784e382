/* Area programs' modules, whole and in brief. */
#include "module/catalog.h"

#include "schema/json_writer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char DESCRIPTION[] =
        "{\"name\":\"probe\",\"summary\":\"a probe\",\"area\":\"net\",\"role\":\"investigator\",\"shape\":\"list\","
        "\"description\":\"Much "
        "text.\",\"parameters\":{\"fields\":[{\"name\":\"target\",\"type\":\"string\",\"help\":\"where to\"}]},"
        "\"element\":{\"fields\":[{\"name\":\"secret_place\",\"type\":\"path\",\"private\":true}]},"
        "\"statistics\":{\"fields\":[{\"name\":\"seen\",\"type\":\"uint\"}]},"
        "\"examples\":[{\"command\":\"tarsier probe x\",\"what\":\"is it there\"}]}";

struct place {
        char libexec[64], modules[80], file[96];
};

static int setup(void **state)
{
        static struct place place;
        snprintf(place.libexec, sizeof(place.libexec), "/tmp/tarsier-catalog-XXXXXX");
        assert_non_null(mkdtemp(place.libexec));
        snprintf(place.modules, sizeof(place.modules), "%s/modules", place.libexec);
        snprintf(place.file, sizeof(place.file), "%s/probe.json", place.modules);
        assert_int_equal(mkdir(place.modules, 0755), 0);
        int fd = open(place.file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_int_equal(write(fd, DESCRIPTION, sizeof(DESCRIPTION) - 1), sizeof(DESCRIPTION) - 1);
        close(fd);
        *state = &place;
        return 0;
}

static int teardown(void **state)
{
        struct place *place = *state;
        unlink(place->file);
        rmdir(place->modules);
        return rmdir(place->libexec);
}

static const struct catalog_entry *find(const struct place *place, bool brief, struct catalog **ret)
{
        struct error err;
        *ret = catalog_new(NULL, NULL, place->libexec, NULL, &err);
        assert_non_null(*ret);
        if (brief)
                catalog_keep_brief(*ret);
        const struct catalog_entry *entry = catalog_find(*ret, "probe", &err);
        assert_non_null(entry);
        return entry;
}

static void describe(struct catalog *catalog, const struct catalog_entry *entry, struct buf *out)
{
        struct json_writer writer;
        struct error err;
        buf_init(out, 1 << 20);
        json_writer_init(&writer, out, 0);
        assert_int_equal(catalog_describe(catalog, entry, &writer, &err), 0);
}

static void brief_starts_runs_and_tells_all(void **state)
{
        static const char *const texts[] = { "Much text.", "target", "where to", "secret_place", "seen",
                "is it there" };
        struct catalog *whole, *brief;
        struct buf from_whole, from_brief;
        const struct catalog_entry *all = find(*state, false, &whole);
        const struct catalog_entry *some = find(*state, true, &brief);
        assert_int_equal(all->module->element->count, 1);
        assert_non_null(all->module->description);
        assert_null(some->module->element);
        assert_null(some->module->statistics);
        assert_null(some->module->description);
        assert_null(some->module->examples);
        assert_int_equal(some->module->params->count, 1);
        assert_null(some->module->params->fields[0].help);
        assert_int_equal(some->module->role, ROLE_INVESTIGATOR);
        assert_string_equal(some->area, "net");
        describe(whole, all, &from_whole);
        describe(brief, some, &from_brief);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                assert_non_null(strstr(buf_text(&from_whole), texts[i]));
                assert_non_null(strstr(buf_text(&from_brief), texts[i]));
        }
        buf_done(&from_whole);
        buf_done(&from_brief);
        catalog_free(whole);
        catalog_free(brief);
}

static void a_description_that_went_away_is_said(void **state)
{
        const struct place *place = *state;
        struct catalog *brief;
        struct json_writer writer;
        struct buf out;
        struct error err;
        const struct catalog_entry *entry = find(place, true, &brief);
        assert_int_equal(unlink(place->file), 0);
        buf_init(&out, 1 << 20);
        json_writer_init(&writer, &out, 0);
        assert_int_equal(catalog_describe(brief, entry, &writer, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_non_null(strstr(err.message, place->file));
        assert_int_equal(out.len, 0);
        assert_ptr_equal(catalog_find(brief, "probe", &err), entry); /* it still runs */
        buf_done(&out);
        catalog_free(brief);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(brief_starts_runs_and_tells_all, setup, teardown),
                cmocka_unit_test_setup_teardown(a_description_that_went_away_is_said, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
