/* A home whose node is a thread of the test: the neighbour's of tests/support/samples.h, with all
 * times moved to now, one open clip that is really sealed, and folders as `stoop` expects them. It
 * answers at the control socket and writes down what `stoop` sends. A node is not trusted (P1), so
 * it can be told to lie. */
#ifndef TESTS_SUPPORT_FAKE_HOME_H
#define TESTS_SUPPORT_FAKE_HOME_H

#include <limits.h>
#include <pthread.h>

#include "crypto/age.h"
#include "proto/control.h"
#include "tests/support/samples.h"

enum fake_lie {
    FAKE_HONEST,
    FAKE_HEADER_OF_ANOTHER_CLIP,  /* its file key would be handed over unseen */
    FAKE_PAYLOAD_OF_ANOTHER_CLIP, /* with a size and root of its own */
    FAKE_PAYLOAD_ALTERED,
    FAKE_MANIFEST_BY_ANOTHER_KEY, /* not by the pinned ingest */
    FAKE_MANIFEST_OF_ANOTHER_REQUEST,
    FAKE_MANIFEST_OF_ANOTHER_CLIP,
    FAKE_REQUEST_BY_A_STRANGER, /* signed by somebody who does not own its author */
    FAKE_REQUEST_KEY_SWAPPED,   /* after it was signed */
    FAKE_CHAIN_WITHOUT_FOUNDER, /* leads nowhere */
    FAKE_ANOTHER_COMMUNITY,     /* whole and sound, but not the one that the owner joined */
    FAKE_REQUEST_OVER_THE_CAP,  /* asks for 13 hours; a sound node drops it at its fence */
    FAKE_DOCUMENT_ALTERED,      /* "document here", but it is another */
    FAKE_LIES,
    /* About what was delivered, for `stoop collect`. */
    FAKE_LOG_WITHOUT_ORIGIN,
    FAKE_LOG_PROOF_BY_ANOTHER_KEY,
    FAKE_LOG_PROOF_OF_ANOTHER_LEAF,
    FAKE_LIST_REFUSED,             /* lists end with an error */
    FAKE_LIST_CUT,                 /* the node hangs up instead */
    FAKE_INTERRUPTS,               /* Ctrl-C while a clip is read */
    FAKE_LOG_ESCAPES,              /* for the terminal, in an entry */
    FAKE_DOCUMENT_OF_ANOTHER_TYPE, /* than the request says */
    FAKE_NAME_TURNS,               /* the community's, by characters that turn a line around */
    FAKE_CLIP_ENDS,                /* the request ends once the prompt is shown; no lie */
    FAKE_DELIVERED_HEADER,         /* before the good clip one came whose header does not open */
    FAKE_DELIVERED_MANIFEST,
    FAKE_TWIN_CODE, /* a neighbour's request has the code of the agency's; no lie */
};

struct fake_home {
    struct sample_community community; /* its request is re-made by fake_home_lie */
    struct instant now;
    enum fake_lie lie;
    char folder[PATH_MAX]; /* all of it; removed by fake_home_stop */
    char home[PATH_MAX];
    char owner[PATH_MAX];
    char code[REQUEST_CODE_BYTES];

    struct request request;
    struct clip_id clip;
    struct age_file_key file_key;
    struct buffer twin; /* with FAKE_TWIN_CODE: the founder's, signed, told after the other */
    struct id twin_id;
    struct id sha256; /* of the plaintext */
    struct buffer payload, header;
    struct buffer manifest; /* signed, then sealed to the owner */
    struct id manifest_id;
    struct age_file_key other_file_key; /* another clip of the same owner */
    struct id other_sha256;
    struct buffer other_payload, other_header;

    pthread_t thread;
    int listener;
    /* What `stoop` sent, to be read while none runs. */
    size_t grants, decisions, calls;
    struct buffer call, grant, granted_header, granted_manifest, decision;
    size_t collected;
    struct collected_place place; /* that it was collected to last; empty: none */
    uint64_t discarded;           /* files that `stoop delete` said were about to go */
    uint64_t overdue;             /* clips of the agency's, as this home has seen */
    size_t deleted;               /* times that it was to delete its own copy */

    /* So many earlier deliveries stand before the clip that was granted last, which comes back as
     * delivered: author and home trust one key here. */
    size_t earlier;
    size_t others;    /* so many other requests wait besides, each for a clip */
    bool others_over; /* by an asker whose certificate has ended */
    bool others_end;  /* the same, after the first answer: until then it was renewed */
    size_t lists;     /* of requests, so far */
    struct id over;   /* that certificate */
    struct buffer over_member;
    struct buffer over_renewal;
    size_t clips_got; /* how often a clip was asked for whole */
};

extern const char fake_passphrase[];

void fake_home_start(struct fake_home *fake);
void fake_home_stop(struct fake_home *fake);
/* From now on, until the next call; forgets what `stoop` sent. Not while one runs. */
void fake_home_lie(struct fake_home *fake, enum fake_lie lie);

#endif
