#include "tests/support/schema.h"

#include <string.h>

#include "node/base/assert.h"
#include "proto/control.pb-c.h"
#include "proto/frame.pb-c.h"
#include "proto/ingest.pb-c.h"
#include "proto/link.pb-c.h"
#include "proto/object.pb-c.h"

static const ProtobufCMessageDescriptor *const messages[] = {
    &stoop__v1__signed__descriptor,
    &stoop__v1__signature__descriptor,
    &stoop__v1__head__descriptor,
    &stoop__v1__point__descriptor,
    &stoop__v1__place__descriptor,
    &stoop__v1__terms__descriptor,
    &stoop__v1__caps__descriptor,
    &stoop__v1__agency__descriptor,
    &stoop__v1__role_rule__descriptor,
    &stoop__v1__admission__descriptor,
    &stoop__v1__door_link__descriptor,
    &stoop__v1__charter__descriptor,
    &stoop__v1__removed__descriptor,
    &stoop__v1__renewed__descriptor,
    &stoop__v1__act__descriptor,
    &stoop__v1__endorsement__descriptor,
    &stoop__v1__removal__descriptor,
    &stoop__v1__renewal__descriptor,
    &stoop__v1__member__descriptor,
    &stoop__v1__invite__descriptor,
    &stoop__v1__node_record__descriptor,
    &stoop__v1__instrument__descriptor,
    &stoop__v1__document__descriptor,
    &stoop__v1__court_seal__descriptor,
    &stoop__v1__request__descriptor,
    &stoop__v1__withdrawal__descriptor,
    &stoop__v1__call_back__descriptor,
    &stoop__v1__view__descriptor,
    &stoop__v1__camera__descriptor,
    &stoop__v1__further_community__descriptor,
    &stoop__v1__camera_list__descriptor,
    &stoop__v1__run__descriptor,
    &stoop__v1__treaty_side__descriptor,
    &stoop__v1__treaty__descriptor,
    &stoop__v1__roll__descriptor,
    &stoop__v1__gateway__descriptor,
    &stoop__v1__membership__descriptor,
    &stoop__v1__crossing__descriptor,
    &stoop__v1__manifest__descriptor,
    &stoop__v1__edit_area__descriptor,
    &stoop__v1__edit__descriptor,
    &stoop__v1__grant__descriptor,
    &stoop__v1__decision__descriptor,
    &stoop__v1__receipt__descriptor,
    &stoop__v1__receipt_commitment__descriptor,
    &stoop__v1__deletion_receipt__descriptor,
    &stoop__v1__ping__descriptor,
    &stoop__v1__gossip__descriptor,
    &stoop__v1__ihave__descriptor,
    &stoop__v1__graft__descriptor,
    &stoop__v1__prune__descriptor,
    &stoop__v1__neighbour__descriptor,
    &stoop__v1__walk__descriptor,
    &stoop__v1__shuffle__descriptor,
    &stoop__v1__sync__descriptor,
    &stoop__v1__sync_ids__descriptor,
    &stoop__v1__attachment_want__descriptor,
    &stoop__v1__attachment_piece__descriptor,
    &stoop__v1__checkpoint__descriptor,
    &stoop__v1__consistency__descriptor,
    &stoop__v1__cosignature__descriptor,
    &stoop__v1__fork__descriptor,
    &stoop__v1__epoch__descriptor,
    &stoop__v1__standing__descriptor,
    &stoop__v1__caught_up__descriptor,
    &stoop__v1__join_ask__descriptor,
    &stoop__v1__join_member__descriptor,
    &stoop__v1__join_welcome__descriptor,
    &stoop__v1__meet_share__descriptor,
    &stoop__v1__meet_confirm__descriptor,
    &stoop__v1__meet_code__descriptor,
    &stoop__v1__meet_commit__descriptor,
    &stoop__v1__meet_reveal__descriptor,
    &stoop__v1__offer__descriptor,
    &stoop__v1__want__descriptor,
    &stoop__v1__leaves__descriptor,
    &stoop__v1__pieces__descriptor,
    &stoop__v1__receipt_message__descriptor,
    &stoop__v1__header__descriptor,
    &stoop__v1__vouch__descriptor,
    &stoop__v1__carry__descriptor,
    &stoop__v1__carried__descriptor,
    &stoop__v1__frame__descriptor,
    &stoop__v1__ingest_camera_list__descriptor,
    &stoop__v1__ingest_request__descriptor,
    &stoop__v1__ingest_shred__descriptor,
    &stoop__v1__ingest_held__descriptor,
    &stoop__v1__ingest_hello__descriptor,
    &stoop__v1__ingest_camera_list_done__descriptor,
    &stoop__v1__ingest_match__descriptor,
    &stoop__v1__ingest_request_done__descriptor,
    &stoop__v1__ingest_period__descriptor,
    &stoop__v1__ingest_shred_done__descriptor,
    &stoop__v1__ingest_act__descriptor,
    &stoop__v1__control_request__descriptor,
    &stoop__v1__done__descriptor,
    &stoop__v1__overlay_figures__descriptor,
    &stoop__v1__status__descriptor,
    &stoop__v1__got_object__descriptor,
    &stoop__v1__got_data__descriptor,
    &stoop__v1__got_request__descriptor,
    &stoop__v1__got_clip__descriptor,
    &stoop__v1__got_overdue__descriptor,
    &stoop__v1__collected_place__descriptor,
    &stoop__v1__got_delivered__descriptor,
    &stoop__v1__got_leaf__descriptor,
    &stoop__v1__got_proof__descriptor,
    &stoop__v1__progress__descriptor,
    &stoop__v1__got_log__descriptor,
    &stoop__v1__peer_link__descriptor,
    &stoop__v1__peer_gone__descriptor,
    &stoop__v1__got_peers__descriptor,
};

static uint64_t read_wire(struct bytes from, size_t *at);

size_t schema_count(void) {
    return COUNT_OF(messages);
}

const ProtobufCMessageDescriptor *schema_at(size_t index) {
    ASSERT(index < COUNT_OF(messages));
    return messages[index];
}

const ProtobufCMessageDescriptor *schema_named(const char *name) {
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        if (strcmp(messages[i]->short_name, name) == 0) {
            return messages[i];
        }
    }
    return NULL;
}

bool schema_repack(const ProtobufCMessageDescriptor *schema, struct bytes from,
                   struct buffer *out) {
    ProtobufCMessage *message = protobuf_c_message_unpack(schema, NULL, from.len, from.at);
    if (message == NULL) {
        return false;
    }
    uint8_t *to = NULL;
    size_t size = protobuf_c_message_get_packed_size(message);
    ASSERT(buffer_extend(out, size, &to) == ERR_OK);
    if (size > 0) {
        (void)protobuf_c_message_pack(message, to);
    }
    protobuf_c_message_free_unpacked(message, NULL);
    return true;
}

size_t wire_split(struct bytes from, struct wire_field out[WIRE_FIELDS_MAX]) {
    size_t count = 0;
    for (size_t at = 0; at < from.len; count++) {
        ASSERT(count < WIRE_FIELDS_MAX);
        struct wire_field *field = &out[count];
        field->start = at;
        uint64_t tag = read_wire(from, &at);
        field->number = (uint32_t)(tag >> 3);
        field->type = tag & 7;
        field->value = at;
        uint64_t value = read_wire(from, &at);
        if (field->type == 2) {
            field->value = at;
            at += value;
        }
        ASSERT(field->type == 0 || field->type == 2);
        field->end = at;
    }
    return count;
}

void wire_varint(struct buffer *out, uint64_t value) {
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value >= 0x80 ? 0x80 : 0));
        wire_raw(out, (struct bytes){&byte, 1});
        value >>= 7;
    } while (value > 0);
}

void wire_number(struct buffer *out, uint32_t number, uint64_t value) {
    wire_varint(out, (uint64_t)number << 3);
    wire_varint(out, value);
}

void wire_run(struct buffer *out, uint32_t number, struct bytes run) {
    wire_varint(out, (uint64_t)number << 3 | 2);
    wire_varint(out, run.len);
    wire_raw(out, run);
}

void wire_raw(struct buffer *out, struct bytes raw) {
    ASSERT(buffer_append(out, raw) == ERR_OK);
}

static uint64_t read_wire(struct bytes from, size_t *at) {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;
    while (byte >= 0x80) {
        ASSERT(*at < from.len && shift < 64);
        byte = from.at[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    }
    return value;
}
