/* A home that was away for long, over a link with a delay and a rate: it gets what it missed about
 * as fast as the link carries it, each object once, though both ends open rounds meanwhile. */
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/support/members.h"

enum {
    OBJECTS = 5000,
    MISSED = 3000,
    LINK = 7,
    OBJECT_BYTES = 2000,
    MESSAGE_BYTES = 4096,
    BYTES_A_MS = 2500, /* 20 Mbit/s */
    DELAY_MS = 20,
    FLYING_MAX = 1 << 14,
};

struct flying { /* what one end has sent, in order */
    int64_t arrives_ms;
    size_t object; /* a push of it, or OBJECTS: a message */
    struct link_message *message;
};

struct end {
    struct overlay *overlay;
    struct flying *flying;
    size_t head, tail;
    int64_t sent_ms; /* when all that it sent will have left */
    bool drains;
    size_t pushed, doubles;
};

struct road {
    struct end ends[2];
    struct sync_item items[OBJECTS];
    struct now now;
    uint64_t random;
};

static uint64_t draw(struct road *road) { /* splitmix64 */
    uint64_t z = (road->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void step(struct road *road, int at, const struct overlay_event *event) {
    static struct overlay_actions actions;
    struct end *end = &road->ends[at];
    CHECK_ERR(ERR_OK, overlay_step(end->overlay, event, road->now, draw(road), &actions));
    for (size_t i = 0; i < actions.count; i++) {
        const struct overlay_action *action = &actions.list[i];
        bool push = action->kind == OVERLAY_ACT_PUSH;
        if (!push && action->kind != OVERLAY_ACT_SEND) {
            continue;
        }
        int64_t now_ms = road->now.mono.ms;
        end->sent_ms = end->sent_ms < now_ms ? now_ms : end->sent_ms;
        end->sent_ms += 1 + (push ? OBJECT_BYTES : MESSAGE_BYTES) / BYTES_A_MS;
        struct flying *flying = &end->flying[end->tail++ % FLYING_MAX];
        CHECK(end->tail - end->head < FLYING_MAX);
        *flying = (struct flying){.arrives_ms = end->sent_ms + DELAY_MS, .object = OBJECTS};
        if (push) {
            flying->object = read_u32(action->id.b);
            end->pushed++;
        } else {
            flying->message = malloc(sizeof *flying->message);
            ASSERT(flying->message != NULL);
            *flying->message = *action->message;
        }
        end->drains = true;
    }
}

static void accept(struct road *road, int at, size_t object, link_no from) {
    step(road, at,
         &(struct overlay_event){.kind = OVERLAY_EV_ACCEPTED,
                                 .link = from,
                                 .hops = LINK_HOPS_CAUGHT_UP,
                                 .key = road->items[object].key,
                                 .expires = road->items[object].expires});
}

static void arrive(struct road *road, int at, const struct flying *flying) {
    struct end *end = &road->ends[at];
    if (flying->object == OBJECTS) {
        step(road, at,
             &(struct overlay_event){
                 .kind = OVERLAY_EV_MESSAGE, .link = LINK, .message = flying->message});
        free(flying->message);
    } else if (overlay_look_up(end->overlay, &road->items[flying->object].key.id, false,
                               road->now) == OVERLAY_WANTED) {
        accept(road, at, flying->object, LINK);
    } else {
        end->doubles++;
    }
}

static void pass_ms(struct road *road) {
    for (int at = 0; at < 2; at++) {
        struct end *end = &road->ends[at];
        while (end->head < end->tail &&
               end->flying[end->head % FLYING_MAX].arrives_ms <= road->now.mono.ms) {
            arrive(road, 1 - at, &end->flying[end->head++ % FLYING_MAX]);
        }
        if (end->drains && end->sent_ms <= road->now.mono.ms) {
            end->drains = false;
            step(road, at, &(struct overlay_event){.kind = OVERLAY_EV_DRAINED, .link = LINK});
        }
        step(road, at, &(struct overlay_event){.kind = OVERLAY_EV_HEARD, .link = LINK});
        if (tick_reached(road->now.mono, overlay_deadline(end->overlay, road->now))) {
            step(road, at, &(struct overlay_event){.kind = OVERLAY_EV_TICK});
        }
    }
    road->now.mono.ms++;
    road->now.wall.ms++;
}

/* `newest`: it missed a run of time, else here and there. */
static void catch_up(bool newest, int away) {
    static struct road road;
    memset(&road, 0, sizeof road);
    road.now = (struct now){.wall = {INT64_C(1000000000)}, .mono = {5000}};
    for (int at = 0; at < 2; at++) {
        struct end *end = &road.ends[at];
        end->overlay = members_overlay((peer_no)at);
        end->flying = calloc(FLYING_MAX, sizeof *end->flying);
        ASSERT(end->flying != NULL);
    }
    size_t left = MISSED;
    for (size_t i = 0; i < OBJECTS; i++) {
        struct sync_item *item = &road.items[i];
        item->key.created.ms = road.now.wall.ms - (int64_t)(OBJECTS - i) * 1000;
        item->expires.ms = road.now.wall.ms + 3600000;
        for (size_t b = 0; b < sizeof item->key.id.b; b += 8) {
            write_u64(item->key.id.b + b, draw(&road));
        }
        write_u32(item->key.id.b, (uint32_t)i);
        bool missed = newest ? i >= OBJECTS - MISSED : draw(&road) % (OBJECTS - i) < (uint64_t)left;
        left -= missed ? 1 : 0;
        accept(&road, 1 - away, i, 0);
        if (!missed) {
            accept(&road, away, i, 0);
        }
    }
    for (int at = 0; at < 2; at++) {
        step(&road, at,
             &(struct overlay_event){.kind = OVERLAY_EV_LINK_UP,
                                     .peer = (peer_no)(1 - at),
                                     .link = LINK,
                                     .dialled = at == 0});
    }
    int64_t began = road.now.mono.ms;
    int64_t ideal = MISSED * (1 + OBJECT_BYTES / BYTES_A_MS);
    while (overlay_object_count(road.ends[away].overlay) < OBJECTS) {
        pass_ms(&road);
        if (road.now.mono.ms - began > ideal * 3 / 2 + 1000) {
            fail_msg("%zu of %d after %lld ms", overlay_object_count(road.ends[away].overlay),
                     OBJECTS, (long long)(road.now.mono.ms - began));
        }
    }
    CHECK(road.ends[1 - away].pushed >= MISSED);
    CHECK(road.ends[1 - away].pushed <= MISSED + MISSED / 50);
    CHECK(road.ends[away].pushed == 0);
    for (int at = 0; at < 2; at++) {
        while (road.ends[at].head < road.ends[at].tail) {
            free(road.ends[at].flying[road.ends[at].head++ % FLYING_MAX].message);
        }
        free(road.ends[at].flying);
        overlay_destroy(road.ends[at].overlay);
    }
}

static void test_a_long_absence_is_made_up_for_at_the_pace_of_the_link(void **state) {
    (void)state;
    catch_up(true, 0);
    catch_up(true, 1);
}

static void test_so_are_objects_missed_here_and_there(void **state) {
    (void)state;
    catch_up(false, 0);
    catch_up(false, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_long_absence_is_made_up_for_at_the_pace_of_the_link),
        cmocka_unit_test(test_so_are_objects_missed_here_and_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
