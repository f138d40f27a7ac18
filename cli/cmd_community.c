/* community, invite, join. */
#include <qrencode.h>
#include <string.h>

#include "cli/cmd_meet.h"
#include "cli/decisions.h"
#include "cli/sent.h"
#include "cli/siblings.h"
#include "cli/terms.h"
#include "proto/meet.h"

enum {
    CERTIFICATE_DAYS = 398,
    INVITE_DAYS = 2,
    INVITED_ALLOWANCE = 4,
    ALLOWANCE = 8,
    ALLOWANCE_MAX = 64,
    SLOT_S = 60,
    WITNESSES = 2, /* cosignatures wanted on each log */
    BODY_MAX = SIGNED_GOSSIP_MAX,
};

/* This home's way into a community, as the founder of it or by an invite. */
struct entry {
    const char *home_name; /* as neighbours see it; NULL: its owner's */
    bool yes;              /* it is not asked whether to join */
    struct co_signers co_signers;
    struct client *client;
    bool applied;                 /* from outside, earlier */
    struct sign_public node, log; /* of the node */
    struct box_public transport;
    struct pins pins; /* with this community, once it is decided */
    struct kin kin;
    struct signers signers;
    struct member member; /* the certificate that the home is to have */
};

struct agency_texts { /* as --agency gives them; they borrow the arguments */
    size_t count;
    const char *list[AGENCIES_MAX];
};

/* Files of certificates, as named by --authority; they borrow the arguments. */
struct authority_files {
    size_t count;
    const char *paths[AUTHORITIES_MAX];
};

struct exported {
    const char *folder;
    size_t acts, certificates, renewals, removals; /* the founding charter is an act here */
};

struct invite_options {
    long days, allowance, minutes;
    enum member_role role;
    bool no_qr, spoken;
};

/* Whoever has the secret in them gets in: wiped on every way out. */
struct invitation {
    struct invite_code code;
    char text[CODE_MAX_BYTES];
};

static const struct told belongs_told[] = {
    {ERR_USER_EXISTS, "this home belongs to a community already, or is being let into one",
     "see which with 'stoop status'"}};

static const char another_invite[] = "ask your neighbour for a new one";

static const struct told applied_told[] = {
    {ERR_USER_EXISTS,
     "this home has applied or is joining already, under another name or elsewhere",
     "apply with the name and owners of then to have that application again, or with '--anew' for "
     "another in its place: the earlier text is void then"}};

static int found(struct cli *cli);
static int take_found_options(struct cli *cli, struct charter *charter, struct entry *entry);
static int take_agencies(const struct cli *cli, const struct agency_texts *texts,
                         struct charter *charter);
static int take_authorities(const struct authority_files *files, struct authorities *out,
                            struct charter *charter);
static int make_charter(struct charter *charter, const struct signers *signers, struct buffer *out,
                        struct id *community);
static void say_founded(const struct cli *cli, const char *name, const struct id *community);
static int export_all(struct cli *cli);
static int export_act(void *context, const struct community_terms *before, struct bytes bytes,
                      const struct community_terms *after);
static int export_standing(struct exported *exported, struct bytes bytes);
static int take_invite_options(struct cli *cli, struct invite_options *out);
static int make_invitation(const struct invite_options *options, const struct control_reply *status,
                           const struct signers *signers, struct invitation *invitation,
                           struct buffer *out);
static int put_invite(struct client *client, const struct invitation *invitation,
                      struct bytes invite);
static void show_invitation(const struct cli *cli, const struct invitation *invitation,
                            const char *name, bool no_qr);
static void print_qr(const char *code);
static int take_join_options(struct cli *cli, struct entry *entry);
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
static void say_namesakes(const struct member_list *members, const char *name);
static int say_rules(const struct cli *cli, struct client *client, const struct member *member);
static void invitation_wipe(struct invitation *invitation);
static int take_doors(const struct cli *cli, struct application *application, struct buffer *doors,
                      struct id *community);
static int check_not_elsewhere(const struct cli *cli, const struct entry *entry,
                               const struct id *community);
static int say_applied(const struct cli *cli, const char *text, bool voids);
static int entry_open(struct cli *cli, struct entry *entry);
static int entry_reach(struct cli *cli, struct entry *entry);
static int say_taken(struct client *client, const struct control_reply *status);
static int entry_open_keys(struct cli *cli, struct entry *entry);
static int check_pins(const struct cli *cli, struct entry *entry);
static void entry_close(struct entry *entry);
static int sign_member(struct entry *entry, const uint8_t *invite_secret, struct buffer *out);
static enum err add_invite_signature(const uint8_t *invite_secret, struct signed_object *object);
static int pin_community(const struct cli *cli, struct entry *entry, const struct id *community);

int cmd_community(struct cli *cli) {
    static const struct cli_branch branches[] = {{"found", found},
                                                 {"invite", cmd_invite},
                                                 {"join", cmd_join},
                                                 {"show", charter_show},
                                                 {"export", export_all}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

/* ---- found ---- */

static int found(struct cli *cli) {
    SCOPED(entry_close) struct entry entry = {0};
    struct charter charter;
    struct id community = {{0}};
    SCOPED(buffer_finish) struct buffer charter_bytes = {.max = BODY_MAX};
    SCOPED(buffer_finish) struct buffer member_bytes = {.max = BODY_MAX};
    int failed = take_found_options(cli, &charter, &entry);
    if (failed == 0) {
        failed = entry_open(cli, &entry);
    }
    if (failed == 0) {
        failed = make_charter(&charter, &entry.signers, &charter_bytes, &community);
    }
    if (failed == 0) {
        entry.member = (struct member){.head = {.community = community, .created = charter.created},
                                       .role = MEMBER_ADMINISTRATOR,
                                       .invite_allowance = charter.invite_allowance};
        failed = sign_member(&entry, NULL, &member_bytes);
    }
    if (failed == 0) {
        failed = pin_community(cli, &entry, &community);
    }
    if (failed == 0) {
        const struct control_request request = {.op = CONTROL_FOUND,
                                                .blob = buffer_bytes(&charter_bytes),
                                                .blob2 = buffer_bytes(&member_bytes)};
        failed = client_do_told(entry.client, &request, "the community was not founded",
                                TOLD(belongs_told));
    }
    if (failed == 0) {
        say_founded(cli, charter.name, &community);
        failed = cameras_resign(cli, entry.client, &entry.signers, &community);
    }
    if (failed == 0) {
        failed = siblings_tell(&entry.kin, &entry.pins);
    }
    return failed;
}

static int take_found_options(struct cli *cli, struct charter *charter, struct entry *entry) {
    static struct authorities authorities; /* the charter borrows them */
    struct authority_files files = {0};
    struct agency_texts agencies = {0};
    const char *slot = NULL;
    const char *allowance = NULL;
    const char *witnesses = NULL;
    long slot_s = SLOT_S;
    long invites = ALLOWANCE;
    long wanted = WITNESSES;
    const struct cli_option options[] = {
        {.name = "--slot", .value = &slot},
        {.name = "--allowance", .value = &allowance},
        {.name = "--witnesses", .value = &witnesses},
        {.name = "--name", .value = &entry->home_name},
        {.name = "--authority",
         .list = files.paths,
         .list_max = AUTHORITIES_MAX,
         .list_count = &files.count},
        {.name = "--agency",
         .list = agencies.list,
         .list_max = AGENCIES_MAX,
         .list_count = &agencies.count},
        co_sign_option(&entry->co_signers),
    };
    const struct number_range slots = {1, 3600, "seconds"};
    const struct number_range allowances = {0, ALLOWANCE_MAX, NULL};
    const struct number_range counts = {0, CHARTER_WITNESSES_MAX, NULL};
    int failed = take_options(cli, options, COUNT_OF(options), "NAME");
    if (failed == 0) {
        failed = number_option(cli, slot, slots, &slot_s);
    }
    if (failed == 0) {
        failed = number_option(cli, allowance, allowances, &invites);
    }
    if (failed == 0) {
        failed = number_option(cli, witnesses, counts, &wanted);
    }
    if (failed != 0) {
        return failed;
    }
    const char *name = cli->argv[1];
    if (!name_good(name)) {
        return bad_name(cli->command, name);
    }
    if (entry->home_name != NULL && !name_good(entry->home_name)) {
        return bad_name(cli->command, entry->home_name);
    }
    *charter = (struct charter){.created = now_wall(),
                                .administrator_count = 1,
                                .threshold = 1,
                                .invite_allowance = (uint32_t)invites,
                                .caps = CAPS_DEFAULT,
                                .witnesses = (uint32_t)wanted,
                                .slot_s = (uint32_t)slot_s,
                                .delete_by_max_days = 365};
    (void)snprintf(charter->name, sizeof charter->name, "%s", name);
    failed = take_agencies(cli, &agencies, charter);
    return failed != 0 ? failed : take_authorities(&files, &authorities, charter);
}

/* 'Riverside PD=+1 951 555 0100' */
static int take_agencies(const struct cli *cli, const struct agency_texts *texts,
                         struct charter *charter) {
    for (size_t i = 0; i < texts->count; i++) {
        const char *text = texts->list[i];
        const char *number = strrchr(text, '=');
        struct agency *agency = &charter->agencies[i];
        size_t len = number == NULL ? 0 : (size_t)(number - text);
        (void)snprintf(agency->name, sizeof agency->name, "%.*s", (int)len, text);
        if (number == NULL || len >= sizeof agency->name || !name_good(agency->name) ||
            strlen(number + 1) >= sizeof agency->number || !call_number_valid(number + 1)) {
            return usage_error(cli->command,
                               "'%s' is not an agency with its number; write it as "
                               "'Riverside PD=+1 951 555 0100'",
                               text);
        }
        if (charter_agency(charter, agency->name) != NULL) {
            return usage_error(cli->command, "'%s' is named twice", agency->name);
        }
        (void)snprintf(agency->number, sizeof agency->number, "%s", number + 1);
        charter->agency_count++;
    }
    return 0;
}

static int take_authorities(const struct authority_files *files, struct authorities *out,
                            struct charter *charter) {
    int failed = 0;
    for (size_t i = 0; failed == 0 && i < files->count; i++) {
        SCOPED(buffer_finish) struct buffer file = {.max = CMS_CERTIFICATE_FILE};
        SCOPED(buffer_finish) struct buffer der = {.max = CMS_CERTIFICATE_MAX};
        failed = file_read(files->paths[i], CMS_CERTIFICATE_FILE, false, &file);
        if (failed == 0 && !cms_certificate_read(buffer_bytes(&file), &der)) {
            failed = fail(NULL, "'%s' is no certificate, in PEM or DER, of up to %d bytes",
                          files->paths[i], (int)CMS_CERTIFICATE_MAX);
        }
        if (failed == 0) {
            memcpy(out->der[i], der.at, der.len);
            out->len[i] = der.len;
            charter->authorities[charter->authority_count++] = authority_at(out, i);
        }
    }
    out->count = charter->authority_count;
    return failed;
}

/* Its id is the community's. */
static int make_charter(struct charter *charter, const struct signers *signers, struct buffer *out,
                        struct id *community) {
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = BODY_MAX};
    charter->administrators[0] = signers->publics[0].owner.sign;
    enum err err = charter_encode(charter, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_CHARTER, buffer_bytes(&body), &object);
        err = signed_add(&object, &signers->secrets[0]->sign, &charter->administrators[0]);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, out);
    }
    if (err != ERR_OK) {
        return fail(NULL, "the charter cannot be made: %s", err_text(err));
    }
    *community = object.id;
    return 0;
}

static void say_founded(const struct cli *cli, const char *name, const struct id *community) {
    char hex[65];
    hex_write(BYTES_OF(community->b), hex);
    if (cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "name", NULL, name);
        facts_text(facts, "id", NULL, hex);
        facts_end(facts);
    } else {
        bool first = strcmp(place_of(cli), SLUG_FIRST) == 0;
        (void)printf("founded '%s', id %.16s\ninvite a neighbour with 'stoop %s%s%sinvite'\n", name,
                     hex, first ? "community " : "--community ", first ? "" : place_of(cli),
                     first ? "" : " ");
    }
}

/* ---- export ---- */

/* What decides who belongs, as it was signed, one object a file: for whoever checks it with other
 * means than these. */
static int export_all(struct cli *cli) {
    static struct community_terms community;
    static struct control_reply reply;
    struct client *client = NULL;
    struct exported exported = {.folder = NULL};
    const struct control_request ask = {.op = CONTROL_MEMBERS};
    int failed = take_options(cli, NULL, 0, "DIR");
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        exported.folder = cli->argv[1];
        failed = folder_make(exported.folder, 0755);
    }
    if (failed == 0) {
        failed = client_acts(cli, client, export_act, &exported, &community);
    }
    if (failed == 0) {
        failed = client_ask(client, &ask);
    }
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        failed = export_standing(&exported, reply.as.object.object);
    }
    if (failed == 0) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "folder", "written to", exported.folder);
        facts_number(facts, "acts", "acts", (int64_t)exported.acts - 1);
        facts_number(facts, "certificates", "certificates", (int64_t)exported.certificates);
        facts_number(facts, "renewals", "renewals", (int64_t)exported.renewals);
        facts_number(facts, "removals", "removals", (int64_t)exported.removals);
        facts_end(facts);
    }
    client_close(client);
    return failed;
}

static int export_act(void *context, const struct community_terms *before, struct bytes bytes,
                      const struct community_terms *after) {
    struct exported *exported = context;
    char path[PATH_MAX];
    (void)before;
    (void)after;
    (void)snprintf(path, sizeof path, "%.4000s/%03zu-%s.bin", exported->folder, exported->acts,
                   exported->acts == 0 ? "charter" : "act");
    exported->acts++;
    return file_write(path, bytes, 0644, true);
}

static int export_standing(struct exported *exported, struct bytes bytes) {
    struct signed_object object;
    char path[PATH_MAX];
    char code[LINK_CODE_BYTES];
    if (signed_decode(bytes, &object) != ERR_OK) {
        return fail(NULL, "the node shows a certificate that cannot be read");
    }
    bool member = object.kind == OBJECT_MEMBER;
    bool renewal = object.kind == OBJECT_RENEWAL;
    exported->certificates += member ? 1 : 0;
    exported->renewals += renewal ? 1 : 0;
    exported->removals += member || renewal ? 0 : 1;
    link_code(&object.id, code);
    (void)snprintf(path, sizeof path, "%.4000s/%s-%s.bin", exported->folder,
                   member    ? "member"
                   : renewal ? "renewal"
                             : "removal",
                   code);
    return file_write(path, bytes, 0644, true);
}

/* ---- invite ---- */

int cmd_invite(struct cli *cli) {
    static struct control_reply status;
    const struct co_signers nobody = {0};
    struct invite_options options;
    struct client *client = NULL;
    struct signers signers = {0};
    SCOPED(invitation_wipe) struct invitation invitation = {0};
    SCOPED(buffer_finish) struct buffer invite = {.max = BODY_MAX};
    int failed = take_invite_options(cli, &options);
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = belongs_or_says(client);
    }
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    if (failed == 0) {
        failed = pinned_community(cli, &invitation.code.community);
    }
    if (failed == 0 && status.as.status.address_count == 0) {
        failed = fail("add 'address = A.B.C.D:PORT' to the home's config file",
                      "this home has no address that others could dial");
    }
    if (failed == 0) {
        failed = signers_open(cli, &nobody, &signers);
    }
    if (failed == 0) {
        failed = make_invitation(&options, &status, &signers, &invitation, &invite);
    }
    signers_close(&signers); /* it may be an hour until somebody comes */
    if (failed == 0 && options.spoken) {
        const struct meet_offered offered = {.minutes = options.minutes,
                                             .community = status.as.status.community_name};
        failed = meet_offer(cli, client, &invitation.code, invitation.text, &offered);
    } else if (failed == 0) {
        failed = put_invite(client, &invitation, buffer_bytes(&invite));
        if (failed == 0) {
            show_invitation(cli, &invitation, status.as.status.community_name, options.no_qr);
        }
    }
    client_close(client);
    return failed;
}

static int take_invite_options(struct cli *cli, struct invite_options *out) {
    const char *days = NULL;
    const char *role = NULL;
    const char *allowance = NULL;
    const char *minutes = NULL;
    const struct number_range lives = {1, MEET_MINUTES_MAX, "minutes"};
    const struct cli_option options[] = {
        {.name = "--days", .value = &days},           {.name = "--role", .value = &role},
        {.name = "--allowance", .value = &allowance}, {.name = "--no-qr", .flag = &out->no_qr},
        {.name = "--spoken", .flag = &out->spoken},   {.name = "--minutes", .value = &minutes},
    };
    *out = (struct invite_options){.days = INVITE_DAYS,
                                   .allowance = INVITED_ALLOWANCE,
                                   .minutes = MEET_MINUTES,
                                   .role = MEMBER_HOME};
    int failed = take_options(cli, options, COUNT_OF(options), "");
    if (failed == 0) {
        failed = number_option(cli, minutes, lives, &out->minutes);
    }
    if (failed == 0 && minutes != NULL && !out->spoken) {
        failed = usage_error(cli->command, "'--minutes' is for '--spoken'");
    }
    if (failed == 0) {
        failed = number_option(cli, days, (struct number_range){1, 30, "days"}, &out->days);
    }
    if (failed == 0) {
        failed = number_option(cli, allowance, (struct number_range){0, ALLOWANCE_MAX, NULL},
                               &out->allowance);
    }
    if (failed != 0 || role == NULL || strcmp(role, "home") == 0) {
        return failed;
    }
    if (strcmp(role, "requester") != 0) {
        return usage_error(cli->command, "'%s' is neither home nor requester", role);
    }
    out->role = MEMBER_REQUESTER;
    out->allowance = 0;
    return 0;
}

static int make_invitation(const struct invite_options *options, const struct control_reply *status,
                           const struct signers *signers, struct invitation *invitation,
                           struct buffer *out) {
    struct invite_code *code = &invitation->code;
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = BODY_MAX};
    code->role = options->role;
    code->sponsor = status->as.status.certificate;
    code->transport = status->as.status.transport;
    code->owner = signers->publics[0].owner.sign;
    code->created = now_wall();
    code->expires.ms = code->created.ms + options->days * DURATION_DAY_MS;
    code->invite_allowance = (uint32_t)options->allowance;
    code->address_count = status->as.status.address_count;
    memcpy(code->addresses, status->as.status.addresses, sizeof code->addresses);
    random_bytes(code->secret, sizeof code->secret);
    enum err err = invite_code_object(code, &body, &object);
    if (err == ERR_OK) {
        err = signed_add(&object, &signers->secrets[0]->sign, &code->owner);
    }
    if (err == ERR_OK) {
        code->signature = object.signatures[0].signature;
        err = signed_encode(&object, out);
    }
    if (err == ERR_OK) {
        err = invite_code_write(code, invitation->text);
    }
    return err == ERR_OK ? 0 : fail(NULL, "the invite cannot be made: %s", err_text(err));
}

static int put_invite(struct client *client, const struct invitation *invitation,
                      struct bytes invite) {
    struct control_request request = {.op = CONTROL_INVITE, .blob = invite};
    memcpy(request.secret, invitation->code.secret, sizeof request.secret);
    int failed = client_do(client, &request, "the invite was not taken");
    secret_wipe(request.secret, sizeof request.secret);
    return failed;
}

static void show_invitation(const struct cli *cli, const struct invitation *invitation,
                            const char *name, bool no_qr) {
    struct facts *facts = facts_start(cli, false);
    if (!cli->json && !no_qr) {
        print_qr(invitation->text);
    }
    if (cli->json) {
        facts_text(facts, "code", "code", invitation->text);
    } else {
        (void)printf("%s\n\n", invitation->text);
    }
    facts_time(facts, "expires", "good until", invitation->code.expires);
    facts_end(facts);
    if (!cli->json) {
        term_text(
            "it lets one home in, whoever uses it first: send it to one person only, who runs "
            "'stoop join -' and pastes it");
        meet_show_own(name, &invitation->code);
    }
}

/* Two rows of modules a line of half blocks, with the quiet zone that readers need. */
static void print_qr(const char *code) {
    static const char *const blocks[] = {"\xe2\x96\x88", "\xe2\x96\x80", "\xe2\x96\x84", " "};
    QRcode *qr = QRcode_encodeString8bit(code, 0, QR_ECLEVEL_L);
    if (qr == NULL) {
        return; /* the text is there */
    }
    for (int y = -2; y < qr->width + 2; y += 2) {
        for (int x = -2; x < qr->width + 2; x++) {
            bool inside = x >= 0 && x < qr->width;
            bool upper =
                inside && y >= 0 && y < qr->width && (qr->data[y * qr->width + x] & 1) != 0;
            bool lower = inside && y + 1 >= 0 && y + 1 < qr->width &&
                         (qr->data[(y + 1) * qr->width + x] & 1) != 0;
            (void)fputs(blocks[(upper ? 2 : 0) + (lower ? 1 : 0)], stdout);
        }
        (void)puts("");
    }
    QRcode_free(qr);
}

/* ---- join ---- */

int cmd_join(struct cli *cli) {
    SCOPED(entry_close) struct entry entry = {0};
    SCOPED(invitation_wipe) struct invitation invitation = {0};
    SCOPED(buffer_finish) struct buffer invite = {.max = BODY_MAX};
    SCOPED(buffer_finish) struct buffer member = {.max = BODY_MAX};
    const struct id *community = &invitation.code.community;
    int failed = take_join_options(cli, &entry);
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
        explain(&invitation.code);
        failed = entry.yes ? 0 : sent_ask("join it? [y/N] ", "whether to join", "nothing was done");
    }
    if (failed == 0 && !spoken) {
        failed = entry_open_keys(cli, &entry);
    }
    if (failed == 0) {
        become_invited(&invitation.code, buffer_bytes(&invite), &entry.member);
        failed = sign_member(&entry, invitation.code.secret, &member);
    }
    if (failed == 0) {
        failed = pin_community(cli, &entry, community);
    }
    if (failed == 0) {
        failed = ask_to_join(entry.client, &invitation, buffer_bytes(&member));
    }
    if (failed == 0) { /* it belongs now: its cameras have to, whatever can be told of the rules */
        int untold = say_joined(cli, &entry);
        failed = cameras_resign(cli, entry.client, &entry.signers, community);
        failed = failed == 0 ? siblings_tell(&entry.kin, &entry.pins) : failed;
        failed = failed == 0 ? untold : failed;
    }
    return failed;
}

static int take_join_options(struct cli *cli, struct entry *entry) {
    const struct cli_option options[] = {
        {.name = "--name", .value = &entry->home_name},
        {.name = "--yes", .flag = &entry->yes},
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
    memcpy(introduction, out->text, sizeof introduction);
    int failed = meet_introduce(introduction);
    if (failed == 0) {
        failed = entry_open(cli, entry);
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
    char silent[ADDRESS_MAX_BYTES + 128];
    const struct told told[] = {
        belongs_told[0],
        {ERR_USER_NO_ANSWER, silent,
         "ask whether it is on; then run 'stoop join' again, with a new invite if this one was "
         "used"},
        {ERR_USER_INVITE, "the home was not let in: the invite is not valid, or has expired",
         another_invite}};
    (void)snprintf(request.text, sizeof request.text, "%s", invitation->text);
    (void)snprintf(silent, sizeof silent,
                   "the sponsor's home (%s) did not answer within a minute: it is off, or the "
                   "invite was used or has expired",
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
        failed = say_rules(cli, client, &entry->member);
        term_text(strcmp(place_of(cli), SLUG_FIRST) == 0
                      ? "name your cameras with 'stoop camera add'; see what is asked with 'stoop "
                        "requests'"
                      : "cameras that are not kept to other communities may be asked about there "
                        "too: see 'stoop camera list' and 'stoop help camera'");
    }
    return failed;
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

/* Its charter in plain words. */
static int say_rules(const struct cli *cli, struct client *client, const struct member *member) {
    static struct community_terms community;
    static char people[PEOPLE_MAX];
    static char line[PEOPLE_MAX + 256];
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
    (void)people_text(&members, charter->administrators, charter->administrator_count, people);
    say_namesakes(&members, member->name);
    members_finish(&members);
    terms_span(charter->caps.span_s, span);
    (void)snprintf(line, sizeof line, "RULES    %u of %zu administrators decide%s: %s",
                   charter->threshold, charter->administrator_count,
                   charter->threshold == 1 ? "s" : "", people);
    term_text(line);
    (void)snprintf(
        line, sizeof line,
        "a request may ask about %s and %s at most, and each home may have %u under way; what was "
        "given is deleted within %u days; this home may invite %u",
        span, area_text(charter->caps.area_m2, area), charter->caps.live_requests,
        charter->delete_by_max_days,
        member->invite_allowance < charter->invite_allowance ? member->invite_allowance
                                                             : charter->invite_allowance);
    term_line("", "", line);
    return 0;
}

static void invitation_wipe(struct invitation *invitation) {
    secret_wipe(invitation, sizeof *invitation);
}

/* ---- from outside ---- */

/* Everything but for the act that it takes (PROTOCOL 4.11). */
int outsider_apply(struct cli *cli) {
    SCOPED(entry_close) struct entry entry = {0};
    SCOPED(buffer_finish) struct buffer member = {.max = BODY_MAX};
    SCOPED(buffer_finish) struct buffer doors = {.max = OUTSIDER_DOORS_MAX * CODE_MAX_BYTES};
    static struct control_reply reply;
    static char text[APPLICATION_MAX_BYTES];
    struct application application = {.kind = OUTSIDER_AGENCY};
    struct id community = {{0}};
    const char *kind = NULL;
    bool anew = false;
    const struct cli_option options[] = {
        {.name = "--name", .value = &entry.home_name, .needed = true},
        {.name = "--kind", .value = &kind, .needed = true},
        {.name = "--anew", .flag = &anew},
        co_sign_option(&entry.co_signers),
    };
    int failed = take_options(cli, options, COUNT_OF(options), "CODE [CODE] [CODE] [CODE]");
    if (failed == 0 && !name_good(entry.home_name)) {
        failed = bad_name(cli->command, entry.home_name);
    }
    if (failed == 0 && outsider_kind_from_word(kind, &application.kind) != ERR_OK) {
        failed = usage_error(cli->command, "'--kind' is agency, defence, insurer, press or other");
    }
    if (failed == 0) {
        failed = take_doors(cli, &application, &doors, &community);
    }
    if (failed == 0) {
        failed = entry_open(cli, &entry);
    }
    if (failed == 0 && !anew) {
        failed = check_not_elsewhere(cli, &entry, &community);
    }
    if (failed == 0) {
        entry.member = (struct member){.head = {.community = community, .created = now_wall()},
                                       .role = MEMBER_OUTSIDER};
        failed = sign_member(&entry, NULL, &member);
    }
    if (failed == 0) {
        failed = pin_community(cli, &entry, &community);
    }
    if (failed == 0) {
        const struct control_request request = {.op = CONTROL_OUTSIDE_APPLY,
                                                .total = anew ? 1 : 0,
                                                .blob = buffer_bytes(&member),
                                                .blob2 = buffer_bytes(&doors)};
        failed =
            client_one_told(entry.client, &request, CONTROL_GOT_DATA, &reply, TOLD(applied_told));
    }
    if (failed == 0) {
        application.member = reply.as.data.data;
        failed = application_write(&application, text) == ERR_OK
                     ? 0
                     : fail("give fewer doors, or shorter names", "the application is too long");
    }
    return failed == 0 ? say_applied(cli, text, anew && entry.applied) : failed;
}

/* Before the earlier community is pinned no more. */
static int check_not_elsewhere(const struct cli *cli, const struct entry *entry,
                               const struct id *community) {
    const struct pinned_place *place = pins_place(&entry->pins, place_of(cli));
    bool elsewhere = entry->applied && place != NULL && place->has_community &&
                     !id_equal(&place->community, community);
    return elsewhere ? fail(applied_told[0].next, "%s", applied_told[0].said) : 0;
}

/* Of one community, and each once. */
static int take_doors(const struct cli *cli, struct application *application, struct buffer *doors,
                      struct id *community) {
    int failed = 0;
    for (int i = 1; failed == 0 && i < cli->argc; i++) {
        struct door_code code;
        if (door_code_read(cli->argv[i], &code) != ERR_OK) {
            return fail("copy it whole, from '" DOOR_CODE_PREFIX "' to its end",
                        "this is not a whole door code");
        }
        for (size_t k = 0; k < application->door_count; k++) {
            if (id_equal(&application->doors[k], &code.home)) {
                return fail(NULL, "the same door is given twice");
            }
        }
        if (application->door_count == OUTSIDER_DOORS_MAX) {
            return fail(NULL, "no more than %d doors", (int)OUTSIDER_DOORS_MAX);
        }
        if (i > 1 && !id_equal(community, &code.community)) {
            return fail(NULL, "the doors belong to different communities");
        }
        *community = code.community;
        application->doors[application->door_count++] = code.home;
        const struct bytes text = {(const uint8_t *)cli->argv[i], strlen(cli->argv[i]) + 1};
        failed = buffer_append(doors, text) == ERR_OK ? 0 : fail(NULL, "out of memory");
    }
    return failed;
}

static int say_applied(const struct cli *cli, const char *text, bool voids) {
    if (cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "application", NULL, text);
        facts_end(facts);
        return 0;
    }
    (void)puts(text);
    term_note("", 0,
              "carry it to an administrator, who proposes it with 'stoop outsider propose'; "
              "it is no secret. 'stoop status' says when you were let in");
    if (voids) {
        term_note(
            "", 0,
            "what this home applied with before is void: whoever lets that in lets in nobody");
    }
    return 0;
}

/* ---- a home's way in ---- */

static int entry_open(struct cli *cli, struct entry *entry) {
    int failed = entry_reach(cli, entry);
    return failed == 0 ? entry_open_keys(cli, entry) : failed;
}

/* Before anybody is asked for anything: could it enter? Once. */
static int entry_reach(struct cli *cli, struct entry *entry) {
    static struct control_reply status;
    if (entry->client != NULL) {
        return 0;
    }
    int failed = cameras_settle(cli);
    if (failed == 0) {
        failed = client_open(cli, &entry->client);
    }
    if (failed == 0) {
        failed = client_status(entry->client, &status);
    }
    if (failed == 0 && status.as.status.has_community) {
        failed = say_taken(entry->client, &status);
    }
    if (failed == 0) {
        entry->applied = !id_is_zero(&status.as.status.outside);
        entry->node = status.as.status.node;
        entry->log = status.as.status.log;
        entry->transport = status.as.status.transport;
        failed = check_pins(cli, entry);
    }
    return failed;
}

/* Whatever it was in this community, its node is that community's. */
static int say_taken(struct client *client, const struct control_reply *status) {
    static const char room[] = "make room for another with 'stoop init --community NAME'";
    enum control_member state = CONTROL_MEMBER_AWAY;
    char safe[SAFE_MAX];
    (void)safe_text(status->as.status.community_name, NAME_MAX_BYTES, safe);
    if (id_is_zero(&status->as.status.outside)) {
        int failed = belongs_or_says(client);
        return failed == 0 ? fail(room, "this home belongs to '%s' already", safe) : failed;
    }
    int failed = belongs_ask(client, status, &state);
    if (failed != 0) {
        return failed;
    }
    return state == CONTROL_MEMBER_REMOVED
               ? fail(room, "administrators of '%s' removed this home, an outsider there", safe)
               : fail(room, "this home asks '%s' from outside", safe);
}

static int entry_open_keys(struct cli *cli, struct entry *entry) {
    int failed = siblings_prepare(cli, &entry->pins, &entry->kin);
    return failed == 0 ? signers_open(cli, &entry->co_signers, &entry->signers) : failed;
}

/* It is this owner's node, and all owners of the home sign. */
static int check_pins(const struct cli *cli, struct entry *entry) {
    bool needed[OWNERS_MAX];
    memset(needed, true, sizeof needed);
    int failed = pins_load(cli, &entry->pins);
    const struct pinned_place *place = pins_place(&entry->pins, place_of(cli));
    if (failed == 0 && place != NULL && place->has_node &&
        !sign_public_equal(&place->node, &entry->node)) {
        failed = fail("is '--home' the right folder?",
                      "the node is not the one that was pinned at init");
    }
    return failed == 0 ? signers_cover(cli, &entry->co_signers, &entry->pins, needed) : failed;
}

static void entry_close(struct entry *entry) {
    signers_close(&entry->signers);
    client_close(entry->client);
}

/* Fills in the home's name, keys, owners and days, signs with every owner's key and, for a joiner,
 * the invite's. The node adds its own. */
static int sign_member(struct entry *entry, const uint8_t *invite_secret, struct buffer *out) {
    struct member *member = &entry->member;
    const struct signers *signers = &entry->signers;
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = BODY_MAX};
    (void)snprintf(member->name, sizeof member->name, "%s",
                   entry->home_name == NULL ? signers->publics[0].name : entry->home_name);
    member->head.expires.ms = member->head.created.ms + (int64_t)CERTIFICATE_DAYS * DURATION_DAY_MS;
    member->node = entry->node;
    member->log = entry->log;
    member->transport = entry->transport;
    member->owner_count = signers->count;
    for (size_t i = 0; i < signers->count; i++) {
        member->owners[i] = signers->publics[i].owner;
        (void)snprintf(member->owner_names[i], NAME_MAX_BYTES, "%s", signers->publics[i].name);
    }
    enum err err = member_encode(member, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_MEMBER, buffer_bytes(&body), &object);
        err = signers_sign(signers, &object);
    }
    if (err == ERR_OK && invite_secret != NULL) {
        err = add_invite_signature(invite_secret, &object);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, out);
    }
    return err == ERR_OK ? 0 : fail(NULL, "the certificate cannot be made: %s", err_text(err));
}

static enum err add_invite_signature(const uint8_t *invite_secret, struct signed_object *object) {
    struct sign_secret secret;
    struct sign_public key;
    invite_key(invite_secret, &secret, &key);
    enum err err = signed_add(object, &secret, &key);
    sign_secret_wipe(&secret);
    return err;
}

/* Before the node is told, and in every signing owner's folder: from here on each of them checks
 * requests against this community whatever the node says. */
static int pin_community(const struct cli *cli, struct entry *entry, const struct id *community) {
    struct pins *pins = &entry->pins;
    for (size_t i = 0; i < pins->place_count; i++) {
        const struct pinned_place *other = &pins->places[i];
        if (other->has_community && id_equal(&other->community, community) &&
            strcmp(other->name, place_of(cli)) != 0) {
            return fail("see 'stoop communities'",
                        "this home is in that community already, as '%s'", other->name);
        }
    }
    struct pinned_place *place = pins_place_add(pins, place_of(cli));
    if (place == NULL) {
        return fail("see the file 'pins' in its folder",
                    "this owner has pinned %d communities already", COMMUNITIES_MAX);
    }
    place->has_transport = place->has_community = true;
    place->transport = entry->transport;
    place->community = *community;
    int failed = 0;
    for (size_t i = 0; failed == 0 && i < entry->signers.count; i++) {
        failed = pins_save(entry->signers.folders[i], pins, false);
    }
    return failed;
}
