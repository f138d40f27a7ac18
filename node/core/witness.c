/* Heads of logs among neighbours (PROTOCOL 8.5, 8.6): ours go out to be cosigned, theirs are
 * judged, cosigned and remembered, and proof of a fork is kept and passed on. What a cosignature
 * promises is in this turn's transaction before it leaves, as everything is. */
#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"
#include "node/log/witness.h"

enum {
    HEADS_WINDOW_MS = 10 * 1000,
    HEADS_MAX = 192, /* of one link in that time: every fork there may be, and a slot a second */
};

static bool over_budget(struct core *core, struct link *link);
static enum err take_head(struct core *core, struct link *link, struct bytes note,
                          const struct link_message *proof);
static enum err remembered(struct core *core, const struct note_key *log, char note[NOTE_MAX],
                           struct checkpoint *out);
static enum err cosign(struct core *core, struct link *link, const struct note_key *log,
                       struct bytes note, uint64_t size);
static enum err ask(struct core *core, struct link *link, const char *note);
static enum err take_witnessed(struct core *core, struct link *link, struct bytes note);
static enum err take_cosignature(struct core *core, struct link *link, uint64_t size,
                                 struct bytes line);
static enum err take_fork(struct core *core, struct link *link, const struct log_fork *fork);
static enum err keep_fork(struct core *core, uint64_t from, const struct log_fork *fork,
                          const struct checkpoint *older, const struct checkpoint *newer);
static enum err succeed(struct core *core, uint64_t signed_size);
static enum err forget_stale(struct core *core);
static bool is_forked(const struct core *core, const struct sign_public *log);
static enum err is_current(struct core *core, const struct sign_public *log, bool *out);
static enum err is_members(struct core *core, const struct sign_public *log, bool *out);
static enum err send(struct core *core, struct link *link, const struct link_message *message);
static enum err visit_load(void *context, const struct sign_public *log, struct bytes proof);
static enum err visit_send(void *context, const struct sign_public *log, struct bytes proof);

struct send_to {
    struct core *core;
    struct link *link;
};

enum err witness_load(struct core *core) {
    return store_fork_each(core->store, visit_load, core);
}

enum err witness_offer_all(struct core *core) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        bool door = link->purpose == PURPOSE_OUTSIDE && link->caught_up;
        if (link->no != 0 && (link->in_overlay || door)) {
            err = witness_offer(core, link);
        }
    }
    return err;
}

enum err witness_offer(struct core *core, struct link *link) {
    const struct link_message offer = {.kind = LINK_CHECKPOINT,
                                       .as.checkpoint.note = BYTES_TEXT(core->head.note)};
    return core->head.size > 0 ? send(core, link, &offer) : ERR_OK;
}

/* Forks first: who hears of one cosigns that log no more. */
enum err witness_link_up(struct core *core, struct link *link) {
    struct send_to to = {core, link};
    enum err err = store_fork_each(core->store, visit_send, &to);
    if (err == ERR_OK) {
        err = witness_recall(core, link);
    }
    return err == ERR_OK ? witness_offer(core, link) : err;
}

/* Before it signs anything new: one that was put back learns so in time. */
enum err witness_recall(struct core *core, struct link *link) {
    struct note_key log = {.type = NOTE_LOG};
    char held[NOTE_MAX];
    struct checkpoint known;
    enum err err = witness_log_key(core, &link->about, &log.key);
    if (err == ERR_OK) {
        log_verifier(&log.key, &log);
        err = remembered(core, &log, held, &known);
        err = err == ERR_OK ? ask(core, link, held) : err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    return err;
}

enum err witness_message(struct core *core, struct link *link, const struct link_message *message) {
    if (over_budget(core, link)) {
        return ERR_OK;
    }
    if (message->kind == LINK_CHECKPOINT) {
        return take_head(core, link, message->as.checkpoint.note, NULL);
    }
    if (message->kind == LINK_CONSISTENCY) {
        return take_head(core, link, message->as.consistency.note, message);
    }
    if (message->kind == LINK_WITNESSED) {
        return take_witnessed(core, link, message->as.checkpoint.note);
    }
    if (message->kind == LINK_COSIGNATURE) {
        return take_cosignature(core, link, message->as.cosignature.size,
                                message->as.cosignature.line);
    }
    ASSERT(message->kind == LINK_FORK);
    return take_fork(core, link, &message->as.fork);
}

enum err witness_log_key(struct core *core, const struct id *certificate, struct sign_public *out) {
    struct store_object row;
    struct signed_object object;
    struct node_record record;
    const struct member *member = community_find(core->community, certificate);
    if (member == NULL) {
        return ERR_USER_NOT_FOUND;
    }
    enum err err = store_object_newest(core->store, OBJECT_NODE_RECORD, certificate, &row);
    if (err == ERR_USER_NOT_FOUND) {
        *out = member->log;
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = signed_decode(row.object, &object);
    }
    if (err == ERR_OK) {
        err = node_record_decode(object.body, &record);
    }
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    *out = record.log;
    return ERR_OK;
}

static bool over_budget(struct core *core, struct link *link) {
    struct tick ends = tick_add(link->heads_since, (struct duration){HEADS_WINDOW_MS});
    if (link->heads_count == 0 || tick_reached(core->now.mono, ends)) {
        link->heads_since = core->now.mono;
        link->heads_count = 0;
    }
    link->heads_count += link->heads_count <= HEADS_MAX ? 1 : 0;
    return link->heads_count > HEADS_MAX;
}

/* ---- as a witness ---- */

static enum err take_head(struct core *core, struct link *link, struct bytes note,
                          const struct link_message *proof) {
    char held[NOTE_MAX];
    struct note_key log = {.type = NOTE_LOG};
    struct checkpoint head;
    struct checkpoint known = {.size = 0};
    struct merkle_proof merkle = {0};
    struct witness_shown shown = {.head = &head};
    struct log_fork fork = {.newer = note};
    enum err err = witness_log_key(core, &link->about, &log.key);
    if (err != ERR_OK) {
        return err;
    }
    log_verifier(&log.key, &log);
    fork.log = log.key;
    /* One under a key that we do not know yet: its record is on the way. */
    if (checkpoint_verify(note, &log, &head) != ERR_OK || is_forked(core, &log.key)) {
        return ERR_OK;
    }
    if (strcmp(head.origin, log.name) != 0) {
        return ERR_PEER_MALFORMED;
    }
    err = remembered(core, &log, held, &known);
    if (err != ERR_OK && err != ERR_USER_NOT_FOUND) {
        return err;
    }
    if (proof != NULL) {
        merkle.count = proof->as.consistency.count;
        memcpy(merkle.hashes, proof->as.consistency.hashes, merkle.count * sizeof merkle.hashes[0]);
        shown.old_size = proof->as.consistency.old_size;
        shown.old_root = &proof->as.consistency.old_root;
        shown.proof = &merkle;
        fork.root = proof->as.consistency.old_root;
        fork.proof = merkle;
    }
    switch (witness_judge(err == ERR_OK ? &known : NULL, &shown)) {
    case WITNESS_COSIGN:
        return cosign(core, link, &log, note, head.size);
    case WITNESS_ASK:
        return ask(core, link, held);
    case WITNESS_STALE:
        return ERR_OK;
    case WITNESS_FORK:
        fork.older = BYTES_TEXT(held);
        if (head.size == known.size) {
            fork.root = (struct id){{0}};
            fork.proof.count = 0;
        }
        return keep_fork(core, 0, &fork, &known, &head);
    case WITNESS_REFUSE:
        break;
    }
    return ERR_PEER_TREE;
}

static enum err remembered(struct core *core, const struct note_key *log, char note[NOTE_MAX],
                           struct checkpoint *out) {
    struct bytes stored;
    enum err err = store_witnessed_get(core->store, &log->key, &stored);
    if (err != ERR_OK) {
        return err;
    }
    if (stored.len >= NOTE_MAX || checkpoint_verify(stored, log, out) != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    memcpy(note, stored.at, stored.len);
    note[stored.len] = '\0';
    return ERR_OK;
}

static enum err cosign(struct core *core, struct link *link, const struct note_key *log,
                       struct bytes note, uint64_t size) {
    struct note_key own;
    char line[NOTE_LINE_MAX];
    struct link_message message = {.kind = LINK_COSIGNATURE, .as.cosignature.size = size};
    const struct member *member = community_find(core->community, &link->about);
    ASSERT(member != NULL);
    if (core->now.wall.ms < 0 || core->now.wall.ms > INSTANT_MAX_MS) {
        return ERR_OK; /* a clock out of its mind has no word to give */
    }
    enum err err = store_witnessed_put(core->store, &log->key, &member->node, note);
    if (err == ERR_FULL_TABLE) {
        return ERR_OK; /* a node with so many logs finds other witnesses, or none */
    }
    witness_verifier(&core->log_public, &own);
    if (err == ERR_OK) {
        err = checkpoint_cosign(note, own.name, &core->config.keys.log, core->now.wall, line);
    }
    if (err != ERR_OK) {
        return err;
    }
    message.as.cosignature.line = BYTES_TEXT(line);
    return send(core, link, &message);
}

static enum err ask(struct core *core, struct link *link, const char *note) {
    struct link_message message = {.kind = LINK_WITNESSED, .as.checkpoint.note = BYTES_TEXT(note)};
    return send(core, link, &message);
}

/* ---- as a log ---- */

static enum err take_witnessed(struct core *core, struct link *link, struct bytes note) {
    struct note_key own;
    struct checkpoint head;
    struct id root;
    struct merkle_proof proof;
    struct link_message message = {.kind = LINK_CONSISTENCY};
    log_verifier(&core->log_public, &own);
    if (checkpoint_verify(note, &own, &head) != ERR_OK || head.size == 0) {
        return ERR_OK; /* of a key that we have given up */
    }
    bool held = head.size <= log_committed_size(core->log);
    enum err err = held ? record_root_at(core, head.size, &root) : ERR_OK;
    if (err != ERR_OK) {
        return err;
    }
    if (!witness_head_is_ours(&head, held ? &root : NULL)) {
        return succeed(core, head.size);
    }
    if (core->head.size <= head.size) {
        return ERR_OK; /* the next head is a larger one */
    }
    err = record_prove_consistency(core, head.size, core->head.size, &proof);
    if (err != ERR_OK) {
        return err;
    }
    message.as.consistency.note = BYTES_TEXT(core->head.note);
    message.as.consistency.old_size = head.size;
    message.as.consistency.old_root = root;
    message.as.consistency.count = proof.count;
    memcpy(message.as.consistency.hashes, proof.hashes, proof.count * sizeof proof.hashes[0]);
    return send(core, link, &message);
}

static enum err take_cosignature(struct core *core, struct link *link, uint64_t size,
                                 struct bytes line) {
    struct note_key witness = {.type = NOTE_WITNESS};
    struct log_head with = core->head;
    struct instant at;
    if (size != core->head.size || core->head.cosigned == CHARTER_WITNESSES_MAX) {
        return ERR_OK; /* late, or more than a note holds */
    }
    enum err err = ERR_OK;
    if (link->purpose == PURPOSE_OUTSIDE) {
        witness.key = link->log; /* an outsider knows no more of its doors */
    } else {
        err = witness_log_key(core, &link->about, &witness.key);
    }
    if (err != ERR_OK) {
        return err;
    }
    witness_verifier(&witness.key, &witness);
    err = note_attach(with.note, line);
    if (err == ERR_PEER_REPEATED) {
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = checkpoint_verify_cosigned(BYTES_TEXT(with.note), &witness, &at);
    }
    if (err != ERR_OK) {
        return err == ERR_PEER_SIGNATURE ? ERR_OK : err; /* its key may just have changed */
    }
    with.cosigned++;
    core->head = with;
    if (core->files_due.ms == TICK_NEVER.ms) { /* it came after the file was written */
        core->files_due = tick_add(core->now.mono, (struct duration){FILES_AFTER_MS});
    }
    return ERR_OK;
}

/* ---- forks ---- */

static enum err take_fork(struct core *core, struct link *link, const struct log_fork *fork) {
    struct checkpoint older;
    struct checkpoint newer;
    bool members = false;
    if (is_forked(core, &fork->log)) {
        return ERR_OK;
    }
    enum err err = log_fork_verify(fork, &older, &newer);
    if (err != ERR_OK) {
        return err;
    }
    err = is_members(core, &fork->log, &members);
    if (err != ERR_OK || !members) {
        return err;
    }
    return keep_fork(core, link->no, fork, &older, &newer);
}

static enum err keep_fork(struct core *core, uint64_t from, const struct log_fork *fork,
                          const struct checkpoint *older, const struct checkpoint *newer) {
    SCOPED(buffer_finish) struct buffer proof = {.max = TRANSPORT_DATA_MAX};
    struct link_message message = {.kind = LINK_FORK, .as.fork = *fork};
    struct log_entry entry = {
        .kind = LOG_FORK_SEEN, .at = core->now.wall, .numbers = {older->size, newer->size}};
    enum err err = forget_stale(core);
    if (err != ERR_OK || core->fork_count == STORE_FORKS_MAX) {
        return err;
    }
    memcpy(entry.a.b, fork->log.b, sizeof entry.a.b);
    err = link_encode(&message, &proof);
    if (err == ERR_OK) {
        err = store_fork_add(core->store, &fork->log, buffer_bytes(&proof));
    }
    if (err == ERR_OK) {
        err = record_add(core, &entry, NULL);
    }
    if (err != ERR_OK) {
        return err;
    }
    core->forked[core->fork_count++] = fork->log;
    core_journal(core, "warn log: forked log=%02x%02x%02x%02x sizes=%llu,%llu", fork->log.b[0],
                 fork->log.b[1], fork->log.b[2], fork->log.b[3], (unsigned long long)older->size,
                 (unsigned long long)newer->size);
    for (size_t i = 0; err == ERR_OK && i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        if (link->no != 0 && link->no != from && link->in_overlay) {
            err = send(core, link, &message);
        }
    }
    /* Our own key has signed what we do not hold: two copies of this home run, or did. */
    if (err == ERR_OK && sign_public_equal(&fork->log, &core->log_public)) {
        err = succeed(core, newer->size);
    }
    return err;
}

/* Whoever takes new keys and forks one after the other has filled the table with his own: the last
 * that is nobody's key any more gives way. That it forked stays in the log. */
static enum err forget_stale(struct core *core) {
    bool current = true;
    enum err err = ERR_OK;
    if (core->fork_count < STORE_FORKS_MAX) {
        return ERR_OK;
    }
    for (size_t i = core->fork_count; err == ERR_OK && current && i > 0; i--) {
        const struct sign_public log = core->forked[i - 1];
        err = is_current(core, &log, &current);
        if (err == ERR_OK && !current) {
            core->forked[i - 1] = core->forked[--core->fork_count];
            err = store_fork_remove(core->store, &log);
        }
    }
    return err;
}

/* Neighbours learn the new key from the node record, which goes out before the new log's head. An
 * outsider has none: nobody is a witness of its new log. */
static enum err succeed(struct core *core, uint64_t signed_size) {
    enum err err = record_succeed(core, signed_size);
    return err == ERR_OK && !core->is_outsider ? gossip_publish_record(core) : err;
}

static bool is_forked(const struct core *core, const struct sign_public *log) {
    for (size_t i = 0; i < core->fork_count; i++) {
        if (sign_public_equal(&core->forked[i], log)) {
            return true;
        }
    }
    return false;
}

/* Anybody can fork a log of their own making; only members' are worth keeping. */
static enum err is_members(struct core *core, const struct sign_public *log, bool *out) {
    struct bytes note;
    enum err err = store_witnessed_get(core->store, log, &note);
    *out = err == ERR_OK;
    return err == ERR_USER_NOT_FOUND ? is_current(core, log, out) : err;
}

static enum err is_current(struct core *core, const struct sign_public *log, bool *out) {
    *out = false;
    for (size_t i = 0; i < community_size(core->community) && !*out; i++) {
        const struct id *id = community_member_id(core->community, i);
        const struct member *member = community_find(core->community, id);
        struct sign_public now;
        enum err err = witness_log_key(core, id, &now);
        if (err != ERR_OK) {
            return err;
        }
        *out = sign_public_equal(log, &now) || sign_public_equal(log, &member->log);
    }
    return ERR_OK;
}

/* What a slow link cannot take comes again with the next head. */
static enum err send(struct core *core, struct link *link, const struct link_message *message) {
    enum err err = core_send(core, link, message);
    return err == ERR_FULL_QUEUE ? ERR_OK : err;
}

static enum err visit_load(void *context, const struct sign_public *log, struct bytes proof) {
    struct core *core = context;
    (void)proof;
    if (core->fork_count == STORE_FORKS_MAX) {
        return ERR_HOST_DATABASE;
    }
    core->forked[core->fork_count++] = *log;
    return ERR_OK;
}

static enum err visit_send(void *context, const struct sign_public *log, struct bytes proof) {
    const struct send_to *to = context;
    struct link_message message;
    (void)log;
    enum err err = link_decode(LINK_FORK, proof, &message);
    return err == ERR_OK ? send(to->core, to->link, &message) : ERR_HOST_DATABASE;
}
