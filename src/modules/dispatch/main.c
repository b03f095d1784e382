#include "module/program.h"

extern const struct module *const dispatch_modules[];

int main(int argc, char **argv)
{
        return program_main(dispatch_modules, "dispatch", argc, argv);
}
