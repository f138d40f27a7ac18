/* log, vault. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "crypto/age.h"
#include "crypto/merkle.h"
#include "crypto/note.h"
#include "crypto/tile.h"
#include "proto/log_head.h"

enum {
    CLIP_HEX = 32,
    WITNESSES_MAX = 1024, /* members of a community */
    WITNESS_OPTIONS_MAX = 16,
    BUNDLE_MAX = 256 * 66000
};

/* Whose cosignatures count. */
struct witnesses {
    bool known; /* how many are wanted */
    int64_t wanted;
    size_t count;
    struct note_key keys[WITNESSES_MAX];
    char names[WITNESSES_MAX][NAME_MAX_BYTES]; /* of the homes; empty when it is not known */
};

/* Requests that a court keeps secret, as a log has them (PROTOCOL 8.7). */
struct secrecy {
    size_t count, room; /* not yet published */
    struct id *hashes;
    size_t published;
};

static int log_show(struct cli *cli);
static int log_verify(struct cli *cli);
static int log_proof(struct cli *cli);
static int check_entry(struct client *client, uint64_t index);
static int find_opening(struct client *client, uint64_t index, struct buffer *out);
static void print_proof(const struct control_reply *reply, struct bytes opening);
static void print_lines(struct bytes note);
static void print_proof_json(const struct cli *cli, const struct control_reply *reply,
                             struct bytes opening);
static int log_forks(struct cli *cli);
static int gather_witnesses(struct client *client, struct witnesses *out);
static int verify_folder(struct cli *cli, const char *folder, const struct note_key *key,
                         const struct witnesses *witnesses);
static size_t count_cosignatures(struct bytes note, const struct witnesses *witnesses,
                                 struct facts *facts);
static void show_secrecy(const struct cli *cli, struct facts *facts, const char *leaf);
static bool read_withheld(struct bytes leaf, struct id *hash, uint64_t *seconds);
static bool read_published(struct bytes leaf, struct id *hash);
static int follow_secrecy(struct secrecy *secrecy, struct bytes leaf, uint64_t index);
static int read_bundle(const char *folder, uint64_t tile, unsigned width, struct merkle_edge *tree,
                       struct secrecy *secrecy);
static int vault_list(struct cli *cli);
static int vault_export(struct cli *cli);
static int find_clip(struct client *client, const char *prefix, struct clip_id *out);
static int write_clip(struct client *client, const struct clip_id *clip, const char *out);
static int write_part(struct client *client, const struct clip_id *clip, const char *out,
                      FILE *file, uint64_t *at);

int cmd_log(struct cli *cli) {
    static const struct cli_branch branches[] = {
        {"show", log_show}, {"verify", log_verify}, {"proof", log_proof}, {"forks", log_forks}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

static int log_show(struct cli *cli) {
    static struct control_reply reply;
    struct client *client = NULL;
    uint64_t next = 0;
    bool more = true;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    struct facts *facts = failed == 0 ? facts_start(cli, true) : NULL;
    while (failed == 0 && more) {
        const struct control_request ask = {.op = CONTROL_LOG, .offset = next};
        failed = client_ask(client, &ask);
        more = false;
        while (client_each(client, CONTROL_GOT_LEAF, &reply, &failed)) {
            char text[512];
            char safe[SAFE_MAX];
            more |= reply.as.leaf.index >= next; /* a node that goes back would never end */
            next = reply.as.leaf.index + 1;
            (void)snprintf(text, sizeof text, "%.*s", (int)reply.as.leaf.leaf.len,
                           (const char *)reply.as.leaf.leaf.at);
            if (cli->json) {
                facts_item(facts);
                facts_number(facts, "index", NULL, (int64_t)reply.as.leaf.index);
                facts_text(facts, "leaf", NULL, text);
            } else {
                (void)printf("%6llu  %s\n", (unsigned long long)reply.as.leaf.index,
                             safe_text(text, sizeof text, safe));
            }
            show_secrecy(cli, facts, text);
            if (reply.as.leaf.opening.len > 32) { /* what only this home knows */
                char *rest = NULL;
                char *entries = strndup((const char *)reply.as.leaf.opening.at + 32,
                                        reply.as.leaf.opening.len - 32);
                if (cli->json) {
                    facts_text(facts, "private", NULL, entries == NULL ? "" : entries);
                } else {
                    for (char *line = entries == NULL ? NULL : strtok_r(entries, "\n", &rest);
                         line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                        (void)printf("          private: %s\n", safe_text(line, sizeof text, safe));
                    }
                }
                free(entries);
            }
        }
    }
    if (failed == 0) {
        facts_end(facts);
    }
    client_close(client);
    return failed;
}

/* A request that a court keeps secret is on record, and says when it will be named. */
static void show_secrecy(const struct cli *cli, struct facts *facts, const char *leaf) {
    char until[TIME_TEXT_MAX];
    struct id hash;
    uint64_t seconds = 0;
    if (!read_withheld(BYTES_TEXT(leaf), &hash, &seconds)) {
        return;
    }
    struct instant at = {(int64_t)seconds * 1000};
    if (cli->json) {
        facts_time(facts, "withheld_until", NULL, at);
    } else {
        time_text(at, until);
        (void)printf("          withheld by order of a court until %s\n", until);
    }
}

static bool read_withheld(struct bytes leaf, struct id *hash, uint64_t *seconds) {
    char hex[65] = "";
    char text[256];
    (void)snprintf(text, sizeof text, "%.*s", (int)leaf.len, (const char *)leaf.at);
    return sscanf(text, "request_withheld %*s a=%64[0-9a-f] b=- n=%12" SCNu64 ",0,0", hex,
                  seconds) == 2 &&
           hex_read(hex, hash->b, sizeof hash->b) == ERR_OK;
}

/* `hash`: what stood for it. */
static bool read_published(struct bytes leaf, struct id *hash) {
    char a[65] = "";
    char b[65] = "";
    char text[256];
    struct id request;
    struct id salt;
    (void)snprintf(text, sizeof text, "%.*s", (int)leaf.len, (const char *)leaf.at);
    bool read = (sscanf(text, "request_published %*s a=%64[0-9a-f] b=%64[0-9a-f]", a, b) == 2 ||
                 sscanf(text, "refusal_published %*s a=%64[0-9a-f] b=%64[0-9a-f]", a, b) == 2) &&
                hex_read(a, request.b, sizeof request.b) == ERR_OK &&
                hex_read(b, salt.b, sizeof salt.b) == ERR_OK;
    if (read) {
        log_withheld(&salt, &request, hash);
    }
    return read;
}

/* Whatever is published now was withheld before, and once. */
static int follow_secrecy(struct secrecy *secrecy, struct bytes leaf, uint64_t index) {
    struct id hash;
    uint64_t seconds = 0;
    if (read_withheld(leaf, &hash, &seconds)) {
        if (secrecy->count == secrecy->room) {
            size_t room = secrecy->room == 0 ? 64 : 2 * secrecy->room;
            struct id *more = reallocarray(secrecy->hashes, room, sizeof *more);
            if (more == NULL) {
                return fail(NULL, "out of memory");
            }
            secrecy->hashes = more;
            secrecy->room = room;
        }
        secrecy->hashes[secrecy->count++] = hash;
        return 0;
    }
    if (!read_published(leaf, &hash)) {
        return 0;
    }
    for (size_t i = 0; i < secrecy->count; i++) {
        if (id_equal(&secrecy->hashes[i], &hash)) {
            secrecy->hashes[i] = secrecy->hashes[--secrecy->count];
            secrecy->published++;
            return 0;
        }
    }
    return fail("its home has not kept it on record from the first day",
                "entry %llu publishes a request that was not withheld before",
                (unsigned long long)index);
}

static int log_verify(struct cli *cli) {
    static struct control_reply status;
    static struct witnesses witnesses; /* 200 KiB: not for the stack */
    const char *key_text = NULL;
    const char *witness_texts[WITNESS_OPTIONS_MAX];
    size_t witness_count = 0;
    struct client *client = NULL;
    struct note_key key = {.name = ""};
    char folder[PATH_MAX];
    const struct cli_option options[] = {{.name = "--key", .value = &key_text},
                                         {.name = "--witness",
                                          .list = witness_texts,
                                          .list_max = WITNESS_OPTIONS_MAX,
                                          .list_count = &witness_count}};
    int failed = take_options(cli, options, COUNT_OF(options), "[DIR]");
    if (failed != 0) {
        return failed;
    }
    if (key_text == NULL && (cli->argc == 2 || witness_count > 0)) {
        return usage_error("log", "another home's log needs its '--key'");
    }
    if (key_text != NULL) {
        if (note_key_read(key_text, &key) != ERR_OK || key.type != NOTE_LOG) {
            return usage_error("log", "'%.60s' is not a verifier key", key_text);
        }
        for (size_t i = 0; i < witness_count; i++) {
            struct note_key *witness = &witnesses.keys[witnesses.count++];
            if (note_key_read(witness_texts[i], witness) != ERR_OK ||
                witness->type != NOTE_WITNESS) {
                return usage_error("log", "'%.60s' is not a witness's key", witness_texts[i]);
            }
        }
    } else {
        failed = client_open(cli, &client);
        if (failed == 0) {
            failed = client_status(client, &status);
        }
        if (failed == 0) {
            log_verifier(&status.as.status.log, &key);
            witnesses.known = true;
            witnesses.wanted = status.as.status.witnesses;
        }
        if (failed == 0 && status.as.status.has_community) {
            failed = gather_witnesses(client, &witnesses);
        }
        client_close(client);
        if (failed != 0) {
            return failed;
        }
    }
    (void)snprintf(folder, sizeof folder, cli->argc == 2 ? "%s" : "%s/node/log",
                   cli->argc == 2 ? cli->argv[1] : cli->home);
    return verify_folder(cli, folder, &key, &witnesses);
}

/* Every member's log key: a neighbour of today may have cosigned as well as one of yesterday. */
static int gather_witnesses(struct client *client, struct witnesses *out) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_LOGS};
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_LOG, &reply, &failed)) {
        if (out->count < WITNESSES_MAX) {
            (void)snprintf(out->names[out->count], NAME_MAX_BYTES, "%s", reply.as.log.name);
            witness_verifier(&reply.as.log.log, &out->keys[out->count++]);
        }
    }
    return failed;
}

/* The tree again, from every entry in the files. */
static int verify_folder(struct cli *cli, const char *folder, const struct note_key *key,
                         const struct witnesses *witnesses) {
    char path[PATH_MAX];
    char key_text[NOTE_KEY_MAX];
    struct checkpoint checkpoint;
    struct merkle_edge tree = {0};
    struct secrecy secrecy = {0};
    struct id root;
    SCOPED(buffer_finish) struct buffer note = {.max = NOTE_MAX};
    (void)snprintf(path, sizeof path, "%s/checkpoint", folder);
    int failed = file_read(path, NOTE_MAX - 1, false, &note);
    if (failed != 0) {
        return failed;
    }
    enum err err = checkpoint_verify(buffer_bytes(&note), key, &checkpoint);
    if (err != ERR_OK) {
        return fail(NULL, "the checkpoint does not verify: %s", err_text(err));
    }
    for (uint64_t tile = 0; failed == 0 && tile * TILE_WIDTH < checkpoint.size; tile++) {
        uint64_t left = checkpoint.size - tile * TILE_WIDTH;
        failed = read_bundle(folder, tile, left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH, &tree,
                             &secrecy);
    }
    free(secrecy.hashes);
    if (failed != 0) {
        return failed;
    }
    merkle_root(&tree, &root);
    if (tree.size != checkpoint.size || !id_equal(&root, &checkpoint.root)) {
        return fail("somebody has changed it", "the entries do not make the tree that was signed");
    }
    note_key_write(key, key_text);
    struct facts *facts = facts_start(cli, false);
    facts_text(facts, "result", "result", "verified");
    facts_text(facts, "origin", "log", checkpoint.origin);
    facts_number(facts, "size", "entries", (int64_t)checkpoint.size);
    facts_bytes(facts, "root", "root", BYTES_OF(checkpoint.root.b));
    facts_number(facts, "withheld", secrecy.count > 0 ? "withheld" : NULL, (int64_t)secrecy.count);
    facts_number(facts, "published", secrecy.published > 0 ? "published" : NULL,
                 (int64_t)secrecy.published);
    facts_whole(facts, "key", "key", key_text);
    char text[64];
    size_t cosigned = count_cosignatures(buffer_bytes(&note), witnesses, facts);
    (void)snprintf(text, sizeof text, "%zu", cosigned);
    if (witnesses->known) {
        (void)snprintf(text, sizeof text, "%zu of %s%lld wanted", cosigned,
                       (int64_t)cosigned > witnesses->wanted ? "at least " : "",
                       (long long)witnesses->wanted);
    }
    facts_text(facts, "witnesses", "witnesses", text);
    facts_end(facts);
    return EXIT_DONE;
}

static size_t count_cosignatures(struct bytes note, const struct witnesses *witnesses,
                                 struct facts *facts) {
    size_t cosigned = 0;
    for (size_t i = 0; i < witnesses->count; i++) {
        char key[24];
        char text[NOTE_KEY_MAX + NAME_MAX_BYTES + 8];
        char vkey[NOTE_KEY_MAX];
        struct instant at;
        if (checkpoint_verify_cosigned(note, &witnesses->keys[i], &at) != ERR_OK) {
            continue;
        }
        cosigned++;
        note_key_write(&witnesses->keys[i], vkey);
        (void)snprintf(key, sizeof key, "witness_%zu", cosigned);
        facts_text(facts, key, "cosigned by",
                   witnesses->names[i][0] == '\0' ? witnesses->keys[i].name : witnesses->names[i]);
        (void)snprintf(text, sizeof text, "%s_key", key);
        facts_text(facts, text, NULL, vkey);
        (void)snprintf(text, sizeof text, "%s_at", key);
        facts_time(facts, text, "at", at);
    }
    return cosigned;
}

/* Proofs as the node keeps them, checked again: they need nobody's word. */
static int log_forks(struct cli *cli) {
    static struct control_reply reply;
    static struct link_message message;
    struct client *client = NULL;
    const struct control_request ask = {.op = CONTROL_FORKS};
    size_t shown = 0;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_ask(client, &ask);
    }
    struct facts *facts = failed == 0 ? facts_start(cli, true) : NULL;
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        struct checkpoint older;
        struct checkpoint newer;
        char note[NOTE_MAX];
        struct note_key key;
        char vkey[NOTE_KEY_MAX];
        if (link_decode(LINK_FORK, reply.as.object.object, &message) != ERR_OK ||
            log_fork_verify(&message.as.fork, &older, &newer) != ERR_OK) {
            failed = fail(NULL, "what the node shows is no proof of a fork");
            break;
        }
        shown++;
        log_verifier(&message.as.fork.log, &key);
        note_key_write(&key, vkey);
        facts_item(facts);
        facts_text(facts, "log", "log", older.origin);
        facts_text(facts, "key", "key", vkey);
        facts_number(facts, "older_size", "one head of", (int64_t)older.size);
        facts_bytes(facts, "older_root", "with root", BYTES_OF(older.root.b));
        facts_number(facts, "newer_size", "another of", (int64_t)newer.size);
        facts_bytes(facts, "newer_root", "with root", BYTES_OF(newer.root.b));
        if (cli->json) { /* all that somebody else needs to check it */
            char name[24];
            (void)snprintf(note, sizeof note, "%.*s", (int)message.as.fork.older.len,
                           (const char *)message.as.fork.older.at);
            facts_text(facts, "older", NULL, note);
            (void)snprintf(note, sizeof note, "%.*s", (int)message.as.fork.newer.len,
                           (const char *)message.as.fork.newer.at);
            facts_text(facts, "newer", NULL, note);
            facts_bytes(facts, "prefix_root", NULL, BYTES_OF(message.as.fork.root.b));
            for (size_t i = 0; i < message.as.fork.proof.count; i++) {
                (void)snprintf(name, sizeof name, "hash_%zu", i);
                facts_bytes(facts, name, NULL, BYTES_OF(message.as.fork.proof.hashes[i].b));
            }
        }
    }
    if (failed == 0 && shown == 0 && !cli->json) {
        (void)puts("no log of the community is known to have forked");
    } else if (failed == 0) {
        facts_end(facts);
    }
    client_close(client);
    return failed;
}

static int read_bundle(const char *folder, uint64_t tile, unsigned width, struct merkle_edge *tree,
                       struct secrecy *secrecy) {
    char name[TILE_PATH_MAX];
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer bundle = {.max = BUNDLE_MAX};
    tile_path(-1, tile, width, name);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int failed = file_read(path, BUNDLE_MAX, false, &bundle);
    size_t at = 0;
    for (unsigned i = 0; failed == 0 && i < width; i++) {
        struct id leaf;
        size_t len = bundle.len - at >= 2 ? read_u16(bundle.at + at) : bundle.len;
        if (bundle.len - at < 2 || bundle.len - at - 2 < len) {
            return fail(NULL, "'%s' is cut short", path);
        }
        const struct bytes text = {bundle.at + at + 2, len};
        merkle_leaf(text, &leaf);
        failed = follow_secrecy(secrecy, text, tree->size);
        merkle_append(tree, &leaf);
        at += 2 + len;
    }
    return failed;
}

/* As text in the form of c2sp.org/tlog-proof, which others' tools read. */
static int log_proof(struct cli *cli) {
    static struct control_reply reply;
    struct client *client = NULL;
    long index = 0;
    bool open = false;
    SCOPED(buffer_finish) struct buffer opening = {.max = CONTROL_FRAME_MAX};
    const struct cli_option options[] = {{.name = "--open", .flag = &open}};
    int failed = take_options(cli, options, COUNT_OF(options), "N");
    if (failed == 0 && parse_number(cli->argv[1], 0, LONG_MAX - 1, &index) != 0) {
        failed = usage_error("log", "'%s' is not the number of an entry", cli->argv[1]);
    }
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = check_entry(client, (uint64_t)index);
    }
    if (failed == 0 && open) {
        failed = find_opening(client, (uint64_t)index, &opening);
    }
    struct control_request ask = {.op = CONTROL_LOG_PROOF, .offset = (uint64_t)index};
    if (failed == 0) {
        failed = client_one(client, &ask, CONTROL_GOT_PROOF, &reply);
    }
    if (failed == 0 && cli->json) {
        print_proof_json(cli, &reply, buffer_bytes(&opening));
    } else if (failed == 0) {
        print_proof(&reply, buffer_bytes(&opening));
    }
    client_close(client);
    return failed;
}

static int check_entry(struct client *client, uint64_t index) {
    static struct control_reply status;
    int failed = client_status(client, &status);
    uint64_t size = status.as.status.log_size;
    if (failed == 0 && size == 0) {
        return fail("what happens from now on is in it", "the log is empty");
    }
    return failed != 0 || index < size
               ? failed
               : fail("see them with 'stoop log show'", "the log has %llu entries: 0 to %llu",
                      (unsigned long long)size, (unsigned long long)(size - 1));
}

static int find_opening(struct client *client, uint64_t index, struct buffer *out) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_LOG, .offset = index};
    bool found = false;
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_LEAF, &reply, &failed)) {
        if (reply.as.leaf.index == index && reply.as.leaf.opening.len > 0) {
            found = buffer_append(out, reply.as.leaf.opening) == ERR_OK;
        }
    }
    return failed != 0 || found
               ? failed
               : fail("see 'stoop log show'", "entry %llu stands for nothing private",
                      (unsigned long long)index);
}

static void print_proof(const struct control_reply *reply, struct bytes opening) {
    char text[BASE64_ROOM(32)];
    char leaf[512];
    char safe[SAFE_MAX];
    (void)puts("c2sp.org/tlog-proof@v1");
    if (opening.len > 0) {
        char *extra = malloc(BASE64_ROOM(opening.len));
        if (extra != NULL) {
            base64_write(opening, extra);
            (void)printf("extra %s\n", extra);
        }
        free(extra);
    }
    (void)printf("index %llu\n", (unsigned long long)reply->as.proof.index);
    for (size_t i = 0; i < reply->as.proof.count; i++) {
        base64_write(BYTES_OF(reply->as.proof.hashes[i].b), text);
        (void)puts(text);
    }
    (void)puts("");
    print_lines(reply->as.proof.checkpoint);
    (void)snprintf(leaf, sizeof leaf, "%.*s", (int)reply->as.proof.leaf.len,
                   (const char *)reply->as.proof.leaf.at);
    (void)fprintf(stderr, "entry: %s\n", safe_text(leaf, sizeof leaf, safe));
}

/* A note's lines, harmless; a sound note is not changed by it. */
static void print_lines(struct bytes note) {
    while (note.len > 0) {
        const uint8_t *end = memchr(note.at, '\n', note.len);
        size_t len = end == NULL ? note.len : (size_t)(end - note.at);
        char line[SAFE_MAX];
        char safe[SAFE_MAX];
        (void)snprintf(line, sizeof line, "%.*s", (int)len, (const char *)note.at);
        (void)printf("%s%s", safe_text(line, sizeof line, safe), end == NULL ? "" : "\n");
        len += end == NULL ? 0 : 1;
        note = (struct bytes){note.at + len, note.len - len};
    }
}

static void print_proof_json(const struct cli *cli, const struct control_reply *reply,
                             struct bytes opening) {
    char text[NOTE_MAX];
    struct facts *facts = facts_start(cli, false);
    facts_number(facts, "index", NULL, (int64_t)reply->as.proof.index);
    facts_number(facts, "size", NULL, (int64_t)reply->as.proof.size);
    (void)snprintf(text, sizeof text, "%.*s", (int)reply->as.proof.leaf.len,
                   (const char *)reply->as.proof.leaf.at);
    facts_text(facts, "leaf", NULL, text);
    facts_list(facts, "hashes");
    for (size_t i = 0; i < reply->as.proof.count; i++) {
        facts_bytes(facts, NULL, NULL, BYTES_OF(reply->as.proof.hashes[i].b));
    }
    facts_list(facts, NULL);
    (void)snprintf(text, sizeof text, "%.*s", (int)reply->as.proof.checkpoint.len,
                   (const char *)reply->as.proof.checkpoint.at);
    facts_text(facts, "checkpoint", NULL, text);
    char *extra = opening.len == 0 ? NULL : malloc(BASE64_ROOM(opening.len));
    if (extra != NULL) {
        base64_write(opening, extra);
        facts_text(facts, "opening", NULL, extra);
    }
    free(extra);
    facts_end(facts);
}

/* ---- vault ---- */

int cmd_vault(struct cli *cli) {
    static const struct cli_branch branches[] = {{"list", vault_list}, {"export", vault_export}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

static int vault_list(struct cli *cli) {
    static struct control_reply reply;
    static const char *const states[] = {"",          "waits for you", "signed in part", "granted",
                                         "delivered", "declined",      "ended"};
    struct client *client = NULL;
    struct client_list list = {0};
    size_t shown = 0;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    struct facts *facts = failed == 0 ? facts_start(cli, true) : NULL;
    while (client_each_part(client, CONTROL_CLIPS, &list, &reply, &failed)) {
        char code[REQUEST_CODE_BYTES];
        shown++;
        request_code(&reply.as.clip.request, code);
        facts_item(facts);
        facts_bytes(facts, "clip", "clip", BYTES_OF(reply.as.clip.clip.b));
        facts_text(facts, "request", "request", code);
        facts_text(facts, "state", "state", states[reply.as.clip.state]);
        facts_number(facts, "payload_size", "sealed bytes", (int64_t)reply.as.clip.payload_size);
    }
    if (failed == 0 && shown == 0 && !cli->json) {
        (void)puts("the vault is empty");
    } else if (failed == 0) {
        facts_end(facts);
    }
    client_close(client);
    return failed;
}

static int vault_export(struct cli *cli) {
    const char *out = NULL;
    struct client *client = NULL;
    struct clip_id clip = {{0}};
    const struct cli_option options[] = {{.name = "--out", .value = &out, .needed = true}};
    int failed = take_options(cli, options, COUNT_OF(options), "CLIP");
    if (failed == 0 && access(out, F_OK) == 0) {
        failed = fail("choose another name, or remove it", "'%s' exists already", out);
    }
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = find_clip(client, cli->argv[1], &clip);
    }
    if (failed == 0) {
        failed = write_clip(client, &clip, out);
    }
    if (failed == 0 && cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_bytes(facts, "clip", NULL, BYTES_OF(clip.b));
        facts_text(facts, "file", NULL, out);
        facts_end(facts);
    } else if (failed == 0) {
        (void)printf("%s is a standard age file, sealed to the owners\n", out);
    }
    client_close(client);
    return failed;
}

static int find_clip(struct client *client, const char *prefix, struct clip_id *out) {
    static struct control_reply reply;
    struct client_list list = {0};
    size_t found = 0;
    int failed = 0;
    while (client_each_part(client, CONTROL_CLIPS, &list, &reply, &failed)) {
        char hex[CLIP_HEX + 1];
        hex_write(BYTES_OF(reply.as.clip.clip.b), hex);
        if (strlen(prefix) >= 4 && strncmp(hex, prefix, strlen(prefix)) == 0) {
            *out = reply.as.clip.clip;
            found++;
        }
    }
    if (failed == 0 && found != 1) {
        failed =
            fail("see 'stoop vault list'",
                 found == 0 ? "no clip begins with '%s'" : "several clips begin with '%s'", prefix);
    }
    return failed;
}

static int write_clip(struct client *client, const struct clip_id *clip, const char *out) {
    static struct control_reply reply;
    char part[PATH_MAX + 8];
    const struct control_request ask = {.op = CONTROL_CLIP, .clip = *clip};
    int failed = client_one(client, &ask, CONTROL_GOT_CLIP, &reply);
    if (failed != 0) {
        return failed;
    }
    struct bytes header = reply.as.clip.header;
    uint64_t size = reply.as.clip.payload_size;
    term_guard(); /* so that no half of it stays behind */
    FILE *file = part_open(out, part);
    if (file == NULL || fwrite(header.at, 1, header.len, file) != header.len) {
        failed = fail(NULL, "cannot write '%s'", out);
    }
    for (uint64_t at = 0; failed == 0 && at < size;) {
        failed = write_part(client, clip, out, file, &at);
        term_progress("exporting", at, size);
    }
    if (file != NULL && fclose(file) != 0 && failed == 0) {
        failed = fail("is the disk full?", "cannot write '%s'", out);
    }
    return file != NULL ? part_end(out, part, failed) : failed;
}

/* What the node has of the payload from *at; *at moves on behind it. */
static int write_part(struct client *client, const struct clip_id *clip, const char *out,
                      FILE *file, uint64_t *at) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_PAYLOAD, .clip = *clip, .offset = *at};
    int failed = client_one(client, &ask, CONTROL_GOT_DATA, &reply);
    if (failed != 0) {
        return failed;
    }
    if (term_stopped()) {
        return fail("nothing was written", "stopped");
    }
    struct bytes part = reply.as.data.data;
    if (part.len == 0 || fwrite(part.at, 1, part.len, file) != part.len) {
        return fail(NULL, "cannot write '%s'", out);
    }
    *at += part.len;
    return 0;
}
