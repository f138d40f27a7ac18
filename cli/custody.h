/* The custody certificate of one clip, as text and as JSON: where it came from, who let it go, and
 * how to check that without Stoop. Made by the requester's own program from what others signed. */
#ifndef CLI_CUSTODY_H
#define CLI_CUSTODY_H

#include "cli/cli.h"

enum {
    CUSTODY_PROOFS_MAX = 2
};

/* That an entry is in the requester's own log. */
struct custody_proof {
    uint64_t index, size;
    size_t count;
    struct id hashes[64];
    struct buffer leaf, opening, checkpoint;
};

struct custody { /* everything checked */
    struct grant grant;
    struct member home;
    char home_of[NAME_MAX_BYTES]; /* its community, where that is another one; or empty */
    struct checked_request asked;
    struct manifest *manifest;
    struct buffer signed_request, signed_grant, signed_home, signed_manifest;
    char log_key[320];  /* of the requester's log, as a note's verifier key */
    size_t proof_count; /* the request, and, once its slot is closed, that the clip was received */
    struct custody_proof proofs[CUSTODY_PROOFS_MAX];
};

struct custody_files {
    char *json, *text;
    struct id json_sha256, text_sha256;
};
/* What STEM.json and STEM.txt are to say. EXIT_FAILED after printing. */
int custody_make(const struct custody *custody, const char *stem, struct custody_files *out);
/* Writes them, each whole or not at all. EXIT_FAILED after printing. */
int custody_write(const struct custody_files *files, const char *stem);
void custody_files_finish(struct custody_files *files);
void custody_finish(struct custody *custody);

#endif
