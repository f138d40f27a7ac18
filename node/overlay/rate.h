/* Rate: how much of one author a node takes and passes on in a while (PROTOCOL 5.1).
 *
 * Token buckets: one for each author, and one for each sponsor, which all whom it let in share, so
 * that a crowd of one's own making is no way round. Nothing is spent by asking: the driver spends
 * when the signature has been verified, else forgeries would use up their victim's tokens.
 *
 * An author's bucket holds more than all of its objects that may live at a time (64 commitments, 16
 * of unknown kinds at 4 tokens each, 10 requests likewise, a record: 169), so whoever was away,
 * and whoever hears it all anew, is never put off. A sponsor's holds 64 for each of the 64 homes
 * that it can let in.
 *
 * Memory: taken by rate_create(), 16 bytes a member. A restart fills all buckets. */
#ifndef NODE_OVERLAY_RATE_H
#define NODE_OVERLAY_RATE_H

#include "node/overlay/overlay.h"

enum {
    RATE_TOKEN_BYTES = 4096, /* an object costs a token for each, the last one however small */
    RATE_AUTHOR_TOKENS = 256,
    RATE_AUTHOR_EVERY_MS = 60 * 1000, /* one comes back */
    RATE_SPONSOR_TOKENS = 16 * RATE_AUTHOR_TOKENS,
    RATE_SPONSOR_EVERY_MS = RATE_AUTHOR_EVERY_MS / 15,
};

struct rate;

struct rate_object {
    peer_no author;  /* OVERLAY_NOBODY: costs no author anything */
    peer_no sponsor; /* who let the author in; of a certificate, who signed it. OVERLAY_NOBODY */
    size_t size_bytes;
};

/* `members`: every peer_no is below. NULL when memory is short. */
struct rate *rate_create(size_t members);
void rate_destroy(struct rate *rate); /* NULL is fine */

/* Have both buckets what it costs? */
bool rate_allows(const struct rate *rate, const struct rate_object *object, struct tick now);
/* Takes that from both; rate_allows() has just said yes. */
void rate_spend(struct rate *rate, const struct rate_object *object, struct tick now);

#endif
