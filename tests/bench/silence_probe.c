/* The requester as an attacker (P2): a member that runs no node of its own. It dials every home of
 * its community with the keys of its data folder, sends its requests itself, and times whatever
 * comes back, to the microsecond. One line of JSON a home and run.
 *
 *   PING         every few milliseconds: does what the home does with the request slow its answers?
 *   SYNC         the same for reconciliation, and how many ids come
 *   a fresh object and a PING in one write: the answer waits for the home's commit
 *
 * Also an owner without a terminal, for the homes that decline, look and put off, or edit: signing
 * by hand would take a second of Argon2, and ffmpeg more, on the very computer that is timed.
 *
 * usage: silence_probe probe DATA OWNER-DIR   then lines on stdin:
 *          run ID FROM-MS TO-MS LIFE-MS BEFORE-MS AFTER-MS
 *        silence_probe owner DATA OWNER-DIR   then lines on stdin:
 *          decline, look or edit: each open clip
 * Both answer "ready" first. The passphrase comes in STOOP_PASSPHRASE: these are the test's own
 * keys. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "crypto/age.h"
#include "crypto/keyfile.h"
#include "node/base/assert.h"
#include "node/store/store.h"
#include "node/transport/transport.h"
#include "proto/control.h"

enum {
    PEERS_MAX = 16,
    KEEP_ALIVE_US = 3 * 1000 * 1000,
    PROBES_MAX = 4096,
    PING_EVERY_US = 5000,
    SYNC_EVERY_US = 250000,
    COMMIT_EVERY_US = 200000,
    COMMIT_OBJECT_LIFE_MS = 4000,
};

enum probe_kind {
    PROBE_PING,
    PROBE_COMMIT,
    PROBE_SYNC,
    PROBE_KINDS
};

struct probe {
    enum probe_kind kind;
    uint64_t nonce;
    int64_t sent_us;
    int64_t back_us; /* 0: not yet */
};

struct peer {
    struct id certificate;
    struct box_public transport;
    char address[ADDRESS_MAX_BYTES];
    int fd;
    struct transport *link;
    bool established;
    size_t probe_count;
    struct probe probes[PROBES_MAX];
    uint64_t bytes, records, others;
    uint64_t ids; /* that SYNC brought */
};

static struct {
    struct keyset keys;
    struct sign_public node;
    struct owner_secret owner;
    struct owner_public owner_public;
    struct box_public transport;
    struct id certificate;
    struct id community;
    struct buffer member;
    uint8_t epoch[EPOCH_KEY_BYTES];
    char address[ADDRESS_MAX_BYTES];
    size_t peer_count;
    struct peer peers[PEERS_MAX];
    uint64_t next_nonce;
} self;

static int64_t now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct now now_both(void) {
    struct timespec wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (struct now){.wall = {(int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000},
                        .mono = {now_us() / 1000}};
}

static void die(const char *what) {
    (void)fprintf(stderr, "silence_probe: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void read_file(const char *folder, const char *name, struct buffer *out) {
    char path[4096];
    uint8_t *to = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size < 0 || buffer_extend(out, (size_t)size, &to) != ERR_OK ||
        pread(fd, to, (size_t)size, 0) != size) {
        die(path);
    }
    (void)close(fd);
}

/* ---- what the folder knows ---- */

/* Nobody has been removed here: the epoch key follows from the founding one (PROTOCOL 4.8). */
static enum err visit_epoch(void *context, const struct store_epoch *epoch) {
    (void)context;
    ASSERT(id_is_zero(&epoch->removal));
    hash_labelled("stoop epoch key v1", BYTES_OF(epoch->key), (struct bytes){NULL, 0}, self.epoch,
                  EPOCH_KEY_BYTES);
    return ERR_OK;
}

static enum err visit_member(void *context, const struct store_object *row) {
    struct signed_object object;
    struct member member;
    (void)context;
    ASSERT(signed_decode(row->object, &object) == ERR_OK);
    ASSERT(member_decode(object.body, &member) == ERR_OK);
    if (id_equal(&row->id, &self.certificate)) {
        return buffer_append(&self.member, row->object);
    }
    ASSERT(self.peer_count < PEERS_MAX);
    struct peer *peer = &self.peers[self.peer_count++];
    peer->certificate = row->id;
    peer->transport = member.transport;
    return ERR_OK;
}

static enum err visit_record(void *context, const struct store_object *row) {
    struct signed_object object;
    struct node_record record;
    (void)context;
    ASSERT(signed_decode(row->object, &object) == ERR_OK);
    ASSERT(node_record_decode(object.body, &record) == ERR_OK);
    if (id_equal(&row->author, &self.certificate)) {
        memcpy(self.address, record.addresses[0], sizeof self.address);
    }
    for (size_t i = 0; i < self.peer_count; i++) {
        if (id_equal(&row->author, &self.peers[i].certificate)) { /* the newest comes last */
            memcpy(self.peers[i].address, record.addresses[0], ADDRESS_MAX_BYTES);
        }
    }
    return ERR_OK;
}

static void load(const char *data, const char *owner_dir) {
    char path[4096];
    struct store *store = NULL;
    struct bytes value;
    struct keyfile_public pub;
    const char *passphrase = getenv("STOOP_PASSPHRASE");
    SCOPED(buffer_finish) struct buffer owner = {.max = KEYFILE_BYTES_MAX};
    SCOPED(buffer_finish) struct buffer node = {.max = KEYFILE_BYTES_MAX};
    read_file(owner_dir, "owner.key", &owner);
    read_file(data, "node/node.key", &node);
    if (passphrase == NULL || keyfile_read_public(buffer_bytes(&owner), &pub) != KEYFILE_OK ||
        keyfile_open(buffer_bytes(&owner), BYTES_TEXT(passphrase), &self.owner) != KEYFILE_OK ||
        keyset_read("node", buffer_bytes(&node), &self.keys) != KEYFILE_OK) {
        die("keys");
    }
    self.owner_public = pub.owner;
    sign_public_of(&self.keys.sign, &self.node);
    box_public_of(&self.keys.box, &self.transport);
    buffer_init(&self.member, SIGNED_GOSSIP_MAX);
    (void)snprintf(path, sizeof path, "%s/node/stoop.db", data);
    if (store_open(path, &store) != ERR_OK || store_begin(store) != ERR_OK) {
        die(path);
    }
    ASSERT(store_get(store, STORE_CERTIFICATE, &value) == ERR_OK);
    memcpy(self.certificate.b, value.at, 32);
    ASSERT(store_get(store, STORE_COMMUNITY, &value) == ERR_OK);
    memcpy(self.community.b, value.at, 32);
    ASSERT(store_epoch_each(store, visit_epoch, NULL) == ERR_OK);
    ASSERT(store_object_each(store, OBJECT_MEMBER, visit_member, NULL) == ERR_OK);
    ASSERT(store_object_each(store, OBJECT_NODE_RECORD, visit_record, NULL) == ERR_OK);
    store_roll_back(store);
    store_close(store);
}

/* ---- links ---- */

static void flush(struct peer *peer, struct buffer *bytes) {
    for (size_t at = 0; at < bytes->len;) {
        ssize_t sent = send(peer->fd, bytes->at + at, bytes->len - at, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            struct pollfd wait = {.fd = peer->fd, .events = POLLOUT};
            (void)poll(&wait, 1, 1000);
            continue;
        }
        if (sent <= 0) {
            die("a home closed the link");
        }
        at += (size_t)sent;
    }
    buffer_clear(bytes);
}

static void add_message(struct peer *peer, const struct link_message *message,
                        struct buffer *bytes) {
    SCOPED(buffer_finish) struct buffer body = {.max = TRANSPORT_DATA_MAX};
    ASSERT(link_encode(message, &body) == ERR_OK);
    ASSERT(transport_send(peer->link, (uint8_t)message->kind, buffer_bytes(&body), bytes) ==
           ERR_OK);
}

static void take_message(struct peer *peer, const struct link_message *message, int64_t at) {
    peer->records++;
    for (size_t i = 0; i < peer->probe_count; i++) {
        struct probe *probe = &peer->probes[i];
        bool answers = message->kind == LINK_PONG
                           ? probe->kind != PROBE_SYNC && probe->nonce == message->as.ping.nonce
                           : (message->kind == LINK_SYNC_IDS || message->kind == LINK_SYNC) &&
                                 probe->kind == PROBE_SYNC;
        if (answers && probe->back_us == 0) {
            probe->back_us = at;
            peer->ids += message->kind == LINK_SYNC_IDS ? message->as.sync_ids.count : 0;
            return;
        }
    }
    peer->others++;
}

static void hear(struct peer *peer) {
    static uint8_t data[65536];
    static struct link_message message;
    ssize_t got = recv(peer->fd, data, sizeof data, MSG_DONTWAIT);
    int64_t at = now_us();
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        die("a home closed the link");
    }
    peer->bytes += (uint64_t)got;
    struct bytes input = {data, (size_t)got};
    SCOPED(buffer_finish) struct buffer reply = {.max = 65536};
    for (;;) {
        struct transport_event event;
        if (transport_receive(peer->link, &input, now_both(), &event, &reply) != ERR_OK) {
            die("a record is broken");
        }
        if (event.kind == TRANSPORT_EV_NONE) {
            break;
        }
        peer->established |= event.kind == TRANSPORT_EV_ESTABLISHED;
        if (event.kind == TRANSPORT_EV_MESSAGE &&
            link_decode(event.type, event.data, &message) == ERR_OK) {
            if (message.kind == LINK_PING) {
                message.kind = LINK_PONG;
                add_message(peer, &message, &reply);
            } else {
                take_message(peer, &message, at);
            }
        }
    }
    flush(peer, &reply);
}

static void hear_all(int64_t until) {
    struct pollfd fds[PEERS_MAX];
    for (;;) {
        int64_t left = until - now_us();
        if (left <= 0) {
            return;
        }
        for (size_t i = 0; i < self.peer_count; i++) {
            fds[i] = (struct pollfd){.fd = self.peers[i].fd, .events = POLLIN};
        }
        struct timespec wait = {.tv_nsec = (left > 100000 ? 100000 : left) * 1000};
        if (ppoll(fds, self.peer_count, &wait, NULL) <= 0) {
            continue;
        }
        for (size_t i = 0; i < self.peer_count; i++) {
            if (fds[i].revents != 0) {
                hear(&self.peers[i]);
            }
        }
    }
}

static void dial(struct peer *peer) {
    struct transport_door_key door = {.door = TRANSPORT_MEMBER, .community = self.community};
    struct box_secret ephemeral;
    struct sockaddr_in where = {.sin_family = AF_INET};
    char host[ADDRESS_MAX_BYTES];
    int port = 0;
    int one = 1;
    SCOPED(buffer_finish) struct buffer bytes = {.max = 65536};
    if (sscanf(peer->address, "%15[0-9.]:%d", host, &port) != 2 ||
        inet_pton(AF_INET, host, &where.sin_addr) != 1) {
        die(peer->address);
    }
    where.sin_port = htons((uint16_t)port);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&where, sizeof where) != 0) {
        die(peer->address);
    }
    (void)setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (unsigned type = 0; type < 256; type++) {
        transport_types_add(&door.passes, (uint8_t)type);
    }
    transport_psk0(TRANSPORT_MEMBER, &self.community, BYTES_OF(self.epoch), door.psk0);
    random_bytes(ephemeral.b, sizeof ephemeral.b);
    struct transport_dial_config config = {.own_static = &self.keys.box,
                                           .responder = &peer->transport,
                                           .door = &door,
                                           .ephemeral = &ephemeral,
                                           .payload = buffer_bytes(&self.member)};
    ASSERT(transport_dial(&config, now_both(), &bytes, &peer->link) == ERR_OK);
    flush(peer, &bytes);
    for (int i = 0; i < 50 && !peer->established; i++) {
        struct pollfd wait = {.fd = peer->fd, .events = POLLIN};
        if (poll(&wait, 1, 100) > 0) {
            hear(peer);
        }
    }
    if (!peer->established) {
        die("no handshake");
    }
    const struct link_message open = {.kind = LINK_NEIGHBOUR, .as.neighbour.wish = NEIGHBOUR_NONE};
    buffer_clear(&bytes);
    add_message(peer, &open, &bytes);
    flush(peer, &bytes);
}

/* A home closes on whoever says nothing for 12 s. */
static void keep_alive(void) {
    static int64_t said;
    const struct link_message ping = {.kind = LINK_PING};
    if (now_us() - said < KEEP_ALIVE_US) {
        return;
    }
    said = now_us();
    for (size_t i = 0; i < self.peer_count; i++) {
        SCOPED(buffer_finish) struct buffer bytes = {.max = 65536};
        add_message(&self.peers[i], &ping, &bytes);
        flush(&self.peers[i], &bytes);
    }
}

/* ---- a run ---- */

static void make_request(int64_t from, int64_t to, int64_t life, struct buffer *out) {
    struct instant now = now_both().wall;
    struct signed_object object;
    struct box_secret secret;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    struct request request = {
        .head = {.community = self.community,
                 .author = self.certificate,
                 .created = now,
                 .expires = {now.ms + life}},
        .transport = self.transport,
        .address_count = 1,
        .place = {.radius_m = 60, .count = 1, .points = {{525201000, 134051000}}},
        .from = {from},
        .to = {to},
        .reason = "Hit and run, silver hatchback",
        .instrument = {.kind = INSTRUMENT_VOLUNTARY, .court_signature = COURT_SIGNATURE_NONE},
        .terms = {.purpose = "Finding the driver",
                  .delete_by = {now.ms + DURATION_DAY_MS},
                  .no_face_recognition = true,
                  .no_passing_on = true}};
    (void)snprintf(request.addresses[0], ADDRESS_MAX_BYTES, "%s", self.address);
    box_generate(&secret, &request.key);
    ASSERT(request_encode(&request, &body) == ERR_OK);
    signed_start(OBJECT_REQUEST, buffer_bytes(&body), &object);
    ASSERT(signed_add(&object, &self.owner.sign, &self.owner_public.sign) == ERR_OK);
    ASSERT(signed_encode(&object, out) == ERR_OK);
}

/* What nobody needs, but every home must store: it lives for some seconds. */
static void make_filler(struct buffer *out) {
    struct instant now = now_both().wall;
    struct signed_object object;
    struct receipt_commitment filler = {.head = {.community = self.community,
                                                 .author = self.certificate,
                                                 .created = now,
                                                 .expires = {now.ms + COMMIT_OBJECT_LIFE_MS}}};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    random_bytes(filler.request.b, 32);
    random_bytes(filler.commitment.b, 32);
    ASSERT(receipt_commitment_encode(&filler, &body) == ERR_OK);
    signed_start(OBJECT_RECEIPT_COMMITMENT, buffer_bytes(&body), &object);
    ASSERT(signed_add(&object, &self.keys.sign, &self.node) == ERR_OK);
    ASSERT(signed_encode(&object, out) == ERR_OK);
}

static void send_probe(struct peer *peer, enum probe_kind kind, struct bytes object) {
    SCOPED(buffer_finish) struct buffer bytes = {.max = 4 * TRANSPORT_WIRE_MAX};
    if (peer->probe_count == PROBES_MAX) {
        return;
    }
    struct probe *probe = &peer->probes[peer->probe_count++];
    *probe = (struct probe){.kind = kind, .nonce = ++self.next_nonce};
    struct link_message ping = {.kind = LINK_PING, .as.ping.nonce = probe->nonce};
    struct link_message gossip = {.kind = LINK_GOSSIP, .as.gossip.object = object};
    struct link_message sync = {.kind = LINK_SYNC};
    sync.as.sync.salt = probe->nonce;
    sync.as.sync.round = 1;
    sync.as.sync.count = 1;
    memset(&sync.as.sync.prints[0], 0xff, sizeof sync.as.sync.prints[0]); /* never equal */
    switch (kind) {
    case PROBE_COMMIT:
        add_message(peer, &gossip, &bytes);
        add_message(peer, &ping, &bytes);
        break;
    case PROBE_PING:
        add_message(peer, &ping, &bytes);
        break;
    case PROBE_SYNC:
        add_message(peer, &sync, &bytes);
        break;
    case PROBE_KINDS:
        break;
    }
    probe->sent_us = now_us();
    flush(peer, &bytes);
}

static void run(const char *id, int64_t from, int64_t to, int64_t life, int64_t before_ms,
                int64_t after_ms) {
    static const char *const names[] = {"ping", "commit", "sync"};
    SCOPED(buffer_finish) struct buffer request = {.max = SIGNED_GOSSIP_MAX};
    for (size_t i = 0; i < self.peer_count; i++) {
        struct peer *peer = &self.peers[i];
        peer->probe_count = 0;
        peer->bytes = peer->records = peer->others = peer->ids = 0;
    }
    int64_t start = now_us() + before_ms * 1000; /* when the request goes */
    int64_t end = start + after_ms * 1000;
    int64_t next_ping = now_us();
    int64_t next_sync = now_us();
    int64_t next_commit = now_us();
    bool asked = false;
    while (now_us() < end) {
        int64_t now = now_us();
        if (!asked && now >= start) {
            asked = true;
            make_request(from, to, life, &request);
            for (size_t i = 0; i < self.peer_count; i++) {
                SCOPED(buffer_finish) struct buffer bytes = {.max = TRANSPORT_WIRE_MAX};
                const struct link_message gossip = {.kind = LINK_GOSSIP,
                                                    .as.gossip.object = buffer_bytes(&request)};
                add_message(&self.peers[i], &gossip, &bytes);
                flush(&self.peers[i], &bytes);
            }
            start = now_us();
            (void)printf("{\"run\":\"%s\",\"asked\":true}\n", id);
            (void)fflush(stdout);
        }
        SCOPED(buffer_finish) struct buffer filler = {.max = SIGNED_GOSSIP_MAX};
        if (now >= next_commit) {
            make_filler(&filler);
        }
        for (size_t i = 0; i < self.peer_count; i++) {
            struct peer *peer = &self.peers[i];
            if (now >= next_ping) {
                send_probe(peer, PROBE_PING, (struct bytes){NULL, 0});
            }
            if (now >= next_sync) {
                send_probe(peer, PROBE_SYNC, (struct bytes){NULL, 0});
            }
            if (now >= next_commit) {
                send_probe(peer, PROBE_COMMIT, buffer_bytes(&filler));
            }
        }
        next_ping = now >= next_ping ? now + PING_EVERY_US : next_ping;
        next_sync = now >= next_sync ? now + SYNC_EVERY_US : next_sync;
        next_commit = now >= next_commit ? now + COMMIT_EVERY_US : next_commit;
        hear_all(next_ping);
    }
    hear_all(now_us() + 50000);
    for (size_t i = 0; i < self.peer_count; i++) {
        const struct peer *peer = &self.peers[i];
        (void)printf("{\"run\":\"%s\",\"home\":\"%s\",\"bytes\":%" PRIu64 ",\"records\":%" PRIu64
                     ",\"others\":%" PRIu64 ",\"ids\":%" PRIu64,
                     id, peer->address, peer->bytes, peer->records, peer->others, peer->ids);
        for (int kind = 0; kind < PROBE_KINDS; kind++) {
            bool first = true;
            (void)printf(",\"%s\":[", names[kind]);
            for (size_t k = 0; k < peer->probe_count; k++) {
                const struct probe *probe = &peer->probes[k];
                if ((int)probe->kind == kind) {
                    int64_t took = probe->back_us == 0 ? -1 : probe->back_us - probe->sent_us;
                    (void)printf("%s[%" PRId64 ",%" PRId64 "]", first ? "" : ",",
                                 probe->sent_us - start, took);
                    first = false;
                }
            }
            (void)printf("]");
        }
        (void)printf("}\n");
    }
    (void)printf("{\"run\":\"%s\",\"done\":true}\n", id);
    (void)fflush(stdout);
}

/* ---- an owner ---- */

enum owner_act {
    OWNER_DECLINES,
    OWNER_LOOKS,
    OWNER_EDITS
};
static const char *const owner_words[] = {
    [OWNER_DECLINES] = "decline", [OWNER_LOOKS] = "look", [OWNER_EDITS] = "edit"};

enum {
    OPEN_MAX = 64,
    PIECES_MAX = 512,
    PAYLOAD_MOST = 16 * 1024 * 1024,
};

struct clip_place {
    struct id request;
    struct clip_id clip;
    uint64_t size; /* of its payload */
};

static bool talk(int fd, const struct control_request *request, struct control_reply *reply,
                 struct buffer *frame) {
    uint8_t header[4];
    buffer_clear(frame);
    if (request != NULL) {
        ASSERT(control_request_encode(request, frame) == ERR_OK);
        write_u32(header, (uint32_t)frame->len);
        if (send(fd, header, 4, MSG_NOSIGNAL) != 4 ||
            send(fd, frame->at, frame->len, MSG_NOSIGNAL) != (ssize_t)frame->len) {
            return false;
        }
        buffer_clear(frame);
    }
    uint8_t *to = NULL;
    if (recv(fd, header, 4, MSG_WAITALL) != 4 ||
        buffer_extend(frame, read_u32(header), &to) != ERR_OK ||
        recv(fd, to, read_u32(header), MSG_WAITALL) != (ssize_t)read_u32(header)) {
        return false;
    }
    return control_reply_decode(buffer_bytes(frame), reply) == ERR_OK;
}

static int open_node(const char *data) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    (void)snprintf(where.sun_path, sizeof where.sun_path, "%s/control.sock", data);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&where, sizeof where) != 0) {
        die(where.sun_path);
    }
    return fd;
}

static size_t list_open(int fd, struct buffer *frame, struct clip_place open[OPEN_MAX]) {
    static struct control_reply reply;
    size_t count = 0;
    struct control_request list = {.op = CONTROL_CLIPS};
    const struct control_request *ask = &list;
    uint64_t had = UINT64_MAX;
    reply.last = false;
    while (ask != NULL || !reply.last || list.offset > had) {
        if (ask == NULL && reply.last) { /* the next part, until one is empty */
            ask = &list;
        }
        had = ask == NULL ? had : list.offset;
        if (!talk(fd, ask, &reply, frame)) {
            die("control socket");
        }
        ask = NULL;
        list.offset += reply.kind == CONTROL_GOT_CLIP ? 1 : 0;
        if (reply.kind == CONTROL_GOT_CLIP && reply.as.clip.state == CLIP_OPEN &&
            count < OPEN_MAX) {
            open[count++] = (struct clip_place){reply.as.clip.request, reply.as.clip.clip,
                                                reply.as.clip.payload_size};
        }
    }
    return count;
}

/* What the node answers to it, DONE. */
static void do_it(int fd, struct buffer *frame, const struct control_request *request,
                  const char *what) {
    static struct control_reply reply;
    if (!talk(fd, request, &reply, frame) || reply.err != ERR_OK) {
        (void)fprintf(stderr, "silence_probe: %s: %s\n", what, err_text(reply.err));
    }
}

static void decline(int fd, struct buffer *frame, const struct clip_place *place) {
    const struct decision decision = {.request = place->request,
                                      .clip = place->clip,
                                      .kind = DECISION_DECLINE,
                                      .created = now_both().wall};
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    ASSERT(decision_encode(&decision, &body) == ERR_OK);
    signed_start(OBJECT_DECISION, buffer_bytes(&body), &object);
    ASSERT(signed_add(&object, &self.owner.sign, &self.owner_public.sign) == ERR_OK);
    ASSERT(signed_encode(&object, &bytes) == ERR_OK);
    const struct control_request put = {
        .op = CONTROL_DECIDE, .clip = place->clip, .blob = buffer_bytes(&bytes)};
    do_it(fd, frame, &put, "not declined");
}

/* As `stoop review` reads a clip. What puts it off is written beside the owner's key, not here. */
static bool look_at(int fd, struct buffer *frame, const struct clip_place *place,
                    struct buffer *payload) {
    static struct control_reply reply;
    const struct control_request head = {.op = CONTROL_CLIP, .clip = place->clip};
    bool good = talk(fd, &head, &reply, frame) && reply.kind == CONTROL_GOT_CLIP;
    buffer_clear(payload);
    while (good && payload->len < place->size) {
        const struct control_request ask = {
            .op = CONTROL_PAYLOAD, .clip = place->clip, .offset = payload->len};
        good = talk(fd, &ask, &reply, frame) && reply.kind == CONTROL_GOT_DATA &&
               reply.as.data.data.len > 0 && buffer_append(payload, reply.as.data.data) == ERR_OK;
    }
    return good; /* false: the request has ended meanwhile */
}

/* Another payload of the same size comes back, and is durable; nobody accepts it. */
static void edit(int fd, struct buffer *frame, const struct clip_place *place,
                 struct buffer *payload) {
    static struct id leaves[PIECES_MAX];
    struct age_file_key key = {{0}};
    struct id root;
    size_t count = (size_t)piece_count(payload->len);
    SCOPED(buffer_finish) struct buffer header = {.max = HEADER_MAX};
    ASSERT(count <= PIECES_MAX);
    random_bytes(payload->at + payload->len - 8, 8);
    for (size_t i = 0; i < count; i++) {
        const struct bytes piece = {payload->at + piece_offset(i), piece_length(payload->len, i)};
        piece_leaf(piece, &leaves[i]);
    }
    piece_root(leaves, count, &root);
    for (size_t i = 0; i < count; i++) {
        const struct control_request put = {
            .op = CONTROL_EDIT_PUT,
            .clip = place->clip,
            .id = root,
            .offset = piece_offset(i),
            .total = payload->len,
            .blob = {payload->at + piece_offset(i), piece_length(payload->len, i)}};
        do_it(fd, frame, &put, "not handed back");
    }
    ASSERT(age_header_make(&self.owner_public.box, 1, &key, &header) == ERR_OK);
    const struct control_request keep = {
        .op = CONTROL_EDIT_KEEP, .clip = place->clip, .id = root, .blob = buffer_bytes(&header)};
    do_it(fd, frame, &keep, "not kept");
}

/* To every open clip; says to how many. */
static int act(const char *data, enum owner_act what) {
    static struct clip_place open[OPEN_MAX];
    SCOPED(buffer_finish) struct buffer frame = {.max = CONTROL_FRAME_MAX};
    SCOPED(buffer_finish) struct buffer payload = {.max = PAYLOAD_MOST};
    int fd = open_node(data);
    size_t count = list_open(fd, &frame, open);
    for (size_t i = 0; i < count; i++) {
        if (what == OWNER_DECLINES) {
            decline(fd, &frame, &open[i]);
        } else if (look_at(fd, &frame, &open[i], &payload) && what == OWNER_EDITS) {
            edit(fd, &frame, &open[i], &payload);
        }
    }
    (void)close(fd);
    return (int)count;
}

int main(int argc, char **argv) {
    char line[512];
    if (argc != 4 || !crypto_start()) {
        (void)fprintf(stderr, "usage: silence_probe probe|owner DATA OWNER-DIR\n");
        return 2;
    }
    bool probes = strcmp(argv[1], "probe") == 0;
    load(argv[2], argv[3]);
    for (size_t i = 0; probes && i < self.peer_count; i++) {
        dial(&self.peers[i]);
    }
    (void)printf("ready\n");
    (void)fflush(stdout);
    while (true) {
        if (probes) { /* between runs the links want to be answered */
            struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
            if (poll(&input, 1, 0) == 0) {
                keep_alive();
                hear_all(now_us() + 20000);
                continue;
            }
        }
        if (fgets(line, sizeof line, stdin) == NULL) {
            return 0;
        }
        char id[32];
        int64_t numbers[5];
        if (probes &&
            sscanf(line, "run %31s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, id,
                   &numbers[0], &numbers[1], &numbers[2], &numbers[3], &numbers[4]) == 6) {
            run(id, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
        }
        for (size_t i = 0; !probes && i < COUNT_OF(owner_words); i++) {
            if (strncmp(line, owner_words[i], strlen(owner_words[i])) == 0) {
                (void)printf("%d\n", act(argv[2], (enum owner_act)i));
                (void)fflush(stdout);
            }
        }
    }
}
