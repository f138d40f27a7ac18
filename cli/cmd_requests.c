/* requests: what is open, as `stoop` has checked it itself. */
#include <string.h>
#include <unistd.h>

#include "cli/abroad.h"
#include "cli/breadth.h"
#include "cli/legal.h"
#include "cli/named.h"
#include "cli/review.h"
#include "cli/watch.h"

static struct memory memory; /* this owner's */
static struct rules rules;
static struct amendments amendments;
static struct cameras cameras; /* this owner's copy */
static struct abroad abroad;   /* of this home's own */
static struct member_list members;
enum {
    AWAITED_MAX = 256, /* prompts that a node has open at most */
    WHOM_MAX = 256,
};
/* This owner has accepted it, and others whose clip it is have not. */
static struct awaited {
    struct id request;
    char whom[WHOM_MAX];
} awaited[AWAITED_MAX];
static size_t awaited_count;
static struct named alike; /* where a code was given: those that have it */
static bool over;          /* one of these, by an asker who may not ask any more */

static int take_watch_options(struct cli *cli, bool *watches, struct watch_options *out);
static int load_own(struct cli *cli, struct client *client,
                    const struct community_terms *community);
static int load_awaited(const struct cli *cli, struct client *client);
static void note_awaited(const struct control_reply *clip, const struct sign_public *own,
                         const struct pins *pins);
static int load_named(struct client *client, const struct community_terms *community,
                      const char *code);
static int say_none(const char *code);
static bool list_reply(const struct cli *cli, const struct control_reply *reply,
                       const struct community_terms *community, const char *code,
                       struct facts *facts);
static void list_request(const struct cli *cli, const struct checked_request *checked,
                         struct instant now, struct facts *facts);
static void list_asker(const struct cli *cli, const struct checked_request *checked,
                       struct facts *facts);
static void list_papers(const struct cli *cli, const struct checked_request *checked,
                        struct facts *facts);
static void list_decision(const struct cli *cli, const struct checked_request *checked,
                          struct instant now, struct facts *facts);
static void list_hidden(const struct cli *cli, const struct checked_request *checked,
                        struct instant now, struct facts *facts);
static void list_breadth(const struct cli *cli, const struct checked_request *checked,
                         struct facts *facts);
static void list_calls(const struct cli *cli, const struct checked_request *checked, bool named,
                       struct facts *facts);

int cmd_requests(struct cli *cli) {
    static struct control_reply reply;
    static struct community_terms community;
    struct client *client = NULL;
    struct client_list list = {0};
    size_t shown = 0;
    struct watch_options watched = {0};
    bool watches = false;
    int failed = take_watch_options(cli, &watches, &watched);
    if (failed != 0 || watches) {
        return failed != 0 ? failed : watch_requests(cli, &watched);
    }
    const char *code = cli->argc > 1 ? cli->argv[1] : NULL;
    failed = client_open(cli, &client);
    if (failed == 0) {
        failed = client_community(cli, client, &community);
    }
    if (failed == 0) {
        failed = load_own(cli, client, &community);
    }
    if (failed == 0 && code != NULL) {
        failed = load_named(client, &community, code);
    }
    struct facts *facts = failed == 0 ? facts_start(cli, true) : NULL;
    while (client_each_part(client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        shown += list_reply(cli, &reply, &community, code, facts) ? 1 : 0;
    }
    if (failed == 0 && shown == 0 && (code != NULL || !cli->json)) {
        failed = say_none(code);
    } else if (failed == 0) {
        facts_end(facts);
    }
    abroad_finish(&abroad);
    members_finish(&members);
    client_close(client);
    return failed;
}

/* What follows '--' is the program's alone. */
static int take_watch_options(struct cli *cli, bool *watches, struct watch_options *out) {
    const char *soon = NULL;
    bool notify = false;
    const struct cli_option options[] = {{.name = "--watch", .flag = watches},
                                         {.name = "--soon", .value = &soon},
                                         {.name = "--notify", .flag = &notify}};
    char *const *words = NULL;
    for (int i = 1; i < cli->argc; i++) {
        if (strcmp(cli->argv[i], "--") == 0) {
            words = &cli->argv[i + 1];
            cli->argc = i;
        }
    }
    int failed = take_options(cli, options, COUNT_OF(options), "[CODE]");
    if (failed == 0 && !*watches && (soon != NULL || notify || words != NULL)) {
        failed = usage_error(cli->command, "'--soon' and '--notify' go with '--watch'");
    }
    if (failed == 0 && *watches && cli->argc > 1) {
        failed = usage_error(cli->command, "'--watch' watches all of them");
    }
    if (failed == 0 && notify != (words != NULL && *words != NULL)) {
        failed = usage_error(cli->command, "write '--notify -- PROGRAM [ARGUMENT]...'");
    }
    out->words = words;
    return failed != 0
               ? failed
               : number_option(cli, soon, (struct number_range){1, WATCH_SOON_MIN_MAX, "minutes"},
                               &out->soon_min);
}

static int load_own(struct cli *cli, struct client *client,
                    const struct community_terms *community) {
    static struct control_reply status;
    int failed = rules_load(cli, &rules);
    if (failed == 0) {
        failed = memory_load(cli, &memory);
    }
    if (failed == 0) {
        failed = amendments_load(client, community, &amendments);
    }
    if (failed == 0) {
        failed = members_load(client, community, &members);
    }
    if (failed == 0) { /* a broken copy costs a line, and says so */
        (void)cameras_load(cli, &cameras);
    }
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    const struct listed *self =
        failed == 0 ? members_of_id(&members, &status.as.status.certificate) : NULL;
    if (self != NULL && listed_gone(self) && !cli->json) {
        char line[SAFE_MAX + 64];
        char safe[SAFE_MAX];
        (void)snprintf(line, sizeof line,
                       "this home belongs to '%.300s' no more: none of these can be answered",
                       safe_text(status.as.status.community_name, NAME_MAX_BYTES, safe));
        term_note("", 0, line);
    }
    if (failed == 0) {
        failed = load_awaited(cli, client);
    }
    return failed == 0 ? abroad_load(client, community, &status, &abroad) : failed;
}

/* Whoever looks without the owner's folder has accepted nothing. */
static int load_awaited(const struct cli *cli, struct client *client) {
    static struct control_reply reply;
    static struct pins pins;
    struct keyfile_public pub;
    struct client_list list = {0};
    char key[PATH_MAX + 16];
    int failed = 0;
    (void)snprintf(key, sizeof key, "%s/owner.key", cli->owner_dir);
    if (access(key, R_OK) != 0 || owner_public_of(cli->owner_dir, &pub) != 0 ||
        pins_load(cli, &pins) != 0) {
        return 0;
    }
    while (client_each_part(client, CONTROL_CLIPS, &list, &reply, &failed)) {
        if (reply.as.clip.state == CLIP_PART_SIGNED && awaited_count < AWAITED_MAX) {
            note_awaited(&reply, &pub.owner.sign, &pins);
        }
    }
    return failed;
}

static void note_awaited(const struct control_reply *clip, const struct sign_public *own,
                         const struct pins *pins) {
    struct awaited *one = &awaited[awaited_count];
    struct signed_object part;
    size_t len = 0;
    if (signed_decode(clip->as.clip.grant, &part) != ERR_OK || !signed_by(&part, own)) {
        return;
    }
    *one = (struct awaited){.request = clip->as.clip.request};
    for (size_t i = 0; i < clip->as.clip.owner_count; i++) {
        for (size_t k = 0; k < pins->owner_count; k++) {
            char safe[SAFE_MAX];
            if (sign_public_equal(&pins->owners[k].sign, &clip->as.clip.owners[i]) &&
                !signed_by(&part, &clip->as.clip.owners[i]) && len + 64 < WHOM_MAX) {
                len +=
                    (size_t)snprintf(one->whom + len, WHOM_MAX - len, "%s%s", len == 0 ? "" : ", ",
                                     safe_text(pins->owner_names[k], 40, safe));
            }
        }
    }
    awaited_count += len > 0 ? 1 : 0;
}

/* All of them are shown, each by a code that means no other. */
static int load_named(struct client *client, const struct community_terms *community,
                      const char *code) {
    static struct control_reply reply;
    static struct checked_request checked;
    struct client_list list = {0};
    int failed = 0;
    named_start(&alike, code);
    while (client_each_part(client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        if (check_request(&reply, community, now_wall(), &checked) == ERR_OK) {
            (void)named_note_request(&alike, &checked);
        }
    }
    return failed;
}

static int say_none(const char *code) {
    static const char next[] = "see what is open with 'stoop requests'";
    char safe[SAFE_MAX];
    if (code == NULL) {
        (void)puts("no open requests");
        return 0;
    }
    (void)safe_text(code, 64, safe);
    return over ? fail(next, "'%s' has ended: who asked may not ask any more", safe)
                : fail(code_advice(code, next), "no open request has the code '%s'", safe);
}

/* Is it one that is open, and asked for? */
static bool list_reply(const struct cli *cli, const struct control_reply *reply,
                       const struct community_terms *community, const char *code,
                       struct facts *facts) {
    static struct checked_request checked;
    struct instant now = now_wall();
    struct id ended;
    enum err err = check_request(reply, community, now, &checked);
    if (request_is_over(reply, err, &ended)) { /* with its asker's leave: as it should be */
        over |= code != NULL && code_begins(code, &ended);
        return false;
    }
    if (err != ERR_OK) {
        (void)fail(NULL, "the node shows a request that does not verify: %s", err_text(err));
        return false;
    }
    if (instant_reached(now, checked.request.head.expires) ||
        (code != NULL && !code_begins(code, &checked.id))) {
        return false;
    }
    if (code != NULL) {
        named_code(&alike, &checked.id, checked.code);
    }
    amendments_tell(&amendments, &checked);
    namesakes_tell(&members, &checked);
    list_request(cli, &checked, now, facts);
    if (checked.ours && checked.end == REQUEST_STANDS) {
        abroad_facts(cli, &community->governance, &abroad, &checked.request, facts);
    }
    list_calls(cli, &checked, code != NULL, facts);
    return true;
}

static void list_request(const struct cli *cli, const struct checked_request *checked,
                         struct instant now, struct facts *facts) {
    const struct request *request = &checked->request;
    char left[32];
    char safe[SAFE_MAX];
    char ended[REQUEST_END_MAX];
    const char *end = request_end_text(checked, ended);
    span_text(request->head.expires.ms - now.ms, left);
    facts_item(facts);
    facts_text(facts, "code", "code", checked->code);
    list_asker(cli, checked, facts);
    facts_flag(facts, "ours", checked->ours);
    if (checked->abroad[0] != '\0') {
        facts_text(facts, "community", "of", checked->abroad);
    }
    facts_bytes(facts, "request", NULL, BYTES_OF(checked->id.b));
    facts_text(facts, "instrument", "basis", instrument_label(request->instrument.kind));
    if (cli->json || request->instrument.case_number[0] != '\0') {
        facts_text(facts, "case", "case", request->instrument.case_number);
    }
    facts_text(facts, "reason", "says |",
               cli->json ? request->reason : safe_text(request->reason, 60, safe));
    facts_time(facts, "from", "from", request->from);
    facts_time(facts, "to", "to", request->to);
    request_state_facts(facts, checked, now);
    if (end != NULL && !cli->json) {
        facts_text(facts, NULL, "state", end);
    }
    if (end == NULL) {
        facts_text(facts, "ends_in", "ends in", left);
        facts_time(facts, "expires", NULL, request->head.expires);
    }
    if (request->instrument.non_disclosure) {
        facts_text(facts, "secret_by", "secret by",
                   cli->json ? request->instrument.non_disclosure_authority
                             : safe_text(request->instrument.non_disclosure_authority, 40, safe));
        facts_time(facts, "secret_until", "published", legal_secret_until(request));
    }
    list_papers(cli, checked, facts);
    if (!checked->ours && end == NULL) {
        list_decision(cli, checked, now, facts);
        list_hidden(cli, checked, now, facts);
    }
    list_breadth(cli, checked, facts);
}

/* Whoever asks from outside is never taken for a member. */
static void list_asker(const struct cli *cli, const struct checked_request *checked,
                       struct facts *facts) {
    char text[OUTSIDE_TEXT_MAX];
    if (!cli->json && checked->outside) {
        facts_text(facts, NULL, "from OUTSIDE", outside_text(checked, text));
        facts_text(facts, NULL, "", let_in_text(&checked->as, text));
    }
    char name[SAFE_MAX];
    char alike_text[NAMESAKES_TEXT_MAX];
    bool shared = !checked->ours && checked->namesakes.count > 0;
    const char *by = checked->ours ? "this home" : checked->account;
    facts_text(facts, "by", cli->json || !checked->outside ? "by" : NULL,
               shared && !cli->json ? name_told_apart(by, &checked->asker.account, true, 40, name)
                                    : by);
    facts_bytes(facts, "by_certificate", NULL, BYTES_OF(checked->asker.account.b));
    if (shared && !cli->json) {
        facts_text(facts, NULL, "beware", namesakes_text(&checked->namesakes, alike_text));
    }
    facts_flag(facts, "name_shared", shared);
    facts_flag(facts, "outside", checked->outside);
    if (cli->json && checked->outside) {
        facts_text(facts, "kind", NULL, outsider_kind_word(checked->as.admission.kind));
        facts_text(facts, "officer", NULL,
                   checked->author.role == MEMBER_OFFICER ? checked->author.name : "");
        facts_number(facts, "let_in_by", NULL, checked->as.signers);
        facts_time(facts, "let_in", NULL, checked->as.since);
    }
}

static void list_papers(const struct cli *cli, const struct checked_request *checked,
                        struct facts *facts) {
    const struct {
        const char *fact, *label;
        bool present, here;
    } papers[] = {
        {"document", "document", checked->request.document.present, checked->document_here},
        {"seal", "court's seal", checked->request.court_seal.present, checked->seal_here}};
    for (size_t i = 0; i < COUNT_OF(papers); i++) {
        const char *state = papers[i].here ? "here" : "not here yet";
        char here[24];
        (void)snprintf(here, sizeof here, "%s_here", papers[i].fact);
        facts_flag(facts, papers[i].fact, papers[i].present);
        facts_flag(facts, here, papers[i].present && papers[i].here);
        if (!cli->json && papers[i].present) {
            facts_text(facts, NULL, papers[i].label, state);
        }
    }
}

/* What waits for this owner, and what they have said; the latter `stoop` remembers by itself. */
static void list_decision(const struct cli *cli, const struct checked_request *checked,
                          struct instant now, struct facts *facts) {
    const struct memory_asked *known = memory_of(&memory, &checked->id);
    bool sought = pending_sought(checked, &cameras.list, &memory, now);
    const char *whom = NULL;
    uint32_t waits = 0;
    for (size_t i = 0; i < awaited_count; i++) {
        if (id_equal(&awaited[i].request, &checked->id)) {
            whom = awaited[i].whom;
            waits++;
        }
    }
    uint32_t open = checked->open_clips > waits ? checked->open_clips - waits : 0;
    if (whom != NULL && !cli->json) {
        char line[WHOM_MAX + 64];
        if (open == 0) {
            (void)snprintf(line, sizeof line, "none: you have accepted, and it waits for %s", whom);
        } else {
            (void)snprintf(line, sizeof line, "%u; %u that you have accepted: waits for %s", open,
                           waits, whom);
        }
        facts_text(facts, NULL, "to decide", line);
    } else if (sought && !cli->json) {
        facts_text(facts, NULL, "to decide",
                   "being made ready, if there is any; look again in a minute");
    } else {
        facts_number(facts, "open_clips", "to decide", checked->open_clips);
    }
    facts_number(facts, "waits_for_others", NULL, waits);
    facts_flag(facts, "being_made_ready", sought);
    if (known == NULL || known->outcome == MEMORY_OPEN) {
        return;
    }
    const char *word = known->outcome == MEMORY_ACCEPTED ? "accepted" : "declined";
    const bool when = known->decided.ms > 0;
    char at[INSTANT_TEXT_MAX];
    char text[32];
    instant_local(known->decided, at);
    (void)snprintf(text, sizeof text, "%s%s%.11s", word, when ? " on " : "", when ? at + 4 : "");
    facts_text(facts, "you", "by you", cli->json ? word : text);
    if (when) {
        facts_time(facts, "you_at", NULL, known->decided);
    }
}

/* What 'stoop review' does not show by itself; nothing, where there is nothing to show. */
static void list_hidden(const struct cli *cli, const struct checked_request *checked,
                        struct instant now, struct facts *facts) {
    static const char *const words[] = {[PENDING_SHOWN] = "shown",
                                        [PENDING_SNOOZED] = "hidden",
                                        [PENDING_MUTED] = "muted",
                                        [PENDING_QUIET] = "quiet hours"};
    enum pending_hidden hidden = pending_hides(checked, &rules, &memory, now);
    if (cli->json || (hidden != PENDING_SHOWN && hidden != PENDING_SNOOZED) ||
        (hidden == PENDING_SHOWN && checked->open_clips > 0)) {
        facts_text(facts, "review", "review", words[hidden]);
    }
    if (hidden == PENDING_SNOOZED) {
        struct instant until = memory_snoozed(&memory, &checked->id, now);
        facts_time(facts, "snoozed_until", "hidden until", until);
    }
}

static void list_breadth(const struct cli *cli, const struct checked_request *checked,
                         struct facts *facts) {
    struct breadth breadth;
    struct touches touches;
    char text[BREADTH_TEXT_MAX];
    breadth_of(&checked->request, &checked->charter.caps, &breadth);
    touches_of(&cameras.list, &checked->request, &checked->here, &touches);
    if (cli->json) {
        breadth_facts(facts, &breadth);
        if (!checked->ours && touches.all > 0) {
            touches_facts(facts, &touches);
        }
        return;
    }
    facts_text(facts, "breadth", "broad", breadth_text(&breadth, text));
    if (!checked->ours && *touches_text(&touches, text) != '\0') {
        facts_text(facts, NULL, "this home", text);
    }
    if (*breadth_mentions(&breadth, MENTIONS_COLUMNS, text) != '\0') {
        facts_text(facts, "mentions", "words", text);
    }
}

/* Whom to call on which number, and who has; in a list of all, how many. */
static void list_calls(const struct cli *cli, const struct checked_request *checked, bool named,
                       struct facts *facts) {
    char text[SAFE_MAX];
    if (!cli->json && !named) {
        int64_t called = (int64_t)checked->call_count + checked->calls_more;
        if (called > 0) {
            facts_number(facts, NULL, "called", called);
        }
        return;
    }
    const struct agency *agency =
        charter_agency(&checked->charter, checked->request.instrument.applicant_agency);
    if (agency != NULL) {
        (void)snprintf(text, sizeof text, "%s %s", agency->number, agency->name);
        facts_text(facts, "call_number", "call", cli->json ? agency->number : text);
        if (cli->json) {
            facts_text(facts, "call_agency", NULL, agency->name);
        }
    }
    facts_items(facts, "calls");
    for (size_t i = 0; i < checked->call_count; i++) {
        const struct call_back *call = &checked->calls[i].call;
        if (!cli->json) {
            facts_text(facts, NULL, "called", call_text(&checked->calls[i], text));
            if (call->note[0] != '\0') {
                facts_text(facts, NULL, "note |", call->note);
            }
            continue;
        }
        facts_item(facts);
        facts_text(facts, "by", NULL, checked->calls[i].by);
        call_facts(facts, call);
    }
    facts_items(facts, NULL);
    char more[CALLS_MORE_MAX];
    facts_number(facts, "calls_more", NULL, checked->calls_more);
    if (cli->json) {
        return;
    }
    if (calls_more_text(checked, more) != NULL) {
        facts_text(facts, NULL, "called", more);
    } else if (checked->call_count == 0 &&
               checked->request.instrument.kind == INSTRUMENT_EMERGENCY) {
        facts_text(facts, NULL, "called", "nobody has called back yet");
    }
}
