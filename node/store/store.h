/* The node's state: typed reads and writes in SQLite, always inside the turn's open transaction
 * (step, commit, release: core.h). Only core calls it; ingest has an index of its own.
 *
 * WAL, synchronous=FULL, secure_delete=ON. The schema's version is in user_version; opening an
 * older file migrates it forward in one transaction, another is refused with ERR_HOST_SCHEMA.
 *
 * Memory: `bytes` that a read hands out are borrowed until the next call on the store.
 * Errors: ERR_HOST_DATABASE or ERR_HOST_DISK from every call; ERR_USER_NOT_FOUND from the reads
 * named
 * *_get. A failed write leaves the transaction to be rolled back by store_roll_back(). */
#ifndef NODE_STORE_STORE_H
#define NODE_STORE_STORE_H

#include "proto/control.h"

struct store;

/* ---- opening, turns ---- */

MUST_USE enum err store_open(const char *path, struct store **out);
void store_close(struct store *store); /* NULL is fine; an open transaction is rolled back */

MUST_USE enum err store_begin(struct store *store);
MUST_USE enum err store_commit(struct store *store); /* durable on ERR_OK */
void store_roll_back(struct store *store);
bool store_changed(const struct store *store); /* anything written since store_begin? */

/* Writes the WAL back and cuts it off, so that a shredded row is gone from the file too. */
MUST_USE enum err store_shred_barrier(struct store *store); /* outside a transaction */

/* ---- single values ---- */

enum store_key {          /* files have them by their numbers, so none is given a second time */
    STORE_COMMUNITY = 1,  /* 32 bytes */
    STORE_CHARTER,        /* signed object */
    STORE_CERTIFICATE,    /* id of our own member certificate, 32 bytes */
    STORE_CAMERAS_INGEST, /* camera list, sealed to ingest */
    STORE_CAMERAS_OWNERS, /* the same, sealed to the owners */
    STORE_JOIN,           /* a join that has been asked for: code, then signed member body */
    STORE_LOG_SLOT = 8,   /* number of the last slot written, 8 bytes */
    STORE_LOG_KEY,        /* seed of the log key that succeeded node.key's, 32 bytes */
    STORE_LOG_PREVIOUS,   /* the log key before it, public, 32 bytes */
    STORE_BOOK,           /* address book: certificate, 1 for an anchor, 33 bytes each */
    STORE_HEARD,          /* wall time of the last slot with a link to another home, 8 bytes */
    STORE_OUTSIDE, /* what an outsider applied with: each door's code and a NUL, one more NUL,
                      its signed certificate */
};
MUST_USE enum err store_get(struct store *store, enum store_key key, struct bytes *out);
MUST_USE enum err store_put(struct store *store, enum store_key key, struct bytes value);
MUST_USE enum err store_remove(struct store *store, enum store_key key);

/* ---- gossiped objects: members, node records, requests, receipt commitments ---- */

struct store_object {
    struct id id;
    enum object_kind kind;
    struct id author;
    struct instant created;
    struct instant expires;
    struct bytes object; /* signed, as carried */
};
MUST_USE enum err store_object_add(struct store *store, const struct store_object *object);
MUST_USE enum err store_object_get(struct store *store, const struct id *id,
                                   struct store_object *out);
MUST_USE enum err store_object_remove(struct store *store, const struct id *id);
/* Removes what has expired, but for certificates, node records (of which there is one of each
 * member), `self`'s own requests, and requests that a clip of this home or one delivered to it is
 * about. */
MUST_USE enum err store_object_expire(struct store *store, const struct id *self,
                                      struct instant now);
/* The newest of one kind by one author: node records. Here and below no requests. */
MUST_USE enum err store_object_newest(struct store *store, enum object_kind kind,
                                      const struct id *author, struct store_object *out);

/* How many of one kind by one author have not expired. */
MUST_USE enum err store_object_count(struct store *store, enum object_kind kind,
                                     const struct id *author, struct instant now, uint64_t *out);

/* Visits rows in the order in which they came; stops and passes on what `visit` answers unless
 * ERR_OK. The visitor may not write. kind OBJECT_UNKNOWN: every kind. */
typedef enum err store_object_visit(void *context, const struct store_object *object);
MUST_USE enum err store_object_each(struct store *store, enum object_kind kind,
                                    store_object_visit *visit, void *context);
/* The same of one author, in order of (created, id). */
MUST_USE enum err store_object_each_of(struct store *store, enum object_kind kind,
                                       const struct id *author, store_object_visit *visit,
                                       void *context);

/* ---- requests: what is local to them ---- */

/* With the leaf that recorded it, and the day until which what comes for it may be kept: in the
 * place of store_object_add(). *again: it was there, and stays as it was. */
MUST_USE enum err store_request_add(struct store *store, const struct store_object *object,
                                    uint64_t log_index, struct instant delete_by, bool *again);
MUST_USE enum err store_request_own(struct store *store, const struct id *id); /* it is ours */

struct store_request {
    struct id id;
    bool ours;
    bool matched; /* ingest has said so */
    uint64_t log_index;
    struct bytes sealed_key; /* ours only: the request key, sealed to our owner */
    struct id taken_back_by; /* withdrawal or amendment; zero: it was not */
};
MUST_USE enum err store_request_get(struct store *store, const struct id *id,
                                    struct store_request *out);
MUST_USE enum err store_request_matched(struct store *store, const struct id *id);
MUST_USE enum err store_request_set_key(struct store *store, const struct id *id,
                                        struct bytes sealed_key);
MUST_USE enum err store_request_take_back(struct store *store, const struct id *id,
                                          const struct id *by);
/* Deletion: its private entry waits for a slot; then the key goes. */
MUST_USE enum err store_request_deleting(struct store *store, const struct id *id);
/* Removes those whose object and key are gone. */
MUST_USE enum err store_request_expire(struct store *store);
MUST_USE enum err store_request_forget_key(struct store *store, const struct id *id);
/* Our own whose key is here and not about to go. The visitor may read objects, not write. */
typedef enum err store_request_visit(void *context, const struct id *request);
MUST_USE enum err store_request_each_key(struct store *store, store_request_visit *visit,
                                         void *context);

/* ---- requests that came across a border, with what they came in ---- */

struct store_crossed {
    struct id request;
    struct id treaty;
    struct instant at;     /* when it crossed */
    struct bytes crossing; /* signed */
};
MUST_USE enum err store_crossed_add(struct store *store, const struct store_crossed *crossed);
MUST_USE enum err store_crossed_get(struct store *store, const struct id *request,
                                    struct store_crossed *out);
/* After `since`, and not after `until`. */
MUST_USE enum err store_crossed_count(struct store *store, const struct id *treaty,
                                      struct instant since, struct instant until, uint64_t *out);
/* Removes those whose request is gone and that crossed before `since`. */
MUST_USE enum err store_crossed_expire(struct store *store, struct instant since);
/* In which crossing a gateway brought something, while that crossing is there. */
MUST_USE enum err store_carried_put(struct store *store, const struct id *crossing,
                                    const struct id *gateway, const struct id *subject);
/* ERR_USER_NOT_FOUND: in none. */
MUST_USE enum err store_carried_get(struct store *store, const struct id *gateway,
                                    const struct id *subject, struct id *crossing);
/* The newest roll of a treaty's other side by this of its clerks, signed, in the place of the one
 * before. */
MUST_USE enum err store_far_roll_put(struct store *store, const struct id *treaty, size_t clerk,
                                     struct bytes roll);
MUST_USE enum err store_far_roll_remove(struct store *store, const struct id *treaty);
typedef enum err store_far_roll_visit(void *context, const struct id *treaty, struct bytes roll);
MUST_USE enum err store_far_roll_each(struct store *store, store_far_roll_visit *visit,
                                      void *context);

/* ---- call-backs: which of an author is the newest about a request ---- */

struct store_call {
    struct id request;
    struct id author;
    struct instant created;
    struct id call; /* its object */
};
MUST_USE enum err store_call_get(struct store *store, const struct id *request,
                                 const struct id *author, struct store_call *out);
/* In place of the author's earlier one. */
MUST_USE enum err store_call_put(struct store *store, const struct store_call *call);
/* Those about a request whose object is here, the newest first; at most `most`. */
MUST_USE enum err store_call_each(struct store *store, const struct id *request, size_t most,
                                  store_object_visit *visit, void *context);
/* Removes those whose object is gone. */
MUST_USE enum err store_call_count(struct store *store, const struct id *request, uint32_t *out);
MUST_USE enum err store_call_expire(struct store *store);

/* ---- attachments ---- */

struct store_attachment {
    struct id sha256;
    uint32_t size;
    uint32_t have; /* bytes from the start; complete and checked when == size */
    struct instant expires;
    struct id account;  /* whose share of the room it takes */
    struct instant due; /* when a neighbour is to be asked for it */
    uint32_t tries;     /* so often one was, in vain */
};
/* One that is there already only gets the later of both ends. */
MUST_USE enum err store_attachment_want(struct store *store, const struct store_attachment *a);
MUST_USE enum err store_attachment_get(struct store *store, const struct id *sha256,
                                       struct store_attachment *out);
MUST_USE enum err store_attachment_append(struct store *store, const struct id *sha256,
                                          uint32_t offset, struct bytes data);
MUST_USE enum err store_attachment_reset(struct store *store, const struct id *sha256);
MUST_USE enum err store_attachment_read(struct store *store, const struct id *sha256,
                                        uint32_t offset, uint32_t len, struct bytes *out);
/* Another size than the one it was wanted with; what was held goes. */
MUST_USE enum err store_attachment_resize(struct store *store, const struct id *sha256,
                                          uint32_t size);
MUST_USE enum err store_attachment_next_missing(struct store *store, const struct id *after,
                                                struct store_attachment *out);
/* That is due longest, of the next account behind that one that has any. */
MUST_USE enum err store_attachment_next_due(struct store *store, const struct id *after,
                                            struct instant now, struct store_attachment *out);
MUST_USE enum err store_attachment_tried(struct store *store, const struct store_attachment *a);
MUST_USE enum err store_attachment_charge(struct store *store, const struct id *sha256,
                                          const struct id *account);
MUST_USE enum err store_attachment_drop(struct store *store, const struct id *sha256);
MUST_USE enum err store_attachment_expire(struct store *store, struct instant now);
MUST_USE enum err store_attachment_total(struct store *store, uint64_t *bytes);
MUST_USE enum err store_attachment_used(struct store *store, const struct id *account,
                                        uint64_t *bytes);
/* Whose documents take most but for that account's, how much, and which of them goes first: one
 * that is not whole, whose end is the latest. */
MUST_USE enum err store_attachment_most(struct store *store, const struct id *but, uint64_t *bytes,
                                        struct store_attachment *out);

/* ---- clips: sealed matches of this home ---- */

struct store_clip {
    struct clip_id clip;
    struct id request;
    enum clip_state state;
    struct instant expires; /* of the prompt, later of the grant */
    uint64_t payload_size;
    struct id payload_root;
    size_t owner_count; /* of its camera: all must sign, and nobody else; 0: not known */
    struct sign_public owners[OWNERS_MAX];
    struct bytes header;           /* age header for the owners; empty once shredded */
    struct bytes manifest;         /* sealed to the owners */
    struct bytes grant;            /* signed object so far */
    struct bytes granted_header;   /* for the request key */
    struct bytes granted_manifest; /* sealed to the request key */
    struct id grant_id;            /* zero until one is complete */
    bool disclosure_logged;        /* its private entry is in a slot: delivery may begin */
    bool shred_logged;             /* its deletion is in a slot: nothing is left but this row */
    uint64_t edited_size;          /* of the payload that the grant names in the place of the sealed
                                      one; 0: none */
    struct id edited_root;         /* its file's name, too */
    struct bytes edited_header;    /* age header for the owners */
};
MUST_USE enum err store_clip_add(struct store *store, const struct store_clip *clip);
MUST_USE enum err store_clip_get(struct store *store, const struct clip_id *clip,
                                 struct store_clip *out);
MUST_USE enum err store_clip_by_grant(struct store *store, const struct id *grant,
                                      struct store_clip *out);
MUST_USE enum err store_clip_set_state(struct store *store, const struct clip_id *clip,
                                       enum clip_state state, struct instant expires);
MUST_USE enum err store_clip_set_grant(struct store *store, const struct clip_id *clip,
                                       struct bytes grant, const struct id *grant_id,
                                       struct bytes header, struct bytes manifest);
/* size 0: the grant is for the clip as it was sealed. */
struct store_edited {
    uint64_t size;
    struct id root;
    struct bytes header;
};
MUST_USE enum err store_clip_set_edited(struct store *store, const struct clip_id *clip,
                                        const struct store_edited *edited);
MUST_USE enum err store_edited_known(struct store *store, const struct id *root, bool *out);
MUST_USE enum err store_clip_set_disclosed(struct store *store, const struct clip_id *clip);
/* Shredding, once its deletion is logged: headers, manifests and grant go; the row stays until
 * ingest says that the payload is gone, so that the clip is not taken for a new one. */
MUST_USE enum err store_clip_shred(struct store *store, const struct clip_id *clip);
MUST_USE enum err store_clip_remove(struct store *store, const struct clip_id *clip);
/* One that was delivered, or whose grant has run out, and whose request has ended; or one that is
 * granted and not delivered, and whose request was taken back. ERR_USER_NOT_FOUND: none. */
MUST_USE enum err store_clip_next_over(struct store *store, struct instant now,
                                       struct clip_id *clip, struct id *request);
typedef enum err store_clip_visit(void *context, const struct store_clip *clip);
/* request NULL: all. */
MUST_USE enum err store_clip_each(struct store *store, const struct id *request,
                                  store_clip_visit *visit, void *context);
MUST_USE enum err store_clip_count_open(struct store *store, const struct id *request,
                                        uint32_t *out);

/* ---- delivered: clips that others granted to us ---- */

enum store_deletion {
    DELETION_NONE,
    DELETION_WAITS, /* its private entry waits for a slot */
    DELETION_FILE,  /* on record: header and manifest are gone, the file goes */
    DELETION_DONE,  /* the row of a clip that we once had whole stays */
};

enum store_told { /* to the community, of a clip that has come whole */
    TOLD_NOTHING,
    TOLD_RECEIVED, /* its receipt commitment is out */
    TOLD_DELETED,  /* and its deletion receipt */
};

struct store_delivered {
    struct id grant;
    struct id request;
    struct id home;
    enum store_deletion deletion;
    enum store_told told;
    struct bytes signed_grant;
    struct bytes member; /* of the granting home */
    struct bytes vouch;  /* a Vouch, where that is of another community */
    struct bytes header;
    struct bytes manifest;
    uint8_t salt[32];  /* of the receipt commitment */
    uint64_t received; /* payload bytes held, whole pieces, durable */
    uint64_t payload_size;
    struct instant completed; /* 0 until the header has come */
    struct instant delete_by;
};
MUST_USE enum err store_delivered_add(struct store *store, const struct store_delivered *d);
MUST_USE enum err store_delivered_get(struct store *store, const struct id *grant,
                                      struct store_delivered *out);
MUST_USE enum err store_delivered_set_received(struct store *store, const struct id *grant,
                                               uint64_t received);
MUST_USE enum err store_delivered_complete(struct store *store, const struct id *grant,
                                           struct bytes header, struct bytes manifest,
                                           struct instant at);
/* DELETION_FILE empties header and manifest; DELETION_DONE drops the row of what was never whole.
 */
MUST_USE enum err store_delivered_delete(struct store *store, const struct id *grant,
                                         enum store_deletion deletion);
/* The next one in this state of its deletion that was to be deleted by `now`. */
MUST_USE enum err store_delivered_due(struct store *store, enum store_deletion deletion,
                                      struct instant now, struct id *grant);
/* The next one of which so much has been told, and now there is more to tell. ERR_USER_NOT_FOUND.
 */
MUST_USE enum err store_delivered_untold(struct store *store, enum store_told told,
                                         struct store_delivered *out);
MUST_USE enum err store_delivered_set_told(struct store *store, const struct id *grant,
                                           enum store_told told);
/* Rows for this request by this home; request NULL: all that are not deleted. */
MUST_USE enum err store_delivered_count(struct store *store, const struct id *request,
                                        const struct id *home, size_t *out);
typedef enum err store_delivered_visit(void *context, const struct store_delivered *d);
MUST_USE enum err store_delivered_each(struct store *store, store_delivered_visit *visit,
                                       void *context);

/* Where it was collected to, until nothing is left there; ERR_FULL_TABLE: CONTROL_PLACES_MAX of one
 * grant. The same place again replaces its row. */
MUST_USE enum err store_place_put(struct store *store, const struct id *grant,
                                  const struct collected_place *place);
MUST_USE enum err store_place_remove(struct store *store, const struct id *grant,
                                     const char *place);
MUST_USE enum err store_places(struct store *store, const struct id *grant,
                               struct collected_place out[CONTROL_PLACES_MAX], size_t *count);

/* ---- owed: what askers of the community have received, and until when they may keep it ---- */

/* Of a request that was live here and is gone, until what came for it can be told no more. */
MUST_USE enum err store_asked_get(struct store *store, const struct id *request,
                                  const struct id *author, struct instant *delete_by);
MUST_USE enum err store_asked_forget(struct store *store, struct instant delete_by);

struct store_owed {
    struct id commitment;
    struct id author;
    struct instant delete_by;
};
MUST_USE enum err store_owed_add(struct store *store, const struct store_owed *owed);
MUST_USE enum err store_owed_deleted(struct store *store, const struct id *commitment,
                                     const struct id *author);
MUST_USE enum err store_owed_open(struct store *store, const struct id *commitment,
                                  const struct id *author, bool *out);
MUST_USE enum err store_owed_count(struct store *store, const struct id *author, uint64_t *out);
MUST_USE enum err store_owed_drop_deleted(struct store *store, const struct id *author); /* one */
/* Of what is not deleted now a deletion may have been missed. */
MUST_USE enum err store_owed_unsure(struct store *store);
MUST_USE enum err store_owed_forget(struct store *store, struct instant deleted,
                                    struct instant owed);
struct store_keeping { /* of one author's terms */
    struct id author;
    uint64_t received, deleted;
    uint64_t overdue; /* to be deleted by the time given, and not */
    uint64_t unsure;  /* the same, but a deletion may have been missed */
};
typedef enum err store_owed_visit(void *context, const struct store_keeping *keeping);
/* The most overdue first. */
MUST_USE enum err store_owed_each(struct store *store, struct instant until,
                                  store_owed_visit *visit, void *context);

/* ---- withheld: requests whose secrecy has not ended ---- */

struct store_withheld {
    struct id request;
    struct id author;
    bool refused;
    struct instant until;
    struct id salt;
    uint64_t numbers[3]; /* of the entry that is to be published */
};
MUST_USE enum err store_withheld_add(struct store *store, const struct store_withheld *withheld);
MUST_USE enum err store_withheld_get(struct store *store, const struct id *request, bool refused,
                                     struct store_withheld *out);
MUST_USE enum err store_withheld_remove(struct store *store, const struct id *request,
                                        bool refused);
MUST_USE enum err store_withheld_count(struct store *store, const struct id *author, uint64_t *out);
/* The next one that is to be published now. ERR_USER_NOT_FOUND. */
MUST_USE enum err store_withheld_due(struct store *store, struct instant now,
                                     struct store_withheld *out);

/* ---- the log ---- */

struct store_leaf {
    uint64_t index;
    struct id hash;
    struct bytes leaf;
    struct bytes opening; /* of a slot: salt and private entries; empty for others */
};
MUST_USE enum err store_leaf_add(struct store *store, const struct store_leaf *leaf);
MUST_USE enum err store_leaf_get(struct store *store, uint64_t index, struct store_leaf *out);
MUST_USE enum err store_leaf_count(struct store *store, uint64_t *out);

/* Hashes of complete subtrees above the leaves, so that tiles and proofs never read a whole log. */
MUST_USE enum err store_node_add(struct store *store, unsigned level, uint64_t index,
                                 const struct id *hash);
MUST_USE enum err store_node_get(struct store *store, unsigned level, uint64_t index,
                                 struct id *out); /* level 0: a leaf's hash */

/* The largest head that this node has cosigned of each log, by log key. One node has at most
 * STORE_LOGS_OF_ONE: ERR_FULL_TABLE. What is remembered never goes (PROTOCOL 8.5). */
enum {
    STORE_LOGS_OF_ONE = 16
};
MUST_USE enum err store_witnessed_put(struct store *store, const struct sign_public *log,
                                      const struct sign_public *node, struct bytes note);
MUST_USE enum err store_witnessed_get(struct store *store, const struct sign_public *log,
                                      struct bytes *note);

/* Proofs of forks, one for each log key; STORE_FORKS_MAX: ERR_FULL_TABLE. */
enum {
    STORE_FORKS_MAX = 64
};
MUST_USE enum err store_fork_add(struct store *store, const struct sign_public *log,
                                 struct bytes proof);
MUST_USE enum err store_fork_remove(struct store *store, const struct sign_public *log);
typedef enum err store_fork_visit(void *context, const struct sign_public *log, struct bytes proof);
MUST_USE enum err store_fork_each(struct store *store, store_fork_visit *visit, void *context);

/* Private entries that wait for their slot; kept here so that none is lost (P12). */
MUST_USE enum err store_waiting_add(struct store *store, struct bytes entry);
MUST_USE enum err store_waiting_drop(struct store *store, size_t count); /* the oldest */
typedef enum err store_waiting_visit(void *context, struct bytes entry);
MUST_USE enum err store_waiting_each(struct store *store, store_waiting_visit *visit,
                                     void *context);

/* ---- invites of this node, epoch keys ---- */

struct store_invite {
    struct id id;
    struct bytes invite; /* signed */
    uint8_t psk0[32];
    struct instant expires;
    bool bound;
    struct box_public joiner; /* when bound: the only static key that may come again */
    struct bytes member;      /* when bound and done: the certificate that was made */
};
MUST_USE enum err store_invite_add(struct store *store, const struct store_invite *invite);
MUST_USE enum err store_invite_bind(struct store *store, const struct id *id,
                                    const struct box_public *joiner, struct bytes member);
MUST_USE enum err store_invite_expire(struct store *store, struct instant now);
typedef enum err store_invite_visit(void *context, const struct store_invite *invite);
MUST_USE enum err store_invite_each(struct store *store, store_invite_visit *visit, void *context);

/* What makes up the epoch key (PROTOCOL 4.8): the founding key, whose `removal` is zero, and what
 * each removal adds. */
struct store_epoch {
    struct id removal;
    uint8_t key[EPOCH_KEY_BYTES];
    struct instant since; /* when it came here */
};
MUST_USE enum err store_epoch_add(struct store *store, const struct store_epoch *epoch);
/* Wipe *out after use. ERR_USER_NOT_FOUND: then it is zero. */
MUST_USE enum err store_epoch_get(struct store *store, const struct id *removal,
                                  struct store_epoch *out);
MUST_USE enum err store_epoch_remove(struct store *store, const struct id *removal);
typedef enum err store_epoch_visit(void *context, const struct store_epoch *epoch);
/* In order of `removal`: the founding key first. */
MUST_USE enum err store_epoch_each(struct store *store, store_epoch_visit *visit, void *context);

/* ---- acts: which of those among the objects count, in the order of the chain ---- */

struct store_act {
    struct id id;
    uint32_t version;     /* 2, 3, ... */
    struct instant since; /* when it came here, or lost */
    struct id lost_to;    /* the one in its place; zero: it counts */
};
MUST_USE enum err store_act_put(struct store *store, const struct store_act *act);
typedef enum err store_act_visit(void *context, const struct store_act *act);
/* In order of version, of those the one that counts first. The visitor may read objects. */
MUST_USE enum err store_act_each(struct store *store, store_act_visit *visit, void *context);
/* Of those that lost these many, which did last, of equal ones those of the lowest versions; the
 * others go with their objects. */
MUST_USE enum err store_act_keep_lost(struct store *store, unsigned most);
/* Is it one that lost? */
MUST_USE enum err store_act_lost(struct store *store, const struct id *id, bool *out);

#endif
