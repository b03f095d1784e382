/* The sockets that netstat found, once asked for. */
#include "tui/model/model_internal.h"

static void connection_clear(struct connection *connection)
{
        char *texts[] = { connection->protocol, connection->state, connection->local, connection->remote,
                connection->namespace, connection->process };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                free(texts[i]);
}

void model_drop_connections(struct model *model)
{
        vec_foreach (connection, &model->connections)
                connection_clear(connection);
        vec_done(&model->connections);
}

static void set(char **text, struct sv json, const char *key)
{
        char bytes[256];
        row_set_text(text, sv_n(bytes, scan_text(scan_find(json, key), bytes, sizeof(bytes))));
}

static double number_of(struct sv json, const char *key)
{
        double number;
        return scan_number(scan_find(json, key), &number) ? number : NAN;
}

int model_take_connections(struct model *model, struct sv json)
{
        struct scan scan = scan_of(json);
        if (!scan_array(&scan))
                return -1;
        model_drop_connections(model);
        model->connections_refused = 0;
        model->connections_asked++;
        while (scan_item(&scan)) {
                struct sv row = scan_value(&scan);
                if (scan.failed)
                        break;
                struct connection *connection = vec_add(&model->connections, MODEL_CONNECTIONS_MAX);
                if (!connection) {
                        model->connections_refused++;
                        continue;
                }
                connection->number = model->connections.count;
                set(&connection->protocol, row, "protocol");
                set(&connection->state, row, "state");
                set(&connection->local, row, "localaddr");
                set(&connection->remote, row, "remoteaddr");
                set(&connection->namespace, row, "namespace");
                set(&connection->process, row, "process");
                connection->pid = number_of(row, "pid");
                connection->local_port = number_of(row, "localport");
                connection->remote_port = number_of(row, "remoteport");
        }
        return scan.failed ? -1 : 0;
}
