#include "node/ingest/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/age.h"
#include "node/base/assert.h"
#include "node/base/supervise.h"

enum {
    FRAME_HEADER = 4,
    READ_BYTES = 64 * 1024
};

static enum err load_list(struct ingest *ingest);
static enum err take_list(struct ingest *ingest, struct bytes sealed, bool *restart);
static enum err judge_list(struct ingest *ingest, struct bytes signed_list, uint64_t *version,
                           bool *known);
static void take_act(struct ingest *ingest, struct bytes bytes, struct instant now);
static enum err take_charter(struct ingest *ingest, const struct signed_object *object);
static enum err follow(struct ingest *ingest, const struct signed_object *object,
                       struct instant now);
static struct community *community_of(struct ingest *ingest, const struct id *id);
static enum err take_request(struct ingest *ingest, const struct ingest_message *message,
                             struct bytes frame, struct instant now);
static enum err check_request(struct ingest *ingest, const struct ingest_message *message,
                              struct instant now, struct request *out, uint64_t *live_max);
static enum err check_crossing(struct ingest *ingest, const struct ingest_message *message,
                               struct instant now, struct request *out, uint64_t *live_max);
static bool serves(const struct ingest *ingest, const struct id *community);
static enum err check_rules(const struct charter *charter, const struct request *request,
                            enum member_role role, struct instant now, uint64_t *live_max);
static enum err make_room(struct ingest *ingest, const struct request *request, uint64_t live_max,
                          struct instant now);
static enum err take_shred(struct ingest *ingest, const struct clip_id *clip);
static enum err take_held(struct ingest *ingest, const struct ingest_message *message);
static enum err match_request(struct ingest *ingest, const struct id *request_id,
                              const struct request *request, struct instant now);
static enum err visit_untold(void *context, const struct vault_clip *clip);
static enum err send_frame(struct ingest *ingest, struct bytes frame);
static enum err read_node(struct ingest *ingest, bool *restart);
static enum err tell_period(struct ingest *ingest, const struct period *period);
static int64_t pause_after(int64_t took_ms);
static void note(const char *level, const char *event, enum err err);
static struct instant wall_now(void);
static struct tick mono_now(void);

enum err ingest_create(const struct ingest_config *config, struct ingest **out) {
    char path[4096];
    struct ingest *ingest = calloc(1, sizeof *ingest);
    if (ingest == NULL) {
        return ERR_HOST_MEMORY;
    }
    ingest->config = *config;
    ingest->vault = -1;
    buffer_init(&ingest->input, FRAME_HEADER + INGEST_FRAME_MAX + READ_BYTES);
    sign_public_of(&ingest->config.keys.sign, &ingest->sign);
    (void)snprintf(path, sizeof path, "%s/ingest/index.db", config->home);
    enum err err = index_open(path, &ingest->index);
    if (err == ERR_OK) {
        (void)snprintf(path, sizeof path, "%s/vault", config->home);
        ingest->vault = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        err = ingest->vault < 0 ? ERR_HOST_PERMISSION : load_list(ingest);
    }
    if (err == ERR_OK) {
        err = index_clips_doubt(ingest->index);
    }
    if (err != ERR_OK) {
        ingest_destroy(ingest);
        return err;
    }
    *out = ingest;
    return ERR_OK;
}

void ingest_destroy(struct ingest *ingest) {
    if (ingest == NULL) {
        return;
    }
    scan_restart(ingest);
    for (size_t i = 0; i < ingest->community_count; i++) {
        community_destroy(ingest->communities[i]);
    }
    index_close(ingest->index);
    buffer_finish(&ingest->input);
    if (ingest->vault >= 0) {
        (void)close(ingest->vault);
    }
    secret_wipe(ingest, sizeof *ingest);
    free(ingest);
}

int ingest_run(struct ingest *ingest) {
    struct ingest_message hello = {.kind = INGEST_HELLO};
    bool restart = false;
    hello.as.hello.camera_list_version = ingest->has_list ? ingest->list.version : 0;
    enum err err = seal_sweep(ingest);
    if (err == ERR_OK) {
        err = ingest_send(ingest, &hello);
    }
    if (err == ERR_OK) {
        err = ingest_tell_matches(ingest);
    }
    if (err == ERR_OK) { /* the node may have ended before it had it on record */
        struct period last;
        err = index_period_last(ingest->index, &last);
        err = err == ERR_OK ? tell_period(ingest, &last) : err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    while (err == ERR_OK && !restart) {
        struct instant next = INSTANT_NEVER;
        bool more = false;
        err = ingest_work(ingest, wall_now(), &next);
        if (err == ERR_OK && tick_reached(mono_now(), ingest->scan_due)) {
            ingest->scan_began = ingest->scan == NULL ? mono_now() : ingest->scan_began;
            err = scan_slice(ingest, wall_now(), &more);
            struct duration pause = {more ? 0 : pause_after(mono_now().ms - ingest->scan_began.ms)};
            ingest->scan_due = tick_add(mono_now(), pause);
            if (err == ERR_OK && !more) {
                err = ingest_close_period(ingest, wall_now());
            }
        }
        if (err != ERR_OK) {
            break;
        }
        int64_t wait = ingest->scan_due.ms - mono_now().ms;
        if (next.ms != INSTANT_NEVER.ms && next.ms - wall_now().ms < wait) {
            wait = next.ms - wall_now().ms;
        }
        struct pollfd ready = {.fd = ingest->config.node_fd, .events = POLLIN};
        if (poll(&ready, 1, wait > 0 ? (int)wait : 0) > 0) {
            err = read_node(ingest, &restart);
        }
    }
    if (err == ERR_HOST_NETWORK) {
        return 0; /* the node is gone; the supervisor starts both anew */
    }
    if (err != ERR_OK) {
        note("error", "stopped", err);
    }
    return restart ? SUPERVISE_EXIT_AGAIN : 1;
}

enum err ingest_close_period(struct ingest *ingest, struct instant now) {
    struct period period;
    uint8_t salt[sizeof period.salt];
    enum err err = index_period_last(ingest->index, &period);
    if (err == ERR_OK && now.ms >= period.closed.ms &&
        now.ms - period.closed.ms < INGEST_PERIOD_MS) {
        return ERR_OK;
    }
    if (err == ERR_OK || err == ERR_USER_NOT_FOUND) {
        random_bytes(salt, sizeof salt);
        err = index_period_close(ingest->index, now, salt, &period);
    }
    return err == ERR_OK ? tell_period(ingest, &period) : err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

static enum err tell_period(struct ingest *ingest, const struct period *period) {
    struct ingest_message message = {.kind = INGEST_PERIOD,
                                     .as.period.commitment = period->commitment};
    return ingest_send(ingest, &message);
}

/* Millions of files take long to look through; the more of them, the less often. */
static int64_t pause_after(int64_t took_ms) {
    int64_t pause = took_ms * (INGEST_SCAN_SHARE - 1);
    return pause > INGEST_SCAN_EVERY_MS ? pause : INGEST_SCAN_EVERY_MS;
}

enum err ingest_send(struct ingest *ingest, const struct ingest_message *message) {
    SCOPED(buffer_finish) struct buffer frame = {.max = INGEST_FRAME_MAX};
    enum err err = ingest_encode(message, &frame);
    return err == ERR_OK ? send_frame(ingest, buffer_bytes(&frame)) : err;
}

enum err ingest_tell_matches(struct ingest *ingest) {
    return index_clips(ingest->index, visit_untold, ingest);
}

static enum err visit_untold(void *context, const struct vault_clip *clip) {
    return clip->told || clip->match.len == 0 ? ERR_OK : send_frame(context, clip->match);
}

/* ---- from the node ---- */

enum err ingest_take(struct ingest *ingest, struct bytes frame, struct instant now, bool *restart) {
    static struct ingest_message message; /* large; rebuilt whole by every call */
    enum err err = ingest_decode(frame, &message);
    if (err != ERR_OK) {
        note("warn", "bad frame", err);
        return ERR_OK;
    }
    switch (message.kind) {
    case INGEST_CAMERA_LIST:
        return take_list(ingest, message.as.camera_list.sealed, restart);
    case INGEST_REQUEST:
        return take_request(ingest, &message, frame, now);
    case INGEST_SHRED:
        return take_shred(ingest, &message.as.shred.clip);
    case INGEST_HELD:
        return take_held(ingest, &message);
    case INGEST_ACT:
        take_act(ingest, message.as.act.object, now);
        return ERR_OK;
    case INGEST_HELLO:
    case INGEST_CAMERA_LIST_DONE:
    case INGEST_MATCH:
    case INGEST_REQUEST_DONE:
    case INGEST_PERIOD:
    case INGEST_SHRED_DONE:
        break; /* ours to send */
    }
    return ERR_OK;
}

static enum err take_list(struct ingest *ingest, struct bytes sealed, bool *restart) {
    SCOPED(buffer_finish) struct buffer plain = {.max = AGE_SMALL_MAX};
    struct ingest_message done = {.kind = INGEST_CAMERA_LIST_DONE};
    bool known = false;
    enum err err = ERR_USER_WRONG_KEY;
    if (age_open_small(&ingest->config.keys.box, sealed, &plain)) {
        err = judge_list(ingest, buffer_bytes(&plain), &done.as.camera_list_done.version, &known);
    }
    if (err == ERR_OK && !known) {
        err = index_list_put(ingest->index, buffer_bytes(&plain));
        *restart = err == ERR_OK;
    }
    done.as.camera_list_done.err = err;
    note("info", err == ERR_OK ? "camera list taken" : "camera list refused", err);
    enum err sent = ingest_send(ingest, &done);
    return err == ERR_HOST_DISK || err == ERR_HOST_DATABASE ? err : sent;
}

/* Signed by the owners whom `stoop init` pinned, in a file that the node cannot write. */
static enum err judge_list(struct ingest *ingest, struct bytes signed_list, uint64_t *version,
                           bool *known) {
    struct signed_object object;
    struct camera_list *list = calloc(1, sizeof *list);
    enum err err = list == NULL ? ERR_HOST_MEMORY : signed_decode(signed_list, &object);
    if (err == ERR_OK) {
        *known = ingest->has_list && id_equal(&object.id, &ingest->list_id);
        err = camera_list_decode(object.body, list);
    }
    if (err == ERR_OK) {
        *version = list->version;
    }
    if (err == ERR_OK && !*known) {
        err = camera_list_verify(&object, list, ingest->has_list ? &ingest->list : NULL,
                                 ingest->config.pins.owners, ingest->config.pins.owner_count);
    }
    if (err == ERR_OK && !*known && ingest->has_list &&
        !id_equal(&list->previous, &ingest->list_id)) {
        err = ERR_PEER_SEQUENCE;
    }
    if (err == ERR_OK && !sign_public_equal(&list->ingest, &ingest->sign)) {
        err = ERR_DENY_PIN;
    }
    free(list);
    return err;
}

static enum err load_list(struct ingest *ingest) {
    struct bytes stored;
    struct signed_object object;
    enum err err = index_list_get(ingest->index, &stored);
    if (err == ERR_USER_NOT_FOUND) {
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = signed_decode(stored, &object);
    }
    if (err == ERR_OK) {
        err = camera_list_decode(object.body, &ingest->list);
    }
    ingest->has_list = err == ERR_OK;
    ingest->list_id = object.id;
    return err;
}

/* The node is not believed: k administrators of the time have signed each act, and of two that
 * follow the same one the same counts as everywhere. It can hold back the newest; that cannot be
 * seen from here. */
static void take_act(struct ingest *ingest, struct bytes bytes, struct instant now) {
    struct signed_object object;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = object.kind == OBJECT_CHARTER ? take_charter(ingest, &object)
                                            : follow(ingest, &object, now);
    }
    if (err != ERR_OK) {
        note("warn", "act not taken", err);
    }
}

static enum err take_charter(struct ingest *ingest, const struct signed_object *object) {
    static struct charter charter; /* large */
    if (community_of(ingest, &object->id) != NULL) {
        return ERR_OK;
    }
    if (ingest->community_count == COUNT_OF(ingest->communities)) {
        return ERR_FULL_TABLE;
    }
    struct community *community = community_create();
    enum err err = community == NULL ? ERR_HOST_MEMORY : charter_decode(object->body, &charter);
    if (err == ERR_OK) {
        err = community_found(community, object, &charter);
    }
    if (err == ERR_OK) {
        ingest->communities[ingest->community_count++] = community;
    } else {
        community_destroy(community);
    }
    return err;
}

static enum err follow(struct ingest *ingest, const struct signed_object *object,
                       struct instant now) {
    static struct act act; /* large */
    enum err err = act_decode(object->body, &act);
    struct community *community = err == ERR_OK ? community_of(ingest, &act.head.community) : NULL;
    if (err == ERR_OK && community == NULL) {
        err = ERR_DENY_PIN;
    }
    if (err != ERR_OK) {
        return err;
    }
    enum act_place place = community_place(community, &object->id, &act, now);
    if (place == ACT_KNOWN) {
        return ERR_OK;
    }
    err = place == ACT_NEXT || place == ACT_WINS ? community_judge_act(community, object, &act)
                                                 : ERR_DENY_CHARTER;
    if (err == ERR_OK && place == ACT_WINS) {
        community_rewind(community, community_act_number(community, &act.previous));
    }
    return err == ERR_OK ? community_follow(community, object, &act) : err;
}

static struct community *community_of(struct ingest *ingest, const struct id *id) {
    for (size_t i = 0; i < ingest->community_count; i++) {
        if (id_equal(community_id(ingest->communities[i]), id)) {
            return ingest->communities[i];
        }
    }
    return NULL;
}

/* Checked here again from the signed bytes: the node is not believed (P1). A request that does not
 * pass gets the same answer as one that matches nothing. */
static enum err take_request(struct ingest *ingest, const struct ingest_message *message,
                             struct bytes frame, struct instant now) {
    struct ingest_message done = {.kind = INGEST_REQUEST_DONE};
    struct request request;
    uint64_t live_max = 0;
    struct job job;
    done.as.request_done.request = message->as.request.id;
    enum err err = index_job_get(ingest->index, &message->as.request.id, &job);
    if (err == ERR_OK) {
        return job.done ? ingest_send(ingest, &done) : ERR_OK;
    }
    if (err != ERR_USER_NOT_FOUND) {
        return err;
    }
    err = check_request(ingest, message, now, &request, &live_max);
    if (err == ERR_OK) {
        err = make_room(ingest, &request, live_max, now);
    }
    if (err == ERR_HOST_DATABASE || err == ERR_HOST_DISK) {
        return err;
    }
    if (err != ERR_OK) {
        note("info", "request not matched", err);
        return ingest_send(ingest, &done);
    }
    uint32_t delay = 0;
    random_bytes(&delay, sizeof delay);
    job = (struct job){.request = message->as.request.id,
                       .author = request.head.author,
                       .until = request.head.expires,
                       .frame = frame,
                       .due = now};
    if (job.due.ms < request.to.ms + INGEST_RECENT_MS) {
        job.due.ms = request.to.ms + INGEST_RECENT_MS; /* the recorder may still be writing it */
    }
    if (ingest->config.match_delay_ms > 0) {
        job.due.ms += delay % ingest->config.match_delay_ms;
    }
    return index_job_put(ingest->index, &job);
}

/* Each request that is matched tells the node one thing about this home's cameras, so there is a
 * limit of our own to how many it can have matched. */
static enum err make_room(struct ingest *ingest, const struct request *request, uint64_t live_max,
                          struct instant now) {
    uint64_t all = 0;
    uint64_t live = 0;
    enum err err = index_jobs_count(ingest->index, &request->head.author, now, &all, &live);
    if (err != ERR_OK) {
        return err;
    }
    return live >= live_max ? ERR_DENY_CAP : all >= INGEST_JOBS_MAX ? ERR_FULL_TABLE : ERR_OK;
}

static enum err check_request(struct ingest *ingest, const struct ingest_message *message,
                              struct instant now, struct request *out, uint64_t *live_max) {
    struct signed_object object;
    struct member author;
    struct id author_id;
    bool owner = false;
    enum err err = signed_decode(message->as.request.request, &object);
    if (err == ERR_OK) {
        err = request_decode(object.body, out);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (object.kind != OBJECT_REQUEST || !id_equal(&object.id, &message->as.request.id)) {
        return ERR_DENY_PIN;
    }
    if (message->as.request.crossing.len > 0) {
        return check_crossing(ingest, message, now, out, live_max);
    }
    if (!serves(ingest, &out->head.community)) {
        return ERR_DENY_PIN;
    }
    const struct community *community = community_of(ingest, &out->head.community);
    if (community == NULL) {
        return ERR_DENY_PIN;
    }
    const struct charter *charter = community_charter(community);
    err = chain_verify(community_governance(community), message->as.request.chain,
                       message->as.request.chain_count, now, &author, &author_id);
    if (err == ERR_OK && !id_equal(&author_id, &out->head.author)) {
        err = ERR_PEER_CERTIFICATE;
    }
    for (size_t i = 0; err == ERR_OK && i < author.owner_count; i++) {
        owner |= signed_by(&object, &author.owners[i].sign);
    }
    if (err == ERR_OK && !owner) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK && instant_reached(now, out->head.expires)) {
        err = ERR_DENY_EXPIRED;
    }
    return err == ERR_OK ? check_rules(charter, out, author.role, now, live_max) : err;
}

/* Of another community, by treaty: the gateway is not believed either. */
static enum err check_crossing(struct ingest *ingest, const struct ingest_message *message,
                               struct instant now, struct request *out, uint64_t *live_max) {
    static struct crossed crossed; /* large */
    struct signed_object object;
    struct crossing crossing;
    enum err err = signed_decode(message->as.request.crossing, &object);
    if (err == ERR_OK) {
        err =
            object.kind == OBJECT_CROSSING ? crossing_decode(object.body, &crossing) : ERR_DENY_PIN;
    }
    if (err != ERR_OK) {
        return err;
    }
    const struct community *community = community_of(ingest, &crossing.head.community);
    if (!serves(ingest, &crossing.head.community) || community == NULL) {
        return ERR_DENY_PIN;
    }
    const struct governance *governance = community_governance(community);
    err = crossing_verify(governance, &crossing, crossing.head.created, &crossed);
    if (err == ERR_OK && (crossed.object.kind != OBJECT_REQUEST ||
                          !id_equal(&crossed.object.id, &message->as.request.id))) {
        err = ERR_DENY_PIN;
    }
    if (err == ERR_OK && instant_reached(now, out->head.expires)) {
        err = ERR_DENY_EXPIRED;
    }
    if (err == ERR_OK) {
        err = check_rules(&governance->charter, out, crossed.author.member.role, now, live_max);
    }
    if (err == ERR_OK) {
        const struct agreed *agreed =
            governance_treaty(governance, &crossing.treaty, crossing.head.created);
        uint64_t most = agreed->treaty.caps.live_requests;
        *live_max = most < *live_max ? most : *live_max;
    }
    return err;
}

static bool serves(const struct ingest *ingest, const struct id *community) {
    for (size_t i = 0; i < ingest->list.community_count; i++) {
        if (id_equal(&ingest->list.communities[i], community)) {
            return true;
        }
    }
    return false;
}

static enum err check_rules(const struct charter *charter, const struct request *request,
                            enum member_role role, struct instant now, uint64_t *live_max) {
    *live_max = charter->caps.live_requests;
    return charter_allows(charter, role, (unsigned)request->instrument.kind)
               ? legal_refuse(request, &charter->caps, now, NULL)
               : ERR_DENY_ROLE;
}

static enum err take_shred(struct ingest *ingest, const struct clip_id *clip) {
    struct ingest_message done = {.kind = INGEST_SHRED_DONE, .as.shred_done.clip = *clip};
    enum err err = seal_remove(ingest, clip);
    return err == ERR_OK ? ingest_send(ingest, &done) : err;
}

/* At the end of the list, whatever the node once had and does not name has lost its header with the
 * node's database. */
static enum err take_held(struct ingest *ingest, const struct ingest_message *message) {
    struct clip_id orphan;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < message->as.held.count; i++) {
        err = index_clip_told(ingest->index, &message->as.held.clips[i]);
    }
    if (err == ERR_OK) {
        err = index_shred(ingest->index); /* the headers are the node's now */
    }
    while (err == ERR_OK && message->as.held.last) {
        err = index_clip_orphan(ingest->index, &orphan);
        if (err == ERR_USER_NOT_FOUND) {
            return ERR_OK;
        }
        err = err == ERR_OK ? seal_remove(ingest, &orphan) : err;
    }
    return err;
}

/* ---- matching ---- */

enum err ingest_work(struct ingest *ingest, struct instant now, struct instant *next) {
    static struct ingest_message message;
    struct ingest_message done = {.kind = INGEST_REQUEST_DONE};
    struct job job;
    struct signed_object object;
    struct request request;
    enum err err = index_job_next(ingest->index, &job);
    if (err == ERR_USER_NOT_FOUND) {
        return ERR_OK;
    }
    if (err != ERR_OK || !instant_reached(now, job.due)) {
        *next = job.due;
        return err;
    }
    *next = now; /* there may be another one */
    SCOPED(buffer_finish) struct buffer frame = {.max = INGEST_FRAME_MAX};
    err = buffer_append(&frame, job.frame);
    if (err == ERR_OK) {
        err = ingest_decode(buffer_bytes(&frame), &message);
    }
    if (err == ERR_OK) {
        err = signed_decode(message.as.request.request, &object);
    }
    if (err == ERR_OK) {
        err = request_decode(object.body, &request);
    }
    if (err == ERR_OK) {
        err = match_request(ingest, &job.request, &request, now);
    }
    if (err == ERR_HOST_DISK) { /* full, or nearly: the owner sees it in the journal */
        note("error", "no room to seal a match", err);
        return index_job_later(ingest->index, &job.request,
                               instant_add(now, (struct duration){INGEST_RETRY_MS}));
    }
    if (err != ERR_OK) {
        return err;
    }
    done.as.request_done.request = job.request;
    err = index_job_done(ingest->index, &job.request);
    return err == ERR_OK ? ingest_send(ingest, &done) : err;
}

static enum err match_request(struct ingest *ingest, const struct id *request_id,
                              const struct request *request, struct instant now) {
    bool more = true;
    enum err err = ERR_OK;
    scan_restart(ingest);
    while (err == ERR_OK && more) { /* what was recorded up to now counts */
        err = scan_slice(ingest, now, &more);
    }
    if (instant_reached(now, request->head.expires) ||
        request->instrument.kind == INSTRUMENT_PRESERVATION) {
        return err; /* a preservation is an owner's to begin */
    }
    for (size_t i = 0; err == ERR_OK && i < ingest->list.camera_count; i++) {
        const struct camera *camera = &ingest->list.cameras[i];
        if (!camera_may_be_asked(camera) || !geo_place_meets_view(&request->place, &camera->view) ||
            index_clip_of(ingest->index, request_id, camera->name)) {
            continue;
        }
        err = seal_camera(ingest, camera, request_id, request, now);
        if (err == ERR_USER_NOT_FOUND) {
            err = ERR_OK;
        }
        if (err == ERR_USER_MEDIA || err == ERR_PEER_BOUNDS) {
            note("warn", "a match could not be made into a clip", err);
            err = ERR_OK;
        }
    }
    return err == ERR_OK ? ingest_tell_matches(ingest) : err;
}

/* ---- the socket ---- */

/* ERR_HOST_NETWORK: the node is gone, or talks nonsense. */
static enum err read_node(struct ingest *ingest, bool *restart) {
    uint8_t part[READ_BYTES];
    ssize_t got = read(ingest->config.node_fd, part, sizeof part);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return ERR_OK;
    }
    if (got <= 0) {
        return ERR_HOST_NETWORK;
    }
    enum err err = buffer_append(&ingest->input, (struct bytes){part, (size_t)got});
    size_t at = 0;
    while (err == ERR_OK && !*restart && ingest->input.len - at >= FRAME_HEADER) {
        size_t len = read_u32(ingest->input.at + at);
        if (len > INGEST_FRAME_MAX) {
            return ERR_HOST_NETWORK;
        }
        if (ingest->input.len - at - FRAME_HEADER < len) {
            break;
        }
        struct bytes frame = {ingest->input.at + at + FRAME_HEADER, len};
        err = ingest_take(ingest, frame, wall_now(), restart);
        at += FRAME_HEADER + len;
    }
    buffer_drop_front(&ingest->input, at);
    return err;
}

static enum err send_frame(struct ingest *ingest, struct bytes frame) {
    uint8_t header[FRAME_HEADER];
    struct bytes parts[] = {BYTES_OF(header), frame};
    write_u32(header, (uint32_t)frame.len);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        for (size_t at = 0; at < parts[i].len;) {
            ssize_t put = write(ingest->config.node_fd, parts[i].at + at, parts[i].len - at);
            if (put < 0 && errno == EAGAIN) {
                struct pollfd ready = {.fd = ingest->config.node_fd, .events = POLLOUT};
                (void)poll(&ready, 1, 1000);
                continue;
            }
            if (put < 0 && errno == EINTR) {
                continue;
            }
            if (put <= 0) {
                return ERR_HOST_NETWORK; /* the node is gone */
            }
            at += (size_t)put;
        }
    }
    return ERR_OK;
}

/* Never a place, a camera's name or a file's. */
static void note(const char *level, const char *event, enum err err) {
    (void)fprintf(stderr, "%s ingest: %s%s%s%s\n", level, event, err == ERR_OK ? "" : " reason=\"",
                  err == ERR_OK ? "" : err_text(err), err == ERR_OK ? "" : "\"");
}

static struct instant wall_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (struct instant){(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
}

static struct tick mono_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (struct tick){(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
}
