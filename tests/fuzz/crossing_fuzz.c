/* What crosses a border (PROTOCOL 4.12 to 4.14). The first byte of an input chooses which part of
 * the sample crossing it takes the place of; a part with a signature of its own is signed again, as
 * its author may write into it what it likes. What passes is what the treaty and the roll let
 * cross, by who they say, in whichever words. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "node/base/assert.h"
#include "proto/treaty.h"
#include "tests/support/samples.h"

enum part {
    PART_CROSSING,
    PART_ROLL,
    PART_REQUEST,
    PART_WITHDRAWAL,
    PART_FOUNDER, /* asks itself */
    PART_AGENCY,
    PART_TREATY,
    PART_COUNT
};

static struct sample_community near;
static struct sample_treaty sample;
static bool started;

/* One crossing, and what it is made of. */
struct made {
    struct buffer treaty, founder, agency, roll, object, crossing; /* signed, but for two bodies */
    struct id treaty_id, author;
};

static void start(void) {
    if (!started) {
        sample_community_init(&near);
        sample_treaty_init(&near, &sample);
        started = true;
    }
}

/* The body of that part as it lies in the sample. */
static void sample_part(enum part part, struct buffer *out) {
    struct signed_object object;
    struct withdrawal withdrawal;
    struct request request;
    const struct sample_home *homes = sample.far.homes;
    struct bytes whole = buffer_bytes(part == PART_CROSSING  ? &sample.crossing
                                      : part == PART_ROLL    ? &sample.far_roll
                                      : part == PART_FOUNDER ? &homes[SAMPLE_FOUNDER].member
                                      : part == PART_AGENCY  ? &homes[SAMPLE_AGENCY].member
                                                             : &sample.far.request);
    ASSERT(signed_decode(whole, &object) == ERR_OK);
    if (part == PART_TREATY) {
        object.body = buffer_bytes(&sample.body);
    }
    if (part != PART_WITHDRAWAL) {
        ASSERT(buffer_append(out, object.body) == ERR_OK);
        return;
    }
    sample_request(&sample.far, &request);
    withdrawal = (struct withdrawal){.head = request.head, .request = sample.far.request_id};
    ASSERT(withdrawal_encode(&withdrawal, out) == ERR_OK);
}

/* The given body where that part is asked for, else the sample's. */
static void take_part(enum part part, enum part given, struct bytes body, struct buffer *out) {
    buffer_init(out, SIGNED_BODY_MAX);
    if (part == given) {
        ASSERT(buffer_append(out, body) == ERR_OK);
    } else {
        sample_part(part, out);
    }
}

/* The far founder's certificate, or the agency's; its id. */
static struct id certify(enum part part, enum part given, struct bytes body, struct buffer *out) {
    const uint8_t secret[16] = {3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}; /* as samples.c */
    const struct sample_home *founder = &sample.far.homes[SAMPLE_FOUNDER];
    const struct sample_home *home =
        part == PART_FOUNDER ? founder : &sample.far.homes[SAMPLE_AGENCY];
    struct sign_secret invited;
    struct sign_public pub;
    SCOPED(buffer_finish) struct buffer plain = {0};
    invite_key(secret, &invited, &pub);
    const struct sign_secret *keys[] = {&home->owner.sign, &home->node, &invited, &founder->node};
    take_part(part, given, body, &plain);
    return sample_sign(OBJECT_MEMBER, buffer_bytes(&plain), keys, part == PART_FOUNDER ? 2 : 4,
                       out);
}

static void make_roll(enum part given, struct bytes body, const struct made *made,
                      const struct id ids[SAMPLE_HOMES], struct buffer *out) {
    const struct sign_secret *clerk = &sample.far.homes[SAMPLE_FOUNDER].node;
    struct id sorted[SAMPLE_HOMES];
    struct roll roll;
    SCOPED(buffer_finish) struct buffer plain = {.max = SIGNED_BODY_MAX};
    memcpy(sorted, ids, sizeof sorted);
    sample_roll(&sample.far, &sample, &roll);
    roll.treaties[0] = made->treaty_id;
    ASSERT(roll_tree(sorted, SAMPLE_HOMES, NULL, &roll.members, NULL) == ERR_OK);
    ASSERT(given == PART_ROLL ? buffer_append(&plain, body) == ERR_OK
                              : roll_encode(&roll, &plain) == ERR_OK);
    (void)sample_sign(OBJECT_ROLL, buffer_bytes(&plain), &clerk, 1, out);
}

/* A request by the author, or whatever is given for it. */
static void make_object(enum part given, struct bytes body, const struct made *made,
                        struct buffer *out) {
    const struct sample_home *author =
        &sample.far.homes[given == PART_FOUNDER ? SAMPLE_FOUNDER : SAMPLE_AGENCY];
    const struct sign_secret *owner = &author->owner.sign;
    struct request request;
    SCOPED(buffer_finish) struct buffer plain = {.max = SIGNED_BODY_MAX};
    sample_request(&sample.far, &request);
    request.head.author = made->author;
    request.transport = author->transport_public;
    ASSERT(given == PART_REQUEST || given == PART_WITHDRAWAL
               ? buffer_append(&plain, body) == ERR_OK
               : request_encode(&request, &plain) == ERR_OK);
    (void)sample_sign(given == PART_WITHDRAWAL ? OBJECT_WITHDRAWAL : OBJECT_REQUEST,
                      buffer_bytes(&plain), &owner, 1, out);
}

/* Borrows from `made`. */
static void make(enum part given, struct bytes body, struct made *made, struct crossing *out) {
    take_part(PART_TREATY, given, body, &made->treaty);
    sha256(buffer_bytes(&made->treaty), &made->treaty_id);
    struct id ids[SAMPLE_HOMES] = {certify(PART_FOUNDER, given, body, &made->founder),
                                   sample.far.homes[SAMPLE_NEIGHBOUR].certificate,
                                   certify(PART_AGENCY, given, body, &made->agency)};
    made->author = ids[given == PART_FOUNDER ? 0 : 2];
    make_roll(given, body, made, ids, &made->roll);
    make_object(given, body, made, &made->object);
    struct id root;
    sample_crossing(&near, &sample, out);
    out->treaty = made->treaty_id;
    out->object = buffer_bytes(&made->object);
    out->membership =
        (struct membership){.chain_count = given == PART_FOUNDER ? 1 : 2,
                            .chain = {buffer_bytes(&made->founder), buffer_bytes(&made->agency)},
                            .roll = buffer_bytes(&made->roll)};
    ASSERT(roll_tree(ids, SAMPLE_HOMES, &made->author, &root, &out->membership) == ERR_OK);
}

static void finish(struct made *made) {
    buffer_finish(&made->treaty);
    buffer_finish(&made->founder);
    buffer_finish(&made->agency);
    buffer_finish(&made->roll);
    buffer_finish(&made->object);
    buffer_finish(&made->crossing);
}

/* Of the near community, where the act that makes the treaty counts. */
static bool agree(struct bytes treaty, struct governance *out) {
    const struct sign_secret *key = &near.homes[SAMPLE_FOUNDER].owner.sign;
    struct signed_object object;
    struct act act;
    SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {0};
    sample_governance(&near, out);
    sample_treaty_act(&near, treaty, &act);
    if (act_encode(&act, &body) != ERR_OK) {
        return false;
    }
    (void)sample_sign(OBJECT_ACT, buffer_bytes(&body), &key, 1, &bytes);
    return signed_decode(buffer_bytes(&bytes), &object) == ERR_OK &&
           act_decode(object.body, &act) == ERR_OK &&
           governance_follow(out, &object, &act) == ERR_OK;
}

/* In plain words once more. */
static void check_request(const struct treaty *treaty, const struct crossed *crossed) {
    const struct request *request = &crossed->request;
    const struct roll *roll = &crossed->author.roll;
    uint32_t kind = 1U << request->instrument.kind;
    int64_t span_s = (request->to.ms - request->from.ms) / 1000;
    ASSERT((treaty->instruments & kind) != 0);
    ASSERT((treaty->roles & 1U << crossed->author.member.role) != 0);
    ASSERT(span_s <= treaty->caps.span_s && span_s <= roll->caps.span_s);
    ASSERT(geo_place_area_m2(&request->place) <= treaty->caps.area_m2);
    ASSERT(geo_place_area_m2(&request->place) <= roll->caps.area_m2);
    for (size_t i = 0; i < roll->role_count; i++) {
        ASSERT(roll->roles[i].role != crossed->author.member.role ||
               (roll->roles[i].instruments & kind) != 0);
    }
    const struct treaty_side *asked = treaty_side(treaty, &near.id);
    ASSERT(!asked->has_area || geo_place_inside(&request->place, &asked->area));
    ASSERT(box_public_equal(&request->transport, &crossed->author.member.transport));
}

static void check(const struct governance *governance, const struct crossing *crossing,
                  const struct id *author) {
    static struct governance home;
    static struct crossed crossed;
    static struct crossed again;
    struct head head;
    const struct agreed *agreed = governance_treaty(governance, &crossing->treaty, SAMPLE_NOW);
    ASSERT(crossing_verify(governance, crossing, SAMPLE_NOW, &crossed) == ERR_OK);
    ASSERT(agreed != NULL);
    ASSERT(id_equal(&crossed.author.certificate, author));
    ASSERT(crossed.object.kind == OBJECT_REQUEST || crossed.object.kind == OBJECT_WITHDRAWAL);
    ASSERT(head_decode(crossed.object.body, &head) == ERR_OK);
    ASSERT(id_equal(&head.author, author) && id_equal(&head.community, &sample.far.id));
    ASSERT(head.expires.ms == crossing->head.expires.ms);
    if (crossed.object.kind == OBJECT_REQUEST) {
        check_request(&agreed->treaty, &crossed);
    }
    sample_governance(&sample.far, &home); /* it does not come back */
    ASSERT(crossing_verify(&home, crossing, SAMPLE_NOW, &again) != ERR_OK);
}

static void check_raw(struct bytes body, const struct governance *governance) {
    static struct crossed crossed;
    struct crossing crossing;
    const struct id *agency = &sample.far.homes[SAMPLE_AGENCY].certificate;
    if (crossing_decode(body, &crossing) == ERR_OK &&
        crossing_verify(governance, &crossing, SAMPLE_NOW, &crossed) == ERR_OK) {
        check(governance, &crossing, agency);
        ASSERT(id_equal(&crossed.object.id, &sample.far.request_id)); /* nobody signed another */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct governance governance;
    static struct crossed crossed;
    struct crossing crossing;
    struct crossing decoded;
    struct made made = {.treaty_id = {{0}}};
    if (size < 2 || size > SIGNED_GOSSIP_MAX) {
        return 0;
    }
    start();
    enum part given = data[0] % PART_COUNT;
    struct bytes body = {data + 1, size - 1};
    SCOPED(buffer_finish) struct buffer good = {.max = SIGNED_BODY_MAX};
    sample_part(given, &good);
    if (given == PART_CROSSING) {
        ASSERT(agree(buffer_bytes(&sample.body), &governance));
        check_raw(body, &governance);
        return 0;
    }
    make(given, body, &made, &crossing);
    bool passes = agree(buffer_bytes(&made.treaty), &governance);
    buffer_init(&made.crossing, SIGNED_BODY_MAX);
    if (passes && crossing_encode(&crossing, &made.crossing) == ERR_OK) {
        ASSERT(crossing_decode(buffer_bytes(&made.crossing), &decoded) == ERR_OK);
        passes = crossing_verify(&governance, &decoded, SAMPLE_NOW, &crossed) == ERR_OK;
        if (passes) {
            check(&governance, &decoded, &made.author);
        }
    } else {
        passes = false;
    }
    ASSERT(passes || !bytes_equal(body, buffer_bytes(&good))); /* the seeds get through */
    finish(&made);
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    SCOPED(buffer_finish) struct buffer body = {.max = room - 1};
    start();
    out[0] = (uint8_t)(choice % PART_COUNT);
    sample_part(out[0], &body);
    memcpy(out + 1, body.at, body.len);
    return body.len + 1;
}
