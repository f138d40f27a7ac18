#include "proto/log_head.h"

#include <stdio.h>
#include <string.h>

static void name_of(const char *kind, const struct sign_public *log, char out[NOTE_NAME_MAX]);

void log_origin(const struct sign_public *log, char out[NOTE_NAME_MAX]) {
    name_of("stoop.log", log, out);
}

void log_verifier(const struct sign_public *log, struct note_key *out) {
    *out = (struct note_key){.key = *log, .type = NOTE_LOG};
    log_origin(log, out->name);
}

void witness_verifier(const struct sign_public *log, struct note_key *out) {
    *out = (struct note_key){.key = *log, .type = NOTE_WITNESS};
    name_of("stoop.witness", log, out->name);
}

enum err log_fork_verify(const struct log_fork *fork, struct checkpoint *older,
                         struct checkpoint *newer) {
    struct note_key key;
    struct checkpoint heads[2];
    log_verifier(&fork->log, &key);
    enum err err = checkpoint_verify(fork->older, &key, &heads[0]);
    if (err == ERR_OK) {
        err = checkpoint_verify(fork->newer, &key, &heads[1]);
    }
    if (err != ERR_OK) {
        return err;
    }
    bool forked = false;
    if (heads[0].size == heads[1].size) {
        forked = fork->proof.count == 0 && id_is_zero(&fork->root) &&
                 !id_equal(&heads[0].root, &heads[1].root);
    } else { /* the smaller size 0 proves nothing, and merkle_verify_consistency() refuses it */
        forked = !id_equal(&fork->root, &heads[0].root) &&
                 merkle_verify_consistency(heads[0].size, heads[1].size, &fork->proof, &fork->root,
                                           &heads[1].root);
    }
    if (!forked) {
        return ERR_PEER_TREE;
    }
    *older = heads[0];
    *newer = heads[1];
    return ERR_OK;
}

static void name_of(const char *kind, const struct sign_public *log, char out[NOTE_NAME_MAX]) {
    char hex[17];
    hex_write((struct bytes){log->b, 8}, hex);
    (void)snprintf(out, NOTE_NAME_MAX, "%s/%s", kind, hex);
}

void log_withheld(const struct id *salt, const struct id *request, struct id *out) {
    static const char label[] = "stoop withheld v1";
    uint8_t message[sizeof label - 1 + sizeof salt->b + sizeof request->b];
    memcpy(message, label, sizeof label - 1);
    memcpy(message + sizeof label - 1, salt->b, sizeof salt->b);
    memcpy(message + sizeof label - 1 + sizeof salt->b, request->b, sizeof request->b);
    sha256(BYTES_OF(message), out);
}
