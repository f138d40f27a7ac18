/* What must hold at every moment. Each check names the invariant that it has found broken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/merkle.h"
#include "node/base/assert.h"
#include "node/core/parts.h"
#include "tests/sim/core_sim.h"

enum {
    /* On its way over one link: what core lets wait, a record that was begun before it was full,
     * and one clip, which is sent in one run. */
    WAITING_MAX = CORE_QUEUE_MAX + 2 * 65536 + 256 * 1024,
    OVERLAY_BYTES_MAX = 64 * 1024 * 1024,
    ROUND_STEPS = 10, /* every home is looked at closely once in so many steps ... */
    ROUND_STEPS_OF_MANY = 60,
    MANY = 64, /* ... where there are so many homes */
    SEEN_FIRST = 4096,
};

struct roster {
    size_t count;
    struct named {
        struct id certificate;
        int home;
    } * list; /* by certificate */
};

struct log_state {
    uint64_t count; /* leaves that were read */
    uint64_t slot;  /* number of the last one among them */
    struct merkle_edge edge;
    size_t room;
    struct id *roots; /* of each size up to count */
    size_t checkpoints;
};

struct seen { /* hashes of objects that were found good */
    size_t count, room;
    struct id *hashes;
};

struct store_check {
    struct sim *sim;
    int home;
};

struct waiting {
    struct sim *sim;
    bool planted;
};

static void on_ingest(void *context, int home, const struct ingest_message *message);
static bool check_request(struct sim *sim, int home, const struct ingest_message *message,
                          int64_t late, struct given *out);
static bool signed_by_its_owner(const struct sim *sim, const struct signed_object *object,
                                int author);
static void note_given(struct sim *sim, int home, const struct given *given);
static void check_cap(struct sim *sim, int home, const struct id *author);
static void on_footage(void *context, int home, const struct clip_id *clip, int to);
static void check_link(void *context, int home, int peer, uint64_t link, size_t waiting);
static void check_bounds(struct sim *sim, int home);
static void check_insider(struct sim *sim, const struct world_insider *insider);
static void check_log(struct sim *sim, int home);
static void check_slot(struct sim *sim, int home, const struct store_leaf *leaf);
static void check_entry(struct sim *sim, int home, const struct log_entry *entry);
static void check_checkpoints(struct sim *sim, int home);
static void keep_root(struct log_state *log, const struct id *leaf);
static enum err check_object(void *context, const struct store_object *row);
static bool object_is_good(const struct sim *sim, const struct store_object *row);
static enum err check_delivered(void *context, const struct store_delivered *row);
static bool is_for(const struct sim *sim, const struct store_delivered *row, int home);
static bool see(struct seen *seen, const struct id *hash);
static void see_more(struct seen *seen);
static size_t place_of(const struct id *hashes, size_t room, const struct id *hash);
static void plant_in_store(struct sim *sim, int home);
static int by_certificate(const void *a, const void *b);

/* ---- members ---- */

void watch_start(struct sim *sim) {
    size_t nodes = (size_t)sim->options.nodes;
    sim->roster = calloc(1, sizeof *sim->roster);
    sim->seen = calloc(1, sizeof *sim->seen);
    ASSERT(sim->roster != NULL && sim->seen != NULL);
    sim->roster->list = calloc(nodes, sizeof *sim->roster->list);
    ASSERT(sim->roster->list != NULL);
    sim->roster->count = nodes;
    for (size_t i = 0; i < nodes; i++) {
        ASSERT(world_certificate(sim->world, (int)i));
        sim->roster->list[i] = (struct named){sim->world->homes[i].certificate, (int)i};
        sim->homes[i].log = calloc(1, sizeof *sim->homes[i].log);
        ASSERT(sim->homes[i].log != NULL);
    }
    qsort(sim->roster->list, nodes, sizeof *sim->roster->list, by_certificate);
    sim->observer = (struct world_observer){sim, on_ingest, on_footage};
    sim->world->observer = &sim->observer;
}

static int by_certificate(const void *a, const void *b) {
    const struct named *x = a;
    const struct named *y = b;
    return id_compare(&x->certificate, &y->certificate);
}

int watch_member(const struct sim *sim, const struct id *certificate) {
    const struct named key = {.certificate = *certificate};
    const struct named *found = bsearch(&key, sim->roster->list, sim->roster->count,
                                        sizeof *sim->roster->list, by_certificate);
    return found == NULL ? NO_HOME : found->home;
}

void watch_finish(struct sim *sim) {
    for (int i = 0; i < sim->options.nodes; i++) {
        if (sim->homes[i].log != NULL) {
            free(sim->homes[i].log->roots);
        }
        free(sim->homes[i].log);
        free(sim->homes[i].given);
    }
    if (sim->roster != NULL) {
        free(sim->roster->list);
        free(sim->seen->hashes);
    }
    free(sim->roster);
    free(sim->seen);
}

/* ---- what ingest gets ---- */

static void on_ingest(void *context, int home, const struct ingest_message *message) {
    static struct ingest_message spoiled;
    struct sim *sim = context;
    static uint8_t bytes[SIGNED_GOSSIP_MAX];
    if (message->kind != INGEST_REQUEST) {
        return;
    }
    if (sim->options.plant == PLANT_UNSIGNED) {
        struct bytes *request = &spoiled.as.request.request;
        spoiled = *message;
        memcpy(bytes, request->at, request->len);
        bytes[request->len - 1] ^= 1; /* of a signature */
        request->at = bytes;
        message = &spoiled;
    }
    struct given given;
    int64_t late = sim->options.plant == PLANT_EXPIRED ? 8 * (int64_t)DURATION_DAY_MS : 0;
    if (!check_request(sim, home, message, late, &given)) {
        return;
    }
    note_given(sim, home, &given);
    if (sim->options.plant == PLANT_TWICE) {
        note_given(sim, home, &given);
    }
}

static bool check_request(struct sim *sim, int home, const struct ingest_message *message,
                          int64_t late, struct given *out) {
    struct signed_object object;
    struct request request;
    struct instant now = world_wall(sim->world, home);
    now.ms += late;
    enum err err = signed_decode(message->as.request.request, &object);
    if (err == ERR_OK) {
        err = request_decode(object.body, &request);
    }
    int author = err == ERR_OK ? watch_member(sim, &request.head.author) : NO_HOME;
    if (author == NO_HOME || object.kind != OBJECT_REQUEST ||
        !id_equal(&object.id, &message->as.request.id) ||
        !signed_by_its_owner(sim, &object, author)) {
        sim_broken(sim, "ingest_gets_signed_only", "home %d: %s", home, err_text(err));
        return false;
    }
    struct asked *asked = people_asked(sim, &object.id);
    /* It may have come before this home's clock was set back, and ingest starts now. */
    int64_t ahead = FUTURE_MAX_MS + (sim->options.scenario->wrong_clocks ? 2 * SIM_SKEW_MS : 0);
    if (instant_reached(now, request.head.expires) || request.head.created.ms > now.ms + ahead) {
        sim_broken(sim, "ingest_gets_live_only", "home %d: a request of home %d, %lld ms over",
                   home, author, (long long)(now.ms - request.head.expires.ms));
    }
    if (asked != NULL && asked->came[home] < 0) {
        asked->came[home] = sim->world->now;
    }
    *out = (struct given){object.id, request.head.author, request.head.expires};
    return true;
}

static bool signed_by_its_owner(const struct sim *sim, const struct signed_object *object,
                                int author) {
    const struct world_home *home = &sim->world->homes[author];
    bool good = false;
    for (size_t i = 0; i < home->owner_count; i++) {
        good = good || signed_by(object, &home->owner_publics[i].sign);
    }
    return good;
}

/* After a start it is told again what it may have missed; in one life each request once. */
static void note_given(struct sim *sim, int home, const struct given *given) {
    struct home_state *state = &sim->homes[home];
    const struct id *request = &given->request;
    if (state->starts != sim->world->homes[home].starts) {
        state->starts = sim->world->homes[home].starts;
        state->given_count = 0;
    }
    for (size_t i = 0; i < state->given_count; i++) {
        if (id_equal(&state->given[i].request, request)) {
            const struct asked *asked = people_asked(sim, request);
            sim_broken(sim, "ingest_gets_each_once",
                       "home %d: %02x%02x%02x%02x, first at %lld ms; its clock is %lld ms ahead",
                       home, request->b[0], request->b[1], request->b[2], request->b[3],
                       asked == NULL ? -1 : (long long)asked->came[home],
                       (long long)sim->world->homes[home].wall_skew);
            return;
        }
    }
    if (state->given_count == state->given_room) {
        state->given_room = state->given_room * 2 + 64;
        state->given = realloc(state->given, state->given_room * sizeof *state->given);
        ASSERT(state->given != NULL);
    }
    state->given[state->given_count++] = *given;
    check_cap(sim, home, &given->author);
}

/* One asks so much at a time, whatever it floods with (P11). */
static void check_cap(struct sim *sim, int home, const struct id *author) {
    const struct home_state *state = &sim->homes[home];
    struct instant now = world_wall(sim->world, home);
    uint32_t live = 0;
    for (size_t i = 0; i < state->given_count; i++) {
        const struct given *one = &state->given[i];
        live += id_equal(&one->author, author) && !instant_reached(now, one->expires) ? 1 : 0;
    }
    if (live > CAPS_DEFAULT.live_requests) {
        sim_broken(sim, "one_asks_within_its_cap", "home %d: %u of home %d", home, live,
                   watch_member(sim, author));
    }
}

/* ---- what leaves ---- */

static void on_footage(void *context, int home, const struct clip_id *clip, int to) {
    struct sim *sim = context;
    const struct matched *m = people_matched(sim, clip);
    size_t owners = sim->world->homes[home].owner_count;
    if (m == NULL || m->home != home || m->declined || m->signed_by < owners ||
        sim->options.plant == PLANT_LEAK) {
        sim_broken(sim, "footage_leaves_by_its_owners_only", "home %d: %zu of %zu have signed",
                   home, m == NULL ? 0 : m->signed_by, owners);
        return;
    }
    if (!m->disclosed) {
        check_log(sim, home); /* the slot may have closed since it was looked at */
    }
    if (!m->disclosed) {
        sim_broken(sim, "on_record_before_it_leaves", "home %d", home);
    }
    if (m->asked == NOBODY_ASKED || (to != NO_HOME && sim->asked[m->asked].home != to)) {
        sim_broken(sim, "footage_goes_to_its_requester_only", "home %d: to home %d", home, to);
    }
}

/* ---- bounds ---- */

void watch_step(struct sim *sim) {
    struct waiting all = {sim, sim->options.plant == PLANT_GLUT};
    int nodes = sim->options.nodes;
    world_links_each(sim->world, check_link, &all);
    for (const struct world_insider *i = sim->world->insiders; i != NULL; i = i->next) {
        check_insider(sim, i);
    }
    for (int i = 0; i < nodes; i++) {
        check_bounds(sim, i);
    }
    if (sim->charters != NULL) {
        charters_step(sim);
    }
    for (int i = 0; i < nodes / (nodes < MANY ? ROUND_STEPS : ROUND_STEPS_OF_MANY) + 1; i++) {
        watch_home(sim, sim->next_checked);
        sim->next_checked = (sim->next_checked + 1) % nodes;
    }
}

static void check_link(void *context, int home, int peer, uint64_t link, size_t waiting) {
    struct waiting *all = context;
    size_t more = all->planted ? 1024 * 1024 : 0;
    if (waiting + more > WAITING_MAX) {
        sim_broken(all->sim, "queues_are_bounded", "home %d to home %d, link %llu: %zu bytes", home,
                   peer, (unsigned long long)link, waiting + more);
    }
}

static void check_bounds(struct sim *sim, int home) {
    const struct core *core = sim->world->homes[home].core;
    if (core == NULL || core->overlay == NULL) {
        return;
    }
    if (overlay_link_count(core->overlay) > OVERLAY_LINKS_MAX ||
        overlay_object_count(core->overlay) > OVERLAY_OBJECTS_MAX ||
        overlay_bytes(core->overlay) > OVERLAY_BYTES_MAX) {
        sim_broken(sim, "views_are_bounded", "home %d: %zu links, %zu objects, %zu bytes", home,
                   overlay_link_count(core->overlay), overlay_object_count(core->overlay),
                   overlay_bytes(core->overlay));
    }
    if (log_waiting(core->log) > LOG_WAITING_MAX || core->held.len > HELD_MAX ||
        core->effect_count > CORE_EFFECTS_MAX) {
        sim_broken(sim, "queues_are_bounded",
                   "home %d: %zu entries wait, ingest has %zu bytes held", home,
                   log_waiting(core->log), core->held.len);
    }
}

/* ---- who is at the other end ---- */

static void check_insider(struct sim *sim, const struct world_insider *insider) {
    struct core *core = sim->world->homes[insider->home].core;
    const struct link *link = core == NULL ? NULL : links_find(core, insider->link);
    int sponsor = NO_HOME;
    struct instant created;
    if (link != NULL && link->in_overlay && !forgers_made(sim, &link->about, &sponsor, &created) &&
        !id_equal(&link->about, &sim->world->homes[insider->as].certificate)) {
        sim_broken(sim, "members_are_who_they_say", "home %d takes home %d for home %d",
                   insider->home, insider->as, watch_member(sim, &link->about));
    }
}

/* ---- one home closely ---- */

void watch_home(struct sim *sim, int home) {
    struct store *store = sim->world->homes[home].store;
    struct store_check check = {sim, home};
    if (sim->options.plant == PLANT_FORGED && home == 0) {
        plant_in_store(sim, home);
    }
    check_log(sim, home);
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_object_each(store, OBJECT_UNKNOWN, check_object, &check) == ERR_OK);
    ASSERT(store_delivered_each(store, check_delivered, &check) == ERR_OK);
    store_roll_back(store);
}

/* Leaves are never fewer, each fits its hash, an opening its leaf, and every checkpoint that was
 * ever published is over some beginning of them. */
static void check_log(struct sim *sim, int home) {
    struct store *store = sim->world->homes[home].store;
    struct log_state *log = sim->homes[home].log;
    uint64_t count = 0;
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_leaf_count(store, &count) == ERR_OK);
    if (count < log->count) {
        sim_broken(sim, "logs_only_grow", "home %d: %llu leaves, and there were %llu", home,
                   (unsigned long long)count, (unsigned long long)log->count);
    }
    for (uint64_t i = log->count; i < count; i++) {
        struct store_leaf leaf;
        struct id hash;
        ASSERT(store_leaf_get(store, i, &leaf) == ERR_OK);
        merkle_leaf(leaf.leaf, &hash);
        if (!id_equal(&hash, &leaf.hash) ||
            (leaf.opening.len > 0 && !log_slot_verify(leaf.leaf, leaf.opening))) {
            sim_broken(sim, "logs_verify", "home %d: leaf %llu", home, (unsigned long long)i);
        } else if (leaf.opening.len > 0) {
            check_slot(sim, home, &leaf);
        }
        hash.b[0] ^= sim->options.plant == PLANT_FORGET && i == 0 ? 1 : 0;
        keep_root(log, &hash);
    }
    store_roll_back(store);
    check_checkpoints(sim, home);
}

/* Slots are numbered one by one over all starts, and what happens once is said once. */
static void check_slot(struct sim *sim, int home, const struct store_leaf *leaf) {
    struct log_state *log = sim->homes[home].log;
    struct log_slot_leaf slot;
    struct log_entry entry;
    struct bytes rest = {leaf->opening.at + LOG_SALT_BYTES, leaf->opening.len - LOG_SALT_BYTES};
    ASSERT(log_slot_read(leaf->leaf, &slot) == ERR_OK);
    if (slot.number != log->slot + 1) {
        sim_broken(sim, "slots_follow_each_other", "home %d: %llu after %llu", home,
                   (unsigned long long)slot.number, (unsigned long long)log->slot);
    }
    log->slot = slot.number;
    while (log_opening_next(&rest, &entry)) {
        check_entry(sim, home, &entry);
    }
}

static void check_entry(struct sim *sim, int home, const struct log_entry *entry) {
    struct id hash;
    struct clip_id clip;
    uint8_t place[8];
    uint8_t about[2 * sizeof hash];
    write_u32(place, (uint32_t)home);
    write_u32(place + 4, (uint32_t)entry->kind);
    memcpy(about, entry->a.b, sizeof entry->a.b);
    memcpy(about + sizeof hash, entry->b.b, sizeof entry->b.b);
    hash_labelled("entry", BYTES_OF(place), BYTES_OF(about), hash.b, sizeof hash.b);
    /* Each of two owners signs the same grant. */
    if (entry->kind != LOG_SIGNED && see(sim->seen, &hash)) {
        sim_broken(sim, "logs_say_it_once", "home %d: %s", home, log_kind_word(entry->kind));
    }
    memcpy(clip.b, entry->b.b, sizeof clip.b);
    struct matched *m = people_matched(sim, &clip);
    if (entry->kind == LOG_DISCLOSURE && m != NULL && id_equal(&m->grant_id, &entry->a)) {
        m->disclosed = true;
    }
}

static void check_checkpoints(struct sim *sim, int home) {
    const struct world_home *h = &sim->world->homes[home];
    struct log_state *log = sim->homes[home].log;
    for (; log->checkpoints < h->checkpoint_count; log->checkpoints++) {
        size_t at = log->checkpoints % WORLD_CHECKPOINTS_MAX;
        uint64_t size = h->checkpoints[at].size;
        if (h->checkpoint_count - log->checkpoints > WORLD_CHECKPOINTS_MAX) {
            continue; /* no longer kept */
        }
        if (size > log->count || !id_equal(&h->checkpoints[at].root, &log->roots[size])) {
            sim_broken(sim, "logs_keep_their_checkpoints", "home %d: one over %llu leaves of %llu",
                       home, (unsigned long long)size, (unsigned long long)log->count);
        }
    }
}

static void keep_root(struct log_state *log, const struct id *leaf) {
    if (log->count + 1 >= log->room) {
        log->room = log->room * 2 + 64;
        log->roots = realloc(log->roots, log->room * sizeof *log->roots);
        ASSERT(log->roots != NULL);
    }
    merkle_append(&log->edge, leaf);
    log->count++;
    merkle_root(&log->edge, &log->roots[log->count]);
}

static enum err check_object(void *context, const struct store_object *row) {
    const struct store_check *check = context;
    struct sim *sim = check->sim;
    struct id hash; /* of what is carried, as one body may come with other signatures */
    hash_labelled("seen", BYTES_OF(row->id.b), row->object, hash.b, sizeof hash.b);
    if (see(sim->seen, &hash)) {
        return ERR_OK;
    }
    if (!object_is_good(sim, row)) {
        sim_broken(sim, "stores_hold_signed_only", "home %d: kind %d, %02x%02x%02x%02x",
                   check->home, (int)row->kind, row->id.b[0], row->id.b[1], row->id.b[2],
                   row->id.b[3]);
    }
    return ERR_OK;
}

static bool object_is_good(const struct sim *sim, const struct store_object *row) {
    struct signed_object object;
    struct head head;
    if (signed_decode(row->object, &object) != ERR_OK ||
        head_decode(object.body, &head) != ERR_OK || !id_equal(&object.id, &row->id) ||
        object.kind != row->kind || !id_equal(&head.author, &row->author)) {
        return false;
    }
    int sponsor = NO_HOME;
    struct instant created;
    if (object.kind == OBJECT_MEMBER) {
        if (forgers_made(sim, &object.id, &sponsor, &created)) {
            return true; /* until its sponsor's removal is known, it is good */
        }
        int home = watch_member(sim, &object.id);
        return home != NO_HOME && signed_by_its_owner(sim, &object, home) &&
               signed_by(&object, &sim->world->homes[home].node);
    }
    if (object.kind == OBJECT_ACT) {
        return sim->charters != NULL; /* they are looked at one after the other */
    }
    int author = watch_member(sim, &head.author);
    bool node = author != NO_HOME && signed_by(&object, &sim->world->homes[author].node);
    bool owner = author != NO_HOME && signed_by_its_owner(sim, &object, author);
    bool by_node = object.kind == OBJECT_NODE_RECORD || object.kind == OBJECT_RECEIPT_COMMITMENT ||
                   object.kind == OBJECT_DELETION_RECEIPT || object.kind == OBJECT_RENEWAL;
    bool by_owner = object.kind == OBJECT_REQUEST || object.kind == OBJECT_WITHDRAWAL ||
                    object.kind == OBJECT_CALL_BACK || object.kind == OBJECT_ENDORSEMENT ||
                    object.kind == OBJECT_REMOVAL;
    return by_owner                        ? owner
           : by_node                       ? node
           : object.kind == OBJECT_UNKNOWN ? owner || node
                                           : false;
}

/* What has come is what owners gave away. Hostile homes may offer what they like, to whom it is
 * for. */
static enum err check_delivered(void *context, const struct store_delivered *row) {
    const struct store_check *check = context;
    struct sim *sim = check->sim;
    int from = watch_member(sim, &row->home);
    if (from == NO_HOME || sim->homes[from].hostile) {
        if (!is_for(sim, row, check->home)) {
            sim_broken(sim, "delivered_is_for_its_request", "home %d: of home %d", check->home,
                       from);
        }
        return ERR_OK;
    }
    for (size_t i = 0; i < sim->matched_count; i++) {
        const struct matched *m = &sim->matched[i];
        if (m->home == from && id_equal(&m->grant_id, &row->grant)) {
            bool good = !m->declined && m->signed_by == sim->world->homes[from].owner_count &&
                        m->asked != NOBODY_ASKED && sim->asked[m->asked].home == check->home;
            if (good) {
                return ERR_OK;
            }
        }
    }
    sim_broken(sim, "delivered_is_what_owners_gave", "home %d: of home %d", check->home, from);
    return ERR_OK;
}

static bool is_for(const struct sim *sim, const struct store_delivered *row, int home) {
    struct signed_object object;
    struct grant grant;
    struct box_secret secret;
    struct box_public key;
    const struct asked *asked = people_asked(sim, &row->request);
    world_request_secret(home, &secret);
    box_public_of(&secret, &key);
    return signed_decode(row->signed_grant, &object) == ERR_OK &&
           grant_decode(object.body, &grant) == ERR_OK && asked != NULL && asked->home == home &&
           id_equal(&grant.request, &row->request) && box_public_equal(&grant.recipient, &key);
}

/* ---- what was found good ---- */

/* True: it was there already. */
static bool see(struct seen *seen, const struct id *hash) {
    if (2 * seen->count >= seen->room) {
        see_more(seen);
    }
    size_t at = place_of(seen->hashes, seen->room, hash);
    if (!id_is_zero(&seen->hashes[at])) {
        return true;
    }
    seen->hashes[at] = *hash;
    seen->count++;
    return false;
}

static void see_more(struct seen *seen) {
    size_t room = seen->room * 2 + SEEN_FIRST;
    struct id *hashes = calloc(room, sizeof *hashes);
    ASSERT(hashes != NULL);
    for (size_t i = 0; i < seen->room; i++) {
        if (!id_is_zero(&seen->hashes[i])) {
            hashes[place_of(hashes, room, &seen->hashes[i])] = seen->hashes[i];
        }
    }
    free(seen->hashes);
    seen->hashes = hashes;
    seen->room = room;
}

/* Where it is, or the free place where it belongs. */
static size_t place_of(const struct id *hashes, size_t room, const struct id *hash) {
    size_t at = read_u32(hash->b) % room;
    while (!id_is_zero(&hashes[at]) && !id_equal(&hashes[at], hash)) {
        at = (at + 1) % room;
    }
    return at;
}

/* Its certificate once more, under another id. */
static void plant_in_store(struct sim *sim, int home) {
    struct store *store = sim->world->homes[home].store;
    struct store_object row;
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_object_get(store, &sim->world->homes[home].certificate, &row) == ERR_OK);
    row.id.b[0] ^= 1;
    ASSERT(store_object_add(store, &row) == ERR_OK);
    ASSERT(store_commit(store) == ERR_OK);
}
