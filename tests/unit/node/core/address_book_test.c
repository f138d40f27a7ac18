/* The address book over a restart: whom this home has dialled it knows again, and what is not as it
 * wrote it does no harm. */
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/check.h"
#include "tests/support/world.h"

enum {
    FOUNDER,
    REMOVED,
    HOME,
    HOMES,
    ENTRY = 33, /* certificate, and 1 for an anchor */
    MINUTE = DURATION_MINUTE_MS,
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};

static struct world *settled(uint64_t seed) {
    struct world *world = world_create(seed, HOMES, NULL);
    world_settle(world, &terms);
    for (int i = 0; i < HOMES; i++) {
        CHECK(world_certificate(world, i));
    }
    world_run(world, 2 * MINUTE);
    return world;
}

/* Starts again where nobody can be reached. */
static void start_alone(struct world *world) {
    world_cut(world, HOME, FOUNDER, true);
    world_cut(world, HOME, REMOVED, true);
    CHECK_ERR(ERR_OK, world_start(world, HOME));
}

static bool find(const struct world *world, int peer, struct overlay_known *out) {
    struct overlay_known known[OVERLAY_BOOK_MAX];
    const struct core *core = world->homes[HOME].core;
    const peer_no number =
        (peer_no)community_number(core->community, &world->homes[peer].certificate);
    const size_t count = overlay_book(core->overlay, known);
    for (size_t i = 0; i < count; i++) {
        if (known[i].peer == number) {
            *out = known[i];
            return true;
        }
    }
    return false;
}

static void write_book(struct world *world, struct bytes book) {
    struct store *store = world->homes[HOME].store;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_put(store, STORE_BOOK, book));
    CHECK_ERR(ERR_OK, store_commit(store));
}

static void test_whom_it_has_dialled_a_home_knows_after_a_restart(void **state) {
    (void)state;
    struct world *world = settled(71);
    struct overlay_known known;
    world_kill(world, HOME);
    start_alone(world);
    CHECK(find(world, FOUNDER, &known)); /* it let this home in */
    CHECK(known.met);
    world_kill(world, HOME);
    write_book(world, (struct bytes){NULL, 0});
    CHECK_ERR(ERR_OK, world_start(world, HOME));
    CHECK(find(world, FOUNDER, &known)); /* by its record */
    CHECK(!known.met);
    world_destroy(world);
}

static void test_what_is_kept_of_nobody_or_in_part_is_left_out(void **state) {
    (void)state;
    struct world *world = settled(72);
    struct overlay_known known;
    uint8_t book[3 * ENTRY] = {7}; /* a certificate that nobody has, */
    memcpy(book + ENTRY, world->homes[FOUNDER].certificate.b, ENTRY - 1);
    book[2 * ENTRY - 1] = 1; /* one of an anchor, */
    memcpy(book + 2 * ENTRY, world->homes[REMOVED].certificate.b, ENTRY - 1); /* and one cut off */
    world_kill(world, HOME);
    write_book(world, (struct bytes){book, sizeof book - 1});
    start_alone(world);
    CHECK(find(world, FOUNDER, &known) && known.met && known.anchor);
    CHECK(find(world, REMOVED, &known) && !known.met && !known.anchor);
    world_destroy(world);
}

static void test_who_is_no_member_any_more_is_not_known_again(void **state) {
    (void)state;
    struct world *world = settled(73);
    struct overlay_known known;
    uint8_t book[ENTRY];
    CHECK_ERR(ERR_OK, world_remove(world, FOUNDER, REMOVED, false));
    world_run(world, MINUTE);
    memcpy(book, world->homes[REMOVED].certificate.b, ENTRY - 1);
    book[ENTRY - 1] = 1;
    world_kill(world, HOME);
    write_book(world, BYTES_OF(book));
    start_alone(world);
    CHECK(!find(world, REMOVED, &known));
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whom_it_has_dialled_a_home_knows_after_a_restart),
        cmocka_unit_test(test_what_is_kept_of_nobody_or_in_part_is_left_out),
        cmocka_unit_test(test_who_is_no_member_any_more_is_not_known_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
