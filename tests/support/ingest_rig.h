/* An ingest without its process: the neighbour's of tests/support/samples.h, with one camera whose
 * folder is a `struct footage`, and the test as its nodes, which may lie (P1): the first, and that
 * of a further community "elm". All at SAMPLE_NOW, in UTC. */
#ifndef TESTS_SUPPORT_INGEST_RIG_H
#define TESTS_SUPPORT_INGEST_RIG_H

#include "node/ingest/ingest.h"
#include "tests/support/footage.h"
#include "tests/support/samples.h"

enum {
    RIG_FIRST,
    RIG_ELM,
    RIG_NODES
};

struct ingest_rig {
    struct sample_community community;
    struct footage footage; /* its folder holds home/ and camera/ */
    char home[PATH_MAX];
    char camera[PATH_MAX];
    struct owner_public co_owner; /* pinned too */
    struct owner_secret co_owner_secret;
    struct box_public box; /* of ingest */
    struct keyset keys;
    struct ingest *ingest;
    int from;                    /* the node that speaks and hears: RIG_FIRST, or RIG_ELM */
    int nodes[RIG_NODES];        /* their ends */
    bool elm_left;               /* the home has no such node at its next start */
    volatile sig_atomic_t again; /* as the supervisor\'s signal sets it */
    struct camera_list *list;    /* what the next list says; at first one that is sound */
    struct ingest_message said;  /* by ingest, last */
    struct buffer said_frame;
};

void ingest_rig_start(struct ingest_rig *rig);
void ingest_rig_stop(struct ingest_rig *rig);
/* As the supervisor does after a new camera list, or a crash. */
void ingest_rig_restart(struct ingest_rig *rig);

/* Signs rig->list with these and hands it over; answers what ingest says. */
enum err ingest_rig_list(struct ingest_rig *rig, const struct sign_secret *const *keys,
                         size_t count, bool *restart);
/* The list with its owner's signature, taken. */
void ingest_rig_install(struct ingest_rig *rig);

/* One frame to ingest. */
void ingest_rig_give(struct ingest_rig *rig, const struct ingest_message *message, bool *restart);
/* The next frame from it, into rig->said; false when there is none. */
bool ingest_rig_hear(struct ingest_rig *rig);
/* A message with the sample's charter and chain for an encoded, signed request. */
void ingest_rig_ask(const struct ingest_rig *rig, struct bytes request, const struct id *id,
                    struct ingest_message *out);
/* Signs a request as the agency would. */
struct id ingest_rig_sign(const struct ingest_rig *rig, const struct request *request,
                          struct buffer *out);
/* Works until no job is due at `now`. */
void ingest_rig_work(struct ingest_rig *rig, struct instant now);
/* A camera file as Motion writes it, 10 s at `second` after 21:10:00, dated when it was finished.
 * `more`: options of ffmpeg before the name. */
void ingest_rig_record(struct ingest_rig *rig, int second, const char *more);
/* Opens what ingest_rig_hear() told of, as the neighbour's owner: manifest, and the plaintext into
 * *plain, checked against it. */
void ingest_rig_open(struct ingest_rig *rig, struct manifest *manifest, struct buffer *plain);

#endif
