/* What the objects of a document hold on this host. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "modules/investigate/scribe_document.h"

struct run;

enum {
        SCRIBE_DEPTH_MAX = 10,       /* directories below an object's path, the path included */
        SCRIBE_FILES_MAX = 100000,   /* of one object */
        SCRIBE_VALUES_MAX = 1000000, /* of one object */
        SCRIBE_LINE_MAX = 1 << 20,   /* longer lines are taken as several */
        SCRIBE_CHAIN_DEPTH_MAX = 16, /* of chains that import chains */
        SCRIBE_PACKAGES_MAX = 1 << 18,
};

/* Where a value was found, and the value. */
struct scribe_criterion {
        const char *identifier;
        const char *value;
};

struct scribe_criteria {
        VEC(struct scribe_criterion) list;
};

struct scribe_state {
        bool chain; /* filled only for the object that imports it */
        bool prepared;
        bool failed;
        struct error error;
        struct scribe_criteria criteria;
};

struct scribe_evaluation {
        struct run *run;
        const struct scribe_document *document;
        const char *root;                /* whose package databases count */
        struct scribe_state *objects;    /* one for each object of the document */
        struct scribe_criteria packages; /* name and version of every package */
        bool packages_read;
        struct error *err; /* of the callbacks */
        bool no_memory;
};

/* Fills every object; what fails stays with the object. -1: out of memory. */
int scribe_prepare_objects(struct scribe_evaluation *evaluation, struct error *err);
void scribe_release_objects(struct scribe_evaluation *evaluation);

/* The values that a test sees. The list is the caller's to vec_done. */
int scribe_criteria_of(
        struct scribe_evaluation *evaluation, size_t object, struct scribe_criteria *ret, struct error *err);
