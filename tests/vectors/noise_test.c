/* Known answers of other implementations: snow (XK, XKpsk0+psk3) and flynn/noise (XK, XKpsk0,
 * XKpsk3). Both sides are run, each message must come out byte for byte and be read by the other
 * side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "crypto/noise_pattern.h"
#include "tests/support/check.h"

#define SNOW_FILE "../shared/vectors/noise/snow-25519-chachapoly.json"
#define FLYNN_FILE "../shared/vectors/noise/flynn-25519-chachapoly-blake2b.txt"

enum {
    MESSAGES_MAX = 8,
    MESSAGE_MAX = 512,
};

struct text_bytes {
    uint8_t at[MESSAGE_MAX];
    size_t len;
};

struct vector {
    char name[80];
    struct text_bytes prologue;
    struct text_bytes psks[2];
    size_t psk_count;
    struct box_secret init_static, init_ephemeral, resp_static, resp_ephemeral;
    struct text_bytes payloads[MESSAGES_MAX];
    struct text_bytes messages[MESSAGES_MAX];
    size_t message_count;
    bool initiator_first_after; /* flynn starts anew with the initiator, snow keeps alternating */
};

static const struct noise_pattern patterns[] = {
    {"Noise_XK_25519_ChaChaPoly_BLAKE2b", false, false},
    {"Noise_XKpsk0_25519_ChaChaPoly_BLAKE2b", true, false},
    {"Noise_XKpsk3_25519_ChaChaPoly_BLAKE2b", false, true},
    {"Noise_XKpsk0+psk3_25519_ChaChaPoly_BLAKE2b", true, true},
};

static void read_hex(const char *text, struct text_bytes *out) {
    out->len = strlen(text) / 2;
    CHECK(out->len <= sizeof out->at);
    CHECK_ERR(ERR_OK, hex_read(text, out->at, out->len));
}

static void read_key(const char *text, uint8_t out[32]) {
    CHECK_ERR(ERR_OK, hex_read(text, out, 32));
}

static struct bytes view(const struct text_bytes *from) {
    return (struct bytes){from->at, from->len};
}

static void check_same(const struct text_bytes *expected, const uint8_t *at, size_t len) {
    CHECK(expected->len == len);
    CHECK(memcmp(expected->at, at, len) == 0);
}

static void start(const struct vector *vector, const struct noise_pattern *pattern, bool initiator,
                  struct noise *noise) {
    struct box_public responder;
    box_public_of(&vector->resp_static, &responder);
    size_t last = vector->psk_count == 0 ? 0 : vector->psk_count - 1;
    const struct noise_setup setup = {
        .initiator = initiator,
        .prologue = view(&vector->prologue),
        .static_secret = initiator ? &vector->init_static : &vector->resp_static,
        .responder_static = initiator ? &responder : NULL,
        .ephemeral_secret = initiator ? &vector->init_ephemeral : &vector->resp_ephemeral,
        .psk0 = vector->psks[0].at,
        .psk3 = vector->psks[last].at,
    };
    if (pattern->psk0 && pattern->psk3) {
        noise_start(noise, &setup); /* what the programs call */
    } else {
        noise_start_pattern(noise, pattern, &setup);
    }
}

static void run_handshake(const struct vector *vector, struct noise sides[2]) {
    for (size_t i = 0; i < NOISE_MESSAGES; i++) {
        struct noise *writer = &sides[i % 2];
        struct noise *reader = &sides[1 - i % 2];
        uint8_t message[MESSAGE_MAX];
        uint8_t payload[MESSAGE_MAX];
        size_t len = vector->payloads[i].len + noise_overhead(writer);
        CHECK(noise_writes_next(writer) && !noise_writes_next(reader));
        CHECK(noise_write(writer, view(&vector->payloads[i]), message));
        check_same(&vector->messages[i], message, len);
        CHECK(noise_read(reader, (struct bytes){message, len}, payload));
        check_same(&vector->payloads[i], payload, vector->payloads[i].len);
    }
    struct box_public initiator;
    box_public_of(&vector->init_static, &initiator);
    CHECK(box_public_equal(&initiator, noise_remote_static(&sides[1])));
}

static void run_vector(const struct vector *vector, const struct noise_pattern *pattern) {
    struct noise sides[2];
    struct noise_cipher to_send[2];
    struct noise_cipher to_receive[2];
    uint8_t hashes[2][NOISE_HASH_BYTES];

    start(vector, pattern, true, &sides[0]);
    start(vector, pattern, false, &sides[1]);
    CHECK(vector->message_count > NOISE_MESSAGES);
    run_handshake(vector, sides);
    for (size_t i = 0; i < 2; i++) {
        noise_split(&sides[i], &to_send[i], &to_receive[i], hashes[i]);
    }
    CHECK(memcmp(hashes[0], hashes[1], NOISE_HASH_BYTES) == 0);

    for (size_t i = NOISE_MESSAGES; i < vector->message_count; i++) {
        size_t from = (i + (vector->initiator_first_after ? 1 : 0)) % 2;
        uint8_t sealed[MESSAGE_MAX];
        size_t len = vector->payloads[i].len + NOISE_TAG_BYTES;
        CHECK(noise_seal(&to_send[from], (struct bytes){NULL, 0}, view(&vector->payloads[i]),
                         sealed));
        check_same(&vector->messages[i], sealed, len);
        CHECK(noise_open(&to_receive[1 - from], (struct bytes){NULL, 0},
                         (struct bytes){sealed, len}, sealed));
        check_same(&vector->payloads[i], sealed, vector->payloads[i].len);
    }
}

static bool run_named(const struct vector *vector) {
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        if (strcmp(patterns[i].name, vector->name) == 0) {
            run_vector(vector, &patterns[i]);
            return true;
        }
    }
    return false;
}

static const char *member(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static bool run_snow_entry(const json_t *entry) {
    static struct vector vector;
    memset(&vector, 0, sizeof vector);
    (void)snprintf(vector.name, sizeof vector.name, "%s", member(entry, "protocol_name"));
    if (strstr(vector.name, "_XK") == NULL || strstr(vector.name, "BLAKE2b") == NULL) {
        return false;
    }
    read_hex(member(entry, "init_prologue"), &vector.prologue);
    read_key(member(entry, "init_static"), vector.init_static.b);
    read_key(member(entry, "init_ephemeral"), vector.init_ephemeral.b);
    read_key(member(entry, "resp_static"), vector.resp_static.b);
    read_key(member(entry, "resp_ephemeral"), vector.resp_ephemeral.b);
    size_t i = 0;
    const json_t *value = NULL;
    json_array_foreach(json_object_get(entry, "init_psks"), i, value) {
        CHECK(i < COUNT_OF(vector.psks));
        read_hex(json_string_value(value), &vector.psks[i]);
        vector.psk_count = i + 1;
    }
    json_array_foreach(json_object_get(entry, "messages"), i, value) {
        CHECK(i < MESSAGES_MAX);
        read_hex(member(value, "payload"), &vector.payloads[i]);
        read_hex(member(value, "ciphertext"), &vector.messages[i]);
        vector.message_count = i + 1;
    }
    return run_named(&vector);
}

static void test_agrees_with_snow(void **state) {
    (void)state;
    json_t *root = json_load_file(SNOW_FILE, 0, NULL);
    if (root == NULL) {
        print_message("skipped: no vectors\n");
        skip();
    }
    size_t i = 0;
    size_t run = 0;
    const json_t *entry = NULL;
    json_array_foreach(json_object_get(root, "vectors"), i, entry) {
        run += run_snow_entry(entry) ? 1 : 0;
    }
    json_decref(root);
    CHECK(run == 2); /* XK and XKpsk0+psk3 */
}

static void take_flynn_line(struct vector *vector, const char *key, const char *value) {
    unsigned index = 0;
    char kind[16];
    if (strcmp(key, "handshake") == 0) {
        memset(vector, 0, sizeof *vector);
        vector->initiator_first_after = true;
        (void)snprintf(vector->name, sizeof vector->name, "%s", value);
    } else if (strcmp(key, "init_static") == 0) {
        read_key(value, vector->init_static.b);
    } else if (strcmp(key, "resp_static") == 0) {
        read_key(value, vector->resp_static.b);
    } else if (strcmp(key, "gen_init_ephemeral") == 0) {
        read_key(value, vector->init_ephemeral.b);
    } else if (strcmp(key, "gen_resp_ephemeral") == 0) {
        read_key(value, vector->resp_ephemeral.b);
    } else if (strcmp(key, "prologue") == 0) {
        read_hex(value, &vector->prologue);
    } else if (strcmp(key, "preshared_key") == 0) {
        read_hex(value, &vector->psks[0]);
        vector->psk_count = 1;
    } else if (sscanf(key, "msg_%u_%15s", &index, kind) == 2) { /* NOLINT(cert-err34-c) */
        CHECK(index < MESSAGES_MAX);
        read_hex(value, strcmp(kind, "payload") == 0 ? &vector->payloads[index]
                                                     : &vector->messages[index]);
        vector->message_count = index + 1;
    } else {
        fail_msg("unknown line %s", key);
    }
}

static void test_agrees_with_flynn(void **state) {
    (void)state;
    static struct vector vector;
    FILE *file = fopen(FLYNN_FILE, "re");
    if (file == NULL) {
        print_message("skipped: no vectors\n");
        skip();
    }
    char line[2 * MESSAGE_MAX + 64];
    size_t run = 0;
    bool more = true;
    while (more) {
        more = fgets(line, sizeof line, file) != NULL;
        char *equals = more ? strchr(line, '=') : NULL;
        if (equals != NULL) {
            line[strcspn(line, "\r\n")] = '\0';
            *equals = '\0';
            take_flynn_line(&vector, line, equals + 1);
        } else if (vector.message_count > 0) { /* an empty line, or the end */
            run += run_named(&vector) ? 1 : 0;
            vector.message_count = 0;
        }
    }
    (void)fclose(file);
    CHECK(run == 12); /* XK, XKpsk0, XKpsk3; each with and without prologue and payloads */
}

static int start_crypto(void **state) {
    (void)state;
    return crypto_start() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_snow),
        cmocka_unit_test(test_agrees_with_flynn),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
