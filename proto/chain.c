/* Certificates (PROTOCOL 4.2, 4.3): pure checks over decoded objects, shared by node, ingest and
 * stoop. */

#include "proto/community.h"

enum {
    CERTIFICATE_LIFE_MAX_DAYS = 400
};

static enum err verify_founder(const struct charter *charter, const struct member *member);
static enum err verify_joined(const struct signed_object *object, const struct member *member,
                              const struct member *sponsor);
static bool owners_signed(const struct signed_object *object, const struct member *member);
static bool signed_by_owner(const struct signed_object *object, const struct member *member);

enum err charter_verify(const struct signed_object *object, const struct charter *charter) {
    if (object->kind != OBJECT_CHARTER || charter->version != 1) {
        return ERR_PEER_CERTIFICATE;
    }
    size_t good = 0;
    for (size_t i = 0; i < charter->administrator_count; i++) {
        good += signed_by(object, &charter->administrators[i]) ? 1 : 0;
    }
    return good >= charter->threshold ? ERR_OK : ERR_PEER_SIGNATURE;
}

enum err member_verify(const struct id *community, const struct charter *charter,
                       const struct signed_object *object, const struct member *member,
                       const struct member *sponsor) {
    int64_t life = member->head.expires.ms - member->head.created.ms;
    bool founder = id_is_zero(&member->head.author);
    if (founder != (sponsor == NULL) || founder != (member->invite.len == 0)) {
        return ERR_PEER_CERTIFICATE;
    }
    if (object->kind != OBJECT_MEMBER || !id_equal(&member->head.community, community) ||
        life > (int64_t)CERTIFICATE_LIFE_MAX_DAYS * DURATION_DAY_MS) {
        return ERR_PEER_CERTIFICATE;
    }
    if (!signed_by(object, &member->node) || !owners_signed(object, member)) {
        return ERR_PEER_SIGNATURE;
    }
    return sponsor == NULL ? verify_founder(charter, member)
                           : verify_joined(object, member, sponsor);
}

enum err chain_verify(const struct id *community, struct bytes signed_charter,
                      const struct bytes *chain, size_t count, struct instant now,
                      struct charter *charter_out, struct member *leaf_out) {
    struct signed_object object = {0};
    struct charter charter;
    struct member members[2]; /* the sponsor and the one that it sponsors, in turn */
    struct id sponsor_id = {{0}};
    enum err err = signed_decode(signed_charter, &object);
    if (err == ERR_OK && (count == 0 || count > CHAIN_MAX || object.kind != OBJECT_CHARTER ||
                          !id_equal(&object.id, community))) {
        err = ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK) {
        err = charter_decode(object.body, &charter);
    }
    if (err == ERR_OK) {
        err = charter_verify(&object, &charter);
    }
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        struct member *member = &members[i % 2];
        err = signed_decode(chain[i], &object);
        if (err == ERR_OK) {
            err = member_decode(object.body, member);
        }
        if (err == ERR_OK && !id_equal(&member->head.author, &sponsor_id)) {
            err = ERR_PEER_CERTIFICATE;
        }
        if (err == ERR_OK) {
            const struct member *sponsor = i == 0 ? NULL : &members[(i + 1) % 2];
            err = member_verify(community, &charter, &object, member, sponsor);
        }
        if (err == ERR_OK && instant_reached(now, member->head.expires)) {
            err = ERR_DENY_EXPIRED;
        }
        sponsor_id = object.id;
    }
    if (err == ERR_OK) {
        *charter_out = charter;
        *leaf_out = members[(count - 1) % 2];
    }
    return err;
}

/* A founder is an administrator of the charter, who owns that home and has signed as such. */
static enum err verify_founder(const struct charter *charter, const struct member *member) {
    if (member->role != MEMBER_ADMINISTRATOR ||
        member->invite_allowance > charter->invite_allowance) {
        return ERR_PEER_CERTIFICATE;
    }
    for (size_t i = 0; i < charter->administrator_count; i++) {
        for (size_t k = 0; k < member->owner_count; k++) {
            if (sign_public_equal(&charter->administrators[i], &member->owners[k].sign)) {
                return ERR_OK; /* every owner's signature is checked by now */
            }
        }
    }
    return ERR_PEER_CERTIFICATE;
}

/* Invite by an owner of the sponsor, use of its secret, and the sponsor's node: the three together
 * are the sponsor's word that this is whom it brought. */
static enum err verify_joined(const struct signed_object *object, const struct member *member,
                              const struct member *sponsor) {
    struct signed_object signed_invite;
    struct invite invite;
    enum err err = signed_decode(member->invite, &signed_invite);
    if (err == ERR_OK && signed_invite.kind != OBJECT_INVITE) {
        err = ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK) {
        err = invite_decode(signed_invite.body, &invite);
    }
    if (err != ERR_OK) {
        return ERR_PEER_CERTIFICATE;
    }
    if (!signed_by_owner(&signed_invite, sponsor) || !signed_by(object, &invite.key) ||
        !signed_by(object, &sponsor->node)) {
        return ERR_PEER_SIGNATURE;
    }
    if (!id_equal(&invite.head.community, &member->head.community) ||
        !id_equal(&invite.head.author, &member->head.author) ||
        member->head.created.ms < invite.head.created.ms ||
        member->head.created.ms >= invite.head.expires.ms) {
        return ERR_PEER_CERTIFICATE;
    }
    /* An outsider may only ask: it brings nobody in. */
    bool may_sponsor = (sponsor->role == MEMBER_HOME || sponsor->role == MEMBER_ADMINISTRATOR) &&
                       sponsor->invite_allowance > 0;
    if (!may_sponsor || member->role != invite.role || invite.role == MEMBER_ADMINISTRATOR ||
        member->invite_allowance > invite.invite_allowance ||
        invite.invite_allowance > sponsor->invite_allowance) {
        return ERR_DENY_ROLE;
    }
    return ERR_OK;
}

static bool owners_signed(const struct signed_object *object, const struct member *member) {
    for (size_t i = 0; i < member->owner_count; i++) {
        if (!signed_by(object, &member->owners[i].sign)) {
            return false;
        }
    }
    return member->owner_count > 0;
}

static bool signed_by_owner(const struct signed_object *object, const struct member *member) {
    for (size_t i = 0; i < member->owner_count; i++) {
        if (signed_by(object, &member->owners[i].sign)) {
            return true;
        }
    }
    return false;
}
