#include "tests/support/fill.h"

#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/base/instant.h"
#include "proto/control.h"
#include "proto/ingest.h"
#include "proto/treaty.h"

enum {
    BORROWED_ROOM = 1024 * 1024 + 8192
};

struct filler {
    enum fill_how how;
    uint64_t state;
};

static void fill_rows(struct filler *filler, const struct shape *shape, uint8_t *plain);
static size_t choose_count(struct filler *filler, const struct shape *shape, size_t row,
                           const uint8_t *plain);
static void fill_element(struct filler *filler, const struct shape_field *field, uint8_t *at);
static uint64_t choose_number(struct filler *filler, const struct shape_field *field);
static void put_number(char number[CALL_NUMBER_BYTES]) {
    size_t len = strlen(number);
    memset(number, '7', len < 3 ? 3 : len);
    number[len < 3 ? 3 : len] = '\0';
}

static void put_right(const struct shape *shape, void *plain);
static uint64_t next_random(struct filler *filler);
static void collect(const struct shape *shape, const struct shape **out, size_t *count);

void fill_shape(const struct shape *shape, enum fill_how how, uint64_t seed, void *plain) {
    struct filler filler = {.how = how, .state = seed};
    ASSERT(fill_size(shape) <= FILL_ROOM);
    memset(plain, 0, FILL_ROOM);
    fill_rows(&filler, shape, plain);
}

bool fill_equal(const struct shape *shape, const void *a, const void *b) {
    const uint8_t *left = a;
    const uint8_t *right = b;
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct shape_field *field = &shape->fields[i];
        size_t count = 1;
        if (field->counted && (field->repeated || field->kind == SHAPE_PACKED)) {
            size_t other = 0;
            memcpy(&count, left + field->count_offset, sizeof count);
            memcpy(&other, right + field->count_offset, sizeof other);
            if (count != other) {
                return false;
            }
        } else if (field->counted) {
            if (left[field->count_offset] != right[field->count_offset]) {
                return false;
            }
            count = left[field->count_offset];
        }
        for (size_t k = 0; k < count; k++) {
            const uint8_t *l = left + field->offset + k * field->size;
            const uint8_t *r = right + field->offset + k * field->size;
            bool same = false;
            if (field->kind == SHAPE_MESSAGE) {
                same = fill_equal(field->sub, l, r);
            } else if (field->kind == SHAPE_BYTES) {
                struct bytes lb;
                struct bytes rb;
                memcpy(&lb, l, sizeof lb);
                memcpy(&rb, r, sizeof rb);
                same = bytes_equal(lb, rb);
            } else if (field->kind == SHAPE_TEXT) {
                same = strcmp((const char *)l, (const char *)r) == 0;
            } else {
                same = memcmp(l, r, field->size) == 0;
            }
            if (!same) {
                return false;
            }
        }
    }
    return true;
}

size_t fill_all_shapes(const struct shape *out[FILL_SHAPES_MAX]) {
    const struct shape *const *const lists[] = {signed_shapes, object_shapes, message_shapes};
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        for (const struct shape *const *shape = lists[i]; *shape != NULL; shape++) {
            collect(*shape, out, &count);
        }
    }
    return count;
}

const struct shape *fill_shape_named(const char *name) {
    const struct shape *all[FILL_SHAPES_MAX];
    size_t count = fill_all_shapes(all);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}

const struct fill_kind *fill_link_kinds(size_t *count) {
    static const struct fill_kind kinds[] = {
        {LINK_PING, "Ping"},
        {LINK_PONG, "Ping"},
        {LINK_GOSSIP, "Gossip"},
        {LINK_IHAVE, "IHave"},
        {LINK_GRAFT, "Graft"},
        {LINK_PRUNE, "Prune"},
        {LINK_NEIGHBOUR, "Neighbour"},
        {LINK_WALK, "Walk"},
        {LINK_SHUFFLE, "Shuffle"},
        {LINK_SHUFFLED, "Shuffle"},
        {LINK_SYNC, "Sync"},
        {LINK_SYNC_IDS, "SyncIds"},
        {LINK_SYNC_WANT, "SyncIds"},
        {LINK_ATTACHMENT_WANT, "AttachmentWant"},
        {LINK_ATTACHMENT_PIECE, "AttachmentPiece"},
        {LINK_CHECKPOINT, "Checkpoint"},
        {LINK_WITNESSED, "Checkpoint"},
        {LINK_CONSISTENCY, "Consistency"},
        {LINK_COSIGNATURE, "Cosignature"},
        {LINK_FORK, "Fork"},
        {LINK_EPOCH, "Epoch"},
        {LINK_STANDING, "Standing"},
        {LINK_CAUGHT_UP, "CaughtUp"},
        {LINK_JOIN_ASK, "JoinAsk"},
        {LINK_JOIN_MEMBER, "JoinMember"},
        {LINK_JOIN_WELCOME, "JoinWelcome"},
        {LINK_MEET_SHARE, "MeetShare"},
        {LINK_MEET_CONFIRM, "MeetConfirm"},
        {LINK_MEET_CODE, "MeetCode"},
        {LINK_MEET_COMMIT, "MeetCommit"},
        {LINK_MEET_REVEAL, "MeetReveal"},
        {LINK_OFFER, "Offer"},
        {LINK_WANT, "Want"},
        {LINK_LEAVES, "Leaves"},
        {LINK_PIECES, "Pieces"},
        {LINK_RECEIPT, "ReceiptMessage"},
        {LINK_HEADER, "Header"},
        {LINK_VOUCH, "Vouch"},
        {LINK_CARRY, "Carry"},
        {LINK_CARRIED, "Carried"},
    };
    *count = COUNT_OF(kinds);
    return kinds;
}

size_t fill_size(const struct shape *shape) {
    size_t size = 0;
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct shape_field *field = &shape->fields[i];
        size_t end = field->offset + field->size * (field->max_count == 0 ? 1 : field->max_count);
        size_t count_end = field->counted ? field->count_offset + sizeof(size_t) : 0;
        size = end > size ? end : size;
        size = count_end > size ? count_end : size;
    }
    return size;
}

static void fill_rows(struct filler *filler, const struct shape *shape, uint8_t *plain) {
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct shape_field *field = &shape->fields[i];
        size_t count = choose_count(filler, shape, i, plain);
        for (size_t k = 0; k < count; k++) {
            fill_element(filler, field, plain + field->offset + k * field->size);
        }
        if (field->counted && field->kind == SHAPE_MESSAGE && !field->repeated) {
            *(bool *)(plain + field->count_offset) = count != 0;
        } else if (field->counted) {
            memcpy(plain + field->count_offset, &count, sizeof count);
        }
    }
    put_right(shape, plain);
}

static size_t choose_count(struct filler *filler, const struct shape *shape, size_t row,
                           const uint8_t *plain) {
    const struct shape_field *field = &shape->fields[row];
    size_t least = field->required ? 1 : 0;
    size_t most = field->max_count == 0 ? 1 : field->max_count;
    for (size_t i = 0; i < row; i++) { /* two arrays may share their count */
        if (field->counted && shape->fields[i].counted &&
            shape->fields[i].count_offset == field->count_offset) {
            size_t count = 0;
            memcpy(&count, plain + field->count_offset, sizeof count);
            return count;
        }
    }
    switch (filler->how) {
    case FILL_LEAST:
        return least;
    case FILL_MOST:
        return most;
    case FILL_SOME:
        return least + (size_t)(next_random(filler) % ((most > 4 ? 4 : most) - least + 1));
    }
    return least;
}

static void fill_element(struct filler *filler, const struct shape_field *field, uint8_t *at) {
    static uint8_t borrowed[BORROWED_ROOM];
    size_t len = 0;
    if (field->kind == SHAPE_MESSAGE) {
        fill_rows(filler, field->sub, at);
    } else if (field->kind == SHAPE_FIXED || field->kind == SHAPE_PACKED) {
        for (size_t i = 0; i < field->size; i++) {
            at[i] = (uint8_t)next_random(filler);
        }
        at[0] |= 1; /* never all zero */
    } else if (field->kind == SHAPE_TEXT) {
        len = filler->how == FILL_LEAST  ? 1
              : filler->how == FILL_MOST ? field->size - 1
                                         : 1 + (size_t)(next_random(filler) % (field->size - 1));
        for (size_t i = 0; i < len; i++) {
            at[i] = (uint8_t)('a' + next_random(filler) % 26);
        }
    } else if (field->kind == SHAPE_BYTES) {
        len = filler->how == FILL_LEAST  ? 1
              : filler->how == FILL_MOST ? (size_t)field->max
                                         : 1 + (size_t)(next_random(filler) % 64);
        size_t from = (size_t)(next_random(filler) % 4096);
        if (borrowed[0] == 0) {
            for (size_t i = 0; i < sizeof borrowed; i++) {
                borrowed[i] = (uint8_t)(1 + i % 251);
            }
        }
        ASSERT(from + len <= sizeof borrowed);
        memcpy(at, &(struct bytes){borrowed + from, len}, sizeof(struct bytes));
    } else {
        uint64_t number = choose_number(filler, field);
        if (field->kind == SHAPE_BOOL) {
            *(bool *)at = number != 0;
        } else {
            memcpy(at, &number, field->size); /* little-endian, as objects.c asserts */
        }
    }
}

static uint64_t choose_number(struct filler *filler, const struct shape_field *field) {
    uint64_t most = field->max;
    if (field->kind == SHAPE_BOOL) {
        most = 1;
    } else if (field->kind == SHAPE_TIME) {
        most = INSTANT_MAX_MS;
    } else if (most == 0) {
        most = field->size == sizeof(uint32_t) ? UINT32_MAX : UINT64_MAX;
    }
    uint64_t least = field->min > 0 || !field->required ? field->min : 1;
    switch (filler->how) {
    case FILL_LEAST:
        return field->kind == SHAPE_SINT ? 0 - most : least;
    case FILL_MOST:
        return most;
    case FILL_SOME:
        return least +
               next_random(filler) % (most - least == UINT64_MAX ? UINT64_MAX : most - least + 1);
    }
    return least;
}

/* ---- what checks demand ---- */

static void put_addresses(char addresses[][ADDRESS_MAX_BYTES], size_t count) {
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(addresses[i], ADDRESS_MAX_BYTES, "203.0.113.%zu:7878", i + 1);
    }
}

static void put_order(struct instant *from, struct instant *to) {
    if (to->ms <= 1) {
        to->ms = 2;
    }
    if (from->ms >= to->ms) {
        from->ms = to->ms - 1;
    }
}

/* Bounds that rise, and counts that add up. */
static void put_sync(struct link_message *message) {
    memset(message->as.sync.lower.b, 0, sizeof message->as.sync.lower.b);
    for (size_t i = 0; i < message->as.sync.count; i++) {
        write_u32(message->as.sync.prints[i].upper.b, (uint32_t)i + 1);
    }
}

static void put_spans(struct link_message *message) {
    size_t ids = message->as.sync_ids.count;
    for (size_t i = 0; i < message->as.sync_ids.span_count; i++) {
        struct sync_span *span = &message->as.sync_ids.spans[i];
        write_u32(span->lower.b, (uint32_t)i);
        write_u32(span->upper.b, (uint32_t)i + 1);
        memset(span->lower.b + 4, 0, sizeof span->lower.b - 4);
        memset(span->upper.b + 4, 0, sizeof span->upper.b - 4);
        bool last = i + 1 == message->as.sync_ids.span_count;
        write_u16(span->count, (uint16_t)(last ? ids : ids / 2));
        ids -= last ? ids : ids / 2;
    }
}

static void put_place(struct geo_place *place) {
    static const struct geo_point quarter[] = {
        {10000, 0}, {0, 10000}, {-10000, 0}, {0, -10000}}; /* corners on a diamond's edges */
    if (place->count < 3) {
        place->count = 1;
        place->radius_m = place->radius_m == 0 ? 1 : place->radius_m;
        place->points[0] = (struct geo_point){525200000, 134050000};
        return;
    }
    place->radius_m = 0;
    place->count = place->count / 4 * 4 == 0 ? 4 : place->count / 4 * 4;
    int32_t each = (int32_t)(place->count / 4);
    for (size_t i = 0; i < place->count; i++) {
        struct geo_point a = quarter[i / (size_t)each];
        struct geo_point b = quarter[(i / (size_t)each + 1) % 4];
        int32_t part = (int32_t)i % each;
        int32_t bulge = 10 * part * (each - part); /* outwards: no three corners in a line */
        int32_t lat = a.lat + (b.lat - a.lat) * part / each;
        int32_t lon = a.lon + (b.lon - a.lon) * part / each;
        lat += a.lat + b.lat > 0 ? bulge : -bulge;
        lon += a.lon + b.lon > 0 ? bulge : -bulge;
        place->points[i] = (struct geo_point){525200000 + lat, 134050000 + lon};
    }
}

static void put_manifest(struct manifest *manifest) {
    put_order(&manifest->from, &manifest->to);
    if (manifest->to.ms < 2000) {
        manifest->to.ms = 2000;
    }
    manifest->from.ms = manifest->to.ms - 1999;
    for (size_t i = 0; i < manifest->run_count; i++) {
        manifest->runs[i].from.ms = manifest->from.ms + 2 * (int64_t)i;
        manifest->runs[i].to.ms = manifest->runs[i].from.ms + 1;
    }
    for (size_t i = 0; i < manifest->source_count; i++) {
        manifest->sources[i].from.ms &= 0xffffffff;
        manifest->sources[i].to.ms = manifest->sources[i].from.ms + (int64_t)i;
    }
}

static void put_head(struct head *head, int64_t life_ms) {
    put_order(&head->created, &head->expires);
    if (head->expires.ms - head->created.ms > life_ms) {
        head->created.ms = head->expires.ms - life_ms;
    }
}

/* Whoever comes from outside has no invite, and an officer one owner. */
static void put_member(struct member *member) {
    bool officer = member->role == MEMBER_OFFICER && member->owner_count == 1;
    bool outsider = member->role == MEMBER_OUTSIDER && member->invite.len == 0;
    if (officer || outsider) {
        member->invite_allowance = 0;
        member->invite = (struct bytes){NULL, 0};
        member->head.author = officer ? (struct id){{1}} : (struct id){{0}};
        return;
    }
    if (member->role == MEMBER_OFFICER || member->role == MEMBER_OUTSIDER) {
        member->role = MEMBER_HOME;
    }
    if (id_is_zero(&member->head.author) || member->invite.len == 0) {
        member->head.author = (struct id){{0}};
        member->invite = (struct bytes){NULL, 0};
    }
}

static void put_for_good(struct head *head) {
    head->created.ms = head->created.ms >= INSTANT_FOR_GOOD.ms - 1 ? 1 : head->created.ms;
    head->expires = INSTANT_FOR_GOOD;
}

static void put_treaty(struct treaty *treaty) {
    if (treaty->side_count < 2) {
        treaty->sides[1] = treaty->sides[0];
        treaty->side_count = 2;
    }
    treaty->sides[0].community.b[0] = 1;
    treaty->sides[1].community.b[0] = 2;
    put_order(&treaty->created, &treaty->until);
    treaty->instruments = (treaty->instruments & 254) == 0 ? 2 : treaty->instruments & 254;
    treaty->roles = (treaty->roles & 14) == 0 ? 2 : treaty->roles & 14;
}

static void put_right(const struct shape *shape, void *plain) {
    if (strcmp(shape->name, "Head") == 0) {
        put_head(plain, INT64_MAX);
    } else if (strcmp(shape->name, "Terms") == 0) {
        struct terms *terms = plain;
        terms->no_face_recognition = terms->no_passing_on = true;
    } else if (strcmp(shape->name, "Place") == 0) {
        put_place(plain);
    } else if (strcmp(shape->name, "View") == 0) {
        struct geo_view *view = plain;
        view->at = (struct geo_point){525200000, 134050000};
    } else if (strcmp(shape->name, "Agency") == 0) {
        put_number(((struct agency *)plain)->number);
    } else if (strcmp(shape->name, "CallBack") == 0) {
        struct call_back *call = plain;
        put_number(call->number);
        call->at.ms = call->at.ms > call->head.created.ms ? call->head.created.ms : call->at.ms;
        call->spoke_to[0] = call->outcome == CALL_NOT_REACHED ? '\0' : call->spoke_to[0];
    } else if (strcmp(shape->name, "Charter") == 0) {
        struct charter *charter = plain;
        for (size_t i = 0; i < charter->agency_count; i++) { /* each its own */
            charter->agencies[i].name[0] = (char)('A' + i);
        }
        charter->threshold = charter->threshold > charter->administrator_count
                                 ? (uint32_t)charter->administrator_count
                                 : charter->threshold;
        for (size_t i = 0; i < charter->role_count; i++) { /* each its own */
            charter->roles[i].role = (enum member_role)(MEMBER_HOME + i);
        }
        while (charter->authority_count > 0 &&
               charter->authorities[charter->authority_count - 1].len == 0) {
            charter->authority_count--;
        }
    } else if (strcmp(shape->name, "Act") == 0) { /* one decision */
        struct act *act = plain;
        act->head.author = (struct id){{0}};
        put_for_good(&act->head);
        act->has_admission = act->has_admission && !act->has_removed && !act->has_charter;
        act->has_removed = act->has_removed || !(act->has_charter || act->has_admission);
        act->has_renewed = false;
        act->removed.member.b[0] |= 1;
        act->removed.epoch.b[0] |= 1;
        if (!act->has_removed) {
            act->removed = (struct removed){0};
        }
        act->renewed = (struct renewed){0};
        act->treaty = (struct bytes){NULL, 0};
        act->treaty_ended = (struct id){{0}};
        if (!act->has_admission) {
            act->admission = (struct admission){0};
        }
    } else if (strcmp(shape->name, "Endorsement") == 0) {
        struct endorsement *endorsement = plain;
        endorsement->head.author.b[0] |= 1;
    } else if (strcmp(shape->name, "Removal") == 0) {
        struct removal *removal = plain;
        removal->head.author.b[0] |= 1;
        put_for_good(&removal->head);
    } else if (strcmp(shape->name, "Renewal") == 0) {
        struct renewal *renewal = plain;
        renewal->head.author.b[0] |= 1;
        put_head(&renewal->head, 1000);
    } else if (strcmp(shape->name, "Treaty") == 0) {
        put_treaty(plain);
    } else if (strcmp(shape->name, "Roll") == 0) {
        struct roll *roll = plain;
        roll->head.author.b[0] |= 1;
        put_head(&roll->head, 1000);
        for (size_t i = 0; i < roll->role_count; i++) { /* each its own */
            roll->roles[i].role = (enum member_role)(MEMBER_HOME + i);
        }
    } else if (strcmp(shape->name, "Gateway") == 0) {
        struct gateway *gateway = plain;
        gateway->head.author.b[0] |= 1;
    } else if (strcmp(shape->name, "Crossing") == 0) {
        struct crossing *crossing = plain;
        crossing->head.author.b[0] |= 1;
    } else if (strcmp(shape->name, "Member") == 0) {
        put_member(plain);
    } else if (strcmp(shape->name, "Admission") == 0) {
        struct admission *admission = plain;
        for (size_t i = 0; i < admission->door_count; i++) { /* each its own */
            admission->doors[i].b[0] = (uint8_t)(i + 1);
        }
    } else if (strcmp(shape->name, "Invite") == 0) {
        struct invite *invite = plain;
        invite->role = invite->role > MEMBER_WITNESS ? MEMBER_HOME : invite->role;
    } else if (strcmp(shape->name, "NodeRecord") == 0) {
        struct node_record *record = plain;
        put_addresses(record->addresses, record->address_count);
    } else if (strcmp(shape->name, "Request") == 0) {
        struct request *request = plain;
        put_head(&request->head, (int64_t)REQUEST_LIFE_MAX_DAYS * DURATION_DAY_MS);
        put_addresses(request->addresses, request->address_count);
        put_order(&request->from, &request->to);
    } else if (strcmp(shape->name, "Camera") == 0) {
        struct camera *camera = plain;
        camera->folder[0] = '/';
    } else if (strcmp(shape->name, "CameraList") == 0) {
        struct camera_list *list = plain;
        if (id_is_zero(&list->previous) || list->version == 1) {
            list->version = 1;
            list->previous = (struct id){{0}};
        }
        for (size_t i = 0; i < list->further_count; i++) { /* each its own */
            list->further[i].community.b[1] = (uint8_t)i;
        }
        for (size_t i = 0; i < list->camera_count; i++) { /* unlike names, whatever their length */
            list->cameras[i].name[0] = (char)('a' + i / 10);
            list->cameras[i].name[1] = (char)('0' + i % 10);
        }
    } else if (strcmp(shape->name, "Run") == 0) {
        struct clip_run *run = plain;
        put_order(&run->from, &run->to);
    } else if (strcmp(shape->name, "Manifest") == 0) {
        put_manifest(plain);
    } else if (strcmp(shape->name, "Edit") == 0) {
        struct edit *edit = plain;
        edit->making = CLIP_REENCODED;
    } else if (strcmp(shape->name, "EditArea") == 0) {
        struct edit_area *area = plain;
        area->left /= 2;
        area->top /= 2;
        area->right = area->left + 1 + area->right / 3;
        area->bottom = area->top + 1 + area->bottom / 3;
    } else if (strcmp(shape->name, "Grant") == 0) {
        struct grant *grant = plain;
        put_order(&grant->from, &grant->to);
        put_order(&grant->created, &grant->expires);
        if (grant->terms.delete_by.ms < grant->expires.ms) {
            grant->terms.delete_by = grant->expires;
        }
    } else if (strcmp(shape->name, "Sync") == 0) {
        put_sync(plain);
    } else if (strcmp(shape->name, "SyncIds") == 0) {
        put_spans(plain);
    } else if (strcmp(shape->name, "AttachmentPiece") == 0) {
        struct link_message *message = plain;
        message->as.attachment_piece.size = DOCUMENT_MAX;
        message->as.attachment_piece.offset =
            DOCUMENT_MAX - (uint32_t)message->as.attachment_piece.data.len;
    } else if (strcmp(shape->name, "Header") == 0) {
        struct link_message *message = plain;
        message->as.header.manifest_size = SEALED_MANIFEST_MAX;
        message->as.header.manifest_offset =
            SEALED_MANIFEST_MAX - (uint32_t)message->as.header.manifest.len;
    } else if (strcmp(shape->name, "Status") == 0) {
        struct control_reply *reply = plain;
        put_addresses(reply->as.status.addresses, reply->as.status.address_count);
    } else if (strcmp(shape->name, "PeerLink") == 0) {
        struct peer_link *link = plain;
        put_addresses(&link->address, 1);
    }
}

static uint64_t next_random(struct filler *filler) { /* splitmix64 */
    uint64_t z = (filler->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void collect(const struct shape *shape, const struct shape **out, size_t *count) {
    for (size_t i = 0; i < *count; i++) {
        if (out[i] == shape) {
            return;
        }
    }
    ASSERT(*count < FILL_SHAPES_MAX);
    out[(*count)++] = shape;
    for (size_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].sub != NULL) {
            collect(shape->fields[i].sub, out, count);
        }
    }
}
