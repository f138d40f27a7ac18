/* community: founding one, exporting what decides who belongs to it. */
#include <string.h>

#include "cli/entry.h"
#include "cli/siblings.h"

enum {
    ALLOWANCE = 8,
    ALLOWANCE_MAX = 64, /* of the schema */
    SLOT_S = 60,
    WITNESSES = 2, /* cosignatures wanted on each log */
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
    SCOPED(buffer_finish) struct buffer charter_bytes = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer member_bytes = {.max = SIGNED_GOSSIP_MAX};
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
        failed = entry_sign(&entry, NULL, &member_bytes);
    }
    if (failed == 0) {
        failed = entry_pin(cli, &entry, &community);
    }
    if (failed == 0) {
        const struct control_request request = {.op = CONTROL_FOUND,
                                                .blob = buffer_bytes(&charter_bytes),
                                                .blob2 = buffer_bytes(&member_bytes)};
        failed = client_do_told(entry.client, &request, "the community was not founded",
                                (struct told_list){1, &entry_belongs});
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
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
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
