/* A small community and one request through it, the same at every call: two homes (1 founded it, 2
 * was invited), an agency (3), and what they sign. All of it passes every check at SAMPLE_NOW.
 * Tests change what they need and sign again. A second community of other people, and a treaty
 * between the two, are made by sample_treaty_init().
 *
 * Plain structs are filled by the sample_* functions; signed ones lie in a struct sample_community.
 */
#ifndef TESTS_SUPPORT_SAMPLES_H
#define TESTS_SUPPORT_SAMPLES_H

#include "proto/clip.h"
#include "proto/treaty.h"

/* 2026-11-24T21:30:00Z; the footage asked for is 21:10:00 to 21:12:30. */
#define SAMPLE_NOW ((struct instant){INT64_C(1795555800000)})

struct community; /* the engine */

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
    const char *name;
    struct geo_place area;                      /* its service area */
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

/* An engine that knows the founding charter and nobody yet. */
struct community *sample_found(const struct sample_community *community);
enum err sample_admit(struct community *community, struct bytes certificate);

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

/* A treaty of the sample community (near) with a second one (far), three miles off: its agency asks
 * about the same place, near. The founders' nodes are the clerks; home 2 of each is the gateway. */
struct sample_treaty {
    struct sample_community far;
    struct buffer body;
    struct id id;
    struct buffer near_act, far_act; /* make it, a day ago */
    struct id near_act_id, far_act_id;
    struct buffer near_roll, far_roll; /* of the last hour */
    struct buffer crossing;            /* of the far request, signed by the near gateway */
    struct id crossing_id;
};

void sample_treaty_init(const struct sample_community *near, struct sample_treaty *treaty);
void sample_treaty_finish(struct sample_treaty *treaty);

/* These fill plain structs. `side`: of either community. */
void sample_treaty_body(const struct sample_community *near, const struct sample_treaty *treaty,
                        struct treaty *out);
void sample_treaty_act(const struct sample_community *side, struct bytes body, struct act *out);
void sample_roll(const struct sample_community *side, const struct sample_treaty *treaty,
                 struct roll *out);
/* Of home `number`. It borrows `roll` and the certificates. */
void sample_membership(const struct sample_community *side, int number, struct bytes roll,
                       struct membership *out);
/* It borrows what it carries. */
void sample_crossing(const struct sample_community *near, const struct sample_treaty *treaty,
                     struct crossing *out);
/* Of `near`, after the act that makes the treaty. Large: allocate it. */
void sample_agreed(const struct sample_community *near, const struct sample_treaty *treaty,
                   struct governance *out);

#endif
