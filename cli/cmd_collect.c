/* delivered, collect: what others granted to this home (P10). Evidence can be opened without us: a
 * delivered clip is a standard age file, its request's key a standard age identity. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/clip.h"
#include "cli/custody.h"
#include "cli/delivered.h"
#include "crypto/merkle.h"
#include "proto/log_head.h"

struct collecting { /* one clip, opened and checked */
    struct client *client;
    struct delivered *from;
    struct custody custody;
    struct id manifest_id;
    struct box_secret key;
    char stem[PATH_MAX]; /* of its files' names */
    char path[PATH_MAX + 8];
    char part[PATH_MAX + 16]; /* the clip until it is whole */
    bool again;               /* it was there */
};

static int list_delivered(struct cli *cli);
static void list_one(struct facts *facts, const struct delivered *one, bool json);
static void list_places(struct facts *facts, const struct delivered *one, bool json);
static void describe(const struct delivered *one, char out[48]);
static int export_delivered(struct cli *cli);
static struct delivered *find_named(const struct deliveries *all, const char *name);
static int export_one(struct cli *cli, struct collecting *one, const char *out,
                      const char *identity);
static int write_sealed(struct collecting *one, const char *out);
static int write_identity(const struct collecting *one, const char *path);
static void say_left(const struct delivered *one);
static int load_rest(struct client *client, struct delivered *one);
static int collect_one(struct client *client, struct delivered *from,
                       const struct community_terms *community, const struct owner_secret *secret,
                       const char *folder, struct facts *facts);
static void name_files(struct collecting *one, const char *folder);
static int find_own_request(struct collecting *one, const struct community_terms *community);
static enum err check_vouch(struct collecting *one, const struct community_terms *community);
static int check_delivered(struct collecting *one, const struct community_terms *community,
                           const struct owner_secret *secret);
static int other_key(const struct checked_request *asked);
static enum err check_grant(struct collecting *one, const struct community_terms *community);
static enum err check_manifest(struct collecting *one, const struct owner_secret *secret);
static bool open_request_key(struct collecting *one, const struct owner_secret *secret);
static int write_evidence(struct collecting *one);
static int is_there(const char *path, const struct grant *grant, bool *there);
static int open_clip(struct collecting *one, const char *part);
static void ask_proofs(struct collecting *one);
static bool find_arrival(struct collecting *one, uint64_t *index, struct buffer *opening);
static bool only_about(struct bytes opening, const char *grant);
static bool ask_proof(struct collecting *one, uint64_t index, const struct note_key *key,
                      const char *about, struct custody_proof *out);
static bool proof_holds(const struct custody_proof *proof, const struct note_key *key);
static bool opens(struct bytes leaf, struct bytes opening);
static int put_on_record(const struct collecting *one, const struct custody_files *files);
static void report(const struct collecting *one, struct facts *facts);

int cmd_delivered(struct cli *cli) {
    static const struct cli_branch branches[] = {{"export", export_delivered}};
    bool named = cli->argc > 1 && cli->argv[1][0] != '-';
    return named ? run_branch(cli, branches, COUNT_OF(branches)) : list_delivered(cli);
}

static int list_delivered(struct cli *cli) {
    struct deliveries all = {0};
    struct delivered_due due;
    struct client *client = NULL;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = delivered_load(client, &all);
    }
    if (failed == 0 && all.count == 0 && !cli->json) {
        (void)puts("nothing has been delivered");
    } else if (failed == 0) {
        struct facts *facts = facts_start(cli, true);
        for (size_t i = 0; i < all.count; i++) {
            list_one(facts, &all.list[i], cli->json);
        }
        facts_end(facts);
        delivered_count_due(&all, now_wall(), &due);
        if (!cli->json) {
            delivered_remind(&due);
        }
    }
    delivered_unload(&all);
    client_close(client);
    return failed;
}

static void list_one(struct facts *facts, const struct delivered *one, bool json) {
    struct signed_object object;
    struct grant grant;
    struct member home;
    char code[REQUEST_CODE_BYTES];
    char state[48];
    char span[32];
    char path[PATH_MAX] = "";
    if (signed_decode(buffer_bytes(&one->signed_grant), &object) != ERR_OK ||
        grant_decode(object.body, &grant) != ERR_OK ||
        signed_decode(buffer_bytes(&one->member), &object) != ERR_OK ||
        member_decode(object.body, &home) != ERR_OK) {
        return;
    }
    if (one->place_count > 0) {
        place_path(&one->places[one->place_count - 1], PLACE_CLIP, path);
    }
    request_code(&one->request, code);
    describe(one, state);
    facts_item(facts);
    facts_text(facts, "code", "code", code);
    facts_bytes(facts, "grant", "grant", BYTES_OF(one->grant_id.b));
    facts_text(facts, "home", "from", home.name);
    facts_time(facts, "from", "first moment", grant.from);
    facts_time(facts, "to", NULL, grant.to);
    span_text(grant.to.ms - grant.from.ms, span);
    facts_text(facts, "span", "span", span);
    facts_number(facts, "size", "bytes", (int64_t)grant.size);
    facts_text(facts, "state", "state", state);
    facts_time(facts, "delete_by", "delete by", grant.terms.delete_by);
    facts_text(facts, "collected", NULL, path);
    facts_flag(facts, "held", one->whole);
    facts_flag(facts, "overdue", delivered_is_overdue(one, now_wall()));
    list_places(facts, one, json);
}

/* To a person, one line a place; to a program, one item a file. */
static void list_places(struct facts *facts, const struct delivered *one, bool json) {
    static const char *const words[] = {[FILE_GONE] = "gone",
                                        [FILE_THERE] = "there",
                                        [FILE_CHANGED] = "changed",
                                        [FILE_ELSEWHERE] = "elsewhere",
                                        [FILE_UNSEEN] = "unseen"};
    facts_items(facts, "files");
    for (size_t i = 0; i < one->place_count; i++) {
        const struct collected_place *place = &one->places[i];
        char path[PATH_MAX];
        char line[PATH_MAX + 64];
        for (enum place_file file = PLACE_CLIP; json && file < PLACE_FILES; file++) {
            enum file_state state = place_look(place, file);
            if (file == PLACE_PART && state == FILE_GONE) {
                continue;
            }
            place_path(place, file, path);
            facts_item(facts);
            facts_text(facts, "file", NULL, path);
            facts_text(facts, "state", NULL, words[state]);
        }
        if (!json) {
            place_path(place, PLACE_CLIP, path);
            enum file_state state = place_look(place, PLACE_CLIP);
            bool part = place_look(place, PLACE_PART) != FILE_GONE;
            const char *note = !place_left(place)        ? " (gone)"
                               : state == FILE_ELSEWHERE ? " (on that machine)"
                               : state == FILE_UNSEEN    ? " (cannot be looked at)"
                               : state != FILE_GONE      ? ""
                               : part                    ? " (gone; a part of it is there)"
                                                         : " (gone; its certificate is there)";
            (void)snprintf(line, sizeof line, "%s%s", path, note);
            facts_text(facts, NULL, "file", line);
        }
    }
    facts_items(facts, NULL);
}

static void describe(const struct delivered *one, char out[48]) {
    uint64_t size = one->payload_size > 0 ? one->payload_size : 1;
    const char *text = delivered_is_overdue(one, now_wall()) ? "overdue for deletion"
                       : one->deleted && delivered_left(one) ? "deleted here; files are left"
                       : one->deleted                        ? "deleted"
                       : one->place_count > 0                ? "collected"
                                                             : "here; 'stoop collect' opens it";
    (void)snprintf(out, 48, "%s", text);
    if (!one->whole && !one->deleted) {
        (void)snprintf(out, 48, "%d%%", (int)(one->received * 100 / size));
    }
}

static int export_delivered(struct cli *cli) {
    struct deliveries all = {0};
    static struct collecting one;
    const char *out = NULL;
    const char *identity = NULL;
    struct client *client = NULL;
    char folders[2][PATH_MAX];
    const struct cli_option options[] = {{.name = "--out", .value = &out, .needed = true},
                                         {.name = "--identity", .value = &identity}};
    int failed = take_options(cli, options, COUNT_OF(options), "CODE");
    if (failed != 0) {
        return failed;
    }
    failed = client_open(cli, &client);
    if (failed == 0) {
        folder_of(out, folders[0]);
        walls_allow(cli, folders[0]);
        folder_of(identity == NULL ? out : identity, folders[1]);
        walls_allow(cli, folders[1]);
        failed = delivered_load(client, &all);
    }
    if (failed == 0) {
        one = (struct collecting){.client = client, .from = find_named(&all, cli->argv[1])};
        failed = one.from == NULL ? EXIT_FAILED : load_rest(client, one.from);
        failed = failed == 0 ? export_one(cli, &one, out, identity) : failed;
        box_secret_wipe(&one.key);
        custody_finish(&one.custody);
    }
    delivered_unload(&all);
    client_close(client);
    return failed;
}

/* By its request's code or, where several homes answered, by the beginning of its grant. NULL after
 * printing. */
static struct delivered *find_named(const struct deliveries *all, const char *name) {
    static bool chosen[DELIVERED_MAX];
    struct delivered *named = NULL;
    size_t found = 0;
    if (delivered_choose(all, name, chosen, &found) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < all->count; i++) {
        named = chosen[i] ? &all->list[i] : named;
    }
    if (found != 1 || named == NULL) {
        (void)fail("see 'stoop delivered'; a clip's grant names it alone",
                   found == 0 ? "nothing delivered has the name '%.64s'"
                              : "several clips came for '%.64s'",
                   name);
        return NULL;
    }
    if (!named->whole) {
        (void)fail("see 'stoop delivered'", named->deleted ? "it was deleted, as its terms say"
                                                           : "it has not come whole yet");
        return NULL;
    }
    return named;
}

static int export_one(struct cli *cli, struct collecting *one, const char *out,
                      const char *identity) {
    struct owner_secret *secret = NULL;
    struct keyfile_public pub;
    static struct community_terms community;
    char until[INSTANT_TEXT_MAX];
    one->custody.signed_grant.max = one->custody.signed_home.max = SIGNED_GOSSIP_MAX;
    int failed = client_community(cli, one->client, &community);
    if (failed == 0) {
        enum err err = check_grant(one, &community);
        failed = err == ERR_OK
                     ? 0
                     : fail("nothing was written", "it does not verify: %s", err_text(err));
    }
    if (failed == 0 && identity != NULL) {
        failed = owner_open(cli, cli->owner_dir,
                            "this writes the key that opens what this request was given, in clear",
                            &secret, &pub);
    }
    if (failed == 0 && identity != NULL && !open_request_key(one, secret)) {
        failed = fail("nothing was written", "your key does not open this request's key");
    }
    secret_destroy(secret);
    if (failed == 0) {
        failed = write_sealed(one, out);
    }
    if (failed == 0 && identity != NULL) {
        failed = write_identity(one, identity);
    }
    if (failed == 0 && cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_bytes(facts, "grant", NULL, BYTES_OF(one->from->grant_id.b));
        facts_text(facts, "file", NULL, out);
        facts_text(facts, "identity", NULL, identity == NULL ? "" : identity);
        facts_time(facts, "delete_by", NULL, one->custody.grant.terms.delete_by);
        facts_end(facts);
    } else if (failed == 0) {
        instant_local(one->custody.grant.terms.delete_by, until);
        (void)printf("%s is a standard age file, sealed to this request's key\n", out);
        if (identity != NULL) {
            (void)printf("%s is that key, in clear: with it anybody opens the clip\n", identity);
        }
        (void)printf("delete %s by %s: you agreed to\n",
                     identity == NULL ? "what you exported" : "both", until);
    }
    return failed;
}

static int write_sealed(struct collecting *one, const char *out) {
    const struct grant *grant = &one->custody.grant;
    const struct clip_from source = {.op = CONTROL_DELIVERED_DATA, .id = one->from->grant_id};
    const struct clip_claim claim = {.payload_size = grant->payload_size,
                                     .payload_root = grant->payload_root,
                                     .size = grant->size};
    struct bytes header = buffer_bytes(&one->from->header);
    char part[PATH_MAX + 8];
    term_guard(); /* so that no half of it stays behind */
    FILE *file = part_open(out, part);
    if (file == NULL) {
        return fail(NULL, "cannot write '%s': %s", out, strerror(errno));
    }
    int failed = fwrite(header.at, 1, header.len, file) == header.len
                     ? clip_read(one->client, &source, &claim, NULL, "exporting", file)
                     : fail("is the disk full?", "cannot write '%s'", out);
    if (fclose(file) != 0 && failed == 0) {
        failed = fail("is the disk full?", "cannot write '%s'", out);
    }
    return part_end(out, part, failed);
}

static int write_identity(const struct collecting *one, const char *path) {
    struct box_public pub;
    char text[2 * AGE_TEXT_MAX + 64];
    char secret[AGE_TEXT_MAX];
    char recipient[AGE_TEXT_MAX];
    box_public_of(&one->key, &pub);
    age_recipient_text(&pub, recipient);
    age_identity_text(&one->key, secret);
    (void)snprintf(text, sizeof text, "# public key: %s\n%s\n", recipient, secret);
    int failed = file_write(path, BYTES_TEXT(text), 0600, true);
    secret_wipe(text, sizeof text);
    secret_wipe(secret, sizeof secret);
    return failed;
}

int cmd_collect(struct cli *cli) {
    struct deliveries all = {0};
    const char *folder = NULL;
    struct client *client = NULL;
    struct owner_secret *secret = NULL;
    struct keyfile_public pub;
    static struct community_terms community;
    static bool chosen[DELIVERED_MAX];
    struct facts *facts = NULL;
    size_t found = 0;
    size_t done = 0;
    size_t left = 0;
    const struct cli_option options[] = {{.name = "--to", .value = &folder}};
    int failed = take_options(cli, options, COUNT_OF(options), "[CODE]");
    folder = folder == NULL ? "." : folder;
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_community(cli, client, &community);
    }
    if (failed == 0) {
        failed = folder_make(folder, 0700);
    }
    if (failed == 0) {
        walls_allow(cli, folder);
        failed = delivered_load(client, &all);
        facts = facts_start(cli, true);
        term_guard(); /* so that nothing half-written stays behind */
    }
    if (failed == 0 && cli->argc > 1) {
        failed = delivered_choose(&all, cli->argv[1], chosen, &found);
    }
    for (size_t i = 0; failed == 0 && i < all.count; i++) {
        if (!all.list[i].whole || (cli->argc > 1 && !chosen[i])) {
            continue;
        }
        if (secret == NULL) {
            failed = owner_open(cli, cli->owner_dir, NULL, &secret, &pub);
        }
        if (failed == 0) {
            failed = collect_one(client, &all.list[i], &community, secret, folder,
                                 cli->json ? facts : NULL);
            done += failed == 0 ? 1 : 0;
        }
        if (failed == EXIT_FAILED && secret != NULL && !term_stopped()) {
            say_left(&all.list[i]); /* what one home sent keeps nobody from the others' */
            left++;
            failed = 0;
        }
    }
    if (failed == 0 && left > 0) {
        failed = fail("by its grant, as 'stoop delivered' lists it, one can be named alone",
                      "%zu of %zu clips could not be collected", left, left + done);
    }
    if (cli->json && (failed == 0 || done > 0)) {
        facts_end(facts);
    } else if (failed == 0 && done == 0) {
        (void)puts("nothing to collect; see 'stoop delivered'");
    }
    secret_destroy(secret);
    delivered_unload(&all);
    client_close(client);
    return failed;
}

static void say_left(const struct delivered *one) {
    char code[REQUEST_CODE_BYTES];
    char grant[2 * sizeof one->grant_id + 1];
    char text[96];
    request_code(&one->request, code);
    hex_write(BYTES_OF(one->grant_id.b), grant);
    (void)snprintf(text, sizeof text, "%s, the clip of grant %.8s: not collected", code, grant);
    term_note("LEFT", TERM_LABEL_COLUMNS, text);
}

/* What is too large for the list of all. */
static int load_rest(struct client *client, struct delivered *one) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_DELIVERED_ONE, .id = one->grant_id};
    int failed = client_one(client, &ask, CONTROL_GOT_DELIVERED, &reply);
    one->header.max = HEADER_MAX;
    one->manifest.max = SEALED_MANIFEST_MAX;
    one->vouch.max = CONTROL_VOUCH_BYTES;
    if (failed == 0 && (buffer_append(&one->vouch, reply.as.delivered.vouch) != ERR_OK ||
                        buffer_append(&one->header, reply.as.delivered.header) != ERR_OK ||
                        buffer_append(&one->manifest, reply.as.delivered.manifest) != ERR_OK)) {
        failed = fail(NULL, "out of memory");
    }
    return failed;
}

static int collect_one(struct client *client, struct delivered *from,
                       const struct community_terms *community, const struct owner_secret *secret,
                       const char *folder, struct facts *facts) {
    static struct collecting one;
    one = (struct collecting){.client = client, .from = from};
    name_files(&one, folder);
    struct custody *custody = &one.custody;
    custody->signed_request.max = custody->signed_grant.max = SIGNED_GOSSIP_MAX;
    custody->signed_home.max = SIGNED_GOSSIP_MAX;
    custody->signed_manifest.max = SEALED_MANIFEST_MAX;
    custody->manifest = calloc(1, sizeof *custody->manifest);
    int failed = custody->manifest == NULL ? fail(NULL, "out of memory") : load_rest(client, from);
    if (failed == 0) {
        failed = find_own_request(&one, community);
    }
    if (failed == 0) {
        failed = check_delivered(&one, community, secret);
    }
    if (failed == 0) {
        failed = write_evidence(&one);
    }
    if (failed != 0) {
        (void)unlink(one.part);
    }
    if (failed == 0) {
        report(&one, facts);
    }
    box_secret_wipe(&one.key);
    custody_finish(custody);
    return failed;
}

static void name_files(struct collecting *one, const char *folder) {
    char code[REQUEST_CODE_BYTES];
    char hex[9];
    request_code(&one->from->request, code);
    hex_write((struct bytes){one->from->grant_id.b, 4}, hex);
    (void)snprintf(one->stem, sizeof one->stem, "%.*s/stoop-%s-%s", PATH_MAX - 32, folder, code,
                   hex);
    (void)snprintf(one->path, sizeof one->path, "%s.mp4", one->stem);
    (void)snprintf(one->part, sizeof one->part, "%s.part", one->path);
}

static int find_own_request(struct collecting *one, const struct community_terms *community) {
    static struct control_reply reply;
    static struct checked_request checked;
    struct client_list list = {0};
    struct custody *custody = &one->custody;
    bool found = false;
    int failed = 0;
    while (client_each_part(one->client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        if (!found && check_request(&reply, community, now_wall(), &checked) == ERR_OK &&
            id_equal(&checked.id, &one->from->request)) {
            custody->asked = checked;
            found = buffer_append(&custody->signed_request, reply.as.request.request) == ERR_OK;
        }
    }
    return failed != 0 || found ? failed : fail(NULL, "the request of this clip is not here");
}

static int check_delivered(struct collecting *one, const struct community_terms *community,
                           const struct owner_secret *secret) {
    enum err err = check_grant(one, community);
    if (err == ERR_OK) {
        err = check_manifest(one, secret);
    }
    return err == ERR_OK               ? 0
           : err == ERR_USER_WRONG_KEY ? other_key(&one->custody.asked)
                                       : fail("nothing was written", "%s: it does not verify: %s",
                                              one->custody.asked.code, err_text(err));
}

/* Of an outsider's officers each has a key of their own. */
static int other_key(const struct checked_request *asked) {
    char safe[SAFE_MAX];
    return fail("name the folder of that key with '--owner-dir'; nothing was written",
                "%s: your key does not open it, that of '%s' does, who asked", asked->code,
                safe_text(asked->author.role == MEMBER_OFFICER ? asked->author.name
                                                               : asked->author.owner_names[0],
                          60, safe));
}

/* Everything again, from signed bytes: who granted, and that they were members who could. */
static enum err check_grant(struct collecting *one, const struct community_terms *community) {
    struct custody *custody = &one->custody;
    struct signed_object object;
    struct signed_object home;
    enum err err = signed_decode(buffer_bytes(&one->from->signed_grant), &object);
    if (err == ERR_OK) {
        err = grant_decode(object.body, &custody->grant);
    }
    if (err == ERR_OK) {
        err = grant_verify(&object, &custody->grant);
    }
    if (err == ERR_OK && one->from->vouch.len > 0) {
        err = check_vouch(one, community);
    } else if (err == ERR_OK) {
        err = client_chain(one->client, community, &custody->grant.home, custody->grant.created,
                           &custody->home);
    }
    for (size_t i = 0; err == ERR_OK && i < custody->grant.owner_count; i++) {
        bool known = false;
        for (size_t k = 0; k < custody->home.owner_count; k++) {
            known |= sign_public_equal(&custody->grant.owners[i], &custody->home.owners[k].sign);
        }
        err = known ? ERR_OK : ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK) {
        err = signed_decode(buffer_bytes(&one->from->member), &home);
    }
    if (err == ERR_OK && !id_equal(&home.id, &custody->grant.home)) {
        err = ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK) {
        err = buffer_append(&custody->signed_grant, buffer_bytes(&one->from->signed_grant));
    }
    return err == ERR_OK ? buffer_append(&custody->signed_home, buffer_bytes(&one->from->member))
                         : err;
}

/* Of a home of another community: by its roll of the time it was a member there. */
static enum err check_vouch(struct collecting *one, const struct community_terms *community) {
    static struct link_message vouch; /* large */
    struct signed_object object;
    struct far_member home;
    struct roll roll;
    struct custody *custody = &one->custody;
    enum err err = link_decode(LINK_VOUCH, buffer_bytes(&one->from->vouch), &vouch);
    if (err == ERR_OK) {
        err = signed_decode(vouch.as.vouch.membership.roll, &object);
    }
    if (err == ERR_OK) {
        err = roll_decode(object.body, &roll);
    }
    if (err != ERR_OK) {
        return err;
    }
    const struct governance *governance = &community->governance;
    const struct agreed *agreed =
        governance_treaty(governance, &vouch.as.vouch.treaty, custody->asked.request.head.created);
    if (agreed == NULL) {
        return ERR_DENY_TREATY;
    }
    const struct treaty_side *far = treaty_far_side(&agreed->treaty, &governance->community);
    bool later = roll.head.created.ms > custody->grant.created.ms;
    err = membership_verify(far, &vouch.as.vouch.membership,
                            later ? roll.head.created : custody->grant.created, &home);
    if (err == ERR_OK && !id_equal(&home.certificate, &custody->grant.home)) {
        err = ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK) {
        custody->home = home.member;
        (void)snprintf(custody->home_of, sizeof custody->home_of, "%s", far->name);
    }
    return err;
}

/* What was granted, to which key. The manifest is bound by its id, which every owner signed. */
static enum err check_manifest(struct collecting *one, const struct owner_secret *secret) {
    struct custody *custody = &one->custody;
    struct signed_object object;
    if (!open_request_key(one, secret)) {
        return ERR_USER_WRONG_KEY;
    }
    enum err err =
        age_open_small(&one->key, buffer_bytes(&one->from->manifest), &custody->signed_manifest)
            ? signed_decode(buffer_bytes(&custody->signed_manifest), &object)
            : ERR_USER_WRONG_KEY;
    if (err == ERR_OK) {
        one->manifest_id = object.id;
        err = manifest_decode(object.body, custody->manifest);
    }
    return err == ERR_OK ? grant_agrees(&custody->grant, &one->manifest_id, custody->manifest,
                                        &custody->asked.id, &custody->asked.request)
                         : err;
}

static bool open_request_key(struct collecting *one, const struct owner_secret *secret) {
    SCOPED(buffer_finish) struct buffer key = {.max = 1024};
    bool good = age_open_small(&secret->box, buffer_bytes(&one->from->sealed_key), &key) &&
                key.len == sizeof one->key.b;
    if (good) {
        memcpy(one->key.b, key.at, sizeof one->key.b);
    }
    if (key.at != NULL) {
        secret_wipe(key.at, key.len);
    }
    return good;
}

/* On record before anything of it can be read by its name, so that no file is there which the node
 * does not know of; the clip's name comes last: whoever sees it sees its certificate beside it. */
static int write_evidence(struct collecting *one) {
    bool there = false;
    SCOPED(custody_files_finish) struct custody_files files = {0};
    int failed = is_there(one->path, &one->custody.grant, &there);
    one->again = there;
    if (failed == 0) {
        ask_proofs(one);
        failed = custody_make(&one->custody, one->stem, &files);
    }
    if (failed == 0) {
        failed = put_on_record(one, &files);
    }
    if (failed == 0 && !there) {
        failed = open_clip(one, one->part);
    }
    if (failed == 0) {
        failed = custody_write(&files, one->stem);
    }
    if (failed == 0 && !there && rename(one->part, one->path) != 0) {
        failed = fail("is the disk full?", "cannot write '%s': %s", one->path, strerror(errno));
    }
    return failed;
}

/* A clip that was collected before is left alone; anything else in its place is not touched. */
static int is_there(const char *path, const struct grant *grant, bool *there) {
    static uint8_t block[PIECE_MAX];
    struct id hash = {{0}};
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT ? 0 : fail(NULL, "cannot read '%s': %s", path, strerror(errno));
    }
    struct sha256_state *state = sha256_create();
    size_t got = 0;
    while (state != NULL && (got = fread(block, 1, sizeof block, file)) > 0) {
        sha256_update(state, (struct bytes){block, got});
    }
    if (state != NULL) {
        sha256_final(state, &hash);
    }
    sha256_destroy(state);
    (void)fclose(file);
    *there = id_equal(&hash, &grant->sha256);
    return *there ? 0
                  : fail("move it away, or name another folder with '--to'",
                         "'%s' is there already and is not this clip", path);
}

static int open_clip(struct collecting *one, const char *part) {
    SCOPED(age_file_key_wipe) struct age_file_key key = {{0}};
    const struct grant *grant = &one->custody.grant;
    if (!age_header_open(buffer_bytes(&one->from->header), &one->key, &key)) {
        return fail("nothing was written", "the header does not open");
    }
    (void)unlink(part); /* a file that somebody opened before would be theirs to read */
    int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w+e");
    if (file == NULL) {
        return fail(NULL, "cannot write '%s': %s", part, strerror(errno));
    }
    const struct clip_from source = {.op = CONTROL_DELIVERED_DATA, .id = one->from->grant_id};
    const struct clip_claim claim = {.payload_size = grant->payload_size,
                                     .payload_root = grant->payload_root,
                                     .size = grant->size,
                                     .sha256 = grant->sha256};
    int failed = clip_read(one->client, &source, &claim, &key, "opening", file);
    bool closed = fflush(file) == 0 && fsync(fileno(file)) == 0;
    closed = fclose(file) == 0 && closed;
    if (failed == 0 && !closed) {
        failed = fail("is the disk full?", "cannot write '%s': %s", part, strerror(errno));
    }
    return failed;
}

/* Of our own log: that the request was on record before anybody served it, and that the clip came.
 * A proof that cannot be had is left out; the certificate says so. */
static void ask_proofs(struct collecting *one) {
    static struct control_reply status;
    struct custody *custody = &one->custody;
    struct note_key key;
    uint64_t index = 0;
    SCOPED(buffer_finish) struct buffer opening = {.max = CONTROL_FRAME_MAX};
    static_assert(sizeof custody->log_key >= NOTE_KEY_MAX, "a key fits");
    if (client_status(one->client, &status) != 0) {
        return;
    }
    log_verifier(&status.as.status.log, &key); /* the node's word is not taken for its name */
    note_key_write(&key, custody->log_key);
    char hex[65];
    hex_write(BYTES_OF(custody->asked.id.b), hex);
    if (!ask_proof(one, custody->asked.log_index, &key, hex, &custody->proofs[0])) {
        return;
    }
    custody->proof_count = 1;
    if (find_arrival(one, &index, &opening) &&
        ask_proof(one, index, &key, "slot ", &custody->proofs[1]) &&
        opens(buffer_bytes(&custody->proofs[1].leaf), buffer_bytes(&opening))) {
        custody->proof_count = 2;
        hex_write(BYTES_OF(one->from->grant_id.b), hex);
        custody->proofs[1].opening.max = CONTROL_FRAME_MAX;
        if (only_about(buffer_bytes(&opening), hex) &&
            buffer_append(&custody->proofs[1].opening, buffer_bytes(&opening)) != ERR_OK) {
            custody->proof_count = 1;
        }
    }
}

/* The slot whose entries say that this grant was received. */
static bool find_arrival(struct collecting *one, uint64_t *index, struct buffer *opening) {
    static struct control_reply reply;
    char hex[65];
    uint64_t next = one->custody.asked.log_index;
    bool more = true;
    bool found = false;
    hex_write(BYTES_OF(one->from->grant_id.b), hex);
    while (more && !found) {
        const struct control_request ask = {.op = CONTROL_LOG, .offset = next};
        more = false;
        int failed = client_ask(one->client, &ask);
        while (client_each(one->client, CONTROL_GOT_LEAF, &reply, &failed)) {
            struct bytes private = reply.as.leaf.opening;
            more |= reply.as.leaf.index >= next; /* a node that goes back would never end */
            next = reply.as.leaf.index + 1;
            if (!found && private.len > 32 &&
                memmem(private.at, private.len, "received ", 9) != NULL &&
                memmem(private.at, private.len, hex, 64) != NULL) {
                *index = reply.as.leaf.index;
                found = buffer_append(opening, private) == ERR_OK;
            }
        }
    }
    return found;
}

/* An opening tells all of its slot: it is given away only where that is this grant's. */
static bool only_about(struct bytes opening, const char *grant) {
    struct bytes rest = {opening.at + 32, opening.len - 32};
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.at, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.at) + 1;
        if (memmem(rest.at, len, grant, strlen(grant)) == NULL) {
            return false;
        }
        rest = (struct bytes){rest.at + len, rest.len - len};
    }
    return true;
}

/* `about`: what the entry has to say. */
static bool ask_proof(struct collecting *one, uint64_t index, const struct note_key *key,
                      const char *about, struct custody_proof *out) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_LOG_PROOF, .offset = index};
    if (client_one(one->client, &ask, CONTROL_GOT_PROOF, &reply) != 0) {
        return false;
    }
    out->index = reply.as.proof.index;
    out->size = reply.as.proof.size;
    out->count = reply.as.proof.count;
    memcpy(out->hashes, reply.as.proof.hashes, sizeof out->hashes);
    out->leaf.max = out->checkpoint.max = 64 * 1024;
    return buffer_append(&out->leaf, reply.as.proof.leaf) == ERR_OK &&
           buffer_append(&out->checkpoint, reply.as.proof.checkpoint) == ERR_OK &&
           out->index == index &&
           memmem(out->leaf.at, out->leaf.len, about, strlen(about)) != NULL &&
           proof_holds(out, key);
}

/* A certificate whose own check script fails would be worse than one with a proof less. */
static bool proof_holds(const struct custody_proof *proof, const struct note_key *key) {
    struct checkpoint checkpoint;
    struct merkle_proof path = {.count = proof->count};
    struct id leaf;
    if (proof->count > COUNT_OF(path.hashes) ||
        checkpoint_verify(buffer_bytes(&proof->checkpoint), key, &checkpoint) != ERR_OK) {
        return false;
    }
    memcpy(path.hashes, proof->hashes, proof->count * sizeof path.hashes[0]);
    merkle_leaf(buffer_bytes(&proof->leaf), &leaf);
    return proof->size == checkpoint.size &&
           merkle_verify_inclusion(&leaf, proof->index, proof->size, &path, &checkpoint.root);
}

/* Is this what the slot's leaf commits to? PROTOCOL 8.2 */
static bool opens(struct bytes leaf, struct bytes opening) {
    static const char label[] = "stoop slot v1";
    uint8_t message[sizeof label - 1 + 32 + 32];
    struct id list;
    struct id commitment;
    char hex[65];
    if (opening.len < 32 || leaf.len < 64) {
        return false;
    }
    sha256((struct bytes){opening.at + 32, opening.len - 32}, &list);
    memcpy(message, label, sizeof label - 1);
    memcpy(message + sizeof label - 1, opening.at, 32);
    memcpy(message + sizeof label - 1 + 32, list.b, 32);
    sha256(BYTES_OF(message), &commitment);
    hex_write(BYTES_OF(commitment.b), hex);
    return memcmp(leaf.at + leaf.len - 64, hex, 64) == 0;
}

static int put_on_record(const struct collecting *one, const struct custody_files *files) {
    uint8_t hashes[2 * sizeof(struct id)];
    struct control_request request = {
        .op = CONTROL_COLLECTED, .id = one->from->grant_id, .blob = BYTES_OF(hashes)};
    memcpy(hashes, files->text_sha256.b, sizeof files->text_sha256.b);
    memcpy(hashes + sizeof files->text_sha256.b, files->json_sha256.b, sizeof files->json_sha256.b);
    int failed = place_name(one->stem, request.text);
    return failed == 0 ? client_do(one->client, &request, "it cannot be put on record") : failed;
}

static void report(const struct collecting *one, struct facts *facts) {
    const struct grant *grant = &one->custody.grant;
    char path[PATH_MAX + 8];
    char text[TIME_TEXT_MAX];
    char line[TIME_TEXT_MAX + 192];
    if (facts != NULL) {
        facts_item(facts);
        facts_text(facts, "code", NULL, one->custody.asked.code);
        facts_text(facts, "file", NULL, one->path);
        (void)snprintf(path, sizeof path, "%s.json", one->stem);
        facts_text(facts, "certificate", NULL, path);
        facts_bytes(facts, "sha256", NULL, BYTES_OF(grant->sha256.b));
        facts_time(facts, "delete_by", NULL, grant->terms.delete_by);
        return;
    }
    time_text(grant->terms.delete_by, text);
    if (one->again) {
        term_text("the clip was there already, and is left as it is; its certificate is new");
    }
    (void)printf("%s\n%s.txt\n%s.json\n", one->path, one->stem, one->stem);
    (void)snprintf(line, sizeof line,
                   "the last two say where it comes from; delete all three by %s: you agreed to. "
                   "'stoop delete %s' does, as long as they are where they are now",
                   text, one->custody.asked.code);
    term_text(line);
}
