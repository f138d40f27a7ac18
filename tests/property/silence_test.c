/* P2 in a world: what the requester's node gets from homes without a camera, without footage, that
 * are sealing just now, that declined, that left the prompt open, that looked at all of it and put
 * it off, where one of two owners has signed, and where one has edited it and signed that. Every
 * request brings a document.
 *
 * Twice. Worlds of one seed that differ in nothing but that give the requester the very same bytes
 * at the very same times: there is nothing that could tell. And many requests a kind in one world,
 * with a classifier over sizes, counts, times and order, which wins at once when a leak is planted.
 * What virtual time cannot show (load, the disk) is tried on real homes:
 * tests/bench/silence_bench.py.
 *
 *   property-silence_test --classifier   that too: 1000 requests a kind
 *   property-silence_test --long         with documents of 2 MiB, the largest
 */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/request/request.h"
#include "tests/support/classify.h"
#include "tests/support/edited_clip.h"

enum kind {
    NO_CAMERA,
    NO_FOOTAGE,
    SEALING,
    WITH_CLIP, /* from here on there is one to decide about */
    LEFT_OPEN = WITH_CLIP,
    LOOKED, /* and put off */
    DECLINED,
    PART_SIGNED,
    EDITED, /* likewise */
    KINDS,
    REQUESTER = 0,
    HOMES_A_KIND = 1,
    RUNS = 1000,
    OWNERS = 2,
    LIFE_MS = 9000,
    DECIDED_MS = 7500, /* what was matched after 2 s has been written with a slot by then */
    KEEPING_MS = 1000, /* what the disk may take for an edited clip */
    WINDOW_MS = 14000,
    PAUSE_MS = 5000,
    PING_BYTES = 274, /* a record of the smallest class, with its length (PROTOCOL 3.4) */
    MINUTE = DURATION_MINUTE_MS,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};
static uint8_t document[DOCUMENT_MAX]; /* another one each time */
static uint32_t document_size = DOCUMENT_MAX / 8;
static bool classifies, long_form;

static bool has_clip(enum kind kind) {
    return kind >= WITH_CLIP;
}

/* An owner decides, or signs: that moment is the owner's own. */
static bool decides(enum kind kind) {
    return kind == DECLINED || kind == PART_SIGNED || kind == EDITED;
}

static void prepare(struct world *world, int home, enum kind kind) {
    world->homes[home].footage = kind == NO_CAMERA    ? WORLD_NO_CAMERA
                                 : kind == NO_FOOTAGE ? WORLD_NO_FOOTAGE
                                                      : WORLD_MATCH;
    world->homes[home].match_wait = kind == SEALING ? 2 * (int64_t)LIFE_MS : 2000;
    world->homes[home].payload_plain = EDITED_PLAIN;
}

/* With its document, which everybody gets. */
static void ask(struct world *world, struct request *request, size_t number, struct id *id) {
    memset(document, (int)(number % 256), document_size);
    memcpy(document, &number, sizeof number);
    request->document.present = true;
    request->document.size = document_size;
    (void)snprintf(request->document.media_type, sizeof request->document.media_type, "text/plain");
    sha256((struct bytes){document, document_size}, &request->document.sha256);
    for (size_t at = 0; at < document_size; at += CONTROL_DATA_MAX) {
        size_t left = document_size - at;
        const struct control_request put = {
            .op = CONTROL_DOCUMENT_PUT,
            .id = request->document.sha256,
            .offset = at,
            .total = document_size,
            .blob = {document + at, left < CONTROL_DATA_MAX ? left : CONTROL_DATA_MAX}};
        CHECK_ERR(ERR_OK, world_ask(world, REQUESTER, &put));
    }
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, request, id));
}

/* As `review` does before it shows anything, and to preview a clip. */
static void look(struct world *world, int home, const struct world_clip *clip,
                 const struct id *sha256) {
    const struct control_request wanted[] = {
        {.op = CONTROL_REQUESTS},
        {.op = CONTROL_CLIP, .clip = clip->clip},
        {.op = CONTROL_DOCUMENT_GET, .id = *sha256},
        {.op = CONTROL_PAYLOAD, .clip = clip->clip},
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        enum err err = world_ask(world, home, &wanted[i]);
        bool yet_to_come = wanted[i].op == CONTROL_DOCUMENT_GET && err == ERR_USER_NOT_FOUND;
        CHECK(err == ERR_OK || yet_to_come);
    }
}

/* What the owner of a home of this kind does, if there is a clip to decide about. */
static void answer(struct world *world, int home, enum kind kind, const struct id *request,
                   const struct id *sha256, struct edited_clip *edited) {
    struct grant grant;
    const struct world_clip *clip = world_clip(world, home, request);
    const struct control_request open = {.op = CONTROL_CLIPS, .id = *request};
    if (!has_clip(kind) || kind == LEFT_OPEN) {
        return;
    }
    CHECK_ERR(ERR_OK, world_ask(world, home, &open));
    if (clip == NULL || world->reply_count == 1) {
        return;
    }
    look(world, home, clip, sha256);
    if (kind == DECLINED) {
        CHECK_ERR(ERR_OK, world_decline(world, home, clip));
    } else if (kind == PART_SIGNED) {
        world_grant(world, home, clip, &grant);
        CHECK_ERR(ERR_OK, world_grant_put(world, home, clip, &grant, 0, OWNERS - 1, NULL));
    } else if (kind == EDITED) {
        edited_clip_make(world, home, request, 7, edited);
        CHECK_ERR(ERR_OK, edited_clip_put(world, home, edited, 0, EDITED_PIECES));
        CHECK_ERR(ERR_OK, edited_clip_keep(world, home, edited));
    }
}

/* Once the disk has what was handed back. */
static void sign_edited(struct world *world, int home, struct edited_clip *edited) {
    if (edited->payload.len > 0) {
        CHECK_ERR(ERR_OK, edited_clip_grant(world, home, edited, 0, OWNERS - 1, NULL, NULL));
        edited_clip_finish(edited);
    }
}

static struct world *make_world(uint64_t seed, size_t homes) {
    struct world *world = world_create(seed, homes, NULL);
    for (size_t i = 0; i < homes; i++) {
        world->homes[i].owner_count = OWNERS;
    }
    return world;
}

/* Once withdrawn, once amended, once left to its end. */
static void take_back(struct world *world, int run, struct request *request, const struct id *id) {
    struct id later;
    if (run == 1) {
        CHECK_ERR(ERR_OK, world_withdraw(world, REQUESTER, id, request->head.expires));
    } else if (run == 2) {
        request->amends = *id;
        request->to.ms -= 1000;
        CHECK_ERR(ERR_OK, world_request(world, REQUESTER, request, &later));
    }
}

/* ---- the very same ---- */

/* One world in which home 1 is of this kind, through the whole life of a request, while the
 * requester also comes and goes, reconciles and is reconciled with. */
static struct world *one_of(enum kind kind, uint64_t seed) {
    struct world *world = make_world(seed, 4);
    struct request request;
    struct id id;
    world_settle(world, &terms);
    prepare(world, 1, kind);
    world->watched = REQUESTER;
    for (int i = 0; i < 3; i++) {
        world_warrant(world, REQUESTER, LIFE_MS, &request);
        ask(world, &request, (size_t)i, &id);
        world_run(world, DECIDED_MS);
        struct edited_clip edited = {0};
        answer(world, 1, kind, &id, &request.document.sha256, &edited);
        world_run(world, KEEPING_MS);
        sign_edited(world, 1, &edited);
        take_back(world, i, &request, &id);
        world_cut(world, REQUESTER, 1, true);
        world_run(world, 20000);
        world_cut(world, REQUESTER, 1, false);
        world_run(world, MINUTE);
        if (i == 1) {
            world_kill(world, REQUESTER);
            CHECK_ERR(ERR_OK, world_start(world, REQUESTER));
        }
    }
    return world;
}

/* Bytes are compared by number: what is in them differs as random does, since the heads that go to
 * witnesses commit, salted, to what is private. */
static bool same(const struct world_sight *a, const struct world_sight *b) {
    return a->at == b->at && a->from == b->from && a->what == b->what && a->len == b->len;
}

static void test_the_requester_gets_the_same_bytes_at_the_same_times(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world *none = one_of(NO_CAMERA, seed);
        CHECK(none->sight_count > 300);
        for (int kind = NO_FOOTAGE; kind < KINDS; kind++) {
            struct world *world = one_of((enum kind)kind, seed);
            size_t i = 0;
            while (i < none->sight_count && i < world->sight_count &&
                   same(&none->sights[i], &world->sights[i])) {
                i++;
            }
            if (i < none->sight_count || i < world->sight_count) {
                const struct world_sight *a = &none->sights[i];
                const struct world_sight *b = &world->sights[i];
                fail_msg("kind %d: sight %zu of %zu and %zu differs: at %lld and %lld, by %d and "
                         "%d, what %d and %d, %zu and %zu bytes",
                         kind, i, none->sight_count, world->sight_count, (long long)a->at,
                         (long long)b->at, a->from, b->from, (int)a->what, (int)b->what, a->len,
                         b->len);
            }
            /* It was not for want of something to hide. */
            CHECK(!has_clip((enum kind)kind) || world_log_count(world, 1, "match ") > 0);
            CHECK((world_log_count(world, 1, "declined ") > 0) == (kind == DECLINED));
            CHECK((world_log_count(world, 1, "signed ") > 0) ==
                  (kind == PART_SIGNED || kind == EDITED));
            CHECK(kind != LOOKED || world_log_count(world, 1, "expired ") > 0);
            world_destroy(world);
        }
        world_destroy(none);
    }
}

/* Logs are public to neighbours: as many leaves, of the same length and at the same times. */
static void test_logs_grow_alike(void **state) {
    (void)state;
    uint64_t sizes[KINDS];
    uint64_t bytes[KINDS];
    for (int kind = NO_CAMERA; kind < KINDS; kind++) {
        struct world *world = one_of((enum kind)kind, 9);
        struct store *store = world->homes[1].store;
        bytes[kind] = 0;
        CHECK_ERR(ERR_OK, store_begin(store));
        CHECK_ERR(ERR_OK, store_leaf_count(store, &sizes[kind]));
        for (uint64_t i = 0; i < sizes[kind]; i++) {
            struct store_leaf leaf;
            CHECK_ERR(ERR_OK, store_leaf_get(store, i, &leaf));
            bytes[kind] += leaf.leaf.len;
        }
        store_roll_back(store);
        world_destroy(world);
        CHECK(sizes[kind] == sizes[NO_CAMERA]);
        CHECK(bytes[kind] == bytes[NO_CAMERA]);
    }
}

/* Every commit takes the disk's time, and answers wait for it: so a match is written when every
 * home writes. An owner who decides is another matter: that moment is the owner's own. */
static void test_the_disk_is_written_at_the_same_times(void **state) {
    (void)state;
    struct world *none = one_of(NO_CAMERA, 5);
    for (int kind = NO_FOOTAGE; kind < KINDS; kind++) {
        struct world *world = one_of((enum kind)kind, 5);
        CHECK(!has_clip((enum kind)kind) || world_log_count(world, 1, "match ") > 0);
        bool alike = world->homes[1].write_count == none->homes[1].write_count &&
                     memcmp(world->homes[1].writes, none->homes[1].writes,
                            sizeof none->homes[1].writes) == 0;
        CHECK(alike || decides((enum kind)kind));
        world_destroy(world);
    }
    CHECK(none->homes[1].write_count > 20);
    world_destroy(none);
}

/* ---- a classifier ---- */

enum {
    F_BYTES,
    F_CHUNKS,
    F_CONNECTIONS,
    F_FIRST,    /* from the request to the first byte back */
    F_LAST,     /* to the last in the window */
    F_LARGEST,  /* chunk */
    F_GAP_MEAN, /* between chunks */
    F_GAP_LEAST,
    F_GAP_MOST,
    F_ORDER, /* the home's place in the order of first answers */
    F_EARLY, /* chunks of the first seconds, while matching goes on */
    F_MIDDLE,
    F_LATE,        /* after the request's end */
    F_ANSWER_MEAN, /* from the last PING to what came */
    F_ANSWER_LEAST,
    F_ANSWER_MOST,
    FEATURES
};

static void measure(const struct world *world, size_t first_sight, int64_t asked, int home,
                    double *out) {
    int64_t last = asked;
    int64_t said = -1;
    double gaps = 0;
    double answers = 0;
    memset(out, 0, FEATURES * sizeof out[0]);
    out[F_FIRST] = WINDOW_MS;
    out[F_GAP_LEAST] = WINDOW_MS;
    out[F_ANSWER_LEAST] = WINDOW_MS;
    bool seen_before[WORLD_HOMES_MAX] = {false};
    for (size_t i = first_sight; i < world->sight_count; i++) {
        const struct world_sight *sight = &world->sights[i];
        if (sight->what == WORLD_SAID) {
            said = sight->from == home && sight->len == PING_BYTES ? sight->at : said;
            continue;
        }
        if (sight->from != home) {
            out[F_ORDER] += out[F_CHUNKS] == 0 && !seen_before[sight->from] ? 1 : 0;
            seen_before[sight->from] = true;
            continue;
        }
        double at = (double)(sight->at - asked);
        double gap = (double)(sight->at - last);
        last = sight->at;
        if (sight->what != WORLD_SAW_BYTES) {
            out[F_CONNECTIONS]++;
            continue;
        }
        if (said >= 0 && sight->len == PING_BYTES) {
            double answer = (double)(sight->at - said);
            out[F_ANSWER_LEAST] = answer < out[F_ANSWER_LEAST] ? answer : out[F_ANSWER_LEAST];
            out[F_ANSWER_MOST] = answer > out[F_ANSWER_MOST] ? answer : out[F_ANSWER_MOST];
            out[F_ANSWER_MEAN] += answer;
            answers++;
            said = -1;
        }
        out[F_BYTES] += (double)sight->len;
        out[F_LARGEST] = (double)sight->len > out[F_LARGEST] ? (double)sight->len : out[F_LARGEST];
        out[F_FIRST] = out[F_CHUNKS] == 0 ? at : out[F_FIRST];
        out[F_LAST] = at;
        gaps += gap;
        out[F_GAP_LEAST] = gap < out[F_GAP_LEAST] ? gap : out[F_GAP_LEAST];
        out[F_GAP_MOST] = gap > out[F_GAP_MOST] ? gap : out[F_GAP_MOST];
        out[F_CHUNKS]++;
        out[F_EARLY] += at < 8000 ? 1 : 0;
        out[F_MIDDLE] += at >= 8000 && at < LIFE_MS ? 1 : 0;
        out[F_LATE] += at >= LIFE_MS ? 1 : 0;
    }
    out[F_GAP_MEAN] = out[F_CHUNKS] > 0 ? gaps / out[F_CHUNKS] : 0;
    out[F_ANSWER_MEAN] = answers > 0 ? out[F_ANSWER_MEAN] / answers : 0;
}

static void collect(struct sample *samples[KINDS], size_t counts[KINDS], size_t runs,
                    int64_t planted) {
    enum {
        HOMES = 1 + KINDS * HOMES_A_KIND
    };
    struct world *world = make_world(planted > 0 ? 78 : 77, HOMES);
    uint64_t random = 99;
    int order[HOMES];
    world->latency_min = 5; /* as on one street's own network: what is hard to hide behind */
    world->latency_max = 8;
    world->mesh = false; /* so many links between the others show nothing to the requester */
    world_settle(world, &terms);
    world->watched = REQUESTER;
    for (int i = 1; i < HOMES; i++) {
        order[i] = i;
    }
    for (size_t run = 0; run < runs; run++) {
        struct request request;
        struct id id;
        enum kind kinds[HOMES];
        struct edited_clip edited[HOMES] = {[0] = {.payload.len = 0}};
        for (int i = HOMES - 1; i > 1; i--) { /* which home is of which kind, anew each time */
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            int k = 1 + (int)((random >> 33) % (uint64_t)i);
            int swap = order[i];
            order[i] = order[k];
            order[k] = swap;
        }
        for (int i = 1; i < HOMES; i++) {
            kinds[order[i]] = (enum kind)((i - 1) / HOMES_A_KIND);
            prepare(world, order[i], kinds[order[i]]);
        }
        if (run % REQUESTS_DAILY ==
            REQUESTS_DAILY - 1) { /* the requester has said all of a day's */
            for (int i = 0; i < HOMES; i++) {
                world->homes[i].wall_skew += DURATION_DAY_MS;
            }
            world_run(world, 2 * (int64_t)DURATION_MINUTE_MS);
        }
        world->sight_count = 0;
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        world_run(world, 4000 + (int64_t)((random >> 33) % PAUSE_MS)); /* in step with no timer */
        size_t first = world->sight_count;
        int64_t asked = world->now;
        world_voluntary(world, REQUESTER, LIFE_MS, &request);
        (void)snprintf(request.reason, sizeof request.reason, "Hit and run, number %zu", run);
        ask(world, &request, run, &id);
        for (int i = 1; i < HOMES; i++) {
            if (planted > 0 && has_clip(kinds[i])) {
                world->homes[i].release_lag = planted;
                world->homes[i].release_lag_until = world->now + WINDOW_MS;
            }
        }
        world_run(world, DECIDED_MS);
        for (int i = 1; i < HOMES; i++) {
            answer(world, i, kinds[i], &id, &request.document.sha256, &edited[i]);
        }
        world_run(world, KEEPING_MS);
        for (int i = 1; i < HOMES; i++) {
            sign_edited(world, i, &edited[i]);
        }
        world_run(world, WINDOW_MS - KEEPING_MS - DECIDED_MS);
        for (int i = 1; i < HOMES; i++) {
            struct sample *sample = &samples[kinds[i]][counts[kinds[i]]++];
            *sample = (struct sample){.second = kinds[i] != NO_CAMERA};
            measure(world, first, asked, i, sample->values);
            world->homes[i].release_lag = 0;
        }
    }
    world_destroy(world);
}

/* The worst of all kinds against homes without a camera; of those with a clip when `clips` is set.
 */
static double judge(struct sample *samples[KINDS], const size_t counts[KINDS], const char *title,
                    bool clips) {
    static const char *const names[] = {"no camera", "no footage", "sealing",       "left open",
                                        "looked at", "declined",   "signed by one", "edited"};
    double most = clips ? 1 : 0;
    for (int kind = clips ? WITH_CLIP : NO_FOOTAGE; kind < KINDS; kind++) {
        size_t count = counts[NO_CAMERA] + counts[kind];
        struct sample *both = calloc(count, sizeof *both);
        CHECK(both != NULL);
        for (size_t i = 0; i < count; i++) { /* by turns, so that every fold has both */
            both[i] = i % 2 == 0 ? samples[NO_CAMERA][i / 2] : samples[kind][i / 2];
        }
        double best = classify_best_feature(both, count, FEATURES);
        double all = classify_regression(both, count, FEATURES);
        (void)printf("%s: no camera / %s, %zu runs each: best feature %.3f, regression %.3f\n",
                     title, names[kind], counts[kind], best, all);
        double higher = best > all ? best : all;
        most = clips == (higher < most) ? higher : most;
        free(both);
    }
    return most;
}

static double run_and_judge(size_t runs, int64_t planted, const char *title) {
    struct sample *samples[KINDS];
    size_t counts[KINDS] = {0};
    for (int kind = 0; kind < KINDS; kind++) {
        samples[kind] = calloc(runs * HOMES_A_KIND, sizeof *samples[kind]);
        CHECK(samples[kind] != NULL);
    }
    collect(samples, counts, runs, planted);
    double most = judge(samples, counts, title, planted > 0);
    for (int kind = 0; kind < KINDS; kind++) {
        free(samples[kind]);
    }
    return most;
}

static void test_over_1000_runs_a_kind_a_classifier_stays_at_chance(void **state) {
    (void)state;
    if (!classifies) {
        skip();
    }
    document_size = long_form ? DOCUMENT_MAX : document_size;
    CHECK(run_and_judge(RUNS, 0, "as it is") <= 0.55);
}

static void test_the_classifier_wins_when_a_home_with_a_match_is_20_ms_late(void **state) {
    (void)state;
    CHECK(run_and_judge(100, 20, "planted") > 0.9);
}

int main(int argc, char **argv) {
    long_form = argc > 1 && strcmp(argv[1], "--long") == 0;
    classifies = long_form || (argc > 1 && strcmp(argv[1], "--classifier") == 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_requester_gets_the_same_bytes_at_the_same_times),
        cmocka_unit_test(test_logs_grow_alike),
        cmocka_unit_test(test_the_disk_is_written_at_the_same_times),
        cmocka_unit_test(test_over_1000_runs_a_kind_a_classifier_stays_at_chance),
        cmocka_unit_test(test_the_classifier_wins_when_a_home_with_a_match_is_20_ms_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
