#include "module/program.h"

extern const struct module *const net_modules[];

int main(int argc, char **argv)
{
        return program_main(net_modules, "net", argc, argv);
}
