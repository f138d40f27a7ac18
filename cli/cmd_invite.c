/* invite: lets one more home in, by a code or by words that are said. */
#include <qrencode.h>
#include <string.h>

#include "cli/cmd_meet.h"
#include "cli/members.h"
#include "cli/terms.h"
#include "proto/meet.h"

enum {
    INVITE_DAYS = 2,
    ALLOWANCE_UNSAID = -1,
    ALLOWANCE = 4,
    ALLOWANCE_MAX = 64, /* of the schema */
};

struct invite_options {
    long days, allowance, minutes;
    enum member_role role;
    bool no_qr, spoken;
};

static int take_invite_options(struct cli *cli, struct invite_options *out);
static int check_may_bring(const struct cli *cli, struct client *client,
                           struct invite_options *options);
static int may_bring(const struct charter *charter, const struct member_list *members,
                     const struct listed *self);
static int make_invitation(const struct invite_options *options, const struct control_reply *status,
                           const struct signers *signers, struct invitation *invitation,
                           struct buffer *out);
static int put_invite(struct client *client, const struct invitation *invitation,
                      struct bytes invite);
static void show_invitation(const struct cli *cli, const struct invitation *invitation,
                            const char *name, bool no_qr);
static void print_qr(const char *code);

int cmd_invite(struct cli *cli) {
    static struct control_reply status;
    const struct co_signers nobody = {0};
    struct invite_options options;
    struct client *client = NULL;
    struct signers signers = {0};
    SCOPED(invitation_wipe) struct invitation invitation = {0};
    SCOPED(buffer_finish) struct buffer invite = {.max = SIGNED_GOSSIP_MAX};
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
    if (failed == 0) {
        failed = check_may_bring(cli, client, &options);
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
        failed = meet_offer(cli, client, &invitation, &offered);
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
                                   .allowance = ALLOWANCE_UNSAID,
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

/* The sponsor's node meets a joiner whom it may not bring in with silence, as it does any other
 * fault of an invite: so it is said here, before there is one. */
static int check_may_bring(const struct cli *cli, struct client *client,
                           struct invite_options *options) {
    static struct community_terms community;
    struct member_list members = {0};
    int failed = client_community(cli, client, &community);
    if (failed == 0) {
        failed = members_load(client, &community, &members);
    }
    const struct listed *self = failed == 0 ? members_self(&members) : NULL;
    if (self != NULL) {
        const long own = self->member.invite_allowance;
        failed = may_bring(&community.governance.charter, &members, self);
        if (failed == 0 && options->allowance > own) {
            failed = fail("give it at most so many with '--allowance'",
                          "this home may invite %ld, and lets nobody invite more", own);
        }
        if (options->allowance == ALLOWANCE_UNSAID) {
            options->allowance = own < ALLOWANCE ? own : ALLOWANCE;
        }
    } else if (failed == 0) {
        failed = fail("see 'stoop status'", "the node does not show this home's certificate");
    }
    members_finish(&members);
    return failed;
}

static int may_bring(const struct charter *charter, const struct member_list *members,
                     const struct listed *self) {
    static const char others[] = "ask another home there to invite; see 'stoop members'";
    const struct member *home = &self->member;
    uint32_t brought = 0; /* whoever of them is gone keeps the place */
    for (size_t i = 0; i < members->count; i++) {
        const struct listed *listed = &members->list[i];
        brought += listed->sponsor == self && listed->state != CONTROL_MEMBER_DISPLACED ? 1 : 0;
    }
    uint32_t most = home->invite_allowance < charter->invite_allowance ? home->invite_allowance
                                                                       : charter->invite_allowance;
    if (!listed_stands(self)) {
        return fail("whoever brought it in renews it, or administrators: see 'stoop renew --help'",
                    "this home may bring in nobody: its certificate has expired");
    }
    if (home->role != MEMBER_HOME && home->role != MEMBER_ADMINISTRATOR) {
        return fail(others, "this home may bring in nobody: it is a %s", role_word(home->role));
    }
    if (!charter_lets_invite(charter, home->role)) {
        return fail("administrators change it: see 'stoop charter show'",
                    "this home may bring in nobody: by the charter, no home of the role '%s' may",
                    role_word(home->role));
    }
    if (most == 0) {
        return fail(others, "this home may bring in nobody: %s lets it invite none",
                    charter->invite_allowance != 0 && self->sponsor != NULL
                        ? "the invite that it came by"
                        : "the charter");
    }
    return brought < most
               ? 0
               : fail(others,
                      "this home may bring in nobody more: it has brought in %u of %u, those who "
                      "are gone among them",
                      brought, most);
}

static int make_invitation(const struct invite_options *options, const struct control_reply *status,
                           const struct signers *signers, struct invitation *invitation,
                           struct buffer *out) {
    struct invite_code *code = &invitation->code;
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
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
