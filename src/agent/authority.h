/* Who asks, and what they may do: local users by peer credentials, others by tokens of which only the SHA-256 is known
 * here. */
#pragma once

#include "agent/agent.h"

struct authority;

struct caller {
        char identity[128]; /* "uid 1000 (ann)", "token deploy", "schedule nightly": for the run log */
        char client[64];    /* address as a front saw it, "" = none */
        enum role role;
        bool remote;                       /* over TCP, or by a token */
        const struct string_list *granted; /* local-only modules it may run all the same; valid until the next reload */
};

/* Without tokens in the configuration: STATE/admin.token is read, or made (0600) and announced. */
struct authority *authority_new(struct agent *agent, struct error *err);
void authority_free(struct authority *authority);

int authority_of_token(struct agent *agent, const char *token, struct caller *ret, struct error *err);
/* A connected socket: a unix one tells its peer; over TCP nobody is known without a token. accepted: path the socket
 * has to have been accepted on, or NULL: a peer that was connected to is not one that asks. */
int authority_of_connection(struct agent *agent, int fd, const char *accepted, struct caller *ret, struct error *err);

/* Who an identity of the past is today, by the configuration in effect: "token NAME", "uid 1000 (ann)". A token's
 * rights are those of its name: its secret may have been changed since. E_PERMISSION when there is nobody of this kind
 * any more.
 */
int authority_of_identity(struct agent *agent, const char *identity, struct caller *ret, struct error *err);

/* E_PERMISSION when the caller's role is too low. */
int authority_check(const struct caller *caller, enum role needed, struct error *err);
/* The same for a module, with its rule about local-only ones. */
int authority_check_module(const struct caller *caller, const struct module *module, struct error *err);
