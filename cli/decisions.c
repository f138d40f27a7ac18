#include "cli/decisions.h"

#include <stdlib.h>
#include <string.h>

#include "cli/named.h"

static int load_proposals(struct client *client, struct decisions *out);
static enum err take_endorsement(struct decisions *out, const struct signed_object *object);
static enum err take_lost(struct decisions *out, const struct signed_object *object);
static enum err proposal_of(struct decisions *out, struct bytes body, struct proposal **found);
static void proposal_destroy(struct proposal *proposal);
static int visit_act(void *context, const struct community_terms *before, struct bytes bytes,
                     const struct community_terms *after);
static struct decided *room_for_one(struct decisions *out);
static void judge(struct decisions *decisions);
static void tell_apart(struct decisions *decisions);
static void keep_administrators(const struct charter *charter, struct proposal *proposal);
static bool has_effect(const struct decisions *decisions, const struct id *act);
static size_t missing(const struct decisions *decisions, const struct sign_public *signers,
                      size_t count, struct sign_public could[ADMINISTRATORS_MAX]);
static enum err make_endorsement(const struct owner_secret *secret,
                                 const struct keyfile_public *pub, const struct id *author,
                                 const struct decisions *decisions, struct bytes act,
                                 struct buffer *out);

/* Proposals first: what each would change is worked out when the walk over the acts comes to the
 * one that it follows. */
int decisions_load(const struct cli *cli, struct client *client, struct decisions *out) {
    memset(out, 0, sizeof *out);
    int failed = client_community(cli, client, &out->community);
    if (failed == 0) {
        failed = members_load(client, &out->community, &out->members);
    }
    if (failed == 0) {
        failed = load_proposals(client, out);
    }
    if (failed == 0) {
        failed = client_acts(cli, client, visit_act, out, &out->community);
    }
    if (failed == 0) {
        judge(out);
    } else {
        decisions_finish(out);
    }
    return failed;
}

int decisions_open(struct cli *cli, struct client **client, struct decisions *out) {
    int failed = client_open(cli, client);
    if (failed == 0) {
        failed = client_in_community(*client);
    }
    return failed == 0 ? decisions_load(cli, *client, out) : failed;
}

void decisions_finish(struct decisions *decisions) {
    members_finish(&decisions->members);
    for (size_t i = 0; i < decisions->act_count; i++) {
        changes_finish(&decisions->acts[i].changes);
    }
    free(decisions->acts);
    decisions->acts = NULL;
    decisions->act_count = decisions->act_room = 0;
    for (size_t i = 0; i < decisions->proposal_count; i++) {
        proposal_destroy(decisions->proposals[i]);
    }
    decisions->proposal_count = 0;
}

/* ---- proposals ---- */

static int load_proposals(struct client *client, struct decisions *out) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_PROPOSALS};
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        struct signed_object object;
        enum err err = signed_decode(reply.as.object.object, &object);
        if (err == ERR_OK && object.kind == OBJECT_ENDORSEMENT) {
            err = take_endorsement(out, &object);
        } else if (err == ERR_OK && object.kind == OBJECT_ACT) {
            err = take_lost(out, &object);
        }
        if (err == ERR_HOST_MEMORY) {
            failed = fail(NULL, "out of memory");
        } else if (err != ERR_OK) {
            (void)fail(NULL, "the node shows a proposal that does not verify: %s", err_text(err));
        }
    }
    return failed;
}

/* Whoever signed the endorsement signed the act in it; whether that one is an administrator is
 * judged later. */
static enum err take_endorsement(struct decisions *out, const struct signed_object *object) {
    struct endorsement endorsement;
    struct proposal *proposal = NULL;
    enum err err = endorsement_decode(object->body, &endorsement);
    if (err != ERR_OK) {
        return err;
    }
    const struct sign_public *key = &object->signatures[0].key;
    if (object->count != 1 || !signed_by(object, key) ||
        !act_signed_by(endorsement.act, key, &endorsement.signature)) {
        return ERR_PEER_SIGNATURE;
    }
    err = proposal_of(out, endorsement.act, &proposal);
    if (err != ERR_OK || instant_reached(now_wall(), endorsement.head.expires) ||
        proposal_signed_by(proposal, key) ||
        proposal->signer_count == COUNT_OF(proposal->signers)) {
        return err;
    }
    proposal->signers[proposal->signer_count++] = *key;
    if (proposal->until.ms == 0 || endorsement.head.expires.ms < proposal->until.ms) {
        proposal->until = endorsement.head.expires;
    }
    return ERR_OK;
}

static enum err take_lost(struct decisions *out, const struct signed_object *object) {
    struct proposal *proposal = NULL;
    enum err err = proposal_of(out, object->body, &proposal);
    if (err != ERR_OK) {
        return err;
    }
    proposal->state = PROPOSAL_LOST;
    proposal->signer_count = 0;
    for (size_t i = 0; i < object->count; i++) {
        if (signed_by(object, &object->signatures[i].key)) {
            proposal->signers[proposal->signer_count++] = object->signatures[i].key;
        }
    }
    return ERR_OK;
}

/* Of an act with this body, a new one where there is none. */
static enum err proposal_of(struct decisions *out, struct bytes body, struct proposal **found) {
    struct id id;
    sha256(body, &id);
    for (size_t i = 0; i < out->proposal_count; i++) {
        if (id_equal(&out->proposals[i]->id, &id)) {
            *found = out->proposals[i];
            return ERR_OK;
        }
    }
    if (out->proposal_count == PROPOSALS_MAX) {
        return ERR_FULL_TABLE;
    }
    struct proposal *proposal = calloc(1, sizeof *proposal);
    if (proposal == NULL) {
        return ERR_HOST_MEMORY;
    }
    buffer_init(&proposal->body, ACT_BODY_MAX);
    proposal->changes = CHANGES_NONE;
    proposal->id = id;
    request_long_code(&id, REQUEST_CODE_ID_BYTES, proposal->code);
    enum err err = buffer_append(&proposal->body, body);
    if (err == ERR_OK) {
        err = act_decode(buffer_bytes(&proposal->body), &proposal->act);
    }
    if (err != ERR_OK) {
        proposal_destroy(proposal);
        return err;
    }
    out->proposals[out->proposal_count++] = proposal;
    *found = proposal;
    return ERR_OK;
}

static void proposal_destroy(struct proposal *proposal) {
    buffer_finish(&proposal->body);
    changes_finish(&proposal->changes);
    free(proposal);
}

bool proposal_signed_by(const struct proposal *proposal, const struct sign_public *key) {
    for (size_t i = 0; i < proposal->signer_count; i++) {
        if (sign_public_equal(&proposal->signers[i], key)) {
            return true;
        }
    }
    return false;
}

/* ---- acts ---- */

static int visit_act(void *context, const struct community_terms *before, struct bytes bytes,
                     const struct community_terms *after) {
    struct decisions *out = context;
    static struct act act;
    struct signed_object object;
    struct decided *decision = room_for_one(out);
    if (decision == NULL || signed_decode(bytes, &object) != ERR_OK) {
        return fail(NULL, "out of memory");
    }
    *decision = (struct decided){.id = object.id,
                                 .version = after->governance.version,
                                 .created = after->governance.created,
                                 .changes = CHANGES_NONE};
    const struct charter *deciding =
        object.kind == OBJECT_ACT ? &before->governance.charter : &after->governance.charter;
    request_code(&object.id, decision->code);
    for (size_t i = 0; i < object.count; i++) {
        const struct sign_public *key = &object.signatures[i].key;
        if (charter_has_administrator(deciding, key) && signed_by(&object, key)) {
            decision->signers[decision->signer_count++] = *key;
        }
    }
    if (object.kind == OBJECT_ACT && act_decode(object.body, &act) == ERR_OK) {
        decision->previous = act.previous;
        changes_of_act(before, &act, &out->members, &decision->changes);
    }
    for (size_t i = 0; i < out->proposal_count; i++) {
        struct proposal *proposal = out->proposals[i];
        if (id_equal(&proposal->act.previous, &object.id)) {
            changes_of_act(after, &proposal->act, &out->members, &proposal->changes);
        }
    }
    return 0;
}

static struct decided *room_for_one(struct decisions *out) {
    if (out->act_count == out->act_room) {
        size_t room = out->act_room == 0 ? 16 : 2 * out->act_room;
        struct decided *list = reallocarray(out->acts, room, sizeof *list);
        if (list == NULL) {
            return NULL;
        }
        out->acts = list;
        out->act_room = room;
    }
    return &out->acts[out->act_count++];
}

/* A proposal that has become an act is none any more; of an open one administrators' signatures
 * count alone. */
static void judge(struct decisions *decisions) {
    const struct governance *governance = &decisions->community.governance;
    size_t kept = 0;
    for (size_t i = 0; i < decisions->proposal_count; i++) {
        struct proposal *proposal = decisions->proposals[i];
        bool open = id_equal(&proposal->act.previous, &governance->head);
        bool ours = id_equal(&proposal->act.head.community, &governance->community);
        if (open) {
            keep_administrators(&governance->charter, proposal);
        } else if (proposal->state == PROPOSAL_OPEN) {
            proposal->state = PROPOSAL_LATE;
        }
        for (size_t k = 1; k < decisions->act_count; k++) {
            if (id_equal(&decisions->acts[k].previous, &proposal->act.previous)) {
                memcpy(proposal->other, decisions->acts[k].code, sizeof proposal->other);
            }
        }
        if (!ours || proposal->signer_count == 0 || has_effect(decisions, &proposal->id)) {
            proposal_destroy(proposal);
        } else {
            decisions->proposals[kept++] = proposal;
        }
    }
    decisions->proposal_count = kept;
    tell_apart(decisions);
}

/* Whoever proposes can try until an act has the code of another one. */
static void tell_apart(struct decisions *decisions) {
    for (size_t i = 0; i < decisions->proposal_count; i++) {
        struct proposal *proposal = decisions->proposals[i];
        size_t bytes = REQUEST_CODE_ID_BYTES;
        for (size_t k = 0; k < decisions->proposal_count; k++) {
            size_t apart = code_bytes_apart(&proposal->id, &decisions->proposals[k]->id);
            bytes = apart > bytes ? apart : bytes;
        }
        request_long_code(&proposal->id, bytes, proposal->code);
    }
}

static void keep_administrators(const struct charter *charter, struct proposal *proposal) {
    size_t kept = 0;
    for (size_t i = 0; i < proposal->signer_count; i++) {
        if (charter_has_administrator(charter, &proposal->signers[i])) {
            proposal->signers[kept++] = proposal->signers[i];
        }
    }
    proposal->signer_count = kept;
}

static bool has_effect(const struct decisions *decisions, const struct id *act) {
    for (size_t i = 0; i < decisions->act_count; i++) {
        if (id_equal(&decisions->acts[i].id, act)) {
            return true;
        }
    }
    return false;
}

int decisions_find(const struct decisions *decisions, const char *code, struct proposal **out) {
    static const char *const ends[] = {[PROPOSAL_LATE] = "another act came first",
                                       [PROPOSAL_LOST] = "another act counts in its place"};
    const struct proposal *ended = NULL;
    struct proposal *found = NULL;
    static struct named named;
    named_start(&named, code);
    for (size_t i = 0; i < decisions->proposal_count; i++) {
        struct proposal *proposal = decisions->proposals[i];
        if (!code_begins(code, &proposal->id)) {
            continue;
        }
        if (proposal->state != PROPOSAL_OPEN) {
            ended = proposal;
        } else {
            char says[NAMED_SAYS_BYTES];
            (void)snprintf(says, sizeof says, "a proposal, signed by %zu so far",
                           proposal->signer_count);
            (void)named_note(&named, &proposal->id, "", says);
            found = proposal;
        }
    }
    if (named_settle(&named, "proposals; 'stoop charter proposals' shows them") != 0) {
        return EXIT_FAILED;
    }
    for (size_t i = 1; found == NULL && i < decisions->act_count; i++) {
        if (code_begins(code, &decisions->acts[i].id)) {
            return fail("see 'stoop charter history'", "'%s' is decided: it is version %u",
                        decisions->acts[i].code, decisions->acts[i].version);
        }
    }
    if (found == NULL) {
        char safe[SAFE_MAX];
        return ended != NULL
                   ? fail("propose it again, if it is still wanted",
                          "'%s' can be signed no more: %s", ended->code, ends[ended->state])
                   : fail(code_advice(code, "see what is under way with 'stoop charter proposals'"),
                          "no proposal has the code '%s'", safe_text(code, 24, safe));
    }
    *out = found;
    return 0;
}

/* ---- signing ---- */

int decisions_may_sign(const struct cli *cli, const struct decisions *decisions,
                       struct keyfile_public *pub) {
    static char people[PEOPLE_MAX];
    const struct charter *charter = &decisions->community.governance.charter;
    const struct listed *self = members_self(&decisions->members);
    char community[SAFE_MAX];
    char owner[SAFE_MAX];
    int failed = owner_public_of(cli->owner_dir, pub);
    if (failed != 0) {
        return failed;
    }
    (void)safe_text(charter->name, NAME_MAX_BYTES, community);
    if (self == NULL || !listed_stands(self)) {
        return fail(NULL, "this home belongs to '%s' no more", community);
    }
    if (!charter_has_administrator(charter, &pub->owner.sign)) {
        char next[256];
        (void)snprintf(next, sizeof next, "these are: %.200s",
                       people_text(&decisions->members, charter->administrators,
                                   charter->administrator_count, people));
        return fail(next, "'%s' is no administrator of '%s'",
                    safe_text(pub->name, NAME_MAX_BYTES, owner), community);
    }
    return 0;
}

int decisions_may_begin(const struct cli *cli, const struct decisions *decisions,
                        struct keyfile_public *pub) {
    int failed = decisions_may_sign(cli, decisions, pub);
    return failed == 0 ? decisions_enough_left(decisions) : failed;
}

int decisions_enough_left(const struct decisions *decisions) {
    struct sign_public could[ADMINISTRATORS_MAX];
    const struct charter *charter = &decisions->community.governance.charter;
    size_t left = missing(decisions, NULL, 0, could);
    return left >= charter->threshold
               ? 0
               : fail("nothing that administrators decide can be decided here any more; a new "
                      "community can be founded",
                      "too few administrators are left to decide it: %u have to, and %zu of %zu "
                      "belong",
                      charter->threshold, left, charter->administrator_count);
}

/* Later than the one before it, whatever this clock says (PROTOCOL 4.6). */
void decisions_start_act(const struct decisions *decisions, struct act *out) {
    const struct governance *governance = &decisions->community.governance;
    struct instant now = now_wall();
    *out = (struct act){
        .head = {.community = governance->community, .created = now, .expires = INSTANT_FOR_GOOD},
        .previous = governance->head};
    if (now.ms <= governance->created.ms) {
        out->head.created.ms = governance->created.ms + 1;
    }
}

int decisions_endorse(struct cli *cli, struct client *client, const struct decisions *decisions,
                      struct bytes act, struct bytes key) {
    static const struct told told[] = {
        {ERR_PEER_REPEATED, "this very signature is on record already",
         "see who else has to sign with 'stoop charter proposals'"},
        {ERR_DENY_CHARTER, "the charter has changed meanwhile, or another act came first",
         "see what counts now with 'stoop charter history'"},
        {ERR_DENY_QUOTA, "this home has signed a great deal in a short time",
         "try again in a few minutes"},
        {ERR_FULL_TABLE, "homes hold as many signed objects of this community as they can",
         "try again tomorrow, when some of them have ended"},
    };
    struct owner_secret *secret = NULL;
    struct keyfile_public pub;
    const struct listed *self = members_self(&decisions->members);
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    int failed = owner_open(cli, cli->owner_dir, NULL, &secret, &pub);
    if (failed != 0) {
        return failed;
    }
    enum err err = make_endorsement(secret, &pub, &self->id, decisions, act, &bytes);
    secret_destroy(secret);
    if (err != ERR_OK) {
        return fail(NULL, "the signature cannot be made: %s", err_text(err));
    }
    const struct control_request put = {
        .op = CONTROL_ENDORSE, .blob = buffer_bytes(&bytes), .blob2 = key};
    return client_do_told(client, &put, "the signature was not taken", TOLD(told));
}

int decisions_begin(struct cli *cli, struct client *client, const struct decisions *decisions,
                    const struct act *act, struct bytes key) {
    struct id id;
    SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
    enum err err = act_encode(act, &body);
    int failed = err == ERR_OK ? decisions_endorse(cli, client, decisions, buffer_bytes(&body), key)
                               : fail(NULL, "the act cannot be made: %s", err_text(err));
    if (failed == 0) {
        sha256(buffer_bytes(&body), &id);
        decisions_say_signed(decisions, &id, 1);
    }
    return failed;
}

void decisions_say_by(const struct decisions *decisions, const struct sign_public *own) {
    static char people[PEOPLE_MAX];
    static char text[PEOPLE_MAX + 256];
    const struct charter *charter = &decisions->community.governance.charter;
    if (charter->threshold == 1) {
        term_line("BY", "", "you, as an administrator: at once");
        return;
    }
    (void)snprintf(text, sizeof text,
                   "%u of %zu administrators: you, then %u of %.2000s, within %d days",
                   charter->threshold, charter->administrator_count, charter->threshold - 1,
                   missing_text(decisions, own, 1, people), (int)ENDORSEMENT_DAYS);
    term_line("BY", "", text);
}

void decisions_say_others(const struct decisions *decisions, const struct id *but) {
    char text[96];
    for (size_t i = 0; i < decisions->proposal_count; i++) {
        const struct proposal *other = decisions->proposals[i];
        if (other->state == PROPOSAL_OPEN && (but == NULL || !id_equal(&other->id, but))) {
            (void)snprintf(text, sizeof text, "%s is under way too: only one of them can count",
                           other->code);
            term_line("BESIDE", "", text);
        }
    }
}

static enum err make_endorsement(const struct owner_secret *secret,
                                 const struct keyfile_public *pub, const struct id *author,
                                 const struct decisions *decisions, struct bytes act,
                                 struct buffer *out) {
    struct endorsement endorsement = {
        .head = {.community = decisions->community.governance.community,
                 .author = *author,
                 .created = now_wall()},
        .act = act};
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    endorsement.head.expires.ms =
        endorsement.head.created.ms + (int64_t)ENDORSEMENT_DAYS * DURATION_DAY_MS;
    signed_start(OBJECT_ACT, act, &object);
    enum err err = signed_add(&object, &secret->sign, &pub->owner.sign);
    if (err == ERR_OK) {
        endorsement.signature = object.signatures[0].signature;
        err = endorsement_encode(&endorsement, &body);
    }
    if (err == ERR_OK) {
        signed_start(OBJECT_ENDORSEMENT, buffer_bytes(&body), &object);
        err = signed_add(&object, &secret->sign, &pub->owner.sign);
    }
    return err == ERR_OK ? signed_encode(&object, out) : err;
}

void decisions_say_signed(const struct decisions *decisions, const struct id *act, size_t signers) {
    const struct governance *governance = &decisions->community.governance;
    char code[REQUEST_CODE_BYTES];
    request_code(act, code);
    if (signers >= governance->charter.threshold) {
        (void)printf("decided as %s: version %u\n", code, governance->version + 1);
    } else {
        (void)printf("signed as %s; %zu more to sign it with 'stoop charter sign %s'\n", code,
                     governance->charter.threshold - signers, code);
    }
}

/* ---- words ---- */

const char *people_text(const struct member_list *members, const struct sign_public *keys,
                        size_t count, char out[PEOPLE_MAX]) {
    char person[PERSON_MAX];
    size_t len = 0;
    (void)snprintf(out, PEOPLE_MAX, "nobody");
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(out + len, PEOPLE_MAX - len, "%s%s",
                                i == 0           ? ""
                                : i + 1 == count ? " and "
                                                 : ", ",
                                person_text(members, &keys[i], person));
    }
    return out;
}

const char *missing_text(const struct decisions *decisions, const struct sign_public *signers,
                         size_t count, char out[PEOPLE_MAX]) {
    struct sign_public could[ADMINISTRATORS_MAX];
    size_t could_count = missing(decisions, signers, count, could);
    return people_text(&decisions->members, could, could_count, out);
}

static size_t missing(const struct decisions *decisions, const struct sign_public *signers,
                      size_t count, struct sign_public could[ADMINISTRATORS_MAX]) {
    const struct charter *charter = &decisions->community.governance.charter;
    size_t could_count = 0;
    for (size_t i = 0; i < charter->administrator_count; i++) {
        const struct sign_public *key = &charter->administrators[i];
        size_t owner = 0;
        const struct listed *home = members_of_key(&decisions->members, key, &owner);
        bool has = home == NULL || !listed_stands(home);
        for (size_t k = 0; k < count; k++) {
            has |= sign_public_equal(&signers[k], key);
        }
        if (!has) {
            could[could_count++] = *key;
        }
    }
    return could_count;
}
