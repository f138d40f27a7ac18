#include "cli/members.h"

#include <stdlib.h>
#include <string.h>

enum {
    ID_DIGITS_MIN = 4
};

static int take(struct member_list *members, const struct community_terms *community,
                const struct control_reply *reply);
static enum err take_member(struct member_list *members, const struct community_terms *community,
                            const struct signed_object *object, uint32_t state);
static struct instant ends_of(const struct governance *governance, const struct id *id,
                              const struct member *member, const struct listed *sponsor);
static void take_renewal(struct member_list *members, const struct community_terms *community,
                         const struct signed_object *object);
static void take_leave(struct member_list *members, const struct signed_object *object);
static struct listed *find(const struct member_list *members, const struct id *id);
static void judge_times(struct member_list *members, struct instant now);
static const struct listed *first_after(const struct member_list *members,
                                        const struct listed *sponsor, const struct listed *behind);
static size_t look_for(const struct member_list *members, const char *word,
                       const struct listed **found);
static bool is_called(const struct listed *listed, const char *word);

int members_load(struct client *client, const struct community_terms *community,
                 struct member_list *out) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_MEMBERS};
    *out = (struct member_list){0};
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        if (take(out, community, &reply) != 0) {
            failed = fail(NULL, "out of memory");
        }
    }
    judge_times(out, now_wall());
    if (failed != 0) {
        members_finish(out);
    }
    return failed;
}

void members_finish(struct member_list *members) {
    free(members->list);
    *members = (struct member_list){0};
}

static int take(struct member_list *members, const struct community_terms *community,
                const struct control_reply *reply) {
    struct signed_object object;
    if (members->count == members->room) {
        size_t room = members->room == 0 ? 64 : 2 * members->room;
        struct listed *list = reallocarray(NULL, room, sizeof *list);
        if (list == NULL) {
            return EXIT_FAILED;
        }
        for (size_t i = 0; i < members->count; i++) {
            list[i] = members->list[i];
            list[i].sponsor =
                list[i].sponsor == NULL ? NULL : list + (list[i].sponsor - members->list);
        }
        free(members->list);
        members->list = list;
        members->room = room;
    }
    if (signed_decode(reply->as.object.object, &object) != ERR_OK) {
        (void)fail(NULL, "the node shows a certificate that cannot be read");
        return 0;
    }
    if (object.kind == OBJECT_RENEWAL) {
        take_renewal(members, community, &object);
    } else if (object.kind == OBJECT_REMOVAL) {
        take_leave(members, &object);
    } else if (object.kind == OBJECT_MEMBER) {
        enum err err = take_member(members, community, &object, reply->as.object.state);
        if (err != ERR_OK) {
            (void)fail(NULL, "the node shows a certificate that does not verify: %s",
                       err_text(err));
        }
    }
    return 0;
}

static enum err take_member(struct member_list *members, const struct community_terms *community,
                            const struct signed_object *object, uint32_t state) {
    static struct member member;
    enum err err = member_decode(object->body, &member);
    if (err != ERR_OK) {
        return err;
    }
    bool founder = id_is_zero(&member.head.author);
    const struct listed *sponsor = founder ? NULL : find(members, &member.head.author);
    if (!founder && sponsor == NULL) {
        return ERR_PEER_UNKNOWN;
    }
    err = member_verify(&community->governance, object, &member,
                        sponsor == NULL ? NULL : &sponsor->member);
    if (err != ERR_OK || find(members, &object->id) != NULL) {
        return err;
    }
    member.invite = (struct bytes){NULL, 0}; /* was borrowed */
    members->list[members->count++] =
        (struct listed){.id = object->id,
                        .member = member,
                        .ends = ends_of(&community->governance, &object->id, &member, sponsor),
                        .state = (enum control_member)state,
                        .sponsor = sponsor,
                        .depth = sponsor == NULL ? 0 : sponsor->depth + 1};
    return ERR_OK;
}

/* An outsider's time is over by what let it in too (PROTOCOL 4.11), and its officers' with it. */
static struct instant ends_of(const struct governance *governance, const struct id *id,
                              const struct member *member, const struct listed *sponsor) {
    const struct outsider *as = governance_outsider(governance, id);
    struct instant ends = governance_ends(governance, id, member->head.expires);
    struct instant most = as != NULL                                          ? as->admission.until
                          : member->role == MEMBER_OFFICER && sponsor != NULL ? sponsor->ends
                                                                              : ends;
    return most.ms < ends.ms ? most : ends;
}

/* By one above it, or a founder itself (PROTOCOL 4.9); one that does not verify renews nothing. */
static void take_renewal(struct member_list *members, const struct community_terms *community,
                         const struct signed_object *object) {
    struct renewal renewal;
    if (renewal_decode(object->body, &renewal) != ERR_OK ||
        !id_equal(&renewal.head.community, &community->governance.community)) {
        return;
    }
    struct listed *of = find(members, &renewal.member);
    const struct listed *by = find(members, &renewal.head.author);
    bool may = of != NULL && by != NULL && (listed_under(of, by) || (of == by && of->depth == 0));
    if (may && signed_by(object, &by->member.node) && renewal.head.expires.ms > of->ends.ms) {
        of->ends = renewal.head.expires;
    }
}

/* Who removed others is of no matter here; nor is a word that is not its own. */
static void take_leave(struct member_list *members, const struct signed_object *object) {
    struct removal removal;
    if (removal_decode(object->body, &removal) != ERR_OK ||
        !id_equal(&removal.head.author, &removal.removed.member)) {
        return;
    }
    struct listed *of = find(members, &removal.removed.member);
    for (size_t i = 0; of != NULL && i < of->member.owner_count; i++) {
        of->left |= signed_by(object, &of->member.owners[i].sign);
    }
}

static void judge_times(struct member_list *members, struct instant now) {
    for (size_t i = 0; i < members->count; i++) {
        struct listed *listed = &members->list[i];
        listed->expired = instant_reached(now, listed->ends) ||
                          (listed->sponsor != NULL && listed->sponsor->expired);
    }
}

static struct listed *find(const struct member_list *members, const struct id *id) {
    for (size_t i = 0; i < members->count; i++) {
        if (id_equal(&members->list[i].id, id)) {
            return &members->list[i];
        }
    }
    return NULL;
}

/* ---- questions about them ---- */

const struct listed *members_next(const struct member_list *members, const struct listed *at) {
    const struct listed *below = first_after(members, at, NULL); /* whom it brought */
    for (; below == NULL && at != NULL; at = at->sponsor) {      /* or who comes beside it */
        below = first_after(members, at->sponsor, at);
    }
    return below;
}

/* The first of this sponsor's behind `behind`; of the founders where it is NULL. */
static const struct listed *first_after(const struct member_list *members,
                                        const struct listed *sponsor, const struct listed *behind) {
    for (size_t i = behind == NULL ? 0 : (size_t)(behind - members->list) + 1; i < members->count;
         i++) {
        if (members->list[i].sponsor == sponsor) {
            return &members->list[i];
        }
    }
    return NULL;
}

const char *listed_state(const struct listed *listed) {
    if (listed_gone(listed)) {
        return listed->state == CONTROL_MEMBER_REMOVED ? "removed" : "displaced";
    }
    if (listed->expired) {
        return "expired";
    }
    bool outside = listed->member.role == MEMBER_OUTSIDER || listed->member.role == MEMBER_OFFICER;
    return listed->state == CONTROL_MEMBER_SELF     ? "here"
           : outside                                ? "outside"
           : listed->state == CONTROL_MEMBER_LINKED ? "linked"
                                                    : "away";
}

const char *listed_word(const struct listed *listed) {
    return listed->left && listed->state == CONTROL_MEMBER_REMOVED ? "left" : listed_state(listed);
}

bool listed_gone(const struct listed *listed) {
    return listed->state == CONTROL_MEMBER_REMOVED || listed->state == CONTROL_MEMBER_DISPLACED;
}

bool listed_stands(const struct listed *listed) {
    return !listed_gone(listed) && !listed->expired;
}

bool listed_under(const struct listed *listed, const struct listed *above) {
    for (const struct listed *at = listed->sponsor; at != NULL; at = at->sponsor) {
        if (at == above) {
            return true;
        }
    }
    return false;
}

const struct listed *members_self(const struct member_list *members) {
    for (size_t i = 0; i < members->count; i++) {
        if (members->list[i].state == CONTROL_MEMBER_SELF) {
            return &members->list[i];
        }
    }
    return NULL;
}

const struct listed *members_of_id(const struct member_list *members, const struct id *id) {
    return find(members, id);
}

const struct listed *members_of_key(const struct member_list *members,
                                    const struct sign_public *key, size_t *owner) {
    const struct listed *found = NULL;
    for (size_t i = 0; i < members->count; i++) {
        const struct listed *listed = &members->list[i];
        for (size_t k = 0; k < listed->member.owner_count; k++) {
            if (sign_public_equal(&listed->member.owners[k].sign, key) &&
                (found == NULL || (!listed_stands(found) && listed_stands(listed)))) {
                found = listed;
                *owner = k;
            }
        }
    }
    return found;
}

int members_find(const struct member_list *members, const char *word, const struct listed **out) {
    char safe[SAFE_MAX];
    const struct listed *found = NULL;
    size_t count = look_for(members, word, &found);
    if (count == 0) {
        return fail("see who belongs with 'stoop members'", "no member is called '%s'",
                    safe_text(word, 64, safe));
    }
    if (count > 1) {
        return fail("name one by its id, which 'stoop members' has beside the name",
                    "%zu members are called '%s'", count, safe_text(word, 64, safe));
    }
    *out = found;
    return 0;
}

size_t members_called(const struct member_list *members, const char *word) {
    const struct listed *found = NULL;
    return look_for(members, word, &found);
}

static size_t look_for(const struct member_list *members, const char *word,
                       const struct listed **found) {
    size_t count = 0;
    for (int standing = 1; standing >= 0 && count == 0; standing--) {
        for (size_t i = 0; i < members->count; i++) {
            const struct listed *listed = &members->list[i];
            if (listed_stands(listed) == (standing == 1) && is_called(listed, word)) {
                *found = listed;
                count++;
            }
        }
    }
    return count;
}

static bool is_called(const struct listed *listed, const char *word) {
    char hex[65];
    size_t len = strlen(word);
    hex_write(BYTES_OF(listed->id.b), hex);
    return strcmp(listed->member.name, word) == 0 ||
           (len >= ID_DIGITS_MIN && len <= 64 && strncasecmp(hex, word, len) == 0);
}

const char *person_text(const struct member_list *members, const struct sign_public *key,
                        char out[PERSON_MAX]) {
    size_t owner = 0;
    const struct listed *listed = members_of_key(members, key, &owner);
    if (listed == NULL) {
        char hex[65];
        hex_write(BYTES_OF(key->b), hex);
        (void)snprintf(out, PERSON_MAX, "the key %.8s", hex);
        return out;
    }
    char name[SAFE_MAX];
    char home[SAFE_MAX];
    (void)safe_text(listed->member.owner_names[owner], NAME_MAX_BYTES, name);
    (void)safe_text(listed->member.name, NAME_MAX_BYTES, home);
    char code[LINK_CODE_BYTES] = "";
    bool same = strcmp(name, home) == 0;
    bool alike = namesakes_of(members, &listed->id, listed->member.name).count > 0;
    if (alike) {
        link_code(&listed->id, code);
    }
    (void)snprintf(out, PERSON_MAX, "%.220s%s%.220s%s%s%s", name, same && !alike ? "" : " (",
                   same ? "" : home, same || !alike ? "" : ", ", code, same && !alike ? "" : ")");
    return out;
}
