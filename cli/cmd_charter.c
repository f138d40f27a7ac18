/* charter: the community's rules, shown, edited, proposed, signed (PROTOCOL 4.6). */
#include <string.h>
#include <unistd.h>

#include "cli/decisions.h"
#include "cli/prompt.h"
#include "cli/sent.h"
#include "cli/terms.h"

enum {
    KEY_HEX = 64
};

struct resolved { /* what a file names, found */
    struct charter charter;
    struct authorities authorities; /* the charter borrows them */
};

static int edit(struct cli *cli);
static int propose(struct cli *cli);
static int proposals(struct cli *cli);
static int sign(struct cli *cli);
static void say_to_be_signed(const struct proposal *proposal, const struct sign_public *signer);
static int ask_for_code(const char *code);
static int history(struct cli *cli);
static void show_administrators(const struct cli *cli, struct facts *facts);
static void show_caps(const struct cli *cli, struct facts *facts);
static void show_roles(const struct cli *cli, struct facts *facts);
static void show_directory(const struct cli *cli, struct facts *facts);
static void name_all(struct terms_names *names);
static void name_administrator(const struct sign_public *key, char out[TERMS_NAMED_MAX]);
static void note_administrator(const struct sign_public *key, bool named,
                               char out[TERMS_NAMED_MAX]);
static int draft(struct cli *cli, struct client **client, struct changes *changes,
                 struct buffer *body);
static int ask_to_propose(const struct cli *cli, const struct changes *changes);
static int read_terms(const char *path, struct terms_file *out);
static int resolve(const char *path, const struct terms_file *file, struct resolved *out);
static int resolve_administrator(const char *path, const struct terms_named *named,
                                 struct sign_public *out);
static bool find_administrator(const char *text, struct sign_public *out, bool *several);
static int resolve_authority(const char *path, const struct terms_named *named,
                             struct resolved *out);
static int check_signable(const struct charter *charter);
static int check_all_shown(const struct changes *changes);
static int check_terminal_only(const struct cli *cli);
static void say_changes(const struct changes *changes, const char *label);
static void say_what_follows(const struct sign_public *signers, size_t count, struct instant until);
static void list_proposal(const struct proposal *proposal, struct facts *facts);
static void say_proposal(const struct proposal *proposal, const struct sign_public *own);
static void list_decision(const struct cli *cli, const struct decided *decision,
                          struct facts *facts);
static void list_losers(const struct id *previous, struct facts *facts);
static void say_loser(const struct proposal *proposal);
static bool lost_elsewhere(const struct proposal *proposal);
static void list_changes(const struct changes *changes, struct facts *facts);
static void list_people(const char *key, const struct sign_public *signers, size_t count,
                        struct facts *facts);

static struct decisions decisions;

int cmd_charter(struct cli *cli) {
    static const struct cli_branch branches[] = {{"show", charter_show}, {"edit", edit},
                                                 {"propose", propose},   {"proposals", proposals},
                                                 {"sign", sign},         {"history", history}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

/* ---- show ---- */

int charter_show(struct cli *cli) {
    struct client *client = NULL;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        const struct governance *governance = &decisions.community.governance;
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "name", "community", governance->charter.name);
        facts_bytes(facts, "id", "id", BYTES_OF(governance->community.b));
        facts_time(facts, "created", "founded", governance->founding.created);
        facts_number(facts, "version", "version", governance->version);
        facts_time(facts, "since", "since", governance->created);
        show_administrators(cli, facts);
        show_caps(cli, facts);
        show_roles(cli, facts);
        show_directory(cli, facts);
        facts_end(facts);
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static void show_administrators(const struct cli *cli, struct facts *facts) {
    const struct charter *charter = &decisions.community.governance.charter;
    char person[PERSON_MAX];
    char text[PERSON_MAX + 64];
    facts_items(facts, "administrators");
    for (size_t i = 0; i < charter->administrator_count; i++) {
        size_t owner = 0;
        const struct sign_public *key = &charter->administrators[i];
        const struct listed *home = members_of_key(&decisions.members, key, &owner);
        bool stands = home != NULL && listed_stands(home);
        (void)snprintf(text, sizeof text, "%s%s", person_text(&decisions.members, key, person),
                       stands ? ""
                              : ", of no home that belongs: its key counts until it is taken out");
        if (!cli->json) {
            facts_text(facts, NULL, "administrator", text);
            continue;
        }
        facts_item(facts);
        facts_text(facts, "name", NULL, home == NULL ? "" : home->member.owner_names[owner]);
        facts_text(facts, "home", NULL, home == NULL ? "" : home->member.name);
        facts_bytes(facts, "key", NULL, BYTES_OF(key->b));
        facts_flag(facts, "can_sign", stands);
    }
    facts_items(facts, NULL);
    (void)snprintf(text, sizeof text, "%u of %zu", charter->threshold,
                   charter->administrator_count);
    facts_shown(facts, "threshold", "who decide", charter->threshold, text);
}

static void show_caps(const struct cli *cli, struct facts *facts) {
    const struct charter *charter = &decisions.community.governance.charter;
    char span[TERMS_WORDS_MAX];
    char text[PLACE_TEXT_MAX];
    (void)snprintf(text, sizeof text, "up to %u a home", charter->invite_allowance);
    facts_shown(facts, "invite_allowance", "brings in", charter->invite_allowance, text);
    terms_span(charter->caps.span_s, span);
    facts_shown(facts, "span_s", "longest time", charter->caps.span_s, span);
    facts_shown(facts, "area_m2", "largest place", charter->caps.area_m2,
                area_text(charter->caps.area_m2, text));
    (void)snprintf(text, sizeof text, "%u of one asker at once", charter->caps.live_requests);
    facts_shown(facts, "live_requests", "requests", charter->caps.live_requests, text);
    facts_text(facts, charter->has_area ? "area" : NULL,
               cli->json && !charter->has_area ? NULL : "about places",
               charter->has_area ? place_text(&charter->area, text) : "anywhere");
    (void)snprintf(text, sizeof text, "at most %u days", charter->delete_by_max_days);
    facts_shown(facts, "delete_by_max_days", "clips are kept", charter->delete_by_max_days, text);
    terms_span(charter->slot_s, span);
    facts_shown(facts, "slot_s", "log slot", charter->slot_s, span);
    (void)snprintf(text, sizeof text, "%u of each log", charter->witnesses);
    facts_shown(facts, "witnesses", "witnesses", charter->witnesses, text);
}

/* Those that no rule of the charter names may do anything. */
static void show_roles(const struct cli *cli, struct facts *facts) {
    const struct charter *charter = &decisions.community.governance.charter;
    char instruments[TERMS_WORDS_MAX];
    char text[TERMS_WORDS_MAX + 96];
    facts_items(facts, "roles");
    for (size_t i = 0; i < charter->role_count; i++) {
        const struct role_rule *rule = &charter->roles[i];
        terms_instruments(rule->instruments, instruments);
        (void)snprintf(text, sizeof text, "a %s asks with %s%s", role_word(rule->role), instruments,
                       rule->may_not_invite ? ", and brings nobody in" : "");
        if (!cli->json) {
            facts_text(facts, NULL, "role", text);
            continue;
        }
        facts_item(facts);
        facts_text(facts, "role", NULL, role_word(rule->role));
        facts_text(facts, "instruments", NULL, instruments);
        facts_flag(facts, "may_invite", !rule->may_not_invite);
    }
    facts_items(facts, NULL);
    if (charter->role_count == 0) {
        facts_text(facts, "others", cli->json ? NULL : "role", "any asks with all instruments");
    }
}

static void show_directory(const struct cli *cli, struct facts *facts) {
    const struct charter *charter = &decisions.community.governance.charter;
    const struct authorities *authorities = &decisions.community.authorities;
    facts_list(facts, "authorities");
    for (size_t i = 0; i < authorities->count; i++) {
        char name[CMS_NAME_BYTES];
        bool good = cms_certificate_name(authority_at(authorities, i), name);
        facts_text(facts, NULL, "court seals by", good ? name : "nobody: it is no certificate");
    }
    facts_list(facts, NULL);
    facts_items(facts, "agencies");
    for (size_t i = 0; i < charter->agency_count; i++) {
        char text[NAME_MAX_BYTES + CALL_NUMBER_BYTES];
        (void)snprintf(text, sizeof text, "%s %s", charter->agencies[i].number,
                       charter->agencies[i].name);
        if (cli->json) {
            facts_item(facts);
            facts_text(facts, "name", NULL, charter->agencies[i].name);
            facts_text(facts, "number", NULL, charter->agencies[i].number);
        } else {
            facts_text(facts, NULL, "call back on", text);
        }
    }
    facts_items(facts, NULL);
}

/* ---- edit ---- */

static int edit(struct cli *cli) {
    static struct terms_names names;
    struct client *client = NULL;
    bool force = false;
    const struct cli_option options[] = {{.name = "--force", .flag = &force}};
    SCOPED(buffer_finish) struct buffer text = {.max = TERMS_FILE_MAX};
    int failed = take_options(cli, options, COUNT_OF(options), "[FILE]");
    const char *path = cli->argc > 1 ? cli->argv[1] : "charter.conf";
    if (failed == 0 && !force && access(path, F_OK) == 0) {
        failed =
            fail("name another file, or overwrite it with '--force'", "'%s' exists already", path);
    }
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        const struct governance *governance = &decisions.community.governance;
        name_all(&names);
        if (terms_write(&governance->charter, &names, governance->version, &text) != ERR_OK) {
            failed = fail(NULL, "the charter does not fit into a file");
        }
    }
    if (failed == 0) {
        failed = file_write(path, buffer_bytes(&text), 0644, !force);
    }
    if (failed == 0 && cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "file", NULL, path);
        facts_number(facts, "version", NULL, decisions.community.governance.version);
        facts_end(facts);
    } else if (failed == 0) {
        (void)printf("wrote '%s': change it, then 'stoop charter propose %s'\n", path, path);
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static void name_all(struct terms_names *names) {
    const struct community_terms *community = &decisions.community;
    const struct charter *charter = &community->governance.charter;
    for (size_t i = 0; i < charter->administrator_count; i++) {
        name_administrator(&charter->administrators[i], names->administrators[i]);
        note_administrator(&charter->administrators[i],
                           strchr(names->administrators[i], '/') != NULL,
                           names->administrator_notes[i]);
    }
    for (size_t i = 0; i < community->authorities.count; i++) {
        struct bytes der = authority_at(&community->authorities, i);
        char name[CMS_NAME_BYTES] = "";
        char safe[SAFE_MAX];
        char hex[KEY_HEX + 1];
        struct id hash;
        sha256(der, &hash);
        hex_write(BYTES_OF(hash.b), hex);
        (void)snprintf(names->authorities[i], TERMS_NAMED_MAX, "sha256:%s", hex);
        bool good = cms_certificate_name(der, name);
        (void)snprintf(names->authority_names[i], NAME_MAX_BYTES, "%.60s",
                       good ? safe_text(name, 30, safe) : "");
    }
}

/* By its names where they lead back to it, else by the key itself. */
static void name_administrator(const struct sign_public *key, char out[TERMS_NAMED_MAX]) {
    size_t owner = 0;
    const struct listed *home = members_of_key(&decisions.members, key, &owner);
    struct sign_public found;
    bool several = false;
    char safe[SAFE_MAX];
    if (home != NULL) {
        (void)snprintf(out, TERMS_NAMED_MAX, "%s / %s", home->member.name,
                       home->member.owner_names[owner]);
        if (*out != ' ' && out[strlen(out) - 1] != ' ' &&
            strcmp(safe_text(out, TERMS_NAMED_MAX, safe), out) == 0 &&
            find_administrator(out, &found, &several) && sign_public_equal(&found, key)) {
            return;
        }
    }
    hex_write(BYTES_OF(key->b), out);
}

/* Whose a line is that does not say so itself, and who belongs no more. */
static void note_administrator(const struct sign_public *key, bool named,
                               char out[TERMS_NAMED_MAX]) {
    size_t owner = 0;
    const struct listed *home = members_of_key(&decisions.members, key, &owner);
    bool stands = home != NULL && listed_stands(home);
    char person[PERSON_MAX];
    *out = '\0';
    if (!named || !stands) {
        (void)snprintf(out, TERMS_NAMED_MAX, "%s%s%s", person_text(&decisions.members, key, person),
                       stands ? "" : ", ",
                       stands         ? ""
                       : home == NULL ? "of no home that is known"
                                      : listed_word(home));
    }
}

/* ---- propose ---- */

static int propose(struct cli *cli) {
    struct client *client = NULL;
    struct id id;
    SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
    SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
    int failed = take_options(cli, NULL, 0, "FILE");
    if (failed == 0) {
        failed = check_terminal_only(cli);
    }
    if (failed == 0) {
        failed = draft(cli, &client, &changes, &body);
    }
    if (failed == 0 && changes.count == 0) {
        (void)printf("nothing to change: '%s' says what the charter says\n", cli->argv[1]);
    } else if (failed == 0) {
        failed = ask_to_propose(cli, &changes);
        if (failed == 0) {
            failed = decisions_endorse(cli, client, &decisions, buffer_bytes(&body),
                                       (struct bytes){NULL, 0});
        }
        if (failed == 0) {
            sha256(buffer_bytes(&body), &id);
            decisions_say_signed(&decisions, &id, 1);
        }
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

/* The act that the file stands for, and what it changes; nothing: there is no act. */
static int draft(struct cli *cli, struct client **client, struct changes *changes,
                 struct buffer *body) {
    static struct terms_file file;
    static struct resolved resolved;
    static struct act act;
    int failed = file_there(cli->argv[1], "'stoop charter edit FILE' writes one, to be changed");
    if (failed == 0) {
        failed = read_terms(cli->argv[1], &file);
    }
    if (failed == 0) {
        failed = decisions_open(cli, client, &decisions);
    }
    if (failed == 0) {
        failed = resolve(cli->argv[1], &file, &resolved);
    }
    if (failed == 0) {
        changes_of(&decisions.community, &resolved.charter, &decisions.members, changes);
    }
    if (failed != 0 || changes->count == 0) {
        return failed;
    }
    failed = check_signable(&resolved.charter);
    if (failed == 0) {
        failed = check_all_shown(changes);
    }
    if (failed != 0) {
        return failed;
    }
    decisions_start_act(&decisions, &act);
    act.has_charter = true;
    act.charter = resolved.charter;
    act.charter.created = act.head.created;
    return act_encode(&act, body) == ERR_OK
               ? 0
               : fail("leave out some agencies or authorities", "the charter is too large");
}

static int ask_to_propose(const struct cli *cli, const struct changes *changes) {
    const struct governance *governance = &decisions.community.governance;
    struct keyfile_public pub;
    char text[SAFE_MAX];
    char safe[SAFE_MAX];
    const struct instant until = {now_wall().ms + (int64_t)ENDORSEMENT_DAYS * DURATION_DAY_MS};
    int failed = decisions_may_begin(cli, &decisions, &pub);
    if (failed != 0) {
        return failed;
    }
    (void)snprintf(text, sizeof text, "%.400s, version %u -> %u",
                   safe_text(governance->charter.name, NAME_MAX_BYTES, safe), governance->version,
                   governance->version + 1);
    term_line("CHARTER", "", text);
    say_changes(changes, "CHANGE");
    say_what_follows(&pub.owner.sign, 1, until);
    decisions_say_others(&decisions, NULL);
    return sent_ask("propose it, signed by you? [y/N] ", "whether to propose it", "not proposed");
}

/* What these print a person has to have read before they answer. */
static int check_terminal_only(const struct cli *cli) {
    return cli->json ? usage_error(cli->command, "'--json' is for what asks nothing") : 0;
}

static int read_terms(const char *path, struct terms_file *out) {
    struct terms_error error;
    SCOPED(buffer_finish) struct buffer file = {.max = TERMS_FILE_MAX};
    int failed = file_read(path, TERMS_FILE_MAX, false, &file);
    return failed == 0 && terms_read(buffer_bytes(&file), out, &error) != ERR_OK
               ? fail("'stoop charter edit FILE' writes one with every line explained",
                      "%s:%zu: %s", path, error.line, error.text)
               : failed;
}

static int resolve(const char *path, const struct terms_file *file, struct resolved *out) {
    int failed = 0;
    *out = (struct resolved){.charter = file->charter};
    struct charter *charter = &out->charter;
    for (size_t i = 0; failed == 0 && i < file->administrator_count; i++) {
        const struct terms_named *named = &file->administrators[i];
        struct sign_public key;
        failed = resolve_administrator(path, named, &key);
        if (failed == 0 && charter_has_administrator(charter, &key)) {
            failed = fail(NULL, "%s:%zu: this administrator is named twice", path, named->line);
        }
        if (failed == 0) {
            charter->administrators[charter->administrator_count++] = key;
        }
    }
    for (size_t i = 0; failed == 0 && i < file->authority_count; i++) {
        failed = resolve_authority(path, &file->authorities[i], out);
    }
    return failed;
}

static int resolve_administrator(const char *path, const struct terms_named *named,
                                 struct sign_public *out) {
    const struct charter *charter = &decisions.community.governance.charter;
    bool several = false;
    size_t owner = 0;
    char safe[SAFE_MAX];
    bool hex =
        strlen(named->text) == KEY_HEX && hex_read(named->text, out->b, sizeof out->b) == ERR_OK;
    if (!hex && find_administrator(named->text, out, &several)) {
        return 0;
    }
    if (hex) {
        const struct listed *home = members_of_key(&decisions.members, out, &owner);
        return charter_has_administrator(charter, out) || (home != NULL && listed_stands(home))
                   ? 0
                   : fail("an administrator signs from a home of the community",
                          "%s:%zu: no owner of a member has this key", path, named->line);
    }
    return fail(several ? "give that owner's key: 'stoop charter show --json' or 'stoop members "
                          "--json' has it"
                        : "write the home, ' / ' and the owner, as 'stoop members --json' has them",
                several ? "%s:%zu: '%s' is the name of several"
                        : "%s:%zu: no member's owner is called '%s'",
                path, named->line, safe_text(named->text, 60, safe));
}

/* "HOME / OWNER", or the home alone where it has one owner. */
static bool find_administrator(const char *text, struct sign_public *out, bool *several) {
    const struct member_list *members = &decisions.members;
    size_t count = 0;
    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = &members->list[i].member;
        for (size_t k = 0; k < member->owner_count && listed_stands(&members->list[i]); k++) {
            char both[2 * NAME_MAX_BYTES + 4];
            (void)snprintf(both, sizeof both, "%s / %s", member->name, member->owner_names[k]);
            bool called = strcmp(text, both) == 0 ||
                          (member->owner_count == 1 && strcmp(text, member->name) == 0);
            if (called && (count == 0 || !sign_public_equal(out, &member->owners[k].sign))) {
                *out = member->owners[k].sign;
                count++;
            }
        }
    }
    *several = count > 1;
    return count == 1;
}

static int resolve_authority(const char *path, const struct terms_named *named,
                             struct resolved *out) {
    const struct authorities *before = &decisions.community.authorities;
    struct authorities *authorities = &out->authorities;
    size_t at = authorities->count;
    SCOPED(buffer_finish) struct buffer file = {.max = CMS_CERTIFICATE_FILE};
    SCOPED(buffer_finish) struct buffer der = {.max = CMS_CERTIFICATE_MAX};
    enum err err = ERR_USER_NOT_FOUND;
    if (strncmp(named->text, "sha256:", 7) == 0) {
        for (size_t i = 0; i < before->count; i++) {
            struct id hash;
            char hex[KEY_HEX + 1];
            sha256(authority_at(before, i), &hash);
            hex_write(BYTES_OF(hash.b), hex);
            err = strcmp(hex, named->text + 7) == 0 ? buffer_append(&der, authority_at(before, i))
                                                    : err;
        }
        if (err != ERR_OK) {
            return fail("name the file of its certificate",
                        "%s:%zu: the charter has no such authority", path, named->line);
        }
    } else {
        int failed = file_read(named->text, CMS_CERTIFICATE_FILE, false, &file);
        if (failed != 0) {
            return failed;
        }
        if (!cms_certificate_read(buffer_bytes(&file), &der)) {
            return fail(NULL, "%s:%zu: it is no certificate, in PEM or DER, of up to %d bytes",
                        path, named->line, (int)CMS_CERTIFICATE_MAX);
        }
    }
    for (size_t i = 0; i < at; i++) {
        if (bytes_equal(authority_at(authorities, i), buffer_bytes(&der))) {
            return fail(NULL, "%s:%zu: this authority is named twice", path, named->line);
        }
    }
    memcpy(authorities->der[at], der.at, der.len);
    authorities->len[at] = der.len;
    authorities->count++;
    out->charter.authorities[out->charter.authority_count++] = authority_at(authorities, at);
    return 0;
}

/* Nothing could be decided any more, not even to mend that. */
static int check_signable(const struct charter *charter) {
    size_t could = 0;
    for (size_t i = 0; i < charter->administrator_count; i++) {
        size_t owner = 0;
        const struct listed *home =
            members_of_key(&decisions.members, &charter->administrators[i], &owner);
        could += home != NULL && listed_stands(home) ? 1 : 0;
    }
    return could >= charter->threshold
               ? 0
               : fail("nothing could be decided any more: let fewer decide, or other ones",
                      "%u would have to sign, and %zu of these administrators could",
                      charter->threshold, could);
}

static int check_all_shown(const struct changes *changes) {
    return changes->cut ? fail("have it proposed in several steps",
                               "it changes more than can be shown at once")
                        : 0;
}

static void say_changes(const struct changes *changes, const char *label) {
    for (const char *line = changes_first(changes); line != NULL;
         line = changes_next(changes, line)) {
        term_line(label, "", line);
    }
}

/* With this owner's signature and those before it. */
static void say_what_follows(const struct sign_public *signers, size_t count,
                             struct instant until) {
    static char people[PEOPLE_MAX];
    static char text[PEOPLE_MAX + 256];
    char time[TIME_TEXT_MAX];
    const struct charter *charter = &decisions.community.governance.charter;
    if (count >= charter->threshold) {
        term_line("THEN", "",
                  "with your signature it is decided, and cannot be taken back; "
                  "every home follows it as it comes there");
        return;
    }
    time_text(until, time);
    (void)snprintf(text, sizeof text, "%zu more of %zu administrators: of %.2000s",
                   charter->threshold - count, charter->administrator_count,
                   missing_text(&decisions, signers, count, people));
    term_line("TO SIGN", "", text);
    (void)snprintf(text, sizeof text, "until %s; what is not signed by then lapses", time);
    term_line("", "", text);
    term_line("THEN", "",
              "it is decided, and cannot be taken back; every home follows it as it "
              "comes there");
}

/* ---- sign ---- */

static int sign(struct cli *cli) {
    struct client *client = NULL;
    struct proposal *proposal = NULL;
    struct keyfile_public pub;
    int failed = take_options(cli, NULL, 0, "CODE");
    if (failed == 0) {
        failed = check_terminal_only(cli);
    }
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        failed = decisions_find(&decisions, cli->argv[1], &proposal);
    }
    if (failed == 0) {
        failed = decisions_may_sign(cli, &decisions, &pub);
    }
    if (failed == 0) {
        failed = check_all_shown(&proposal->changes);
    }
    if (failed == 0 && proposal_signed_by(proposal, &pub.owner.sign)) {
        failed = fail("see who else has with 'stoop charter proposals'",
                      "you have signed '%s' already", proposal->code);
    }
    if (failed == 0) {
        say_to_be_signed(proposal, &pub.owner.sign);
        failed = ask_for_code(proposal->code);
    }
    if (failed == 0) {
        failed = decisions_endorse(cli, client, &decisions, buffer_bytes(&proposal->body),
                                   (struct bytes){NULL, 0});
    }
    if (failed == 0) {
        decisions_say_signed(&decisions, &proposal->id, proposal->signer_count + 1);
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

/* With what follows if `signer` signs it. */
static void say_to_be_signed(const struct proposal *proposal, const struct sign_public *signer) {
    static char people[PEOPLE_MAX];
    struct sign_public signers[SIGNED_SIGNATURES_MAX + 1];
    memcpy(signers, proposal->signers, sizeof proposal->signers);
    signers[proposal->signer_count] = *signer;
    term_line("PROPOSAL", "", proposal->code);
    say_changes(&proposal->changes, "CHANGE");
    term_line("SIGNED", "",
              people_text(&decisions.members, proposal->signers, proposal->signer_count, people));
    say_what_follows(signers, proposal->signer_count + 1, proposal->until);
    decisions_say_others(&decisions, &proposal->id);
}

static int ask_for_code(const char *code) {
    char answer[32];
    if (!term_present()) {
        (void)fail("run it at a terminal", "there is nobody to ask for the code");
        return EXIT_NO_TERMINAL;
    }
    if (!term_ask("to sign it, type its code: ", answer, sizeof answer) ||
        !prompt_is_code(answer, code)) {
        (void)fail(NULL, "not signed");
        return EXIT_PENDING;
    }
    return 0;
}

/* ---- proposals ---- */

static int proposals(struct cli *cli) {
    struct client *client = NULL;
    struct keyfile_public pub;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    if (failed == 0) {
        failed = owner_public_of(cli->owner_dir, &pub);
    }
    struct facts *facts = failed == 0 && cli->json ? facts_start(cli, true) : NULL;
    for (size_t i = 0; failed == 0 && i < decisions.proposal_count; i++) {
        if (cli->json) {
            list_proposal(decisions.proposals[i], facts);
        } else {
            say_proposal(decisions.proposals[i], &pub.owner.sign);
        }
    }
    if (failed == 0 && cli->json) {
        facts_end(facts);
    } else if (failed == 0 && decisions.proposal_count == 0) {
        (void)puts("nothing is under way");
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static void say_proposal(const struct proposal *proposal, const struct sign_public *own) {
    static char people[PEOPLE_MAX];
    static char text[PEOPLE_MAX + 256];
    char time[TIME_TEXT_MAX];
    const struct charter *charter = &decisions.community.governance.charter;
    if (proposal->state == PROPOSAL_LOST) {
        say_loser(proposal);
        return;
    }
    term_line(proposal->state == PROPOSAL_OPEN ? "PROPOSAL" : "LATE", "", proposal->code);
    say_changes(&proposal->changes, "CHANGE");
    term_line("SIGNED", "",
              people_text(&decisions.members, proposal->signers, proposal->signer_count, people));
    if (proposal->state == PROPOSAL_LATE) {
        (void)snprintf(text, sizeof text, "another act came first%s%s: propose it again",
                       proposal->other[0] == '\0' ? "" : ", ", proposal->other);
        term_line("ENDED", "", text);
        return;
    }
    time_text(proposal->until, time);
    (void)snprintf(
        text, sizeof text, "%zu more, of %.2000s, until %s",
        proposal->signer_count < charter->threshold ? charter->threshold - proposal->signer_count
                                                    : 0,
        missing_text(&decisions, proposal->signers, proposal->signer_count, people), time);
    term_line("MISSING", "", text);
    if (charter_has_administrator(charter, own) && !proposal_signed_by(proposal, own)) {
        (void)snprintf(text, sizeof text, "it waits for you: 'stoop charter sign %s'",
                       proposal->code);
        term_line("", "", text);
    }
}

static void list_proposal(const struct proposal *proposal, struct facts *facts) {
    static const char *const states[] = {
        [PROPOSAL_OPEN] = "open", [PROPOSAL_LATE] = "late", [PROPOSAL_LOST] = "lost"};
    const struct charter *charter = &decisions.community.governance.charter;
    facts_item(facts);
    facts_text(facts, "code", NULL, proposal->code);
    facts_bytes(facts, "act", NULL, BYTES_OF(proposal->id.b));
    facts_text(facts, "state", NULL, states[proposal->state]);
    list_changes(&proposal->changes, facts);
    list_people("signed_by", proposal->signers, proposal->signer_count, facts);
    if (proposal->state == PROPOSAL_OPEN) {
        facts_number(facts, "missing", NULL,
                     (int64_t)charter->threshold - (int64_t)proposal->signer_count);
        facts_time(facts, "until", NULL, proposal->until);
    } else {
        facts_text(facts, "other", NULL, proposal->other);
    }
}

static void list_changes(const struct changes *changes, struct facts *facts) {
    facts_list(facts, "changes");
    for (const char *line = changes_first(changes); line != NULL;
         line = changes_next(changes, line)) {
        facts_text(facts, NULL, NULL, line);
    }
    facts_list(facts, NULL);
}

static void list_people(const char *key, const struct sign_public *signers, size_t count,
                        struct facts *facts) {
    char person[PERSON_MAX];
    facts_list(facts, key);
    for (size_t i = 0; i < count; i++) {
        facts_text(facts, NULL, NULL, person_text(&decisions.members, &signers[i], person));
    }
    facts_list(facts, NULL);
}

/* ---- history ---- */

static int history(struct cli *cli) {
    struct client *client = NULL;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = decisions_open(cli, &client, &decisions);
    }
    struct facts *facts = failed == 0 && cli->json ? facts_start(cli, true) : NULL;
    for (size_t i = 0; failed == 0 && i < decisions.act_count; i++) {
        const struct decided *decision = &decisions.acts[i];
        list_decision(cli, decision, facts);
        if (i > 0) {
            list_losers(&decision->previous, facts);
        }
    }
    for (size_t i = 0; failed == 0 && !cli->json && i < decisions.proposal_count; i++) {
        if (lost_elsewhere(decisions.proposals[i])) {
            say_loser(decisions.proposals[i]);
        }
    }
    if (failed == 0 && cli->json) {
        facts_end(facts);
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static void list_decision(const struct cli *cli, const struct decided *decision,
                          struct facts *facts) {
    static char people[PEOPLE_MAX];
    static char text[PEOPLE_MAX + 64];
    char time[TIME_TEXT_MAX];
    if (cli->json) {
        facts_item(facts);
        facts_number(facts, "version", NULL, decision->version);
        facts_text(facts, "code", NULL, decision->code);
        facts_bytes(facts, "act", NULL, BYTES_OF(decision->id.b));
        facts_time(facts, "created", NULL, decision->created);
        list_changes(&decision->changes, facts);
        list_people("signed_by", decision->signers, decision->signer_count, facts);
        return;
    }
    time_text(decision->created, time);
    (void)snprintf(text, sizeof text, "%u, %s, %s", decision->version, decision->code, time);
    term_line("VERSION", "", text);
    (void)people_text(&decisions.members, decision->signers, decision->signer_count, people);
    if (decision->version == 1) {
        (void)snprintf(text, sizeof text, "founded by %s", people);
        term_line("", "", text);
        return;
    }
    say_changes(&decision->changes, "CHANGE");
    (void)snprintf(text, sizeof text, "by %zu: %s", decision->signer_count, people);
    term_line("SIGNED", "", text);
}

static void list_losers(const struct id *previous, struct facts *facts) {
    if (facts != NULL) {
        facts_items(facts, "lost");
    }
    for (size_t i = 0; i < decisions.proposal_count; i++) {
        const struct proposal *proposal = decisions.proposals[i];
        bool lost = proposal->state == PROPOSAL_LOST;
        if (lost && id_equal(&proposal->act.previous, previous) && facts != NULL) {
            list_proposal(proposal, facts);
        } else if (lost && id_equal(&proposal->act.previous, previous)) {
            say_loser(proposal);
        }
    }
    if (facts != NULL) {
        facts_items(facts, NULL);
    }
}

static void say_loser(const struct proposal *proposal) {
    static char people[PEOPLE_MAX];
    static char text[PEOPLE_MAX + 64];
    (void)snprintf(text, sizeof text, "%s, against the act %s", proposal->code, proposal->other);
    if (lost_elsewhere(proposal)) {
        (void)snprintf(text, sizeof text, "%s, with an act that it followed", proposal->code);
    }
    term_line("LOST", "", text);
    say_changes(&proposal->changes, "CHANGE");
    (void)snprintf(
        text, sizeof text, "by %zu: %s", proposal->signer_count,
        people_text(&decisions.members, proposal->signers, proposal->signer_count, people));
    term_line("SIGNED", "", text);
}

/* What it follows has lost too, so no act that counts took its place. */
static bool lost_elsewhere(const struct proposal *proposal) {
    return proposal->state == PROPOSAL_LOST && proposal->other[0] == '\0';
}
