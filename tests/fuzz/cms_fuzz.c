/* Seals and certificates out of any bytes. A key pair is made once; nobody else has its secret, so
 * no seal but its own may be taken for its own. */
#include "tests/fuzz/fuzz.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "crypto/cms.h"
#include "node/base/assert.h"

enum {
    DER_MAX = 4096
};

static const struct instant now = {INT64_C(1782900000000)};
static const char document[] = "Search warrant, by order of the court";

static X509 *certificate;
static EVP_PKEY *key;
static uint8_t der[DER_MAX];
static struct bytes anchor;

static void make_authority(void) {
    if (certificate != NULL) {
        return;
    }
    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    ASSERT(key != NULL && certificate != NULL);
    X509_NAME *name = X509_get_subject_name(certificate);
    ASSERT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"Court", -1,
                                      -1, 0) == 1);
    ASSERT(X509_set_issuer_name(certificate, name) == 1);
    ASSERT(X509_set_version(certificate, X509_VERSION_3) == 1);
    ASSERT(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1);
    ASSERT(ASN1_TIME_set(X509_getm_notBefore(certificate), now.ms / 1000 - 86400) != NULL);
    ASSERT(ASN1_TIME_set(X509_getm_notAfter(certificate), now.ms / 1000 + 86400) != NULL);
    ASSERT(X509_set_pubkey(certificate, key) == 1);
    ASSERT(X509_sign(certificate, key, EVP_sha256()) > 0);
    int len = i2d_X509(certificate, NULL);
    ASSERT(len > 0 && len <= DER_MAX);
    unsigned char *to = der;
    anchor = (struct bytes){der, (size_t)i2d_X509(certificate, &to)};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct bytes from = {data, size};
    char name[CMS_NAME_BYTES];
    struct buffer read = {.max = CMS_CERTIFICATE_MAX};
    make_authority();
    enum cms_result by_court = cms_check(from, BYTES_TEXT(document), &anchor, 1, now, name);
    ASSERT(by_court != CMS_SEALED || strcmp(name, "Court") == 0);
    ASSERT(cms_check(from, BYTES_TEXT("another"), &anchor, 1, now, name) != CMS_SEALED);
    /* Whoever's certificate this is, as if it were pinned. */
    (void)cms_check(from, BYTES_TEXT(document), &from, 1, now, name);
    if (cms_certificate_read(from, &read)) {
        struct buffer again = {.max = CMS_CERTIFICATE_MAX};
        ASSERT(cms_certificate_name(buffer_bytes(&read), name));
        ASSERT(strlen(name) > 0);
        ASSERT(cms_certificate_read(buffer_bytes(&read), &again));
        ASSERT(bytes_equal(buffer_bytes(&read), buffer_bytes(&again)));
        buffer_finish(&again);
    }
    buffer_finish(&read);
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    make_authority();
    if (choice % 4 == 0) {
        ASSERT(anchor.len <= room);
        memcpy(out, anchor.at, anchor.len);
        return anchor.len;
    }
    unsigned flags = CMS_BINARY | CMS_DETACHED | (choice % 4 == 1 ? CMS_NOCERTS : 0U) |
                     (choice % 4 == 2 ? CMS_NOSMIMECAP : 0U);
    BIO *content = BIO_new_mem_buf(document, (int)strlen(document));
    CMS_ContentInfo *cms = CMS_sign(certificate, key, NULL, content, flags);
    ASSERT(cms != NULL);
    int len = i2d_CMS_ContentInfo(cms, NULL);
    ASSERT(len > 0 && (size_t)len <= room);
    unsigned char *to = out;
    (void)i2d_CMS_ContentInfo(cms, &to);
    CMS_ContentInfo_free(cms);
    BIO_free(content);
    return (size_t)len;
}
