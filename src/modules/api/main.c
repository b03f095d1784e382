#include "module/program.h"

extern const struct module *const api_modules[];

int main(int argc, char **argv)
{
        return program_main(api_modules, "api", argc, argv);
}
