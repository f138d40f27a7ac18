/* Invariants:
 *  1. Nothing leaves core but through core_turn_end(), after the turn's commit.
 *  2. A link's messages are looked at only when its peer's right to that door has been checked.
 *  3. What an engine knows can be rebuilt from the store: core_create() does nothing else. */
#include "node/core/core.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    SENDS_MAX =
        CORE_EFFECTS_MAX - 2 * CORE_LINKS_MAX, /* the rest: every link can be closed still */
    TURN_BYTES = 1024 * 1024, /* of effects, then no more is read: they fit a processor's cache */
};

static_assert((int)TURN_BYTES <= CORE_EFFECTS_BYTES / 2, "one read more fits in the rest");

static enum err load(struct core *core);
static enum err load_charter(struct core *core);
static enum err step(struct core *core, const struct core_event *event);
static enum err step_link_in(struct core *core, const struct core_event *event);
static enum err step_link(struct core *core, const struct core_event *event);
static enum err step_link_bytes(struct core *core, uint64_t no, struct bytes data);
static enum err step_link_drained(struct core *core, struct link *link);
static enum err step_link_down(struct core *core, struct link *link);
static enum err step_client_down(struct core *core, uint64_t client);
static enum err step_tick(struct core *core);
static void dial_refused(struct core *core, const struct id *certificate);
static enum err link_event(struct core *core, struct link *link,
                           const struct transport_event *event);
static enum err link_established(struct core *core, struct link *link,
                                 const struct transport_event *event);
static enum err door_established(struct core *core, struct link *link,
                                 const struct transport_event *event);
static enum err member_established(struct core *core, struct link *link, struct bytes payload);
static enum err link_message(struct core *core, struct link *link,
                             const struct transport_event *event);
static enum err start_answer(struct core *core, struct link *link);

static_assert((int)CORE_INPUT_MAX == (int)TRANSFER_INPUT_MAX, "what may come is what finds room");
static_assert((int)CORE_PAGE_BYTES == (int)TRANSFER_PAGE_BYTES,
              "blocks lie as the disk wants them");

enum err core_create(const struct core_config *config, struct core **out) {
    struct core *core = calloc(1, sizeof *core);
    if (core == NULL) {
        return ERR_HOST_MEMORY;
    }
    core->config = *config;
    core->store = config->store;
    core->now = config->now;
    core->next_link = 2;
    core->doors_stale = true;
    core->head_due = config->now.mono;
    core->files_due = TICK_NEVER;
    core->attachment_due = TICK_NEVER;
    core->upkeep_due = config->now.mono;
    buffer_init(&core->bytes, CORE_EFFECTS_BYTES);
    buffer_init(&core->join.ask, SIGNED_GOSSIP_MAX);
    buffer_init(&core->join.objects, 4 * 1024 * 1024);
    buffer_init(&core->join.parts, COMMUNITY_REMOVALS_MAX * sizeof(struct store_epoch));
    buffer_init(&core->held, HELD_MAX);
    buffer_init(&core->pushed.body, TRANSPORT_DATA_MAX);
    buffer_init(&core->charter, SIGNED_GOSSIP_MAX);
    buffer_init(&core->outside.charter, SIGNED_GOSSIP_MAX);
    buffer_init(&core->outside.acts, 4 * 1024 * 1024);
    buffer_init(&core->chain, CHAIN_MAX * SIGNED_GOSSIP_MAX);
    core->certificates = calloc(CERTIFICATES_KEPT, sizeof *core->certificates);
    sign_public_of(&core->config.keys.sign, &core->node_public);
    sign_public_of(&core->config.keys.log, &core->log_public);
    box_public_of(&core->config.keys.box, &core->transport_public);
    core->community = community_create();
    core->requests = requests_create();
    core->consent = consent_create();
    core->transfer = transfer_create();
    core->log = log_create(config->now);
    core->replay = transport_replay_create(config->now);
    core->border = calloc(1, sizeof *core->border);
    bool whole = core->community != NULL && core->requests != NULL && core->consent != NULL &&
                 core->transfer != NULL && core->log != NULL && core->replay != NULL &&
                 core->certificates != NULL && core->border != NULL;
    uint8_t *room = NULL; /* what is not used is not touched */
    enum err err = whole ? buffer_extend(&core->bytes, TURN_BYTES, &room) : ERR_HOST_MEMORY;
    if (err == ERR_OK) {
        buffer_clear(&core->bytes);
        err = store_begin(core->store);
    }
    if (err == ERR_OK) {
        err = load(core);
    }
    if (err == ERR_OK) {
        err = store_commit(core->store);
    }
    if (err != ERR_OK) {
        store_roll_back(core->store);
        core_destroy(core);
        return err;
    }
    log_committed(core->log);
    *out = core;
    return ERR_OK;
}

void core_destroy(struct core *core) {
    if (core == NULL) {
        return;
    }
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        links_free(&core->links[i]);
    }
    for (size_t i = 0; i < COUNT_OF(core->handings); i++) {
        buffer_finish(&core->handings[i].header);
    }
    community_destroy(core->community);
    overlay_destroy(core->overlay);
    rate_destroy(core->rate);
    free(core->overlay_actions);
    requests_destroy(core->requests);
    consent_destroy(core->consent);
    transfer_destroy(core->transfer);
    log_destroy(core->log);
    transport_replay_destroy(core->replay);
    buffer_finish(&core->bytes);
    buffer_finish(&core->join.ask);
    buffer_finish(&core->join.objects);
    buffer_finish(&core->join.parts);
    buffer_finish(&core->held);
    buffer_finish(&core->pushed.body);
    for (size_t i = 0; i < core->kept_count; i++) {
        buffer_finish(&core->kept[i].object);
    }
    free(core->kept);
    buffer_finish(&core->charter);
    buffer_finish(&core->outside.charter);
    buffer_finish(&core->outside.acts);
    buffer_finish(&core->chain);
    free(core->certificates);
    free(core->border);
    secret_wipe(core, sizeof *core);
    free(core);
}

/* ---- turns ---- */

enum err core_turn_begin(struct core *core) {
    ASSERT(!core->in_turn);
    core->effect_count = 0;
    core->work_waits = false;
    buffer_clear(&core->bytes);
    enum err err = store_begin(core->store);
    core->in_turn = err == ERR_OK;
    return err;
}

enum err core_step(struct core *core, const struct core_event *event, struct now now) {
    ASSERT(core->in_turn);
    core->now = now;
    enum err err = step(core, event);
    return core_is_fatal(err) ? err : ERR_OK;
}

static enum err step(struct core *core, const struct core_event *event) {
    switch (event->kind) {
    case CORE_EV_LINK_IN:
        return step_link_in(core, event);
    case CORE_EV_LINK_BYTES:
        return step_link_bytes(core, event->link, event->data);
    case CORE_EV_LINK_OUT:
    case CORE_EV_LINK_DRAINED:
    case CORE_EV_LINK_DOWN:
        return step_link(core, event);
    case CORE_EV_CLIENT_IN:
    case CORE_EV_CLIENT_DRAINED:
        return ERR_OK;
    case CORE_EV_CLIENT_FRAME:
        return control_frame(core, event->link, event->data);
    case CORE_EV_CLIENT_DOWN:
        return step_client_down(core, event->link);
    case CORE_EV_INGEST_UP:
        core->ingest_up = true;
        core->camera_list_known = false;
        return clips_ingest_up(core);
    case CORE_EV_INGEST_FRAME:
        return clips_ingest(core, event->data);
    case CORE_EV_INGEST_DOWN:
        core->ingest_up = false;
        core_journal(core, "warn ingest: down");
        return ERR_OK;
    case CORE_EV_WORKED:
        return work_done(core, event->work);
    case CORE_EV_SIBLINGS:
        return siblings_take(core, event->data);
    case CORE_EV_TICK:
        return step_tick(core);
    }
    return ERR_OK;
}

/* Work is let go at once: other threads wait for it. */
bool core_turn_has_room(const struct core *core) {
    return core->effect_count < CORE_EFFECTS_MAX / 2 && core->bytes.len < TURN_BYTES &&
           !core->work_waits;
}

bool core_link_has_room(const struct core *core, uint64_t link) {
    return transfer_has_room(core->transfer, link);
}

enum err core_turn_end(struct core *core, struct core_effects *out) {
    ASSERT(core->in_turn);
    core->in_turn = false;
    enum err err = store_commit(core->store);
    if (err != ERR_OK) {
        store_roll_back(core->store);
        return err;
    }
    log_committed(core->log);
    if (core->shredded) {
        core->shredded = false;
        err = store_shred_barrier(core->store);
        if (err != ERR_OK && err != ERR_HOST_LOCKED) {
            return err;
        }
    }
    for (size_t i = 0; i < core->effect_count; i++) {
        if (core->effects[i].data.len > 0) {
            core->effects[i].data.at = core->bytes.at + core->effect_at[i];
        }
    }
    *out = (struct core_effects){core->effect_count, core->effects};
    return ERR_OK;
}

struct tick core_deadline(const struct core *core, struct now now) {
    struct tick due = record_deadline(core);
    if (core->overlay != NULL) {
        due = tick_earliest(due, overlay_deadline(core->overlay, now));
    }
    due = tick_earliest(due, transfer_deadline(core->transfer));
    due = tick_earliest(due, core->attachment_due);
    due = tick_earliest(due, core->upkeep_due);
    due = tick_earliest(due, gateway_deadline(core));
    if (core->join.active) {
        due = tick_earliest(due, tick_earliest(core->join.give_up, core->join.retry));
    }
    due = tick_earliest(due, tick_earliest(meet_deadline(core), compare_deadline(core)));
    due = tick_earliest(due, tick_earliest(outside_deadline(core), told_deadline(core)));
    struct instant wall = requests_deadline(core->requests);
    if (wall.ms != INSTANT_NEVER.ms) {
        int64_t wait = wall.ms - now.wall.ms;
        due = tick_earliest(due, tick_add(now.mono, (struct duration){wait > 0 ? wait : 0}));
    }
    return tick_earliest(due, links_deadline(core));
}

/* ---- what the parts use ---- */

uint64_t core_random(struct core *core) {
    if (core->random_left == 0) {
        core_random_bytes(core, core->random, sizeof core->random);
        core->random_left = sizeof core->random;
    }
    core->random_left -= sizeof(uint64_t);
    return read_u64(core->random + core->random_left);
}

/* A stream from the seed: the same seed gives the same run. */
void core_random_bytes(struct core *core, uint8_t *out, size_t len) {
    for (size_t at = 0; at < len; at += 32) {
        uint8_t block[32];
        uint8_t count[8];
        write_u64(count, core->random_count++);
        hash_labelled("stoop core random v1", BYTES_OF(core->config.seed), BYTES_OF(count), block,
                      sizeof block);
        memcpy(out + at, block, len - at < 32 ? len - at : 32);
        secret_wipe(block, sizeof block);
    }
}

void core_journal(struct core *core, const char *format, ...) {
    char line[CORE_JOURNAL_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    enum err err =
        core_effect(core, &(struct core_effect){.kind = CORE_DO_JOURNAL}, BYTES_TEXT(line));
    (void)err; /* the journal may be lost */
}

enum err core_effect(struct core *core, const struct core_effect *effect, struct bytes data) {
    if (core->effect_count == CORE_EFFECTS_MAX) {
        return ERR_FULL_QUEUE;
    }
    size_t at = core->bytes.len;
    enum err err = buffer_append(&core->bytes, data);
    if (err == ERR_OK) {
        core_give_effect(core, effect, at);
    }
    return err;
}

enum err core_dial(struct core *core, enum link_purpose purpose, const struct id *about,
                   const char *address, const struct transport_door_key *door,
                   const struct box_public *responder, struct bytes payload, uint64_t *out) {
    struct link *link = links_add(core, core->next_link);
    if (link == NULL) {
        return ERR_FULL_LINKS;
    }
    SCOPED(box_secret_wipe) struct box_secret ephemeral = {{0}};
    core_random_bytes(core, ephemeral.b, sizeof ephemeral.b);
    struct transport_dial_config config = {.own_static = &core->config.keys.box,
                                           .responder = responder,
                                           .door = door,
                                           .ephemeral = &ephemeral,
                                           .payload = payload};
    link->state = LINK_DIALLING;
    link->purpose = purpose;
    link->about = *about;
    link->group = address_group(address);
    (void)snprintf(link->address, sizeof link->address, "%s", address);
    size_t before = core->bytes.len;
    struct core_effect dial = {.kind = CORE_DO_DIAL, .link = link->no};
    (void)snprintf(dial.address, sizeof dial.address, "%s", address);
    enum err err = core->effect_count + 2 > SENDS_MAX
                       ? ERR_FULL_QUEUE
                       : transport_dial(&config, core->now, &core->bytes, &link->transport);
    if (err != ERR_OK) { /* as with a key that nobody can agree with: nothing was begun */
        links_free(link);
        return err;
    }
    core_give_effect(core, &dial, core->bytes.len);
    core_give(core, link, before);
    core->next_link += 2;
    *out = link->no;
    return ERR_OK;
}

enum err core_send(struct core *core, struct link *link, const struct link_message *message) {
    SCOPED(buffer_finish) struct buffer body = {.max = TRANSPORT_DATA_MAX};
    enum err err = link_encode(message, &body);
    return err == ERR_OK ? core_send_body(core, link, message->kind, buffer_bytes(&body)) : err;
}

/* Sealed straight into the turn's bytes. What a slow link cannot take is not queued without end:
 * the objects come again by reconciliation, a delivery asks for its next part only when it has
 * drained. Announcements give way first. */
enum err core_send_body(struct core *core, struct link *link, enum link_kind kind,
                        struct bytes body) {
    size_t most = kind == LINK_IHAVE ? CORE_QUEUE_MAX / 2 : CORE_QUEUE_MAX;
    if (link->queued > most || core->effect_count >= SENDS_MAX) {
        return ERR_FULL_QUEUE;
    }
    size_t before = core->bytes.len;
    enum err err = transport_send(link->transport, (uint8_t)kind, body, &core->bytes);
    if (err != ERR_OK) {
        return err;
    }
    core_give(core, link, before);
    link->queued += core->bytes.len - before;
    link->spoken = true;
    return ERR_OK;
}

void core_give(struct core *core, struct link *link, size_t before) {
    core_give_effect(core, &(struct core_effect){.kind = CORE_DO_SEND, .link = link->no}, before);
    link->bytes_out += core->bytes.len - before;
}

void core_give_effect(struct core *core, const struct core_effect *effect, size_t before) {
    ASSERT(core->effect_count < CORE_EFFECTS_MAX);
    core->effect_at[core->effect_count] = before;
    core->effects[core->effect_count] = *effect;
    core->effects[core->effect_count++].data = (struct bytes){NULL, core->bytes.len - before};
}

enum err core_close(struct core *core, struct link *link, const char *why) {
    if (why != NULL) {
        core_journal(core, "info link: closed link=%llu reason=\"%s\"",
                     (unsigned long long)link->no, why);
    }
    size_t before = core->bytes.len;
    if (link->spoken && core->effect_count + 2 <= CORE_EFFECTS_MAX &&
        transport_send_close(link->transport, &core->bytes) == ERR_OK) { /* PROTOCOL 3.5 */
        core_give(core, link, before);
    }
    enum err err = core_effect(core, &(struct core_effect){.kind = CORE_DO_CLOSE, .link = link->no},
                               (struct bytes){NULL, 0});
    if (err != ERR_OK) {
        return err;
    }
    return step_link_down(core, link);
}

bool core_may_dial(const struct core *core, const char *address) {
    return address_valid(address) &&
           (core->config.private_addresses ||
            (!address_is_loopback(address) && !address_is_private(address)));
}

/* ---- start ---- */

static enum err load(struct core *core) {
    struct bytes value;
    enum err err = record_load(core);
    if (err == ERR_OK) {
        err = witness_load(core);
    }
    if (err == ERR_OK) {
        err = outside_load(core);
    }
    if (err == ERR_OK) {
        err = store_get(core->store, STORE_COMMUNITY, &value);
    }
    if (err == ERR_OK) {
        err = core_become_member(core);
    } else if (err == ERR_USER_NOT_FOUND) {
        err = join_load(core);
    }
    struct log_entry started = {.kind = LOG_STARTED, .at = core->now.wall};
    return err == ERR_OK ? record_add(core, &started, NULL) : err;
}

enum err core_become_member(struct core *core) {
    struct bytes certificate;
    enum err err = load_charter(core);
    if (err == ERR_OK) {
        err = acts_load(core);
    }
    if (err == ERR_OK) {
        err = store_get(core->store, STORE_CERTIFICATE, &certificate);
    }
    if (err == ERR_OK) {
        memcpy(core->self.b, certificate.at, sizeof core->self.b);
        core->is_outsider =
            core->outside.applied && id_equal(&core->self, &core->outside.certificate);
        err = gossip_start(core);
    }
    if (err == ERR_OK) {
        core->is_member = true;
        core->doors_stale = true;
        log_set_slot_length(
            core->log,
            (struct duration){(int64_t)community_charter(core->community)->slot_s * 1000},
            core->now);
        /* Nothing new is signed before neighbours had time to say what they remember: a home whose
         * old backup was put back must not contradict itself (PROTOCOL 8.6). */
        core->head_due = tick_add(core->now.mono, log_slot_length(core->log));
        err = received_load(core);
    }
    if (err == ERR_OK) {
        err = edited_load(core);
    }
    if (err == ERR_OK) {
        err = clips_load(core);
    }
    if (err == ERR_OK) {
        err = told_anew(core);
    }
    if (err == ERR_OK && !core->is_outsider) {
        err = gossip_publish_record(core);
        err = err == ERR_FULL_TABLE ? ERR_OK : err; /* who hears of us late does hear of us */
    }
    return err;
}

static enum err load_charter(struct core *core) {
    struct bytes value;
    struct signed_object object;
    struct charter charter;
    enum err err = store_get(core->store, STORE_CHARTER, &value);
    if (err == ERR_OK) {
        buffer_clear(&core->charter);
        err = buffer_append(&core->charter, value);
    }
    if (err == ERR_OK) {
        err = signed_decode(buffer_bytes(&core->charter), &object);
    }
    if (err == ERR_OK) {
        err = charter_decode(object.body, &charter);
    }
    return err == ERR_OK ? community_found(core->community, &object, &charter) : err;
}

/* ---- links ---- */

static enum err step_link_in(struct core *core, const struct core_event *event) {
    struct link *link = links_add_inbound(core, event->link);
    if (link == NULL) {
        return core_effect(core, &(struct core_effect){.kind = CORE_DO_CLOSE, .link = event->link},
                           (struct bytes){NULL, 0});
    }
    if (event->address != NULL) {
        link->group = address_group(event->address);
        (void)snprintf(link->address, sizeof link->address, "%s", event->address);
    }
    link->state = LINK_HANDSHAKE;
    link->purpose = PURPOSE_IN;
    return ERR_OK;
}

/* It may be gone by now. */
static enum err step_link(struct core *core, const struct core_event *event) {
    struct link *link = links_find(core, event->link);
    if (link == NULL) {
        return ERR_OK;
    }
    if (event->kind == CORE_EV_LINK_OUT) {
        link->state = LINK_HANDSHAKE;
        return ERR_OK;
    }
    return event->kind == CORE_EV_LINK_DRAINED ? step_link_drained(core, link)
                                               : step_link_down(core, link);
}

static enum err step_link_bytes(struct core *core, uint64_t no, struct bytes data) {
    struct link *link = links_find(core, no);
    if (link == NULL) {
        return ERR_OK;
    }
    enum err err = link->transport == NULL ? start_answer(core, link) : ERR_OK;
    link->heard = core->now.mono;
    link->bytes_in += data.len;
    while (err == ERR_OK) {
        struct transport_event event;
        size_t before = core->bytes.len;
        err = transport_receive(link->transport, &data, core->now, &event, &core->bytes);
        if (err == ERR_OK && core->bytes.len > before) {
            if (core->effect_count == CORE_EFFECTS_MAX) {
                err = ERR_FULL_QUEUE;
                break;
            }
            core_give(core, link, before);
            link->proved = true;
        }
        if (err != ERR_OK || event.kind == TRANSPORT_EV_NONE) {
            break;
        }
        if (event.kind == TRANSPORT_EV_CLOSED) {
            link->told = true;
            return core_close(core, link, NULL);
        }
        err = link_event(core, link, &event);
        link = links_find(core, no); /* it may have been closed */
        if (link == NULL) {
            return core_is_fatal(err) ? err : ERR_OK;
        }
    }
    if (err == ERR_OK || core_is_fatal(err)) {
        return err;
    }
    const char *why = link->state == LINK_OPEN ? err_text(err) : NULL;
    if (link->in_overlay && err_is_peers(err)) {
        err = neighbours_fault(core, link);
        link = links_find(core, no);
        if (err != ERR_OK || link == NULL) {
            return err;
        }
    }
    return core_close(core, link, why);
}

static enum err step_link_drained(struct core *core, struct link *link) {
    struct transfer_actions actions;
    link->queued = 0;
    if (link->in_overlay) {
        struct overlay_event event = {.kind = OVERLAY_EV_DRAINED, .link = link->no};
        return neighbours_run(core, &event);
    }
    if (link->state != LINK_OPEN) {
        return ERR_OK;
    }
    switch (link->door) {
    case TRANSPORT_CATCH_UP:
        return away_drained(core, link);
    case TRANSPORT_OUTSIDER:
        return outside_drained(core, link);
    case TRANSPORT_DELIVERY:
        transfer_drained(core->transfer, link->no, core->now, &actions);
        return delivery_run(core, &actions);
    case TRANSPORT_MEMBER:
    case TRANSPORT_JOIN:
    case TRANSPORT_MEET:
    case TRANSPORT_SIBLING:
        return ERR_OK;
    }
    return ERR_OK;
}

static enum err step_link_down(struct core *core, struct link *link) {
    enum err err = ERR_OK;
    struct transfer_actions actions;
    uint64_t no = link->no;
    struct id about = link->about;
    enum link_purpose purpose = link->purpose;
    bool in_overlay = link->in_overlay;
    bool told = link->told;
    if (purpose == PURPOSE_MEMBER && link->state == LINK_HANDSHAKE) {
        dial_refused(core, &about);
    }
    if (purpose == PURPOSE_JOIN) {
        err = join_link_down(core, link);
    } else if (purpose == PURPOSE_MEET || link->door == TRANSPORT_MEET) {
        err = meet_link_down(core, link);
    } else if (purpose == PURPOSE_OUTSIDE) {
        err = outside_link_down(core, link);
    }
    links_free(link);
    if (purpose == PURPOSE_DELIVERY) {
        transfer_dial_failed(core->transfer, &about, core->now, core_random(core));
    }
    transfer_link_down(core->transfer, no, core->now, core_random(core), &actions);
    enum err kept = delivery_run(core, &actions);
    err = err == ERR_OK ? kept : err;
    if (core->overlay != NULL && (in_overlay || purpose == PURPOSE_MEMBER)) {
        struct overlay_event event = {.kind = OVERLAY_EV_LINK_DOWN,
                                      .peer = (peer_no)community_number(core->community, &about),
                                      .link = in_overlay ? no : 0,
                                      .told = told};
        enum err run = neighbours_run(core, &event);
        err = err == ERR_OK ? run : err;
    }
    return err;
}

/* It was there, and did not answer: its epoch key may be another than ours. */
static void dial_refused(struct core *core, const struct id *certificate) {
    size_t number = community_number(core->community, certificate);
    if (number < COMMUNITY_MEMBERS_MAX) {
        core->dials_failed[number]++;
    }
}

static enum err link_event(struct core *core, struct link *link,
                           const struct transport_event *event) {
    switch (event->kind) {
    case TRANSPORT_EV_ESTABLISHED:
        return link_established(core, link, event);
    case TRANSPORT_EV_MESSAGE:
        return link_message(core, link, event);
    case TRANSPORT_EV_BULK:
        return delivery_bulk(core, link, event->data);
    case TRANSPORT_EV_NONE:
    case TRANSPORT_EV_CLOSED:
        break;
    }
    return ERR_OK;
}

static enum err link_established(struct core *core, struct link *link,
                                 const struct transport_event *event) {
    uint64_t no = link->no;
    link->state = LINK_OPEN;
    link->since = core->now.mono;
    link->door = event->door;
    link->peer_static = event->peer_static;
    memcpy(link->session, event->session, sizeof link->session);
    if (link->purpose == PURPOSE_IN) {
        ASSERT(event->tag < TRANSPORT_DOORS_MAX);
        link->about = core->door_refs[event->tag].about;
    }
    enum err err = door_established(core, link, event);
    link = links_find(core, no);
    if (err != ERR_OK || link == NULL || link->purpose != PURPOSE_IN) {
        return err;
    }
    return links_share(core, link);
}

static enum err door_established(struct core *core, struct link *link,
                                 const struct transport_event *event) {
    enum err err = ERR_OK;
    switch (event->door) {
    case TRANSPORT_MEMBER:
        return member_established(core, link, event->data);
    case TRANSPORT_JOIN:
        return join_established(core, link);
    case TRANSPORT_CATCH_UP:
        err = core_know_member(core, link, event->data);
        return err == ERR_OK ? away_established(core, link) : err;
    case TRANSPORT_DELIVERY:
        return delivery_established(core, link);
    case TRANSPORT_MEET:
        link->compares = link->purpose == PURPOSE_COMPARE ||
                         (link->purpose == PURPOSE_IN && id_is_zero(&link->about));
        return link->compares ? compare_established(core, link, event->data)
                              : meet_established(core, link);
    case TRANSPORT_SIBLING:
        return gateway_established(core, link);
    case TRANSPORT_OUTSIDER:
        return outside_established(core, link);
    }
    return ERR_PEER_SEQUENCE;
}

/* The peer's certificate must lead back to the charter, be current, and be about the very static
 * key that the handshake has proved. Whoever was away for long does not know what was renewed
 * meanwhile: it comes through the catch-up door that it knocks at. */
enum err core_know_member(struct core *core, struct link *link, struct bytes payload) {
    struct signed_object object;
    struct member member;
    enum err verdict = ERR_OK;
    bool catches_up = link->door == TRANSPORT_CATCH_UP && link->purpose == PURPOSE_MEMBER;
    enum err err = signed_decode(payload, &object);
    if (err == ERR_OK) {
        err = member_decode(object.body, &member);
    }
    /* Nobody is heard of first from itself whose sponsor was removed: that one could have made it.
     */
    if (err == ERR_OK && community_find(core->community, &object.id) == NULL &&
        community_is_removed(core->community, &member.head.author, NULL)) {
        err = ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK) {
        err = gossip_take(core, link, payload, (struct way){0}, &verdict);
    }
    if (err != ERR_OK) {
        return err;
    }
    bool good = community_in_standing(core->community, &object.id, core->now.wall) ||
                (catches_up && community_find(core->community, &object.id) != NULL &&
                 !community_is_removed(core->community, &object.id, NULL));
    good = good && !community_is_outside(core->community, &object.id);
    if (!good || !box_public_equal(&member.transport, &link->peer_static)) {
        return ERR_PEER_CERTIFICATE;
    }
    if (link->purpose != PURPOSE_IN && !id_equal(&link->about, &object.id)) {
        const struct member *expected = community_find(core->community, &link->about);
        if (expected == NULL || !sign_public_equal(&expected->node, &member.node)) {
            return ERR_PEER_CERTIFICATE;
        }
    }
    link->about = object.id;
    return ERR_OK;
}

static enum err member_established(struct core *core, struct link *link, struct bytes payload) {
    const struct id about = link->about;
    enum err err = core_know_member(core, link, payload);
    if (err != ERR_OK && link->purpose == PURPOSE_MEMBER) {
        dial_refused(core, &about); /* it may have been renewed: the catch-up door is next */
    }
    if (err != ERR_OK) {
        return err;
    }
    const struct id *peer = &link->about;
    size_t number = community_number(core->community, peer);
    link->in_overlay = true;
    core->dials_failed[number] = 0;
    core_journal(core, "info link: up peer=%02x%02x%02x%02x dialled=%s", peer->b[0], peer->b[1],
                 peer->b[2], peer->b[3], link->purpose == PURPOSE_MEMBER ? "yes" : "no");
    struct overlay_event event = {.kind = OVERLAY_EV_LINK_UP,
                                  .peer = (peer_no)number,
                                  .link = link->no,
                                  .group = link->group,
                                  .dialled = link->purpose == PURPOSE_MEMBER};
    uint64_t no = link->no;
    err = neighbours_run(core, &event);
    link = links_find(core, no); /* one of two between the same homes has been closed */
    return err == ERR_OK && link != NULL ? witness_link_up(core, link) : err;
}

static enum err link_message(struct core *core, struct link *link,
                             const struct transport_event *event) {
    struct link_message *message = &core->message;
    enum err err = link_decode(event->type, event->data, message);
    if (err != ERR_OK) {
        return err;
    }
    switch (link->door) {
    case TRANSPORT_MEMBER:
        return gossip_message(core, link, message);
    case TRANSPORT_JOIN:
        return join_message(core, link, message);
    case TRANSPORT_CATCH_UP:
        return away_message(core, link, message);
    case TRANSPORT_DELIVERY:
        return delivery_message(core, link, message);
    case TRANSPORT_MEET:
        return link->compares ? compare_message(core, link, message)
                              : meet_message(core, link, message);
    case TRANSPORT_SIBLING:
        return gateway_message(core, link, message);
    case TRANSPORT_OUTSIDER:
        return outside_message(core, link, message);
    }
    return ERR_PEER_SEQUENCE;
}

/* ---- answering ---- */

static enum err start_answer(struct core *core, struct link *link) {
    SCOPED(buffer_finish) struct buffer certificate = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(box_secret_wipe) struct box_secret ephemeral = {{0}};
    enum err err = doors_fill(core);
    if (err == ERR_OK && core->is_member) {
        err = core_own_certificate(core, &certificate);
    }
    if (err != ERR_OK) {
        return err;
    }
    core_random_bytes(core, ephemeral.b, sizeof ephemeral.b);
    struct transport_answer_config config = {.own_static = &core->config.keys.box,
                                             .doors = core->doors,
                                             .door_count = core->door_count,
                                             .ephemeral = &ephemeral,
                                             .payload = buffer_bytes(&certificate),
                                             .replay = core->replay};
    return transport_answer(&config, core->now, &link->transport);
}

bool core_is_ours(const struct core *core, const struct id *author) {
    const struct member *member =
        core->is_outsider ? community_find(core->community, author) : NULL;
    return id_equal(author, &core->self) ||
           (member != NULL && id_equal(&member->head.author, &core->self));
}

enum err core_own_certificate(struct core *core, struct buffer *out) {
    struct store_object object;
    enum err err = store_object_get(core->store, &core->self, &object);
    return err == ERR_OK ? buffer_append(out, object.object) : err;
}

/* ---- time ---- */

static enum err step_client_down(struct core *core, uint64_t client) {
    core->join.client = core->join.client == client ? 0 : core->join.client;
    core->camera_client = core->camera_client == client ? 0 : core->camera_client;
    edited_drop(core, client);
    enum err err = compare_client_down(core, client);
    return err == ERR_OK ? meet_client_down(core, client) : err;
}

static enum err step_tick(struct core *core) {
    enum err err = record_tick(core);
    if (err == ERR_OK) {
        err = links_expire(core);
    }
    if (err == ERR_OK) {
        err = join_tick(core);
    }
    if (err == ERR_OK) {
        err = outside_tick(core);
    }
    if (err == ERR_OK) {
        err = meet_tick(core);
    }
    if (err == ERR_OK) {
        err = compare_tick(core);
    }
    if (err == ERR_OK && core->is_member) {
        err = gossip_tick(core);
    }
    if (err == ERR_OK) {
        err = told_go_on(core);
    }
    if (err == ERR_OK && core->is_member) {
        err = clips_tick(core);
    }
    if (err == ERR_OK && core->is_member) {
        err = received_tick(core);
    }
    if (err == ERR_OK) {
        err = withheld_tick(core);
    }
    if (err == ERR_OK && core->is_member) {
        err = delivery_tick(core);
    }
    if (err == ERR_OK && core->is_member && tick_reached(core->now.mono, core->upkeep_due)) {
        err = edited_tick(core);
    }
    if (tick_reached(core->now.mono, core->upkeep_due)) {
        core->upkeep_due = tick_add(core->now.mono, (struct duration){UPKEEP_EVERY_MS});
    }
    return err;
}

bool core_is_fatal(enum err err) {
    return err == ERR_HOST_DATABASE || err == ERR_HOST_DISK || err == ERR_HOST_MEMORY ||
           err == ERR_HOST_PERMISSION || err == ERR_HOST_LOCKED;
}
