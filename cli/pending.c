#include <stdlib.h>
#include <string.h>

#include "cli/breadth.h"
#include "cli/named.h"
#include "cli/review.h"

enum {
    SOUGHT_MS = 2 * DURATION_MINUTE_MS, /* matching starts within one, and then takes its time */
    WIDE_FROM = 60, /* columns; with fewer, who asks and on what ground is all there is room for */
};

static int by_end(const void *a, const void *b);
static int by_age(const void *a, const void *b);
static int by_order(const void *a, const void *b);
static int compare(int64_t a, int64_t b);

enum pending_hidden pending_hides(const struct checked_request *asked, const struct rules *rules,
                                  const struct memory *memory, struct instant now) {
    bool voluntary = asked->request.instrument.kind == INSTRUMENT_VOLUNTARY;
    if (memory_snoozed(memory, &asked->id, now).ms > 0) {
        return PENDING_SNOOZED;
    }
    const struct id *community = &asked->request.head.community; /* the asker's own */
    struct muted whom = {.community = *community, .account = asked->asker.account};
    memcpy(whom.name, asked->account, sizeof whom.name);
    if (voluntary &&
        (memory_muted(memory, &whom) || rules_mute_line(rules, community, asked->account) > 0)) {
        return PENDING_MUTED;
    }
    return voluntary && rules_quiet_at(rules, now) ? PENDING_QUIET : PENDING_SHOWN;
}

void pending_fill(const struct checked_request *asked, const struct rules *rules,
                  const struct memory *memory, struct instant now, struct pending *out) {
    *out = (struct pending){.request = asked->id,
                            .kind = asked->request.instrument.kind,
                            .created = asked->request.head.created,
                            .expires = asked->request.head.expires,
                            .hidden = pending_hides(asked, rules, memory, now),
                            .snoozed_until = memory_snoozed(memory, &asked->id, now)};
    (void)snprintf(out->code, sizeof out->code, "%s", asked->code);
    (void)asker_text(asked, out->author);
    (void)snprintf(out->reason, sizeof out->reason, "%s", asked->request.reason);
}

bool pending_sought(const struct checked_request *asked, const struct camera_list *cameras,
                    const struct memory *memory, struct instant now) {
    const struct memory_asked *known = memory_of(memory, &asked->id);
    struct touches touches;
    int64_t age = now.ms - asked->request.head.created.ms;
    touches_of(cameras, &asked->request, &asked->here, &touches);
    return !asked->ours && asked->end == REQUEST_STANDS && asked->open_clips == 0 &&
           asked->request.instrument.kind != INSTRUMENT_PRESERVATION && touches.cameras > 0 &&
           age < SOUGHT_MS && (known == NULL || known->outcome == MEMORY_OPEN);
}

void pending_tell_apart(struct pending *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t bytes = REQUEST_CODE_ID_BYTES;
        for (size_t k = 0; k < count; k++) {
            size_t apart = code_bytes_apart(&list[i].request, &list[k].request);
            bytes = apart > bytes ? apart : bytes;
        }
        request_long_code(&list[i].request, bytes, list[i].code);
    }
}

void pending_sort(struct pending *list, size_t count, enum rules_rank rank) {
    int (*order)(const void *, const void *) = by_end;
    switch (rank) {
    case RULES_ENDING:
        break;
    case RULES_OLDEST:
        order = by_age;
        break;
    case RULES_ORDERS:
        order = by_order;
        break;
    }
    qsort(list, count, sizeof *list, order);
}

void pending_show(const struct pending *item, struct instant now) {
    char line[SAFE_MAX];
    char author[SAFE_MAX];
    char safe[SAFE_MAX];
    char left[32];
    span_text(item->expires.ms - now.ms, left);
    const char *basis =
        item->kind == INSTRUMENT_VOLUNTARY ? "VOLUNTARY" : instrument_label(item->kind);
    if (term_width() >= WIDE_FROM) {
        (void)snprintf(line, sizeof line, "%s left, %s, %s: %s", left, basis,
                       safe_text(item->author, 24, author), item->reason);
    } else {
        (void)snprintf(line, sizeof line, "%s, %s: %s", safe_text(item->author, 14, author), basis,
                       item->reason);
    }
    size_t columns =
        strlen(item->code) < TERM_LABEL_COLUMNS ? TERM_LABEL_COLUMNS : strlen(item->code) + 1;
    size_t room = columns < term_width() ? term_width() - columns : 0;
    (void)printf("%-*s%s\n", (int)columns, item->code, safe_text(line, room, safe));
}

static int by_end(const void *a, const void *b) {
    const struct pending *one = a;
    const struct pending *other = b;
    int order = compare(one->expires.ms, other->expires.ms);
    return order != 0 ? order : id_compare(&one->request, &other->request);
}

static int by_age(const void *a, const void *b) {
    const struct pending *one = a;
    const struct pending *other = b;
    int order = compare(one->created.ms, other->created.ms);
    return order != 0 ? order : id_compare(&one->request, &other->request);
}

static int by_order(const void *a, const void *b) {
    const struct pending *one = a;
    const struct pending *other = b;
    int order = compare(one->kind == INSTRUMENT_VOLUNTARY, other->kind == INSTRUMENT_VOLUNTARY);
    return order != 0 ? order : by_end(a, b);
}

static int compare(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}
