#include "proto/wording.h"

#include <string.h>

static uint32_t next_character(const char **text);
static bool is_invisible(uint32_t c);
static bool is_separator(uint32_t c);

void words_fold(const char *text, struct words *out) {
    size_t len = 0;
    out->text[len++] = ' ';
    while (*text != '\0') {
        const char *from = text;
        uint32_t c = next_character(&text);
        size_t size = (size_t)(text - from);
        if (c >= 0xff01 && c <= 0xff5e) { /* the wide forms of ASCII */
            c -= 0xfee0;
        }
        c = c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
        if (is_invisible(c)) {
            continue;
        }
        if (len + size + 2 > sizeof out->text) {
            break; /* no field is so long */
        }
        if (is_separator(c)) {
            if (out->text[len - 1] != ' ') {
                out->text[len++] = ' ';
            }
        } else if (c < 0x80) {
            out->text[len++] = (char)c;
        } else {
            memcpy(out->text + len, from, size);
            len += size;
        }
    }
    if (out->text[len - 1] != ' ') {
        out->text[len++] = ' ';
    }
    out->text[len] = '\0';
}

size_t words_characters(const struct words *words) {
    size_t count = 0;
    for (const char *at = words->text; *at != '\0'; count++) {
        (void)next_character(&at);
    }
    return count < 2 ? 0 : count - 2;
}

bool words_only_of(const struct words *words, const char *list) {
    const char *at = words->text;
    while (at[1] != '\0') {
        size_t len = strcspn(at + 1, " ") + 2; /* with both spaces */
        char word[WORDS_ROOM];
        memcpy(word, at, len);
        word[len] = '\0';
        if (strstr(list, word) == NULL) {
            return false;
        }
        at += len - 1;
    }
    return true;
}

bool words_have(const struct words *words, const char *phrase) {
    return strstr(words->text, phrase) != NULL;
}

bool words_same(const char *a, const char *b) {
    struct words first;
    struct words second;
    words_fold(a, &first);
    words_fold(b, &second);
    return strcmp(first.text, second.text) == 0;
}

/* One character of UTF-8; a broken byte stands for itself. */
static uint32_t next_character(const char **text) {
    const uint8_t *at = (const uint8_t *)*text;
    size_t more = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : at[0] >= 0xc0 ? 1 : 0;
    uint32_t value = more == 0 ? at[0] : at[0] & (0x3fU >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            *text += 1;
            return at[0];
        }
        value = value << 6 | (at[i] & 0x3fU);
    }
    *text += 1 + more;
    return value;
}

/* What Unicode calls default ignorable, and the blanks that are letters to it. */
static bool is_invisible(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},   {0x115f, 0x1160},
        {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f}, {0x202a, 0x202e},
        {0x2060, 0x206f},   {0x2800, 0x2800},   {0x3164, 0x3164}, {0xfe00, 0xfe0f},
        {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfff8}, {0x1bca0, 0x1bca3},
        {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

static bool is_separator(uint32_t c) {
    return (c < 0x80 && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) || c == 0xa0 ||
           (c >= 0x2000 && c <= 0x206f) || (c >= 0x3000 && c <= 0x303f);
}
