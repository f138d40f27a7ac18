/* How what people wrote is compared (PROTOCOL 5.3): as words, without case, punctuation and
 * invisible characters. The fence has bounded the text. */
#ifndef PROTO_WORDING_H
#define PROTO_WORDING_H

#include <assert.h>

#include "proto/request.h"

enum {
    WORDS_ROOM = LONG_FIELD_MAX_BYTES + 2 /* a space before and behind */
};
static_assert((int)LONG_FIELD_MAX_BYTES >= (int)REASON_MAX_BYTES, "any field's words fit");

/* A text as words: lower case, one space before, between and behind. */
struct words {
    char text[WORDS_ROOM];
};

void words_fold(const char *text, struct words *out);
size_t words_characters(const struct words *words); /* without the spaces before and behind */
/* Every word is one of `list`, which begins and ends with a space. */
bool words_only_of(const struct words *words, const char *list);
/* `phrase` is folded, with a space before and behind: whole words. */
bool words_have(const struct words *words, const char *phrase);
bool words_same(const char *a, const char *b);

#endif
