#include "cli/entry.h"

#include <string.h>

#include "cli/members.h"

enum {
    CERTIFICATE_DAYS = 398,
};

static int say_taken(struct client *client, const struct control_reply *status);
static int check_pins(const struct cli *cli, struct entry *entry);
static enum err add_invite_signature(const uint8_t *invite_secret, struct signed_object *object);
static const char *pinned_elsewhere(const struct cli *cli, const struct entry *entry,
                                    const struct id *community);

const struct told entry_belongs = {
    ERR_USER_EXISTS, "this home belongs to a community already, or is being let into one",
    "see which with 'stoop status'"};

int entry_open(struct cli *cli, struct entry *entry) {
    int failed = entry_reach(cli, entry);
    return failed == 0 ? entry_open_keys(cli, entry) : failed;
}

int entry_reach(struct cli *cli, struct entry *entry) {
    static struct control_reply status;
    if (entry->client != NULL) {
        return 0;
    }
    int failed = cameras_settle(cli);
    if (failed == 0) {
        failed = client_open(cli, &entry->client);
    }
    if (failed == 0) {
        failed = client_status(entry->client, &status);
    }
    if (failed == 0 && status.as.status.has_community) {
        failed = say_taken(entry->client, &status);
    }
    if (failed == 0) {
        entry->applied = !id_is_zero(&status.as.status.outside);
        entry->node = status.as.status.node;
        entry->log = status.as.status.log;
        entry->transport = status.as.status.transport;
        failed = check_pins(cli, entry);
    }
    return failed;
}

/* Whatever it was in this community, its node is that community's. */
static int say_taken(struct client *client, const struct control_reply *status) {
    static const char room[] = "make room for another with 'stoop init --community NAME'";
    enum control_member state = CONTROL_MEMBER_AWAY;
    char safe[SAFE_MAX];
    (void)safe_text(status->as.status.community_name, NAME_MAX_BYTES, safe);
    if (id_is_zero(&status->as.status.outside)) {
        int failed = belongs_or_says(client);
        return failed == 0 ? fail(room, "this home belongs to '%s' already", safe) : failed;
    }
    int failed = belongs_ask(client, status, &state);
    if (failed != 0) {
        return failed;
    }
    return state == CONTROL_MEMBER_REMOVED
               ? fail(room, "administrators of '%s' removed this home, an outsider there", safe)
               : fail(room, "this home asks '%s' from outside", safe);
}

/* It is this owner's node, and all owners of the home sign. */
static int check_pins(const struct cli *cli, struct entry *entry) {
    bool needed[OWNERS_MAX];
    memset(needed, true, sizeof needed);
    int failed = pins_load(cli, &entry->pins);
    const struct pinned_place *place = pins_place(&entry->pins, place_of(cli));
    if (failed == 0 && place != NULL && place->has_node &&
        !sign_public_equal(&place->node, &entry->node)) {
        failed = fail("is '--home' the right folder?",
                      "the node is not the one that was pinned at init");
    }
    return failed == 0 ? signers_cover(cli, &entry->co_signers, &entry->pins, needed) : failed;
}

int entry_open_keys(struct cli *cli, struct entry *entry) {
    int failed = siblings_prepare(cli, &entry->pins, &entry->kin);
    return failed == 0 ? signers_open(cli, &entry->co_signers, &entry->signers) : failed;
}

void entry_close(struct entry *entry) {
    signers_close(&entry->signers);
    client_close(entry->client);
}

int entry_sign(struct entry *entry, const uint8_t *invite_secret, struct buffer *out) {
    struct member *member = &entry->member;
    const struct signers *signers = &entry->signers;
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    (void)snprintf(member->name, sizeof member->name, "%s",
                   entry->home_name == NULL ? signers->publics[0].name : entry->home_name);
    member->head.expires.ms = member->head.created.ms + (int64_t)CERTIFICATE_DAYS * DURATION_DAY_MS;
    member->node = entry->node;
    member->log = entry->log;
    member->transport = entry->transport;
    member->owner_count = signers->count;
    for (size_t i = 0; i < signers->count; i++) {
        member->owners[i] = signers->publics[i].owner;
        (void)snprintf(member->owner_names[i], NAME_MAX_BYTES, "%s", signers->publics[i].name);
    }
    enum err err = member_encode(member, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_MEMBER, buffer_bytes(&body), &object);
        err = signers_sign(signers, &object);
    }
    if (err == ERR_OK && invite_secret != NULL) {
        err = add_invite_signature(invite_secret, &object);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, out);
    }
    return err == ERR_OK ? 0 : fail(NULL, "the certificate cannot be made: %s", err_text(err));
}

static enum err add_invite_signature(const uint8_t *invite_secret, struct signed_object *object) {
    struct sign_secret secret;
    struct sign_public key;
    invite_key(invite_secret, &secret, &key);
    enum err err = signed_add(object, &secret, &key);
    sign_secret_wipe(&secret);
    return err;
}

int entry_check_new(const struct cli *cli, const struct entry *entry, const struct id *community) {
    const char *other = pinned_elsewhere(cli, entry, community);
    if (other == NULL) {
        return 0;
    }
    return place_role(cli, other) == PLACE_GONE
               ? fail("who left or was removed comes back as a new home alone: 'stoop init' in "
                      "empty folders, and a new invite",
                      "this home was in that community, as '%s', and belongs to it no more", other)
               : fail("see 'stoop communities'", "this home is in that community already, as '%s'",
                      other);
}

static const char *pinned_elsewhere(const struct cli *cli, const struct entry *entry,
                                    const struct id *community) {
    for (size_t i = 0; i < entry->pins.place_count; i++) {
        const struct pinned_place *other = &entry->pins.places[i];
        if (other->has_community && id_equal(&other->community, community) &&
            strcmp(other->name, place_of(cli)) != 0) {
            return other->name;
        }
    }
    return NULL;
}

int entry_pin(const struct cli *cli, struct entry *entry, const struct id *community) {
    struct pins *pins = &entry->pins;
    const char *other = pinned_elsewhere(cli, entry, community);
    if (other != NULL) {
        return fail("see 'stoop communities'", "this home is in that community already, as '%s'",
                    other);
    }
    struct pinned_place *place = pins_place_add(pins, place_of(cli));
    if (place == NULL) {
        return fail("see the file 'pins' in its folder",
                    "this owner has pinned %d communities already", COMMUNITIES_MAX);
    }
    place->has_transport = place->has_community = true;
    place->transport = entry->transport;
    place->community = *community;
    int failed = 0;
    for (size_t i = 0; failed == 0 && i < entry->signers.count; i++) {
        failed = pins_save(entry->signers.folders[i], pins, false);
    }
    return failed;
}
