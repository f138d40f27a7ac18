/* Members whose keys are in other hands. Each changes its victim now and then, and its way with it.
 * What they sign with their own keys is theirs to say; all the rest are lies. */
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/sim/core_sim.h"
#include "tests/support/samples.h"
#include "tests/support/world_parts.h"

enum {
    STAYS_MS = 60000, /* at most so long with one victim */
    SOON_MS = 3000,
    HEARD_AT_ONCE = 500,
    KEPT = 16, /* objects of others, to be sent again */
    FLOOD = 40,
};

enum way {
    KEEPS_SILENT, /* but for keep-alives: it takes a place in the tree, and passes nothing on */
    FLOODS,       /* with requests that it has signed */
    REPLAYS,      /* what others have signed, old and new; and what it has, when that is over */
    FORGES,       /* what others have signed, changed; and its own in another's name */
    MASKS,        /* itself, as one member after the other */
    LIES,         /* about what it has, wants and knows */
    BABBLES,      /* bytes of chance */
    OFFERS,       /* clips that it will never send */
    GOVERNS,      /* as if it could decide; where somebody decides */
    WAYS,
};

struct line {
    struct world_insider insider;
    bool called; /* it is to be hung up */
    bool request_door;
    int as;
    enum way way;
    int64_t change_at;
    size_t kept;
    struct buffer objects[KEPT];
};

struct crew {
    size_t count;
    struct line *lines;
};

static void change_victim(struct sim *sim, struct line *line);
static void call(struct sim *sim, struct line *line, int victim, const struct id *request);
static void certificate_of(const struct sim *sim, int home, struct buffer *out);
static void hang_up(struct line *line);
static void listen(struct line *line);
static void keep(struct line *line, struct bytes object);
static void act(struct sim *sim, struct line *line);
static void mask(struct sim *sim, struct line *line);
static void flood(struct sim *sim, struct line *line);
static void replay(struct sim *sim, struct line *line);
static void say_late(struct sim *sim, struct line *line);
static void forge(struct sim *sim, struct line *line);
static void lie(struct sim *sim, struct line *line);
static void babble(struct sim *sim, struct line *line);
static void offer(struct sim *sim, struct line *line);
static void fill_random(struct sim *sim, void *out, size_t len);
static void fill_request(struct sim *sim, const struct line *line, struct request *out);

void hostile_start(struct sim *sim) {
    int nodes = sim->options.nodes;
    size_t count = (size_t)nodes * sim->options.scenario->hostile / 100;
    sim->crew = calloc(1, sizeof *sim->crew);
    ASSERT(sim->crew != NULL);
    if (sim->options.scenario->hostile > 0 && count == 0 && nodes > 2) {
        count = 1;
    }
    if (count == 0) {
        return;
    }
    sim->crew->lines = calloc(count, sizeof *sim->crew->lines);
    ASSERT(sim->crew->lines != NULL);
    for (size_t i = 0; i < count; i++) {
        int home = (int)sim_draw(sim, (uint64_t)nodes);
        while (sim->homes[home].hostile) {
            home = (home + 1) % nodes;
        }
        sim->homes[home].hostile = true;
        sim->crew->lines[i] = (struct line){.as = home};
    }
    sim->crew->count = count;
}

void hostile_step(struct sim *sim) {
    for (size_t i = 0; i < sim->crew->count; i++) {
        struct line *line = &sim->crew->lines[i];
        bool open =
            line->called && line->insider.open && world_is_up(sim->world, line->insider.home);
        if (open) {
            listen(line);
        }
        if (sim->world->now >= line->change_at) {
            change_victim(sim, line);
        } else if (line->way == MASKS && line->called && !line->insider.open) {
            mask(sim, line);
        } else if (line->way == GOVERNS && !open && line->change_at > sim->world->now + SOON_MS) {
            line->change_at = sim->world->now + SOON_MS; /* another may not shun it yet */
        } else if (open && line->insider.open) {
            act(sim, line);
        }
    }
}

void hostile_stop(struct sim *sim) {
    for (size_t i = 0; i < sim->crew->count; i++) {
        hang_up(&sim->crew->lines[i]);
    }
}

void hostile_finish(struct sim *sim) {
    for (size_t i = 0; sim->crew != NULL && i < sim->crew->count; i++) {
        struct line *line = &sim->crew->lines[i];
        hang_up(line);
        for (size_t k = 0; k < KEPT; k++) {
            buffer_finish(&line->objects[k]);
        }
    }
    if (sim->crew != NULL) {
        free(sim->crew->lines);
    }
    free(sim->crew);
}

static void change_victim(struct sim *sim, struct line *line) {
    struct world *world = sim->world;
    int victim = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    const struct id *request = NULL;
    hang_up(line);
    line->way = (enum way)sim_draw(sim, sim->govern == NULL ? GOVERNS : WAYS);
    if (sim->govern != NULL && sim_draw(sim, 2) == 0) {
        line->way = GOVERNS;
    }
    line->change_at = world->now + 1000 + (int64_t)sim_draw(sim, STAYS_MS);
    if (line->way == OFFERS && sim->asked_count > 0) {
        const struct asked *asked = &sim->asked[sim_draw(sim, sim->asked_count)];
        victim = asked->home;
        request = asked->put ? &asked->id : NULL;
    }
    if (!sim_honest(sim, victim) || !world_is_up(world, victim) ||
        (request != NULL && !world_has_object(world, victim, request))) {
        return;
    }
    line->request_door = request != NULL;
    call(sim, line, victim, request);
}

/* With its own certificate, with whose mask it wears, or with a forged one. */
static void call(struct sim *sim, struct line *line, int victim, const struct id *request) {
    SCOPED(buffer_finish) struct buffer certificate = {.max = SIGNED_GOSSIP_MAX};
    if (line->way == MASKS) {
        certificate_of(sim, (int)sim_draw(sim, (uint64_t)sim->options.nodes), &certificate);
    }
    if (line->way == GOVERNS && sim_draw(sim, 4) == 0) {
        ASSERT(buffer_append(&certificate, forgers_certificate(sim, line->as)) == ERR_OK);
    }
    line->called = true; /* even when it hangs up at once */
    (void)world_insider_dial(sim->world, line->as, victim, request, buffer_bytes(&certificate),
                             &line->insider);
}

/* From itself: others may know it no more. */
static void certificate_of(const struct sim *sim, int home, struct buffer *out) {
    struct store *store = sim->world->homes[home].store;
    struct store_object row;
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_object_get(store, &sim->world->homes[home].certificate, &row) == ERR_OK);
    ASSERT(buffer_append(out, row.object) == ERR_OK);
    store_roll_back(store);
}

static void hang_up(struct line *line) {
    if (line->called) {
        if (line->insider.open && !world_is_up(line->insider.world, line->insider.home)) {
            line->insider.open = false; /* who sleeps does not hear of it */
        }
        world_insider_hang_up(&line->insider);
        line->called = false;
    }
}

static void listen(struct line *line) {
    struct link_message heard;
    for (int i = 0; i < HEARD_AT_ONCE && line->insider.open; i++) {
        if (!world_insider_hear(&line->insider, &heard)) {
            break;
        }
        if (heard.kind == LINK_PING) {
            const struct link_message pong = {.kind = LINK_PONG,
                                              .as.ping.nonce = heard.as.ping.nonce};
            (void)world_insider_say(&line->insider, &pong);
        } else if (heard.kind == LINK_GOSSIP) {
            keep(line, heard.as.gossip.object);
        }
    }
}

static void keep(struct line *line, struct bytes object) {
    struct buffer *kept = &line->objects[line->kept++ % KEPT];
    buffer_finish(kept);
    buffer_init(kept, SIGNED_GOSSIP_MAX);
    ASSERT(buffer_append(kept, object) == ERR_OK);
}

static void act(struct sim *sim, struct line *line) {
    switch (line->way) {
    case KEEPS_SILENT:
    case MASKS:
        break;
    case FLOODS:
        flood(sim, line);
        break;
    case REPLAYS:
        replay(sim, line);
        break;
    case FORGES:
        forge(sim, line);
        break;
    case LIES:
        lie(sim, line);
        break;
    case BABBLES:
        babble(sim, line);
        break;
    case OFFERS:
        if (line->request_door) {
            offer(sim, line);
        }
        break;
    case GOVERNS:
        forgers_act(sim, &(struct forger){line->as, &line->insider});
        break;
    case WAYS:
        break;
    }
}

static void mask(struct sim *sim, struct line *line) {
    int victim = line->insider.home;
    hang_up(line);
    if (world_is_up(sim->world, victim)) {
        call(sim, line, victim, NULL);
    }
}

static void flood(struct sim *sim, struct line *line) {
    for (int i = 0; i < FLOOD && line->insider.open; i++) {
        struct request request;
        struct buffer bytes;
        fill_request(sim, line, &request);
        (void)world_sign_request(sim->world, line->as, &request, &bytes);
        (void)world_insider_gossip(&line->insider, buffer_bytes(&bytes));
        buffer_finish(&bytes);
    }
}

static void replay(struct sim *sim, struct line *line) {
    for (size_t i = 0; i < KEPT && line->insider.open; i++) {
        const struct buffer *kept = &line->objects[sim_draw(sim, KEPT)];
        if (kept->len > 0) {
            (void)world_insider_gossip(&line->insider, buffer_bytes(kept));
        }
    }
    say_late(sim, line);
}

/* Of an hour ago, and over since a minute by the victim's clock. */
static void say_late(struct sim *sim, struct line *line) {
    struct request request;
    struct buffer bytes;
    struct instant now = world_wall(sim->world, line->insider.home);
    fill_request(sim, line, &request);
    int64_t earlier = request.head.created.ms - (now.ms - DURATION_HOUR_MS);
    request.head.created.ms -= earlier;
    request.head.expires.ms = now.ms - MINUTE_MS;
    request.from.ms -= earlier;
    request.to.ms -= earlier;
    (void)world_sign_request(sim->world, line->as, &request, &bytes);
    (void)world_insider_gossip(&line->insider, buffer_bytes(&bytes));
    buffer_finish(&bytes);
}

static void forge(struct sim *sim, struct line *line) {
    struct request request;
    struct buffer bytes;
    struct buffer *kept = &line->objects[sim_draw(sim, KEPT)];
    if (kept->len > 0 && sim_draw(sim, 2) == 0) {
        size_t at = sim_draw(sim, kept->len);
        kept->at[at] ^= (uint8_t)(1 + sim_draw(sim, 255));
        (void)world_insider_gossip(&line->insider, buffer_bytes(kept));
        return;
    }
    int other = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    fill_request(sim, line, &request);
    request.head.author = sim->world->homes[other].certificate;
    request.transport = sim->world->homes[other].transport;
    (void)world_sign_request(sim->world, line->as, &request, &bytes);
    (void)world_insider_gossip(&line->insider, buffer_bytes(&bytes));
    buffer_finish(&bytes);
}

static void lie(struct sim *sim, struct line *line) {
    static struct link_message message; /* large; filled anew by every call */
    static const enum link_kind lies[] = {LINK_IHAVE,   LINK_GRAFT,    LINK_PRUNE, LINK_WALK,
                                          LINK_SHUFFLE, LINK_SHUFFLED, LINK_SYNC};
    message = (struct link_message){.kind = lies[sim_draw(sim, COUNT_OF(lies))]};
    switch ((int)message.kind) {
    case LINK_IHAVE:
        message.as.ihave.count = 1 + sim_draw(sim, LINK_IHAVE_MAX);
        fill_random(sim, message.as.ihave.ids, message.as.ihave.count * sizeof(struct short_id));
        break;
    case LINK_GRAFT:
        message.as.graft.count = 1 + sim_draw(sim, LINK_IHAVE_MAX);
        fill_random(sim, message.as.graft.ids, message.as.graft.count * sizeof(struct short_id));
        break;
    case LINK_PRUNE:
        fill_random(sim, message.as.prune.id, sizeof message.as.prune.id);
        break;
    case LINK_WALK:
        message.as.walk.left = 6;
        message.as.walk.peer =
            sim->world->homes[sim_draw(sim, (uint64_t)sim->options.nodes)].certificate;
        break;
    case LINK_SHUFFLE:
    case LINK_SHUFFLED:
        message.as.shuffle.nonce = sim_draw(sim, UINT64_MAX);
        message.as.shuffle.left = message.kind == LINK_SHUFFLE ? 6 : 0;
        message.as.shuffle.count = 1 + sim_draw(sim, LINK_PEERS_MAX);
        fill_random(sim, message.as.shuffle.peers, message.as.shuffle.count * sizeof(struct id));
        break;
    default:
        message.as.sync.salt = sim_draw(sim, UINT64_MAX);
        message.as.sync.count = 1;
        memset(message.as.sync.prints[0].upper.b, 0xff, sizeof message.as.sync.prints[0].upper.b);
        fill_random(sim, message.as.sync.prints[0].print, SYNC_PRINT_BYTES);
        break;
    }
    (void)world_insider_say(&line->insider, &message);
}

static void babble(struct sim *sim, struct line *line) {
    uint8_t bytes[256];
    fill_random(sim, bytes, sizeof bytes);
    size_t len = sim_draw(sim, sizeof bytes);
    (void)world_insider_say_bytes(&line->insider, (uint8_t)(1 + sim_draw(sim, 253)),
                                  (struct bytes){bytes, len});
}

/* At the delivery door of a request: a grant of its own making, and nothing after it. */
static void offer(struct sim *sim, struct line *line) {
    const struct world_home *home = &sim->world->homes[line->as];
    const struct asked *asked = &sim->asked[sim_draw(sim, sim->asked_count)];
    const struct sign_secret *owners[WORLD_OWNERS_MAX];
    struct link_message message = {.kind = LINK_OFFER};
    struct grant grant = {.community = sim->world->community,
                          .home = home->certificate,
                          .request = asked->id,
                          .size = 1000,
                          .payload_size = 70000,
                          .created = world_wall(sim->world, line->as),
                          .owner_count = home->owner_count};
    struct buffer bytes;
    struct request request;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    fill_request(sim, line, &request);
    grant.terms = request.terms;
    fill_random(sim, grant.recipient.b, sizeof grant.recipient.b);
    fill_random(sim, grant.manifest.b, sizeof grant.manifest.b);
    fill_random(sim, grant.sha256.b, sizeof grant.sha256.b);
    fill_random(sim, grant.payload_root.b, sizeof grant.payload_root.b);
    fill_random(sim, grant.clip.b, sizeof grant.clip.b);
    grant.expires.ms = grant.created.ms + DURATION_DAY_MS;
    grant.from.ms = grant.created.ms - DURATION_HOUR_MS;
    grant.to.ms = grant.from.ms + MINUTE_MS;
    for (size_t i = 0; i < home->owner_count; i++) {
        grant.owners[i] = home->owner_publics[i].sign;
        owners[i] = &home->owners[i].sign;
    }
    ASSERT(grant_encode(&grant, &body) == ERR_OK);
    (void)sample_sign(OBJECT_GRANT, buffer_bytes(&body), owners, home->owner_count, &bytes);
    message.as.offer.grant = buffer_bytes(&bytes);
    SCOPED(buffer_finish) struct buffer certificate = {.max = SIGNED_GOSSIP_MAX};
    certificate_of(sim, line->as, &certificate);
    message.as.offer.member = buffer_bytes(&certificate);
    (void)world_insider_say(&line->insider, &message);
    buffer_finish(&bytes);
}

static void fill_random(struct sim *sim, void *out, size_t len) {
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)out)[i] = (uint8_t)sim_draw(sim, 256);
    }
}

static void fill_request(struct sim *sim, const struct line *line, struct request *out) {
    world_voluntary(sim->world, line->as, (1 + (int64_t)sim_draw(sim, 60)) * MINUTE_MS, out);
    out->from.ms -= (int64_t)sim_draw(sim, DURATION_HOUR_MS);
}
