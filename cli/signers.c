#include "cli/cli.h"

static const char *folder_at(const struct cli *cli, const struct co_signers *co_signers, size_t i);

struct cli_option co_sign_option(struct co_signers *out) {
    return (struct cli_option){.name = "--co-sign",
                               .list = out->folders,
                               .list_max = SIGNERS_MAX - 1,
                               .list_count = &out->count};
}

int signers_open(struct cli *cli, const struct co_signers *co_signers, struct signers *out) {
    int failed = 0;
    *out = (struct signers){0};
    for (size_t i = 0; failed == 0 && i < co_signers->count; i++) {
        failed = owner_public_of(co_signers->folders[i], &out->publics[0]);
        walls_allow(cli, co_signers->folders[i]); /* which cannot be where nothing is */
    }
    for (size_t i = 0; failed == 0 && i <= co_signers->count; i++) {
        const char *folder = folder_at(cli, co_signers, i);
        failed = owner_open(cli, folder, NULL, &out->secrets[i], &out->publics[i]);
        out->folders[i] = folder;
        out->count += failed == 0 ? 1 : 0;
    }
    if (failed != 0) {
        signers_close(out);
    }
    return failed;
}

void signers_close(struct signers *signers) {
    for (size_t i = 0; i < signers->count; i++) {
        secret_destroy(signers->secrets[i]);
    }
    signers->count = 0;
}

int signers_cover(const struct cli *cli, const struct co_signers *co_signers,
                  const struct pins *pins, const bool needed[OWNERS_MAX]) {
    struct sign_public keys[SIGNERS_MAX];
    for (size_t i = 0; i <= co_signers->count; i++) {
        struct keyfile_public pub;
        int failed = owner_public_of(folder_at(cli, co_signers, i), &pub);
        if (failed != 0) {
            return failed;
        }
        keys[i] = pub.owner.sign;
    }
    for (size_t i = 0; i < pins->owner_count; i++) {
        bool here = !needed[i];
        for (size_t k = 0; k <= co_signers->count; k++) {
            here |= sign_public_equal(&pins->owners[i].sign, &keys[k]);
        }
        if (!here) {
            return fail("add '--co-sign DIR' with that owner's folder", "'%s' has to sign too",
                        pins->owner_names[i]);
        }
    }
    return 0;
}

enum err signers_sign(const struct signers *signers, struct signed_object *object) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < signers->count; i++) {
        err = signed_add(object, &signers->secrets[i]->sign, &signers->publics[i].owner.sign);
    }
    return err;
}

static const char *folder_at(const struct cli *cli, const struct co_signers *co_signers, size_t i) {
    return i == 0 ? cli->owner_dir : co_signers->folders[i - 1];
}
