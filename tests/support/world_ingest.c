/* What a home's ingest does, at the other end of its pipe: it takes requests, seals a clip where
 * the test says that there is footage, and shreds what it is told to. */
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/support/world_parts.h"

enum {
    SEAL_MS = 700,
};

static void take_act(struct world_home *home, struct bytes bytes);
static struct world_outsider *find_outsider(struct world_home *home, const struct id *id);
static bool may_ask(struct world *world, int number, const struct ingest_message *message);
static void ingest_request(struct world *world, int number, const struct ingest_message *message);
static struct world_clip *find_clip(const struct world_home *home, const struct clip_id *id);
static void shred(struct world_home *home, const struct clip_id *id);
static void ingest_say(struct world *world, int number, const struct ingest_message *message,
                       int64_t at);
static void tell_match(struct world *world, int number, const struct world_clip *clip, int64_t at);
static struct world_clip *seal(struct world *world, int number, const struct id *request,
                               struct bytes signed_request);
static struct world_clip **free_place(struct world_home *home); /* NULL: its vault is full */
static void fill_payload(struct world_clip *clip, size_t plain_len);
static void fill_leaves(struct world_clip *clip);
static void clip_free(struct world_clip *clip);

void world_ingest_up(struct world *world, int number) {
    struct world_home *home = &world->homes[number];
    world_turn(world, number, &(struct core_event){.kind = CORE_EV_INGEST_UP});
    for (size_t i = 0; home->core != NULL && i < WORLD_CLIPS_MAX; i++) {
        if (home->clips[i] != NULL && !home->clips[i]->held) {
            tell_match(world, number, home->clips[i], world->now + 1);
        }
    }
}

void world_ingest_take(struct world *world, int number, struct bytes frame) {
    static struct ingest_message message;
    struct world_home *home = &world->homes[number];
    ASSERT(ingest_decode(frame, &message) == ERR_OK);
    if (world->observer != NULL) {
        world->observer->ingest(world->observer->context, number, &message);
    }
    switch (message.kind) {
    case INGEST_REQUEST:
        ingest_request(world, number, &message);
        break;
    case INGEST_SHRED:
        shred(home, &message.as.shred.clip);
        ingest_say(world, number,
                   &(struct ingest_message){.kind = INGEST_SHRED_DONE,
                                            .as.shred_done.clip = message.as.shred.clip},
                   world->now + 1);
        break;
    case INGEST_HELD:
        for (size_t k = 0; k < message.as.held.count; k++) {
            struct world_clip *clip = find_clip(home, &message.as.held.clips[k]);
            if (clip != NULL) {
                clip->held = true;
            }
        }
        break;
    case INGEST_ACT:
        take_act(home, message.as.act.object);
        break;
    case INGEST_CAMERA_LIST:
    case INGEST_HELLO:
    case INGEST_CAMERA_LIST_DONE:
    case INGEST_MATCH:
    case INGEST_REQUEST_DONE:
    case INGEST_PERIOD:
    case INGEST_SHRED_DONE:
        break;
    }
}

bool world_ingest_means(const struct world_home *home, struct bytes frame) {
    static struct ingest_message message;
    ASSERT(ingest_decode(frame, &message) == ERR_OK);
    return message.kind != INGEST_MATCH || find_clip(home, &message.as.match.clip) != NULL;
}

static struct world_clip *find_clip(const struct world_home *home, const struct clip_id *id) {
    for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
        struct world_clip *clip = home->clips[i];
        if (clip != NULL && memcmp(clip->clip.b, id->b, sizeof id->b) == 0) {
            return clip;
        }
    }
    return NULL;
}

static void shred(struct world_home *home, const struct clip_id *id) {
    for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
        if (home->clips[i] != NULL && memcmp(home->clips[i]->clip.b, id->b, sizeof id->b) == 0) {
            clip_free(home->clips[i]);
            home->clips[i] = NULL;
        }
    }
}

/* Of all that acts do, whom they let in from outside and until when. */
static void take_act(struct world_home *home, struct bytes bytes) {
    static struct act act; /* large */
    struct signed_object object;
    struct signed_object certificate;
    ASSERT(signed_decode(bytes, &object) == ERR_OK);
    if (object.kind == OBJECT_CHARTER) { /* all of them come anew */
        home->outsider_count = 0;
        return;
    }
    ASSERT(act_decode(object.body, &act) == ERR_OK);
    if (!act.has_admission) {
        return;
    }
    ASSERT(signed_decode(act.admission.member, &certificate) == ERR_OK);
    struct world_outsider *outsider = find_outsider(home, &certificate.id);
    if (outsider == NULL) {
        ASSERT(home->outsider_count < WORLD_OUTSIDERS_MAX);
        outsider = &home->outsiders[home->outsider_count++];
    }
    *outsider =
        (struct world_outsider){certificate.id, act.admission.until, act.admission.suspended};
}

static struct world_outsider *find_outsider(struct world_home *home, const struct id *id) {
    for (size_t i = 0; i < home->outsider_count; i++) {
        if (id_equal(&home->outsiders[i].id, id)) {
            return &home->outsiders[i];
        }
    }
    return NULL;
}

/* A home, or an outsider or its officer whom the acts let ask that came so far. */
static bool may_ask(struct world *world, int number, const struct ingest_message *message) {
    struct signed_object first;
    struct member member;
    if (message->as.request.chain_count == 0) {
        return true; /* from elsewhere */
    }
    ASSERT(signed_decode(message->as.request.chain[0], &first) == ERR_OK);
    ASSERT(member_decode(first.body, &member) == ERR_OK);
    const struct world_outsider *outsider = find_outsider(&world->homes[number], &first.id);
    return member.role != MEMBER_OUTSIDER ||
           (outsider != NULL && !outsider->suspended &&
            !instant_reached(world_wall(world, number), outsider->until));
}

static void ingest_request(struct world *world, int number, const struct ingest_message *message) {
    struct world_home *home = &world->homes[number];
    struct ingest_message done = {.kind = INGEST_REQUEST_DONE};
    const struct id *request = &message->as.request.id;
    int64_t at = world->now + 1;
    done.as.request_done.request = *request;
    if (!may_ask(world, number, message)) {
        ingest_say(world, number, &done, at); /* for good */
        return;
    }
    struct world_clip *clip = world_clip(world, number, request);
    if (home->footage != WORLD_NO_CAMERA) {
        at += (int64_t)(world_draw(&home->random) % (uint64_t)(home->match_wait + 1));
    }
    if (home->footage == WORLD_MATCH && (clip != NULL || free_place(home) != NULL)) {
        at += SEAL_MS;
        clip = clip == NULL ? seal(world, number, request, message->as.request.request) : clip;
        tell_match(world, number, clip, at);
    }
    ingest_say(world, number, &done, at);
}

static void tell_match(struct world *world, int number, const struct world_clip *clip, int64_t at) {
    struct ingest_message match = {.kind = INGEST_MATCH};
    match.as.match.request = clip->request;
    match.as.match.clip = clip->clip;
    match.as.match.header = buffer_bytes(&clip->header);
    match.as.match.manifest = BYTES_TEXT("sealed to the owners: for them alone to open");
    match.as.match.payload_size = clip->payload.len;
    match.as.match.payload_root = clip->root;
    match.as.match.owner_count = world->homes[number].owner_count;
    for (size_t i = 0; i < world->homes[number].owner_count; i++) {
        match.as.match.owners[i] = world->homes[number].owner_publics[i].sign;
    }
    ingest_say(world, number, &match, at);
}

static void ingest_say(struct world *world, int number, const struct ingest_message *message,
                       int64_t at) {
    SCOPED(buffer_finish) struct buffer frame = {.max = INGEST_FRAME_MAX};
    ASSERT(ingest_encode(message, &frame) == ERR_OK);
    world_put(
        world,
        (struct world_event){
            .at = at, .what = HAPPENS_INGEST, .home = number, .life = world->homes[number].starts},
        buffer_bytes(&frame));
}

void world_ingest_say(struct world *world, int home, const struct ingest_message *message) {
    SCOPED(buffer_finish) struct buffer frame = {.max = INGEST_FRAME_MAX};
    ASSERT(ingest_encode(message, &frame) == ERR_OK);
    world_turn(world, home,
               &(struct core_event){.kind = CORE_EV_INGEST_FRAME, .data = buffer_bytes(&frame)});
}

void world_siblings_say(struct world *world, int home) {
    SCOPED(buffer_finish) struct buffer file = {.max = SIBLINGS_FILE_MAX};
    ASSERT(siblings_write(&world->homes[home].siblings, &file) == ERR_OK);
    world_turn(world, home,
               &(struct core_event){.kind = CORE_EV_SIBLINGS, .data = buffer_bytes(&file)});
}

static struct world_clip *seal(struct world *world, int number, const struct id *request,
                               struct bytes signed_request) {
    struct world_home *home = &world->homes[number];
    struct world_clip *clip = calloc(1, sizeof *clip);
    struct box_public recipients[WORLD_OWNERS_MAX];
    struct signed_object object;
    struct request asked;
    ASSERT(clip != NULL);
    ASSERT(signed_decode(signed_request, &object) == ERR_OK);
    ASSERT(request_decode(object.body, &asked) == ERR_OK);
    *clip = (struct world_clip){.request = *request, .from = asked.from, .to = asked.to};
    for (size_t i = 0; i < sizeof clip->clip.b; i++) {
        clip->clip.b[i] = (uint8_t)world_draw(&home->random);
    }
    for (size_t i = 0; i < home->owner_count; i++) {
        recipients[i] = home->owner_publics[i].box;
    }
    age_file_key_generate(&clip->key);
    buffer_init(&clip->header, HEADER_MAX);
    ASSERT(age_header_make(recipients, home->owner_count, &clip->key, &clip->header) == ERR_OK);
    fill_payload(clip, home->payload_plain);
    fill_leaves(clip);
    *free_place(home) = clip;
    home->clip_count++;
    return clip;
}

static struct world_clip **free_place(struct world_home *home) {
    for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
        if (home->clips[i] == NULL) {
            return &home->clips[i];
        }
    }
    return NULL;
}

static void fill_payload(struct world_clip *clip, size_t plain_len) {
    static struct age_writer writer;
    static uint8_t piece[PIECE_MAX];
    uint8_t *plain = malloc(plain_len);
    ASSERT(plain != NULL);
    for (size_t i = 0; i < plain_len; i++) {
        plain[i] = (uint8_t)(clip->clip.b[0] + i * 7);
    }
    struct bytes left = {plain, plain_len};
    sha256(left, &clip->sha256);
    buffer_init(&clip->payload, plain_len + 2 * (size_t)PIECE_MAX);
    age_writer_start(&writer, &clip->key);
    size_t len = 0;
    while (left.len > 0) {
        size_t taken = age_writer_take(&writer, left, piece, &len);
        ASSERT(buffer_append(&clip->payload, (struct bytes){piece, len}) == ERR_OK);
        left.at += taken;
        left.len -= taken;
    }
    age_writer_end(&writer, piece, &len);
    ASSERT(buffer_append(&clip->payload, (struct bytes){piece, len}) == ERR_OK);
    free(plain);
}

static void fill_leaves(struct world_clip *clip) {
    size_t count = (size_t)piece_count(clip->payload.len);
    ASSERT(count <= COUNT_OF(clip->leaves));
    for (size_t i = 0; i < count; i++) {
        piece_leaf(
            (struct bytes){clip->payload.at + piece_offset(i), piece_length(clip->payload.len, i)},
            &clip->leaves[i]);
    }
    piece_root(clip->leaves, count, &clip->root);
}

static void clip_free(struct world_clip *clip) {
    if (clip != NULL) {
        buffer_finish(&clip->header);
        buffer_finish(&clip->payload);
        free(clip);
    }
}

void world_ingest_finish(struct world_home *home) {
    for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
        clip_free(home->clips[i]);
        home->clips[i] = NULL;
    }
}
