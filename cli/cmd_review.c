/* review: the owner's prompt (P1 to P4). What it shows it has checked itself, from signed bytes,
 * against the pins in the owner's own folder. What may follow what is prompt.c's; here its actions
 * are carried out. Nothing accepts but the request's code, typed after the digest was shown, and
 * then the passphrase. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/named.h"
#include "cli/review.h"

enum {
    CLIPS_MAX = 512,
    ANSWER_MAX = 96,
    LIST_FROM = 4, /* so many requests are listed first */
    LIST_PAGE = 20,
};

struct clip_ref {
    struct id request;
    struct clip_id clip;
    bool verified; /* the request is */
    bool decided;
};

struct review {
    struct desk desk;
    struct rules rules;
    struct memory memory;
    struct amendments amendments;
    size_t clip_count;
    struct clip_ref clips[CLIPS_MAX];
    size_t count; /* of requests that are shown by themselves, in the owner's order */
    struct pending waiting[PENDING_MAX];
    size_t snoozed, muted, quiet; /* that are not */
    size_t over;                  /* of askers who may not ask any more */
    int skipped;                  /* why one was left alone; 0: none was */
    size_t sought;                /* that what this home has of is looked for yet */
    bool found;                   /* a request of the code that was named, nothing of which waits */
    struct id named;              /* then */
    enum request_end named_end;
    bool left_pending;
    bool quit;
};

static int open_desk(struct desk *desk, const char *to, const char *player);
static int start_helpers(struct desk *desk, const char *player);
static void close_desk(struct desk *desk);
static int review_what_waits(struct review *review, const char *code);
static void say_named(const struct review *review, const char *code);
static void say_sought(const struct review *review);
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
static int check_item(struct review *review, struct clip_ref *ref, const struct opened *clip,
                      struct checked_request *asked);
static int ask_until_decided(struct review *review, struct opened *clip, bool *decided);
static struct prompt_event ask_once(const struct opened *clip, bool edits, size_t shown_width,
                                    char *answer);
static int look(struct review *review, struct opened *clip, enum prompt_do what, const char *line);
static void say_unknown(const char *line);
static void say_help(const struct review *review, const struct opened *clip);
static void say_end(struct review *review, const struct opened *clip, const struct prompt *prompt);
static void say_left(const struct opened *clip, const char *how);
static void put_off(struct review *review, const struct opened *clip, struct duration snooze);
static int remember(struct review *review, const struct id *request, enum memory_outcome outcome,
                    struct instant snoozed_until);
static int open_to_sign(struct review *review, const struct opened *clip,
                        struct owner_secret **again);

int cmd_review(struct cli *cli) {
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
    review.desk.cli = cli;
    failed = open_desk(&review.desk, to, player);
    if (failed == 0) {
        failed = review_what_waits(&review, cli->argc > 1 ? cli->argv[1] : NULL);
    }
    close_desk(&review.desk);
    if (cli->among_several && (review.quit || term_stopped())) {
        return EXIT_LEFT_ALL;
    }
    return failed == 0 && review.left_pending ? EXIT_PENDING : failed;
}

/* All that is needed to look. What helps is started before walls rise. */
static int open_desk(struct desk *desk, const char *to, const char *player) {
    static struct control_reply status;
    int failed = client_open(desk->cli, &desk->client);
    if (failed == 0) {
        failed = client_status(desk->client, &status);
    }
    if (failed == 0) {
        desk->certificate = status.as.status.certificate;
        failed = client_community(desk->cli, desk->client, &desk->community);
    }
    if (failed == 0) {
        failed = members_load(desk->client, &desk->community, &desk->members);
    }
    if (failed == 0) {
        failed = pins_load(desk->cli, &desk->pins);
    }
    if (failed == 0) { /* a broken copy costs a line, and says so; declining goes on */
        (void)cameras_load(desk->cli, &desk->cameras);
    }
    if (failed == 0 && to != NULL) {
        (void)snprintf(desk->looks, sizeof desk->looks, "%s", to);
        failed = folder_make(to, 0700);
    } else if (failed == 0) {
        failed = scratch_open(desk->looks, &desk->scratch);
    }
    if (failed == 0) {
        failed = start_helpers(desk, player);
    }
    if (failed == 0) {
        walls_allow(desk->cli, desk->looks);
        term_guard(); /* so that no half of a look stays behind */
    }
    return failed;
}

static int start_helpers(struct desk *desk, const char *player) {
    int failed = player == NULL ? 0 : player_start(player, &desk->player);
    if (failed == 0 && reader_installed()) {
        failed = reader_start(&desk->reader);
    }
    if (failed == 0) {
        failed = seals_start(&desk->seals);
    }
    return failed == 0 ? editor_start(&desk->editor) : failed;
}

static void close_desk(struct desk *desk) {
    secret_destroy(desk->secret);
    helper_stop(desk->player);
    helper_stop(desk->reader);
    helper_stop(desk->seals);
    helper_stop(desk->editor);
    scratch_close(desk->scratch);
    members_finish(&desk->members);
    client_close(desk->client);
}

static int review_what_waits(struct review *review, const char *code) {
    int failed = load(review, code);
    if (failed == 0 && review->count == 0 && code != NULL) {
        say_named(review, code);
    } else if (failed == 0 && review->count == 0 && review->sought > 0) {
        say_sought(review);
    } else if (failed == 0 && review->count == 0) {
        term_text("nothing waits for your decision");
    }
    if (failed == 0 && code == NULL) {
        say_hidden(review);
    }
    if (failed != 0) {
        return failed;
    }
    failed = review->count < LIST_FROM ? review_all(review) : review_from_list(review);
    return failed == 0 ? review->skipped : failed;
}

/* Why nothing of the request that was named waits: by what this owner's `stoop` remembers. */
static void say_named(const struct review *review, const char *code) {
    const struct memory_asked *asked =
        review->found ? memory_of(&review->memory, &review->named) : NULL;
    char at[INSTANT_TEXT_MAX];
    char text[128];
    if (asked != NULL && asked->outcome != MEMORY_OPEN) {
        bool known = asked->decided.ms > 0;
        instant_local(asked->decided, at);
        (void)snprintf(text, sizeof text, "you have %s it already%s%.21s",
                       asked->outcome == MEMORY_ACCEPTED ? "accepted" : "declined",
                       known ? ", on " : "", known ? at : "");
        term_text(text);
    } else if (review->found && review->named_end != REQUEST_STANDS) {
        term_text("it has ended: see 'stoop requests'");
    } else if (review->found && review->sought > 0) {
        say_sought(review);
    } else if (review->over > 0) {
        term_text("who asked for that may not ask any more; it ends by itself");
    } else {
        term_text(code_advice(code, "nothing of this home is asked for by that code"));
    }
}

static void say_sought(const struct review *review) {
    char text[160];
    (void)snprintf(text, sizeof text,
                   "nothing waits for your decision yet; footage for %zu request%s is being made "
                   "ready, if there is any: look again in a minute",
                   review->sought, review->sought == 1 ? "" : "s");
    term_text(text);
}

/* ---- what waits ---- */

static int load(struct review *review, const char *code) {
    int failed = rules_load(review->desk.cli, &review->rules);
    if (failed == 0) {
        failed = memory_load(review->desk.cli, &review->memory);
    }
    if (failed == 0) {
        failed = load_clips(review);
    }
    if (failed == 0) {
        failed = load_requests(review, code);
    }
    if (failed == 0) { /* a full disk costs a count; it must not keep anybody from declining */
        (void)memory_save(review->desk.cli, &review->memory);
    }
    pending_tell_apart(review->waiting, review->count);
    pending_sort(review->waiting, review->count, review->rules.rank);
    return failed;
}

static int load_clips(struct review *review) {
    static struct control_reply reply;
    struct client_list list = {0};
    int failed = 0;
    while (client_each_part(review->desk.client, CONTROL_CLIPS, &list, &reply, &failed)) {
        bool open = reply.as.clip.state == CLIP_OPEN || reply.as.clip.state == CLIP_PART_SIGNED;
        if (open && review->clip_count < CLIPS_MAX) {
            review->clips[review->clip_count++] =
                (struct clip_ref){.request = reply.as.clip.request, .clip = reply.as.clip.clip};
        }
    }
    return failed;
}

/* Every request by others that verifies counts into the past with its asker, even if it has ended
 * before this owner came to it; those that touch this home wait. One that is named is shown,
 * whatever hides it. A clip of a request that does not verify is an error: it may be a lie of the
 * node's. */
static int load_requests(struct review *review, const char *code) {
    static struct control_reply reply;
    static struct checked_request asked;
    static struct named named; /* of all that are open, as the prompt counts them */
    struct client_list list = {0};
    size_t found = 0;
    int failed = 0;
    named_start(&named, code == NULL ? "" : code);
    while (client_each_part(review->desk.client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        struct instant now = now_wall();
        struct pending item;
        struct id id;
        enum err err = check_request(&reply, &review->desk.community, now, &asked);
        if (request_is_over(&reply, err, &id)) {
            review->over +=
                mark_clips(review, &id) && (code == NULL || code_begins(code, &id)) ? 1 : 0;
        }
        if (err != ERR_OK) {
            continue;
        }
        if (!asked.ours) {
            memory_note(&review->memory, &asked.id, &asked.asker.account, &asked.request, now);
        }
        if (code != NULL && !asked.ours && code_begins(code, &asked.id)) {
            review->found = true;
            review->named = asked.id;
            review->named_end = asked.end;
        }
        if (asked.end != REQUEST_STANDS) {
            (void)mark_clips(review, &asked.id); /* they go with the slot */
            continue;
        }
        (void)named_note_request(&named, &asked);
        enum pending_hidden hidden = pending_hides(&asked, &review->rules, &review->memory, now);
        bool wanted = code == NULL ? hidden == PENDING_SHOWN : code_begins(code, &asked.id);
        bool sought = pending_sought(&asked, &review->desk.cameras.list, &review->memory, now);
        review->sought += wanted && sought ? 1 : 0;
        review->muted += sought && hidden == PENDING_MUTED ? 1 : 0;
        review->quiet += sought && hidden == PENDING_QUIET ? 1 : 0;
        if (!mark_clips(review, &asked.id) || found == PENDING_MAX) {
            continue;
        }
        found++;
        namesakes_tell(&review->desk.members, &asked);
        pending_fill(&asked, &review->rules, &review->memory, now, &item);
        if (code != NULL ? code_begins(code, &asked.id) : item.hidden == PENDING_SHOWN) {
            review->waiting[review->count++] = item;
        }
        review->snoozed += item.hidden == PENDING_SNOOZED ? 1 : 0;
        review->muted += item.hidden == PENDING_MUTED ? 1 : 0;
        review->quiet += item.hidden == PENDING_QUIET ? 1 : 0;
    }
    for (size_t i = 0; failed == 0 && i < review->clip_count; i++) {
        if (!review->clips[i].verified &&
            (code == NULL || code_begins(code, &review->clips[i].request))) {
            failed = not_verified();
        }
    }
    return failed == 0 ? named_settle(&named, "requests") : failed;
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
                 {review->quiet, "VOLUNTARY, and these are your quiet hours"},
                 {review->over, "from askers who may not ask any more; they end by themselves"}};
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
        static struct named named;
        named_start(&named, answer);
        for (size_t i = 0; i < review->count; i++) {
            const struct pending *one = &review->waiting[i];
            chosen = named_note(&named, &one->request, one->author, one->reason) ? one : chosen;
        }
        if (named_settle(&named, "requests") != 0) {
            continue; /* the list has the longer codes */
        }
        if (chosen != NULL) {
            failed = review_request(review, chosen);
            drop_done(review);
            from = from < review->count ? from : 0;
        } else if (strcmp(answer, "m") == 0) {
            from = from + LIST_PAGE < review->count ? from + LIST_PAGE : 0;
        } else if (strcmp(answer, "o") == 0) {
            return review_all(review);
        } else if (*answer == '\0' || strcmp(answer, "q") == 0) {
            review->quit = true;
            (void)puts("left as they are");
            return 0;
        } else {
            term_text("not understood, nothing was done");
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
    static struct named
        named; /* that have its short code: the prompt shows and wants a longer one */
    char code[REQUEST_CODE_BYTES];
    struct client_list list = {0};
    bool found = false;
    bool over = false;
    int failed = 0;
    request_code(id, code);
    named_start(&named, code);
    review->amendments.count = 0;
    while (client_each_part(review->desk.client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        static struct checked_request checked;
        struct id other;
        enum err err = check_request(&reply, &review->desk.community, now_wall(), &checked);
        over |= request_is_over(&reply, err, &other) && id_equal(&other, id);
        if (err != ERR_OK) {
            continue;
        }
        amendments_note(&review->amendments, &checked);
        if (checked.end == REQUEST_STANDS) {
            (void)named_note_request(&named, &checked);
        }
        if (id_equal(&checked.id, id)) {
            *out = checked;
            found = true;
        }
    }
    if (found) {
        out->amends_own = amendments_have(&review->amendments, out);
        namesakes_tell(&review->desk.members, out);
        named_code(&named, id, out->code);
    }
    if (failed == 0 && over && !found) {
        return fail("nothing was shown or released", "who asked may not ask any more");
    }
    return failed != 0 || found ? failed : not_verified();
}

static int review_clip(struct review *review, struct clip_ref *ref) {
    static struct checked_request asked;
    struct opened clip = {.asked = &asked,
                          .clip = ref->clip,
                          .signed_manifest = {.max = SEALED_MANIFEST_MAX},
                          .header = {.max = HEADER_MAX},
                          .part = {.max = SIGNED_GOSSIP_MAX},
                          .left_header = {.max = HEADER_MAX}};
    clip.manifest = calloc(1, sizeof *clip.manifest);
    if (clip.manifest == NULL) {
        return fail(NULL, "out of memory");
    }
    int failed = check_item(review, ref, &clip, &asked);
    if (failed == EXIT_FAILED) { /* what is wrong with one keeps nobody from the others */
        review->skipped = failed;
        ref->decided = true;
        opened_finish(&clip);
        return 0;
    }
    if (failed == 0 && review->desk.secret == NULL) {
        failed = owner_open(review->desk.cli, review->desk.cli->owner_dir, NULL,
                            &review->desk.secret, &review->desk.pub);
    }
    if (failed == 0) {
        failed = opened_load(&review->desk, &clip);
    }
    if (failed == 0) {
        struct instant now = now_wall();
        clip.past = memory_past_of(&review->memory, &asked.asker.account, &asked.id, now);
        clip.earlier = memory_earlier(&review->memory, &asked.id);
        const struct memory_asked *known = memory_of(&review->memory, &asked.id);
        clip.before = known == NULL ? MEMORY_OPEN : known->outcome;
        clip.before_at = known == NULL ? (struct instant){0} : known->decided;
        clip.muted = pending_hides(&asked, &review->rules, &review->memory, now) == PENDING_MUTED;
        failed = client_keeping(review->desk.client, &asked.request.head.author, &clip.keeping);
    }
    if (failed == 0) {
        failed = ask_until_decided(review, &clip, &ref->decided);
    }
    opened_finish(&clip);
    return failed;
}

static int check_item(struct review *review, struct clip_ref *ref, const struct opened *clip,
                      struct checked_request *asked) {
    int failed = find_request(review, &ref->request, asked);
    if (failed == 0 && asked->end != REQUEST_STANDS) { /* while the owner was at another one */
        failed = meanwhile_open(review->desk.client, &review->desk.community, clip);
    }
    if (failed == 0) {
        failed = check_document(&review->desk, asked);
    }
    return failed == 0 ? check_rules(asked) : failed;
}

/* ---- asking ---- */

/* Carries out what the prompt says, and tells it how that went. */
static int ask_until_decided(struct review *review, struct opened *clip, bool *decided) {
    struct prompt prompt;
    char answer[ANSWER_MAX] = "";
    size_t width = 0;
    int failed = 0;
    bool gone = false; /* the node, or whoever was to answer */
    struct owner_secret *again = NULL;
    prompt_start(&prompt, clip->asked->code);
    while (!gone && prompt.doing != PROMPT_DO_END) {
        struct prompt_event event = {.kind = PROMPT_EV_DONE};
        failed = 0;
        switch (prompt.doing) {
        case PROMPT_DO_SHOW:
            width = term_width();
            show_prompt(clip, &review->desk);
            event.kind = PROMPT_EV_SHOWN;
            event.already = has_signed(clip, &review->desk.pub.owner.sign);
            break;
        case PROMPT_DO_ASK:
            event = ask_once(clip, review->desk.editor != NULL, width, answer);
            break;
        case PROMPT_DO_PLAY:
        case PROMPT_DO_DOCUMENT:
        case PROMPT_DO_DETAILS:
        case PROMPT_DO_HELP:
        case PROMPT_DO_UNKNOWN:
            failed = look(review, clip, prompt.doing, answer);
            break;
        case PROMPT_DO_EDIT:
            failed = edits_make(&review->desk, clip, prompt.edit, prompt.text);
            break;
        case PROMPT_DO_DECLINE:
            failed = decline(&review->desk, clip);
            break;
        case PROMPT_DO_CHECK:
            failed = meanwhile_open(review->desk.client, &review->desk.community, clip);
            failed = failed != 0 ? failed : read_outgoing(&review->desk, clip, "checking", NULL);
            break;
        case PROMPT_DO_PASSPHRASE:
            failed = open_to_sign(review, clip, &again);
            break;
        case PROMPT_DO_SIGN:
            failed = sign(&review->desk, clip, again);
            break;
        case PROMPT_DO_END:
            break;
        }
        event.digest = clip->goes.sha256;
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

/* What cannot be done here is not offered. */
static struct prompt_event ask_once(const struct opened *clip, bool edits, size_t shown_width,
                                    char *answer) {
    struct prompt_event event = {.kind = PROMPT_EV_NONE, .line = answer};
    char menu[112];
    if (term_width() != shown_width) {
        event.kind = PROMPT_EV_RESIZED;
        return event;
    }
    (void)snprintf(menu, sizeof menu, "[p]lay %s%s%s%s[c]hecks [d]ecline [l]ater [q]uit [?]",
                   edits ? "[t]rim [r]edact " : "", edits && clip->goes.audio ? "[m]ute " : "",
                   clip->asked->request.document.present ? "[w]arrant " : "",
                   clip->edited != NULL ? "[u]ndo " : "");
    term_text(menu);
    if (!term_stopped() && term_ask("or the code to accept: ", answer, ANSWER_MAX)) {
        event.kind = PROMPT_EV_LINE;
    }
    return event;
}

static int look(struct review *review, struct opened *clip, enum prompt_do what, const char *line) {
    int failed = 0;
    if (what == PROMPT_DO_PLAY) {
        failed = show_clip(&review->desk, clip);
        clip->looked |= failed == 0;
        show_seen(clip);
    } else if (what == PROMPT_DO_DOCUMENT) {
        failed = write_document(&review->desk, clip);
    } else if (what == PROMPT_DO_DETAILS) {
        show_details(clip);
    } else if (what == PROMPT_DO_UNKNOWN) {
        say_unknown(line);
    } else {
        say_help(review, clip);
    }
    return failed;
}

/* What it was meant for, and how that is written. */
static void say_unknown(const char *line) {
    char text[128];
    bool code = strspn(line, "0123456789abcdefABCDEF-") == strlen(line);
    const char *how = line[0] == 'l' && (line[1] == ' ' || strncmp(line, "later ", 6) == 0)
                          ? ": 'l 2h' hides it for two hours, 'l 30m' and 'l 1d' likewise"
                      : code ? ": to accept, type the code that this prompt begins with"
                             : "; '?' tells what can be answered";
    (void)snprintf(text, sizeof text, "not understood, nothing was done%s", how);
    term_text(text);
}

static void say_help(const struct review *review, const struct opened *clip) {
    char text[128];
    (void)snprintf(text, sizeof text, "look at the clip: %s",
                   review->desk.player != NULL ? "in the player" : "as a private file");
    term_line("p", "", text);
    if (clip->asked->request.document.present) {
        term_line("w", "", "look at the document that came with the request");
    }
    if (review->desk.editor == NULL) {
        term_line("t r m", "", "not here: 'stoop-media', which edits clips, is not installed");
    } else {
        term_line("t", "", "trim: 't 0:05 1:40' keeps these seconds; the time of day will do too");
        term_line("r", "",
                  "redact: 'r 10,20 30,40' makes a rectangle black, from 10% across and 20% down "
                  "to 30% across and 40% down");
        if (clip->goes.audio) {
            term_line("m", "", "mute: removes the sound");
        }
        term_line("u", "", "undo the last of these");
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
        say_left(clip, "left as it is; no answer means no");
        break;
    case PROMPT_NO_ANSWER:
        say_left(clip, "left as it is; no answer means no");
        break;
    case PROMPT_ALREADY:
        term_text("you have accepted this already; it goes when every owner has");
        break;
    case PROMPT_FAILED: /* it has said why */
    case PROMPT_OPEN:
        break;
    }
}

/* It waits on, as it was sealed: an edit lives no longer than its review. */
static void say_left(const struct opened *clip, const char *how) {
    char text[96];
    (void)snprintf(text, sizeof text, "%s%s", how,
                   clip->edited != NULL ? "; what you edited is not kept" : "");
    term_text(text);
}

static void put_off(struct review *review, const struct opened *clip, struct duration snooze) {
    char until[INSTANT_TEXT_MAX];
    char text[96];
    struct instant hidden = instant_add(now_wall(), snooze);
    if (snooze.ms == 0) {
        say_left(clip, "left for later");
        return;
    }
    instant_local(hidden, until);
    (void)snprintf(text, sizeof text, "hidden until %.11s%.5s; nobody is told", until, until + 16);
    say_left(clip, text);
    if (instant_reached(hidden, clip->asked->request.head.expires)) {
        term_text("the request ends before that, and the sealed copy with it");
    }
    (void)remember(review, &clip->asked->id, MEMORY_OPEN, hidden);
}

/* Into the file as it is now: another `stoop` may have written there meanwhile. */
static int remember(struct review *review, const struct id *request, enum memory_outcome outcome,
                    struct instant snoozed_until) {
    int failed = memory_load(review->desk.cli, &review->memory);
    if (failed == 0) {
        memory_decide(&review->memory, request, outcome, now_wall());
        memory_snooze(&review->memory, request, snoozed_until);
        failed = memory_save(review->desk.cli, &review->memory);
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
    span_text(clip->goes.to.ms - clip->goes.from.ms, span);
    (void)snprintf(goes, sizeof goes, "%s of '%s' would go to %s%s", span, clip->manifest->camera,
                   name_told_apart(clip->asked->account, &clip->asked->asker.account,
                                   clip->asked->namesakes.count > 0, 28, safe),
                   clip->looked ? "" : ", not looked at");
    term_line("GOES", "", goes);
    if (clip->asked->outside) {
        term_line("", "", "with it this home's certificate, and those of who vouched for it");
    }
    (void)fflush(stdout);
    return owner_open(review->desk.cli, review->desk.cli->owner_dir,
                      "it cannot be recalled\nto sign, give your passphrase", again, &pub);
}
