/* What became of a clip while its prompt was open. However far it has come by then (decided and not
 * shredded yet, or gone), the owner reads one and the same line. */
#include <string.h>

#include "cli/review.h"

static int find_end(struct client *client, const struct community_terms *community,
                    const struct id *request, struct checked_request *out);
static int ask_clip(struct client *client, const struct clip_id *clip, bool *open);

int meanwhile_open(struct client *client, const struct community_terms *community,
                   const struct opened *clip) {
    static struct checked_request asked;
    char text[96];
    bool open = false;
    asked.end = REQUEST_STANDS;
    int failed = find_end(client, community, &clip->asked->id, &asked);
    if (failed == 0) {
        failed = ask_clip(client, &clip->clip, &open);
    }
    if (failed != 0 || (open && asked.end == REQUEST_STANDS)) {
        return failed;
    }
    switch (asked.end) {
    case REQUEST_STANDS:
        (void)snprintf(text, sizeof text, "decided meanwhile, or at its end; nothing went");
        break;
    case REQUEST_WITHDRAWN:
        (void)snprintf(text, sizeof text, "withdrawn meanwhile by who asked; nothing went");
        break;
    case REQUEST_TAKEN_BACK:
        (void)snprintf(text, sizeof text,
                       "taken back meanwhile, or who asked is no member any more; nothing went");
        break;
    case REQUEST_AMENDED:
        (void)snprintf(text, sizeof text, "amended meanwhile: %s takes its place; nothing went",
                       asked.end_code);
        break;
    }
    term_text(text);
    return EXIT_FAILED;
}

int meanwhile_do(struct client *client, const struct community_terms *community,
                 const struct opened *clip, const struct control_request *request,
                 const char *subject) {
    static struct control_reply reply;
    int failed = client_ask(client, request);
    if (failed != 0) {
        return failed;
    }
    if (!client_next(client, &reply)) {
        return client_gone();
    }
    if (reply.kind == CONTROL_DONE && reply.err == ERR_OK) {
        return 0;
    }
    failed = meanwhile_open(client, community, clip);
    return failed != 0 ? failed : fail(NULL, "%s: %s", subject, err_text(reply.err));
}

static int find_end(struct client *client, const struct community_terms *community,
                    const struct id *request, struct checked_request *out) {
    static struct control_reply reply;
    static struct checked_request checked;
    static struct amendments amendments;
    struct client_list list = {0};
    int failed = 0;
    amendments.count = 0;
    while (client_each_part(client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        if (check_request(&reply, community, now_wall(), &checked) != ERR_OK) {
            continue;
        }
        amendments_note(&amendments, &checked);
        if (id_equal(&checked.id, request)) {
            *out = checked;
        }
    }
    amendments_tell(&amendments, out);
    return failed;
}

static int ask_clip(struct client *client, const struct clip_id *clip, bool *open) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_CLIP, .clip = *clip};
    int failed = client_ask(client, &ask);
    if (failed == 0 && !client_next(client, &reply)) {
        failed = client_gone();
    }
    *open = failed == 0 && reply.kind == CONTROL_GOT_CLIP &&
            (reply.as.clip.state == CLIP_OPEN || reply.as.clip.state == CLIP_PART_SIGNED);
    return failed;
}
