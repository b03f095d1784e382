/* serve, runs, status: the agent is a program of its own, so that a question asked by hand does not carry it. */
#include "cli/cli.h"

#include <errno.h>

int cmd_agent_verb(int argc, char **argv)
{
        char path[4096];
        (void)argc;
        snprintf(path, sizeof(path), "%s/tarsier-agent", catalog_libexec(cli_catalog()));
        execv(path, argv);
        fprintf(stderr, "tarsier: %s: %s\n", path, errno_text(errno));
        return 1;
}
