/* Invariants:
 *  1. All that happens comes off the clock in the order of (time, number), or is done by the test
 *     at the present time; ticks come when a core's own deadline says so.
 *  2. Bytes of one direction of a connection arrive in the order in which they were sent.
 *  3. Nothing here draws from a source but the seeded ones; libsodium's is replaced. */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "node/base/assert.h"
#include "tests/support/world_parts.h"

enum {
    WORK_MS = 3,
    FILE_PART = 16 * 1024,   /* what a file run is cut into on its way */
    ON_ONE_STREET = 12,      /* homes with addresses of one /24; the others have one each */
    MONO_BEGIN_MS = 1000000, /* each home's system started at another time */
    MONO_APART_MS = 1000003,
};

static void make_home(struct world *world, int number);
static enum err end_turn(struct world *world, struct world_home *home,
                         struct core_effects *effects);
static void note_write(struct world *world, struct world_home *home);
static bool dies_now(struct world *world, struct world_home *home, enum world_death death);
static void start_later(struct world *world, int number);
static void release(struct world *world, int number, const struct core_effects *effects);
static void release_one(struct world *world, int number, const struct core_effect *effect,
                        int64_t at);
static void send_bytes(struct world *world, int home, uint64_t link, struct bytes data, int64_t at);
static void send_file(struct world *world, int home, const struct core_effect *effect, int64_t at);
static void observe_footage(struct world *world, int home, const struct core_effect *effect);
static void close_link(struct world *world, int home, uint64_t link, int64_t at);
static void keep_reply(struct world *world, struct bytes data);
static void journal(const struct world *world, int number, struct bytes line);
static void trace(struct world *world, int64_t kind, int64_t home, struct bytes data);

/* libsodium's randomness, made of the seed of the world that was created last. */
static uint64_t sodium_state;
static const char *sodium_name(void) {
    return "world";
}
static uint32_t sodium_word(void) {
    return (uint32_t)world_draw(&sodium_state);
}
static void sodium_fill(void *const out, const size_t len) {
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)out)[i] = (uint8_t)world_draw(&sodium_state);
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
    world->seed = seed;
    world->latency_min = 5;
    world->latency_max = 40;
    world->mesh = true;
    world->folder = folder;
    world->home_count = homes;
    world->rests = 1500;
    world->watched = -1;
    world->client = 99;
    world->homes = calloc(homes == 0 ? 1 : homes, sizeof *world->homes);
    ASSERT(world->homes != NULL);
    world->clock = world_clock_create(homes);
    world->net = world_net_create(homes);
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
        world_ingest_finish(home);
        world_disk_finish(home);
        free(home->ends);
    }
    for (size_t i = 0; i < WORLD_REPLIES_MAX; i++) {
        buffer_finish(&world->replies[i]);
    }
    world_clock_destroy(world->clock);
    world_net_destroy(world->net);
    free(world->homes);
    free(world->sights);
    free(world);
}

/* ---- time ---- */

struct instant world_wall(const struct world *world, int home) {
    return (struct instant){WORLD_BEGIN.ms + world->now + world->homes[home].wall_skew};
}

struct now world_now(const struct world *world, int home) {
    int64_t begin = MONO_BEGIN_MS + (int64_t)MONO_APART_MS * home;
    return (struct now){.wall = world_wall(world, home),
                        .mono = {begin + world->now - world->homes[home].slept}};
}

void world_happen(struct world *world, struct world_event *event) {
    struct world_home *home = &world->homes[event->home];
    bool alive = home->core != NULL && event->life == home->starts;
    switch (event->what) {
    case HAPPENS_START:
        if (home->core == NULL && world_start(world, event->home) != ERR_OK) {
            ASSERT(home->disk_fails); /* its supervisor tries again, ever more rarely */
        }
        break;
    case HAPPENS_WAKE:
        world_set_due(world, event->home);
        break;
    case HAPPENS_INGEST:
        if (alive && world_ingest_means(home, buffer_bytes(&event->data))) {
            world_turn(world, event->home,
                       &(struct core_event){.kind = CORE_EV_INGEST_FRAME,
                                            .data = buffer_bytes(&event->data)});
        }
        break;
    case HAPPENS_WORKED:
        if (alive) {
            core_work_do(event->work);
            world_turn(world, event->home,
                       &(struct core_event){.kind = CORE_EV_WORKED, .work = event->work});
        }
        break;
    case HAPPENS_CONNECT:
    case HAPPENS_STANDS:
    case HAPPENS_BYTES:
    case HAPPENS_END:
    case HAPPENS_DRAINED:
    case HAPPENS_UNSTUCK:
        world_net_happen(world, event);
        break;
    }
}

/* ---- turns ---- */

void world_turn(struct world *world, int number, const struct core_event *event) {
    struct world_home *home = &world->homes[number];
    struct core_effects effects = {0};
    ASSERT(home->sleeps_until <= world->now);
    home->turns++;
    trace(world, event->kind, number, event->data);
    enum err err = core_turn_begin(home->core);
    if (err == ERR_OK) {
        err = core_step(home->core, event, world_now(world, number));
    }
    if (err == ERR_OK && dies_now(world, home, WORLD_DIES_BEFORE_COMMIT)) {
        return;
    }
    if (err == ERR_OK) {
        err = end_turn(world, home, &effects);
    }
    if (err != ERR_OK) { /* the node stops: what it meant to say is never said */
        ASSERT(effects.count == 0);
        world_kill(world, number);
        home->failed = err;
        start_later(world, number);
        return;
    }
    if (dies_now(world, home, WORLD_DIES_BEFORE_RELEASE)) {
        return;
    }
    release(world, number, &effects);
    world_set_due(world, number);
}

static enum err end_turn(struct world *world, struct world_home *home,
                         struct core_effects *effects) {
    struct rlimit limit;
    bool changed = store_changed(home->store);
    bool full = home->death == WORLD_COMMIT_FAILS && home->turns >= home->death_at && changed;
    if (full) { /* as a disk that is full: no file grows any more */
        (void)getrlimit(RLIMIT_FSIZE, &limit);
        (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, limit.rlim_max});
    }
    if (changed) {
        note_write(world, home);
    }
    enum err err = core_turn_end(home->core, effects);
    if (full) {
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        home->death = WORLD_LIVE;
        home->died = true;
    }
    return err;
}

/* A commit holds up what is answered meanwhile: who asks all the time knows when there was one. */
static void note_write(struct world *world, struct world_home *home) {
    uint8_t at[8];
    write_u64(at, (uint64_t)world->now);
    hash_labelled("write", BYTES_OF(home->writes), BYTES_OF(at), home->writes, sizeof home->writes);
    home->write_count++;
}

void world_doom(struct world *world, int number, enum world_death death, size_t turns) {
    struct world_home *home = &world->homes[number];
    home->death = death;
    home->death_at = home->turns + turns;
    home->died = false;
}

static bool dies_now(struct world *world, struct world_home *home, enum world_death death) {
    if (home->death != death || home->turns < home->death_at) {
        return false;
    }
    home->death = WORLD_LIVE;
    home->died = true;
    world_kill(world, home->number);
    start_later(world, home->number);
    return true;
}

static void start_later(struct world *world, int number) {
    world_put(world,
              (struct world_event){
                  .at = world->now + world->rests, .what = HAPPENS_START, .home = number},
              NO_BYTES);
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
    trace(world, 100 + (int64_t)effect->kind, number, effect->data);
    switch (effect->kind) {
    case CORE_DO_DIAL:
        world_net_dial(world, number, effect, at);
        break;
    case CORE_DO_SEND:
        send_bytes(world, number, effect->link, effect->data, at);
        break;
    case CORE_DO_SEND_FILE:
        send_file(world, number, effect, at);
        break;
    case CORE_DO_CLOSE:
        close_link(world, number, effect->link, at);
        break;
    case CORE_DO_REPLY:
        keep_reply(world, effect->data);
        break;
    case CORE_DO_CLOSE_CLIENT:
        break;
    case CORE_DO_INGEST:
        world_ingest_take(world, number, effect->data);
        break;
    case CORE_DO_WORK:
        world_put(world,
                  (struct world_event){.at = at + WORK_MS,
                                       .what = HAPPENS_WORKED,
                                       .home = number,
                                       .life = world->homes[number].starts,
                                       .work = effect->work},
                  NO_BYTES);
        break;
    case CORE_DO_JOURNAL:
        journal(world, number, effect->data);
        break;
    }
}

static void send_bytes(struct world *world, int home, uint64_t link, struct bytes data,
                       int64_t at) {
    if (world_net_send(world, home, link, data, at)) {
        return;
    }
    struct world_insider *insider = world_insider_of(world, home, link);
    if (insider != NULL) {
        insider->heard_bytes += data.len;
        ASSERT(buffer_append(&insider->heard, data) == ERR_OK);
    }
}

static void send_file(struct world *world, int home, const struct core_effect *effect, int64_t at) {
    struct bytes payload = world_disk_edited(&world->homes[home], &effect->edited);
    for (size_t i = 0; id_is_zero(&effect->edited) && i < WORLD_CLIPS_MAX; i++) {
        const struct world_clip *clip = world->homes[home].clips[i];
        if (clip != NULL && memcmp(clip->clip.b, effect->clip.b, sizeof clip->clip.b) == 0) {
            payload = buffer_bytes(&clip->payload);
        }
    }
    ASSERT(effect->offset + effect->length <= payload.len); /* announced, so it is there */
    observe_footage(world, home, effect);
    for (uint64_t done = 0; done < effect->length; done += FILE_PART) {
        uint64_t left = effect->length - done;
        send_bytes(world, home, effect->link,
                   (struct bytes){payload.at + effect->offset + done,
                                  left < FILE_PART ? (size_t)left : FILE_PART},
                   at);
    }
}

static void observe_footage(struct world *world, int home, const struct core_effect *effect) {
    if (world->observer != NULL) {
        const struct world_insider *insider = world_insider_of(world, home, effect->link);
        int to = insider == NULL ? world_net_peer(world, home, effect->link) : insider->as;
        world->observer->footage(world->observer->context, home, &effect->clip, to);
    }
}

static void close_link(struct world *world, int home, uint64_t link, int64_t at) {
    if (!world_net_close(world, home, link, at)) {
        struct world_insider *insider = world_insider_of(world, home, link);
        if (insider != NULL) {
            world_insider_closed(insider);
        }
    }
}

static void keep_reply(struct world *world, struct bytes data) {
    ASSERT(world->reply_count < WORLD_REPLIES_MAX);
    struct buffer *reply = &world->replies[world->reply_count++];
    buffer_finish(reply);
    buffer_init(reply, CONTROL_FRAME_MAX);
    ASSERT(buffer_append(reply, data) == ERR_OK);
}

static void journal(const struct world *world, int number, struct bytes line) {
    if (getenv("WORLD_JOURNAL") != NULL) {
        (void)fprintf(stderr, "%8lld.%03lld home %d: %.*s\n", (long long)(world->now / 1000),
                      (long long)(world->now % 1000), number, (int)line.len, (const char *)line.at);
    }
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
        world_seed_key(number, 16 * number + i + 1, seed);
        sign_from_seed(seed, &home->owners[i].sign, &home->owner_publics[i].sign);
        world_seed_key(number, 0x91 + 2 * number + i, home->owners[i].box.b);
        box_public_of(&home->owners[i].box, &home->owner_publics[i].box);
    }
    world_seed_key(number, 16 * number + 5, seed);
    sign_from_seed(seed, &home->keys.sign, &home->node);
    world_seed_key(number, 16 * number + 6, seed);
    sign_from_seed(seed, &home->keys.log, &home->log);
    world_seed_key(number, 0x31 + number, home->keys.box.b);
    box_public_of(&home->keys.box, &home->transport);
    (void)snprintf(path, sizeof path, "%s/%d.db", world->folder == NULL ? "" : world->folder,
                   number);
    ASSERT(store_open(world->folder == NULL ? ":memory:" : path, &home->store) == ERR_OK);
}

/* One byte repeated tells sixteen homes apart, the second byte all of them. (Of an X25519 secret
 * the first byte would not.) */
void world_seed_key(int number, int base, uint8_t out[32]) {
    memset(out, base, 32);
    out[1] ^= (uint8_t)(number / ON_ONE_STREET);
}

void world_address(int home, char out[ADDRESS_MAX_BYTES]) {
    if (home < ON_ONE_STREET) {
        (void)snprintf(out, ADDRESS_MAX_BYTES, "10.1.0.%d:7878", home + 1);
    } else {
        (void)snprintf(out, ADDRESS_MAX_BYTES, "10.%d.%d.1:7878", 2 + home / 256, home % 256);
    }
}

int world_home_at(const char *address) {
    int block = 0;
    int net = 0;
    int host = 0;
    ASSERT(sscanf(address, "10.%d.%d.%d:", &block, &net, &host) == 3);
    return block == 1 ? host - 1 : (block - 2) * 256 + net;
}

enum err world_start(struct world *world, int number) {
    struct world_home *home = &world->homes[number];
    ASSERT(home->core == NULL);
    struct core_config config = {.store = home->store,
                                 .disk = world_disk(home),
                                 .keys = home->keys,
                                 .address_count = 1,
                                 .private_addresses = true,
                                 .siblings = home->siblings,
                                 .now = world_now(world, number)};
    world_address(number, config.addresses[0]);
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
    world_turn(world, number, &(struct core_event){.kind = CORE_EV_TICK});
    if (home->core != NULL && !home->ingest_down) {
        world_ingest_up(world, number);
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
    world_disk_crash(home);
    world_net_kill(world, number);
    world_insider_kill(world, number);
    world_set_due(world, number);
}

void world_sleep(struct world *world, int number, int64_t ms) {
    struct world_home *home = &world->homes[number];
    ASSERT(home->sleeps_until <= world->now);
    home->sleeps_until = world->now + ms;
    home->slept += ms;
    world_set_due(world, number);
    world_put(world,
              (struct world_event){.at = home->sleeps_until, .what = HAPPENS_WAKE, .home = number},
              NO_BYTES);
}

bool world_is_up(const struct world *world, int number) {
    const struct world_home *home = &world->homes[number];
    return home->core != NULL && home->sleeps_until <= world->now;
}

/* A frame on the control socket; the answers are kept. */
enum err world_ask(struct world *world, int home, const struct control_request *request) {
    SCOPED(buffer_finish) struct buffer frame = {.max = CONTROL_FRAME_MAX};
    world->reply_count = 0;
    world->reply = (struct control_reply){0};
    ASSERT(world->homes[home].core != NULL);
    ASSERT(control_request_encode(request, &frame) == ERR_OK);
    world_turn(world, home,
               &(struct core_event){.kind = CORE_EV_CLIENT_FRAME,
                                    .link = world->client,
                                    .data = buffer_bytes(&frame)});
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

void world_client_down(struct world *world, int home) {
    world_turn(world, home,
               &(struct core_event){.kind = CORE_EV_CLIENT_DOWN, .link = world->client});
}

/* ---- chance ---- */

/* splitmix64 */
uint64_t world_draw(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void world_draw_secret(struct box_secret *out) {
    for (size_t i = 0; i < sizeof out->b; i++) {
        out->b[i] = (uint8_t)world_draw(&sodium_state);
    }
}
