#include "lib/regex/regex.h"
#include "module/program.h"

extern const struct module *const metrics_modules[];

int main(int argc, char **argv)
{
        schema_regex_check = regex_validate;
        return program_main(metrics_modules, "metrics", argc, argv);
}
