/* The rules of legal process: one table that the fence, the prompt, process files and PROTOCOL 5.3
 * are made from. A rule looks at the request alone; what it cannot know it says.
 *
 * Words are compared without case, punctuation and invisible characters. That stops whoever has
 * nothing to say from passing "N/A" for it. Whoever makes something up passes: it is on the record
 * then, under a name. */
#include <assert.h>
#include <string.h>

#include "node/base/assert.h"
#include "proto/periods.h"
#include "proto/wording.h"

enum {
    CLOCK_SKEW_MS = 5 * DURATION_MINUTE_MS,
    PRESERVE_MAX_DAYS = 90,
    NON_DISCLOSURE_MAX_DAYS = 90,
    /* LP-25 refuses nothing and a court may order longer, but every home keeps a row for each
     * secret, and what was done in the dark is to come to light while it matters. */
    SECRET_MAX_DAYS = 5 * 365,
    CASE_MIN = 3,
    REASON_MIN = 10,
};

struct facts {
    const struct request *request;
    const struct instrument *instrument;
    const struct legal_terms *terms; /* NULL where no cap is looked at */
    struct instant now;
    bool document_here;
    enum legal_seal seal;
    bool amends_own;
};

typedef enum legal_outcome check(const struct facts *facts);

static enum err verdict(const struct legal_report *report, bool timed, size_t *rule);
static bool keeps_too_long(const struct request *request, const struct charter *charter);
static bool refuses(size_t rule);
static enum err refusal(size_t rule, size_t *out);
static bool is_filled(const char *text);
static bool is_case_number(const char *text);
static bool is_specific(const char *text);
static bool is_sweeping(const char *text);
static bool is_jurisdiction(const char *text);

static bool from_court(const struct instrument *i) {
    return i->kind == INSTRUMENT_SEARCH_WARRANT || i->kind == INSTRUMENT_COURT_ORDER ||
           i->kind == INSTRUMENT_PRODUCTION_ORDER || i->kind == INSTRUMENT_SUBPOENA;
}

static bool ordered(const struct instrument *i) { /* somebody with authority signed it */
    return i->kind == INSTRUMENT_SEARCH_WARRANT || i->kind == INSTRUMENT_COURT_ORDER ||
           i->kind == INSTRUMENT_PRODUCTION_ORDER;
}

static bool with_court(const struct instrument *i) { /* by its kind, or because it names one */
    return from_court(i) || i->court[0] != '\0';
}

static bool official(const struct instrument *i) {
    return i->kind != INSTRUMENT_VOLUNTARY;
}

static enum legal_outcome must(bool applies, bool holds) {
    return !applies ? LEGAL_NOT_APPLICABLE : holds ? LEGAL_PASSED : LEGAL_FAILED;
}

static enum legal_outcome jurisdiction_known(const struct facts *f) {
    return must(from_court(f->instrument) || f->instrument->jurisdiction[0] != '\0',
                is_jurisdiction(f->instrument->jurisdiction));
}
static enum legal_outcome court_named(const struct facts *f) {
    return must(with_court(f->instrument), is_filled(f->instrument->court));
}
static enum legal_outcome case_given(const struct facts *f) {
    return must(with_court(f->instrument) || f->instrument->case_number[0] != '\0',
                is_case_number(f->instrument->case_number));
}
static enum legal_outcome statute_given(const struct facts *f) {
    return must(with_court(f->instrument), is_filled(f->instrument->statute));
}
static enum legal_outcome offence_given(const struct facts *f) {
    return must(with_court(f->instrument),
                is_specific(f->instrument->offence) && !is_sweeping(f->instrument->offence));
}
static enum legal_outcome applicant_named(const struct facts *f) {
    return must(official(f->instrument), is_filled(f->instrument->applicant_name));
}
static enum legal_outcome agency_named(const struct facts *f) {
    return must(official(f->instrument), is_filled(f->instrument->applicant_agency));
}
static enum legal_outcome badge_given(const struct facts *f) {
    return must(official(f->instrument), is_filled(f->instrument->applicant_badge));
}
static enum legal_outcome authority_named(const struct facts *f) {
    return must(ordered(f->instrument), is_filled(f->instrument->authority_name));
}
static enum legal_outcome authority_titled(const struct facts *f) {
    return must(ordered(f->instrument), is_filled(f->instrument->authority_title));
}
static enum legal_outcome authority_differs(const struct facts *f) {
    const struct instrument *i = f->instrument;
    return must(is_filled(i->authority_name) && is_filled(i->applicant_name),
                !words_same(i->authority_name, i->applicant_name));
}
static enum legal_outcome issue_dated(const struct facts *f) {
    return must(from_court(f->instrument), f->instrument->issued_at.ms > 0);
}
static enum legal_outcome issued_before_now(const struct facts *f) {
    int64_t issued = f->instrument->issued_at.ms;
    return must(issued > 0, issued <= f->now.ms + CLOCK_SKEW_MS);
}
static enum legal_outcome executes_after_issue(const struct facts *f) {
    const struct instrument *i = f->instrument;
    return must(ordered(i) || i->execute_by.ms > 0, i->execute_by.ms > i->issued_at.ms);
}
static enum legal_outcome not_run_out(const struct facts *f) {
    int64_t end = f->instrument->execute_by.ms;
    return must(end > 0, end > f->now.ms);
}
static enum legal_outcome within_execution_period(const struct facts *f) {
    const struct instrument *i = f->instrument;
    if (i->kind != INSTRUMENT_SEARCH_WARRANT || i->execute_by.ms == 0 || i->issued_at.ms == 0) {
        return LEGAL_NOT_APPLICABLE;
    }
    const struct execution_period *period = execution_period_of(i);
    return period == NULL
               ? LEGAL_UNKNOWN
               : must(true, i->execute_by.ms <= execution_period_end(period, i->issued_at).ms);
}
static enum legal_outcome place_within_cap(const struct facts *f) {
    const struct charter *charter = f->terms->charter;
    bool served = !charter->has_area || f->terms->elsewhere ||
                  geo_place_inside(&f->request->place, &charter->area);
    return must(true, geo_place_area_m2(&f->request->place) <= charter->caps.area_m2 && served);
}
static enum legal_outcome span_within_cap(const struct facts *f) {
    return must(true, f->request->to.ms - f->request->from.ms <=
                          (int64_t)f->terms->charter->caps.span_s * 1000);
}
static enum legal_outcome time_is_past(const struct facts *f) {
    return must(true, f->request->to.ms <= f->now.ms + CLOCK_SKEW_MS);
}
static enum legal_outcome items_specific(const struct facts *f) {
    return must(from_court(f->instrument) || f->instrument->items[0] != '\0',
                is_filled(f->instrument->items) && !is_sweeping(f->instrument->items));
}
static enum legal_outcome produce_to_named(const struct facts *f) {
    /* Nothing said: to the requester. */
    return must(f->instrument->produce_to[0] != '\0', is_filled(f->instrument->produce_to));
}
static enum legal_outcome produce_after_issue(const struct facts *f) {
    const struct instrument *i = f->instrument;
    return must(i->produce_by.ms > 0, i->produce_by.ms > i->issued_at.ms);
}
static enum legal_outcome silence_is_ordered(const struct facts *f) {
    const struct instrument *i = f->instrument;
    return must(i->non_disclosure, from_court(i) && is_filled(i->non_disclosure_authority));
}
static enum legal_outcome silence_ends(const struct facts *f) {
    const struct instrument *i = f->instrument;
    return must(i->non_disclosure, i->non_disclosure_issued.ms > 0 &&
                                       i->non_disclosure_expires.ms > i->non_disclosure_issued.ms);
}
static enum legal_outcome silence_is_short(const struct facts *f) {
    const struct instrument *i = f->instrument;
    bool dated = i->non_disclosure_issued.ms > 0 && i->non_disclosure_expires.ms > 0;
    return must(i->non_disclosure && dated,
                i->non_disclosure_expires.ms - i->non_disclosure_issued.ms <=
                    (int64_t)NON_DISCLOSURE_MAX_DAYS * DURATION_DAY_MS);
}
static enum legal_outcome preservation_ends(const struct facts *f) {
    int64_t until = f->instrument->preserve_until.ms;
    int64_t made = f->request->head.created.ms;
    return must(f->instrument->kind == INSTRUMENT_PRESERVATION || until > 0,
                until > made && until <= made + (int64_t)PRESERVE_MAX_DAYS * DURATION_DAY_MS);
}
static enum legal_outcome emergency_has_facts(const struct facts *f) {
    return must(f->instrument->kind == INSTRUMENT_EMERGENCY,
                is_filled(f->instrument->emergency_facts));
}
static enum legal_outcome emergency_has_person(const struct facts *f) {
    return must(f->instrument->kind == INSTRUMENT_EMERGENCY,
                is_filled(f->instrument->emergency_person));
}
static enum legal_outcome emergency_is_now(const struct facts *f) {
    return must(f->instrument->kind == INSTRUMENT_EMERGENCY,
                is_filled(f->instrument->emergency_why_now));
}
static enum legal_outcome document_attached(const struct facts *f) {
    return must(from_court(f->instrument), f->request->document.present);
}
static enum legal_outcome document_matches(const struct facts *f) {
    if (!f->request->document.present) {
        return LEGAL_NOT_APPLICABLE;
    }
    return f->document_here ? LEGAL_PASSED : LEGAL_UNKNOWN;
}
static enum legal_outcome court_signed(const struct facts *f) {
    if (!ordered(f->instrument)) {
        return LEGAL_NOT_APPLICABLE;
    }
    /* An image of a seal never counts. A cryptographic one signs a document. */
    bool sent = f->instrument->court_signature == COURT_SIGNATURE_CMS &&
                f->request->document.present && f->request->court_seal.present;
    if (!sent || f->seal == LEGAL_SEAL_BAD) {
        return LEGAL_FAILED;
    }
    return f->seal == LEGAL_SEAL_GOOD && f->document_here ? LEGAL_PASSED : LEGAL_UNKNOWN;
}
static enum legal_outcome reason_specific(const struct facts *f) {
    struct words words;
    words_fold(f->request->reason, &words);
    return must(true, words_characters(&words) >= REASON_MIN && is_filled(f->request->reason) &&
                          !is_sweeping(f->request->reason));
}
/* Whether it exists and who made it is for those who hold the requests (node/request/). */
static enum legal_outcome amends_own(const struct facts *f) {
    return id_is_zero(&f->request->amends) ? LEGAL_NOT_APPLICABLE
           : f->amends_own                 ? LEGAL_PASSED
                                           : LEGAL_UNKNOWN;
}

/* Who asks is for those who hold certificates (node/request/). */
static enum legal_outcome instrument_permitted(const struct facts *f) {
    uint32_t instruments = f->terms->instruments; /* who may use all has nothing to be checked */
    return must(instruments != INSTRUMENTS_ALL, (instruments >> f->instrument->kind & 1) != 0);
}

static const struct {
    struct legal_rule rule;
    check *check;
    bool cap;
} rules[] = {
#define RULE(id, field, severity, check, text, broken, source)                                     \
    { {id, field, text, broken, source, severity}, check, false }
#define CAP(id, field, check, text, broken)                                                        \
    { {id, field, text, broken, "charter", LEGAL_REFUSE}, check, true }
    /* clang-format off */
    RULE("LP-01", "jurisdiction", LEGAL_REFUSE, jurisdiction_known,
         "names the country or state whose law it is (ISO 3166, as US-CA)",
         "does not name the country or state whose law it is (ISO 3166, as US-CA)", "policy"),
    RULE("LP-02", "court", LEGAL_REFUSE, court_named,
         "names the court",
         "does not name the court", "policy"),
    RULE("LP-03", "case", LEGAL_REFUSE, case_given,
         "has a case or docket number of 3 to 64 characters, not 'N/A', 'pending' or the like",
         "has no real case or docket number of 3 to 64 characters", "policy"),
    RULE("LP-04", "statute", LEGAL_FAIL, statute_given,
         "names the law it relies on",
         "does not name the law it relies on", "PACE 1984 s.15(2)(a)(ii)"),
    RULE("LP-05", "offence", LEGAL_FAIL, offence_given,
         "names a specific offence",
         "names no specific offence", "US Const. amend. IV (particularity)"),
    RULE("LP-06", "applicant_name", LEGAL_REFUSE, applicant_named,
         "names the person who applies",
         "does not name the person who applies", "PACE 1984 s.15(6)(a)(i)"),
    RULE("LP-07", "applicant_agency", LEGAL_REFUSE, agency_named,
         "names the applicant's agency",
         "does not name the applicant's agency", "policy"),
    RULE("LP-08", "applicant_badge", LEGAL_FAIL, badge_given,
         "gives the applicant's badge or number",
         "does not give the applicant's badge or number", "policy"),
    RULE("LP-09", "authority_name", LEGAL_REFUSE, authority_named,
         "names who issued it",
         "does not name who issued it", "policy"),
    RULE("LP-10", "authority_title", LEGAL_REFUSE, authority_titled,
         "gives the title of who issued it",
         "does not give the title of who issued it", "policy"),
    RULE("LP-11", "authority_name", LEGAL_REFUSE, authority_differs,
         "was not issued by its own applicant",
         "was issued by its own applicant", "US Const. amend. IV (neutral magistrate)"),
    RULE("LP-12", "issued_at", LEGAL_REFUSE, issue_dated,
         "says when it was issued",
         "does not say when it was issued", "PACE 1984 s.15(6)(a)(ii)"),
    RULE("LP-13", "issued_at", LEGAL_REFUSE_TIMED, issued_before_now,
         "was not issued in the future",
         "claims to have been issued in the future", "policy"),
    RULE("LP-14", "execute_by", LEGAL_REFUSE, executes_after_issue,
         "is to be executed by a day after it was issued",
         "is not to be executed by a day after it was issued", "policy"),
    RULE("LP-15", "execute_by", LEGAL_REFUSE_TIMED, not_run_out,
         "has not run out",
         "has run out", "policy"),
    RULE("LP-16", "execute_by", LEGAL_FAIL, within_execution_period,
         "allows no longer than the law of its jurisdiction",
         "allows longer than the law of its jurisdiction",
         "the jurisdiction's statute ('stoop process periods')"),
    CAP("LP-17", "at", place_within_cap,
        "asks about a place within the community's cap and service area",
         "asks about a place beyond the community's cap or service area"),
    CAP("LP-18", "from", span_within_cap,
        "asks about a time within the community's cap",
         "asks about a longer time than the community's cap"),
    RULE("LP-19", "to", LEGAL_REFUSE_TIMED, time_is_past,
         "asks about the past",
         "asks about the future", "policy"),
    RULE("LP-20", "items", LEGAL_FAIL, items_specific,
         "describes what is looked for, not 'everything'",
         "does not describe what is looked for, or asks for everything", "US Const. amend. IV (particularity)"),
    RULE("LP-21", "produce_to", LEGAL_FAIL, produce_to_named,
         "names the officer to whom it is to go, where it names anyone but the requester",
         "does not name the officer to whom it is to go", "policy"),
    RULE("LP-22", "produce_by", LEGAL_FAIL, produce_after_issue,
         "is to be produced after it was issued",
         "is to be produced before it was issued", "policy"),
    RULE("LP-23", "non_disclosure_authority", LEGAL_REFUSE, silence_is_ordered,
         "asks for secrecy only by a court's order, and names who ordered it",
         "asks for secrecy without naming a court's order for it", "18 USC 2705(b)"),
    RULE("LP-24", "non_disclosure_expires", LEGAL_REFUSE, silence_ends,
         "says when its secrecy was ordered and when it ends",
         "does not say when its secrecy was ordered and when it ends", "policy"),
    RULE("LP-25", "non_disclosure_expires", LEGAL_FAIL, silence_is_short,
         "asks for no more than 90 days of secrecy",
         "asks for more than 90 days of secrecy", "policy, after 18 USC 2705(a)(1)"),
    RULE("LP-26", "preserve_until", LEGAL_REFUSE, preservation_ends,
         "asks to hold footage for at most 90 days",
         "does not ask to hold footage for at most 90 days", "18 USC 2703(f)(2)"),
    RULE("LP-27", "emergency_facts", LEGAL_REFUSE, emergency_has_facts,
         "says the facts of the emergency",
         "does not say the facts of the emergency", "18 USC 2702(b)(8)"),
    RULE("LP-28", "emergency_person", LEGAL_REFUSE, emergency_has_person,
         "says who is at risk",
         "does not say who is at risk", "18 USC 2702(b)(8)"),
    RULE("LP-29", "emergency_why_now", LEGAL_REFUSE, emergency_is_now,
         "says why it cannot wait for a court",
         "does not say why it cannot wait for a court", "18 USC 2702(b)(8)"),
    RULE("LP-30", "document", LEGAL_FAIL, document_attached,
         "comes with the court's document",
         "comes without the court's document", "policy"),
    RULE("LP-31", "document", LEGAL_FAIL, document_matches,
         "came with the very document that it names",
         "came with another document than it names", "policy"),
    RULE("LP-32", "court_signature", LEGAL_FAIL, court_signed,
         "carries the court's own signature",
         "does not carry the court's own signature", "policy"),
    RULE("LP-33", "reason", LEGAL_FAIL, reason_specific,
         "gives a reason that says something",
         "gives no reason that says something", "policy"),
    RULE("LP-34", "amends", LEGAL_REFUSE, amends_own,
         "amends a live request of the same requester, if any",
         "amends no live request of the same requester", "policy"),
    CAP("LP-35", "instrument", instrument_permitted,
        "asks with an instrument that the community leaves to its kind of requester",
        "asks with an instrument that the community does not leave to its kind of requester"),
    /* clang-format on */
};
static_assert(COUNT_OF(rules) <= LEGAL_RULES_MAX, "a report holds every rule");

size_t legal_rule_count(void) {
    return COUNT_OF(rules);
}

const struct legal_rule *legal_rule_at(size_t index) {
    ASSERT(index < COUNT_OF(rules));
    return &rules[index].rule;
}

void legal_check(const struct request *request, const struct legal_terms *terms, struct instant now,
                 bool document_here, struct legal_report *out) {
    const struct legal_evidence evidence = {.document_here = document_here};
    legal_check_evidence(request, terms, now, &evidence, out);
}

void legal_check_evidence(const struct request *request, const struct legal_terms *terms,
                          struct instant now, const struct legal_evidence *evidence,
                          struct legal_report *out) {
    const struct facts facts = {.request = request,
                                .instrument = &request->instrument,
                                .terms = terms,
                                .now = now,
                                .document_here = evidence->document_here,
                                .seal = evidence->seal,
                                .amends_own = evidence->amends_own};
    out->count = COUNT_OF(rules);
    out->kept_too_long = keeps_too_long(request, terms->charter);
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        out->outcomes[i] = rules[i].check(&facts);
    }
}

enum err legal_verdict(const struct legal_report *report, size_t *rule) {
    return verdict(report, true, rule);
}

enum err legal_verdict_lasting(const struct legal_report *report, size_t *rule) {
    return verdict(report, false, rule);
}

static enum err verdict(const struct legal_report *report, bool timed, size_t *rule) {
    if (report->kept_too_long) {
        return ERR_DENY_CHARTER;
    }
    for (size_t i = 0; i < report->count; i++) {
        bool counts = refuses(i) && (timed || rules[i].rule.severity != LEGAL_REFUSE_TIMED);
        if (counts && report->outcomes[i] == LEGAL_FAILED) {
            return refusal(i, rule);
        }
    }
    return ERR_OK;
}

enum err legal_refuse(const struct request *request, const struct legal_terms *terms,
                      struct instant now, size_t *rule) {
    const struct facts facts = {
        .request = request, .instrument = &request->instrument, .terms = terms, .now = now};
    if (keeps_too_long(request, terms->charter)) {
        return ERR_DENY_CHARTER; /* whoever passed it on may have another one still */
    }
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (refuses(i) && rules[i].check(&facts) == LEGAL_FAILED) {
            return refusal(i, rule);
        }
    }
    return ERR_OK;
}

enum err legal_refuse_always(const struct request *request, size_t *rule) {
    const struct facts facts = {
        .request = request, .instrument = &request->instrument, .now = request->head.created};
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (rules[i].rule.severity == LEGAL_REFUSE && !rules[i].cap &&
            rules[i].check(&facts) == LEGAL_FAILED) {
            return refusal(i, rule);
        }
    }
    return ERR_OK;
}

struct instant legal_secret_until(const struct request *request) {
    const struct facts facts = {.request = request, .instrument = &request->instrument};
    struct instant ends = request->instrument.non_disclosure_expires;
    int64_t latest = request->head.created.ms + SECRET_MAX_DAYS * (int64_t)DURATION_DAY_MS;
    if (silence_is_ordered(&facts) != LEGAL_PASSED || silence_ends(&facts) != LEGAL_PASSED) {
        return (struct instant){0};
    }
    return ends.ms < latest ? ends : (struct instant){latest};
}

static bool keeps_too_long(const struct request *request, const struct charter *charter) {
    return request->terms.delete_by.ms - request->head.created.ms >
           (int64_t)charter->delete_by_max_days * DURATION_DAY_MS;
}

static bool refuses(size_t rule) {
    return rules[rule].rule.severity != LEGAL_FAIL;
}

static enum err refusal(size_t rule, size_t *out) {
    if (out != NULL) {
        *out = rule;
    }
    if (rules[rule].cap) {
        return ERR_DENY_CAP;
    }
    return rules[rule].rule.severity == LEGAL_REFUSE_TIMED ? ERR_DENY_TIME : ERR_PEER_RULE;
}

/* ---- words ---- */

/* A word that says: nothing. */
#define NOTHING                                                                                    \
    " n a na t b c d none nil null unknown tbd tba tbc pending not applicable available yet to "   \
    "be "                                                                                          \
    "determined confirmed advised assigned unassigned xx xxx "

static bool is_filled(const char *text) {
    struct words words;
    words_fold(text, &words);
    return !words_only_of(&words, NOTHING);
}

static bool is_case_number(const char *text) {
    struct words words;
    words_fold(text, &words);
    return words_characters(&words) >= CASE_MIN &&
           !words_only_of(&words, NOTHING " investigation investigations under ongoing active open "
                                          "police criminal crime case number no docket file ref "
                                          "reference various confidential sealed test x ");
}

static bool is_specific(const char *text) {
    struct words words;
    words_fold(text, &words);
    return !words_only_of(&words,
                          NOTHING " crime crimes criminal activity activities investigation "
                                  "investigations felony felonies misdemeanor misdemeanour offence "
                                  "offense offences offenses suspicious behaviour behavior person "
                                  "persons various ongoing under police matter incident incidents "
                                  "the of and or any general violation violations law laws ");
}

static bool is_sweeping(const char *text) {
    static const char *const phrases[] = {
        " everything ",    " anything ",      " any and all ",        " all footage ",
        " all video ",     " all videos ",    " all recordings ",     " all cameras ",
        " all data ",      " all available ", " all surveillance ",   " all material ",
        " all materials ", " all records ",   " entire recording ",   " entire footage ",
        " whatever ",      " any footage ",   " all camera footage ", " all the footage ",
        " all of the ",    " all your ",
    };
    struct words words;
    words_fold(text, &words);
    for (size_t i = 0; i < COUNT_OF(phrases); i++) {
        if (strstr(words.text, phrases[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* ISO 3166-1 alpha-2, and after a hyphen one to three letters or digits of ISO 3166-2. */
static bool is_jurisdiction(const char *text) {
    static const char countries[] =
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
        "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
        "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS "
        "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
        "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ "
        "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
        "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
        "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
        "VN VU WF WS YE YT ZA ZM ZW ";
    static_assert(sizeof countries == 249 * 3 + 1, "as many as ISO 3166-1 has");
    size_t len = strlen(text);
    if (len < 2 || (len > 2 && (text[2] != '-' || len < 4 || len > 6))) {
        return false;
    }
    if (len > 2 && strspn(text + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != len - 3) {
        return false;
    }
    char country[4] = {text[0], text[1], ' ', '\0'};
    const char *found = strstr(countries, country);
    return found != NULL && (found - countries) % 3 == 0;
}
