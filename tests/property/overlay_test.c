/* Reconciliation against a slow, obvious model: sets of objects in a plain array, ranges by looking
 * at every one, sums by adding them up. Two engines talk, random objects come, expire and are
 * refused; and a hostile peer says whatever it likes. */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/support/members.h"

enum {
    OBJECTS = 1500,
    PEERS = 2,
    LINK = 7,
    SALT = 99,
    SYNC_MAX_MS = 60000,
};

struct thing {
    struct sync_key key;
    struct instant expires;
};

struct node {
    struct overlay *overlay;
    bool has[OBJECTS];     /* the model's view */
    bool refuses[OBJECTS]; /* core would ignore it */
    size_t pushed;         /* to it, all together */
    size_t looked_at;      /* of those it refuses: how often it was worth a look */
};

struct pair {
    struct thing things[OBJECTS];
    size_t count;
    struct node nodes[PEERS];
    struct now now;
    uint64_t random;
    size_t messages, bytes, rounds;
};

struct letter { /* what one engine told the other, kept until it is taken */
    struct link_message message;
    int to;
};

static uint64_t draw(struct pair *pair) {
    uint64_t z = (pair->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void step(struct pair *pair, int at, const struct overlay_event *event);

static void start(struct pair *pair, uint64_t seed) {
    memset(pair, 0, sizeof *pair);
    pair->random = seed;
    pair->now = (struct now){.wall = {1000000000}, .mono = {5000}};
    for (int i = 0; i < PEERS; i++) {
        struct node *node = &pair->nodes[i];
        node->overlay = members_overlay((peer_no)i);
    }
}

static void finish(struct pair *pair) {
    for (int i = 0; i < PEERS; i++) {
        overlay_destroy(pair->nodes[i].overlay);
    }
}

static size_t find(const struct pair *pair, const struct id *id) {
    for (size_t i = 0; i < pair->count; i++) {
        if (id_equal(&pair->things[i].key.id, id)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void link_both(struct pair *pair) {
    for (int i = PEERS - 1; i >= 0; i--) { /* who answers first: it is spoken to at once */
        step(pair, i,
             &(struct overlay_event){.kind = OVERLAY_EV_LINK_UP,
                                     .peer = (peer_no)(1 - i),
                                     .link = LINK,
                                     .dialled = i == 0});
    }
}

static void add(struct pair *pair, int at, size_t i, link_no from, uint8_t hops) {
    if (pair->nodes[at].has[i]) {
        return;
    }
    pair->nodes[at].has[i] = true;
    step(pair, at,
         &(struct overlay_event){.kind = OVERLAY_EV_ACCEPTED,
                                 .link = from,
                                 .hops = hops,
                                 .key = pair->things[i].key,
                                 .expires = pair->things[i].expires});
}

static size_t make(struct pair *pair, int64_t created, int64_t life) {
    CHECK(pair->count < OBJECTS);
    struct thing *thing = &pair->things[pair->count];
    thing->key.created.ms = created;
    for (size_t i = 0; i < 32; i += 8) {
        write_u64(thing->key.id.b + i, draw(pair));
    }
    thing->expires.ms = created + life;
    return pair->count++;
}

/* Steps one engine and takes care of what it says, which may step the other. */
static void step(struct pair *pair, int at, const struct overlay_event *event) {
    struct overlay_actions *actions = malloc(sizeof *actions);
    struct letter *letters = NULL;
    size_t letter_count = 0;
    struct overlay_action *pushes = NULL;
    size_t push_count = 0;
    struct node *node = &pair->nodes[at];
    struct node *other = &pair->nodes[1 - at];
    ASSERT(actions != NULL);
    CHECK_ERR(ERR_OK, overlay_step(node->overlay, event, pair->now, draw(pair), actions));
    CHECK(actions->count <= OVERLAY_ACTIONS_MAX);
    letters = calloc(actions->count + 1, sizeof *letters);
    pushes = calloc(actions->count + 1, sizeof *pushes);
    ASSERT(letters != NULL);
    ASSERT(pushes != NULL);
    for (size_t i = 0; i < actions->count; i++) {
        const struct overlay_action *action = &actions->list[i];
        size_t thing = 0;
        switch (action->kind) {
        case OVERLAY_ACT_SEND:
            letters[letter_count++] = (struct letter){*action->message, 1 - at};
            break;
        case OVERLAY_ACT_PUSH:
            thing = find(pair, &action->id);
            CHECK(thing != SIZE_MAX); /* it was accepted, and is not gone */
            CHECK(node->has[thing]);
            pushes[push_count++] = *action;
            break;
        case OVERLAY_ACT_DROP:
            thing = find(pair, &action->id);
            CHECK(thing != SIZE_MAX);
            CHECK(node->has[thing]);
            CHECK(instant_reached(pair->now.wall, pair->things[thing].expires));
            node->has[thing] = false;
            break;
        case OVERLAY_ACT_DIAL:
        case OVERLAY_ACT_CLOSE:
        case OVERLAY_ACT_PING:
        case OVERLAY_ACT_KEEP:
            break;
        }
    }
    free(actions);
    for (size_t i = 0; i < push_count; i++) {
        const struct id *id = &pushes[i].id;
        size_t thing = find(pair, id);
        pair->bytes += 1000;
        other->pushed++;
        if (overlay_look_up(other->overlay, id, false, pair->now) != OVERLAY_WANTED) {
            continue;
        }
        if (other->refuses[thing] || instant_reached(pair->now.wall, pair->things[thing].expires)) {
            other->looked_at++;
            step(pair, 1 - at, &(struct overlay_event){.kind = OVERLAY_EV_IGNORED, .key.id = *id});
        } else {
            add(pair, 1 - at, thing, LINK, pushes[i].hops);
        }
    }
    for (size_t i = 0; i < letter_count; i++) {
        SCOPED(buffer_finish) struct buffer body = {.max = 65536};
        struct link_message *taken = malloc(sizeof *taken);
        ASSERT(taken != NULL);
        CHECK_ERR(ERR_OK, link_encode(&letters[i].message, &body)); /* it fits the wire */
        CHECK_ERR(ERR_OK,
                  link_decode((uint8_t)letters[i].message.kind, buffer_bytes(&body), taken));
        pair->messages++;
        pair->bytes += body.len;
        pair->rounds += letters[i].message.kind == LINK_SYNC ? 1 : 0;
        step(pair, letters[i].to,
             &(struct overlay_event){.kind = OVERLAY_EV_MESSAGE, .link = LINK, .message = taken});
        free(taken);
    }
    free(letters);
    free(pushes);
    if (push_count > 0) {
        step(pair, at, &(struct overlay_event){.kind = OVERLAY_EV_DRAINED, .link = LINK});
    }
}

static void pass(struct pair *pair, int64_t ms) {
    int64_t end = pair->now.mono.ms + ms;
    while (pair->now.mono.ms < end) {
        struct tick due = tick_earliest(overlay_deadline(pair->nodes[0].overlay, pair->now),
                                        overlay_deadline(pair->nodes[1].overlay, pair->now));
        int64_t next = due.ms > end ? end : due.ms;
        next = next <= pair->now.mono.ms ? pair->now.mono.ms + 1 : next;
        pair->now.wall.ms += next - pair->now.mono.ms;
        pair->now.mono.ms = next;
        for (int i = 0; i < PEERS; i++) {
            step(pair, i, &(struct overlay_event){.kind = OVERLAY_EV_HEARD, .link = LINK});
            step(pair, i, &(struct overlay_event){.kind = OVERLAY_EV_TICK});
        }
    }
}

static bool same(const struct pair *pair) {
    return memcmp(pair->nodes[0].has, pair->nodes[1].has, sizeof pair->nodes[0].has) == 0;
}

static void check_counts(const struct pair *pair) {
    for (int i = 0; i < PEERS; i++) {
        size_t count = 0;
        for (size_t k = 0; k < pair->count; k++) {
            const struct id *id = &pair->things[k].key.id;
            bool known =
                overlay_look_up(pair->nodes[i].overlay, id, false, pair->now) == OVERLAY_DUPLICATE;
            CHECK(known == pair->nodes[i].has[k]);
            count += known ? 1 : 0;
        }
        CHECK(overlay_object_count(pair->nodes[i].overlay) == count);
    }
}

static void test_two_sets_become_one_whatever_they_were(void **state) {
    (void)state;
    static struct pair pair;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        start(&pair, seed);
        size_t count = (size_t)(draw(&pair) % (seed % 10 == 0 ? OBJECTS : 300));
        unsigned shape = (unsigned)(draw(&pair) % 4);
        for (size_t i = 0; i < count; i++) {
            /* Many in one millisecond, too: the order is then that of the ids. */
            int64_t created = pair.now.wall.ms - (int64_t)(draw(&pair) % (shape == 3 ? 3 : 100000));
            size_t thing = make(&pair, created, 3600000);
            unsigned who = (unsigned)(draw(&pair) % 100);
            bool late = created > pair.now.wall.ms - 20000;
            bool first = shape == 0 ? who < 90 : shape == 1 ? true : who < 99;
            bool second = shape == 0 ? who >= 10 : shape == 1 ? !late : who >= 1;
            if (first) {
                add(&pair, 0, thing, 0, 0);
            }
            if (second) {
                add(&pair, 1, thing, 0, 0);
            }
        }
        link_both(&pair);
        for (int i = 0; i < 40 && !same(&pair); i++) {
            pass(&pair, 500);
        }
        CHECK(same(&pair));
        check_counts(&pair);
        finish(&pair);
    }
}

/* A home that was away missed a run of time: one comparison finds it, and what comes beside the
 * objects is little. */
static void test_a_missed_run_of_time_costs_little_beside_the_objects(void **state) {
    (void)state;
    static struct pair pair;
    start(&pair, 5);
    for (size_t i = 0; i < 1400; i++) {
        size_t thing = make(&pair, pair.now.wall.ms - 200000 + (int64_t)i * 100, 3600000);
        add(&pair, 0, thing, 0, 0);
        if (i < 1340) {
            add(&pair, 1, thing, 0, 0);
        }
    }
    link_both(&pair);
    pass(&pair, 20000);
    CHECK(same(&pair));
    CHECK(pair.nodes[1].pushed == 60); /* none twice */
    if (pair.bytes - 60000 > 120000) {
        fail_msg("%zu bytes beside the objects, %zu messages", pair.bytes - 60000, pair.messages);
    }
    finish(&pair);
}

static void test_what_expires_is_gone_on_both_sides_and_does_not_come_back(void **state) {
    (void)state;
    static struct pair pair;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        start(&pair, seed);
        link_both(&pair);
        for (int round = 0; round < 30; round++) {
            for (size_t i = 0; i < 10; i++) {
                size_t thing = make(&pair, pair.now.wall.ms - (int64_t)(draw(&pair) % 5000),
                                    6000 + (int64_t)(draw(&pair) % 60000));
                add(&pair, (int)(draw(&pair) % 2), thing, 0, 0);
            }
            pass(&pair, (int64_t)(draw(&pair) % 5000));
        }
        pass(&pair, 5000);
        CHECK(same(&pair));
        check_counts(&pair);
        pass(&pair, 120000);
        CHECK(overlay_object_count(pair.nodes[0].overlay) == 0);
        CHECK(overlay_object_count(pair.nodes[1].overlay) == 0);
        finish(&pair);
    }
}

/* One side will not have some of them: that difference stays, and must not keep both busy. */
static void test_what_one_side_refuses_is_offered_ever_more_rarely(void **state) {
    (void)state;
    static struct pair pair;
    start(&pair, 3);
    for (size_t i = 0; i < 20; i++) {
        size_t thing = make(&pair, pair.now.wall.ms - 1000, 3600000);
        pair.nodes[1].refuses[thing] = i < 5;
        add(&pair, 0, thing, 0, 0);
    }
    link_both(&pair);
    pass(&pair, 5000);
    CHECK(overlay_object_count(pair.nodes[1].overlay) == 15);
    pair.messages = 0;
    pair.nodes[1].looked_at = 0;
    pass(&pair, 600000);
    /* Ten minutes: each side opens one round each 30 to 60 s. */
    if (pair.messages > 150 || pair.nodes[1].looked_at > 55) {
        fail_msg("%zu messages, %zu looks", pair.messages, pair.nodes[1].looked_at);
    }
    for (size_t i = 0; i < 5; i++) {
        pair.nodes[1].refuses[i] = false;
    }
    pass(&pair, 2 * SYNC_MAX_MS);
    CHECK(same(&pair));
    finish(&pair);
}

/* ---- a peer that says what it likes ---- */

/* A key as PROTOCOL 5.1 cuts it down to a bound. */
static struct sync_bound bound_of(const struct sync_key *key) {
    struct sync_bound bound;
    uint8_t created[8];
    write_u64(created, (uint64_t)key->created.ms);
    memcpy(bound.b, created + 2, 6);
    memcpy(bound.b + 6, key->id.b, 8);
    return bound;
}

static bool inside(const struct sync_key *key, const struct sync_bound *lower,
                   const struct sync_bound *upper) {
    struct sync_bound bound = bound_of(key);
    return memcmp(bound.b, lower->b, sizeof(struct sync_bound)) >= 0 &&
           memcmp(bound.b, upper->b, sizeof(struct sync_bound)) < 0;
}

/* PROTOCOL 5.1, written out once more. Answers how many are in the range. */
static size_t model_print(const struct pair *pair, int at, const struct sync_bound *lower,
                          const struct sync_bound *upper, uint64_t salt,
                          uint8_t out[SYNC_PRINT_BYTES]) {
    uint8_t sum[48] = {0};
    size_t count = 0;
    for (size_t i = 0; i < pair->count; i++) {
        const struct sync_key *key = &pair->things[i].key;
        if (!pair->nodes[at].has[i] || !inside(key, lower, upper)) {
            continue;
        }
        unsigned carry = 0;
        for (int b = 0; b < 32; b++) {
            carry += (unsigned)sum[b] + key->id.b[b];
            sum[b] = (uint8_t)(carry & 0xff);
            carry >>= 8;
        }
        count++;
    }
    write_u64(sum + 32, count);
    write_u64(sum + 40, salt);
    uint8_t hash[32];
    hash_labelled("stoop range v1", (struct bytes){NULL, 0}, BYTES_OF(sum), hash, sizeof hash);
    memcpy(out, hash, SYNC_PRINT_BYTES);
    return count;
}

static void random_bound(struct pair *pair, struct sync_bound *out) {
    struct sync_key key = pair->things[draw(pair) % pair->count].key;
    key.created.ms += draw(pair) % 2 == 0 ? 0 : (int64_t)(draw(pair) % 2000) - 1000;
    *out = bound_of(&key);
}

/* Parts that follow each other without a gap, and fingerprints that are the model's. */
static void check_cut(const struct pair *pair, const struct link_message *cut,
                      const struct link_message *asked, size_t count) {
    struct sync_bound from = asked->as.sync.lower;
    size_t all = 0;
    CHECK(cut->kind == LINK_SYNC);
    CHECK(cut->as.sync.round == asked->as.sync.round + 1);
    CHECK(memcmp(cut->as.sync.lower.b, from.b, sizeof(struct sync_bound)) == 0);
    CHECK(cut->as.sync.count > 1 && cut->as.sync.count <= SYNC_PARTS);
    for (size_t k = 0; k < cut->as.sync.count; k++) {
        const struct sync_print *part = &cut->as.sync.prints[k];
        uint8_t print[SYNC_PRINT_BYTES];
        all += model_print(pair, 0, &from, &part->upper, cut->as.sync.salt, print);
        CHECK(memcmp(print, part->print, sizeof print) == 0);
        from = part->upper;
    }
    CHECK(memcmp(from.b, asked->as.sync.prints[0].upper.b, sizeof(struct sync_bound)) == 0);
    CHECK(all == count);
}

static void check_listed(const struct pair *pair, const struct link_message *ids,
                         const struct link_message *asked, size_t count) {
    size_t found = 0;
    CHECK(ids->kind == LINK_SYNC_IDS);
    CHECK(ids->as.sync_ids.count == count);
    for (size_t i = 0; i < pair->count; i++) {
        struct sync_short own;
        sync_shorten(ids->as.sync_ids.salt, &pair->things[i].key.id, &own);
        for (size_t k = 0; k < count; k++) {
            if (memcmp(own.b, ids->as.sync_ids.ids[k].b, sizeof own.b) == 0) {
                CHECK(inside(&pair->things[i].key, &asked->as.sync.lower,
                             &asked->as.sync.prints[0].upper));
                found++;
            }
        }
    }
    CHECK(found == count);
}

static void test_any_range_is_answered_as_the_model_says(void **state) {
    (void)state;
    static struct pair pair;
    static struct overlay_actions actions;
    static struct link_message sync;
    size_t equal = 0;
    size_t listed = 0;
    size_t cut = 0;
    start(&pair, 8);
    link_both(&pair);
    for (size_t i = 0; i < 900; i++) {
        add(&pair, 0, make(&pair, pair.now.wall.ms - (int64_t)(draw(&pair) % 100000), 3600000), 0,
            0);
    }
    for (int i = 0; i < 900; i++) {
        struct sync_print *print = &sync.as.sync.prints[0];
        sync = (struct link_message){.kind = LINK_SYNC};
        random_bound(&pair, &sync.as.sync.lower);
        random_bound(&pair, &print->upper);
        if (i % 3 == 0) { /* near enough to be listed */
            print->upper = sync.as.sync.lower;
            print->upper.b[4] += 8;
        }
        if (memcmp(sync.as.sync.lower.b, print->upper.b, sizeof(struct sync_bound)) >= 0) {
            continue; /* the fence lets none of these in */
        }
        sync.as.sync.count = 1;
        sync.as.sync.round = 1 + (uint32_t)(draw(&pair) % 5);
        sync.as.sync.salt = draw(&pair);
        size_t count = model_print(&pair, 0, &sync.as.sync.lower, &print->upper, sync.as.sync.salt,
                                   print->print);
        bool spoil = draw(&pair) % 4 != 0;
        print->print[draw(&pair) % SYNC_PRINT_BYTES] ^= spoil ? 1 : 0;
        pair.now.mono.ms += 1000;
        const struct overlay_event event = {
            .kind = OVERLAY_EV_MESSAGE, .link = LINK, .message = &sync};
        CHECK_ERR(ERR_OK, overlay_step(pair.nodes[0].overlay, &event, pair.now, 1, &actions));
        CHECK(actions.count == (spoil ? 1 : 0));
        if (!spoil) {
            equal++;
        } else if (count <= SYNC_LISTED) {
            check_listed(&pair, actions.list[0].message, &sync, count);
            listed++;
        } else {
            check_cut(&pair, actions.list[0].message, &sync, count);
            cut++;
        }
    }
    CHECK(equal > 50);
    CHECK(listed > 50);
    CHECK(cut > 50);
    finish(&pair);
}

static int compare_prints(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct sync_bound));
}

static void test_a_hostile_peer_gets_bounded_answers_and_nothing_that_it_may_not(void **state) {
    (void)state;
    static struct pair pair;
    static struct overlay_actions actions;
    static struct link_message said;
    size_t answered = 0;
    start(&pair, 9);
    link_both(&pair);
    for (size_t i = 0; i < OBJECTS; i++) {
        add(&pair, 0, make(&pair, pair.now.wall.ms - (int64_t)(draw(&pair) % 100000), 3600000), 0,
            0);
    }
    for (int i = 0; i < 6000; i++) {
        unsigned kind = (unsigned)(draw(&pair) % 3);
        said = (struct link_message){.kind = kind == 0   ? LINK_SYNC
                                             : kind == 1 ? LINK_SYNC_IDS
                                                         : LINK_SYNC_WANT};
        pair.now.mono.ms += 1000;
        if (kind == 0) {
            said.as.sync.round = (uint32_t)(draw(&pair) % 16);
            said.as.sync.count = 1 + (size_t)(draw(&pair) % LINK_PRINTS_MAX);
            for (size_t k = 0; k < said.as.sync.count; k++) {
                random_bound(&pair, &said.as.sync.prints[k].upper);
                said.as.sync.prints[k].print[0] = (uint8_t)draw(&pair);
            }
            qsort(said.as.sync.prints, said.as.sync.count, sizeof said.as.sync.prints[0],
                  compare_prints);
        } else {
            said.as.sync_ids.span_count = 1;
            memset(said.as.sync_ids.spans[0].upper.b, 0xff, sizeof(struct sync_bound));
            said.as.sync_ids.count = (size_t)(draw(&pair) % LINK_SHORTS_MAX);
            write_u16(said.as.sync_ids.spans[0].count, (uint16_t)said.as.sync_ids.count);
            for (size_t k = 0; k < said.as.sync_ids.count; k++) {
                sync_shorten(0, &pair.things[draw(&pair) % OBJECTS].key.id,
                             &said.as.sync_ids.ids[k]);
                said.as.sync_ids.ids[k].b[0] ^= (uint8_t)(draw(&pair) % 2);
            }
        }
        const struct overlay_event event = {
            .kind = OVERLAY_EV_MESSAGE, .link = LINK, .message = &said};
        enum err err = overlay_step(pair.nodes[0].overlay, &event, pair.now, 1, &actions);
        CHECK(err == ERR_OK || err == ERR_PEER_BOUNDS);
        CHECK(err == ERR_OK || (said.kind == LINK_SYNC && said.as.sync.round > 12));
        CHECK(actions.count <= SYNC_MESSAGES_MAX + 16);
        for (size_t k = 0; k < actions.count; k++) {
            const struct overlay_action *action = &actions.list[k];
            CHECK(action->link == LINK);
            if (action->kind == OVERLAY_ACT_PUSH) {
                CHECK(find(&pair, &action->id) != SIZE_MAX);
            }
        }
    }
    /* All in one moment: what it is answered stays within the budget of ten seconds. */
    said = (struct link_message){.kind = LINK_SYNC, .as.sync.count = LINK_PRINTS_MAX};
    said.as.sync.round = 1;
    for (size_t i = 0; i < LINK_PRINTS_MAX; i++) {
        said.as.sync.prints[i].upper = bound_of(&pair.things[0].key);
        write_u16(said.as.sync.prints[i].upper.b + 12, (uint16_t)(i * 200));
        said.as.sync.prints[i].print[0] = 1;
    }
    const struct overlay_event event = {.kind = OVERLAY_EV_MESSAGE, .link = LINK, .message = &said};
    do {
        CHECK_ERR(ERR_OK, overlay_step(pair.nodes[0].overlay, &event, pair.now, 1, &actions));
        answered += actions.count > 0 ? 1 : 0;
    } while (actions.count > 0);
    CHECK(answered > 100);
    CHECK(answered <= OVERLAY_WINDOW_SYNC / LINK_PRINTS_MAX);
    pair.now.mono.ms += OVERLAY_WINDOW_MS;
    CHECK_ERR(ERR_OK, overlay_step(pair.nodes[0].overlay, &event, pair.now, 1, &actions));
    CHECK(actions.count > 0);
    finish(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_sets_become_one_whatever_they_were),
        cmocka_unit_test(test_a_missed_run_of_time_costs_little_beside_the_objects),
        cmocka_unit_test(test_what_expires_is_gone_on_both_sides_and_does_not_come_back),
        cmocka_unit_test(test_what_one_side_refuses_is_offered_ever_more_rarely),
        cmocka_unit_test(test_any_range_is_answered_as_the_model_says),
        cmocka_unit_test(test_a_hostile_peer_gets_bounded_answers_and_nothing_that_it_may_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
