/* peers. */
#include <stdio.h>

#include "cli/cli.h"

enum {
    NAME_COLUMNS = 16, /* in a table */
    PATH_ROOM = ADDRESS_MAX_BYTES + 32,
};

static void tell_community(struct facts *facts, const struct control_reply *peers);
static void show_community(const struct cli *cli, const struct control_reply *status,
                           const struct control_reply *peers);
static void show_doors(const struct control_reply *status, const struct control_reply *peers);
static void tell_links(struct facts *facts, const struct control_reply *peers);
static void tell_gone(struct facts *facts, const struct control_reply *peers);
static void tell_home(struct facts *facts, const char *name, const struct id *certificate,
                      const char *code_label);
static void path_text(const struct peer_link *link, char out[PATH_ROOM]);
static void tell_size(struct facts *facts, const char *key, const char *label, uint64_t bytes);
static void tell_span(struct facts *facts, const char *key, const char *label, uint64_t ms);
static void tell_ago(struct facts *facts, const char *key, const char *label, uint64_t ms);
static struct instant before_now(uint64_t ms);
static const char *plural(uint64_t count);

int cmd_peers(struct cli *cli) {
    static struct control_reply reply;
    static struct control_reply status;
    bool dot = false;
    struct client *client = NULL;
    struct facts *facts = NULL;
    const struct control_request request = {.op = CONTROL_PEERS};
    const struct cli_option options[] = {{.name = "--dot", .flag = &dot}};
    int failed = take_options(cli, options, COUNT_OF(options), "");
    if (failed == 0 && dot && cli->json) {
        failed = usage_error(cli->command, "say either '--json' or '--dot'");
    }
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_in_community(client);
    }
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    if (failed == 0) {
        failed = client_ask(client, &request);
    }
    if (failed == 0 && cli->json) {
        facts = facts_start(cli, true);
    }
    while (client_each(client, CONTROL_GOT_PEERS, &reply, &failed)) {
        links_sort(&reply);
        if (dot) {
            links_dot(stdout, &reply);
        } else if (cli->json) {
            tell_community(facts, &reply);
        } else {
            show_community(cli, &status, &reply);
        }
    }
    if (failed == 0 && cli->json) {
        facts_end(facts);
    }
    client_close(client);
    return failed;
}

static void tell_community(struct facts *facts, const struct control_reply *peers) {
    facts_item(facts);
    facts_text(facts, "community", NULL, peers->as.peers.community_name);
    facts_bytes(facts, "community_id", NULL, BYTES_OF(peers->as.peers.community.b));
    facts_text(facts, "home", NULL, peers->as.peers.name);
    facts_bytes(facts, "certificate", NULL, BYTES_OF(peers->as.peers.certificate.b));
    facts_items(facts, "links");
    tell_links(facts, peers);
    facts_items(facts, "gone");
    tell_gone(facts, peers);
    facts_items(facts, NULL);
    facts_number(facts, "book", NULL, peers->as.peers.book);
    facts_number(facts, "met", NULL, peers->as.peers.met);
    facts_number(facts, "anchors", NULL, peers->as.peers.anchors);
    facts_number(facts, "passive", NULL, peers->as.peers.passive);
}

static void show_community(const struct cli *cli, const struct control_reply *status,
                           const struct control_reply *peers) {
    char safe[SAFE_MAX];
    size_t links = peers->as.peers.link_count;
    if (!id_is_zero(&status->as.status.outside)) {
        show_doors(status, peers);
        return;
    }
    (void)printf("%s: %zu link%s\n\n",
                 safe_text(peers->as.peers.community_name, NAME_MAX_BYTES, safe), links,
                 plural(links));
    links_picture(stdout, peers);
    if (links > 0) {
        (void)fputs("\nan arrow starts at who dialled; 'tree' carries what is new, 'ids' word of "
                    "it\n\n",
                    stdout);
        struct facts *facts = facts_start(cli, true);
        tell_links(facts, peers);
        facts_end(facts);
    } else {
        (void)printf("\n%s\n", peers->as.peers.book == 0
                                   ? "no neighbour is known yet: invite one with 'stoop invite'"
                                   : "this home goes on dialling its neighbours by itself");
    }
    if (peers->as.peers.gone_count > 0) {
        (void)fputs("\nlinks that went, the last one first\n\n", stdout);
        struct facts *facts = facts_start(cli, true);
        tell_gone(facts, peers);
        facts_end(facts);
    }
    (void)printf("\naddress book: %u member%s, %u dialled before, %u anchor%s\n"
                 "named by others lately: %u\n",
                 peers->as.peers.book, plural(peers->as.peers.book), peers->as.peers.met,
                 peers->as.peers.anchors, plural(peers->as.peers.anchors), peers->as.peers.passive);
}

/* From outside nobody else is linked with. */
static void show_doors(const struct control_reply *status, const struct control_reply *peers) {
    char safe[SAFE_MAX];
    (void)printf("%s, which is asked from outside\n",
                 safe_text(peers->as.peers.community_name, NAME_MAX_BYTES, safe));
    for (size_t i = 0; i < status->as.status.door_count; i++) {
        const struct door_link *door = &status->as.status.doors[i];
        (void)printf("door %s: %s\n", safe_text(door->name, 60, safe),
                     door->linked ? "linked" : "not linked; this home goes on dialling it");
    }
}

/* What the picture shows already has no label. */
static void tell_links(struct facts *facts, const struct control_reply *peers) {
    for (size_t i = 0; i < peers->as.peers.link_count; i++) {
        const struct peer_link *link = &peers->as.peers.links[i];
        char path[PATH_ROOM];
        char faults[32];
        path_text(link, path);
        (void)snprintf(faults, sizeof faults, "%u/%u", link->faults, CONTROL_FAULTS_MAX);
        facts_item(facts);
        tell_home(facts, link->name, &link->certificate, NULL);
        facts_flag(facts, "dialled", link->dialled);
        facts_text(facts, "address", NULL, link->address);
        facts_flag(facts, "anchor", link->anchor);
        facts_flag(facts, "tree", link->eager);
        facts_time(facts, "since", NULL, before_now(link->age_ms));
        tell_span(facts, "age_ms", "up", link->age_ms);
        tell_ago(facts, "heard_ms", "heard", link->quiet_ms);
        facts_shown(facts, "faults", "faults", link->faults, faults);
        facts_number(facts, "faults_max", NULL, CONTROL_FAULTS_MAX);
        tell_size(facts, "bytes_in", "in", link->bytes_in);
        tell_size(facts, "bytes_out", "out", link->bytes_out);
        facts_text(facts, "path", "path", path);
    }
}

static void tell_gone(struct facts *facts, const struct control_reply *peers) {
    static const struct {
        const char *word, *text;
    } ends[] = {
        [PEER_END_SILENT] = {"silent", "nothing was heard any more"},
        [PEER_END_CUT] = {"cut", "the connection broke"},
        [PEER_END_TOLD] = {"told", "they closed it"},
        [PEER_END_FULL] = {"full", "there was no room for it"},
        [PEER_END_SWAPPED] = {"swapped", "it made way for another"},
        [PEER_END_TWICE] = {"twice", "there were two to that home"},
        [PEER_END_GROUP] = {"group", "too many into one network"},
        [PEER_END_FAULT] = {"fault", "they broke the rules"},
        [PEER_END_REMOVED] = {"removed", "no member any more"},
    };
    for (size_t i = 0; i < peers->as.peers.gone_count; i++) {
        const struct peer_gone *gone = &peers->as.peers.gone[i];
        facts_item(facts);
        tell_home(facts, gone->name, &gone->certificate, "code");
        facts_text(facts, "why", NULL, ends[gone->why].word);
        facts_time(facts, "at", NULL, before_now(gone->ago_ms));
        tell_span(facts, "lasted_ms", "lasted", gone->lasted_ms);
        tell_ago(facts, "ago_ms", "ended", gone->ago_ms);
        facts_text(facts, "reason", "why", ends[gone->why].text);
    }
}

static void tell_home(struct facts *facts, const char *name, const struct id *certificate,
                      const char *code_label) {
    char code[LINK_CODE_BYTES];
    link_code(certificate, code);
    facts_cut(facts, "name", "name", name, NAME_COLUMNS);
    facts_text(facts, "code", code_label, code);
    facts_bytes(facts, "certificate", NULL, BYTES_OF(certificate->b));
}

/* Every link is direct: between the two homes is the network alone. */
static void path_text(const struct peer_link *link, char out[PATH_ROOM]) {
    if (link->address[0] == '\0') {
        (void)snprintf(out, PATH_ROOM, "direct, %s", link->dialled ? "dialled" : "dialled us");
    } else {
        (void)snprintf(out, PATH_ROOM, "%s %s", link->dialled ? "to" : "from", link->address);
    }
}

static void tell_size(struct facts *facts, const char *key, const char *label, uint64_t bytes) {
    char text[32];
    size_text(bytes, text);
    facts_shown(facts, key, label, (int64_t)bytes, text);
}

static void tell_span(struct facts *facts, const char *key, const char *label, uint64_t ms) {
    char text[32];
    span_text((int64_t)ms, text);
    facts_shown(facts, key, label, (int64_t)ms, text);
}

static void tell_ago(struct facts *facts, const char *key, const char *label, uint64_t ms) {
    char span[32];
    char text[48];
    span_text((int64_t)ms, span);
    (void)snprintf(text, sizeof text, "%s ago", span);
    facts_shown(facts, key, label, (int64_t)ms, text);
}

static struct instant before_now(uint64_t ms) {
    int64_t now = now_wall().ms;
    return (struct instant){ms < (uint64_t)now ? now - (int64_t)ms : 0};
}

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}
