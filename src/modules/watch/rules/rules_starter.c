/* The starter rules, compiled in so that they work without files. */
#include "modules/watch/rules/rules.h"
#include "modules/watch/rules_starter_text.h" /* made of packaging/rules/starter.yaml by the build */

const struct sv rules_starter = { (const char *)starter_text, sizeof(starter_text) };
