/* Seals made by the openssl command under a small authority (tests/support/authority.sh). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/cms.h"
#include "node/base/attr.h"
#include "tests/support/authority.h"
#include "tests/support/check.h"

static struct authority authority;
static struct buffer anchors[3]; /* the root; an intermediate; a court's own */

static int make_authority(void **state) {
    static const char *const names[] = {"root.der", "middle.der", "court.der"};
    (void)state;
    authority_start(&authority);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        authority_read(&authority, names[i], &anchors[i]);
    }
    return 0;
}

static int remove_authority(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(anchors); i++) {
        buffer_finish(&anchors[i]);
    }
    return authority_stop(&authority);
}

static struct instant in_days(int days) {
    return (struct instant){((int64_t)time(NULL) + (int64_t)days * 86400) * 1000};
}

static enum cms_result check_by(const char *name, size_t anchor, struct instant now, char *by) {
    char path[64];
    struct buffer seal;
    const struct bytes pinned = buffer_bytes(&anchors[anchor]);
    (void)snprintf(path, sizeof path, "%s.p7s", name);
    authority_read(&authority, path, &seal);
    enum cms_result result =
        cms_check(buffer_bytes(&seal), buffer_bytes(&authority.document), &pinned, 1, now, by);
    buffer_finish(&seal);
    return result;
}

static void test_good_and_bad_seals_are_told_apart(void **state) {
    static const struct {
        const char *name;
        size_t anchor;
        int days;
        enum cms_result result;
        const char *by;
    } cases[] = {
        {"good", 0, 0, CMS_SEALED, "Superior Court of Riverside"},
        {"intermediate", 0, 0, CMS_SEALED, "Clerk of Riverside"},
        {"intermediate", 1, 0, CMS_SEALED, "Clerk of Riverside"}, /* pinned itself */
        {"no_chain", 1, 0, CMS_SEALED, "Clerk of Riverside"},
        {"good", 2, 0, CMS_SEALED, "Superior Court of Riverside"}, /* its own, pinned */
        {"no_certificate", 2, 0, CMS_SEALED, "Superior Court of Riverside"},
        {"notary", 0, 0, CMS_SEALED, "Notary Office"}, /* no common name */
        {"two", 0, 0, CMS_SEALED, NULL},               /* either; they are a set */
        {"brief", 0, 5, CMS_SEALED, "Brief Court"},
        {"sixteen", 0, 0, CMS_SEALED, "Superior Court of Riverside"},
        {"brief", 0, 11, CMS_EXPIRED, NULL},
        {"expired", 0, 0, CMS_EXPIRED, NULL},
        {"good", 0, -1, CMS_EXPIRED, NULL}, /* not valid yet */
        {"intermediate", 0, 366, CMS_EXPIRED, NULL},
        {"wrong_usage", 0, 0, CMS_WRONG_USAGE, NULL}, /* a web server's */
        {"cipher", 0, 0, CMS_WRONG_USAGE, NULL},
        {"below", 0, 0, CMS_WRONG_USAGE, NULL}, /* issued by a certificate that is no authority's */
        {"self_signed", 0, 0, CMS_UNKNOWN_ROOT, NULL}, /* under the court's name */
        {"good", 1, 0, CMS_UNKNOWN_ROOT, NULL},
        {"no_chain", 0, 0, CMS_UNKNOWN_ROOT, NULL},
        {"other_document", 0, 0, CMS_TAMPERED, NULL},
        {"attached", 0, 0, CMS_MALFORMED, NULL},
        {"no_attributes", 0, 0, CMS_MALFORMED, NULL},
        {"sha1", 0, 0, CMS_MALFORMED, NULL},
        {"no_certificate", 0, 0, CMS_MALFORMED, NULL},
        {"many", 0, 0, CMS_MALFORMED, NULL},
        {"seventeen", 0, 0, CMS_MALFORMED, NULL},
        {"five", 0, 0, CMS_MALFORMED, NULL}, /* signers */
        {"empty", 0, 0, CMS_MALFORMED, NULL},
        {"truncated", 0, 0, CMS_MALFORMED, NULL},
        {"trailing", 0, 0, CMS_MALFORMED, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char by[CMS_NAME_BYTES] = "untouched";
        enum cms_result result =
            check_by(cases[i].name, cases[i].anchor, in_days(cases[i].days), by);
        if (result != cases[i].result) {
            (void)fprintf(stderr, "%s by %zu: %d\n", cases[i].name, cases[i].anchor, (int)result);
        }
        CHECK(result == cases[i].result);
        CHECK(result == CMS_SEALED || strcmp(by, "untouched") == 0);
        CHECK(cases[i].by == NULL || strcmp(by, cases[i].by) == 0);
    }
}

static void test_a_changed_document_is_not_sealed(void **state) {
    struct buffer seal;
    char by[CMS_NAME_BYTES];
    const struct bytes pinned = buffer_bytes(&anchors[0]);
    (void)state;
    authority_read(&authority, "good.p7s", &seal);
    for (size_t i = 0; i < authority.document.len; i++) {
        authority.document.at[i] ^= 1;
        CHECK(cms_check(buffer_bytes(&seal), buffer_bytes(&authority.document), &pinned, 1,
                        in_days(0), by) == CMS_TAMPERED);
        authority.document.at[i] ^= 1;
    }
    const struct bytes shorter = {authority.document.at, authority.document.len - 1};
    CHECK(cms_check(buffer_bytes(&seal), shorter, &pinned, 1, in_days(0), by) == CMS_TAMPERED);
    CHECK(cms_check(buffer_bytes(&seal), (struct bytes){NULL, 0}, &pinned, 1, in_days(0), by) ==
          CMS_TAMPERED);
    buffer_finish(&seal);
}

/* What is not signed in a seal are a few bytes of form: whatever bit of it is changed, nobody else
 * is named and no other document passes. */
static void test_a_changed_seal_names_nobody_else(void **state) {
    struct buffer seal;
    size_t sealed = 0;
    size_t tampered = 0;
    const struct bytes pinned = buffer_bytes(&anchors[0]);
    (void)state;
    authority_read(&authority, "good.p7s", &seal);
    for (size_t i = 0; i < seal.len; i++) {
        char by[CMS_NAME_BYTES];
        seal.at[i] ^= 1;
        enum cms_result result = cms_check(buffer_bytes(&seal), buffer_bytes(&authority.document),
                                           &pinned, 1, in_days(0), by);
        CHECK(result != CMS_SEALED || strcmp(by, "Superior Court of Riverside") == 0);
        sealed += result == CMS_SEALED ? 1 : 0;
        tampered += result == CMS_TAMPERED ? 1 : 0;
        seal.at[i] ^= 1;
    }
    CHECK(sealed < 16); /* versions and the like */
    CHECK(tampered > 100);
    seal.at[seal.len - 1] ^= 1; /* of the signature itself */
    char by[CMS_NAME_BYTES];
    CHECK(cms_check(buffer_bytes(&seal), buffer_bytes(&authority.document), &pinned, 1, in_days(0),
                    by) == CMS_TAMPERED);
    buffer_finish(&seal);
}

static void test_without_a_pinned_authority_nobody_seals(void **state) {
    struct buffer seal;
    char by[CMS_NAME_BYTES];
    const struct bytes garbage = BYTES_TEXT("no certificate");
    (void)state;
    authority_read(&authority, "good.p7s", &seal);
    CHECK(cms_check(buffer_bytes(&seal), buffer_bytes(&authority.document), NULL, 0, in_days(0),
                    by) == CMS_UNKNOWN_ROOT);
    CHECK(cms_check(buffer_bytes(&seal), buffer_bytes(&authority.document), &garbage, 1, in_days(0),
                    by) == CMS_UNKNOWN_ROOT);
    buffer_finish(&seal);
}

static void test_more_bytes_than_a_seal_may_have_are_not_read(void **state) {
    static uint8_t large[CMS_SEAL_MAX + 1];
    char by[CMS_NAME_BYTES];
    struct buffer seal;
    (void)state;
    authority_read(&authority, "good.p7s", &seal);
    memcpy(large, seal.at, seal.len);
    CHECK(cms_check(BYTES_OF(large), buffer_bytes(&authority.document), NULL, 0, in_days(0), by) ==
          CMS_MALFORMED);
    buffer_finish(&seal);
}

static void test_certificates_are_read_as_pem_and_der(void **state) {
    static const char *const names[] = {"root.pem", "root.der"};
    char name[CMS_NAME_BYTES];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct buffer file;
        struct buffer der = {.max = CMS_CERTIFICATE_MAX};
        authority_read(&authority, names[i], &file);
        CHECK(cms_certificate_read(buffer_bytes(&file), &der));
        CHECK(bytes_equal(buffer_bytes(&der), buffer_bytes(&anchors[0])));
        CHECK(cms_certificate_name(buffer_bytes(&der), name));
        CHECK(strcmp(name, "Court Root") == 0);
        buffer_finish(&der);
        buffer_finish(&file);
    }
    struct buffer der = {.max = CMS_CERTIFICATE_MAX};
    CHECK(!cms_certificate_read(buffer_bytes(&authority.document), &der));
    CHECK(!cms_certificate_read((struct bytes){NULL, 0}, &der));
    der.max = 100;
    CHECK(!cms_certificate_read(buffer_bytes(&anchors[0]), &der));
    CHECK(!cms_certificate_name((struct bytes){anchors[0].at, anchors[0].len - 1}, name));
    buffer_finish(&der);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_and_bad_seals_are_told_apart),
        cmocka_unit_test(test_a_changed_document_is_not_sealed),
        cmocka_unit_test(test_a_changed_seal_names_nobody_else),
        cmocka_unit_test(test_without_a_pinned_authority_nobody_seals),
        cmocka_unit_test(test_more_bytes_than_a_seal_may_have_are_not_read),
        cmocka_unit_test(test_certificates_are_read_as_pem_and_der),
    };
    return cmocka_run_group_tests(tests, make_authority, remove_authority);
}
