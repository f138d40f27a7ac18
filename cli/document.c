/* Documents that come with a request, and the court's seal on them (PROTOCOL 5.5). */
#include <assert.h>
#include <string.h>

#include "cli/cli.h"
#include "proto/fence.h"

static_assert((int)CMS_ANCHORS_MAX == (int)AUTHORITIES_MAX, "a charter's authorities are anchors");
static_assert((int)CMS_CERTIFICATE_MAX == (int)AUTHORITY_MAX, "of one certificate each");
static_assert((int)CMS_SEAL_MAX == (int)COURT_SEAL_MAX, "what travels is checked");

struct beginning {
    const char *bytes;
    size_t len;
    const char *means;
};

static bool begins(struct bytes bytes, const struct beginning *with);
static bool is_plain_text(struct bytes bytes);

const char *document_type(struct bytes bytes) {
    static const struct beginning types[] = {{"%PDF-", 5, "application/pdf"},
                                             {"\x89PNG\r\n\x1a\n", 8, "image/png"}};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (begins(bytes, &types[i])) {
            return types[i].means;
        }
    }
    return is_plain_text(bytes) ? "text/plain" : NULL;
}

int document_read(const char *path, struct document *out, struct buffer *bytes) {
    static const struct beginning others[] = {{"PK\x03\x04", 4, "a zip archive or office file"},
                                              {"\xd0\xcf\x11\xe0", 4, "an office file"},
                                              {"\xff\xd8\xff", 3, "a JPEG"},
                                              {"\x1f\x8b", 2, "a gzip file"},
                                              {"\x7f"
                                               "ELF",
                                               4, "a program"},
                                              {"MZ", 2, "a program"}};
    int failed = file_read(path, DOCUMENT_MAX, false, bytes);
    if (failed == 0 && bytes->len == 0) {
        failed = fail(NULL, "'%s' is empty", path);
    }
    if (failed != 0) {
        return failed;
    }
    const char *type = document_type(buffer_bytes(bytes));
    if (type == NULL) {
        const char *is = "something else";
        for (size_t i = 0; i < COUNT_OF(others); i++) {
            is = begins(buffer_bytes(bytes), &others[i]) ? others[i].means : is;
        }
        return fail("a document is a PDF, a PNG or plain text in UTF-8, whatever its name",
                    "'%s' is none that homes take: it is %s", path, is);
    }
    (void)snprintf(out->media_type, sizeof out->media_type, "%s", type);
    out->present = true;
    out->size = (uint32_t)bytes->len;
    sha256(buffer_bytes(bytes), &out->sha256);
    return 0;
}

int seal_read(const char *path, struct court_seal *out, struct buffer *bytes) {
    int failed = file_read(path, COURT_SEAL_MAX, false, bytes);
    if (failed == 0 && bytes->len == 0) {
        failed = fail(NULL, "'%s' is empty", path);
    }
    if (failed == 0) {
        out->present = true;
        out->size = (uint32_t)bytes->len;
        sha256(buffer_bytes(bytes), &out->sha256);
    }
    return failed;
}

void authorities_keep(const struct charter *charter, struct authorities *out) {
    out->count = charter->authority_count;
    for (size_t i = 0; i < out->count; i++) {
        out->len[i] = charter->authorities[i].len;
        memcpy(out->der[i], charter->authorities[i].at, out->len[i]);
    }
}

struct bytes authority_at(const struct authorities *authorities, size_t i) {
    return (struct bytes){authorities->der[i], authorities->len[i]};
}

enum legal_seal seal_evidence(const struct seal_outcome *outcome) {
    return !outcome->checked               ? LEGAL_SEAL_UNKNOWN
           : outcome->result == CMS_SEALED ? LEGAL_SEAL_GOOD
                                           : LEGAL_SEAL_BAD;
}

const char *seal_text(const struct request *request, const struct seal_outcome *outcome,
                      char out[SEAL_TEXT_MAX]) {
    static const char *const results[] = {
        [CMS_SEALED] = NULL,
        [CMS_MALFORMED] = "cannot be read",
        [CMS_TAMPERED] = "NOT over this document",
        [CMS_UNKNOWN_ROOT] = "by NOBODY whom the charter knows",
        [CMS_EXPIRED] = "expired, or not valid yet",
        [CMS_WRONG_USAGE] = "by a key that is NOT for documents",
    };
    char safe[SAFE_MAX];
    const char *text = "none";
    if (request->instrument.court_signature == COURT_SIGNATURE_IMAGE) {
        text = "a picture, which never counts";
    } else if (request->instrument.court_signature == COURT_SIGNATURE_CMS) {
        text = !request->court_seal.present ? "claimed, and not sent"
               : !outcome->checked          ? "not here yet"
                                            : results[outcome->result];
    }
    if (text == NULL) {
        (void)snprintf(out, SEAL_TEXT_MAX, "sealed by %.150s",
                       safe_text(outcome->by, SEAL_NAME_COLUMNS, safe));
        return out;
    }
    (void)snprintf(out, SEAL_TEXT_MAX, "%s", text);
    return out;
}

static bool begins(struct bytes bytes, const struct beginning *with) {
    return bytes.len >= with->len && memcmp(bytes.at, with->bytes, with->len) == 0;
}

/* UTF-8 without control characters but tab, line feed and carriage return. */
static bool is_plain_text(struct bytes bytes) {
    size_t from = 0;
    for (size_t at = 0; at <= bytes.len; at++) {
        if (at < bytes.len && bytes.at[at] != '\n' && bytes.at[at] != '\r' &&
            bytes.at[at] != '\t') {
            continue;
        }
        if (!fence_text_valid((struct bytes){bytes.at + from, at - from})) {
            return false;
        }
        from = at + 1;
    }
    return bytes.len > 0;
}
