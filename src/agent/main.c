/* tarsier-agent: `tarsier serve`, `tarsier runs`, `tarsier saved` and `tarsier status`. argv[0] is the verb. */
#include "agent/verbs.h"
#include "base/path.h"
#include "module/foreign.h"

int main(int argc, char **argv)
{
        const char *verb = sv_of(argv[0]).p;
        struct sv base = path_base(sv_of(argv[0]));
        /* third parties' modules run behind this program as behind `tarsier` (module/foreign.h) */
        if (argc == 4 && strcmp(argv[1], "worker") == 0 && strcmp(argv[2], "--foreign") == 0)
                return foreign_worker_main(argv[3]);
        if (argc > 2 && strcmp(argv[1], "confine") == 0)
                return foreign_confine_main(argv + 2);
        if (sv_eq(base, SV("tarsier-agent")) && argc > 1) {
                verb = argv[1];
                argc--;
                argv++;
        }
        if (strcmp(verb, "serve") == 0)
                return cmd_serve(argc, argv);
        if (strcmp(verb, "runs") == 0)
                return cmd_runs(argc, argv);
        if (strcmp(verb, "saved") == 0)
                return cmd_saved(argc, argv);
        if (strcmp(verb, "status") == 0)
                return cmd_status(argc, argv);
        fputs("tarsier-agent is started by `tarsier serve`, `runs`, `saved` or `status`\n", stderr);
        return 2;
}
