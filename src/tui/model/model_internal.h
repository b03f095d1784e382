/* What the model's files share. */
#pragma once

#include "tui/model/model.h"
#include "tui/model/scan.h"

enum row_value {
        ROW_NUMBER,   /* double */
        ROW_DURATION, /* double, ns; a number or Go's text */
        ROW_TEXT,     /* char * */
        ROW_FLAG,     /* bool */
        ROW_TEXTS,    /* char *, the array's texts with blanks between */
};

struct row_field {
        const char *key;
        uint8_t length; /* of key */
        uint8_t value;  /* enum row_value */
        uint16_t offset;
};

struct row_kind {
        const char *name;
        const struct row_field *fields;
        size_t count;
        size_t size; /* of the row */
};

enum { ROW_FIELDS_MAX = 64 };

extern const struct row_kind row_host, row_container, row_process, row_network, row_disk, row_filesystem;

/* Reads a whole row over what it held: a figure that is not there is not known any more. -1 for what is no object. */
int row_read(const struct row_kind *kind, void *row, struct sv json);
void row_clear(const struct row_kind *kind, void *row);

/* Sets *text to a copy of value unless it is that already; n = 0 is NULL. */
void row_set_text(char **text, struct sv value);

int model_take_event(struct model *model, struct sv json);
void model_drop_events(struct model *model);
int model_take_alert(struct model *model, struct sv json);
/* "high reverse-shell: sh -i" of an event that watch found here. */
void model_add_watch_alert(struct model *model, const struct event *event, struct sv text);
int model_take_alerts(struct model *model, struct sv json);
int model_take_connections(struct model *model, struct sv json);
void model_drop_connections(struct model *model);
void model_drop_alerts(struct model *model);
