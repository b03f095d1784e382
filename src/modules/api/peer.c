#include "peer.h"

#include "base/map.h"

struct peer {
        struct link *link;
        struct peer_options options;
        struct map exchanges; /* stream → struct exchange */
        uint16_t next_stream;
        bool in_callback;
        bool freed; /* in a callback */
        bool gone;
};

static struct sv stream_key(const uint16_t *stream)
{
        return sv_n((const char *)stream, sizeof(*stream));
}

static void release(struct peer *peer)
{
        link_free(peer->link);
        map_done(&peer->exchanges);
        free(peer);
}

static void end_exchanges(struct peer *peer)
{
        while (peer->exchanges.count) {
                struct exchange *exchange = peer->exchanges.entries[0].value;
                map_remove(&peer->exchanges, stream_key(&exchange->stream));
                exchange->peer = NULL;
                exchange->events->on_gone(exchange);
        }
}

void peer_free(struct peer *peer)
{
        if (!peer || peer->freed)
                return;
        peer->freed = peer->gone = true;
        end_exchanges(peer);
        if (!peer->in_callback)
                release(peer);
}

static int queue(struct peer *peer, enum frame_type type, uint16_t stream, struct sv payload, int fd, struct error *err)
{
        if (peer->gone)
                return fail(err, E_UNAVAILABLE, "the other end is gone");
        return link_send_fd(peer->link, type, stream, payload, fd, err);
}

int exchange_open(struct exchange *exchange, struct peer *peer, const struct exchange_events *events, void *cookie,
        struct error *err)
{
        if (!peer || peer->gone)
                return fail(err, E_UNAVAILABLE, "the other end is gone");
        uint16_t stream = peer->next_stream;
        for (unsigned tries = 0; stream == 0 || map_get(&peer->exchanges, stream_key(&stream)); tries++, stream++)
                if (tries > PEER_EXCHANGES_MAX)
                        return fail(err, E_UNAVAILABLE, "%d requests are under way already", PEER_EXCHANGES_MAX);
        *exchange = (struct exchange){ peer, events, cookie, stream, 0 };
        if (map_put(&peer->exchanges, stream_key(&stream), exchange) < 0) {
                exchange->peer = NULL;
                return fail(err, E_UNAVAILABLE, "%d requests are under way already", PEER_EXCHANGES_MAX);
        }
        peer->next_stream = (uint16_t)(stream + 1);
        return 0;
}

int exchange_send(struct exchange *exchange, enum frame_type type, struct sv payload, int fd, struct error *err)
{
        if (!exchange->peer)
                return fail(err, E_UNAVAILABLE, "the other end is gone");
        return queue(exchange->peer, type, exchange->stream, payload, fd, err);
}

void exchange_credit(struct exchange *exchange)
{
        if (!exchange->peer || exchange->owed < PEER_OWED_MIN)
                return;
        uint32_t grant = exchange->owed > UINT32_MAX ? UINT32_MAX : (uint32_t)exchange->owed;
        exchange->owed = 0;
        queue(exchange->peer, FRAME_CREDIT, exchange->stream, sv_n((const char *)&grant, sizeof(grant)), -1, NULL);
}

void exchange_close(struct exchange *exchange, bool cancel)
{
        struct peer *peer = exchange->peer;
        if (!peer)
                return;
        exchange->peer = NULL;
        map_remove(&peer->exchanges, stream_key(&exchange->stream));
        if (cancel)
                queue(peer, FRAME_CANCEL, exchange->stream, (struct sv){ 0 }, -1, NULL);
}

int peer_take_fd(struct peer *peer)
{
        return link_take_fd(peer->link);
}

static void take_frame(struct peer *peer, const struct frame_header *header, struct sv payload)
{
        if (header->stream == 0) {
                if (header->type == FRAME_MESSAGE && peer->options.on_message)
                        peer->options.on_message(peer, payload, peer->options.cookie);
                return;
        }
        struct exchange *exchange = map_get(&peer->exchanges, stream_key(&header->stream));
        if (!exchange) /* given up; what was under way still comes */
                return;
        if (header->type != FRAME_MESSAGE)
                exchange->owed += payload.n;
        exchange->events->on_frame(exchange, header, payload);
}

static int on_frame(struct link *link, const struct frame_header *header, struct sv payload, void *cookie)
{
        struct peer *peer = cookie;
        (void)link;
        peer->in_callback = true;
        take_frame(peer, header, payload);
        peer->in_callback = false;
        if (peer->freed)
                release(peer);
        return 0;
}

static void on_gone(struct link *link, const struct error *why, void *cookie)
{
        struct peer *peer = cookie;
        (void)link;
        (void)why;
        peer->gone = peer->in_callback = true;
        end_exchanges(peer);
        peer->options.on_gone(peer, peer->options.cookie);
        peer->in_callback = false;
        if (peer->freed)
                release(peer);
}

struct peer *peer_new(struct loop *loop, int fd, const struct peer_options *options, struct error *err)
{
        struct peer *peer = calloc(1, sizeof(*peer));
        struct link_options link = { .on_frame = on_frame,
                .on_gone = on_gone,
                .cookie = peer,
                .frame_max = FRAME_LENGTH_MAX,
                .out_max = PEER_OUT_MAX,
                .refuse_when_full = true };
        if (!peer) {
                close(fd);
                return fail_null(err, E_NO_MEMORY, "no memory for a socket");
        }
        peer->options = *options;
        peer->next_stream = 1;
        map_init(&peer->exchanges, PEER_EXCHANGES_MAX);
        peer->link = link_new(loop, fd, &link, err);
        if (!peer->link) {
                close(fd);
                release(peer);
                return NULL;
        }
        return peer;
}
