/* Documents from neighbours that may lie (PROTOCOL 5.1): whole pieces, one neighbour's at a time,
 * and nothing passed on before its hash is right. */
#include <stdio.h>
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/check.h"
#include "tests/support/world.h"

enum {
    VICTIM,
    HOSTILE,
    OTHER,
    HOMES,
    SIZE = 70000, /* three pieces */
    HOUR = DURATION_HOUR_MS,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};
static uint8_t document[SIZE];

struct rig {
    struct world *world;
    struct id hash;
    struct world_insider hostile, other;
};

/* The hostile home is the only neighbour, and has named a document. */
static void start(struct rig *rig, uint64_t seed) {
    struct request request;
    struct buffer bytes;
    *rig = (struct rig){.world = world_create(seed, HOMES, NULL)};
    for (size_t i = 0; i < SIZE; i++) {
        document[i] = (uint8_t)(i % 251);
    }
    sha256(BYTES_OF(document), &rig->hash);
    world_settle(rig->world, &terms);
    world_kill(rig->world, HOSTILE);
    world_kill(rig->world, OTHER);
    world_run(rig->world, DURATION_MINUTE_MS);
    CHECK(world_insider_dial(rig->world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0},
                             &rig->hostile));
    world_warrant(rig->world, HOSTILE, HOUR, &request);
    request.document = (struct document){.present = true, .sha256 = rig->hash, .size = SIZE};
    (void)snprintf(request.document.media_type, sizeof request.document.media_type, "text/plain");
    (void)world_sign_request(rig->world, HOSTILE, &request, &bytes);
    CHECK(world_insider_gossip(&rig->hostile, buffer_bytes(&bytes)));
    buffer_finish(&bytes);
}

static void finish(struct rig *rig) {
    world_insider_hang_up(&rig->hostile);
    if (rig->other.world != NULL) {
        world_insider_hang_up(&rig->other);
    }
    world_destroy(rig->world);
}

/* The next message of this kind. */
static bool hears(struct world_insider *insider, enum link_kind kind, struct link_message *out) {
    while (insider->heard.len > 0) {
        if (world_insider_hear(insider, out) && out->kind == kind) {
            return true;
        }
    }
    return false;
}

static bool is_asked(struct rig *rig, uint32_t offset) {
    struct link_message want;
    for (int i = 0; i < 50 && rig->hostile.open; i++) {
        while (hears(&rig->hostile, LINK_ATTACHMENT_WANT, &want)) {
            if (id_equal(&want.as.attachment_want.sha256, &rig->hash) &&
                want.as.attachment_want.offset == offset) {
                return true;
            }
        }
        world_run(rig->world, 100);
    }
    return false;
}

static bool answer(struct rig *rig, const uint8_t *from, uint32_t offset) {
    struct link_message piece = {.kind = LINK_ATTACHMENT_PIECE};
    uint32_t left = SIZE - offset;
    piece.as.attachment_piece.sha256 = rig->hash;
    piece.as.attachment_piece.size = SIZE;
    piece.as.attachment_piece.offset = offset;
    piece.as.attachment_piece.data =
        (struct bytes){from + offset, left < LINK_DATA_MAX ? left : LINK_DATA_MAX};
    return world_insider_say(&rig->hostile, &piece);
}

static struct store_attachment row_of(struct rig *rig) {
    struct store *store = rig->world->homes[VICTIM].store;
    struct store_attachment row;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_attachment_get(store, &rig->hash, &row));
    store_roll_back(store);
    return row;
}

/* What the victim answers somebody who asks it; false: nothing. */
static bool is_served(struct rig *rig, uint32_t offset, struct link_message *out) {
    struct link_message want = {.kind = LINK_ATTACHMENT_WANT};
    want.as.attachment_want.sha256 = rig->hash;
    want.as.attachment_want.offset = offset;
    if (rig->other.world == NULL) {
        CHECK(world_insider_dial(rig->world, OTHER, VICTIM, NULL, (struct bytes){NULL, 0},
                                 &rig->other));
    }
    CHECK(world_insider_say(&rig->other, &want));
    world_run(rig->world, 500);
    return hears(&rig->other, LINK_ATTACHMENT_PIECE, out);
}

static void put_varint(uint8_t *out, size_t *at, uint8_t field, uint32_t value) {
    out[(*at)++] = field;
    for (; value > 127; value >>= 7) {
        out[(*at)++] = (uint8_t)(value | 0x80);
    }
    out[(*at)++] = (uint8_t)value;
}

/* A byte at a time would hold this home for ever, and leave a row for each. */
static void test_a_piece_that_is_shorter_than_it_can_be_ends_the_link(void **state) {
    (void)state;
    struct rig rig;
    uint8_t body[64];
    size_t len = 0;
    start(&rig, 3);
    CHECK(is_asked(&rig, 0));
    put_varint(body, &len, 1 << 3 | 2, sizeof rig.hash.b);
    memcpy(body + len, rig.hash.b, sizeof rig.hash.b);
    len += sizeof rig.hash.b;
    put_varint(body, &len, 2 << 3, SIZE);
    put_varint(body, &len, 4 << 3 | 2, 1);
    body[len++] = document[0];
    CHECK(!world_insider_say_bytes(&rig.hostile, LINK_ATTACHMENT_PIECE, (struct bytes){body, len}));
    CHECK(row_of(&rig).have == 0);
    CHECK(!world_insider_dial(rig.world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0},
                              &rig.other)); /* it is shunned */
    finish(&rig);
}

static void test_nothing_is_served_before_all_of_it_has_its_hash(void **state) {
    (void)state;
    struct rig rig;
    struct link_message piece;
    start(&rig, 4);
    CHECK(is_asked(&rig, 0));
    CHECK(answer(&rig, document, 0));
    CHECK(row_of(&rig).have == LINK_DATA_MAX);
    CHECK(!is_served(&rig, 0, &piece));
    world_insider_hang_up(&rig.other);
    /* Whoever was silent is asked anew, from the beginning. */
    while (!is_asked(&rig, 0)) {
        CHECK(rig.hostile.open);
    }
    for (uint32_t at = 0; at < SIZE; at += LINK_DATA_MAX) {
        CHECK(at == 0 || is_asked(&rig, at));
        CHECK(answer(&rig, document, at));
    }
    CHECK(row_of(&rig).have == SIZE);
    for (uint32_t at = 0; at < SIZE; at += LINK_DATA_MAX) {
        CHECK(is_served(&rig, at, &piece));
        CHECK(memcmp(piece.as.attachment_piece.data.at, document + at,
                     piece.as.attachment_piece.data.len) == 0);
    }
    finish(&rig);
}

/* All of it is one neighbour's, so the neighbour has lied. */
static void test_who_serves_what_has_another_hash_is_shunned(void **state) {
    (void)state;
    struct rig rig;
    static uint8_t wrong[SIZE];
    start(&rig, 5);
    CHECK(is_asked(&rig, 0));
    for (uint32_t at = 0; at < SIZE; at += LINK_DATA_MAX) {
        CHECK(at == 0 || is_asked(&rig, at));
        CHECK(answer(&rig, wrong, at) == (at + LINK_DATA_MAX < SIZE));
    }
    CHECK(!rig.hostile.open);
    CHECK(row_of(&rig).have == 0);
    finish(&rig);
}

/* It gives as little as it may, as late as it may; the other has all of it. */
static void test_a_slow_neighbour_has_one_turn_and_another_the_next(void **state) {
    (void)state;
    struct rig rig;
    struct link_message want;
    static uint8_t wrong[SIZE];
    int64_t took = 0;
    start(&rig, 6);
    CHECK_ERR(ERR_OK, world_start(rig.world, OTHER));
    const struct control_request put = {
        .op = CONTROL_DOCUMENT_PUT, .id = rig.hash, .total = SIZE, .blob = BYTES_OF(document)};
    CHECK(is_asked(&rig, 0));
    CHECK(answer(&rig, wrong, 0));
    CHECK_ERR(ERR_OK, world_ask(rig.world, OTHER, &put));
    for (; row_of(&rig).have < SIZE && rig.hostile.open; took += 100) {
        CHECK(took < DURATION_MINUTE_MS);
        if (took % 2900 == 0 && hears(&rig.hostile, LINK_ATTACHMENT_WANT, &want) &&
            want.as.attachment_want.offset < LINK_DATA_MAX) {
            CHECK(answer(&rig, wrong, want.as.attachment_want.offset));
        }
        world_run(rig.world, 100);
    }
    CHECK(row_of(&rig).have == SIZE);
    finish(&rig);
}

/* 25 accounts have named 20 each that nobody has: theirs is one turn of 26, and less with time. */
static void test_documents_that_nobody_has_hardly_delay_one_that_comes(void **state) {
    (void)state;
    struct rig rig;
    start(&rig, 8);
    struct store *store = rig.world->homes[VICTIM].store;
    const struct control_request put = {
        .op = CONTROL_DOCUMENT_PUT, .id = rig.hash, .total = SIZE, .blob = BYTES_OF(document)};
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_attachment_drop(store, &rig.hash));
    for (uint32_t i = 0; i < 500; i++) {
        struct store_attachment row = {.size = SIZE, .account = {{(uint8_t)(i % 25)}}};
        row.expires = instant_add(world_wall(rig.world, VICTIM), (struct duration){24 * HOUR});
        write_u32(row.sha256.b, i);
        CHECK_ERR(ERR_OK, store_attachment_want(store, &row));
    }
    CHECK_ERR(ERR_OK, store_commit(store));
    CHECK_ERR(ERR_OK, world_start(rig.world, OTHER));
    CHECK_ERR(ERR_OK, world_ask(rig.world, OTHER, &put));
    world_run(rig.world, 30000); /* the upkeep wants the other again */
    for (int64_t took = 0; row_of(&rig).have < SIZE; took += 1000) {
        CHECK(took < 2 * (int64_t)DURATION_MINUTE_MS);
        world_run(rig.world, 1000);
    }
    finish(&rig);
}

/* Nobody answers: it is tried again after 3, 6, 12, ... seconds, so others have more and more of
 * the turns.
 */
static void test_what_nobody_has_is_due_later_and_later(void **state) {
    (void)state;
    struct rig rig;
    start(&rig, 11);
    world_run(rig.world, 11 * 1000);
    CHECK(row_of(&rig).tries == 3 && rig.hostile.open);
    finish(&rig);
}

/* It names so many that one more has no room; who takes less names that too. */
static void test_a_document_is_charged_to_who_takes_less(void **state) {
    (void)state;
    struct rig rig;
    struct request request;
    struct buffer bytes;
    start(&rig, 12);
    const struct world *world = rig.world;
    struct store *store = world->homes[VICTIM].store;
    struct store_attachment row = {.sha256 = {{1}},
                                   .size = SIZE,
                                   .account = world->homes[HOSTILE].certificate,
                                   .expires = {world_wall(world, VICTIM).ms + HOUR}};
    struct store_attachment known = row_of(&rig);
    CHECK(id_equal(&known.account, &row.account));
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_attachment_want(store, &row));
    CHECK_ERR(ERR_OK, store_commit(store));
    world_warrant(rig.world, OTHER, HOUR, &request);
    request.document = (struct document){.present = true, .sha256 = rig.hash, .size = SIZE};
    (void)snprintf(request.document.media_type, sizeof request.document.media_type, "text/plain");
    (void)world_sign_request(rig.world, OTHER, &request, &bytes);
    CHECK(world_insider_gossip(&rig.hostile, buffer_bytes(&bytes)));
    known = row_of(&rig);
    CHECK(id_equal(&known.account, &world->homes[OTHER].certificate));
    buffer_finish(&bytes);
    finish(&rig);
}

static size_t wanted(const struct rig *rig, uint8_t first, size_t count) {
    struct store *store = rig->world->homes[VICTIM].store;
    struct store_attachment row;
    size_t found = 0;
    CHECK_ERR(ERR_OK, store_begin(store));
    for (size_t i = 0; i < count; i++) {
        const struct id sha256 = {{first, (uint8_t)i}};
        found += store_attachment_get(store, &sha256, &row) == ERR_OK ? 1 : 0;
    }
    store_roll_back(store);
    return found;
}

/* As if there had been no room for any: what that costs in one turn has a bound, and all have
 * theirs in the end. */
static void test_what_had_no_room_is_wanted_again_part_by_part(void **state) {
    (void)state;
    enum {
        MANY = 80,
        FIRST = 0xee
    };
    struct rig rig;
    start(&rig, 10);
    struct world_home *victim = &rig.world->homes[VICTIM];
    CHECK_ERR(ERR_OK, store_begin(victim->store));
    for (size_t i = 0; i < MANY; i++) {
        struct request request;
        struct buffer bytes;
        world_warrant(rig.world, HOSTILE, HOUR, &request);
        request.document =
            (struct document){.present = true, .sha256 = {{FIRST, (uint8_t)i}}, .size = SIZE};
        (void)snprintf(request.document.media_type, sizeof request.document.media_type,
                       "text/plain");
        const struct store_object row = {
            .id = world_sign_request(rig.world, HOSTILE, &request, &bytes),
            .kind = OBJECT_REQUEST,
            .author = request.head.author,
            .created = request.head.created,
            .expires = request.head.expires,
            .object = buffer_bytes(&bytes)};
        bool again = true;
        CHECK_ERR(ERR_OK,
                  store_request_add(victim->store, &row, 0, request.terms.delete_by, &again));
        CHECK(!again);
        CHECK_ERR(ERR_OK, requests_admit(victim->core->requests, &row.id, &request, &row.author,
                                         world_wall(rig.world, VICTIM)));
        buffer_finish(&bytes);
    }
    CHECK_ERR(ERR_OK, store_commit(victim->store));
    for (size_t before = 0; before < MANY;) {
        world_run(rig.world, UPKEEP_EVERY_MS);
        size_t now = wanted(&rig, FIRST, MANY);
        CHECK(now <= before + WANTING_AT_ONCE && now > before);
        before = now;
    }
    finish(&rig);
}

/* An owner's program hands it over in parts of its own lengths. */
static void test_what_an_owner_hands_over_is_checked_and_served_in_whole_pieces(void **state) {
    (void)state;
    struct rig rig;
    struct link_message piece;
    struct control_request put = {.op = CONTROL_DOCUMENT_PUT, .total = SIZE};
    static uint8_t wrong[SIZE];
    start(&rig, 7);
    put.id = rig.hash;
    put.blob = BYTES_OF(wrong);
    CHECK_ERR(ERR_PEER_BOUNDS, world_ask(rig.world, VICTIM, &put));
    CHECK(row_of(&rig).have == 0);
    for (put.offset = 0; put.offset < SIZE; put.offset += put.blob.len) {
        put.blob = (struct bytes){document + put.offset, 14000};
        CHECK_ERR(ERR_OK, world_ask(rig.world, VICTIM, &put));
    }
    CHECK(is_served(&rig, 0, &piece));
    CHECK(piece.as.attachment_piece.data.len == LINK_DATA_MAX);
    CHECK(memcmp(piece.as.attachment_piece.data.at, document, LINK_DATA_MAX) == 0);
    finish(&rig);
}

static bool hands_over(struct rig *rig, uint32_t from, uint32_t to) {
    struct control_request put = {.op = CONTROL_DOCUMENT_PUT, .id = rig->hash, .total = SIZE};
    bool good = true;
    for (put.offset = from; good && put.offset < to; put.offset += put.blob.len) {
        put.blob = (struct bytes){document + put.offset, 14000};
        good = world_ask(rig->world, VICTIM, &put) == ERR_OK;
    }
    return good;
}

/* Whoever began it gives way to an owner, and does not come between. */
static void test_an_owner_and_a_neighbour_do_not_upset_one_another(void **state) {
    (void)state;
    struct rig rig;
    static uint8_t wrong[SIZE];
    start(&rig, 9);
    CHECK(is_asked(&rig, 0));
    CHECK(answer(&rig, wrong, 0));
    CHECK(row_of(&rig).have == LINK_DATA_MAX);
    CHECK(hands_over(&rig, 0, 14000));
    CHECK(answer(&rig, wrong, LINK_DATA_MAX)); /* of the turn that is over */
    CHECK(row_of(&rig).have == 14000);
    while (!is_asked(&rig, 0)) {
        CHECK(rig.hostile.open);
    }
    CHECK(answer(&rig, wrong, 0));
    CHECK(row_of(&rig).have == 14000);
    CHECK(hands_over(&rig, 14000, SIZE));
    CHECK(row_of(&rig).have == SIZE);
    finish(&rig);
}

/* Who paused, so that a neighbour began it meanwhile, or has not begun at all, gets nothing behind
 * that one's bytes. */
static void test_an_owner_appends_to_what_owners_handed_over_alone(void **state) {
    (void)state;
    struct rig rig;
    static uint8_t wrong[SIZE];
    start(&rig, 13);
    CHECK(is_asked(&rig, 0));
    CHECK(answer(&rig, wrong, 0));
    CHECK(!hands_over(&rig, LINK_DATA_MAX, SIZE));
    CHECK(row_of(&rig).have == LINK_DATA_MAX);
    CHECK(hands_over(&rig, 0, 14000));
    world_run(rig.world, HANDED_TIME_MS / 2);
    CHECK(hands_over(&rig, 14000, 28000));
    world_run(rig.world, HANDED_TIME_MS);
    CHECK(!hands_over(&rig, 28000, 42000));
    CHECK(hands_over(&rig, 0, SIZE));
    CHECK(row_of(&rig).have == SIZE);
    finish(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_piece_that_is_shorter_than_it_can_be_ends_the_link),
        cmocka_unit_test(test_nothing_is_served_before_all_of_it_has_its_hash),
        cmocka_unit_test(test_who_serves_what_has_another_hash_is_shunned),
        cmocka_unit_test(test_a_slow_neighbour_has_one_turn_and_another_the_next),
        cmocka_unit_test(test_documents_that_nobody_has_hardly_delay_one_that_comes),
        cmocka_unit_test(test_what_nobody_has_is_due_later_and_later),
        cmocka_unit_test(test_a_document_is_charged_to_who_takes_less),
        cmocka_unit_test(test_what_had_no_room_is_wanted_again_part_by_part),
        cmocka_unit_test(test_what_an_owner_hands_over_is_checked_and_served_in_whole_pieces),
        cmocka_unit_test(test_an_owner_and_a_neighbour_do_not_upset_one_another),
        cmocka_unit_test(test_an_owner_appends_to_what_owners_handed_over_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
