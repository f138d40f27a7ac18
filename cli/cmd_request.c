/* request, process. */
#include <string.h>

#include "cli/abroad.h"
#include "cli/breadth.h"
#include "cli/legal.h"
#include "cli/prompt.h"
#include "cli/review.h"
#include "cli/sent.h"
#include "cli/watch.h"
#include "crypto/age.h"

enum {
    LIFE_DAYS = 3,
    REASON_COLUMNS = 70, /* of a line; two are shown */
    V_AT = 0,
    V_RADIUS,
    V_FROM,
    V_TO,
    V_REASON,
    FRESH_VALUES, /* which a request that amends none cannot do without */
    V_PROCESS = FRESH_VALUES,
    V_DOCUMENT,
    V_SEAL,
    V_DAYS,
    V_DELETE,
    V_AMEND,
    V_WITHDRAW,
    VALUES
};

/* What a request names by its hash. */
struct papers {
    struct buffer document, seal;
};

/* Where it is asked: in this community, and what its treaties let a member of that role ask. */
struct asked_in {
    struct community_terms community;
    struct caps caps;
    struct abroad abroad;
};

struct request_options {
    const char *values[VALUES];
    bool voluntary, yes;
    const struct checked_request *before; /* what is amended; NULL: nothing is */
};

/* A request until it is sent. Large: it is static. */
struct draft {
    struct request_options options;
    struct request request;
    struct papers papers;
    struct checked_request before; /* what it amends, if anything */
    struct control_reply status;
    struct asked_in asked;
    struct seal_outcome seal;
};

static int take_request_options(struct cli *cli, struct request_options *out);
static int draft_amendment(const struct cli *cli, struct client *client, struct draft *draft);
static int check_draft(struct cli *cli, struct client *client, struct draft *draft);
static int confirm_draft(const struct cli *cli, const struct draft *draft);
static int send_draft(struct cli *cli, struct client *client, struct draft *draft);
static int build(const struct cli *cli, const struct request_options *options, struct request *out,
                 struct papers *papers);
static int build_amended(const struct cli *cli, const struct request_options *options,
                         struct request *out);
static int build_place(const struct cli *cli, const char *const *values, struct request *out);
static int build_reason(const struct cli *cli, const char *reason, struct request *out);
static int build_times(const struct cli *cli, const char *const *values, struct request *out);
static int build_process(const char *path, bool voluntary, struct request *out);
static int read_process(const char *path, struct process_reading *out);
static int read_papers(const char *document, const char *seal, struct request *out,
                       struct papers *papers);
static void build_terms(struct request *out);
static int put_sender(const struct cli *cli, struct client *client,
                      const struct control_reply *status, struct request *out);
static int put_officer(const struct cli *cli, struct client *client, const struct id *account,
                       struct request *out);
static int admitted(const struct governance *governance, const struct id *account);
static int load_community(const struct cli *cli, struct client *client,
                          const struct control_reply *status, struct asked_in *out);
static int check_papers(const struct authorities *authorities, const struct request *request,
                        const struct papers *papers, struct seal_outcome *out);
static int check_law(const struct cli *cli, const struct request *request,
                     const struct control_reply *status, const struct asked_in *asked,
                     const struct seal_outcome *seal);
static void show_request(const struct request *request, const struct legal_report *report,
                         const struct control_reply *status, const struct asked_in *asked,
                         const struct seal_outcome *seal);
static void show_breadth(const struct request *request, const struct control_reply *status);
static int send_papers(struct client *client, const struct request *request,
                       const struct papers *papers);
static int send_attachment(struct client *client, const struct id *sha256, struct bytes bytes);
static int send_request(const struct cli *cli, struct client *client,
                        const struct owner_secret *secret, const struct keyfile_public *pub,
                        const struct asked_in *asked, struct request *request);
static enum err make_request(const struct owner_secret *secret, const struct keyfile_public *pub,
                             struct request *request, struct id *id, struct buffer *out,
                             struct buffer *sealed_key);
static void say_sent(const struct cli *cli, const struct request *request, const struct id *id,
                     const struct asked_in *asked);
static int process_template_of(struct cli *cli);
static int process_check(struct cli *cli);
static int process_rules(struct cli *cli);
static int process_periods(struct cli *cli);
static int check_offered_seal(struct cli *cli, const struct request *request,
                              const struct papers *papers, struct seal_outcome *out);
static void papers_finish(struct papers *papers);

int cmd_request(struct cli *cli) {
    static struct draft draft;
    struct client *client = NULL;
    if (cli->argc > 1 && strcmp(cli->argv[1], "status") == 0) {
        cli->argc--;
        cli->argv++;
        return sent_status(cli);
    }
    const struct request_options *options = &draft.options;
    buffer_init(&draft.papers.document, DOCUMENT_MAX);
    buffer_init(&draft.papers.seal, COURT_SEAL_MAX);
    int failed = take_request_options(cli, &draft.options);
    if (failed == 0 && options->values[V_WITHDRAW] != NULL) {
        return sent_withdraw(cli, options->values[V_WITHDRAW], options->yes);
    }
    bool amends = options->values[V_AMEND] != NULL;
    if (failed == 0 && !amends) { /* what is wrong with it needs no node to be told */
        failed = build(cli, options, &draft.request, &draft.papers);
    }
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0 && amends) {
        failed = draft_amendment(cli, client, &draft);
    }
    if (failed == 0) {
        failed = check_draft(cli, client, &draft);
    }
    if (failed == 0) {
        failed = confirm_draft(cli, &draft);
    }
    if (failed == 0) {
        failed = send_draft(cli, client, &draft);
    }
    abroad_finish(&draft.asked.abroad);
    papers_finish(&draft.papers);
    client_close(client);
    return failed;
}

static int draft_amendment(const struct cli *cli, struct client *client, struct draft *draft) {
    draft->options.before = &draft->before;
    int failed = sent_find(cli, client, draft->options.values[V_AMEND], &draft->before);
    return failed == 0 ? build(cli, &draft->options, &draft->request, &draft->papers) : failed;
}

/* Against the community's terms and the law; and shows what would be sent. */
static int check_draft(struct cli *cli, struct client *client, struct draft *draft) {
    int failed = belongs_or_says(client);
    if (failed == 0) {
        failed = client_status(client, &draft->status);
    }
    if (failed == 0) {
        failed = put_sender(cli, client, &draft->status, &draft->request);
    }
    if (failed == 0) {
        failed = load_community(cli, client, &draft->status, &draft->asked);
    }
    if (failed == 0) {
        failed = check_papers(&draft->asked.community.authorities, &draft->request, &draft->papers,
                              &draft->seal);
    }
    return failed == 0
               ? check_law(cli, &draft->request, &draft->status, &draft->asked, &draft->seal)
               : failed;
}

static int confirm_draft(const struct cli *cli, const struct draft *draft) {
    if (draft->options.before != NULL && !cli->json) {
        char text[128];
        (void)sent_changes(&draft->before.request, &draft->request, true);
        (void)snprintf(text, sizeof text,
                       "%s, which ends when this is sent; what homes decided about it does not "
                       "carry over",
                       draft->before.code);
        term_line("AMENDS", "", text);
    }
    return draft->options.yes ? 0
                              : sent_ask("send it to every home of the community? [y/N] ",
                                         "whether to send it", "not sent");
}

static int send_draft(struct cli *cli, struct client *client, struct draft *draft) {
    struct owner_secret *secret = NULL;
    struct keyfile_public pub;
    int failed = owner_open(cli, cli->owner_dir, NULL, &secret, &pub);
    if (failed == 0) {
        failed = send_papers(client, &draft->request, &draft->papers);
    }
    if (failed == 0) {
        failed = send_request(cli, client, secret, &pub, &draft->asked, &draft->request);
    }
    secret_destroy(secret);
    return failed;
}

static int take_request_options(struct cli *cli, struct request_options *out) {
    const struct cli_option options[] = {
        {.name = "--at", .value = &out->values[V_AT]},
        {.name = "--radius", .value = &out->values[V_RADIUS]},
        {.name = "--from", .value = &out->values[V_FROM]},
        {.name = "--to", .value = &out->values[V_TO]},
        {.name = "--reason", .value = &out->values[V_REASON]},
        {.name = "--amend", .value = &out->values[V_AMEND]},
        {.name = "--withdraw", .value = &out->values[V_WITHDRAW]},
        {.name = "--process", .value = &out->values[V_PROCESS]},
        {.name = "--document", .value = &out->values[V_DOCUMENT]},
        {.name = "--seal", .value = &out->values[V_SEAL]},
        {.name = "--days", .value = &out->values[V_DAYS]},
        {.name = "--delete-days", .value = &out->values[V_DELETE]},
        {.name = "--voluntary", .flag = &out->voluntary},
        {.name = "--yes", .flag = &out->yes},
    };
    int failed = take_options(cli, options, COUNT_OF(options), "");
    bool process = out->values[V_PROCESS] != NULL;
    bool fresh = out->values[V_AMEND] == NULL && out->values[V_WITHDRAW] == NULL;
    for (size_t i = 0; failed == 0 && fresh && i < FRESH_VALUES; i++) {
        if (out->values[i] == NULL) { /* of an earlier one it is taken from there */
            failed = usage_error(cli->command, "'%s' is missing", options[i].name);
        }
    }
    if (failed == 0 && out->values[V_WITHDRAW] != NULL) {
        size_t given = 0;
        for (size_t i = 0; i < VALUES; i++) {
            given += out->values[i] != NULL ? 1 : 0;
        }
        return given > 1 || out->voluntary
                   ? usage_error(cli->command, "'--withdraw' goes with nothing but '--yes'")
                   : 0;
    }
    if (failed == 0 && (fresh ? out->voluntary == process : out->voluntary && process)) {
        failed = usage_error(cli->command, "say either '--voluntary' or '--process FILE'");
    }
    if (failed == 0 && out->values[V_SEAL] != NULL && out->values[V_DOCUMENT] == NULL) {
        failed = usage_error(cli->command, "a seal is on a document: name it with '--document'");
    }
    return failed;
}

/* ---- what is asked ---- */

static int build(const struct cli *cli, const struct request_options *options, struct request *out,
                 struct papers *papers) {
    const char *const *values = options->values;
    memset(out, 0, sizeof *out);
    if (options->before != NULL) {
        *out = options->before->request;
        out->amends = options->before->id;
    }
    int failed = build_place(cli, values, out);
    if (failed == 0 && values[V_REASON] != NULL) {
        failed = build_reason(cli, values[V_REASON], out);
    }
    if (failed == 0) {
        failed = build_times(cli, values, out);
    }
    if (failed == 0) {
        failed = build_process(values[V_PROCESS], options->voluntary, out);
    }
    if (failed == 0 && options->before != NULL) {
        failed = build_amended(cli, options, out);
    }
    if (failed == 0) {
        failed = read_papers(values[V_DOCUMENT], values[V_SEAL], out, papers);
    }
    build_terms(out);
    return failed == 0 && options->before != NULL &&
                   sent_changes(&options->before->request, out, false) == 0
               ? usage_error(cli->command, "nothing changes: name what is to be different")
               : failed;
}

/* Another process does not take the earlier one's document and seal along, nor another document the
 * seal: they are named anew. Who joins later must not take what was amended for live, so this one
 * lives as long at least. */
static int build_amended(const struct cli *cli, const struct request_options *options,
                         struct request *out) {
    char until[TIME_TEXT_MAX];
    const struct request *before = &options->before->request;
    bool other = options->voluntary || options->values[V_PROCESS] != NULL;
    if (other) {
        out->document = (struct document){.present = false};
    }
    if (other || options->values[V_DOCUMENT] != NULL) {
        out->court_seal = (struct court_seal){.present = false};
    }
    if (before->court_seal.present && !out->court_seal.present &&
        out->instrument.court_signature == COURT_SIGNATURE_CMS) {
        out->instrument.court_signature = COURT_SIGNATURE_NONE;
    }
    time_text(before->head.expires, until);
    return out->head.expires.ms >= before->head.expires.ms
               ? 0
               : usage_error(cli->command, "it must stay open at least as long as '%s': until %s",
                             options->before->code, until);
}

/* Neither need be there. Whoever sends a seal claims it. */
static int read_papers(const char *document, const char *seal, struct request *out,
                       struct papers *papers) {
    int failed = document == NULL ? 0 : document_read(document, &out->document, &papers->document);
    if (seal != NULL) {
        int bad = seal_read(seal, &out->court_seal, &papers->seal);
        failed = failed == 0 ? bad : failed;
        out->instrument.court_signature = COURT_SIGNATURE_CMS;
    }
    return failed;
}

static int build_place(const struct cli *cli, const char *const *values, struct request *out) {
    long radius = (long)out->place.radius_m;
    if (values[V_AT] != NULL && geo_point_parse(values[V_AT], &out->place.points[0]) != ERR_OK) {
        return usage_error(cli->command, "'%s' is not a place; write it as 52.52,13.405",
                           values[V_AT]);
    }
    if (values[V_AT] == NULL && values[V_RADIUS] == NULL) {
        return 0;
    }
    if (out->place.count != 1 && out->place.count > 0 &&
        (values[V_AT] == NULL || values[V_RADIUS] == NULL)) {
        return usage_error(cli->command, "it asked about an area: say '--at' and '--radius'");
    }
    int failed = number_option(cli, values[V_RADIUS],
                               (struct number_range){1, GEO_RADIUS_MAX_M, "metres"}, &radius);
    if (failed != 0) {
        return failed;
    }
    out->place.count = 1;
    out->place.radius_m = (uint32_t)radius;
    return geo_place_valid(&out->place)
               ? 0
               : usage_error(cli->command, "'%s' is too near a pole or the 180th meridian",
                             values[V_AT]);
}

static int build_reason(const struct cli *cli, const char *reason, struct request *out) {
    char safe[SAFE_MAX];
    if (strlen(reason) >= sizeof out->reason || *reason == '\0' ||
        strcmp(safe_text(reason, sizeof out->reason, safe), reason) != 0) {
        return usage_error(cli->command, "a reason is one line of 1 to %d bytes that can be seen",
                           REASON_MAX_BYTES - 1);
    }
    (void)snprintf(out->reason, sizeof out->reason, "%s", reason);
    return 0;
}

static int build_times(const struct cli *cli, const char *const *values, struct request *out) {
    const struct number_range life = {1, REQUEST_LIFE_MAX_DAYS, "days"};
    const struct number_range keeping = {1, 3650, "days"};
    long days = LIFE_DAYS;
    long keep = DELETE_BY_DEFAULT_DAYS;
    int failed = values[V_FROM] == NULL ? 0 : time_option(cli, values[V_FROM], &out->from);
    if (failed == 0 && values[V_TO] != NULL) {
        failed = time_option(cli, values[V_TO], &out->to);
    }
    if (failed == 0 && out->from.ms >= out->to.ms) {
        failed = usage_error(cli->command, "'--from' is not before '--to'");
    }
    if (failed == 0) {
        failed = number_option(cli, values[V_DAYS], life, &days);
    }
    if (failed == 0) {
        failed = number_option(cli, values[V_DELETE], keeping, &keep);
    }
    bool earlier = out->head.expires.ms > 0;
    out->head.created = now_wall();
    if (!earlier || values[V_DAYS] != NULL) {
        out->head.expires.ms = out->head.created.ms + days * DURATION_DAY_MS;
    }
    if (!earlier || values[V_DELETE] != NULL) {
        out->terms.delete_by.ms = out->head.created.ms + keep * DURATION_DAY_MS;
    }
    return failed;
}

/* Neither: as it is. */
static int build_process(const char *path, bool voluntary, struct request *out) {
    if (voluntary) {
        out->instrument = (struct instrument){.kind = INSTRUMENT_VOLUNTARY,
                                              .court_signature = COURT_SIGNATURE_NONE};
    }
    if (path == NULL) {
        return 0;
    }
    static struct process_reading reading;
    int failed = read_process(path, &reading);
    out->instrument = reading.instrument;
    return failed;
}

/* *out is filled but where the file cannot be read at all; then it says nothing. */
static int read_process(const char *path, struct process_reading *out) {
    SCOPED(buffer_finish) struct buffer file = {.max = PROCESS_FILE_MAX};
    memset(out, 0, sizeof *out);
    int failed = file_read(path, PROCESS_FILE_MAX, false, &file);
    if (failed == 0 && process_read(buffer_bytes(&file), out) != ERR_OK) {
        const struct process_errors *errors = &out->errors;
        for (size_t i = 0; i < errors->count; i++) {
            const struct process_error *error = &errors->list[i];
            const char *next = i + 1 < errors->count
                                   ? NULL
                                   : "'stoop process template KIND' shows how it is written";
            failed = error->line == 0 ? fail(next, "%s: %s", path, error->text)
                                      : fail(next, "%s:%zu: %s", path, error->line, error->text);
        }
    }
    return failed;
}

static void build_terms(struct request *out) {
    (void)snprintf(out->terms.purpose, sizeof out->terms.purpose, "%.120s", out->reason);
    (void)snprintf(out->terms.case_number, sizeof out->terms.case_number, "%s",
                   out->instrument.case_number);
    out->terms.no_face_recognition = true;
    out->terms.no_passing_on = true;
}

/* Whose certificate has this owner's key: the outsider's own, or one of its officers'. */
static int put_officer(const struct cli *cli, struct client *client, const struct id *account,
                       struct request *out) {
    static struct community_terms community;
    struct member_list members = {0};
    struct keyfile_public pub;
    size_t owner = 0;
    int failed = owner_public_of(cli->owner_dir, &pub);
    if (failed == 0) {
        failed = client_community(cli, client, &community);
    }
    if (failed == 0) {
        failed = admitted(&community.governance, account);
    }
    if (failed == 0) {
        failed = members_load(client, &community, &members);
    }
    const struct listed *by =
        failed == 0 ? members_of_key(&members, &pub.owner.sign, &owner) : NULL;
    const struct listed *outsider = failed == 0 ? members_of_id(&members, account) : NULL;
    if (outsider != NULL && outsider->state == CONTROL_MEMBER_REMOVED) {
        failed = fail("ask them; it could ask again by a new certificate alone",
                      "administrators removed this outsider: nothing can be asked from here");
    } else if (failed == 0 && (by == NULL || !listed_stands(by))) {
        failed = fail("'stoop outsider officer list' says who may",
                      "this key is no officer's that may ask from here");
    } else if (failed == 0) {
        out->head.author = by->id;
    }
    members_finish(&members);
    return failed;
}

/* As every home holds it to, so that what all would refuse is not shown. */
static int admitted(const struct governance *governance, const struct id *account) {
    const struct outsider *as = governance_outsider(governance, account);
    char day[DAY_BYTES];
    if (as == NULL) {
        return 0;
    }
    if (as->admission.suspended) {
        return fail("ask them; 'stoop status' says when you may ask again",
                    "administrators have suspended you: no home takes a request");
    }
    day_text(as->admission.until, day);
    return instant_reached(now_wall(), as->admission.until)
               ? fail("ask administrators to let you in for longer",
                      "you were let in until %s: no home takes a request", day)
               : 0;
}

static int put_sender(const struct cli *cli, struct client *client,
                      const struct control_reply *status, struct request *out) {
    int failed = pinned_community(cli, &out->head.community);
    if (failed == 0 && status->as.status.address_count == 0) {
        failed = fail("add 'address = A.B.C.D:PORT' to the home's config file",
                      "this home has no address that a clip could be delivered to");
    }
    out->head.author = status->as.status.certificate;
    if (failed == 0 && !id_is_zero(&status->as.status.outside)) {
        failed = put_officer(cli, client, &status->as.status.outside, out);
    }
    out->transport = status->as.status.transport;
    out->address_count = status->as.status.address_count;
    memcpy(out->addresses, status->as.status.addresses, sizeof out->addresses);
    return failed;
}

/* ---- before it is sent ---- */

/* As its charter and acts make it; who asks is this home. */
static int load_community(const struct cli *cli, struct client *client,
                          const struct control_reply *status, struct asked_in *out) {
    int failed = client_community(cli, client, &out->community);
    out->caps = status->as.status.caps;
    if (failed == 0) {
        failed = abroad_load(client, &out->community, status, &out->abroad);
    }
    return failed == 0 && out->abroad.own != ERR_OK
               ? fail(NULL, "this home's own certificate does not verify: %s",
                      err_text(out->abroad.own))
               : failed;
}

/* As every owner will. */
static int check_papers(const struct authorities *authorities, const struct request *request,
                        const struct papers *papers, struct seal_outcome *out) {
    struct helper *seals = NULL;
    if (!request->court_seal.present || papers->seal.len == 0) {
        return 0; /* none, or that of the earlier request: owners check it */
    }
    int failed = seals_start(&seals);
    if (failed == 0) {
        seal_check(seals, buffer_bytes(&papers->seal), buffer_bytes(&papers->document), authorities,
                   now_wall(), out);
    }
    helper_stop(seals);
    return failed;
}

/* As every home will, so that what all would refuse is not sent. */
static int check_law(const struct cli *cli, const struct request *request,
                     const struct control_reply *status, const struct asked_in *asked,
                     const struct seal_outcome *seal) {
    const struct drafted draft = {.request = request,
                                  .governance = &asked->community.governance,
                                  .role = asked->abroad.role,
                                  .instruments = status->as.status.instruments,
                                  .seal = seal};
    struct legal_report report;
    size_t rule = 0;
    enum err err = drafted_law(&draft, now_wall(), &report, &rule);
    if (!cli->json) {
        show_request(request, &report, status, asked, seal);
    }
    if (err == ERR_DENY_CHARTER) {
        return fail("every home would refuse it; name less with '--delete-days'",
                    "not sent: clips may be kept for %u days at most",
                    draft.governance->charter.delete_by_max_days);
    }
    return err == ERR_OK ? 0
                         : fail("every home would refuse it; 'stoop process rules' lists the rules",
                                "not sent, by rule %s: it %s", legal_rule_at(rule)->id,
                                legal_rule_at(rule)->broken);
}

static void show_request(const struct request *request, const struct legal_report *report,
                         const struct control_reply *status, const struct asked_in *asked,
                         const struct seal_outcome *seal) {
    char text[TIME_TEXT_MAX];
    char at[32];
    char span[32];
    char safe[SAFE_MAX];
    geo_point_write(request->place.points[0], at);
    span_text(request->to.ms - request->from.ms, span);
    term_put("BASIS", "%s",
             request->instrument.kind == INSTRUMENT_VOLUNTARY
                 ? "VOLUNTARY: homes are asked, and told, that they are free"
                 : instrument_label(request->instrument.kind));
    if (request->place.radius_m > 0) {
        term_put("PLACE", "%u m around %s", request->place.radius_m, at);
    } else {
        term_put("PLACE", "an area of %zu corners at %s", request->place.count, at);
    }
    time_text(request->from, text);
    term_put("FROM", "%s", text);
    time_text(request->to, text);
    term_put("TO", "%s, %s", text, span);
    show_breadth(request, status);
    term_line("SAYS   |", "       |", safe_text(request->reason, 2 * REASON_COLUMNS, safe));
    time_text(request->terms.delete_by, text);
    term_put("TERMS", "for this purpose only, no face recognition, no passing on, deleted by %s",
             text);
    if (request->instrument.non_disclosure) {
        char secret[SECRECY_TEXT_MAX];
        time_text(request->instrument.non_disclosure_expires, text);
        term_put("SECRET", "until %s; %s", text, secrecy_text(request, now_wall(), secret));
    }
    if (seal->checked) {
        char court[SEAL_TEXT_MAX];
        term_put("COURT", "the court's own signature: %s", seal_text(request, seal, court));
    }
    for (size_t i = 0; i < report->count; i++) {
        if (report->outcomes[i] == LEGAL_FAILED) {
            term_put("FAILED", "%s: it %s", legal_rule_at(i)->id, legal_rule_at(i)->broken);
        } else if (report->outcomes[i] == LEGAL_UNKNOWN) {
            term_put("UNKNOWN", "%s: whether it %s", legal_rule_at(i)->id, legal_rule_at(i)->text);
        }
    }
    char homes[32] = "";
    if (id_is_zero(&status->as.status.outside)) { /* from outside nobody sees how many there are */
        (void)snprintf(homes, sizeof homes, ", %u at present", status->as.status.members);
    }
    term_put("SEEN BY",
             "every home of %s%s: who asks, why, where and when, what failed, how "
             "broad it is and what its words mention. A home that grants nothing does not answer.",
             safe_text(status->as.status.community_name, 24, safe), homes);
    if (request->document.present) {
        term_put("", "The document goes to all of them too%s.",
                 request->court_seal.present ? ", with its seal" : "");
    }
    abroad_show(&asked->community.governance, &asked->abroad, request);
}

static void show_breadth(const struct request *request, const struct control_reply *status) {
    struct breadth breadth;
    char text[BREADTH_TEXT_MAX];
    breadth_of(request, &status->as.status.caps, &breadth);
    term_line("BROAD", "", breadth_text(&breadth, text));
    if (*breadth_mentions(&breadth, MENTIONS_COLUMNS, text) != '\0') {
        term_line("WORDS", "", text);
    }
}

/* ---- sending ---- */

static int send_papers(struct client *client, const struct request *request,
                       const struct papers *papers) {
    int failed =
        send_attachment(client, &request->document.sha256, buffer_bytes(&papers->document));
    return failed != 0
               ? failed
               : send_attachment(client, &request->court_seal.sha256, buffer_bytes(&papers->seal));
}

/* Nothing: nothing. */
static int send_attachment(struct client *client, const struct id *sha256, struct bytes bytes) {
    static const struct told told[] = {
        {ERR_FULL_TABLE, "this home holds as many documents of requests as it has room for",
         "try again when a request has ended: see 'stoop requests'"}};
    int failed = 0;
    for (size_t at = 0; failed == 0 && at < bytes.len; at += CONTROL_DATA_MAX) {
        size_t len = bytes.len - at < CONTROL_DATA_MAX ? bytes.len - at : CONTROL_DATA_MAX;
        const struct control_request request = {.op = CONTROL_DOCUMENT_PUT,
                                                .id = *sha256,
                                                .offset = at,
                                                .total = bytes.len,
                                                .blob = {bytes.at + at, len}};
        failed = client_do_told(client, &request, "the document was not taken", TOLD(told));
        term_progress("document", at + len, bytes.len);
    }
    return failed;
}

static int send_request(const struct cli *cli, struct client *client,
                        const struct owner_secret *secret, const struct keyfile_public *pub,
                        const struct asked_in *asked, struct request *request) {
    static const struct told told[] = {
        {ERR_DENY_QUOTA,
         "this home has as many requests under way, or made as many today, as it may",
         "withdraw one, or wait until one ends: see 'stoop request status'"},
        {ERR_FULL_TABLE, "homes hold as many open requests as they can",
         "try again when one has ended: see 'stoop requests'"},
        {ERR_DENY_SUSPENDED, "administrators have suspended you, or your time is over",
         "see until when with 'stoop status', and ask them"},
        {ERR_PEER_REPEATED, "this very request is on record already",
         "see what came of it with 'stoop request status'"}};
    struct id id;
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer sealed_key = {.max = HEADER_MAX};
    enum err err = make_request(secret, pub, request, &id, &bytes, &sealed_key);
    if (err != ERR_OK) {
        return fail(NULL, "the request cannot be made: %s", err_text(err));
    }
    const struct control_request put = {.op = CONTROL_REQUEST_PUT,
                                        .blob = buffer_bytes(&bytes),
                                        .blob2 = buffer_bytes(&sealed_key)};
    int failed = client_do_told(client, &put, "the request was not sent", TOLD(told));
    if (failed == 0) {
        say_sent(cli, request, &id, asked);
    }
    return failed;
}

/* A fresh key for this request alone; its secret goes to the node sealed to us. */
static enum err make_request(const struct owner_secret *secret, const struct keyfile_public *pub,
                             struct request *request, struct id *id, struct buffer *out,
                             struct buffer *sealed_key) {
    struct signed_object object;
    struct box_secret key;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    request->head.created = now_wall();
    box_generate(&key, &request->key);
    enum err err = age_seal_small(&pub->owner.box, 1, BYTES_OF(key.b), sealed_key);
    box_secret_wipe(&key);
    if (err == ERR_OK) {
        err = request_encode(request, &body);
    }
    if (err == ERR_OK) {
        signed_start(OBJECT_REQUEST, buffer_bytes(&body), &object);
        err = signed_add(&object, &secret->sign, &pub->owner.sign);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, out);
    }
    if (err == ERR_OK) {
        *id = object.id;
    }
    return err;
}

static void say_sent(const struct cli *cli, const struct request *request, const struct id *id,
                     const struct asked_in *asked) {
    char code[REQUEST_CODE_BYTES];
    char until[TIME_TEXT_MAX];
    char text[TIME_TEXT_MAX + 64];
    request_code(id, code);
    if (cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "code", NULL, code);
        facts_bytes(facts, "request", NULL, BYTES_OF(id->b));
        if (!id_is_zero(&request->amends)) {
            facts_bytes(facts, "amends", NULL, BYTES_OF(request->amends.b));
        }
        facts_time(facts, "from", NULL, request->from);
        facts_time(facts, "to", NULL, request->to);
        facts_time(facts, "expires", NULL, request->head.expires);
        facts_time(facts, "delete_by", NULL, request->terms.delete_by);
        struct breadth breadth;
        breadth_of(request, &asked->caps, &breadth);
        breadth_facts(facts, &breadth);
        abroad_facts(cli, &asked->community.governance, &asked->abroad, request, facts);
        facts_end(facts);
        return;
    }
    time_text(request->head.expires, until);
    (void)snprintf(text, sizeof text, "sent as %s; homes may answer until %s", code, until);
    term_text(text);
    term_text("see what comes with 'stoop delivered'");
}

/* ---- process ---- */

int cmd_process(struct cli *cli) {
    static const struct cli_branch branches[] = {{"template", process_template_of},
                                                 {"check", process_check},
                                                 {"rules", process_rules},
                                                 {"periods", process_periods}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

static int process_template_of(struct cli *cli) {
    enum instrument_kind kind;
    SCOPED(buffer_finish) struct buffer text = {.max = PROCESS_FILE_MAX};
    int failed = take_options(cli, NULL, 0, "KIND");
    if (failed != 0) {
        return failed;
    }
    if (instrument_from_word(cli->argv[1], &kind) != ERR_OK) {
        return usage_error("process", "'%s' is no kind of process", cli->argv[1]);
    }
    if (process_template(kind, &text) != ERR_OK) {
        return fail(NULL, "out of memory");
    }
    (void)fwrite(text.at, 1, text.len, stdout);
    return EXIT_DONE;
}

/* As if it were asked now, about a place and a time that no cap minds. What the file says wrongly
 * and what is wrong with the rest of it are told in one go. */
static int process_check(struct cli *cli) {
    struct legal_report report;
    struct instant now = now_wall();
    const char *document = NULL;
    const char *seal = NULL;
    char text[SEAL_TEXT_MAX];
    const struct charter charter = {.caps = CAPS_DEFAULT};
    const struct legal_terms terms = {.charter = &charter, .instruments = INSTRUMENTS_ALL};
    struct seal_outcome outcome = {.checked = false};
    SCOPED(papers_finish)
    struct papers papers = {.document = {.max = DOCUMENT_MAX}, .seal = {.max = COURT_SEAL_MAX}};
    static struct request request;
    static struct process_reading reading;
    struct breadth breadth;
    const struct cli_option options[] = {{.name = "--document", .value = &document},
                                         {.name = "--seal", .value = &seal}};
    int failed = take_options(cli, options, COUNT_OF(options), "FILE");
    if (failed != 0) {
        return failed;
    }
    request = (struct request){.place = {.radius_m = 1, .count = 1},
                               .from = {now.ms - 2000},
                               .to = {now.ms - 1000},
                               .head = {.created = now}};
    failed = read_process(cli->argv[1], &reading);
    bool there = failed == 0 || reading.errors.count > 0;
    request.instrument = reading.instrument;
    int bad = read_papers(document, seal, &request, &papers);
    if (bad == 0 && seal != NULL && document != NULL) {
        bad = check_offered_seal(cli, &request, &papers, &outcome);
    }
    if (there) {
        const struct legal_evidence evidence = {.document_here = request.document.present,
                                                .seal = seal_evidence(&outcome)};
        legal_check_evidence(&request, &terms, now, &evidence, &report);
        breadth_of(&request, &charter.caps, &breadth);
        const struct legal_of_file file = {
            .path = cli->argv[1],
            .reading = &reading,
            .report = reading.instrument.kind == 0 ? NULL : &report,
            .breadth = &breadth,
            .seal = seal_text(&request, &outcome, text),
            .document_bad = bad != 0,
        };
        failed = legal_say(cli, &file);
    }
    return failed == 0 ? bad : failed;
}

/* Whose seals count is in the community's charter, which the node has. */
static int check_offered_seal(struct cli *cli, const struct request *request,
                              const struct papers *papers, struct seal_outcome *out) {
    static struct community_terms community;
    struct client *client = NULL;
    int failed = client_open(cli, &client);
    if (failed == 0) {
        failed = client_in_community(client);
    }
    if (failed == 0) {
        failed = client_community(cli, client, &community);
    }
    if (failed == 0) {
        failed = check_papers(&community.authorities, request, papers, out);
    }
    client_close(client);
    return failed;
}

static int process_rules(struct cli *cli) {
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        legal_list(cli);
    }
    return failed;
}

static int process_periods(struct cli *cli) {
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        legal_periods(cli);
    }
    return failed;
}

static void papers_finish(struct papers *papers) {
    buffer_finish(&papers->document);
    buffer_finish(&papers->seal);
}
