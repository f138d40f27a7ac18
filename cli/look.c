/* What the owner looks at: the clip as it would leave, and the document that came with the request.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/review.h"

enum {
    TEXT_LINES = 40, /* of a document; the file has the rest */
};

static int write_clip(struct desk *desk, struct opened *clip);
static void show_document(struct desk *desk, const struct document *document, struct bytes bytes);
static void show_text(struct bytes text);
static void look_path(const struct desk *desk, const struct opened *clip, const char *ending,
                      char out[PATH_MAX]);

int show_clip(struct desk *desk, struct opened *clip) {
    if (desk->player == NULL) {
        return write_clip(desk, clip);
    }
    FILE *file = player_file();
    if (file == NULL) {
        return fail(NULL, "out of memory");
    }
    int failed = read_outgoing(desk, clip, "opening", file);
    if (failed != 0) {
        (void)fclose(file);
        return failed;
    }
    if (!player_show(desk->player, file)) {
        return fail(NULL, "the player is gone");
    }
    (void)puts("handed to the player");
    return 0;
}

static int write_clip(struct desk *desk, struct opened *clip) {
    char path[PATH_MAX];
    look_path(desk, clip, "mp4", path);
    mode_t before = umask(0177);
    FILE *file = fopen(path, "wxe");
    (void)umask(before);
    if (file == NULL) {
        return fail(NULL, "cannot write '%s': %s", path, strerror(errno));
    }
    int failed = read_outgoing(desk, clip, "opening", file);
    if (fclose(file) != 0 && failed == 0) {
        failed = fail("is the disk full?", "cannot write '%s': %s", path, strerror(errno));
    }
    if (failed != 0) {
        (void)unlink(path);
        return failed;
    }
    (void)printf("written to %s\n", path);
    term_text(desk->scratch == NULL ? "readable by you alone; delete it when you have seen it"
                                    : "readable by you alone; it is deleted when this review ends");
    return 0;
}

int write_document(struct desk *desk, const struct opened *clip) {
    const struct document *document = &clip->asked->request.document;
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer bytes = {.max = DOCUMENT_MAX};
    if (!document->present || !clip->asked->document_here) {
        (void)puts(document->present ? "the document has not come yet" : "there is no document");
        return 0;
    }
    int failed = fetch_attachment(desk, &document->sha256, document->size, &bytes);
    if (failed != 0) {
        return failed;
    }
    if (clip->asked->document_is_other) { /* what opens it would do what nobody expects */
        char safe[SAFE_MAX];
        const char *is = document_type(buffer_bytes(&bytes));
        (void)printf("not written: the request calls it %s, and it is %s\n",
                     safe_text(document->media_type, 31, safe),
                     is == NULL ? "neither PDF, PNG nor plain text" : is);
        return 0;
    }
    look_path(desk, clip,
              strcmp(document->media_type, "application/pdf") == 0 ? "pdf"
              : strcmp(document->media_type, "image/png") == 0     ? "png"
                                                                   : "txt",
              path);
    failed = file_write(path, buffer_bytes(&bytes), 0600, false);
    if (failed == 0) {
        (void)printf("written to %s\n", path);
        term_text(desk->scratch == NULL ? "it came from the requester: open it with care"
                                        : "it came from the requester: open it with care; it is "
                                          "deleted when this review ends");
        show_document(desk, document, buffer_bytes(&bytes));
    }
    return failed;
}

static void show_document(struct desk *desk, const struct document *document, struct bytes bytes) {
    SCOPED(buffer_finish) struct buffer text = {.max = READER_TEXT_MAX};
    if (strcmp(document->media_type, "text/plain") == 0) {
        show_text(bytes);
    } else if (strcmp(document->media_type, "application/pdf") != 0) {
        return;
    } else if (desk->reader == NULL) {
        (void)puts("its text would be shown here if pdftotext (poppler-utils) were installed");
    } else if (!reader_text(desk->reader, bytes, &text)) {
        (void)puts("no text could be got out of it");
    } else {
        show_text(buffer_bytes(&text));
    }
}

/* Lines that hold something, cut to the terminal, on labelled lines: others wrote them. */
static void show_text(struct bytes text) {
    const size_t columns = term_width() - 4;
    size_t shown = 0;
    size_t more = 0;
    for (size_t at = 0, end = 0; at < text.len; at = end + 1) {
        char one[LOOK_LINE_BYTES];
        char safe[SAFE_MAX];
        const uint8_t *stop = memchr(text.at + at, '\n', text.len - at);
        end = stop == NULL ? text.len : (size_t)(stop - text.at);
        if (!look_line((struct bytes){text.at + at, end - at}, one)) {
            continue;
        }
        if (shown < TEXT_LINES) {
            (void)printf("  | %s\n", safe_text(one, columns, safe));
            shown++;
        } else {
            more++;
        }
    }
    if (more > 0) {
        (void)printf("and %zu lines more: the file has them\n", more);
    } else if (shown == 0) {
        (void)puts("it has no text: a picture of one, perhaps");
    }
}

/* Nothing in a line hides what comes behind it: a NUL is written as safe_text() writes other
 * control characters, and a carriage return is left to it unless it ends the line. */
bool look_line(struct bytes line, char out[LOOK_LINE_BYTES]) {
    static const char nul[] = "<00>";
    size_t len = 0;
    line.len -= line.len > 0 && line.at[line.len - 1] == '\r' ? 1 : 0;
    for (size_t i = 0; i < line.len && len + sizeof nul < LOOK_LINE_BYTES; i++) {
        char c = (char)line.at[i];
        if (c == '\0') {
            memcpy(out + len, nul, sizeof nul - 1);
            len += sizeof nul - 1;
        } else {
            out[len++] = c == '\t' ? ' ' : c;
        }
    }
    out[len] = '\0';
    return out[strspn(out, " ")] != '\0';
}

/* A new name in the folder for looks. */
static void look_path(const struct desk *desk, const struct opened *clip, const char *ending,
                      char out[PATH_MAX]) {
    uint32_t random = 0;
    random_bytes(&random, sizeof random);
    (void)snprintf(out, PATH_MAX, "%.*s/stoop-%s-%08x.%s", PATH_MAX - 64, desk->looks,
                   clip->asked->code, random, ending);
}
