/* All checks. The order is that in which they run; findings are sorted. */
#include "modules/report/checks/checks.h"

const struct report_check *const report_checks[] = {
        report_load_checks,
        report_storage_checks,
        report_kernel_checks,
        report_hardware_checks,
        report_process_checks,
        report_network_checks,
        report_account_checks,
        report_path_checks,
        report_ssh_checks,
        report_container_checks,
        report_update_checks,
        report_agent_checks,
        NULL,
};
