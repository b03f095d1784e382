/* example: the smallest complete standard module; the template of the contract's documentation. It tells the host's
 * name, its addresses and the addresses behind names. */
#include "module/lines.h"
#include "module/run.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

struct example_params {
        bool get_hostname;
        bool get_addresses;
        struct string_list lookup_host;
};

struct example_element {
        char *hostname;
        struct string_list addresses;
        MAP(struct string_list) looked_up;
};

struct example_statistics {
        int64_t stuff_found;
};

/* A name of letters, digits, inner hyphens and dots (RFC 1123). */
static int check_fqdn(const char *text, struct error *err)
{
        size_t label = 0;
        for (const char *c = text;; c++) {
                bool alnum = (*c >= '0' && *c <= '9') || ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z');
                if (*c == '.' || *c == '\0') {
                        if (label == 0 || label > 63 || c[-1] == '-')
                                break;
                        if (*c == '\0')
                                return 0;
                        label = 0;
                } else if (alnum || (*c == '-' && label > 0)) {
                        label++;
                } else {
                        break;
                }
        }
        return fail(err, E_INVALID, "ValidateParameters: LookupHost parameter is not a valid FQDN.");
}

static const struct field example_params_fields[] = {
        FIELD_BOOL(struct example_params, get_hostname, .json = "gethostname", .help = "tell the name of this host"),
        FIELD_BOOL(struct example_params, get_addresses, .json = "getaddresses",
                .help = "tell the addresses of this host, without loopback"),
        FIELD_STRINGS(struct example_params, lookup_host, .json = "lookuphost", .help = "names to look up",
                .metavar = "NAME", .max_items = 100, .check = check_fqdn),
};

static const struct field example_element_fields[] = {
        FIELD_STRING(struct example_element, hostname, .help = "name of the host", .omit_empty = true),
        FIELD_STRINGS(struct example_element, addresses, .help = "addresses in CIDR form", .omit_empty = true),
        FIELD_STRING_LISTS(struct example_element, looked_up, .json = "lookeduphost",
                .help = "addresses behind each name", .omit_empty = true),
};

static const struct field example_statistics_fields[] = {
        FIELD_INT(struct example_statistics, stuff_found, .json = "stufffound", .help = "number of things found"),
};

enum { ADDRESSES_MAX = 4096, LOOKUP_MAX = 256 };

static unsigned prefix_of(const struct sockaddr *mask)
{
        unsigned prefix = 0;
        const uint8_t *bytes = mask->sa_family == AF_INET
                                       ? (const uint8_t *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr
                                       : (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr;
        for (size_t i = 0; i < (mask->sa_family == AF_INET ? 4U : 16U); i++)
                prefix += (unsigned)__builtin_popcount(bytes[i]);
        return prefix;
}

static int add_text(struct run *run, struct string_list *list, size_t max, const char *text, struct error *err)
{
        if (!list->items)
                list->items = arena_array(&run->arena, max, sizeof(char *));
        char *copy = arena_strdup(&run->arena, text);
        if (!list->items || !copy)
                return fail(err, E_NO_MEMORY, "no memory for the result");
        if (list->count < max)
                list->items[list->count++] = copy;
        return 0;
}

static bool address_text(const struct sockaddr *address, char *ret, socklen_t size)
{
        if (address && address->sa_family == AF_INET)
                return inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, ret, size);
        if (address && address->sa_family == AF_INET6)
                return inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, ret, size);
        return false;
}

static int find_addresses(struct run *run, struct example_element *element, int64_t *found, struct error *err)
{
        struct ifaddrs *all;
        if (getifaddrs(&all) < 0)
                return fail_errno(err, "the addresses of this host");
        int status = 0;
        for (struct ifaddrs *at = all; at && status == 0; at = at->ifa_next) {
                char host[INET6_ADDRSTRLEN];
                char text[INET6_ADDRSTRLEN + 8];
                if (!at->ifa_netmask || !address_text(at->ifa_addr, host, sizeof(host)))
                        continue;
                snprintf(text, sizeof(text), "%s/%u", host, prefix_of(at->ifa_netmask));
                if (strcmp(text, "127.0.0.1/8") == 0 || strcmp(text, "::1/128") == 0)
                        continue;
                status = add_text(run, &element->addresses, ADDRESSES_MAX, text, err);
                (*found)++;
        }
        freeifaddrs(all);
        return status;
}

static int look_up(struct run *run, const char *name, struct string_list *ret, struct error *err)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        struct addrinfo *all;
        int refused = getaddrinfo(name, NULL, &hints, &all);
        if (refused)
                return fail(err, E_NOT_FOUND, "lookup %s: %s", name, gai_strerror(refused));
        int status = 0;
        for (struct addrinfo *at = all; at && status == 0; at = at->ai_next) {
                char text[INET6_ADDRSTRLEN];
                if (address_text(at->ai_addr, text, sizeof(text)))
                        status = add_text(run, ret, LOOKUP_MAX, text, err);
        }
        freeaddrinfo(all);
        return status;
}

static int example_run(struct run *run, struct error *err)
{
        const struct example_params *params = run->params;
        struct example_element element = { 0 };
        struct example_statistics *statistics = run_statistics(run);
        char hostname[256];
        if (params->get_hostname) {
                if (gethostname(hostname, sizeof(hostname)) < 0)
                        return fail_errno(err, "the name of this host");
                element.hostname = hostname;
                statistics->stuff_found++;
        }
        if (params->get_addresses && find_addresses(run, &element, &statistics->stuff_found, err) < 0)
                return -1;
        size_t names = params->lookup_host.count;
        element.looked_up.keys = params->lookup_host.items;
        element.looked_up.items = arena_array(&run->arena, names, sizeof(struct string_list));
        if (!element.looked_up.items)
                return fail(err, E_NO_MEMORY, "no memory for the result");
        for (size_t i = 0; i < names && !run_checkpoint(run); i++) {
                if (look_up(run, params->lookup_host.items[i], &element.looked_up.items[i], err) < 0)
                        return -1;
                element.looked_up.count++;
        }
        if (run_emit(run, NULL, &element, err) < 0)
                return -1;
        run_set_found(run, statistics->stuff_found > 0);
        return 0;
}

static void example_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct example_element *element = row;
        (void)group;
        (void)label;
        if (element->hostname && *element->hostname)
                print_line(printer, "hostname is %s", element->hostname);
        list_foreach (address, &element->addresses)
                print_line(printer, "address is %s", *address);
        for (size_t i = 0; i < element->looked_up.count; i++)
                list_foreach (address, &element->looked_up.items[i])
                        print_line(printer, "lookedup host %s has IP %s", element->looked_up.keys[i], *address);
}

static void example_print_statistics(struct line_printer *printer, const void *statistics)
{
        const struct example_statistics *counted = statistics;
        print_line(printer, "stat: %lld stuff found", (long long)counted->stuff_found);
}

static const struct module_example example_examples[] = {
        { "example --gethostname --getaddresses", "the name and the addresses of this host" },
        { "example --lookuphost localhost", "the addresses behind a name" },
        { 0 },
};

const struct module example_module = {
        .name = "example",
        .summary = "tell the host's name and addresses, and look names up: a template for modules",
        .params = RECORD(struct example_params, example_params_fields),
        .element = RECORD(struct example_element, example_element_fields),
        .shape = SHAPE_OBJECT,
        .statistics = RECORD(struct example_statistics, example_statistics_fields),
        .sandbox = { .network = true, .netlink = true, .unix_sockets = true, .read_all = true },
        .limits = { .wall_ns = MINUTE, .memory = 64 * MIB, .result = 4 * MIB },
        .role = ROLE_VIEWER,
        .examples = example_examples,
        .run = example_run,
        .print_row = example_print_row,
        .print_statistics = example_print_statistics,
};
