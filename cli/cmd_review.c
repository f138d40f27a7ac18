/* review: the owner's prompt (P1 to P4). What it shows it has checked itself, from signed bytes,
 * against the pins in the owner's own folder. What may follow what is prompt.c's; here its actions
 * are carried out. Nothing accepts but the request's code, typed after the digest was shown, and
 * then the passphrase. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/prompt.h"
#include "cli/review.h"

enum {
    CLIPS_MAX = 512,
    ANSWER_MAX = 64,
    LIST_FROM = 4, /* so many requests are listed first */
    LIST_PAGE = 20,
    WIDE_FROM = 60,  /* columns */
    TEXT_LINES = 40, /* of a document; the file has the rest */
    GRANT_EXTRA_DAYS = 7
};

struct clip_ref {
    struct id request;
    struct clip_id clip;
    bool verified; /* the request is */
    bool decided;
};

struct review {
    struct cli *cli;
    struct client *client;
    struct pins pins;
    struct id community, certificate;
    struct owner_secret *secret; /* NULL until the first clip is opened */
    struct keyfile_public pub;
    struct rules rules;
    struct memory memory;
    size_t clip_count;
    struct clip_ref clips[CLIPS_MAX];
    size_t count; /* of requests that are shown by themselves, in the owner's order */
    struct pending waiting[PENDING_MAX];
    size_t snoozed, muted, quiet; /* that are not */
    bool left_pending;
    bool quit;
    struct player *player;   /* NULL: looks are files */
    struct reader *reader;   /* NULL: pdftotext is not installed */
    char looks[PATH_MAX];    /* the folder for them */
    struct scratch *scratch; /* NULL: the owner named the folder, and keeps what is in it */
};

static int load(struct review *review, const char *code);
static int load_clips(struct review *review);
static int load_requests(struct review *review, const char *code);
static bool mark_clips(struct review *review, const struct id *request);
static int not_verified(void);
static void say_hidden(const struct review *review);
static int review_all(struct review *review);
static int review_from_list(struct review *review);
static void show_list(const struct review *review, size_t from);
static int review_request(struct review *review, const struct pending *item);
static bool is_done(const struct review *review, const struct pending *item);
static void drop_done(struct review *review);
static int find_request(struct review *review, const struct id *id, struct checked_request *out);
static int review_clip(struct review *review, struct clip_ref *ref);
static int open_clip(struct review *review, const struct clip_ref *ref, struct opened *clip);
static enum err check_manifest(const struct review *review, const struct control_reply *reply,
                               struct opened *clip);
static int ask_until_decided(struct review *review, struct opened *clip, bool *decided);
static struct prompt_event ask_once(const struct opened *clip, size_t shown_width, char *answer);
static int look(struct review *review, struct opened *clip, enum prompt_do what);
static void say_help(const struct review *review, const struct opened *clip);
static void say_end(struct review *review, const struct opened *clip, const struct prompt *prompt);
static void put_off(struct review *review, const struct opened *clip, struct duration snooze);
static int remember(struct review *review, const struct id *request, enum memory_outcome outcome,
                    struct instant snoozed_until);
static int check_document(struct review *review, struct checked_request *asked);
static int fetch_attachment(struct review *review, const struct id *named, size_t size,
                            struct buffer *out);
static int check_rules(const struct checked_request *asked);
static int open_to_sign(struct review *review, const struct opened *clip,
                        struct owner_secret **again);
static int sign(struct review *review, struct opened *clip, const struct owner_secret *again);
static int refresh_part(struct review *review, struct opened *clip);
static enum err make_grant(const struct review *review, const struct opened *clip,
                           const struct owner_secret *secret, struct buffer *out, bool *complete);
static enum err make_header(const struct owner_secret *secret, const struct opened *clip,
                            struct buffer *header, struct buffer *manifest);
static int decline(struct review *review, const struct opened *clip);
static int show_clip(struct review *review, const struct opened *clip);
static int write_clip(struct review *review, const struct opened *clip);
static int read_clip(struct review *review, const struct opened *clip, const char *what,
                     FILE *file);
static int write_document(struct review *review, const struct opened *clip);
static void show_document(const struct review *review, const struct document *document,
                          struct bytes bytes);
static void show_text(struct bytes text);
static void look_path(const struct review *review, const struct opened *clip, const char *ending,
                      char out[PATH_MAX]);

int cmd_review(struct cli *cli) {
    static struct control_reply status;
    static struct review review;
    const char *to = NULL;
    const char *player = NULL;
    const struct cli_option options[] = {{.name = "--to", .value = &to},
                                         {.name = "--player", .value = &player}};
    int failed = take_options(cli, options, COUNT_OF(options), "[CODE]");
    if (failed != 0) {
        return failed;
    }
    if (!term_present() || !isatty(STDOUT_FILENO)) { /* who decides must see what about */
        (void)fail("nothing can be accepted without a person at a terminal", "no terminal");
        return EXIT_NO_TERMINAL;
    }
    memset(&review, 0, sizeof review);
    review.cli = cli;
    failed = client_open(cli, &review.client);
    if (failed == 0) {
        failed = client_status(review.client, &status);
    }
    if (failed == 0) {
        review.certificate = status.as.status.certificate;
        failed = pinned_community(cli, &review.community);
    }
    if (failed == 0) {
        failed = pins_load(cli, &review.pins);
    }
    if (failed == 0 && to != NULL) {
        (void)snprintf(review.looks, sizeof review.looks, "%s", to);
        failed = folder_make(to, 0700);
    } else if (failed == 0) {
        failed = scratch_open(review.looks, &review.scratch);
    }
    if (failed == 0 && player != NULL) {
        failed = player_start(player, &review.player);
    }
    if (failed == 0 && reader_installed()) {
        failed = reader_start(&review.reader);
    }
    if (failed == 0) {
        walls_allow(cli, review.looks);
        term_guard(); /* so that no half of a look stays behind */
        failed = load(&review, cli->argc > 1 ? cli->argv[1] : NULL);
    }
    if (failed == 0 && review.count == 0) {
        term_text(cli->argc > 1 ? "nothing of this home is asked for by that code"
                                : "nothing waits for your decision");
    }
    if (failed == 0 && cli->argc <= 1) {
        say_hidden(&review);
    }
    if (failed == 0) {
        failed = review.count < LIST_FROM ? review_all(&review) : review_from_list(&review);
    }
    secret_destroy(review.secret);
    player_stop(review.player);
    reader_stop(review.reader);
    scratch_close(review.scratch);
    client_close(review.client);
    if (failed == 0 && review.left_pending) {
        return EXIT_PENDING;
    }
    return failed;
}

/* ---- what waits ---- */

static int load(struct review *review, const char *code) {
    int failed = rules_load(review->cli, &review->rules);
    if (failed == 0) {
        failed = memory_load(review->cli, &review->memory);
    }
    if (failed == 0) {
        failed = load_clips(review);
    }
    if (failed == 0) {
        failed = load_requests(review, code);
    }
    if (failed == 0) { /* a full disk costs a count; it must not keep anybody from declining */
        (void)memory_save(review->cli, &review->memory);
    }
    pending_sort(review->waiting, review->count, review->rules.rank);
    return failed;
}

static int load_clips(struct review *review) {
    static struct control_reply reply;
    struct client_list list = {0};
    int failed = 0;
    while (client_each_part(review->client, CONTROL_CLIPS, &list, &reply, &failed)) {
        bool open = reply.as.clip.state == CLIP_OPEN || reply.as.clip.state == CLIP_PART_SIGNED;
        if (open && review->clip_count < CLIPS_MAX) {
            review->clips[review->clip_count++] =
                (struct clip_ref){.request = reply.as.clip.request, .clip = reply.as.clip.clip};
        }
    }
    return failed;
}

/* Every request by others that verifies counts into the past with its asker; those that touch this
 * home wait. One that is named is shown, whatever hides it. A clip of a request that does not
 * verify is an error: it may be a lie of the node's. */
static int load_requests(struct review *review, const char *code) {
    static struct control_reply reply;
    static struct checked_request asked;
    struct client_list list = {0};
    size_t found = 0;
    int failed = 0;
    while (client_each_part(review->client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        struct instant now = now_wall();
        struct pending item;
        if (check_request(&reply, &review->community, now, &asked) != ERR_OK) {
            continue;
        }
        if (asked.end != REQUEST_STANDS) {
            (void)mark_clips(review, &asked.id); /* they go with the slot */
            continue;
        }
        if (!asked.ours) {
            memory_note(&review->memory, &asked.id, &asked.request.head.author,
                        asked.request.head.created, now);
        }
        if (!mark_clips(review, &asked.id) || found == PENDING_MAX) {
            continue;
        }
        found++;
        pending_fill(&asked, &review->rules, &review->memory, now, &item);
        if (code != NULL ? prompt_is_code(code, item.code) : item.hidden == PENDING_SHOWN) {
            review->waiting[review->count++] = item;
        }
        review->snoozed += item.hidden == PENDING_SNOOZED ? 1 : 0;
        review->muted += item.hidden == PENDING_MUTED ? 1 : 0;
        review->quiet += item.hidden == PENDING_QUIET ? 1 : 0;
    }
    for (size_t i = 0; failed == 0 && i < review->clip_count; i++) {
        char own[REQUEST_CODE_BYTES];
        request_code(&review->clips[i].request, own);
        if (!review->clips[i].verified && (code == NULL || prompt_is_code(code, own))) {
            failed = not_verified();
        }
    }
    return failed;
}

static int not_verified(void) {
    return fail("nothing was shown or released",
                "the node holds a clip for a request that does not verify");
}

/* Its request verifies. Has it any? */
static bool mark_clips(struct review *review, const struct id *request) {
    bool any = false;
    for (size_t i = 0; i < review->clip_count; i++) {
        bool of_it = id_equal(&review->clips[i].request, request);
        review->clips[i].verified |= of_it;
        any |= of_it;
    }
    return any;
}

static void say_hidden(const struct review *review) {
    const struct {
        size_t count;
        const char *why;
    } kinds[] = {{review->snoozed, "put off for later"},
                 {review->muted, "from askers you have muted"},
                 {review->quiet, "VOLUNTARY, and these are your quiet hours"}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].count > 0) {
            char text[96];
            (void)snprintf(text, sizeof text, "%zu not shown: %s", kinds[i].count, kinds[i].why);
            term_text(text);
        }
    }
    if (review->snoozed + review->muted + review->quiet > 0) {
        term_text("'stoop requests' lists them; name one by its code to see it");
    }
}

static int review_all(struct review *review) {
    int failed = 0;
    for (size_t i = 0; failed == 0 && !review->quit && i < review->count; i++) {
        failed = review_request(review, &review->waiting[i]);
    }
    return failed;
}

/* Many are not put before a person one after another: they choose, and can leave. */
static int review_from_list(struct review *review) {
    size_t from = 0;
    int failed = 0;
    while (failed == 0 && !review->quit && review->count > 0) {
        char answer[ANSWER_MAX];
        const struct pending *chosen = NULL;
        show_list(review, from);
        review->left_pending = true;
        if (term_stopped() || !term_ask("or the code of one to look at: ", answer, sizeof answer)) {
            term_text("left as they are; no answer means no");
            return EXIT_PENDING;
        }
        for (size_t i = 0; i < review->count; i++) {
            chosen = prompt_is_code(answer, review->waiting[i].code) ? &review->waiting[i] : chosen;
        }
        if (chosen != NULL) {
            failed = review_request(review, chosen);
            drop_done(review);
            from = from < review->count ? from : 0;
        } else if (strcmp(answer, "m") == 0) {
            from = from + LIST_PAGE < review->count ? from + LIST_PAGE : 0;
        } else if (strcmp(answer, "o") == 0) {
            return review_all(review);
        } else {
            (void)puts(*answer == '\0' || strcmp(answer, "q") == 0
                           ? "left as they are"
                           : "not understood; left as they are");
            return 0;
        }
    }
    return failed;
}

static void show_list(const struct review *review, size_t from) {
    struct instant now = now_wall();
    size_t to = from + LIST_PAGE < review->count ? from + LIST_PAGE : review->count;
    (void)printf("\n%zu requests wait for you", review->count);
    if (review->count > LIST_PAGE) {
        (void)printf("; here %zu to %zu", from + 1, to);
    }
    (void)puts(":");
    for (size_t i = from; i < to; i++) {
        pending_show(&review->waiting[i], now);
    }
    (void)puts(review->count > LIST_PAGE ? "[m]ore [o]ne by one [q]uit" : "[o]ne by one [q]uit");
}

static int review_request(struct review *review, const struct pending *item) {
    int failed = 0;
    for (size_t i = 0; failed == 0 && i < review->clip_count; i++) {
        struct clip_ref *clip = &review->clips[i];
        if (!review->quit && id_equal(&clip->request, &item->request) && !is_done(review, item)) {
            failed = review_clip(review, clip);
        }
    }
    return failed;
}

/* Every clip of it is decided, or it was put off just now, which holds for all of them. */
static bool is_done(const struct review *review, const struct pending *item) {
    bool decided = true;
    for (size_t i = 0; i < review->clip_count; i++) {
        decided &= review->clips[i].decided || !id_equal(&review->clips[i].request, &item->request);
    }
    struct instant until = memory_snoozed(&review->memory, &item->request, now_wall());
    return decided || until.ms > item->snoozed_until.ms;
}

static void drop_done(struct review *review) {
    size_t kept = 0;
    for (size_t i = 0; i < review->count; i++) {
        if (!is_done(review, &review->waiting[i])) {
            review->waiting[kept++] = review->waiting[i];
        }
    }
    review->count = kept;
}

static int find_request(struct review *review, const struct id *id, struct checked_request *out) {
    static struct control_reply reply;
    struct client_list list = {0};
    bool found = false;
    int failed = 0;
    while (client_each_part(review->client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        static struct checked_request checked;
        if (check_request(&reply, &review->community, now_wall(), &checked) == ERR_OK &&
            id_equal(&checked.id, id)) {
            *out = checked;
            found = true;
        }
    }
    return failed != 0 || found ? failed : not_verified();
}

static int review_clip(struct review *review, struct clip_ref *ref) {
    static struct checked_request asked;
    struct opened clip = {.asked = &asked,
                          .clip = ref->clip,
                          .signed_manifest = {.max = SEALED_MANIFEST_MAX},
                          .header = {.max = HEADER_MAX},
                          .part = {.max = SIGNED_GOSSIP_MAX}};
    clip.manifest = calloc(1, sizeof *clip.manifest);
    int failed = clip.manifest == NULL ? fail(NULL, "out of memory")
                                       : find_request(review, &ref->request, &asked);
    if (failed == 0) {
        failed = check_document(review, &asked);
    }
    if (failed == 0) {
        failed = check_rules(&asked);
    }
    if (failed == 0 && review->secret == NULL) {
        failed =
            owner_open(review->cli, review->cli->owner_dir, NULL, &review->secret, &review->pub);
    }
    if (failed == 0) {
        failed = open_clip(review, ref, &clip);
    }
    if (failed == 0) {
        struct instant now = now_wall();
        clip.past = memory_past_of(&review->memory, &asked.request.head.author, now);
        clip.muted = pending_hides(&asked, &review->rules, &review->memory, now) == PENDING_MUTED;
        failed = client_keeping(review->client, &asked.request.head.author, &clip.keeping);
    }
    if (failed == 0) {
        failed = ask_until_decided(review, &clip, &ref->decided);
    }
    free(clip.manifest);
    buffer_finish(&clip.signed_manifest);
    buffer_finish(&clip.header);
    buffer_finish(&clip.part);
    return failed;
}

/* That the document and the court's seal are here is not the node's word: they are read, and held
 * against their hashes; and the document against its type, the seal against the document. */
static int check_document(struct review *review, struct checked_request *asked) {
    SCOPED(buffer_finish) struct buffer bytes = {.max = DOCUMENT_MAX};
    SCOPED(buffer_finish) struct buffer seal = {.max = COURT_SEAL_MAX};
    const struct document *document = &asked->request.document;
    const struct court_seal *court = &asked->request.court_seal;
    asked->document_here &= document->present;
    asked->seal_here &= court->present;
    if (!asked->document_here) {
        return 0;
    }
    int failed = fetch_attachment(review, &document->sha256, document->size, &bytes);
    if (failed != 0) {
        return failed;
    }
    const char *type = document_type(buffer_bytes(&bytes));
    asked->document_is_other = type == NULL || strcmp(type, document->media_type) != 0;
    if (asked->seal_here) {
        failed = fetch_attachment(review, &court->sha256, court->size, &seal);
    }
    if (failed == 0 && asked->seal_here) {
        seal_check(buffer_bytes(&seal), buffer_bytes(&bytes), &asked->authorities, now_wall(),
                   &asked->seal);
    }
    return failed;
}

static int fetch_attachment(struct review *review, const struct id *named, size_t size,
                            struct buffer *out) {
    static struct control_reply reply;
    struct id hash;
    while (out->len < size) {
        const struct control_request ask = {
            .op = CONTROL_DOCUMENT_GET, .id = *named, .offset = out->len};
        int failed = client_one(review->client, &ask, CONTROL_GOT_DATA, &reply);
        if (failed != 0) {
            return failed;
        }
        if (reply.as.data.data.len == 0 || buffer_append(out, reply.as.data.data) != ERR_OK) {
            return fail("nothing was shown or released", "the document is not whole");
        }
    }
    sha256(buffer_bytes(out), &hash);
    return id_equal(&hash, named) ? 0
                                  : fail("nothing was shown or released",
                                         "the document is not the one that the request names");
}

/* What every node refuses at its fence is not put before a person by a node that did not. A rule
 * that depends on the time may have been kept when the request came: it is shown as failed. */
static int check_rules(const struct checked_request *asked) {
    struct legal_report report;
    size_t rule = 0;
    checked_law(asked, now_wall(), &report);
    enum err err = legal_verdict(&report, &rule);
    return err == ERR_OK || err == ERR_DENY_TIME
               ? 0
               : fail("nothing was shown or released", "request '%s' breaks rule %s: it %s",
                      asked->code, legal_rule_at(rule)->id, legal_rule_at(rule)->broken);
}

/* ---- opening ---- */

static int open_clip(struct review *review, const struct clip_ref *ref, struct opened *clip) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_CLIP, .clip = ref->clip};
    int failed = client_one(review->client, &ask, CONTROL_GOT_CLIP, &reply);
    if (failed != 0) {
        return failed;
    }
    enum err err = buffer_append(&clip->header, reply.as.clip.header);
    if (err == ERR_OK) {
        err = buffer_append(&clip->part, reply.as.clip.grant);
    }
    if (err == ERR_OK) {
        err = age_open_small(&review->secret->box, reply.as.clip.manifest, &clip->signed_manifest)
                  ? ERR_OK
                  : ERR_USER_WRONG_KEY;
    }
    if (err == ERR_USER_WRONG_KEY) {
        return fail("another owner of this home may have to decide",
                    "your key does not open this clip");
    }
    if (err == ERR_OK) {
        err = check_manifest(review, &reply, clip);
    }
    return err == ERR_OK ? 0
                         : fail("nothing was shown or released", "the clip does not verify: %s",
                                err_text(err));
}

/* Signed by the ingest that was pinned at init, about this very request, clip and payload. */
static enum err check_manifest(const struct review *review, const struct control_reply *reply,
                               struct opened *clip) {
    struct signed_object object;
    enum err err = signed_decode(buffer_bytes(&clip->signed_manifest), &object);
    if (err == ERR_OK && (object.kind != OBJECT_MANIFEST || !review->pins.has_ingest ||
                          !signed_by(&object, &review->pins.ingest.sign))) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK) {
        err = manifest_decode(object.body, clip->manifest);
    }
    if (err == ERR_OK && (!id_equal(&clip->manifest->request, &clip->asked->id) ||
                          memcmp(clip->manifest->clip.b, clip->clip.b, sizeof clip->clip.b) != 0 ||
                          clip->manifest->payload_size != reply->as.clip.payload_size ||
                          !id_equal(&clip->manifest->payload_root, &reply->as.clip.payload_root) ||
                          clip->manifest->from.ms < clip->asked->request.from.ms ||
                          clip->manifest->to.ms > clip->asked->request.to.ms)) {
        err = ERR_PEER_BOUNDS;
    }
    clip->manifest_id = object.id;
    clip->payload_size = reply->as.clip.payload_size;
    return err;
}

/* ---- the prompt ---- */

/* ---- asking ---- */

/* Carries out what the prompt says, and tells it how that went. */
static int ask_until_decided(struct review *review, struct opened *clip, bool *decided) {
    struct prompt prompt;
    char answer[ANSWER_MAX];
    size_t width = 0;
    int failed = 0;
    bool gone = false; /* the node, or whoever was to answer */
    struct owner_secret *again = NULL;
    prompt_start(&prompt, clip->asked->code, has_signed(clip, &review->pub.owner.sign));
    while (!gone && prompt.doing != PROMPT_DO_END) {
        struct prompt_event event = {.kind = PROMPT_EV_DONE, .digest = clip->manifest->sha256};
        failed = 0;
        switch (prompt.doing) {
        case PROMPT_DO_SHOW:
            width = term_width();
            show_prompt(clip, &review->pins);
            event.kind = PROMPT_EV_SHOWN;
            break;
        case PROMPT_DO_ASK:
            event = ask_once(clip, width, answer);
            break;
        case PROMPT_DO_PLAY:
        case PROMPT_DO_DOCUMENT:
        case PROMPT_DO_DETAILS:
        case PROMPT_DO_HELP:
            failed = look(review, clip, prompt.doing);
            break;
        case PROMPT_DO_DECLINE:
            failed = decline(review, clip);
            break;
        case PROMPT_DO_CHECK:
            failed = meanwhile_open(review->client, &review->community, clip);
            failed = failed != 0 ? failed : read_clip(review, clip, "checking", NULL);
            break;
        case PROMPT_DO_PASSPHRASE:
            failed = open_to_sign(review, clip, &again);
            break;
        case PROMPT_DO_SIGN:
            failed = sign(review, clip, again);
            break;
        case PROMPT_DO_END:
            break;
        }
        if (failed != 0) {
            event.kind = prompt.doing == PROMPT_DO_PASSPHRASE ? PROMPT_EV_NONE : PROMPT_EV_FAILED;
            gone = failed == EXIT_NO_NODE || term_stopped();
        }
        (void)prompt_step(&prompt, &event);
    }
    secret_destroy(again);
    say_end(review, clip, &prompt);
    *decided = prompt.end == PROMPT_SIGNED || prompt.end == PROMPT_DECLINED;
    return prompt.end == PROMPT_NO_ANSWER && failed == 0 ? EXIT_PENDING : failed;
}

static struct prompt_event ask_once(const struct opened *clip, size_t shown_width, char *answer) {
    struct prompt_event event = {.kind = PROMPT_EV_NONE, .line = answer};
    if (term_width() != shown_width) {
        event.kind = PROMPT_EV_RESIZED;
        return event;
    }
    bool wide = term_width() >= WIDE_FROM;
    term_text(!clip->asked->request.document.present
                  ? wide ? "[p]lay [c]hecks [d]ecline [l]ater [q]uit [?]"
                         : "[p]lay [c]heck [d]ecline [l]ater [q] [?]"
              : wide ? "[p]lay [w]arrant [c]hecks [d]ecline [l]ater [q]uit [?]"
                     : "[p]lay [w]arrant [c]heck [d]ecline [l]ater [q]uit [?]");
    if (!term_stopped() && term_ask("or the code to accept: ", answer, ANSWER_MAX)) {
        event.kind = PROMPT_EV_LINE;
    }
    return event;
}

static int look(struct review *review, struct opened *clip, enum prompt_do what) {
    int failed = 0;
    if (what == PROMPT_DO_PLAY) {
        failed = show_clip(review, clip);
        clip->looked |= failed == 0;
        show_seen(clip);
    } else if (what == PROMPT_DO_DOCUMENT) {
        failed = write_document(review, clip);
    } else if (what == PROMPT_DO_DETAILS) {
        show_details(clip);
    } else {
        say_help(review, clip);
    }
    return failed;
}

static void say_help(const struct review *review, const struct opened *clip) {
    char text[128];
    (void)snprintf(text, sizeof text, "look at the clip: %s",
                   review->player != NULL ? "in the player" : "as a private file");
    term_line("p", "", text);
    if (clip->asked->request.document.present) {
        term_line("w", "", "look at the document that came with the request");
    }
    term_line("c", "", "all that the request says, and how every rule came out");
    term_line("s", "", "show this prompt again");
    term_line("d", "", "decline: the sealed copy is shredded, nobody is told");
    term_line("l", "", "leave it for the next review");
    term_line("l 2h", "", "hide it for two hours; 30m and 1d are understood too");
    term_line("q", "", "leave this one and all others");
    term_line(clip->asked->code, "",
              "accept: type these characters, then your passphrase; the clip goes, once, to this "
              "request's key");
}

/* How it ended, in a line, and what this owner's `stoop` remembers of it. */
static void say_end(struct review *review, const struct opened *clip, const struct prompt *prompt) {
    const struct id *request = &clip->asked->id;
    const struct instant never = {0};
    review->left_pending |= prompt->end != PROMPT_SIGNED; /* exit code 3 says declined too */
    switch (prompt->end) {
    case PROMPT_SIGNED: /* said when it was done */
        (void)remember(review, request, MEMORY_ACCEPTED, never);
        break;
    case PROMPT_DECLINED:
        term_text("declined; the sealed copy is shredded, nobody is told");
        (void)remember(review, request, MEMORY_DECLINED, never);
        break;
    case PROMPT_LATER:
        put_off(review, clip, prompt->snooze);
        break;
    case PROMPT_QUIT:
        review->quit = true;
        term_text("left as it is; no answer means no");
        break;
    case PROMPT_NO_ANSWER:
        term_text("left as it is; no answer means no");
        break;
    case PROMPT_NOT_UNDERSTOOD:
        (void)puts("not understood; left as it is");
        break;
    case PROMPT_ALREADY:
        term_text("you have accepted this already; it goes when every owner has");
        break;
    case PROMPT_FAILED: /* it has said why */
    case PROMPT_OPEN:
        break;
    }
}

static void put_off(struct review *review, const struct opened *clip, struct duration snooze) {
    char until[INSTANT_TEXT_MAX];
    char text[64];
    struct instant hidden = instant_add(now_wall(), snooze);
    if (snooze.ms == 0) {
        (void)puts("left for later");
        return;
    }
    instant_local(hidden, until);
    (void)snprintf(text, sizeof text, "hidden until %.11s%.5s; nobody is told", until, until + 16);
    term_text(text);
    if (instant_reached(hidden, clip->asked->request.head.expires)) {
        term_text("the request ends before that, and the sealed copy with it");
    }
    (void)remember(review, &clip->asked->id, MEMORY_OPEN, hidden);
}

/* Into the file as it is now: another `stoop` may have written there meanwhile. */
static int remember(struct review *review, const struct id *request, enum memory_outcome outcome,
                    struct instant snoozed_until) {
    int failed = memory_load(review->cli, &review->memory);
    if (failed == 0) {
        memory_decide(&review->memory, request, outcome);
        memory_snooze(&review->memory, request, snoozed_until);
        failed = memory_save(review->cli, &review->memory);
    }
    return failed;
}

/* ---- accepting ---- */

static int open_to_sign(struct review *review, const struct opened *clip,
                        struct owner_secret **again) {
    struct keyfile_public pub;
    char goes[256];
    char span[32];
    char safe[SAFE_MAX];
    span_text(clip->manifest->to.ms - clip->manifest->from.ms, span);
    (void)snprintf(goes, sizeof goes, "%s of '%s' would go to %s%s", span, clip->manifest->camera,
                   safe_text(clip->asked->author.name, 28, safe),
                   clip->looked ? "" : ", not looked at");
    term_line("GOES", "", goes);
    (void)fflush(stdout);
    return owner_open(review->cli, review->cli->owner_dir,
                      "it cannot be recalled\nto sign, give your passphrase", again, &pub);
}

static int sign(struct review *review, struct opened *clip, const struct owner_secret *again) {
    bool complete = false;
    SCOPED(buffer_finish) struct buffer grant = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer header = {.max = HEADER_MAX};
    SCOPED(buffer_finish) struct buffer manifest = {.max = SEALED_MANIFEST_MAX};
    int failed = refresh_part(review, clip);
    if (failed != 0) {
        return failed;
    }
    enum err err = make_grant(review, clip, again, &grant, &complete);
    if (err == ERR_OK && complete) {
        err = make_header(again, clip, &header, &manifest);
    }
    if (err != ERR_OK) {
        return fail("nothing was released", "the grant cannot be made: %s", err_text(err));
    }
    const struct control_request request = {.op = CONTROL_GRANT,
                                            .clip = clip->clip,
                                            .blob = buffer_bytes(&grant),
                                            .blob2 = buffer_bytes(&header),
                                            .blob3 = buffer_bytes(&manifest)};
    failed =
        meanwhile_do(review->client, &review->community, clip, &request, "the grant was not taken");
    if (failed == 0) {
        term_text(complete ? "accepted; it goes as soon as it is on record"
                           : "signed; it goes when every owner has accepted");
    }
    return failed;
}

bool has_signed(const struct opened *clip, const struct sign_public *key) {
    struct signed_object part;
    return clip->part.len > 0 && signed_decode(buffer_bytes(&clip->part), &part) == ERR_OK &&
           signed_by(&part, key);
}

/* Another owner may have signed while this one was reading: a second body would be refused. */
static int refresh_part(struct review *review, struct opened *clip) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_CLIP, .clip = clip->clip};
    int failed = meanwhile_open(review->client, &review->community, clip);
    if (failed == 0) {
        failed = client_one(review->client, &ask, CONTROL_GOT_CLIP, &reply);
    }
    buffer_clear(&clip->part);
    if (failed == 0 && buffer_append(&clip->part, reply.as.clip.grant) != ERR_OK) {
        failed = fail(NULL, "out of memory");
    }
    return failed;
}

/* Adds our signature to what other owners have signed, after checking theirs over the same body, or
 * starts a grant. */
static enum err make_grant(const struct review *review, const struct opened *clip,
                           const struct owner_secret *secret, struct buffer *out, bool *complete) {
    const struct request *request = &clip->asked->request;
    const struct manifest *manifest = clip->manifest;
    struct signed_object object;
    struct grant grant;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    enum err err = ERR_OK;
    if (clip->part.len > 0) {
        err = signed_decode(buffer_bytes(&clip->part), &object);
        if (err == ERR_OK) {
            err = grant_decode(object.body, &grant);
        }
        if (err == ERR_OK) {
            err = grant_verify(&object, &grant);
            err = err == ERR_DENY_INCOMPLETE ? ERR_OK : err;
        }
    } else {
        struct instant now = now_wall();
        int64_t ends = request->head.expires.ms + (int64_t)GRANT_EXTRA_DAYS * DURATION_DAY_MS;
        grant = (struct grant){.community = review->community,
                               .home = review->certificate,
                               .request = clip->asked->id,
                               .clip = clip->clip,
                               .recipient = request->key,
                               .manifest = clip->manifest_id,
                               .sha256 = manifest->sha256,
                               .size = manifest->size,
                               .payload_size = manifest->payload_size,
                               .payload_root = manifest->payload_root,
                               .from = manifest->from,
                               .to = manifest->to,
                               .terms = request->terms,
                               .created = now,
                               .owner_count = manifest->owner_count};
        grant.expires.ms = ends < request->terms.delete_by.ms ? ends : request->terms.delete_by.ms;
        for (size_t i = 0; i < manifest->owner_count; i++) {
            grant.owners[i] = manifest->owners[i].sign;
        }
        err = grant_encode(&grant, &body);
        if (err == ERR_OK) {
            signed_start(OBJECT_GRANT, buffer_bytes(&body), &object);
        }
    }
    if (err == ERR_OK) {
        err = grant_agrees(&grant, &clip->manifest_id, manifest, &clip->asked->id, request);
    }
    if (err == ERR_OK) {
        err = signed_add(&object, &secret->sign, &review->pub.owner.sign);
    }
    if (err == ERR_OK) {
        err = grant_verify(&object, &grant);
        *complete = err == ERR_OK;
        err = err == ERR_DENY_INCOMPLETE ? ERR_OK : err;
    }
    return err == ERR_OK ? signed_encode(&object, out) : err;
}

/* Only the last owner comes here: before that no header for the requester exists anywhere. */
static enum err make_header(const struct owner_secret *secret, const struct opened *clip,
                            struct buffer *header, struct buffer *manifest) {
    SCOPED(age_file_key_wipe) struct age_file_key key = {{0}};
    if (!age_header_open(buffer_bytes(&clip->header), &secret->box, &key)) {
        return ERR_USER_WRONG_KEY;
    }
    enum err err = age_header_make(&clip->asked->request.key, 1, &key, header);
    return err == ERR_OK ? age_seal_small(&clip->asked->request.key, 1,
                                          buffer_bytes(&clip->signed_manifest), manifest)
                         : err;
}

static int decline(struct review *review, const struct opened *clip) {
    struct signed_object object;
    const struct decision decision = {.request = clip->asked->id,
                                      .clip = clip->clip,
                                      .kind = DECISION_DECLINE,
                                      .created = now_wall()};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    enum err err = decision_encode(&decision, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_DECISION, buffer_bytes(&body), &object);
        err = signed_add(&object, &review->secret->sign, &review->pub.owner.sign);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    if (err != ERR_OK) {
        return fail(NULL, "the decision cannot be made: %s", err_text(err));
    }
    const struct control_request request = {
        .op = CONTROL_DECIDE, .clip = clip->clip, .blob = buffer_bytes(&bytes)};
    return meanwhile_do(review->client, &review->community, clip, &request,
                        "the decision was not taken");
}

/* ---- looking ---- */

static int show_clip(struct review *review, const struct opened *clip) {
    if (review->player == NULL) {
        return write_clip(review, clip);
    }
    FILE *file = player_file();
    if (file == NULL) {
        return fail(NULL, "out of memory");
    }
    int failed = read_clip(review, clip, "opening", file);
    if (failed != 0) {
        (void)fclose(file);
        return failed;
    }
    if (!player_show(review->player, file)) {
        return fail(NULL, "the player is gone");
    }
    (void)puts("handed to the player");
    return 0;
}

static int write_clip(struct review *review, const struct opened *clip) {
    char path[PATH_MAX];
    look_path(review, clip, "mp4", path);
    mode_t before = umask(0177);
    FILE *file = fopen(path, "wxe");
    (void)umask(before);
    if (file == NULL) {
        return fail(NULL, "cannot write '%s': %s", path, strerror(errno));
    }
    int failed = read_clip(review, clip, "opening", file);
    if (fclose(file) != 0 && failed == 0) {
        failed = fail("is the disk full?", "cannot write '%s': %s", path, strerror(errno));
    }
    if (failed != 0) {
        (void)unlink(path);
        return failed;
    }
    (void)printf("written to %s, readable by you alone\n", path);
    term_text(review->scratch == NULL ? "delete it when you have seen it"
                                      : "it is deleted when this review ends");
    return 0;
}

/* So the header at hand belongs to the clip that was shown: a node that gave another clip's header
 * would otherwise be handed that clip's file key, for footage that nobody looked at (P1). */
static int read_clip(struct review *review, const struct opened *clip, const char *what,
                     FILE *file) {
    const struct clip_from source = {.op = CONTROL_PAYLOAD, .clip = clip->clip};
    const struct clip_claim claim = {.payload_size = clip->manifest->payload_size,
                                     .payload_root = clip->manifest->payload_root,
                                     .size = clip->manifest->size,
                                     .sha256 = clip->manifest->sha256};
    SCOPED(age_file_key_wipe) struct age_file_key key = {{0}};
    if (!age_header_open(buffer_bytes(&clip->header), &review->secret->box, &key)) {
        return fail(NULL, "your key does not open this clip");
    }
    return clip_read(review->client, &source, &claim, &key, what, file);
}

static int write_document(struct review *review, const struct opened *clip) {
    const struct document *document = &clip->asked->request.document;
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer bytes = {.max = DOCUMENT_MAX};
    if (!document->present || !clip->asked->document_here) {
        (void)puts(document->present ? "the document has not come yet" : "there is no document");
        return 0;
    }
    int failed = fetch_attachment(review, &document->sha256, document->size, &bytes);
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
    look_path(review, clip,
              strcmp(document->media_type, "application/pdf") == 0 ? "pdf"
              : strcmp(document->media_type, "image/png") == 0     ? "png"
                                                                   : "txt",
              path);
    failed = file_write(path, buffer_bytes(&bytes), 0600, false);
    if (failed == 0) {
        (void)printf("written to %s%s\nit came from the requester: open it with care\n", path,
                     review->scratch == NULL ? "" : " until this review ends");
        show_document(review, document, buffer_bytes(&bytes));
    }
    return failed;
}

static void show_document(const struct review *review, const struct document *document,
                          struct bytes bytes) {
    SCOPED(buffer_finish) struct buffer text = {.max = READER_TEXT_MAX};
    if (strcmp(document->media_type, "text/plain") == 0) {
        show_text(bytes);
    } else if (strcmp(document->media_type, "application/pdf") != 0) {
        return;
    } else if (review->reader == NULL) {
        (void)puts("its text would be shown here if pdftotext (poppler-utils) were installed");
    } else if (!reader_text(review->reader, bytes, &text)) {
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
        char one[512];
        char safe[SAFE_MAX];
        const uint8_t *stop = memchr(text.at + at, '\n', text.len - at);
        end = stop == NULL ? text.len : (size_t)(stop - text.at);
        (void)snprintf(one, sizeof one, "%.*s", (int)(end - at), (const char *)text.at + at);
        one[strcspn(one, "\r")] = '\0';
        if (one[strspn(one, " \t")] == '\0') {
            continue;
        }
        for (char *tab = one; (tab = strchr(tab, '\t')) != NULL;) {
            *tab = ' ';
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

/* A new name in the folder for looks. */
static void look_path(const struct review *review, const struct opened *clip, const char *ending,
                      char out[PATH_MAX]) {
    uint32_t random = 0;
    random_bytes(&random, sizeof random);
    (void)snprintf(out, PATH_MAX, "%.*s/stoop-%s-%08x.%s", PATH_MAX - 64, review->looks,
                   clip->asked->code, random, ending);
}
