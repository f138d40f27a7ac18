/* treaty: made and ended with another community, by acts (PROTOCOL 4.12). */
#include <string.h>
#include <strings.h>

#include "cli/abroad.h"
#include "cli/decisions.h"
#include "cli/sent.h"
#include "cli/terms.h"

enum {
    ID_DIGITS_MIN = 4,
    DAILY_MAX = 64,
    TREATY_DAYS_MAX = 3650,
    V_DAYS = 0,
    V_INSTRUMENTS,
    V_ROLES,
    V_SPAN,
    V_AREA,
    V_LIVE,
    V_DAILY,
    VALUES
};

struct treaty_options {
    const char *values[VALUES]; /* of a treaty that is made from a side */
    const char *clerks[CLERKS_MAX];
    size_t clerk_count;
};

static int side(struct cli *cli);
static int propose(struct cli *cli);
static int list(struct cli *cli);
static int show(struct cli *cli);
static int end(struct cli *cli);
static int take_propose_options(struct cli *cli, struct treaty_options *out);
static int own_side(const struct treaty_options *options, struct treaty_side *out);
static int add_clerk(const char *word, const struct listed **clerks, size_t *count);
static void say_side(const struct cli *cli, const struct treaty_side *own, const char *text);
static int build(struct cli *cli, const struct treaty_options *options, struct treaty *out);
static int build_from_side(struct cli *cli, const struct treaty_options *options,
                           struct treaty *out);
static int take_terms(const struct cli *cli, const struct treaty_options *options,
                      struct treaty *out);
static int take_words(const struct cli *cli, const char *const *values, struct treaty *out);
static int broken_text(const char *what);
static int judge(const struct treaty *treaty);
static int not_under_way(const struct id *community);
static int not_ending(const struct id *treaty);
static int under_way(const struct proposal *proposal, const char *what);
static void say_lines(const struct treaty *treaty, const char *label);
static int begin_treaty(struct cli *cli, struct client *client, const struct treaty *treaty);
static int say_text(const struct treaty *treaty, bool other_began);
static int find(const char *word, struct instant now, bool standing, const struct agreed **out);
static bool is_called(const struct agreed *agreed, const char *word);
static bool id_begins(const struct id *id, const char *word);
static void say_over(const struct agreed *agreed, struct instant now);
static const struct treaty_side *far_side(const struct agreed *agreed);
static struct instant since_of(const struct agreed *agreed);
static void say_proposed(void);
static int load_far(struct client *client);
static const struct roll *said_of(const struct agreed *agreed);
static void list_treaty(const struct cli *cli, const struct agreed *agreed, struct instant now,
                        struct facts *facts);
static const char *nobody_carries(const struct agreed *agreed);
static void treaty_facts(const struct agreed *agreed, struct facts *facts);
static void gateway_facts(const struct agreed *agreed, struct facts *facts);
static void say_gateways(const struct agreed *agreed);
static void say_end(const struct agreed *agreed);

static struct decisions decisions;
static struct gateways gateways;
static struct roll said[TREATIES_KEPT_MAX]; /* by the other sides; zeroed: nothing */

int cmd_treaty(struct cli *cli) {
    static const struct cli_branch branches[] = {
        {"side", side}, {"propose", propose}, {"list", list}, {"show", show}, {"end", end}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

/* ---- side ---- */

static int side(struct cli *cli) {
    struct client *client = NULL;
    struct treaty_options given = {.clerk_count = 0};
    struct treaty_side own;
    char text[TREATY_TEXT_MAX];
    const struct cli_option options[] = {{.name = "--clerk",
                                          .list = given.clerks,
                                          .list_max = CLERKS_MAX,
                                          .list_count = &given.clerk_count}};
    int failed = take_options(cli, options, COUNT_OF(options), "");
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        failed = own_side(&given, &own);
    }
    if (failed == 0 && treaty_side_write(&own, text) != ERR_OK) {
        failed = fail(NULL, "this community's side cannot be written");
    }
    if (failed == 0) {
        say_side(cli, &own, text);
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static int own_side(const struct treaty_options *options, struct treaty_side *out) {
    const struct governance *governance = &decisions.community.governance;
    const struct listed *clerks[CLERKS_MAX];
    size_t count = 0;
    int failed = 0;
    if (options->clerk_count == 0) {
        count = treaty_clerks(&governance->charter, &decisions.members, clerks);
        failed = count > 0 ? 0
                           : fail("name one with '--clerk HOME'",
                                  "no administrator's home belongs that could be a clerk");
    }
    for (size_t i = 0; failed == 0 && i < options->clerk_count; i++) {
        failed = add_clerk(options->clerks[i], clerks, &count);
    }
    if (failed == 0) {
        treaty_own_side(governance, clerks, count, out);
    }
    return failed;
}

static int add_clerk(const char *word, const struct listed **clerks, size_t *count) {
    char safe[SAFE_MAX];
    const struct listed *home = NULL;
    int failed = members_find(&decisions.members, word, &home);
    if (failed == 0 && !listed_stands(home)) {
        failed = fail("name a home that belongs: 'stoop members'", "'%s' belongs no more",
                      safe_text(word, 64, safe));
    }
    for (size_t i = 0; failed == 0 && i < *count; i++) {
        if (clerks[i] == home) {
            failed = fail(NULL, "'%s' is named twice", safe_text(word, 64, safe));
        }
    }
    if (failed == 0) {
        clerks[(*count)++] = home;
    }
    return failed;
}

static void say_side(const struct cli *cli, const struct treaty_side *own, const char *text) {
    char line[SAFE_MAX];
    if (cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "side", NULL, text);
        facts_text(facts, "community", NULL, own->name);
        facts_bytes(facts, "id", NULL, BYTES_OF(own->community.b));
        facts_number(facts, "clerks", NULL, (int64_t)own->clerk_count);
        facts_end(facts);
        return;
    }
    (void)puts(text);
    (void)treaty_side_text(own, line);
    term_note("", 0, "this line is your side of a treaty: who you are, and nothing secret");
    term_note("", 0,
              "give it to an administrator of the other community, who runs 'stoop treaty "
              "propose' with it; compare the id there, in brackets, with this one:");
    term_note("", 0, line);
}

/* ---- propose ---- */

static int propose(struct cli *cli) {
    static struct treaty treaty;
    struct treaty_options options = {.clerk_count = 0};
    struct keyfile_public pub;
    struct client *client = NULL;
    int failed = take_propose_options(cli, &options);
    bool answers = failed == 0 && strncmp(cli->argv[1], TREATY_PREFIX, strlen(TREATY_PREFIX)) == 0;
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        failed = build(cli, &options, &treaty);
    }
    if (failed == 0) {
        failed = judge(&treaty);
    }
    if (failed == 0) {
        failed = decisions_may_begin(cli, &decisions, &pub);
    }
    if (failed == 0) {
        say_lines(&treaty, "TREATY");
        term_line("EFFECT", "",
                  "what is asked from now on crosses once both have decided it; nothing from "
                  "before");
        decisions_say_by(&decisions, &pub.owner.sign);
        decisions_say_others(&decisions, NULL);
        failed =
            sent_ask("propose it, signed by you? [y/N] ", "whether to propose it", "not proposed");
    }
    if (failed == 0) {
        failed = begin_treaty(cli, client, &treaty);
    }
    if (failed == 0) {
        failed = say_text(&treaty, answers);
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static int take_propose_options(struct cli *cli, struct treaty_options *out) {
    const struct cli_option options[] = {
        {.name = "--days", .value = &out->values[V_DAYS]},
        {.name = "--instruments", .value = &out->values[V_INSTRUMENTS]},
        {.name = "--roles", .value = &out->values[V_ROLES]},
        {.name = "--span", .value = &out->values[V_SPAN]},
        {.name = "--area", .value = &out->values[V_AREA]},
        {.name = "--live", .value = &out->values[V_LIVE]},
        {.name = "--daily", .value = &out->values[V_DAILY]},
        {.name = "--clerk",
         .list = out->clerks,
         .list_max = CLERKS_MAX,
         .list_count = &out->clerk_count}};
    int failed = take_options(cli, options, COUNT_OF(options), "SIDE");
    if (failed == 0 && cli->json) {
        failed = usage_error(cli->command, "'--json' is for what asks nothing");
    }
    bool whole = failed == 0 && strncmp(cli->argv[1], TREATY_PREFIX, strlen(TREATY_PREFIX)) == 0;
    for (size_t i = 0; whole && failed == 0 && i < VALUES; i++) {
        if (out->values[i] != NULL) {
            failed = usage_error(cli->command, "'%s' is for a new treaty, and this one is written",
                                 options[i].name);
        }
    }
    if (whole && failed == 0 && out->clerk_count > 0) {
        failed =
            usage_error(cli->command, "'--clerk' is for a new treaty, and this one is written");
    }
    return failed;
}

static int build(struct cli *cli, const struct treaty_options *options, struct treaty *out) {
    const char *text = cli->argv[1];
    if (strncmp(text, TREATY_PREFIX, strlen(TREATY_PREFIX)) == 0) {
        return treaty_read(text, out) == ERR_OK ? 0 : broken_text("treaty");
    }
    if (strncmp(text, TREATY_SIDE_PREFIX, strlen(TREATY_SIDE_PREFIX)) == 0) {
        return build_from_side(cli, options, out);
    }
    char safe[SAFE_MAX];
    return fail("the other community's administrators get theirs with 'stoop treaty side'",
                "'%s' is neither a side nor a treaty: these begin with '" TREATY_SIDE_PREFIX
                "' and '" TREATY_PREFIX "'",
                safe_text(text, 24, safe));
}

static int broken_text(const char *what) {
    return fail("copy the whole line, from 'stoop' on, without a break",
                "that is no whole %s: a letter is wrong or missing", what);
}

static int build_from_side(struct cli *cli, const struct treaty_options *options,
                           struct treaty *out) {
    static struct treaty_side own;
    static struct treaty_side far;
    const struct governance *governance = &decisions.community.governance;
    if (treaty_side_read(cli->argv[1], &far) != ERR_OK) {
        return broken_text("side");
    }
    if (id_equal(&far.community, &governance->community)) {
        return fail("give it to the other community's administrators, and take theirs",
                    "this is your own community's side");
    }
    int failed = own_side(options, &own);
    if (failed != 0) {
        return failed;
    }
    treaty_between(&own, &far, &governance->charter, now_wall(), out);
    return take_terms(cli, options, out);
}

static int take_terms(const struct cli *cli, const struct treaty_options *options,
                      struct treaty *out) {
    const char *const *values = options->values;
    long days = TREATY_DAYS;
    long live = (long)out->caps.live_requests;
    long daily = TREATY_DAILY;
    int failed = number_option(cli, values[V_DAYS],
                               (struct number_range){1, TREATY_DAYS_MAX, "days"}, &days);
    if (failed == 0) {
        failed =
            number_option(cli, values[V_LIVE],
                          (struct number_range){1, (long)CAPS_DEFAULT.live_requests, NULL}, &live);
    }
    if (failed == 0) {
        failed =
            number_option(cli, values[V_DAILY], (struct number_range){1, DAILY_MAX, NULL}, &daily);
    }
    out->until.ms = out->created.ms + days * DURATION_DAY_MS;
    out->caps.live_requests = (uint32_t)live;
    out->daily = (uint32_t)daily;
    return failed == 0 ? take_words(cli, values, out) : failed;
}

static int take_words(const struct cli *cli, const char *const *values, struct treaty *out) {
    struct terms_error error;
    enum err err = ERR_OK;
    const char *option = "--instruments"; /* that is read now */
    if (values[V_INSTRUMENTS] != NULL) {
        err = terms_read_instruments(values[V_INSTRUMENTS], &out->instruments, &error);
    }
    if (err == ERR_OK && values[V_ROLES] != NULL) {
        option = "--roles";
        err = terms_read_roles(values[V_ROLES], &out->roles, &error);
    }
    if (err == ERR_OK && values[V_SPAN] != NULL) {
        option = "--span";
        err = terms_read_span(values[V_SPAN], CAPS_DEFAULT.span_s, &out->caps.span_s, &error);
    }
    if (err == ERR_OK && values[V_AREA] != NULL) {
        option = "--area";
        err = terms_read_area(values[V_AREA], &out->caps.area_m2, &error);
    }
    if (err != ERR_OK) {
        return usage_error(cli->command, "'%s': %s", option, error.text);
    }
    return out->instruments != 0 && out->roles != 0
               ? 0
               : usage_error(cli->command, "nobody could ask with anything by such a treaty");
}

/* Whether it can come into force here. */
static int judge(const struct treaty *treaty) {
    const struct governance *governance = &decisions.community.governance;
    const struct treaty_side *far = treaty_far_side(treaty, &governance->community);
    const bool stands = far != NULL && treaty_with(governance, &far->community, now_wall()) != NULL;
    const char *advice = stands ? "see it with 'stoop treaty list', end it with 'stoop treaty end'"
                                : "a treaty that fits is made with 'stoop treaty propose SIDE'";
    SCOPED(changes_finish) struct changes faults = CHANGES_NONE;
    treaty_faults(governance, treaty, now_wall(), &decisions.members, &faults);
    for (const char *line = changes_first(&faults); line != NULL;) {
        const char *next = changes_next(&faults, line);
        (void)fail(next != NULL ? NULL : advice, "%s", line);
        line = next;
    }
    return faults.count > 0 ? EXIT_FAILED : not_under_way(&far->community);
}

static int not_under_way(const struct id *community) {
    static struct treaty treaty;
    for (size_t i = 0; i < decisions.proposal_count; i++) {
        const struct proposal *proposal = decisions.proposals[i];
        if (proposal->state == PROPOSAL_OPEN && proposal->act.treaty.len > 0 &&
            treaty_decode(proposal->act.treaty, &treaty) == ERR_OK &&
            treaty_side(&treaty, community) != NULL) {
            return under_way(proposal, "a treaty with that community");
        }
    }
    return 0;
}

static int under_way(const struct proposal *proposal, const char *what) {
    char next[96];
    (void)snprintf(next, sizeof next, "sign it with 'stoop charter sign %s'", proposal->code);
    return fail(next, "%s is under way already", what);
}

static void say_lines(const struct treaty *treaty, const char *label) {
    SCOPED(changes_finish) struct changes lines = CHANGES_NONE;
    treaty_lines(treaty, &decisions.community.governance.community, &decisions.members, &lines);
    for (const char *line = changes_first(&lines); line != NULL;
         line = changes_next(&lines, line)) {
        term_line(label, "", line);
        label = "";
    }
}

static int begin_treaty(struct cli *cli, struct client *client, const struct treaty *treaty) {
    static struct act act;
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX};
    if (treaty_encode(treaty, &body) != ERR_OK) {
        return fail("name fewer clerks", "the treaty is too large");
    }
    decisions_start_act(&decisions, &act);
    act.treaty = buffer_bytes(&body);
    return decisions_begin(cli, client, &decisions, &act, (struct bytes){NULL, 0});
}

/* The other side needs these very bytes. */
static int say_text(const struct treaty *treaty, bool other_began) {
    char text[TREATY_TEXT_MAX];
    if (other_began) {
        term_text("it stands between both once the administrators of both have decided it");
        return 0;
    }
    if (treaty_write(treaty, text) != ERR_OK) {
        return fail(NULL, "the treaty cannot be written");
    }
    (void)puts(text);
    term_text("give this line to an administrator of the other community, who runs 'stoop treaty "
              "propose' with it: it stands between both once both have decided it");
    return 0;
}

/* ---- list, show ---- */

static int list(struct cli *cli) {
    struct client *client = NULL;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    const struct governance *governance = &decisions.community.governance;
    if (failed == 0) {
        failed = load_far(client);
    }
    bool any = failed == 0 && (cli->json || governance->treaty_count > 0);
    struct facts *facts = any ? facts_start(cli, true) : NULL;
    for (size_t i = 0; any && i < governance->treaty_count; i++) {
        list_treaty(cli, &governance->treaties[i], now_wall(), facts);
    }
    if (any) {
        facts_end(facts);
    } else if (failed == 0) {
        (void)puts("there is no treaty");
        say_proposed();
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static void say_proposed(void) {
    size_t count = 0;
    for (size_t i = 0; i < decisions.proposal_count; i++) {
        const struct proposal *proposal = decisions.proposals[i];
        count += proposal->state == PROPOSAL_OPEN && proposal->act.treaty.len > 0 ? 1 : 0;
    }
    if (count > 0) {
        (void)printf("%zu %s proposed: see 'stoop charter proposals'\n", count,
                     count == 1 ? "is" : "are");
    }
}

/* Who carries, and what came of that. */
static int load_far(struct client *client) {
    const struct governance *governance = &decisions.community.governance;
    int failed = gateways_load(client, &governance->community, &decisions.members, &gateways);
    return failed == 0 ? abroad_rolls(client, governance, said) : failed;
}

static const struct roll *said_of(const struct agreed *agreed) {
    return &said[agreed - decisions.community.governance.treaties];
}

static void list_treaty(const struct cli *cli, const struct agreed *agreed, struct instant now,
                        struct facts *facts) {
    const struct treaty_side *far = far_side(agreed);
    char state[TREATY_STATE_MAX];
    char since[DAY_BYTES];
    char until[DAY_BYTES];
    char carried[16];
    bool self = false;
    facts_item(facts);
    (void)treaty_state(agreed, said_of(agreed), gateways_of(&gateways, &agreed->id, &self) > 0, now,
                       state);
    if (!cli->json) {
        char id[LINK_CODE_BYTES];
        link_code(&agreed->id, id);
        day_text(since_of(agreed), since);
        day_text(agreed->treaty.until, until);
        facts_cut(facts, NULL, "with", far->name, 18);
        facts_text(facts, NULL, "id", id);
        facts_text(facts, NULL, "state", state);
        facts_text(facts, NULL, "since", since);
        facts_text(facts, NULL, "until", until);
        (void)snprintf(carried, sizeof carried, "%zu", gateways_of(&gateways, &agreed->id, &self));
        facts_text(facts, NULL, "gateways",
                   !treaty_stands(agreed, now) ? ""
                   : strcmp(carried, "0") == 0 ? nobody_carries(agreed)
                                               : carried);
        return;
    }
    facts_text(facts, "with", NULL, far->name);
    facts_bytes(facts, "community", NULL, BYTES_OF(far->community.b));
    facts_bytes(facts, "treaty", NULL, BYTES_OF(agreed->id.b));
    facts_text(facts, "state", NULL,
               agreed->ended_by != 0        ? "ended"
               : treaty_stands(agreed, now) ? "in force"
                                            : "over");
    facts_text(facts, "other_side", NULL,
               said_of(agreed)->head.created.ms == 0      ? "no word"
               : roll_names(said_of(agreed), &agreed->id) ? "in force"
                                                          : "not in force");
    facts_number(facts, "made_by", NULL, agreed->by);
    if (agreed->ended_by != 0) {
        facts_number(facts, "ended_by", NULL, agreed->ended_by);
        facts_time(facts, "ended", NULL, agreed->ended);
    }
    treaty_facts(agreed, facts);
    gateway_facts(agreed, facts);
}

/* Homes carry once they know that both sides have decided it. */
static const char *nobody_carries(const struct agreed *agreed) {
    return said_of(agreed)->head.created.ms == 0 ? "none yet" : "NONE";
}

static void treaty_facts(const struct agreed *agreed, struct facts *facts) {
    const struct treaty *treaty = &agreed->treaty;
    char words[TERMS_WORDS_MAX];
    char text[TREATY_TEXT_MAX];
    facts_time(facts, "since", NULL, since_of(agreed));
    facts_time(facts, "until", NULL, treaty->until);
    terms_instruments(treaty->instruments, words);
    facts_text(facts, "instruments", NULL, words);
    terms_roles(treaty->roles, words);
    facts_text(facts, "roles", NULL, words);
    facts_number(facts, "span_s", NULL, treaty->caps.span_s);
    facts_number(facts, "area_m2", NULL, treaty->caps.area_m2);
    facts_number(facts, "live_requests", NULL, treaty->caps.live_requests);
    facts_number(facts, "daily", NULL, treaty->daily);
    facts_text(facts, "text", NULL, treaty_write(treaty, text) == ERR_OK ? text : "");
}

static void gateway_facts(const struct agreed *agreed, struct facts *facts) {
    bool self = false;
    (void)gateways_of(&gateways, &agreed->id, &self);
    facts_flag(facts, "gateway", self);
    facts_items(facts, "gateways");
    for (size_t i = 0; i < gateways.count; i++) {
        const struct gateway_home *gateway = &gateways.list[i];
        if (id_equal(&gateway->treaty, &agreed->id)) {
            facts_item(facts);
            facts_text(facts, "name", NULL, gateway->home->member.name);
            facts_bytes(facts, "certificate", NULL, BYTES_OF(gateway->home->id.b));
            facts_time(facts, "until", NULL, gateway->until);
        }
    }
    facts_items(facts, NULL);
}

static const struct treaty_side *far_side(const struct agreed *agreed) {
    return treaty_far_side(&agreed->treaty, &decisions.community.governance.community);
}

/* When the act was made that brought it into force. */
static struct instant since_of(const struct agreed *agreed) {
    for (size_t i = 0; i < decisions.act_count; i++) {
        if (decisions.acts[i].version == agreed->by) {
            return decisions.acts[i].created;
        }
    }
    return agreed->treaty.created;
}

static int show(struct cli *cli) {
    struct client *client = NULL;
    const struct agreed *agreed = NULL;
    char text[TREATY_STATE_MAX + 64];
    char state[TREATY_STATE_MAX];
    char day[DAY_BYTES];
    bool self = false;
    int failed = take_options(cli, NULL, 0, "NAME");
    if (failed == 0 && cli->json) {
        failed = usage_error(cli->command, "'stoop treaty list --json' has all of it");
    }
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        failed = find(cli->argv[1], now_wall(), false, &agreed);
    }
    if (failed == 0) {
        failed = load_far(client);
    }
    if (failed == 0) {
        say_lines(&agreed->treaty, "TREATY");
        day_text(since_of(agreed), day);
        (void)snprintf(text, sizeof text, "%s; made by act %u, %s",
                       treaty_state(agreed, said_of(agreed),
                                    gateways_of(&gateways, &agreed->id, &self) > 0, now_wall(),
                                    state),
                       agreed->by, day);
        term_line("STATE", "", text);
        if (treaty_stands(agreed, now_wall())) {
            say_gateways(agreed);
            failed = say_text(&agreed->treaty, false);
        }
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

/* The first question of who wonders why nothing comes from there. */
static void say_gateways(const struct agreed *agreed) {
    char text[SAFE_MAX];
    char safe[SAFE_MAX];
    const char *label = "GATEWAY";
    bool self = false;
    if (gateways_of(&gateways, &agreed->id, &self) == 0) {
        (void)snprintf(text, sizeof text,
                       "%s: no home says that it carries, so nothing crosses; one that is in "
                       "%.300s too is a gateway by itself, see 'stoop help communities'",
                       nobody_carries(agreed),
                       safe_text(far_side(agreed)->name, NAME_MAX_BYTES, safe));
        term_line(label, "", text);
        return;
    }
    for (size_t i = 0; i < gateways.count; i++) {
        const struct gateway_home *gateway = &gateways.list[i];
        char until[TIME_TEXT_MAX];
        if (id_equal(&gateway->treaty, &agreed->id)) {
            time_text(gateway->until, until);
            (void)snprintf(text, sizeof text, "%.300s%s, by its word until %s",
                           safe_text(gateway->home->member.name, NAME_MAX_BYTES, safe),
                           gateway->home->state == CONTROL_MEMBER_SELF ? " (this home)" : "",
                           until);
            term_line(label, "", text);
            label = "";
        }
    }
}

/* By the other community's name, or the beginning of its id or of the treaty's. Those that stand
 * come before others. */
static int find(const char *word, struct instant now, bool standing, const struct agreed **out) {
    const struct governance *governance = &decisions.community.governance;
    const struct agreed *found = NULL;
    size_t count = 0;
    char safe[SAFE_MAX];
    for (int stands = 1; stands >= 0 && count == 0; stands--) {
        for (size_t i = 0; i < governance->treaty_count; i++) {
            const struct agreed *agreed = &governance->treaties[i];
            if (treaty_stands(agreed, now) == (stands == 1) && is_called(agreed, word)) {
                found = agreed;
                count++;
            }
        }
    }
    (void)safe_text(word, 64, safe);
    if (count == 0) {
        (void)fail("see them with 'stoop treaty list'", "there is no treaty with '%s'", safe);
        return EXIT_FAILED;
    }
    if (standing && !treaty_stands(found, now)) {
        say_over(found, now);
        return EXIT_FAILED;
    }
    if (count > 1) {
        (void)fail("name one by its id: 'stoop treaty list' has them", "%zu treaties are with '%s'",
                   count, safe);
        return EXIT_FAILED;
    }
    *out = found;
    return 0;
}

static bool is_called(const struct agreed *agreed, const char *word) {
    const struct treaty_side *far = far_side(agreed);
    return strcmp(far->name, word) == 0 || id_begins(&agreed->id, word) ||
           id_begins(&far->community, word);
}

static bool id_begins(const struct id *id, const char *word) {
    char hex[2 * sizeof id->b + 1];
    size_t len = strlen(word);
    hex_write(BYTES_OF(id->b), hex);
    return len >= ID_DIGITS_MIN && len < sizeof hex && strncasecmp(hex, word, len) == 0;
}

static void say_over(const struct agreed *agreed, struct instant now) {
    char safe[SAFE_MAX];
    char state[TREATY_STATE_MAX];
    char day[DAY_BYTES];
    day_text(agreed->ended_by != 0 ? agreed->ended : agreed->treaty.until, day);
    (void)fail(NULL, "the treaty with '%s' is over already: %s, %s",
               safe_text(far_side(agreed)->name, NAME_MAX_BYTES, safe),
               treaty_state(agreed, NULL, false, now, state), day);
}

/* ---- end ---- */

static int end(struct cli *cli) {
    static struct act act;
    struct keyfile_public pub;
    struct client *client = NULL;
    const struct agreed *agreed = NULL;
    int failed = take_options(cli, NULL, 0, "NAME");
    if (failed == 0 && cli->json) {
        failed = usage_error(cli->command, "'--json' is for what asks nothing");
    }
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        failed = find(cli->argv[1], now_wall(), true, &agreed);
    }
    if (failed == 0) {
        failed = not_ending(&agreed->id);
    }
    if (failed == 0) {
        failed = decisions_may_begin(cli, &decisions, &pub);
    }
    if (failed == 0) {
        say_end(agreed);
        decisions_say_by(&decisions, &pub.owner.sign);
        decisions_say_others(&decisions, NULL);
        failed = sent_ask("end it, signed by you? [y/N] ", "whether to end it", "not ended");
    }
    if (failed == 0) {
        decisions_start_act(&decisions, &act);
        act.treaty_ended = agreed->id;
        failed = decisions_begin(cli, client, &decisions, &act, (struct bytes){NULL, 0});
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static int not_ending(const struct id *treaty) {
    for (size_t i = 0; i < decisions.proposal_count; i++) {
        const struct proposal *proposal = decisions.proposals[i];
        if (proposal->state == PROPOSAL_OPEN && id_equal(&proposal->act.treaty_ended, treaty)) {
            return under_way(proposal, "its end");
        }
    }
    return 0;
}

static void say_end(const struct agreed *agreed) {
    char text[PERSON_MAX + TIME_TEXT_MAX + 16];
    char with[PERSON_MAX];
    char until[TIME_TEXT_MAX];
    time_text(agreed->treaty.until, until);
    (void)snprintf(text, sizeof text, "the treaty with %s, which would stand until %s",
                   treaty_side_text(far_side(agreed), with), until);
    term_line("END", "", text);
    term_line("EFFECT", "",
              "the next request crosses no more, either way; what has crossed lives on until its "
              "own end");
    term_line("", "",
              "the other community's word stands until it ends it too, or the treaty is over; its "
              "homes hear of this end as the next roll comes there");
}
