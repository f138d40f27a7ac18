/* What every fuzz target supplies, to libFuzzer and to driver.c alike. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0. What decodes must encode and decode to the same again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes a valid input, chosen by `choice`, as the start for mutation; returns its length, at most
 * room. */
size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room);

#endif
