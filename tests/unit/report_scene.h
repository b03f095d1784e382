/* A scene is a tree that stands in for a host, and what one check of report says about it. */
#pragma once

#include "linux_fixture.h"

#include "base/cleanup.h"
#include "modules/report/checks/checks.h"

enum { SCENE_FILES_MAX = 10, ABSENT = -1, BLIND = -2 };

struct scene_file {
        const char *path, *text; /* text NULL: a directory; "-> TARGET": a link; "| ": a FIFO */
        mode_t mode;             /* 0: 0644, a directory 0755 */
};

struct scene {
        const char *check;
        const char *what;
        struct scene_file files[SCENE_FILES_MAX]; /* ended by one without a path */
        struct scene_file later[4];               /* written between the two samples */
        int expected;                             /* a severity, ABSENT or BLIND */
        const char *says;                         /* in the sentence or the evidence; NULL: anything */
};

static const struct report_check *scene_check(const char *name)
{
        for (size_t i = 0; report_checks[i]; i++)
                for (const struct report_check *check = report_checks[i]; check->name; check++)
                        if (strcmp(check->name, name) == 0)
                                return check;
        fail_msg("there is no check %s", name);
        return NULL;
}

static void scene_write(const struct fixture *tree, const struct scene_file *files)
{
        for (; files->path; files++) {
                char full[512];
                fixture_parent(tree, files->path, full, sizeof(full));
                if (!files->text)
                        assert_int_equal(mkdir(full, 0755), 0);
                else if (strncmp(files->text, "-> ", 3) == 0)
                        assert_int_equal(symlink(files->text + 3, full), 0);
                else if (strcmp(files->text, "| ") == 0)
                        assert_int_equal(mkfifo(full, 0644), 0);
                else
                        fixture_text(tree, files->path, files->text);
                if (files->mode)
                        assert_int_equal(chmod(full, files->mode), 0);
        }
}

static bool scene_has(const struct finding *finding, const char *text)
{
        bool found = !text || strstr(finding->text, text) || (finding->blind && strstr(finding->blind, text));
        for (size_t i = 0; i < finding->evidence_count && !found; i++)
                found = strstr(finding->evidence[i], text) != NULL;
        return found;
}

static int scene_verdict(const struct finding *finding)
{
        if (finding->said || finding->severity > REPORT_OK)
                return (int)finding->severity;
        return finding->blind_count ? BLIND : finding->absent ? ABSENT : REPORT_OK;
}

/* Answers of an agent: files "agent/NAME", with the status before the text. Without any there is no agent. */
static inline const struct report_answer *scene_agent(const struct fixture *tree, struct arena *arena)
{
        static const char *const names[ASKED] = { "status", "log", "alerts", "open", "alerts-status", "watch",
                "metrics" };
        struct report_answer *answers = arena_array(arena, ASKED, sizeof(*answers));
        bool there = false;
        assert_non_null(answers);
        for (size_t i = 0; i < ASKED; i++) {
                char path[64], text[4096];
                snprintf(path, sizeof(path), "agent/%s", names[i]);
                cleanup(fd_close) int fd = openat(tree->root, path, O_RDONLY | O_CLOEXEC);
                ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
                there |= fd >= 0;
                answers[i] = (struct report_answer){ .status = 404, .body = "" };
                if (n < 3)
                        continue;
                text[n] = '\0';
                answers[i].status = (int)strtol(text, NULL, 10);
                answers[i].body = arena_strdup(arena, text + 3);
                answers[i].size = strlen(answers[i].body);
        }
        return there ? answers : NULL;
}

static inline void scene_play(const struct scene *scene)
{
        struct fixture tree;
        cleanup(arena_done) struct arena arena;
        struct look look;
        struct finding finding;
        arena_init(&arena, REPORT_MEMORY);
        fixture_make(&tree);
        scene_write(&tree, scene->files);
        look_open(&look, tree.root, &arena);
        look_sample(&look, &look.before);
        look_processes(&look);
        look.agent = scene_agent(&tree, &arena);
        scene_write(&tree, scene->later);
        look_sample(&look, &look.after);
        look.after.at_ns = look.before.at_ns + SECOND;
        report_run_check(scene_check(scene->check), &look, &finding);
        int verdict = scene_verdict(&finding);
        if (verdict != scene->expected || !scene_has(&finding, scene->says))
                print_error("%s, %s: %d instead of %d: %s; %s; %s\n", scene->check, scene->what, verdict,
                        scene->expected, finding.text, finding.evidence_count ? finding.evidence[0] : "no evidence",
                        finding.blind ? finding.blind : "all seen");
        assert_int_equal(verdict, scene->expected);
        assert_true(scene_has(&finding, scene->says));
        assert_true(finding.text != NULL && *finding.text);
        look_done(&look);
        fixture_remove(&tree);
}

#define SCENES(list) scene_play_all(list, sizeof(list) / sizeof(*(list)))

static inline void scene_play_all(const struct scene *scenes, size_t count)
{
        for (size_t i = 0; i < count; i++)
                scene_play(&scenes[i]);
}
