#include "cli/gateways.h"

#include "proto/treaty.h"

static void take(const struct signed_object *object, const struct id *community,
                 const struct member_list *members, struct gateways *out);
static void leave_out_ended(struct gateways *gateways);

int gateways_load(struct client *client, const struct id *community,
                  const struct member_list *members, struct gateways *out) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_GATEWAYS};
    struct signed_object object;
    out->count = 0;
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        if (signed_decode(reply.as.object.object, &object) == ERR_OK &&
            object.kind == OBJECT_GATEWAY) {
            take(&object, community, members, out);
        }
    }
    leave_out_ended(out);
    return failed;
}

/* One that renewed its word, or took it back, has two for a while. */
static void take(const struct signed_object *object, const struct id *community,
                 const struct member_list *members, struct gateways *out) {
    struct gateway gateway;
    if (gateway_decode(object->body, &gateway) != ERR_OK) {
        return;
    }
    const struct listed *home = members_of_id(members, &gateway.head.author);
    if (home == NULL || !listed_stands(home) || !signed_by(object, &home->member.node) ||
        !id_equal(&gateway.head.community, community) ||
        instant_reached(now_wall(), gateway.head.expires)) {
        return;
    }
    size_t at = 0;
    while (at < out->count &&
           (out->list[at].home != home || !id_equal(&out->list[at].treaty, &gateway.treaty))) {
        at++;
    }
    if (at == GATEWAYS_MAX) {
        return;
    }
    if (at < out->count && out->list[at].created.ms > gateway.head.created.ms) {
        return;
    }
    out->count += at == out->count ? 1 : 0;
    out->list[at] = (struct gateway_home){.treaty = gateway.treaty,
                                          .home = home,
                                          .created = gateway.head.created,
                                          .until = gateway.head.expires,
                                          .ended = gateway.ended};
}

static void leave_out_ended(struct gateways *gateways) {
    size_t kept = 0;
    for (size_t i = 0; i < gateways->count; i++) {
        if (!gateways->list[i].ended) {
            gateways->list[kept++] = gateways->list[i];
        }
    }
    gateways->count = kept;
}

size_t gateways_of(const struct gateways *gateways, const struct id *treaty, bool *self) {
    size_t count = 0;
    *self = false;
    for (size_t i = 0; i < gateways->count; i++) {
        bool of = id_equal(&gateways->list[i].treaty, treaty);
        count += of ? 1 : 0;
        *self |= of && gateways->list[i].home->state == CONTROL_MEMBER_SELF;
    }
    return count;
}

void gateways_go(const struct gateways *gateways, const struct governance *governance,
                 const struct listed *home, bool subtree, struct instant now, struct changes *out) {
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        const struct treaty_side *far = treaty_far_side(&agreed->treaty, &governance->community);
        char safe[SAFE_MAX];
        size_t going = 0;
        size_t others = 0;
        for (size_t k = 0; k < gateways->count; k++) {
            const struct gateway_home *one = &gateways->list[k];
            bool of = id_equal(&one->treaty, &agreed->id);
            bool goes = one->home == home || (subtree && listed_under(one->home, home));
            going += of && goes ? 1 : 0;
            others += of && !goes ? 1 : 0;
        }
        if (going > 0 && others == 0 && governance_treaty(governance, &agreed->id, now) == agreed) {
            changes_add(out, "no other home carries for %.400s: nothing crosses then",
                        safe_text(far->name, NAME_MAX_BYTES, safe));
        }
    }
}
