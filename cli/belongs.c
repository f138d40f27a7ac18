#include <string.h>

#include "cli/members.h"

struct seen { /* a member, by the node's word */
    enum control_member state;
    enum member_role role;
    struct id sponsor;
    char name[NAME_MAX_BYTES];
};

static int see(struct client *client, const struct id *certificate, struct seen *out);
static int say_displaced(struct client *client, const struct control_reply *status,
                         const struct seen *self);
static int say_gone(const struct control_reply *status, const char *next);

int belongs_ask(struct client *client, const struct control_reply *status,
                enum control_member *out) {
    static struct seen self;
    int failed = see(client, &status->as.status.certificate, &self);
    *out = self.state;
    return failed;
}

int belongs_or_says(struct client *client) {
    static struct control_reply status;
    static struct seen self;
    int failed = client_status(client, &status);
    if (failed == 0 && !id_is_zero(&status.as.status.outside)) { /* what it may, acts say */
        return client_in_community(client);
    }
    if (failed != 0 || !status.as.status.has_community) {
        return failed;
    }
    failed = see(client, &status.as.status.certificate, &self);
    if (failed == 0 && self.state == CONTROL_MEMBER_DISPLACED) {
        return say_displaced(client, &status, &self);
    }
    return failed == 0 && self.state == CONTROL_MEMBER_REMOVED
               ? say_gone(&status,
                          "a home that left or was removed comes back as a new home alone, "
                          "by a new invite")
               : failed;
}

enum place_role place_role(const struct cli *cli, const char *name) {
    static struct cli there;
    static struct control_reply status;
    static struct seen self;
    struct client *client = NULL;
    there = *cli;
    place_choose(&there, name);
    self = (struct seen){.state = CONTROL_MEMBER_AWAY};
    bool known = client_there(&there) && client_open(&there, &client) == 0 &&
                 client_status(client, &status) == 0 && status.as.status.has_community &&
                 see(client, &status.as.status.certificate, &self) == 0 && self.name[0] != '\0';
    client_close(client);
    return !known ? PLACE_UNKNOWN
           : self.state == CONTROL_MEMBER_REMOVED || self.state == CONTROL_MEMBER_DISPLACED
               ? PLACE_GONE
           : self.role == MEMBER_REQUESTER ? PLACE_REQUESTER
                                           : PLACE_HOME;
}

/* The one that let in too many stands above the highest that lost its place. */
static int say_displaced(struct client *client, const struct control_reply *status,
                         const struct seen *self) {
    static struct seen above;
    char next[SAFE_MAX];
    char safe[SAFE_MAX];
    int failed = see(client, &self->sponsor, &above);
    for (int i = 2; failed == 0 && above.state == CONTROL_MEMBER_DISPLACED && i < CHAIN_MAX; i++) {
        const struct id sponsor = above.sponsor;
        failed = see(client, &sponsor, &above);
    }
    (void)snprintf(next, sizeof next,
                   "'%.300s' let in more homes than it may, and others count in its place, as if "
                   "it had never belonged; ask somebody else there for an invite, for a new home",
                   safe_text(above.name, NAME_MAX_BYTES, safe));
    return failed == 0 ? say_gone(status, next) : failed;
}

static int say_gone(const struct control_reply *status, const char *next) {
    char safe[SAFE_MAX];
    return fail(next, "this home belongs to '%s' no more",
                safe_text(status->as.status.community_name, NAME_MAX_BYTES, safe));
}

/* Away, and nobody's, where the node does not list it. */
static int see(struct client *client, const struct id *certificate, struct seen *out) {
    static struct control_reply reply;
    static struct member member;
    const struct control_request ask = {.op = CONTROL_MEMBERS};
    *out = (struct seen){.state = CONTROL_MEMBER_AWAY};
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        struct signed_object object;
        if (signed_decode(reply.as.object.object, &object) == ERR_OK &&
            id_equal(&object.id, certificate) && member_decode(object.body, &member) == ERR_OK) {
            out->state = (enum control_member)reply.as.object.state;
            out->role = member.role;
            out->sponsor = member.head.author;
            memcpy(out->name, member.name, sizeof out->name);
        }
    }
    return failed;
}
