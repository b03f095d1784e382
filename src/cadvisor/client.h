/* Inside libtarsier-cadvisor: one client, one transfer at a time. */
#pragma once

#include "tarsier/cadvisor.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct tarsier_cadvisor {
        char *url;
        int64_t timeout_ns;
        CURLM *multi;
        CURL *easy;
        char *answer;
        size_t answer_size, answer_capacity;
        int status;
        bool enough; /* the caller ended the stream */
        bool refused;
        /* of a stream: each line; non-zero ends */
        int (*line)(struct tarsier_cadvisor *client, const char *line, void *cookie);
        void *line_cookie;
        char error[1024];
};

/* Keeps the text of a failure; -1. */
int client_fail(struct tarsier_cadvisor *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* 0: status 200, the answer is in client->answer, or has gone to client->line. */
int client_transfer(struct tarsier_cadvisor *client, const char *path, const char *body, int stop_fd);

/* RFC 3339 with nanoseconds and a zone, as Go writes it; 0 for anything else and for Go's zero time. */
int64_t client_time(const char *text);
