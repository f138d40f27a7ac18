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
    if (!id_is_zero(&status->as.status.outside) || governance->treaty_count == 0) {
        return 0;
    }
    out->own = client_chain(client, community, &status->as.status.certificate, now_wall(), &self);
    if (out->own != ERR_OK) {
        return 0;
    }
    out->role = self.role;
    int failed = abroad_rolls(client, governance, out->said);
    if (failed == 0) {
        failed = members_load(client, community, &out->members);
    }
    return failed == 0
               ? gateways_load(client, &governance->community, &out->members, &out->gateways)
               : failed;
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
    if (goes && !here) {
        term_put("BEYOND",
                 "the area of %s: its homes see this too, and are asked only where a "
                 "camera sees that far",
                 safe_text(governance->charter.name, NAME_MAX_BYTES, safe));
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
