#include "module/program.h"

extern const struct module *const alerts_modules[];

int main(int argc, char **argv)
{
        return program_main(alerts_modules, "alerts", argc, argv);
}
