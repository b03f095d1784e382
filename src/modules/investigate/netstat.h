/* netstat: what the files of the module share. */
#pragma once

#include "linux/interfaces.h"
#include "linux/netns.h"
#include "linux/socket_owner.h"
#include "linux/sockets.h"
#include "module/run.h"

enum { NETSTAT_QUERIES_MAX = 1000 };

enum netstat_group {
        NETSTAT_LOCAL_MAC,
        NETSTAT_LOCAL_IP,
        NETSTAT_NEIGHBOR_MAC,
        NETSTAT_NEIGHBOR_IP,
        NETSTAT_CONNECTED_IP,
        NETSTAT_LISTENING_PORT,
        NETSTAT_GROUPS,
};

extern const char *const netstat_group_names[NETSTAT_GROUPS];

struct netstat_params {
        union {
                struct string_list queries[NETSTAT_GROUPS];
                struct { /* in the order of enum netstat_group */
                        struct string_list local_mac, local_ip, neighbor_mac, neighbor_ip, connected_ip, listening_port;
                };
        };
        bool namespaces;
        bool all;
};

struct netstat_element {
        char *local_mac, *remote_mac;
        char *local_address, *remote_address;
        unsigned local_port, remote_port;
        char *namespace;
        char *protocol, *state, *interface;
        unsigned uid;
        bool has_uid;
        unsigned pid, processes;
        char *process, *exe, *container;
};

struct netstat_statistics {
        uint64_t examined;
        char *exectime;
        uint64_t total_hits;
        uint64_t namespaces;
        uint64_t malformed;
        uint64_t owners_denied;
};

struct regex;

/* One question; which member is used follows from its group. */
struct netstat_query {
        const char *text;
        struct regex *mac;
        struct cidr network;
        uint16_t port;
        bool hit;
};

struct netstat {
        struct run *run;
        const struct netstat_params *params;
        struct netstat_statistics *statistics;
        struct netstat_query *queries[NETSTAT_GROUPS];
        size_t counts[NETSTAT_GROUPS];
        int root;

        struct socket_owners owners;
        bool owners_known;
        const char *namespace; /* of the rows: "default" or "net:[INODE]" */
        const char *proc_net;  /* its tables: "proc/net" or "proc/PID/net" */
        int route;             /* netlink of that namespace, -1 for none */
        struct error *err;     /* of the dump under way */
};

/* Answers every question for one network namespace. diag and route are netlink sockets of it, -1 for none. */
int netstat_look(struct netstat *netstat, int diag, struct error *err);
