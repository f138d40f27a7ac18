/* A member in good standing that says anything: its messages go to a whole core, with store,
 * overlay and log. An input is a list of records: type, length (2 bytes), body. Types above 0xf0
 * are not said but let time pass. The home must not fall over, must keep to its bounds, and must be
 * as it was afterwards: its log verifies, and an honest neighbour still gets its answers. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "node/base/assert.h"
#include "tests/support/fill.h"
#include "tests/support/round_trip.h"
#include "tests/support/world.h"

enum {
    VICTIM,
    HOSTILE,
    RECORDS_MAX = 40,
    SAID_MAX = 8 * 1024 * 1024, /* that a home may say to one input */
};

/* Made once, and anew after so many inputs: a store that only grows would be slow. */
static struct world *world;
static int used;

static void make_world(void) {
    static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};
    struct request request;
    struct id id;
    world_destroy(world);
    world = world_create(4, 2, NULL);
    world_settle(world, &terms);
    world_voluntary(world, HOSTILE, DURATION_DAY_MS, &request);
    ASSERT(world_request(world, HOSTILE, &request, &id) == ERR_OK);
    world_run(world, 2000);
    world_kill(world, HOSTILE);
    world_run(world, 1000);
    used = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world_insider insider;
    if (world == NULL || ++used > 2000) {
        make_world();
    }
    bool open = world_insider_return(world, HOSTILE, VICTIM, &insider);
    ASSERT(open);
    for (int i = 0; open && i < RECORDS_MAX && size >= 3; i++) {
        uint8_t type = data[0];
        size_t len = read_u16(data + 1);
        len = len > size - 3 ? size - 3 : len;
        if (type > 0xf0) {
            world_run(world, (int64_t)len);
        } else if (type > 0) {
            open = world_insider_say_bytes(&insider, type, (struct bytes){data + 3, len});
        }
        data += 3 + len;
        size -= 3 + len;
    }
    ASSERT(world->homes[VICTIM].core != NULL);
    ASSERT(insider.heard_bytes < SAID_MAX);
    world_insider_hang_up(&insider);
    if (used % 100 == 0) {
        struct link_message pong;
        const struct link_message ping = {.kind = LINK_PING, .as.ping.nonce = 7};
        ASSERT(world_log_verifies(world, VICTIM));
        ASSERT(world_insider_return(world, HOSTILE, VICTIM, &insider));
        ASSERT(world_insider_say(&insider, &ping));
        do {
            ASSERT(world_insider_hear(&insider, &pong));
        } while (pong.kind != LINK_PONG);
        world_insider_hang_up(&insider);
    }
    return 0;
}

/* A few messages of the kinds that pass at the member door, one of each input's own making. */
size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    static const struct {
        uint8_t type;
        const char *shape;
    } kinds[] = {
        {LINK_PING, "Ping"},
        {LINK_GOSSIP, "Gossip"},
        {LINK_IHAVE, "IHave"},
        {LINK_GRAFT, "Graft"},
        {LINK_PRUNE, "Prune"},
        {LINK_NEIGHBOUR, "Neighbour"},
        {LINK_WALK, "Walk"},
        {LINK_SHUFFLE, "Shuffle"},
        {LINK_SHUFFLED, "Shuffle"},
        {LINK_SYNC, "Sync"},
        {LINK_SYNC_IDS, "SyncIds"},
        {LINK_SYNC_WANT, "SyncIds"},
        {LINK_ATTACHMENT_WANT, "AttachmentWant"},
        {LINK_ATTACHMENT_PIECE, "AttachmentPiece"},
        {LINK_CHECKPOINT, "Checkpoint"},
        {LINK_OFFER, "Offer"},
    };
    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        size_t kind = (size_t)((choice >> (8 * i)) % COUNT_OF(kinds));
        if (room - at < 4) {
            break;
        }
        size_t left = room - at - 2;
        uint8_t *body = out + at + 2; /* behind one byte, whose place the length takes */
        size_t len = round_trip_seed(fill_shape_named(kinds[kind].shape), choice >> (8 * i + 4),
                                     (struct bytes){&kinds[kind].type, 1}, body,
                                     left < 60000 ? left : 60000) -
                     1;
        out[at] = kinds[kind].type;
        write_u16(out + at + 1, (uint16_t)len);
        at += 3 + len;
    }
    return at;
}
