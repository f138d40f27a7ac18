/* Invariants:
 *  1  Leaves are only ever added, each with the next index (P7).
 *  2  A private entry's words never become a leaf; a slot's leaf has the same length whatever it
 *     commits to, and there is one for each slot (P2).
 *  3  Slot numbers rise by one, whatever the wall clock does.
 *  4  Private entries leave in the order in which they came.
 *  5  No checkpoint is signed over a leaf that is not committed (P12). */
#include "node/log/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"

enum {
    HEX_ID = 64,
    UTC_LEN = 20, /* of whole seconds */
};

#define SLOT_NUMBERS UINT64_C(10000000000)

static_assert(LOG_SALT_BYTES == sizeof(struct id), "a salt is as long as a hash");
static_assert(LOG_SLOT_LEAF_BYTES < LOG_LEAF_MAX, "a slot's leaf is a leaf");

struct log {
    struct merkle_edge edge;
    struct merkle_edge committed; /* the edge as it was when log_committed() was last called */
    uint64_t slot;                /* number of the last one */
    struct duration slot_length;
    struct tick slot_ends;
    size_t first, count; /* of the ring */
    struct log_entry waiting[LOG_WAITING_MAX];
};

static struct instant whole_second(struct instant at);
static void take_waiting(struct log *log, struct log_slot *out);
static void write_slot_leaf(const struct log_slot_leaf *slot, char out[LOG_LEAF_MAX]);
static void add_leaf(struct log *log, struct log_leaf *leaf);
static bool read_id(const char **text, const char *label, struct id *out);
static bool read_number(const char **text, uint64_t *out);

static const char *const words[] = {
    [LOG_STARTED] = "started",
    [LOG_CHARTER] = "charter",
    [LOG_MEMBER] = "member",
    [LOG_REQUEST_MADE] = "request_made",
    [LOG_REQUEST_SEEN] = "request_seen",
    [LOG_REQUEST_REFUSED] = "request_refused",
    [LOG_REQUEST_AMENDED] = "request_amended",
    [LOG_REQUEST_WITHDRAWN] = "request_withdrawn",
    [LOG_CALL_BACK] = "call_back",
    [LOG_RECEIPT_COMMITMENT] = "receipt_commitment",
    [LOG_DELETION_RECEIPT] = "deletion_receipt",
    [LOG_KEY_SUCCEEDED] = "key_succeeded",
    [LOG_FORK_SEEN] = "fork_seen",
    [LOG_REQUEST_WITHHELD] = "request_withheld",
    [LOG_REQUEST_PUBLISHED] = "request_published",
    [LOG_REFUSAL_PUBLISHED] = "refusal_published",
    [LOG_ACT] = "act",
    [LOG_ACT_LOST] = "act_lost",
    [LOG_REMOVED] = "removed",
    [LOG_CAMERA_LIST] = "camera_list",
    [LOG_MATCH] = "match",
    [LOG_DECLINED] = "declined",
    [LOG_EXPIRED] = "expired",
    [LOG_SIGNED] = "signed",
    [LOG_DISCLOSURE] = "disclosure",
    [LOG_SENT] = "sent",
    [LOG_SHRED] = "shred",
    [LOG_OFFERED] = "offered",
    [LOG_RECEIVED] = "received",
    [LOG_COLLECTED] = "collected",
    [LOG_DELETED] = "deleted",
    [LOG_FOOTAGE] = "footage",
    [LOG_DISCARDED] = "discarded",
};

bool log_kind_private(enum log_kind kind) {
    return kind >= LOG_CAMERA_LIST;
}

const char *log_kind_word(enum log_kind kind) {
    return words[kind];
}

void log_entry_write(const struct log_entry *entry, char out[LOG_LEAF_MAX]) {
    char at[INSTANT_TEXT_MAX];
    char a[HEX_ID + 1];
    char b[HEX_ID + 1];
    instant_utc(entry->at, at);
    hex_write(BYTES_OF(entry->a.b), a);
    hex_write(BYTES_OF(entry->b.b), b);
    (void)snprintf(out, LOG_LEAF_MAX, "%s %s a=%s b=%s n=%" PRIu64 ",%" PRIu64 ",%" PRIu64,
                   words[entry->kind], at, id_is_zero(&entry->a) ? "-" : a,
                   id_is_zero(&entry->b) ? "-" : b, entry->numbers[0], entry->numbers[1],
                   entry->numbers[2]);
}

enum err log_entry_read(struct bytes line, struct log_entry *out) {
    char text[LOG_LEAF_MAX];
    char again[LOG_LEAF_MAX];
    struct log_entry entry = {0};
    if (line.len >= sizeof text || (line.len > 0 && memchr(line.at, '\0', line.len) != NULL)) {
        return ERR_PEER_MALFORMED;
    }
    memcpy(text, line.at, line.len);
    text[line.len] = '\0';
    char *at = strchr(text, ' ');
    char *rest = at == NULL ? NULL : strchr(at + 1, ' ');
    if (rest == NULL) {
        return ERR_PEER_MALFORMED;
    }
    *at++ = '\0';
    *rest++ = '\0';
    for (size_t i = LOG_STARTED; i < COUNT_OF(words); i++) {
        if (strcmp(words[i], text) == 0) {
            entry.kind = (enum log_kind)i;
        }
    }
    const char *tail = rest;
    if (entry.kind == 0 || instant_parse(at, &entry.at) != ERR_OK ||
        !read_id(&tail, "a=", &entry.a) || !read_id(&tail, " b=", &entry.b) ||
        strncmp(tail, " n=", 3) != 0) {
        return ERR_PEER_MALFORMED;
    }
    tail += 3;
    if (!read_number(&tail, &entry.numbers[0]) || *tail++ != ',' ||
        !read_number(&tail, &entry.numbers[1]) || *tail++ != ',' ||
        !read_number(&tail, &entry.numbers[2])) {
        return ERR_PEER_MALFORMED;
    }
    log_entry_write(&entry, again); /* one spelling only */
    if (!bytes_equal(line, BYTES_TEXT(again))) {
        return ERR_PEER_MALFORMED;
    }
    *out = entry;
    return ERR_OK;
}

/* As for entries: read, written again, compared, so that there is one spelling. */
enum err log_slot_read(struct bytes leaf, struct log_slot_leaf *out) {
    char text[LOG_SLOT_LEAF_BYTES + 1];
    char again[LOG_LEAF_MAX];
    struct log_slot_leaf slot = {0};
    if (leaf.len != LOG_SLOT_LEAF_BYTES || memchr(leaf.at, '\0', leaf.len) != NULL) {
        return ERR_PEER_MALFORMED;
    }
    memcpy(text, leaf.at, leaf.len);
    text[leaf.len] = '\0';
    text[5 + UTC_LEN] = '\0';
    const char *tail = text + 5 + UTC_LEN + 1;
    if (instant_parse(text + 5, &slot.at) != ERR_OK || !read_number(&tail, &slot.number) ||
        slot.number >= SLOT_NUMBERS ||
        hex_read(text + leaf.len - HEX_ID, slot.commitment.b, sizeof slot.commitment.b) != ERR_OK) {
        return ERR_PEER_MALFORMED;
    }
    write_slot_leaf(&slot, again);
    if (!bytes_equal(leaf, BYTES_TEXT(again))) {
        return ERR_PEER_MALFORMED;
    }
    *out = slot;
    return ERR_OK;
}

/* SHA-256("stoop slot v1" || salt || SHA-256(entries)) */
void log_slot_commit(struct bytes opening, struct id *out) {
    static const char label[] = "stoop slot v1";
    uint8_t message[sizeof label - 1 + LOG_SALT_BYTES + 32];
    struct id list;
    ASSERT(opening.len >= LOG_SALT_BYTES);
    sha256((struct bytes){opening.at + LOG_SALT_BYTES, opening.len - LOG_SALT_BYTES}, &list);
    memcpy(message, label, sizeof label - 1);
    memcpy(message + sizeof label - 1, opening.at, LOG_SALT_BYTES);
    memcpy(message + sizeof label - 1 + LOG_SALT_BYTES, list.b, 32);
    sha256(BYTES_OF(message), out);
}

bool log_slot_verify(struct bytes leaf, struct bytes opening) {
    struct log_slot_leaf slot;
    struct log_entry entry;
    struct id commitment;
    size_t count = 0;
    if (opening.len < LOG_SALT_BYTES || opening.len > LOG_OPENING_MAX ||
        log_slot_read(leaf, &slot) != ERR_OK) {
        return false;
    }
    log_slot_commit(opening, &commitment);
    if (!id_equal(&commitment, &slot.commitment)) {
        return false;
    }
    struct bytes rest = {opening.at + LOG_SALT_BYTES, opening.len - LOG_SALT_BYTES};
    while (log_opening_next(&rest, &entry)) {
        count++;
    }
    return rest.len == 0 && count <= LOG_SLOT_ENTRIES_MAX;
}

bool log_opening_next(struct bytes *rest, struct log_entry *out) {
    struct bytes after = *rest;
    struct bytes line;
    struct log_entry entry;
    if (!bytes_line(&after, &line) || log_entry_read(line, &entry) != ERR_OK ||
        !log_kind_private(entry.kind)) {
        return false;
    }
    *rest = after;
    *out = entry;
    return true;
}

struct log *log_create(struct now now) {
    struct log *log = calloc(1, sizeof *log);
    if (log != NULL) {
        log_set_slot_length(log, (struct duration){DURATION_MINUTE_MS}, now);
    }
    return log;
}

void log_destroy(struct log *log) {
    free(log);
}

void log_load(struct log *log, const struct merkle_edge *edge) {
    log->edge = *edge;
    log->committed = *edge;
}

void log_load_slot(struct log *log, uint64_t slot) {
    ASSERT(slot >= log->slot); /* invariant 3 */
    log->slot = slot;
}

void log_set_slot_length(struct log *log, struct duration length, struct now now) {
    ASSERT(length.ms >= LOG_SLOT_LENGTH_MIN_MS);
    ASSERT(length.ms <= LOG_SLOT_LENGTH_MAX_MS);
    log->slot_length = length;
    log->slot_ends = tick_add(now.mono, length);
}

struct duration log_slot_length(const struct log *log) {
    return log->slot_length;
}

uint64_t log_size(const struct log *log) {
    return log->edge.size;
}

void log_root(const struct log *log, struct id *out) {
    merkle_root(&log->edge, out);
}

void log_committed(struct log *log) {
    log->committed = log->edge;
}

uint64_t log_committed_size(const struct log *log) {
    return log->committed.size;
}

enum err log_checkpoint(const struct log *log, const char *origin, const struct sign_secret *secret,
                        char out[NOTE_MAX]) {
    struct checkpoint checkpoint = {.size = log->committed.size};
    ASSERT(strlen(origin) < sizeof checkpoint.origin);
    memcpy(checkpoint.origin, origin, strlen(origin) + 1);
    merkle_root(&log->committed, &checkpoint.root);
    return checkpoint_sign(&checkpoint, origin, secret, out);
}

void log_append(struct log *log, const struct log_entry *entry, struct log_leaf *out) {
    ASSERT(!log_kind_private(entry->kind));
    log_entry_write(entry, out->text);
    add_leaf(log, out);
}

enum err log_wait(struct log *log, const struct log_entry *entry) {
    ASSERT(log_kind_private(entry->kind));
    if (log->count == LOG_WAITING_MAX) {
        return ERR_FULL_QUEUE;
    }
    log->waiting[(log->first + log->count++) % LOG_WAITING_MAX] = *entry;
    return ERR_OK;
}

size_t log_waiting(const struct log *log) {
    return log->count;
}

bool log_close_slot(struct log *log, struct now now, const uint8_t salt[32], struct log_slot *out) {
    if (!tick_reached(now.mono, log->slot_ends)) {
        return false;
    }
    /* After a suspend the missed slots stay missing: filling them would say when it woke. */
    log->slot_ends = tick_add(log->slot_ends, log->slot_length);
    if (tick_reached(now.mono, log->slot_ends)) {
        log->slot_ends = tick_add(now.mono, log->slot_length);
    }
    out->number = ++log->slot;
    memcpy(out->opening, salt, LOG_SALT_BYTES);
    out->opening_len = LOG_SALT_BYTES;
    take_waiting(log, out);
    struct log_slot_leaf slot = {.at = whole_second(now.wall), .number = out->number};
    log_slot_commit((struct bytes){out->opening, out->opening_len}, &slot.commitment);
    write_slot_leaf(&slot, out->leaf.text);
    add_leaf(log, &out->leaf);
    ASSERT(out->leaf.len == LOG_SLOT_LEAF_BYTES); /* invariant 2 */
    return true;
}

struct tick log_deadline(const struct log *log) {
    return log->slot_ends;
}

/* A clock that is out of its mind must not change the leaf's length (invariant 2). */
static struct instant whole_second(struct instant at) {
    int64_t ms = at.ms < 0 ? 0 : at.ms;
    ms = ms > INSTANT_MAX_MS ? INSTANT_MAX_MS : ms;
    return (struct instant){ms / 1000 * 1000};
}

/* Moves the oldest waiting entries into the slot and its opening. */
static void take_waiting(struct log *log, struct log_slot *out) {
    out->count = log->count < LOG_SLOT_ENTRIES_MAX ? log->count : LOG_SLOT_ENTRIES_MAX;
    for (size_t i = 0; i < out->count; i++) {
        char line[LOG_LEAF_MAX];
        out->entries[i] = log->waiting[log->first];
        log->first = (log->first + 1) % LOG_WAITING_MAX;
        log_entry_write(&out->entries[i], line);
        size_t len = strlen(line);
        memcpy(out->opening + out->opening_len, line, len);
        out->opening[out->opening_len + len] = '\n';
        out->opening_len += len + 1;
    }
    log->count -= out->count;
}

static void write_slot_leaf(const struct log_slot_leaf *slot, char out[LOG_LEAF_MAX]) {
    char hex[HEX_ID + 1];
    char at[INSTANT_TEXT_MAX];
    instant_utc(slot->at, at);
    hex_write(BYTES_OF(slot->commitment.b), hex);
    (void)snprintf(out, LOG_LEAF_MAX, "slot %s %010" PRIu64 " %s", at, slot->number, hex);
}

static void add_leaf(struct log *log, struct log_leaf *leaf) {
    leaf->index = log->edge.size;
    leaf->len = strlen(leaf->text);
    merkle_leaf((struct bytes){(const uint8_t *)leaf->text, leaf->len}, &leaf->hash);
    leaf->node_count = merkle_append_nodes(&log->edge, &leaf->hash, leaf->nodes);
}

static bool read_id(const char **text, const char *label, struct id *out) {
    size_t len = strlen(label);
    char hex[HEX_ID + 1];
    if (strncmp(*text, label, len) != 0) {
        return false;
    }
    *text += len;
    if (**text == '-') {
        *text += 1;
        *out = (struct id){{0}};
        return true;
    }
    (void)snprintf(hex, sizeof hex, "%s", *text);
    if (hex_read(hex, out->b, sizeof out->b) != ERR_OK) {
        return false;
    }
    *text += HEX_ID;
    return true;
}

static bool read_number(const char **text, uint64_t *out) {
    char *end = NULL;
    if (**text < '0' || **text > '9') {
        return false;
    }
    *out = strtoull(*text, &end, 10);
    *text = end;
    return true;
}
