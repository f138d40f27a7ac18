/* Two members' owners compare words (PROTOCOL 4.10). The node carries what their programs commit to
 * and reveal, over a link of its own to that member; it knows neither beforehand, so it cannot make
 * the words equal either. */
#include <string.h>

#include "node/core/parts.h"

static struct comparison *by_client(struct core *core, uint64_t client);
static struct comparison *by_peer(struct core *core, const struct id *peer);
static struct link *link_to(struct core *core, const struct id *peer);
static bool is_over(const struct comparison *comparison);
static enum err end(struct core *core, struct comparison *comparison);
static enum err say(struct core *core, const struct comparison *comparison, struct link *link);
static enum err tell(struct core *core, struct comparison *comparison);
static void take_commitment(struct comparison *comparison,
                            const uint8_t commitment[MEET_NONCE_BYTES]);

enum err compare_commit(struct core *core, uint64_t client, const struct control_request *request) {
    struct comparison *slot = by_client(core, 0);
    if (!core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    if (request->blob.len != MEET_NONCE_BYTES || id_equal(&request->id, &core->self)) {
        return ERR_PEER_BOUNDS;
    }
    if (!community_in_standing(core->community, &request->id, core->now.wall)) {
        return ERR_USER_NOT_FOUND;
    }
    if (by_client(core, client) != NULL || by_peer(core, &request->id) != NULL) {
        return ERR_USER_EXISTS;
    }
    if (slot == NULL) {
        return ERR_FULL_TABLE;
    }
    *slot =
        (struct comparison){.client = client,
                            .peer = request->id,
                            .waits = true,
                            .give_up = tick_add(core->now.mono, (struct duration){COMPARE_TIME_MS}),
                            .retry = core->now.mono};
    memcpy(slot->commitment, request->blob.at, sizeof slot->commitment);
    struct link *link = link_to(core, &request->id);
    if (link == NULL) {
        return ERR_OK; /* it is dialled */
    }
    if (link->committed) {
        take_commitment(slot, link->commitment);
    }
    enum err err = say(core, slot, link);
    return err == ERR_OK ? tell(core, slot) : err;
}

enum err compare_reveal(struct core *core, uint64_t client, const struct control_request *request) {
    struct comparison *comparison = by_client(core, client);
    if (comparison == NULL || !comparison->committed || comparison->reveals ||
        request->blob.len != MEET_NONCE_BYTES) {
        return ERR_PEER_SEQUENCE;
    }
    memcpy(comparison->nonce, request->blob.at, sizeof comparison->nonce);
    comparison->reveals = true;
    comparison->waits = true;
    struct link *link = link_to(core, &comparison->peer);
    enum err err = link == NULL ? ERR_OK : say(core, comparison, link);
    return err == ERR_OK ? tell(core, comparison) : err;
}

enum err compare_established(struct core *core, struct link *link, struct bytes payload) {
    enum err err = core_know_member(core, link, payload);
    const struct comparison *comparison = err == ERR_OK ? by_peer(core, &link->about) : NULL;
    return comparison == NULL || is_over(comparison) ? err : say(core, comparison, link);
}

/* What comes before this home's own owner has asked waits with its link; the newest counts, until
 * the owner's program has been told one. */
enum err compare_message(struct core *core, struct link *link, const struct link_message *message) {
    struct comparison *comparison = by_peer(core, &link->about);
    if (message->kind == LINK_MEET_COMMIT) {
        link->committed = true;
        memcpy(link->commitment, message->as.meet_commit.commitment, sizeof link->commitment);
        if (comparison != NULL) {
            take_commitment(comparison, link->commitment);
        }
        if (comparison != NULL && is_over(comparison) &&
            memcmp(link->commitment, comparison->peer_commitment, sizeof link->commitment) == 0) {
            return say(core, comparison, link); /* the link broke before it had heard all */
        }
    } else if (message->kind == LINK_MEET_REVEAL) {
        if (comparison != NULL && comparison->committed && !comparison->revealed) {
            comparison->revealed = true;
            memcpy(comparison->peer_nonce, message->as.meet_reveal.nonce,
                   sizeof comparison->peer_nonce);
        }
    } else {
        return ERR_PEER_SEQUENCE;
    }
    return comparison == NULL ? ERR_OK : tell(core, comparison);
}

enum err compare_client_down(struct core *core, uint64_t client) {
    struct comparison *comparison = by_client(core, client);
    return comparison == NULL ? ERR_OK : end(core, comparison);
}

struct tick compare_deadline(const struct core *core) {
    struct tick due = TICK_NEVER;
    for (size_t i = 0; i < COMPARISONS_MAX; i++) {
        if (core->comparisons[i].client != 0 && core->comparisons[i].waits) {
            due = tick_earliest(due, core->comparisons[i].retry);
            due = tick_earliest(due, core->comparisons[i].give_up);
        }
    }
    return due;
}

enum err compare_tick(struct core *core) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < COMPARISONS_MAX; i++) {
        struct comparison *comparison = &core->comparisons[i];
        if (comparison->client == 0 || !comparison->waits) {
            continue;
        }
        if (tick_reached(core->now.mono, comparison->give_up)) {
            err = control_done(core, comparison->client, ERR_USER_NO_ANSWER, "");
            err = err == ERR_OK ? end(core, comparison) : err;
        } else if (tick_reached(core->now.mono, comparison->retry)) {
            uint64_t link = 0;
            comparison->retry = tick_add(core->now.mono, (struct duration){DIAL_TIME_MS});
            if (link_to(core, &comparison->peer) == NULL) {
                err = neighbours_dial(core, PURPOSE_COMPARE, TRANSPORT_MEET, &comparison->peer,
                                      &link);
                err = core_is_fatal(err) ? err : ERR_OK; /* it may dial us */
            }
        }
    }
    return err;
}

static struct comparison *by_client(struct core *core, uint64_t client) {
    for (size_t i = 0; i < COMPARISONS_MAX; i++) {
        if (core->comparisons[i].client == client) {
            return &core->comparisons[i];
        }
    }
    return NULL;
}

static struct comparison *by_peer(struct core *core, const struct id *peer) {
    for (size_t i = 0; i < COMPARISONS_MAX; i++) {
        if (core->comparisons[i].client != 0 && id_equal(&core->comparisons[i].peer, peer)) {
            return &core->comparisons[i];
        }
    }
    return NULL;
}

/* One over which the peer has committed before any other. */
static struct link *link_to(struct core *core, const struct id *peer) {
    struct link *found = NULL;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        if (link->no != 0 && link->state == LINK_OPEN && link->compares &&
            id_equal(&link->about, peer) && (found == NULL || !found->committed)) {
            found = link;
        }
    }
    return found;
}

/* Each has heard the other. */
static bool is_over(const struct comparison *comparison) {
    return comparison->reveals && comparison->revealed;
}

/* Its links go, after what was said over them: what the peer has committed to on one is of this
 * comparison, and not of the next. */
static enum err end(struct core *core, struct comparison *comparison) {
    const struct id peer = comparison->peer;
    enum err err = ERR_OK;
    *comparison = (struct comparison){0};
    for (size_t i = 0; err == ERR_OK && i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        if (link->no != 0 && link->compares && id_equal(&link->about, &peer)) {
            err = core_close(core, link, NULL);
        }
    }
    return err;
}

/* All that may be said by now, so that a new link goes on where the old one broke. */
static enum err say(struct core *core, const struct comparison *comparison, struct link *link) {
    struct link_message commit = {.kind = LINK_MEET_COMMIT};
    struct link_message reveal = {.kind = LINK_MEET_REVEAL};
    memcpy(commit.as.meet_commit.commitment, comparison->commitment, sizeof comparison->commitment);
    memcpy(reveal.as.meet_reveal.nonce, comparison->nonce, sizeof comparison->nonce);
    enum err err = core_send(core, link, &commit);
    return err == ERR_OK && comparison->reveals ? core_send(core, link, &reveal) : err;
}

/* The client's program, of what has come and it waits for. */
static enum err tell(struct core *core, struct comparison *comparison) {
    bool next = comparison->reveals ? comparison->revealed : comparison->committed;
    if (!comparison->waits || !next) {
        return ERR_OK;
    }
    comparison->waits = false;
    return control_data(core, comparison->client,
                        comparison->reveals ? BYTES_OF(comparison->peer_nonce)
                                            : BYTES_OF(comparison->peer_commitment));
}

static void take_commitment(struct comparison *comparison,
                            const uint8_t commitment[MEET_NONCE_BYTES]) {
    bool told = comparison->committed && !comparison->waits;
    if (!told && !comparison->reveals) {
        comparison->committed = true;
        memcpy(comparison->peer_commitment, commitment, MEET_NONCE_BYTES);
    }
}
