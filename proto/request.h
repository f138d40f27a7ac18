/* Requests (PROTOCOL 5.2) and the legal process they state (PROTOCOL 5.3). */
#ifndef PROTO_REQUEST_H
#define PROTO_REQUEST_H

#include "proto/community.h"

enum {
    REASON_MAX_BYTES = 501,
    FIELD_MAX_BYTES = 129,      /* court, statute, offence, titles */
    LONG_FIELD_MAX_BYTES = 513, /* items described, emergency facts */
    CASE_MAX_BYTES = 65,
    DOCUMENT_MAX = 2 * 1024 * 1024,
    COURT_SEAL_MAX = 64 * 1024,
    REQUEST_CODE_BYTES = 8,    /* "4F2A-91" and NUL */
    REQUEST_CODE_ID_BYTES = 3, /* of the id, in a code */
    LONG_CODE_BYTES = 80,      /* of a whole id, and NUL */
    CALL_NOTE_BYTES = 201,     /* NUL included */
    CALLS_SHOWN_MAX = 8,       /* of one request: the newest (PROTOCOL 5.7) */
    REQUEST_LIFE_MAX_DAYS = 7,
    DELETE_BY_DEFAULT_DAYS = 30,
};

enum instrument_kind { /* values are the wire's; 0 is refused */
    INSTRUMENT_SEARCH_WARRANT = 1,
    INSTRUMENT_COURT_ORDER,
    INSTRUMENT_PRODUCTION_ORDER,
    INSTRUMENT_SUBPOENA,
    INSTRUMENT_PRESERVATION,
    INSTRUMENT_EMERGENCY,
    INSTRUMENT_VOLUNTARY,
};

enum court_signature {
    COURT_SIGNATURE_NONE = 1,
    COURT_SIGNATURE_IMAGE,
    COURT_SIGNATURE_CMS
};

/* An absent text is empty, an absent time is 0. */
struct instrument {
    enum instrument_kind kind;
    char jurisdiction[8]; /* ISO 3166-1 or -2: "US-CA", "GB-ENG" */
    char court[FIELD_MAX_BYTES];
    char case_number[CASE_MAX_BYTES];
    char statute[FIELD_MAX_BYTES];
    char offence[FIELD_MAX_BYTES];
    char applicant_name[NAME_MAX_BYTES];
    char applicant_agency[NAME_MAX_BYTES];
    char applicant_badge[NAME_MAX_BYTES];
    char authority_name[NAME_MAX_BYTES];
    char authority_title[FIELD_MAX_BYTES];
    struct instant issued_at;
    struct instant execute_by;
    char items[LONG_FIELD_MAX_BYTES];
    char produce_to[NAME_MAX_BYTES];
    struct instant produce_by;
    bool non_disclosure;
    char non_disclosure_authority[FIELD_MAX_BYTES];
    struct instant non_disclosure_issued;
    struct instant non_disclosure_expires;
    struct instant preserve_until;
    char emergency_facts[LONG_FIELD_MAX_BYTES];
    char emergency_person[FIELD_MAX_BYTES];
    char emergency_why_now[LONG_FIELD_MAX_BYTES];
    enum court_signature court_signature;
};

struct document {
    bool present;
    struct id sha256;
    uint32_t size;       /* 1 to DOCUMENT_MAX */
    char media_type[32]; /* "application/pdf", "image/png", "text/plain" */
};

struct court_seal { /* a detached CMS signature over the document (PROTOCOL 5.5) */
    bool present;
    struct id sha256;
    uint32_t size; /* 1 to COURT_SEAL_MAX */
};

struct terms { /* P10 */
    char purpose[FIELD_MAX_BYTES];
    char case_number[CASE_MAX_BYTES];
    struct instant delete_by;
    bool no_face_recognition; /* always true in this version */
    bool no_passing_on;       /* always true in this version */
};

struct request {
    struct head head; /* author: the requester's member certificate; signed by one of its owners */
    struct box_public key;       /* the request key: clips are sealed to it */
    struct box_public transport; /* node static of the requester, for the delivery door */
    size_t address_count;
    char addresses[ADDRESSES_MAX][ADDRESS_MAX_BYTES];
    struct geo_place place;
    struct instant from; /* UTC, footage asked for: [from, to) */
    struct instant to;
    char reason[REASON_MAX_BYTES];
    struct instrument instrument;
    struct document document;
    struct terms terms;
    struct id amends; /* zero: none */
    struct court_seal court_seal;
};

struct withdrawal {   /* takes a request back (PROTOCOL 5.6) */
    struct head head; /* author and end are the request's; signed by one of its owners */
    struct id request;
};

enum call_outcome { /* values are the wire's; 0 is refused */
    CALL_CONFIRMED = 1,
    CALL_DENIED,
    CALL_NOT_REACHED,
};

struct call_back {    /* a member has called a request's agency back (PROTOCOL 5.7) */
    struct head head; /* its end is the request's; signed by one of its author's owners */
    struct id request;
    char agency[NAME_MAX_BYTES];
    char number[CALL_NUMBER_BYTES];
    char spoke_to[NAME_MAX_BYTES]; /* empty: not said, or nobody */
    struct instant at;             /* of the call; not after head.created */
    enum call_outcome outcome;
    char note[CALL_NOTE_BYTES];
};

MUST_USE enum err request_decode(struct bytes body, struct request *out);
MUST_USE enum err request_encode(const struct request *request, struct buffer *out);
MUST_USE enum err withdrawal_decode(struct bytes body, struct withdrawal *out);
MUST_USE enum err withdrawal_encode(const struct withdrawal *withdrawal, struct buffer *out);
MUST_USE enum err call_back_decode(struct bytes body, struct call_back *out);
MUST_USE enum err call_back_encode(const struct call_back *call, struct buffer *out);

/* Do they end this request? Only its author's do, and a withdrawal ends when its request does
 * (PROTOCOL 5.6). */
bool withdrawal_ends(const struct withdrawal *withdrawal, const struct id *request,
                     const struct head *head);
bool amendment_ends(const struct request *amendment, const struct id *request,
                    const struct head *head);

/* Is it about this request: by another than its author, to the agency that it names, ending when it
 * does? And was that number called which the charter's directory has for the agency? */
bool call_back_is_about(const struct call_back *call, const struct id *id,
                        const struct request *request);
bool call_back_is_listed(const struct call_back *call, const struct charter *charter);
const char *call_outcome_word(enum call_outcome outcome); /* "not-reached" */
MUST_USE enum err call_outcome_from_word(const char *word, enum call_outcome *out);

/* "4F2A-91": the first 24 bits of the id in upper-case hex, as people read and type it. */
void request_code(const struct id *request, char text[REQUEST_CODE_BYTES]);
/* "4F2A-91C3-07": a code goes on so where the short one is another request's too. */
void request_long_code(const struct id *request, size_t bytes, char text[LONG_CODE_BYTES]);

/* psk0 of the delivery door: whoever holds the request can dial its requester (PROTOCOL 3.3). */
void request_delivery_psk(const struct id *request, const struct box_public *key, uint8_t psk0[32]);

const char *instrument_word(enum instrument_kind kind);  /* "search_warrant" */
const char *instrument_label(enum instrument_kind kind); /* "a search warrant" */
MUST_USE enum err instrument_from_word(const char *word, enum instrument_kind *out);

/* ---- rules of legal process (PROTOCOL 5.3): one table drives fence, prompt, `--help` and text
 * ---- */

enum legal_severity {
    LEGAL_REFUSE,       /* every node refuses the request at its fence */
    LEGAL_REFUSE_TIMED, /* the same, but it depends on the time: ignored, the sender not blamed */
    LEGAL_FAIL,         /* a failed check on the prompt */
};

enum legal_outcome {
    LEGAL_PASSED,
    LEGAL_FAILED,
    LEGAL_UNKNOWN /* could not be checked */,
    LEGAL_NOT_APPLICABLE
};

enum {
    LEGAL_RULES_MAX = 64
};

struct legal_rule {
    const char *id;     /* "LP-07" */
    const char *field;  /* key in a process file: "execute_by" */
    const char *text;   /* what must hold, in plain words: "names the court" */
    const char *broken; /* what is so when it does not: "does not name the court" */
    const char *source; /* "policy", "US Fed. R. Crim. P. 41(e)(2)(A)", ... */
    enum legal_severity severity;
};

struct legal_report {
    size_t count; /* = legal_rule_count() */
    enum legal_outcome outcomes[LEGAL_RULES_MAX];
    bool kept_too_long; /* by the charter; no rule of the table, and refused all the same */
};

/* What a community holds a request to besides: node, ingest, prompt and `stoop request` all judge
 * by these. */
struct legal_terms {
    const struct charter *charter; /* its caps, its service area, how long clips may be kept */
    bool elsewhere; /* a treaty lets it be asked of another community: its place need not be ours */
    uint32_t instruments; /* that its asker may use: 1 << instrument_kind */
};

size_t legal_rule_count(void);
const struct legal_rule *legal_rule_at(size_t index); /* static */

/* `document_here`: the attachment has come and its hash is right (node, prompt), or the file was
 * given (CLI). Never fails: the fence has bounded the request. */
void legal_check(const struct request *request, const struct legal_terms *terms, struct instant now,
                 bool document_here, struct legal_report *out);
/* What became of the court's own signature (PROTOCOL 5.5). */
enum legal_seal {
    LEGAL_SEAL_UNKNOWN, /* it or its document is not here, or nobody looked */
    LEGAL_SEAL_GOOD,    /* by an authority that the charter pins, over this document */
    LEGAL_SEAL_BAD,
};
/* The same by whoever has looked; legal_check() is for who has not. */
struct legal_evidence {
    bool document_here;
    enum legal_seal seal;
    bool amends_own; /* what it amends is held, and by the same author; false: not known */
};
void legal_check_evidence(const struct request *request, const struct legal_terms *terms,
                          struct instant now, const struct legal_evidence *evidence,
                          struct legal_report *out);
/* First failed rule that refuses: ERR_PEER_RULE, ERR_DENY_TIME for a timed one, ERR_DENY_CAP for a
 * cap; ERR_OK when none. *rule gets its index when not NULL. Before them all, and without a rule:
 * ERR_DENY_CHARTER, it keeps clips longer than the charter lets it. */
MUST_USE enum err legal_verdict(const struct legal_report *report, size_t *rule);
/* The same but for timed rules, for a request that was taken once: it kept them then, and one that
 * it breaks by now must hide no other. */
MUST_USE enum err legal_verdict_lasting(const struct legal_report *report, size_t *rule);
/* The verdict on a request whose document is not here, without a report and without the checks that
 * refuse nothing. */
MUST_USE enum err legal_refuse(const struct request *request, const struct legal_terms *terms,
                               struct instant now, size_t *rule);
/* The same of the rules that hang on nothing but the request: what breaks one of them does so at
 * any time, and under any charter. */
MUST_USE enum err legal_refuse_always(const struct request *request, size_t *rule);
/* Until when records do not name it (PROTOCOL 8.7): 0 where it does not ask for that, or no court
 * stands behind it (LP-23, LP-24), whatever else is right or wrong with it. */
struct instant legal_secret_until(const struct request *request);

#endif
