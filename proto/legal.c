/* The rules of legal process: one table that the fence, the prompt, `stoop process` and
 * PROTOCOL 5.3 are made from. A rule looks at the request alone; what it cannot know it says. */
#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "node/base/assert.h"
#include "proto/request.h"

enum {
    CLOCK_SKEW_MS = 5 * DURATION_MINUTE_MS,
    PRESERVE_MAX_DAYS = 90,
    NON_DISCLOSURE_MAX_DAYS = 90,
    CASE_MIN = 3,
};

struct facts {
    const struct request *request;
    const struct instrument *instrument;
    const struct caps *caps;
    struct instant now;
    bool document_here;
};

typedef enum legal_outcome check(const struct facts *facts);

static bool is_blank_case(const char *text);
static bool is_sweeping(const char *text);
static bool is_country(const char *jurisdiction);
static int64_t execution_days(const struct instrument *instrument);

static bool from_court(const struct instrument *i) {
    return i->kind == INSTRUMENT_SEARCH_WARRANT || i->kind == INSTRUMENT_COURT_ORDER ||
           i->kind == INSTRUMENT_PRODUCTION_ORDER || i->kind == INSTRUMENT_SUBPOENA;
}

static bool ordered(const struct instrument *i) { /* somebody with authority signed it */
    return i->kind == INSTRUMENT_SEARCH_WARRANT || i->kind == INSTRUMENT_COURT_ORDER ||
           i->kind == INSTRUMENT_PRODUCTION_ORDER;
}

static bool official(const struct instrument *i) {
    return i->kind != INSTRUMENT_VOLUNTARY;
}

static enum legal_outcome must(bool applies, bool holds) {
    return !applies ? LEGAL_NOT_APPLICABLE : holds ? LEGAL_PASSED : LEGAL_FAILED;
}

static enum legal_outcome jurisdiction_known(const struct facts *f) {
    return must(from_court(f->instrument), is_country(f->instrument->jurisdiction));
}
static enum legal_outcome court_named(const struct facts *f) {
    return must(from_court(f->instrument), f->instrument->court[0] != '\0');
}
static enum legal_outcome case_given(const struct facts *f) {
    return must(from_court(f->instrument), strlen(f->instrument->case_number) >= CASE_MIN &&
                                               !is_blank_case(f->instrument->case_number));
}
static enum legal_outcome statute_given(const struct facts *f) {
    return must(from_court(f->instrument), f->instrument->statute[0] != '\0');
}
static enum legal_outcome offence_given(const struct facts *f) {
    return must(from_court(f->instrument), strlen(f->instrument->offence) >= CASE_MIN &&
                                               !is_sweeping(f->instrument->offence) &&
                                               !is_blank_case(f->instrument->offence));
}
static enum legal_outcome applicant_named(const struct facts *f) {
    return must(official(f->instrument), f->instrument->applicant_name[0] != '\0' &&
                                             f->instrument->applicant_agency[0] != '\0');
}
static enum legal_outcome badge_given(const struct facts *f) {
    return must(official(f->instrument), f->instrument->applicant_badge[0] != '\0');
}
static enum legal_outcome authority_named(const struct facts *f) {
    return must(ordered(f->instrument), f->instrument->authority_name[0] != '\0' &&
                                            f->instrument->authority_title[0] != '\0');
}
static enum legal_outcome authority_differs(const struct facts *f) {
    return must(ordered(f->instrument),
                strcasecmp(f->instrument->authority_name, f->instrument->applicant_name) != 0);
}
static enum legal_outcome issued_before_now(const struct facts *f) {
    return must(from_court(f->instrument),
                f->instrument->issued_at.ms > 0 &&
                    f->instrument->issued_at.ms <= f->now.ms + CLOCK_SKEW_MS);
}
static enum legal_outcome executes_after_issue(const struct facts *f) {
    return must(ordered(f->instrument), f->instrument->execute_by.ms > f->instrument->issued_at.ms);
}
static enum legal_outcome not_expired(const struct facts *f) {
    return must(ordered(f->instrument), f->instrument->execute_by.ms > f->now.ms);
}
static enum legal_outcome within_execution_period(const struct facts *f) {
    if (f->instrument->kind != INSTRUMENT_SEARCH_WARRANT) {
        return LEGAL_NOT_APPLICABLE;
    }
    int64_t days = execution_days(f->instrument);
    if (days == 0) {
        return LEGAL_UNKNOWN;
    }
    int64_t given = f->instrument->execute_by.ms - f->instrument->issued_at.ms;
    return must(true, given <= days * DURATION_DAY_MS);
}
static enum legal_outcome place_within_cap(const struct facts *f) {
    return must(true, geo_place_area_m2(&f->request->place) <= f->caps->area_m2);
}
static enum legal_outcome span_within_cap(const struct facts *f) {
    return must(true, f->request->to.ms - f->request->from.ms <= (int64_t)f->caps->span_s * 1000);
}
static enum legal_outcome time_is_past(const struct facts *f) {
    return must(true, f->request->to.ms <= f->now.ms + CLOCK_SKEW_MS);
}
static enum legal_outcome items_specific(const struct facts *f) {
    return must(from_court(f->instrument),
                f->instrument->items[0] != '\0' && !is_sweeping(f->instrument->items));
}
static enum legal_outcome produce_to_named(const struct facts *f) {
    return must(from_court(f->instrument), f->instrument->produce_to[0] != '\0');
}
static enum legal_outcome silence_ends(const struct facts *f) {
    const struct instrument *i = f->instrument;
    return must(i->non_disclosure, from_court(i) && i->non_disclosure_authority[0] != '\0' &&
                                       i->non_disclosure_issued.ms > 0 &&
                                       i->non_disclosure_expires.ms > i->non_disclosure_issued.ms);
}
static enum legal_outcome silence_is_short(const struct facts *f) {
    const struct instrument *i = f->instrument;
    return must(i->non_disclosure, i->non_disclosure_expires.ms - i->non_disclosure_issued.ms <=
                                       (int64_t)NON_DISCLOSURE_MAX_DAYS * DURATION_DAY_MS);
}
static enum legal_outcome preservation_ends(const struct facts *f) {
    int64_t until = f->instrument->preserve_until.ms;
    return must(f->instrument->kind == INSTRUMENT_PRESERVATION,
                until > f->request->head.created.ms &&
                    until <=
                        f->request->head.created.ms + (int64_t)PRESERVE_MAX_DAYS * DURATION_DAY_MS);
}
static enum legal_outcome emergency_explained(const struct facts *f) {
    const struct instrument *i = f->instrument;
    return must(i->kind == INSTRUMENT_EMERGENCY, i->emergency_facts[0] != '\0' &&
                                                     i->emergency_person[0] != '\0' &&
                                                     i->emergency_why_now[0] != '\0');
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
    /* An image of a seal never counts; a cryptographic one is checked by a later version. */
    return f->instrument->court_signature == COURT_SIGNATURE_CMS ? LEGAL_UNKNOWN : LEGAL_FAILED;
}
static enum legal_outcome reason_specific(const struct facts *f) {
    return must(true, strlen(f->request->reason) >= 10 && !is_sweeping(f->request->reason));
}

static const struct {
    struct legal_rule rule;
    check *check;
    bool cap;
} rules[] = {
    {{"LP-01", "jurisdiction", "names the country or state whose law it is", "policy",
      LEGAL_REFUSE},
     jurisdiction_known,
     false},
    {{"LP-02", "court", "names the court", "policy", LEGAL_REFUSE}, court_named, false},
    {{"LP-03", "case", "has a case or docket number, 3 to 64 characters, not 'N/A' or the like",
      "policy", LEGAL_REFUSE},
     case_given,
     false},
    {{"LP-04", "statute", "names the law it relies on", "18 USC 2703; PACE 1984 s.15(2)",
      LEGAL_FAIL},
     statute_given,
     false},
    {{"LP-05", "offence", "names a specific offence", "US Fed. R. Crim. P. 41; PACE 1984 s.15(2)",
      LEGAL_FAIL},
     offence_given,
     false},
    {{"LP-06", "applicant_name", "names the applicant and its agency", "PACE 1984 s.15(6)(a)(i)",
      LEGAL_REFUSE},
     applicant_named,
     false},
    {{"LP-07", "applicant_badge", "gives the applicant's badge or number", "policy", LEGAL_FAIL},
     badge_given,
     false},
    {{"LP-08", "authority_name", "names who issued it, with title", "policy", LEGAL_REFUSE},
     authority_named,
     false},
    {{"LP-09", "authority_name", "was not issued by its own applicant",
      "US Const. amend. IV (neutral magistrate)", LEGAL_REFUSE},
     authority_differs,
     false},
    {{"LP-10", "issued_at", "was issued, and not in the future", "policy", LEGAL_REFUSE_TIMED},
     issued_before_now,
     false},
    {{"LP-11", "execute_by", "is to be executed after it was issued", "policy", LEGAL_REFUSE},
     executes_after_issue,
     false},
    {{"LP-12", "execute_by", "has not run out", "US Fed. R. Crim. P. 41(e)(2)(A)(i)",
      LEGAL_REFUSE_TIMED},
     not_expired,
     false},
    {{"LP-13", "execute_by", "allows no longer than its jurisdiction's law",
      "US Fed. R. Crim. P. 41(e)(2)(A)(i): 14 days; PACE 1984 s.16(3): 3 months", LEGAL_FAIL},
     within_execution_period,
     false},
    {{"LP-14", "at", "asks about a place within the community's cap", "charter", LEGAL_REFUSE},
     place_within_cap,
     true},
    {{"LP-15", "from", "asks about a time within the community's cap", "charter", LEGAL_REFUSE},
     span_within_cap,
     true},
    {{"LP-16", "to", "asks about the past", "policy", LEGAL_REFUSE_TIMED}, time_is_past, false},
    {{"LP-17", "items", "describes what is looked for, not 'everything'",
      "US Const. amend. IV (particularity)", LEGAL_FAIL},
     items_specific,
     false},
    {{"LP-18", "produce_to", "names the officer to whom it is to go", "policy", LEGAL_FAIL},
     produce_to_named,
     false},
    {{"LP-19", "non_disclosure_expires", "ends its own secrecy, on a court's authority",
      "18 USC 2705(b)", LEGAL_REFUSE},
     silence_ends,
     false},
    {{"LP-20", "non_disclosure_expires", "asks for no more than 90 days of secrecy",
      "18 USC 2705(b)", LEGAL_FAIL},
     silence_is_short,
     false},
    {{"LP-21", "preserve_until", "asks to hold footage for at most 90 days", "18 USC 2703(f)(2)",
      LEGAL_REFUSE},
     preservation_ends,
     false},
    {{"LP-22", "emergency_facts", "says the facts, who is at risk, and why now",
      "18 USC 2702(b)(8)", LEGAL_REFUSE},
     emergency_explained,
     false},
    {{"LP-23", "document", "comes with the court's document", "policy", LEGAL_FAIL},
     document_attached,
     false},
    {{"LP-24", "document", "the document that came is the one it names", "policy", LEGAL_FAIL},
     document_matches,
     false},
    {{"LP-25", "court_signature", "carries the court's own signature", "policy", LEGAL_FAIL},
     court_signed,
     false},
    {{"LP-26", "reason", "gives a reason that says something", "policy", LEGAL_FAIL},
     reason_specific,
     false},
};
static_assert(COUNT_OF(rules) <= LEGAL_RULES_MAX, "a report holds every rule");

size_t legal_rule_count(void) {
    return COUNT_OF(rules);
}

const struct legal_rule *legal_rule_at(size_t index) {
    ASSERT(index < COUNT_OF(rules));
    return &rules[index].rule;
}

void legal_check(const struct request *request, const struct caps *caps, struct instant now,
                 bool document_here, struct legal_report *out) {
    const struct facts facts = {.request = request,
                                .instrument = &request->instrument,
                                .caps = caps,
                                .now = now,
                                .document_here = document_here};
    out->count = COUNT_OF(rules);
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        out->outcomes[i] = rules[i].check(&facts);
    }
}

enum err legal_verdict(const struct legal_report *report, size_t *rule) {
    for (size_t i = 0; i < report->count; i++) {
        if (report->outcomes[i] != LEGAL_FAILED || rules[i].rule.severity == LEGAL_FAIL) {
            continue;
        }
        if (rule != NULL) {
            *rule = i;
        }
        if (rules[i].cap) {
            return ERR_DENY_CAP;
        }
        return rules[i].rule.severity == LEGAL_REFUSE_TIMED ? ERR_DENY_TIME : ERR_PEER_RULE;
    }
    return ERR_OK;
}

/* ---- words ---- */

/* Letters and digits only, in lower case: "N / A." is "na". */
static void squeeze(const char *text, char *out, size_t room) {
    size_t len = 0;
    for (; *text != '\0' && len + 1 < room; text++) {
        if (isalnum((unsigned char)*text)) {
            out[len++] = (char)tolower((unsigned char)*text);
        }
    }
    out[len] = '\0';
}

static bool is_blank_case(const char *text) {
    static const char *const blanks[] = {
        "na",    "none",   "investigation", "pending", "unknown",
        "tbd",   "tba",    "various",       "ongoing", "criminal",
        "crime", "notyet", "test",          "x",       "underinvestigation",
        ""};
    char squeezed[CASE_MAX_BYTES];
    squeeze(text, squeezed, sizeof squeezed);
    for (size_t i = 0; i < COUNT_OF(blanks); i++) {
        if (strcmp(squeezed, blanks[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_sweeping(const char *text) {
    static const char *const words[] = {"everything",  "all footage", "all video", "any and all",
                                        "all cameras", "all data",    "anything"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcasestr(text, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* ISO 3166-1 alpha-2, and after a hyphen one to three letters or digits of ISO 3166-2. */
static bool is_country(const char *jurisdiction) {
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
    size_t len = strlen(jurisdiction);
    if (len < 2 || (len > 2 && (jurisdiction[2] != '-' || len < 4 || len > 6))) {
        return false;
    }
    for (size_t i = 3; i < len; i++) {
        if (!isupper((unsigned char)jurisdiction[i]) && !isdigit((unsigned char)jurisdiction[i])) {
            return false;
        }
    }
    char country[4] = {jurisdiction[0], jurisdiction[1], ' ', '\0'};
    const char *found = strstr(countries, country);
    return found != NULL && (found - countries) % 3 == 0;
}

/* 0: not known to us, which is not the same as unlimited. */
static int64_t execution_days(const struct instrument *instrument) {
    const char *jurisdiction = instrument->jurisdiction;
    bool federal = strcasestr(instrument->court, "United States") != NULL ||
                   strcasestr(instrument->court, "U.S.") != NULL ||
                   strcasestr(instrument->court, "federal") != NULL;
    if (strcmp(jurisdiction, "US") == 0 || (strncmp(jurisdiction, "US-", 3) == 0 && federal)) {
        return 14;
    }
    if (strcmp(jurisdiction, "GB-ENG") == 0 || strcmp(jurisdiction, "GB-WLS") == 0 ||
        strcmp(jurisdiction, "GB-EAW") == 0) {
        return 92; /* three months */
    }
    return 0;
}
