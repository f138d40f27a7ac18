/* Ingest: reads the cameras' folders, matches requests, seals clips (PROTOCOL 6.4, 6.5).
 *
 * It trusts the owners' pinned keys and nothing else: not the node that hands it requests, not the
 * files that it reads. It has no network. Files are only ever opened for reading, regular ones
 * only, never through a symbolic link. Plaintext footage passes through pipes and memory, never
 * onto disk.
 *
 * Bounds: INGEST_SLICE_FILES files taken between two looks at the node's socket; as many live
 * requests of one requester as its charter allows, and INGEST_JOBS_MAX of all; INGEST_FREE_MIN
 * bytes of disk stay free. */
#ifndef NODE_INGEST_INGEST_H
#define NODE_INGEST_INGEST_H

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
};

struct ingest_config {
    const char *home;   /* data folder, absolute */
    const char *worker; /* path of stoop-media */
    int node_fd;
    uint32_t match_delay_ms; /* matching starts after a random part of this (P2) */
    struct keyset keys;
    struct pins pins;
};

struct unreadable { /* met in one pass: a camera's own folder that is away counts too */
    size_t folders, files;
};

struct ingest {
    struct ingest_config config;
    struct index *index;
    struct sign_public sign; /* of our own keys */
    bool has_list;
    struct id list_id;
    struct camera_list list;
    size_t community_count;
    /* Charter and acts, as the node has shown them. */
    struct community *communities[COMMUNITIES_MAX];
    int vault; /* folder */
    struct buffer input;
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

/* Makes and seals one camera's clip for a request: payload durable in the vault, the match recorded
 * in the index. A file that is gone, or is not what it was when it was hashed, leaves a gap.
 * ERR_USER_NOT_FOUND: no footage; ERR_USER_MEDIA: it cannot be read; ERR_HOST_DISK. */
MUST_USE enum err seal_camera(struct ingest *ingest, const struct camera *camera,
                              const struct id *request_id, const struct request *request,
                              struct instant now);
/* Shreds a clip: its header first, then its payload; unknown: nothing. */
MUST_USE enum err seal_remove(struct ingest *ingest, const struct clip_id *clip);
/* Payload files that no row names: left by a crash in the middle. */
MUST_USE enum err seal_sweep(struct ingest *ingest);

MUST_USE enum err ingest_create(const struct ingest_config *config, struct ingest **out);
void ingest_destroy(struct ingest *ingest); /* NULL is fine; wipes keys */
/* Runs until the node's end closes (0) or the camera list has changed (SUPERVISE_EXIT_AGAIN). */
int ingest_run(struct ingest *ingest);

MUST_USE enum err ingest_send(struct ingest *ingest, const struct ingest_message *message);
/* Once in INGEST_PERIOD_MS, when something was recorded since: commits to its hashes, and tells. */
MUST_USE enum err ingest_close_period(struct ingest *ingest, struct instant now);
/* Sends every match that the node has not put on record yet. */
MUST_USE enum err ingest_tell_matches(struct ingest *ingest);
/* One frame from the node. *restart: the camera list has changed. */
MUST_USE enum err ingest_take(struct ingest *ingest, struct bytes frame, struct instant now,
                              bool *restart);
/* Runs the job that is due, if any. */
MUST_USE enum err ingest_work(struct ingest *ingest, struct instant now, struct instant *next);

#endif
