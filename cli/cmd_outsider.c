/* outsider: who may ask from outside (PROTOCOL 4.11): doors, admissions, officers. */
#include <string.h>
#include <unistd.h>

#include "cli/decisions.h"
#include "cli/sent.h"
#include "cli/terms.h"

enum {
    OFFICER_DAYS = 365,
};

struct proposed { /* what an act is to say of an outsider */
    struct admission admission;
    struct signed_object object; /* its certificate */
    struct member member;
};

static int door(struct cli *cli);
static int propose(struct cli *cli);
static int take_propose_options(struct cli *cli, struct admission *out, const char **doors,
                                size_t *door_count);
static int take_instruments(const struct cli *cli, const char *list, uint32_t *out);
static int read_application(const char *word, struct buffer *file,
                            uint8_t room[APPLICATION_MAX_BYTES], struct application *out);
static int choose_doors(const struct application *application, const char *const *names,
                        size_t count, struct admission *out);
static int check_proposed(struct proposed *proposed);
static int put_act(struct cli *cli, struct client *client, const struct proposed *proposed,
                   const char *question);
static int list(struct cli *cli);
static void list_one(const struct cli *cli, const struct outsider *outsider, struct facts *facts);
static const char *state_of(const struct outsider *outsider, const struct listed *listed,
                            struct instant now);
static int suspend(struct cli *cli);
static int resume(struct cli *cli);
static int change_standing(struct cli *cli, bool suspended);
static void say_doors_gone(const struct admission *admission);
static const char *door_name(const struct id *door, bool *stands);
static int find_certificate(struct client *client, const struct id *id, struct buffer *out);
static int officer(struct cli *cli);
static int officer_add(struct cli *cli);
static int make_officer(struct cli *cli, const struct listed *self, const char *folder, long days,
                        struct buffer *out, struct instant *ends);
static int sign_officer(const struct signers *signers, const struct member *member,
                        struct buffer *out);
static int officer_list(struct cli *cli);
static int officer_remove(struct cli *cli);
static int this_outsider(const struct listed **out);

static struct decisions decisions;

int cmd_outsider(struct cli *cli) {
    static const struct cli_branch branches[] = {
        {"door", door},       {"apply", outsider_apply}, {"propose", propose}, {"list", list},
        {"suspend", suspend}, {"resume", resume},        {"officer", officer}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

/* ---- door ---- */

static int door(struct cli *cli) {
    static struct control_reply status;
    struct client *client = NULL;
    struct door_code code = {.address_count = 0};
    char text[CODE_MAX_BYTES];
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    const struct listed *self = failed == 0 ? members_self(&decisions.members) : NULL;
    if (failed == 0 && (self == NULL || self->member.role == MEMBER_OUTSIDER)) {
        failed = fail(NULL, "a home of the community can be a door, and nobody else");
    }
    if (failed == 0 && status.as.status.address_count == 0) {
        failed = fail("add 'address = A.B.C.D:PORT' to the home's config file",
                      "this home has no address that others could dial");
    }
    if (failed == 0 && self != NULL) {
        code.community = status.as.status.community;
        code.home = self->id;
        code.transport = status.as.status.transport;
        code.address_count = status.as.status.address_count;
        memcpy(code.addresses, status.as.status.addresses, sizeof code.addresses);
        (void)snprintf(code.name, sizeof code.name, "%s", self->member.name);
        failed = door_code_write(&code, text) == ERR_OK
                     ? 0
                     : fail("give the home fewer addresses", "the code is too long");
    }
    if (failed == 0 && cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "door", NULL, text);
        facts_end(facts);
    } else if (failed == 0) {
        (void)puts(text);
        term_note("", 0,
                  "this code says where this home is, and nothing secret: give it to whoever is to "
                  "ask from outside, who runs 'stoop outsider apply' with it");
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

/* ---- propose ---- */

static int propose(struct cli *cli) {
    static struct proposed proposed;
    static uint8_t room[APPLICATION_MAX_BYTES];
    struct application application;
    struct client *client = NULL;
    const char *doors[OUTSIDER_DOORS_MAX];
    size_t door_count = 0;
    SCOPED(buffer_finish) struct buffer file = {.max = APPLICATION_MAX_BYTES};
    int failed = take_propose_options(cli, &proposed.admission, doors, &door_count);
    if (failed == 0) {
        failed = file_there(cli->argv[1], "who applies makes one, with 'stoop outsider apply'");
    }
    if (failed == 0) {
        failed = read_application(cli->argv[1], &file, room, &application);
    }
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        proposed.admission.member = application.member;
        proposed.admission.kind = application.kind;
        failed = choose_doors(&application, doors, door_count, &proposed.admission);
    }
    if (failed == 0) {
        failed = check_proposed(&proposed);
    }
    for (size_t i = 0; failed == 0 && i < proposed.member.owner_count; i++) {
        char safe[SAFE_MAX];
        term_line("APPLIED", "", safe_text(proposed.member.owner_names[i], NAME_MAX_BYTES, safe));
    }
    if (failed == 0) {
        failed = put_act(cli, client, &proposed, "propose it, signed by you? [y/N] ");
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static int take_propose_options(struct cli *cli, struct admission *out, const char **doors,
                                size_t *door_count) {
    const char *instruments = NULL;
    const char *live = NULL;
    const char *days = NULL;
    long live_requests = 0;
    long until = 0;
    const struct cli_option options[] = {
        {.name = "--instruments", .value = &instruments, .needed = true},
        {.name = "--live", .value = &live, .needed = true},
        {.name = "--days", .value = &days, .needed = true},
        {.name = "--door", .list = doors, .list_max = OUTSIDER_DOORS_MAX, .list_count = door_count},
    };
    int failed = take_options(cli, options, COUNT_OF(options), "APPLICATION");
    if (failed == 0 && cli->json) {
        failed = usage_error(cli->command, "'--json' is for what asks nothing");
    }
    if (failed == 0) {
        failed = take_instruments(cli, instruments, &out->instruments);
    }
    if (failed == 0) {
        failed = number_option(cli, live, (struct number_range){1, 10, "requests"}, &live_requests);
    }
    if (failed == 0) {
        failed = number_option(cli, days, (struct number_range){1, 400, "days"}, &until);
    }
    out->live_requests = (uint32_t)live_requests;
    out->until.ms = now_wall().ms + until * DURATION_DAY_MS;
    return failed;
}

static int take_instruments(const struct cli *cli, const char *list_of, uint32_t *out) {
    char copy[512];
    char *rest = copy;
    *out = strcmp(list_of, "all") == 0 ? INSTRUMENTS_ALL : 0;
    if (*out != 0) {
        return 0;
    }
    (void)snprintf(copy, sizeof copy, "%s", list_of);
    for (char *word = strsep(&rest, ", "); word != NULL; word = strsep(&rest, ", ")) {
        enum instrument_kind kind = INSTRUMENT_VOLUNTARY;
        if (*word == '\0') {
            continue;
        }
        if (instrument_from_word(word, &kind) != ERR_OK) {
            char safe[SAFE_MAX];
            return usage_error(cli->command, "no instrument is called '%s'",
                               safe_text(word, 40, safe));
        }
        *out |= 1U << kind;
    }
    return *out != 0 ? 0 : usage_error(cli->command, "'--instruments' names none");
}

/* The text itself, or a file with it. */
static int read_application(const char *word, struct buffer *file,
                            uint8_t room[APPLICATION_MAX_BYTES], struct application *out) {
    static char text[APPLICATION_MAX_BYTES];
    (void)snprintf(text, sizeof text, "%s", word);
    if (strncmp(word, APPLICATION_PREFIX, sizeof APPLICATION_PREFIX - 1) != 0) {
        int failed = file_read(word, APPLICATION_MAX_BYTES - 1, false, file);
        if (failed != 0) {
            return failed;
        }
        (void)snprintf(text, sizeof text, "%.*s", (int)file->len, (const char *)file->at);
        text[strcspn(text, " \t\r\n")] = '\0';
    }
    return application_read(text, room, out) == ERR_OK
               ? 0
               : fail("copy it whole, from '" APPLICATION_PREFIX "' to its end",
                      "this is not a whole application");
}

/* Homes of the community that stand. */
static int choose_doors(const struct application *application, const char *const *names,
                        size_t count, struct admission *out) {
    const struct listed *listed = NULL;
    out->door_count = count == 0 ? application->door_count : count;
    for (size_t i = 0; i < out->door_count; i++) {
        if (count == 0) {
            listed = members_of_id(&decisions.members, &application->doors[i]);
        } else if (members_find(&decisions.members, names[i], &listed) != 0) {
            return EXIT_FAILED;
        }
        bool home = listed != NULL && listed_stands(listed) &&
                    listed->member.role != MEMBER_OUTSIDER && listed->member.role != MEMBER_OFFICER;
        if (!home) {
            return fail("name others with '--door'",
                        "a door that it applied with is no home that belongs");
        }
        for (size_t k = 0; k < i; k++) {
            if (id_equal(&out->doors[k], &listed->id)) {
                return fail(NULL, "the same door is given twice");
            }
        }
        out->doors[i] = listed->id;
    }
    return 0;
}

static int check_proposed(struct proposed *proposed) {
    const struct governance *governance = &decisions.community.governance;
    char safe[SAFE_MAX];
    char day[DAY_BYTES];
    enum err err = admission_verify(&governance->community, &proposed->admission, &proposed->object,
                                    &proposed->member);
    if (err != ERR_OK) {
        return fail(NULL, "the certificate in it is not for this community: %s", err_text(err));
    }
    (void)safe_text(proposed->member.name, NAME_MAX_BYTES, safe);
    const struct listed *listed = members_of_id(&decisions.members, &proposed->object.id);
    if (listed != NULL && listed_gone(listed)) {
        return fail("it has to apply with '--anew'", "'%s' was removed, and that is for good",
                    safe);
    }
    if (proposed->admission.until.ms > proposed->member.head.expires.ms) {
        day_text(proposed->member.head.expires, day);
        return fail("give fewer days, or let it apply with '--anew'", "its certificate ends on %s",
                    day);
    }
    if (governance_outsider(governance, &proposed->object.id) == NULL &&
        governance->outsider_count == OUTSIDERS_MAX) {
        return fail("remove one first: see 'stoop outsider list'",
                    "the community has %d outsiders, which is the most", (int)OUTSIDERS_MAX);
    }
    return 0;
}

static int put_act(struct cli *cli, struct client *client, const struct proposed *proposed,
                   const char *question) {
    static struct act act;
    struct keyfile_public pub;
    SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
    int failed = decisions_may_begin(cli, &decisions, &pub);
    if (failed != 0) {
        return failed;
    }
    decisions_start_act(&decisions, &act);
    act.has_admission = true;
    act.admission = proposed->admission;
    changes_of_act(&decisions.community, &act, &decisions.members, &changes);
    for (const char *line = changes_first(&changes); line != NULL;
         line = changes_next(&changes, line)) {
        term_line("CHANGE", "", line);
    }
    decisions_say_by(&decisions, &pub.owner.sign);
    failed = sent_ask(question, "whether to propose it", "not proposed");
    return failed == 0 ? decisions_begin(cli, client, &decisions, &act, (struct bytes){NULL, 0})
                       : failed;
}

/* ---- suspend, resume ---- */

static int suspend(struct cli *cli) {
    return change_standing(cli, true);
}

static int resume(struct cli *cli) {
    return change_standing(cli, false);
}

static int change_standing(struct cli *cli, bool suspended) {
    static struct proposed proposed;
    struct client *client = NULL;
    const struct listed *listed = NULL;
    const struct outsider *outsider = NULL;
    char safe[SAFE_MAX];
    SCOPED(buffer_finish) struct buffer certificate = {.max = OUTSIDER_CERTIFICATE_MAX};
    int failed = take_options(cli, NULL, 0, "NAME");
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0 && members_called(&decisions.members, cli->argv[1]) == 0) {
        failed = fail("see them with 'stoop outsider list'", "no outsider is called '%s'",
                      safe_text(cli->argv[1], 64, safe));
    }
    if (failed == 0) {
        failed = members_find(&decisions.members, cli->argv[1], &listed);
    }
    if (failed == 0) {
        (void)safe_text(listed->member.name, NAME_MAX_BYTES, safe);
        outsider = governance_outsider(&decisions.community.governance, &listed->id);
        failed = outsider == NULL
                     ? fail("see them with 'stoop outsider list'", "'%s' is no outsider", safe)
                     : 0;
    }
    if (failed == 0 && outsider != NULL && outsider->admission.suspended == suspended) {
        failed =
            fail(NULL, suspended ? "'%s' is suspended already" : "'%s' is not suspended", safe);
    }
    if (failed == 0) {
        failed = find_certificate(client, &listed->id, &certificate);
    }
    if (failed == 0 && outsider != NULL) {
        proposed.admission = outsider->admission;
        proposed.admission.member = buffer_bytes(&certificate);
        proposed.admission.suspended = suspended;
        failed = check_proposed(&proposed);
    }
    if (failed == 0 && !suspended) {
        say_doors_gone(&proposed.admission);
    }
    if (failed == 0) {
        failed = put_act(cli, client, &proposed, "propose it, signed by you? [y/N] ");
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static void say_doors_gone(const struct admission *admission) {
    char safe[SAFE_MAX];
    size_t left = 0;
    for (size_t i = 0; i < admission->door_count; i++) {
        bool stands = false;
        const char *name = door_name(&admission->doors[i], &stands);
        left += stands ? 1 : 0;
        if (!stands) {
            term_put("DOOR", "%s belongs no more", safe_text(name, 60, safe));
        }
    }
    if (left == 0) {
        term_put("", "so it reaches nobody, until it is proposed anew with another '--door'");
    }
}

static const char *door_name(const struct id *door, bool *stands) {
    const struct listed *home = members_of_id(&decisions.members, door);
    *stands = home != NULL && listed_stands(home);
    return home == NULL ? "" : home->member.name;
}

static int find_certificate(struct client *client, const struct id *id, struct buffer *out) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_MEMBERS};
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        struct signed_object object;
        if (signed_decode(reply.as.object.object, &object) == ERR_OK && id_equal(&object.id, id) &&
            out->len == 0 && buffer_append(out, reply.as.object.object) != ERR_OK) {
            failed = fail(NULL, "out of memory");
        }
    }
    return failed == 0 && out->len == 0 ? fail(NULL, "the node does not show its certificate")
                                        : failed;
}

/* ---- list ---- */

static int list(struct cli *cli) {
    struct client *client = NULL;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    const struct governance *governance = &decisions.community.governance;
    struct facts *facts = failed == 0 ? facts_start(cli, true) : NULL;
    for (size_t i = 0; failed == 0 && i < governance->outsider_count; i++) {
        list_one(cli, &governance->outsiders[i], facts);
    }
    if (failed == 0) {
        facts_end(facts);
    }
    if (failed == 0 && !cli->json && governance->outsider_count == 0) {
        (void)puts("nobody may ask from outside");
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static void list_one(const struct cli *cli, const struct outsider *outsider, struct facts *facts) {
    const struct admission *admission = &outsider->admission;
    const struct listed *listed = members_of_id(&decisions.members, &outsider->certificate);
    char words[TERMS_WORDS_MAX];
    char text[OUTSIDE_TEXT_MAX];
    char day[DAY_BYTES];
    char names[OUTSIDER_DOORS_MAX * 280] = "";
    size_t len = 0;
    int64_t standing = 0;
    day_text(admission->until, day);
    terms_instruments(admission->instruments, words);
    facts_item(facts);
    facts_text(facts, "name", "name", listed == NULL ? "" : listed->member.name);
    facts_bytes(facts, "certificate", NULL, BYTES_OF(outsider->certificate.b));
    facts_text(facts, "kind", "kind", outsider_kind_word(admission->kind));
    facts_text(facts, "state", "state", state_of(outsider, listed, now_wall()));
    facts_text(facts, NULL, "until", day);
    facts_time(facts, "until", NULL, admission->until);
    facts_text(facts, "instruments", "asks with", words);
    facts_number(facts, "live_requests", "at a time", admission->live_requests);
    facts_text(facts, NULL, "by", let_in_text(outsider, text));
    facts_number(facts, "let_in_by", NULL, outsider->signers);
    facts_time(facts, "let_in", NULL, outsider->since);
    facts_list(facts, "doors");
    for (size_t i = 0; i < admission->door_count; i++) {
        bool stands = false;
        const char *called = door_name(&admission->doors[i], &stands);
        char safe[SAFE_MAX];
        facts_text(facts, NULL, NULL, called);
        standing += stands ? 1 : 0;
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%.250s%s", i == 0 ? "" : ", ",
                                safe_text(called, NAME_MAX_BYTES, safe), stands ? "" : " (gone)");
    }
    facts_list(facts, NULL);
    facts_number(facts, "doors_that_belong", NULL, standing);
    facts_text(facts, NULL, cli->json ? NULL : "doors", names);
}

static const char *state_of(const struct outsider *outsider, const struct listed *listed,
                            struct instant now) {
    if (listed != NULL && listed_gone(listed)) {
        return "removed";
    }
    if (outsider->admission.suspended) {
        return "suspended";
    }
    return instant_reached(now, outsider->admission.until) ? "ended" : "admitted";
}

/* ---- officers, at the outsider ---- */

static int officer(struct cli *cli) {
    static const struct cli_branch branches[] = {
        {"add", officer_add}, {"list", officer_list}, {"remove", officer_remove}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

static int this_outsider(const struct listed **out) {
    *out = members_self(&decisions.members);
    return *out != NULL && (*out)->member.role == MEMBER_OUTSIDER
               ? 0
               : fail("a home's owners ask for themselves", "officers are an outsider's alone");
}

static int officer_add(struct cli *cli) {
    static const struct told told[] = {
        {ERR_DENY_QUOTA, "an outsider has at most 32 officers, those it took back counted",
         "those who are there are listed by 'stoop outsider officer list'"}};
    struct client *client = NULL;
    const struct listed *self = NULL;
    const char *folder = NULL;
    const char *days = NULL;
    long life = OFFICER_DAYS;
    struct instant ends = {0};
    const struct cli_option options[] = {{.name = "--key", .value = &folder, .needed = true},
                                         {.name = "--days", .value = &days}};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    int failed = take_options(cli, options, COUNT_OF(options), "NAME");
    if (failed == 0 && !name_good(cli->argv[1])) {
        failed = bad_name(cli->command, cli->argv[1]);
    }
    if (failed == 0) {
        failed = number_option(cli, days, (struct number_range){1, 400, "days"}, &life);
    }
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        failed = this_outsider(&self);
    }
    if (failed == 0) {
        failed = make_officer(cli, self, folder, life, &bytes, &ends);
    }
    if (failed == 0) {
        const struct control_request put = {.op = CONTROL_OFFICER_PUT,
                                            .blob = buffer_bytes(&bytes)};
        failed = client_do_told(client, &put, "the officer was not added", TOLD(told));
    }
    if (failed == 0) {
        char safe[SAFE_MAX];
        char day[DAY_BYTES];
        day_text(ends, day);
        (void)printf("%s may ask in your name until %s, with the key in '%s'\n",
                     safe_text(cli->argv[1], 60, safe), day, folder);
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

/* Both sign; and the officer's own folder pins the community, as an owner's does. *ends: its own,
 * or that of its outsider, which administrators may put off. */
static int make_officer(struct cli *cli, const struct listed *self, const char *folder, long days,
                        struct buffer *out, struct instant *ends) {
    const struct co_signers officers = {.count = 1, .folders = {folder}};
    struct signers signers = {0};
    static struct member member;
    struct pins pins;
    int failed = pins_load(cli, &pins);
    if (failed == 0) {
        failed = signers_open(cli, &officers, &signers);
    }
    if (failed == 0) {
        const struct instant end = {now_wall().ms + days * DURATION_DAY_MS};
        member = self->member;
        member.head.author = self->id;
        member.head.created = now_wall();
        member.head.expires =
            end.ms < self->member.head.expires.ms ? end : self->member.head.expires;
        *ends = member.head.expires.ms < self->ends.ms ? member.head.expires : self->ends;
        member.role = MEMBER_OFFICER;
        member.owner_count = 1;
        member.owners[0] = signers.publics[1].owner;
        (void)snprintf(member.name, sizeof member.name, "%s", cli->argv[1]);
        (void)snprintf(member.owner_names[0], NAME_MAX_BYTES, "%s", cli->argv[1]);
        failed = sign_officer(&signers, &member, out);
    }
    if (failed == 0) {
        failed = pins_save(folder, &pins, false);
    }
    signers_close(&signers);
    return failed;
}

static int sign_officer(const struct signers *signers, const struct member *member,
                        struct buffer *out) {
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    enum err err = member_encode(member, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_MEMBER, buffer_bytes(&body), &object);
        err = signers_sign(signers, &object);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, out);
    }
    return err == ERR_OK ? 0 : fail(NULL, "the certificate cannot be made: %s", err_text(err));
}

static int officer_list(struct cli *cli) {
    struct client *client = NULL;
    const struct listed *self = NULL;
    size_t count = 0;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        failed = this_outsider(&self);
    }
    struct facts *facts = failed == 0 ? facts_start(cli, true) : NULL;
    for (size_t i = 0; failed == 0 && i < decisions.members.count; i++) {
        const struct listed *one = &decisions.members.list[i];
        char day[DAY_BYTES];
        if (one->sponsor != self || one == self) {
            continue;
        }
        count++;
        day_text(one->ends, day);
        facts_item(facts);
        facts_text(facts, "name", "name", one->member.name);
        facts_text(facts, "state", "state", listed_stands(one) ? "may ask" : listed_state(one));
        facts_text(facts, NULL, "until", day);
        facts_time(facts, "until", NULL, one->ends);
        facts_bytes(facts, "certificate", NULL, BYTES_OF(one->id.b));
        facts_bytes(facts, "key", NULL, BYTES_OF(one->member.owners[0].sign.b));
    }
    if (failed == 0) {
        facts_end(facts);
    }
    if (failed == 0 && !cli->json && count == 0) {
        (void)puts("no officers");
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

/* As members are taken out by who brought them in. */
static int officer_remove(struct cli *cli) {
    return cmd_remove(cli);
}
