#include "cli/sent.h"

#include <string.h>

#include "cli/abroad.h"
#include "cli/changes.h"
#include "cli/named.h"

enum {
    COUNTED_MAX = 1024, /* requests that something was delivered for: as many as a node keeps */
};

struct counted { /* what homes granted us for one request */
    struct id request;
    uint64_t whole, coming;
};

struct counts {
    size_t count;
    struct counted list[COUNTED_MAX];
};

static struct abroad abroad;

static int not_standing(const struct checked_request *asked);
static bool same_process(const struct request *before, const struct request *after);
static void changed(bool print, const char *what, const char *was);
static int put_withdrawal(struct cli *cli, struct client *client,
                          const struct checked_request *asked);
static int count_delivered(struct client *client, struct counts *out);
static struct counted *counted_of(struct counts *counts, const struct id *request);
static void show_status(const struct cli *cli, const struct community_terms *community,
                        const struct checked_request *asked, struct counts *counts,
                        struct facts *facts);

/* ---- finding ---- */

int sent_find(const struct cli *cli, struct client *client, const char *code,
              struct checked_request *out) {
    static struct control_reply reply;
    static struct checked_request checked;
    struct client_list list = {0};
    static struct community_terms community;
    static struct amendments amendments;
    static struct named named; /* of this home's own: no other can be changed by it */
    static struct named others;
    bool found = false;
    int failed = client_community(cli, client, &community);
    amendments.count = 0;
    named_start(&named, code);
    named_start(&others, code);
    while (failed == 0 && client_each_part(client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        if (check_request(&reply, &community, now_wall(), &checked) != ERR_OK) {
            continue;
        }
        amendments_note(&amendments, &checked);
        bool meant = named_note_request(checked.ours ? &named : &others, &checked);
        if (checked.ours && meant) {
            *out = checked;
            found = true;
        }
    }
    if (failed == 0) {
        failed = named_settle(&named, "requests");
    }
    if (failed != 0) {
        return failed;
    }
    if (!found) {
        return others.meant > 0 ? fail("only whoever sent a request can change it or take it back",
                                       "'%s' is a request by another home", code)
                                : fail(code_advice(code, "see them with 'stoop request status'"),
                                       "no request of this home has the code '%s'", code);
    }
    named_code(&named, &out->id, out->code);
    amendments_tell(&amendments, out);
    return not_standing(out);
}

static int not_standing(const struct checked_request *asked) {
    char text[REQUEST_END_MAX];
    const char *end = request_end_text(asked, text);
    if (end != NULL) {
        return fail(asked->end == REQUEST_AMENDED ? "name that one" : NULL, "'%s' was %s already",
                    asked->code, end);
    }
    return instant_reached(now_wall(), asked->request.head.expires)
               ? fail("make a new request", "'%s' has ended by itself", asked->code)
               : 0;
}

/* ---- amending ---- */

size_t sent_changes(const struct request *before, const struct request *after, bool print) {
    char text[TIME_TEXT_MAX];
    char safe[SAFE_MAX];
    char place[PLACE_TEXT_MAX];
    size_t count = 0;
    if (before->place.radius_m != after->place.radius_m ||
        before->place.count != after->place.count ||
        memcmp(before->place.points, after->place.points,
               before->place.count * sizeof before->place.points[0]) != 0) {
        place_text(&before->place, place);
        changed(print, "place", place);
        count++;
    }
    const struct {
        const char *what;
        struct instant before, after;
    } times[] = {{"from", before->from, after->from},
                 {"to", before->to, after->to},
                 {"open until", before->head.expires, after->head.expires},
                 {"deleted by", before->terms.delete_by, after->terms.delete_by}};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        if (times[i].before.ms != times[i].after.ms) {
            time_text(times[i].before, text);
            changed(print, times[i].what, text);
            count++;
        }
    }
    if (strcmp(before->reason, after->reason) != 0) {
        changed(print, "says", safe_text(before->reason, 50, safe));
        count++;
    }
    if (!same_process(before, after)) {
        bool same = before->instrument.kind == after->instrument.kind;
        changed(print, "basis",
                same ? "the same, with other particulars"
                     : instrument_label(before->instrument.kind));
        count++;
    }
    if (!id_equal(&before->document.sha256, &after->document.sha256)) {
        changed(print, "document", before->document.present ? "another one" : "none");
        count++;
    }
    if (!id_equal(&before->court_seal.sha256, &after->court_seal.sha256)) {
        changed(print, "seal", before->court_seal.present ? "another one" : "none");
        count++;
    }
    return count;
}

/* By how they are written, which is one way only (PROTOCOL 9.2). */
static bool same_process(const struct request *before, const struct request *after) {
    static struct request other;
    SCOPED(buffer_finish) struct buffer a = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer b = {.max = SIGNED_GOSSIP_MAX};
    other = *before;
    other.instrument = after->instrument;
    return request_encode(before, &a) == ERR_OK && request_encode(&other, &b) == ERR_OK &&
           bytes_equal(buffer_bytes(&a), buffer_bytes(&b));
}

static void changed(bool print, const char *what, const char *was) {
    char text[SAFE_MAX];
    if (print) {
        (void)snprintf(text, sizeof text, "%s: %s", what, was);
        term_line("WAS", "", text);
    }
}

/* ---- withdrawing ---- */

int sent_withdraw(struct cli *cli, const char *code, bool yes) {
    static struct checked_request asked;
    struct client *client = NULL;
    char safe[SAFE_MAX];
    int failed = client_open(cli, &client);
    if (failed == 0) {
        failed = sent_find(cli, client, code, &asked);
    }
    if (failed == 0 && !yes) {
        term_line("WITHDRAW", "", asked.code);
        term_line("SAYS   |", "       |", safe_text(asked.request.reason, 70, safe));
        term_line("EFFECT", "",
                  "every home forgets what it sealed for it, answered or not, and nothing more is "
                  "sent; what was delivered stays here until its day");
        failed = sent_ask("take it back? [y/N] ", "whether to take it back", "not withdrawn");
    }
    if (failed == 0) {
        failed = put_withdrawal(cli, client, &asked);
    }
    client_close(client);
    return failed;
}

static int put_withdrawal(struct cli *cli, struct client *client,
                          const struct checked_request *asked) {
    const struct withdrawal withdrawal = {.head = {.community = asked->request.head.community,
                                                   .author = asked->request.head.author,
                                                   .created = now_wall(),
                                                   .expires = asked->request.head.expires},
                                          .request = asked->id};
    struct signed_object object;
    struct owner_secret *secret = NULL;
    struct keyfile_public pub;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    int failed = owner_open(cli, cli->owner_dir, NULL, &secret, &pub);
    if (failed != 0) {
        return failed;
    }
    enum err err = withdrawal_encode(&withdrawal, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_WITHDRAWAL, buffer_bytes(&body), &object);
        err = signed_add(&object, &secret->sign, &pub.owner.sign);
    }
    secret_destroy(secret);
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    if (err != ERR_OK) {
        return fail(NULL, "the withdrawal cannot be made: %s", err_text(err));
    }
    static const struct told told[] = {{ERR_USER_EXISTS, "it was withdrawn or amended already",
                                        "see what became of it with 'stoop request status'"}};
    const struct control_request put = {.op = CONTROL_WITHDRAW, .blob = buffer_bytes(&bytes)};
    failed = client_do_told(client, &put, "the request was not withdrawn", TOLD(told));
    if (failed == 0 && cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "code", NULL, asked->code);
        facts_bytes(facts, "request", NULL, BYTES_OF(asked->id.b));
        facts_text(facts, "state", NULL, "withdrawn");
        facts_end(facts);
    } else if (failed == 0) {
        char text[96];
        (void)snprintf(text, sizeof text,
                       "withdrawn: %s ends at every home as the news of it comes there",
                       asked->code);
        term_text(text);
    }
    return failed;
}

int sent_ask(const char *question, const char *about, const char *not_done) {
    char answer[16];
    if (!term_present()) {
        (void)fail("run it at a terminal", "there is nobody to ask %s", about);
        return EXIT_NO_TERMINAL;
    }
    if (!term_ask(question, answer, sizeof answer) ||
        (strcmp(answer, "y") != 0 && strcmp(answer, "yes") != 0)) {
        (void)fail(NULL, "%s", not_done);
        return EXIT_PENDING;
    }
    return 0;
}

int sent_ask_for(const char *question, const char *wanted, const char *or_else,
                 const char *not_done) {
    char answer[NAME_MAX_BYTES + 16];
    if (!term_present()) {
        (void)fail("run it at a terminal", "there is nobody to ask");
        return EXIT_NO_TERMINAL;
    }
    if (!term_ask(question, answer, sizeof answer) ||
        (strcmp(answer, wanted) != 0 && strcmp(answer, or_else) != 0)) {
        (void)fail(NULL, "%s", not_done);
        return EXIT_PENDING;
    }
    return 0;
}

/* ---- state ---- */

/* What homes hold or decide is not known here, and how many the request has reached is not told
 * (P2): what was granted is. */
int sent_status(struct cli *cli) {
    static struct control_reply reply;
    static struct control_reply status;
    static struct checked_request checked;
    static struct counts counts;
    static struct amendments amendments;
    struct client *client = NULL;
    struct client_list list = {0};
    static struct community_terms community;
    size_t shown = 0;
    int failed = take_options(cli, NULL, 0, "[CODE]");
    const char *code = failed == 0 && cli->argc > 1 ? cli->argv[1] : NULL;
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_community(cli, client, &community);
    }
    if (failed == 0) {
        failed = count_delivered(client, &counts);
    }
    if (failed == 0) {
        failed = amendments_load(client, &community, &amendments);
    }
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    if (failed == 0) {
        failed = abroad_load(client, &community, &status, &abroad);
    }
    struct facts *facts = failed == 0 ? facts_start(cli, true) : NULL;
    while (failed == 0 && client_each_part(client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        enum err err = check_request(&reply, &community, now_wall(), &checked);
        if (err == ERR_OK && checked.ours && (code == NULL || code_begins(code, &checked.id))) {
            shown++;
            amendments_tell(&amendments, &checked);
            show_status(cli, &community, &checked, &counts, facts);
        }
    }
    if (failed == 0 && shown == 0 && code != NULL) {
        failed = fail(code_advice(code, "see them with 'stoop request status'"),
                      "no request of this home has the code '%s'", code);
    } else if (failed == 0 && shown == 0 && !cli->json) {
        (void)puts("this home has asked for nothing");
    } else if (failed == 0) {
        facts_end(facts);
    }
    abroad_finish(&abroad);
    client_close(client);
    return failed;
}

static int count_delivered(struct client *client, struct counts *out) {
    static struct control_reply reply;
    struct client_list list = {0};
    int failed = 0;
    out->count = 0;
    while (client_each_part(client, CONTROL_DELIVERED, &list, &reply, &failed)) {
        struct counted *one = counted_of(out, &reply.as.delivered.request);
        if (one == NULL && out->count < COUNTED_MAX) {
            one = &out->list[out->count++];
            *one = (struct counted){.request = reply.as.delivered.request};
        }
        if (one != NULL) {
            bool whole = reply.as.delivered.completed.ms > 0;
            one->whole += whole ? 1 : 0;
            one->coming += whole || reply.as.delivered.deleted ? 0 : 1;
        }
    }
    return failed;
}

static struct counted *counted_of(struct counts *counts, const struct id *request) {
    for (size_t i = 0; i < counts->count; i++) {
        if (id_equal(&counts->list[i].request, request)) {
            return &counts->list[i];
        }
    }
    return NULL;
}

static void show_status(const struct cli *cli, const struct community_terms *community,
                        const struct checked_request *asked, struct counts *counts,
                        struct facts *facts) {
    const struct counted *granted = counted_of(counts, &asked->id);
    struct instant now = now_wall();
    char text[REQUEST_END_MAX];
    char open[64];
    char left[32];
    const char *state = request_end_text(asked, text);
    span_text(asked->request.head.expires.ms - now.ms, left);
    (void)snprintf(open, sizeof open, "open for %s", left);
    const char *until = state == NULL ? "open until" : NULL; /* else it ended before that */
    bool live = state == NULL && !instant_reached(now, asked->request.head.expires);
    if (state == NULL) {
        state = live ? open : "ended";
    }
    facts_item(facts);
    facts_text(facts, "code", "code", asked->code);
    facts_bytes(facts, "request", NULL, BYTES_OF(asked->id.b));
    request_state_facts(facts, asked, now);
    if (!cli->json) {
        facts_text(facts, NULL, "state", state);
    }
    facts_number(facts, "delivered", "delivered", granted == NULL ? 0 : (int64_t)granted->whole);
    facts_number(facts, "coming", "coming", granted == NULL ? 0 : (int64_t)granted->coming);
    facts_time(facts, "expires", until, asked->request.head.expires);
    facts_time(facts, "delete_by", "delete by", asked->request.terms.delete_by);
    facts_cut(facts, "reason", "says |", asked->request.reason, 40);
    if (live) {
        abroad_facts(cli, &community->governance, &abroad, &asked->request, facts);
    }
}
