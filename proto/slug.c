#include "proto/slug.h"

#include <stddef.h>
#include <string.h>

bool slug_valid(const char *name) {
    size_t len = strlen(name);
    return len > 0 && len < SLUG_MAX_BYTES &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && name[0] != '-' &&
           name[len - 1] != '-' && strcmp(name, SLUG_FIRST) != 0;
}

void slug_of(const char *typed, char out[SLUG_MAX_BYTES]) {
    size_t len = 0;
    for (const char *at = typed; *at != '\0' && len + 1 < SLUG_MAX_BYTES; at++) {
        bool upper = *at >= 'A' && *at <= 'Z';
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9');
        if (upper || plain) {
            out[len++] = (char)(upper ? *at - 'A' + 'a' : *at);
        } else if (len > 0 && out[len - 1] != '-') {
            out[len++] = '-';
        }
    }
    while (len > 0 && out[len - 1] == '-') {
        len--;
    }
    out[len] = '\0';
}
