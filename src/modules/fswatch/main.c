#include "module/program.h"

extern const struct module *const fswatch_modules[];

int main(int argc, char **argv)
{
        return program_main(fswatch_modules, "fswatch", argc, argv);
}
