/* callback: a member has rung a request's agency on the number in the community's directory, and
 * says what came of it (PROTOCOL 5.7). */
#include <string.h>

#include "cli/cli.h"
#include "cli/named.h"

enum {
    SAYS_COLUMNS = 140, /* of a reason: two lines */
};

struct call_options { /* they borrow the arguments */
    const char *outcome, *spoke_to, *note, *at;
};

static int take_call_options(struct cli *cli, struct call_options *out);
static int fill_call(const struct cli *cli, const struct call_options *options,
                     struct call_back *out);
static int find_asked(const struct cli *cli, struct client *client, struct checked_request *out);
static int fill_about(const struct checked_request *asked, struct call_back *call);
static void show_call(const struct checked_request *asked, const struct call_back *call);
static int sign_call(struct cli *cli, struct client *client, struct call_back *call);
static enum err make_call(const struct owner_secret *secret, const struct keyfile_public *pub,
                          const struct call_back *call, struct buffer *out);
static void say_recorded(const struct cli *cli, const char *code, const struct call_back *call);

int cmd_callback(struct cli *cli) {
    static struct checked_request asked;
    static struct call_back call;
    struct call_options options = {0};
    struct client *client = NULL;
    int failed = take_call_options(cli, &options);
    if (failed == 0) {
        failed = fill_call(cli, &options, &call);
    }
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = find_asked(cli, client, &asked);
    }
    if (failed == 0) {
        failed = fill_about(&asked, &call);
    }
    if (failed == 0 && !cli->json) {
        show_call(&asked, &call);
    }
    if (failed == 0) {
        failed = sign_call(cli, client, &call);
    }
    if (failed == 0) {
        say_recorded(cli, asked.code, &call);
    }
    client_close(client);
    return failed;
}

static int take_call_options(struct cli *cli, struct call_options *out) {
    const struct cli_option options[] = {
        {.name = "--outcome", .value = &out->outcome, .needed = true},
        {.name = "--spoke-to", .value = &out->spoke_to},
        {.name = "--note", .value = &out->note},
        {.name = "--at", .value = &out->at}};
    return take_options(cli, options, COUNT_OF(options), "CODE");
}

/* What the person says, before the node is asked anything. */
static int fill_call(const struct cli *cli, const struct call_options *options,
                     struct call_back *out) {
    char safe[SAFE_MAX];
    *out = (struct call_back){.at = now_wall()};
    if (call_outcome_from_word(options->outcome, &out->outcome) != ERR_OK) {
        return usage_error(cli->command, "'%s' is none of confirmed, denied, not-reached",
                           options->outcome);
    }
    if (options->spoke_to != NULL && out->outcome == CALL_NOT_REACHED) {
        return usage_error(cli->command, "'--spoke-to' is for who was reached");
    }
    if (options->spoke_to != NULL && !name_good(options->spoke_to)) {
        return bad_name(cli->command, options->spoke_to);
    }
    if (options->note != NULL &&
        (strlen(options->note) >= sizeof out->note ||
         strcmp(safe_text(options->note, SAFE_MAX, safe), options->note) != 0)) {
        return usage_error(cli->command, "a note is one line of up to %d bytes that can be seen",
                           CALL_NOTE_BYTES - 1);
    }
    int failed = options->at == NULL ? 0 : time_option(cli, options->at, &out->at);
    if (failed == 0 && out->at.ms > now_wall().ms) {
        return usage_error(cli->command, "'%s' is still to come", options->at);
    }
    (void)snprintf(out->spoke_to, sizeof out->spoke_to, "%s",
                   options->spoke_to == NULL ? "" : options->spoke_to);
    (void)snprintf(out->note, sizeof out->note, "%s", options->note == NULL ? "" : options->note);
    return failed;
}

static int find_asked(const struct cli *cli, struct client *client, struct checked_request *out) {
    static struct control_reply reply;
    static struct checked_request checked;
    struct client_list list = {0};
    static struct community_terms community;
    static struct amendments amendments;
    static struct named named;
    const char *code = cli->argv[1];
    bool found = false;
    int failed = client_community(cli, client, &community);
    amendments.count = 0;
    named_start(&named, code);
    while (failed == 0 && client_each_part(client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        if (check_request(&reply, &community, now_wall(), &checked) != ERR_OK) {
            continue;
        }
        amendments_note(&amendments, &checked);
        if (named_note_request(&named, &checked)) {
            *out = checked;
            found = !instant_reached(now_wall(), checked.request.head.expires);
        }
    }
    if (failed == 0) {
        failed = named_settle(&named, "requests");
    }
    if (failed != 0) {
        return failed;
    }
    if (!found) {
        return fail(code_advice(code, "see what is open with 'stoop requests'"),
                    "no open request has the code '%s'", code);
    }
    named_code(&named, &out->id, out->code);
    amendments_tell(&amendments, out);
    char text[REQUEST_END_MAX];
    const char *end = request_end_text(out, text);
    return out->ours     ? fail("another home has to call", "'%s' is this home's own request", code)
           : end != NULL ? fail(NULL, "'%s' was %s already", code, end)
                         : 0;
}

/* Which number, and for how long the record lives. */
static int fill_about(const struct checked_request *asked, struct call_back *call) {
    const struct request *request = &asked->request;
    const char *named = request->instrument.applicant_agency;
    const struct agency *agency = charter_agency(&asked->charter, named);
    char safe[SAFE_MAX];
    if (named[0] == '\0') {
        return fail(NULL, "'%s' names no agency that could be called", asked->code);
    }
    if (agency == NULL) {
        return fail("'stoop community show' lists whom it has; a number that a request or its "
                    "document gives proves nothing",
                    "the community's directory has no number for '%s'", safe_text(named, 30, safe));
    }
    if (call->at.ms < request->head.created.ms &&
        call->at.ms < now_wall().ms - DURATION_MINUTE_MS) {
        return fail(NULL, "at that time '%s' had not been made yet", asked->code);
    }
    (void)snprintf(call->agency, sizeof call->agency, "%s", agency->name);
    (void)snprintf(call->number, sizeof call->number, "%s", agency->number);
    call->request = asked->id;
    call->head.community = request->head.community;
    call->head.expires = request->head.expires;
    return 0;
}

/* What is signed names a request by its id, which a code stands for only where nobody made another
 * one to have the same: who asks, and for what, has to be what the agency was asked about. */
static void show_call(const struct checked_request *asked, const struct call_back *call) {
    const struct request *request = &asked->request;
    char by[ASKER_MAX];
    char safe[SAFE_MAX];
    char times[TIME_TEXT_MAX];
    char hex[2 * sizeof asked->id + 1];
    times_text(request->from, request->to, times);
    hex_write(BYTES_OF(asked->id.b), hex);
    term_put(asked->code, "%s, from %s", instrument_label(request->instrument.kind),
             safe_text(asker_text(asked, by), 40, safe));
    term_put("ASKS", "%s", times);
    term_line("SAYS   |", "       |", safe_text(request->reason, SAYS_COLUMNS, safe));
    term_put("", "its id begins %.4s %.4s %.4s %.4s", hex, hex + 4, hex + 8, hex + 12);
    term_put("CALL", "%s is the community's own number for %s", call->number,
             safe_text(call->agency, 30, safe));
    term_put("", "every home of the community is shown what you sign, under this home's name");
}

static int sign_call(struct cli *cli, struct client *client, struct call_back *call) {
    static struct control_reply status;
    struct owner_secret *secret = NULL;
    struct keyfile_public pub;
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    int failed = client_status(client, &status);
    if (failed == 0) {
        failed = owner_open(cli, cli->owner_dir, NULL, &secret, &pub);
    }
    if (failed != 0) {
        return failed;
    }
    call->head.author = status.as.status.certificate;
    call->head.created = now_wall();
    enum err err = make_call(secret, &pub, call, &bytes);
    secret_destroy(secret);
    if (err != ERR_OK) {
        return fail(NULL, "the record cannot be made: %s", err_text(err));
    }
    static const struct told told[] = {
        {ERR_DENY_QUOTA, "a later call about it, or as many calls as homes keep, are on record",
         "see what is on record with 'stoop requests CODE'"}};
    const struct control_request put = {.op = CONTROL_CALL_BACK, .blob = buffer_bytes(&bytes)};
    return client_do_told(client, &put, "the call was not recorded", TOLD(told));
}

static enum err make_call(const struct owner_secret *secret, const struct keyfile_public *pub,
                          const struct call_back *call, struct buffer *out) {
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    enum err err = call_back_encode(call, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_CALL_BACK, buffer_bytes(&body), &object);
        err = signed_add(&object, &secret->sign, &pub->owner.sign);
    }
    return err == ERR_OK ? signed_encode(&object, out) : err;
}

static void say_recorded(const struct cli *cli, const char *code, const struct call_back *call) {
    if (!cli->json) {
        char text[96];
        (void)snprintf(text, sizeof text, "recorded: %s, %s; it goes to every home now", code,
                       call_outcome_word(call->outcome));
        term_text(text);
        return;
    }
    struct facts *facts = facts_start(cli, false);
    facts_text(facts, "code", NULL, code);
    facts_bytes(facts, "request", NULL, BYTES_OF(call->request.b));
    call_facts(facts, call);
    facts_end(facts);
}
