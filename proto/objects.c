/* Shapes of the signed bodies, in the order of proto/object.proto. */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "crypto/piece_tree.h"
#include "proto/clip.h"
#include "proto/shapes.h"

/* A manifest's sources are packed as they lie in memory: little-endian times (PROTOCOL 6.2). */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed sources are little-endian");
static_assert(sizeof(struct clip_source) == 48, "one packed source");
static_assert(sizeof(struct owner_public) == 64, "signing key, then agreement key");

#define ROW SHAPE_ROW
#define ARRAY SHAPE_ARRAY
#define NEEDED .required = true

/* ---- places, terms, caps ---- */

static const struct shape_field point_rows[] = {
    ROW(1, SHAPE_SINT, struct geo_point, lat, .max = 900000000),
    ROW(2, SHAPE_SINT, struct geo_point, lon, .max = 1800000000),
};
static const struct shape point_shape = SHAPE_OF("Point", point_rows, NULL);

static bool place_check(const void *plain) {
    return geo_place_valid(plain);
}
static const struct shape_field place_rows[] = {
    ROW(1, SHAPE_U32, struct geo_place, radius_m, .max = GEO_RADIUS_MAX_M),
    ARRAY(2, SHAPE_MESSAGE, struct geo_place, points, count, NEEDED, .sub = &point_shape),
};
const struct shape place_shape = SHAPE_OF("Place", place_rows, place_check);

static bool terms_check(const void *plain) {
    const struct terms *terms = plain;
    return terms->no_face_recognition && terms->no_passing_on;
}
static const struct shape_field terms_rows[] = {
    ROW(1, SHAPE_TEXT, struct terms, purpose, NEEDED),
    ROW(2, SHAPE_TEXT, struct terms, case_number),
    ROW(3, SHAPE_TIME, struct terms, delete_by, NEEDED),
    ROW(4, SHAPE_BOOL, struct terms, no_face_recognition, NEEDED),
    ROW(5, SHAPE_BOOL, struct terms, no_passing_on, NEEDED),
};
static const struct shape terms_shape = SHAPE_OF("Terms", terms_rows, terms_check);

static const struct shape_field caps_rows[] = {
    ROW(1, SHAPE_U32, struct caps, span_s, NEEDED, .min = 1, .max = 43200),
    ROW(2, SHAPE_U32, struct caps, area_m2, NEEDED, .min = 1, .max = 1294994),
    ROW(3, SHAPE_U32, struct caps, live_requests, NEEDED, .min = 1, .max = 10),
};
const struct shape caps_shape = SHAPE_OF("Caps", caps_rows, NULL);

/* ---- communities ---- */

static bool keys_distinct(const struct sign_public *keys, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (sign_public_equal(&keys[i], &keys[k])) {
                return false;
            }
        }
    }
    return true;
}

static bool owners_distinct(const struct owner_public *owners, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (sign_public_equal(&owners[i].sign, &owners[k].sign) ||
                box_public_equal(&owners[i].box, &owners[k].box)) {
                return false;
            }
        }
    }
    return true;
}

static bool addresses_valid(const char addresses[][ADDRESS_MAX_BYTES], size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!address_valid(addresses[i])) {
            return false;
        }
    }
    return true;
}

bool call_number_valid(const char *number) {
    size_t digits = 0;
    for (const char *at = number; *at != '\0'; at++) {
        digits += *at >= '0' && *at <= '9' ? 1 : 0;
    }
    return digits >= 3 && number[strspn(number, "0123456789+ ()-./")] == '\0';
}

const struct agency *charter_agency(const struct charter *charter, const char *name) {
    for (size_t i = 0; i < charter->agency_count; i++) {
        if (strcasecmp(charter->agencies[i].name, name) == 0) {
            return &charter->agencies[i];
        }
    }
    return NULL;
}

static bool agency_check(const void *plain) {
    const struct agency *agency = plain;
    return call_number_valid(agency->number);
}
static const struct shape_field agency_rows[] = {
    ROW(1, SHAPE_TEXT, struct agency, name, NEEDED),
    ROW(2, SHAPE_TEXT, struct agency, number, NEEDED),
};
static const struct shape agency_shape = SHAPE_OF("Agency", agency_rows, agency_check);

static const struct shape_field role_rule_rows[] = {
    ROW(1, SHAPE_U32, struct role_rule, role, NEEDED, .min = MEMBER_HOME, .max = MEMBER_OFFICER),
    ROW(2, SHAPE_U32, struct role_rule, instruments, .max = INSTRUMENTS_ALL),
    ROW(3, SHAPE_BOOL, struct role_rule, may_not_invite),
};
const struct shape role_rule_shape = SHAPE_OF("RoleRule", role_rule_rows, NULL);

static bool charter_check(const void *plain) {
    const struct charter *charter = plain;
    for (size_t i = 0; i < charter->agency_count; i++) {
        if (charter_agency(charter, charter->agencies[i].name) != &charter->agencies[i]) {
            return false; /* named before */
        }
    }
    for (size_t i = 0; i < charter->authority_count; i++) {
        if (charter->authorities[i].len == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < charter->role_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (charter->roles[i].role == charter->roles[k].role) {
                return false;
            }
        }
    }
    return charter->threshold <= charter->administrator_count &&
           keys_distinct(charter->administrators, charter->administrator_count);
}
static const struct shape_field charter_rows[] = {
    ROW(1, SHAPE_TEXT, struct charter, name, NEEDED),
    ROW(2, SHAPE_TIME, struct charter, created, NEEDED),
    ARRAY(3, SHAPE_FIXED, struct charter, administrators, administrator_count, NEEDED),
    ROW(4, SHAPE_U32, struct charter, threshold, NEEDED, .min = 1, .max = ADMINISTRATORS_MAX),
    ROW(5, SHAPE_U32, struct charter, invite_allowance, .max = 64),
    ROW(6, SHAPE_MESSAGE, struct charter, caps, NEEDED, .sub = &caps_shape),
    SHAPE_OPTIONAL(7, struct charter, area, has_area, .sub = &place_shape),
    ROW(8, SHAPE_U32, struct charter, witnesses, .max = CHARTER_WITNESSES_MAX),
    ROW(9, SHAPE_U32, struct charter, slot_s, NEEDED, .min = 1, .max = 3600),
    ROW(10, SHAPE_U32, struct charter, delete_by_max_days, NEEDED, .min = 1, .max = 3650),
    ARRAY(11, SHAPE_BYTES, struct charter, authorities, authority_count, .max = AUTHORITY_MAX),
    ARRAY(12, SHAPE_MESSAGE, struct charter, agencies, agency_count, .sub = &agency_shape),
    ARRAY(13, SHAPE_MESSAGE, struct charter, roles, role_count, .sub = &role_rule_shape),
};
static const struct shape charter_shape = SHAPE_OF("Charter", charter_rows, charter_check);

static const struct shape_field removed_rows[] = {
    ROW(1, SHAPE_FIXED, struct removed, member, NEEDED),
    ROW(2, SHAPE_BOOL, struct removed, subtree),
    ROW(3, SHAPE_FIXED, struct removed, epoch),
    ROW(4, SHAPE_TEXT, struct removed, reason),
};
static const struct shape removed_shape = SHAPE_OF("Removed", removed_rows, NULL);

static const struct shape_field renewed_rows[] = {
    ROW(1, SHAPE_FIXED, struct renewed, member, NEEDED),
    ROW(2, SHAPE_TIME, struct renewed, until, NEEDED),
};
static const struct shape renewed_shape = SHAPE_OF("Renewed", renewed_rows, NULL);

static bool admission_check(const void *plain) {
    const struct admission *admission = plain;
    for (size_t i = 0; i < admission->door_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (id_equal(&admission->doors[i], &admission->doors[k])) {
                return false;
            }
        }
    }
    return true;
}
static const struct shape_field admission_rows[] = {
    ROW(1, SHAPE_BYTES, struct admission, member, NEEDED, .max = OUTSIDER_CERTIFICATE_MAX),
    ROW(2, SHAPE_U32, struct admission, kind, NEEDED, .min = OUTSIDER_AGENCY,
        .max = OUTSIDER_OTHER),
    ROW(3, SHAPE_U32, struct admission, instruments, .max = INSTRUMENTS_ALL),
    ROW(4, SHAPE_U32, struct admission, live_requests, NEEDED, .min = 1, .max = 10),
    ARRAY(5, SHAPE_FIXED, struct admission, doors, door_count, NEEDED),
    ROW(6, SHAPE_TIME, struct admission, until, NEEDED),
    ROW(7, SHAPE_BOOL, struct admission, suspended),
};
static const struct shape admission_shape = SHAPE_OF("Admission", admission_rows, admission_check);

/* What was done by k of n has no author, and does not expire. It does one thing; only a removal may
 * bring the charter that names the one no more. */
static bool act_check(const void *plain) {
    const struct act *act = plain;
    int things = (act->has_charter || act->has_removed) + act->has_renewed + act->has_admission +
                 (act->treaty.len > 0) + !id_is_zero(&act->treaty_ended);
    int64_t most = (int64_t)RENEWED_MAX_DAYS * DURATION_DAY_MS;
    bool renewed = !act->has_renewed || act->renewed.until.ms - act->head.created.ms <= most;
    bool removed = !act->has_removed || !id_is_zero(&act->removed.epoch);
    return things == 1 && renewed && removed && id_is_zero(&act->head.author) &&
           act->head.expires.ms == INSTANT_FOR_GOOD.ms;
}
static const struct shape_field act_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct act, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct act, previous, NEEDED),
    SHAPE_OPTIONAL(3, struct act, charter, has_charter, .sub = &charter_shape),
    SHAPE_OPTIONAL(4, struct act, removed, has_removed, .sub = &removed_shape),
    SHAPE_OPTIONAL(5, struct act, renewed, has_renewed, .sub = &renewed_shape),
    SHAPE_OPTIONAL(6, struct act, admission, has_admission, .sub = &admission_shape),
    ROW(7, SHAPE_BYTES, struct act, treaty, .max = TREATY_BODY_MAX),
    ROW(8, SHAPE_FIXED, struct act, treaty_ended),
};
static const struct shape act_shape = SHAPE_OF("Act", act_rows, act_check);

static bool endorsement_check(const void *plain) {
    const struct endorsement *endorsement = plain;
    return !id_is_zero(&endorsement->head.author);
}
static const struct shape_field endorsement_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct endorsement, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_BYTES, struct endorsement, act, NEEDED, .max = ACT_BODY_MAX),
    ROW(3, SHAPE_FIXED, struct endorsement, signature, NEEDED),
};
static const struct shape endorsement_shape =
    SHAPE_OF("Endorsement", endorsement_rows, endorsement_check);

static bool removal_check(const void *plain) {
    const struct removal *removal = plain;
    return !id_is_zero(&removal->head.author) && removal->head.expires.ms == INSTANT_FOR_GOOD.ms;
}
static const struct shape_field removal_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct removal, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_MESSAGE, struct removal, removed, NEEDED, .sub = &removed_shape),
};
static const struct shape removal_shape = SHAPE_OF("Removal", removal_rows, removal_check);

static bool renewal_check(const void *plain) {
    const struct renewal *renewal = plain;
    int64_t life = renewal->head.expires.ms - renewal->head.created.ms;
    return !id_is_zero(&renewal->head.author) &&
           life <= (int64_t)CERTIFICATE_LIFE_MAX_DAYS * DURATION_DAY_MS;
}
static const struct shape_field renewal_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct renewal, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct renewal, member, NEEDED),
};
static const struct shape renewal_shape = SHAPE_OF("Renewal", renewal_rows, renewal_check);

/* Whom an invite brought in has a sponsor; who came otherwise has no invite. */
static bool member_check(const void *plain) {
    const struct member *member = plain;
    bool officer = member->role == MEMBER_OFFICER;
    bool outside = officer || member->role == MEMBER_OUTSIDER;
    bool brought = !id_is_zero(&member->head.author);
    bool whole = outside
                     ? brought == officer && member->invite.len == 0 &&
                           member->invite_allowance == 0 && (!officer || member->owner_count == 1)
                     : brought == (member->invite.len > 0);
    return whole && owners_distinct(member->owners, member->owner_count);
}
static const struct shape_field member_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct member, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_TEXT, struct member, name, NEEDED),
    ROW(3, SHAPE_U32, struct member, role, NEEDED, .min = MEMBER_HOME, .max = MEMBER_OFFICER),
    ROW(4, SHAPE_FIXED, struct member, node, NEEDED),
    ROW(5, SHAPE_FIXED, struct member, log, NEEDED),
    ROW(6, SHAPE_FIXED, struct member, transport, NEEDED),
    ARRAY(7, SHAPE_FIXED, struct member, owners, owner_count, NEEDED),
    ARRAY(8, SHAPE_TEXT, struct member, owner_names, owner_count, NEEDED),
    ROW(9, SHAPE_U32, struct member, invite_allowance, .max = 64),
    ROW(10, SHAPE_BYTES, struct member, invite, .max = 1024),
};
static const struct shape member_shape = SHAPE_OF("Member", member_rows, member_check);

/* Nobody is invited to ask from outside. */
static bool invite_check(const void *plain) {
    const struct invite *invite = plain;
    return invite->role <= MEMBER_WITNESS;
}
static const struct shape_field invite_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct invite, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct invite, key, NEEDED),
    ROW(3, SHAPE_U32, struct invite, role, NEEDED, .min = MEMBER_HOME, .max = MEMBER_OFFICER),
    ROW(4, SHAPE_U32, struct invite, invite_allowance, .max = 64),
};
static const struct shape invite_shape = SHAPE_OF("Invite", invite_rows, invite_check);

static bool node_record_check(const void *plain) {
    const struct node_record *record = plain;
    return addresses_valid(record->addresses, record->address_count);
}
static const struct shape_field node_record_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct node_record, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_U64, struct node_record, sequence),
    ROW(3, SHAPE_U64, struct node_record, features),
    ARRAY(4, SHAPE_TEXT, struct node_record, addresses, address_count),
    ROW(5, SHAPE_FIXED, struct node_record, log, NEEDED),
};
static const struct shape node_record_shape =
    SHAPE_OF("NodeRecord", node_record_rows, node_record_check);

/* ---- requests ---- */

static const struct shape_field instrument_rows[] = {
    ROW(1, SHAPE_U32, struct instrument, kind, NEEDED, .min = INSTRUMENT_SEARCH_WARRANT,
        .max = INSTRUMENT_VOLUNTARY),
    ROW(2, SHAPE_TEXT, struct instrument, jurisdiction),
    ROW(3, SHAPE_TEXT, struct instrument, court),
    ROW(4, SHAPE_TEXT, struct instrument, case_number),
    ROW(5, SHAPE_TEXT, struct instrument, statute),
    ROW(6, SHAPE_TEXT, struct instrument, offence),
    ROW(7, SHAPE_TEXT, struct instrument, applicant_name),
    ROW(8, SHAPE_TEXT, struct instrument, applicant_agency),
    ROW(9, SHAPE_TEXT, struct instrument, applicant_badge),
    ROW(10, SHAPE_TEXT, struct instrument, authority_name),
    ROW(11, SHAPE_TEXT, struct instrument, authority_title),
    ROW(12, SHAPE_TIME, struct instrument, issued_at),
    ROW(13, SHAPE_TIME, struct instrument, execute_by),
    ROW(14, SHAPE_TEXT, struct instrument, items),
    ROW(15, SHAPE_TEXT, struct instrument, produce_to),
    ROW(16, SHAPE_TIME, struct instrument, produce_by),
    ROW(17, SHAPE_BOOL, struct instrument, non_disclosure),
    ROW(18, SHAPE_TEXT, struct instrument, non_disclosure_authority),
    ROW(19, SHAPE_TIME, struct instrument, non_disclosure_issued),
    ROW(20, SHAPE_TIME, struct instrument, non_disclosure_expires),
    ROW(21, SHAPE_TIME, struct instrument, preserve_until),
    ROW(22, SHAPE_TEXT, struct instrument, emergency_facts),
    ROW(23, SHAPE_TEXT, struct instrument, emergency_person),
    ROW(24, SHAPE_TEXT, struct instrument, emergency_why_now),
    ROW(25, SHAPE_U32, struct instrument, court_signature, NEEDED, .min = COURT_SIGNATURE_NONE,
        .max = COURT_SIGNATURE_CMS),
};
static const struct shape instrument_shape = SHAPE_OF("Instrument", instrument_rows, NULL);

static const struct shape_field document_rows[] = {
    ROW(1, SHAPE_FIXED, struct document, sha256, NEEDED),
    ROW(2, SHAPE_U32, struct document, size, NEEDED, .min = 1, .max = DOCUMENT_MAX),
    ROW(3, SHAPE_TEXT, struct document, media_type, NEEDED),
};
static const struct shape document_shape = SHAPE_OF("Document", document_rows, NULL);

static const struct shape_field court_seal_rows[] = {
    ROW(1, SHAPE_FIXED, struct court_seal, sha256, NEEDED),
    ROW(2, SHAPE_U32, struct court_seal, size, NEEDED, .min = 1, .max = COURT_SEAL_MAX),
};
static const struct shape court_seal_shape = SHAPE_OF("CourtSeal", court_seal_rows, NULL);

static bool request_check(const void *plain) {
    const struct request *request = plain;
    return addresses_valid(request->addresses, request->address_count) &&
           request->from.ms < request->to.ms &&
           request->head.expires.ms - request->head.created.ms <=
               (int64_t)REQUEST_LIFE_MAX_DAYS * DURATION_DAY_MS;
}
static const struct shape_field request_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct request, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct request, key, NEEDED),
    ROW(3, SHAPE_FIXED, struct request, transport, NEEDED),
    ARRAY(4, SHAPE_TEXT, struct request, addresses, address_count, NEEDED),
    ROW(5, SHAPE_MESSAGE, struct request, place, NEEDED, .sub = &place_shape),
    ROW(6, SHAPE_TIME, struct request, from, NEEDED),
    ROW(7, SHAPE_TIME, struct request, to, NEEDED),
    ROW(8, SHAPE_TEXT, struct request, reason, NEEDED),
    ROW(9, SHAPE_MESSAGE, struct request, instrument, NEEDED, .sub = &instrument_shape),
    {.number = 10,
     .kind = SHAPE_MESSAGE,
     .offset = offsetof(struct request, document),
     .size = sizeof(struct document),
     .counted = true,
     .count_offset = offsetof(struct request, document) + offsetof(struct document, present),
     .name = "document",
     .sub = &document_shape},
    ROW(11, SHAPE_MESSAGE, struct request, terms, NEEDED, .sub = &terms_shape),
    ROW(12, SHAPE_FIXED, struct request, amends),
    {.number = 13,
     .kind = SHAPE_MESSAGE,
     .offset = offsetof(struct request, court_seal),
     .size = sizeof(struct court_seal),
     .counted = true,
     .count_offset = offsetof(struct request, court_seal) + offsetof(struct court_seal, present),
     .name = "court_seal",
     .sub = &court_seal_shape},
};
static const struct shape request_shape = SHAPE_OF("Request", request_rows, request_check);

static const struct shape_field withdrawal_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct withdrawal, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct withdrawal, request, NEEDED),
};
static const struct shape withdrawal_shape = SHAPE_OF("Withdrawal", withdrawal_rows, NULL);

bool withdrawal_ends(const struct withdrawal *withdrawal, const struct id *request,
                     const struct head *head) {
    return id_equal(&withdrawal->request, request) &&
           id_equal(&withdrawal->head.author, &head->author) &&
           withdrawal->head.expires.ms == head->expires.ms;
}

bool camera_may_be_asked(const struct camera *camera) {
    return !camera->indoor || camera->indoor_open;
}

bool camera_open_to(const struct camera *camera, const struct id *community) {
    bool open = camera->community_count == 0;
    for (size_t i = 0; i < camera->community_count; i++) {
        open |= id_equal(&camera->communities[i], community);
    }
    return open;
}

bool camera_list_serves(const struct camera_list *list, const struct id *community,
                        const char *name) {
    const char *node = SLUG_FIRST;
    bool served = false;
    for (size_t i = 0; i < list->community_count; i++) {
        served |= id_equal(&list->communities[i], community);
    }
    for (size_t i = 0; i < list->further_count; i++) {
        node = id_equal(&list->further[i].community, community) ? list->further[i].name : node;
    }
    return served && strcmp(node, name) == 0;
}

bool amendment_ends(const struct request *amendment, const struct id *request,
                    const struct head *head) {
    return id_equal(&amendment->amends, request) &&
           id_equal(&amendment->head.author, &head->author);
}

static bool call_back_check(const void *plain) {
    const struct call_back *call = plain;
    return call_number_valid(call->number) && call->at.ms <= call->head.created.ms &&
           (call->outcome != CALL_NOT_REACHED || call->spoke_to[0] == '\0');
}
static const struct shape_field call_back_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct call_back, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct call_back, request, NEEDED),
    ROW(3, SHAPE_TEXT, struct call_back, agency, NEEDED),
    ROW(4, SHAPE_TEXT, struct call_back, number, NEEDED),
    ROW(5, SHAPE_TEXT, struct call_back, spoke_to),
    ROW(6, SHAPE_TIME, struct call_back, at, NEEDED),
    ROW(7, SHAPE_U32, struct call_back, outcome, NEEDED, .min = CALL_CONFIRMED,
        .max = CALL_NOT_REACHED),
    ROW(8, SHAPE_TEXT, struct call_back, note),
};
static const struct shape call_back_shape = SHAPE_OF("CallBack", call_back_rows, call_back_check);

bool call_back_is_about(const struct call_back *call, const struct id *id,
                        const struct request *request) {
    return id_equal(&call->request, id) && !id_equal(&call->head.author, &request->head.author) &&
           call->head.expires.ms == request->head.expires.ms &&
           strcasecmp(call->agency, request->instrument.applicant_agency) == 0;
}

bool call_back_is_listed(const struct call_back *call, const struct charter *charter) {
    const struct agency *agency = charter_agency(charter, call->agency);
    return agency != NULL && strcmp(agency->name, call->agency) == 0 &&
           strcmp(agency->number, call->number) == 0;
}

static const char *const outcome_words[] = {
    [CALL_CONFIRMED] = "confirmed", [CALL_DENIED] = "denied", [CALL_NOT_REACHED] = "not-reached"};

const char *call_outcome_word(enum call_outcome outcome) {
    return outcome_words[outcome];
}

enum err call_outcome_from_word(const char *word, enum call_outcome *out) {
    for (enum call_outcome i = CALL_CONFIRMED; i <= CALL_NOT_REACHED; i++) {
        if (strcmp(outcome_words[i], word) == 0) {
            *out = i;
            return ERR_OK;
        }
    }
    return ERR_USER_SYNTAX;
}

/* ---- cameras and clips ---- */

static const struct shape_field view_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct geo_view, at, NEEDED, .sub = &point_shape),
    ROW(2, SHAPE_U32, struct geo_view, reach_m, NEEDED, .min = 1, .max = GEO_REACH_MAX_M),
    ROW(3, SHAPE_U32, struct geo_view, facing_deg, .max = 359),
    ROW(4, SHAPE_U32, struct geo_view, angle_deg, NEEDED, .min = 1, .max = 360),
};
static bool view_check(const void *plain) {
    return geo_view_valid(plain);
}
static const struct shape view_shape = SHAPE_OF("View", view_rows, view_check);

static bool camera_name_valid(const char *name) {
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static bool camera_check(const void *plain) {
    const struct camera *camera = plain;
    return camera_name_valid(camera->name) && camera->folder[0] == '/' &&
           owners_distinct(camera->owners, camera->owner_count);
}
static const struct shape_field camera_rows[] = {
    ROW(1, SHAPE_TEXT, struct camera, name, NEEDED),
    ROW(2, SHAPE_TEXT, struct camera, folder, NEEDED),
    ROW(3, SHAPE_U32, struct camera, layout, NEEDED, .min = LAYOUT_FRIGATE, .max = LAYOUT_PLAIN),
    ROW(4, SHAPE_MESSAGE, struct camera, view, NEEDED, .sub = &view_shape),
    ROW(5, SHAPE_BOOL, struct camera, indoor),
    ROW(6, SHAPE_BOOL, struct camera, indoor_open),
    ROW(7, SHAPE_SINT, struct camera, clock_offset_ms, .max = 86400000),
    ARRAY(8, SHAPE_FIXED, struct camera, owners, owner_count, NEEDED),
    ARRAY(9, SHAPE_FIXED, struct camera, communities, community_count),
};
static const struct shape camera_shape = SHAPE_OF("Camera", camera_rows, camera_check);

static bool further_check(const void *plain) {
    const struct further_community *further = plain;
    return slug_valid(further->name);
}
static const struct shape_field further_rows[] = {
    ROW(1, SHAPE_FIXED, struct further_community, community, NEEDED),
    ROW(2, SHAPE_TEXT, struct further_community, name, NEEDED),
};
static const struct shape further_shape = SHAPE_OF("FurtherCommunity", further_rows, further_check);

static bool camera_list_check(const void *plain) {
    const struct camera_list *list = plain;
    for (size_t i = 0; i < list->camera_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(list->cameras[i].name, list->cameras[k].name) == 0) {
                return false;
            }
        }
    }
    for (size_t i = 0; i < list->further_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (id_equal(&list->further[i].community, &list->further[k].community)) {
                return false;
            }
        }
    }
    return id_is_zero(&list->previous) == (list->version == 1);
}
static const struct shape_field camera_list_rows[] = {
    ROW(1, SHAPE_U64, struct camera_list, version, NEEDED, .min = 1),
    ROW(2, SHAPE_FIXED, struct camera_list, previous),
    ROW(3, SHAPE_TIME, struct camera_list, created, NEEDED),
    ROW(4, SHAPE_FIXED, struct camera_list, ingest, NEEDED),
    ARRAY(5, SHAPE_FIXED, struct camera_list, communities, community_count),
    ARRAY(6, SHAPE_MESSAGE, struct camera_list, cameras, camera_count, .sub = &camera_shape),
    ARRAY(7, SHAPE_MESSAGE, struct camera_list, further, further_count, .sub = &further_shape),
};
static const struct shape camera_list_shape =
    SHAPE_OF("CameraList", camera_list_rows, camera_list_check);

static bool run_check(const void *plain) {
    const struct clip_run *run = plain;
    return run->from.ms < run->to.ms;
}
static const struct shape_field run_rows[] = {
    ROW(1, SHAPE_TIME, struct clip_run, from, NEEDED),
    ROW(2, SHAPE_TIME, struct clip_run, to, NEEDED),
};
static const struct shape run_shape = SHAPE_OF("Run", run_rows, run_check);

static bool manifest_check(const void *plain) {
    const struct manifest *manifest = plain;
    if (!camera_name_valid(manifest->camera) || manifest->from.ms >= manifest->to.ms ||
        manifest->runs[0].from.ms < manifest->from.ms ||
        manifest->runs[manifest->run_count - 1].to.ms > manifest->to.ms) {
        return false;
    }
    for (size_t i = 1; i < manifest->run_count; i++) {
        if (manifest->runs[i].from.ms < manifest->runs[i - 1].to.ms) {
            return false; /* runs are in order and apart */
        }
    }
    for (size_t i = 0; i < manifest->source_count; i++) {
        const struct clip_source *source = &manifest->sources[i];
        if (source->from.ms < 0 || source->from.ms > source->to.ms ||
            source->to.ms > INSTANT_MAX_MS) {
            return false;
        }
    }
    return owners_distinct(manifest->owners, manifest->owner_count);
}
static const struct shape_field manifest_rows[] = {
    ROW(1, SHAPE_FIXED, struct manifest, request, NEEDED),
    ROW(2, SHAPE_FIXED, struct manifest, clip, NEEDED),
    ROW(3, SHAPE_TEXT, struct manifest, camera, NEEDED),
    ROW(4, SHAPE_TIME, struct manifest, from, NEEDED),
    ROW(5, SHAPE_TIME, struct manifest, to, NEEDED),
    ROW(6, SHAPE_TIME, struct manifest, created, NEEDED),
    ROW(7, SHAPE_U32, struct manifest, time_source, NEEDED, .min = TIME_FROM_NAME,
        .max = TIME_FROM_FILE_SYSTEM),
    ROW(8, SHAPE_SINT, struct manifest, clock_offset_ms, .max = 86400000),
    ROW(9, SHAPE_U32, struct manifest, making, NEEDED, .min = CLIP_WHOLE_FILE,
        .max = CLIP_REENCODED),
    ROW(10, SHAPE_U32, struct manifest, width, .max = 65536),
    ROW(11, SHAPE_U32, struct manifest, height, .max = 65536),
    ROW(12, SHAPE_BOOL, struct manifest, audio),
    ROW(13, SHAPE_FIXED, struct manifest, sha256, NEEDED),
    ROW(14, SHAPE_U64, struct manifest, size, NEEDED, .min = 1, .max = INT64_MAX),
    ROW(15, SHAPE_U64, struct manifest, payload_size, NEEDED, .min = PAYLOAD_MIN, .max = INT64_MAX),
    ROW(16, SHAPE_FIXED, struct manifest, payload_root, NEEDED),
    ARRAY(17, SHAPE_FIXED, struct manifest, owners, owner_count, NEEDED),
    ARRAY(18, SHAPE_MESSAGE, struct manifest, runs, run_count, NEEDED, .sub = &run_shape),
    ARRAY(19, SHAPE_PACKED, struct manifest, sources, source_count, NEEDED),
};
static const struct shape manifest_shape = SHAPE_OF("Manifest", manifest_rows, manifest_check);

static bool edit_area_check(const void *plain) {
    const struct edit_area *area = plain;
    return area->left < area->right && area->top < area->bottom;
}
static const struct shape_field edit_area_rows[] = {
    ROW(1, SHAPE_U32, struct edit_area, left, .max = EDIT_SCALE),
    ROW(2, SHAPE_U32, struct edit_area, top, .max = EDIT_SCALE),
    ROW(3, SHAPE_U32, struct edit_area, right, NEEDED, .min = 1, .max = EDIT_SCALE),
    ROW(4, SHAPE_U32, struct edit_area, bottom, NEEDED, .min = 1, .max = EDIT_SCALE),
};
static const struct shape edit_area_shape = SHAPE_OF("EditArea", edit_area_rows, edit_area_check);

static const struct shape_field edit_rows[] = {
    ROW(1, SHAPE_BOOL, struct edit, audio_removed),
    ROW(2, SHAPE_U32, struct edit, making, NEEDED, .min = CLIP_WHOLE_FILE, .max = CLIP_REENCODED),
    ARRAY(3, SHAPE_MESSAGE, struct edit, areas, area_count, .sub = &edit_area_shape),
};
static bool edit_check(const void *plain) {
    const struct edit *edit = plain;
    return edit->making != CLIP_WHOLE_FILE;
}
static const struct shape edit_shape = SHAPE_OF("Edit", edit_rows, edit_check);

static bool grant_check(const void *plain) {
    const struct grant *grant = plain;
    return grant->from.ms < grant->to.ms && grant->created.ms < grant->expires.ms &&
           grant->expires.ms <= grant->terms.delete_by.ms &&
           keys_distinct(grant->owners, grant->owner_count);
}
static const struct shape_field grant_rows[] = {
    ROW(1, SHAPE_FIXED, struct grant, community, NEEDED),
    ROW(2, SHAPE_FIXED, struct grant, home, NEEDED),
    ROW(3, SHAPE_FIXED, struct grant, request, NEEDED),
    ROW(4, SHAPE_FIXED, struct grant, clip, NEEDED),
    ROW(5, SHAPE_FIXED, struct grant, recipient, NEEDED),
    ROW(6, SHAPE_FIXED, struct grant, manifest, NEEDED),
    ROW(7, SHAPE_FIXED, struct grant, sha256, NEEDED),
    ROW(8, SHAPE_U64, struct grant, size, NEEDED, .min = 1, .max = INT64_MAX),
    ROW(9, SHAPE_U64, struct grant, payload_size, NEEDED, .min = PAYLOAD_MIN, .max = INT64_MAX),
    ROW(10, SHAPE_FIXED, struct grant, payload_root, NEEDED),
    ROW(11, SHAPE_TIME, struct grant, from, NEEDED),
    ROW(12, SHAPE_TIME, struct grant, to, NEEDED),
    ROW(13, SHAPE_MESSAGE, struct grant, terms, NEEDED, .sub = &terms_shape),
    ROW(14, SHAPE_TIME, struct grant, created, NEEDED),
    ROW(15, SHAPE_TIME, struct grant, expires, NEEDED),
    ARRAY(16, SHAPE_FIXED, struct grant, owners, owner_count, NEEDED),
    {.number = 17,
     .kind = SHAPE_MESSAGE,
     .offset = offsetof(struct grant, edit),
     .size = sizeof(struct edit),
     .counted = true,
     .count_offset = offsetof(struct grant, edit) + offsetof(struct edit, present),
     .name = "edit",
     .sub = &edit_shape},
};
static const struct shape grant_shape = SHAPE_OF("Grant", grant_rows, grant_check);

static const struct shape_field decision_rows[] = {
    ROW(1, SHAPE_FIXED, struct decision, request, NEEDED),
    ROW(2, SHAPE_FIXED, struct decision, clip, NEEDED),
    ROW(3, SHAPE_U32, struct decision, kind, NEEDED, .min = DECISION_DECLINE,
        .max = DECISION_DECLINE),
    ROW(4, SHAPE_TIME, struct decision, created, NEEDED),
};
static const struct shape decision_shape = SHAPE_OF("Decision", decision_rows, NULL);

static const struct shape_field receipt_rows[] = {
    ROW(1, SHAPE_FIXED, struct receipt, request, NEEDED),
    ROW(2, SHAPE_FIXED, struct receipt, grant, NEEDED),
    ROW(3, SHAPE_U32, struct receipt, kind, NEEDED, .min = RECEIPT_PAYLOAD, .max = RECEIPT_HEADER),
    ROW(4, SHAPE_TIME, struct receipt, created, NEEDED),
};
static const struct shape receipt_shape = SHAPE_OF("Receipt", receipt_rows, NULL);

static const struct shape_field receipt_commitment_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct receipt_commitment, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct receipt_commitment, request, NEEDED),
    ROW(3, SHAPE_FIXED, struct receipt_commitment, commitment, NEEDED),
};
static const struct shape receipt_commitment_shape =
    SHAPE_OF("ReceiptCommitment", receipt_commitment_rows, NULL);

static const struct shape_field deletion_receipt_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct deletion_receipt, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct deletion_receipt, request, NEEDED),
    ROW(3, SHAPE_FIXED, struct deletion_receipt, commitment, NEEDED),
    ROW(4, SHAPE_TIME, struct deletion_receipt, deleted, NEEDED),
};
static const struct shape deletion_receipt_shape =
    SHAPE_OF("DeletionReceipt", deletion_receipt_rows, NULL);

/* ---- decoders and encoders: small structs by way of a copy, large ones in place ---- */

CODEC(charter, struct charter)
CODEC_LARGE(act, struct act)
CODEC(endorsement, struct endorsement)
CODEC(removal, struct removal)
CODEC(renewal, struct renewal)
CODEC(member, struct member)
CODEC(invite, struct invite)
CODEC(node_record, struct node_record)
CODEC(request, struct request)
CODEC(withdrawal, struct withdrawal)
CODEC(call_back, struct call_back)
CODEC(grant, struct grant)
CODEC(decision, struct decision)
CODEC(receipt, struct receipt)
CODEC(receipt_commitment, struct receipt_commitment)
CODEC(deletion_receipt, struct deletion_receipt)
CODEC_LARGE(camera_list, struct camera_list)
CODEC_LARGE(manifest, struct manifest)

const struct shape *const object_shapes[] = {
    &charter_shape,
    &act_shape,
    &endorsement_shape,
    &removal_shape,
    &renewal_shape,
    &treaty_shape,
    &roll_shape,
    &gateway_shape,
    &crossing_shape,
    &member_shape,
    &invite_shape,
    &node_record_shape,
    &request_shape,
    &withdrawal_shape,
    &call_back_shape,
    &edit_area_shape,
    &edit_shape,
    &grant_shape,
    &decision_shape,
    &receipt_shape,
    &receipt_commitment_shape,
    &deletion_receipt_shape,
    &manifest_shape,
    &camera_list_shape,
    NULL,
};
