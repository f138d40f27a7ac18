/* Which request took the place of which (PROTOCOL 5.6): who asks about an old one wants to know of
 * the newest. */
#include <string.h>

#include "cli/cli.h"

static const struct amendment *find(const struct amendments *amendments, const struct id *request);
static struct id newest_of(const struct amendments *amendments, const struct id *request);

void amendments_note(struct amendments *amendments, const struct checked_request *asked) {
    if (asked->end == REQUEST_AMENDED && amendments->count < AMENDMENTS_MAX) {
        amendments->list[amendments->count++] =
            (struct amendment){.request = asked->id, .by = asked->end_id};
    }
}

int amendments_load(struct client *client, const struct community_terms *community,
                    struct amendments *out) {
    static struct control_reply reply;
    static struct checked_request checked;
    struct client_list list = {0};
    int failed = 0;
    out->count = 0;
    while (client_each_part(client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        if (check_request(&reply, community, now_wall(), &checked) == ERR_OK) {
            amendments_note(out, &checked);
        }
    }
    return failed;
}

void amendments_tell(const struct amendments *amendments, struct checked_request *asked) {
    if (asked->end == REQUEST_AMENDED) {
        asked->newest = newest_of(amendments, &asked->end_id);
        request_code(&asked->newest, asked->end_code);
    }
}

/* The one that stands at the end of the chain from `request` on; itself where nothing amends it. An
 * id is a hash over what it amends, so a chain has no ring; the bound holds all the same. */
static struct id newest_of(const struct amendments *amendments, const struct id *request) {
    struct id newest = *request;
    const struct amendment *next = find(amendments, request);
    for (size_t i = 0; next != NULL && i < AMENDMENTS_MAX; i++) {
        newest = next->by;
        next = find(amendments, &newest);
    }
    return newest;
}

bool amendments_have(const struct amendments *amendments, const struct checked_request *by) {
    const struct amendment *found = find(amendments, &by->request.amends);
    return found != NULL && id_equal(&found->by, &by->id);
}

static const struct amendment *find(const struct amendments *amendments, const struct id *request) {
    for (size_t i = 0; i < amendments->count; i++) {
        if (id_equal(&amendments->list[i].request, request)) {
            return &amendments->list[i];
        }
    }
    return NULL;
}
