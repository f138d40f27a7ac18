#include "tests/sim/trace.h"

#include <assert.h>
#include <stdlib.h>

#include "crypto/keys.h"
#include "node/base/assert.h"
#include "node/overlay/overlay.h"

enum {
    BATCH = 2048,
};

struct trace {
    bool print;
    uint64_t count;
    struct sha256_state *hash;
    bool finished;
    struct id result;
    size_t batch_count;
    struct trace_entry batch[BATCH];
    uint32_t kept_count;
    struct trace_entry *kept; /* the last ones, in a ring */
};

static bool is_about_object(const struct trace_entry *entry);
static const char *kind_name(uint8_t kind);
static const char *message_name(uint8_t kind);

struct trace *trace_create(bool print, uint32_t kept) {
    static_assert(sizeof(struct trace_entry) == 24, "no padding: it is hashed as it lies");
    struct trace *trace = calloc(1, sizeof *trace);
    ASSERT(trace != NULL);
    trace->print = print;
    trace->kept_count = kept;
    trace->kept = calloc(kept, sizeof trace->kept[0]);
    ASSERT(trace->kept != NULL);
    trace->hash = sha256_create();
    ASSERT(trace->hash != NULL);
    return trace;
}

void trace_destroy(struct trace *trace) {
    if (trace != NULL) {
        sha256_destroy(trace->hash);
        free(trace->kept);
        free(trace);
    }
}

void trace_add(struct trace *trace, const struct trace_entry *entry) {
    trace->kept[trace->count++ % trace->kept_count] = *entry;
    if (!trace->finished) {
        trace->batch[trace->batch_count++] = *entry;
    }
    if (trace->batch_count == BATCH) {
        sha256_update(trace->hash, BYTES_OF(trace->batch));
        trace->batch_count = 0;
    }
    if (trace->print) {
        trace_print(entry, stdout);
    }
}

uint64_t trace_count(const struct trace *trace) {
    return trace->count;
}

uint32_t trace_last_node(const struct trace *trace) {
    return trace->count == 0 ? TRACE_NOBODY
                             : trace->kept[(trace->count - 1) % trace->kept_count].node;
}

void trace_hash(struct trace *trace, struct id *out) {
    if (!trace->finished) {
        sha256_update(trace->hash, (struct bytes){(const uint8_t *)trace->batch,
                                                  trace->batch_count * sizeof trace->batch[0]});
        sha256_final(trace->hash, &trace->result);
        trace->finished = true;
        trace->batch_count = 0;
    }
    *out = trace->result;
}

void trace_print_last(const struct trace *trace, uint32_t node, uint64_t object, unsigned most,
                      FILE *to) {
    uint64_t oldest = trace->count < trace->kept_count ? 0 : trace->count - trace->kept_count;
    uint64_t from = trace->count;
    unsigned found = 0;
    uint8_t *wanted = calloc(trace->kept_count, 1);
    ASSERT(wanted != NULL);
    while (from > oldest && found < most) {
        const struct trace_entry *entry = &trace->kept[--from % trace->kept_count];
        bool about = entry->node == node || (node != TRACE_NOBODY && entry->peer == node) ||
                     entry->kind == TRACE_CUT || entry->kind == TRACE_SILENCE ||
                     (is_about_object(entry) && entry->ref == object);
        wanted[from % trace->kept_count] = about ? 1 : 0;
        found += about ? 1 : 0;
    }
    for (; from < trace->count; from++) {
        if (wanted[from % trace->kept_count] == 1) {
            trace_print(&trace->kept[from % trace->kept_count], to);
        }
    }
    free(wanted);
}

void trace_print(const struct trace_entry *entry, FILE *to) {
    (void)fprintf(to, "%8u.%03u  node %-6u %-12s", entry->at / 1000, entry->at % 1000, entry->node,
                  kind_name(entry->kind));
    if (entry->peer != TRACE_NOBODY) {
        (void)fprintf(to, " peer %-6u", entry->peer);
    }
    if (entry->kind == TRACE_EVENT + OVERLAY_EV_MESSAGE ||
        entry->kind == TRACE_ACTION + OVERLAY_ACT_SEND) {
        (void)fprintf(to, " %s %016llx", message_name(entry->detail),
                      (unsigned long long)entry->ref);
    } else if (is_about_object(entry)) {
        (void)fprintf(to, " object %llu %u", (unsigned long long)entry->ref, entry->detail);
    } else if (entry->ref != 0 || entry->detail != 0) {
        (void)fprintf(to, " %llx %u", (unsigned long long)entry->ref, entry->detail);
    }
    (void)fputc('\n', to);
}

static bool is_about_object(const struct trace_entry *entry) {
    switch (entry->kind) {
    case TRACE_EVENT + OVERLAY_EV_OFFERED:
    case TRACE_EVENT + OVERLAY_EV_ACCEPTED:
    case TRACE_EVENT + OVERLAY_EV_IGNORED:
    case TRACE_EVENT + OVERLAY_EV_REPLACED:
    case TRACE_ACTION + OVERLAY_ACT_PUSH:
    case TRACE_ACTION + OVERLAY_ACT_KEEP:
    case TRACE_ACTION + OVERLAY_ACT_DROP:
    case TRACE_PUBLISH:
    case TRACE_VERDICT:
        return true;
    default:
        return false;
    }
}

static const char *kind_name(uint8_t kind) {
    static const char *const names[] = {
        [TRACE_EVENT + OVERLAY_EV_PEER] = "PEER",
        [TRACE_EVENT + OVERLAY_EV_PEER_GONE] = "PEER_GONE",
        [TRACE_EVENT + OVERLAY_EV_LINK_UP] = "LINK_UP",
        [TRACE_EVENT + OVERLAY_EV_LINK_DOWN] = "LINK_DOWN",
        [TRACE_EVENT + OVERLAY_EV_HEARD] = "HEARD",
        [TRACE_EVENT + OVERLAY_EV_DRAINED] = "DRAINED",
        [TRACE_EVENT + OVERLAY_EV_MESSAGE] = "<-",
        [TRACE_EVENT + OVERLAY_EV_OFFERED] = "OFFERED",
        [TRACE_EVENT + OVERLAY_EV_ACCEPTED] = "ACCEPTED",
        [TRACE_EVENT + OVERLAY_EV_IGNORED] = "IGNORED",
        [TRACE_EVENT + OVERLAY_EV_FAULT] = "FAULT",
        [TRACE_EVENT + OVERLAY_EV_REPLACED] = "REPLACED",
        [TRACE_EVENT + OVERLAY_EV_TICK] = "TICK",
        [TRACE_ACTION + OVERLAY_ACT_DIAL] = "dial",
        [TRACE_ACTION + OVERLAY_ACT_CLOSE] = "close",
        [TRACE_ACTION + OVERLAY_ACT_PING] = "ping",
        [TRACE_ACTION + OVERLAY_ACT_PUSH] = "push",
        [TRACE_ACTION + OVERLAY_ACT_SEND] = "->",
        [TRACE_ACTION + OVERLAY_ACT_KEEP] = "keep",
        [TRACE_ACTION + OVERLAY_ACT_DROP] = "drop",
        [TRACE_UP] = "starts",
        [TRACE_DOWN] = "dies",
        [TRACE_SUSPENDED] = "sleeps",
        [TRACE_RESUMED] = "wakes",
        [TRACE_REMOVED] = "removed",
        [TRACE_CLOCK] = "clock set",
        [TRACE_PUBLISH] = "publishes",
        [TRACE_VERDICT] = "verdict",
        [TRACE_CUT] = "(cut)",
        [TRACE_SILENCE] = "(silence)",
        [TRACE_HOSTILE] = "attacks",
    };
    return kind < COUNT_OF(names) && names[kind] != NULL ? names[kind] : "?";
}

static const char *message_name(uint8_t kind) {
    static const char *const names[] = {
        [LINK_IHAVE] = "IHAVE",         [LINK_GRAFT] = "GRAFT", [LINK_PRUNE] = "PRUNE",
        [LINK_NEIGHBOUR] = "NEIGHBOUR", [LINK_WALK] = "WALK",   [LINK_SHUFFLE] = "SHUFFLE",
        [LINK_SHUFFLED] = "SHUFFLED",   [LINK_SYNC] = "SYNC",   [LINK_SYNC_IDS] = "SYNC_IDS",
        [LINK_SYNC_WANT] = "SYNC_WANT",
    };
    return kind < COUNT_OF(names) && names[kind] != NULL ? names[kind] : "?";
}
