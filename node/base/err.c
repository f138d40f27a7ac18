#include "node/base/err.h"

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
