/* join: a home's way in by an invite. */
#include <string.h>

#include "cli/cmd_meet.h"
#include "cli/decisions.h"
#include "cli/entry.h"
#include "cli/sent.h"
#include "cli/siblings.h"
#include "cli/terms.h"
#include "proto/meet.h"

static int take_join_options(struct cli *cli, struct entry *entry, bool *yes);
static int take_code(struct cli *cli, struct entry *entry, struct invitation *out);
static bool is_whole_code(const char *text);
static int earn_invitation(struct cli *cli, struct entry *entry, struct invitation *out);
static int read_invitation(struct invitation *out, struct buffer *invite);
static void explain(const struct invite_code *code);
static void become_invited(const struct invite_code *code, struct bytes invite,
                           struct member *member);
static int ask_to_join(struct client *client, const struct invitation *invitation,
                       struct bytes member);
static int say_joined(const struct cli *cli, struct entry *entry);
static int say_rules(const struct cli *cli, struct client *client, const struct member *member,
                     uint32_t instruments);
static void say_administrators(const struct charter *charter, const struct member_list *members);
static void say_namesakes(const struct member_list *members, const char *name);

int cmd_join(struct cli *cli) {
    SCOPED(entry_close) struct entry entry = {0};
    SCOPED(invitation_wipe) struct invitation invitation = {0};
    SCOPED(buffer_finish) struct buffer invite = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer member = {.max = SIGNED_GOSSIP_MAX};
    const struct id *community = &invitation.code.community;
    bool yes = false; /* it is not asked whether to join */
    int failed = take_join_options(cli, &entry, &yes);
    if (failed == 0) {
        failed = take_code(cli, &entry, &invitation);
    }
    bool spoken = failed == 0 && introduction_is(invitation.text);
    if (spoken) {
        failed = earn_invitation(cli, &entry, &invitation);
    }
    if (failed == 0) {
        failed = read_invitation(&invitation, &invite);
    }
    if (failed == 0) {
        failed = entry_reach(cli, &entry);
    }
    if (failed == 0) {
        failed = entry_check_new(cli, &entry, community);
    }
    if (failed == 0) {
        explain(&invitation.code);
        failed = yes ? 0 : sent_ask("join it? [y/N] ", "whether to join", "nothing was done");
    }
    if (failed == 0 && !spoken) {
        failed = entry_open_keys(cli, &entry);
    }
    if (failed == 0) {
        become_invited(&invitation.code, buffer_bytes(&invite), &entry.member);
        failed = entry_sign(&entry, invitation.code.secret, &member);
    }
    if (failed == 0) {
        failed = entry_pin(cli, &entry, community);
    }
    if (failed == 0) {
        failed = ask_to_join(entry.client, &invitation, buffer_bytes(&member));
    }
    if (failed == 0) { /* it belongs now: its cameras have to, whatever can be told of the rules */
        int untold = say_joined(cli, &entry);
        failed = entry.member.role == MEMBER_REQUESTER
                     ? 0 /* it is never asked */
                     : cameras_resign(cli, entry.client, &entry.signers, community);
        failed = failed == 0 ? siblings_tell(&entry.kin, &entry.pins) : failed;
        failed = failed == 0 ? untold : failed;
    }
    return failed;
}

static int take_join_options(struct cli *cli, struct entry *entry, bool *yes) {
    const struct cli_option options[] = {
        {.name = "--name", .value = &entry->home_name},
        {.name = "--yes", .flag = yes},
        co_sign_option(&entry->co_signers),
    };
    int failed = take_options(cli, options, COUNT_OF(options), "CODE");
    if (failed == 0 && entry->home_name != NULL && !name_good(entry->home_name)) {
        failed = bad_name(cli->command, entry->home_name);
    }
    return failed;
}

/* From the command line, or from whoever sits there, once the home could join. */
static int take_code(struct cli *cli, struct entry *entry, struct invitation *out) {
    (void)snprintf(out->text, sizeof out->text, "%s", cli->argv[1]);
    if (strcmp(out->text, "-") == 0) {
        if (!term_present()) {
            (void)fail("run it at a terminal", "there is nobody to ask for the code");
            return EXIT_NO_TERMINAL;
        }
        int failed = entry_reach(cli, entry);
        if (failed != 0) {
            return failed;
        }
        if (!term_ask_text("the invite, from 'stoop1:' to its end: ", is_whole_code, out->text,
                           sizeof out->text)) {
            (void)fail(NULL, "nothing was done");
            return EXIT_PENDING;
        }
    }
    return 0;
}

/* Or will be none, whatever comes. */
static bool is_whole_code(const char *text) {
    struct invite_code code;
    struct introduction introduction;
    bool begins = strncmp(text, "stoop", 5) == 0 && strchr(text, ' ') == NULL;
    bool whole = !begins || invite_code_read(text, &code) == ERR_OK ||
                 introduction_read(text, &introduction) == ERR_OK;
    secret_wipe(&code, sizeof code);
    return whole;
}

/* By words that are good for one attempt: so that it is not spent on what is missing here, home,
 * keys and passphrase are at hand before it begins. */
static int earn_invitation(struct cli *cli, struct entry *entry, struct invitation *out) {
    char introduction[CODE_MAX_BYTES];
    struct id community;
    memcpy(introduction, out->text, sizeof introduction);
    int failed = meet_introduce(introduction, &community);
    if (failed == 0) {
        failed = entry_reach(cli, entry);
    }
    if (failed == 0) {
        failed = entry_check_new(cli, entry, &community);
    }
    if (failed == 0) {
        failed = entry_open_keys(cli, entry);
    }
    return failed == 0 ? meet_sponsor(entry->client, introduction, out->text) : failed;
}

static int read_invitation(struct invitation *out, struct buffer *invite) {
    if (invite_code_read(out->text, &out->code) != ERR_OK ||
        invite_code_signed(&out->code, invite) != ERR_OK) {
        return fail("copy it whole, from 'stoop1:' to its end", "this is not a whole invite");
    }
    return instant_reached(now_wall(), out->code.expires)
               ? fail("ask for a new one", "the invite has expired")
               : 0;
}

/* What is about to be trusted. The words are for whoever wants to hear them from the sponsor. */
static void explain(const struct invite_code *code) {
    char until[TIME_TEXT_MAX];
    char as[96] = "requester: it may ask, and has no cameras";
    time_text(code->expires, until);
    term_note("", 0, "this invite makes this home a member of a community:");
    meet_show_home(&code->community, &code->transport, code->address_count, code->addresses);
    meet_say_compare();
    if (code->role != MEMBER_REQUESTER) {
        (void)snprintf(as, sizeof as, "home: it is asked, may ask, and may invite %u",
                       code->invite_allowance);
    }
    term_note("  as", MEET_HOME_COLUMNS, as);
    term_note("  good until", MEET_HOME_COLUMNS, until);
    term_note("", 0, "its members will see this home's name, owners and address, and what it asks");
}

static void become_invited(const struct invite_code *code, struct bytes invite,
                           struct member *member) {
    *member = (struct member){
        .head = {.community = code->community, .author = code->sponsor, .created = now_wall()},
        .role = code->role,
        .invite_allowance = code->invite_allowance,
        .invite = invite};
    if (member->head.created.ms < code->created.ms) { /* this clock is behind the sponsor's */
        member->head.created = code->created;
    }
}

/* Whoever is not let in hears nothing, so that silence is no word about the invite. */
static int ask_to_join(struct client *client, const struct invitation *invitation,
                       struct bytes member) {
    struct control_request request = {.op = CONTROL_JOIN, .blob = member};
    char silent[ADDRESS_MAX_BYTES + 192];
    const struct told told[] = {
        entry_belongs,
        {ERR_USER_NO_ANSWER, silent,
         "ask whether it is on; then run 'stoop join' again, with a new invite if this one was "
         "used"},
        {ERR_USER_INVITE, "the home was not let in: the invite is not valid, or has expired",
         "ask your neighbour for a new one"}};
    (void)snprintf(request.text, sizeof request.text, "%s", invitation->text);
    (void)snprintf(silent, sizeof silent,
                   "the sponsor's home (%s) did not answer within a minute: the invite was "
                   "used or has expired, the home is off, or it may bring in nobody more",
                   invitation->code.addresses[0]);
    term_note("", 0, "asking the sponsor's home, for a minute at most ...");
    int failed = client_do_told(client, &request, "the home was not let in", TOLD(told));
    secret_wipe(request.text, sizeof request.text);
    return failed;
}

static int say_joined(const struct cli *cli, struct entry *entry) {
    struct client *client = entry->client;
    const struct id *community = &entry->member.head.community;
    static struct control_reply status;
    int failed = client_status(client, &status);
    if (failed != 0) {
        return failed;
    }
    if (cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "community", NULL, status.as.status.community_name);
        facts_bytes(facts, "community_id", NULL, BYTES_OF(community->b));
        facts_number(facts, "members", NULL, status.as.status.members);
        facts_end(facts);
    } else {
        char safe[SAFE_MAX];
        char line[SAFE_MAX + 64];
        (void)snprintf(line, sizeof line, "joined '%s', %u members",
                       safe_text(status.as.status.community_name, 60, safe),
                       status.as.status.members);
        term_text(line);
        failed = say_rules(cli, client, &entry->member, status.as.status.instruments);
        term_text(entry->member.role == MEMBER_REQUESTER
                      ? "ask with 'stoop request'; what homes grant is listed by 'stoop delivered'"
                  : strcmp(place_of(cli), SLUG_FIRST) == 0
                      ? "name your cameras with 'stoop camera add'; see what is asked with 'stoop "
                        "requests'"
                      : "cameras that are not kept to other communities may be asked about there "
                        "too: see 'stoop camera list' and 'stoop help camera'");
    }
    return failed;
}

/* Its charter in plain words. */
static int say_rules(const struct cli *cli, struct client *client, const struct member *member,
                     uint32_t instruments) {
    static struct community_terms community;
    char line[TERMS_WORDS_MAX + 256];
    char words[TERMS_WORDS_MAX];
    const struct charter *charter = &community.governance.charter;
    struct member_list members = {0};
    char span[TERMS_WORDS_MAX];
    char area[PLACE_TEXT_MAX];
    int failed = client_community(cli, client, &community);
    if (failed == 0) {
        failed = members_load(client, &community, &members);
    }
    if (failed != 0) {
        return failed;
    }
    say_administrators(charter, &members);
    say_namesakes(&members, member->name);
    members_finish(&members);
    terms_span(charter->caps.span_s, span);
    (void)snprintf(
        line, sizeof line,
        "a request may ask about %s and %s at most, and each home may have %u under way; what was "
        "given is deleted within %u days; this home may invite %u",
        span, area_text(charter->caps.area_m2, area), charter->caps.live_requests,
        charter->delete_by_max_days,
        member->invite_allowance < charter->invite_allowance ? member->invite_allowance
                                                             : charter->invite_allowance);
    term_line("", "", line);
    if (instruments != INSTRUMENTS_ALL) {
        terms_instruments(instruments, words);
        term_put("", "it may ask with %s alone", words);
    }
    return 0;
}

static void say_administrators(const struct charter *charter, const struct member_list *members) {
    char person[PERSON_MAX];
    const size_t count = charter->administrator_count;
    static char line[PEOPLE_MAX + 256];
    int begun = count == 1 ? snprintf(line, sizeof line, "one administrator decides: ")
                           : snprintf(line, sizeof line,
                                      "%u of %zu administrators decide%s: ", charter->threshold,
                                      count, charter->threshold == 1 ? "s" : "");
    size_t len = (size_t)begun;
    for (size_t i = 0; i < count; i++) {
        size_t owner = 0;
        const struct sign_public *key = &charter->administrators[i];
        const struct listed *home = members_of_key(members, key, &owner);
        bool gone = home != NULL && !listed_stands(home);
        len += (size_t)snprintf(line + len, sizeof line - len, "%s%s%s%s%s",
                                i == 0           ? ""
                                : i + 1 == count ? " and "
                                                 : ", ",
                                person_text(members, key, person), gone ? " (" : "",
                                gone ? listed_word(home) : "", gone ? ")" : "");
    }
    term_line("RULES", "", line);
}

/* Whoever is called as another is taken for somebody who would be. */
static void say_namesakes(const struct member_list *members, const char *name) {
    const struct listed *self = members_self(members);
    const struct id none = {{0}};
    char text[NAMESAKES_TEXT_MAX];
    char line[SAFE_MAX];
    char safe[SAFE_MAX];
    const struct namesakes namesakes =
        namesakes_of(members, self == NULL ? &none : &self->id, name);
    if (namesakes.count > 0) {
        (void)snprintf(line, sizeof line, "%s: everybody is shown %.300s, to tell you apart",
                       namesakes_text(&namesakes, text),
                       self == NULL ? "an id" : name_told_apart(name, &self->id, true, 60, safe));
        term_line("NAME", "", line);
    }
}
