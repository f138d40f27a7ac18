/* How long a home remembers what askers have received and not deleted (P10, PROTOCOL 7). */
#include "tests/support/check.h"

#include "node/core/parts.h"
#include "tests/support/receipts.h"
#include "tests/support/world.h"

enum {
    ASKER,
    OTHER, /* counts */
    HOMES,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static const int64_t day = DURATION_DAY_MS;

struct street {
    struct world *world;
    struct core *core; /* of who counts, whose store has a transaction open */
    const struct id *asker;
    struct id request;
    int64_t delete_by;
};

static struct street settle(uint64_t seed) {
    static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};
    struct street street = {.world = world_create(seed, HOMES, NULL)};
    struct world *world = street.world;
    struct request request;
    world_settle(world, &terms);
    world_voluntary(world, ASKER, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, ASKER, &request, &street.request));
    world_run(world, MINUTE);
    street.core = world->homes[OTHER].core;
    street.asker = &world->homes[ASKER].certificate;
    street.delete_by = request.terms.delete_by.ms;
    CHECK_ERR(ERR_OK, store_begin(street.core->store));
    return street;
}

static void finish(struct street *street) {
    store_roll_back(street->core->store);
    world_destroy(street->world);
}

/* A slot closes then. */
static void close_slot(struct street *street, int64_t wall_ms) {
    street->core->now.wall.ms = wall_ms;
    CHECK_ERR(ERR_OK, owed_slot(street->core));
}

static void tell(struct street *street, uint32_t number, bool deleted) {
    receipts_tell(street->core, street->asker, &street->request, number, deleted);
}

static bool is_owed(struct street *street, uint32_t number) {
    return receipts_owed(street->core, street->asker, number);
}

static uint64_t count(struct street *street) {
    uint64_t count = 0;
    CHECK_ERR(ERR_OK, store_owed_count(street->core->store, street->asker, &count));
    return count;
}

/* The request itself has gone by then. */
static void test_a_receipt_may_come_seven_days_late(void **state) {
    (void)state;
    struct street street = settle(1);
    const int64_t late = street.delete_by + 7 * day;
    CHECK_ERR(ERR_OK, store_object_remove(street.core->store, &street.request));
    close_slot(&street, late - 1);
    tell(&street, 1, false);
    CHECK(is_owed(&street, 1));
    close_slot(&street, late);
    tell(&street, 2, false);
    CHECK(!is_owed(&street, 2));
    finish(&street);
}

/* Whatever else it has said does not count, and is nobody's fault. */
static void test_only_what_was_asked_for_is_owed(void **state) {
    (void)state;
    struct street street = settle(4);
    struct store_object row;
    CHECK_ERR(ERR_OK,
              store_object_newest(street.core->store, OBJECT_NODE_RECORD, street.asker, &row));
    street.request = row.id;
    tell(&street, 1, false);
    CHECK(count(&street) == 0);
    finish(&street);
}

/* Counted from when it was to be deleted, early or late as that was. */
static void
test_what_was_deleted_is_counted_for_ninety_days_and_what_is_owed_for_longer(void **state) {
    (void)state;
    struct street street = settle(2);
    tell(&street, 1, false);
    tell(&street, 2, true);
    close_slot(&street, street.delete_by + 90 * day - 1);
    CHECK(count(&street) == 2);
    close_slot(&street, street.delete_by + 90 * day);
    CHECK(count(&street) == 1 && is_owed(&street, 1));
    close_slot(&street, street.delete_by + 400 * day - 1);
    CHECK(is_owed(&street, 1));
    close_slot(&street, street.delete_by + 400 * day);
    CHECK(count(&street) == 0);
    finish(&street);
}

static enum err visit_keeping(void *context, const struct store_keeping *keeping) {
    *(struct store_keeping *)context = *keeping;
    return ERR_OK;
}

/* Of the one clip that is owed: long after it was to be deleted. */
static bool is_sure(struct street *street) {
    struct store_keeping keeping = {.author = {{0}}};
    const struct instant later = {street->delete_by + day};
    CHECK_ERR(ERR_OK, store_owed_each(street->core->store, later, visit_keeping, &keeping));
    CHECK(keeping.overdue + keeping.unsure == 1);
    return keeping.overdue == 1;
}

/* Its slots close all the same, and say nothing of what it may have missed. */
static void test_a_home_without_links_hears_nobody(void **state) {
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        struct street street = settle(3);
        struct store *store = street.core->store;
        const int64_t heard = street.core->now.wall.ms;
        tell(&street, 1, false);
        close_slot(&street, heard);
        if (alone == 1) {
            CHECK_ERR(ERR_OK, store_commit(store));
            world_kill(street.world, ASKER);
            world_run(street.world, MINUTE / 2);
            CHECK(overlay_link_count(street.core->overlay) == 0);
            CHECK_ERR(ERR_OK, store_begin(store));
        }
        close_slot(&street, heard + 3 * day);
        close_slot(&street, heard + 6 * day + (alone == 1 ? 0 : 1));
        CHECK(is_sure(&street));
        close_slot(&street, heard + 6 * day + 1);
        CHECK(is_sure(&street) == (alone == 0));
        finish(&street);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_receipt_may_come_seven_days_late),
        cmocka_unit_test(test_only_what_was_asked_for_is_owed),
        cmocka_unit_test(
            test_what_was_deleted_is_counted_for_ninety_days_and_what_is_owed_for_longer),
        cmocka_unit_test(test_a_home_without_links_hears_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
