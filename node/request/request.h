/* Request: which requests are live, and whether a new one may be (PROTOCOL 5.2, 5.3).
 *
 * Memory: taken by requests_create(). Bounds: REQUESTS_MAX live ones, the last REFUSALS_MAX refused
 * ones, REFUSALS_HOURLY of one author on the record in an hour, REQUESTS_DAILY of one author in 24
 * hours, which a restart counts from those that live. */
#ifndef NODE_REQUEST_REQUEST_H
#define NODE_REQUEST_REQUEST_H

#include "proto/request.h"

enum {
    REQUESTS_MAX = 1024,
    REFUSALS_MAX = 1024,
    REQUESTS_DAILY = 40,  /* of one author: each is a line in everybody's log for ever */
    AUTHORS_MAX = 1024,   /* accounts: as many as a community has members */
    REFUSALS_HOURLY = 10, /* as many as may live: who is refused more often says nothing new */
};

struct requests;

struct requests *requests_create(void); /* NULL when memory is short */
void requests_destroy(struct requests *requests);

/* May this request be stored, forwarded and matched? The caller has checked its signature and that
 * its author is in standing. `elsewhere`: a treaty lets it be asked of another community, so its
 * place need not be ours. On a broken rule *rule is its index in the table of rules.
 *
 * To ignore: ERR_DENY_TIME (of the request or a timed rule), ERR_DENY_EXPIRED, ERR_DENY_QUOTA,
 * ERR_FULL_TABLE, ERR_PEER_REPEATED, ERR_DENY_OTHERS (amends another one's: whoever passed it on
 * may not hold that).
 * To reject, a fault of whoever made or passed it: ERR_PEER_RULE, ERR_DENY_CAP, ERR_PEER_BOUNDS
 * (lives too long), ERR_DENY_ROLE. */
MUST_USE enum err requests_judge(const struct requests *requests, const struct id *id,
                                 const struct request *request, const struct asker *asker,
                                 const struct charter *charter, bool elsewhere, struct instant now,
                                 size_t *rule);

/* A rule was broken: does it go on the record? The same one comes again by every neighbour and at
 * every reconciliation, and a hostile author makes them without end: the record must not grow with
 * that (P11). */
bool requests_refuse(struct requests *requests, const struct id *id, const struct id *account,
                     struct now now);

/* `account`: of its asker. ERR_FULL_TABLE. */
MUST_USE enum err requests_admit(struct requests *requests, const struct id *id,
                                 const struct request *request, const struct id *account,
                                 struct instant now);
/* Its author has taken it back: it is live no more, and counts against its author's live ones until
 * the end that it names, as ingest counts it. */
void requests_take_back(struct requests *requests, const struct id *id);
bool requests_live(const struct requests *requests, const struct id *id);
size_t requests_count(const struct requests *requests); /* live ones */
/* Visits an author's, taken back or not, until `visit` does not answer ERR_OK; passes that on. */
typedef enum err requests_visit(void *context, const struct id *id);
MUST_USE enum err requests_each_of(const struct requests *requests, const struct id *author,
                                   requests_visit *visit, void *context);

/* The live one with the next id after `after`, of this account (zero: of any); false: none. */
bool requests_next(const struct requests *requests, const struct id *account,
                   const struct id *after, struct id *out);

/* Takes one that has expired out, taken back or not; false when none has. Call until false. */
bool requests_expire(struct requests *requests, struct instant now, struct id *out);
struct instant requests_deadline(const struct requests *requests); /* INSTANT_NEVER: none */

#endif
