/* How many gossip messages a second one home verifies and forwards, beside how many Ed25519
 * signatures it verifies in the same process.
 *
 * One core with a store on disk and eight links. Over one come requests by many members, sealed as
 * GOSSIP records; each is opened, decoded, verified (one signature: its author's certificate was
 * verified when it came), recorded in the log, stored, told to ingest, committed, and sealed anew
 * for each of the seven others. Turns are those of a busy shell, where every link has more to read:
 * one read after the other, here of 64 KiB, until core_turn_has_room() says that there is no room,
 * then one commit, durable as always. Every second round has turns of one read each, as when one
 * link alone is busy. The other ends are the bench's own, and not timed, nor are the system calls
 * that read and write sockets: afterwards they must have got every request. What becomes of the
 * requests later, until they have expired, is told apart. A round before the others is not counted:
 * it finds the memory and prepares the statements. Times are the process's, so they hold on
 * a machine that has other work; what the disk takes by the wall clock is told apart too.
 *
 * usage: forward_bench [FOLDER [ROUNDS]]   FOLDER must exist; by default the current one, 4 rounds;
 *                                          what it leaves there is removed */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/base/assert.h"
#include "tests/support/world.h"

enum {
    VICTIM,
    SOURCE = 1,
    LINKS = 8,
    FIRST_AUTHOR = 1 + LINKS,
    AUTHORS = 96,
    HOMES = FIRST_AUTHOR + AUTHORS,
    EACH = 8, /* requests of one author in a round: at most 10 may be live */
    COUNT = AUTHORS * EACH,
    ROUNDS_MAX = 4, /* and one before them: 40 requests one author may make in a day */
    REASON = 570,   /* bytes: a request fills a record of 1 KiB */
    LIFE_MS = 10 * DURATION_MINUTE_MS,
    READ_BYTES = 64 * 1024, /* what a socket holds, as a rule */
    VERIFIES = 64,          /* after each turn, so that both meet the same machine */
    MICROSECONDS = 1000000,
};

struct spent { /* seconds of this process; of the wall clock where it says so */
    double steps, commits, commits_wall, verify, seal, afterwards;
    size_t messages, turns, verified, sealed, object_bytes, record_bytes;
};

static struct world *world;
static struct world_insider ends[LINKS];
static struct buffer objects[COUNT];

static double seconds(clockid_t clock) {
    struct timespec at;
    ASSERT(clock_gettime(clock, &at) == 0);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double used(void) {
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* All members are known; the home has the addresses of none, so it keeps to those who dial it. */
static void make_world(const char *folder) {
    static const struct world_terms terms = {.slot_s = 600, .live_requests = EACH};
    world = world_create(1, HOMES, folder);
    world_populate(world, HOMES, &terms);
    struct store *store = world->homes[VICTIM].store;
    ASSERT(store_begin(store) == ERR_OK);
    for (int i = 1; i < HOMES; i++) {
        struct store_object record;
        ASSERT(store_object_newest(store, OBJECT_NODE_RECORD, &world->homes[i].certificate,
                                   &record) == ERR_OK);
        ASSERT(store_object_remove(store, &record.id) == ERR_OK);
    }
    ASSERT(store_commit(store) == ERR_OK);
    ASSERT(world_start(world, VICTIM) == ERR_OK);
}

static void make_objects(struct spent *spent) {
    for (int i = 0; i < COUNT; i++) {
        struct request request;
        int author = FIRST_AUTHOR + i % AUTHORS;
        world_voluntary(world, author, LIFE_MS, &request);
        memset(request.reason, 'a', sizeof request.reason - 1);
        request.head.created.ms -= i / AUTHORS; /* so that no two are the same */
        request.head.expires.ms -= i / AUTHORS;
        (void)world_sign_request(world, author, &request, &objects[i]);
        spent->object_bytes += objects[i].len;
    }
}

static void dial_all(void) {
    for (int i = 0; i < LINKS; i++) {
        ASSERT(
            world_insider_dial(world, SOURCE + i, VICTIM, NULL, (struct bytes){NULL, 0}, &ends[i]));
    }
    ASSERT(world_links(world, VICTIM) == LINKS);
}

/* As the source's link carries them. */
static void seal_all(struct buffer *out, struct spent *spent) {
    static struct buffer bodies[COUNT];
    for (int i = 0; i < COUNT; i++) {
        const struct link_message message = {
            .kind = LINK_GOSSIP, .as.gossip = {.object = buffer_bytes(&objects[i]), .hops = 1}};
        buffer_init(&bodies[i], TRANSPORT_DATA_MAX);
        ASSERT(link_encode(&message, &bodies[i]) == ERR_OK);
    }
    double start = used();
    for (int i = 0; i < COUNT; i++) {
        ASSERT(transport_send(ends[0].transport, LINK_GOSSIP, buffer_bytes(&bodies[i]), out) ==
               ERR_OK);
    }
    spent->seal += used() - start;
    spent->record_bytes += out->len;
    spent->sealed += COUNT;
    for (int i = 0; i < COUNT; i++) {
        buffer_finish(&bodies[i]);
    }
}

static void step(struct core *core, const struct core_event *event) {
    ASSERT(core_step(core, event, world_now(world, VICTIM)) == ERR_OK);
}

/* One turn, of one read or of as many as it has room for. Nothing but the core's own work is
 * timed. */
static void turn(struct bytes *data, bool one_read, struct spent *spent) {
    struct core *core = world->homes[VICTIM].core;
    struct core_effects effects;
    double start = used();
    ASSERT(core_turn_begin(core) == ERR_OK);
    for (int i = 0; i < LINKS; i++) {
        step(core, &(struct core_event){.kind = CORE_EV_LINK_DRAINED, .link = ends[i].link});
    }
    do {
        size_t len = data->len < READ_BYTES ? data->len : READ_BYTES;
        step(core, &(struct core_event){
                       .kind = CORE_EV_LINK_BYTES, .link = ends[0].link, .data = {data->at, len}});
        *data = (struct bytes){data->at + len, data->len - len};
    } while (data->len > 0 && !one_read && core_turn_has_room(core));
    double stepped = used();
    double wall = seconds(CLOCK_MONOTONIC);
    ASSERT(core_turn_end(core, &effects) == ERR_OK);
    spent->steps += stepped - start;
    spent->commits += used() - stepped;
    spent->commits_wall += seconds(CLOCK_MONOTONIC) - wall;
    spent->turns++;
    for (size_t i = 0; i < effects.count; i++) {
        for (int k = 0; k < LINKS; k++) {
            if (effects.list[i].kind == CORE_DO_SEND && effects.list[i].link == ends[k].link) {
                ASSERT(buffer_append(&ends[k].heard, effects.list[i].data) == ERR_OK);
            }
        }
    }
}

static size_t heard(struct world_insider *end) {
    struct link_message message;
    size_t count = 0;
    while (end->heard.len > 0) {
        ASSERT(world_insider_hear(end, &message));
        count += message.kind == LINK_GOSSIP ? 1 : 0;
    }
    return count;
}

static void verify_some(struct spent *spent) {
    struct sign_secret secret;
    struct sign_public pub;
    struct signature signature;
    sign_generate(&secret, &pub);
    sign_bytes(&secret, buffer_bytes(&objects[0]), &signature);
    double start = used();
    for (int i = 0; i < VERIFIES; i++) {
        ASSERT(sign_verify(&pub, buffer_bytes(&objects[0]), &signature));
    }
    spent->verify += used() - start;
    spent->verified += VERIFIES;
}

static void round_of_all(bool one_read, struct spent *spent) {
    SCOPED(buffer_finish) struct buffer sealed = {.max = COUNT * (size_t)TRANSPORT_WIRE_MAX};
    uint8_t *room = NULL;
    ASSERT(buffer_extend(&sealed, sealed.max, &room) == ERR_OK);
    memset(room, 1, sealed.max); /* so that sealing does not pay for new memory */
    buffer_clear(&sealed);
    make_objects(spent);
    dial_all();
    seal_all(&sealed, spent);
    for (int i = 1; i < LINKS; i++) {
        (void)heard(&ends[i]); /* what a new link begins with */
    }
    for (struct bytes left = buffer_bytes(&sealed); left.len > 0;) {
        turn(&left, one_read, spent);
        verify_some(spent);
    }
    for (int i = 0; i < LINKS; i++) {
        ASSERT(heard(&ends[i]) == (i == 0 ? 0 : COUNT));
    }
    spent->messages += COUNT;
    for (int i = 0; i < LINKS; i++) {
        world_insider_hang_up(&ends[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        buffer_finish(&objects[i]);
    }
    double start = used();
    world_run(world, LIFE_MS + DURATION_MINUTE_MS); /* they expire */
    spent->afterwards += used() - start;
}

static void print(const struct spent *spent) {
    double each = (spent->steps + spent->commits) / (double)spent->messages * MICROSECONDS;
    double verify = spent->verify / (double)spent->verified * MICROSECONDS;
    double seal = spent->seal / (double)spent->sealed * MICROSECONDS;
    double commit = spent->commits / (double)spent->messages * MICROSECONDS;
    double rest = each - verify - LINKS * seal - commit;
    (void)printf("requests of %zu bytes in records of %zu, 1 signature each, %zu to a commit\n",
                 spent->object_bytes / spent->messages, spent->record_bytes / spent->messages,
                 spent->messages / spent->turns);
    (void)printf("forwarded to %d links    %8.0f a second, %6.1f us each\n", LINKS - 1,
                 MICROSECONDS / each, each);
    (void)printf("Ed25519 verifications   %8.0f a second, %6.1f us each\n", MICROSECONDS / verify,
                 verify);
    (void)printf("ratio                   %8.2f\n", verify / each);
    (void)printf("of %.1f us: verification %.1f, %d records sealed or opened %.1f, commit %.1f, "
                 "the rest %.1f\n",
                 each, verify, LINKS, LINKS * seal, commit, rest);
    (void)printf("commits by the wall clock %.1f us a message; upkeep and expiry, in the minutes "
                 "afterwards, %.1f us\n",
                 spent->commits_wall / (double)spent->messages * MICROSECONDS,
                 spent->afterwards / (double)spent->messages * MICROSECONDS);
}

static void remove_all(const char *folder) {
    static const char *const parts[] = {"", "-wal", "-shm"};
    char path[4200];
    for (int i = 0; i < HOMES; i++) {
        for (size_t k = 0; k < COUNT_OF(parts); k++) {
            (void)snprintf(path, sizeof path, "%s/%d.db%s", folder, i, parts[k]);
            (void)unlink(path);
        }
    }
    (void)rmdir(folder);
}

int main(int argc, char **argv) {
    char folder[4096];
    struct spent spent[2] = {0};
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : ROUNDS_MAX;
    ASSERT(rounds >= 1 && rounds <= ROUNDS_MAX);
    (void)snprintf(folder, sizeof folder, "%s/forward_bench-XXXXXX", argc > 1 ? argv[1] : ".");
    ASSERT(mkdtemp(folder) != NULL);
    make_world(folder);
    round_of_all(false, &(struct spent){0}); /* what is paid for once: memory, statements, files */
    for (long i = 0; i < rounds; i++) {
        round_of_all(i % 2 == 1, &spent[i % 2]);
    }
    for (long i = 0; i < rounds && i < 2; i++) {
        (void)printf(i == 0 ? "turns of as many reads as there is room for\n"
                            : "turns of one read\n");
        print(&spent[i]);
    }
    world_destroy(world);
    remove_all(folder);
    return 0;
}
