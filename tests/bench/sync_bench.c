/* What reconciliation costs beside the objects themselves: bytes in both directions, as encoded
 * and as padded records (PROTOCOL 3.3), messages until the last push, time of both ends.
 * Beside it, in the same run, what listing every id would cost.
 *
 * usage: sync_bench [OBJECTS [MISSING]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/keys.h"
#include "node/base/assert.h"
#include "node/overlay/sync.h"
#include "node/transport/transport.h"

enum {
    OPENS,
    ANSWERS,
    LETTERS_MAX = 4096,
};

struct letter {
    int to;
    size_t round;
    struct link_message message;
};

struct run {
    struct sync_set *sets[2];
    size_t encoded, padded, messages, rounds, pushes;
    size_t head, tail;
    struct letter *letters;
};

static uint64_t seed = 1;

static uint64_t draw(void) { /* splitmix64 */
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool nothing_unwanted(void *context, uint64_t salt, const struct sync_short *id) {
    (void)context;
    (void)salt;
    (void)id;
    return false;
}

static size_t padded(size_t len) {
    static const size_t steps[] = {256, 1024, 4096, 16384};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        if (len + 3 <= steps[i]) {
            return steps[i] + 18;
        }
    }
    return TRANSPORT_WIRE_MAX;
}

/* Sends what `from` answers, and gives the other end what it pushes. */
static void take(struct run *run, int from, size_t round, const struct sync_answer *answer) {
    for (size_t i = 0; i < answer->message_count; i++) {
        SCOPED(buffer_finish) struct buffer body = {.max = TRANSPORT_DATA_MAX};
        ASSERT(link_encode(&answer->messages[i], &body) == ERR_OK);
        ASSERT(run->tail < LETTERS_MAX);
        run->encoded += body.len;
        run->padded += padded(body.len);
        run->messages++;
        run->rounds = round > run->rounds ? round : run->rounds;
        run->letters[run->tail++] = (struct letter){1 - from, round, answer->messages[i]};
    }
    for (size_t i = 0; i < answer->push_count; i++) {
        const struct sync_item *item = sync_set_find(run->sets[from], &answer->pushes[i]);
        run->pushes += sync_set_find(run->sets[1 - from], &answer->pushes[i]) == NULL ? 1 : 0;
        ASSERT(sync_set_add(run->sets[1 - from], item) == ERR_OK);
    }
}

static void reconcile(struct run *run) {
    static struct sync_answer answer;
    sync_open(run->sets[OPENS], draw(), &answer);
    take(run, OPENS, 1, &answer);
    while (run->head < run->tail) {
        const struct letter *letter = &run->letters[run->head++];
        ASSERT(sync_take(run->sets[letter->to], &letter->message, nothing_unwanted, NULL,
                         &answer) == ERR_OK);
        take(run, letter->to, letter->round + 1, &answer);
    }
}

static double cpu_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* `newest`: the missing ones are the newest, else they lie anywhere. `who` lacks them. */
static void measure(const char *what, size_t objects, size_t missing, bool newest, int who) {
    struct run run = {.letters = calloc(LETTERS_MAX, sizeof(struct letter))};
    ASSERT(run.letters != NULL);
    run.sets[0] = sync_set_create(SYNC_SET_MAX, draw());
    run.sets[1] = sync_set_create(SYNC_SET_MAX, draw());
    size_t left = missing;
    for (size_t i = 0; i < objects; i++) {
        struct sync_item item = {.key.created = {(int64_t)i * 1000 + (int64_t)(draw() % 1000)}};
        for (size_t b = 0; b < sizeof item.key.id.b; b += 8) {
            write_u64(item.key.id.b + b, draw());
        }
        bool lacks = newest ? i >= objects - missing : draw() % (objects - i) < left;
        left -= lacks ? 1 : 0;
        ASSERT(sync_set_add(run.sets[1 - who], &item) == ERR_OK);
        ASSERT(lacks || sync_set_add(run.sets[who], &item) == ERR_OK);
    }
    double before = cpu_ms();
    reconcile(&run);
    double spent = cpu_ms() - before;
    ASSERT(sync_set_count(run.sets[0]) == objects);
    ASSERT(sync_set_count(run.sets[1]) == objects);
    ASSERT(run.pushes == missing);
    (void)printf("%-34s %9zu %9zu %8zu %6zu %8.1f %9.4f\n", what, run.encoded, run.padded,
                 run.messages, run.rounds, spent, (double)run.padded / (double)(objects * 32));
    sync_set_destroy(run.sets[0]);
    sync_set_destroy(run.sets[1]);
    free(run.letters);
}

int main(int argc, char **argv) {
    size_t objects = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    size_t missing = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    if (objects == 0 || objects > SYNC_SET_MAX || missing > objects || missing > SYNC_PUSHES_MAX ||
        !crypto_start()) {
        (void)fputs("usage: sync_bench [OBJECTS [MISSING, at most 1024]]\n", stderr);
        return 2;
    }
    (void)printf("%zu objects, %zu missing at one end\n%-34s %9s %9s %8s %6s %8s %9s\n", objects,
                 missing, "", "encoded", "padded", "messages", "rounds", "CPU ms", "/all ids");
    measure("newest, at who opens", objects, missing, true, OPENS);
    measure("newest, at who answers", objects, missing, true, ANSWERS);
    measure("scattered, at who opens", objects, missing, false, OPENS);
    measure("scattered, at who answers", objects, missing, false, ANSWERS);
    measure("none", objects, 0, true, OPENS);
    return 0;
}
