/* Invariants:
 *  1. All that happens comes off the heap in the order of (time, number), or is done by the test
 *     at the present time; ticks come when a core's own deadline says so.
 *  2. Bytes of one direction of a connection arrive in the order in which they were sent.
 *  3. Nothing here draws from a source but the seeded ones; libsodium's is replaced. */
#include "tests/support/world.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/base/assert.h"

enum {
    FILE_PART = 16 * 1024, /* what a file run is cut into on its way */
    BUSY_MAX = 2000,       /* turns at one moment: more is a loop that does not end */
    SEAL_MS = 700,
    WORK_MS = 3,
    CHECKPOINTS_KEPT = 64,
};

enum happening {
    HAPPENS_CONNECT, /* a dial reaches its target */
    HAPPENS_STANDS,  /* ... and the dialler hears of it */
    HAPPENS_BYTES,
    HAPPENS_END,
    HAPPENS_DRAINED,
    HAPPENS_INGEST, /* a frame from ingest */
    HAPPENS_WORKED, /* a thread has done what core gave it */
    HAPPENS_START,  /* a home that died comes back */
};

struct world_event {
    int64_t at;
    uint64_t number;
    enum happening what;
    int home;
    size_t life;     /* of the home: what was meant for an earlier one is lost */
    size_t line;     /* connection */
    uint64_t serial; /* of the connection: it may have been used anew */
    int side;        /* 0 dialled, 1 answered: whose event it is */
    struct core_work *work;
    struct buffer data;
};

struct world_connection {
    bool used;
    bool hole; /* what is sent is lost, and nobody hears of it */
    uint64_t serial;
    struct {
        int home;
        uint64_t link; /* 0: not yet */
        bool open;     /* the home's core still wants to hear */
        int64_t last;  /* when what it sent last arrives at the other side */
    } side[2];
    uint64_t random;
};

static void make_home(struct world *world, int number);
static void step_next(struct world *world);
static struct world_event *next_event(struct world *world);
static int64_t next_time(struct world *world, int *ticks);
static int64_t tick_time(struct world *world, int home);
static void happen(struct world *world, struct world_event *event);
static void turn(struct world *world, int number, const struct core_event *event);
static void note_write(struct world *world, struct world_home *home);
static bool dies_now(struct world *world, int home, enum world_death death);
static void release(struct world *world, int number, const struct core_effects *effects);
static void release_one(struct world *world, int number, const struct core_effect *effect,
                        int64_t at);
static void dial(struct world *world, int home, const struct core_effect *effect, int64_t at);
static void send_bytes(struct world *world, int home, uint64_t link, struct bytes data, int64_t at);
static void send_file(struct world *world, int home, const struct core_effect *effect, int64_t at);
static void close_side(struct world *world, struct world_connection *line, int side, int64_t at);
static struct world_connection *find_line(struct world *world, int home, uint64_t link, int *side);
static void put(struct world *world, struct world_event event, struct bytes data);
static void put_line(struct world *world, const struct world_connection *line, int side,
                     enum happening what, int64_t at, struct bytes data);
static int64_t latency(const struct world *world, uint64_t *random);
static bool is_insider(const struct world *world, int home, uint64_t link);
static enum err newest_epoch(void *context, const uint8_t key[EPOCH_KEY_BYTES],
                             struct instant since);
static bool is_dialled(struct world *world, void *context);
static bool insider_flush(struct world_insider *insider, struct buffer *bytes);
static bool insider_established(struct world_insider *insider, struct buffer *bytes);
static void see(struct world *world, const struct world_connection *line, int side,
                const struct world_event *event);
static void add_sight(struct world *world, int peer, int what, struct bytes data);
static void trace(struct world *world, int64_t kind, int64_t home, struct bytes data);
static void ingest_frame(struct world *world, int number, struct bytes frame);
static void ingest_request(struct world *world, int number, const struct ingest_message *message);
static void ingest_say(struct world *world, int number, const struct ingest_message *message,
                       int64_t at);
static void ingest_up(struct world *world, int number);
static struct world_clip *seal(struct world *world, int number, const struct id *request,
                               struct bytes signed_request);
static void tell_match(struct world *world, int number, const struct world_clip *clip, int64_t at);
static void clip_free(struct world_clip *clip);
static struct core_disk disk_of(struct world_home *home);
static enum err disk_read(void *context, enum core_file file, struct bytes name, uint64_t offset,
                          uint8_t *out, size_t len);
static enum err disk_make(void *context, struct bytes name, uint64_t missing);
static enum err disk_write(void *context, struct bytes name, uint64_t offset, struct bytes data);
static enum err disk_sync(void *context, struct bytes name);
static enum err disk_remove(void *context, struct bytes name);
static enum err disk_each(void *context, core_disk_visit *visit, void *visit_context);
static enum err disk_write_log(void *context, const char *path, struct bytes data);
static enum err disk_read_log(void *context, const char *path, struct buffer *out);
static struct world_file *find_file(struct world_home *home, struct bytes name);
static uint64_t draw(uint64_t *state);

/* libsodium's randomness, made of the seed of the world that was created last. */
static uint64_t sodium_state;
static const char *sodium_name(void) {
    return "world";
}
static uint32_t sodium_word(void) {
    return (uint32_t)draw(&sodium_state);
}
static void sodium_fill(void *const out, const size_t len) {
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)out)[i] = (uint8_t)draw(&sodium_state);
    }
}
static struct randombytes_implementation seeded = {
    .implementation_name = sodium_name, .random = sodium_word, .buf = sodium_fill};

struct world *world_create(uint64_t seed, size_t homes, const char *folder) {
    struct world *world = calloc(1, sizeof *world);
    ASSERT(world != NULL);
    ASSERT(homes <= WORLD_HOMES_MAX);
    (void)signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit fails instead */
    (void)randombytes_set_implementation(&seeded);
    ASSERT(crypto_start()); /* draws, the first time */
    sodium_state = seed;
    world->connections = calloc(WORLD_CONNECTIONS_MAX, sizeof *world->connections);
    ASSERT(world->connections != NULL);
    world->seed = seed;
    world->latency_min = 5;
    world->latency_max = 40;
    world->mesh = true;
    world->folder = folder;
    world->home_count = homes;
    world->dies = -1;
    world->rests = 1500;
    world->watched = -1;
    for (size_t i = 0; i < homes; i++) {
        make_home(world, (int)i);
        ASSERT(world_start(world, (int)i) == ERR_OK);
    }
    return world;
}

void world_destroy(struct world *world) {
    if (world == NULL) {
        return;
    }
    for (size_t i = 0; i < world->home_count; i++) {
        struct world_home *home = &world->homes[i];
        core_destroy(home->core);
        store_close(home->store);
        for (size_t k = 0; k < WORLD_CLIPS_MAX; k++) {
            clip_free(&home->clips[k]);
        }
        while (home->delivered != NULL) {
            struct world_file *next = home->delivered->next;
            buffer_finish(&home->delivered->data);
            free(home->delivered);
            home->delivered = next;
        }
    }
    for (size_t i = 0; i < world->heap_count; i++) {
        buffer_finish(&world->heap[i]->data);
        free(world->heap[i]);
    }
    for (size_t i = 0; i < WORLD_REPLIES_MAX; i++) {
        buffer_finish(&world->replies[i]);
    }
    free(world->heap);
    free(world->connections);
    free(world->sights);
    free(world);
}

/* ---- time ---- */

void world_run(struct world *world, int64_t ms) {
    (void)world_run_until(world, ms, NULL, NULL);
}

bool world_run_until(struct world *world, int64_t ms, world_reached *reached, void *context) {
    int64_t end = world->now + ms;
    int64_t moment = -1;
    size_t busy = 0;
    int ticks = 0;
    if (reached != NULL && reached(world, context)) {
        return true;
    }
    while (next_time(world, &ticks) <= end) {
        step_next(world);
        busy = world->now == moment ? busy + 1 : 0;
        moment = world->now;
        ASSERT(busy < BUSY_MAX);
        if (reached != NULL && reached(world, context)) {
            return true;
        }
    }
    world->now = end;
    return false;
}

struct instant world_wall(const struct world *world, int home) {
    return (struct instant){WORLD_BEGIN.ms + world->now + world->homes[home].wall_skew};
}

static struct now now_of(const struct world *world, int home) {
    return (struct now){.wall = world_wall(world, home),
                        .mono = {1000000 + INT64_C(1000003) * home + world->now}};
}

static void step_next(struct world *world) {
    int home = -1;
    int64_t at = next_time(world, &home);
    ASSERT(at >= world->now);
    world->now = at;
    if (home >= 0) {
        world->homes[home].last_tick = at;
        turn(world, home, &(struct core_event){.kind = CORE_EV_TICK});
        return;
    }
    struct world_event *event = next_event(world);
    happen(world, event);
    buffer_finish(&event->data);
    free(event);
}

/* *ticks is the home whose tick is next, -1: an event is. */
static int64_t next_time(struct world *world, int *ticks) {
    int64_t at = world->heap_count == 0 ? INT64_MAX : world->heap[0]->at;
    *ticks = -1;
    for (size_t i = 0; i < world->home_count; i++) {
        int64_t tick = tick_time(world, (int)i);
        if (tick < at) {
            at = tick;
            *ticks = (int)i;
        }
    }
    return at;
}

/* As the shell's timer: never before the present, and a millisecond after the last one. */
static int64_t tick_time(struct world *world, int home) {
    struct world_home *h = &world->homes[home];
    if (h->core == NULL) {
        return INT64_MAX;
    }
    struct now now = now_of(world, home);
    struct tick due = core_deadline(h->core, now);
    if (due.ms == TICK_NEVER.ms) {
        return INT64_MAX;
    }
    int64_t at = world->now + (due.ms - now.mono.ms);
    at = at <= h->last_tick ? h->last_tick + 1 : at;
    return at < world->now ? world->now : at;
}

static bool before(const struct world_event *a, const struct world_event *b) {
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static struct world_event *next_event(struct world *world) {
    struct world_event **heap = world->heap;
    struct world_event *first = heap[0];
    struct world_event *last = heap[--world->heap_count];
    size_t hole = 0;
    for (size_t child = 1; child < world->heap_count; child = 2 * hole + 1) {
        if (child + 1 < world->heap_count && before(heap[child + 1], heap[child])) {
            child++;
        }
        if (!before(heap[child], last)) {
            break;
        }
        heap[hole] = heap[child];
        hole = child;
    }
    heap[hole] = last;
    return first;
}

static void put(struct world *world, struct world_event event, struct bytes data) {
    struct world_event *copy = malloc(sizeof *copy);
    ASSERT(copy != NULL);
    *copy = event;
    copy->number = world->next_event++;
    buffer_init(&copy->data, CONTROL_FRAME_MAX + 65536);
    ASSERT(buffer_append(&copy->data, data) == ERR_OK);
    if (world->heap_count == world->heap_room) {
        world->heap_room = world->heap_room * 2 + 64;
        world->heap = realloc(world->heap, world->heap_room * sizeof(struct world_event *));
        ASSERT(world->heap != NULL);
    }
    size_t at = world->heap_count++;
    for (; at > 0 && before(copy, world->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        world->heap[at] = world->heap[(at - 1) / 2];
    }
    world->heap[at] = copy;
}

static void happen(struct world *world, struct world_event *event) {
    struct world_home *home = &world->homes[event->home];
    if (event->what == HAPPENS_START) {
        if (home->core == NULL && world_start(world, event->home) != ERR_OK) {
            ASSERT(home->disk_fails); /* its supervisor tries again, ever more rarely */
        }
        return;
    }
    if (event->what == HAPPENS_INGEST) {
        if (home->core != NULL && event->life == home->starts) {
            turn(world, event->home,
                 &(struct core_event){.kind = CORE_EV_INGEST_FRAME,
                                      .data = buffer_bytes(&event->data)});
        }
        return;
    }
    if (event->what == HAPPENS_WORKED) {
        if (home->core != NULL && event->life == home->starts) {
            core_work_do(event->work);
            turn(world, event->home,
                 &(struct core_event){.kind = CORE_EV_WORKED, .work = event->work});
        }
        return;
    }
    struct world_connection *line = &world->connections[event->line];
    if (!line->used || line->serial != event->serial || line->hole) {
        return;
    }
    int side = event->side;
    if (event->what == HAPPENS_CONNECT) {
        if (home->core == NULL) { /* the system refuses for it */
            put_line(world, line, 0, HAPPENS_END, world->now + latency(world, &line->random),
                     (struct bytes){NULL, 0});
            return;
        }
        line->side[1].link = home->next_link;
        line->side[1].open = true;
        home->next_link += 2;
        int64_t stands = world->now + latency(world, &line->random);
        line->side[1].last = stands;
        put_line(world, line, 0, HAPPENS_STANDS, stands, (struct bytes){NULL, 0});
        see(world, line, 1, event);
        turn(world, event->home,
             &(struct core_event){.kind = CORE_EV_LINK_IN, .link = line->side[1].link});
        return;
    }
    if (!line->side[side].open || home->core == NULL) {
        return;
    }
    struct core_event told = {.link = line->side[side].link, .data = buffer_bytes(&event->data)};
    switch (event->what) {
    case HAPPENS_STANDS:
        told.kind = CORE_EV_LINK_OUT;
        break;
    case HAPPENS_BYTES:
        see(world, line, side, event);
        told.kind = CORE_EV_LINK_BYTES;
        /* The clips here are smaller than what core takes before any of it is written. */
        ASSERT(core_link_has_room(home->core, told.link));
        break;
    case HAPPENS_END:
        see(world, line, side, event);
        line->side[side].open = false;
        line->used = line->side[1 - side].open;
        told.kind = CORE_EV_LINK_DOWN;
        break;
    case HAPPENS_DRAINED:
        told.kind = CORE_EV_LINK_DRAINED;
        break;
    case HAPPENS_CONNECT:
    case HAPPENS_INGEST:
    case HAPPENS_WORKED:
    case HAPPENS_START:
        break;
    }
    turn(world, event->home, &told);
}

/* ---- turns ---- */

static void turn(struct world *world, int number, const struct core_event *event) {
    struct world_home *home = &world->homes[number];
    struct core_effects effects = {0};
    home->turns++;
    trace(world, event->kind, number, event->data);
    enum err err = core_turn_begin(home->core);
    if (err == ERR_OK) {
        err = core_step(home->core, event, now_of(world, number));
    }
    if (err == ERR_OK && dies_now(world, number, WORLD_DIES_BEFORE_COMMIT)) {
        return;
    }
    if (err == ERR_OK) {
        struct rlimit limit;
        bool full = world->dies == number && world->death == WORLD_COMMIT_FAILS &&
                    home->turns >= world->dies_at && store_changed(home->store);
        if (full) { /* as a disk that is full: no file grows any more */
            (void)getrlimit(RLIMIT_FSIZE, &limit);
            (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, limit.rlim_max});
        }
        if (store_changed(home->store)) {
            note_write(world, home);
        }
        err = core_turn_end(home->core, &effects);
        if (full) {
            (void)setrlimit(RLIMIT_FSIZE, &limit);
            world->dies = -1;
            world->died = true;
        }
    }
    if (err != ERR_OK) { /* the node stops: what it meant to say is never said */
        ASSERT(effects.count == 0);
        world_kill(world, number);
        home->failed = err;
        put(world,
            (struct world_event){
                .at = world->now + world->rests, .what = HAPPENS_START, .home = number},
            (struct bytes){NULL, 0});
        return;
    }
    if (dies_now(world, number, WORLD_DIES_BEFORE_RELEASE)) {
        return;
    }
    release(world, number, &effects);
}

/* A commit holds up what is answered meanwhile: who asks all the time knows when there was one. */
static void note_write(struct world *world, struct world_home *home) {
    uint8_t at[8];
    write_u64(at, (uint64_t)world->now);
    hash_labelled("write", BYTES_OF(home->writes), BYTES_OF(at), home->writes, sizeof home->writes);
    home->write_count++;
}

static bool dies_now(struct world *world, int home, enum world_death death) {
    if (world->dies != home || world->death != death || world->homes[home].turns < world->dies_at) {
        return false;
    }
    world->dies = -1;
    world->died = true;
    world_kill(world, home);
    put(world,
        (struct world_event){.at = world->now + world->rests, .what = HAPPENS_START, .home = home},
        (struct bytes){NULL, 0});
    return true;
}

static void release(struct world *world, int number, const struct core_effects *effects) {
    struct world_home *home = &world->homes[number];
    int64_t at = world->now;
    if (world->now < home->release_lag_until) {
        at += home->release_lag;
    }
    for (size_t i = 0; i < effects->count; i++) {
        release_one(world, number, &effects->list[i], at);
    }
}

static void release_one(struct world *world, int number, const struct core_effect *effect,
                        int64_t at) {
    int side = 0;
    const struct world_home *home = &world->homes[number];
    struct world_connection *line = NULL;
    trace(world, 100 + (int64_t)effect->kind, number, effect->data);
    switch (effect->kind) {
    case CORE_DO_DIAL:
        dial(world, number, effect, at);
        break;
    case CORE_DO_SEND:
        send_bytes(world, number, effect->link, effect->data, at);
        break;
    case CORE_DO_SEND_FILE:
        send_file(world, number, effect, at);
        break;
    case CORE_DO_CLOSE:
        line = find_line(world, number, effect->link, &side);
        if (line != NULL) {
            close_side(world, line, side, at);
        } else if (is_insider(world, number, effect->link)) {
            world->insider->open = false;
        }
        break;
    case CORE_DO_REPLY:
        ASSERT(world->reply_count < WORLD_REPLIES_MAX);
        buffer_finish(&world->replies[world->reply_count]);
        buffer_init(&world->replies[world->reply_count], CONTROL_FRAME_MAX);
        ASSERT(buffer_append(&world->replies[world->reply_count++], effect->data) == ERR_OK);
        break;
    case CORE_DO_CLOSE_CLIENT:
        break;
    case CORE_DO_INGEST:
        ingest_frame(world, number, effect->data);
        break;
    case CORE_DO_WORK:
        put(world,
            (struct world_event){.at = at + WORK_MS,
                                 .what = HAPPENS_WORKED,
                                 .home = number,
                                 .life = home->starts,
                                 .work = effect->work},
            (struct bytes){NULL, 0});
        break;
    case CORE_DO_JOURNAL:
        if (getenv("WORLD_JOURNAL") != NULL) {
            (void)fprintf(stderr, "%8lld.%03lld home %d: %.*s\n", (long long)(world->now / 1000),
                          (long long)(world->now % 1000), number, (int)effect->data.len,
                          (const char *)effect->data.at);
        }
        break;
    }
}

/* ---- network ---- */

static void dial(struct world *world, int home, const struct core_effect *effect, int64_t at) {
    struct world_connection *line = NULL;
    int to = -1;
    size_t index = 0;
    ASSERT(sscanf(effect->address, "10.1.0.%d:", &to) == 1);
    to -= 1;
    ASSERT(to >= 0 && (size_t)to < world->home_count);
    struct world_insider *insider = world->insider;
    if (insider != NULL && insider->listens && insider->home == home && insider->as == to) {
        insider->link = effect->link;
        insider->listens = false;
        insider->open = true;
        return;
    }
    for (; index < WORLD_CONNECTIONS_MAX && line == NULL; index++) {
        line = world->connections[index].used ? NULL : &world->connections[index];
    }
    ASSERT(line != NULL);
    uint64_t serial = line->serial + 1;
    *line = (struct world_connection){.used = true, .serial = serial};
    line->random = world->seed ^ (UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(home * 64 + to + 1)) ^
                   (effect->link << 40);
    line->side[0].home = home;
    line->side[0].link = effect->link;
    line->side[0].open = true;
    line->side[1].home = to;
    line->hole = world->cut[home][to] || (!world->mesh && home != 0 && to != 0);
    int64_t arrives = at + latency(world, &line->random);
    line->side[0].last = arrives;
    if (line->hole) { /* nobody answers: the dialler gives up by itself */
        return;
    }
    put(world,
        (struct world_event){.at = arrives,
                             .what = HAPPENS_CONNECT,
                             .home = to,
                             .line = index - 1,
                             .serial = serial,
                             .side = 1},
        (struct bytes){NULL, 0});
}

static void send_bytes(struct world *world, int home, uint64_t link, struct bytes data,
                       int64_t at) {
    int side = 0;
    struct world_connection *line = find_line(world, home, link, &side);
    if (is_insider(world, home, link)) {
        world->insider->heard_bytes += data.len;
        ASSERT(buffer_append(&world->insider->heard, data) == ERR_OK);
    }
    if (line == NULL) {
        return;
    }
    if (home == world->watched) {
        add_sight(world, line->side[1 - side].home, WORLD_SAID, data);
    }
    int64_t arrives = at + latency(world, &line->random);
    arrives = arrives < line->side[side].last ? line->side[side].last : arrives;
    line->side[side].last = arrives;
    put_line(world, line, 1 - side, HAPPENS_BYTES, arrives, data);
    put_line(world, line, side, HAPPENS_DRAINED, at + 1, (struct bytes){NULL, 0});
}

static void send_file(struct world *world, int home, const struct core_effect *effect, int64_t at) {
    for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
        const struct world_clip *clip = &world->homes[home].clips[i];
        if (!clip->sealed || memcmp(clip->clip.b, effect->clip.b, sizeof clip->clip.b) != 0) {
            continue;
        }
        ASSERT(effect->offset + effect->length <= clip->payload.len);
        for (uint64_t done = 0; done < effect->length; done += FILE_PART) {
            uint64_t left = effect->length - done;
            send_bytes(world, home, effect->link,
                       (struct bytes){clip->payload.at + effect->offset + done,
                                      left < FILE_PART ? (size_t)left : FILE_PART},
                       at);
        }
        return;
    }
    ASSERT(false); /* announced and not there */
}

static void close_side(struct world *world, struct world_connection *line, int side, int64_t at) {
    int64_t arrives = at + latency(world, &line->random);
    arrives = arrives < line->side[side].last ? line->side[side].last : arrives;
    line->side[side].open = false;
    if (line->hole || (side == 0 && line->side[1].link == 0)) {
        line->used = line->side[1].open;
        return;
    }
    if (line->side[1 - side].open) {
        put_line(world, line, 1 - side, HAPPENS_END, arrives, (struct bytes){NULL, 0});
    } else {
        line->used = false;
    }
}

static struct world_connection *find_line(struct world *world, int home, uint64_t link, int *side) {
    for (size_t i = 0; i < WORLD_CONNECTIONS_MAX; i++) {
        struct world_connection *line = &world->connections[i];
        for (int s = 0; line->used && s < 2; s++) {
            if (line->side[s].home == home && line->side[s].link == link && line->side[s].open) {
                *side = s;
                return line;
            }
        }
    }
    return NULL;
}

static void put_line(struct world *world, const struct world_connection *line, int side,
                     enum happening what, int64_t at, struct bytes data) {
    put(world,
        (struct world_event){.at = at,
                             .what = what,
                             .home = line->side[side].home,
                             .line = (size_t)(line - world->connections),
                             .serial = line->serial,
                             .side = side},
        data);
}

static int64_t latency(const struct world *world, uint64_t *random) {
    uint64_t span = (uint64_t)(world->latency_max - world->latency_min) + 1;
    return world->latency_min + (int64_t)(draw(random) % span);
}

static void see(struct world *world, const struct world_connection *line, int side,
                const struct world_event *event) {
    if (line->side[side].home == world->watched) {
        add_sight(world, line->side[1 - side].home,
                  event->what == HAPPENS_BYTES     ? WORLD_SAW_BYTES
                  : event->what == HAPPENS_CONNECT ? WORLD_SAW_CONNECTION
                                                   : WORLD_SAW_END,
                  buffer_bytes(&event->data));
    }
}

static void add_sight(struct world *world, int peer, int what, struct bytes data) {
    if (world->sight_count == world->sight_room) {
        world->sight_room = world->sight_room * 2 + 1024;
        world->sights = realloc(world->sights, world->sight_room * sizeof *world->sights);
        ASSERT(world->sights != NULL);
    }
    world->sights[world->sight_count++] =
        (struct world_sight){.at = world->now, .from = peer, .what = what, .len = data.len};
}

static void trace(struct world *world, int64_t kind, int64_t home, struct bytes data) {
    uint8_t head[32 + 32] = {0};
    memcpy(head, world->trace, 32);
    write_u64(head + 32, (uint64_t)world->now);
    write_u64(head + 40, (uint64_t)kind);
    write_u64(head + 48, (uint64_t)home);
    write_u64(head + 56, data.len);
    hash_labelled("trace", BYTES_OF(head), data, world->trace, sizeof world->trace);
}

/* ---- homes ---- */

static void make_home(struct world *world, int number) {
    struct world_home *home = &world->homes[number];
    uint8_t seed[32];
    char path[128];
    *home = (struct world_home){.number = number,
                                .owner_count = 1,
                                .next_link = 1,
                                .footage = WORLD_NO_CAMERA,
                                .match_wait = 3000,
                                .payload_plain = 150000,
                                .random = world->seed * 31 + (uint64_t)number};
    for (int i = 0; i < WORLD_OWNERS_MAX; i++) {
        memset(seed, 16 * number + i + 1, sizeof seed);
        sign_from_seed(seed, &home->owners[i].sign, &home->owner_publics[i].sign);
        memset(home->owners[i].box.b, 0x91 + 2 * number + i, sizeof home->owners[i].box.b);
        box_public_of(&home->owners[i].box, &home->owner_publics[i].box);
    }
    memset(seed, 16 * number + 5, sizeof seed);
    sign_from_seed(seed, &home->keys.sign, &home->node);
    memset(seed, 16 * number + 6, sizeof seed);
    sign_from_seed(seed, &home->keys.log, &home->log);
    memset(home->keys.box.b, 0x31 + number, sizeof home->keys.box.b);
    box_public_of(&home->keys.box, &home->transport);
    (void)snprintf(path, sizeof path, "%s/%d.db", world->folder == NULL ? "" : world->folder,
                   number);
    ASSERT(store_open(world->folder == NULL ? ":memory:" : path, &home->store) == ERR_OK);
}

enum err world_start(struct world *world, int number) {
    struct world_home *home = &world->homes[number];
    ASSERT(home->core == NULL);
    struct core_config config = {.store = home->store,
                                 .disk = disk_of(home),
                                 .keys = home->keys,
                                 .address_count = 1,
                                 .private_addresses = true,
                                 .now = now_of(world, number)};
    (void)snprintf(config.addresses[0], ADDRESS_MAX_BYTES, "10.1.0.%d:7878", number + 1);
    write_u64(config.seed, world->seed);
    write_u64(config.seed + 8, (uint64_t)number);
    write_u64(config.seed + 16, ++home->starts);
    home->failed = ERR_OK;
    home->last_tick = world->now - 1;
    enum err err = core_create(&config, &home->core);
    if (err != ERR_OK) {
        home->core = NULL;
        home->failed = err;
        return err;
    }
    turn(world, number, &(struct core_event){.kind = CORE_EV_TICK});
    if (home->core != NULL && !home->ingest_down) {
        ingest_up(world, number);
    }
    return ERR_OK;
}

/* As kill -9: what was not durable is gone, and its system tells the other ends. */
void world_kill(struct world *world, int number) {
    struct world_home *home = &world->homes[number];
    if (home->core == NULL) {
        return;
    }
    core_destroy(home->core);
    home->core = NULL;
    store_roll_back(home->store);
    for (struct world_file *file = home->delivered; file != NULL; file = file->next) {
        file->data.len = file->synced < file->data.len ? file->synced : file->data.len;
    }
    for (size_t i = 0; i < WORLD_CONNECTIONS_MAX; i++) {
        struct world_connection *line = &world->connections[i];
        for (int side = 0; line->used && side < 2; side++) {
            if (line->side[side].home == number && line->side[side].open) {
                close_side(world, line, side, world->now);
            }
        }
    }
}

void world_cut(struct world *world, int a, int b, bool cut) {
    world->cut[a][b] = cut;
    world->cut[b][a] = cut;
    for (size_t i = 0; cut && i < WORLD_CONNECTIONS_MAX; i++) {
        struct world_connection *line = &world->connections[i];
        int from = line->side[0].home;
        int to = line->side[1].home;
        if (line->used && ((from == a && to == b) || (from == b && to == a))) {
            line->hole = true;
        }
    }
}

/* A frame on the control socket; the answers are kept. */
enum err world_ask(struct world *world, int home, const struct control_request *request) {
    SCOPED(buffer_finish) struct buffer frame = {.max = CONTROL_FRAME_MAX};
    world->reply_count = 0;
    world->reply = (struct control_reply){0};
    ASSERT(world->homes[home].core != NULL);
    ASSERT(control_request_encode(request, &frame) == ERR_OK);
    turn(world, home,
         &(struct core_event){
             .kind = CORE_EV_CLIENT_FRAME, .link = 99, .data = buffer_bytes(&frame)});
    if (world->homes[home].core == NULL) {
        return world->homes[home].failed;
    }
    if (world->reply_count == 0) {
        return ERR_OK;
    }
    ASSERT(control_reply_decode(buffer_bytes(&world->replies[world->reply_count - 1]),
                                &world->reply) == ERR_OK);
    return world->reply.kind == CONTROL_DONE ? world->reply.err : ERR_OK;
}

/* ---- an insider ---- */

bool world_insider_dial(struct world *world, int as, int number, const struct id *request,
                        struct bytes certificate, struct world_insider *out) {
    struct world_home *home = &world->homes[number];
    const struct world_home *self = &world->homes[as];
    struct transport_door_key door = {.door = TRANSPORT_MEMBER, .community = world->community};
    struct store_object row;
    struct signed_object object;
    struct request asked;
    uint8_t secret[32] = {0};
    struct box_secret ephemeral;
    SCOPED(buffer_finish) struct buffer bytes = {.max = 65536};
    SCOPED(buffer_finish) struct buffer payload = {.max = TRANSPORT_PAYLOAD_MAX};
    for (unsigned type = 0; type < 256; type++) {
        transport_types_add(&door.passes, (uint8_t)type);
    }
    ASSERT(store_begin(home->store) == ERR_OK);
    if (request == NULL) {
        ASSERT(store_epoch_each(home->store, newest_epoch, secret) == ERR_OK);
    } else {
        door.door = TRANSPORT_DELIVERY;
        ASSERT(store_object_get(home->store, request, &row) == ERR_OK);
        ASSERT(signed_decode(row.object, &object) == ERR_OK);
        ASSERT(request_decode(object.body, &asked) == ERR_OK);
        request_delivery_psk(request, &asked.key, secret);
    }
    if (request == NULL && certificate.len == 0) {
        ASSERT(store_object_get(home->store, &self->certificate, &row) == ERR_OK);
        certificate = row.object;
    }
    ASSERT(buffer_append(&payload, certificate) == ERR_OK);
    store_roll_back(home->store);
    transport_psk0(door.door, &world->community, BYTES_OF(secret), door.psk0);
    for (size_t i = 0; i < sizeof ephemeral.b; i++) {
        ephemeral.b[i] = (uint8_t)draw(&sodium_state);
    }
    struct transport_dial_config config = {.own_static = &self->keys.box,
                                           .responder = &home->transport,
                                           .door = &door,
                                           .ephemeral = &ephemeral,
                                           .payload = buffer_bytes(&payload)};
    *out = (struct world_insider){
        .world = world, .home = number, .link = home->next_link, .open = true};
    home->next_link += 2;
    buffer_init(&out->heard, 16 * 1024 * 1024);
    world->insider = out;
    ASSERT(transport_dial(&config, now_of(world, number), &bytes, &out->transport) == ERR_OK);
    turn(world, number, &(struct core_event){.kind = CORE_EV_LINK_IN, .link = out->link});
    const struct link_message neighbour = {.kind = LINK_NEIGHBOUR,
                                           .as.neighbour.wish = NEIGHBOUR_NONE};
    return insider_established(out, &bytes) &&
           (request != NULL || world_insider_say(out, &neighbour));
}

bool world_insider_return(struct world *world, int as, int home, struct world_insider *out) {
    const struct bytes none = {NULL, 0};
    if (world_insider_dial(world, as, home, NULL, none, out)) {
        return true;
    }
    world_insider_hang_up(out);
    world_kill(world, home);
    return world_start(world, home) == ERR_OK &&
           world_insider_dial(world, as, home, NULL, none, out);
}

void world_insider_listen(struct world *world, int as, int home, struct world_insider *out) {
    *out = (struct world_insider){.world = world, .home = home, .as = as, .listens = true};
    buffer_init(&out->heard, 16 * 1024 * 1024);
    world->insider = out;
}

bool world_insider_answer(struct world_insider *insider, const char *code) {
    struct world *world = insider->world;
    struct invite_code invite;
    struct box_secret ephemeral;
    struct now now;
    SCOPED(buffer_finish) struct buffer bytes = {.max = 65536};
    ASSERT(invite_code_read(code, &invite) == ERR_OK);
    if (!world_run_until(world, DURATION_MINUTE_MS, is_dialled, insider)) {
        return false;
    }
    struct transport_door_key door = {.door = TRANSPORT_JOIN, .community = invite.community};
    for (unsigned type = 0; type < 256; type++) {
        transport_types_add(&door.passes, (uint8_t)type);
    }
    transport_psk0(TRANSPORT_JOIN, &invite.community, BYTES_OF(invite.secret), door.psk0);
    for (size_t i = 0; i < sizeof ephemeral.b; i++) {
        ephemeral.b[i] = (uint8_t)draw(&sodium_state);
    }
    now = now_of(world, insider->home);
    struct now before = now; /* as a process that was there already */
    before.wall.ms -= DURATION_HOUR_MS;
    struct transport_replay *replay = transport_replay_create(before);
    struct transport_answer_config config = {.own_static = &world->homes[insider->as].keys.box,
                                             .doors = &door,
                                             .door_count = 1,
                                             .ephemeral = &ephemeral,
                                             .replay = replay};
    ASSERT(transport_answer(&config, now, &insider->transport) == ERR_OK);
    turn(world, insider->home,
         &(struct core_event){.kind = CORE_EV_LINK_OUT, .link = insider->link});
    bool there = insider_established(insider, &bytes);
    transport_replay_destroy(replay);
    return there;
}

void world_insider_hang_up(struct world_insider *insider) {
    struct world *world = insider->world;
    if (insider->open && world->homes[insider->home].core != NULL) {
        turn(world, insider->home,
             &(struct core_event){.kind = CORE_EV_LINK_DOWN, .link = insider->link});
    }
    transport_destroy(insider->transport);
    buffer_finish(&insider->heard);
    world->insider = NULL;
    *insider = (struct world_insider){0};
}

bool world_insider_say(struct world_insider *insider, const struct link_message *message) {
    SCOPED(buffer_finish) struct buffer body = {.max = TRANSPORT_DATA_MAX};
    ASSERT(link_encode(message, &body) == ERR_OK);
    return world_insider_say_bytes(insider, (uint8_t)message->kind, buffer_bytes(&body));
}

bool world_insider_say_bytes(struct world_insider *insider, uint8_t type, struct bytes body) {
    SCOPED(buffer_finish) struct buffer bytes = {.max = 2 * TRANSPORT_WIRE_MAX};
    if (!insider->open) {
        return false;
    }
    ASSERT(transport_send(insider->transport, type, body, &bytes) == ERR_OK);
    return insider_flush(insider, &bytes);
}

bool world_insider_gossip(struct world_insider *insider, struct bytes object) {
    const struct link_message message = {.kind = LINK_GOSSIP, .as.gossip.object = object};
    return world_insider_say(insider, &message);
}

bool world_insider_hear(struct world_insider *insider, struct link_message *out) {
    struct transport_event event;
    struct bytes input = buffer_bytes(&insider->heard);
    SCOPED(buffer_finish) struct buffer none = {.max = 65536};
    if (transport_receive(insider->transport, &input, now_of(insider->world, insider->home), &event,
                          &none) != ERR_OK) {
        return false;
    }
    buffer_drop_front(&insider->heard, insider->heard.len - input.len);
    return event.kind == TRANSPORT_EV_MESSAGE && link_decode(event.type, event.data, out) == ERR_OK;
}

static bool is_dialled(struct world *world, void *context) {
    const struct world_insider *insider = context;
    (void)world;
    return !insider->listens;
}

/* Carries `bytes` and what comes back to and fro until the handshake is done. */
static bool insider_established(struct world_insider *insider, struct buffer *bytes) {
    struct transport_event event = {.kind = TRANSPORT_EV_NONE};
    for (int i = 0; i < 4 && event.kind != TRANSPORT_EV_ESTABLISHED; i++) {
        if (!insider_flush(insider, bytes)) {
            return false;
        }
        struct bytes input = buffer_bytes(&insider->heard);
        if (transport_receive(insider->transport, &input, now_of(insider->world, insider->home),
                              &event, bytes) != ERR_OK) {
            return false;
        }
        buffer_drop_front(&insider->heard, insider->heard.len - input.len);
    }
    return insider_flush(insider, bytes);
}

static bool insider_flush(struct world_insider *insider, struct buffer *bytes) {
    struct world *world = insider->world;
    if (bytes->len > 0 && insider->open) {
        turn(world, insider->home,
             &(struct core_event){
                 .kind = CORE_EV_LINK_BYTES, .link = insider->link, .data = buffer_bytes(bytes)});
    }
    buffer_clear(bytes);
    if (insider->open && world->homes[insider->home].core != NULL) {
        turn(world, insider->home,
             &(struct core_event){.kind = CORE_EV_LINK_DRAINED, .link = insider->link});
    }
    return insider->open;
}

static enum err newest_epoch(void *context, const uint8_t key[EPOCH_KEY_BYTES],
                             struct instant since) {
    static const uint8_t none[EPOCH_KEY_BYTES];
    uint8_t *out = context;
    (void)since;
    if (memcmp(out, none, sizeof none) == 0) {
        memcpy(out, key, sizeof none);
    }
    return ERR_OK;
}

static bool is_insider(const struct world *world, int home, uint64_t link) {
    return world->insider != NULL && world->insider->home == home && world->insider->link == link;
}

/* ---- ingest ---- */

static void ingest_up(struct world *world, int number) {
    struct world_home *home = &world->homes[number];
    turn(world, number, &(struct core_event){.kind = CORE_EV_INGEST_UP});
    for (size_t i = 0; home->core != NULL && i < WORLD_CLIPS_MAX; i++) {
        if (home->clips[i].sealed && !home->clips[i].held) {
            tell_match(world, number, &home->clips[i], world->now + 1);
        }
    }
}

static void ingest_frame(struct world *world, int number, struct bytes frame) {
    static struct ingest_message message;
    struct world_home *home = &world->homes[number];
    ASSERT(ingest_decode(frame, &message) == ERR_OK);
    switch (message.kind) {
    case INGEST_REQUEST:
        ingest_request(world, number, &message);
        break;
    case INGEST_SHRED:
        for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
            if (memcmp(home->clips[i].clip.b, message.as.shred.clip.b, 16) == 0) {
                clip_free(&home->clips[i]);
            }
        }
        ingest_say(world, number,
                   &(struct ingest_message){.kind = INGEST_SHRED_DONE,
                                            .as.shred_done.clip = message.as.shred.clip},
                   world->now + 1);
        break;
    case INGEST_HELD:
        for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
            for (size_t k = 0; k < message.as.held.count; k++) {
                home->clips[i].held |=
                    memcmp(home->clips[i].clip.b, message.as.held.clips[k].b, 16) == 0;
            }
        }
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

static void ingest_request(struct world *world, int number, const struct ingest_message *message) {
    struct world_home *home = &world->homes[number];
    struct ingest_message done = {.kind = INGEST_REQUEST_DONE};
    const struct id *request = &message->as.request.id;
    int64_t at = world->now + 1;
    done.as.request_done.request = *request;
    struct world_clip *clip = world_clip(world, number, request);
    if (home->footage != WORLD_NO_CAMERA) {
        at += (int64_t)(draw(&home->random) % (uint64_t)(home->match_wait + 1));
    }
    if (home->footage == WORLD_MATCH) {
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
    put(world,
        (struct world_event){
            .at = at, .what = HAPPENS_INGEST, .home = number, .life = world->homes[number].starts},
        buffer_bytes(&frame));
}

void world_ingest_say(struct world *world, int home, const struct ingest_message *message) {
    SCOPED(buffer_finish) struct buffer frame = {.max = INGEST_FRAME_MAX};
    ASSERT(ingest_encode(message, &frame) == ERR_OK);
    turn(world, home,
         &(struct core_event){.kind = CORE_EV_INGEST_FRAME, .data = buffer_bytes(&frame)});
}

static struct world_clip *seal(struct world *world, int number, const struct id *request,
                               struct bytes signed_request) {
    struct world_home *home = &world->homes[number];
    static struct age_writer writer;
    static uint8_t piece[PIECE_MAX];
    struct world_clip *clip = NULL;
    struct box_public recipients[WORLD_OWNERS_MAX];
    struct signed_object object;
    struct request asked;
    for (size_t i = 0; i < WORLD_CLIPS_MAX && clip == NULL; i++) {
        clip = home->clips[i].sealed ? NULL : &home->clips[i];
    }
    ASSERT(clip != NULL);
    ASSERT(signed_decode(signed_request, &object) == ERR_OK);
    ASSERT(request_decode(object.body, &asked) == ERR_OK);
    *clip = (struct world_clip){
        .sealed = true, .request = *request, .from = asked.from, .to = asked.to};
    for (size_t i = 0; i < sizeof clip->clip.b; i++) {
        clip->clip.b[i] = (uint8_t)draw(&home->random);
    }
    for (size_t i = 0; i < home->owner_count; i++) {
        recipients[i] = home->owner_publics[i].box;
    }
    buffer_init(&clip->header, HEADER_MAX);
    buffer_init(&clip->payload, home->payload_plain + 2 * (size_t)PIECE_MAX);
    uint8_t *plain = malloc(home->payload_plain);
    ASSERT(plain != NULL);
    for (size_t i = 0; i < home->payload_plain; i++) {
        plain[i] = (uint8_t)(clip->clip.b[0] + i * 7);
    }
    struct bytes left = {plain, home->payload_plain};
    sha256(left, &clip->sha256);
    age_file_key_generate(&clip->key);
    ASSERT(age_header_make(recipients, home->owner_count, &clip->key, &clip->header) == ERR_OK);
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

    size_t count = (size_t)piece_count(clip->payload.len);
    ASSERT(count <= COUNT_OF(clip->leaves));
    for (size_t i = 0; i < count; i++) {
        piece_leaf(
            (struct bytes){clip->payload.at + piece_offset(i), piece_length(clip->payload.len, i)},
            &clip->leaves[i]);
    }
    piece_root(clip->leaves, count, &clip->root);
    home->clip_count++;
    return clip;
}

static void clip_free(struct world_clip *clip) {
    buffer_finish(&clip->header);
    buffer_finish(&clip->payload);
    *clip = (struct world_clip){0};
}

/* ---- disk ---- */

static struct core_disk disk_of(struct world_home *home) {
    return (struct core_disk){home,        disk_read, disk_make,      disk_write,   disk_sync,
                              disk_remove, disk_each, disk_write_log, disk_read_log};
}

static enum err disk_read(void *context, enum core_file file, struct bytes name, uint64_t offset,
                          uint8_t *out, size_t len) {
    struct world_home *home = context;
    struct bytes data = {NULL, 0};
    if (home->disk_fails) {
        return ERR_HOST_DISK;
    }
    if (file == CORE_FILE_DELIVERED) {
        const struct world_file *held = find_file(home, name);
        data = held == NULL ? data : buffer_bytes(&held->data);
    }
    for (size_t i = 0; file != CORE_FILE_DELIVERED && i < WORLD_CLIPS_MAX; i++) {
        const struct world_clip *clip = &home->clips[i];
        if (clip->sealed && memcmp(clip->clip.b, name.at, 16) == 0) {
            data = file == CORE_FILE_VAULT
                       ? buffer_bytes(&clip->payload)
                       : (struct bytes){clip->leaves[0].b,
                                        piece_count(clip->payload.len) * sizeof clip->leaves[0]};
        }
    }
    if (data.len == 0) {
        return ERR_USER_NOT_FOUND;
    }
    if (offset > data.len || len > data.len - offset) {
        return ERR_USER_NOT_FOUND;
    }
    memcpy(out, data.at + offset, len);
    return ERR_OK;
}

size_t world_disk_used(const struct world_home *home) {
    size_t used = 0;
    for (const struct world_file *file = home->delivered; file != NULL; file = file->next) {
        used += file->data.len;
    }
    return used;
}

static enum err disk_make(void *context, struct bytes name, uint64_t missing) {
    struct world_home *home = context;
    if (home->disk_fails) {
        return ERR_HOST_DISK;
    }
    if (missing > 0 && home->disk_room > 0 && world_disk_used(home) + missing > home->disk_room) {
        return ERR_FULL_DISK;
    }
    if (find_file(home, name) == NULL) {
        struct world_file *file = calloc(1, sizeof *file);
        ASSERT(file != NULL);
        ASSERT(name.len == sizeof file->name);
        memcpy(file->name, name.at, name.len);
        buffer_init(&file->data, 64 * 1024 * 1024);
        file->next = home->delivered;
        home->delivered = file;
    }
    return ERR_OK;
}

static enum err disk_write(void *context, struct bytes name, uint64_t offset, struct bytes data) {
    struct world_home *home = context;
    struct world_file *file = find_file(home, name);
    if (home->disk_fails || file == NULL) {
        return ERR_HOST_DISK;
    }
    if (offset + data.len > file->data.len) {
        uint8_t *grown = NULL;
        ASSERT(buffer_extend(&file->data, offset + data.len - file->data.len, &grown) == ERR_OK);
    }
    memcpy(file->data.at + offset, data.at, data.len);
    return ERR_OK;
}

static enum err disk_sync(void *context, struct bytes name) {
    struct world_home *home = context;
    struct world_file *file = find_file(home, name);
    if (home->disk_fails) {
        return ERR_HOST_DISK;
    }
    if (file != NULL) {
        file->synced = file->data.len;
    }
    return ERR_OK;
}

static enum err disk_remove(void *context, struct bytes name) {
    struct world_home *home = context;
    if (home->disk_fails || home->removal_fails) {
        return ERR_HOST_DISK;
    }
    for (struct world_file **at = &home->delivered; *at != NULL; at = &(*at)->next) {
        struct world_file *file = *at;
        if (memcmp(file->name, name.at, sizeof file->name) == 0) {
            *at = file->next;
            buffer_finish(&file->data);
            free(file);
            return ERR_OK;
        }
    }
    return ERR_OK;
}

static enum err disk_each(void *context, core_disk_visit *visit, void *visit_context) {
    struct world_home *home = context;
    enum err err = home->disk_fails ? ERR_HOST_DISK : ERR_OK;
    for (struct world_file *file = home->delivered; err == ERR_OK && file != NULL;
         file = file->next) {
        struct id grant;
        memcpy(grant.b, file->name, sizeof grant.b);
        err = visit(visit_context, &grant);
    }
    return err;
}

/* Tiles are made of the store again at any time; what a checkpoint has said stays said. */
static enum err disk_write_log(void *context, const char *path, struct bytes data) {
    struct world_home *home = context;
    struct checkpoint checkpoint;
    struct note_key key;
    if (home->disk_fails) {
        return ERR_HOST_DISK;
    }
    if (strcmp(path, "checkpoint") != 0) {
        return ERR_OK;
    }
    log_verifier(&home->log, &key);
    ASSERT(checkpoint_verify(data, &key, &checkpoint) == ERR_OK);
    ASSERT(data.len < sizeof home->note);
    memset(home->note, 0, sizeof home->note);
    memcpy(home->note, data.at, data.len);
    size_t at = home->checkpoint_count++ % CHECKPOINTS_KEPT;
    home->checkpoints[at].size = checkpoint.size;
    home->checkpoints[at].root = checkpoint.root;
    return ERR_OK;
}

static enum err disk_read_log(void *context, const char *path, struct buffer *out) {
    const struct world_home *home = context;
    if (strcmp(path, "checkpoint") != 0 || home->note[0] == '\0') {
        return ERR_USER_NOT_FOUND;
    }
    return buffer_append(out, BYTES_TEXT(home->note));
}

static struct world_file *find_file(struct world_home *home, struct bytes name) {
    struct world_file *file = home->delivered;
    while (file != NULL && memcmp(file->name, name.at, sizeof file->name) != 0) {
        file = file->next;
    }
    return file;
}

/* splitmix64 */
static uint64_t draw(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
