/* A small community and one request through it, the same at every call: two homes (1 founded it, 2
 * was invited), an agency (3), and what they sign. All of it passes every check at SAMPLE_NOW.
 * Tests change what they need and sign again.
 *
 * Plain structs are filled by the sample_* functions; signed ones lie in a struct sample_community.
 */
#ifndef TESTS_SUPPORT_SAMPLES_H
#define TESTS_SUPPORT_SAMPLES_H

#include "proto/clip.h"

/* 2026-11-24T21:30:00Z; the footage asked for is 21:10:00 to 21:12:30. */
#define SAMPLE_NOW ((struct instant){INT64_C(1795555800000)})

enum {
    SAMPLE_FOUNDER = 1,
    SAMPLE_NEIGHBOUR = 2,
    SAMPLE_AGENCY = 3,
    SAMPLE_HOMES = 3,
};

struct sample_home { /* one owner each; secrets follow from the home's number */
    struct owner_secret owner;
    struct owner_public owner_public;
    struct sign_secret node, log, ingest;
    struct sign_public node_public, log_public, ingest_public;
    struct box_secret transport;
    struct box_public transport_public;
    struct buffer member; /* signed certificate */
    struct id certificate;
};

struct sample_community {
    struct sample_home homes[SAMPLE_HOMES + 1]; /* by number; 0 is unused */
    struct buffer charter;                      /* signed */
    struct id id;
    struct box_secret request_secret;
    struct buffer request; /* signed by the agency */
    struct id request_id;
    struct buffer manifest; /* signed by the neighbour's ingest */
    struct id manifest_id;
    struct buffer grant; /* signed by the neighbour's owner */
    struct id grant_id;
};

void sample_community_init(struct sample_community *community);
void sample_community_finish(struct sample_community *community);

/* Signed by each of `count` keys, in order; returns the id. *out is initialised here. */
struct id sample_sign(enum object_kind kind, struct bytes body,
                      const struct sign_secret *const *keys, size_t count, struct buffer *out);

void sample_governance(const struct sample_community *community, struct governance *out);
void sample_charter(const struct sample_community *community, struct charter *out);
/* Of home `number`; `invite` is borrowed, empty for the founder. */
void sample_member(const struct sample_community *community, int number, struct bytes invite,
                   struct member *out);
/* A search warrant that fails no rule that refuses. */
void sample_request(const struct sample_community *community, struct request *out);
/* One camera of the neighbour that sees the place asked about. Large: allocate it. */
void sample_camera_list(const struct sample_community *community, struct camera_list *out);
void sample_manifest(const struct sample_community *community, struct manifest *out);
void sample_grant(const struct sample_community *community, struct grant *out);

#endif
