#include "module/program.h"

extern const struct module *const report_modules[];

int main(int argc, char **argv)
{
        return program_main(report_modules, "report", argc, argv);
}
