/* What programs say to each other: links, ingest, control. */
#include <stdlib.h>
#include <string.h>

#include "node/transport/transport.h"
#include "proto/control.h"
#include "proto/fence.h"
#include "proto/ingest.h"
#include "tests/support/check.h"
#include "tests/support/fill.h"
#include "tests/support/schema.h"

static const struct fill_kind *link_kinds;
static size_t link_count;
static const struct fill_kind ingest_kinds[] = {
    {INGEST_CAMERA_LIST, "IngestCameraList"},
    {INGEST_REQUEST, "IngestRequest"},
    {INGEST_SHRED, "IngestShred"},
    {INGEST_HELD, "IngestHeld"},
    {INGEST_HELLO, "IngestHello"},
    {INGEST_CAMERA_LIST_DONE, "IngestCameraListDone"},
    {INGEST_MATCH, "IngestMatch"},
    {INGEST_REQUEST_DONE, "IngestRequestDone"},
    {INGEST_PERIOD, "IngestPeriod"},
    {INGEST_SHRED_DONE, "IngestShredDone"},
    {INGEST_ACT, "IngestAct"},
};
static const struct fill_kind reply_kinds[] = {
    {CONTROL_DONE, "Done"},
    {CONTROL_GOT_STATUS, "Status"},
    {CONTROL_GOT_OBJECT, "GotObject"},
    {CONTROL_GOT_DATA, "GotData"},
    {CONTROL_GOT_REQUEST, "GotRequest"},
    {CONTROL_GOT_CLIP, "GotClip"},
    {CONTROL_GOT_DELIVERED, "GotDelivered"},
    {CONTROL_GOT_LEAF, "GotLeaf"},
    {CONTROL_GOT_PROOF, "GotProof"},
    {CONTROL_PROGRESS, "Progress"},
    {CONTROL_GOT_LOG, "GotLog"},
    {CONTROL_GOT_PEERS, "GotPeers"},
    {CONTROL_GOT_OVERDUE, "GotOverdue"},
};

static _Alignas(max_align_t) uint8_t plain[FILL_ROOM];
static struct link_message link_out;
static struct ingest_message ingest_out;
static struct control_reply reply_out;

static enum err link_through(uint32_t kind, struct buffer *out) {
    struct link_message *message = (void *)plain;
    message->kind = (enum link_kind)kind;
    enum err err = link_encode(message, out);
    memset(&link_out, 0xa5, sizeof link_out);
    return err == ERR_OK ? link_decode((uint8_t)kind, buffer_bytes(out), &link_out) : err;
}

static enum err ingest_through(uint32_t kind, struct buffer *out) {
    struct ingest_message *message = (void *)plain;
    message->kind = (enum ingest_kind)kind;
    enum err err = ingest_encode(message, out);
    memset(&ingest_out, 0xa5, sizeof ingest_out);
    return err == ERR_OK ? ingest_decode(buffer_bytes(out), &ingest_out) : err;
}

static enum err reply_through(uint32_t kind, struct buffer *out) {
    struct control_reply *reply = (void *)plain;
    reply->kind = (enum control_kind)kind;
    enum err err = control_reply_encode(reply, out);
    memset(&reply_out, 0xa5, sizeof reply_out);
    return err == ERR_OK ? control_reply_decode(buffer_bytes(out), &reply_out) : err;
}

/* Each kind by its own shape, whole, and within what carries it. */
static void check_family(const struct fill_kind *kinds, size_t count, size_t room,
                         enum err (*through)(uint32_t kind, struct buffer *out), const void *got) {
    for (size_t i = 0; i < count; i++) {
        const struct shape *shape = fill_shape_named(kinds[i].shape);
        for (uint64_t seed = 0; seed < 16; seed++) {
            struct buffer out;
            buffer_init(&out, room);
            fill_shape(shape, seed > FILL_SOME ? FILL_SOME : (enum fill_how)seed, seed, plain);
            enum err err = through(kinds[i].kind, &out);
            if (err != ERR_OK || !fill_equal(shape, plain, got)) {
                fail_msg("%s, seed %u: %s", kinds[i].shape, (unsigned)seed, err_name(err));
            }
            uint32_t kind = 0; /* every family's struct begins with it */
            memcpy(&kind, got, sizeof kind);
            CHECK(kind == kinds[i].kind);
            buffer_finish(&out);
        }
    }
}

static void test_every_kind_comes_through_as_itself(void **state) {
    (void)state;
    check_family(link_kinds, link_count, TRANSPORT_DATA_MAX, link_through, &link_out);
    check_family(ingest_kinds, COUNT_OF(ingest_kinds), INGEST_FRAME_MAX, ingest_through,
                 &ingest_out);
    check_family(reply_kinds, COUNT_OF(reply_kinds), CONTROL_FRAME_MAX, reply_through, &reply_out);
}

static bool listed(const struct fill_kind *kinds, size_t count, uint32_t kind) {
    for (size_t i = 0; i < count; i++) {
        if (kinds[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static void test_kinds_that_do_not_exist_are_unknown(void **state) {
    (void)state;
    for (uint32_t kind = 0; kind < 256; kind++) {
        struct buffer frame;
        buffer_init(&frame, 64);
        wire_number(&frame, 1, kind == 0 ? 256 + 10 : kind); /* no low byte is taken for a kind */
        if (!listed(link_kinds, link_count, kind)) {
            CHECK_ERR(ERR_PEER_UNKNOWN,
                      link_decode((uint8_t)kind, (struct bytes){NULL, 0}, &link_out));
            CHECK(link_out.kind == 0);
        }
        if (!listed(ingest_kinds, COUNT_OF(ingest_kinds), kind)) {
            CHECK_ERR(ERR_PEER_UNKNOWN, ingest_decode(buffer_bytes(&frame), &ingest_out));
        }
        if (!listed(reply_kinds, COUNT_OF(reply_kinds), kind)) {
            CHECK_ERR(ERR_PEER_UNKNOWN, control_reply_decode(buffer_bytes(&frame), &reply_out));
        }
        buffer_finish(&frame);
    }
}

/* A body is read as its frame's kind and as no other, and what fails leaves nothing behind. */
static void test_bodies_of_another_kind_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < link_count; i++) {
        const struct shape *shape = fill_shape_named(link_kinds[i].shape);
        struct buffer out;
        buffer_init(&out, TRANSPORT_DATA_MAX);
        fill_shape(shape, FILL_MOST, 1, plain);
        CHECK_ERR(ERR_OK, link_through(link_kinds[i].kind, &out));
        wire_number(&out, 200, 1);
        memset(&link_out, 0xa5, sizeof link_out);
        CHECK_ERR(ERR_PEER_MALFORMED,
                  link_decode((uint8_t)link_kinds[i].kind, buffer_bytes(&out), &link_out));
        for (size_t b = 0; b < sizeof link_out; b++) {
            CHECK(((const uint8_t *)&link_out)[b] == 0);
        }
        buffer_finish(&out);
    }
    struct buffer frame;
    struct buffer body;
    buffer_init(&frame, 1024);
    buffer_init(&body, 1024);
    uint8_t clip[16] = {1};
    wire_run(&body, 2, BYTES_OF(clip));
    wire_number(&frame, 1, INGEST_REQUEST_DONE); /* names a request, of 32 bytes */
    wire_run(&frame, 2, buffer_bytes(&body));
    CHECK_ERR(ERR_PEER_BOUNDS, ingest_decode(buffer_bytes(&frame), &ingest_out));
    buffer_finish(&frame);
    buffer_finish(&body);
}

/* ---- rules between fields ---- */

/* NOLINTBEGIN(bugprone-macro-parentheses): statements */
#define BREAK(name, change)                                                                        \
    static void name(struct link_message *x) {                                                     \
        change;                                                                                    \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
BREAK(sync_is_empty, x->as.sync.lower = x->as.sync.prints[0].upper)
BREAK(sync_is_backwards, x->as.sync.prints[1].upper = x->as.sync.prints[0].upper)
BREAK(spans_are_empty, x->as.sync_ids.spans[0].upper = x->as.sync_ids.spans[0].lower)
BREAK(spans_overlap, x->as.sync_ids.spans[1].lower = x->as.sync_ids.spans[0].lower)
BREAK(spans_name_more_ids, x->as.sync_ids.spans[0].count[0] += 1)
BREAK(piece_passes_its_end, x->as.attachment_piece.offset++)
BREAK(piece_is_shorter_than_it_can_be, x->as.attachment_piece.data.len--)
BREAK(piece_begins_past_its_end, x->as.attachment_piece.size = 7; x->as.attachment_piece.offset = 8)
BREAK(manifest_passes_its_end, x->as.header.manifest_size--)

static void test_each_rule_between_fields_holds_both_ways(void **state) {
    (void)state;
    static const struct {
        enum link_kind kind;
        const char *shape;
        const char *what;
        void (*spoil)(struct link_message *x);
    } rules[] = {
#define RULE(kind, shape, name) {kind, shape, #name, name}
        RULE(LINK_SYNC, "Sync", sync_is_empty),
        RULE(LINK_SYNC, "Sync", sync_is_backwards),
        RULE(LINK_SYNC_IDS, "SyncIds", spans_are_empty),
        RULE(LINK_SYNC_IDS, "SyncIds", spans_overlap),
        RULE(LINK_SYNC_WANT, "SyncIds", spans_name_more_ids),
        RULE(LINK_ATTACHMENT_PIECE, "AttachmentPiece", piece_passes_its_end),
        RULE(LINK_ATTACHMENT_PIECE, "AttachmentPiece", piece_is_shorter_than_it_can_be),
        RULE(LINK_ATTACHMENT_PIECE, "AttachmentPiece", piece_begins_past_its_end),
        RULE(LINK_HEADER, "Header", manifest_passes_its_end),
    };
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        struct shape loose = *fill_shape_named(rules[i].shape);
        struct buffer out;
        buffer_init(&out, TRANSPORT_DATA_MAX);
        loose.check = NULL;
        fill_shape(&loose, FILL_MOST, i, plain);
        rules[i].spoil((struct link_message *)(void *)plain);
        CHECK_ERR(ERR_PEER_BOUNDS, link_through(rules[i].kind, &out));
        CHECK_ERR(ERR_OK, fence_encode(&loose, plain, &out));
        if (link_decode((uint8_t)rules[i].kind, buffer_bytes(&out), &link_out) != ERR_PEER_BOUNDS) {
            fail_msg("%s was decoded", rules[i].what);
        }
        buffer_finish(&out);
    }
}

static void test_status_names_addresses_only(void **state) {
    (void)state;
    struct control_reply *reply = (void *)plain;
    struct buffer out;
    buffer_init(&out, CONTROL_FRAME_MAX);
    fill_shape(fill_shape_named("Status"), FILL_MOST, 1, plain);
    memcpy(reply->as.status.addresses[3], "example.org:80", 15);
    CHECK_ERR(ERR_PEER_BOUNDS, reply_through(CONTROL_GOT_STATUS, &out));
    buffer_finish(&out);
}

static void test_a_link_names_an_address_or_none(void **state) {
    (void)state;
    struct control_reply *reply = (void *)plain;
    struct peer_link *link = &reply->as.peers.links[CONTROL_PEERS_MAX - 1];
    struct buffer out;
    buffer_init(&out, CONTROL_FRAME_MAX);
    fill_shape(fill_shape_named("GotPeers"), FILL_MOST, 1, plain);
    memset(link->address, 0, sizeof link->address);
    CHECK_ERR(ERR_OK, reply_through(CONTROL_GOT_PEERS, &out));
    memcpy(link->address, "example.org:80", 15);
    CHECK_ERR(ERR_PEER_BOUNDS, reply_through(CONTROL_GOT_PEERS, &out));
    buffer_finish(&out);
}

/* The open ranges that begin every reconciliation. */
static void test_a_range_may_be_all_of_time(void **state) {
    (void)state;
    struct link_message *message = (void *)plain;
    struct buffer out;
    buffer_init(&out, TRANSPORT_DATA_MAX);
    memset(plain, 0, sizeof *message);
    message->as.sync.count = 1;
    memset(message->as.sync.prints[0].upper.b, 0xff, sizeof message->as.sync.prints[0].upper.b);
    CHECK_ERR(ERR_OK, link_through(LINK_SYNC, &out));
    CHECK(link_out.as.sync.count == 1);
    CHECK(memcmp(link_out.as.sync.prints[0].upper.b, message->as.sync.prints[0].upper.b,
                 sizeof message->as.sync.prints[0].upper.b) == 0);
    buffer_finish(&out);
}

static void test_control_requests_round_trip(void **state) {
    (void)state;
    const struct shape *shape = fill_shape_named("ControlRequest");
    struct control_request got;
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct buffer out;
        buffer_init(&out, CONTROL_FRAME_MAX);
        fill_shape(shape, seed == 0 ? FILL_LEAST : FILL_SOME, seed, plain);
        struct control_request *request = (void *)plain;
        CHECK_ERR(ERR_OK, control_request_encode(request, &out));
        CHECK_ERR(ERR_OK, control_request_decode(buffer_bytes(&out), &got));
        CHECK(fill_equal(shape, plain, &got));
        buffer_finish(&out);
    }
}

int main(void) {
    link_kinds = fill_link_kinds(&link_count);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_comes_through_as_itself),
        cmocka_unit_test(test_kinds_that_do_not_exist_are_unknown),
        cmocka_unit_test(test_bodies_of_another_kind_are_refused),
        cmocka_unit_test(test_each_rule_between_fields_holds_both_ways),
        cmocka_unit_test(test_status_names_addresses_only),
        cmocka_unit_test(test_a_link_names_an_address_or_none),
        cmocka_unit_test(test_a_range_may_be_all_of_time),
        cmocka_unit_test(test_control_requests_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
