/* community, members, invite, join. */
#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum {
    CERTIFICATE_DAYS = 398,
    INVITE_DAYS = 2,
    ALLOWANCE = 8,
    SLOT_S = 60,
    WITNESSES = 2, /* cosignatures wanted on each log */
    BODY_MAX = SIGNED_GOSSIP_MAX,
};

static int found(struct cli *cli);
static int show(struct cli *cli);
static int sign_member(const struct cli *cli, const struct control_reply *status,
                       const struct signers *signers, struct member *member,
                       const uint8_t *invite_secret, struct buffer *out);
static int check_all_owners_sign(const struct cli *cli, const char *const *co_sign,
                                 size_t co_count);
static int pin_community(const struct cli *cli, const struct signers *signers,
                         const struct id *community);
static void print_qr(const char *code);

int cmd_community(struct cli *cli) {
    static const struct cli_branch branches[] = {
        {"found", found}, {"invite", cmd_invite}, {"join", cmd_join}, {"show", show}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

static int found(struct cli *cli) {
    static struct control_reply status;
    struct client *client = NULL;
    struct signers signers = {0};
    struct signed_object object;
    struct member member;
    SCOPED(buffer_finish) struct buffer body = {.max = BODY_MAX};
    SCOPED(buffer_finish) struct buffer charter_bytes = {.max = BODY_MAX};
    SCOPED(buffer_finish) struct buffer member_bytes = {.max = BODY_MAX};
    const char *slot = NULL;
    const char *allowance = NULL;
    const char *witnesses = NULL;
    const char *home_name = NULL;
    const char *co_sign[OWNERS_MAX];
    size_t co_count = 0;
    long slot_s = SLOT_S;
    long invites = ALLOWANCE;
    long witnesses_wanted = WITNESSES;
    const struct cli_option options[] = {
        {.name = "--slot", .value = &slot},
        {.name = "--allowance", .value = &allowance},
        {.name = "--witnesses", .value = &witnesses},
        {.name = "--name", .value = &home_name},
        {.name = "--co-sign", .list = co_sign, .list_max = OWNERS_MAX - 1, .list_count = &co_count},
    };
    int failed = take_options(cli, options, COUNT_OF(options), "NAME");
    if (failed != 0) {
        return failed;
    }
    const char *name = cli->argv[1];
    failed = number_option(cli, slot, (struct number_range){1, 3600, "seconds"}, &slot_s);
    if (failed == 0) {
        failed = number_option(cli, allowance, (struct number_range){0, 64, NULL}, &invites);
    }
    if (failed == 0) {
        failed =
            number_option(cli, witnesses, (struct number_range){0, CHARTER_WITNESSES_MAX, NULL},
                          &witnesses_wanted);
    }
    if (failed != 0) {
        return failed;
    }
    if (!name_good(name) || (home_name != NULL && !name_good(home_name))) {
        return bad_name("community", name_good(name) ? home_name : name);
    }
    struct charter charter = {.version = 1,
                              .created = now_wall(),
                              .administrator_count = 1,
                              .threshold = 1,
                              .invite_allowance = (uint32_t)invites,
                              .caps = CAPS_DEFAULT,
                              .witnesses = (uint32_t)witnesses_wanted,
                              .slot_s = (uint32_t)slot_s,
                              .delete_by_max_days = 365};
    (void)snprintf(charter.name, sizeof charter.name, "%s", name);
    failed = client_open(cli, &client);
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    if (failed == 0 && status.as.status.has_community) {
        failed = fail(NULL, "this home belongs to '%s' already", status.as.status.community_name);
    }
    if (failed == 0) {
        failed = check_all_owners_sign(cli, co_sign, co_count);
    }
    if (failed == 0) {
        failed = signers_open(cli, co_sign, co_count, NULL, &signers);
    }
    if (failed == 0) {
        charter.administrators[0] = signers.publics[0].owner.sign;
        enum err err = charter_encode(&charter, &body);
        if (err == ERR_OK) {
            signed_start(OBJECT_CHARTER, buffer_bytes(&body), &object);
            err = signed_add(&object, &signers.secrets[0]->sign, &charter.administrators[0]);
        }
        if (err == ERR_OK) {
            err = signed_encode(&object, &charter_bytes);
        }
        failed = err == ERR_OK ? 0 : fail(NULL, "the charter cannot be made: %s", err_text(err));
    }
    struct id community = object.id;
    if (failed == 0) {
        member = (struct member){.head = {.community = community, .created = charter.created},
                                 .role = MEMBER_ADMINISTRATOR,
                                 .invite_allowance = (uint32_t)invites};
        member.head.expires.ms = charter.created.ms + (int64_t)CERTIFICATE_DAYS * DURATION_DAY_MS;
        (void)snprintf(member.name, sizeof member.name, "%s",
                       home_name == NULL ? signers.publics[0].name : home_name);
        failed = sign_member(cli, &status, &signers, &member, NULL, &member_bytes);
    }
    if (failed == 0) {
        failed = pin_community(cli, &signers, &community);
    }
    if (failed == 0) {
        const struct control_request request = {.op = CONTROL_FOUND,
                                                .blob = buffer_bytes(&charter_bytes),
                                                .blob2 = buffer_bytes(&member_bytes)};
        failed = client_do(client, &request, "the community was not founded");
    }
    if (failed == 0) {
        char hex[65];
        hex_write(BYTES_OF(community.b), hex);
        if (cli->json) {
            struct facts *facts = facts_start(cli, false);
            facts_text(facts, "name", NULL, name);
            facts_text(facts, "id", NULL, hex);
            facts_end(facts);
        } else {
            (void)printf("founded '%s', id %.16s\ninvite a neighbour with 'stoop community "
                         "invite'\n",
                         name, hex);
        }
        failed = cameras_resign(cli, client, &signers, &community);
    }
    signers_close(&signers);
    client_close(client);
    return failed;
}

static int show(struct cli *cli) {
    static struct control_reply reply;
    struct client *client = NULL;
    struct signed_object object = {0};
    struct charter charter = {0};
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_in_community(client);
    }
    if (failed == 0) {
        const struct control_request request = {.op = CONTROL_CHARTER};
        failed = client_one(client, &request, CONTROL_GOT_OBJECT, &reply);
    }
    if (failed == 0 && (signed_decode(reply.as.object.object, &object) != ERR_OK ||
                        charter_decode(object.body, &charter) != ERR_OK ||
                        charter_verify(&object, &charter) != ERR_OK)) {
        failed = fail(NULL, "the node's charter does not verify");
    }
    if (failed == 0) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "name", "community", charter.name);
        facts_bytes(facts, "id", "id", BYTES_OF(object.id.b));
        facts_number(facts, "version", "version", charter.version);
        facts_time(facts, "created", "founded", charter.created);
        facts_number(facts, "administrators", "administrators",
                     (int64_t)charter.administrator_count);
        facts_number(facts, "threshold", "of whom decide", charter.threshold);
        facts_number(facts, "invite_allowance", "invites a home", charter.invite_allowance);
        facts_number(facts, "span_s", "longest (s)", charter.caps.span_s);
        facts_number(facts, "area_m2", "largest (m2)", charter.caps.area_m2);
        facts_number(facts, "live_requests", "live requests", charter.caps.live_requests);
        facts_number(facts, "slot_s", "log slot (s)", charter.slot_s);
        facts_number(facts, "witnesses", "witnesses", charter.witnesses);
        facts_number(facts, "delete_by_max_days", "kept (days)", charter.delete_by_max_days);
        facts_end(facts);
    }
    client_close(client);
    return failed;
}

int cmd_members(struct cli *cli) {
    static struct control_reply reply;
    static const char *const roles[] = {"", "home", "requester", "administrator", "witness"};
    struct client *client = NULL;
    const struct control_request request = {.op = CONTROL_MEMBERS};
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_in_community(client);
    }
    if (failed == 0) {
        failed = client_ask(client, &request);
    }
    struct facts *facts = failed == 0 ? facts_start(cli, true) : NULL;
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        struct signed_object object;
        struct member member;
        if (signed_decode(reply.as.object.object, &object) == ERR_OK &&
            member_decode(object.body, &member) == ERR_OK) {
            facts_item(facts);
            facts_text(facts, "name", "name", member.name);
            facts_bytes(facts, "certificate", NULL, BYTES_OF(object.id.b));
            facts_text(facts, "role", "role", roles[member.role]);
            facts_text(facts, "link", "link",
                       reply.as.object.state == 2   ? "this home"
                       : reply.as.object.state == 1 ? "up"
                                                    : "down");
            facts_time(facts, "expires", "until", member.head.expires);
        }
    }
    if (failed == 0) {
        facts_end(facts);
    }
    client_close(client);
    return failed;
}

/* ---- invite ---- */

int cmd_invite(struct cli *cli) {
    static struct control_reply status;
    const char *days_text = NULL;
    const char *role = NULL;
    const char *allowance_text = NULL;
    bool no_qr = false;
    long days = INVITE_DAYS;
    long allowance = 4;
    struct client *client = NULL;
    struct signers signers = {0};
    struct invite_code code = {.role = MEMBER_HOME};
    struct signed_object object;
    char text[CODE_MAX_BYTES];
    SCOPED(buffer_finish) struct buffer body = {.max = BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = BODY_MAX};
    const struct cli_option options[] = {
        {.name = "--days", .value = &days_text},
        {.name = "--role", .value = &role},
        {.name = "--allowance", .value = &allowance_text},
        {.name = "--no-qr", .flag = &no_qr},
    };
    int failed = take_options(cli, options, COUNT_OF(options), "");
    if (failed != 0) {
        return failed;
    }
    if (days_text != NULL && parse_number(days_text, 1, 30, &days) != 0) {
        return usage_error(cli->command, "'%s' is not 1 to 30 days", days_text);
    }
    if (allowance_text != NULL && parse_number(allowance_text, 0, 64, &allowance) != 0) {
        return usage_error(cli->command, "'%s' is not 0 to 64", allowance_text);
    }
    if (role != NULL && strcmp(role, "home") != 0 && strcmp(role, "requester") != 0) {
        return usage_error(cli->command, "'%s' is neither home nor requester", role);
    }
    if (role != NULL && strcmp(role, "requester") == 0) {
        code.role = MEMBER_REQUESTER;
        allowance = 0;
    }
    failed = client_open(cli, &client);
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    if (failed == 0) {
        failed = pinned_community(cli, &code.community);
    }
    if (failed == 0 && status.as.status.address_count == 0) {
        failed = fail("add 'address = A.B.C.D:PORT' to the home's config file",
                      "this home has no address that others could dial");
    }
    if (failed == 0) {
        failed = signers_open(cli, NULL, 0, NULL, &signers);
    }
    if (failed == 0) {
        code.sponsor = status.as.status.certificate;
        code.transport = status.as.status.transport;
        code.owner = signers.publics[0].owner.sign;
        code.created = now_wall();
        code.expires.ms = code.created.ms + days * DURATION_DAY_MS;
        code.invite_allowance = (uint32_t)allowance;
        code.address_count = status.as.status.address_count;
        memcpy(code.addresses, status.as.status.addresses, sizeof code.addresses);
        random_bytes(code.secret, sizeof code.secret);
        enum err err = invite_code_object(&code, &body, &object);
        if (err == ERR_OK) {
            err = signed_add(&object, &signers.secrets[0]->sign, &code.owner);
        }
        if (err == ERR_OK) {
            code.signature = object.signatures[0].signature;
            err = signed_encode(&object, &bytes);
        }
        if (err == ERR_OK) {
            err = invite_code_write(&code, text);
        }
        failed = err == ERR_OK ? 0 : fail(NULL, "the invite cannot be made: %s", err_text(err));
    }
    if (failed == 0) {
        struct control_request request = {.op = CONTROL_INVITE, .blob = buffer_bytes(&bytes)};
        memcpy(request.secret, code.secret, sizeof request.secret);
        failed = client_do(client, &request, "the invite was not taken");
        secret_wipe(request.secret, sizeof request.secret);
    }
    if (failed == 0) {
        struct facts *facts = facts_start(cli, false);
        if (!cli->json && !no_qr) {
            print_qr(text);
        }
        if (cli->json) {
            facts_text(facts, "code", "code", text);
        } else {
            (void)printf("%s\n\n", text);
        }
        facts_time(facts, "expires", "good until", code.expires);
        facts_end(facts);
        if (!cli->json) {
            (void)puts("it lets one home in, whoever uses it first: send it to one person only");
        }
    }
    secret_wipe(&code, sizeof code);
    secret_wipe(text, sizeof text);
    signers_close(&signers);
    client_close(client);
    return failed;
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
    static struct control_reply reply;
    const char *name = NULL;
    const char *co_sign[OWNERS_MAX];
    size_t co_count = 0;
    struct client *client = NULL;
    struct signers signers = {0};
    struct invite_code code;
    struct member member;
    char text[CODE_MAX_BYTES];
    SCOPED(buffer_finish) struct buffer invite = {.max = BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = BODY_MAX};
    const struct cli_option options[] = {
        {.name = "--name", .value = &name},
        {.name = "--co-sign", .list = co_sign, .list_max = OWNERS_MAX - 1, .list_count = &co_count},
    };
    int failed = take_options(cli, options, COUNT_OF(options), "CODE");
    if (failed != 0) {
        return failed;
    }
    if (name != NULL && !name_good(name)) {
        return bad_name(cli->command, name);
    }
    (void)snprintf(text, sizeof text, "%s", cli->argv[1]);
    if (strcmp(text, "-") == 0) {
        if (!term_present()) {
            (void)fail("run it at a terminal", "there is nobody to ask for the code");
            return EXIT_NO_TERMINAL;
        }
        if (!term_ask("the invite, from 'stoop1:' to its end: ", text, sizeof text)) {
            return fail(NULL, "nothing was done");
        }
    }
    if (invite_code_read(text, &code) != ERR_OK || invite_code_signed(&code, &invite) != ERR_OK) {
        return fail("copy it whole, from 'stoop1:' to its end", "this is not a whole invite");
    }
    if (instant_reached(now_wall(), code.expires)) {
        return fail("ask for a new one", "the invite has expired");
    }
    failed = client_open(cli, &client);
    if (failed == 0) {
        failed = client_status(client, &reply);
    }
    if (failed == 0 && reply.as.status.has_community) {
        failed = fail(NULL, "this home belongs to '%s' already", reply.as.status.community_name);
    }
    if (failed == 0) {
        failed = check_all_owners_sign(cli, co_sign, co_count);
    }
    if (failed == 0) {
        failed = signers_open(cli, co_sign, co_count, NULL, &signers);
    }
    if (failed == 0) {
        member = (struct member){
            .head = {.community = code.community, .author = code.sponsor, .created = now_wall()},
            .role = code.role,
            .invite_allowance = code.invite_allowance,
            .invite = buffer_bytes(&invite)};
        if (member.head.created.ms < code.created.ms) { /* this clock is behind the sponsor's */
            member.head.created = code.created;
        }
        member.head.expires.ms =
            member.head.created.ms + (int64_t)CERTIFICATE_DAYS * DURATION_DAY_MS;
        (void)snprintf(member.name, sizeof member.name, "%s",
                       name == NULL ? signers.publics[0].name : name);
        failed = sign_member(cli, &reply, &signers, &member, code.secret, &bytes);
    }
    if (failed == 0) {
        failed = pin_community(cli, &signers, &code.community);
    }
    if (failed == 0) {
        struct control_request request = {.op = CONTROL_JOIN, .blob = buffer_bytes(&bytes)};
        (void)snprintf(request.text, sizeof request.text, "%s", text);
        (void)fprintf(stderr, "asking the sponsor's home, for a minute at most ...\n");
        failed = client_do(client, &request, "the home was not let in");
        secret_wipe(request.text, sizeof request.text);
    }
    if (failed == 0) {
        failed = client_status(client, &reply);
    }
    if (failed == 0) {
        if (cli->json) {
            struct facts *facts = facts_start(cli, false);
            facts_text(facts, "community", NULL, reply.as.status.community_name);
            facts_bytes(facts, "community_id", NULL, BYTES_OF(code.community.b));
            facts_number(facts, "members", NULL, reply.as.status.members);
            facts_end(facts);
        } else {
            char safe[SAFE_MAX];
            (void)printf("joined '%s', %u members\nname your cameras with 'stoop camera add'; see "
                         "what is asked with 'stoop requests'\n",
                         safe_text(reply.as.status.community_name, 60, safe),
                         reply.as.status.members);
        }
        failed = cameras_resign(cli, client, &signers, &code.community);
    }
    secret_wipe(&code, sizeof code);
    secret_wipe(text, sizeof text);
    signers_close(&signers);
    client_close(client);
    return failed;
}

/* ---- helpers ---- */

/* Fills in this home's keys and owners, signs with every owner's key and, for a joiner, the
 * invite's. The node adds its own. */
static int sign_member(const struct cli *cli, const struct control_reply *status,
                       const struct signers *signers, struct member *member,
                       const uint8_t *invite_secret, struct buffer *out) {
    struct signed_object object;
    struct pins pins;
    SCOPED(buffer_finish) struct buffer body = {.max = BODY_MAX};
    int failed = pins_load(cli, &pins);
    if (failed == 0 && pins.has_node && !sign_public_equal(&pins.node, &status->as.status.node)) {
        failed = fail("is '--home' the right folder?",
                      "the node is not the one that was pinned at init");
    }
    if (failed != 0) {
        return failed;
    }
    member->node = status->as.status.node;
    member->log = status->as.status.log;
    member->transport = status->as.status.transport;
    member->owner_count = signers->count;
    for (size_t i = 0; i < signers->count; i++) {
        member->owners[i] = signers->publics[i].owner;
        (void)snprintf(member->owner_names[i], NAME_MAX_BYTES, "%s", signers->publics[i].name);
    }
    enum err err = member_encode(member, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_MEMBER, buffer_bytes(&body), &object);
    }
    for (size_t i = 0; err == ERR_OK && i < signers->count; i++) {
        err = signed_add(&object, &signers->secrets[i]->sign, &signers->publics[i].owner.sign);
    }
    if (err == ERR_OK && invite_secret != NULL) {
        struct sign_secret secret;
        struct sign_public key;
        invite_key(invite_secret, &secret, &key);
        err = signed_add(&object, &secret, &key);
        sign_secret_wipe(&secret);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, out);
    }
    return err == ERR_OK ? 0 : fail(NULL, "the certificate cannot be made: %s", err_text(err));
}

static int check_all_owners_sign(const struct cli *cli, const char *const *co_sign,
                                 size_t co_count) {
    struct pins pins;
    bool needed[OWNERS_MAX];
    memset(needed, true, sizeof needed);
    int failed = pins_load(cli, &pins);
    return failed == 0 ? signers_cover(cli, co_sign, co_count, &pins, needed) : failed;
}

/* Before the node is told, and in every signing owner's folder: from here on each of them checks
 * requests against this community whatever the node says. */
static int pin_community(const struct cli *cli, const struct signers *signers,
                         const struct id *community) {
    struct pins pins;
    int failed = pins_load(cli, &pins);
    pins.has_community = true;
    pins.community = *community;
    for (size_t i = 0; failed == 0 && i < signers->count; i++) {
        failed = pins_save(signers->folders[i], &pins, false);
    }
    return failed;
}
