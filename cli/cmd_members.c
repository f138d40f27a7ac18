/* members, remove, leave: who belongs on whose word, and who does no more (PROTOCOL 4.7). */
#include <string.h>

#include "cli/decisions.h"
#include "cli/gateways.h"
#include "cli/sent.h"
#include "cli/terms.h"
#include "cli/treaties.h"

enum {
    TABLE_COLUMNS_MIN = 72, /* below, a member has two lines */
    OTHER_COLUMNS = 52,     /* of a table, beside the name */
    INDENT = 2,
    EPOCH_BYTES = 32,
};

struct parting { /* who is to go, and on whose word */
    const struct listed *member;
    const char *reason; /* NULL: none is given */
    bool subtree;
    bool by_act;
    struct keyfile_public pub; /* of who signs */
    size_t officer_count;
    struct sign_public officers[ADMINISTRATORS_MAX]; /* administrators who go with it */
    size_t officers_left;                            /* whose homes stand */
};

static void list_member(const struct cli *cli, const struct charter *charter,
                        const struct member_list *members, const struct listed *listed,
                        struct facts *facts);
static void say_member(const struct charter *charter, const struct member_list *members,
                       const struct listed *listed);
static bool decides(const struct charter *charter, const struct listed *listed);
static const char *shown_role(const struct charter *charter, const struct listed *listed);
static void indented(const struct member_list *members, const struct listed *listed, size_t columns,
                     char out[SAFE_MAX]);
static int take_remove_options(struct cli *cli, struct parting *out);
static int load_gateways(struct client *client);
static int choose_way(const struct cli *cli, struct parting *parting);
static int nobody_here_may(const struct parting *parting);
static bool owns(const struct listed *home, const struct sign_public *key);
static int find_officers(struct parting *parting);
static bool too_few_left(const struct parting *parting);
static void say_removal(const struct parting *parting);
static void say_clerks(const struct parting *parting);
static void say_gateways(const struct parting *parting);
static void say_doors(const struct parting *parting);
static void say_brought(const struct listed *member, bool go);
static void say_administrators(const struct parting *parting);
static int remove_at_once(struct cli *cli, struct client *client, const struct parting *parting);
static int begin_act(struct cli *cli, struct client *client, const struct parting *parting);
static void charter_without(const struct parting *parting, struct instant now, struct charter *out);
static void fill_removed(const struct parting *parting, struct bytes key, struct removed *out);
static int put_removal(struct cli *cli, struct client *client, const struct removed *removed,
                       struct bytes key);
static enum err make_removal(const struct owner_secret *secret, const struct keyfile_public *pub,
                             const struct removed *removed, struct buffer *out);
static void say_room_left(const struct cli *cli);
static void say_leaving(const struct parting *parting);

static struct decisions decisions;
static struct gateways gateways;

/* ---- members ---- */

int cmd_members(struct cli *cli) {
    static struct community_terms community;
    struct member_list members = {0};
    struct client *client = NULL;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_in_community(client);
    }
    if (failed == 0) {
        failed = client_community(cli, client, &community);
    }
    if (failed == 0) {
        failed = members_load(client, &community, &members);
    }
    bool table = cli->json || term_columns() >= TABLE_COLUMNS_MIN;
    struct facts *facts = failed == 0 && table ? facts_start(cli, true) : NULL;
    const struct listed *above = NULL;
    for (size_t shown = 0; failed == 0 && shown < members.count; shown++) {
        above = members_next(&members, above);
        if (table) {
            list_member(cli, &community.governance.charter, &members, above, facts);
        } else {
            say_member(&community.governance.charter, &members, above);
        }
    }
    if (facts != NULL) {
        facts_end(facts);
    }
    members_finish(&members);
    client_close(client);
    return failed;
}

static void list_member(const struct cli *cli, const struct charter *charter,
                        const struct member_list *members, const struct listed *listed,
                        struct facts *facts) {
    const struct member *member = &listed->member;
    char name[SAFE_MAX];
    char since[DAY_BYTES];
    char until[DAY_BYTES];
    facts_item(facts);
    if (!cli->json) {
        indented(members, listed, term_columns() - OTHER_COLUMNS, name);
        day_text(member->head.created, since);
        day_text(listed->ends, until);
        facts_cut(facts, NULL, "name", name, term_columns() - OTHER_COLUMNS);
        facts_text(facts, NULL, "role", shown_role(charter, listed));
        facts_text(facts, NULL, "since", since);
        facts_text(facts, NULL, "until", until);
        facts_text(facts, NULL, "state", listed_word(listed));
        return;
    }
    facts_text(facts, "name", NULL, member->name);
    facts_bytes(facts, "certificate", NULL, BYTES_OF(listed->id.b));
    if (listed->sponsor != NULL) {
        facts_bytes(facts, "sponsor", NULL, BYTES_OF(listed->sponsor->id.b));
    }
    facts_text(facts, "role", NULL, role_word(member->role));
    facts_flag(facts, "decides", decides(charter, listed));
    facts_text(facts, "state", NULL, listed_state(listed));
    facts_flag(facts, "left", listed->left);
    facts_text(facts, "link", NULL,
               listed->state == CONTROL_MEMBER_SELF     ? "this home"
               : listed->state == CONTROL_MEMBER_LINKED ? "up"
                                                        : "down");
    facts_time(facts, "since", NULL, member->head.created);
    facts_time(facts, "expires", NULL, listed->ends);
    facts_items(facts, "owners");
    for (size_t i = 0; i < member->owner_count; i++) {
        facts_item(facts);
        facts_text(facts, "name", NULL, member->owner_names[i]);
        facts_bytes(facts, "key", NULL, BYTES_OF(member->owners[i].sign.b));
    }
    facts_items(facts, NULL);
}

static void say_member(const struct charter *charter, const struct member_list *members,
                       const struct listed *listed) {
    const int indent = (int)listed->depth * INDENT;
    char name[SAFE_MAX];
    char since[DAY_BYTES];
    char until[DAY_BYTES];
    indented(members, listed, term_width(), name);
    day_text(listed->member.head.created, since);
    day_text(listed->ends, until);
    (void)printf("%s\n", name);
    (void)printf("%*s%s, %s\n", indent + INDENT, "", shown_role(charter, listed),
                 listed_word(listed));
    (void)printf("%*s%s to %s\n", indent + INDENT, "", since, until);
}

/* By the present charter: what a certificate says of it was so at the founding. */
static bool decides(const struct charter *charter, const struct listed *listed) {
    return listed_stands(listed) && charter_has_member(charter, &listed->member);
}

static const char *shown_role(const struct charter *charter, const struct listed *listed) {
    return decides(charter, listed)                      ? role_word(MEMBER_ADMINISTRATOR)
           : listed->member.role == MEMBER_ADMINISTRATOR ? "founder"
                                                         : role_word(listed->member.role);
}

/* Whatever has to be cut, the id of one that shares its name is not. */
static void indented(const struct member_list *members, const struct listed *listed, size_t columns,
                     char out[SAFE_MAX]) {
    char safe[SAFE_MAX];
    const size_t indent =
        listed->depth * INDENT < columns / 2 ? listed->depth * INDENT : columns / 2;
    const char *name = listed->member.name;
    bool alike = namesakes_of(members, &listed->id, name).count > 0;
    (void)snprintf(out, SAFE_MAX, "%*s%.1000s", (int)indent, "",
                   name_told_apart(name, &listed->id, alike, columns - indent, safe));
}

/* ---- remove ---- */

int cmd_remove(struct cli *cli) {
    struct client *client = NULL;
    struct parting parting = {.member = NULL};
    char question[SAFE_MAX + 64];
    char safe[SAFE_MAX];
    char code[LINK_CODE_BYTES];
    int failed = take_remove_options(cli, &parting);
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = decisions_load(cli, client, &decisions);
    }
    if (failed == 0) {
        failed = load_gateways(client);
    }
    if (failed == 0) {
        failed = members_find(&decisions.members, cli->argv[1], &parting.member);
    }
    if (failed == 0) {
        failed = choose_way(cli, &parting);
    }
    if (failed == 0) {
        failed = find_officers(&parting);
    }
    if (failed == 0) {
        say_removal(&parting);
        link_code(&parting.member->id, code);
        (void)snprintf(question, sizeof question, "to remove it, type its name, %.300s, or %s: ",
                       safe_text(parting.member->member.name, NAME_MAX_BYTES, safe), code);
        failed = sent_ask_for(question, parting.member->member.name, code, "not removed");
    }
    if (failed == 0) {
        failed = parting.by_act ? begin_act(cli, client, &parting)
                                : remove_at_once(cli, client, &parting);
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static int take_remove_options(struct cli *cli, struct parting *out) {
    const struct cli_option options[] = {{.name = "--with-those-it-brought", .flag = &out->subtree},
                                         {.name = "--reason", .value = &out->reason}};
    char safe[SAFE_MAX];
    int failed = take_options(cli, options, COUNT_OF(options), "NAME");
    if (failed == 0 && cli->json) {
        failed = usage_error(cli->command, "'--json' is for what asks nothing");
    }
    if (failed == 0 && out->reason != NULL &&
        (*out->reason == '\0' || strlen(out->reason) >= REMOVED_REASON_BYTES ||
         strcmp(safe_text(out->reason, SAFE_MAX, safe), out->reason) != 0)) {
        failed = usage_error(cli->command,
                             "a reason is one line of up to %d bytes that can be "
                             "seen",
                             REMOVED_REASON_BYTES - 1);
    }
    return failed;
}

static int load_gateways(struct client *client) {
    return gateways_load(client, &decisions.community.governance.community, &decisions.members,
                         &gateways);
}

/* By the home that brought it in; else by administrators; else not from here. */
static int choose_way(const struct cli *cli, struct parting *parting) {
    const struct listed *member = parting->member;
    const struct listed *self = members_self(&decisions.members);
    const struct charter *charter = &decisions.community.governance.charter;
    char safe[SAFE_MAX];
    (void)safe_text(member->member.name, NAME_MAX_BYTES, safe);
    int failed = owner_public_of(cli->owner_dir, &parting->pub);
    if (failed != 0) {
        return failed;
    }
    if (member == self) {
        return fail("'stoop leave' takes it out", "'%s' is this home", safe);
    }
    if (listed_gone(member)) {
        return fail(NULL, "'%s' was removed already", safe);
    }
    if (self == NULL || !listed_stands(self)) {
        return fail(NULL, "this home belongs to '%s' no more",
                    safe_text(charter->name, NAME_MAX_BYTES, safe));
    }
    if (member->sponsor == self && owns(self, &parting->pub.owner.sign)) {
        return 0;
    }
    parting->by_act = charter_has_administrator(charter, &parting->pub.owner.sign);
    return parting->by_act ? decisions_enough_left(&decisions) : nobody_here_may(parting);
}

static int nobody_here_may(const struct parting *parting) {
    static char people[PEOPLE_MAX];
    static char next[PEOPLE_MAX + 256];
    const struct charter *charter = &decisions.community.governance.charter;
    const struct listed *sponsor = parting->member->sponsor;
    char safe[SAFE_MAX];
    char by[SAFE_MAX];
    (void)missing_text(&decisions, NULL, 0, people);
    (void)snprintf(next, sizeof next, "%.300s%s%u of the administrators could: %.2000s",
                   sponsor == NULL ? "" : safe_text(sponsor->member.name, NAME_MAX_BYTES, by),
                   sponsor == NULL ? "" : ", who brought it in, or ", charter->threshold, people);
    return fail(next, "you cannot remove '%s'",
                safe_text(parting->member->member.name, NAME_MAX_BYTES, safe));
}

static bool owns(const struct listed *home, const struct sign_public *key) {
    for (size_t i = 0; i < home->member.owner_count; i++) {
        if (sign_public_equal(&home->member.owners[i].sign, key)) {
            return true;
        }
    }
    return false;
}

/* The administrators who go with it. */
static int find_officers(struct parting *parting) {
    const struct charter *charter = &decisions.community.governance.charter;
    const struct listed *member = parting->member;
    for (size_t i = 0; i < charter->administrator_count; i++) {
        size_t owner = 0;
        const struct sign_public *key = &charter->administrators[i];
        const struct listed *home = members_of_key(&decisions.members, key, &owner);
        if (home == member || (parting->subtree && home != NULL && listed_under(home, member))) {
            parting->officers[parting->officer_count++] = *key;
        } else if (home != NULL && listed_stands(home)) {
            parting->officers_left++;
        }
    }
    return parting->by_act && too_few_left(parting)
               ? fail("change the charter first, with 'stoop charter edit'",
                      "then %zu could decide, and %u have to", parting->officers_left,
                      charter->threshold)
               : 0;
}

static bool too_few_left(const struct parting *parting) {
    return parting->officer_count > 0 &&
           parting->officers_left < decisions.community.governance.charter.threshold;
}

static void say_removal(const struct parting *parting) {
    char text[SAFE_MAX];
    const struct listed *member = parting->member;
    char safe[SAFE_MAX];
    char since[DAY_BYTES];
    char code[LINK_CODE_BYTES];
    link_code(&member->id, code);
    day_text(member->member.head.created, since);
    (void)snprintf(text, sizeof text, "%.400s (%s), %s since %s",
                   safe_text(member->member.name, NAME_MAX_BYTES, safe), code,
                   role_word(member->member.role), since);
    term_line("REMOVE", "", text);
    say_brought(member, parting->subtree);
    if (parting->reason != NULL) {
        term_line("BECAUSE|", "       |", safe_text(parting->reason, SAFE_MAX, safe));
    }
    term_line("EFFECT", "",
              "its links end at every home as the news comes there, and its open requests end; "
              "what was delivered to it stays listed until its day, by 'stoop overdue' too");
    bool outside = member->member.role == MEMBER_OUTSIDER || member->member.role == MEMBER_OFFICER;
    term_line("", "",
              outside ? "it is for good: it could ask again by a new certificate alone"
                      : "it is for good: it could come back as a new home alone, by a new invite");
    say_clerks(parting);
    say_gateways(parting);
    say_doors(parting);
    say_administrators(parting);
    if (parting->by_act) {
        decisions_say_by(&decisions, &parting->pub.owner.sign);
    } else {
        term_line("BY", "",
                  member->member.role == MEMBER_OFFICER
                      ? "you, whose officer it is: at once"
                      : "you, as this home brought it in: at once");
    }
}

/* Nobody takes a clerk out of a treaty: both sides would have to make another. */
static void say_clerks(const struct parting *parting) {
    SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
    treaty_clerk_goes(&decisions.community.governance, &decisions.members, parting->member,
                      parting->subtree, now_wall(), &changes);
    for (const char *line = changes_first(&changes); line != NULL;
         line = changes_next(&changes, line)) {
        term_line("", "", line);
    }
}

static void say_gateways(const struct parting *parting) {
    SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
    gateways_go(&gateways, &decisions.community.governance, parting->member, parting->subtree,
                now_wall(), &changes);
    for (const char *line = changes_first(&changes); line != NULL;
         line = changes_next(&changes, line)) {
        term_line("TREATY", "", line);
    }
}

/* An outsider whose doors are gone reaches nobody, whatever acts let it do. */
static void say_doors(const struct parting *parting) {
    const struct governance *governance = &decisions.community.governance;
    for (size_t i = 0; i < governance->outsider_count; i++) {
        const struct outsider *outsider = &governance->outsiders[i];
        const struct listed *asks = members_of_id(&decisions.members, &outsider->certificate);
        size_t left = 0;
        bool goes = false;
        char safe[SAFE_MAX];
        for (size_t k = 0; k < outsider->admission.door_count; k++) {
            const struct listed *door =
                members_of_id(&decisions.members, &outsider->admission.doors[k]);
            bool parts = door == parting->member ||
                         (parting->subtree && door != NULL && listed_under(door, parting->member));
            goes |= parts && door != NULL && listed_stands(door);
            left += !parts && door != NULL && listed_stands(door) ? 1 : 0;
        }
        if (goes && asks != NULL && listed_stands(asks)) {
            (void)safe_text(asks->member.name, 60, safe);
            if (left > 0) {
                term_put("DOOR", "of the outsider %s, which has %zu more", safe, left);
            } else {
                term_put("DOOR",
                         "the last one of the outsider %s, which reaches nobody then, until it is "
                         "proposed anew with another '--door'",
                         safe);
            }
        }
    }
}

static void say_brought(const struct listed *member, bool go) {
    char text[SAFE_MAX] = "";
    size_t count = 0;
    size_t len = 0;
    for (size_t i = 0; i < decisions.members.count; i++) {
        const struct listed *listed = &decisions.members.list[i];
        char safe[SAFE_MAX];
        if (!listed_under(listed, member) || listed_gone(listed)) {
            continue;
        }
        count++;
        (void)safe_text(listed->member.name, NAME_MAX_BYTES, safe);
        if (len + strlen(safe) + 64 < sizeof text) {
            len +=
                (size_t)snprintf(text + len, sizeof text - len, "%s%.300s%s", len == 0 ? "" : ", ",
                                 safe, listed->state == CONTROL_MEMBER_SELF ? ", THIS HOME" : "");
        }
    }
    if (count > 0) {
        bool outside = member != NULL &&
                       member->member.role == MEMBER_OUTSIDER; /* its officers ask as it alone */
        const char *officers =
            count == 1 ? ", its officer, may ask no more" : ", its officers, may ask no more";
        if (outside) {
            (void)snprintf(text + len, sizeof text - len, "%s", officers);
        } else {
            (void)snprintf(text + len, sizeof text - len, ": whom it brought in, %zu %s", count,
                           go ? "with it" : "in all");
        }
        term_line(go || outside ? "AND" : "STAY", "", text);
    }
}

/* Administrators together take their keys out of the charter too; a sponsor alone does not decide
 * who decides. */
static void say_administrators(const struct parting *parting) {
    static char people[PEOPLE_MAX];
    static char text[PEOPLE_MAX + 256];
    if (parting->officer_count == 0) {
        return;
    }
    (void)snprintf(
        text, sizeof text,
        parting->by_act ? "%.2000s decides no more"
                        : "%.2000s is named by the charter still: what that key signs "
                          "counts until administrators take it out with 'stoop charter "
                          "edit'",
        people_text(&decisions.members, parting->officers, parting->officer_count, people));
    term_line("DECIDE", "", text);
    if (too_few_left(parting)) {
        (void)snprintf(text, sizeof text,
                       "BUT then %zu could decide, and %u have to: change the charter first",
                       parting->officers_left, decisions.community.governance.charter.threshold);
        term_line("", "", text);
    }
}

static int remove_at_once(struct cli *cli, struct client *client, const struct parting *parting) {
    uint8_t key[EPOCH_BYTES];
    struct removed removed;
    char safe[SAFE_MAX];
    /* An officer has no part in the epoch key, nor has who takes it back. */
    bool partless = parting->member->member.role == MEMBER_OFFICER;
    random_bytes(key, sizeof key);
    fill_removed(parting, BYTES_OF(key), &removed);
    if (partless) {
        removed.epoch = (struct id){{0}};
    }
    int failed = put_removal(cli, client, &removed, (struct bytes){key, partless ? 0 : sizeof key});
    secret_wipe(key, sizeof key);
    if (failed == 0) {
        (void)printf("removed: %s; the news goes to every home now\n",
                     safe_text(parting->member->member.name, NAME_MAX_BYTES, safe));
    }
    return failed;
}

static int begin_act(struct cli *cli, struct client *client, const struct parting *parting) {
    static struct act act;
    uint8_t key[EPOCH_BYTES];
    random_bytes(key, sizeof key);
    decisions_start_act(&decisions, &act);
    act.has_removed = true;
    fill_removed(parting, BYTES_OF(key), &act.removed);
    if (parting->officer_count > 0) {
        act.has_charter = true;
        charter_without(parting, act.head.created, &act.charter);
    }
    int failed = decisions_begin(cli, client, &decisions, &act, BYTES_OF(key));
    secret_wipe(key, sizeof key);
    return failed;
}

static void charter_without(const struct parting *parting, struct instant now,
                            struct charter *out) {
    const struct authorities *authorities = &decisions.community.authorities;
    *out = decisions.community.governance.charter;
    out->created = now;
    for (size_t i = 0; i < authorities->count; i++) {
        out->authorities[out->authority_count++] = authority_at(authorities, i);
    }
    size_t kept = 0;
    for (size_t i = 0; i < out->administrator_count; i++) {
        bool goes = false;
        for (size_t k = 0; k < parting->officer_count; k++) {
            goes = goes || sign_public_equal(&out->administrators[i], &parting->officers[k]);
        }
        if (!goes) {
            out->administrators[kept++] = out->administrators[i];
        }
    }
    out->administrator_count = kept;
}

/* It commits to what changes the community's key, which the node has beside it. */
static void fill_removed(const struct parting *parting, struct bytes key, struct removed *out) {
    *out = (struct removed){.member = parting->member->id, .subtree = parting->subtree};
    if (key.len > 0) {
        sha256(key, &out->epoch);
    }
    if (parting->reason != NULL) {
        (void)snprintf(out->reason, sizeof out->reason, "%s", parting->reason);
    }
}

static int put_removal(struct cli *cli, struct client *client, const struct removed *removed,
                       struct bytes key) {
    static const struct told told[] = {
        {ERR_USER_EXISTS, "this home has said so already",
         "the news goes on to every home by itself: see 'stoop members'"},
        {ERR_DENY_QUOTA, "this home has taken out as many as it can have brought in",
         "administrators can still remove: see 'stoop help remove'"},
        {ERR_FULL_TABLE, "homes hold as many signed objects of this community as they can",
         "try again tomorrow, when some of them have ended"},
    };
    struct owner_secret *secret = NULL;
    struct keyfile_public pub;
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    int failed = owner_open(cli, cli->owner_dir, NULL, &secret, &pub);
    if (failed != 0) {
        return failed;
    }
    enum err err = make_removal(secret, &pub, removed, &bytes);
    secret_destroy(secret);
    if (err != ERR_OK) {
        return fail(NULL, "the removal cannot be made: %s", err_text(err));
    }
    const struct control_request put = {
        .op = CONTROL_REMOVE, .blob = buffer_bytes(&bytes), .blob2 = key};
    return client_do_told(client, &put, "nobody was removed", TOLD(told));
}

static enum err make_removal(const struct owner_secret *secret, const struct keyfile_public *pub,
                             const struct removed *removed, struct buffer *out) {
    const struct removal removal = {.head = {.community = decisions.community.governance.community,
                                             .author = members_self(&decisions.members)->id,
                                             .created = now_wall(),
                                             .expires = INSTANT_FOR_GOOD},
                                    .removed = *removed};
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    enum err err = removal_encode(&removal, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_REMOVAL, buffer_bytes(&body), &object);
        err = signed_add(&object, &secret->sign, &pub->owner.sign);
    }
    return err == ERR_OK ? signed_encode(&object, out) : err;
}

/* ---- leave ---- */

int cmd_leave(struct cli *cli) {
    struct client *client = NULL;
    struct removed removed = {0};
    struct parting parting = {.member = NULL};
    char question[SAFE_MAX + 64];
    char safe[SAFE_MAX];
    struct keyfile_public pub;
    char owner[SAFE_MAX];
    const char *name = decisions.community.governance.charter.name;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0 && cli->json) {
        failed = usage_error(cli->command, "'--json' is for what asks nothing");
    }
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = belongs_or_says(client);
    }
    if (failed == 0) {
        failed = decisions_load(cli, client, &decisions);
    }
    if (failed == 0) {
        failed = load_gateways(client);
    }
    if (failed == 0) {
        failed = owner_public_of(cli->owner_dir, &pub);
    }
    const struct listed *self = failed == 0 ? members_self(&decisions.members) : NULL;
    if (failed == 0 && self == NULL) {
        failed =
            fail(NULL, "this home belongs to '%s' no more", safe_text(name, NAME_MAX_BYTES, safe));
    }
    if (failed == 0 && !owns(self, &pub.owner.sign)) {
        failed = fail("one of its owners has to", "'%s' is no owner of this home",
                      safe_text(pub.name, NAME_MAX_BYTES, owner));
    }
    if (failed == 0) {
        parting.member = self;
        failed = find_officers(&parting);
    }
    if (failed == 0) {
        say_leaving(&parting);
        (void)snprintf(question, sizeof question, "to leave, type the community's name, %.300s: ",
                       safe_text(name, NAME_MAX_BYTES, safe));
        failed = sent_ask_for(question, name, name, "not left");
    }
    if (failed == 0) {
        removed.member = members_self(&decisions.members)->id;
        failed = put_removal(cli, client, &removed, (struct bytes){NULL, 0});
    }
    if (failed == 0) {
        (void)printf("left '%s'; log, vault and what was delivered stay here\n",
                     safe_text(name, NAME_MAX_BYTES, safe));
        say_room_left(cli);
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static void say_room_left(const struct cli *cli) {
    char text[160];
    if (strcmp(place_of(cli), SLUG_FIRST) != 0) {
        (void)snprintf(text, sizeof text,
                       "when nothing of it is needed any more, 'stoop communities remove %s' ends "
                       "its node and deletes them",
                       place_of(cli));
        term_text(text);
    }
}

static void say_leaving(const struct parting *parting) {
    const struct listed *self = parting->member;
    char text[SAFE_MAX];
    char name[SAFE_MAX];
    char home[SAFE_MAX];
    (void)safe_text(decisions.community.governance.charter.name, NAME_MAX_BYTES, name);
    (void)snprintf(text, sizeof text, "%.400s, as %.400s", name,
                   safe_text(self->member.name, NAME_MAX_BYTES, home));
    term_line("LEAVE", "", text);
    term_line("EFFECT", "",
              "its links end; it can ask nobody and is asked no more; its open "
              "requests end");
    term_line("STAYS", "",
              "this home's log and vault, and what was delivered to it, stay here; "
              "what it granted to others stays with them until its day");
    term_line("PROMISE", "",
              "what was delivered to it still has to be deleted by its day: 'stoop "
              "delete --due'");
    say_brought(self, false);
    say_gateways(parting);
    say_doors(parting);
    say_administrators(parting);
    term_line("FOR GOOD", "",
              "a home that has left does not come back: it would be a new home, "
              "by a new invite");
}
