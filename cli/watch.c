#include "cli/watch.h"

#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/review.h"

enum {
    SEEN_MAX = 2048,
    WAITS_MAX = 512,
    LOOK_EVERY_MS = 2000,
    SOON_PARTS = 10, /* of a life */
    LINE_COLUMNS = 200,
    EVENT_COLUMNS = 8,
    NARROW_COLUMNS = 60,
    INDENT = 2,
};

struct seen { /* a request by another home */
    struct id id;
    char code[REQUEST_CODE_BYTES];
    struct instant created, expires;
    bool there; /* in the list of this look */
    bool soon, ended;
    bool waits, shown; /* for this owner; and nothing hides it now */
    bool waits_said;
};

struct watch {
    struct cli *cli;
    struct client *client; /* NULL: the node is not there */
    const struct watch_options *options;
    struct community_terms community;
    struct sign_public owner;
    struct hook *hook; /* NULL: nobody is notified */
    bool looked;       /* once at least: what was there before is not news */
    size_t count;
    struct seen list[SEEN_MAX];
    size_t wait_count;
    struct id waits[WAITS_MAX]; /* requests with a clip for this owner to decide */
    struct stat rules_at, memory_at;
    struct rules rules;
    struct memory memory;
    struct notified notified;
};

static int begin(struct watch *watch);
static int go_on(struct watch *watch);
static bool reach_node(struct watch *watch);
static int load_own(struct watch *watch);
static bool has_changed(const struct cli *cli, const char *name, struct stat *at);
static int look(struct watch *watch);
static int look_at_clips(struct watch *watch);
static bool is_to_decide(const struct watch *watch, const struct control_reply *reply);
static int look_at_requests(struct watch *watch);
static void take(struct watch *watch, const struct control_reply *reply, struct instant now);
static struct seen *find(struct watch *watch, const struct id *id);
static struct seen *add(struct watch *watch, const struct checked_request *asked);
static void look_at_ends(struct watch *watch, struct instant now);
static void drop_ended(struct watch *watch);
static struct instant soon_of(const struct watch *watch, const struct seen *seen);
static int notify(struct watch *watch, enum hook_event event, struct instant now);
static void say(const struct watch *watch, const char *event, const char *code, const char *text,
                const struct checked_request *asked);

int watch_requests(struct cli *cli, const struct watch_options *options) {
    static struct watch watch;
    memset(&watch, 0, sizeof watch); /* large: not by way of the stack */
    watch.cli = cli;
    watch.options = options;
    int failed = 0;
    if (options->words != NULL) {
        failed = hook_start(options->words, &watch.hook); /* before there is anything to inherit */
    }
    if (failed == 0) {
        failed = begin(&watch);
    }
    while (failed == 0 && !term_stopped()) {
        failed = go_on(&watch);
        if (fflush(stdout) != 0) {
            break; /* nobody reads it any more */
        }
        if (failed == 0 && !term_stopped()) {
            (void)poll(NULL, 0, LOOK_EVERY_MS);
        }
    }
    hook_stop(watch.hook);
    client_close(watch.client);
    return term_stopped() ? EXIT_DONE : failed;
}

static int begin(struct watch *watch) {
    struct keyfile_public pub;
    int failed = owner_public_of(watch->cli->owner_dir, &pub);
    if (failed == 0) {
        watch->owner = pub.owner.sign;
        failed = pinned_community(watch->cli, &watch->community.governance.community);
    }
    if (failed == 0 && watch->hook != NULL) {
        failed = notified_open(watch->cli, &watch->notified);
    }
    term_guard();
    return failed;
}

static int go_on(struct watch *watch) {
    if (!reach_node(watch)) {
        return 0;
    }
    int failed = load_own(watch);
    if (failed == 0) {
        failed = look(watch);
    }
    if (failed == EXIT_NO_NODE) {
        client_close(watch->client);
        watch->client = NULL;
        say(watch, "node", NULL, "the node has stopped; waiting for it", NULL);
        return 0;
    }
    return failed;
}

static bool reach_node(struct watch *watch) {
    static bool said;
    if (watch->client != NULL) {
        return true;
    }
    if (!client_there(watch->cli) || client_open(watch->cli, &watch->client) != 0) {
        if (!watch->looked && !said) {
            say(watch, "node", NULL, "the node does not run; waiting for it", NULL);
            said = true;
        }
        return false;
    }
    if (watch->looked || said) {
        say(watch, "node", NULL, "the node is there again", NULL);
    }
    return true;
}

/* The owner may edit rules, and 'stoop review' writes the memory, while this runs. */
static int load_own(struct watch *watch) {
    int failed = 0;
    if (has_changed(watch->cli, "rules", &watch->rules_at) || !watch->looked) {
        failed = rules_load(watch->cli, &watch->rules);
    }
    if (failed == 0 && (has_changed(watch->cli, "memory", &watch->memory_at) || !watch->looked)) {
        failed = memory_load(watch->cli, &watch->memory);
    }
    return failed;
}

static bool has_changed(const struct cli *cli, const char *name, struct stat *at) {
    char path[PATH_MAX];
    struct stat now = {0};
    (void)snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 16, cli->owner_dir, name);
    (void)stat(path, &now);
    bool changed = now.st_ino != at->st_ino || now.st_size != at->st_size ||
                   now.st_mtim.tv_sec != at->st_mtim.tv_sec ||
                   now.st_mtim.tv_nsec != at->st_mtim.tv_nsec;
    *at = now;
    return changed;
}

/* ---- one look ---- */

static int look(struct watch *watch) {
    int failed = client_community(watch->cli, watch->client, &watch->community);
    if (failed == 0) {
        failed = look_at_clips(watch);
    }
    if (failed == 0) {
        failed = look_at_requests(watch);
    }
    if (failed != 0) {
        return failed;
    }
    struct instant now = now_wall();
    look_at_ends(watch, now);
    watch->looked = true;
    if (watch->hook != NULL) {
        failed = notify(watch, HOOK_WAITS, now);
    }
    if (watch->hook != NULL && failed == 0) {
        failed = notify(watch, HOOK_ENDS_SOON, now);
    }
    drop_ended(watch);
    return failed;
}

static int look_at_clips(struct watch *watch) {
    static struct control_reply reply;
    struct client_list list = {0};
    int failed = 0;
    watch->wait_count = 0;
    while (client_each_part(watch->client, CONTROL_CLIPS, &list, &reply, &failed)) {
        if (watch->wait_count < WAITS_MAX && is_to_decide(watch, &reply)) {
            watch->waits[watch->wait_count++] = reply.as.clip.request;
        }
    }
    return failed;
}

/* Open, this owner's, and not signed by this owner yet. */
static bool is_to_decide(const struct watch *watch, const struct control_reply *reply) {
    struct signed_object part;
    bool own = false;
    if (reply->as.clip.state != CLIP_OPEN && reply->as.clip.state != CLIP_PART_SIGNED) {
        return false;
    }
    for (size_t i = 0; i < reply->as.clip.owner_count; i++) {
        own |= sign_public_equal(&reply->as.clip.owners[i], &watch->owner);
    }
    bool signed_already = reply->as.clip.grant.len > 0 &&
                          signed_decode(reply->as.clip.grant, &part) == ERR_OK &&
                          signed_by(&part, &watch->owner);
    return own && !signed_already;
}

static int look_at_requests(struct watch *watch) {
    static struct control_reply reply;
    struct client_list list = {0};
    struct instant now = now_wall();
    int failed = 0;
    for (size_t i = 0; i < watch->count; i++) {
        watch->list[i].there = false;
    }
    while (client_each_part(watch->client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        if (!reply.as.request.ours) {
            take(watch, &reply, now);
        }
    }
    return failed;
}

/* What is known already and has no news is not checked anew each time. */
static void take(struct watch *watch, const struct control_reply *reply, struct instant now) {
    static struct checked_request asked;
    struct signed_object object;
    char text[REQUEST_END_MAX];
    char line[SAFE_MAX];
    char author[SAFE_MAX];
    char asker[ASKER_MAX];
    if (signed_decode(reply->as.request.request, &object) != ERR_OK) {
        return;
    }
    struct seen *seen = find(watch, &object.id);
    bool waits = false;
    for (size_t i = 0; i < watch->wait_count; i++) {
        waits |= id_equal(&watch->waits[i], &object.id);
    }
    bool news = seen == NULL || waits || (reply->as.request.taken_back && !seen->ended);
    if (seen != NULL) {
        seen->there = true;
        seen->waits = false;
    }
    if (!news || check_request(reply, &watch->community, now, &asked) != ERR_OK) {
        return;
    }
    const char *end = request_end_text(&asked, text);
    bool over = end != NULL || instant_reached(now, asked.request.head.expires);
    if (seen == NULL && !over) {
        bool voluntary = asked.request.instrument.kind == INSTRUMENT_VOLUNTARY;
        seen = add(watch, &asked);
        (void)snprintf(line, sizeof line, "%s, from %s: %s",
                       voluntary ? "VOLUNTARY" : instrument_label(asked.request.instrument.kind),
                       safe_text(asker_text(&asked, asker), 24, author), asked.request.reason);
        say(watch, watch->looked ? "arrived" : "open", asked.code, line, &asked);
    }
    if (seen == NULL) {
        return;
    }
    if (end != NULL && !seen->ended) {
        seen->ended = true;
        say(watch, "ended", asked.code, end, &asked);
    }
    seen->waits = waits && !over;
    seen->shown = pending_hides(&asked, &watch->rules, &watch->memory, now) == PENDING_SHOWN;
    if (seen->waits && seen->shown && !seen->waits_said) {
        seen->waits_said = true;
        say(watch, "waits", asked.code, "for your decision: 'stoop review'", &asked);
    }
}

static struct seen *find(struct watch *watch, const struct id *id) {
    for (size_t i = 0; i < watch->count; i++) {
        if (id_equal(&watch->list[i].id, id)) {
            return &watch->list[i];
        }
    }
    return NULL;
}

/* NULL: there are more than anybody reads. */
static struct seen *add(struct watch *watch, const struct checked_request *asked) {
    if (watch->count == SEEN_MAX) {
        return NULL;
    }
    struct seen *seen = &watch->list[watch->count++];
    *seen = (struct seen){.id = asked->id,
                          .created = asked->request.head.created,
                          .expires = asked->request.head.expires,
                          .there = true};
    (void)snprintf(seen->code, sizeof seen->code, "%s", asked->code);
    return seen;
}

static void look_at_ends(struct watch *watch, struct instant now) {
    for (size_t i = 0; i < watch->count; i++) {
        struct seen *seen = &watch->list[i];
        char left[32];
        char text[64];
        if (seen->ended) {
            continue;
        }
        if (!seen->there || instant_reached(now, seen->expires)) {
            seen->ended = true;
            seen->waits = false;
            say(watch, "ended", seen->code, "by itself", NULL);
        } else if (!seen->soon && instant_reached(now, soon_of(watch, seen))) {
            seen->soon = true;
            span_text(seen->expires.ms - now.ms, left);
            (void)snprintf(text, sizeof text, "in %s", left);
            say(watch, "ends", seen->code, text, NULL);
        }
    }
}

static struct instant soon_of(const struct watch *watch, const struct seen *seen) {
    int64_t before = (seen->expires.ms - seen->created.ms) / SOON_PARTS;
    before = before < DURATION_HOUR_MS ? before : DURATION_HOUR_MS;
    if (watch->options->soon_min > 0) {
        before = watch->options->soon_min * DURATION_MINUTE_MS;
    }
    return (struct instant){seen->expires.ms - before};
}

/* The node lists what has ended for a while yet: until then it must stay known. */
static void drop_ended(struct watch *watch) {
    size_t kept = 0;
    for (size_t i = 0; i < watch->count; i++) {
        if (!watch->list[i].ended || watch->list[i].there) {
            watch->list[kept++] = watch->list[i];
        }
    }
    watch->count = kept;
}

/* On file before it is told, so that it is never told twice. */
static int notify(struct watch *watch, enum hook_event event, struct instant now) {
    char codes[HOOK_CODES][REQUEST_CODE_BYTES];
    size_t count = 0;
    bool ready = false;
    int failed = hook_look(watch->hook, &ready);
    if (failed != 0 || !ready) {
        return failed; /* 0: at the next look */
    }
    for (size_t i = 0; i < watch->count; i++) {
        const struct seen *seen = &watch->list[i];
        bool due = seen->waits && seen->shown && (event == HOOK_WAITS || seen->soon);
        if (due && !notified_has(&watch->notified, event, &seen->id)) {
            notified_add(&watch->notified, event, &seen->id, seen->expires);
            if (count < HOOK_CODES) {
                (void)snprintf(codes[count], sizeof codes[count], "%s", seen->code);
            }
            count++;
        }
    }
    if (count > 0) {
        (void)notified_save(watch->cli, &watch->notified, now);
        failed = hook_tell(watch->hook, event, count, codes);
    }
    return failed;
}

/* ---- lines ---- */

static void say(const struct watch *watch, const char *event, const char *code, const char *text,
                const struct checked_request *asked) {
    char at[INSTANT_TEXT_MAX];
    char line[SAFE_MAX];
    char safe[SAFE_MAX];
    struct instant now = now_wall();
    if (watch->cli->json) {
        instant_utc(now, at);
        json_t *whole = json_pack("{s:s, s:s, s:s*, s:s}", "event", event, "at", at, "code", code,
                                  "text", text);
        if (asked != NULL && whole != NULL) {
            instant_utc(asked->request.head.expires, at);
            (void)json_object_set_new(whole, "instrument",
                                      json_string(instrument_word(asked->request.instrument.kind)));
            (void)json_object_set_new(whole, "by", json_string(asked->account));
            (void)json_object_set_new(whole, "expires", json_string(at));
        }
        char *json = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT);
        (void)puts(json == NULL ? "{}" : json);
        free(json);
        json_decref(whole);
        return;
    }
    instant_local(now, at);
    size_t columns = term_present() ? term_columns() : LINE_COLUMNS;
    bool narrow = columns < NARROW_COLUMNS;
    (void)snprintf(line, sizeof line, "%.8s  %-*s %-*s %s", at + 16, (int)REQUEST_CODE_BYTES,
                   code == NULL ? "" : code, EVENT_COLUMNS, event, narrow ? "" : text);
    (void)puts(safe_text(line, columns, safe));
    if (narrow) { /* on a line of its own */
        (void)printf("  %s\n", safe_text(text, term_width() - INDENT, safe));
    }
}
