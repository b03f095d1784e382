/* The members of an object: split without building it, they are those that jansson finds. */
#include "modules/api/members.h"

#include "schema/json.h"

#include <assert.h>

static void compare(struct sv text, json_t *whole)
{
        struct sv apart = { 0 };
        struct error err;
        json_t *rest = members_split(text, "parameters", &apart, &err);
        if (!rest) /* all but one member together are too long */
                return;
        json_t *taken = apart.p ? json_parse(apart, true, NULL) : NULL;
        json_t *expected = json_copy(whole);
        json_object_del(expected, "parameters");
        assert(json_equal(rest, expected));
        assert(!apart.p == !json_object_get(whole, "parameters"));
        assert(!apart.p || json_equal(taken, json_object_get(whole, "parameters")));
        json_decref(expected);
        json_decref(taken);
        json_decref(rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct sv text = sv_n((const char *)bytes, size);
        struct sv apart;
        struct error err;
        json_t *whole = json_parse(text, true, NULL);
        /* with a number beyond 64 bits the house reads every integer of that text as a double: the parts then differ in
         * type */
        json_t *exact = json_loadb(text.p ? text.p : "", text.n, JSON_DECODE_ANY, NULL);
        if (json_is_object(whole) && exact)
                compare(text, whole);
        else
                json_decref(members_split(
                        text, "parameters", &apart, &err)); /* must not crash; duplicates may pass inside */
        json_decref(exact);
        json_decref(whole);
        return 0;
}
