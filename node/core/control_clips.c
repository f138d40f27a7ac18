/* What `stoop review`, `stoop accept` and `stoop collect` ask: footage that waits for this home's
 * owners, and what others granted them (PROTOCOL 6, 7, 10). */
#include <string.h>

#include "node/core/answer.h"

static enum err visit_clip(void *context, const struct store_clip *row);
static void put_clip(const struct store_clip *row, struct control_reply *got);
static enum err send_payload(const struct answer *answer, enum core_file file, struct bytes name,
                             uint64_t total);
static enum err visit_delivered(void *context, const struct store_delivered *row);
static enum err send_delivered(struct answer *answer, const struct store_delivered *row,
                               bool whole);
static enum err discard(const struct answer *answer);

enum err answer_clips(struct answer *answer) {
    const struct id *request = &answer->request->id;
    return answer_part(answer,
                       store_clip_each(answer->core->store, id_is_zero(request) ? NULL : request,
                                       visit_clip, answer));
}

enum err answer_clip(struct answer *answer) {
    struct store_clip row;
    enum err err = store_clip_get(answer->core->store, &answer->request->clip, &row);
    if (err == ERR_OK && row.shred_logged) {
        err = ERR_USER_NOT_FOUND;
    }
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_USER_NO_CLIP : err;
    }
    struct control_reply *got = answer_fresh(answer, CONTROL_GOT_CLIP);
    got->last = true;
    put_clip(&row, got);
    got->as.clip.manifest = row.manifest;
    got->as.clip.header = row.header;
    got->as.clip.edited_header = row.edited_header;
    return answer_send(answer);
}

enum err answer_payload(struct answer *answer) {
    const struct clip_id *clip = &answer->request->clip;
    struct store_clip row;
    enum err err = store_clip_get(answer->core->store, clip, &row);
    if (err == ERR_OK && (row.state == CLIP_DECLINED || row.state == CLIP_ENDED)) {
        err = ERR_USER_NOT_FOUND;
    }
    return err == ERR_OK
               ? send_payload(answer, CORE_FILE_VAULT, BYTES_OF(clip->b), row.payload_size)
               : err;
}

enum err answer_edited(struct answer *answer) {
    struct store_clip row;
    enum err err = store_clip_get(answer->core->store, &answer->request->clip, &row);
    if (err == ERR_OK &&
        (row.edited_size == 0 || row.state == CLIP_DECLINED || row.state == CLIP_ENDED)) {
        err = ERR_USER_NOT_FOUND;
    }
    return err == ERR_OK ? send_payload(answer, CORE_FILE_EDITED, BYTES_OF(row.edited_root.b),
                                        row.edited_size)
                         : err;
}

enum err answer_delivered(struct answer *answer) {
    return answer_part(answer, store_delivered_each(answer->core->store, visit_delivered, answer));
}

enum err answer_delivered_one(struct answer *answer) {
    struct store_delivered row;
    enum err err = store_delivered_get(answer->core->store, &answer->request->id, &row);
    return err == ERR_OK ? send_delivered(answer, &row, true) : err;
}

enum err answer_delivered_data(struct answer *answer) {
    const struct id *grant = &answer->request->id;
    struct store_delivered row;
    enum err err = store_delivered_get(answer->core->store, grant, &row);
    return err == ERR_OK
               ? send_payload(answer, CORE_FILE_DELIVERED, BYTES_OF(grant->b), row.received)
               : err;
}

/* Before the files are: none is there that no row knows. */
enum err answer_collected(struct answer *answer) {
    struct core *core = answer->core;
    const struct control_request *request = answer->request;
    struct store_delivered row;
    struct collected_place place;
    struct log_entry entry = {.kind = LOG_COLLECTED, .at = core->now.wall, .a = request->id};
    if (request->text[0] == '\0' || request->blob.len != sizeof place.text + sizeof place.json) {
        return ERR_PEER_BOUNDS;
    }
    if (!record_has_room(core, RECORD_OF_OWNERS, 1)) {
        return ERR_FULL_QUEUE;
    }
    memcpy(place.place, request->text, sizeof place.place);
    memcpy(place.text.b, request->blob.at, sizeof place.text.b);
    memcpy(place.json.b, request->blob.at + sizeof place.text.b, sizeof place.json.b);
    enum err err = store_delivered_get(core->store, &request->id, &row);
    if (err == ERR_OK && row.deletion != DELETION_NONE) {
        err = ERR_DENY_EXPIRED;
    }
    if (err == ERR_OK) {
        err = store_place_put(core->store, &request->id, &place);
    }
    return err == ERR_OK ? record_add(core, &entry, NULL) : err;
}

enum err answer_delete(struct answer *answer) {
    const bool whole = answer->request->text[0] == '\0';
    return whole ? received_delete(answer->core, &answer->request->id) : discard(answer);
}

/* Without manifest and header: a list of all clips stays small. */
static enum err visit_clip(void *context, const struct store_clip *row) {
    struct answer *answer = context;
    bool had = false;
    enum err err = row->shred_logged ? ERR_OK : answer_turn(answer, &had);
    if (err != ERR_OK || row->shred_logged || had) {
        return err;
    }
    put_clip(row, answer_fresh(answer, CONTROL_GOT_CLIP));
    return answer_row(answer);
}

static void put_clip(const struct store_clip *row, struct control_reply *got) {
    got->as.clip.request = row->request;
    got->as.clip.clip = row->clip;
    got->as.clip.state = row->state;
    got->as.clip.payload_size = row->payload_size;
    got->as.clip.payload_root = row->payload_root;
    got->as.clip.grant = row->grant;
    got->as.clip.owner_count = row->owner_count;
    memcpy(got->as.clip.owners, row->owners, sizeof row->owners);
}

static enum err send_payload(const struct answer *answer, enum core_file file, struct bytes name,
                             uint64_t total) {
    static uint8_t data[CONTROL_DATA_MAX];
    const struct core_disk *disk = &answer->core->config.disk;
    const uint64_t offset = answer->request->offset;
    if (offset > total) {
        return ERR_USER_NOT_FOUND;
    }
    size_t len = total - offset < sizeof data ? (size_t)(total - offset) : sizeof data;
    enum err err = len == 0 ? ERR_OK : disk->read(disk->context, file, name, offset, data, len);
    if (err == ERR_OK) {
        err = answer_data(answer, (struct bytes){data, len}, total);
    }
    return err == ERR_HOST_DISK ? ERR_USER_NOT_FOUND : err;
}

static enum err visit_delivered(void *context, const struct store_delivered *row) {
    struct answer *answer = context;
    bool had = false;
    enum err err = answer_turn(answer, &had);
    return err != ERR_OK || had ? err : send_delivered(answer, row, false);
}

static enum err send_delivered(struct answer *answer, const struct store_delivered *row,
                               bool whole) {
    struct core *core = answer->core;
    struct store_request request = {.sealed_key = {NULL, 0}};
    SCOPED(buffer_finish)
    struct buffer bytes = {.max = SEALED_MANIFEST_MAX + 8 * SIGNED_GOSSIP_MAX};
    const struct bytes parts[] = {row->signed_grant, row->member,
                                  whole ? row->header : (struct bytes){NULL, 0},
                                  whole ? row->manifest : (struct bytes){NULL, 0},
                                  whole ? row->vouch : (struct bytes){NULL, 0}};
    size_t at[COUNT_OF(parts) + 1] = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(parts); i++) {
        err = buffer_append(&bytes, parts[i]);
        at[i + 1] = bytes.len;
    }
    struct control_reply *got = answer_fresh(answer, CONTROL_GOT_DELIVERED);
    if (err == ERR_OK) {
        err = store_places(core->store, &row->grant, got->as.delivered.places,
                           &got->as.delivered.place_count);
    }
    if (err == ERR_OK) { /* last: its sealed key lasts until the store is asked again */
        err = store_request_get(core->store, &row->request, &request);
    }
    if (err != ERR_OK && err != ERR_USER_NOT_FOUND) {
        return err;
    }
    got->last = whole;
    got->as.delivered.grant = row->grant;
    got->as.delivered.request = row->request;
    got->as.delivered.signed_grant = (struct bytes){bytes.at, at[1]};
    got->as.delivered.member = (struct bytes){bytes.at + at[1], at[2] - at[1]};
    got->as.delivered.header = (struct bytes){bytes.at + at[2], at[3] - at[2]};
    got->as.delivered.manifest = (struct bytes){bytes.at + at[3], at[4] - at[3]};
    got->as.delivered.vouch = (struct bytes){bytes.at + at[4], at[5] - at[4]};
    got->as.delivered.sealed_key = request.sealed_key;
    got->as.delivered.received = row->received;
    got->as.delivered.payload_size = row->payload_size;
    got->as.delivered.completed = row->completed;
    got->as.delivered.deleted = row->deletion != DELETION_NONE;
    (void)transfer_progress(core->transfer, &row->grant, &got->as.delivered.received);
    return answer_row(answer);
}

/* Files that `stoop collect` wrote: on record before they go; the place is known until none is
 * left. */
static enum err discard(const struct answer *answer) {
    struct core *core = answer->core;
    const struct control_request *request = answer->request;
    struct collected_place places[CONTROL_PLACES_MAX];
    struct log_entry entry = {
        .kind = LOG_DISCARDED, .at = core->now.wall, .a = request->id, .numbers = {request->total}};
    size_t count = 0;
    bool known = false;
    enum err err = store_places(core->store, &request->id, places, &count);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        known |= strcmp(places[i].place, request->text) == 0;
    }
    if (err != ERR_OK || !known || request->total > CONTROL_PLACE_FILES) {
        return err == ERR_OK ? ERR_USER_NOT_FOUND : err;
    }
    if (request->total == 0) {
        return store_place_remove(core->store, &request->id, request->text);
    }
    return record_has_room(core, RECORD_OF_OWNERS, 1) ? record_add(core, &entry, NULL)
                                                      : ERR_FULL_QUEUE;
}
