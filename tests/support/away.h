/* What a home tells whoever comes by its catch-up door, without one that comes. */
#ifndef TESTS_SUPPORT_AWAY_H
#define TESTS_SUPPORT_AWAY_H

#include "tests/support/world.h"

struct link;

/* Says all of it over a link that it has, on which `queued` bytes wait each time, and returns how
 * many parts it told. Nothing of it arrives, and the link is good for nothing else. *rounds (NULL:
 * not wanted): how often the link had to drain. */
uint64_t away_tell(struct world *world, int home, size_t queued, size_t *rounds);

#endif
