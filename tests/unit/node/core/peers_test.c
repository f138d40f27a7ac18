/* What `stoop peers` is told: the same from both ends of a link, and why the last ones went. */
#include "tests/support/check.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "node/overlay/parts.h"
#include "tests/support/world.h"

enum {
    ADA,
    BEN,
    CLEO,
    HOMES,
    MINUTE = DURATION_MINUTE_MS,
};

static_assert((int)CONTROL_FAULTS_MAX == (int)OVERLAY_FAULTS_MAX, "points of how many");

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};
static const char *const names[HOMES] = {"Number 0", "Number 1", "Number 2"};

static struct control_reply ask(struct world *world, int home) {
    const struct control_request peers = {.op = CONTROL_PEERS};
    CHECK_ERR(ERR_OK, world_ask(world, home, &peers));
    CHECK(world->reply_count == 2); /* one community, and the end */
    struct control_reply reply;
    CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[0]), &reply));
    CHECK(reply.kind == CONTROL_GOT_PEERS);
    return reply;
}

/* False, and zeroes, when there is none. */
static bool link_to(const struct control_reply *reply, int home, struct peer_link *out) {
    *out = (struct peer_link){.faults = 0};
    for (size_t i = 0; i < reply->as.peers.link_count; i++) {
        if (strcmp(reply->as.peers.links[i].name, names[home]) == 0) {
            *out = reply->as.peers.links[i];
            return true;
        }
    }
    return false;
}

/* Nothing is on its way. */
static bool ends_agree(struct world *world, void *context) {
    struct control_reply ada = ask(world, ADA);
    struct control_reply ben = ask(world, BEN);
    struct peer_link here;
    struct peer_link there;
    (void)context;
    return link_to(&ada, BEN, &here) && link_to(&ben, ADA, &there) && here.bytes_in > 0 &&
           here.bytes_in == there.bytes_out && here.bytes_out == there.bytes_in;
}

static bool has_gone(struct world *world, void *context) {
    (void)context;
    return ask(world, ADA).as.peers.gone_count > 0;
}

static void check_link(struct world *world, int from, int to) {
    struct control_reply near = ask(world, from);
    struct control_reply far = ask(world, to);
    struct peer_link here;
    struct peer_link there;
    char address[ADDRESS_MAX_BYTES];
    CHECK(link_to(&near, to, &here));
    CHECK(link_to(&far, from, &there));
    CHECK(id_equal(&here.certificate, &world->homes[to].certificate));
    CHECK(here.dialled != there.dialled);
    CHECK(here.faults == 0);
    CHECK(here.age_ms > 0 && here.quiet_ms <= here.age_ms);
    (void)snprintf(address, sizeof address, "10.1.0.%d:7878", to + 1);
    if (here.dialled) {
        assert_string_equal(here.address, address);
    }
}

static void test_both_ends_tell_of_the_same_links(void **state) {
    (void)state;
    struct world *world = world_create(71, HOMES, NULL);
    world_settle(world, &terms);
    CHECK(world_run_until(world, MINUTE, ends_agree, NULL));
    for (int a = 0; a < HOMES; a++) {
        struct control_reply reply = ask(world, a);
        CHECK(id_equal(&reply.as.peers.community, &world->community));
        CHECK(id_equal(&reply.as.peers.certificate, &world->homes[a].certificate));
        assert_string_equal(reply.as.peers.name, names[a]);
        CHECK(reply.as.peers.link_count == HOMES - 1);
        CHECK(reply.as.peers.book == HOMES - 1);
        for (int b = 0; b < HOMES; b++) {
            if (a != b) {
                check_link(world, a, b);
            }
        }
    }
    world_destroy(world);
}

static void test_a_link_that_went_says_why_and_when(void **state) {
    (void)state;
    struct world *world = world_create(72, HOMES, NULL);
    world_settle(world, &terms);
    CHECK(ask(world, ADA).as.peers.gone_count == 0);
    struct control_reply before = ask(world, ADA);
    struct peer_link link;
    CHECK(link_to(&before, BEN, &link));
    world_cut(world, ADA, BEN, true);
    CHECK(world_run_until(world, MINUTE, has_gone, NULL));
    struct control_reply after = ask(world, ADA);
    const struct peer_gone *gone = &after.as.peers.gone[0];
    CHECK(after.as.peers.gone_count == 1);
    CHECK(gone->lasted_ms >= link.age_ms);
    CHECK(!link_to(&after, BEN, &link));
    assert_string_equal(gone->name, names[BEN]);
    CHECK(id_equal(&gone->certificate, &world->homes[BEN].certificate));
    CHECK(gone->why == PEER_END_SILENT);
    uint64_t ago_ms = gone->ago_ms;
    CHECK(ago_ms < gone->lasted_ms);
    world_run(world, MINUTE);
    after = ask(world, ADA);
    gone = &after.as.peers.gone[after.as.peers.gone_count - 1]; /* others came before it */
    CHECK(gone->ago_ms == ago_ms + MINUTE);
    world_destroy(world);
}

static void test_a_home_that_died_is_told_as_cut_off(void **state) {
    (void)state;
    struct world *world = world_create(75, HOMES, NULL);
    world_settle(world, &terms);
    struct peer_link link;
    world_kill(world, BEN);
    CHECK(world_run_until(world, MINUTE, has_gone, NULL));
    struct control_reply after = ask(world, ADA);
    CHECK(after.as.peers.link_count == 1 && link_to(&after, CLEO, &link));
    CHECK(after.as.peers.gone[0].why == PEER_END_CUT);
    assert_string_equal(after.as.peers.gone[0].name, names[BEN]);
    world_destroy(world);
}

static void test_one_home_alone_has_no_links(void **state) {
    (void)state;
    struct world *world = world_create(73, 1, NULL);
    const struct control_request peers = {.op = CONTROL_PEERS};
    const struct control_request status = {.op = CONTROL_STATUS};
    static const struct overlay_figures none;
    CHECK_ERR(ERR_USER_NO_COMMUNITY, world_ask(world, ADA, &peers));
    CHECK(world->reply_count == 1);
    CHECK_ERR(ERR_OK, world_ask(world, ADA, &status));
    CHECK(memcmp(&world->reply.as.status.overlay, &none, sizeof none) == 0);
    world_found(world, ADA, &terms);
    struct control_reply alone = ask(world, ADA);
    CHECK(alone.as.peers.link_count == 0 && alone.as.peers.gone_count == 0);
    CHECK(alone.as.peers.book == 0 && alone.as.peers.passive == 0);
    world_destroy(world);
}

static void test_status_counts_what_the_overlay_did(void **state) {
    (void)state;
    struct world *world = world_create(74, HOMES, NULL);
    const struct control_request status = {.op = CONTROL_STATUS};
    world_settle(world, &terms);
    CHECK_ERR(ERR_OK, world_ask(world, ADA, &status));
    const struct overlay_figures *overlay = &world->reply.as.status.overlay;
    CHECK(overlay->links_up - overlay->links_lost == HOMES - 1);
    CHECK(overlay->accepted >= world->reply.as.status.live_objects);
    CHECK(overlay->book == HOMES - 1);
    CHECK(overlay->bytes > 0 && overlay->faults == 0);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ends_tell_of_the_same_links),
        cmocka_unit_test(test_a_link_that_went_says_why_and_when),
        cmocka_unit_test(test_a_home_that_died_is_told_as_cut_off),
        cmocka_unit_test(test_one_home_alone_has_no_links),
        cmocka_unit_test(test_status_counts_what_the_overlay_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
