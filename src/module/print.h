/* What a module's print functions write to. */
#pragma once

#include "base/buf.h"

struct printer {
        struct buf *out;
        bool results_only;
};

/* One line; the newline is added and control bytes of hostile names are shown escaped. */
void print_line(struct printer *printer, const char *format, ...) __attribute__((format(printf, 2, 3)));
