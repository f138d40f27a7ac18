/* Transport: one connection between two nodes, from the first byte of the handshake to the close
 * record (PROTOCOL 3). Bytes in, events out; messages in, bytes out.
 *
 *   dialler   transport_dial() writes message 1
 *   answerer  transport_answer() waits for it and says nothing until one is valid
 *   both      transport_receive() with whatever the connection brought, until all is taken
 *   both      transport_send() etc. once TRANSPORT_EV_ESTABLISHED was seen
 *
 * Whatever goes wrong ends the link: the call that finds it returns the error, what it would have
 * sent is not sent, and the caller destroys the transport and closes the connection without a
 * word. To the peer all failures look the same; the error is for the journal and the score.
 *
 * ESTABLISHED comes alone, before any message of the peer is even decrypted: the caller checks
 * peer_static and payload (the certificate) and, when they do not satisfy it, closes.
 *
 * Memory: the transport, its handshake (given back once established) and one buffer that holds an
 * unfinished or just delivered record, at most TRANSPORT_WIRE_MAX bytes and given back while the
 * link is quiet. Keys are wiped as soon as they are done with, all by transport_destroy().
 * Bounds: TRANSPORT_DOORS_MAX door keys, payload and data sizes below, one event a call. */
#ifndef NODE_TRANSPORT_TRANSPORT_H
#define NODE_TRANSPORT_TRANSPORT_H

#include "crypto/keys.h"
#include "node/base/bytes.h"
#include "node/base/instant.h"

enum {
    TRANSPORT_DOORS_MAX = 104,      /* door keys that an answerer tries */
    TRANSPORT_DATA_MAX = 65516,     /* data of one record: 65535 - 16 (tag) - 3 (type, length) */
    TRANSPORT_WIRE_MAX = 65535 + 2, /* the largest record or handshake message with its length */
    TRANSPORT_PAYLOAD_MAX = 16382,  /* own payload in message 2 or 3: a certificate and more */
    TRANSPORT_HANDSHAKE_MS = 5 * DURATION_SECOND_MS,
    TRANSPORT_SKEW_MS = 15 * DURATION_MINUTE_MS, /* between the clocks of two nodes */
    TRANSPORT_REKEY_RECORDS = 1024,              /* in one direction */
    TRANSPORT_SESSION_BYTES = 64,
    TRANSPORT_REPLAY_MAX = 4096, /* first messages remembered, from all links of a node */
};

/* Record types of the transport itself; 1 to 254 are messages (proto/link.h). */
enum {
    TRANSPORT_TYPE_CLOSE = 0,
    TRANSPORT_TYPE_BULK = 255,
};

enum transport_door { /* PROTOCOL 3.3 */
    TRANSPORT_MEMBER,
    TRANSPORT_JOIN,
    TRANSPORT_CATCH_UP,
    TRANSPORT_OUTSIDER,
    TRANSPORT_DELIVERY,
    TRANSPORT_MEET,
    TRANSPORT_SIBLING,
};

/* A set of record types. */
struct transport_types {
    uint64_t bits[4];
};

struct transport_door_key {
    enum transport_door door;
    uint32_t tag;        /* the caller's: which key this is */
    struct id community; /* goes into the prologue */
    uint8_t psk0[32];    /* transport_psk0() */
    uint8_t psk3[32];    /* pairwise secret, or zero */
    bool bare;           /* the answerer's payload stays empty: who passes has shown no secret */
    struct transport_types passes; /* types that the peer may send here; close always may, a bulk
                                      run only with TRANSPORT_TYPE_BULK among them */
};

struct transport_dial_config {
    const struct box_secret *own_static;
    const struct box_public *responder;
    const struct transport_door_key *door;
    const struct box_secret *ephemeral; /* 32 fresh random bytes, for this link alone */
    struct bytes payload;               /* of message 3, <= TRANSPORT_PAYLOAD_MAX */
};

struct transport_answer_config {
    const struct box_secret *own_static;
    const struct transport_door_key *doors;
    size_t door_count;                  /* <= TRANSPORT_DOORS_MAX */
    const struct box_secret *ephemeral; /* as above */
    struct bytes payload;               /* of message 2, unless the door is bare */
    struct transport_replay *replay;    /* borrowed until the link is established or destroyed */
};

struct transport_event {
    enum transport_event_kind {
        TRANSPORT_EV_NONE,        /* all input was taken and more is needed */
        TRANSPORT_EV_ESTABLISHED, /* door, tag, community, peer_static, payload in data */
        TRANSPORT_EV_MESSAGE,     /* type, data */
        TRANSPORT_EV_BULK,        /* data: bytes of the run; remaining: how many follow */
        TRANSPORT_EV_CLOSED,      /* the peer closed in good order; nothing comes after it */
    } kind;
    uint8_t type;
    struct bytes data; /* borrowed until the next call; of BULK: from the caller's own input */
    uint64_t remaining;
    enum transport_door door;
    uint32_t tag;
    struct id community;
    struct box_public peer_static;
    uint8_t session[TRANSPORT_SESSION_BYTES]; /* of ESTABLISHED: the handshake's hash, the same on
                                                 both sides and of no other link */
};

struct transport;
struct transport_replay;

void transport_types_add(struct transport_types *types, uint8_t type);
bool transport_types_has(const struct transport_types *types, uint8_t type);

/* The psk0 of a door from its secret (PROTOCOL 3.3), so that one secret behind two doors gives two
 * keys. `secret` is 16 to 64 bytes. */
void transport_psk0(enum transport_door door, const struct id *community, struct bytes secret,
                    uint8_t psk0[32]);

/* The first messages a node has seen (PROTOCOL 3.2); one for all its links, for as long as the
 * process runs. NULL when memory is short. */
struct transport_replay *transport_replay_create(struct now now);
void transport_replay_destroy(struct transport_replay *replay); /* NULL is fine */

/* Copies what the config points at, appends message 1 to `to_send`.
 * ERR_HOST_MEMORY, ERR_FULL_BUFFER; ERR_PEER_HANDSHAKE: `responder` is no usable key. */
MUST_USE enum err transport_dial(const struct transport_dial_config *config, struct now now,
                                 struct buffer *to_send, struct transport **out);
/* Copies what the config points at but the replay table. ERR_HOST_MEMORY. */
MUST_USE enum err transport_answer(const struct transport_answer_config *config, struct now now,
                                   struct transport **out);
void transport_destroy(struct transport *transport); /* NULL is fine */

/* Takes bytes from the front of *input, which it moves on, up to and with the next event. Call it
 * again until the event is NONE: then all input was taken. Handshake messages that are due are
 * appended to `to_send`; on any error nothing is.
 *
 * ERR_PEER_HANDSHAKE  wrong key, door, community or static, a bad message, or past the deadline
 * ERR_DENY_TIME       message 1 is dated wrongly, or before this process
 * ERR_PEER_REPEATED   message 1 came before
 * ERR_PEER_MALFORMED  a record does not decrypt or breaks the format
 * ERR_PEER_SEQUENCE   a type that this door does not pass, or bytes after the close record
 * ERR_HOST_MEMORY, ERR_FULL_BUFFER (of to_send) */
MUST_USE enum err transport_receive(struct transport *transport, struct bytes *input,
                                    struct now now, struct transport_event *event,
                                    struct buffer *to_send);

/* The connection has ended. ERR_OK after a close record, else ERR_PEER_TRUNCATED. */
MUST_USE enum err transport_end(const struct transport *transport);

/* Each appends one sealed record to `to_send`; only on an established link on which nothing was
 * closed by us. data.len <= TRANSPORT_DATA_MAX, type 1 to 254. On failure nothing has changed.
 * ERR_FULL_BUFFER, ERR_HOST_MEMORY. */
MUST_USE enum err transport_send(struct transport *transport, uint8_t type, struct bytes data,
                                 struct buffer *to_send);
/* After this record the caller itself puts exactly `length` raw bytes, at least 1, on the
 * connection before anything else. */
MUST_USE enum err transport_send_bulk(struct transport *transport, uint64_t length,
                                      struct buffer *to_send);
/* The last thing to send. */
MUST_USE enum err transport_send_close(struct transport *transport, struct buffer *to_send);

/* When the handshake must be done: at or after it the caller destroys the link. TICK_NEVER once it
 * is established. */
struct tick transport_deadline(const struct transport *transport);

#endif
