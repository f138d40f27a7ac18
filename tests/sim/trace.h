/* All that happens in a simulation: its hash says whether two runs were the same, and the last of
 * it shows how a broken invariant came about. */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "node/base/bytes.h"

enum trace_kind {
    /* An event that a node's engine takes: enum overlay_event_kind; an action of its: 32 + enum
     * overlay_action_kind. */
    TRACE_EVENT = 0,
    TRACE_ACTION = 32,
    TRACE_UP = 64, /* a node starts, for the first time or again */
    TRACE_DOWN,    /* it goes without a word */
    TRACE_SUSPENDED,
    TRACE_RESUMED,
    TRACE_REMOVED, /* it is no member any more */
    TRACE_CLOCK,   /* its wall clock is set; ref: by how much */
    TRACE_PUBLISH, /* ref: object */
    TRACE_VERDICT, /* detail: what its engine answered to OFFERED */
    TRACE_CUT,     /* detail: into how many parts; 1: healed */
    TRACE_SILENCE, /* ref: how many links of a thousand, one way */
    TRACE_HOSTILE, /* a hostile node does something of its own */
};

#define TRACE_NOBODY UINT32_MAX

struct trace_entry {
    uint32_t at;
    uint32_t node, peer;
    uint8_t kind;
    uint8_t detail; /* of messages: enum link_kind; of objects: hops */
    uint16_t zero;
    uint64_t ref; /* of objects: the number; of messages: a hash of the bytes; else the link */
};

struct trace;

struct trace *trace_create(bool print, uint32_t kept); /* so many entries, to be printed later */
void trace_destroy(struct trace *trace);
void trace_add(struct trace *trace, const struct trace_entry *entry);
uint64_t trace_count(const struct trace *trace);
uint32_t trace_last_node(const struct trace *trace); /* whom the last entry is about */
/* Of all until the first time that it is asked for. */
void trace_hash(struct trace *trace, struct id *out);
/* The last `most` lines about this node or this object; TRACE_NOBODY and UINT64_MAX: none. */
void trace_print_last(const struct trace *trace, uint32_t node, uint64_t object, unsigned most,
                      FILE *to);
void trace_print(const struct trace_entry *entry, FILE *to);

#endif
