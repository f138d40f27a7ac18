/* mute, unmute: whose voluntary requests this owner does not want put before them. Nobody is told
 * (P2); a claimed order is always shown; what is muted ends by itself (P3). Whoever is called so in
 * one community is somebody else in another. */
#include <string.h>

#include "cli/members.h"
#include "cli/named.h"
#include "cli/review.h"

enum {
    ID_SHOWN = 8 /* bytes of a community's that this home is not in */
};

struct whom {        /* whom it is about */
    const char *own; /* where that is this home itself: what the word stands for; else NULL */
    struct muted is; /* with its certificate only where others are called so: else its name does */
    char community_name[NAME_MAX_BYTES];
};

static int list_muted(const struct cli *cli);
static void list_one(const struct cli *cli, const struct muted *muted, const char *by, bool wide,
                     struct facts *facts);
static bool in_several(const struct cli *cli);
static const char *called(const struct id *community, char out[2 * ID_SHOWN + 1]);
static int find_asker(const struct cli *cli, const char *word, struct whom *out);
static int search_requests(struct client *client, const struct community_terms *community,
                           const struct member_list *members, const char *word, struct whom *out);
static int search_members(struct client *client, const struct community_terms *community,
                          const struct member_list *members, const char *word, struct whom *out);
static void name_whom(const struct community_terms *community, const struct member_list *members,
                      const struct id *account, const char *name, struct whom *out);
static void say_muted(const struct cli *cli, const struct whom *asker, bool already);
static void say_state(const struct cli *cli, const struct muted *muted, const char *state);
static int choose(const struct cli *cli, const char *name, struct muted *out);
static bool is_meant(const struct cli *cli, const char *name, const struct muted *muted);

static struct memory memory;
static struct rules rules;
static struct pins pins;

int cmd_mute(struct cli *cli) {
    struct whom asker = {.is = {.name = ""}};
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
    failed = find_asker(cli, cli->argv[1], &asker);
    if (failed != 0) {
        return failed;
    }
    if (memory_muted(&memory, &asker.is)) {
        say_muted(cli, &asker, true);
        return EXIT_DONE;
    }
    if (!memory_mute(&memory, &asker.is)) {
        return fail("see them with 'stoop mute --list'", "no more than %d can be muted",
                    MEMORY_MUTED_MAX);
    }
    failed = memory_save(cli, &memory);
    if (failed == 0) {
        say_muted(cli, &asker, false);
    }
    return failed;
}

static void say_muted(const struct cli *cli, const struct whom *asker, bool already) {
    char text[SAFE_MAX];
    char community[SAFE_MAX];
    char name[SAFE_MAX];
    bool wide = in_several(cli);
    if (cli->json) {
        say_state(cli, &asker->is, already ? "muted already" : "muted");
        return;
    }
    if (already) {
        (void)printf("%s is muted already\n", safe_text(asker->is.name, NAME_MAX_BYTES, name));
        return;
    }
    (void)snprintf(text, sizeof text,
                   "muted: voluntary requests of %.300s%s%.300s are not put before you",
                   name_told_apart(asker->is.name, &asker->is.account,
                                   !id_is_zero(&asker->is.account), NAME_MAX_BYTES, name),
                   wide ? ", of " : "",
                   wide ? safe_text(asker->community_name, NAME_MAX_BYTES, community) : "");
    term_text(text);
    term_text("they end by themselves, and nobody is told; orders are shown");
}

/* JSON only. */
static void say_state(const struct cli *cli, const struct muted *muted, const char *state) {
    struct facts *facts = facts_start(cli, false);
    facts_text(facts, "name", NULL, muted->name);
    if (!id_is_zero(&muted->community)) {
        facts_bytes(facts, "community_id", NULL, BYTES_OF(muted->community.b));
    }
    facts_text(facts, "state", NULL, state);
    facts_end(facts);
}

int cmd_unmute(struct cli *cli) {
    struct muted muted = {.name = ""};
    char safe[SAFE_MAX];
    int failed = take_options(cli, NULL, 0, "NAME");
    if (failed == 0) {
        failed = rules_load(cli, &rules);
    }
    if (failed == 0) {
        failed = memory_load(cli, &memory);
    }
    if (failed == 0) {
        failed = pins_load(cli, &pins);
    }
    if (failed == 0) {
        failed = choose(cli, cli->argv[1], &muted);
    }
    if (failed != 0) {
        return failed;
    }
    const char *name = cli->argv[1];
    bool was = *muted.name != '\0' && memory_unmute(&memory, &muted);
    failed = was ? memory_save(cli, &memory) : 0;
    if (failed != 0) {
        return failed;
    }
    for (size_t i = 0; i < rules.asker_count; i++) {
        struct muted by_rule = {.community = rules.askers[i].community};
        memcpy(by_rule.name, rules.askers[i].name, sizeof by_rule.name);
        if (rules.askers[i].mute && is_meant(cli, name, &by_rule)) {
            return fail("take it out there", "'%s' is muted by line %zu of '%.200s/rules'",
                        safe_text(name, 64, safe), rules.askers[i].line, cli->owner_dir);
        }
    }
    if (!was) {
        return fail("see who is with 'stoop mute --list'", "'%s' is not muted",
                    safe_text(name, 64, safe));
    }
    if (cli->json) {
        say_state(cli, &muted, "no longer muted");
    } else {
        (void)printf("no longer muted: %s\n", safe_text(muted.name, NAME_MAX_BYTES, safe));
    }
    return EXIT_DONE;
}

/* The one of that name, or of the community that was named besides; *out is empty for none. */
static int choose(const struct cli *cli, const char *name, struct muted *out) {
    char names[SAFE_MAX] = "";
    char next[SAFE_MAX + 64];
    char safe[SAFE_MAX];
    size_t count = 0;
    size_t len = 0;
    bool one_community = true;
    for (size_t i = 0; i < memory.muted_count; i++) {
        char hex[2 * ID_SHOWN + 1];
        if (is_meant(cli, name, &memory.muted[i])) {
            one_community &= count == 0 || id_equal(&out->community, &memory.muted[i].community);
            *out = memory.muted[i];
            count++;
            len += len < sizeof names - SLUG_MAX_BYTES
                       ? (size_t)snprintf(names + len, sizeof names - len, "%s%s",
                                          len == 0 ? "" : ", ", called(&out->community, hex))
                       : 0;
        }
    }
    (void)snprintf(next, sizeof next, "say which with '--community NAME': %s", names);
    if (count > 1 && one_community) {
        return fail("name one by the id that 'stoop mute --list' has", "%zu are muted as '%s'",
                    count, safe_text(name, 64, safe));
    }
    return count < 2
               ? 0
               : fail(next, "'%s' is muted in %zu communities", safe_text(name, 64, safe), count);
}

static bool is_meant(const struct cli *cli, const char *name, const struct muted *muted) {
    char hex[2 * ID_SHOWN + 1];
    char slug[SLUG_MAX_BYTES];
    if (cli->community != NULL) {
        const char *community = called(&muted->community, hex);
        slug_of(cli->community, slug);
        if (strcmp(community, slug) != 0 && strcmp(community, cli->community) != 0) {
            return false;
        }
    }
    char code[LINK_CODE_BYTES];
    link_code(&muted->account, code);
    return strcmp(muted->name, name) == 0 ||
           (!id_is_zero(&muted->account) && strcasecmp(code, name) == 0);
}

/* ---- list ---- */

static int list_muted(const struct cli *cli) {
    struct facts *facts = NULL;
    size_t count = memory.muted_count;
    bool wide = in_several(cli);
    int failed = pins_load(cli, &pins);
    if (failed != 0) {
        return failed;
    }
    facts = facts_start(cli, true);
    for (size_t i = 0; i < memory.muted_count; i++) {
        list_one(cli, &memory.muted[i], "stoop mute", wide, facts);
    }
    for (size_t i = 0; i < rules.asker_count; i++) {
        const struct rules_asker *asker = &rules.askers[i];
        struct muted muted = {.community = asker->community};
        char by[32];
        if (asker->mute) {
            count++;
            memcpy(muted.name, asker->name, sizeof muted.name);
            (void)snprintf(by, sizeof by, "rules, line %zu", asker->line);
            list_one(cli, &muted, by, wide, facts);
        }
    }
    if (count == 0 && !cli->json) {
        (void)puts("nobody is muted");
    } else {
        facts_end(facts);
    }
    return EXIT_DONE;
}

static void list_one(const struct cli *cli, const struct muted *muted, const char *by, bool wide,
                     struct facts *facts) {
    char hex[2 * ID_SHOWN + 1];
    char name[SAFE_MAX];
    facts_item(facts);
    bool one = !id_is_zero(&muted->account);
    facts_text(facts, "name", "muted",
               one && !cli->json
                   ? name_told_apart(muted->name, &muted->account, true, NAME_MAX_BYTES, name)
                   : muted->name);
    if (one) {
        facts_bytes(facts, "certificate", NULL, BYTES_OF(muted->account.b));
    }
    if (wide || cli->json) {
        facts_text(facts, "community", "in", called(&muted->community, hex));
    }
    if (!id_is_zero(&muted->community)) {
        facts_bytes(facts, "community_id", NULL, BYTES_OF(muted->community.b));
    }
    facts_text(facts, "by", "by", by);
}

static bool in_several(const struct cli *cli) {
    struct places places;
    places_list(cli, &places);
    return places.count > 1;
}

/* As the home calls it, else the beginning of its id: whoever asks by treaty is of none of its. */
static const char *called(const struct id *community, char out[2 * ID_SHOWN + 1]) {
    for (size_t i = 0; i < pins.place_count; i++) {
        if (pins.places[i].has_community && id_equal(&pins.places[i].community, community)) {
            return pins.places[i].name;
        }
    }
    hex_write((struct bytes){community->b, ID_SHOWN}, out);
    return id_is_zero(community) ? "any" : out;
}

/* ---- whom ---- */

/* By the code of a request that verifies, or by a name, or the id, that one of these or a member
 * has. A name that several have chooses none of them. */
static int find_asker(const struct cli *cli, const char *word, struct whom *out) {
    struct client *client = NULL;
    static struct community_terms community;
    struct member_list members = {0};
    int failed = client_open(cli, &client);
    if (failed == 0) {
        failed = client_community(cli, client, &community);
    }
    if (failed == 0) {
        failed = members_load(client, &community, &members);
    }
    if (failed == 0) {
        failed = search_requests(client, &community, &members, word, out);
    }
    if (failed == 0 && out->is.name[0] == '\0') {
        failed = search_members(client, &community, &members, word, out);
    }
    members_finish(&members);
    client_close(client);
    return failed;
}

/* By its code; or by a name that nobody has but somebody of another community, who asks here. */
static int search_requests(struct client *client, const struct community_terms *community,
                           const struct member_list *members, const char *word, struct whom *out) {
    static struct control_reply reply;
    static struct checked_request asked;
    static struct named named;
    struct client_list list = {0};
    bool found = false;
    int failed = 0;
    bool belongs = members_called(members, word) > 0;
    named_start(&named, word);
    while (client_each_part(client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        bool good = check_request(&reply, community, now_wall(), &asked) == ERR_OK;
        if (good && asked.ours && code_begins(word, &asked.id)) {
            out->own = "a request of this home's own";
        }
        if (!good || asked.ours || !name_good(asked.account)) {
            continue;
        }
        bool code = named_note_request(&named, &asked);
        bool abroad = asked.abroad[0] != '\0';
        found |= code;
        if (code && !abroad) {
            name_whom(community, members, &asked.asker.account, asked.account, out);
        } else if (code || (abroad && !belongs && !found && strcmp(word, asked.account) == 0)) {
            out->is = (struct muted){.community = asked.request.head.community};
            memcpy(out->is.name, asked.account, sizeof out->is.name);
            memcpy(out->community_name, asked.abroad, sizeof out->community_name);
        }
    }
    return failed == 0 ? named_settle(&named, "requests") : failed;
}

static int search_members(struct client *client, const struct community_terms *community,
                          const struct member_list *members, const char *word, struct whom *out) {
    static struct control_reply reply;
    const struct listed *found = NULL;
    char safe[SAFE_MAX];
    if (members_called(members, word) == 0 && out->own == NULL) {
        return fail("see 'stoop requests' and 'stoop members'",
                    "no request has the code '%s', and nobody has that name",
                    safe_text(word, 64, safe));
    }
    int failed = out->own == NULL ? members_find(members, word, &found) : 0;
    failed = failed == 0 ? client_status(client, &reply) : failed;
    if (failed != 0) {
        return failed;
    }
    if (found == NULL || id_equal(&found->id, &reply.as.status.certificate)) {
        return fail("what it asks itself is never put before it", "'%s' is %s",
                    safe_text(word, 64, safe), found == NULL ? out->own : "this home itself");
    }
    if (found->member.role == MEMBER_OFFICER && found->sponsor != NULL) {
        found = found->sponsor; /* on whose account it asks */
    }
    name_whom(community, members, &found->id, found->member.name, out);
    return 0;
}

static void name_whom(const struct community_terms *community, const struct member_list *members,
                      const struct id *account, const char *name, struct whom *out) {
    out->is = (struct muted){.community = community->governance.community};
    (void)snprintf(out->is.name, sizeof out->is.name, "%s", name);
    (void)snprintf(out->community_name, sizeof out->community_name, "%s",
                   community->governance.charter.name);
    if (namesakes_of(members, account, name).count > 0) {
        out->is.account = *account;
    }
}
