/* What people say to each other (PROTOCOL 4.10): words for bytes, the spoken code of an invite, and
 * the words that two members compare. */
#ifndef PROTO_MEET_H
#define PROTO_MEET_H

#include "proto/community.h"

enum {
    MEET_LIST_WORDS = 256,   /* one for each byte */
    MEET_WORD_BYTES = 8,     /* of one, NUL or space included */
    MEET_CODE_WORDS = 3,     /* after the number: 30.6 bits together */
    MEET_CODE_NUMBERS = 100, /* 0 to 99 */
    MEET_CODE_BYTES = 3 + MEET_CODE_WORDS * MEET_WORD_BYTES,
    MEET_CHECK_WORDS = 4, /* that two members compare: 32 bits */
    MEET_KEY_WORDS = 8,   /* that stand for an id or a key: its first 8 bytes */
    MEET_WORDS_BYTES = MEET_KEY_WORDS * MEET_WORD_BYTES,
    MEET_NONCE_BYTES = 32,
    MEET_MINUTES = 10, /* that a spoken code is good, and at most */
    MEET_MINUTES_MAX = 60,
    MEET_CLOCK_MINUTES = 5, /* that a joiner's clock may be off */
};

/* The word of a byte; NULL above 255. */
const char *meet_word(size_t number);
/* One word for each byte, at most MEET_KEY_WORDS, parted by spaces. */
void meet_words(struct bytes from, char out[MEET_WORDS_BYTES]);

/* Has this introduction ended, as a joiner can tell? Whether it has the sponsor's node decides by
 * its own clock. */
bool meet_is_over(const struct introduction *introduction, struct instant now);

struct meet_code {
    uint8_t number;
    uint8_t words[MEET_CODE_WORDS];
};

/* "41 amber river stone": the one spelling, and CPace's password. */
void meet_code_write(const struct meet_code *code, char out[MEET_CODE_BYTES]);
/* As people type it: letters of either case, words parted by spaces, commas, full stops or hyphens.
 * ERR_USER_SYNTAX; then *wrong is the word that is on no list, or NULL: there are too few or many.
 * It is borrowed from `text`, up to the next that parts words. */
MUST_USE enum err meet_code_read(const char *text, struct meet_code *out, const char **wrong);

/* One of two members who compare. */
struct meet_side {
    struct id certificate;
    uint8_t nonce[MEET_NONCE_BYTES];
};

/* What `side` sends first. It holds for this peer alone: nobody can pass it on as its own. */
void meet_commitment(const struct id *community, const struct meet_side *side,
                     const struct id *peer, uint8_t out[32]);
/* MEET_CHECK_WORDS of them, the same whichever side is which. */
void meet_compare_words(const struct id *community, const struct meet_side *a,
                        const struct meet_side *b, char out[MEET_WORDS_BYTES]);

#endif
