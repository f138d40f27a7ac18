#include "cli/members.h"

enum {
    NAME_COLUMNS = 36
};

static enum err check_end(const struct control_reply *reply, struct checked_request *out);
static bool ends_with_author(const struct checked_request *asked);
static bool signed_by_author(const struct signed_object *object, const struct member *author);
static enum err check_author(const struct control_reply *reply,
                             const struct community_terms *community,
                             const struct signed_object *object, struct instant now,
                             struct checked_request *out);
static enum err check_crossing(const struct control_reply *reply,
                               const struct community_terms *community, const struct id *request,
                               struct checked_request *out);
static void name_sponsor(const struct bytes *chain, size_t count, const struct member *author,
                         char out[NAME_MAX_BYTES]);
static void name_asker(const struct community_terms *community, const struct id *author,
                       struct checked_request *out);
static void check_calls(const struct control_reply *reply, const struct community_terms *community,
                        struct checked_request *out);
static bool check_call(const struct control_reply *reply, const struct community_terms *community,
                       const struct checked_request *asked, struct bytes bytes,
                       struct checked_call *out);
static size_t chain_of(const struct control_reply *reply, const struct id *author,
                       struct bytes chain[CHAIN_PARTS_MAX]);

/* The node is not believed: chain, signature and code are worked out again from the signed bytes.
 */
enum err check_request(const struct control_reply *reply, const struct community_terms *community,
                       struct instant now, struct checked_request *out) {
    struct signed_object object;
    enum err err = signed_decode(reply->as.request.request, &object);
    if (err == ERR_OK) {
        err = request_decode(object.body, &out->request);
    }
    out->abroad[0] = '\0';
    out->namesakes = (struct namesakes){.count = 0};
    out->sponsor_alike = false;
    out->here = community->governance.community;
    if (err == ERR_OK && reply->as.request.crossing.len > 0) {
        err = check_crossing(reply, community, &object.id, out);
    } else if (err == ERR_OK) {
        /* What came for a request of one's own stays one's own, whoever may ask no more. */
        const struct instant at = reply->as.request.ours ? out->request.head.created : now;
        err = check_author(reply, community, &object, at, out);
    }
    if (err == ERR_OK) {
        out->id = object.id;
        request_long_code(&object.id, REQUEST_CODE_ID_BYTES, out->code);
        out->ours = reply->as.request.ours;
        out->document_here = reply->as.request.document_here;
        out->seal_here = reply->as.request.seal_here;
        out->document_is_other = false;
        out->amends_own = false;
        out->seal = (struct seal_outcome){.checked = false};
        out->charter = community->governance.charter;
        out->elsewhere =
            treaties_let_once(&community->governance, &out->request, out->asker.role, now);
        out->authorities = community->authorities;
        out->open_clips = reply->as.request.open_clips;
        out->log_index = reply->as.request.log_index;
        check_calls(reply, community, out);
        err = check_end(reply, out);
    }
    return err;
}

bool request_is_over(const struct control_reply *reply, enum err err, struct id *out) {
    struct signed_object object;
    bool over = err == ERR_DENY_EXPIRED || err == ERR_DENY_SUSPENDED || err == ERR_DENY_REMOVED;
    over = over && signed_decode(reply->as.request.request, &object) == ERR_OK;
    if (over) {
        *out = object.id;
    }
    return over;
}

static enum err check_author(const struct control_reply *reply,
                             const struct community_terms *community,
                             const struct signed_object *object, struct instant now,
                             struct checked_request *out) {
    struct id author;
    enum err err = chain_verify(&community->governance, reply->as.request.chain,
                                reply->as.request.chain_count, now, &out->author, &author);
    if (err == ERR_OK &&
        (!signed_by_author(object, &out->author) || !id_equal(&author, &out->request.head.author) ||
         !id_equal(&out->request.head.community, &community->governance.community))) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK) {
        name_sponsor(reply->as.request.chain, reply->as.request.chain_count, &out->author,
                     out->sponsor);
        name_asker(community, &author, out);
    }
    return err;
}

/* Of another community: what it crossed by is checked as it was when it did, so that a treaty's end
 * ends no request that crossed before. */
static enum err check_crossing(const struct control_reply *reply,
                               const struct community_terms *community, const struct id *request,
                               struct checked_request *out) {
    static struct crossed crossed; /* large */
    struct signed_object object;
    struct crossing crossing;
    const struct governance *governance = &community->governance;
    enum err err = signed_decode(reply->as.request.crossing, &object);
    if (err == ERR_OK) {
        err = object.kind == OBJECT_CROSSING ? crossing_decode(object.body, &crossing)
                                             : ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK) {
        err = crossing_verify(governance, &crossing, crossing.head.created, &crossed);
    }
    if (err == ERR_OK &&
        (crossed.object.kind != OBJECT_REQUEST || !id_equal(&crossed.object.id, request))) {
        err = ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK) {
        const struct agreed *agreed =
            governance_treaty(governance, &crossing.treaty, crossing.head.created);
        out->author = crossed.author.member;
        out->author.invite = (struct bytes){NULL, 0};
        treaty_asker(governance, agreed, &crossed.author, &out->asker);
        (void)snprintf(out->account, sizeof out->account, "%s", out->author.name);
        out->outside = false; /* no treaty lets one cross */
        (void)snprintf(out->abroad, sizeof out->abroad, "%s",
                       treaty_far_side(&agreed->treaty, &governance->community)->name);
        name_sponsor(crossing.membership.chain, crossing.membership.chain_count, &out->author,
                     out->sponsor);
    }
    return err;
}

/* Who vouched for the author: the chain has been checked. Empty: it is a founder. */
static void name_sponsor(const struct bytes *chain, size_t count, const struct member *author,
                         char out[NAME_MAX_BYTES]) {
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        struct signed_object object;
        struct member member;
        if (signed_decode(chain[i], &object) == ERR_OK &&
            id_equal(&object.id, &author->head.author) &&
            member_decode(object.body, &member) == ERR_OK) {
            (void)snprintf(out, NAME_MAX_BYTES, "%s", member.name);
        }
    }
}

/* An officer asks for its outsider, which is who is known here, muted and counted. */
static void name_asker(const struct community_terms *community, const struct id *author,
                       struct checked_request *out) {
    bool officer = out->author.role == MEMBER_OFFICER;
    asker_of(&community->governance, author, &out->author, &out->asker);
    (void)snprintf(out->account, sizeof out->account, "%s",
                   officer ? out->sponsor : out->author.name);
    const struct outsider *as = governance_outsider(&community->governance, &out->asker.account);
    out->outside = as != NULL;
    if (as != NULL) {
        out->as = *as;
    }
}

const char *asker_text(const struct checked_request *asked, char out[ASKER_MAX]) {
    char code[LINK_CODE_BYTES];
    bool alike = asked->namesakes.count > 0;
    link_code(&asked->asker.account, code);
    (void)snprintf(out, ASKER_MAX, "%s%s%s%s%s", asked->outside ? "outsider " : "", asked->account,
                   alike ? " (" : "", alike ? code : "", alike ? ")" : "");
    return out;
}

const char *outside_text(const struct checked_request *asked, char out[OUTSIDE_TEXT_MAX]) {
    bool officer = asked->author.role == MEMBER_OFFICER;
    char account[SAFE_MAX];
    char name[SAFE_MAX];
    (void)snprintf(
        out, OUTSIDE_TEXT_MAX, "%s %.150s%s%.150s", outsider_kind_word(asked->as.admission.kind),
        name_told_apart(asked->account, &asked->asker.account, asked->namesakes.count > 0,
                        NAME_COLUMNS, account),
        officer ? ", by its officer " : "", officer ? safe_text(asked->author.name, 28, name) : "");
    return out;
}

const char *let_in_text(const struct outsider *outsider, char out[OUTSIDE_TEXT_MAX]) {
    char day[DAY_BYTES];
    day_text(outsider->since, day);
    (void)snprintf(out, OUTSIDE_TEXT_MAX, "no member: let in by %u administrator%s on %s",
                   outsider->signers, outsider->signers == 1 ? "" : "s", day);
    return out;
}

/* That it was taken back is its author's word, not the node's. */
static enum err check_end(const struct control_reply *reply, struct checked_request *out) {
    struct signed_object object;
    bool ends = false;
    out->end = reply->as.request.taken_back ? REQUEST_TAKEN_BACK : REQUEST_STANDS;
    if (reply->as.request.taken_back_by.len == 0) {
        return ERR_OK;
    }
    enum err err = signed_decode(reply->as.request.taken_back_by, &object);
    if (err == ERR_OK && !signed_by_author(&object, &out->author)) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK && object.kind == OBJECT_WITHDRAWAL) {
        struct withdrawal withdrawal;
        err = withdrawal_decode(object.body, &withdrawal);
        ends = err == ERR_OK && withdrawal_ends(&withdrawal, &out->id, &out->request.head);
        out->end = REQUEST_WITHDRAWN;
    } else if (err == ERR_OK) {
        struct request amendment;
        err = request_decode(object.body, &amendment);
        ends = err == ERR_OK && object.kind == OBJECT_REQUEST &&
               amendment_ends(&amendment, &out->id, &out->request.head);
        out->end = REQUEST_AMENDED;
        out->end_id = object.id;
        out->newest = object.id;
        request_code(&object.id, out->end_code);
    }
    return err == ERR_OK && !ends ? ERR_PEER_BOUNDS : err;
}

static bool signed_by_author(const struct signed_object *object, const struct member *author) {
    bool owner = false;
    for (size_t i = 0; i < author->owner_count && !owner; i++) {
        owner = signed_by(object, &author->owners[i].sign);
    }
    return owner;
}

/* One that does not verify is as good as one that the node has not: it is not shown. */
static void check_calls(const struct control_reply *reply, const struct community_terms *community,
                        struct checked_request *out) {
    out->call_count = 0;
    out->calls_more = reply->as.request.calls_more;
    for (size_t i = 0; i < reply->as.request.call_count; i++) {
        struct checked_call *call = &out->calls[out->call_count];
        bool again = false;
        if (!check_call(reply, community, out, reply->as.request.calls[i], call)) {
            continue;
        }
        for (size_t k = 0; k < out->call_count; k++) {
            again |= id_equal(&out->calls[k].call.head.author, &call->call.head.author);
        }
        out->call_count += again ? 0 : 1; /* a home has one say */
    }
}

static bool check_call(const struct control_reply *reply, const struct community_terms *community,
                       const struct checked_request *asked, struct bytes bytes,
                       struct checked_call *out) {
    struct signed_object object;
    struct member author;
    struct id author_id;
    struct bytes chain[CHAIN_PARTS_MAX];
    if (signed_decode(bytes, &object) != ERR_OK || object.kind != OBJECT_CALL_BACK ||
        call_back_decode(object.body, &out->call) != ERR_OK) {
        return false;
    }
    const struct head *head = &out->call.head;
    size_t count = chain_of(reply, &head->author, chain);
    if (count == 0 || chain_verify(&community->governance, chain, count, head->created, &author,
                                   &author_id) != ERR_OK) {
        return false;
    }
    (void)snprintf(out->by, sizeof out->by, "%s", author.name);
    out->alike = false;
    return id_equal(&head->community, &community->governance.community) &&
           signed_by_author(&object, &author) &&
           call_back_is_about(&out->call, &asked->id, &asked->request) &&
           call_back_is_listed(&out->call, &community->governance.charter);
}

/* Founder first, as chain_verify() takes it; 0 when a part is missing. */
static size_t chain_of(const struct control_reply *reply, const struct id *author,
                       struct bytes chain[CHAIN_PARTS_MAX]) {
    struct bytes found[CHAIN_PARTS_MAX]; /* the leaf first, a renewal before what it renews */
    struct id next = *author;
    size_t count = 0;
    while (count + 2 <= CHAIN_PARTS_MAX && !id_is_zero(&next)) {
        struct signed_object object;
        struct head head;
        struct bytes certificate = {NULL, 0};
        struct bytes renewed = {NULL, 0};
        for (size_t i = 0; i < reply->as.request.caller_count && certificate.len == 0; i++) {
            struct renewal renewal;
            struct bytes part = reply->as.request.callers[i];
            if (signed_decode(part, &object) != ERR_OK) {
                continue;
            }
            if (object.kind == OBJECT_RENEWAL && renewal_decode(object.body, &renewal) == ERR_OK &&
                id_equal(&renewal.member, &next)) {
                renewed = part; /* the node names it before its certificate */
            }
            if (id_equal(&object.id, &next) && head_decode(object.body, &head) == ERR_OK) {
                certificate = part;
            }
        }
        if (certificate.len == 0) {
            return 0;
        }
        if (renewed.len > 0) {
            found[count++] = renewed;
        }
        found[count++] = certificate;
        next = head.author;
    }
    for (size_t i = 0; i < count; i++) {
        chain[i] = found[count - 1 - i];
    }
    return id_is_zero(&next) ? count : 0;
}

const char *call_text(const struct checked_call *call, char out[SAFE_MAX]) {
    const struct call_back *said = &call->call;
    char by[SAFE_MAX];
    char who[SAFE_MAX];
    char time[INSTANT_TEXT_MAX];
    instant_local(said->at, time);
    const char *came = said->outcome == CALL_CONFIRMED ? "confirmed"
                       : said->outcome == CALL_DENIED  ? "denied"
                                                       : "nobody reached";
    bool named = said->spoke_to[0] != '\0';
    (void)snprintf(out, SAFE_MAX, "%.600s rang %s, %.6s %.5s: %s%s%.600s",
                   name_told_apart(call->by, &said->head.author, call->alike, 24, by), said->number,
                   time + 4, time + 16, came, named ? " by " : "",
                   safe_text(said->spoke_to, 24, who));
    return out;
}

void call_facts(struct facts *facts, const struct call_back *call) {
    facts_text(facts, "agency", NULL, call->agency);
    facts_text(facts, "number", NULL, call->number);
    facts_time(facts, "at", NULL, call->at);
    facts_text(facts, "outcome", NULL, call_outcome_word(call->outcome));
    facts_text(facts, "spoke_to", NULL, call->spoke_to);
    facts_text(facts, "note", NULL, call->note);
}

const char *calls_more_text(const struct checked_request *asked, char out[CALLS_MORE_MAX]) {
    (void)snprintf(out, CALLS_MORE_MAX, "%u more %s called; only the newest are shown",
                   asked->calls_more, asked->calls_more == 1 ? "home has" : "homes have");
    return asked->calls_more > 0 ? out : NULL;
}

const char *request_end_text(const struct checked_request *asked, char out[REQUEST_END_MAX]) {
    switch (asked->end) {
    case REQUEST_STANDS:
        break;
    case REQUEST_WITHDRAWN:
        return "withdrawn";
    case REQUEST_AMENDED:
        (void)snprintf(out, REQUEST_END_MAX, "amended by %s", asked->end_code);
        return out;
    case REQUEST_TAKEN_BACK:
        return !ends_with_author(asked) ? "taken back"
               : asked->ours            ? "ended with this home's membership"
                                        : "ended with its author's membership";
    }
    return NULL;
}

/* What withdraws or amends one of this community lives as long as the request does: where that is
 * not here, it is not what has ended it. */
static bool ends_with_author(const struct checked_request *asked) {
    return asked->abroad[0] == '\0' && !instant_reached(now_wall(), asked->request.head.expires);
}

void request_state_facts(struct facts *facts, const struct checked_request *asked,
                         struct instant now) {
    const char *word = "open";
    switch (asked->end) {
    case REQUEST_STANDS:
        word = instant_reached(now, asked->request.head.expires) ? "ended" : "open";
        break;
    case REQUEST_WITHDRAWN:
        word = "withdrawn";
        break;
    case REQUEST_AMENDED:
        word = "amended";
        break;
    case REQUEST_TAKEN_BACK:
        word = "taken_back";
        break;
    }
    facts_text(facts, "state", NULL, word);
    if (asked->end == REQUEST_AMENDED) {
        facts_bytes(facts, "amended_by", NULL, BYTES_OF(asked->end_id.b));
        facts_bytes(facts, "newest", NULL, BYTES_OF(asked->newest.b));
    }
}

const char *secrecy_text(const struct request *request, struct instant now,
                         char out[SECRECY_TEXT_MAX]) {
    struct instant until = legal_secret_until(request);
    char time[INSTANT_TEXT_MAX];
    if (instant_reached(now, until)) {
        return "the log names it: nothing keeps it secret now";
    }
    if (until.ms == request->instrument.non_disclosure_expires.ms) {
        return "the log names it from that day on; until then a hash stands for it";
    }
    instant_local(until, time);
    (void)snprintf(out, SECRECY_TEXT_MAX,
                   "the log names it from %.15s on, after five years at most; until then a hash "
                   "stands for it",
                   time);
    return out;
}

void checked_law(const struct checked_request *asked, struct instant now,
                 struct legal_report *out) {
    const struct legal_evidence evidence = {.document_here = asked->document_here,
                                            .amends_own = asked->amends_own,
                                            .seal = seal_evidence(&asked->seal)};
    const struct legal_terms terms = {.charter = &asked->charter,
                                      .elsewhere = asked->elsewhere,
                                      .instruments = asked->asker.instruments};
    legal_check_evidence(&asked->request, &terms, now, &evidence, out);
}

enum err checked_verdict(const struct checked_request *asked, struct instant now, size_t *rule) {
    struct legal_report report;
    checked_law(asked, now, &report);
    return legal_verdict_lasting(&report, rule);
}

enum err drafted_law(const struct drafted *draft, struct instant now, struct legal_report *out,
                     size_t *rule) {
    const struct legal_evidence evidence = {
        .document_here = draft->request->document.present,
        .seal = seal_evidence(draft->seal),
        .amends_own = true, /* sent_find() has found it */
    };
    const struct legal_terms terms = {
        .charter = &draft->governance->charter,
        .elsewhere = treaties_let(draft->governance, draft->request, draft->role, now),
        .instruments = draft->instruments};
    legal_check_evidence(draft->request, &terms, now, &evidence, out);
    return legal_verdict(out, rule);
}
