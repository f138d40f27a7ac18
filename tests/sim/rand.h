/* Numbers from a seed: the same on every machine. */
#ifndef TESTS_SIM_RAND_H
#define TESTS_SIM_RAND_H

#include <stdint.h>

/* The last step of splitmix64 (Steele, Lea, Flood 2014): every bit depends on every bit, and it can
 * be undone. */
static inline uint64_t mix64(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t unmix64(uint64_t z) {
    z = (z ^ (z >> 31) ^ (z >> 62)) * UINT64_C(0x319642b2d24d8ec3);
    z = (z ^ (z >> 27) ^ (z >> 54)) * UINT64_C(0x96de1b173f119089);
    return z ^ (z >> 30) ^ (z >> 60);
}

/* Of two numbers in this order. */
static inline uint64_t mix64_pair(uint64_t a, uint64_t b) {
    return mix64(mix64(a + UINT64_C(0x9e3779b97f4a7c15)) ^ (b * UINT64_C(0xd6e8feb86659fd93)));
}

struct rng { /* splitmix64 */
    uint64_t state;
};

static inline uint64_t rng_draw(struct rng *rng) {
    return mix64(rng->state += UINT64_C(0x9e3779b97f4a7c15));
}

static inline uint32_t rng_below(struct rng *rng, uint32_t limit) { /* limit > 0 */
    return (uint32_t)(((rng_draw(rng) >> 32) * limit) >> 32);
}

static inline uint32_t rng_between(struct rng *rng, uint32_t least, uint32_t most) {
    return least + rng_below(rng, most - least + 1);
}

#endif
