#include "cli/changes.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "cli/terms.h"
#include "cli/treaties.h"

static void name_changes(const struct charter *before, const struct charter *after,
                         struct changes *out);
static void administrator_changes(const struct charter *before, const struct charter *after,
                                  const struct member_list *members, struct changes *out);
static void cap_changes(const struct charter *before, const struct charter *after,
                        struct changes *out);
static void number_change(const char *what, uint32_t before, uint32_t after, struct changes *out);
static void span_change(const char *what, uint32_t before, uint32_t after, struct changes *out);
static void place_change(const struct charter *before, const struct charter *after,
                         struct changes *out);
static bool same_place(const struct charter *a, const struct charter *b);
static void authority_changes(const struct authorities *before, const struct charter *after,
                              struct changes *out);
static bool has_authority(const struct authorities *authorities, struct bytes der);
static void agency_changes(const struct charter *before, const struct charter *after,
                           struct changes *out);
static void role_changes(const struct charter *before, const struct charter *after,
                         struct changes *out);
static void removed_change(const struct removed *removed, const struct member_list *members,
                           struct changes *out);
static void renewed_change(const struct renewed *renewed, const struct member_list *members,
                           struct changes *out);
static void admission_change(const struct community_terms *before,
                             const struct admission *admission, const struct member_list *members,
                             struct changes *out);
static const char *member_text(const struct member_list *members, const struct id *id,
                               char out[PERSON_MAX]);
static const char *authority_text(struct bytes der, char out[PERSON_MAX]);

void changes_finish(struct changes *changes) {
    buffer_finish(&changes->lines);
    changes->count = 0;
}

const char *changes_first(const struct changes *changes) {
    return changes->count == 0 ? NULL : (const char *)changes->lines.at;
}

const char *changes_next(const struct changes *changes, const char *line) {
    const char *next = line + strlen(line) + 1;
    return next < (const char *)changes->lines.at + changes->lines.len ? next : NULL;
}

void changes_of(const struct community_terms *before, const struct charter *after,
                const struct member_list *members, struct changes *out) {
    const struct charter *was = &before->governance.charter;
    name_changes(was, after, out);
    administrator_changes(was, after, members, out);
    cap_changes(was, after, out);
    place_change(was, after, out);
    authority_changes(&before->authorities, after, out);
    agency_changes(was, after, out);
    role_changes(was, after, out);
}

void changes_of_act(const struct community_terms *before, const struct act *act,
                    const struct member_list *members, struct changes *out) {
    if (act->has_charter) {
        changes_of(before, &act->charter, members, out);
    }
    if (act->has_removed) {
        removed_change(&act->removed, members, out);
    }
    if (act->has_renewed) {
        renewed_change(&act->renewed, members, out);
    }
    if (act->treaty.len > 0) {
        treaty_change(&before->governance, act, members, out);
    }
    if (!id_is_zero(&act->treaty_ended)) {
        treaty_end_change(&before->governance, act, out);
    }
    if (act->has_admission) {
        admission_change(before, &act->admission, members, out);
    }
    if (out->count == 0) {
        changes_add(out, "nothing: the charter is as before");
    }
}

void changes_add(struct changes *out, const char *format, ...) {
    char line[CHANGE_MAX];
    va_list more;
    va_start(more, format);
    (void)vsnprintf(line, sizeof line, format, more);
    va_end(more);
    if (buffer_append(&out->lines, (struct bytes){(const uint8_t *)line, strlen(line) + 1}) ==
        ERR_OK) {
        out->count++;
    } else {
        out->cut = true;
    }
}

/* ---- the charter ---- */

static void name_changes(const struct charter *before, const struct charter *after,
                         struct changes *out) {
    char was[SAFE_MAX];
    char is[SAFE_MAX];
    if (strcmp(before->name, after->name) != 0) {
        changes_add(out, "name: %.400s -> %.400s", safe_text(before->name, NAME_MAX_BYTES, was),
                    safe_text(after->name, NAME_MAX_BYTES, is));
    }
}

static void administrator_changes(const struct charter *before, const struct charter *after,
                                  const struct member_list *members, struct changes *out) {
    char person[PERSON_MAX];
    char key[KEY_TEXT_BYTES];
    for (size_t i = 0; i < before->administrator_count; i++) {
        if (!charter_has_administrator(after, &before->administrators[i])) {
            changes_add(out, "administrator %s removed",
                        person_text(members, &before->administrators[i], person));
        }
    }
    for (size_t i = 0; i < after->administrator_count; i++) {
        if (!charter_has_administrator(before, &after->administrators[i])) {
            /* Names are what homes call themselves: two may be the same. A key is not. */
            changes_add(out, "administrator %s added, key %s",
                        person_text(members, &after->administrators[i], person),
                        key_text(BYTES_OF(after->administrators[i].b), key));
        }
    }
    if (before->threshold != after->threshold ||
        before->administrator_count != after->administrator_count) {
        changes_add(out, "%u of %zu decide -> %u of %zu", before->threshold,
                    before->administrator_count, after->threshold, after->administrator_count);
    }
}

static void cap_changes(const struct charter *before, const struct charter *after,
                        struct changes *out) {
    char was[PLACE_TEXT_MAX];
    char is[PLACE_TEXT_MAX];
    number_change("members that a home may bring in", before->invite_allowance,
                  after->invite_allowance, out);
    span_change("longest time asked for", before->caps.span_s, after->caps.span_s, out);
    if (before->caps.area_m2 != after->caps.area_m2) {
        changes_add(out, "largest place asked about: %s -> %s",
                    area_text(before->caps.area_m2, was), area_text(after->caps.area_m2, is));
    }
    number_change("live requests of one asker", before->caps.live_requests,
                  after->caps.live_requests, out);
    if (before->delete_by_max_days != after->delete_by_max_days) {
        changes_add(out, "clips are deleted after at most: %u days -> %u days",
                    before->delete_by_max_days, after->delete_by_max_days);
    }
    number_change("witnesses of each log", before->witnesses, after->witnesses, out);
    span_change("log slot", before->slot_s, after->slot_s, out);
}

static void number_change(const char *what, uint32_t before, uint32_t after, struct changes *out) {
    if (before != after) {
        changes_add(out, "%s: %u -> %u", what, before, after);
    }
}

static void span_change(const char *what, uint32_t before, uint32_t after, struct changes *out) {
    char was[TERMS_WORDS_MAX];
    char is[TERMS_WORDS_MAX];
    if (before != after) {
        terms_span(before, was);
        terms_span(after, is);
        changes_add(out, "%s: %s -> %s", what, was, is);
    }
}

/* With every corner: who signs has to see which one moves. */
static void place_change(const struct charter *before, const struct charter *after,
                         struct changes *out) {
    char was[CORNERS_TEXT_MAX];
    char is[CORNERS_TEXT_MAX];
    if (!same_place(before, after)) {
        changes_add(out, "service area: %s -> %s",
                    corners_text(before->has_area ? &before->area : NULL, was),
                    corners_text(after->has_area ? &after->area : NULL, is));
    }
}

static bool same_place(const struct charter *a, const struct charter *b) {
    if (!a->has_area || !b->has_area) {
        return a->has_area == b->has_area;
    }
    return a->area.radius_m == b->area.radius_m && a->area.count == b->area.count &&
           memcmp(a->area.points, b->area.points, a->area.count * sizeof a->area.points[0]) == 0;
}

static void authority_changes(const struct authorities *before, const struct charter *after,
                              struct changes *out) {
    char name[PERSON_MAX];
    for (size_t i = 0; i < before->count; i++) {
        bool stays = false;
        for (size_t k = 0; k < after->authority_count; k++) {
            stays |= bytes_equal(after->authorities[k], authority_at(before, i));
        }
        if (!stays) {
            changes_add(out, "court seals by %s count no more",
                        authority_text(authority_at(before, i), name));
        }
    }
    for (size_t i = 0; i < after->authority_count; i++) {
        if (!has_authority(before, after->authorities[i])) {
            changes_add(out, "court seals by %s count from now on",
                        authority_text(after->authorities[i], name));
        }
    }
}

static bool has_authority(const struct authorities *authorities, struct bytes der) {
    for (size_t i = 0; i < authorities->count; i++) {
        if (bytes_equal(authority_at(authorities, i), der)) {
            return true;
        }
    }
    return false;
}

static void agency_changes(const struct charter *before, const struct charter *after,
                           struct changes *out) {
    char safe[SAFE_MAX];
    for (size_t i = 0; i < before->agency_count; i++) {
        const struct agency *was = &before->agencies[i];
        const struct agency *is = charter_agency(after, was->name);
        (void)safe_text(was->name, NAME_MAX_BYTES, safe);
        if (is == NULL) {
            changes_add(out, "agency %.400s removed", safe);
        } else if (strcmp(was->number, is->number) != 0) {
            changes_add(out, "agency %.400s is called back on: %s -> %s", safe, was->number,
                        is->number);
        } else if (strcmp(was->name, is->name) != 0) {
            char now[SAFE_MAX];
            changes_add(out, "agency %.400s is written: %.400s", safe,
                        safe_text(is->name, NAME_MAX_BYTES, now));
        }
    }
    for (size_t i = 0; i < after->agency_count; i++) {
        const struct agency *is = &after->agencies[i];
        if (charter_agency(before, is->name) == NULL) {
            changes_add(out, "agency %.400s added, called back on %s",
                        safe_text(is->name, NAME_MAX_BYTES, safe), is->number);
        }
    }
}

static void role_changes(const struct charter *before, const struct charter *after,
                         struct changes *out) {
    char was[TERMS_WORDS_MAX];
    char is[TERMS_WORDS_MAX];
    for (int role = MEMBER_HOME; role <= MEMBER_OFFICER; role++) {
        const struct role_rule old = terms_rule(before, (enum member_role)role);
        const struct role_rule new = terms_rule(after, (enum member_role)role);
        if (old.instruments != new.instruments) {
            terms_instruments(old.instruments, was);
            terms_instruments(new.instruments, is);
            changes_add(out, "a %s may ask with: %s -> %s", role_word((enum member_role)role), was,
                        is);
        }
        if (old.may_not_invite != new.may_not_invite) {
            changes_add(out, "a %s may bring others in: %s -> %s",
                        role_word((enum member_role)role), old.may_not_invite ? "no" : "yes",
                        new.may_not_invite ? "no" : "yes");
        }
    }
}

/* ---- who belongs ---- */

static void removed_change(const struct removed *removed, const struct member_list *members,
                           struct changes *out) {
    char text[PERSON_MAX];
    const struct listed *gone = members_of_id(members, &removed->member);
    changes_add(out, "%s is removed", member_text(members, &removed->member, text));
    for (size_t i = 0; gone != NULL && removed->subtree && i < members->count; i++) {
        const struct listed *listed = &members->list[i];
        if (listed_under(listed, gone)) {
            changes_add(out, "%s, whom it brought, is removed too",
                        member_text(members, &listed->id, text));
        }
    }
    if (removed->reason[0] != '\0') {
        char safe[SAFE_MAX];
        changes_add(out, "because: %.800s", safe_text(removed->reason, REMOVED_REASON_BYTES, safe));
    }
}

static void renewed_change(const struct renewed *renewed, const struct member_list *members,
                           struct changes *out) {
    char text[PERSON_MAX];
    char until[TIME_TEXT_MAX];
    time_text(renewed->until, until);
    changes_add(out, "the certificate of %s runs until %s",
                member_text(members, &renewed->member, text), until);
}

static void admission_change(const struct community_terms *before,
                             const struct admission *admission, const struct member_list *members,
                             struct changes *out) {
    struct signed_object object;
    static struct member member; /* large */
    char safe[SAFE_MAX];
    char text[PERSON_MAX];
    char until[TIME_TEXT_MAX];
    char code[LINK_CODE_BYTES];
    char words[TERMS_WORDS_MAX];
    if (admission_verify(&before->governance.community, admission, &object, &member) != ERR_OK) {
        changes_add(out, "an outsider's certificate that does not verify");
        return;
    }
    const struct outsider *was = governance_outsider(&before->governance, &object.id);
    bool again = was != NULL && was->admission.suspended && !admission->suspended;
    link_code(&object.id, code);
    time_text(admission->until, until);
    (void)safe_text(member.name, NAME_MAX_BYTES, safe);
    if (admission->suspended) {
        changes_add(out, "outsider %.300s (%s) is SUSPENDED: it asks for nothing", safe, code);
        return;
    }
    changes_add(out, "outsider %.300s (%s), %s, may ask%s: it is no member", safe, code,
                outsider_kind_word(admission->kind), again ? " again" : "");
    terms_instruments(admission->instruments, words);
    changes_add(out, "it asks with: %s; %u requests at a time, with all its officers", words,
                admission->live_requests);
    changes_add(out, "it asks until %s", until);
    for (size_t i = 0; i < admission->door_count; i++) {
        changes_add(out, "its door is %s", member_text(members, &admission->doors[i], text));
    }
}

/* With the beginning of its certificate: two may have one name. */
static const char *member_text(const struct member_list *members, const struct id *id,
                               char out[PERSON_MAX]) {
    char safe[SAFE_MAX];
    char code[LINK_CODE_BYTES];
    const struct listed *listed = members_of_id(members, id);
    link_code(id, code);
    (void)snprintf(out, PERSON_MAX, "%.400s (%s)",
                   listed == NULL ? "a member that is not known here"
                                  : safe_text(listed->member.name, NAME_MAX_BYTES, safe),
                   code);
    return out;
}

/* ---- words ---- */

const char *place_text(const struct geo_place *place, char out[PLACE_TEXT_MAX]) {
    char at[32];
    geo_point_write(place->points[0], at);
    if (place->radius_m > 0) {
        (void)snprintf(out, PLACE_TEXT_MAX, "%u m around %s", place->radius_m, at);
    } else {
        (void)snprintf(out, PLACE_TEXT_MAX, "an area of %zu corners at %s", place->count, at);
    }
    return out;
}

const char *corners_text(const struct geo_place *place, char out[CORNERS_TEXT_MAX]) {
    char point[32];
    size_t len = 0;
    (void)snprintf(out, CORNERS_TEXT_MAX, "anywhere");
    if (place != NULL && place->radius_m > 0) {
        return place_text(place, out);
    }
    for (size_t i = 0; place != NULL && i < place->count; i++) {
        geo_point_write(place->points[i], point);
        len +=
            (size_t)snprintf(out + len, CORNERS_TEXT_MAX - len, "%s%s", i == 0 ? "" : " ", point);
    }
    return out;
}

const char *key_text(struct bytes key, char out[KEY_TEXT_BYTES]) {
    hex_write((struct bytes){key.at, (KEY_TEXT_BYTES - 1) / 2}, out);
    return out;
}

const char *area_text(uint32_t m2, char out[PLACE_TEXT_MAX]) {
    char words[TERMS_WORDS_MAX];
    terms_area(m2, words);
    if (strstr(words, "m2") != NULL) {
        (void)snprintf(out, PLACE_TEXT_MAX, "%.90s", words);
    } else {
        (void)snprintf(out, PLACE_TEXT_MAX, "%.40s (%u m2)", words, m2);
    }
    return out;
}

/* "Court Root", or what its bytes hash to, safe to print. */
static const char *authority_text(struct bytes der, char out[PERSON_MAX]) {
    char name[CMS_NAME_BYTES];
    char safe[SAFE_MAX];
    char code[LINK_CODE_BYTES];
    struct id hash;
    sha256(der, &hash);
    link_code(&hash, code);
    bool good = cms_certificate_name(der, name);
    (void)snprintf(out, PERSON_MAX, "%.400s (%s)",
                   good ? safe_text(name, 100, safe) : "what is no certificate", code);
    return out;
}
