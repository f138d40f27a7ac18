/* Core: carries the actions of one engine to the events of the next. To see the whole program, read
 * core.c. Two drivers run it: the libuv shell and the simulator.
 *
 * Step, commit, release: between core_turn_begin() and core_turn_end() the driver calls
 * core_step() for every pending event. Effects gather in core; core_turn_end() commits the records
 * of the turn in one transaction and only then hands the effects out, so that nothing is disclosed
 * or acknowledged before it is on disk (P7, P12). When the commit fails nothing is handed out and
 * the driver stops: a node that cannot write must not speak. Every effect is idempotent and is
 * derived again from the state by core_create().
 *
 * Files are reached through struct core_disk, which the driver supplies; they are written before
 * the row that names them is committed.
 *
 * Memory: core owns what it makes; effects borrow from core until the next core_turn_begin().
 * Bounds: CORE_LINKS_MAX links, CORE_CLIENTS_MAX control clients, CORE_EFFECTS_BYTES of effects a
 * turn. */
#ifndef NODE_CORE_CORE_H
#define NODE_CORE_CORE_H

#include "crypto/keyfile.h"
#include "node/base/bytes.h"
#include "node/base/instant.h"
#include "node/store/store.h"
#include "proto/siblings.h"

enum {
    CORE_LINKS_MAX =
        96, /* with half-open ones: core refuses more, the oldest half-open gives way */
    CORE_HALF_OPEN_MAX = 64,
    CORE_CLIENTS_MAX = 16, /* people at the control socket */
    CORE_EFFECTS_MAX = 8192,
    CORE_EFFECTS_BYTES = 8 * 1024 * 1024,
    CORE_QUEUE_MAX = 256 * 1024, /* bytes that one link may have waiting */
    CORE_INPUT_MAX = 128 * 1024, /* of one CORE_EV_LINK_BYTES */
    CORE_PAGE_BYTES = 4096,
    CORE_JOURNAL_MAX = 256,
};

struct core;

/* Blocking work: pieces to be checked and written, a file to be synced. The driver calls
 * core_work_do() on any thread, once, and gives it back by CORE_EV_WORKED. Before core_destroy() no
 * thread may be at it. */
struct core_work;
void core_work_do(struct core_work *work);

enum core_file {
    CORE_FILE_VAULT,
    CORE_FILE_LEAVES, /* of a vault file: the hash of each of its pieces */
    CORE_FILE_DELIVERED,
    CORE_FILE_EDITED,       /* what an owner handed back in place of a clip */
    CORE_FILE_EDITED_LEAVES /* belongs to it: synced and removed with it */
};

/* Blocking file access in the node's folders, named by id alone. `name` is 16 bytes of a clip id
 * for the vault (read only), 32 of a grant id for delivered clips, and 32 of its payload's root for
 * an edited one. write(), sync() and remove() may be called by any thread, while others are at work
 * too; the rest only by the one that steps core. ERR_FULL_DISK where the disk is full. */
typedef enum err core_disk_visit(void *context, const struct id *name);

struct core_disk {
    void *context;
    /* Reads exactly `len` bytes. ERR_HOST_DISK, ERR_USER_NOT_FOUND. */
    enum err (*read)(void *context, enum core_file file, struct bytes name, uint64_t offset,
                     uint8_t *out, size_t len);
    /* Makes the file when there is none. `missing` bytes are to come, of this one and of those
     * under way; 0: none of this one. ERR_FULL_DISK: they would not leave room for the rest of this
     * home. */
    enum err (*make)(void *context, enum core_file file, struct bytes name, uint64_t missing);
    /* The data of a clip lies in memory as in its file: `at` and `offset` are equal modulo
     * CORE_PAGE_BYTES, so that whole pages can go to the disk uncopied. */
    enum err (*write)(void *context, enum core_file file, struct bytes name, uint64_t offset,
                      struct bytes data);
    enum err (*sync)(void *context, enum core_file file, struct bytes name); /* and its folder */
    enum err (*remove)(void *context, enum core_file file, struct bytes name);
    /* Visits the names of delivered or edited clips, one perhaps twice; the visitor removes none.
     * Stops unless it says ERR_OK. */
    enum err (*each)(void *context, enum core_file file, core_disk_visit *visit,
                     void *visit_context);
    /* Derived log files: temporary, fsync, rename, fsync folder; `path` like "tile/0/000". */
    enum err (*write_log)(void *context, const char *path, struct bytes data);
    enum err (*read_log)(void *context, const char *path, struct buffer *out);
};

struct core_config {
    struct store *store; /* borrowed, open */
    struct core_disk disk;
    struct keyset keys;   /* the node's; copied, wiped by core_destroy */
    size_t address_count; /* where others can dial us */
    char addresses[ADDRESSES_MAX][ADDRESS_MAX_BYTES];
    struct siblings siblings; /* may be of this computer, wherever the home is */
    bool private_addresses;   /* this node was set up on a private or loopback address: it may dial
                                 such */
    struct now now;
    uint8_t seed[32]; /* all randomness of this run comes from it */
};

struct core_event {
    enum core_event_kind {
        CORE_EV_LINK_IN,    /* link, address: somebody connected; the driver numbers these oddly */
        CORE_EV_LINK_OUT,   /* link: a dial that core asked for stands */
        CORE_EV_LINK_BYTES, /* link, data */
        CORE_EV_LINK_DRAINED, /* link: everything given to it has been taken by the system */
        CORE_EV_LINK_DOWN,    /* link: ended, or could not be dialled */
        CORE_EV_CLIENT_IN,    /* client */
        CORE_EV_CLIENT_FRAME, /* client, data: one frame */
        CORE_EV_CLIENT_DRAINED,
        CORE_EV_CLIENT_DOWN,
        CORE_EV_INGEST_UP,
        CORE_EV_INGEST_FRAME, /* data */
        CORE_EV_INGEST_DOWN,
        CORE_EV_WORKED,   /* work */
        CORE_EV_SIBLINGS, /* data: the file node/siblings, which has changed */
        CORE_EV_TICK,
    } kind;
    uint64_t link;       /* or client */
    struct bytes data;   /* borrowed for the call */
    const char *address; /* of whoever connected, with its port; borrowed. NULL: not known */
    struct core_work *work;
};

struct core_effect {
    enum core_effect_kind {
        CORE_DO_DIAL,      /* link (even), address */
        CORE_DO_SEND,      /* link, data */
        CORE_DO_SEND_FILE, /* link: `length` bytes of `edited`, or of `clip`, from `offset` */
        CORE_DO_CLOSE,     /* link: after what was given to it has gone out */
        CORE_DO_REPLY,     /* client, data: one frame */
        CORE_DO_CLOSE_CLIENT,
        CORE_DO_INGEST,  /* data: one frame */
        CORE_DO_WORK,    /* work */
        CORE_DO_JOURNAL, /* data: one line without end of line */
    } kind;
    uint64_t link;
    struct bytes data;
    char address[ADDRESS_MAX_BYTES];
    struct clip_id clip;
    struct id edited; /* root of what goes in its place; zero: the clip in the vault */
    uint64_t offset;
    uint64_t length;
    struct core_work *work;
};

struct core_effects {
    size_t count;
    struct core_effect *list;
};

/* Reads the state and rebuilds the engines from it. Writes within the open turn of the caller:
 * call core_turn_begin() after it. ERR_HOST_*. */
MUST_USE enum err core_create(const struct core_config *config, struct core **out);
void core_destroy(struct core *core); /* NULL is fine */

MUST_USE enum err core_turn_begin(struct core *core);
/* ERR_HOST_* only: the database or disk failed; end the turn and stop. */
MUST_USE enum err core_step(struct core *core, const struct core_event *event, struct now now);
/* Room for more events in this turn? When not, end it first. */
bool core_turn_has_room(const struct core *core);
/* May this link bring up to CORE_INPUT_MAX more bytes? When not, let it wait and ask again when a
 * turn has ended: what it delivers has to be written first (P11). */
bool core_link_has_room(const struct core *core, uint64_t link);
MUST_USE enum err core_turn_end(struct core *core, struct core_effects *out);

/* When to send the next CORE_EV_TICK. */
struct tick core_deadline(const struct core *core, struct now now);

#endif
