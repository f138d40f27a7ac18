#include "cli/gateways.h"

#include "proto/treaty.h"

static void take(const struct signed_object *object, const struct id *community,
                 const struct member_list *members, struct gateways *out);

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
    return failed;
}

/* One that renewed its word has two for a while. */
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
    struct instant before = at < out->count ? out->list[at].until : (struct instant){0};
    out->count += at == out->count ? 1 : 0;
    out->list[at] = (struct gateway_home){
        .treaty = gateway.treaty,
        .home = home,
        .until = before.ms > gateway.head.expires.ms ? before : gateway.head.expires};
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
