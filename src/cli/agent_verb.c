/* serve, runs, saved, status: the agent is a program of its own, so that a question asked by hand does not carry it. So
 * is the full-screen view, which alone needs ncursesw. */
#include "cli/cli.h"

#include <errno.h>

int cmd_agent_verb(int argc, char **argv)
{
        char path[4096];
        (void)argc;
        const char *program = strcmp(argv[0], "top") == 0 ? "tarsier-top" : "tarsier-agent";
        snprintf(path, sizeof(path), "%s/%s", catalog_libexec(cli_catalog()), program);
        execv(path, argv);
        fprintf(stderr, "tarsier: %s: %s\n", path, errno_text(errno));
        return 1;
}
