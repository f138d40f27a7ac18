/* Names are their bearers' choice: two homes may be called the same, or look it. */
#include <string.h>

#include "cli/members.h"

enum {
    LOOK_BYTES = 2 * NAME_MAX_BYTES,
};

static void look_of(const char *name, char out[LOOK_BYTES]);
static const char *letter_like(const char *at, size_t *len);

bool names_alike(const char *one, const char *other) {
    char a[LOOK_BYTES];
    char b[LOOK_BYTES];
    look_of(one, a);
    look_of(other, b);
    return *a == '\0' || *b == '\0' ? strcmp(one, other) == 0 : strcmp(a, b) == 0;
}

/* What an eye that goes over it keeps of a name: neither case, nor blanks and marks between the
 * letters, nor from which alphabet a letter comes. */
static void look_of(const char *name, char out[LOOK_BYTES]) {
    size_t len = 0;
    while (*name != '\0' && len + 4 < LOOK_BYTES) {
        size_t taken = 1;
        const char *like = letter_like(name, &taken);
        if (like != NULL) {
            len += (size_t)snprintf(out + len, LOOK_BYTES - len, "%s", like);
        } else if ((*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9') ||
                   (uint8_t)*name >= 0x80) {
            out[len++] = *name;
        } else if (*name >= 'A' && *name <= 'Z') {
            out[len++] = (char)(*name - 'A' + 'a');
        }
        name += taken;
    }
    out[len] = '\0';
}

/* Letters of other alphabets, and digits, that are drawn as one of ours; blanks and marks of more
 * than a byte are drawn as nothing. NULL: it is none of these. */
static const char *letter_like(const char *at, size_t *len) {
    static const char *const table[][2] = {
        {"0", "o"},       {"1", "l"},       {"I", "l"},          {"i", "l"},
        {"А", "a"},       {"а", "a"},       {"В", "b"},          {"Е", "e"},
        {"е", "e"},       {"К", "k"},       {"к", "k"},          {"М", "m"},
        {"м", "m"},       {"Н", "h"},       {"О", "o"},          {"о", "o"},
        {"Р", "p"},       {"р", "p"},       {"С", "c"},          {"с", "c"},
        {"Т", "t"},       {"т", "t"},       {"У", "y"},          {"у", "y"},
        {"Х", "x"},       {"х", "x"},       {"І", "l"},          {"і", "l"},
        {"Ѕ", "s"},       {"ѕ", "s"},       {"Ј", "j"},          {"ј", "j"},
        {"ԁ", "d"},       {"һ", "h"},       {"Α", "a"},          {"Β", "b"},
        {"Ε", "e"},       {"Ζ", "z"},       {"Η", "h"},          {"Ι", "l"},
        {"Κ", "k"},       {"Μ", "m"},       {"Ν", "n"},          {"Ο", "o"},
        {"ο", "o"},       {"Ρ", "p"},       {"Τ", "t"},          {"Υ", "y"},
        {"Χ", "x"},       {"ı", "l"},       {"\xc2\xa0", ""},    {"\xc2\xad", ""},
        {"\xc2\xb4", ""}, {"\xc2\xb7", ""}, {"\xe3\x80\x80", ""}};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strncmp(at, table[i][0], strlen(table[i][0])) == 0) {
            *len = strlen(table[i][0]);
            return table[i][1];
        }
    }
    if (strncmp(at, "\xe2\x80", 2) == 0 || strncmp(at, "\xe2\x81", 2) == 0) {
        *len = at[2] == '\0' ? 2 : 3; /* U+2000 to U+207F: spaces, dashes, quotation marks */
        return "";
    }
    return NULL;
}

struct namesakes namesakes_of(const struct member_list *members, const struct id *certificate,
                              const char *name) {
    struct namesakes out = {.count = 0};
    for (size_t i = 0; i < members->count; i++) {
        const struct listed *listed = &members->list[i];
        if (id_equal(&listed->id, certificate) || !listed_stands(listed) ||
            listed->member.role == MEMBER_OFFICER || !names_alike(listed->member.name, name)) {
            continue;
        }
        if (out.count == 0) {
            out.one = listed->id;
        }
        out.count++;
    }
    return out;
}

void namesakes_tell(const struct member_list *members, struct checked_request *asked) {
    const struct id *sponsor = &asked->author.head.author;
    asked->namesakes = namesakes_of(members, &asked->asker.account, asked->account);
    asked->sponsor_alike =
        asked->sponsor[0] != '\0' && namesakes_of(members, sponsor, asked->sponsor).count > 0;
    for (size_t i = 0; i < asked->call_count; i++) {
        struct checked_call *call = &asked->calls[i];
        call->alike = namesakes_of(members, &call->call.head.author, call->by).count > 0;
    }
}

const char *name_told_apart(const char *name, const struct id *certificate, bool alike,
                            size_t columns, char out[SAFE_MAX]) {
    char safe[SAFE_MAX];
    char code[LINK_CODE_BYTES];
    link_code(certificate, code);
    const size_t room =
        alike && columns > LINK_CODE_BYTES + 2 ? columns - LINK_CODE_BYTES - 2 : columns;
    (void)safe_text(name, room, safe);
    (void)snprintf(out, SAFE_MAX, "%.1000s%s%s%s", safe, alike ? " (" : "", alike ? code : "",
                   alike ? ")" : "");
    return out;
}

const char *namesakes_text(const struct namesakes *namesakes, char out[NAMESAKES_TEXT_MAX]) {
    char code[LINK_CODE_BYTES];
    link_code(&namesakes->one, code);
    if (namesakes->count == 1) {
        (void)snprintf(out, NAMESAKES_TEXT_MAX, "ANOTHER home here is called the same (%s)", code);
    } else {
        (void)snprintf(out, NAMESAKES_TEXT_MAX,
                       "%zu OTHER homes here are called the same (%s and more)", namesakes->count,
                       code);
    }
    return out;
}
