#include "lib/regex/regex.h"
#include "module/program.h"

extern const struct module *const yara_modules[];

int main(int argc, char **argv)
{
        schema_regex_check = regex_validate;
        return program_main(yara_modules, "yara", argc, argv);
}
