#include "node/ingest/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
struct telling {
    struct ingest *ingest;
    const struct ingest_node *only; /* NULL: every node is told its own */
};

struct left { /* a node that is gone for good */
    struct ingest *ingest;
    bool found;
    char name[SLUG_MAX_BYTES];
};

static enum err open_nodes(struct ingest *ingest);
static enum err forget_left(struct ingest *ingest);
static enum err visit_name(void *context, const char *name);
static struct ingest_node *node_named(struct ingest *ingest, const char *name);
static enum err run_once(struct ingest *ingest, bool *restart);
static enum err scan_on(struct ingest *ingest);
static enum err wait_for_nodes(struct ingest *ingest, int64_t wait_ms, bool *restart);
static enum err greet(struct ingest *ingest, struct ingest_node *node);
static enum err take_list(struct ingest *ingest, struct ingest_node *from, struct bytes sealed,
                          bool *restart);
static enum err judge_list(struct ingest *ingest, struct bytes signed_list, uint64_t *version,
                           bool *known);
static void take_act(struct ingest_node *from, struct bytes bytes, struct instant now);
static enum err take_charter(struct ingest_node *from, const struct signed_object *object);
static enum err follow(const struct ingest_node *from, const struct signed_object *object,
                       struct instant now);
static enum err take_request(struct ingest *ingest, struct ingest_node *from,
                             const struct ingest_message *message, struct bytes frame,
                             struct instant now);
static enum err check_request(const struct ingest *ingest, const struct ingest_node *from,
                              const struct ingest_message *message, struct instant now,
                              struct request *out, struct asker *asker);
static enum err serves(const struct ingest *ingest, const struct ingest_node *from,
                       const struct id *community);
static enum err check_crossing(const struct ingest *ingest, const struct ingest_node *from,
                               const struct ingest_message *message, struct instant now,
                               struct request *out, struct asker *asker);
static enum err check_rules(const struct governance *governance, const struct request *request,
                            const struct asker *asker, struct instant now);
static enum err make_room(struct ingest *ingest, const struct ingest_node *from,
                          const struct asker *asker, struct instant now);
static enum err take_shred(struct ingest *ingest, struct ingest_node *from,
                           const struct clip_id *clip);
static enum err take_held(struct ingest *ingest, const struct ingest_node *from,
                          const struct ingest_message *message);
static enum err do_job(struct ingest *ingest, const struct job *job, struct instant now);
static enum err find_community(const struct ingest_message *message, const struct request *request,
                               struct id *out);
static enum err match_request(struct ingest *ingest, const struct asked *asked, struct instant now);
static enum err visit_untold(void *context, const struct vault_clip *clip);
static void send_frame(struct ingest_node *node, struct bytes frame);
static bool write_all(int fd, struct bytes data);
static void leave(struct ingest_node *node, const char *why);
static enum err read_node(struct ingest *ingest, struct ingest_node *node, bool *restart);
static enum err close_period(struct ingest *ingest, struct instant now);
static enum err tell_period(struct ingest_node *node, const struct period *period);
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
    sign_public_of(&ingest->config.keys.sign, &ingest->sign);
    (void)snprintf(path, sizeof path, "%s/ingest/index.db", config->home);
    enum err err = index_open(path, &ingest->index);
    if (err == ERR_OK) {
        err = load_list(ingest);
    }
    if (err == ERR_OK) {
        err = index_clips_doubt(ingest->index);
    }
    if (err == ERR_OK) {
        err = open_nodes(ingest);
    }
    if (err == ERR_OK) {
        err = forget_left(ingest);
    }
    if (err != ERR_OK) {
        ingest_destroy(ingest);
        return err;
    }
    *out = ingest;
    return ERR_OK;
}

static enum err open_nodes(struct ingest *ingest) {
    for (size_t i = 0; i < ingest->config.place_count; i++) {
        struct ingest_node *node = &ingest->nodes[ingest->node_count];
        char home[PATH_MAX];
        char path[PATH_MAX + 8];
        ingest_node_home(ingest->config.home, ingest->config.places[i].name, home);
        (void)snprintf(path, sizeof path, "%s/vault", home);
        *node = (struct ingest_node){.place = ingest->config.places[i],
                                     .vault = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        node->place.fd = -1; /* the caller's, until all has gone well */
        if (node->vault < 0) {
            return ERR_HOST_PERMISSION;
        }
        buffer_init(&node->input, FRAME_HEADER + INGEST_FRAME_MAX + READ_BYTES);
        ingest->node_count++;
    }
    for (size_t i = 0; i < ingest->node_count; i++) {
        int fd = ingest->config.places[i].fd;
        ingest->nodes[i].place.fd = fd;
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    return ERR_OK;
}

/* Of a community whose room the home has taken away. One whose folder is there, though its node is
 * not, may come back. */
static enum err forget_left(struct ingest *ingest) {
    struct left left = {.ingest = ingest};
    enum err err = ERR_OK;
    do {
        left.found = false;
        err = index_nodes(ingest->index, visit_name, &left);
        if (err == ERR_OK && left.found) {
            err = index_node_forget(ingest->index, left.name);
        }
    } while (err == ERR_OK && left.found);
    return err;
}

static enum err visit_name(void *context, const char *name) {
    struct left *left = context;
    char home[PATH_MAX];
    struct stat info;
    ingest_node_home(left->ingest->config.home, name, home);
    if (node_named(left->ingest, name) == NULL && lstat(home, &info) != 0 && errno == ENOENT) {
        (void)snprintf(left->name, sizeof left->name, "%s", name);
        left->found = true;
    }
    return ERR_OK;
}

void ingest_node_home(const char *home, const char *name, char out[PATH_MAX]) {
    if (strcmp(name, SLUG_FIRST) == 0) {
        (void)snprintf(out, PATH_MAX, "%s", home);
    } else {
        (void)snprintf(out, PATH_MAX, "%s/" FURTHER_FOLDER "/%s", home, name);
    }
}

static struct ingest_node *node_named(struct ingest *ingest, const char *name) {
    for (size_t i = 0; i < ingest->node_count; i++) {
        if (strcmp(ingest->nodes[i].place.name, name) == 0) {
            return &ingest->nodes[i];
        }
    }
    return NULL;
}

void ingest_destroy(struct ingest *ingest) {
    if (ingest == NULL) {
        return;
    }
    scan_restart(ingest);
    for (size_t i = 0; i < ingest->node_count; i++) {
        struct ingest_node *node = &ingest->nodes[i];
        community_destroy(node->community);
        buffer_finish(&node->input);
        (void)close(node->vault);
        if (node->place.fd >= 0) {
            (void)close(node->place.fd);
        }
    }
    index_close(ingest->index);
    secret_wipe(ingest, sizeof *ingest);
    free(ingest);
}

int ingest_run(struct ingest *ingest) {
    bool restart = false;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < ingest->node_count; i++) {
        err = seal_sweep(ingest, &ingest->nodes[i]);
    }
    while (err == ERR_OK && !restart) {
        err = run_once(ingest, &restart);
    }
    if (err != ERR_OK) {
        note("error", "stopped", err);
    }
    return restart ? SUPERVISE_EXIT_AGAIN : 1;
}

static enum err run_once(struct ingest *ingest, bool *restart) {
    struct instant next = INSTANT_NEVER;
    enum err err = ingest_work(ingest, wall_now(), &next);
    if (err == ERR_OK && tick_reached(mono_now(), ingest->scan_due)) {
        err = scan_on(ingest);
    }
    if (err != ERR_OK) {
        return err;
    }
    int64_t wait = ingest->scan_due.ms - mono_now().ms;
    if (next.ms != INSTANT_NEVER.ms && next.ms - wall_now().ms < wait) {
        wait = next.ms - wall_now().ms;
    }
    return wait_for_nodes(ingest, wait > 0 ? wait : 0, restart);
}

static enum err scan_on(struct ingest *ingest) {
    bool more = false;
    ingest->scan_began = ingest->scan == NULL ? mono_now() : ingest->scan_began;
    enum err err = scan_slice(ingest, wall_now(), &more);
    struct duration pause = {more ? 0 : pause_after(mono_now().ms - ingest->scan_began.ms)};
    ingest->scan_due = tick_add(mono_now(), pause);
    return err == ERR_OK && !more ? close_period(ingest, wall_now()) : err;
}

/* The supervisor's signal is let in here alone, between two clips. */
static enum err wait_for_nodes(struct ingest *ingest, int64_t wait_ms, bool *restart) {
    struct pollfd ready[COMMUNITIES_MAX];
    const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    sigset_t none;
    enum err err = ERR_OK;
    (void)sigemptyset(&none);
    for (size_t i = 0; i < ingest->node_count; i++) {
        ready[i] = (struct pollfd){.fd = ingest->nodes[i].place.fd, .events = POLLIN};
    }
    int count = ppoll(ready, ingest->node_count, &wait, &none);
    for (size_t i = 0; count > 0 && err == ERR_OK && !*restart && i < ingest->node_count; i++) {
        err = ready[i].revents != 0 ? read_node(ingest, &ingest->nodes[i], restart) : ERR_OK;
    }
    *restart |= ingest->config.again != NULL && *ingest->config.again != 0;
    return err;
}

/* What it may have missed; it may have ended before it had it on record. */
static enum err greet(struct ingest *ingest, struct ingest_node *node) {
    struct ingest_message hello = {.kind = INGEST_HELLO};
    struct period last;
    struct telling telling = {.ingest = ingest, .only = node};
    hello.as.hello.camera_list_version = ingest->has_list ? ingest->list.version : 0;
    node->up = true;
    enum err err = ingest_send(node, &hello);
    if (err == ERR_OK) {
        err = index_clips(ingest->index, visit_untold, &telling);
    }
    if (err == ERR_OK) {
        err = index_period_last(ingest->index, &last);
        err = err == ERR_OK ? tell_period(node, &last) : err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    return err;
}

/* Once in INGEST_PERIOD_MS, when something was recorded since: commits to its hashes, and tells. */
static enum err close_period(struct ingest *ingest, struct instant now) {
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
    for (size_t i = 0; err == ERR_OK && i < ingest->node_count; i++) {
        err = tell_period(&ingest->nodes[i], &period);
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

static enum err tell_period(struct ingest_node *node, const struct period *period) {
    struct ingest_message message = {.kind = INGEST_PERIOD,
                                     .as.period.commitment = period->commitment};
    return ingest_send(node, &message);
}

/* Millions of files take long to look through; the more of them, the less often. */
static int64_t pause_after(int64_t took_ms) {
    int64_t pause = took_ms * (INGEST_SCAN_SHARE - 1);
    return pause > INGEST_SCAN_EVERY_MS ? pause : INGEST_SCAN_EVERY_MS;
}

enum err ingest_send(struct ingest_node *node, const struct ingest_message *message) {
    SCOPED(buffer_finish) struct buffer frame = {.max = INGEST_FRAME_MAX};
    enum err err = ingest_encode(message, &frame);
    if (err == ERR_OK) {
        send_frame(node, buffer_bytes(&frame));
    }
    return err;
}

enum err ingest_tell_matches(struct ingest *ingest) {
    struct telling telling = {.ingest = ingest};
    return index_clips(ingest->index, visit_untold, &telling);
}

static enum err visit_untold(void *context, const struct vault_clip *clip) {
    const struct telling *telling = context;
    struct ingest_node *node = node_named(telling->ingest, clip->node);
    bool meant = telling->only == NULL || telling->only == node;
    if (node != NULL && meant && !clip->told && clip->match.len > 0) {
        send_frame(node, clip->match);
    }
    return ERR_OK;
}

/* ---- from a node ---- */

enum err ingest_take(struct ingest *ingest, struct ingest_node *from, struct bytes frame,
                     struct instant now, bool *restart) {
    static struct ingest_message message; /* large; rebuilt whole by every call */
    enum err err = ingest_decode(frame, &message);
    from->up = true;
    if (err != ERR_OK) {
        note("warn", "bad frame", err);
        return ERR_OK;
    }
    switch (message.kind) {
    case INGEST_CAMERA_LIST:
        return take_list(ingest, from, message.as.camera_list.sealed, restart);
    case INGEST_REQUEST:
        return take_request(ingest, from, &message, frame, now);
    case INGEST_SHRED:
        return take_shred(ingest, from, &message.as.shred.clip);
    case INGEST_HELD:
        return take_held(ingest, from, &message);
    case INGEST_ACT:
        take_act(from, message.as.act.object, now);
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

/* Through whichever node it comes: only the owners can make one. */
static enum err take_list(struct ingest *ingest, struct ingest_node *from, struct bytes sealed,
                          bool *restart) {
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
    enum err sent = ingest_send(from, &done);
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
static void take_act(struct ingest_node *from, struct bytes bytes, struct instant now) {
    struct signed_object object;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = object.kind == OBJECT_CHARTER ? take_charter(from, &object)
                                            : follow(from, &object, now);
    }
    if (err != ERR_OK) {
        note("warn", "act not taken", err);
    }
}

/* The first one it shows is its community. */
static enum err take_charter(struct ingest_node *from, const struct signed_object *object) {
    static struct charter charter; /* large */
    if (from->community != NULL) {
        return id_equal(community_id(from->community), &object->id) ? ERR_OK : ERR_DENY_PIN;
    }
    struct community *community = community_create();
    enum err err = community == NULL ? ERR_HOST_MEMORY : charter_decode(object->body, &charter);
    if (err == ERR_OK) {
        err = community_found(community, object, &charter);
    }
    if (err == ERR_OK) {
        from->community = community;
    } else {
        community_destroy(community);
    }
    return err;
}

static enum err follow(const struct ingest_node *from, const struct signed_object *object,
                       struct instant now) {
    static struct act act; /* large */
    struct community *community = from->community;
    enum err err = act_decode(object->body, &act);
    if (err == ERR_OK &&
        (community == NULL || !id_equal(community_id(community), &act.head.community))) {
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
    if (err == ERR_OK) {
        err = community_follow(community, object, &act);
    }
    struct id none;
    while (community_take_displaced(community, &none, &none)) {
    } /* nothing hangs on those here: their places are free from now on */
    return err;
}

/* Checked here again from the signed bytes: the node is not believed (P1). A request that does not
 * pass gets the same answer as one that matches nothing. */
static enum err take_request(struct ingest *ingest, struct ingest_node *from,
                             const struct ingest_message *message, struct bytes frame,
                             struct instant now) {
    struct ingest_message done = {.kind = INGEST_REQUEST_DONE};
    struct request request;
    struct asker asker;
    struct job job;
    done.as.request_done.request = message->as.request.id;
    enum err err = index_job_get(ingest->index, &message->as.request.id, &job);
    if (err == ERR_OK && strcmp(job.node, from->place.name) == 0) {
        return job.done ? ingest_send(from, &done) : ERR_OK;
    }
    if (err != ERR_OK && err != ERR_USER_NOT_FOUND) {
        return err;
    }
    err = check_request(ingest, from, message, now, &request, &asker);
    if (err == ERR_OK) {
        err = make_room(ingest, from, &asker, now);
    }
    if (err == ERR_HOST_DATABASE || err == ERR_HOST_DISK) {
        return err;
    }
    if (err != ERR_OK) {
        note("info", "request not matched", err);
        return ingest_send(from, &done);
    }
    uint32_t delay = 0;
    random_bytes(&delay, sizeof delay);
    job = (struct job){.request = message->as.request.id,
                       .author = asker.account,
                       .until = request.head.expires,
                       .frame = frame,
                       .due = now};
    memcpy(job.node, from->place.name, sizeof job.node);
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
static enum err make_room(struct ingest *ingest, const struct ingest_node *from,
                          const struct asker *asker, struct instant now) {
    const struct jobs_of whose = {.node = from->place.name, .author = &asker->account};
    uint64_t all = 0;
    uint64_t live = 0;
    enum err err = index_jobs_count(ingest->index, whose, now, &all, &live);
    if (err != ERR_OK) {
        return err;
    }
    return live >= asker->live_requests ? ERR_DENY_CAP
           : all >= INGEST_JOBS_MAX     ? ERR_FULL_TABLE
                                        : ERR_OK;
}

static enum err check_request(const struct ingest *ingest, const struct ingest_node *from,
                              const struct ingest_message *message, struct instant now,
                              struct request *out, struct asker *asker) {
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
        return check_crossing(ingest, from, message, now, out, asker);
    }
    err = serves(ingest, from, &out->head.community);
    if (err != ERR_OK) {
        return err;
    }
    const struct community *community = from->community;
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
    if (err != ERR_OK) {
        return err;
    }
    asker_of(community_governance(community), &author_id, &author, asker);
    return check_rules(community_governance(community), out, asker, now);
}

/* Whether the home's owners let this node's community ask for any camera at all. */
static enum err serves(const struct ingest *ingest, const struct ingest_node *from,
                       const struct id *community) {
    if (!camera_list_serves(&ingest->list, community, from->place.name)) {
        return ERR_DENY_CAMERAS;
    }
    return from->community != NULL && id_equal(community_id(from->community), community)
               ? ERR_OK
               : ERR_DENY_PIN;
}

/* Of another community, by treaty: the gateway is not believed either. */
static enum err check_crossing(const struct ingest *ingest, const struct ingest_node *from,
                               const struct ingest_message *message, struct instant now,
                               struct request *out, struct asker *asker) {
    static struct crossed crossed; /* large */
    struct signed_object object;
    struct crossing crossing;
    enum err err = signed_decode(message->as.request.crossing, &object);
    if (err == ERR_OK) {
        err =
            object.kind == OBJECT_CROSSING ? crossing_decode(object.body, &crossing) : ERR_DENY_PIN;
    }
    if (err == ERR_OK) {
        err = serves(ingest, from, &crossing.head.community);
    }
    if (err != ERR_OK) {
        return err;
    }
    const struct governance *governance = community_governance(from->community);
    err = crossing_verify(governance, &crossing, crossing.head.created, &crossed);
    if (err == ERR_OK && (crossed.object.kind != OBJECT_REQUEST ||
                          !id_equal(&crossed.object.id, &message->as.request.id))) {
        err = ERR_DENY_PIN;
    }
    if (err == ERR_OK && instant_reached(now, out->head.expires)) {
        err = ERR_DENY_EXPIRED;
    }
    if (err != ERR_OK) {
        return err;
    }
    treaty_asker(governance, governance_treaty(governance, &crossing.treaty, crossing.head.created),
                 &crossed.author, asker);
    return check_rules(governance, out, asker, now);
}

/* As the node's fence: what it let pass is not asked twice in another way. */
static enum err check_rules(const struct governance *governance, const struct request *request,
                            const struct asker *asker, struct instant now) {
    const struct legal_terms terms = {.charter = &governance->charter,
                                      .elsewhere =
                                          treaties_let_once(governance, request, asker->role, now),
                                      .instruments = asker->instruments};
    return legal_refuse(request, &terms, now, NULL);
}

static enum err take_shred(struct ingest *ingest, struct ingest_node *from,
                           const struct clip_id *clip) {
    struct ingest_message done = {.kind = INGEST_SHRED_DONE, .as.shred_done.clip = *clip};
    enum err err = seal_remove(ingest, from, clip);
    return err == ERR_OK ? ingest_send(from, &done) : err;
}

/* At the end of the list, whatever the node once had and does not name has lost its header with the
 * node's database. */
static enum err take_held(struct ingest *ingest, const struct ingest_node *from,
                          const struct ingest_message *message) {
    const char *node = from->place.name;
    struct clip_id orphan;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < message->as.held.count; i++) {
        err = index_clip_told(ingest->index, node, &message->as.held.clips[i]);
    }
    if (err == ERR_OK) {
        err = index_shred(ingest->index); /* the headers are the node's now */
    }
    while (err == ERR_OK && message->as.held.last) {
        err = index_clip_orphan(ingest->index, node, &orphan);
        if (err == ERR_USER_NOT_FOUND) {
            return ERR_OK;
        }
        err = err == ERR_OK ? seal_remove(ingest, from, &orphan) : err;
    }
    return err;
}

/* ---- matching ---- */

enum err ingest_work(struct ingest *ingest, struct instant now, struct instant *next) {
    struct ingest_message done = {.kind = INGEST_REQUEST_DONE};
    struct job job;
    enum err err = index_job_next(ingest->index, &job);
    if (err == ERR_USER_NOT_FOUND) {
        return ERR_OK;
    }
    if (err != ERR_OK || !instant_reached(now, job.due)) {
        *next = job.due;
        return err;
    }
    *next = now; /* there may be another one */
    err = do_job(ingest, &job, now);
    if (err == ERR_HOST_DISK) { /* full, or nearly: the owner sees it in the journal */
        note("error", "no room to seal a match", err);
        return index_job_later(ingest->index, &job.request,
                               instant_add(now, (struct duration){INGEST_RETRY_MS}));
    }
    if (err != ERR_OK) {
        return err;
    }
    struct ingest_node *node = node_named(ingest, job.node);
    done.as.request_done.request = job.request;
    err = index_job_done(ingest->index, &job.request);
    return err == ERR_OK && node != NULL ? ingest_send(node, &done) : err;
}

static enum err do_job(struct ingest *ingest, const struct job *job, struct instant now) {
    static struct ingest_message message;
    struct asked asked = {.node = node_named(ingest, job->node), .id = &job->request};
    struct signed_object object;
    struct request request;
    SCOPED(buffer_finish) struct buffer frame = {.max = INGEST_FRAME_MAX};
    if (asked.node == NULL) {
        return ERR_OK; /* the home has left that community */
    }
    enum err err = buffer_append(&frame, job->frame);
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
        err = find_community(&message, &request, &asked.community);
    }
    asked.request = &request;
    return err == ERR_OK ? match_request(ingest, &asked, now) : err;
}

/* Which it asks: its own, or the one that it has crossed to. */
static enum err find_community(const struct ingest_message *message, const struct request *request,
                               struct id *out) {
    struct signed_object object;
    struct head head = request->head;
    enum err err = ERR_OK;
    if (message->as.request.crossing.len > 0) {
        err = signed_decode(message->as.request.crossing, &object);
        err = err == ERR_OK ? head_decode(object.body, &head) : err;
    }
    *out = head.community;
    return err;
}

static enum err match_request(struct ingest *ingest, const struct asked *asked,
                              struct instant now) {
    const struct request *request = asked->request;
    bool more = true;
    enum err err = ERR_OK;
    scan_restart(ingest);
    while (err == ERR_OK && more) { /* what was recorded up to now counts */
        err = scan_slice(ingest, now, &more);
    }
    if (instant_reached(now, request->head.expires) ||
        request->instrument.kind == INSTRUMENT_PRESERVATION ||
        !camera_list_serves(&ingest->list, &asked->community, asked->node->place.name)) {
        return err; /* a preservation is an owner's to begin */
    }
    for (size_t i = 0; err == ERR_OK && i < ingest->list.camera_count; i++) {
        const struct camera *camera = &ingest->list.cameras[i];
        if (!camera_may_be_asked(camera) || !camera_open_to(camera, &asked->community) ||
            !geo_place_meets_view(&request->place, &camera->view) ||
            index_clip_of(ingest->index, asked->id, camera->name)) {
            continue;
        }
        err = seal_camera(ingest, camera, asked, now);
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

/* ---- the sockets ---- */

/* Whatever is wrong with a node, it is that node's: the others are served as before. */
static enum err read_node(struct ingest *ingest, struct ingest_node *node, bool *restart) {
    uint8_t part[READ_BYTES];
    ssize_t got = read(node->place.fd, part, sizeof part);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return ERR_OK;
    }
    if (got <= 0) {
        leave(node, "gone");
        return ERR_OK;
    }
    enum err err = node->up ? ERR_OK : greet(ingest, node);
    if (err == ERR_OK) {
        err = buffer_append(&node->input, (struct bytes){part, (size_t)got});
    }
    size_t at = 0;
    while (err == ERR_OK && !*restart && node->input.len - at >= FRAME_HEADER) {
        size_t len = read_u32(node->input.at + at);
        if (len > INGEST_FRAME_MAX) {
            leave(node, "sends what is no frame");
            return ERR_OK;
        }
        if (node->input.len - at - FRAME_HEADER < len) {
            break;
        }
        struct bytes frame = {node->input.at + at + FRAME_HEADER, len};
        err = ingest_take(ingest, node, frame, wall_now(), restart);
        at += FRAME_HEADER + len;
    }
    buffer_drop_front(&node->input, at);
    return err;
}

static void send_frame(struct ingest_node *node, struct bytes frame) {
    uint8_t header[FRAME_HEADER];
    if (!node->up || node->place.fd < 0) {
        return; /* it is told when it comes: greet() */
    }
    write_u32(header, (uint32_t)frame.len);
    if (!write_all(node->place.fd, BYTES_OF(header)) || !write_all(node->place.fd, frame)) {
        leave(node, "does not read");
    }
}

static bool write_all(int fd, struct bytes data) {
    while (data.len > 0) {
        ssize_t put = write(fd, data.at, data.len);
        if (put < 0 && errno == EAGAIN) {
            struct pollfd ready = {.fd = fd, .events = POLLOUT};
            if (poll(&ready, 1, INGEST_MUTE_MS) <= 0) {
                return false;
            }
            continue;
        }
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        data.at += put;
        data.len -= (size_t)put;
    }
    return true;
}

/* Until the supervisor has a new one of it. */
static void leave(struct ingest_node *node, const char *why) {
    if (node->place.fd >= 0) {
        (void)close(node->place.fd);
        (void)fprintf(stderr, "info ingest: node left reason=\"%s\"\n", why);
    }
    node->place.fd = -1;
    node->up = false;
    buffer_clear(&node->input);
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
