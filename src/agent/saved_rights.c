#include "agent/saved_rights.h"

#include "agent/authority.h"

int saved_check_rights(struct agent *agent, const struct saved *saved, struct error *err)
{
        struct caller caller;
        struct error ignored;
        if (authority_of_identity(agent, saved->saved_by ? saved->saved_by : "", &caller, err) < 0 ||
                authority_check(&caller, ROLE_INVESTIGATOR, err) < 0)
                return -1;
        /* of a module that is not there any more nobody has to have rights: the run fails by itself */
        const struct catalog_entry *entry = catalog_find(agent->catalog, saved->run.module, &ignored);
        return entry ? authority_check_module(&caller, entry->module, err) : 0;
}
