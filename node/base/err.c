#include "node/base/err.h"

#include <string.h>

const char *err_text(enum err err) {
    switch (err) {
#define X(code, text)                                                                              \
    case code:                                                                                     \
        return text;
        ERR_TABLE(X)
#undef X
    }
    return "unknown error";
}

const char *err_name(enum err err) {
    switch (err) {
#define X(code, text)                                                                              \
    case code:                                                                                     \
        return #code;
        ERR_TABLE(X)
#undef X
    }
    return "ERR_?";
}

bool err_is_peers(enum err err) {
    static const char words[] = "ERR_PEER_";
    return strncmp(err_name(err), words, sizeof words - 1) == 0;
}
