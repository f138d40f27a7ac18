#include "cli/treaties.h"

#include <string.h>

#include "cli/terms.h"
#include "node/base/assert.h"

enum {
    KEYS_TEXT_MAX = ADMINISTRATORS_MAX * (KEY_TEXT_BYTES + 4),
    CLERK_TEXT_MAX = PERSON_MAX,
};

struct lets { /* somebody over there be asked: a treaty, or their own charter */
    const char *whose;
    uint32_t roles, instruments;
    struct caps caps;
};

static const char *goes_beyond(const struct lets *lets, const struct request *request,
                               enum member_role role, char out[HOLDS_BACK_MAX]);
static void area_line(const struct treaty_side *side, bool ours, struct changes *out);
static void clerks_line(const struct treaty_side *side, const struct member_list *members,
                        struct changes *out);
static const struct listed *home_of(const struct member_list *members,
                                    const struct sign_public *node);
static void founders_line(const struct treaty_side *side, struct changes *out);
static void founding_faults(const struct governance *governance, const struct treaty_side *own,
                            struct changes *out);
static void cap_faults(const struct caps *caps, const struct caps *charter, struct changes *out);
static void time_faults(const struct governance *governance, const struct treaty *treaty,
                        struct instant at, struct changes *out);
static const struct agreed *made_already(const struct governance *governance,
                                         const struct treaty *treaty);
static bool has_room(const struct governance *governance, struct instant at);
static struct instant over_at(const struct agreed *agreed);
static void clerk_faults(const struct treaty_side *own, const struct member_list *members,
                         struct changes *out);
static bool goes(const struct member_list *members, const struct sign_public *clerk,
                 const struct listed *home, bool subtree);
static const struct agreed *agreed_on(const struct governance *governance, const struct id *id);

/* ---- made ---- */

size_t treaty_clerks(const struct charter *charter, const struct member_list *members,
                     const struct listed *out[CLERKS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < charter->administrator_count && count < CLERKS_MAX; i++) {
        size_t owner = 0;
        const struct listed *home = members_of_key(members, &charter->administrators[i], &owner);
        bool named = false;
        for (size_t k = 0; k < count; k++) {
            named |= out[k] == home;
        }
        if (home != NULL && listed_stands(home) && !named) {
            out[count++] = home;
        }
    }
    return count;
}

void treaty_own_side(const struct governance *governance, const struct listed *const *clerks,
                     size_t count, struct treaty_side *out) {
    const struct charter *founding = &governance->founding;
    const struct charter *charter = &governance->charter;
    *out = (struct treaty_side){.community = governance->community,
                                .founder_count = founding->administrator_count,
                                .allowance = founding->invite_allowance,
                                .clerk_count = count,
                                .has_area = charter->has_area,
                                .area = charter->area};
    memcpy(out->name, charter->name, sizeof out->name);
    memcpy(out->founders, founding->administrators, sizeof out->founders);
    for (size_t i = 0; i < count; i++) {
        out->clerks[i] = clerks[i]->member.node;
    }
}

void treaty_between(const struct treaty_side *own, const struct treaty_side *far,
                    const struct charter *charter, struct instant now, struct treaty *out) {
    bool first = id_compare(&own->community, &far->community) < 0;
    *out = (struct treaty){.created = now,
                           .until = {now.ms + (int64_t)TREATY_DAYS * DURATION_DAY_MS},
                           .side_count = 2,
                           .caps = charter->caps,
                           .daily = TREATY_DAILY};
    out->sides[0] = first ? *own : *far;
    out->sides[1] = first ? *far : *own;
    for (int role = MEMBER_HOME; role < MEMBER_WITNESS; role++) {
        uint32_t instruments = terms_rule(charter, (enum member_role)role).instruments;
        out->instruments |= instruments;
        out->roles |= instruments == 0 ? 0 : 1U << role;
    }
}

/* ---- questions about them ---- */

bool treaty_stands(const struct agreed *agreed, struct instant now) {
    return !instant_reached(now, over_at(agreed));
}

const struct agreed *treaty_with(const struct governance *governance, const struct id *community,
                                 struct instant now) {
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        if (treaty_stands(agreed, now) && treaty_side(&agreed->treaty, community) != NULL) {
            return agreed;
        }
    }
    return NULL;
}

void treaties_hear(const struct governance *governance, struct bytes signed_roll,
                   struct instant now, struct treaties_heard *heard) {
    static struct roll roll; /* large */
    struct signed_object object;
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct treaty_side *far =
            treaty_far_side(&governance->treaties[i].treaty, &governance->community);
        if (roll_verify(far, signed_roll, now, &roll) == ERR_OK &&
            signed_decode(signed_roll, &object) == ERR_OK) {
            (void)roll_keep(heard->rolls[i], roll_clerk(far, &object), &roll);
        }
    }
}

const struct roll *treaties_counting(const struct governance *governance,
                                     const struct treaties_heard *heard, size_t place,
                                     struct instant now) {
    const struct treaty *treaty = &governance->treaties[place].treaty;
    return roll_counting(heard->rolls[place], treaty_far_side(treaty, &governance->community), now);
}

const char *treaty_state(const struct agreed *agreed, const struct roll *said, bool carried,
                         struct instant now, char out[TREATY_STATE_MAX]) {
    const bool heard = said != NULL && said->head.created.ms > 0;
    char day[DAY_BYTES];
    if (agreed->ended_by != 0) {
        (void)snprintf(out, TREATY_STATE_MAX, "ended by act %u", agreed->ended_by);
    } else if (treaty_stands(agreed, now) && heard && roll_names(said, &agreed->id) && !carried) {
        day_text(said->head.created, day);
        (void)snprintf(out, TREATY_STATE_MAX, "in force, by its word of %s", day);
    } else {
        (void)snprintf(out, TREATY_STATE_MAX, "%s",
                       !treaty_stands(agreed, now) ? "over"
                       : !heard ? "decided here; no word of it from the other side"
                       : roll_names(said, &agreed->id) ? "in force"
                                                       : "decided here; not in force there");
    }
    return out;
}

const char *treaty_holds_back(const struct agreed *agreed, const struct treaty_side *far,
                              const struct roll *said, const struct request *request,
                              enum member_role role, char out[HOLDS_BACK_MAX]) {
    const struct treaty *treaty = &agreed->treaty;
    const struct lets by_treaty = {"treaty", treaty->roles, treaty->instruments, treaty->caps};
    const char *why = goes_beyond(&by_treaty, request, role, out);
    ASSERT((why == NULL) == (treaty_lets(treaty, far, request, role) == ERR_OK));
    if (!instant_reached(request->head.created, treaty_since(agreed))) {
        (void)snprintf(out, HOLDS_BACK_MAX, "it was asked before this treaty was made");
        return out;
    }
    if (why != NULL || said == NULL) {
        return why;
    }
    if (!roll_names(said, &agreed->id)) {
        (void)snprintf(out, HOLDS_BACK_MAX,
                       "it has no such treaty in force, as its clerks say; should it come "
                       "into force, this goes there");
        return out;
    }
    struct charter theirs = {.role_count = said->role_count};
    memcpy(theirs.roles, said->roles, sizeof theirs.roles);
    struct lets by_charter = {"charter", 0, charter_instruments(&theirs, role), said->caps};
    for (int each = MEMBER_HOME; each < MEMBER_WITNESS; each++) {
        bool asks = charter_instruments(&theirs, (enum member_role)each) != 0;
        by_charter.roles |= asks ? 1U << each : 0;
    }
    return goes_beyond(&by_charter, request, role, out);
}

static const char *goes_beyond(const struct lets *lets, const struct request *request,
                               enum member_role role, char out[HOLDS_BACK_MAX]) {
    char words[TERMS_WORDS_MAX];
    char place[PLACE_TEXT_MAX];
    if ((lets->roles >> role & 1) == 0) {
        terms_roles(lets->roles, words);
        (void)snprintf(out, HOLDS_BACK_MAX, "its %s lets no %s ask, but: %s", lets->whose,
                       role_word(role), words);
    } else if ((lets->instruments >> request->instrument.kind & 1) == 0) {
        terms_instruments(lets->instruments, words);
        (void)snprintf(out, HOLDS_BACK_MAX, "its %s lets it be asked with nothing but: %s",
                       lets->whose, words);
    } else if (request->to.ms - request->from.ms > (int64_t)lets->caps.span_s * 1000) {
        terms_span(lets->caps.span_s, words);
        (void)snprintf(out, HOLDS_BACK_MAX, "its %s lets %s be asked for at most", lets->whose,
                       words);
    } else if (geo_place_area_m2(&request->place) > lets->caps.area_m2) {
        (void)snprintf(out, HOLDS_BACK_MAX, "its %s lets %s be asked about at most", lets->whose,
                       area_text(lets->caps.area_m2, place));
    } else {
        return NULL;
    }
    return out;
}

const char *treaty_side_text(const struct treaty_side *side, char out[PERSON_MAX]) {
    char safe[SAFE_MAX];
    char id[KEY_TEXT_BYTES];
    (void)snprintf(out, PERSON_MAX, "%.400s (%s)", safe_text(side->name, NAME_MAX_BYTES, safe),
                   key_text(BYTES_OF(side->community.b), id));
    return out;
}

/* ---- in words ---- */

void treaty_lines(const struct treaty *treaty, const struct id *own,
                  const struct member_list *members, struct changes *out) {
    const struct treaty_side *ours = treaty_side(treaty, own);
    const struct treaty_side *theirs = ours == NULL ? NULL : treaty_far_side(treaty, own);
    char text[PERSON_MAX];
    char other[PERSON_MAX];
    char until[TIME_TEXT_MAX];
    char words[TERMS_WORDS_MAX];
    char place[PLACE_TEXT_MAX];
    time_text(treaty->until, until);
    changes_add(out, "a treaty of %s and %s",
                treaty_side_text(ours == NULL ? &treaty->sides[0] : ours, text),
                treaty_side_text(ours == NULL ? &treaty->sides[1] : theirs, other));
    changes_add(out, "until %s", until);
    terms_instruments(treaty->instruments, words);
    changes_add(out, "members of each may ask the other with: %s", words);
    terms_roles(treaty->roles, words);
    changes_add(out, "of them these may ask: %s", words);
    terms_span(treaty->caps.span_s, words);
    changes_add(out, "longest time asked for: %s", words);
    changes_add(out, "largest place asked about: %s", area_text(treaty->caps.area_m2, place));
    changes_add(out, "live requests of one asker: %u", treaty->caps.live_requests);
    changes_add(out, "requests that cross in a day: %u each way", treaty->daily);
    changes_add(out, "both charters hold beside it");
    for (size_t i = 0; i < 2; i++) {
        const struct treaty_side *side = &treaty->sides[i];
        area_line(side, side == ours, out);
        clerks_line(side, side == ours ? members : NULL, out);
        founders_line(side, out);
    }
}

static void area_line(const struct treaty_side *side, bool ours, struct changes *out) {
    char safe[SAFE_MAX];
    char corners[CORNERS_TEXT_MAX];
    if (ours) {
        changes_add(out, "places asked about here: %s",
                    corners_text(side->has_area ? &side->area : NULL, corners));
        return;
    }
    changes_add(out, "places asked about in %.400s: %s",
                safe_text(side->name, NAME_MAX_BYTES, safe),
                corners_text(side->has_area ? &side->area : NULL, corners));
}

/* Homes here by their names; of those there is nothing but the key. */
static void clerks_line(const struct treaty_side *side, const struct member_list *members,
                        struct changes *out) {
    char text[CLERKS_MAX * CLERK_TEXT_MAX] = "";
    char safe[SAFE_MAX];
    size_t len = 0;
    for (size_t i = 0; i < side->clerk_count; i++) {
        const struct listed *home = members == NULL ? NULL : home_of(members, &side->clerks[i]);
        char key[KEY_TEXT_BYTES];
        char name[SAFE_MAX];
        (void)key_text(BYTES_OF(side->clerks[i].b), key);
        len += (size_t)snprintf(
            text + len, sizeof text - len, "%s%.400s%skey %s%s", i == 0 ? "" : ", ",
            home == NULL ? "" : safe_text(home->member.name, NAME_MAX_BYTES, name),
            home == NULL ? "" : " with the ", key,
            members != NULL && (home == NULL || !listed_stands(home)) ? ", no home that belongs"
                                                                      : "");
    }
    changes_add(out, "clerks of %.400s, who say who belongs to it: %s",
                safe_text(side->name, NAME_MAX_BYTES, safe), text);
}

static const struct listed *home_of(const struct member_list *members,
                                    const struct sign_public *node) {
    const struct listed *found = NULL;
    for (size_t i = 0; i < members->count; i++) {
        const struct listed *listed = &members->list[i];
        if (sign_public_equal(&listed->member.node, node) &&
            (found == NULL || listed_stands(listed))) {
            found = listed;
        }
    }
    return found;
}

static void founders_line(const struct treaty_side *side, struct changes *out) {
    char text[KEYS_TEXT_MAX] = "";
    char safe[SAFE_MAX];
    size_t len = 0;
    for (size_t i = 0; i < side->founder_count; i++) {
        char key[KEY_TEXT_BYTES];
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i == 0 ? "" : ", ",
                                key_text(BYTES_OF(side->founders[i].b), key));
    }
    const bool one = side->founder_count == 1;
    changes_add(out,
                "founder%s of %.400s: the key%s %s; by its founding charter %s may bring in %u",
                one ? "" : "s", safe_text(side->name, NAME_MAX_BYTES, safe), one ? "" : "s", text,
                one ? "it" : "each", side->allowance);
}

/* ---- what does not fit ---- */

void treaty_faults(const struct governance *governance, const struct treaty *treaty,
                   struct instant at, const struct member_list *members, struct changes *out) {
    const struct treaty_side *own = treaty_side(treaty, &governance->community);
    if (own == NULL) {
        changes_add(out, "it is not with this community");
        return;
    }
    founding_faults(governance, own, out);
    cap_faults(&treaty->caps, &governance->charter.caps, out);
    time_faults(governance, treaty, at, out);
    if (members != NULL) {
        clerk_faults(own, members, out);
    }
}

static void founding_faults(const struct governance *governance, const struct treaty_side *own,
                            struct changes *out) {
    const struct charter *founding = &governance->founding;
    bool same = own->founder_count == founding->administrator_count &&
                memcmp(own->founders, founding->administrators,
                       own->founder_count * sizeof own->founders[0]) == 0;
    if (!same) {
        changes_add(out, "it names other founders of this community than its founding charter");
    }
    if (own->allowance != founding->invite_allowance) {
        changes_add(out,
                    "it says that each founder here could bring in %u; by the founding charter "
                    "it is %u",
                    own->allowance, founding->invite_allowance);
    }
}

static void cap_faults(const struct caps *caps, const struct caps *charter, struct changes *out) {
    char has[PLACE_TEXT_MAX];
    char most[PLACE_TEXT_MAX];
    char span[TERMS_WORDS_MAX];
    char longest[TERMS_WORDS_MAX];
    if (caps->span_s > charter->span_s) {
        terms_span(caps->span_s, span);
        terms_span(charter->span_s, longest);
        changes_add(out, "longest time asked for: %s, which is more than the charter's %s", span,
                    longest);
    }
    if (caps->area_m2 > charter->area_m2) {
        changes_add(out, "largest place asked about: %s, which is more than the charter's %s",
                    area_text(caps->area_m2, has), area_text(charter->area_m2, most));
    }
    if (caps->live_requests > charter->live_requests) {
        changes_add(out, "live requests of one asker: %u, which is more than the charter's %u",
                    caps->live_requests, charter->live_requests);
    }
}

static void time_faults(const struct governance *governance, const struct treaty *treaty,
                        struct instant at, struct changes *out) {
    const struct treaty_side *far = treaty_far_side(treaty, &governance->community);
    const struct agreed *stands = treaty_with(governance, &far->community, at);
    const struct agreed *before = made_already(governance, treaty);
    char safe[SAFE_MAX];
    char time[TIME_TEXT_MAX];
    if (instant_reached(at, treaty->until)) {
        time_text(treaty->until, time);
        changes_add(out, "it was over on %s", time);
    }
    if (stands != NULL) {
        time_text(stands->treaty.until, time);
        changes_add(out, "a treaty with %.400s stands already, until %s",
                    safe_text(far->name, NAME_MAX_BYTES, safe), time);
    }
    if (stands == NULL && before != NULL && before->ended_by != 0) {
        changes_add(out, "it was made already, by act %u, and ended by act %u", before->by,
                    before->ended_by);
    }
    if (!has_room(governance, at)) {
        changes_add(out,
                    "there are %d treaties, as many as can be; one gives way %d days after "
                    "it is over",
                    (int)TREATIES_MAX, (int)TREATY_STANDS_DAYS);
    }
}

/* The very same: what was ended does not come into force again. */
static const struct agreed *made_already(const struct governance *governance,
                                         const struct treaty *treaty) {
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX};
    struct id id;
    if (treaty_encode(treaty, &body) != ERR_OK) {
        return NULL;
    }
    sha256(buffer_bytes(&body), &id);
    return agreed_on(governance, &id);
}

static bool has_room(const struct governance *governance, struct instant at) {
    const struct duration more = {(int64_t)TREATY_STANDS_DAYS * DURATION_DAY_MS};
    size_t standing = 0;
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        bool stands = agreed->by != 0 && !instant_reached(at, instant_add(over_at(agreed), more));
        standing += stands ? 1 : 0;
    }
    return standing < TREATIES_MAX;
}

static struct instant over_at(const struct agreed *agreed) {
    return agreed->ended_by != 0 && agreed->ended.ms < agreed->treaty.until.ms
               ? agreed->ended
               : agreed->treaty.until;
}

static void clerk_faults(const struct treaty_side *own, const struct member_list *members,
                         struct changes *out) {
    for (size_t i = 0; i < own->clerk_count; i++) {
        const struct listed *home = home_of(members, &own->clerks[i]);
        char key[KEY_TEXT_BYTES];
        if (home == NULL || !listed_stands(home)) {
            changes_add(out, "the key %s is to say who belongs here, and is no home's that belongs",
                        key_text(BYTES_OF(own->clerks[i].b), key));
        }
    }
}

/* ---- acts ---- */

void treaty_change(const struct governance *governance, const struct act *act,
                   const struct member_list *members, struct changes *out) {
    static struct treaty treaty; /* large */
    char since[TIME_TEXT_MAX];
    SCOPED(changes_finish) struct changes faults = CHANGES_NONE;
    if (treaty_decode(act->treaty, &treaty) != ERR_OK) {
        changes_add(out, "a treaty that cannot be read");
        return;
    }
    treaty_lines(&treaty, &governance->community, members, out);
    time_text(treaty_since(&(struct agreed){.began = act->head.created, .treaty = treaty}), since);
    changes_add(out, "what was asked here since %s crosses too, and nothing from before", since);
    treaty_faults(governance, &treaty, act->head.created, NULL, &faults);
    for (const char *line = changes_first(&faults); line != NULL;
         line = changes_next(&faults, line)) {
        changes_add(out, "BUT %s", line);
    }
}

void treaty_end_change(const struct governance *governance, const struct act *act,
                       struct changes *out) {
    const struct agreed *agreed = agreed_on(governance, &act->treaty_ended);
    char text[PERSON_MAX];
    char time[TIME_TEXT_MAX];
    if (agreed == NULL) {
        char id[KEY_TEXT_BYTES];
        changes_add(out, "the treaty %s ends, which is not known here",
                    key_text(BYTES_OF(act->treaty_ended.b), id));
        return;
    }
    time_text(agreed->treaty.until, time);
    changes_add(out, "the treaty with %s ends, which was to stand until %s",
                treaty_side_text(treaty_far_side(&agreed->treaty, &governance->community), text),
                time);
    changes_add(out, "no request crosses by it any more; what has crossed lives on until its own "
                     "end");
    if (!treaty_stands(agreed, act->head.created)) {
        changes_add(out, "BUT it is over already");
    }
}

static const struct agreed *agreed_on(const struct governance *governance, const struct id *id) {
    for (size_t i = 0; i < governance->treaty_count; i++) {
        if (id_equal(&governance->treaties[i].id, id)) {
            return &governance->treaties[i];
        }
    }
    return NULL;
}

/* ---- clerks who are removed ---- */

/* The far side heeds what the others say of it (PROTOCOL 4.14), and where there are none, nothing
 * tells it apart. */
void treaty_clerk_goes(const struct governance *governance, const struct member_list *members,
                       const struct listed *home, bool subtree, struct instant now,
                       struct changes *out) {
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        const struct treaty_side *own = treaty_side(&agreed->treaty, &governance->community);
        const struct treaty_side *far = treaty_far_side(&agreed->treaty, &governance->community);
        char safe[SAFE_MAX];
        size_t going = 0;
        size_t others = 0;
        if (governance_treaty(governance, &agreed->id, now) != agreed) {
            continue;
        }
        for (size_t k = 0; k < own->clerk_count; k++) {
            const struct listed *clerk = home_of(members, &own->clerks[k]);
            bool one = goes(members, &own->clerks[k], home, subtree);
            going += one ? 1 : 0;
            others += !one && clerk != NULL && listed_stands(clerk) ? 1 : 0;
        }
        if (going > 0) {
            changes_add(out,
                        others > 0 ? "it is a clerk of the treaty with %.400s: the other clerks "
                                     "tell them that it belongs no more, but it can keep all from "
                                     "crossing until that treaty is made anew"
                                   : "it is the last clerk of the treaty with %.400s, and tells "
                                     "them who belongs until that treaty is made anew",
                        safe_text(far->name, NAME_MAX_BYTES, safe));
        }
    }
}

static bool goes(const struct member_list *members, const struct sign_public *clerk,
                 const struct listed *home, bool subtree) {
    const struct listed *found = home_of(members, clerk);
    return found != NULL && (found == home || (subtree && listed_under(found, home)));
}
