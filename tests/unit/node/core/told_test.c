/* What ingest is told of the community (told.c): it checks a request by the acts of that time, and
 * what it has answered is settled. */
#include "tests/support/check.h"

#include "node/core/parts.h"
#include "tests/support/world.h"

enum {
    ASKED,
    REQUESTER,
    OTHER,
    HOMES,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};

struct heard { /* by the ingest of the home that is asked */
    struct id request;
    int times;
};

static void hear(void *context, int home, const struct ingest_message *message) {
    struct heard *heard = context;
    bool it = home == ASKED && message->kind == INGEST_REQUEST &&
              id_equal(&message->as.request.id, &heard->request);
    heard->times += it ? 1 : 0;
}

static void see(void *context, int home, const struct clip_id *clip, int to) {
    (void)context;
    (void)home;
    (void)clip;
    (void)to;
}

static bool is_told(struct world *world, void *context) {
    (void)world;
    return ((const struct heard *)context)->times > 0;
}

static bool lives(struct world *world, const struct heard *heard) {
    return requests_live(world->homes[ASKED].core->requests, &heard->request);
}

/* The clock was set past its end, and back: others have it still, and it comes again. */
static void test_what_ingest_has_answered_it_is_not_told_when_that_comes_again(void **state) {
    (void)state;
    for (int answered = 0; answered < 2; answered++) {
        struct world *world = world_create(91, HOMES, NULL);
        struct heard heard = {{{0}}, 0};
        const struct world_observer observer = {&heard, hear, see};
        struct request request;
        world_settle(world, &terms);
        world->observer = &observer;
        world->homes[ASKED].footage = answered == 1 ? WORLD_NO_CAMERA : WORLD_NO_FOOTAGE;
        world->homes[ASKED].match_wait =
            1000 * (int64_t)HOUR; /* with a camera, it looks for long */
        world_voluntary(world, REQUESTER, HOUR, &request);
        CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &heard.request));
        CHECK(world_run_until(world, MINUTE, is_told, &heard));
        world_run(world, MINUTE);
        CHECK(lives(world, &heard));
        world->homes[ASKED].wall_skew += 2 * HOUR;
        world_run(world, 5000);
        CHECK(!lives(world, &heard));
        world->homes[ASKED].wall_skew -= 2 * HOUR;
        world_run(world, 3 * MINUTE);
        CHECK(lives(world, &heard));
        CHECK(heard.times == (answered == 1 ? 1 : 2));
        world_destroy(world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_ingest_has_answered_it_is_not_told_when_that_comes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
