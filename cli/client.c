#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "node/base/assert.h"
#include "node/base/supervise.h"

enum {
    FRAME_HEADER = 4,
    ITEMS_MAX = 1 << 20,       /* of one list: more than any home holds */
    QUESTION_ROOM = 64 * 1024, /* so that no question with a secret moves as it grows */
};
static_assert(QUESTION_ROOM > 2 * SIGNED_GOSSIP_MAX + CODE_MAX_BYTES, "an invite fits");

struct client {
    int fd;
    struct buffer frame;
};

struct gathered { /* of a chain, the leaf first */
    size_t count;
    struct buffer parts[CHAIN_PARTS_MAX];
    struct id next; /* certificate that is to be found; zero: none */
};

static bool read_all(int fd, uint8_t *out, size_t len);
static bool write_all(int fd, struct bytes data);
static enum err take_act(struct bytes bytes, bool *founded, struct community_terms *out);
static bool find_member(struct client *client, struct gathered *found);
static int refused(const struct control_reply *reply);
static const struct told *what_is_told(struct told_list told, enum err err);
static int hung_up(void);
static int dial(const struct sockaddr_un *where);
static int no_node(const struct cli *cli);

int client_open(const struct cli *cli, struct client **out) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int len = snprintf(where.sun_path, sizeof where.sun_path, "%s/control.sock", cli->home);
    if (len < 0 || (size_t)len >= sizeof where.sun_path) {
        return fail("use a shorter folder", "the path of '%s' is too long for a socket", cli->home);
    }
    int fd = dial(&where);
    if (fd < 0) {
        return fd == -EACCES ? fail("members of the group 'stoop-owners' may",
                                    "you may not talk to the node in '%s'", cli->home)
                             : no_node(cli);
    }
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        (void)close(fd);
        return fail(NULL, "out of memory");
    }
    uint8_t *room = NULL;
    client->fd = fd;
    buffer_init(&client->frame, CONTROL_FRAME_MAX);
    if (buffer_extend(&client->frame, QUESTION_ROOM, &room) != ERR_OK) {
        client_close(client);
        return fail(NULL, "out of memory");
    }
    *out = client;
    return 0;
}

bool client_supervised(const struct cli *cli) {
    char path[PATH_MAX + 16];
    struct flock lock = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = SUPERVISE_LOCK_SUPERVISOR, .l_len = 1};
    (void)snprintf(path, sizeof path, "%s/lock", cli->base);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool held = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0) {
        (void)close(fd);
    }
    return held;
}

bool client_there(const struct cli *cli) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int len = snprintf(where.sun_path, sizeof where.sun_path, "%s/control.sock", cli->home);
    int fd = len > 0 && (size_t)len < sizeof where.sun_path ? dial(&where) : -EINVAL;
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

/* The socket, or what is in the way, negative. */
static int dial(const struct sockaddr_un *where) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)where, sizeof *where) == 0) {
        return fd < 0 ? -errno : fd;
    }
    int reason = errno;
    (void)close(fd);
    return -reason;
}

bool client_ended(struct client *client, int wait_ms) {
    struct pollfd end = {.fd = client->fd, .events = POLLIN};
    char byte = 0;
    return poll(&end, 1, wait_ms) == 1 && read(client->fd, &byte, 1) <= 0;
}

void client_close(struct client *client) {
    if (client != NULL) {
        (void)close(client->fd);
        client_forget(client);
        buffer_finish(&client->frame);
        free(client);
    }
}

void client_forget(struct client *client) {
    secret_wipe(client->frame.at, client->frame.len);
    buffer_clear(&client->frame);
}

int client_ask(struct client *client, const struct control_request *request) {
    uint8_t header[FRAME_HEADER];
    buffer_clear(&client->frame);
    enum err err = control_request_encode(request, &client->frame);
    bool sent = false;
    if (err == ERR_OK) {
        write_u32(header, (uint32_t)client->frame.len);
        sent = write_all(client->fd, BYTES_OF(header)) &&
               write_all(client->fd, buffer_bytes(&client->frame));
    }
    client_forget(client); /* an invite's secret may be in it */
    if (err != ERR_OK) {
        return fail(NULL, "the question does not fit: %s", err_text(err));
    }
    return sent ? 0 : client_gone();
}

bool client_next(struct client *client, struct control_reply *out) {
    uint8_t header[FRAME_HEADER];
    uint8_t *to = NULL;
    buffer_clear(&client->frame);
    if (!read_all(client->fd, header, sizeof header) || read_u32(header) > CONTROL_FRAME_MAX ||
        buffer_extend(&client->frame, read_u32(header), &to) != ERR_OK ||
        !read_all(client->fd, to, read_u32(header))) {
        return false;
    }
    return control_reply_decode(buffer_bytes(&client->frame), out) == ERR_OK;
}

bool client_each_part(struct client *client, enum control_op op, struct client_list *list,
                      struct control_reply *out, int *failed) {
    enum control_kind kind = op == CONTROL_REQUESTS ? CONTROL_GOT_REQUEST
                             : op == CONTROL_CLIPS  ? CONTROL_GOT_CLIP
                                                    : CONTROL_GOT_DELIVERED;
    while (*failed == 0) {
        if (term_stopped() || list->seen > ITEMS_MAX) {
            *failed = fail(NULL, term_stopped() ? "stopped" : "the node's answer does not end");
            return false;
        }
        if (!list->asked) {
            const struct control_request ask = {.op = op, .offset = list->seen};
            *failed = client_ask(client, &ask);
            list->asked = true;
            list->any = false;
        }
        if (client_each(client, kind, out, failed)) {
            list->any = true;
            list->seen++;
            return true;
        }
        if (!list->any) {
            return false;
        }
        list->asked = false;
    }
    return false;
}

int client_one(struct client *client, const struct control_request *request, enum control_kind kind,
               struct control_reply *out) {
    return client_one_told(client, request, kind, out, (struct told_list){0, NULL});
}

int client_one_told(struct client *client, const struct control_request *request,
                    enum control_kind kind, struct control_reply *out, struct told_list told) {
    int failed = client_ask(client, request);
    if (failed != 0) {
        return failed;
    }
    if (!client_next(client, out)) {
        return hung_up();
    }
    if (out->kind == kind) {
        return 0;
    }
    const struct told *better = out->kind == CONTROL_DONE ? what_is_told(told, out->err) : NULL;
    return better == NULL ? refused(out) : fail(better->next, "%s", better->said);
}

static const struct told *what_is_told(struct told_list told, enum err err) {
    for (size_t i = 0; i < told.count; i++) {
        if (told.list[i].err == err) {
            return &told.list[i];
        }
    }
    return NULL;
}

bool client_each(struct client *client, enum control_kind kind, struct control_reply *out,
                 int *failed) {
    if (*failed != 0) {
        return false;
    }
    if (!client_next(client, out)) {
        *failed = hung_up();
    } else if (out->kind != kind && (out->kind != CONTROL_DONE || out->err != ERR_OK)) {
        *failed = refused(out);
    }
    return *failed == 0 && out->kind == kind;
}

int client_do(struct client *client, const struct control_request *request, const char *subject) {
    return client_do_told(client, request, subject, (struct told_list){0, NULL});
}

int client_do_told(struct client *client, const struct control_request *request,
                   const char *subject, struct told_list told) {
    static struct control_reply reply;
    int failed = client_one(client, request, CONTROL_DONE, &reply);
    if (failed == 0 && reply.err != ERR_OK) {
        const struct told *better = what_is_told(told, reply.err);
        return fail(better == NULL ? NULL : better->next, "%s: %s", subject,
                    better == NULL ? err_text(reply.err) : better->said);
    }
    return failed;
}

int client_gone(void) {
    (void)fail("what it took before that is on record: see 'stoop status' when it runs again",
               "the node hung up");
    return EXIT_NO_NODE;
}

int client_status(struct client *client, struct control_reply *out) {
    const struct control_request request = {.op = CONTROL_STATUS};
    return client_one(client, &request, CONTROL_GOT_STATUS, out);
}

int client_in_community(struct client *client) {
    static struct control_reply reply;
    int failed = client_status(client, &reply);
    if (failed == 0 && !reply.as.status.has_community && !id_is_zero(&reply.as.status.outside)) {
        return fail("'stoop status' says when, and whether its doors answer",
                    "this home has applied from outside; administrators have not let it in yet");
    }
    return failed != 0 || reply.as.status.has_community
               ? failed
               : fail("found one with 'stoop community found NAME', or 'stoop community join CODE'",
                      "this home belongs to no community yet");
}

int client_community(const struct cli *cli, struct client *client, struct community_terms *out) {
    return client_acts(cli, client, NULL, NULL, out);
}

int client_acts(const struct cli *cli, struct client *client, client_act_visit *visit,
                void *context, struct community_terms *out) {
    static struct control_reply reply;
    static struct community_terms before;
    const struct control_request ask = {.op = CONTROL_CHARTER};
    struct id community;
    bool founded = false;
    enum err err = ERR_OK;
    int failed = client_in_community(client); /* one that has applied is told so */
    if (failed == 0) {
        failed = pinned_community(cli, &community);
    }
    if (failed == 0) {
        failed = client_ask(client, &ask);
    }
    while (failed == 0 && client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        before = *out;
        if (err == ERR_OK) {
            err = take_act(reply.as.object.object, &founded, out);
        }
        if (err == ERR_OK && visit != NULL) {
            failed = visit(context, &before, reply.as.object.object, out);
        }
    }
    if (failed != 0) {
        return failed;
    }
    if (err != ERR_OK || !founded || !id_equal(&out->governance.community, &community)) {
        return fail(NULL, "the node's charter does not verify");
    }
    return 0;
}

static enum err take_act(struct bytes bytes, bool *founded, struct community_terms *out) {
    static struct charter charter; /* large */
    static struct act act;
    struct signed_object object;
    struct governance *governance = &out->governance;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK && !*founded) {
        err = charter_decode(object.body, &charter);
        err = err == ERR_OK ? governance_found(governance, &object, &charter) : err;
        *founded = err == ERR_OK;
    } else if (err == ERR_OK) {
        err = act_decode(object.body, &act);
        err = err == ERR_OK ? governance_follow(governance, &object, &act) : err;
    }
    if (err == ERR_OK && governance->charter.authority_count > 0) {
        authorities_keep(&governance->charter, &out->authorities);
    } else if (err == ERR_OK && (object.kind == OBJECT_CHARTER || act.has_charter)) {
        out->authorities.count = 0;
    }
    governance->founding.authority_count = governance->charter.authority_count = 0; /* borrowed */
    return err;
}

enum err client_chain(struct client *client, const struct community_terms *community,
                      const struct id *certificate, struct instant at, struct member *out) {
    struct gathered found = {.next = *certificate};
    struct bytes chain[CHAIN_PARTS_MAX];
    struct id leaf;
    bool whole = true;
    while (whole && found.count + 2 <= COUNT_OF(found.parts) && !id_is_zero(&found.next)) {
        whole = find_member(client, &found);
    }
    for (size_t i = 0; i < found.count; i++) {
        chain[i] = buffer_bytes(&found.parts[found.count - 1 - i]);
    }
    enum err err = whole ? chain_verify(&community->governance, chain, found.count, at, out, &leaf)
                         : ERR_USER_NOT_FOUND;
    for (size_t i = 0; i < found.count; i++) {
        buffer_finish(&found.parts[i]);
    }
    return err;
}

/* The one that is wanted next, and a renewal of it before it. */
static bool find_member(struct client *client, struct gathered *found) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_MEMBERS};
    const struct id wanted = found->next;
    struct buffer certificate = {.max = SIGNED_GOSSIP_MAX};
    struct buffer renewed = {.max = SIGNED_GOSSIP_MAX};
    bool there = false;
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        struct bytes bytes = reply.as.object.object;
        struct signed_object object;
        struct renewal renewal;
        struct head head;
        if (signed_decode(bytes, &object) != ERR_OK) {
            continue;
        }
        if (object.kind == OBJECT_RENEWAL && renewal_decode(object.body, &renewal) == ERR_OK &&
            id_equal(&renewal.member, &wanted) && renewed.len == 0 &&
            buffer_append(&renewed, bytes) != ERR_OK) {
            failed = fail(NULL, "out of memory");
        }
        if (id_equal(&object.id, &wanted) && head_decode(object.body, &head) == ERR_OK && !there &&
            buffer_append(&certificate, bytes) == ERR_OK) {
            found->next = head.author;
            there = true;
        }
    }
    ASSERT(found->count + 2 <= COUNT_OF(found->parts));
    if (renewed.len > 0) {
        found->parts[found->count++] = renewed;
    }
    found->parts[found->count++] = certificate;
    return failed == 0 && there;
}

static int refused(const struct control_reply *reply) {
    char safe[SAFE_MAX];
    if (reply->kind != CONTROL_DONE) {
        return fail(NULL, "the node answers something else than was asked");
    }
    return fail(reply->err == ERR_USER_NO_COMMUNITY
                    ? "found one with 'stoop community found NAME', or 'stoop community join CODE'"
                    : NULL,
                "%s%s%s", err_text(reply->err), reply->text[0] == '\0' ? "" : ": ",
                safe_text(reply->text, 200, safe));
}

static int hung_up(void) {
    return term_stopped() ? fail(NULL, "stopped") : client_gone();
}

static int no_node(const struct cli *cli) {
    const char *home = cli->home;
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/config", home);
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        (void)fail("make one with 'stoop init', or name its folder with '--home'",
                   "there is no home in '%s'", home);
    } else if (client_supervised(cli)) {
        (void)fail("its journal says why, and 'stoop doctor' looks",
                   "stoopd runs, but its node in '%s' does not", home);
    } else {
        (void)fail("start it with 'stoopd'", "no node is running in '%s'", home);
    }
    return EXIT_NO_NODE;
}

static bool read_all(int fd, uint8_t *out, size_t len) {
    while (len > 0) {
        ssize_t got = read(fd, out, len);
        if (got < 0 && errno == EINTR && !term_stopped()) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        out += got;
        len -= (size_t)got;
    }
    return true;
}

static bool write_all(int fd, struct bytes data) {
    while (data.len > 0) {
        ssize_t put = send(fd, data.at, data.len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        data.at += put;
        data.len -= (size_t)put;
    }
    return true;
}
