/* Which first messages were taken (PROTOCOL 3.2): each is taken once.
 *
 *   - One dated before this process started may have been taken by the process before: ignored.
 *   - The ephemerals of the last TRANSPORT_REPLAY_MAX are remembered; the oldest gives way. Only
 *     whoever knows the secret of a door can put one in, and so push one out, and that one gains
 *     nothing by it, since it can make fresh first messages all the same. */
#ifndef NODE_TRANSPORT_REPLAY_H
#define NODE_TRANSPORT_REPLAY_H

#include "node/transport/transport.h"

bool replay_seen(const struct transport_replay *replay, const struct box_public *ephemeral);
void replay_add(struct transport_replay *replay, const struct box_public *ephemeral);

/* Is a first message of this date acceptable now? */
bool replay_time_valid(const struct transport_replay *replay, uint64_t dated_ms, struct now now);

#endif
