/* Interfaces, and below them the processes with the most traffic; connections once asked for. */
#include "tui/source/source.h"
#include "tui/views/columns.h"
#include "tui/views/views.h"

enum network_page { PAGE_INTERFACES, PAGE_PROCESSES, PAGE_CONNECTIONS };

struct network_state {
        struct top *top;
        struct grid *interfaces, *processes, *connections;
        enum network_page page; /* whose keys are taken; connections have a page of their own */
        uint64_t asked;         /* answers to the question for connections that were there when it was put */
        bool asking;
        struct spot spots[2]; /* interfaces or connections, processes */
};

#define C(name) static void name(const void *row, void *cookie, struct grid_cell *ret)

C(name_cell)
{
        const struct network_row *network = row;
        (void)cookie;
        put_text(ret->text, network->name);
        ret->role = network->state && strcmp(network->state, "down") == 0 ? ROLE_DIM : ROLE_STRONG;
}

C(state_cell)
{
        const struct network_row *network = row;
        (void)cookie;
        cell_text(ret, network->state);
        if (network->state && strcmp(network->state, "up") == 0)
                ret->role = ROLE_SUCCESS;
        else if (network->state && strcmp(network->state, "down") == 0)
                ret->role = ROLE_DIM;
}

C(receive_cell)
{
        (void)cookie;
        cell_rate(ret, ((const struct network_row *)row)->receive);
}

C(receive_past_cell)
{
        (void)cookie;
        ret->graph = &((const struct network_row *)row)->receive_past;
        ret->graph_max = history_ceiling(ret->graph, RATE_LEAST);
        ret->role = ROLE_SERIES_3;
}

C(send_cell)
{
        (void)cookie;
        cell_rate(ret, ((const struct network_row *)row)->send);
}

C(send_past_cell)
{
        (void)cookie;
        ret->graph = &((const struct network_row *)row)->send_past;
        ret->graph_max = history_ceiling(ret->graph, RATE_LEAST);
        ret->role = ROLE_SERIES_3;
}

C(packets_cell)
{
        const struct network_row *network = row;
        (void)cookie;
        cell_count(ret, network->receive_packets + network->send_packets);
}

static double troubles(const struct network_row *network)
{
        const double all[] = { network->receive_errors, network->send_errors, network->receive_drops,
                network->send_drops };
        double sum = 0;
        for (size_t i = 0; i < 4; i++)
                sum += isnan(all[i]) ? 0 : all[i];
        return sum;
}

C(troubles_cell)
{
        double sum = troubles(row);
        (void)cookie;
        buf_printf(ret->text, sum > 0 && sum < 10 ? "%.1f" : "%.0f", sum);
        ret->role = sum > 0 ? ROLE_WARNING : ROLE_DIM;
}

C(speed_cell)
{
        const struct network_row *network = row;
        (void)cookie;
        if (!(network->speed > 0)) {
                cell_text(ret, NULL);
                return;
        }
        ret->role = ROLE_DIM;
        if (network->speed >= 1e9)
                buf_printf(ret->text, "%.3g Gb/s", network->speed / 1e9);
        else
                buf_printf(ret->text, "%.3g Mb/s", network->speed / 1e6);
}

C(addresses_cell)
{
        (void)cookie;
        cell_text(ret, ((const struct network_row *)row)->addresses);
}

COMPARE_TEXT(by_name, network_row, name);
COMPARE_TEXT(by_state, network_row, state);
COMPARE_NUMBER(by_receive, network_row, receive);
COMPARE_NUMBER(by_send, network_row, send);
COMPARE_NUMBER(by_packets, network_row, receive_packets);
COMPARE_NUMBER(by_speed, network_row, speed);

static int by_troubles(const void *a, const void *b, void *cookie)
{
        (void)cookie;
        return compare_numbers(troubles(a), troubles(b));
}

static const struct grid_column interface_columns[] = {
        { "name", "INTERFACE", "its name", .width = 15, .cell = name_cell, .compare = by_name },
        { "state", "STATE", "up, down", .width = 7, .priority = 4, .cell = state_cell, .compare = by_state },
        { "receive", "IN", "received", .width = 8, .right = true, .descending = true, .no_match = true,
                .cell = receive_cell, .compare = by_receive },
        { "receive-past", "", "received lately", .width = 14, .no_match = true, .priority = 2,
                .cell = receive_past_cell },
        { "send", "OUT", "sent", .width = 8, .right = true, .descending = true, .no_match = true, .cell = send_cell,
                .compare = by_send },
        { "send-past", "", "sent lately", .width = 14, .no_match = true, .priority = 2, .cell = send_past_cell },
        { "packets", "PKT/s", "packets a second, both ways", .width = 6, .right = true, .descending = true,
                .no_match = true, .priority = 3, .cell = packets_cell, .compare = by_packets },
        { "errors", "ERR/s", "errors and drops a second", .width = 6, .right = true, .descending = true,
                .no_match = true, .priority = 1, .cell = troubles_cell, .compare = by_troubles },
        { "speed", "SPEED", "of the link", .width = 9, .right = true, .descending = true, .no_match = true,
                .priority = 5, .cell = speed_cell, .compare = by_speed },
        { "addresses", "ADDRESSES", "its addresses", .least = 18, .priority = 4, .cell = addresses_cell },
};

/* ---- connections ---- */

C(protocol_cell)
{
        (void)cookie;
        cell_text(ret, ((const struct connection *)row)->protocol);
        ret->role = ROLE_DIM;
}

C(tcp_state_cell)
{
        const struct connection *connection = row;
        (void)cookie;
        cell_text(ret, connection->state);
        if (connection->state && strcmp(connection->state, "ESTABLISHED") == 0)
                ret->role = ROLE_SUCCESS;
        else if (connection->state && strcmp(connection->state, "LISTEN") == 0)
                ret->role = ROLE_INFO;
}

static void put_end(struct buf *out, const char *address, double port)
{
        bool six = address && strchr(address, ':');
        if (!address)
                return;
        buf_printf(out, six ? "[%s]" : "%s", address);
        if (port > 0)
                buf_printf(out, ":%.0f", port);
}

C(local_cell)
{
        const struct connection *connection = row;
        (void)cookie;
        put_end(ret->text, connection->local, connection->local_port);
}

C(remote_cell)
{
        const struct connection *connection = row;
        (void)cookie;
        put_end(ret->text, connection->remote, connection->remote_port);
}

C(owner_cell)
{
        const struct connection *connection = row;
        (void)cookie;
        if (connection->process)
                buf_printf(ret->text, "%.0f %s", connection->pid, connection->process);
        else
                cell_text(ret, NULL);
}

C(namespace_cell)
{
        (void)cookie;
        cell_text(ret, ((const struct connection *)row)->namespace);
        ret->role = ROLE_DIM;
}

COMPARE_TEXT(by_protocol, connection, protocol);
COMPARE_TEXT(by_tcp_state, connection, state);
COMPARE_TEXT(by_local, connection, local);
COMPARE_TEXT(by_remote, connection, remote);
COMPARE_TEXT(by_owner, connection, process);
COMPARE_TEXT(by_namespace, connection, namespace);

static const struct grid_column connection_columns[] = {
        { "protocol", "PROTO", "protocol", .width = 5, .priority = 3, .cell = protocol_cell, .compare = by_protocol },
        { "state", "STATE", "state of TCP", .width = 11, .cell = tcp_state_cell, .compare = by_tcp_state },
        { "local", "LOCAL", "this end", .width = 22, .priority = 1, .cell = local_cell, .compare = by_local },
        { "remote", "REMOTE", "the other end", .least = 16, .cell = remote_cell, .compare = by_remote },
        { "owner", "PROCESS", "who has it open", .width = 22, .priority = 2, .cell = owner_cell, .compare = by_owner },
        { "namespace", "NAMESPACE", "network namespace", .width = 12, .priority = 4, .cell = namespace_cell,
                .compare = by_namespace },
};

/* ---- the view ---- */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int init(void *cookie, struct top *top, struct error *err)
{
        struct network_state *state = cookie;
        struct model *model = top_model(top);
        state->top = top;
        state->interfaces = grid_new(interface_columns, COUNT(interface_columns), "receive", model, err);
        state->processes = grid_new(traffic_columns, traffic_column_count, "network", model, err);
        state->connections = grid_new(connection_columns, COUNT(connection_columns), "state", model, err);
        return state->interfaces && state->processes && state->connections ? 0 : -1;
}

static void done(void *cookie)
{
        struct network_state *state = cookie;
        grid_free(state->interfaces);
        grid_free(state->processes);
        grid_free(state->connections);
}

static void refresh(void *cookie, struct top *top)
{
        struct network_state *state = cookie;
        const struct model *model = top_model(top);
        say_answer(top);
        if (state->asking && (model->connections_asked != state->asked || (model->answer.number && !model->answer.ok)))
                state->asking = false;
        if (state->page == PAGE_CONNECTIONS) {
                grid_begin(state->connections);
                vec_foreach (connection, &model->connections)
                        grid_add(state->connections, connection->number, 0, connection);
                grid_end(state->connections);
                return;
        }
        grid_begin(state->interfaces);
        map_foreach (entry, &model->networks.rows) {
                const struct network_row *network = entry->value;
                grid_add(state->interfaces, network->row.id, 0, network);
        }
        grid_end(state->interfaces);
        grid_begin(state->processes);
        map_foreach (entry, &model->processes.rows) {
                const struct process_row *process = entry->value;
                if (process->receive > 0 || process->send > 0)
                        grid_add(state->processes, process->row.id, 0, process);
        }
        grid_end(state->processes);
}

static void draw_connections(struct network_state *state, const struct model *model, struct area area)
{
        char note[96];
        snprintf(note, sizeof(note), "%zu, as they were; c asks again", grid_shown(state->connections));
        if (state->asking)
                snprintf(note, sizeof(note), "asking …");
        struct area inner = part_title(area, "Connections", note, true);
        spot_draw(&state->spots[0], state->connections, inner,
                state->asking              ? "asking the module netstat"
                : model->connections_asked ? "no connections"
                                           : "c asks for them");
}

static void draw(void *cookie, struct top *top, struct area area)
{
        struct network_state *state = cookie;
        const struct model *model = top_model(top);
        memset(state->spots, 0, sizeof(state->spots));
        if (draw_waiting(top, area))
                return;
        if (state->page == PAGE_CONNECTIONS) {
                draw_connections(state, model, area);
                return;
        }
        int above = (int)grid_shown(state->interfaces) + 1;
        if (above > area.rows * 2 / 3)
                above = area.rows * 2 / 3;
        if (above < 2)
                above = 2;
        grid_set_keys(state->interfaces, state->page != PAGE_PROCESSES);
        grid_set_keys(state->processes, state->page == PAGE_PROCESSES);
        spot_draw(&state->spots[0], state->interfaces, area_part(area, 0, 0, above, area.columns),
                "no interfaces are known");
        struct area inner = part_title(area_part(area, above + 1, 0, area.rows - above - 1, area.columns),
                "Processes by traffic", "o: the other list, c: connections", state->page == PAGE_PROCESSES);
        spot_draw(&state->spots[1], state->processes, inner, "none sends or receives over TCP");
}

static struct grid *grid_of(void *cookie)
{
        struct network_state *state = cookie;
        return state->page == PAGE_CONNECTIONS ? state->connections
               : state->page == PAGE_PROCESSES ? state->processes
                                               : state->interfaces;
}

static void ask(struct network_state *state)
{
        struct sources *sources = top_sources(state->top);
        state->page = PAGE_CONNECTIONS;
        if (!sources) {
                top_say(state->top, ROLE_WARNING, "a replay cannot be asked for connections");
                return;
        }
        state->asked = top_model(state->top)->connections_asked;
        state->asking = true;
        sources_ask_connections(sources);
}

static bool command(void *cookie, struct top *top, const char *name, const char *argument, struct commands *commands)
{
        struct network_state *state = cookie;
        char target[64];
        double pid = NAN;
        (void)argument;
        (void)commands;
        if (strcmp(name, "other") == 0) {
                if (state->page != PAGE_CONNECTIONS)
                        state->page = state->page == PAGE_INTERFACES ? PAGE_PROCESSES : PAGE_INTERFACES;
                return true;
        }
        if (strcmp(name, "connections") == 0) {
                ask(state);
                return true;
        }
        if (strcmp(name, "back") == 0) {
                bool was = state->page == PAGE_CONNECTIONS;
                if (was)
                        state->page = PAGE_INTERFACES;
                return was;
        }
        if (strcmp(name, "open") != 0)
                return false;
        if (state->page == PAGE_CONNECTIONS && grid_selected(state->connections))
                pid = ((const struct connection *)grid_selected(state->connections))->pid;
        else if (state->page == PAGE_PROCESSES && grid_selected(state->processes))
                pid = ((const struct process_row *)grid_selected(state->processes))->pid;
        snprintf(target, sizeof(target), "pid=%.0f", pid);
        if (pid > 0)
                top_go(top, "processes", target);
        else if (state->page == PAGE_INTERFACES)
                ask(state);
        return true;
}

static void mouse(void *cookie, struct top *top, const struct mouse *mouse, struct area area)
{
        struct network_state *state = cookie;
        (void)area;
        for (size_t i = 0; i < 2; i++) {
                int hit = spot_mouse(&state->spots[i], mouse);
                if (hit && state->page != PAGE_CONNECTIONS)
                        state->page = i ? PAGE_PROCESSES : PAGE_INTERFACES;
                if (hit == 2)
                        command(cookie, top, "open", "", NULL);
        }
}

static void trail(void *cookie, struct buf *out)
{
        const struct network_state *state = cookie;
        if (state->page == PAGE_CONNECTIONS)
                buf_puts(out, "connections");
}

const struct view view_network = {
        .name = "network",
        .title = "Network",
        .summary = "interfaces, processes by traffic, connections",
        .state_size = sizeof(struct network_state),
        .init = init,
        .done = done,
        .refresh = refresh,
        .draw = draw,
        .grid = grid_of,
        .command = command,
        .trail = trail,
        .mouse = mouse,
};
