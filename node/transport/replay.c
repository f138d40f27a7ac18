#include "node/transport/replay.h"

#include <stdlib.h>

struct transport_replay {
    struct tick started;
    size_t count;
    size_t next; /* slot to write */
    struct box_public seen[TRANSPORT_REPLAY_MAX];
};

struct transport_replay *transport_replay_create(struct now now) {
    struct transport_replay *replay = calloc(1, sizeof *replay);
    if (replay != NULL) {
        replay->started = now.mono;
    }
    return replay;
}

void transport_replay_destroy(struct transport_replay *replay) {
    free(replay);
}

bool replay_seen(const struct transport_replay *replay, const struct box_public *ephemeral) {
    for (size_t i = 0; i < replay->count; i++) {
        if (box_public_equal(&replay->seen[i], ephemeral)) {
            return true;
        }
    }
    return false;
}

void replay_add(struct transport_replay *replay, const struct box_public *ephemeral) {
    replay->seen[replay->next] = *ephemeral;
    replay->next = (replay->next + 1) % TRANSPORT_REPLAY_MAX;
    if (replay->count < TRANSPORT_REPLAY_MAX) {
        replay->count++;
    }
}

bool replay_time_valid(const struct transport_replay *replay, uint64_t dated_ms, struct now now) {
    if (dated_ms > (uint64_t)INSTANT_MAX_MS) {
        return false;
    }
    int64_t dated = (int64_t)dated_ms;
    if (dated < now.wall.ms - TRANSPORT_SKEW_MS || dated > now.wall.ms + TRANSPORT_SKEW_MS) {
        return false;
    }
    /* The start by today's clock, so that a clock set right after the start locks nobody out. */
    return dated >= now.wall.ms - (now.mono.ms - replay->started.ms);
}
