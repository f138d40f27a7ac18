/* A sponsor in hostile hands: what it answers a joiner with is judged before any of it is kept
 * (PROTOCOL 4.5). After a refused join the joiner's store is as it was, and a good invite works. */
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    SPONSOR = 0, /* the founder; down while others speak with its keys */
    MEMBER,      /* whom it let in */
    NIECE,       /* whom MEMBER let in */
    JOINER,
    STRANGER, /* in no community */
    HOMES,
    OBJECTS = 16,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static const int64_t day = INT64_C(24) * HOUR;
static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};

struct answer { /* of the sponsor */
    size_t count;
    struct buffer objects[OBJECTS]; /* JOIN_MEMBER each, in this order */
    size_t repeats;                 /* so often is the last of them sent again */
    struct buffer charter;
    struct buffer member; /* the joiner's, complete */
};

struct street {
    struct world *world;
    char code[CODE_MAX_BYTES]; /* the joiner's */
};

/* ---- what an honest one says ---- */

static struct buffer *add(struct answer *answer) {
    assert_true(answer->count < OBJECTS);
    struct buffer *out = &answer->objects[answer->count++];
    buffer_init(out, SIGNED_BODY_MAX + SIGNED_GOSSIP_MAX);
    return out;
}

/* How a certificate differs from a good one. */
struct change {
    int64_t life;                            /* 0: of a year */
    const struct id *author;                 /* NULL: its sponsor */
    const struct sign_secret *countersigned; /* NULL: by its sponsor */
    char name;
};

/* Of `home`, that `sponsor` let in two hours ago. */
static struct id certify(const struct street *street, int home, int sponsor,
                         const struct id *author, struct change change, struct buffer *out) {
    const struct world_home *joiner = &street->world->homes[home];
    const struct world_home *by = &street->world->homes[sponsor];
    const struct sign_secret *owner = &by->owners[0].sign;
    static const uint8_t secret[16] = {16};
    struct sign_secret invited;
    struct invite invite = {.head = {.community = street->world->community,
                                     .author = change.author == NULL ? *author : *change.author},
                            .role = MEMBER_HOME,
                            .invite_allowance = sponsor == SPONSOR ? 2 : 1};
    struct buffer signed_invite;
    SCOPED(buffer_finish) struct buffer invite_body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    invite_key(secret, &invited, &invite.key);
    invite.head.created.ms = world_wall(street->world, JOINER).ms - 2 * HOUR;
    invite.head.expires.ms = invite.head.created.ms + day;
    CHECK_ERR(ERR_OK, invite_encode(&invite, &invite_body));
    (void)sample_sign(OBJECT_INVITE, buffer_bytes(&invite_body), &owner, 1, &signed_invite);
    struct member member = {.head = invite.head,
                            .name = {change.name == '\0' ? 'M' : change.name},
                            .role = invite.role,
                            .node = joiner->node,
                            .log = joiner->log,
                            .transport = joiner->transport,
                            .owner_count = 1,
                            .owners = {joiner->owner_publics[0]},
                            .owner_names = {"Owner"},
                            .invite_allowance = invite.invite_allowance,
                            .invite = buffer_bytes(&signed_invite)};
    member.head.expires.ms = member.head.created.ms + (change.life == 0 ? 300 * day : change.life);
    CHECK_ERR(ERR_OK, member_encode(&member, &body));
    const struct sign_secret *keys[] = {&joiner->owners[0].sign, &invited, &joiner->keys.sign,
                                        change.countersigned == NULL ? &by->keys.sign
                                                                     : change.countersigned};
    struct id id = sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, COUNT_OF(keys), out);
    buffer_finish(&signed_invite);
    return id;
}

/* MEMBER, and whom it brought. */
static void add_family(const struct street *street, struct change change, struct answer *answer) {
    struct id member = certify(street, MEMBER, SPONSOR, &street->world->homes[SPONSOR].certificate,
                               change, add(answer));
    (void)certify(street, NIECE, MEMBER, &member, (struct change){0}, add(answer));
}

static void prepare(const struct street *street, struct bytes asked, struct change change,
                    struct answer *out) {
    const struct world_home *sponsor = &street->world->homes[SPONSOR];
    struct signed_object member;
    struct store_object row;
    struct bytes charter;
    *out = (struct answer){.charter = {.max = SIGNED_GOSSIP_MAX},
                           .member = {.max = SIGNED_GOSSIP_MAX}};
    CHECK_ERR(ERR_OK, store_begin(sponsor->store));
    CHECK_ERR(ERR_OK, store_object_get(sponsor->store, &sponsor->certificate, &row));
    CHECK_ERR(ERR_OK, buffer_append(add(out), row.object));
    CHECK_ERR(ERR_OK, store_get(sponsor->store, STORE_CHARTER, &charter));
    CHECK_ERR(ERR_OK, buffer_append(&out->charter, charter));
    store_roll_back(sponsor->store);
    add_family(street, change, out);
    CHECK_ERR(ERR_OK, signed_decode(asked, &member));
    CHECK_ERR(ERR_OK, signed_add(&member, &sponsor->keys.sign, &sponsor->node));
    CHECK_ERR(ERR_OK, signed_encode(&member, &out->member));
}

static void finish(struct answer *answer) {
    for (size_t i = 0; i < answer->count; i++) {
        buffer_finish(&answer->objects[i]);
    }
    buffer_finish(&answer->charter);
    buffer_finish(&answer->member);
}

/* ---- what a hostile one says ---- */

static void sign_charter(const struct charter *charter, const struct sign_secret *key,
                         struct answer *answer) {
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    buffer_finish(&answer->charter);
    CHECK_ERR(ERR_OK, charter_encode(charter, &body));
    (void)sample_sign(OBJECT_CHARTER, buffer_bytes(&body), &key, 1, &answer->charter);
}

static void read_charter(const struct answer *answer, struct charter *out) {
    struct signed_object object;
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&answer->charter), &object));
    CHECK_ERR(ERR_OK, charter_decode(object.body, out));
}

static void another_charter(const struct street *street, struct answer *answer) {
    struct charter charter;
    read_charter(answer, &charter);
    (void)snprintf(charter.name, sizeof charter.name, "Oak Street");
    sign_charter(&charter, &street->world->homes[SPONSOR].owners[0].sign, answer);
}

static void unsigned_charter(const struct street *street, struct answer *answer) {
    struct charter charter;
    read_charter(answer, &charter);
    sign_charter(&charter, &street->world->homes[STRANGER].owners[0].sign, answer);
}

static void another_home(const struct street *street, struct answer *answer) {
    (void)street;
    buffer_clear(&answer->member);
    CHECK_ERR(ERR_OK, buffer_append(&answer->member, buffer_bytes(&answer->objects[1])));
}

static void not_countersigned(const struct street *street, struct answer *answer) {
    struct signed_object object;
    struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    (void)street;
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&answer->member), &object));
    object.count--; /* the sponsor's is the last */
    CHECK_ERR(ERR_OK, signed_encode(&object, &bytes));
    buffer_finish(&answer->member);
    answer->member = bytes;
}

static void without_the_founder(const struct street *street, struct answer *answer) {
    (void)street;
    buffer_finish(&answer->objects[0]);
    memmove(&answer->objects[0], &answer->objects[1], 2 * sizeof answer->objects[0]);
    answer->count = 2;
}

static void without_its_sponsor(const struct street *street, struct answer *answer) {
    (void)street;
    buffer_finish(&answer->objects[1]);
    answer->objects[1] = answer->objects[2];
    answer->count = 2;
}

static void spoil_family(const struct street *street, struct change change, struct answer *answer) {
    buffer_finish(&answer->objects[1]);
    buffer_finish(&answer->objects[2]);
    answer->count = 1;
    add_family(street, change, answer);
}

static void forged(const struct street *street, struct answer *answer) {
    const struct sign_secret *key = &street->world->homes[STRANGER].keys.sign;
    spoil_family(street, (struct change){.countersigned = key}, answer);
}

/* Alone: nobody hangs on it. */
static void forged_and_expired(const struct street *street, struct answer *answer) {
    const struct sign_secret *key = &street->world->homes[STRANGER].keys.sign;
    spoil_family(street, (struct change){.countersigned = key, .life = HOUR}, answer);
    buffer_finish(&answer->objects[--answer->count]);
}

static void expired_from_nowhere(const struct street *street, struct answer *answer) {
    static const struct id nobody = {{7}};
    spoil_family(street, (struct change){.author = &nobody, .life = HOUR}, answer);
    buffer_finish(&answer->objects[--answer->count]);
}

static void a_second_founder(const struct street *street, struct answer *answer) {
    const struct world_home *home = &street->world->homes[STRANGER];
    struct member member;
    const struct sign_secret *keys[] = {&home->owners[0].sign, &home->keys.sign};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    struct signed_object object;
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&answer->objects[0]), &object));
    CHECK_ERR(ERR_OK, member_decode(object.body, &member));
    member.node = home->node;
    member.log = home->log;
    member.transport = home->transport;
    member.owners[0] = home->owner_publics[0];
    CHECK_ERR(ERR_OK, member_encode(&member, &body));
    struct buffer *out = add(answer);
    (void)sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, COUNT_OF(keys), out);
}

static void more_than_were_allowed(const struct street *street, struct answer *answer) {
    const struct id *founder = &street->world->homes[SPONSOR].certificate;
    for (size_t i = 0; i < (size_t)terms.invite_allowance; i++) { /* MEMBER is the first of them */
        struct change change = {.name = (char)('A' + i)};
        (void)certify(street, MEMBER, SPONSOR, founder, change, add(answer));
    }
}

static void record_of_sponsor(const struct street *street, struct node_record *out) {
    const struct world_home *home = &street->world->homes[SPONSOR];
    *out = (struct node_record){.head = {.community = street->world->community,
                                         .author = home->certificate,
                                         .created = world_wall(street->world, JOINER)},
                                .sequence = 1,
                                .log = home->log,
                                .address_count = 1,
                                .addresses = {"10.1.0.1:7878"}};
    out->head.expires.ms = out->head.created.ms + 6 * day;
}

static void sign_record(const struct street *street, const struct node_record *record, int home,
                        struct answer *answer) {
    const struct sign_secret *key = &street->world->homes[home].keys.sign;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, node_record_encode(record, &body));
    (void)sample_sign(OBJECT_NODE_RECORD, buffer_bytes(&body), &key, 1, add(answer));
}

static void record_in_anothers_name(const struct street *street, struct answer *answer) {
    struct node_record record;
    record_of_sponsor(street, &record);
    sign_record(street, &record, MEMBER, answer);
}

static void record_of_a_stranger(const struct street *street, struct answer *answer) {
    struct node_record record;
    record_of_sponsor(street, &record);
    record.head.author.b[0] ^= 1;
    sign_record(street, &record, SPONSOR, answer);
}

static void record_of_another_community(const struct street *street, struct answer *answer) {
    struct node_record record;
    record_of_sponsor(street, &record);
    record.head.community.b[0] ^= 1;
    sign_record(street, &record, SPONSOR, answer);
}

static void record_for_years(const struct street *street, struct answer *answer) {
    struct node_record record;
    record_of_sponsor(street, &record);
    record.head.expires.ms += 3650 * day;
    sign_record(street, &record, SPONSOR, answer);
}

/* Three of one author, the newest in between, and one of next year. */
static void many_records(const struct street *street, struct answer *answer) {
    static const int64_t ages[] = {2 * MINUTE, MINUTE, 3 * MINUTE, -INT64_C(365) * 24 * HOUR};
    for (size_t i = 0; i < COUNT_OF(ages); i++) {
        struct node_record record;
        record_of_sponsor(street, &record);
        record.head.created.ms -= ages[i];
        record.head.expires.ms -= ages[i];
        sign_record(street, &record, SPONSOR, answer);
    }
}

/* Its head can be read, and nothing else. */
static void record_without_a_body(const struct street *street, struct answer *answer) {
    const struct sign_secret *key = &street->world->homes[SPONSOR].keys.sign;
    struct request request;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    world_voluntary(street->world, SPONSOR, HOUR, &request);
    CHECK_ERR(ERR_OK, request_encode(&request, &body));
    (void)sample_sign(OBJECT_NODE_RECORD, buffer_bytes(&body), &key, 1, add(answer));
}

static void a_request(const struct street *street, struct answer *answer) {
    struct request request;
    struct buffer *out = add(answer);
    world_voluntary(street->world, SPONSOR, HOUR, &request);
    (void)world_sign_request(street->world, SPONSOR, &request, out);
}

static void noise(const struct street *street, struct answer *answer) {
    static uint8_t bytes[500];
    (void)street;
    memset(bytes, 0xff, sizeof bytes);
    CHECK_ERR(ERR_OK, buffer_append(add(answer), BYTES_OF(bytes)));
}

static void without_end(const struct street *street, struct answer *answer) {
    (void)street;
    answer->repeats = 8 * 1024 * 1024 / answer->objects[answer->count - 1].len;
}

struct hostile_case {
    const char *what;
    enum err told; /* what the joiner's owner hears */
    void (*spoil)(const struct street *street, struct answer *answer);
};

static const struct hostile_case cases[] = {
    {"another charter than the invite's", ERR_USER_INVITE, another_charter},
    {"a charter by nobody of it", ERR_PEER_SIGNATURE, unsigned_charter},
    {"another home's certificate", ERR_USER_INVITE, another_home},
    {"a certificate without its own signature", ERR_PEER_SIGNATURE, not_countersigned},
    {"a chain that does not reach the founder", ERR_PEER_UNKNOWN, without_the_founder},
    {"a member whose sponsor is missing", ERR_PEER_UNKNOWN, without_its_sponsor},
    {"a founder of its own", ERR_PEER_CERTIFICATE, a_second_founder},
    {"a forged member", ERR_PEER_SIGNATURE, forged},
    {"a forged member that has expired", ERR_PEER_SIGNATURE, forged_and_expired},
    {"one that has expired, of nobody", ERR_PEER_UNKNOWN, expired_from_nowhere},
    {"more members than it may bring", ERR_DENY_QUOTA, more_than_were_allowed},
    {"a record in another's name", ERR_PEER_SIGNATURE, record_in_anothers_name},
    {"a record of a stranger", ERR_PEER_SIGNATURE, record_of_a_stranger},
    {"a record of another community", ERR_PEER_CERTIFICATE, record_of_another_community},
    {"a record that lives for years", ERR_PEER_BOUNDS, record_for_years},
    {"a record that is none", ERR_PEER_MALFORMED, record_without_a_body},
    {"a request", ERR_PEER_SEQUENCE, a_request},
    {"noise", ERR_PEER_MALFORMED, noise},
    {"a list without end", ERR_USER_NO_ANSWER, without_end},
};

/* ---- the joiner ---- */

static void say(struct world_insider *insider, const struct answer *answer) {
    struct link_message message = {.kind = LINK_JOIN_MEMBER};
    for (size_t i = 0; i < answer->count; i++) {
        size_t times = i + 1 == answer->count ? answer->repeats + 1 : 1;
        message.as.join_member.member = buffer_bytes(&answer->objects[i]);
        for (size_t k = 0; k < times; k++) {
            if (!world_insider_say(insider, &message)) {
                return; /* it has heard enough */
            }
        }
    }
    message = (struct link_message){.kind = LINK_JOIN_WELCOME};
    message.as.join_welcome.member = buffer_bytes(&answer->member);
    message.as.join_welcome.charter = buffer_bytes(&answer->charter);
    memset(message.as.join_welcome.founding_key, 9, EPOCH_KEY_BYTES);
    (void)world_insider_say(insider, &message);
}

static enum err last_word(struct world *world) {
    CHECK(world->reply_count > 0);
    CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[world->reply_count - 1]),
                                           &world->reply));
    CHECK(world->reply.kind == CONTROL_DONE);
    return world->reply.err;
}

static enum err join(struct street *street, struct change change,
                     const struct hostile_case *hostile) {
    struct world *world = street->world;
    struct world_insider insider;
    struct link_message asked = {0};
    struct answer answer;
    world_insider_listen(world, SPONSOR, JOINER, &insider);
    CHECK_ERR(ERR_OK, world_join(world, JOINER, street->code));
    CHECK(world_insider_answer(&insider, street->code));
    CHECK(world_insider_hear(&insider, &asked));
    CHECK(asked.kind == LINK_JOIN_ASK);
    prepare(street, asked.as.join_ask.member, change, &answer);
    if (hostile != NULL) {
        hostile->spoil(street, &answer);
    }
    say(&insider, &answer);
    finish(&answer);
    world_insider_hang_up(&insider);
    world_run(world, 2 * MINUTE);
    return last_word(world);
}

static enum err visit_any(void *context, const struct store_object *row) {
    (void)row;
    *(size_t *)context += 1;
    return ERR_OK;
}

static enum err visit_epoch(void *context, const struct store_epoch *epoch) {
    (void)epoch;
    *(size_t *)context += 1;
    return ERR_OK;
}

/* Rows of any kind, and entries of the log, that say something about a community. */
static size_t kept(const struct street *street) {
    static const enum store_key keys[] = {STORE_COMMUNITY, STORE_CHARTER, STORE_CERTIFICATE,
                                          STORE_JOIN};
    struct store *store = street->world->homes[JOINER].store;
    struct bytes value;
    size_t rows = 0;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_object_each(store, OBJECT_UNKNOWN, visit_any, &rows));
    CHECK_ERR(ERR_OK, store_epoch_each(store, visit_epoch, &rows));
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        rows += store_get(store, keys[i], &value) == ERR_OK ? 1 : 0;
    }
    store_roll_back(store);
    return rows + world_log_count(street->world, JOINER, "charter ") +
           world_log_count(street->world, JOINER, "member ");
}

static void open_street(struct street *street, uint64_t seed) {
    struct world *world = street->world = world_create(seed, HOMES, NULL);
    world_found(world, SPONSOR, &terms);
    world_invite(world, SPONSOR, MEMBER_HOME, day, street->code);
    world_kill(world, SPONSOR);
}

static void test_what_a_hostile_sponsor_says_is_judged_before_it_is_kept(void **state) {
    (void)state;
    struct street street;
    open_street(&street, 41);
    struct world *world = street.world;
    CHECK(kept(&street) == 0);
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        enum err told = join(&street, (struct change){0}, &cases[k]);
        bool runs = world->homes[JOINER].core != NULL;
        if (told != cases[k].told || !runs || kept(&street) != 0) {
            fail_msg("%s: %s, %zu rows kept, the node %s", cases[k].what, err_name(told),
                     kept(&street), runs ? "runs" : "has stopped");
        }
        CHECK(!world_is_member(world, JOINER));
    }
    /* It still joins, by a good invite of the same home in honest hands, and after a restart too.
     */
    CHECK_ERR(ERR_OK, world_start(world, SPONSOR));
    world_invite(world, SPONSOR, MEMBER_HOME, day, street.code);
    CHECK_ERR(ERR_OK, world_join(world, JOINER, street.code));
    world_run(world, MINUTE);
    CHECK(world_is_member(world, JOINER));
    world_kill(world, JOINER);
    CHECK_ERR(ERR_OK, world_start(world, JOINER));
    world_run(world, MINUTE);
    CHECK(world_links(world, JOINER) == 1);
    world_destroy(world);
}

/* Members stay known after their certificates have expired: what they brought hangs on them. */
static void test_a_member_that_has_expired_keeps_nobody_from_joining(void **state) {
    (void)state;
    struct street street;
    open_street(&street, 42);
    struct world *world = street.world;
    CHECK_ERR(ERR_OK, join(&street, (struct change){.life = HOUR}, NULL));
    CHECK(world_is_member(world, JOINER));
    world_kill(world, JOINER);
    CHECK_ERR(ERR_OK, world_start(world, JOINER));
    world_run(world, MINUTE);
    const struct control_request ask = {.op = CONTROL_MEMBERS};
    CHECK_ERR(ERR_OK, world_ask(world, JOINER, &ask));
    CHECK(world->reply_count == 4 + 1); /* and DONE */
    world_destroy(world);
}

static void test_of_each_author_the_newest_record_is_kept_and_none_from_the_future(void **state) {
    (void)state;
    static const struct hostile_case many = {"many records", ERR_OK, many_records};
    struct street street;
    struct store_object row;
    size_t found = 0;
    open_street(&street, 43);
    struct world *world = street.world;
    struct instant joined = world_wall(world, JOINER);
    CHECK_ERR(ERR_OK, join(&street, (struct change){0}, &many));
    struct store *store = world->homes[JOINER].store;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_object_each(store, OBJECT_NODE_RECORD, visit_any, &found));
    CHECK(found == 2); /* and its own */
    CHECK_ERR(ERR_OK, store_object_newest(store, OBJECT_NODE_RECORD,
                                          &world->homes[SPONSOR].certificate, &row));
    CHECK(row.created.ms == joined.ms - MINUTE);
    store_roll_back(store);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_hostile_sponsor_says_is_judged_before_it_is_kept),
        cmocka_unit_test(test_a_member_that_has_expired_keeps_nobody_from_joining),
        cmocka_unit_test(test_of_each_author_the_newest_record_is_kept_and_none_from_the_future),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
