/* The overlay's step, driven in any order that its contract allows (node/overlay/overlay.h). An
 * input is a list of events: a byte for the kind, then what that kind needs. The driver at hand
 * keeps its own books of links and objects, and holds every action against them:
 *
 *  1. Counts stay within their bounds; open links are up, one to a peer, and were heard lately.
 *  2. Only what was accepted is pushed, announced or dropped, and that not to where it came from:
 *     each other link gets it by one of the two ways, once, unless it asks. What is kept is sent to
 *     who grafts it still.
 *  3. Nothing goes to a link that is down or, NEIGHBOUR apart, not open; the fence takes it all.
 *  4. Ticks at one instant come to an end, and without links, peers and objects there are none.
 *  5. Memory is bounded, and what the objects took is given back.
 *  6. Who is gone is neither dialled nor named, who is shunned not dialled. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/keys.h"
#include "node/base/assert.h"
#include "tests/support/members.h"

enum {
    SELF = 20, /* in the middle: of twins either may stay */
    PEERS = 40,
    WIRES = 16, /* more than the overlay takes */
    THINGS = 512,
    EVENTS_MAX = 160,
    TICKS_MAX = 64, /* at one instant */
    LAST_TICKS_MAX = 4096,
    DEAD_MS = 12 * 1000,
    ANSWER_MS = 10 * 1000,
    OLD_MS = 40 * 1000, /* since an object went everywhere, until one of ours may */
    LAID_MS = 10 * 1000,
    LAID_MAX = 3,
    GIVEN_UP_MS = 19 * 1000, /* the overlay counts whole seconds */
    SHUNNED_MS = 59 * 1000,
    SHUNNED_KNOWN = 16,
    BODY_MAX = 64 * 1024,
    MEMORY_MAX = 2 * 1024 * 1024, /* most of it ids that wait to be pushed */
    MEMORY_LEFT = 64 * 1024,
};

struct thing {
    struct sync_key key;
    struct instant expires;
    bool has;
    struct tick answered; /* until then it may be sent to who asks, though it is gone */
    uint16_t told;        /* bits: wires that it may still be announced to */
};

struct wire {
    link_no no; /* 0: never used */
    peer_no peer;
    bool up, owes_drain;
    struct tick since, heard;
};

static struct thing things[THINGS]; /* keys stay, the rest is of the input at hand */
static struct sync_set *elsewhere;  /* what a peer has that reconciles as it should */
static struct sync_set *nothing;
static struct overlay_actions actions;
static struct sync_answer answer;
static struct link_message said, asked; /* to the overlay; the last SYNC that it said */
static struct overlay_link before[OVERLAY_LINKS_MAX]; /* the step: open links */
static size_t before_count;

static struct driver {
    struct bytes input;
    struct overlay *overlay;
    struct now now;
    uint64_t random, nonce;
    size_t has, shunned_count;
    link_no last_link;
    struct tick laid_at[LAID_MAX]; /* objects went everywhere, the last one first; 0: none */
    struct wire wires[WIRES];
    bool gone[PEERS];
    bool dialling[PEERS];
    struct tick dialled_at[PEERS];
    struct tick shunned_until[PEERS];
} d;

static void make_things(void);
static void begin(struct bytes input);
static void finish(void);
static void take_event(void);
static void rise(void);
static void fall(void);
static void fail_dial(void);
static void offer(void);
static void accept(struct thing *thing, link_no from, uint8_t hops, bool urgent, bool everywhere);
static void accept_many(void);
static void replace(struct thing *thing);
static void drain(void);
static void fault(struct wire *wire);
static void live(void);
static void tick(void);
static void say(void);
static void say_raw(void);
static void say_ihave(void);
static void say_flood(void);
static void say_graft(void);
static void say_shuffle(enum link_kind kind);
static void say_sync(void);
static void say_ids(enum link_kind kind);
static void say_answer(void);
static void deliver(struct wire *wire, const struct link_message *message);
static enum err step(struct overlay_event event);
static void check_action(const struct overlay_event *event, const struct overlay_action *action);
static void check_dial(peer_no peer);
static void check_close(const struct overlay_event *event, const struct overlay_action *action);
static void check_push(const struct overlay_event *event, const struct overlay_action *action);
static bool asks_for(const struct link_message *message, const struct thing *thing);
static void check_keep(const struct overlay_event *event, const struct overlay_action *action);
static void check_drop(const struct overlay_event *event, const struct overlay_action *action);
static void check_send(const struct overlay_event *event, const struct overlay_action *action);
static void check_fence(const struct link_message *message);
static void check_named(const struct id *id);
static void check_ihave(const struct wire *wire, const struct link_message *message);
static bool goes_everywhere(const struct overlay_event *event);
static bool was_eager(link_no link);
static void check_accepted(const struct overlay_event *event);
static void check_links(void);
static void check_alive(void);
static struct wire *find_wire(link_no no);
static bool is_open(link_no no);

static uint64_t mix(uint64_t at) { /* splitmix64 */
    uint64_t z = (at + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint8_t next_byte(void) {
    if (d.input.len == 0) {
        return 0;
    }
    d.input.len--;
    return *d.input.at++;
}

static uint16_t next_short(void) {
    uint16_t high = next_byte();
    return (uint16_t)(high << 8 | next_byte());
}

static struct thing *next_thing(void) {
    return &things[next_short() % THINGS];
}

static struct wire *next_wire(void) {
    return &d.wires[next_byte() % WIRES];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (nothing == NULL) {
        make_things();
    }
    begin((struct bytes){data, size});
    for (int i = 0; i < EVENTS_MAX && d.input.len > 0; i++) {
        take_event();
    }
    finish();
    return 0;
}

/* ---- the objects there are ---- */

/* Some always have a turn; several were made in one millisecond. */
static void make_things(void) {
    ASSERT(crypto_start());
    elsewhere = sync_set_create(THINGS, 1);
    nothing = sync_set_create(1, 1);
    ASSERT(elsewhere != NULL);
    ASSERT(nothing != NULL);
    for (uint32_t i = 0; i < THINGS; i++) {
        struct sync_key *key = &things[i].key;
        for (size_t k = 0; k < sizeof key->id.b; k += sizeof(uint64_t)) {
            write_u64(key->id.b + k, mix(i * 4 + k));
        }
        write_u32(key->id.b + 8, i);
        if (i % 8 < 4) {
            write_u16(key->id.b + 14, i % 8 == 0 ? 0 : 4);
        } else {
            key->id.b[15] |= 1;
        }
        key->created.ms = INT64_C(1795000000000) + i / 2 * 400;
        if (i % 3 != 0) {
            ASSERT(sync_set_add(elsewhere, &(struct sync_item){*key, INSTANT_NEVER}) == ERR_OK);
        }
    }
}

static struct thing *find_thing(const uint8_t *id, size_t bytes) {
    struct thing *thing = &things[read_u32(id + 8) % THINGS];
    return memcmp(thing->key.id.b, id, bytes) == 0 ? thing : NULL;
}

/* ---- the members ---- */

static peer_no find_member(void *context, const struct id *id) {
    peer_no peer = read_u32(id->b);
    (void)context;
    struct id known = members_id(peer);
    return peer < PEERS && !d.gone[peer] && id_equal(&known, id) ? peer : OVERLAY_NOBODY;
}

static struct id id_of_member(void *context, peer_no peer) {
    (void)context;
    ASSERT(peer < PEERS);
    return members_id(peer);
}

static void begin(struct bytes input) {
    static const struct overlay_members members = {NULL, find_member, id_of_member};
    d = (struct driver){.input = input, .now = {{INT64_C(1795000600000)}, {50000}}};
    d.random = (uint64_t)next_short() << 32;
    for (size_t i = 0; i < THINGS; i++) {
        things[i].has = false;
        things[i].answered = (struct tick){0};
    }
    asked.kind = LINK_PING; /* nothing was */
    d.overlay =
        overlay_create(&(struct overlay_config){.members = &members, .self = SELF, .seed = 7});
    ASSERT(d.overlay != NULL);
}

/* Everybody leaves, and what was accepted ends: then nothing is left to do. */
static void finish(void) {
    for (size_t i = 0; i < THINGS; i++) {
        const struct id *id = &things[i].key.id;
        ASSERT(!things[i].has || overlay_look_up(d.overlay, id, true, d.now) == OVERLAY_DUPLICATE);
        if (things[i].has && things[i].expires.ms == INSTANT_NEVER.ms) {
            replace(&things[i]);
        }
    }
    for (struct wire *wire = d.wires; wire < d.wires + WIRES; wire++) {
        if (wire->up) {
            wire->up = false;
            (void)step((struct overlay_event){.kind = OVERLAY_EV_LINK_DOWN, .link = wire->no});
        }
    }
    for (peer_no peer = 0; peer < PEERS; peer++) {
        d.gone[peer] = true;
        (void)step((struct overlay_event){.kind = OVERLAY_EV_PEER_GONE, .peer = peer});
    }
    struct tick due = overlay_deadline(d.overlay, d.now);
    for (int i = 0; due.ms != TICK_NEVER.ms; i++) {
        int64_t wait = due.ms > d.now.mono.ms ? due.ms - d.now.mono.ms : 0;
        ASSERT(i < LAST_TICKS_MAX);
        d.now.mono.ms += wait;
        d.now.wall.ms += wait;
        tick();
        due = overlay_deadline(d.overlay, d.now);
    }
    ASSERT(d.has == 0);
    ASSERT(overlay_bytes(d.overlay) <= MEMORY_LEFT + THINGS * 128);
    overlay_destroy(d.overlay);
}

/* ---- events ---- */

static void take_event(void) {
    struct wire *wire = NULL;
    struct thing *thing = NULL;
    peer_no peer = 0;
    uint8_t more = 0;
    switch (next_byte() % 16) {
    case 0:
        peer = next_byte() % PEERS;
        more = next_byte();
        if (!d.gone[peer]) {
            (void)step((struct overlay_event){.kind = OVERLAY_EV_PEER,
                                              .peer = peer,
                                              .anchor = (more & 1) != 0,
                                              .met = (more & 2) != 0});
        }
        break;
    case 1:
        rise();
        break;
    case 2:
        fall();
        break;
    case 3:
        fail_dial();
        break;
    case 4:
        drain();
        break;
    case 5:
    case 6:
        offer();
        break;
    case 7:
        thing = next_thing();
        if (!thing->has) {
            accept(thing, 0, 0, next_byte() % 8 == 0, false);
        }
        break;
    case 8:
        accept_many();
        break;
    case 9:
        thing = next_thing();
        if (thing->has) {
            replace(thing);
        }
        break;
    case 10:
        live();
        break;
    case 11: /* late, as on a busy machine */
        more = next_byte();
        d.now.mono.ms += (int64_t)more * more;
        d.now.wall.ms += (int64_t)more * more;
        break;
    case 12:
        wire = next_wire();
        more = next_byte();
        if (more % 4 == 0) {
            fault(wire);
        } else if (more % 4 == 1) { /* the clock is set */
            d.now.wall.ms += ((int64_t)next_byte() - 192) * 10 * DURATION_SECOND_MS;
        } else if (more % 16 == 2 && wire->no != 0 && wire->peer != SELF) {
            d.gone[wire->peer] = true;
            (void)step((struct overlay_event){.kind = OVERLAY_EV_PEER_GONE, .peer = wire->peer});
        }
        break;
    default:
        say();
        break;
    }
}

/* Mostly whom the overlay has dialled; of the others, those that dial themselves. */
static void rise(void) {
    struct wire *wire = d.wires;
    peer_no peer = next_byte() % PEERS;
    uint8_t more = next_byte();
    bool dialled = false;
    for (peer_no i = 0; (more & 1) != 0 && i < PEERS; i++) {
        if (d.dialling[i]) {
            peer = i;
            dialled = true;
        }
    }
    while (wire < d.wires + WIRES && wire->up) {
        wire++;
    }
    if (wire == d.wires + WIRES || d.gone[peer]) {
        return;
    }
    for (size_t i = 0; i < THINGS && d.has > 0; i++) {
        things[i].told &= (uint16_t) ~(1U << (wire - d.wires));
    }
    d.dialling[peer] &= !dialled;
    *wire = (struct wire){
        .no = ++d.last_link, .peer = peer, .up = true, .since = d.now.mono, .heard = d.now.mono};
    enum err err = step((struct overlay_event){.kind = OVERLAY_EV_LINK_UP,
                                               .peer = peer,
                                               .link = wire->no,
                                               .group = more >> 6,
                                               .dialled = dialled});
    ASSERT(err == ERR_OK || err == ERR_FULL_LINKS || peer == SELF);
    wire->up &= err == ERR_OK;
    if (err == ERR_OK && (more & 2) != 0) {
        said = (struct link_message){.kind = LINK_NEIGHBOUR};
        said.as.neighbour.wish = (enum neighbour_wish)(more >> 2 & 0xf) % (NEIGHBOUR_NEW + 1);
        deliver(wire, &said);
    }
}

/* Of one that the overlay has closed meanwhile, too. */
static void fall(void) {
    struct wire *wire = next_wire();
    if (wire->no != 0) {
        wire->up = false;
        (void)step((struct overlay_event){
            .kind = OVERLAY_EV_LINK_DOWN, .link = wire->no, .told = next_byte() % 2 == 0});
    }
}

static void fail_dial(void) {
    for (peer_no peer = 0; peer < PEERS; peer++) {
        if (d.dialling[peer]) {
            d.dialling[peer] = false;
            (void)step((struct overlay_event){.kind = OVERLAY_EV_LINK_DOWN, .peer = peer});
            return;
        }
    }
}

static void offer(void) {
    struct wire *wire = next_wire();
    struct thing *thing = next_thing();
    uint8_t hops = next_byte();
    uint8_t more = next_byte();
    bool urgent = more % 8 == 0;
    bool everywhere = next_byte() % 4 == 0;
    if (wire->no == 0) {
        return;
    }
    wire->heard = d.now.mono;
    (void)step((struct overlay_event){.kind = OVERLAY_EV_OFFERED,
                                      .link = wire->no,
                                      .reserved = (more & 16) != 0,
                                      .urgent = urgent,
                                      .everywhere = everywhere,
                                      .hops = hops,
                                      .key.id = thing->key.id});
    if (actions.verdict != OVERLAY_WANTED) {
        ASSERT(actions.verdict == OVERLAY_DUPLICATE ? thing->has
                                                    : actions.verdict == OVERLAY_LATER);
        return;
    }
    ASSERT(!thing->has);
    ASSERT(wire->up);
    if (more >> 5 == 0) {
        (void)step((struct overlay_event){.kind = OVERLAY_EV_IGNORED, .key.id = thing->key.id});
    } else if (more >> 5 == 1 && more % 4 == 3) {
        fault(wire);
    } else {
        accept(thing, wire->no, hops, urgent, everywhere);
    }
}

static void accept(struct thing *thing, link_no from, uint8_t hops, bool urgent, bool everywhere) {
    static const int64_t lives[] = {1,
                                    DURATION_SECOND_MS,
                                    20 * DURATION_SECOND_MS,
                                    5 * DURATION_MINUTE_MS,
                                    7 * (int64_t)DURATION_DAY_MS,
                                    INT64_MAX};
    size_t life = (size_t)(thing - things) % COUNT_OF(lives);
    thing->expires = instant_add(d.now.wall, (struct duration){lives[life]});
    d.has++;
    thing->has = true;
    ASSERT(step((struct overlay_event){.kind = OVERLAY_EV_ACCEPTED,
                                       .link = from,
                                       .urgent = urgent,
                                       .everywhere = everywhere,
                                       .hops = hops,
                                       .key = thing->key,
                                       .expires = thing->expires}) == ERR_OK);
}

static void accept_many(void) {
    struct wire *wire = next_wire();
    uint16_t first = next_short();
    uint8_t count = next_byte() % 128;
    uint8_t hops = next_byte() % 4 == 0 ? 1 : LINK_HOPS_CAUGHT_UP;
    for (size_t i = first; i < (size_t)first + count; i++) {
        if (!things[i % THINGS].has) {
            accept(&things[i % THINGS], wire->no, hops, false, false);
        }
    }
}

static void replace(struct thing *thing) {
    thing->has = false;
    d.has--;
    ASSERT(step((struct overlay_event){.kind = OVERLAY_EV_REPLACED, .key = thing->key}) == ERR_OK);
}

static void drain(void) {
    struct wire *wire = next_wire();
    for (int i = next_byte() % 32; i >= 0 && wire->up && wire->owes_drain; i--) {
        wire->owes_drain = false;
        (void)step((struct overlay_event){.kind = OVERLAY_EV_DRAINED, .link = wire->no});
    }
}

static void fault(struct wire *wire) {
    if (wire->no != 0) {
        (void)step((struct overlay_event){.kind = OVERLAY_EV_FAULT, .link = wire->no});
        ASSERT(!wire->up);
    }
}

/* From deadline to deadline; all links are heard, or none. */
static void live(void) {
    uint8_t more = next_byte();
    for (int i = more % 16; i >= 0; i--) {
        struct tick due = overlay_deadline(d.overlay, d.now);
        int64_t wait = due.ms == TICK_NEVER.ms ? 0 : due.ms - d.now.mono.ms;
        wait = wait > 0 ? wait : 0;
        d.now.mono.ms += wait;
        d.now.wall.ms += wait;
        for (struct wire *wire = d.wires; more >= 64 && wire < d.wires + WIRES; wire++) {
            if (wire->up) {
                wire->heard = d.now.mono;
                (void)step((struct overlay_event){.kind = OVERLAY_EV_HEARD, .link = wire->no});
            }
        }
        tick();
    }
}

static void tick(void) {
    int count = 0;
    do {
        ASSERT(count++ < TICKS_MAX);
        (void)step((struct overlay_event){.kind = OVERLAY_EV_TICK});
    } while (overlay_deadline(d.overlay, d.now).ms <= d.now.mono.ms);
    check_alive();
}

/* ---- messages ---- */

static void say(void) {
    said.kind = LINK_PING;
    switch (next_byte() % 12) {
    case 0:
    case 1:
        said = (struct link_message){.kind = LINK_NEIGHBOUR};
        said.as.neighbour.wish = (enum neighbour_wish)(next_byte() % (NEIGHBOUR_NEW + 1));
        break;
    case 2:
        say_ihave();
        break;
    case 3:
        say_flood();
        break;
    case 4:
        say_graft();
        break;
    case 5:
        said = (struct link_message){.kind = LINK_PRUNE};
        memcpy(said.as.prune.id, next_thing()->key.id.b, LINK_SHORT_BYTES);
        break;
    case 6:
        said = (struct link_message){.kind = LINK_WALK};
        said.as.walk.peer = members_id(next_byte() % (PEERS + 1));
        said.as.walk.left = next_byte() % (LINK_WALK_MAX + 1);
        break;
    case 7:
        say_shuffle(next_byte() % 2 == 0 ? LINK_SHUFFLE : LINK_SHUFFLED);
        break;
    case 8:
        say_sync();
        break;
    case 9:
        say_ids(next_byte() % 2 == 0 ? LINK_SYNC_IDS : LINK_SYNC_WANT);
        break;
    case 10:
        say_raw();
        break;
    default:
        say_answer();
        return;
    }
    deliver(next_wire(), &said);
}

/* Bytes of the input, if the fence takes them. */
static void say_raw(void) {
    static const uint8_t types[] = {LINK_IHAVE, LINK_GRAFT,    LINK_PRUNE,     LINK_NEIGHBOUR,
                                    LINK_WALK,  LINK_SHUFFLE,  LINK_SHUFFLED,  LINK_SYNC,
                                    LINK_SYNC,  LINK_SYNC_IDS, LINK_SYNC_WANT, LINK_SYNC_WANT};
    uint8_t type = types[next_byte() % sizeof types];
    size_t len = next_short();
    len = len < d.input.len ? len : d.input.len;
    if (link_decode(type, (struct bytes){d.input.at, len}, &said) != ERR_OK) {
        said.kind = LINK_PING;
    }
    d.input.at += len;
    d.input.len -= len;
}

static void say_ihave(void) {
    said = (struct link_message){.kind = LINK_IHAVE, .as.ihave.count = 1 + next_byte() % 4};
    for (size_t i = 0; i < said.as.ihave.count; i++) {
        memcpy(said.as.ihave.ids[i].b, next_thing()->key.id.b, LINK_SHORT_BYTES);
    }
}

/* Ids that no object has. */
static void say_flood(void) {
    uint16_t first = next_short();
    said = (struct link_message){.kind = LINK_IHAVE,
                                 .as.ihave.count = 1 + next_byte() % LINK_IHAVE_MAX};
    for (size_t i = 0; i < said.as.ihave.count; i++) {
        write_u64(said.as.ihave.ids[i].b, mix(first + i));
        write_u64(said.as.ihave.ids[i].b + 8, UINT64_MAX);
    }
}

static void say_graft(void) {
    uint8_t count = next_byte();
    uint16_t first = next_short();
    said = (struct link_message){.kind = LINK_GRAFT};
    said.as.graft.count = count % 4 == 0 ? 0 : count % (LINK_IHAVE_MAX + 1);
    for (size_t i = 0; i < said.as.graft.count; i++) {
        memcpy(said.as.graft.ids[i].b, things[(first + i) % THINGS].key.id.b, LINK_SHORT_BYTES);
    }
}

static void say_shuffle(enum link_kind kind) {
    uint8_t more = next_byte();
    said = (struct link_message){.kind = kind};
    said.as.shuffle.nonce = more % 4 == 0 ? next_byte() : d.nonce;
    said.as.shuffle.left = kind == LINK_SHUFFLE ? (more >> 2) % (LINK_WALK_MAX + 1) : 0;
    said.as.shuffle.count = (more >> 5) % (LINK_PEERS_MAX + 1);
    for (size_t i = 0; i < said.as.shuffle.count; i++) {
        said.as.shuffle.peers[i] = members_id(next_byte() % (PEERS + 1));
    }
}

static int compare_prints(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct sync_bound));
}

/* As one who has nothing, who has much, or who makes it up. */
static void say_sync(void) {
    uint8_t more = next_byte();
    if (more % 4 < 2) {
        sync_open(more % 4 == 0 ? nothing : elsewhere, next_byte(), &answer);
        said = answer.messages[0];
        return;
    }
    said = (struct link_message){.kind = LINK_SYNC};
    said.as.sync.salt = next_byte();
    said.as.sync.round = (more >> 2) % 20;
    said.as.sync.count = 1 + next_byte() % LINK_PRINTS_MAX;
    for (size_t i = 0; i < said.as.sync.count; i++) {
        struct sync_print *print = &said.as.sync.prints[i];
        write_u64(print->upper.b, (uint64_t)(next_thing()->key.created.ms + (int64_t)i) << 16);
        print->print[0] = next_byte();
    }
    qsort(said.as.sync.prints, said.as.sync.count, sizeof said.as.sync.prints[0], compare_prints);
}

/* One range, with short ids of a run of objects and some of none. */
static void say_ids(enum link_kind kind) {
    uint16_t first = next_short();
    size_t count = next_short() % 300;
    said = (struct link_message){.kind = kind, .as.sync_ids.span_count = 1};
    said.as.sync_ids.salt = next_byte();
    said.as.sync_ids.count = count;
    memset(said.as.sync_ids.spans[0].upper.b, 0xff, sizeof(struct sync_bound));
    write_u16(said.as.sync_ids.spans[0].count, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        sync_shorten(said.as.sync_ids.salt, &things[(first + i) % THINGS].key.id,
                     &said.as.sync_ids.ids[i]);
        said.as.sync_ids.ids[i].b[0] ^= i % 32 == 31 ? 1 : 0;
    }
}

static bool none_unwanted(void *context, uint64_t salt, const struct sync_short *id) {
    (void)context;
    (void)salt;
    (void)id;
    return false;
}

/* What a correct peer answers to the last SYNC, SYNC_IDS or SYNC_WANT, without its pushes. */
static void say_answer(void) {
    struct wire *wire = next_wire();
    if (asked.kind == LINK_PING ||
        sync_take(elsewhere, &asked, none_unwanted, NULL, &answer) != ERR_OK) {
        return;
    }
    for (size_t i = 0; i < answer.message_count; i++) {
        said = answer.messages[i];
        deliver(wire, &said);
    }
}

/* If the fence lets it pass. */
static void deliver(struct wire *wire, const struct link_message *message) {
    static struct link_message taken;
    struct buffer body;
    buffer_init(&body, BODY_MAX);
    if (wire->no != 0 && message->kind != LINK_PING && link_encode(message, &body) == ERR_OK &&
        link_decode((uint8_t)message->kind, buffer_bytes(&body), &taken) == ERR_OK) {
        wire->heard = d.now.mono;
        enum err err = step((struct overlay_event){
            .kind = OVERLAY_EV_MESSAGE, .link = wire->no, .message = &taken});
        if (err != ERR_OK) {
            ASSERT(err == ERR_PEER_BOUNDS);
            ASSERT(taken.kind == LINK_SYNC);
            ASSERT(taken.as.sync.round > SYNC_ROUNDS_MAX);
            fault(wire);
        }
    }
    buffer_finish(&body);
}

/* ---- what every step must be ---- */

static enum err step(struct overlay_event event) {
    before_count = overlay_links(d.overlay, before);
    enum err err = overlay_step(d.overlay, &event, d.now, ++d.random, &actions);
    ASSERT(err == ERR_OK || err == ERR_FULL_LINKS || err == ERR_PEER_BOUNDS);
    ASSERT(actions.count <= OVERLAY_ACTIONS_MAX);
    ASSERT(actions.send_count <= OVERLAY_SENDS_MAX);
    if (event.kind == OVERLAY_EV_ACCEPTED) {
        check_accepted(&event);
    }
    for (size_t i = 0; i < actions.count; i++) {
        check_action(&event, &actions.list[i]);
    }
    check_links();
    ASSERT(overlay_object_count(d.overlay) == d.has);
    ASSERT(overlay_bytes(d.overlay) <= MEMORY_MAX);
    return err;
}

static void check_action(const struct overlay_event *event, const struct overlay_action *action) {
    switch (action->kind) {
    case OVERLAY_ACT_DIAL:
        check_dial(action->peer);
        break;
    case OVERLAY_ACT_CLOSE:
        check_close(event, action);
        break;
    case OVERLAY_ACT_PING:
        ASSERT(find_wire(action->link)->up);
        ASSERT(is_open(action->link));
        break;
    case OVERLAY_ACT_PUSH:
        check_push(event, action);
        break;
    case OVERLAY_ACT_SEND:
        check_send(event, action);
        break;
    case OVERLAY_ACT_KEEP:
        check_keep(event, action);
        break;
    case OVERLAY_ACT_DROP:
        check_drop(event, action);
        break;
    }
}

/* Before it goes. */
static void check_keep(const struct overlay_event *event, const struct overlay_action *action) {
    struct thing *thing = find_thing(action->id.b, sizeof action->id.b);
    ASSERT(thing != NULL);
    ASSERT(event->kind == OVERLAY_EV_TICK ? thing->has : event->kind == OVERLAY_EV_REPLACED);
    ASSERT(!tick_reached(d.now.mono, action->until));
    ASSERT(action->until.ms <= d.now.mono.ms + OVERLAY_ANSWERED_MS);
    thing->answered = action->until;
}

static void check_dial(peer_no peer) {
    ASSERT(peer < PEERS);
    ASSERT(peer != SELF);
    ASSERT(!d.gone[peer]);
    ASSERT(d.shunned_count > SHUNNED_KNOWN || tick_reached(d.now.mono, d.shunned_until[peer]));
    ASSERT(!d.dialling[peer] || d.now.mono.ms - d.dialled_at[peer].ms >= GIVEN_UP_MS);
    d.dialling[peer] = true;
    d.dialled_at[peer] = d.now.mono;
}

static void check_close(const struct overlay_event *event, const struct overlay_action *action) {
    struct wire *wire = find_wire(action->link);
    ASSERT(wire->up);
    ASSERT((action->why == OVERLAY_END_REMOVED) == (event->kind == OVERLAY_EV_PEER_GONE));
    wire->up = false;
    if (action->why == OVERLAY_END_FAULT && event->kind != OVERLAY_EV_LINK_UP) {
        d.shunned_count++;
        d.shunned_until[wire->peer].ms = d.now.mono.ms + SHUNNED_MS;
    }
}

static void check_push(const struct overlay_event *event, const struct overlay_action *action) {
    struct wire *wire = find_wire(action->link);
    const struct thing *thing = find_thing(action->id.b, sizeof action->id.b);
    ASSERT(thing != NULL);
    ASSERT(thing->has || (event->kind == OVERLAY_EV_MESSAGE && event->message->kind == LINK_GRAFT &&
                          !tick_reached(d.now.mono, thing->answered)));
    ASSERT(wire->up);
    ASSERT(is_open(action->link));
    wire->owes_drain = true;
    if (event->kind == OVERLAY_EV_ACCEPTED) { /* check_accepted() has more to say */
        ASSERT(id_equal(&action->id, &event->key.id));
        ASSERT(action->link != event->link);
        return;
    }
    ASSERT(action->link == event->link); /* it has asked */
    ASSERT(!action->everywhere);
    ASSERT(event->kind == OVERLAY_EV_MESSAGE ? asks_for(event->message, thing)
                                             : event->kind == OVERLAY_EV_DRAINED);
    ASSERT(action->hops == LINK_HOPS_CAUGHT_UP ||
           (event->kind == OVERLAY_EV_MESSAGE && event->message->kind == LINK_GRAFT));
}

static bool asks_for(const struct link_message *message, const struct thing *thing) {
    for (size_t i = 0; message->kind == LINK_GRAFT && i < message->as.graft.count; i++) {
        if (memcmp(message->as.graft.ids[i].b, thing->key.id.b, LINK_SHORT_BYTES) == 0) {
            return true;
        }
    }
    return message->kind >= LINK_SYNC && message->kind <= LINK_SYNC_WANT;
}

static void check_drop(const struct overlay_event *event, const struct overlay_action *action) {
    struct thing *thing = find_thing(action->id.b, sizeof action->id.b);
    ASSERT(event->kind == OVERLAY_EV_TICK);
    ASSERT(thing != NULL);
    ASSERT(thing->has);
    ASSERT(instant_reached(d.now.wall, thing->expires));
    thing->has = false;
    d.has--;
}

static void check_send(const struct overlay_event *event, const struct overlay_action *action) {
    const struct link_message *message = action->message;
    struct wire *wire = find_wire(action->link);
    ASSERT(wire->up);
    ASSERT(message->kind == LINK_NEIGHBOUR || is_open(action->link));
    check_fence(message);
    wire->owes_drain = true;
    if (message->kind == LINK_IHAVE) {
        check_ihave(wire, message);
    } else if (message->kind == LINK_PRUNE) {
        ASSERT(event->kind == OVERLAY_EV_OFFERED);
        ASSERT(action->link == event->link);
        ASSERT(memcmp(message->as.prune.id, event->key.id.b, LINK_SHORT_BYTES) == 0);
    } else if (message->kind == LINK_WALK) {
        check_named(&message->as.walk.peer);
    } else if (message->kind >= LINK_SYNC && message->kind <= LINK_SYNC_WANT) {
        ASSERT(event->kind == OVERLAY_EV_TICK || action->link == event->link);
        asked = *message;
    } else if (message->kind == LINK_SHUFFLE && event->kind == OVERLAY_EV_TICK) {
        d.nonce = message->as.shuffle.nonce;
        for (size_t i = 0; i < message->as.shuffle.count; i++) {
            check_named(&message->as.shuffle.peers[i]);
        }
    }
    for (size_t i = 0; message->kind == LINK_GRAFT && i < message->as.graft.count; i++) {
        const struct thing *thing = find_thing(message->as.graft.ids[i].b, LINK_SHORT_BYTES);
        ASSERT(thing == NULL || !thing->has);
    }
}

static void check_fence(const struct link_message *message) {
    static struct link_message taken;
    struct buffer body;
    buffer_init(&body, BODY_MAX);
    ASSERT(message->kind >= LINK_IHAVE);
    ASSERT(message->kind <= LINK_SYNC_WANT);
    ASSERT(link_encode(message, &body) == ERR_OK);
    ASSERT(link_decode((uint8_t)message->kind, buffer_bytes(&body), &taken) == ERR_OK);
    buffer_finish(&body);
}

static void check_named(const struct id *id) {
    ASSERT(find_member(NULL, id) != OVERLAY_NOBODY);
}

static void check_ihave(const struct wire *wire, const struct link_message *message) {
    uint16_t bit = (uint16_t)(1U << (wire - d.wires));
    for (size_t i = 0; i < message->as.ihave.count; i++) {
        struct thing *thing = find_thing(message->as.ihave.ids[i].b, LINK_SHORT_BYTES);
        ASSERT(thing != NULL);
        ASSERT(thing->has);
        ASSERT((thing->told & bit) != 0);
        thing->told &= (uint16_t)~bit;
    }
}

/* Does it go everywhere? The overlay chooses, of ours and of those of which others say so, and not
 * often: once in LAID_MS and, as one of two is taken by all, LAID_MAX times at once. Where all
 * links are eager it does not show. */
static bool goes_everywhere(const struct overlay_event *event) {
    bool goes = false;
    for (size_t i = 0; i < actions.count; i++) {
        const struct overlay_action *action = &actions.list[i];
        goes |= action->kind == OVERLAY_ACT_PUSH && action->everywhere &&
                (event->link == 0 || !was_eager(action->link));
    }
    if (event->urgent || !goes) {
        return false;
    }
    ASSERT(event->link == 0 || event->everywhere);
    ASSERT(event->link != 0 || d.laid_at[0].ms == 0 || d.now.mono.ms - d.laid_at[0].ms >= OLD_MS);
    ASSERT(d.laid_at[LAID_MAX - 1].ms == 0 ||
           d.now.mono.ms - d.laid_at[LAID_MAX - 1].ms >= LAID_MS);
    memmove(d.laid_at + 1, d.laid_at, (LAID_MAX - 1) * sizeof d.laid_at[0]);
    d.laid_at[0] = d.now.mono;
    return true;
}

static bool was_eager(link_no link) {
    for (size_t i = 0; i < before_count; i++) {
        if (before[i].link == link) {
            return before[i].eager;
        }
    }
    return false;
}

/* Pushed to all eager links, or to all, but the one that brought it; to the others it is announced
 * later. */
static void check_accepted(const struct overlay_event *event) {
    struct thing *thing = find_thing(event->key.id.b, sizeof event->key.id.b);
    bool anew = goes_everywhere(event);
    bool everywhere = event->urgent || anew;
    uint8_t hops = event->hops < LINK_HOPS_CAUGHT_UP - 1 ? event->hops + 1 : event->hops;
    thing->told = 0;
    for (size_t i = 0; i < before_count; i++) {
        bool push = event->hops != LINK_HOPS_CAUGHT_UP && (before[i].eager || everywhere) &&
                    before[i].link != event->link;
        size_t pushes = 0;
        for (size_t k = 0; k < actions.count; k++) {
            const struct overlay_action *action = &actions.list[k];
            if (action->kind == OVERLAY_ACT_PUSH && action->link == before[i].link) {
                ASSERT(action->hops == hops);
                ASSERT(action->everywhere == (anew || (event->everywhere && !event->urgent)));
                pushes++;
            }
        }
        ASSERT(pushes == (push ? 1 : 0));
        if (!push) { /* one of sixteen to whoever brought it, too */
            thing->told |= (uint16_t)(1U << (find_wire(before[i].link) - d.wires));
        }
    }
}

static void check_links(void) {
    struct overlay_link links[OVERLAY_LINKS_MAX];
    ASSERT(overlay_link_count(d.overlay) <= OVERLAY_LINKS_MAX);
    size_t count = overlay_links(d.overlay, links);
    ASSERT(count == overlay_link_count(d.overlay));
    for (size_t i = 0; i < count; i++) {
        const struct wire *wire = find_wire(links[i].link);
        ASSERT(wire->up);
        ASSERT(wire->peer == links[i].peer);
        ASSERT(!d.gone[links[i].peer]);
        for (size_t k = 0; k < i; k++) {
            ASSERT(links[k].peer != links[i].peer);
        }
    }
}

/* Once no tick is due: who is silent has been given up, and who does not say NEIGHBOUR. */
static void check_alive(void) {
    for (const struct wire *wire = d.wires; wire < d.wires + WIRES; wire++) {
        if (wire->up && is_open(wire->no)) {
            ASSERT(d.now.mono.ms - wire->heard.ms < DEAD_MS);
        } else if (wire->up) {
            ASSERT(d.now.mono.ms - wire->since.ms < ANSWER_MS);
        }
    }
}

static struct wire *find_wire(link_no no) {
    struct wire *wire = d.wires;
    while (wire->no != no) {
        wire++;
        ASSERT(wire < d.wires + WIRES);
    }
    ASSERT(no != 0);
    return wire;
}

/* Before the step, or after it. */
static bool is_open(link_no no) {
    struct overlay_link links[OVERLAY_LINKS_MAX];
    size_t count = overlay_links(d.overlay, links);
    for (size_t i = 0; i < before_count; i++) {
        if (before[i].link == no) {
            return true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (links[i].link == no) {
            return true;
        }
    }
    return false;
}

/* Some links first, then anything. */
size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    size_t len = 48 + (size_t)(mix(choice) % 140);
    size_t links = (size_t)(choice % 10);
    ASSERT(room >= len);
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)mix(choice + i);
    }
    for (size_t i = 0; i < links; i++) {
        out[2 + 3 * i] = 1;
        out[4 + 3 * i] = 2 | (out[4 + 3 * i] & 0x3c);
    }
    return len;
}
