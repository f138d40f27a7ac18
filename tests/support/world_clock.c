/* Time: what is to happen, by (time, number), and the homes' next ticks.
 *
 * A home's deadline only changes by its turns, and when its wall clock is set: so it is asked for
 * after each of these, not at every event. */
#include <stdlib.h>

#include "node/base/assert.h"
#include "tests/support/world_parts.h"

enum {
    /* Turns at one moment: more is a loop that does not end. */
    BUSY_MAX = 2000,
    BUSY_EACH = 100,
};

struct world_clock {
    struct world_event **heap;
    size_t count, room;
    uint64_t next_number;
    int64_t *due; /* of each home's tick; INT64_MAX: never */
};

static void step(struct world *world, int64_t at, int home);
static bool put_off(struct world *world, struct world_event *event);
static struct world_event *take_first(struct world_clock *clock);
static void insert(struct world_clock *clock, struct world_event *event);
static int64_t next_time(const struct world *world, int *ticks);
static int64_t tick_time(struct world *world, int home);

struct world_clock *world_clock_create(size_t homes) {
    struct world_clock *clock = calloc(1, sizeof *clock);
    ASSERT(clock != NULL);
    clock->due = calloc(homes == 0 ? 1 : homes, sizeof *clock->due);
    ASSERT(clock->due != NULL);
    for (size_t i = 0; i < homes; i++) {
        clock->due[i] = INT64_MAX;
    }
    return clock;
}

void world_clock_destroy(struct world_clock *clock) {
    for (size_t i = 0; i < clock->count; i++) {
        buffer_finish(&clock->heap[i]->data);
        free(clock->heap[i]);
    }
    free(clock->heap);
    free(clock->due);
    free(clock);
}

void world_put(struct world *world, struct world_event event, struct bytes data) {
    struct world_event *copy = malloc(sizeof *copy);
    ASSERT(copy != NULL);
    *copy = event;
    copy->number = world->clock->next_number++;
    buffer_init(&copy->data, CONTROL_FRAME_MAX + 65536);
    ASSERT(buffer_append(&copy->data, data) == ERR_OK);
    insert(world->clock, copy);
}

void world_set_due(struct world *world, int home) {
    world->clock->due[home] = tick_time(world, home);
}

void world_run(struct world *world, int64_t ms) {
    (void)world_run_until(world, ms, NULL, NULL);
}

bool world_run_until(struct world *world, int64_t ms, world_reached *reached, void *context) {
    int64_t end = world->now + ms;
    int64_t moment = -1;
    size_t busy = 0;
    int64_t at = 0;
    int ticks = -1;
    for (size_t i = 0; i < world->home_count; i++) {
        world_set_due(world, (int)i); /* a test may have set its clock */
    }
    if (reached != NULL && reached(world, context)) {
        return true;
    }
    while ((at = next_time(world, &ticks)) <= end) {
        step(world, at, ticks);
        busy = world->now == moment ? busy + 1 : 0;
        moment = world->now;
        ASSERT(busy < BUSY_MAX + BUSY_EACH * world->home_count);
        if (reached != NULL && reached(world, context)) {
            return true;
        }
    }
    world->now = end;
    return false;
}

/* What comes next: at that time, the tick of that home, or, -1, an event. */
static void step(struct world *world, int64_t at, int home) {
    ASSERT(at >= world->now);
    world->now = at;
    if (home >= 0) {
        world->homes[home].last_tick = at;
        world_turn(world, home, &(struct core_event){.kind = CORE_EV_TICK});
        return;
    }
    struct world_event *event = take_first(world->clock);
    if (put_off(world, event)) {
        return;
    }
    world_happen(world, event);
    buffer_finish(&event->data);
    free(event);
}

/* What comes to a home that sleeps waits until it wakes, in its old order: an event keeps its
 * number. */
static bool put_off(struct world *world, struct world_event *event) {
    const struct world_home *home = &world->homes[event->home];
    if (home->sleeps_until <= world->now) {
        return false;
    }
    event->at = home->sleeps_until;
    insert(world->clock, event);
    return true;
}

static bool before(const struct world_event *a, const struct world_event *b) {
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static struct world_event *take_first(struct world_clock *clock) {
    struct world_event **heap = clock->heap;
    struct world_event *first = heap[0];
    struct world_event *last = heap[--clock->count];
    size_t hole = 0;
    for (size_t child = 1; child < clock->count; child = 2 * hole + 1) {
        if (child + 1 < clock->count && before(heap[child + 1], heap[child])) {
            child++;
        }
        if (!before(heap[child], last)) {
            break;
        }
        heap[hole] = heap[child];
        hole = child;
    }
    heap[hole] = last;
    return first;
}

static void insert(struct world_clock *clock, struct world_event *event) {
    if (clock->count == clock->room) {
        clock->room = clock->room * 2 + 64;
        clock->heap = realloc(clock->heap, clock->room * sizeof(struct world_event *));
        ASSERT(clock->heap != NULL);
    }
    size_t at = clock->count++;
    for (; at > 0 && before(event, clock->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        clock->heap[at] = clock->heap[(at - 1) / 2];
    }
    clock->heap[at] = event;
}

/* *ticks is the home whose tick is next, -1: an event is. */
static int64_t next_time(const struct world *world, int *ticks) {
    const struct world_clock *clock = world->clock;
    int64_t at = clock->count == 0 ? INT64_MAX : clock->heap[0]->at;
    *ticks = -1;
    for (size_t i = 0; i < world->home_count; i++) {
        if (clock->due[i] < at) {
            at = clock->due[i];
            *ticks = (int)i;
        }
    }
    return at;
}

/* As the shell's timer: never before the present, and a millisecond after the last one. */
static int64_t tick_time(struct world *world, int home) {
    struct world_home *h = &world->homes[home];
    if (h->core == NULL || h->sleeps_until > world->now) {
        return INT64_MAX;
    }
    struct now now = world_now(world, home);
    struct tick due = core_deadline(h->core, now);
    if (due.ms == TICK_NEVER.ms) {
        return INT64_MAX;
    }
    int64_t at = world->now + (due.ms - now.mono.ms);
    at = at <= h->last_tick ? h->last_tick + 1 : at;
    return at < world->now ? world->now : at;
}
