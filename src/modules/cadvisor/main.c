#include "module/program.h"

extern const struct module *const cadvisor_modules[];

int main(int argc, char **argv)
{
        return program_main(cadvisor_modules, "cadvisor", argc, argv);
}
