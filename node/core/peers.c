/* What the owner is told about this home's links (PROTOCOL 10). Where neighbours can be reached
 * goes over the control socket and nowhere else: no line here is for the journal. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

static void tell_link(struct core *core, const struct overlay_link *from, struct peer_link *out);
static void tell_gone(const struct core *core, const struct overlay_gone *from,
                      struct peer_gone *out);
static enum peer_end end_of(enum overlay_end why);
static void name_peer(const struct core *core, peer_no peer, char name[NAME_MAX_BYTES],
                      struct id *certificate);
static uint64_t ms_between(struct tick from, struct tick to);

static_assert((int)OVERLAY_LINKS_MAX <= (int)CONTROL_PEERS_MAX, "every link is told");
static_assert((int)OVERLAY_GONE_MAX <= (int)CONTROL_PEERS_MAX, "so is every one that went");

void peers_tell(struct core *core, struct control_reply *out) {
    struct overlay_link links[OVERLAY_LINKS_MAX];
    struct overlay_gone gone[OVERLAY_GONE_MAX];
    struct overlay_known known[OVERLAY_BOOK_MAX];
    peer_no passive[OVERLAY_PASSIVE_MAX];
    const struct member *self = community_find(core->community, &core->self);
    ASSERT(core->is_member);
    (void)snprintf(out->as.peers.community_name, NAME_MAX_BYTES, "%s",
                   community_charter(core->community)->name);
    out->as.peers.community = *community_id(core->community);
    out->as.peers.certificate = core->self;
    if (self != NULL) {
        (void)snprintf(out->as.peers.name, NAME_MAX_BYTES, "%s", self->name);
    }
    out->as.peers.link_count = overlay_links(core->overlay, links);
    for (size_t i = 0; i < out->as.peers.link_count; i++) {
        tell_link(core, &links[i], &out->as.peers.links[i]);
    }
    out->as.peers.gone_count = overlay_gone(core->overlay, gone);
    for (size_t i = 0; i < out->as.peers.gone_count; i++) {
        tell_gone(core, &gone[i], &out->as.peers.gone[i]);
    }
    size_t book = overlay_book(core->overlay, known);
    for (size_t i = 0; i < book; i++) {
        out->as.peers.met += known[i].met ? 1 : 0;
        out->as.peers.anchors += known[i].anchor ? 1 : 0;
    }
    out->as.peers.book = (uint32_t)book;
    out->as.peers.passive = (uint32_t)overlay_passive(core->overlay, passive);
}

void peers_figures(const struct core *core, struct overlay_figures *out) {
    struct overlay_counts counts;
    struct overlay_known known[OVERLAY_BOOK_MAX];
    peer_no passive[OVERLAY_PASSIVE_MAX];
    overlay_counts(core->overlay, &counts);
    *out = (struct overlay_figures){
        .accepted = counts.accepted,
        .duplicates = counts.duplicates,
        .pushes = counts.pushes,
        .grafts = counts.grafts,
        .prunes = counts.prunes,
        .announced = counts.announced,
        .missed = counts.missed,
        .dials = counts.dials,
        .dials_failed = counts.dials_failed,
        .links_up = counts.links_up,
        .links_lost = counts.links_lost,
        .refused = counts.refused,
        .shuffles = counts.shuffles,
        .walks = counts.walks,
        .swaps = counts.swaps,
        .reconciliations = counts.reconciliations,
        .faults = counts.faults,
        .bytes = overlay_bytes(core->overlay),
        .book = (uint32_t)overlay_book(core->overlay, known),
        .passive = (uint32_t)overlay_passive(core->overlay, passive),
    };
}

static void tell_link(struct core *core, const struct overlay_link *from, struct peer_link *out) {
    const struct link *link = links_find(core, from->link);
    name_peer(core, from->peer, out->name, &out->certificate);
    out->dialled = from->dialled;
    out->anchor = from->anchor;
    out->eager = from->eager;
    out->faults = from->faults < CONTROL_FAULTS_MAX ? from->faults : CONTROL_FAULTS_MAX;
    out->age_ms = ms_between(from->since, core->now.mono);
    out->quiet_ms = ms_between(from->heard, core->now.mono);
    if (link != NULL) {
        out->bytes_in = link->bytes_in;
        out->bytes_out = link->bytes_out;
        if (address_valid(link->address)) {
            memcpy(out->address, link->address, sizeof out->address);
        }
    }
}

static void tell_gone(const struct core *core, const struct overlay_gone *from,
                      struct peer_gone *out) {
    name_peer(core, from->peer, out->name, &out->certificate);
    out->why = end_of(from->why);
    out->lasted_ms = ms_between(from->since, from->at);
    out->ago_ms = ms_between(from->at, core->now.mono);
}

static enum peer_end end_of(enum overlay_end why) {
    switch (why) {
    case OVERLAY_END_DEAD:
        return PEER_END_SILENT;
    case OVERLAY_END_CUT:
        return PEER_END_CUT;
    case OVERLAY_END_TOLD:
        return PEER_END_TOLD;
    case OVERLAY_END_FULL:
        return PEER_END_FULL;
    case OVERLAY_END_SWAPPED:
        return PEER_END_SWAPPED;
    case OVERLAY_END_TWICE:
        return PEER_END_TWICE;
    case OVERLAY_END_GROUP:
        return PEER_END_GROUP;
    case OVERLAY_END_FAULT:
        return PEER_END_FAULT;
    case OVERLAY_END_REMOVED:
        return PEER_END_REMOVED;
    }
    return PEER_END_CUT;
}

/* Certificates are never forgotten, so who had a link is still known by its number. */
static void name_peer(const struct core *core, peer_no peer, char name[NAME_MAX_BYTES],
                      struct id *certificate) {
    ASSERT(peer < community_size(core->community));
    *certificate = *community_member_id(core->community, peer);
    (void)snprintf(name, NAME_MAX_BYTES, "%s", community_find(core->community, certificate)->name);
}

static uint64_t ms_between(struct tick from, struct tick to) {
    return to.ms > from.ms ? (uint64_t)(to.ms - from.ms) : 0;
}
