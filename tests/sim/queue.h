/* What happens when, in milliseconds from the start of a simulation: a timing wheel (Varghese and
 * Lauck, SOSP 1987). Events of one millisecond come in the order in which they were added, so a run
 * depends on nothing but its seed.
 *
 * Memory: grows with the events that wait, 20 bytes each. */
#ifndef TESTS_SIM_QUEUE_H
#define TESTS_SIM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct queue;

struct queue_event {
    uint32_t at;
    uint32_t ref; /* to what it happens */
    uint32_t kind;
};

struct queue *queue_create(void); /* ends the process when memory is short, as all of tests/sim/ */
void queue_destroy(struct queue *queue);

uint32_t queue_now(const struct queue *queue);
/* Not before now. */
void queue_add(struct queue *queue, uint32_t at, uint32_t kind, uint32_t ref);
/* The next one that is due by `until`, or false, and then it is `until`. */
bool queue_take(struct queue *queue, uint32_t until, struct queue_event *out);

#endif
