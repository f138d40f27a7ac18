#include "cli/named.h"

#include <string.h>

enum {
    SHORT_DIGITS = 2 * REQUEST_CODE_ID_BYTES,
    CODE_COLUMNS = 16,
};

static size_t read_digits(const char *word, char out[2 * sizeof(struct id) + 1]);
static bool same_short_code(const struct named *named, const struct id *id);
static const char *in_full(const struct checked_request *asked, char out[NAMED_SAYS_BYTES]);

bool code_begins(const char *word, const struct id *id) {
    char digits[2 * sizeof(struct id) + 1];
    char hex[2 * sizeof(struct id) + 1];
    size_t len = read_digits(word, digits);
    hex_write(BYTES_OF(id->b), hex);
    return len >= SHORT_DIGITS && memcmp(digits, hex, len) == 0;
}

const char *code_advice(const char *word, const char *next) {
    char digits[2 * sizeof(struct id) + 1];
    size_t len = read_digits(word, digits);
    return len > 0 && len < SHORT_DIGITS ? "a code has six characters, as 64ED-D5" : next;
}

/* How many there are, in lower case; 0 where anything else is in it. */
static size_t read_digits(const char *word, char out[2 * sizeof(struct id) + 1]) {
    size_t len = 0;
    for (; *word != '\0'; word++) {
        char c = *word >= 'A' && *word <= 'F' ? (char)(*word + 32) : *word;
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (c == '-' && len > 0 && len % 4 == 0 && word[-1] != '-' && word[1] != '\0') {
            continue; /* where a code has one */
        }
        if (!digit || len == 2 * sizeof(struct id)) {
            return 0;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return len;
}

void named_start(struct named *named, const char *word) {
    named->word = word;
    named->count = 0;
    named->meant = 0;
    named->full = false;
}

bool named_note(struct named *named, const struct id *id, const char *by, const char *says) {
    bool meant = code_begins(named->word, id);
    if (!same_short_code(named, id)) {
        return false;
    }
    for (size_t i = 0; i < named->count; i++) {
        if (id_equal(&named->list[i].id, id)) {
            return meant;
        }
    }
    named->meant += meant ? 1 : 0;
    if (named->count == NAMED_MAX) {
        named->full = true;
        return meant;
    }
    struct named_one *one = &named->list[named->count++];
    one->id = *id;
    one->meant = meant;
    (void)snprintf(one->by, sizeof one->by, "%s", by);
    (void)snprintf(one->says, sizeof one->says, "%s", says);
    return meant;
}

static bool same_short_code(const struct named *named, const struct id *id) {
    char digits[2 * sizeof(struct id) + 1];
    if (read_digits(named->word, digits) < SHORT_DIGITS) {
        return false;
    }
    digits[SHORT_DIGITS] = '\0';
    return code_begins(digits, id);
}

bool named_note_request(struct named *named, const struct checked_request *asked) {
    char by[ASKER_MAX];
    char says[NAMED_SAYS_BYTES];
    return named_note(named, &asked->id, asked->ours ? "this home" : asker_text(asked, by),
                      in_full(asked, says));
}

static const char *in_full(const struct checked_request *asked, char out[NAMED_SAYS_BYTES]) {
    (void)snprintf(out, NAMED_SAYS_BYTES, "%s, says: %s",
                   instrument_label(asked->request.instrument.kind), asked->request.reason);
    return out;
}

int named_settle(const struct named *named, const char *what) {
    char next[512] = "name the one that you mean by its longer code:";
    char code[LONG_CODE_BYTES];
    if (named->meant < 2) {
        return 0;
    }
    for (size_t i = 0; i < named->count; i++) {
        size_t len = strlen(next);
        if (named->list[i].meant && len + LONG_CODE_BYTES + 4 < sizeof next) {
            named_code(named, &named->list[i].id, code);
            (void)snprintf(next + len, sizeof next - len, "%s %s",
                           next[len - 1] == ':' ? "" : " or", code);
        }
    }
    int failed = fail(next, "'%s' could be any of %zu %s", named->word, named->meant, what);
    for (size_t i = 0; i < named->count; i++) {
        const struct named_one *one = &named->list[i];
        char text[NAMED_SAYS_BYTES + ASKER_MAX + 8];
        char safe[SAFE_MAX];
        if (one->meant) {
            named_code(named, &one->id, code);
            (void)snprintf(text, sizeof text, "%s%s%s", one->by, *one->by == '\0' ? "" : ": ",
                           one->says);
            term_note(code, CODE_COLUMNS, safe_text(text, SAFE_MAX, safe));
        }
    }
    return failed;
}

void named_code(const struct named *named, const struct id *id, char out[LONG_CODE_BYTES]) {
    size_t bytes = named->full && same_short_code(named, id) ? sizeof id->b : REQUEST_CODE_ID_BYTES;
    for (size_t i = 0; i < named->count; i++) {
        size_t apart = code_bytes_apart(id, &named->list[i].id);
        bytes = apart > bytes ? apart : bytes;
    }
    request_long_code(id, bytes, out);
}

size_t code_bytes_apart(const struct id *one, const struct id *other) {
    size_t same = 0;
    if (id_equal(one, other)) {
        return REQUEST_CODE_ID_BYTES;
    }
    while (one->b[same] == other->b[same]) {
        same++;
    }
    return same < REQUEST_CODE_ID_BYTES ? REQUEST_CODE_ID_BYTES : same + 1;
}
