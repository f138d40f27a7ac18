/* The pattern as a parameter, for tests against published vectors of XK, XKpsk0 and XKpsk3.
 * Programs use noise_start(), which knows XKpsk0+psk3 only. */
#ifndef CRYPTO_NOISE_PATTERN_H
#define CRYPTO_NOISE_PATTERN_H

#include "crypto/noise.h"

struct noise_pattern {
    const char *name; /* whole protocol name, at most NOISE_HASH_BYTES characters */
    bool psk0;
    bool psk3;
};

void noise_start_pattern(struct noise *noise, const struct noise_pattern *pattern,
                         const struct noise_setup *setup);

#endif
