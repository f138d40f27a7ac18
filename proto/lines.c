#include "proto/lines.h"

#include <stdio.h>
#include <string.h>

#include "proto/fence.h"

bool lines_next(struct lines *lines) {
    if (lines->at >= lines->file.len) {
        return false;
    }
    const uint8_t *from = lines->file.at + lines->at;
    const uint8_t *end = memchr(from, '\n', lines->file.len - lines->at);
    size_t len = end == NULL ? lines->file.len - lines->at : (size_t)(end - from);
    lines->at += len + 1;
    lines->number++;
    lines->text = lines->room;
    if (len >= lines->room_size || memchr(from, '\0', len) != NULL) {
        lines->wrong = "line is too long";
        return true;
    }
    memcpy(lines->room, from, len);
    lines->room[len] = '\0';
    for (char *c = lines->room; *c != '\0'; c++) { /* a tab, or the return of another system */
        *c = *c == '\t' || *c == '\r' ? ' ' : *c;
    }
    bool plain = fence_text_valid(BYTES_TEXT(lines->room));
    lines->wrong = plain ? NULL : "line is not plain UTF-8 text";
    lines->text = lines_trim(lines->room);
    return true;
}

char *lines_trim(char *text) {
    text += strspn(text, " ");
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == ' ') {
        text[--len] = '\0';
    }
    return text;
}

bool lines_heading(const char *line, const char *kind, char *name, size_t room) {
    const size_t kind_len = strlen(kind);
    const size_t len = strlen(line);
    const size_t around = kind_len + strlen("[ \"\"]");
    if (len <= around || *line != '[' || strncmp(line + 1, kind, kind_len) != 0 ||
        strncmp(line + 1 + kind_len, " \"", 2) != 0 || strcmp(line + len - 2, "\"]") != 0) {
        return false;
    }
    (void)snprintf(name, room, "%.*s", (int)(len - around), line + kind_len + 3);
    return true;
}
