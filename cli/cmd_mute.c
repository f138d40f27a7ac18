/* mute, unmute: whose voluntary requests this owner does not want put before them. Nobody is told
 * (P2); a claimed order is always shown; what is muted ends by itself (P3). */
#include <string.h>

#include "cli/prompt.h"
#include "cli/review.h"

static int list_muted(const struct cli *cli);
static int find_name(const struct cli *cli, const char *word, char out[NAME_MAX_BYTES]);
static int search_requests(struct client *client, const struct community_terms *community,
                           const char *word, char out[NAME_MAX_BYTES]);
static int search_members(struct client *client, const char *word, char out[NAME_MAX_BYTES]);

static struct memory memory;
static struct rules rules;

int cmd_mute(struct cli *cli) {
    char name[NAME_MAX_BYTES] = "";
    bool list = false;
    const struct cli_option options[] = {{.name = "--list", .flag = &list}};
    int failed = take_options(cli, options, COUNT_OF(options), "[NAME|CODE]");
    if (failed == 0 && list == (cli->argc > 1)) {
        failed = usage_error(cli->command, "say whom, or '--list'");
    }
    if (failed == 0) {
        failed = rules_load(cli, &rules);
    }
    if (failed == 0) {
        failed = memory_load(cli, &memory);
    }
    if (failed != 0 || list) {
        return failed != 0 ? failed : list_muted(cli);
    }
    failed = find_name(cli, cli->argv[1], name);
    if (failed != 0) {
        return failed;
    }
    if (memory_muted(&memory, name)) {
        (void)printf("%s is muted already\n", name);
        return EXIT_DONE;
    }
    if (!memory_mute(&memory, name)) {
        return fail("see them with 'stoop mute --list'", "no more than %d can be muted",
                    MEMORY_MUTED_MAX);
    }
    failed = memory_save(cli, &memory);
    if (failed == 0) {
        char text[NAME_MAX_BYTES + 64];
        (void)snprintf(text, sizeof text, "muted: voluntary requests of %s are not put before you",
                       name);
        term_text(text);
        term_text("they end by themselves, and nobody is told; orders are shown");
    }
    return failed;
}

int cmd_unmute(struct cli *cli) {
    int failed = take_options(cli, NULL, 0, "NAME");
    if (failed == 0) {
        failed = rules_load(cli, &rules);
    }
    if (failed == 0) {
        failed = memory_load(cli, &memory);
    }
    if (failed != 0) {
        return failed;
    }
    char safe[SAFE_MAX];
    const char *name = cli->argv[1];
    bool was = memory_unmute(&memory, name);
    size_t line = rules_mute_line(&rules, name);
    failed = was ? memory_save(cli, &memory) : 0;
    if (failed != 0) {
        return failed;
    }
    if (line > 0) {
        return fail("take it out there", "'%s' is muted by line %zu of '%.200s/rules'",
                    safe_text(name, 64, safe), line, cli->owner_dir);
    }
    if (!was) {
        return fail("see who is with 'stoop mute --list'", "'%s' is not muted",
                    safe_text(name, 64, safe));
    }
    (void)printf("no longer muted: %s\n", name);
    return EXIT_DONE;
}

static int list_muted(const struct cli *cli) {
    struct facts *facts = facts_start(cli, true);
    size_t count = memory.muted_count;
    for (size_t i = 0; i < memory.muted_count; i++) {
        facts_item(facts);
        facts_text(facts, "name", "muted", memory.muted[i]);
        facts_text(facts, "by", "by", "stoop mute");
    }
    for (size_t i = 0; i < rules.asker_count; i++) {
        char by[32];
        if (rules.askers[i].mute) {
            count++;
            (void)snprintf(by, sizeof by, "rules, line %zu", rules.askers[i].line);
            facts_item(facts);
            facts_text(facts, "name", "muted", rules.askers[i].name);
            facts_text(facts, "by", "by", by);
        }
    }
    if (count == 0 && !cli->json) {
        (void)puts("nobody is muted");
    } else {
        facts_end(facts);
    }
    return EXIT_DONE;
}

/* By the code of a request that verifies, or by a name that one of these or a member has: the
 * node's word is enough to catch a slip, and a mute opens nothing. */
static int find_name(const struct cli *cli, const char *word, char out[NAME_MAX_BYTES]) {
    struct client *client = NULL;
    static struct community_terms community;
    int failed = client_open(cli, &client);
    if (failed == 0) {
        failed = client_community(cli, client, &community);
    }
    if (failed == 0) {
        failed = search_requests(client, &community, word, out);
    }
    if (failed == 0 && out[0] == '\0') {
        failed = search_members(client, word, out);
    }
    if (failed == 0 && out[0] == '\0') {
        char safe[SAFE_MAX];
        failed = fail("see 'stoop requests' and 'stoop members'",
                      "no request has the code '%s', and nobody has that name",
                      safe_text(word, 64, safe));
    }
    client_close(client);
    return failed;
}

static int search_requests(struct client *client, const struct community_terms *community,
                           const char *word, char out[NAME_MAX_BYTES]) {
    static struct control_reply reply;
    static struct checked_request asked;
    struct client_list list = {0};
    int failed = 0;
    while (client_each_part(client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        if (check_request(&reply, community, now_wall(), &asked) == ERR_OK && !asked.ours &&
            (prompt_is_code(word, asked.code) || strcmp(word, asked.account) == 0) &&
            name_good(asked.account)) {
            (void)snprintf(out, NAME_MAX_BYTES, "%s", asked.account);
        }
    }
    return failed;
}

static int search_members(struct client *client, const char *word, char out[NAME_MAX_BYTES]) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_MEMBERS};
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        struct signed_object object;
        struct member member;
        if (signed_decode(reply.as.object.object, &object) == ERR_OK &&
            member_decode(object.body, &member) == ERR_OK && strcmp(member.name, word) == 0 &&
            name_good(word)) {
            (void)snprintf(out, NAME_MAX_BYTES, "%s", word);
        }
    }
    return failed;
}
