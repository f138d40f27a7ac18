/* Invariants:
 *  1. items[] holds every key once, at a place that does not move; leaves and slots[] name places.
 *  2. A child's summary is of what is under it: count, sum, soonest end, and its first key.
 *  3. All leaves are equally deep. No node but the root is empty; where something was removed, two
 *     neighbours under one parent are merged once both together fill no more than half of one.
 *  4. slots[] is at most half full, its size a power of two. */
#include "node/overlay/set.h"

#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"

enum {
    LEAF_ROOM = 128,
    INNER_ROOM = 9, /* as large as a leaf */
    NONE = 0,       /* places and nodes are counted from 1 */
    FIRST_ROOM = 4,
};

struct summary {
    uint32_t node;
    uint32_t first; /* place of the smallest key */
    uint32_t count;
    struct instant soonest;
    struct sync_sum sum;
};

struct node {
    bool leaf;
    uint16_t count;
    union {
        uint32_t places[LEAF_ROOM];
        struct summary children[INNER_ROOM];
        uint32_t next_free;
    } as;
};

struct sync_set {
    size_t max;
    uint64_t seed;
    uint32_t root, count, height;             /* height: inner nodes on the way to a leaf */
    uint32_t item_room, item_used, free_item; /* a free item's `created` names the next one */
    uint32_t node_room, node_used, free_node, free_nodes;
    uint32_t slot_room, slot_bits;
    struct sync_item *items;
    struct node *nodes;
    uint32_t *slots; /* open addressing */
};

struct step { /* of the way from the root to a leaf */
    uint32_t node;
    uint16_t at;
};

static enum err reserve(struct sync_set *set);
static enum err grow_items(struct sync_set *set);
static enum err grow_nodes(struct sync_set *set);
static enum err grow_slots(struct sync_set *set);
static uint32_t take_item(struct sync_set *set);
static uint32_t take_node(struct sync_set *set, bool leaf);
static void free_node(struct sync_set *set, uint32_t node);
static uint32_t first_slot(const struct sync_set *set, const uint8_t *id);
static uint32_t slot_of(const struct sync_set *set, const struct id *id);
static void forget_slot(struct sync_set *set, uint32_t hole);

static void add_below(struct sync_set *set, uint32_t place);
static void split_root(struct sync_set *set);
static void split_child(struct sync_set *set, uint32_t parent, uint16_t at);
static void insert_place(const struct sync_set *set, struct node *leaf, uint32_t place);
static void remove_place(struct sync_set *set, uint32_t place);
static void mend_child(struct sync_set *set, const struct step *step, uint32_t place);
static bool merge_children(struct sync_set *set, struct node *parent, uint16_t at);
static void drop_child(struct node *parent, uint16_t at);
static void include(struct summary *summary, const struct sync_set *set, uint32_t place);
static struct summary summarise(const struct sync_set *set, uint32_t number);
static bool is_full(const struct node *node);
static size_t room_of(const struct node *node);

static uint16_t child_for(const struct sync_set *set, const struct node *node,
                          const struct sync_key *key);
static uint16_t lower_in_leaf(const struct sync_set *set, const struct node *leaf,
                              const struct sync_key *key);
static const struct sync_item *item_at(const struct sync_set *set, uint32_t place);
static struct sync_sum sum_before(const struct sync_set *set, size_t rank);
static void sum_add_id(struct sync_sum *sum, const struct id *id);
static void sum_add(struct sync_sum *sum, const struct sync_sum *more);
static void sum_take(struct sync_sum *sum, const struct sync_sum *less);

struct sync_set *sync_set_create(size_t max, uint64_t seed) {
    ASSERT(max > 0 && max <= SYNC_SET_MAX);
    struct sync_set *set = calloc(1, sizeof *set);
    if (set != NULL) {
        set->max = max;
        set->seed = seed | 1;
    }
    return set;
}

void sync_set_destroy(struct sync_set *set) {
    if (set != NULL) {
        free(set->items);
        free(set->nodes);
        free(set->slots);
        free(set);
    }
}

size_t sync_set_count(const struct sync_set *set) {
    return set->count;
}

size_t sync_set_bytes(const struct sync_set *set) {
    return sizeof *set + set->item_room * sizeof set->items[0] +
           set->node_room * sizeof set->nodes[0] + set->slot_room * sizeof set->slots[0];
}

enum err sync_set_add(struct sync_set *set, const struct sync_item *item) {
    if (sync_set_find(set, &item->key.id) != NULL) {
        return ERR_OK;
    }
    if (set->count == set->max) {
        return ERR_FULL_TABLE;
    }
    enum err err = reserve(set);
    if (err != ERR_OK) {
        return err;
    }
    ASSERT(set->items != NULL);
    ASSERT(set->slots != NULL);
    uint32_t place = take_item(set);
    set->items[place - 1] = *item;
    set->slots[slot_of(set, &item->key.id)] = place;
    set->count++;
    add_below(set, place);
    return ERR_OK;
}

bool sync_set_remove(struct sync_set *set, const struct id *id) {
    uint32_t slot = set->slot_room == 0 ? 0 : slot_of(set, id);
    uint32_t place = set->slot_room == 0 ? NONE : set->slots[slot];
    if (place == NONE) {
        return false;
    }
    remove_place(set, place);
    forget_slot(set, slot);
    set->items[place - 1].key.created.ms = set->free_item;
    set->free_item = place;
    set->count--;
    return true;
}

const struct sync_item *sync_set_find(const struct sync_set *set, const struct id *id) {
    uint32_t place = set->slot_room == 0 ? NONE : set->slots[slot_of(set, id)];
    return place == NONE ? NULL : item_at(set, place);
}

const struct sync_item *sync_set_find_short(const struct sync_set *set, const uint8_t id[16]) {
    if (set->slot_room == 0) {
        return NULL;
    }
    for (uint32_t slot = first_slot(set, id); set->slots[slot] != NONE;
         slot = (slot + 1) & (set->slot_room - 1)) {
        const struct sync_item *item = item_at(set, set->slots[slot]);
        if (memcmp(item->key.id.b, id, 16) == 0) {
            return item;
        }
    }
    return NULL;
}

const struct sync_item *sync_set_at(const struct sync_set *set, size_t rank) {
    if (rank >= set->count) {
        return NULL;
    }
    const struct node *node = &set->nodes[set->root - 1];
    while (!node->leaf) {
        uint16_t at = 0;
        while (rank >= node->as.children[at].count) {
            rank -= node->as.children[at++].count;
        }
        node = &set->nodes[node->as.children[at].node - 1];
    }
    return item_at(set, node->as.places[rank]);
}

const struct sync_item *sync_set_soonest(const struct sync_set *set) {
    if (set->count == 0) {
        return NULL;
    }
    const struct node *node = &set->nodes[set->root - 1];
    while (!node->leaf) {
        uint16_t best = 0;
        for (uint16_t i = 1; i < node->count; i++) {
            if (node->as.children[i].soonest.ms < node->as.children[best].soonest.ms) {
                best = i;
            }
        }
        node = &set->nodes[node->as.children[best].node - 1];
    }
    const struct sync_item *soonest = item_at(set, node->as.places[0]);
    for (uint16_t i = 1; i < node->count; i++) {
        const struct sync_item *item = item_at(set, node->as.places[i]);
        soonest = item->expires.ms < soonest->expires.ms ? item : soonest;
    }
    return soonest;
}

size_t sync_set_rank(const struct sync_set *set, const struct sync_key *key) {
    size_t rank = 0;
    const struct node *node = set->count == 0 ? NULL : &set->nodes[set->root - 1];
    while (node != NULL && !node->leaf) {
        uint16_t at = child_for(set, node, key);
        for (uint16_t i = 0; i < at; i++) {
            rank += node->as.children[i].count;
        }
        node = &set->nodes[node->as.children[at].node - 1];
    }
    return node == NULL ? 0 : rank + lower_in_leaf(set, node, key);
}

struct sync_sum sync_set_sum(const struct sync_set *set, size_t from, size_t to) {
    struct sync_sum sum = sum_before(set, to);
    struct sync_sum before = sum_before(set, from < to ? from : to);
    sum_take(&sum, &before);
    return sum;
}

int sync_key_compare(const struct sync_key *a, const struct sync_key *b) {
    if (a->created.ms != b->created.ms) {
        return a->created.ms < b->created.ms ? -1 : 1;
    }
    return id_compare(&a->id, &b->id);
}

/* ---- memory ---- */

/* For one item more, and what splits it may cause: one at every depth, and a new root. */
static enum err reserve(struct sync_set *set) {
    enum err err = ERR_OK;
    if (set->free_item == NONE && set->item_used == set->item_room) {
        err = grow_items(set);
    }
    bool splits = set->root != NONE &&
                  (!set->nodes[set->root - 1].leaf || is_full(&set->nodes[set->root - 1]));
    uint32_t wanted = splits ? set->height + 2 : set->root == NONE ? 1 : 0;
    while (err == ERR_OK && set->free_nodes + set->node_room - set->node_used < wanted) {
        err = grow_nodes(set);
    }
    if (err == ERR_OK && (set->count + 1) * 2 > set->slot_room) {
        err = grow_slots(set);
    }
    return err;
}

static enum err grow_items(struct sync_set *set) {
    uint32_t room = set->item_room == 0 ? FIRST_ROOM : set->item_room * 2;
    struct sync_item *items = reallocarray(set->items, room, sizeof *items);
    if (items == NULL) {
        return ERR_HOST_MEMORY;
    }
    set->items = items;
    set->item_room = room;
    return ERR_OK;
}

static enum err grow_nodes(struct sync_set *set) {
    uint32_t room = set->node_room == 0 ? 1 : set->node_room * 2;
    struct node *nodes = reallocarray(set->nodes, room, sizeof *nodes);
    if (nodes == NULL) {
        return ERR_HOST_MEMORY;
    }
    set->nodes = nodes;
    set->node_room = room;
    return ERR_OK;
}

static enum err grow_slots(struct sync_set *set) {
    uint32_t room = set->slot_room == 0 ? 2 * FIRST_ROOM : set->slot_room * 2;
    uint32_t *old = set->slots;
    uint32_t old_room = set->slot_room;
    uint32_t *slots = calloc(room, sizeof *slots);
    if (slots == NULL) {
        return ERR_HOST_MEMORY;
    }
    set->slots = slots;
    set->slot_room = room;
    set->slot_bits = (uint32_t)__builtin_ctz(room);
    for (uint32_t i = 0; i < old_room; i++) {
        if (old[i] != NONE) {
            slots[slot_of(set, &item_at(set, old[i])->key.id)] = old[i];
        }
    }
    free(old);
    return ERR_OK;
}

static uint32_t take_item(struct sync_set *set) {
    uint32_t place = set->free_item;
    if (place == NONE) {
        return ++set->item_used;
    }
    set->free_item = (uint32_t)set->items[place - 1].key.created.ms;
    return place;
}

static uint32_t take_node(struct sync_set *set, bool leaf) {
    uint32_t node = set->free_node;
    if (node == NONE) {
        ASSERT(set->node_used < set->node_room); /* reserved */
        node = ++set->node_used;
    } else {
        set->free_node = set->nodes[node - 1].as.next_free;
        set->free_nodes--;
    }
    set->nodes[node - 1].leaf = leaf;
    set->nodes[node - 1].count = 0;
    return node;
}

static void free_node(struct sync_set *set, uint32_t node) {
    set->nodes[node - 1].as.next_free = set->free_node;
    set->free_node = node;
    set->free_nodes++;
}

/* Multiply-shift with a secret odd number (Dietzfelbinger and others 1997): ids are hashes, but
 * whoever makes an object may choose among many. */
static uint32_t first_slot(const struct sync_set *set, const uint8_t *id) {
    return (uint32_t)((read_u64(id) * set->seed) >> (64 - set->slot_bits));
}

/* Where `id` is, or the empty slot where it would go. */
static uint32_t slot_of(const struct sync_set *set, const struct id *id) {
    uint32_t slot = first_slot(set, id->b);
    while (set->slots[slot] != NONE && !id_equal(&item_at(set, set->slots[slot])->key.id, id)) {
        slot = (slot + 1) & (set->slot_room - 1);
    }
    return slot;
}

/* Closes the hole, so that no search ends early: what follows in the run moves up where it may. */
static void forget_slot(struct sync_set *set, uint32_t hole) {
    uint32_t mask = set->slot_room - 1;
    for (uint32_t next = (hole + 1) & mask; set->slots[next] != NONE; next = (next + 1) & mask) {
        const struct id *id = &item_at(set, set->slots[next])->key.id;
        if (((next - first_slot(set, id->b)) & mask) >= ((next - hole) & mask)) {
            set->slots[hole] = set->slots[next];
            hole = next;
        }
    }
    set->slots[hole] = NONE;
}

/* ---- the tree ---- */

/* Splits what is full on the way down, so that there is always room above. */
static void add_below(struct sync_set *set, uint32_t place) {
    const struct sync_key *key = &item_at(set, place)->key;
    if (set->root == NONE) {
        set->root = take_node(set, true);
    }
    if (is_full(&set->nodes[set->root - 1])) {
        split_root(set);
    }
    uint32_t at_node = set->root;
    while (!set->nodes[at_node - 1].leaf) {
        uint16_t at = child_for(set, &set->nodes[at_node - 1], key);
        if (is_full(&set->nodes[set->nodes[at_node - 1].as.children[at].node - 1])) {
            split_child(set, at_node, at);
            at = child_for(set, &set->nodes[at_node - 1], key);
        }
        struct summary *child = &set->nodes[at_node - 1].as.children[at];
        include(child, set, place);
        at_node = child->node;
    }
    insert_place(set, &set->nodes[at_node - 1], place);
}

static void split_root(struct sync_set *set) {
    uint32_t old = set->root;
    set->root = take_node(set, false);
    set->height++;
    ASSERT(set->height < SYNC_SET_DEPTH);
    struct node *root = &set->nodes[set->root - 1];
    root->as.children[0] = summarise(set, old);
    root->count = 1;
    split_child(set, set->root, 0);
}

/* The upper half goes into a new node to the right. */
static void split_child(struct sync_set *set, uint32_t parent_node, uint16_t at) {
    uint32_t left_node = set->nodes[parent_node - 1].as.children[at].node;
    uint32_t right_node = take_node(set, set->nodes[left_node - 1].leaf);
    struct node *parent = &set->nodes[parent_node - 1];
    struct node *left = &set->nodes[left_node - 1];
    struct node *right = &set->nodes[right_node - 1];
    uint16_t kept = left->count / 2;
    right->count = (uint16_t)(left->count - kept);
    left->count = kept;
    if (left->leaf) {
        memcpy(right->as.places, left->as.places + kept, right->count * sizeof(uint32_t));
    } else {
        memcpy(right->as.children, left->as.children + kept, right->count * sizeof(struct summary));
    }
    memmove(&parent->as.children[at + 2], &parent->as.children[at + 1],
            (size_t)(parent->count - at - 1) * sizeof(struct summary));
    parent->count++;
    parent->as.children[at] = summarise(set, left_node);
    parent->as.children[at + 1] = summarise(set, right_node);
}

static void insert_place(const struct sync_set *set, struct node *leaf, uint32_t place) {
    uint16_t at = lower_in_leaf(set, leaf, &item_at(set, place)->key);
    memmove(&leaf->as.places[at + 1], &leaf->as.places[at],
            (size_t)(leaf->count - at) * sizeof(uint32_t));
    leaf->as.places[at] = place;
    leaf->count++;
}

static void remove_place(struct sync_set *set, uint32_t place) {
    const struct sync_key *key = &item_at(set, place)->key;
    struct step path[SYNC_SET_DEPTH];
    size_t depth = 0;
    uint32_t at_node = set->root;
    while (!set->nodes[at_node - 1].leaf) {
        uint16_t at = child_for(set, &set->nodes[at_node - 1], key);
        path[depth++] = (struct step){at_node, at};
        at_node = set->nodes[at_node - 1].as.children[at].node;
    }
    struct node *leaf = &set->nodes[at_node - 1];
    uint16_t at = lower_in_leaf(set, leaf, key);
    ASSERT(leaf->as.places[at] == place);
    leaf->count--;
    memmove(&leaf->as.places[at], &leaf->as.places[at + 1],
            (size_t)(leaf->count - at) * sizeof(uint32_t));
    while (depth > 0) {
        mend_child(set, &path[--depth], place);
    }
    while (!set->nodes[set->root - 1].leaf && set->nodes[set->root - 1].count == 1) {
        uint32_t only = set->nodes[set->root - 1].as.children[0].node;
        free_node(set, set->root);
        set->root = only;
        set->height--;
    }
}

/* After `place` went from under it. */
static void mend_child(struct sync_set *set, const struct step *step, uint32_t place) {
    struct node *parent = &set->nodes[step->node - 1];
    struct summary *child = &parent->as.children[step->at];
    const struct node *node = &set->nodes[child->node - 1];
    const struct sync_item *gone = item_at(set, place);
    if (node->count == 0) {
        free_node(set, child->node);
        drop_child(parent, step->at);
        return;
    }
    if (child->first == place || child->soonest.ms == gone->expires.ms || !node->leaf) {
        *child = summarise(set, child->node);
    } else {
        struct sync_sum less = {{0}};
        sum_add_id(&less, &gone->key.id);
        sum_take(&child->sum, &less);
        child->count--;
    }
    if (step->at + 1 == parent->count || !merge_children(set, parent, step->at)) {
        if (step->at > 0) {
            (void)merge_children(set, parent, (uint16_t)(step->at - 1));
        }
    }
}

/* `at` and the next, when both are no more than half of one. */
static bool merge_children(struct sync_set *set, struct node *parent, uint16_t at) {
    uint32_t right_node = parent->as.children[at + 1].node;
    struct node *left = &set->nodes[parent->as.children[at].node - 1];
    const struct node *right = &set->nodes[right_node - 1];
    if ((size_t)(left->count + right->count) * 2 > room_of(left)) {
        return false;
    }
    if (left->leaf) {
        memcpy(left->as.places + left->count, right->as.places, right->count * sizeof(uint32_t));
    } else {
        memcpy(left->as.children + left->count, right->as.children,
               right->count * sizeof(struct summary));
    }
    left->count = (uint16_t)(left->count + right->count);
    free_node(set, right_node);
    drop_child(parent, (uint16_t)(at + 1));
    parent->as.children[at] = summarise(set, parent->as.children[at].node);
    return true;
}

static void drop_child(struct node *parent, uint16_t at) {
    parent->count--;
    memmove(&parent->as.children[at], &parent->as.children[at + 1],
            (size_t)(parent->count - at) * sizeof(struct summary));
}

static void include(struct summary *summary, const struct sync_set *set, uint32_t place) {
    const struct sync_item *item = item_at(set, place);
    if (summary->count == 0 ||
        sync_key_compare(&item->key, &item_at(set, summary->first)->key) < 0) {
        summary->first = place;
    }
    if (summary->count == 0 || item->expires.ms < summary->soonest.ms) {
        summary->soonest = item->expires;
    }
    summary->count++;
    sum_add_id(&summary->sum, &item->key.id);
}

static struct summary summarise(const struct sync_set *set, uint32_t number) {
    const struct node *node = &set->nodes[number - 1];
    struct summary all = {.node = number};
    for (uint16_t i = 0; i < node->count; i++) {
        if (node->leaf) {
            include(&all, set, node->as.places[i]);
            continue;
        }
        const struct summary *child = &node->as.children[i];
        all.first = i == 0 ? child->first : all.first;
        if (i == 0 || child->soonest.ms < all.soonest.ms) {
            all.soonest = child->soonest;
        }
        all.count += child->count;
        sum_add(&all.sum, &child->sum);
    }
    return all;
}

static bool is_full(const struct node *node) {
    return node->count == room_of(node);
}

static size_t room_of(const struct node *node) {
    return node->leaf ? LEAF_ROOM : INNER_ROOM;
}

/* ---- looking ---- */

/* The last child that begins at or before `key`, else the first. */
static uint16_t child_for(const struct sync_set *set, const struct node *node,
                          const struct sync_key *key) {
    uint16_t low = 0;
    uint16_t high = node->count;
    while (high - low > 1) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (sync_key_compare(&item_at(set, node->as.children[middle].first)->key, key) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint16_t lower_in_leaf(const struct sync_set *set, const struct node *leaf,
                              const struct sync_key *key) {
    uint16_t low = 0;
    uint16_t high = leaf->count;
    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (sync_key_compare(&item_at(set, leaf->as.places[middle])->key, key) < 0) {
            low = (uint16_t)(middle + 1);
        } else {
            high = middle;
        }
    }
    return low;
}

static const struct sync_item *item_at(const struct sync_set *set, uint32_t place) {
    return &set->items[place - 1];
}

static struct sync_sum sum_before(const struct sync_set *set, size_t rank) {
    struct sync_sum sum = {{0}};
    if (set->count == 0) {
        return sum;
    }
    const struct node *node = &set->nodes[set->root - 1];
    rank = rank < set->count ? rank : set->count;
    while (!node->leaf) {
        uint16_t at = 0;
        while (at + 1 < node->count && rank >= node->as.children[at].count) {
            rank -= node->as.children[at].count;
            sum_add(&sum, &node->as.children[at++].sum);
        }
        node = &set->nodes[node->as.children[at].node - 1];
    }
    for (size_t i = 0; i < rank; i++) {
        sum_add_id(&sum, &item_at(set, node->as.places[i])->key.id);
    }
    return sum;
}

static void sum_add_id(struct sync_sum *sum, const struct id *id) {
    struct sync_sum one;
    for (size_t i = 0; i < COUNT_OF(one.limb); i++) {
        uint64_t limb = 0;
        for (size_t b = 8; b > 0; b--) {
            limb = limb << 8 | id->b[i * 8 + b - 1];
        }
        one.limb[i] = limb;
    }
    sum_add(sum, &one);
}

static void sum_add(struct sync_sum *sum, const struct sync_sum *more) {
    bool carry = false;
    for (size_t i = 0; i < COUNT_OF(sum->limb); i++) {
        uint64_t with = sum->limb[i] + carry;
        carry = with < sum->limb[i];
        sum->limb[i] = with + more->limb[i];
        carry |= sum->limb[i] < with;
    }
}

static void sum_take(struct sync_sum *sum, const struct sync_sum *less) {
    bool borrow = false;
    for (size_t i = 0; i < COUNT_OF(sum->limb); i++) {
        uint64_t take = less->limb[i] + borrow;
        bool over = take < less->limb[i]; /* all ones and a borrow: takes nothing, borrows on */
        borrow = over || sum->limb[i] < take;
        sum->limb[i] -= take;
    }
}
