#include "cli/abroad.h"

#include <string.h>

enum {
    GOES_MAX = 512,
};

struct destination { /* another community that has the place that is asked about */
    const struct agreed *agreed;
    const struct treaty_side *side;
    const char *held; /* why it does not go there; NULL: it does */
    char why[HOLDS_BACK_MAX];
};

static int load_proposed(struct client *client, const struct governance *governance,
                         struct abroad *out);
static void take_proposed(const struct governance *governance, const struct signed_object *object,
                          struct abroad *out);
static void show_proposed(const struct governance *governance, const struct abroad *abroad,
                          const struct request *request);
static bool asked_here(const struct governance *governance, const struct request *request);
static bool destination_of(const struct governance *governance, const struct abroad *abroad,
                           const struct request *request, size_t place, struct destination *out);
static const char *goes_text(const struct destination *to, bool here, char out[GOES_MAX]);
static const char *held_text(const struct destination *to, char out[GOES_MAX]);

int abroad_load(struct client *client, const struct community_terms *community,
                const struct control_reply *status, struct abroad *out) {
    static struct member self;
    const struct governance *governance = &community->governance;
    *out = (struct abroad){.own = ERR_OK, .role = MEMBER_OUTSIDER};
    if (!id_is_zero(&status->as.status.outside)) {
        return 0;
    }
    int failed = load_proposed(client, governance, out);
    if (failed != 0 || governance->treaty_count + out->proposed_count == 0) {
        return failed;
    }
    out->own = client_chain(client, community, &status->as.status.certificate, now_wall(), &self);
    if (out->own != ERR_OK) {
        return 0;
    }
    out->role = self.role;
    failed = abroad_rolls(client, governance, out->said);
    if (failed == 0) {
        failed = members_load(client, community, &out->members);
    }
    return failed == 0
               ? gateways_load(client, &governance->community, &out->members, &out->gateways)
               : failed;
}

/* Whatever is asked since one was proposed crosses by it once it is decided (PROTOCOL 4.14). */
static int load_proposed(struct client *client, const struct governance *governance,
                         struct abroad *out) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_PROPOSALS};
    struct signed_object object;
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        if (signed_decode(reply.as.object.object, &object) == ERR_OK &&
            object.kind == OBJECT_ENDORSEMENT && out->proposed_count < COUNT_OF(out->proposed)) {
            take_proposed(governance, &object, out);
        }
    }
    return failed;
}

/* Of each community one, by an administrator, that follows the newest act. */
static void take_proposed(const struct governance *governance, const struct signed_object *object,
                          struct abroad *out) {
    static struct act act;
    struct endorsement endorsement;
    struct treaty *treaty = &out->proposed[out->proposed_count];
    const struct sign_public *key = &object->signatures[0].key;
    if (endorsement_decode(object->body, &endorsement) != ERR_OK ||
        instant_reached(now_wall(), endorsement.head.expires) ||
        !charter_has_administrator(&governance->charter, key) ||
        !act_signed_by(endorsement.act, key, &endorsement.signature) ||
        act_decode(endorsement.act, &act) != ERR_OK || act.treaty.len == 0 ||
        !id_equal(&act.previous, &governance->head) ||
        treaty_decode(act.treaty, treaty) != ERR_OK) {
        return;
    }
    const struct treaty_side *far = treaty_far_side(treaty, &governance->community);
    bool another = far != NULL;
    for (size_t i = 0; another && i < out->proposed_count; i++) {
        another = treaty_side(&out->proposed[i], &far->community) == NULL;
    }
    out->proposed_count += another ? 1 : 0;
}

void abroad_finish(struct abroad *abroad) {
    members_finish(&abroad->members);
}

int abroad_rolls(struct client *client, const struct governance *governance,
                 struct roll said[TREATIES_KEPT_MAX]) {
    static struct control_reply reply;
    static struct treaties_heard heard; /* large */
    const struct control_request ask = {.op = CONTROL_ROLLS};
    int failed = client_ask(client, &ask);
    memset(&heard, 0, sizeof heard);
    while (failed == 0 && client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        treaties_hear(governance, reply.as.object.object, now_wall(), &heard);
    }
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct roll *counts = treaties_counting(governance, &heard, i, now_wall());
        said[i] = counts == NULL ? (struct roll){.version = 0} : *counts;
    }
    return failed;
}

/* The communities that it goes to by treaty, those that a treaty keeps it from, and whether this
 * one has the place at all. */
void abroad_show(const struct governance *governance, const struct abroad *abroad,
                 const struct request *request) {
    const bool here = asked_here(governance, request);
    char safe[SAFE_MAX];
    char text[GOES_MAX];
    bool goes = false;
    bool self = false;
    for (size_t i = 0; i < governance->treaty_count; i++) {
        struct destination to;
        if (!destination_of(governance, abroad, request, i, &to)) {
            continue;
        }
        if (to.held != NULL) {
            term_put("NOT TO", "%s", held_text(&to, text));
            continue;
        }
        term_put("GOES TO", "%s: every home there sees the same", goes_text(&to, here, text));
        if (gateways_of(&abroad->gateways, &to.agreed->id, &self) == 0) {
            term_put("", "BUT no home says that it carries there: it waits until one does, or it "
                         "ends");
        }
        goes = true;
    }
    show_proposed(governance, abroad, request);
    if (goes && !here) {
        term_put("BEYOND",
                 "the area of %s: its homes see this too, and are asked only where a "
                 "camera sees that far",
                 safe_text(governance->charter.name, NAME_MAX_BYTES, safe));
    }
}

static void show_proposed(const struct governance *governance, const struct abroad *abroad,
                          const struct request *request) {
    char safe[SAFE_MAX];
    for (size_t i = 0; i < abroad->proposed_count; i++) {
        const struct treaty *treaty = &abroad->proposed[i];
        const struct treaty_side *far = treaty_far_side(treaty, &governance->community);
        if (treaty_lets(treaty, far, request, abroad->role) == ERR_OK) {
            term_put("MAY GO",
                     "to %.400s too: a treaty is proposed, and may be decided before "
                     "this ends",
                     safe_text(far->name, NAME_MAX_BYTES, safe));
        }
    }
}

void abroad_facts(const struct cli *cli, const struct governance *governance,
                  const struct abroad *abroad, const struct request *request, struct facts *facts) {
    const bool here = asked_here(governance, request);
    struct destination to;
    char text[GOES_MAX];
    for (size_t i = 0; !cli->json && i < governance->treaty_count; i++) {
        if (destination_of(governance, abroad, request, i, &to)) {
            facts_text(facts, NULL, to.held == NULL ? "goes to" : "not to",
                       to.held == NULL ? goes_text(&to, here, text) : held_text(&to, text));
        }
    }
    if (!cli->json) {
        return;
    }
    facts_list(facts, "goes_to");
    for (size_t i = 0; i < governance->treaty_count; i++) {
        if (destination_of(governance, abroad, request, i, &to) && to.held == NULL) {
            facts_text(facts, NULL, NULL, to.side->name);
        }
    }
    facts_list(facts, NULL);
    facts_items(facts, "not_to");
    for (size_t i = 0; i < governance->treaty_count; i++) {
        if (destination_of(governance, abroad, request, i, &to) && to.held != NULL) {
            facts_item(facts);
            facts_text(facts, "community", NULL, to.side->name);
            facts_text(facts, "because", NULL, to.held);
        }
    }
    facts_items(facts, NULL);
}

static bool asked_here(const struct governance *governance, const struct request *request) {
    const struct charter *charter = &governance->charter;
    return !charter->has_area || geo_place_inside(&request->place, &charter->area);
}

/* False: there is nothing to ask there, as its treaty does not stand or has not the place. */
static bool destination_of(const struct governance *governance, const struct abroad *abroad,
                           const struct request *request, size_t place, struct destination *out) {
    const struct agreed *agreed = &governance->treaties[place];
    const struct treaty_side *far = treaty_far_side(&agreed->treaty, &governance->community);
    const struct roll *said = &abroad->said[place];
    const bool there = !far->has_area || geo_place_inside(&request->place, &far->area);
    if (!there || !treaty_stands(agreed, now_wall()) || abroad->role == MEMBER_OUTSIDER) {
        return false;
    }
    *out = (struct destination){.agreed = agreed, .side = far};
    out->held = treaty_holds_back(agreed, far, said->head.created.ms > 0 ? said : NULL, request,
                                  abroad->role, out->why);
    return true;
}

static const char *goes_text(const struct destination *to, bool here, char out[GOES_MAX]) {
    char safe[SAFE_MAX];
    char until[DAY_BYTES];
    day_text(to->agreed->treaty.until, until);
    (void)snprintf(out, GOES_MAX, "%s %.400s, by treaty until %s", here ? "also" : "the homes of",
                   safe_text(to->side->name, NAME_MAX_BYTES, safe), until);
    return out;
}

static const char *held_text(const struct destination *to, char out[GOES_MAX]) {
    char safe[SAFE_MAX];
    (void)snprintf(out, GOES_MAX, "%.200s: %s", safe_text(to->side->name, NAME_MAX_BYTES, safe),
                   to->held);
    return out;
}
