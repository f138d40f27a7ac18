/* delivered, collect: what others granted to this home (P10). */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/clip.h"

enum {
    DELIVERED_MAX = 64,
    FILE_STEM_MAX = 48
};

struct delivered { /* copied out of an answer */
    struct id grant_id, request;
    struct buffer signed_grant, member, sealed_key, header, manifest;
    uint64_t received, payload_size;
    struct instant completed;
    char collected[256];
};

struct custody { /* one clip, opened and checked */
    struct delivered *from;
    struct grant grant;
    struct member home;
    struct checked_request asked;
    struct manifest *manifest;
    struct id manifest_id;
    struct box_secret key;
    struct control_reply proof;
    struct buffer proof_leaf, checkpoint;
};

static int load(struct client *client, struct delivered *list, size_t *count);
static void unload(struct delivered *list, size_t count);
static int collect_one(struct client *client, struct delivered *from, const struct id *community,
                       const struct owner_secret *secret, const char *folder);
static int find_own_request(struct client *client, const struct id *community, const struct id *id,
                            struct checked_request *out);
static enum err check_grant(struct client *client, const struct id *community,
                            struct custody *custody);
static enum err check_manifest(struct custody *custody, const struct owner_secret *secret);
static int write_clip(struct client *client, struct custody *custody, const char *path);
static void ask_proof(struct client *client, struct custody *custody);
static int write_certificates(struct custody *custody, const char *stem_path);
static json_t *certificate(struct custody *custody);
static void add_text(json_t *object, const char *key, const char *value);
static void add_hex(json_t *object, const char *key, struct bytes value);
static void add_time(json_t *object, const char *key, struct instant at);
static void add_base64(json_t *object, const char *key, struct bytes value);

int cmd_delivered(struct cli *cli) {
    static struct delivered list[DELIVERED_MAX];
    struct client *client = NULL;
    size_t count = 0;
    int failed = take_options(cli, NULL, 0, 0, 0);
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = load(client, list, &count);
    }
    if (failed == 0 && count == 0 && !cli->json) {
        (void)puts("nothing has been delivered");
    } else if (failed == 0) {
        struct facts *facts = facts_start(cli, true);
        for (size_t i = 0; i < count; i++) {
            struct signed_object object;
            struct grant grant;
            struct member home;
            char code[REQUEST_CODE_BYTES];
            char percent[16];
            if (signed_decode(buffer_bytes(&list[i].signed_grant), &object) != ERR_OK ||
                grant_decode(object.body, &grant) != ERR_OK ||
                signed_decode(buffer_bytes(&list[i].member), &object) != ERR_OK ||
                member_decode(object.body, &home) != ERR_OK) {
                continue;
            }
            request_code(&list[i].request, code);
            (void)snprintf(percent, sizeof percent, "%d%%",
                           (int)(list[i].received * 100 / list[i].payload_size));
            facts_item(facts);
            facts_text(facts, "code", "code", code);
            facts_bytes(facts, "grant", "grant", BYTES_OF(list[i].grant_id.b));
            facts_text(facts, "home", "from", home.name);
            facts_time(facts, "from", "first moment", grant.from);
            facts_time(facts, "to", "last moment", grant.to);
            facts_number(facts, "size", "bytes", (int64_t)grant.size);
            facts_text(facts, "state", "state",
                       list[i].collected[0] != '\0' ? "collected"
                       : list[i].completed.ms > 0   ? "here; 'stoop collect' opens it"
                                                    : percent);
            facts_text(facts, "collected", list[i].collected[0] == '\0' ? NULL : "file",
                       list[i].collected);
            facts_time(facts, "delete_by", "delete by", grant.terms.delete_by);
        }
        facts_end(facts);
    }
    unload(list, count);
    client_close(client);
    return failed;
}

int cmd_collect(struct cli *cli) {
    static struct delivered list[DELIVERED_MAX];
    const char *folder = NULL;
    struct client *client = NULL;
    struct owner_secret *secret = NULL;
    struct keyfile_public pub;
    struct id community;
    size_t count = 0;
    size_t done = 0;
    const struct cli_option options[] = {{.name = "--to", .value = &folder}};
    int failed = take_options(cli, options, COUNT_OF(options), 0, 1);
    folder = folder == NULL ? "." : folder;
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = pinned_community(cli, &community);
    }
    if (failed == 0) {
        failed = folder_make(folder, 0700);
    }
    if (failed == 0) {
        walls_allow(cli, folder);
        failed = load(client, list, &count);
    }
    for (size_t i = 0; failed == 0 && i < count; i++) {
        char code[REQUEST_CODE_BYTES];
        request_code(&list[i].request, code);
        if (list[i].completed.ms == 0 || list[i].header.len == 0 ||
            (cli->argc > 1 && strcasecmp(cli->argv[1], code) != 0)) {
            continue;
        }
        if (secret == NULL) {
            failed = owner_open(cli, cli->owner_dir, NULL, &secret, &pub);
        }
        if (failed == 0) {
            failed = collect_one(client, &list[i], &community, secret, folder);
            done += failed == 0 ? 1 : 0;
        }
    }
    if (failed == 0 && done == 0) {
        (void)puts("nothing to collect; see 'stoop delivered'");
    }
    secret_destroy(secret);
    unload(list, count);
    client_close(client);
    return failed;
}

static int load(struct client *client, struct delivered *list, size_t *count) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_DELIVERED};
    int failed = client_ask(client, &ask);
    while (failed == 0) {
        if (!client_next(client, &reply)) {
            return client_gone();
        }
        if (reply.kind == CONTROL_DONE) {
            return reply.err == ERR_OK ? 0 : fail(NULL, "%s", err_text(reply.err));
        }
        if (*count == DELIVERED_MAX) {
            continue;
        }
        struct delivered *one = &list[(*count)++];
        *one = (struct delivered){.grant_id = reply.as.delivered.grant,
                                  .request = reply.as.delivered.request,
                                  .received = reply.as.delivered.received,
                                  .payload_size = reply.as.delivered.payload_size,
                                  .completed = reply.as.delivered.completed};
        memcpy(one->collected, reply.as.delivered.collected, sizeof one->collected);
        struct buffer *const parts[] = {&one->signed_grant, &one->member, &one->sealed_key,
                                        &one->header, &one->manifest};
        const struct bytes from[] = {reply.as.delivered.signed_grant, reply.as.delivered.member,
                                     reply.as.delivered.sealed_key, reply.as.delivered.header,
                                     reply.as.delivered.manifest};
        for (size_t i = 0; i < COUNT_OF(parts); i++) {
            buffer_init(parts[i], SEALED_MANIFEST_MAX);
            if (buffer_append(parts[i], from[i]) != ERR_OK) {
                return fail(NULL, "out of memory");
            }
        }
    }
    return failed;
}

static void unload(struct delivered *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buffer_finish(&list[i].signed_grant);
        buffer_finish(&list[i].member);
        buffer_finish(&list[i].sealed_key);
        buffer_finish(&list[i].header);
        buffer_finish(&list[i].manifest);
    }
}

static int collect_one(struct client *client, struct delivered *from, const struct id *community,
                       const struct owner_secret *secret, const char *folder) {
    static struct custody custody;
    char stem[PATH_MAX];
    char path[PATH_MAX];
    char code[REQUEST_CODE_BYTES];
    char hex[9];
    struct stat info;
    custody = (struct custody){
        .from = from, .proof_leaf = {.max = 64 * 1024}, .checkpoint = {.max = 4096}};
    custody.manifest = calloc(1, sizeof *custody.manifest);
    request_code(&from->request, code);
    hex_write((struct bytes){from->grant_id.b, 4}, hex);
    (void)snprintf(stem, sizeof stem, "%s/stoop-%s-%s", folder, code, hex);
    (void)snprintf(path, sizeof path, "%s.mp4", stem);
    int failed = custody.manifest == NULL
                     ? fail(NULL, "out of memory")
                     : find_own_request(client, community, &from->request, &custody.asked);
    if (failed == 0) {
        enum err err = check_grant(client, community, &custody);
        if (err == ERR_OK) {
            err = check_manifest(&custody, secret);
        }
        failed = err == ERR_OK ? 0
                               : fail("nothing was written", "%s: it does not verify: %s", code,
                                      err_text(err));
    }
    if (failed == 0 && stat(path, &info) == 0 && (uint64_t)info.st_size == custody.grant.size) {
        (void)printf("%s is there already\n", path);
    } else if (failed == 0) {
        failed = write_clip(client, &custody, path);
    }
    if (failed == 0) {
        ask_proof(client, &custody);
        failed = write_certificates(&custody, stem);
    }
    if (failed == 0) {
        struct control_request request = {.op = CONTROL_COLLECTED, .id = from->grant_id};
        (void)snprintf(request.text, sizeof request.text, "%.250s", path);
        failed = client_do(client, &request, "it was not put on record");
    }
    if (failed == 0) {
        char until[INSTANT_TEXT_MAX];
        instant_local(custody.grant.terms.delete_by, until);
        (void)printf(
            "%s\n%s.txt and .json say where it comes from\ndelete both by %s: you agreed to\n",
            path, stem, until);
    }
    box_secret_wipe(&custody.key);
    buffer_finish(&custody.proof_leaf);
    buffer_finish(&custody.checkpoint);
    free(custody.manifest);
    return failed;
}

static int find_own_request(struct client *client, const struct id *community, const struct id *id,
                            struct checked_request *out) {
    static struct control_reply reply;
    static struct checked_request checked;
    const struct control_request ask = {.op = CONTROL_REQUESTS};
    bool found = false;
    int failed = client_ask(client, &ask);
    while (failed == 0) {
        if (!client_next(client, &reply)) {
            return client_gone();
        }
        if (reply.kind == CONTROL_DONE) {
            break;
        }
        if (check_request(&reply, community, now_wall(), &checked) == ERR_OK &&
            id_equal(&checked.id, id)) {
            *out = checked;
            found = true;
        }
    }
    return failed != 0 || found ? failed : fail(NULL, "the request of this clip is not here");
}

/* Everything again, from signed bytes: who granted, and that they were members who could. */
static enum err check_grant(struct client *client, const struct id *community,
                            struct custody *custody) {
    struct signed_object object;
    enum err err = signed_decode(buffer_bytes(&custody->from->signed_grant), &object);
    if (err == ERR_OK) {
        err = grant_decode(object.body, &custody->grant);
    }
    if (err == ERR_OK) {
        err = grant_verify(&object, &custody->grant);
    }
    if (err == ERR_OK) {
        err = client_chain(client, community, &custody->grant.home, custody->grant.created,
                           &custody->home);
    }
    for (size_t i = 0; err == ERR_OK && i < custody->grant.owner_count; i++) {
        bool known = false;
        for (size_t k = 0; k < custody->home.owner_count; k++) {
            known |= sign_public_equal(&custody->grant.owners[i], &custody->home.owners[k].sign);
        }
        err = known ? ERR_OK : ERR_PEER_CERTIFICATE;
    }
    return err;
}

/* What was granted, to which key. The manifest is bound by its id, which every owner signed. */
static enum err check_manifest(struct custody *custody, const struct owner_secret *secret) {
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer key = {.max = 1024};
    SCOPED(buffer_finish) struct buffer manifest = {.max = SEALED_MANIFEST_MAX};
    if (!age_open_small(&secret->box, buffer_bytes(&custody->from->sealed_key), &key) ||
        key.len != sizeof custody->key.b) {
        return ERR_USER_WRONG_KEY;
    }
    memcpy(custody->key.b, key.at, sizeof custody->key.b);
    secret_wipe(key.at, key.len);
    enum err err = age_open_small(&custody->key, buffer_bytes(&custody->from->manifest), &manifest)
                       ? signed_decode(buffer_bytes(&manifest), &object)
                       : ERR_USER_WRONG_KEY;
    if (err == ERR_OK) {
        custody->manifest_id = object.id;
        err = manifest_decode(object.body, custody->manifest);
    }
    return err == ERR_OK ? grant_agrees(&custody->grant, &custody->manifest_id, custody->manifest,
                                        &custody->asked.id, &custody->asked.request)
                         : err;
}

static int write_clip(struct client *client, struct custody *custody, const char *path) {
    char temporary[PATH_MAX + 8];
    SCOPED(age_file_key_wipe) struct age_file_key key = {{0}};
    if (!age_header_open(buffer_bytes(&custody->from->header), &custody->key, &key)) {
        return fail("nothing was written", "the header does not open");
    }
    (void)snprintf(temporary, sizeof temporary, "%s.part", path);
    int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w+e");
    if (file == NULL) {
        return fail(NULL, "cannot write '%s': %s", temporary, strerror(errno));
    }
    const struct clip_from source = {.op = CONTROL_DELIVERED_DATA, .id = custody->from->grant_id};
    const struct clip_claim claim = {.payload_size = custody->grant.payload_size,
                                     .payload_root = custody->grant.payload_root,
                                     .size = custody->grant.size,
                                     .sha256 = custody->grant.sha256};
    int failed = clip_read(client, &source, &claim, &key, "opening", file);
    bool closed = fflush(file) == 0 && fsync(fileno(file)) == 0;
    closed = fclose(file) == 0 && closed;
    if (failed == 0 && (!closed || rename(temporary, path) != 0)) {
        failed = fail("is the disk full?", "cannot write '%s': %s", path, strerror(errno));
    }
    if (failed != 0) {
        (void)unlink(temporary);
    }
    return failed;
}

/* Of our own log: that the request was on record before anybody served it. */
static void ask_proof(struct client *client, struct custody *custody) {
    const struct control_request ask = {.op = CONTROL_LOG_PROOF,
                                        .offset = custody->asked.log_index};
    if (client_one(client, &ask, CONTROL_GOT_PROOF, &custody->proof) != 0) {
        custody->proof.kind = CONTROL_DONE;
        return;
    }
    if (buffer_append(&custody->proof_leaf, custody->proof.as.proof.leaf) != ERR_OK ||
        buffer_append(&custody->checkpoint, custody->proof.as.proof.checkpoint) != ERR_OK) {
        custody->proof.kind = CONTROL_DONE;
    }
}

/* ---- certificates ---- */

static int write_certificates(struct custody *custody, const char *stem) {
    char path[PATH_MAX];
    char *text = NULL;
    size_t len = 0;
    char a[INSTANT_TEXT_MAX];
    char b[INSTANT_TEXT_MAX];
    char hex[65];
    char safe[SAFE_MAX];
    const struct manifest *manifest = custody->manifest;
    static const char *const making[] = {"", "the camera's file, bit for bit",
                                         "camera files joined without re-encoding",
                                         "re-encoded to the exact seconds"};
    json_t *json = certificate(custody);
    char *dump = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    (void)snprintf(path, sizeof path, "%s.json", stem);
    int failed = dump == NULL ? fail(NULL, "out of memory")
                              : file_write(path, BYTES_TEXT(dump), 0600, false);
    free(dump);
    FILE *out = open_memstream(&text, &len);
    if (failed != 0 || out == NULL) {
        return failed;
    }
    (void)fprintf(out, "CUSTODY CERTIFICATE\n\nThis says where a clip came from. It is made and "
                       "checked by the requester's own\nprogram from what the owners signed; the "
                       "JSON beside it has the signed bytes.\n\n");
    (void)fprintf(out, "Request    %s, by %s\n", custody->asked.code,
                  safe_text(custody->asked.author.name, 60, safe));
    (void)fprintf(out, "Basis      %s %s\n",
                  instrument_label(custody->asked.request.instrument.kind),
                  safe_text(custody->asked.request.instrument.case_number, 60, safe));
    (void)fprintf(out, "Reason   | %s\n", safe_text(custody->asked.request.reason, 200, safe));
    (void)fprintf(out, "Granted by %s, owners", safe_text(custody->home.name, 60, safe));
    for (size_t i = 0; i < custody->home.owner_count; i++) {
        (void)fprintf(out, " %s;", safe_text(custody->home.owner_names[i], 60, safe));
    }
    instant_utc(custody->grant.created, a);
    (void)fprintf(out, "\nOn         %s\n", a);
    instant_utc(manifest->from, a);
    instant_utc(manifest->to, b);
    (void)fprintf(out, "Camera     %s\nFrom       %s\nTo         %s\nMade       %s\n",
                  safe_text(manifest->camera, 60, safe), a, b, making[manifest->making]);
    hex_write(BYTES_OF(manifest->sha256.b), hex);
    (void)fprintf(out, "Size       %llu bytes\nSHA-256    %s\n", (unsigned long long)manifest->size,
                  hex);
    for (size_t i = 0; i < manifest->run_count; i++) {
        instant_utc(manifest->runs[i].from, a);
        instant_utc(manifest->runs[i].to, b);
        (void)fprintf(out, "%s %s to %s\n", i == 0 ? "Coverage  " : "          ", a, b);
    }
    for (size_t i = 0; i < manifest->source_count; i++) {
        instant_utc(manifest->sources[i].from, a);
        hex_write(BYTES_OF(manifest->sources[i].sha256.b), hex);
        (void)fprintf(out, "%s %s %s\n", i == 0 ? "Sources   " : "          ", hex, a);
    }
    instant_utc(custody->grant.terms.delete_by, a);
    (void)fprintf(out, "Terms      %s; delete by %s; no face recognition; no passing on\n",
                  safe_text(custody->grant.terms.purpose, 120, safe), a);
    if (custody->proof.kind == CONTROL_GOT_PROOF) {
        (void)fprintf(out, "Log entry  number %llu of the requester's log: %.*s\n",
                      (unsigned long long)custody->proof.as.proof.index,
                      (int)custody->proof_leaf.len, (const char *)custody->proof_leaf.at);
    }
    (void)fclose(out);
    (void)snprintf(path, sizeof path, "%s.txt", stem);
    failed = file_write(path, (struct bytes){(const uint8_t *)text, len}, 0600, false);
    free(text);
    return failed;
}

static json_t *certificate(struct custody *custody) {
    const struct manifest *manifest = custody->manifest;
    json_t *root = json_object();
    json_t *runs = json_array();
    json_t *sources = json_array();
    add_text(root, "kind", "stoop custody certificate v1");
    add_text(root, "request_code", custody->asked.code);
    add_hex(root, "request", BYTES_OF(custody->asked.id.b));
    add_text(root, "requester", custody->asked.author.name);
    add_text(root, "instrument", instrument_word(custody->asked.request.instrument.kind));
    add_text(root, "case", custody->asked.request.instrument.case_number);
    add_text(root, "reason", custody->asked.request.reason);
    add_text(root, "home", custody->home.name);
    add_hex(root, "home_certificate", BYTES_OF(custody->grant.home.b));
    add_time(root, "granted_at", custody->grant.created);
    add_text(root, "camera", manifest->camera);
    add_time(root, "from", manifest->from);
    add_time(root, "to", manifest->to);
    (void)json_object_set_new(root, "size", json_integer((json_int_t)manifest->size));
    add_hex(root, "sha256", BYTES_OF(manifest->sha256.b));
    add_hex(root, "payload_root", BYTES_OF(manifest->payload_root.b));
    (void)json_object_set_new(root, "making", json_integer(manifest->making));
    for (size_t i = 0; i < manifest->run_count; i++) {
        json_t *run = json_object();
        add_time(run, "from", manifest->runs[i].from);
        add_time(run, "to", manifest->runs[i].to);
        (void)json_array_append_new(runs, run);
    }
    for (size_t i = 0; i < manifest->source_count; i++) {
        json_t *source = json_object();
        add_hex(source, "sha256", BYTES_OF(manifest->sources[i].sha256.b));
        add_time(source, "from", manifest->sources[i].from);
        add_time(source, "to", manifest->sources[i].to);
        (void)json_array_append_new(sources, source);
    }
    (void)json_object_set_new(root, "coverage", runs);
    (void)json_object_set_new(root, "sources", sources);
    add_time(root, "delete_by", custody->grant.terms.delete_by);
    add_base64(root, "signed_grant", buffer_bytes(&custody->from->signed_grant));
    add_base64(root, "signed_home_certificate", buffer_bytes(&custody->from->member));
    if (custody->proof.kind == CONTROL_GOT_PROOF) {
        json_t *proof = json_object();
        json_t *hashes = json_array();
        char leaf[512];
        (void)snprintf(leaf, sizeof leaf, "%.*s", (int)custody->proof_leaf.len,
                       (const char *)custody->proof_leaf.at);
        add_text(proof, "leaf", leaf);
        (void)json_object_set_new(proof, "index",
                                  json_integer((json_int_t)custody->proof.as.proof.index));
        (void)json_object_set_new(proof, "size",
                                  json_integer((json_int_t)custody->proof.as.proof.size));
        for (size_t i = 0; i < custody->proof.as.proof.count; i++) {
            char hex[65];
            hex_write(BYTES_OF(custody->proof.as.proof.hashes[i].b), hex);
            (void)json_array_append_new(hashes, json_string(hex));
        }
        (void)json_object_set_new(proof, "hashes", hashes);
        char note[4096];
        (void)snprintf(note, sizeof note, "%.*s", (int)custody->checkpoint.len,
                       (const char *)custody->checkpoint.at);
        add_text(proof, "checkpoint", note);
        (void)json_object_set_new(root, "log_proof", proof);
    }
    return root;
}

static void add_text(json_t *object, const char *key, const char *value) {
    (void)json_object_set_new(object, key, json_string(value));
}

static void add_hex(json_t *object, const char *key, struct bytes value) {
    char hex[129];
    hex_write(value, hex);
    add_text(object, key, hex);
}

static void add_time(json_t *object, const char *key, struct instant at) {
    char text[INSTANT_TEXT_MAX];
    instant_utc(at, text);
    add_text(object, key, text);
}

static void add_base64(json_t *object, const char *key, struct bytes value) {
    char *text = malloc(BASE64_ROOM(value.len));
    if (text != NULL) {
        base64_write(value, text);
        add_text(object, key, text);
        free(text);
    }
}
