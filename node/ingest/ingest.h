/* Ingest: reads the cameras' folders, matches requests, seals clips (PROTOCOL 6.4, 6.5).
 *
 * A home has a node for each community it belongs to, and ingest a socket pair with each. It trusts
 * the owners' pinned keys and nothing else: not the nodes that hand it requests, not the files that
 * it reads. What comes over one node's pair concerns the community alone that the owners' camera
 * list gives to that node: its requests, its clips, its vault. A node that is gone, or does not
 * read, holds up no other. It has no network. Files are only ever opened for reading, regular ones
 * only, never through a symbolic link. Plaintext footage passes through pipes and memory, never
 * onto disk.
 *
 * Bounds: INGEST_SLICE_FILES files taken between two looks at the node's socket; as many live
 * requests of one requester as its charter allows, and INGEST_JOBS_MAX of all; INGEST_FREE_MIN
 * bytes of disk stay free. */
#ifndef NODE_INGEST_INGEST_H
#define NODE_INGEST_INGEST_H

#include <limits.h>
#include <signal.h>

#include "crypto/keyfile.h"
#include "node/community/community.h"
#include "node/ingest/index.h"
#include "proto/ingest.h"
#include "proto/pins.h"
#include "proto/treaty.h"

enum {
    INGEST_SLICE_FILES = 16,
    INGEST_SLICE_NAMES = 4096,
    INGEST_SCAN_EVERY_MS = 5000,
    INGEST_PERIOD_MS = 60 * 60 * 1000, /* the hashes of so long go into the log together */
    INGEST_SETTLED_MS = 3000,       /* a file untouched for so long is whole, if it also probes */
    INGEST_REFUSE_AFTER_MS = 60000, /* one that still does not is no video */
    INGEST_DEPTH_MAX = 8,
    INGEST_SCAN_SHARE = 20, /* looking through the folders takes at most one part in so many */
    INGEST_JOBS_MAX = 4096, /* 10 each of more requesters than ask a street in a week */
    INGEST_FREE_MIN = 256 * 1024 * 1024,
    INGEST_GAP_MS =
        500, /* a shorter hole between two files is no gap: recorders need it to switch */
    INGEST_RETRY_MS = 60000,
    INGEST_RECENT_MS = 60000, /* footage younger than this is waited for */
    INGEST_MUTE_MS = 5000,    /* a node that has not read for so long is left alone */
};

struct ingest_place { /* one of the home's nodes */
    char name[SLUG_MAX_BYTES];
    int fd; /* to it; ingest_create() takes it on success. -1: none */
};

struct ingest_config {
    const char *home;   /* data folder, absolute */
    const char *worker; /* path of stoop-media */
    size_t place_count;
    struct ingest_place places[COMMUNITIES_MAX];
    uint32_t match_delay_ms;            /* matching starts after a random part of this (P2) */
    const volatile sig_atomic_t *again; /* set: ingest_run() is to end soon; NULL: never */
    struct keyset keys;
    struct pins pins;
};

struct unreadable { /* met in one pass: a camera's own folder that is away counts too */
    size_t folders, files;
};

struct ingest_node {
    struct ingest_place place;   /* fd -1: it is gone */
    bool up;                     /* it has spoken: nothing is said to it before */
    int vault;                   /* folder */
    struct community *community; /* charter and acts, as it has shown them; NULL: not yet */
    struct buffer input;
};

struct ingest {
    struct ingest_config config;
    struct index *index;
    struct sign_public sign; /* of our own keys */
    bool has_list;
    struct id list_id;
    struct camera_list list;
    size_t node_count;
    struct ingest_node nodes[COMMUNITIES_MAX];
    struct scan *scan;            /* a pass over the folders that is under way; NULL between two */
    struct unreadable unreadable; /* as the journal has it */
    struct tick scan_began;
    struct tick scan_due;
};

/* The next slice of a pass over the folders: takes up to INGEST_SLICE_FILES new files. *more: the
 * pass is not at its end, call again. */
MUST_USE enum err scan_slice(struct ingest *ingest, struct instant now, bool *more);
/* The next slice begins a new pass. */
void scan_restart(struct ingest *ingest);

/* Is this open file the one that the segment was made from? */
bool segment_is(const struct segment *segment, int fd);

struct asked { /* a request, and the node that handed it over */
    struct ingest_node *node;
    const struct id *id;
    const struct request *request;
    struct id community; /* that it asks: not its own where it came from elsewhere */
};
/* Makes and seals one camera's clip for a request: payload durable in the node's vault, the match
 * recorded in the index. A file that is gone, or is not what it was when it was hashed, leaves a
 * gap. ERR_USER_NOT_FOUND: no footage; ERR_USER_MEDIA: it cannot be read; ERR_HOST_DISK. */
MUST_USE enum err seal_camera(struct ingest *ingest, const struct camera *camera,
                              const struct asked *asked, struct instant now);
/* Shreds a clip of this node: its header first, then its payload; unknown: nothing. */
MUST_USE enum err seal_remove(struct ingest *ingest, const struct ingest_node *node,
                              const struct clip_id *clip);
/* Payload files in a node's vault that no row names: left by a crash in the middle. */
MUST_USE enum err seal_sweep(struct ingest *ingest, const struct ingest_node *node);

/* Data folder of one of the home's nodes. */
void ingest_node_home(const char *home, const char *name, char out[PATH_MAX]);

MUST_USE enum err ingest_create(const struct ingest_config *config, struct ingest **out);
void ingest_destroy(struct ingest *ingest); /* NULL is fine; wipes keys */
/* Runs until the camera list has changed, or the supervisor has another node for it
 * (SUPERVISE_EXIT_AGAIN), never in the middle of a clip. */
int ingest_run(struct ingest *ingest);

/* Nothing is said to a node that is gone or has not spoken: it is told all when it comes. */
MUST_USE enum err ingest_send(struct ingest_node *node, const struct ingest_message *message);
/* Sends every match that its node has not put on record yet. */
MUST_USE enum err ingest_tell_matches(struct ingest *ingest);
/* One frame from a node. *restart: the camera list has changed. */
MUST_USE enum err ingest_take(struct ingest *ingest, struct ingest_node *from, struct bytes frame,
                              struct instant now, bool *restart);
/* Runs the job that is due, if any. */
MUST_USE enum err ingest_work(struct ingest *ingest, struct instant now, struct instant *next);

#endif
