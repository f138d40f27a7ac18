/* A camera of three owners (P1): whoever of them signs, in whatever order, over restarts of the
 * home and with a header for the requester handed to the node each time, nothing leaves and no such
 * header lies anywhere before the third signature. The homes' stores lie on disk, so that every
 * byte of them can be searched. */
#include "tests/support/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/age.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    OWNER = 1,
    REQUESTER = 2,
    OWNERS = 3,
    ORDERS = 6,
    SLOT_S = 5,
    MINUTE = DURATION_MINUTE_MS,
    WAIT = 3 * SLOT_S * 1000, /* whatever waits for a slot has gone by then */
};

static const struct world_terms terms = {.slot_s = SLOT_S, .invite_allowance = 16};
static const size_t orders[ORDERS][OWNERS] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                              {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

struct street {
    char folder[32];
    struct world *world;
    struct id request;
    const struct world_clip *clip;
    struct grant grant;
    struct buffer header; /* for the request key */
};

static bool has_prompt(struct world *world, void *context) {
    const struct control_request ask = {.op = CONTROL_CLIPS, .id = *(const struct id *)context};
    CHECK_ERR(ERR_OK, world_ask(world, OWNER, &ask));
    return world->reply_count > 1;
}

static bool delivered(struct world *world, void *context) {
    return world_delivered(world, REQUESTER, context) > 0;
}

static void start(struct street *street, uint64_t seed) {
    struct request request;
    *street = (struct street){.folder = "owners-XXXXXX", .header.max = HEADER_MAX};
    CHECK(mkdtemp(street->folder) != NULL);
    street->world = world_create(seed, 3, street->folder);
    street->world->homes[OWNER].owner_count = OWNERS;
    world_settle(street->world, &terms);
    street->world->homes[OWNER].footage = WORLD_MATCH;
    world_voluntary(street->world, REQUESTER, DURATION_HOUR_MS, &request);
    CHECK_ERR(ERR_OK, world_request(street->world, REQUESTER, &request, &street->request));
    CHECK(world_run_until(street->world, MINUTE, has_prompt, &street->request));
    street->clip = world_clip(street->world, OWNER, &street->request);
    world_grant(street->world, OWNER, street->clip, &street->grant);
    CHECK_ERR(ERR_OK,
              age_header_make(&street->grant.recipient, 1, &street->clip->key, &street->header));
}

/* For each file of the folder. */
static void each_file(const struct street *street, void (*visit)(void *context, const char *path),
                      void *context) {
    DIR *folder = opendir(street->folder);
    CHECK(folder != NULL);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[PATH_MAX];
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/%s", street->folder, entry->d_name);
            visit(context, path);
        }
    }
    (void)closedir(folder);
}

static void remove_file(void *context, const char *path) {
    (void)context;
    CHECK(unlink(path) == 0);
}

static void finish(struct street *street) {
    world_destroy(street->world);
    buffer_finish(&street->header);
    each_file(street, remove_file, NULL);
    CHECK(rmdir(street->folder) == 0);
}

struct search {
    struct bytes wanted;
    size_t found;
};

static void search_file(void *context, const char *path) {
    struct search *search = context;
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    CHECK(size >= 0);
    rewind(file);
    uint8_t *all = malloc((size_t)size + 1);
    CHECK(all != NULL);
    CHECK(fread(all, 1, (size_t)size, file) == (size_t)size);
    (void)fclose(file);
    search->found +=
        memmem(all, (size_t)size, search->wanted.at, search->wanted.len) == NULL ? 0 : 1;
    free(all);
}

/* In how many files the stanza for the request key stands: what the first 64 bytes behind the
 * header's title say is its own, and no page of a store cuts so small a row in two. */
static size_t headers(const struct street *street) {
    enum {
        TITLE = sizeof "age-encryption.org/v1\n" - 1,
        STANZA = 64
    };
    CHECK(street->header.len > TITLE + STANZA);
    struct search search = {.wanted = {street->header.at + TITLE, STANZA}};
    each_file(street, search_file, &search);
    return search.found;
}

/* What `stoop` hands over, signed by these; a broken one gives the header away each time. */
static enum err sign(struct street *street, const size_t *who, size_t count) {
    const struct world_home *home = &street->world->homes[OWNER];
    const struct sign_secret *keys[OWNERS];
    struct buffer bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, grant_encode(&street->grant, &body));
    for (size_t i = 0; i < count; i++) {
        keys[i] = &home->owners[who[i]].sign;
    }
    (void)sample_sign(OBJECT_GRANT, buffer_bytes(&body), keys, count, &bytes);
    const struct control_request ask = {.op = CONTROL_GRANT,
                                        .clip = street->clip->clip,
                                        .blob = buffer_bytes(&bytes),
                                        .blob2 = buffer_bytes(&street->header),
                                        .blob3 =
                                            BYTES_TEXT("the manifest, sealed to the request key")};
    enum err err = world_ask(street->world, OWNER, &ask);
    buffer_finish(&bytes);
    return err;
}

static void expect_nothing_went(struct street *street) {
    world_run(street->world, WAIT);
    CHECK(headers(street) == 0);
    CHECK(world_log_count(street->world, OWNER, "disclosure ") == 0);
    CHECK(world_disk_used(&street->world->homes[REQUESTER]) == 0);
    CHECK(world_delivered(street->world, REQUESTER, &street->request) == 0);
}

static void restart(struct street *street) {
    world_kill(street->world, OWNER);
    CHECK_ERR(ERR_OK, world_start(street->world, OWNER));
}

static void sign_in_order(const size_t order[OWNERS], bool restarts, uint64_t seed) {
    struct street street;
    start(&street, seed);
    for (size_t i = 1; i < OWNERS; i++) {
        CHECK_ERR(ERR_OK, sign(&street, order, i));
        expect_nothing_went(&street);
        if (restarts) {
            restart(&street);
            expect_nothing_went(&street);
        }
    }
    CHECK_ERR(ERR_OK, sign(&street, order, OWNERS));
    CHECK(world_run_until(street.world, MINUTE, delivered, &street.request));
    CHECK(world_delivered_opens(street.world, REQUESTER, &street.request, street.clip));
    CHECK(headers(&street) > 0); /* or the search would prove nothing */
    finish(&street);
}

static void test_two_of_three_release_nothing_in_any_order(void **state) {
    (void)state;
    for (uint64_t i = 0; i < ORDERS; i++) {
        sign_in_order(orders[i], false, 1 + i);
    }
}

static void test_two_of_three_release_nothing_over_restarts(void **state) {
    (void)state;
    for (uint64_t i = 0; i < ORDERS; i++) {
        sign_in_order(orders[i], true, 11 + i);
    }
}

/* Each pair in turn, and one that signs alone after the others did: what counts is what one grant
 * carries, not what was seen over time. */
static void test_signatures_on_different_copies_do_not_add_up(void **state) {
    (void)state;
    struct street street;
    start(&street, 21);
    for (size_t i = 0; i < ORDERS; i++) {
        CHECK_ERR(ERR_OK, sign(&street, orders[i], 2));
        CHECK_ERR(ERR_OK, sign(&street, &orders[i][2], 1));
    }
    expect_nothing_went(&street);
    restart(&street);
    expect_nothing_went(&street);
    CHECK_ERR(ERR_OK, sign(&street, orders[0], OWNERS));
    CHECK(world_run_until(street.world, MINUTE, delivered, &street.request));
    finish(&street);
}

/* The third changes what the other two have signed: that is refused, and the clip stays. */
static void test_the_last_owner_cannot_change_what_the_others_signed(void **state) {
    (void)state;
    struct street street;
    start(&street, 22);
    CHECK_ERR(ERR_OK, sign(&street, orders[0], 2));
    const struct grant agreed = street.grant;
    street.grant.expires.ms += 1;
    CHECK_ERR(ERR_USER_EXISTS, sign(&street, orders[0], OWNERS));
    street.grant = agreed;
    street.grant.recipient.b[0] ^= 1;
    CHECK_ERR(ERR_USER_EXISTS, sign(&street, orders[0], OWNERS));
    expect_nothing_went(&street);
    street.grant = agreed;
    CHECK_ERR(ERR_OK, sign(&street, orders[0], OWNERS));
    CHECK(world_run_until(street.world, MINUTE, delivered, &street.request));
    finish(&street);
}

/* Leaving one of them out of the grant's own list of owners does not make two enough. */
static void test_a_grant_that_names_two_of_three_is_refused(void **state) {
    (void)state;
    struct street street;
    start(&street, 23);
    street.grant.owner_count = 2;
    CHECK_ERR(ERR_USER_NOT_OWNER, sign(&street, orders[0], 2));
    expect_nothing_went(&street);
    finish(&street);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_of_three_release_nothing_in_any_order),
        cmocka_unit_test(test_two_of_three_release_nothing_over_restarts),
        cmocka_unit_test(test_signatures_on_different_copies_do_not_add_up),
        cmocka_unit_test(test_the_last_owner_cannot_change_what_the_others_signed),
        cmocka_unit_test(test_a_grant_that_names_two_of_three_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
