/* What a treaty lets cross, and which gateway carries it (PROTOCOL 4.12, 4.14). */
#include <string.h>

#include "proto/treaty.h"
#include "tests/support/check.h"

enum {
    HOUR_MS = 3600 * 1000,
    GATEWAYS = 4,
};

static struct id id_of(unsigned first) {
    struct id id = {{0}};
    id.b[0] = (uint8_t)first;
    return id;
}

/* A square of two hundredths of a degree, some 2 km. */
static struct geo_place square(int32_t lat, int32_t lon) {
    const int32_t half = 100000;
    return (struct geo_place){.count = 4,
                              .points = {{lat - half, lon - half},
                                         {lat - half, lon + half},
                                         {lat + half, lon + half},
                                         {lat + half, lon - half}}};
}

/* Community 1 is around 1.00 N, community 2 around 1.02 N. */
static struct treaty between(void) {
    struct treaty treaty = {.side_count = 2,
                            .instruments = 1 << INSTRUMENT_VOLUNTARY,
                            .roles = 1 << MEMBER_HOME,
                            .caps = {.span_s = 7200, .area_m2 = 40000, .live_requests = 10},
                            .daily = 4};
    for (unsigned i = 0; i < 2; i++) {
        treaty.sides[i].community = id_of(i + 1);
        treaty.sides[i].has_area = true;
        treaty.sides[i].area = square(10000000 + (int32_t)i * 200000, 10000000);
    }
    return treaty;
}

/* Of a place in community 2. */
static struct request asked_in(unsigned community) {
    return (struct request){
        .head.community = id_of(community),
        .place = {.radius_m = 100, .count = 1, .points = {{10200000, 10000000}}},
        .from = {HOUR_MS},
        .to = {2 * HOUR_MS},
        .instrument.kind = INSTRUMENT_VOLUNTARY};
}

static void test_it_crosses_to_where_its_place_lies(void **state) {
    (void)state;
    const struct treaty treaty = between();
    const struct id one = id_of(1);
    struct request request = asked_in(1);
    CHECK_ERR(ERR_OK, treaty_crosses(&treaty, &one, &request, MEMBER_HOME));
    request.place.points[0].lat = 10000000; /* here */
    CHECK_ERR(ERR_DENY_TREATY, treaty_crosses(&treaty, &one, &request, MEMBER_HOME));
    request.place.points[0].lat = 10100000; /* half there */
    CHECK_ERR(ERR_DENY_TREATY, treaty_crosses(&treaty, &one, &request, MEMBER_HOME));
}

static void test_a_side_without_an_area_is_asked_of_all_places(void **state) {
    (void)state;
    struct treaty treaty = between();
    const struct id one = id_of(1);
    struct request request = asked_in(1);
    request.place.points[0].lat = -400000000;
    treaty.sides[1].has_area = false;
    CHECK_ERR(ERR_OK, treaty_crosses(&treaty, &one, &request, MEMBER_HOME));
}

static void test_who_asks_and_how_is_for_the_treaty_to_say(void **state) {
    (void)state;
    const struct treaty treaty = between();
    const struct id one = id_of(1);
    struct request request = asked_in(1);
    CHECK_ERR(ERR_DENY_ROLE, treaty_crosses(&treaty, &one, &request, MEMBER_REQUESTER));
    request.instrument.kind = INSTRUMENT_SEARCH_WARRANT;
    CHECK_ERR(ERR_DENY_TREATY, treaty_crosses(&treaty, &one, &request, MEMBER_HOME));
}

static void test_its_caps_hold(void **state) {
    (void)state;
    const struct treaty treaty = between();
    const struct id one = id_of(1);
    struct request request = asked_in(1);
    request.to.ms = request.from.ms + 2 * (int64_t)HOUR_MS;
    CHECK_ERR(ERR_OK, treaty_crosses(&treaty, &one, &request, MEMBER_HOME));
    request.to.ms++;
    CHECK_ERR(ERR_DENY_CAP, treaty_crosses(&treaty, &one, &request, MEMBER_HOME));
    request = asked_in(1);
    request.place.radius_m = 120;
    CHECK_ERR(ERR_DENY_CAP, treaty_crosses(&treaty, &one, &request, MEMBER_HOME));
}

/* What crossed into community 1 from a third one does not go on to community 2. */
static void test_nothing_crosses_twice(void **state) {
    (void)state;
    const struct treaty treaty = between();
    const struct id one = id_of(1);
    const struct id third = id_of(3);
    const struct request request = asked_in(3);
    CHECK_ERR(ERR_PEER_CERTIFICATE, treaty_crosses(&treaty, &one, &request, MEMBER_HOME));
    CHECK_ERR(ERR_PEER_CERTIFICATE, treaty_crosses(&treaty, &third, &request, MEMBER_HOME));
}

/* Nor back. */
static void test_it_does_not_come_home_as_a_crossing(void **state) {
    (void)state;
    const struct treaty treaty = between();
    const struct id one = id_of(1);
    const struct request request = asked_in(2);
    CHECK_ERR(ERR_PEER_CERTIFICATE, treaty_crosses(&treaty, &one, &request, MEMBER_HOME));
}

static unsigned rank_of(const struct id *treaty, const struct id *object, unsigned gateway) {
    unsigned before = 0;
    const struct id own = id_of(gateway);
    for (unsigned i = 0; i < GATEWAYS; i++) {
        const struct id other = id_of(i);
        before += gateway_before(treaty, object, &other, &own) ? 1 : 0;
    }
    return before;
}

static void test_gateways_stand_in_one_order_for_each_object(void **state) {
    (void)state;
    unsigned first[GATEWAYS] = {0};
    for (unsigned treaty_no = 0; treaty_no < 2; treaty_no++) {
        const struct id treaty = id_of(treaty_no);
        for (unsigned k = 0; k < 100; k++) {
            const struct id object = id_of(k);
            unsigned places = 0; /* bits */
            for (unsigned i = 0; i < GATEWAYS; i++) {
                unsigned rank = rank_of(&treaty, &object, i);
                places |= 1U << rank;
                first[i] += rank == 0 ? 1 : 0;
            }
            CHECK(places == (1U << GATEWAYS) - 1);
        }
    }
    for (unsigned i = 0; i < GATEWAYS; i++) {
        CHECK(first[i] > 25); /* of 200: none has all the work */
    }
}

/* The order of these four as Python's hashlib.blake2b has it. */
static void test_the_order_is_the_protocols(void **state) {
    (void)state;
    static const unsigned order[GATEWAYS] = {1, 0, 3, 2};
    const struct id treaty = id_of(1);
    const struct id object = id_of(2);
    for (unsigned i = 0; i < GATEWAYS; i++) {
        CHECK(rank_of(&treaty, &object, order[i]) == i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_crosses_to_where_its_place_lies),
        cmocka_unit_test(test_a_side_without_an_area_is_asked_of_all_places),
        cmocka_unit_test(test_who_asks_and_how_is_for_the_treaty_to_say),
        cmocka_unit_test(test_its_caps_hold),
        cmocka_unit_test(test_nothing_crosses_twice),
        cmocka_unit_test(test_it_does_not_come_home_as_a_crossing),
        cmocka_unit_test(test_gateways_stand_in_one_order_for_each_object),
        cmocka_unit_test(test_the_order_is_the_protocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
