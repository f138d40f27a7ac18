#include "tests/sim/queue.h"

#include <stdlib.h>

#include "node/base/assert.h"

enum {
    NEAR_BITS = 12, /* slots of 1 ms */
    FAR_BITS = 10,  /* slots of 4096 ms: 70 minutes; what comes later waits in one list */
    NEAR = 1 << NEAR_BITS,
    FAR = 1 << FAR_BITS,
};

#define NONE UINT32_MAX

struct slot {
    uint32_t first, last;
};

struct item {
    uint32_t next;
    struct queue_event event;
};

struct queue {
    uint32_t now;
    uint32_t item_count, free;
    struct item *items;
    struct slot near[NEAR], far[FAR], rest;
};

static void grow(struct queue *queue);
static struct slot *slot_for(struct queue *queue, uint32_t at);
static void append(struct queue *queue, struct slot *slot, uint32_t item);
static void spread(struct queue *queue, struct slot *from);

struct queue *queue_create(void) {
    struct queue *queue = calloc(1, sizeof *queue);
    ASSERT(queue != NULL);
    queue->free = NONE;
    for (uint32_t i = 0; i < NEAR; i++) {
        queue->near[i] = (struct slot){NONE, NONE};
    }
    for (uint32_t i = 0; i < FAR; i++) {
        queue->far[i] = (struct slot){NONE, NONE};
    }
    queue->rest = (struct slot){NONE, NONE};
    return queue;
}

void queue_destroy(struct queue *queue) {
    if (queue != NULL) {
        free(queue->items);
        free(queue);
    }
}

uint32_t queue_now(const struct queue *queue) {
    return queue->now;
}

void queue_add(struct queue *queue, uint32_t at, uint32_t kind, uint32_t ref) {
    ASSERT(at >= queue->now);
    if (queue->free == NONE) {
        grow(queue);
    }
    uint32_t item = queue->free;
    queue->free = queue->items[item].next;
    queue->items[item].event = (struct queue_event){.at = at, .ref = ref, .kind = kind};
    append(queue, slot_for(queue, at), item);
}

bool queue_take(struct queue *queue, uint32_t until, struct queue_event *out) {
    for (;;) {
        struct slot *slot = &queue->near[queue->now % NEAR];
        if (slot->first != NONE) {
            uint32_t item = slot->first;
            slot->first = queue->items[item].next;
            *out = queue->items[item].event;
            queue->items[item].next = queue->free;
            queue->free = item;
            return true;
        }
        if (queue->now >= until) {
            return false;
        }
        queue->now++;
        if (queue->now % NEAR == 0) {
            if (queue->now % ((uint32_t)NEAR * FAR) == 0) {
                spread(queue, &queue->rest);
            }
            spread(queue, &queue->far[(queue->now >> NEAR_BITS) % FAR]);
        }
    }
}

static void grow(struct queue *queue) {
    uint32_t more = queue->item_count == 0 ? 1024 : queue->item_count / 2;
    struct item *items = realloc(queue->items, (queue->item_count + more) * sizeof *items);
    ASSERT(items != NULL);
    queue->items = items;
    for (uint32_t i = queue->item_count + more; i > queue->item_count; i--) {
        items[i - 1].next = queue->free;
        queue->free = i - 1;
    }
    queue->item_count += more;
}

/* By the digits of its time that differ from now's: nothing goes into a nearer slot before what is
 * farther has been spread there, so the order of adding holds. */
static struct slot *slot_for(struct queue *queue, uint32_t at) {
    if (at >> NEAR_BITS == queue->now >> NEAR_BITS) {
        return &queue->near[at % NEAR];
    }
    if (at >> (NEAR_BITS + FAR_BITS) == queue->now >> (NEAR_BITS + FAR_BITS)) {
        return &queue->far[(at >> NEAR_BITS) % FAR];
    }
    return &queue->rest;
}

static void append(struct queue *queue, struct slot *slot, uint32_t item) {
    queue->items[item].next = NONE;
    if (slot->first == NONE) {
        slot->first = item;
    } else {
        queue->items[slot->last].next = item;
    }
    slot->last = item;
}

static void spread(struct queue *queue, struct slot *from) {
    uint32_t item = from->first;
    *from = (struct slot){NONE, NONE};
    while (item != NONE) {
        uint32_t next = queue->items[item].next;
        append(queue, slot_for(queue, queue->items[item].event.at), item);
        item = next;
    }
}
