/* The module's end of HTTP through `api`: frames in, struct request out. What service.c needs of it. */
#pragma once

#include "module/service.h"

struct request_server;

struct request_server *request_server_new(struct service *service, int fd, struct error *err);
void request_server_free(struct request_server *server);
