#include "tests/support/ingest_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crypto/age.h"
#include "crypto/merkle.h"
#include "tests/support/check.h"

static void stop_ingest(struct ingest_rig *rig);
static int start_node(struct ingest_rig *rig, int node);
static bool read_all(int fd, uint8_t *out, size_t len);

void ingest_rig_start(struct ingest_rig *rig) {
    memset(rig, 0, sizeof *rig);
    CHECK(setenv("TZ", "UTC", 1) == 0);
    tzset();
    sample_community_init(&rig->community);
    footage_start(&rig->footage);
    footage_path(&rig->footage, "home", rig->home);
    footage_path(&rig->footage, "camera", rig->camera);
    footage_run(&rig->footage, "mkdir -p home/ingest home/vault home/communities/elm/vault camera");
    uint8_t seed[32];
    memset(seed, 0xc0, sizeof seed);
    sign_from_seed(seed, &rig->co_owner_secret.sign, &rig->co_owner.sign);
    memset(rig->co_owner_secret.box.b, 0x4f, sizeof rig->co_owner_secret.box.b);
    box_public_of(&rig->co_owner_secret.box, &rig->co_owner.box);
    keyset_generate(&rig->keys);
    rig->keys.sign = rig->community.homes[SAMPLE_NEIGHBOUR].ingest;
    box_public_of(&rig->keys.box, &rig->box);
    rig->list = calloc(1, sizeof *rig->list);
    CHECK(rig->list != NULL);
    sample_camera_list(&rig->community, rig->list);
    (void)snprintf(rig->list->cameras[0].folder, sizeof rig->list->cameras[0].folder, "%.1000s",
                   rig->camera);
    rig->list->cameras[0].layout = LAYOUT_MOTION;
    buffer_init(&rig->said_frame, INGEST_FRAME_MAX);
    ingest_rig_restart(rig);
}

void ingest_rig_stop(struct ingest_rig *rig) {
    stop_ingest(rig);
    buffer_finish(&rig->said_frame);
    free(rig->list);
    sample_community_finish(&rig->community);
    footage_stop(&rig->footage);
}

void ingest_rig_restart(struct ingest_rig *rig) {
    stop_ingest(rig);
    const struct ingest_config config = {
        .home = rig->home,
        .worker = rig->footage.worker,
        .place_count = rig->elm_left ? 1 : RIG_NODES,
        .places = {{.name = SLUG_FIRST, .fd = start_node(rig, RIG_FIRST)},
                   {.name = "elm", .fd = rig->elm_left ? -1 : start_node(rig, RIG_ELM)}},
        .again = &rig->again,
        .keys = rig->keys,
        .pins = {.owner_count = 2,
                 .owners = {rig->community.homes[SAMPLE_NEIGHBOUR].owner_public, rig->co_owner}}};
    CHECK_ERR(ERR_OK, ingest_create(&config, &rig->ingest));
    const struct ingest_message charter = {.kind = INGEST_ACT,
                                           .as.act.object = buffer_bytes(&rig->community.charter)};
    ingest_rig_give(rig, &charter, NULL);
}

static void stop_ingest(struct ingest_rig *rig) {
    if (rig->ingest != NULL) {
        ingest_destroy(rig->ingest);
        for (int i = 0; i < RIG_NODES; i++) {
            if (rig->nodes[i] >= 0) {
                (void)close(rig->nodes[i]);
            }
            rig->nodes[i] = -1;
        }
    }
}

/* Answers ingest's end. */
static int start_node(struct ingest_rig *rig, int node) {
    const int room = 4 * 1024 * 1024; /* nobody reads while ingest sends */
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0);
    rig->nodes[node] = pair[0];
    return pair[1];
}

enum err ingest_rig_list(struct ingest_rig *rig, const struct sign_secret *const *keys,
                         size_t count, bool *restart) {
    struct buffer body = {.max = SIGNED_BODY_MAX};
    struct buffer signed_list;
    struct buffer sealed = {.max = AGE_SMALL_MAX};
    CHECK_ERR(ERR_OK, camera_list_encode(rig->list, &body));
    (void)sample_sign(OBJECT_CAMERA_LIST, buffer_bytes(&body), keys, count, &signed_list);
    CHECK_ERR(ERR_OK, age_seal_small(&rig->box, 1, buffer_bytes(&signed_list), &sealed));
    const struct ingest_message message = {.kind = INGEST_CAMERA_LIST,
                                           .as.camera_list.sealed = buffer_bytes(&sealed)};
    ingest_rig_give(rig, &message, restart);
    CHECK(ingest_rig_hear(rig));
    CHECK(rig->said.kind == INGEST_CAMERA_LIST_DONE);
    buffer_finish(&body);
    buffer_finish(&signed_list);
    buffer_finish(&sealed);
    return rig->said.as.camera_list_done.err;
}

/* With every pinned owner's signature, as the first list needs. */
void ingest_rig_install(struct ingest_rig *rig) {
    const struct sign_secret *keys[] = {&rig->community.homes[SAMPLE_NEIGHBOUR].owner.sign,
                                        &rig->co_owner_secret.sign};
    bool restart = false;
    CHECK_ERR(ERR_OK, ingest_rig_list(rig, keys, 2, &restart));
    CHECK(restart);
    ingest_rig_restart(rig);
}

void ingest_rig_give(struct ingest_rig *rig, const struct ingest_message *message, bool *restart) {
    struct buffer frame = {.max = INGEST_FRAME_MAX};
    bool again = false;
    CHECK_ERR(ERR_OK, ingest_encode(message, &frame));
    CHECK_ERR(ERR_OK, ingest_take(rig->ingest, &rig->ingest->nodes[rig->from], buffer_bytes(&frame),
                                  SAMPLE_NOW, &again));
    if (restart != NULL) {
        *restart = again;
    } else {
        CHECK(!again);
    }
    buffer_finish(&frame);
}

bool ingest_rig_hear(struct ingest_rig *rig) {
    uint8_t header[4];
    uint8_t *to = NULL;
    int node = rig->nodes[rig->from];
    struct pollfd ready = {.fd = node, .events = POLLIN};
    if (poll(&ready, 1, 0) <= 0) {
        return false;
    }
    CHECK(read_all(node, header, sizeof header));
    buffer_clear(&rig->said_frame);
    CHECK_ERR(ERR_OK, buffer_extend(&rig->said_frame, read_u32(header), &to));
    CHECK(read_all(node, to, read_u32(header)));
    CHECK_ERR(ERR_OK, ingest_decode(buffer_bytes(&rig->said_frame), &rig->said));
    return true;
}

void ingest_rig_ask(const struct ingest_rig *rig, struct bytes request, const struct id *id,
                    struct ingest_message *out) {
    *out = (struct ingest_message){.kind = INGEST_REQUEST};
    out->as.request.id = *id;
    out->as.request.request = request;
    out->as.request.chain_count = 2;
    out->as.request.chain[0] = buffer_bytes(&rig->community.homes[SAMPLE_FOUNDER].member);
    out->as.request.chain[1] = buffer_bytes(&rig->community.homes[SAMPLE_AGENCY].member);
}

struct id ingest_rig_sign(const struct ingest_rig *rig, const struct request *request,
                          struct buffer *out) {
    const struct sign_secret *key = &rig->community.homes[SAMPLE_AGENCY].owner.sign;
    struct buffer body = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, request_encode(request, &body));
    struct id id = sample_sign(OBJECT_REQUEST, buffer_bytes(&body), &key, 1, out);
    buffer_finish(&body);
    return id;
}

void ingest_rig_work(struct ingest_rig *rig, struct instant now) {
    struct instant next = now;
    for (int i = 0; i < 64 && next.ms <= now.ms; i++) {
        next = INSTANT_NEVER;
        CHECK_ERR(ERR_OK, ingest_work(rig->ingest, now, &next));
    }
}

void ingest_rig_record(struct ingest_rig *rig, int second, const char *more) {
    footage_run(&rig->footage,
                "ffmpeg -f lavfi -i testsrc=size=160x120:rate=10:duration=10,hue=h=%d -c:v libx264 "
                "-g 10 -pix_fmt yuv420p %s camera/01-202611242110%02d.mp4 && "
                "touch -d '2026-11-24T21:10:%02dZ +10 seconds' camera/01-202611242110%02d.mp4",
                second, more, second, second, second);
}

void ingest_rig_open(struct ingest_rig *rig, struct manifest *manifest, struct buffer *plain) {
    const struct box_secret *owner = &rig->community.homes[SAMPLE_NEIGHBOUR].owner.box;
    struct buffer sealed = {.max = AGE_SMALL_MAX};
    struct age_file_key key;
    struct age_payload_key payload_key;
    struct signed_object object;
    struct merkle_edge tree = {0};
    static uint8_t piece[PIECE_MAX];
    uint8_t *to = NULL;
    char hex[33];
    char path[PATH_MAX + 64];
    struct id found;
    CHECK(rig->said.kind == INGEST_MATCH);
    CHECK(age_open_small(owner, rig->said.as.match.manifest, &sealed));
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&sealed), &object));
    CHECK(object.kind == OBJECT_MANIFEST && object.count == 1);
    CHECK(signed_by(&object, &rig->community.homes[SAMPLE_NEIGHBOUR].ingest_public));
    CHECK_ERR(ERR_OK, manifest_decode(object.body, manifest));
    CHECK(age_header_open(rig->said.as.match.header, owner, &key));
    hex_write(BYTES_OF(rig->said.as.match.clip.b), hex);
    (void)snprintf(path, sizeof path, "%s%s/vault/%.2s/%s", rig->home,
                   rig->from == RIG_ELM ? "/communities/elm" : "", hex, hex + 2);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0);
    uint64_t size = manifest->payload_size;
    buffer_init(plain, (size_t)manifest->size + 1);
    for (uint64_t i = 0; i < piece_count(size); i++) {
        size_t len = piece_length(size, i);
        size_t lead = i == 0 ? PIECE_NONCE : 0;
        CHECK(read_all(file, piece, len));
        piece_leaf((struct bytes){piece, len}, &found);
        merkle_append(&tree, &found);
        if (i == 0) {
            age_payload_key_derive(&key, piece, &payload_key);
        }
        CHECK_ERR(ERR_OK, buffer_extend(plain, len - lead - PIECE_TAG, &to));
        CHECK(age_chunk_open(&payload_key, i, i + 1 == piece_count(size),
                             (struct bytes){piece + lead, len - lead}, to));
    }
    CHECK(read(file, piece, 1) == 0);
    CHECK(close(file) == 0);
    merkle_root(&tree, &found);
    CHECK(id_equal(&found, &manifest->payload_root));
    CHECK(id_equal(&found, &rig->said.as.match.payload_root));
    sha256(buffer_bytes(plain), &found);
    CHECK(id_equal(&found, &manifest->sha256));
    CHECK(plain->len == manifest->size);
    buffer_finish(&sealed);
}

static bool read_all(int fd, uint8_t *out, size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t got = read(fd, out + at, len - at);
        if (got <= 0) {
            return false;
        }
        at += (size_t)got;
    }
    return true;
}
