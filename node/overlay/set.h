/* The live objects in the order of reconciliation: (created, id) (PROTOCOL 5.1).
 *
 * A counted B+-tree (Bayer and McCreight 1972; the counts make it an order-statistic tree): each
 * child's entry carries how many keys are under it, the sum of their ids mod 2^256, and the
 * soonest end, so that the rank of a key, the sum of a range and the next object to expire cost
 * O(log n). A hash table of the ids beside it answers whether one is there.
 *
 * Memory: grows with what is in it, to `max` objects; nothing is allocated by what only reads.
 * Keys come from others: the hash is seeded, and no order of adding and removing makes the tree
 * deeper than SYNC_SET_DEPTH or emptier than a quarter of its nodes' room. */
#ifndef NODE_OVERLAY_SET_H
#define NODE_OVERLAY_SET_H

#include "node/base/bytes.h"
#include "node/base/instant.h"

enum {
    SYNC_SET_MAX = 1 << 24,
    SYNC_SET_DEPTH = 12
};

struct sync_set;

struct sync_key { /* where an object stands in the order */
    struct instant created;
    struct id id;
};

struct sync_item {
    struct sync_key key;
    struct instant expires;
};

struct sync_sum { /* of ids, each a number of 32 bytes, little-endian */
    uint64_t limb[4];
};

/* `max` from 1 to SYNC_SET_MAX; `seed` unknown to others. NULL when memory is short. */
struct sync_set *sync_set_create(size_t max, uint64_t seed);
void sync_set_destroy(struct sync_set *set); /* NULL is fine */

size_t sync_set_count(const struct sync_set *set);
size_t sync_set_bytes(const struct sync_set *set); /* of memory */

/* ERR_OK also when it is there already. ERR_FULL_TABLE, ERR_HOST_MEMORY; then nothing changed. */
MUST_USE enum err sync_set_add(struct sync_set *set, const struct sync_item *item);
/* False when it is not there. */
bool sync_set_remove(struct sync_set *set, const struct id *id);

/* Borrowed until the next change; NULL when it is not there. */
const struct sync_item *sync_set_find(const struct sync_set *set, const struct id *id);
/* The same by the first 16 bytes of its id; of two with the same ones, either. */
const struct sync_item *sync_set_find_short(const struct sync_set *set, const uint8_t id[16]);
/* The item at `rank`, counted from 0 in order of keys; NULL past the end. Borrowed likewise. */
const struct sync_item *sync_set_at(const struct sync_set *set, size_t rank);
/* The one that ends soonest; NULL when the set is empty. Borrowed likewise. */
const struct sync_item *sync_set_soonest(const struct sync_set *set);

/* How many keys are smaller. */
size_t sync_set_rank(const struct sync_set *set, const struct sync_key *key);
/* Of the keys at ranks `from` to `to`, exclusive; both are cut to the count. */
struct sync_sum sync_set_sum(const struct sync_set *set, size_t from, size_t to);

int sync_key_compare(const struct sync_key *a, const struct sync_key *b);

#endif
