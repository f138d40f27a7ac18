/* The overlay's address book over a restart: one value in the store, written when it has changed.
 */
#include <string.h>

#include "node/core/parts.h"

enum {
    BOOK_ENTRY_BYTES = 33, /* certificate, and 1 for an anchor */
};

/* Those of the address book that this node has dialled before come first: whoever would fill it
 * anew has to wait for them to fail. */
enum err address_book_load(struct core *core) {
    struct bytes kept;
    enum err err = store_get(core->store, STORE_BOOK, &kept);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    for (size_t at = 0; at + BOOK_ENTRY_BYTES <= kept.len; at += BOOK_ENTRY_BYTES) {
        struct id id;
        memcpy(id.b, kept.at + at, sizeof id.b);
        struct overlay_event event = {.kind = OVERLAY_EV_PEER,
                                      .peer = neighbours_peer(core, &id),
                                      .met = true,
                                      .anchor = kept.at[at + sizeof id.b] != 0};
        if (event.peer != OVERLAY_NOBODY) {
            err = overlay_step(core->overlay, &event, core->now, core_random(core),
                               core->overlay_actions);
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

enum err address_book_keep(struct core *core) {
    struct overlay_known known[OVERLAY_BOOK_MAX];
    uint8_t book[OVERLAY_BOOK_MAX * BOOK_ENTRY_BYTES];
    size_t len = 0;
    struct id hash;
    size_t count = overlay_book(core->overlay, known);
    for (size_t i = 0; i < count; i++) {
        if (known[i].met || known[i].anchor) {
            const struct id *id = community_member_id(core->community, known[i].peer);
            memcpy(book + len, id->b, sizeof id->b);
            book[len + sizeof id->b] = known[i].anchor ? 1 : 0;
            len += BOOK_ENTRY_BYTES;
        }
    }
    hash_labelled("stoop address book v1", (struct bytes){NULL, 0}, (struct bytes){book, len},
                  hash.b, sizeof hash.b);
    if (id_equal(&hash, &core->book_kept)) {
        return ERR_OK;
    }
    core->book_kept = hash;
    return store_put(core->store, STORE_BOOK, (struct bytes){book, len});
}
