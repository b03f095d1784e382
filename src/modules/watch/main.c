#include "lib/regex/regex.h"
#include "module/program.h"

extern const struct module *const watch_modules[];

int main(int argc, char **argv)
{
        schema_regex_check = regex_validate;
        return program_main(watch_modules, "watch", argc, argv);
}
