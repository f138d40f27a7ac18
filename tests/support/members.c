#include "tests/support/members.h"

#include <string.h>

#include "node/base/assert.h"

enum {
    FILL = 0x5a
};

static peer_no find(void *context, const struct id *id) {
    (void)context;
    return id->b[31] == FILL ? read_u32(id->b) : OVERLAY_NOBODY;
}

static struct id id_of(void *context, peer_no peer) {
    (void)context;
    return members_id(peer);
}

struct id members_id(peer_no peer) {
    struct id id;
    memset(id.b, FILL, sizeof id.b);
    write_u32(id.b, peer);
    return id;
}

struct overlay *members_overlay(peer_no self) {
    static const struct overlay_members members = {NULL, find, id_of};
    struct overlay *overlay =
        overlay_create(&(struct overlay_config){.members = &members, .self = self, .seed = 1});
    ASSERT(overlay != NULL);
    return overlay;
}
