/* Who gets in where others want our places too, and who gives way (view.c): what a link is worth,
 * and what a home does while others crowd in. */
#include "tests/support/check.h"

#include <string.h>

#include "tests/support/overlay_rig.h"

enum {
    A = 1,
    B = 2,
    C = 3,
    SECOND = DURATION_SECOND_MS,
    MINUTE = DURATION_MINUTE_MS,
};

static struct rig rig;

/* An anchor too, while it brings nothing: else whoever got all three would have us for good. */
static void test_who_is_kept_from_all_dials_whoever_has_brought_something(void **state) {
    (void)state;
    rig_create(&rig);
    for (peer_no peer = 1; peer <= 60; peer++) {
        rig_name(&rig, peer);
    }
    rig_up(&rig, 50, false);
    rig_bring(&rig, 50, 1, 1);
    rig_down(&rig, 50, true);
    for (peer_no peer = 1; peer <= OVERLAY_LINKS_WANTED; peer++) {
        rig_up(&rig, peer, peer <= OVERLAY_ANCHORS_MAX);
    }
    rig_run(&rig, MINUTE / 3, true);
    CHECK(rig.dials[50] == 0);
    rig_run(&rig, 5 * MINUTE, true);
    CHECK(rig.dials[50] >= 1);
    rig_rise(&rig, 50, true);
    rig_neighbour(&rig, 50, NEIGHBOUR_MORE);
    CHECK(overlay_is_linked(rig.overlay, 50));
    rig_destroy(&rig);
}

/* Nine links, of which others dialled 4 to 9, in this order; members enough for that to be many. */
static void fill_links(void) {
    rig_create(&rig);
    for (peer_no peer = 1; peer <= 60; peer++) {
        rig_name(&rig, peer);
    }
    for (peer_no peer = 1; peer <= OVERLAY_LINKS_MAX; peer++) {
        rig_up(&rig, peer, peer <= OVERLAY_DIALLED_FEW);
        rig_pass(&rig, 1);
    }
    CHECK(overlay_link_count(rig.overlay) == OVERLAY_LINKS_MAX);
}

static bool gets_in(peer_no peer, enum neighbour_wish wish) {
    rig_rise(&rig, peer, false);
    rig_neighbour(&rig, peer, wish);
    return overlay_is_linked(rig.overlay, peer);
}

/* Who is let in is a matter of luck for a stranger where many ask, and none for a friend. */
static void test_who_has_brought_something_takes_the_place_of_who_has_not(void **state) {
    (void)state;
    for (int brought = 0; brought < 2; brought++) {
        fill_links();
        rig_down(&rig, OVERLAY_LINKS_MAX, true);
        rig_up(&rig, 50, false);
        if (brought == 1) {
            rig_bring(&rig, 50, 1, 1);
        }
        rig_down(&rig, 50, true);
        rig_run(&rig, 2 * SECOND, true);
        CHECK(gets_in(OVERLAY_LINKS_MAX, NEIGHBOUR_MORE));
        CHECK(gets_in(50, NEIGHBOUR_MORE) == (brought == 1));
        CHECK(overlay_is_linked(rig.overlay, OVERLAY_LINKS_MAX) == (brought == 0)); /* the last */
        CHECK(!gets_in(49, NEIGHBOUR_MORE));
        CHECK(gets_in(51, NEIGHBOUR_NONE)); /* in the place of one that has brought nothing yet */
        CHECK(overlay_is_linked(rig.overlay, 50) == (brought == 1));
        rig_destroy(&rig);
    }
}

/* What came anybody can repeat: so a crew that does gives way to a friend who needs a link. */
static void test_who_has_brought_something_takes_the_place_of_who_only_said_so(void **state) {
    (void)state;
    static const struct {
        bool brought;
        enum neighbour_wish wish;
        bool in;
    } rows[] = {{true, NEIGHBOUR_SWAP, true},
                {true, NEIGHBOUR_FEW, true},
                {true, NEIGHBOUR_MORE, false},
                {false, NEIGHBOUR_SWAP, false},
                {false, NEIGHBOUR_NONE, false}};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        fill_links();
        rig_down(&rig, OVERLAY_LINKS_MAX, true);
        rig_up(&rig, 50, false);
        rig_bring(&rig, rows[row].brought ? 50 : A, 1, 1);
        rig_down(&rig, 50, true);
        rig_run(&rig, 2 * SECOND, true);
        rig_bring(&rig, A, 2, 1);
        for (peer_no peer = B; peer < OVERLAY_LINKS_MAX; peer++) {
            rig_announce(&rig, peer, 2);
        }
        peer_no stranger = 20;
        while (gets_in(stranger, NEIGHBOUR_NONE)) { /* until there is no more room for those */
            rig_pass(&rig, 1);
            rig_announce(&rig, stranger++, 2);
        }
        CHECK(stranger > 20 && stranger < 30);
        CHECK(gets_in(50, rows[row].wish) == rows[row].in);
        rig_destroy(&rig);
    }
}

struct tested { /* how somebody fares who has not brought us anything, while strangers crowd in */
    peer_no peer;
    bool crowd;
    bool brought;   /* something, over a link before */
    bool old;       /* says what came long ago, rather than what A has just brought */
    bool replaced;  /* that object is, before the answer comes */
    bool calm;      /* nobody crowds in any more, once it was asked, and a while later it is seen */
    int64_t answer; /* ms after it was asked; -1: never */
    int asked;      /* so often in 75 s */
    bool stays;
};

enum {
    OLD_OBJECT = 60000,
    TEST_AGAIN_MS = 30000,
};

/* What was asked for comes again. */
static void answer_test(const struct tested *row, uint16_t object) {
    const struct overlay_event newer = {.kind = OVERLAY_EV_REPLACED, .key = rig_key(object)};
    if (row->replaced) {
        CHECK_ERR(ERR_OK, rig_step(&rig, newer));
    }
    rig_run(&rig, row->answer, true);
    CHECK(rig_offer(&rig, row->peer, object, 2) ==
          (row->replaced ? OVERLAY_LATER : OVERLAY_DUPLICATE));
    CHECK(rig_sent(&rig, LINK_PRUNE, RIG_PEERS) == 0); /* no circle: we asked for it */
    if (row->answer == 0) {
        (void)rig_offer(&rig, row->peer, object, 2);
        CHECK(rig_sent(&rig, LINK_PRUNE, row->peer) == 1); /* but once */
    }
}

/* It says one object every 3 s. How often it is asked for that. */
static int announce_for_a_while(const struct tested *row) {
    int asked = 0;
    struct tick last = {0};
    peer_no stranger = 61;
    for (int i = 1; i <= 25; i++) {
        uint16_t object = (uint16_t)(i * 2100); /* each has a turn */
        for (int k = 0; k < 2 && row->crowd && !(row->calm && asked > 0); k++) {
            (void)gets_in(stranger++, NEIGHBOUR_MORE);
        }
        rig_bring(&rig, A, object, 1);
        if (!overlay_is_linked(rig.overlay, row->peer)) {
            return asked;
        }
        rig_announce(&rig, row->peer, row->old ? OLD_OBJECT : object);
        const struct link_message *graft = rig_message(&rig, LINK_GRAFT, row->peer);
        if (graft != NULL) {
            struct sync_key key = rig_key(object);
            CHECK(graft->as.graft.count == 1);
            CHECK(memcmp(graft->as.graft.ids[0].b, key.id.b, LINK_SHORT_BYTES) == 0);
            CHECK(asked == 0 || rig.now.mono.ms - last.ms >= TEST_AGAIN_MS);
            asked++;
            last = rig.now.mono;
            if (row->answer >= 0) {
                answer_test(row, object);
            }
        }
        int64_t left = asked > 0 && last.ms + 3 * SECOND > rig.now.mono.ms
                           ? last.ms + 3 * SECOND - rig.now.mono.ms
                           : 3 * SECOND;
        rig_run(&rig, left, true);
    }
    return asked;
}

/* Who brings what it says it has is as good as who was the first to, and who does not is idle. */
static void test_while_others_crowd_in_who_has_brought_nothing_is_tested(void **state) {
    (void)state;
    static const struct tested rows[] = {
        {.peer = 9, .answer = -1, .asked = 0, .stays = true},
        {.peer = 9, .crowd = true, .answer = -1, .asked = 1, .stays = false},
        {.peer = 9, .crowd = true, .answer = -1, .asked = 2, .stays = true, .calm = true},
        {.peer = C, .crowd = true, .answer = -1, .asked = 2, .stays = true}, /* our own choice */
        {.peer = 9, .crowd = true, .answer = -1, .asked = 0, .stays = true, .brought = true},
        {.peer = 9, .crowd = true, .answer = -1, .asked = 0, .stays = true, .old = true},
        {.peer = 9, .crowd = true, .answer = 0, .asked = 1, .stays = true},
        {.peer = 9, .crowd = true, .answer = 750, .asked = 1, .stays = true},
        {.peer = 9, .crowd = true, .answer = 750, .asked = 1, .stays = true, .replaced = true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct tested *row = &rows[i];
        fill_links();
        for (uint16_t n = 0; n <= 40; n++) { /* more than are remembered as lately */
            rig_bring(&rig, A, (uint16_t)(OLD_OBJECT + n), LINK_HOPS_CAUGHT_UP);
        }
        if (row->brought) {
            rig_bring(&rig, row->peer, 1, 1);
            rig_down(&rig, row->peer, true);
            rig_up(&rig, row->peer, false);
        }
        CHECK(announce_for_a_while(row) == row->asked);
        if (row->calm) {
            rig_run(&rig, MINUTE, true);
        }
        CHECK(!gets_in(50, NEIGHBOUR_MORE));
        CHECK(overlay_is_linked(rig.overlay, row->peer) == row->stays);
        rig_destroy(&rig);
    }
}

static void test_while_others_crowd_in_ids_are_said_and_asked_for_sooner(void **state) {
    (void)state;
    for (int crowd = 0; crowd < 2; crowd++) {
        const struct tested row = {.peer = 9, .crowd = crowd == 1, .answer = 0};
        struct overlay_counts before;
        struct overlay_counts after;
        fill_links();
        CHECK(announce_for_a_while(&row) == crowd);
        rig_run(&rig, 2 * SECOND, true);
        overlay_counts(rig.overlay, &before);
        rig_bring(&rig, A, 61000, 1);
        rig_run(&rig, 300, true);
        overlay_counts(rig.overlay, &after);
        CHECK((after.announced > before.announced) == (crowd == 1));
        for (int i = 0; i < 30 && crowd == 1; i++) {
            overlay_counts(rig.overlay, &before);
            rig_announce(&rig, 9, (uint16_t)(61001 + i));
            rig_run(&rig, 600, true);
            overlay_counts(rig.overlay, &after);
            CHECK(after.grafts > before.grafts);
        }
        rig_destroy(&rig);
    }
}

/* Ten seconds and forty objects: a correct neighbour has said two of them at least. */
static void test_who_says_nothing_of_forty_objects_gives_way_to_anybody(void **state) {
    (void)state;
    enum {
        IDLE_OBJECTS = 40
    };
    for (int how = 0; how < 4; how++) {
        fill_links();
        for (int n = 1; n <= (how == 1 ? IDLE_OBJECTS - 1 : IDLE_OBJECTS); n++) {
            uint16_t i = (uint16_t)n;
            rig_bring(&rig, A, i, 1);
            for (peer_no peer = B; peer <= OVERLAY_LINKS_MAX; peer++) {
                if (i == IDLE_OBJECTS / 2 && (peer != 7 || how == 2)) {
                    rig_announce(&rig, peer, i);
                }
            }
        }
        rig_run(&rig, how == 3 ? 9 * SECOND : 11 * SECOND, true);
        CHECK(gets_in(50, NEIGHBOUR_MORE) == (how == 0));
        CHECK(overlay_is_linked(rig.overlay, 7) == (how != 0));
        rig_destroy(&rig);
    }
}

/* Of what comes by reconciliation, or ends too soon to be announced, nobody says anything. */
static void test_nobody_is_idle_for_what_is_not_announced(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        fill_links();
        for (uint16_t i = 1; i <= 60; i++) {
            CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){
                                                 .kind = OVERLAY_EV_ACCEPTED,
                                                 .link = A,
                                                 .key = rig_key(i),
                                                 .hops = how == 1 ? LINK_HOPS_CAUGHT_UP : 1,
                                                 .expires = {how == 2 ? rig.now.wall.ms + 11000
                                                                      : INSTANT_NEVER.ms}}));
        }
        rig_run(&rig, 11 * SECOND, true);
        CHECK(gets_in(50, NEIGHBOUR_MORE) == (how == 0));
        rig_destroy(&rig);
    }
}

/* What it brought before counts no longer; but where the link broke it could not say anything. */
static void test_who_fell_idle_has_brought_nothing(void **state) {
    (void)state;
    static const struct {
        uint16_t objects;
        bool told;
        bool in;
    } rows[] = {{2, true, true}, {60, true, false}, {60, false, true}};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        uint16_t objects = rows[row].objects;
        fill_links();
        rig_down(&rig, OVERLAY_LINKS_MAX, true);
        rig_up(&rig, 50, false);
        rig_bring(&rig, 50, 1, 1);
        for (uint16_t i = 2; i <= objects; i++) {
            rig_bring(&rig, A, i, 1);
        }
        rig_run(&rig, 11 * SECOND, true);
        rig_down(&rig, 50, rows[row].told);
        for (peer_no peer = 4; peer < OVERLAY_LINKS_MAX; peer++) {
            rig_announce(&rig, peer, objects); /* these are not idle */
        }
        rig_run(&rig, 2 * SECOND, true);
        CHECK(gets_in(OVERLAY_LINKS_MAX, NEIGHBOUR_MORE));
        CHECK(gets_in(50, NEIGHBOUR_MORE) == rows[row].in);
        rig_destroy(&rig);
    }
}

/* The last of those that bring something; but for one over which most comes, as it is on the way
 * to all others. */
static void test_who_brings_most_of_what_comes_gives_way_last(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        bool most = how > 0;
        peer_no last = how == 2 ? 100 : OVERLAY_LINKS_MAX; /* 100 is not in the address book */
        fill_links();
        rig_down(&rig, OVERLAY_LINKS_MAX, true);
        rig_up(&rig, last, false);
        for (peer_no peer = A; peer < OVERLAY_LINKS_MAX; peer++) {
            rig_bring(&rig, peer, (uint16_t)(100 + peer), 1);
        }
        for (uint16_t i = 1; i <= 32; i++) {
            rig_bring(&rig, most ? last : A, i, 1);
        }
        rig_announce(&rig, last, 32);
        CHECK(gets_in(50, NEIGHBOUR_NONE));
        CHECK(overlay_is_linked(rig.overlay, last) == most);
        CHECK(overlay_is_linked(rig.overlay, OVERLAY_LINKS_MAX - 1) == !most);
        rig_destroy(&rig);
    }
}

/* Half a minute, or where much was said as long as eight objects take. */
static void test_where_much_is_said_silence_shows_soon(void **state) {
    (void)state;
    static const struct {
        int64_t each_ms, least, most; /* from the last object to the look elsewhere */
    } rows[] = {{100, 4 * SECOND, 16 * SECOND},
                {1000, 8 * SECOND, 30 * SECOND},
                {10 * SECOND, 30 * SECOND, 90 * SECOND}};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        fill_links();
        for (uint16_t i = 1; i <= 30; i++) {
            rig_bring(&rig, A, i, 1);
            for (peer_no peer = B; peer <= OVERLAY_LINKS_MAX; peer++) {
                rig_announce(&rig, peer, i);
            }
            rig_run(&rig, rows[row].each_ms, true);
        }
        int64_t last = rig.now.mono.ms - rows[row].each_ms;
        struct overlay_counts before;
        struct overlay_counts after;
        overlay_counts(rig.overlay, &before);
        do {
            rig_run(&rig, SECOND / 4, true);
            overlay_counts(rig.overlay, &after);
        } while (after.swaps == before.swaps);
        CHECK(rig.now.mono.ms - last >= rows[row].least);
        CHECK(rig.now.mono.ms - last <= rows[row].most);
        rig_destroy(&rig);
    }
}

/* How often it looks elsewhere in the second minute in which no link brings anything, while so many
 * in each second ask for a place. */
static size_t looks_while_they_knock(size_t knocks) {
    struct overlay_counts before;
    struct overlay_counts after;
    peer_no stranger = 100;
    rig_create(&rig);
    for (peer_no peer = 1; peer <= 60; peer++) {
        rig_name(&rig, peer);
    }
    for (peer_no peer = 1; peer <= OVERLAY_LINKS_MAX; peer++) {
        rig_up(&rig, peer, peer <= OVERLAY_DIALLED_FEW);
    }
    overlay_counts(rig.overlay, &before);
    for (int second = 0; second < 120; second++) {
        if (second == 60) {
            overlay_counts(rig.overlay, &before);
        }
        for (size_t i = 0; i < knocks; i++) {
            rig_rise(&rig, stranger, false);
            rig_neighbour(&rig, stranger++, NEIGHBOUR_MORE);
        }
        rig_run(&rig, SECOND, true);
    }
    overlay_counts(rig.overlay, &after);
    rig_destroy(&rig);
    return (size_t)(after.swaps - before.swaps);
}

/* Every 2 to 4 s; and no crowd makes it more. */
static void test_who_is_kept_from_all_looks_oftener_while_others_crowd_in(void **state) {
    (void)state;
    CHECK(looks_while_they_knock(0) <= 4);
    for (size_t knocks = 1; knocks <= 10; knocks += 3) {
        size_t looks = looks_while_they_knock(knocks);
        CHECK(looks >= 15);
        CHECK(looks <= 30);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_kept_from_all_dials_whoever_has_brought_something),
        cmocka_unit_test(test_who_has_brought_something_takes_the_place_of_who_has_not),
        cmocka_unit_test(test_who_has_brought_something_takes_the_place_of_who_only_said_so),
        cmocka_unit_test(test_while_others_crowd_in_who_has_brought_nothing_is_tested),
        cmocka_unit_test(test_while_others_crowd_in_ids_are_said_and_asked_for_sooner),
        cmocka_unit_test(test_who_says_nothing_of_forty_objects_gives_way_to_anybody),
        cmocka_unit_test(test_nobody_is_idle_for_what_is_not_announced),
        cmocka_unit_test(test_who_fell_idle_has_brought_nothing),
        cmocka_unit_test(test_who_brings_most_of_what_comes_gives_way_last),
        cmocka_unit_test(test_where_much_is_said_silence_shows_soon),
        cmocka_unit_test(test_who_is_kept_from_all_looks_oftener_while_others_crowd_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
