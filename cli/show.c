/* What the prompt says (P4). Plain lines behind labels, laid out for the terminal as it is now;
 * what others wrote is cut to a length of its own and made visible, so that it can neither push
 * another part away nor pass for one. */
#include <inttypes.h>
#include <string.h>

#include "cli/breadth.h"
#include "cli/members.h"
#include "cli/review.h"

enum {
    FAILED_LINES = 3, /* of the prompt; 'c' shows them all */
    GAPS_SHOWN = 3,
    ASKER_COLUMNS = 36,
    REASON_COLUMNS = 2 * (TERM_WIDTH_MAX - TERM_LABEL_COLUMNS) - 1,
};

static void show_who(const struct opened *clip, const struct desk *desk);
static void show_number(const struct opened *clip);
static void show_calls(const struct checked_request *asked);
static void show_past(const struct opened *clip);
static void show_before(const struct opened *clip);
static void show_basis(const struct request *request);
static void show_order(const struct instrument *instrument);
static void show_making(const struct opened *clip, const struct desk *desk);
static const char *making_text(enum clip_making making);
static void show_checks(const struct opened *clip, size_t most);
static void show_passed(const struct opened *clip);
static void show_asked(const struct opened *clip);
static void show_breadth(const struct checked_request *asked, const struct desk *desk);
static void show_terms(const struct opened *clip);
static void show_owners(const struct opened *clip, const struct desk *desk);
static void show_field(const char *label, const char *value);

void show_prompt(const struct opened *clip, const struct desk *desk) {
    const struct request *request = &clip->asked->request;
    const struct manifest *manifest = clip->manifest;
    const struct outgoing *goes = &clip->goes;
    char safe[SAFE_MAX];
    char span[32];
    char size[32];
    char digest[65];
    char key[65];
    (void)puts("");
    show_who(clip, desk);
    show_past(clip);
    show_basis(request);
    show_checks(clip, FAILED_LINES);
    show_asked(clip);
    show_breadth(clip->asked, desk);
    term_line("SAYS   |", "       |", safe_text(request->reason, REASON_COLUMNS, safe));
    if (request->instrument.emergency_facts[0] != '\0') {
        term_line("FACTS  |", "       |",
                  safe_text(request->instrument.emergency_facts, REASON_COLUMNS, safe));
    }
    span_text(goes->to.ms - goes->from.ms, span);
    size_text(goes->size, size);
    hex_write(BYTES_OF(goes->sha256.b), digest);
    hex_write(BYTES_OF(request->key.b), key);
    term_put("SENDS", "%s %ux%u, %s, %s", span, manifest->width, manifest->height,
             goes->audio ? "WITH SOUND" : "no sound", size);
    show_making(clip, desk);
    term_put("", "digest %.4s %.4s %.4s %.4s to key %.4s %.4s, of this request only", digest,
             digest + 4, digest + 8, digest + 12, key, key + 4);
    show_terms(clip);
    show_owners(clip, desk);
    show_seen(clip);
    term_put("", "It cannot be recalled. No answer means no.");
}

/* The first line says on what ground: a claimed order is called claimed, a voluntary request
 * voluntary. What the request says of its applicant is its own word; who signed it is known. */
static void show_who(const struct opened *clip, const struct desk *desk) {
    const struct checked_request *asked = clip->asked;
    const struct instrument *instrument = &asked->request.instrument;
    char a[SAFE_MAX];
    char b[SAFE_MAX];
    char c[SAFE_MAX];
    char time[INSTANT_TEXT_MAX];
    bool voluntary = instrument->kind == INSTRUMENT_VOLUNTARY;
    bool badge = instrument->applicant_badge[0] != '\0';
    bool alike = asked->namesakes.count > 0;
    char outside[OUTSIDE_TEXT_MAX];
    char alike_text[NAMESAKES_TEXT_MAX];
    term_put(asked->code, "%s%s, from %s%s%s%s", voluntary ? "" : "claims ",
             voluntary ? "VOLUNTARY request" : instrument_label(instrument->kind),
             asked->outside ? "OUTSIDE: " : "",
             asked->outside ? outside_text(asked, outside)
                            : name_told_apart(asked->author.name, &asked->asker.account, alike,
                                              ASKER_COLUMNS, a),
             alike ? ": " : "", alike ? namesakes_text(&asked->namesakes, alike_text) : "");
    instant_local(asked->author.head.created, time);
    if (asked->outside) {
        term_put("", "%s", let_in_text(&asked->as, outside));
    } else if (asked->sponsor[0] != '\0') {
        term_put("", "its key is known since %.11s, vouched for by %s", time + 4,
                 name_told_apart(asked->sponsor, &asked->author.head.author, asked->sponsor_alike,
                                 28, a));
    } else {
        term_put("", "its key is known since %.11s: it founded %s community", time + 4,
                 asked->abroad[0] == '\0' ? "this" : "that");
    }
    if (asked->abroad[0] != '\0') {
        term_put("", "not of this community, but of %s, by treaty",
                 safe_text(asked->abroad, 36, a));
    }
    const struct met *met = pins_met(&desk->pins, &asked->author);
    if (met != NULL) {
        instant_local(met->at, time);
        term_put("", "you compared words with them on %.11s", time + 4);
    }
    if (!id_is_zero(&asked->request.amends)) {
        char before[REQUEST_CODE_BYTES];
        request_code(&asked->request.amends, before);
        term_put("AMENDS", "%s, which has ended; what was decided about that does not count",
                 before);
        if (clip->earlier != MEMORY_OPEN) {
            term_put("", "you have %s an earlier form of it",
                     clip->earlier == MEMORY_ACCEPTED ? "accepted" : "declined");
        }
    }
    if (instrument->applicant_name[0] != '\0') {
        term_put("", "says it is %s%s%s, %s", safe_text(instrument->applicant_name, 24, a),
                 badge ? ", badge " : "", safe_text(instrument->applicant_badge, 12, c),
                 safe_text(instrument->applicant_agency, 30, b));
    }
    show_number(clip);
    show_calls(clip->asked);
}

/* The directory's, never one that the request brings along. */
static void show_number(const struct opened *clip) {
    const struct charter *charter = &clip->asked->charter;
    const char *named = clip->asked->request.instrument.applicant_agency;
    const struct agency *agency = charter_agency(charter, named);
    char safe[SAFE_MAX];
    if (named[0] != '\0' && agency != NULL) {
        term_put("CALL", "%s is the community's own number for %s", agency->number,
                 safe_text(agency->name, 30, safe));
    } else if (named[0] != '\0' && charter->agency_count > 0) {
        term_put("CALL", "no number of theirs is in the community's directory");
    }
}

/* What members who rang that number were told; it decides nothing. */
static void show_calls(const struct checked_request *asked) {
    char text[SAFE_MAX];
    char more[CALLS_MORE_MAX];
    for (size_t i = 0; i < asked->call_count; i++) {
        term_put("CALLED", "%s", call_text(&asked->calls[i], text));
    }
    if (calls_more_text(asked, more) != NULL) {
        term_put("CALLED", "%s", more);
    } else if (asked->call_count == 0 && asked->request.instrument.kind == INSTRUMENT_EMERGENCY) {
        term_put("CALLED", "nobody has called back yet");
    }
}

/* As this owner's `stoop` counted it, besides this request. */
static void show_past(const struct opened *clip) {
    const struct memory_past *past = &clip->past;
    const char *label = clip->before == MEMORY_OPEN ? "PAST" : "";
    const char *times = past->asked == 1 ? "time" : "times";
    if (clip->before != MEMORY_OPEN) {
        show_before(clip);
    }
    if (past->asked == 0 && clip->before == MEMORY_OPEN) {
        term_put(label, "nothing asked by them before, as far as you have seen");
    } else if (past->asked > 0 && past->accepted + past->declined == 0) {
        term_put(label, "asked %zu other %s in %d days; you have answered none so far", past->asked,
                 times, MEMORY_DAYS);
    } else if (past->asked > 0) {
        term_put(label, "asked %zu other %s in %d days; you accepted %zu, declined %zu",
                 past->asked, times, MEMORY_DAYS, past->accepted, past->declined);
    }
    if (past->amended > 0) {
        term_put("", "%zu of these replaced an earlier one of theirs", past->amended);
    }
    if (clip->keeping.overdue > 0) {
        term_put("", "of %" PRIu64 " %s that they were given, %" PRIu64 " %s overdue for deletion",
                 clip->keeping.received, clip->keeping.received == 1 ? "clip" : "clips",
                 clip->keeping.overdue, clip->keeping.overdue == 1 ? "is" : "are");
    }
    if (clip->muted) {
        term_put("", "you have muted them; this is shown because you named it");
    }
}

/* It is asked again where it crossed to another community of this home, or another camera of it
 * has come to be asked about. */
static void show_before(const struct opened *clip) {
    char at[INSTANT_TEXT_MAX];
    bool known = clip->before_at.ms > 0;
    instant_local(clip->before_at, at);
    term_put("PAST", "YOU %s a clip of this very request%s%.11s",
             clip->before == MEMORY_ACCEPTED ? "accepted" : "declined", known ? " on " : "",
             known ? at + 4 : "");
}

static void show_basis(const struct request *request) {
    const struct instrument *instrument = &request->instrument;
    char a[SAFE_MAX];
    char time[INSTANT_TEXT_MAX];
    char text[SECRECY_TEXT_MAX];
    if (instrument->kind == INSTRUMENT_VOLUNTARY) {
        term_put("BASIS", "none but your good will: you are free to decline");
        return;
    }
    if (instrument->kind == INSTRUMENT_EMERGENCY) {
        term_put("BASIS", "its own word that there is an emergency; no court has ordered it");
    } else {
        show_order(instrument);
    }
    if (instrument->non_disclosure) {
        instant_local(instrument->non_disclosure_expires, time);
        term_put("", "wants it kept SECRET until %.15s, by order of %s", time,
                 safe_text(instrument->non_disclosure_authority, 20, a));
        term_put("", "%s", secrecy_text(request, now_wall(), text));
    }
    if (instrument->preserve_until.ms > 0) {
        instant_local(instrument->preserve_until, time);
        term_put("", "asks to hold footage until %.15s", time);
    }
}

static void show_order(const struct instrument *instrument) {
    char a[SAFE_MAX];
    char b[SAFE_MAX];
    char time[INSTANT_TEXT_MAX];
    instant_local(instrument->execute_by, time);
    term_put("BASIS", "%s%s%s%s", instrument->case_number[0] == '\0' ? "no case named" : "case ",
             safe_text(instrument->case_number, 22, a), instrument->court[0] == '\0' ? "" : ", ",
             safe_text(instrument->court, 40, b));
    if (instrument->execute_by.ms > 0) {
        term_put("", "to be executed by %.15s; declining here does not settle it", time);
    } else {
        term_put("", "declining here does not settle an order");
    }
}

/* How the file came to be; of an edited one, who took what away. */
static void show_making(const struct opened *clip, const struct desk *desk) {
    char text[EDIT_TEXT_MAX];
    char who[SAFE_MAX] = "you";
    if (clip->edited == NULL && !clip->left) {
        term_put("", "%s", making_text(clip->manifest->making));
        return;
    }
    for (size_t i = 0; clip->edited == NULL && i < desk->pins.owner_count; i++) {
        if (has_signed(clip, &desk->pins.owners[i].sign)) {
            (void)safe_text(desk->pins.owner_names[i], 40, who);
        }
    }
    term_put("", "edited by %s: %s", who, edit_text(&clip->wish, clip->manifest, text));
    term_put("", "the file's notes on place and device stay here");
}

static const char *making_text(enum clip_making making) {
    switch (making) {
    case CLIP_WHOLE_FILE:
        return "the camera's own file, bit for bit";
    case CLIP_COPIED:
        return "pictures as recorded; the file's notes on place and device stay here";
    case CLIP_REENCODED:
        return "cut to these seconds; the file's notes on place and device stay here";
    }
    return "";
}

/* At most `most` that did not pass. */
static void show_checks(const struct opened *clip, size_t most) {
    struct legal_report report;
    size_t passed = 0;
    size_t bad = 0;
    checked_law(clip->asked, now_wall(), &report);
    for (size_t i = 0; i < report.count; i++) {
        passed += report.outcomes[i] == LEGAL_PASSED ? 1 : 0;
        bad += report.outcomes[i] == LEGAL_FAILED || report.outcomes[i] == LEGAL_UNKNOWN ? 1 : 0;
    }
    const struct document *document = &clip->asked->request.document;
    term_put("CHECKS", "signature good; %zu rules passed, %zu did not; %s", passed, bad,
             !document->present               ? "no document"
             : !clip->asked->document_here    ? "document not here yet"
             : clip->asked->document_is_other ? "document is NOT of its type"
                                              : "document here");
    if (clip->asked->request.instrument.court_signature != COURT_SIGNATURE_NONE) {
        char court[SEAL_TEXT_MAX];
        term_put("", "the court's own signature: %s",
                 seal_text(&clip->asked->request, &clip->asked->seal, court));
    }
    size_t shown = 0;
    for (int pass = 0; pass < 2; pass++) { /* what failed before what is not known */
        for (size_t i = 0; i < report.count; i++) {
            const struct legal_rule *rule = legal_rule_at(i);
            bool failed = report.outcomes[i] == LEGAL_FAILED;
            if (failed != (pass == 0) || (!failed && report.outcomes[i] != LEGAL_UNKNOWN)) {
                continue;
            }
            if (shown == most) {
                term_put("", "and %zu more: press c", bad - shown);
                return;
            }
            term_put(failed ? "  FAILED" : " UNKNOWN", "%s: %s %s", rule->id,
                     failed ? "it" : "whether it", failed ? rule->broken : rule->text);
            shown++;
        }
    }
}

static void show_passed(const struct opened *clip) {
    struct legal_report report;
    checked_law(clip->asked, now_wall(), &report);
    for (size_t i = 0; i < report.count; i++) {
        if (report.outcomes[i] == LEGAL_PASSED) {
            term_put("  passed", "%s: it %s", legal_rule_at(i)->id, legal_rule_at(i)->text);
        }
    }
}

static void show_asked(const struct opened *clip) {
    static const char *const sources[] = {[TIME_FROM_NAME] = "",
                                          [TIME_FROM_CONTAINER] = "; times: the recording's",
                                          [TIME_FROM_FILE_SYSTEM] = "; times NOT exact: file's"};
    const struct request *request = &clip->asked->request;
    const struct manifest *manifest = clip->manifest;
    char safe[SAFE_MAX];
    char from[INSTANT_TEXT_MAX];
    char times[TIME_TEXT_MAX];
    char at[32];
    char span[32];
    char have[32];
    char gaps[128] = "";
    int64_t have_ms = 0;
    span_text(request->to.ms - request->from.ms, span);
    times_text(request->from, request->to, times);
    term_put("ASKS", "%s (%s)", times, span);
    geo_point_write(request->place.points[0], at);
    if (request->place.radius_m > 0) {
        term_put("", "within %u m of %s", request->place.radius_m, at);
    } else {
        term_put("", "within an area of %zu corners at %s", request->place.count, at);
    }
    for (size_t i = 0; i < manifest->run_count; i++) {
        have_ms += manifest->runs[i].to.ms - manifest->runs[i].from.ms;
    }
    span_text(have_ms, have);
    for (size_t i = 1; i < manifest->run_count && i <= GAPS_SHOWN; i++) {
        size_t len = strlen(gaps);
        instant_local(manifest->runs[i - 1].to, from);
        (void)snprintf(gaps + len, sizeof gaps - len, "%s %.8s", i == 1 ? ", gap at" : ",",
                       from + 16);
    }
    term_put("HAVE", "%s: %s of %s%s%s%s", safe_text(manifest->camera, 20, safe), have, span, gaps,
             manifest->run_count > GAPS_SHOWN + 1 ? " ..." : "", sources[manifest->time_source]);
}

static void show_breadth(const struct checked_request *asked, const struct desk *desk) {
    struct breadth breadth;
    struct touches touches;
    char text[BREADTH_TEXT_MAX];
    breadth_of(&asked->request, &asked->charter.caps, &breadth);
    term_put("BROAD", "%s", breadth_text(&breadth, text));
    touches_of(&desk->cameras.list, &asked->request, &asked->here, &touches);
    if (*touches_text(&touches, text) != '\0') {
        term_put("", "%s", text);
    }
    if (asked->open_clips > 1) {
        term_put("", "%u clips of this home wait for it", asked->open_clips);
    }
    if (*breadth_mentions(&breadth, MENTIONS_COLUMNS, text) != '\0') {
        term_put("", "%s", text);
    }
}

/* Where another owner has begun the grant, it is theirs that would be signed too, not what this
 * one's `stoop` would write. */
static void show_terms(const struct opened *clip) {
    const struct grant *grant =
        clip->part.len > 0 && clip->edited == NULL ? &clip->left_grant : NULL;
    const struct terms *terms = grant == NULL ? &clip->asked->request.terms : &grant->terms;
    char time[INSTANT_TEXT_MAX];
    char made[INSTANT_TEXT_MAX];
    instant_local(terms->delete_by, time);
    term_put("TERMS", "delete by %.15s, no face recognition, no passing on", time);
    if (clip->asked->outside) {
        term_put("", "they are shown this home's certificate, and of who vouched for it");
    }
    if (grant != NULL) {
        instant_local(grant->expires, time);
        instant_local(grant->created, made);
        term_put("", "granted so on %.15s; it can go until %.15s", made, time);
    }
}

static void show_owners(const struct opened *clip, const struct desk *desk) {
    const struct manifest *manifest = clip->manifest;
    const struct pins *pins = &desk->pins;
    struct signed_object part;
    bool voids = clip->edited != NULL && clip->part.len > 0 &&
                 signed_decode(buffer_bytes(&clip->part), &part) == ERR_OK;
    char safe[SAFE_MAX];
    for (size_t i = 0; manifest->owner_count > 1 && i < manifest->owner_count; i++) {
        for (size_t k = 0; k < pins->owner_count; k++) {
            if (sign_public_equal(&pins->owners[k].sign, &manifest->owners[i].sign)) {
                term_put("OWNER", "%s %s", safe_text(pins->owner_names[k], 40, safe),
                         has_signed(clip, &manifest->owners[i].sign) ? "has accepted"
                         : voids && signed_by(&part, &manifest->owners[i].sign)
                             ? "accepted it as it was, and is asked again"
                             : "has not accepted");
            }
        }
    }
}

void show_seen(const struct opened *clip) {
    char span[32];
    span_text(clip->goes.to.ms - clip->goes.from.ms, span);
    term_put("SEEN", clip->looked ? "all %s of it handed out to be looked at" : "nothing of %s yet",
             span);
}

void show_details(const struct opened *clip) {
    const struct request *request = &clip->asked->request;
    const struct instrument *instrument = &request->instrument;
    const struct {
        const char *label;
        const char *value;
    } fields[] = {
        {"reason", request->reason},
        {"jurisdiction", instrument->jurisdiction},
        {"court", instrument->court},
        {"case", instrument->case_number},
        {"statute", instrument->statute},
        {"offence", instrument->offence},
        {"applicant", instrument->applicant_name},
        {"agency", instrument->applicant_agency},
        {"badge", instrument->applicant_badge},
        {"issued by", instrument->authority_name},
        {"title", instrument->authority_title},
        {"items", instrument->items},
        {"produce to", instrument->produce_to},
        {"secrecy by", instrument->non_disclosure_authority},
        {"emergency", instrument->emergency_facts},
        {"at risk", instrument->emergency_person},
        {"why now", instrument->emergency_why_now},
        {"purpose", request->terms.purpose},
    };
    const struct {
        const char *label;
        struct instant value;
    } times[] = {{"issued", instrument->issued_at},
                 {"execute by", instrument->execute_by},
                 {"produce by", instrument->produce_by},
                 {"hold until", instrument->preserve_until},
                 {"secrecy from", instrument->non_disclosure_issued},
                 {"secrecy until", instrument->non_disclosure_expires}};
    (void)puts("what the request says of itself:");
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        show_field(fields[i].label, fields[i].value);
    }
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char text[TIME_TEXT_MAX] = "";
        if (times[i].value.ms > 0) {
            time_text(times[i].value, text);
        }
        show_field(times[i].label, text);
    }
    (void)puts("how it was checked:");
    show_checks(clip, LEGAL_RULES_MAX);
    show_passed(clip);
}

/* On as many labelled lines as it takes, so that none of them passes for ours. */
static void show_field(const char *label, const char *value) {
    char safe[SAFE_MAX];
    const size_t width = term_width() - 16;
    const char *at = safe_text(value, SAFE_MAX, safe);
    while (*at != '\0') {
        size_t len = safe_fit(at, width);
        (void)printf("%13s | %.*s\n", label, (int)len, at);
        at += len;
        at += *at == ' ' ? 1 : 0;
        label = "";
    }
}
