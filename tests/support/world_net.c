/* The network: connections between homes, as TCP makes them. What is sent arrives in order and
 * whole, late, or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/support/world_parts.h"

enum {
    CONNECTIONS_LEAST = 512,
    CONNECTIONS_EACH = 64,
};

struct world_connection {
    bool used;
    bool hole; /* what is sent is lost, and nobody hears of it */
    uint64_t serial;
    struct {
        int home;
        uint64_t link;  /* 0: not yet */
        bool open;      /* the home's core still wants to hear */
        int64_t last;   /* when what it sent last arrives at the other side */
        size_t waiting; /* bytes that its system has not got rid of */
        size_t stuck; /* of its last sends, those that the receiver's system did not take at once */
    } side[2];
    uint64_t random;
};

struct world_end { /* one of a home's own connections, by its link */
    uint64_t link;
    struct world_connection *line;
    uint64_t serial;
    int side;
};

struct hush { /* what `from` sends to `to` waits until then */
    int from, to;
    int64_t until;
};

struct world_net {
    size_t room;     /* connections */
    size_t top;      /* none from here on was ever used */
    size_t free_low; /* none below this one is free */
    struct world_connection *connections;
    size_t homes;
    uint64_t *cut; /* one bit for each ordered pair */
    size_t hush_count, hush_room;
    struct hush *hushes;
};

static void arrive(struct world *world, struct world_connection *line, int side,
                   struct world_event *event);
static void connect_in(struct world *world, struct world_connection *line,
                       struct world_event *event);
static struct world_connection *find_line(struct world *world, int home, uint64_t link, int *side);
static void add_end(struct world_home *home, struct world_connection *line, int side);
static struct world_connection *take_line(struct world_net *net);
static void free_line(struct world_net *net, struct world_connection *line);
static void close_side(struct world *world, struct world_connection *line, int side, int64_t at);
static void put_line(struct world *world, const struct world_connection *line, int side,
                     enum happening what, int64_t at, struct bytes data);
static struct world_event line_event(const struct world *world, const struct world_connection *line,
                                     int side, enum happening what, int64_t at);
static int64_t latency(const struct world *world, uint64_t *random);
static int64_t held_until(const struct world *world, int from, int to, int64_t at);
static void set_cut(struct world_net *net, int a, int b, bool cut);
static void make_holes(struct world_net *net);
static bool is_cut(const struct world_net *net, int a, int b);
static void see(struct world *world, const struct world_connection *line, int side,
                const struct world_event *event);
static void add_sight(struct world *world, int peer, int what, struct bytes data);

struct world_net *world_net_create(size_t homes) {
    struct world_net *net = calloc(1, sizeof *net);
    ASSERT(net != NULL);
    net->homes = homes;
    net->room = CONNECTIONS_LEAST + CONNECTIONS_EACH * homes;
    net->connections = calloc(net->room, sizeof *net->connections);
    net->cut = calloc(homes * homes / 64 + 1, sizeof *net->cut);
    ASSERT(net->connections != NULL && net->cut != NULL);
    return net;
}

void world_net_destroy(struct world_net *net) {
    free(net->connections);
    free(net->cut);
    free(net->hushes);
    free(net);
}

/* ---- what comes off the clock ---- */

void world_net_happen(struct world *world, struct world_event *event) {
    struct world_connection *line = &world->net->connections[event->line];
    if (!line->used || line->serial != event->serial) {
        return;
    }
    line->side[event->side].waiting -= event->taken;
    if (line->hole) {
        return;
    }
    /* The sender's system has drained when it has got rid of all that it was given. */
    if (event->what == HAPPENS_UNSTUCK && --line->side[event->side].stuck > 0) {
        return;
    }
    if (event->what == HAPPENS_CONNECT) {
        connect_in(world, line, event);
        return;
    }
    if (line->side[event->side].open && world->homes[event->home].core != NULL) {
        arrive(world, line, event->side, event);
    }
}

static void connect_in(struct world *world, struct world_connection *line,
                       struct world_event *event) {
    struct world_home *home = &world->homes[event->home];
    int64_t back = world->now + latency(world, &line->random);
    if (home->core == NULL) { /* the system refuses for it */
        put_line(world, line, 0, HAPPENS_END, back, NO_BYTES);
        return;
    }
    line->side[1].link = home->next_link;
    line->side[1].open = true;
    home->next_link += 2;
    add_end(home, line, 1);
    back = held_until(world, line->side[1].home, line->side[0].home, back);
    line->side[1].last = back;
    put_line(world, line, 0, HAPPENS_STANDS, back, NO_BYTES);
    see(world, line, 1, event);
    world_turn(world, event->home,
               &(struct core_event){.kind = CORE_EV_LINK_IN, .link = line->side[1].link});
}

static void arrive(struct world *world, struct world_connection *line, int side,
                   struct world_event *event) {
    struct world_home *home = &world->homes[event->home];
    struct core_event told = {.link = line->side[side].link, .data = buffer_bytes(&event->data)};
    switch (event->what) {
    case HAPPENS_STANDS:
        told.kind = CORE_EV_LINK_OUT;
        break;
    case HAPPENS_BYTES:
        see(world, line, side, event);
        told.kind = CORE_EV_LINK_BYTES;
        /* The clips here are smaller than what core takes before any of it is written. */
        ASSERT(core_link_has_room(home->core, told.link));
        break;
    case HAPPENS_END:
        see(world, line, side, event);
        line->side[side].open = false;
        if (!line->side[1 - side].open) {
            free_line(world->net, line);
        }
        told.kind = CORE_EV_LINK_DOWN;
        break;
    case HAPPENS_DRAINED:
    case HAPPENS_UNSTUCK:
        told.kind = CORE_EV_LINK_DRAINED;
        break;
    case HAPPENS_CONNECT:
    case HAPPENS_INGEST:
    case HAPPENS_WORKED:
    case HAPPENS_START:
    case HAPPENS_WAKE:
        break;
    }
    world_turn(world, event->home, &told);
}

/* ---- what a home does ---- */

void world_net_dial(struct world *world, int home, const struct core_effect *effect, int64_t at) {
    int to = world_home_at(effect->address);
    ASSERT(to >= 0 && (size_t)to < world->home_count);
    if (world_insider_dialled(world, home, to, effect->link)) {
        return;
    }
    struct world_connection *line = take_line(world->net);
    line->random = world->seed ^ (UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(home * 64 + to + 1)) ^
                   (effect->link << 40);
    line->side[0].home = home;
    line->side[0].link = effect->link;
    line->side[0].open = true;
    line->side[1].home = to;
    line->hole = is_cut(world->net, home, to) || (!world->mesh && home != 0 && to != 0);
    add_end(&world->homes[home], line, 0);
    int64_t arrives = held_until(world, home, to, at + latency(world, &line->random));
    line->side[0].last = arrives;
    if (!line->hole) { /* else nobody answers, and the dialler gives up by itself */
        put_line(world, line, 1, HAPPENS_CONNECT, arrives, NO_BYTES);
    }
}

bool world_net_send(struct world *world, int home, uint64_t link, struct bytes data, int64_t at) {
    int side = 0;
    struct world_connection *line = find_line(world, home, link, &side);
    if (line == NULL) {
        return false;
    }
    int to = line->side[1 - side].home;
    if (home == world->watched) {
        add_sight(world, to, WORLD_SAID, data);
    }
    int64_t rate = world->homes[to].read_rate;
    int64_t ready = at + latency(world, &line->random);
    int64_t arrives = held_until(world, home, to, ready);
    bool slow = arrives > ready || rate > 0 || line->side[side].stuck > 0;
    arrives = arrives < line->side[side].last ? line->side[side].last : arrives;
    arrives += rate > 0 ? (int64_t)data.len * 1000 / rate : 0;
    line->side[side].last = arrives;
    line->side[side].waiting += data.len;
    line->side[side].stuck += slow ? 1 : 0;
    put_line(world, line, 1 - side, HAPPENS_BYTES, arrives, data);
    struct world_event taken = line_event(
        world, line, side, slow ? HAPPENS_UNSTUCK : HAPPENS_DRAINED, slow ? arrives : at + 1);
    taken.taken = data.len;
    world_put(world, taken, NO_BYTES);
    return true;
}

int world_net_peer(struct world *world, int home, uint64_t link) {
    int side = 0;
    const struct world_connection *line = find_line(world, home, link, &side);
    return line == NULL ? -1 : line->side[1 - side].home;
}

bool world_net_close(struct world *world, int home, uint64_t link, int64_t at) {
    int side = 0;
    struct world_connection *line = find_line(world, home, link, &side);
    if (line != NULL) {
        close_side(world, line, side, at);
    }
    return line != NULL;
}

void world_net_kill(struct world *world, int home) {
    for (size_t i = 0; i < world->net->top; i++) {
        struct world_connection *line = &world->net->connections[i];
        for (int side = 0; line->used && side < 2; side++) {
            if (line->side[side].home == home && line->side[side].open) {
                close_side(world, line, side, world->now);
            }
        }
    }
}

static void close_side(struct world *world, struct world_connection *line, int side, int64_t at) {
    int64_t arrives = at + latency(world, &line->random);
    arrives = held_until(world, line->side[side].home, line->side[1 - side].home, arrives);
    arrives = arrives < line->side[side].last ? line->side[side].last : arrives;
    line->side[side].open = false;
    bool lost = line->hole || (side == 0 && line->side[1].link == 0);
    if (lost ? line->side[1].open : line->side[1 - side].open) {
        if (!lost) {
            put_line(world, line, 1 - side, HAPPENS_END, arrives, NO_BYTES);
        }
        return;
    }
    free_line(world->net, line);
}

/* ---- what goes wrong ---- */

void world_cut(struct world *world, int a, int b, bool cut) {
    set_cut(world->net, a, b, cut);
    set_cut(world->net, b, a, cut);
    if (cut) {
        make_holes(world->net);
    }
}

void world_part(struct world *world, const bool *part, bool cut) {
    int homes = (int)world->home_count;
    for (int a = 0; a < homes; a++) {
        for (int b = 0; b < homes; b++) {
            if (part[a] != part[b]) {
                set_cut(world->net, a, b, cut);
            }
        }
    }
    if (cut) {
        make_holes(world->net);
    }
}

void world_heal(struct world *world) {
    struct world_net *net = world->net;
    memset(net->cut, 0, (net->homes * net->homes / 64 + 1) * sizeof *net->cut);
}

static void set_cut(struct world_net *net, int a, int b, bool cut) {
    size_t pair = (size_t)a * net->homes + (size_t)b;
    uint64_t bit = UINT64_C(1) << (pair % 64);
    net->cut[pair / 64] = (net->cut[pair / 64] & ~bit) | (cut ? bit : 0);
}

/* Of the connections over what is cut. */
static void make_holes(struct world_net *net) {
    for (size_t i = 0; i < net->top; i++) {
        struct world_connection *line = &net->connections[i];
        if (line->used && is_cut(net, line->side[0].home, line->side[1].home)) {
            line->hole = true;
        }
    }
}

static bool is_cut(const struct world_net *net, int a, int b) {
    size_t pair = (size_t)a * net->homes + (size_t)b;
    return (net->cut[pair / 64] >> (pair % 64) & 1) != 0;
}

void world_hush(struct world *world, int from, int to, int64_t ms) {
    struct world_net *net = world->net;
    size_t at = 0;
    while (at < net->hush_count && net->hushes[at].until > world->now) { /* a place of one over */
        at++;
    }
    if (at == net->hush_room) {
        net->hush_room = net->hush_room * 2 + 16;
        net->hushes = realloc(net->hushes, net->hush_room * sizeof *net->hushes);
        ASSERT(net->hushes != NULL);
    }
    net->hushes[at] = (struct hush){from, to, world->now + ms};
    net->hush_count += at == net->hush_count ? 1 : 0;
}

void world_stall(struct world *world, int home, int64_t ms) {
    world->homes[home].reads_from = world->now + ms;
}

/* When what would arrive at `at` does: systems send again what was lost. */
static int64_t held_until(const struct world *world, int from, int to, int64_t at) {
    const struct world_net *net = world->net;
    for (size_t i = 0; i < net->hush_count; i++) {
        const struct hush *hush = &net->hushes[i];
        if (hush->from == from && hush->to == to && hush->until > at) {
            at = hush->until;
        }
    }
    return world->homes[to].reads_from > at ? world->homes[to].reads_from : at;
}

/* ---- lines ---- */

/* The lowest free one. */
static struct world_connection *take_line(struct world_net *net) {
    while (net->free_low < net->room && net->connections[net->free_low].used) {
        net->free_low++;
    }
    ASSERT(net->free_low < net->room);
    struct world_connection *line = &net->connections[net->free_low];
    *line = (struct world_connection){.used = true, .serial = line->serial + 1};
    net->top = net->free_low < net->top ? net->top : net->free_low + 1;
    return line;
}

static void free_line(struct world_net *net, struct world_connection *line) {
    size_t index = (size_t)(line - net->connections);
    line->used = false;
    net->free_low = index < net->free_low ? index : net->free_low;
}

static void add_end(struct world_home *home, struct world_connection *line, int side) {
    if (home->end_count == home->end_room) {
        home->end_room = home->end_room * 2 + 16;
        home->ends = realloc(home->ends, home->end_room * sizeof *home->ends);
        ASSERT(home->ends != NULL);
    }
    home->ends[home->end_count++] =
        (struct world_end){line->side[side].link, line, line->serial, side};
}

/* Ends that are closed are forgotten here. */
static struct world_connection *find_line(struct world *world, int home, uint64_t link, int *side) {
    struct world_home *h = &world->homes[home];
    for (size_t i = 0; i < h->end_count;) {
        const struct world_end *end = &h->ends[i];
        struct world_connection *line = end->line;
        if (!line->used || line->serial != end->serial || !line->side[end->side].open) {
            h->ends[i] = h->ends[--h->end_count];
            continue;
        }
        if (end->link == link) {
            *side = end->side;
            return line;
        }
        i++;
    }
    return NULL;
}

static void put_line(struct world *world, const struct world_connection *line, int side,
                     enum happening what, int64_t at, struct bytes data) {
    world_put(world, line_event(world, line, side, what, at), data);
}

static struct world_event line_event(const struct world *world, const struct world_connection *line,
                                     int side, enum happening what, int64_t at) {
    return (struct world_event){.at = at,
                                .what = what,
                                .home = line->side[side].home,
                                .line = (size_t)(line - world->net->connections),
                                .serial = line->serial,
                                .side = side};
}

static int64_t latency(const struct world *world, uint64_t *random) {
    uint64_t span = (uint64_t)(world->latency_max - world->latency_min) + 1;
    return world->latency_min + (int64_t)(world_draw(random) % span);
}

/* ---- what can be seen ---- */

void world_links_each(struct world *world, world_link_visit *visit, void *context) {
    for (size_t i = 0; i < world->net->top; i++) {
        const struct world_connection *line = &world->net->connections[i];
        if (!line->used || line->hole) {
            continue;
        }
        for (int side = 0; side < 2; side++) {
            if (line->side[side].open) {
                visit(context, line->side[side].home, line->side[1 - side].home,
                      line->side[side].link, line->side[side].waiting);
            }
        }
    }
}

static void see(struct world *world, const struct world_connection *line, int side,
                const struct world_event *event) {
    if (line->side[side].home == world->watched) {
        add_sight(world, line->side[1 - side].home,
                  event->what == HAPPENS_BYTES     ? WORLD_SAW_BYTES
                  : event->what == HAPPENS_CONNECT ? WORLD_SAW_CONNECTION
                                                   : WORLD_SAW_END,
                  buffer_bytes(&event->data));
    }
}

static void add_sight(struct world *world, int peer, int what, struct bytes data) {
    if (world->sight_count == world->sight_room) {
        world->sight_room = world->sight_room * 2 + 1024;
        world->sights = realloc(world->sights, world->sight_room * sizeof *world->sights);
        ASSERT(world->sights != NULL);
    }
    world->sights[world->sight_count++] =
        (struct world_sight){.at = world->now, .from = peer, .what = what, .len = data.len};
}
