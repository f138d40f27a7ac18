/* Treaties and sides as text, which people hand over (PROTOCOL 4.12). */
#include "proto/treaty.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=:. ";

static struct treaty_side side(uint8_t of) {
    struct treaty_side out = {.community = {{of}},
                              .founder_count = 2,
                              .founders = {{{of, 1}}, {{of, 2}}},
                              .allowance = 8,
                              .clerk_count = 1,
                              .clerks = {{{of, 3}}},
                              .has_area = of == 1,
                              .area = {800, 1, {{525200000, 134050000}}}};
    (void)snprintf(out.name, sizeof out.name, "Street %d", of);
    return out;
}

static struct treaty treaty(void) {
    return (struct treaty){.created = {INT64_C(1795555800000)},
                           .until = {INT64_C(1827091800000)},
                           .side_count = 2,
                           .sides = {side(1), side(2)},
                           .instruments = 254,
                           .roles = 14,
                           .caps = CAPS_DEFAULT,
                           .daily = 16};
}

/* Every text that differs from it in one letter, lacks one or has one more. */
static void none_of(const char *text, bool (*reads)(const char *text)) {
    char other[TREATY_TEXT_MAX + 1];
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at++) {
        for (const char *letter = letters; *letter != '\0'; letter++) {
            memcpy(other, text, len + 1);
            other[at] = *letter;
            CHECK(*letter == text[at] || !reads(other));
        }
        memcpy(other, text, at);
        memcpy(other + at, text + at + 1, len - at);
        CHECK(!reads(other));
        (void)snprintf(other, sizeof other, "%.*sA%s", (int)at, text, text + at);
        CHECK(!reads(other));
    }
    (void)snprintf(other, sizeof other, "%s\n", text);
    CHECK(!reads(other));
}

static bool side_reads(const char *text) {
    struct treaty_side out;
    return treaty_side_read(text, &out) == ERR_OK;
}

static bool treaty_reads(const char *text) {
    struct treaty out;
    return treaty_read(text, &out) == ERR_OK;
}

static void test_a_side_reads_as_it_was_written_and_no_other_text_does(void **state) {
    (void)state;
    const struct treaty_side written = side(1);
    struct treaty_side read;
    char text[TREATY_TEXT_MAX];
    char again[TREATY_TEXT_MAX];
    CHECK_ERR(ERR_OK, treaty_side_write(&written, text));
    CHECK(strncmp(text, "stoop-side1:", 12) == 0 && strlen(text) < 400);
    CHECK_ERR(ERR_OK, treaty_side_read(text, &read));
    assert_string_equal(read.name, "Street 1");
    CHECK(read.founder_count == 2 && read.founders[1].b[1] == 2 && read.clerks[0].b[1] == 3);
    CHECK(read.allowance == 8 && read.has_area && read.area.radius_m == 800);
    CHECK_ERR(ERR_OK, treaty_side_write(&read, again));
    assert_string_equal(text, again);
    none_of(text, side_reads);
    CHECK(!treaty_reads(text) && !side_reads("") && !side_reads("stoop-side1:"));
}

static void test_a_treaty_reads_as_it_was_written_and_no_other_text_does(void **state) {
    (void)state;
    const struct treaty written = treaty();
    struct treaty read;
    char text[TREATY_TEXT_MAX];
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX};
    SCOPED(buffer_finish) struct buffer again = {.max = TREATY_BODY_MAX};
    CHECK_ERR(ERR_OK, treaty_write(&written, text));
    CHECK(strncmp(text, "stoop-treaty1:", 14) == 0);
    CHECK_ERR(ERR_OK, treaty_read(text, &read));
    CHECK_ERR(ERR_OK, treaty_encode(&written, &body));
    CHECK_ERR(ERR_OK, treaty_encode(&read, &again)); /* its id is that of these bytes */
    CHECK(bytes_equal(buffer_bytes(&body), buffer_bytes(&again)));
    none_of(text, treaty_reads);
    CHECK(!side_reads(text));
}

/* With all that may be in one. */
static void test_the_largest_fits(void **state) {
    (void)state;
    struct treaty written = treaty();
    struct treaty read;
    char text[TREATY_TEXT_MAX];
    for (size_t i = 0; i < 2; i++) {
        struct treaty_side *each = &written.sides[i];
        each->founder_count = ADMINISTRATORS_MAX;
        each->clerk_count = CLERKS_MAX;
        for (size_t k = 0; k < ADMINISTRATORS_MAX; k++) {
            each->founders[k].b[5] = (uint8_t)k;
        }
        for (size_t k = 0; k < CLERKS_MAX; k++) {
            each->clerks[k].b[5] = (uint8_t)k;
        }
        memset(each->name, 'x', sizeof each->name - 1);
        each->has_area = true;
        each->area = (struct geo_place){.count = GEO_POINTS_MAX};
        for (int k = 0; k < GEO_POINTS_MAX; k++) { /* along an arc and back on its chord */
            each->area.points[k] = (struct geo_point){525200000 + k * (GEO_POINTS_MAX - 1 - k) * 10,
                                                      134050000 + k * 1000};
        }
    }
    CHECK_ERR(ERR_OK, treaty_write(&written, text));
    CHECK_ERR(ERR_OK, treaty_read(text, &read));
    CHECK(read.sides[1].area.count == GEO_POINTS_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_side_reads_as_it_was_written_and_no_other_text_does),
        cmocka_unit_test(test_a_treaty_reads_as_it_was_written_and_no_other_text_does),
        cmocka_unit_test(test_the_largest_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
